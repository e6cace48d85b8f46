"""Plausible wrong answers to the exercises of chapter 16, and the tests that must refuse each."""

from __future__ import annotations

import random
import threading
import time
import uuid

import redis as redis_py

RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
EXTEND = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) "
    "end return 0"
)

# -- 16.1 --------------------------------------------------------------------------------------------

FREE = "a free lock: an id on a majority, and how long it is good"
SHORT = "half a second is a time to live, and so is a tenth"
NO_MAJORITY = "no majority: (None, 0), and nothing stays behind"
DEAD = "a dead node is a no, and no reason to leak"
FROZEN = "a frozen node costs a moment, and keeps nothing when it thaws"
STEPPED = "a clock that is stepped changes nothing"
EVERYWHERE = "release frees every node, and nobody else's lock"


def guides_acquire(lock_name, ttl_seconds, nodes, connect):
    lock_id = str(uuid.uuid4())
    start_time = time.time()
    ttl_ms = ttl_seconds * 1000
    acquired_count = 0
    for node in nodes:
        if connect(node).set(lock_name, lock_id, nx=True, px=ttl_ms):
            acquired_count += 1
    elapsed_time_ms = (time.time() - start_time) * 1000
    validity_time_ms = ttl_ms - elapsed_time_ms - 100
    if acquired_count >= len(nodes) // 2 + 1 and validity_time_ms > 0:
        return lock_id, validity_time_ms
    guides_release(lock_name, lock_id, nodes, connect)
    return None, 0


def guides_release(lock_name, lock_id, nodes, connect):
    connect(nodes[0]).eval(RELEASE, 1, lock_name, lock_id)  # "the" Redis


def release_all(lock_name, lock_id, nodes, connect, timeout=0.06):
    for node in nodes:
        try:
            connect(node, socket_timeout=timeout, socket_connect_timeout=timeout).eval(
                RELEASE, 1, lock_name, lock_id
            )
        except redis_py.RedisError:
            pass


def acquire_with(
    *, clock=time.monotonic, drift=lambda ttl: ttl * 0.01 + 2, timeout=0.06, catches=True, whole=True,
    quorum=lambda nodes: len(nodes) // 2 + 1, release="all", answer=lambda validity, ttl: validity,
):  # fmt: skip
    """The right answer, but for one of its parts."""
    uses_wall_clock = clock is time.time

    def acquire(lock_name, ttl_seconds, nodes, connect):
        now = time.time if uses_wall_clock else time.monotonic
        lock_id = str(uuid.uuid4())
        ttl_ms = int(ttl_seconds * 1000) if whole else ttl_seconds * 1000
        start_s, got = now(), []
        for node in nodes:
            try:
                client = connect(node, socket_timeout=timeout, socket_connect_timeout=timeout)
                if client.set(lock_name, lock_id, nx=True, px=ttl_ms):
                    got.append(node)
            except redis_py.RedisError as error:
                if not catches or isinstance(error, redis_py.DataError):
                    raise
        validity_ms = ttl_ms - (now() - start_s) * 1000 - drift(ttl_ms)
        if len(got) >= quorum(nodes) and validity_ms > 0:
            return lock_id, answer(validity_ms, ttl_ms)
        left = {"all": nodes, "those that said yes": got, "none": []}[release]
        release_all(lock_name, lock_id, left, connect)
        return None, 0

    return acquire


def release_with_del(lock_name, lock_id, nodes, connect):
    for node in nodes:
        try:
            connect(node, socket_timeout=0.06, socket_connect_timeout=0.06).delete(lock_name)
        except redis_py.RedisError:
            pass


def release_until_an_error(lock_name, lock_id, nodes, connect):
    try:
        for node in nodes:
            connect(node, socket_timeout=0.06, socket_connect_timeout=0.06).eval(
                RELEASE, 1, lock_name, lock_id
            )
    except redis_py.RedisError:
        pass


# -- 16.2 --------------------------------------------------------------------------------------------

STOPS = "it stops at once: no beat, and no thread, after stop()"
REPORTS = "a lost lock is reported at the next beat, and nobody else's is extended"
ERRORS = "one beat without answer is no reason to stop, a time to live without one is a loss"
HUNG = "a hung owner loses it: a maximum life"
PAUSED = "after a pause of the whole machine it says so"


