"""Plausible wrong answers to the exercises of chapter 4, and the tests that must refuse each."""

from __future__ import annotations

import math
import time

from minidis.structures.skiplist import SkipListNode

# -- 4.1 ---------------------------------------------------------------------------------------------

THREE = "three above, me, three below"
ENDS = "near the top and the bottom the list is shorter"
TIES = "equal scores share a place, and the next place is left out"
EDGE = "a place shared with somebody beyond the edge of the list"
DIGIT = "scores that differ in the last digit are not equal"
ABSENT = "who is not on the board has no neighbours"
BIG = "a big board stays in Redis"
RANDOM = "random boards with many ties"


def _window(redis, board, player, distance):
    rank = redis.zrevrank(board, player)
    if rank is None:
        return 0, []
    first = max(rank - distance, 0)
    return first, redis.zrange(board, first, rank + distance, desc=True, withscores=True)


def negative_start(redis, board, player, distance=3):
    rank = redis.zrevrank(board, player)
    if rank is None:
        return []
    rows = redis.zrange(board, rank - distance, rank + distance, desc=True, withscores=True)
    return [(redis.zcount(board, f"({score!r}", "inf") + 1, name, score) for name, score in rows]


def from_zero(redis, board, player, distance=3):
    rows = _window(redis, board, player, distance)[1]
    return [(redis.zcount(board, f"({score!r}", "inf"), name, score) for name, score in rows]


def own_place_for_each(redis, board, player, distance=3):
    first, rows = _window(redis, board, player, distance)
    return [(position, name, score) for position, (name, score) in enumerate(rows, first + 1)]


def dense_places(redis, board, player, distance=3):
    first, rows = _window(redis, board, player, distance)
    answer = []
    for name, score in rows:
        if not answer:
            place = redis.zcount(board, f"({score!r}", "inf") + 1
        elif score != answer[-1][2]:
            place += 1
        answer.append((place, name, score))
    return answer


def ties_within_the_window_only(redis, board, player, distance=3):
    first, rows = _window(redis, board, player, distance)
    scores = [score for _, score in rows]
    return [(first + 1 + scores.index(score), name, score) for name, score in rows]


def rounded_bound(redis, board, player, distance=3):
    rows = _window(redis, board, player, distance)[1]
    return [(redis.zcount(board, f"({score:g}", "inf") + 1, name, score) for name, score in rows]


def lowest_first(redis, board, player, distance=3):
    rank = redis.zrank(board, player)
    if rank is None:
        return []
    first = max(rank - distance, 0)
    rows = redis.zrange(board, first, rank + distance, withscores=True)
    return [(redis.zcount(board, "-inf", f"({score!r}") + 1, name, score) for name, score in rows]


def absent_player_crashes(redis, board, player, distance=3):
    first = max(redis.zrevrank(board, player) - distance, 0)
    rows = redis.zrange(board, first, first + 2 * distance, desc=True, withscores=True)
    return [(redis.zcount(board, f"({score!r}", "inf") + 1, name, score) for name, score in rows]


def whole_board(redis, board, player, distance=3):
    rows = redis.zrange(board, 0, -1, desc=True, withscores=True)
    names = [name for name, _ in rows]
    if player.encode() not in names:
        return []
    at = names.index(player.encode())
    placed = [(1 + sum(other > score for _, other in rows), name, score) for name, score in rows]
    return placed[max(at - distance, 0) : at + distance + 1]


# -- 4.2 ---------------------------------------------------------------------------------------------

DUE = "a job comes when it is due, not before"
FRACTIONS = "fractions of a second count"
ORDER = "the job that is due first comes first"
AGAIN = "a job scheduled again moves"
WORKERS = "two workers never get the same job, and none is lost"
STAYS = "while a worker looks, a job that is not due stays in the queue"
LONG = "a long queue stays in Redis"


def _now(redis):
    seconds, microseconds = redis.time()
    return seconds + microseconds / 1_000_000


def schedule(redis, queue, job, delay_s):
    redis.zadd(queue, {job: _now(redis) + delay_s})


def take_whatever_zrem_says(redis, queue):
    due = redis.zrange(queue, "-inf", _now(redis), byscore=True, offset=0, num=1)
    if not due:
        return None
    redis.zrem(queue, due[0])
    return due[0]


