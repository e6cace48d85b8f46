"""Checks of chapter 7: memory limits and eviction.

Read next: minidis/course/exercise.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from itertools import count
from random import Random
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.guard import unobserved
from minidis.course.models.caching import TRACES, hit_rate
from minidis.course.models.interrupting import Killed, before_command, killed_at
from minidis.course.parts import plug
from minidis.drivers.embedded import Embedded
from minidis.engine.memory import access
from minidis.engine.memory.eviction import POOL_SIZE, Candidate, EvictionPool
from minidis.engine.settings.config import ConfigError

# -- 7.1 a policy for each stream -----------------------------------------------------------------------

policies = Exercise(
    "7.1",
    "A policy for each of five streams of requests, by measurement",
    kind="use",
    points=4,
    hints=(
        "Do not guess: `hit_rate(TRACES[name](seed=7), policy)` measures. Two loops, one over the "
        "names and one "
        "over the policies, make a table; then look where your choice is, against the one it has to beat.",
        "steady and scanned have pages that stay popular: count accesses. But the counter forgets a point a "
        "minute; is that wanted here? drifting has yesterday's favourites: there it is. looped: whatever "
        "LRU does there, do not.",
        "scanned wants allkeys-lfu with lfu_decay_time=0. sessions is about age: ttl_s must not be more than "
        "30, and with less you throw away answers that were still good.",
    ),
)

REQUESTS = 2000
MAX_AGE_S = 30
SETTINGS = ("ttl_s", "maxmemory_samples", "lfu_log_factor", "lfu_decay_time")
GOALS: dict[str, tuple[str, dict[str, Any], float]] = {
    "steady": ("allkeys-lru", {}, +0.5),
    "drifting": ("allkeys-lfu", {}, +0.5),
    "scanned": ("allkeys-lru", {}, +1.5),
    "looped": ("allkeys-lru", {}, +30.0),
    "sessions": ("allkeys-lru", {"ttl_s": MAX_AGE_S}, -1.0),
}
"""Name of the stream -> what a choice is compared with, and by how many percent of hits it must be better."""


@cache
def _rate(name: str, seed: int, policy: str, settings: tuple[tuple[str, Any], ...]) -> float:
    """Percent of hits of a policy on a stream."""
    return 100 * hit_rate(TRACES[name](seed, requests=REQUESTS), policy, **dict(settings))


def _judge_choice(case: Case, choose: Callable[[str], Mapping[str, Any]], name: str) -> None:
    choice = choose(name)
    if not isinstance(choice, Mapping) or "policy" not in choice:
        raise Wrong(f"choose({name!r})", show(choice), 'a dict with a "policy" and, if you like, settings')
    policy, settings = choice["policy"], {key: value for key, value in choice.items() if key != "policy"}
    strange = [key for key in settings if key not in SETTINGS]
    case.true(not strange, f"choose({name!r})", f"settings {strange}", f"settings of {', '.join(SETTINGS)}")
    if name == "sessions":
        ttl_s = settings.get("ttl_s")
        fresh = isinstance(ttl_s, int) and 0 < ttl_s <= MAX_AGE_S
        case.true(fresh, "sessions", f"ttl_s={ttl_s!r}", f"a page is never older than {MAX_AGE_S} seconds")
    rival, rival_settings, margin = GOALS[name]
    seed = 1000 + case.seed
    due = unobserved(_rate)(name, seed, rival, tuple(rival_settings.items())) + margin
    try:
        came = unobserved(_rate)(name, seed, policy, tuple(sorted(settings.items())))
    except ConfigError as error:
        raise Wrong(f"choose({name!r})", str(error), "a policy and settings that Redis takes") from None
    case.true(
        came >= due,
        f"{name}, seed {seed}: {show(dict(choice))}",
        f"{came:.1f} % of {REQUESTS} requests were hits",
        f"at least {due:.1f} %: {margin:+.1f} against {rival} on the same stream",
    )


@policies.test("steady: better than LRU")
def steady(case: Case, choose: Any) -> None:
    _judge_choice(case, choose, "steady")


@policies.test("drifting: better than LFU")
def drifting(case: Case, choose: Any) -> None:
    _judge_choice(case, choose, "drifting")


@policies.test("scanned: clearly better than LRU")
def scanned(case: Case, choose: Any) -> None:
    _judge_choice(case, choose, "scanned")


@policies.test("looped: far better than LRU")
def looped(case: Case, choose: Any) -> None:
    _judge_choice(case, choose, "looped")


@policies.test("sessions: never older than 30 seconds, and no hit thrown away for it")
def sessions(case: Case, choose: Any) -> None:
    _judge_choice(case, choose, "sessions")


# -- 7.2 state beside a cache ---------------------------------------------------------------------------

beside = Exercise(
    "7.2",
    "Locks and idempotency keys that no cache can push out",
    kind="use",
    points=4,
    hints=(
        "Under which policies may a lock go? It has a time to live, as it must; so do pages. No "
        "policy can tell "
        "them apart by what they are for.",
        "`start` may be called more than once. Pages may vanish at any time, state must not: those are two "
        "policies, so two nodes.",
        "cache: allkeys-lru. state: noeviction, and let its error come through: a caller that hears OOM can "
        "stop; one that hears a wrong True pays twice. Both limits together within 3 MB, and an empty node "
        "already weighs one.",
    ),
)

TOTAL_BYTES = 3 * 1024 * 1024
DAY_S = 86_400
KEEPS_S = 600


class _World:
    """What a shop is made with: `start`, and the nodes that it started."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.nodes: list[Embedded] = []

    def start(self, maxmemory: str | int = 0, policy: str = "noeviction", **config: Any) -> Any:
        """A redis-py client on a new node."""
        node = self.case.node({"maxmemory": maxmemory, "maxmemory-policy": policy, **config})
        self.nodes.append(node)
        return self.case.redis(node)


