"""Names of ASes from the lists that are common.

One AS a line: `AS64496,"Example, Inc.",Content,NL` (bgp.tools' asns.csv, under a heading),
`64496,Example` (no heading, and the name is all that follows), or `64496 EXAMPLE-AS Example, NL`
(RIPE's asn.txt). A line that is none of these is passed over, since such lists have all sorts of
lines; a file where that is most of them is not such a list.
"""

from __future__ import annotations

import csv
import re

from services.routes.enrichment.errors import FileError

_LINE = re.compile(r"\s*(?:AS)?(\d{1,10})(\s*,|\s)\s*(.*\S)\s*", re.IGNORECASE)
_COUNTRY = re.compile(r",\s*[A-Z]{2}$")


class AsNames(dict[int, str]):
    """Names by AS number."""


def read_as_names(text: str) -> AsNames:
    """The names of a list; FileError where it is none."""
    lines = [line for line in text.splitlines() if line.strip() and line[0] not in "#;"]
    columns = _columns(lines[0]) if lines else None
    names = AsNames()
    for line in lines[1:] if columns else lines:
        asn, name = _read(line, columns)
        if name and asn < 2**32:
            names[asn] = name
    if len(names) * 2 < len(lines):
        raise FileError(f"only {len(names)} of its {len(lines)} lines are an AS and its name")
    if not names:
        raise FileError("it is empty")
    return names


def _columns(heading: str) -> list[str] | None:
    """The columns of a CSV that has a heading."""
    columns = [column.strip().lower() for column in heading.lstrip("\ufeff").split(",")]
    return columns if "asn" in columns and "name" in columns else None


def _read(line: str, columns: list[str] | None) -> tuple[int, str]:
    if columns is not None:
        return _of_columns(next(csv.reader([line])), columns)
    found = _LINE.fullmatch(line)
    if found is None:
        return 0, ""
    asn, separator, name = found.groups()
    if "," not in separator:
        return int(asn), _COUNTRY.sub("", name)
    if name.startswith('"'):
        name = next(csv.reader([name]))[0]
    return int(asn), name.strip()


def _of_columns(cells: list[str], columns: list[str]) -> tuple[int, str]:
    if len(cells) < len(columns):
        return 0, ""
    asn = cells[columns.index("asn")].strip().upper().removeprefix("AS")
    is_number = asn.isascii() and asn.isdigit() and len(asn) <= 10
    return (int(asn), cells[columns.index("name")].strip()) if is_number else (0, "")
