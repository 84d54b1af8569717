"""Client-server API: one module per OpenAPI file of the spec, one function per operationId."""

from timserver.api.client import (
    authed_content_repo,
    content_repo,
    login,
    logout,
    refresh,
    registration,
    registration_by_secret,
    versions,
    whoami,
)

MODULES = (
    authed_content_repo,
    content_repo,
    login,
    logout,
    refresh,
    registration,
    registration_by_secret,
    versions,
    whoami,
)
