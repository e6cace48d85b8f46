"""Facts of the process that INFO shows: who it is, where it runs, what CPU and memory it has used.

The node is sans-IO and knows none of this; a driver that is a process of its own hands `process_facts` in. An
embedded node has no such facts: its process is the reader's.

Mirrors: the getrusage and uname parts of genRedisInfoString, zmalloc_get_rss.
Read next: minidis/commands/information.py.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from typing import Any

resource: Any
try:
    import resource
except ImportError:  # not on Windows
    resource = None


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
        "executable": os.path.abspath(sys.argv[0]),
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


_MAKERS = {"server": _server, "cpu": _cpu, "memory": _memory}
