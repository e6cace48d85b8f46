"""redis-py's response callbacks, where the node's own value is already what they make of a reply.

RESP2 has no maps, doubles or pairs. So a server flattens them, and a callback of redis-py, chosen by the
command's name, puts them together again:

    the node's value      RESP2, parsed        callback of HGETALL, ZRANGE ...
    --------------------  -------------------  -------------------------------
    {b"f": b"v"}          [b"f", b"v"]         {b"f": b"v"}
    [(b"m", 1.5)]         [b"m", b"1.5"]       [(b"m", 1.5)]
    1.5                   b"1.5"               1.5
    "OK"                  b"OK"                True

Between a method of redis-py and a node in the same process this is going round in a circle, which takes
longer than the command. Here stands, for the callbacks that do so, what leads straight to the end. A callback
of one's own, or redis-py's for another command, is none of these, and in RESP3 nothing is cut short.

Mirrors: redis/_parsers/helpers.py (tests hold that both ways answer alike).
Complexity: O(elements).

>>> callback, way = AT_ONCE["ZSCORE"]
>>> way(1.5, {}, False), way(b"1.5", {}, False) is NOT_AT_ONCE
(1.5, True)

Read next: direct.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis._parsers.helpers import (
    bool_ok,
    float_or_none,
    get_response_callbacks,
    parse_hscan,
    parse_scan,
    parse_set_result,
    parse_stream_list,
    parse_xautoclaim,
    parse_xclaim,
    parse_xpending,
    parse_xread,
    parse_zadd,
    parse_zmscore,
    parse_zscan,
    sort_return_tuples,
    zpop_score_pairs,
    zset_score_for_rank,
    zset_score_pairs,
)

from minidis.protocol.replies import NULL_ARRAY, Pairs

NOT_AT_ONCE: Any = object()
"""The answer of a way where a reply must be converted and handed to the callback after all."""


def _words(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if type(reply) is not list:
        return NOT_AT_ONCE
    return [None if word is None else word.decode() for word in reply] if decodes else reply


def _ungrouped(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    return NOT_AT_ONCE if options.get("groups") else _words(reply, options, decodes)


def _numbers(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    return reply if type(reply) is list else NOT_AT_ONCE


def _map(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    options.pop("keys", None)
    if type(reply) is not dict or options:
        return NOT_AT_ONCE
    return {field.decode(): value.decode() for field, value in reply.items()} if decodes else reply


def _scored(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if type(reply) is list and not options.get("withscores"):
        return _words(reply, options, decodes)
    if (
        type(reply) is not Pairs
        or not options.get("withscores")  # WITHSCORES by hand: redis-py leaves the reply flat
        or options.get("score_cast_func", float) is not float
    ):
        return NOT_AT_ONCE
    return [(member.decode(), score) for member, score in reply] if decodes else list(reply)


def _number(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    options.pop("keys", None)
    return NOT_AT_ONCE if options or not (type(reply) is float or reply is None) else reply


def _count_or_score(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    return reply if type(reply) is int and not options.get("as_score") else NOT_AT_ONCE


def _rank(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    return NOT_AT_ONCE if options.get("withscore") or not (type(reply) is int or reply is None) else reply


def _truth(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    options.pop("keys", None)
    return NOT_AT_ONCE if options or type(reply) is not int else reply != 0


def _success(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    return True if reply == "OK" and not options.get("get") else NOT_AT_ONCE


def _pong(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    return True if reply == "PONG" and not options else NOT_AT_ONCE


def _stream(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if type(reply) is not list or "claim_min_idle_time" in options:
        return NOT_AT_ONCE
    answer = []
    for entry_id, words in reply:
        if decodes:
            entry_id, words = entry_id.decode(), [word.decode() for word in words]
        fields, in_turns = {}, iter(words)
        for field in in_turns:  # in half the time of a dict made of a zip
            fields[field] = next(in_turns)
        answer.append((entry_id, fields))
    return answer


def _streams(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if type(reply) is not list:
        return [] if reply is NULL_ARRAY else NOT_AT_ONCE
    answer = []
    for key, entries in reply:
        for _, words in entries:
            if words is NULL_ARRAY:  # the entry was deleted
                return NOT_AT_ONCE
        read = _stream(entries, options, decodes)
        if read is NOT_AT_ONCE:
            return NOT_AT_ONCE
        answer.append([key.decode() if decodes else key, read])
    return answer


def _claimed(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    return NOT_AT_ONCE if options.get("parse_justid") else _stream(reply, {}, decodes)


def _claimed_in_a_walk(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if type(reply) is not list or decodes:
        return NOT_AT_ONCE
    cursor, entries, deleted = reply
    claimed = _claimed(entries, options, decodes)
    return NOT_AT_ONCE if claimed is NOT_AT_ONCE else [cursor, claimed, deleted]


def _pending(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if decodes or type(reply) is not list or not options.get("parse_detail"):
        return NOT_AT_ONCE
    answer = []
    for entry_id, consumer, idle_ms, deliveries in reply:
        answer.append(
            {
                "message_id": entry_id,
                "consumer": consumer,
                "time_since_delivered": idle_ms,
                "times_delivered": deliveries,
            }
        )
    return answer


def _popped(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if decodes or options.get("score_cast_func", float) is not float:
        return NOT_AT_ONCE
    if type(reply) is Pairs:  # a count was given
        return list(reply)
    return [tuple(reply)] if type(reply) is list and reply else NOT_AT_ONCE  # a member, and its score


def _popped_from_one(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if type(reply) is not list or decodes or options:
        return NOT_AT_ONCE
    return tuple(reply)  # the key, and what was there


def _page(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if type(reply) is not list or decodes:
        return NOT_AT_ONCE
    cursor, names = reply
    return int(cursor), names


def _page_of_fields(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if type(reply) is not list or decodes or options.get("no_values"):
        return NOT_AT_ONCE
    cursor, words = reply
    fields = iter(words)
    return int(cursor), dict(zip(fields, fields))  # noqa: B905  (strict= would take longer than the rest)


def _page_of_scores(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if type(reply) is not list or decodes or options.get("score_cast_func", float) is not float:
        return NOT_AT_ONCE
    cursor, words = reply
    members = iter(words)
    return int(cursor), list(zip(members, map(float, members)))  # noqa: B905


def _set(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    options.pop("keys", None)
    if type(reply) is not _KEYS or options:
        return NOT_AT_ONCE
    return {member.decode() for member in reply} if decodes else set(reply)


_KEYS = type({}.keys())


Callback = Callable[..., Any]
Way = Callable[[Any, dict[str, Any], bool], Any]

_CALLBACKS: dict[str, Callback] = get_response_callbacks(2, True)

_WAYS: dict[Callback, Way] = {
    _CALLBACKS["HGETALL"]: _map,  # a lambda, as the next
    _CALLBACKS["PING"]: _pong,
    zset_score_pairs: _scored,
    float_or_none: _number,
    parse_zadd: _count_or_score,
    zset_score_for_rank: _rank,
    bool: _truth,
    parse_set_result: _success,
    bool_ok: _success,
    parse_stream_list: _stream,
    parse_scan: _page,
    parse_hscan: _page_of_fields,
    parse_zscan: _page_of_scores,
    zpop_score_pairs: _popped,
    _CALLBACKS["BLPOP"]: _popped_from_one,  # lambdas
    _CALLBACKS["BZPOPMIN"]: _popped_from_one,
    parse_zmscore: _numbers,
    sort_return_tuples: _ungrouped,
    parse_xread: _streams,
    parse_xclaim: _claimed,
    parse_xautoclaim: _claimed_in_a_walk,
    parse_xpending: _pending,
    _CALLBACKS["SMEMBERS"]: _set,  # a lambda
}

_WORDS_ALONE = """
HKEYS HMGET HRANDFIELD HVALS KEYS LPOP LRANGE MGET RPOP SORT_RO SRANDMEMBER ZRANDMEMBER ZRANGEBYLEX
ZREVRANGEBYLEX
""".split()
"""Commands whose replies redis-py leaves alone: if lists, of nothing but byte strings and None."""

_NUMBERS_ALONE = "BITFIELD LPOS SMISMEMBER".split()
"""The same with integers and None."""

AT_ONCE: dict[str, tuple[Callback | None, Way]] = {
    **dict.fromkeys(_WORDS_ALONE, (None, _words)),
    **dict.fromkeys(_NUMBERS_ALONE, (None, _numbers)),
    **{name: (callback, _WAYS[callback]) for name, callback in _CALLBACKS.items() if callback in _WAYS},
}
"""By the command's name, redis-py's callback (or None), and what that makes of a reply in RESP2.

`way(reply, options, decodes)`, with the options that the callback would be given, and perhaps "keys", knows
the replies of this command only, so it takes this callback's place only under this name. It answers
NOT_AT_ONCE where it does not know, and may raise UnicodeDecodeError.
"""

NO_WAY: tuple[Any, Any] = (NOT_AT_ONCE, None)
"""For a name that is not in AT_ONCE; nobody's callback is this one."""
