"""Pools that several grammars draw from. Small on purpose: collisions are where the faults are."""

from __future__ import annotations

from random import Random

from tests.differential.grammar import Pool, Unit

# Values at the edges of Redis's integer encodings, and what only looks like an integer.
INTEGERS = [
    b"0", b"1", b"-1", b"2", b"7", b"-9", b"10", b"100", b"127", b"128", b"-128", b"-129", b"255", b"256",
    b"4095", b"4096", b"32767", b"32768", b"-32768", b"-32769", b"8388607", b"-8388609", b"2147483647",
    b"2147483648", b"-2147483649", b"9223372036854775806", b"9223372036854775807", b"-9223372036854775808",
]  # fmt: skip
FLOATS = [
    b"0", b"1", b"-1", b"1.5", b"-2.25", b"0.1", b"3.0", b"1e3", b"-0.0", b"2.5e-3", b"1e17",
    b"123456789.125", b"5e-324", b"inf", b"-inf", b"+inf", b"1e308", b".5", b"17.",
]  # fmt: skip
TEXTS = [
    b"", b"a", b"b", b"c", b"foo", b"bar", b"hello world", b"\x00\xff\r\n", "caf\u00e9 \U0001f600".encode(),
    b"x" * 19, b"x" * 20, b"x" * 21, b"x" * 44, b"y" * 45, b"z" * 64, b"w" * 65, b"01", b" 1", b"1.0", b"nan",
]  # fmt: skip
COUNTS = [b"0", b"1", b"2", b"3", b"5", b"10", b"100", b"-1", b"-2", b"-5"]
INDEXES = [b"0", b"1", b"2", b"3", b"5", b"8", b"20", b"100", b"-1", b"-2", b"-3", b"-8", b"-100"]

OTHER_KEYS = [b"text", b"number", b"list", b"set", b"zset", b"hash", b"stream"]

# One key of every type, so that a command often meets the wrong one; grammars change them as they change
# any key.
SETUP: list[Unit] = [
    ((b"SET", b"text", b"hello"),),
    ((b"SET", b"number", b"41"),),
    ((b"RPUSH", b"list", b"a", b"b", b"3"),),
    ((b"SADD", b"set", b"a", b"b", b"c"),),
    ((b"ZADD", b"zset", b"1", b"a", b"2", b"b"),),
    ((b"HSET", b"hash", b"field", b"value", b"n", b"1"),),
    ((b"XADD", b"stream", b"1-1", b"field", b"value"),),
]

FAR_MILLISECONDS = 4_102_444_800_000  # the year 2100


def keys(*own: bytes, foreign_share: float = 0.06) -> Pool:
    """A type's own keys, now and then one of another type."""
    return lambda rng: rng.choice(OTHER_KEYS) if rng.random() < foreign_share else rng.choice(own)


def relative_seconds(rng: Random) -> bytes:
    """A life time from a day to three years: never the same twice, so GT and LT do not hang on a
    millisecond."""
    return b"%d" % rng.randrange(86_400, 100_000_000)


def relative_milliseconds(rng: Random) -> bytes:
    return b"%d" % rng.randrange(86_400_000, 100_000_000_000)


TIMES: dict[str, Pool] = {
    "seconds": relative_seconds,
    "milliseconds": relative_milliseconds,
    "unix_seconds": [b"%d" % (FAR_MILLISECONDS // 1000 + step) for step in range(4)],
    "unix_milliseconds": [b"%d" % (FAR_MILLISECONDS + step) for step in range(0, 4000, 500)],
    "past_seconds": [b"1", b"1000000000"],
    "bad_time": [
        b"0",
        b"-1",
        b"9223372036854775807",
        b"9223372036854775",
        b"-9223372036854775808",
        b"soon",
        b"1.5",
    ],
}

COMMON: dict[str, Pool] = {
    "integer": INTEGERS,
    "float": FLOATS,
    "text": TEXTS,
    "count": COUNTS,
    "index": INDEXES,
    "value": TEXTS + INTEGERS + FLOATS,
    "other": OTHER_KEYS,
    **TIMES,
}
