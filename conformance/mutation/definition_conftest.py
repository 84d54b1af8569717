"""What stands in the place of `tests/conftest.py` while mutants are tried: no database, few examples, no shrinking."""

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "mutation",
    deadline=None,
    database=None,
    max_examples=30,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("mutation")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "room_numbers" in metafunc.fixturenames:
        metafunc.parametrize("room_numbers", [range(24)])
