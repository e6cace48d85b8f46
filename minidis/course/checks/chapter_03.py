"""The tests of chapter 3's exercises: a feed, sets, the listpack, the intset, the queue of those who wait.

Read next: exercises/source/03_collections_and_encodings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.listpacks import listpack_class
from minidis.course.fixtures.waiting import waiting_room
from minidis.course.parts import plugged
from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError
from minidis.structures.intset import Intset
from minidis.structures.listpack import Listpack

# -- 3.1 ---------------------------------------------------------------------------------------------

FEED_LENGTH = 100
SLOW_COMMANDS = (
    "LREM", "LPOS", "LRANGE", "LINSERT", "LSET", "SORT", "SMEMBERS", "SSCAN", "SUNION", "SINTER", "SDIFF",
    "HGETALL", "HKEYS", "HVALS", "HSCAN", "ZRANGE", "ZREVRANGE", "ZSCAN", "KEYS", "SCAN", "FLUSHDB",
    "FLUSHALL",
)  # fmt: skip

feed = Exercise(
    "3.1",
    "An activity feed of one hundred",
    kind="use",
    points=4,
    hints=(
        "LPUSH puts the newest first, and its reply is the new length. What does it not know? "
        "Whether the item is in the list already: a list would have to be read from end to end.",
        "A set beside the list knows it in one step, and SADD both asks and answers: 1 means new. "
        "Ask before you push.",
        "When the push makes 101, RPOP takes the oldest off and tells you which it was; SREM takes "
        "it out of the set, or the set grows for ever and the item can never come back.",
    ),
)


def filled(case: Case, post: Callable, items: Sequence[str], user: str = "ada") -> Any:
    redis = case.redis()
    for item in items:
        post(redis, user, item)
    return redis


def expected_feed(items: Sequence[str]) -> list[bytes]:
    """The model: an item that is in the feed keeps its place."""
    newest_first: list[str] = []
    for item in items:
        if item not in newest_first:
            newest_first.insert(0, item)
            del newest_first[FEED_LENGTH:]
    return [item.encode() for item in newest_first]


@feed.test("the newest comes first")
def newest_first(case: Case, post: Callable, read: Callable) -> None:
    redis = filled(case, post, ["hello", "a photo", "good night"])
    given = 'posts "hello", "a photo", "good night"'
    case.equal(read(redis, "ada", 10), [b"good night", b"a photo", b"hello"], f"{given}; read 10")
    case.equal(read(redis, "ada", 2), [b"good night", b"a photo"], f"{given}; read 2")
    case.equal(read(redis, "nobody", 10), [], "a user who never posted; read 10")


@feed.test("one hundred and no more")
def one_hundred(case: Case, post: Callable, read: Callable) -> None:
    items = [f"item:{number}" for number in range(130)]
    came = read(filled(case, post, items), "ada", 1000)
    case.equal(len(came), FEED_LENGTH, "130 different posts; the number that read(…, 1000) answers")
    case.equal(came, expected_feed(items), "130 different posts; read 1000")


@feed.test("no item twice")
def no_item_twice(case: Case, post: Callable, read: Callable) -> None:
    items = [f"item:{case.random.randrange(12)}" for _ in range(60)]
    given = f"posts {', '.join(items[:14])} ...; an item that is there keeps its place"
    case.equal(read(filled(case, post, items), "ada", 100), expected_feed(items), given)


@feed.test("what has left may come again")
def may_come_again(case: Case, post: Callable, read: Callable) -> None:
    items = [f"item:{number}" for number in range(FEED_LENGTH + 3)]
    redis = filled(case, post, [*items, "item:0"])
    given = "item:0 to item:102, and item:0 once more (it has left by then); read 2"
    case.equal(read(redis, "ada", 2), [b"item:0", b"item:102"], given)
    many = [f"item:{case.random.randrange(150)}" for _ in range(600)]
    redis = filled(case, post, many)
    case.equal(read(redis, "ada", 100), expected_feed(many), "600 posts of 150 items at random; read 100")


@feed.test("each user's own")
def each_users_own(case: Case, post: Callable, read: Callable) -> None:
    redis = case.redis()
    posted: dict[str, list[str]] = {"ada": [], "bob": [], "eve": []}
    for _ in range(60):
        user = case.random.choice(list(posted))
        item = f"item:{case.random.randrange(20)}"
        posted[user].append(item)
        post(redis, user, item)
    for user, items in posted.items():
        case.equal(read(redis, user, 100), expected_feed(items), f"three users post by turns; {user}'s feed")


@feed.test("10 000 posts: little memory, no slow command")
def ten_thousand(case: Case, post: Callable, read: Callable) -> None:
    node = case.node()
    redis = case.redis(node)
    items = [f"photo:{number if case.random.random() < 0.25 else number // 50}" for number in range(10_000)]
    for item in items:
        post(redis, "ada", item)
    case.never_sends(SLOW_COMMANDS, "a command whose cost does not grow with the feed", node)
    sent = len(case.commands(node))
    case.true(sent <= 80_000, "10 000 posts", f"{sent} commands", "at most 8 for a post")
    keys = node.execute("KEYS", "*")
    memory = sum(node.execute("MEMORY", "USAGE", key) for key in keys)
    came = f"{memory} bytes in {len(keys)} keys: " + ", ".join(key.decode() for key in sorted(keys)[:4])
    case.true(memory <= 16_000, "10 000 posts of one user", came, "at most 16 000 bytes")
    case.equal(read(redis, "ada", 100), expected_feed(items), "10 000 posts; read 100")


@feed.test("two servers post at the same time")
def two_servers(case: Case, post: Callable, read: Callable) -> None:
    for point in range(1, 9):
        node = case.node()
        first, second = case.redis(node), case.redis(node)
        for number in range(FEED_LENGTH):
            post(first, "ada", f"old:{number}")
        second.ping()
        for other in ("hello", "good night"):
            with interruption(node, point, partial(post, second, "ada", other)):
                post(first, "ada", "hello")
        came = read(first, "ada", 200)
        given = (
            f'one server posts "hello"; after its command {point} another posts "hello"; then again, '
            'and the other posts "good night"'
        )
        twice = [item for item in came if came.count(item) > 1]
        case.equal(twice, [], f"{given}; what stands in the feed twice")
        case.equal(len(came), FEED_LENGTH, f"{given}; the length of the feed")
        case.equal(sorted(came[:2]), [b"good night", b"hello"], f"{given}; the two newest, sorted")


@contextmanager
def interruption(node: Embedded, point: int, other: Callable[[], Any]) -> Iterator[None]:
    """Run `other` once: when the block has sent its command number `point`, or at its end."""
    seen, done = 0, False

    def count(client: Any, argv: list[bytes], reply: Any) -> None:
        nonlocal seen, done
        seen += 1
        if seen == point and not done:
            done = True
            other()

    stop = node.node.listen_to_commands(count)
    try:
        yield
    finally:
        stop()
    if not done:
        other()


# -- 3.2 ---------------------------------------------------------------------------------------------

followers_question = Exercise(
    "3.2",
    "Followers of A and B but not C",
    kind="use",
    points=3,
    hints=(
        "SINTER answers who follows both, SDIFF who follows one and not the other. Neither does the two in "
        "one command: an answer has to stay on the server between them.",
        "SINTERSTORE keeps an answer under a key. Choose one that nobody else has, and take it away again.",
        "A pipeline with MULTI (redis-py's own: redis.pipeline()) sends all three commands at once, and "
        "nobody comes between: SINTERSTORE, SDIFF, DEL. The answer is the second reply.",
    ),
)


def follow(case: Case, sizes: tuple[int, int, int], universe: int) -> tuple[Embedded, list[set[bytes]]]:
    """A node with the followers of ada, bob and eve, and other people's keys."""
    node = case.node()
    sets = []
    for name, size in zip(("ada", "bob", "eve"), sizes, strict=True):
        members = {b"user:%d" % number for number in case.random.sample(range(universe), size)}
        sets.append(members)
        if members:
            node.execute("SADD", f"followers:{name}", *sorted(members))
    for key in ("tmp", "temp", "result", "followers:tmp"):
        node.execute("SET", key, "somebody else's")
    return node, sets


