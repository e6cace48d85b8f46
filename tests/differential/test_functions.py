"""FUNCTION and FCALL: libraries that load, and those that must not, on both sides."""

from __future__ import annotations

import re

import pytest

from tests.differential.differences import REDIS_7_0, VALKEY_9_1
from tests.differential.sides import MinidisSide, RealSide
from tests.differential.test_scripts import same
from tests.differential.wire import Reply, show

F = "redis.register_function"
ECHO = f"{F}('echo', function(keys, args) return {{keys[1], args[1], #keys, #args}} end)"

LOADS = [
    "return 1",
    "#!lua",
    "#!lua\n",
    "#!lua name=l\n",
    "#!lua name=\nreturn 1",
    "#!lua name=a-b\nreturn 1",
    "#!lua name=a name=b\nreturn 1",
    "#!lua nome=a\nreturn 1",
    "#!lua name='a\nreturn 1",
    "#!js name=l\nreturn 1",
    "#!LUA name=upper\n" + ECHO.replace("echo", "upper_echo"),
    "#!lua name=l\nx = = 1",
    "#!lua name=l\nx = 1",
    "#!lua name=l\nreturn y",
    "#!lua name=l\nerror('boom')",
    "#!lua name=l\nerror({err = 'MY boom'})",
    "#!lua name=l\nlocal t = {} return t.x.y",
    "#!lua name=l\nredis.call('get', 'x')",
    "#!lua name=l\nreturn math.random()",
    "#!lua name=l\nreturn string.len('x')",
    "#!lua name=l\nredis.register_function = 1",
    "#!lua name=l\nredis.log(redis.LOG_DEBUG, 'x')",
    f"#!lua name=l\n{F}()",
    f"#!lua name=l\n{F}('f')",
    f"#!lua name=l\n{F}('f', 1)",
    f"#!lua name=l\n{F}(print, 1)",
    f"#!lua name=l\n{F}({{}}, function() end)",
    f"#!lua name=l\n{F}('f', function() end, 3)",
    f"#!lua name=l\n{F}('f-g', function() end)",
    f"#!lua name=l\n{F}('', function() end)",
    f"#!lua name=l\n{F}('f', function() end) {F}('f', function() end)",
    f"#!lua name=l\n{F}{{}}",
    f"#!lua name=l\n{F}{{function_name = 'f'}}",
    f"#!lua name=l\n{F}{{callback = function() end}}",
    f"#!lua name=l\n{F}{{function_name = {{}}}}",
    f"#!lua name=l\n{F}{{callback = 1}}",
    f"#!lua name=l\n{F}{{description = {{}}}}",
    f"#!lua name=l\n{F}{{flags = 1}}",
    f"#!lua name=l\n{F}{{flags = {{'nope'}}}}",
    f"#!lua name=l\n{F}{{flags = {{{{}}}}}}",
    f"#!lua name=l\n{F}{{nope = 1}}",
    f"#!lua name=l\n{F}{{[1] = 'f'}}",
    f"#!lua name=l\n{ECHO}",
    f"#!lua name=l\n{ECHO}",
    f"#!lua name=m\n{ECHO}",
]

FUNCTIONS = "\n".join(
    [
        "#!lua name=lib",
        "local counter = 0",
        "local function helper(x) return x .. '!' end",
        f"{F}('helped', function(keys, args) return helper(args[1]) end)",
        f"{F}('count', function() counter = counter + 1 return counter end)",
        f"{F}('set', function(keys, args) return redis.call('set', keys[1], args[1]) end)",
        f"{F}('bad', function(keys, args)",
        "  return redis.call('lpush', 'str', 1) end)",
        f"{F}('boom', function() error('boom') end)",
        f"{F}('undefined', function() return nothing end)",
        f"{F}('global', function() x = 1 end)",
        f"{F}('register', function() {F}('x', function() end) end)",
        f"{F}('libraries', function() return {{type(cjson), type(math.random), type(redis.breakpoint)}} end)",
        f"{F}('keysglobal', function() return KEYS end)",
        f"{F}{{function_name = 'get', callback = function(keys) return redis.call('get', keys[1]) end,",
        "  flags = {'no-writes', 'allow-stale'}, description = 'reads'}",
        f"{F}{{function_name = 'liar', callback = function(keys) return redis.call('set', 'k', 1) end,",
        "  flags = {'no-writes'}}",
        f"{F}('map', function() redis.setresp(3) return {{map = {{a = 1}}}} end)",
    ]
)

