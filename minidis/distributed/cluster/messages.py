"""What nodes of a cluster say to each other: binary messages, on a port of their own.

Every message begins with the same header of 2256 bytes, in which the sender introduces itself: who it is,
where it can be reached, which epochs it knows, and, one bit each, the 16384 slots that it serves.

    offset
    0      RCmb  length            signature, whole length
    8      version port type count what it is; how many gossip entries follow
    16     current epoch, config epoch, replication offset            8 bytes each
    40     sender: its name, 40 hexadecimal digits
    80     slots: 2048 bytes; slot n is bit n % 8 (the lowest is 0) of byte n // 8
    2128   primary: whose replica the sender is; zeros if it is none
    2168   ip: 46 bytes; zeros: "take it from the connection"
    2214   number of extensions, 30 unused bytes
    2246   the port for TLS (or the plain one, if the cluster speaks TLS), bus port, flags
    2252   state (0 ok, 1 fail), message flags: 3 bytes
    2256   the body

    PING PONG MEET    104 bytes about each of some other nodes (gossip), then extensions:
                      length, type, data, padded to 8 bytes
    FAIL              the name of the node that failed
    PUBLISH           length of channel, length of message, both; PUBLISHSHARD the same
    UPDATE            config epoch, name, slots: who serves these slots now
    AUTH_REQUEST, AUTH_ACK, MFSTART    nothing: the header says it all
    MODULE            id of the module, length, type, payload

A replica sends its primary's slots and config epoch instead of its own. All numbers are big-endian.

Mirrors: clusterMsg in cluster.h; in cluster.c the checks of clusterReadHandler and clusterProcessPacket.
Differs: what is malformed is refused here, before the role sees it; Redis casts the buffer to a struct.
Complexity: O(bytes).

>>> ping = Message(PING, sender="a" * 40, port=6379, body=Gossip.of([about("b" * 40, "10.0.0.2", 6379)]))
>>> len(encode(ping)), decode(encode(ping)) == ping
(2360, True)
>>> packets = Packets(); packets.feed(encode(ping) + b"RCmb"); [decode(one).type_name for one in packets]
['ping']

Read next: links.py, the connections; gossip.py, what is made of the entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from struct import Struct

from minidis.distributed.cluster.slots import SlotSet, as_bitmap, from_bitmap
from minidis.structures.record import NamedTuple, field, record

SIGNATURE = b"RCmb"
VERSION = 1

(
    PING,
    PONG,
    MEET,
    FAIL,
    PUBLISH,
    FAILOVER_AUTH_REQUEST,
    FAILOVER_AUTH_ACK,
    UPDATE,
    MFSTART,
    MODULE,
    PUBLISHSHARD,
) = range(11)

TYPE_NAMES = (
    "ping",
    "pong",
    "meet",
    "fail",
    "publish",
    "auth-req",
    "auth-ack",
    "update",
    "mfstart",
    "module",
    "publishshard",
)

# The first byte of the message flags.
PAUSED = 1
"""This primary has stopped writes, for a manual failover."""
FORCE_ACK = 2
"""Vote for me though my primary is up: a manual failover."""
EXTENSION_DATA = 4
"""I understand extensions; there may be some."""

_HEADER = Struct(">4sIHHHHQQQ40s2048s40s46sH30xHHHBB2x")
_GOSSIP = Struct(">40sII46sHHHH2x")
_GLANCE = Struct(">40s4xI50xH4x")
_EXTENSION = Struct(">IH2x")
_FORGOTTEN = Struct(">40sQ")
_LENGTHS = Struct(">II")
_UPDATE = Struct(">Q40s2048s")
_MODULE = Struct(">8sIB")

HEADER_BYTES = _HEADER.size
GOSSIP_BYTES = _GOSSIP.size

pack_entry = _GOSSIP.pack
"""An entry of the gossip as bytes: the fields of an `About`, name and address as bytes too."""

_LARGEST = (1 << 64) - 1
"""A number that has outgrown its eight bytes begins anew, as in C."""

_HOSTNAME, _HUMAN_NODENAME, _FORGOTTEN_NODE, _SHARD_ID = range(4)


class BrokenStream(ValueError):
    """Bytes that are no message: nothing after them means anything."""


class MalformedMessage(ValueError):
    """A message that can't be what it says; the next one may be sound."""


class About(NamedTuple):
    """What the sender knows of another node.  `other_port`: as in the header."""

    name: str
    ping_sent_s: int
    pong_received_s: int
    ip: str
    port: int
    bus_port: int
    flags: int
    other_port: int


def about(name: str, ip: str, port: int, flags: int = 0) -> About:
    """An entry of the gossip, with the usual bus port."""
    return About(name, 0, 0, ip, port, port + 10_000, flags, 0)


@record
class Extensions:
    """What the header has no room for."""

    hostname: str = ""
    human_nodename: str = ""
    forgotten: list[tuple[str, int]] = field(default_factory=list)
    """CLUSTER FORGET: a name, and for how many seconds more nobody may bring it back."""
    shard_id: str = ""
    unknown: list[int] = field(default_factory=list)
    """Types that we do not know; they are not sent."""


