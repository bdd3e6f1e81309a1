"""How log lines look: for people, or one JSON object a line. Both carry whatever is bound: tenant, execution, attempt.

Nothing secret is ever bound, and what an attempt must not write is taken out of every line; code logs an event's name and fields, and only this module words them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog

from monitoring import redaction

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.UnicodeDecoder(),
]
_QUIET = (
    "httpx2",
    "httpcore2",
    "celery.app.trace",
    "celery.beat",
    "celery.worker.strategy",
    "kombu",
    "amqp",
    "asyncio",
    "django.request",
)


def configure(options: Mapping[str, Any]) -> None:
    """Set up logging for the process. ``options``: level (a name) and format (console or json)."""
    structlog.configure(
        processors=[
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(foreign_pre_chain=_SHARED, processors=_final(options["format"])))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(str(options["level"]).upper())
    # Supervisors wait for its line "… ready.", whatever the level.
    logging.getLogger("celery.apps.worker").setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Says nothing that is to be hidden, whatever the line came from."""

    def format(self, record: logging.LogRecord) -> str:
        return redaction.redacted(super().format(record))


def _final(kind: str) -> list[Any]:
    # Tracebacks without local values: those hold passwords.
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if kind == "json":
        return [remove, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        remove,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback),
    ]
