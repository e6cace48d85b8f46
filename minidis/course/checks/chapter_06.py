"""Checks of chapter 6: the keyspace, SCAN and freeing memory.

Read next: minidis/course/exercise.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any
from zlib import crc32

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.tables import dict_with
from minidis.course.guard import unobserved
from minidis.course.models.latency import Strip
from minidis.course.parts import plug
from minidis.drivers.embedded import Embedded
from minidis.structures import hashtable
from minidis.structures.hashtable import HashTable
from minidis.values.string import String

# -- 6.1 deleting by prefix --------------------------------------------------------------------------

delete_by_prefix = Exercise(
    "6.1",
    "Twenty thousand keys go, and nobody waits",
    kind="use",
    points=5,
    hints=(
        "Everything that one command does is time in which nobody else is served. So no KEYS, no COUNT "
        "of a million, no DEL of a big value. In small portions: "
        "SCAN gives a page, and the page is deleted.",
        "UNLINK takes a key out at once and frees its memory in the background: for a big set the "
        "difference is 8 ms against one microsecond. It takes many keys, and answers how many there "
        "were.",
        "MATCH takes a pattern: a * or [ in the prefix must be quoted with a backslash. COUNT 500 is a good "
        "page. Go on until the cursor is 0, also after an empty page.",
    ),
)

P99_US, LONGEST_US = 2_000, 5_000


def _fill(node: Embedded, keys: list[bytes]) -> None:
    """Put strings there, without the cost of a hundred thousand commands."""
    unobserved(node.node.databases[0].table.update)({key: String(b"x") for key in keys})


def _names(node: Embedded) -> set[bytes]:
    return set(node.node.databases[0].table)


@delete_by_prefix.test("what begins with the prefix goes, and nothing else")
def only_the_prefix(case: Case, delete_prefix: Callable) -> None:
    node = case.node()
    _fill(node, [b"session:%d" % n for n in range(50)] + [b"user:%d" % n for n in range(2000)])
    _fill(node, [b"session", b"Session:1", b"x session:1", b"my:session:1"])
    came = delete_prefix(case.redis(node), "session:")
    left = sorted(key for key in _names(node) if b"ession" in key)
    due = [b"Session:1", b"my:session:1", b"session", b"x session:1"]
    case.equal(
        left, due, given='50 keys session:0 to session:49 and some others; delete_prefix(redis, "session:")'
    )
    case.equal(len(_names(node)), 2004, given="the number of keys that are left (2000 of them user:...)")
    case.equal(came, 50, given="what delete_prefix() answers")


@delete_by_prefix.test("a rare prefix: an empty page is not the end")
def rare_prefix(case: Case, delete_prefix: Callable) -> None:
    node = case.node()
    _fill(node, [b"user:%d" % n for n in range(40_000)] + [b"session:%d" % n for n in range(5)])
    came = delete_prefix(case.redis(node), "session:")
    left = sum(key.startswith(b"session:") for key in _names(node))
    case.equal((came, left), (5, 0), given="5 keys session:N among 40 000 user:N: answer and keys left")


@delete_by_prefix.test("who deletes a key counts it: somebody else's are not yours")
def others_delete(case: Case, delete_prefix: Callable) -> None:
    node = case.node()
    _fill(node, [b"session:%d" % n for n in range(2_000)])
    other, theirs = node.connect("other"), [0]

    def delete_one(client: Any, argv: list[bytes], reply: Any) -> None:
        """A key of the page that was just answered is gone before the page can be deleted."""
        if client is not other and argv[0].upper() == b"SCAN" and reply[1]:
            theirs[0] += node.node.execute(other, [b"UNLINK", reply[1][0]])

    node.node.listen_to_commands(delete_one)
    came = delete_prefix(case.redis(node), "session:")
    case.equal(_names(node), set(), given="2 000 keys, and another client that deletes some: keys left")
    given = f"2 000 keys, of which another client deleted {theirs[0]} meanwhile: the answer"
    case.equal(came, 2_000 - theirs[0], given=given)


@delete_by_prefix.test("nothing there: 0, and no error")
def nothing_there(case: Case, delete_prefix: Callable) -> None:
    node = case.node()
    case.equal(delete_prefix(case.redis(node), "session:"), 0, given="an empty database")
    _fill(node, [b"user:1"])
    case.equal(delete_prefix(case.redis(node), "session:"), 0, given="one key, user:1")


@delete_by_prefix.test("a prefix is text: * ? [ ] and \\ mean themselves")
def no_pattern(case: Case, delete_prefix: Callable) -> None:
    for prefix, others in (
        ("a*:", [b"ab:1", b"a:1"]),
        ("user[1]:", [b"user1:1"]),
        ("q?:", [b"qx:1"]),
        ("back\\slash:", [b"backslash:1"]),
        ("*", [b"all", b"of", b"them"]),
        ("[", [b"x"]),
    ):
        node = case.node()
        wanted = [prefix.encode() + b"%d" % n for n in range(3)]
        _fill(node, wanted + others)
        came = delete_prefix(case.redis(node), prefix)
        given = f"keys {wanted + others}, prefix {prefix!r}"
        case.equal(
            (came, sorted(_names(node))), (3, sorted(others)), given=f"{given}: answer and what is left"
        )


@delete_by_prefix.test("99 % of the pings are answered within 2 ms")
def pings(case: Case, delete_prefix: Callable) -> None:
    node = case.node()
    _fill(node, [b"session:%d" % n for n in range(20_000)] + [b"user:%d" % n for n in range(5_000)])
    redis, strip = case.redis(node), Strip(node)
    with strip.watching():
        delete_prefix(redis, "session:")
    case.equal(len(_names(node)), 5_000, given="20 000 keys of the prefix and 5 000 others: keys left")
    p99 = strip.percentile_us(99)
    dearest = max(strip.busy, key=lambda stretch: stretch.end_us - stretch.start_us)
    case.true(
        p99 <= P99_US,
        "20 000 keys of the prefix among 25 000, twenty clients that ping",
        f"99 % within {p99 / 1000:.1f} ms; the longest stretch was {dearest.command}",
        "99 % within 2 ms",
    )


@delete_by_prefix.test("big values among them: no ping waits for 5 ms")
def big_values(case: Case, delete_prefix: Callable) -> None:
    node = case.node()
    _fill(node, [b"session:%d" % n for n in range(2_000)])
    for number in range(3):
        unobserved(node.execute)("SADD", f"session:log:{number}", *[f"{n} x" for n in range(16_000)])
    redis, strip = case.redis(node), Strip(node)
    with strip.watching():
        delete_prefix(redis, "session:")
    case.equal(_names(node), set(), given="2 000 small keys and three sets of 16 000 members: keys left")
    dearest = max(strip.busy, key=lambda stretch: stretch.end_us - stretch.start_us)
    case.true(
        strip.longest_us <= LONGEST_US,
        "2 000 small keys and three sets of 16 000 members",
        f"a ping waited for {strip.longest_us / 1000:.1f} ms, behind {dearest.command}",
        "at most 5 ms",
    )


@delete_by_prefix.test("it comes to an end, whatever others write meanwhile")
def others_write(case: Case, delete_prefix: Callable) -> None:
    node = case.node()
    _fill(node, [b"session:%d" % n for n in range(3_000)])
    counter = iter(range(10**9))
    writer = node.connect("writer")

    def write(client: Any, argv: list[bytes], reply: Any) -> None:
        if client is not writer:
            node.node.execute(writer, [b"SET", b"other:%d" % next(counter), b"x"])

    node.node.listen_to_commands(write)
    delete_prefix(case.redis(node), "session:")
    left = [key for key in _names(node) if key.startswith(b"session:")]
    case.equal(left, [], given="3 000 keys of the prefix, and somebody who writes other keys all the time")
    case.true(
        any(key.startswith(b"other:") for key in _names(node)),
        "the other's keys",
        "they are gone",
        "still there",
    )


# -- 6.2 counting by prefix ----------------------------------------------------------------------------

count_by_prefix = Exercise(
    "6.2",
    "How many keys of each kind, while everything moves",
    kind="use",
    points=4,
    hints=(
        "SCAN may answer a key twice, when the table grows or shrinks meanwhile. Counting replies counts "
        "such a key twice; counting different keys does not.",
        "An empty page is not the end. Only cursor 0 is. And a page may hold more than COUNT, or "
        "nothing, since COUNT is about buckets that are looked at.",
        "Keep a set of the keys you have seen, and count at the end. Keys are bytes: split at the first "
        "b':'. redis-py's scan_iter does the loop, not the set.",
    ),
)


def _shaken(case: Case, keys: list[bytes], sizes: list[int]) -> Embedded:
    """A node on the learner's own kind of hash table, which has another number of buckets after each SCAN."""
    node = case.node(table=HashTable)
    table, script = node.node.databases[0].table, iter(sizes)
    _fill_table(table, keys)

    def shake(client: Any, argv: list[bytes], reply: Any) -> None:
        if argv[0].upper() == b"SCAN":
            _resize(table, next(script, 0))

    node.node.listen_to_commands(shake)
    return node


