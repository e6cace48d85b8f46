"""Replies of the commands that save, beside real servers."""

from __future__ import annotations

import pytest

from tests.differential.sides import MinidisSide, RealSide
from tests.differential.wire import show

LINES = """
SAVE
SAVE now
BGSAVE now
BGSAVE SCHEDULE now
LASTSAVE now
BGREWRITEAOF now
SET k v
DEBUG RELOAD
GET k
DEBUG RELOAD BOGUS
DEBUG RELOAD NOFLUSH MERGE
GET k
DEBUG RELOAD NOSAVE
GET k
SHUTDOWN SAVE NOSAVE
SHUTDOWN BOGUS
SHUTDOWN ABORT
SHUTDOWN ABORT NOW
SHUTDOWN NOW ABORT FORCE
CONFIG SET appendonly maybe
CONFIG SET appendfsync sometimes
CONFIG SET save 1
CONFIG GET appendonly
"""

# Valkey names the command that it refuses
REFUSED_LINES = """
MULTI
SAVE
EXEC
"""

# Came with 7.2
WAITAOF_LINES = """
WAITAOF 0 0 0
WAITAOF 1 0 0
WAITAOF 2 0 0
WAITAOF -1 0 0
WAITAOF x 0 0
WAITAOF 0 x 0
WAITAOF 0 -1 0
WAITAOF 0 0 x
WAITAOF 0 0 -1
WAITAOF 0 1 1
WAITAOF 0 0
MULTI
WAITAOF 0 3 0
EXEC
"""


@pytest.mark.parametrize("protocol", [2, 3])
def test_same_as_real_servers(judge: RealSide, ours: MinidisSide, protocol: int) -> None:
    lines = LINES + (REFUSED_LINES if judge.name == "redis-7.0" else WAITAOF_LINES)
    commands = [tuple(line.encode().split()) for line in lines.splitlines() if line]
    judge.restart(protocol)
    ours.restart(protocol)
    for command, theirs, mine in zip(commands, judge.run(commands), ours.run(commands), strict=True):
        assert mine == theirs, f"{command}: {judge.name} {show(theirs)}, minidis {show(mine)}"
