"""Transactions: a wrong EXEC, and SWAPDB of a watched key that is missing, alive or dead."""

from __future__ import annotations

import itertools

import pytest

from tests.differential.grammar import Command
from tests.differential.sides import MinidisSide, RealSide

STATES: dict[str, list[Command]] = {
    "missing": [(b"DEL", b"k")],
    "alive": [(b"SET", b"k", b"v")],
    "dead": [(b"SET", b"k", b"v", b"PX", b"1")],
}
WAY: list[Command] = [(b"WATCH", b"k"), (b"SWAPDB", b"0", b"1"), (b"MULTI",), (b"PING",), (b"EXEC",)]


@pytest.mark.parametrize("before", [[], [(b"MULTI",)], [(b"MULTI",), (b"NOSUCH",)]])
def test_a_wrong_exec_is_aborted_in_any_case(
    judge: RealSide, ours: MinidisSide, before: list[Command]
) -> None:
    judge.restart(2)
    ours.restart(2)
    commands = [*before, (b"EXEC", b"now"), (b"exec", b"now"), (b"EXEC",)]
    assert ours.run(commands) == judge.run(commands)


@pytest.mark.parametrize(("mine", "other"), list(itertools.product(STATES, STATES)))
@pytest.mark.parametrize("then", [[], [(b"FLUSHALL",)], [(b"SWAPDB", b"1", b"0")], [(b"DEL", b"k")]])
def test_a_watched_key_changes_places(
    judge: RealSide, ours: MinidisSide, mine: str, other: str, then: list[Command]
) -> None:
    before: list[Command] = [
        (b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0"),
        *STATES[mine],
        (b"SELECT", b"1"),
        *STATES[other],
        (b"SELECT", b"0"),
    ]
    after = [*WAY[:2], *then, *WAY[2:]]
    judge.restart(2)
    ours.restart(2)
    judge.run([*before, (b"DEBUG", b"SLEEP", b"0.005")])
    ours.run(before)
    ours.now_us += 5000
    assert ours.run(after) == judge.run(after)
