"""Answers to chapter 2 that somebody might well give, and the tests that must refuse them."""

from __future__ import annotations

from minidis.protocol.replies import ReplyError

NOT_INTEGER = "ERR value is not an integer or out of range"
OVERFLOW = "ERR increment or decrement would overflow"

# -- 2.1 -----------------------------------------------------------------------------------------------------


def count_view(redis, session, ttl_s):
    key = f"views:{session}"
    pipe = redis.pipeline(transaction=True)
    pipe.set(key, 0, ex=ttl_s, nx=True)
    pipe.incr(key)
    return pipe.execute()[1]


def correct(redis, session, views):
    return bool(redis.set(f"views:{session}", views, xx=True, keepttl=True))


def get_and_set(redis, session, ttl_s):
    key = f"views:{session}"
    views = int(redis.get(key) or 0) + 1
    if views == 1:
        redis.set(key, views, ex=ttl_s)
    else:
        redis.set(key, views)
    return views


def incr_and_expire(redis, session, ttl_s):
    pipe = redis.pipeline()
    pipe.incr(f"views:{session}")
    pipe.expire(f"views:{session}", ttl_s)
    return pipe.execute()[0]


def expire_after_the_first(redis, session, ttl_s):
    views = redis.incr(f"views:{session}")
    if views == 1:
        redis.expire(f"views:{session}", ttl_s)
    return views


def set_then_incr(redis, session, ttl_s):
    redis.set(f"views:{session}", 0, ex=ttl_s, nx=True)
    return redis.incr(f"views:{session}")


def pipeline_without_transaction(redis, session, ttl_s):
    pipe = redis.pipeline(transaction=False)
    pipe.set(f"views:{session}", 0, ex=ttl_s, nx=True)
    pipe.incr(f"views:{session}")
    return pipe.execute()[1]


def correct_by_plain_set(redis, session, views):
    return bool(redis.set(f"views:{session}", views, xx=True))


def correct_by_reading_the_ttl(redis, session, views):
    seconds = redis.ttl(f"views:{session}")
    if seconds < 0:
        return False
    return bool(redis.set(f"views:{session}", views, ex=seconds))


def correct_without_xx(redis, session, views):
    return bool(redis.set(f"views:{session}", views, keepttl=True))


# -- 2.2 -----------------------------------------------------------------------------------------------------


def issue(redis, token, payload):
    return bool(redis.set(f"token:{token}", payload, ex=30, nx=True))


def redeem(redis, token):
    return redis.getdel(f"token:{token}")


def redeem_by_get_and_delete(redis, token):
    payload = redis.get(f"token:{token}")
    redis.delete(f"token:{token}")
    return payload


def redeem_if_truthy(redis, token):
    return redis.getdel(f"token:{token}") or None


def redeem_with_a_flag(redis, token):
    if redis.exists(f"used:{token}"):
        return None
    redis.set(f"used:{token}", 1)
    return redis.get(f"token:{token}")


def issue_in_two_steps(redis, token, payload):
    if not redis.setnx(f"token:{token}", payload):
        return False
    redis.expire(f"token:{token}", 30)
    return True


def issue_over_all(redis, token, payload):
    return bool(redis.set(f"token:{token}", payload, ex=30))


def issue_after_a_look(redis, token, payload):
    if redis.exists(f"token:{token}"):
        return False
    redis.set(f"token:{token}", payload, ex=30)
    return True


def issue_for_a_minute(redis, token, payload):
    return bool(redis.set(f"token:{token}", payload, ex=60, nx=True))


# -- 2.3 -----------------------------------------------------------------------------------------------------


def is_expired(expires, key, now_ms):
    at_ms = expires.get(key)
    return at_ms is not None and now_ms > at_ms


def dead_on_the_millisecond(expires, key, now_ms):
    at_ms = expires.get(key)
    return at_ms is not None and now_ms >= at_ms


def expire_on_access(expires, key, now_ms, delete, is_replica):
    if not is_expired(expires, key, now_ms):
        return False
    if not is_replica:
        delete(key)
    return True


def expire_early(expires, key, now_ms, delete, is_replica):
    dead = dead_on_the_millisecond(expires, key, now_ms)
    if dead and not is_replica:
        delete(key)
    return dead


def replica_deletes_too(expires, key, now_ms, delete, is_replica):
    dead = is_expired(expires, key, now_ms)
    if dead:
        delete(key)
    return dead


