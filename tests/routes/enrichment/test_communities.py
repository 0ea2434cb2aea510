"""What communities mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routes.enrichment.communities import CommunityTexts, read_communities
from services.routes.enrichment.errors import FileError

LINES = """
# a source
64496:100,customer route
64496:0100,never written so
64496:110, learnt here, and kept
64496:200-299,learnt in Europe
64496:3x0,prepended $0 times
64496:3xx,ten times $0 and $1
64496:nnn,anything else ($0)
64496:100,a second text does not count
64496:1:nnn,not announced to AS$0
64496:x:10-20:$0,no community at all
64496:2:10-20,large, of a range, $0
65012:n,prepended for AS$0
nnn:666,blackhole of AS$0
rt 64496:nnn,VPN $0
soo:64496:7,site seven
64496:9:x:1,four parts are none
"""


@pytest.mark.parametrize(
    ("community", "text"),
    [
        ("64496:100", "customer route"),
        ("64496:110", "learnt here, and kept"),
        ("64496:200", "learnt in Europe"),
        ("64496:299", "learnt in Europe"),
        ("64496:300", "prepended 0 times"),
        ("64496:340", "prepended 4 times"),
        ("64496:341", "ten times 4 and 1"),
        ("64496:3", "anything else (3)"),
        ("64496:1:3320", "not announced to AS3320"),
        ("64496:2:15", "large, of a range, $0"),
        ("64496:2:21", None),
        ("64496:7:3320", None),
        ("65012:174", "prepended for AS174"),
        ("64499:666", "blackhole of AS64499"),
        ("64499:667", None),
        ("rt:64496:55", "VPN 55"),
        ("soo:64496:7", "site seven"),
        ("soo:64496:8", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_text_of_the_line_that_matches_is_found(community: str, text: str | None) -> None:
    assert read_communities(LINES).text(community) == text


def test_what_was_found_is_found_again() -> None:
    texts = read_communities(LINES)
    assert [texts.text("64496:341") for _ in range(2)] == ["ten times 4 and 1"] * 2


def test_memory_is_bounded_whatever_is_asked() -> None:
    texts = CommunityTexts(remember=3)
    texts.add("64496:nnn", "anything else ($0)")
    assert [texts.text(f"64496:{n}") for n in range(1000, 1010)] == [
        f"anything else ({n})" for n in range(1000, 1010)
    ]
    assert len(texts._known) <= 3


@pytest.mark.parametrize("text", ["", "# only\n", "<html>\n", "customer,64496:100\n", "64496,x\n"])
def test_a_file_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(FileError):
        read_communities(text)


@given(
    st.text(alphabet=st.sampled_from("0129xn-:, $\nrt"), max_size=40),
    st.text(alphabet=st.sampled_from("0129:rt"), max_size=12),
)
def test_no_text_brings_about_another_error(text: str, community: str) -> None:
    try:
        texts = read_communities(text)
    except FileError:
        return
    found = texts.text(community)
    assert found is None or isinstance(found, str)
