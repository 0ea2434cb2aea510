"""What is wrong with a file."""

from __future__ import annotations

from shared.errors import BgpilotError


class FileError(BgpilotError):
    """The file cannot be used; the text says why, without naming the file."""
