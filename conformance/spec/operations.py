"""The spec's operations: one per line of `endpoints.tsv`, with parameters and fields from the OpenAPI files."""

import csv
import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

HERE = Path(__file__).resolve().parent
API = HERE / "data/api"


class Operation(msgspec.Struct, frozen=True):
    """An operation. `name` is its operationId in snake case."""

    api: str
    method: str
    path: str
    name: str
    auth: str
    added_in: str
    deprecated: bool
    source: str
    summary: str

    @property
    def module(self) -> str:
        """The module that should hold it."""
        return Path(self.source).stem.replace("-", "_")


class Shape(msgspec.Struct, frozen=True):
    """Names of what a request or an answer holds; None: not an object with named fields."""

    path: frozenset[str]
    query: frozenset[str]
    query_required: frozenset[str]
    body: frozenset[str] | None
    body_required: frozenset[str]
    response: frozenset[str] | None
    response_required: frozenset[str]


def snake(operation_id: str) -> str:
    """`getAccount3PIDs` is `get_account3_pids`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", "_", operation_id).lower()


@cache
def operations(api: str = "client") -> tuple[Operation, ...]:
    """All operations of an API, as the table has them."""
    with (HERE / "endpoints.tsv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["api"] == api]
    return tuple(
        Operation(
            api,
            row["method"],
            row["path"],
            snake(row["operation_id"]),
            row["auth"],
            row["added_in"],
            row["deprecated"] == "yes",
            row["source"],
            row["summary"],
        )
        for row in rows
    )


@cache
def _document(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def _resolve(value: Any, base: Path) -> tuple[Any, Path]:
    while isinstance(value, dict) and "$ref" in value:
        target, _, pointer = value["$ref"].partition("#")
        if target:
            base = (base.parent / target).resolve()
        value = _document(base)
        for key in pointer.split("/")[1:]:
            value = value[key]
    return value, base


def _fields(schema: Any, base: Path) -> tuple[frozenset[str] | None, frozenset[str]]:
    """Property names and required names of an object; None when its names are not fixed."""
    schema, base = _resolve(schema, base)
    if not isinstance(schema, dict):
        return None, frozenset()
    names: set[str] = set(schema.get("properties", ()))
    required: set[str] = set(schema.get("required", ()))
    is_open = bool(schema.get("additionalProperties")) or schema.get("type") in ("array", "string")
    for part in schema.get("allOf", ()):
        part_names, part_required = _fields(part, base)
        is_open = is_open or part_names is None
        names |= part_names or frozenset()
        required |= part_required
    is_open = is_open or "oneOf" in schema or "anyOf" in schema
    return None if is_open else frozenset(names), frozenset(required)


def _json(content: Any) -> Any:
    return (content or {}).get("application/json", {}).get("schema")


def shape_of(operation: Operation) -> Shape:
    """What the OpenAPI file says of an operation."""
    file = API / operation.source
    for path, methods in _document(file)["paths"].items():
        found = methods.get(operation.method.lower())
        if found and snake(found["operationId"]) == operation.name and operation.path.endswith(path.strip()):
            return _shape(found, file)
    raise LookupError(operation.name)


def _shape(found: Any, file: Path) -> Shape:
    parameters = [_resolve(item, file)[0] for item in found.get("parameters", ())]

    def named(place: str, *, required: bool = False) -> frozenset[str]:
        return frozenset(
            item["name"]
            for item in parameters
            if item["in"] == place and (item.get("required") or not required)
        )

    request, base = _resolve(found.get("requestBody", {}), file)
    body, body_required = _fields(_json(request.get("content")), base)
    answer, base = _resolve(found["responses"].get("200", found["responses"].get(200, {})), file)
    response, response_required = _fields(_json(answer.get("content")), base)
    return Shape(
        named("path"),
        named("query"),
        named("query", required=True),
        body,
        body_required,
        response,
        response_required,
    )
