"""Plausible wrong answers to chapter 7's exercises, and the tests that must refuse each."""

from __future__ import annotations

import bisect

from redis.exceptions import ResponseError

# -- 7.1 ------------------------------------------------------------------------------------------------


def always(**choice):
    """The same for each stream."""
    return lambda stream: choice


def too_fresh(stream):
    return {"policy": "allkeys-lru"} | ({"ttl_s": 3} if stream == "sessions" else {})


def misspelled(stream):
    return {"policy": "allkeys-mru"} if stream == "looped" else {"policy": "allkeys-lfu", "decay": 0}


def only_a_name(stream):
    return "allkeys-lfu"


# -- 7.2 ------------------------------------------------------------------------------------------------


class OneNode:
    """Everything on one node; the policies below differ."""

    policy = "allkeys-lru"
    page_life_s = 3600

    def __init__(self, start):
        self.redis = start(maxmemory="3mb", policy=self.policy)

    def cache(self, page, html):
        self.redis.set(f"page:{page}", html, ex=self.page_life_s)

    def cached(self, page):
        return self.redis.get(f"page:{page}")

    def lock(self, name, token, ttl_s):
        return bool(self.redis.set(f"lock:{name}", token, nx=True, ex=ttl_s))

    def first_time(self, payment_id):
        return bool(self.redis.set(f"paid:{payment_id}", 1, nx=True, ex=86_400))


class VolatileTtl(OneNode):
    policy = "volatile-ttl"


class ShortPages(OneNode):
    policy = "volatile-ttl"
    page_life_s = 15


class NoEvictionAtAll(OneNode):
    policy = "noeviction"

    def cache(self, page, html):
        try:
            super().cache(page, html)
        except ResponseError:
            pass  # the old pages are as good


class TwoNodes(OneNode):
    def __init__(self, start):
        self.redis = start(maxmemory="1536kb", policy="allkeys-lru")
        self.state = start(maxmemory="1536kb", policy="noeviction")

    def lock(self, name, token, ttl_s):
        return bool(self.state.set(f"lock:{name}", token, nx=True, ex=ttl_s))

    def first_time(self, payment_id):
        return bool(self.state.set(f"paid:{payment_id}", 1, nx=True, ex=86_400))


class TwoLimitless(TwoNodes):
    def __init__(self, start):
        self.redis = start(maxmemory="2mb", policy="allkeys-lru")
        self.state = start()


class StateEvicted(TwoNodes):
    def __init__(self, start):
        self.redis = start(maxmemory="1536kb", policy="allkeys-lru")
        self.state = start(maxmemory="1536kb", policy="volatile-lru")


class ErrorsSwallowed(TwoNodes):
    def first_time(self, payment_id):
        try:
            return super().first_time(payment_id)
        except ResponseError:
            return True


class ForgetsAfterAnHour(TwoNodes):
    def first_time(self, payment_id):
        return bool(self.state.set(f"paid:{payment_id}", 1, nx=True, ex=3600))


class LocksOfThirtySeconds(TwoNodes):
    def lock(self, name, token, ttl_s):
        return super().lock(name, token, 30)


class IdsForEver(TwoNodes):
    def first_time(self, payment_id):
        return bool(self.state.set(f"paid:{payment_id}", 1, nx=True))


class PagesNeverRenewed(TwoNodes):
    def cache(self, page, html):
        self.redis.set(f"page:{page}", html, ex=3600, nx=True)


class SetnxThenExpire(TwoNodes):
    def lock(self, name, token, ttl_s):
        return self.state.setnx(f"lock:{name}", token) and bool(self.state.expire(f"lock:{name}", ttl_s))


class LooksFirst(TwoNodes):
    def first_time(self, payment_id):
        if self.state.exists(f"paid:{payment_id}"):
            return False
        return bool(self.state.set(f"paid:{payment_id}", 1, ex=86_400))


class RenewsTheDay(TwoNodes):
    def first_time(self, payment_id):
        return self.state.set(f"paid:{payment_id}", 1, ex=86_400, get=True) is None


class FreeForItsOwner(TwoNodes):
    def lock(self, name, token, ttl_s):
        is_mine = self.state.get(f"lock:{name}") == token.encode()
        return is_mine or bool(self.state.set(f"lock:{name}", token, nx=True, ex=ttl_s))


