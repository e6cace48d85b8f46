"""Sorted set commands: members with scores, always in order, found by member, by rank or by score.

Three groups, and in each one idea:

  * ZADD and its conditions. NX: only new members; XX: only old ones; GT, LT: an old one only if its score
    rises, or falls. INCR adds to the score. They answer how many were *added*, with CH how many changed.
  * ZRANGE and its ten relatives are one query: a range of ranks, of scores or of members, from either
    end, with a LIMIT; the answer is sent, stored (ZRANGESTORE), counted (ZCOUNT) or removed (ZREMRANGEBY...).
  * ZUNION, ZINTER, ZDIFF make a new sorted set out of several; plain sets take part with score 1.

Traps: scores are doubles, so 2**53 + 1 is 2**53; a later ZADD lowers a score unless GT says no; equal
scores stand in the order of their members' bytes, so ZREVRANGE turns ties around too.

Mirrors: t_zset.c.
Complexity: O(log N) to find a place, O(M) for M members answered; each docstring says its own.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("ZADD", "board", 100, "ann", 200, "bob", 150, "cid")
3
>>> redis.execute("ZRANGE", "board", 0, 0, "REV", "WITHSCORES"), redis.execute("ZRANK", "board", "cid")
(Pairs([(b'bob', 200.0)]), 1)

Read next: minidis/values/sorted_set.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from minidis.commands.arguments import (
    COUNT_OUT_OF_RANGE,
    deadline_ms,
    integer_in_range,
    may_draw,
)
from minidis.commands.scanning import scan_collection
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import double, integer
from minidis.engine.command_table.registry import (
    BLOCKING,
    DENYOOM,
    FAST,
    MOVABLE_KEYS,
    READONLY,
    WRITE,
    command,
)
from minidis.engine.waiting import Wait
from minidis.protocol.numbers import INTEGER_MAX, format_double, parse_float
from minidis.protocol.replies import NULL_ARRAY, Pairs, ReplyError
from minidis.structures.record import record
from minidis.structures.skiplist import LexRange, ScoreRange
from minidis.values.base import Value
from minidis.values.encodings import Encodings
from minidis.values.sorted_set import Pair, SortedSet, clamp

NX_AND_XX = "ERR XX and NX options at the same time are not compatible"
GT_LT_NX = "ERR GT, LT, and/or NX options at the same time are not compatible"
ONE_INCREMENT = "ERR INCR option supports a single increment-element pair"
NOT_A_NUMBER = "ERR resulting score is not a number (NaN)"
LIMIT_NEEDS_RANGE = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
NO_SCORES_BY_LEX = "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
NOT_POSITIVE = "ERR value is out of range, must be positive"
TOO_FEW_KEYS = "ERR numkeys should be greater than 0"
TOO_SMALL_COUNT = "ERR count should be greater than 0"
WEIGHT_NOT_FLOAT = "ERR weight value is not a float"
NEGATIVE_LIMIT = "ERR LIMIT can't be negative"


# -- adding and removing ---------------------------------------------------------------------------


@command(
    "ZADD key [NX|XX] [GT|LT] [CH] [INCR] score:float member [score:float member ...]",
    WRITE | DENYOOM | FAST,
    since="1.2.0",
    raw=True,
)
def zadd(client: Client, key: bytes, *words: bytes):
    """Add members with their scores, or change the scores of members. O(log N) for each."""
    if len(words) == 2 and words[0] < b"A":  # one member, no option: in half the time
        score, member = double(words[0]), words[1]
        sorted_set = client.db.edit(key, SortedSet)
        if sorted_set is not None:
            return _add_one(client, key, sorted_set, member, score)
    return _add(client, key, words)


@command("ZINCRBY key increment:float member", WRITE | DENYOOM | FAST, since="1.2.0", raw=True)
def zincrby(client: Client, key: bytes, *words: bytes):
    """Add to the score of a member; a missing one starts at 0. O(log N)."""
    return _add(client, key, words, _INCREMENTING)


_ADD_OPTIONS = frozenset((b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"))
_INCREMENTING = frozenset((b"INCR",))


def _add(
    client: Client, key: bytes, words: tuple[bytes, ...], options: frozenset[bytes] = frozenset()
) -> int | float | None:
    """ZADD and ZINCRBY (zaddGenericCommand), from the word after the key on."""
    at, end = 0, len(words)
    while at < end and words[at] >= b"A" and (word := words[at].upper()) in _ADD_OPTIONS:
        options |= {word}  # a score begins below the letters, but for `inf`
        at += 1
    if at == end or (end - at) % 2:
        raise ReplyError(errors.SYNTAX)
    if options:
        _check_add_options(options, end - at)
    pairs = []
    in_turns = iter(words[at:] if at else words)
    for word in in_turns:  # in half the time of a comprehension over places
        pairs.append((double(word), next(in_turns)))

    db = client.db
    incrementing = b"INCR" in options
    sorted_set = db.edit(key, SortedSet)
    if sorted_set is not None:
        sorted_set.expect(len(pairs))
    elif b"XX" in options:
        return None if incrementing else 0
    else:
        node, first_member = client.node, words[at + 1]
        scores = {} if options else {member: score for score, member in pairs}
        if len(scores) == len(pairs) and _fit_alike(scores, first_member, node.encodings):
            db.create(key, SortedSet.from_scores(scores, node.encodings, node.random))
            db.touch(key, "zadd", len(scores))
            return len(scores)
        sorted_set = db.create(key, SortedSet(node.encodings, node.random, len(pairs), len(first_member)))

    added = updated = 0
    new: float | None = None
    for score, member in pairs:
        old = sorted_set.form.score(member)
        new = _next_score(old, score, options) if options else score
        if new is None:
            continue
        if old is None:
            sorted_set.insert(member, new)
            added += 1
        elif new != old:
            sorted_set.update(member, old, new)
            updated += 1
    if added or updated:
        db.touch(key, "zincr" if incrementing else "zadd", added + updated)
    if incrementing:
        return new
    return added + updated if b"CH" in options else added


def _add_one(client: Client, key: bytes, sorted_set: SortedSet, member: bytes, score: float) -> int:
    sorted_set.expect(1)
    is_new = sorted_set.add(member, score)
    if is_new is not None:
        client.db.touch(key, "zadd")
    return 1 if is_new else 0


def _fit_alike(members: Iterable[bytes], first: bytes, encodings: Encodings) -> bool:
    """Are all short enough for a listpack, or not even the first?  Else one becomes another form on the way,
    and what was -0 in it is 0."""
    limit = encodings.zset_max_listpack_value
    return len(first) > limit or max(map(len, members)) <= limit


def _check_add_options(options: frozenset[bytes], words_left: int) -> None:
    if b"NX" in options and b"XX" in options:
        raise ReplyError(NX_AND_XX)
    if len(options & {b"NX", b"GT", b"LT"}) > 1:
        raise ReplyError(GT_LT_NX)
    if b"INCR" in options and words_left > 2:
        raise ReplyError(ONE_INCREMENT)


def _next_score(old: float | None, given: float, options: frozenset[bytes]) -> float | None:
    """The score that a member gets by these options; None if they leave it alone."""
    if old is None:
        return None if b"XX" in options else given
    if b"NX" in options:
        return None
    new = old + given if b"INCR" in options else given
    if new != new:
        raise ReplyError(NOT_A_NUMBER)
    if (b"GT" in options and new <= old) or (b"LT" in options and new >= old):
        return None
    return new


@command("ZREM key member [member ...]", WRITE | FAST, since="1.2.0")
def zrem(client: Client, key: bytes, *members: bytes):
    """Remove members; how many there were. O(log N) for each."""
    sorted_set = client.db.edit(key, SortedSet)
    if sorted_set is None:
        return 0
    removed = sum([sorted_set.remove(member) for member in members])
    return _removed(client, key, sorted_set, removed, "zrem")


@command("ZREMRANGEBYRANK key start:int stop:int", WRITE, since="2.0.0")
def zremrangebyrank(client: Client, key: bytes, start: int, stop: int):
    """Remove the members of these ranks; how many there were. O(log N + M), M removed."""
    sorted_set = client.db.edit(key, SortedSet)
    if sorted_set is None:
        return 0
    removed = sorted_set.delete_ranks(*clamp(start, stop, len(sorted_set)))
    return _removed(client, key, sorted_set, removed, "zremrangebyrank")


@command("ZREMRANGEBYSCORE key min max", WRITE, since="1.2.0")
def zremrangebyscore(client: Client, key: bytes, minimum: bytes, maximum: bytes):
    """Remove the members with a score in the range; how many there were. O(log N + M), M removed."""
    return _remove_range(client, key, score_range(minimum, maximum), "zremrangebyscore")


@command("ZREMRANGEBYLEX key min max", WRITE, since="2.8.9")
def zremrangebylex(client: Client, key: bytes, minimum: bytes, maximum: bytes):
    """Remove the members of a range of names (all scores equal); how many. O(log N + M), M removed."""
    return _remove_range(client, key, lex_range(minimum, maximum), "zremrangebylex")


def _remove_range(client: Client, key: bytes, bounds: ScoreRange | LexRange, event: str) -> int:
    sorted_set = client.db.edit(key, SortedSet)
    if sorted_set is None:
        return 0
    return _removed(client, key, sorted_set, sorted_set.delete_range(bounds), event)


def _removed(client: Client, key: bytes, sorted_set: SortedSet, count: int, event: str) -> int:
    """What follows a removal: the event, and the key goes with its last member."""
    if count:
        client.db.touch(key, event, count)
        client.db.discard_if_empty(key, sorted_set)
    return count


# -- one member, or how many -----------------------------------------------------------------------


@command("ZCARD key", READONLY | FAST, since="1.2.0")
def zcard(client: Client, key: bytes):
    """How many members there are. O(1)."""
    sorted_set = client.db.find(key, SortedSet)
    return 0 if sorted_set is None else len(sorted_set)


@command("ZSCORE key member", READONLY | FAST, since="1.2.0")
def zscore(client: Client, key: bytes, member: bytes):
    """The score of a member. O(1)."""
    sorted_set = client.db.find(key, SortedSet)
    return None if sorted_set is None else sorted_set.score(member)


@command("ZMSCORE key member [member ...]", READONLY | FAST, since="6.2.0")
def zmscore(client: Client, key: bytes, *members: bytes):
    """The scores of several members. O(N) with N being the number of members asked for."""
    sorted_set = client.db.find(key, SortedSet)
    return [None if sorted_set is None else sorted_set.score(member) for member in members]


@command("ZRANK key member [WITHSCORE]", READONLY | FAST, since="2.0.0", raw=True)
def zrank(client: Client, key: bytes, *words: bytes):
    """The rank of a member, 0 for the lowest score. O(log N)."""
    return _rank(client, "zrank", key, words, reverse=False)


@command("ZREVRANK key member [WITHSCORE]", READONLY | FAST, since="2.0.0", raw=True)
def zrevrank(client: Client, key: bytes, *words: bytes):
    """The rank of a member, 0 for the highest score. O(log N)."""
    return _rank(client, "zrevrank", key, words, reverse=True)


def _rank(client: Client, name: str, key: bytes, words: tuple[bytes, ...], reverse: bool) -> Any:
    if len(words) > 2:
        raise errors.wrong_arity(name)
    with_score = len(words) == 2
    if with_score and words[1].upper() != b"WITHSCORE":
        raise ReplyError(errors.SYNTAX)
    member = words[0]
    sorted_set = client.db.find(key, SortedSet)
    rank = None if sorted_set is None else sorted_set.rank(member, reverse)
    if not with_score:
        return rank
    return NULL_ARRAY if sorted_set is None or rank is None else [rank, sorted_set.score(member)]


@command("ZCOUNT key min max", READONLY | FAST, since="2.0.0")
def zcount(client: Client, key: bytes, minimum: bytes, maximum: bytes):
    """How many members have a score in the range. O(log N)."""
    return _count(client, key, score_range(minimum, maximum))


@command("ZLEXCOUNT key min max", READONLY | FAST, since="2.8.9")
def zlexcount(client: Client, key: bytes, minimum: bytes, maximum: bytes):
    """How many members lie in a range of names (all scores equal). O(log N)."""
    return _count(client, key, lex_range(minimum, maximum))


def _count(client: Client, key: bytes, bounds: ScoreRange | LexRange) -> int:
    sorted_set = client.db.find(key, SortedSet)
    return 0 if sorted_set is None else sorted_set.count(bounds)


# -- ranges ----------------------------------------------------------------------------------------


@command(
    "ZRANGE key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset:int count:int] [WITHSCORES]",
    READONLY,
    since="1.2.0",
    raw=True,
)
def zrange(client: Client, key: bytes, *words: bytes):
    """The members in a range of ranks, scores or names, in order. O(log N + M), M answered."""
    return _range(client, key, parse_range(words))


@command(
    "ZRANGESTORE dst:key src:key min max [BYSCORE|BYLEX] [REV] [LIMIT offset:int count:int]",
    WRITE | DENYOOM,
    since="6.2.0",
    raw=True,
)
def zrangestore(client: Client, destination: bytes, source: bytes, *words: bytes):
    """Store a range of one sorted set as another; its size. O(log N + M), M stored."""
    query = parse_range(words, storing=True)
    sorted_set = client.db.find(source, SortedSet)
    pairs = [] if sorted_set is None else query.select(sorted_set)
    return _store(client, destination, dict(pairs), "zrangestore")


@command("ZREVRANGE key start stop [WITHSCORES]", READONLY, since="1.2.0", raw=True)
def zrevrange(client: Client, key: bytes, *words: bytes):
    """The members in a range of ranks, highest score first; now ZRANGE REV. O(log N + M), M answered."""
    return _range(client, key, parse_range(words, by="rank", reverse=True))


@command(
    "ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset:int count:int]", READONLY, since="1.0.5", raw=True
)
def zrangebyscore(client: Client, key: bytes, *words: bytes):
    """The members with a score in the range; now ZRANGE BYSCORE. O(log N + M), M answered."""
    return _range(client, key, parse_range(words, by="score", reverse=False))


@command(
    "ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset:int count:int]",
    READONLY,
    since="2.2.0",
    raw=True,
)
def zrevrangebyscore(client: Client, key: bytes, *words: bytes):
    """The members with a score in the range, highest first; now ZRANGE BYSCORE REV. O(log N + M)."""
    return _range(client, key, parse_range(words, by="score", reverse=True))


@command("ZRANGEBYLEX key min max [LIMIT offset:int count:int]", READONLY, since="2.8.9", raw=True)
def zrangebylex(client: Client, key: bytes, *words: bytes):
    """The members in a range of names (all scores equal); now ZRANGE BYLEX. O(log N + M), M answered."""
    return _range(client, key, parse_range(words, by="lex", reverse=False))


@command("ZREVRANGEBYLEX key max min [LIMIT offset:int count:int]", READONLY, since="2.8.9", raw=True)
def zrevrangebylex(client: Client, key: bytes, *words: bytes):
    """The members in a range of names, last first; now ZRANGE BYLEX REV. O(log N + M), M answered."""
    return _range(client, key, parse_range(words, by="lex", reverse=True))


def _range(client: Client, key: bytes, query: RangeQuery) -> list[bytes] | Pairs:
    sorted_set = client.db.find(key, SortedSet)
    pairs = [] if sorted_set is None else query.select(sorted_set)
    return Pairs(pairs) if query.with_scores else [member for member, _ in pairs]


@record
class RangeQuery:
    """What ZRANGE asks for: ranks `start` to `stop`, or what lies within `bounds`."""

    reverse: bool
    with_scores: bool
    offset: int
    limit: int  # negative: no limit
    start: int = 0
    stop: int = 0
    bounds: ScoreRange | LexRange | None = None

    def select(self, sorted_set: SortedSet) -> list[Pair]:
        """The pairs asked for, in the order asked for."""
        if self.bounds is None:
            return sorted_set.between(self.start, self.stop, self.reverse)
        if self.offset < 0:
            return []  # as Redis, whose countdown from a negative offset passes everything
        if self.limit < 0:
            return sorted_set.within(self.bounds, self.reverse)[self.offset :]
        pairs = sorted_set.walk(self.bounds, self.reverse)
        return list(islice(pairs, self.offset, min(self.offset + self.limit, INTEGER_MAX)))


def parse_range(
    words: tuple[bytes, ...], by: str | None = None, reverse: bool | None = None, storing: bool = False
) -> RangeQuery:
    """Read `min max [options]` (zrangeGenericCommand). ZREVRANGE and others fix `by` or `reverse`."""
    low, high = words[0], words[1]
    with_scores = False
    offset, limit = 0, -1
    at, end = 2, len(words)
    while at < end:
        option = words[at].upper()
        at += 1
        if option == b"WITHSCORES" and not storing:
            with_scores = True
        elif option == b"LIMIT" and at + 1 < end:
            offset, limit = integer(words[at]), integer(words[at + 1])
            at += 2
        elif option == b"REV" and reverse is None:
            reverse = True
        elif option in (b"BYLEX", b"BYSCORE") and by is None:
            by = "lex" if option == b"BYLEX" else "score"
        else:
            raise ReplyError(errors.SYNTAX)
    is_by_rank = by is None or by == "rank"
    if limit != -1 and is_by_rank:
        raise ReplyError(LIMIT_NEEDS_RANGE)
    if with_scores and by == "lex":
        raise ReplyError(NO_SCORES_BY_LEX)
    if is_by_rank:
        return RangeQuery(bool(reverse), with_scores, offset, limit, integer(low), integer(high))
    if reverse:
        low, high = high, low
    bounds = score_range(low, high) if by == "score" else lex_range(low, high)
    return RangeQuery(bool(reverse), with_scores, offset, limit, bounds=bounds)


def score_range(minimum: bytes, maximum: bytes) -> ScoreRange:
    """Two words as a range of scores, or Redis's error."""
    try:
        return ScoreRange.parse(minimum, maximum)
    except ValueError as error:
        raise ReplyError(f"ERR {error}") from None


