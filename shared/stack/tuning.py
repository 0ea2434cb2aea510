"""Settings of the embedded PostgreSQL, for a machine that it shares with everything else."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import psutil

_MIB = 1024 * 1024


def server_settings(
    socket_directory: Path, *, memory: int, has_lz4: bool, throwaway: bool = False
) -> dict[str, str]:
    """Name and value of each setting; given on the command line, which wins over every file.

    `memory` is in bytes. `throwaway` gives up everything that only helps after a crash.
    """
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_directory),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": f"{_clamp(memory // 16, 128 * _MIB, 2048 * _MIB) // _MIB}MB",
        "effective_cache_size": f"{memory // 2 // _MIB}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        # The one compressor that is always there, pglz, costs more than it saves.
        "wal_compression": "lz4" if has_lz4 else "off",
        "synchronous_commit": "on",
        "autovacuum": "on",
        "random_page_cost": "1.1",  # the planner's default is for turning disks
        "jit": "off",  # compiling costs more than our short queries take
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_line_prefix": "",  # whoever reads the line adds the time
        "lc_messages": "C",
    }
    if throwaway:
        settings |= {"fsync": "off", "full_page_writes": "off", "shared_buffers": "128MB"}
    return settings


def usable_memory() -> int:
    """Bytes of memory of this machine, or of this container where that is less."""
    total = int(psutil.virtual_memory().total)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdecimal() else total


@cache
def has_lz4(binaries: Path) -> bool:
    """Whether the server was built with lz4."""
    result = subprocess.run(
        [str(binaries / "pg_config"), "--configure"], capture_output=True, text=True, check=False
    )
    return "--with-lz4" in result.stdout


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
