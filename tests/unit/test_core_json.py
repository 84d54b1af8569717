"""The reasons for which JSON is refused, by the engine and by the definition."""

import json

import pytest

from timserver import core
from timserver.core import choice, engine
from timserver.core.definition import json_check, state_pack
from timserver.matrix import canonical_json
from timserver.matrix.errors import BadJson
from timserver.matrix.json_types import JsonValue

CHECKS = [engine.check_json, json_check.check_json]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_json"), (b" ", "not_json"), (b"{", "not_json"), (b"{}{}", "not_json"), (b"[1,]", "not_json"),
        (b'{"a":1,}', "not_json"), (b"{1:2}", "not_json"), (b"[NaN]", "not_json"), (b"[-Infinity]", "not_json"),
        (b"[01]", "not_json"), (b"[+1]", "not_json"), (b"[.5]", "not_json"), (b"[1.]", "not_json"),
        (b"[1e]", "not_json"), (b"[-]", "not_json"), (b"'a'", "not_json"), (b'"\x01"', "not_json"),
        (b'"\\x"', "not_json"), (b'"\\u12"', "not_json"), (b'"\\u12g4"', "not_json"), (b'"\\', "not_json"),
        (b"\xff", "not_json"), (b"\xef\xbb\xbf{}", "not_json"), (b"tru", "not_json"), (b'"\xc3', "not_json"),
        (b'"\xff\xff"', "not_json"), (b'"\xed "', "not_json"), (b'"\xed\xc0\x80"', "not_json"),
        (b"[1}", "not_json"), (b'{"a":1]', "not_json"), (b'{"a" 1}', "not_json"), (b'"\\u00', "not_json"),
        (b'{"a":1,"a":1}', "duplicate_key"), (b'{"a":1,"\\u0061":1}', "duplicate_key"),
        (b'[{"b":{"a":1},"a":[],"b":1}]', "duplicate_key"),
        (b"{%b}" % b",".join([b'"a":1'] * 40), "duplicate_key"),
        (b"[[[[]]]]", "depth"), (b'{"a":{"a":{"a":{}}}}', "depth"), (b"[" * 100_000, "depth"),
        (b'"\\ud800"', "surrogate"), (b'"\\udc00"', "surrogate"), (b'"\\ud800\\u0041"', "surrogate"),
        (b'"\\ud800x"', "surrogate"), (b'"\xed\xa0\x80"', "surrogate"),
        (b"[1.0]", "float"), (b"[1e2]", "float"), (b"[-0.0]", "float"),
        (b"[9007199254740992]", "integer_range"), (b"[-9007199254740992]", "integer_range"),
        (b"[" + b"9" * 5000 + b"]", "integer_range"),
    ],
)  # fmt: skip
def test_reasons(check: object, data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        check(data, 3, strict_integers=True)  # type: ignore[operator]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "data",
    [
        b"{}", b" [ ] ", b'\t{\n"a"\r: [ 1 , -0, {} , "\\u00e4\\ud83d\\ude00\\/\\b" ] , "b" : null}', b'"x"',
        b"[[[]],[{}]]", b'[{"a":1},{"a":1}]', b'{"a":{"a":1},"b":{"a":1}}', b"true", b"[false,-1,10]",
        b"[9007199254740991,-9007199254740991]",
    ],
)  # fmt: skip
def test_what_is_taken(check: object, data: bytes) -> None:
    assert check(data, 3, strict_integers=True) is None  # type: ignore[operator]


@pytest.mark.parametrize("check", CHECKS)
def test_loose_numbers(check: object) -> None:
    data = b"[1.5,-2e-3,123456789012345678901234567890,1E+2]"
    assert check(data, 1, strict_integers=False) is None  # type: ignore[operator]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("count", [15, 16, 17, 18, 40])
def test_duplicates_in_objects_of_any_size(check: object, count: int) -> None:
    names = [f'"k{number}":{{"x":1}}' for number in range(count)]
    whole = "[" + ",".join(["{" + ",".join(names) + "}"] * 2) + "]"
    assert check(whole.encode(), 9, strict_integers=True) is None  # type: ignore[operator]
    for name in (names[0], names[-1]):
        data = "{" + ",".join([*names, name]) + "}"
        with pytest.raises(ValueError, match=r"^duplicate_key$"):
            check(data.encode(), 9, strict_integers=True)  # type: ignore[operator]


