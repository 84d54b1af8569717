"""Secrets at rest: encrypted with the process's master key (DESIGN 2; RELIABILITY S10)."""

import hashlib

from nacl.exceptions import CryptoError as SealError
from nacl.secret import SecretBox

__all__ = ["SealError", "Vault", "token_hash"]


class Vault:
    """Seals and opens; the master key has 32 bytes."""

    def __init__(self, master_key: bytes) -> None:
        self._box = SecretBox(master_key)
        self._fingerprint_key = hashlib.blake2b(b"fingerprint", key=master_key).digest()

    def seal(self, secret: bytes) -> bytes:
        """Encrypt and authenticate."""
        return bytes(self._box.encrypt(secret))

    def open(self, sealed: bytes) -> bytes:
        """Decrypt; raises `SealError` when the master key is another one."""
        return bytes(self._box.decrypt(sealed))

    def fingerprint(self, data: bytes) -> bytes:
        """Recognizes equal data without telling anything of it to who has only the database."""
        return hashlib.blake2b(data, key=self._fingerprint_key, digest_size=32).digest()


def token_hash(token: str) -> bytes:
    """How tokens are stored and looked up; they are random and long, so a plain hash does."""
    return hashlib.sha256(token.encode()).digest()
