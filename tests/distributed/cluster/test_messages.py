"""The bus's messages: encoder and decoder are each other's inverse; bad bytes are refused, never a crash."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidis.distributed.cluster import messages
from minidis.distributed.cluster.messages import (
    About,
    BrokenStream,
    Extensions,
    Failed,
    Gossip,
    MalformedMessage,
    Message,
    ModuleMessage,
    Packets,
    Published,
    Updated,
    decode,
    encode,
)
from minidis.distributed.cluster.slots import ALL_SLOTS

U8, U16, U32, U64 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32, 64))
NAMES = st.text("0123456789abcdef", min_size=40, max_size=40)
SLOT_SETS = st.one_of(st.just(0), st.just(ALL_SLOTS), st.sets(st.integers(0, 16383))).map(
    lambda slots: slots if isinstance(slots, int) else sum(1 << slot for slot in slots)
)
ADDRESSES = st.sampled_from(["", "10.0.0.7", "::1", "a" * 45])
TEXTS = st.text("abc.-", max_size=40)
ENTRIES = st.builds(About, NAMES, U32, U32, ADDRESSES, U16, U16, U16, U16)
EXTENSIONS = st.builds(
    Extensions,
    TEXTS,
    TEXTS,
    st.lists(st.tuples(NAMES, U64), max_size=3),
    st.one_of(st.just(""), NAMES),
)
BODIES = {
    **{
        number: st.builds(Gossip.of, st.lists(ENTRIES, max_size=5), EXTENSIONS)
        for number in (messages.PING, messages.PONG, messages.MEET)
    },
    messages.FAIL: st.builds(Failed, NAMES),
    messages.PUBLISH: st.builds(Published, st.binary(), st.binary()),
    messages.PUBLISHSHARD: st.builds(Published, st.binary(), st.binary()),
    messages.UPDATE: st.builds(Updated, NAMES, U64, SLOT_SETS),
    messages.MODULE: st.builds(ModuleMessage, st.binary(min_size=8, max_size=8), U8, st.binary()),
    messages.FAILOVER_AUTH_REQUEST: st.none(),
    messages.FAILOVER_AUTH_ACK: st.none(),
    messages.MFSTART: st.none(),
}


@st.composite
def whole_messages(draw: st.DrawFn) -> Message:
    number = draw(st.sampled_from(sorted(BODIES)))
    header = (
        draw(NAMES),
        draw(U64),
        draw(U64),
        draw(U64),
        draw(SLOT_SETS),
        draw(st.one_of(st.just(""), NAMES)),
    )
    numbers = [draw(U16) for _ in range(4)]
    flags = draw(U8) | messages.EXTENSION_DATA
    return Message(number, *header, draw(ADDRESSES), *numbers, draw(U8), flags, draw(BODIES[number]))


@settings(max_examples=50, deadline=None)
@given(whole_messages())
def test_a_message_survives_the_way(message):
    packet = encode(message)
    assert decode(packet) == message
    assert encode(decode(packet)) == packet
    assert messages.packet_type(packet) == message.type


@settings(max_examples=50, deadline=None)
@given(st.lists(whole_messages(), max_size=4), st.lists(st.integers(0, 12_000), max_size=6))
def test_packets_in_any_pieces(sent, cuts):
    stream = b"".join(map(encode, sent))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    packets, taken = Packets(), []
    for start, end in zip(edges, edges[1:], strict=False):
        packets.feed(stream[start:end])
        taken += packets
    assert [decode(packet) for packet in taken] == sent


@settings(max_examples=50, deadline=None)
@given(whole_messages(), st.data())
def test_damaged_packets_are_read_or_refused(message, data):
    packet = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 6))):
        # not the name of the sender or its slots: they take any bytes, and most of the room
        at = data.draw(st.one_of(st.integers(8, 40), st.integers(2200, len(packet) - 1)))
        packet[at] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(packet))
    except MalformedMessage as error:
        assert str(error)


@pytest.mark.parametrize("start", [b"RCmX\0\0\x08\xd0", b"RCmb\0\0\x08\xcf", b"GET / HTTP/1.1"])
def test_what_is_no_message_breaks_the_stream(start):
    packets = Packets()
    packets.feed(start)
    with pytest.raises(BrokenStream, match="Bad message length or signature"):
        list(packets)


@pytest.mark.parametrize("body", [Failed("a" * 40), Published(b"c", b"m"), Updated("a" * 40, 1, 1), Gossip()])
def test_lengths_that_do_not_fit_are_named(body):
    kinds = {
        Failed: messages.FAIL,
        Published: messages.PUBLISH,
        Updated: messages.UPDATE,
        Gossip: messages.PONG,
    }
    packet = encode(Message(kinds[type(body)], body=body)) + b"\0"
    with pytest.raises(MalformedMessage, match=rf"packet of length {len(packet)} .*{len(packet) - 1}"):
        decode(packet)


def test_an_extension_that_is_too_long_or_not_padded():
    packet = bytearray(
        encode(Message(messages.PING, message_flags=4, body=Gossip(extensions=Extensions(shard_id="a" * 40))))
    )
    assert decode(bytes(packet)).body.extensions.shard_id == "a" * 40
    packet[messages.HEADER_BYTES + 3] = 56
    with pytest.raises(MalformedMessage, match="exceeds"):
        decode(bytes(packet))
    packet[messages.HEADER_BYTES + 3] = 47
    with pytest.raises(MalformedMessage, match=r"without proper padding \(47 bytes\)"):
        decode(bytes(packet))


def test_extensions_of_later_versions_are_passed_over():
    packet = bytearray(
        encode(Message(messages.PING, message_flags=4, body=Gossip(extensions=Extensions("h", "n"))))
    )
    packet[messages.HEADER_BYTES + 5] = 77
    extensions = decode(bytes(packet)).body.extensions
    assert (extensions.hostname, extensions.human_nodename, extensions.unknown) == ("", "n", [77])
