"""What hiredis takes apart is what the careful parser reads: well formed, in pieces, broken or hostile."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minidis.drivers.hiredis_requests import BEGINNINGS, HiredisRequestParser, PipelineReader
from minidis.protocol.resp import ProtocolError, RequestParser, encode_command

PIPELINE = encode_command([b"SET", b"key", b"value"]) * 10
words = st.binary(max_size=10) | st.sampled_from(
    [b"", b"\r\n", b"$1\r\na", b"x" * 2000, *(b"%c" % c for c in BEGINNINGS)]
)
requests = st.lists(st.lists(words, min_size=1, max_size=5), min_size=1, max_size=20)
odd_frames = st.sampled_from(
    b":1\r\n|+OK\r\n|*0\r\n|*-1\r\n|$-1\r\n|_\r\n|#t\r\n|#f\r\n|~1\r\n|%1\r\n|>1\r\n|=5\r\ntxt:a\r\n|(5\r\n|,1.5\r\n"
    b"|-ERR x\r\n|!1\r\na\r\n|$01\r\na\r\n|*2\r\n|*1\r\n|$3\r\nabc\r\n|PING\r\n|\r\n|\n|*|$5\r\nab".split(
        b"|"
    )
    + [b"|1\r\n"]
)


class CarefulParser(RequestParser):
    """Looks at every byte."""

    def look_ahead(self) -> list[list[bytes]]:
        return []


def read(parser: RequestParser, pieces: list[bytes]) -> tuple[list[list[bytes]], str]:
    """The requests, and the error at which they end."""
    found = []
    try:
        for piece in pieces:
            parser.feed(piece)
            found += parser.requests()
    except ProtocolError as error:
        return found, str(error)
    return found, ""


@given(
    requests,
    st.lists(st.tuples(st.integers(0, 3000), odd_frames), max_size=3),
    st.lists(st.integers(0, 3000), max_size=3),
)
@example([[b"PING"]] * 20, [(0, b"*1\r\n+PING\r\n")], [])
@example([[b"PING"]] * 20, [(0, b"*1\r\n$4\r\nPINGxx+PING\r\n")], [])
@example([[b"PING"]] * 20, [(28, b"*2\r\n~1\r\n$1\r\na\r\n$1\r\nb\r\n")], [])
@example([[b"PING"]] * 20, [(28, b"%1\r\n$1\r\na\r\n$1\r\nb\r\n")], [])
@example([[b"PING"]] * 20, [(28, b"$4\r\nPING\r\n$0\r\n\r\n")], [])
@example([[b"PING"]] * 20, [(280, b"#t\r\n*5\r\n")], [])
@example([[b"PING"]] * 20, [(280, b":1\r\n*5\r\n")], [])
@example([[b"PING"]], [(4, b"+a\r\n")], [])
@example([[b"PING"]], [(4, b":1\r\n")], [])
@example([[b"PING"]], [(14, b":1\r\n")], [])
@example([[b"PING", b"a"]], [(4, b"~1\r\n")], [])
@example([[b"PING", b"a"]], [], [12])
@example([[b"PING"]] * 20, [(280, b":1\r\n#f\r\n*5\r\n")], [])
def test_the_same_requests_and_the_same_errors(requests, odd, cuts):
    data = b"".join(map(encode_command, requests))
    for at, frame in odd:
        data = data[:at] + frame + data[at:]
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [data[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    assert read(HiredisRequestParser(), pieces) == read(CarefulParser(), pieces)


def test_a_whole_pipeline_is_taken_at_once_and_nothing_stays_behind():
    reader = PipelineReader()
    assert reader.split(PIPELINE) == ([[b"SET", b"key", b"value"]] * 10, len(PIPELINE))
    assert reader.split(PIPELINE + b"*1\r\n:5\r\n")[1] == len(PIPELINE)
    assert reader.split(PIPELINE[:-3]) == ([[b"SET", b"key", b"value"]] * 9, len(PIPELINE) // 10 * 9)
    assert reader.split(PIPELINE) == ([[b"SET", b"key", b"value"]] * 10, len(PIPELINE))


@pytest.mark.parametrize(
    "promise",
    [
        b"*2000000000\r\n",
        b"*1\r\n" * 5 + b"*100000000\r\n",
        b"*99999\r\n" * 1000,
        b"*99\r\n" * 5000,
        b"%99999999\r\n",
    ],
)
def test_a_promise_of_many_elements_takes_no_memory(promise):
    tracemalloc.start()
    requests, size = PipelineReader().split(PIPELINE + promise)
    alone = PipelineReader().split(promise)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert alone == ([], 0)
    assert (len(requests), size) == (10, len(PIPELINE))
    assert peak_bytes < 10_000_000
