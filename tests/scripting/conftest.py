"""A node on a clock moved by hand, and what it enters into its journal."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded


@pytest.fixture
def redis():
    return Embedded(clock=0, seed=7)


@pytest.fixture
def journal(redis):
    """The journal's entries from now on, each as one line."""
    entries = []
    redis.node.journal.subscribe(lambda entry: entries.append(b" ".join(entry.argv).decode()))
    return entries
