"""Rows in PostgreSQL's binary format: the server reads back exactly what was meant."""

from __future__ import annotations

import io
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from pydantic import SecretStr

from services.ingest.repository.partitions import make_ahead
from services.ingest.rows.attributes import ATTRIBUTE_COLUMNS, attribute_row
from services.ingest.rows.events import (
    NLRI_COLUMNS,
    ROUTE_COLUMNS,
    Arrival,
    attr_id_field,
    event_head,
    is_withdrawn,
    key_fields,
    nlri_detail,
    nlri_rows,
    prefix_rows,
    time_field,
)
from services.ingest.rows.fields import copy_payload, date, int8, jsonb, network, timestamp
from services.ingest.rows.nlri import NLRI_DICTIONARY_COLUMNS, nlri_id, nlri_row
from services.ingest.wire import (
    EVPN,
    IPV4_UNICAST,
    IPV6_UNICAST,
    RouteMonitoring,
    StreamDecoder,
)
from shared.db.migrate import migrate
from tests.ingest import speaker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=123456)
NOON_US = int(NOON.timestamp()) * 1_000_000 + 123_456


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    await migrate(SecretStr(database_url))
    conn = await asyncpg.connect(database_url)
    async with conn.transaction():
        await make_ahead(conn)
    yield conn
    await conn.close()


async def copy(
    conn: asyncpg.Connection, table: str, columns: tuple[str, ...], *rows_: bytes
) -> None:
    payload = io.BytesIO(copy_payload(rows_))
    await conn.copy_to_table(
        table, schema_name="rib", columns=columns, source=payload, format="binary"
    )


def head(columns: int = 8, router_time_us: int = 0, attr_id: int | None = 7) -> bytes:
    return event_head(columns, Arrival(5, NOON_US, router_time_us), attr_id, 2**31 - 1, 12)


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
        nlri = [speaker.nlri(str(one)) for one in wanted]
        await copy(conn, "route_event", ROUTE_COLUMNS, *prefix_rows(head(), family, nlri, None))
        stored = await conn.fetch(
            "SELECT prefix FROM rib.route_event WHERE family(prefix) = $1 ORDER BY prefix",
            4 if bits == 32 else 6,
        )
        assert [row["prefix"] for row in stored] == sorted(wanted)


@pytest.mark.parametrize("router_time_us", [0, NOON_US + 1])
@pytest.mark.parametrize("attr_id", [None, -(2**63), 2**63 - 1])
@pytest.mark.parametrize("path_id", [None, 0, 2**32 - 1])
async def test_the_fields_of_an_event_are_stored_as_they_were(
    conn: asyncpg.Connection, router_time_us: int, attr_id: int | None, path_id: int | None
) -> None:
    ids = None if path_id is None else [path_id]
    nlri = [speaker.nlri("10.0.0.0/8")]
    (row,) = prefix_rows(head(8, router_time_us, attr_id), IPV4_UNICAST, nlri, ids)
    await copy(conn, "route_event", ROUTE_COLUMNS, row)
    (stored,) = await conn.fetch("SELECT * FROM rib.route_event")
    router_time = NOON + timedelta(microseconds=1) if router_time_us else None
    assert tuple(stored.values()) == (
        5,
        NOON,
        router_time,
        attr_id,
        path_id,
        2**31 - 1,
        12,
        ipaddress.ip_network("10.0.0.0/8"),
    )
    assert is_withdrawn(row) == (attr_id is None)
    assert time_field(row) == timestamp(NOON_US)
    assert attr_id_field(row) == int8(attr_id)
    assert key_fields(row) == int8(path_id) + network(bytes([10, 0, 0, 0]), 8)


async def test_what_an_nlri_says_beside_its_key_is_stored_by_name(
    conn: asyncpg.Connection,
) -> None:
    key = bytes.fromhex("020001c00002010001000000003000005e00530120c0000205")
    detail = bytes(10) + bytes([0, 6, 65])
    number = nlri_id(EVPN, key)
    await copy(conn, "nlri", NLRI_DICTIONARY_COLUMNS, nlri_row(number, date(NOON_US), EVPN, key))
    rows = nlri_rows(head(9), [number], None, [nlri_detail(EVPN, key, detail)])
    await copy(conn, "nlri_event", NLRI_COLUMNS, *rows)
    stored = await conn.fetchrow(
        "SELECT route_type, mac, host(address) AS address, rd, last_used, key, "
        "fields ->> 'ip' AS ip, detail #>> '{esi,value}' AS esi, detail -> 'labels' AS labels "
        "FROM rib.nlri JOIN rib.nlri_event USING (nlri_id)"
    )
    assert tuple(stored.values()) == (
        2,
        "00:00:5e:00:53:01",
        "192.0.2.5",
        "192.0.2.1:1",
        NOON.date(),
        key,
        "192.0.2.5",
        "00:00:00:00:00:00:00:00:00:00",
        "[100]",
    )


async def test_path_attributes_are_stored_as_they_were(conn: asyncpg.Connection) -> None:
    peer = speaker.Peer()
    stream = speaker.peer_up(peer) + speaker.announce(
        peer, "10.0.0.0/8", path=(64501, 4_294_967_294), med=4_294_967_295
    )
    *_, update = StreamDecoder().feed(stream)
    assert isinstance(update, RouteMonitoring)
    attributes = update.update.attributes
    assert attributes is not None
    row = attribute_row(9, date(NOON_US), attributes, attributes.as_path)
    await copy(conn, "path_attributes", ATTRIBUTE_COLUMNS, row)
    stored = await conn.fetchrow("SELECT * FROM rib.path_attributes")
    assert stored["attr_id"] == 9
    assert stored["as_path"] == [64501, 4_294_967_294]
    assert stored["as_path_text"] is None
    assert stored["origin_asn"] == 4_294_967_294
    assert stored["med"] == 4_294_967_295
    assert stored["local_pref"] is None
    assert str(stored["next_hop"]) == "192.0.2.1"
    assert stored["communities"] == [64501 << 16 | 100]
    assert stored["large_communities"] is None
    assert stored["others"] is None
    assert stored["last_used"] == NOON.date()


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("a\0b", "ab"),
        (r"a\u0000b", r"a\u0000b"),
        ("a\\\0b", "a\\b"),
        (r"\\u0000", r"\\u0000"),
        ("\0\0", ""),
        ("\\", "\\"),
    ],
)
async def test_a_name_that_looks_like_an_escaped_nul_is_stored_as_it_was(
    conn: asyncpg.Connection, written: str, stored: str
) -> None:
    await conn.execute("CREATE TEMP TABLE named (value jsonb)")
    payload = io.BytesIO(copy_payload([(1).to_bytes(2, "big") + jsonb({"name": written})]))
    await conn.copy_to_table("named", columns=["value"], source=payload, format="binary")
    assert await conn.fetchval("SELECT value ->> 'name' FROM named") == stored
