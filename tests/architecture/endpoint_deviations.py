"""Where our endpoints differ from the specification's OpenAPI files, and why. The test wants exactly these."""

NO_ADDRESSES = "addresses are not bound here: the answer is the same whatever is asked"

DEVIATIONS: dict[str, dict[str, str]] = {
    "deactivate_account": {"auth": "without a token there is no way here to prove who one is"},
    "change_password": {"auth": "without a token there is no way here to prove who one is"},
    "get_admin_lock_user": {"auth": "the spec says 'required' and means administrators"},
    "set_admin_lock_user": {"auth": "the spec says 'required' and means administrators"},
    "get_admin_suspend_user": {"auth": "the spec says 'required' and means administrators"},
    "set_admin_suspend_user": {"auth": "the spec says 'required' and means administrators"},
    "get_user_profile": {"auth": "A_26289: TI-M tenants answer only with a token"},
    "get_profile_field": {"auth": "A_26289: TI-M tenants answer only with a token"},
    "get_room_visibility_on_directory": {"auth": "A_26518: TI-M tenants answer only with a token"},
    "get_public_rooms": {"auth": "A_26518: TI-M tenants answer only with a token"},
    "query_public_rooms": {
        "auth": "A_28587: ePA tenants refuse before they ask for a token; others want one"
    },
    "get_versions": {"auth": "the answer is the same for everybody"},
    "delete3pid_from_account": {"body": NO_ADDRESSES},
    "unbind3pid_from_account": {"body": NO_ADDRESSES},
    "join_room": {"query": "server_name: the name of via before Matrix 1.12"},
    "knock_room": {"query": "server_name: the name of via before Matrix 1.12"},
    "report_event": {"body": "score: clients before Matrix 1.8 send it"},
    "sync": {
        "query": "org.matrix.msc4222.use_state_after: the name before Matrix 1.16",
        "response": "device_unused_fallback_key_types: in the prose, not in the OpenAPI file",
    },
    "get_turn_server": {"response": "empty without a TURN server, as every client expects it"},
}

SERVER_DEVIATIONS: dict[str, dict[str, str]] = {
    "get_version": {"auth": "A_26331: TI-M tenants answer only to signed requests"},
}

MODULES: dict[str, frozenset[str]] = {
    "membership": frozenset(
        {"joining", "knocking", "inviting", "leaving", "kicking", "banning", "list_joined_rooms"}
    ),
    "receipts": frozenset({"read_markers"}),
}
"""Modules that hold several OpenAPI files whose endpoints are three lines each."""

NOT_IN_THE_SPEC: dict[str, str] = {
    "get_registration_nonce": "registration by shared secret, as tools and conformance suites expect it",
    "register_with_secret": "registration by shared secret, as tools and conformance suites expect it",
    "send_server_notice": "the spec says what notices are, not how they are sent; as tools expect it",
    "send_server_notice_repeatably": "the same with a transaction id",
    "send_join_v1": "no more in the spec; older servers and conformance suites ask for it",
    "send_leave_v1": "no more in the spec; older servers and conformance suites ask for it",
    "get_wellknown_server": "of the server-server API; stands on the same port as the client's",
    "send_message_once": "without a transaction id, as before r0; still what scripts and conformance suites send",
    "put_dehydrated_device": "MSC3814, which TI-M demands (A_26574)",
    "get_dehydrated_device": "MSC3814, which TI-M demands (A_26574)",
    "delete_dehydrated_device": "MSC3814, which TI-M demands (A_26574)",
    "get_dehydrated_device_events": "MSC3814, which TI-M demands (A_26574)",
    "post_dehydrated_device_events": "MSC3814, which TI-M demands (A_26574)",
}
