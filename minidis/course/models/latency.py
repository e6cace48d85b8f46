"""What everybody else waits while one client's command runs: twenty clients that ping, on virtual time.

Redis has one thread.  A command that takes 40 ms is 40 ms in which nobody is served:

    busy   [SCAN][    KEYS *: 400 000 us                    ][SCAN]
    ping 1  .   .  x-------------------------------------------. .        its reply comes when KEYS is through
    ping 2    .   .   x----------------------------------------. .

How long a command takes is *worked out* from what the engine is about to touch: keys looked at, elements
freed or answered.  The prices below were measured on a redis-server 7.0 with a million keys (INFO
commandstats), and rounded: a slow machine changes them all, and no conclusion.

    everything      1 us                 looking at a key       0.4 us    KEYS, SCAN
    an element      0.2 us  answered     freeing a piece        0.5 us    DEL of a collection, FLUSHALL

Complexity: O(pings) for each command.

>>> node = Embedded(clock=0)
>>> node.node.databases[0].table.update({b"k%d" % n: None for n in range(100_000)})
>>> strip = Strip(node, clients=2, period_us=1000)
>>> strip.run("KEYS", "nothing")
[]
>>> strip.longest_us, strip.percentile_us(50) > 10_000
(40002, True)

Read next: minidis/notebook/views/latencies.py, which draws it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

from minidis.client import direct
from minidis.client.session import Session
from minidis.drivers.embedded import Embedded
from minidis.engine.client import Client
from minidis.engine.command_table.registry import Command
from minidis.engine.memory.lazyfree import WORTH_PUTTING_OFF
from minidis.protocol.numbers import parse_integer
from minidis.protocol.quoting import quote

COMMAND_US = 1.0
KEY_SEEN_US = 0.4
ELEMENT_ANSWERED_US = 0.2
ELEMENT_FREED_US = 0.5
ROUND_TRIP_US = 100.0

EXPIRE_UNITS_US = {b"EXPIRE": 1_000_000, b"PEXPIRE": 1000, b"EXPIREAT": 1_000_000, b"PEXPIREAT": 1000}


class Ping(NamedTuple):
    """One ping: whose, when it arrived, how long its reply took (microseconds)."""

    client: int
    arrived_us: float
    latency_us: float


class Busy(NamedTuple):
    """A stretch in which the server ran one client's commands."""

    start_us: float
    end_us: float
    command: str


def price_us(node: Embedded, argv: list[bytes]) -> float:
    """How long a command takes that is about to run. O(keys named)."""
    database = node.node.databases[0]
    name, words = argv[0].upper(), argv[1:]
    cost = COMMAND_US
    if name == b"KEYS":
        cost += KEY_SEEN_US * len(database.table)
    elif name == b"SCAN":
        cost += KEY_SEEN_US * min(_count(words[1:]), len(database.table))
    elif name in (b"SSCAN", b"HSCAN", b"ZSCAN") and words:
        cost += ELEMENT_ANSWERED_US * min(_count(words[2:]), _size(database, words[0]))
    elif name in (b"DEL", b"UNLINK"):
        lazily = name == b"UNLINK" or node.node.config.lazyfree_lazy_user_del
        cost += sum(_freeing_us(_pieces(database, key), lazily) for key in words)
    elif name in EXPIRE_UNITS_US and len(words) > 1 and _is_over(node, name, words[1]):
        cost += _freeing_us(_pieces(database, words[0]), lazily=False)
    elif name in (b"FLUSHALL", b"FLUSHDB") and not _flushes_lazily(node, words):
        cost += ELEMENT_FREED_US * sum(_pieces(database, key) for key in database.table)
    elif name in (b"LRANGE", b"ZRANGE", b"ZREVRANGE") and len(words) > 2:
        cost += ELEMENT_ANSWERED_US * _between(_size(database, words[0]), words[1], words[2])
    elif name in (b"SMEMBERS", b"HGETALL", b"HKEYS", b"HVALS", b"SORT") and words:
        cost += ELEMENT_ANSWERED_US * _size(database, words[0])
    return cost


def _flushes_lazily(node: Embedded, words: list[bytes]) -> bool:
    how = [word.upper() for word in words]
    return b"ASYNC" in how or (node.node.config.lazyfree_lazy_user_flush and b"SYNC" not in how)


def _is_over(node: Embedded, name: bytes, when: bytes) -> bool:
    """Does EXPIRE or one of its sisters delete the key at once?"""
    time = parse_integer(when)
    if time is None:
        return False
    begin_us = node.now_us if name.endswith(b"AT") else 0
    return time * EXPIRE_UNITS_US[name] <= begin_us


def _freeing_us(pieces: int, lazily: bool) -> float:
    if lazily and pieces > WORTH_PUTTING_OFF:
        return COMMAND_US  # only unlinked here; the memory goes later, in the background
    return ELEMENT_FREED_US * pieces


