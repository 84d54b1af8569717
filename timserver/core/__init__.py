"""Event authorization, state resolution and what a profile proved hot: two texts of one contract (DESIGN 4).

`definition/` follows the spec's numbered steps and can be read beside it; `engine` is compiled from `rust/` and
is what runs. Knows nothing of tenants, sockets or the database; what a store must keep so that forks are cheap to
resolve is said by `chains`, and how it then resolves them by `forks`.
"""

from timserver.core.chains import CITABLE_TYPES, is_reached, place, reach, reach_after
from timserver.core.choice import (
    EngineMissing,
    canonical_json,
    check_json,
    pack_state,
    require_engine,
    unpack_state,
    verify,
)
from timserver.core.definition.auth import check_auth
from timserver.core.definition.auth_events import auth_keys, check_auth_events, state_keys
from timserver.core.definition.auth_vector import Range
from timserver.core.definition.layered_state import Layer
from timserver.core.definition.state_resolution import separate
from timserver.core.forks import (
    Fork,
    changes,
    fork,
    merged,
    read_stored,
    values,
    walk,
)
from timserver.core.rejected import Rejected
from timserver.core.resolution import resolve
from timserver.core.sealing import OpenedPdu, canonical_body, open_pdu, open_pdus, seal
from timserver.core.splitting import Splitter, splitter
from timserver.core.stored import Placed, Stored

__all__ = [
    "CITABLE_TYPES",
    "EngineMissing",
    "Fork",
    "Layer",
    "OpenedPdu",
    "Placed",
    "Range",
    "Rejected",
    "Splitter",
    "Stored",
    "auth_keys",
    "canonical_body",
    "canonical_json",
    "changes",
    "check_auth",
    "check_auth_events",
    "check_json",
    "fork",
    "is_reached",
    "merged",
    "open_pdu",
    "open_pdus",
    "pack_state",
    "place",
    "reach",
    "reach_after",
    "read_stored",
    "require_engine",
    "resolve",
    "seal",
    "separate",
    "splitter",
    "state_keys",
    "unpack_state",
    "values",
    "verify",
    "walk",
]