def lex_range(minimum: bytes, maximum: bytes) -> LexRange:
    """Two words as a range of names, or Redis's error."""
    try:
        return LexRange.parse(minimum, maximum)
    except ValueError as error:
        raise ReplyError(f"ERR {error}") from None


# -- taking the lowest or the highest ----------------------------------------------------------------


@command("ZPOPMIN key [count:int]", WRITE | FAST, since="5.0.0", raw=True)
def zpopmin(client: Client, key: bytes, *words: bytes):
    """Remove and answer the members with the lowest scores. O(log N * M), M answered."""
    return _pop(client, key, words, highest=False)


@command("ZPOPMAX key [count:int]", WRITE | FAST, since="5.0.0", raw=True)
def zpopmax(client: Client, key: bytes, *words: bytes):
    """Remove and answer the members with the highest scores. O(log N * M), M answered."""
    return _pop(client, key, words, highest=True)


@command(
    "ZMPOP numkeys:int key [key ...] (MIN|MAX) [COUNT count:int]",
    WRITE | MOVABLE_KEYS,
    since="7.0.0",
    raw=True,
)
def zmpop(client: Client, *words: bytes):
    """Pop from the first sorted set of a list that is not empty. O(K) + O(M * log N), M answered."""
    reply = _pop_first(client, *_parse_mpop(words))
    return NULL_ARRAY if reply is None else reply


