"""Demonstrations for the five basic questions, AC1 to AC5.

Read next: intermediate.py.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from minidis.course.case import START
from minidis.course.demos import demonstrates
from minidis.course.models.memcached import Memcached
from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError

MB = 2**20


def fresh(**config: str) -> Embedded:
    return Embedded({name.replace("_", "-"): value for name, value in config.items()}, clock=START, seed=1)


@demonstrates(
    "AC1",
    "5000 visitors, counted four ways: which way takes least memory, and is exact?",
    "set",
    "bitmap",
    "hll",
)
def four_counters() -> tuple[list[str], str]:
    node = fresh()
    for visit in range(6000):
        visitor = visit % 5000
        node.execute("INCR", "string")
        node.execute("SADD", "set", f"user:{visitor}")
        node.execute("SETBIT", "bitmap", visitor, 1)
        node.execute("PFADD", "hll", f"user:{visitor}")
    says = {
        "string": int(node.execute("GET", "string")),
        "set": node.execute("SCARD", "set"),
        "bitmap": node.execute("BITCOUNT", "bitmap"),
        "hll": node.execute("PFCOUNT", "hll"),
    }
    bytes_ = {name: node.execute("MEMORY", "USAGE", name) for name in says}
    lines = [f"{name:7} says {says[name]:>6}, takes {bytes_[name]:>7} bytes" for name in says]
    return lines, min((name for name in says if says[name] == 5000), key=lambda name: bytes_[name])


@demonstrates(
    "AC2",
    "A hash grows from 1 to 1000 fields: behind which field does it turn into a hash table?",
    "64",
    "128",
    "512",
)
def encodings() -> tuple[list[str], str]:
    node, lines = fresh(), []
    writes: dict[str, Callable[[int], tuple]] = {
        "hash": lambda n: ("HSET", "hash", f"f{n}", n),
        "set of numbers": lambda n: ("SADD", "set of numbers", n),
        "set of words": lambda n: ("SADD", "set of words", f"w{n}"),
        "sorted set": lambda n: ("ZADD", "sorted set", n, f"m{n}"),
        "list": lambda n: ("RPUSH", "list", "x" * 20),
    }
    turned: dict[str, int] = {}
    for key, write in writes.items():
        before = None
        for number in range(1, 1001):
            node.execute(*write(number))
            now = node.execute("OBJECT", "ENCODING", key).decode()
            if before not in (None, now):
                size = node.execute("MEMORY", "USAGE", key)
                lines.append(f"{key:15} {before} until {number - 1} elements, then {now} ({size} bytes)")
                turned.setdefault(key, number - 1)
            before = now
    for key, command in (("bits", ("SETBIT", "bits", 7, 1)), ("hll", ("PFADD", "hll", "a"))):
        node.execute(*command)
        lines.append(f"{key:15} TYPE {node.execute('TYPE', key)}: not a type of its own")
    return lines, str(turned["hash"])


@demonstrates(
    "AC3",
    "Both are full, with their defaults: which of the two goes on storing?",
    "Redis",
    "memcached",
    "both",
)
def memcached() -> tuple[list[str], str]:
    node, cache, lines = fresh(maxmemory="2mb"), Memcached(2 * MB), []
    refused = ""
    for number in range(30_000):
        cache.set(b"k%d" % number, b"x" * 100)
        if not refused:
            try:
                node.execute("SET", f"k{number}", "x" * 100)
            except ReplyError as error:
                refused = str(error)
    lines.append(f"Redis at {node.execute('DBSIZE')} keys: {refused[:50]}")
    lines.append(f"memcached has stored all 30000 and thrown out {cache.evicted}")
    node.execute("CONFIG", "SET", "maxmemory", "0")
    node.execute("ZADD", "top", 3, "ann", 1, "bob", 2, "eve")
    lines.append(f"a top two: Redis {node.execute('ZRANGE', 'top', 0, 1, 'REV')}; memcached: fetch and sort")
    node.execute("CONFIG", "SET", "appendonly", "yes")
    node.step(1)
    node.execute("SET", "kept", "yes")
    node.kill()
    lines.append(f"after kill -9: Redis has {node.execute('GET', 'kept')!r}; memcached starts empty")
    goes_on = {"Redis": not refused, "memcached": cache.get(b"k29999") is not None}
    return lines, "both" if all(goes_on.values()) else next(name for name in goes_on if goes_on[name])


@demonstrates(
    "AC4",
    "Ten writes a second, then the power goes: how many does everysec lose at worst?",
    "none",
    "up to 2 s",
    "all",
)
def power_cuts() -> tuple[list[str], str]:
    modes = {
        "nothing": {"save": ""},
        "save 1 1": {"save": "1 1"},
        "AOF no": {"appendonly": "yes", "appendfsync": "no"},
        "AOF everysec": {"appendonly": "yes", "appendfsync": "everysec"},
        "AOF always": {"appendonly": "yes", "appendfsync": "always"},
    }
    lines, worst = [], {}
    for mode, config in modes.items():
        lost = []
        for seed in range(5):
            luck = Random(seed)
            node = Embedded(config, clock=START, seed=seed)
            count = luck.randrange(30, 60)
            for number in range(count):
                node.execute("SET", f"k:{number}", number)
                node.step(0.1)
            node.power_cut()
            lost.append(count - node.execute("DBSIZE"))
        worst[mode] = max(lost)
        lines.append(
            f"{mode:13} lost {sum(lost) / len(lost):4.1f} of 30 to 59 on average, {max(lost):2} at worst"
        )
    lost_most = worst["AOF everysec"]
    return lines, "none" if not lost_most else "up to 2 s" if lost_most <= 20 else "all"


@demonstrates(
    "AC5",
    "1000 keys end in the same second, nobody reads them: what says DBSIZE at once?",
    "0",
    "1000",
    "about 500",
)
def expiry() -> tuple[list[str], str]:
    node = fresh()
    for number in range(1000):
        node.execute("SET", f"k:{number}", "x", "EX", 10)
    node.node.active_expiry = False
    node.step(11)
    at_once = node.execute("DBSIZE")
    lines = [f"DBSIZE {at_once}, GET k:1 -> {node.execute('GET', 'k:1')} (lazy: this look has freed it)"]
    lines.append(f"DBSIZE {node.execute('DBSIZE')}")
    node.node.active_expiry = True
    node.step(0.1)
    lines.append(f"0.1 s of active expiry later: DBSIZE {node.execute('DBSIZE')}")
    return lines, "0" if at_once == 0 else "1000" if at_once == 1000 else "about 500"
