"""Client-server API: one module per OpenAPI file of the spec, one function per operationId."""

from timserver.api.client import (
    login,
    logout,
    refresh,
    registration,
    registration_by_secret,
    versions,
    whoami,
)

MODULES = (
    login,
    logout,
    refresh,
    registration,
    registration_by_secret,
    versions,
    whoami,
)
