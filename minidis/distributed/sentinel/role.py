"""Sentinel: processes that watch a primary together, agree that it is down, and put a replica in its place.

Ten to twenty times a second each Sentinel goes around everyone whom it knows:

    monitoring   connect what is not connected; PING, INFO, hello        (discovery.py)
    acting       down for me?  down for a quorum?                        (detection.py)
                 then: who leads the failover?  a vote, one per epoch    (election.py)
                 the leader promotes a replica, step by step             (failover.py)

Two numbers keep them together. The *current epoch* grows with every attempt at a failover, and a Sentinel
votes once in each: so at most one gets a majority. The *config epoch* of a primary is the epoch of the
failover that put it there; of two Sentinels that name different addresses, the higher one is right, and the
other changes its mind.

    hello:  10.0.0.4,26379,<my id>,<current epoch>,mymaster,10.0.0.2,6379,<config epoch>

There is no other channel: hello messages go through the very nodes that are watched, so whoever watches the
same primary meets. What must survive a restart (id, epochs, votes) is on disk before anybody hears of it.

TILT: when two turns are far apart, or time ran backwards, this Sentinel can't trust what its clock says of
others. For half a minute it only watches, and answers that nobody is down.

Mirrors: sentinel.c (`sentinelTimer`, `sentinelHandleRedisInstance`, `sentinelEvent`).
Complexity: O(instances) for each turn.

>>> from minidis.drivers.simulation import Lab
>>> lab = Lab(seed=1)
>>> _ = lab.node("a"), lab.node("b", {"replicaof": "a 6379"})
>>> _ = lab.sentinels("s1", "s2", "s3", watch={"mymaster": "a"}, down_after_ms=1000); lab.run("30s")
>>> lab.kill("a"); lab.run("10s")
>>> lab.call("s1", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster") == [b"10.0.0.2", b"6379"]
True

Read next: discovery.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from minidis.distributed.sentinel import detection, discovery, failover
from minidis.distributed.sentinel.scripts import Runner, Scripts
from minidis.distributed.sentinel.state import (
    Address,
    DataNode,
    Failover,
    Instance,
    OtherSentinel,
    Periods,
    Primary,
    Replica,
    Settings,
)
from minidis.engine.durability.disk import DiskError

if TYPE_CHECKING:
    from minidis.engine.node import Node

DEFAULT_PORT = 26379
SLOWEST_HZ = 10
CLOCK_WAS_SET_BACK_US = 1_000_000
"""No turn is planned so far ahead."""

Resolve = Callable[[str], str | None]
"""From the name of a host to an address; None if it is not known."""


class InstanceError(ValueError):
    """An instance that cannot be."""


class Sentinel:
    """The part of a node that is a Sentinel: `node.sentinel`."""

    def __init__(
        self, node: Node, resolve: Resolve = lambda name: None, runner: Runner | None = None
    ) -> None:
        self.node = node
        self.resolve = resolve
        self.random = random.Random(node.run_id)
        self.my_id = ""
        self.current_epoch = 0
        self.primaries: dict[str, Primary] = {}
        self.settings = Settings()
        self.periods = Periods()
        self.scripts = Scripts(self, runner)
        self.event_listeners: list[Callable[[str, str], None]] = []
        """Called with the channel and the text of every event that is published."""
        self.save_config: Callable[[], None] = lambda: None  # configuration.py's; raises DiskError
        self.is_tilted = False
        self.tilt_since_ms = 0
        self.tilts = 0
        self.last_turn_ms = self.now_ms
        self._next_turn_us = node.now_us
        node.sentinel = self
        node.services.append(self)

    @property
    def now_ms(self) -> int:
        return self.node.now_us // 1000

    # -- turns ------------------------------------------------------------------------------------

    def next_deadline_us(self) -> int:
        return self._next_turn_us

    def tick(self) -> None:
        """A turn, when it is due.  They come at odd times, so that several Sentinels don't stay in step."""
        now_us = self.node.now_us
        if 0 < self._next_turn_us - now_us < CLOCK_WAS_SET_BACK_US:
            return
        self._next_turn_us = now_us + 1_000_000 // (SLOWEST_HZ + self.random.randrange(SLOWEST_HZ))
        self._look_at_clock()
        for primary in list(self.primaries.values()):
            self._visit(primary)
            for instance in [*primary.replicas.values(), *primary.sentinels.values()]:
                self._visit(instance)
            if primary.failover.state == "update_config":
                failover.switch_to_promoted(self, primary)
        self.scripts.tick()

    def _visit(self, instance: Instance) -> None:
        """What is due for one instance."""
        discovery.connect(self, instance)
        discovery.speak(self, instance)
        if self.is_tilted:
            if self.now_ms - self.tilt_since_ms < self.periods.tilt_period:
                return
            self.is_tilted = False
            self.announce("warning", "-tilt", "#tilt mode exited")
        detection.check_subjectively_down(self, instance)
        if isinstance(instance, Primary):
            detection.check_objectively_down(self, instance)
            if failover.start_if_needed(self, instance):
                detection.ask_others(self, instance, at_once=True)
            failover.advance(self, instance)
            detection.ask_others(self, instance)

    def _look_at_clock(self) -> None:
        now_ms = self.now_ms
        if not 0 <= now_ms - self.last_turn_ms <= self.periods.tilt_trigger:
            self.is_tilted = True
            self.tilt_since_ms = now_ms
            self.tilts += 1
            self.announce("warning", "+tilt", "#tilt mode entered")
        self.last_turn_ms = now_ms

    # -- telling ----------------------------------------------------------------------------------

    def event(self, level: str, channel: str, instance: Instance, more: str = "") -> None:
        """An event of an instance; its description stands first."""
        self.announce(level, channel, self.describe(instance) + more, instance.primary)

    def announce(self, level: str, channel: str, text: str, about: Primary | None = None) -> None:
        """Log an event, publish it, and have the notification script of the primary told if it is serious."""
        self.node.log(level, f"{channel} {text}")
        if level != "debug":
            self.node.pubsub.publish(encoded(channel), encoded(text))
            for listener in self.event_listeners:
                listener(channel, text)
        if level == "warning" and about is not None and about.notification_script:
            self.scripts.schedule(about.notification_script, channel, text)

    def describe(self, instance: Instance) -> str:
        """Kind, name and address; and those of its primary, if it isn't one.

        slave 10.0.0.2:6379 10.0.0.2 6379 @ mymaster 10.0.0.1 6379
        """
        text = f"{instance.kind} {instance.name} {self.shown(instance.address)} {instance.address.port}"
        primary = instance.primary
        if primary is instance:
            return text
        return f"{text} @ {primary.name} {self.shown(primary.address)} {primary.address.port}"

    def shown(self, address: Address) -> str:
        """The host of an address as others are told it."""
        return address.host if self.settings.announce_hostnames else address.ip

    def reconfigure_clients(self, primary: Primary, role: str, before: Address, after: Address) -> None:
        """Have the client-reconfig-script of a primary told of its new address."""
        if primary.client_reconfig_script:
            self.scripts.schedule(
                primary.client_reconfig_script,
                *(primary.name, role, "start"),
                *(self.shown(before), str(before.port), self.shown(after), str(after.port)),
            )

    # -- who is known -----------------------------------------------------------------------------

    def address(self, host: str, port: int, unresolved: bool = False) -> Address:
        """An address; `unresolved` lets a name pass that is not known now.  Raises InstanceError."""
        if not 0 <= port <= 65535:
            raise InstanceError("Invalid port number.")
        ip = self.look_up(host)
        if ip is None and not (unresolved and self.settings.resolve_hostnames):
            raise InstanceError("Can't resolve instance hostname.")
        return Address(host, ip or "", port)

    def look_up(self, host: str) -> str | None:
        """The address that a host has; None if it is not known, or names are not allowed."""
        from ipaddress import ip_address  # imported by those who have addresses

        try:
            return str(ip_address(host))
        except ValueError:
            return self.resolve(host) if self.settings.resolve_hostnames else None

    def is_host(self, address: Address, host: str) -> bool:
        """Does this name, or address, stand for the host of `address`?"""
        ip = self.look_up(host)
        if ip is None:
            own = address.host if self.settings.resolve_hostnames else address.ip
            return own.lower() == host.lower()
        return address.ip == ip

    def add_primary(self, name: str, host: str, port: int, quorum: int) -> Primary:
        """Watch a primary.  Raises InstanceError."""
        address = self.address(host, port, unresolved=True)
        if name in self.primaries:
            raise InstanceError("Duplicate master name.")
        primary = self.primaries[name] = Primary(name, address, quorum, self.now_ms, self.periods)
        return primary

    def add_replica(self, primary: Primary, host: str, port: int) -> Replica:
        """Raises InstanceError."""
        address = self.address(host, port, unresolved=True)
        replica = Replica(address, primary, self.shown(address), self.now_ms)
        if replica.name in primary.replicas:
            raise InstanceError("Duplicate hostname and port for replica.")
        primary.replicas[replica.name] = replica
        return replica

    def add_sentinel(self, primary: Primary, run_id: str, host: str, port: int) -> OtherSentinel:
        """Raises InstanceError."""
        address = self.address(host, port, unresolved=True)
        if run_id in primary.sentinels:
            raise InstanceError("Duplicate runid for sentinel.")
        other = primary.sentinels[run_id] = OtherSentinel(run_id, address, primary, self.now_ms)
        self._share_link(other)
        return other

    def _share_link(self, other: OtherSentinel) -> None:
        """The same process around another primary: one link does for both."""
        for primary in self.primaries.values():
            match = primary.sentinels.get(other.run_id)
            if primary is not other.primary and match is not None:
                other.link.release(other)
                other.link = match.link
                other.link.users.append(other)
                return

    def remove_primary(self, primary: Primary) -> None:
        """Watch it no more."""
        del self.primaries[primary.name]
        for instance in (*primary.replicas.values(), *primary.sentinels.values(), primary):
            instance.link.release(instance)

    def reset(self, primary: Primary, keep_sentinels: bool = False) -> None:
        """Forget what was learned around a primary, and a failover under way."""
        gone: list[Instance] = [*primary.replicas.values()]
        primary.replicas = {}
        if not keep_sentinels:
            gone += primary.sentinels.values()
            primary.sentinels = {}
        for instance in gone:
            instance.link.release(instance)
        primary.link.close_all()
        primary.link.reset_times(self.now_ms)
        primary.is_s_down = primary.is_o_down = primary.is_rebooting = primary.sent_script_kill = False
        primary.leader = ""
        primary.failover = Failover(epoch=primary.failover.epoch)
        primary.run_id = primary.follows_host = ""
        primary.reported_role, primary.reported_role_since_ms = primary.kind, self.now_ms

    def change_address(self, primary: Primary, host: str, port: int) -> None:
        """The primary is elsewhere now; where it was, there is a replica, to be brought in line."""
        try:
            address = self.address(host, port)
        except InstanceError:
            return
        replicas = [one.address for one in primary.replicas.values() if not one.address.is_same(address)]
        if not address.is_same(primary.address):
            replicas.append(primary.address)
        self.reset(primary, keep_sentinels=True)
        primary.address = address
        primary.s_down_since_ms = primary.o_down_since_ms = 0
        for one in replicas:
            try:
                replica = self.add_replica(primary, one.host, one.port)
            except InstanceError:
                continue
            self.event("notice", "+slave", replica)
        self.flush()

    def flush(self) -> bool:
        """Write what must not be forgotten to the configuration file.  False if that failed."""
        try:
            self.save_config()
        except DiskError as error:
            self.node.log(
                "warning",
                f"WARNING: Sentinel was not able to save the new configuration on disk!!!: {error}",
            )
            return False
        self.node.log("notice", "Sentinel new configuration saved on disk")
        return True

    def begin(self) -> None:
        """The configuration is loaded: from now on this is a Sentinel with an id."""
        if not self.my_id:
            self.my_id = f"{self.random.getrandbits(160):040x}"
            self.flush()
        self.node.log("notice", f"Sentinel ID is {self.my_id}")
        for primary in self.primaries.values():
            self.event("warning", "+monitor", primary, f" quorum {primary.quorum}")

    def new_epoch(self, epoch: int, primary: Primary) -> None:
        """The current epoch is this now."""
        self.current_epoch = epoch
        self.announce("warning", "+new-epoch", str(epoch), primary)

    def command_name(self, instance: Instance, name: str) -> bytes:
        """A command's name at this instance, which may have renamed it."""
        return encoded(instance.primary.renamed_commands.get(name.lower(), name))

    def hurry_hello(self, primary: Primary) -> None:
        """Something changed: say hello to all at the next turn."""
        for instance in (primary, *primary.replicas.values(), *primary.sentinels.values()):
            instance.last_published_ms -= self.periods.publish_period + 1

    def crash_after(self, step: str) -> None:
        """SENTINEL SIMULATE-FAILURE: end the process here, if that was asked for."""
        if f"crash-after-{step}" in self.settings.simulated_failures:
            self.node.log("warning", "Sentinel CRASH because of SENTINEL simulate-failure")
            if self.node.on_shutdown is not None:
                self.node.on_shutdown()

    def reconfigure(self, instance: DataNode, target: Address | None) -> bool:
        """Have an instance follow `target`, or nobody, as one transaction.  False if it can't be told now.

        MULTI, SLAVEOF, CONFIG REWRITE, CLIENT KILL TYPE normal, CLIENT KILL TYPE pubsub, EXEC: its clients
        are to ask again who the primary is.  Whether it worked, its INFO will tell.
        """
        connection = instance.link.commands
        if connection is None:
            return False

        def call(name: str, *words: str) -> None:
            connection.call(instance, [self.command_name(instance, name), *map(encoded, words)])

        call("MULTI")
        call("SLAVEOF", *(("NO", "ONE") if target is None else (self.shown(target), str(target.port))))
        call("CONFIG", "REWRITE")
        call("CLIENT", "KILL", "TYPE", "normal")
        call("CLIENT", "KILL", "TYPE", "pubsub")
        call("EXEC")
        return True


def encoded(text: str) -> bytes:
    """Text as the bytes it came as."""
    return text.encode("utf-8", "surrogateescape")


def decoded(data: bytes) -> str:
    """The text of bytes from a client or a file."""
    return data.decode("utf-8", "surrogateescape")
