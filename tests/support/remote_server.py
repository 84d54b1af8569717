"""A homeserver of somebody else, as far as the wire shows it: HTTPS on loopback, a CA and a signing key of its own.

It answers key queries, verifies nothing and keeps what it was asked; a test says what else it answers.
"""

import asyncio
import datetime
import ipaddress
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from timserver.matrix import signing
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonValue

WEEK_MS = 7 * 86_400_000


class Authority:
    """Signs certificates. `file` is what goes into `extra_ca_files`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA of a test")])
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.file = directory / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    def context(self, *names: str) -> ssl.SSLContext:
        """For a server with these names."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.issue(*names))
        return context

    def trust(self) -> ssl.SSLContext:
        """For a client that believes this authority only."""
        return ssl.create_default_context(cafile=str(self.file))

    def issue(self, *names: str) -> tuple[Path, Path]:
        """Files of a certificate for host names and addresses, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")]), key)
            .add_extension(alternatives, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(issuer_key, critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        stem = f"cert{certificate.serial_number:x}"
        chain, private = self._directory / f"{stem}.pem", self._directory / f"{stem}.key"
        chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return chain, private


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


class Received(msgspec.Struct, frozen=True):
    """A request as it came."""

    method: str
    uri: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[Received], Awaitable[web.StreamResponse]]


class RemoteServer:
    """Made by `remote_server`."""

    def __init__(self, server_name: str, port: int) -> None:
        self.server_name = ServerName(server_name)
        self.port = port
        self.key = signing.make_signing_key("ed25519:remote", bytes(range(7, 39)))
        self.requests: list[Received] = []
        self._connections: set[int] = set()
        self._answers: dict[tuple[str, str], Answer] = {}
        self.otherwise: Answer | None = None
        """For paths without an answer of their own."""
        self.keys: dict[str, JsonValue] = self.key_document()

    def key_document(self, **changes: JsonValue) -> dict[str, JsonValue]:
        """What it says of its keys, signed; `changes` go in before."""
        document: dict[str, JsonValue] = {
            "server_name": self.server_name,
            "verify_keys": {self.key.key_id: {"key": signing.encode_base64(self.key.public_key)}},
            "old_verify_keys": {},
            "valid_until_ts": int(datetime.datetime.now(datetime.UTC).timestamp() * 1000) + WEEK_MS,
            **changes,
        }
        return signing.sign_object(self.key, self.server_name, document)

    def answers(
        self, method: str, path: str, body: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """From now on this path (as sent, without query) has this answer: JSON, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def answer(_: Received) -> web.StreamResponse:
            return web.Response(status=status, body=data, headers=headers, content_type="application/json")

        self.answers_by(method, path, answer)

    def answers_by(self, method: str, path: str, answer: Answer) -> None:
        """As `answers`, by a function."""
        self._answers[method, path] = answer

    @property
    def connections(self) -> int:
        """How many there were, as long as each lasts."""
        return len(self._connections)

    def asked(self, path: str) -> list[Received]:
        """The requests for a path."""
        return [request for request in self.requests if request.uri.partition("?")[0] == path]

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        received = Received(http.method, http.raw_path, dict(http.headers), await http.read())
        self.requests.append(received)
        self._connections.add(id(http.protocol))
        path = received.uri.partition("?")[0]
        answer = self._answers.get((received.method, path))
        if answer is not None:
            return await answer(received)
        if path == "/_matrix/key/v2/server":
            return web.json_response(self.keys)
        if self.otherwise is not None:
            return await self.otherwise(received)
        return web.json_response({"errcode": "M_UNRECOGNIZED", "error": "not here"}, status=404)


_ports: set[int] = set()


def on_new_port(address: str, port: int = 0) -> socket.socket:
    """A listening socket on `port` or any free one, but on none that this process had before: what was learned of a server
    is kept under its name, which has the port in it.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.create_server((address, port), family=family)
    found: int = bound.getsockname()[1]
    if found not in _ports:
        _ports.add(found)
        return bound
    with bound:  # kept until there is another one, which so has another port
        return on_new_port(address)


@asynccontextmanager
async def remote_server(
    authority: Authority,
    *,
    host: str = "localhost",
    address: str = "127.0.0.1",
    server_name: str | None = None,
    certified: tuple[str, ...] | None = None,
) -> AsyncIterator[RemoteServer]:
    """Serve on a free port of a loopback address; the server name is `host:port` unless another one is given."""
    bound = on_new_port(address)
    port: int = bound.getsockname()[1]
    remote = RemoteServer(server_name or f"{host}:{port}", port)
    runner = web.ServerRunner(web.Server(remote, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    names = (host.strip("[]"),) if certified is None else certified
    context = authority.context(*names)
    await web.SockSite(runner, bound, ssl_context=context).start()
    try:
        yield remote
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)
