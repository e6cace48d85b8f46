"""Checks of chapter 10: Pub/Sub, queues and streams.

Read next: minidis/course/exercise.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.messaging import group_class
from minidis.course.guard import instruction_budget
from minidis.course.models.interrupting import Killed, before_command, killed_at
from minidis.course.parts import plug
from minidis.drivers.embedded import Embedded
from minidis.engine.messages.pubsub import name_matches
from minidis.protocol.replies import ReplyError
from minidis.structures.radix_tree import RadixTree
from minidis.values.consumer_group import ConsumerGroup
from minidis.values.stream_node import MAX_ID, StreamId

# -- 10.1 a chat -----------------------------------------------------------------------------------

chat = Exercise(
    "10.1",
    "A chat that survives three seconds without a network",
    kind="use",
    points=4,
    hints=(
        "Pub/Sub forgets whom it cannot reach. A stream keeps the entries, and a reader is nothing but an id "
        "that he remembers: listen() reads what lies after it, and answers the id of the last entry it read.",
        "`$` means: the last id at the moment of the call. Used in every listen() it skips what was said "
        "between two calls. Use it nowhere: join() answers a real id, that of the newest entry, and 0-0 when "
        "there is none.",
        "say: XADD with maxlen=1000, approximate (whole nodes stay, so never fewer). listen: XREAD with "
        "count=200 after the position; no reply: answer ([], position); else the new position is the id of "
        "the last entry.",
    ),
)

KEPT, MOST_KEPT, PAGE = 1000, 1500, 200


class _Reader:
    """One who listens with the learner's functions, and remembers all he heard."""

    def __init__(self, redis: Any, join: Callable, listen: Callable) -> None:
        self.redis, self.function = redis, listen
        self.position = join(redis, "room")
        self.heard: list[tuple[bytes, bytes]] = []

    def listen(self) -> list[tuple[bytes, bytes]]:
        answer = self.function(self.redis, "room", self.position)
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise Wrong("what listen() answers", show(answer), "a pair: (messages, position)")
        messages, self.position = answer
        came = [_message(message) for message in messages]
        self.heard += came
        return came

    def listen_to_the_end(self, most_calls: int = 200) -> None:
        for _ in range(most_calls):
            if not self.listen():
                return
        raise Wrong(
            f"{most_calls} calls of listen(), nobody talking", "still messages", "([], position) at last"
        )


def _message(message: Any) -> tuple[bytes, bytes]:
    if not isinstance(message, tuple | list) or len(message) != 2:
        raise Wrong("a message that listen() answers", show(message), "(who, text)")
    return _bytes(message[0]), _bytes(message[1])


def _bytes(text: Any) -> Any:
    return text.encode() if isinstance(text, str) else text


@chat.test("what is said is heard, in order, once")
def heard_once(case: Case, say: Callable, join: Callable, listen: Callable) -> None:
    redis = case.redis()
    say(redis, "room", "ann", "good morning")
    reader = _Reader(redis, join, listen)
    case.equal(reader.listen(), [], given="ann said something before bob joined; bob listens")
    due = [(b"ann", b"one"), (b"cid", b"two"), (b"ann", b"three")]
    for who, text in due:
        case.step(0.5)
        say(redis, "room", who.decode(), text.decode())
    case.equal(reader.listen(), due, given="bob joined, three things were said, bob listens")
    case.equal(reader.listen(), [], given="bob listens again, nothing new was said")


@chat.test("an empty room can be joined")
def empty_room(case: Case, say: Callable, join: Callable, listen: Callable) -> None:
    redis = case.redis()
    reader = _Reader(redis, join, listen)
    case.equal(reader.listen(), [], given="bob joined a room in which nobody ever spoke, and listens")
    say(redis, "room", "ann", "hello")
    case.equal(reader.listen(), [(b"ann", b"hello")], given="bob joined an empty room, then ann said hello")


@chat.test("three seconds away: no gap, nothing twice")
def three_seconds_away(case: Case, say: Callable, join: Callable, listen: Callable) -> None:
    redis = case.redis()
    reader = _Reader(redis, join, listen)
    for number in range(3):
        say(redis, "room", "ann", f"before {number}")
        case.step(0.4)
    reader.listen()
    for number in range(6):
        case.step(0.5)
        say(redis, "room", "ann", f"away {number}")
    reader.redis = case.redis(case.nodes[-1])  # a new connection
    reader.listen()
    case.step(0.001)
    say(redis, "room", "ann", "after")
    reader.listen()
    due = [b"before %d" % n for n in range(3)] + [b"away %d" % n for n in range(6)] + [b"after"]
    case.equal(
        [text for _, text in reader.heard], due, given="3 things said, bob listens, 6 said while he is away"
    )


