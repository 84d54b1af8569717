"""What a person with a Matrix client does in these tests, whichever client it is."""

import secrets
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Account:
    """A registered user and how to log in: everything a client asks a human for."""

    url: str
    user_id: str
    password: str


@dataclass(frozen=True)
class Seen:
    """A text message as the client shows it: decrypted, and whether it came encrypted."""

    event_id: str
    sender: str
    encrypted: bool


class Person(Protocol):
    """One logged-in client. Every verb waits until the client itself says it is so, or fails with its reason."""

    user_id: str
    device_id: str

    async def opens_room(self, *invites: str, encrypted: bool = True, direct: bool = False) -> str: ...
    async def joins(self, room: str) -> None: ...
    async def leaves(self, room: str) -> None: ...
    async def sees_membership(self, room: str, user: str, membership: str) -> None: ...
    async def sends(self, room: str, text: str, *, encrypted: bool = True) -> str: ...
    async def sees(self, room: str, text: str) -> Seen: ...
    async def sends_file(self, room: str, name: str, content: bytes) -> str: ...
    async def sees_file(self, room: str, name: str) -> bytes: ...
    async def pages_back(self, room: str, count: int, page_size: int) -> list[str]: ...
    async def leaves_the_stage(self) -> None: ...


async def gather_in_room(owner: Person, *guests: Person, encrypted: bool = True, direct: bool = False) -> str:
    """Owner opens a room, all guests join, and everybody has seen everybody: no key is missed for lateness."""
    room = await owner.opens_room(*(guest.user_id for guest in guests), encrypted=encrypted, direct=direct)
    everyone = (owner, *guests)
    for guest in guests:
        await guest.joins(room)
    for person in everyone:
        for other in everyone:
            await person.sees_membership(room, other.user_id, "join")
    return room


async def converse(room: str, speaker: Person, *listeners: Person, text: str | None = None) -> str:
    """Speaker says something encrypted; every listener reads exactly that, from that sender, encrypted."""
    text = text or f"something only we know: {secrets.token_hex(8)} – äöü 🔐"
    event_id = await speaker.sends(room, text)
    for listener in (*listeners, speaker):
        assert await listener.sees(room, text) == Seen(event_id, speaker.user_id, encrypted=True)
    return text


async def hand_over_file(room: str, giver: Person, *takers: Person, size_bytes: int = 300_000) -> None:
    """Giver sends an encrypted file; every taker downloads and decrypts the same bytes."""
    name, content = f"{secrets.token_hex(4)}.bin", secrets.token_bytes(size_bytes)
    await giver.sends_file(room, name, content)
    for taker in takers:
        assert await taker.sees_file(room, name) == content
