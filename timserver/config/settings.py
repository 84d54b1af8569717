"""The keys of the configuration file. Each has a default; the empty file is a valid, strict production file."""

from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)

from timserver.config.limits import Limits
from timserver.matrix.ids import ServerName

MEBIBYTE = 1_048_576


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Api(StrEnum):
    """What a listener serves."""

    CLIENT = "client"
    FEDERATION = "federation"
    ADMIN = "admin"
    METRICS = "metrics"
    """/livez, /readyz and /metrics: for the operator's network only."""


class Listener(_Section):
    """One socket. Which tenant a request is for says its Host header, unless `tenant` pins one."""

    host: str = Field(
        default="127.0.0.1", description="Address to bind; `::` is all addresses of both families."
    )
    port: int = Field(default=8008, ge=0, le=65_535, description="TCP port; 0 takes a free one.")
    path: Path | None = Field(default=None, description="A Unix socket instead of host and port.")
    certificate: Path | None = Field(
        default=None, description="PEM chain; with `key` the listener speaks TLS."
    )
    key: Path | None = Field(default=None, description="PEM private key of the certificate.")
    apis: tuple[Api, ...] = Field(
        default=(Api.CLIENT, Api.FEDERATION), description="What is served here.", min_length=1
    )
    tenant: str | None = Field(
        default=None, description="Server name: every request here is for this tenant."
    )
    trust_forwarded: bool = Field(
        default=False,
        description="Take the client's address from X-Forwarded-For (behind an own proxy only).",
    )

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: give both or none")
        if Api.METRICS in self.apis and len(self.apis) > 1:
            raise ValueError("metrics are for the operator only: give them a listener of their own")
        return self