@command(
    "BZPOPMIN key [key ...] timeout:float",
    WRITE | FAST | BLOCKING,
    since="5.0.0",
    raw=True,
)
def bzpopmin(client: Client, *words: bytes):
    """Pop the lowest member of the first sorted set that is not empty, or wait for one. O(log N)."""
    return _pop_or_wait(client, words, highest=False)


@command(
    "BZPOPMAX key [key ...] timeout:float",
    WRITE | FAST | BLOCKING,
    since="5.0.0",
    raw=True,
)
def bzpopmax(client: Client, *words: bytes):
    """Pop the highest member of the first sorted set that is not empty, or wait for one. O(log N)."""
    return _pop_or_wait(client, words, highest=True)


@command(
    "BZMPOP timeout:float numkeys:int key [key ...] (MIN|MAX) [COUNT count:int]",
    WRITE | BLOCKING | MOVABLE_KEYS,
    since="7.0.0",
    raw=True,
)
def bzmpop(client: Client, timeout: bytes, *words: bytes):
    """ZMPOP that waits while all the sorted sets are empty. O(K) + O(M * log N), M answered."""
    keys, highest, count = _parse_mpop(words)
    deadline = deadline_ms(client, timeout)
    reply = _pop_first(client, keys, highest, count)
    return Wait(keys, deadline, kind=SortedSet.kind) if reply is None else reply


