"""Checks of chapter 17, two designs: a circuit breaker, and the commands IDEMP.BEGIN and IDEMP.FINISH.

Read next: minidis/course/fixtures/stage.py, minidis/course/fixtures/idemp.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis as redis_py

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.stage import Stage, raise_error, stage
from minidis.course.models.payments import CircuitOpen
from minidis.course.parts import plugged
from minidis.drivers.embedded import Embedded
from minidis.engine.durability.loading import LoadError
from minidis.persistence.aof import AofReader
from minidis.protocol.replies import ReplyError

# -- 17.3 a breaker ------------------------------------------------------------------------------------

breaker = Exercise(
    "17.3",
    "A breaker with one probe",
    kind="use",
    points=6,
    hints=(
        "Keep when it opened, by time.monotonic() (None: it is closed), and a count of failures in a row, "
        "which every answer sets to 0. `state` follows from these and the clock: nothing has to wake up.",
        "half-open: a flag says that the probe is on its way; whoever finds it set gets CircuitOpen. It "
        "must go whatever the probe raises, so `except BaseException` (or finally) as well.",
        "Number the openings. A call remembers the number at its start; when it ends and the number is "
        "another one, what it says is out of date.",
    ),
)


def _answers() -> str:
    return "pong"


def _fails(error: type[Exception] = redis_py.ConnectionError) -> Any:
    raise error("down")


class Tried:
    """Calls of a learner's breaker on one machine, one after the other."""

    def __init__(self, one: Stage, make: Callable, failures: int = 3, rest_s: float = 10) -> None:
        self.one, self.calls = one, 0
        self.breaker: Any = None
        self.make = lambda: make(failures, rest_s)

    def call(self, function: Callable, *arguments: Any, given: str) -> Any:
        """What a call was told: an answer, or the exception."""

        def counted(*words: Any) -> Any:
            self.calls += 1
            return function(*words)

        def job() -> Any:
            if self.breaker is None:
                self.breaker = self.make()
            try:
                return self.breaker.call(counted, *arguments)
            except NotImplementedError:
                raise
            except Exception as error:
                return error

        return self.one.call("app", job, given=given)

    def state(self, given: str) -> Any:
        return self.one.call("app", lambda: self.breaker.state, given=given)

    def expect(self, state: str, given: str) -> None:
        came = self.state(given)
        if came != state:
            raise Wrong(f"{given}; state", show(came), show(state))


def _told(came: Any, due: Any, given: str) -> None:
    """An answer, or an exception's kind."""
    right = isinstance(came, due) if isinstance(due, type) else came == due
    if not right:
        text = f"{type(came).__name__}: {came}" if isinstance(came, Exception) else show(came)
        raise Wrong(given, text, due.__name__ if isinstance(due, type) else show(due))


def _opened(one: Stage, make: Callable) -> Tried:
    tried = Tried(one, make)
    one.run("1s")
    for number in range(3):
        given = f"failure {number + 1} of 3"
        _told(tried.call(_fails, given=given), redis_py.ConnectionError, given)
    return tried


@breaker.test("answers and errors pass through; so many failures in a row open it")
def counts(case: Case, make: Callable) -> None:
    with stage(case, hz=1) as one:
        tried = Tried(one, make)
        _told(tried.call(lambda a, b: a + b, 2, 3, given="call(add, 2, 3)"), 5, "call(add, 2, 3)")
        tried.expect("closed", "one answer")
        story = [_fails, _fails, _answers, _fails, _fails]
        for number, function in enumerate(story, 1):
            given = f"fails, fails, answers, fails, fails; call {number}"
            due = "pong" if function is _answers else redis_py.ConnectionError
            _told(tried.call(function, given=given), due, given)
            tried.expect("closed", given)
        given = "the third failure in a row, a timeout"
        _told(tried.call(_fails, redis_py.TimeoutError, given=given), redis_py.TimeoutError, given)
        tried.expect("open", given)
        calls = tried.calls
        for wait_s in (0, 4, 5.9):
            one.run(wait_s)
            given = f"open for {one.lab.now_s:.1f} s of 10; a call"
            _told(tried.call(_answers, given=given), CircuitOpen, given)
        case.equal(tried.calls, calls, given="three calls while it is open; how often the function ran")


