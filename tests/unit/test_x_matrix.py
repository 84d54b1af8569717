import pytest

from timserver import core
from timserver.matrix import canonical_json, signing, x_matrix
from timserver.matrix.errors import BadJson
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject

KEY = signing.make_signing_key("ed25519:a_1", bytes(range(32)))
ORIGIN, DESTINATION = ServerName("origin.example:8448"), ServerName("[2001:db8::1]:443")
SIG = signing.encode_base64(bytes(64))
READ = x_matrix.Authorization(
    origin=ORIGIN, destination=DESTINATION, key_id="ed25519:a_1", signature=bytes(64)
)

SPELLINGS = {
    "ours": f'X-Matrix origin="{ORIGIN}",destination="{DESTINATION}",key="ed25519:a_1",sig="{SIG}"',
    "bare": f"X-Matrix origin={ORIGIN},destination={DESTINATION},key=ed25519:a_1,sig={SIG}",
    "padded": f'X-Matrix origin="{ORIGIN}",destination="{DESTINATION}",key="ed25519:a_1",sig="{SIG}=="',
    "padded, bare": f'X-Matrix origin={ORIGIN},destination="{DESTINATION}",key=ed25519:a_1,sig={SIG}==',
    "mixed": f'X-Matrix origin={ORIGIN},destination="{DESTINATION}",key="ed25519:a_1",sig={SIG}',
    "scheme": f'x-mAtRiX origin={ORIGIN},destination="{DESTINATION}",key="ed25519:a_1",sig={SIG}',
    "spaces": f'X-Matrix    origin={ORIGIN} , destination="{DESTINATION}"\t,\tkey="ed25519:a_1"  ,sig={SIG}  ',
    "around =": f'X-Matrix origin = {ORIGIN},destination= "{DESTINATION}",key ="ed25519:a_1",sig={SIG}',
    "names": f'X-Matrix Origin={ORIGIN},DESTINATION="{DESTINATION}",kEy="ed25519:a_1",Sig={SIG}',
    "order": f'X-Matrix sig="{SIG}",key="ed25519:a_1",destination="{DESTINATION}",origin="{ORIGIN}"',
    "unknown": f'X-Matrix x="a,b=\\"c",origin={ORIGIN},destination="{DESTINATION}",key=ed25519:a_1,sig={SIG},y=1',
    "escapes": f'X-Matrix origin="\\o{str(ORIGIN)[1:]}",destination="\\{DESTINATION}",key="ed25519\\:a_1",sig="{SIG}"',
    "empty items": f'X-Matrix ,, origin={ORIGIN},,destination="{DESTINATION}", ,key=ed25519:a_1,sig={SIG},',
}


@pytest.mark.parametrize("header", SPELLINGS.values(), ids=SPELLINGS)
def test_all_spellings_of_a_header_are_read_alike(header: str) -> None:
    assert x_matrix.parse(header) == READ


def test_old_servers_name_no_destination() -> None:
    read = x_matrix.parse(f'X-Matrix origin={ORIGIN},key="ed25519:a_1",sig="{SIG}"')
    assert read is not None
    assert read.destination is None


MALFORMED = {
    "nothing": "",
    "scheme only": "X-Matrix ",
    "another scheme": f'Bearer origin="{ORIGIN}",key="ed25519:a_1",sig="{SIG}"',
    "no blank": f'X-Matrixorigin="{ORIGIN}",key="ed25519:a_1",sig="{SIG}"',
    "no origin": f'X-Matrix key="ed25519:a_1",sig="{SIG}"',
    "no key": f'X-Matrix origin="{ORIGIN}",sig="{SIG}"',
    "no sig": f'X-Matrix origin="{ORIGIN}",key="ed25519:a_1"',
    "twice": f'X-Matrix origin="{ORIGIN}",origin="evil.example",key="ed25519:a_1",sig="{SIG}"',
    "twice, other case": f'X-Matrix origin="{ORIGIN}",Origin="evil.example",key="ed25519:a_1",sig="{SIG}"',
    "open quote": f'X-Matrix key="ed25519:a_1",sig="{SIG}",origin="{ORIGIN}',
    "text after a quote": f'X-Matrix origin="{ORIGIN}"x,key="ed25519:a_1",sig="{SIG}"',
    "no comma": f'X-Matrix origin="{ORIGIN}" key="ed25519:a_1",sig="{SIG}"',
    "no value": f'X-Matrix origin,key="ed25519:a_1",sig="{SIG}"',
    "empty value": f'X-Matrix origin=,key="ed25519:a_1",sig="{SIG}"',
    "empty origin": f'X-Matrix origin="",key="ed25519:a_1",sig="{SIG}"',
    "origin with a path": f'X-Matrix origin="a.example/x",key="ed25519:a_1",sig="{SIG}"',
    "origin with NUL": f'X-Matrix origin="a.example\0",key="ed25519:a_1",sig="{SIG}"',
    "origin not ASCII": f'X-Matrix origin="bücher.example",key="ed25519:a_1",sig="{SIG}"',
    "bad destination": f'X-Matrix origin="{ORIGIN}",destination="a b",key="ed25519:a_1",sig="{SIG}"',
    "another algorithm": f'X-Matrix origin="{ORIGIN}",key="rsa:1",sig="{SIG}"',
    "key without a version": f'X-Matrix origin="{ORIGIN}",key="ed25519:",sig="{SIG}"',
    "sig not base64": f'X-Matrix origin="{ORIGIN}",key="ed25519:a_1",sig="***"',
    "short sig": f'X-Matrix origin="{ORIGIN}",key="ed25519:a_1",sig="AAAA"',
}


