"""Does to the image what Complement's deployer does, without Complement: is the harness sound?

Two servers on one network, our own authority laid into them, readiness, both ways of registration, TLS by name,
the network's walls, and a commit that is started again. Each check is a function that raises `Failed`.
"""

import hashlib
import hmac
import http.client
import json
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conformance.complement import engine, image
from conformance.complement.container.certificate import make_authority

JSON = dict[str, object]
PASSWORD = "complement_meets_min_pasword_req"


class Failed(Exception):
    """What the image does not do."""


@dataclass(frozen=True)
class Deployment:
    """One running container: its name in the network, the container, our ports to it."""

    name: str
    container: str
    client_port: int
    federation_port: int
    authority: Path


ANY_PORTS = ("127.0.0.1::8008", "127.0.0.1::8448")


READY_S_MAX = 30
"""As Complement has it; who runs several suites at once may give more."""


def deploy(
    base: str,
    name: str,
    authority: Path,
    ports: tuple[str, str] = ANY_PORTS,
    ready_s_max: int = READY_S_MAX,
) -> Deployment:
    """Create and start a container as Complement does, and wait until it answers."""
    volumes = [part for mount in image.mounts() for part in ("-v", mount)]
    container = engine.docker(
        "create", "--network", "check", "--network-alias", name, "--hostname", name, "-e", f"SERVER_NAME={name}",
        "--add-host", "host.docker.internal:host-gateway", "-p", ports[0], "-p", ports[1],
        *volumes, base)  # fmt: skip
    engine.docker("cp", f"{authority}/.", f"{container}:/complement/ca")
    engine.docker("start", container)
    client_port, federation_port = (
        int(engine.docker("port", container, port).splitlines()[0].rsplit(":", 1)[1])
        for port in ("8008", "8448")
    )
    deployment = Deployment(name, container, client_port, federation_port, authority)
    wait_until_ready(deployment, ready_s_max)
    return deployment


def wait_until_ready(at: Deployment, s_max: int = READY_S_MAX) -> None:
    """Wait until it answers."""
    deadline = time.monotonic() + s_max
    while time.monotonic() < deadline:
        try:
            if call(at, "GET", "/_matrix/client/versions")[0] == 200:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
    raise Failed(f"{at.name} does not answer within {s_max} s:\n{engine.logs(at.container)}")


def stop(at: Deployment) -> None:
    """End the server, so that its ports are dead."""
    engine.docker("stop", "-t", "20", at.container)


def start_again(at: Deployment, ready_s_max: int = READY_S_MAX) -> None:
    """Start the server that was stopped, with the ports that it had if they were not left to chance."""
    engine.docker("start", at.container)
    wait_until_ready(at, ready_s_max)


def call(
    at: Deployment, method: str, path: str, body: JSON | None = None, token: str = ""
) -> tuple[int, JSON]:
    """One request to the client port; returns status and JSON."""
    content = None if body is None else json.dumps(body).encode()
    status, raw = call_raw(at, method, path, content, token)
    return status, json.loads(raw)


