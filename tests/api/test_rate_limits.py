"""RELIABILITY S9: limits per user, address, account and tenant, each with the time to wait."""

from collections.abc import AsyncIterator

import pytest

from tests.support.homeserver import Homeserver, Person, running, settings_for
from tests.support.talk import room_with
from timserver.config import Listener, Rate, RateLimits


@pytest.fixture
async def limited(database_url: str) -> AsyncIterator[Homeserver]:
    tight = RateLimits(
        message=Rate(per_second=0.1, burst=3),
        login_address=Rate(per_second=0.1, burst=3),
        tenant=Rate(per_second=0.1, burst=30),
    )
    listeners = (Listener(port=0, trust_forwarded=True),)
    async with running(settings_for(database_url, rate_limits=tight, listeners=listeners)) as homeserver:
        yield homeserver


def at(server: Homeserver, person: Person) -> Person:
    return Person(server, person.tenant, person.user_id, person.token, person.device_id)


async def test_a_user_who_sends_too_much_waits_and_others_do_not(
    limited: Homeserver, alice: Person, bob: Person
) -> None:
    room = await room_with(alice, bob)
    loud, quiet = at(limited, alice), at(limited, bob)
    path = f"/rooms/{room}/send/m.room.message"
    for number in range(3):
        (await loud.put(f"{path}/{number}", {"msgtype": "m.text", "body": "x"})).must()
    refused = (await loud.put(f"{path}/4", {"msgtype": "m.text", "body": "x"})).must(429, "M_LIMIT_EXCEEDED")
    assert 0 < refused["retry_after_ms"] <= 10_000
    assert 0 < int(refused.headers["Retry-After"]) <= 10
    (await quiet.put(f"{path}/1", {"msgtype": "m.text", "body": "x"})).must()


async def test_logins_are_counted_by_the_address_that_the_proxy_saw(
    limited: Homeserver, alice: Person
) -> None:
    nobody = limited.nobody(alice.tenant)
    wrong = {"type": "m.login.password", "user": "nobody", "password": "x"}

    async def attempt(forwarded: str) -> int:
        return (await nobody.call("POST", "/login", wrong, headers={"X-Forwarded-For": forwarded})).status

    assert [await attempt("192.0.2.1, 198.51.100.7") for _ in range(4)] == [403, 403, 403, 429]
    assert await attempt("192.0.2.99, 198.51.100.7") == 429, "what the client says of itself does not count"
    assert await attempt("198.51.100.8") == 403


async def test_a_tenant_that_asks_too_much_waits_and_others_do_not(
    limited: Homeserver, alice: Person, mallory: Person
) -> None:
    noisy, other = at(limited, alice), at(limited, mallory)
    statuses = [(await noisy.get("/account/whoami")).status for _ in range(31)]
    assert (statuses[0], statuses[-1]) == (200, 429)
    (await other.get("/account/whoami")).must()