def elements_in(reply: Any) -> int:
    """How many single replies there are in a reply."""
    if isinstance(reply, dict):
        return 2 * len(reply)
    if isinstance(reply, Collection) and not isinstance(reply, bytes | str):
        return sum(map(elements_in, reply))
    return 1


@followers_question.test("who follows A and B and not C")
def and_but_not(case: Case, followers: Callable) -> None:
    node, (ada, bob, eve) = follow(case, (12, 14, 8), 20)
    redis = case.redis(node)
    given = f"20 users at random, {len(ada & bob)} follow ada and bob; "
    case.equal(set(followers(redis, "ada", "bob", "eve")), (ada & bob) - eve, given + "ada and bob, not eve")
    case.equal(set(followers(redis, "eve", "ada", "bob")), (eve & ada) - bob, given + "eve and ada, not bob")
    case.equal(set(followers(redis, "bob", "bob", "ada")), bob - ada, given + "bob and bob, not ada")
    case.equal(set(followers(redis, "ada", "bob", "ada")), set(), given + "ada and bob, not ada")


@followers_question.test("accounts that nobody follows")
def missing_sets(case: Case, followers: Callable) -> None:
    node, (ada, bob, _) = follow(case, (6, 7, 0), 8)
    redis = case.redis(node)
    case.equal(
        set(followers(redis, "ada", "bob", "eve")), ada & bob, "nobody follows eve: ada and bob, not eve"
    )
    case.equal(set(followers(redis, "ada", "eve", "bob")), set(), "nobody follows eve: ada and eve, not bob")
    case.equal(set(followers(redis, "x", "y", "z")), set(), "nobody follows x, y or z: x and y, not z")