CALLS = r"""
FCALL helped 0 x
FCALL HELPED 0 x
FCALL count 0
FCALL count 0
FCALL set 1 k v
FCALL_RO set 1 k v
FCALL get 1 k
FCALL_RO get 1 k
FCALL_RO GET 1 k
FCALL bad 0
FCALL boom 0
FCALL undefined 0
FCALL global 0
FCALL register 0
FCALL libraries 0
FCALL keysglobal 0
FCALL liar 0
FCALL_RO liar 0
FCALL map 0
FCALL nothing 0
FCALL helped
FCALL helped x
FCALL helped -1
FCALL helped 2 a
FCALL nothing x
FUNCTION STATS
FUNCTION KILL
SCRIPT KILL
FUNCTION LIST LIBRARYNAME
FUNCTION LIST nope
FUNCTION LIST LIBRARYNAME zz*
FUNCTION LIST WITHCODE WITHCODE
FUNCTION DELETE nope
FUNCTION RESTORE abc
FUNCTION RESTORE abc nope
FUNCTION RESTORE abc FLUSH x
FUNCTION FLUSH nope
FUNCTION FLUSH SYNC x
FUNCTION LOAD
FUNCTION LOAD NOPE code
FUNCTION LOAD REPLACE
FUNCTION NOPE
FUNCTION
FUNCTION DELETE lib
FCALL helped 0 x
FUNCTION LIST
FUNCTION STATS
EVAL "#!lua\nreturn 1" 0
"""

FUNCTION_NAMES = "Valkey refuses a function itself, where Redis says that the library could not register it"
REFUSED = [
    code for code in LOADS if "'f-g'" in code or "''," in code or code.count("'f', function() end)") > 1
]
KNOWN: dict[str, dict[str, str]] = {
    REDIS_7_0: {},
    VALKEY_9_1: {
        **{f"FUNCTION LOAD {code}": FUNCTION_NAMES for code in REFUSED},
    },
}


def compare(judge: RealSide, ours: MinidisSide, commands: list[tuple[bytes, ...]]) -> list[str]:
    different = []
    for command, theirs, our in zip(commands, judge.run(commands), ours.run(commands), strict=True):
        shown = b" ".join(command).decode("latin-1")
        theirs, our = without_name(theirs), without_name(our)
        if not same(theirs, our) and not same(sorted_reply(theirs), sorted_reply(our)):
            if shown not in KNOWN[judge.name]:
                different.append(f"{shown}\n    {show(theirs)}\n    {show(our)}")
    return different


def sorted_reply(reply: Reply) -> Reply:
    """FUNCTION LIST comes in the order of a hash table."""
    if not isinstance(reply[1], list):
        return reply
    return reply[0], sorted(map(sorted_reply, reply[1]), key=repr)


def without_name(reply: Reply) -> Reply:
    """Which of several libraries is named as the one in the way, is the hash table's choice."""
    if reply[0] != b"-":
        return reply
    return reply[0], re.sub(rb"Library \w+ already", b"Library x already", reply[1])


def start(judge: RealSide, ours: MinidisSide, protocol: int) -> None:
    judge.restart(protocol)
    judge.run([(b"FUNCTION", b"FLUSH")])
    ours.restart(protocol)


def test_loading(judge: RealSide, ours: MinidisSide) -> None:
    start(judge, ours, 2)
    loads = [code for code in LOADS if "redis.log" not in code or judge.name != VALKEY_9_1]  # it crashes
    commands = [(b"FUNCTION", b"LOAD", code.encode()) for code in loads]
    commands += [(b"FUNCTION", b"LIST", b"WITHCODE"), (b"FUNCTION", b"LOAD", b"REPLACE", LOADS[-3].encode())]
    assert not compare(judge, ours, commands)


@pytest.mark.parametrize("protocol", [2, 3])
def test_calling(judge: RealSide, ours: MinidisSide, protocol: int) -> None:
    start(judge, ours, protocol)
    commands = [(b"SET", b"str", b"x"), (b"FUNCTION", b"LOAD", FUNCTIONS.encode()), (b"FUNCTION", b"LIST")]
    for line in CALLS.strip().splitlines():
        if '"' in line:
            before, text, after = line.split('"')
            words = [*before.split(), text.replace("\\n", "\n"), *after.split()]
        else:
            words = line.split()
        commands.append(tuple(word.encode() for word in words))
    assert not compare(judge, ours, commands)


def test_dump_and_restore(judge: RealSide, ours: MinidisSide) -> None:
    """A payload of the one is taken by the other, under every policy."""
    libraries = [
        FUNCTIONS,
        FUNCTIONS.replace("name=lib", "name=other").replace("('", "('o_").replace("= '", "= 'o_"),
    ]
    payloads = {}
    for side in (judge, ours):
        start(judge, ours, 2)
        loads = [
            (b"FUNCTION", b"LOAD", code.replace("flags = {'o_", "flags = {'").encode()) for code in libraries
        ]
        side.run(loads)
        [(_, payloads[side.name])] = side.run([(b"FUNCTION", b"DUMP")])
    for payload in payloads.values():
        start(judge, ours, 2)
        commands = [
            (b"FUNCTION", b"RESTORE", payload),
            (b"FUNCTION", b"RESTORE", payload, b"APPEND"),
            (b"FUNCTION", b"RESTORE", payload, b"REPLACE"),
            (b"FUNCTION", b"RESTORE", payload[:-1] + bytes([payload[-1] ^ 1])),
            (b"FUNCTION", b"LIST"),
            (b"FCALL", b"count", b"0"),
            (b"FUNCTION", b"LOAD", b"REPLACE", LOADS[-3].encode()),
            (b"FUNCTION", b"RESTORE", payload, b"FLUSH"),
            (b"FCALL", b"count", b"0"),
            (b"FUNCTION", b"LIST", b"LIBRARYNAME", b"O*"),
        ]
        assert not compare(judge, ours, commands)
