"""Tenants and users by command."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from timserver.cli.outcome import ExitCode

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(run: Run) -> str:
    """A tenant of the test's own, beside another one."""
    names = [row["server_name"] for row in run("tenant", "list", "--json").json]
    run("tenant", "create", f"other{len(names)}.example").must()
    name = f"own{len(names)}.example"
    run("tenant", "create", name, "--variant", "pro").must()
    return name


def test_settings_of_a_tenant_are_changed(run: Run, here: str) -> None:
    planned = run("tenant", "set", here, "registration=true", "--dry-run", "--json").json
    assert (planned["changed"], planned["settings"]["registration"]) == (False, True)
    assert not run("tenant", "show", here, "--json").json["settings"]["registration"]
    run("tenant", "set", here, "registration=true", "default_room_version=11").must()
    settings = run("tenant", "show", here, "--json").json["settings"]
    assert (settings["registration"], settings["default_room_version"]) == (True, "11")
    run("tenant", "set", here, "default_room_version=null").must()
    assert run("tenant", "show", here, "--json").json["settings"]["default_room_version"] == "10"


def test_a_setting_that_does_not_exist_is_told_with_the_nearest_one(run: Run, here: str) -> None:
    wrong = run("tenant", "set", here, "registraton=true")
    assert wrong.code == ExitCode.REFUSED
    assert "registration" in wrong.err
    assert run("tenant", "set", here, "registration=perhaps").code == ExitCode.REFUSED
    assert run("tenant", "set", here, "registration").code == ExitCode.USAGE


def test_a_tenant_is_made_shown_and_deleted(run: Run, here: str) -> None:
    shown = run("tenant", "show", here, "--json").json
    assert (shown["variant"], shown["tim_version"], shown["rows"]["tenant_key"]) == ("pro", "1.2", 1)
    assert run("tenant", "create", here).code == ExitCode.EXISTS
    assert run("tenant", "delete", here).code == ExitCode.USAGE
    planned = run("tenant", "delete", here, "--dry-run", "--json").json
    assert (planned["deleted"], planned["rows"]) == (False, shown["rows"])
    others = [
        row["server_name"] for row in run("tenant", "list", "--json").json if row["server_name"] != here
    ]
    assert run("tenant", "delete", here, "--confirm", here, "--json").json["rows"] == shown["rows"]
    assert run("tenant", "show", here).code == ExitCode.NOT_FOUND
    assert [row["server_name"] for row in run("tenant", "list", "--json").json] == others


def test_a_key_is_rotated_and_the_old_one_kept(run: Run, here: str) -> None:
    assert not run("tenant", "rotate-key", here, "--dry-run", "--json").json["rotated"]
    assert run("tenant", "show", here, "--json").json["rows"]["tenant_key"] == 1
    first, second = (run("tenant", "rotate-key", here, "--json").json for _ in range(2))
    assert first["key_id"] != second["key_id"]
    assert run("tenant", "show", here, "--json").json["rows"]["tenant_key"] == 3
    assert run("tenant", "rotate-key", "nobody.example").code == ExitCode.NOT_FOUND


def test_a_dry_run_makes_nothing(run: Run, here: str) -> None:
    assert not run("tenant", "create", "planned.example", "--dry-run", "--json").json["created"]
    assert run("tenant", "show", "planned.example").code == ExitCode.NOT_FOUND
    assert not run("user", "create", f"@anna:{here}", "--dry-run", "--json").json["created"]
    assert run("user", "list", here, "--json").json == []


def test_users(run: Run, here: str) -> None:
    anna = f"@anna:{here}"
    made = run("user", "create", anna, "--admin", "--json").json
    assert len(made["password"]) == 20
    assert run("user", "create", anna).code == ExitCode.EXISTS
    assert run("user", "list", here, "--json").json == [{"user_id": anna, "state": "active", "admin": True}]
    again = run("user", "reset-password", anna, "--json").json
    assert again["password"] != made["password"]
    run("user", "lock", anna).must()
    assert run("user", "list", here, "--json").json[0]["state"] == "locked"
    run("user", "unlock", anna).must()
    run("user", "deactivate", anna).must()
    assert run("user", "list", here, "--json").json[0]["state"] == "deactivated"
    assert run("user", "reset-password", anna).code == ExitCode.REFUSED