@unobserved
def _resize(table: HashTable, size: int) -> None:
    """Move the keys to a table of `size` buckets, all of them, if there is room."""
    _finish(table)
    if size and table.expand(size):
        _finish(table)


def _finish(table: HashTable) -> None:
    """Take the rest of a rehash; a learner's that never ends is cut off."""
    for _ in range(1000):
        if not table.rehash_step(1000):
            return


@unobserved
def _fill_table(table: HashTable, keys: list[bytes]) -> None:
    for key in keys:
        table[key] = String(b"x")


def _counted(answer: Any) -> dict[bytes, int]:
    if not isinstance(answer, dict):
        raise Wrong("what count_prefixes() answers", show(answer), "a dict: prefix -> number of keys")
    counts = {
        key.encode("utf-8", "surrogateescape") if isinstance(key, str) else key: n
        for key, n in answer.items()
    }
    counts.pop(b"temp", None)  # what came or went meanwhile may be counted or not
    return counts


@count_by_prefix.test("each kind is counted")
def each_kind(case: Case, count_prefixes: Callable) -> None:
    node = case.node()
    _fill(
        node, [b"user:%d" % n for n in range(120)] + [b"cart:%d:items" % n for n in range(30)] + [b"config"]
    )
    due = {b"user": 120, b"cart": 30, b"config": 1}
    case.equal(
        _counted(count_prefixes(case.redis(node))), due, given="120 keys user:N, 30 cart:N:items, one config"
    )
    case.equal(_counted(count_prefixes(case.redis(case.node()))), {}, given="an empty database")


