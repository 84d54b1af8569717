"""The checks of `doctor`. Each says what it saw; what is not right also says why it matters and what to do next."""

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from timserver.clock import SystemClock, SystemIds
from timserver.config import ConfigError, Settings, load_master_key
from timserver.store.inspection import UNREACHABLE, DatabaseFacts, inspect
from timserver.store.vault import SealError, Vault

VERSION_MIN, VERSION_END = 140_000, 190_000
SKEW_MS_MAX = 2_000
SENDING_LATE_MS_MAX = 300_000
DISK_FREE_BYTES_MIN = 2 * 1024**3
DISK_FREE_BYTES_LOW = 20 * 1024**3


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One result; `status` is ok, warning or error."""

    check: str
    status: str = "ok"
    what: str
    why: str = ""
    next: str = ""


def configuration_is_wrong(text: str) -> Finding:
    """The only finding when the settings cannot be read."""
    return Finding(
        check="configuration",
        status="error",
        what=text,
        why="the server does not start",
        next="mend the key, then: timserver config check",
    )


async def examine(settings: Settings) -> list[Finding]:
    """All checks, the most basic first."""
    findings = [
        Finding(check="configuration", what=f"{len(settings.listeners)} listeners"),
        _engine(settings),
    ]
    findings += _directories(settings)
    try:
        facts = await inspect(settings.database.url.get_secret_value())
    except UNREACHABLE as error:
        findings.append(_unreachable(error))
        findings.append(_master_key(settings, None))
        return findings
    findings += [*_database(settings, facts), _clock(facts), _master_key(settings, facts.sealed_seed)]
    return findings


def _engine(settings: Settings) -> Finding:
    if importlib.util.find_spec("timserver.core.engine"):
        return Finding(check="engine", what="the compiled core is there")
    return Finding(
        check="engine",
        status="error" if settings.require_engine else "warning",
        what="the compiled core is missing",
        why="events are authorized by the Python definition, slowly, or the server refuses to start",
        next="pip install --force-reinstall timserver (in a checkout: ./dev build)",
    )


def _directories(settings: Settings) -> Iterator[Finding]:
    places = {"state directory": settings.state_dir, "media directory": settings.media_dir}
    for check, path in places.items():
        existing = next(parent for parent in (path, *path.parents) if parent.exists())
        try:
            with tempfile.TemporaryFile(dir=existing):
                yield Finding(check=check, what=f"{path} can be written")
        except OSError as error:
            yield Finding(
                check=check,
                status="error",
                what=f"{path}: {error.strerror}",
                why="keys and uploads cannot be stored",
                next=f"install -d -o {os.geteuid()} -m 750 {path}",
            )
        yield _disk(check, path, existing)


def _disk(check: str, path: Path, existing: Path) -> Finding:
    free = shutil.disk_usage(existing).free
    text = f"{free / 1024**3:.0f} GiB free at {path}"
    if free >= DISK_FREE_BYTES_LOW:
        return Finding(check=f"{check} disk", what=text)
    return Finding(
        check=f"{check} disk",
        status="warning" if free >= DISK_FREE_BYTES_MIN else "error",
        what=text,
        why="uploads fail when the disk is full",
        next=f"du -sh {path}/*",
    )


def _unreachable(error: BaseException) -> Finding:
    return Finding(
        check="database",
        status="error",
        what=f"cannot be reached: {type(error).__name__} {error}",
        why="every request answers 503",
        next="start PostgreSQL or mend database.url, then: timserver config dump",
    )


def _database(settings: Settings, facts: DatabaseFacts) -> Iterator[Finding]:
    version = f"PostgreSQL {facts.version // 10_000}.{facts.version % 10_000}"
    supported = VERSION_MIN <= facts.version < VERSION_END
    yield _judge("database version", supported, version, "only 14 to 18 are tested", "upgrade PostgreSQL")
    yield _judge(
        "migrations",
        not facts.pending,
        "up to date" if not facts.pending else f"not applied: {', '.join(facts.pending)}",
        "statements fail on an older schema",
        "timserver migrate",
    )
    if not facts.pending:
        yield _judge(
            "tenant walls",
            not facts.unwalled and facts.may_act and not facts.role_is_strong,
            f"row-level security is off on: {', '.join(facts.unwalled)}"
            if facts.unwalled
            else "row-level security is on and forced, and the serving role obeys it"
            if facts.may_act and not facts.role_is_strong
            else "the serving role cannot be taken, or passes row-level security",
            "one tenant could read another's rows",
            "timserver migrate, as the owner of the tables; take superuser and bypassrls from timserver_app",
        )
    yield _judge(
        "durability",
        facts.durable and facts.checksums,
        "fsync and checksums are on" if facts.durable and facts.checksums else "fsync or checksums are off",
        "a crash may lose acknowledged messages, or damage goes unseen",
        "set fsync and synchronous_commit to on; pg_checksums --enable",
        broken="warning",
    )
    yield _judge(
        "federation queue",
        facts.sending_late_ms <= SENDING_LATE_MS_MAX,
        "nothing waits for its turn"
        if facts.sending_late_ms <= SENDING_LATE_MS_MAX
        else f"events for other servers have waited {facts.sending_late_ms // 60_000} minutes for their turn",
        "other servers do not get what was written here",
        "start the server, or look for federation_sender in its log",
        broken="warning",
    )
    wanted = settings.workers * (settings.database.pool_max + 1)
    yield _judge(
        "connections",
        wanted + 5 <= facts.connections_max,
        f"{wanted} wanted of {facts.connections_max}",
        "requests wait or fail when connections run out",
        "lower database.pool_max or workers, or raise max_connections",
        broken="warning",
    )


def _judge(check: str, fine: bool, what: str, why: str, next_: str, *, broken: str = "error") -> Finding:
    if fine:
        return Finding(check=check, what=what)
    return Finding(check=check, status=broken, what=what, why=why, next=next_)


def _clock(facts: DatabaseFacts) -> Finding:
    skew_ms = abs(SystemClock().now_ms() - facts.now_ms)
    return _judge(
        "clock",
        skew_ms <= SKEW_MS_MAX,
        f"{skew_ms} ms apart from the database's",
        "tokens and signatures end too early or too late",
        "timedatectl set-ntp true, on both machines",
    )


def _master_key(settings: Settings, sealed_seed: bytes | None) -> Finding:
    if settings.master_key is None and not settings.master_key_file.exists():
        if sealed_seed is None:
            return Finding(check="master key", what=f"will be made at {settings.master_key_file}")
        return _judge(
            "master key",
            fine=False,
            what=f"{settings.master_key_file} is missing, but the database has keys sealed with one",
            why="no tenant can sign",
            next_="bring the file back from the backup",
        )
    try:
        vault = Vault(load_master_key(settings, SystemIds()))
        if sealed_seed is not None:
            vault.open(sealed_seed)
    except ConfigError as error:
        return _judge(
            "master key", fine=False, what=str(error), why="the server does not start", next_=str(error)
        )
    except SealError:
        return _judge(
            "master key",
            fine=False,
            what="is not the one that sealed the keys in the database",
            why="no tenant can sign",
            next_="bring the right key back from the backup",
        )
    return Finding(
        check="master key", what="is there" + (" and opens the tenants' keys" if sealed_seed else "")
    )