def test_what_does_not_exist(run: Run, here: str) -> None:
    assert run("user", "reset-password", f"@nobody:{here}").code == ExitCode.NOT_FOUND
    assert run("user", "create", "@anna:nowhere.example").code == ExitCode.NOT_FOUND
    assert run("user", "create", "anna").code == ExitCode.USAGE
    assert run("user", "create", f"@Anna!:{here}").code == ExitCode.REFUSED
    assert run("tenant", "create", "not a name").code == ExitCode.REFUSED
    taken = run("tenant", "create", "late.example", "--client-url", f"https://{here}")
    assert taken.code == ExitCode.EXISTS
    assert here in taken.err


def test_tables_for_people(run: Run, here: str) -> None:
    run("user", "create", f"@anna:{here}").must()
    assert f"@anna:{here}" in run("user", "list", here).out
    assert here in run("tenant", "list").out
    assert re.search(rf"server_name +{re.escape(here)}", run("tenant", "show", here).out)


def test_a_wrong_configuration_and_a_missing_database(run: Run) -> None:
    wrong = run("tenant", "list", TIM_WORKER="2")
    assert wrong.code == ExitCode.CONFIGURATION
    assert "worker: unknown key; the nearest is workers" in wrong.err
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    assert run("tenant", "list", TIM_DATABASE__URL=nowhere).code == ExitCode.UNAVAILABLE
    assert run("migrate", TIM_DATABASE__URL=nowhere).code == ExitCode.UNAVAILABLE


def test_config_commands(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "timserver.toml"
    file.write_text("workers = 3\n[registration]\nshared_secret = 'canary'\n")
    assert run("--config", str(file), "config", "check", "--json").json["valid"]
    dumped = run("--config", str(file), "config", "dump")
    assert '"workers": 3' in dumped.out
    assert "canary" not in dumped.out
    assert "canary" in run("--config", str(file), "config", "dump", "--no-redacted").out
    assert run("config", "example").out == (ROOT / "config/timserver.example.toml").read_text()
    assert run("config", "schema").out == (ROOT / "config/timserver.schema.json").read_text()


def test_nothing_is_left_to_migrate(run: Run) -> None:
    assert run("migrate", "--dry-run", "--json").json == {"dry_run": True, "applied": []}


def test_the_exit_codes_are_documented() -> None:
    table = re.findall(r"^\| (\d+) \| (\w+) \|", (ROOT / "docs/cli.md").read_text(), re.MULTILINE)
    assert [(int(code), name) for code, name in table] == [(code, code.name.lower()) for code in ExitCode]


def test_the_way_to_another_server_is_checked_stage_by_stage(run: Run, here: str) -> None:
    other = run("tenant", "list", "--json").json[0]["server_name"]
    assert run("federation", "check", other).code == ExitCode.USAGE, "which tenant?"
    assert run("federation", "check", "a b", "--tenant", here).code == ExitCode.USAGE
    assert run("federation", "check", other, "--tenant", "nobody.example").code == ExitCode.NOT_FOUND
    refused = run("federation", "check", "127.0.0.1:1", "--tenant", here, "--json")
    assert refused.code == ExitCode.UNHEALTHY
    stages = [json.loads(line) for line in refused.out.splitlines()]
    assert [(stage["stage"], stage["ok"]) for stage in stages] == [("policy", False)]
    run("tenant", "create", f"open.{here}").must()
    no_dns = '["127.0.0.1:1"]'
    unreached = run(
        *("federation", "check", "127.0.0.1:1", "--tenant", f"open.{here}"),
        TIM_FEDERATION__NAMESERVERS=no_dns,
    )
    assert unreached.code == ExitCode.UNHEALTHY
    assert "ERROR  tls:" in unreached.out
    assert "ok     loop-back:" in run("federation", "check", here, "--tenant", f"open.{here}").must().out