def _size(database: Any, key: bytes) -> int:
    value = database.table.get(key)
    return 0 if value is None else 1 if value.kind == "string" else len(value)


def _between(size: int, start: bytes, stop: bytes) -> int:
    """How many elements lie from `start` to `stop`; all of them when those are no ranks."""
    first, last = parse_integer(start), parse_integer(stop)
    return size if first is None or last is None else len(range(size)[first : last + 1 or None])


def _pieces(database: Any, key: bytes) -> int:
    """Pieces of memory to free: one for what is packed, one for each node of a list or element of a table."""
    value = database.table.get(key)
    if value is None:
        return 0
    if value.kind == "list":
        return sum(1 for _ in value.form.nodes()) if value.encoding == "quicklist" else 1
    if value.kind == "stream":
        return len(value.tree)
    return len(value) if value.encoding in ("hashtable", "skiplist") else 1


def _count(options: list[bytes]) -> int:
    for option, value in zip(options, options[1:], strict=False):
        if option.upper() == b"COUNT":
            return parse_integer(value) or 10
    return 10


class Strip:
    """Twenty clients that ping every millisecond or so, beside one that works on `node`.

    Work by `run(...)`, or let redis-py do it inside `with strip.watching():`, where each batch that a client
    sends in one go (a pipeline) is one stretch: its commands run one after the other before anybody else's.
    """

    def __init__(self, node: Embedded, clients: int = 20, period_us: float = 1000.0) -> None:
        self.node = node
        self.clients = clients
        self.period_us = period_us
        self.now_us = 0.0
        self.pings: list[Ping] = []
        self.busy: list[Busy] = []
        self._next_us = [period_us * number / clients for number in range(clients)]

    def run(self, *words: Any) -> Any:
        """Run one command, as a batch of its own; its reply."""
        with self._pricing() as batch:
            reply = self.node.execute(*words)
        self._serve_batch(batch)
        return reply

    @contextmanager
    def watching(self) -> Iterator[Strip]:
        """While the block runs, what redis-py clients of the node send is priced and timed."""
        original_receive = Session.receive

        def receive(session: Session, data: bytes) -> None:
            original_receive(session, data)
            if batch and session.embedded is self.node:
                self._serve_batch(batch)

        with (
            self._pricing() as batch,
            mock.patch.object(direct, "ready_session", lambda connection: None),  # so all goes by bytes
            mock.patch.object(Session, "receive", receive),
        ):
            yield self

    @contextmanager
    def _pricing(self) -> Iterator[list[tuple[float, str]]]:
        """Price and title of each command that runs in the block, those of EXEC and scripts among them."""
        node = self.node.node
        original_run = node.run
        batch: list[tuple[float, str]] = []

        def run(client: Client, command: Command, argv: list[bytes]) -> Any:
            if command.name.partition("|")[0] not in ("hello", "client", "select"):
                batch.append((price_us(self.node, argv), _title(argv)))
            return original_run(client, command, argv)

        with mock.patch.object(node, "run", run):
            yield batch

    def _serve_batch(self, batch: list[tuple[float, str]]) -> None:
        """One stretch: the commands run one after the other before anybody else's."""
        dearest = max(batch)[1] + (f" and {len(batch) - 1} more" if len(batch) > 1 else "")
        self._serve(sum(cost for cost, _ in batch), dearest)
        batch.clear()

    def idle(self, duration_us: float) -> None:
        """Nobody works; the pings go on."""
        self.now_us += duration_us
        self._answer(self.now_us, 0.0)

    def _serve(self, cost_us: float, command: str) -> None:
        """One stretch of work from now, then the round trip in which the worker waits for its reply."""
        start, end = self.now_us, self.now_us + cost_us
        self.busy.append(Busy(start, end, command))
        self._answer(end, end)
        self.now_us = end + ROUND_TRIP_US
        self._answer(self.now_us, end)

    def _answer(self, until_us: float, free_from_us: float) -> None:
        """Answer the pings that arrive before `until_us`; the server is free from `free_from_us` on."""
        for client in range(self.clients):
            while self._next_us[client] <= until_us:
                arrived = self._next_us[client]
                latency = max(0.0, free_from_us - arrived) + COMMAND_US
                self.pings.append(Ping(client, arrived, latency))
                self._next_us[client] += self.period_us

    @property
    def longest_us(self) -> int:
        return round(max((ping.latency_us for ping in self.pings), default=0))

    def percentile_us(self, percent: float) -> float:
        """The latency that `percent` of the pings stay within."""
        latencies = sorted(ping.latency_us for ping in self.pings)
        return latencies[min(len(latencies) - 1, int(len(latencies) * percent / 100))] if latencies else 0.0


def _title(argv: list[bytes], most_words: int = 4) -> str:
    words = [quote(word[:24]).decode().strip('"') for word in argv[:most_words]]
    return " ".join(words) + (" ..." if len(argv) > most_words else "")
