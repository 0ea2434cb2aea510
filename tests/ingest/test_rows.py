"""Rows in PostgreSQL's binary format: the server reads back exactly what was meant."""

from __future__ import annotations

import io
import ipaddress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest
from pydantic import SecretStr

from services.ingest import rows
from services.ingest.wire import IPV4_UNICAST, IPV6_UNICAST, StreamDecoder
from shared.db.migrate import migrate
from tests.ingest import speaker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
NOON_US = int(NOON.timestamp()) * 1_000_000 + 123_456


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    await migrate(SecretStr(database_url))
    conn = await asyncpg.connect(database_url)
    yield conn
    await conn.close()


async def copy(
    conn: asyncpg.Connection, table: str, columns: tuple[str, ...], *rows_: bytes
) -> None:
    payload = io.BytesIO(rows.copy_payload(rows_))
    await conn.copy_to_table(
        table, schema_name="rib", columns=columns, source=payload, format="binary"
    )


async def test_every_prefix_length_of_both_families_is_stored_as_it_was(
    conn: asyncpg.Connection,
) -> None:
    for family, address, bits in (
        (IPV4_UNICAST, "203.0.113.255", 32),
        (IPV6_UNICAST, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 128),
    ):
        wanted = [
            ipaddress.ip_network(f"{address}/{length}", strict=False) for length in range(bits + 1)
        ]
        head = rows.row_head(NOON_US, 7, 1, 1, 0, family)
        encoded = rows.route_rows(head, family, [speaker.nlri(str(one)) for one in wanted])
        await copy(conn, "route_event", rows.ROUTE_COLUMNS, *encoded)
        stored = await conn.fetch(
            "SELECT prefix FROM rib.route_event WHERE family = $1 ORDER BY seq", family
        )
        assert [row["prefix"] for row in stored] == wanted


async def test_the_fields_of_a_route_are_stored_as_they_were(conn: asyncpg.Connection) -> None:
    announced = rows.row_head(NOON_US, -(2**63), 2**31 - 1, 12, 4, IPV4_UNICAST)
    withdrawn = rows.row_head(NOON_US, None, 3, 4, 1, IPV4_UNICAST)
    ten = speaker.nlri("10.0.0.0/8")
    await copy(
        conn,
        "route_event",
        rows.ROUTE_COLUMNS,
        *rows.route_rows_with_path_ids(announced, IPV4_UNICAST, [ten], [2**32 - 1]),
        *rows.route_rows(withdrawn, IPV4_UNICAST, [ten]),
    )
    first, second = await conn.fetch("SELECT * FROM rib.route_event ORDER BY seq")
    assert first["time"] == NOON
    assert first["attr_id"] == -(2**63)
    assert first["path_id"] == 2**32 - 1
    assert (first["peer_id"], first["session"], first["view"]) == (2**31 - 1, 12, 4)
    assert second["attr_id"] is None
    assert second["path_id"] == rows.NO_PATH_ID


async def test_path_attributes_are_stored_as_they_were(conn: asyncpg.Connection) -> None:
    peer = speaker.Peer()
    stream = speaker.peer_up(peer) + speaker.announce(
        peer, "10.0.0.0/8", path=(64501, 4_294_967_294), med=4_294_967_295
    )
    *_, update = StreamDecoder().feed(stream)
    attributes = update.update.attributes
    await copy(
        conn,
        "path_attributes",
        rows.ATTRIBUTE_COLUMNS,
        rows.attribute_row(9, NOON_US, attributes, attributes.as_path),
    )
    stored = await conn.fetchrow("SELECT * FROM rib.path_attributes")
    assert stored["attr_id"] == 9
    assert stored["as_path"] == [64501, 4_294_967_294]
    assert stored["as_path_text"] is None
    assert stored["origin_asn"] == 4_294_967_294
    assert stored["med"] == 4_294_967_295
    assert stored["local_pref"] is None
    assert str(stored["next_hop"]) == "192.0.2.1"
    assert stored["communities"] == [64501 << 16 | 100]
    assert stored["large_communities"] == []
    assert stored["first_seen"] == NOON
