"""Tenants: made, found, listed, removed without a restart."""

from timserver.usecases.tenants.change_settings import change_settings
from timserver.usecases.tenants.create_tenant import create_tenant
from timserver.usecases.tenants.delete_tenant import delete_tenant
from timserver.usecases.tenants.find_tenant import find_tenant
from timserver.usecases.tenants.list_tenants import list_tenants
from timserver.usecases.tenants.rotate_key import rotate_key

__all__ = ["change_settings", "create_tenant", "delete_tenant", "find_tenant", "list_tenants", "rotate_key"]
