"""From path, query and body to a request struct, by a plan that is made once per endpoint."""

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

import msgspec

from timserver import core
from timserver.api.endpoint import BodyBytes, FromPeer, Header, Path, Query, RawBody, Request, WholeBody
from timserver.matrix import errors, ids
from timserver.matrix.ids import InvalidID

_PARSERS: Mapping[Any, Callable[[str], str]] = {
    ids.UserID: ids.parse_user_id,
    ids.RoomID: ids.parse_room_id,
    ids.EventID: ids.parse_event_id,
    ids.RoomAlias: ids.parse_room_alias,
    ids.ServerName: ids.parse_server_name,
}


class _Text(msgspec.Struct, frozen=True):
    """A field that is read from text: path segment, query value or header."""

    field: str
    name: str
    convert: Callable[[str], Any]
    repeated: bool
    required: bool


class Plan(msgspec.Struct, frozen=True):
    """How to read one kind of request."""

    make: type[Request]
    path: tuple[_Text, ...]
    query: tuple[_Text, ...]
    headers: tuple[_Text, ...]
    body: "msgspec.json.Decoder[Any] | None"
    body_fields: tuple[tuple[str, str], ...]
    body_required: bool
    whole_body: str | None
    raw_body: str | None
    body_bytes: str | None
    peer: str | None


def _bare(hint: Any) -> Any:
    """Without Annotated and without `| None`."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (typing.Union, types.UnionType):
        rest = [arg for arg in get_args(hint) if arg is not type(None)]
        hint = rest[0] if len(rest) == 1 else hint
    return hint


def _converter(hint: Any) -> tuple[Callable[[str], Any], bool]:
    bare = _bare(hint)
    repeated = get_origin(bare) is tuple
    if repeated:
        bare = get_args(bare)[0]
    if bare in _PARSERS:
        return _PARSERS[bare], repeated
    if bare is str or getattr(bare, "__supertype__", None) is str:
        return str, repeated
    return (lambda text: msgspec.convert(text, bare, strict=False)), repeated


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(name=field.encode_name, default_factory=field.default_factory)
    if field.default is not msgspec.NODEFAULT:
        return msgspec.field(default=field.default, name=field.encode_name)
    return msgspec.field(name=field.encode_name)


def make_plan(request: type[Request]) -> Plan:
    """Read the markers of a request struct."""
    hints = typing.get_type_hints(request, include_extras=True)
    texts: dict[type, list[_Text]] = {Path: [], Query: [], Header: []}
    body: list[Any] = []
    special: dict[type, str] = {}
    renames: list[tuple[str, str]] = []
    body_required = False
    whole_required = False
    for field in msgspec.structs.fields(request):
        hint = hints[field.name]
        marker = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, msgspec.Struct)), None)
        if isinstance(marker, Path | Query | Header):
            convert, repeated = _converter(hint)
            texts[type(marker)].append(_Text(field.name, marker.name, convert, repeated, field.required))
        elif isinstance(marker, WholeBody | RawBody | BodyBytes | FromPeer):
            special[type(marker)] = field.name
            whole_required = whole_required or (isinstance(marker, WholeBody) and field.required)
        else:
            body.append((field.name, hint, _default(field)))
            renames.append((field.name, field.encode_name))
            body_required = body_required or field.required
    decoder = None
    if body:
        decoder = msgspec.json.Decoder(msgspec.defstruct(request.__name__ + "Body", body, kw_only=True))
    elif WholeBody in special:
        decoder = msgspec.json.Decoder(dict[str, Any])
    return Plan(
        request,
        tuple(texts[Path]),
        tuple(texts[Query]),
        tuple(texts[Header]),
        decoder,
        tuple(renames),
        any(
            field[2].default is msgspec.NODEFAULT and field[2].default_factory is msgspec.NODEFAULT
            for field in body
        )
        or whole_required,
        special.get(WholeBody),
        special.get(RawBody),
        special.get(BodyBytes),
        special.get(FromPeer),
    )


def read_addressed(
    plan: Plan,
    path: Callable[[str], Sequence[str]],
    query: Mapping[str, Sequence[str]],
    headers: Callable[[str], Sequence[str]],
) -> dict[str, Any]:
    """The fields that path, query and headers give."""
    fields: dict[str, Any] = {}
    try:
        read_texts(plan.path, path, fields)
    except InvalidID as error:
        raise errors.InvalidParam() from error
    read_texts(plan.query, lambda name: query.get(name, ()), fields)
    read_texts(plan.headers, headers, fields)
    return fields


def read_texts(
    texts: tuple[_Text, ...], values: Callable[[str], Sequence[str]], into: dict[str, Any]
) -> None:
    """Convert the wanted values; refuse what is missing or malformed."""
    for text in texts:
        found = values(text.name)
        if not found:
            if text.required:
                raise errors.MissingParam(f"Missing parameter {text.name}")
            continue
        try:
            into[text.field] = tuple(map(text.convert, found)) if text.repeated else text.convert(found[0])
        except (ids.InvalidID, msgspec.ValidationError) as error:
            raise errors.InvalidParam(f"Invalid value for {text.name}") from error


def read_body(plan: Plan, data: bytes, depth_max: int, into: dict[str, Any]) -> None:
    """Decode the JSON body into the request's fields; strict on depth, duplicate keys and numbers."""
    if plan.body is None:
        return
    if not data and not plan.body_required:
        data = b"{}"
    try:
        core.check_json(data, depth_max, strict_integers=False)
    except ValueError as error:
        kind = errors.NotJson if str(error) in ("not_json", "surrogate") else errors.BadJson
        raise kind(f"Invalid JSON: {error}") from None
    try:
        value = plan.body.decode(data)
    except msgspec.ValidationError as error:
        if "missing required field" in str(error):
            raise errors.MissingParam(str(error)) from None
        raise errors.BadJson(str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise errors.NotJson() from error
    if plan.whole_body is not None:
        into[plan.whole_body] = value
    else:
        for field, _ in plan.body_fields:
            into[field] = getattr(value, field)
