"""What use cases may reach of the outside world: leaf adapters only, at most 8 fields (STYLE 3)."""

import msgspec

from timserver.clock import Clock, IdSource
from timserver.config import Settings
from timserver.media import MediaFiles
from timserver.remote.client import FederationClient
from timserver.store.caches import Caches
from timserver.store.database import Database
from timserver.store.streams import Streams


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """One per process."""

    database: Database
    clock: Clock
    ids: IdSource
    settings: Settings
    streams: Streams
    caches: Caches
    media: MediaFiles
    remote: FederationClient
