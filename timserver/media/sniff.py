"""What a stored file may claim to be when it is served: content type, disposition, file name (RELIABILITY M3).

The declared type is served as it was declared, with `nosniff`; it is shown inline only if it stands on the spec's
list. SVG and HTML are never shown inline.

Spec: https://spec.matrix.org/v1.19/client-server-api/#serving-inline-content
"""

import re
from urllib.parse import quote

INLINE = frozenset({
    "text/css", "text/plain", "text/csv", "application/json", "application/ld+json",
    "image/jpeg", "image/gif", "image/png", "image/apng", "image/webp", "image/avif",
    "video/mp4", "video/webm", "video/ogg", "video/quicktime",
    "audio/mp4", "audio/webm", "audio/aac", "audio/mpeg", "audio/ogg", "audio/wave", "audio/wav", "audio/x-wav",
    "audio/x-pn-wav", "audio/flac", "audio/x-flac",
})  # fmt: skip
UNKNOWN = "application/octet-stream"
CONTENT_TYPE_LENGTH_MAX = 255
FILE_NAME_LENGTH_MAX_BYTES = 255

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_VALUE = rf"(?:{_WORD}|\"[^\"\\\x00-\x1f\x7f-\uffff]*\")"
_CONTENT_TYPE = re.compile(rf"{_WORD}/{_WORD}(?: *; *{_WORD}={_VALUE})* *;?\Z")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_QUOTED_UNSAFE = re.compile(r'["\\%]|[^\x20-\x7e]')

_MAGIC = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
)
MAGIC_BYTES = 16
"""How much of a file `sniff_picture` wants to see."""


def clean_content_type(declared: str | None) -> str:
    """The declared content type if it is one, `application/octet-stream` otherwise."""
    text = (declared or "").strip()
    if len(text) > CONTENT_TYPE_LENGTH_MAX or not _CONTENT_TYPE.match(text):
        return UNKNOWN
    return text


def may_be_inline(content_type: str) -> bool:
    """True if a browser may show it at once."""
    return content_type.partition(";")[0].strip().lower() in INLINE


def clean_file_name(name: str | None) -> str | None:
    """A name without control and text-direction characters and of bearable length, or None."""
    cleaned = _CONTROL.sub("", name or "").strip()
    return cleaned.encode()[:FILE_NAME_LENGTH_MAX_BYTES].decode(errors="ignore") or None


def disposition(content_type: str, file_name: str | None) -> str:
    """The `Content-Disposition` header for a download.

    RFC 6266: a name of plain ASCII in quotes; any other in RFC 5987 form, with an ASCII stand-in before it.
    """
    kind = "inline" if may_be_inline(content_type) else "attachment"
    if file_name is None:
        return kind
    stand_in = _QUOTED_UNSAFE.sub("_", file_name)
    if stand_in == file_name:
        return f'{kind}; filename="{file_name}"'
    return f"{kind}; filename=\"{stand_in}\"; filename*=utf-8''{quote(file_name, safe='')}"


def sniff_picture(head: bytes) -> str | None:
    """The type of a picture we can make thumbnails of, by its first `MAGIC_BYTES`; None for everything else."""
    return next((kind for pattern, kind in _MAGIC if pattern.match(head)), None)
