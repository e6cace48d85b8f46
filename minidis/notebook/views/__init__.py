"""Views: pictures of a node's own data, live in JupyterLab, still anywhere else, and in words.

    from minidis.notebook import views
    views.show("mylist")                 # whatever the key holds, in its present encoding

Each function answers a view; put it last in a cell to see it. `node` is the notebook's own unless given.
README.md beside this file has all of them, with examples. Read next: view.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.notebook.views import charts
from minidis.notebook.views.admissions import admissions
from minidis.notebook.views.aof_files import AofView
from minidis.notebook.views.backlogs import backlog
from minidis.notebook.views.cache_loads import cache_load
from minidis.notebook.views.contentions import contention
from minidis.notebook.views.crash_points import crash_points
from minidis.notebook.views.crc16s import crc16_steps
from minidis.notebook.views.dashboards import dashboard
from minidis.notebook.views.decks import deck
from minidis.notebook.views.disks import disk
from minidis.notebook.views.epochs import epochs
from minidis.notebook.views.event_loops import event_loop
from minidis.notebook.views.evictions import eviction, lru_dots
from minidis.notebook.views.experiments import (
    hll_error_bell,
    hll_error_curve,
    lfu_decay,
    lfu_growth,
    memory_curve,
    ttl_sawtooth,
)
from minidis.notebook.views.fanouts import fanout
from minidis.notebook.views.flows import flow
from minidis.notebook.views.geohashes import GeohashView
from minidis.notebook.views.gossips import gossip
from minidis.notebook.views.grids import grid
from minidis.notebook.views.interleavings import interleaving
from minidis.notebook.views.keyspace import EncodingView, KeyBrowser, TtlBoard
from minidis.notebook.views.latencies import latency_strip
from minidis.notebook.views.ledgers import acknowledged, ledger
from minidis.notebook.views.lost_writes import lost_writes
from minidis.notebook.views.output_gauges import output_gauge
from minidis.notebook.views.protocol import exchange, ribbon
from minidis.notebook.views.rdb_files import RdbView
from minidis.notebook.views.routes import routes
from minidis.notebook.views.scorecards import acl_matrix, scorecard
from minidis.notebook.views.sequences import sequence
from minidis.notebook.views.settings import config_diff
from minidis.notebook.views.slot_maps import slot_map
from minidis.notebook.views.snapshots import snapshot
from minidis.notebook.views.sources import node_or_default, node_or_mirror
from minidis.notebook.views.stale_reads import stale_reads
from minidis.notebook.views.streams import stream
from minidis.notebook.views.structures import StructureView
from minidis.notebook.views.topologies import topology
from minidis.notebook.views.transactions import transactions
from minidis.notebook.views.venn import VennView
from minidis.notebook.views.view import View, refresh_all
from minidis.notebook.views.votes import votes
from minidis.notebook.views.waterfalls import waterfall

__all__ = [
    "acknowledged",
    "View",
    "acl_matrix",
    "admissions",
    "aof",
    "backlog",
    "bits",
    "cache_load",
    "charts",
    "config_diff",
    "contention",
    "crash_points",
    "crc16_steps",
    "disk",
    "dashboard",
    "deck",
    "encoding",
    "epochs",
    "event_loop",
    "eviction",
    "exchange",
    "fanout",
    "flow",
    "geo",
    "gossip",
    "grid",
    "hash",
    "hashtable",
    "hll",
    "hll_error_bell",
    "hll_error_curve",
    "interleaving",
    "intset",
    "keys",
    "latency_strip",
    "ledger",
    "lfu_decay",
    "lfu_growth",
    "list",
    "listpack",
    "lost_writes",
    "lru_dots",
    "memory_curve",
    "output_gauge",
    "rdb",
    "refresh_all",
    "resp",
    "routes",
    "scorecard",
    "sequence",
    "set",
    "show",
    "skiplist",
    "slot_map",
    "snapshot",
    "stale_reads",
    "stream",
    "transactions",
    "topology",
    "ttl_board",
    "ttl_sawtooth",
    "venn",
    "votes",
    "waterfall",
    "zset",
]


def show(source: str | bytes | Any, node: Embedded | None = None, db: int = 0, **options: Any) -> View:
    """What a key holds, in its present encoding, or a structure object (a Listpack, a SkipList ...)."""
    return StructureView(source, node, db, **options)


def list(key: str | bytes, node: Embedded | None = None, db: int = 0, **options: Any) -> View:
    """A list: listpack bytes (`select` explains an entry), or the chain of a quicklist (`chosen_node`)."""
    return StructureView(key, node, db, expected="list", **options)


def hash(key: str | bytes, node: Embedded | None = None, db: int = 0, **options: Any) -> View:
    """A hash: its listpack (fields and values by turns) or its hash table. Options: select; search."""
    return StructureView(key, node, db, expected="hash", **options)


def set(key: str | bytes, node: Embedded | None = None, db: int = 0, **options: Any) -> View:
    """A set: intset, listpack or hash table. Options: add (upgrade of an intset), search, select."""
    return StructureView(key, node, db, expected="set", **options)


def zset(key: str | bytes, node: Embedded | None = None, db: int = 0, **options: Any) -> View:
    """A sorted set: its listpack (members and scores by turns) or its skip list. Options: select; search."""
    return StructureView(key, node, db, expected="zset", **options)


def skiplist(
    source: Any,
    node: Embedded | None = None,
    db: int = 0,
    *,
    search: tuple[float, str | bytes] | str | bytes | None = None,
) -> View:
    """A skip list, of a sorted set or by itself; `search` shows the path to (score, member) or a member."""
    return StructureView(source, node, db, expected="zset", search=search)


def listpack(source: Any, node: Embedded | None = None, db: int = 0, *, select: int | None = None) -> View:
    """The bytes of a listpack: a Listpack, or a key that is encoded as one."""
    return StructureView(source, node, db, select=select)


def intset(
    source: Any,
    node: Embedded | None = None,
    db: int = 0,
    *,
    add: int | None = None,
    search: int | None = None,
) -> View:
    """The bytes of an intset: an Intset, or a set's key. `add` shows what adding a number does."""
    return StructureView(source, node, db, expected="set", add=add, search=search)


