"""The kept inputs: a file per form, an input per line in base64, the shortest first."""

import base64
import hashlib
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
FORMS = ("json", "pdu", "packed", "room")


def load(form: str) -> list[bytes]:
    """The inputs of a form."""
    path = CORPUS / f"{form}.txt"
    return [base64.b64decode(line) for line in path.read_text().split()] if path.exists() else []


def unpack(form: str, folder: Path) -> None:
    """Write each input into a file of its own, as fuzzers want it."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in load(form):
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def store(form: str, folders: list[Path]) -> int:
    """Keep the inputs of these folders instead; returns how many."""
    inputs = {path.read_bytes() for folder in folders for path in folder.iterdir()}
    lines = [base64.b64encode(data).decode() for data in sorted(inputs, key=lambda data: (len(data), data))]
    (CORPUS / f"{form}.txt").write_text("".join(line + "\n" for line in lines))
    return len(lines)
