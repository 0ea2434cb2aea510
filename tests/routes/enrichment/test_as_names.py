"""Lists of AS names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routes.enrichment.as_names import read_as_names
from services.routes.enrichment.errors import FileError


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            'asn,name,class,cc\nAS64496,"Example, Inc.",Content,NL\nAS64497,Plain,Unknown,DE\n',
            {64496: "Example, Inc.", 64497: "Plain"},
        ),
        ("name,asn\nPlain,64496\n", {64496: "Plain"}),
        (
            "64496,Example\nAS64497,Example, with a comma\n",
            {64496: "Example", 64497: "Example, with a comma"},
        ),
        ('64496,"Quoted ""name"""\n', {64496: 'Quoted "name"'}),
        (
            "0 -Reserved AS-, ZZ\n64496 EXAMPLE-AS Example Ltd, GB\n 4200000000 PRIVATE\n",
            {0: "-Reserved AS-", 64496: "EXAMPLE-AS Example Ltd", 4_200_000_000: "PRIVATE"},
        ),
        ("64496\tTabbed\r\n# a remark\r\n\r\n64497\tOther\r\n", {64496: "Tabbed", 64497: "Other"}),
        ("64496,First\n64496,Second\n", {64496: "Second"}),
    ],
)
def test_each_common_form_is_read(text: str, names: dict[int, str]) -> None:
    assert read_as_names(text) == names


def test_lines_that_are_no_as_are_passed_over() -> None:
    assert read_as_names("64496,A\n64497,B\nAS4294967296,too large\n64498,\n") == {
        64496: "A",
        64497: "B",
    }


@pytest.mark.parametrize("text", ["", "\n\n", "<html>\n<body>\n", '{"roas": []}', "asn,name\n"])
def test_a_file_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(FileError):
        read_as_names(text)


@given(st.text(alphabet=st.sampled_from('AS0123456789,"\t\n\r aname\x00é'), max_size=60))
def test_no_text_brings_about_another_error(text: str) -> None:
    try:
        names = read_as_names(text)
    except FileError:
        return
    assert all(0 <= asn < 2**32 and name for asn, name in names.items())
