"""CSV: whatever a field holds comes back from a reader."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from services.routes.answering.tables import csv_fields

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(texts, min_size=2, max_size=5))
def test_texts_come_back_as_they_were(fields: list[str]) -> None:
    line = csv_fields(fields) + "\r\n"
    assert next(csv.reader(io.StringIO(line, newline=""))) == fields


def test_what_is_no_text_has_a_form_of_its_own() -> None:
    values = [None, True, False, 0, ["a", "b"], [], {}, {"a": [1, "x"]}]
    assert csv_fields(values) == ',true,false,0,a b,,,"{""a"":[1,""x""]}"'
