"""Plugging a learner's part into a live node.

    plug("skiplist", MySkipList)     every sorted set born from now on stands on it
    unplug()                         the engine's own parts again

A part is one place where the engine takes what it is given: a structure class in `node.encodings`, a
command in the node's own table, the active expiry cycle, the waiting room.  Values that exist
already keep the structure they were born with.

Read next: minidis/values/encodings.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from minidis.course.counters import counter_commands
from minidis.course.expiring import LearnersExpiry
from minidis.course.messaging import LearnersPubSub, group_class, xadd_with
from minidis.course.ranges import range_commands
from minidis.course.sketches import bit_commands, hyperloglog_commands
from minidis.course.wire import FrameRequests
from minidis.drivers.embedded import Embedded, default_node
from minidis.drivers.event_loop import EventLoop
from minidis.engine.node import Node
from minidis.engine.registry import Command

Undo = Callable[[], None]
_plugged: dict[int, list[tuple[str, Undo]]] = {}

FRONTS = ("parser", "tick")
STRUCTURES = ("listpack", "intset", "quicklist", "hashtable", "skiplist")


def _plug_attribute(holder: Any, attribute: str, implementation: Any) -> Undo:
    before = getattr(holder, attribute)
    setattr(holder, attribute, implementation)
    return lambda: setattr(holder, attribute, before)


def _plug_front(embedded: Embedded, part: str, implementation: Any) -> Undo:
    """Set an event loop before the node, with the learner's parser or tick: cells then travel as bytes."""
    front = EventLoop(embedded)
    if embedded.front is not None:
        front.parser, front.tick = embedded.front.parser, embedded.front.tick
    if part == "tick":
        front.tick = implementation
    else:
        front.parser = lambda: FrameRequests(implementation())
    return _plug_attribute(embedded, "front", front)


def _plug_command(node: Node, name: str, handler: Any) -> Undo:
    """Let `handler(client, *arguments)` take the place of a command; syntax line and flags stay."""
    before = node.commands.find([name.encode()])
    replacement = Command(
        before.line,
        handler,
        before.flags,
        before.group,
        before.since,
        before.key_finder,
        before.shape == "irregular",
    )
    node.commands.add(replacement)
    return lambda: node.commands.add(before)


def _plug_commands(node: Node, handlers: dict[str, Any]) -> Undo:
    """Let handlers that a learner's functions stand behind take the places of several commands."""
    undos = [_plug_command(node, name, handler) for name, handler in handlers.items()]

    def undo_all() -> None:
        for undo in undos:
            undo()

    return undo_all


def _plug_streams(node: Node, new_id: Any, deliver: Any, give: Any, acknowledge: Any) -> Undo:
    """Let XADD ask a learner for its ids, and groups made from now on keep their pending entries his way."""
    undo_xadd = _plug_command(node, "XADD", xadd_with(new_id))
    undo_group = _plug_attribute(node.encodings, "consumer_group", group_class(deliver, give, acknowledge))

    def undo_both() -> None:
        undo_xadd()
        undo_group()

    return undo_both


def _plug_counter(node: Node, raise_counter: Any, decay_counter: Any) -> Undo:
    """Let LFU count by a learner's two functions."""
    undo_raise = _plug_attribute(node, "raise_counter", raise_counter)
    undo_decay = _plug_attribute(node, "decay_counter", decay_counter)

    def undo_both() -> None:
        undo_raise()
        undo_decay()

    return undo_both


def plug(part: str, implementation: Any, node: Embedded | None = None) -> Embedded:
    """Let `implementation` take the place of a part of `node` (the notebook's own, by default).

    `part` is a structure ("skiplist", "intset" ...), "active_cycle", the name of a command ("INCR"), or the
    "parser" or "tick" of an event loop that then stands before the node, or one of "ranges" (see ranges.py),
    "counters" (counters.py), "expiry" (expiring.py), "hyperloglog" and "bits" (sketches.py), "pubsub" and
    "streams" (messaging.py), "eviction_pool" and "lfu" (minidis/engine/eviction.py and access.py).
    """
    if node is None:
        node = default_node()
    if part in STRUCTURES:
        undo = _plug_attribute(node.node.encodings, part, implementation)
    elif part == "active_cycle":
        undo = _plug_attribute(node.node, "active_cycle", implementation)
    elif part == "waiting":
        undo = _plug_attribute(node.node, "waiting", implementation(node.node))
    elif part == "ranges":
        undo = _plug_commands(node.node, range_commands(*implementation))
    elif part == "counters":
        undo = _plug_commands(node.node, counter_commands(implementation))
    elif part == "hyperloglog":
        undo = _plug_commands(node.node, hyperloglog_commands(*implementation))
    elif part == "bits":
        undo = _plug_commands(node.node, bit_commands(*implementation))
    elif part == "pubsub":
        learners = LearnersPubSub(node.node.pubsub, implementation)
        undo = _plug_attribute(node.node, "pubsub", learners)
    elif part == "streams":
        undo = _plug_streams(node.node, *implementation)
    elif part == "eviction_pool":
        undo = _plug_attribute(node.node.eviction, "pool", implementation())
    elif part == "lfu":
        undo = _plug_counter(node.node, *implementation)
    elif part == "expiry":
        undo = LearnersExpiry(node.node, *implementation).install()
    elif part in FRONTS:
        undo = _plug_front(node, part, implementation)
    elif part.upper() == part:
        undo = _plug_command(node.node, part, implementation)
    else:
        groups = (
            "active_cycle",
            "waiting",
            "ranges",
            "counters",
            "hyperloglog",
            "bits",
            "expiry",
            "eviction_pool",
            "lfu",
            "pubsub",
            "streams",
        )
        names = ", ".join((*STRUCTURES, *FRONTS, *groups))
        raise LookupError(f"no part {part!r}: it may be {names}, or a command's name in capitals")
    _plugged.setdefault(id(node), []).append((part, undo))
    return node


def unplug(node: Embedded | None = None) -> list[str]:
    """Take every plugged part out again; the names of the parts."""
    if node is None:
        node = default_node()
    parts = _plugged.pop(id(node), [])
    for _, undo in reversed(parts):
        undo()
    return [part for part, _ in parts]


@contextmanager
def plugged(part: str, implementation: Any, node: Embedded):
    """`plug` for the length of a block."""
    plug(part, implementation, node)
    try:
        yield node
    finally:
        unplug(node)
