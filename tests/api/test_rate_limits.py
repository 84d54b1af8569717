"""RELIABILITY S9: limits per user, address, account and tenant, each with the time to wait."""

import time
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from tests.support.federation import Server
from tests.support.homeserver import Homeserver, Person, running, settings_for
from tests.support.talk import room_with
from timserver.clock import SystemClock
from timserver.config import Limits, Listener, Rate, RateKind, RateLimits
from timserver.store.rates import Rates
from timserver.usecases.tenants.signing_key import signing_key


@pytest.fixture
async def limited(database_url: str) -> AsyncIterator[Homeserver]:
    tight = RateLimits(
        message=Rate(per_second=0.1, burst=3),
        login_address=Rate(per_second=0.1, burst=3),
        user=Rate(per_second=0.1, burst=31),
        federation=Rate(per_second=0.1, burst=5),
        tenant=Rate(per_second=0.1, burst=40),
    )
    limits = Limits(poll_interval_ms=300, refusal_pause_ms_max=50)
    listeners = (Listener(port=0, trust_forwarded=True),)
    async with running(
        settings_for(database_url, rate_limits=tight, listeners=listeners, limits=limits)
    ) as homeserver:
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
    noisy, other = limited.nobody(alice.tenant), at(limited, mallory)
    statuses = [(await noisy.get("/_matrix/client/versions")).status for _ in range(41)]
    assert (statuses[0], statuses[-1]) == (200, 429)
    (await other.get("/account/whoami")).must()


async def test_r11_what_is_refused_to_one_takes_nothing_from_the_others_of_the_tenant(
    limited: Homeserver, alice: Person, bob: Person
) -> None:
    loud, quiet = at(limited, alice), at(limited, bob)
    statuses = [(await loud.get("/account/whoami")).status for _ in range(50)]
    assert statuses == [200] * 31 + [429] * 19
    (await quiet.get("/account/whoami")).must()


async def test_r11_a_server_that_asks_too_much_takes_nothing_from_the_tenant(
    limited: Homeserver, alice: Person, mallory: Person
) -> None:
    there = Server(limited, mallory.tenant.server_name, await signing_key(limited.ctx, mallory.tenant))
    uri = "/_matrix/federation/v1/query/profile?user_id=" + quote(alice.user_id)
    replies = [await there.get(alice.tenant, uri) for _ in range(50)]
    assert [reply.status for reply in replies] == [200] * 5 + [429] * 45
    assert replies[-1]["retry_after_ms"] > 0
    (await at(limited, alice).get("/account/whoami")).must()


async def test_r11_who_hears_no_hears_it_after_a_pause(limited: Homeserver, alice: Person) -> None:
    loud = at(limited, alice)
    for _ in range(31):
        await loud.get("/account/whoami")
    began = time.perf_counter()
    (await loud.get("/account/whoami")).must(429)
    assert time.perf_counter() - began >= 0.05


async def test_r11_a_server_that_sends_much_is_slowed_down_not_refused(
    alice: Person, mallory: Person
) -> None:
    rates = Rates(SystemClock(), RateLimits(federation_events=Rate(per_second=100, burst=20)))
    began = time.perf_counter()
    await rates.pace(alice.tenant, RateKind.FEDERATION_EVENTS, "loud.example", 20)
    await rates.pace(mallory.tenant, RateKind.FEDERATION_EVENTS, "loud.example", 20)
    assert time.perf_counter() - began < 0.1
    await rates.pace(alice.tenant, RateKind.FEDERATION_EVENTS, "loud.example", 10)
    assert time.perf_counter() - began >= 0.09
