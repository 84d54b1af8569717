"""Tables `device_key`, `one_time_key`, `fallback_key`, `key_count_change`. JSON is canonical: equal keys are equal bytes."""

from collections.abc import Collection, Sequence

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

COUNTED_ALWAYS = "signed_curve25519"
"""A count of zero is said for this algorithm: clients upload more only when they are told."""

CLAIMED_KEPT = 1_000
"""So many uploads back a claimed key is still known as claimed."""


class UploadedKey(msgspec.Struct, frozen=True):
    """A one-time or fallback key."""

    algorithm: str
    key_id: str
    json: bytes


class KnownKey(msgspec.Struct, frozen=True):
    """A one-time key that was uploaded before."""

    algorithm: str
    key_id: str
    json: bytes
    claimed: bool


class ClaimedKey(msgspec.Struct, frozen=True):
    """A key that was given out."""

    device_nid: int
    algorithm: str
    key_id: str
    json: bytes


class DeviceKeys(msgspec.Struct, frozen=True):
    """What a device has published of itself."""

    user_nid: int
    device_nid: int
    device_id: str
    display_name: str | None
    json: bytes


class OwnKeys(msgspec.Struct, frozen=True):
    """Keys of one device; `replaceable`: it was logged in anew since."""

    json: bytes
    replaceable: bool


class KeySupply(msgspec.Struct, frozen=True):
    """What of a device can be claimed: unclaimed one-time keys per algorithm, `signed_curve25519` always among them, and
    the algorithms whose fallback key was not given out yet.
    """

    one_time_key_counts: dict[str, int]
    unused_fallback_types: list[str]


class _Supplied(msgspec.Struct, frozen=True):
    algorithm: str
    count: int
    is_fallback: bool


