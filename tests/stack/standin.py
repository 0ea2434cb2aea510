"""A supervisor of small programs: `python standin.py SPEC`, with what to run as JSON in a file.

Its programs are ready when a file named after them holds the number of a live process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Any

import orjson

from shared.backoff import Backoff
from shared.cli.run import as_program
from shared.log import configure
from shared.settings import LogSettings
from shared.stack.attended import attend
from shared.stack.component import Component
from shared.stack.stream import LogStream, standard_output
from shared.stack.supervisor import Supervisor


def component(directory: Path, spec: dict[str, Any]) -> Component:
    name = spec["name"]

    async def is_ready() -> bool:
        try:
            os.kill(int((directory / f"{name}.ready").read_text()), 0)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return False
        return True

    return Component(
        name=name,
        argv=(sys.executable, "-c", spec["program"], str(directory / f"{name}.ready")),
        environment=dict(os.environ),
        is_ready=None if spec.get("ends") else is_ready,
        needs=tuple(spec.get("needs", ())),
        grace_seconds=spec.get("grace", 5.0),
        start_seconds=spec.get("start", 20.0),
    )


async def run(spec: dict[str, Any], directory: Path, stream: LogStream) -> int:
    backoff = Backoff(**spec["backoff"])
    parts = [component(directory, item) for item in spec["components"]]
    supervisor = Supervisor(parts, stream, backoff)

    async def work() -> int:
        await supervisor.start()
        logging.getLogger().info("everything is up")
        await asyncio.Event().wait()
        return 0

    return await attend(supervisor, stream, work())


@as_program
def main() -> None:
    path = Path(sys.argv[1])
    spec = orjson.loads(path.read_bytes())
    stream = standard_output("json")
    configure("up", LogSettings(log_format="json"))
    logging.getLogger().handlers[0].setStream(stream)
    sys.exit(asyncio.run(run(spec, path.parent, stream)))


if __name__ == "__main__":
    main()
