"""Checks of chapter 17, what is done once: ensure_idempotency, and an outbox.

Read next: minidis/course/models/crashing.py, minidis/course/fixtures/stage.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.stage import Stage, raise_error, stage
from minidis.course.models.crashing import Crash, crashes
from minidis.course.models.payments import Conflict, Gateway, Refused, Unfinished
from minidis.course.models.shop import Shop
from minidis.drivers.simulation.tasks import Task

# -- 17.1 once, or known to be unknown -----------------------------------------------------------------

once = Exercise(
    "17.1",
    "Once, or known to be unknown",
    kind="use",
    points=8,
    hints=(
        "No lock. One record that says what state it is in: begun, then finished with a result. Whoever "
        "writes 'begun' first does it: SET name record NX GET EX ttl answers None to him, and the record to "
        "all others.",
        "The record holds the request, too, and an id of whoever began. It becomes 'finished' in a script "
        "that replaces it only if it is still mine, with KEEPTTL. Only Refused takes it away; after any "
        "other exception it stays as it is.",
        "json.dumps the result before you keep it, and give back json.loads of that. If it can't: keep a "
        "third state and raise TypeError. Compare requests as dicts, after they have been through JSON.",
    ),
)

ORDER = {"order": "order 7", "amount": 25}
PATIENCE_S = 10.0


class Shopping:
    """One history of payments: web servers that call the learner's function, one gateway."""

    def __init__(self, one: Stage, ensure: Callable) -> None:
        self.one, self.ensure = one, ensure
        self.gateway = Gateway(one.lab)

    def pay(self) -> Any:
        return self.gateway.charge("order 7", 25)

    def call(
        self, operation: Callable | None = None, request: dict | None = None, ttl_s: int = 86_400
    ) -> Callable:
        """What a web server does, as a function without arguments, with a client of its own."""
        redis = self.one.connect("redis")
        asked = ORDER if request is None else request
        return lambda: self.ensure(redis, "pay:7", operation or self.pay, dict(asked), ttl_s)

    def ask(self, machine: str, given: str, *arguments: Any, within: float = PATIENCE_S) -> Any:
        """What a web server is told: the answer, or the exception."""
        task = self.one.spawn(machine, self.call(*arguments))
        self.one.run_until(lambda: task.finished, within)
        return told(task, given)

    def charges(self) -> int:
        return len(self.gateway.charges)

    def times_to_live(self) -> dict[str, int | None]:
        """What Redis keeps, and for how many seconds still (None: for ever)."""
        node = self.one.lab["redis"]
        database, now_ms = node.databases[0], node.clock() // 1000
        expiries = {key.decode(): database.expiry_ms(key) for key in database.table}
        return {key: None if at is None else round((at - now_ms) / 1000) for key, at in expiries.items()}


def told(task: Task, given: str) -> Any:
    """The answer of a task, or what it raised."""
    if not task.finished:
        raise Wrong(given, f"no answer within {PATIENCE_S:g} s", "an answer, or Unfinished")
    if isinstance(task.error, NotImplementedError):
        raise task.error
    if task.error is not None:
        return task.error
    if not isinstance(task.result, tuple) or len(task.result) != 2:
        raise Wrong(given, show(task.result), "(result, was_replayed)")
    return task.result


def expect(answer: Any, kind: type[Exception], given: str) -> None:
    """The answer must be this exception."""
    if not isinstance(answer, kind):
        came = f"{type(answer).__name__}: {answer}" if isinstance(answer, BaseException) else show(answer)
        raise Wrong(given, came, f"the exception {kind.__name__}")


def expect_result(answer: Any, result: Any, replayed: bool, given: str) -> None:
    if isinstance(answer, BaseException):
        raise Wrong(given, f"{type(answer).__name__}: {answer}", show((result, replayed)))
    same_type = type(answer[0]) is type(result)
    if answer[0] != result or not same_type or answer[1] is not replayed:
        raise Wrong(given, show(answer), show((result, replayed)))