@breaker.test("only connection errors and timeouts are failures")
def kinds(case: Case, make: Callable) -> None:
    with stage(case, hz=1) as one:
        tried = Tried(one, make, failures=2)
        for error in (redis_py.ResponseError, ValueError, redis_py.ResponseError, KeyError):
            given = f"an error that is no failure: {error.__name__}"
            _told(tried.call(_fails, error, given=given), error, given)
            tried.expect("closed", given)
        given = "a failure, a ResponseError, a failure: two of two, but not in a row"
        for error in (redis_py.ConnectionError, redis_py.ResponseError, redis_py.ConnectionError):
            _told(tried.call(_fails, error, given=given), error, given)
        tried.expect("closed", given)
    with stage(case, hz=1) as one:
        tried = _opened(one, make)
        one.run("10s")
        given = "the probe raises ResponseError: somebody is there"
        _told(tried.call(_fails, redis_py.ResponseError, given=given), redis_py.ResponseError, given)
        tried.expect("closed", given)


@breaker.test("the probe closes it, or opens it for another rest")
def probes(case: Case, make: Callable) -> None:
    with stage(case, hz=1) as one:
        tried = _opened(one, make)
        one.run("10s")
        tried.expect("half-open", "the rest is over")
        given = "the probe fails"
        _told(tried.call(_fails, given=given), redis_py.ConnectionError, given)
        tried.expect("open", given)
        one.run("9.9s")
        given = "the probe failed 9.9 s ago, the rest is 10 s; a call"
        _told(tried.call(_answers, given=given), CircuitOpen, given)
        one.run("0.2s")
        given = "the second rest is over; a call that is answered"
        _told(tried.call(_answers, given=given), "pong", given)
        tried.expect("closed", given)
        for number, due in enumerate((redis_py.ConnectionError, redis_py.ConnectionError, "pong")):
            given = f"closed again after a probe; failures count from 0: call {number + 1}"
            _told(tried.call(_answers if due == "pong" else _fails, given=given), due, given)


@breaker.test("half-open: one probe, whoever else calls")
def one_probe(case: Case, make: Callable) -> None:
    for answers in (True, False):
        with stage(case, hz=1) as one:
            tried = _opened(one, make)
            one.run("10s")
            ran: list[float] = []

            def slow(answers: bool = answers, ran: list[float] = ran, one: Stage = one) -> str:
                ran.append(one.lab.now_s)
                time.sleep(2)
                return _answers() if answers else _fails()

            tasks = [one.spawn("app", tried.breaker.call, slow, after=0.1 * number) for number in range(6)]
            one.run("1.5s")
            given = "the rest is over, six threads call within half a second, the probe takes 2 s"
            case.equal(len(ran), 1, given=f"{given}; how many went through")
            refused = sum(isinstance(task.error, CircuitOpen) for task in tasks)
            case.equal(refused, 5, given=f"{given}; how many were told CircuitOpen, at 1.5 s")
            one.run("2s")
            tried.expect(
                "closed" if answers else "open", f"{given}, and {'is answered' if answers else 'fails'}"
            )


@breaker.test("a call from before it opened says nothing any more")
def late(case: Case, make: Callable) -> None:
    for answers in (True, False):
        with stage(case, hz=1) as one:
            tried = Tried(one, make)
            tried.call(_answers, given="one answer")

            def slow(answers: bool = answers) -> str:
                time.sleep(6)
                return _answers() if answers else _fails()

            one.spawn("app", tried.breaker.call, slow)
            one.run("0.5s")
            for _ in range(3):
                tried.call(_fails, given="a failure")
            opened_s = one.lab.now_s
            one.run("7s")
            how = "is answered" if answers else "fails"
            given = f"a call of 6 s is on its way, three others fail, then it {how}"
            tried.expect("open", given)
            one.run(opened_s + 10.1 - one.lab.now_s)
            tried.expect("half-open", f"{given}; 10 s after it opened")


