"""Fault roulette: a node that is ill in one of ten ways; its gauges tell which, if you can read them.

    node = spin(seed=4)          the seed decides the fault, its size and the everyday traffic around it
    fault_of(4)                  what it was: a name of FAULTS

Each fault is *done* to the node, by commands and by time, never written into a gauge. Around it goes an
everyday load with small signs of other things in it (a key that expired, one slow command), so that a gauge
that is merely not zero proves nothing.

Complexity: some thousand commands for a spin.

>>> sorted(FAULTS)[:5]
['churn', 'client leak', 'eviction storm', 'expiry storm', 'fork stall']
>>> spin(seed=1).execute("PING") is not None
True

Read next: minidis/course/models/priced.py, how commands take time here.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from minidis.course.models.follower import Follower
from minidis.course.models.priced import charge, charge_forks
from minidis.drivers.embedded import Embedded
from minidis.drivers.event_loop import EventLoop
from minidis.protocol.replies import ReplyError

START = "2026-01-01T00:00:00Z"
CONFIG = {
    "latency-monitor-threshold": "1",
    "slowlog-log-slower-than": "1000",
    "hz": "1",
    "save": "",
    "repl-backlog-size": "64kb",  # full from the start: as it fills, it takes room from the keys
}
HEALTHY = "healthy"


def spin(seed: int, fault: str | None = None) -> Embedded:
    """A node with everyday traffic and one fault (the seed's, unless given); its clock is frozen."""
    random = Random(f"traffic {seed}")
    node = charge(Embedded(CONFIG, clock=START, seed=seed))
    _everyday(node, random)
    FAULTS[fault or fault_of(seed)](node, random)
    node.step(2)  # whoever is healthy has caught up
    return node


def fault_of(seed: int) -> str:
    """The fault that this seed draws."""
    return Random(f"fault {seed}").choice(sorted(FAULTS))


def _everyday(node: Embedded, random: Random) -> None:
    """A cache, a replica, some clients that come and go, one report a day: nothing of it is a fault."""
    charge_forks(node, random.randrange(1_000, 5_000))
    Follower(node)
    node.step(10)  # it gets its copy: one fork, a short one
    for number in range(random.randrange(400, 600)):
        node.execute("SET", f"user:{number}", "x" * 50)
    for number in range(300):
        node.execute("GET", f"user:{random.randrange(420)}")
        if number % 10 == 0:
            node.execute("SET", f"token:{number}", "x", "EX", "5")
    for number in range(random.randrange(8, 15)):
        client = node.connect(f"web-{number}")
        node.execute("GET", "user:1", client=client)
    for _ in range(20):
        node.disconnect(node.connect("job"))
    node.execute("SADD", "report", *range(8_000))
    node.execute("SMEMBERS", "report")  # once, slow
    node.execute("UNLINK", "report")
    node.step(10)


def _healthy(node: Embedded, random: Random) -> None:
    """The everyday traffic was all."""


def _slow_command(node: Embedded, random: Random) -> None:
    """Somebody lists the keyspace, again and again."""
    for number in range(3_000):
        node.execute("SET", f"item:{number}", number)
    admin = node.connect("admin-panel")
    for _ in range(random.randrange(8, 15)):
        node.execute("KEYS", "session:*", client=admin)
        node.step(1)


def _slow_script(node: Embedded, random: Random) -> None:
    """A script that walks over everything: the server sees one EVAL."""
    for number in range(3_000):
        node.execute("SET", f"item:{number}", number)
    billing = node.connect("billing")
    for _ in range(random.randrange(8, 15)):
        node.execute("EVAL", "return #redis.call('KEYS', ARGV[1])", "0", "invoice:*", client=billing)
        node.step(1)


def _client_leak(node: Embedded, random: Random) -> None:
    """Connections are opened, used once, and never closed."""
    for _ in range(random.randrange(200, 400)):
        node.execute("GET", "user:1", client=node.connect("worker"))
    node.step(300)


def _churn(node: Embedded, random: Random) -> None:
    """A connection for each request."""
    for _ in range(random.randrange(600, 1000)):
        client = node.connect("php")
        node.execute("GET", "user:1", client=client)
        node.disconnect(client)


def _eviction_storm(node: Embedded, random: Random) -> None:
    """The working set no longer fits: what is asked for was evicted a moment ago."""
    used_bytes = _used(node)
    node.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    node.execute("CONFIG", "SET", "maxmemory", str(used_bytes))
    for number in range(random.randrange(1000, 1500)):
        if node.execute("GET", f"page:{number % 900}") is None:
            node.execute("SET", f"page:{number % 900}", "x" * 100)


def _memory_full(node: Embedded, random: Random) -> None:
    """The limit is reached, the policy is the default: writes are refused."""
    node.execute("CONFIG", "SET", "maxmemory", str(_used(node) + 10_000))
    for number in range(random.randrange(300, 600)):
        try:
            node.execute("SET", f"order:{number}", "x" * 100)
        except ReplyError:
            pass  # the application logs it, and nobody reads the log


def _expiry_storm(node: Embedded, random: Random) -> None:
    """One job wrote all of them, with one time to live."""
    for number in range(random.randrange(2000, 3000)):
        node.execute("SET", f"teaser:{number}", "x", "EX", "30")
    node.step(40)


def _slow_reader(node: Embedded, random: Random) -> None:
    """A subscriber that does not read any more; what it is owed piles up here."""
    loop = EventLoop(node)
    reader = loop.connect("dashboard")
    reader.send(b"SUBSCRIBE ticks\r\n")
    loop.run()
    reader.hold()
    for _ in range(random.randrange(800, 1500)):
        node.execute("PUBLISH", "ticks", "x" * 1000)
        loop.turn()


def _fork_stall(node: Embedded, random: Random) -> None:
    """A save point every few seconds, on a machine whose kernel takes long to fork: no client's command."""
    charge_forks(node, random.randrange(200_000, 500_000))
    node.execute("CONFIG", "SET", "save", "5 100")
    for _ in range(random.randrange(5, 9)):
        for number in range(150):
            node.execute("SET", f"cart:{number}", "x" * 50)
        node.step(6)


def _replica_lag(node: Embedded, random: Random) -> None:
    """A second replica, behind a line that is too thin for what is written; it answers on time."""
    Follower(node, port=6381, bytes_per_s=random.randrange(1_000, 3_000))
    node.step(10)
    for _ in range(random.randrange(15, 25)):
        for number in range(100):
            node.execute("SET", f"event:{number}", "x" * 100)
        node.step(1)


def _used(node: Embedded) -> int:
    text = node.execute("INFO", "memory").decode()
    return int(text.partition("used_memory:")[2].split()[0])


FAULTS: dict[str, Callable[[Embedded, Random], None]] = {
    HEALTHY: _healthy,
    "slow command": _slow_command,
    "slow script": _slow_script,
    "client leak": _client_leak,
    "churn": _churn,
    "eviction storm": _eviction_storm,
    "memory full": _memory_full,
    "expiry storm": _expiry_storm,
    "slow reader": _slow_reader,
    "fork stall": _fork_stall,
    "replica lag": _replica_lag,
}
