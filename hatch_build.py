"""Compiles the decoder while a wheel is built; where that cannot be done the sources do alone.

BGPILOT_COMPILE=0 never tries; BGPILOT_COMPILE=1 fails the build where it cannot be compiled.
Editable installs run the sources: `make compile` puts compiled modules beside them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NEEDED_TO_COMPILE = ["mypy>=2.4,<3", "setuptools>=77"]


class CompiledDecoder(BuildHookInterface[Any]):
    """Adds the compiled modules to the wheel, and the tag of this Python and platform."""

    def dependencies(self) -> list[str]:
        return [] if self._choice == "0" else _NEEDED_TO_COMPILE

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or self._choice == "0":
            return
        self._work = tempfile.TemporaryDirectory()
        command = [sys.executable, str(Path(self.root, "scripts/compile_wire.py")), self._work.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self._without(done.stdout + done.stderr)
            return
        self.app.display_info(done.stdout.splitlines()[-1])
        built = Path(self._work.name)
        for path in built.rglob("*.*"):
            build_data["force_include"][str(path)] = str(path.relative_to(built))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        del version, build_data, artifact_path
        if hasattr(self, "_work"):
            self._work.cleanup()

    def _without(self, output: str) -> None:
        if self._choice == "1":
            raise RuntimeError(f"BGPILOT_COMPILE=1, and the decoder cannot be compiled:\n{output}")
        reason = (output.strip() or "the compiler said nothing").splitlines()[-1]
        self.app.display_warning(f"the decoder runs as plain Python in this wheel: {reason}")

    @property
    def _choice(self) -> str:
        return os.environ.get("BGPILOT_COMPILE", "")
