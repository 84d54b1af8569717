"""What JSON we read, and its canonical form, by means of Python's `json`.

Spec: https://spec.matrix.org/v1.19/appendices/#canonical-json
"""

import json
from typing import Final, NoReturn

from timserver.matrix import canonical_json as canonical
from timserver.matrix.json_types import JsonValue

DEPTH_MAX: Final = 254


def check_json(data: bytes, depth_max: int, *, strict_integers: bool) -> None:
    """Raise ValueError with a reason, see `engine.pyi`."""
    value = _read(data, strict_integers=strict_integers)
    check_depth(value, depth_max)
    _check_surrogates(value)


def canonical_json(data: bytes) -> bytes:
    """The canonical encoding of a JSON text. Raises ValueError with a reason."""
    check_json(data, DEPTH_MAX, strict_integers=True)
    return canonical.encode(_read(data, strict_integers=True))


def _read(data: bytes, *, strict_integers: bool) -> JsonValue:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        start = data[error.start : error.start + 2]
        is_surrogate = len(start) == 2 and start[0] == 0xED and 0xA0 <= start[1] < 0xC0
        raise ValueError("surrogate" if is_surrogate else "not_json") from error
    try:
        value: JsonValue = json.loads(
            text,
            object_pairs_hook=_read_object,
            parse_int=_read_strict_integer if strict_integers else _read_any_number,
            parse_float=_refuse_float if strict_integers else _read_any_number,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        raise ValueError("not_json") from error
    except RecursionError as error:
        raise ValueError("depth") from error
    return value


def _read_object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("duplicate_key")
    return members


def _read_strict_integer(text: str) -> int:
    if len(text) > 20 or not -canonical.INTEGER_MAX <= int(text) <= canonical.INTEGER_MAX:
        raise ValueError("integer_range")
    return int(text)


def _read_any_number(text: str) -> int:
    """The value does not matter where it is called."""
    return len(text)


def _refuse_float(text: str) -> NoReturn:
    raise ValueError("float")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError("not_json")


def check_depth(value: JsonValue, depth_max: int) -> None:
    """Raise ValueError for more levels."""
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, dict | list):
            if depth >= depth_max:
                raise ValueError("depth")
            inner = item.values() if isinstance(item, dict) else item
            pending.extend((member, depth + 1) for member in inner)


def _check_surrogates(value: JsonValue) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("surrogate") from error
