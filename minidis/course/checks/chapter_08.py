"""Checks of chapter 8: round trips, bulk loads, and what a node's gauges say.

Read next: minidis/course/exercise.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.guard import unobserved
from minidis.course.models.roulette import FAULTS, spin
from minidis.course.models.roundtrips import Trace
from minidis.course.parts import plug
from minidis.drivers.embedded import Embedded

# -- 8.1 a page in three round trips ------------------------------------------------------------------

page_trips = Exercise(
    "8.1",
    "A page in 3 round trips, not 214",
    kind="use",
    points=4,
    hints=(
        "What can be asked without an earlier answer? Put that into one pipeline. Then what needs those "
        "answers only: another one. There are three such layers here.",
        "Layer 1: unread counter and timeline. Layer 2: for each post its hash, SCARD and SISMEMBER. Layer "
        "3: the names of the authors, whom only the posts name. pipeline(transaction=False).",
        "Replies come in the order of the commands: zip the post ids with replies[0::3], [1::3], [2::3]. A "
        "post whose hash is empty is gone: leave it out before you ask for its author.",
    ),
)

MOST_TRIPS = 3
SCRIPTS = (b"EVAL", b"FCALL", b"SCRIPT", b"FUNCTION")
"""How the names of commands begin that run scripts: EVAL_RO and EVALSHA among them."""


def _social_network(case: Case, random: Random, posts: int) -> Embedded:
    """User 7's timeline with so many posts; the profiles are long, of which a page needs the name only."""
    node = case.node()
    run = node.execute
    for author in range(1, 31):
        run("HSET", f"user:{author}", "name", f"name of {author}", "biography", "x" * 3000)
    run("SET", "unread:7", random.randrange(1, 99))
    for number in range(posts):
        post = random.randrange(10**6)
        run("RPUSH", "timeline:7", post)
        run("HSET", f"post:{post}", "author", random.randrange(1, 31), "text", f"text {number} é")
        if readers := random.sample(range(1, 20), random.randrange(0, 12)):
            run("SADD", f"likes:{post}", *readers)
    return node


def page_by_many_trips(redis: Any, user: int) -> dict[str, Any]:
    """The page as it is, 214 round trips for 53 posts: what an answer must give, too."""
    posts = []
    unread = int(redis.get(f"unread:{user}") or 0)
    for post in redis.lrange(f"timeline:{user}", 0, -1):
        post_id = int(post)
        fields = redis.hgetall(f"post:{post_id}")
        if not fields:
            continue  # deleted meanwhile
        author = redis.hget(f"user:{int(fields[b'author'])}", "name")
        posts.append(
            {
                "id": post_id,
                "text": fields[b"text"],
                "author": author,
                "likes": redis.scard(f"likes:{post_id}"),
                "liked": bool(redis.sismember(f"likes:{post_id}", user)),
            }
        )
    return {"unread": unread, "posts": posts}


def _traced(case: Case, node: Embedded) -> tuple[Any, Trace]:
    """A client whose round trips are counted, its greeting left out."""
    trace = Trace(node)
    redis = trace.watch(case.redis(node))
    redis.ping()
    trace.clear()
    return redis, trace


def _same_page(case: Case, page: Callable, node: Embedded, given: str, user: int = 7) -> Trace:
    redis, trace = _traced(case, node)
    came = page(redis, user)
    case.equal(came, page_by_many_trips(case.redis(node), user), given=given)
    return trace


@page_trips.test("the same page")
def same_page(case: Case, page: Callable) -> None:
    for posts in (1, 2, 53):
        node = _social_network(case, case.random, posts)
        _same_page(case, page, node, given=f"user 7, {posts} posts in the timeline")


@page_trips.test("in three round trips")
def three_trips(case: Case, page: Callable) -> None:
    for posts in (1, 10, 53):
        redis, trace = _traced(case, _social_network(case, case.random, posts))
        page(redis, 7)
        sent = "; ".join(str(trip) for trip in trace.trips[:6])
        case.true(
            trace.count <= MOST_TRIPS and trace.connections == 1,
            f"{posts} posts in the timeline",
            f"{trace.count} round trips on {trace.connections} connections: {sent}",
            f"at most {MOST_TRIPS}, on the connection that is there",
        )


