"""Plausible wrong answers to the exercises of chapter 15, and the tests that must refuse each."""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import time
import uuid
import weakref
from collections import defaultdict, deque

import redis as redis_py

from minidis.protocol.replies import ReplyError
from minidis.values.string import String

# -- 15.1 --------------------------------------------------------------------------------------------

FIRST = "the first calls are let through, the next one isn't; each user for himself"
STEADY = "a steady caller is served for ever"
EDGES = "never more than the limit within any window"
REFUSED = "refused calls count for nothing, and take no memory"
DIES = "no key stays for ever, wherever the program dies"
TOGETHER = "two servers at every point"

NOW = "local t = redis.call('TIME'); local now = t[1] * 1000000 + t[2]\n"
LOG = (
    NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2] * 1000000)
local there = redis.call('ZCARD', KEYS[1])
if there >= tonumber(ARGV[1]) then return 1 end
redis.call('ZADD', KEYS[1], now, string.format('%.0f:%d', now, there))
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 1000)
return 0
"""
)


def by_script(script, key=lambda user: f"rate_limit:{user}"):
    def is_rate_limited(redis, user_id, limit=10, window=60):
        return redis.eval(script, 1, key(user_id), limit, window) == 1

    return is_rate_limited


def guides_limiter(redis, user_id, limit=10, window=60):
    key = f"rate_limit:{user_id}"
    pipe = redis.pipeline()
    pipe.incr(key)
    pipe.expire(key, window)
    return pipe.execute()[0] > limit


def fixed_window(redis, user_id, limit=10, window=60):
    pipe = redis.pipeline()
    pipe.incr(f"rate_limit:{user_id}")
    pipe.expire(f"rate_limit:{user_id}", window, nx=True)
    return pipe.execute()[0] > limit


def incr_then_expire(redis, user_id, limit=10, window=60):
    count = redis.incr(f"rate_limit:{user_id}")
    if count == 1:
        redis.expire(f"rate_limit:{user_id}", window)
    return count > limit


def log_in_steps(redis, user_id, limit=10, window=60):
    key = f"rate_limit:{user_id}"
    seconds, microseconds = redis.time()
    now = seconds * 1_000_000 + microseconds
    redis.zremrangebyscore(key, "-inf", now - window * 1_000_000)
    if redis.zcard(key) >= limit:
        return True
    pipe = redis.pipeline()
    pipe.zadd(key, {str(uuid.uuid4()): now})
    pipe.expire(key, window)
    pipe.execute()
    return False


def log_with_own_clock(redis, user_id, limit=10, window=60):
    key, now = f"rate_limit:{user_id}", time.time()
    pipe = redis.pipeline()
    pipe.zremrangebyscore(key, "-inf", now - window)
    pipe.zadd(key, {str(uuid.uuid4()): now})
    pipe.zcard(key)
    pipe.expire(key, window)
    return pipe.execute()[2] > limit


def log_of_all_calls(redis, user_id, limit=10, window=60):
    key = f"rate_limit:{user_id}"
    seconds, microseconds = redis.time()
    now = seconds * 1_000_000 + microseconds
    pipe = redis.pipeline()
    pipe.zremrangebyscore(key, "-inf", now - window * 1_000_000)
    pipe.zadd(key, {str(uuid.uuid4()): now})
    pipe.zcard(key)
    pipe.expire(key, window)
    return pipe.execute()[2] > limit


calls_of_all_users = defaultdict(deque)


def in_the_process(redis, user_id, limit=10, window=60):
    """Right on one server; there are twenty."""
    seconds, microseconds = redis.time()
    now_s, calls = seconds + microseconds / 1e6, calls_of_all_users[redis, user_id]
    while calls and calls[0] <= now_s - window:
        calls.popleft()
    if len(calls) >= limit:
        return True
    calls.append(now_s)
    return False


def waits_instead(redis, user_id, limit=10, window=60):
    while redis.eval(LOG, 1, f"rate_limit:{user_id}", limit, window):
        time.sleep(1)
    return False


COUNTER = (
    NOW
    + """
