"""What a setting must be like, and what settings must be like together.

A checker takes a value and gives it back in one spelling, or raises ValueError that says what to
write. `broken` knows the rules between settings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from services.failover import cron
from services.failover.policy import windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_JITTER = 2.0
"""A wait between two attempts may be twice its backoff: stamina adds up to as much."""


def some_text(value: str) -> str:
    """Anything but blanks."""
    if not value.strip():
        raise ValueError("it must not be empty")
    return value.strip()


def a_prefix(value: str) -> str:
    """A network without host bits, and not everything."""
    try:
        network = ip_network(value.strip(), strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is no prefix: write one like 203.0.113.0/24") from None
    if str(network) != value.strip():
        raise ValueError(f"write {network}")
    if network.prefixlen == 0:
        raise ValueError(f"{network} is everything: write the prefix that moves between the sites")
    return str(network)


def a_region(value: str) -> str:
    """A region of GCP, as in us-east1."""
    value = some_text(value)
    if zone := re.fullmatch(r"([a-z]+-[a-z]+\d+)-[a-z]", value):
        raise ValueError(f"{value} is a zone: write {zone[1]}")
    if not re.fullmatch(r"[a-z]+-[a-z]+\d+", value):
        raise ValueError(f"{value!r} is no region: write one like us-east1")
    return value


def an_address(value: str) -> str:
    """One IP address."""
    try:
        return str(ip_address(value.strip()))
    except ValueError:
        raise ValueError(f"{value!r} is no IP address: write one like 10.0.0.1") from None


def an_origin(value: str) -> str:
    """`http://HOST:PORT` or https, without a path."""
    value = value.strip().rstrip("/")
    if not _is_url(value, "http", "https") or urlsplit(value).path:
        raise ValueError("write http://HOST:PORT or https://HOST, without a path")
    return value


def comma_addresses(value: str) -> str:
    """IP addresses with commas."""
    return ",".join(an_address(each) for each in _listed(some_text(value)))


def comma_probes(value: str) -> str:
    """`http://...`, `https://...` and `tcp://HOST:PORT` with commas, or nothing."""
    for each in _listed(value):
        is_tcp = _is_url(each, "tcp") and urlsplit(each).port is not None
        if not is_tcp and not _is_url(each, "http", "https"):
            raise ValueError(
                f"{each!r} cannot be probed: write http://HOST/PATH or tcp://HOST:PORT"
            )
        if "@" in urlsplit(each).netloc:
            raise ValueError(
                "what is probed is told in every reading, so it must have no user or password "
                f"in it: write it without them ({urlsplit(each).hostname})"
            )
    return ",".join(_listed(value))


def a_cron(value: str) -> str:
    """A schedule as in a crontab, or nothing."""
    if value.strip():
        cron.parsed(value, UTC)
    return " ".join(value.split())


def a_zone(value: str) -> str:
    """The name of a time zone."""
    return str(cron.zone(value.strip()))


def comma_windows(value: str) -> str:
    """Days, and times of the week, with commas, or nothing."""
    return ",".join(map(str, windows.parsed(value)))


def broken(values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Each rule that these settings break: the variable to change, and what to write.

    A rule about a setting that is not there, since it is wrong by itself, is left out.
    """
    for rule in _RULES:
        if all(name in values for name in rule.of):
            given = [values[name] for name in rule.of]
            if not rule.holds(*given):
                yield rule.of[0], rule.said.format(*given)


def longest_call(retries: int, call: float, initial: float, most: float) -> float:
    """Seconds that a call takes at worst, with all its attempts and the waits between them."""
    waits = sum((min(most, _JITTER * initial * 2.0**n) for n in range(retries)), 0.0)
    return (retries + 1) * call + waits


@dataclass(frozen=True, slots=True)
class _Rule:
    of: tuple[str, ...]
    """Settings; the first is the one to change."""
    holds: Callable[..., bool]
    said: str


def _one_token(token: object, file: Path | None) -> bool:
    return (token is None) is not (file is None)


def _is_file(path: Path | None) -> bool:
    return path is None or path.is_file()


_AT_REST = 2
"""Observers of the BGP of a site that does not announce the prefix: its Cloud Router and its peers
in BMP. The third, whether the prefix is seen, knows nothing then."""


def _fewest(local: str, remote: str) -> int:
    """Observers that any one thing has at least.

    Of what a site serves these are GCP's health checks, and the probes.
    """
    return min(_AT_REST, 1 + min(len(_listed(local)), len(_listed(remote))))


def _in_time(interval: float, *call: Any) -> bool:  # noqa: ANN401 - what longest_call takes
    return longest_call(*call) < interval