@followers_question.test("nothing is changed and nothing left behind")
def leaves_no_trace(case: Case, followers: Callable) -> None:
    node, sets = follow(case, (9, 9, 4), 12)
    node.execute("EXPIRE", "followers:ada", 100)
    before = {key: node.execute("TYPE", key) for key in sorted(node.execute("KEYS", "*"))}
    redis = case.redis(node)
    followers(redis, "ada", "bob", "eve")
    followers(redis, "ada", "nobody", "eve")
    after = {key: node.execute("TYPE", key) for key in sorted(node.execute("KEYS", "*"))}
    case.equal(after, before, "two questions; the keys and their types afterwards")
    for name, members in zip(("ada", "bob", "eve"), sets, strict=True):
        came = set(node.execute("SMEMBERS", f"followers:{name}"))
        case.equal(came, members, f"a question; the followers of {name} afterwards")
    case.equal(node.execute("TTL", "followers:ada"), 100, "a question; the TTL of followers:ada afterwards")
    case.equal(node.execute("GET", "tmp"), b"somebody else's", "a question; another program's key tmp")


@followers_question.test("only the answer travels")
def only_the_answer_travels(case: Case, followers: Callable) -> None:
    node, (ada, bob, eve) = follow(case, (3000, 3000, 2990), 3100)
    redis = case.redis(node)
    redis.ping()
    replied, sent = [], []

    def note(client: Any, argv: list[bytes], reply: Any) -> None:
        replied.append(elements_in(reply))
        sent.append(len(argv))

    stop = node.node.listen_to_commands(note)
    came = set(followers(redis, "ada", "bob", "eve"))
    stop()
    due = (ada & bob) - eve
    case.equal(len(came), len(due), "three accounts of 3000 followers; the number of users answered")
    case.equal(came, due, "three accounts of 3000 followers")
    words = sum(replied) + sum(sent)
    case.true(
        words <= len(due) + 60,
        "three accounts of 3000 followers",
        f"{sum(replied)} elements in replies, {sum(sent)} words in commands",
        f"the answer ({len(due)} users) and a few words more: the members stay on the server",
    )


@followers_question.test("two questions at the same time")
def two_questions(case: Case, followers: Callable) -> None:
    node, (ada, bob, eve) = follow(case, (12, 14, 8), 20)
    first, second = case.redis(node), case.redis(node)
    first.ping()  # connects: its greeting is not one of the commands counted below
    second.ping()
    for point in range(1, 8):
        answers: list[set[bytes]] = []

        def ask(answers: list[set[bytes]] = answers) -> None:
            answers.append(set(followers(second, "eve", "bob", "ada")))

        with interruption(node, point, ask):
            came = set(followers(first, "ada", "bob", "eve"))
        given = f"ada and bob, not eve; after command {point} another asks for eve and bob, not ada"
        case.equal(came, (ada & bob) - eve, f"{given}; the first answer")
        case.equal(answers[0], (eve & bob) - ada, f"{given}; the second answer")


# -- 3.3 ---------------------------------------------------------------------------------------------

listpack = Exercise(
    "3.3",
    "Listpack: encode, decode, walk backward",
    kind="rebuild",
    points=6,
    hints=(
        "Write one entry first: header and content, then the backlen of both. Try integers in the order "
        "of the table and take the first form that fits. Look at views.listpack(Listpack([...]), select=0).",
        "An integer is canonical when b'%d' % int(text) == text (mind b'', signs, 64 bits). The 13-bit form "
        "holds -4096..4095, its upper 5 bits in the first byte: value & 0x1fff keeps the sign.",
        "backlen, left to right: the highest seven bits first, without the mark; each later byte has 0x80. "
        "Backward: start before the end mark, read a byte; while it has 0x80, there is one more to the left.",
    ),
)