@page_trips.test("posts, authors and counters that are gone")
def what_is_gone(case: Case, page: Callable) -> None:
    node = _social_network(case, case.random, 20)
    timeline = node.execute("LRANGE", "timeline:7", 0, -1)
    for post in case.random.sample(timeline, 5):
        node.execute("DEL", b"post:" + post)
    _same_page(case, page, node, "20 posts in the timeline, 5 of them deleted")
    author = node.execute("HGET", b"post:" + _first_living(node, timeline), "author")
    node.execute("DEL", b"user:" + author)
    _same_page(case, page, node, "an author who deleted his account")
    node.execute("DEL", "unread:7")
    _same_page(case, page, node, "no counter of unread messages")
    _same_page(case, page, node, "a user without a timeline", user=8)


def _first_living(node: Embedded, timeline: list[bytes]) -> bytes:
    return next(post for post in timeline if node.execute("EXISTS", b"post:" + post))


@page_trips.test("a post that is twice in the timeline is twice on the page")
def twice_in_the_timeline(case: Case, page: Callable) -> None:
    node = _social_network(case, case.random, 10)
    node.execute("RPUSH", "timeline:7", *case.random.sample(node.execute("LRANGE", "timeline:7", 0, -1), 3))
    _same_page(case, page, node, "13 entries in the timeline: 10 posts, 3 of them shared once more")


@page_trips.test("nobody is held up: no transaction, no script, nothing written")
def nobody_held_up(case: Case, page: Callable) -> None:
    node = _social_network(case, case.random, 12)
    redis, trace = _traced(case, node)
    page(redis, 7)
    names = {argv[0].upper() for argv in trace.commands}
    refused = names & {b"MULTI", b"KEYS", b"SCAN", b"WATCH"} or {n for n in names if n.startswith(SCRIPTS)}
    case.true(
        not refused, "the commands sent", show(sorted(names)), "reads in pipelines, no MULTI and no script"
    )
    written = [name for name in names if node.node.commands.find([name]).is_write]
    case.true(not written, "the commands sent", show(written), "a page is read, nothing is written")


@page_trips.test("the name of an author, not the whole profile")
def only_the_name(case: Case, page: Callable) -> None:
    redis, trace = _traced(case, _social_network(case, case.random, 40))
    page(redis, 7)
    received = sum(trip.received_bytes for trip in trace.trips)
    case.true(
        received < 20_000,
        "40 posts; a profile has 3000 bytes of biography",
        f"{received} bytes of replies",
        "less than 20 000: ask for the field that the page shows",
    )


# -- 8.2 a bulk load ------------------------------------------------------------------------------------

bulk = Exercise(
    "8.2",
    "A bulk load with bounded memory, and the row that failed",
    kind="use",
    points=4,
    hints=(
        "Collect rows until there are enough of them, by number and by bytes; send them as one pipeline; "
        "begin the next chunk. Don't make a list of all the rows first.",
        "pipe.execute(raise_on_error=False) gives one reply for each command, in order; an error is an "
        "element that is an exception. The row's number is that of the chunk's first row plus its place.",
        "Before you add a row: would the chunk pass 100 000 bytes with it? Then send first what you have. At "
        "500 rows send, too. And when the rows are over, the last, smaller chunk.",
    ),
)

MOST_BYTES, MOST_ROWS, LEAST_ROWS = 128 * 1024, 1000, 100


def _rows(random: Random, count: int, size: tuple[int, int] = (5, 60)) -> list[tuple[str, str, str]]:
    return [
        (f"user:{n // 3}", f"field {n % 3}", "x" * random.randrange(*size) + str(n)) for n in range(count)
    ]


