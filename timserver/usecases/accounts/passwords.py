"""Passwords: Argon2id in a thread, so that hashing does not hold up the others."""

import asyncio

import argon2

from timserver.config import PasswordHash


def _hasher(costs: PasswordHash) -> argon2.PasswordHasher:
    return argon2.PasswordHasher(
        time_cost=costs.time_cost, memory_cost=costs.memory_kib, parallelism=costs.parallelism
    )


async def hash_password(costs: PasswordHash, password: str) -> str:
    """The hash in PHC form."""
    return await asyncio.to_thread(_hasher(costs).hash, password)


async def password_matches(costs: PasswordHash, password_hash: str | None, password: str) -> bool:
    """Takes as long for an account without a password, or that does not exist, as for one with."""

    def verify() -> bool:
        hasher = _hasher(costs)
        if password_hash is None:
            hasher.hash(password)
            return False
        try:
            return hasher.verify(password_hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    return await asyncio.to_thread(verify)
