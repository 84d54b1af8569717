import json
from typing import Any

from msgspec import Raw

from timserver.matrix import client_event
from timserver.matrix.client_event import Unsigned
from timserver.matrix.relations import Bundle, ReferenceBundle, ReferencedBy, ThreadBundle

PDU: dict[str, Any] = {
    "auth_events": ["$a", "$b"],
    "content": {"body": "ä\u0000 \U0001f44d", "old": 1.50},
    "depth": 5,
    "hashes": {"sha256": "x"},
    "origin_server_ts": 1_700_000_000_000,
    "prev_events": ["$c"],
    "room_id": "!room:example.org",
    "sender": "@alice:example.org",
    "signatures": {},
    "type": "m.room.message",
    "unsigned": {"age": 99, "evil": True},
}


def pdu(**changes: object) -> bytes:
    return json.dumps({**PDU, **changes}).encode()


def client(raw: Raw) -> Any:
    return json.loads(bytes(raw))


def test_only_the_fields_of_the_client_form_leave() -> None:
    event = client_event.from_pdu(pdu(), "$id", room_id="!room:example.org")
    assert client(event) == {
        "content": PDU["content"],
        "event_id": "$id",
        "origin_server_ts": 1_700_000_000_000,
        "room_id": "!room:example.org",
        "sender": "@alice:example.org",
        "type": "m.room.message",
    }


def test_content_leaves_byte_for_byte() -> None:
    content = b'{ "z" : 1.500, "big": 123456789012345678901234567890, "a":"\\u00e4\\u0000" }'
    body = pdu().replace(json.dumps(PDU["content"]).encode(), content)
    assert content in body
    assert content in bytes(client_event.from_pdu(body, "$id"))
    assert bytes(client_event.content_of(body)) == content


def test_sync_leaves_out_the_room_id_and_state_keeps_its_key() -> None:
    event = client(client_event.from_pdu(pdu(type="m.room.topic", state_key=""), "$id"))
    assert "room_id" not in event
    assert event["state_key"] == ""
    assert "unsigned" not in event


def test_unsigned_says_only_what_is_known() -> None:
    unsigned = Unsigned(
        age=5,
        transaction_id="t1",
        membership="join",
        prev_content=Raw(b'{"topic":"old"}'),
        replaces_state="$old",
        redacted_because=Raw(b'{"type":"m.room.redaction"}'),
        relations=Bundle(
            reference=ReferenceBundle([ReferencedBy("$one")]),
            thread=ThreadBundle(Raw(b'{"event_id":"$t"}'), 7, True),
        ),
    )
    assert client(client_event.from_pdu(pdu(), "$id", unsigned=unsigned))["unsigned"] == {
        "age": 5,
        "transaction_id": "t1",
        "membership": "join",
        "prev_content": {"topic": "old"},
        "replaces_state": "$old",
        "redacted_because": {"type": "m.room.redaction"},
        "m.relations": {
            "m.reference": {"chunk": [{"event_id": "$one"}]},
            "m.thread": {"latest_event": {"event_id": "$t"}, "count": 7, "current_user_participated": True},
        },
    }
    assert client(client_event.from_pdu(pdu(), "$id", unsigned=Unsigned(age=0)))["unsigned"] == {"age": 0}


def test_redacts_stands_in_both_places_whatever_the_room_version() -> None:
    old = client(
        client_event.from_pdu(pdu(type="m.room.redaction", redacts="$r", content={"reason": "x"}), "$id")
    )
    assert (old["redacts"], old["content"]) == ("$r", {"reason": "x", "redacts": "$r"})
    new = client(client_event.from_pdu(pdu(type="m.room.redaction", content={"redacts": "$r"}), "$id"))
    assert (new["redacts"], new["content"]) == ("$r", {"redacts": "$r"})
    both = client(
        client_event.from_pdu(pdu(type="m.room.redaction", redacts="$1", content={"redacts": "$2"}), "$id")
    )
    assert (both["redacts"], both["content"]) == ("$1", {"redacts": "$2"})
    none = client(client_event.from_pdu(pdu(type="m.room.redaction", content={}), "$id"))
    assert "redacts" not in none


def test_what_is_no_redaction_redacts_nothing() -> None:
    assert "redacts" not in client(client_event.from_pdu(pdu(redacts={"not": "an id"}), "$id"))


def test_stripped_state() -> None:
    body = pdu(type="m.room.name", state_key="", content={"name": "Ward"})
    assert client(client_event.stripped(body)) == {
        "content": {"name": "Ward"},
        "sender": "@alice:example.org",
        "state_key": "",
        "type": "m.room.name",
    }


def test_the_federation_form_is_the_pdu_with_its_id() -> None:
    assert client(client_event.federation_form(pdu(), "$id")) == {**PDU, "event_id": "$id"}
    with_id = pdu(event_id="$own:example.org")
    assert bytes(client_event.federation_form(with_id, "$own:example.org")) == with_id
