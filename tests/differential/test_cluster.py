"""The commands of a cluster, asked of servers that are none; and what else is refused in the same words."""

from __future__ import annotations

import pytest

from tests.differential.differences import REDIS_7_0

SINGLE = """
CLUSTER; CLUSTER HELP; CLUSTER INFO; CLUSTER INFO now; CLUSTER SLOTS; CLUSTER NOSUCH; CLUSTER KEYSLOT k
CLUSTER MEET a
CLUSTER ADDSLOTSRANGE 1; CLUSTER SETSLOT 1 STABLE; CLUSTER RESET; ASKING; READONLY; READWRITE; READONLY now
RESTORE-ASKING k 0 x; RESTORE-ASKING k; XADD s 1-1 f v; XRANGE s - + COUNT -1; XREVRANGE s + - COUNT -2
QUIT now
"""


@pytest.mark.parametrize("protocol", [2, 3])
def test_refusals(judge, ours, protocol):
    commands = [tuple(line.encode().split()) for line in SINGLE.replace("\n", ";").split(";") if line.strip()]
    if judge.name != REDIS_7_0:
        answered = ((b"CLUSTER", b"KEYSLOT", b"k"), (b"READONLY",), (b"READWRITE",))  # by Valkey 9
        commands = [command for command in commands if command not in answered]
    judge.restart(protocol)
    ours.restart(protocol)
    assert ours.run(commands) == judge.run(commands)


def test_restore_asking_restores(judge, ours):
    judge.restart(2)
    ours.restart(2)
    [_, (_, payload)] = judge.run([(b"SET", b"a", b"v"), (b"DUMP", b"a")])
    if judge.name == REDIS_7_0:
        commands = [(b"RESTORE-ASKING", b"b", b"0", payload), (b"GET", b"b"), (b"TTL", b"b")]
        assert ours.run(commands) == judge.run(commands) == [(b"+", b"OK"), (b"$", b"v"), (b":", b"-1")]
