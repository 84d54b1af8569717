"""Our endpoints against the specification's data in `conformance/spec`, and the page made from both."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from conformance.spec.operations import Operation, Shape, operations, shape_of
from conformance.spec.page import PAGE, page, served, served_to_servers
from tests.architecture.endpoint_deviations import (
    DEVIATIONS,
    MODULES,
    NOT_IN_THE_SPEC,
    SERVER_DEVIATIONS,
)
from timserver.api.decoding import Plan, make_plan
from timserver.api.endpoint import Answer, Auth, Endpoint

SPEC = {
    (operation.method, operation.path, operation.name): operation
    for api in ("client", "server")
    for operation in operations(api)
}
AUTH = {
    "client": {
        "none": Auth.NONE,
        "optional": Auth.OPTIONAL,
        "required": Auth.TOKEN,
        "federation": Auth.TOKEN,  # get_room_summary, by mistake
    },
    "server": {"none": Auth.NONE, "federation": Auth.SERVER},
}
CLIENT_ENDPOINTS, SERVER_ENDPOINTS = served(), served_to_servers()
ENDPOINTS = [*CLIENT_ENDPOINTS, *SERVER_ENDPOINTS]


def operation_of(item: Endpoint) -> Operation | None:
    found = [SPEC[key] for path in item.paths if (key := (item.method, path, item.operation_id)) in SPEC]
    return found[0] if found else None


PAIRS = [(item, operation) for item in ENDPOINTS if (operation := operation_of(item)) is not None]


def differences(item: Endpoint, operation: Operation) -> Iterator[str]:
    """In which parts an endpoint differs. What may be left out may be left out without a word."""
    shape = shape_of(operation)
    plan = make_plan(item.request) if item.request else None
    if AUTH[operation.api].get(operation.auth) is not item.auth:
        yield "auth"
    if item.response is not type(None):  # else it refuses whatever is asked
        yield from _request_differences(plan, shape)
    response = item.response
    if isinstance(response, type) and issubclass(response, msgspec.Struct) and response is not Answer:
        names = frozenset(field.encode_name for field in msgspec.structs.fields(response))
        if shape.response is not None and not shape.response_required <= names <= shape.response:
            yield "response"


def _request_differences(plan: Plan | None, shape: Shape) -> Iterator[str]:
    if plan is not None and frozenset(text.name for text in plan.path) != shape.path:
        yield "path"
    query = frozenset(text.name for text in plan.query) if plan else frozenset()
    if not shape.query_required <= query <= shape.query:
        yield "query"
    if plan is None or not (plan.whole_body or plan.raw_body or plan.body_bytes):
        body = frozenset(name for _, name in plan.body_fields) if plan else frozenset()
        if shape.body is not None and not shape.body_required <= body <= shape.body:
            yield "body"


@pytest.mark.parametrize(("item", "operation"), PAIRS, ids=lambda value: getattr(value, "name", ""))
def test_endpoints_are_those_of_the_spec(item: Endpoint, operation: Operation) -> None:
    """A difference needs a line in `endpoint_deviations.py` that says why."""
    deviations = SERVER_DEVIATIONS if operation.api == "server" else DEVIATIONS
    assert set(differences(item, operation)) == set(deviations.get(item.operation_id, ()))


@pytest.mark.parametrize(("item", "operation"), PAIRS, ids=lambda value: getattr(value, "name", ""))
def test_endpoints_are_where_the_spec_has_them(item: Endpoint, operation: Operation) -> None:
    module = item.handler.__module__.rpartition(".")[2]
    assert operation.module == module or operation.module in MODULES.get(module, ())


def test_all_others_have_a_reason() -> None:
    own = {item.operation_id for item in ENDPOINTS if operation_of(item) is None}
    assert own == set(NOT_IN_THE_SPEC), "named otherwise than the spec's operationId, or no line saying why"


def test_no_deviation_is_left_over() -> None:
    assert not set(DEVIATIONS) - {item.operation_id for item in CLIENT_ENDPOINTS}
    assert not set(SERVER_DEVIATIONS) - {item.operation_id for item in SERVER_ENDPOINTS}


def test_the_page_of_endpoints_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(ENDPOINTS), "run python -m conformance.spec.page"


def test_fields_are_read_through_references_and_parts() -> None:
    def shape(name: str) -> Any:
        return shape_of(next(operation for operation in operations() if operation.name == name))

    assert shape("register").body >= {"auth", "username", "inhibit_login"}
    assert shape("register").query == {"kind"}
    assert shape("get_token_owner").response_required == {"user_id"}
    assert shape("set_account_data").path == {"userId", "type"}
    assert shape("get_user_profile").response is None, "fields of any name"
