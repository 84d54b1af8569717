"""The base image, made without a registry: empty folders, the host's `/usr` and our tree mounted read-only.

A change of code needs no new image; what is committed is the database cluster with the schema (the seed run).
"""

import io
import sys
import tarfile
from pathlib import Path

from conformance.complement import engine

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ["complement", "data", "etc", "proc", "run", "sys", "tmp", "usr", "var"]
LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib32": "usr/lib32", "lib64": "usr/lib64", "sbin": "usr/sbin"}
PASSWD = "root:x:0:0::/root:/bin/sh\npostgres:x:70:70::/data:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"


def environment(server: str) -> Path:
    """The virtual environment that has the server: ours, or Synapse's own."""
    return ROOT / ".venv" if server == "timserver" else ROOT / ".state" / "complement" / server


def mounts() -> list[str]:
    """What each container sees of the host, read-only, in the form `path:path:ro`."""
    outside_usr = [] if Path(sys.base_prefix).is_relative_to("/usr") else [sys.base_prefix]
    return [f"{path}:{path}:ro" for path in ["/usr", *outside_usr, str(ROOT)]]


def build(server: str) -> str:
    """Import the folders, run the server's seed, commit; returns the image's name."""
    python = environment(server) / "bin" / "python"
    command = f'["{python}","-m","conformance.complement.container.start","{server}"'
    changes = ["EXPOSE 8008", "EXPOSE 8448", f"WORKDIR {ROOT}", "ENV PYTHONPYCACHEPREFIX=/var/pycache",
               "ENV PYTHONUNBUFFERED=1", f"CMD {command}]"]  # fmt: skip
    flags = [part for change in changes for part in ("--change", change)]
    empty, base = f"{server}-empty", f"{server}-complement"
    engine.docker("import", *flags, "-", empty, stdin=_folders())
    volumes = [part for mount in mounts() for part in ("-v", mount)]
    seed = [str(python), "-m", "conformance.complement.container.start", server, "--seed"]
    engine.docker("run", "--name", "seed", *volumes, empty, *seed)
    engine.docker("commit", "--change", f"CMD {command}]", "seed", base)
    engine.docker("rm", "seed")
    return base


def _folders() -> bytes:
    """A tar of what a container needs besides its mounts."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in FOLDERS:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(entry)
        for name, target in LINKS.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
        files = {
            "etc/passwd": PASSWD.encode(),
            "etc/group": b"root:x:0:\npostgres:x:70:\nnogroup:x:65534:\n",
            "etc/nsswitch.conf": b"hosts: files dns\n",
            "etc/ld.so.cache": Path("/etc/ld.so.cache").read_bytes(),
        }
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
