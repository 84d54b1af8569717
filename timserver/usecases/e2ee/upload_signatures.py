"""Publish signatures on own devices, on the own master key, and on other users' master keys."""

from collections.abc import Mapping

import msgspec

from timserver.context import Context
from timserver.matrix import cross_signing as rules
from timserver.matrix import device_keys, errors
from timserver.matrix.cross_signing import MASTER, SELF_SIGNING, USER_SIGNING
from timserver.matrix.json_types import JsonObject
from timserver.store import cross_signing, keys, log, outgoing, terms
from timserver.store.database import Connection
from timserver.store.device_lists import note_change
from timserver.tenancy import Requester, Tenant

Failures = dict[str, dict[str, errors.MatrixError]]
"""By user and key id."""

_KEY_ID = "ed25519:"


class _Own(msgspec.Struct, frozen=True):
    """What the requester has published."""

    devices: dict[str, keys.DeviceKeys]
    crosses: dict[str, cross_signing.KeyRow]

    def signing_key(self, usage: str) -> dict[str, str]:
        """Public key by key id, of a cross-signing key; empty when there is none."""
        row = self.crosses.get(usage)
        return {} if row is None else {_KEY_ID + row.public_key: row.public_key}

    def device_signing_keys(self) -> dict[str, str]:
        """Public keys of all devices by key id."""
        published = [msgspec.json.decode(device.json)["keys"] for device in self.devices.values()]
        return {name: key for names in published for name, key in names.items() if name.startswith(_KEY_ID)}


class _Accepted(msgspec.Struct):
    """What is to be written."""

    own_devices: dict[int, bytes] = {}
    own_master: cross_signing.KeyRow | None = None
    others: list[cross_signing.SignatureRow] = []


async def upload_signatures(
    ctx: Context, tenant: Tenant, requester: Requester, signed: Mapping[str, Mapping[str, JsonObject]]
) -> Failures:
    """Signed objects by user and key id; what is wrong with those that were not taken.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload
    """
    failures: Failures = {}
    others = [user_id for user_id in signed if user_id != requester.user_id]
    position = 0
    async with ctx.database.transaction(tenant) as conn:
        await cross_signing.lock_user(conn, tenant, requester.user_nid)
        own = await _load_own(conn, tenant, requester)
        nids = await terms.find(conn, ctx.caches, tenant, others)
        masters = {
            row.user_nid: row
            for row in await cross_signing.keys_of(conn, tenant, list(nids.values()))
            if row.usage == MASTER
        }
        accepted = _Accepted()
        for user_id, objects in signed.items():
            for key_id, value in objects.items():
                try:
                    if user_id == requester.user_id:
                        _accept_own(accepted, requester, own, key_id, value)
                    else:
                        _accept_other(
                            accepted, requester, own, masters.get(nids.get(user_id, 0)), (key_id, value)
                        )
                except errors.MatrixError as error:
                    failures.setdefault(user_id, {})[key_id] = error
        if accepted.own_devices or accepted.own_master or accepted.others:
            position = await _write(conn, tenant, requester, own, accepted)
    if position:
        ctx.streams.wake(tenant, position)
        ctx.streams.send(tenant)
    return failures


async def _load_own(conn: Connection, tenant: Tenant, requester: Requester) -> _Own:
    devices = await keys.keys_of_users(conn, tenant, [requester.user_nid])
    crosses = await cross_signing.keys_of(conn, tenant, [requester.user_nid])
    return _Own({device.device_id: device for device in devices}, {row.usage: row for row in crosses})


def _accept_own(accepted: _Accepted, requester: Requester, own: _Own, key_id: str, value: JsonObject) -> None:
    """A device by the self-signing key, or the master key by devices."""
    device, master = own.devices.get(key_id), own.crosses.get(MASTER)
    if device is not None:
        json = _signed(requester, device.json, value, own.signing_key(SELF_SIGNING))
        accepted.own_devices[device.device_nid] = json
    elif master is not None and key_id == master.public_key:
        json = _signed(requester, master.json, value, own.device_signing_keys())
        accepted.own_master = msgspec.structs.replace(master, json=json)
    else:
        raise errors.NotFound("Unknown key")


def _accept_other(
    accepted: _Accepted,
    requester: Requester,
    own: _Own,
    master: cross_signing.KeyRow | None,
    signed: tuple[str, JsonObject],
) -> None:
    """Another user's master key by the user-signing key."""
    key_id, value = signed
    if master is None or key_id != master.public_key:
        raise errors.NotFound("Unknown key")
    added = _check(requester, master.json, value, own.signing_key(USER_SIGNING))
    for name, signature in added[requester.user_id].items():
        row = cross_signing.SignatureRow(master.user_nid, master.public_key, name, signature)
        accepted.others.append(row)


def _signed(requester: Requester, known: bytes, value: JsonObject, by: dict[str, str]) -> bytes:
    added = _check(requester, known, value, by)
    return device_keys.encode(device_keys.with_signatures(msgspec.json.decode(known), added))


def _check(
    requester: Requester, known: bytes, value: JsonObject, by: dict[str, str]
) -> dict[str, dict[str, str]]:
    """The good signatures on an object that is the known one; raises `InvalidParam` and `InvalidSignature`."""
    if not device_keys.same_but_for_signatures(msgspec.json.decode(known), value):
        raise errors.InvalidParam("This is not the key that was published")
    added = rules.good_signatures(value, requester.user_id, by)
    if added is None:
        raise errors.InvalidSignature()
    return added


async def _write(
    conn: Connection, tenant: Tenant, requester: Requester, own: _Own, accepted: _Accepted
) -> int:
    changed = [id_ for id_, device in own.devices.items() if device.device_nid in accepted.own_devices]
    for device_nid, json in accepted.own_devices.items():
        await keys.sign_keys(conn, tenant, device_nid, json)
    if accepted.own_master is not None:
        await cross_signing.set_key(conn, tenant, accepted.own_master)
        changed.append(outgoing.CROSS_SIGNING)
    position = await log.take(conn, tenant, max(1, len(changed)))
    if changed:
        await note_change(conn, tenant, requester.user_nid, position, changed)
    if accepted.others:
        await cross_signing.add_signatures(conn, tenant, requester.user_nid, position, accepted.others)
    return position
