"""Structured logs: one line for each event, with its context, and with nothing private in it."""

import logging
import sys
from collections.abc import Sequence
from typing import Literal, cast

import structlog
from structlog.contextvars import merge_contextvars
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from waypost.kit.redact import redact


def get(name: str) -> FilteringBoundLogger:
    """The logger of a module; it may be made before `setup`."""
    return cast("FilteringBoundLogger", structlog.get_logger(logger_name=name))


def setup(level: str, format: Literal["auto", "json", "console"], process: str) -> None:
    """Send this process's logs, those of its libraries too, to standard error."""
    chain = [*_chain(process), _renderer(format)]
    structlog.configure(
        processors=[merge_contextvars, *chain],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _route_libraries(level, chain)


def _chain(process: str) -> list[Processor]:
    def named(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return [
        structlog.processors.add_log_level,
        named,
        # Before the redaction, as an exception can tell a number; and before the console's
        # renderer, which would show the local variables too.
        structlog.processors.format_exc_info,
        _redacted,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _redacted(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {name: redact(name, value) for name, value in event.items()}


def _renderer(format: str) -> Processor:
    terminal = sys.stderr.isatty()
    if format == "console" or (format == "auto" and terminal):
        return structlog.dev.ConsoleRenderer(colors=terminal)
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _route_libraries(level: str, chain: Sequence[Processor]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[merge_contextvars, _named_by_record],
            processors=[ProcessorFormatter.remove_processors_meta, *chain],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)


def _named_by_record(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["logger_name"] = event["_record"].name
    return event