class Beat:
    """A right heartbeat in small steps, so that each wrong one differs in one of them."""

    script = EXTEND
    catches = True
    reports = True
    joins = True

    def __init__(self, redis, lock_name, lock_id, ttl_s, every_s, most_s):
        self.redis, self.lock_name, self.lock_id = redis, lock_name, lock_id
        self.ttl_s, self.every_s, self.most_s = ttl_s, every_s, most_s
        self.lost = False
        self.stopped = threading.Event()

    def clock(self):
        return time.monotonic()

    def wait(self):
        return self.stopped.wait(self.every_s)

    def start(self):
        self.started_s = self.answered_s = self.clock()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopped.set()
        if self.joins:
            self.thread.join()

    def is_too_old(self):
        return self.clock() - self.started_s >= self.most_s

    def beat(self):
        return self.redis.eval(self.script, 1, self.lock_name, self.lock_id, int(self.ttl_s * 1000))

    def run(self):
        while not self.lost and not self.wait():
            if self.is_too_old():
                self.lost = True
                return
            sent_s = self.clock()
            try:
                mine = self.beat()
            except redis_py.RedisError:
                if not self.catches:
                    raise
                self.failed()
                continue
            self.answered_s = sent_s
            if self.reports:
                self.lost = not mine

    def failed(self):
        self.lost = self.clock() - self.answered_s >= self.ttl_s


class SleepsFirst(Beat):
    def wait(self):
        time.sleep(self.every_s)
        return False if not self.stopped.is_set() else True


class GuidesBeat(Beat):
    catches = reports = joins = False

    def wait(self):
        if self.stopped.is_set():
            return True
        time.sleep(self.every_s)
        return False

    def is_too_old(self):
        return False


class DoesNotJoin(Beat):
    joins = False


class NeverReports(Beat):
    reports = False


class DiesOfAnError(Beat):
    catches = False


class GivesUpAtOnce(Beat):
    def failed(self):
        self.lost = True


class HopesForEver(Beat):
    def failed(self):
        pass


class LivesForEver(Beat):
    def is_too_old(self):
        return False


class EndsWithoutAWord(Beat):
    def run(self):
        end_s = self.clock() + self.most_s
        while not self.lost and not self.wait() and self.clock() < end_s:
            try:
                self.lost = not self.beat()
                self.answered_s = self.clock()
            except redis_py.RedisError:
                self.failed()


class ExtendsWhatever(Beat):
    def beat(self):
        return self.redis.pexpire(self.lock_name, int(self.ttl_s * 1000))


class SetsItAgain(Beat):
    def beat(self):
        return self.redis.set(self.lock_name, self.lock_id, px=int(self.ttl_s * 1000))


class LooksThenExtends(Beat):
    def beat(self):
        if self.redis.get(self.lock_name) is None:
            return False
        return self.redis.pexpire(self.lock_name, int(self.ttl_s * 1000))


class WallClock(Beat):
    def clock(self):
        return time.time()

    def failed(self):
        self.lost = False

    def is_too_old(self):
        if self.clock() < self.started_s:
            return True
        return super().is_too_old()

    def run(self):
        while not self.wait():
            if self.clock() < self.answered_s + self.every_s * 0.9:
                continue  # "not yet time for a beat"
            if self.is_too_old():
                self.lost = True
                return
            try:
                self.lost = not self.beat()
                self.answered_s = self.clock()
            except redis_py.RedisError:
                self.failed()


class PollsForStop(Beat):
    def wait(self):
        for _ in range(self.every_s):
            if self.stopped.is_set():
                return True
            time.sleep(2)
        return False


# -- 16.3 --------------------------------------------------------------------------------------------

BOTH_WAYS = "a free lock is locked and unlocked, everywhere"
GIVES_BACK = "without a majority nothing stays, also on nodes that stood still"
LOST_REPLY = "a lost reply: what was set all the same is given back"
RETRIES = "tries again, after a random delay, and not after the last try"
EXTENDS = "extend: what is ours, on a majority, and never what is not"
OWN_CLOCK = "a stepped clock of the caller changes nothing"
SWEEP = "a sweep of faults: never two within their validity"