def _pop(client: Client, key: bytes, words: tuple[bytes, ...], highest: bool) -> Any:
    """ZPOPMIN and ZPOPMAX. In RESP3 only the form with a count answers nested pairs."""
    if len(words) > 1:
        raise ReplyError(errors.SYNTAX)
    count = integer_in_range(words[0], 0, message=NOT_POSITIVE) if words else 1
    sorted_set = client.db.edit(key, SortedSet)
    pairs = [] if sorted_set is None else _take(client, key, sorted_set, count, highest)
    return Pairs(pairs) if words else [part for pair in pairs for part in pair]


def _pop_or_wait(client: Client, words: tuple[bytes, ...], highest: bool) -> Any:
    *keys, timeout = words
    deadline = deadline_ms(client, timeout)
    for key in keys:
        sorted_set = client.db.edit(key, SortedSet)
        if sorted_set is not None:
            [(member, score)] = _take(client, key, sorted_set, 1, highest)
            client.rewrite(b"ZPOPMAX" if highest else b"ZPOPMIN", key)
            return [key, member, score]
    return Wait(keys, deadline, kind=SortedSet.kind)


def _pop_first(client: Client, keys: list[bytes], highest: bool, count: int) -> list | None:
    """Pop from the first key that exists: [key, [[member, score], ...]], or None if there is none."""
    for key in keys:
        sorted_set = client.db.edit(key, SortedSet)
        if sorted_set is not None:
            pairs = _take(client, key, sorted_set, count, highest)
            client.rewrite(b"ZPOPMAX" if highest else b"ZPOPMIN", key, len(pairs))
            return [key, [list(pair) for pair in pairs]]
    return None