@count_by_prefix.test("keys are bytes")
def any_bytes(case: Case, count_prefixes: Callable) -> None:
    node = case.node()
    _fill(node, [b"\xff\xfe:1", b"\xff\xfe:2", "größe:1".encode(), b":", b":x", b"a b:1", b"::"])
    due = {b"\xff\xfe": 2, "größe".encode(): 1, b"": 3, b"a b": 1}
    case.equal(
        _counted(count_prefixes(case.redis(node))),
        due,
        given="keys with bytes that are no UTF-8, and with empty prefixes",
    )


@count_by_prefix.test("a key that SCAN answers twice is one key")
def duplicates(case: Case, count_prefixes: Callable) -> None:
    keys = [b"user:%d" % n for n in range(900)] + [b"cart:%d" % n for n in range(600)]
    for _ in range(4):
        sizes = [case.random.choice([2048, 16_384]) for _ in range(40)]
        node = _shaken(case, keys, [16_384, 2048, *sizes])
        came = _counted(count_prefixes(case.redis(node)))
        case.equal(
            came, {b"user": 900, b"cart": 600}, given="1500 keys; the table grows and shrinks under SCAN"
        )


@count_by_prefix.test("a key may come again many pages later")
def pages_later(case: Case, count_prefixes: Callable) -> None:
    for _ in range(2):
        node, keys = case.node(table=HashTable), {b"user:%d" % case.random.randrange(10**9) for _ in range(4)}
        table = node.node.databases[0].table
        _fill_table(table, sorted(keys))
        _resize(table, LARGE)
        node.node.listen_to_commands(_shrinking_behind_a_key(table))
        came = _counted(count_prefixes(case.redis(node)))
        given = (
            f"4 keys in {LARGE:,} buckets; the table shrinks to 4 when some pages lie between a key and SCAN"
        )
        case.equal(came, {b"user": len(keys)}, given=given)


LARGE, SMALL = 1 << 17, 4


def _shrinking_behind_a_key(table: HashTable) -> Callable[[Any, list[bytes], Any], None]:
    """Shrink the table when a key of the bucket that SCAN stands in was answered two pages ago or more."""
    met: list[list[bytes]] = []  # the pages of this walk

    def shrink(client: Any, argv: list[bytes], reply: Any) -> None:
        if argv[0].upper() != b"SCAN":
            return
        if reply[0] == b"0":  # for who walks twice
            met.clear()
            _resize(table, LARGE)
            return
        met.append(reply[1])
        bucket = int(reply[0]) & (SMALL - 1)
        if any(crc32(key) & (SMALL - 1) == bucket for page in met[:-2] for key in page):
            _resize(table, SMALL)

    return shrink


