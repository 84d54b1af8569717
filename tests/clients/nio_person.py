"""matrix-nio with encryption (vodozemac): a Python client, its own crypto and its own view of the protocol."""

import asyncio
import io
from pathlib import Path
from typing import Any

import nio
from nio.crypto.attachments import decrypt_attachment

from tests.clients.nio_verification import NioVerification
from tests.clients.person import Account, Seen
from tests.clients.waiting import granted, until


class NioPerson:
    """Person, and nio's own gate: with `cautious` set it sends only when every device in the room is verified."""

    def __init__(self, client: Any, syncing: asyncio.Task[None]) -> None:
        self._client, self._syncing = client, syncing
        self.user_id, self.device_id = client.user_id, client.device_id
        self.cautious = False
        self.verification = NioVerification(client)
        self._timeline: list[tuple[str, Any]] = []
        client.add_event_callback(lambda room, event: self._timeline.append((room.room_id, event)), nio.Event)

    @classmethod
    async def logs_in(cls, account: Account, device_name: str, store: Path) -> "NioPerson":
        """A new device; returns after its first sync and its key upload."""
        config = nio.AsyncClientConfig(encryption_enabled=True, max_limit_exceeded=0, max_timeouts=0)
        client = nio.AsyncClient(account.url, account.user_id, store_path=str(store), config=config)
        granted(await client.login(account.password, device_name))
        syncing = asyncio.create_task(_sync(client))
        person = cls(client, syncing)
        await until(
            lambda: "the first sync and key upload",
            lambda: client.next_batch and not client.should_upload_keys,
        )
        return person

    async def opens_room(self, *invites: str, encrypted: bool = True, direct: bool = False) -> str:
        encryption = {
            "type": "m.room.encryption",
            "state_key": "",
            "content": {"algorithm": "m.megolm.v1.aes-sha2"},
        }
        preset = nio.RoomPreset.trusted_private_chat if direct else nio.RoomPreset.private_chat
        answer = await self._client.room_create(
            preset=preset, is_direct=direct, invite=invites, initial_state=[encryption] if encrypted else []
        )
        room: str = granted(answer).room_id
        return room

    async def joins(self, room: str) -> None:
        await until(lambda: f"an invite to {room}", lambda: room in self._client.invited_rooms)
        granted(await self._client.join(room))
        await until(lambda: "the join to come down sync", lambda: room in self._client.rooms)

    async def leaves(self, room: str) -> None:
        granted(await self._client.room_leave(room))

    async def sees_membership(self, room: str, user: str, membership: str) -> None:
        known = await until(lambda: f"{room} to be known", lambda: self._client.rooms.get(room))
        present = {"join": known.users, "invite": known.invited_users}
        if membership in present:
            await until(lambda: f"{user} to {membership}", lambda: user in present[membership])
        else:
            await until(
                lambda: f"{user} to be gone", lambda: all(user not in some for some in present.values())
            )

    async def sends(self, room: str, text: str, *, encrypted: bool = True) -> str:
        return await self._sends(room, {"msgtype": "m.text", "body": text}, encrypted)

    async def _sends(self, room: str, content: dict[str, object], encrypted: bool) -> str:
        if encrypted:
            await until(lambda: f"{room} to be encrypted", lambda: self._client.rooms[room].encrypted)
        answer = await self._client.room_send(
            room, "m.room.message", content, ignore_unverified_devices=not self.cautious
        )
        event_id: str = granted(answer).event_id
        return event_id

    async def _finds(self, room: str, kind: Any, body: str) -> Any:
        def found() -> Any:
            events = (event for where, event in self._timeline if where == room)
            return next((event for event in events if isinstance(event, kind) and event.body == body), None)

        def instead() -> str:
            return ", ".join(f"{type(event).__name__}" for where, event in self._timeline if where == room)

        return await until(lambda: f'{self.user_id} to see "{body}"; sees {instead()}', found)

    async def sees(self, room: str, text: str) -> Seen:
        event = await self._finds(room, nio.RoomMessageText, text)
        return Seen(event.event_id, event.sender, event.decrypted)

    async def sends_file(self, room: str, name: str, content: bytes) -> str:
        upload, keys = await self._client.upload(
            io.BytesIO(content), "application/octet-stream", name, encrypt=True, filesize=len(content)
        )
        return await self._sends(
            room,
            {
                "msgtype": "m.file",
                "body": name,
                "info": {"size": len(content), "mimetype": "application/octet-stream"},
                "file": {"url": granted(upload).content_uri, **keys},
            },
            encrypted=True,
        )

    async def sees_file(self, room: str, name: str) -> bytes:
        event = await self._finds(room, nio.RoomEncryptedFile, name)
        assert event.decrypted, f"{name} was not sent encrypted"
        ciphertext = granted(await self._client.download(event.url)).body
        plain: bytes = decrypt_attachment(ciphertext, event.key["k"], event.hashes["sha256"], event.iv)
        return plain

    async def pages_back(self, room: str, count: int, page_size: int) -> list[str]:
        newest_first: list[str] = []
        token: str | None = None
        while len(newest_first) < count:
            page = granted(await self._client.room_messages(room, token, limit=page_size))
            newest_first += [getattr(event, "body", "") for event in page.chunk if _is_message(event)]
            token = page.end
            if token is None:
                break
        return newest_first[::-1]

    async def reads_all(self, room: str) -> dict[str, str]:
        """Texts of all messages by event id, back to the beginning, each decrypted when it came encrypted."""
        texts: dict[str, str] = {}
        token: str | None = None
        while True:
            page = granted(await self._client.room_messages(room, token, limit=100))
            for event in page.chunk:
                plain = self._client.decrypt_event(event) if isinstance(event, nio.MegolmEvent) else event
                if isinstance(plain, nio.RoomMessageText):
                    texts[event.event_id] = plain.body
            token = page.end
            if token is None:
                return texts

    def takes_new_keys(self, room: str) -> None:
        """The next message is encrypted with a session that nobody knows yet."""
        self._client.invalidate_outbound_session(room)

    def looks_away(self) -> None:
        """Stop syncing."""
        self._syncing.cancel()

    def looks_again(self) -> None:
        """Sync from where it was."""
        self._syncing = asyncio.create_task(_sync(self._client))

    def fingerprint(self) -> str:
        """What this device shows its owner to read out."""
        own: str = self._client.olm.account.identity_keys["ed25519"]
        return own

    def fingerprint_of(self, user: str, device: str) -> str:
        """What this client has from the server for another's device."""
        known: str = self._client.device_store[user][device].ed25519
        return known

    def marks_verified(self, user: str, device: str) -> None:
        """The human compared the fingerprints."""
        self._client.verify_device(self._client.device_store[user][device])

    def trusts_device(self, user: str, device: str) -> bool:
        """Whether this client shows that device as verified."""
        trusted: bool = self._client.device_store[user][device].verified
        return trusted

    async def knows_device(self, user: str, device: str) -> None:
        """Wait until the device's keys are here."""
        await until(lambda: f"keys of {device}", lambda: self._client.device_store[user].get(device))

    async def leaves_the_stage(self) -> None:
        self._syncing.cancel()
        await self._client.close()


def _is_message(event: Any) -> bool:
    return isinstance(event, nio.RoomMessage | nio.MegolmEvent)


async def _sync(client: Any) -> None:
    await client.sync_forever(timeout=30_000, full_state=True)