def _take(client: Client, key: bytes, sorted_set: SortedSet, count: int, highest: bool) -> list[Pair]:
    """Remove up to `count` pairs from one end."""
    pairs = sorted_set.slice(0, count, highest)
    sorted_set.delete_ranks(len(sorted_set) - len(pairs) if highest else 0, len(pairs))
    _removed(client, key, sorted_set, len(pairs), "zpopmax" if highest else "zpopmin")
    return pairs


def _parse_mpop(words: tuple[bytes, ...]) -> tuple[list[bytes], bool, int]:
    """`numkeys key [key ...] (MIN|MAX) [COUNT count]` as keys, highest, count."""
    numkeys = integer_in_range(words[0], 1, message=TOO_FEW_KEYS)
    keys = list(words[1 : 1 + numkeys])
    options = [word.upper() for word in words[1 + numkeys :]]
    if not options or options[0] not in (b"MIN", b"MAX"):
        raise ReplyError(errors.SYNTAX)
    count = 1
    if len(options) > 1:
        if options[1] != b"COUNT" or len(options) == 2:
            raise ReplyError(errors.SYNTAX)
        count = integer_in_range(options[2], 1, message=TOO_SMALL_COUNT)
    if len(options) > 3:
        raise ReplyError(errors.SYNTAX)
    return keys, options[0] == b"MAX", count