def call_raw(
    at: Deployment,
    method: str,
    path: str,
    content: bytes | None = None,
    token: str = "",
    content_type: str = "application/json",
) -> tuple[int, bytes]:
    """As `call`, whatever the bodies are."""
    connection = http.client.HTTPConnection("127.0.0.1", at.client_port, timeout=30)
    headers = {"Content-Type": content_type} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection.request(method, path, content, headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def must(at: Deployment, method: str, path: str, body: JSON | None = None, token: str = "") -> JSON:
    """As `call`, but anything else than 200 is a failure."""
    status, answer = call(at, method, path, body, token)
    if status != 200:
        raise Failed(f"{at.name}: {method} {path}: {status} {answer}")
    return answer


def register_openly(at: Deployment, name: str) -> str:
    """`m.login.dummy`; returns the access token."""
    body: JSON = {
        "auth": {"type": "m.login.dummy"},
        "username": name,
        "password": PASSWORD,
    }
    return str(must(at, "POST", "/_matrix/client/v3/register", body)["access_token"])


def register_by_secret(at: Deployment, name: str) -> str:
    """The shared-secret registration of an admin; returns the access token."""
    path = "/_synapse/admin/v1/register"
    nonce = str(must(at, "GET", path)["nonce"])
    message = b"\0".join(part.encode() for part in (nonce, name, "password", "admin"))
    mac = hmac.new(b"complement", message, hashlib.sha1).hexdigest()
    body: JSON = {"nonce": nonce, "username": name, "password": "password", "admin": True, "mac": mac}
    return str(must(at, "POST", path, body)["access_token"])


def speaks_tls_by_its_name(at: Deployment) -> None:
    """The federation port shows a certificate for the server's name that the authority signed."""
    context = ssl.create_default_context(cafile=str(at.authority / "ca.crt"))
    with (
        socket.create_connection(("127.0.0.1", at.federation_port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=at.name),
    ):
        pass


def says_no_such_name_at_once(at: Deployment) -> None:
    """An unknown name is refused within a second, and no route leads outside."""
    program = (
        "import socket,time\nbegin=time.monotonic()\n"
        "try: socket.getaddrinfo('nowhere.example',8448); print('resolved')\n"
        "except socket.gaierror: print('%.1f' % (time.monotonic()-begin))\n"
        "s=socket.socket(); s.settimeout(1)\n"
        "try: s.connect(('192.0.2.1',53)); print('outside')\n"
        "except OSError: print('walled')"
    )
    took, wall = engine.docker("exec", at.container, "/usr/bin/python3", "-c", program).split()
    if took == "resolved" or float(took) > 1 or wall != "walled":
        raise Failed(f"{at.name}: the network: {took}, {wall}")


def talks_in_a_room(at: Deployment, token: str) -> None:
    """Create a room, send, see it in a sync."""
    room = str(must(at, "POST", "/_matrix/client/v3/createRoom", {"preset": "public_chat"}, token)["room_id"])
    path = f"/_matrix/client/v3/rooms/{room}/send/m.room.message/1"
    event_id = must(at, "PUT", path, {"msgtype": "m.text", "body": "hi"}, token)["event_id"]
    if str(event_id) not in json.dumps(must(at, "GET", "/_matrix/client/v3/sync?timeout=1000", None, token)):
        raise Failed(f"{at.name}: the event sent is not in the sync")


def joins_over_federation(first: Deployment, second: Deployment, alice: str, bob: str) -> None:
    """A user of the second server joins a public room of the first."""
    room = must(first, "POST", "/_matrix/client/v3/createRoom", {"preset": "public_chat"}, alice)["room_id"]
    must(second, "POST", f"/_matrix/client/v3/join/{room}?server_name={first.name}", {}, bob)


def survives_a_commit(at: Deployment, token: str) -> None:
    """Stopped, committed, started elsewhere: the token is still good."""
    begin = time.monotonic()
    stop(at)
    stopped_s = time.monotonic() - begin
    if stopped_s > 10:
        raise Failed(f"{at.name}: SIGTERM took {stopped_s:.1f} s")
    engine.docker("commit", at.container, "blueprint")
    engine.docker("rm", at.container)
    must(deploy("blueprint", at.name, at.authority), "GET", "/_matrix/client/v3/account/whoami", None, token)


def deploy_two(
    base: str,
    other: str,
    ports: tuple[tuple[str, str], tuple[str, str]] = (ANY_PORTS, ANY_PORTS),
    ready_s_max: int = READY_S_MAX,
) -> tuple[Deployment, Deployment]:
    """`hs1` and `hs2` on one network, with one authority."""
    engine.docker("network", "create", "check")
    authority = Path(tempfile.mkdtemp())
    make_authority(authority)
    begin = time.monotonic()
    first = deploy(base, "hs1", authority, ports[0], ready_s_max)
    second = deploy(other, "hs2", authority, ports[1], ready_s_max)
    print(f"  ready: two servers in {time.monotonic() - begin:.1f} s", flush=True)
    return first, second


def check(base: str) -> int:
    """Run every check on the image, print one line each; returns how many failed."""
    first, second = deploy_two(base, base)
    tokens: dict[str, str] = {}
    checks: list[tuple[str, Callable[[], object]]] = [
        ("open registration", lambda: tokens.update(alice=register_openly(first, "alice"))),
        ("shared-secret registration", lambda: tokens.update(bob=register_by_secret(second, "bob"))),
        ("create, send, sync", lambda: talks_in_a_room(first, tokens["alice"])),
        ("names and walls of the network", lambda: says_no_such_name_at_once(first)),
        ("TLS by name", lambda: speaks_tls_by_its_name(first)),
        (
            "join over federation",
            lambda: joins_over_federation(first, second, tokens["alice"], tokens["bob"]),
        ),
        ("stop, commit, start again", lambda: survives_a_commit(first, tokens["alice"])),
    ]
    return sum(failed(name, run) for name, run in checks)


def failed(name: str, run: Callable[[], object]) -> bool:
    """Run one check and print what came of it; a text that it returns is told."""
    try:
        note = run()
    except (Failed, AssertionError, OSError, KeyError, TypeError, http.client.HTTPException) as error:
        print(f"  FAIL  {name}: {error!r}", flush=True)
        return True
    print(f"  ok    {name}{f': {note}' if isinstance(note, str) else ''}", flush=True)
    return False
