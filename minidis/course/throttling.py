"""What exercise 15.5 stands on: a command that a learner adds to a live node, and what it must answer.

    new_command("CL.THROTTLE key max_burst:int ...", "write denyoom fast", throttle)  -> a Command to plug in
    plug("CL.THROTTLE", that)

CL.THROTTLE is the command of redis-cell, a module for Redis (here with milliseconds in place of seconds). It
limits by GCRA: a key holds one number, the time at which the next call is due if all came evenly.

           now                 due
    --------|-------------------|------------------> time
            |<---- at most `interval * (max_burst + 1)` after this call ---->|

`Gcra` is that formula in fractions, without a Redis.

>>> gcra = Gcra(max_burst=1, count=1, period_s=10)
>>> gcra.call(now_us=0), gcra.call(0), gcra.call(0)
([0, 2, 1, -1, 10000], [0, 2, 0, -1, 20000], [1, 2, 0, 10000, 20000])

Read next: minidis/engine/command_table/registry.py, and minidis/commands/strings.py for commands on strings.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor
from typing import Any

from minidis.engine.command_table.registry import Command, CommandTable, Flag, command


def new_command(syntax: str, flags: str, handler: Callable[..., Any]) -> Command:
    """A command for `plug`: `flags` are names such as "write fast".

    Raises ValueError for a line that is none, or an unknown flag.
    """
    lines = [line.strip() for line in syntax.strip().splitlines() if line.strip()]
    if len(lines) != 1:
        raise ValueError(f"the syntax is one line, not {len(lines)}: {syntax!r}")
    found = Flag(0)
    for name in flags.replace("|", " ").replace(",", " ").split():
        if name.upper() not in Flag.__members__:
            raise ValueError(f"there is no flag {name!r}: {', '.join(Flag.__members__).lower()}")
        found |= Flag[name.upper()]
    table = CommandTable()
    command(lines[0], found, table, group="generic")(handler)
    (entry,) = table
    return entry


class Gcra:
    """The formula, for one key."""

    def __init__(self, max_burst: int, count: int, period_s: int) -> None:
        self.limit = max_burst + 1
        self.interval_us = Fraction(period_s * 1_000_000, count)
        self.due_us = Fraction(0)

    def call(self, now_us: int, quantity: int = 1) -> list[int]:
        """What CL.THROTTLE answers: [limited, limit, remaining, retry after ms, reset after ms]."""
        tolerance_us = self.interval_us * self.limit
        due_us = max(Fraction(now_us), self.due_us)
        next_due_us = due_us + self.interval_us * quantity
        late_us = next_due_us - tolerance_us - now_us
        limited, retry_ms = late_us > 0, -1
        if not limited:
            self.due_us = due_us = next_due_us
        elif self.interval_us * quantity <= tolerance_us:
            retry_ms = ceil(late_us / 1000)
        left = max(0, floor((tolerance_us - (due_us - now_us)) / self.interval_us))
        return [int(limited), self.limit, left, retry_ms, ceil((due_us - now_us) / 1000)]
