"""The lab: nodes, clients and a network in virtual time, where everything can be broken on purpose.

    lab = Lab(seed=1)
    lab.nodes("a", "b", "c")
    lab.call("b", "REPLICAOF", "a", 6379)          # a name is an address
    lab.run("5s")
    lab.partition("a")                             # a on one side, the other nodes on the other
    alice = lab.connect("a", "alice")
    alice.call("SET", "k", "v")
    lab.heal()
    print(lab.transcript())

What happens depends on the seed alone: latencies, lots, ids. The same seed and the same calls give the same
record, to the microsecond and the byte; `search.py` looks through thousands of seeds for a history that
breaks a promise.

    partition(*groups)   nobody of one group reaches another; bytes are held, not lost
    cut(a, b)            the same for one direction: asymmetric faults
    delay(a, b, "40ms")  the latency of a link
    drop(a, b)           every connection between the two is reset
    pause(a), resume(a)  SIGSTOP and SIGCONT
    kill(a)              kill -9: the kernel closes its connections
    power_cut(a)         nobody is told, and the disk loses what was not synced
    restart(a)           a new process, from its disk
    clock_step(a, "5s")  the wall clock of one machine
    machine("alice")     ordinary Python on a machine of its own (tasks.py), with the same faults
    mend(a, b)           no wall between these two any more
    heal()               no walls, no delays, nobody paused (what is down stays down)

Mirrors: nothing in Redis; FoundationDB's simulation and TigerBeetle's VOPR have the idea.
Complexity: about 20 us for each event of a node.

>>> lab = Lab(seed=7)
>>> _ = lab.node("a")
>>> lab.call("a", "SET", "greeting", "hello"), lab.call("a", "GET", "greeting")
('OK', b'hello')
>>> lab.run("1h"); lab.now_s
3600.00...

Read next: process.py, wires.py; minidis/distributed/replication for what runs here.
"""

from __future__ import annotations

import random as random_module
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.distributed.sentinel.role import DEFAULT_PORT
from minidis.drivers.embedded import parse_time
from minidis.drivers.simulated_disk import SimulatedDisk
from minidis.drivers.simulation import clusters, sentinels
from minidis.drivers.simulation.agenda import Agenda, microseconds
from minidis.drivers.simulation.process import Process
from minidis.drivers.simulation.record import Record
from minidis.drivers.simulation.routed_client import RoutedClient
from minidis.drivers.simulation.tasks import Machine
from minidis.drivers.simulation.terminal import Move, Script, ScriptedClient, Terminal
from minidis.drivers.simulation.wires import Host, Wires
from minidis.engine.node import Node

START = "2026-01-01T00:00:00Z"

Names = str | Iterable[str]


