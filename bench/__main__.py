"""`python -m bench [NAME ...]`: runs the benchmarks and prints one JSON line per figure."""

from __future__ import annotations

import json
import os
import platform
import sys

from bench import breaker, ingest, live, query, steady, wire

BENCHMARKS = {
    "wire": wire.run,
    "ingest": ingest.run,
    "steady": steady.run,
    "query": query.run,
    "live": live.run,
    "breaker": breaker.run,
}


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def main() -> int:
    """Exit code 2 for a name that is none."""
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
        return 2
    for name in names:
        for figure in BENCHMARKS[name]():
            print(json.dumps({"benchmark": name} | figure | machine()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
