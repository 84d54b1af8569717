"""Step: events from outside are opened here before anything else is done with them (RELIABILITY E1, E3, E4).

In the order of the spec: size and format, signatures, hash. What passes is of the right form, is signed by every server
that must have signed it, and is the redacted copy if somebody has tampered with the rest. Whether it is authorized
says `admitting`.

Spec: https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from timserver import core
from timserver.context import Context
from timserver.matrix import ids, pdu, signing
from timserver.matrix.errors import BadJson, TooLarge
from timserver.matrix.event import Event, get_object, get_str
from timserver.matrix.ids import ServerName
from timserver.matrix.room_versions import RoomVersion
from timserver.matrix.server_keys import is_key_id
from timserver.store.caches import KnownKey
from timserver.tenancy import Tenant
from timserver.usecases.federation.known_keys import KeyName
from timserver.usecases.federation.server_keys import KeyWanted, find_keys

SIGNATURES_PER_SERVER_MAX = 10
_BYTES_FOR_A_THREAD = 65_536
_SIGNATURES_FOR_A_THREAD = 2
"""One takes a tenth of a millisecond, and what is received at once adds up."""


class Refused(msgspec.Struct, frozen=True):
    """A PDU that is none, or that nobody has to answer for. `reason` is safe for the sender; `inner` is for the log."""

    reason: str
    inner: str | None = None


class _Opened(msgspec.Struct, frozen=True):
    event: Event
    signed: bytes
    signatures: Mapping[KeyName, bytes]
    """Of the servers that must have signed, by server and key id; not verified."""
    valid_at_ts: int


async def must_open(ctx: Context, tenant: Tenant, version: RoomVersion, pdu: bytes) -> Event:
    """The event. Raises BadJson for one that is refused."""
    (opened,) = await open_pdus(ctx, tenant, version, [pdu])
    if isinstance(opened, Refused):
        raise BadJson("The event is not valid", inner=str(opened))
    return opened


async def open_pdus(
    ctx: Context, tenant: Tenant, version: RoomVersion, pdus: Sequence[bytes]
) -> list[Event | Refused]:
    """What each PDU is, in their order. One that is refused spoils no other."""
    if sum(map(len, pdus)) > _BYTES_FOR_A_THREAD:
        opened = await asyncio.to_thread(_open_all, version, pdus)
    else:
        opened = _open_all(version, pdus)
    wanted = {
        KeyWanted(*name, item.valid_at_ts)
        for item in opened
        if isinstance(item, _Opened)
        for name in item.signatures
    }
    keys = await find_keys(ctx, tenant, wanted) if wanted else {}
    right = await _verify(ctx, _to_verify(opened, keys))
    return [_judge(version, item, keys, right) if isinstance(item, _Opened) else item for item in opened]


def _open_all(version: RoomVersion, pdus: Sequence[bytes]) -> list[_Opened | Refused]:
    return [_read(version, opened) for opened in core.open_pdus(version, pdus)]


def _read(version: RoomVersion, opened: core.OpenedPdu | BadJson | TooLarge) -> _Opened | Refused:
    # 1. Is a valid event, otherwise it is dropped.
    if not isinstance(opened, core.OpenedPdu):
        return Refused(opened.error, opened.inner)
    event = opened.event
    # 3. Passes hash checks, otherwise it is redacted. Both forms bear the same signatures, so this may come first.
    if not opened.hash_matches:
        event = pdu.redacted(version, event)
    # 2. Passes signature checks: which ones, says the event.
    signatures: dict[KeyName, bytes] = {}
    for server_name in sorted(pdu.required_signers(version, event)):
        try:
            found = dict(_signatures_of(event, ids.parse_server_name(server_name)))
        except ids.InvalidID:
            return Refused("Event names a malformed server")
        if not found:
            return Refused(f"Event is not signed by {server_name}")
        signatures |= found
    valid_at_ts = event.origin_server_ts if version.enforce_key_validity else 0
    return _Opened(event, opened.signed, signatures, valid_at_ts)


def _signatures_of(event: Event, server_name: ServerName) -> Iterator[tuple[KeyName, bytes]]:
    by_server = get_object(event.signatures, server_name) or {}
    key_ids = [key_id for key_id in by_server if is_key_id(key_id)]
    for key_id in key_ids[:SIGNATURES_PER_SERVER_MAX]:
        text = get_str(by_server, key_id)
        try:
            yield (server_name, key_id), signing.decode_base64(text or "")
        except ValueError:
            yield (server_name, key_id), b""


def _usable(item: _Opened, keys: Mapping[KeyName, KnownKey]) -> Iterator[tuple[KeyName, bytes, bytes]]:
    """Its signatures by keys that we have and that were valid: name, public key, digest of it all."""
    for name, signature in item.signatures.items():
        key = keys.get(name)
        if key is not None and key.satisfies(item.valid_at_ts):
            digest = hashlib.blake2b(key.public_key + signature + item.signed, digest_size=20).digest()
            yield name, key.public_key, digest


def _to_verify(
    opened: Sequence[_Opened | Refused], keys: Mapping[KeyName, KnownKey]
) -> dict[bytes, tuple[bytes, bytes, bytes]]:
    """(public key, message, signature) by digest."""
    return {
        digest: (public_key, item.signed, item.signatures[name])
        for item in opened
        if isinstance(item, _Opened)
        for name, public_key, digest in _usable(item, keys)
    }


async def _verify(ctx: Context, items: Mapping[bytes, tuple[bytes, bytes, bytes]]) -> set[bytes]:
    """The digests of right signatures. What another tenant has verified is not verified again."""
    cache = ctx.caches.signatures
    right = {digest for digest in items if cache.get(digest)}
    fresh = [digest for digest in items if digest not in right]
    triples = [items[digest] for digest in fresh]
    if len(triples) > _SIGNATURES_FOR_A_THREAD:
        verdicts = await asyncio.to_thread(core.verify, triples)
    else:
        verdicts = core.verify(triples)
    for digest, is_right in zip(fresh, verdicts, strict=True):
        if is_right:
            cache.put(digest, True)
            right.add(digest)
    return right


def _judge(
    version: RoomVersion, item: _Opened, keys: Mapping[KeyName, KnownKey], right: set[bytes]
) -> Event | Refused:
    """Every server that must have signed has, by a key that we could have; and none of its signatures is wrong."""
    found = [(name[0], digest in right) for name, _, digest in _usable(item, keys)]
    for server_name in sorted(pdu.required_signers(version, item.event)):
        verdicts = [is_right for signer, is_right in found if signer == server_name]
        if not verdicts:
            return Refused(f"Signing key of {server_name} is not known, or was not valid")
        if not all(verdicts):
            return Refused(f"Signature of {server_name} is wrong")
    return item.event
