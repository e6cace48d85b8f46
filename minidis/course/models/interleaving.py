"""Every order in which the commands of several clients can reach a node, and what each order leads to.

Redis runs one command after the other, so a race has no other freedom than this: whose command is next?

    ann   GET balance   SET balance 70              A a B b    70, then 40    right
    bob   GET balance   SET balance 70              A B a b    70             30 are lost

Two clients of two commands each have six such schedules, three of seven commands 399,072,960.  `explore`
judges them all.  What makes that cheap:

- A client's program is an ordinary function that is handed a redis-py client.  Between two commands it can
  depend on nothing but the replies it has got.  So it is run from its start, on replies that are known
  already, up to the first command whose reply is not; no thread ever waits.
- Two schedules that lead to the same dataset, the same replies and the same flags have the same future.  They
  meet in one `State`; the number of schedules is then a sum over the graph, and the n-th one is found in it
  by counting (like a word in a dictionary that one opens by page number).

Programs must do the same whenever they get the same replies (no random choices; `uuid.uuid4` gives each
client ids of its own, the same ones again), and must not block.  One that goes on for ever, a spinning lock
say, is cut off and counted as `UNFINISHED`.

`Passing(11)` is a client that is time itself: at its turn 11 seconds pass, so a schedule also says where a
program was held up.  With `safe=` every state is judged, not only ends; `found.shortest(UNSAFE)` is then the
shortest way to break a promise.

Complexity: O(states x clients x length of a schedule) commands; O(1) for the number of schedules.

>>> def withdraw(redis):
...     balance = int(redis.get("balance"))
...     redis.set("balance", balance - 30)
>>> left = lambda redis, results: redis.get("balance")
>>> found = explore({"ann": withdraw, "bob": withdraw}, ["SET balance 100"], left)
>>> found.schedules, found.outcomes
(6, {b'40': 2, b'70': 4})
>>> found.schedule(0, b"70")
('ann', 'bob', 'ann', 'bob')

Read next: minidis/notebook/views/interleavings.py, which draws it.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from minidis.client import connect
from minidis.course.case import START
from minidis.course.guard import unobserved, virtual_sleep
from minidis.drivers.embedded import Embedded
from minidis.engine.client import Client
from minidis.engine.keyspace.digest import dataset_digest
from minidis.engine.waiting import WAITING
from minidis.protocol.quoting import split_arguments
from minidis.protocol.replies import ReplyError

Program = Callable[[Any], Any]
Judge = Callable[[Any, Mapping[str, Any]], Hashable]
"""What a schedule led to: given a redis-py client and what each program returned (or the error it raised)."""

MOST_COMMANDS_PER_CLIENT = 25
MOST_STATES = 20_000
UNFINISHED = "unfinished"
"""The outcome of a schedule in which a client was still going after `MOST_COMMANDS_PER_CLIENT` commands."""

UNSAFE = "unsafe"
"""The outcome of a schedule that ends where `safe` said no."""

GREETINGS = frozenset((b"HELLO", b"CLIENT", b"AUTH", b"SELECT", b"PING"))
"""What a client library says by itself when it connects; no step of a schedule."""


@dataclass(frozen=True)
class Asked:
    """A program's next command, and the number of the program's connection that sends it."""

    connection: int
    argv: tuple[bytes, ...]


@dataclass(frozen=True)
class Finished:
    """A program is over; `result` is what it returned, or the exception it raised."""

    result: Any


@dataclass(frozen=True)
class Passing:
    """Time as a client: `times` steps, at each of which so many seconds pass for everybody."""

    seconds: float
    times: int = 1

    def next(self, replies: tuple[Any, ...]) -> Asked | Finished:
        over = len(replies) >= self.times
        return Finished(None) if over else Asked(0, (f"({self.seconds:g} s pass)".encode(),))


@dataclass(frozen=True)
class Step:
    """One command of a schedule, as it ran."""

    client: str
    argv: tuple[bytes, ...]
    reply: Any
    """A Python value; an error is a ReplyError."""
    keys: dict[bytes, Any]
    """The strings of database 0 after it; of other types, their name."""
    queued: dict[str, int]
    """How many commands wait for each client's EXEC."""
    watching: dict[str, tuple[bytes, ...]]
    dirty: frozenset[str]
    """Whose EXEC must fail now, because a watched key changed."""