_LOCK_DEVICE = Statement(
    int, "select device_nid from device where tenant_id = $1 and device_nid = $2 for no key update"
)
_OWN = Statement(OwnKeys, "select json, replaceable from device_key where tenant_id = $1 and device_nid = $2")
_SET_KEYS = Statement(
    int,
    "insert into device_key (tenant_id, user_nid, device_nid, json) values ($1, $2, $3, $4)"
    " on conflict (tenant_id, device_nid) do update set json = excluded.json, replaceable = false returning 1",
)
_ALLOW_REPLACEMENT = Statement(
    int, "update device_key set replaceable = true where tenant_id = $1 and device_nid = $2 returning 1"
)
_SET_JSON = Statement(
    int, "update device_key set json = $3 where tenant_id = $1 and device_nid = $2 returning 1"
)
_OF_USERS = Statement(
    DeviceKeys,
    "select k.user_nid, k.device_nid, d.device_id, d.display_name, k.json from device_key k"
    " join device d on d.tenant_id = $1 and d.device_nid = k.device_nid"
    " where k.tenant_id = $1 and k.user_nid = any ($2::bigint[])",
)
_SUPPLY = Statement(
    _Supplied,
    "select algorithm, count(*), false from one_time_key where tenant_id = $1 and device_nid = $2 and not claimed"
    " group by algorithm union all"
    " select algorithm, 1, true from fallback_key where tenant_id = $1 and device_nid = $2 and not used order by 1",
)
_KNOWN = Statement(
    KnownKey,
    "select k.algorithm, k.key_id, k.json, k.claimed from one_time_key k"
    " join unnest($3::text[], $4::text[]) w (algorithm, key_id)"
    " on w.algorithm = k.algorithm and w.key_id = k.key_id where k.tenant_id = $1 and k.device_nid = $2",
)
_ADD = Statement(
    int,
    "insert into one_time_key (tenant_id, device_nid, algorithm, key_id, ordinal, json)"
    " select $1, $2, n.algorithm, n.key_id, n.place + coalesce((select max(o.ordinal) from one_time_key o"
    " where o.tenant_id = $1 and o.device_nid = $2), 0), n.json"
    " from unnest($3::text[], $4::text[], $5::bytea[]) with ordinality n (algorithm, key_id, json, place)"
    " on conflict (tenant_id, device_nid, algorithm, key_id) do update set ordinal = excluded.ordinal,"
    " json = excluded.json, claimed = false returning 1",
)
_FORGET_CLAIMED = Statement(
    int,
    "delete from one_time_key where tenant_id = $1 and device_nid = $2 and claimed and ordinal <"
    " (select max(o.ordinal) from one_time_key o where o.tenant_id = $1 and o.device_nid = $2) - $3::bigint",
)
_CLAIM = Statement(
    ClaimedKey,
    "with picked as materialized (select k.device_nid, k.algorithm, k.key_id"
    " from unnest($2::bigint[], $3::text[]) w (device_nid, algorithm) cross join lateral"
    " (select o.device_nid, o.algorithm, o.key_id from one_time_key o where o.tenant_id = $1"
    " and o.device_nid = w.device_nid and o.algorithm = w.algorithm and not o.claimed"
    " order by o.ordinal limit 1 for update skip locked) k)"
    " update one_time_key k set claimed = true from picked p where k.tenant_id = $1"
    " and k.device_nid = p.device_nid and k.algorithm = p.algorithm and k.key_id = p.key_id"
    " returning k.device_nid, k.algorithm, k.key_id, k.json",
)
_CLAIM_FALLBACK = Statement(
    ClaimedKey,
    "with picked as materialized (select f.device_nid, f.algorithm from fallback_key f"
    " join unnest($2::bigint[], $3::text[]) w (device_nid, algorithm)"
    " on w.device_nid = f.device_nid and w.algorithm = f.algorithm where f.tenant_id = $1"
    " order by f.device_nid, f.algorithm for update of f)"
    " update fallback_key k set used = true from picked p where k.tenant_id = $1"
    " and k.device_nid = p.device_nid and k.algorithm = p.algorithm"
    " returning k.device_nid, k.algorithm, k.key_id, k.json",
)
_SET_FALLBACK = Statement(
    int,
    "insert into fallback_key (tenant_id, device_nid, algorithm, key_id, json)"
    " select $1, $2, n.algorithm, n.key_id, n.json"
    " from unnest($3::text[], $4::text[], $5::bytea[]) n (algorithm, key_id, json)"
    " on conflict (tenant_id, device_nid, algorithm) do update set key_id = excluded.key_id,"
    " json = excluded.json, used = fallback_key.used and fallback_key.key_id = excluded.key_id"
    " and fallback_key.json = excluded.json returning 1",
)
_NOTE_COUNTS = Statement(
    int,
    "insert into key_count_change (tenant_id, device_nid, user_nid, position)"
    " select $1, d.device_nid, d.user_nid, $2 from device d where d.tenant_id = $1 and d.device_nid = any ($3::bigint[])"
    " on conflict (tenant_id, device_nid) do update set position = excluded.position returning 1",
)
_DELETE_COUNTS = Statement(
    int, "delete from key_count_change where tenant_id = $1 and device_nid = any ($2::bigint[]) returning 1"
)
_DELETE_KEYS = Statement(
    int, "delete from device_key where tenant_id = $1 and device_nid = any ($2::bigint[]) returning 1"
)
_DELETE_ONE_TIME = Statement(
    int, "delete from one_time_key where tenant_id = $1 and device_nid = any ($2::bigint[]) returning 1"
)
_DELETE_FALLBACK = Statement(
    int, "delete from fallback_key where tenant_id = $1 and device_nid = any ($2::bigint[]) returning 1"
)


async def lock_device(conn: Connection, tenant: Tenant, device_nid: int) -> bool:
    """Uploads of one device come one after the other; False when the device is gone."""
    return await _LOCK_DEVICE.one(conn, tenant, device_nid) is not None


async def own_keys(conn: Connection, tenant: Tenant, device_nid: int) -> OwnKeys | None:
    """Identity keys of one device, if it has published any."""
    return await _OWN.one(conn, tenant, device_nid)


