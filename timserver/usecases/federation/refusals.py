"""Pure: what a client is told when another server could not be asked, or has refused."""

from timserver.matrix import errors
from timserver.remote.errors import RemoteError


def to_client(error: RemoteError, *, not_found: str) -> errors.MatrixError:
    """403 when policy, or the other server, forbids it; 404 when it knows nothing of it or cannot be reached, which is all
    that the client-server API knows of; 502 for an answer that is none.
    """
    inner = f"remote: {error}"
    if error.denied:
        return errors.Forbidden("That server is not part of the federation", inner=inner)
    if error.status == 404:
        return errors.NotFound(not_found, inner=inner)
    if error.status is None:
        return errors.NotFound(f"{not_found}: that server cannot be reached", inner=inner)
    if error.status == 403:
        return errors.Forbidden("That server refuses to answer", inner=inner)
    if error.status == 429:
        return errors.LimitExceeded(retry_after_ms=error.retry_after_ms or 1_000, inner=inner)
    return errors.Unknown("That server gives no proper answer", status=502, inner=inner)