@breaker.test("the wall clock may be stepped")
def stepped(case: Case, make: Callable) -> None:
    for step in ("-1m", "1m"):
        with stage(case, hz=1) as one:
            tried = _opened(one, make)
            one.run("1s")
            one.lab.clock_step("app", step)
            one.run("5s")
            tried.expect("open", f"it opens, the clock is stepped by {step}; 6 s after it opened, of 10")
            one.run("5s")
            tried.expect("half-open", f"it opens, the clock is stepped by {step}; 11 s after it opened")


@breaker.test("a Redis that stands still for a minute: a few slow calls, and back at once")
def story(case: Case, make: Callable) -> None:
    with stage(case, hz=1) as one:
        redis = one.connect("redis", socket_timeout=1, socket_connect_timeout=1)
        calls: list[tuple[float, float, str]] = []

        def app() -> None:
            mine = make(3, 10)
            while one.lab.now_s < 100:
                start_s = one.lab.now_s
                try:
                    mine.call(redis.ping)
                    said = "ok"
                except NotImplementedError:
                    raise
                except Exception as error:
                    said = type(error).__name__
                calls.append((start_s, one.lab.now_s - start_s, said))
                time.sleep(0.5)

        task = one.spawn("app", app)
        one.run("10s")
        one.lab.pause("redis")
        one.run("60s")
        one.lab.resume("redis")
        one.run("32s")
        given = "a PING each 0.5 s, timeout 1 s; Redis stands still from 10 s to 70 s; failures=3, rest_s=10"
        raise_error(task, given)
        slow = [round(start_s, 1) for start_s, took_s, _ in calls if took_s > 0.5]
        if not 7 <= len(slow) <= 9:
            raise Wrong(
                f"{given}; calls that waited for a timeout", show(slow), "three, and then one each 11 s"
            )
        back = [start_s for start_s, _, said in calls if said == "ok" and start_s > 70]
        if not back or back[0] > 82:
            raise Wrong(f"{given}; answered again", show(back[:1]), "within a rest and a second")
        if any(said != "ok" for start_s, _, said in calls if start_s > back[0]):
            raise Wrong(f"{given}; after the first answer", "errors", "answers")


# -- 17.4 IDEMP.BEGIN and IDEMP.FINISH -----------------------------------------------------------------

idemp = Exercise(
    "17.4",
    "IDEMP.BEGIN and IDEMP.FINISH",
    kind="rebuild",
    points=7,
    hints=(
        "A hash with the fields fingerprint, token, result. begin: find; None -> create, set, set_expiry, "
        "touch. finish: edit, compare the token, set the result, touch.",
        "What is typed is what is logged, unless you say otherwise: and IDEMP.BEGIN, run again from the log, "
        "would draw another token and count its seconds anew. client.rewrite(b'HSET', ...) and "
        "client.rewrite(b'PEXPIREAT', key, ...) state the effect.",
        "The moment of expiry is absolute: client.node.now_ms + 1000 * seconds. Nothing changed: no touch, "
        "no rewrite. Tokens come from client.node.random, b'%032x' % getrandbits(128).",
    ),
)

ALWAYS = {"appendonly": "yes", "appendfsync": "always", "save": ""}
KEY, PRINT = "pay:7", "amount=25"


def _begin(node: Embedded, fingerprint: str = PRINT, seconds: int = 3600, key: str = KEY) -> Any:
    return _run(node, "IDEMP.BEGIN", key, fingerprint, seconds)


def _finish(node: Embedded, token: bytes, result: str = "receipt 1", key: str = KEY) -> Any:
    return _run(node, "IDEMP.FINISH", key, token, result)


def _run(node: Embedded, *words: Any) -> Any:
    """The reply; an error as such."""
    try:
        return node.execute(*words)
    except ReplyError as error:
        return error


