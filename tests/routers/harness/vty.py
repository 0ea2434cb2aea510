"""FRR's vty socket, which is what vtysh speaks.

A command ends in a NUL, its answer in three NULs and the status of the command.
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_END = b"\0\0\0"
_ANSWER_WITHIN_S = 10.0


class VtyError(Exception):
    """The daemon refused a command."""


def ask(path: Path, *commands: str) -> list[str]:
    """Sends the commands over one connection, in which `configure terminal` lasts."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as vty:
        vty.settimeout(_ANSWER_WITHIN_S)
        vty.connect(str(path))
        return [_exchange(vty, command) for command in commands]


def ask_json(path: Path, command: str) -> dict[str, Any]:
    """The answer to a command that ends in `json`."""
    return parse(ask(path, command)[0])


def parse(answer: str) -> dict[str, Any]:
    """FRR answers nothing at all where there is nothing to tell."""
    found: dict[str, Any] = json.loads(answer) if answer.strip() else {}
    return found


def _exchange(vty: socket.socket, command: str) -> str:
    vty.sendall(command.encode() + b"\0")
    answer = b""
    while answer[-4:-1] != _END:
        chunk = vty.recv(65536)
        if not chunk:
            raise VtyError(f"bgpd closed its vty during {command!r}")
        answer += chunk
    text = answer[:-4].decode()
    if answer[-1] != 0:
        raise VtyError(f"bgpd refused {command!r}: {text.strip()}")
    return text
