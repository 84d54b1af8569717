"""What an encrypting client has: a device's keys and a user's cross-signing keys, really signed."""

import itertools
from typing import Any

from tests.support.homeserver import Person
from timserver.matrix import signing
from timserver.matrix.signing import SigningKey

CURVE = "signed_curve25519"

_seeds = itertools.count(1)


def new_key(name: str = "x") -> SigningKey:
    """An ed25519 key nobody else has."""
    return signing.make_signing_key(f"ed25519:{name}", next(_seeds).to_bytes(32, "big"))


def public(key: SigningKey) -> str:
    """The public key as unpadded base64."""
    return signing.encode_base64(key.public_key)


class Crypto:
    """The keys of a person's device and of the person."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.device = new_key(person.device_id)
        self.master, self.self_signing, self.user_signing = new_key(), new_key(), new_key()

    def signed(self, by: SigningKey, value: dict[str, Any], name: str | None = None) -> dict[str, Any]:
        """Signed by one of the person's keys; cross-signing keys are named by their public key."""
        key_id = f"ed25519:{name}" if name else by.key_id if by is self.device else f"ed25519:{public(by)}"
        named = signing.make_signing_key(key_id, by.seed)
        return signing.sign_object(named, self.person.user_id, value)

    def device_keys(self, **more: Any) -> dict[str, Any]:
        """`device_keys` of an upload."""
        device_id = self.person.device_id
        keys = {f"ed25519:{device_id}": public(self.device), f"curve25519:{device_id}": public(self.device)}
        value = {
            "user_id": self.person.user_id,
            "device_id": device_id,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": keys,
            **more,
        }
        return self.signed(self.device, value)

    def one_time_keys(self, *names: str, fallback: bool = False) -> dict[str, Any]:
        """`one_time_keys` or `fallback_keys` of an upload; the same key for the same name."""
        extra = {"fallback": True} if fallback else {}
        return {
            f"{CURVE}:{name}": self.signed(self.device, {"key": f"key {name}", **extra}) for name in names
        }

    def cross_signing_key(self, usage: str, key: SigningKey) -> dict[str, Any]:
        """A cross-signing key; all but the master signed by the master."""
        value = {
            "user_id": self.person.user_id,
            "usage": [usage],
            "keys": {f"ed25519:{public(key)}": public(key)},
        }
        return value if usage == "master" else self.signed(self.master, value)

    def cross_signing_keys(self) -> dict[str, Any]:
        """Body of `/keys/device_signing/upload`."""
        return {
            "master_key": self.cross_signing_key("master", self.master),
            "self_signing_key": self.cross_signing_key("self_signing", self.self_signing),
            "user_signing_key": self.cross_signing_key("user_signing", self.user_signing),
        }
