"""A node on a clock moved by hand, what it enters into its journal, and what its listeners hear."""

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


@pytest.fixture
def events(redis):
    """What key listeners hear from now on, each as one line."""
    seen = []
    redis.node.listen_to_keys(lambda database, key, event: seen.append(f"{event} {key.decode()}"))
    return seen
