"""BGP UPDATE (RFC 4271 4.3, RFC 4760) with the error handling of RFC 7606.

What RFC 7606 answers with a session reset raises WireError: the message tells nothing that can
be trusted. Treat-as-withdraw moves the announced NLRI to `withdrawn`; attribute discard leaves
the attribute out. Both keep the error in `errors`.
"""

from services.ingest.wire.attribute_readers import MP_REACH, MP_UNREACH, NEXT_HOP, OPTIONAL
from services.ingest.wire.attribute_set import Located, NextHop, decode_attributes, locate
from services.ingest.wire.attributes import PathAttributes
from services.ingest.wire.cache import AttributeCache
from services.ingest.wire.context import ViewContext
from services.ingest.wire.errors import WireError
from services.ingest.wire.families import IPV4_UNICAST, family_name
from services.ingest.wire.nlri import NlriSet
from services.ingest.wire.peer import RibView

_NEXT_HOP_LENGTHS = {  # octets: route distinguisher, address, link-local address
    0: (0, 0),  # FlowSpec (RFC 8955 4); IOS XR in Loc-RIB
    4: (0, 4),
    12: (8, 4),
    16: (0, 16),
    24: (8, 16),
    32: (0, 16),
    48: (8, 16),
}


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
        width = view.as_octets(as_octets)
        known = cache.get(raw if width == 4 else (raw, width))
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
        out = self.out
        self.start = pos
        located, error = locate(self.buf, pos, end)
        if error is not None:
            out.errors.append(error)
            self.withdraws = True
        reach = self._only(MP_REACH, located)
        unreach = self._only(MP_UNREACH, located)
        if unreach is not None:
            self._read_unreach(unreach, alone=len(located) == 1 and announced is None)
        if reach is not None:
            self._read_reach(reach, located)
        if announced is not None:
            self._announce(announced, located, None, b"")
        elif reach is None and len(located) > (unreach is not None):
            out.attributes = self._attributes(located, None, b"", announces=False)
            out.errors += out.attributes.errors

    def _only(self, kind: int, located: list[Located]) -> Located | None:
        """The one attribute of its kind; a second one resets the session (RFC 7606 3 g)."""
        found = [item for item in located if item.kind == kind]
        if len(found) > 1:
            reason = f"attribute {kind} comes twice"
            raise WireError(reason, found[1].start, ("path attributes",), "RFC 7606 3 g")
        if not found:
            return None
        if found[0].flags & 0xC0 != OPTIONAL:
            name = "mp-reach-nlri" if kind == MP_REACH else "mp-unreach-nlri"
            reason = f"flags {found[0].flags:#04x} are not those of the attribute"
            self.out.errors.append(WireError(reason, found[0].start, (name,), "RFC 7606 3 c"))
            self.withdraws = True
        return found[0]

    def _read_unreach(self, item: Located, *, alone: bool) -> None:
        buf, pos, end = self.buf, item.value, item.end
        if end - pos < 3:
            reason = f"length {end - pos} holds no family"
            raise WireError(reason, pos, ("mp-unreach-nlri",), "RFC 7606 7.12")
        family = buf[pos] << 16 | buf[pos + 1] << 8 | buf[pos + 2]
        if pos + 3 < end:
            self.out.withdrawn.append(_nlri_set(self.view, family, buf, pos + 3, end))
        elif alone and not self.out.withdrawn:
            self.out.end_of_rib = family

    def _read_reach(self, item: Located, located: list[Located]) -> None:
        buf, pos, end = self.buf, item.value, item.end
        if end - pos < 5:
            reason = f"length {end - pos} holds no next hop"
            raise WireError(reason, pos, ("mp-reach-nlri",), "RFC 7606 7.11")
        family = buf[pos] << 16 | buf[pos + 1] << 8 | buf[pos + 2]
        nlri_at = pos + 5 + buf[pos + 3]  # one reserved octet after the next hop
        if nlri_at > end:
            raise WireError("next hop runs past it", pos + 3, ("mp-reach-nlri",), "RFC 7606 7.11")
        next_hop = _next_hop(buf, pos + 3)
        if nlri_at < end:
            announced = _nlri_set(self.view, family, buf, nlri_at, end)
            self._announce(announced, located, next_hop, buf[pos : nlri_at - 1])

    def _announce(
        self, announced: NlriSet, located: list[Located], next_hop: NextHop | None, head: bytes
    ) -> None:
        out = self.out
        attributes = self._attributes(located, next_hop, head, announces=True)
        out.errors += attributes.errors
        if next_hop is None and not attributes.has(NEXT_HOP):
            self._lack_next_hop()
        if attributes.withdraws or self.withdraws:
            out.withdrawn.append(announced)
            return
        announced.attributes = attributes
        out.announced.append(announced)
        if out.attributes is None:
            out.attributes = attributes

    def _lack_next_hop(self) -> None:
        """RFC 7606 3 d holds for what a BGP peer sent, which is the pre-policy Adj-RIB-In.

        The other views are tables of the router's own, and FRR 8.0 writes their IPv4 routes
        without NEXT_HOP: to withdraw them would deny routes that are in use.
        """
        if self.view.view is RibView.ADJ_RIB_IN_PRE:
            context = ("path attributes",)
            error = WireError("next-hop is missing", self.start, context, "RFC 7606 3 d")
            self.out.errors.append(error)
            self.withdraws = True

    def _attributes(
        self, located: list[Located], next_hop: NextHop | None, head: bytes, *, announces: bool
    ) -> PathAttributes:
        """The set, from the cache where it is known.

        One with errors is never kept there, nor one without a next hop: what becomes of their
        routes is decided anew for each UPDATE.
        """
        buf, width = self.buf, self.view.as_octets(self.as_octets)
        own = [item for item in located if item.kind not in (MP_REACH, MP_UNREACH)]
        rest = b"".join([buf[item.start : item.end] for item in own])
        key: object
        if not announces or next_hop is not None or len(own) != len(located):
            key = (head, rest, announces, width)
        else:
            key = rest if width == 4 else (rest, width)
        found = self.cache.get(key)
        if found is None:
            announced_at = self.start if announces else -1
            found = decode_attributes(buf, own, width, next_hop, announced_at)
            sound = not found.errors and not self.withdraws
            if sound and (next_hop is not None or found.has(NEXT_HOP)):
                self.cache.put(key, found)
        if found.as_octets != self.as_octets or self.view.learnt_as_octets:
            self.view.saw_path(found, self.as_octets)
        return found


def _next_hop(buf: bytes, pos: int) -> NextHop:
    """The next hop field whose length octet is at `pos`."""
    length = buf[pos]
    sizes = _NEXT_HOP_LENGTHS.get(length)
    if sizes is None:
        reason = f"next hop of {length} octets fits no family"
        raise WireError(reason, pos, ("mp-reach-nlri",), "RFC 7606 7.11")
    skipped, size = sizes
    start = pos + 1 + skipped
    after = start + size
    second, end = after + skipped, pos + 1 + length
    link_local = buf[second:end] if second < end else None
    return NextHop(buf[start:after] or None, link_local)
