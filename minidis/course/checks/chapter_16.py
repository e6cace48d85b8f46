"""Checks of chapter 16, locks on five nodes: the six faults of a Redlock, and Redlock itself.

Read next: minidis/course/fixtures/stage.py, minidis/course/models/redlock.py.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.stage import LOCK, Stage, raise_error, stage
from minidis.course.models.contention import Contention

NODES = ("n1", "n2", "n3", "n4", "n5")

# -- 16.1 six faults -----------------------------------------------------------------------------------

six_faults = Exercise(
    "16.1",
    "Six faults of a Redlock",
    kind="use",
    points=7,
    hints=(
        "Give every node a client of your own with connect(node, socket_timeout=..., "
        "socket_connect_timeout=...), a twentieth of a second or so, and catch "
        "redis.RedisError for each node: "
        "no answer is a no. Release on every node, by a script, also where the SET had no answer.",
        "Measure with time.monotonic(). Validity = ttl_ms - elapsed_ms - (ttl_ms * 0.01 + 2), "
        "in ms, and it is "
        "returned. PX wants a whole number: int(ttl_seconds * 1000).",
        "If there are fewer than len(nodes) // 2 + 1 yeses, or nothing of the validity is left: call "
        "release_redlock(lock_name, lock_id, nodes, connect), then return (None, 0).",
    ),
)


def _acquired(
    one: Stage, acquire: Callable, ttl_s: float, given: str, machine: str = "alice"
) -> tuple[Any, float]:
    answer = one.call(machine, acquire, LOCK, ttl_s, list(one.nodes), one.connect, given=given)
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Wrong(given, show(answer), "(lock_id, validity_ms), or (None, 0)")
    if answer[0] is not None and (isinstance(answer[1], bool) or not isinstance(answer[1], int | float)):
        raise Wrong(given, f"a validity of {show(answer[1])}", "milliseconds, as a number")
    return answer[0], answer[1]


def _owned_ms(one: Stage, lock_id: Any) -> list[float]:
    """For how long each node that names this id will do so, longest first."""
    name = lock_id.decode() if isinstance(lock_id, bytes) else str(lock_id)
    return sorted((ms for value, ms in one.holders().values() if value == name), reverse=True)


def _judge_validity(one: Stage, lock_id: Any, validity_ms: float, ttl_ms: float, given: str) -> None:
    owned = _owned_ms(one, lock_id)
    quorum = len(one.nodes) // 2 + 1
    if lock_id is None or len(owned) < quorum:
        raise Wrong(
            given, f"{show(lock_id)}, with {len(owned)} nodes that name it", f"an id on {quorum} nodes"
        )
    if validity_ms > owned[quorum - 1] - ttl_ms * 0.01 - 1:
        raise Wrong(
            given,
            f"a validity of {validity_ms:.0f} ms; the majority lasts {owned[quorum - 1]:.0f} ms more",
            "less than that by 1 % of the time to live and 2 ms",
        )


@six_faults.test("a free lock: an id on a majority, and how long it is good")
def free_lock(case: Case, acquire: Callable, release: Callable) -> None:
    for ttl_s in (10, 30, 1):
        with stage(case, *NODES) as one:
            given = f"five free nodes, a time to live of {ttl_s} s"
            start_s = one.lab.now_s
            lock_id, validity_ms = _acquired(one, acquire, ttl_s, given)
            _judge_validity(one, lock_id, validity_ms, ttl_s * 1000, given)
            least = ttl_s * 1000 * 0.99 - 2 - (one.lab.now_s - start_s) * 1000 - 5
            if validity_ms < least:
                raise Wrong(
                    given,
                    f"a validity of {validity_ms:.0f} ms",
                    f"about {least:.0f} ms: 1 % and 2 ms of drift",
                )


@six_faults.test("half a second is a time to live, and so is a tenth")
def short_lives(case: Case, acquire: Callable, release: Callable) -> None:
    for ttl_s in (0.5, 0.1, 0.0999):
        with stage(case, *NODES) as one:
            one.lab.wires.latency_us = 200
            given = f"five free nodes, a time to live of {ttl_s} s, round trips of half a millisecond"
            lock_id, validity_ms = _acquired(one, acquire, ttl_s, given)
            _judge_validity(one, lock_id, validity_ms, ttl_s * 1000, given)


@six_faults.test("no majority: (None, 0), and nothing stays behind")
def no_majority(case: Case, acquire: Callable, release: Callable) -> None:
    with stage(case, *NODES) as one:
        for name in ("n1", "n3", "n4"):
            one.set(name, "somebody", 60_000)
        given = "three of five nodes are somebody's"
        case.equal(tuple(_acquired(one, acquire, 30, given)), (None, 0), given=given)
        _nothing_but(one, given, ("n1", "n3", "n4"))
    with stage(case, *NODES) as one:
        for name in ("n1", "n3"):
            one.set(name, "somebody", 60_000)
        one.lose_replies("n2", "alice")
        given = "two of five nodes are somebody's, and of a third one the reply is lost after it was set"
        case.equal(tuple(_acquired(one, acquire, 30, given)), (None, 0), given=given)
        _nothing_but(one, given, ("n1", "n3"))


def _nothing_but(one: Stage, given: str, others: tuple[str, ...] = ()) -> None:
    left = {name: value for name, (value, _) in one.holders().items()}
    due = dict.fromkeys(others, "somebody")
    if left != due:
        raise Wrong(f"{given}; what the nodes hold afterwards", show(left), show(due))


@six_faults.test("a dead node is a no, and no reason to leak")
def dead_nodes(case: Case, acquire: Callable, release: Callable) -> None:
    for dead in (("n4",), ("n1", "n2")):
        with stage(case, *NODES) as one:
            for name in dead:
                one.lab.kill(name)
            given = f"{' and '.join(dead)} refuse connections"
            lock_id, validity_ms = _acquired(one, acquire, 10, given)
            _judge_validity(one, lock_id, validity_ms, 10_000, given)
            one.call("alice", release, LOCK, lock_id, list(NODES), one.connect, given=f"{given}; release")
            _nothing_but(one, f"{given}; acquire and release")
    with stage(case, *NODES) as one:
        for name in ("n2", "n4", "n5"):
            one.lab.kill(name)
        given = "three of five nodes refuse connections"
        case.equal(tuple(_acquired(one, acquire, 10, given)), (None, 0), given=given)
        _nothing_but(one, given)


@six_faults.test("a frozen node costs a moment, and keeps nothing when it thaws")
def frozen_nodes(case: Case, acquire: Callable, release: Callable) -> None:
    for frozen in (("n3",), ("n1", "n2", "n5")):
        with stage(case, *NODES) as one:
            for name in frozen:
                one.lab.pause(name)
            given = f"{', '.join(frozen)} stand still, a time to live of 2 s"
            start_s = one.lab.now_s
            lock_id, validity_ms = _acquired(one, acquire, 2, given)
            took_s = one.lab.now_s - start_s
            if took_s > 1.8:
                raise Wrong(
                    given, f"an answer after {took_s:.1f} s", "an answer well within the time to live"
                )
            if len(frozen) == 1:
                _judge_validity(one, lock_id, validity_ms, 2000, given)
                one.call("alice", release, LOCK, lock_id, list(NODES), one.connect, given=f"{given}; release")
            else:
                case.equal((lock_id, validity_ms), (None, 0), given=given)
            for name in frozen:
                one.lab.resume(name)
            one.run("50ms")
            _nothing_but(one, f"{given}, then go on: they run what waited for them")


@six_faults.test("a clock that is stepped changes nothing")
def stepped_clock(case: Case, acquire: Callable, release: Callable) -> None:
    for step_s in (-60, 60):
        with stage(case, *NODES) as one:
            for name in NODES:
                one.lab.delay("alice", name, "10ms")
            one.lab.agenda.after(120_000, lambda one=one, step_s=step_s: one.lab.clock_step("alice", step_s))
            given = (
                f"links of 10 ms; the caller's clock is stepped by {step_s} s meanwhile; a time to "
                f"live of 2 s"
            )
            lock_id, validity_ms = _acquired(one, acquire, 2, given)
            _judge_validity(one, lock_id, validity_ms, 2000, given)
    with stage(case, *NODES) as one:  # slower than the time to live, and the clock hides it
        for name in NODES:
            one.lab.delay("alice", name, "10ms")
        one.lab.agenda.after(20_000, lambda: one.lab.clock_step("alice", "-60s"))
        given = "links of 10 ms, a time to live of 0.1 s; the caller's clock is set back a minute meanwhile"
        lock_id, validity_ms = _acquired(one, acquire, 0.1, given)
        if lock_id is not None:
            _judge_validity(one, lock_id, validity_ms, 100, given)


@six_faults.test("release frees every node, and nobody else's lock")
def release_everywhere(case: Case, acquire: Callable, release: Callable) -> None:
    with stage(case, *NODES) as one:
        one.set("n2", "somebody", 60_000)
        given = "n2 is somebody's; acquire the other four, release"
        lock_id, _ = _acquired(one, acquire, 30, given)
        case.true(lock_id is not None, given, "None", "the lock: four of five are free")
        one.call("alice", release, LOCK, lock_id, list(NODES), one.connect, given=given)
        _nothing_but(one, given, ("n2",))


# -- 16.3 redlock --------------------------------------------------------------------------------------

redlock = Exercise(
    "16.3",
    "Redlock",
    kind="rebuild",
    points=8,
    hints=(
        "One function asks every node something and answers (how many said yes, validity in "
        "ms): lock sends SET "
        "NX PX, extend a script with PEXPIRE. No answer (redis.RedisError) is a no. Take the time before the "
        "first node, by time.monotonic().",
        "lock: quorum and validity > 0, or give back on every node, sleep random.uniform(0, "
        "0.2) and try again, "
        "with a new id or the same. No sleep after the last try: then None.",
        "extend answers the new validity, or 0 when no majority was extended (it may not set "
        "what it does not "
        "own). unlock runs compare-and-delete on all nodes; some may not answer.",
    ),
)


def _locked(
    one: Stage, make: Callable, given: str, ttl_s: float = 10, machine: str = "alice", tries: int = 3
) -> Any:
    """(the learner's Redlock, lock_id, validity_ms); id None when it wasn't to be had."""

    def lock() -> Any:
        red = make(list(one.nodes), one.connect, tries)
        return red, red.lock(LOCK, ttl_s)

    red, answer = one.call(machine, lock, given=given)
    if answer is None:
        return red, None, 0
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise Wrong(given, show(answer), "(lock_id, validity_ms), or None")
    return red, *answer


@redlock.test("a free lock is locked and unlocked, everywhere")
def lock_and_unlock(case: Case, make: Callable) -> None:
    for dead in ((), ("n2",), ("n1", "n5")):
        with stage(case, *NODES) as one:
            for name in dead:
                one.lab.kill(name)
            given = f"{len(dead)} of five nodes are dead"
            red, lock_id, validity_ms = _locked(one, make, given)
            _judge_validity(one, lock_id, validity_ms, 10_000, given)
            one.call("alice", red.unlock, LOCK, lock_id, given=f"{given}; unlock")
            _nothing_but(one, f"{given}; lock, unlock")


@redlock.test("without a majority nothing stays, also on nodes that stood still")
def gives_back(case: Case, make: Callable) -> None:
    with stage(case, *NODES) as one:
        for name in ("n1", "n2", "n3"):
            one.lab.pause(name)
        given = "three of five nodes stand still, a time to live of 30 s"
        red, lock_id, _ = _locked(one, make, given, ttl_s=30)
        case.equal(lock_id, None, given=given)
        for name in ("n1", "n2", "n3"):
            one.lab.resume(name)
        one.run("50ms")
        _nothing_but(one, f"{given}, then go on")


@redlock.test("a lost reply: what was set all the same is given back")
def lost_reply(case: Case, make: Callable) -> None:
    with stage(case, *NODES) as one:
        for name in ("n1", "n3"):
            one.set(name, "somebody", 60_000)
        one.lose_replies("n2", "alice")
        given = "two of five nodes are somebody's, and of a third one the reply is lost after it was set"
        _, lock_id, _ = _locked(one, make, given, ttl_s=30, tries=2)
        case.equal(lock_id, None, given=given)
        _nothing_but(one, given, ("n1", "n3"))


@redlock.test("tries again, after a random delay, and not after the last try")
def retries(case: Case, make: Callable) -> None:
    with stage(case, *NODES) as one:
        for name in NODES:
            one.set(name, "somebody", 60_000)
        given = "the lock is somebody's, tries=6"
        _, lock_id, _ = _locked(one, make, given, tries=6)
        case.equal(lock_id, None, given=given)
        times = [
            at_s
            for at_s, node, argv in one.commands
            if node == "n1" and argv[0].upper() == b"SET" and argv[2] != b"somebody"
        ]
        case.equal(len(times), 6, given=f"{given}; how often n1 was asked")
        gaps = [other - at for at, other in zip(times[1:], times[2:], strict=False)]  # connected by then
        if max(gaps) - min(gaps) < 0.01:
            raise Wrong(
                given, f"a try every {gaps[0]:.2f} s", "delays by lot: whoever collides will collide again"
            )
        if max(gaps) > 2:
            raise Wrong(given, f"{max(gaps):.1f} s between two tries", "a fraction of a second")
        if one.lab.now_s - times[-1] > 0.1:
            raise Wrong(given, f"an answer {one.lab.now_s - times[-1]:.2f} s after the last try", "at once")


@redlock.test("extend: what is ours, on a majority, and never what is not")
def extends(case: Case, make: Callable) -> None:
    with stage(case, *NODES) as one:
        given = "a lock of 10 s; extend it by 10 s, 6 s later"
        red, lock_id, _ = _locked(one, make, given)
        one.run("6s")
        validity_ms = one.call("alice", red.extend, LOCK, lock_id, 10, given=given)
        _judge_validity(one, lock_id, validity_ms, 10_000, given)
        if validity_ms < 9_000:
            raise Wrong(given, f"a validity of {validity_ms:.0f} ms", "nearly 9900 ms")
        for name in ("n1", "n3", "n5"):
            one.set(name, "somebody", 5_000)
        given = "three of five nodes are somebody's by now; extend"
        answer = one.call("alice", red.extend, LOCK, lock_id, 10, given=given)
        case.true(not answer, given, show(answer), "0: it is lost")
        left = {name: ms for name, (value, ms) in one.holders().items() if value == "somebody"}
        case.true(
            max(left.values()) <= 5000,
            given,
            f"somebody's lock has {max(left.values()):.0f} ms",
            "at most 5000",
        )


@redlock.test("a stepped clock of the caller changes nothing")
def own_clock(case: Case, make: Callable) -> None:
    with stage(case, *NODES) as one:
        for name in NODES:
            one.lab.delay("alice", name, "8ms")
        one.lab.agenda.after(100_000, lambda: one.lab.clock_step("alice", "-60s"))
        given = "links of 8 ms; the caller's clock is set back a minute while it asks; a time to live of 2 s"
        _, lock_id, validity_ms = _locked(one, make, given, ttl_s=2)
        _judge_validity(one, lock_id, validity_ms, 2000, given)


@redlock.test("a sweep of faults: never two within their validity")
def sweep(case: Case, make: Callable) -> None:
    for number in range(3):
        with stage(case, *NODES, seed=number) as one:
            lots = random.Random(f"{one.lab.seed}/faults")
            story = [_fault(one, lots) for _ in range(6)]
            watch = Contention(one.lab, LOCK, *NODES, sample_s=60)
            for name in ("alice", "bob", "cid"):
                one.spawn(name, _insist(one, make, watch), after=lots.uniform(0, 0.3))
            one.run("10s")
            one.lab.heal()
            given = f"three clients, seed {one.lab.seed}: " + "; ".join(text for _, text in sorted(story))
            for task in (task for name in ("alice", "bob", "cid") for task in one.lab.machine(name).tasks):
                raise_error(task, given)
            overlaps = watch.overlaps()
            if overlaps:
                first = overlaps[0]
                at_s = (first.start_us - one.lab.started_us) / 1e6
                raise Wrong(
                    given, f"{' and '.join(first.who)} are both inside at {at_s:.2f} s", "one at a time"
                )
            case.true(len(watch.beliefs) > 3, given, f"{len(watch.beliefs)} times inside", "progress")


def _insist(one: Stage, make: Callable, watch: Contention) -> Callable[[], None]:
    """Lock, work for as long as it is valid or less, unlock; again and again."""

    def work() -> None:
        red = make(list(one.nodes), one.connect, 5)
        lock, unlock = watch.acquires(red.lock), watch.releases(red.unlock)
        while one.lab.now_s < 9:
            answer = lock(LOCK, 1.5)
            if answer is None:
                time.sleep(0.2)
                continue
            time.sleep(min(0.6, answer[1] / 1000))
            unlock(LOCK, answer[0])

    return work


def _fault(one: Stage, lots: random.Random) -> tuple[float, str]:
    """Plan a fault of a node, and its end; when, and what."""
    at_s, node, lasts_s = lots.uniform(0.2, 7), lots.choice(NODES), lots.uniform(0.3, 2.5)
    client, kind = lots.choice(("alice", "bob", "cid")), lots.choice(("pause", "wall", "drop", "slow"))
    lab = one.lab
    begin, end, text = {
        "pause": (lambda: lab.pause(node), lambda: lab.resume(node), f"{node} stands still"),
        "wall": (
            lambda: (lab.cut(client, node), lab.cut(node, client)),
            lambda: lab.mend(client, node),
            f"{client} cannot reach {node}",
        ),
        "drop": (
            lambda: lab.machine(client) and lab.drop(client, node),
            lambda: None,
            f"{client} - {node} is reset",
        ),
        "slow": (
            lambda: lab.delay(client, node, "40ms"),
            lambda: lab.delay(client, node, "1ms"),
            f"{client} - {node} is slow",
        ),
    }[kind]
    lab.agenda.after(round(at_s * 1e6), begin)
    lab.agenda.after(round((at_s + lasts_s) * 1e6), end)
    return round(at_s, 2), f"{text} at {at_s:.2f} s, for {lasts_s:.2f} s"
