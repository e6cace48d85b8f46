r"""Pipelines taken apart by hiredis, the RESP parser in C, where it is installed.

hiredis reads *replies*, of which a request is a narrow case: an array of bulk strings. It is so quick (0.1 us
for a GET, a third of what pipelines.py needs) that it pays to let it read, and to make sure afterwards that
nothing else was there:

    *2 $3 GET $1 k | *2 $3 GET $1 k             one read
    [GET, k]         [GET, k]                   arrays of bytes, up to where hiredis knows of no more
                                     :1   1     an end mark of our own, fed after that: were something not
                                                whole, it would go in there, and not come out as a number

Whatever is not so (a number or an array in an array, a cut or broken frame, typed words) is read again by
those who know the rules. What hiredis shows as bytes, and is no bulk string, begins with a character that
must then not occur at all (`BEGINNINGS`). Lengths need no second look: hiredis has them from Redis. Counts
do: it makes a list of as many places as an array says it has, before one element is there (`LARGE_COUNT`).

Mirrors: nothing; Redis and hiredis share their author, and not their parser.
Complexity: linear in the bytes.

>>> PipelineReader().split(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" * 20) == ([[b"GET", b"k"]] * 20, 400)
True

Read next: minidis/protocol/resp.py.
"""

from __future__ import annotations

import re
from itertools import chain

import hiredis

from minidis.protocol.pipelines import split_pipeline
from minidis.protocol.resp import RequestParser

BEGINNINGS = b"+=(>~|%"
"""Status, verbatim text, big number look like bulk strings afterwards; push, set, attributes like arrays, and
a map of words, too."""

LARGE_COUNT = re.compile(rb"\*[0-9]{3}").search
"""An array of 100 elements and more, or what looks like one: twelve bytes would take gigabytes, and arrays
within each other hundreds of megabytes."""

END_MARK, END_VALUE = b":1\r\n", 1

NOTHING = object()
"""There is no further reply.  (Not False, as hiredis would have it: RESP3 has a False of its own.)"""


class PipelineReader:
    """One for all connections: between two calls it holds nothing."""

    def __init__(self) -> None:
        self._reader = _new_reader()

    def split(self, data: bytes) -> tuple[list[list[bytes]], int]:
        """As `split_pipeline`: the simple requests at the start of `data`, and how many bytes they take."""
        for beginning in BEGINNINGS:
            if beginning in data:
                return split_pipeline(data)
        if data[-2:] != b"\r\n" or LARGE_COUNT(data):
            return split_pipeline(data)
        reader = self._reader
        try:
            reader.feed(data)
            requests = list(iter(reader.gets, NOTHING))
            reader.feed(END_MARK)
            if reader.gets() == END_VALUE and all(requests):
                b"".join(chain.from_iterable(requests))  # a TypeError if they are not all lists of bytes
                return requests, len(data)
        except (hiredis.HiredisError, TypeError):
            pass
        self._reader = _new_reader()
        return split_pipeline(data)


def _new_reader() -> hiredis.Reader:
    return hiredis.Reader(notEnoughData=NOTHING)


class HiredisRequestParser(RequestParser):
    """The parser of requests, with hiredis for pipelines."""

    split_long_pipeline = staticmethod(PipelineReader().split)
