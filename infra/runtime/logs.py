"""Logs: JSON lines on standard error. A fixed phrase, the rest as fields; nobody's number or address in any of them."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import trace

from contracts.masks import masked

_TOLD_BY_US = "Exception in ASGI application"
"""What uvicorn says of an error that `problems` has put into the log, without its data."""


def start_logs(log_level: str) -> None:
    """Sets up the log of this process, for what libraries say too."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_trace,
            structlog.processors.format_exc_info,
            _mask,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(log_level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_OfLibraries()])
    faststream = logging.getLogger("faststream")  # it brings a handler of its own
    faststream.handlers.clear()
    faststream.propagate = True


def _add_trace(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        line.setdefault("trace_id", f"{span.trace_id:032x}")
    return line


def _mask(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last net: what a handler's error, or a library, may have put into a line."""
    return {name: masked(value) if isinstance(value, str) else value for name, value in line.items()}


class _OfLibraries(logging.Handler):
    """What libraries say (aiokafka, asyncio, uvicorn), as lines of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """A line with the library's logger and words."""
        if record.getMessage().startswith(_TOLD_BY_US):
            return
        log = structlog.get_logger()
        log.log(
            record.levelno, "a library says", logger=record.name, said=record.getMessage(), exc_info=record.exc_info
        )
