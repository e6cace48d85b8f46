"""A process of the lab: a node, with everything that a server gives it.

    bytes in  ->  Link (parser, node, encoder)  ->  bytes out
    node.peers.outbox  ->  wires, to other processes
    node.next_deadline_us()  ->  an event on the agenda

It is the same `Node` and the same `Link` as behind TCP: only clock, sockets and power are the lab's. A
process may be

    running
    talking    it stands still until another node has answered (asides.py); its kernel goes on
    paused     SIGSTOP: the kernel still accepts and buffers; time goes on outside
    killed     the process is gone, its connections end; the machine stands
    cut off    the power is gone, see wires.py

and it may be started again: a new node, with the same configuration and what its disk holds.

Read next: lab.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from minidis.drivers.simulation.agenda import Planned
from minidis.drivers.simulation.asides import converse
from minidis.drivers.simulation.wires import Address, End, Host
from minidis.engine import starting
from minidis.engine.client import Buffers
from minidis.engine.durability.disk import NodeFailure
from minidis.engine.link import TOO_MANY_CLIENTS, Link
from minidis.engine.memory.output_limits import OutputMeter
from minidis.engine.node import Node
from minidis.engine.peers import Aside, Close, Listen, Listener, Open, Peer, Send, Unlisten
from minidis.engine.settings.config import ConfigError

if TYPE_CHECKING:
    from minidis.drivers.simulation.lab import Lab

SOCKET_BUFFER_BYTES = 256 * 1024
"""What two kernels take off a process's hands for one connection; more counts as its output buffer."""

TIMER_US = 1_000
"""Timers have a resolution of a millisecond: a node that wants to be called "now" is called then."""


