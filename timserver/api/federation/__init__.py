"""Server-server API: one module per OpenAPI file of the spec, one function per operationId.

Every module here is served: `MODULES` is the folder.
"""

from importlib import import_module
from pkgutil import iter_modules

MODULES = tuple(import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