def _loaded(case: Case, load: Callable, rows: list[tuple[str, str, str]], before: Any = ()) -> Trace:
    """Load the rows into a fresh node, prepared with commands; check what is stored and what was reported."""
    node = case.node()
    for words in before:
        node.execute(*words)
    redis, trace = _traced(case, node)
    refused_keys = {words[1] for words in before}
    refused = [number for number, row in enumerate(rows) if row[0] in refused_keys]
    given = (
        f"{len(rows)} rows, of which {len(refused)} name a key that holds a string: rows {show(refused[:8])}"
    )
    reported = load(redis, iter(rows))
    if not isinstance(reported, list):
        raise Wrong(given, show(reported), "a list of the rows that were refused")
    numbers = [pair[0] if isinstance(pair, tuple) and len(pair) == 2 else pair for pair in reported]
    case.equal(numbers, refused, given=f"{given}; the numbers of the refused rows")
    for pair in reported:
        is_text = isinstance(pair, tuple) and isinstance(pair[1], str) and "WRONGTYPE" in pair[1]
        case.true(is_text, given, show(pair), "(row number, the error's text)")
    stored: dict[str, dict[bytes, bytes]] = {}
    for key, field, value in rows:
        if key not in refused_keys:
            stored.setdefault(key, {})[field.encode()] = value.encode()
    for key, fields in stored.items():
        flat = node.execute("HGETALL", key)
        pairs = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        case.equal(pairs, fields, given=f"{given}; HGETALL {key}")
    return trace


@bulk.test("every row is stored")
def every_row(case: Case, load: Callable) -> None:
    for count in (0, 1, 1000, 1001, 2300):
        _loaded(case, load, _rows(case.random, count))


@bulk.test("refused rows are named, all others are stored")
def refused_rows(case: Case, load: Callable) -> None:
    for count in (20, 1600):
        rows = _rows(case.random, count)
        keys = case.random.sample(sorted({row[0] for row in rows}), 4) + [rows[0][0], rows[-1][0]]
        _loaded(case, load, rows, [("SET", key, "a string") for key in dict.fromkeys(keys)])


@bulk.test("few round trips")
def few_trips(case: Case, load: Callable) -> None:
    trace = _loaded(case, load, _rows(case.random, 3000))
    most = 3000 // LEAST_ROWS + 1
    case.true(
        trace.count <= most and trace.connections == 1,
        "3000 small rows",
        f"{trace.count} round trips on {trace.connections} connections",
        f"at most {most}, on one",
    )


@bulk.test("bounded chunks, also of large rows")
def bounded_chunks(case: Case, load: Callable) -> None:
    random = case.random
    large = _rows(random, 150, (2000, 40_000))
    mixed = _rows(random, 400) + large + _rows(random, 3000)
    emoji = [(f"größe:{n}", f"feld {n % 3}", "🎉" * 100) for n in range(1500)]
    for rows, what in (
        (large, "150 rows of up to 40 KB"),
        (mixed, "3400 small rows, 150 large ones"),
        (emoji, "1500 rows of 100 emoji, four bytes each"),
    ):
        trace = _loaded(case, load, rows)
        for trip in trace.trips:
            case.true(
                trip.sent_bytes <= MOST_BYTES and len(trip.argvs) <= MOST_ROWS,
                what,
                f"a round trip with {len(trip.argvs)} commands, {trip.sent_bytes} bytes",
                f"at most {MOST_ROWS} and {MOST_BYTES} bytes in each",
            )


@bulk.test("rows are read as they are sent")
def read_as_sent(case: Case, load: Callable) -> None:
    node = case.node()
    redis, trace = _traced(case, node)
    worst = [0]
    rows = _rows(case.random, 4000)

    def watched() -> Iterator[tuple[str, str, str]]:
        for number, row in enumerate(rows):
            worst[0] = max(worst[0], number - sum(len(trip.argvs) for trip in trace.trips))
            yield row

    load(redis, watched())
    case.true(
        worst[0] <= MOST_ROWS,
        "4000 rows from a generator",
        f"{worst[0]} rows had been read and not been sent yet",
        f"never more than {MOST_ROWS}",
    )


