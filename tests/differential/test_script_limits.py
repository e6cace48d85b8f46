"""Scripts that ask for too much are refused: none may take the process with it."""

from __future__ import annotations

import pytest

from tests.differential.sides import MinidisSide, RealSide
from tests.differential.test_scripts import same
from tests.differential.wire import show

CALLS = """
unpack({1, 2, 3}) | unpack({1, 2, 3}, 2) | unpack({1, 2, 3}, -1, -2) | unpack({1, 2, 3}, -2, 2147483647)
unpack({1, 2, 3}, 0, 2147483647) | unpack({1, 2, 3}, -2147483648, -2) | unpack({1, 2, 3}, 1, 9000) | unpack()
unpack(nil) | unpack(1) | unpack({1}, 'a') | unpack({1}, 1, 'a') | unpack({1, 2}, '2') | unpack({}, 1, 3)
"""


@pytest.mark.parametrize(
    "call", [call.strip() for call in CALLS.replace("\n", "|").split("|") if call.strip()]
)
def test_unpack(judge: RealSide, ours: MinidisSide, call: str) -> None:
    judge.restart(2)
    ours.restart(2)
    command = (b"EVAL", f"return {{pcall(function() return {call} end)}}".encode(), b"0")
    assert ours.run([command]) == judge.run([command])


MANY = "local many = {} for at = 1, %d do many[at] = at end "
CALLS_OF_MANY_WORDS = """
return redis.call('RPUSH', KEYS[1], unpack(many))
local length = redis.call('RPUSH', KEYS[1], unpack(many)) return length
return redis.pcall('SADD', KEYS[2], unpack(many))
return redis.call('SADD', KEYS[2], unpack(many))
return {pcall(redis.call, 'SADD', KEYS[2], unpack(many))}
local function all() return unpack(many) end return redis.call('RPUSH', KEYS[1], all())
many[5] = {} return redis.call('RPUSH', KEYS[1], unpack(many))
many[5] = nil return redis.call('RPUSH', KEYS[1], unpack(many, 1, 300))
return redis.call('RPUSH', KEYS[1], redis.call('RPUSH', KEYS[1], unpack(many)))
return #{type(redis.call), unpack(many)}
return string.len(table.concat({unpack(many)}))
"""


@pytest.mark.parametrize("count", [300, 7999, 8000])
def test_many_words(judge: RealSide, ours: MinidisSide, count: int) -> None:
    """As many as `unpack` can put on the stack, which is more than one call of the host takes."""
    for side in (judge, ours):
        side.restart(2)
    commands = [(b"SET", b"string", b"x")]
    for call in CALLS_OF_MANY_WORDS.strip().splitlines():
        script = f"{MANY % count}\n{call}".encode()
        commands += [(b"EVAL", script, b"2", b"list", b"string"), (b"LLEN", b"list"), (b"DEL", b"list")]
    for command, theirs, our in zip(commands, judge.run(commands), ours.run(commands), strict=True):
        assert same(theirs, our), f"{command}\n{show(theirs)}\n{show(our)}"
