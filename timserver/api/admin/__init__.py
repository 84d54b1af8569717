"""What a server's administrators ask of it beside the Matrix APIs: on listeners with `admin` among their `apis`.

Every module here is served: `MODULES` is the folder. Paths begin with `/_timserver/admin/v1`.
"""

from importlib import import_module
from pkgutil import iter_modules

MODULES = tuple(import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
