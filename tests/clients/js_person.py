"""matrix-js-sdk with Rust crypto."""

import base64
from dataclasses import dataclass
from typing import Any

from tests.clients.driver import Driver
from tests.clients.person import Account, Seen


@dataclass(frozen=True)
class ShortCode:
    """What two people read to each other: seven emoji or three numbers."""

    emoji: tuple[str, ...]
    numbers: tuple[int, ...]

    @classmethod
    def of(cls, shown: dict[str, list[Any]]) -> "ShortCode":
        """From the driver's answer."""
        return cls(tuple(shown["emoji"]), tuple(shown["numbers"]))


class JsPerson:
    """Person, and what only this client can do: cross-signing, verification, key backup."""

    def __init__(self, driver: Driver, name: str, user_id: str, device_id: str) -> None:
        self._driver, self._name = driver, name
        self.user_id, self.device_id = user_id, device_id

    @classmethod
    async def logs_in(cls, driver: Driver, account: Account, device_name: str) -> "JsPerson":
        """A new device; returns after its first sync."""
        name = f"{account.user_id}/{device_name}"
        who = await driver.ask(
            name,
            "logs_in",
            url=account.url,
            user=account.user_id,
            password=account.password,
            device_name=device_name,
        )
        return cls(driver, name, who["user_id"], who["device_id"])

    async def _do(self, verb: str, **args: object) -> Any:
        return await self._driver.ask(self._name, verb, **args)

    async def opens_room(self, *invites: str, encrypted: bool = True, direct: bool = False) -> str:
        room: str = await self._do("opens_room", invites=invites, encrypted=encrypted, direct=direct)
        return room

    async def joins(self, room: str) -> None:
        await self._do("joins", room=room)

    async def leaves(self, room: str) -> None:
        await self._do("leaves", room=room)

    async def sees_membership(self, room: str, user: str, membership: str) -> None:
        await self._do("sees_membership", room=room, user=user, membership=membership)

    async def sends(self, room: str, text: str, *, encrypted: bool = True) -> str:
        event_id: str = await self._do("sends", room=room, text=text, encrypted=encrypted)
        return event_id

    async def sends_many(self, room: str, texts: list[str]) -> None:
        """Encrypted messages, one after the other; a hundred in one go."""
        for first in range(0, len(texts), 100):
            await self._do("sends_many", room=room, texts=texts[first : first + 100], encrypted=True)

    async def sees(self, room: str, text: str) -> Seen:
        seen = await self._do("sees", room=room, body=text)
        return Seen(seen["event_id"], seen["sender"], seen["encrypted"])

    async def cannot_read(self, room: str, event_id: str) -> str:
        """The client has the event but not its key; its reason."""
        reason: str = await self._do("cannot_read", room=room, event_id=event_id)
        return reason

    async def logs_out(self) -> None:
        """The device is gone from the server."""
        await self._do("logs_out")

    async def sends_file(self, room: str, name: str, content: bytes) -> str:
        event_id: str = await self._do(
            "sends_file", room=room, name=name, base64=base64.b64encode(content).decode()
        )
        return event_id

    async def sees_file(self, room: str, name: str) -> bytes:
        return base64.b64decode(await self._do("sees_file", room=room, name=name))

    async def pages_back(self, room: str, count: int, page_size: int) -> list[str]:
        page = await self._do("pages_back", room=room, count=count, page_size=page_size)
        bodies: list[str] = page["bodies"]
        return bodies

    async def sets_up_recovery(self) -> str:
        """Cross-signing keys, secret storage and key backup; answers the recovery key."""
        recovery_key: str = await self._do("sets_up_recovery")
        return recovery_key

    async def recovers(self, recovery_key: str) -> dict[str, int]:
        """Open everything with the recovery key; answers how many room keys were in the backup and imported."""
        counts: dict[str, int] = await self._do("recovers", recovery_key=recovery_key)
        return counts

    async def has_backed_up(self, count: int) -> None:
        """Wait until the server's backup holds at least this many room keys; the SDK takes up to 10 s to begin."""
        await self._do("has_backed_up", count=count)

    async def room_keys(self, room: str) -> set[str]:
        """Ids of the room's megolm sessions that this device can decrypt with."""
        return set(await self._do("room_keys", room=room))

    async def asks_to_verify(self, user: str, *, room: str | None = None, device: str | None = None) -> None:
        """In a room when one is named, else to one device."""
        await self._do("asks_to_verify", user=user, room=room, device=device)

    async def accepts_verification(self, user: str) -> None:
        """Wait for that user's request and say yes."""
        await self._do("accepts_verification", user=user)

    async def starts_comparing(self) -> ShortCode:
        """Start, once the other is ready; answers what this client shows."""
        return ShortCode.of(await self._do("starts_comparing"))

    async def joins_comparing(self) -> ShortCode:
        """Wait for the other's start; answers what this client shows."""
        return ShortCode.of(await self._do("joins_comparing"))

    async def confirms(self) -> None:
        """They match; returns when the server has our word."""
        await self._do("confirms")

    async def finishes_comparing(self) -> None:
        """Wait until both sides have confirmed."""
        await self._do("finishes_comparing")

    async def trusts_user(self, user: str) -> None:
        """Wait until this client shows the user as verified by cross-signing."""
        await self._do("trusts_user", user=user)

    async def knows_device(self, user: str, device: str) -> None:
        """Wait until the device's keys are here: before that the SDK ignores its verification requests."""
        await self._do("knows_device", user=user, device=device)

    async def trusts_device(self, user: str, device: str) -> None:
        """Wait until this client shows the device as signed by its verified owner."""
        await self._do("trusts_device", user=user, device=device)

    async def trust_in_device(self, user: str, device: str) -> dict[str, bool]:
        """`cross_signed`: by its owner, whom we verified; `local`: by us, here."""
        trust: dict[str, bool] = await self._do("trust_in_device", user=user, device=device)
        return trust

    async def fingerprint(self) -> str:
        """What this device shows its owner to read out."""
        own: str = await self._do("fingerprint")
        return own

    async def fingerprint_of(self, user: str, device: str) -> str:
        """What this client has from the server for another's device."""
        known: str = await self._do("fingerprint_of", user=user, device=device)
        return known

    async def marks_verified(self, user: str, device: str) -> None:
        """The human compared the fingerprints."""
        await self._do("marks_verified", user=user, device=device)

    async def leaves_the_stage(self) -> None:
        await self._do("leaves_the_stage")
