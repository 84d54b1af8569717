"""Profiles: read by others as the tenant's variant allows, changed by their owner, told to the rooms."""
