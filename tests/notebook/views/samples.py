"""Every view once, on a node with something of everything."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from minidis import Embedded, Lab, connect
from minidis.audit import audit
from minidis.course.models.cached import CacheRecord, SlowDatabase
from minidis.course.models.contention import Contention
from minidis.course.models.crashing import Crash, Crashes, everywhere
from minidis.course.models.interleaving import Exploration, explore
from minidis.course.models.latency import Strip
from minidis.course.models.limiting import attack, play
from minidis.course.models.priced import charge
from minidis.course.models.roundtrips import Trace
from minidis.drivers.event_loop import EventLoop
from minidis.drivers.simulation.terminal import ScriptedClient
from minidis.notebook import views
from minidis.persistence.aof import encode_command, encode_timestamp

LOG = b"".join(
    encode_command(line.split())
    for line in (
        b"SELECT 0",
        b"SET greeting hello",
        b"MULTI",
        b"RPUSH cart apples pears",
        b"DEL greeting",
        b"EXEC",
    )
) + encode_timestamp(1_767_225_600)


def race(counter: bool = False) -> Exploration:
    def withdraw(redis: Any) -> None:
        balance = int(redis.get("balance"))
        redis.set("balance", balance - 30)

    if counter:
        clients = {name: lambda redis: redis.incr("visits") for name in ("ann", "bob")}
        return explore(clients, ["DEL visits"], lambda redis, _: int(redis.get("visits")))
    return explore(
        {"ann": withdraw, "bob": withdraw}, ["SET balance 100"], lambda redis, _: redis.get("balance")
    )


def busy_node() -> Embedded:
    node = Embedded(clock="2026-01-01T00:00:00Z", seed=1)
    node.node.active_expiry = False
    run = node.execute
    run("SET", "text", "Hello")
    run("SET", "number", 42)
    run("SET", "long", "x" * 100)
    run("SETBIT", "bitmap", 1000, 1)
    run("PFADD", "visitors", *[f"v{n}" for n in range(40)])
    run("PFADD", "crowd", *[f"v{n}" for n in range(3000)])
    run("RPUSH", "list", "a", "b", 300, -1, "x" * 70)
    run("RPUSH", "long list", *[f"element {n} " * 9 for n in range(300)])
    run("SADD", "numbers", 1, 2, 300)
    run("SADD", "words", "a", "b", 1)
    run("SADD", "big set", *[f"m{n}" for n in range(200)])
    run("SADD", "small", 2, 3, 4)
    run("HSET", "hash", "name", "ann", "age", 30)
    run("HSET", "big hash", *[word for n in range(600) for word in (f"f{n}", n)])
    run("ZADD", "zset", 1, "a", 2.5, "b")
    run("ZADD", "board", *[word for n in range(300) for word in (n, f"p{n}")])
    run(
        "GEOADD",
        "Sicily",
        13.361389,
        38.115556,
        "Palermo",
        15.087269,
        37.502669,
        "Catania",
        12.5,
        41.9,
        "Rome",
    )
    for n in range(230):
        run("XADD", "stream", f"{1767225600000 + n}-0", "n", n)
    run("XDEL", "stream", "1767225600003-0")
    run("XGROUP", "CREATE", "stream", "workers", "1767225600001-0")
    run("XGROUP", "CREATE", "stream", "idle", "0-5")
    run("XREADGROUP", "GROUP", "workers", "ann", "COUNT", 7, "STREAMS", "stream", ">")
    run("SUBSCRIBE", "news", "sport", client=node.connect("ann"))
    run("PSUBSCRIBE", "n*", client=node.connect("bob"))
    run("PUBLISH", "news", "hello")
    buyer, clerk = node.connect("buyer"), node.connect("clerk")
    run("WATCH", "number", "text", client=buyer)
    run("MULTI", client=buyer)
    run("SET", "text", "Hello", client=buyer)
    run("WATCH", "zset", client=clerk)
    run("SET", "number", 42)
    for n in range(12):
        run("SET", f"session:{n}", "x", "PX", 1500 * (n + 1))
    return node


def _strip(node: Embedded) -> Strip:
    strip = Strip(node)
    strip.run("KEYS", "*")
    strip.idle(3000)
    strip.run("DEL", "board")
    node.execute("ZADD", "board", *[word for n in range(300) for word in (n, f"p{n}")])
    return strip


def views_of(node: Embedded) -> dict[str, views.View]:
    return {
        "keys": views.keys(node=node).do("open", b"hash".hex()),
        "keys by pattern": views.keys("session:*", node),
        "ttl board": views.ttl_board(node=node),
        "encodings": views.encoding("text", "number", "long", "list", "missing", node=node),
        "string as bits": views.bits("text", node, mark=9, field=(16, 5)),
        "bitmap": views.bits("bitmap", node, mark=1000),
        "no bits": views.bits(bytearray()),
        "sparse hll": views.hll("visitors", node, element="v3"),
        "dense hll": views.hll("crowd", node),
        "broken hll": views.hll(bytearray(b"HYLK")),
        "list": views.list("list", node, select=2),
        "quicklist": views.list("long list", node, chosen_node=1),
        "intset": views.set("numbers", node, add=70_000, search=300),
        "set in a listpack": views.set("words", node),
        "hash table": views.set("big set", node, search="m7"),
        "hash": views.hash("hash", node),
        "big hash": views.hash("big hash", node),
        "zset": views.zset("zset", node),
        "skip list": views.zset("board", node, search=(100, "p100")),
        "keyspace": views.hashtable(node=node),
        "missing key": views.show("missing", node),
        "another type": views.list("zset", node),
        "request": views.resp("SET greeting 'hello world'"),
        "reply": views.resp(b"*2\r\n$3\r\nfoo\r\n%1\r\n+a\r\n:1\r\n-ERR no\r\n*2\r\n$5\r\nhel"),
        "rdb file": views.rdb(node=node).do("page", 2),
        "dump payload": views.rdb("hash", node),
        "broken rdb": views.rdb(b"REDIS0010\xfe\x00\x00\x01k\x05va"),
        "aof": views.aof(LOG).do("command", 4),
        "cut aof": views.aof(LOG[:-3], command=9),
        "broken aof": views.aof(LOG.replace(b"$4", b"$3", 1)),
        "no aof": views.aof(node=node),
        "no rdb": views.rdb("missing", node),
        "geo search": views.geo("Sicily", node, search=(15, 37, 200)),
        "geo boxes": views.geo("Sicily", node, halvings=8),
        "no places": views.geo("list", node),
        "stream": views.stream("stream", node),
        "no stream": views.stream("zset", node),
        "fan-out": views.fanout("news", node),
        "keyspace under SCAN": views.hashtable(node=node, cursor=6),
        "latency strip": views.latency_strip(_strip(node), "pings under KEYS"),
        "ledger": views.ledger("messages", range(40), {"ann": range(40), "bob": [1, 2, 2, 99]}),
        "race": views.interleaving(race(), "withdraw", good=[b"40"]),
        "race that nobody loses": views.interleaving(race(counter=True), good=[2]),
        "contention": views.contention(_CONTENTION, "a pause", time=3.0),
        "contention of nobody": views.contention(
            Contention(a_lab_of_three(), "lock", "a", "b", "c"), time=0.0
        ),
        "crash points": views.crash_points("two", {"at once": a_program_that_dies()}, tell="second"),
        "cache load": views.cache_load({"plain": _CACHE, "nobody's": nobodys_cache()}, "late <writer>"),
        "stale reads": views.stale_reads(_CACHE, 1, "late <writer>"),
        "no reads": views.stale_reads(nobodys_cache(), 7, "nothing"),
        "admissions": views.admissions(trials()),
        "transactions": views.transactions(node),
        "no transactions": views.transactions(Embedded(clock=0)),
        "waterfall": views.waterfall(traces(), rtt_ms=5).do("rtt", 10),
        "nothing sent": views.waterfall({"idle": Trace(node)}),
        "output gauge": views.output_gauge(loop_with_a_slow_reader()).do("turn"),
        "flow": conversation(),
        "nothing said": views.flow("ada", "bob", node=node),
        "dashboard": views.dashboard(charged_node()),
        "idle dashboard": views.dashboard(Embedded(clock=0, seed=1)),
        "eviction": views.eviction(evicting_node()),
        "no eviction": views.eviction(node),
        "eviction by lot": views.eviction(evicting_node("allkeys-random")),
        "lru dots": views.lru_dots(10, old=100, new=50),
        "disk": views.disk(writing_node()),
        "disk without files": views.disk(Embedded(clock=0)),
        "snapshot": views.snapshot(saving_node()),
        "no snapshot": views.snapshot(node),
        **lab_views(),
        **_CLUSTER,
        **production_views(),
        "two sets": views.venn("numbers", "small", node=node),
        "three sets": views.venn("numbers", "small", "words", node=node),
    }


def a_program_that_dies() -> Crashes:
    """Two INCRs: whoever dies between them leaves one."""

    def job(redis: Any) -> None:
        redis.incr("first")
        redis.incr("second")

    def history(crash: Crash) -> str:
        lab = Lab(seed=1)
        lab.node("redis", {"hz": 1})
        redis = lab.own_client("redis")
        lab.machine("web").spawn(crash.dies(lambda: job(redis), job))
        lab.run("1s")
        keys = lab.call("redis", "KEYS", "*")
        crash.tell(f"{len(keys)} keys")
        return ("neither", "HALF", "both")[len(keys)]

    return everywhere(history)


def writing_node() -> Embedded:
    """A log with a part that is not synced, and a snapshot whose name is not on the platter."""
    node = Embedded({"appendonly": "yes", "appendfsync": "no"}, clock=0, seed=1)
    node.execute("SET", "k", "v")
    node.disk.append("temp-dump.rdb", b"REDIS")
    return node


def saving_node() -> Embedded:
    """A BGSAVE of six keys, half-way, after four commands."""
    node = Embedded(clock=0, seed=1)
    node.execute("MSET", *[word for n in range(5) for word in (f"k{n}", n)])
    node.execute("RPUSH", "list", "a")
    view = views.snapshot(node).do("start")
    for command in ("INCR k1", "RPUSH list b", "SET k3 new", "SET later 1"):
        node.execute(*command.split())
    view.do("step")
    return node


def traces() -> dict[str, Trace]:
    found = {"loop": Trace(Embedded(clock=0, seed=1)), "pipeline": Trace(Embedded(clock=0, seed=1))}
    redis = found["loop"].connect()
    for n in range(60):
        redis.set(f"k{n}", n)
    with found["pipeline"].connect().pipeline(transaction=False) as pipe:
        for n in range(60):
            pipe.set(f"k{n}", n)
        pipe.execute()
    return found


def loop_with_a_slow_reader() -> EventLoop:
    loop = EventLoop(Embedded({"client-output-buffer-limit": "pubsub 100 50 60"}, clock=0, seed=1))
    readers = [loop.connect(name) for name in ("reads", "held", "over")]
    for reader in readers:
        reader.send(b"SUBSCRIBE news\r\n")
    loop.run()
    readers[1].hold(40)
    readers[2].hold()
    loop.connect("ann").send(b"PUBLISH news hello\r\n" * 3)
    return loop


def conversation() -> views.View:
    flow = views.flow("ada", "bob", node=Embedded(clock=0, seed=1))
    for name, line in (("ada", "CLIENT TRACKING ON"), ("ada", "GET a"), ("bob", "SET a <2>"), ("bob", "NO")):
        flow.say(name, line)
    return flow


def charged_node() -> Embedded:
    node = charge(Embedded({"slowlog-log-slower-than": 100, "latency-monitor-threshold": 1}, clock=0, seed=1))
    for n in range(3000):
        node.execute("SET", f"k{n}", n)
    node.execute("KEYS", "*")
    return node


def a_failover() -> tuple[Lab, ScriptedClient]:
    """A primary that is cut off, and three Sentinels that put another in its place."""
    lab = Lab(seed=1)
    lab.nodes("a", "b", "c", config={"repl-diskless-sync-delay": 0})
    for replica in "bc":
        lab.call(replica, "REPLICAOF", "a", 6379)
    lab.sentinels("s1", "s2", "s3", watch={"mymaster": "a"}, down_after_ms=1000, failover_timeout_ms=10_000)
    lab.run("14s")
    shop = lab.script("shop", "a", orders(30))
    lab.run("1s")
    lab.partition("a s1")
    lab.call("a", "SET", "promise", "kept?")
    lab.run("5s")
    lab.kill("c")
    return lab, shop


def orders(count: int) -> Iterator:
    for number in range(count):
        yield "SADD", "orders", number
        yield 0.1


_FAILOVER, _SHOP = a_failover()


def lab_views() -> dict[str, views.View]:
    lab = _FAILOVER
    return {
        "topology": views.topology(lab).do("choose", "a"),
        "topology of then": views.topology(lab).do("time", 15.1),
        "votes": views.votes(lab),
        "failover": views.sequence(lab, "s1", "s2", "s3", "b", start=16, end=18),
        "heartbeats": views.sequence(lab, "a", "b", start=14, end=16, everything=True, most=12),
        "acknowledged": views.acknowledged(lab, _SHOP),
        "lost writes": views.lost_writes(lab, _SHOP),
        "lost writes of then": views.lost_writes(lab, _SHOP).do("time", 15.5),
        "acknowledged by then": views.acknowledged(lab, _SHOP).do("time", 15.5),
        "backlog in a lab": views.backlog("b", lab),
        "backlog of then": views.backlog("a", lab).do("time", 15.02),
        "backlog": views.backlog(lab["b"]),
        "no backlog": views.backlog(lab["s1"]),
    }


def a_cluster() -> dict[str, views.View]:
    """A slot on its way, a client whose map is old, and a primary that two others hold for failed."""
    lab = Lab(seed=1)
    lab.cluster("n1 n2 n3 n4 n5 n6", config={"cluster-node-timeout": 2000})
    lab.run("5s")
    client = lab.routed_client("ann", "n1")
    slot = lab.call("n1", "CLUSTER", "KEYSLOT", "{b}")
    for number in range(5):
        client.call("SET", f"{{b}}{number}", number)
    half_moved_s = lab.now_s
    for node, action, other in (("n2", "IMPORTING", "n1"), ("n1", "MIGRATING", "n2")):
        lab.call(node, "CLUSTER", "SETSLOT", slot, action, lab[other].cluster.myself.name)
    lab.call("n1", "MIGRATE", "n2", 6379, "", 0, 5000, "KEYS", "{b}1", "{b}2")
    client.call("GET", "{b}1")
    lab.kill("n3")
    lab.run("6s")
    client.call("INCR", "foo")
    return {
        "slot map": views.slot_map(lab, key="hello"),
        "slot map of another": views.slot_map(lab, seen_by="n2"),
        "slot map of then": views.slot_map(lab).do("time", half_moved_s),
        "gossip": views.gossip(lab),
        "gossip of then": views.gossip(lab).do("time", half_moved_s),
        "routes": views.routes(client),
        "routes of then": views.routes(client).do("time", half_moved_s),
        "epochs": views.epochs(lab),
        "crc16": views.crc16_steps("user:{1000}:name"),
        "crc16 of much": views.crc16_steps(b"x" * 100),
    }


def a_lab_of_three() -> Lab:
    lab = Lab(seed=1)
    lab.nodes("a", "b", "c")
    return lab


def a_contention() -> Contention:
    """Two workers on three nodes: one is paused past his time, one retries; a node is restarted."""
    lab = a_lab_of_three()
    clients = [lab.own_client(name) for name in "abc"]
    watch = Contention(lab, "lock", "a", "b", "c")

    @watch.acquires
    def acquire(lock_id: str) -> tuple[str | None, float]:
        got = sum(bool(client.set("lock", lock_id, nx=True, px=2000)) for client in clients)
        return (lock_id, 1900.0) if got >= 2 else (None, 0)

    @watch.releases
    def release(lock_id: str) -> int:
        mine = [client for client in clients if client.get("lock") == lock_id.encode()]
        return sum(client.delete("lock") for client in mine)

    def job(name: str, token: int) -> None:
        while not acquire(name)[0]:
            time.sleep(0.5)
        time.sleep(1)
        watch.used(token, token == 2)
        release(name)

    lab.machine("ann").spawn(lambda: job("ann", 1))
    lab.machine("bob").spawn(lambda: job("bob", 2), after=0.2)
    lab.run("0.5s")
    lab.pause("ann")
    lab.run("2.3s")
    lab.resume("ann")
    lab.restart("c")
    lab.machine("cid").spawn(lambda: job("cid", 3))
    lab.run("0.5s")
    lab.kill("cid")
    lab.run("1s")
    return watch


def a_cache() -> CacheRecord:
    """A reader who is late with an old row, and others who believe him."""
    lab = Lab(seed=1)
    lab.node("redis")
    redis = lab.own_client("redis")
    record = CacheRecord(lab, SlowDatabase(lab, {1: {"name": "old"}}))

    @record.reads
    def read(user_id: int) -> Any:
        cached = redis.get(f"user:{user_id}")
        if cached is not None:
            return json.loads(cached)
        row = record.database.get_user(user_id)
        redis.set(f"user:{user_id}", json.dumps(row), ex=2)
        return row

    def write() -> None:
        record.database.save_user(1, {"name": "new"})
        redis.delete("user:1")

    lab.machine("ann").spawn(lambda: read(1))
    lab.machine("bob").spawn(write, after=0.1)
    for number in range(20):
        lab.machine("web").spawn(lambda: read(1), after=0.5 + number / 5)
    lab.run("5s")
    return record


def nobodys_cache() -> CacheRecord:
    lab = Lab(seed=1)
    lab.node("redis")
    return CacheRecord(lab, SlowDatabase(lab))


def trials() -> dict[str, Any]:
    calls = attack(limit=4, window_s=10)

    def fixed_window(redis: Any) -> bool:
        pipe = redis.pipeline().incr("k").expire("k", 10, nx=True)
        return pipe.execute()[0] <= 4

    return {
        "fixed <window>": play(fixed_window, calls, 4, 10),
        "nobody": play(lambda redis: False, calls, 4, 10),
    }


_CACHE = a_cache()
_CONTENTION = a_contention()


def production_views() -> dict[str, views.View]:
    """An audit's verdicts, rights, settings, cards: hostile names and refused lines among them."""
    users = Embedded(clock=0, seed=1)
    users.execute("ACL", "SETUSER", "<app>", "on", ">x", "resetchannels", "~app:*", "+@read", "+set")
    requests = ["GET app:1", "SET other <x>", "FLUSHALL", "PUBLISH news x", "NOSUCH a", "GET " + "k" * 50]
    block = '# x\nmaxmemory 1mb\ntimeout 0\nport <n>\nno-such 1\nrename-command KEYS ""\nsave ' + "9 1 " * 30
    boxes = {"new": [("AC1", "What <is> it?", "")], "1 d": [("AC2", "Which?", "due")], "3 d": []}
    return {
        "scorecard": views.scorecard(_AUDIT, "ready <now>?"),
        "acl matrix": views.acl_matrix(requests, node=users),
        "acl matrix of nobody": views.acl_matrix(requests[:1], ["nobody"], node=users),
        "config diff": views.config_diff(block, ["bind", "timeout"]),
        "deck": views.deck(boxes),
    }