@dataclass
class State:
    """What several schedules have in common: all that can follow is the same for them."""

    edges: dict[str, State] = field(default_factory=dict)
    outcomes: dict[Hashable, int] = field(default_factory=dict)
    """The outcomes that can still follow, each with the number of ways to it."""


class Exploration:
    """All schedules of some programs."""

    def __init__(self, world: World, root: State, states: int) -> None:
        self._world, self._root = world, root
        self.clients = tuple(world.programs)
        self.states = states
        self.outcomes: dict[Hashable, int] = dict(
            sorted(root.outcomes.items(), key=lambda item: repr(item[0]))
        )
        self.schedules = sum(self.outcomes.values())

    def schedule(self, number: int, outcome: Hashable = None) -> tuple[str, ...]:
        """The names of the clients, in the order of schedule `number` (from 0), of those with an `outcome`.

        Raises IndexError when there are not so many.
        """
        state, order = self._root, []
        if not 0 <= number < _ways(state, outcome):
            raise IndexError(f"schedule {number} of {_ways(state, outcome)}")
        while state.edges:
            for name, following in state.edges.items():
                if number < (ways := _ways(following, outcome)):
                    order.append(name)
                    state = following
                    break
                number -= ways
        return tuple(order)

    def shortest(self, outcome: Hashable) -> tuple[str, ...]:
        """The shortest schedule with an outcome, the first by name among those.  Raises LookupError."""
        paths: list[tuple[State, tuple[str, ...]]] = [(self._root, ())]
        seen = {id(self._root)}
        for state, order in paths:  # grows while it is read: breadth first
            if not state.edges and outcome in state.outcomes:
                return order
            for name, following in state.edges.items():
                if outcome in following.outcomes and id(following) not in seen:
                    seen.add(id(following))
                    paths.append((following, (*order, name)))
        raise LookupError(f"no schedule ends with {outcome!r}")

    def number_of(self, order: Iterable[str], outcome: Hashable = None) -> int:
        """The number of a schedule: what `schedule(number, outcome)` gives it back for."""
        state, number = self._root, 0
        for wanted in order:
            for name, following in state.edges.items():
                if name == wanted:
                    state = following
                    break
                number += _ways(following, outcome)
        return number

    def outcome_of(self, order: Iterable[str]) -> Hashable:
        """What a whole schedule leads to."""
        state = self._root
        for name in order:
            state = state.edges[name]
        (outcome,) = state.outcomes
        return outcome

    def steps(self, order: Iterable[str]) -> list[Step]:
        """Run a schedule again, command by command."""
        self._world.reset()
        return [self._world.step(name) for name in order]

    def after(self, order: Iterable[str], new_client: Callable[[Any], Any] = connect) -> tuple[Any, Step]:
        """Run the beginning of a schedule, and let its clients die there; a new client, and the last step."""
        steps = self.steps(order)
        self._world.hang_up()
        return new_client(self._world.embedded), steps[-1]

    def __repr__(self) -> str:
        parts = [f"{count:,} end with {outcome!r}" for outcome, count in self.outcomes.items()]
        return f"{self.schedules:,} schedules: {', '.join(parts)}"


def _ways(state: State, outcome: Hashable) -> int:
    return sum(state.outcomes.values()) if outcome is None else state.outcomes.get(outcome, 0)


def explore(
    programs: Mapping[str, Program | Passing],
    setup: Iterable[str],
    judge: Judge,
    *,
    safe: Callable[[Any], bool] | None = None,
    new_client: Callable[[Any], Any] = connect,
) -> Exploration:
    """Run every interleaving of the `programs`, each on a dataset that the lines of `setup` make.

    `safe(redis)` is asked after each command; where it says no, the schedule ends as `UNSAFE`.

    Raises ValueError for a program that blocks or does not do the same again, and when there are more than
    `MOST_STATES` states.
    """
    world = World(programs, setup, new_client)
    known: dict[Hashable, State] = {}

    def grow(order: tuple[str, ...]) -> State:
        """The state that the world is in now, after `order`; leaves the world somewhere else."""
        key = world.fingerprint()
        if key in known:
            return known[key]
        state = State()
        if len(known) >= MOST_STATES:
            raise ValueError(f"more than {MOST_STATES} states: make the programs shorter, or fewer")
        names = world.unfinished()
        if safe is not None and not safe(world.looker):
            state.outcomes[UNSAFE] = 1
        elif not names or world.is_too_long():
            outcome = UNFINISHED if names else judge(world.looker, world.results())
            state.outcomes[outcome] = 1
        for number, name in enumerate(() if state.outcomes else names):
            if number:
                world.replay(order)
            world.advance(name)
            following = grow((*order, name))
            state.edges[name] = following
            for outcome, count in following.outcomes.items():
                state.outcomes[outcome] = state.outcomes.get(outcome, 0) + count
        known[key] = state
        return state

    world.reset()
    root = grow(())
    return Exploration(world, root, len(known))