def take_gives_up_after_a_lost_race(redis, queue):
    due = redis.zrange(queue, "-inf", _now(redis), byscore=True, offset=0, num=1)
    return due[0] if due and redis.zrem(queue, due[0]) else None


def take_pops_and_puts_back(redis, queue):
    popped = redis.zpopmin(queue)
    if not popped:
        return None
    job, due = popped[0]
    if due > _now(redis):
        redis.zadd(queue, {job: due})
        return None
    return job


def take_looks_then_pops(redis, queue):
    if not redis.zcount(queue, "-inf", _now(redis)):
        return None
    popped = redis.zpopmin(queue)
    return popped[0][0] if popped else None


def take_without_looking(redis, queue):
    popped = redis.zpopmin(queue)
    return popped[0][0] if popped else None


def take_removes_all_that_is_due(redis, queue):
    now = _now(redis)
    due = redis.zrange(queue, "-inf", now, byscore=True)
    redis.zremrangebyscore(queue, "-inf", now)
    return due[0] if due else None


def take_fetches_all(redis, queue):
    for job in redis.zrangebyscore(queue, "-inf", _now(redis)):
        if redis.zrem(queue, job):
            return job
    return None


def schedule_by_own_clock(redis, queue, job, delay_s):
    redis.zadd(queue, {job: time.time() + delay_s})


def take_by_own_clock(redis, queue):
    while due := redis.zrange(queue, "-inf", time.time(), byscore=True, offset=0, num=1):
        if redis.zrem(queue, due[0]):
            return due[0]
    return None


def schedule_in_whole_seconds(redis, queue, job, delay_s):
    redis.zadd(queue, {job: int(_now(redis) + delay_s)})


def schedule_once(redis, queue, job, delay_s):
    redis.zadd(queue, {job: _now(redis) + delay_s}, nx=True)


def take(redis, queue):
    while due := redis.zrange(queue, "-inf", _now(redis), byscore=True, offset=0, num=1):
        if redis.zrem(queue, due[0]):
            return due[0]
    return None


def take_when_overdue(redis, queue):
    while due := redis.zrangebyscore(queue, "-inf", f"({_now(redis)}", 0, 1):
        if redis.zrem(queue, due[0]):
            return due[0]
    return None


def schedule_in_a_list(redis, queue, job, delay_s):
    redis.rpush(queue, f"{_now(redis) + delay_s}|{job}")


def take_from_a_list(redis, queue):
    head = redis.lindex(queue, 0)
    if head is None or float(head.partition(b"|")[0]) > _now(redis):
        return None
    popped = redis.lpop(queue)
    return popped and popped.partition(b"|")[2]


# -- 4.3 ---------------------------------------------------------------------------------------------

I_ORDER = "insert: lane 0 is in order, equal scores by their bytes"
I_LANES = "insert: every lane, every span"
BACKWARD = "insert and delete: backward pointers and the tail"
D_LANES = "delete: spans close up, empty lanes go"
D_ABSENT = "delete: what isn't there stays out, and nothing changes"
RANK = "rank: the sum of the spans, from 0"
FEW = "a search among 4096 visits a few nodes"
MANY = "20 000 random operations, beside a sorted list"
LIVE = "a live sorted set on your skip list"


def insert_with(
    order=lambda node: (node.score, node.member),
    flown_over=True,
    new_lane_span=True,
    backward=True,
    tail=True,
    first_has_no_backward=True,
    express=True,
    span_off=0,
):
    """insert(), with one thing wrong if wanted."""

    def insert(lanes, score, member, height):
        new = SkipListNode(score, member, height)
        before, position = [lanes.header] * 32, [0] * 32
        node, steps = lanes.header, 0
        for level in reversed(range(lanes.level if express else 1)):
            while node.forward[level] and order(node.forward[level]) < order(new):
                steps += node.span[level]
                node = node.forward[level]
            before[level], position[level] = node, steps
        while lanes.level < height:
            if new_lane_span:
                lanes.header.span[lanes.level] = lanes.length
            lanes.level += 1
        for level in range(lanes.level):
            if level < height:
                new.forward[level], before[level].forward[level] = before[level].forward[level], new
                new.span[level] = before[level].span[level] - (steps - position[level])
                before[level].span[level] = steps - position[level] + 1 + span_off
            elif flown_over:
                before[level].span[level] += 1
        if backward:
            new.backward = None if node is lanes.header and first_has_no_backward else node
            if new.forward[0]:
                new.forward[0].backward = new
        if tail and new.forward[0] is None:
            lanes.tail = new
        lanes.length += 1

    return insert