RECEIPT = {"payment": "order 7", "amount": 25, "receipt": 1}


@once.test("done once, and replayed: the same to all, whatever the result is")
def replayed(case: Case, ensure: Callable) -> None:
    with stage(case, hz=1) as one:
        world = Shopping(one, ensure)
        expect_result(world.ask("web1", "the first call"), RECEIPT, False, "the first call")
        expect_result(
            world.ask("web2", "the second call"), RECEIPT, True, "the second call, from another machine"
        )
        case.equal(world.charges(), 1, given="two calls; charges")
    for result in (None, 0, "", False, [], ("a", {1: 2.5})):
        with stage(case, hz=1) as one:
            world = Shopping(one, ensure)
            ran: list[int] = []

            def operation(result: Any = result, ran: list[int] = ran) -> Any:
                ran.append(1)
                return result

            given = f"operation() answers {result!r}"
            first = world.ask("web1", given, operation)
            if isinstance(first, BaseException):
                raise Wrong(given, f"{type(first).__name__}: {first}", "(result, False)")
            again = world.ask("web2", f"{given}; again", operation)
            expect_result(again, first[0], True, f"{given}; the first call was told {show(first)}; again")
            case.equal(len(ran), 1, given=f"{given}; two calls, how often it ran")


@once.test("it may die at each of its lines: once, or Unfinished, never twice")
def dies_anywhere(case: Case, ensure: Callable) -> None:
    for crash in crashes():
        with stage(case, hz=1) as one:
            world = Shopping(one, ensure)
            first = one.spawn("web1", crash.dies(world.call()))
            one.run_until(lambda first=first: first.finished, PATIENCE_S)
            where = str(crash.line) if crash.line else "no line"
            reached_redis = bool(one.commands)
            for number, wait_s in ((2, 0), (3, 11)):
                one.run(wait_s)
                given = f"it dies at {where}; somebody else asks {wait_s} s later"
                answer = world.ask(f"web{number}", given)
                if world.charges() > 1:
                    raise Wrong(given, f"{world.charges()} charges", "one at most")
                if isinstance(answer, tuple):
                    case.equal(answer[0], RECEIPT, given=f"{given}; what it is told")
                    case.equal(world.charges(), 1, given=f"{given}; it is told {show(answer)}; charges")
                else:
                    expect(answer, Unfinished, given)
                if not reached_redis and isinstance(answer, Exception):
                    raise Wrong(given, show(answer), "a payment: nothing had reached Redis or the gateway")
            if None in world.times_to_live().values():
                given = f"it dies at {where}; the keys' time to live in the end"
                raise Wrong(given, show(world.times_to_live()), "no key for ever")


@once.test("a slow operation, and many who ask at once: one of them does it")
def slow(case: Case, ensure: Callable) -> None:
    for delay_s, asked_at in ((12.0, 11), (90.0, 70), (0.3, 0)):
        with stage(case, hz=1) as one:
            world = Shopping(one, ensure)
            world.gateway.delay_s = delay_s
            callers = 3 if asked_at else 8
            given = f"a payment that takes {delay_s:g} s, {callers} more callers {asked_at} s later"
            first = one.spawn("web0", world.call())
            others = [one.spawn(f"web{n + 1}", world.call(), after=asked_at) for n in range(callers)]
            one.run(asked_at + delay_s + PATIENCE_S)
            case.equal(world.charges(), 1, given=f"{given}; charges")
            for task in (first, *others):
                answer = told(task, given)
                if isinstance(answer, tuple):
                    case.equal(answer[0], RECEIPT, given=f"{given}; what one of them is told")
                else:
                    expect(answer, Unfinished, given)
            expect_result(world.ask("late", given), RECEIPT, True, f"{given}; who asks when it is over")


