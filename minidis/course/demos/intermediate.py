"""Demonstrations for the five intermediate questions, AC6 to AC10.

Read next: advanced.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minidis.client.lab import Lab
from minidis.course.demos import demonstrates
from minidis.course.demos.basic import fresh
from minidis.course.models.interleaving import explore
from minidis.drivers.embedded import Embedded

AT_ONCE = {"repl-diskless-sync-delay": 0}


@demonstrates(
    "AC6",
    "200 readers, and the cached value has just ended: how many ask the database?",
    "1",
    "about 20",
    "200",
)
def stampede() -> tuple[list[str], str]:
    lines, asked = [], {}
    for name, with_lock in (("cache-aside", False), ("with a lock", True)):
        node, queries = fresh(), [0]

        def reader(
            number: int, node: Embedded = node, queries: list[int] = queries, with_lock: bool = with_lock
        ) -> Iterator[None]:
            """One reader; at each yield the others get their turn."""
            while node.execute("GET", "user:1") is None:
                yield
                if with_lock and not node.execute("SET", "lock:user:1", number, "NX", "PX", 1000):
                    yield  # somebody is at it: look again a little later
                    continue
                queries[0] += 1
                yield  # the database takes its time
                node.execute("SET", "user:1", "ada", "EX", 60)
                return

        waiting = [reader(number) for number in range(200)]
        while waiting:
            waiting = [one for one in waiting if next(one, "done") != "done"]
        asked[name] = queries[0]
        lines.append(f"{name:12} 200 readers, {queries[0]} queries of the database")
    return lines, {1: "1", 200: "200"}.get(asked["cache-aside"], "about 20")


@demonstrates("AC7", "A subscriber is gone for 3 of 10 messages: how many has it in the end?", "10", "7", "3")
def pubsub() -> tuple[list[str], str]:
    node = fresh()
    listener = node.connect("bob")
    node.execute("SUBSCRIBE", "news", client=listener)
    listener.outbox.clear()
    node.execute("XGROUP", "CREATE", "stream", "team", "$", "MKSTREAM")
    heard: list[bytes] = []
    for number in range(10):
        if number == 4:
            node.disconnect(listener)
        if number == 7:
            listener = node.connect("bob")
            node.execute("SUBSCRIBE", "news", client=listener)
            listener.outbox.clear()
        node.execute("PUBLISH", "news", number)
        node.execute("XADD", "stream", "*", "n", number)
        heard += [message[2] for message in listener.outbox]
        listener.outbox.clear()
    read = node.execute("XREADGROUP", "GROUP", "team", "bob", "COUNT", 100, "STREAMS", "stream", ">")
    entries = (read[b"stream"] if isinstance(read, dict) else read[0][1]) if read else []
    pending = node.execute("XPENDING", "stream", "team")[0]
    lines = [
        f"Pub/Sub: bob has heard {len(heard)} of 10: {b' '.join(heard).decode()}",
        f"Stream:  bob reads {len(entries)} of 10 when he is back, {pending} wait for his XACK",
    ]
    return lines, str(len(heard))


@demonstrates(
    "AC8",
    "The primary has said OK, then it dies before its replica got it: where is the write?",
    "lost",
    "on the replica",
)
def replication() -> tuple[list[str], str]:
    lab = Lab(seed=5)
    lab.nodes("a", "b", config=AT_ONCE)
    lab.call("b", "REPLICAOF", "a", 6379)
    lab.run("2s")
    lab.call("a", "SET", "before", "1")
    lab.run("1s")
    lab.partition("b")  # a's stream stays on the wire
    answer = lab.call("a", "SET", "order", "1")
    lab.power_cut("a")
    lab.call("b", "REPLICAOF", "NO", "ONE")
    kept = {key: lab.call("b", "GET", key) for key in ("before", "order")}
    lines = [f"SET order at the primary: {answer}", f"the promoted replica has {kept}"]
    return lines, "lost" if kept["order"] is None else "on the replica"


@demonstrates(
    "AC9",
    "Two Sentinels, quorum 1; the primary's machine burns, with one of them: who takes over?",
    "the replica",
    "nobody",
)
def sentinel() -> tuple[list[str], str]:
    lines, took_over = [], {}
    for sentinels, quorum in ((3, 2), (2, 1)):
        lab = Lab(seed=4)
        lab.nodes("a", "b", config=AT_ONCE)
        lab.call("b", "REPLICAOF", "a", 6379)
        lab.run("1s")
        names = [f"s{number}" for number in range(1, sentinels + 1)]
        lab.sentinels(*names, watch={"mymaster": "a"}, quorum=quorum, down_after_ms=2000)
        lab.run("5s")
        for name in ("a", "s1"):
            lab.power_cut(name)
        lab.run("8s")
        seen = list(dict.fromkeys(note.text.split()[0] for note in lab.record.notes))
        told = [event for event in seen if event in ("+odown", "+elected-leader", "+switch-master")]
        role = lab.call("b", "ROLE")[0].decode()
        took_over[sentinels, quorum] = role == "master"
        lines.append(f"{sentinels} Sentinels, quorum {quorum}: {', '.join(told)}; the replica is a {role}")
    return lines, "the replica" if took_over[2, 1] else "nobody"


PAY = "return redis.call('DECRBY', KEYS[1], ARGV[1])"


@demonstrates("AC10", "Two clients, GET then SET: in how many of the 6 orders is money lost?", "0", "2", "4")
def races() -> tuple[list[str], str]:
    def get_set(redis: Any) -> None:
        redis.set("balance", int(redis.get("balance")) - 30)

    def atomic(redis: Any) -> None:
        redis.decrby("balance", 30)

    def script(redis: Any) -> None:
        redis.eval(PAY, 1, "balance", 30)

    lines, lost = [], {}
    for name, program in (("GET, SET", get_set), ("DECRBY", atomic), ("Lua", script)):
        found = explore(
            {"ann": program, "bob": program},
            ["SET balance 100"],
            lambda redis, results: int(redis.get("balance")),
        )
        lost[name] = found.schedules - found.outcomes.get(40, 0)
        lines.append(f"{name:9} {found.schedules} orders, money lost in {lost[name]}: ends {found.outcomes}")
    return lines, str(lost["GET, SET"])
