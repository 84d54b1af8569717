"""Answers of other servers as typed values: strict on depth and shape, whatever is wrong is a RemoteError."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from timserver import core
from timserver.remote.errors import RemoteError

_DEPTH_MAX = 100

Answer = TypeVar("Answer")


def read_answer(body: bytes, kind: type[Answer], is_right: Callable[[Answer], bool] | None = None) -> Answer:
    """The answer as a struct, if it is one and `is_right` says so. Raises RemoteError."""
    try:
        core.check_json(body, _DEPTH_MAX, strict_integers=False)
        answer = msgspec.json.decode(body, type=kind)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise RemoteError(f"answer of a wrong shape: {type(error).__name__}", status=200) from error
    if is_right is not None and not is_right(answer):
        raise RemoteError("answer to another question", status=200)
    return answer
