"""Which text of the core runs: the engine, or, if it is not there, the definition."""

import importlib.metadata
import importlib.util
from typing import Final

from timserver.core.definition import json_check, state_pack
from timserver.matrix import signing

HAS_ENGINE: Final[bool] = importlib.util.find_spec("timserver.core.engine") is not None


class EngineMissing(RuntimeError):
    """The compiled engine is not there or of another version; the definition would run instead, much slower."""


def require_engine() -> None:
    """Start-up calls it, unless the operator has said that the slow definition will do. Raises EngineMissing."""
    if not HAS_ENGINE:
        raise EngineMissing(
            "the compiled engine (timserver.core.engine) is missing: build it with ./dev build"
        )
    wanted, found = importlib.metadata.version("timserver"), engine.version()
    if found != wanted:
        raise EngineMissing(f"the compiled engine is of version {found}, timserver of {wanted}")


def verify_by_definition(items: list[tuple[bytes, bytes, bytes]]) -> list[bool]:
    """Which of (public key, message, signature) are right, by PyNaCl."""
    return [signing.verify(public_key, message, signature) for public_key, message, signature in items]


if HAS_ENGINE:
    from timserver.core import engine

    check_json = engine.check_json
    canonical_json = engine.canonical_json
    verify = engine.verify
    pack_state = engine.pack_state
    unpack_state = engine.unpack_state
else:
    check_json = json_check.check_json
    canonical_json = json_check.canonical_json
    verify = verify_by_definition
    pack_state = state_pack.pack_state
    unpack_state = state_pack.unpack_state