# -- union, intersection, difference -----------------------------------------------------------------


_COMBINE = "[WEIGHTS weight:float [weight:float ...]] [AGGREGATE (SUM|MIN|MAX)]"


@command(
    f"ZUNION numkeys:int key [key ...] {_COMBINE} [WITHSCORES]",
    READONLY | MOVABLE_KEYS,
    since="6.2.0",
    raw=True,
)
def zunion(client: Client, *words: bytes):
    """The members of any of several sorted sets. O(N) + O(M * log M), N in all inputs, M in the result."""
    return _answer(parse_combination(client, "zunion", words), union)


@command(
    f"ZINTER numkeys:int key [key ...] {_COMBINE} [WITHSCORES]",
    READONLY | MOVABLE_KEYS,
    since="6.2.0",
    raw=True,
)
def zinter(client: Client, *words: bytes):
    """The members of all of several sorted sets. O(N * K) + O(M * log M), N in the smallest of K inputs."""
    return _answer(parse_combination(client, "zinter", words), intersection)


@command(
    "ZDIFF numkeys:int key [key ...] [WITHSCORES]",
    READONLY | MOVABLE_KEYS,
    since="6.2.0",
    raw=True,
)
def zdiff(client: Client, *words: bytes):
    """The members of the first sorted set that are in none of the others. O(N * K) + O(M * log M)."""
    return _answer(parse_combination(client, "zdiff", words, weighted=False), difference)


@command(
    "ZINTERCARD numkeys:int key [key ...] [LIMIT limit:int]",
    READONLY | MOVABLE_KEYS,
    since="7.0.0",
    raw=True,
)
def zintercard(client: Client, *words: bytes):
    """How many members all of several sorted sets share, counted up to a limit. O(N * K)."""
    combination = parse_combination(client, "zintercard", words, weighted=False, counting=True)
    common = _common_members(combination.sources)
    return len(list(islice(common, combination.limit or None)))


@command(
    f"ZUNIONSTORE destination:key numkeys:int key [key ...] {_COMBINE}",
    WRITE | DENYOOM | MOVABLE_KEYS,
    since="2.0.0",
    raw=True,
)
def zunionstore(client: Client, destination: bytes, *words: bytes):
    """Store the union of sorted sets; its size. O(N) + O(M * log M), N in all inputs, M in the result."""
    combination = parse_combination(client, "zunionstore", words, storing=True)
    return _store(client, destination, union(combination), "zunionstore")


@command(
    f"ZINTERSTORE destination:key numkeys:int key [key ...] {_COMBINE}",
    WRITE | DENYOOM | MOVABLE_KEYS,
    since="2.0.0",
    raw=True,
)
def zinterstore(client: Client, destination: bytes, *words: bytes):
    """Store the intersection of sorted sets; its size. O(N * K) + O(M * log M)."""
    combination = parse_combination(client, "zinterstore", words, storing=True)
    return _store(client, destination, intersection(combination), "zinterstore")


