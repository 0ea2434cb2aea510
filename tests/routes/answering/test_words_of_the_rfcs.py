"""What is named on the way out is named as the decoder names it."""

from __future__ import annotations

import pytest

from services.ingest.wire.capabilities import describe_capability
from services.ingest.wire.notification import Notification
from services.ingest.wire.statistics import statistic_name as name_on_the_wire
from services.routes.answering.capabilities import capabilities_body
from services.routes.answering.notifications import notification_in
from services.routes.answering.statistic_names import statistic_name

RECEIVED = "remote system closed, NOTIFICATION received: "


def test_every_statistic_has_the_name_that_the_decoder_gives_it() -> None:
    for kind in (*range(120), *range(65_500, 65_536)):
        assert statistic_name(kind) == name_on_the_wire(kind)


@pytest.mark.parametrize("code", range(12))
def test_every_notification_is_read_back_from_its_text(code: int) -> None:
    for subcode in range(20):
        sent = Notification(code, subcode, b"")
        found = notification_in(RECEIVED + sent.text)
        assert found is not None
        assert (found.code, found.subcode, found.name) == (code, subcode, sent.name)
        assert found.communication is None


def test_what_an_operator_wrote_is_told_apart() -> None:
    text = b"back at noon: sorry / really"
    sent = Notification(6, 2, bytes([len(text)]) + text)
    found = notification_in(f"local system closed, NOTIFICATION sent: {sent.text}")
    assert found is not None
    assert (found.code, found.subcode) == (6, 2)
    assert found.communication == text.decode()


def test_a_prefix_limit_is_told() -> None:
    found = notification_in(RECEIVED + Notification(6, 1, bytes.fromhex("000101000003e8")).text)
    assert found is not None
    assert found.communication == "ipv4_unicast 1000"


def test_a_hard_reset_says_what_it_carries() -> None:
    found = notification_in(RECEIVED + Notification(6, 9, bytes([4, 0])).text)
    assert found is not None
    assert (found.code, found.subcode) == (6, 9)
    assert found.reset_by == "Hold Timer Expired"


@pytest.mark.parametrize("reason", [None, "", "peer de-configured", RECEIVED + "???"])
def test_a_reason_without_a_notification_has_none(reason: str | None) -> None:
    assert notification_in(reason) is None


def test_every_capability_has_the_name_that_the_decoder_gives_it() -> None:
    codes = [{"code": code, "value": ""} for code in range(256)]
    body = capabilities_body({"families": [], "add_path": {}, "codes": codes})
    assert body is not None
    names = {one.code: one.name for one in body.all}
    assert names == {code: describe_capability(code, b"").get("name") for code in range(256)}


@pytest.mark.parametrize(
    ("code", "value", "details"),
    [
        (1, "00020001", {"family": "ipv6_unicast"}),
        (5, "000100010002", {"families": [{"family": "ipv4_unicast", "next_hop_afi": 2}]}),
        (9, "03", {"role": "customer"}),
        (9, "0304", {}),
        (
            64,
            "c07800010180",
            {
                "restarting": True,
                "notification": True,
                "restart_time_s": 120,
                "families": [{"family": "ipv4_unicast", "state_preserved": True}],
            },
        ),
        (65, "0000fde8", {"asn": 65000}),
        (65, "fde8", {}),
        (
            71,
            "00010180015180",
            {"families": [{"family": "ipv4_unicast", "stale_time_s": 86_400}]},
        ),
        (73, "03" + b"fra".hex() + "03" + b"net".hex(), {"host": "fra", "domain": "net"}),
        (75, "05" + b"FRR/9".hex(), {"version": "FRR/9"}),
        (75, "02ffff", {}),
        (200, "01", {}),
    ],
)
def test_a_capability_says_what_its_octets_mean(
    code: int, value: str, details: dict[str, object]
) -> None:
    codes = [{"code": code, "value": value}]
    body = capabilities_body({"families": [], "add_path": {}, "codes": codes})
    assert body is not None
    assert body.all[0].details == details
    assert body.all[0].value == value
