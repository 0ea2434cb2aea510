"""What holds for every family: nothing breaks a reader, and ADD-PATH is never mistaken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.wire import (
    StreamDecoder,
    WireError,
    describe_nlri,
    families,
    family_name,
    prefix_text,
)
from services.ingest.wire.nlri import SPLIT_FAMILIES, split_add_path_nlri, split_nlri
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import update_of
from tests.ingest.wire.nlri_samples import SAMPLES

if TYPE_CHECKING:
    from services.ingest.wire import NlriSet

every_family = pytest.mark.parametrize("family", sorted(SPLIT_FAMILIES), ids=family_name)


def judge(family: int, field: bytes) -> None:
    """Both readings give a WireError within the field, or routes that can be shown."""
    for split in (split_nlri, split_add_path_nlri):
        found: NlriSet | None = None
        offset = 0
        try:
            found = split(family, field, 0, len(field))
        except WireError as error:
            offset = error.offset
        if found is not None:
            check(found, field)
        assert 0 <= offset <= len(field)


def check(found: NlriSet, field: bytes) -> None:
    details = [b""] * len(found.nlri) if found.details is None else found.details
    assert len(found.path_ids or found.nlri) == len(found.nlri) == len(details)
    for key, detail in zip(found.nlri, details, strict=True):
        # An EVPN prefix or a labeled one needs at most one octet of its own beside the field's.
        assert len(key) + len(detail) <= len(field) + 1
        assert json.loads(json.dumps(describe_nlri(found.family, key, detail)))
        assert describe_nlri(found.family, key)
        assert prefix_text(found.family, key)


def test_there_are_samples_of_every_family_that_is_split() -> None:
    assert set(SAMPLES) == SPLIT_FAMILIES


@every_family
def test_every_family_is_split_where_its_nlri_end(family: int) -> None:
    nlri = SAMPLES[family]
    field = b"".join(nlri)
    found = split_nlri(family, field, 0, len(field))
    alone = [split_nlri(family, one, 0, len(one)) for one in nlri]
    assert found.path_ids is None
    assert found.nlri == [one.nlri[0] for one in alone]
    assert len(set(found.nlri)) == len(nlri)
    check(found, field)

    added = b"".join(o.path_id(number, one) for number, one in enumerate(nlri, 7))
    with_ids = split_add_path_nlri(family, added, 0, len(added))
    assert with_ids.path_ids == list(range(7, 7 + len(nlri)))
    assert (with_ids.nlri, with_ids.details) == (found.nlri, found.details)


@every_family
def test_an_nlri_is_read_where_it_lies(family: int) -> None:
    nlri = SAMPLES[family][0]
    found = split_nlri(family, b"before" + nlri + b"after", 6, 6 + len(nlri))
    alone = split_nlri(family, nlri, 0, len(nlri))
    assert (found.nlri, found.details) == (alone.nlri, alone.details)


@every_family
def test_an_nlri_cut_anywhere_is_a_wire_error(family: int) -> None:
    for nlri in SAMPLES[family]:
        for length in range(1, len(nlri)):
            with pytest.raises(WireError):
                split_nlri(family, nlri[:length], 0, length)
            judge(family, nlri[:length])
            # The octets are there, but no longer the field's.
            with pytest.raises(WireError):
                split_nlri(family, nlri, 0, length)


@every_family
def test_any_octet_of_an_nlri_may_be_any_other(family: int) -> None:
    for nlri in SAMPLES[family]:
        for place in range(min(len(nlri), 80)):
            head, tail = nlri[:place], nlri[place + 1 :]
            for value in range(256):
                judge(family, head + bytes((value,)) + tail)


@every_family
@given(field=st.binary(max_size=120))
def test_any_octets_are_judged(family: int, field: bytes) -> None:
    judge(family, field)


# ---- ADD-PATH


def peer_up(family: int, mode: int) -> bytes:
    opens = [o.open_message(o.multiprotocol(family), o.add_path({family: mode}))] * 2
    return o.peer_up(*opens)


def split_in(decoder: StreamDecoder, family: int, nlri: bytes) -> NlriSet:
    withdrawal = o.route_monitoring(o.update(o.mp_unreach(family, nlri)))
    (found,) = update_of(withdrawal, decoder).withdrawn
    return found


@every_family
@pytest.mark.parametrize("mode", [0, 3])
def test_path_identifiers_are_found_whatever_the_opens_say(family: int, mode: int) -> None:
    decoder = StreamDecoder()
    list(decoder.feed(peer_up(family, mode)))
    for number, nlri in enumerate(SAMPLES[family], 1):
        found = split_in(decoder, family, o.path_id(number, nlri))
        assert found.path_ids == [number]
        assert found.nlri == split_nlri(family, nlri, 0, len(nlri)).nlri
    assert bool(decoder.counters.add_path_overridden) == (mode == 0)


@every_family
@pytest.mark.parametrize("mode", [0, 3])
def test_plain_nlri_are_found_whatever_the_opens_say(family: int, mode: int) -> None:
    decoder = StreamDecoder()
    list(decoder.feed(peer_up(family, mode)))
    for nlri in SAMPLES[family]:
        found = split_in(decoder, family, nlri)
        assert found.path_ids is None
        assert found.nlri == split_nlri(family, nlri, 0, len(nlri)).nlri
    assert bool(decoder.counters.add_path_overridden) == (mode == 3)


@every_family
def test_a_view_that_turns_to_path_identifiers_is_noticed(family: int) -> None:
    decoder = StreamDecoder()
    nlri = SAMPLES[family][0]
    assert split_in(decoder, family, nlri).path_ids is None
    assert split_in(decoder, family, o.path_id(1, nlri)).path_ids == [1]


def test_a_family_that_is_not_split_is_one_value_with_path_identifiers_or_without() -> None:
    decoder = StreamDecoder()
    list(decoder.feed(peer_up(families.IPV4_MDT, 3)))
    octets = bytes.fromhex("000000018000000000000000010a000001e0000001")
    found = split_in(decoder, families.IPV4_MDT, octets)
    assert (found.nlri, found.path_ids) == ([octets], None)