def _open(case: Case, shop_class: Callable[..., Any]) -> tuple[_World, Any]:
    world = _World(case)
    return world, shop_class(world.start)


def _wait(case: Case, seconds: float) -> None:
    """Move the clocks in one leap: a day of ticks would be of no use to anybody."""
    for node in case.nodes:
        node.jump(node.now_us + round(seconds * 1_000_000))


@beside.test("each part does its work")
def each_part(case: Case, shop_class: Any) -> None:
    _, shop = _open(case, shop_class)
    case.equal(shop.cached("home"), None, given="cached() of a page that nobody cached")
    shop.cache("home", b"<html>")
    case.equal(shop.cached("home"), b"<html>", given="cache, then cached")
    case.equal(shop.lock("order:1", "ann", 30), True, given="lock() of a free name")
    case.equal(shop.lock("order:1", "bob", 30), False, given="lock() of a name that ann holds")
    case.equal(shop.lock("order:1", "ann", 30), False, given="lock() of a name that ann holds, by ann")
    case.equal(shop.first_time("payment:1"), True, given="first_time() of a new id")
    case.equal(shop.first_time("payment:1"), False, given="first_time() of the same id again")
    _wait(case, 31)
    case.equal(shop.lock("order:1", "bob", 30), True, given="31 seconds after ann's lock() for 30 seconds")
    _wait(case, DAY_S - 60)
    case.equal(shop.first_time("payment:1"), False, given="first_time() of the same id almost a day later")


@beside.test("a lock is held as long as asked for, an id for a day")
def own_times(case: Case, shop_class: Any) -> None:
    _, shop = _open(case, shop_class)
    shop.lock("short", "ann", 5)
    shop.lock("long", "ann", 300)
    shop.first_time("payment:1")
    _wait(case, 6)
    case.equal(shop.lock("short", "bob", 5), True, given="6 seconds after ann's lock() for 5 seconds")
    _wait(case, 293)
    case.equal(shop.lock("long", "bob", 300), False, given="299 seconds after ann's lock() for 300 seconds")
    _wait(case, 2)
    case.equal(shop.lock("long", "bob", 300), True, given="301 seconds after ann's lock() for 300 seconds")
    _wait(case, DAY_S / 2)
    case.equal(shop.first_time("payment:1"), False, given="first_time() of the same id 12 hours later")
    _wait(case, DAY_S / 2)
    given = "first_time() of the same id more than 24 hours after the first: its memory is wanted back"
    case.equal(shop.first_time("payment:1"), True, given=given)