_AUDIT = audit(connect(busy_node()))
_CLUSTER = a_cluster()


def evicting_node(policy: str = "allkeys-lru") -> Embedded:
    node = Embedded({"maxmemory-policy": policy}, clock=0, seed=1)
    for n in range(40):
        node.step(1)
        node.execute("SET", f"key {n}", "v")
    for _ in range(3):
        node.node.eviction.evict_one()
    return node


def charts_of() -> dict[str, Any]:
    charts = views.charts
    return {
        "line": charts.line({"a": [(1, 2), (2, 4)], "b": [(1, 3), (2, 1)]}, title="two lines", x="x", y="y"),
        "logarithmic": charts.line(
            {"a": [(1, 1), (1000, 50)]}, title="log", x="x", y="y", log_x=True, log_y=True
        ),
        "bars": charts.bars({"set": 60, "hll": 12}, title="bytes", y="bytes"),
        "histograms": charts.histograms(
            {"no": [3, 7, 7], "always": [0, 0]}, title="lost", x="writes", width=2
        ),
        "histogram": charts.histogram([0, 1, 1, 2, -1], title="errors", x="percent", bins=5, bell=(0, 1)),
        "lanes": charts.lanes(
            [("alice", 0, 1, "read"), ("bob", 1, 4, "execute", "KEYS *")], title="loop", x="ms"
        ),
    }


VIEWS = views_of(busy_node())
"""All of them, for the tests that only look: looking changes nothing."""
NAMES = sorted(VIEWS)
