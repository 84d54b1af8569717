"""Canonical JSON: the one encoding of a value that hashes and signatures are made of.

orjson writes byte for byte what the reference (`canonicaljson`) writes, once the value was found to hold nothing
that canonical JSON forbids. Rooms of versions 1 to 5 may hold floats and big integers; what their hashes cover
is Python's way of writing these, so exactly such values go through the `json` module.

Spec: https://spec.matrix.org/v1.19/appendices/#canonical-json
"""

import json
from typing import Final

import orjson

from timserver.matrix.errors import BadJson
from timserver.matrix.json_types import JsonObject, JsonValue

INTEGER_MAX: Final = 2**53 - 1


def decode_object(data: bytes, *, strict: bool) -> dict[str, JsonValue]:
    """The JSON object in `data`.

    `strict` refuses what canonical JSON forbids; else floats and integers of any size are taken, as Python reads
    them. Raises BadJson.
    """
    try:
        value = orjson.loads(data)
        if _has_odd_number(value):
            if strict:
                raise BadJson("Floats and integers beyond 2^53 are not allowed")
            value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadJson(inner="not JSON") from error
    if not isinstance(value, dict):
        raise BadJson("Not a JSON object")
    return value


def encode(value: JsonValue, *, strict: bool = True) -> bytes:
    """Canonical JSON of `value`. Raises BadJson for what cannot be written (NaN, lone surrogates, too deep)."""
    try:
        if not _has_odd_number(value):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        if not strict:
            return _encode_as_python_does(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadJson(inner="not representable in canonical JSON") from error
    raise BadJson("Floats and integers beyond 2^53 are not allowed")


def encode_without(value: JsonObject, *names: str, strict: bool = True) -> bytes:
    """Canonical JSON of the object without the members `names`."""
    return encode({name: member for name, member in value.items() if name not in names}, strict=strict)


def _encode_as_python_does(value: JsonValue) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def _has_odd_number(value: JsonValue) -> bool:
    """Whether a float or an integer outside ±(2^53 - 1) is anywhere in it."""
    pending: list[JsonValue] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str) or item is None or isinstance(item, bool):
            continue
        if isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
        elif isinstance(item, float) or not -INTEGER_MAX <= item <= INTEGER_MAX:  # type: ignore[operator]
            return True
    return False
