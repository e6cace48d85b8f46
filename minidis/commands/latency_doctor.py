"""The report of LATENCY DOCTOR: what was slow, and what could be done about it.

Each event suggests advices; each advice is given once, in a fixed order.

Mirrors: latency.c (createLatencyReport).
Differs: nothing is said about huge pages and forks, which this server has not.

>>> from minidis.drivers.embedded import Embedded
>>> report(Embedded(clock=0).node)[:33]
"I'm sorry, Dave, I can't do that."

Read next: minidis/engine/measuring/latency.py.
"""

from __future__ import annotations

from minidis.engine.node import Node

DISABLED = (
    "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You "
    'may use "CONFIG SET latency-monitor-threshold <milliseconds>." in order to enable it. If we '
    "weren't in a deep space mission I'd suggest to take a look at "
    "https://redis.io/topics/latency-monitor.\n"
)
NOTHING = (
    "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the "
    "slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and think "
    "things over.\n"
)
SPIKES = (
    "Dave, I have observed latency spikes in this Redis instance. You don't mind talking about "
    "it, do you Dave?\n\n"
)
NO_ADVICE = (
    "\nWhile there are latency events logged, I'm not able to suggest any easy fix. Please use the "
    "Redis community to get some help, providing this report in your help request.\n"
)


def report(node: Node) -> str:
    """The text for this node."""
    monitor = node.latency
    if not monitor.events:
        return NOTHING if node.config.latency_monitor_threshold else DISABLED
    lines = []
    wanted: set[str] = set()
    for number, (event, series) in enumerate(monitor.events.items(), start=1):
        found = monitor.analysis(event)
        lines.append(
            f"{number}. {event}: {found.count} latency spikes (average {found.average_ms}ms, mean deviation "
            f"{found.deviation_ms}ms, period {found.period_s / found.count:.2f} sec). "
            f"Worst all time event {series.worst_ms}ms.\n"
        )
        wanted |= advices_for(node, event)
    spikes = SPIKES + "".join(lines)
    if not wanted:
        return spikes + NO_ADVICE
    threshold_us = node.config.latency_monitor_threshold * 1000
    chosen = [
        text.format(threshold_us=threshold_us) + "\n" for name, text in ADVICES.items() if name in wanted
    ]
    return spikes + "\nI have a few advices for you:\n\n" + "".join(chosen)


def advices_for(node: Node, event: str) -> set[str]:
    """The names of the advices that an event suggests."""
    names = set(_BY_EVENT.get(event.lower(), "").split())
    if event.lower() == "command":
        slower_than_us = node.config.slowlog_log_slower_than
        if slower_than_us < 0:
            names.add("slowlog-enabled")
        elif slower_than_us // 1000 > node.config.latency_monitor_threshold:
            names.add("slowlog-tuning")
    return names


_BY_EVENT = {
    "command": "slowlog-inspect large-objects",
    "fast-command": "scheduler",
    "aof-write-pending-fsync": "local-disk disk-contention ssd data-writeback",
    "aof-write-active-child": "no-appendfsync data-writeback ssd",
    "aof-write-alone": "local-disk data-writeback ssd",
    "aof-fsync-always": "relax-fsync",
    "aof-fstat": "disk-contention local-disk",
    "rdb-unlink-temp-file": "disk-contention local-disk",
    "aof-rewrite-diff-write": "write-load data-writeback ssd local-disk",
    "aof-rename": "write-load data-writeback ssd local-disk",
    "expire-cycle": "hz large-objects",
    "eviction-del": "large-objects",
    "eviction-cycle": "mass-eviction",
}

_TEXTS = r"""
slowlog-enabled
    There are latency issues with potentially slow commands you are using. Try to enable the Slow Log
    Redis feature using the command 'CONFIG SET slowlog-log-slower-than {threshold_us}'. If the Slow log
    is disabled Redis is not able to log slow commands execution for you.
slowlog-tuning
    Your current Slow Log configuration only logs events that are slower than your configured latency
    monitor threshold. Please use 'CONFIG SET slowlog-log-slower-than {threshold_us}'.
slowlog-inspect
    Check your Slow Log to understand what are the commands you are running which are too slow to
    execute. Please check https://redis.io/commands/slowlog for more information.
scheduler
    The system is slow to execute Redis code paths not containing system calls. This usually means the
    system does not provide Redis CPU time to run for long periods. You should try to:
    1) Lower the system load.
    2) Use a computer / VM just for Redis if you are running other software in the same system.
    3) Check if you have a "noisy neighbour" problem.
    4) Check with 'redis-cli --intrinsic-latency 100' what is the intrinsic latency in your system.
    5) Check if the problem is allocator-related by recompiling Redis with MALLOC=libc, if you are using
    Jemalloc. However this may create fragmentation problems.
local-disk
    It is strongly advised to use local disks for persistence, especially if you are using AOF. Remote
    disks provided by platform-as-a-service providers are known to be slow.
ssd
    SSD disks are able to reduce fsync latency, and total time needed for snapshotting and AOF log
    rewriting (resulting in smaller memory usage). With extremely high write load SSD disks can be a
    good option. However Redis should perform reasonably with high load using normal disks. Use this
    advice as a last resort.
data-writeback
    Mounting ext3/4 filesystems with data=writeback can provide a performance boost compared to
    data=ordered, however this mode of operation provides less guarantees, and sometimes it can happen
    that after a hard crash the AOF file will have a half-written command at the end and will require to
    be repaired before Redis restarts.
disk-contention
    Try to lower the disk contention. This is often caused by other disk intensive processes running in
    the same computer (including other Redis instances).
no-appendfsync
    Assuming from the point of view of data safety this is viable in your environment, you could try to
    enable the 'no-appendfsync-on-rewrite' option, so that fsync will not be performed while there is a
    child rewriting the AOF file or producing an RDB file (the moment where there is high disk
    contention).
relax-fsync
    Your fsync policy is set to 'always'. It is very hard to get good performances with such a setup, if
    possible try to relax the fsync policy to 'onesec'.
write-load
    Latency during the AOF atomic rename operation or when the final difference is flushed to the AOF
    file at the end of the rewrite, sometimes is caused by very high write load, causing the AOF buffer
    to get very large. If possible try to send less commands to accomplish the same work, or use Lua
    scripts to group multiple operations into a single EVALSHA call.
hz
    In order to make the Redis keys expiring process more incremental, try to set the 'hz' configuration
    parameter to 100 using 'CONFIG SET hz 100'.
large-objects
    Deleting, expiring or evicting (because of maxmemory policy) large objects is a blocking operation.
    If you have very large objects that are often deleted, expired, or evicted, try to fragment those
    objects into multiple smaller objects.
mass-eviction
    Sudden changes to the 'maxmemory' setting via 'CONFIG SET', or allocation of large objects via sets
    or sorted sets intersections, STORE option of SORT, Redis Cluster large keys migrations (RESTORE
    command), may create sudden memory pressure forcing the server to block trying to evict keys.
"""
"""Each advice under its name; a line that begins with a number stands on a line of its own."""


def _read_texts() -> dict[str, str]:
    texts: dict[str, str] = {}
    name = ""
    for line in _TEXTS.strip().split("\n"):
        if not line.startswith(" "):
            name, texts[line] = line, "-"
        else:
            numbered = line.strip()[1:2] == ")"
            texts[name] += ("\n  " if numbered else " ") + line.strip()
    return texts


ADVICES = _read_texts()