@once.test("another request with the same key: Conflict")
def conflict(case: Case, ensure: Callable) -> None:
    with stage(case, hz=1) as one:
        world = Shopping(one, ensure)
        world.gateway.delay_s = 5
        one.spawn("web1", world.call())
        one.run("1s")
        other = {"order": "order 7", "amount": 30}
        given = "amount 25 is being paid; the same key with amount 30"
        expect(world.ask("web2", given, None, other), Conflict, given)
        one.run("10s")
        given = "amount 25 was paid; the same key with amount 30"
        expect(world.ask("web2", given, None, other), Conflict, given)
        turned = dict(reversed(ORDER.items()))
        given = f"the same request, its keys in another order: {turned}"
        expect_result(world.ask("web3", given, None, turned), RECEIPT, True, given)
        case.equal(world.charges(), 1, given="five calls; charges")


@once.test("Refused: again. Anything else: nobody knows")
def errors(case: Case, ensure: Callable) -> None:
    with stage(case, hz=1) as one:
        world = Shopping(one, ensure)
        world.gateway.refuses = True
        expect(world.ask("web1", "the gateway refuses"), Refused, "the gateway refuses")
        world.gateway.refuses = False
        given = "the gateway refused, and would not any more; the next call"
        expect_result(world.ask("web2", given), RECEIPT, False, given)
    with stage(case, hz=1) as one:
        world = Shopping(one, ensure)
        world.gateway.silent = True
        given = "the gateway charges and does not answer"
        expect(world.ask("web1", given, within=60), TimeoutError, given)
        world.gateway.silent = False
        expect(world.ask("web2", f"{given}; the next call"), Unfinished, f"{given}; the next call")
        for later, wait_s in (("20 s", 20), ("20 min", 1180)):
            one.run(wait_s)
            expect(world.ask("web3", f"{given}; {later} later"), Unfinished, f"{given}; {later} later")
        case.equal(world.charges(), 1, given=f"{given}; charges in the end")


@once.test("a result that JSON can't hold: TypeError for all, done once")
def unspeakable(case: Case, ensure: Callable) -> None:
    with stage(case, hz=1) as one:
        world = Shopping(one, ensure)

        def operation() -> Any:
            world.pay()
            return {"receipts": {1, 2}}

        given = "operation() answers a dict with a set in it"
        for machine, name in (("web1", given), ("web2", f"{given}; again"), ("web3", f"{given}; 20 s later")):
            expect(world.ask(machine, name, operation), TypeError, name)
            one.run("10s")
        case.equal(world.charges(), 1, given=f"{given}; three calls, charges")


@once.test("what it keeps lives for ttl_s, no less and not for ever")
def lives(case: Case, ensure: Callable) -> None:
    with stage(case, hz=1) as one:
        world = Shopping(one, ensure)
        world.gateway.delay_s = 5
        one.spawn("web1", world.call(ttl_s=120))
        for at_s in (2, 10):
            one.run(at_s - one.lab.now_s)
            ttls = world.times_to_live()
            given = f"ttl_s=120, a payment of 5 s; the keys' time to live at {at_s} s"
            if not ttls:
                raise Wrong(given, "no keys", "a record of it")
            longest_s = max((ttl_s for ttl_s in ttls.values() if ttl_s is not None), default=0)
            if None in ttls.values() or longest_s > 120:
                raise Wrong(given, show(ttls), "120 s at most, and no key for ever")
            if longest_s < 108:
                raise Wrong(given, show(ttls), "nearly 120 s")
        one.run("115s")
        given = "ttl_s=120 is over; the same call"
        answer = world.ask("web2", given)
        if isinstance(answer, BaseException) or answer[1] is not False:
            raise Wrong(given, show(answer), "a new payment: the record is forgotten")