class Red:
    """A right Redlock in small steps."""

    timeout_s = 0.12
    extend_script = EXTEND
    gives_back = True
    rests_after_the_last = False

    def __init__(self, nodes, connect, tries):
        self.clients = [
            connect(node, socket_timeout=self.timeout_s, socket_connect_timeout=self.timeout_s)
            for node in nodes
        ]
        self.quorum, self.tries = len(nodes) // 2 + 1, tries

    def clock(self):
        return time.monotonic()

    def drift(self, ttl_ms):
        return ttl_ms * 0.01 + 2

    def pause(self):
        return random.uniform(0, 0.2)

    def ask(self, ttl_ms, question):
        start_s, yes = self.clock(), 0
        for client in self.clients:
            try:
                yes += bool(question(client))
            except redis_py.RedisError:
                pass
        return yes, ttl_ms - (self.clock() - start_s) * 1000 - self.drift(ttl_ms)

    def lock(self, name, ttl_s):
        ttl_ms = int(ttl_s * 1000)
        for attempt in range(self.tries):
            lock_id = str(uuid.uuid4())
            yes, validity_ms = self.ask(
                ttl_ms, lambda client, lock_id=lock_id: client.set(name, lock_id, nx=True, px=ttl_ms)
            )
            if yes >= self.quorum and validity_ms > 0:
                return lock_id, validity_ms
            if self.gives_back:
                self.unlock(name, lock_id)
            if attempt < self.tries - 1 or self.rests_after_the_last:
                time.sleep(self.pause())
        return None

    def extend(self, name, lock_id, ttl_s):
        ttl_ms = int(ttl_s * 1000)
        yes, validity_ms = self.ask(ttl_ms, lambda client: self.extend_one(client, name, lock_id, ttl_ms))
        return max(0, validity_ms) if yes >= self.quorum else 0

    def extend_one(self, client, name, lock_id, ttl_ms):
        return client.eval(EXTEND, 1, name, lock_id, ttl_ms)

    def unlock(self, name, lock_id):
        self.ask(0, lambda client: client.eval(RELEASE, 1, name, lock_id))


class TwoAreEnough(Red):
    def __init__(self, nodes, connect, tries):
        super().__init__(nodes, connect, tries)
        self.quorum = len(nodes) // 2


class HalfOfTheLiving(Red):
    """Counts the majority among those that answered."""

    def ask(self, ttl_ms, question):
        start_s, yes, answered = self.clock(), 0, 0
        for client in self.clients:
            try:
                yes += bool(question(client))
                answered += 1
            except redis_py.RedisError:
                pass
        self.quorum = answered // 2 + 1
        return yes, ttl_ms - (self.clock() - start_s) * 1000 - self.drift(ttl_ms)


class Leaks(Red):
    gives_back = False


class NoTimeouts(Red):
    timeout_s = None


class FixedDelay(Red):
    def pause(self):
        return 0.1


class NoRetry(Red):
    def __init__(self, nodes, connect, tries):
        super().__init__(nodes, connect, 1)


class SleepsAtTheEnd(Red):
    rests_after_the_last = True

    def pause(self):
        return random.uniform(0.15, 0.4)


class SetsWhenExtending(Red):
    def extend_one(self, client, name, lock_id, ttl_ms):
        return client.set(name, lock_id, px=ttl_ms)


class ExtendsForAnybody(Red):
    def extend_one(self, client, name, lock_id, ttl_ms):
        return client.pexpire(name, ttl_ms)


class SaysYesToEveryExtension(Red):
    def extend(self, name, lock_id, ttl_s):
        super().extend(name, lock_id, ttl_s)
        return ttl_s * 990 - 2


class NoDrift(Red):
    def drift(self, ttl_ms):
        return 0


class WallClockRed(Red):
    def clock(self):
        return time.time()


class DeletesWhatever(Red):
    def unlock(self, name, lock_id):
        self.ask(0, lambda client: client.delete(name))


