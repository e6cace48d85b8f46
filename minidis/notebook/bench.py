"""`%redis bench`: requests a second, in this process or on a real server; redis-benchmark from Python.

    %redis bench                          %redis bench GET SET -n 50000 -P 16

    the embedded node, in this process: 10,000 requests each, 3 bytes
    test    requests/s    p50 us    p99 us    longest us
    SET        700,000       1.3       2.3            90

What is measured is one client that sends, waits and sends again. In this process that is the engine, with
its lock, the views that look on, and some 0.3 us for taking the time; on a server it is the round trip, and
Python's own work for it: redis-benchmark, in C and with fifty clients, gets more out of the same server. So
compare what was measured in the same way. With a pipeline (`-P`) a time is that of a whole batch.

Keys are named `bench:...`, and gone afterwards. The numbers differ from machine to machine, from run to run.

Complexity: O(requests).

>>> from minidis.drivers.embedded import Embedded
>>> rows = run([TESTS["SET"], TESTS["GET"]], Plan(requests=100), EmbeddedTarget(Embedded(clock=0)))
>>> [(row.name, row.requests, row.errors, 0 < row.p50_us <= row.p99_us <= row.longest_us) for row in rows]
[('SET', 100, 0, True), ('GET', 100, 0, True)]

Read next: targets.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter_ns
from typing import Any, NamedTuple

from minidis.notebook.targets import EmbeddedTarget, ServerTarget, TargetError
from minidis.protocol.replies import ReplyError

SLICE = 500
"""Requests between two looks at Ctrl-C."""

MOST_REQUESTS = 1_000_000
PREFIX = b"bench:"
LIST_LENGTH = 100

Argv = list[bytes]
Batch = list[Argv]


@dataclass(frozen=True)
class Plan:
    """How much is asked: requests per test, in one batch, bytes of a value, and how many keys there are."""

    requests: int = 10_000
    pipeline: int = 1
    value_bytes: int = 3
    keys: int = 1_000


class Request(NamedTuple):
    """A kind of request: its words, made anew for each, and the keys that it leaves behind."""

    name: str
    argv: Callable[[bytes, bytes], Argv]  # of a random key and the value
    key: bytes = b""  # the one key that it uses; empty: random ones
    first: bytes = b""  # the command, for each key, without which there is nothing to do


class Row(NamedTuple):
    """What came out: times are those of a batch, in microseconds."""

    name: str
    requests: int
    requests_per_s: float
    p50_us: float
    p99_us: float
    longest_us: float
    errors: int
    first_error: str


def _key(name: str) -> bytes:
    return PREFIX + name.encode()


TESTS = {
    test.name: test
    for test in (
        Request("PING", lambda key, value: [b"PING"]),
        Request("SET", lambda key, value: [b"SET", key, value]),
        Request("GET", lambda key, value: [b"GET", key], first=b"SET"),
        Request("INCR", lambda key, value: [b"INCR", key + b":counter"]),
        Request("LPUSH", lambda key, value: [b"LPUSH", _key("list"), value], _key("list")),
        Request("LPOP", lambda key, value: [b"LPOP", _key("list")], _key("list"), b"RPUSH"),
        Request(
            "LRANGE_100", lambda key, value: [b"LRANGE", _key("list"), b"0", b"99"], _key("list"), b"RPUSH"
        ),
        Request("SADD", lambda key, value: [b"SADD", _key("set"), key], _key("set")),
        Request("HSET", lambda key, value: [b"HSET", _key("hash"), key, value], _key("hash")),
        Request("ZADD", lambda key, value: [b"ZADD", _key("board"), key[len(PREFIX) :], key], _key("board")),
        Request(
            "MSET",
            lambda key, value: [
                b"MSET",
                *(word for n in b"0123456789" for word in (key + b":%c" % n, value)),
            ],
        ),
    )
}
USUAL = ("SET", "GET", "INCR", "LPUSH", "LRANGE_100", "HSET", "ZADD")


def run(tests: Sequence[Request], plan: Plan, target: EmbeddedTarget | ServerTarget) -> list[Row]:
    """Run the tests one after the other.  Raises TargetError, KeyboardInterrupt; the keys are gone anyway."""
    send, close = _sender(target)
    rows = []
    try:
        for test in tests:
            _prepare(test, plan, send)
            rows.append(_measure(test, plan, send))
            _clean_up(plan, send)
    except KeyboardInterrupt:
        _clean_up(plan, send)
        raise
    finally:
        close()
    return rows


def _sender(target: EmbeddedTarget | ServerTarget) -> tuple[Callable[[Batch], list[Any]], Callable[[], None]]:
    """Two calls, on a connection of its own: send a batch (replies, errors among them), and hang up."""
    if isinstance(target, EmbeddedTarget):
        embedded = target.embedded
        client = embedded.connect("bench")

        def call(batch: Batch) -> list[Any]:
            replies = []
            for argv in batch:
                try:
                    replies.append(embedded.call(client, argv))
                except ReplyError as error:
                    replies.append(error)
            return replies

        return call, lambda: embedded.disconnect(client)
    connection = target.connect("bench")
    return connection.call_many, connection.close


def _batches(test: Request, plan: Plan) -> Iterator[list[Batch]]:
    """The requests, in slices of batches."""
    random, value = Random(1), b"x" * plan.value_bytes
    left = plan.requests
    while left:
        batches: list[Batch] = []
        for _ in range(max(1, SLICE // plan.pipeline)):
            count = min(plan.pipeline, left)
            keys = [PREFIX + b"%d" % random.randrange(plan.keys) for _ in range(count)]
            batches.append([test.argv(key, value) for key in keys])
            left -= count
            if not left:
                break
        yield batches


def _measure(test: Request, plan: Plan, send: Callable[[Batch], list[Any]]) -> Row:
    durations_ns: list[int] = []
    errors: list[ReplyError] = []
    for batches in _batches(test, plan):
        for batch in batches:
            begun_ns = perf_counter_ns()
            replies = send(batch)
            durations_ns.append(perf_counter_ns() - begun_ns)
            errors += [reply for reply in replies if isinstance(reply, ReplyError)]
    ordered_us = [duration_ns / 1000 for duration_ns in sorted(durations_ns)]
    return Row(
        test.name,
        plan.requests,
        plan.requests * 1e6 / sum(ordered_us),
        ordered_us[len(ordered_us) // 2],
        ordered_us[len(ordered_us) * 99 // 100],
        ordered_us[-1],
        len(errors),
        str(errors[0]) if errors else "",
    )


def _prepare(test: Request, plan: Plan, send: Callable[[Batch], list[Any]]) -> None:
    """What must be there before: a value at each key, or a list that is long enough."""
    value = b"x" * plan.value_bytes
    if test.first == b"SET":
        commands = [[b"SET", PREFIX + b"%d" % number, value] for number in range(plan.keys)]
    elif test.first:
        length = plan.requests if test.name == "LPOP" else LIST_LENGTH
        commands = [
            [test.first, test.key, *[value] * min(SLICE, length - at)] for at in range(0, length, SLICE)
        ]
    else:
        return
    for at in range(0, len(commands), SLICE):
        send(commands[at : at + SLICE])


def _clean_up(plan: Plan, send: Callable[[Batch], list[Any]]) -> None:
    names = [PREFIX + b"%d" % number for number in range(plan.keys)]
    names += [name + b":counter" for name in names]
    names += [test.key for test in TESTS.values() if test.key]
    names += [name + b":%c" % n for name in names[: plan.keys] for n in b"0123456789"]
    for at in range(0, len(names), SLICE):
        send([[b"UNLINK", *names[at : at + SLICE]]])


# -- as text ------------------------------------------------------------------------------------------


def table(rows: Sequence[Row], plan: Plan, target: EmbeddedTarget | ServerTarget) -> str:
    """The rows as a table, under a line that says what was measured."""
    where = (
        "in this process"
        if isinstance(target, EmbeddedTarget)
        else "one connection, this Python as the client"
    )
    batch = f", {plan.pipeline} in a pipeline (times are a pipeline's)" if plan.pipeline > 1 else ""
    lines = [
        f"{target.describe()}, {where}: {plan.requests:,} requests each, {plan.value_bytes} bytes{batch}"
    ]
    lines.append(f"{'test':<12}{'requests/s':>12}{'p50 us':>10}{'p99 us':>10}{'longest us':>12}")
    for row in rows:
        numbers = (
            f"{row.requests_per_s:>12,.0f}{row.p50_us:>10,.1f}{row.p99_us:>10,.1f}{row.longest_us:>12,.1f}"
        )
        failed = f"   {row.errors:,} errors: {row.first_error}" if row.errors else ""
        lines.append(f"{row.name:<12}{numbers}{failed}")
    return "\n".join(lines)


class PlanError(ValueError):
    """Words behind `%redis bench` that are none of its options; the text says which are."""


def read_plan(words: Sequence[str]) -> tuple[list[Request], Plan]:
    """What the words ask for.  Raises PlanError.

    >>> tests, plan = read_plan(["get", "-n", "500", "-P", "16"])
    >>> [test.name for test in tests], plan.requests, plan.pipeline
    (['GET'], 500, 16)
    """
    options = {"-n": "requests", "-P": "pipeline", "-d": "value_bytes", "-r": "keys"}
    tests, values = [], {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in options:
            if not rest or not rest[0].isdecimal() or not 1 <= int(rest[0]) <= MOST_REQUESTS:
                raise PlanError(f"{word} is followed by a number from 1 to {MOST_REQUESTS}")
            values[options[word]] = int(rest.pop(0))
        elif word.upper() in TESTS:
            tests.append(TESTS[word.upper()])
        else:
            options_text = "[-n requests] [-P pipeline] [-d bytes] [-r keys]"
            raise PlanError(f"{word} is no test; %redis bench [{' '.join(TESTS)}] {options_text}")
    return tests or [TESTS[name] for name in USUAL], Plan(**values)


def bench(words: Sequence[str], target: EmbeddedTarget | ServerTarget) -> str:
    """What `%redis bench WORDS` prints.  Raises PlanError, TargetError."""
    tests, plan = read_plan(words)
    if isinstance(target, EmbeddedTarget) and plan.pipeline > 1:
        raise TargetError(
            "-P saves round trips, and in this process there are none: connect to a server first"
        )
    return table(run(tests, plan, target), plan, target)
