"""Who is in the demo: a practice, a hospital and an insurer, each with a few users."""

import json
import os
from pathlib import Path

import msgspec

from timserver import config
from timserver.clock import SystemClock
from timserver.config import Settings
from timserver.context import Context
from timserver.tenancy import Variant
from timserver.usecases.accounts.create_user import create_user
from timserver.usecases.accounts.list_users import list_users
from timserver.usecases.tenants import create_tenant, find_tenant


class DemoTenant(msgspec.Struct, frozen=True):
    """`users`: localpart and display name; the first one is the tenant's administrator."""

    server_name: str
    what: str
    variant: Variant
    users: tuple[tuple[str, str], ...]


TENANTS = (
    DemoTenant(
        "praxis.localhost",
        "a practice",
        Variant.PRO,
        (("sommer", "Dr. Sommer"), ("empfang", "Empfang Praxis Sommer")),
    ),
    DemoTenant(
        "klinik.localhost",
        "a hospital",
        Variant.PRO,
        (("winter", "Dr. Winter"), ("station3", "Station 3"), ("labor", "Zentrallabor")),
    ),
    DemoTenant(
        "kasse.localhost",
        "an insurer",
        Variant.EPA,
        (("service", "Service der Kasse"), ("anna", "Anna Muster"), ("bernd", "Bernd Beispiel")),
    ),
)


def write_settings(state: Path, url: str, *, host: str, port: int, workers: int) -> Settings:
    """`timserver.toml` in the folder, for this start and for `timserver --config` meanwhile.

    Ports: `port` for all tenants by Host header, one for each tenant after it, then metrics.
    """
    lines = [
        "# Written at each start of the demo.",
        f"state_dir = {json.dumps(str(state))}",
        f"workers = {workers}",
        "[database]",
        f"url = {json.dumps(url)}",
        "[log]",
        'format = "console"',
        'level = "warning"',
        *_listener(host, port, ("client", "federation"), None),
    ]
    for number, tenant in enumerate(TENANTS, start=1):
        lines += _listener(host, port + number, ("client", "federation"), tenant.server_name)
    lines += _listener(host, port + len(TENANTS) + 1, ("metrics",), None)
    path = state / "timserver.toml"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config.load(
        path, {name: value for name, value in os.environ.items() if name != config.CONFIG_VARIABLE}
    )


def _listener(host: str, port: int, apis: tuple[str, ...], tenant: str | None) -> list[str]:
    lines = ["[[listeners]]", f"host = {json.dumps(host)}", f"port = {port}", f"apis = {json.dumps(apis)}"]
    return [*lines, f"tenant = {json.dumps(tenant)}"] if tenant else lines


def client_url(settings: Settings, server_name: str) -> str:
    """Where clients of a demo tenant connect to."""
    listener = next(listener for listener in settings.listeners if listener.tenant == server_name)
    return f"http://localhost:{listener.port}"


async def ensure(ctx: Context) -> dict[str, str | None]:
    """Make what is missing; user ids with the passwords of those who are new."""
    passwords: dict[str, str | None] = {}
    for wanted in TENANTS:
        tenant = await find_tenant(ctx, wanted.server_name) or await create_tenant(
            ctx, wanted.server_name, wanted.variant, client_url=client_url(ctx.settings, wanted.server_name)
        )
        known = {account.localpart for account in await list_users(ctx, tenant)}
        for number, (localpart, display_name) in enumerate(wanted.users):
            password = None if localpart in known else ctx.ids.opaque(12)
            if password is not None:
                await create_user(
                    ctx, tenant, localpart, password, display_name=display_name, is_admin=number == 0
                )
            passwords[f"@{localpart}:{tenant.server_name}"] = password
    return passwords


def show(settings: Settings, passwords: dict[str, str | None]) -> None:
    """Print where everything is, and where to go next."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - after the server is ready
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = Console()
    for tenant in TENANTS:
        url = client_url(settings, tenant.server_name)
        title = f"{tenant.server_name}: {tenant.what}, variant {tenant.variant.value}, at {url}"
        table = Table("user", "password", title=title, title_justify="left", box=SIMPLE_HEAD)
        for localpart, _ in tenant.users:
            user_id = f"@{localpart}:{tenant.server_name}"
            table.add_row(
                client_url(settings, tenant.server_name), user_id, passwords[user_id] or "as before"
            )
        console.print(table)
    console.print(_next_steps(settings, passwords), highlight=False, soft_wrap=True)


def _next_steps(settings: Settings, passwords: dict[str, str | None]) -> str:
    user_id = next(iter(passwords))
    localpart, _, server_name = user_id[1:].partition(":")
    url, shared = client_url(settings, server_name), settings.listeners[0].port
    body = json.dumps(
        {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": localpart},
            "password": passwords[user_id] or "PASSWORD",
        }
    )
    lost = "Passwords are shown only now. A new one:" if any(passwords.values()) else "A new password:"
    return f"""Ready after {_age_s():.1f} s. {lost}
  ./dev user reset-password {user_id}
Log in:
  curl -s {url}/_matrix/client/v3/login -d '{body}'
Element: take {url} as the homeserver. All tenants by Host header:
  curl -s -H 'Host: klinik.localhost' http://localhost:{shared}/_matrix/client/versions
Further: ./dev doctor, ./dev tenant list, ./dev tenant create NAME. Ctrl-C stops; .state holds all data.
"""


def _age_s() -> float:
    """How long ago this process began; `./dev` becomes it, so that a build counts too."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return SystemClock().monotonic_s() - int(fields[19]) / os.sysconf("SC_CLK_TCK")