class World:
    """A node, and the programs' places in their lives."""

    def __init__(
        self,
        programs: Mapping[str, Program | Passing],
        setup: Iterable[str],
        new_client: Callable[[Any], Any],
    ) -> None:
        self.programs = {
            name: program if isinstance(program, Passing) else Rehearsal(program, new_client, name)
            for name, program in programs.items()
        }
        self.setup = [_words(line) for line in setup]
        self.embedded = Embedded(clock=START, seed=1)
        self.looker = new_client(self.embedded)
        self.connections: dict[tuple[str, int], Client] = {}
        self.replies: dict[str, tuple[Any, ...]] = {}

    def reset(self) -> None:
        """Begin again: the dataset of the setup, nobody connected, no script known."""
        self._clean()
        self.replies = dict.fromkeys(self.programs, ())

    @unobserved
    def _clean(self) -> None:
        self.hang_up()
        for argv in ([b"FLUSHALL"], [b"SCRIPT", b"FLUSH"], *self.setup):
            self.embedded.execute(*argv)

    def hang_up(self) -> None:
        """Close every connection of the programs."""
        for client in self.connections.values():
            self.embedded.disconnect(client)
        self.connections.clear()

    def replay(self, order: Iterable[str]) -> None:
        self.reset()
        for name in order:
            self.advance(name)

    def unfinished(self) -> list[str]:
        return [name for name in self.programs if isinstance(self._next(name), Asked)]

    def is_too_long(self) -> bool:
        return max(map(len, self.replies.values())) >= MOST_COMMANDS_PER_CLIENT

    def results(self) -> dict[str, Any]:
        return {name: self._next(name).result for name in self.programs}

    def _next(self, name: str) -> Any:
        return self.programs[name].next(self.replies[name])

    def advance(self, name: str) -> Any:
        """Run the next command of a client; its reply."""
        asked, program = self._next(name), self.programs[name]
        if isinstance(program, Passing):
            self.embedded.jump(self.embedded.now_us + round(program.seconds * 1_000_000))
            reply = None
        else:
            reply = self._run(name, asked.connection, asked.argv)
        self.replies[name] = (*self.replies[name], reply)
        return reply

    @unobserved
    def _run(self, name: str, connection: int, argv: tuple[bytes, ...]) -> Any:
        client = self.connections.get((name, connection))
        if client is None:
            client = self.connections[name, connection] = self.embedded.connect(name)
        try:
            reply = self.embedded.call(client, list(argv))
        except ReplyError as error:
            return error
        if reply is WAITING:
            raise ValueError(f"{name} waits in {argv[0].decode()}: programs must not block")
        return reply

    def step(self, name: str) -> Step:
        """As `advance`, with a look at what it did."""
        asked = self._next(name)
        reply = self.advance(name)
        watchers = self.embedded.node.watchers
        queued = dict.fromkeys(self.programs, 0)
        watching: dict[str, tuple[bytes, ...]] = dict.fromkeys(self.programs, ())
        dirty: set[str] = set()
        for (owner, _), client in self.connections.items():
            queued[owner] += len(client.transaction.queue) if client.transaction is not None else 0
            watching[owner] += tuple(key for _, key in client.watched)
            if watchers.must_fail(client):
                dirty.add(owner)
        table = self.embedded.node.databases[0].table
        keys = {
            key: value.as_bytes() if value.kind == "string" else value.kind for key, value in table.items()
        }
        return Step(name, asked.argv, reply, keys, queued, watching, frozenset(dirty))

    @unobserved
    def fingerprint(self) -> Hashable:
        """All that the future depends on."""
        node = self.embedded.node
        dirty = frozenset(
            place for place, client in self.connections.items() if node.watchers.must_fail(client)
        )
        histories = tuple(map(_history_key, self.replies.values()))
        now_ms = self.embedded.now_us // 1000
        left_ms = tuple(sorted((key, at_ms - now_ms) for key, at_ms in node.databases[0].expires.items()))
        return dataset_digest(node.databases), left_ms, histories, dirty


