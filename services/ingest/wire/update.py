"""BGP UPDATE (RFC 4271 4.3, RFC 4760) with the error handling of RFC 7606.

What RFC 7606 answers with a session reset raises WireError: the message tells nothing that can
be trusted. Treat-as-withdraw moves every announced NLRI to `withdrawn`; attribute discard
leaves the attribute out. Both keep the error in `errors`.
"""

from services.ingest.wire.attribute_codes import (
    AS_PATH,
    MP_REACH,
    MP_UNREACH,
    NEXT_HOP,
    OPTIONAL,
    ORIGIN,
    unread_name,
)
from services.ingest.wire.attribute_set import Located, NextHop, decode_attributes, locate, require
from services.ingest.wire.attributes import PathAttributes
from services.ingest.wire.cache import AttributeCache
from services.ingest.wire.context import ViewContext
from services.ingest.wire.errors import Approach, WireError
from services.ingest.wire.families import IPV4_UNICAST, family_name
from services.ingest.wire.mp_reach import Reach, read_reach
from services.ingest.wire.nlri import NlriSet
from services.ingest.wire.peer import RibView


class Update:
    """One UPDATE. `end_of_rib` is the family that it ends (RFC 4724 2), else None.

    `attributes` are those of the first announced set; an UPDATE that announces both in its NLRI
    field and in MP_REACH_NLRI has two next hops, told apart by `NlriSet.attributes`.
    """

    __slots__ = ("announced", "attributes", "end_of_rib", "errors", "withdrawn")

    def __init__(self) -> None:
        self.withdrawn: list[NlriSet] = []
        self.announced: list[NlriSet] = []
        self.attributes: PathAttributes | None = None
        self.end_of_rib: int | None = None
        self.errors: list[WireError] = []


def decode_update(
    buf: bytes, pos: int, end: int, view: ViewContext, as_octets: int, cache: AttributeCache
) -> Update:
    """The UPDATE whose body, after the BGP header, lies between `pos` and `end`.

    `as_octets` is what the per-peer header says of AS_PATH. Raises WireError where RFC 7606
    would reset the session.
    """
    first = pos + 2
    if end - pos < 4:
        raise WireError("UPDATE is shorter than 23 octets", pos, (), "RFC 4271 6.3")
    attributes_at = first + (buf[pos] << 8 | buf[pos + 1]) + 2
    if attributes_at > end:
        raise WireError("withdrawn routes run past the UPDATE", pos, (), "RFC 4271 6.3")
    length = buf[attributes_at - 2] << 8 | buf[attributes_at - 1]
    nlri_at = attributes_at + length
    if nlri_at > end:
        reason = "path attributes run past the UPDATE"
        raise WireError(reason, attributes_at - 2, (), "RFC 4271 6.3")
    out = Update()
    if attributes_at - 2 > first:
        out.withdrawn.append(_nlri_set(view, IPV4_UNICAST, buf, first, attributes_at - 2))
    if nlri_at < end:
        raw = buf[attributes_at:nlri_at]
        context = view.context(as_octets)
        known = cache.get(raw if context == 4 else (raw, context))
        announced = _nlri_set(view, IPV4_UNICAST, buf, nlri_at, end)
        if known is not None:
            if known.as_octets != as_octets:
                view.saw_path(known, as_octets)
            announced.attributes = out.attributes = known
            out.announced.append(announced)
            return out
        _Reader(buf, view, as_octets, cache, out).read(attributes_at, nlri_at, announced)
    elif length:
        _Reader(buf, view, as_octets, cache, out).read(attributes_at, nlri_at, None)
    elif not out.withdrawn:
        out.end_of_rib = IPV4_UNICAST
    return out


def _nlri_set(view: ViewContext, family: int, buf: bytes, pos: int, end: int) -> NlriSet:
    try:
        return view.split(family, buf, pos, end)
    except WireError as error:
        raise error.within(f"{family_name(family)} nlri") from None


def _place(error: WireError) -> int:
    return error.offset