@chat.test("two things in the same millisecond are two things")
def same_millisecond(case: Case, say: Callable, join: Callable, listen: Callable) -> None:
    redis = case.redis()
    say(redis, "room", "ann", "first")
    reader = _Reader(redis, join, listen)
    heard = []
    for number in range(4):
        say(redis, "room", "ann", f"same {number}")
        heard += reader.listen()
    due = [(b"ann", b"same %d" % number) for number in range(4)]
    case.equal(heard, due, given="the clock stands still; ann speaks and bob listens, four times by turns")


@chat.test("whenever the readers listen, each hears all")
def any_schedule(case: Case, say: Callable, join: Callable, listen: Callable) -> None:
    for _ in range(12):
        redis, random = case.redis(), case.random
        readers: list[tuple[_Reader, int]] = []
        said: list[bytes] = []
        steps = []
        for number in range(60):
            choice = random.random()
            if choice < 0.5:
                text = f"text {number}"
                say(redis, "room", "ann", text)
                said.append(text.encode())
                steps.append("say")
            elif choice < 0.6 and len(readers) < 3:
                readers.append((_Reader(redis, join, listen), len(said)))
                steps.append("join")
            elif choice < 0.9 and readers:
                random.choice(readers)[0].listen()
                steps.append("listen")
            else:
                case.step(random.choice([0, 0.001, 2]))
        for reader, first in readers:
            reader.listen_to_the_end()
            given = f"one who joined before text {first} of: {' '.join(steps[:40])} ..."
            case.equal([text for _, text in reader.heard], said[first:], given=given)


@chat.test("after a long absence the texts come in pages")
def in_pages(case: Case, say: Callable, join: Callable, listen: Callable) -> None:
    node = case.node()
    redis = case.redis(node)
    reader = _Reader(redis, join, listen)
    for number in range(900):
        say(redis, "room", "ann", f"{number}")
    longest = 0

    def measure(client: Any, argv: list[bytes], reply: Any) -> None:
        nonlocal longest
        longest = max(longest, _entries_in(reply))

    node.node.listen_to_commands(measure)
    reader.listen_to_the_end()
    case.equal(
        [text for _, text in reader.heard],
        [b"%d" % n for n in range(900)],
        given="900 texts while bob was away",
    )
    case.true(
        longest <= PAGE,
        "900 texts while bob was away",
        f"a reply with {longest} entries",
        f"at most {PAGE} in a reply",
    )


def _entries_in(reply: Any) -> int:
    """How many stream entries (or list elements) a reply holds."""
    if isinstance(reply, dict):
        return sum(map(_entries_in, reply.values()))
    if not isinstance(reply, list):
        return 0
    if reply and all(
        isinstance(item, list) and len(item) == 2 and isinstance(item[1], list) for item in reply
    ):
        nested = [item[1] for item in reply if item[1] and isinstance(item[1][0], list)]
        return sum(map(len, nested)) or len(reply)
    return len(reply)


@chat.test("the room keeps the last thousand texts, and not many more")
def bounded(case: Case, say: Callable, join: Callable, listen: Callable) -> None:
    node = case.node()
    redis = case.redis(node)
    reader, regular = _Reader(redis, join, listen), _Reader(redis, join, listen)
    for number in range(2600):
        say(redis, "room", "ann", f"{number}")
        if number % 700 == 0:
            regular.listen_to_the_end()
    regular.listen_to_the_end()
    given = "2600 texts, of which bob reads 700 at a time"
    case.equal([int(text) for _, text in regular.heard], list(range(2600)), given=given)
    reader.listen_to_the_end()
    texts = [int(text) for _, text in reader.heard]
    case.true(
        texts[-KEPT:] == list(range(2600 - KEPT, 2600)),
        "2600 texts while bob was away",
        f"he heard {len(texts)} of them, the last ones {show(texts[-3:])}",
        f"at least the last {KEPT}, in order",
    )
    kept = sum(len(value) for value in node.node.databases[0].table.values() if value.kind != "string")
    case.true(kept <= MOST_KEPT, "2600 texts", f"{kept} are kept", f"at most {MOST_KEPT}")


@chat.test("every text comes as it was said")
def as_it_was_said(case: Case, say: Callable, join: Callable, listen: Callable) -> None:
    redis = case.redis()
    reader = _Reader(redis, join, listen)
    texts = ["", "a: b | c, d", "zwei\nZeilen", "'\"\\", "ж 🎉", '{"x": 1}', "0", " "]
    for text in texts:
        say(redis, "room", "ann: x", text)
    reader.listen_to_the_end()
    case.equal(
        reader.heard, [(b"ann: x", text.encode()) for text in texts], given=f"said by 'ann: x': {texts}"
    )


@chat.test("between any two commands another phone may be served")
def between_commands(case: Case, say: Callable, join: Callable, listen: Callable) -> None:
    intruders = {
        "ann says three, and before her command {} bob listens": ("say", ["listen"]),
        "ann says three, and before her command {} cid says something and bob listens": (
            "say",
            ["say", "listen"],
        ),
        "bob listens, and before his command {} cid says something": ("listen", ["say"]),
    }
    for told, (interrupted, intruder) in intruders.items():
        number = commands = 1
        while number <= commands:  # before each of them once: as many as it turns out to take
            given = f"bob heard one, ann said two; {told.format(number)}; then ann says four"
            commands = _intruded(case, (say, join, listen), interrupted, intruder, number, given)
            number += 1


