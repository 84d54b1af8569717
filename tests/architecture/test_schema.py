"""The catalogue of the migrated schema: two walls on every tenant table (DESIGN 2), and the rules of ECOSYSTEM 6."""

import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.support.schema_snapshot import SNAPSHOT, dump
from timserver.api.client import MODULES
from timserver.store.database import APP_ROLE
from timserver.store.migrate import MIGRATIONS
from timserver.store.statement import REGISTERED, Directory, Function, Statement

DIRECTORY_TABLES = {"tenant", "tenant_host", "schema_migration", "server_key", "sending", "inbox_queue"}
"""Tables that belong to no tenant: how tenants are found, what was migrated, public keys of other servers, who has
something to send, and where something waits.
"""

assert MODULES, "importing the endpoints registers every statement"


@pytest.fixture
async def catalogue(database_url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def tables(catalogue: Any) -> set[str]:
    rows = await catalogue.fetch("select tablename from pg_tables where schemaname = current_schema()")
    return {row["tablename"] for row in rows}


async def test_every_tenant_table_has_forced_row_level_security(catalogue: Any) -> None:
    rows = await catalogue.fetch(
        "select relname, relrowsecurity, relforcerowsecurity, (select count(*) from pg_policy p where p.polrelid = c.oid) n"
        " from pg_class c where relkind = 'r' and relnamespace = current_schema()::regnamespace"
    )
    walled = {
        row["relname"]
        for row in rows
        if row["relrowsecurity"] and row["relforcerowsecurity"] and row["n"] == 1
    }
    assert {row["relname"] for row in rows} - walled == DIRECTORY_TABLES


async def test_every_key_and_unique_index_begins_with_the_tenant(catalogue: Any) -> None:
    rows = await catalogue.fetch(
        "select c.relname as name, t.relname as on_table, i.indisunique, a.attname from pg_index i"
        " join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid"
        " join pg_attribute a on a.attrelid = t.oid and a.attnum = i.indkey[0]"
        " where t.relnamespace = current_schema()::regnamespace"
    )
    wrong = {
        row["name"]
        for row in rows
        if row["on_table"] not in DIRECTORY_TABLES and row["attname"] != "tenant_id"
    }
    assert not wrong
    assert await tables(catalogue) - DIRECTORY_TABLES <= {
        row["on_table"] for row in rows if row["indisunique"]
    }


async def test_tenant_ids_are_never_null(catalogue: Any) -> None:
    rows = await catalogue.fetch(
        "select table_name, is_nullable from information_schema.columns"
        " where table_schema = current_schema() and column_name = 'tenant_id'"
    )
    assert {row["is_nullable"] for row in rows} == {"NO"}
    assert {row["table_name"] for row in rows} >= await tables(catalogue) - DIRECTORY_TABLES


async def test_no_triggers_no_rules_no_enums_of_our_own(catalogue: Any) -> None:
    """ECOSYSTEM 6.8, 6.9: what Citus cannot distribute."""
    assert not await catalogue.fetch("select tgname from pg_trigger where not tgisinternal")
    assert not await catalogue.fetch("select rulename from pg_rules where schemaname = current_schema()")
    assert not await catalogue.fetch(
        "select 1 from information_schema.columns where table_schema = current_schema() and data_type = 'jsonb'"
    )


async def test_without_a_tenant_the_serving_role_sees_nothing(catalogue: Any) -> None:
    names = await tables(catalogue) - DIRECTORY_TABLES
    await catalogue.execute(f"set role {APP_ROLE}")
    for name in sorted(names):
        assert await catalogue.fetchval(f"select count(*) from {name}") == 0, name


async def test_the_serving_role_has_no_way_round(catalogue: Any) -> None:
    row = await catalogue.fetchrow(
        "select rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname = $1", APP_ROLE
    )
    assert tuple(row) == (False, False, False)
    owners = await catalogue.fetch(
        "select distinct tableowner from pg_tables where schemaname = current_schema()"
    )
    assert APP_ROLE not in {row["tableowner"] for row in owners}


@pytest.mark.parametrize("item", REGISTERED, ids=lambda item: re.sub(r"\s+", " ", item.sql)[:60])
async def test_statements_fit_the_schema_and_their_rows(catalogue: Any, item: Any) -> None:
    prepared = await catalogue.prepare(item.sql)
    columns = prepared.get_attributes()
    if hasattr(item.row, "__struct_fields__"):
        assert len(columns) == len(item.row.__struct_fields__), [column.name for column in columns]
    else:
        assert len(columns) <= 1


@pytest.mark.parametrize(
    "item",
    [i for i in REGISTERED if isinstance(i, Statement)],
    ids=lambda item: re.sub(r"\s+", " ", item.sql)[:60],
)
def test_statements_name_the_tenant_for_each_table(item: Any) -> None:
    """ECOSYSTEM 6.13: the filter is in the text, for every table of a join."""
    sql = item.sql
    named = re.findall(r"\b(?:from|join|update|into)\s+([a-z_]+)\b(?!\s*\()", sql)
    common = set(re.findall(r"\b([a-z_]+) as (?:materialized )?\(", sql)) | {
        "unnest",
        "lateral",
        "set",
        "of",
        "skip",
    }
    used = [name for name in named if name not in common]
    assert len(re.findall(r"tenant_id\b", sql)) >= len(used), used


def test_directory_statements_touch_directory_tables_only() -> None:
    for item in REGISTERED:
        if isinstance(item, Directory):
            named = set(re.findall(r"\b(?:from|join|update|into)\s+([a-z_]+)\b(?!\s*\()", item.sql))
            assert named - {"set", "skip"} <= DIRECTORY_TABLES, item.sql


def test_every_function_sets_the_tenant_before_anything_else() -> None:
    for item in REGISTERED:
        if isinstance(item, Function):
            body = (MIGRATIONS / "functions" / f"{item.name}.sql").read_text().partition("begin")[2]
            assert body.split(";")[0].strip() == "perform set_config('tim.tenant', p_tenant::text, true)", (
                item.name
            )


def test_migrations_are_numbered_without_collision() -> None:
    numbers = [path.name[:4] for path in MIGRATIONS.glob("[0-9]*.sql")]
    assert len(numbers) == len(set(numbers))
    for path in (MIGRATIONS / "functions").glob("*.sql"):
        assert f"create function {path.stem}(" in path.read_text()


def test_the_snapshot_is_what_the_migrations_add_up_to(database_url: str) -> None:
    assert SNAPSHOT.read_text() == dump(database_url), "run python -m tests.support.schema_snapshot"
