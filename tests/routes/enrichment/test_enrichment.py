"""The files in a service that runs: look-ups, `/readyz`, and a change that is seen by itself."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from services.routes.app import create_app
from services.routes.enrichment import watched
from services.routes.enrichment.enrichment import Enrichment
from services.routes.settings import RoutesSettings

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE = 15.0


def settings(**files: object) -> RoutesSettings:
    url = SecretStr("postgresql://nobody@127.0.0.1:1/none")
    return RoutesSettings(database_url=url, routes_files_seconds=0.02, **files)  # type: ignore[arg-type]  # pydantic checks them


def vrps(asn: int) -> str:
    return json.dumps({"roas": [{"asn": asn, "prefix": "192.0.2.0/24", "maxLength": 24}]})


@pytest.fixture
def named(tmp_path: Path) -> dict[str, Path]:
    texts = {
        "vrps": vrps(64496),
        "as_names": "64496,Example\n",
        "communities": "64496:1,customer\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {f"routes_{name}_file": tmp_path / name for name in texts}


async def test_everything_can_be_looked_up_before_the_first_request(named: dict[str, Path]) -> None:
    enrichment = Enrichment(settings(**named))
    assert enrichment.rpki_state("192.0.2.0/24", 64496) is None
    async with enrichment.watching():
        assert enrichment.rpki_state("192.0.2.0/24", 64496) == "valid"
        assert enrichment.as_name(64496) == "Example"
        assert enrichment.as_name(64497) is None
        assert enrichment.community_text("64496:1") == "customer"


async def test_without_files_nothing_is_known() -> None:
    enrichment = Enrichment(settings())
    async with enrichment.watching():
        assert enrichment.rpki_state("192.0.2.0/24", 64496) is None
        assert enrichment.as_name(64496) is None
        assert enrichment.community_text("64496:1") is None
        assert await enrichment.status() == {"status": "disabled"}


async def test_a_change_is_seen_while_the_service_runs(named: dict[str, Path]) -> None:
    enrichment = Enrichment(settings(**named))
    async with enrichment.watching(), asyncio.timeout(DEADLINE):
        named["routes_vrps_file"].write_text(vrps(64497))
        while enrichment.rpki_state("192.0.2.0/24", 64497) != "valid":
            await asyncio.sleep(0.01)


async def test_an_error_nobody_expected_does_not_end_the_watch(named: dict[str, Path]) -> None:
    class Faulty(Enrichment):
        looks = 0

        async def refresh(self) -> None:
            self.looks += 1
            if self.looks == 1:
                raise RuntimeError("out of the blue")
            await super().refresh()

    enrichment = Faulty(settings(**named))
    async with enrichment.watching(), asyncio.timeout(DEADLINE):
        while enrichment.as_name(64496) is None:
            await asyncio.sleep(0.01)


async def test_a_look_that_is_broken_off_waits_until_all_of_its_readers_are_gone(
    named: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    gone: list[str] = []
    have_all_begun = asyncio.Event()

    async def reader(kind: str, _path: Path) -> None:
        begun.append(kind)
        if len(begun) == len(named):
            have_all_begun.set()
        turns = 5 * len(begun)  # one takes longer to go than another
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(turns):
                await asyncio.sleep(0)
            gone.append(kind)

    monkeypatch.setattr(watched, "read_apart", reader)
    look = asyncio.create_task(Enrichment(settings(**named)).refresh())
    async with asyncio.timeout(DEADLINE):
        await have_all_begun.wait()
    look.cancel()
    await asyncio.wait([look])
    assert len(gone) == len(named)


async def test_each_file_has_its_status_and_a_bad_one_is_only_a_warning(
    named: dict[str, Path],
) -> None:
    named["routes_as_names_file"].write_text("")
    enrichment = Enrichment(settings(**named))
    await enrichment.refresh()
    status = await enrichment.status()
    assert status["vrps"]["entries"] == 1
    assert status["as_names"]["warning"] == "it is empty; nothing is in use"
    assert set(status) == {"vrps", "as_names", "communities"}


async def test_readyz_has_the_files_among_its_checks(
    named: dict[str, Path], migrated_url: str
) -> None:
    asked = settings(**named).model_copy(update={"database_url": SecretStr(migrated_url)})
    app = create_app(asked)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://routes") as client,
    ):
        answer = (await client.get("/readyz")).json()
    assert answer["checks"]["files"]["status"] == "ok"
    assert answer["checks"]["files"]["vrps"]["entries"] == 1