@record
class Gossip:
    """The body of PING, PONG and MEET.

    The entries stay as they go over the wire: nearly all of them say nothing new, which takes only a glance.
    """

    section: bytes = b""
    extensions: Extensions = field(default_factory=Extensions)

    @classmethod
    def of(cls, entries: Iterable[About], extensions: Extensions | None = None) -> Gossip:
        """The body that says this."""
        packed = [
            pack_entry(name.encode(), ping_s, pong_s, ip.encode(), *numbers)
            for name, ping_s, pong_s, ip, *numbers in entries
        ]
        return cls(b"".join(packed), extensions or Extensions())

    @property
    def entries(self) -> list[About]:
        return [self.entry(number) for number in range(len(self.section) // GOSSIP_BYTES)]

    def entry(self, number: int) -> About:
        """The whole of one entry, counted from 0."""
        name, ping_s, pong_s, ip, *numbers = _GOSSIP.unpack_from(self.section, number * GOSSIP_BYTES)
        return About(text_of(name), ping_s, pong_s, text_of(ip), *numbers)

    def glances(self) -> Iterator[tuple[bytes, int, int]]:
        """Of each entry only the name (as bytes), when its PONG came (s) and its flags."""
        return _GLANCE.iter_unpack(self.section)


class Failed(NamedTuple):
    """The body of FAIL."""

    name: str


class Published(NamedTuple):
    """The body of PUBLISH and PUBLISHSHARD."""

    channel: bytes
    message: bytes


class Updated(NamedTuple):
    """The body of UPDATE: a node, and the slots that it serves since a config epoch."""

    name: str
    config_epoch: int
    slots: SlotSet


class ModuleMessage(NamedTuple):
    """The body of MODULE."""

    module_id: bytes
    type: int
    payload: bytes


Body = Gossip | Failed | Published | Updated | ModuleMessage | None


@record
class Message:
    """One message: the header, and the body of its type."""

    type: int
    sender: str = ""
    current_epoch: int = 0
    config_epoch: int = 0
    offset: int = 0
    slots: SlotSet = 0
    primary: str = ""
    ip: str = ""
    port: int = 0
    other_port: int = 0
    bus_port: int = 0
    flags: int = 0
    state: int = 0
    message_flags: int = 0
    body: Body = None

    @property
    def type_name(self) -> str:
        return type_name(self.type)


def type_name(number: int) -> str:
    """As CLUSTER INFO and the log call it."""
    return TYPE_NAMES[number] if number < len(TYPE_NAMES) else "unknown"


# ---- encoding ---------------------------------------------------------------------------------------------


def encode(message: Message) -> bytes:
    """The bytes of a message."""
    count = extensions = 0
    body = message.body
    if isinstance(body, Gossip):
        count = len(body.section) // GOSSIP_BYTES
        more = _encode_extensions(body.extensions)
        extensions = len(more)
        data = b"".join([body.section, *more])
    else:
        data = _encode_body(body)
    return (
        _HEADER.pack(
            SIGNATURE,
            HEADER_BYTES + len(data),
            VERSION,
            message.port,
            message.type,
            count,
            message.current_epoch & _LARGEST,
            message.config_epoch & _LARGEST,
            message.offset & _LARGEST,
            message.sender.encode(),
            as_bitmap(message.slots),
            message.primary.encode(),
            message.ip.encode(),
            extensions,
            message.other_port,
            message.bus_port,
            message.flags,
            message.state,
            message.message_flags,
        )
        + data
    )


def _encode_extensions(extensions: Extensions) -> list[bytes]:
    parts = []
    for number, text in ((_HOSTNAME, extensions.hostname), (_HUMAN_NODENAME, extensions.human_nodename)):
        if text:
            parts.append(_encode_extension(number, text.encode() + b"\0"))
    for name, ttl_s in extensions.forgotten:
        parts.append(_encode_extension(_FORGOTTEN_NODE, _FORGOTTEN.pack(name.encode(), ttl_s)))
    if extensions.shard_id:
        parts.append(_encode_extension(_SHARD_ID, extensions.shard_id.encode().ljust(40, b"\0")))
    return parts


def _encode_extension(number: int, data: bytes) -> bytes:
    padded = data + b"\0" * (-len(data) % 8)
    return _EXTENSION.pack(_EXTENSION.size + len(padded), number) + padded


def _encode_body(body: Body) -> bytes:
    match body:
        case Failed(name):
            return name.encode().ljust(40, b"\0")
        case Published(channel, text):
            return _LENGTHS.pack(len(channel), len(text)) + channel + text
        case Updated(name, config_epoch, slots):
            return _UPDATE.pack(config_epoch & _LARGEST, name.encode(), as_bitmap(slots))
        case ModuleMessage(module_id, number, payload):
            return _MODULE.pack(module_id, len(payload), number) + payload
    return b""


# ---- decoding ---------------------------------------------------------------------------------------------


class Packets:
    """Cuts a stream into packets.  `feed` bytes in any split; going through it takes those that are whole."""

    __slots__ = ("buffer",)

    def __init__(self) -> None:
        self.buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self.buffer += data

    def __iter__(self) -> Iterator[bytes]:
        """The packets that are whole.  Raises BrokenStream."""
        while len(self.buffer) >= 8:
            length = int.from_bytes(self.buffer[4:8], "big")
            if self.buffer[:4] != SIGNATURE or length < HEADER_BYTES:
                raise BrokenStream("Bad message length or signature received on the Cluster bus")
            if len(self.buffer) < length:
                return
            packet = bytes(self.buffer[:length])
            del self.buffer[:length]
            yield packet


def packet_type(packet: bytes) -> int:
    """The type of a packet, without a look at the rest."""
    return int.from_bytes(packet[12:14], "big")


def decode(packet: bytes) -> Message:
    """The message of a whole packet.  Raises MalformedMessage."""
    (
        _,
        _,
        version,
        port,
        number,
        count,
        current_epoch,
        config_epoch,
        offset,
        sender,
        slots,
        primary,
        ip,
        extensions,
        other_port,
        bus_port,
        flags,
        state,
        message_flags,
    ) = _HEADER.unpack_from(packet)
    if version != VERSION:
        raise MalformedMessage(f"a message of version {version}")
    if number in (PING, PONG, MEET):
        if not message_flags & EXTENSION_DATA:
            extensions = 0
        body: Body = _decode_gossip(packet, type_name(number), count, extensions)
    else:
        body = _decode_body(packet, number)
    return Message(
        number,
        text_of(sender),
        current_epoch,
        config_epoch,
        offset,
        from_bitmap(slots),
        text_of(primary),
        text_of(ip),
        port,
        other_port,
        bus_port,
        flags,
        state,
        message_flags,
        body,
    )


@lru_cache(4096)  # the same names and addresses come again and again
def text_of(field: bytes) -> str:
    """A text that ends at its first zero byte."""
    return field.partition(b"\0")[0].decode("latin-1")


def _expect(packet: bytes, number: int, length: int) -> None:
    if len(packet) != length:
        raise MalformedMessage(
            f"Received invalid {type_name(number)} packet of length {len(packet)} "
            f"but expected length {length}"
        )


def _decode_gossip(packet: bytes, name: str, count: int, extensions: int) -> Gossip:
    at = HEADER_BYTES + count * GOSSIP_BYTES
    if at > len(packet):
        raise MalformedMessage(
            f"Received invalid {name} packet of length {len(packet)} but expected length {at}"
        )
    section = packet[HEADER_BYTES:at]
    found = Extensions()
    for _ in range(extensions):
        at = _decode_extension(packet, name, at, found)
    if at != len(packet):
        raise MalformedMessage(
            f"Received invalid {name} packet of length {len(packet)} but expected length {at}"
        )
    return Gossip(section, found)


def _decode_extension(packet: bytes, name: str, at: int, found: Extensions) -> int:
    """Read the extension that stands at `at`; where the next one does."""
    length = int.from_bytes(packet[at : at + 4], "big")
    if length % 8:
        raise MalformedMessage(f"Received a {name} packet without proper padding ({length} bytes)")
    if length < _EXTENSION.size or at + length > len(packet):
        raise MalformedMessage(
            f"Received invalid {name} packet with extension data that exceeds "
            f"total packet length ({len(packet)})"
        )
    _, number = _EXTENSION.unpack_from(packet, at)
    data = packet[at + _EXTENSION.size : at + length]
    if number == _HOSTNAME:
        found.hostname = text_of(data)
    elif number == _HUMAN_NODENAME:
        found.human_nodename = text_of(data)
    elif number == _FORGOTTEN_NODE and len(data) == _FORGOTTEN.size:
        node, ttl_s = _FORGOTTEN.unpack(data)
        found.forgotten.append((text_of(node), ttl_s))
    elif number == _SHARD_ID and len(data) == 40:
        found.shard_id = text_of(data)
    else:
        found.unknown.append(number)
    return at + length


def _decode_body(packet: bytes, number: int) -> Body:
    body = packet[HEADER_BYTES:]
    if number == FAIL:
        _expect(packet, number, HEADER_BYTES + 40)
        return Failed(text_of(body))
    if number in (PUBLISH, PUBLISHSHARD):
        channel_bytes, message_bytes = _LENGTHS.unpack(body[:8].ljust(8, b"\0"))
        _expect(packet, number, HEADER_BYTES + 8 + channel_bytes + message_bytes)
        return Published(body[8 : 8 + channel_bytes], body[8 + channel_bytes :])
    if number == UPDATE:
        _expect(packet, number, HEADER_BYTES + _UPDATE.size)
        config_epoch, name, slots = _UPDATE.unpack(body)
        return Updated(text_of(name), config_epoch, from_bitmap(slots))
    if number == MODULE:
        module_id, length, kind = _MODULE.unpack(body[: _MODULE.size].ljust(_MODULE.size, b"\0"))
        _expect(packet, number, HEADER_BYTES + _MODULE.size + length)
        return ModuleMessage(module_id, kind, body[_MODULE.size :])
    if number in (FAILOVER_AUTH_REQUEST, FAILOVER_AUTH_ACK, MFSTART):
        _expect(packet, number, HEADER_BYTES)
    return None
