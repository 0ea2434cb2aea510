"""The docs page: everything that it needs comes from the gateway itself."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest
from typing_extensions import override

from gateway.endpoints import STATIC
from tests.gateway.harness.client import ask
from tests.gateway.harness.serving import gateway

VENDORED = STATIC / "swagger-ui"


class Page(HTMLParser):
    """What a page loads, and whether it holds script of its own."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []
        self._in_script = False
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag in {"script", "style"}
        for name, value in attrs:
            if name in {"src", "href"}:
                self.loads.append(value or "")
            if name.startswith("on") or name == "style":
                self.inline.append(f"{tag} {name}")

    @override
    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.inline.append(data)


async def test_everything_the_page_loads_is_relative_and_there() -> None:
    async with gateway() as port:
        answer = await ask(port, "/docs")
        page = Page(answer.body.decode())
        assert answer.header("content-type").startswith("text/html")
        assert len(page.loads) >= 4
        for link in page.loads:
            assert not re.match(r"\w+:|/", link), link
            asset = await ask(port, urljoin("/docs", link))
            assert asset.status == 200, link
            assert asset.body


async def test_the_page_holds_no_script_or_style_of_its_own() -> None:
    page = Page((STATIC / "docs.html").read_text())
    assert page.inline == []


@pytest.mark.parametrize(
    "path", ["/docs", "/", "/livez", "/nowhere", "/api/../x", "/static/docs.js"]
)
async def test_every_answer_says_what_a_browser_must_not_do(path: str) -> None:
    async with gateway() as port:
        answer = await ask(port, path)
    policy = answer.header("content-security-policy")
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "no-referrer"


async def test_a_browser_at_the_root_is_led_to_the_page() -> None:
    async with gateway() as port:
        browser = await ask(port, "/", headers=[("Accept", "text/html,*/*;q=0.8")])
        program = await ask(port, "/", headers=[("Accept", "*/*")])
        assert (browser.status, browser.header("location")) == (307, "docs")
        for link in program.json["links"].values():
            assert (await ask(port, urljoin("/", link))).status == 200


def test_the_vendored_files_are_the_ones_that_the_readme_names() -> None:
    text = (VENDORED / "README.md").read_text()
    digests = dict(re.findall(r"^\| (\S+) \| `(\S+)` \|$", text, re.MULTILINE))
    assert set(digests) == {each.name for each in VENDORED.glob("*.[jcp]*[sg]")}
    for name, digest in digests.items():
        actual = hashlib.sha384(Path(VENDORED / name).read_bytes()).digest()
        assert base64.b64encode(actual).decode() == digest, name