def replica_shows_the_dead(expires, key, now_ms, delete, is_replica):
    return not is_replica and expire_on_access(expires, key, now_ms, delete, is_replica)


def never_on_access(expires, key, now_ms, delete, is_replica):
    return is_expired(expires, key, now_ms)


def cycle(stop_percent=10, dead=is_expired, least=20, respect_budget=True, most_rounds=10**6):
    def active_cycle(expires, now_ms, sample, delete, budget):
        looked = rounds = 0
        while (looked < budget or not respect_budget) and rounds < most_rounds:
            keys = sample(min(least, budget - looked) if respect_budget else least)
            looked += len(keys)
            rounds += 1
            expired = [key for key in keys if dead(expires, key, now_ms)]
            for key in expired:
                delete(key)
            if len(expired) * 100 <= stop_percent * len(keys):
                break
        return looked

    return active_cycle


def cycle_that_waits_for_a_clean_sample(expires, now_ms, sample, delete, budget):
    while True:
        keys = sample(20)
        expired = [key for key in keys if is_expired(expires, key, now_ms)]
        for key in expired:
            delete(key)
        if keys and len(expired) * 10 <= len(keys):
            return 0


def cycle_that_counts_the_freed(expires, now_ms, sample, delete, budget):
    freed = 0

    def count(key):
        nonlocal freed
        freed += 1
        delete(key)

    cycle()(expires, now_ms, sample, count, budget)
    return freed


def sweep(expires, now_ms, sample, delete, budget):
    for key in list(expires):
        if is_expired(expires, key, now_ms):
            delete(key)
    return len(expires)


# -- 2.4 -----------------------------------------------------------------------------------------------------


def increment(stored, step):
    """A right answer, for the wrong ones to build on."""
    text = b"0" if stored is None else stored
    try:
        number = int(text)
    except ValueError:
        raise ReplyError(NOT_INTEGER) from None
    if b"%d" % number != text or not -(2**63) <= number < 2**63:
        raise ReplyError(NOT_INTEGER)
    if not -(2**63) <= number + step < 2**63:
        raise ReplyError(OVERFLOW)
    return b"%d" % (number + step)


def pythons_int(stored, step):
    try:
        number = int(stored or 0)
    except ValueError:
        raise ReplyError(NOT_INTEGER) from None
    if not -(2**63) <= number + step < 2**63:
        raise ReplyError(OVERFLOW)
    return b"%d" % (number + step)


def without_bounds(stored, step):
    number = 0 if stored is None else int(stored) if stored.lstrip(b"-").isdigit() else None
    if number is None or b"%d" % number != (stored or b"0"):
        raise ReplyError(NOT_INTEGER)
    return b"%d" % (number + step)


def wrapping(stored, step):
    number = int(increment(stored, 0))
    return b"%d" % ((number + step + 2**63) % 2**64 - 2**63)


def digits_only(stored, step):
    if stored is not None and not stored.lstrip(b"-").isdigit():
        raise ReplyError(NOT_INTEGER)
    number = int(stored or b"0")
    if not -(2**63) <= number < 2**63:
        raise ReplyError(NOT_INTEGER)
    if not -(2**63) <= number + step < 2**63:
        raise ReplyError(OVERFLOW)
    return b"%d" % (number + step)


def overflow_for_all(stored, step):
    try:
        return increment(stored, step)
    except ReplyError:
        raise ReplyError(OVERFLOW) from None


def empty_is_zero(stored, step):
    return increment(stored or None, step)


def half_open(stored, step):
    number = int(increment(stored, 0))
    if not -(2**63) < number + step < 2**63:
        raise ReplyError(OVERFLOW)
    return b"%d" % (number + step)


COUNTS = "counts the views of each session"
FIRST_VIEW = "the first view decides when the counter dies"
DROPS = "no command drops the time to live"
REVIVES = "a correction revives nobody"
BROKEN = "a connection that breaks leaves no immortal counter"
TIME_PASSES = "time may pass between any two commands"

COMES_BACK = "the payload comes back once, as it was"
THIRTY = "it lives for 30 seconds, and leaves nothing behind"
IN_USE = "a token in use is not issued again"
TWO_READERS = "two readers at every point: exactly one wins"
TWO_ISSUERS = "two issuers at every point: exactly one wins"
BROKEN_TOKEN = "a connection that breaks leaves no immortal token"

