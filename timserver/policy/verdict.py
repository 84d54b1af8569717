"""`Denied`: a policy's refusal as a value, with gematik's requirement id for the log."""

import msgspec

from timserver.matrix.errors import Forbidden, MatrixError


class Denied(msgspec.Struct, frozen=True, kw_only=True):
    """Why not. `error` is safe for the client and tells no more than the rule demands (INV-8)."""

    requirement: str
    error: str = "Not allowed on this server"
    kind: type[MatrixError] = Forbidden
    status: int | None = None

    def to_error(self) -> MatrixError:
        """As the client sees it."""
        return self.kind(self.error, status=self.status, inner=f"policy {self.requirement}")
