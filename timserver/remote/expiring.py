"""A bounded memory of answers, each with an end."""

from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Expiring(Generic[Key, Value]):
    """At most `size_max` entries; the one put in longest ago goes first."""

    def __init__(self, size_max: int) -> None:
        self._entries: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._size_max = size_max

    def get(self, key: Key, now_s: float) -> Value | None:
        """The value, when it has not expired."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None and now_s < entry[0] else None

    def put(self, key: Key, value: Value, until_s: float) -> Value:
        """Remember until then; the value itself, for chaining."""
        self._entries.pop(key, None)
        self._entries[key] = (until_s, value)
        if len(self._entries) > self._size_max:
            self._entries.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._entries)
