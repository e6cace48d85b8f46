"""Demonstrations for the questions about locks and idempotency, AC12 and AC16 to AC20.

Read next: minidis/course/interview/gauntlet.py.
"""

from __future__ import annotations

import time
from typing import Any

from minidis.client.lab import Lab
from minidis.course.demos import demonstrates
from minidis.course.demos.basic import fresh
from minidis.course.models.contention import Contention
from minidis.course.models.interleaving import UNSAFE, Passing, explore
from minidis.course.models.redlock import RELEASE, Redlock
from minidis.protocol.replies import ReplyError

FIVE = ("n1", "n2", "n3", "n4", "n5")


def _never_two(redis: Any) -> bool:
    return redis.scard("inside") < 2


def _worker(name: str, release: str) -> Any:
    """Take the lock for 10 s, be inside, let it go."""

    def run(redis: Any) -> None:
        if redis.set("lock", name, nx=True, ex=10):
            redis.sadd("inside", name)
            redis.srem("inside", name)
            if release == "script":
                redis.eval(RELEASE, 1, "lock", name)
            else:
                redis.delete("lock")

    return run


@demonstrates(
    "AC12",
    "Alice's lock has run out, Bob has it; Alice ends with DEL: what happens?",
    "Bob's lock is gone",
    "nothing",
)
def whose_lock() -> tuple[list[str], str]:
    lines, left = [], {}
    for release in ("DEL", "script"):
        node = fresh()
        node.execute("SET", "lock", "alice", "NX", "EX", 10)
        node.step(11)
        node.execute("SET", "lock", "bob", "NX", "EX", 10)
        if release == "DEL":
            node.execute("DEL", "lock")
        else:
            node.execute("EVAL", RELEASE, 1, "lock", "alice")
        left[release] = node.execute("GET", "lock")
        found = explore(
            {**{name: _worker(name, release) for name in ("alice", "bob")}, "time": Passing(11)},
            [],
            lambda redis, results: "fine",
            safe=_never_two,
        )
        unsafe = found.outcomes.get(UNSAFE, 0)
        lines.append(
            f"{release:7} the lock is {left[release]}; {unsafe} of {found.schedules} orders with two inside"
        )
    return lines, "nothing" if left["DEL"] == b"bob" else "Bob's lock is gone"


@demonstrates(
    "AC16",
    "A holder crashes half-way through its work: whose data are half-written?",
    "under the database's lock",
    "under the Redis lock",
)
def database_lock() -> tuple[list[str], str]:
    import sqlite3  # a browser's Python has it in a package of its own

    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute("CREATE TABLE account (name TEXT, euro INTEGER)")
    database.execute("INSERT INTO account VALUES ('ann', 100), ('bob', 0)")
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE account SET euro = euro - 30 WHERE name = 'ann'")
    database.rollback()  # what the database does when a connection breaks
    in_database = dict(database.execute("SELECT name, euro FROM account").fetchall())
    database.close()
    node = fresh()
    node.execute("MSET", "ann", 100, "bob", 0)
    holder = node.connect("holder")
    node.execute("SET", "lock", "holder", "NX", "PX", 10_000, client=holder)
    node.execute("DECRBY", "ann", 30, client=holder)
    node.disconnect(holder)
    still_held = node.execute("EXISTS", "lock")
    node.step(11)
    in_redis = {name: int(node.execute("GET", name)) for name in ("ann", "bob")}
    lines = [
        f"the database's lock: {in_database}, free at once",
        f"the Redis lock: {in_redis}; held for its TTL ({still_held}), then free over half a transfer",
    ]
    return lines, "under the database's lock" if sum(in_database.values()) != 100 else "under the Redis lock"


@demonstrates(
    "AC17",
    "TTL 10 s, the work takes 12 s: what keeps the late writer out?",
    "the TTL",
    "the release script",
    "a fencing token",
)
def late_writer() -> tuple[list[str], str]:
    node, accepted, lines = fresh(), {}, []
    newest = 0

    def take(name: str) -> int:
        assert node.execute("SET", "lock", name, "NX", "EX", 10) == "OK"
        return node.execute("INCR", "tokens")

    alice = take("alice")
    node.step(11)  # her lock has run out, her work has not
    bob = take("bob")
    for who, token in (("bob", bob), ("alice", alice)):
        accepted[who] = token >= newest
        newest = max(newest, token)
        lines.append(
            f"{who} writes with token {token}: {'accepted' if accepted[who] else 'refused'} by the fence"
        )
    released = node.execute("EVAL", RELEASE, 1, "lock", "alice")
    lines.append(f"alice's release answers {released}: she learns it after she has written")
    return lines, "a fencing token" if not accepted["alice"] and released == 0 else "the release script"


