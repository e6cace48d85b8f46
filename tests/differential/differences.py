"""What the servers that we can run do unlike Redis 7.2, each with its reason.

The reference is Redis OSS 7.2; the judges are Redis 7.0 (Debian's) and Valkey 9.1 (the wheel's). An entry
says which judge is unlike 7.2, recognises the pair of replies, and brings an example that
test_differences.py runs, so that an entry which no longer tells the truth fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.differential.grammar import Command
from tests.differential.times import same_but_times, without_fields, without_idle_consumers
from tests.differential.wire import Reply

REDIS_7_0, VALKEY_9_1 = "redis-7.0", "valkey-9.1"

Explains = Callable[[Command, Reply, Reply], bool]


@dataclass(frozen=True)
class Difference:
    """`explains(command, theirs, ours)` is true for the pairs of replies that this entry accounts for.

    `example` is a list of commands of which the last is answered differently.
    """

    reason: str
    judge: str
    explains: Explains
    example: tuple[str, ...]


def encodings(*pairs: tuple[bytes, bytes]) -> Explains:
    """OBJECT ENCODING answers their name where 7.2 answers ours."""

    def explains(command: Command, theirs: Reply, ours: Reply) -> bool:
        return command[0].upper() == b"OBJECT" and (theirs[1], ours[1]) in pairs

    return explains


def checks_arguments_first(*names: bytes) -> Explains:
    """They complain about an argument; 7.2 looks at the key first, so its answer is about the key."""

    def explains(command: Command, theirs: Reply, ours: Reply) -> bool:
        return (
            command[0].upper() in names
            and error_text(theirs).startswith(b"ERR")
            and (ours[0] != b"-" or error_text(ours).startswith(b"WRONGTYPE"))
        )

    return explains


def error_text(reply: Reply) -> bytes:
    return reply[1] if reply[0] == b"-" else b""


def same_doubles(theirs: Reply, ours: Reply) -> bool:
    """The same but for numbers that are spelled otherwise."""
    if theirs[0] != ours[0] or type(theirs[1]) is not type(ours[1]):
        return False
    if isinstance(theirs[1], list):
        return len(theirs[1]) == len(ours[1]) and all(map(same_doubles, theirs[1], ours[1]))
    if theirs == ours:
        return True
    try:
        return theirs[0] in b"$," and float(theirs[1]) == float(ours[1])
    except ValueError:
        return False


def messages(theirs_text: bytes, ours_text: bytes) -> Explains:
    """The same error in other words."""
    return lambda command, theirs, ours: theirs == (b"-", theirs_text) and ours == (b"-", ours_text)


DIFFERENCES: list[Difference] = [
    Difference(
        "7.2 keeps small sets of strings in a listpack; 7.0 knows intset and hashtable only",
        REDIS_7_0,
        encodings((b"hashtable", b"listpack")),
        ("SADD s a", "OBJECT ENCODING s"),
    ),
    Difference(
        "7.2 keeps a small list in one listpack; in 7.0 every list is a quicklist",
        REDIS_7_0,
        encodings((b"quicklist", b"listpack")),
        ("RPUSH l a", "OBJECT ENCODING l"),
    ),
    Difference(
        "Valkey looks at the arguments before it looks at the key, in more commands than 7.2 does",
        VALKEY_9_1,
        checks_arguments_first(b"GETEX", b"BITCOUNT", b"BITPOS"),
        ("BITCOUNT missing 0 x",),
    ),
    Difference(
        "7.2 needs an end when BITCOUNT is given a start; Valkey counts to the last byte",
        VALKEY_9_1,
        lambda command, theirs, ours: command[0].upper() == b"BITCOUNT" and len(command) == 3,
        ("SET b x", "BITCOUNT b 0"),
    ),
    Difference(
        "7.2 reads BITCOUNT's numbers before it looks at the word after them",
        VALKEY_9_1,
        lambda command, theirs, ours: (
            command[0].upper() == b"BITCOUNT"
            and error_text(theirs) == b"ERR syntax error"
            and ours[0] == b"-"
        ),
        ("SET b x", "BITCOUNT b 0 BYTE NO"),
    ),
    Difference(
        "7.2 embeds strings up to 44 bytes in their object; Valkey's object has room for more",
        VALKEY_9_1,
        encodings((b"embstr", b"raw")),
        ("SET s 0123456789012345678901234567890123456789012345", "OBJECT ENCODING s"),
    ),
    Difference(
        "7.2 reads a cursor by strtoul, which takes an empty or a negative one; Valkey refuses both",
        VALKEY_9_1,
        lambda command, theirs, ours: error_text(theirs) == b"ERR invalid cursor",
        ("SSCAN missing ''",),
    ),
    Difference(
        "7.2 refuses a cursor with spaces, before it looks at the options; Valkey takes it",
        VALKEY_9_1,
        lambda command, theirs, ours: error_text(ours) == b"ERR invalid cursor",
        ("SSCAN missing ' 0'",),
    ),
    Difference(
        "7.2 shares the integers below 10000 among all keys; Valkey shares none",
        VALKEY_9_1,
        lambda command, theirs, ours: (
            command[0].upper() == b"OBJECT" and (theirs, ours) == ((b":", b"1"), (b":", b"2147483647"))
        ),
        ("SET k 7", "OBJECT REFCOUNT k"),
    ),
    Difference(
        "7.2 prints a double by its shortest digits (fpconv); 7.0 by %.17g, which says 0.10000000000000001",
        REDIS_7_0,
        lambda command, theirs, ours: same_doubles(theirs, ours),
        ("ZADD z 0.1 m", "ZSCORE z m"),
    ),
    Difference(
        "7.2 sorts by strtod, which takes leading spaces and an empty string; Valkey refuses them",
        VALKEY_9_1,
        lambda command, theirs, ours: error_text(theirs).startswith(b"ERR One or more scores can't be"),
        ("RPUSH l ''", "SORT l"),
    ),
    Difference(
        "7.0's SORT takes an overflow that an earlier command left in errno for its own",
        REDIS_7_0,
        lambda command, theirs, ours: error_text(theirs).startswith(b"ERR One or more scores can't be"),
        ("SSCAN missing 99999999999999999999", "RPUSH l 1.5", "SORT l"),
    ),
    Difference(
        "7.2 says that a timeout beyond 64 bits is out of range; in 7.0 it wrapped to a negative one",
        REDIS_7_0,
        messages(b"ERR timeout is negative", b"ERR timeout is out of range"),
        ("BLPOP missing 9223372036854775807",),
    ),
    Difference(
        "7.2 refuses LPOS RANK -2^63, whose negation overflows; 7.0 took it for -1",
        REDIS_7_0,
        lambda command, theirs, ours: command[0].upper() == b"LPOS" and b"must between" in error_text(ours),
        ("LPOS missing a RANK -9223372036854775808",),
    ),
    Difference(
        "7.2 has ZRANK and ZREVRANK ... WITHSCORE; 7.0 has not",
        REDIS_7_0,
        lambda command, theirs, ours: (
            command[0].upper() in (b"ZRANK", b"ZREVRANK")
            and error_text(theirs).startswith(b"ERR wrong number")
        ),
        ("ZADD z 1 m", "ZRANK z m WITHSCORE"),
    ),
    Difference(
        "7.2 begins a listpack, where -0 becomes 0, if the first member is short; Valkey looks at all",
        VALKEY_9_1,
        lambda command, theirs, ours: same_doubles(theirs, ours),
        ("ZADD z -0.0 m 1 a-member-of-more-than-20-bytes", "ZSCORE z m"),
    ),
    Difference(
        "7.2 reads scores by strtod, which takes hexadecimal ones; Valkey by fast_float",
        VALKEY_9_1,
        lambda command, theirs, ours: (
            error_text(theirs) == b"ERR value is not a valid float" and any(b"0x" in word for word in command)
        ),
        ("ZADD z 0x10 m",),
    ),
    Difference(
        "7.2 says of a place that is not there that it could not decode it; Valkey names it",
        VALKEY_9_1,
        lambda command, theirs, ours: (
            error_text(ours) == b"ERR could not decode requested zset member"
            and error_text(theirs).endswith(b"does not exist")
        ),
        ("GEOADD g 1 1 a", "GEOSEARCH g FROMMEMBER b BYRADIUS 1 m"),
    ),
    Difference(
        "7.2 knows no NOVALUES; Valkey does, for HSCAN",
        VALKEY_9_1,
        lambda command, theirs, ours: error_text(theirs) == b"ERR NOVALUES option can only be used in HSCAN",
        ("SADD s a", "SSCAN s 0 NOVALUES"),
    ),
    Difference(
        "7.2 finds nothing of a TYPE that it does not know; Valkey says so",
        VALKEY_9_1,
        lambda command, theirs, ours: error_text(theirs).startswith(b"ERR unknown type name"),
        ("SCAN 0 TYPE nosuch",),
    ),
    Difference(
        "7.2 knows since when a consumer has not been given anything (active-time, inactive), and makes one "
        "even if it gets nothing; 7.0 makes it when it is given its first entry",
        REDIS_7_0,
        lambda command, theirs, ours: (
            command[0].upper() == b"XINFO"
            and same_but_times(
                without_idle_consumers(theirs),
                without_fields(without_idle_consumers(ours), b"active-time", b"inactive"),
            )
        ),
        ("XGROUP CREATE s g $ MKSTREAM", "XGROUP CREATECONSUMER s g alice", "XINFO CONSUMERS s g"),
    ),
    Difference(
        "so a consumer may be new there that is known here",
        REDIS_7_0,
        lambda command, theirs, ours: (
            [word.upper() for word in command[:2]] == [b"XGROUP", b"CREATECONSUMER"]
            and (theirs, ours) == ((b":", b"1"), (b":", b"0"))
        ),
        (
            "XGROUP CREATE s g $ MKSTREAM",
            "XREADGROUP GROUP g alice STREAMS s >",
            "XGROUP CREATECONSUMER s g alice",
        ),
    ),
    Difference(
        "7.2 counts on with the entries-read that it was given; Valkey corrects it, and lag, where it can",
        VALKEY_9_1,
        lambda command, theirs, ours: (
            command[0].upper() == b"XINFO"
            and same_but_times(
                without_fields(theirs, b"entries-read", b"lag"), without_fields(ours, b"entries-read", b"lag")
            )
        ),
        (
            "XADD s 1-0 f v",
            "XGROUP CREATE s g 0 ENTRIESREAD 9",
            "XREADGROUP GROUP g a STREAMS s >",
            "XINFO GROUPS s",
        ),
    ),
    Difference(
        "7.2 names the command that has an odd number of streams and ids",
        REDIS_7_0,
        lambda command, theirs, ours: error_text(theirs).startswith(b"ERR Unbalanced XREAD list"),
        ("XREADGROUP GROUP g alice STREAMS s t 0",),
    ),
    Difference(
        "Valkey refuses these inside MULTI by a flag of the command; 7.2 queues CLIENT REPLY, and WATCH says "
        "so itself",
        VALKEY_9_1,
        lambda command, theirs, ours: error_text(theirs).endswith(b"not allowed inside a transaction"),
        ("MULTI", "WATCH k"),
    ),
]
