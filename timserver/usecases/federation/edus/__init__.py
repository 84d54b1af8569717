"""What other servers tell that is no event: one module per kind of EDU, each with one function `(ctx, tenant, origin,
content)`. The table is what `receive_transaction` asks; kinds that are not in it are ignored.

A handler refuses by raising a `MatrixError`, which spoils nothing but its own EDU. Everyone speaks for the users of the
own server only; what is about a room needs the sender's membership and passes the room's access control list.

Spec: https://spec.matrix.org/v1.19/server-server-api/#edus
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.tenancy import Tenant
from timserver.usecases.federation.edus.receive_device_list_update import receive_device_list_update
from timserver.usecases.federation.edus.receive_direct_to_device import receive_direct_to_device
from timserver.usecases.federation.edus.receive_presence import receive_presence
from timserver.usecases.federation.edus.receive_receipts import receive_receipts
from timserver.usecases.federation.edus.receive_signing_key_update import receive_signing_key_update
from timserver.usecases.federation.edus.receive_typing import receive_typing

EduHandler = Callable[[Context, Tenant, ServerName, JsonObject], Awaitable[None]]

EDU_HANDLERS: Final[Mapping[str, EduHandler]] = {
    "m.typing": receive_typing,
    "m.receipt": receive_receipts,
    "m.presence": receive_presence,
    "m.direct_to_device": receive_direct_to_device,
    "m.device_list_update": receive_device_list_update,
    "m.signing_key_update": receive_signing_key_update,
    "org.matrix.signing_key_update": receive_signing_key_update,
}