STRING_LENGTHS = (1, 62, 63, 64, 65, 124, 125, 126, 127, 128, 4094, 4095, 4096, 16377, 16378, 16379)
"""Around the borders of the string headers (63, 4095) and of the backlen: 2 + 125, 5 + 16378."""


def integers_at_the_edges() -> list[bytes]:
    edges = [0, 1, 127, 128, 4095, 4096, -1, -128, -4096, -4097]
    for bits in (16, 24, 32, 64):
        high = 1 << bits - 1
        edges += [high - 1, -high]
        edges += [high, -high - 1] if bits < 64 else []
    return [b"%d" % edge for edge in edges]


NOT_INTEGERS = [
    b"", b"-", b"+1", b" 1", b"1 ", b"01", b"-0", b"--1", b"1.0", b"1_0", b"0x1", b"1e3", b"\xd9\xa1",
    b"9223372036854775808", b"-9223372036854775809", b"00", b"-01",
]  # fmt: skip


def random_element(case: Case) -> bytes:
    kind = case.random.randrange(4)
    if kind == 0:
        return b"%d" % case.random.choice([1, -1]) + b"%d" % case.random.getrandbits(
            case.random.randrange(1, 62)
        )
    if kind == 1:
        return case.random.choice(integers_at_the_edges() + NOT_INTEGERS)
    length = case.random.choice([*range(20), 63, 64, 126, 200] if kind == 2 else [*range(8)])
    return case.random.randbytes(length)


def same_bytes(case: Case, encode: Callable, elements: list[bytes]) -> None:
    due = bytes(Listpack(elements))
    came = encode(list(elements))
    case.true(isinstance(came, bytes | bytearray), f"encode({show(elements, 80)})", show(came), "bytes")
    if bytes(came) != due:
        at = next((n for n, (a, b) in enumerate(zip(came, due, strict=False)) if a != b), len(due))
        raise Wrong(f"encode({show(elements, 120)})", spelled(bytes(came), at), spelled(due, at))


def spelled(data: bytes, at: int) -> str:
    """A few bytes around the place where two packs differ."""
    start = max(0, at - 8)
    dots = "... " if start else ""
    return f"{len(data)} bytes; from byte {start}: {dots}{data[start : at + 12].hex(' ')}"


@listpack.test("the example of the story")
def the_example(case: Case, encode: Callable, decode: Callable, backward: Callable) -> None:
    elements = [b"hi", b"5", b"-300"]
    same_bytes(case, encode, elements)
    same_bytes(case, encode, [])
    data = bytes(Listpack(elements))
    case.equal(list(decode(data)), elements, f"decode(bytes of {elements})")
    case.equal(list(backward(data)), elements[::-1], f"backward(bytes of {elements})")
    case.equal(list(decode(bytes(Listpack()))), [], "decode(bytes of an empty listpack)")
    case.equal(list(backward(bytes(Listpack()))), [], "backward(bytes of an empty listpack)")


@listpack.test("integers at the edges of every form")
def integer_edges(case: Case, encode: Callable, decode: Callable, backward: Callable) -> None:
    for element in integers_at_the_edges():
        same_bytes(case, encode, [element])
        case.equal(list(decode(bytes(Listpack([element])))), [element], f"decode(bytes of [{element!r}])")


@listpack.test("text that only looks like a number")
def looks_like_a_number(case: Case, encode: Callable, decode: Callable, backward: Callable) -> None:
    for element in NOT_INTEGERS:
        same_bytes(case, encode, [element])


@listpack.test("strings at the edges of header and backlen")
def string_edges(case: Case, encode: Callable, decode: Callable, backward: Callable) -> None:
    for length in STRING_LENGTHS:
        elements = [b"before", b"x" * length, b"after"]
        same_bytes(case, encode, elements)
        data = bytes(Listpack(elements))
        given = f"[b'before', {length} times b'x', b'after']"
        case.equal([len(e) for e in decode(data)], [6, length, 5], f"decode(bytes of {given}); the lengths")
        case.equal(
            [len(e) for e in backward(data)], [5, length, 6], f"backward(bytes of {given}); the lengths"
        )


@listpack.test("round trips")
def round_trips(case: Case, encode: Callable, decode: Callable, backward: Callable) -> None:
    for _ in range(120):
        elements = [random_element(case) for _ in range(case.random.randrange(1, 12))]
        same_bytes(case, encode, elements)
        data = bytes(Listpack(elements))
        case.equal(list(decode(data)), elements, f"decode(bytes of {show(elements, 160)})")
        case.equal(list(backward(data)), elements[::-1], f"backward(bytes of {show(elements, 160)})")


