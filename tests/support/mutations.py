"""Malformed JSON by chance: what other servers might send by mistake or on purpose."""

import random
from typing import Any

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**53,
    -(2**63),
    2**70,
    1.5,
    1e300,
    "",
    "\0",
    "\ud7ff",
    "x" * 300,
    "@",
    "!",
    "$",
    "@a:b",
    "!a:b",
    "$a:b",
    "$" + "A" * 43,
    "a.example:99999",
    "[::1]:8448",
    [],
    [[]],
    [None],
    {},
    {"": None},
    {"m.relates_to": []},
    ["x"] * 1_000,
)

RAW: tuple[bytes, ...] = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b'"\\ud800"',
    b'{"a":1,"a":2}',
    b"[" * 200 + b"]" * 200,
    b'{"a":' * 150 + b"1" + b"}" * 150,
    b'"' + b"x" * 70_000 + b'"',
    b"-0",
    b"0.0",
)
"""JSON, or nearly, that no value of Python stands for."""

MARK = "a place for raw bytes"


def mutated(chance: random.Random, value: Any, times: int) -> Any:
    """A copy with some members changed, dropped, added or put elsewhere."""
    for _ in range(times):
        value = _once(chance, value)
    return value


def _once(chance: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and chance.random() < 0.85:
        name = chance.choice(list(value))
        roll = chance.random()
        if roll < 0.1:
            return {key: member for key, member in value.items() if key != name}
        if roll < 0.2:
            return {**value, chance.choice(list(value)): value[name]}
        if roll < 0.25:
            return {**value, f"{name}\0": value[name]}
        return {**value, name: _once(chance, value[name])}
    if isinstance(value, list) and value and chance.random() < 0.7:
        place = chance.randrange(len(value))
        return [*value[:place], _once(chance, value[place]), *value[place + 1 :]]
    if chance.random() < 0.15:
        return MARK
    return chance.choice(ODD)


def with_raw(chance: random.Random, data: bytes) -> bytes:
    """JSON whose marks are replaced by what JSON libraries of others let through."""
    parts = data.split(f'"{MARK}"'.encode())
    return b"".join(part + chance.choice(RAW) for part in parts[:-1]) + parts[-1]


def sendable(value: Any) -> Any:
    """A mutated value without the numbers that cannot be written as canonical JSON."""
    if isinstance(value, dict):
        return {name: sendable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [sendable(member) for member in value]
    return 1 if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53) else value