class ForgetsWhoDidNotAnswer(Red):
    """Gives back only where the SET was answered with yes."""

    def lock(self, name, ttl_s):
        ttl_ms = int(ttl_s * 1000)
        for _ in range(self.tries):
            lock_id, got, start_s = str(uuid.uuid4()), [], self.clock()
            for client in self.clients:
                try:
                    if client.set(name, lock_id, nx=True, px=ttl_ms):
                        got.append(client)
                except redis_py.RedisError:
                    pass
            validity_ms = ttl_ms - (self.clock() - start_s) * 1000 - self.drift(ttl_ms)
            if len(got) >= self.quorum and validity_ms > 0:
                return lock_id, validity_ms
            for client in got:
                client.eval(RELEASE, 1, name, lock_id)
            time.sleep(self.pause())
        return None


# -- 16.4 --------------------------------------------------------------------------------------------

NUMBERS = "a free lock gives a number, a taken one None, the next one a larger number"
IN_ORDER = "whenever an owner is held up, the newest owner has the largest number"
RULE = "the store takes the newest owner's writes, and no others"
ANY_PAUSE = "three owners, any pause: what is in the store never goes back"
ITS_LIMIT = "what the fence cannot bear"

ONE_SCRIPT = """
if redis.call("set", KEYS[1], ARGV[1], "NX", "PX", ARGV[2]) then return redis.call("incr", KEYS[2]) end
return false
"""


def fenced(redis, lock_name, lock_id, ttl_ms):
    return redis.eval(ONE_SCRIPT, 2, lock_name, lock_name + ":token", lock_id, ttl_ms)


def lock_then_number(redis, lock_name, lock_id, ttl_ms):
    if not redis.set(lock_name, lock_id, nx=True, px=ttl_ms):
        return None
    return redis.incr(lock_name + ":token")


def number_then_lock(redis, lock_name, lock_id, ttl_ms):
    token = redis.incr(lock_name + ":token")
    return token if redis.set(lock_name, lock_id, nx=True, px=ttl_ms) else None


def number_in_the_lock(redis, lock_name, lock_id, ttl_ms):
    if not redis.set(lock_name, lock_id, nx=True, px=ttl_ms):
        return None
    token = int(redis.get(lock_name + ":token") or 0) + 1
    redis.set(lock_name + ":token", token)
    return token


def counter_that_expires(redis, lock_name, lock_id, ttl_ms):
    token = fenced(redis, lock_name, lock_id, ttl_ms)
    redis.pexpire(lock_name + ":token", 30 * 86_400_000)
    return token


def no_time_to_live(redis, lock_name, lock_id, ttl_ms):
    script = ONE_SCRIPT.replace(', "PX", ARGV[2]', "")
    return redis.eval(script, 2, lock_name, lock_name + ":token", lock_id)


def zero_for_no(redis, lock_name, lock_id, ttl_ms):
    return fenced(redis, lock_name, lock_id, ttl_ms) or 0


class Store:
    def __init__(self):
        self.content, self.newest = [], 0

    def accepts(self, token):
        return token >= self.newest

    def write(self, text, token):
        if not self.accepts(token):
            return False
        self.newest = max(self.newest, token)
        self.content.append(text)
        return True


def says(letter):
    return lambda: letter


class OnceOnly(Store):
    def accepts(self, token):
        return token > self.newest


class AnySeen(Store):
    def __init__(self):
        super().__init__()
        self.seen = []

    def accepts(self, token):
        fresh = token not in self.seen or token == self.seen[-1]
        self.seen.append(token)
        return fresh


class TheLastOne(Store):
    """Remembers the last token that came, not the largest."""

    def write(self, text, token):
        accepted = token >= self.newest
        self.newest = token
        if accepted:
            self.content.append(text)
        return accepted


class WritesAnyway(Store):
    def write(self, text, token):
        self.content.append(text)
        return super().write(text, token) and bool(self.content.pop() or True)


class SharedByAll(Store):
    content: list = []

    def __init__(self):
        self.newest = 0


# -- 16.5 --------------------------------------------------------------------------------------------

IN_TIME = "a free lock is taken at once; none at all is told in time"
SOON = "a lock that comes free is soon taken, and not asked for too often"
JITTER = "a crowd that starts together does not try together"
CLOCK = "a clock that is stepped changes no deadline"


