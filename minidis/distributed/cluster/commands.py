"""CLUSTER and its subcommands; READONLY, READWRITE, ASKING; RESTORE-ASKING.

    to make a cluster      MEET, ADDSLOTS, ADDSLOTSRANGE, SET-CONFIG-EPOCH, REPLICATE
    to look at it          INFO, NODES, SLOTS, SHARDS, LINKS, MYID, MYSHARDID, KEYSLOT, REPLICAS
    to move a slot         SETSLOT IMPORTING (there), SETSLOT MIGRATING (here), GETKEYSINSLOT and MIGRATE
                           until no key is left, SETSLOT NODE (there first)
    to change roles        FAILOVER, FORGET, RESET

None of them coordinates anything: each changes what this one node knows, and the bus carries it to the
others. redis-cli --cluster is made of these.

Mirrors: `clusterCommand`, `clusterCommandSpecial` in cluster.c.
Complexity: stands with each.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded({"cluster-enabled": "yes"}, clock=0, seed=1)
>>> redis.execute("CLUSTER", "ADDSLOTS", 1, 2), redis.execute("CLUSTER", "COUNTKEYSINSLOT", 1)
('OK', 0)
>>> redis.execute("CLUSTER", "ADDSLOTS", 2)
Traceback (most recent call last):
    ...
minidis.protocol.replies.ReplyError: ERR Slot 2 is already busy

Read next: redirection.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidis.commands.dumping import restore
from minidis.distributed.cluster import nodes_conf, replies, slots
from minidis.distributed.cluster.state import (
    BUS_PORT_INCREMENT,
    FORGET_MS,
    MANUAL_FAILOVER_MS,
    SAVE,
    SAVE_UNSYNCED,
    UPDATE_STATE,
    ClusterNode,
)
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import (
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
from minidis.engine.durability.disk import DiskError
from minidis.engine.errors import shown
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError, Verbatim

if TYPE_CHECKING:
    from minidis.distributed.cluster.role import Cluster

DISABLED = "ERR This instance has cluster support disabled"
_CHANGES = ADMIN | STALE | NO_ASYNC_LOADING


def _cluster(syntax: str, flags: Flag, since: str = "3.0.0") -> Callable[[Callable], Callable]:
    """Register a command that is refused where there is no cluster; its function is given that first."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def handler(client: Client, *words: bytes) -> Any:
            cluster: Cluster | None = client.node.cluster
            if cluster is None:
                raise ReplyError(DISABLED)
            return function(cluster, client, *words)

        handler.__doc__, handler.__name__ = function.__doc__, function.__name__
        handler.__module__, handler.__wrapped__ = function.__module__, function  # type: ignore[attr-defined]
        command(syntax, flags, since=since, raw=True, group="cluster")(handler)
        return function

    return register


# ---- looking ----------------------------------------------------------------------------------------------


@_cluster("CLUSTER INFO", STALE)
def info(cluster: Cluster, client: Client):
    """Show the state of the cluster. O(1)."""
    return Verbatim(replies.info_reply(cluster).encode())


@_cluster("CLUSTER NODES", STALE)
def nodes(cluster: Cluster, client: Client):
    """Show the nodes and what they serve. O(N) in nodes."""
    state = cluster.state
    lines = (nodes_conf.describe(state, node, client.is_tls) + "\n" for node in state.nodes.values())
    return Verbatim("".join(lines).encode("utf-8", "surrogateescape"))


@_cluster("CLUSTER SLOTS", STALE)
def slots_(cluster: Cluster, client: Client):
    """Show which nodes serve which slots. O(N) in nodes."""
    return replies.slots_reply(cluster, client)


@_cluster("CLUSTER SHARDS", STALE, "7.0.0")
def shards(cluster: Cluster, client: Client):
    """Show which nodes serve which slots, by shard. O(N) in nodes."""
    return replies.shards_reply(cluster)


@_cluster("CLUSTER LINKS", STALE, "7.0.0")
def links(cluster: Cluster, client: Client):
    """Show the connections to other nodes. O(N) in nodes."""
    return replies.links_reply(cluster)


@_cluster("CLUSTER MYID", STALE)
def myid(cluster: Cluster, client: Client):
    """Show this node's id. O(1)."""
    return cluster.myself.name.encode()


@_cluster("CLUSTER MYSHARDID", STALE, "7.2.0")
def myshardid(cluster: Cluster, client: Client):
    """Show the id of this node's shard. O(1)."""
    return cluster.myself.shard_id.encode()


