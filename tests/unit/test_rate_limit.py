from timserver.matrix import rate_limit

TEN_PER_SECOND = rate_limit.Limit(per_second=10, burst_count=3)


def test_a_burst_passes_and_the_next_one_waits() -> None:
    state = 0.0
    for _ in range(3):
        taken = rate_limit.take(state, 1_000, TEN_PER_SECOND)
        assert taken.allowed
        state = taken.empty_at_ms
    refused = rate_limit.take(state, 1_000, TEN_PER_SECOND)
    assert (refused.allowed, refused.retry_after_ms) == (False, 100)
    assert refused.empty_at_ms == state
    assert rate_limit.take(state, 1_100, TEN_PER_SECOND).allowed


def test_a_burst_of_one_is_a_pure_interval() -> None:
    limit = rate_limit.Limit(per_second=0.5, burst_count=1)
    first = rate_limit.take(0, 5_000, limit)
    assert first.allowed
    assert rate_limit.take(first.empty_at_ms, 5_500, limit).retry_after_ms == 1_500
    assert rate_limit.take(first.empty_at_ms, 7_000, limit).allowed


def test_a_clock_that_jumps_back_locks_nobody_out() -> None:
    taken = rate_limit.take(10_000_000, 0, TEN_PER_SECOND)
    assert taken.retry_after_ms == 100
