import pytest

from timserver.matrix.retry_wait import retry_wait_ms

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


@pytest.mark.parametrize(
    ("failing_ms", "expected_ms"),
    [
        (0, MINUTE_MS),
        (MINUTE_MS, MINUTE_MS),
        (5 * MINUTE_MS, MINUTE_MS),
        (10 * MINUTE_MS, 90_000),
        (HOUR_MS, 9 * MINUTE_MS),
        (24 * HOUR_MS, HOUR_MS),
        (7 * 24 * HOUR_MS, HOUR_MS),
    ],
)
def test_the_wait_is_a_part_of_the_outage(failing_ms: int, expected_ms: int) -> None:
    assert retry_wait_ms(MINUTE_MS, failing_ms, 0.5) == expected_ms


def test_chance_spreads_by_a_tenth() -> None:
    waits = [retry_wait_ms(MINUTE_MS, 0, chance / 100) for chance in range(100)]
    assert (min(waits), max(waits)) == (54_000, 65_880)
    assert len(set(waits)) == 100


def test_a_first_wait_of_the_settings_is_kept_whatever_it_is() -> None:
    assert retry_wait_ms(100, 0, 0.5) == 100
    assert retry_wait_ms(2 * HOUR_MS, 24 * HOUR_MS, 0.5) == 2 * HOUR_MS


def after(minutes: float) -> list[float]:
    """Minutes after the first failure at which a dead server is tried."""
    tries, now_ms = [], 0
    while now_ms < minutes * MINUTE_MS:
        now_ms += retry_wait_ms(MINUTE_MS, now_ms, 0.5)
        tries.append(now_ms / MINUTE_MS)
    return tries


def test_neither_hammered_nor_forgotten() -> None:
    assert len(after(60)) < 25
    assert len(after(24 * 60)) < 70
    assert len(after(7 * 24 * 60)) < 70 + 6 * 24 + 1


@pytest.mark.parametrize("outage_minutes", [0.5, 2, 5, 10, 12])
def test_a_short_outage_is_noticed_to_be_over_within_two_minutes(outage_minutes: float) -> None:
    assert after(outage_minutes)[-1] - outage_minutes < 2
