"""Who makes a container that is to hold very much says so while it is empty.

CPython's garbage collector walks over a container while that is *young*, element by element, and twice at
least. Over a list of a million buckets that takes 50 ms once they are full, and next to nothing while they
are empty. A server's process can have the collector look away from what there is (drivers/collecting.py): it
does so as soon as something was announced here.

    list made, empty --> announced --> next turn: frozen, empty --> filled, a million keys: not walked over

Mirrors: nothing in Redis, which has no garbage collector.
Complexity: O(1).

>>> announce()
>>> was_announced(), was_announced()
(True, False)

Read next: minidis/drivers/collecting.py.
"""

from __future__ import annotations

MANY = 1 << 15
"""A container for fewer elements is not worth a word: a walk over it takes a millisecond."""


class _Board:
    announced = False


def announce() -> None:
    """A container that is to hold many elements has been made."""
    _Board.announced = True


def was_announced() -> bool:
    """True if something was announced since the last time that somebody asked."""
    announced, _Board.announced = _Board.announced, False
    return announced
