"""Makes machine code of the way from octets to rows: python scripts/compile_wire.py [DIRECTORY]

That is the decoder, services/ingest/wire, and services/ingest/rows, by mypyc.

The extension modules go beside the sources, or into the same places below DIRECTORY, and their
library beside the packages. Python prefers them to the sources of the same names. This needs
mypy, setuptools, a C compiler and Python.h.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (Path("services/ingest/wire"), Path("services/ingest/rows"))
NEVER_COMPILED = PACKAGES[0] / "native.py"
GROUP = "bgpilot_wire"
"""The one library that holds the code of all modules. Beside the packages, not within one: mypyc
would take its place for theirs, and their `__path__` would lead nowhere."""
EXTENSION = sysconfig.get_config_var("EXT_SUFFIX")


def sources() -> list[str]:
    """The modules to compile, as paths below ROOT."""
    found = (
        path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")
    )
    return sorted(str(path) for path in found if path != NEVER_COMPILED)


def what_is_missing() -> str:
    """Why nothing can be compiled on this machine; empty where it can."""
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if shutil.which(command.split()[0]) is None:
        return f"there is no C compiler ({command.split()[0]})"
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        return f"{header} is missing: install the development files of this Python"
    return ""


def compile_into(directory: Path) -> None:
    """Build every module; whatever goes wrong is told by an exception or SystemExit."""
    # Only where there is something to build, and setuptools first: it brings distutils.
    from setuptools import Distribution  # noqa: PLC0415 isort: skip
    from mypyc.build import mypycify  # noqa: PLC0415
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415

    os.chdir(ROOT)  # mypy names modules by their paths below the working directory
    with tempfile.TemporaryDirectory() as work:
        extensions = mypycify(
            ["--config-file=", f"--cache-dir={work}/cache", "--strict", *sources()],
            target_dir=work,
            group_name=GROUP,
            debug_level="0",
        )
        command = build_ext(Distribution({"name": "wire", "ext_modules": extensions}))
        command.build_lib = str(directory)
        command.build_temp = work
        command.parallel = os.cpu_count()
        command.ensure_finalized()
        command.run()


def remove_from(directory: Path) -> None:
    """What an earlier build left there: a module that is gone must not be found."""
    for package in PACKAGES:
        for path in (directory / package).rglob("*.so"):
            path.unlink()
    for path in directory.glob(f"{GROUP}__*.so"):
        path.unlink()


def main() -> None:
    directory = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    if missing := what_is_missing():
        sys.exit(f"nothing compiled: {missing}")
    remove_from(directory)
    compile_into(directory)
    print(f"compiled {len(sources())} modules into {directory}")


if __name__ == "__main__":
    main()