@beside.test("a page that is cached again is the new one")
def renewed(case: Case, shop_class: Any) -> None:
    _, shop = _open(case, shop_class)
    shop.cache("home", b"old")
    shop.cache("home", b"new")
    case.equal(shop.cached("home"), b"new", given="cache() of the page home twice, old and then new")


@beside.test("a page, a lock and an id may have the same name")
def same_name(case: Case, shop_class: Any) -> None:
    _, shop = _open(case, shop_class)
    shop.cache("7", b"<html>")
    case.equal(shop.lock("7", "ann", 30), True, given="a page 7; then lock() of the name 7")
    case.equal(shop.first_time("7"), True, given="a page 7 and a lock 7; then first_time() of the id 7")
    case.equal(shop.cached("7"), b"<html>", given="a page 7, a lock 7 and an id 7: cached()")
    case.equal(shop.lock("7", "bob", 30), False, given="a page 7, an id 7 and ann's lock 7: lock() by bob")


CLAIMS = {
    "lock()": lambda shop: shop.lock("order:1", "ann", 30),
    "first_time()": lambda shop: shop.first_time("payment:1"),
}


@beside.test("of two at the same time, one gets it")
def at_the_same_time(case: Case, shop_class: Any) -> None:
    for name, claim in CLAIMS.items():
        for number in count(1):
            world, shop = _open(case, shop_class)
            answers: list[Any] = []
            with before_command(world.nodes, number, lambda: answers.append(claim(shop))) as sent:  # noqa: B023
                answers.append(claim(shop))
            if sent[0] < number:
                break
            given = (
                f"{name}; before its command {number} another thread calls it for the same, and is through"
            )
            case.equal(sorted(map(bool, answers)), [False, True], given=f"{given}: both answers, sorted")


@beside.test("who dies while he takes a lock holds it for its time, and no longer")
def dies_at_a_lock(case: Case, shop_class: Any) -> None:
    for number in count(1):
        world, shop = _open(case, shop_class)
        with killed_at(world.nodes, number, after=True) as sent, suppress(Killed):
            shop.lock("order:1", "ann", 30)
        if sent[0] < number:
            break
        _wait(case, 31)
        given = f"ann's process dies right after command {number} of lock(..., 30); bob's lock() 31 s later"
        case.equal(shop.lock("order:1", "bob", 30), True, given=given)


@beside.test("every node has a limit, all together 3 MB")
def limits(case: Case, shop_class: Any) -> None:
    world, _ = _open(case, shop_class)
    sizes = [node.node.config.maxmemory for node in world.nodes]
    case.true(bool(sizes), "Shop(start)", "start() was never called", "at least one node")
    given = f"maxmemory of the nodes: {sizes}"
    case.true(all(sizes), given, "a node without a limit", "a limit for each")
    case.true(sum(sizes) <= TOTAL_BYTES, given, f"{sum(sizes)} bytes", f"at most {TOTAL_BYTES} together")


def _fill(case: Case, shop: Any, pages: int = 1000, size: int = 3000) -> None:
    for number in range(pages):
        if number % 10 == 0:
            _wait(case, 0.1)
        shop.cache(f"page:{number}", case.random.randbytes(size))


@beside.test("a flood of pages pushes out no lock and no id")
def flood(case: Case, shop_class: Any) -> None:
    _, shop = _open(case, shop_class)
    names = [(f"order:{number}", case.random.choice([20, 300, 3600])) for number in range(20)]
    for name, ttl_s in names:
        shop.lock(name, "ann", ttl_s)
    ids = [f"payment:{number}" for number in range(200)]
    for number in ids:
        shop.first_time(number)
    unobserved(_fill)(case, shop)
    given = "20 locks, 200 ids, then 3 MB of pages"
    taken = [f"{name} (held for {ttl_s} s)" for name, ttl_s in names if shop.lock(name, "bob", ttl_s)]
    case.true(not taken, given, f"bob could take {', '.join(taken[:3])}", "all of them are ann's")
    twice = [number for number in ids if shop.first_time(number)]
    case.true(not twice, given, f"{len(twice)} ids were new again, {twice[:3]}", "all of them known")