@bulk.test("no transaction: others get a turn, and a refused row undoes nothing")
def no_transaction(case: Case, load: Callable) -> None:
    trace = _loaded(case, load, _rows(case.random, 300))
    names = {argv[0].upper() for argv in trace.commands}
    held_up = b"MULTI" in names or any(name.startswith(SCRIPTS) for name in names)
    case.true(not held_up, "300 rows", show(sorted(names)), "a pipeline without MULTI")


# -- 8.3 a cache in the client -------------------------------------------------------------------------

client_cache = Exercise(
    "8.3",
    "A cache in the client that is never stale",
    kind="rebuild",
    points=8,
    hints=(
        "Three tables are enough: values that are known, keys that are being asked for, and of those the "
        "ones whose invalidation came before their reply. None of them outlives a connection.",
        "An invalidation may overtake the reply: the value that then arrives is from before the change. So "
        "asked() notes the key, invalidated() strikes it off, and arrived() stores only what is still noted.",
        "invalidated(None) is FLUSHALL: all keys, the ones under way too. lost(): empty everything, because "
        "what changed from now on nobody tells you. Two requests of one key may be under way: the first "
        "reply doesn't vouch for the second.",
    ),
)

KEYS = ("a", "b", "c")


class _World:
    """A real node, a data connection that tracks, and one that takes the invalidations; both may be late."""

    def __init__(self, case: Case, make: Any) -> None:
        self.node, self.cache = unobserved(case.node)(), make()
        self.execute = unobserved(self.node.execute)
        self.steps: list[str] = []
        self.writer = self.node.connect("writer")
        self.hits = 0
        self.connect()

    def connect(self) -> None:
        run = self.execute
        self.listener, self.reader = self.node.connect("listener"), self.node.connect("reader")
        run("SUBSCRIBE", "__redis__:invalidate", client=self.listener)
        self.listener.outbox.clear()
        run("CLIENT", "TRACKING", "ON", "REDIRECT", self.listener.id, client=self.reader)
        self.replies: list[tuple[str, Any]] = []

    def look(self, key: str) -> None:
        """The application wants a value: a hit must be true, unless its invalidation is still under way."""
        found = self.cache.lookup(key)
        if not isinstance(found, tuple) or len(found) != 2:
            raise Wrong(f"lookup({key!r})", show(found), "a pair: (True, value) or (False, None)")
        hit, value = found
        now = self.execute("GET", key, client=self.writer)
        if hit and not self.listener.outbox and value != now:
            raise Wrong(
                f"{'; '.join(self.steps[-14:])}; lookup({key!r}), with every message delivered",
                f"{show(value)} from the cache",
                f"{show(now)}, what the server has: or a miss",
            )
        if hit:
            self.hits += 1
            self.steps.append(f"lookup {key}: hit")
            return
        self.cache.asked(key)
        self.replies.append((key, self.execute("GET", key, client=self.reader)))
        self.steps.append(f"lookup {key}: miss, asked")

    def write(self, *words: Any) -> None:
        self.execute(*words, client=self.writer)
        self.steps.append(" ".join(map(str, words)))

    def deliver_reply(self) -> None:
        if self.replies:
            key, value = self.replies.pop(0)
            self.cache.arrived(key, value)
            self.steps.append(f"reply of {key} arrives: {show(value)}")

    def deliver_message(self) -> None:
        if self.listener.outbox:
            keys = self.listener.outbox.popleft()[2]
            self.cache.invalidated(None if keys is None else [key.decode() for key in keys])
            self.steps.append(f"invalidation of {'all' if keys is None else show(keys)}")

    def lose(self) -> None:
        """Both connections break: what was under way on them never comes."""
        self.node.disconnect(self.reader)
        self.node.disconnect(self.listener)
        self.connect()
        self.cache.lost()
        self.steps.append("connection lost and made again")

    def settle(self) -> None:
        while self.replies or self.listener.outbox:
            self.deliver_message()
            self.deliver_reply()
        for key in KEYS:
            self.look(key)


