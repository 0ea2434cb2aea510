"""The account that PostgreSQL runs as.

PostgreSQL refuses to run as root. So root runs it as a system account of its own, which gets the
right to pass through exactly the directories that it has to, by an access control list entry.
Everybody else runs it as themselves.
"""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from shared.errors import UserError
from shared.stack import acl

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

log = structlog.get_logger()

NAME = "bgpilot"
_ALTERNATIVES = (
    "or set BGPILOT_HOME to a directory that everybody may pass through, "
    "or DATABASE_URL to a PostgreSQL server of your own"
)


@dataclass(frozen=True)
class Account:
    """A user of the operating system."""

    uid: int
    gid: int
    name: str
    gids: frozenset[int] = field(default_factory=frozenset)

    @property
    def ids(self) -> tuple[int, int] | None:
        """What a child process has to change to; None when that is what we are."""
        return None if self.uid == os.geteuid() else (self.uid, self.gid)

    def own(self, path: Path) -> None:
        """Gives the file or directory to this account."""
        if self.ids:
            os.chown(path, self.uid, self.gid)

    def reach(self, paths: Iterable[Path]) -> None:
        """Makes sure that the account can search every directory above the paths.

        Raises UserError where it cannot and we cannot change that.
        """
        if not self.ids:
            return
        above = {parent for path in paths for parent in path.resolve().parents}
        for directory in sorted(above):
            if not acl.allows_search(directory, self.uid, self.gids):
                self._let_through(directory)

    def _let_through(self, directory: Path) -> None:
        try:
            acl.grant_search(directory, self.uid)
        except OSError as error:
            reason = (
                "its file system has no access control lists"
                if error.errno == errno.ENOTSUP
                else error.strerror
            )
            raise UserError(
                f"PostgreSQL, which runs as the account {self.name}, cannot pass through "
                f"{directory} ({reason}); run `chmod o+x {directory}`, {_ALTERNATIVES}"
            ) from error
        log.info("let an account through a directory", account=self.name, directory=str(directory))


def current(name: str = NAME) -> Account:
    """The account to run PostgreSQL as: our own, or as root the system account of that name.

    The system account is created when there is none; UserError when that cannot be done.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), _name_of(os.geteuid()))
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        _create(name)
        entry = pwd.getpwnam(name)
    if entry.pw_uid == 0:
        raise UserError(f"the account {name} is root, as which PostgreSQL does not run; {_hint()}")
    return Account(entry.pw_uid, entry.pw_gid, name, frozenset({entry.pw_gid}))


def _create(name: str) -> None:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise UserError(
            f"PostgreSQL does not run as root, and there is no useradd here that could create "
            f"the account {name} for it; {_hint()}"
        )
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    result = subprocess.run(
        [useradd, *options, "--shell", "/usr/sbin/nologin", name],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise UserError(
            f"PostgreSQL does not run as root, and creating the account {name} for it failed: "
            f"{result.stderr.strip()}; {_hint()}"
        )
    log.info("created a system account", account=name)


def _hint() -> str:
    return "start bgpilot as an ordinary user, or set DATABASE_URL to a PostgreSQL server"


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
