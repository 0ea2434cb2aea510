"""Answers as documents show them, with `...` for what is left out, and how real ones compare."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r'\s*(?P<token>\.\.\.|"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}\[\]:,])'
)


class NotAnAnswerError(ValueError):
    """What a document shows cannot be read."""


def read_shown(text: str) -> list[Any]:
    """The JSON values of a text, one after the other.

    `...` is Ellipsis in place of a value, and the key Ellipsis in an object that has more.
    """
    reader = _Reader(text)
    values = []
    while reader.peek() is not None:
        values.append(reader.value())
    return values


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self) -> str | None:
        """The token that comes next, None at the end."""
        found = _TOKEN.match(self._text, self._at)
        if found is None and self._text[self._at :].strip():
            raise NotAnAnswerError(f"no JSON: {self._text[self._at :][:40]!r}")
        return None if found is None else found["token"]

    def take(self, *wanted: str) -> str:
        """The next token, which is one of these where any are named."""
        token = self.peek()
        if token is None or (wanted and token not in wanted):
            raise NotAnAnswerError(f"{token!r} in place of {' or '.join(wanted) or 'a value'}")
        found = _TOKEN.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return token

    def value(self) -> Any:
        match self.take():
            case "{":
                return self._object()
            case "[":
                return self._list()
            case "...":
                return ...
            case token:
                try:
                    return json.loads(token)
                except ValueError as error:
                    raise NotAnAnswerError(f"{token!r} is no value") from error

    def _object(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while self.peek() != "}":
            key = self.value()
            if key is ...:
                found[...] = ...
            else:
                self.take(":")
                found[key] = self.value()
            if self.peek() != "}":
                self.take(",")
        self.take("}")
        return found

    def _list(self) -> list[Any]:
        found = []
        while self.peek() != "]":
            found.append(self.value())
            if self.peek() != "]":
                self.take(",")
        self.take("]")
        return found


def differences(shown: Any, real: Any, where: str = "answer") -> Iterator[str]:
    """What a reader of the shown answer would not expect of the real one."""
    match shown, real:
        case (None, _) | (_, None):
            return
        case dict(), dict():
            yield from _of_objects(shown, real, where)
        case list(), list():
            for item in shown:
                if item is not ...:
                    yield from _least(item, real, where)
        case _ if shown is ... or _kind(shown) is _kind(real):
            return
        case _:
            yield f"{where}: shown {shown!r}, really {real!r}"


def _of_objects(shown: dict[Any, Any], real: dict[str, Any], where: str) -> Iterator[str]:
    named = shown.keys() - {...}
    for key in sorted(named - real.keys()):
        yield f"{where}.{key}: shown, but not there"
    if ... not in shown:
        for key in sorted(real.keys() - named):
            yield f"{where}.{key}: not shown"
    for key in sorted(named & real.keys()):
        yield from differences(shown[key], real[key], f"{where}.{key}")


def _least(item: Any, real: list[Any], where: str) -> list[str]:
    """The differences to the item of a list that is most like it."""
    if not real:
        return [f"{where}[]: items are shown, but there is none"]
    return min((list(differences(item, each, f"{where}[]")) for each in real), key=len)


def _kind(value: Any) -> type:
    """Numbers are of one kind, whether they have a fraction or not."""
    return float if type(value) is int else type(value)
