"""EVAL, EVALSHA and SCRIPT as commands: counts of keys, flags on the first line, the cache, faults."""

from __future__ import annotations

import hashlib
import shlex

import pytest

from tests.differential.differences import REDIS_7_0, VALKEY_9_1
from tests.differential.sides import MinidisSide, RealSide
from tests.differential.test_scripts import same
from tests.differential.wire import show

SHA = hashlib.sha1(b"return 1").hexdigest()
ABSENT = "f" * 40

COMMANDS = rf"""
EVAL 'return 1' 0
EVAL 'return 1'
EVAL
EVAL 'return 1' x
EVAL 'return 1' -1
EVAL 'return 1' 1
EVAL 'return {{KEYS[1], ARGV[1]}}' 1 k a
EVAL 'return {{KEYS[1], ARGV[1]}}' 1 k
EVAL '' 0
eval 'return 1' 0
EVALSHA {SHA} 0
EVALSHA {SHA.upper()} 0
EVALSHA {ABSENT} 0
EVALSHA abc 0
EVALSHA {SHA} x
EVALSHA {SHA}
EVALSHA_RO {SHA} 0
EVAL_RO 'return redis.call("GET", "k")' 0
EVAL_RO 'return redis.call("SET", "k", 1)' 0
EVAL_RO 'return redis.pcall("SET", "k", 1)' 0
EVAL_RO 'return redis.call("PUBLISH", "c", "m")' 0
EVAL '#!lua\nreturn 1' 0
EVAL '#!lua\nreturn redis.call("SET", "k", 1)' 0
EVAL '#!lua\n\n\nerror("line four")' 0
EVAL '#!lua\nx = = 1' 0
EVAL '#!lua flags=\nreturn 1' 0
EVAL '#!lua flags=no-writes\nreturn redis.call("GET", "k")' 0
EVAL '#!lua flags=no-writes\nreturn redis.call("SET", "k", 1)' 0
EVAL '#!lua flags=allow-oom,allow-stale,no-cluster\nreturn redis.call("SET", "k", 1)' 0
EVAL '#!lua flags=allow-cross-slot-keys\nreturn 1' 0
EVAL '#!lua flags=nope\nreturn 1' 0
EVAL '#!lua flags=no-writes,nope\nreturn 1' 0
EVAL '#!lua name=x\nreturn 1' 0
EVAL '#!lua nope\nreturn 1' 0
EVAL '#!js\nreturn 1' 0
EVAL '#!\nreturn 1' 0
EVAL_RO '#!lua\nreturn 1' 0
EVAL_RO '#!lua flags=no-writes\nreturn redis.call("GET", "k")' 0
SCRIPT LOAD 'return 2'
SCRIPT LOAD 'x = = 2'
SCRIPT LOAD '#!lua flags=nope\nreturn 1'
SCRIPT LOAD
SCRIPT EXISTS {SHA} {ABSENT} {SHA.upper()} x
SCRIPT EXISTS
SCRIPT KILL
SCRIPT FLUSH nope
SCRIPT FLUSH SYNC x
SCRIPT NOPE
SCRIPT
SCRIPT FLUSH ASYNC
SCRIPT EXISTS {SHA}
EVALSHA {SHA} 0
SCRIPT FLUSH
MULTI
EVAL 'return redis.call("INCR", "n")' 0
EVALSHA {ABSENT} 0
SCRIPT LOAD 'return 3'
EXEC
GET n
COMMAND GETKEYS EVAL x 2 a b c
COMMAND GETKEYS EVAL x 0 c
COMMAND GETKEYS FCALL f 1 a b
COMMAND GETKEYSANDFLAGS EVAL_RO x 1 a b
COMMAND GETKEYSANDFLAGS EVAL x 1 a b
"""

KNOWN: dict[str, dict[str, str]] = {
    REDIS_7_0: {},
    VALKEY_9_1: {
        **{f"EVALSHA {sha} 0": "Valkey does not advise EVAL" for sha in (ABSENT, "abc", SHA)},
        "EXEC": "Valkey does not advise EVAL",
        "EVAL #!js\nreturn 1 0": "Valkey has other engines",
        "EVAL #!\nreturn 1 0": "Valkey has other engines",
    },
}


@pytest.mark.parametrize("protocol", [2, 3])
def test_commands(judge: RealSide, ours: MinidisSide, protocol: int) -> None:
    judge.restart(protocol)
    judge.run([(b"SCRIPT", b"FLUSH")])
    ours.restart(protocol)
    commands = [
        tuple(word.replace("\\n", "\n").encode() for word in shlex.split(line))
        for line in COMMANDS.strip().splitlines()
    ]
    different = []
    for command, theirs, our in zip(commands, judge.run(commands), ours.run(commands), strict=True):
        shown = b" ".join(command).decode()
        if not same(theirs, our) and shown not in KNOWN[judge.name]:
            different.append(f"{shown}\n    {show(theirs)}\n    {show(our)}")
    assert not different, "\n".join(different)


