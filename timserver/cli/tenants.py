"""`timserver tenant`: homeservers are made and removed without a restart."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from timserver.cli.options import AsJson, DryRun, settings_of, with_context
from timserver.cli.outcome import CommandError, ExitCode, ending, tell, tell_all
from timserver.tenancy import Variant

if TYPE_CHECKING:
    from timserver.context import Context
    from timserver.tenancy import Tenant

verbs = typer.Typer(no_args_is_help=True, help="Tenants: each is a homeserver with its own name.")

ServerName = Annotated[str, typer.Argument(help="The Matrix server name, as in @user:SERVER_NAME.")]


def facts_of(tenant: "Tenant") -> dict[str, Any]:
    """What a command shows of a tenant."""
    return {
        "server_name": tenant.server_name,
        "variant": tenant.variant.value,
        "tim_version": tenant.tim_version,
        "client_url": tenant.client_url,
        "tenant_id": tenant.tenant_id,
    }


async def must_find(ctx: "Context", server_name: str) -> "Tenant":
    """The tenant; raises `CommandError` when there is none."""
    from timserver.usecases.tenants import find_tenant  # noqa: PLC0415 - not needed for --help

    tenant = await find_tenant(ctx, server_name)
    if tenant is None:
        raise CommandError(f"no tenant {server_name}; see: timserver tenant list", ExitCode.NOT_FOUND)
    return tenant


@verbs.command()
@ending()
def create(
    command: typer.Context,
    server_name: ServerName,
    variant: Annotated[Variant, typer.Option(help="TI-M product type; off: plain Matrix.")] = Variant.OFF,
    tim_version: Annotated[str, typer.Option(help="TI-M specification: 1.1 or 1.2.")] = "1.2",
    client_url: Annotated[str | None, typer.Option(help="Public base URL of the client API.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make a tenant with a signing key of its own."""
    from timserver.usecases.tenants import create_tenant, find_tenant  # noqa: PLC0415 - not needed for --help

    async def use(ctx: "Context") -> dict[str, Any]:
        if await find_tenant(ctx, server_name):
            raise CommandError(f"{server_name} exists already", ExitCode.EXISTS)
        if dry_run:
            return {"server_name": server_name, "variant": variant.value, "created": False}
        tenant = await create_tenant(
            ctx, server_name, variant, tim_version=tim_version, client_url=client_url
        )
        return {**facts_of(tenant), "created": True}

    tell(with_context(settings_of(command), use), as_json=as_json)


@verbs.command("list")
@ending()
def list_all(command: typer.Context, as_json: AsJson = False) -> None:
    """All tenants."""
    from timserver.usecases.tenants import list_tenants  # noqa: PLC0415 - not needed for --help

    rows = [facts_of(tenant) for tenant in with_context(settings_of(command), list_tenants)]
    tell_all(rows, ["server_name", "variant", "tim_version", "client_url"], as_json=as_json)


@verbs.command()
@ending()
def show(command: typer.Context, server_name: ServerName, as_json: AsJson = False) -> None:
    """One tenant: its settings, and how many rows it has."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    from timserver.usecases.tenants import delete_tenant  # noqa: PLC0415

    async def use(ctx: "Context") -> dict[str, Any]:
        tenant = await must_find(ctx, server_name)
        rows = await delete_tenant(ctx, tenant, dry_run=True)
        settings = {name: getattr(tenant.settings, name) for name in tenant.settings.__struct_fields__}
        return {**facts_of(tenant), "settings": msgspec.to_builtins(settings), "rows": rows}

    tell(with_context(settings_of(command), use), as_json=as_json)


@verbs.command("rotate-key")
@ending()
def rotate_key(
    command: typer.Context, server_name: ServerName, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Sign with a new key from now on. What the old one has signed stays valid; it is published as an old key."""
    from timserver.usecases.tenants import rotate_key as rotate  # noqa: PLC0415 - not needed for --help

    async def use(ctx: "Context") -> dict[str, Any]:
        tenant = await must_find(ctx, server_name)
        if dry_run:
            return {"server_name": server_name, "rotated": False}
        key_id, expired_ts = await rotate(ctx, tenant)
        return {"server_name": server_name, "rotated": True, "key_id": key_id, "old_keys_end_ts": expired_ts}

    tell(with_context(settings_of(command), use), as_json=as_json)


@verbs.command("set")
@ending()
def change(
    command: typer.Context,
    server_name: ServerName,
    settings: Annotated[
        list[str],
        typer.Argument(help="NAME=VALUE; true, false, lists as JSON, else text; null is the default."),
    ],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Change settings of a tenant; `tenant show` has their names."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    from timserver.usecases.tenants import change_settings  # noqa: PLC0415

    changes = dict(_setting(text) for text in settings)

    async def use(ctx: "Context") -> dict[str, Any]:
        tenant = await must_find(ctx, server_name)
        after = await change_settings(ctx, tenant, changes, dry_run=dry_run)
        shown = {name: getattr(after, name) for name in after.__struct_fields__}
        return {"server_name": server_name, "changed": not dry_run, "settings": msgspec.to_builtins(shown)}

    tell(with_context(settings_of(command), use), as_json=as_json)


def _setting(text: str) -> tuple[str, Any]:
    """A name and a value. Raises `CommandError`."""
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"{text} is not NAME=VALUE", ExitCode.USAGE)
    if not value.startswith(("[", "{", '"')) and value not in ("true", "false", "null"):
        return name, value
    try:
        return name, json.loads(value)
    except ValueError as error:
        raise CommandError(f"{value} is not JSON", ExitCode.USAGE) from error


@verbs.command()
@ending()
def delete(
    command: typer.Context,
    server_name: ServerName,
    confirm: Annotated[str, typer.Option(help="The server name once more.")] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove a tenant with all its users, rooms and files. There is no way back."""
    from timserver.usecases.tenants import delete_tenant  # noqa: PLC0415 - not needed for --help

    if not dry_run and confirm != server_name:
        raise CommandError(
            f"this cannot be undone; look with --dry-run, then add: --confirm {server_name}", ExitCode.USAGE
        )

    async def use(ctx: "Context") -> dict[str, Any]:
        tenant = await must_find(ctx, server_name)
        rows = await delete_tenant(ctx, tenant, dry_run=dry_run)
        return {"server_name": server_name, "deleted": not dry_run, "rows": rows}

    tell(with_context(settings_of(command), use), as_json=as_json)