@count_by_prefix.test("an empty page is not the end")
def empty_pages(case: Case, count_prefixes: Callable) -> None:
    node = _shaken(case, [b"user:%d" % n for n in range(40)], [])
    _resize(node.node.databases[0].table, 4096)  # it was large once: most of its buckets are empty
    came = _counted(count_prefixes(case.redis(node)))
    case.equal(came, {b"user": 40}, given="40 keys in a table of 4096 buckets, so that most pages are empty")


@count_by_prefix.test("who looks writes nothing")
def only_looks(case: Case, count_prefixes: Callable) -> None:
    node = case.node()
    _fill(node, [b"user:%d" % n for n in range(20)])
    count_prefixes(case.redis(node))
    names = sorted({argv[0] for argv in case.commands(node)})
    written = [name for name in names if node.node.commands.find([name]).is_write]
    case.true(not written, "20 keys user:N", f"it sent {show(written)}", "reads only")


@count_by_prefix.test("others insert and delete meanwhile")
def others_insert(case: Case, count_prefixes: Callable) -> None:
    node = case.node()
    _fill(node, [b"user:%d" % n for n in range(2_000)])
    table, rounds = node.node.databases[0].table, iter(range(10))

    def come_and_go(client: Any, argv: list[bytes], reply: Any) -> None:
        """After each of the first ten pages 2000 keys temp:N come, and most of those before them go."""
        at = next(rounds, None) if argv[0].upper() == b"SCAN" else None
        if at is not None:
            _fill(node, [b"temp:%d:%d" % (at, n) for n in range(2_000)])
            _drop(table, [b"temp:%d:%d" % (at - 1, n) for n in range(1_500)])

    node.node.listen_to_commands(come_and_go)
    came = _counted(count_prefixes(case.redis(node)))
    case.equal(
        came, {b"user": 2_000}, given="2 000 keys that stay; with each page 2 000 keys temp:N come, others go"
    )


@unobserved
def _drop(table: Any, keys: list[bytes]) -> None:
    for key in keys:
        table.pop(key, None)


@count_by_prefix.test("no command looks at everything")
def in_pages(case: Case, count_prefixes: Callable) -> None:
    node = case.node()
    _fill(node, [b"user:%d" % n for n in range(20_000)])
    strip = Strip(node)
    redis = case.redis(node)
    with strip.watching():
        came = _counted(count_prefixes(redis))
    case.equal(came, {b"user": 20_000}, given="20 000 keys")
    longest = max(strip.busy, key=lambda stretch: stretch.end_us - stretch.start_us)
    length_us = longest.end_us - longest.start_us
    case.true(
        length_us <= P99_US,
        "20 000 keys",
        f"{longest.command} took {length_us / 1000:.1f} ms",
        "no stretch over 2 ms",
    )


# -- 6.3 SCAN's cursor ---------------------------------------------------------------------------------

cursor = Exercise(
    "6.3",
    "A cursor that survives growing and shrinking",
    kind="rebuild",
    points=6,
    hints=(
        "Table of 8: 000 100 010 110 001 101 011 111. Read each number from right to left: 0 1 2 3 ... "
        "Adding one to the mirrored number means: the carry runs from the highest bit of the mask "
        "downwards.",
        "next_cursor: start at the highest bit of the mask. While that bit is 1, make it 0 and go one "
        "bit down; then set the bit you stand on. If there is none, everything was 1: the answer is 0.",
        "scan_step during a rehash: first the bucket of the smaller table, cursor & small_mask. Then "
        "buckets of the larger one, stepping with next_cursor(cursor, large_mask), until the bits that "
        "only the large mask has are all 0 again: these are just the buckets that the small one splits "
        "into.",
    ),
)

HASHES = 256


@cursor.test("next_cursor: the walk through tables of 1 to 1024 buckets")
def walks(case: Case, next_cursor: Callable, scan_step: Callable) -> None:
    for bits in range(11):
        mask = (1 << bits) - 1
        at = 0
        for _ in range(mask + 2):
            due = hashtable.next_cursor(at, mask)
            case.equal(next_cursor(at, mask), due, given=f"next_cursor({at:#b}, {mask:#b})")
            at = due


