"""The embedded PostgreSQL, with the real server."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import psutil
import pytest

from shared.errors import UserError
from shared.stack.account import Account, current
from shared.stack.postgres import EmbeddedPostgres
from shared.stack.temporary import running
from shared.stack.tuning import server_settings, usable_memory
from tests.stack.programs import ROOT, left_over

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
MIB = 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(tmp_path / "home", throwaway=True)


def ask(dsn: str, question: str) -> object:
    """Runs a statement and gives the first field of its answer."""

    async def connect_and_ask() -> object:
        conn = await asyncpg.connect(dsn)
        try:
            return await conn.fetchval(question)
        finally:
            await conn.close()

    return asyncio.run(connect_and_ask())


def test_the_role_owns_its_database_and_is_no_superuser(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    server.prepare()
    with running(server, tmp_path / "log"):
        role = "SELECT ARRAY[rolsuper, rolcreatedb, rolcreaterole] FROM pg_roles"
        assert ask(server.dsn, f"{role} WHERE rolname = current_user") == 3 * [False]
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        assert ask(server.dsn, owner) == "bgpilot"
        assert ask(server.dsn, "SHOW fsync") == "on"
        assert ask(server.dsn, "SHOW listen_addresses") == ""
        assert ask(server.dsn, "SHOW server_encoding") == "UTF8"


def test_data_is_kept_from_one_start_to_the_next(server: EmbeddedPostgres) -> None:
    for _ in range(2):
        server.prepare()
        with running(server, server.home / "log"):
            ask(server.dsn, "CREATE TABLE IF NOT EXISTS kept (x int)")
            ask(server.dsn, "INSERT INTO kept VALUES (1)")
            count = ask(server.dsn, "SELECT count(*) FROM kept")
    assert count == 2


def test_data_is_kept_when_the_server_is_killed(server: EmbeddedPostgres) -> None:
    server.prepare()
    with running(server, server.home / "log") as process:
        ask(server.dsn, "CREATE TABLE kept AS SELECT 1")
        children = [child.pid for child in psutil.Process(process.pid).children()]
        process.kill()
        process.wait()
    assert (server.data / "postmaster.pid").exists()
    # Its children notice and go; a server that started before that would refuse.
    assert children
    assert left_over(children) == []
    server.prepare()
    with running(server, server.home / "log"):
        assert ask(server.dsn, "SELECT count(*) FROM kept") == 1


def test_a_lock_file_with_the_number_of_another_process_is_no_obstacle(
    server: EmbeddedPostgres,
) -> None:
    server.prepare()
    with running(server, server.home / "log"):
        content = (server.data / "postmaster.pid").read_text().splitlines()
    with subprocess.Popen(["sleep", "1000"], **_as_the_account()) as stranger:
        lock = "\n".join([str(stranger.pid), *content[1:], ""])
        for path in (server.data, server.socket_directory / ".s.PGSQL.5432.lock"):
            file = path / "postmaster.pid" if path.is_dir() else path
            file.write_text(lock)
            current().own(file)
        server.prepare()
        with running(server, server.home / "log"):
            assert ask(server.dsn, "SELECT 1") == 1
        stranger.kill()


def test_an_initialisation_that_was_interrupted_is_done_again(server: EmbeddedPostgres) -> None:
    unfinished = server.home / "postgres.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    server.prepare()
    assert (server.data / "global" / "pg_control").exists()
    assert not unfinished.exists()


def test_an_initialisation_that_fails_leaves_no_data_directory(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "postgres.unfinished").write_text("a file where the directory should be")
    with pytest.raises(UserError, match=r"the database cannot be set up in .*Not a directory"):
        EmbeddedPostgres(home).prepare()
    assert not (home / "postgres").exists()


def test_a_data_directory_of_another_version_is_refused(server: EmbeddedPostgres) -> None:
    server.prepare()
    (server.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(UserError, match=r"was written by PostgreSQL 16 .* carries PostgreSQL 18"):
        server.prepare()


def test_a_directory_that_is_not_a_database_is_refused(server: EmbeddedPostgres) -> None:
    server.data.mkdir(parents=True)
    with pytest.raises(UserError, match="is not a PostgreSQL data directory; move it away"):
        server.prepare()
    assert list(server.data.iterdir()) == []


def test_a_data_directory_in_use_is_refused(server: EmbeddedPostgres) -> None:
    server.prepare()
    with running(server, server.home / "log"):
        with pytest.raises(UserError, match="is in use by the PostgreSQL process with id"):
            server.prepare()
        assert ask(server.dsn, "SELECT 1") == 1


@as_root
def test_a_data_directory_of_somebody_else_is_refused(server: EmbeddedPostgres) -> None:
    server.prepare()
    os.chown(server.data, 54321, 54321)
    with pytest.raises(UserError, match="belongs to somebody else and PostgreSQL would run as"):
        server.prepare()


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be used: Not a directory; set BGPILOT_HOME"):
        EmbeddedPostgres(tmp_path / "file" / "home").prepare()


@pytest.mark.parametrize("name", ["long" * 30, "with a space", "with,comma:and=more"])
def test_a_path_that_no_socket_can_have_is_replaced(tmp_path: Path, name: str) -> None:
    server = EmbeddedPostgres(tmp_path / name, throwaway=True)
    try:
        server.prepare()
        assert tmp_path not in server.socket_directory.parents
        assert stat.S_IMODE(server.socket_directory.stat().st_mode) == 0o700
        with running(server, tmp_path / "log"):
            assert ask(server.dsn, "SELECT 1") == 1
    finally:
        shutil.rmtree(server.socket_directory)


def test_two_homes_never_share_a_socket(tmp_path: Path) -> None:
    one, other = (EmbeddedPostgres(tmp_path / ("x" * 120) / name) for name in ("a", "b"))
    assert one.socket_directory != other.socket_directory


def test_a_socket_directory_that_somebody_else_has_made_is_refused(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    server.home.mkdir()
    server.socket_directory.symlink_to(tmp_path)
    with pytest.raises(UserError, match="belongs to somebody else; remove it"):
        server.prepare()


@as_root
def test_root_lets_its_account_through_private_directories_without_opening_them(
    tmp_path: Path,
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    server = EmbeddedPostgres(private / "home", throwaway=True)
    server.prepare()
    with running(server, tmp_path / "log") as process:
        assert ask(server.dsn, "SELECT 1") == 1
        assert Path(f"/proc/{process.pid}").owner() == "bgpilot"
    assert private.stat().st_mode & 0o007 == 0
    assert server.data.owner() == "bgpilot"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system without lists: /proc")
def test_where_there_are_no_access_control_lists_a_sentence_says_what_to_do() -> None:
    stranger = Account(54321, 54321, "stranger")
    descriptors = Path(f"/proc/{os.getpid()}/fd")
    with pytest.raises(UserError) as caught:
        stranger.reach([descriptors / "x"])
    assert f"the account stranger, cannot pass through {descriptors} (" in str(caught.value)
    assert f"run `chmod o+x {descriptors}`, or set BGPILOT_HOME" in str(caught.value)


@as_root
def test_an_account_that_cannot_be_created_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"creating the account no:name for it failed: .*no:name"):
        current("no:name")


def test_an_ordinary_user_runs_it_as_themselves() -> None:
    python = _python_for_everybody()
    with TemporaryDirectory() as directory:  # and not below a directory of this user's alone
        os.chmod(directory, 0o777)  # noqa: PTH101, S103 - for the other user to write into
        script = (
            "import asyncio, asyncpg, os\n"
            "from shared.stack.temporary import temporary_postgres\n"
            "async def main(dsn):\n"
            "    conn = await asyncpg.connect(dsn)\n"
            "    print(await conn.fetchval('SELECT 40 + 2'), os.geteuid())\n"
            "with temporary_postgres() as dsn: asyncio.run(main(dsn))\n"
        )
        done = subprocess.run(
            [python, "-c", script],
            env={"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "TMPDIR": directory},
            capture_output=True,
            text=True,
            check=False,
            **_as_nobody(),
        )
    uid = NOBODY if os.geteuid() == 0 else os.geteuid()
    assert (done.stdout.splitlines()[-1:], done.stderr) == ([f"42 {uid}"], "")


@pytest.mark.parametrize(
    ("memory", "buffers"), [(512 * MIB, "128MB"), (4096 * MIB, "256MB"), (65536 * MIB, "2048MB")]
)
def test_shared_buffers_follow_the_memory(memory: int, buffers: str) -> None:
    settings = server_settings(Path("/run"), memory=memory, has_lz4=True)
    assert settings["shared_buffers"] == buffers
    assert settings["wal_compression"] == "lz4"


def test_the_memory_of_this_machine_is_known() -> None:
    assert usable_memory() > 64 * MIB


NOBODY = 65534


def _as_nobody() -> dict[str, object]:
    who: dict[str, object] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return who if os.geteuid() == 0 else {}


def _as_the_account() -> dict[str, object]:
    ids = current().ids
    return {"user": ids[0], "group": ids[1], "extra_groups": []} if ids else {}


def _python_for_everybody() -> str:
    """An interpreter of our version that an ordinary user can run with our packages."""
    same = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{same}", f"/usr/local/bin/{same}"):
        try:
            done = subprocess.run(
                [candidate, "-c", "import asyncpg, shared.stack.temporary"],
                env={"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
                capture_output=True,
                check=False,
                **_as_nobody(),
            )
        except OSError:
            continue
        if done.returncode == 0:
            return candidate
    pytest.skip(f"no {same} here that the user nobody can run with {ROOT}")
