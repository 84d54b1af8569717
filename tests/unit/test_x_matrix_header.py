"""X-Matrix headers, as the spec and older servers write them."""

import msgspec
import pytest

from timserver.matrix.x_matrix import signed_bytes
from timserver.matrix.x_matrix_header import RequestSignature, origin_of, parse

RIGHT = RequestSignature("a.example", "b.example:8448", "ed25519:k", "abc+/")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "header",
    [
        'X-Matrix origin="a.example",destination="b.example:8448",key="ed25519:k",sig="abc+/"',
        'x-matrix   key="ed25519:k" , \t sig="abc+/", ORIGIN=a.example ,destination=b.example:8448',
        "X-Matrix origin=a.example,destination=b.example:8448,key=ed25519:k,sig=abc+/,new=parameter",
        r'X-Matrix origin="a.ex\ample",destination="b.example:8448",key="ed25519\:k",sig="abc+\/"',
        'X-Matrix origin="a.example",destination="b.example:8448",key="ed25519:k",sig="abc+/",',
    ],
)
def test_spellings(header: str) -> None:
    assert parse(header) == RIGHT


def test_other_schemes_are_none() -> None:
    assert parse("Bearer abc") is None
    assert parse("") is None


@pytest.mark.parametrize(
    "header",
    [
        "X-Matrix",
        "X-Matrix origin",
        'X-Matrix origin="a.example",key="ed25519:k"',
        'X-Matrix origin="a.example",origin="b.example",key="ed25519:k",sig="x"',
        'X-Matrix origin="a.example,key="ed25519:k",sig="x"',
        'X-Matrix origin="a b",key="ed25519:k",sig="x"',
        'X-Matrix origin="a.example",destination="/",key="ed25519:k",sig="x"',
        'X-Matrix origin="a.example" key="ed25519:k" sig="x"',
        "X-Matrix " + ",".join(f"p{number}=x" for number in range(1000)),
        'X-Matrix origin="' + "\\" * 100_000,
    ],
)
def test_malformed(header: str) -> None:
    with pytest.raises(ValueError):
        parse(header)


def test_signatures_agree_on_the_origin() -> None:
    second = msgspec.structs.replace(RIGHT, key_id="ed25519:l")
    assert origin_of([RIGHT, second]) == ("a.example", "b.example:8448")
    with pytest.raises(ValueError, match="several"):
        origin_of([RIGHT, msgspec.structs.replace(RIGHT, origin="c.example")])


def test_what_is_signed() -> None:
    origin, destination = RIGHT.origin, RIGHT.destination
    assert (
        signed_bytes("PUT", "/x?é=1", origin, destination, b'{"a":1}')
        == (
            '{"content":{"a":1},"destination":"b.example:8448","method":"PUT","origin":"a.example","uri":"/x?é=1"}'
        ).encode()
    )
    assert (
        signed_bytes("GET", "/x", origin, None, None) == b'{"method":"GET","origin":"a.example","uri":"/x"}'
    )
