"""Python's garbage collector in a process that holds a million keys, and must not stop for it.

CPython frees an object when nobody refers to it any more. Only a knot of objects that refer to each other
needs the *garbage collector*, which finds it by a walk over all containers there are. It comes by itself as
their number grows, and over a million keys it takes a quarter of a second, during which nobody is served.

Our dataset has no such knots: skip lists and quicklists take their nodes apart when they go, and everything
else points one way. So what has survived the two walks that Python takes over young objects is *frozen*:
not looked at again, but freed as soon as nobody refers to it, as before.

    made --> young, looked at --> looked at again --> old --> frozen, at the next tick
             most garbage is found in these two           full collections would walk over these

A container that is to hold very much is frozen while it is empty (structures/growing.py): full, it would
make a walk over the young a long one, were it the only one of them.

What became a knot after it was frozen stays (we know of no such thing here, but a library may have one),
until MEMORY PURGE: that thaws everything, and looks at all of it at once.

Only a process of its own does this (`minidis-server`): in a notebook the collector belongs to the reader.

Mirrors: nothing in Redis; jemalloc's background purging, and MEMORY PURGE, are the nearest.
Complexity: a tick O(1), and O(young objects) when there is something to freeze.

Read next: server.py.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from minidis.structures import growing

if TYPE_CHECKING:
    from minidis.engine.node import Node

NEVER = 1 << 30
MIDDLE = 4
"""So many walks over the youngest precede one over the second generation. Python has ten, for 7000 objects,
and for many more where old ones go meanwhile: that may take 9 ms."""

WORTH_FREEZING = 10
"""So many walks over the second generation mean that much has been made, and stayed."""


class Collector:
    """The service of a node that freezes what has grown old."""

    def tick(self) -> None:
        freeze_the_old()

    def next_deadline_us(self) -> None:
        """None: whenever the node's timers run."""


def take_over(node: Node) -> None:
    """Let `node` have the collector of this process."""
    begin()
    node.services.append(Collector())
    node.purge_memory = purge


def begin() -> None:
    """Freeze the program itself, and let Python begin no full collections."""
    young, _, _ = gc.get_threshold()
    gc.set_threshold(young, MIDDLE, NEVER)
    gc.freeze()


def freeze_the_old() -> None:
    """Freeze what has been looked at twice, if there is much of it, or what is to grow large."""
    if gc.get_count()[2] >= WORTH_FREEZING or growing.was_announced():
        gc.collect(1)
        gc.freeze()


def purge() -> None:
    """Look at everything, once.  Takes a quarter of a second for a million keys."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
