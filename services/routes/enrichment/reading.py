"""Reads one file in a process of its own: `python -m services.routes.enrichment.reading KIND PATH`.

600,000 VRPs are half a gigabyte of objects and some seconds of work while they are read. Here that
keeps no request waiting, and the memory is given back. What is made of the file goes to standard
output, pickled; what is wrong with it is the last line on standard error, with exit code 1.
"""

from __future__ import annotations

import gc
import pickle
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from services.routes.enrichment.as_names import read_as_names
from services.routes.enrichment.communities import read_communities
from services.routes.enrichment.errors import FileError
from services.routes.enrichment.vrps import read_vrps

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["vrps", "as_names", "communities"]


def files(path: Path) -> list[Path]:
    """The file itself; of a directory, the text files in it, in order."""
    return sorted(path.glob("*.txt")) if path.is_dir() else [path]


def _text(path: Path) -> str:
    # Such lists have names in all sorts of encodings: one bad octet does not make them useless.
    return "\n".join(one.read_text(encoding="utf-8-sig", errors="replace") for one in files(path))


READERS: dict[Kind, Callable[[Path], Any]] = {
    "vrps": lambda path: read_vrps(path.read_bytes(), time.time()),
    "as_names": lambda path: read_as_names(_text(path)),
    "communities": lambda path: read_communities(_text(path)),
}


def main(kind: Kind, path: str) -> None:
    """Reads the file and writes what it holds."""
    gc.disable()  # nothing made here goes in circles, and it would look through millions of objects
    try:
        content = READERS[kind](Path(path))
    except FileError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(error.strerror or str(error))
    pickle.dump(content, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]  # our parent gives a kind and a path
