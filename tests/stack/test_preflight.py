"""What `bgpilot up` looks at before it starts anything."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from shared.errors import UserError
from shared.stack.preflight import check_database, check_free, locked
from shared.stack.settings import Listener, StackSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


def test_a_port_in_use_is_named_with_its_process_and_its_variable(taken: int) -> None:
    with pytest.raises(UserError) as caught:
        check_free([Listener("routes_http", "127.0.0.1", taken)])
    words = str(caught.value)
    assert words.startswith(f"127.0.0.1:{taken} (routes http) is in use by ")
    assert f"(process id {os.getpid()})" in words
    assert words.endswith("or set ROUTES_HTTP_PORT to another port")


def test_two_listeners_on_one_address_are_found() -> None:
    port = free_port()
    ours = [Listener("routes_http", "127.0.0.1", port), Listener("gateway_http", "127.0.0.1", port)]
    with pytest.raises(UserError) as caught:
        check_free(ours)
    assert str(caught.value) == (
        f"ROUTES_HTTP_PORT and GATEWAY_HTTP_PORT name the same address, 127.0.0.1:{port}; "
        "set one of them to another port"
    )


def test_every_address_and_one_of_them_are_the_same() -> None:
    port = free_port()
    everywhere = Listener("routes_http", "0.0.0.0", port)  # noqa: S104 - bound in a test alone
    with pytest.raises(UserError, match="ROUTES_HTTP_PORT and GATEWAY_HTTP_PORT name the same"):
        check_free([everywhere, Listener("gateway_http", "127.0.0.1", port)])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 at once")
def test_a_port_of_ours_on_another_address_is_not_the_same(taken: int) -> None:
    other = Listener("routes_http", "127.0.0.2", taken)
    with pytest.raises(UserError, match="is in use by"):
        check_free([other, Listener("gateway_http", "127.0.0.1", taken)])


def test_an_address_that_is_not_ours_names_both_variables() -> None:
    with pytest.raises(UserError, match="set INGEST_BMP_HOST or INGEST_BMP_PORT"):
        check_free([Listener("ingest_bmp", "192.0.2.1", free_port())])


def test_free_addresses_stay_free() -> None:
    listener = Listener("ingest_bmp", "127.0.0.1", free_port())
    check_free([listener])
    socket.create_server((listener.host, listener.port)).close()


def test_a_second_supervisor_on_one_home_is_told_who_the_first_is(tmp_path: Path) -> None:
    home = tmp_path / "not" / "yet"
    with (
        locked(home),
        pytest.raises(UserError, match=rf"already runs in {home} \(process id {os.getpid()}\)"),
        locked(home),
    ):
        pass
    with locked(home):
        assert (home / "up.lock").read_text() == f"{os.getpid()}\n"


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match="cannot be written: Not a directory; set BGPILOT_HOME"),
        locked(tmp_path / "file" / "home"),
    ):
        pass


async def test_a_database_that_is_not_there_is_one_sentence_without_the_password() -> None:
    url = f"postgresql://user:secret@127.0.0.1:{free_port()}/routes"
    with pytest.raises(UserError, match="DATABASE_URL") as caught:
        await check_database(SecretStr(url))
    assert "secret" not in str(caught.value)


async def test_a_database_that_refuses_us_is_one_sentence(postgres_dsn: str) -> None:
    with pytest.raises(UserError, match='database "no_such" does not exist'):
        await check_database(SecretStr(postgres_dsn.replace("/bgpilot?", "/no_such?")))


async def test_a_database_that_lets_us_in_is_well(postgres_dsn: str) -> None:
    await check_database(SecretStr(postgres_dsn))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),  # noqa: S104 - an address to show
        ("::", "http://[::1]:8080"),
        ("2001:db8::1", "http://[2001:db8::1]:8080"),
        ("edge.example", "http://edge.example:8080"),
    ],
)
def test_a_listener_is_shown_as_an_address_to_connect_to(host: str, url: str) -> None:
    assert StackSettings(gateway_http_host=host).listener("gateway_http").url == url
