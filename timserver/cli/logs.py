"""Structured logs: JSON for collectors or lines for people, each with the request id, none with personal data.

At the default level no token, message content or Matrix id may appear. Our own log calls do not carry any; as a
second wall the last processor replaces what looks like one, in fields, texts and tracebacks, also of libraries.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from timserver.config import LogFormat, Logging, LogLevel

_SECRETS = (
    (re.compile(r"[@!#+][^\s:'\"/@!#]{1,255}:[\w.\-\[\]]+(?::\d{1,5})?"), "<id>"),
    (re.compile(r"[!$][A-Za-z0-9_\-]{43}\b"), "<id>"),
    (re.compile(r"(access_token=)[^\s&'\"]+"), r"\1<token>"),
    (re.compile(r"(Bearer )[^\s'\"]+", re.IGNORECASE), r"\1<token>"),
    (re.compile(r"(postgres(?:ql)?://[^\s:/@]*:)[^\s@]+@"), r"\1<secret>@"),
)

Fields = MutableMapping[str, Any]


def configure(settings: Logging) -> None:
    """Send our logs and those of libraries to standard error in the wanted form."""
    level = getattr(logging, settings.level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if settings.level is not LogLevel.DEBUG:
        shared.append(without_personal_data)
    last: Any = (
        structlog.processors.JSONRenderer()
        if settings.format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[output], force=True)
    logging.getLogger("asyncio").setLevel(max(level, logging.WARNING))


def without_personal_data(_: Any, __: str, fields: Fields) -> Fields:
    """Replace Matrix ids, tokens and passwords in all texts of a log line."""
    return {name: _clean(value) for name, value in fields.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, instead in _SECRETS:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, bool | int | float) or value is None:
        return value
    return _clean(str(value))
