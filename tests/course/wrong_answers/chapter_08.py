"""Plausible wrong answers to the exercises of chapter 8, and the tests that must refuse each."""

from __future__ import annotations

from itertools import islice

from minidis.course.checks.chapter_08 import page_by_many_trips

# -- 8.1 ---------------------------------------------------------------------------------------------

SAME_PAGE = "the same page"
THREE_TRIPS = "in three round trips"
GONE = "posts, authors and counters that are gone"
TWICE = "a post that is twice in the timeline is twice on the page"
HELD_UP = "nobody is held up: no transaction, no script, nothing written"
NAME_ONLY = "the name of an author, not the whole profile"


def page_with(
    transaction=False, keeps_gone=False, whole_profile=False, default=0, raw_liked=False, per_post=False
):
    """The reference with a mistake."""

    def page(redis, user):
        with redis.pipeline(transaction=transaction) as pipe:
            unread, timeline = pipe.get(f"unread:{user}").lrange(f"timeline:{user}", 0, -1).execute()
        ids = [int(post) for post in timeline]
        replies = []
        for some in [[post] for post in ids] if per_post else [ids]:
            with redis.pipeline(transaction=transaction) as pipe:
                for post in some:
                    pipe.hgetall(f"post:{post}").scard(f"likes:{post}").sismember(f"likes:{post}", user)
                replies += pipe.execute()
        found = list(zip(ids, replies[0::3], replies[1::3], replies[2::3], strict=True))
        if not keeps_gone:
            found = [row for row in found if row[1]]
        with redis.pipeline(transaction=transaction) as pipe:
            for row in found:
                author = f"user:{int(row[1].get(b'author', 0))}"
                pipe.hgetall(author) if whole_profile else pipe.hget(author, "name")
            names = pipe.execute()
        if whole_profile:
            names = [profile.get(b"name") for profile in names]
        posts = [
            {
                "id": post,
                "text": fields.get(b"text"),
                "author": name,
                "likes": likes,
                "liked": None if raw_liked else bool(liked),
            }
            for (post, fields, likes, liked), name in zip(found, names, strict=True)
        ]
        return {"unread": int(unread) if unread else default, "posts": posts}

    return page


def page_by_a_script(redis, user):
    redis.eval("return redis.call('LRANGE', KEYS[1], 0, -1)", 1, f"timeline:{user}")
    return page_with()(redis, user)


def page_by_a_read_only_script(redis, user):
    redis.eval_ro("return redis.call('LRANGE', KEYS[1], 0, -1)", 1, f"timeline:{user}")
    return page_with()(redis, user)


def page_of_different_posts(redis, user):
    answer = page_with()(redis, user)
    return answer | {"posts": list({post["id"]: post for post in answer["posts"]}.values())}


def page_that_remembers(redis, user):
    answer = page_with()(redis, user)
    redis.set(f"page:{user}", str(answer))
    return answer


def page_without_the_missing(redis, user):
    answer = page_with()(redis, user)
    return answer | {"posts": [post for post in answer["posts"] if post["author"] is not None]}


def page_in_another_order(redis, user):
    answer = page_with()(redis, user)
    return answer | {"posts": sorted(answer["posts"], key=lambda post: post["id"])}


# -- 8.2 ---------------------------------------------------------------------------------------------

EVERY_ROW = "every row is stored"
REFUSED = "refused rows are named, all others are stored"
FEW = "few round trips"
BOUNDED = "bounded chunks, also of large rows"
AS_SENT = "rows are read as they are sent"
NO_MULTI = "no transaction: others get a turn, and a refused row undoes nothing"


