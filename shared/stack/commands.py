"""`bgpilot up`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import TYPE_CHECKING

import click
import structlog

from shared.log import configure
from shared.settings import load
from shared.stack.attended import attend
from shared.stack.components import components
from shared.stack.demo import Demo, bundled_capture
from shared.stack.preflight import check_database, check_free, locked
from shared.stack.settings import StackSettings
from shared.stack.sites import PREFIX, Sites, why_none
from shared.stack.stream import LogStream, standard_output
from shared.stack.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shared.stack.component import Component

log = structlog.get_logger()


@click.command()
@click.option("--demo", is_flag=True, help="Replay the bundled capture and show the API's answers.")
@click.option("--once", is_flag=True, help="Stop everything once it is up (and shown).")
def up(*, demo: bool, once: bool) -> None:
    """Start everything on this machine: database, migrations, services and gateway.

    Ctrl-C or SIGTERM stops it all, a second one at once. The data stays in BGPILOT_HOME.

    Exit code: 0 after a stop, 1 where something failed or was stopped at once, 130 where Ctrl-C
    comes before anything is started.
    """
    settings = load(StackSettings)
    stream = _logging_into_one_stream(settings)
    capture = bundled_capture() if demo else None
    sites = _sites(settings) if demo else None
    if sites is not None:
        settings = settings.model_copy(update={"primary_prefix": PREFIX})
    with locked(settings.home):
        check_free(settings.listeners())
        sys.exit(asyncio.run(_run(settings, stream, capture, sites, once=once)))


def _sites(settings: StackSettings) -> Sites | None:
    """The demo's own; a line says where it has none."""
    if (why := why_none(settings)) is not None:
        log.info("no sites to move traffic between", reason=why)
        return None
    return Sites.at_free_ports()


def _logging_into_one_stream(settings: StackSettings) -> LogStream:
    stream = standard_output(settings.log_format)
    configure("up", settings.model_copy(update={"log_format": "json"}))
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stream)
    return stream


async def _run(
    settings: StackSettings,
    stream: LogStream,
    capture: Path | None,
    sites: Sites | None,
    *,
    once: bool,
) -> int:
    if settings.database_url is not None:
        await check_database(settings.database_url)
    parts = components(settings, sites)
    supervisor = Supervisor(parts, stream)

    async def work() -> int:
        await supervisor.start()
        _announce(parts)
        shown = capture is None or await Demo(settings, supervisor, stream, capture, sites).show()
        if not once:
            await asyncio.Event().wait()
        return 0 if shown else 1

    return await attend(supervisor, stream, work())


def _announce(parts: Sequence[Component]) -> None:
    for part in parts:
        for address in part.addresses:
            log.info("available", what=address.what, at=address.where)
    log.info("everything is up", to_stop=f"Ctrl-C, or kill {os.getpid()}")