def guides_retry(try_once, patience_s):
    for attempt in range(5):
        lock_id = try_once()
        if lock_id:
            return lock_id
        time.sleep(0.1 * (2**attempt))
    return None


def retry_with(
    *, draw=random.uniform, clock="monotonic", cap=0.5, first=0.05, growth=2, cut=True, last_try=True
):
    drawn = draw is random.uniform

    def acquire(try_once, patience_s):
        now = time.time if clock == "time" else time.monotonic
        end_s, delay_s = now() + patience_s, first
        while True:
            lock_id = try_once()
            if lock_id is not None:
                return lock_id
            left_s = end_s - now()
            if left_s <= 0:
                return None
            wait_s = random.uniform(0, delay_s) if drawn else delay_s
            if not last_try and wait_s > left_s:
                return None
            time.sleep(min(wait_s, left_s) if cut else wait_s)
            if cut and not last_try and now() >= end_s:
                return None
            delay_s = min(cap, growth * delay_s)

    return acquire


def counts_its_sleeps(try_once, patience_s):
    waited_s, delay_s = 0.0, 0.05
    while waited_s < patience_s:
        lock_id = try_once()
        if lock_id is not None:
            return lock_id
        time.sleep(delay_s)
        waited_s += delay_s
        delay_s = min(1.0, delay_s * 2)
    return None


def spins(try_once, patience_s):
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        lock_id = try_once()
        if lock_id is not None:
            return lock_id
        time.sleep(0.001)
    return try_once()


def sleeps_first(try_once, patience_s):
    time.sleep(min(patience_s, random.uniform(0.05, 0.1)))
    return retry_with()(try_once, patience_s - 0.1)