def load_with(
    transaction=False,
    most_rows=500,
    most_bytes=100_000,
    raises=False,
    place_in_chunk=False,
    forgets_the_rest=False,
    at_once=False,
    size_of=lambda text: len(text.encode()),
    error_text=str,
):
    """The reference with a mistake."""

    def load(redis, rows):
        refused, first, size = [], 0, 0
        pipe = redis.pipeline(transaction=transaction)
        for key, field, value in list(rows) if at_once else rows:
            row_size = 50 + size_of(key) + size_of(field) + size_of(value)
            if len(pipe) == most_rows or (len(pipe) and size + row_size > most_bytes):
                first, size = _send(pipe, first, refused, raises, place_in_chunk, error_text), 0
            pipe.hset(key, field, value)
            size += row_size
        if len(pipe) and not forgets_the_rest:
            _send(pipe, first, refused, raises, place_in_chunk, error_text)
        return refused

    return load


def _send(pipe, first, refused, raises, place_in_chunk, error_text):
    count = len(pipe)
    for place, reply in enumerate(pipe.execute(raise_on_error=raises)):
        if isinstance(reply, Exception):
            refused.append(((0 if place_in_chunk else first) + place, error_text(reply)))
    return first + count


def load_one_by_one(redis, rows):
    refused = []
    for number, (key, field, value) in enumerate(rows):
        try:
            redis.hset(key, field, value)
        except Exception as error:
            refused.append((number, str(error)))
    return refused


def load_until_the_first_error(redis, rows):
    number = 0
    while chunk := list(islice(rows, 100)):
        with redis.pipeline(transaction=False) as pipe:
            for key, field, value in chunk:
                pipe.hset(key, field, value)
            for reply in pipe.execute(raise_on_error=False):
                if isinstance(reply, Exception):
                    return [(number, str(reply))]
                number += 1
    return []


# -- 8.3 ---------------------------------------------------------------------------------------------

ONCE = "what was read once need not be asked again"
THROWN_OUT = "an invalidation throws a value out, and a new one comes in"
OVERTAKEN = "an invalidation that overtakes its reply"
FLUSHED = "FLUSHALL, with a reply under way"
BROKEN = "a connection that breaks"
SCHEDULES = "200 schedules: never stale, and still a cache"


def cache_with(race=True, keeps=True, absent=True, flush=True, flush_race=True, reconnect=True, listens=True):
    """The reference with a mistake."""

    class Cache:
        def __init__(self):
            self.values, self.under_way = {}, []

        def lookup(self, key):
            return (True, self.values[key]) if key in self.values else (False, None)

        def asked(self, key):
            self.under_way.append([key, True])

        def arrived(self, key, value):
            is_good = self.under_way.pop(0)[1] or not race
            if is_good and keeps and (absent or value is not None):
                self.values[key] = value

        def invalidated(self, keys):
            if not listens or (keys is None and not flush):
                return
            for request in self.under_way:
                if (keys is None and flush_race) or (keys is not None and request[0] in keys):
                    request[1] = False
            for key in list(self.values) if keys is None else keys:
                self.values.pop(key, None)

        def lost(self):
            self.under_way = []
            if reconnect:
                self.values = {}

    return Cache


WRONG_CACHES = [
    ("the reply is stored, whatever came before it", (cache_with(race=False),), (OVERTAKEN, SCHEDULES)),
    ("never keeps anything", (cache_with(keeps=False),), (ONCE, THROWN_OUT, SCHEDULES)),
    ("a key that is absent is asked for again", (cache_with(absent=False),), (ONCE,)),
    ("FLUSHALL is ignored", (cache_with(flush=False),), (FLUSHED, SCHEDULES)),
    ("FLUSHALL forgets what is under way", (cache_with(flush_race=False),), (FLUSHED, SCHEDULES)),
    ("keeps all when the connection breaks", (cache_with(reconnect=False),), (BROKEN, SCHEDULES)),
    ("does not listen", (cache_with(listens=False),), (THROWN_OUT, OVERTAKEN, SCHEDULES)),
]


# -- 8.4 ---------------------------------------------------------------------------------------------

LIMIT = "the threshold: as slow as that, or slower"
QUEUE = "execution time only: waiting in the queue is not counted"
RING = "a ring: the newest stay, the numbers go on"
CONFIGURED = "another length and threshold while it runs"
CUT = "long commands are cut"
LIVE = "SLOWLOG on a live node, beside the engine's own"