@command(
    "ZDIFFSTORE destination:key numkeys:int key [key ...]",
    WRITE | DENYOOM | MOVABLE_KEYS,
    since="6.2.0",
    raw=True,
)
def zdiffstore(client: Client, destination: bytes, *words: bytes):
    """Store the difference of sorted sets; its size. O(N * K) + O(M * log M)."""
    combination = parse_combination(client, "zdiffstore", words, weighted=False, storing=True)
    return _store(client, destination, difference(combination), "zdiffstore")


def _answer(combination: Combination, operation: Callable[[Combination], dict[bytes, float]]) -> Any:
    """The result in order of (score, member)."""
    elements = sorted([(score, member) for member, score in operation(combination).items()])
    if combination.with_scores:
        return Pairs([(member, score) for score, member in elements])
    return [member for _, member in elements]


def _store(client: Client, destination: bytes, scores: dict[bytes, float], event: str) -> int:
    """Put a result in place of whatever the destination held; an empty one deletes it."""
    db, node = client.db, client.node
    if scores:
        db.put(destination, SortedSet.from_scores(scores, node.encodings, node.random))
        db.touch(destination, event)
    elif db.edit(destination) is not None:
        db.delete(destination)
        db.touch(destination, "del")
    return len(scores)


class Source:
    """One input: a sorted set, a plain set whose members all score 1, or a key that is missing."""

    def __init__(self, value: Value | None) -> None:
        if value is not None and value.kind not in ("zset", "set"):
            raise ReplyError(errors.WRONG_TYPE)
        self.value: Any = value
        self.weight = 1.0

    def __len__(self) -> int:
        return 0 if self.value is None else len(self.value)

    def __iter__(self) -> Iterator[Pair]:
        if self.value is None:
            return iter(())
        if self.value.kind == "zset":
            return iter(self.value)
        return ((member, 1.0) for member in self.value)

    def members(self) -> Iterator[bytes]:
        """Its members, in any order, one after the other."""
        if self.value is None:
            return iter(())
        return iter(self.value.scores if self.value.kind == "zset" else self.value)

    def weighted(self) -> Iterable[Pair]:
        """Its members and their weighted scores."""
        if self.weight == 1:
            return self
        return [(member, _weighted(score, self.weight)) for member, score in self]

    def contains(self) -> Callable[[bytes], bool]:
        """A function that knows the members."""
        if self.value is None:
            return lambda member: False
        known = self.value.scores if self.value.kind == "zset" else self.value.container(1)
        return known.__contains__

    def scores(self) -> Callable[[bytes], float | None]:
        """A function from a member to its score, None if it is no member."""
        if self.value is None:
            return lambda member: None
        if self.value.kind == "zset":
            return self.value.scores.get
        contains = self.contains()
        return lambda member: 1.0 if contains(member) else None


def _sum(left: float, right: float) -> float:
    total = left + right
    return total if total == total else 0.0  # inf + -inf: Redis settles on 0


_AGGREGATES: dict[bytes, Callable[[float, float], float]] = {
    b"SUM": _sum,
    b"MIN": lambda left, right: right if right < left else left,
    b"MAX": lambda left, right: right if right > left else left,
}


@record
class Combination:
    """What ZUNION and its family were asked."""

    sources: list[Source]
    aggregate: Callable[[float, float], float] = _sum
    with_scores: bool = False
    limit: int = 0

    def smallest_first(self) -> list[Source]:
        """Redis's order of work, which decides how sums of doubles round."""
        return sorted(self.sources, key=len)


def parse_combination(
    client: Client,
    name: str,
    words: tuple[bytes, ...],
    weighted: bool = True,
    storing: bool = False,
    counting: bool = False,
) -> Combination:
    """Read `numkeys key [key ...] [options]` (zunionInterDiffGenericCommand); keys are looked up first."""
    numkeys = integer(words[0])
    if numkeys < 1:
        raise ReplyError(f"ERR at least 1 input key is needed for '{name}' command")
    if numkeys > len(words) - 1:
        raise ReplyError(errors.SYNTAX)
    combination = Combination([Source(client.db.find(key)) for key in words[1 : 1 + numkeys]])
    options = list(words[1 + numkeys :])
    while options:
        option = options.pop(0).upper()
        if option == b"WEIGHTS" and weighted and len(options) >= numkeys:
            for source in combination.sources:
                source.weight = _weight(options.pop(0))
        elif option == b"AGGREGATE" and weighted and options and options[0].upper() in _AGGREGATES:
            combination.aggregate = _AGGREGATES[options.pop(0).upper()]
        elif option == b"WITHSCORES" and not storing and not counting:
            combination.with_scores = True
        elif option == b"LIMIT" and counting and options:
            combination.limit = integer_in_range(options.pop(0), 0, INTEGER_MAX, NEGATIVE_LIMIT)
        else:
            raise ReplyError(errors.SYNTAX)
    return combination


