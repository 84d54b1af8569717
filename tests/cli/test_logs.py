"""Real: structlog, logging, standard error."""

import json
import subprocess
import sys
from typing import Any

from timserver.cli.logs import without_personal_data

PROGRAM = """
import logging, structlog
from timserver.cli import logs
from timserver.config import Logging, LogFormat, LogLevel
logs.configure(Logging(level=LogLevel(LEVEL), format=LogFormat.JSON))
structlog.contextvars.bind_contextvars(request_id="r1")
log = structlog.get_logger("timserver.test")
log.info("joined", user="@anna:praxis.example", room="!abc:praxis.example", count=3)
log.debug("hidden")
logging.getLogger("asyncpg").warning("lost %s", "postgresql://me:canary@db/x")
try:
    raise ValueError("GET /sync?access_token=canary by @anna:praxis.example:8448")
except ValueError:
    log.exception("failed")
"""


def lines_at(level: str) -> list[dict[str, Any]]:
    program = PROGRAM.replace("LEVEL", repr(level))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_no_personal_data_at_the_default_level() -> None:
    lines = lines_at("info")
    assert [line["event"] for line in lines] == ["joined", "lost postgresql://me:<secret>@db/x", "failed"]
    assert (lines[0]["user"], lines[0]["room"], lines[0]["count"]) == ("<id>", "<id>", 3)
    assert all(line["request_id"] == "r1" and line["timestamp"] for line in lines)
    text = json.dumps(lines)
    assert "canary" not in text
    assert "anna" not in text
    assert "ValueError" in lines[2]["exception"]


def test_debug_shows_ids() -> None:
    lines = lines_at("debug")
    assert lines[0]["user"] == "@anna:praxis.example"
    assert [line["event"] for line in lines][1] == "hidden"


def test_what_is_no_id_stays() -> None:
    fields = {
        "event": "listening on http://127.0.0.1:8008",
        "path": "/_matrix/client/v3/sync",
        "when": "10:30:00",
    }
    assert without_personal_data(None, "info", dict(fields)) == fields
