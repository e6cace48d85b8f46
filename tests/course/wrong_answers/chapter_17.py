"""Plausible wrong answers to the exercises of chapter 17, and the tests that must refuse each."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from itertools import count

import redis as redis_py

from minidis.course.models.payments import CircuitOpen, Conflict, Refused, Unfinished
from minidis.protocol.replies import ReplyError
from minidis.values.hash import Hash

# -- 17.1 --------------------------------------------------------------------------------------------

REPLAYED = "done once, and replayed: the same to all, whatever the result is"
DIES = "it may die at each of its lines: once, or Unfinished, never twice"
SLOW = "a slow operation, and many who ask at once: one of them does it"
CONFLICT = "another request with the same key: Conflict"
ERRORS = "Refused: again. Anything else: nobody knows"
UNSPEAKABLE = "a result that JSON can't hold: TypeError for all, done once"
TOO_LATE = "too late: who ends when his record has run out leaves the next one's alone"
LIVES = "what it keeps lives for ttl_s, no less and not for ever"

REPLACE = """
if redis.call("get", KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == "" then return redis.call("del", KEYS[1]) end
return redis.call("set", KEYS[1], ARGV[2], "KEEPTTL")
"""
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


def guides_ensure(redis, key, operation, request, ttl_s=86400, lock_s=10):
    cache_key = f"idempotency:{key}"
    cached_result = redis.get(cache_key)
    if cached_result:
        return json.loads(cached_result), True
    lock_name, lock_id = f"lock:{cache_key}", str(uuid.uuid4())
    if not redis.set(lock_name, lock_id, nx=True, ex=lock_s):
        time.sleep(0.1)
        cached_result = redis.get(cache_key)
        if cached_result:
            return json.loads(cached_result), True
        raise Unfinished("Operation in progress by another instance")
    try:
        cached_result = redis.get(cache_key)
        if cached_result:
            return json.loads(cached_result), True
        result = operation()
        redis.set(cache_key, json.dumps(result), ex=ttl_s)
        return result, False
    finally:
        redis.eval(RELEASE, 1, lock_name, lock_id)


def with_a_long_lock(redis, key, operation, request, ttl_s=86400):
    return guides_ensure(redis, key, operation, request, ttl_s, lock_s=ttl_s)


def marked_before(redis, key, operation, request, ttl_s=86400):
    """A marker, set before; who finds it believes that it was done."""
    name = f"idempotency:{key}"
    if not redis.set(f"{name}:marker", "1", nx=True, ex=ttl_s):
        text = redis.get(name)
        return (json.loads(text) if text else None), True
    result = operation()
    redis.set(name, json.dumps(result), ex=ttl_s)
    return json.loads(json.dumps(result)), False


def marked_after(redis, key, operation, request, ttl_s=86400):
    name = f"idempotency:{key}"
    text = redis.get(name)
    if text is not None:
        return json.loads(text), True
    result = operation()
    redis.set(name, json.dumps(result), ex=ttl_s, nx=True)
    return json.loads(json.dumps(result)), False


def ensure_with(
    *, fingerprint=lambda request: request, begun_s=None, finished_ttl=True, gives_back=(Refused,),
    told=json.loads, speaks=True, truthy=False, reserve="nx", conflict_first=True, dumps=json.dumps,
    takes_over_s=None, compares=True, deletes_own=True,
):  # fmt: skip
    """The right answer, but for one of its parts."""

    def ensure(redis, key, operation, request, ttl_s=86400):
        name = f"idempotency:{key}"
        asked = fingerprint(request)
        record = {"asked": asked, "by": str(uuid.uuid4()), "state": "begun"}
        mine = json.dumps(record)

        def complete(state, **more):
            finished = json.dumps({**record, **more, "state": state})
            if not finished_ttl:
                redis.set(name, finished)
            elif compares:
                redis.eval(REPLACE, 1, name, mine, finished)
            else:
                redis.set(name, finished, keepttl=True)

        def forget():
            redis.eval(REPLACE, 1, name, mine, "") if deletes_own else redis.delete(name)

        if reserve == "nx":
            held = redis.set(name, mine, nx=True, get=True, ex=begun_s or ttl_s)
        elif reserve == "setnx":
            held = None if redis.setnx(name, mine) else redis.get(name)
            if held is None:
                redis.expire(name, ttl_s)
        else:  # looks first, sets then
            held = redis.get(name)
            if held is None:
                redis.set(name, mine, ex=begun_s or ttl_s)
        if held is not None and takes_over_s and redis.ttl(name) < ttl_s - takes_over_s:
            if json.loads(held)["state"] == "begun":
                redis.set(name, mine, ex=ttl_s)
                held = None
        if held is not None:
            held = json.loads(held)
            is_other = held["asked"] != asked
            if is_other and (conflict_first or held["state"] != "begun"):
                raise Conflict("another request")
            if held["state"] == "begun" or (truthy and not held["result"]):
                raise Unfinished("begun")
            if held["state"] == "unspeakable":
                raise TypeError("done, and JSON can't hold it")
            return held["result"], True
        try:
            result = operation()
        except gives_back:
            forget()
            raise
        try:
            text = dumps(result)
        except TypeError:
            if speaks == "again":
                forget()
            elif speaks:
                complete("unspeakable")
            raise
        complete("finished", result=json.loads(text))
        return told(text) if told else result, False

    return ensure


def waits_for_ever(redis, key, operation, request, ttl_s=86400):
    while True:
        try:
            return ensure_with()(redis, key, operation, request, ttl_s)
        except Unfinished:
            time.sleep(0.5)


def exits(redis, key, operation, request, ttl_s=86400):
    raise SystemExit


def hashed(request):
    return hashlib.sha256(str(request).encode()).hexdigest()


# -- 17.2 --------------------------------------------------------------------------------------------

IN_AND_OUT = "orders go in once, and come out in their order"
PLACE_DIES = "place dies at each of its lines: both or none"
RELAY_DIES = "relay dies at each of its lines: nothing is missing"
PROJECT_DIES = "project dies at each of its lines: counted once"
LOST = "Redis does it, and the answer is lost"
MEANWHILE = "an order comes in while the relay is at work"
TWO = "two consumers have the same entry: counted once"

ONCE = "if redis.call('set', KEYS[1], 1, 'NX', 'EX', 604800) then redis.call('incrby', KEYS[2], ARGV[1]) end"
UNSENT = "SELECT number, name, amount FROM outbox WHERE sent = 0 ORDER BY number"


def place(db, name, amount):
    with db:
        if db.execute("INSERT OR IGNORE INTO orders VALUES (?, ?)", (name, amount)).rowcount:
            db.execute("INSERT INTO outbox (name, amount) VALUES (?, ?)", (name, amount))


def relay(db, redis):
    for number, name, amount in db.execute(UNSENT).fetchall():
        redis.xadd("orders", {"event": number, "name": name, "amount": amount})
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))


def project(redis, event, amount):
    redis.eval(ONCE, 2, f"seen:{event}", "revenue", amount)


def places_in_two(db, name, amount):
    with db:
        new = db.execute("INSERT OR IGNORE INTO orders VALUES (?, ?)", (name, amount)).rowcount
    if new:
        with db:
            db.execute("INSERT INTO outbox (name, amount) VALUES (?, ?)", (name, amount))


def tells_first(db, name, amount):
    with db:
        db.execute("INSERT INTO outbox (name, amount) VALUES (?, ?)", (name, amount))
    with db:
        db.execute("INSERT OR IGNORE INTO orders VALUES (?, ?)", (name, amount))


def places_again(db, name, amount):
    with db:
        db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?)", (name, amount))
        db.execute("INSERT INTO outbox (name, amount) VALUES (?, ?)", (name, amount))


def fails_the_second_time(db, name, amount):
    with db:
        db.execute("INSERT INTO orders VALUES (?, ?)", (name, amount))
        db.execute("INSERT INTO outbox (name, amount) VALUES (?, ?)", (name, amount))


def forgets_to_commit(db, name, amount):
    if db.execute("INSERT OR IGNORE INTO orders VALUES (?, ?)", (name, amount)).rowcount:
        db.execute("INSERT INTO outbox (name, amount) VALUES (?, ?)", (name, amount))


def marks_first(db, redis):
    for number, name, amount in db.execute(UNSENT).fetchall():
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))
        redis.xadd("orders", {"event": number, "name": name, "amount": amount})


def forgets_to_mark(db, redis):
    for number, name, amount in db.execute(UNSENT).fetchall():
        redis.xadd("orders", {"event": number, "name": name, "amount": amount})


def marks_whatever_is_there(db, redis):
    for number, name, amount in db.execute(UNSENT).fetchall():
        redis.xadd("orders", {"event": number, "name": name, "amount": amount})
    with db:
        db.execute("UPDATE outbox SET sent = 1")


def newest_first(db, redis):
    for number, name, amount in db.execute(UNSENT.replace("BY number", "BY number DESC")).fetchall():
        redis.xadd("orders", {"event": number, "name": name, "amount": amount})
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))


def counts_its_own_events(db, redis):
    for number, name, amount in db.execute(UNSENT).fetchall():
        redis.xadd("orders", {"event": redis.incr("events"), "name": name, "amount": amount})
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))


def one_transaction_around(db, redis):
    """Marks inside, sends inside: a rollback can't take back what was sent, but here it marks first."""
    with db:
        rows = db.execute(UNSENT).fetchall()
        db.execute("UPDATE outbox SET sent = 1")
    for number, name, amount in rows:
        redis.xadd("orders", {"event": number, "name": name, "amount": amount})


def swallows_errors(db, redis):
    for number, name, amount in db.execute(UNSENT).fetchall():
        try:
            redis.xadd("orders", {"event": uuid.uuid4().int % 10**9, "name": name, "amount": amount})
        except redis_py.RedisError:
            pass
        with db:
            db.execute("UPDATE outbox SET sent = 1 WHERE number = ?", (number,))


def only_adds(redis, event, amount):
    redis.incrby("revenue", amount)


def marks_then_adds(redis, event, amount):
    if redis.set(f"seen:{event}", 1, nx=True):
        redis.incrby("revenue", amount)


def adds_then_marks(redis, event, amount):
    if not redis.exists(f"seen:{event}"):
        redis.incrby("revenue", amount)
        redis.set(f"seen:{event}", 1)


def looks_then_both(redis, event, amount):
    if not redis.exists(f"seen:{event}"):
        with redis.pipeline() as pipe:
            pipe.set(f"seen:{event}", 1)
            pipe.incrby("revenue", amount)
            pipe.execute()


def only_newer_ones(redis, event, amount):
    """The last event in a key: right in order, but the check stands outside."""
    if event > int(redis.get("last") or 0):
        redis.mset({"last": event, "revenue": int(redis.get("revenue") or 0) + amount})


def adds_up_the_stream(redis, event, amount):
    seen = {fields[b"event"]: int(fields[b"amount"]) for _, fields in redis.xrange("orders")}
    redis.set("revenue", sum(seen.values()))


def by_amount(redis, event, amount):
    redis.eval(ONCE, 2, f"seen:{amount % 10}", "revenue", amount)


# -- 17.3 --------------------------------------------------------------------------------------------

COUNTS = "answers and errors pass through; so many failures in a row open it"
KINDS = "only connection errors and timeouts are failures"
PROBES = "the probe closes it, or opens it for another rest"
ONE_PROBE = "half-open: one probe, whoever else calls"
LATE = "a call from before it opened says nothing any more"
STEPPED = "the wall clock may be stepped"
STORY = "a Redis that stands still for a minute: a few slow calls, and back at once"


class Right:
    """A right breaker in small steps, so that each wrong one differs in one of them."""

    kinds = (redis_py.ConnectionError, redis_py.TimeoutError)
    one_probe = numbered = resets = True

    def __init__(self, failures=3, rest_s=10):
        self.failures, self.rest_s = failures, rest_s
        self.count, self.opened_s, self.probing, self.openings = 0, None, False, 0

    def clock(self):
        return time.monotonic()

    @property
    def state(self):
        if self.opened_s is None:
            return "closed"
        return "half-open" if self.probing or self.clock() - self.opened_s >= self.rest_s else "open"

    def call(self, function, *arguments):
        state = self.state
        if state == "open" or (self.probing and self.one_probe):
            raise CircuitOpen(state)
        self.probing = state == "half-open"
        number = self.openings
        try:
            answer = function(*arguments)
        except self.kinds:
            if self.is_current(number):
                self.failed()
            raise
        except BaseException:
            self.other_error(number)
            raise
        self.answered(number)
        return answer

    def is_current(self, number):
        return self.openings == number or not self.numbered

    def failed(self):
        self.count += 1
        if self.probing or self.count >= self.failures:
            self.opened_s, self.probing = self.clock(), False
            self.openings += 1

    def answered(self, number):
        if self.is_current(number):
            if self.resets or self.probing:
                self.count = 0
            self.opened_s, self.probing = None, False

    def other_error(self, number):
        self.answered(number)


class AnyException(Right):
    kinds = (Exception,)


class TimeoutsOnly(Right):
    kinds = (redis_py.TimeoutError,)


class AllRedisErrors(Right):
    kinds = (redis_py.RedisError,)


class EverybodyProbes(Right):
    one_probe = False


class LateOnesCount(Right):
    numbered = False


class WallClock(Right):
    def clock(self):
        return time.time()


class NeverForgets(Right):
    resets = False


class StuckProbe(Right):
    def other_error(self, number):
        pass


class NoSecondRest(Right):
    def failed(self):
        self.count += 1
        if self.probing or self.count >= self.failures:
            self.opened_s = self.opened_s or self.clock()
            self.probing = False
            self.openings += 1


class OneTooLate(Right):
    def failed(self):
        self.count += 1
        if self.probing or self.count > self.failures:
            self.opened_s, self.probing = self.clock(), False
            self.openings += 1


class CountsOn(Right):
    """After a probe the count stands where it was: the next failure opens it."""

    def answered(self, number):
        if self.is_current(number):
            if self.opened_s is None:
                self.count = 0
            self.opened_s, self.probing = None, False


class StraightToClosed(Right):
    """No half-open at all: after the rest it begins anew, with three more slow calls."""

    def call(self, function, *arguments):
        if self.state == "half-open":
            self.opened_s, self.count = None, 0
        return super().call(function, *arguments)


class NeverCloses(Right):
    @property
    def state(self):
        return "closed" if self.opened_s is None else "open"


class SwallowsErrors(Right):
    def call(self, function, *arguments):
        try:
            return super().call(function, *arguments)
        except self.kinds:
            return None


class NoneWhenOpen(Right):
    def call(self, function, *arguments):
        try:
            return super().call(function, *arguments)
        except CircuitOpen:
            return None


# -- 17.4 --------------------------------------------------------------------------------------------

LIFE = "begun, unfinished, finished, replayed"
STRANGERS = "another request, another token: errors, and nothing changes"
EXPIRES = "it is forgotten in time, and not before"
CRASH = "a crash between the two: the token is still good"
LOGGED = "the log has ordinary commands, and only what has changed something"


def pair_with(
    *, log="effects", checks_print=True, checks_token=True, keeps_first=True, token=None, extends=False,
    truthy=False, touches=False, finish_ttl=False,
):  # fmt: skip
    """The right pair, but for one of its parts."""

    def begin(client, key, fingerprint, seconds):
        record = client.db.find(key, Hash)
        if record is not None:
            if touches:
                client.db.touch(key, "hset")
                client.rewrite(b"HSET", key, b"fingerprint", fingerprint)
            if extends:
                client.db.set_expiry(key, client.node.now_ms + seconds * 1000)
            if checks_print and record.get(b"fingerprint") != fingerprint:
                raise ReplyError("CONFLICT another request")
            result = record.get(b"result")
            is_finished = bool(result) if truthy else result is not None
            return [b"finished", result] if is_finished else [b"unfinished"]
        mine = token(key) if token else b"%032x" % client.node.random.getrandbits(128)
        at_ms = client.node.now_ms + seconds * 1000
        record = client.db.create(key, Hash(client.node.encodings))
        record.set(b"fingerprint", fingerprint)
        record.set(b"token", mine)
        client.db.set_expiry(key, at_ms)
        if log != "untouched":
            client.db.touch(key, "hset")
        if log == "nothing":
            client.rewrite()
        elif log != "typed":
            client.rewrite(b"HSET", key, b"fingerprint", fingerprint, b"token", mine)
            if log == "relative":
                client.rewrite(b"EXPIRE", key, b"%d" % seconds)
            elif log != "no expiry":
                client.rewrite(b"PEXPIREAT", key, b"%d" % at_ms)
        return [b"begun", mine]

    def finish(client, key, given, result):
        record = client.db.edit(key, Hash)
        if record is None or (checks_token and record.get(b"token") != given):
            raise ReplyError("STRANGER no such token")
        if keeps_first and record.get(b"result") is not None:
            return "OK"
        record.set(b"result", result)
        if finish_ttl:
            client.db.clear_expiry(key)
        client.db.touch(key, "hset")
        if log not in ("typed", "begin only"):
            client.rewrite(b"HSET", key, b"result", result)
        return "OK"

    return begin, finish


def refuses_to_repeat():
    begin, finish = pair_with()

    def strict(client, key, token, result):
        record = client.db.find(key, Hash)
        if record is not None and record.get(b"result") is not None:
            raise ReplyError("STRANGER finished already")
        return finish(client, key, token, result)

    return begin, strict


def numbers_tokens():
    numbers = count(1)
    return pair_with(token=lambda key: b"%032d" % next(numbers))


def remembers_in_python():
    tokens = {}
    begin, finish = pair_with()

    def with_memory(client, key, fingerprint, seconds):
        reply = begin(client, key, fingerprint, seconds)
        if reply[0] == b"begun":
            tokens[(id(client.node), key)] = reply[1]
        return reply

    def from_memory(client, key, token, result):
        if tokens.get((id(client.node), key)) != token:
            raise ReplyError("STRANGER no such token")
        return finish(client, key, token, result)

    return with_memory, from_memory


WRONG = {
    "17.1": [
        ("the guide's own", (guides_ensure,), (REPLAYED, DIES, SLOW, CONFLICT, ERRORS, UNSPEAKABLE)),
        (
            "the guide's, with a lock for a day",
            (with_a_long_lock,),
            (REPLAYED, CONFLICT, ERRORS, UNSPEAKABLE),
        ),
        ("a marker before: None for a result", (marked_before,), (DIES, SLOW, CONFLICT)),
        ("a marker after", (marked_after,), (DIES, SLOW, CONFLICT, ERRORS)),
        ("begun for 10 s", (ensure_with(begun_s=10),), (DIES, SLOW, ERRORS, LIVES)),
        ("finished for ever", (ensure_with(finished_ttl=False),), (LIVES,)),
        ("no fingerprint", (ensure_with(fingerprint=lambda request: None),), (CONFLICT,)),
        ("a fingerprint of str(request)", (ensure_with(fingerprint=hashed),), (CONFLICT,)),
        ("conflicts only when it is finished", (ensure_with(conflict_first=False),), (CONFLICT,)),
        ("any exception: again", (ensure_with(gives_back=(Exception,)),), (ERRORS,)),
        ("no exception: again", (ensure_with(gives_back=()),), (ERRORS,)),
        ("the first caller gets the result itself", (ensure_with(told=None),), (REPLAYED,)),
        ("what is falsy is no result", (ensure_with(truthy=True),), (REPLAYED,)),
        ("unspeakable: unfinished for ever", (ensure_with(speaks=False),), (UNSPEAKABLE,)),
        ("unspeakable: done again", (ensure_with(speaks="again"),), (UNSPEAKABLE,)),
        (
            "unspeakable: as a text",
            (ensure_with(dumps=lambda result: json.dumps(result, default=str)),),
            (UNSPEAKABLE,),
        ),
        ("looks first, reserves then", (ensure_with(reserve="get"),), (SLOW,)),
        ("SETNX, then EXPIRE", (ensure_with(reserve="setnx"),), (DIES,)),
        ("writes over the next one's record", (ensure_with(compares=False),), (TOO_LATE,)),
        ("deletes the next one's record", (ensure_with(deletes_own=False),), (TOO_LATE,)),
        ("waits as long as it takes", (waits_for_ever,), (DIES,)),
        ("exit", (exits,), (REPLAYED, ERRORS)),
        ("takes over after ten minutes", (ensure_with(takes_over_s=600),), (ERRORS,)),
    ],
    "17.2": [
        ("order and event in two transactions", (places_in_two, relay, project), (PLACE_DIES,)),
        ("the event before the order", (tells_first, relay, project), (IN_AND_OUT, PLACE_DIES)),
        ("the same order, another event", (places_again, relay, project), (IN_AND_OUT,)),
        ("an error for the same order", (fails_the_second_time, relay, project), (IN_AND_OUT, PLACE_DIES)),
        ("no commit", (forgets_to_commit, relay, project), (IN_AND_OUT,)),
        ("sent, then sends", (place, marks_first, project), (RELAY_DIES,)),
        ("all sent, then sends", (place, one_transaction_around, project), (RELAY_DIES,)),
        ("never marks", (place, forgets_to_mark, project), (IN_AND_OUT,)),
        ("newest first", (place, newest_first, project), (IN_AND_OUT,)),
        ("a new number each time it is sent", (place, counts_its_own_events, project), (RELAY_DIES, LOST)),
        ("errors are no errors", (place, swallows_errors, project), (RELAY_DIES,)),
        ("adds whatever comes", (place, relay, only_adds), (IN_AND_OUT, RELAY_DIES, PROJECT_DIES, LOST, TWO)),
        ("SET NX, then INCRBY", (place, relay, marks_then_adds), (PROJECT_DIES, LOST)),
        ("INCRBY, then SET", (place, relay, adds_then_marks), (PROJECT_DIES, LOST, TWO)),
        ("looks, then MULTI", (place, relay, looks_then_both), (TWO,)),
        ("the last event's number", (place, relay, only_newer_ones), (TWO,)),
        ("marks what it has not sent", (place, marks_whatever_is_there, project), (MEANWHILE,)),
        ("adds up the stream", (place, relay, adds_up_the_stream), (IN_AND_OUT,)),
        ("two orders of one kind", (place, relay, by_amount), (IN_AND_OUT,)),
    ],
    "17.3": [
        ("any exception is a failure", (AnyException,), (KINDS,)),
        ("only timeouts", (TimeoutsOnly,), (COUNTS,)),
        ("all of redis-py's errors", (AllRedisErrors,), (KINDS,)),
        ("everybody probes", (EverybodyProbes,), (ONE_PROBE,)),
        ("late calls count", (LateOnesCount,), (LATE,)),
        ("the wall clock", (WallClock,), (STEPPED,)),
        ("failures in all, not in a row", (NeverForgets,), (COUNTS, KINDS)),
        ("a probe with another error", (StuckProbe,), (KINDS,)),
        ("the first rest counts", (NoSecondRest,), (PROBES, STORY)),
        ("one failure too many", (OneTooLate,), (COUNTS,)),
        ("the count stays after a probe", (CountsOn,), (PROBES,)),
        ("closed after the rest", (StraightToClosed,), (PROBES, ONE_PROBE, STORY)),
        ("open for ever", (NeverCloses,), (PROBES, STORY)),
        ("errors are swallowed", (SwallowsErrors,), (COUNTS,)),
        ("None when it is open", (NoneWhenOpen,), (COUNTS, ONE_PROBE)),
    ],
    "17.4": [
        ("logged as typed", pair_with(log="typed"), (CRASH, LOGGED)),
        ("not logged", pair_with(log="nothing"), (CRASH, LOGGED)),
        ("no touch: not logged", pair_with(log="untouched"), (CRASH, LOGGED)),
        ("seconds from the restart on", pair_with(log="relative"), (CRASH,)),
        ("no expiry in the log", pair_with(log="no expiry"), (CRASH, LOGGED)),
        ("finish as typed", pair_with(log="begin only"), (CRASH,)),
        ("no fingerprint", pair_with(checks_print=False), (STRANGERS,)),
        ("anybody may finish", pair_with(checks_token=False), (STRANGERS,)),
        ("the last result wins", pair_with(keeps_first=False), (STRANGERS,)),
        ("the second FINISH is an error", refuses_to_repeat(), (STRANGERS,)),
        ("the key is the token", pair_with(token=lambda key: b"token"), (LIFE,)),
        ("tokens are numbered", numbers_tokens(), (LIFE,)),
        ("every BEGIN extends", pair_with(extends=True), (EXPIRES,)),
        ("finished for ever", pair_with(finish_ttl=True), (EXPIRES,)),
        ("an empty result is none", pair_with(truthy=True), (LIFE,)),
        ("every BEGIN is logged", pair_with(touches=True), (LOGGED,)),
        ("tokens in Python's memory", remembers_in_python(), (CRASH,)),
    ],
}
