"""Waiting for nio to know something, and reading its answers."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import nio

WAIT_SECONDS = 60
T = TypeVar("T")


class NioFailed(AssertionError):
    """nio could not do what was asked; the text is the server's answer or what was missing."""


async def until(what: Callable[[], str], look: Callable[[], T | None]) -> T:
    """Poll until `look` gives something true; nio has no event for "anything changed"."""
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while not (found := look()):
        if asyncio.get_running_loop().time() > deadline:
            raise NioFailed(f"waited {WAIT_SECONDS} s for {what()}")
        await asyncio.sleep(0.025)
    return found


def granted(answer: Any) -> Any:
    """The answer, unless the server refused."""
    if isinstance(answer, nio.ErrorResponse):
        raise NioFailed(f"{type(answer).__name__}: {answer.status_code} {answer.message}")
    return answer