def slow_log_with(
    queue=False, strictly=False, negative=False, ids=True, oldest=False, trims=True, cuts=True, words=32
):
    """The reference with a mistake."""

    class SlowLog:
        def __init__(self, threshold_us, max_len):
            self.entries, self.next_id = [], 0
            self.configure(threshold_us, max_len)

        def configure(self, threshold_us, max_len):
            self.threshold_us, self.max_len = threshold_us, max_len
            if trims:
                del self.entries[max_len:]

        def record(self, argv, arrived_us, started_us, ended_us):
            duration_us = ended_us - (arrived_us if queue else started_us)
            if self.threshold_us < 0 and not negative:
                return
            if duration_us < self.threshold_us or (strictly and duration_us == self.threshold_us):
                return
            kept = _shortened(argv, words) if cuts else list(argv)
            self.entries.insert(0, (self.next_id, ended_us // 1_000_000, duration_us, kept))
            self.next_id += 1
            if oldest:
                del self.entries[: max(0, len(self.entries) - self.max_len)]
            else:
                del self.entries[self.max_len :]

        def get(self, count):
            return self.entries[:] if count < 0 else self.entries[:count]

        def __len__(self):
            return len(self.entries)

        def reset(self):
            self.entries = []
            if not ids:
                self.next_id = 0

    return SlowLog


def _shortened(argv, most):
    kept = argv if len(argv) <= 32 else argv[: most - 1]
    cut = [w if len(w) <= 128 else w[:128] + b"... (%d more bytes)" % (len(w) - 128) for w in kept]
    return cut + [b"... (%d more arguments)" % (len(argv) - len(kept))] * (len(kept) < len(argv))


# -- 8.5 ---------------------------------------------------------------------------------------------

CONNECTED = "who is connected: leak, churn, slow reader"
HOLDS_UP = "what holds it up: a command, a script"
KEYS_WENT = "where the keys went: evicted, expired, refused"
NO_CLIENT = "what no client did: a fork, a replica that lags"
NO_ALARM = "nothing is wrong: no false alarm"
BY_LOT = "five that were drawn by lot, 4 right"


def diagnose_with(
    slow_entries=3,
    expired=1000,
    reads_scripts=True,
    churn=20,
    omem=True,
    looks_at_keys=False,
    fork_us=100_000,
    behind=50_000,
    reads_lag=False,
):
    """The reference with a mistake."""

    def diagnose(redis):
        info = redis.info()
        slow = [entry["command"].split()[0].upper() for entry in redis.slowlog_get(50)]
        if looks_at_keys:
            redis.keys("*")
        if "errorstat_OOM" in redis.info("errorstats"):
            return "memory full"
        if info["evicted_keys"] > 100:
            return "eviction storm"
        if omem and max(int(client["omem"]) for client in redis.client_list()) > 100_000:
            return "slow reader"
        if info["connected_clients"] > 100:
            return "client leak"
        if info["total_connections_received"] > churn * info["connected_clients"]:
            return "churn"
        if reads_scripts and b"EVAL" in slow:
            return "slow script"
        if len(slow) > slow_entries:
            return "slow command"
        if info["latest_fork_usec"] > fork_us:
            return "fork stall"
        replicas = [
            fields for name, fields in info.items() if name.startswith("slave") and isinstance(fields, dict)
        ]
        if any(replica["lag"] > 5 for replica in replicas):
            return "replica lag"
        if not reads_lag and any(info["master_repl_offset"] - r["offset"] > behind for r in replicas):
            return "replica lag"
        return "expiry storm" if info["expired_keys"] > expired else "healthy"

    return diagnose


def always_healthy(redis):
    return "healthy"


def says_it_his_own_way(redis):
    return "too many clients"


WRONG = {
    "8.1": [
        ("the page as it is", (page_by_many_trips,), (THREE_TRIPS,)),
        ("a pipeline for each post", (page_with(per_post=True),), (THREE_TRIPS,)),
        ("pipeline() is a transaction", (page_with(transaction=True),), (HELD_UP,)),
        ("deleted posts stay", (page_with(keeps_gone=True),), (GONE,)),
        ("no counter is None", (page_with(default=None),), (GONE,)),
        ("whole profiles", (page_with(whole_profile=True),), (NAME_ONLY,)),
        ("liked left out", (page_with(raw_liked=True),), (SAME_PAGE,)),
        ("a script", (page_by_a_script,), (HELD_UP,)),
        ("a read-only script", (page_by_a_read_only_script,), (HELD_UP,)),
        ("each post once", (page_of_different_posts,), (TWICE,)),
        ("stores the page", (page_that_remembers,), (THREE_TRIPS, HELD_UP)),
        ("posts whose author is gone", (page_without_the_missing,), (GONE,)),
        ("sorted by id", (page_in_another_order,), (SAME_PAGE,)),
    ],
    "8.2": [
        ("one by one", (load_one_by_one,), (FEW,)),
        ("a transaction", (load_with(transaction=True),), (NO_MULTI,)),
        ("all in one pipeline", (load_with(most_rows=10**9, most_bytes=10**9),), (BOUNDED, AS_SENT)),
        ("rows are counted, not bytes", (load_with(most_bytes=10**9),), (BOUNDED,)),
        ("characters are counted, not bytes", (load_with(size_of=len),), (BOUNDED,)),
        ("exceptions, not their texts", (load_with(error_text=lambda error: error),), (REFUSED,)),
        ("too small chunks", (load_with(most_rows=20),), (FEW,)),
        ("raises at the first error", (load_with(raises=True),), (REFUSED,)),
        ("the place in its chunk", (load_with(place_in_chunk=True),), (REFUSED,)),
        ("the last chunk is forgotten", (load_with(forgets_the_rest=True),), (EVERY_ROW, REFUSED)),
        ("list(rows)", (load_with(at_once=True),), (AS_SENT,)),
        ("stops at the first error", (load_until_the_first_error,), (REFUSED,)),
    ],
    "8.3": WRONG_CACHES,
    "8.4": [
        ("counts the queue", (slow_log_with(queue=True),), (QUEUE,)),
        ("slower than, not as slow", (slow_log_with(strictly=True),), (LIMIT,)),
        ("a negative threshold logs all", (slow_log_with(negative=True),), (LIMIT,)),
        ("a reset begins at 0", (slow_log_with(ids=False),), (RING,)),
        ("keeps the oldest", (slow_log_with(oldest=True),), (RING,)),
        ("a new length waits for the next entry", (slow_log_with(trims=False),), (CONFIGURED,)),
        ("nothing is cut", (slow_log_with(cuts=False),), (CUT,)),
        ("32 words and the note", (slow_log_with(words=33),), (CUT,)),
    ],
    "8.5": [
        ("always healthy", (always_healthy,), (CONNECTED, HOLDS_UP, KEYS_WENT, NO_CLIENT)),
        ("a name of his own", (says_it_his_own_way,), (CONNECTED, NO_ALARM)),
        ("one slow entry is a fault", (diagnose_with(slow_entries=0),), (NO_ALARM,)),
        ("one expired key is a storm", (diagnose_with(expired=0),), (NO_ALARM,)),
        ("any closed connection is churn", (diagnose_with(churn=1),), (NO_ALARM,)),
        ("no look at scripts", (diagnose_with(reads_scripts=False),), (HOLDS_UP,)),
        ("any fork is a stall", (diagnose_with(fork_us=0),), (NO_ALARM,)),
        ("no look at forks", (diagnose_with(fork_us=10**9),), (NO_CLIENT,)),
        ("lag, and not the offset", (diagnose_with(reads_lag=True),), (NO_CLIENT,)),
        ("no look at omem", (diagnose_with(omem=False),), (CONNECTED,)),
        ("KEYS on a node in trouble", (diagnose_with(looks_at_keys=True),), (CONNECTED, NO_ALARM)),
    ],
}
