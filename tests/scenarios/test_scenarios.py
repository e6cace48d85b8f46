"""Every text beside this file is played in the lab and must come out as it stands.

REWRITE_SCENARIOS=1 writes them anew: then read the difference, and say that it is meant.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minidis.drivers.simulation.scenario import play

SCENARIOS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    text = path.read_text()
    outcome = play(text)
    if os.environ.get("REWRITE_SCENARIOS"):
        path.write_text(outcome)
    assert outcome == text or os.environ.get("REWRITE_SCENARIOS")
    assert play(text) == outcome  # the same again


def test_what_is_not_a_directive() -> None:
    with pytest.raises(ValueError, match="not a directive of a scenario: 'explode a'"):
        play("explode a\n----\n")
