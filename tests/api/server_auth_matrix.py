"""The table behind `test_server_auth_matrix.py`: one row per route for servers (RELIABILITY S1).

Path parameters are filled with what exists at the destination: a room, an event in it and a user who is there.
The asking server has proved who it is and shares nothing with the destination: `stranger` is what it gets.
"""

from typing import Any

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a server that shares no room gets, as status and errcode."""

    stranger: str
    body: Any = None
    query: str = ""


UNKNOWN, FORBIDDEN = "404 M_NOT_FOUND", "403 M_FORBIDDEN"
NO_EVENT = "400 M_INVALID_PARAM"

ROWS = {
    "get_version": Row(stranger="200"),
    "get_server_key": Row(stranger="200"),
    "perspectives_key_query": Row(stranger="200"),
    "bulk_perspectives_key_query": Row(stranger="200", body={"server_keys": {}}),
    "get_content": Row(stranger=UNKNOWN),
    "get_content_thumbnail": Row(stranger=UNKNOWN, query="?width=32&height=32"),
    "send_transaction": Row(stranger="200", body={"pdus": [], "edus": []}),
    "get_event": Row(stranger=UNKNOWN),
    "get_room_state": Row(stranger=FORBIDDEN, query="?event_id={eventId}"),
    "get_room_state_ids": Row(stranger=FORBIDDEN, query="?event_id={eventId}"),
    "get_event_by_timestamp": Row(stranger=FORBIDDEN, query="?ts=1&dir=f"),
    "get_event_auth": Row(stranger=FORBIDDEN),
    "backfill_room": Row(stranger=FORBIDDEN, query="?v={eventId}&limit=1"),
    "get_missing_previous_events": Row(
        stranger=FORBIDDEN, body={"earliest_events": [], "latest_events": ["$a"]}
    ),
    "get_space_hierarchy": Row(stranger=UNKNOWN),
    "get_public_rooms": Row(stranger="200"),
    "query_public_rooms": Row(stranger="200", body={}),
    "query_room_directory": Row(stranger=UNKNOWN, query="?room_alias=%23nowhere%3A{serverName}"),
    "query_profile": Row(stranger="200", query="?user_id={userId}"),
    "query_info": Row(stranger="404 M_UNRECOGNIZED"),
    "exchange_open_id_token": Row(stranger="401 M_UNKNOWN_TOKEN", query="?access_token=unknown"),
    "get_user_devices": Row(stranger="200"),
    "query_user_encryption_keys": Row(stranger="200", body={"device_keys": {}}),
    "claim_user_encryption_keys": Row(stranger="200", body={"one_time_keys": {}}),
    "make_join": Row(stranger=FORBIDDEN),
    "make_leave": Row(stranger=FORBIDDEN),
    "make_knock": Row(stranger=FORBIDDEN, query="?ver=10"),
    "send_join_v1": Row(stranger=NO_EVENT, body={}),
    "send_leave_v1": Row(stranger=NO_EVENT, body={}),
    "send_join_v2": Row(stranger=NO_EVENT, body={}),
    "send_leave_v2": Row(stranger=NO_EVENT, body={}),
    "send_knock": Row(stranger=NO_EVENT, body={}),
    "send_invite_v1": Row(stranger=NO_EVENT, body={}),
    "send_invite_v2": Row(stranger=NO_EVENT, body={"room_version": "10", "event": {}}),
    "exchange_third_party_invite": Row(stranger=NO_EVENT, body={}),
    "on_bind_third_party_identifier": Row(
        stranger=NO_EVENT, body={"medium": "email", "address": "a@b", "mxid": "@a:b", "invites": []}
    ),
}
