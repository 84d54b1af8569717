"""A JSON object taken apart as it arrives: wherever it is cut, the pieces are those that Python's `json` reads."""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.property.test_core_engine_properties import loose_values, texts
from timserver.core import engine
from timserver.core.definition import splitting as by_definition
from timserver.core.splitting import Splitter, splitter

LISTS, VALUES = ("state", "auth_chain"), ("event",)
PIECE_BYTES_MAX = 131_072

Pieces = list[tuple[str, bytes]]
Cuts = Sequence[int]

names = st.sampled_from([*LISTS, *VALUES, "origin", "members_omitted", "State", ""]) | texts
cuts = st.lists(st.integers(0, 4_000), max_size=30)
SPACES = st.sampled_from(["", " ", "\t\r\n "])


def parts(data: bytes, at: Cuts) -> Iterator[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in at)})
    return (data[begin:end] for begin, end in pairwise(places))


def split(kind: Any, data: bytes, at: Cuts, piece_bytes_max: int = PIECE_BYTES_MAX) -> Pieces:
    made: Splitter = kind(LISTS, VALUES, piece_bytes_max)
    pieces = [piece for part in parts(data, at) for piece in made.feed(part)]
    return [*pieces, *made.end()]


def outcome(kind: Any, data: bytes, at: Cuts) -> Pieces | str:
    try:
        return split(kind, data, at)
    except ValueError as error:
        return str(error)


def everywhere(data: bytes) -> Cuts:
    return range(len(data))


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """JSON as others may write it: blanks, and escapes where none are needed."""
    space = draw(SPACES)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), separators=(f"{space},", f":{space}"))
    if draw(st.booleans()):
        text = text.replace("state", "st\\u0061te").replace("/", "\\/")
    return f"{space}{text}{space}"


@st.composite
def answers(draw: st.DrawFn) -> str:
    members = draw(st.dictionaries(names, loose_values, max_size=5))
    for name in LISTS:
        members[name] = draw(st.lists(loose_values, max_size=6))
    order = draw(st.permutations(list(members)))
    return draw(written({name: members[name] for name in order}))


@given(answers(), cuts)
def test_the_pieces_are_what_json_reads(text: str, at: Cuts) -> None:
    whole = json.loads(text)
    pieces = split(engine.Splitter, text.encode(), at)
    for name in LISTS:
        assert [json.loads(piece) for found, piece in pieces if found == name] == whole[name]
    events = [json.loads(piece) for found, piece in pieces if found == "event"]
    assert events == [whole[name] for name in VALUES if name in whole]
    assert list(dict.fromkeys(name for name, _ in pieces)) == [
        name for name in whole if name in VALUES or (name in LISTS and whole[name])
    ]


@given(answers())
def test_it_may_be_cut_everywhere(text: str) -> None:
    data = text.encode()
    assert split(engine.Splitter, data, everywhere(data)) == split(by_definition.Splitter, data, ())


@given(answers(), st.data(), cuts)
def test_what_is_spoiled_is_refused_where_the_definition_refuses(
    text: str, data: st.DataObject, at: Cuts
) -> None:
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 3)))
    junk = data.draw(st.text('{}[]",:\\u0a1-+.eE tfn\x00\xff', max_size=3))
    spoiled = (text[:begin] + junk + text[end:]).encode("utf-8", "surrogatepass")
    assert outcome(engine.Splitter, spoiled, at) == outcome(by_definition.Splitter, spoiled, ())


SCALARS = "0 -0 10 01 -01 - -a 1. 1.5 1.5.5 .5 1e5 1E+05 1e- 1e 1ee5 1e5. +1 --1 0x1 0e0 00 0.0e-0 true tru truee null nul nulll"
SCALARS += ' false fals nan NaN Infinity -Infinity "" " "" "\\" "\\u12" "\\u12g4" "\\uD800" "\\x" "\\n\\/" "\x01" \x00 \x7f'
BROKEN = [
    "[",
    "]",
    "{",
    "}",
    "[[",
    "[1,]",
    "[,1]",
    "[1 1]",
    "{,}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{"a" 1}',
    "{1:1}",
    "[}",
    "{]",
]
BROKEN += ["", "[]", "{}", "[[]]", '{"a":[{}]}', '{"a":1,"a":2}', '"a":1', "1,1", "1 ,", "\ufeff1"]


