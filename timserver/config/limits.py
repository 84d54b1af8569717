"""Every bound on bodies, depths, pages, queues and waits (STYLE 9: each has one).

Units stand last in a name. The spec's own limits (a PDU's 65,536 bytes, an identifier's 255) are not settings and
stand in `timserver.matrix`.
"""

from pydantic import BaseModel, ConfigDict, Field, PositiveInt


class Limits(BaseModel):
    """The defaults are meant for production; a test or a conformance suite may lower or raise them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    json_body_bytes_max: PositiveInt = Field(default=1_048_576, description="JSON body of a client request.")
    json_depth_max: PositiveInt = Field(default=100, description="Nesting of JSON in any request.")
    federation_body_bytes_max: PositiveInt = Field(
        default=12_582_912,
        description="JSON body of a federation request (50 PDUs and 100 EDUs of full size).",
    )
    federation_missing_events_max: PositiveInt = Field(
        default=20, description="Events that one get_missing_events brings."
    )
    federation_backfill_events_max: PositiveInt = Field(
        default=100, description="Events that one backfill brings."
    )
    federation_fetch_requests_max: PositiveInt = Field(
        default=60, description="Requests to another server for what is missing before one event."
    )
    federation_state_events_max: PositiveInt = Field(
        default=500_000, description="State and auth chain that another server tells at once."
    )
    federation_answer_bytes_max: PositiveInt = Field(
        default=33_554_432,
        description="Another server's answer, after inflation, unless the question says more.",
    )
    federation_transactions_at_once: PositiveInt = Field(
        default=3, description="Transactions of one server that a process receives for a tenant at once."
    )
    federation_events_at_once: PositiveInt = Field(
        default=1,
        description="Events of one server that a process admits at once while others ask, too, over all tenants.",
    )
    federation_receive_s_max: PositiveInt = Field(
        default=10,
        description="Time for the events of one room in a transaction; what is left waits in the inbox.",
    )
    inbox_events_max: PositiveInt = Field(
        default=5_000,
        description="Events of one server that wait for what is missing before them, per tenant.",
    )
    inbox_attempts_max: PositiveInt = Field(
        default=10, description="How often in vain, before an event that waits is given up."
    )
    inbox_rooms_at_once: PositiveInt = Field(
        default=20, description="Rooms whose waiting events a process works off at once."
    )
    inbox_rooms_of_server_at_once: PositiveInt = Field(
        default=8, description="Of these, rooms of one sending server, over all tenants and processes."
    )
    join_answer_bytes_max: PositiveInt = Field(
        default=268_435_456, description="A room's state and auth chains, as another server answers a join."
    )
    join_answer_s_max: PositiveInt = Field(
        default=300, description="Time for another server's answer to a join."
    )
    joins_bytes_max: PositiveInt = Field(
        default=335_544_320,
        description="Such answers that a process works on at once; what is beyond waits. 1 MiB of each does not count. "
        "Until a room is stored it takes some nine times as much memory.",
    )
    leave_s_max: PositiveInt = Field(
        default=20, description="How long a user who leaves waits for other servers to take notice."
    )
    policy_server_s_max: PositiveInt = Field(
        default=5,
        description="Time for a room's policy server to sign an event, before it counts as refused.",
    )
    notices_at_once_max: PositiveInt = Field(
        default=10_000, description="Users who are told that a server is not in the federation list."
    )
    third_party_invites_max: PositiveInt = Field(
        default=20, description="Invites of an address that an identity server may tell of at once."
    )
    handshake_servers_max: PositiveInt = Field(
        default=20, description="Servers that are asked in turn to let a user into a room."
    )
    servers_in_room_max: PositiveInt = Field(
        default=5_000, description="Servers that are named to one that joins without members."
    )
    shown_state_events_max: PositiveInt = Field(
        default=100, description="State events that another server shows with an invite or a knock."
    )
    shown_state_bytes_max: PositiveInt = Field(default=524_288, description="Their size together.")
    url_bytes_max: PositiveInt = Field(default=16_384, description="Request line: path and query.")
    header_bytes_max: PositiveInt = Field(default=16_384, description="One request header.")
    request_body_s_max: PositiveInt = Field(default=30, description="Time to receive a JSON body.")
    upload_idle_s_max: PositiveInt = Field(
        default=30, description="Silence after which an upload is given up."
    )

    user_requests_at_once: PositiveInt = Field(
        default=2, description="Requests of one user that a process works on at once; more wait."
    )
    tenant_requests_at_once: PositiveInt = Field(
        default=1,
        description="Requests of one tenant's users that a process works on at once while others ask, too.",
    )
    user_requests_waiting_max: PositiveInt = Field(
        default=50, description="Requests of one user that wait, before 429."
    )
    tenant_requests_waiting_max: PositiveInt = Field(
        default=500, description="Requests of the users of one tenant that wait, before 429."
    )
    refusal_pause_ms_max: PositiveInt = Field(
        default=500, description="Who asks too often hears so after a pause, of at most this length."
    )

    sync_timeout_ms_max: PositiveInt = Field(default=90_000, description="Longest wait of a long poll.")
    sync_timeline_events_max: PositiveInt = Field(
        default=100, description="Timeline events per room of one sync."
    )
    sync_to_device_max: PositiveInt = Field(default=100, description="To-device messages of one sync.")
    long_polls_per_user_max: PositiveInt = Field(default=20, description="Waiting syncs of one user.")
    recent_facts_max: PositiveInt = Field(
        default=20_000,
        description="Positions of all tenants that a process keeps in memory for incremental syncs.",
    )
    poll_interval_ms: PositiveInt = Field(
        default=3_000, description="How long a lost wake-up may delay another process's event."
    )

    page_events_max: PositiveInt = Field(default=1_000, description="`limit` of /messages and /relations.")
    page_events_default: PositiveInt = Field(default=10, description="`limit` when the client gives none.")
    context_events_max: PositiveInt = Field(default=100, description="`limit` of /context.")
    page_rooms_max: PositiveInt = Field(
        default=500, description="`limit` of the room directory and the hierarchy."
    )
    search_results_max: PositiveInt = Field(default=50, description="`limit` of /search.")
    user_search_results_max: PositiveInt = Field(default=50, description="`limit` of the user directory.")

    remote_keys_ms_max: PositiveInt = Field(
        default=10_000, description="How long a question for keys waits for other servers."
    )
    backfill_events_max: PositiveInt = Field(
        default=100, description="Events of one /backfill that another server asks for."
    )
    missing_events_max: PositiveInt = Field(
        default=50, description="Events of one /get_missing_events that another server asks for."
    )
    resident_servers_max: PositiveInt = Field(
        default=200, description="Servers of a room that are named to who asks for an alias."
    )

    account_data_bytes_max: PositiveInt = Field(default=262_144, description="One account data event.")
    filter_bytes_max: PositiveInt = Field(default=65_536, description="One stored filter.")
    filters_per_user_max: PositiveInt = Field(default=1_000, description="Stored filters of one user.")
    devices_per_user_max: PositiveInt = Field(default=200, description="Devices of one user.")
    one_time_keys_per_device_max: PositiveInt = Field(
        default=1_000, description="Unclaimed one-time keys of one device and algorithm."
    )
    to_device_messages_max: PositiveInt = Field(
        default=10_000, description="Undelivered to-device messages of one device; the oldest go first."
    )
    room_keys_batch_max: PositiveInt = Field(
        default=10_000, description="Session keys of one backup request."
    )
    push_rules_per_user_max: PositiveInt = Field(default=1_000, description="Own push rules of one user.")
    typing_ms_max: PositiveInt = Field(default=120_000, description="Longest `timeout` of a typing notice.")
    aliases_per_room_max: PositiveInt = Field(default=100, description="Local aliases of one room.")
    create_room_invites_max: PositiveInt = Field(default=100, description="`invite` of createRoom.")

    pending_uploads_per_user_max: PositiveInt = Field(
        default=50, description="Media ids announced, not uploaded."
    )
    pending_upload_s_max: PositiveInt = Field(
        default=86_400, description="Life of a media id without content."
    )
    media_wait_ms_max: PositiveInt = Field(default=60_000, description="`timeout_ms` of a media download.")
    remote_media_at_once_max: PositiveInt = Field(
        default=32, description="Files that a process fetches from other servers at the same time."
    )
    thumbnail_pixels_max: PositiveInt = Field(
        default=50_000_000, description="Width × height of a picture that is still decoded."
    )
    thumbnail_bytes_max: PositiveInt = Field(
        default=33_554_432, description="Size of a picture that is still decoded."
    )
    thumbnail_memory_bytes_max: PositiveInt = Field(
        default=268_435_456, description="Address space of the child process that decodes."
    )
    thumbnail_s_max: PositiveInt = Field(default=5, description="Processor time of one decode.")
    thumbnail_children_max: PositiveInt = Field(
        default=2, description="Decoding child processes of one process."
    )

    preview_page_bytes_max: PositiveInt = Field(
        default=1_048_576, description="What is read of a page for its preview."
    )
    preview_picture_bytes_max: PositiveInt = Field(
        default=10_485_760, description="Size of a picture in a preview."
    )
    preview_s_max: PositiveInt = Field(default=15, description="How long a page or picture is waited for.")
    previews_at_once_max: PositiveInt = Field(
        default=16, description="Previews that a process makes at the same time."
    )
    previews_cached_max: PositiveInt = Field(default=1_000, description="Previews that a process remembers.")

    federation_sends_max: PositiveInt = Field(
        default=50, description="Transactions to other servers that a process has under way."
    )
    federation_sends_per_tenant_max: PositiveInt = Field(
        default=20, description="Of these, those of one tenant."
    )
    federation_probes_max: PositiveInt = Field(
        default=10, description="Of these, those to servers that did not answer before."
    )
    federation_retry_after_ms_max: PositiveInt = Field(
        default=300_000, description="Longest wait that another server may ask for."
    )
    outbox_events_per_destination_max: PositiveInt = Field(
        default=100,
        description="Events kept for a server that does not answer; with more it gets the newest of each room.",
    )
    outbox_events_max: PositiveInt = Field(
        default=10_000, description="Events kept for all other servers of a tenant together."
    )
    to_device_outbox_messages_max: PositiveInt = Field(
        default=10_000, description="Messages to devices kept for one server; the oldest go first."
    )
    to_device_outbox_bytes_max: PositiveInt = Field(
        default=20 * 1_048_576, description="Size of the messages to devices kept for one server."
    )
    to_device_outbox_s_max: PositiveInt = Field(
        default=30 * 86_400, description="How long messages to devices are kept for a server that is away."
    )

    append_retries_max: PositiveInt = Field(
        default=20, description="How often a send reloads a room that another process changed, before 503."
    )
    database_wait_ms_max: PositiveInt = Field(
        default=10_000, description="Wait for a connection, before 503."
    )
    rooms_cached_max: PositiveInt = Field(default=10_000, description="Rooms whose head is kept in memory.")
    rooms_cached_bytes_max: PositiveInt = Field(
        default=256 << 20, description="Memory for these rooms, about; one of 100 events takes 150 KiB."
    )
    tenants_cached_max: PositiveInt = Field(default=20_000, description="Tenants kept in memory.")
    server_keys_stored_max: PositiveInt = Field(
        default=1_000_000,
        description="Keys of other servers in the database; those told of longest ago go first.",
    )
    server_key_days_max: PositiveInt = Field(
        default=400, description="How long a key is kept that nobody has told of again."
    )
    served_pdus_at_once: PositiveInt = Field(
        default=1_000, description="Events of a long answer to another server that are in memory at a time."
    )
    server_keys_cached_max: PositiveInt = Field(
        default=20_000, description="Public keys of other servers kept in memory."
    )
    signatures_cached_max: PositiveInt = Field(
        default=20_000, description="Verified signatures of events that are remembered for other tenants."
    )
    state_events_cached_bytes_max: PositiveInt = Field(
        default=16 << 20,
        description="Memory for what state resolution must know of events, so that it need not read them again.",
    )
    server_key_fetches_max: PositiveInt = Field(
        default=50, description="Servers that are asked for their keys at the same time, for one batch."
    )
    server_key_fetch_s_max: PositiveInt = Field(
        default=20, description="Time for asking servers themselves, before notaries are asked for the rest."
    )
    notary_servers_max: PositiveInt = Field(
        default=100, description="Servers in one key query to us as a notary."
    )
    tokens_cached_max: PositiveInt = Field(
        default=50_000, description="Access tokens (hashes) kept in memory."
    )
