"""Client-server API: one module per OpenAPI file of the spec, one function per operationId."""

from timserver.api.client import login, logout, versions, whoami

MODULES = (
    login,
    logout,
    versions,
    whoami,
)
