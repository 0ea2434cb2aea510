"""What routers get wrong inside BMP messages: all of it is counted, some of it is logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from services.ingest import metrics
from services.ingest.filters import errors_of, message_type
from services.ingest.limits import Seldom
from services.ingest.wire.readable import attribute_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.wire import AnyMessage

log = structlog.get_logger(__name__)

_HEX_BYTES = 256


class Faults:
    """One for each process: a router that comes back is the same in it.

    Of one router, type of message and consequence, one line a minute is logged.
    """

    def __init__(self, seldom: Seldom | None = None) -> None:
        self._seldom = seldom or Seldom()

    def note(self, router: str, message: AnyMessage, octets: Callable[[], bytes]) -> None:
        """Counts every error of a message; `octets` gives the message as it came."""
        for error in errors_of(message):
            kind = message_type(message)
            approach = error.approach.label if error.approach else None
            metrics.malformed(kind, approach, error.attribute).inc()
            left_out = self._seldom.now((router, kind, approach))
            if left_out is None:
                continue
            peer = getattr(message, "peer", None)
            log.error(
                "malformed_message",
                router=router,
                peer=peer and peer.address_text,
                message_type=kind,
                error=str(error),
                offset=error.offset,
                section=error.section,
                approach=approach,
                attribute=error.attribute and (attribute_name(error.attribute) or error.attribute),
                stream_offset=message.offset,
                data_hex=octets()[:_HEX_BYTES].hex(),
                left_out=left_out,
            )
