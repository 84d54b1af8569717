"""Nothing real or fake: settings for hypothesis. The machine may be busy; no example fails for being slow."""

import hypothesis
import pytest

hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

ROOMS_LONG, ROOMS_PER_TEST = "0:100000", 50


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The numbers of the random rooms that were asked for, some to a test."""
    if "room_numbers" not in metafunc.fixturenames:
        return
    asked = ROOMS_LONG if metafunc.config.getoption("--long") else metafunc.config.getoption("--rooms")
    first, end = (int(number) for number in asked.split(":"))
    slices = [range(start, min(start + ROOMS_PER_TEST, end)) for start in range(first, end, ROOMS_PER_TEST)]
    metafunc.parametrize("room_numbers", slices, ids=lambda numbers: f"{numbers.start}:{numbers.stop}")
