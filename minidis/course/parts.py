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

from minidis.course.fixtures.counters import counter_commands
from minidis.course.fixtures.durable import LearnersEverysec, loading_with
from minidis.course.fixtures.expiring import LearnersExpiry
from minidis.course.fixtures.idemp import idemp_commands
from minidis.course.fixtures.messaging import LearnersPubSub, group_class, xadd_with
from minidis.course.fixtures.permissions import plug_acl
from minidis.course.fixtures.ranges import range_commands
from minidis.course.fixtures.replicating import LearnersAccounts, LearnersHistory
from minidis.course.fixtures.sketches import bit_commands, hyperloglog_commands
from minidis.course.fixtures.slowlogs import LearnersSlowLog
from minidis.course.fixtures.tables import dict_with, plug_table, scan_with
from minidis.course.fixtures.transacting import LearnersWatchers
from minidis.course.fixtures.wire import FrameRequests
from minidis.drivers.embedded import Embedded, default_node
from minidis.drivers.event_loop import EventLoop
from minidis.engine.command_table.registry import Command
from minidis.engine.node import Node

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
    """Let `handler(client, *arguments)` take the place of a command; syntax line and flags stay.

    A whole `Command` may also be one that the node hasn't got yet.
    """
    if isinstance(handler, Command):
        return _plug_new_command(node, handler)
    before = node.commands.find([name.encode()])
    replacement = Command(
        before.syntax,
        handler,
        before.flags,
        before.group,
        before.since,
        before.key_finder,
        before.shape == "irregular",
    )
    node.commands.add(replacement)
    return lambda: node.commands.add(before)


def _plug_new_command(node: Node, entry: Command) -> Undo:
    before = node.commands.look_up(entry.name.encode())
    node.commands.add(entry)
    if before is not None:
        return lambda: node.commands.add(before)
    return lambda: node.commands.rename(entry.name, "")


def _plug_lasting_commands(embedded: Embedded, entries: list[Command]) -> Undo:
    """Add commands to a node, and to whatever node takes its place after a crash."""
    undos: list[Undo] = []

    def add() -> None:
        undos[:] = [_plug_new_command(embedded.node, entry) for entry in entries]

    add()
    stop_listening = embedded.on_restart(add)
    return lambda: _together(stop_listening, *undos)()


def _together(*undos: Undo) -> Undo:
    """One undo for several."""

    def undo_all() -> None:
        for undo in reversed(undos):
            undo()

    return undo_all


def _plug_commands(node: Node, handlers: dict[str, Any]) -> Undo:
    """Let handlers that a learner's functions stand behind take the places of several commands."""
    return _together(*[_plug_command(node, name, handler) for name, handler in handlers.items()])


def _plug_streams(node: Node, new_id: Any, deliver: Any, give: Any, acknowledge: Any) -> Undo:
    """Let XADD ask a learner for its ids, and groups made from now on keep their pending entries his way."""
    return _together(
        _plug_command(node, "XADD", xadd_with(new_id)),
        _plug_attribute(node.encodings, "consumer_group", group_class(deliver, give, acknowledge)),
    )


def _plug_counter(node: Node, raise_counter: Any, decay_counter: Any) -> Undo:
    """Let LFU count by a learner's two functions."""
    return _together(
        _plug_attribute(node, "raise_counter", raise_counter),
        _plug_attribute(node, "decay_counter", decay_counter),
    )


def _plug_transactions(node: Node, make: Any) -> Undo:
    """Let a learner's object keep the flags of WATCH and run what EXEC runs."""
    learners = LearnersWatchers(node, make)
    undo = _together(_plug_commands(node, learners.handlers()), _plug_attribute(node, "watchers", learners))
    node.update_observed()

    def undo_all() -> None:
        undo()
        node.update_observed()

    return undo_all


GROUPS: dict[str, Callable[[Node, Any], Undo]] = {
    "acl": plug_acl,
    "active_cycle": lambda node, cycle: _plug_attribute(node, "active_cycle", cycle),
    "bits": lambda node, parts: _plug_commands(node, bit_commands(*parts)),
    "counters": lambda node, increment: _plug_commands(node, counter_commands(increment)),
    "dict": lambda node, parts: plug_table(node, dict_with(*parts)),
    "eviction_pool": lambda node, pool: _plug_attribute(node.eviction, "pool", pool()),
    "expiry": lambda node, parts: LearnersExpiry(node, *parts).install(),
    "history": lambda node, make: LearnersHistory(node, make).install(),
    "hyperloglog": lambda node, parts: _plug_commands(node, hyperloglog_commands(*parts)),
    "lfu": lambda node, parts: _plug_counter(node, *parts),
    "pubsub": lambda node, deliver: _plug_attribute(node, "pubsub", LearnersPubSub(node.pubsub, deliver)),
    "ranges": lambda node, parts: _plug_commands(node, range_commands(*parts)),
    "scan": lambda node, parts: plug_table(node, scan_with(*parts)),
    "slowlog": lambda node, make: _plug_attribute(node, "slowlog", LearnersSlowLog(node, make)),
    "streams": lambda node, parts: _plug_streams(node, *parts),
    "transactions": _plug_transactions,
    "wait": lambda node, make: LearnersAccounts(node, make).install(_plug_command),
    "waiting": lambda node, room: _plug_attribute(node, "waiting", room(node)),
}
"""Parts that are neither a structure nor a command: how each is plugged in. One line for one part."""

LASTING: dict[str, Callable[[Embedded, Any], Undo]] = {
    "everysec": lambda embedded, make: LearnersEverysec(embedded, make).install(),
    "idemp": lambda embedded, pair: _plug_lasting_commands(embedded, idemp_commands(*pair)),
    "log_loader": lambda embedded, load: _plug_attribute(embedded, "make_loading", loading_with(load)),
}
"""Parts that outlive a crash of the node: what is at work when it starts again, or after it has."""


def plug(part: str, implementation: Any, node: Embedded | None = None) -> Embedded:
    """Let `implementation` take the place of a part of `node` (the notebook's own, by default).

    `part` is a structure ("skiplist", "intset" ...), the name of a command ("INCR"), the "parser" or "tick"
    of an event loop that then stands before the node, or one of GROUPS or LASTING; the exercise says what it
    takes.
    """
    if node is None:
        node = default_node()
    if part in STRUCTURES:
        undo = _plug_attribute(node.node.encodings, part, implementation)
    elif part in GROUPS:
        undo = GROUPS[part](node.node, implementation)
    elif part in LASTING:
        undo = LASTING[part](node, implementation)
    elif part in FRONTS:
        undo = _plug_front(node, part, implementation)
    elif part.upper() == part:
        undo = _plug_command(node.node, part, implementation)
    else:
        names = ", ".join((*STRUCTURES, *FRONTS, *GROUPS, *LASTING))
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
