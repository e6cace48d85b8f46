"""What a node of a cluster knows: the other nodes, and which of them serves each slot.

    ClusterState
      +-- myself: ClusterNode              one of `nodes`
      +-- nodes   name -> ClusterNode      flags, address, config epoch, slots, times of PING and PONG
      +-- owners  slot -> ClusterNode      16384 of them; None: nobody serves it
      +-- migrating_to, importing_from     the slots that are on their way
      +-- current_epoch, last_vote_epoch   the cluster's clock of configurations
      +-- election, manual_failover        where a failover of ours stands

This is *one node's view*. The nodes agree in time, by gossip and by config epochs: of two nodes that claim
a slot, the one with the greater epoch has it. Nothing here sends, saves, or reads a clock: role.py does what
follows from a change, and the bus tells the others.

Mirrors: cluster.h (`clusterState`, `clusterNode`), and what cluster.c does with these alone.
Differs: the slots of a node are one int (slots.py); shards are found among the nodes, not kept beside them.
Complexity: O(1) for a slot, O(N) in nodes where the header says "each".

>>> state = ClusterState(ClusterNode("a" * 40, MYSELF | PRIMARY, created_ms=0))
>>> other = state.add(ClusterNode("b" * 40, PRIMARY, created_ms=0))
>>> state.give(0, other); state.give(1, other)
>>> state.owners[1] is other, other.slot_count, state.owners[2]
(True, 2, None)
>>> other.flag_names()
['master']

Read next: role.py.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Iterator
from typing import Any

from minidis.distributed.cluster.slots import SLOTS, SlotSet, each, ranges
from minidis.structures.record import field, record

NAME_LENGTH = 40
BUS_PORT_INCREMENT = 10_000
FORGET_MS = 60_000
"""How long a node that CLUSTER FORGET struck out is not taken in again."""
MANUAL_FAILOVER_MS = 5_000
"""How long a manual failover may take."""
FAIL_REPORT_VALIDITY = 2
"""A failure report counts for so many node timeouts."""

# What must follow a change: see `Cluster.soon`
SAVE = 1
SAVE_UNSYNCED = 16  # what a power cut may take back: an administrator said it, nobody was promised it
UPDATE_STATE = 2
HANDLE_FAILOVER = 4
HANDLE_MANUAL_FAILOVER = 8

# The flags of a node, with the values that they have on the bus
PRIMARY = 1
REPLICA = 2
PFAIL = 4  # has not answered us: perhaps it has failed
FAIL = 8  # the majority says so
MYSELF = 16
HANDSHAKE = 32  # the first PING is still to be answered: its name is made up
NO_ADDRESS = 64
MEET = 128  # it is to be sent a MEET
MIGRATE_TO = 256  # a primary that replicas may migrate to
NO_FAILOVER = 512  # a replica that does not want to be promoted
EXTENSIONS_SUPPORTED = 1024  # it understands extensions of PING and PONG

FLAG_NAMES = (
    (MYSELF, "myself"),
    (PRIMARY, "master"),
    (REPLICA, "slave"),
    (PFAIL, "fail?"),
    (FAIL, "fail"),
    (HANDSHAKE, "handshake"),
    (NO_ADDRESS, "noaddr"),
    (NO_FAILOVER, "nofailover"),
)
"""In the order in which CLUSTER NODES and nodes.conf show them; the others are not shown."""


def random_name(random: random_module.Random) -> str:
    """40 hexadecimal digits: the name of a node, or of a shard."""
    return f"{random.getrandbits(160):040x}"


def is_name(text: str) -> bool:
    """Can this be the name of a node?"""
    return len(text) == NAME_LENGTH and text.isalnum() and text.isascii() and text == text.lower()


class ClusterNode:
    """A node as one of the cluster sees it.  Times are unix time in milliseconds; 0: never, or not now."""

    __slots__ = (
        "config_epoch",
        "created_ms",
        "data_received_ms",
        "fail_reports",
        "fail_ms",
        "flags",
        "hostname",
        "human_name",
        "inbound_link",
        "ip",
        "bus_port",
        "link",
        "name",
        "orphaned_ms",
        "ping_sent_ms",
        "pong_received_ms",
        "primary",
        "replicas",
        "replication_offset",
        "replication_offset_ms",
        "shard_id",
        "slot_count",
        "slots",
        "tcp_port",
        "tls_port",
        "voted_ms",
    )

    def __init__(self, name: str, flags: int, created_ms: int, shard_id: str = "") -> None:
        self.name = name
        self.flags = flags
        self.shard_id = shard_id or name
        self.created_ms = created_ms
        self.config_epoch = 0
        """The greatest one heard of it.  Of a replica: nothing, its primary's counts."""
        self.slots: SlotSet = 0
        self.slot_count = 0
        """Only `ClusterState.give` and `take` change these two."""
        self.primary: ClusterNode | None = None
        """Of a replica; None also if its primary is not known."""
        self.replicas: list[ClusterNode] = []
        self.ip = ""
        self.tcp_port = 0
        self.tls_port = 0
        self.bus_port = 0
        self.hostname = ""
        self.human_name = ""
        self.ping_sent_ms = 0
        """When the PING went out that is still to be answered; 0: none is."""
        self.pong_received_ms = 0
        self.data_received_ms = 0
        self.fail_ms = 0
        self.voted_ms = 0
        """When we last voted for a replica of this primary."""
        self.replication_offset = 0
        self.replication_offset_ms = 0
        self.orphaned_ms = 0
        """Since when this primary has had no working replica; 0: it has, or needs none."""
        self.fail_reports: dict[ClusterNode, int] = {}
        """Who holds it for failed, and when they last said so."""
        self.link: Any = None
        """The bus's connection to it, and from it (`inbound_link`)."""
        self.inbound_link: Any = None

    # -- what it is -------------------------------------------------------------------------------

    @property
    def is_primary(self) -> bool:
        return bool(self.flags & PRIMARY)

    @property
    def is_replica(self) -> bool:
        return bool(self.flags & REPLICA)

    @property
    def is_myself(self) -> bool:
        return bool(self.flags & MYSELF)

    @property
    def may_be_failing(self) -> bool:
        """PFAIL: it has not answered us."""
        return bool(self.flags & PFAIL)

    @property
    def has_failed(self) -> bool:
        """FAIL: the majority of the primaries says so."""
        return bool(self.flags & FAIL)

    @property
    def in_handshake(self) -> bool:
        return bool(self.flags & HANDSHAKE)

    @property
    def has_address(self) -> bool:
        return not self.flags & NO_ADDRESS

    @property
    def never_fails_over(self) -> bool:
        return bool(self.flags & NO_FAILOVER)

    def flag_names(self) -> list[str]:
        """Its flags, as CLUSTER NODES shows them."""
        return [name for flag, name in FLAG_NAMES if self.flags & flag]

    def port(self, tls: bool) -> int:
        """The port for clients, with TLS or without; 0: there is none."""
        return self.tls_port if tls else self.tcp_port

    # -- primary and replicas ---------------------------------------------------------------------

    def become_primary(self) -> None:
        """It is no replica any more."""
        if self.is_primary:
            return
        self._leave_primary()
        self.flags = self.flags & ~REPLICA | PRIMARY

    def become_replica_of(self, primary: ClusterNode | None) -> None:
        """It follows `primary`; None: one that we don't know."""
        self.flags = self.flags & ~(PRIMARY | MIGRATE_TO) | REPLICA
        if self.primary is not primary:
            self._leave_primary()
        self.primary = primary
        if primary is not None and self not in primary.replicas:
            primary.replicas.append(self)
            primary.flags |= MIGRATE_TO
            self.shard_id = primary.shard_id

    def _leave_primary(self) -> None:
        primary, self.primary = self.primary, None
        if primary is not None and self in primary.replicas:
            primary.replicas.remove(self)
            if not primary.replicas:
                primary.flags &= ~MIGRATE_TO

    def count_working_replicas(self) -> int:
        return sum(not replica.has_failed for replica in self.replicas)

    # -- failure reports --------------------------------------------------------------------------

    def report_failure(self, reporter: ClusterNode, now_ms: int) -> bool:
        """Note that `reporter` holds it for failed.  True: that is new."""
        is_new = reporter not in self.fail_reports
        self.fail_reports[reporter] = now_ms
        return is_new

    def withdraw_failure(self, reporter: ClusterNode) -> bool:
        """`reporter` sees it well.  False: it never said otherwise."""
        return self.fail_reports.pop(reporter, None) is not None

    def count_fail_reports(self, now_ms: int, node_timeout_ms: int) -> int:
        """How many others hold it for failed; what was said long ago is dropped."""
        oldest_ms = now_ms - FAIL_REPORT_VALIDITY * node_timeout_ms
        for reporter, said_ms in list(self.fail_reports.items()):
            if said_ms < oldest_ms:
                del self.fail_reports[reporter]
        return len(self.fail_reports)

    def __repr__(self) -> str:
        return f"<ClusterNode {self.name[:8]} {self.ip}:{self.tcp_port} {','.join(self.flag_names())}>"