@pytest.mark.parametrize("header", MALFORMED.values(), ids=MALFORMED)
def test_malformed_headers_are_nothing(header: str) -> None:
    assert x_matrix.parse(header) is None


def test_a_header_may_not_take_time_by_its_length() -> None:
    for junk in (
        '"' * 100_000,
        "\\" * 100_000,
        ", " * 50_000,
        " " * 100_000,
        "a=" * 50_000,
        'a="\\' * 20_000,
    ):
        assert x_matrix.parse(f"X-Matrix {junk}") is None


def test_several_headers_are_of_one_origin() -> None:
    ours = SPELLINGS["ours"]
    second = ours.replace("a_1", "a_2")
    read = x_matrix.parse_all([ours, "Bearer token", second])
    assert read is not None
    assert [item.key_id for item in read] == ["ed25519:a_1", "ed25519:a_2"]
    assert x_matrix.parse_all(["Bearer token"]) == ()
    assert x_matrix.parse_all([ours, second.replace("origin.example", "other.example")]) is None
    assert x_matrix.parse_all([ours, "X-Matrix junk"]) is None
    assert x_matrix.parse_all([ours] * 11) is None


BODY: JsonObject = {"b": 'ü\u2028"\\', "a": [{"z": 1, "y": None}], "edus": []}


@pytest.mark.parametrize("body", [None, BODY, {}], ids=["no body", "body", "empty body"])
@pytest.mark.parametrize("uri", ["/_matrix/x", '/_matrix/x/%24a%2F?a=1&b=%C3%A4&c="'])
def test_what_is_signed_is_the_spec_s_object(body: JsonObject | None, uri: str) -> None:
    whole: JsonObject = {"method": "PUT", "uri": uri, "origin": ORIGIN, "destination": DESTINATION}
    content = None if body is None else canonical_json.encode(body)
    signed = x_matrix.signed_bytes("PUT", uri, ORIGIN, DESTINATION, content)
    assert signed == canonical_json.encode(whole if body is None else {**whole, "content": body})


def test_a_request_of_ours_is_read_and_right() -> None:
    header = x_matrix.authorization(KEY, ORIGIN, DESTINATION, method="GET", uri="/x?a", content=None)
    read = x_matrix.parse(header)
    assert read is not None
    assert x_matrix.is_right(read, KEY.public_key, DESTINATION, method="GET", uri="/x?a", content=None)
    other = ServerName("other.example")
    wrong = [
        x_matrix.is_right(read, KEY.public_key, DESTINATION, method="PUT", uri="/x?a", content=None),
        x_matrix.is_right(read, KEY.public_key, DESTINATION, method="GET", uri="/x?b", content=None),
        x_matrix.is_right(read, KEY.public_key, DESTINATION, method="GET", uri="/x?a", content=b"{}"),
        x_matrix.is_right(read, KEY.public_key, other, method="GET", uri="/x?a", content=None),
        x_matrix.is_right(read, bytes(32), DESTINATION, method="GET", uri="/x?a", content=None),
    ]
    assert wrong == [False] * 5


def test_without_a_destination_the_signature_still_names_us() -> None:
    header = x_matrix.authorization(KEY, ORIGIN, DESTINATION, method="GET", uri="/x", content=None)
    read = x_matrix.parse(header.replace(f'destination="{DESTINATION}",', ""))
    assert read is not None
    assert read.destination is None
    assert x_matrix.is_right(read, KEY.public_key, DESTINATION, method="GET", uri="/x", content=None)
    other = ServerName("other.example")
    assert not x_matrix.is_right(read, KEY.public_key, other, method="GET", uri="/x", content=None)


def test_bodies_are_signed_as_python_writes_them() -> None:
    assert core.canonical_body(b'{"b": 1, "a": "\\u00fc"}') == '{"a":"ü","b":1}'.encode()
    assert core.canonical_body(b'{"pdus": [1.0, 1e5, 12345678901234567890]}') == (
        b'{"pdus":[1.0,100000.0,12345678901234567890]}'
    )
    for data in (b'{"a":1,"a":1.5}', b"{", b'{"a":NaN}', b'{"a":' * 300, b'{"a":1e999}'):
        with pytest.raises(BadJson):
            core.canonical_body(data)
