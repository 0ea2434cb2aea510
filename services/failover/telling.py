"""What Google Cloud Logging is told: what this service decides and does, event by event.

It is the log itself, of this service's own code and of the breakers, from INFO on: decisions that
differ from the last, plans and their steps, alarms, the lease, changes of a breaker.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import sys
import uuid
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr

from services.failover.acting.exchanges import redacted
from services.failover.providers.gcp import cloud_log
from services.failover.providers.gcp.cloud_log import Entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from services.failover.providers.gcp.cloud_log import CloudLog
    from services.failover.settings import FailoverSettings

_TOLD = ("services.failover", "shared.breaker")
_SEVERITIES = {logging.WARNING: "WARNING", logging.ERROR: "ERROR", logging.CRITICAL: "CRITICAL"}
_MOST_BYTES = 32_768
_EVERY_SECONDS = 2.0
_CLOSING_SECONDS = 5.0


class CloudLogHandler(logging.Handler):
    """Makes an entry of each event that is told, without any of the secrets."""

    def __init__(
        self, to: CloudLog, *, labels: Mapping[str, str], secrets: Collection[str]
    ) -> None:
        super().__init__(logging.INFO)
        self._to = to
        self._labels = labels
        self._secrets = list(secrets)
        self._run = uuid.uuid4().hex
        self._numbers = itertools.count(1)

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler. What cannot be told is no reason to end what is being told of."""
        # What it says of itself would never end.
        if not record.name.startswith(_TOLD) or record.name == cloud_log.__name__:
            return
        try:
            self._to.offer(self._entry(record))
        except (TypeError, ValueError, RecursionError):
            self.handleError(record)

    def _entry(self, record: logging.LogRecord) -> Entry:
        event = _event(record)
        timestamp = event.pop("timestamp", None)
        return Entry(
            severity=_SEVERITIES.get(record.levelno, "INFO"),
            timestamp=timestamp or datetime.fromtimestamp(record.created, UTC).isoformat(),
            payload=self._bounded({"message": event.pop("event", ""), **event}),
            labels=self._labels,
            insert_id=f"{self._run}-{next(self._numbers)}",
        )

    def _bounded(self, payload: Mapping[str, Any]) -> Mapping[str, object]:
        told = self._without_secrets(redacted(json.loads(json.dumps(payload, default=str))))
        size = len(orjson.dumps(told))
        if size > _MOST_BYTES or not isinstance(told, dict):
            message = self._clean(str(payload["message"])[:1_000])
            return {"message": message, "left_out": f"{size} bytes"}
        return told

    def _without_secrets(self, value: object) -> object:
        if isinstance(value, dict):
            return {self._clean(name): self._without_secrets(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._without_secrets(each) for each in value]
        return self._clean(value) if isinstance(value, str) else value

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        # Half of a surrogate pair is no text to whoever gets it.
        return text.encode("utf-8", "replace").decode()


def secrets_of(settings: FailoverSettings) -> list[str]:
    """All that must never be told."""
    found = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    found.append(urlsplit(settings.database_url.get_secret_value()).password or "")
    with suppress(OSError):
        found.append(settings.cloudflare_token().get_secret_value())
    return sorted({secret for secret in found if secret}, key=lambda secret: (-len(secret), secret))


@asynccontextmanager
async def following(
    to: CloudLog | None, *, labels: Mapping[str, str], secrets: Collection[str]
) -> AsyncIterator[None]:
    """Within it the log goes to Cloud Logging, too; at its end what is left is sent."""
    if to is None:
        yield
        return
    handler = CloudLogHandler(to, labels=labels, secrets=secrets)
    root = logging.getLogger()
    root.addHandler(handler)
    sending = asyncio.create_task(to.run(every=_EVERY_SECONDS, sleep=asyncio.sleep), name="log")
    try:
        yield
    finally:
        root.removeHandler(handler)
        sending.cancel()
        await asyncio.wait([sending])
        await to.close(_CLOSING_SECONDS)


def _event(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of an event of structlog, or the text of another one."""
    event: dict[str, Any] = (
        dict(record.msg) if isinstance(record.msg, dict) else {"event": record.getMessage()}
    )
    event.setdefault("logger", record.name)
    failure = event.pop("exc_info", None) or record.exc_info
    if failure is True:
        failure = sys.exc_info()
    if isinstance(failure, BaseException):
        failure = (type(failure), failure, failure.__traceback__)
    if failure:
        event["exception"] = logging.Formatter().formatException(failure)
    return {name: value for name, value in event.items() if not name.startswith("_")}