class BareNames(TwoNodes):
    def lock(self, name, token, ttl_s):
        return bool(self.state.set(name, token, nx=True, ex=ttl_s))

    def first_time(self, payment_id):
        return bool(self.state.set(payment_id, 1, nx=True, ex=86_400))


# -- 7.3 ------------------------------------------------------------------------------------------------


class Pool:
    """A right one, to be spoiled."""

    size = 16

    def __init__(self):
        self.candidates = []

    def offer(self, candidate):
        bisect.insort(self.candidates, candidate, key=lambda other: other.score)
        if len(self.candidates) > self.size:
            del self.candidates[0]

    def choose(self, samples, exists):
        for candidate in samples:
            self.offer(candidate)
        while self.candidates:
            best = self.candidates.pop()
            if exists(best):
                return best
        return None


class NoPool(Pool):
    def choose(self, samples, exists):
        alive = [candidate for candidate in samples if exists(candidate)]
        return max(alive, key=lambda candidate: candidate.score, default=None)


class Endless(Pool):
    size = 10**9


class DropsTheBest(Pool):
    def offer(self, candidate):
        bisect.insort(self.candidates, candidate, key=lambda other: other.score)
        del self.candidates[16:]


class ChoosesTheWorst(Pool):
    def choose(self, samples, exists):
        for candidate in samples:
            self.offer(candidate)
        while self.candidates:
            if exists(candidate := self.candidates.pop(0)):
                return candidate
        return None


class BelievesInGhosts(Pool):
    def choose(self, samples, exists):
        for candidate in samples:
            self.offer(candidate)
        return self.candidates.pop() if self.candidates else None


class GivesUpAtAGhost(Pool):
    def choose(self, samples, exists):
        for candidate in samples:
            self.offer(candidate)
        best = self.candidates.pop() if self.candidates else None
        return best if best is not None and exists(best) else None


class KeepsTheVictim(Pool):
    def choose(self, samples, exists):
        for candidate in samples:
            self.offer(candidate)
        return next((candidate for candidate in reversed(self.candidates) if exists(candidate)), None)


# -- 7.4 ------------------------------------------------------------------------------------------------


def good_raise(counter, log_factor, random):
    if counter == 255:
        return 255
    return counter + (random.random() < 1 / (max(counter - 5, 0) * log_factor + 1))