local window, number = ARGV[2] * 1000000, math.floor(now / (ARGV[2] * 1000000))
local had = redis.call('HMGET', KEYS[1], 'number', 'current', 'previous')
local current, previous = tonumber(had[2]) or 0, tonumber(had[3]) or 0
if tonumber(had[1]) ~= number then
  previous = tonumber(had[1]) == number - 1 and current or 0
  current = 0
end
if previous * (1 - (now % window) / window) + current >= tonumber(ARGV[1]) then return 1 end
redis.call('HSET', KEYS[1], 'number', number, 'current', current + 1, 'previous', previous)
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2000)
return 0
"""
)
GCRA = (
    NOW
    + """
local interval = ARGV[2] * 1000000 / ARGV[1]
local due = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
if due - now > ARGV[2] * 1000000 - interval then return 1 end
local life_ms = math.ceil((due + interval - now) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', due + interval), 'PX', life_ms)
return 0
"""
)

# -- 15.2 --------------------------------------------------------------------------------------------

DRIPS = "full at first; then as many as dripped in, and when to come back"
RETRY = "what it answers is when to come back: not a millisecond later"
COSTS = "a call may cost several; more than the bucket holds is never"
FRACTIONS = "fractions add up"
THOUSAND = "a thousand callers: exactly as many as there were tokens"
SET_BACK = "a clock that is set back mints nothing, and freezes nothing"
GOES = "a bucket that is full again is gone; until then it stays"
ONE_TOKEN = "two callers at every point: one token is for one of them"

TAKE = """
local capacity, rate, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local had = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(had[1]) or capacity, tonumber(had[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) / 1000000 * rate)
local allowed, wait_ms = 0, -1
if tokens >= cost then
  allowed, wait_ms, tokens = 1, 0, tokens - cost
elseif cost <= capacity then
  wait_ms = math.ceil((cost - tokens) / rate * 1000)
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / rate * 1000) + 1)
return {allowed, math.floor(tokens), wait_ms}
"""


LIFE = "redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / rate * 1000) + 1)"
EMPTIED = "if allowed == 0 then redis.call('HSET', KEYS[1], 'tokens', 0) end\n"


def taking(*changes):
    """The right script, but for some of its parts: (part, another)."""
    script = TAKE
    for part, other in changes:
        assert part in script, part
        script = script.replace(part, other)
    return lambda redis, key, capacity, rate, cost=1: redis.eval(script, 1, key, capacity, rate, cost)


def take_in_steps(redis, key, capacity, rate, cost=1):
    seconds, microseconds = redis.time()
    now_s = seconds + microseconds / 1e6
    tokens, at_s = redis.hmget(key, "tokens", "at")
    tokens, at_s = float(tokens or capacity), float(at_s or now_s)
    tokens = min(capacity, tokens + max(0.0, now_s - at_s) * rate)
    allowed = tokens >= cost
    tokens -= cost if allowed else 0
    redis.hset(key, mapping={"tokens": tokens, "at": now_s})
    redis.pexpire(key, int((capacity - tokens) / rate * 1000) + 1)
    return [int(allowed), int(tokens), 0]


# -- 15.3 --------------------------------------------------------------------------------------------

HITS = "a miss asks the database, a hit doesn't; the row is the row"
STAMPEDE = "fifty readers in one tick: one question, and nobody waits long"
NOBODY = "a user who doesn't exist: remembered for a short time, there when he is saved"
LATE = "no old answer after save_user, however late a reader is"
OWNER_DIES = "who asks for all may die: the others are served"
OUTAGES = "Redis is down, stands still, or dies in the middle: users are served all the same"

STORE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


def guides_get_user(redis, database, user_id, ttl_s=60):
    cached = redis.get(f"user:{user_id}")
    if cached:
        return json.loads(cached)
    user = database.get_user(user_id)
    redis.set(f"user:{user_id}", json.dumps(user), ex=ttl_s)
    return user


def reading(
    *, compares=True, lease_ms=1000, patience_s=1.5, nobody_s=30, knows_nobody=True, catches="both", ttl=True,
    looks_again=True,
):  # fmt: skip
    """The right get_user, but for one of its parts."""
    looking = redis_py.RedisError if catches in ("both", "looking") else ZeroDivisionError
    storing = redis_py.RedisError if catches in ("both", "storing") else ZeroDivisionError

    def get_user(redis, database, user_id, ttl_s=60):
        key, lease, token = f"user:{user_id}", f"lease:user:{user_id}", str(uuid.uuid4())
        deadline_s, leased = time.monotonic() + patience_s, False
        try:
            while not leased and time.monotonic() < deadline_s:
                cached = redis.get(key)
                if cached is not None:
                    return json.loads(cached)
                leased = redis.set(lease, token, nx=True, px=lease_ms)
                if not leased:
                    if not looks_again:
                        break
                    time.sleep(0.05)
        except looking:
            return database.get_user(user_id)
        row = database.get_user(user_id)
        if row is None and not knows_nobody:
            return None
        life_s = (min(ttl_s, nobody_s) if row is None else ttl_s) if ttl else 10**6
        try:
            if leased and compares:
                redis.eval(STORE, 2, key, lease, token, json.dumps(row), life_s)
            elif leased:
                redis.set(key, json.dumps(row), ex=life_s)
                redis.delete(lease)
        except storing:
            pass
        return row

    return get_user


rows_of_databases = weakref.WeakKeyDictionary()


def get_user_in_the_process(redis, database, user_id, ttl_s=60):
    """A cache beside Redis, of each server's own."""
    rows, now_s = rows_of_databases.setdefault(database, {}), time.monotonic()
    if user_id not in rows or rows[user_id][1] < now_s:
        rows[user_id] = database.get_user(user_id), now_s + ttl_s
    return rows[user_id][0]


