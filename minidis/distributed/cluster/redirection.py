"""Is this command for us?  What a cluster's node answers when it is not.

    SET user:7 x       slot 2780 is another's         -MOVED 2780 10.0.0.2:7001     for good: ask there
    GET user:7         slot 2780 leaves for another,
                       and the key has left already   -ASK 2780 10.0.0.2:7001       this once: ASKING, GET
    MGET {u}a {u}b     some are here, some have left  -TRYAGAIN                     in a moment
    MGET a b           two slots                      -CROSSSLOT                    never
    GET user:7         nobody serves the slot         -CLUSTERDOWN Hash slot not served

    the slot is      a key is here    no key is here     some are here
    mine             serve            serve              serve
    leaving          serve            ASK                TRYAGAIN
    coming           with ASKING (or RESTORE-ASKING, MIGRATE) serve; several keys, one missing: TRYAGAIN;
                     without it MOVED, as any other's
    another's        MOVED; on its replica, after READONLY, reads are served

A client keeps a map of the slots and corrects it by what MOVED says; ASK corrects nothing.

The look is taken at admission, before the command has had any effect. EXEC is looked at as all of its
queue; a script by the keys that it declares, and each of its commands by itself (`check_in_script`).

Mirrors: `getNodeByQuery`, `clusterRedirectClient`, `clusterRedirectBlockedClientIfNeeded` in cluster.c,
`scriptVerifyClusterState` in script.c.
Differs: a client that waits is redirected at the moment when its slot moves, not at the next cron.
Complexity: O(keys of the command).

Read next: commands.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.cluster.slots import SlotSet, slot_of
from minidis.engine.command_table.keyaccess import keys_of_request
from minidis.engine.command_table.keyspecs import has_movable_keys, key_specs, legacy_range
from minidis.engine.command_table.registry import Command, Flag
from minidis.engine.errors import Redirected
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidis.distributed.cluster.role import Cluster
    from minidis.distributed.cluster.state import ClusterNode
    from minidis.engine.client import Client

CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot"
TRY_AGAIN = "TRYAGAIN Multiple keys request during rehashing of slot"
DOWN = "CLUSTERDOWN The cluster is down"
ONLY_READS = "CLUSTERDOWN The cluster is down and only accepts read commands"
NOT_SERVED = "CLUSTERDOWN Hash slot not served"

SHARD_CHANNELS = {"ssubscribe": slice(1, None), "sunsubscribe": slice(1, None), "spublish": slice(1, 2)}
"""Commands whose channels lie in slots, as keys do."""

Request = tuple[Command, list[bytes]]
Plan = tuple[int, int, int] | None
"""Where the keys of a command are: first, last and step; None: it must be searched for them."""


class Redirection:
    """The router of a node in cluster mode (`node.router`)."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.node = cluster.node
        self.slot: int | None = None
        """Of the request let through last, and whether it came by ASKING: for the commands of its script."""
        self.is_asking = False
        self._plans: dict[str, Plan] = {}

    # -- before a command -------------------------------------------------------------------------

    def check(self, client: Client, command: Command, argv: list[bytes]) -> None:
        """Raise the error that sends the command elsewhere, if it is not for us."""
        name = command.name
        asking = client.is_asking
        if asking and name not in ("asking", "multi") and (client.transaction is None or name == "exec"):
            client.is_asking = False  # it is for one command, or one transaction
        self.slot, self.is_asking = None, asking
        if client.is_obeyed:
            return
        if name != "exec":
            keys = self.keys_of(command, argv)
            if len(keys) == 1 and self._is_plainly_ours(slot := slot_of(keys[0])):
                self.slot = slot
            elif keys:
                self.slot = self._route(client, command, [(command, argv)], asking)
        elif client.transaction is not None:
            self.slot = self._route(client, command, client.transaction.queue, asking)

    def _is_plainly_ours(self, slot: int) -> bool:
        """All is well, and the slot is not on its way: what nearly every command finds."""
        state = self.cluster.state
        return (
            state.owners[slot] is state.myself
            and state.is_ok
            and slot not in state.migrating_to
            and slot not in state.importing_from
        )

    def check_in_script(self, client: Client, command: Command, argv: list[bytes]) -> int | None:
        """The same for a command that a script of `client` sends; the slot of its keys, None without any."""
        if client.is_obeyed:
            return None
        try:
            return self._route(client, command, [(command, argv)], self.is_asking)
        except ReplyError as error:
            told = _TOLD_TO_SCRIPT.get(
                str(error), "Script attempted to access a non local key in a cluster node"
            )
            raise ReplyError(f"ERR {told}") from None

    def _route(
        self, client: Client, command: Command, requests: Sequence[Request], asking: bool
    ) -> int | None:
        keys = [key for request in requests for key in self.keys_of(*request)]
        if not keys:
            return None
        slot = slot_of(keys[0])
        owner = self.cluster.state.owners[slot]
        if owner is None:
            raise Redirected(NOT_SERVED)
        for key in keys:
            if slot_of(key) != slot:
                raise Redirected(CROSS_SLOT)
        writes = any(one.as_requested(client, words).is_write for one, words in requests)
        is_sharded = any(one.name in ("ssubscribe", "spublish") for one, _ in requests)
        if not self.cluster.state.is_ok:
            self._check_while_down(is_sharded, writes)
        asking = asking or bool(command.flags & Flag.ASKING)
        if slot in self.cluster.state.migrating_to or slot in self.cluster.state.importing_from:
            found = 0 if is_sharded else sum(self.node.databases[0].peek(key) is not None for key in keys)
            missing = 0 if is_sharded else len(keys) - found
            if self._is_served_on_its_way(client, command, slot, keys, found, missing, asking):
                return slot
        if owner is not self.cluster.myself and not self._may_read_here(client, owner, writes, is_sharded):
            raise self._elsewhere("MOVED", client, slot, owner)
        return slot

    def _check_while_down(self, is_sharded: bool, writes: bool) -> None:
        config = self.node.config
        if is_sharded:
            if not config.cluster_allow_pubsubshard_when_down:
                raise Redirected(DOWN)
        elif not config.cluster_allow_reads_when_down:
            raise Redirected(DOWN)
        elif writes:
            raise Redirected(ONLY_READS)

    def _is_served_on_its_way(
        self,
        client: Client,
        command: Command,
        slot: int,
        keys: list[bytes],
        found: int,
        missing: int,
        asking: bool,
    ) -> bool:
        """True: here, although the slot is on its way.  False: as if it were not."""
        state = self.cluster.state
        leaves = state.owners[slot] is state.myself and slot in state.migrating_to
        comes = not leaves and slot in state.importing_from
        if (leaves or comes) and command.name == "migrate":
            return True
        if leaves and missing:
            if found:
                raise Redirected(TRY_AGAIN)
            raise self._elsewhere("ASK", client, slot, state.migrating_to[slot])
        if comes and asking:
            if missing and len(set(keys)) > 1:
                raise Redirected(TRY_AGAIN)
            return True
        return False

    def _may_read_here(self, client: Client, owner: ClusterNode, writes: bool, is_sharded: bool) -> bool:
        """We are a replica of the owner, and the client reads only."""
        myself = self.cluster.myself
        wanted = (client.is_readonly or is_sharded) and not writes
        return wanted and myself.is_replica and myself.primary is owner

    def _elsewhere(self, word: str, client: Client, slot: int, node: ClusterNode) -> Redirected:
        port = node.port(client.is_tls)
        return Redirected(f"{word} {slot} {self.endpoint(node)}:{port}")

    def endpoint(self, node: ClusterNode) -> str:
        """The host at which clients are to look for a node: cluster-preferred-endpoint-type says how."""
        match self.node.config.cluster_preferred_endpoint_type:
            case "ip":
                return node.ip
            case "hostname":
                return node.hostname or "?"
        return ""

    def keys_of(self, command: Command, argv: list[bytes]) -> list[bytes]:
        """The keys of a request, and its shard channels."""
        try:
            plan = self._plans[command.name]
        except KeyError:
            plan = self._plans[command.name] = _plan(command)
        if plan is None:
            return [argv[at] for at, _ in keys_of_request(command, argv)]
        first, last, step = plan
        if first == 0:
            return argv[SHARD_CHANNELS[command.name]] if command.name in SHARD_CHANNELS else []
        if first == last:
            return argv[first : first + 1]
        return argv[first : len(argv) + 1 + last if last < 0 else last + 1 : step]

    # -- those who are here already ---------------------------------------------------------------

    def redirect_waiting(self) -> None:
        """Send away who waits for a key that is not to come here any more."""
        for parked in list(self.node.waiting.parked.values()):
            if parked.wait.keys and not parked.wait.postponed:
                error = self._why_in_vain(parked.client, parked.command, slot_of(parked.wait.keys[0]))
                if error is not None:
                    self.node.waiting.unblock(parked.client, error)

    def _why_in_vain(self, client: Client, command: Command, slot: int) -> ReplyError | None:
        state = self.cluster.state
        owner = state.owners[slot]
        if not state.is_ok:
            return Redirected(DOWN)
        if owner is state.myself or slot in state.importing_from:
            return None
        if owner is None:
            return Redirected(NOT_SERVED)
        if self._may_read_here(client, owner, command.is_write, is_sharded=False):
            return None
        return self._elsewhere("MOVED", client, slot, owner)

    def unsubscribe(self, slots: SlotSet) -> None:
        """End the subscriptions to the shard channels of these slots; their clients are told."""
        table = self.node.pubsub.shard_channels
        for channel in [name for name in table.clients if slots >> slot_of(name) & 1]:
            for client in list(table.clients[channel].values()):
                for confirmation in table.unsubscribe(client, (channel,)):
                    client.deliver(confirmation)


def _plan(command: Command) -> Plan:
    specs = key_specs(command.line)
    if command.key_finder is not None or has_movable_keys(specs):
        return None
    return legacy_range(specs)


_TOLD_TO_SCRIPT = {
    ONLY_READS: "Script attempted to execute a write command while the cluster is down and readonly",
    DOWN: "Script attempted to execute a command while the cluster is down",
}
