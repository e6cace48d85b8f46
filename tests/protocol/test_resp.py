"""The parsers accept any split of the stream; encoder and reply parser are each other's inverse."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.protocol.replies import NULL_ARRAY, BigNumber, Pairs, Push, ReplyError, Verbatim
from minidis.protocol.resp import (
    NEED_DATA,
    ProtocolError,
    ReplyParser,
    RequestParser,
    StreamParser,
    encode,
    encode_command,
)

STREAM = (
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n"
    b"\r\n"
    b"ECHO \"hello world\\n\" 'x'\r\n"
    b"*0\r\n*-1\r\n"
    b"*1\r\n$0\r\n\r\n"
    b"PING\n"
)
REQUESTS = [[b"SET", b"k", b"a\r\nb"], [b"ECHO", b"hello world\n", b"x"], [b""], [b"PING"]]


def read_requests(*pieces: bytes, **options) -> list[list[bytes]]:
    parser = RequestParser(**options)
    requests = []
    for piece in pieces:
        parser.feed(piece)
        requests += parser.requests()
    assert parser.position <= sum(map(len, pieces))
    return requests


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_requests_at_every_split_point(cut):
    assert read_requests(STREAM[:cut], STREAM[cut:]) == REQUESTS


def test_requests_byte_by_byte():
    assert read_requests(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == REQUESTS


@given(st.lists(st.lists(st.binary(max_size=10), min_size=1)), st.lists(st.integers(0, 500)))
def test_requests_round_trip_in_any_pieces(requests, cuts):
    stream = b"".join(map(encode_command, requests))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    assert read_requests(*pieces) == requests


GETS = encode_command([b"GET", b"k"]) * 3
COUNTED = GETS + STREAM + GETS + b"\r\n*-1\r\n" + GETS + encode_command([b"SET", b"k", b"x" * 1100])


@pytest.mark.parametrize("cut", range(len(COUNTED) - 1000))
def test_a_stream_is_counted_by_its_requests(cut):
    parser, at, ends = StreamParser(), 0, []
    for piece in (COUNTED[:cut], COUNTED[cut:]):
        parser.feed(piece)
        while parser.next_request() is not None:
            ends.append(parser.end)
    for end in ends:
        assert len(read_requests(COUNTED[at:end])) == 1
        at = end
    assert at == len(COUNTED)


def test_a_megabyte_byte_by_byte_is_linear():
    stream = encode_command([b"SET", b"k", b"x" * 200_000])
    parser = RequestParser()
    started_s = time.process_time()
    for byte in stream:
        parser.feed(bytes((byte,)))
        request = parser.next_request()
    assert request is not None and len(request[2]) == 200_000
    assert time.process_time() - started_s < 5


def test_a_thousand_pipelined_requests_keep_the_buffer_small():
    parser = RequestParser()
    for _ in range(1000):
        parser.feed(encode_command([b"SET", b"k", b"x" * 1000]))
        assert len(list(parser.requests())) == 1
    assert len(parser._buffer) < 20_000


@pytest.mark.parametrize(
    ("options", "data", "message"),
    [
        ({}, b"*1\r\n$536870913\r\n", "ERR Protocol error: invalid bulk length"),
        ({"max_bulk_bytes": 10}, b"*1\r\n$11\r\n", "ERR Protocol error: invalid bulk length"),
        ({"authenticated": False}, b"*11\r\n", "ERR Protocol error: unauthenticated multibulk length"),
        ({"authenticated": False}, b"*1\r\n$16385\r\n", "ERR Protocol error: unauthenticated bulk length"),
    ],
)
def test_limits(options, data, message):
    with pytest.raises(ProtocolError, match=f"^{message}$"):
        read_requests(data, **options)


def test_requests_before_the_error_are_still_served():
    parser = RequestParser()
    parser.feed(b"PING\r\n*1\r\n$-5\r\n")
    requests = parser.requests()
    assert next(requests) == [b"PING"]
    with pytest.raises(ProtocolError):
        next(requests)


# ---- replies ----------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=10)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=10)
    | texts
    | st.integers().map(BigNumber)
    | st.binary(max_size=10).map(Verbatim)
    | texts.filter(bool).map(ReplyError)
)
keys = st.binary(max_size=5) | st.integers(0, 100)
replies = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(st.binary(max_size=5))
    ),
    max_leaves=20,
)


def parse(*pieces: bytes):
    parser = ReplyParser()
    found = []
    for piece in pieces:
        parser.feed(piece)
        found += parser.replies()
    return found


def same(left, right) -> bool:
    """Equal with the same types: 1, True and 1.0 are three replies."""
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(same(left[k], right[k]) for k in left)
        )
    return type(left) is type(right) and left == right


@given(st.lists(replies, max_size=3))
def test_resp3_round_trip(values):
    assert same(parse(b"".join(encode(value, 3) for value in values)), values)


@given(replies)
def test_replies_at_every_split_point(value):
    data = encode(value, 3)
    for cut in range(len(data) + 1):
        [parsed] = parse(data[:cut], data[cut:])
        assert same(parsed, value)


@given(replies)
def test_resp2_and_resp3_hold_the_same_number_of_replies(value):
    assert len(parse(encode(value, 2))) == 1


@pytest.mark.parametrize(
    ("value", "resp2", "resp3"),
    [
        (None, b"$-1\r\n", b"_\r\n"),
        (NULL_ARRAY, b"*-1\r\n", b"_\r\n"),
        (True, b":1\r\n", b"#t\r\n"),
        (1.5, b"$3\r\n1.5\r\n", b",1.5\r\n"),
        (-math.inf, b"$4\r\n-inf\r\n", b",-inf\r\n"),
        ({b"b", b"a"}, b"*2\r\n$1\r\na\r\n$1\r\nb\r\n", b"~2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        (
            dict.fromkeys([b"b", b"a"]).keys(),
            b"*2\r\n$1\r\nb\r\n$1\r\na\r\n",
            b"~2\r\n$1\r\nb\r\n$1\r\na\r\n",
        ),
        (Pairs([(b"a", 1.0)]), b"*2\r\n$1\r\na\r\n$1\r\n1\r\n", b"*1\r\n*2\r\n$1\r\na\r\n,1\r\n"),
        (Push([b"x"]), b"*1\r\n$1\r\nx\r\n", b">1\r\n$1\r\nx\r\n"),
        (Verbatim(b"hi"), b"$2\r\nhi\r\n", b"=6\r\ntxt:hi\r\n"),
        (BigNumber(2**70), b"$22\r\n1180591620717411303424\r\n", b"(1180591620717411303424\r\n"),
        (ReplyError("ERR two\r\nlines \udcff"), b"-ERR two  lines \xff\r\n", b"-ERR two  lines \xff\r\n"),
        ((1, [2]), b"*2\r\n:1\r\n*1\r\n:2\r\n", b"*2\r\n:1\r\n*1\r\n:2\r\n"),
    ],
)
def test_encoding_in_both_protocols(value, resp2, resp3):
    assert encode(value, 2) == resp2
    assert encode(value, 3) == resp3


def test_what_is_no_reply_value_is_refused():
    with pytest.raises(TypeError, match="not a reply value"):
        encode(object())


def test_types_that_only_other_servers_send():
    assert parse(b"!8\r\nERR a\r\nb\r\n,nan\r\n")[0] == ReplyError("ERR a\r\nb")
    assert math.isnan(parse(b",nan\r\n")[0])
    assert parse(b"~2\r\n*1\r\n:1\r\n%1\r\n+k\r\n~1\r\n:2\r\n") == [{(1,), (("k", frozenset({2})),)}]
    assert parse(b"=7\r\nmkd:# x\r\n")[0].format == "mkd"
    assert parse(b"*-1\r\n$-1\r\n") == [NULL_ARRAY, None]


def test_attributes_belong_to_the_reply_that_follows():
    parser = ReplyParser()
    parser.feed(b"|1\r\n+ttl\r\n:5\r\n*2\r\n|1\r\n+inner\r\n:6\r\n:1\r\n:2\r\n:3\r\n")
    assert parser.next_reply() == [1, 2]
    assert parser.attributes == {"ttl": 5, "inner": 6}
    assert parser.next_reply() == 3
    assert parser.attributes == {}
    assert parser.next_reply() is NEED_DATA


@pytest.mark.parametrize(
    "data",
    [
        b"?1\r\n",
        b"x",
        b"\r\n",
        b":x\r\n",
        b":01\r\n",
        b"$x\r\n",
        b"$-2\r\n",
        b"*-2\r\n",
        b"%-1\r\n",
        b"#x\r\n",
    ]
    + [b"$1\r\nabc\r\n", b",x\r\n", b"(x\r\n", b"=2\r\nab\r\n", b"!-1\r\n", b"=-1\r\n"],
)
def test_broken_replies(data):
    with pytest.raises(ProtocolError):
        parse(data)


def test_a_large_nested_reply_byte_by_byte_is_linear():
    data = encode([[b"x" * 10] * 10 for _ in range(1000)])
    started_s = time.process_time()
    [parsed] = parse(*(data[at : at + 1] for at in range(len(data))))
    assert len(parsed) == 1000
    assert time.process_time() - started_s < 5
