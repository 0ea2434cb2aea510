"""Every `curl` example of the documents does what they say; CONTRIBUTING.md has the convention."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest

from services.failover import endpoints as failover_endpoints
from tests.docs.examples import GATEWAY, ROOT, Example, all_examples, examples_in
from tests.docs.shapes import NotAnAnswerError, differences, read_shown
from tests.whole import Whole, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

EXAMPLES = all_examples()
QUESTIONS = [each for each in EXAMPLES if not each.is_command]
COMMANDS = [each for each in EXAMPLES if each.is_command]
with_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture(scope="module")
def stack(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole(postgres_dsn, tmp_path_factory.mktemp("files"), demo=True) as parts:
        yield parts


def run(example: Example, gateway: str) -> str:
    """The answer, or of a stream its first message."""
    arguments = [*example.arguments(gateway), "--max-time", "30"]
    with subprocess.Popen(arguments, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        if example.is_stream:
            answer = first_message(process.stdout)
            process.kill()
            return answer
        answer = process.stdout.read()
    assert process.returncode == 0, answer
    return answer


def first_message(lines: Iterable[str]) -> str:
    """A line of JSON, or the lines of an event, without what says only that the stream lives."""
    message = []
    for line in lines:
        if line.strip() and not line.startswith(":"):
            message.append(line)
        if message and (line.startswith("{") or not line.strip()):
            break
    return "".join(message)


def real_values(body: str) -> list[Any]:
    """One JSON document, or one a line."""
    try:
        return [json.loads(body)]
    except ValueError:
        return [json.loads(line) for line in body.splitlines() if line]


def faults(shown: str, real: str) -> list[str]:
    """What the shown answer gets wrong."""
    if shown.startswith("HTTP/"):
        return _faults_of_headers(shown, real)
    if shown.startswith(("id:", "event:", "data:")):
        return list(differences(event(shown, read_shown), event(real, real_values)))
    if not shown.startswith(("{", "[", "...")):
        return _faults_of_table(shown, real)
    values = [value for value in read_shown(shown) if value is not ...]
    return list(differences(values, real_values(real)))


def event(text: str, read: Callable[[str], list[Any]]) -> dict[str, Any]:
    """The first event of a text/event-stream by its fields, its data as JSON."""
    fields: dict[str, Any] = {}
    for line in text.split("\n\n", maxsplit=1)[0].splitlines():
        name, _, value = line.partition(":")
        fields[name] = fields.get(name, "") + value.strip()
    return fields | {"data": read(fields.get("data", ""))}


def _faults_of_headers(shown: str, real: str) -> list[str]:
    head, _, body = real.replace("\r", "").partition("\n\n")
    shown_head, _, shown_body = re.sub(r"\n(?=[{\[])", "\n\n", shown, count=1).partition("\n\n")
    names = {line.partition(":")[0].lower() for line in head.splitlines()[1:]}
    status = [f"status: {head.splitlines()[0]}"] if shown.split()[1] != head.split()[1] else []
    absent = [
        f"header {line}: not there"
        for line in shown_head.splitlines()[1:]
        if line != "..." and line.partition(":")[0].lower() not in names
    ]
    return status + absent + (faults(shown_body.strip(), body) if shown_body.strip() else [])


def _faults_of_table(shown: str, real: str) -> list[str]:
    columns, real_columns = shown.splitlines()[0].split(","), real.splitlines()[0].split(",")
    if columns[-1] == "...":
        columns, real_columns = columns[:-1], real_columns[: len(columns) - 1]
    short = [] if len(real.splitlines()) >= 2 else ["there is no row"]
    return short if columns == real_columns else [f"columns: {','.join(real_columns)}"]


def check(example: Example, stack: Whole) -> None:
    assert GATEWAY in example.command
    answer = run(example, stack.gateway)
    assert faults(example.answer, answer) == [], f"{example}: {example.command}\n{answer[:3000]}"


@with_curl
@pytest.mark.parametrize("example", QUESTIONS, ids=str)
def test_an_example_is_answered_as_shown(example: Example, stack: Whole) -> None:
    check(example, stack)


@with_curl
@pytest.mark.parametrize(
    "document", sorted({each.document for each in COMMANDS}), ids=lambda path: path.name
)
def test_the_commands_of_a_page_do_what_is_shown_one_after_the_other(
    document: Path, postgres_dsn: str, tmp_path: Path
) -> None:
    with whole(postgres_dsn, tmp_path) as stack:
        for example in COMMANDS:
            if example.document == document:
                check(example, stack)


@pytest.mark.parametrize(
    "endpoint",
    sorted(
        {
            (method, route.path_format)  # type: ignore[attr-defined]
            for api in failover_endpoints.ALL
            for route in api.routes
            for method in getattr(route, "methods", ())
        }
    ),
    ids=" ".join,
)
def test_every_endpoint_of_failover_is_one_line_of_the_page_of_the_api(
    endpoint: tuple[str, str],
) -> None:
    method, path = endpoint
    pattern = re.escape(path).replace(r"\{name\}", ".+")
    shown = [each for each in EXAMPLES if each.document == ROOT / "docs" / "api.md"]
    assert any(each.method == method and re.fullmatch(pattern, each.path) for each in shown)


def test_the_page_of_the_api_and_the_readme_have_examples() -> None:
    named = {example.document for example in EXAMPLES}
    assert {ROOT / "docs" / "api.md", ROOT / "README.md"} <= named


def test_examples_are_found_with_their_answers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Text\n\n    $ curl -s 'a' \\\n      -H 'b: c'\n    {\"x\": 1}\n\n    more\n"
        "    $ curl -s d\n    $ other\n    no\n\nText\n\n    not one\n"
    )
    found = [(each.line, each.command, each.answer) for each in examples_in(page)]
    assert found == [
        (3, "curl -s 'a'    -H 'b: c'", '{"x": 1}\n\nmore'),
        (8, "curl -s d", ""),
    ]


@pytest.mark.parametrize(
    ("shown", "real", "expected"),
    [
        ('{"a": 1}', '{"a": 2.5}', []),
        ('{"a": 1}', '{"a": "1"}', ["answer[].a: shown 1, really '1'"]),
        ('{"a": 1}', '{"a": 1, "b": 2}', ["answer[].b: not shown"]),
        ('{"a": 1, ...}', '{"a": 1, "b": 2}', []),
        ('{"a": 1, "b": 2}', '{"a": 1}', ["answer[].b: shown, but not there"]),
        ('{"a": null}', '{"a": "x"}', []),
        ('{"a": "x"}', '{"a": null}', []),
        ('{"a": [{"b": 1}, ...]}', '{"a": [{"c": 1}, {"b": 3}]}', []),
        ('{"a": [1]}', '{"a": []}', ["answer[].a[]: items are shown, but there is none"]),
        ('{"a": [...]}', '{"a": []}', []),
        ('{"a": ...}', '{"a": [1]}', []),
        ('{"a": true}', '{"a": 1}', ["answer[].a: shown True, really 1"]),
        ('{"a": 1}\n...', '{"a": 1}\n{"a": 2}\n', []),
        ("a,b,...\n1,2", "a,b,c\n1,2,3\n", []),
        ("a,b\n1,2", "a,b,c\n1,2,3\n", ["columns: a,b,c"]),
        ("a,b\n1,2", "a,b\n", ["there is no row"]),
        ('data: {"a": 1, ...}', 'data: {"a": 1, "b": 2}\n\n', []),
        (
            'id: 1\nevent: x\ndata: {"a": 1}',
            'event: y\ndata: {"b":\ndata: 2}\n\n',
            [
                "answer.id: shown, but not there",
                "answer.data[].a: shown, but not there",
                "answer.data[].b: not shown",
            ],
        ),
        ("HTTP/1.1 304 Not Modified\nETag: x", "HTTP/1.1 304 x\r\netag: y\r\n\r\n", []),
        (
            'HTTP/1.1 200 OK\nETag: x\n{"a": 1}',
            'HTTP/1.1 404 No\r\n\r\n{"b": 1}',
            [
                "status: HTTP/1.1 404 No",
                "header ETag: x: not there",
                "answer[].a: shown, but not there",
                "answer[].b: not shown",
            ],
        ),
    ],
)
def test_a_shown_answer_is_compared_by_its_keys_and_the_kinds_of_its_values(
    shown: str, real: str, expected: list[str]
) -> None:
    assert faults(shown, real) == expected


@pytest.mark.parametrize("shown", ['{"a": }', '{"a" 1}', "{a: 1}", '{"a": 1', "[1 2]", "{1: 2} x"])
def test_a_shown_answer_that_is_no_json_is_a_fault_of_the_document(shown: str) -> None:
    with pytest.raises(NotAnAnswerError):
        read_shown(shown)