MILLISECOND = "a key lives through its last millisecond"
ASKING = "asking for a dead key frees it"
REPLICA = "a replica hides dead keys and deletes none"
AGAIN = "samples of 20, and again while more than a tenth was dead"
BUDGET = "never looks at more keys than the budget"
THE_DEAD = "frees dead keys and no others"
SHARE = "the stale share falls below a tenth, whatever the distribution"
LIVE = "in a live node it answers and frees as the engine's own"

PLAIN = "counts"
LOOKALIKES = "what only looks like a number is refused"
EDGES = "the edges of 64 bits"
RANDOM = "random texts, as a real server answered"
LIVE_COUNTERS = "in a live node: INCR, DECR, INCRBY, DECRBY"

WRONG = {
    "2.1": [
        ("GET, add one, SET: the time to live is gone", (get_and_set, correct), (DROPS, FIRST_VIEW)),
        ("INCR and EXPIRE each time: the session never ends", (incr_and_expire, correct), (FIRST_VIEW,)),
        ("EXPIRE in a second trip after the first INCR", (expire_after_the_first, correct), (BROKEN,)),
        ("SET NX, then INCR in a second trip", (set_then_incr, correct), (TIME_PASSES,)),
        ("a pipeline that is no transaction", (pipeline_without_transaction, correct), (TIME_PASSES,)),
        ("a correction by plain SET", (count_view, correct_by_plain_set), (DROPS, FIRST_VIEW)),
        (
            "a correction that reads the TTL first",
            (count_view, correct_by_reading_the_ttl),
            (FIRST_VIEW, DROPS),
        ),
        ("a correction without XX", (count_view, correct_without_xx), (REVIVES,)),
    ],
    "2.2": [
        ("GET, then DEL", (issue, redeem_by_get_and_delete), (TWO_READERS,)),
        ("an empty payload taken for none", (issue, redeem_if_truthy), (COMES_BACK,)),
        ("a flag beside the token", (issue, redeem_with_a_flag), (TWO_READERS, THIRTY, BROKEN_TOKEN)),
        ("SETNX, then EXPIRE", (issue_in_two_steps, redeem), (BROKEN_TOKEN,)),
        ("SET without NX", (issue_over_all, redeem), (IN_USE, TWO_ISSUERS)),
        ("EXISTS, then SET", (issue_after_a_look, redeem), (TWO_ISSUERS,)),
        ("a minute instead of 30 s", (issue_for_a_minute, redeem), (THIRTY,)),
    ],
    "2.3": [
        (
            "dead in the millisecond of the deadline",
            (dead_on_the_millisecond, expire_early, cycle(dead=dead_on_the_millisecond)),
            (MILLISECOND, ASKING, THE_DEAD),
        ),
        ("a replica that deletes", (is_expired, replica_deletes_too, cycle()), (REPLICA, LIVE)),
        ("a replica that shows the dead", (is_expired, replica_shows_the_dead, cycle()), (REPLICA, LIVE)),
        ("one sample and no more", (is_expired, expire_on_access, cycle(most_rounds=1)), (AGAIN, SHARE)),
        (
            "again only above a quarter, as before Redis 6",
            (is_expired, expire_on_access, cycle(25)),
            (AGAIN,),
        ),
        ("again at exactly a tenth", (is_expired, expire_on_access, cycle(9.9)), (AGAIN,)),
        ("no budget", (is_expired, expire_on_access, cycle(respect_budget=False)), (BUDGET,)),
        ("a walk over all keys", (is_expired, expire_on_access, sweep), (AGAIN, BUDGET, SHARE)),
        (
            "no end without keys",
            (is_expired, expire_on_access, cycle_that_waits_for_a_clean_sample),
            (AGAIN,),
        ),
        ("answers how many it freed", (is_expired, expire_on_access, cycle_that_counts_the_freed), (AGAIN,)),
        ("never frees on access", (is_expired, never_on_access, cycle()), (ASKING,)),
    ],
    "2.4": [
        ("whatever int() takes", (pythons_int,), (LOOKALIKES, EDGES, RANDOM)),
        ("Python's endless integers", (without_bounds,), (EDGES, LIVE_COUNTERS)),
        ("wrapping round, as C would", (wrapping,), (EDGES,)),
        ("leading zeros and -0 let through", (digits_only,), (LOOKALIKES,)),
        ("the wrong error", (overflow_for_all,), (LOOKALIKES, LIVE_COUNTERS)),
        ("an empty string taken for a missing key", (empty_is_zero,), (LOOKALIKES,)),
        ("one number short of the lower edge", (half_open,), (EDGES,)),
    ],
}
