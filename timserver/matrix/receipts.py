"""Read receipts: their kinds, and the threads they may name.

Spec: https://spec.matrix.org/v1.19/client-server-api/#receipts
"""

from enum import StrEnum
from typing import Final

from timserver.matrix import errors
from timserver.matrix.ids import ID_LENGTH_MAX_BYTES

MAIN_THREAD: Final = "main"


class ReceiptType(StrEnum):
    """What the receipt endpoint takes. Only the first two are receipts, the second for nobody but the user; `m.fully_read`
    is room account data.
    """

    READ = "m.read"
    READ_PRIVATE = "m.read.private"
    FULLY_READ = "m.fully_read"


def parse_receipt_type(text: str) -> ReceiptType:
    """The kind of receipt, or `InvalidParam`."""
    try:
        return ReceiptType(text)
    except ValueError:
        raise errors.InvalidParam("Receipt type must be m.read, m.read.private or m.fully_read") from None


def check_thread_id(receipt_type: ReceiptType, thread_id: object) -> str | None:
    """The thread a receipt names: a root's event id, `main`, or None when the field is absent (pass None)."""
    if thread_id is None:
        return None
    if receipt_type is ReceiptType.FULLY_READ:
        raise errors.InvalidParam("thread_id is not compatible with m.fully_read")
    if not isinstance(thread_id, str) or not thread_id:
        raise errors.InvalidParam("thread_id field must be a non-empty string")
    if thread_id != MAIN_THREAD and not _is_event_id(thread_id):
        raise errors.InvalidParam("thread_id must be an event ID or main")
    return thread_id


def _is_event_id(text: str) -> bool:
    return text[0] == "$" and 1 < len(text.encode("utf-8", "surrogatepass")) <= ID_LENGTH_MAX_BYTES


def check_event_in_thread(event_id: str, root: str | None, thread_id: str | None) -> None:
    """Refuse a receipt for an event outside the thread it names.

    `root` is the root of the thread the event is in, None in the main timeline. A thread's root lies in the
    main timeline; a receipt on it inside its own thread is taken as well, for a client that has opened a thread
    without answers read.
    """
    if thread_id in {None, root or MAIN_THREAD, event_id}:
        return
    raise errors.InvalidParam("event_id is not related to thread_id")