def good_decay(counter, idle_minutes, decay_minutes):
    return max(0, counter - idle_minutes // decay_minutes) if decay_minutes else counter


def counts_each(counter, log_factor, random):
    return min(counter + 1, 255)


def from_zero(counter, log_factor, random):
    return min(255, counter + (random.random() < 1 / (counter * log_factor + 1)))


def overflows(counter, log_factor, random):
    return counter + (random.random() < 1 / (max(counter - 5, 0) * log_factor + 1))


def upside_down(counter, log_factor, random):
    if counter == 255:
        return 255
    return counter + (random.random() > 1 / (max(counter - 5, 0) * log_factor + 1))


def halves(counter, idle_minutes, decay_minutes):
    return counter >> (idle_minutes // decay_minutes) if decay_minutes else counter


def below_zero(counter, idle_minutes, decay_minutes):
    return counter - idle_minutes // decay_minutes if decay_minutes else counter


def divides_by_zero(counter, idle_minutes, decay_minutes):
    return max(0, counter - idle_minutes // decay_minutes)


def begun_periods(counter, idle_minutes, decay_minutes):
    return max(0, counter - -(-idle_minutes // decay_minutes)) if decay_minutes else counter


STEADY, DRIFTING = "steady: better than LRU", "drifting: better than LFU"
SCANNED, LOOPED = "scanned: clearly better than LRU", "looped: far better than LRU"
SESSIONS = "sessions: never older than 30 seconds, and no hit thrown away for it"
FLOOD = "a flood of pages pushes out no lock and no id"
NEWEST, LIMITS = (
    "the newest pages are there, whatever came before",
    "every node has a limit, all together 3 MB",
)
TIMES = "a lock is held as long as asked for, an id for a day"
ONE_OF_TWO = "of two at the same time, one gets it"
DIES = "who dies while he takes a lock holds it for its time, and no longer"
RENEWED, NAMES = (
    "a page that is cached again is the new one",
    "a page, a lock and an id may have the same name",
)
LOUD, WORKS = "when there is no room for state, an error says so", "each part does its work"
BEST, REMEMBERS = "the best of a sample goes", "what was drawn before is chosen from as well"
SIXTEEN, GHOSTS = "the sixteen best of all that were drawn stay", "ghosts are dropped, and never chosen"
LIVE = "on a live node: close to true LRU with 5 samples, closer with 10"
ENDS = "raise: a young counter always rises, a full one never"
CHANCES = "raise: the chance falls as the counter rises"
DECAYS = "decay: a point for each whole period, and not below 0"
HALF = "decay: half of a hundred points is gone after fifty periods"
COUNTERS = "on a live node: counters as the engine's own"

WRONG = {
    "7.1": [
        ("LRU for all", (always(policy="allkeys-lru"),), (STEADY, SCANNED, LOOPED, SESSIONS)),
        ("LFU for all", (always(policy="allkeys-lfu", lfu_decay_time=0),), (DRIFTING, SESSIONS)),
        ("a lot for all", (always(policy="allkeys-random"),), (STEADY, DRIFTING, SCANNED)),
        ("pages of three seconds", (too_fresh,), (SESSIONS,)),
        ("misspelled", (misspelled,), (LOOPED, STEADY)),
        ("a name instead of a choice", (only_a_name,), (LOOPED, STEADY)),
    ],
    "7.2": [
        ("one node, allkeys-lru", (OneNode,), (FLOOD, LOUD)),
        ("one node, volatile-ttl", (VolatileTtl,), (FLOOD,)),
        (
            "one node, pages of 15 seconds",
            (ShortPages,),
            ("a page stays for ten minutes while there is room",),
        ),
        ("one node, noeviction", (NoEvictionAtAll,), (NEWEST,)),
        ("state without a limit", (TwoLimitless,), (LIMITS, LOUD)),
        ("state on a node that evicts", (StateEvicted,), (LOUD,)),
        ("a full node means True", (ErrorsSwallowed,), (LOUD,)),
        ("an hour for a day", (ForgetsAfterAnHour,), (WORKS,)),
        ("30 seconds, whatever was asked for", (LocksOfThirtySeconds,), (TIMES,)),
        ("ids for ever", (IdsForEver,), (TIMES,)),
        ("a page is written once", (PagesNeverRenewed,), (RENEWED,)),
        ("SETNX, then EXPIRE", (SetnxThenExpire,), (DIES,)),
        ("looks first, then writes", (LooksFirst,), (ONE_OF_TWO,)),
        ("each question renews the day", (RenewsTheDay,), (TIMES,)),
        ("a lock is free for its owner", (FreeForItsOwner,), (WORKS, ONE_OF_TWO)),
        ("no prefixes", (BareNames,), (NAMES,)),
    ],
    "7.3": [
        ("no pool at all", (NoPool,), (BEST, REMEMBERS, SIXTEEN)),
        ("a pool without an end", (Endless,), (SIXTEEN,)),
        ("the best are dropped", (DropsTheBest,), (SIXTEEN,)),
        ("the worst goes", (ChoosesTheWorst,), (BEST, SIXTEEN, LIVE)),
        ("ghosts are chosen", (BelievesInGhosts,), (GHOSTS,)),
        ("a ghost ends it", (GivesUpAtAGhost,), (GHOSTS,)),
        ("the victim stays in the pool", (KeepsTheVictim,), (BEST, SIXTEEN)),
    ],
    "7.4": [
        ("counts each access", (counts_each, good_decay), (CHANCES, COUNTERS)),
        ("base is the counter itself", (from_zero, good_decay), (ENDS, CHANCES)),
        ("past 255", (overflows, good_decay), (ENDS,)),
        ("the chance upside down", (upside_down, good_decay), (ENDS, CHANCES)),
        ("halves", (good_raise, halves), (DECAYS, HALF)),
        ("below zero", (good_raise, below_zero), (DECAYS,)),
        ("divides by zero", (good_raise, divides_by_zero), (DECAYS,)),
        ("counts periods that have only begun", (good_raise, begun_periods), (DECAYS, HALF)),
    ],
}
