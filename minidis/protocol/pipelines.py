r"""Many small requests in one read, taken apart by one `split`.

A client that pipelines sends hundreds of requests at once, nearly all of them short and well formed. Python
runs a parser line by line at the cost of Python; it splits a whole buffer at the cost of C::

    *2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n          one read
    [*2, $3, GET, $1, k, *1, $4, PING, ""]                    split at CRLF
      2 words:  lengths [$3, $1]  words [GET, k]              every second piece is a length

A CRLF inside a string would tear it apart; then a length doesn't fit its piece. So a request is taken only if
every length is written as we would write it, and is that of its piece. At the first one that is not (torn,
long, cut off, typed by hand, broken), the rest is left to the careful parser, which knows all the rules.

Complexity: linear in the bytes; about 0.4 us for a GET in CPython, a tenth of the careful parser.

>>> split_pipeline(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI")
([[b'GET', b'k'], [b'PING']], 34)
>>> split_pipeline(b"*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n")
([], 0)

Read next: resp.py, the careful parser.
"""

from __future__ import annotations

MOST_WORDS = 64
LONGEST_WORD_BYTES = 1024

_COUNTS = {b"*%d" % count: count for count in range(1, MOST_WORDS + 1)}
_LENGTHS = {b"$%d" % length: length for length in range(LONGEST_WORD_BYTES + 1)}
_COUNT_BYTES = tuple(len(b"*%d\r\n" % count) for count in range(MOST_WORDS + 1))
_WORD_BYTES = tuple(len(b"$%d\r\n\r\n" % length) + length for length in range(LONGEST_WORD_BYTES + 1))


def split_pipeline(data: bytes) -> tuple[list[list[bytes]], int]:
    """The requests at the beginning of `data` that are simple, and how many bytes they are."""
    pieces = data.split(b"\r\n")
    last = len(pieces) - 1  # what follows the last CRLF is no whole piece
    requests = []
    start = 0
    while start < last:
        end = start + 1 + 2 * _COUNTS.get(pieces[start], last)
        if end > last:
            break
        words, at = pieces[start + 2 : end : 2], start + 1
        for word in words:
            if _LENGTHS.get(pieces[at]) != len(word):
                break
            at += 2
        if at < end:
            break
        requests.append(words)
        start = end
    if start == last and not pieces[last]:
        return requests, len(data)
    return requests, sum(map(len, pieces[:start])) + 2 * start


def simple_request_bytes(request: list[bytes]) -> int:
    """How many bytes one of these requests was.

    >>> simple_request_bytes([b"GET", b"k"]), len(b"*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\nk\\r\\n")
    (20, 20)
    """
    return _COUNT_BYTES[len(request)] + sum(map(_WORD_BYTES.__getitem__, map(len, request)))
