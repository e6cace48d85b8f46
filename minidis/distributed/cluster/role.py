"""Cluster: a node's part among many that share 16384 slots between them.

    a client                 GET user:7 -> slot 2780: mine? else MOVED 2780 10.0.0.2:7001     redirection.py
    the other nodes          who is there, who has failed, who serves what: the bus           bus.py
    the disk                 nodes.conf, written before anybody hears what stands in it       nodes_conf.py

Everything that happens changes `state`, and then asks for what must follow: `soon(SAVE | UPDATE_STATE)`. That
is done once for all, at the end of the turn and *before* a reply or a message leaves: `node.write_out` calls
`before_replies`. So an epoch or a vote that others know of is always on the disk.

The cluster is *ok* for us while every slot is served (cluster-require-full-coverage) and we see the majority
of the primaries. A primary that comes back, or was cut off with a minority, waits a moment before it says ok:
the others may have put a replica in its place meanwhile, and tell it so first.

Mirrors: cluster.c (`clusterInit`, `clusterUpdateState`, `clusterBeforeSleep`, `clusterSetMaster`,
`clusterReset`).
Complexity: O(slots + nodes) for an update of the state.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded({"cluster-enabled": "yes"}, clock=0, seed=1)
>>> redis.execute("SET", "k", "v")
Traceback (most recent call last):
    ...
minidis.engine.errors.Redirected: CLUSTERDOWN Hash slot not served
>>> redis.execute("CLUSTER", "ADDSLOTSRANGE", 0, 16383); redis.step(3)
'OK'
>>> redis.execute("SET", "k", "v"), redis.execute("CLUSTER", "KEYSLOT", "k")
('OK', 7629)

Read next: redirection.py, then bus.py.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from minidis.distributed.cluster import nodes_conf, slots
from minidis.distributed.cluster.bus import Bus
from minidis.distributed.cluster.key_index import KeysBySlot
from minidis.distributed.cluster.redirection import Redirection
from minidis.distributed.cluster.slots import SlotSet
from minidis.distributed.cluster.state import (
    BUS_PORT_INCREMENT,
    HANDLE_FAILOVER,
    HANDLE_MANUAL_FAILOVER,
    MYSELF,
    NO_FAILOVER,
    PRIMARY,
    SAVE,
    SAVE_UNSYNCED,
    UPDATE_STATE,
    ClusterNode,
    ClusterState,
    ManualFailover,
    random_name,
)
from minidis.engine import starting
from minidis.engine.durability.disk import DiskError, join, replace_file

if TYPE_CHECKING:
    from minidis.engine.node import Node

CRON_US = 100_000
LONGEST_REJOIN_DELAY_MS = 5_000
SHORTEST_REJOIN_DELAY_MS = 500
WRITABLE_DELAY_MS = 2_000


class Cluster:
    """The part that a node plays in a cluster: `node.cluster`; None where cluster-enabled is no."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.random = random.Random(f"{node.run_id}/cluster")
        self.state = ClusterState(self._new_myself())
        self.keys = KeysBySlot(node.databases[0])
        self.redirection = Redirection(self)
        self.bus = Bus(self)
        self.has_begun = False
        self._todo = 0
        self._first_update_ms: int | None = None
        self._among_minority_ms: int | None = None
        self._next_cron_us = node.now_us + CRON_US
        node.router = self.redirection.check
        node.writers.append(self.before_replies)
        node.services.append(self)
        node.config_listeners.append(self._config_changed)
        node.update_observed()

    @property
    def myself(self) -> ClusterNode:
        return self.state.myself

    @property
    def now_ms(self) -> int:
        return self.node.now_ms

    def _new_myself(self) -> ClusterNode:
        name, shard_id = random_name(self.random), random_name(self.random)
        return ClusterNode(name, MYSELF | PRIMARY, self.node.now_ms, shard_id)

    # -- beginning --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take up what nodes.conf says, or write the first one.  Raises NodesFileError, DiskError."""
        if self.has_begun:
            return
        self.has_begun = True
        node, path = self.node, self.path
        self._lock(path)
        if node.disk.size(path):
            text = node.disk.read(path).decode("utf-8", "surrogateescape")
            self.state = nodes_conf.parse(text, self.now_ms, self.random, path)
            node.log("notice", f"Node configuration loaded, I'm {self.myself.name}")
        else:
            node.log("notice", f"No cluster configuration found, I'm {self.myself.name}")
            self.save()
        self._announce()
        self.bus.begin()

    def _lock(self, path: str) -> None:
        try:
            self.node.disk.lock(path)
        except DiskError as error:
            if error.code != "EAGAIN":
                raise
            raise nodes_conf.NodesFileError(
                path,
                f"Sorry, the cluster configuration file {path} is already used by a different Redis Cluster "
                "node. Please make sure that different nodes use different cluster configuration files.",
            ) from None

    def check_data(self) -> None:
        """After files were loaded: slots with keys that are not ours are taken, or are being imported.

        Raises NodesFileError if there are keys outside database 0.
        """
        node, state = self.node, self.state
        if self.myself.is_replica:
            return
        if any(len(database) for database in node.databases[1:]):
            raise nodes_conf.NodesFileError(
                self.path,
                "You can't have keys in a DB different than DB 0 when in Cluster mode. Exiting.",
            )
        changed = False
        for slot in self.keys.slots():
            owner = state.owners[slot]
            if owner is self.myself or slot in state.importing_from:
                continue
            changed = True
            if owner is None:
                node.log("notice", f"I have keys for unassigned slot {slot}. Taking responsibility for it.")
                state.give(slot, self.myself)
            else:
                node.log(
                    "notice",
                    f"I have keys for slot {slot}, but the slot is assigned to another node. Setting it to "
                    "importing state.",
                )
                state.importing_from[slot] = owner
        if changed:
            self.save()

    def _announce(self) -> None:
        """Where we are, and what we are called, as the directives say."""
        config, myself = self.node.config, self.myself
        before = (myself.hostname, myself.human_name, myself.flags)
        myself.tcp_port = config.cluster_announce_port or config.port
        myself.tls_port = config.cluster_announce_tls_port or config.tls_port
        myself.bus_port = config.cluster_announce_bus_port or self.bus_port
        if config.cluster_announce_ip:
            myself.ip = config.cluster_announce_ip
        myself.hostname = config.cluster_announce_hostname
        myself.human_name = config.cluster_announce_human_nodename
        myself.flags &= ~NO_FAILOVER
        if config.cluster_replica_no_failover:
            myself.flags |= NO_FAILOVER
        if before != (myself.hostname, myself.human_name, myself.flags):
            self.soon(SAVE | UPDATE_STATE)

    @property
    def path(self) -> str:
        """That of nodes.conf."""
        return join(self.node.config.dir, self.node.config.cluster_config_file)

    @property
    def bus_port(self) -> int:
        """The port that the bus listens on."""
        config = self.node.config
        port = config.tls_port if config.tls_cluster and config.tls_port else config.port
        return config.cluster_port or port + BUS_PORT_INCREMENT

    def _config_changed(self, attributes: list[str]) -> None:
        if "cluster_announce_ip" in attributes and not self.node.config.cluster_announce_ip:
            self.myself.ip = ""  # to be learned from a MEET again
        if any(
            name.startswith("cluster_announce") or name == "cluster_replica_no_failover"
            for name in attributes
        ):
            self._announce()
        if "cluster_require_full_coverage" in attributes:
            self.soon(UPDATE_STATE)

    # -- turns ------------------------------------------------------------------------------------

    def soon(self, todo: int) -> None:
        """Let these follow before a reply or a message leaves."""
        self._todo |= todo
        self.node.unwritten = True

    def before_replies(self) -> None:
        """Do what was asked for since the last turn.  Raises NodeFailure when nodes.conf can't be written."""
        todo, self._todo = self._todo, 0
        if not todo:
            return
        if todo & (HANDLE_FAILOVER | HANDLE_MANUAL_FAILOVER):
            self.bus.handle_failover(manual=bool(todo & HANDLE_MANUAL_FAILOVER))
            todo |= self._todo
            self._todo = 0
        if todo & UPDATE_STATE:
            self.update_state()
            self.redirection.redirect_waiting()
        if todo & (SAVE | SAVE_UNSYNCED):
            self._save_or_end(sync=bool(todo & SAVE))

    def next_deadline_us(self) -> int:
        return self._next_cron_us

    def tick(self) -> None:
        """Ten times a second."""
        if self.node.now_us < self._next_cron_us:
            return
        self._next_cron_us = self.node.now_us + CRON_US
        self.bus.cron()
        if not self.state.is_ok:
            self.update_state()
            self.redirection.redirect_waiting()

    # -- the file ---------------------------------------------------------------------------------

    def save(self, sync: bool = True) -> None:
        """Write nodes.conf, and sync it unless a power cut may take it back.  Raises DiskError."""
        path = self.path
        text = nodes_conf.file_text(self.state)
        replace_file(self.node.disk, path, text.encode("utf-8", "surrogateescape"), sync)
        self.node.disk.lock(path)  # the file of that name is another one now

    def _save_or_end(self, sync: bool) -> None:
        try:
            self.save(sync)
        except DiskError as error:
            self.node.fail(f"Fatal: can't update cluster config file: {error}")

    # -- ok, or not -------------------------------------------------------------------------------

    def update_state(self) -> None:
        """Work out whether the cluster is ok for us."""
        state, now_ms = self.state, self.now_ms
        serving = [node for node in state.nodes.values() if node.is_primary and node.slot_count]
        state.size = len(serving)
        if self._first_update_ms is None:
            self._first_update_ms = now_ms
        if self.myself.is_primary and not state.is_ok:
            if now_ms - self._first_update_ms < WRITABLE_DELAY_MS:
                return
        is_ok = not self.node.config.cluster_require_full_coverage or self._is_covered()
        reachable = sum(not (node.has_failed or node.may_be_failing) for node in serving)
        if reachable < state.quorum:
            is_ok = False
            self._among_minority_ms = now_ms
        if is_ok == state.is_ok:
            return
        if is_ok and self.myself.is_primary and self._is_rejoining():
            return
        state.is_ok = is_ok
        self.bus.log("notice" if is_ok else "warning", f"Cluster state changed: {'ok' if is_ok else 'fail'}")

    def _is_covered(self) -> bool:
        """Every slot is served by a node that has not failed."""
        owners = self.state.owners
        return None not in owners and not any(
            node.has_failed and node.slot_count for node in self.state.nodes.values()
        )

    def _is_rejoining(self) -> bool:
        """We were with a minority a moment ago: the others may have news."""
        if self._among_minority_ms is None:
            return False
        delay_ms = min(
            max(self.node.config.cluster_node_timeout, SHORTEST_REJOIN_DELAY_MS), LONGEST_REJOIN_DELAY_MS
        )
        return self.now_ms - self._among_minority_ms < delay_ms

    # -- slots ------------------------------------------------------------------------------------

    def give(self, slot: int, owner: ClusterNode) -> None:
        """A slot gets another owner: what clients here had to do with it ends."""
        if self.state.owners[slot] is not None:
            self.take(slot)
        self.state.give(slot, owner)

    def take(self, slot: int) -> None:
        """Nobody serves a slot any more; who listens to its shard channels is told."""
        if self.state.take(slot) is not None:
            self.redirection.unsubscribe(slots.as_set([slot]))

    def give_set(self, given: SlotSet, owner: ClusterNode) -> None:
        """The same for many at once."""
        self.take_set(given)
        self.state.give_set(given, owner)

    def take_set(self, taken: SlotSet) -> None:
        taken = self.state.take_set(taken)
        if taken:
            self.redirection.unsubscribe(taken)

    def delete_keys(self, slot: int) -> int:
        """Delete the keys of a slot that is another's now; how many there were."""
        database = self.node.databases[0]
        keys = self.keys.in_slot(slot, self.keys.count(slot))
        for key in keys:
            database.delete(key)
            self.node.journal.enter(database.index, [b"DEL", key])
            database.touch(key, "moved")
        return len(keys)

    # -- roles ------------------------------------------------------------------------------------

    def follow(self, primary: ClusterNode) -> None:
        """Become a replica of this node."""
        assert primary is not self.myself and self.myself.slot_count == 0
        if self.myself.is_primary:
            self.close_slots()
        self.myself.become_replica_of(primary)
        self.bus.replicate(primary)
        self.redirection.unsubscribe(~(primary.slots) & slots.ALL_SLOTS)
        self.reset_manual_failover()
        self.soon(SAVE | UPDATE_STATE)

    def close_slots(self) -> None:
        """No slot is on its way any more."""
        self.state.migrating_to.clear()
        self.state.importing_from.clear()

    def reset_manual_failover(self) -> None:
        """Give up a manual failover, if one is under way; a primary serves its clients again."""
        self.bus.reset_manual_failover()
        self.state.manual_failover = ManualFailover()

    def reset(self, hard: bool) -> None:
        """Forget the cluster; with `hard`, also who we are."""
        state, myself = self.state, self.myself
        if myself.is_replica:
            myself.become_primary()
            self.node.replication.lead()
            starting.empty(self.node)
        self.close_slots()
        self.reset_manual_failover()
        self.take_set(slots.ALL_SLOTS)
        for other in list(state.others()):
            self.remove(other)
        state.forgotten.clear()
        if hard:
            state.current_epoch = state.last_vote_epoch = myself.config_epoch = 0
            state.rename(myself, random_name(self.random))
            myself.shard_id = random_name(self.random)
            self.node.log("notice", f"Node hard reset, now I'm {myself.name}")
        self.soon(SAVE | UPDATE_STATE)

    def tell_everyone(self) -> None:
        """Something is new that the other nodes should not wait for."""
        self.bus.broadcast_pong()

    def publish(self, channel: bytes, message: bytes, to_shard: bool) -> None:
        """Carry a message to the other nodes, or to those of this shard."""
        self.bus.publish(channel, message, to_shard)

    def remove(self, other: ClusterNode) -> None:
        """Strike a node out, and hang up on it."""
        self.state.remove(other)
        self.bus.close_links(other)
