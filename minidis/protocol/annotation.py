r"""RESP explained piece by piece, for a picture of the bytes.

`annotate` cuts a stream into spans that touch each other, each with a kind and a sentence::

    *1\r\n$4\r\nPI
    --                   array          an array of 1 element
      ----               crlf           end of line
          --             bulk string    a bulk string of 4 bytes
            ----         crlf           end of line
                --       data           the first 2 of 4 bytes
                  |      incomplete     2 more bytes are due, then CRLF

The cutting is done by the parsers of resp.py, or follows them exactly; where they stop with an error the
rest is one span of kind ``broken`` with the error's words. So a picture never explains what the engine
doesn't read.

Mirrors: nothing in Redis. Complexity: linear in the bytes.

>>> for span in annotate(b"*2\r\n:7\r\n"):
...     print(span.start, span.end, span.depth, span.kind, "-", span.explanation)
0 2 0 array - an array of 2 elements
2 4 0 crlf - end of line
4 6 1 integer - integer 7
6 8 1 crlf - end of line
8 8 1 incomplete - 1 more element is due

Read next: resp.py, if you came from a notebook.
"""

from __future__ import annotations

from dataclasses import dataclass

from minidis.protocol.quoting import quote, split_arguments
from minidis.protocol.resp import (
    AGGREGATES,
    KINDS,
    ProtocolError,
    RequestParser,
    Token,
    Tokenizer,
    element_count,
    scalar,
)
from minidis.structures.record import NamedTuple


class Span(NamedTuple):
    """``data[start:end]`` and what it is. `depth` counts the arrays, maps ... around it."""

    start: int
    end: int
    kind: str
    """A name of `resp.KINDS`, or ``crlf``, ``data``, ``inline``, ``incomplete``, ``broken``."""
    explanation: str
    depth: int


def annotate(data: bytes, request: bool = False) -> list[Span]:
    """Explain what a server sent, or with ``request`` what a client sent.

    The spans are in order and cover all bytes. A span of no width and kind ``incomplete`` at the end says
    what is still due.
    """
    spans = _Spans(data)
    if request:
        _annotate_requests(spans)
    else:
        _annotate_replies(spans)
    return spans.spans


