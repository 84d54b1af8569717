"""State events that a process has read for state resolution: bounded in bytes, whatever the number of tenants."""

from collections import OrderedDict
from collections.abc import Iterable

from timserver.core import Stored

_ENTRY_BYTES = 300
"""What an entry's key, numbers and place among the others take."""


class ReadEvents:
    """At most so many bytes; what was not used for longest goes first. Each with the flags of its row then, which who uses
    it compares.
    """

    __slots__ = ("_entries", "_size_bytes", "_size_bytes_max")

    def __init__(self, size_bytes_max: int) -> None:
        self._entries: OrderedDict[tuple[int, int], tuple[int, Stored]] = OrderedDict()
        self._size_bytes = 0
        self._size_bytes_max = size_bytes_max

    def of(self, tenant_id: int, nids: Iterable[int]) -> dict[int, tuple[int, Stored]]:
        """Flags and event, of those that are known."""
        found: dict[int, tuple[int, Stored]] = {}
        for nid in nids:
            entry = self._entries.get((tenant_id, nid))
            if entry is not None:
                self._entries.move_to_end((tenant_id, nid))
                found[nid] = entry
        return found

    def put(self, tenant_id: int, flags: int, event: Stored) -> None:
        """Remember."""
        old = self._entries.pop((tenant_id, event.number), None)
        self._entries[tenant_id, event.number] = (flags, event)
        self._size_bytes += _cost(event) - (_cost(old[1]) if old else 0)
        while self._size_bytes > self._size_bytes_max:
            _, (_, gone) = self._entries.popitem(last=False)
            self._size_bytes -= _cost(gone)

    def __len__(self) -> int:
        return len(self._entries)


def _cost(event: Stored) -> int:
    return event.size_bytes + _ENTRY_BYTES