@listpack.test("more entries than the header can count")
def too_many_to_count(case: Case, encode: Callable, decode: Callable, backward: Callable) -> None:
    came = encode([b"7"] * 65_540)
    due = bytes(Listpack([b"7"] * 65_540))
    case.equal(bytes(came[:8]).hex(" "), due[:8].hex(" "), "encode of 65 540 sevens; the first 8 bytes")
    case.equal(len(came), len(due), "encode of 65 540 sevens; the length")


@listpack.test("backward begins at the end")
def backward_from_the_end(case: Case, encode: Callable, decode: Callable, backward: Callable) -> None:
    front = [case.random.randbytes(40) for _ in range(400)]
    tail = [b"one", b"-70000", b"x" * 300]
    data = bytearray(bytes(Listpack(front + tail)))
    intact = len(bytes(Listpack(tail))) - 6
    data[4 : len(data) - intact] = bytes([0xF5]) * (len(data) - intact - 4)  # no entry begins with F5
    given = "a listpack whose entries before the last three are destroyed; the first three of backward"
    case.equal(list(islice(backward(bytes(data)), 3)), tail[::-1], given)


@listpack.test("a live node stands on it")
def live_listpack(case: Case, encode: Callable, decode: Callable, backward: Callable) -> None:
    same_on_both_nodes(
        case,
        "listpack",
        listpack_class(encode, decode, backward),
        list(packed_commands(case, 150)),
        ("l", "s", "h"),
    )


def packed_commands(case: Case, count: int) -> Iterator[list[Any]]:
    """Commands on a list, a set and a hash that all stay listpacks."""
    for _ in range(count):
        one, two = random_element(case)[:60], random_element(case)[:60]
        index = case.random.randrange(-6, 6)
        yield case.random.choice(
            [
                ["RPUSH", "l", one, two], ["LPUSH", "l", one], ["LPOP", "l"], ["RPOP", "l", 2],
                ["LINDEX", "l", index],
                ["LRANGE", "l", index, -1], ["LSET", "l", index, one], ["LINSERT", "l", "BEFORE", one, two],
                ["LREM", "l", index, one], ["LPOS", "l", one, "RANK", -1], ["LTRIM", "l", 0, 20],
                ["LLEN", "l"],
                ["SADD", "s", one, b"word"], ["SREM", "s", one], ["SMEMBERS", "s"], ["SISMEMBER", "s", two],
                ["HSET", "h", one, two], ["HGET", "h", one], ["HDEL", "h", two], ["HGETALL", "h"],
                ["HLEN", "h"],
            ]
        )  # fmt: skip


def same_on_both_nodes(
    case: Case, part: str, implementation: Any, commands: list[list[Any]], keys: Sequence[str]
) -> None:
    """Run commands on a node with the part plugged in and on one without: all must agree."""
    mine, reference = case.node(), case.node()
    with plugged(part, implementation, mine):
        for number, words in enumerate(commands):
            came, due = answer(mine, words), answer(reference, words)
            line = " ".join(show(word, 60) if isinstance(word, bytes) else str(word) for word in words)
            case.equal(came, due, f"command {number + 1} on a live node: {line}")
        for key in keys:
            for question in (["OBJECT", "ENCODING", key], ["MEMORY", "USAGE", key]):
                given = f"{len(commands)} commands on a live node, then {' '.join(question)}"
                case.equal(answer(mine, question), answer(reference, question), given)


def answer(node: Embedded, words: list[Any]) -> Any:
    try:
        return node.execute(*words)
    except ReplyError as error:
        return f"error: {error}"


# -- 3.4 ---------------------------------------------------------------------------------------------

intset = Exercise(
    "3.4",
    "Intset: find and add, with the upgrade",
    kind="rebuild",
    points=5,
    hints=(
        "find is a binary search over positions 0 .. len(self)-1 that asks self.at(position); when it is "
        "not there, the position where the search closes is where it belongs.",
        "A number that needs more bytes than self.width is larger or smaller than all others: you know its "
        "place without searching. Read every number while the old width still holds.",
        "numbers = list(self); put the new one at the end, or at the front if it is negative; then set "
        "self.width and self.data = bytearray(b''.join(n.to_bytes(width, 'little', signed=True) ...)).",
    ),
)

WIDTH_EDGES = [
    sign
    for bits in (16, 32, 64)
    for sign in (
        (1 << bits - 1) - 1,
        -(1 << bits - 1),
        *(((1 << bits - 1), -(1 << bits - 1) - 1) if bits < 64 else ()),
    )
]


