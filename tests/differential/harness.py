"""Feeds the same random commands to two servers and compares every reply, byte by byte, error texts included.

A run is a list of units (see grammar.py). Both sides answer all of it in one go; after every `PROBE_EVERY`
units, and at the end, each key's TYPE, OBJECT ENCODING, expiry and full value are compared too. What may
differ is said in tables, each entry with its reason:

- SETS, MAPS, SORTS and CURSORS here: replies whose order is a hash table's business; in a small encoding
  the order must agree as well;
- APPROXIMATE and RANDOM here: replies that count down with the clock, or are drawn by lot;
- DIFFERENCES in differences.py: what Redis 7.0 or Valkey 9.1 do unlike Redis 7.2.

A mismatch shows the seed, the two replies and the shortest list of commands that still leads to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tests.differential.differences import DIFFERENCES
from tests.differential.grammar import Command, Unit
from tests.differential.times import TIMED, same_but_times
from tests.differential.wire import Reply, show

PROBE_EVERY = 200
SHRINK_TRIALS = 400

# Set by CONFIG on both sides before each run, so that a few dozen elements cross every threshold.
THRESHOLDS: dict[bytes, bytes] = {
    b"hash-max-listpack-entries": b"12",
    b"hash-max-listpack-value": b"20",
    b"set-max-intset-entries": b"10",
    b"set-max-listpack-entries": b"12",
    b"set-max-listpack-value": b"20",
    b"zset-max-listpack-entries": b"12",
    b"zset-max-listpack-value": b"20",
    b"list-max-listpack-size": b"8",
    b"list-compress-depth": b"0",
    b"hll-sparse-max-bytes": b"3000",
    b"stream-node-max-bytes": b"300",
    b"stream-node-max-entries": b"6",
}

SETS = {b"SMEMBERS", b"SUNION", b"SINTER", b"SDIFF", b"KEYS", b"HKEYS", b"HVALS", b"ACL", b"COMMAND"}
MAPS = {b"HGETALL"}
SET_STORES = {b"SUNIONSTORE", b"SINTERSTORE", b"SDIFFSTORE"}
SORTS = {b"SORT", b"SORT_RO"}
CURSORS = {b"SCAN": 1, b"SSCAN": 1, b"HSCAN": 2, b"ZSCAN": 2}  # elements that belong together
END_OF_SCAN = (b"$", b"0")
SMALL_ENCODINGS = (b"listpack", b"intset")

SECONDS_SLACK = 20
APPROXIMATE = {
    b"TTL": SECONDS_SLACK,
    b"EXPIRETIME": SECONDS_SLACK,
    b"PTTL": SECONDS_SLACK * 1000,
    b"PEXPIRETIME": SECONDS_SLACK * 1000,
}

# Random by design: both sides must answer with the same shape, and the grammar never lets it change the state
# unless a DEL follows in the same unit.
RANDOM = {b"SPOP", b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER", b"RANDOMKEY"}


class Side(Protocol):
    """One of the two that are compared."""

    name: str

    def restart(self, protocol: int) -> None:
        """An empty dataset, THRESHOLDS set, and a new connection that speaks RESP `protocol`."""

    def run(self, commands: list[Command]) -> list[Reply]: ...


@dataclass
class Mismatch:
    """Where the two sides part: `units` is the shortest list found that ends in it."""

    units: list[Unit]
    command: Command
    theirs: Reply
    ours: Reply

    def report(self, theirs: Side, ours: Side, seed: int, protocol: int) -> str:
        lines = [f"seed {seed}, RESP{protocol}: {theirs.name} and {ours.name} part after these commands:", ""]
        lines += [f"    {show_command(command)}" for unit in self.units for command in unit]
        lines += ["", f"asked:  {show_command(self.command)}"]
        width = max(len(theirs.name), len(ours.name))
        lines += [f"{theirs.name:{width}}  {show(self.theirs)}", f"{ours.name:{width}}  {show(self.ours)}"]
        return "\n".join(lines)


def assert_same(
    theirs: Side, ours: Side, units: list[Unit], keys: list[bytes], seed: int, protocol: int
) -> None:
    """Fail with a report when the sides differ anywhere in `units` or in what is left of `keys`."""
    mismatch = find_mismatch(theirs, ours, units, keys, protocol)
    if mismatch:
        mismatch = shrink(theirs, ours, mismatch, keys, protocol)
        raise AssertionError(mismatch.report(theirs, ours, seed, protocol))


def find_mismatch(
    theirs: Side, ours: Side, units: list[Unit], keys: list[bytes], protocol: int
) -> Mismatch | None:
    """The first command whose replies differ, None when all agree."""
    commands, owners = with_probes(units, keys)
    theirs.restart(protocol)
    ours.restart(protocol)
    their_replies, our_replies = theirs.run(commands), ours.run(commands)
    compare = Comparison(theirs.name, ours.name)
    for at, (command, their, our) in enumerate(zip(commands, their_replies, our_replies, strict=True)):
        compare.note(command)
        if their != our and not compare.excused(command, their, our, their_replies[at + 1 : at + 2]):
            return Mismatch(units[: owners[at] + 1], command, their, our)
    return None


def with_probes(units: list[Unit], keys: list[bytes]) -> tuple[list[Command], list[int]]:
    """The commands of all units with the questions about their effects, and the index of each one's unit."""
    commands: list[Command] = []
    owners: list[int] = []
    for index, unit in enumerate(units):
        extended = [part for command in unit for part in (command, *encoding_question(command))]
        if index % PROBE_EVERY == PROBE_EVERY - 1 or index == len(units) - 1:
            extended += [question for key in keys for question in questions_about(key)]
        commands += extended
        owners += [index] * len(extended)
    return commands, owners