@record
class Election:
    """A replica's own election (failover_auth_* in Redis)."""

    begins_ms: int = 0
    """When votes are, or were last, asked for."""
    votes: int = 0
    was_requested: bool = False
    rank: int = 0
    epoch: int = 0
    obstacle: str = ""
    """Why there is none just now, for the log: "data age", "waiting delay", "expired", "waiting votes"."""
    obstacle_logged_ms: int = 0


@record
class ManualFailover:
    """CLUSTER FAILOVER (mf_* in Redis), on the primary and on the replica."""

    ends_ms: int = 0
    """0: none is under way."""
    replica: ClusterNode | None = None
    """On the primary: who asked for it."""
    primary_offset: int = -1
    """On the replica: what the primary had when it stopped its clients; -1: not yet heard."""
    may_begin: bool = False


@record
class BusStatistics:
    """Messages by the name of their type ("ping"), for CLUSTER INFO."""

    sent: dict[str, int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)
    links_over_limit: int = 0


class ClusterState:
    """One node's view of the cluster."""

    def __init__(self, myself: ClusterNode) -> None:
        self.myself = myself
        self.nodes: dict[str, ClusterNode] = {myself.name: myself}
        self.owners: list[ClusterNode | None] = [None] * SLOTS
        self.unclaimed: SlotSet = 0
        """Slots whose owner does not claim them in its messages: resharded at a moment of confusion."""
        self.migrating_to: dict[int, ClusterNode] = {}
        self.importing_from: dict[int, ClusterNode] = {}
        self.current_epoch = 0
        self.last_vote_epoch = 0
        self.is_ok = False
        """What cluster_state says: "ok" or "fail".  role.py works it out."""
        self.size = 1
        """Primaries with at least one slot."""
        self.forgotten: dict[str, int] = {}
        """Struck out by CLUSTER FORGET: name -> until when (unix milliseconds) it stays out."""
        self.election = Election()
        self.manual_failover = ManualFailover()
        self.statistics = BusStatistics()

    # -- nodes ------------------------------------------------------------------------------------

    def add(self, node: ClusterNode) -> ClusterNode:
        """Take a node in; the node again."""
        self.nodes[node.name] = node
        return node

    def remove(self, node: ClusterNode) -> None:
        """Strike a node out, with its slots, its reports and its place among primary and replicas.

        Closing its links is the caller's business.
        """
        self.take_set(node.slots)
        for moving in (self.migrating_to, self.importing_from):
            for slot in [slot for slot, other in moving.items() if other is node]:
                del moving[slot]
        for other in self.nodes.values():
            other.fail_reports.pop(node, None)
        for replica in node.replicas:
            replica.primary = None
        node.replicas.clear()
        if node.primary is not None:
            node._leave_primary()
        self.nodes.pop(node.name, None)

    def rename(self, node: ClusterNode, name: str) -> None:
        """Its name is known now, after a handshake, or it has drawn another."""
        del self.nodes[node.name]
        node.name = name
        self.nodes[name] = node

    def find(self, name: str) -> ClusterNode | None:
        """A node by its whole name."""
        return self.nodes.get(name)

    def others(self) -> Iterator[ClusterNode]:
        """Each node but ourselves."""
        return (node for node in self.nodes.values() if node is not self.myself)

    def shards(self) -> dict[str, list[ClusterNode]]:
        """Each shard's nodes, by the shard's id."""
        found: dict[str, list[ClusterNode]] = {}
        for node in self.nodes.values():
            if not node.in_handshake:
                found.setdefault(node.shard_id, []).append(node)
        return found

    def forget_for_a_while(self, name: str, until_ms: int) -> None:
        """Don't take in a node of that name again before `until_ms`."""
        self.forgotten[name] = until_ms

    def is_forgotten(self, name: str, now_ms: int) -> bool:
        """True for a node that was struck out a moment ago; those whose time is over are dropped."""
        for struck, until_ms in list(self.forgotten.items()):
            if until_ms < now_ms:
                del self.forgotten[struck]
        return name in self.forgotten

    # -- slots ------------------------------------------------------------------------------------

    def give(self, slot: int, node: ClusterNode) -> None:
        """`node` serves the slot, whoever did so before."""
        if self.owners[slot] is not None:
            self.take(slot)
        self.owners[slot] = node
        node.slots |= 1 << slot
        node.slot_count += 1
        self.unclaimed &= ~(1 << slot)
        if node.slot_count == 1 and self._primaries_have_replicas():
            node.flags |= MIGRATE_TO

    def take(self, slot: int) -> ClusterNode | None:
        """Nobody serves the slot; the node that did."""
        owner = self.owners[slot]
        if owner is not None:
            self.owners[slot] = None
            owner.slots &= ~(1 << slot)
            owner.slot_count -= 1
            self.unclaimed &= ~(1 << slot)
        return owner

    def give_set(self, slots: SlotSet, node: ClusterNode) -> None:
        """`node` serves all these, whoever did so before.  O(nodes + ranges), not O(slots) as one by one."""
        self.take_set(slots)
        self._set_owner(slots, node)
        if slots and not node.slots and self._primaries_have_replicas():
            node.flags |= MIGRATE_TO
        node.slots |= slots
        node.slot_count = node.slots.bit_count()

    def take_set(self, slots: SlotSet) -> SlotSet:
        """Nobody serves these; those that somebody did serve."""
        taken = 0
        for node in self.nodes.values():
            if node.slots & slots:
                taken |= node.slots & slots
                node.slots &= ~slots
                node.slot_count = node.slots.bit_count()
        self._set_owner(taken, None)
        self.unclaimed &= ~slots
        return taken

    def _set_owner(self, slots: SlotSet, node: ClusterNode | None) -> None:
        for first, last in ranges(slots):
            self.owners[first : last + 1] = [node] * (last + 1 - first)

    def _primaries_have_replicas(self) -> bool:
        """Then a primary that gets its first slot may be given one of theirs (replica migration)."""
        return any(node.replicas for node in self.nodes.values() if node.is_primary)

    # -- epochs -----------------------------------------------------------------------------------

    @property
    def quorum(self) -> int:
        """The majority of the primaries that have slots."""
        return self.size // 2 + 1

    def greatest_epoch(self) -> int:
        """The greatest that we know of."""
        return max(self.current_epoch, *(node.config_epoch for node in self.nodes.values()))

    def bump_epoch(self) -> bool:
        """Take an epoch above all others for ourselves, asking nobody.  False: it is ours already."""
        greatest = self.greatest_epoch()
        if self.myself.config_epoch != 0 and self.myself.config_epoch == greatest:
            return False
        self.current_epoch += 1
        self.myself.config_epoch = self.current_epoch
        return True

    # -- invariants -------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise AssertionError if the view contradicts itself."""
        assert self.nodes.get(self.myself.name) is self.myself
        owned = SLOTS - self.owners.count(None)
        assert owned == sum(node.slot_count for node in self.nodes.values()), "who has these slots?"
        for name, node in self.nodes.items():
            assert node.name == name
            assert node.slot_count == node.slots.bit_count()
            assert all(self.owners[slot] is node for slot in each(node.slots)), f"{node} has other slots"
            assert node.is_primary != node.is_replica or node.in_handshake, f"{node} has no role, or two"
            assert node.primary is None or node in node.primary.replicas, f"{node} is not with its primary"
            assert all(replica.primary is node for replica in node.replicas), f"{node}'s replicas"
            assert all(reporter in self.nodes.values() for reporter in node.fail_reports)
