"""The `curl` examples of the documents."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
GATEWAY = "http://127.0.0.1:8080"
_LATER = re.compile(r'("scheduled_at": ")[^"]+')
_BLOCK = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)
_COMMAND = re.compile(r"^\$ (curl (?:.*\\\n)*.*)\n?", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A command of a document, and the answer that it shows."""

    document: Path
    line: int
    command: str
    answer: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def is_stream(self) -> bool:
        """Whether its answer has no end: `curl -N` shows what comes as it comes."""
        return any(re.fullmatch("-[a-zA-Z]*N[a-zA-Z]*", each) for each in self.arguments(""))

    @property
    def is_command(self) -> bool:
        """Whether it changes something: what comes after it may depend on it."""
        return self.method != "GET"

    @property
    def method(self) -> str:
        """Of its request."""
        arguments = self.arguments("")
        return arguments[arguments.index("-X") + 1] if "-X" in arguments else "GET"

    @property
    def path(self) -> str:
        """Of its URL."""
        (url,) = (each for each in self.arguments(GATEWAY) if each.startswith(GATEWAY))
        return urlsplit(url).path

    def arguments(self, gateway: str) -> list[str]:
        """What to run, against the gateway at this URL; what is for later is in an hour."""
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        command = _LATER.sub(rf"\g<1>{later}", self.command)
        return shlex.split(command.replace(GATEWAY, gateway))


def examples_in(document: Path) -> Iterator[Example]:
    """Every example, in order."""
    text = document.read_text() + "\n"
    for block in _BLOCK.finditer(text):
        inner = re.sub(r"^ {4}", "", block[0], flags=re.MULTILINE)
        line = text.count("\n", 0, block.start()) + 1
        for found in _COMMAND.finditer(inner):
            rest = re.split(r"^\$ ", inner[found.end() :], maxsplit=1, flags=re.MULTILINE)[0]
            at = line + inner.count("\n", 0, found.start())
            yield Example(document, at, found[1].replace("\\\n", " "), rest.strip())


def all_examples() -> list[Example]:
    """Those of every document."""
    documents = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    return [each for document in documents for each in examples_in(document)]