def _intruded(
    case: Case,
    functions: tuple[Callable, Callable, Callable],
    interrupted: str,
    intruder: list[str],
    number: int,
    given: str,
) -> int:
    """One small conversation in which a call is interrupted; how many commands that call sent."""
    say, join, listen = functions
    node = case.node()
    redis, cids = case.redis(node), case.redis(node)
    reader = _Reader(case.redis(node), join, listen)
    said = [(b"ann", b"one"), (b"ann", b"two"), (b"ann", b"three"), (b"ann", b"four")]
    say(redis, "room", "ann", "one")
    reader.listen()
    say(redis, "room", "ann", "two")

    def intrude() -> None:
        if "say" in intruder:
            say(cids, "room", "cid", "hello")
            said.append((b"cid", b"hello"))
        if "listen" in intruder:
            reader.listen()

    with before_command([node], number, intrude) as sent:
        say(redis, "room", "ann", "three") if interrupted == "say" else reader.listen()
    if interrupted == "listen":
        say(redis, "room", "ann", "three")
    say(redis, "room", "ann", "four")
    reader.listen_to_the_end()
    case.equal(sorted(reader.heard), sorted(said), given=f"{given}; all that bob heard, sorted")
    anns = [text for who, text in reader.heard if who == b"ann"]
    case.equal(anns, [b"one", b"two", b"three", b"four"], given=f"{given}; what he heard of ann, in order")
    return sent[0]


# -- 10.2 a work queue ------------------------------------------------------------------------------

work_queue = Exercise(
    "10.2",
    "A work queue in which no crash loses a job",
    kind="use",
    points=6,
    hints=(
        "A consumer group keeps what it handed out until XACK. Create it at 0 (with MKSTREAM), or jobs from "
        "before the first worker are never seen. Acknowledge after handle(), not before.",
        "First look at what others left behind: XPENDING with IDLE 30000 names entries, their age, and how "
        "often each was handed out. XCLAIM with min-idle-time 30000 takes one over: of two workers who try, "
        "one gets nothing.",
        "Handed out three times already: copy the job to queue:parked, then acknowledge and delete it, in "
        "that order (a crash in between parks it twice, which is better than never). After a good handle(): "
        "XACK and XDEL in one MULTI.",
    ),
)

IDLE_S, ATTEMPTS = 30.0, 3


def _node(case: Case) -> Embedded:
    """A node that ticks once a second: minutes pass here."""
    return case.node({"hz": 1})


def _drain(
    case: Case, node: Embedded, work: Callable, worker: str, handle: Callable, rounds: int = 3
) -> None:
    """Let one worker work until nothing is left, also of what becomes due with time."""
    redis = case.redis(node)
    for _ in range(rounds):
        for _ in range(50):
            if not work(redis, "jobs", worker, handle):
                break
        else:
            raise Wrong(
                "a worker that goes on as long as work() says True",
                "50 calls of work(), all True",
                "False when there is nothing to do",
            )
        node.jump(node.now_us + round((IDLE_S + 1) * 1_000_000))  # in one leap: no tick is needed on the way


def _parked(redis: Any) -> list[bytes]:
    if redis.type("jobs:parked") == b"stream":
        return [value for _, fields in redis.xrange("jobs:parked") for value in fields.values()]
    if redis.type("jobs:parked") == b"none":
        return []
    if redis.type("jobs:parked") != b"list":
        raise Wrong("the key jobs:parked", f"a {redis.type('jobs:parked').decode()}", "a list of jobs")
    return redis.lrange("jobs:parked", 0, -1)


@work_queue.test("each job is handled once, in order")
def handled_once(case: Case, enqueue: Callable, work: Callable) -> None:
    node = _node(case)
    redis, done = case.redis(node), []
    case.equal(bool(work(redis, "jobs", "ann", done.append)), False, given="work() on an empty queue")
    for number in range(5):
        enqueue(redis, "jobs", f"job {number}")
    for _ in range(5):
        case.equal(bool(work(redis, "jobs", "ann", done.append)), True, given="work() with jobs waiting")
    case.equal(
        [_bytes(job) for job in done],
        [b"job %d" % n for n in range(5)],
        given="five jobs, five calls of work()",
    )
    _drain(case, node, work, "bob", done.append)
    case.equal(len(done), 5, given="then bob works, minutes later: how many jobs were handled")


@work_queue.test("jobs from before the first worker count")
def before_the_first_worker(case: Case, enqueue: Callable, work: Callable) -> None:
    node = _node(case)
    redis, done = case.redis(node), []
    enqueue(redis, "jobs", "early")
    _drain(case, node, work, "ann", done.append)
    case.equal(
        [_bytes(job) for job in done], [b"early"], given="a job is queued, then the first worker starts"
    )


