from hypothesis import given
from hypothesis import strategies as st

from timserver.matrix import rate_limit


@given(
    steps_ms=st.lists(st.integers(0, 3_000), max_size=200),
    per_second=st.sampled_from([0.1, 1, 3, 10, 1000]),
    burst_count=st.integers(1, 20),
)
def test_no_window_lets_more_through_than_burst_plus_rate(
    steps_ms: list[int], per_second: float, burst_count: int
) -> None:
    limit = rate_limit.Limit(per_second, burst_count)
    state, now_ms = 0.0, 1
    allowed_at: list[int] = []
    for step_ms in steps_ms:
        now_ms += step_ms
        taken = rate_limit.take(state, now_ms, limit)
        state = taken.empty_at_ms
        if taken.allowed:
            allowed_at.append(now_ms)
        else:
            assert rate_limit.take(state, now_ms + taken.retry_after_ms, limit).allowed
    for first, start_ms in enumerate(allowed_at):
        for last in range(first, len(allowed_at)):
            window_s = (allowed_at[last] - start_ms) / 1000
            assert last - first + 1 <= burst_count + window_s * per_second + 1e-6
