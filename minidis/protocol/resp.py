r"""RESP, the Redis serialization protocol: requests and replies as bytes.

A client sends an array of bulk strings; a length goes before everything, so a string may hold any byte and
nothing is ever escaped. ``SET k hi`` travels as::

    *3\r\n  $3\r\nSET\r\n  $1\r\nk\r\n  $2\r\nhi\r\n
     |       |   |
     |       |   3 bytes, then CRLF
     |       a bulk string of 3 bytes follows
     an array of 3 elements follows

The first byte of a reply is its type; all but the blobs end at the first CRLF::

    +OK             status            RESP3 adds   _        null
    -ERR ...        error                          ,1.5     double          #t       boolean
    :7              integer                        (123...  big number      %2       map of 2 pairs
    $2  hi          bulk string                    =6 txt:hi  verbatim      ~2       set of 2
    $-1             null                           !5 ERR x   blob error    >2       push message
    *2              array                          |1       attributes of the reply that follows

A request may also be typed by hand (telnet): a line that doesn't start with ``*`` is split like a line of
redis-cli ("inline").

TCP knows no messages: a read may end in the middle of a length, or bring three requests at once. So both
parsers here are fed pieces of any size and hand out what is complete; they remember how far they looked, so
a megabyte fed byte by byte is still read in linear time.

Mirrors: networking.c (processMultibulkBuffer, processInlineBuffer, addReply*), hiredis read.c; the RESP3
specification. Differs: RESP3's streamed types are not read (no Redis sends them).
Complexity: linear in the bytes.

>>> parser = RequestParser()
>>> parser.feed(b"*2\r\n$3\r\nGET\r\n$1\r"); list(parser.requests())
[]
>>> parser.feed(b"\nk\r\nPING\r\n"); list(parser.requests())
[[b'GET', b'k'], [b'PING']]
>>> encode({b"a": 1}, protocol=2), encode({b"a": 1}, protocol=3)
(b'*2\r\n$1\r\na\r\n:1\r\n', b'%1\r\n$1\r\na\r\n:1\r\n')

Read next: annotation.py (the same bytes, explained piece by piece), pipelines.py (many requests at once).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from minidis.protocol.numbers import format_double, format_with_decimals, parse_float, parse_integer
from minidis.protocol.pipelines import simple_request_bytes, split_pipeline
from minidis.protocol.quoting import split_arguments
from minidis.protocol.replies import (
    NULL_ARRAY,
    Attributes,
    BigNumber,
    BigNumberText,
    NullArray,
    Pairs,
    PlainDouble,
    Push,
    Raw,
    ReplyError,
    Several,
    Verbatim,
)
from minidis.structures.record import NamedTuple

MAX_INLINE_BYTES = 64 * 1024
MAX_ARGUMENTS = 2**31 - 1
DEFAULT_MAX_BULK_BYTES = 512 * 1024 * 1024
SHORT_PIPELINE_BYTES = 120
"""A single short request is split sooner than it is handed to whom `split_long_pipeline` may be."""

MAX_UNAUTHENTICATED_ARGUMENTS = 10
MAX_UNAUTHENTICATED_BULK_BYTES = 16384


class ProtocolError(ReplyError):
    """The bytes are not RESP. A server answers with this error and closes: what follows means nothing."""


# ---- requests: what a server reads ------------------------------------------------------------------------


class RequestParser:
    """Turns the bytes of a connection into requests, each a list of byte strings.

    `authenticated` and `max_bulk_bytes` (proto-max-bulk-len) may change between two requests: a peer that has
    not given its password yet must not make the server reserve much memory.
    """

    split_long_pipeline = staticmethod(split_pipeline)

    def __init__(self, max_bulk_bytes: int = DEFAULT_MAX_BULK_BYTES, authenticated: bool = True) -> None:
        self.max_bulk_bytes = max_bulk_bytes
        self.authenticated = authenticated
        self._buffer: bytes | bytearray = b""
        self._dropped = 0  # bytes of the stream before the buffer
        self._at = 0  # everything before is consumed
        self._looked = 0  # no line end between _at and here
        self._arguments: list[bytes] = []
        self._missing_arguments = 0  # of the array being read; 0: between two requests
        self._arguments_bytes = 0
        self._bulk_bytes = -1  # of the bulk string being read; -1: its length comes next
        self._is_fresh = False  # bytes came since we last looked for a pipeline of simple requests
        self._ahead: list[list[bytes]] = []  # such requests, the next one last

    def feed(self, data: bytes) -> None:
        """Take the next bytes from the network. O(len(data)), amortised."""
        self._is_fresh = True
        buffer = self._buffer
        if not buffer:
            self._buffer = data
            return
        if self._at == len(buffer):  # all is read, as it mostly is: no need to copy what comes
            self._dropped += self._at
            self._buffer = data
            self._at = self._looked = 0
            return
        if isinstance(buffer, bytes):
            self._buffer = buffer = bytearray(buffer)
        if self._at > 4096 and self._at > len(buffer) // 2:
            del buffer[: self._at]
            self._dropped += self._at
            self._looked -= self._at
            self._at = 0
        buffer += data

    def requests(self) -> Iterator[list[bytes]]:
        """The complete requests so far, oldest first; raises `ProtocolError` where the bytes are broken."""
        while (request := self.next_request()) is not None:
            yield request

    def next_request(self) -> list[bytes] | None:
        """The next complete request, or None until more bytes are fed."""
        if ahead := self.look_ahead():
            return ahead.pop()
        while self._missing_arguments or self._at < len(self._buffer):
            if self._missing_arguments:
                return self._read_arguments()
            if self._buffer[self._at] != 0x2A:
                line = self._read_inline()
                if line is None or line:
                    return line
            elif not self._read_array_header():
                return None
        return None

    def look_ahead(self) -> list[list[bytes]]:
        """The simple requests that stand first, taken out all at once (see pipelines.py), the next one last.

        Who pops one off the list runs it; the others stay there for `next_request`.
        """
        if self._is_fresh and not self._ahead and not self._missing_arguments and self.authenticated:
            self._is_fresh = False
            data = self._buffer
            if self._at or type(data) is not bytes:
                data = bytes(data[self._at :])
            split = split_pipeline if len(data) < SHORT_PIPELINE_BYTES else self.split_long_pipeline
            requests, size = split(data)
            requests.reverse()
            self._ahead = requests
            if size == len(data):
                self._dropped += self._at + size
                self._buffer = b""
                self._at = self._looked = 0
            else:
                self._consume(self._at + size)
        return self._ahead

    @property
    def unread_bytes(self) -> int:
        """How many bytes have been fed whose meaning is not certain yet."""
        return len(self._buffer) - self._at

    @property
    def awaited_bytes(self) -> int:
        """The size of the argument that is being read; 0 between two."""
        return max(self._bulk_bytes, 0)

    @property
    def arguments_bytes(self) -> int:
        """The size of the arguments that are there of a request that is not whole."""
        return self._arguments_bytes if self._missing_arguments else 0

    @property
    def position(self) -> int:
        """How many bytes of the stream are read: all those whose meaning is certain.

        Those of requests that were taken out ahead are among them: see StreamParser.
        """
        return self._dropped + self._at

    def _read_array_header(self) -> bool:
        line = self._read_header("mbulk")
        if line is None:
            return False
        count = parse_integer(line[1:])
        if count is None or count > MAX_ARGUMENTS:
            raise ProtocolError("ERR Protocol error: invalid multibulk length")
        if count > MAX_UNAUTHENTICATED_ARGUMENTS and not self.authenticated:
            raise ProtocolError("ERR Protocol error: unauthenticated multibulk length")
        self._consume(self._at + len(line) + 2)
        self._missing_arguments = max(count, 0)  # *0 and *-1 are skipped in silence
        self._arguments = []
        self._arguments_bytes = 0
        return True

    def _read_arguments(self) -> list[bytes] | None:
        while self._missing_arguments:
            if self._bulk_bytes < 0 and not self._read_bulk_header():
                return None
            end = self._at + self._bulk_bytes
            if len(self._buffer) < end + 2:
                return None
            self._arguments.append(bytes(memoryview(self._buffer)[self._at : end]))
            self._consume(end + 2)  # the real server doesn't look at these two bytes either
            self._arguments_bytes += self._bulk_bytes
            self._bulk_bytes = -1
            self._missing_arguments -= 1
        return self._arguments

    def _read_bulk_header(self) -> bool:
        line = self._read_header("bulk")
        if line is None:
            return False
        if line[:1] != b"$":
            got = bytes(line[:1] or b"\r").decode("utf-8", "surrogateescape")
            raise ProtocolError(f"ERR Protocol error: expected '$', got '{got}'")
        length = parse_integer(line[1:])
        if length is None or not 0 <= length <= self.max_bulk_bytes:
            raise ProtocolError("ERR Protocol error: invalid bulk length")
        if length > MAX_UNAUTHENTICATED_BULK_BYTES and not self.authenticated:
            raise ProtocolError("ERR Protocol error: unauthenticated bulk length")
        self._consume(self._at + len(line) + 2)
        self._bulk_bytes = length
        return True

    def _read_header(self, name: str) -> bytes | None:
        """The bytes up to CR, once the byte behind CR is there too (which one it is, nobody checks)."""
        end = self._find(b"\r")
        if end is None:
            self._refuse_endless_line(f"too big {name} count string")
            return None
        if end + 1 == len(self._buffer):
            return None
        return bytes(self._buffer[self._at : end])

    def _read_inline(self) -> list[bytes] | None:
        end = self._find(b"\n")
        if end is None:
            self._refuse_endless_line("too big inline request")
            return None
        line = bytes(self._buffer[self._at : end])
        arguments = split_arguments(line[:-1] if line.endswith(b"\r") else line)
        if arguments is None:
            raise ProtocolError("ERR Protocol error: unbalanced quotes in request")
        self._consume(end + 1)
        return arguments

    def _find(self, wanted: bytes) -> int | None:
        """Where the byte is. As in C, whose ``strchr`` searches, a NUL byte hides all that follows."""
        found = _LINE_ENDS[wanted].search(self._buffer, self._looked)
        if found is None:
            self._looked = len(self._buffer)
            return None
        self._looked = found.start()
        return found.start() if found[0] == wanted else None

    def _refuse_endless_line(self, why: str) -> None:
        if len(self._buffer) - self._at > MAX_INLINE_BYTES:
            raise ProtocolError(f"ERR Protocol error: {why}")

    def _consume(self, position: int) -> None:
        self._at = self._looked = position


class StreamParser(RequestParser):
    """The parser of a replication stream, which counts its bytes: so it must know where each request ends.

    >>> parser = StreamParser()
    >>> parser.feed(encode_command([b"MULTI"]) + encode_command([b"GET", b"k"]) + b"*1\\r\\n")
    >>> [(parser.next_request(), parser.end) for _ in range(3)]
    [([b'MULTI'], 15), ([b'GET', b'k'], 35), (None, 35)]
    """

    def __init__(self, max_bulk_bytes: int = DEFAULT_MAX_BULK_BYTES) -> None:
        super().__init__(max_bulk_bytes)
        self.end = 0
        """So many bytes of the stream are requests that were handed out, and what was skipped before them."""

    def next_request(self) -> list[bytes] | None:
        if self._ahead:
            request = self._ahead.pop()
            self.end += simple_request_bytes(request)
            return request
        begins_at = self.position
        first = super().next_request()
        if first is not None:
            self.end = begins_at + simple_request_bytes(first) if self._ahead else self.position
        return first


_LINE_ENDS = {b"\r": re.compile(rb"[\r\0]"), b"\n": re.compile(rb"[\n\0]")}


def encode_command(arguments: Iterable[bytes]) -> bytes:
    r"""A request: an array of bulk strings.

    >>> encode_command([b"GET", b"k"])
    b'*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'
    """
    strings = list(arguments)
    pieces = [b"*%d\r\n" % len(strings)]
    for string in strings:
        pieces.append(b"$%d\r\n" % len(string))
        pieces.append(string)
        pieces.append(b"\r\n")
    return b"".join(pieces)


# ---- replies: what a server writes ------------------------------------------------------------------------


def encode(value: Any, protocol: int = 2) -> bytes:
    """The bytes of a reply value (see replies.py for the table) in RESP2 or RESP3.

    The elements of a Python set come out in sorted order, because its own order changes from one run of
    Python to the next; a ``dict.keys()`` view is a set that keeps its order.
    """
    kind = type(value)  # most replies are one of these; the rest takes a few steps more
    if kind is bytes:
        length = len(value)
        return (
            BULK_HEADERS[length] + value + b"\r\n"
            if length < READY_MADE
            else b"$%d\r\n%b\r\n" % (length, value)
        )
    if kind is str and value in STATUSES:
        return STATUSES[value]
    if kind is int:
        return SMALL_INTEGERS[value] if 0 <= value < READY_MADE else b":%d\r\n" % value
    if value is None:
        return b"_\r\n" if protocol >= 3 else b"$-1\r\n"
    pieces: list[bytes] = []
    _append(pieces, value, protocol >= 3)
    return b"".join(pieces)


class ReplyTooLarge(Exception):
    """A reply would take more bytes than it may."""


class _CountedPieces(list[bytes]):
    def __init__(self, most_bytes: int) -> None:
        super().__init__()
        self.left_bytes = most_bytes

    def append(self, piece: bytes) -> None:
        self.left_bytes -= len(piece)
        if self.left_bytes < 0:
            raise ReplyTooLarge
        super().append(piece)


def encode_within(value: Any, protocol: int, most_bytes: int) -> bytes:
    """As `encode`, but no further than it may be.  Raises ReplyTooLarge.

    >>> encode_within([b"a", b"b"], 2, 18)
    b'*2\\r\\n$1\\r\\na\\r\\n$1\\r\\nb\\r\\n'
    >>> encode_within([b"x" * 1000] * 1_000_000, 2, 18)
    Traceback (most recent call last):
    minidis.protocol.resp.ReplyTooLarge
    """
    pieces = _CountedPieces(most_bytes)
    _append(pieces, value, protocol >= 3)
    return b"".join(pieces)


READY_MADE = 1024
"""So many short replies and headers are made beforehand."""

SMALL_INTEGERS = [b":%d\r\n" % value for value in range(READY_MADE)]
"""As Redis keeps `shared.integers`."""

BULK_HEADERS = [b"$%d\r\n" % length for length in range(READY_MADE)]
"""What stands before a bulk string of so many bytes (`shared.bulkhdr`)."""

STATUSES = {word: b"+%b\r\n" % word.encode() for word in ("OK", "PONG", "QUEUED")}
"""The statuses that nearly every reply of this kind is one of."""


def _append(pieces: list[bytes], value: Any, resp3: bool) -> None:
    writer = _WRITERS.get(type(value))
    if writer is None:
        writer = next((write for kind, write in _WRITERS.items() if isinstance(value, kind)), None)
        if writer is None:
            raise TypeError(f"not a reply value: {value!r}")
    writer(pieces, value, resp3)


def _append_bulk(pieces: list[bytes], value: bytes, resp3: bool) -> None:
    pieces.append(b"$%d\r\n%b\r\n" % (len(value), value))


def _append_status(pieces: list[bytes], value: str, resp3: bool) -> None:
    pieces.append(b"+%b\r\n" % _one_line(value))


def _append_error(pieces: list[bytes], value: ReplyError, resp3: bool) -> None:
    pieces.append(b"-%b\r\n" % _one_line(str(value)))


def _append_integer(pieces: list[bytes], value: int, resp3: bool) -> None:
    pieces.append(b":%d\r\n" % value)


def _append_big_number(pieces: list[bytes], value: int, resp3: bool) -> None:
    _append_big_number_text(pieces, b"%d" % value, resp3)


def _append_big_number_text(pieces: list[bytes], value: bytes, resp3: bool) -> None:
    if resp3:
        pieces.append(b"(%b\r\n" % value)
    else:
        _append_bulk(pieces, value, resp3)


def _append_boolean(pieces: list[bytes], value: bool, resp3: bool) -> None:
    if resp3:
        pieces.append(b"#t\r\n" if value else b"#f\r\n")
    else:
        _append_integer(pieces, value, resp3)


def _append_double(pieces: list[bytes], value: float, resp3: bool) -> None:
    text = format_double(value)
    if resp3:
        pieces.append(b",%b\r\n" % text)
    else:
        _append_bulk(pieces, text, resp3)


def _append_plain_double(pieces: list[bytes], value: float, resp3: bool) -> None:
    text = format_with_decimals(value)
    if resp3:
        pieces.append(b",%b\r\n" % text)
    else:
        _append_bulk(pieces, text, resp3)


def _append_null(pieces: list[bytes], value: None, resp3: bool) -> None:
    pieces.append(b"_\r\n" if resp3 else b"$-1\r\n")


def _append_null_array(pieces: list[bytes], value: NullArray, resp3: bool) -> None:
    pieces.append(b"_\r\n" if resp3 else b"*-1\r\n")


def _append_verbatim(pieces: list[bytes], value: Verbatim, resp3: bool) -> None:
    if resp3:
        pieces.append(b"=%d\r\n%b:%b\r\n" % (len(value) + 4, value.format.encode(), value))
    else:
        _append_bulk(pieces, value, resp3)


def _append_array(pieces: list[bytes], value: Iterable[Any], resp3: bool) -> None:
    _append_elements(pieces, b"*", list(value), resp3)


def _append_pairs(pieces: list[bytes], value: Pairs, resp3: bool) -> None:
    if resp3:
        _append_elements(pieces, b"*", value, resp3)
    else:
        _append_elements(pieces, b"*", [element for pair in value for element in pair], resp3)


def _append_push(pieces: list[bytes], value: Push, resp3: bool) -> None:
    _append_elements(pieces, b">" if resp3 else b"*", value, resp3)


def _append_several(pieces: list[bytes], value: Several, resp3: bool) -> None:
    for reply in value:
        _append(pieces, reply, resp3)


def _append_set(pieces: list[bytes], value: AbstractSet[Any], resp3: bool) -> None:
    ordered = sorted(value) if isinstance(value, (set, frozenset)) else list(value)
    _append_elements(pieces, b"~" if resp3 else b"*", ordered, resp3)


def _append_map(pieces: list[bytes], value: dict[Any, Any], resp3: bool) -> None:
    pieces.append(b"%%%d\r\n" % len(value) if resp3 else b"*%d\r\n" % (2 * len(value)))
    for key, element in value.items():
        _append(pieces, key, resp3)
        _append(pieces, element, resp3)


def _append_raw(pieces: list[bytes], value: Raw, resp3: bool) -> None:
    pieces.append(value)


def _append_attributes(pieces: list[bytes], value: Attributes, resp3: bool) -> None:
    if resp3:
        pieces.append(b"|%d\r\n" % len(value))
        for key, fact in value.items():
            _append(pieces, key, resp3)
            _append(pieces, fact, resp3)


def _append_elements(pieces: list[bytes], kind: bytes, elements: list[Any], resp3: bool) -> None:
    pieces.append(b"%b%d\r\n" % (kind, len(elements)))
    for element in elements:
        _append(pieces, element, resp3)


def _one_line(text: str) -> bytes:
    """Bytes that a user sent and an error repeats were decoded with surrogates, and come back whole."""
    return text.encode("utf-8", "surrogateescape").replace(b"\r", b" ").replace(b"\n", b" ")


# Looked up by exact type; for a subclass the first entry that fits, so the narrower type stands first.
_WRITERS: dict[type, Any] = {
    Verbatim: _append_verbatim,
    Raw: _append_raw,
    BigNumberText: _append_big_number_text,
    bytes: _append_bulk,
    str: _append_status,
    bool: _append_boolean,
    BigNumber: _append_big_number,
    int: _append_integer,
    PlainDouble: _append_plain_double,
    float: _append_double,
    type(None): _append_null,
    NullArray: _append_null_array,
    Pairs: _append_pairs,
    Push: _append_push,
    Several: _append_several,
    list: _append_array,
    tuple: _append_array,
    Attributes: _append_attributes,
    dict: _append_map,
    AbstractSet: _append_set,
    ReplyError: _append_error,
}


# ---- replies: what a client reads -------------------------------------------------------------------------


class Token(NamedTuple):
    r"""One element of a stream: ``$2\r\nhi\r\n``, or the header alone of an array, a map, a set ..."""

    kind: bytes  # the first byte
    argument: bytes  # the rest of its line
    payload: bytes | None  # of a blob ($ = !): its bytes
    start: int  # positions in the stream
    line_end: int  # where the first line's CRLF starts
    end: int


class Tokenizer:
    """Splits a stream of replies, fed in any pieces, into tokens. It knows lengths, but no nesting."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._dropped = 0  # bytes of the stream before the buffer
        self._at = 0
        self._looked = 0
        self._header: tuple[bytes, int] | None = None  # of a blob whose payload is not complete: line, length

    def feed(self, data: bytes) -> None:
        if self._at > 4096 and self._at > len(self._buffer) // 2:
            del self._buffer[: self._at]
            self._dropped += self._at
            self._looked -= self._at
            self._at = 0
        self._buffer += data

    @property
    def position(self) -> int:
        """Where in the stream the next token starts."""
        return self._dropped + self._at

    @property
    def blob_bytes(self) -> int | None:
        """The length of the blob whose payload is not complete, if one is being read."""
        return self._header[1] if self._header else None

    def next_token(self) -> Token | None:
        """The next complete token, or None until more bytes are fed."""
        if self._header is None:
            line_end = self._buffer.find(b"\r\n", self._looked)
            if line_end < 0:
                self._looked = max(self._at, len(self._buffer) - 1)  # CR may be there already
                self._check_kind()
                return None
            line = bytes(self._buffer[self._at : line_end])
            self._check_kind()
            length = _blob_bytes(line) if line[:1] in _BLOBS else -1
            if length < 0:
                return self._take(line, None, line_end + 2)
            self._header = line, length
        line, length = self._header
        payload_at = self._at + len(line) + 2
        end = payload_at + length
        if len(self._buffer) < end + 2:
            return None
        if self._buffer[end : end + 2] != b"\r\n":
            raise ProtocolError("Protocol error, a blob of this length doesn't end with CRLF")
        payload = bytes(memoryview(self._buffer)[payload_at:end])
        self._header = None
        return self._take(line, payload, end + 2)

    def _check_kind(self) -> None:
        kind = bytes(self._buffer[self._at : self._at + 1])
        if kind and kind not in KINDS:
            raise ProtocolError(f'Protocol error, got "{kind.decode("latin-1")}" as reply type byte')

    def _take(self, line: bytes, payload: bytes | None, end: int) -> Token:
        start = self.position
        self._at = self._looked = end
        return Token(line[:1], line[1:], payload, start, start + len(line), self.position)