@_cluster("CLUSTER KEYSLOT key:string", STALE)
def keyslot(cluster: Cluster, client: Client, key: bytes):
    """Tell the hash slot of a key. O(N) in bytes of the key."""
    return slots.slot_of(key)


@_cluster("CLUSTER COUNTKEYSINSLOT slot:int", STALE)
def countkeysinslot(cluster: Cluster, client: Client, slot: bytes):
    """Count the keys in a hash slot. O(1)."""
    number = integer(slot)
    if not 0 <= number < slots.SLOTS:
        raise ReplyError("ERR Invalid slot")
    return cluster.keys.count(number)


@_cluster("CLUSTER GETKEYSINSLOT slot:int count:int", STALE)
def getkeysinslot(cluster: Cluster, client: Client, slot: bytes, count: bytes):
    """Show keys of a hash slot. O(N) in keys asked for."""
    number, most = integer(slot), integer(count)
    if not 0 <= number < slots.SLOTS or most < 0:
        raise ReplyError("ERR Invalid slot or number of keys")
    return cluster.keys.in_slot(number, most)


@_cluster("CLUSTER REPLICAS node-id", ADMIN | STALE, "5.0.0")
def replicas(cluster: Cluster, client: Client, name: bytes):
    """Show the replicas of a node. O(N) in replicas."""
    node = _known(cluster, name)
    if node.is_replica:
        raise ReplyError("ERR The specified node is not a master")
    lines = (nodes_conf.describe(cluster.state, replica, client.is_tls) for replica in node.replicas)
    return [line.encode("utf-8", "surrogateescape") for line in lines]


@_cluster("CLUSTER SLAVES node-id", ADMIN | STALE)
def slaves(cluster: Cluster, client: Client, name: bytes):
    """Show the replicas of a node. O(N) in replicas."""
    return replicas(cluster, client, name)


@_cluster("CLUSTER COUNT-FAILURE-REPORTS node-id", ADMIN | STALE)
def count_failure_reports(cluster: Cluster, client: Client, name: bytes):
    """Count the nodes that hold another one for failed. O(N) in reports."""
    return _known(cluster, name).count_fail_reports(cluster.now_ms, cluster.node.config.cluster_node_timeout)


# ---- members ----------------------------------------------------------------------------------------------


@_cluster("CLUSTER MEET ip port:int [cluster_bus_port:int]", _CHANGES)
def meet(
    cluster: Cluster, client: Client, host: bytes, port: bytes, bus_port: bytes | None = None, *more: bytes
):
    """Begin to know another node. O(1)."""
    if more:
        raise errors.WrongUsage
    number = parse_integer(port)
    if number is None:
        raise ReplyError(f"ERR Invalid base port specified: {shown(port)}")
    bus_number = number + BUS_PORT_INCREMENT if bus_port is None else parse_integer(bus_port)
    if bus_number is None:
        assert bus_port is not None
        raise ReplyError(f"ERR Invalid bus port specified: {shown(bus_port)}")
    if not cluster.bus.meet(shown(host), number, bus_number):
        raise ReplyError(f"ERR Invalid node address specified: {shown(host)}:{shown(port)}")
    return "OK"


@_cluster("CLUSTER FORGET node-id", _CHANGES)
def forget(cluster: Cluster, client: Client, name: bytes):
    """Strike a node from the table. O(1)."""
    node = cluster.state.find(shown(name))
    if node is None and cluster.state.is_forgotten(shown(name), cluster.now_ms):
        return "OK"  # another node has told us meanwhile
    node = _known(cluster, name)
    if node is cluster.myself:
        raise ReplyError("ERR I tried hard but I can't forget myself...")
    if cluster.myself.is_replica and cluster.myself.primary is node:
        raise ReplyError("ERR Can't forget my master!")
    cluster.state.forget_for_a_while(node.name, cluster.now_ms + FORGET_MS)
    cluster.remove(node)
    cluster.soon(SAVE_UNSYNCED | UPDATE_STATE)
    return "OK"


@_cluster("CLUSTER RESET [HARD|SOFT]", ADMIN | STALE | NOSCRIPT)
def reset(cluster: Cluster, client: Client, *words: bytes):
    """Forget the cluster. O(N) in nodes."""
    how = _one_of(words, b"HARD", b"SOFT")
    if cluster.myself.is_primary and len(client.db):
        raise ReplyError("ERR CLUSTER RESET can't be called with master nodes containing keys")
    cluster.reset(hard=how == b"HARD")
    return "OK"


# ---- slots ------------------------------------------------------------------------------------------------


