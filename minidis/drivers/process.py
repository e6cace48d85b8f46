"""Facts of the process that INFO shows: who it is, where it runs, what CPU and memory it has used.

The node is sans-IO and knows none of this; a driver that is a process of its own hands `process_facts` in. An
embedded node has no such facts: its process is the reader's.

And `oom-score-adj`: whom Linux kills first when memory is short. A replica is missed less than its primary.

Mirrors: the getrusage and uname parts of genRedisInfoString, zmalloc_get_rss, setOOMScoreAdj.
Differs: the third of oom-score-adj-values is for processes that write snapshots; there are none.
Read next: minidis/commands/information.py.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from typing import Any

from minidis.engine.settings.config import Config

resource: Any
try:
    import resource
except ImportError:  # not on Windows
    resource = None


PROGRAM = os.path.abspath(sys.argv[0])
"""The file that was started: looked at here, before the working folder changes."""


def process_facts(section: str) -> dict[str, object]:
    """The fields that this process adds to a section of INFO."""
    return _MAKERS[section]() if section in _MAKERS else {}


def _server() -> dict[str, object]:
    return {
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "arch_bits": 64 if sys.maxsize > 2**32 else 32,
        "monotonic_clock": "POSIX clock_gettime",
        "multiplexing_api": "uvloop" if "uvloop" in sys.modules else "asyncio",
        "atomicvar_api": "none",  # one thread
        "gcc_version": _compiler_version(),
        "process_id": os.getpid(),
        "process_supervised": "no",
        "executable": PROGRAM,
    }


def _compiler_version() -> str:
    """The version of the GCC that built this Python; 0.0.0 where it was another compiler, as in Redis.

    >>> _compiler_version().count(".")
    2
    """
    found = re.match(r"GCC (\d+\.\d+\.\d+)", platform.python_compiler())
    return found.group(1) if found else "0.0.0"


def _cpu() -> dict[str, object]:
    if resource is None:
        return {}
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    fields = {
        "used_cpu_sys": own.ru_stime,
        "used_cpu_user": own.ru_utime,
        "used_cpu_sys_children": children.ru_stime,
        "used_cpu_user_children": children.ru_utime,
    }
    if hasattr(resource, "RUSAGE_THREAD"):
        thread = resource.getrusage(resource.RUSAGE_THREAD)
        fields |= {"used_cpu_sys_main_thread": thread.ru_stime, "used_cpu_user_main_thread": thread.ru_utime}
    return {name: f"{seconds:.6f}" for name, seconds in fields.items()}


def _memory() -> dict[str, object]:
    fields: dict[str, object] = {}
    try:
        page_bytes = os.sysconf("SC_PAGE_SIZE")
        fields["total_system_memory"] = os.sysconf("SC_PHYS_PAGES") * page_bytes
        with open("/proc/self/statm") as file:
            fields["used_memory_rss"] = int(file.read().split()[1]) * page_bytes
    except (AttributeError, OSError, ValueError):  # a system that has neither
        pass
    return fields


class OomScore:
    """This process's place in the order in which Linux kills: as the configuration says, while it says so."""

    def __init__(self, config: Config, path: str = "/proc/self/oom_score_adj") -> None:
        self.config = config
        self.path = path
        self._base: int | None = None  # what it was before; None: it still is
        self._score = 0

    def update(self, is_replica: bool) -> None:
        """Set it anew, if it has changed.  Raises OSError where that is not allowed."""
        mode = self.config.oom_score_adj
        if mode == "no":
            if self._base is not None:
                self._write(self._base)
                self._base = None
            return
        if self._base is None:
            with open(self.path) as file:
                self._base = self._score = int(file.read())
        wanted = int(self.config.oom_score_adj_values.split()[is_replica])
        score = min(max(wanted + (0 if mode == "absolute" else self._base), -1000), 1000)
        if score != self._score:
            self._write(score)

    def _write(self, score: int) -> None:
        with open(self.path, "w") as file:
            file.write(f"{score}\n")
        self._score = score


_MAKERS = {"server": _server, "cpu": _cpu, "memory": _memory}
