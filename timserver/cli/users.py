"""`timserver user`: accounts by the operator. Passwords are made here, shown once, and stored only as hashes."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from timserver.cli.options import AsJson, DryRun, settings_of, with_context
from timserver.cli.outcome import CommandError, ExitCode, ending, tell, tell_all
from timserver.cli.tenants import must_find

if TYPE_CHECKING:
    from timserver.context import Context
    from timserver.tenancy import Tenant

verbs = typer.Typer(no_args_is_help=True, help="Users of a tenant.")

PASSWORD_LENGTH = 20

FullUserID = Annotated[str, typer.Argument(metavar="USER_ID", help="As in @anna:example.org")]
STATES = ("active", "locked", "suspended", "deactivated")


def make_password(ctx: "Context") -> str:
    """Twenty letters and digits: 119 bits."""
    return ctx.ids.opaque(PASSWORD_LENGTH)


async def _find(ctx: "Context", user_id: str) -> "tuple[Tenant, str]":
    """Tenant and localpart of a full user id."""
    from timserver.matrix import ids  # noqa: PLC0415 - not needed for --help

    try:
        parsed = ids.parse_user_id(user_id)
    except ids.InvalidID as error:
        raise CommandError(f"{user_id}: {error}", ExitCode.USAGE) from None
    return await must_find(ctx, ids.server_name_of(parsed)), ids.localpart_of(parsed)


@verbs.command()
@ending()
def create(
    command: typer.Context,
    user_id: FullUserID,
    display_name: Annotated[str | None, typer.Option(help="Default: the localpart.")] = None,
    admin: Annotated[bool, typer.Option(help="May administer the tenant.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make a user with a new password, which is shown once."""
    from timserver.usecases.accounts.create_user import create_user  # noqa: PLC0415 - not needed for --help
    from timserver.usecases.accounts.list_users import list_users  # noqa: PLC0415

    async def use(ctx: "Context") -> dict[str, Any]:
        tenant, localpart = await _find(ctx, user_id)
        if any(account.localpart == localpart for account in await list_users(ctx, tenant)):
            raise CommandError(f"{user_id} exists already", ExitCode.EXISTS)
        if dry_run:
            return {"user_id": user_id, "created": False}
        password = make_password(ctx)
        await create_user(ctx, tenant, localpart, password, display_name=display_name, is_admin=admin)
        return {"user_id": user_id, "password": password, "created": True}

    tell(with_context(settings_of(command), use), as_json=as_json)


@verbs.command("list")
@ending()
def list_all(
    command: typer.Context,
    server_name: Annotated[str | None, typer.Argument(help="Only of this tenant.")] = None,
    as_json: AsJson = False,
) -> None:
    """The users of one tenant, or of all."""
    from timserver.usecases.accounts.list_users import list_users  # noqa: PLC0415 - not needed for --help
    from timserver.usecases.tenants import list_tenants  # noqa: PLC0415

    async def use(ctx: "Context") -> list[dict[str, Any]]:
        tenants = [await must_find(ctx, server_name)] if server_name else await list_tenants(ctx)
        return [
            {
                "user_id": f"@{account.localpart}:{tenant.server_name}",
                "state": STATES[account.state],
                "admin": account.is_admin,
            }
            for tenant in tenants
            for account in await list_users(ctx, tenant)
        ]

    tell_all(with_context(settings_of(command), use), ["user_id", "state", "admin"], as_json=as_json)


@verbs.command()
@ending()
def reset_password(
    command: typer.Context, user_id: FullUserID, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Give a new password, which is shown once, and end all sessions."""
    from timserver.usecases.accounts.reset_password import (  # noqa: PLC0415 - not needed for --help
        reset_password as reset,
    )

    async def use(ctx: "Context") -> dict[str, Any]:
        tenant, localpart = await _find(ctx, user_id)
        if dry_run:
            return {"user_id": user_id, "changed": False}
        password = make_password(ctx)
        await reset(ctx, tenant, localpart, password)
        return {"user_id": user_id, "password": password, "changed": True}

    tell(with_context(settings_of(command), use), as_json=as_json)


@verbs.command()
@ending()
def deactivate(
    command: typer.Context, user_id: FullUserID, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """End the account for good: no login, no session. The name is not given out again."""
    _change_state(command, user_id, "deactivated", dry_run=dry_run, as_json=as_json)


@verbs.command()
@ending()
def lock(
    command: typer.Context, user_id: FullUserID, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Let the user do nothing until unlocked; sessions stay."""
    _change_state(command, user_id, "locked", dry_run=dry_run, as_json=as_json)


@verbs.command()
@ending()
def unlock(
    command: typer.Context, user_id: FullUserID, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Undo `lock`."""
    _change_state(command, user_id, "active", dry_run=dry_run, as_json=as_json)


def _change_state(command: typer.Context, user_id: str, state: str, *, dry_run: bool, as_json: bool) -> None:
    from timserver.usecases.accounts.set_account_state import (  # noqa: PLC0415 - not needed for --help
        set_account_state,
    )

    async def use(ctx: "Context") -> dict[str, Any]:
        tenant, localpart = await _find(ctx, user_id)
        if not dry_run:
            await set_account_state(ctx, tenant, localpart, STATES.index(state))
        return {"user_id": user_id, "state": state, "changed": not dry_run}

    tell(with_context(settings_of(command), use), as_json=as_json)