class Process:
    """One node of the lab, on a host of its own."""

    def __init__(self, lab: Lab, host: Host, port: int, make_node: Callable[[Process], Node]) -> None:
        self.lab = lab
        self.host = host
        self.port = port
        self.make_node = make_node
        self.skew_us = 0
        self.starts = 0
        self.running = False
        self.paused = False
        self._links: dict[int, tuple[End, Link]] = {}  # by the number of the end
        self._ends_of_clients: dict[int, End] = {}
        self._meters: dict[int, OutputMeter] = {}
        self._peers: dict[int, Peer] = {}
        self._ends_of_peers: dict[int, End] = {}
        self._listeners: dict[int, Listener] = {}
        self._talks = False
        self._looks_for_the_idle = False
        self._missed: list[Callable[[], None]] = []  # while it stands still
        self._alarm: Planned | None = None
        self._ticked_us = 0
        host.accept = self._accept
        self.start()

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def address(self) -> Address:
        return (self.host.ip, self.port)

    def clock(self) -> int:
        """The wall clock of this machine, unix microseconds."""
        return self.lab.agenda.now_us + self.skew_us

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """A new node."""
        self.starts += 1
        self.running = True
        self.paused = False
        self.node = self.make_node(self)
        self.node.on_shutdown = self._shut_down
        self.node.talk = self._talk
        self.node.tracking.has_turns = True
        self.node.config_listeners.append(self._config_changed)
        loading = starting.start(self.node)
        if loading is not None:
            loading.run()
        self._look_for_the_idle(self.node)
        self.finish_turn()

    def _config_changed(self, attributes: list[str]) -> None:
        if "port" in attributes and self.node.config.port != self.port:
            raise ConfigError("a process of the lab keeps its port", "port")
        if "timeout" in attributes and not self._looks_for_the_idle:
            self._look_for_the_idle(self.node)

    def _look_for_the_idle(self, node: Node) -> None:
        """Once a second, while `timeout` is set: hang up on clients that have said nothing for so long."""
        if self.node is not node:
            return
        timeout_us = node.config.timeout * 1_000_000
        self._looks_for_the_idle = self.running and timeout_us > 0
        if not self._looks_for_the_idle:
            return
        if not self.stands_still:
            for _, link in list(self._links.values()):
                client = link.client
                waits = client.parked is not None or len(client.subscriptions) > 0
                if not waits and self.clock() - client.last_command_us > timeout_us:
                    node.disconnect(client)
        self.lab.agenda.after(1_000_000, partial(self._look_for_the_idle, node))

    def random(self) -> random.Random:
        """The node's own lots: they depend on the lab's seed, its name and how often it was started."""
        return random.Random(f"{self.lab.seed}/{self.name}/{self.starts}")

    def kill(self) -> None:
        """The process ends at once; the kernel ends its connections."""
        ends = list(self.host.ends.values())
        self._forget()
        for end in ends:
            self.lab.wires.close(end)

    def cut_power(self) -> None:
        """The machine is gone, and nobody is told."""
        self._forget()
        self.lab.wires.power_off(self.host)

    def _forget(self) -> None:
        self.running = self.paused = self._talks = False
        for table in (
            self._meters,
            self._links,
            self._ends_of_clients,
            self._peers,
            self._ends_of_peers,
            self._listeners,
        ):
            table.clear()
        self._missed.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._note_standing()

    def restart(self) -> None:
        """Start again, with an empty memory."""
        if self.running:
            self.kill()
        if not self.host.powered:
            self.lab.wires.power_on(self.host)
        self.start()

    def _shut_down(self, *options: Any) -> bool:
        self.node.shutdown.end()
        self.lab.agenda.after(0, self.kill)
        return True

    def pause(self) -> None:
        self.paused = True
        self._note_standing()

    def resume(self) -> None:
        """SIGCONT: what came meanwhile is read now."""
        self.paused = False
        if self.running and not self._talks:
            self._take_missed()

    def _take_missed(self) -> None:
        missed, self._missed = self._missed, []
        for event in missed:
            self._now(event)
        if self.running:
            self._tick()

    @property
    def stands_still(self) -> bool:
        """Its kernel keeps for later what comes now."""
        return self.paused or self._talks

    def _talk(self, aside: Aside, until_us: int) -> None:
        """`node.talk`: the lab goes on, without this process, until the peer has answered."""
        node, self._talks = self.node, True
        converse(self, aside, until_us - self.skew_us)
        if self.node is node and self.running:
            self.lab.agenda.after(0, partial(self._end_talk, node))

    def _end_talk(self, node: Node) -> None:
        if self.node is node and self._talks:
            self._talks = False
            if not self.paused:
                self._take_missed()

    def _now(self, event: Callable[[], None]) -> None:
        """Let the process take an event, or its kernel keep it while the process stands still."""
        if self.stands_still:
            self._missed.append(event)
        elif self.running:
            event()

    # -- network ----------------------------------------------------------------------------------

    def _accept(self, port: int, end: End) -> Process | None:
        if not self.running:
            return None
        if port == self.port:
            self._now(lambda: self._accept_client(end))
            return self
        listener = next((one for one in self.node.peers.listeners if one.port == port), None)
        if listener is None:
            return None
        self._now(lambda: self._accept_peer(listener, end))
        return self

    def _accept_client(self, end: End) -> None:
        if end.other is None:
            return  # lost before this process took it from its kernel
        if len(self._links) >= self.node.config.maxclients:
            self.node.statistics.rejected_connections += 1
            self.lab.wires.send(end, TOO_MANY_CLIENTS)
            self.lab.wires.close(end)
            return
        self.node.now_us = self.node.clock()
        link = Link(self.node)
        client = link.client
        client.peer = show_address(end.other.address)
        client.local = show_address(end.address)
        self._links[end.number] = (end, link)
        self._ends_of_clients[client.id] = end
        client.on_close = partial(self._client_let_go, end)
        client.measure_buffers = lambda: Buffers(output_bytes=_unsent_bytes(end))
        self.finish_turn()

    def _accept_peer(self, listener: Listener, end: End) -> None:
        if end.other is None:
            return
        # the handler may speak as it is accepted: then the peer's Send finds its end at the turn's end
        peer = self.node.peers.accepted(listener, end.other.address, end.address)
        self._keep_peer(peer, end)
        self.finish_turn()

    def _keep_peer(self, peer: Peer, end: End) -> None:
        self._peers[end.number] = peer
        self._ends_of_peers[peer.id] = end
        peer.unsent_bytes = lambda: _unsent_bytes(end)

    def end_opened(self, end: End) -> None:
        """A connection that this process asked for stands."""
        self._now(lambda: self._peer_event(end, lambda peer: self.node.peers.opened(peer, end.address)))

    def end_received(self, end: End, data: bytes) -> None:
        """Bytes have reached this machine; while the process is stopped they fill its kernel's buffer."""
        sender = end.other
        if not self.stands_still:
            if self.running:
                self._take(end, data)
        elif sender is not None:
            sender.in_flight_bytes += len(data)
            self._missed.append(lambda: self._take_held(sender, end, data))
        else:
            self._missed.append(lambda: self._take(end, data))

    def _take_held(self, sender: End, end: End, data: bytes) -> None:
        sender.in_flight_bytes -= len(data)
        self._take(end, data)

    def end_lost(self, end: End, reason: str) -> None:
        """A connection is gone."""
        self._now(lambda: self._lose(end, reason))

    def _peer_event(self, end: End, event: Callable[[Peer], None]) -> None:
        peer = self._peers.get(end.number)
        if peer is not None:
            with _until_the_end():
                event(peer)
            self.finish_turn()

    def _take(self, end: End, data: bytes) -> None:
        held = self._links.get(end.number)
        if held is not None:
            self.node.statistics.reads += 1
            self.node.statistics.input_bytes += len(data)
            with _until_the_end():
                held[1].receive(data)
            self.finish_turn(held[1].client.id)
        elif (peer := self._peers.get(end.number)) is not None:
            with _until_the_end():
                self.node.peers.received(peer, data)
            self.finish_turn()

    def _lose(self, end: End, reason: str) -> None:
        self._meters.pop(end.number, None)
        held = self._links.pop(end.number, None)
        if held is None:
            self._peer_event(end, lambda peer: self.node.peers.lost(peer, reason))
            self._peers.pop(end.number, None)
            return
        link = held[1]
        self._ends_of_clients.pop(link.client.id, None)
        link.client.on_close = None
        self.node.now_us = self.node.clock()
        link.close()
        self.finish_turn()

    def _client_let_go(self, end: End) -> None:
        """The node has closed a client: at the end of this turn its connection goes too."""
        self.lab.agenda.after(0, partial(self._hang_up, end))

    def _hang_up(self, end: End) -> None:
        held = self._links.pop(end.number, None)
        if held is not None:
            self._ends_of_clients.pop(held[1].client.id, None)
            self.lab.wires.close(end)

    # -- a turn -----------------------------------------------------------------------------------

    def finish_turn(self, client_id: int | None = None) -> None:
        """Send what is owed, do what the node asked for, and plan its next tick."""
        if not self.running:
            return  # it was killed while it talked
        node = self.node
        ready = {} if client_id is None else {client_id: None}
        if not self._run_those_who_waited(ready):
            return
        node.before_sleep()
        if not self._run_those_who_waited(ready):
            return
        try:
            node.write_out()
        except NodeFailure as failure:  # no reply leaves for what could not be written
            self.lab.record.note("fault", self.name, f"ends itself: {failure}")
            self.kill()
            return
        for owed in ready:
            self._write(owed)
        if node.peers.outbox:
            self._carry_out()
        self._set_alarm()
        self._note_standing()

    def _run_those_who_waited(self, ready: dict[int, None]) -> bool:
        """Take up late replies; after its own a client goes on. False if that was the end of the process."""
        node = self.node
        while node.pending_output:
            clients, node.pending_output = node.pending_output, {}
            for owed in clients:
                held = self._ends_of_clients.get(owed)
                if held is not None:
                    ready[owed] = None
                    with _until_the_end():
                        self._links[held.number][1].collect()
        return self.running

    def _note_standing(self) -> None:
        record = self.lab.record
        if record.keeps_messages:
            record.standings.note(self.lab.agenda.now_us, self)

    def _write(self, client_id: int) -> None:
        end = self._ends_of_clients.get(client_id)
        if end is None:
            return
        link = self._links[end.number][1]
        if link.output:
            output, statistics = link.take_output(), self.node.statistics
            statistics.writes += 1
            if link.client.role != "replica":  # what those get is counted where it is made
                statistics.output_bytes += len(output)
            self.lab.wires.send(end, output)
            unsent_bytes = _unsent_bytes(end)
            meter = self._meters.setdefault(end.number, OutputMeter())
            if unsent_bytes > 0 and meter.exceeds(link.client.output_limit, unsent_bytes, self.node.now_us):
                self.lab.record.note("event", self.name, f"output limit: hangs up on {link.client.peer}")
                self.lab.wires.reset(end)

    def _carry_out(self) -> None:
        wires, outbox = self.lab.wires, self.node.peers.outbox
        while outbox:
            match outbox.popleft():
                case Open(peer):
                    self._keep_peer(peer, wires.connect(self.host, self, peer.address))
                case Send(peer):
                    wires.send(self._ends_of_peers[peer.id], peer.take_output())
                case Close(peer):
                    end = self._ends_of_peers.pop(peer.id)
                    wires.send(end, peer.take_output())
                    wires.close(end)
                    self._peers.pop(end.number, None)
                case Listen(listener):
                    self._listeners[listener.port] = listener
                case Unlisten(listener):
                    self._listeners.pop(listener.port, None)

    def _set_alarm(self) -> None:
        """Wake the node at its next deadline, by its own clock."""
        at_us = max(self.node.next_deadline_us() - self.skew_us, self._ticked_us + TIMER_US)
        if self._alarm is not None:
            if self._alarm.action is not None and self._alarm.time_us == at_us:
                return
            self._alarm.cancel()
        self._alarm = self.lab.agenda.at(at_us, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if not self.stands_still and self.running:
            self._tick()

    def _tick(self) -> None:
        self._ticked_us = self.lab.agenda.now_us
        with _until_the_end():
            self.node.tick()
        self.finish_turn()

    def step_clock(self, by_us: int) -> None:
        """Somebody corrects the wall clock of this machine."""
        self.skew_us += by_us
        if self.running and not self.stands_still:
            self._tick()

    def __repr__(self) -> str:
        state = "paused" if self.paused else "running" if self.running else "down"
        return f"<Process {self.name} {self.host.ip}:{self.port} {state}>"


def _until_the_end() -> suppress:
    """A node that must end does so with the turn: `write_out` says it again."""
    return suppress(NodeFailure)


def _unsent_bytes(end: End) -> int:
    """What the kernels have not taken off the process's hands."""
    return max(0, end.in_flight_bytes - SOCKET_BUFFER_BYTES)


def show_address(address: Address) -> str:
    """An address as CLIENT LIST shows it."""
    return f"{address[0]}:{address[1]}"