def _weight(text: bytes) -> float:
    weight = parse_float(text)
    if weight is None:
        raise ReplyError(WEIGHT_NOT_FLOAT)
    return weight


def union(combination: Combination) -> dict[bytes, float]:
    """Every member of any source; its weighted scores aggregated."""
    smallest, *others = combination.smallest_first()
    aggregate, scores = combination.aggregate, dict(smallest.weighted())
    for source in others:
        for member, score in source.weighted():
            scores[member] = aggregate(scores[member], score) if member in scores else score
    return scores


def intersection(combination: Combination) -> dict[bytes, float]:
    """Every member of all sources; its weighted scores aggregated."""
    smallest, *others = combination.smallest_first()
    aggregate, totals = combination.aggregate, dict(smallest.weighted())
    for source in others:
        score_of, weight = source.scores(), source.weight
        totals = {
            member: aggregate(total, score * weight)
            for member, total in totals.items()
            if (score := score_of(member)) is not None
        }
    return totals


def difference(combination: Combination) -> dict[bytes, float]:
    """Every member of the first source that no other has, with its score there."""
    first, *others = combination.sources
    left = list(first)
    for contains in [source.contains() for source in others]:
        left = [pair for pair in left if not contains(pair[0])]
    return dict(left)


def _common_members(sources: list[Source]) -> Iterable[bytes]:
    smallest, *others = sorted(sources, key=len)
    common: Iterable[bytes] = smallest.members()
    for source in others:
        common = filter(source.contains(), common)
    return common


def _weighted(score: float, weight: float) -> float:
    product = score * weight
    return product if product == product else 0.0  # 0 * inf: Redis settles on 0


# -- random members, scanning ------------------------------------------------------------------------


@command("ZRANDMEMBER key [count:int [WITHSCORES]]", READONLY, since="6.2.0", raw=True)
def zrandmember(client: Client, key: bytes, *words: bytes):
    """Random members: `count` different ones, or -`count` that may repeat. O(M), M answered."""
    random = client.node.random
    if not words:
        sorted_set = client.db.find(key, SortedSet)
        return None if sorted_set is None else sorted_set.at([random.randrange(len(sorted_set))])[0][0]
    count = integer_in_range(words[0], -INTEGER_MAX)
    if len(words) > 2 or (len(words) == 2 and words[1].upper() != b"WITHSCORES"):
        raise ReplyError(errors.SYNTAX)
    with_scores = len(words) == 2
    if with_scores and not -(INTEGER_MAX // 2) <= count <= INTEGER_MAX // 2:
        raise ReplyError(COUNT_OUT_OF_RANGE)
    sorted_set = client.db.find(key, SortedSet)
    if sorted_set is None or count == 0:
        return []
    length = len(sorted_set)
    if count < 0:
        if not may_draw(client, -count):
            return []
        pairs = sorted_set.at(random.choices(range(length), k=-count))
    elif count >= length:
        pairs = list(sorted_set)
    else:
        pairs = sorted_set.at(random.sample(range(length), count))
    return Pairs(pairs) if with_scores else [member for member, _ in pairs]


@command("ZSCAN key cursor:int [MATCH pattern] [COUNT count:int]", READONLY, since="2.8.0", raw=True)
def zscan(client: Client, key: bytes, *words: bytes):
    """Walk the members and scores a few at a time. O(1) for every call, O(N) for the whole walk."""
    return scan_collection(client, SortedSet, key, words, _scan_rows)


def _scan_rows(sorted_set: SortedSet, members: Iterable[bytes] | None) -> Iterator[tuple[bytes, ...]]:
    """Redis prints the scores of a table by %.17g, 0.1 as 0.10000000000000001, those of a listpack not."""
    table = sorted_set.table
    if members is None or table is None:
        return ((member, format_double(score)) for member, score in sorted_set)
    return ((member, b"%.17g" % table[member]) for member in members)
