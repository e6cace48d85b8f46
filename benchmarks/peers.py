"""Whom minidis is measured beside, and the ways into each.

minidis node        `Node.execute`, the engine's own call
minidis embedded    `Embedded.call`: with the lock and the clock that threads and notebooks need
minidis redis-py    `minidis.connect()`, a redis.Redis
floor               redis-py's methods with nothing behind them: no client of its shape is faster
fakeredis           redis-py on fakeredis
redis TCP, unix     redis-py to a real server on this machine, over loopback or a unix socket
burner-redis        an engine in Rust, in process, with redis-py's methods for some commands
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import fakeredis
import redis

import minidis
from benchmarks.harness import Call, Row
from tests.differential.servers import RealServer, available_judges
from tests.interop.instances import free_port

try:
    from burner_redis import BurnerRedis
except ImportError:  # it has no wheel for every machine: pip install '.[bench]'
    BurnerRedis = None


class Case(NamedTuple):
    """A command: as words for the engine, as a method for clients."""

    words: str
    method: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]


Steps = Case | list[Case]
"""A command, or several of which the others put back what one has changed."""

Way = Callable[[Case], Call]


def case(words: str, method: str, *arguments: Any, **options: Any) -> Case:
    return Case(words, method, arguments, options)


class Floor(redis.Redis):
    """redis-py's methods, whose commands go nowhere."""

    def execute_command(self, *arguments: Any, **options: Any) -> None:
        return None

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> redis.client.Pipeline:
        return FloorPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class FloorPipeline(redis.client.Pipeline):
    """The same for a batch: redis-py collects it, and it goes nowhere."""

    def immediate_execute_command(self, *arguments: Any, **options: Any) -> None:
        self.watching = True

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        replies = [None] * len(self.command_stack)
        self.reset()
        return replies


@contextmanager
def clients() -> Iterator[dict[str, redis.Redis]]:
    """A redis-py client of each peer that has one; the real server runs as long as the context."""
    with ExitStack() as stack:
        found: dict[str, redis.Redis] = {
            "minidis redis-py": minidis.connect(minidis.Embedded()),
            "fakeredis": fakeredis.FakeRedis(),
        }
        judges = available_judges()
        if judges:
            port = free_port()
            server = stack.enter_context(RealServer(judges[0], ("--port", str(port))))
            found["redis TCP"] = redis.Redis(port=port)
            found["redis unix"] = redis.Redis(unix_socket_path=str(server.socket_path))
        for client in found.values():
            stack.callback(client.close)
        yield found


def by_method(client: Any) -> Way:
    """The way of a client: the method that a program calls."""
    return lambda case: Call(partial(getattr(client, case.method), *case.arguments, **case.options))


def rows_of(clients: Mapping[str, Any], cases: Iterable[Steps]) -> Iterator[Row]:
    """A row for each, by the methods of these clients."""
    for steps in cases:
        steps = [steps] if isinstance(steps, Case) else steps
        calls = {peer: in_a_row(map(by_method(client), steps)) for peer, client in clients.items()}
        yield Row(" / ".join(each.words for each in steps), calls)


def in_a_row(calls: Iterable[Call]) -> Call:
    """Several calls as one."""
    functions = [call.function for call in calls]
    if len(functions) == 1:
        return Call(functions[0])

    def call_all() -> None:
        for function in functions:
            function()

    return Call(call_all)


def by_words(prepare: Sequence[str]) -> dict[str, Way]:
    """The two ways into our engine that know no client, on a keyspace that these commands have filled."""
    node = minidis.Node(clock=lambda: time.time_ns() // 1000)
    driver = minidis.Embedded()
    node.stopwatch_ns = time.perf_counter_ns  # as every driver gives it one
    client = node.connect()
    for command in prepare:
        node.execute(client, command.encode().split())
        driver.execute(*command.split())
    return {
        "minidis node": lambda case: Call(node.execute, (client, case.words.encode().split())),
        "minidis embedded": lambda case: Call(driver.call, (driver.client, case.words.encode().split())),
    }


class Burner:
    """burner-redis, prepared by commands, and for the cases that it has a method for."""

    def __init__(self, prepare: Sequence[Case]) -> None:
        self.engine = BurnerRedis() if BurnerRedis is not None else None
        for each in prepare:
            if hasattr(self.engine, each.method):
                finish(getattr(self.engine, each.method)(*each.arguments, **each.options))

    def can(self, case: Case) -> bool:
        """Has it such a method, that answers at once?"""
        try:
            finish(getattr(self.engine, case.method)(*case.arguments, **case.options))
        except (AttributeError, TypeError, RuntimeError):
            return False
        return True

    def way(self, case: Case) -> Call:
        method = getattr(self.engine, case.method)
        return Call(partial(method, *case.arguments, **case.options), is_awaited=True)


def finish(awaitable: Any) -> Any:
    """The result of an awaitable that is ready at once; RuntimeError if it is not."""

    async def await_it() -> Any:
        return await awaitable

    coroutine = await_it()
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("it waits for an event loop")