class _Spans:
    """The spans so far, and the aggregates that are open."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.spans: list[Span] = []
        self.open: list[_Open] = []

    @property
    def end(self) -> int:
        return self.spans[-1].end if self.spans else 0

    def add(self, end: int, kind: str, explanation: str) -> None:
        """A span from the end of the last one; one without width is only kept if it says what is due."""
        if end > self.end or kind == "incomplete":
            self.spans.append(Span(self.end, end, kind, explanation, len(self.open)))

    def add_line(self, end: int, kind: str, explanation: str) -> None:
        self.add(end, kind, explanation)
        self.add(end + 2, "crlf", "end of line")

    def add_blob(self, line_end: int, kind: str, length: int) -> None:
        """A blob of which at least the first line is there."""
        article = "an" if kind[0] in "aeiou" else "a"
        self.add_line(line_end, kind, f"{article} {kind} of {_count(length, 'byte')}")
        have = len(self.data) - self.end
        if have >= length + 2:
            self.add_line(self.end + length, "data", f"the {_count(length, 'byte')}")
        elif have >= length:
            self.add(self.end + length, "data", f"the {_count(length, 'byte')}")
            self.add(len(self.data), "incomplete", "CRLF is due" if have == length else "LF is due")
        else:
            self.add(len(self.data), "data", f"the first {have} of {_count(length, 'byte')}")
            self.add(self.end, "incomplete", f"{_are(length - have, 'more byte')} due, then CRLF")

    def open_aggregate(self, elements: int, is_element: bool = True) -> None:
        self.open.append(_Open(elements, is_element))
        self.close_complete()

    def element_done(self) -> None:
        if self.open:
            self.open[-1].elements_due -= 1
            self.close_complete()

    def close_complete(self) -> None:
        """Close the innermost aggregate if it is complete: an element of the next one, and so on."""
        while self.open and self.open[-1].elements_due == 0:
            if self.open.pop().is_element and self.open:
                self.open[-1].elements_due -= 1

    def add_rest(self) -> None:
        """What is left behind the last complete element."""
        if self.end < len(self.data):
            self.add(len(self.data), "incomplete", "a line without its CRLF")
        elif self.open:
            self.add(self.end, "incomplete", f"{_are(self.open[-1].elements_due, 'more element')} due")


@dataclass
class _Open:
    elements_due: int
    is_element: bool  # attributes are none: they stand before the element that they describe


def _annotate_replies(spans: _Spans) -> None:
    tokens = Tokenizer()
    tokens.feed(spans.data)
    try:
        while (token := tokens.next_token()) is not None:
            _annotate_token(spans, token)
        if tokens.blob_bytes is None:
            spans.add_rest()
        else:
            line_end = spans.data.index(b"\r\n", spans.end)
            spans.add_blob(line_end, KINDS[spans.data[spans.end : spans.end + 1]], tokens.blob_bytes)
    except ProtocolError as error:
        spans.add(len(spans.data), "broken", str(error))


def _annotate_token(spans: _Spans, token: Token) -> None:
    kind = KINDS[token.kind]
    if token.payload is not None:
        spans.add_blob(token.line_end, kind, len(token.payload))
    elif token.kind not in AGGREGATES:
        scalar(token)  # refuses what the parser refuses
        spans.add_line(token.line_end, kind, _describe_line(token))
    elif (count := element_count(token)) >= 0:
        spans.add_line(token.line_end, kind, _describe_aggregate(token.kind, count))
        spans.open_aggregate(count, is_element=token.kind != b"|")
        return
    else:
        spans.add_line(token.line_end, kind, "the null array of RESP2")
    spans.element_done()


def _annotate_requests(spans: _Spans) -> None:
    """Follow what `RequestParser` read; it says where the bytes break, if they do."""
    parser = RequestParser()
    parser.feed(spans.data)
    broken = None
    try:
        for _ in parser.requests():
            pass
    except ProtocolError as error:
        broken = str(error)
    while spans.end < parser.position:
        _annotate_request_element(spans)
    if broken is not None:
        spans.add(len(spans.data), "broken", broken)
    elif not spans.spans or spans.spans[-1].kind != "incomplete":
        spans.add_rest()


def _annotate_request_element(spans: _Spans) -> None:
    data, start = spans.data, spans.end
    if data[start] not in b"*$" or (data[start] == ord("$") and not spans.open):
        end = data.index(b"\n", start)
        words = split_arguments(data[start:end]) or []
        text = b" ".join(quote(word) for word in words).decode()
        end -= data[start:end].endswith(b"\r")
        spans.add(end, "inline", f"an inline command: {text}" if words else "an empty line")
        spans.add(data.index(b"\n", start) + 1, "crlf", "end of line")
        return
    line_end = data.index(b"\r", start)
    number = int(data[start + 1 : line_end])
    if data[start] == ord("*"):
        spans.add_line(line_end, "array", _describe_aggregate(b"*", number))
        if number > 0:
            spans.open_aggregate(number)
    else:
        spans.add_blob(line_end, "bulk string", number)
        spans.element_done()


def _describe_aggregate(kind: bytes, elements: int) -> str:
    if kind == b"%":
        return f"a map of {_count(elements // 2, 'pair')}"
    if kind == b"|":
        return f"attributes of what follows: {_count(elements // 2, 'pair')}"
    name = {b"*": "an array", b"~": "a set", b">": "a push message"}[kind]
    return f"{name} of {_count(elements, 'element')}"


def _describe_line(token: Token) -> str:
    if token.kind == b"$":
        return "null: the bulk string that is not there"
    if token.kind == b"_":
        return "null"
    if token.kind == b"#":
        return "true" if token.argument == b"t" else "false"
    name = KINDS[token.kind]
    return f"{name} {token.argument.decode('utf-8', 'backslashreplace')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _are(number: int, noun: str) -> str:
    return f"{_count(number, noun)} {'is' if number == 1 else 'are'}"