def same_intset(case: Case, came: Any, due: Intset, given: str) -> None:
    case.equal(list(came), list(due), f"{given}; the numbers")
    case.equal(came.width, due.width, f"{given}; the width")
    case.equal(bytes(came).hex(" ", 4), bytes(due).hex(" ", 4), f"{given}; the bytes")


@intset.test("small numbers, sorted, no one twice")
def small_numbers(case: Case, answer_class: Any) -> None:
    came, due = answer_class(), Intset()
    for number in [case.random.randrange(-40, 40) for _ in range(60)]:
        given = f"add({number}) to {list(due)}"
        case.equal(came.add(number), due.add(number), f"{given}; the answer")
        same_intset(case, came, due, given)


@intset.test("find says where")
def find_says_where(case: Case, answer_class: Any) -> None:
    numbers = sorted(case.random.sample(range(-30_000, 30_000), 33))
    came = answer_class(numbers)
    case.equal(list(came), numbers, f"the numbers {show(numbers, 80)}")
    case.equal(tuple(answer_class().find(7)), (0, False), "find(7) among no numbers")
    for wanted in [*numbers, *(n + 1 for n in numbers), -40_000, 40_000, 1 << 40, -(1 << 63)]:
        place = sum(n < wanted for n in numbers)
        given = f"find({wanted}) among {show(numbers, 120)}"
        case.equal(tuple(came.find(wanted)), (place, wanted in numbers), given)


@intset.test("find halves")
def find_halves(case: Case, answer_class: Any) -> None:
    numbers = range(0, 4000, 2)
    came = answer_class()
    came.data = bytearray(b"".join(number.to_bytes(2, "little") for number in numbers))
    for wanted in case.random.sample(range(4000), 60):
        looks = len(came.search_path(wanted))
        case.true(
            looks <= 16,
            f"find({wanted}) among 2000 numbers",
            f"{looks} calls of at()",
            "at most 16: it halves",
        )


@intset.test("16 to 32 to 64 bits")
def upgrades(case: Case, answer_class: Any) -> None:
    for wide in ([70_000], [-70_000], [1 << 40], [-(1 << 40)], [40_000, 1 << 33], [-40_000, -(1 << 33)]):
        start = sorted(case.random.sample(range(-30_000, 30_000), 5))
        came, due = answer_class(start), Intset(start)
        for number in wide:
            given = f"add({number}) to {list(due)}, {due.width} bytes each"
            case.equal(came.add(number), due.add(number), f"{given}; the answer")
            same_intset(case, came, due, given)
            case.equal(came.add(number), False, f"add({number}) once more; the answer")
    case.equal(answer_class([5, 1 << 62]).width, 8, "add(2**62) to [5]; the width (straight from 2 bytes)")


@intset.test("the extremes")
def extremes(case: Case, answer_class: Any) -> None:
    for edge in WIDTH_EDGES:
        given = f"add({edge}) to [-3, 9]"
        came, due = answer_class([-3, 9]), Intset([-3, 9])
        came.add(edge)
        due.add(edge)
        same_intset(case, came, due, given)
        case.equal(edge in came, True, f"{given}; {edge} in it")
    mixed = WIDTH_EDGES[:]
    case.random.shuffle(mixed)
    same_intset(case, answer_class(mixed), Intset(mixed), f"add in this order: {mixed}")


@intset.test("once wide, always wide")
def no_downgrade(case: Case, answer_class: Any) -> None:
    came, due = answer_class([1, 70_000]), Intset([1, 70_000])
    for each in (came, due):
        each.remove(70_000)
        each.add(2)
    same_intset(case, came, due, "[1, 70000], then remove(70000), then add(2)")


@intset.test("live sets stand on it")
def live_intset(case: Case, answer_class: Any) -> None:
    commands = list(integer_set_commands(case, 200))
    same_on_both_nodes(case, "intset", answer_class, commands, ("a", "b", "c"))


def integer_set_commands(case: Case, count: int) -> Iterator[list[Any]]:
    """Commands on sets of integers of every width; now and then a word ends an intset."""
    for _ in range(count):
        key = case.random.choice("abc")
        bits = case.random.choice((4, 4, 6, 14, 17, 33, 62))
        number = case.random.getrandbits(bits) * case.random.choice((1, -1))
        yield case.random.choice(
            [
                ["SADD", key, number, number + 1], ["SADD", key, number], ["SREM", key, number],
                ["SMEMBERS", key],
                ["SISMEMBER", key, number], ["SMISMEMBER", key, number, number - 1, "x"], ["SCARD", key],
                ["SINTER", "a", "b"], ["SUNION", "a", "c"], ["SDIFF", "b", "c"], ["SPOP", key],
                ["SRANDMEMBER", key],
                ["SINTERCARD", 2, "a", "c"], ["SMOVE", "a", "b", number], ["SUNIONSTORE", "c", "a", "b"],
            ]
            if case.random.random() < 0.98
            else [["SADD", key, "word"], ["DEL", key]]
        )  # fmt: skip