def delete_with(
    flown_over=True, spans=True, level_down=True, tail=True, backward=True, by_member=True, length=True
):
    """delete(), with one thing wrong if wanted."""

    def delete(lanes, score, member):
        before, node = [lanes.header] * 32, lanes.header
        for level in reversed(range(lanes.level)):
            while node.forward[level] and (node.forward[level].score, node.forward[level].member) < (
                score,
                member,
            ):
                node = node.forward[level]
            before[level] = node
        gone = node.forward[0]
        if gone is None or gone.score != score or (by_member and gone.member != member):
            return False
        for level in range(lanes.level):
            if level < len(gone.forward):
                before[level].forward[level] = gone.forward[level]
                if spans:
                    before[level].span[level] += gone.span[level] - 1
            elif flown_over:
                before[level].span[level] -= 1
        if gone.forward[0]:
            if backward:
                gone.forward[0].backward = gone.backward
        elif tail:
            lanes.tail = gone.backward
        while level_down and lanes.level > 1 and lanes.header.forward[lanes.level - 1] is None:
            lanes.level -= 1
        if length:
            lanes.length -= 1
        return True

    return delete


def rank_with(start=-1, absent=True, strict=False):
    """rank(), with one thing wrong if wanted."""

    def rank(lanes, score, member):
        node, position = lanes.header, 0
        for level in reversed(range(lanes.level)):
            while (ahead := node.forward[level]) and (
                (ahead.score, ahead.member) < (score, member)
                if strict
                else (ahead.score, ahead.member) <= (score, member)
            ):
                position += node.span[level]
                node = ahead
        if strict:
            return position
        found = node is not lanes.header and (node.score, node.member) == (score, member)
        return position + start if found or not absent else None

    return rank


def rank_along_lane_0(lanes, score, member):
    node, position = lanes.header.forward[0], 0
    while node and (node.score, node.member) < (score, member):
        node, position = node.forward[0], position + 1
    return position if node and (node.score, node.member) == (score, member) else None


def rank_by_score_alone(lanes, score, member):
    node, position = lanes.header, 0
    for level in reversed(range(lanes.level)):
        while node.forward[level] and node.forward[level].score < score:
            position += node.span[level]
            node = node.forward[level]
    ahead = node.forward[0]
    return position if ahead and ahead.score == score else None


INSERT, DELETE, GET_RANK = insert_with(), delete_with(), rank_with()

# -- 4.4 ---------------------------------------------------------------------------------------------

S_ENDS = "scores: both ends are included, unless ( leaves one out"
S_GRID = "scores: infinite ends, and scores that are infinite themselves"
L_ENDS = "names: [ includes, ( leaves out, bytes decide"
L_GRID = "names: - and + are before and after every member, on either side"
NO_BOUND = "what is no bound raises ValueError, before any score or name is asked about"
RANGES = "a live node's range commands go by your bounds"


def _placing(low, low_out, high, high_out):
    def place(value):
        if value < low or (value == low and low_out):
            return -1
        if value > high or (value == high and high_out):
            return 1
        return 0

    return place


def _float(word):
    if b"_" in word or word.lower().lstrip(b"+-") == b"nan":
        raise ValueError("min or max is not a float")
    return float(word)


def score_range(minimum, maximum):
    low_out, high_out = minimum.startswith(b"("), maximum.startswith(b"(")
    return _placing(_float(minimum[low_out:]), low_out, _float(maximum[high_out:]), high_out)


def score_range_always_included(minimum, maximum):
    return _placing(_float(minimum.lstrip(b"(")), False, _float(maximum.lstrip(b"(")), False)


