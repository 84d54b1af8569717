"""Typed process settings and all limits. Tenants are not here: they live in the database.

One TOML file; every key also as an environment variable (`TIM_DATABASE__POOL_MAX=20`, nested by two
underscores), which wins; every secret also as `<key>_file`. An unknown key is an error that names the nearest one.
`settings.py` is the list of keys, `limits.py` every bound on bodies, pages, queues and waits, `load.py` reads.

Building a `Settings` reads nothing; only `load` looks at files and at the environment it is given.
"""

from timserver.config.limits import Limits
from timserver.config.load import CONFIG_VARIABLE, ConfigError, dump, load
from timserver.config.master_key import load_master_key
from timserver.config.settings import (
    Api,
    Database,
    Federation,
    Listener,
    LogFormat,
    Logging,
    LogLevel,
    Media,
    PasswordHash,
    Rate,
    RateKind,
    RateLimits,
    Registration,
    ServerNotices,
    Settings,
)

__all__ = [
    "CONFIG_VARIABLE",
    "Api",
    "ConfigError",
    "Database",
    "Federation",
    "Limits",
    "Listener",
    "LogFormat",
    "LogLevel",
    "Logging",
    "Media",
    "PasswordHash",
    "Rate",
    "RateKind",
    "RateLimits",
    "Registration",
    "ServerNotices",
    "Settings",
    "dump",
    "load",
    "load_master_key",
]