def hashtable(
    source: Any = None, node: Embedded | None = None, db: int = 0, *,
    search: str | bytes | None = None, cursor: int | None = None,
) -> View:  # fmt: skip
    """Buckets and chains: of a HashTable, of a set's or hash's key, or (no source) of the keyspace.

    `search` shows a look-up, `cursor` where SCAN goes on.
    """
    return StructureView(source, node, db, search=search, cursor=cursor)


def bits(
    source: str | bytes | bytearray, node: Embedded | None = None, db: int = 0, *,
    mark: int | None = None, field: tuple[int, int] | None = None, start: int = 0,
) -> View:  # fmt: skip
    """A string's bits. `mark` one bit, or a BITFIELD `field` of (offset, width); `start` is a byte."""
    return StructureView(
        source, node, db, expected="string", kind="bits", marked=mark, field=field, start=start
    )


def hll(
    source: Any, node: Embedded | None = None, db: int = 0, *, element: str | bytes | None = None
) -> View:
    """A HyperLogLog's registers; `element` shows the hash of an element and the register it goes to."""
    return StructureView(source, node, db, expected="string", kind="hyperloglog", element=element)


def geo(
    key: str | bytes, node: Embedded | None = None, db: int = 0, *,
    search: tuple[float, float, float] | None = None, halvings: int = 6,
) -> View:  # fmt: skip
    """A map of places; `search` (longitude, latitude, km) shows what GEOSEARCH reads, measures and finds."""
    return GeohashView(key, node, db, search, halvings)


def keys(pattern: str | bytes = "*", node: Embedded | None = None, db: int = 0) -> View:
    """The key browser: name, type, encoding, size and time to live of the keys that match."""
    return KeyBrowser(pattern, node, db)


def ttl_board(pattern: str | bytes = "*", node: Embedded | None = None, db: int = 0) -> View:
    """Keys with a time to live: live, logically dead, freed; with buttons that move the node's clock."""
    return TtlBoard(pattern, node, db)


def encoding(*keys: str | bytes, node: Embedded | None = None, db: int = 0) -> View:
    """TYPE, OBJECT ENCODING and memory of some keys, or all; for a string the allocations it is made of."""
    return EncodingView(*keys, node=node, db=db)


def resp(data: bytes | str, request: bool | None = None) -> View:
    """The RESP ribbon of bytes (a reply; with `request` a request), or of a command given as text."""
    return ribbon(data, request)


def rdb(
    source: str | bytes | bytearray | None = None, node: Embedded | None = None, db: int = 0, *, page: int = 1
) -> View:
    """Every byte of an RDB file or DUMP payload: bytes as they are, a key (a str), or all keys."""
    return RdbView(source, None if isinstance(source, bytes | bytearray) else node_or_mirror(node), db, page)


def aof(source: bytes | bytearray | None = None, node: Embedded | None = None, *, command: int = 1) -> View:
    """A log's commands, what each one does, and every byte of one: bytes as they are, or the node's log."""
    return AofView(source, None if source is not None else node_or_default(node), command)


def venn(*keys: str | bytes, node: Embedded | None = None, db: int = 0) -> View:
    """A Venn diagram of two or three keys that hold sets."""
    return VennView(*keys, node=node, db=db)
