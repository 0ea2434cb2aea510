"""Texts of path attributes that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from services.routes.answering.attributes import AttributeTexts, json_text, read_as_path
from shared.db.engine import create_engine
from tests.ingest.conftest import ingest
from tests.routes.many import Many

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest

__all__ = ["ingest"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", []),
        ("64501 64502", [64501, 64502]),
        ("64501 {64510 64511}", [64501, [64510, 64511]]),
        ("{64510}", [[64510]]),
        ("(65001 65002) 64501", [65001, 65002, 64501]),
        ("[65001 65002] {1} 2", [[65001, 65002], [1], 2]),
    ],
)
def test_a_path_is_read_as_the_store_writes_it(text: str, path: list[Any]) -> None:
    assert read_as_path(text) == path


async def test_no_more_texts_are_kept_than_the_bound_and_each_is_right(
    ingest: Ingest, migrated_url: str
) -> None:
    await ingest.say(*Many(seed=2, count=60).messages())
    ids = await ingest.column("SELECT attr_id FROM rib.path_attributes ORDER BY attr_id")
    rendered = 0

    def render(body: dict[str, Any]) -> str:
        nonlocal rendered
        rendered += 1
        return json_text(body)

    engine = create_engine(SecretStr(migrated_url), application="test", reads="questions")
    async with engine.connect() as conn:
        whole = await AttributeTexts(json_text, 1000).of(conn, ids)
        assert len(whole) == len(ids) > 40
        texts = AttributeTexts(render, 20)
        for _ in range(2):
            for at in range(0, len(ids), 5):
                some = ids[at : at + 5]
                assert await texts.of(conn, [*some, None, 1]) == {one: whole[one] for one in some}
        assert texts.kept <= 20 + 5
        again = rendered
        assert await texts.of(conn, ids[-5:]) == {one: whole[one] for one in ids[-5:]}
        assert rendered == again
    await engine.dispose()
