"""The contract of the compiled engine (`timserver/core/rust`)."""

def version() -> str:
    """The crate's version; `timserver.core` compares it with its own at import."""
