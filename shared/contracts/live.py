"""Messages of the live stream: RIS Live's, field for field, and what bgpilot adds to them.

The first part of each body is RIS Live's. The keys after `router` are ours; clients of RIS Live
read past them.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

Address = IPv4Address | IPv6Address
Asn = Annotated[int, Field(ge=0, le=4_294_967_295)]
RibView = Literal["adj_in_pre", "adj_in_post", "adj_out_pre", "adj_out_post", "loc_rib"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Common(_Body):
    """What every `ris_message` has."""

    timestamp: float
    """When it reached us: seconds since 1970."""
    peer: Address
    peer_asn: str = Field(pattern=r"^\d+$")
    """A text, as RIS Live has it."""
    id: str
    """`<node>-<number>`: sortable among those of one node."""
    host: str
    """The router's name; its address where it has none."""
    router: Address
    peer_id: int
    """As in `/api/v1/peers`."""
    distinguisher: str | None = None
    """Of a peer in a VRF."""


class Announcement(_Body):
    """Prefixes with one next hop."""

    next_hop: Address
    prefixes: list[IPv4Network | IPv6Network]
    path_ids: list[int] | None = None
    """Those of the prefixes, one each, where the session has ADD-PATH (RFC 7911)."""


class Nlri(_Body):
    """A route of a family that is not unicast."""

    family: str
    next_hop: Address | None = None
    path_id: int | None = None
    nlri: dict[str, Any]


class NlriChanges(_Body):
    """Routes of the families of which clients of RIS Live know nothing."""

    announced: list[Nlri] = Field(default_factory=list)
    withdrawn: list[Nlri] = Field(default_factory=list)


class Update(_Common):
    """One BMP Route Monitoring message."""

    type: Literal["UPDATE"]
    path: list[Asn | list[Asn]] | None = None
    """An AS_SET is a list within. Absent where nothing is announced."""
    community: list[tuple[int, int]] | None = None
    origin: Literal["igp", "egp", "incomplete"] | None = None
    med: int | None = None
    aggregator: str | None = Field(default=None, pattern=r"^\d+:[0-9a-f.:]+$")
    announcements: list[Announcement] | None = None
    withdrawals: list[IPv4Network | IPv6Network] | None = None
    rib: RibView
    families: list[str]
    router_timestamp: float | None = None
    """What the router says, which may be another time or none."""
    local_pref: int | None = None
    atomic_aggregate: bool | None = None
    large_community: list[str] | None = None
    ext_community: list[str] | None = None
    originator_id: IPv4Address | None = None
    cluster_list: list[IPv4Address] | None = None
    withdrawal_path_ids: list[int] | None = None
    nlri: NlriChanges | None = None


class Open(_Common):
    """The OPEN that a peer sent, out of a Peer Up (RFC 7854 4.10)."""

    type: Literal["OPEN"]
    direction: Literal["sent", "received"]
    version: int
    asn: Asn
    hold_time: int
    router_id: IPv4Address
    capabilities: dict[str, Any]
    """By their code."""


class NotificationData(_Body):
    """RFC 4271 4.5."""

    code: int
    subcode: int
    data: str | None = None


class Notification(_Common):
    """The NOTIFICATION that ended a session, out of a Peer Down (RFC 7854 4.9)."""

    type: Literal["NOTIFICATION"]
    notification: NotificationData
    direction: Literal["sent", "received"]
    """By the router, or by its peer."""
    reason: str


class PeerState(_Common):
    """A peer that came up, or went, or whose router is out of touch."""

    type: Literal["RIS_PEER_STATE"]
    state: Literal["connected", "down"]
    reason: str | None = None


class RisMessage(_Body):
    """What happened."""

    type: Literal["ris_message"]
    data: Annotated[Update | Open | Notification | PeerState, Field(discriminator="type")]


class ErrorData(_Body):
    """In a sentence."""

    message: str


class RisError(_Body):
    """What is not as it should be: with a subscription, or with the stream."""

    type: Literal["ris_error"]
    data: ErrorData


class SubscribeOkData(_Body):
    """As it was understood."""

    subscription: dict[str, Any]
    socketOptions: dict[str, bool]  # noqa: N815 - RIS Live's name


class SubscribeOk(_Body):
    """That messages come from now on, if `acknowledge` asks for it."""

    type: Literal["ris_subscribe_ok"]
    data: SubscribeOkData


class RrcList(_Body):
    """The hosts that messages come from."""

    type: Literal["ris_rrc_list"]
    data: list[str]


class Pong(_Body):
    """The answer to a ping."""

    type: Literal["pong"]
    data: None


class ServerMessage(
    RootModel[
        Annotated[RisMessage | RisError | SubscribeOk | RrcList | Pong, Field(discriminator="type")]
    ]
):
    """Whatever the server says."""