@_cluster("CLUSTER ADDSLOTS slot:int [slot:int ...]", _CHANGES)
def addslots(cluster: Cluster, client: Client, *words: bytes):
    """Give this node hash slots. O(N) in slots."""
    return _add(cluster, [(slot, slot) for slot in map(_slot, words)])


_SLOT_RANGES = "start-slot:int end-slot:int [start-slot:int end-slot:int ...]"


@_cluster(f"CLUSTER ADDSLOTSRANGE {_SLOT_RANGES}", _CHANGES, "7.0.0")
def addslotsrange(cluster: Cluster, client: Client, *words: bytes):
    """Give this node ranges of slots. O(N) in slots."""
    return _add(cluster, _ranges("addslotsrange", words))


@_cluster("CLUSTER DELSLOTS slot:int [slot:int ...]", _CHANGES)
def delslots(cluster: Cluster, client: Client, *words: bytes):
    """Take hash slots away. O(N) in slots."""
    return _delete(cluster, [(slot, slot) for slot in map(_slot, words)])


@_cluster(f"CLUSTER DELSLOTSRANGE {_SLOT_RANGES}", _CHANGES, "7.0.0")
def delslotsrange(cluster: Cluster, client: Client, *words: bytes):
    """Take ranges of slots away. O(N) in slots."""
    return _delete(cluster, _ranges("delslotsrange", words))


@_cluster("CLUSTER FLUSHSLOTS", _CHANGES)
def flushslots(cluster: Cluster, client: Client):
    """Take all hash slots away. O(1)."""
    if len(cluster.node.databases[0]):
        raise ReplyError("ERR DB must be empty to perform CLUSTER FLUSHSLOTS.")
    cluster.take_set(cluster.myself.slots)
    cluster.soon(SAVE_UNSYNCED | UPDATE_STATE)
    return "OK"


def _add(cluster: Cluster, ranges: list[tuple[int, int]]) -> str:
    for slot in _distinct(ranges, lambda slot: cluster.state.owners[slot] is not None, "busy"):
        cluster.state.importing_from.pop(slot, None)  # it has come, now that it is ours
        cluster.give(slot, cluster.myself)
    cluster.soon(SAVE_UNSYNCED | UPDATE_STATE)
    return "OK"


def _delete(cluster: Cluster, ranges: list[tuple[int, int]]) -> str:
    for slot in _distinct(ranges, lambda slot: cluster.state.owners[slot] is None, "unassigned"):
        cluster.state.importing_from.pop(slot, None)
        cluster.take(slot)
    cluster.soon(SAVE_UNSYNCED | UPDATE_STATE)
    return "OK"


def _distinct(ranges: list[tuple[int, int]], is_so: Callable[[int], bool], state: str) -> dict[int, None]:
    """All slots of these ranges, if none of them is in this state already, or named twice."""
    found: dict[int, None] = {}
    for first, last in ranges:
        if first > last:
            raise ReplyError(f"ERR start slot number {first} is greater than end slot number {last}")
        for slot in range(first, last + 1):
            if is_so(slot):
                raise ReplyError(f"ERR Slot {slot} is already {state}")
            if slot in found:
                raise ReplyError(f"ERR Slot {slot} specified multiple times")
            found[slot] = None
    return found


def _ranges(name: str, words: tuple[bytes, ...]) -> list[tuple[int, int]]:
    if len(words) % 2:
        raise errors.wrong_arity(f"cluster|{name}")
    return [(_slot(first), _slot(last)) for first, last in zip(words[::2], words[1::2], strict=True)]


@_cluster("CLUSTER SETSLOT slot:int (IMPORTING node-id|MIGRATING node-id|NODE node-id|STABLE)", _CHANGES)
def setslot(cluster: Cluster, client: Client, slot_word: bytes, action: bytes, *words: bytes):
    """Say whose a hash slot is, or where it moves. O(1)."""
    state = cluster.state
    if cluster.myself.is_replica:
        raise ReplyError("ERR Please use SETSLOT only with masters.")
    slot = _slot(slot_word)
    match action.upper(), len(words):
        case b"MIGRATING", 1:
            if state.owners[slot] is not cluster.myself:
                raise ReplyError(f"ERR I'm not the owner of hash slot {slot}")
            state.migrating_to[slot] = _other_side(cluster, words[0])
        case b"IMPORTING", 1:
            if state.owners[slot] is cluster.myself:
                raise ReplyError(f"ERR I'm already the owner of hash slot {slot}")
            state.importing_from[slot] = _other_side(cluster, words[0])
        case b"STABLE", 0:
            state.migrating_to.pop(slot, None)
            state.importing_from.pop(slot, None)
        case b"NODE", 1:
            _assign(cluster, slot, _primary(_known(cluster, words[0])))
        case _:
            raise ReplyError("ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")
    cluster.soon(SAVE_UNSYNCED | UPDATE_STATE)
    return "OK"


