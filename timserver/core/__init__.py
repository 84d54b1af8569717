"""Event authorization, state resolution and what a profile proved hot: two texts of one contract (DESIGN 4).

`definition/` follows the spec's numbered steps and can be read beside it; `engine` is compiled from `rust/` and
is what runs. Knows nothing of tenants, sockets or the database.
"""

from timserver.core.choice import (
    EngineMissing,
    canonical_json,
    check_json,
    pack_state,
    require_engine,
    unpack_state,
    verify,
)
from timserver.core.definition import auth_vector
from timserver.core.definition.auth import check_auth
from timserver.core.definition.auth_events import auth_keys, check_auth_events, state_keys
from timserver.core.definition.state_resolution import conflicted_set, separate
from timserver.core.rejected import Rejected
from timserver.core.resolution import resolve, resolve_conflicted
from timserver.core.sealing import OpenedPdu, open_pdu, seal

__all__ = [
    "EngineMissing",
    "OpenedPdu",
    "Rejected",
    "auth_keys",
    "auth_vector",
    "canonical_json",
    "check_auth",
    "check_auth_events",
    "check_json",
    "conflicted_set",
    "open_pdu",
    "pack_state",
    "require_engine",
    "resolve",
    "resolve_conflicted",
    "seal",
    "separate",
    "state_keys",
    "unpack_state",
    "verify",
]
