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
    parse_set_result,
    parse_stream_list,
    parse_zadd,
    zset_score_for_rank,
    zset_score_pairs,
)

from minidis.protocol.replies import Pairs

NOT_AT_ONCE: Any = object()
"""The answer of a way where a reply must be converted and handed to the callback after all."""


def _words(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    if type(reply) is not list:
        return NOT_AT_ONCE
    return [None if word is None else word.decode() for word in reply] if decodes else reply


def _map(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
    options.pop("keys", None)
    if type(reply) is not dict or options:
        return NOT_AT_ONCE
    return {field.decode(): value.decode() for field, value in reply.items()} if decodes else reply


def _scored(reply: Any, options: dict[str, Any], decodes: bool) -> Any:
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
}

_WITHOUT_CALLBACK = "HKEYS HMGET HVALS KEYS LRANGE MGET".split()
"""Commands whose replies redis-py leaves alone: lists of nothing but byte strings and None."""

AT_ONCE: dict[str, tuple[Callback | None, Way]] = {
    **dict.fromkeys(_WITHOUT_CALLBACK, (None, _words)),
    **{name: (callback, _WAYS[callback]) for name, callback in _CALLBACKS.items() if callback in _WAYS},
}
"""By the command's name, redis-py's callback (or None), and what that makes of a reply in RESP2.

`way(reply, options, decodes)`, with the options that the callback would be given, and perhaps "keys", knows
the replies of this command only, so it takes this callback's place only under this name. It answers
NOT_AT_ONCE where it does not know, and may raise UnicodeDecodeError.
"""

NO_WAY: tuple[Any, Any] = (NOT_AT_ONCE, None)
"""For a name that is not in AT_ONCE; nobody's callback is this one."""
