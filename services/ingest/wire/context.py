"""How the UPDATEs of one peer are to be read: by view and family, from its OPENs and experience.

Routers disagree with their own OPENs: ADD-PATH is set by RIB view in some (GoBGP, Huawei, Junos),
so what the OPENs say is only where a view starts. Every NLRI field is then read strictly. Until
a field can be read in one way only, both readings are tried and the sounder one is taken; from
then on the other reading is tried only where the known one does not fit or looks wrong.
"""

from services.ingest.wire.attribute_set import EXTERNAL
from services.ingest.wire.attributes import PathAttributes
from services.ingest.wire.bgp_open import ADD_PATH_RECEIVE, ADD_PATH_SEND, Open
from services.ingest.wire.errors import WireError
from services.ingest.wire.nlri import (
    SPLIT_FAMILIES,
    NlriSet,
    split_add_path_nlri,
    split_nlri,
)
from services.ingest.wire.peer import RibView

_PATH_ID_LIKE_A_PREFIX = 1 << 24
"""Most speakers count path identifiers from 1; one that fills four octets may be a prefix misread.

It need not be: OpenBGPD takes random numbers, and others write addresses there.
"""

_DEFAULT_ROUTE = b"\0"


class Counters:
    """What the decoder of one connection had to put right."""

    __slots__ = ("add_path_overridden", "as_width_overridden")

    def __init__(self) -> None:
        self.add_path_overridden = 0
        """NLRI fields read against what the OPENs say about ADD-PATH."""
        self.as_width_overridden = 0
        """UPDATEs whose AS_PATH had not the width that the A flag says."""


class _Reading:
    """How the NLRI of one family are read in one view."""

    __slots__ = ("add_path", "large_ids", "offered", "settled")

    def __init__(self, offered: bool) -> None:
        self.offered = offered
        self.add_path = offered
        self.settled = False
        self.large_ids: bool | None = None
        """Whether there are identifiers that fill four octets; None until that has shown."""

    def take(self, found: NlriSet, *, certain: bool) -> NlriSet:
        """Read so from now on; `certain` where the other reading does not fit or is worse."""
        self.add_path = found.path_ids is not None
        if certain and not self.add_path:
            self.large_ids = False
        elif certain and _has_large_ids(found):
            self.large_ids = True
        return found

    def doubt(self, found: NlriSet) -> int:
        """0 where a reading that fits looks right, 2 where it looks wrong, else 1.

        A misread field shows the same route twice (path identifier 1 becomes 0.0.0.0/0 three
        times), spare bits that are not zero, or path identifiers that fill four octets. Those
        are less of a sign where the OPENs offer some and no plain field has come yet.
        """
        nlri, path_ids = found.nlri, found.path_ids
        if not found.tidy:
            return 2
        if path_ids is None:
            return 0 if len(set(nlri)) == len(nlri) else 2
        if len(set(zip(path_ids, nlri, strict=True))) != len(nlri):
            return 2
        if self.large_ids or not _has_large_ids(found):
            return 0
        return 1 if self.offered and self.large_ids is None else 2


