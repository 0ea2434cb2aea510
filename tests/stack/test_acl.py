"""The right to search a directory, as lists and on a real file system."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from shared.stack import acl
from shared.stack.acl import GROUP, GROUP_OBJ, MASK, OTHER, USER, USER_OBJ, Entry

STRANGER = 54321


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            [Entry(USER_OBJ, 7), Entry(GROUP_OBJ, 0), Entry(OTHER, 0)],
            [
                Entry(USER_OBJ, 7),
                Entry(USER, 1, STRANGER),
                Entry(GROUP_OBJ, 0),
                Entry(MASK, 1),
                Entry(OTHER, 0),
            ],
            id="mode 0700",
        ),
        pytest.param(
            [Entry(USER_OBJ, 7), Entry(GROUP_OBJ, 5), Entry(OTHER, 0)],
            [
                Entry(USER_OBJ, 7),
                Entry(USER, 1, STRANGER),
                Entry(GROUP_OBJ, 5),
                Entry(MASK, 5),
                Entry(OTHER, 0),
            ],
            id="mode 0750",
        ),
        pytest.param(
            [
                Entry(USER_OBJ, 7),
                Entry(USER, 7, 1000),
                Entry(GROUP_OBJ, 5),
                Entry(GROUP, 3, 50),
                Entry(MASK, 4),
                Entry(OTHER, 0),
            ],
            [
                Entry(USER_OBJ, 7),
                Entry(USER, 4, 1000),
                Entry(USER, 1, STRANGER),
                Entry(GROUP_OBJ, 4),
                Entry(GROUP, 0, 50),
                Entry(MASK, 5),
                Entry(OTHER, 0),
            ],
            id="a mask that held others back goes on to hold them back",
        ),
        pytest.param(
            [
                Entry(USER_OBJ, 7),
                Entry(USER, 4, STRANGER),
                Entry(GROUP_OBJ, 0),
                Entry(MASK, 4),
                Entry(OTHER, 0),
            ],
            [
                Entry(USER_OBJ, 7),
                Entry(USER, 5, STRANGER),
                Entry(GROUP_OBJ, 0),
                Entry(MASK, 5),
                Entry(OTHER, 0),
            ],
            id="an entry of the user's own is added to",
        ),
    ],
)
def test_the_right_to_search_is_added_and_nobody_else_gains_or_loses_any(
    before: list[Entry], after: list[Entry]
) -> None:
    assert acl.with_search(before, STRANGER) == after


@pytest.mark.parametrize(
    ("mode", "uid_is_owner", "gids", "allowed"),
    [
        (0o700, True, set(), True),
        (0o600, True, set(), False),
        (0o700, False, set(), False),
        (0o701, False, set(), True),
        (0o710, False, {"its group"}, True),
        (0o701, False, {"its group"}, False),
    ],
)
def test_mode_bits_say_who_may_search(
    tmp_path: Path, mode: int, uid_is_owner: bool, gids: set[str], allowed: bool
) -> None:
    directory = tmp_path / "directory"
    directory.mkdir()
    directory.chmod(mode)
    status = directory.stat()
    uid = status.st_uid if uid_is_owner else STRANGER
    assert acl.allows_search(directory, uid, {status.st_gid for _ in gids}) is allowed


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A directory of mode 0700 on a file system that has access control lists."""
    directory = tmp_path / "private"
    directory.mkdir(mode=0o700)
    try:
        acl.grant_search(directory, STRANGER)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip("this file system has no access control lists")
    return directory


def test_a_grant_lets_through_that_user_alone(private: Path) -> None:
    assert acl.allows_search(private, STRANGER, set())
    assert not acl.allows_search(private, STRANGER + 1, set())
    assert not acl.allows_search(private, STRANGER + 1, {private.stat().st_gid})
    assert private.stat().st_mode & 0o007 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a moment")
def test_the_kernel_agrees_with_what_was_granted() -> None:
    with TemporaryDirectory() as directory:  # and not below a directory of this user's alone
        file = Path(directory) / "file"
        file.touch()
        acl.grant_search(Path(directory), STRANGER)
        assert _finds(file, STRANGER)
        assert not _finds(file, STRANGER + 1)


def _finds(path: Path, uid: int) -> bool:
    found = subprocess.run(
        ["/usr/bin/test", "-e", str(path)], user=uid, group=uid, extra_groups=[], check=False
    )
    return found.returncode == 0
