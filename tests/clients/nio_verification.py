"""Comparing short codes between two matrix-nio devices.

Only between two: nio 0.26.0 hashes the commitment as hex where the spec says unpadded Base64, so it and any other
client cancel each other's comparison with `m.key_mismatch`. It knows no cross-signing. With other clients its users
compare fingerprints (`NioPerson.fingerprint_of`).
"""

from typing import Any

from tests.clients.waiting import granted, until


class NioVerification:
    """One client's side of one comparison."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def starts(self, user: str, device: str) -> None:
        """Ask one device for a comparison."""
        granted(await self._client.start_key_verification(self._client.device_store[user][device]))

    async def joins(self) -> tuple[int, ...]:
        """Accept the comparison that the other side started; answers the numbers this client shows."""
        comparison = await self._comparison()
        granted(await self._client.accept_key_verification(comparison.transaction_id))
        return await self.numbers()

    async def numbers(self) -> tuple[int, ...]:
        """The three numbers this client shows, once both keys are there."""
        comparison = await self._comparison()
        await until(lambda: "the other's key", lambda: comparison.established_sas)
        shown: tuple[int, ...] = tuple(comparison.get_decimals())
        return shown

    async def confirms(self) -> None:
        """They match; returns when both sides said so."""
        comparison = await self._comparison()
        granted(await self._client.confirm_short_auth_string(comparison.transaction_id))
        await until(lambda: f"the other to confirm, {comparison.state}", lambda: comparison.verified)

    async def _comparison(self) -> Any:
        running = self._client.key_verifications
        return await until(lambda: "a comparison to start", lambda: next(iter(running.values()), None))
