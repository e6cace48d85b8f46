"""Checks of chapter 16, locks on one node: a heartbeat, a fence, waiting one's turn.

Read next: minidis/course/fixtures/stage.py, minidis/course/models/contention.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.stage import LOCK, Stage, raise_error, stage
from minidis.course.models.interleaving import Passing, explore
from minidis.drivers.simulation.tasks import Task

# -- 16.2 a heartbeat ----------------------------------------------------------------------------------

heartbeat = Exercise(
    "16.2",
    "A heartbeat that can be trusted",
    kind="use",
    points=7,
    hints=(
        "while not self.stopped.wait(every_s): an Event's wait is a sleep that ends at once "
        "when stop() sets it. "
        "stop() sets it and joins the thread, so that no beat is under way afterwards.",
        "A beat: the script answers 0 -> self.lost = True, and the thread ends. A "
        "redis.RedisError -> try again at "
        "the next beat, but remember when the last beat was sent that was answered: after ttl_s without one "
        "the lock is lost, too.",
        "Time by time.monotonic(). At each beat look first: is it most_s since start()? Then "
        "self.lost = True, "
        "and return without a beat. After a pause the script's 0 says that somebody else has it.",
    ),
)


def _beating_job(one: Stage, make: Callable, work_s: float, **settings: float) -> tuple[Task, list[Any]]:
    """A task that takes the lock, starts a heartbeat, works, stops it; the list gets the heartbeat."""
    made: list[Any] = []
    redis = one.connect("redis", socket_timeout=1, socket_connect_timeout=1)
    options = {"ttl_s": 10, "every_s": 3, "most_s": 600, **settings}

    def job() -> float:
        redis.set(LOCK, "alice", nx=True, px=int(options["ttl_s"] * 1000))
        made.append(make(redis, LOCK, "alice", options["ttl_s"], options["every_s"], options["most_s"]))
        made[0].start()
        time.sleep(work_s)
        stopping_s = one.lab.now_s
        made[0].stop()
        return one.lab.now_s - stopping_s

    return one.spawn("alice", job), made


def _holds(one: Stage) -> tuple[str | None, float]:
    value, left_ms = one.holders().get("redis", (None, 0.0))
    return value, round(left_ms / 1000, 2)


def _lost(made: list[Any], task: Task, given: str) -> bool:
    raise_error(task, given)
    if not made:
        raise Wrong(given, "no heartbeat", "Heartbeat(...)")
    return bool(made[0].lost)


@heartbeat.test("work longer than the time to live keeps the lock")
def keeps_it(case: Case, make: Callable) -> None:
    with stage(case) as one:
        given = "a time to live of 10 s, a beat every 3 s, 25 s of work"
        task, made = _beating_job(one, make, 25)
        for _ in range(8):
            one.run("3.1s")
            case.equal(_lost(made, task, given), False, given=f"{given}; lost, at {one.lab.now_s:.1f} s")
            case.equal(_holds(one)[0], "alice", given=f"{given}; whose lock it is at {one.lab.now_s:.1f} s")
        case.equal(_lost(made, task, given), False, given=f"{given}; lost")
        one.run("5s")
        case.true(one.answer(task, "stop() does not return", given) < 1.1, given, "a slow stop()", "at once")


@heartbeat.test("it stops at once: no beat, and no thread, after stop()")
def stops(case: Case, make: Callable) -> None:
    for work_s, delay in ((4.5, "1ms"), (0, "1ms"), (3.15, "200ms")):  # the last: while a beat is under way
        with stage(case) as one:
            one.lab.delay("alice", "redis", delay)
            given = f"every 3 s, stop() after {work_s} s of work, a link of {delay}"
            task, made = _beating_job(one, make, work_s)
            one.run_until(lambda task=task: task.finished, 60)
            took_s = one.answer(task, "stop() does not return", given)
            count = len(one.commands)
            working = [other.name for other in one.lab.machine("alice").tasks if not other.finished]
            case.equal(working, [], given=f"{given}; threads that go on when stop() has returned")
            if took_s > 1.1:
                raise Wrong(given, f"stop() returned {took_s:.1f} s later", "at once")
            one.run("12s")
            late = [b" ".join(argv)[:40] for _, _, argv in one.commands[count:]]
            case.equal(late, [], given=f"{given}; commands after it")
            again = one.spawn("alice", made[0].stop)
            one.run("1s")
            one.answer(again, "it does not return", f"{given}; a second stop()")


@heartbeat.test("a lost lock is reported at the next beat, and nobody else's is extended")
def reports(case: Case, make: Callable) -> None:
    with stage(case) as one:
        given = "somebody else has the lock from 4.2 s on, for 20 s"
        task, made = _beating_job(one, make, 60)
        one.run("4.2s")
        case.equal(_lost(made, task, given), False, given="4.2 s, all is well; lost")
        one.set("redis", "bob", 20_000)
        one.run("2.5s")
        case.equal(_lost(made, task, given), True, given=f"{given}; lost, at 6.7 s")
        one.run("10s")
        value, left_s = _holds(one)
        if value != "bob" or left_s > 7.6:
            raise Wrong(f"{given}; at 16.7 s", f"{value}, {left_s} s left", "bob, 7.5 s left")
        beats = [argv for at_s, _, argv in one.commands if at_s > 6.8]
        case.equal(len(beats), 0, given=f"{given}; commands after the loss was known")


@heartbeat.test("one beat without answer is no reason to stop, a time to live without one is a loss")
def errors(case: Case, make: Callable) -> None:
    with stage(case) as one:
        given = "no network from 5.9 to 8 s (a timeout at the beat of 6 s), 30 s of work"
        task, made = _beating_job(one, make, 30)
        one.run("5.9s")
        one.lab.partition("alice", "redis")
        one.run("2.1s")
        one.lab.heal()
        one.run("19s")
        case.equal(_holds(one)[0], "alice", given=f"{given}; whose lock it is at 27 s")
        case.equal(_lost(made, task, given), False, given=f"{given}; lost")
    with stage(case) as one:
        given = "no network from 5.9 s on"
        task, made = _beating_job(one, make, 60)
        one.run("5.9s")
        one.lab.partition("alice", "redis")
        one.run("14.1s")
        case.equal(_lost(made, task, given), True, given=f"{given}, the lock's 10 s are over; lost, at 20 s")


@heartbeat.test("a hung owner loses it: a maximum life")
def hung(case: Case, make: Callable) -> None:
    with stage(case) as one:
        given = "the work hangs, most_s=20, a time to live of 10 s"
        task, made = _beating_job(one, make, 10_000, most_s=20)
        one.run("17s")
        case.equal(_holds(one)[0], "alice", given=f"{given}; whose lock it is at 17 s")
        one.run("13.5s")
        case.equal(_holds(one)[0], None, given=f"{given}; whose lock it is at 30.5 s")
        case.equal(_lost(made, task, given), True, given=f"{given}; lost")
        working = [
            other.name for other in one.lab.machine("alice").tasks if not other.finished and other is not task
        ]
        case.equal(working, [], given=f"{given}; threads that go on")


@heartbeat.test("after a pause of the whole machine it says so")
def paused(case: Case, make: Callable) -> None:
    with stage(case) as one:
        given = (
            "the machine stands still from 4 to 24 s; the clock is set back an hour meanwhile; bob "
            "took the lock"
        )
        task, made = _beating_job(one, make, 60)
        one.run("4s")
        one.lab.pause("alice")
        one.run("12s")
        one.set("redis", "bob", 30_000)
        one.lab.clock_step("alice", "-1h")
        one.run("8s")
        one.lab.resume("alice")
        one.run("3.5s")
        case.equal(_lost(made, task, given), True, given=f"{given}; lost, 3.5 s after it went on")
        value, left_s = _holds(one)
        if value != "bob" or left_s > 18.6:
            raise Wrong(given, f"{value}, {left_s} s left", "bob, 18.5 s left")


# -- 16.4 the fence ------------------------------------------------------------------------------------

fence = Exercise(
    "16.4",
    "The fence",
    kind="use",
    points=5,
    hints=(
        "The token must belong to the lock: SET NX and INCR in one script, else a pause "
        "between the two gives a "
        "late owner the larger number. The counter has a key of its own, without a time to live.",
        "Store keeps the largest token it has seen. A smaller one is refused (False), an equal "
        "one is the same "
        "owner again and is accepted, a larger one is accepted and remembered.",
        "What the fence cannot bear is numbers that repeat. When would INCR give a number twice?",
    ),
)

COUNTER_LIFE_S = 400 * 86_400


def _token(answer: Any, given: str) -> int | None:
    if answer is None or (isinstance(answer, int) and not isinstance(answer, bool) and answer > 0):
        return answer
    raise Wrong(given, show(answer), "a whole number from 1 on, or None")


@fence.test("a free lock gives a number, a taken one None, the next one a larger number")
def numbers(case: Case, acquire: Callable, store_class: Callable, limit: Any) -> None:
    redis, given = case.redis(), "acquire a free lock for ann, 10 s"
    first = _token(acquire(redis, "lock", "ann", 10_000), given)
    case.true(first is not None, given, "None", "a number")
    case.equal(redis.get("lock"), b"ann", given=f"{given}; then GET lock")
    left_ms = redis.pttl("lock")
    case.true(0 < left_ms <= 10_000, given, f"a time to live of {left_ms} ms", "10000 ms")
    for _ in range(3):
        case.equal(_token(acquire(redis, "lock", "bob", 10_000), given), None, given="bob, while it is ann's")
    for name, wait_s in (("bob", 11), ("cid", COUNTER_LIFE_S)):
        case.nodes[-1].jump(case.nodes[-1].now_us + wait_s * 1_000_000)
        given = f"{wait_s} s later, {name}"
        second = _token(acquire(redis, "lock", name, 10_000), given)
        case.true(
            second is not None and first is not None and second > first,
            given,
            show(second),
            f"a number > {first}",
        )
        first = second


@fence.test("whenever an owner is held up, the newest owner has the largest number")
def in_every_order(case: Case, acquire: Callable, store_class: Callable, limit: Any) -> None:
    def program(name: str) -> Callable[[Any], Any]:
        return lambda redis: acquire(redis, "lock", name, 10_000)

    def judge(redis: Any, results: Any) -> str:
        given = {name: results[name] for name in ("ann", "bob") if results[name] is not None}
        for name, token in given.items():
            if isinstance(token, Exception):
                return f"{name}: {type(token).__name__}: {token}"
        holder = (redis.get("lock") or b"").decode()
        if holder in given and given[holder] < max(given.values()):
            return f"{holder} holds the lock and has {given[holder]}, the tokens are {given}"
        if len(set(given.values())) < len(given):
            return f"the same number twice: {given}"
        return "right"

    clients = {"ann": program("ann"), "bob": program("bob"), "time": Passing(11)}
    try:
        found = explore(clients, [], judge, new_client=case.redis)
    except ValueError as error:
        raise Wrong("two clients", str(error), "some commands") from error
    for outcome, count in found.outcomes.items():
        if outcome != "right":
            steps = found.steps(found.shortest(outcome))
            said = "; ".join(
                f"{s.client}: {b' '.join(s.argv)[:40].decode('utf-8', 'replace')}" for s in steps
            )
            raise Wrong(
                said,
                str(outcome),
                f"the newest owner's is the largest ({count} of {found.schedules} schedules)",
            )


@fence.test("the store takes the newest owner's writes, and no others")
def store_rule(case: Case, acquire: Callable, store_class: Callable, limit: Any) -> None:
    for _ in range(15):
        store, newest, due = store_class(), 0, []
        tokens = [case.random.randint(1, 6) for _ in range(8)]
        for number, token in enumerate(tokens):
            given = f"a new store, tokens {tokens[: number + 1]}"
            accepted = token >= newest
            case.equal(
                bool(store.write(f"text {number}", token)),
                accepted,
                given=f"{given}; is the last one written?",
            )
            if accepted:
                newest = token
                due.append(f"text {number}")
        case.equal(list(store.content), due, given=f"tokens {tokens}; content")


@fence.test("three owners, any pause: what is in the store never goes back")
def any_pause(case: Case, acquire: Callable, store_class: Callable, limit: Any) -> None:
    for number in range(2):
        with stage(case, seed=number) as one:
            store, log = store_class(), []
            redis = {name: one.connect("redis") for name in ("ann", "bob", "cid")}

            def work(name: str, store: Any = store, log: list = log, redis: dict = redis) -> None:
                for _ in range(3):
                    while (token := acquire(redis[name], LOCK, name, 3000)) is None:
                        time.sleep(0.3)
                    for _ in range(2):
                        time.sleep(0.7)
                        if store.write((token, name), token):
                            log.append(token)
                    time.sleep(2)

            for name in redis:
                one.spawn(name, work, name)
            pauses = []
            for name in redis:
                at_s, lasts_s = case.random.uniform(0.2, 8), case.random.uniform(2, 6)
                pauses.append(f"{name} is held up at {at_s:.1f} s for {lasts_s:.1f} s")
                one.lab.agenda.after(round(at_s * 1e6), lambda name=name, one=one: one.lab.pause(name))
                one.lab.agenda.after(
                    round((at_s + lasts_s) * 1e6), lambda name=name, one=one: one.lab.resume(name)
                )
            one.run("40s")
            given = f"seed {one.lab.seed}, " + "; ".join(pauses)
            for name in redis:
                for task in one.lab.machine(name).tasks:
                    one.answer(task, "still waiting for the lock after 40 s", given)
            case.equal(log, sorted(log), given=f"{given}; the tokens in the order of writes")
            case.true(len(log) >= 9, given, f"{len(log)} writes", "the owners' writes")


@fence.test("what the fence cannot bear")
def its_limit(case: Case, acquire: Callable, store_class: Callable, limit: Any) -> None:
    answer = limit()
    if str(answer).strip().lower() != "b":
        raise Wrong(
            "ann writes with token 7; then a failover to a replica that has not seen the last "
            "INCR; bob acquires",
            f"{show(answer)} as the limit",
            "the answer in which bob's token is 7, too, and ann's late write is taken for his",
        )


# -- 16.5 waiting one's turn ---------------------------------------------------------------------------

retry = Exercise(
    "16.5",
    "Waiting one's turn",
    kind="use",
    points=5,
    hints=(
        "deadline = time.monotonic() + patience_s, before the first try. After a try in vain: "
        "how much is left? "
        "Nothing: return None. Never sleep longer than what is left.",
        "The delay grows, 0.05 s, 0.1, 0.2 ..., with a cap (half a second), and is drawn: "
        "random.uniform(0, it). "
        "So a crowd spreads out.",
        "Sleep min(delay, left), try once more at the deadline, then return: a last sleep "
        "after which nothing is "
        "tried is lost time.",
    ),
)


def _busy_until(one: Stage, free_s: float) -> tuple[Callable[[], str | None], list[float]]:
    """A lock that is free from a time on, and the times of the tries."""
    times: list[float] = []

    def try_once() -> str | None:
        times.append(round(one.lab.now_s, 4))
        return "id-1" if one.lab.now_s >= free_s else None

    return try_once, times


@retry.test("a free lock is taken at once; none at all is told in time")
def in_time(case: Case, acquire: Callable) -> None:
    with stage(case) as one:
        try_once, times = _busy_until(one, 0)
        case.equal(
            one.call("ann", acquire, try_once, 5, given="a free lock"),
            "id-1",
            given="a free lock, patience 5 s",
        )
        case.equal((len(times), one.lab.now_s < 0.01), (1, True), given="a free lock; (tries, at once)")
    for patience_s in (3, 0.5, 0):
        with stage(case) as one:
            try_once, times = _busy_until(one, 1e9)
            given = f"a lock that never comes free, patience {patience_s} s"
            case.equal(
                one.call("ann", acquire, try_once, patience_s, within=60, given=given), None, given=given
            )
            if one.lab.now_s > patience_s + 0.02:
                raise Wrong(given, f"an answer after {one.lab.now_s:.2f} s", f"after {patience_s} s")
            if not times or one.lab.now_s - times[-1] > 0.02:
                raise Wrong(
                    given, f"{one.lab.now_s - (times or [0])[-1]:.2f} s of sleep after the last try", "none"
                )
            if times[-1] < patience_s - 0.02:
                raise Wrong(given, f"it gave up at {times[-1]:.2f} s", f"a last try at {patience_s} s")


@retry.test("a lock that comes free is soon taken, and not asked for too often")
def soon(case: Case, acquire: Callable) -> None:
    for free_s in (0.3, 4, 25):
        with stage(case) as one:
            try_once, times = _busy_until(one, free_s)
            given = f"free after {free_s} s, patience 60 s"
            case.equal(one.call("ann", acquire, try_once, 60, given=given), "id-1", given=given)
            if one.lab.now_s - free_s > 1.05:
                raise Wrong(
                    given,
                    f"taken {one.lab.now_s - free_s:.1f} s later",
                    "within a second: a cap on the delay",
                )
            most = 8 + 10 * free_s
            if len(times) > most:
                raise Wrong(given, f"{len(times)} tries", f"at most {most:.0f}: delays that grow")


@retry.test("a crowd that starts together does not try together")
def jitter(case: Case, acquire: Callable) -> None:
    with stage(case) as one:
        try_once, times = _busy_until(one, 1e9)
        for number in range(15):
            one.spawn(f"w{number}", acquire, try_once, 4)
        one.run("5s")
        later = sorted(at for at in times if 0.01 < at < 3.9)
        together = sum(other - at < 0.0005 for at, other in zip(later, later[1:], strict=False))
        given = "15 workers that start at the same moment, patience 4 s"
        if together > len(later) // 5:
            raise Wrong(
                given,
                f"{together} of {len(later)} later tries at the same moment as another",
                "delays by lot",
            )
        case.true(len(later) > 60, given, f"{len(later)} later tries", "at least one each second and worker")


@retry.test("a clock that is stepped changes no deadline")
def steps(case: Case, acquire: Callable) -> None:
    for step in ("-1h", "1h"):
        with stage(case) as one:
            try_once, times = _busy_until(one, 6)
            given = f"free after 6 s, patience 10 s; the clock is stepped by {step} at 2 s"
            one.lab.machine("ann")
            one.lab.agenda.after(2_000_000, lambda one=one, step=step: one.lab.clock_step("ann", step))
            case.equal(one.call("ann", acquire, try_once, 10, within=60, given=given), "id-1", given=given)
        with stage(case) as one:
            try_once, times = _busy_until(one, 1e9)
            given = f"never free, patience 5 s; the clock is stepped by {step} at 2 s"
            one.lab.machine("ann")
            one.lab.agenda.after(2_000_000, lambda one=one, step=step: one.lab.clock_step("ann", step))
            case.equal(one.call("ann", acquire, try_once, 5, within=60, given=given), None, given=given)
            case.true(one.lab.now_s < 5.1, given, f"an answer after {one.lab.now_s:.1f} s", "after 5 s")


@retry.test("fifty workers at one lock: all are served, and Redis is not flooded")
def fifty(case: Case, acquire: Callable) -> None:
    with stage(case) as one:
        served: dict[str, float] = {}

        def work(name: str) -> None:
            redis = one.limited(one.lab.client("redis", name))
            if acquire(lambda: name if redis.set(LOCK, name, nx=True, px=5000) else None, 60) is not None:
                time.sleep(0.1)
                redis.delete(LOCK)
                served[name] = one.lab.now_s

        tasks = [one.spawn(f"w{number}", work, f"w{number}") for number in range(50)]
        one.run_until(lambda: all(task.finished for task in tasks), 62)
        given = "50 workers that start together, 0.1 s of work each, patience 60 s"
        for task in tasks:
            one.answer(task, "still waiting after 62 s", given)
        case.true(len(served) == 50, given, f"{len(served)} served", "50")
        last_s = max(served.values())
        if last_s > 20:
            raise Wrong(
                given, f"the last one was served at {last_s:.1f} s", "within 20 s (5 s of work in all)"
            )
        tries = sum(argv[0].upper() == b"SET" for _, _, argv in one.commands)
        if tries > 50 * 40:
            raise Wrong(given, f"{tries} tries", "at most 2000")