def _in_attribute(kind: int, error: WireError) -> WireError:
    """An error of MP_REACH_NLRI or MP_UNREACH_NLRI, which is never less than a session reset."""
    return error.within(unread_name(kind) or "").handled_by(Approach.SESSION_RESET, kind)


class _Reader:
    """The path attributes of one UPDATE that the cache does not know by their raw octets."""

    __slots__ = ("as_octets", "buf", "cache", "out", "start", "view", "withdraws")

    def __init__(
        self, buf: bytes, view: ViewContext, as_octets: int, cache: AttributeCache, out: Update
    ) -> None:
        self.buf = buf
        self.view = view
        self.as_octets = as_octets
        self.cache = cache
        self.out = out
        self.start = 0
        self.withdraws = False

    def read(self, pos: int, end: int, announced: NlriSet | None) -> None:
        """Fill in `out`; `announced` is what the NLRI field of the UPDATE holds."""
        self.start = pos
        located, error = locate(self.buf, pos, end)
        reach = self._only(MP_REACH, located)
        unreach = self._only(MP_UNREACH, located)
        if error is not None:
            self._note([error])
        routes: list[NlriSet] = []
        try:
            if unreach is not None:
                self._read_unreach(unreach, alone=len(located) == 1 and announced is None)
        except WireError as broken:
            raise _in_attribute(MP_UNREACH, broken) from None
        try:
            found = None if reach is None else self._read_reach(reach, routes)
        except WireError as broken:
            raise _in_attribute(MP_REACH, broken) from None
        if routes and found is not None:
            self._give(routes[0], located, found.next_hop, found.head)
        if announced is not None:
            routes.append(announced)
            self._give(announced, located, None, b"")
        if routes:
            self._place(routes)
        elif error is not None or len(located) > (unreach is not None):
            self._without_routes(located)

    def _only(self, kind: int, located: list[Located]) -> Located | None:
        """The one attribute of its kind; a second one resets the session (RFC 7606 3 g).

        So do wrong flags: a field of NLRI must be beyond doubt (RFC 7606 5.3).
        """
        found = [item for item in located if item.kind == kind]
        if len(found) > 1:
            reason = f"attribute {kind} comes twice"
            place = found[1].start
            raise WireError(reason, place, ("path attributes",), "RFC 7606 3 g", attribute=kind)
        if not found:
            return None
        if found[0].flags & 0xC0 != OPTIONAL:
            reason = f"flags {found[0].flags:#04x} are not those of the attribute"
            raise _in_attribute(kind, WireError(reason, found[0].start, (), "RFC 7606 5.3"))
        return found[0]

    def _read_unreach(self, item: Located, *, alone: bool) -> None:
        buf, pos, end = self.buf, item.value, item.end
        if end - pos < 3:
            reason = f"length {end - pos} holds no family"
            raise WireError(reason, pos, (), "RFC 7606 5.3")
        family = buf[pos] << 16 | buf[pos + 1] << 8 | buf[pos + 2]
        if pos + 3 < end:
            self.out.withdrawn.append(_nlri_set(self.view, family, buf, pos + 3, end))
        elif alone and not self.out.withdrawn:
            self.out.end_of_rib = family

    def _read_reach(self, item: Located, routes: list[NlriSet]) -> Reach:
        """The head of MP_REACH_NLRI; its NLRI, if there are any, go to `routes`."""
        reach = read_reach(self.buf, item, of_a_peer=self._is_of_a_peer)
        if reach.nlri_at < item.end:
            routes.append(self._reachable(reach, item.end))
        return reach

    def _reachable(self, reach: Reach, end: int) -> NlriSet:
        """The octet before the NLRI is to be ignored (RFC 4760 3), unless they fit only after
        as many SNPAs as it says.
        """
        try:
            return _nlri_set(self.view, reach.family, self.buf, reach.nlri_at, end)
        except WireError:
            if reach.snpas_end == reach.nlri_at:
                raise
        return _nlri_set(self.view, reach.family, self.buf, reach.snpas_end, end)

    def _give(
        self, routes: NlriSet, located: list[Located], next_hop: NextHop | None, head: bytes
    ) -> None:
        """Attributes to `routes`; what is wrong with them is noted."""
        attributes = self._attributes(located, next_hop, head, announces=True)
        routes.attributes = attributes
        self._note(list(attributes.errors))
        self._note(require(attributes, self.start))
        if next_hop is None and not attributes.has(NEXT_HOP) and self._is_of_a_peer:
            context = ("path attributes",)
            error = WireError("next-hop is missing", self.start, context, "RFC 7606 3 d")
            self._note([error.handled_by(Approach.TREAT_AS_WITHDRAW, NEXT_HOP)])

    @property
    def _is_of_a_peer(self) -> bool:
        """Whether the routes are as a BGP peer sent them: those of the pre-policy Adj-RIB-In.

        The other views are tables of the router's own, and FRR 8.0 writes their IPv4 routes
        without NEXT_HOP: to withdraw them would deny routes that are in use.
        """
        return self.view.view is RibView.ADJ_RIB_IN_PRE

    def _note(self, errors: list[WireError]) -> None:
        """Two next hops in one UPDATE make two sets, of which each has the errors of both.

        What a peer must not send is no error in a table of the router's own, nor behind an
        attribute whose length may have been wrong: what follows one is hardly an attribute.
        """
        if not errors:
            return  # nearly always; to sort nothing takes its time too
        known = self.out.errors
        for error in sorted(errors, key=_place):
            if error.approach is Approach.SESSION_RESET:
                if self._is_of_a_peer and not self.withdraws:
                    raise error
                continue
            if not any(e.offset == error.offset and e.reason == error.reason for e in known):
                known.append(error)
            if error.approach is Approach.TREAT_AS_WITHDRAW:
                self.withdraws = True

    def _place(self, routes: list[NlriSet]) -> None:
        """Treat-as-withdraw is for all routes that the UPDATE contains (RFC 7606 2)."""
        out = self.out
        if self.withdraws:
            for one in routes:
                one.attributes = None
            out.withdrawn += routes
        else:
            out.announced += routes
            out.attributes = routes[0].attributes

    def _without_routes(self, located: list[Located]) -> None:
        """An UPDATE that announces nothing and yet has attributes (RFC 7606 5.2).

        Where they ask for treat-as-withdraw, the routes that they belong to were not found.
        """
        attributes = self._attributes(located, None, b"", announces=False)
        self._note(list(attributes.errors))
        for error in self.out.errors:
            if error.approach is Approach.TREAT_AS_WITHDRAW:
                reason = f"{error.reason}, and no route is announced"
                raise WireError(
                    reason, error.offset, error.context, "RFC 7606 5.2", attribute=error.attribute
                )
        self.out.attributes = attributes

    def _attributes(
        self, located: list[Located], next_hop: NextHop | None, head: bytes, *, announces: bool
    ) -> PathAttributes:
        """The set, from the cache where it is known.

        One with errors is never kept there, nor one that lacks what an announcement must have:
        what becomes of their routes is decided anew for each UPDATE.
        """
        buf, context = self.buf, self.view.context(self.as_octets)
        own = [item for item in located if item.kind not in (MP_REACH, MP_UNREACH)]
        rest = b"".join([buf[item.start : item.end] for item in own])
        key: object
        if not announces or next_hop is not None or len(own) != len(located):
            key = (head, rest, announces, context)
        else:
            key = rest if context == 4 else (rest, context)
        found = self.cache.get(key)
        if found is None:
            found = decode_attributes(buf, own, context, next_hop, self.start, 0)
            whole = found.has(ORIGIN) and found.has(AS_PATH)
            whole = whole and (next_hop is not None or found.has(NEXT_HOP))
            if not found.errors and not self.withdraws and (whole or not announces):
                self.cache.put(key, found)
        if found.as_octets != self.as_octets or self.view.learnt_as_octets:
            self.view.saw_path(found, self.as_octets)
        return found