def saving(*, order="write first", lease=True, catches=True, sets=False):
    def save_user(redis, database, user_id, row):
        if order == "write first":
            database.save_user(user_id, row)
        try:
            if sets:
                redis.set(f"user:{user_id}", json.dumps(row), ex=60)
            else:
                redis.delete(f"user:{user_id}", *([f"lease:user:{user_id}"] if lease else []))
        except redis_py.RedisError:
            if not catches:
                raise
        if order != "write first":
            database.save_user(user_id, row)

    return save_user


# -- 15.4 --------------------------------------------------------------------------------------------

AT_WORK = "log in, change, load, log out"
SLIDES = "it slides, it ends, and no key is ever without an end"
NO_LOST = "two requests change different fields, in every order of their commands"
STAYS_OUT = "a request under way brings no session back"
ALL_OF_THEM = "everywhere: all of ann's, none of bob's, and what is dead isn't counted"
LOGGING_IN = "everywhere, while somebody logs in: ended, or to be ended by the next one"
NO_GROWTH = "what is kept beside the sessions doesn't grow with logins of the past"
IDS = "an id can't be guessed"

CHANGE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""
LOG_IN = """
redis.call('HSET', KEYS[1], 'user', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
for _, id in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if redis.call('EXISTS', 'session:' .. id) == 0 then redis.call('SREM', KEYS[2], id) end
end
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[2])
"""
LOAD = """
local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then return fields end
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('EXPIRE', 'sessions:' .. redis.call('HGET', KEYS[1], 'user'), ARGV[1])
return fields
"""
END = """
local ended = 0
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  ended = ended + redis.call('DEL', 'session:' .. id)
end
redis.call('DEL', KEYS[1])
return ended
"""


def right_log_in(redis, user, ttl_s, script=LOG_IN, new_id=lambda: secrets.token_urlsafe(32)):
    session_id = new_id()
    redis.eval(script, 2, f"session:{session_id}", f"sessions:{user}", user, ttl_s, session_id)
    return session_id


def _uuid1():
    return str(uuid.uuid1())


def _digest_of_the_time():
    return hashlib.sha256(str(time.time()).encode()).hexdigest()


def right_load(redis, session_id, ttl_s):
    words = [word.decode() for word in redis.eval(LOAD, 1, f"session:{session_id}", ttl_s)]
    return dict(zip(words[::2], words[1::2], strict=True)) or None


def right_change(redis, session_id, ttl_s, fields):
    words = [word for pair in fields.items() for word in pair]
    changed = redis.eval(CHANGE, 1, f"session:{session_id}", ttl_s, *words) == 1
    if changed:
        right_load(redis, session_id, ttl_s)
    return changed


