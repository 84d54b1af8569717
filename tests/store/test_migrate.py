"""Migrations by a role that is no superuser, as on a database that somebody else runs."""

import asyncpg

from tests.support.postgres import own_cluster
from timserver.store.database import Database
from timserver.store.migrate import migrate
from timserver.store.vault import Vault


async def test_the_owner_of_a_database_needs_to_make_roles_and_nothing_more() -> None:
    with own_cluster() as cluster:
        connection = await asyncpg.connect(cluster.url("postgres"))
        await connection.execute("create role owner login createrole")
        await connection.execute("create database owned owner owner")
        await connection.close()
        url = cluster.url("owned").replace("postgres@", "owner@", 1)
        assert await migrate(url)
        assert await migrate(url) == []
        database = await Database.connect(url, pool_size=1, wait_s=5, vault=Vault(bytes(32)))
        async with database.directory() as conn:
            assert await conn.raw.fetchval("select current_user") == "timserver_app"
        await database.close()