# -- 3.5 ---------------------------------------------------------------------------------------------

wake_up_queue = Exercise(
    "3.5",
    "BLPOP's queue of those who wait",
    kind="rebuild",
    points=6,
    hints=(
        "A dict keeps the order of insertion and forgets a key in one step: for each key a dict of clients. "
        "And for each client its keys and its deadline, so that leave() knows where to look.",
        "touch() notes a key only if somebody waits for it: in a dict again, since keys come in the order "
        "in which they were first touched. wake() takes these notes away and lists, but removes nobody.",
        "expired() sorts by deadline those whose deadline is not None and <= now_ms; sorted() keeps the "
        "order of parking among equals.",
    ),
)


@wake_up_queue.test("first come, first served")
def first_come(case: Case, queue_class: Any) -> None:
    queue = queue_class()
    waiting: list[str] = []
    for number in range(40):
        if waiting and case.random.random() < 0.3:
            gone = case.random.choice(waiting)
            waiting.remove(gone)
            queue.leave(gone)
        waiting.append(f"c{number}")
        queue.park(f"c{number}", [b"jobs"], None)
    queue.touch(b"jobs")
    case.equal(
        list(queue.wake()),
        [(c, b"jobs") for c in waiting],
        "40 clients wait for jobs, some leave; touch jobs",
    )
    queue.leave(waiting[0])
    queue.park(waiting[0], [b"jobs"], None)
    queue.touch(b"jobs")
    due = [(c, b"jobs") for c in [*waiting[1:], waiting[0]]]
    case.equal(list(queue.wake()), due, f"{waiting[0]} leaves and parks again; touch jobs")


@wake_up_queue.test("who was not served keeps the place")
def keeps_the_place(case: Case, queue_class: Any) -> None:
    queue = queue_class()
    queue.park("ada", [b"jobs"], None)
    queue.touch(b"jobs")
    case.equal(list(queue.wake()), [("ada", b"jobs")], "ada waits; touch jobs")
    case.equal(list(queue.wake()), [], "ada was not served; no touch since then")
    queue.park("bob", [b"jobs"], None)
    queue.touch(b"jobs")
    case.equal(
        list(queue.wake()),
        [("ada", b"jobs"), ("bob", b"jobs")],
        "ada was not served, bob came later; touch jobs",
    )


@wake_up_queue.test("several keys")
def several_keys(case: Case, queue_class: Any) -> None:
    queue = queue_class()
    queue.park("ada", [b"a", b"b"], None)
    queue.park("bob", [b"b"], None)
    queue.park("eve", [b"a"], None)
    for key in (b"b", b"a", b"b"):
        queue.touch(key)
    due = [("ada", b"b"), ("bob", b"b"), ("ada", b"a"), ("eve", b"a")]
    given = "ada waits for a and b, bob for b, eve for a; touch b, a, b"
    case.equal(list(queue.wake()), due, given)
    queue.leave("ada")
    for key in (b"a", b"b"):
        queue.touch(key)
    case.equal(list(queue.wake()), [("eve", b"a"), ("bob", b"b")], f"{given}; ada leaves; touch a, b")
    queue.park("eli", [b"x", b"x"], None)
    queue.touch(b"x")
    case.equal(list(queue.wake()), [("eli", b"x")], "eli waits for x and x: once; touch x")


@wake_up_queue.test("an old touch wakes nobody")
def old_touch(case: Case, queue_class: Any) -> None:
    queue = queue_class()
    queue.touch(b"jobs")
    queue.park("ada", [b"jobs"], None)
    case.equal(list(queue.wake()), [], "touch jobs while nobody waits, then ada parks")
    queue.touch(b"jobs")
    queue.leave("ada")
    case.equal(list(queue.wake()), [], "touch jobs, then ada leaves before wake()")
    queue.leave("nobody")