def right_log_out(redis, session_id):
    redis.delete(f"session:{session_id}")


def right_everywhere(redis, user):
    return redis.eval(END, 1, f"sessions:{user}")


def store(**parts):
    """A whole session store, with some functions of one's own."""
    right = {
        "log_in": right_log_in,
        "load": right_load,
        "change": right_change,
        "log_out": right_log_out,
        "everywhere": right_everywhere,
    }
    assert parts.keys() <= right.keys()
    return tuple((right | parts).values())


def load_blob(redis, session_id, ttl_s):
    data = redis.getex(f"session:{session_id}", ex=ttl_s)
    return json.loads(data) if data else None


def log_in_blob(redis, user, ttl_s):
    session_id = secrets.token_urlsafe(32)
    redis.set(f"session:{session_id}", json.dumps({"user": user}), ex=ttl_s)
    redis.sadd(f"sessions:{user}", session_id)
    redis.expire(f"sessions:{user}", ttl_s)
    return session_id


def change_blob(redis, session_id, ttl_s, fields):
    session = load_blob(redis, session_id, ttl_s)
    if session is None:
        return False
    redis.set(f"session:{session_id}", json.dumps(session | fields), ex=ttl_s)
    return True


def change_by_look_and_set(redis, session_id, ttl_s, fields):
    if not redis.exists(f"session:{session_id}"):
        return False
    pipe = redis.pipeline()
    pipe.hset(f"session:{session_id}", mapping=fields)
    pipe.expire(f"session:{session_id}", ttl_s)
    pipe.execute()
    return True


def load_without_renewing(redis, session_id, ttl_s):
    found = redis.hgetall(f"session:{session_id}")
    return {name.decode(): value.decode() for name, value in found.items()} or None


def load_as_bytes(redis, session_id, ttl_s):
    right_load(redis, session_id, ttl_s)
    return redis.hgetall(f"session:{session_id}") or None


def change_without_renewing(redis, session_id, ttl_s, fields):
    script = CHANGE.replace("redis.call('EXPIRE', KEYS[1], ARGV[1])\n", "")
    words = [word for pair in fields.items() for word in pair]
    return redis.eval(script, 1, f"session:{session_id}", ttl_s, *words) == 1


def log_in_in_steps(redis, user, ttl_s):
    session_id = secrets.token_urlsafe(32)
    redis.hset(f"session:{session_id}", "user", user)
    redis.expire(f"session:{session_id}", ttl_s)
    redis.sadd(f"sessions:{user}", session_id)
    redis.expire(f"sessions:{user}", ttl_s)
    return session_id


def log_in_without_index_at_one_moment(redis, user, ttl_s):
    session_id = secrets.token_urlsafe(32)
    pipe = redis.pipeline()
    pipe.hset(f"session:{session_id}", "user", user)
    pipe.expire(f"session:{session_id}", ttl_s)
    pipe.execute()
    known = redis.smembers(f"sessions:{user}")
    pipe = redis.pipeline()  # the whole set anew: what was deleted meanwhile is back, what came is lost
    pipe.delete(f"sessions:{user}")
    pipe.sadd(f"sessions:{user}", session_id, *(one for one in known if redis.exists(b"session:" + one)))
    pipe.expire(f"sessions:{user}", ttl_s)
    pipe.execute()
    return session_id


def everywhere_in_steps(redis, user):
    ids = redis.smembers(f"sessions:{user}")
    ended = sum(redis.delete(b"session:" + session_id) for session_id in ids)
    redis.delete(f"sessions:{user}")
    return ended


def everywhere_counting_members(redis, user):
    ids = redis.smembers(f"sessions:{user}")
    redis.delete(*[b"session:" + session_id for session_id in ids], f"sessions:{user}")
    return len(ids)


sessions_here = {}


def log_in_here(redis, user, ttl_s):
    session_id = secrets.token_urlsafe(32)
    sessions_here[session_id] = {"user": user}
    return session_id


IN_THE_PROCESS = {
    "log_in": log_in_here,
    "load": lambda redis, session_id, ttl_s: sessions_here.get(session_id),
    "log_out": lambda redis, session_id: sessions_here.pop(session_id, None),
}