@once.test("too late: who ends when his record has run out leaves the next one's alone")
def too_late(case: Case, ensure: Callable) -> None:
    other = {"order": "order 7", "amount": 30}
    for refused in (False, True):
        with stage(case, hz=1) as one:
            world = Shopping(one, ensure)
            gateway = world.gateway
            gateway.delay_s, gateway.refuses = 12, refused
            one.spawn("web1", world.call(ttl_s=5))
            one.run("6s")
            gateway.delay_s = 60
            pay = lambda gateway=gateway: gateway.charge("order 7", 30)  # noqa: E731
            second = one.spawn("web2", world.call(pay, other, 300))
            one.run("7s")
            gateway.refuses = False
            how = "is refused" if refused else "is made"
            given = f"ttl_s=5, a payment of 12 s that {how}; from 6 s on amount 30 is being paid, for 60 s"
            if second.finished:
                raise Wrong(given, show(second.error), "a new payment: the first record is forgotten")
            expect(world.ask("web3", f"{given}; who asks for it at 13 s", pay, other), Unfinished, given)
            one.run("60s")
            result, _ = _paid(told(second, given), given)
            expect_result(world.ask("web4", given, pay, other), result, True, f"{given}; at the end")


def _paid(answer: Any, given: str) -> tuple[Any, bool]:
    if isinstance(answer, BaseException):
        raise Wrong(given, f"{type(answer).__name__}: {answer}", "a payment")
    return answer


# -- 17.2 an outbox ------------------------------------------------------------------------------------

outbox = Exercise(
    "17.2",
    "An outbox",
    kind="use",
    points=6,
    hints=(
        "place: order and outbox row in one transaction (with db: ...). INSERT OR IGNORE, and look at "
        "rowcount, so that the second time changes nothing.",
        "relay: for each unsent row, oldest first: XADD, and only then UPDATE ... sent = 1, in a transaction "
        "of its own. The row's number is the event's: it stays the same when it is sent again.",
        "project: 'seen before?' and INCRBY must happen together: one script with SET seen:N 1 NX and "
        "INCRBY, or MULTI with WATCH. SET NX first and INCRBY after it loses what lies between.",
    ),
)

ORDERS = {"a": 10, "b": 7, "c": 100, "d": 1}
MOST_RUNS = 8


class Relaying:
    """One history of a shop: a database, a Redis, and the learner's three functions."""

    def __init__(self, one: Stage, shop: Shop, answers: tuple[Callable, Callable, Callable]) -> None:
        self.one, self.shop = one, shop
        self.place_, self.relay_, self.project_ = answers
        self.machines = 0

    def run(
        self, function: Callable, *arguments: Any, crash: Crash | None = None, given: str
    ) -> Exception | None:
        """Run something on a machine of its own, with connections of its own; what it raised."""
        db = self.shop.connect()
        redis = self.one.connect("redis", socket_timeout=1)
        chosen = {"db": db, "redis": redis}
        words = [chosen.get(word, word) if isinstance(word, str) else word for word in arguments]
        job = lambda: function(*words)  # noqa: E731
        if crash is not None:
            crash.at_death.append(db.close)
            job = crash.dies(job)
        self.machines += 1
        task = self.one.spawn(f"m{self.machines}", job)
        self.one.run_until(lambda: task.finished, 30)
        db.close()
        if isinstance(task.error, NotImplementedError):
            raise task.error
        if not task.finished:
            raise Wrong(given, "no end within 30 s", "an end")
        return task.error  # type: ignore[return-value]

    def place(self, name: str, amount: int, **how: Any) -> Exception | None:
        return self.run(self.place_, "db", name, amount, **how)

    def relay(self, **how: Any) -> Exception | None:
        return self.run(self.relay_, "db", "redis", **how)

    def project(self, event: int, amount: int, **how: Any) -> Exception | None:
        return self.run(self.project_, "redis", event, amount, **how)

    def entries(self, given: str) -> list[tuple[int, str, int]]:
        """What the stream holds: (event, name, amount)."""
        value = self.one.lab["redis"].databases[0].table.get(b"orders")
        found = [] if value is None else self.one.connect("redis").xrange("orders")
        try:
            return [(int(f[b"event"]), f[b"name"].decode(), int(f[b"amount"])) for _, f in found]
        except (KeyError, ValueError):
            raise Wrong(given, show(found), "entries with the fields event, name, amount") from None

    def revenue(self) -> int:
        return int(self.one.connect("redis").get("revenue") or 0)

    def finish(self, given: str) -> list[tuple[int, str, int]]:
        """Relay until nothing is left, deliver everything; what the stream holds."""
        for _ in range(MOST_RUNS):
            _no_error(self.relay(given=given), f"{given}; relay")
            if not self.shop.unsent():
                break
        if left := self.shop.unsent():
            raise Wrong(f"{given}; relay {MOST_RUNS} times", f"{left} events unsent", "all sent")
        entries = self.entries(given)
        for event, _, amount in entries:
            _no_error(self.project(event, amount, given=given), f"{given}; project")
        return entries

    def judge(self, given: str) -> None:
        """Stream and revenue must tell what the database holds."""
        orders, entries = self.shop.orders(), self.finish(given)
        names = list(dict.fromkeys(name for _, name, _ in entries))
        if names != list(orders):
            raise Wrong(f"{given}; orders in the stream", show(names), show(list(orders)))
        events = {(event, name, amount) for event, name, amount in entries}
        if len({event for event, *_ in events}) != len(events) or len(events) != len(orders):
            raise Wrong(
                f"{given}; (event, name, amount) in the stream", show(entries), "one event for each order"
            )
        due = sum(orders.values())
        if self.revenue() != due:
            raise Wrong(f"{given}; revenue", str(self.revenue()), str(due))