def _assign(cluster: Cluster, slot: int, owner: ClusterNode) -> None:
    """SETSLOT NODE: the slot has moved, or was given to somebody."""
    state, myself = cluster.state, cluster.myself
    was_mine = state.owners[slot] is myself
    keys_left = cluster.keys.count(slot)
    if was_mine and owner is not myself and keys_left:
        raise ReplyError(
            f"ERR Can't assign hashslot {slot} to a different node while I still hold keys for this hash "
            "slot."
        )
    if not keys_left:
        state.migrating_to.pop(slot, None)
    cluster.give(slot, owner)
    if was_mine and owner is not myself and not myself.slot_count:
        if cluster.node.config.cluster_allow_replica_migration:
            cluster.bus.log(
                "notice",
                f"Configuration change detected. Reconfiguring myself as a replica of {owner.name} "
                f"({owner.human_name})",
            )
            cluster.follow(owner)
            cluster.soon(SAVE)
    if owner is myself and state.importing_from.pop(slot, None) is not None:
        # The others believe the greater epoch: it must be ours, and they must hear of it soon
        if state.bump_epoch():
            cluster.bus.log("notice", f"configEpoch updated after importing slot {slot}")
            cluster.soon(SAVE)
        cluster.tell_everyone()


def _other_side(cluster: Cluster, name: bytes) -> ClusterNode:
    node = cluster.state.find(shown(name))
    if node is None:
        raise ReplyError(f"ERR I don't know about node {shown(name)}")
    return _primary(node)


def _primary(node: ClusterNode) -> ClusterNode:
    if node.is_replica:
        raise ReplyError("ERR Target node is not a master")
    return node


# ---- epochs, roles ----------------------------------------------------------------------------------------


@_cluster("CLUSTER BUMPEPOCH", _CHANGES)
def bumpepoch(cluster: Cluster, client: Client):
    """Advance the epoch of the configuration. O(1)."""
    bumped = cluster.state.bump_epoch()
    if bumped:
        cluster.soon(SAVE)
    return f"{'BUMPED' if bumped else 'STILL'} {cluster.myself.config_epoch}"


@_cluster("CLUSTER SET-CONFIG-EPOCH config-epoch:int", _CHANGES)
def set_config_epoch(cluster: Cluster, client: Client, word: bytes):
    """Set a new node's epoch. O(1)."""
    epoch = integer(word)
    if epoch < 0:
        raise ReplyError(f"ERR Invalid config epoch specified: {epoch}")
    if len(cluster.state.nodes) > 1:
        raise ReplyError(
            "ERR The user can assign a config epoch only when the node does not know any other node."
        )
    if cluster.myself.config_epoch:
        raise ReplyError("ERR Node config epoch is already non-zero")
    cluster.myself.config_epoch = epoch
    cluster.state.current_epoch = max(cluster.state.current_epoch, epoch)
    cluster.bus.log("notice", f"configEpoch set to {epoch} via CLUSTER SET-CONFIG-EPOCH")
    cluster.soon(SAVE_UNSYNCED | UPDATE_STATE)
    return "OK"


@_cluster("CLUSTER SAVECONFIG", _CHANGES)
def saveconfig(cluster: Cluster, client: Client):
    """Write the cluster's state to disk. O(1)."""
    try:
        cluster.save()
    except DiskError as error:
        raise ReplyError(f"ERR error saving the cluster node config: {error.reason}") from None
    return "OK"


@_cluster("CLUSTER REPLICATE node-id", _CHANGES)
def replicate(cluster: Cluster, client: Client, name: bytes):
    """Make this node a replica of another. O(1)."""
    node, myself = _known(cluster, name), cluster.myself
    if node is myself:
        raise ReplyError("ERR Can't replicate myself")
    if node.is_replica:
        raise ReplyError("ERR I can only replicate a master, not a replica.")
    if myself.is_primary and (myself.slot_count or len(cluster.node.databases[0])):
        raise ReplyError("ERR To set a master the node must be empty and without assigned slots.")
    cluster.follow(node)
    cluster.soon(SAVE_UNSYNCED | UPDATE_STATE)
    return "OK"