def _token(reply: Any, given: str) -> bytes:
    if (
        not isinstance(reply, list)
        or len(reply) != 2
        or reply[0] != b"begun"
        or not isinstance(reply[1], bytes)
    ):
        raise Wrong(given, show(reply), "[b'begun', token]")
    return reply[1]


def _code(reply: Any, code: str, given: str) -> None:
    if not isinstance(reply, ReplyError) or reply.code != code:
        raise Wrong(given, show(reply), f"an error that begins with {code}")


@idemp.test("begun, unfinished, finished, replayed")
def life(case: Case, begin: Callable, finish: Callable) -> None:
    node = case.node()
    with plugged("idemp", (begin, finish), node):
        token = _token(_begin(node), "the first IDEMP.BEGIN")
        case.equal(_begin(node), [b"unfinished"], given="IDEMP.BEGIN again, nobody has finished")
        case.equal(_finish(node, token), "OK", given="IDEMP.FINISH with the token")
        for _ in range(2):
            case.equal(_begin(node), [b"finished", b"receipt 1"], given="IDEMP.BEGIN when it is finished")
        other = _token(_begin(node, key="pay:8"), "IDEMP.BEGIN of another key")
        unlike = sum(one != another for one, another in zip(token, other, strict=False))
        case.true(
            min(len(token), len(other)) >= 8 and unlike >= 4,
            "two keys; the tokens",
            show([token, other]),
            "tokens that nobody can guess, of eight random characters at least",
        )
        case.equal(_finish(node, other, "", key="pay:8"), "OK", given="IDEMP.FINISH with an empty result")
        case.equal(_begin(node, key="pay:8"), [b"finished", b""], given="IDEMP.BEGIN; the result was empty")


@idemp.test("another request, another token: errors, and nothing changes")
def strangers(case: Case, begin: Callable, finish: Callable) -> None:
    node = case.node()
    with plugged("idemp", (begin, finish), node):
        token = _token(_begin(node), "the first IDEMP.BEGIN")
        _code(_begin(node, "amount=30"), "CONFLICT", "begun; IDEMP.BEGIN with another fingerprint")
        _code(_finish(node, b"nonsense"), "STRANGER", "begun; IDEMP.FINISH with another token")
        _code(_finish(node, token, key="pay:9"), "STRANGER", "IDEMP.FINISH of a key that isn't there")
        case.equal(
            _begin(node), [b"unfinished"], given="after these errors; IDEMP.BEGIN with the first fingerprint"
        )
        case.equal(_finish(node, token), "OK", given="IDEMP.FINISH with the right token")
        _code(_begin(node, "amount=30"), "CONFLICT", "finished; IDEMP.BEGIN with another fingerprint")
        _code(_finish(node, b"nonsense", "x"), "STRANGER", "finished; IDEMP.FINISH with another token")
        case.equal(
            _finish(node, token, "receipt 2"), "OK", given="IDEMP.FINISH once more with the right token"
        )
        case.equal(_begin(node), [b"finished", b"receipt 1"], given="finished twice; the first result stays")
        node.execute("RPUSH", "list", "x")
        _code(_begin(node, key="list"), "WRONGTYPE", "IDEMP.BEGIN of a list")
        _code(_finish(node, token, key="list"), "WRONGTYPE", "IDEMP.FINISH of a list")


@idemp.test("it is forgotten in time, and not before")
def expires(case: Case, begin: Callable, finish: Callable) -> None:
    node = case.node()
    with plugged("idemp", (begin, finish), node):
        token = _token(_begin(node, seconds=10), "IDEMP.BEGIN for 10 s")
        node.step(6)
        _begin(node, seconds=10)
        _finish(node, token)
        case.equal(node.execute("TTL", KEY), 4, given="begun for 10 s, begun again and finished at 6 s; TTL")
        node.step(5)
        given = "begun for 10 s, finished, 11 s later"
        _code(_finish(node, token), "STRANGER", f"{given}; IDEMP.FINISH")
        new = _token(_begin(node, "amount=30", 5), f"{given}; IDEMP.BEGIN with another fingerprint")
        case.true(new != token, given, "the token of before", "a new token")
        node.step(6)
        case.equal(node.execute("EXISTS", KEY), 0, given="begun for 5 s; EXISTS 6 s later")