@cursor.test("next_cursor: bits above the mask are dropped")
def high_bits(case: Case, next_cursor: Callable, scan_step: Callable) -> None:
    for at, mask in ((0b1101, 0b111), (0b10000, 0b11), (0b111111, 0b1111), (0b1011010, 0b11111)):
        due = hashtable.next_cursor(at, mask)
        case.equal(next_cursor(at, mask), due, given=f"next_cursor({at:#b}, {mask:#b}), from a larger table")


def _step(
    case: Case, scan_step: Callable, next_cursor: Callable, at: int, sizes: list[int]
) -> tuple[set, int]:
    answer = scan_step(at, list(sizes), next_cursor)
    try:
        places, following = answer
        seen = {(int(number), int(bucket)) for number, bucket in places}
    except (TypeError, ValueError):
        due = "([(table, bucket), ...], next cursor)"
        raise Wrong(f"scan_step({at}, {sizes}, next_cursor)", show(answer), due) from None
    for number, bucket in seen:
        inside = 0 <= number < len(sizes) and 0 <= bucket < sizes[number]
        case.true(
            inside, f"scan_step({at}, {sizes}, next_cursor)", f"({number}, {bucket})", "a bucket that exists"
        )
    return seen, following


def _covers(
    case: Case, next_cursor: Callable, scan_step: Callable, plan: list[list[int]], given: str
) -> None:
    """One scan during which the sizes follow `plan`: every hash that is there throughout must be met."""
    missing = set(range(HASHES))
    at, number = 0, 0
    while True:
        sizes = plan[min(number, len(plan) - 1)]
        seen, at = _step(case, scan_step, next_cursor, at, sizes)
        # A key with this hash stands in one of its two buckets; who knows in which, so both must be met.
        met = {h for h in missing if all((t, h & (size - 1)) in seen for t, size in enumerate(sizes))}
        missing -= met
        number += 1
        if not at:
            break
        if number > 4 * HASHES:
            raise Wrong(given, f"no end after {number} steps", "cursor 0 at last")
    if missing:
        raise Wrong(
            given,
            f"{len(missing)} of {HASHES} hashes were never met, {min(missing):#b} among them",
            "all of them",
        )


@cursor.test("scan_step: one table, every bucket once")
def one_table(case: Case, next_cursor: Callable, scan_step: Callable) -> None:
    for bits in range(2, 8):
        visits: Counter = Counter()
        at = 0
        for _ in range(1 << bits):
            seen, at = _step(case, scan_step, next_cursor, at, [1 << bits])
            visits.update(seen)
        given = f"{1 << bits} steps through a table of {1 << bits} buckets"
        case.equal(at, 0, given=f"{given}: the last cursor")
        case.true(
            set(visits.values()) == {1} and len(visits) == 1 << bits,
            given,
            show(dict(visits)),
            "each bucket once",
        )


@cursor.test("scan_step: two tables, during a rehash")
def two_tables(case: Case, next_cursor: Callable, scan_step: Callable) -> None:
    for sizes in ([4, 8], [8, 4], [4, 32], [64, 8], [16, 32], [128, 4]):
        _covers(
            case,
            next_cursor,
            scan_step,
            [sizes],
            f"a scan while keys move from {sizes[0]} to {sizes[1]} buckets",
        )


@cursor.test("every single change of size, at every step")
def every_change(case: Case, next_cursor: Callable, scan_step: Callable) -> None:
    for before in (4, 8, 16):
        for after in (4, 8, 16, 32):
            for at_step in range(before):
                plan = [[before]] * at_step + [[before, after]] * (before != after) + [[after]]
                given = f"a table of {before} buckets becomes one of {after} after step {at_step}"
                _covers(case, next_cursor, scan_step, plan, given)


@cursor.test("forty random histories of growing and shrinking")
def random_changes(case: Case, next_cursor: Callable, scan_step: Callable) -> None:
    for _ in range(40):
        plan: list[list[int]] = [[4 << case.random.randrange(5)]]
        for _ in range(30):
            here = plan[-1][-1]
            there = 4 << case.random.randrange(7)
            plan += [[here, there]] * case.random.randrange(1, 4) if there != here else [[here]]
            plan += [[there]] * case.random.randrange(1, 4)
        _covers(case, next_cursor, scan_step, plan, f"sizes of the tables at each step: {plan[:12]} ...")


