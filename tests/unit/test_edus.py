"""EDUs as they go out, against the spec's own shapes (conformance/spec)."""

import msgspec

from timserver.matrix import edus
from timserver.matrix.edus import DeviceChange, Receipt, UserPresence


def receipt(user: str, room: str = "!a", event_id: str = "$1", thread: str = "") -> Receipt:
    return Receipt(room_id=room, user_id=user, event_id=event_id, ts=5, thread=thread)


def test_one_receipt_edu_holds_all_rooms_and_users() -> None:
    assert edus.receipts([receipt("@a:x"), receipt("@b:x"), receipt("@a:x", "!b", "$2")]) == [
        {
            "edu_type": "m.receipt",
            "content": {
                "!a": {
                    "m.read": {
                        "@a:x": {"event_ids": ["$1"], "data": {"ts": 5}},
                        "@b:x": {"event_ids": ["$1"], "data": {"ts": 5}},
                    }
                },
                "!b": {"m.read": {"@a:x": {"event_ids": ["$2"], "data": {"ts": 5}}}},
            },
        }
    ]


def test_threads_of_a_user_in_a_room_need_an_edu_each() -> None:
    threads = [receipt("@a:x", thread="main"), receipt("@a:x", thread="$t"), receipt("@b:x")]
    first, second = msgspec.json.decode(msgspec.json.encode(edus.receipts(threads)))
    room = first["content"]["!a"]["m.read"]
    assert room.keys() == {"@a:x", "@b:x"}
    assert room["@a:x"]["data"] == {"ts": 5, "thread_id": "main"}
    assert second["content"] == {
        "!a": {"m.read": {"@a:x": {"event_ids": ["$1"], "data": {"ts": 5, "thread_id": "$t"}}}}
    }


def test_no_receipts_no_edu() -> None:
    assert edus.receipts([]) == []


def test_presence_says_how_long_ago() -> None:
    users = [
        UserPresence(user_id="@a:x", presence=2, status_msg="there", last_active_ts=99_000),
        UserPresence(user_id="@b:x", presence=0, status_msg=None, last_active_ts=200_000),
    ]
    assert edus.presence(users, 100_000)["content"] == {
        "push": [
            {
                "user_id": "@a:x",
                "presence": "online",
                "last_active_ago": 1000,
                "status_msg": "there",
                "currently_active": True,
            },
            {"user_id": "@b:x", "presence": "offline", "last_active_ago": 0, "currently_active": False},
        ]
    }


def test_a_device_list_update() -> None:
    change = DeviceChange(
        user_id="@a:x",
        device_id="D",
        stream_id=7,
        prev_id=(5,),
        is_deleted=False,
        keys=msgspec.Raw(b'{"keys":{}}'),
    )
    told = msgspec.json.decode(msgspec.json.encode(edus.device_list_update(change)))
    assert told == {
        "edu_type": "m.device_list_update",
        "content": {
            "user_id": "@a:x",
            "device_id": "D",
            "stream_id": 7,
            "prev_id": [5],
            "keys": {"keys": {}},
        },
    }
    gone = edus.device_list_update(msgspec.structs.replace(change, is_deleted=True, prev_id=()))
    assert gone["content"] == {
        "user_id": "@a:x",
        "device_id": "D",
        "stream_id": 7,
        "prev_id": [],
        "deleted": True,
    }


def test_typing() -> None:
    assert edus.typing("!a", "@a:x", is_typing=False) == {
        "edu_type": "m.typing",
        "content": {"room_id": "!a", "user_id": "@a:x", "typing": False},
    }
