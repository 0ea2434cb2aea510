"""Sends to Sentry what matters in the log. Only `shared.log` imports this, where it is wanted.

An error is an issue, and so is whatever else a service names (routers and peers that come and
go). The lines before it are its breadcrumbs, the fields of its line its context. HTTP requests are
traced at SENTRY_TRACES_SAMPLE_RATE. No header, body, query string or local variable is sent.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.fastapi import FastApiIntegration
from sentry_sdk.integrations.starlette import StarletteIntegration
from sentry_sdk.utils import BadDsn, event_from_exception

from shared.errors import ConfigurationError
from shared.version import version

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sentry_sdk.types import Event, Hint

    from shared.settings import LogSettings

# To be searched by; and two events are one issue where these are the same.
_TAGS = ("router", "peer", "worker", "message_type", "approach", "attribute", "request_id")
_ISSUE = ("router", "peer", "message_type", "approach", "attribute")
# What the transport itself logs must not lead to more to send.
_OF_TRANSPORT = ("sentry_sdk", "urllib3")


def reporter(
    service: str, settings: LogSettings, dsn: str, report: Collection[str]
) -> logging.Handler:
    """The log handler that reports; `report` names events below ERROR.

    ConfigurationError where the DSN is none.
    """
    try:
        sentry_sdk.init(
            dsn=dsn,
            environment=settings.sentry_environment,
            release=f"bgpilot@{version()}",
            traces_sample_rate=settings.sentry_traces_sample_rate,
            # The log is reported here, and every other default patches a library.
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[
                AtexitIntegration(callback=lambda _pending, _timeout: None),
                # An error is reported with its line of log; these only trace requests.
                StarletteIntegration(failed_request_status_codes=set()),
                FastApiIntegration(failed_request_status_codes=set()),
            ],
            auto_session_tracking=False,
            include_local_variables=False,
            max_request_body_size="never",
            before_send=_without_request,
            before_send_transaction=_without_request,
        )
    except BadDsn as error:
        raise ConfigurationError(f"SENTRY_DSN is not a DSN of Sentry: {error}") from None
    return _Reporter(service, frozenset(report))


def _without_request(event: Event, _hint: Hint) -> Event:
    """The method and the path of a request are enough; the rest may hold a secret."""
    if request := event.get("request"):
        url = str(request.get("url", "")).partition("?")[0]
        event["request"] = {"method": request.get("method"), "url": url}
    return event


class _Reporter(logging.Handler):
    """Takes the records of structlog and of libraries alike."""

    def __init__(self, service: str, report: frozenset[str]) -> None:
        super().__init__(logging.INFO)
        self._service = service
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(_OF_TRANSPORT):
            return
        fields = _fields(record)
        event = str(fields.pop("event"))
        error = fields.pop("exc_info", None)
        if record.levelno >= logging.ERROR or event in self._report:
            self._send(record, event, fields, error)
        else:
            sentry_sdk.add_breadcrumb(
                category=record.name, level=_level(record), message=event, data=fields
            )

    def _send(
        self, record: logging.LogRecord, event: str, fields: dict[str, Any], error: object
    ) -> None:
        issue: Event = {}
        hint: Hint | None = None
        if (raised := _exception(error)) is not None:
            options = sentry_sdk.get_client().options
            issue, hint = event_from_exception(raised, client_options=options)
        issue |= {
            "level": _level(record),
            "logger": record.name,
            "message": event,
            "tags": {"service": self._service, **_chosen(fields, _TAGS)},
            "contexts": {"log": fields},
            "fingerprint": ["{{ default }}", event, *_chosen(fields, _ISSUE).values()],
        }
        sentry_sdk.capture_event(issue, hint)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """The event and its fields."""
    if isinstance(record.msg, dict):  # structlog's
        return dict(record.msg)
    return {"event": record.getMessage(), "exc_info": record.exc_info}


def _exception(error: object) -> BaseException | None:
    """Of what `exc_info` may be: an exception, what `sys.exc_info` gives, or just True."""
    if isinstance(error, BaseException):
        return error
    if error is True:
        error = sys.exc_info()
    return error[1] if isinstance(error, tuple) else None


def _chosen(fields: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    return {name: str(fields[name]) for name in names if fields.get(name) is not None}


def _level(record: logging.LogRecord) -> Any:  # noqa: ANN401 - Sentry's own Literal
    return "fatal" if record.levelno >= logging.CRITICAL else record.levelname.lower()
