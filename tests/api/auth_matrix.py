"""The table behind `test_auth_matrix.py`: one row per route, with what a stranger gets (RELIABILITY S1).

The requests name things of Alice's: her room, message, device, account data. The stranger is Bob, a user of the same
tenant who shares nothing with her. `stranger` is what Bob gets, `missing` what he gets when there is no such thing at
all (the same, unless the row says otherwise), `alice` is what she gets herself, `anybody` what comes without a token.
"""

from typing import Any

import msgspec

DENIED = "403 M_FORBIDDEN"
ABSENT = "404 M_NOT_FOUND"
OK = "200"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one route answers, as status and errcode."""

    stranger: str
    missing: str | None = None
    alice: str | None = OK
    """None: it would spoil her for the other routes."""
    anybody: str | None = None
    body: Any = None
    query: str = ""
    own: bool = False
    """The route names nothing of Alice's: the stranger gets or changes what is the stranger's own."""


def denied(body: Any = None, **more: Any) -> Row:
    """Alice's, and closed to others."""
    return Row(**{"stranger": DENIED, "body": body, **more})


def absent(body: Any = None, **more: Any) -> Row:
    """Alice's, and not there for others."""
    return Row(**{"stranger": ABSENT, "body": body, **more})


def own(body: Any = None, answer: str = OK, **more: Any) -> Row:
    """Everybody's own."""
    return Row(**{"stranger": answer, "alice": answer, "own": True, "body": body, **more})


def public(answer: str, body: Any = None, **more: Any) -> Row:
    """Needs no token, and none changes the answer."""
    return Row(stranger=answer, alice=answer, anybody=answer, body=body, own=True, **more)