@pytest.mark.parametrize("canonicalize", [engine.canonical_json, json_check.canonical_json])
@pytest.mark.parametrize(
    "data", [b"[1.0]", b"[1e0]", b"[9007199254740992]", b"[-9007199254740992]", b"[1" + b"0" * 20 + b"]"]
)
def test_odd_numbers_have_no_canonical_form(canonicalize: object, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"float|integer_range"):
        canonicalize(data)  # type: ignore[operator]


@pytest.mark.parametrize("canonicalize", [engine.canonical_json, json_check.canonical_json])
def test_canonical_json_goes_254_levels_deep(canonicalize: object) -> None:
    deep = b"[" * 254 + b"]" * 254
    assert canonicalize(deep) == deep  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"^depth$"):
        canonicalize(b"[" + deep + b"]")  # type: ignore[operator]


@pytest.mark.parametrize("pack", [engine.pack_state, state_pack.pack_state])
@pytest.mark.parametrize("state", [{-1: 0}, {0: -1}, {2**64: 0}, {0: 2**64}])
def test_what_state_cannot_hold(pack: object, state: dict[int, JsonValue]) -> None:
    with pytest.raises(OverflowError):
        pack(state)  # type: ignore[operator]


@pytest.mark.parametrize("unpack", [engine.unpack_state, state_pack.unpack_state])
@pytest.mark.parametrize(
    "data",
    [
        b"\x01", b"\x81", b"\x00\x00\x00\x00", b"\xff" * 9 + b"\x02\x00", b"\xff" * 20, b"\x01\xff",
        b"\x01" + b"\x80" * 9 + b"\x02", b"\xff" * 9 + b"\x01\x00" + b"\x01\x00",
    ],
)  # fmt: skip
def test_what_is_no_packed_state(unpack: object, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^malformed$"):
        unpack(data)  # type: ignore[operator]


def test_packed_state_is_small() -> None:
    members = {1000 + number: 5_000_000 + 3 * number for number in range(20_000)}
    assert len(core.pack_state(members)) < 2.1 * len(members)
    assert core.unpack_state(core.pack_state(members)) == members


def test_the_engine_is_of_this_version(monkeypatch: pytest.MonkeyPatch) -> None:
    core.require_engine()
    monkeypatch.setattr(choice, "HAS_ENGINE", False)
    with pytest.raises(core.EngineMissing, match="missing"):
        core.require_engine()
    monkeypatch.setattr(choice, "HAS_ENGINE", True)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0")
    with pytest.raises(core.EngineMissing, match="of version"):
        core.require_engine()


def test_members_that_are_left_out_need_not_be_canonical() -> None:
    assert canonical_json.encode_without({"a": 1, "b": 1.5}, "b") == b'{"a":1}'
    assert canonical_json.encode_without({"a": 1, "b": 1.5}, "a", strict=False) == b'{"b":1.5}'
    with pytest.raises(BadJson):
        canonical_json.encode_without({"a": 1, "b": 1.5}, "a")


def test_what_is_written_as_python_does_is_utf_8() -> None:
    assert canonical_json.encode({"ä": 1.5, "a": "\u2028"}, strict=False) == '{"a":"\u2028","ä":1.5}'.encode()


@pytest.mark.parametrize(("begin", "end"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_the_engine_goes_254_levels_deep(begin: bytes, end: bytes) -> None:
    deepest = begin * 254 + b"1" + end * 254
    assert engine.canonical_json(deepest) == deepest
    for deeper in (begin + deepest + end, b'{"a":[%b]}' % deepest, begin * 5_000 + b"1" + end * 5_000):
        with pytest.raises(ValueError, match=r"^depth$"):
            engine.canonical_json(deeper)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("special", [*range(0x20), 0x7F])
def test_control_characters_wherever_they_stand(check: object, special: int) -> None:
    texts = [b"." * before + bytes([special]) + b"." * (20 - before) for before in range(20)]
    for text in (*texts, bytes([special]) * 8, bytes([special]) * 20):
        if special == 0x7F:  # is none, for JSON
            assert check(b'"%b"' % text, 3, strict_integers=True) is None  # type: ignore[operator]
            continue
        with pytest.raises(ValueError, match=r"^not_json$"):
            check(b'"%b"' % text, 3, strict_integers=True)  # type: ignore[operator]


def test_ends_and_escapes_wherever_they_stand() -> None:
    for before in range(20):
        for inside in ("", "x", "ä", '"', "\\", '"' * 8, "\\" * 8, "\n", "\u00e4" * 8, "\x80" * 8):
            text = "." * before + inside
            written = json.dumps([text, {text: text}, "", text], separators=(",", ":"), ensure_ascii=False)
            assert engine.canonical_json(written.encode()) == written.encode()