@work_queue.test("a job that fails is tried again, and not before 30 seconds")
def tried_again(case: Case, enqueue: Callable, work: Callable) -> None:
    node = _node(case)
    redis, calls = case.redis(node), []

    def handle(job: Any) -> None:
        calls.append(_bytes(job))
        if len(calls) == 1:
            raise RuntimeError("the mail server is down")

    enqueue(redis, "jobs", "mail")
    try:
        work(redis, "jobs", "ann", handle)
    except RuntimeError as error:
        raise Wrong("a job whose handle() raises", "work() raises it too", "work() answers True") from error
    node.step(29)
    work(redis, "jobs", "bob", handle)
    case.equal(len(calls), 1, given="a job failed; 29 s later another worker works: calls of handle()")
    node.step(1.1)
    work(redis, "jobs", "bob", handle)
    case.equal(len(calls), 2, given="a job failed; 30.1 s later another worker works: calls of handle()")
    _drain(case, node, work, "bob", handle)
    case.equal(len(calls), 2, given="it was handled at the second try; calls of handle() in the end")


@work_queue.test("while a worker is at it, nobody else gets the job")
def nobody_else(case: Case, enqueue: Callable, work: Callable) -> None:
    node = _node(case)
    ann, bob = case.redis(node), case.redis(node)
    handled = []

    def anns(job: Any) -> None:
        handled.append(("ann", _bytes(job)))
        node.step(20)
        work(bob, "jobs", "bob", lambda other: handled.append(("bob", _bytes(other))))

    enqueue(ann, "jobs", "one")
    work(ann, "jobs", "ann", anns)
    case.equal(handled, [("ann", b"one")], given="one job, ann needs 20 s for it, and bob works meanwhile")


@work_queue.test("killed at any command, before or after it: the job is done all the same")
def killed_anywhere(case: Case, enqueue: Callable, work: Callable) -> None:
    for after in (False, True):
        number = 0
        while number < 60:
            number += 1
            node = _node(case)
            done: list[bytes] = []
            redis = case.redis(node)
            for job in ("one", "two"):
                enqueue(redis, "jobs", job)
            with killed_at([node], number, after) as sent:
                try:
                    _drain(case, node, work, "ann", lambda job: done.append(_bytes(job)), 1)  # noqa: B023
                except Killed:
                    pass
            node.step(IDLE_S + 1)
            _drain(case, node, work, "bob", lambda job: done.append(_bytes(job)))  # noqa: B023
            when = "right after" if after else "before"
            given = f"two jobs; ann's process dies {when} its command {number}; bob goes on"
            case.true(
                set(done) == {b"one", b"two"},
                given,
                f"handled: {show(sorted(set(done)))}",
                "both jobs are handled",
            )
            if sent[0] < number:
                break


@work_queue.test("killed while handling: the job goes to another worker")
def killed_while_handling(case: Case, enqueue: Callable, work: Callable) -> None:
    node = _node(case)
    redis, done = case.redis(node), []

    def dies(job: Any) -> None:
        raise Killed

    enqueue(redis, "jobs", "mail")
    try:
        work(redis, "jobs", "ann", dies)
        raise Wrong("a process that dies within handle()", "work() goes on", "the death is not caught")
    except Killed:
        pass
    node.step(IDLE_S + 1)
    _drain(case, node, work, "bob", done.append)
    case.equal(
        [_bytes(job) for job in done],
        [b"mail"],
        given="ann died while she handled the only job; bob works later",
    )


@work_queue.test("a poisonous job is parked after three attempts, and holds up nobody")
def poison(case: Case, enqueue: Callable, work: Callable) -> None:
    node = _node(case)
    redis, calls = case.redis(node), Counter()

    def handle(job: Any) -> None:
        calls[_bytes(job)] += 1
        if _bytes(job) == b"poison":
            raise ValueError("cannot be done")

    for job in ("good 1", "poison", "good 2"):
        enqueue(redis, "jobs", job)
    for round_number in range(5):
        _drain(case, node, work, f"worker {round_number}", handle, 1)
    given = "three jobs of which one always fails; workers for five rounds of 31 s"
    case.equal(
        dict(calls), {b"good 1": 1, b"poison": ATTEMPTS, b"good 2": 1}, given=f"{given}: attempts of each"
    )
    case.equal(_parked(redis), [b"poison"], given=f"{given}: what jobs:parked holds")


