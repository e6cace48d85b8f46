"""The table of differences tells the truth: each example is answered by its judge unlike by minidis."""

from __future__ import annotations

import pytest

from minidis.protocol.quoting import split_arguments
from tests.differential.differences import DIFFERENCES, Difference
from tests.differential.sides import MinidisSide, RealSide


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.reason[:60])
def test_example_shows_the_difference(judge: RealSide, ours: MinidisSide, difference: Difference) -> None:
    if difference.judge != judge.name:
        return
    commands = [tuple(split_arguments(line.encode())) for line in difference.example]
    judge.restart(2)
    ours.restart(2)
    *_, theirs = judge.run(commands)
    *_, mine = ours.run(commands)
    assert theirs != mine
    assert difference.explains(commands[-1], theirs, mine), (theirs, mine)