def _blob_bytes(line: bytes) -> int:
    length = parse_integer(line[1:])
    if length is None or length < -1:
        raise ProtocolError("Protocol error, bad length of a blob")
    return length


class ReplyParser:
    """Turns the bytes of a server into reply values, the same that `encode` takes.

    A null array (``*-1``) is `NULL_ARRAY`, the other nulls are None; errors are `ReplyError` values. Elements
    of a set and keys of a map must be hashable, so arrays there become tuples. Attributes (``|``) describe
    the reply that follows them: see `attributes` after each reply.
    """

    def __init__(self) -> None:
        self.attributes: dict[Any, Any] = {}  # of the reply handed out last
        self._tokens = Tokenizer()
        self._open: list[_Aggregate] = []  # the aggregates around the next token, outermost first
        self._next_attributes: dict[Any, Any] = {}

    def feed(self, data: bytes) -> None:
        """Take the next bytes from the network. O(len(data)), amortised."""
        self._tokens.feed(data)

    def replies(self) -> Iterator[Any]:
        """The complete replies so far; raises `ProtocolError` where the bytes are broken."""
        while (reply := self.next_reply()) is not NEED_DATA:
            yield reply

    def next_reply(self) -> Any:
        """The next complete reply, or `NEED_DATA`."""
        while (token := self._tokens.next_token()) is not None:
            if token.kind in AGGREGATES and (count := element_count(token)) >= 0:
                self._open.append(_Aggregate(token.kind, count))
                value = NEED_DATA
            else:
                value = scalar(token)
            value = self._close_complete(value)
            if value is not NEED_DATA:
                self.attributes, self._next_attributes = self._next_attributes, {}
                return value
        return NEED_DATA

    def _close_complete(self, value: Any) -> Any:
        """Put a value into the aggregate around it, and so on outwards while aggregates become complete."""
        while self._open:
            innermost = self._open[-1]
            if value is not NEED_DATA:
                innermost.elements.append(value)
            if len(innermost.elements) < innermost.count:
                return NEED_DATA
            self._open.pop()
            value = innermost.value()
            if innermost.kind == b"|":
                self._next_attributes.update(value)
                value = NEED_DATA
        return value


