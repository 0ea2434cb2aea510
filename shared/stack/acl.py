"""POSIX access control lists of directories, as far as the right to search them (x) goes.

The extended attribute `system.posix_acl_access` (linux/posix_acl_xattr.h) is a little-endian
version number and then one entry after the other:

     0        2        4                 8
    +--------+--------+-----------------+
    |  tag   |  perm  |       id        |
    +--------+--------+-----------------+

Without the attribute the mode bits are the list. Other systems than Linux have no such attribute:
there, reading gives the mode bits and writing raises OSError (ENOTSUP).
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

_ATTRIBUTE = "system.posix_acl_access"
_VERSION = 2
_ENTRY = struct.Struct("<HHI")
_NO_ID = 0xFFFFFFFF
SEARCH = 1

USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_MASKED = (USER, GROUP_OBJ, GROUP)


class Entry(NamedTuple):
    """One line of a list: whom it is about, and its permission bits (r 4, w 2, x 1)."""

    tag: int
    perm: int
    id: int = _NO_ID


def allows_search(directory: Path, uid: int, gids: Collection[int]) -> bool:
    """Whether a process of this user and these groups may search the directory (acl(5))."""
    status = directory.stat()
    entries = read(directory)
    named = {entry.tag: entry.perm for entry in entries}
    mask = named.get(MASK, 7)
    if uid == status.st_uid:
        return bool(named[USER_OBJ] & SEARCH)
    for entry in entries:
        if entry.tag == USER and entry.id == uid:
            return bool(entry.perm & mask & SEARCH)
    groups = [
        entry.perm & mask
        for entry in entries
        if (entry.tag == GROUP and entry.id in gids)
        or (entry.tag == GROUP_OBJ and status.st_gid in gids)
    ]
    if groups:
        return any(perm & SEARCH for perm in groups)
    return bool(named[OTHER] & SEARCH)


def grant_search(directory: Path, uid: int) -> None:
    """Lets one more user search the directory; what everybody else may do stays as it is.

    Raises OSError where the file system has no lists or we may not change this one.
    """
    _write(directory, with_search(read(directory), uid))


def with_search(entries: Sequence[Entry], uid: int) -> list[Entry]:
    """The list with search permission for `uid` added."""
    # Widening the mask must not widen what it has held back so far: that is taken out for good.
    mask = next((entry.perm for entry in entries if entry.tag == MASK), 7)
    perms = {(e.tag, e.id): e.perm & mask if e.tag in _MASKED else e.perm for e in entries}
    perms[USER, uid] = perms.get((USER, uid), 0) | SEARCH
    perms[MASK, _NO_ID] = reduce(or_, (perm for (tag, _), perm in perms.items() if tag in _MASKED))
    # The kernel wants them in this order.
    return [Entry(tag, perm, owner) for (tag, owner), perm in sorted(perms.items())]


def read(directory: Path) -> list[Entry]:
    """The directory's list; the three entries of its mode where it has no other."""
    if sys.platform == "linux":
        try:
            raw = os.getxattr(directory, _ATTRIBUTE)
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.ENOTSUP):
                raise
        else:
            return [Entry(*fields) for fields in _ENTRY.iter_unpack(raw[4:])]
    mode = stat.S_IMODE(directory.stat().st_mode)
    return [
        Entry(USER_OBJ, mode >> 6 & 7),
        Entry(GROUP_OBJ, mode >> 3 & 7),
        Entry(OTHER, mode & 7),
    ]


def _write(directory: Path, entries: Sequence[Entry]) -> None:
    raw = struct.pack("<I", _VERSION) + b"".join(_ENTRY.pack(*entry) for entry in entries)
    if sys.platform == "linux":
        os.setxattr(directory, _ATTRIBUTE, raw)
    else:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
