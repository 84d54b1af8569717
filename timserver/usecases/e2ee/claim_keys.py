"""Claim one-time keys of devices."""

from collections.abc import Mapping

from timserver.context import Context
from timserver.tenancy import Tenant
from timserver.usecases.e2ee.local_keys import ClaimedKeys, claim_local_keys, is_local
from timserver.usecases.e2ee.remote_keys import Failures, claim_remote_keys


async def claim_keys(
    ctx: Context, tenant: Tenant, wanted: Mapping[str, Mapping[str, str]], within_s: float
) -> tuple[ClaimedKeys, Failures]:
    """A key for each (user, device, algorithm), and the servers that did not answer; who has none left is missing.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim
    """
    local = {user_id: devices for user_id, devices in wanted.items() if is_local(tenant, user_id)}
    remote = {user_id: devices for user_id, devices in wanted.items() if user_id not in local}
    found = await claim_local_keys(ctx, tenant, local) if local else {}
    failures: Failures = {}
    if remote:
        theirs, failures = await claim_remote_keys(ctx, tenant, remote, within_s)
        found.update(theirs)
    return found, failures