@beside.test("the newest pages are there, whatever came before")
def newest(case: Case, shop_class: Any) -> None:
    _, shop = _open(case, shop_class)
    unobserved(_fill)(case, shop)
    shop.cache("news", b"fresh")
    case.equal(shop.cached("news"), b"fresh", given="a thousand pages of 3 KB, then one more")
    found = sum(shop.cached(f"page:{number}") is not None for number in range(950, 1000))
    case.true(
        found >= 45, "the last 50 of 1000 pages", f"{found} are there", "nearly all: the old ones go first"
    )


@beside.test("a page stays for ten minutes while there is room")
def stays(case: Case, shop_class: Any) -> None:
    _, shop = _open(case, shop_class)
    shop.cache("home", b"<html>")
    _wait(case, KEEPS_S - 1)
    case.equal(shop.cached("home"), b"<html>", given="one page, and ten minutes in which nothing happens")


def _pay(shop: Any, most: int) -> tuple[int, Exception | None]:
    """New ids until an error comes: how many were taken."""
    for number in range(most):
        try:
            shop.first_time(f"bulk:{number}")
        except Exception as error:
            return number, error
    return most, None


def _is_new(shop: Any, payment_id: str) -> bool:
    try:
        return bool(shop.first_time(payment_id))
    except Exception:  # SET NX is refused before it looks: that is an answer, too
        return False


@beside.test("when there is no room for state, an error says so")
def loud(case: Case, shop_class: Any) -> None:
    _, shop = _open(case, shop_class)
    shop.lock("order:1", "ann", 3600)
    taken, error = unobserved(_pay)(shop, 8000)
    given = f"8000 new ids ({taken} were taken)"
    case.true(error is not None, given, "no error", "OOM: they cannot all be remembered in 3 MB")
    case.true(
        not _is_new(shop, "bulk:0"), f"{given}; then the very first again", "True", "False, or the error"
    )
    case.true("OOM" in str(error) or "maxmemory" in str(error), given, show(error), "Redis's own error")


# -- 7.3 the pool ---------------------------------------------------------------------------------------

rebuilt_pool = Exercise(
    "7.3",
    "Approximated LRU: the eviction pool",
    kind="rebuild",
    points=6,
    hints=(
        "Keep `self.candidates` sorted by score, the worst first: then the best is at the end, and "
        "what has to go "
        "when a seventeenth comes is at the front. `bisect.insort` takes a `key`.",
        "choose() has two halves. First take in every sample. Then pop from the end until `exists` says yes; "
        "what it says no to is a ghost and stays out.",
        "Nothing is rescored: a candidate keeps the score with which it was drawn. And a candidate that was "
        "not chosen stays in the pool for the next call: that is the whole point of it.",
    ),
)


def _always(candidate: Candidate) -> bool:
    return True


def _draw(random: Random, count: int, span: int = 1000) -> list[Candidate]:
    return [Candidate(random.randrange(span), 0, b"k%d" % random.randrange(10**6)) for _ in range(count)]


def _scores(pool: Any) -> list[int]:
    return [candidate.score for candidate in pool.candidates]


@rebuilt_pool.test("the best of a sample goes")
def best_goes(case: Case, pool_class: Any) -> None:
    samples = [Candidate(score, 0, b"k%d" % score) for score in (3, 90, 14, 1, 41)]
    pool = pool_class()
    came = pool.choose(list(samples), _always)
    case.equal(came, samples[1], given="choose() of samples with scores 3, 90, 14, 1, 41")
    case.equal(_scores(pool), [1, 3, 14, 41], given="the scores in pool.candidates after it, the worst first")


@rebuilt_pool.test("what was drawn before is chosen from as well")
def remembers(case: Case, pool_class: Any) -> None:
    pool = pool_class()
    pool.choose([Candidate(80, 0, b"old"), Candidate(90, 0, b"older")], _always)
    came = pool.choose([Candidate(5, 0, b"young")], _always)
    case.equal(came, Candidate(80, 0, b"old"), given="samples 80 and 90, then a sample of 5 alone")


@rebuilt_pool.test("the sixteen best of all that were drawn stay")
def sixteen(case: Case, pool_class: Any) -> None:
    pool, beside_it, seen = pool_class(), EvictionPool(), 0
    for _ in range(60):
        samples = _draw(case.random, case.random.randrange(0, 12), case.random.choice([10, 1000]))
        seen += len(samples)
        came, due = pool.choose(list(samples), _always), beside_it.choose(list(samples), _always)
        given = f"samples with scores {[c.score for c in samples]} ({seen} candidates so far)"
        case.equal(came and came.score, due and due.score, given=f"{given}: the score that was chosen")
        case.equal(_scores(pool), _scores(beside_it), given=f"{given}: the scores left in the pool")
        case.true(
            len(pool.candidates) <= POOL_SIZE, given, f"{len(pool.candidates)} in the pool", "at most 16"
        )


