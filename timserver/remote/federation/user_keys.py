"""Asking another server for the public keys and devices of its users. What it says of others' users is dropped.

Spec: https://spec.matrix.org/v1.19/server-server-api/#end-to-end-encryption
"""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from timserver.matrix.ids import ServerName, UserID
from timserver.matrix.json_types import JsonObject
from timserver.remote.client import CallLimits, FederationClient
from timserver.remote.federation.reading import read_answer
from timserver.remote.paths import path
from timserver.tenancy import Tenant

_Objects = dict[str, dict[str, Any]]


class QueriedKeys(msgspec.Struct, frozen=True):
    """Identity keys by user and device, cross-signing keys by user: as the other server says, unchecked."""

    device_keys: dict[str, _Objects]
    master_keys: _Objects = {}
    self_signing_keys: _Objects = {}


class ClaimedKeys(msgspec.Struct, frozen=True):
    """Keys by user, device, and `<algorithm>:<key id>`."""

    one_time_keys: dict[str, dict[str, dict[str, msgspec.Raw]]]


class RemoteDevice(msgspec.Struct, frozen=True):
    """A device and its identity keys."""

    device_id: str
    keys: dict[str, Any] | None = None
    device_display_name: str | None = None


class RemoteDevices(msgspec.Struct, frozen=True):
    """All devices of a user, and the version of the list."""

    user_id: str
    stream_id: int
    devices: list[RemoteDevice]
    master_key: dict[str, Any] | None = None
    self_signing_key: dict[str, Any] | None = None


async def query_user_encryption_keys(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    wanted: Mapping[str, Collection[str]],
    timeout_s: float,
) -> QueriedKeys:
    """POST /_matrix/federation/v1/user/keys/query. Raises RemoteError."""
    content: JsonObject = {"device_keys": {user: list(devices) for user, devices in wanted.items()}}
    answer = await client.request(
        tenant,
        destination,
        "POST",
        "/_matrix/federation/v1/user/keys/query",
        content=content,
        limits=CallLimits(timeout_s=timeout_s),
    )
    found = read_answer(answer, QueriedKeys)
    return QueriedKeys(
        {user: devices for user, devices in found.device_keys.items() if user in wanted},
        {user: key for user, key in found.master_keys.items() if user in wanted},
        {user: key for user, key in found.self_signing_keys.items() if user in wanted},
    )


async def claim_user_encryption_keys(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    wanted: Mapping[str, Mapping[str, str]],
    timeout_s: float,
) -> ClaimedKeys:
    """POST /_matrix/federation/v1/user/keys/claim. Raises RemoteError."""
    answer = await client.request(
        tenant,
        destination,
        "POST",
        "/_matrix/federation/v1/user/keys/claim",
        content={"one_time_keys": {user: dict(devices) for user, devices in wanted.items()}},
        limits=CallLimits(timeout_s=timeout_s),
    )
    found = read_answer(answer, ClaimedKeys).one_time_keys
    return ClaimedKeys(
        {
            user: {device: keys for device, keys in devices.items() if device in wanted[user]}
            for user, devices in found.items()
            if user in wanted
        }
    )


async def get_user_devices(
    client: FederationClient, tenant: Tenant, destination: ServerName, user_id: UserID, timeout_s: float
) -> RemoteDevices:
    """GET /_matrix/federation/v1/user/devices/{userId}. Raises RemoteError, also for devices of somebody else."""
    answer = await client.request(
        tenant,
        destination,
        "GET",
        path("/_matrix/federation/v1/user/devices/{}", user_id),
        limits=CallLimits(timeout_s=timeout_s),
    )
    return read_answer(answer, RemoteDevices, lambda found: found.user_id == user_id)