@client_cache.test("what was read once need not be asked again")
def asked_once(case: Case, make: Any) -> None:
    world = _World(case, make)
    world.write("SET", "a", 1)
    for key in ("a", "b"):  # b does not exist: that, too, is worth knowing
        world.look(key)
        world.deliver_reply()
        world.look(key)
        world.look(key)
    case.equal(world.hits, 4, given="a holds 1, b does not exist; each is looked up three times: hits")


@client_cache.test("an invalidation throws a value out, and a new one comes in")
def thrown_out(case: Case, make: Any) -> None:
    world = _World(case, make)
    world.look("a")
    world.deliver_reply()
    world.write("SET", "a", 2)
    world.settle()
    world.settle()
    world.look("a")
    case.true(world.hits >= 2, "a is read, changed, and read again", f"{world.hits} hits", "at least 2")


@client_cache.test("an invalidation that overtakes its reply")
def overtaken(case: Case, make: Any) -> None:
    world = _World(case, make)
    world.write("SET", "a", 1)
    world.look("a")
    world.write("SET", "a", 2)
    world.deliver_message()
    world.deliver_reply()
    world.look("a")


@client_cache.test("FLUSHALL, with a reply under way")
def flushed(case: Case, make: Any) -> None:
    world = _World(case, make)
    world.write("MSET", "a", 1, "b", 2)
    world.look("a")
    world.deliver_reply()
    world.look("b")
    world.write("FLUSHALL")
    world.deliver_message()
    world.deliver_reply()
    world.settle()


@client_cache.test("a connection that breaks")
def broken(case: Case, make: Any) -> None:
    world = _World(case, make)
    world.write("SET", "a", 1)
    world.look("a")
    world.deliver_reply()
    world.lose()
    world.write("SET", "a", 2)
    world.settle()


@client_cache.test("200 schedules: never stale, and still a cache")
def schedules(case: Case, make: Any) -> None:
    hits = 0
    for _ in range(200):
        world, random = _World(case, make), case.random
        for number in range(40):
            key = random.choice(KEYS)
            chance = random.random()
            if chance < 0.35:
                world.look(key)
            elif chance < 0.5:
                world.write("SET", key, number) if chance < 0.48 else world.write("FLUSHALL")
            elif chance < 0.75:
                world.deliver_reply()
            elif chance < 0.97:
                world.deliver_message()
            else:
                world.lose()
        world.settle()
        world.settle()
        world.settle()
        hits += world.hits
        world.node.__exit__()
        case.nodes.remove(world.node)
    case.true(hits >= 700, "200 schedules", f"{hits} hits", "700 at least: a cache that forgets all is none")


# -- 8.4 the slow log ---------------------------------------------------------------------------------

slow_log = Exercise(
    "8.4",
    "The slow log, on a live node",
    kind="rebuild",
    points=6,
    hints=(
        "A deque holds the entries, the newest on the left: appendleft, and pop while there are too many. "
        "Its own maxlen can't be changed later, so don't use it.",
        "What took long is ended - started; arrived is a trap. A duration equal to the threshold is logged; "
        "a negative threshold logs nothing, 0 everything. reset() does not begin the numbers anew.",
        "Cut when you record: of more than 32 words keep 31 and add b'... (N more arguments)'; of a word of "
        "more than 128 bytes keep 128 and add b'... (N more bytes)'. configure() cuts to the new length.",
    ),
)


def _record(log: Any, name: bytes, duration_us: int, queued_us: int = 0, at_us: int = 5_000_000) -> None:
    log.record([name], at_us - queued_us, at_us, at_us + duration_us)


def _names(log: Any, count: int = -1) -> list[bytes]:
    return [entry[3][0] for entry in log.get(count)]


@slow_log.test("the threshold: as slow as that, or slower")
def threshold(case: Case, make: Any) -> None:
    for limit_us, due in (
        (1000, [b"slower", b"as slow"]),
        (0, [b"slower", b"as slow", b"quicker", b"0"]),
        (-1, []),
    ):
        log = make(limit_us, 10)
        for name, duration_us in ((b"0", 0), (b"quicker", 999), (b"as slow", 1000), (b"slower", 1001)):
            _record(log, name, duration_us)
        case.equal(_names(log), due, given=f"threshold {limit_us}; durations 0, 999, 1000, 1001 us")
        case.equal(len(log), len(due), given=f"threshold {limit_us}; len(log)")


