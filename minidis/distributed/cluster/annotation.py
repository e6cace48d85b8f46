"""A message of the bus in words, for transcripts and views.

    PING epoch 6, config 1, slots 0-5461; e ok, c fail?
    PONG epoch 6, replica of a; b ok
    AUTH-REQ epoch 7, replica of a
    FAIL a

Complexity: O(bytes).

>>> from minidis.distributed.cluster import messages
>>> fail = messages.Message(messages.FAIL, "b" * 40, body=messages.Failed("a" * 40))
>>> describe(messages.encode(fail), {"a" * 40: "alpha"}), describe(messages.encode(fail))
('FAIL alpha', 'FAIL aaaaaaaa')

Read next: messages.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from minidis.distributed.cluster.messages import (
    FORCE_ACK,
    PAUSED,
    About,
    BrokenStream,
    Failed,
    Gossip,
    MalformedMessage,
    Message,
    Packets,
    Published,
    Updated,
    decode,
)
from minidis.distributed.cluster.slots import SlotSet, ranges, show_range
from minidis.distributed.cluster.state import FAIL, HANDSHAKE, NO_ADDRESS, PFAIL
from minidis.protocol.quoting import quote

_STATES = ((FAIL, "fail"), (PFAIL, "fail?"), (HANDSHAKE, "handshake"), (NO_ADDRESS, "noaddr"))


def describe(data: bytes, names: Mapping[str, str] | None = None) -> str:
    """What whole messages say; `names` are those to show instead of the nodes' own."""
    packets = Packets()
    packets.feed(data)
    said: list[str] = []
    try:
        for packet in packets:
            said.append(_say(decode(packet), names or {}))
    except (BrokenStream, MalformedMessage) as error:
        said.append(f"({error})")
    return " | ".join(said) or f"({len(data)} bytes of a message)"


def _say(message: Message, names: Mapping[str, str]) -> str:
    name, body = message.type_name.upper(), message.body
    match body:
        case Failed():
            return f"{name} {_name(body.name, names)}"
        case Published():
            return f"{name} {quote(body.channel).decode()} {quote(body.message).decode()}"
        case Updated():
            about = _name(body.name, names)
            return f"{name} {about}: config {body.config_epoch}, {show_slots(body.slots)}"
        case Gossip():
            told = ", ".join(_tell(entry, names) for entry in body.entries)
            return f"{name} {_header(message, names)}" + (f"; {told}" if told else "")
    return f"{name} {_header(message, names)}"


def _header(message: Message, names: Mapping[str, str]) -> str:
    words = [f"epoch {message.current_epoch}"]
    if message.primary:
        words.append(f"replica of {_name(message.primary, names)}")
    else:
        words += [f"config {message.config_epoch}", show_slots(message.slots)]
    if message.message_flags & PAUSED:
        words.append(f"paused at {message.offset}")
    if message.message_flags & FORCE_ACK:
        words.append("forced")
    return ", ".join(words)


def show_slots(slots: SlotSet) -> str:
    """A set of slots in words."""
    parts = [show_range(first, last) for first, last in ranges(slots)]
    return f"slots {' '.join(parts)}" if parts else "no slots"


def _tell(entry: About, names: Mapping[str, str]) -> str:
    states = [state for flag, state in _STATES if entry.flags & flag]
    return f"{_name(entry.name, names)} {' '.join(states) or 'ok'}"


def _name(name: str, names: Mapping[str, str]) -> str:
    return names.get(name, name[:8])
