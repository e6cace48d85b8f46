"""DEBUG, the part that concerns the process: restarts, checks that are left out, buffers.

    RESTART             save, and begin again as the same process: what is on disk is all there is
    CRASH-AND-RECOVER   the same without saving anything: what a power cut would have left
    SET-SKIP-CHECKSUM-VALIDATION, AOF-FLUSH-SLEEP, REPLYBUFFER, CLIENT-EVICTION

Restarting is the driver's to do (`node.on_restart`); a node without a process of its own refuses.

Mirrors: debug.c, restartServer in server.c.
Differs: MALLCTL is unknown, as in a Redis that is built without jemalloc.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded({"maxmemory-clients": "1mb"}, clock=0)
>>> bytes(redis.execute("DEBUG", "CLIENT-EVICTION")).decode().splitlines()[1]
'bucket      32768 -      65535: tot-mem:          0, clients: 0'

Read next: debugging.py.
"""

from __future__ import annotations

from collections import Counter

from minidis.commands.configuration import rewrite
from minidis.commands.debugging import debug, flag, wrong_use
from minidis.engine import starting
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.memory.client_buffers import PEAK_RESET_MS
from minidis.protocol.replies import ReplyError, Verbatim

SMALLEST_BUCKET_LOG = 15
LARGEST_BUCKET_LOG = 33
BUCKETS = 1 + LARGEST_BUCKET_LOG - SMALLEST_BUCKET_LOG


@debug("RESTART [<milliseconds>]", (0, 1))
def restart(client: Client, delay: bytes = b"0") -> None:
    """Graceful restart: save config, db, restart after a <milliseconds> delay (default 0)."""
    delay_ms = max(0, integer(delay))
    node = client.node
    if node.on_restart is not None:
        if node.config_file:
            rewrite(client, with_defaults=False)
        if starting.prepare_to_stop(node):
            node.on_restart(delay_ms)
    raise _not_restarted(client)


@debug("CRASH-AND-RECOVER [<milliseconds>]", (0, 1))
def crash_and_recover(client: Client, delay: bytes = b"0") -> None:
    """Hard crash and restart after a <milliseconds> delay (default 0)."""
    delay_ms = max(0, integer(delay))
    if client.node.on_restart is not None:
        client.node.on_restart(delay_ms)
    raise _not_restarted(client)


def _not_restarted(client: Client) -> ReplyError:
    client.node.log("warning", "Can't restart: no process of its own, or what was to be saved could not be")
    return ReplyError("ERR failed to restart the server. Check server logs.")


@debug("SET-SKIP-CHECKSUM-VALIDATION <0|1>", 1)
def set_skip_checksum_validation(client: Client, switch: bytes) -> str:
    """Enables or disables checksum checks for RDB files and RESTORE's payload."""
    client.node.skips_checksums = flag(switch)
    return "OK"


@debug("AOF-FLUSH-SLEEP <microsec>", 1)
def aof_flush_sleep(client: Client, delay: bytes) -> str:
    """Server will sleep before flushing the AOF, this is used for testing."""
    client.node.append_only.delay_us = max(0, integer(delay))
    return "OK"


@debug("REPLYBUFFER (PEAK-RESET-TIME <NEVER||RESET|time>|RESIZING <0|1>)", 2)
def replybuffer(client: Client, what: bytes, value: bytes) -> str:
    """How reply buffers shrink and grow: the time between two resets of their peaks (never, milliseconds,
    or as at the start), or whether they are resized at all."""
    resizing = client.node.client_memory.resizing
    name = what.upper()
    if name == b"RESIZING":
        resizing.enabled = flag(value)
    elif name != b"PEAK-RESET-TIME":
        raise wrong_use(b"replybuffer")
    elif value.upper() in (b"NEVER", b"RESET"):
        resizing.peak_reset_ms = -1 if value.upper() == b"NEVER" else PEAK_RESET_MS
    else:
        resizing.peak_reset_ms = integer(value)
    return "OK"


@debug("CLIENT-EVICTION", 0)
def client_eviction(client: Client) -> Verbatim:
    """Show low level client eviction pools info (maxmemory-clients)."""
    memory = client.node.client_memory
    if not client.node.config.maxmemory_clients:
        raise ReplyError("ERR maxmemory-clients is disabled.")
    sums: Counter[int] = Counter()
    counts: Counter[int] = Counter()
    for size_bytes in memory.sizes():
        bucket = min(max(size_bytes.bit_length() - SMALLEST_BUCKET_LOG, 0), BUCKETS - 1)
        sums[bucket] += size_bytes
        counts[bucket] += 1
    lines = []
    for bucket in range(BUCKETS):
        least = 1 << (bucket - 1 + SMALLEST_BUCKET_LOG) if bucket else 0
        most = (1 << (bucket + SMALLEST_BUCKET_LOG)) - 1
        span = f"{least:10}+            : " if bucket == BUCKETS - 1 else f"{least:10} - {most:10}: "
        lines.append(f"bucket {span}tot-mem: {sums[bucket]:10}, clients: {counts[bucket]}\n")
    return Verbatim("".join(lines).encode())