class Lab:
    """Nodes on a virtual network.  `latency` is that of every link, unless `delay` says another."""

    def __init__(self, seed: int = 0, latency: str | float = "1ms", start: str | int = START) -> None:
        self.seed = seed
        self.started_us = parse_time(start) if isinstance(start, str) else start
        self.agenda = Agenda(self.started_us)
        self.record = Record()
        self.record.now_us = lambda: self.agenda.now_us
        self.record.started_us = self.started_us
        self.record.node_names = self._cluster_names
        network_random = random_module.Random(f"{seed}/network")
        self.wires = Wires(self.agenda, network_random, self.record, microseconds(latency))
        self.processes: dict[str, Process] = {}
        self.disks: dict[str, SimulatedDisk] = {}
        self.machines: dict[str, Machine] = {}
        self._prompts: dict[str, Terminal] = {}

    # -- who is there -----------------------------------------------------------------------------

    def node(
        self,
        name: str,
        config: Mapping[str, Any] | None = None,
        *,
        port: int = 6379,
        make_node: Callable[[Process], Node] | None = None,
    ) -> Process:
        """A node on a machine of its own.  `make_node` makes another kind (a Sentinel) for each start."""
        if name in self.wires.hosts:
            raise ValueError(f"there is a {name!r} already")
        host = self.wires.add_host(name)
        disk_seed = zlib.crc32(f"{self.seed}/{name}".encode())
        self.disks[name] = SimulatedDisk(disk_seed, clock=lambda: self.agenda.now_us)
        settings = {"port": port, "save": "", "enable-debug-command": "yes", **(config or {})}

        def default(process: Process) -> Node:
            node = Node(settings, process.clock, process.random(), disk=self.disks[name])
            clusters.record_events(self, name, node)
            return node

        process = Process(self, host, port, make_node or default)
        self.processes[name] = process
        return process

    def nodes(self, *names: str, config: Mapping[str, Any] | None = None) -> list[Process]:
        """Several nodes of one configuration."""
        return [self.node(name, config) for name in names]

    def cluster(
        self, names: Names, replicas: int = 1, config: Mapping[str, Any] | None = None
    ) -> list[Process]:
        """Nodes that are a cluster from the start (clusters.py): primaries first, then their replicas."""
        return clusters.start_cluster(self, _names(names), replicas, config)

    def sentinel(
        self,
        name: str,
        watch: Mapping[str, str],
        quorum: int = 2,
        *,
        port: int = DEFAULT_PORT,
        lines: Iterable[str] = (),
        **options: Any,
    ) -> Process:
        """A Sentinel that watches `watch`: the name of a primary -> the node that is it now.

        `options` are those of each primary: down_after_ms, failover_timeout_ms, parallel_syncs; `lines` are
        more lines of its sentinel.conf.
        """
        addresses = {primary: self.processes[node].address for primary, node in watch.items()}
        text = sentinels.config_text(port, addresses, quorum, options, lines)

        def make(process: Process) -> Node:
            if process.starts == 1:
                sentinels.write_config(self.disks[name], text)
            return sentinels.start_sentinel(self, process)

        return self.node(name, port=port, make_node=make)

    def sentinels(self, *names: str, watch: Mapping[str, str], **options: Any) -> list[Process]:
        """Several Sentinels that watch the same."""
        return [self.sentinel(name, watch, **options) for name in names]

    def routed_client(self, name: str, first: str) -> RoutedClient:
        """A cluster's client, with a map of the slots that it asks the node `first` for."""
        return RoutedClient(self, name, first)

    def _cluster_names(self) -> dict[str, str]:
        """The nodes of a cluster by the names that they have drawn."""
        return {
            process.node.cluster.state.myself.name: name
            for name, process in self.processes.items()
            if process.node.cluster is not None
        }

    def __getitem__(self, name: str) -> Node:
        """The engine's own `Node` of that name, to look into."""
        return self.processes[name].node

    def connect(self, node: str, name: str = "") -> Terminal:
        """A client on a machine of its own (`name`), connected to a node."""
        return Terminal(self, self.client_host(name or f"client-of-{node}"), self.processes[node].address)

    def script(self, name: str, node: str, script: Script) -> ScriptedClient:
        """A client that runs by itself: `script` yields commands and sleeps (terminal.py)."""
        return ScriptedClient(self, self.client_host(name), self.processes[node].address, script)

    def at(self, node: str) -> Move:
        """What a script yields to talk to another node from now on."""
        return Move(self.processes[node].address)

    def machine(self, name: str) -> Machine:
        """A machine for ordinary Python that runs as tasks (tasks.py); made when it is first named."""
        if name not in self.machines:
            self.machines[name] = Machine(self, self.client_host(name))
        return self.machines[name]

    def end_tasks(self) -> None:
        """Let every task end where it stands: else one that never ends keeps its thread."""
        for machine in self.machines.values():
            machine.end_tasks()

    def client_host(self, name: str) -> Host:
        """The machine of a client; made when it is first named."""
        return self.wires.hosts.get(name) or self.wires.add_host(name)

    def call(self, node: str, *words: Any, within: str | float = "60s") -> Any:
        """A command at a node's prompt, and its reply.  It takes virtual time, as all that goes by a wire."""
        prompt = self._prompts.get(node)
        if prompt is None or prompt.lost:
            prompt = self._prompts[node] = self.connect(node, f"prompt-of-{node}")
        return prompt.call(*words, within=within)

    # -- time -------------------------------------------------------------------------------------

    @property
    def now_us(self) -> int:
        """Unix microseconds of the lab's true time; a node's own clock may differ."""
        return self.agenda.now_us

    @property
    def now_s(self) -> float:
        """Seconds since the lab began."""
        return (self.agenda.now_us - self.started_us) / 1_000_000

    def run(self, duration: str | float) -> None:
        """Let so much virtual time pass."""
        self.agenda.run_until(self.agenda.now_us + microseconds(duration))

    def step(self) -> bool:
        """One event.  False when nothing is planned any more."""
        return self.agenda.step()

    def run_until(self, condition: Callable[[], bool], within: str | float = "60s") -> bool:
        """Run until `condition()` is true; False when it isn't `within` so much virtual time."""
        limit_us = self.agenda.now_us + microseconds(within)
        while not condition():
            next_us = self.agenda.next_time_us()
            if next_us is None or next_us > limit_us:
                self.agenda.run_until(limit_us)
                return condition()
            self.agenda.step()
        return True

    # -- faults -----------------------------------------------------------------------------------

    def partition(self, *groups: Names) -> None:
        """Walls between the groups; a single group is parted from all other nodes.

        Clients that are not named reach everyone.
        """
        sides = [_names(group) for group in groups]
        if len(sides) == 1:
            sides.append([name for name in self.processes if name not in sides[0]])
        self._fault("", "partition " + " | ".join(" ".join(side) for side in sides))
        for number, side in enumerate(sides):
            for other in sides[:number] + sides[number + 1 :]:
                for source in side:
                    for target in other:
                        self.wires.block(source, target)

    def cut(self, source: str, target: str) -> None:
        """A wall for what goes from `source` to `target`; the other direction stays open."""
        self._fault("", f"cut {source} -> {target}")
        self.wires.block(source, target)

    def mend(self, source: str, target: str) -> None:
        """No wall between the two any more, in either direction."""
        self._fault("", f"mend {source} - {target}")
        for link in ((source, target), (target, source)):
            self.wires.unblock(*link)

    def delay(self, source: str, target: str, latency: str | float) -> None:
        """The latency of a link, both ways."""
        self._fault("", f"delay {source} - {target} {latency}")
        for link in ((source, target), (target, source)):
            self.wires.link_latency_us[link] = microseconds(latency)

    def drop(self, source: str, target: str) -> None:
        """Reset every connection between the two."""
        self._fault("", f"drop {source} - {target}")
        for end in list(self.wires.hosts[source].ends.values()):
            if end.other is not None and end.other.host.name == target:
                self.wires.reset(end)

    def pause(self, name: str) -> None:
        """Stop a process; its kernel goes on."""
        self._fault(name, "paused")
        self._running(name).pause()

    def resume(self, name: str) -> None:
        self._fault(name, "resumed")
        self._running(name).resume()

    def kill(self, name: str) -> None:
        """kill -9: what is in the page cache survives, and the others learn of it."""
        self._fault(name, "killed")
        self._prompts.pop(name, None)
        self._running(name).kill()

    def power_cut(self, name: str) -> None:
        """The machine loses its power: nobody is told, and what was not synced is gone."""
        self._fault(name, "power cut")
        self._prompts.pop(name, None)
        self.processes[name].cut_power()
        self.disks[name].power_cut()

    def restart(self, name: str) -> None:
        """Start a process again, from its disk."""
        self._fault(name, "restarted")
        self._prompts.pop(name, None)
        self._running(name).restart()

    def clock_step(self, name: str, by: str | float) -> None:
        """Correct the wall clock of one machine, forward or back."""
        self._fault(name, f"clock stepped by {by}")
        self._running(name).step_clock(microseconds(by))

    def heal(self) -> None:
        """No walls and no delays any more, nobody paused.  What is down stays down."""
        self._fault("", "heal")
        self.wires.link_latency_us.clear()
        for source, target in sorted(self.wires.blocked):
            self.wires.unblock(source, target)
        for name in (*self.processes, *self.machines):
            if (stopped := self._running(name)).paused:
                stopped.resume()

    def _running(self, name: str) -> Process | Machine:
        """What may be paused or killed under this name: a node's process, or a machine of tasks."""
        return self.processes[name] if name in self.processes else self.machines[name]

    def _fault(self, where: str, text: str) -> None:
        self.record.note("fault", where, text)

    # -- what happened ----------------------------------------------------------------------------

    def transcript(self, start: int = 0, between: Names | None = None) -> str:
        """The record as text, from entry `start` on; `between` keeps the messages among these."""
        chosen = None if between is None else set(_names(between))
        return "\n".join(self.record.lines(start, chosen))


def _names(group: Names) -> list[str]:
    return group.split() if isinstance(group, str) else list(group)