@slow_log.test("execution time only: waiting in the queue is not counted")
def without_the_queue(case: Case, make: Any) -> None:
    log = make(1000, 10)
    _record(log, b"waited", 5, queued_us=900_000)
    _record(log, b"KEYS", 2000, queued_us=700, at_us=8_999_500)
    case.equal(
        [tuple(entry[:3]) for entry in log.get(-1)],
        [(0, 9, 2000)],
        given="threshold 1000; a GET waited 0.9 s and ran 5 us; a KEYS ran 2000 us and ended at 9.0015 s",
    )


@slow_log.test("a ring: the newest stay, the numbers go on")
def ring(case: Case, make: Any) -> None:
    log = make(0, 3)
    for number in range(5):
        _record(log, b"%d" % number, number)
    given = "length 3, five entries"
    case.equal([entry[0] for entry in log.get(-1)], [4, 3, 2], given=f"{given}: ids of get(-1)")
    case.equal([entry[0] for entry in log.get(2)], [4, 3], given=f"{given}: ids of get(2)")
    case.equal(list(log.get(0)), [], given=f"{given}: get(0)")
    log.reset()
    case.equal((len(log), list(log.get(-1))), (0, []), given="after reset(): len and get(-1)")
    _record(log, b"next", 1)
    case.equal([entry[0] for entry in log.get(-1)], [5], given="one more after reset(): its id")
    nothing = make(0, 0)
    _record(nothing, b"x", 1)
    case.equal(len(nothing), 0, given="length 0, one slow command")


@slow_log.test("another length and threshold while it runs")
def configured(case: Case, make: Any) -> None:
    log = make(0, 5)
    for number in range(5):
        _record(log, b"%d" % number, number)
    log.configure(0, 2)
    case.equal(_names(log), [b"4", b"3"], given="5 entries, then configure(0, 2)")
    log.configure(100, 4)
    for name, duration_us in ((b"short", 99), (b"a", 100), (b"b", 100), (b"c", 100)):
        _record(log, name, duration_us)
    case.equal(_names(log), [b"c", b"b", b"a", b"4"], given="then configure(100, 4); 99, 100, 100, 100 us")


@slow_log.test("long commands are cut")
def cut(case: Case, make: Any) -> None:
    for count, size in ((32, 128), (33, 129), (100, 5), (2, 10_000)):
        log = make(0, 5)
        argv = [b"SET"] + [b"w" * size] * (count - 1)
        log.record(argv, 0, 0, 1)
        kept = argv if count <= 32 else argv[:31]
        due = [
            word if len(word) <= 128 else word[:128] + b"... (%d more bytes)" % (len(word) - 128)
            for word in kept
        ]
        if count > 32:
            due.append(b"... (%d more arguments)" % (count - 31))
        case.equal([list(entry[3]) for entry in log.get(-1)], [due], given=f"{count} words, of {size} bytes")
        case.equal(len(argv), count, given="the words that record() was given, afterwards: how many")


@slow_log.test("SLOWLOG on a live node, beside the engine's own")
def live_slow_log(case: Case, make: Any) -> None:
    learners, engines = case.node(), case.node()
    plug("slowlog", make, learners)
    random = case.random
    for _ in range(60):
        words = random.choice(
            [
                ["DEBUG", "SLEEP", f"{random.randrange(1, 40) / 1000}"],
                ["CONFIG", "SET", "slowlog-max-len", random.randrange(0, 6)],
                ["CONFIG", "SET", "slowlog-log-slower-than", random.choice([-1, 5000, 10_000])],
                ["SLOWLOG", "LEN"],
                ["SLOWLOG", "GET", random.choice([-1, 0, 1, 3])],
                ["SLOWLOG", "RESET"] if random.random() < 0.2 else ["SLOWLOG", "GET"],
            ]
        )
        due = engines.execute(*words)
        case.equal(learners.execute(*words), due, given=" ".join(map(str, words)))