_RULES = (
    _Rule(
        ("max_backoff_seconds", "initial_backoff_seconds"),
        lambda most, initial: most >= initial,
        "{0:g} is below INITIAL_BACKOFF_SECONDS: write {1:g} or more",
    ),
    _Rule(
        (
            "check_interval_seconds",
            "max_retries",
            "failover_call_seconds",
            "initial_backoff_seconds",
            "max_backoff_seconds",
        ),
        _in_time,
        "a call that fails takes longer than {0:g} s with its {1} retries of {2:g} s each and the "
        "waits between them: write a longer interval, or a lower MAX_RETRIES or "
        "FAILOVER_CALL_SECONDS",
    ),
    _Rule(
        ("failover_observer_seconds", "check_interval_seconds"),
        lambda observer, interval: observer < interval,
        "{0:g} is not below CHECK_INTERVAL_SECONDS: write less than {1:g}",
    ),
    _Rule(
        ("circuit_breaker_timeout_seconds", "check_interval_seconds"),
        lambda timeout, interval: timeout >= interval,
        "{0:g} is below CHECK_INTERVAL_SECONDS: write {1:g} or more",
    ),
    _Rule(
        ("failover_max_age_seconds", "check_interval_seconds"),
        lambda age, interval: age >= 2 * interval,
        "{0:g} is less than two cycles: write twice CHECK_INTERVAL_SECONDS ({1:g}) or more",
    ),
    _Rule(
        ("failover_lease_seconds", "check_interval_seconds"),
        lambda lease, interval: lease >= 2 * interval,
        "{0:g} is less than two cycles: write twice CHECK_INTERVAL_SECONDS ({1:g}) or more",
    ),
    _Rule(
        ("cloudflare_primary_priority", "cloudflare_secondary_priority"),
        lambda primary, secondary: primary < secondary,
        "{0} is not below CLOUDFLARE_SECONDARY_PRIORITY ({1}), and the lower value wins: "
        "write a lower one, since equal ones share the traffic",
    ),
    _Rule(
        ("secondary_internal_ip", "primary_internal_ip"),
        lambda secondary, primary: secondary != primary,
        "it is PRIMARY_INTERNAL_IP too, and tells the sites' routes apart: write the next hop "
        "of the routes to the remote site",
    ),
    _Rule(
        ("remote_bgp_router", "local_bgp_router", "remote_bgp_region", "local_bgp_region"),
        lambda remote, local, remote_region, local_region: (
            remote is None or (remote, remote_region) != (local, local_region)
        ),
        "both sites have the router {0} in {2}: write the remote site's",
    ),
    *(
        _Rule(
            (f"{site}_bgp_{what}", f"failover_{site}_announcer"),
            lambda given, announcer: given is not None or announcer != "gcp",
            f"it is not set: write the {what} of the {site} site's Cloud Router, or say in "
            f"FAILOVER_{site.upper()}_ANNOUNCER that it has none",
        )
        for site in ("local", "remote")
        for what in ("region", "router")
    ),
    _Rule(
        (
            "failover_remote_exabgp_pipe",
            "failover_local_exabgp_pipe",
            "failover_remote_announcer",
            "failover_local_announcer",
        ),
        lambda remote, local, *announcers: remote != local or set(announcers) != {"exabgp"},
        "{0} is FAILOVER_LOCAL_EXABGP_PIPE too, and one ExaBGP cannot announce for both sites: "
        "write the remote site's",
    ),
    _Rule(
        ("remote_gcp_region", "local_gcp_region"),
        lambda remote, local: remote != local,
        "it is LOCAL_GCP_REGION too, and its backends would be those of both sites: write the "
        "remote site's",
    ),
    _Rule(
        ("cloudflare_api_token", "cloudflare_api_token_file"),
        _one_token,
        "set it, or CLOUDFLARE_API_TOKEN_FILE, and not both",
    ),
    _Rule(
        ("cloudflare_api_token_file",), _is_file, "there is no file {0}: write where the token is"
    ),
    _Rule(
        ("google_application_credentials",),
        _is_file,
        "there is no file {0}: write where the service account's key is",
    ),
    _Rule(
        ("failover_remote_peers", "failover_local_peers"),
        lambda remote, local: not set(remote.split(",")) & set(local.split(",")),
        "{0} and FAILOVER_LOCAL_PEERS ({1}) have peers in common: write the remote site's alone",
    ),
    _Rule(
        ("failover_quorum", "failover_local_probes", "failover_remote_probes"),
        lambda quorum, local, remote: quorum is None or quorum <= _fewest(local, remote),
        "{0} observers cannot agree: two know of the BGP of a site that does not announce, and of "
        "what a site serves only GCP's health checks and its probes; write less, or add probes",
    ),
    _Rule(
        ("failover_max_routes", "failover_expected_routes"),
        lambda most, expected: expected is None or expected <= most,
        "{0} is below FAILOVER_EXPECTED_ROUTES: write {1} or more",
    ),
)


def _listed(value: str) -> list[str]:
    return [each.strip() for each in value.split(",") if each.strip()]


def _is_url(value: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