@rebuilt_pool.test("ghosts are dropped, and never chosen")
def ghosts(case: Case, pool_class: Any) -> None:
    pool = pool_class()
    samples = _draw(case.random, 12)
    pool.choose(list(samples), _always)
    alive = {candidate.key for candidate in case.random.sample(samples, 4)}
    for _ in range(6):
        came = pool.choose([], lambda candidate: candidate.key in alive)
        due = came is None or came.key in alive
        case.true(due, "a pool of which most keys are gone", show(came), "a key that exists, or None")
        if came is not None:
            alive.discard(came.key)
    case.equal(pool.choose([], lambda candidate: False), None, given="a pool of ghosts alone")
    case.equal(list(pool.candidates), [], given="the pool after that")
    case.equal(pool_class().choose([], _always), None, given="a new pool and an empty sample")


class _Watched:
    """A learner's pool on a live node, which asks again and again while the answer is None."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.in_vain = 0

    @property
    def candidates(self) -> list[Candidate]:
        return self.pool.candidates

    def choose(self, samples: list[Candidate], exists: Callable[[Candidate], bool]) -> Candidate | None:
        chosen = self.pool.choose(samples, exists)
        self.in_vain = 0 if chosen is not None else self.in_vain + 1
        if self.in_vain == 20:
            raise Wrong(
                "a live node with hundreds of keys", "None, 20 times in a row", "a candidate that is a key"
            )
        return chosen


@cache
def _engines_overlap(samples: int, seed: int) -> float:
    return _overlap(samples, seed, None)


def _overlap(samples: int, seed: int, pool_class: Any) -> float:
    """Percent of right victims when 150 of 400 keys must go."""
    redis = Embedded({"maxmemory-policy": "allkeys-lru", "maxmemory-samples": samples}, clock=0, seed=seed)
    if pool_class is not None:
        plug("eviction_pool", lambda: _Watched(pool_class()), redis)
    for number in range(400):
        redis.jump((number + 1) * 1_000_000)
        redis.execute("SET", f"k{number}", "x" * 50)
    while redis.execute("DBSIZE") > 250:
        redis.node.eviction.evict_one()
    left = redis.node.databases[0].table
    return 100 * sum(b"k%d" % number not in left for number in range(150)) / 150


@rebuilt_pool.test("on a live node: close to true LRU with 5 samples, closer with 10")
def live(case: Case, pool_class: Any) -> None:
    for samples, least in ((5, 75.0), (10, 85.0)):
        came = unobserved(_overlap)(samples, case.seed, pool_class)
        due = min(least, unobserved(_engines_overlap)(samples, case.seed) - 2)
        given = f"150 of 400 keys evicted, maxmemory-samples {samples}"
        case.true(
            came >= due, given, f"{came:.0f} % are those that true LRU would take", f"at least {due:.0f} %"
        )


# -- 7.4 the counter ------------------------------------------------------------------------------------

rebuilt_counter = Exercise(
    "7.4",
    "LFU: a counter that rises by chance and falls with time",
    kind="rebuild",
    points=6,
    hints=(
        "The chance at counter c is 1 / ((c - 5) * log_factor + 1), and below 5 it is 1. "
        "`random.random() < chance` "
        "is true just so often.",
        "Two ends: 255 stays 255 (it has eight bits), and what decays never gets below 0. A decay time of 0 "
        "means: never.",
        "Decay takes one point for each *whole* period: idle_minutes // decay_minutes. It is asked anew each "
        "time somebody looks, so it must not depend on how often that is.",
    ),
)


def _share_raised(raise_counter: Callable, counter: int, factor: int, random: Random, trials: int) -> float:
    raised = 0
    for _ in range(trials):
        came = raise_counter(counter, factor, random)
        if came not in (counter, counter + 1):
            given = f"raise_counter({counter}, {factor}, random)"
            raise Wrong(given, show(came), f"{counter} or {counter + 1}")
        raised += came == counter + 1
    return raised / trials


@rebuilt_counter.test("raise: a young counter always rises, a full one never")
def ends_of_the_scale(case: Case, raise_counter: Any, decay_counter: Any) -> None:
    for counter in range(6):
        for factor in (0, 1, 10, 100):
            came = {raise_counter(counter, factor, case.random) for _ in range(20)}
            case.equal(came, {counter + 1}, given=f"raise_counter({counter}, {factor}, random), 20 times")
    came = {raise_counter(255, factor, case.random) for factor in (0, 1, 10) for _ in range(20)}
    case.equal(came, {255}, given="raise_counter(255, ...), 60 times")


@rebuilt_counter.test("raise: the chance falls as the counter rises")
def chances(case: Case, raise_counter: Any, decay_counter: Any) -> None:
    trials = 3000
    for counter, factor in ((6, 1), (6, 10), (10, 10), (30, 1), (60, 0), (8, 100)):
        due = 1 / ((counter - 5) * factor + 1)
        came = unobserved(_share_raised)(raise_counter, counter, factor, case.random, trials)
        error = 5 * (due * (1 - due) / trials) ** 0.5 + 1e-9
        given = f"raise_counter({counter}, {factor}, random), {trials} times"
        case.true(
            abs(came - due) <= error, given, f"raised in {came:.3f} of them", f"{due:.3f} ± {error:.3f}"
        )


@rebuilt_counter.test("decay: a point for each whole period, and not below 0")
def decays(case: Case, raise_counter: Any, decay_counter: Any) -> None:
    for _ in range(200):
        counter, minutes = case.random.randrange(256), case.random.choice([0, 1, 5, 59, 60, 1000, 65_535])
        period = case.random.choice([0, 1, 2, 7, 60])
        due = access.decayed_counter(counter, minutes, period)
        case.equal(
            decay_counter(counter, minutes, period),
            due,
            given=f"decay_counter({counter}, {minutes}, {period})",
        )


@rebuilt_counter.test("decay: half of a hundred points is gone after fifty periods")
def half_life(case: Case, raise_counter: Any, decay_counter: Any) -> None:
    for period in (1, 3, 10):
        came = [
            decay_counter(100, minutes, period) for minutes in (50 * period - 1, 50 * period, 100 * period)
        ]
        given = f"decay_counter(100, m, {period}) for m = {50 * period - 1}, {50 * period}, {100 * period}"
        case.equal(came, [51, 50, 0], given=given)


def _mean_after(reads: int, parts: Any, seed: int) -> float:
    """The mean of OBJECT FREQ of 40 keys after so many reads of each."""
    redis = Embedded({"maxmemory-policy": "allkeys-lfu"}, clock=0, seed=seed)
    if parts is not None:
        plug("lfu", parts, redis)
    for key in range(40):
        redis.execute("SET", key, "v")
        for _ in range(reads):
            redis.execute("GET", key)
    return sum(redis.execute("OBJECT", "FREQ", key) for key in range(40)) / 40


@rebuilt_counter.test("on a live node: counters as the engine's own")
def live_counters(case: Case, raise_counter: Any, decay_counter: Any) -> None:
    for reads in (20, 400):
        came = unobserved(_mean_after)(reads, (raise_counter, decay_counter), case.seed)
        due = unobserved(_mean_after)(reads, None, case.seed)
        given = f"40 keys, {reads} reads of each: the mean of OBJECT FREQ"
        case.true(abs(came - due) < 1.2, given, f"{came:.1f}", f"about {due:.1f}")


@rebuilt_counter.test("in the race: as many hits as the engine's LFU")
def race(case: Case, raise_counter: Any, decay_counter: Any) -> None:
    trace = TRACES["scanned"](case.seed, requests=1500)

    def prepare(redis: Embedded) -> None:
        plug("lfu", (raise_counter, decay_counter), redis)

    came = 100 * unobserved(hit_rate)(trace, "allkeys-lfu", prepare=prepare)
    due = 100 * unobserved(hit_rate)(trace, "allkeys-lfu")
    given = "1500 requests of the stream `scanned`, allkeys-lfu"
    case.true(abs(came - due) < 2.5, given, f"{came:.1f} % hits", f"about {due:.1f} %")
