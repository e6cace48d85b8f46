"""MEMORY DOCTOR: what is odd about the memory of a node, in the words of a computer on the moon.

Mirrors: getMemoryDoctorReport in object.c.
Differs: the four findings about the allocator (fragmentation, resident size) are left out. Most of this
process is Python's own objects, so they would be found in every server, and advise it to use jemalloc.
Complexity: O(1), after the figures of MEMORY STATS.

>>> from minidis.drivers.embedded import Embedded
>>> print(bytes(Embedded(clock=0).execute("MEMORY", "DOCTOR")).decode()[:71])
Hi Sam, this instance is empty or is using very little memory, my issue

Read next: memory.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minidis.engine.node import Node

LITTLE_BYTES = 5 << 20
MUCH_FOR_A_CLIENT_BYTES = 200 << 10
MUCH_FOR_REPLICAS_BYTES = 10 << 20
MANY_SCRIPTS = 1000

EMPTY = (
    "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be "
    "used in these conditions. Please, leave for your mission on Earth and fill it with some data. "
    "The new Sam and I will be back to our programming as soon as I finished rebooting.\n"
)
HEALTHY = (
    "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on "
    "this base.\n"
)
FOUND = "Sam, I detected a few issues in this Redis instance memory implants:\n\n"
CLOSING = "I'm here to keep you safe, Sam. I want to help you.\n"

BIG_PEAK = (
    " * Peak memory: In the past this instance used more than 150% the memory that is currently "
    "using. The allocator is normally not able to release memory after a peak, so you can expect to "
    "see a big fragmentation ratio, however this is actually harmless and is only due to the memory "
    "peak, and if the Redis instance Resident Set Size (RSS) is currently bigger than expected, the "
    "memory will be used as soon as you fill the Redis instance with more data. If the memory peak "
    "was only occasional and you want to try to reclaim memory, please try the MEMORY PURGE "
    "command, otherwise the only other option is to shutdown and restart the instance.\n\n"
)
BIG_REPLICA_BUFFERS = (
    " * Big replica buffers: The replica output buffers in this instance are greater than 10MB for each "
    "replica (on average). This likely means that there is some replica instance that is struggling "
    "receiving data, either because it is too slow or because of networking issues. As a result, data "
    "piles on the master output buffers. Please try to identify what replica is not receiving data "
    "correctly and why. You can use the INFO output in order to check the replicas delays and the CLIENT "
    "LIST command to check the output buffers of each replica.\n\n"
)
BIG_CLIENT_BUFFERS = (
    " * Big client buffers: The clients output buffers in this instance are greater than 200K per client "
    "(on average). This may result from different causes, like Pub/Sub clients subscribed to channels bot "
    "not receiving data fast enough, so that data piles on the Redis instance output buffer, or clients "
    "sending commands with large replies or very large sequences of commands in the same pipeline. Please "
    "use the CLIENT LIST command in order to investigate the issue if it causes problems in your instance, "
    "or to understand better why certain clients are using a big amount of memory.\n\n"
)
MANY_CACHED_SCRIPTS = (
    " * Many scripts: There seem to be many cached scripts in this instance (more than 1000). This may be "
    "because scripts are generated and `EVAL`ed, instead of being parameterized (with KEYS and ARGV), "
    "`SCRIPT LOAD`ed and `EVALSHA`ed. Unless `SCRIPT FLUSH` is called periodically, the scripts' caches may "
    "end up consuming most of your memory.\n\n"
)


def memory_report(node: Node, figures: dict[str, Any]) -> str:
    """The report on a node with these figures (those of MEMORY STATS)."""
    if figures["total.allocated"] < LITTLE_BYTES:
        return EMPTY
    findings = [text for text, is_so in _findings(node, figures).items() if is_so]
    return FOUND + "".join(findings) + CLOSING if findings else HEALTHY


def _findings(node: Node, figures: dict[str, Any]) -> dict[str, bool]:
    """Text -> whether it is so, in the order of the report."""
    clients = sum(client.role != "replica" for client in node.clients.values())
    return {
        BIG_PEAK: figures["peak.allocated"] > figures["total.allocated"] * 1.5,
        BIG_REPLICA_BUFFERS: figures["clients.slaves"] > MUCH_FOR_REPLICAS_BYTES,
        BIG_CLIENT_BUFFERS: figures["clients.normal"] > MUCH_FOR_A_CLIENT_BYTES * max(clients, 1),
        MANY_CACHED_SCRIPTS: node.scripting is not None and len(node.scripting.scripts) > MANY_SCRIPTS,
    }