def _sent(one: Stage) -> list[list[bytes]]:
    """The events that were sent so far."""
    return [argv for _, _, argv in one.commands if argv[0].upper() == b"XADD"]


def _no_error(error: Exception | None, given: str) -> None:
    if error is not None:
        raise Wrong(given, f"{type(error).__name__}: {error}", "no exception")


def _relaying(one: Stage, shop: Shop, answers: tuple, *placed: str) -> Relaying:
    world = Relaying(one, shop, answers)
    for name in placed:
        _no_error(world.place(name, ORDERS[name], given=f"place {name}"), f"place {name}")
    return world


@outbox.test("orders go in once, and come out in their order")
def in_and_out(case: Case, *answers: Callable) -> None:
    with stage(case, hz=1) as one, Shop() as shop:
        world = _relaying(one, shop, answers, "a", "b", "c")
        case.equal(world.entries("before the relay"), [], given="three orders, no relay yet; the stream")
        case.equal(shop.orders(), {"a": 10, "b": 7, "c": 100}, given="three orders; the table")
        world.finish("three orders")
        for name in ("a", "d"):
            given = "a once more, and d"
            _no_error(world.place(name, ORDERS[name], given=given), given)
        world.judge("a, b, c, relay, a once more and d, relay")
        before = len(world.entries("the end"))
        world.finish("nothing new")
        case.equal(
            len(world.entries("the end")), before, given="relay when nothing is unsent; entries in the stream"
        )
        one.connect("redis").xtrim("orders", 0)
        given = "the stream is trimmed, XTRIM orders MAXLEN 0; project event 99, amount 5"
        _no_error(world.project(99, 5, given=given), given)
        case.equal(world.revenue(), 118 + 5, given=f"{given}; revenue")


@outbox.test("place dies at each of its lines: both or none")
def place_dies(case: Case, *answers: Callable) -> None:
    for crash in crashes():
        with stage(case, hz=1) as one, Shop() as shop:
            world = _relaying(one, shop, answers, "a")
            world.place("b", 7, crash=crash, given="place b")
            given = f"place dies at {crash.line}" if crash.line else "place a, place b"
            world.judge(given)
            _no_error(world.place("b", 7, given=given), f"{given}; place b again")
            world.judge(f"{given}; place b again")
            case.equal(shop.orders(), {"a": 10, "b": 7}, given=f"{given}, b again; the orders")


