"""What a router's connection logs of the messages that it decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from tests.ingest.wire import octets as o

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest


async def test_a_malformed_update_is_logged_with_what_it_led_to_and_its_attribute(
    ingest: Ingest,
) -> None:
    broken = o.attribute(4, b"\0", 0x80)
    with capture_logs() as logs:
        await ingest.say(o.announcement(o.MANDATORY + broken, "198.51.100.0/24"))
    (line,) = (one for one in logs if one["event"] == "malformed_message")
    assert (line["router"], line["peer"]) == ("127.0.0.1", o.PEER)
    assert (line["log_level"], line["message_type"]) == ("error", "route monitoring")
    assert line["error"].startswith("in route monitoring: in update: in multi-exit-disc: length")
    assert (line["approach"], line["attribute"]) == ("treat-as-withdraw", "multi-exit-disc")