WRONG = {
    "16.1": [
        (
            "the guide's own",
            (guides_acquire, guides_release),
            (NO_MAJORITY, DEAD, FROZEN, STEPPED, EVERYWHERE),
        ),
        ("the wall clock", (acquire_with(clock=time.time), release_all), (STEPPED,)),
        ("a constant drift", (acquire_with(drift=lambda ttl: 100), release_all), (FREE, SHORT)),
        ("no drift", (acquire_with(drift=lambda ttl: 0), release_all), (FREE,)),
        ("no timeout", (acquire_with(timeout=None), release_all), (FROZEN,)),
        ("a timeout of 4 s", (acquire_with(timeout=4), release_all), (FROZEN,)),
        ("an error ends it", (acquire_with(catches=False), release_all), (DEAD, FROZEN)),
        ("a float for PX", (acquire_with(whole=False), release_all), (SHORT,)),
        ("nothing is given back", (acquire_with(release="none"), release_all), (NO_MAJORITY, DEAD)),
        (
            "only those that said yes",
            (acquire_with(release="those that said yes"), release_all),
            (NO_MAJORITY,),
        ),
        (
            "two are a majority",
            (acquire_with(quorum=lambda nodes: len(nodes) // 2), release_all),
            (NO_MAJORITY, DEAD),
        ),
        ("all must agree", (acquire_with(quorum=len), release_all), (DEAD, FROZEN, EVERYWHERE)),
        ("the whole time to live", (acquire_with(answer=lambda validity, ttl: ttl), release_all), (FREE,)),
        (
            "True instead of a validity",
            (acquire_with(answer=lambda validity, ttl: True), release_all),
            (FREE,),
        ),
        ("seconds", (acquire_with(answer=lambda validity, ttl: validity / 1000), release_all), (FREE,)),
        ("release on the first node", (acquire_with(), guides_release), (EVERYWHERE,)),
        ("release by DEL", (acquire_with(), release_with_del), (EVERYWHERE,)),
        ("release ends at an error", (acquire_with(), release_until_an_error), (DEAD,)),
    ],
    "16.2": [
        ("the guide's own", (GuidesBeat,), (STOPS, REPORTS, ERRORS, HUNG, PAUSED)),
        ("sleeps before it looks", (SleepsFirst,), (STOPS,)),
        ("looks every two seconds", (PollsForStop,), (STOPS,)),
        ("does not join", (DoesNotJoin,), (STOPS,)),
        ("never reports", (NeverReports,), (REPORTS, PAUSED)),
        ("dies of an error", (DiesOfAnError,), (ERRORS,)),
        ("gives up at one error", (GivesUpAtOnce,), (ERRORS,)),
        ("hopes for ever", (HopesForEver,), (ERRORS,)),
        ("lives for ever", (LivesForEver,), (HUNG,)),
        ("ends without a word", (EndsWithoutAWord,), (HUNG,)),
        ("extends whoever's it is", (ExtendsWhatever,), (REPORTS, PAUSED)),
        ("sets it again", (SetsItAgain,), (REPORTS, PAUSED)),
        ("looks, then extends", (LooksThenExtends,), (REPORTS, PAUSED)),
        ("the wall clock", (WallClock,), (PAUSED,)),
    ],
    "16.3": [
        ("two of five", (TwoAreEnough,), (GIVES_BACK,)),
        ("a majority of those that answer", (HalfOfTheLiving,), (GIVES_BACK,)),
        ("nothing is given back", (Leaks,), (GIVES_BACK,)),
        ("gives back only where it was told yes", (ForgetsWhoDidNotAnswer,), (LOST_REPLY,)),
        ("no timeouts", (NoTimeouts,), (GIVES_BACK,)),
        ("a fixed delay", (FixedDelay,), (RETRIES,)),
        ("no retry", (NoRetry,), (RETRIES,)),
        ("sleeps after the last try", (SleepsAtTheEnd,), (RETRIES,)),
        ("extends by SET", (SetsWhenExtending,), (EXTENDS,)),
        ("extends anybody's", (ExtendsForAnybody,), (EXTENDS,)),
        ("every extension succeeds", (SaysYesToEveryExtension,), (EXTENDS,)),
        ("no drift", (NoDrift,), (BOTH_WAYS,)),
        ("the wall clock", (WallClockRed,), (OWN_CLOCK,)),
        ("unlock by DEL", (DeletesWhatever,), (SWEEP,)),
    ],
    "16.4": [
        ("SET, then INCR", (lock_then_number, Store, says("b")), (IN_ORDER,)),
        ("GET and SET for the number", (number_in_the_lock, Store, says("b")), (IN_ORDER,)),
        ("INCR, then SET", (number_then_lock, Store, says("b")), (IN_ORDER,)),
        ("a counter that expires", (counter_that_expires, Store, says("b")), (NUMBERS,)),
        ("no time to live", (no_time_to_live, Store, says("b")), (NUMBERS,)),
        ("0 for a lock that is taken", (zero_for_no, Store, says("b")), (NUMBERS, ANY_PAUSE)),
        ("one write for each token", (fenced, OnceOnly, says("b")), (RULE,)),
        ("what was seen before", (fenced, AnySeen, says("b")), (RULE,)),
        ("the last token, not the largest", (fenced, TheLastOne, says("b")), (RULE,)),
        ("writes what it refuses", (fenced, WritesAnyway, says("b")), (RULE,)),
        ("one content for all stores", (fenced, SharedByAll, says("b")), (RULE,)),
        ("a pause is the limit", (fenced, Store, says("a")), (ITS_LIMIT,)),
        ("two believers are the limit", (fenced, Store, says("c")), (ITS_LIMIT,)),
        ("a stepped clock is the limit", (fenced, Store, says("d")), (ITS_LIMIT,)),
    ],
    "16.5": [
        ("the guide's own", (guides_retry,), (IN_TIME, SOON, CLOCK)),
        ("no jitter", (retry_with(draw=None),), (JITTER,)),
        ("no cap", (retry_with(cap=1e9),), (SOON,)),
        ("always 10 ms", (retry_with(cap=0.01, first=0.01),), (SOON,)),
        ("spins", (spins,), (SOON,)),
        ("no last try", (retry_with(last_try=False),), (IN_TIME,)),
        ("sleeps past its patience", (retry_with(cut=False, first=0.7, draw=None),), (IN_TIME,)),
        ("the wall clock", (retry_with(clock="time"),), (CLOCK,)),
        ("counts its sleeps", (counts_its_sleeps,), (IN_TIME, JITTER)),
        ("sleeps before the first try", (sleeps_first,), (IN_TIME,)),
    ],
}