@outbox.test("relay dies at each of its lines: nothing is missing")
def relay_dies(case: Case, *answers: Callable) -> None:
    for crash in crashes():
        with stage(case, hz=1) as one, Shop() as shop:
            world = _relaying(one, shop, answers, "a", "b")
            world.relay(crash=crash, given="relay")
            world.judge(f"a, b; relay dies at {crash.line}" if crash.line else "a, b; relay")


@outbox.test("an order comes in while the relay is at work")
def meanwhile(case: Case, *answers: Callable) -> None:
    for sent in (1, 2):
        with stage(case, hz=1) as one, Shop() as shop:
            world = _relaying(one, shop, answers, "a", "b")
            given = f"a, b; c is placed when the relay has sent {sent}"
            _place_meanwhile(world, sent, given)
            _no_error(world.place("c", 100, given=given), f"{given}; place c again")
            world.judge(given)


def _place_meanwhile(world: Relaying, sent: int, given: str) -> None:
    """Order c, when the relay has sent so many events; it may be told that the database is locked."""
    one, db = world.one, world.shop.connect()
    task = one.spawn("relay", world.relay_, db, one.connect("redis"))
    one.run_until(lambda: len(_sent(one)) >= sent or task.finished, 10)
    world.place("c", 100, given=given)
    one.run_until(lambda: task.finished, 30)
    db.close()
    raise_error(task, given)


@outbox.test("project dies at each of its lines: counted once")
def project_dies(case: Case, *answers: Callable) -> None:
    for crash in crashes():
        with stage(case, hz=1) as one, Shop() as shop:
            world = _relaying(one, shop, answers, "a", "b")
            world.finish("a, b")
            _no_error(world.place("c", 100, given="c"), "place c")
            _no_error(world.relay(given="relay"), "relay")
            event, _, amount = world.entries("a, b, c")[-1]
            world.project(event, amount, crash=crash, given="project")
            world.judge(
                f"project dies at {crash.line}, and is called again" if crash.line else "project, twice"
            )


@outbox.test("Redis does it, and the answer is lost")
def answers_are_lost(case: Case, *answers: Callable) -> None:
    for what in ("relay", "project"):
        for number in range(1, 12):
            with stage(case, hz=1) as one, Shop() as shop:
                world = _relaying(one, shop, answers, "a", "b")
                if what == "project":
                    _no_error(world.relay(given="relay"), "relay")
                    entries = world.entries("a, b")
                lose = _lose_reply(one, number)
                given = f"the reply to command {number} of {what} is lost"
                if what == "relay":
                    world.relay(given=given)
                else:
                    world.project(entries[0][0], entries[0][2], given=given)
                if not lose["lost"]:
                    break
                lose["number"] = -1
                world.judge(given)


def _lose_reply(one: Stage, number: int) -> dict[str, Any]:
    """Lose the reply to the `number`-th command from now; "lost" says whether it came to that."""
    state = {"number": number, "seen": 0, "lost": False}

    def lose(client: Any, argv: list[bytes], reply: Any) -> None:
        if argv[0].upper() in (b"HELLO", b"CLIENT"):
            return
        state["seen"] += 1
        if state["seen"] == state["number"]:
            state["lost"] = True
            machine = list(one.lab.machines)[-1]
            one.lab.cut("redis", machine)
            one.lab.drop(machine, "redis")

    one.lab["redis"].listen_to_commands(lose)
    return state


@outbox.test("two consumers have the same entry: counted once")
def two_consumers(case: Case, *answers: Callable) -> None:
    with stage(case, hz=1) as one, Shop() as shop:
        world = _relaying(one, shop, answers, "a", "b", "c")
        _no_error(world.relay(given="relay"), "relay")
        entries = world.entries("a, b, c")
        project = answers[2]
        for number in range(4):
            redis = one.connect("redis")
            for event, _, amount in entries:
                one.spawn(
                    f"c{number}",
                    lambda redis=redis, event=event, amount=amount: project(redis, event, amount),
                )
        one.run("5s")
        case.equal(
            world.revenue(), 117, given="four consumers, each has all three entries at the same time; revenue"
        )
        world.judge("four consumers at once, then all again")
