"""Promises: the writes that a script of a lab was answered for, and whether a node has them.

    SADD orders 7   ->   :1        left its node at offset 420 of history f3a0...

No key is asked. A node has the write if its own history passes through that offset: a replica that lags has
it not yet; a former primary that followed another had it, and lost it. (So a node that begins a new history
as it starts, from a log alone, counts as one that has nothing of the old one.)

Read next: ledgers.py, lost_writes.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from minidis.drivers.embedded import to_bytes
from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.record import Message
from minidis.drivers.simulation.standings import Standing
from minidis.drivers.simulation.terminal import ScriptedClient

Place = tuple[str, int]
"""A history, and an offset in it."""

Parents = Mapping[str, Place]
"""Each history that went on from another: which one, and the last offset that they share."""


class Promise(NamedTuple):
    """A write that was acknowledged."""

    time_us: int  # when the reply came
    words: tuple
    place: Place
    node: str  # which has answered


def promises(lab: Lab, script: ScriptedClient) -> list[Promise]:
    """Each write of the script that had a reply, and no error."""
    replies = {
        (message.target, message.arrived_us): message
        for message in lab.record.entries
        if isinstance(message, Message) and message.kind == "data"
    }
    found = []
    for _, words, replied_us, reply in script.log:
        message = replies.get((script.host.name, replied_us))
        if replied_us is None or message is None or isinstance(reply, Exception):
            continue
        standing = lab.record.standings.at(message.source, message.sent_us)
        if standing is not None and _is_write(lab, words):
            found.append(Promise(replied_us, words, (standing.history, standing.offset), message.source))
    return found


def _is_write(lab: Lab, words: tuple) -> bool:
    node = next(process.node for process in lab.processes.values() if process.node.sentinel is None)
    return node.commands.find([to_bytes(word) for word in words]).is_write


def parents(lab: Lab) -> Parents:
    """Of all histories of the lab so far."""
    return {
        standing.history: (standing.former_history, standing.former_until - 1)
        for kept in lab.record.standings.kept.values()
        for standing in kept
        if standing.former_history.strip("0")
    }


def has(standing: Standing, place: Place, parents: Parents) -> bool:
    """Does what a node has go through this place in a history?"""
    history, reaches = standing.history, standing.offset
    while history:
        if history == place[0]:
            return place[1] <= reaches
        history, shared = parents.get(history, ("", 0))
        reaches = min(reaches, shared)
    return False