# -- 8.5 fault roulette -------------------------------------------------------------------------------

roulette = Exercise(
    "8.5",
    "Fault roulette: what is wrong with this node?",
    kind="use",
    points=6,
    hints=(
        "Print the gauges of a healthy node first: spin(1, 'healthy'). Then those of each fault. For each "
        "there is a field that is not only different but far out.",
        "client leak: connected_clients. churn: total_connections_received against it. slow reader: omem in "
        "CLIENT LIST. evictions: evicted_keys. full: errorstats. expiry: expired_keys in the thousands.",
        "slow command and slow script: both have several entries in SLOWLOG. A script is an EVAL there, and "
        "the commands that it called stand beside it: look for EVAL first. One slow entry a day is no fault. "
        "fork stall: latest_fork_usec. replica lag: in INFO replication, master_repl_offset minus a slave's "
        "offset; its lag is only the age of its last word.",
    ),
)

SPINS, RIGHT = 5, 4
GAUGES = {b"INFO", b"SLOWLOG", b"LATENCY", b"CLIENT", b"MEMORY", b"CONFIG", b"DBSIZE", b"PING", b"HELLO"}


def _diagnosed(case: Case, diagnose: Callable, seed: int, fault: str) -> bool:
    node = unobserved(spin)(seed, fault)
    sent: list[bytes] = []
    node.node.listen_to_commands(lambda client, argv, reply: sent.append(argv[0].upper()))
    came = diagnose(case.redis(node))
    case.nodes.append(node)
    if came not in FAULTS:
        raise Wrong(f"a node (spin({seed}, ...))", show(came), f"one of {', '.join(sorted(FAULTS))}")
    others = sorted(set(sent) - GAUGES)
    case.true(not others, "the commands your answer sent", show(others), "gauges only, no look at the keys")
    return came == fault


def _rounds(case: Case, diagnose: Callable, faults: list[str]) -> None:
    seeds = [case.random.randrange(100, 10**6) for _ in faults]
    wrong = [
        f"{fault} (spin({seed}, {fault!r}))"
        for seed, fault in zip(seeds, faults, strict=True)
        if not _diagnosed(case, diagnose, seed, fault)
    ]
    case.true(
        len(wrong) <= SPINS - RIGHT,
        f"{SPINS} nodes",
        f"{SPINS - len(wrong)} right; not recognised: {'; '.join(wrong)}",
        f"at least {RIGHT} right",
    )


@roulette.test("who is connected: leak, churn, slow reader")
def who_is_connected(case: Case, diagnose: Callable) -> None:
    _rounds(case, diagnose, ["client leak", "churn", "slow reader", "client leak", "slow reader"])


@roulette.test("what holds it up: a command, a script")
def what_holds_it_up(case: Case, diagnose: Callable) -> None:
    _rounds(case, diagnose, ["slow command", "slow script", "slow script", "slow command", "slow script"])


@roulette.test("where the keys went: evicted, expired, refused")
def where_the_keys_went(case: Case, diagnose: Callable) -> None:
    _rounds(case, diagnose, ["eviction storm", "expiry storm", "memory full", "expiry storm", "memory full"])


@roulette.test("what no client did: a fork, a replica that lags")
def what_no_client_did(case: Case, diagnose: Callable) -> None:
    _rounds(case, diagnose, ["fork stall", "replica lag", "replica lag", "fork stall", "replica lag"])


@roulette.test("nothing is wrong: no false alarm")
def no_false_alarm(case: Case, diagnose: Callable) -> None:
    _rounds(case, diagnose, ["healthy"] * SPINS)


@roulette.test("five that were drawn by lot, 4 right")
def drawn_by_lot(case: Case, diagnose: Callable) -> None:
    _rounds(case, diagnose, [case.random.choice(sorted(FAULTS)) for _ in range(SPINS)])
