"""What the demo asks, and how it shows the answers."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from shared.stack.demo import questions
from shared.stack.pretty import pretty, readable, shortened


def asked(prefixes: list[str]) -> list[tuple[str, dict[str, list[str]]]]:
    """The questions where the nth route was first seen at second n."""
    routes = [
        (prefix, f"2026-11-21T09:00:{second:02}.000000Z") for second, prefix in enumerate(prefixes)
    ]
    return [(urlsplit(path).path, parse_qs(urlsplit(path).query)) for path in questions(routes)]


def test_the_questions_are_about_prefixes_that_the_api_has_named() -> None:
    prefixes = ["10.1.0.0/16", "192.0.2.0/25", "192.0.2.128/25", "192.0.2.0/25"]
    routers, peers, exact, longest, longer, then, history = asked(prefixes)
    assert (routers[0], peers[0]) == ("/api/v1/routers", "/api/v1/peers")
    assert exact[1] == {"prefix": ["192.0.2.0/25"], "match": ["exact"]}
    assert longest[1] == {"prefix": ["10.1.0.1"], "match": ["longest"]}
    assert longer[1] == {"prefix": ["192.0.0.0/17"], "match": ["longer"], "limit": ["5"]}
    assert then[1] == {"prefix": ["192.0.2.0/25"], "timestamp": ["2026-11-21T09:00:01.000000Z"]}
    assert history == ("/api/v1/history", {"prefix": ["192.0.2.0/25"]})


def test_the_questions_work_for_ipv6_and_for_a_host_route() -> None:
    _, _, exact, longest, longer, *_ = asked(["2001:db8::1/128"])
    assert exact[1]["prefix"] == ["2001:db8::1/128"]
    assert longest[1]["prefix"] == ["2001:db8::1"]
    assert longer[1]["prefix"] == ["2001:db8::/120"]


def test_without_routes_only_routers_and_peers_are_asked_for() -> None:
    assert [path for path, _ in asked([])] == ["/api/v1/routers", "/api/v1/peers"]


def test_what_is_printed_is_the_answer_itself_where_nothing_was_left_out() -> None:
    body = {"data": [{"prefix": "192.0.2.0/24", "as_path": list(range(64500, 64530))}], "meta": {}}
    shown = pretty(body)
    assert json.loads(shown) == body
    assert '"prefix": "192.0.2.0/24",\n' in shown


def test_a_long_list_of_objects_is_cut_and_says_by_how_much() -> None:
    body = {"data": [{"id": number} for number in range(7)], "meta": {"count": 7}}
    assert shortened(body) == {
        "data": [{"id": 0}, {"id": 1}, "... and 5 more"],
        "meta": {"count": 7},
    }


def test_a_list_of_numbers_is_never_cut() -> None:
    assert shortened({"as_path": [1, 2, 3, 4]}) == {"as_path": [1, 2, 3, 4]}


def test_a_body_that_is_no_json_is_shown_as_it_is() -> None:
    assert readable(b"Bad Gateway") == "Bad Gateway"
