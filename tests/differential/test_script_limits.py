"""Scripts that ask for too much are refused: none may take the process with it."""

from __future__ import annotations

import pytest

from tests.differential.sides import MinidisSide, RealSide

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
