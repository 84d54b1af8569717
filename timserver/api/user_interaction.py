"""From a request with `auth` to the attempt that `usecases.accounts.uia` judges."""

from typing import Any

import msgspec

from timserver.api.endpoint import Request
from timserver.usecases.accounts.uia import Attempt


class InteractiveRequest(Request, frozen=True, kw_only=True):
    """Base of requests that need user-interactive authentication."""

    auth: dict[str, Any] | None = None


def attempt(operation: str, request: InteractiveRequest) -> Attempt:
    """Everything of the request but `auth` is what the proof is bound to."""
    bare = msgspec.structs.replace(request, auth=None)
    return Attempt(operation, msgspec.json.encode(bare, order="deterministic"), request.auth)