class Rehearsal:
    """A program that is run again and again, each time a little further.

    >>> asked = Rehearsal(lambda redis: redis.incr("visits") * 10, connect)
    >>> asked.next(()).argv, asked.next((7,)).result
    ((b'INCRBY', b'visits', b'1'), 70)
    """

    def __init__(self, program: Program, new_client: Callable[[Any], Any], name: str = "") -> None:
        self.program, self.new_client, self.name = program, new_client, name
        self.greeter = Embedded(clock=START, seed=1)
        self.known: dict[Hashable, Asked | Finished] = {}

    def next(self, replies: tuple[Any, ...]) -> Asked | Finished:
        """What the program does after it got these replies.  Raises NotImplementedError for a blank one."""
        key = _history_key(replies)
        if key not in self.known:
            self.known[key] = self._run(replies)
        return self.known[key]

    def _run(self, replies: tuple[Any, ...]) -> Asked | Finished:
        stage = Stage(self.greeter, replies)
        redis = self.new_client(stage)
        result: Any
        ids = random.Random(self.name)
        try:
            with (
                virtual_sleep(lambda seconds: None),
                mock.patch.object(uuid, "uuid4", lambda: uuid.UUID(int=ids.getrandbits(128), version=4)),
            ):
                result = self.program(redis)
        except Cut:
            result = None
        except NotImplementedError:
            raise
        except Exception as error:
            result = error.with_traceback(None)  # whose frames would keep the program's pipelines
        finally:
            stage.is_over = True
            redis.connection_pool.disconnect()
        if stage.asked is not None:
            return stage.asked
        if stage.given < len(replies):
            raise ValueError("a program did something else when it got the same replies again")
        return Finished(result)


class Cut(BaseException):
    """Here the rehearsal ends; not an Exception, so that no program catches it."""


class Stage:
    """What one rehearsal takes for a node: it greets, and else gives out replies that are known already.

    Each rehearsal has its own, for what it leaves behind (a pipeline that Python clears away later says
    UNWATCH) must not speak in the next one.
    """

    MOST_REFUSALS = 20
    front = None

    def __init__(self, greeter: Embedded, replies: tuple[Any, ...]) -> None:
        self.greeter = greeter
        self.node, self.lock = greeter.node, greeter.lock
        self.connect, self.hang_up, self.wait = greeter.connect, greeter.hang_up, greeter.wait
        self.replies = replies
        self.given = self.refusals = 0
        self.asked: Asked | None = None
        self.is_over = False
        self.numbers: dict[int, int] = {}

    def call(self, client: Client, argv: list[bytes]) -> Any:
        if argv[0].upper() in GREETINGS:
            return self.greeter.call(client, argv)
        if self.is_over or self.asked is not None:  # the program cleans up behind itself while it is cut
            self.refusals += 1
            if self.refusals > self.MOST_REFUSALS and not self.is_over:
                raise Cut
            raise BrokenPipeError("the rehearsal is over")
        number = self.numbers.setdefault(client.id, len(self.numbers))
        if self.given == len(self.replies):
            self.asked = Asked(number, tuple(argv))
            raise Cut
        reply = self.replies[self.given]
        self.given += 1
        if isinstance(reply, ReplyError):
            raise reply
        return _copied(reply)  # the program may change what it gets, and the next rehearsal gets it again

    def settle(self) -> None:
        """Nothing comes due: no time passes in a rehearsal."""


def _copied(reply: Any) -> Any:
    """A reply whose lists and maps are its own, at all depths.

    `copy.deepcopy` would not do: it refuses a view of keys (SMEMBERS), and makes a second NULL_ARRAY.
    """
    if isinstance(reply, list | tuple):
        return type(reply)(map(_copied, reply))
    if isinstance(reply, dict):
        return type(reply)((key, _copied(value)) for key, value in reply.items())
    return reply


def _history_key(replies: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(map(repr, replies))


def _words(line: str) -> list[bytes]:
    words = split_arguments(line.encode())
    if not words:
        raise ValueError(f"a line of the setup is no command: {line!r}")
    return words
