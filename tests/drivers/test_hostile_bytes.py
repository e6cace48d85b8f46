"""Hostile bytes: whatever a peer sends, it gets replies, or an error and the end; the others are served.

The link is what the TCP driver feeds; a fault here would be one there.
"""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

import minidis.commands  # noqa: F401  (files every command in the registry)
from minidis.engine.link import Link
from minidis.engine.node import Node
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import ReplyParser, RequestParser, encode_command
from tests.drivers import hostile_campaign

WORDS = st.sampled_from(b"GET SET PING MULTI EXEC HELLO CLIENT LIST 3 k".split()) | st.binary(max_size=20)
REQUESTS = st.lists(WORDS, min_size=1, max_size=5).map(encode_command)
HEADERS = [b"*1\r\n", b"*-1\r\n", b"*0\r\n", b"$-1\r\n", b"*99999999999\r\n", b"$99999999999\r\n"]
BROKEN = [
    b"*1\r\n$4\r\n",
    b"*2\r\n:1\r\n",
    b"PING\r\n",
    b"+OK\r\n",
    b"*1\r\n*1\r\n",
    b"\\x",
    b"*1\r\n$+4\r\n",
]
LONE = [b"*", b"$", b"\r\n", b"\r", b"\n", b"\0", b'"', b"'"]
FRAGMENTS = st.sampled_from(HEADERS + BROKEN + LONE)
STREAMS = st.lists(REQUESTS | FRAGMENTS | st.binary(max_size=30), max_size=12).map(b"".join)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in zip(places, places[1:], strict=False)]


@settings(max_examples=300, deadline=None)
@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=6))
@example(b"*1\r\n$4\r\nPING\r\n" * 3 + b"*1\r\n$9", [])
@example(b"*1\r\n$0\r\n\r\n", [])
def test_a_link_survives(data: bytes, cuts: list[int]) -> None:
    node = Node(clock=lambda: 1_000_000)
    link, other = Link(node), Link(node)
    replies = ReplyParser()
    for piece in pieces(data, cuts):
        link.receive(piece)
        replies.feed(link.take_output())
        list(replies.replies())  # raises where the bytes that we sent are no RESP
        if link.closing:
            break
    other.receive(b"ECHO still\r\n")
    assert other.take_output() == b"$5\r\nstill\r\n"


@settings(max_examples=300, deadline=None)
@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=6))
def test_pieces_make_no_difference(data: bytes, cuts: list[int]) -> None:
    """One read or many, the quick way for pipelines or the careful one: the same requests, the same error."""
    assert parsed(pieces(data, cuts)) == parsed([data]) == parsed([bytes([byte]) for byte in data])


def test_damaged_requests_of_every_kind() -> None:
    """A minute and more of this is for a campaign (hostile_campaign.py)."""
    sent_bytes, received_bytes = map(sum, zip(*map(hostile_campaign.play, range(2)), strict=True))
    assert sent_bytes > 10_000 and received_bytes > 10_000


def parsed(parts: list[bytes]) -> list[object]:
    parser = RequestParser()
    seen: list[object] = []
    for part in parts:
        parser.feed(part)
        try:
            seen += parser.requests()
        except ReplyError as error:
            return [*seen, str(error)]
    return seen
