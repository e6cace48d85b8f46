"""The spans cover the bytes without gaps, for whole, cut and broken streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.protocol.annotation import annotate
from minidis.protocol.resp import RequestParser, encode, encode_command

REQUESTS = encode_command([b"SET", b"k", b"v"]) + b'GET "k"\r\n' + b"*0\r\n" + encode_command([b"PING"])
REPLY = (
    b"*5\r\n|1\r\n+a\r\n:1\r\n$2\r\nhi\r\n%1\r\n+k\r\n#t\r\n=7\r\ntxt:abc\r\n"
    b"*-1\r\n~2\r\n_\r\n,1.5\r\n-ERR x\r\n"
)


def assert_covers(data: bytes, request: bool) -> list:
    spans = annotate(data, request)
    assert [span.start for span in spans] == [0, *(span.end for span in spans)][: len(spans)]
    assert (spans[-1].end if spans else 0) == len(data)
    assert all(span.end > span.start or span.kind == "incomplete" for span in spans)
    assert all(span.explanation for span in spans)
    return spans


@pytest.mark.parametrize("cut", range(len(REQUESTS) + 1))
def test_requests_cut_anywhere(cut):
    data = REQUESTS[:cut]
    spans = assert_covers(data, request=True)
    parser = RequestParser()
    parser.feed(data)
    list(parser.requests())
    complete = parser.position == cut and not parser._missing_arguments
    assert complete == (not any(span.kind == "incomplete" for span in spans))


@pytest.mark.parametrize("cut", range(len(REPLY) + 1))
def test_replies_cut_anywhere(cut):
    spans = assert_covers(REPLY[:cut], request=False)
    assert "broken" not in {span.kind for span in spans}
    if cut == len(REPLY):
        assert {span.kind for span in spans} >= {
            "array",
            "attributes",
            "map",
            "set",
            "double",
            "null",
            "error",
        }
        assert spans[-1].depth == 0


@given(st.binary(max_size=30), st.booleans())
def test_any_bytes(data, request):
    assert_covers(data, request)


@given(st.text(alphabet="*$3:+-1\r\nab_#t,", max_size=30).map(str.encode), st.booleans())
def test_bytes_that_look_like_resp(data, request):
    assert_covers(data, request)


def test_where_and_why_a_request_is_broken():
    broken = annotate(b"*2\r\n$3\r\nGET\r\nk\r\n", request=True)[-1]
    assert (broken.start, broken.kind) == (13, "broken")
    assert broken.explanation == "ERR Protocol error: expected '$', got 'k'"


def test_depth_and_what_is_due():
    spans = annotate(encode([1, [2, 3]])[:-8])
    assert [span.depth for span in spans if span.kind in ("array", "integer")] == [0, 1, 1]
    assert spans[-1].explanation == "2 more elements are due"