@pytest.mark.parametrize("line", [b"", b"#!lua\n", b"#!lua flags=no-writes\n", b"#!lua flags=allow-oom\n"])
@pytest.mark.parametrize("directive", [b"min-replicas-to-write", b"maxmemory"])
def test_a_queued_script_is_what_its_flags_say(judge, ours, line: bytes, directive: bytes) -> None:
    """EXEC asks them anew when writes, or more memory, have been forbidden meanwhile."""
    queue = [(b"MULTI",), (b"EVAL", line + b"return redis.call('GET', 'k')", b"0")]
    forbid, allow = (b"CONFIG", b"SET", directive, b"1"), (b"CONFIG", b"SET", directive, b"0")
    judge.restart(2)
    ours.restart(2)
    with judge.server.connect() as other:
        theirs = judge.run(queue)
        other.run([forbid])
        theirs += judge.run([(b"EXEC",)])
        other.run([allow])
    mine = ours.run(queue)
    ours.node.execute(ours.node.connect(), list(forbid))
    mine += ours.run([(b"EXEC",)])
    assert mine == theirs


ON_A_REPLICA = r"""
EVAL 'return 1' 0
EVAL 'return redis.call("GET", "k")' 0
EVAL 'return redis.call("SET", "k", 1)' 0
EVAL 'return redis.pcall("SET", "k", 1)' 0
EVAL 'return redis.call("ECHO", "hello")' 0
EVAL '#!lua\nreturn 1' 0
EVAL '#!lua flags=no-writes\nreturn 1' 0
EVAL '#!lua flags=no-writes\nreturn redis.call("GET", "k")' 0
EVAL '#!lua flags=allow-stale\nreturn 1' 0
EVAL '#!lua flags=no-writes,allow-stale\nreturn 1' 0
EVAL '#!lua flags=no-writes,allow-stale\nreturn redis.call("GET", "k")' 0
EVAL '#!lua flags=no-writes,allow-stale\nreturn redis.call("ECHO", "hello")' 0
EVAL_RO 'return redis.call("GET", "k")' 0
EVAL_RO '#!lua\nreturn 1' 0
EVAL_RO '#!lua flags=no-writes\nreturn 1' 0
EVAL '#!lua flags=nope\nreturn 1' 0
FCALL writes 0
FCALL reads 0
FCALL_RO writes 0
FCALL_RO reads 0
FCALL nosuch 0
FCALL sets 0
FCALL gives 0
FCALL asks 0
FCALL nests 0
FCALL sets_though_it_may_not 0
FCALL_RO sets_though_it_may_not 0
EVAL 'local r = redis.call("SET", "k", 1)\nreturn r' 0
EVAL '\nlocal function f()\nreturn redis.call("SET", "k", 1)\nend\nreturn f()' 0
EVAL '#!lua\nreturn redis.call("SET", "k", 1)' 0
EVAL '#!lua flags=allow-stale\nreturn redis.call("SET", "k", 1)' 0
EVAL '#!lua flags=no-writes\nreturn redis.call("SET", "k", 1)' 0
EVAL '#!lua flags=no-writes,allow-stale\nreturn redis.call("SET", "k", 1)' 0
EVAL_RO 'return redis.call("SET", "k", 1)' 0
EVAL_RO 'return redis.pcall("SET", "k", 1)' 0
EVAL_RO 'return redis.call("PUBLISH", "k", 1)' 0
EVAL 'return redis.call("PUBLISH", "k", 1)' 0
EVAL 'return redis.call("PFCOUNT", "k")' 0
MULTI
EVAL '#!lua\nreturn 1' 0
EXEC
"""
LIBRARY = b"""#!lua name=lib
local function one() return 1 end
redis.register_function('writes', one)
redis.register_function{function_name='reads', callback=one, flags={'no-writes'}}
local function set()
  local reply = redis.call('SET', 'k', 1)
  return reply
end
redis.register_function('sets', set)
redis.register_function('gives', function() return redis.call('SET', 'k', 1) end)
redis.register_function('asks', function() return redis.pcall('SET', 'k', 1) end)
redis.register_function('nests', function()
  return set()
end)
redis.register_function{function_name='sets_though_it_may_not', callback=set, flags={'no-writes'}}
"""


VALKEY_ASKS_FIRST_IF_IT_WRITES = b'#!lua flags=no-writes,allow-stale\nreturn redis.call("SET", "k", 1)'


@pytest.mark.parametrize("serves_stale", [b"yes", b"no"])
@pytest.mark.parametrize("read_only", [b"yes", b"no"])
def test_scripts_on_a_replica_without_its_primary(judge, ours, serves_stale: bytes, read_only: bytes):
    """Their flags let them in or keep them out, as those of a command would."""
    commands = [
        (b"FUNCTION", b"LOAD", b"REPLACE", LIBRARY),
        (b"CONFIG", b"SET", b"replica-serve-stale-data", serves_stale, b"replica-read-only", read_only),
        (b"REPLICAOF", b"127.0.0.1", b"1"),
        *(
            tuple(word.replace("\\n", "\n").encode() for word in shlex.split(line))
            for line in ON_A_REPLICA.strip().splitlines()
        ),
    ]
    back = [
        (b"REPLICAOF", b"NO", b"ONE"),
        (b"FUNCTION", b"FLUSH"),
        (b"CONFIG", b"SET", b"replica-serve-stale-data", b"yes", b"replica-read-only", b"yes"),
    ]
    replies = []
    for side in (judge, ours):
        side.restart(2)
        try:
            replies.append(side.run(commands))
        finally:
            side.run(back)
    different = [
        f"{command}\n    {show(theirs)}\n    {show(our)}"
        for command, theirs, our in zip(commands, *replies, strict=True)
        if not same(theirs, our)
        and not (judge.name == VALKEY_9_1 and VALKEY_ASKS_FIRST_IF_IT_WRITES in command)
    ]
    assert not different, "\n".join(different)
