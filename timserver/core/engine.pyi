"""The contract of the compiled engine (`timserver/core/rust`).

Nothing here is called directly: `timserver.core` has the functions, and `timserver.core.definition` says in Python
what each of them must do. ValueError carries one of the reasons "not_json", "duplicate_key", "depth",
"integer_range", "float", "surrogate", "shape".
"""

from collections.abc import Mapping, Sequence

from timserver.core.definition.auth_vector import Range
from timserver.core.stored import Placed, Stored
from timserver.matrix.event import StateKey

def version() -> str:
    """The crate's version; `timserver.core` compares it with its own."""

def check_json(data: bytes, depth_max: int, *, strict_integers: bool) -> None:
    """Raises ValueError for what is no JSON, has duplicate keys, lone surrogates or more than `depth_max` levels,
    and with `strict_integers` for floats and integers beyond 2^53 - 1. Linear in the length.
    """

def canonical_json(data: bytes) -> bytes:
    """The canonical encoding of a JSON text, of at most 254 levels. Raises ValueError."""

def seal_event(
    pdu: bytes, rules: int, server_name: str, key_id: str, seed: bytes, public_key: bytes
) -> tuple[str, bytes, str, str]:
    """Hashes and signs a PDU; the public key must be the seed's. `rules` are the bits of `core.sealing`. Returns the
    event id (empty when the PDU should bring its own and does not), canonical PDU, content hash and signature. Raises
    ValueError.
    """

def open_event(pdu: bytes, rules: int) -> tuple[str, bytes, bool, bytes]:
    """Reads another server's PDU strictly. Returns event id, canonical PDU without `unsigned`, whether the content hash
    fits, and what its signatures must cover. Raises ValueError.
    """

def open_events(pdus: list[bytes], rules: int) -> list[tuple[str, bytes, bool, bytes] | str]:
    """`open_event` for each PDU, with the reason in place of the error. Releases the interpreter lock and takes as many
    threads as there are cores, at most four.
    """

class Splitter:
    """`core.splitting.Splitter`."""

    def __init__(self, lists: Sequence[str], values: Sequence[str], piece_bytes_max: int) -> None: ...
    def feed(self, data: bytes) -> list[tuple[str, bytes]]: ...
    def end(self) -> list[tuple[str, bytes]]: ...

def verify(items: list[tuple[bytes, bytes, bytes]]) -> list[bool]:
    """Which of (public key, message, signature) are right. Releases the interpreter lock; threads as `open_events`."""

def pack_state(state: dict[int, int]) -> bytes:
    """State as sorted, delta-coded variable-length integers. Keys and values are below 2^64."""

def unpack_state(data: bytes) -> dict[int, int]:
    """What `pack_state` has packed, in the order of the keys. Raises ValueError("malformed")."""

_Layers = Sequence[bytes | Mapping[int, int]]
"""A mapping must be a dict."""

def changes(before: _Layers, after: _Layers) -> dict[int, int]:
    """What makes the one state the other."""

def merged(layers: _Layers) -> dict[int, int]:
    """The state that the layers make."""

def values(layers: _Layers, keys: list[int]) -> dict[int, int]:
    """Values of some keys, in ascending order."""

def vector(cited: list[bytes], chain: int, position: int, entries_max: int) -> bytes | None:
    """The packed vector of an event that cites events with these vectors, None if it is too long; chain 0 is none."""

def reach(vectors: list[bytes]) -> dict[int, int]:
    """The tops of a state of events with these vectors. Releases the interpreter lock."""

def reach_after(before: _Layers, removed: list[bytes], added: list[bytes]) -> dict[int, int] | None:
    """The tops that change, as `definition.auth_vector` says."""

_RawEvent = tuple[str, bytes, str | None, list[int], bool]
"""Event id, PDU, the previous event if it is the only one, numbers of the auth events, whether it was rejected."""

def resolve(
    rules: int, events: list[_RawEvent], create: int, unconflicted: list[int], conflicted: list[int]
) -> list[int]:
    """State resolution of the full conflicted set (in v1: of events that others contradict), by their numbers in
    `events`. `unconflicted` may be the part that the conflicted events ask for. Returns the partly resolved state, over
    which the unconflicted state is to be laid. `rules` are the bits of `core.resolution`. Releases the interpreter lock.
    """

def read_stored(
    placed: Placed,
    event_id: str,
    pdu: bytes,
    prev: Sequence[int],
    auth: Sequence[int],
    rejected: bool,
) -> Stored:
    """A stored event, read. Raises ValueError for what has not passed the format checks."""

class Fork:
    """`core.forks.Fork`; the events it is given must be of `read_stored`."""

    def __init__(self, rules: int, states: Sequence[_Layers]) -> None: ...
    @property
    def differing(self) -> dict[int, tuple[int, ...]]: ...
    @property
    def numbers(self) -> list[int]: ...
    def ranges(
        self, reached: Sequence[_Layers | None], differing: Sequence[Stored]
    ) -> list[Range] | None: ...
    def full_set(self, found: Sequence[Placed]) -> list[int]: ...
    def asked_keys(self, more: Sequence[Stored]) -> set[StateKey]: ...
    def cited(self, unconflicted: Sequence[Stored]) -> list[int]: ...
    def resolve(
        self, cited: Sequence[Stored], older_levels: Mapping[int, int]
    ) -> tuple[dict[int, int], dict[int, int]]:
        """`older_levels` must be a dict. Releases the interpreter lock for 256 events and more."""
    def reach_after(self, before: _Layers, newcomers: set[int]) -> dict[int, int] | None: ...

def check_auth(rules: int, events: list[_RawEvent], create: int, state: list[int]) -> str | None:
    """Whether the last event, not a create event, is authorized: None or the name of the rejection. For tests."""
