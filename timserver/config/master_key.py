"""The key that encrypts the tenants' signing keys in the database (DESIGN 2, RELIABILITY E14, S10)."""

import base64
import binascii
import os
from contextlib import suppress
from pathlib import Path

from timserver.clock import IdSource
from timserver.config.load import ConfigError
from timserver.config.settings import Settings

SIZE_BYTES = 32


def load_master_key(settings: Settings, ids: IdSource) -> bytes:
    """The 32 bytes from the settings, else from `master.key` in state_dir, which is made when it is missing.

    Raises `ConfigError` when the key is malformed, unreadable, or readable by others.
    """
    if settings.master_key is not None:
        return _decode(settings.master_key.get_secret_value(), "master_key")
    path = settings.master_key_file
    try:
        if not path.exists():
            _create(path, ids.secret(SIZE_BYTES))
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{path} may be read by others; do: chmod 600 {path}")
        return _decode(path.read_text(encoding="ascii"), str(path))
    except OSError as error:
        raise ConfigError(f"master key: {path}: {error.strerror}; check state_dir") from None


def _create(path: Path, key: bytes) -> None:
    """Appears complete or not at all; of two processes at once, the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.b64encode(key).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(part, path)
    part.unlink()


def _decode(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != SIZE_BYTES:
        raise ConfigError(
            f"{where}: not {SIZE_BYTES} bytes in base64; make one with: openssl rand -base64 32"
        )
    return key