@cursor.test("a live keyspace: SCAN, SSCAN, HSCAN as before")
def live_scan(case: Case, next_cursor: Callable, scan_step: Callable) -> None:
    nodes = (case.node(table=HashTable), plug("scan", (next_cursor, scan_step), case.node(table=HashTable)))
    answers: list[list[Any]] = [[], []]
    for node, said in zip(nodes, answers, strict=True):
        random = Random(case.seed)
        node.execute("HSET", "h", *[word for n in range(700) for word in (f"f{n}", n)])
        node.execute("SADD", "s", *[f"m{n}" for n in range(300)])
        at: dict[str, bytes] = {"SCAN": b"0", "SSCAN s": b"0", "HSCAN h": b"0"}
        for _ in range(60):
            for n in range(random.randrange(20)):
                node.execute("SET", f"k{random.randrange(300)}", n)
            for _ in range(random.randrange(15)):
                node.execute("DEL", f"k{random.randrange(300)}")
            for words in at:
                reply = node.execute(*words.split(), at[words], "COUNT", 7)
                at[words] = reply[0]
                said.append([words, reply[0], list(reply[1])])
    for number, (due, came) in enumerate(zip(*answers, strict=True)):
        case.equal(came, due, given=f"reply {number} of {due[0]} while keys come and go")


# -- 6.4 a dict with two tables -------------------------------------------------------------------------

two_tables_dict = Exercise(
    "6.4",
    "A dict that grows without stopping",
    kind="rebuild",
    points=8,
    hints=(
        "A key's bucket is crc32(key) & (size - 1), in each table. During a rehash a key stands in "
        "either: find and remove look in both. insert always goes to the last table, at the head of the "
        "chain, so that the first one only gets emptier.",
        "rehash_step: from rehash_index on skip empty buckets, ten at most (then stop: the step must be "
        "short). Take the chain of the first bucket that has one, put each of its entries at the head of "
        "its bucket in the second table, set the old bucket to None, rehash_index + 1.",
        "Keep used right: a moved entry is one less in used[0] and one more in used[1]. When unlinking, "
        "mind the first entry of a chain: there the bucket itself changes. In the move, remember "
        "entry.next before you change it.",
    ),
)

FUNCTIONS = ("rehash_step", "find", "insert", "remove")


def _pair(*functions: Callable) -> tuple[HashTable, HashTable]:
    return HashTable(), dict_with(*functions)()


def _same_tables(case: Case, pair: tuple[HashTable, HashTable], given: str) -> None:
    due, came = pair
    for table in came._tables:
        _finite_chains(table, given)
    case.equal(came.tables(), due.tables(), given=f"{given}: the chains of each table")
    case.equal(came._used, due._used, given=f"{given}: used")
    case.equal(came.rehash_index, due.rehash_index, given=f"{given}: rehash_index")


def _finite_chains(buckets: list[Any], given: str) -> None:
    for entry in buckets:
        steps = 0
        while entry is not None:
            entry, steps = entry.next, steps + 1
            if steps > 5000:
                raise Wrong(given, "a chain that leads back into itself", "chains that end with None")


def _both(pair: tuple[HashTable, HashTable], action: Callable[[HashTable], Any]) -> tuple[Any, Any]:
    return action(pair[0]), action(pair[1])


@two_tables_dict.test("insert and find in one table")
def one_table_only(case: Case, *functions: Callable) -> None:
    pair = _pair(*functions)
    for key in (b"a", b"b", b"c", b"d"):
        _both(pair, lambda table: table.__setitem__(key, key * 2))  # noqa: B023
        _same_tables(case, pair, f"{key!r} set in a table of 4 buckets")
    for key in (b"a", b"d", b"zz"):
        due, came = _both(pair, lambda table: table.get(key))  # noqa: B023
        case.equal(came, due, given=f"get {key!r} of a b c d")


@two_tables_dict.test("rehash_step: one bucket moves, and no more")
def one_bucket_moves(case: Case, *functions: Callable) -> None:
    pair = _pair(*functions)
    for table in pair:
        table.pause_rehash()
        for n in range(4):
            table[b"key%d" % n] = n
        table.expand(16)
        table.resume_rehash()
    for number in range(8):
        _both(pair, lambda table: table.rehash_step(1))
        _same_tables(case, pair, f"4 keys on the way from 4 to 16 buckets, after step {number + 1}")


