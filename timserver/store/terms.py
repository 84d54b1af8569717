"""Table `term`: user ids, event types and state keys as numbers, remembered per process.

The key of (m.room.member, user) is the user's own number; of (well-known type, "") a fixed one; of any other pair
the number of its length-prefixed text.
"""

from collections.abc import Iterable, Sequence

import msgspec

from timserver.matrix.event_types import EMPTY_KEY, TYPE_NIDS
from timserver.store.caches import Caches
from timserver.store.database import Connection, Database
from timserver.store.statement import Function, Statement
from timserver.tenancy import Tenant


class Term(msgspec.Struct, frozen=True):
    """A name and its number."""

    name: bytes
    nid: int


_INTERN = Function(Term, "intern_terms", 3)
_FIND = Statement(Term, "select name, nid from term where tenant_id = $1 and name = any ($2::bytea[])")
_NAMES = Statement(Term, "select name, nid from term where tenant_id = $1 and nid = any ($2::bigint[])")


def _key_name(event_type: str, state_key: str) -> str:
    return f"{len(event_type)}:{event_type}{state_key}"


def _remember(caches: Caches, tenant: Tenant, terms: Iterable[Term]) -> None:
    for term in terms:
        caches.terms.put((tenant.tenant_id, term.name), term.nid)
        caches.names.put((tenant.tenant_id, term.nid), term.name)


async def intern(database: Database, caches: Caches, tenant: Tenant, names: Sequence[str]) -> list[int]:
    """Numbers of names in order; new names get one (a transaction of its own, harmless if unused later)."""
    encoded = [name.encode() for name in names]
    cached = ((name, caches.terms.get((tenant.tenant_id, name))) for name in encoded)
    found = {name: nid for name, nid in cached if nid is not None}
    unknown = sorted(set(encoded) - found.keys())
    if unknown:
        terms = await _INTERN.all(database, tenant, unknown, await database.take_nids(len(unknown)))
        found |= {term.name: term.nid for term in terms}
        _remember(caches, tenant, terms)
    return [found[name] for name in encoded]


async def find(conn: Connection, caches: Caches, tenant: Tenant, names: Sequence[str]) -> dict[str, int]:
    """Numbers of those names that have one."""
    found: dict[str, int] = {}
    unknown = []
    for name in names:
        nid = caches.terms.get((tenant.tenant_id, name.encode()))
        if nid is None:
            unknown.append(name.encode())
        else:
            found[name] = nid
    if unknown:
        terms = await _FIND.all(conn, tenant, unknown)
        _remember(caches, tenant, terms)
        found.update({term.name.decode(): term.nid for term in terms})
    return found


async def names_of(conn: Connection, caches: Caches, tenant: Tenant, nids: Iterable[int]) -> dict[int, str]:
    """Names of numbers; every number that was given out has one."""
    found: dict[int, str] = {}
    unknown = []
    for nid in set(nids):
        name = caches.names.get((tenant.tenant_id, nid))
        if name is None:
            unknown.append(nid)
        else:
            found[nid] = name.decode()
    if unknown:
        terms = await _NAMES.all(conn, tenant, unknown)
        _remember(caches, tenant, terms)
        found.update({term.nid: term.name.decode() for term in terms})
    return found


async def names(database: Database, caches: Caches, tenant: Tenant, nids: Iterable[int]) -> dict[int, str]:
    """As `names_of`, for who has no transaction: none is opened for names that are remembered."""
    wanted = set(nids)
    known = {nid: caches.names.get((tenant.tenant_id, nid)) for nid in wanted}
    if all(known.values()):
        return {nid: name.decode() for nid, name in known.items() if name}
    async with database.transaction(tenant) as conn:
        return await names_of(conn, caches, tenant, wanted)


async def type_nids(database: Database, caches: Caches, tenant: Tenant, types: Sequence[str]) -> list[int]:
    """Numbers of event types."""
    rare = [name for name in types if name not in TYPE_NIDS]
    interned = dict(zip(rare, await intern(database, caches, tenant, rare), strict=True)) if rare else {}
    return [TYPE_NIDS.get(name) or interned[name] for name in types]


async def key_nids(
    database: Database, caches: Caches, tenant: Tenant, keys: Sequence[tuple[str, str]]
) -> list[int]:
    """Numbers of (type, state key) pairs."""
    fixed = [TYPE_NIDS[kind] + EMPTY_KEY if not key and kind in TYPE_NIDS else 0 for kind, key in keys]
    if all(fixed):
        return fixed
    names = [key if kind == "m.room.member" else _key_name(kind, key) for kind, key in keys]
    rest = iter(
        await intern(database, caches, tenant, [n for n, f in zip(names, fixed, strict=True) if not f])
    )
    return [nid or next(rest) for nid in fixed]


async def find_key_nid(
    conn: Connection, caches: Caches, tenant: Tenant, event_type: str, state_key: str
) -> int | None:
    """Number of one (type, state key) pair, if it has one."""
    if not state_key and event_type in TYPE_NIDS:
        return TYPE_NIDS[event_type] + EMPTY_KEY
    name = state_key if event_type == "m.room.member" else _key_name(event_type, state_key)
    return (await find(conn, caches, tenant, [name])).get(name)