@work_queue.test("killed while parking: the job is parked, and none is lost")
def killed_while_parking(case: Case, enqueue: Callable, work: Callable) -> None:
    def handle(job: Any) -> None:
        raise ValueError("cannot be done")

    for after in (False, True):
        number = 0
        while number < 40:
            number += 1
            node = _node(case)
            redis = case.redis(node)
            enqueue(redis, "jobs", "poison")
            _drain(case, node, work, "ann", handle, ATTEMPTS)
            with killed_at([node], number, after) as sent:
                try:
                    _drain(case, node, work, "ann", handle, 1)
                except Killed:
                    pass
            node.step(IDLE_S + 1)
            _drain(case, node, work, "bob", handle)
            when = "after" if after else "before"
            given = f"a job failed three times; ann dies {when} command {number} of the next work()"
            case.true(
                b"poison" in _parked(redis), given, "jobs:parked does not hold it", "it is parked in the end"
            )
            if sent[0] < number:
                break


@work_queue.test("what is done leaves the queue")
def leaves_the_queue(case: Case, enqueue: Callable, work: Callable) -> None:
    node = _node(case)
    redis = case.redis(node)
    for number in range(20):
        enqueue(redis, "jobs", f"job {number}")
    _drain(case, node, work, "ann", lambda job: None, 1)
    left = {key: len(value) for key, value in node.node.databases[0].table.items() if value.kind != "string"}
    case.true(not any(left.values()), "20 jobs, all handled", f"elements left: {left}", "none")
    pending = [
        len(group.pending)
        for value in node.node.databases[0].table.values()
        if value.kind == "stream"
        for group in value.groups.values()
    ]
    case.true(not any(pending), "20 jobs, all handled", f"{sum(pending)} pending entries", "none")


# -- 10.3 patterns ----------------------------------------------------------------------------------

patterns = Exercise(
    "10.3",
    "Glob patterns, and who gets a message",
    kind="rebuild",
    points=6,
    hints=(
        "Walk both texts with two positions. ? takes any byte, a class one of its bytes, a backslash makes "
        "the next byte itself, everything else must be equal.",
        "A star matches nothing at first. Remember where it stood and where the name was. On a mismatch go "
        "back there and let the star eat one byte more. Only the last star needs this, so one remembered "
        "place is enough, and a*a*a*b stays quick.",
        "A class: ^ behind the bracket negates; a-c is a range, the other way round too; a backslash quotes. "
        "deliver: the channel's own clients first, then pattern by pattern; a client that both reach gets "
        "both frames.",
    ),
)

_PIECES = [
    b"a",
    b"b",
    b"n",
    b".",
    b"*",
    b"?",
    b"[ab]",
    b"[^a]",
    b"[a-c]",
    b"[c-a]",
    b"\\*",
    b"\\a",
    b"**",
    b"[.]",
    b"[a\\]]",
]


def _same_match(case: Case, matches: Callable, pattern: bytes, name: bytes) -> None:
    came = matches(pattern, name)
    case.equal(bool(came), name_matches(pattern, name), given=f"matches({pattern!r}, {name!r})")


@patterns.test("plain names, ? and *")
def stars(case: Case, matches: Callable, deliver: Callable) -> None:
    for pattern in (
        b"news",
        b"news.*",
        b"*",
        b"n?ws",
        b"*.tech",
        b"n*s",
        b"new",
        b"news*",
        b"*new*s",
        b"?",
        b"a*b*c",
    ):
        for name in (
            b"news",
            b"news.tech",
            b"newsx",
            b"xnews",
            b"new",
            b"n",
            b"nws",
            b"abc",
            b"aXbXc",
            b"acb",
            b"news/a.b",
        ):
            _same_match(case, matches, pattern, name)


@patterns.test("classes: [abc], [a-c], [^a]")
def classes(case: Case, matches: Callable, deliver: Callable) -> None:
    for pattern in (
        b"h[ae]llo",
        b"h[^e]llo",
        b"h[a-c]llo",
        b"h[c-a]llo",
        b"[a-cx-z]",
        b"[^a-c]",
        b"[*]",
        b"[a\\]b]",
    ):
        for name in (b"hello", b"hallo", b"hbllo", b"hdllo", b"hllo", b"a", b"m", b"y", b"*", b"]", b"h^llo"):
            _same_match(case, matches, pattern, name)


@patterns.test("a backslash quotes")
def escapes(case: Case, matches: Callable, deliver: Callable) -> None:
    for pattern in (b"a\\*b", b"\\?", b"\\[a]", b"a\\b", b"\\\\", b"a\\\\*"):
        for name in (b"a*b", b"aXb", b"?", b"x", b"[a]", b"a", b"ab", b"\\", b"a\\", b"a\\x"):
            _same_match(case, matches, pattern, name)


@patterns.test("bytes, not characters; the empty name")
def raw_bytes(case: Case, matches: Callable, deliver: Callable) -> None:
    for pattern in (b"caf?", b"caf??", b"\xff*", b"[\x00-\x02]", b"", b"*", b"?", b"a*"):
        for name in ("café".encode(), b"\xff\xfe", b"\x01", b"", b"a", b"a\nb"):
            if name or pattern != b"*":  # what a lone star says of an empty name depends on who asks
                _same_match(case, matches, pattern, name)


