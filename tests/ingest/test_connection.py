"""What a router's connection logs of the messages that it decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from structlog.testing import capture_logs

from services.ingest.connection import RouterConnection
from tests.ingest.wire import octets as o

if TYPE_CHECKING:
    from services.ingest.batch import Batcher
    from services.ingest.registry import Registry


class Store:
    """In the place of registry and batcher; it takes everything and keeps nothing."""

    async def router(self, _address: str) -> int:
        return 1

    async def wait_for_room(self) -> None:
        return

    def join(self, *_of_the_router: object) -> None:
        return

    add_change = heard = join


async def test_a_malformed_update_is_logged_with_what_it_led_to_and_its_attribute() -> None:
    store = Store()
    with capture_logs() as logs:
        router = RouterConnection(
            "192.0.2.254",
            registry=cast("Registry", store),
            batcher=cast("Batcher", store),
            max_message=4096,
            now_us=lambda: 0,
        )
        broken = o.attribute(4, b"\0", 0x80)
        await router.receive(o.announcement(o.MANDATORY + broken, "198.51.100.0/24"))
    (line,) = (one for one in logs if one["event"] == "malformed update")
    assert line["peer"] == o.PEER
    assert line["error"].startswith("in route monitoring: in update: in multi-exit-disc: length")
    assert (line["approach"], line["attribute"]) == ("treat-as-withdraw", 4)