@pytest.mark.parametrize("text", [*SCALARS.split(" "), *BROKEN])
@pytest.mark.parametrize(
    "form",
    [
        '{"state":[],"auth_chain":[%s]}',
        '{"state":[],"auth_chain":[],"event":%s}',
        '{"state":[],"auth_chain":[],"x":%s }',
        "%s",
        '{"state":[],"auth_chain":[]}%s',
    ],
)
def test_every_form_of_a_value(form: str, text: str) -> None:
    data = (form % text).encode()
    expected = outcome(by_definition.Splitter, data, ())
    assert outcome(engine.Splitter, data, ()) == expected
    assert outcome(engine.Splitter, data, everywhere(data)) == expected


REFUSED = [
    b"",
    b" ",
    b"[]",
    b"1",
    b"{}",
    b'{"state":[]}',
    b'{"state":[],"auth_chain":{}}',
    b'{"state":[],"auth_chain":null}',
    b'{"state":[],"auth_chain":"[]"}',
    b'{"state":[],"auth_chain":[],"state":[]}',
    b'{"state":[],"auth_chain":[],"st\\u0061te":[]}',
    b'{"event":1,"state":[],"auth_chain":[],"event":1}',
    b'{"state":[],"auth_chain":[]}}',
    b'{"state":[],"auth_chain":[]} {}',
    b'{"state":[],"auth_chain":[]',
    b'{"state":[],"auth_chain":[]]',
]
TAKEN = [
    b'{"state":[],"auth_chain":[]}',
    b'{"x":1,"x":2,"state":[{"a":1,"a":2}],"auth_chain":["\xff\xfe"],"\xff":"\xff"}\n',
]


@pytest.mark.parametrize("kind", [engine.Splitter, by_definition.Splitter])
def test_shapes(kind: Any) -> None:
    for data in REFUSED:
        assert outcome(kind, data, everywhere(data)) == "shape", data
    first, second = (split(kind, data, everywhere(data)) for data in TAKEN)
    assert first == []
    assert second == [("state", b'{"a":1,"a":2}'), ("auth_chain", b'"\xff\xfe"')]


@pytest.mark.parametrize("kind", [engine.Splitter, by_definition.Splitter])
@example(b"")
@given(st.binary(max_size=20))
def test_of_a_long_piece_the_beginning_is_told(kind: Any, more: bytes) -> None:
    item = b'"' + b"x" * 2_000 + more.hex().encode() + b'"'
    data = b'{"event":%s,"state":[%s,1],"auth_chain":[]}' % (item, item)
    pieces = split(kind, data, [700, 1_400], piece_bytes_max=1_000)
    assert pieces == [("event", item[:1_001]), ("state", item[:1_001]), ("state", b"1")]


def test_pieces_come_as_soon_as_they_are_whole() -> None:
    made = splitter(LISTS, VALUES, PIECE_BYTES_MAX)
    assert made.feed(b'{"state":[{"a":1},{"b"') == [("state", b'{"a":1}')]
    assert made.feed(b":2} , 3") == [("state", b'{"b":2}')]
    assert made.feed(b"4,") == [("state", b"34")]
    with pytest.raises(ValueError, match="shape"):
        made.feed(b"]")


@pytest.mark.parametrize("kind", [engine.Splitter, by_definition.Splitter])
@pytest.mark.parametrize("form", [b'{"x":%s,"state":[],"auth_chain":[]}', b'{"state":[],"auth_chain":%s}'])
def test_depth_is_bounded(kind: Any, form: bytes) -> None:
    for levels, is_taken in ((99, True), (100, False)):
        data = form % (b"[" * levels + b"]" * levels)
        if is_taken:
            split(kind, data, (), piece_bytes_max=100)
            continue
        with pytest.raises(ValueError, match="shape"):
            split(kind, data, (), piece_bytes_max=100)


def test_endless_depth_is_not_read_to_its_end() -> None:
    made = splitter(LISTS, VALUES, 1_000)
    with pytest.raises(ValueError, match="shape"):
        made.feed(b'{"x":' + b"[" * 1_000)
