"""Tell the service manager how we are: the sd_notify protocol (a datagram to $NOTIFY_SOCKET)."""

import os
import socket
from contextlib import suppress


def tell_service_manager(state: str) -> None:
    """`READY=1` or `STOPPING=1`; without a service manager nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.connect("\0" + address[1:] if address.startswith("@") else address)
        out.sendall(state.encode())
