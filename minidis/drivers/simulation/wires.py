"""Wires: TCP connections of the lab, with latency, partitions and what a kernel does beside.

    a  ==== End ---- bytes in flight, in order ----> End ====  b
               <----------------------------------

What TCP promises holds here, and what it doesn't promise doesn't: bytes come in order, once, or the
connection is lost. A network that fails therefore *holds* bytes (the sender's kernel sends them again and
again) until it heals or someone gives up. A side learns of a dead peer only by a reset, by an end, or by a
timeout of its own.

    partition      bytes, and requests to connect, are held until the network heals
    reset (drop)   both sides lose the connection
    a killed process     its kernel ends every connection: the others learn of it
    a paused process     its kernel goes on: it accepts, and buffers what comes
    a machine without power   nothing answers; when it is up again it resets what it does not know

Each direction of a link between two hosts has a base latency, with a jitter that the lab's seed decides.

Complexity: O(1) for each send, O(log events) for its delivery.
Read next: process.py.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from minidis.drivers.simulation.agenda import Agenda
from minidis.drivers.simulation.record import Record

Address = tuple[str, int]

CONNECT_PATIENCE_US = 127_000_000
"""How long a kernel tries to connect (tcp_syn_retries = 6)."""

RESET = "Connection reset by peer"

JITTER = 0.25
"""A message takes up to this share longer than the base latency."""


class Owner(Protocol):
    """Who holds an end: a process of the lab, or a client."""

    def end_received(self, end: End, data: bytes) -> None: ...

    def end_lost(self, end: End, reason: str) -> None: ...

    def end_opened(self, end: End) -> None: ...


class Host:
    """A machine on the network: a name, an address, and whether power and process are on.

    `accept` answers the owner for a connection to `port`, or None when nobody listens there.
    """

    def __init__(self, name: str, ip: str) -> None:
        self.name = name
        self.ip = ip
        self.powered = True
        self.accept: Callable[[int, End], Owner | None] = lambda port, end: None
        self.ends: dict[int, End] = {}
        self.next_port = 40_000

    def __repr__(self) -> str:
        return f"<Host {self.name} {self.ip}>"


@dataclass(eq=False, slots=True)
class End:
    """One side of a wire."""

    number: int
    host: Host
    address: Address
    owner: Any = None
    other: End | None = None  # None until it stands, and after it is lost
    open: bool = False
    in_flight: deque[tuple[str, bytes, Any]] = field(default_factory=deque)  # on the way *from* here
    in_flight_bytes: int = 0
    delivering: bool = False
    last_arrival_us: int = 0

    def __repr__(self) -> str:
        return f"<End {self.number} {self.host.name} {self.address[0]}:{self.address[1]}>"


class Wires:
    """The network: hosts, links between them, and every connection."""

    def __init__(self, agenda: Agenda, random: random.Random, record: Record, latency_us: int) -> None:
        self.agenda = agenda
        self.random = random
        self.record = record
        self.latency_us = latency_us
        self.link_latency_us: dict[tuple[str, str], int] = {}
        self.blocked: set[tuple[str, str]] = set()
        self.hosts: dict[str, Host] = {}
        self._by_ip: dict[str, Host] = {}
        self._waiting: dict[tuple[str, str], list[Callable[[], None]]] = {}
        self._next_end = 1

    def add_host(self, name: str) -> Host:
        host = Host(name, f"10.0.{len(self.hosts) // 250}.{len(self.hosts) % 250 + 1}")
        self.hosts[name] = self._by_ip[host.ip] = host
        return host

    def find_host(self, name: str) -> Host | None:
        """By name or address."""
        return self.hosts.get(name) or self._by_ip.get(name)

    # -- connections ------------------------------------------------------------------------------

    def connect(self, host: Host, owner: Owner, to: Address) -> End:
        """Begin to connect; `owner.end_opened` or `owner.end_lost` tells how it went."""
        host.next_port += 1
        end = self._new_end(host, (host.ip, host.next_port), owner)
        target = self.find_host(to[0])
        if target is None:
            self.agenda.after(0, lambda: self._lose(end, "Name or service not known"))
            return end
        self.agenda.after(CONNECT_PATIENCE_US, lambda: self._give_up(end))
        self._travel(host, target, lambda: self._knock(end, target, to[1]))
        return end

    def _new_end(self, host: Host, address: Address, owner: Owner | None) -> End:
        end = End(self._next_end, host, address, owner)
        self._next_end += 1
        host.ends[end.number] = end
        return end

    def _knock(self, end: End, target: Host, port: int) -> None:
        """The request to connect has reached the other machine."""
        if end.number not in end.host.ends:
            return  # given up meanwhile
        there = self._new_end(target, (target.ip, port), None)
        there.other, there.open = end, True
        owner = target.accept(port, there)
        if owner is None:
            del target.ends[there.number]
            self._travel(target, end.host, lambda: self._lose(end, "Connection refused"))
            return
        there.owner = owner
        self._travel(target, end.host, lambda: self._established(end, there))

    def _established(self, end: End, there: End) -> None:
        if end.number not in end.host.ends:  # the caller is gone: its kernel answers with a reset
            self._travel(end.host, there.host, lambda: self._lose(there, RESET))
            return
        end.other, end.open = there, True
        end.owner.end_opened(end)

    def _give_up(self, end: End) -> None:
        if not end.open:
            self._lose(end, "Connection timed out")

    def _lose(self, end: End, reason: str) -> None:
        if end.host.ends.pop(end.number, None) is None:
            return
        end.open, end.other = False, None
        self._forget_in_flight(end)
        end.owner.end_lost(end, reason)

    def _forget_in_flight(self, end: End) -> None:
        for _, _, message in end.in_flight:
            self.record.lost(message)
        end.in_flight.clear()

    def reset(self, end: End) -> None:
        """The network or a middlebox kills the connection: both sides lose it, each a latency later."""
        for one in (end, end.other):
            if one is not None and one.host.powered:
                self.agenda.after(self._latency(one.host, one.host), partial(self._lose, one, RESET))

    # -- bytes ------------------------------------------------------------------------------------

    def send(self, end: End, data: bytes) -> None:
        """Send bytes; they come in order."""
        if end.open and data:
            self._enqueue(end, "data", data)

    def close(self, end: End) -> None:
        """End the connection in an orderly way: after what was sent, the other side learns of it."""
        if end.open:
            self._enqueue(end, "end", b"")
        end.open = False
        end.host.ends.pop(end.number, None)

    def _enqueue(self, end: End, kind: str, data: bytes) -> None:
        assert end.other is not None
        message = self.record.sent(end, end.other, kind, data)
        end.in_flight.append((kind, data, message))
        end.in_flight_bytes += len(data)
        other = end.other
        arrival_us = max(end.last_arrival_us, self.agenda.now_us + self._latency(end.host, other.host))
        end.last_arrival_us = arrival_us
        self.agenda.at(arrival_us, lambda: self._arrive(end, other))

    def _arrive(self, end: End, other: End) -> None:
        """The first piece in flight reaches the other machine, or waits at a wall."""
        if not end.in_flight:
            return  # lost meanwhile
        link = (end.host.name, other.host.name)
        if link in self.blocked or not other.host.powered:
            self._waiting.setdefault(link, []).append(lambda: self._arrive(end, other))
            return
        kind, data, message = end.in_flight.popleft()
        end.in_flight_bytes -= len(data)
        if other.number not in other.host.ends:  # closed, or forgotten in a power cut: the kernel resets
            self.record.lost(message)
            if kind == "data":
                self._travel(other.host, end.host, lambda: self._lose(end, RESET))
            return
        self.record.arrived(message)
        if kind == "data":
            other.owner.end_received(other, data)
        else:
            other.open, other.other = False, None
            other.host.ends.pop(other.number, None)
            other.owner.end_lost(other, "Connection closed by the other side")

    # -- links ------------------------------------------------------------------------------------

    def _travel(self, source: Host, target: Host, arrive: Callable[[], None]) -> None:
        """A packet without data, from machine to machine: held while the link is blocked."""
        link = (source.name, target.name)

        def land() -> None:
            if link in self.blocked or not target.powered:
                self._waiting.setdefault(link, []).append(land)
            else:
                arrive()

        self.agenda.after(self._latency(source, target), land)

    def _latency(self, source: Host, target: Host) -> int:
        base_us = self.link_latency_us.get((source.name, target.name), self.latency_us)
        return base_us + round(base_us * JITTER * self.random.random())

    def block(self, source: str, target: str) -> None:
        """Hold what goes from one host to the other."""
        self.blocked.add((source, target))
        self.record.standings.note_walls(self.agenda.now_us, self.blocked)

    def unblock(self, source: str, target: str) -> None:
        self.blocked.discard((source, target))
        self.record.standings.note_walls(self.agenda.now_us, self.blocked)
        self.release(source, target)

    def release(self, source: str, target: str) -> None:
        """What was held goes on its way again: a kernel tries once more."""
        delay_us = self.link_latency_us.get((source, target), self.latency_us)
        for arrive in self._waiting.pop((source, target), []):
            self.agenda.after(delay_us, arrive)

    def power_off(self, host: Host) -> None:
        """Nothing answers any more; the others do not learn of it."""
        host.powered = False
        for end in host.ends.values():
            if end.other is not None and (host.name, end.other.host.name) in self.blocked:
                self._forget_in_flight(end)  # nobody is left to send it again
        host.ends.clear()

    def power_on(self, host: Host) -> None:
        """The machine is up again, and knows none of its former connections."""
        host.powered = True
        for source, target in list(self._waiting):
            if target == host.name and (source, target) not in self.blocked:
                self.release(source, target)
