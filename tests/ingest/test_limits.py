"""Who may connect, how long we wait, how often something is said; addresses in settings."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from services.ingest.addresses import Target, canonical, networks
from services.ingest.limits import Admission, Patience, Seldom, Waiting
from services.ingest.settings import IngestSettings


def settings(**values: str) -> IngestSettings:
    return IngestSettings(database_url=SecretStr("postgresql://x"), **values)  # type: ignore[arg-type]


def admission(
    allowed: str | None = None, *, connections: int = 10, connections_of_one: int = 10
) -> Admission:
    return Admission(
        allowed=networks(allowed), connections=connections, connections_of_one=connections_of_one
    )


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("192.0.2.7", True),
        ("192.0.3.7", False),
        ("2001:db8::7", True),
        ("2001:db9::7", False),
        ("::c000:207", False),
    ],
)
def test_only_routers_of_the_networks_named_are_allowed(address: str, is_allowed: bool) -> None:
    refusal = admission("192.0.2.0/24, 2001:db8::/32").refusal(address)
    assert (refusal is None) is is_allowed
    assert refusal is None or refusal.label == "not allowed"


def test_without_networks_every_router_is_allowed() -> None:
    assert admission().refusal("203.0.113.1") is None


def test_one_address_has_no_more_places_than_its_own() -> None:
    limits = admission(connections_of_one=2)
    limits.enter("192.0.2.1")
    limits.enter("192.0.2.1")
    refusal = limits.refusal("192.0.2.1")
    assert refusal is not None
    assert refusal.label == "too many of one"
    assert limits.refusal("192.0.2.2") is None
    limits.leave("192.0.2.1")
    assert limits.refusal("192.0.2.1") is None


def test_all_addresses_together_have_no_more_places_than_there_are() -> None:
    limits = admission(connections=2)
    limits.enter("192.0.2.1")
    limits.enter("192.0.2.2")
    refusal = limits.refusal("192.0.2.3")
    assert refusal is not None
    assert refusal.label == "too many"
    limits.leave("192.0.2.1")
    assert limits.refusal("192.0.2.3") is None


def test_a_first_message_has_its_time_and_no_byte_prolongs_it() -> None:
    waiting = Waiting(Patience(message=30, idle=None))
    for _ in range(29):
        waiting.waited(1)
        waiting.came(whole_messages=False)
    assert waiting.left == 1
    waiting.waited(2)
    assert waiting.left == 0
    assert waiting.complaint == "no whole message within 30 s"


def test_a_router_that_has_spoken_may_be_silent_for_ever() -> None:
    waiting = Waiting(Patience(message=30, idle=None))
    waiting.came(whole_messages=True)
    waiting.waited(1_000_000)
    assert waiting.left is None


def test_a_router_that_has_spoken_may_be_silent_as_long_as_the_setting_says() -> None:
    waiting = Waiting(Patience(message=30, idle=3600))
    waiting.came(whole_messages=True)
    waiting.waited(3599)
    assert waiting.left == 1
    waiting.came(whole_messages=True)
    assert waiting.left == 3600
    assert waiting.complaint == "no message within 3600 s"


def test_the_rest_of_a_message_has_its_time_from_the_first_octets_that_bring_no_whole_one() -> None:
    waiting = Waiting(Patience(message=30, idle=None))
    waiting.came(whole_messages=True)
    waiting.waited(500)
    waiting.came(whole_messages=False)
    assert waiting.left == 30
    waiting.waited(29)
    waiting.came(whole_messages=False)
    assert waiting.left == 1


def test_something_is_said_once_a_minute_for_each_key_with_the_number_left_out() -> None:
    time = [0.0]
    seldom = Seldom(60, clock=lambda: time[0])
    assert seldom.now("a") == 0
    assert seldom.now("a") is None
    assert seldom.now("b") == 0
    time[0] = 59.9
    assert seldom.now("a") is None
    time[0] = 60.0
    assert seldom.now("a") == 2
    assert seldom.now("a") is None


def test_of_many_keys_the_one_said_longest_ago_is_forgotten() -> None:
    seldom = Seldom(60, keys=2, clock=lambda: 0.0)
    assert [seldom.now(key) for key in ("a", "b", "c")] == [0, 0, 0]
    assert seldom.now("b") is None
    assert seldom.now("a") == 0


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
    ],
)
def test_an_address_is_written_in_one_way(written: str, meant: str) -> None:
    assert canonical(written) == meant


def test_routers_to_dial_are_read_from_the_settings() -> None:
    dial = settings(ingest_dial="192.0.2.1:11019, [2001:db8::1]:5000").ingest_dial
    assert dial == (Target("192.0.2.1", 11019), Target("2001:db8::1", 5000))
    assert [str(target) for target in dial] == ["192.0.2.1:11019", "[2001:db8::1]:5000"]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("ingest_dial", "192.0.2.1", "192.0.2.1 is not address:port"),
        ("ingest_dial", "router.example:11019", "router.example:11019 is not address:port"),
        ("ingest_dial", "2001:db8::1:11019", "is written in brackets"),
        ("ingest_dial", "192.0.2.1:70000", "not a number from 1 to 65535"),
        ("ingest_dial", "192.0.2.1:1,192.0.2.1:1", "192.0.2.1:1 is there twice"),
        ("ingest_allowed_routers", "192.0.2.1/24", "has host bits set"),
        ("ingest_allowed_routers", "192.0.2.0/24,", "'' does not appear to be"),
        ("ingest_allowed_routers", "::ffff:192.0.2.0/120", "as the IPv4 network"),
    ],
)
def test_a_wrong_address_in_the_settings_is_named(name: str, value: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        settings(**{name: value})
