"""How old things may grow, as a person writes it."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from services.ingest.ages import age
from services.ingest.settings import IngestSettings


@pytest.mark.parametrize(
    ("text", "months", "days"),
    [("5y", 60, 0), ("6mo", 6, 0), ("26w", 0, 182), ("180d", 0, 180), (" 1d ", 0, 1)],
)
def test_a_number_and_a_unit_are_an_age(text: str, months: int, days: int) -> None:
    found = age(text)
    assert (found.months, found.days, str(found)) == (months, days, text.strip())


@pytest.mark.parametrize(
    "text", ["", "5", "y", "0d", "-1y", "5 years", "6m", "1.5y", "P5Y", "5Y", "999999d", "1y6mo"]
)
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no age: .* 5y, 6mo, 26w or 180d"):
        age(text)


def test_a_setting_takes_it_and_says_what_is_wrong() -> None:
    url = SecretStr("postgresql://u@h/d")
    given = {"route_retention": "2y", "session_retention": "30d"}
    settings = IngestSettings(database_url=url, **given)  # type: ignore[arg-type]
    assert (settings.route_retention.months, settings.session_retention.days) == (24, 30)
    with pytest.raises(ValidationError, match="forever' is no age"):
        IngestSettings(database_url=url, route_retention="forever")  # type: ignore[arg-type]