def score_range_infinity_is_no_score(minimum, maximum):
    place = score_range(minimum, maximum)
    return lambda score: place(score) if math.isfinite(score) else (-1 if score < 0 else 1)


def score_range_forgets_the_upper_bracket(minimum, maximum):
    low_out = minimum.startswith(b"(")
    return _placing(_float(minimum[low_out:]), low_out, _float(maximum.lstrip(b"(")), False)


def score_range_by_float(minimum, maximum):
    low_out, high_out = minimum.startswith(b"("), maximum.startswith(b"(")
    return _placing(float(minimum[low_out:]), low_out, float(maximum[high_out:]), high_out)


def score_range_reads_late(minimum, maximum):
    return lambda score: score_range(minimum, maximum)(score)


def score_range_yes_or_no(minimum, maximum):
    place = score_range(minimum, maximum)
    return lambda score: place(score) == 0


def _lex_word(word):
    if word in (b"-", b"+") or word[:1] in (b"[", b"("):
        return word
    raise ValueError("min or max not valid string range item")


def lex_range(minimum, maximum):
    low, high = _lex_word(minimum), _lex_word(maximum)

    def place(member):
        if low == b"+" or (low != b"-" and (member < low[1:] or (member == low[1:] and low[:1] == b"("))):
            return -1
        if high == b"-" or (
            high != b"+" and (member > high[1:] or (member == high[1:] and high[:1] == b"("))
        ):
            return 1
        return 0

    return place


def lex_range_ends_are_bytes(minimum, maximum):
    def read(word):
        _lex_word(word)
        return (
            (b"", False)
            if word == b"-"
            else (b"\xff", False)
            if word == b"+"
            else (word[1:], word[:1] == b"(")
        )

    return _placing(*read(minimum), *read(maximum))


def lex_range_on_their_own_side_only(minimum, maximum):
    low, high = _lex_word(minimum), _lex_word(maximum)

    def place(member):
        if low not in (b"-", b"+") and (member < low[1:] or (member == low[1:] and low[:1] == b"(")):
            return -1
        if high not in (b"-", b"+") and (member > high[1:] or (member == high[1:] and high[:1] == b"(")):
            return 1
        return 0

    return place


def lex_range_without_brackets(minimum, maximum):
    fixed = [
        word if word in (b"-", b"+") or word[:1] in (b"[", b"(") else b"[" + word
        for word in (minimum, maximum)
    ]
    return lex_range(*fixed)


def lex_range_ignores_case(minimum, maximum):
    place = lex_range(minimum.lower(), maximum.lower())
    return lambda member: place(member.lower())


def lex_range_always_included(minimum, maximum):
    return lex_range(minimum.replace(b"(", b"[", 1), maximum.replace(b"(", b"[", 1))


