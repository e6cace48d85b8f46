"""CLUSTER, READONLY, READWRITE, ASKING: what a client asks to find out whether this is a cluster.

It is none: every one of them is refused in the words by which clients know a single Redis. RESTORE-ASKING is
the RESTORE that MIGRATE sends within a cluster; without one it is RESTORE.

Mirrors: clusterCommand, readonlyCommand, askingCommand in cluster.c, with cluster-enabled no.
Differs: there is no cluster mode.
Complexity: O(1).

>>> from minidis.drivers.embedded import Embedded
>>> Embedded(clock=0).execute("CLUSTER", "SLOTS")
Traceback (most recent call last):
    ...
minidis.protocol.replies.ReplyError: ERR This instance has cluster support disabled

Read next: dumping.py, for RESTORE.
"""

from __future__ import annotations

from typing import NoReturn

from minidis.commands.dumping import restore
from minidis.engine.client import Client
from minidis.engine.registry import (
    ADMIN,
    ASKING,
    DANGEROUS,
    DENYOOM,
    FAST,
    LOADING,
    NO_ASYNC_LOADING,
    NOSCRIPT,
    STALE,
    WRITE,
    Flag,
    command,
)
from minidis.protocol.replies import ReplyError

DISABLED = "ERR This instance has cluster support disabled"


def _file(syntax: str, flags: Flag, since: str, summary: str) -> None:
    """File one of the commands that need a cluster."""

    def refuse(client: Client, *words: bytes) -> NoReturn:
        raise ReplyError(DISABLED)

    refuse.__doc__ = summary
    command(syntax, flags, since=since, raw=True)(refuse)


_CHANGES = ADMIN | STALE | NO_ASYNC_LOADING
_SLOT_RANGES = "start-slot:int end-slot:int [start-slot:int end-slot:int ...]"

for _syntax, _flags, _since, _summary in (
    ("ADDSLOTS slot:int [slot:int ...]", _CHANGES, "3.0.0", "Give this node hash slots. O(N) in slots."),
    (f"ADDSLOTSRANGE {_SLOT_RANGES}", _CHANGES, "7.0.0", "Give this node ranges of slots. O(N) in slots."),
    ("BUMPEPOCH", _CHANGES, "3.0.0", "Advance the epoch of the configuration. O(1)."),
    (
        "COUNT-FAILURE-REPORTS node-id",
        ADMIN | STALE,
        "3.0.0",
        "Count the nodes that hold another one for failed. O(N) in reports.",
    ),
    ("COUNTKEYSINSLOT slot:int", STALE, "3.0.0", "Count the keys in a hash slot. O(1)."),
    ("DELSLOTS slot:int [slot:int ...]", _CHANGES, "3.0.0", "Take hash slots away. O(N) in slots."),
    (f"DELSLOTSRANGE {_SLOT_RANGES}", _CHANGES, "7.0.0", "Take ranges of slots away. O(N) in slots."),
    ("FAILOVER [FORCE|TAKEOVER]", _CHANGES, "3.0.0", "Put this replica in its primary's place. O(1)."),
    ("FLUSHSLOTS", _CHANGES, "3.0.0", "Take all hash slots away. O(1)."),
    ("FORGET node-id", _CHANGES, "3.0.0", "Strike a node from the table. O(1)."),
    (
        "GETKEYSINSLOT slot:int count:int",
        STALE,
        "3.0.0",
        "Show keys of a hash slot. O(N) in keys asked for.",
    ),
    ("HELP", LOADING | STALE, "5.0.0", "Show what the subcommands do. O(1)."),
    ("INFO", STALE, "3.0.0", "Show the state of the cluster. O(1)."),
    ("KEYSLOT key:string", STALE, "3.0.0", "Tell the hash slot of a key. O(N) in bytes of the key."),
    ("LINKS", STALE, "7.0.0", "Show the connections to other nodes. O(N) in nodes."),
    (
        "MEET ip port:int [cluster_bus_port:int]",
        _CHANGES,
        "3.0.0",
        "Begin to know another node. O(1).",
    ),
    ("MYID", STALE, "3.0.0", "Show this node's id. O(1)."),
    ("MYSHARDID", STALE, "7.2.0", "Show the id of this node's shard. O(1)."),
    ("NODES", STALE, "3.0.0", "Show the nodes and what they serve. O(N) in nodes."),
    ("REPLICAS node-id", ADMIN | STALE, "5.0.0", "Show the replicas of a node. O(N) in replicas."),
    ("REPLICATE node-id", _CHANGES, "3.0.0", "Make this node a replica of another. O(1)."),
    ("RESET [HARD|SOFT]", ADMIN | STALE | NOSCRIPT, "3.0.0", "Forget the cluster. O(N) in nodes."),
    ("SAVECONFIG", _CHANGES, "3.0.0", "Write the cluster's state to disk. O(1)."),
    ("SET-CONFIG-EPOCH config-epoch:int", _CHANGES, "3.0.0", "Set a new node's epoch. O(1)."),
    (
        "SETSLOT slot:int (IMPORTING node-id|MIGRATING node-id|NODE node-id|STABLE)",
        _CHANGES,
        "3.0.0",
        "Say whose a hash slot is, or where it moves. O(1).",
    ),
    ("SHARDS", STALE, "7.0.0", "Show which nodes serve which slots, by shard. O(N) in nodes."),
    ("SLAVES node-id", ADMIN | STALE, "3.0.0", "Show the replicas of a node. O(N) in replicas."),
    ("SLOTS", STALE, "3.0.0", "Show which nodes serve which slots. O(N) in nodes."),
):
    _file(f"CLUSTER {_syntax}", _flags, _since, _summary)

_file("ASKING", FAST, "3.0.0", "Announce a command that follows an -ASK redirection. O(1).")
_file("READONLY", LOADING | STALE | FAST, "3.0.0", "Let this connection read from a cluster's replica. O(1).")
_file("READWRITE", LOADING | STALE | FAST, "3.0.0", "Take READONLY back. O(1).")


@command(
    "RESTORE-ASKING key ttl:int serialized-value "
    "[REPLACE] [ABSTTL] [IDLETIME seconds:int] [FREQ frequency:int]",
    WRITE | DENYOOM | ASKING | DANGEROUS,
    since="3.0.0",
    raw=True,
    group="server",
)
def restore_asking(client: Client, key: bytes, ttl: bytes, payload: bytes, *words: bytes) -> str:
    """Make a key that moves between the nodes of a cluster. O(N) where N is the size of the value."""
    return restore(client, key, ttl, payload, *words)
