"""Fuzzes the decoder: python -m tests.fuzz [--seconds N] [--target NAME ...] [--seed N]

Ends with status 1 and prints the octets where something broke.
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from os import cpu_count

import click

from tests.fuzz.fuzzing import Result, fuzz
from tests.fuzz.targets import TARGETS


def one(name: str, seconds: float, seed: int) -> Result:
    return fuzz(TARGETS[name], seconds, random.Random(f"{seed} {name}"))  # noqa: S311 - no secret


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description="Fuzz the decoder.")
    parser.add_argument("--seconds", type=float, default=60, help="in total, on all cores")
    parser.add_argument("--target", action="append", choices=TARGETS, help="all by default")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    given = parser.parse_args()
    names = given.target or list(TARGETS)
    workers = min(cpu_count() or 1, len(names))
    seconds = given.seconds * workers / len(names)
    click.echo(f"{len(names)} targets, {seconds:.1f} seconds each, --seed {given.seed}")
    broken = 0
    with ProcessPoolExecutor(workers) as pool:
        runs = {pool.submit(one, name, seconds, given.seed): name for name in names}
        for run in as_completed(runs):
            result = run.result()
            click.echo(f"{runs[run]}: {result.tried} inputs, {result.kept} kept")
            if result.finding is not None:
                broken += 1
                click.echo(f"  BROKEN by {result.finding.octets.hex()}\n{result.finding.problem}")
    return min(broken, 1)


if __name__ == "__main__":
    sys.exit(main())