@demonstrates(
    "AC18",
    "Charge, then SET the record; the client dies in between and tries again: how many charges?",
    "1",
    "2",
)
def idempotency() -> tuple[list[str], str]:
    class Died(Exception):
        pass

    def pay(node: Any, charges: list[str], dies_before: int, reserves: bool) -> str:
        steps = iter(range(9))

        def line() -> None:
            if next(steps) == dies_before:
                raise Died

        line()
        state = node.execute("GET", "idem:7")
        if state is not None:
            return "charged" if state == b"done" else "unknown: ask the gateway"
        line()
        if reserves and not node.execute("SET", "idem:7", "begun", "NX", "EX", 86400):
            return "in progress"
        line()
        charges.append("30 euro")
        line()
        node.execute("SET", "idem:7", "done", "EX", 86400)
        line()
        return "charged"

    lines, worst = [], {}
    for reserves in (False, True):
        counts = []
        for dies_before in range(5):
            node, charges = fresh(), []
            try:
                pay(node, charges, dies_before, reserves)
            except Died:
                pass
            answer = pay(node, charges, -1, reserves)
            counts.append(f"{len(charges)} ({answer})")
        worst[reserves] = max(int(text[0]) for text in counts)
        lines.append(
            f"{'reserve, then charge' if reserves else 'charge, then record':21} {', '.join(counts)}"
        )
    return lines, str(worst[False])


@demonstrates(
    "AC19",
    "Five nodes, two are dead; then the owner pauses longer than the TTL: how many believe to hold it?",
    "one",
    "two",
)
def redlock() -> tuple[list[str], str]:
    def trial(*faults: tuple[float, str, str]) -> float:
        lab = Lab(seed=1)
        lab.nodes(*FIVE)
        watch = Contention(lab, "lock", *FIVE)

        def job(work_s: float) -> Any:
            red = Redlock([lab.own_client(name, socket_timeout=0.05) for name in FIVE], tries=40)
            acquire, release = watch.acquires(red.lock), watch.releases(red.unlock)

            def run() -> None:
                if lock := acquire("lock", 5):
                    time.sleep(work_s)
                    release(lock)

            return run

        lab.machine("alice").spawn(job(3))
        lab.machine("bob").spawn(job(3), after=1)
        for at_s, fault, name in faults:
            lab.run(at_s - lab.now_s)
            getattr(lab, fault)(name)
        lab.run(16 - lab.now_s)
        lab.end_tasks()
        return sum((overlap.end_us - overlap.start_us) / 1e6 for overlap in watch.overlaps())

    dead = trial((0.5, "kill", "n1"), (0.6, "kill", "n2"))
    paused = trial((1, "pause", "alice"), (9, "resume", "alice"))
    lines = [f"two of five nodes are killed: {dead:.1f} s with two owners"]
    lines.append(f"alice is paused for 8 s, TTL 5 s: {paused:.1f} s with two owners")
    return lines, "two" if paused else "one"


@demonstrates(
    "AC20", "A right lock, a right release, every order tried: is there one with two inside?", "none", "some"
)
def limits() -> tuple[list[str], str]:
    found = explore(
        {**{name: _worker(name, "script") for name in ("alice", "bob")}, "time": Passing(11)},
        [],
        lambda redis, results: "fine",
        safe=_never_two,
    )
    unsafe = found.outcomes.get(UNSAFE, 0)
    lines = [f"{found.schedules} orders of two workers, 11 s pass somewhere: {unsafe} unsafe; the shortest:"]
    for step in found.steps(found.shortest(UNSAFE)) if unsafe else ():
        lines.append(f"  {step.client:6} {b' '.join(step.argv).decode()}")
    try:
        fresh().execute("SET", "lock", "x", "NX", "FENCE")
    except ReplyError as error:
        lines.append(f"and no option of SET helps: {error}")
    return lines, "some" if unsafe else "none"
