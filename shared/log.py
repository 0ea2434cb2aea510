"""One line of structured log per event, on standard output, for our code and for libraries."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import orjson
import structlog

from shared.errors import ConfigurationError
from shared.version import version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from structlog.typing import EventDict, Processor, WrappedLogger

    from shared.settings import LogSettings

_FIRST = ("timestamp", "level", "service", "event")
# Local variables may hold passwords, and routers' bytes by the megabyte.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
# Libraries that tell at INFO what matters only to whoever debugs them.
_QUIET = ("httpx", "httpcore", "alembic", "asyncio", "uvicorn")


def configure(service: str, settings: LogSettings, *, report: Collection[str] = ()) -> None:
    """Sends structlog and the standard library's logging to standard output.

    Where SENTRY_DSN is set, errors and the events of `report` go to Sentry, too.

    JSON lines carry `timestamp` (RFC 3339, UTC), `level`, `event`, `logger`, `service`,
    `version` and whatever is bound in the context, such as `request_id`.
    """

    def identify(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        event.pop("color_message", None)  # uvicorn's second form of its message
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        identify,
    ]
    wanted = settings.log_format or ("console" if sys.stdout.isatty() else "json")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_console() if wanted == "console" else _json()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler, *_sentry(service, settings, report)]
    root.setLevel(settings.log_level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _sentry(
    service: str, settings: LogSettings, report: Collection[str]
) -> Iterator[logging.Handler]:
    """The handler that reports to Sentry; none without a DSN."""
    if settings.sentry_dsn is None:
        return
    try:
        from shared import sentry  # noqa: PLC0415 - it needs an extra, and is slow to import
    except ImportError as error:
        raise ConfigurationError(
            "SENTRY_DSN is set and sentry-sdk is not installed: install bgpilot[sentry], "
            "or leave SENTRY_DSN empty"
        ) from error
    yield sentry.reporter(service, settings, settings.sentry_dsn.get_secret_value(), report)


def _json() -> list[Processor]:
    def arrange(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        # Whoever reads lines without a tool looks for these first.
        first = {name: event.pop(name) for name in _FIRST if name in event}
        return {**first, **event, "version": version()}

    return [
        arrange,
        _TRACEBACKS,
        structlog.processors.JSONRenderer(serializer=_dumps),
    ]


def _console() -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(),
            pad_event_to=28,
            exception_formatter=structlog.dev.RichTracebackFormatter(show_locals=False),
        )
    ]


def _dumps(value: object, **_: object) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