@wake_up_queue.test("whose time is over")
def whose_time_is_over(case: Case, queue_class: Any) -> None:
    queue = queue_class()
    for client, deadline in (("ada", 500), ("bob", None), ("eve", 200), ("eli", 500), ("max", 900)):
        queue.park(client, [b"jobs", b"mail"], deadline)
    given = "deadlines ada 500, bob none, eve 200, eli 500, max 900"
    case.equal(list(queue.expired(199)), [], f"{given}; expired(199)")
    case.equal(list(queue.expired(200)), ["eve"], f"{given}; expired(200): a deadline that is now has come")
    case.equal(
        list(queue.expired(899)), ["eve", "ada", "eli"], f"{given}; expired(899): earliest deadline first"
    )
    queue.touch(b"mail")
    case.equal(
        [c for c, _ in queue.wake()],
        ["ada", "bob", "eve", "eli", "max"],
        f"{given}; all still wait; touch mail",
    )
    queue.leave("ada")
    case.equal(list(queue.expired(899)), ["eve", "eli"], f"{given}; ada leaves; expired(899)")
    queue = queue_class()
    queue.park("ada", [b"jobs"], 0)
    case.equal(list(queue.expired(0)), ["ada"], "deadline ada 0, which is a deadline; expired(0)")


@wake_up_queue.test("a live node: order, several keys, EXEC")
def live_order(case: Case, queue_class: Any) -> None:
    node = case.node()
    with plugged("waiting", waiting_room(queue_class), node):
        ada, bob = node.connect("ada"), node.connect("bob")
        node.call(ada, [b"BLPOP", b"low", b"high", b"0"])
        node.call(bob, [b"BLPOP", b"high", b"0"])
        node.execute("MULTI")
        for line in ("RPUSH high h", "RPUSH low l", "SET n 1"):
            node.execute(*line.split())
        case.equal(
            list(ada.outbox),
            [],
            "ada: BLPOP low high 0. MULTI, RPUSH high h, RPUSH low l; ada's replies so far",
        )
        node.execute("EXEC")
        given = "ada: BLPOP low high 0; bob: BLPOP high 0; MULTI, RPUSH high h, RPUSH low l, EXEC"
        case.equal(
            list(ada.outbox), [[b"low", b"l"]], f"{given}; ada's replies (her own order of keys counts)"
        )
        case.equal(list(bob.outbox), [[b"high", b"h"]], f"{given}; bob's replies")


@wake_up_queue.test("a live node: the same as without it")
def live_waiting(case: Case, queue_class: Any) -> None:
    for _ in range(4):
        script = list(waiting_script(case, 60))
        mine, reference = case.node(), case.node()
        with plugged("waiting", waiting_room(queue_class), mine):
            came = run_script(mine, script)
        due = run_script(reference, script)
        for number in range(len(script)):
            steps = "; ".join(map(told, script[max(0, number - 6) : number + 1]))
            case.equal(came[number], due[number], f"on a live node: ... {steps}; all replies so far")


Step = tuple[str, tuple[Any, ...]]


def told(step: Step) -> str:
    who, words = step
    return f"{who}: {' '.join(map(str, words))}"


def waiting_script(case: Case, count: int) -> Iterator[Step]:
    """What four clients and the clock do."""
    for _ in range(count):
        who = case.random.choice(("ada", "bob", "eve", "eli"))
        one, two = case.random.choice("xyz"), case.random.choice("xyz")
        yield case.random.choice(
            [
                (who, ("BLPOP", one, two, case.random.choice((0, 1, 2.5)))), (who, ("BLPOP", one, 3)),
                (who, ("BLMOVE", one, two, "LEFT", "RIGHT", 0)), (who, ("BRPOP", one, 0)),
                ("writer", ("RPUSH", one, case.random.randrange(100))), ("writer", ("LPUSH", two, 1, 2)),
                ("writer", ("MULTI",)), ("writer", ("EXEC",)), ("writer", ("DEL", one)),
                ("writer", ("SET", two, "s")),
                ("clock", (case.random.choice((0.5, 1, 2)),)), (who, ("RESET",)),
            ]
        )  # fmt: skip


def run_script(node: Embedded, script: list[Step]) -> list[Any]:
    """For each step: what it answered, and what every client has received so far."""
    clients = {name: node.connect(name) for name in ("ada", "bob", "eve", "eli", "writer")}
    received: dict[str, list[Any]] = {name: [] for name in clients}
    history = []
    for who, words in script:
        if who == "clock":
            node.step(words[0])
        elif words == ("RESET",):
            node.disconnect(clients[who])
            clients[who] = node.connect(who)
        else:
            try:
                node.call(clients[who], [str(word).encode() for word in words])
            except ReplyError as error:
                received[who].append(f"error: {error}")
        for name, client in clients.items():
            while client.outbox:
                received[name].append(client.outbox.popleft())
        history.append({name: list(replies) for name, replies in received.items()})
    return history
