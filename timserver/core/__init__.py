"""Event authorization, state resolution and what a profile proved hot: two texts of one contract (DESIGN 4).

`definition/` follows the spec's numbered steps and can be read beside it; `engine` is compiled from `rust/` and
is what runs. Knows nothing of tenants, sockets or the database.
"""

from timserver.core.definition.auth import check_auth
from timserver.core.definition.auth_events import auth_keys, check_auth_events, state_keys
from timserver.core.rejected import Rejected

__all__ = ["Rejected", "auth_keys", "check_auth", "check_auth_events", "state_keys"]