@_cluster("CLUSTER FAILOVER [FORCE|TAKEOVER]", _CHANGES)
def failover(cluster: Cluster, client: Client, *words: bytes):
    """Put this replica in its primary's place. O(1)."""
    how = _one_of(words, b"FORCE", b"TAKEOVER")
    primary = cluster.myself.primary
    if cluster.myself.is_primary:
        raise ReplyError("ERR You should send CLUSTER FAILOVER to a replica")
    if primary is None:
        raise ReplyError("ERR I'm a replica but my master is unknown to me")
    if how is None and (primary.has_failed or primary.link is None):
        raise ReplyError("ERR Master is down or failed, please use CLUSTER FAILOVER FORCE")
    cluster.reset_manual_failover()
    cluster.state.manual_failover.ends_ms = cluster.now_ms + MANUAL_FAILOVER_MS
    cluster.bus.begin_manual_failover(how.decode().lower() if how else "")
    return "OK"


# ---- how a client wants to be served ----------------------------------------------------------------------


@_cluster("READONLY", LOADING | STALE | FAST)
def readonly(cluster: Cluster, client: Client):
    """Let this connection read from a cluster's replica. O(1)."""
    client.is_readonly = True
    return "OK"


@_cluster("READWRITE", LOADING | STALE | FAST)
def readwrite(cluster: Cluster, client: Client):
    """Take READONLY back. O(1)."""
    client.is_readonly = False
    return "OK"


@_cluster("ASKING", FAST)
def asking(cluster: Cluster, client: Client):
    """Announce a command that follows an -ASK redirection. O(1)."""
    client.is_asking = True
    return "OK"


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


# ---- words ------------------------------------------------------------------------------------------------


def _known(cluster: Cluster, name: bytes) -> ClusterNode:
    node = cluster.state.find(shown(name))
    if node is None:
        raise ReplyError(f"ERR Unknown node {shown(name)}")
    return node


def _slot(word: bytes) -> int:
    number = parse_integer(word)
    if number is None or not 0 <= number < slots.SLOTS:
        raise ReplyError("ERR Invalid or out of range slot")
    return number


def _one_of(words: tuple[bytes, ...], *choices: bytes) -> bytes | None:
    """The option among the words, None without any."""
    if not words:
        return None
    if len(words) > 1:
        raise errors.WrongUsage
    if words[0].upper() not in choices:
        raise ReplyError(errors.SYNTAX)
    return words[0].upper()


_HELP = """\
CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
ADDSLOTS <slot> [<slot> ...]
    Assign slots to current node.
ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]
    Assign slots which are between <start-slot> and <end-slot> to current node.
BUMPEPOCH
    Advance the cluster config epoch.
COUNT-FAILURE-REPORTS <node-id>
    Return number of failure reports for <node-id>.
COUNTKEYSINSLOT <slot>
    Return the number of keys in <slot>.
DELSLOTS <slot> [<slot> ...]
    Delete slots information from current node.
DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]
    Delete slots information which are between <start-slot> and <end-slot> from current node.
FAILOVER [FORCE|TAKEOVER]
    Promote current replica node to being a master.
FORGET <node-id>
    Remove a node from the cluster.
GETKEYSINSLOT <slot> <count>
    Return key names stored by current node in a slot.
FLUSHSLOTS
    Delete current node own slots information.
INFO
    Return information about the cluster.
KEYSLOT <key>
    Return the hash slot for <key>.
MEET <ip> <port> [<bus-port>]
    Connect nodes into a working cluster.
MYID
    Return the node id.
MYSHARDID
    Return the node's shard id.
NODES
    Return cluster configuration seen by node. Output format:
    <id> <ip:port@bus-port[,hostname]> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...
REPLICATE <node-id>
    Configure current node as replica to <node-id>.
RESET [HARD|SOFT]
    Reset current node (default: soft).
SET-CONFIG-EPOCH <epoch>
    Set config epoch of current node.
SETSLOT <slot> (IMPORTING <node-id>|MIGRATING <node-id>|STABLE|NODE <node-id>)
    Set slot state.
REPLICAS <node-id>
    Return <node-id> replicas.
SAVECONFIG
    Force saving cluster configuration on disk.
SLOTS
    Return information about slots range mappings. Each range is made of:
    start, end, master and replicas IP addresses, ports and ids
SHARDS
    Return information about slot range mappings and the nodes associated with them.
LINKS
    Return information about all network links between this node and its peers.
    Output format is an array where each array element is a map containing attributes of a link
HELP
    Print this help."""


@_cluster("CLUSTER HELP", LOADING | STALE, "5.0.0")
def help_(cluster: Cluster, client: Client):
    """Show what the subcommands do. O(1)."""
    return _HELP.splitlines()