def everywhere_by_keys(redis, user):
    keys = redis.keys("session:*")
    redis.delete(*keys) if keys else None
    return len(keys)


# -- 15.5 --------------------------------------------------------------------------------------------

BURST = "a burst, then none, then one after an interval"
FORMULA = "hundreds of calls at random, as the formula has it"
FAST = "seven thousand a second add up"
STATE = "one key that goes by itself; a refused call changes nothing"
ERRORS = "what is wrong is an error, and leaves nothing behind"
EFFECTS = "a replica, and a log, come to the same"
AT_HOME = "a command like the others: COMMAND, MULTI, Lua, ACL, full memory"

LINE, FLAGS = "CL.THROTTLE key max_burst:int count:int period:int [quantity:int]", "write denyoom fast"


def throttling(
    *, unit_ns=1, checks=True, limit=lambda max_burst: max_burst + 1, rewrites="effect", expires=True,
    stores="allowed", touches=True, reads_text=True, retry="up", never=-1, peeks=True,
):  # fmt: skip
    """The right handler, but for one of its parts."""

    def throttle(client, key, max_burst, count, period, quantity=1):
        """Take `quantity` calls from a key's limit. O(1)."""
        quantity = 1 if quantity is None else quantity
        if checks and (max_burst < 0 or count <= 0 or period <= 0 or quantity < 0):
            raise ReplyError("ERR a number is out of range")
        db, now = client.db, client.node.now_us * 1000
        value = db.find(key, String)
        try:
            due = max(now, 0 if value is None else int(value.as_bytes()))
        except ValueError:
            if reads_text:
                raise ReplyError("ERR the key holds no time of CL.THROTTLE") from None
            due = now
        interval = period * 10**9 // count // unit_ns * unit_ns
        tolerance = interval * limit(max_burst)
        next_due = due + interval * quantity
        limited = next_due - now > tolerance
        retry_ms = -1
        if limited:
            wait_ns = next_due - tolerance - now
            retry_ms = -(-wait_ns // 10**6) if retry == "up" else wait_ns // 10**6
            if interval * quantity > tolerance:
                retry_ms = never if never is not None else retry_ms
        if (stores == "always" or not limited) and (quantity or not peeks):
            due, at_ms = next_due, -(-next_due // 10**6)
            db.put(key, String(due))
            if expires:
                db.set_expiry(key, at_ms)
            if touches:
                db.touch(key, "set")
            if rewrites == "effect":
                client.rewrite(b"SET", key, b"%d" % due, b"PXAT", b"%d" % at_ms)
            elif rewrites == "without time":
                client.rewrite(b"SET", key, b"%d" % due)
        remaining = max(0, (tolerance - (due - now)) // max(interval, 1))
        return [int(limited), max_burst + 1, remaining, retry_ms, -((now - due) // 10**6)]

    return throttle


def adding(line=LINE, flags=FLAGS, handler=None, **parts):
    return (lambda: line, lambda: flags, handler or throttling(**parts))


def throttle_without_quantity(client, key, max_burst, count, period):
    """Take a call. O(1)."""
    return throttling()(client, key, max_burst, count, period)


def always_let_through(client, key, max_burst, count, period, quantity=1):
    """Take nothing. O(1)."""
    return [0, max_burst + 1, max_burst, -1, period * 1000 // count]


WRONG = {
    "15.1": [
        ("the guide's", (guides_limiter,), (STEADY,)),
        ("a window that begins once", (fixed_window,), (EDGES,)),
        ("INCR, then EXPIRE", (incr_then_expire,), (DIES, EDGES)),
        ("a log, step by step", (log_in_steps,), (TOGETHER,)),
        ("by the program's clock", (log_with_own_clock,), (STEADY,)),
        ("refused calls are in the log, too", (log_of_all_calls,), (REFUSED,)),
        (
            "the time as the member",
            (by_script(LOG.replace("string.format('%.0f:%d', now, there)", "now")),),
            (FIRST,),
        ),
        (
            "no time to live",
            (by_script(LOG.replace("redis.call('PEXPIRE', KEYS[1], ARGV[2] * 1000)", "")),),
            (DIES,),
        ),
        ("one too many", (by_script(LOG.replace(">=", ">")),), (FIRST,)),
        ("one key for all users", (by_script(LOG, key=lambda user: "rate_limit"),), (FIRST,)),
        ("a sliding counter", (by_script(COUNTER),), (STEADY, EDGES)),
        ("GCRA", (by_script(GCRA),), (EDGES,)),
        ("in the process", (in_the_process,), (FIRST, TOGETHER)),
        ("waits instead", (waits_instead,), (FIRST,)),
        (
            "in seconds",
            (by_script(LOG.replace("t[1] * 1000000 + t[2]", "math.floor(t[1]) * 1000000")),),
            (EDGES,),
        ),
    ],
    "15.2": [
        ("step by step", (take_in_steps,), (ONE_TOKEN,)),
        (
            "whole tokens only",
            (taking(("string.format('%.17g', tokens)", "math.floor(tokens)")),),
            (FRACTIONS,),
        ),
        ("a time of 14 digits", (taking(("string.format('%.0f', now)", "tostring(now)")),), (THOUSAND,)),
        ("time in seconds", (taking(("t[1] * 1000000 + t[2]", "t[1] * 1000000")),), (DRIPS,)),
        ("a negative drip", (taking(("math.max(0, now - at)", "(now - at)")),), (SET_BACK,)),
        (
            "frozen until the old time comes again",
            (taking(("string.format('%.0f', now))", "string.format('%.0f', math.max(at, now)))")),),
            (SET_BACK,),
        ),
        (
            "no time to live",
            (
                taking(
                    ("redis.call('PEXPIRE'", "local _ = ('PEXPIRE'"),
                ),
            ),
            (GOES,),
        ),
        (
            "gone after a second",
            (taking(("math.ceil((capacity - tokens) / rate * 1000) + 1)", "1000)")),),
            (GOES, FRACTIONS),
        ),
        (
            "waits rounded down",
            (taking(("math.ceil((cost - tokens)", "math.floor((cost - tokens)")),),
            (RETRY,),
        ),
        ("always 1", (taking(("tonumber(ARGV[3])", "1")),), (COSTS,)),
        ("never isn't known", (taking(("elseif cost <= capacity then", "else")),), (COSTS,)),
        ("true is 1, false is nil", (taking(("{allowed,", "{allowed == 1,")),), (DRIPS, COSTS)),
        (
            "a script that never ends",
            (taking(("local allowed", "while true do end local allowed")),),
            (DRIPS,),
        ),
        ("a refusal takes them, too", (taking(("return {", EMPTIED + "return {")),), (COSTS,)),
    ],
    "15.3": [
        ("the guide's", (guides_get_user, saving()), (STAMPEDE, LATE, OUTAGES)),
        ("nobody looks again", (reading(looks_again=False), saving()), (STAMPEDE,)),
        ("nobody is forgotten at once", (reading(knows_nobody=False), saving()), (NOBODY,)),
        ("nobody is remembered for an hour", (reading(nobody_s=3600), saving()), (NOBODY,)),
        ("a lock, and no comparison", (reading(compares=False), saving()), (LATE,)),
        ("the lease stays", (reading(), saving(lease=False)), (LATE,)),
        ("deletes first", (reading(), saving(order="delete first")), (LATE,)),
        ("sets what it has saved", (reading(), saving(sets=True)), (LATE,)),
        (
            "a lease of ten minutes, and patience",
            (reading(lease_ms=600_000, patience_s=30), saving()),
            (OWNER_DIES,),
        ),
        ("no fallback", (reading(catches="neither"), saving()), (OUTAGES,)),
        ("the row is thrown away", (reading(catches="looking"), saving()), (OUTAGES,)),
        ("saving fails", (reading(), saving(catches=False)), (OUTAGES,)),
        ("no end", (reading(ttl=False), saving()), (HITS,)),
        ("in the process", (get_user_in_the_process, saving()), (HITS,)),
    ],
    "15.4": [
        ("one blob", store(log_in=log_in_blob, load=load_blob, change=change_blob), (NO_LOST, STAYS_OUT)),
        ("looks, then sets", store(change=change_by_look_and_set), (STAYS_OUT,)),
        ("load doesn't renew", store(load=load_without_renewing), (SLIDES,)),
        ("change doesn't renew", store(change=change_without_renewing), (SLIDES,)),
        ("bytes", store(load=load_as_bytes), (AT_WORK,)),
        ("in the process", store(**IN_THE_PROCESS), (AT_WORK,)),
        ("a login in steps", store(log_in=log_in_in_steps), (SLIDES, NO_GROWTH)),
        ("the index, read and written anew", store(log_in=log_in_without_index_at_one_moment), (LOGGING_IN,)),
        (
            "everywhere, in steps",
            store(log_in=log_in_in_steps, everywhere=everywhere_in_steps),
            (LOGGING_IN,),
        ),
        ("counts the dead", store(everywhere=everywhere_counting_members), (ALL_OF_THEM,)),
        ("everybody's", store(everywhere=everywhere_by_keys), (ALL_OF_THEM,)),
        (
            "the index lives for ever",
            store(
                log_in=lambda redis, user, ttl_s: right_log_in(
                    redis, user, ttl_s, LOG_IN.replace("redis.call('EXPIRE', KEYS[2], ARGV[2])", "")
                )
            ),
            (SLIDES,),
        ),
        (
            "the index isn't cleared",
            store(
                log_in=lambda redis, user, ttl_s: right_log_in(
                    redis, user, ttl_s, LOG_IN.replace("redis.call('SREM', KEYS[2], id)", "local _ = id")
                )
            ),
            (NO_GROWTH,),
        ),
        (
            "ids by random",
            store(
                log_in=lambda redis, user, ttl_s: right_log_in(
                    redis, user, ttl_s, new_id=lambda: f"{random.getrandbits(256):064x}"
                )
            ),
            (IDS,),
        ),
        (
            "ids of time and machine",
            store(log_in=lambda redis, user, ttl_s: right_log_in(redis, user, ttl_s, new_id=_uuid1)),
            (IDS,),
        ),
        (
            "ids made of the time",
            store(
                log_in=lambda redis, user, ttl_s: right_log_in(redis, user, ttl_s, new_id=_digest_of_the_time)
            ),
            (IDS,),
        ),
        (
            "short ids",
            store(
                log_in=lambda redis, user, ttl_s: right_log_in(
                    redis, user, ttl_s, new_id=lambda: secrets.token_hex(4)
                )
            ),
            (IDS,),
        ),
    ],
    "15.5": [
        ("milliseconds", adding(unit_ns=10**6), (FAST,)),
        ("tenths of a millisecond", adding(unit_ns=10**5), (FAST,)),
        ("the burst is one short", adding(limit=lambda max_burst: max_burst), (BURST,)),
        ("a refusal counts", adding(stores="always"), (BURST, STATE)),
        ("asking costs", adding(peeks=False), (STATE,)),
        ("for ever", adding(expires=False), (STATE,)),
        ("as it was typed", adding(rewrites="none"), (EFFECTS,)),
        ("a replica's key lives for ever", adding(rewrites="without time"), (EFFECTS,)),
        ("nobody is told of the change", adding(touches=False), (EFFECTS,)),
        ("any number will do", adding(checks=False), (ERRORS,)),
        ("a text is no time, so begin anew", adding(reads_text=False), (ERRORS,)),
        ("waits rounded down", adding(retry="down"), (FORMULA,)),
        ("never has a time", adding(never=None), (FORMULA,)),
        ("a reading command", adding(flags="readonly fast"), (AT_HOME,)),
        ("a hard-coded reply", adding(handler=always_let_through), (BURST, STATE)),
        ("no flag for memory", adding(flags="write fast"), (AT_HOME,)),
        ("a flag that isn't there", adding(flags="write quick"), (BURST,)),
        ("another name", adding(line=LINE.replace("CL.THROTTLE", "THROTTLE")), (BURST,)),
        (
            "no quantity",
            adding(line=LINE.replace(" [quantity:int]", ""), handler=throttle_without_quantity),
            (FORMULA, AT_HOME),
        ),
    ],
}
