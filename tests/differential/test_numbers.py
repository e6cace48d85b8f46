"""Numbers as text, thousands at a time, by the word of real servers."""

from __future__ import annotations

import math
import struct
from random import Random

import pytest

from minidis.protocol.numbers import (
    LongDouble,
    add_long_doubles,
    format_double,
    format_long_double,
    parse_float,
    parse_integer,
    parse_long_double,
)
from tests.differential.sides import RealSide

COUNT = 4000
PIECES = [
    b"0",
    b"1",
    b"7",
    b"9",
    b"12",
    b"00",
    b"-",
    b"+",
    b".",
    b"e",
    b"E",
    b"x",
    b"p",
    b"inf",
    b"nan",
    b" ",
]
PIECES += [
    b"INF",
    b"infinity",
    b"0x",
    b"a",
    b"\0",
    b"e+",
    b"e-",
    b"308",
    b"309",
    b"324",
    b"4932",
    b"_",
    b"\t",
]
PIECES += [b"9223372036854775807", b"9223372036854775808", b"18446744073709551616"]


def odd_text(random: Random) -> bytes:
    return b"".join(random.choices(PIECES, k=random.randint(0, 5)))


def any_double(random: Random) -> float:
    kind = random.random()
    if kind < 0.4:
        (value,) = struct.unpack("<d", random.randbytes(8))
        return value if math.isfinite(value) else 0.5
    if kind < 0.6:
        return float(random.randint(-(2**63), 2**63)) * random.choice([1, 2, 10, 0.5, 0.001])
    return round(random.uniform(-1000, 1000), random.randint(0, 16)) * 10.0 ** random.randint(-12, 25)


def any_number(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.4:
        return b"%d.%0*d" % (random.randint(-999, 999), random.randint(1, 17), random.randint(0, 9))
    if kind < 0.7:
        return repr(any_double(random)).encode()
    return odd_text(random)


@pytest.fixture
def run(judge: RealSide):
    judge.restart(2)
    return judge.run


def test_integers(run):
    random = Random(1)
    texts = [odd_text(random) for _ in range(COUNT)]
    replies = run([command for text in texts for command in ((b"SET", b"k", text), (b"INCRBY", b"k", b"0"))])
    for text, (kind, reply) in zip(texts, replies[1::2], strict=True):
        value = parse_integer(text)
        assert (kind, reply) == (b":", b"%d" % value) if value is not None else kind == b"-", text


def test_doubles_are_read(run, judge):
    """Valkey reads doubles with fast_float, which knows no hexadecimal."""
    random = Random(2)
    texts = [odd_text(random) for _ in range(COUNT)]
    if judge.name == "valkey-9.1":
        texts = [text for text in texts if b"x" not in text]
    commands = [(b"ZADD", b"z", text, b"m") for text in texts]
    scores = [(b"ZSCORE", b"z", b"m")] * len(texts)
    replies = run([command for pair in zip(commands, scores, strict=True) for command in pair])
    for text, (kind, _), (_, score) in zip(texts, replies[::2], replies[1::2], strict=True):
        value = parse_float(text)
        assert (kind == b"-") == (value is None), text
        assert value is None or float(score) == value, text


def test_doubles_are_written(run, judge):
    """7.0 writes %.17g, and only Redis 7.2 and Valkey know fpconv; so there only the value is compared."""
    random = Random(3)
    values = [any_double(random) for _ in range(COUNT)]
    # A second member beyond the listpack's limits: in a listpack -0 is the integer 0.
    run([(b"ZADD", b"z", b"0", b"x" * 100)])
    commands = [
        command
        for value in values
        for command in ((b"ZADD", b"z", repr(value).encode(), b"m"), (b"ZSCORE", b"z", b"m"))
    ]
    for value, (_, score) in zip(values, run(commands)[1::2], strict=True):
        ours = format_double(value)
        assert (ours == score) if judge.name == "valkey-9.1" else float(ours) == float(score), value


@pytest.mark.parametrize("kind", ["string", "hash"])
def test_long_doubles_add(run, kind):
    random = Random(4)
    pairs = [(any_number(random), any_number(random)) for _ in range(COUNT)]
    commands: list[tuple[bytes, ...]] = []
    for left, right in pairs:
        if kind == "string":
            commands += [(b"SET", b"k", left), (b"INCRBYFLOAT", b"k", right)]
        else:
            commands += [(b"HSET", b"h", b"f", left), (b"HINCRBYFLOAT", b"h", b"f", right)]
    for (left, right), (reply_kind, reply) in zip(pairs, run(commands)[1::2], strict=True):
        ours = added(left, right)
        if ours is None:
            assert reply_kind == b"-", (left, right)
        else:
            assert reply == format_long_double(ours), (left, right)


def added(left: bytes, right: bytes) -> LongDouble | None:
    """The sum, or None where INCRBYFLOAT answers an error."""
    operands = [parse_long_double(text) for text in (left, right)]
    if None in operands:
        return None
    total = add_long_doubles(*operands)
    return total if not isinstance(total, float) else None
