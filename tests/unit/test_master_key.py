import base64
from pathlib import Path

import pytest
from pydantic import SecretStr

from timserver import config
from timserver.clock import SystemIds


def test_it_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    settings = config.Settings(state_dir=tmp_path / "state")
    key = config.load_master_key(settings, SystemIds())
    assert len(key) == 32
    assert config.load_master_key(settings, SystemIds()) == key
    assert settings.master_key_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in settings.state_dir.iterdir()] == ["master.key"]


def test_two_installations_share_no_key(tmp_path: Path) -> None:
    keys = {
        config.load_master_key(config.Settings(state_dir=tmp_path / name), SystemIds()) for name in ("a", "b")
    }
    assert len(keys) == 2


def test_a_given_key_is_taken_and_no_file_made(tmp_path: Path) -> None:
    given = SecretStr(base64.b64encode(bytes(range(32))).decode())
    settings = config.Settings(state_dir=tmp_path, master_key=given)
    assert config.load_master_key(settings, SystemIds()) == bytes(range(32))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "c2hvcnQ=", "not base64!", "A" * 45])
def test_a_malformed_key_is_refused(text: str, tmp_path: Path) -> None:
    settings = config.Settings(state_dir=tmp_path, master_key=SecretStr(text))
    with pytest.raises(config.ConfigError, match="openssl rand"):
        config.load_master_key(settings, SystemIds())


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    settings = config.Settings(state_dir=tmp_path)
    config.load_master_key(settings, SystemIds())
    settings.master_key_file.chmod(0o640)
    with pytest.raises(config.ConfigError, match="chmod 600"):
        config.load_master_key(settings, SystemIds())