@patterns.test("random patterns, beside the engine's")
def random_patterns(case: Case, matches: Callable, deliver: Callable) -> None:
    random = case.random
    for _ in range(400):
        pattern = b"".join(random.choices(_PIECES, k=random.randrange(1, 6)))
        for _ in range(6):
            name = bytes(random.choices(b"abcn.*]", k=random.randrange(1, 7)))
            _same_match(case, matches, pattern, name)


@patterns.test("a*a*a*...b against forty a's is answered at once")
def pathological(case: Case, matches: Callable, deliver: Callable) -> None:
    with instruction_budget(1_000_000):
        for stars in (5, 20):
            _same_match(case, matches, b"a*" * stars + b"b", b"a" * 40)
            _same_match(case, matches, b"*a" * stars + b"*", b"ab" * 60)
            _same_match(case, matches, b"?*" * stars + b"x", b"a" * 60)


@patterns.test("deliver: the channel's clients, then pattern by pattern")
def dispatch(case: Case, matches: Callable, deliver: Callable) -> None:
    channels = {b"news": [1, 2], b"sport": [3]}
    by_pattern = {b"n*": [2, 4], b"s*": [3], b"*s": [1]}
    due = [
        (1, [b"message", b"news", b"hi"]),
        (2, [b"message", b"news", b"hi"]),
        (2, [b"pmessage", b"n*", b"news", b"hi"]),
        (4, [b"pmessage", b"n*", b"news", b"hi"]),
        (1, [b"pmessage", b"*s", b"news", b"hi"]),
    ]
    given = f"channels {channels}, patterns {by_pattern}, PUBLISH news hi"
    case.equal(_deliveries(deliver(channels, by_pattern, b"news", b"hi")), due, given=given)
    case.equal(_deliveries(deliver(channels, {}, b"weather", b"hi")), [], given="nobody listens to weather")


def _deliveries(answer: Any) -> list[Any]:
    try:
        return [(client, list(frame)) for client, frame in answer]
    except (TypeError, ValueError):
        raise Wrong("what deliver() answers", show(answer), "a list of (client, frame)") from None