MESSAGE = {"msgtype": "m.text", "body": "hello"}
INVITE = {"user_id": "{carol}"}
NOTICE = {"user_id": "{alice}", "content": MESSAGE}
KEY = {"first_message_index": 0, "forwarded_count": 0, "is_verified": False, "session_data": {"a": "b"}}
BACKUP = {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": "abc"}}
PUSHER = {
    "app_id": "org.example",
    "pushkey": "bob",
    "kind": "http",
    "app_display_name": "App",
    "device_display_name": "Phone",
    "lang": "de",
    "data": {"url": "https://push.example.org/_matrix/push/v1/notify"},
}
RULE = {"pattern": "x", "actions": ["notify"]}
REPORT = {"reason": "rude"}

ACCOUNTS = {
    "deactivate_account": own({}, answer="401"),
    "change_password": own({"new_password": "another one"}, answer="401"),
    "get_token_owner": own(),
    "logout": own(alice=None),
    "logout_all": own(alice=None),
    "get_capabilities": own(),
    "send_server_notice": denied(NOTICE, alice=DENIED),
    "send_server_notice_repeatably": denied(NOTICE, alice=DENIED),
    "request_open_id_token": denied({}),
    "get_who_is": denied(),
    "get_admin_lock_user": denied(alice=DENIED),
    "set_admin_lock_user": denied({"locked": True}, alice=DENIED),
    "get_admin_suspend_user": denied(alice=DENIED),
    "set_admin_suspend_user": denied({"suspended": True}, alice=DENIED),
    "get_account3_pids": own(),
    "post3_pids": own({}, answer="403 M_THREEPID_DENIED"),
    "add3_pid": own({}, answer="403 M_THREEPID_DENIED"),
    "bind3_pid": own({}, answer="403 M_THREEPID_DENIED"),
    "delete3pid_from_account": own({}),
    "unbind3pid_from_account": own({}),
    "request_token_to3_pid_email": public("403 M_THREEPID_DENIED", {}),
    "request_token_to3_pidmsisdn": public("403 M_THREEPID_DENIED", {}),
    "request_token_to_register_email": public("403 M_THREEPID_DENIED", {}),
    "request_token_to_register_msisdn": public("403 M_THREEPID_DENIED", {}),
    "request_token_to_reset_password_email": public("400 M_THREEPID_NOT_FOUND", {}),
    "request_token_to_reset_password_msisdn": public("400 M_THREEPID_NOT_FOUND", {}),
    "get_login_flows": public(OK),
    "login": public("403 M_FORBIDDEN", {"type": "m.login.password", "user": "alice", "password": "wrong"}),
    "refresh": public("401 M_UNKNOWN_TOKEN", {"refresh_token": "wrong"}),
    "register": public("401", {}),
    "check_username_availability": public(OK, query="?username=free"),
    "get_registration_nonce": public(OK),
    "register_with_secret": public("400 M_MISSING_PARAM", {}),
}

DISCOVERY = {
    "get_versions": public(OK),
    "get_wellknown": public(OK),
    "get_wellknown_server": public(OK),
    "get_wellknown_support": public(ABSENT),
    "get_protocols": own(),
    "get_protocol_metadata": own(answer=ABSENT),
    "query_location_by_protocol": own(answer=ABSENT),
    "query_user_by_protocol": own(answer=ABSENT),
    "query_location_by_alias": own(answer=ABSENT),
    "query_user_by_id": own(answer=ABSENT),
    "get_turn_server": own(),
}

DEVICES = {
    "get_devices": own(),
    "get_device": absent(),
    "update_device": absent({"display_name": "mine now"}),
    "delete_device": own({}, answer="401"),
    "delete_devices": own({"devices": ["OTHER"]}, answer="401"),
    "get_pushers": own(),
    "post_pusher": own(PUSHER),
}

PERSONAL = {
    "get_account_data": denied(),
    "set_account_data": denied({"a": 2}),
    "get_account_data_per_room": denied(),
    "set_account_data_per_room": denied({"a": 2}),
    "get_room_tags": denied(),
    "set_room_tag": denied({}),
    "delete_room_tag": denied(alice=None),
    "define_filter": denied({}),
    "get_filter": denied(),
    "get_user_profile": Row(stranger=OK, missing=ABSENT, anybody=OK),
    "get_profile_field": Row(stranger=OK, missing=ABSENT, anybody=OK),
    "set_profile_field": denied({"displayname": "mine now"}),
    "delete_profile_field": denied(alice=None),
    "search_user_directory": own({"search_term": "alice"}),
    "get_push_rules": own(),
    "get_push_rules_global": own(),
    "get_push_rule": absent(),
    "set_push_rule": own(RULE),
    "delete_push_rule": absent(alice=None),
    "is_push_rule_enabled": absent(),
    "set_push_rule_enabled": absent({"enabled": True}),
    "get_push_rule_actions": absent(),
    "set_push_rule_actions": absent({"actions": ["notify"]}),
    "get_presence": denied(),
    "set_presence": denied({"presence": "online"}),
}

ROOMS = {
    "create_room": own({}),
    "get_joined_rooms": own(),
    "sync": own(query="?timeout=0"),
    "join_room_by_id": denied({}, missing=ABSENT),  # with federation, unknown here may exist elsewhere
    "join_room": denied({}, missing=ABSENT),
    "knock_room": denied({}, alice=DENIED, missing=ABSENT),
    "invite_user": denied(INVITE),
    "leave_room": denied({}, alice=None),
    "kick": denied({"user_id": "{alice}"}, alice=None),
    "ban": denied({"user_id": "{alice}"}, alice=None),
    "unban": denied({"user_id": "{alice}"}, alice=None),
    "forget_room": denied({}, alice=None),
    "get_room_events": denied(query="?dir=b"),
    "get_event_context": denied(),
    "get_one_room_event": absent(),
    "get_room_state": denied(),
    "get_room_state_with_key": denied(),
    "get_members_by_room": denied(),
    "get_joined_members_by_room": denied(),
    "send_message": denied(MESSAGE),
    "send_message_once": denied(MESSAGE),
    "redact_event": denied({}, alice=None),
    "set_room_state_with_key": denied({"topic": "mine now"}),
    "post_receipt": denied({}),
    "set_read_marker": denied({"m.fully_read": "{event}"}),
    "set_typing": denied({"typing": True}),
    "get_relating_events": denied(),
    "get_relating_events_with_rel_type": denied(),
    "get_relating_events_with_rel_type_and_event_type": denied(),
    "get_thread_roots": denied(),
    "get_event_by_timestamp": denied(query="?ts=0&dir=f"),
    "get_room_id_by_alias": public(OK),
    "set_room_alias": denied({"room_id": "{room}"}, alice="409 M_ROOM_IN_USE"),
    "delete_room_alias": denied(alice=None, missing=ABSENT),
    "get_local_aliases": denied(),
    "get_room_visibility_on_directory": Row(stranger=OK, missing=ABSENT, anybody=OK),
    "set_room_visibility_on_directory": denied({"visibility": "private"}),
    "get_public_rooms": own(anybody=OK),
    "query_public_rooms": own({}, anybody="401 M_MISSING_TOKEN"),
    "upgrade_room": denied({"new_version": "11"}, alice=None),
    "get_room_summary": absent(),
    "get_mutual_rooms": own(query="?user_id={alice}", alice="400 M_INVALID_PARAM"),
    "get_space_hierarchy": denied(),
    "search": own({"search_categories": {}}),
    "report_room": Row(stranger=OK, body=REPORT),
    "report_event": absent(REPORT),
    "report_user": Row(stranger=OK, body=REPORT),
}

KEYS = {
    "upload_keys": own({}),
    "query_keys": own({"device_keys": {"{alice}": []}}),
    "claim_keys": own({"one_time_keys": {"{alice}": {"OTHER": "signed_curve25519"}}}),
    "get_keys_changes": own(query="?from={token}&to={token}"),
    "upload_cross_signing_keys": own({}),
    "upload_cross_signing_signatures": own({}),
    "send_to_device": own({"messages": {}}),
    "put_dehydrated_device": own({}, answer="400 M_MISSING_PARAM"),
    "get_dehydrated_device": own(answer=ABSENT),
    "delete_dehydrated_device": own(answer=ABSENT),
    "get_dehydrated_device_events": own(answer=DENIED),
    "post_dehydrated_device_events": own({}, answer=DENIED),
    "post_room_keys_version": own(BACKUP, alice=None),
    "get_room_keys_version_current": absent(),
    "get_room_keys_version": absent(),
    "put_room_keys_version": absent(BACKUP),
    "delete_room_keys_version": absent(alice=None),
    "put_room_keys": absent({"rooms": {"{room}": {"sessions": {"s": KEY}}}}, query="?version={version}"),
    "put_room_keys_by_room_id": absent({"sessions": {"s": KEY}}, query="?version={version}"),
    "put_room_key_by_session_id": absent(KEY, query="?version={version}"),
    "get_room_keys": absent(query="?version={version}"),
    "get_room_keys_by_room_id": absent(query="?version={version}"),
    "get_room_key_by_session_id": absent(query="?version={version}"),
    "delete_room_keys": absent(query="?version={version}", alice=None),
    "delete_room_keys_by_room_id": absent(query="?version={version}", alice=None),
    "delete_room_key_by_session_id": absent(query="?version={version}", alice=None),
}

MEDIA = {
    "get_config": own(),
    "get_config_authed": own(),
    "create_content": own(),
    "upload_content": own(b"hello"),
    "upload_content_to_mxc": denied(b"mine now", alice="409 M_CANNOT_OVERWRITE_MEDIA", missing=ABSENT),
    "get_url_preview": own(query="?url=https://example.org", answer="404 M_UNRECOGNIZED"),
    "get_url_preview_authed": own(query="?url=https://example.org", answer="404 M_UNRECOGNIZED"),
    "get_content_authed": Row(stranger=OK, missing=ABSENT),
    "get_content_override_name_authed": Row(stranger=OK, missing=ABSENT),
    "get_content_thumbnail_authed": own(query="?width=32&height=32", answer="400 M_UNKNOWN"),
    "get_content": public(ABSENT),
    "get_content_override_name": public(ABSENT),
    "get_content_thumbnail": public(ABSENT, query="?width=32&height=32"),
}

ROWS = ACCOUNTS | DISCOVERY | DEVICES | PERSONAL | ROOMS | KEYS | MEDIA
