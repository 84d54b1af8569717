import json
import tomllib
from pathlib import Path

import pytest

from timserver import config
from timserver.config import document

ROOT = Path(__file__).parents[2]


def refused(environment: dict[str, str], path: Path | None = None) -> list[str]:
    with pytest.raises(config.ConfigError) as caught:
        config.load(path, environment)
    return str(caught.value).splitlines()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "timserver.toml"
    file.write_text("workers = 2\n[database]\npool_min = 2\npool_max = 5\n")
    settings = config.load(file, {"TIM_DATABASE__POOL_MAX": "7", "TIM_PRESENCE": "false", "HOME": "/nowhere"})
    assert (settings.workers, settings.database.pool_min, settings.database.pool_max) == (2, 2, 7)
    assert not settings.presence


def test_lists_come_from_the_environment_as_json() -> None:
    listeners = '[{"port": 8448, "apis": ["federation"], "tenant": "a.example"}]'
    (listener,) = config.load(None, {"TIM_LISTENERS": listeners}).listeners
    assert (listener.port, listener.apis, listener.tenant) == (8448, (config.Api.FEDERATION,), "a.example")


def test_an_unknown_key_names_the_nearest() -> None:
    assert refused({"TIM_WORKER": "1", "TIM_DATABASE__POL_MAX": "3", "TIM_LISTENERS": '[{"prt": 1}]'}) == [
        "listeners.0.prt: unknown key; the nearest is port",
        "database.pol_max: unknown key; the nearest is pool_max",
        "worker: unknown key; the nearest is workers",
    ]
    assert refused({"TIM_DATABASE__URLFILE": "x"}) == [
        "database.urlfile: unknown key; the nearest is url_file"
    ]


def test_a_wrong_value_says_where() -> None:
    assert refused({"TIM_WORKERS": "many"})[0].startswith("workers: Input should be a valid integer")
    assert refused({"TIM_LISTENERS": '[{"key": "k.pem"}]'}) == [
        "listeners.0: certificate and key belong together: give both or none"
    ]
    assert refused({"TIM_DATABASE__POOL_MIN": "11"}) == ["database: pool_min is larger than pool_max"]
    assert refused({"TIM_WORKERS": "2", "TIM_WORKERS__X": "1"}) == ["TIM_WORKERS__X: workers is not a table"]


def test_secrets_come_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    settings = config.load(None, {"TIM_REGISTRATION__SHARED_SECRET_FILE": str(secret)})
    assert settings.registration.shared_secret
    assert settings.registration.shared_secret.get_secret_value() == "hunter2"
    both = {"TIM_MASTER_KEY_FILE": str(secret), "TIM_MASTER_KEY": "x"}
    assert refused(both) == ["master_key and master_key_file are both given: keep one"]
    assert refused({"TIM_MASTER_KEY_FILE": "/nowhere"}) == [
        "master_key_file: /nowhere: No such file or directory"
    ]


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert refused({}, missing) == [f"{missing}: No such file or directory"]
    broken = tmp_path / "broken.toml"
    broken.write_text("workers = \n")
    assert refused({}, broken)[0].startswith(f"{broken}: Invalid value")


def test_a_dump_hides_secrets_and_can_be_loaded_again() -> None:
    settings = config.load(None, {"TIM_DATABASE__URL": "postgresql://me:canary@db/x", "TIM_WORKERS": "3"})
    assert "canary" not in config.dump(settings, redacted=True)
    assert "canary" not in repr(settings)
    again = json.loads(config.dump(settings, redacted=False))
    assert config.Settings.model_validate(again) == settings


def test_the_defaults_are_strict() -> None:
    settings = config.Settings()
    assert not settings.registration.open
    assert settings.registration.shared_secret is None
    assert settings.rate_limits.enabled
    assert not settings.token_in_query
    assert not settings.media.legacy_paths
    assert settings.require_engine
    assert all(listener.host == "127.0.0.1" for listener in settings.listeners)


@pytest.mark.parametrize("kind", config.RateKind)
def test_every_kind_has_a_rate(kind: config.RateKind) -> None:
    assert config.RateLimits().of(kind) is not None
    assert config.RateLimits(enabled=False).of(kind) is None


def test_the_example_has_every_key_at_its_default() -> None:
    text = (ROOT / "config/timserver.example.toml").read_text()
    assert text == document.example()
    assert config.Settings.model_validate(tomllib.loads(text)) == config.Settings()
    lines = [line.removeprefix("# ") for line in text.splitlines()[5:] if not line.startswith("##")]
    given = "\n".join(line for line in lines if not line.endswith("="))
    assert config.Settings.model_validate(tomllib.loads(given)) == config.Settings()


def test_the_schema_is_the_one_of_the_settings() -> None:
    text = (ROOT / "config/timserver.schema.json").read_text()
    assert text == document.schema()
    tree = json.loads(text)
    assert {"master_key", "master_key_file"} <= set(tree["properties"])
    assert "url_file" in tree["$defs"]["Database"]["properties"]