@idemp.test("a crash between the two: the token is still good")
def crash_between(case: Case, begin: Callable, finish: Callable) -> None:
    for crash in ("kill", "power_cut"):
        node = case.node(ALWAYS)
        with plugged("idemp", (begin, finish), node):
            token = _token(_begin(node, seconds=10), "IDEMP.BEGIN for 10 s")
            node.step(3)
            given = f"IDEMP.BEGIN for 10 s, 3 s, {crash.replace('_', ' ')}"
            _restart(node, crash, given)
            case.equal(_begin(node), [b"unfinished"], given=f"{given}; IDEMP.BEGIN")
            _code(_begin(node, "amount=30"), "CONFLICT", f"{given}; IDEMP.BEGIN with another fingerprint")
            case.equal(node.execute("TTL", KEY), 7, given=f"{given}; TTL")
            case.equal(_finish(node, token), "OK", given=f"{given}; IDEMP.FINISH with the token of before")
            given += f", IDEMP.FINISH, {crash.replace('_', ' ')}"
            _restart(node, crash, given)
            case.equal(_begin(node), [b"finished", b"receipt 1"], given=f"{given}; IDEMP.BEGIN")
            node.step(8)
            _restart(node, crash, given)
            case.equal(node.execute("EXISTS", KEY), 0, given=f"{given}, 8 s, once more; EXISTS")


def _restart(node: Embedded, crash: str, given: str) -> None:
    try:
        getattr(node, crash)()
    except LoadError as error:
        raise Wrong(f"{given}; the start", str(error), "a log that the server can load") from None


@idemp.test("the log has ordinary commands, and only what has changed something")
def logged(case: Case, begin: Callable, finish: Callable) -> None:
    node = case.node(ALWAYS)
    with plugged("idemp", (begin, finish), node):
        token = _token(_begin(node), "IDEMP.BEGIN")
        log = _log(node)
        foreign = [words for words in log if words[0].upper().startswith(b"IDEMP")]
        case.equal(foreign, [], given="IDEMP.BEGIN; commands in the log that other servers don't know")
        case.true(len(log) > 0, "IDEMP.BEGIN; the log", "nothing", "what it has changed")
        _begin(node)
        _begin(node, "amount=30")
        _finish(node, b"nonsense")
        case.equal(_log(node), log, given="IDEMP.BEGIN again, twice in vain; the log")
        _finish(node, token)
        log = _log(node)
        _finish(node, token)
        _begin(node)
        case.equal(_log(node), log, given="IDEMP.FINISH a second time, IDEMP.BEGIN; the log")
        there = _loaded(case, log)
        given = "the log, run by a server that has only Redis's commands, as a replica is"
        case.equal(
            there.execute("PEXPIRETIME", KEY), node.execute("PEXPIRETIME", KEY), given=f"{given}; PEXPIRETIME"
        )
        with plugged("idemp", (begin, finish), there):
            case.equal(_begin(there), [b"finished", b"receipt 1"], given=f"{given}; IDEMP.BEGIN there")
            case.equal(_finish(there, token), "OK", given=f"{given}; IDEMP.FINISH there, with the token")


def _log(node: Embedded) -> list[list[bytes]]:
    """The commands of the log, without SELECT."""
    reader = AofReader()
    reader.feed(node.disk.read(node.node.append_only.path))
    commands = [record.argv for record in reader.records() if record.argv is not None]
    return [argv for argv in commands if argv[0].upper() != b"SELECT"]


def _loaded(case: Case, log: list[list[bytes]]) -> Embedded:
    node = case.node()
    for argv in log:
        node.execute(*argv)
    return node
