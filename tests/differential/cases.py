"""Makes the test of a grammar: each seed, both protocols, each real server."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.differential.grammar import Grammar
from tests.differential.harness import assert_same
from tests.differential.pools import OTHER_KEYS, SETUP
from tests.differential.sides import MinidisSide, RealSide

UNITS_PER_SEED = 1500


def random_commands_test(
    grammar: Grammar, keys: list[bytes], units: int = UNITS_PER_SEED
) -> Callable[..., None]:
    """A test function for a module of this folder; `keys` are those whose values are compared at the end."""

    @pytest.mark.parametrize("protocol", [2, 3])
    @pytest.mark.parametrize("seed", seeds())
    def test(judge: RealSide, ours: MinidisSide, seed: int, protocol: int) -> None:
        assert_same(judge, ours, SETUP + grammar.units(seed, units), keys + OTHER_KEYS, seed, protocol)

    return test


def seeds() -> list[int]:
    """The seeds of this run.

    `DIFFERENTIAL_SEEDS=100` tries a hundred of them, `DIFFERENTIAL_SEEDS=17..17` one alone.
    """
    wanted = os.environ.get("DIFFERENTIAL_SEEDS", "3")
    first, _, last = wanted.rpartition("..")
    return list(range(int(first), int(last) + 1)) if first else list(range(int(last)))
