"""What communities mean, from the text files that NLNOG's looking glass uses.

A line is a community, a comma, and what it says: `65000:100,customer route`. Each part between the
colons may be a number, a range (`0-100`), a number with single digits left open (`x0`), or any
number (`nnn`). What was left open is put where the text has $0, $1 and so on. Large communities
have three parts, extended ones their type in front: `soo 65000:100` or `soo:65000:100`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import NamedTuple

from services.routes.enrichment.errors import FileError

_PART = re.compile(r"(\d+)-(\d+)|(n+)|([\dx]+)")
_TYPE = re.compile(r"[a-z][a-z0-9_-]*")
_FIELD = re.compile(r"\$(\d)")
_ANY = "any"


class _Pattern(NamedTuple):
    form: re.Pattern[str]
    """A group for each range and for whatever is left open."""
    ranges: dict[int, tuple[int, int]]
    """First and last number, by group."""
    text: str

    def read(self, community: str) -> str | None:
        found = self.form.fullmatch(community)
        if found is None:
            return None
        for group, (first, last) in self.ranges.items():
            if not first <= int(found[group]) <= last:
                return None
        fields = [found[at] for at in range(1, self.form.groups + 1) if at not in self.ranges]
        text: str = _FIELD.sub(lambda mark: _field(fields, mark), self.text)
        return text


class CommunityTexts:
    """Texts by community: an exact one first, then the patterns in the order of the file."""

    def __init__(self, remember: int = 50_000) -> None:
        self._remember = remember
        self._exact: dict[str, str] = {}
        self._patterns: defaultdict[str, list[_Pattern]] = defaultdict(list)  # by first number
        self._known: dict[str, str | None] = {}

    def __len__(self) -> int:
        return len(self._exact) + sum(map(len, self._patterns.values()))

    def add(self, community: str, text: str) -> None:
        """A line of a file; FileError where the community is none."""
        parts = community.strip().lower().replace(" ", ":").split(":")
        start = 1 if _TYPE.fullmatch(parts[0]) and not _PART.fullmatch(parts[0]) else 0
        numbers = parts[start:]
        if not 2 - start <= len(numbers) <= 3 or not all(map(_PART.fullmatch, numbers)):
            raise FileError(f"{community[:40]!r} is no community")
        if all(one.isdigit() for one in numbers):
            self._exact.setdefault(":".join(parts), text)
        else:
            first = numbers[0] if numbers[0].isdigit() else _ANY
            self._patterns[first].append(_pattern(parts, text))

    def text(self, community: str) -> str | None:
        """What this community says, None where no line tells."""
        if community not in self._known:
            if len(self._known) >= self._remember:
                self._known.clear()
            self._known[community] = self._find(community)
        return self._known[community]

    def _find(self, community: str) -> str | None:
        if community in self._exact:
            return self._exact[community]
        first = next((one for one in community.split(":") if one.isdigit()), "")
        for pattern in [*self._patterns.get(first, []), *self._patterns.get(_ANY, [])]:
            if (text := pattern.read(community)) is not None:
                return text
        return None


def read_communities(text: str) -> CommunityTexts:
    """The communities of one or more files; FileError where most lines are none."""
    texts = CommunityTexts()
    wrong = 0
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        community, _, words = line.partition(",")
        try:
            texts.add(community, words.strip())
        except FileError:
            wrong += 1
    if wrong > len(texts):
        raise FileError(f"{wrong} of its {wrong + len(texts)} lines are no community with a text")
    if not texts:
        raise FileError("it is empty")
    return texts


def _pattern(parts: list[str], text: str) -> _Pattern:
    form, ranges, groups = [], {}, 0
    for part in parts:
        found = _PART.fullmatch(part)
        if found is None or part.isdigit():
            form.append(re.escape(part))
        elif found[1]:
            groups += 1
            ranges[groups] = (int(found[1]), int(found[2]))
            form.append(r"(\d{1,10})")
        elif found[3]:
            groups += 1
            form.append(r"(\d+)")
        else:
            groups += part.count("x")
            form.append(part.replace("x", r"(\d)"))
    return _Pattern(re.compile(":".join(form)), ranges, text)


def _field(fields: list[str], mark: re.Match[str]) -> str:
    number = int(mark[1])
    return fields[number] if number < len(fields) else mark[0]
