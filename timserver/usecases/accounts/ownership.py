"""Step: paths that name a user whose data only that user may touch."""

from timserver.matrix import errors
from timserver.matrix.ids import UserID
from timserver.tenancy import Requester


def check_own(requester: Requester, user_id: UserID) -> None:
    """Raises `Forbidden` for anybody else's id, existing or not."""
    if user_id != requester.user_id:
        raise errors.Forbidden("This belongs to another user")
