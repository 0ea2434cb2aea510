"""The commands that this service adds to `bgpilot`: `routes`, `peers` and `routers`."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import click

from services.routes.tables import Shown, peer_table, route_table, router_table
from services.routes.terminal import Screen, freshness
from shared.clients.routes import RoutesClient, gateway_client
from shared.clients.settings import ClientSettings
from shared.contracts.inventory import PeerState
from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS
from shared.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from shared.clients.routes import Parameters
    from shared.contracts.envelope import Envelope

    Command = Callable[..., None]

_MATCHES = ("exact", "longest", "orlonger", "longer", "orshorter", "shorter")
_STATES = ("current", "active", "withdrawn", "all")
_RPKI = ("valid", "invalid", "not_found")

# The option, how its value is written, and what it is: the parameter has the same name.
_ROUTE_FILTERS = (
    ("--router", "ID|ADDRESS", "Seen by this router."),
    ("--peer", "ID|ADDRESS", "Learnt from this BGP peer."),
    ("--peer-asn", "ASN", "Learnt from a peer in this AS."),
    ("--origin-asn", "ASN", "Originated by this AS."),
    ("--as-path", "PATTERN", "AS numbers in a row: 64500,64501; ^ and $ are its ends, ! is not."),
    ("--next-hop", "ADDRESS", "With this next hop."),
    ("--community", "COMMUNITY", "With this community: 64500:1, or no-export."),
    ("--large-community", "COMMUNITY", "With this large community: 64500:1:2."),
    ("--ext-community", "COMMUNITY", "With this extended community: rt:64500:1."),
    ("--rd", "RD", "With this route distinguisher: 64500:1."),
    ("--mac", "MAC", "EVPN routes of this MAC address."),
    ("--route-type", "NUMBER", "EVPN routes of this type."),
)


def _filters(command: Command) -> Command:
    for option, metavar, what in reversed(_ROUTE_FILTERS):
        command = click.option(option, multiple=True, metavar=metavar, help=what)(command)
    return command


_RIB = click.option(
    "--rib",
    type=click.Choice(list(RIB_VIEWS.values())),
    multiple=True,
    metavar="VIEW",
    help="Of this RIB: adj_in_pre, adj_in_post, adj_out_pre, adj_out_post or loc_rib.",
)
_FAMILY = click.option(
    "--family",
    type=click.Choice(list(FAMILIES.values())),
    multiple=True,
    metavar="NAME",
    help="Of this family: ipv4_unicast, evpn, vpnv4 and so on.",
)
_LIMIT = click.option("--limit", type=click.IntRange(min=1), help="How many at most.")
_JSON = click.option("--json", "form", flag_value="json", help="The API's answer as it is.")
_NDJSON = click.option(
    "--ndjson", "form", flag_value="ndjson", help="All there is, one JSON object a line."
)


@dataclass(frozen=True, slots=True)
class _Question:
    """What a command asks, and how its answer is shown."""

    path: str
    ask: Callable[[RoutesClient, Parameters, int], Awaitable[Envelope[Any]]]
    table: Callable[[Envelope[Any], Screen], Shown]
    limit: int
    """Of a table, where none is given."""
    more: tuple[tuple[str, str], ...] = ()
    """What a table needs besides."""


_NAMES = (("expand", "asn_names"),)
_ROUTES = _Question("/api/v1/routes", RoutesClient.routes, route_table, 100, _NAMES)
_PEERS = _Question("/api/v1/peers", RoutesClient.peers, peer_table, 1000)
_ROUTERS = _Question("/api/v1/routers", RoutesClient.routers, router_table, 1000)


@click.command()
@click.argument("prefix", required=False)
@click.option("--match", type=click.Choice(_MATCHES), help="How PREFIX is matched.")
@click.option("--state", type=click.Choice(_STATES), help="Active and stale ones by default.")
@click.option("--timestamp", metavar="TIME", help="As it was then: ISO 8601, Unix seconds, or -1h.")
@_RIB
@_FAMILY
@click.option("--rpki", type=click.Choice(_RPKI), multiple=True, help="RPKI state (RFC 6811).")
@_filters
@_LIMIT
@_JSON
@_NDJSON
def routes(*, limit: int | None, form: str | None, **filters: Any) -> None:  # noqa: ANN401 - click's values
    """Show routes to PREFIX, or to an address: the longest match of every peer.

    Without PREFIX, all that the options let through. An option given several times is met by any
    of its values; several options must all be met.
    """
    if form == "ndjson" and limit is not None:
        raise click.UsageError("--ndjson has all there is: leave out --limit")
    _run(_ROUTES, filters, limit, form)


@click.command()
@click.option("--router", multiple=True, metavar="ID|ADDRESS", help="Of this router.")
@click.option("--asn", multiple=True, metavar="ASN", help="In this AS.")
@click.option("--state", type=click.Choice(get_args(PeerState)), multiple=True)
@_RIB
@_FAMILY
@_LIMIT
@_JSON
def peers(*, limit: int | None, form: str | None, **filters: Any) -> None:  # noqa: ANN401 - click's values
    """Show the BGP peers of the routers."""
    _run(_PEERS, filters, limit, form)


@click.command()
@_LIMIT
@_JSON
def routers(*, limit: int | None, form: str | None) -> None:
    """Show the routers that speak BMP to us."""
    _run(_ROUTERS, {}, limit, form)


def _run(
    question: _Question, filters: Mapping[str, Any], limit: int | None, form: str | None
) -> None:
    url = load(ClientSettings).bgpilot_url
    try:
        asyncio.run(_answer(question, url, _parameters(filters), limit, form))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _answer(
    question: _Question, url: str, parameters: Parameters, limit: int | None, form: str | None
) -> None:
    async with gateway_client(url) as http:
        client = RoutesClient(http)
        if form is None:
            wanted = [*parameters, *question.more]
            envelope = await question.ask(client, wanted, limit or question.limit)
            _show(question.table(envelope, Screen.of_process()), envelope)
        else:
            asked = {"limit": limit, "format": None if form == "json" else form}
            await _copy(client.raw(question.path, [*parameters, *_parameters(asked)]))


def _parameters(filters: Mapping[str, Any]) -> Parameters:
    """The options that were given, as parameters of the API."""
    parameters: list[tuple[str, str]] = []
    for name, value in filters.items():
        given = value if isinstance(value, tuple) else (value,)
        parameters.extend((name, str(one)) for one in given if one is not None)
    return parameters


async def _copy(chunks: AsyncGenerator[bytes]) -> None:
    last = b""
    async with aclosing(chunks):  # also where the reader of the pipe goes
        async for chunk in chunks:
            sys.stdout.buffer.write(chunk)
            last = chunk or last
    if not last.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")


def _show(shown: Shown, envelope: Envelope[Any]) -> None:
    """The table goes to standard output, what is to be known about it to standard error."""
    for line in shown.lines:
        click.echo(line, color=True)
    for note in shown.notes:
        click.echo(note, err=True)
    for warning in envelope.meta.warnings:
        click.echo(f"warning: {warning}", err=True)
    if envelope.meta.next_cursor is not None:
        click.echo(
            f"there are more: these are the first {len(envelope.data)} (see --limit)", err=True
        )
    click.echo(freshness(envelope.meta.data_as_of), err=True)