class Database(_Section):
    """PostgreSQL 14 to 18."""

    url: SecretStr = Field(
        default=SecretStr("postgresql:///timserver"),
        description="libpq URL; `host=` may name a directory of sockets.",
    )
    pool_min: NonNegativeInt = Field(default=1, description="Connections kept open by each process.")
    pool_max: PositiveInt = Field(default=10, description="Connections of each process at most.")
    statement_timeout_ms: PositiveInt = Field(default=30_000, description="A longer statement is canceled.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.pool_min > self.pool_max:
            raise ValueError("pool_min is larger than pool_max")
        return self


class Registration(_Section):
    """Ways to an account other than the operator's; all closed by default."""

    open: bool = Field(default=False, description="Anybody may register (also needs the tenant's consent).")
    shared_secret: SecretStr | None = Field(
        default=None,
        description="Opens /_synapse/admin/v1/register for who knows it (admin bootstrap of tools).",
    )


class ServerNotices(_Section):
    """Messages of the server to its users, sent by administrators."""

    localpart: str | None = Field(
        default=None,
        description="Whose messages they are: an account that the server makes and nobody can log in to. Off without.",
    )
    display_name: str = Field(default="Server notices", description="Of that account, and of the rooms.")


class RateKind(StrEnum):
    """What is counted apart; an endpoint names one."""

    MESSAGE = "message"
    """Writes to rooms."""
    READ = "read"
    """Rate-limited reads."""
    LOGIN_ADDRESS = "login_address"
    LOGIN_ACCOUNT = "login_account"
    REGISTRATION = "registration"
    ROOM = "room"
    """Room creation and upgrade."""
    JOIN = "join"
    INVITE = "invite"
    KEYS = "keys"
    """Device keys, cross-signing, backup, to-device."""
    MEDIA = "media"
    USER = "user"
    """Everything that a user asks."""
    FEDERATION = "federation"
    """Per remote server."""
    FEDERATION_EVENTS = "federation_events"
    """Events and EDUs that a remote server sends; it is slowed down, not refused."""
    NOTARY = "notary"
    """Servers that are asked for their keys because of a stranger: who wants to know them, per tenant; who says to be
    that server, per address.
    """
    TENANT = "tenant"
    """Everything of one tenant together."""


class Rate(_Section):
    """A GCRA bucket: `burst` at once, then `per_second`."""

    per_second: float = Field(gt=0)
    burst: PositiveInt


class RateLimits(_Section):
    """Per user, device, address, remote server and tenant, as the kind says."""

    enabled: bool = True
    message: Rate = Rate(per_second=5, burst=50)
    read: Rate = Rate(per_second=20, burst=100)
    login_address: Rate = Rate(per_second=0.2, burst=20)
    login_account: Rate = Rate(per_second=0.05, burst=10)
    registration: Rate = Rate(per_second=0.05, burst=5)
    room: Rate = Rate(per_second=0.2, burst=20)
    join: Rate = Rate(per_second=0.5, burst=20)
    invite: Rate = Rate(per_second=0.5, burst=50)
    keys: Rate = Rate(per_second=10, burst=100)
    media: Rate = Rate(per_second=2, burst=50)
    user: Rate = Rate(per_second=10, burst=100)
    federation: Rate = Rate(per_second=50, burst=200)
    federation_events: Rate = Rate(per_second=100, burst=1_000)
    notary: Rate = Rate(per_second=1, burst=100)
    tenant: Rate = Rate(per_second=500, burst=2_000)

    def of(self, kind: RateKind) -> Rate | None:
        """The rate of a kind; None when nothing is limited."""
        rate: Rate = getattr(self, kind.value)
        return rate if self.enabled else None


class PasswordHash(_Section):
    """Argon2id costs of new hashes; existing ones keep theirs until the next login."""

    time_cost: PositiveInt = 2
    memory_kib: int = Field(default=19_456, ge=8)
    parallelism: PositiveInt = 1


class Media(_Section):
    """Uploaded files."""

    directory: Path | None = Field(default=None, description="Default: `media` in state_dir.")
    upload_bytes_max: PositiveInt = Field(default=120 * MEBIBYTE, description="Largest upload.")
    remote_bytes_max: PositiveInt = Field(
        default=120 * MEBIBYTE, description="Largest file that is fetched from another server."
    )
    remote_days_kept: PositiveInt = Field(
        default=90, description="A file of another server that nobody asks for so long is fetched anew."
    )
    url_previews: bool = Field(
        default=False,
        description="Look at pages that users ask about. The server then goes wherever they send it, except where no"
        " outgoing request goes. Never for tenants of variant pro and epa.",
    )
    preview_days_kept: PositiveInt = Field(default=30, description="How long pictures of previews are kept.")
    legacy_paths: bool = Field(
        default=False, description="Serve new uploads on the old, unauthenticated /_matrix/media paths too."
    )


class Federation(_Section):
    """Other homeservers."""

    allowed_servers: tuple[ServerName, ...] = Field(
        default=(),
        description="Server names with which tenants of variant pro and epa federate; others do with anyone.",
    )
    loopback: bool = Field(
        default=True,
        description="Tenants of this deployment reach each other without HTTP, with every check.",
    )
    device_names: bool = Field(
        default=False,
        description="Other servers are told the names that users have given their devices.",
    )
    notaries: tuple[str, ...] = Field(
        default=(),
        description="Servers that are asked for the keys of servers which do not answer themselves.",
    )
    allowed_networks: tuple[str, ...] = Field(
        default=(), description="Addresses that may be reached although they are in blocked_networks."
    )
    egress_networks: tuple[str, ...] = Field(
        default=(), description="When given, outgoing requests reach these addresses only."
    )
    nameservers: tuple[str, ...] = Field(
        default=(), description="Name servers (address or address:port) instead of the system's."
    )
    verify_certificates: bool = Field(
        default=True, description="Off: any certificate will do. For tests only: everybody can listen in."
    )
    connections_max: PositiveInt = Field(default=500, description="Outgoing connections of each process.")
    connections_per_host_max: PositiveInt = Field(
        default=20, description="Outgoing connections of each process to one place."
    )
    keepalive_s: PositiveInt = Field(default=60, description="How long an idle connection is kept.")
    connect_s_max: PositiveInt = Field(default=10, description="Time to connect, TLS included.")
    request_s_max: PositiveInt = Field(default=60, description="Time for a whole request.")

    @field_validator("allowed_networks", "egress_networks")
    @classmethod
    def _networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return _checked_networks(texts)


def _checked_networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        ip_network(text)
    return texts


class LogLevel(StrEnum):
    """Below `info` a log may hold Matrix ids."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """`console` is for people, `json` for collectors."""

    CONSOLE = "console"
    JSON = "json"


class Logging(_Section):
    """To standard error."""

    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.JSON


class Settings(_Section):
    """One process group."""

    state_dir: Path = Field(
        default=Path("/var/lib/timserver"), description="What is neither database nor log."
    )
    master_key: SecretStr | None = Field(
        default=None,
        description="32 bytes in base64 that encrypt the tenants' signing keys. Default: the file `master.key`"
        " in state_dir, made at the first start. Losing it loses all signing keys.",
    )
    client_url: str = Field(
        default="https://{server_name}",
        description="Public client base URL of a tenant that sets none itself.",
    )
    federation_server: str = Field(
        default="{server_name}:443",
        description="Host and port in well-known/server of a tenant that sets none itself.",
    )
    default_room_version: str = Field(
        default="10", description="Of new rooms, unless the tenant sets another."
    )
    presence: bool = Field(default=True, description="Off: presence is neither taken nor told.")
    token_in_query: bool = Field(default=False, description="Take ?access_token= (deprecated since v1.11).")
    fixed_device_keys: bool = Field(
        default=True,
        description="Off: devices may upload identity keys without signatures, and other ones than they have, as"
        " conformance suites do.",
    )
    retry_interval_ms: PositiveInt = Field(
        default=60_000,
        description="First wait before a server that did not answer is tried again; it grows with the outage up to an hour.",
    )
    extra_ca_files: tuple[Path, ...] = Field(
        default=(), description="PEM files trusted for outgoing requests too."
    )
    blocked_networks: tuple[str, ...] = Field(
        default=(
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
            "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "::/128", "::1/128", "64:ff9b::/96",
            "2001:db8::/32", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
        ),
        description="Addresses that no outgoing request may reach.",
    )  # fmt: skip
    workers: PositiveInt = Field(default=1, description="Equal processes on the same listeners.")
    drain_s: NonNegativeInt = Field(default=10, description="How long SIGTERM lets requests finish.")
    require_engine: bool = Field(
        default=True, description="Off: run the Python definition when the compiled core is missing (slow)."
    )

    listeners: tuple[Listener, ...] = Field(
        default=(Listener(), Listener(port=9008, apis=(Api.METRICS,))),
        description="Where to listen.",
        min_length=1,
    )
    database: Database = Database()
    registration: Registration = Registration()
    server_notices: ServerNotices = ServerNotices()
    rate_limits: RateLimits = RateLimits()
    password_hash: PasswordHash = PasswordHash()
    media: Media = Media()
    federation: Federation = Federation()
    log: Logging = Logging()
    limits: Limits = Limits()

    @field_validator("blocked_networks")
    @classmethod
    def _networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return _checked_networks(texts)

    @property
    def media_dir(self) -> Path:
        """Where uploads are kept."""
        return self.media.directory or self.state_dir / "media"

    @property
    def master_key_file(self) -> Path:
        """Where the master key is kept when the settings do not give it."""
        return self.state_dir / "master.key"
