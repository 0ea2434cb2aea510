"""The commands that this service adds to `bgpilot`: `decode` and `replay`."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import sys
import time

import click

from services.ingest.captures import open_capture
from services.ingest.decode import Decoding, write_messages, write_summary
from services.ingest.describe import type_name
from services.ingest.filters import Filter, Network, Peer
from services.ingest.replay import Progress, Target
from services.ingest.replay import replay as play
from services.ingest.replay_progress import STYLES, shown


def _peer(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> list[Peer]:
    found = []
    for value in values:
        number = value.upper().removeprefix("AS")
        if number.isascii() and number.isdigit():
            found.append(Peer(None, int(number)))
            continue
        try:
            found.append(Peer(ipaddress.ip_address(value).packed, None))
        except ValueError:
            raise click.BadParameter(f"{value} is no address and no AS number") from None
    return found


def _prefix(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> list[Network]:
    try:
        return [ipaddress.ip_network(value) for value in values]
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _type(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> list[str]:
    known = [type_name(number) for number in range(256)]
    names = [value.lower().replace("-", " ") for value in values]
    for name in names:
        if name not in known:
            shown = ", ".join(known[:7])
            raise click.BadParameter(f"{name} is none of {shown}, type 7 to type 255")
    return names


@click.command()
@click.argument("file")
@click.option("--summary", is_flag=True, help="One object with counts instead of every message.")
@click.option(
    "--peer",
    "peers",
    multiple=True,
    callback=_peer,
    metavar="ADDRESS|AS",
    help="Only messages about this BGP peer.",
)
@click.option(
    "--prefix",
    "prefixes",
    multiple=True,
    callback=_prefix,
    metavar="PREFIX",
    help="Only messages with a route to PREFIX itself or to a more specific one inside it.",
)
@click.option(
    "--type",
    "types",
    multiple=True,
    callback=_type,
    metavar="NAME",
    help='Only messages of this type, as it is printed: "peer up" or peer-up.',
)
@click.option("--errors", is_flag=True, help="Only messages in which something is wrong.")
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    help="In a packet capture, only TCP connections of this port.  [default: 11019, and "
    "whatever else starts as BMP does]",
)
def decode(
    file: str,
    *,
    summary: bool,
    peers: list[Peer],
    prefixes: list[Network],
    types: list[str],
    errors: bool,
    port: int | None,
) -> None:
    """Print the BMP messages of FILE as JSON, one object a line.

    FILE is the byte stream of one router's connection, or a packet capture (pcap, pcapng) whose
    TCP connections are put together again; plain, gzip or xz. - is standard input.

    An option given several times is met by any of its values; several options must all be met.
    """
    wanted = Filter(tuple(peers), tuple(prefixes), tuple(types), errors)
    output = sys.stdout.buffer
    with open_capture(file) as capture:
        decoding = Decoding(capture.chunks(), wanted, port)
        try:
            run = write_summary if summary else write_messages
            run(decoding, lambda data: (output.write(data), output.flush()))
        except BrokenPipeError:  # the reader has seen enough, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
    for note in decoding.notes:
        click.echo(f"bgpilot: {note}", err=True)
    if not decoding.is_whole:
        sys.exit(1)


def _target(text: str) -> Target:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise click.BadParameter(f"{text} is not HOST:PORT")
    return Target(host, int(port))


@click.command()
@click.argument("file")
@click.option(
    "--to",
    "target",
    type=_target,
    metavar="HOST:PORT",
    default="127.0.0.1:11019",
    show_default=True,
    help="The BMP station.",
)
@click.option(
    "--connections",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="How many connections play FILE at the same time.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Messages per second on each connection; as fast as the station reads by default.",
)
@click.option("--hold", is_flag=True, help="Keep the connections open after the last message.")
@click.option(
    "--progress",
    type=click.Choice(STYLES),
    default="auto",
    show_default=True,
    help="How progress is shown on standard error; auto is a bar on a terminal, else lines.",
)
def replay(
    file: str, target: Target, connections: int, rate: float | None, hold: bool, progress: str
) -> None:
    """Play the capture FILE (plain, gzip or xz) to a BMP station. - is standard input."""
    if file == "-" and connections > 1:
        raise click.UsageError(
            "standard input can be read once only: give a file, or leave out --connections"
        )
    started = time.monotonic()

    def report(done: Progress) -> None:
        seconds = time.monotonic() - started
        click.echo(
            f"replayed {done.messages} messages, {done.octets} bytes in {seconds:.2f} seconds "
            f"over {connections} connection{'s' if connections > 1 else ''} to {target}"
        )

    all_sent = False

    def sent(done: Progress) -> None:
        nonlocal all_sent
        all_sent = True
        if hold:
            report(done)

    with shown(progress) as on_progress:
        played = play(
            file,
            target,
            connections=connections,
            rate=rate,
            hold=hold,
            on_progress=on_progress,
            on_sent=sent,
        )
        try:
            done = asyncio.run(played)
        except KeyboardInterrupt:
            if all_sent:  # a replay that only holds its connections is meant to be stopped
                return
            raise
    report(done)
