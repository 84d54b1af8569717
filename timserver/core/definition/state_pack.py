"""State maps as bytes: pairs sorted by key, each as two variable-length integers.

The first is the distance to the key before, the second the distance to the value before, in zigzag (0, -1, 1, -2, …
as 0, 1, 2, 3, …), modulo 2^64. Seven bits to a byte, the lowest first; the eighth bit says that more follow.
"""

_WORD = 2**64


def pack_state(state: dict[int, int]) -> bytes:
    """The packed map. Keys and values are below 2^64."""
    out = bytearray()
    last_key = last_value = 0
    for key, value in sorted(state.items()):
        if not 0 <= key < _WORD or not 0 <= value < _WORD:
            raise OverflowError("beyond 64 bit")
        _write(key - last_key, out)
        distance = (value - last_value + _WORD // 2) % _WORD - _WORD // 2
        _write(2 * distance if distance >= 0 else -2 * distance - 1, out)
        last_key, last_value = key, value
    return bytes(out)


def unpack_state(data: bytes) -> dict[int, int]:
    """The map that was packed. Raises ValueError("malformed")."""
    state: dict[int, int] = {}
    at = key = value = 0
    while at < len(data):
        step, at = _read(data, at)
        zigzag, at = _read(data, at)
        key += step
        if key >= _WORD or (step == 0 and state):
            raise ValueError("malformed")
        value = (value + (zigzag // 2 if zigzag % 2 == 0 else -(zigzag + 1) // 2)) % _WORD
        state[key] = value
    return state


def _write(number: int, out: bytearray) -> None:
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _read(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 64, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80 and number < _WORD:
            return number, at
    raise ValueError("malformed")