WRONG = {
    "4.1": [
        ("a negative start counts from the end", (negative_start,), (ENDS,)),
        ("counts from 0", (from_zero,), (THREE, TIES)),
        ("a place of one's own for each", (own_place_for_each,), (TIES, EDGE, RANDOM)),
        ("no gap behind a shared place", (dense_places,), (TIES, RANDOM)),
        ("ties beyond the window are not seen", (ties_within_the_window_only,), (EDGE,)),
        ("the bound is rounded", (rounded_bound,), (DIGIT,)),
        ("lowest score first", (lowest_first,), (THREE,)),
        ("an absent player crashes", (absent_player_crashes,), (ABSENT, ENDS)),
        ("fetches the whole board", (whole_board,), (BIG,)),
    ],
    "4.2": [
        ("takes, whatever ZREM says", (schedule, take_whatever_zrem_says), (WORKERS,)),
        ("None after a lost race", (schedule, take_gives_up_after_a_lost_race), (WORKERS,)),
        ("pops, looks, puts back", (schedule, take_pops_and_puts_back), (STAYS,)),
        ("looks, then pops whatever is first", (schedule, take_looks_then_pops), (WORKERS,)),
        ("pops without looking", (schedule, take_without_looking), (DUE, FRACTIONS, ORDER, AGAIN, STAYS)),
        ("removes all that is due", (schedule, take_removes_all_that_is_due), (ORDER, WORKERS, LONG)),
        ("fetches all that is due", (schedule, take_fetches_all), (LONG,)),
        ("the worker's own clock", (schedule_by_own_clock, take_by_own_clock), (DUE, FRACTIONS, ORDER)),
        ("whole seconds", (schedule_in_whole_seconds, take), (FRACTIONS,)),
        ("a job scheduled again keeps its moment", (schedule_once, take), (AGAIN,)),
        ("due only when the moment is over", (schedule, take_when_overdue), (DUE,)),
        ("a list instead", (schedule_in_a_list, take_from_a_list), (ORDER, AGAIN)),
    ],
    "4.3": [
        (
            "ties in order of arrival",
            (insert_with(order=lambda node: node.score), DELETE, GET_RANK),
            (I_ORDER, I_LANES, LIVE),
        ),
        ("spans flown over stay", (insert_with(flown_over=False), DELETE, GET_RANK), (I_LANES, MANY)),
        ("a new lane begins with span 0", (insert_with(new_lane_span=False), DELETE, GET_RANK), (I_LANES,)),
        ("spans are one short", (insert_with(span_off=-1), DELETE, GET_RANK), (I_LANES, MANY)),
        ("no backward pointers", (insert_with(backward=False), DELETE, GET_RANK), (BACKWARD, MANY)),
        (
            "the first one points back to the header",
            (insert_with(first_has_no_backward=False), DELETE, GET_RANK),
            (BACKWARD, MANY),
        ),
        ("no tail", (insert_with(tail=False), DELETE, GET_RANK), (BACKWARD, MANY)),
        ("insert walks along lane 0", (insert_with(express=False), DELETE, GET_RANK), (I_LANES, FEW)),
        ("delete keeps the spans", (INSERT, delete_with(spans=False), GET_RANK), (D_LANES, MANY)),
        (
            "delete forgets the lanes above",
            (INSERT, delete_with(flown_over=False), GET_RANK),
            (D_LANES, MANY),
        ),
        ("empty lanes stay", (INSERT, delete_with(level_down=False), GET_RANK), (D_LANES,)),
        ("delete leaves the tail", (INSERT, delete_with(tail=False), GET_RANK), (BACKWARD,)),
        ("delete leaves backward", (INSERT, delete_with(backward=False), GET_RANK), (BACKWARD, MANY)),
        ("delete takes anyone of that score", (INSERT, delete_with(by_member=False), GET_RANK), (D_ABSENT,)),
        ("the length is not counted down", (INSERT, delete_with(length=False), GET_RANK), (D_LANES, MANY)),
        ("rank from 1", (INSERT, DELETE, rank_with(start=0)), (RANK, MANY, LIVE)),
        ("rank of who is absent", (INSERT, DELETE, rank_with(absent=False)), (RANK,)),
        ("rank of who would come next", (INSERT, DELETE, rank_with(strict=True)), (RANK,)),
        ("rank walks along lane 0", (INSERT, DELETE, rank_along_lane_0), (FEW,)),
        ("rank looks at the score alone", (INSERT, DELETE, rank_by_score_alone), (RANK, MANY, LIVE)),
    ],
    "4.4": [
        ("( is ignored", (score_range_always_included, lex_range), (S_ENDS, S_GRID, RANGES)),
        ("( only below", (score_range_forgets_the_upper_bracket, lex_range), (S_ENDS, S_GRID)),
        ("no score is infinite", (score_range_infinity_is_no_score, lex_range), (S_GRID,)),
        ("float() reads nan and 1_000", (score_range_by_float, lex_range), (NO_BOUND,)),
        ("errors come late", (score_range_reads_late, lex_range), (NO_BOUND,)),
        ("yes or no", (score_range_yes_or_no, lex_range), (S_ENDS, S_GRID)),
        ("- is nothing, + is \\xff", (score_range, lex_range_ends_are_bytes), (L_GRID,)),
        ("- and + on their own side only", (score_range, lex_range_on_their_own_side_only), (L_GRID, RANGES)),
        ("no bracket means included", (score_range, lex_range_without_brackets), (NO_BOUND,)),
        ("capitals and small letters alike", (score_range, lex_range_ignores_case), (L_ENDS,)),
        ("( is [", (score_range, lex_range_always_included), (L_ENDS, L_GRID)),
    ],
}
