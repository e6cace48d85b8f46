"""Replies as Lua values, and Lua values as replies.

What `redis.call` answers to a script (by default in RESP2's terms; after `redis.setresp(3)` in RESP3's):

    reply        Lua, RESP2           Lua, RESP3
    -----------  -------------------  ----------------------------------------------
    bulk         string               string
    status       {ok = "..."}         {ok = "..."}
    error        {err = "..."}        {err = "..."}
    integer      number               number
    null         false                nil
    array        table from 1         table from 1
    double       string               {double = number}
    map          flat table           {map = {key = value}}
    set          table                {set = {member = true}}
    boolean      1 or 0               true or false
    big number   string               {big_number = "..."}
    verbatim     string               {verbatim_string = {format = "txt", string = "..."}}

What a script returns goes the other way, with two traps that are Redis's own: a number loses its fraction
(`return 3.99` is 3), and a table ends at its first nil.

Mirrors: `redisProtocolToLuaType`, `luaReplyToRedisReply` in script_lua.c.
Differs: a reply nested deeper than MOST_NESTED is one error; Redis builds it up to Lua's stack limit (8000).
Complexity: O(elements).
"""

from __future__ import annotations

import math
from typing import Any

from minidis.protocol.numbers import format_double, format_with_decimals
from minidis.protocol.replies import (
    NULL_ARRAY,
    Attributes,
    BigNumber,
    BigNumberText,
    Pairs,
    PlainDouble,
    Push,
    ReplyError,
    Several,
    Verbatim,
)
from minidis.scripting.interpreter import LuaInterpreter

MOST_NESTED = 128
_INT64_MIN = -(2**63)


def text_to_lua(text: str) -> bytes:
    """A status or error line as bytes."""
    return text.encode("utf-8", "surrogateescape")


def text_from_lua(data: bytes) -> str:
    """A status or error line from bytes."""
    return data.decode("utf-8", "surrogateescape")


def as_c_string(data: bytes) -> bytes:
    """What C sees of a text: it ends at the first zero."""
    return data.partition(b"\0")[0]


def to_lua(reply: Any, lua: LuaInterpreter, resp3: bool) -> Any:
    """A reply value as what a script gets from `redis.call`."""
    if type(reply) is bytes or type(reply) is int:
        return reply
    value = _translated(reply, lua, resp3)
    return lua.table(value) if isinstance(value, list | dict) else value


def _translated(reply: Any, lua: LuaInterpreter, resp3: bool) -> Any:
    """The same in lists and dicts, which `LuaInterpreter.table` makes tables of."""
    if reply is None or reply is NULL_ARRAY:
        return None if resp3 else False
    if isinstance(reply, bool):
        return reply if resp3 else int(reply)
    if isinstance(reply, Several):  # what a client is told by the way is no part of the reply
        [reply] = (part for part in reply if not isinstance(part, Attributes | Push))
        return _translated(reply, lua, resp3)
    if isinstance(reply, str):
        return {b"ok": text_to_lua(reply)}
    if isinstance(reply, ReplyError):
        counted = {b"ignore_error_stats_update": True} if reply.counted else {}
        return {b"err": text_to_lua(str(reply)), **counted}
    if isinstance(reply, Verbatim):
        text = bytes(reply)
        form = reply.format.encode()
        return {b"verbatim_string": {b"format": form, b"string": text}} if resp3 else text
    if isinstance(reply, BigNumber):
        return {b"big_number": b"%d" % reply} if resp3 else b"%d" % reply
    if isinstance(reply, float):
        text = _double_as_text(reply)
        return {b"double": float(text)} if resp3 else text
    if isinstance(reply, dict):
        return _map(reply, lua, resp3)
    if isinstance(reply, bytes | int):
        return reply
    elements = sorted(reply) if isinstance(reply, set | frozenset) else reply
    if isinstance(reply, Pairs) and not resp3:
        elements = [part for pair in reply for part in pair]
    members = [_translated(element, lua, resp3) for element in elements]
    if resp3 and not isinstance(reply, list | tuple):
        return {b"set": dict.fromkeys(members, True)}
    return members


def _map(reply: dict[Any, Any], lua: LuaInterpreter, resp3: bool) -> Any:
    pairs = [(_translated(key, lua, resp3), _translated(value, lua, resp3)) for key, value in reply.items()]
    return {b"map": dict(pairs)} if resp3 else [part for pair in pairs for part in pair]


def _double_as_text(value: float) -> bytes:
    return format_with_decimals(value) if isinstance(value, PlainDouble) else format_double(value)


def to_reply(value: Any, lua: LuaInterpreter, resp3: bool, depth: int = 0) -> Any:
    """What a script returned as a reply value; an error table at the top is raised by the caller."""
    if isinstance(value, bytes) or value is None:
        return value
    if isinstance(value, bool):
        return value if resp3 else (1 if value else None)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return as_integer(value)
    if not lua.is_table(value):
        return None  # a function, a coroutine
    if depth > MOST_NESTED:
        raise ReplyError("ERR reached lua stack limit")
    return _table_to_reply(value, lua, resp3, depth + 1)


def _table_to_reply(table: Any, lua: LuaInterpreter, resp3: bool, depth: int) -> Any:
    kind, *found = lua.classify(table)
    if kind == b"err":
        error = ReplyError(text_from_lua(as_c_string(found[0])))
        error.counted = found[1]
        return error
    if kind == b"ok":
        return text_from_lua(as_c_string(found[0]))
    if kind == b"double":
        return float(found[0])
    if kind == b"big_number":
        return _big_number(found[0])
    if kind == b"verbatim_string":
        return _verbatim(*found)
    count, *elements = found
    if count and len(elements) == 1 and lua.is_table(elements[0]) and count > 1:
        elements = lua.values(elements[0], count)  # too many for Lua's stack
    replies = [to_reply(element, lua, resp3, depth) for element in elements[:count]]
    if kind == b"map":
        return dict(zip(map(_hashable, replies[::2]), replies[1::2], strict=True))
    if kind == b"set":
        return dict.fromkeys(map(_hashable, replies)).keys()  # in the order of Lua's table
    return replies


def as_integer(number: float) -> int:
    """C's conversion to `long long`: the fraction goes; what doesn't fit is the least integer.

    >>> as_integer(3.99), as_integer(-3.99), as_integer(float("inf"))
    (3, -3, -9223372036854775808)
    """
    if math.isnan(number) or not -(2.0**63) <= number < 2.0**63:
        return _INT64_MIN
    return int(number)


def _big_number(text: bytes) -> Any:
    try:
        return BigNumber(text)
    except ValueError:
        return BigNumberText(as_c_string(text).replace(b"\r", b" ").replace(b"\n", b" "))


def _verbatim(form: bytes, text: bytes) -> Verbatim:
    verbatim = Verbatim(text)
    verbatim.format = text_from_lua(form)[:3]  # type: ignore[misc]
    return verbatim


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
