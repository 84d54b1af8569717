"""`RemoteError`: what went wrong when another server was asked."""


class RemoteError(Exception):
    """No answer, or a refusal.

    `status` and `errcode` are the other server's; None without an answer. `transient`: later it may be different.
    `denied`: our own policy forbids it and nothing was sent. `error` is for the log, and says nothing of content.
    """

    def __init__(
        self,
        error: str,
        *,
        status: int | None = None,
        errcode: str | None = None,
        transient: bool = False,
        denied: bool = False,
        retry_after_ms: int | None = None,
    ) -> None:
        self.status, self.errcode, self.error = status, errcode, error
        self.transient, self.denied, self.retry_after_ms = transient, denied, retry_after_ms
        super().__init__(" ".join(str(part) for part in (status, errcode, error) if part is not None))


class Unreached(RemoteError):
    """No connection was made, so nothing was sent; another address may be tried."""
