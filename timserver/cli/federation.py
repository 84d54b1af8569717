"""`timserver federation`: the way to other servers, and theirs to us."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from timserver.cli.options import AsJson, settings_of, with_context
from timserver.cli.outcome import CommandError, ExitCode, ending
from timserver.cli.tenants import must_find

if TYPE_CHECKING:
    from timserver.context import Context
    from timserver.usecases.federation.check_server import Stage

verbs = typer.Typer(no_args_is_help=True, help="Other homeservers.")


@verbs.command()
@ending()
def check(
    command: typer.Context,
    server_name: Annotated[str, typer.Argument(help="The other homeserver's name.")],
    tenant: Annotated[
        str, typer.Option(help="The tenant that wants to talk to it; default: the only one.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Stage by stage: policy, discovery, TLS, version, keys, a signed request, the way back. Exit code 8: one failed."""
    from timserver.matrix.ids import InvalidID, parse_server_name  # noqa: PLC0415 - not needed for --help
    from timserver.usecases.federation.check_server import check_server  # noqa: PLC0415

    async def use(ctx: "Context") -> bool:
        try:
            name = parse_server_name(server_name)
        except InvalidID:
            raise CommandError(f"{server_name} is not a server name", ExitCode.USAGE) from None
        asking = await must_find(ctx, tenant or await _only_tenant(ctx))
        fine = True
        async for stage in check_server(ctx, asking, name):
            _show(stage, as_json=as_json)
            fine = fine and stage.ok
        return fine

    if not with_context(settings_of(command), use):
        raise typer.Exit(ExitCode.UNHEALTHY)


async def _only_tenant(ctx: "Context") -> str:
    from timserver.usecases.tenants import list_tenants  # noqa: PLC0415 - not needed for --help

    tenants = await list_tenants(ctx)
    if len(tenants) != 1:
        raise CommandError(f"there are {len(tenants)} tenants: say which with --tenant", ExitCode.USAGE)
    return tenants[0].server_name


def _show(stage: "Stage", *, as_json: bool) -> None:
    """At once, so that a slow stage can be seen waiting."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    if as_json:
        print(msgspec.json.encode(stage).decode())
    else:
        print(f"{'ok   ' if stage.ok else 'ERROR'}  {stage.stage}: {stage.what} ({stage.milliseconds} ms)")
        if not stage.ok:
            print(f"       next: {stage.next}")
    sys.stdout.flush()
