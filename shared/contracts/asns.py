"""Bodies of the questions about an AS."""

from __future__ import annotations

from pydantic import BaseModel, Field

from shared.contracts.envelope import Timestamp


class OriginatedPrefix(BaseModel):
    """A prefix whose routes end in this AS."""

    prefix: str
    peers: int = Field(description="BGP peers that have it from this AS, in any RIB view")
    first_seen: Timestamp
    last_updated: Timestamp
    last_confirmed: Timestamp


class Neighbour(BaseModel):
    """An AS that stands next to this one in AS paths."""

    asn: int
    name: str | None = Field(description="Where the operator's file of names has one")
    paths: int = Field(description="Distinct sets of path attributes with the two side by side")


class AsnBody(BaseModel):
    """An AS, as the routes that are there now show it."""

    asn: int
    name: str | None = Field(description="Where the operator's file of names has one")
    prefixes: list[OriginatedPrefix] = Field(
        description="In the order of the prefixes, at most `limit` of them"
    )
    prefixes_total: int = Field(description="Of the routes that were looked at")
    first_seen: Timestamp | None = Field(
        description="Of the routes that it originates, the first one's first announcement"
    )
    last_seen: Timestamp | None = Field(description="And the last announcement of any")
    upstreams: list[Neighbour] = Field(
        description="Seen before it in AS paths, on the way to us; the most frequent first"
    )
    downstreams: list[Neighbour] = Field(description="Seen behind it, towards the origin")
    paths: int = Field(description="Paths with this AS that were looked at")
