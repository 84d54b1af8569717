import pytest

from timserver.matrix import errors, receipts
from timserver.matrix.receipts import ReceiptType


@pytest.mark.parametrize("thread_id", [None, "main", "$root"])
def test_threads_are_absent_main_or_a_root(thread_id: str | None) -> None:
    assert receipts.check_thread_id(ReceiptType.READ, thread_id) == thread_id


@pytest.mark.parametrize("thread_id", ["", "other", "$", 5, ["main"], "$" + "a" * 255, "$" + "ü" * 128])
def test_other_threads_are_refused(thread_id: object) -> None:
    with pytest.raises(errors.InvalidParam):
        receipts.check_thread_id(ReceiptType.READ_PRIVATE, thread_id)


def test_the_read_marker_has_no_threads() -> None:
    assert receipts.check_thread_id(ReceiptType.FULLY_READ, None) is None
    with pytest.raises(errors.InvalidParam):
        receipts.check_thread_id(ReceiptType.FULLY_READ, "main")


def test_kinds() -> None:
    assert receipts.parse_receipt_type("m.read") is ReceiptType.READ
    with pytest.raises(errors.InvalidParam):
        receipts.parse_receipt_type("m.delivered")


@pytest.mark.parametrize(
    ("root", "thread_id", "fits"),
    [
        (None, None, True),
        (None, "main", True),
        (None, "$event", True),
        (None, "$root", False),
        ("$root", None, True),
        ("$root", "$root", True),
        ("$root", "main", False),
        ("$root", "$other", False),
    ],
)
def test_the_event_is_in_the_thread(root: str | None, thread_id: str | None, fits: bool) -> None:
    if fits:
        receipts.check_event_in_thread("$event", root, thread_id)
    else:
        with pytest.raises(errors.InvalidParam):
            receipts.check_event_in_thread("$event", root, thread_id)