def encoding_question(command: Command) -> list[Command]:
    """After a reply whose order may depend on the encoding: which encoding was it?"""
    if name_of(command) in {b"SMEMBERS", b"HKEYS", b"HVALS", b"HGETALL"} and len(command) == 2:
        return [(b"OBJECT", b"ENCODING", command[1])]
    return []


def questions_about(key: bytes) -> list[Command]:
    """The state of a key, whatever its type is: the readings of the other types must be the same errors."""
    return [
        (b"TYPE", key),
        (b"OBJECT", b"ENCODING", key),
        (b"PEXPIRETIME", key),
        (b"GET", key),
        (b"LRANGE", key, b"0", b"-1"),
        (b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"),
        (b"SMEMBERS", key),
        (b"OBJECT", b"ENCODING", key),
        (b"HGETALL", key),
        (b"OBJECT", b"ENCODING", key),
        (b"XRANGE", key, b"-", b"+"),
        (b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"),
    ]


class Comparison:
    """Judges whether two unequal replies are the same by a rule of this module or by a known difference."""

    def __init__(self, *names: str) -> None:
        self.known = [[known for known in DIFFERENCES if known.judge == name] for name in names]
        self.filled_from_tables: set[bytes] = set()

    def note(self, command: Command) -> None:
        """Remember keys whose listpack may have been filled in the order of other sets' hash tables."""
        if name_of(command) in SET_STORES and len(command) > 1:
            self.filled_from_tables.add(command[1])

    def excused(self, command: Command, theirs: Reply, ours: Reply, next_reply: list[Reply]) -> bool:
        name = name_of(command)
        return (
            (name in APPROXIMATE and nearly(theirs, ours, APPROXIMATE[name]))
            or (name in RANDOM and shape(theirs) == shape(ours))
            or (name in TIMED and same_but_times(theirs, ours))
            or self.same_without_order(command, theirs, ours, next_reply)
            or any(known.explains(command, theirs, ours) for known in self.known[0])
            or any(known.explains(command, ours, theirs) for known in self.known[1])
        )

    def same_without_order(
        self, command: Command, theirs: Reply, ours: Reply, next_reply: list[Reply]
    ) -> bool:
        name = name_of(command)
        if theirs[0] != ours[0] or not isinstance(theirs[1], list) or not isinstance(ours[1], list):
            return False
        if name in CURSORS and len(theirs[1]) == 2 == len(ours[1]):
            begun_at = command[1 if name == b"SCAN" else 2]
            if begun_at != b"0" or theirs[1][0] != END_OF_SCAN or ours[1][0] != END_OF_SCAN:
                return True  # a part of the walk: which part is the hash table's business
            return groups(theirs[1][1], CURSORS[name]) == groups(ours[1][1], CURSORS[name])
        if (
            encoding_question(command)
            and next_reply
            and next_reply[0][1] in SMALL_ENCODINGS
            and command[1] not in self.filled_from_tables
        ):
            return False
        if name in SORTS and ties_are_open(command):
            size = max(1, [word.upper() for word in command].count(b"GET"))
            return groups(theirs, size) == groups(ours, size)
        if name in SETS:
            return groups(theirs, 1) == groups(ours, 1)
        return name in MAPS and groups(theirs, 2) == groups(ours, 2)


def nearly(theirs: Reply, ours: Reply, slack: int) -> bool:
    """Two positive counts that the passing time explains."""
    if theirs[0] != b":" or ours[0] != b":":
        return False
    their, our = int(theirs[1]), int(ours[1])
    return their > 0 and our > 0 and abs(their - our) <= slack


def ties_are_open(command: Command) -> bool:
    """SORT BY leaves equal weights, and all elements under `nosort`, as they come from the hash table."""
    words = [word.upper() for word in command]
    if b"BY" not in words[:-1]:
        return False
    pattern = command[words.index(b"BY") + 1]
    return b"ALPHA" in words or b"*" not in pattern


def groups(reply: Reply, size: int) -> list:
    """The elements of an array in chunks of `size`, sorted."""
    items = reply[1] or []
    return sorted((items[at : at + size] for at in range(0, len(items), size)), key=repr)


def shape(reply: Reply) -> object:
    """What two random replies must have in common: types, nulls, error texts and lengths of arrays."""
    kind, payload = reply
    if isinstance(payload, list):
        return kind, [shape(item) for item in payload]
    return kind, payload if kind == b"-" or payload is None else b"..."


def shrink(theirs: Side, ours: Side, mismatch: Mismatch, keys: list[bytes], protocol: int) -> Mismatch:
    """Deletes units as long as the sides still part, in halves first, then in ever smaller pieces."""
    best = mismatch
    trials = 0
    size = max(1, len(best.units) // 2)
    while trials < SHRINK_TRIALS:
        at, before = 0, len(best.units)
        while at < len(best.units) and trials < SHRINK_TRIALS:
            fewer = best.units[:at] + best.units[at + size :]
            trials += 1
            smaller = find_mismatch(theirs, ours, fewer, keys, protocol) if fewer else None
            if smaller:
                best = smaller
            else:
                at += size
        if size == 1 and len(best.units) == before:
            break
        size = max(1, size // 2)
    return best


def name_of(command: Command) -> bytes:
    return command[0].upper()


def show_command(command: Command) -> str:
    """A command as one could type it again."""
    return " ".join(
        word if is_plain(word) else quoted(word) for word in (a.decode("latin-1") for a in command)
    )


def is_plain(word: str) -> bool:
    return word.isascii() and word.isprintable() and bool(word) and not set(word) & set(" \"'\\")


def quoted(word: str) -> str:
    escaped = "".join(
        f"\\{char}" if char in '"\\' else char if " " <= char <= "~" else f"\\x{ord(char):02x}"
        for char in word
    )
    return f'"{escaped}"'
