"""What the servers that we can run do unlike Redis 7.2, each with its reason.

The reference is Redis OSS 7.2; the judges are Redis 7.0 (Debian's) and Valkey 9.1 (the wheel's). An entry says which judge is
unlike 7.2, recognises the pair of replies, and brings an example: tests/differential/test_differences.py runs it, so
an entry that no longer tells the truth fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.differential.grammar import Command
from tests.differential.wire import Reply


@dataclass(frozen=True)
class Difference:
    """`explains(command, theirs, ours)` is true for the pairs of replies that this entry accounts for.

    `example` is a list of commands whose last one answers differently.
    """

    reason: str
    judges: tuple[str, ...]
    explains: Callable[[Command, Reply, Reply], bool]
    example: tuple[Command, ...]


DIFFERENCES: list[Difference] = []