class _NeedData:
    def __repr__(self) -> str:
        return "NEED_DATA"

    def __bool__(self) -> bool:
        return False


NEED_DATA = _NeedData()
"""What `ReplyParser.next_reply` answers when the bytes so far hold no complete reply (None is a reply)."""


class _Aggregate:
    __slots__ = ("kind", "count", "elements")

    def __init__(self, kind: bytes, count: int) -> None:
        self.kind = kind
        self.count = count
        self.elements: list[Any] = []

    def value(self) -> Any:
        if self.kind == b"*":
            return self.elements
        if self.kind == b">":
            return Push(self.elements)
        if self.kind == b"~":
            return {_hashable(element) for element in self.elements}
        values = iter(self.elements)
        return {_hashable(key): value for key, value in zip(values, values, strict=True)}


def element_count(token: Token) -> int:
    """How many elements follow this header (two for each pair of a map); -1 for a null array."""
    count = parse_integer(token.argument)
    if count is None or count < (-1 if token.kind == b"*" else 0):
        raise ProtocolError("Protocol error, bad number of elements")
    return 2 * count if token.kind in b"%|" else count


def scalar(token: Token) -> Any:
    """The value of a token that stands for itself: no header of an aggregate, but a null array."""
    kind, argument, payload = token.kind, token.argument, token.payload
    if kind == b"$":
        return payload
    if kind == b"+":
        return argument.decode("utf-8", "surrogateescape")
    if kind == b":":
        return _number(parse_integer(argument), argument)
    if kind == b"-":
        return ReplyError(argument.decode("utf-8", "surrogateescape"))
    if kind == b"*":
        return NULL_ARRAY
    if kind == b"_":
        return None
    if kind == b"#" and argument in (b"t", b"f"):
        return argument == b"t"
    if kind == b",":
        return float("nan") if argument in (b"nan", b"-nan") else _number(parse_float(argument), argument)
    if kind == b"(" and re.fullmatch(_BIG_NUMBER, argument):
        return BigNumber(argument)
    if kind == b"!" and payload is not None:
        return ReplyError(payload.decode("utf-8", "surrogateescape"))
    if kind == b"=" and payload is not None and payload[3:4] == b":":
        text = Verbatim(payload[4:])
        text.format = payload[:3].decode("latin-1")
        return text
    raise ProtocolError(f"Protocol error, bad {KINDS[kind]}")


def _number(value: Any, argument: bytes) -> Any:
    if value is None:
        raise ProtocolError(f"Protocol error, bad number {argument.decode('latin-1')!r}")
    return value


def _hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_hashable(element) for element in value)
    if isinstance(value, set):
        return frozenset(value)
    if isinstance(value, dict):
        return tuple((key, _hashable(element)) for key, element in value.items())
    return value


_BIG_NUMBER = rb"[+-]?[0-9]+"

KINDS = {
    b"+": "status",
    b"-": "error",
    b":": "integer",
    b"$": "bulk string",
    b"*": "array",
    b"_": "null",
    b"#": "boolean",
    b",": "double",
    b"(": "big number",
    b"=": "verbatim string",
    b"!": "blob error",
    b"%": "map",
    b"~": "set",
    b">": "push",
    b"|": "attributes",
}
"""The first byte of every RESP type and its name."""

AGGREGATES = frozenset((b"*", b"%", b"~", b">", b"|"))
_BLOBS = frozenset((b"$", b"=", b"!"))
