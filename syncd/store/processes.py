"""Which process holds a lease, and whether it is certainly gone, so that nobody waits for the dead.

Only a process of the same host, boot and process namespace can be judged; any other is taken to live
until its lease ends.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path


def this_process() -> str:
    """`host namespace pid birth` of the caller; birth is in clock ticks since the boot."""
    pid = os.getpid()
    return f"{_home()} {pid} {_birth(pid)}"


def is_gone(process: str) -> bool:
    """Whether the process is certainly no more: its number is free, or was given to another."""
    home, _, life = process.rpartition(" ")
    home, _, pid = home.rpartition(" ")
    if home != _home() or not pid.isdigit():
        return False
    return _birth(int(pid)) != life


def _home() -> str:
    return f"{socket.gethostname()} {_read('/proc/sys/kernel/random/boot_id')} {_namespace()}"


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "unknown"


def _birth(pid: int) -> str:
    """When the process began (field 22 of /proc/PID/stat), empty where there is none; a zombie is none."""
    _, _, rest = _read(f"/proc/{pid}/stat").rpartition(") ")
    fields = rest.split(" ")
    return fields[19] if len(fields) > 19 and fields[0] != "Z" else ""  # noqa: PLR2004 - proc(5)


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError:
        return ""
