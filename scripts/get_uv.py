"""Fetches uv, the installer of everything else, with nothing but Python's standard library.

    python3 scripts/get_uv.py DIRECTORY

A bare Debian has Python without pip and without venv. uv.lock names the wheel of uv for each
platform with its SHA-256; this takes the one that fits, checks it, and unpacks its program to
DIRECTORY/uv. Where pip works it is asked first, since it knows of proxies and mirrors.
"""

from __future__ import annotations

import hashlib
import io
import platform
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

LOCK = Path(__file__).parent.parent / "uv.lock"
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "arm64"}
SYSTEMS = {"Linux": "manylinux", "Darwin": "macosx"}


def main() -> int:
    """Exit code 0 when DIRECTORY/uv is there."""
    if sys.version_info < (3, 11) or sys.version_info >= (3, 14):
        return fail(f"bgpilot needs Python 3.11 to 3.13, and this is {platform.python_version()}")
    import tomllib  # noqa: PLC0415 - an older Python has none, and would not get this far

    target = Path(sys.argv[1]) / "uv"
    if target.exists():
        return 0
    package = next(p for p in tomllib.loads(LOCK.read_text())["package"] if p["name"] == "uv")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not by_pip(package["version"], target):
        try:
            by_hand(package["wheels"], target)
        except (OSError, LookupError, ValueError) as error:
            return fail(f"uv could not be fetched ({error}); install it yourself: pip install uv")
    return 0


def fail(sentence: str) -> int:
    """Says why on standard error."""
    print(sentence, file=sys.stderr)
    return 1


def by_pip(version: str, target: Path) -> bool:
    """Installs uv beside nothing else, if there is a pip that works."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--target", directory, f"uv=={version}"]
        done = subprocess.run(command, capture_output=True, check=False)
        program = Path(directory) / "bin" / "uv"
        if done.returncode != 0 or not program.exists():
            return False
        shutil.copy2(program, target)
    return True


def by_hand(wheels: list[dict[str, str]], target: Path) -> None:
    """Downloads the wheel that uv.lock names for this platform."""
    wheel = pick(wheels)
    with urllib.request.urlopen(wheel["url"], timeout=60) as answer:  # noqa: S310 - from uv.lock
        content = answer.read()
    expected = wheel["hash"].removeprefix("sha256:")
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError("its checksum is not the one in uv.lock")
    archive = zipfile.ZipFile(io.BytesIO(content))
    name = next(n for n in archive.namelist() if n.endswith("/scripts/uv"))
    partial = target.with_suffix(".partial")
    partial.write_bytes(archive.read(name))
    partial.chmod(0o755)
    partial.rename(target)


def pick(wheels: list[dict[str, str]]) -> dict[str, str]:
    """The wheel for this system and machine."""
    system = SYSTEMS.get(platform.system(), platform.system())
    machine = MACHINES.get(platform.machine().lower(), platform.machine())
    for wheel in wheels:
        name = urlsplit(wheel["url"]).path.rpartition("/")[2].removesuffix(".whl")
        if system in name and name.endswith(machine):
            return wheel
    raise LookupError(f"uv.lock has no wheel for {system} on {machine}")


if __name__ == "__main__":
    sys.exit(main())
