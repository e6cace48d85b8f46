"""The record of a lab: every message, every fault, every change of a role, with its virtual time.

    0.001200  b -> a   PING
    0.002400  a -> b   +PONG
    3.000000  *        partition a | b c
    4.512000  a -> b   SET k v    (held)

The record is what transcripts print, sequence charts draw and a search replays. Bytes are kept as they
went; what they say in words is worked out when somebody looks.

Complexity: O(1) for each message; nothing is parsed before it is shown.
Read next: scenario.py, which prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minidis.distributed.cluster import annotation as bus_messages
from minidis.distributed.cluster.messages import SIGNATURE as BUS_SIGNATURE
from minidis.drivers.simulation.standings import Standings
from minidis.protocol.quoting import quote
from minidis.protocol.replies import BigNumber, NullArray, Push, ReplyError
from minidis.protocol.resp import NEED_DATA, ProtocolError, ReplyParser

if TYPE_CHECKING:
    from minidis.drivers.simulation.wires import End

LONGEST_WORD = 44
"""A longer word is cut in a transcript."""


@dataclass(slots=True, eq=False)
class Message:
    """Bytes from one process to another: on the way until `arrived_us`, or `lost_us`."""

    sent_us: int
    source: str
    target: str
    wire: int  # the number of the sender's end
    kind: str  # data, end
    data: bytes
    arrived_us: int | None = None
    lost_us: int | None = None  # the connection was lost meanwhile, or nobody was there any more

    def is_on_the_way(self, time_us: int) -> bool:
        """Had it been sent by then, and neither come nor been lost?"""
        ended_us = self.lost_us if self.arrived_us is None else self.arrived_us
        return self.sent_us <= time_us and (ended_us is None or time_us < ended_us)

    def words(self, names: Mapping[str, str] | None = None) -> str:
        """What the bytes say; `names` are those of a cluster's nodes."""
        if self.kind == "end":
            return "(closes)"
        if self.data.startswith(BUS_SIGNATURE):
            return bus_messages.describe(self.data, names)
        return describe(self.data)


@dataclass(slots=True, eq=False)
class Note:
    """Something that happened at one place: a fault, a restart, a change of role, a call of a script."""

    time_us: int
    kind: str  # fault, event
    where: str
    text: str


class Record:
    """Messages and notes in order of time."""

    def __init__(self) -> None:
        self.now_us = lambda: 0
        self.started_us = 0
        self.entries: list[Message | Note] = []
        self.standings = Standings()
        self.node_names: Callable[[], Mapping[str, str]] = dict  # a cluster's nodes: their long names, ours
        self.keeps_messages = True

    def sent(self, end: End, other: End, kind: str, data: bytes) -> Message | None:
        if not self.keeps_messages:
            return None
        message = Message(self.now_us(), end.host.name, other.host.name, end.number, kind, data)
        self.entries.append(message)
        return message

    def arrived(self, message: Message | None) -> None:
        if message is not None:
            message.arrived_us = self.now_us()

    def lost(self, message: Message | None) -> None:
        if message is not None:
            message.lost_us = self.now_us()

    def note(self, kind: str, where: str, text: str) -> None:
        self.entries.append(Note(self.now_us(), kind, where, text))

    @property
    def messages(self) -> list[Message]:
        return [entry for entry in self.entries if isinstance(entry, Message)]

    @property
    def notes(self) -> list[Note]:
        return [entry for entry in self.entries if isinstance(entry, Note)]

    def lines(self, start: int = 0, between: set[str] | None = None) -> Iterator[str]:
        """The entries from number `start` on as text; `between` keeps the messages among these hosts."""
        names = self.node_names()
        for entry in self.entries[start:]:
            if isinstance(entry, Note):
                yield f"{self._time(entry.time_us)}  {entry.where or '*'}: {entry.text}"
            elif between is None or {entry.source, entry.target} <= between:
                late = "" if entry.arrived_us is not None else "   (not arrived)"
                time, words = self._time(entry.sent_us), entry.words(names)
                yield f"{time}  {entry.source} -> {entry.target}  {words}{late}"

    def _time(self, time_us: int) -> str:
        return f"{(time_us - self.started_us) / 1_000_000:.6f}"


def describe(data: bytes) -> str:
    """Bytes of a connection in words: commands and replies as one types them, the rest by size.

    >>> describe(b"*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\nk\\r\\n*1\\r\\n$4\\r\\nPING\\r\\n")
    'GET k; PING'
    >>> describe(b"+OK\\r\\n"), describe(b"$9\\r\\nREDIS0010"), describe(b"\\n")
    ('+OK', '(9 bytes of RDB)', '(newline)')
    """
    if data.strip(b"\n") == b"":
        return "(newline)" if len(data) == 1 else f"({len(data)} newlines)"
    data = data.lstrip(b"\n")  # a primary's sign of life, in front of what it has to say
    at = data.find(b"REDIS0")
    if at != -1 and (data.startswith(b"$") or at == 0):
        return f"({len(data) - at} bytes of RDB)"
    head, mark, _ = data.partition(b"$EOF:")
    if mark:  # the line before a snapshot
        return "; ".join([*([describe(head)] if head else []), "(a snapshot follows)"])
    parser = ReplyParser()
    parser.feed(data)
    said: list[str] = []
    try:
        while (reply := parser.next_reply()) is not NEED_DATA:
            said.append(_say(reply))
    except (ProtocolError, ValueError):
        said.append(_cut(data))
    return "; ".join(said) if said else _cut(data)


def _say(reply: object) -> str:
    if isinstance(reply, ReplyError):
        return f"-{reply}"
    if isinstance(reply, str):
        return f"+{reply}"
    if isinstance(reply, bytes):
        return _cut(reply)
    if isinstance(reply, bool | int | float | BigNumber):
        return f":{reply}"
    if reply is None or isinstance(reply, NullArray):
        return "(nil)"
    if isinstance(reply, list):
        words = " ".join(_cut(word) if isinstance(word, bytes) else _say(word) for word in reply)
        return f"push {words}" if isinstance(reply, Push) else words or "(empty)"
    return str(reply)


def _cut(word: bytes) -> str:
    if word.isalnum() or (word and not set(word) - _PLAIN):
        text = word.decode()
    else:
        text = quote(word).decode()
    return text if len(text) <= LONGEST_WORD else f"{text[: LONGEST_WORD - 3]}..."


_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:.*?|/@+=,<>")
