"""Tenants: made, found, listed, removed without a restart."""

from timserver.usecases.tenants.create_tenant import create_tenant
from timserver.usecases.tenants.find_tenant import find_tenant

__all__ = ["create_tenant", "find_tenant"]