@patterns.test("a live node that asks your deliver()")
def live_pubsub(case: Case, matches: Callable, deliver: Callable) -> None:
    random = Random(case.seed)
    nodes = (case.node(), plug("pubsub", deliver, case.node()))
    transcripts = []
    for node in nodes:
        random.seed(case.seed)
        clients = [node.connect(f"c{number}") for number in range(4)]
        lines: list[Any] = []
        for _ in range(120):
            client = random.choice(clients)
            word = random.choice(
                ["SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "PUBLISH", "PUBLISH"]
            )
            name = random.choice(["news", "news.it", "n*", "news.*", "*", "n?ws", "[ns]*"])
            if word == "PUBLISH":
                lines.append(node.execute("PUBLISH", random.choice(["news", "news.it", "sport"]), "x"))
            else:
                node.execute(word, name, client=client)
            lines.append([[list(message) for message in client.outbox] for client in clients])
            for each in clients:
                each.outbox.clear()
        transcripts.append(lines)
    for number, (due, came) in enumerate(zip(*transcripts, strict=True)):
        case.equal(came, due, given=f"step {number} of subscriptions and messages of four clients")


# -- 10.4 ids and pending entries --------------------------------------------------------------------

pending_entries = Exercise(
    "10.4",
    "Ids that only grow, and what a group must not forget",
    kind="rebuild",
    points=8,
    hints=(
        "new_id: split at the dash. `*` is (now, 0) if that is greater than the last id, else the last id "
        "plus one: a clock that goes back stops no XADD. A time alone means -0. `ms-*` counts on within its "
        "own millisecond.",
        "An id must be greater than the last one (tuples compare as ids do) and lie within 64 bits each; "
        "0-0 is never allowed. The id after (ms, 2**64-1) is (ms+1, 0), but only for `*`.",
        "deliver: an id that is pending already (after XGROUP SETID) changes its owner, its time, and counts "
        "from 1 again. give moves it between the consumers' tables; the object stays the same. acknowledge "
        "takes it out of both tables, the group's and its owner's.",
    ),
)

UINT64 = 2**64 - 1
Ids = tuple[int, int]


def _reference_id(node: Embedded, asked: bytes, last: Ids) -> Ids | None:
    """What the engine does, None for an error."""
    node.execute("DEL", "s")
    if last != (0, 0):
        node.execute("XADD", "s", f"{last[0]}-{last[1]}", "f", "v")
    try:
        reply = node.execute("XADD", "s", asked, "f", "v")
    except ReplyError:
        return None
    ms, _, seq = reply.partition(b"-")
    return int(ms), int(seq)


NOW_MS = 3


def _same_id(case: Case, new_id: Callable, asked: bytes, last: Ids) -> None:
    if not case.nodes:
        case.nodes.append(Embedded(clock=NOW_MS * 1000, seed=1))
    due, now_ms = _reference_id(case.nodes[0], asked, last), NOW_MS
    given = f"new_id({asked!r}, {last}, {now_ms})"
    if due is None:
        case.raises(ValueError, new_id, asked, last, now_ms, given=given)
        return
    try:
        came = new_id(asked, last, now_ms)
    except ValueError as error:
        raise Wrong(given, f"ValueError: {error}", show(due)) from error
    case.equal(tuple(came) if isinstance(came, list | tuple) else came, due, given=given)


@pending_entries.test("new_id: * is the time, and counts on within a millisecond")
def star_ids(case: Case, new_id: Callable, *group: Callable) -> None:
    for last in ((0, 0), (2, 5), (3, 0), (3, 7)):
        _same_id(case, new_id, b"*", last)


@pending_entries.test("new_id: a clock that goes back stops nobody")
def clock_back(case: Case, new_id: Callable, *group: Callable) -> None:
    for last in ((5000, 0), (5000, 3), (5000, UINT64), (UINT64, 3)):
        _same_id(case, new_id, b"*", last)


@pending_entries.test("new_id: ids that were asked for, whole and in part")
def asked_ids(case: Case, new_id: Callable, *group: Callable) -> None:
    lasts = ((0, 0), (5, 0), (5, 3), (6, 0))
    for asked in (b"5-3", b"5-4", b"5", b"6", b"0-1", b"0-0", b"0", b"5-*", b"6-*", b"0-*", b"4-*", b"7-9"):
        for last in lasts:
            _same_id(case, new_id, asked, last)


@pending_entries.test("new_id: the ends of 64 bits")
def id_ends(case: Case, new_id: Callable, *group: Callable) -> None:
    big = UINT64
    for asked in (
        b"%d-%d" % (big, big),
        b"%d-*" % big,
        b"%d" % big,
        b"*",
        b"%d-0" % (big + 1),
        b"1-%d" % (big + 1),
    ):
        for last in ((1, 1), (big, 1), (big, big)):
            _same_id(case, new_id, asked, last)
    for asked in (b"x", b"1-x", b"-1", b"1-2-3", b"", b"-", b"1.5", b"+1-1", b" 1"):
        case.raises(ValueError, new_id, asked, (0, 0), 1000, given=f"new_id({asked!r}, (0, 0), 1000)")


@pending_entries.test("new_id: 500 random ones, beside the engine's")
def random_ids(case: Case, new_id: Callable, *group: Callable) -> None:
    random = case.random
    for _ in range(500):
        last = (random.randrange(5), random.randrange(4))
        asked = random.choice([b"*", b"%d" % random.randrange(5), b"%d-*" % random.randrange(5),
                               b"%d-%d" % (random.randrange(5), random.randrange(5))])  # fmt: skip
        _same_id(case, new_id, asked, last)


def _groups(*functions: Callable) -> tuple[ConsumerGroup, ConsumerGroup]:
    """The engine's group and the learner's, each with consumers ann and bob."""
    pair = tuple(kind(MAX_ID, RadixTree) for kind in (ConsumerGroup, group_class(*functions)))
    for group in pair:
        for name in (b"ann", b"bob"):
            group.create_consumer(name, 0)
    return pair  # type: ignore[return-value]


def _table(group: ConsumerGroup) -> list[Any]:
    """What is pending, seen from the group and from each consumer."""

    def rows(pending: Any) -> list[Any]:
        return [
            (str(StreamId.from_key(key)), p.consumer.name.decode(), p.delivered_ms, p.deliveries)
            for key, p in pending.items()
        ]

    return [("group", rows(group.pending))] + [
        (name.decode(), rows(c.pending)) for name, c in group.consumers.items()
    ]


def _same_group(case: Case, pair: tuple[ConsumerGroup, ConsumerGroup], given: str) -> None:
    case.equal(_table(pair[1]), _table(pair[0]), given=given)
    for name, consumer in pair[1].consumers.items():
        for key, pending in consumer.pending.items():
            same = pair[1].pending.get(key) is pending
            case.true(
                same,
                given,
                f"the group and {name.decode()} hold two objects for one id",
                "one object that both hold",
            )


def _step(
    pair: tuple[ConsumerGroup, ConsumerGroup], word: str, entry_id: StreamId, name: bytes, now_ms: int
) -> list[Any]:
    """One step on both groups; what each answers."""
    answers = []
    for group in pair:
        consumer = group.consumers.get(name)
        if word == "deliver":
            pending = group.deliver(entry_id, consumer, now_ms)
            answers.append(pending is not None and pending is group.pending.get(entry_id.key))
        elif word == "give":
            pending = group.pending.get(entry_id.key)
            if pending is not None:
                group.give(entry_id, pending, consumer)
            answers.append(None)
        else:
            answers.append(bool(group.acknowledge(entry_id)))
    return answers


def _play(
    case: Case, pair: tuple[ConsumerGroup, ConsumerGroup], steps: list[tuple[str, int, bytes, int]]
) -> None:
    told = ""
    for word, number, name, now_ms in steps:
        entry_id = StreamId(number, 0)
        told += f"{word} {entry_id} {name.decode()} at {now_ms}; "
        due, came = _step(pair, word, entry_id, name, now_ms)
        if word == "deliver":
            case.true(
                came, told, "deliver() answers something else", "the Pending that now stands in the group"
            )
        else:
            case.equal(came, due, given=f"{told}what {word}() answers")
        _same_group(case, pair, told)


@pending_entries.test("deliver: pending with the group and with its consumer")
def delivered(case: Case, new_id: Callable, *functions: Callable) -> None:
    _play(
        case,
        _groups(*functions),
        [("deliver", 1, b"ann", 10), ("deliver", 2, b"bob", 11), ("deliver", 3, b"ann", 12)],
    )


@pending_entries.test("deliver again, after XGROUP SETID: a new owner, one count from the start")
def delivered_again(case: Case, new_id: Callable, *functions: Callable) -> None:
    pair = _groups(*functions)
    _play(case, pair, [("deliver", 1, b"ann", 10), ("deliver", 2, b"ann", 10)])
    for group in pair:
        group.pending[StreamId(1, 0).key].deliveries = 4
    _play(case, pair, [("deliver", 1, b"bob", 20), ("deliver", 2, b"ann", 30)])


@pending_entries.test("acknowledge: gone from both tables, and only once")
def acknowledged(case: Case, new_id: Callable, *functions: Callable) -> None:
    steps = [("deliver", 1, b"ann", 10), ("deliver", 2, b"bob", 10), ("acknowledge", 1, b"", 11)]
    _play(case, _groups(*functions), [*steps, ("acknowledge", 1, b"", 12), ("acknowledge", 9, b"", 12)])


@pending_entries.test("give: from one consumer to another, also to the same")
def given_away(case: Case, new_id: Callable, *functions: Callable) -> None:
    steps = [
        ("deliver", 1, b"ann", 10),
        ("give", 1, b"bob", 11),
        ("give", 1, b"bob", 12),
        ("acknowledge", 1, b"", 13),
    ]
    _play(case, _groups(*functions), steps)


@pending_entries.test("300 random steps, beside the engine's group")
def random_steps(case: Case, new_id: Callable, *functions: Callable) -> None:
    random = case.random
    pair = _groups(*functions)
    for now_ms in range(300):
        step = (
            random.choice(["deliver", "give", "acknowledge"]),
            random.randrange(1, 9),
            random.choice([b"ann", b"bob"]),
            now_ms,
        )
        _play(case, pair, [step])


@pending_entries.test("a live stream: NOACK, claims that race, a dead consumer")
def live_group(case: Case, new_id: Callable, *functions: Callable) -> None:
    nodes = (case.node(), plug("streams", (new_id, *functions), case.node()))
    random = Random(case.seed)
    script: list[tuple[Any, ...]] = [("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")]
    for _ in range(150):
        who, other = random.choice([("ann", "bob"), ("bob", "ann")])
        script.append(
            random.choice(
                [
                    ("XADD", "s", "*", "n", "1"),
                    ("XADD", "s", f"{random.randrange(1767225600000, 1767225700000)}-*", "n", "1"),
                    ("XREADGROUP", "GROUP", "g", who, "COUNT", "2", "STREAMS", "s", ">"),
                    ("XREADGROUP", "GROUP", "g", who, "COUNT", "1", "NOACK", "STREAMS", "s", ">"),
                    ("XREADGROUP", "GROUP", "g", who, "STREAMS", "s", "0"),
                    ("XAUTOCLAIM", "s", "g", other, "50", "0", "COUNT", "2"),
                    ("XAUTOCLAIM", "s", "g", who, "50", "0", "COUNT", "2"),
                    ("XPENDING", "s", "g", "-", "+", "20"),
                    ("XPENDING", "s", "g"),
                    ("ack", random.randrange(4)),
                    ("XGROUP", "SETID", "s", "g", "0") if random.random() < 0.2 else ("XLEN", "s"),
                    ("XGROUP", "DELCONSUMER", "s", "g", who) if random.random() < 0.3 else ("XLEN", "s"),
                    ("step",),
                ]
            )
        )
    for words in script:
        if words == ("step",):
            case.step(0.03)
            continue
        due, came = (_run(node, words) for node in nodes)
        case.equal(came, due, given=f"on a live node: {' '.join(map(str, words))}")


def _run(node: Embedded, words: tuple[Any, ...]) -> Any:
    if words[0] == "ack":
        rows = node.execute("XPENDING", "s", "g", "-", "+", "20")
        return node.execute("XACK", "s", "g", rows[words[1]][0]) if len(rows) > words[1] else 0
    try:
        return node.execute(*words)
    except ReplyError as error:
        return str(error)