class ViewContext:
    """The reading of one RIB view of one peer, from Peer Up to Peer Down."""

    __slots__ = ("_counters", "_external", "_offered", "_readings", "learnt_as_octets", "view")

    def __init__(self, view: RibView, counters: Counters) -> None:
        self.view = view
        self._counters = counters
        self._offered: frozenset[int] = frozenset()
        self._external = 0
        self._readings: dict[int, _Reading] = {}
        self.learnt_as_octets = 0
        """2 or 4 once the view has shown an AS_PATH against its A flag, else 0."""

    def opened(self, sent: Open | None, received: Open | None) -> None:
        """Start again from the OPENs of a Peer Up.

        Huawei VRP sends one Peer Up for each family of a Loc-RIB: a family that these OPENs do
        not name stays as an earlier Peer Up had it.
        """
        named = {*(sent.families if sent else ()), *(received.families if received else ())}
        added = _add_path_families(self.view, sent, received)
        offered = (self._offered - named) | (added & SPLIT_FAMILIES)
        self.closed()
        self._offered = offered
        if sent and received and sent.asn != received.asn and self.view is RibView.ADJ_RIB_IN_PRE:
            self._external = EXTERNAL

    def closed(self) -> None:
        """Forget what Peer Up and routes have shown."""
        self._offered = frozenset()
        self._external = 0
        self._readings = {}
        self.learnt_as_octets = 0

    def context(self, stated: int) -> int:
        """How attributes are read: octets of an AS number, which the header says are `stated`,
        plus EXTERNAL where an external peer sent them.
        """
        return (self.learnt_as_octets or stated) | self._external

    def saw_path(self, attributes: PathAttributes, stated: int) -> None:
        """Learn from a decoded AS_PATH; an empty one shows nothing."""
        if not attributes.as_path:
            return
        if attributes.as_octets == stated:
            self.learnt_as_octets = 0
        else:
            self._counters.as_width_overridden += 1
            self.learnt_as_octets = attributes.as_octets

    def split(self, family: int, buf: bytes, pos: int, end: int) -> NlriSet:
        """The NLRI of a field, with their path identifiers where there are any."""
        reading = self._readings.get(family)
        if reading is None:
            # What cannot be split is read in one way only, and there is too much to remember.
            if family not in SPLIT_FAMILIES:
                return split_nlri(family, buf, pos, end)
            reading = self._readings[family] = _Reading(family in self._offered)
        if reading.settled:
            try:
                found = _read(reading.add_path, family, buf, pos, end)
            except WireError as error:
                found = self._changed(reading, error, family, buf, pos, end)
            if _suspect(found, reading):
                found = _weigh(reading, family, buf, pos, end)
        else:
            found = _weigh(reading, family, buf, pos, end)
        if reading.add_path != reading.offered:
            self._counters.add_path_overridden += 1
        return found

    def _changed(
        self, reading: _Reading, error: WireError, family: int, buf: bytes, pos: int, end: int
    ) -> NlriSet:
        """One retry with the other reading, which must leave little doubt."""
        other = _attempt(not reading.add_path, family, buf, pos, end)
        if isinstance(other, WireError) or reading.doubt(other) == 2:
            raise error
        return reading.take(other, certain=True)


def _add_path_families(view: RibView, sent: Open | None, received: Open | None) -> frozenset[int]:
    """Families whose NLRI carry path identifiers in this view (RFC 7911 4, RFC 9069 5.2)."""
    if sent is None or received is None:
        return frozenset()
    if view is RibView.LOC_RIB:
        return frozenset(sent.add_path) | frozenset(received.add_path)
    ours, theirs = ADD_PATH_RECEIVE, ADD_PATH_SEND
    if view.is_out:
        ours, theirs = theirs, ours
    return frozenset(
        family
        for family, mode in sent.add_path.items()
        if mode & ours and received.add_path.get(family, 0) & theirs
    )


def _weigh(reading: _Reading, family: int, buf: bytes, pos: int, end: int) -> NlriSet:
    """Read a field of a view that has not shown its ADD-PATH state yet."""
    expected = _attempt(reading.add_path, family, buf, pos, end)
    other = _attempt(not reading.add_path, family, buf, pos, end)
    if isinstance(other, WireError):
        if isinstance(expected, WireError):
            raise expected
        reading.settled = True
        return reading.take(expected, certain=True)
    doubt_of_other = reading.doubt(other)
    if isinstance(expected, WireError):
        reading.settled = doubt_of_other < 2
        return reading.take(other, certain=True)
    doubt = reading.doubt(expected)
    reading.settled = doubt != doubt_of_other
    better = other if doubt_of_other < doubt else expected
    return reading.take(better, certain=reading.settled and 2 in (doubt, doubt_of_other))


def _read(add_path: bool, family: int, buf: bytes, pos: int, end: int) -> NlriSet:
    if add_path:
        return split_add_path_nlri(family, buf, pos, end)
    return split_nlri(family, buf, pos, end)


def _attempt(add_path: bool, family: int, buf: bytes, pos: int, end: int) -> NlriSet | WireError:
    try:
        return _read(add_path, family, buf, pos, end)
    except WireError as error:
        return error


def _has_large_ids(found: NlriSet) -> bool:
    return max(found.path_ids or (), default=0) >= _PATH_ID_LIKE_A_PREFIX


def _suspect(found: NlriSet, reading: _Reading) -> bool:
    """Whether a reading is worth weighing although the view is settled; cheap, for every field.

    GoBGP 3.10 dumps a table without path identifiers and then sends changes of it with them.
    """
    nlri, path_ids = found.nlri, found.path_ids
    if path_ids is None:
        return len(nlri) > 1 and _DEFAULT_ROUTE in nlri
    return not reading.large_ids and _has_large_ids(found)
