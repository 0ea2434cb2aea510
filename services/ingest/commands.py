"""The commands that this service adds to `bgpilot`: `decode` and `replay`."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import click

from services.ingest.captures import open_capture
from services.ingest.decode import write_messages, write_summary
from services.ingest.replay import Progress, Target
from services.ingest.replay import replay as play
from services.ingest.replay_progress import STYLES, shown


@click.command()
@click.argument("file")
@click.option("--summary", is_flag=True, help="One object with counts instead of every message.")
def decode(file: str, summary: bool) -> None:
    """Print the BMP messages of FILE as JSON, one object a line.

    FILE is the byte stream of one router's connection, plain, gzip or xz; - is standard input.
    """
    output = sys.stdout.buffer
    with open_capture(file) as capture:
        try:
            run = write_summary if summary else write_messages
            note = run(capture.chunks(), lambda data: (output.write(data), output.flush()))
        except BrokenPipeError:  # the reader has seen enough, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
    if note is not None:
        click.echo(f"bgpilot: {note}", err=True)


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
    """Play the capture FILE (plain, gzip or xz) to a BMP station."""
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