async def set_keys(conn: Connection, tenant: Tenant, user_nid: int, device_nid: int, json: bytes) -> None:
    """Publish identity keys."""
    await _SET_KEYS.run(conn, tenant, user_nid, device_nid, json)


async def sign_keys(conn: Connection, tenant: Tenant, device_nid: int, json: bytes) -> None:
    """The same identity keys, with more signatures."""
    await _SET_JSON.run(conn, tenant, device_nid, json)


async def allow_replacement(conn: Connection, tenant: Tenant, device_nid: int) -> None:
    """The device was logged in anew: its next upload may bring other identity keys."""
    await _ALLOW_REPLACEMENT.run(conn, tenant, device_nid)


async def keys_of_users(conn: Connection, tenant: Tenant, user_nids: Sequence[int]) -> list[DeviceKeys]:
    """All devices of some users that have published keys."""
    return await _OF_USERS.all(conn, tenant, list(user_nids))


async def supply(conn: Connection, tenant: Tenant, device_nid: int) -> KeySupply:
    """What of a device can be claimed."""
    rows = await _SUPPLY.all(conn, tenant, device_nid)
    counts = {row.algorithm: row.count for row in rows if not row.is_fallback}
    return KeySupply({COUNTED_ALWAYS: 0, **counts}, [row.algorithm for row in rows if row.is_fallback])


async def known_one_time_keys(
    conn: Connection, tenant: Tenant, device_nid: int, keys: Sequence[UploadedKey]
) -> list[KnownKey]:
    """Which of the key ids are known, claimed ones included."""
    return await _KNOWN.all(
        conn, tenant, device_nid, [key.algorithm for key in keys], [key.key_id for key in keys]
    )


async def add_one_time_keys(
    conn: Connection, tenant: Tenant, device_nid: int, keys: Sequence[UploadedKey]
) -> None:
    """Keys to be given out after all that the device has; the device must be locked."""
    await _ADD.run(conn, tenant, device_nid, *_columns(keys))
    await _FORGET_CLAIMED.run(conn, tenant, device_nid, CLAIMED_KEPT)


async def set_fallback_keys(
    conn: Connection, tenant: Tenant, device_nid: int, keys: Sequence[UploadedKey]
) -> None:
    """One key per algorithm; the same key again stays used if it was."""
    await _SET_FALLBACK.run(conn, tenant, device_nid, *_columns(keys))


async def claim_keys(conn: Connection, tenant: Tenant, wanted: Sequence[tuple[int, str]]) -> list[ClaimedKey]:
    """A one-time key for each (device, algorithm), in order of upload and never twice; else the fallback key.

    Claims that run at once pass by each other's locked rows.
    """
    ordered = sorted(set(wanted))
    claimed = await _CLAIM.all(conn, tenant, [nid for nid, _ in ordered], [name for _, name in ordered])
    found = {(key.device_nid, key.algorithm) for key in claimed}
    rest = [pair for pair in ordered if pair not in found]
    if rest:
        claimed += await _CLAIM_FALLBACK.all(
            conn, tenant, [nid for nid, _ in rest], [name for _, name in rest]
        )
    return claimed


async def note_counts(conn: Connection, tenant: Tenant, device_nids: Collection[int], position: int) -> None:
    """At a position that was just taken: what syncs say of these devices' keys is no longer what it was."""
    await _NOTE_COUNTS.run(conn, tenant, position, sorted(device_nids))


async def delete_keys(conn: Connection, tenant: Tenant, device_nids: Sequence[int]) -> None:
    """All keys of devices."""
    for statement in (_DELETE_KEYS, _DELETE_ONE_TIME, _DELETE_FALLBACK, _DELETE_COUNTS):
        await statement.run(conn, tenant, list(device_nids))


def _columns(keys: Sequence[UploadedKey]) -> tuple[list[str], list[str], list[bytes]]:
    return [key.algorithm for key in keys], [key.key_id for key in keys], [key.json for key in keys]
