"""Tables `cross_signing_key`, `key_signature`.

Signatures that everybody may see are part of the signed object's JSON (here and in `device_key`); `key_signature`
holds those of user-signing keys, which only their maker may see.
"""

from collections.abc import Sequence

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class KeyRow(msgspec.Struct, frozen=True):
    """A cross-signing key of a user; JSON of the whole object."""

    user_nid: int
    usage: str
    public_key: str
    json: bytes


class SignatureRow(msgspec.Struct, frozen=True):
    """A signature by a user-signing key on another user's master key."""

    target_nid: int
    target_key: str
    signing_key_id: str
    signature: str


_LOCK_USER = Statement(
    int, "select user_nid from account where tenant_id = $1 and user_nid = $2 for no key update"
)
_KEYS_OF = Statement(
    KeyRow,
    "select user_nid, usage, public_key, json from cross_signing_key"
    " where tenant_id = $1 and user_nid = any ($2::bigint[])",
)
_SET = Statement(
    int,
    "insert into cross_signing_key (tenant_id, user_nid, usage, public_key, json) values ($1, $2, $3, $4, $5)"
    " on conflict (tenant_id, user_nid, usage) do update set public_key = excluded.public_key, json = excluded.json"
    " returning 1",
)
_DELETE_OTHERS = Statement(
    int,
    "delete from cross_signing_key where tenant_id = $1 and user_nid = $2 and usage <> all ($3::text[]) returning 1",
)
_SIGNATURES = Statement(
    SignatureRow,
    "select target_nid, target_key, signing_key_id, signature from key_signature"
    " where tenant_id = $1 and signer_nid = $2 and target_nid = any ($3::bigint[])",
)
_ADD_SIGNATURES = Statement(
    int,
    "insert into key_signature (tenant_id, signer_nid, position, target_nid, target_key, signing_key_id, signature)"
    " select $1, $2, $3, n.target_nid, n.target_key, n.signing_key_id, n.signature"
    " from unnest($4::bigint[], $5::text[], $6::text[], $7::text[])"
    " n (target_nid, target_key, signing_key_id, signature)"
    " on conflict (tenant_id, target_nid, target_key, signer_nid, signing_key_id)"
    " do update set signature = excluded.signature, position = excluded.position returning 1",
)
_DELETE_SIGNATURES_ON = Statement(
    int, "delete from key_signature where tenant_id = $1 and target_nid = $2 and target_key <> $3 returning 1"
)


async def lock_user(conn: Connection, tenant: Tenant, user_nid: int) -> None:
    """Changes of one user's cross-signing keys and signatures come one after the other."""
    await _LOCK_USER.run(conn, tenant, user_nid)


async def keys_of(conn: Connection, tenant: Tenant, user_nids: Sequence[int]) -> list[KeyRow]:
    """Cross-signing keys of some users."""
    return await _KEYS_OF.all(conn, tenant, list(user_nids))


async def set_key(conn: Connection, tenant: Tenant, row: KeyRow) -> None:
    """Publish a key, or the same one with other signatures."""
    await _SET.run(conn, tenant, row.user_nid, row.usage, row.public_key, row.json)


async def replace_master(
    conn: Connection, tenant: Tenant, user_nid: int, public_key: str, kept: Sequence[str]
) -> None:
    """A new master key: all but the `kept` usages go, they were signed by the old one; so do signatures on that."""
    await _DELETE_OTHERS.run(conn, tenant, user_nid, list(kept))
    await _DELETE_SIGNATURES_ON.run(conn, tenant, user_nid, public_key)


async def signatures_by(
    conn: Connection, tenant: Tenant, signer_nid: int, target_nids: Sequence[int]
) -> list[SignatureRow]:
    """What the signer's user-signing key has signed of some users."""
    return await _SIGNATURES.all(conn, tenant, signer_nid, list(target_nids))


async def add_signatures(
    conn: Connection, tenant: Tenant, signer_nid: int, position: int, rows: Sequence[SignatureRow]
) -> None:
    """Write signatures by a user-signing key at a position that was just taken."""
    await _ADD_SIGNATURES.run(
        conn,
        tenant,
        signer_nid,
        position,
        [row.target_nid for row in rows],
        [row.target_key for row in rows],
        [row.signing_key_id for row in rows],
        [row.signature for row in rows],
    )