@two_tables_dict.test("rehash_step: gives up after ten empty buckets")
def few_empty_ones(case: Case, *functions: Callable) -> None:
    pair = _pair(*functions)
    for table in pair:
        table.expand(256)
        _finish(table)
        for n in range(30):
            table[b"k%d" % n] = n
        table.expand(64)
    for number in range(40):
        _both(pair, lambda table: table.rehash_step(1))
        _same_tables(case, pair, f"30 keys on the way from 256 to 64 buckets, after step {number + 1}")


@two_tables_dict.test("find looks in both tables")
def both_tables(case: Case, *functions: Callable) -> None:
    pair = _pair(*functions)
    for table in pair:
        for n in range(64):
            table[b"k%d" % n] = n
        _finish(table)
        table.expand(256)
    for _ in range(3):
        for n in range(66):
            due, came = _both(pair, lambda table: table.get(b"k%d" % n, "absent"))  # noqa: B023
            case.equal(
                came,
                due,
                given=f"get k{n} in the middle of a rehash from 64 to 256 buckets (k0 to k63 are there)",
            )
    _same_tables(case, pair, "after these look-ups, each of which paid one step")


@two_tables_dict.test("insert during a rehash goes to the new table")
def insert_into_the_new(case: Case, *functions: Callable) -> None:
    pair = _pair(*functions)
    for n in range(40):
        _both(pair, lambda table: table.__setitem__(b"key:%d" % n, n))  # noqa: B023
        _same_tables(case, pair, f"key:0 to key:{n} set, one after the other")


@two_tables_dict.test("remove: from either table, first or last of a chain")
def removing(case: Case, *functions: Callable) -> None:
    pair = _pair(*functions)
    for table in pair:
        for n in range(60):
            table[b"k%d" % n] = n
        _finish(table)
        table.expand(256)
        table.rehash_step(20)
    for n in (3, 59, 17, 0, 99, 3, *range(20, 58, 3)):
        due, came = _both(pair, lambda table: table.pop(b"k%d" % n, "absent"))  # noqa: B023
        case.equal(came, due, given=f"pop k{n} in the middle of a rehash")
        _same_tables(case, pair, f"k{n} removed in the middle of a rehash")


@two_tables_dict.test("4000 random operations, beside the engine's dict")
def random_operations(case: Case, *functions: Callable) -> None:
    random, pair = case.random, _pair(*functions)
    for number in range(4000):
        key = b"k%d" % random.randrange(400 if number < 2500 else 1500)
        word = random.choices(["set", "get", "pop"], [3, 2, 2 if number % 1000 < 500 else 6])[0]
        due, came = (_operate(table, word, key, number) for table in pair)
        case.equal(came, due, given=f"operation {number}: {word} {key!r}")
        if number % 50 == 0 or number > 3950:
            _same_tables(case, pair, f"operation {number}: {word} {key!r}")


def _operate(table: HashTable, word: str, key: bytes, number: int) -> Any:
    if word == "set":
        table[key] = number
        return None
    return table.get(key) if word == "get" else table.pop(key, None)


@two_tables_dict.test("a live keyspace on your dict")
def live_dict(case: Case, *functions: Callable) -> None:
    nodes = (case.node(table=HashTable), plug("dict", functions, case.node(table=HashTable)))
    said: list[list[Any]] = [[], []]
    for node, answers in zip(nodes, said, strict=True):
        random = Random(case.seed)
        for n in range(500):
            word = random.choice(
                ["SET", "SET", "GET", "DEL", "HSET", "SADD", "SPOP", "HDEL", "EXISTS", "DBSIZE"]
            )
            key, member = f"k{random.randrange(120)}", f"m{random.randrange(400)}"
            words: dict[str, tuple[Any, ...]] = {
                "SET": (key, n), "HSET": ("h", member, "x" * 70), "SADD": ("s", member, member + "x" * 70),
                "SPOP": ("s",), "HDEL": ("h", member), "DBSIZE": (),
            }  # fmt: skip
            answers.append((word, node.execute(word, *words.get(word, (key,)))))
    for number, (due, came) in enumerate(zip(*said, strict=True)):
        case.equal(came, due, given=f"command {number}, {due[0]}, on a live node")
