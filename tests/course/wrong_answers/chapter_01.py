"""Answers to chapter 1's exercises that somebody might well give, and the tests that must refuse them."""

from __future__ import annotations

import re

from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import ProtocolError, RequestParser

# -- 1.1 ------------------------------------------------------------------------------------------------


def as_bytes(word):
    return word.encode() if isinstance(word, str) else word


def request(*words):
    pieces = [b"*%d\r\n" % len(words)]
    pieces += [b"$%d\r\n%b\r\n" % (len(as_bytes(word)), as_bytes(word)) for word in words]
    return b"".join(pieces)


def read_exactly(socket, count):
    data = b""
    while len(data) < count:
        data += socket.recv(count - len(data))
    return data


def read_reply(socket, maps=True, nulls=True, errors=True):
    line = b""
    while not line.endswith(b"\r\n"):
        line += socket.recv(1)
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        if errors:
            raise ReplyError(rest.decode())
        return rest.decode()
    if kind == b"+":
        return rest.decode()
    if rest == b"-1" or (nulls and kind == b"_"):
        return None
    if kind == b"_":
        raise ValueError("unknown type _")
    if kind == b"$":
        return read_exactly(socket, int(rest) + 2)[:-2]
    if kind == b"%" and maps:
        return {read_reply(socket): read_reply(socket) for _ in range(int(rest))}
    return [read_reply(socket) for _ in range(int(rest))]


def client(send=request, read=read_reply, pair=None):
    """(set_, get, hgetall) with one part of them replaced."""

    def set_(socket, key, value):
        socket.sendall(send("SET", key, value))
        return read(socket)

    def get(socket, key):
        socket.sendall(send("GET", key))
        return read(socket)

    def hgetall(socket, key):
        socket.sendall(send("HGETALL", key))
        reply = read(socket)
        return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))

    return set_, get, hgetall


def inline_request(*words):
    return b" ".join(as_bytes(word) for word in words) + b"\r\n"


def request_of_characters(*words):
    """Counts the characters of a str, not its bytes."""
    pieces = [b"*%d\r\n" % len(words)]
    pieces += [b"$%d\r\n%b\r\n" % (len(word), as_bytes(word)) for word in words]
    return b"".join(pieces)


def read_one_packet(socket):
    """Takes what one recv brings for the whole reply."""
    data = socket.recv(65536)
    kind, _, rest = data.partition(b"\r\n")
    if kind[:1] == b"-":
        raise ReplyError(kind[1:].decode())
    if kind[:1] == b"+":
        return kind[1:].decode()
    if kind in (b"$-1", b"_"):
        return None
    if kind[:1] == b"$":
        return rest[: int(kind[1:])]
    return [line for line in rest.split(b"\r\n") if not line.startswith(b"$")]


def read_to_line_end(socket):
    """Searches a string's end instead of counting to it."""
    line = b""
    while not line.endswith(b"\r\n"):
        line += socket.recv(1)
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        raise ReplyError(rest.decode())
    if kind == b"+":
        return rest.decode()
    if kind == b"_" or rest == b"-1":
        return None
    if kind == b"$":
        text = b""
        while not text.endswith(b"\r\n"):
            text += socket.recv(1)
        return text[:-2]
    count = int(rest) * (2 if kind == b"%" else 1)
    return [read_to_line_end(socket) for _ in range(count)]


def read_without_crlf(socket):
    """Leaves the CRLF behind a string in the socket."""
    line = b""
    while not line.endswith(b"\r\n"):
        line += socket.recv(1)
    kind, rest = line[:1], line[1:-2]
    if kind in b"+-":
        if kind == b"-":
            raise ReplyError(rest.decode())
        return rest.decode()
    if kind == b"_" or rest == b"-1":
        return None
    if kind == b"$":
        return read_exactly(socket, int(rest))
    count = int(rest) * (2 if kind == b"%" else 1)
    return [read_without_crlf(socket) for _ in range(count)]


# -- 1.2 ------------------------------------------------------------------------------------------------


class NeedMore(Exception):
    pass


class Parser:
    """A right one, with methods that the wrong ones replace."""

    limit = 512 * 1024 * 1024

    def __init__(self):
        self.buffer, self.broken = b"", False

    def feed(self, data):
        if self.broken:
            return []
        self.buffer += data
        frames, at = [], 0
        try:
            while at < len(self.buffer):
                frame, at = self.read(at, top=True)
                if frame != "skip":
                    frames.append(frame)
        except NeedMore:
            pass
        except ProtocolError as error:
            frames.append(error)
            self.broken = True
        self.buffer = self.buffer[at:]
        return frames

    def line(self, at, ending=b"\r\n"):
        end = self.buffer.find(ending, at)
        if end < 0:
            raise NeedMore
        return self.buffer[at:end], end + len(ending)

    def number(self, text):
        if not re.fullmatch(rb"-?[0-9]+", text):
            raise ProtocolError("ERR Protocol error: number")
        return int(text)

    def read(self, at, top=False):
        kind = self.buffer[at : at + 1]
        if not kind:
            raise NeedMore
        if kind not in (b"+", b"-", b":", b"$", b"*"):
            if not top:
                raise ProtocolError("ERR Protocol error: type")
            line, end = self.line(at, b"\n")
            return line.split() or "skip", end
        line, end = self.line(at)
        if kind == b"+":
            return line[1:].decode(), end
        if kind == b"-":
            return ReplyError(line[1:].decode()), end
        number = self.number(line[1:])
        if kind == b":":
            return number, end
        if number < -1 or (kind == b"$" and number > self.limit):
            raise ProtocolError("ERR Protocol error: length")
        if number == -1:
            return None, end
        return self.string(end, number) if kind == b"$" else self.array(end, number)

    def string(self, at, length):
        if len(self.buffer) < at + length + 2:
            raise NeedMore
        return self.buffer[at : at + length], at + length + 2

    def array(self, at, count):
        elements = []
        for _ in range(count):
            element, at = self.read(at)
            elements.append(element)
        return elements, at


class Forgetful(Parser):
    """Throws the rest of a read away."""

    def feed(self, data):
        frames = super().feed(data)
        self.buffer = b""
        return frames


class SplitsAtLines(Parser):
    def string(self, at, length):
        return self.line(at)


class TakesAnyInt(Parser):
    def number(self, text):
        try:
            return int(text)
        except ValueError:
            raise ProtocolError("ERR Protocol error: number") from None


class NoLimit(Parser):
    limit = 2**62


class FlatArrays(Parser):
    """Knows arrays of strings only, as requests are."""

    def array(self, at, count):
        elements = []
        for _ in range(count):
            line, at = self.line(at)
            if line[:1] != b"$":
                raise ProtocolError("ERR Protocol error: expected '$'")
            element, at = (None, at) if line == b"$-1" else self.string(at, self.number(line[1:]))
            elements.append(element)
        return elements, at


class WithoutLastCrlf(Parser):
    """A string counts as whole before its CRLF is there."""

    def string(self, at, length):
        if len(self.buffer) < at + length:
            raise NeedMore
        return self.buffer[at : at + length], at + length + 2


class Raises(Parser):
    def feed(self, data):
        frames = super().feed(data)
        for frame in frames:
            if isinstance(frame, ProtocolError):
                raise frame
        return frames


class GoesOn(Parser):
    """Skips a broken line and reads on."""

    def feed(self, data):
        self.broken = False
        return super().feed(data)


class NoInline(Parser):
    def read(self, at, top=False):
        return super().read(at, top=False)


class SharedBuffer(Parser):
    everything = b""

    def __init__(self):
        self.broken = False

    @property
    def buffer(self):
        return SharedBuffer.everything

    @buffer.setter
    def buffer(self, value):
        SharedBuffer.everything = value


class OneFrameAFeed(Parser):
    def feed(self, data):
        if self.broken:
            return []
        self.buffer += data
        try:
            frame, at = self.read(0, top=True)
        except NeedMore:
            return []
        except ProtocolError as error:
            self.broken = True
            return [error]
        self.buffer = self.buffer[at:]
        return [] if frame == "skip" else [frame]


class ErrorsAreText(Parser):
    def read(self, at, top=False):
        value, end = super().read(at, top)
        return (str(value) if isinstance(value, ReplyError) else value), end


class EnginesOwn:
    """The engine's request parser: it reads no replies."""

    def __init__(self):
        self.parser = RequestParser()

    def feed(self, data):
        self.parser.feed(data)
        try:
            return list(self.parser.requests())
        except ProtocolError as error:
            return [error]


# -- 1.3 ------------------------------------------------------------------------------------------------

KB64 = 64 * 1024


def write_some(client):
    if client.output:
        count = client.write(client.output[:KB64])
        del client.output[:count]


def read_and_run(client):
    if client.readable:
        client.read()
    while client.run_one():
        pass


def reads_until_empty(clients):
    for client in clients:
        while client.readable:
            client.read()
            while client.run_one():
                pass
        while client.run_one():
            pass
        write_some(client)


def forgets_what_was_not_taken(clients):
    for client in clients:
        read_and_run(client)
    for client in clients:
        if client.output:
            client.write(client.output[:KB64])
            client.output.clear()


def insists_on_writing(clients):
    for client in clients:
        read_and_run(client)
    for client in clients:
        while client.output:
            count = client.write(client.output[:KB64])
            del client.output[:count]


def stops_at_the_first_deaf_client(clients):
    for client in clients:
        read_and_run(client)
    for client in clients:
        if client.output:
            count = client.write(client.output[:KB64])
            del client.output[:count]
            if not count:
                return


def writes_it_again(clients):
    """Deletes only when everything was taken."""
    for client in clients:
        read_and_run(client)
    for client in clients:
        if client.output and client.write(client.output[:KB64]) == len(client.output):
            client.output.clear()


def runs_only_after_a_read(clients):
    for client in clients:
        if client.readable:
            client.read()
            while client.run_one():
                pass
    for client in clients:
        write_some(client)


def writes_all_at_once(clients):
    for client in clients:
        read_and_run(client)
    for client in clients:
        if client.output:
            count = client.write(client.output)
            del client.output[:count]


def serves_the_first_only(clients):
    for client in clients:
        if client.readable:
            read_and_run(client)
            write_some(client)
            return


def runs_the_first_command_of_a_read(clients):
    for client in clients:
        if client.readable:
            client.read()
            client.run_one()
        write_some(client)


def reads_always(clients):
    for client in clients:
        client.read()
        while client.run_one():
            pass
        write_some(client)


def takes_from_the_end(clients):
    for client in clients:
        read_and_run(client)
        if client.output:
            count = client.write(client.output[:KB64])
            del client.output[len(client.output) - count :]


# -- 1.4 ------------------------------------------------------------------------------------------------


def strict(capture, zeros=True, ends_are_bad=False, skip_crlf=False):
    """A right answer, with switches that make it wrong."""
    at = 0
    while at < len(capture):
        header = re.compile(rb"\*([1-9][0-9]*)\r\n").match(capture, at)
        if not header:
            return first_difference(capture, at, b"*", least=1, zeros=zeros, ends_are_bad=ends_are_bad)
        at = header.end()
        for _ in range(int(header[1])):
            pattern = rb"\$(0|[1-9][0-9]*)\r\n" if zeros else rb"\$([0-9]+)\r\n"
            header = re.compile(pattern).match(capture, at)
            if not header:
                return first_difference(capture, at, b"$", least=0, zeros=zeros, ends_are_bad=ends_are_bad)
            at = header.end() + int(header[1])
            for byte in b"\r\n":
                if at >= len(capture):
                    return len(capture) if ends_are_bad else None
                if capture[at] != byte and not skip_crlf:
                    return at
                at += 1
    return None


def first_difference(capture, at, kind, least, zeros=True, ends_are_bad=False):
    none = len(capture) if ends_are_bad else None
    if at >= len(capture):
        return none
    if capture[at : at + 1] != kind:
        return at
    start = at = at + 1
    while capture[at : at + 1].isdigit() and not (zeros and capture[start:at] == b"0"):
        at += 1
    if at == start:
        return at if at < len(capture) else none
    if int(capture[start:at]) < least:
        return start
    for byte in b"\r\n":
        if at >= len(capture):
            return none
        if capture[at] != byte:
            return at
        at += 1
    return none


def the_end_is_bad(capture):
    return strict(capture, ends_are_bad=True)


def as_lenient_as_the_server(capture):
    return strict(capture, skip_crlf=True)


def the_parsers_position(capture):
    """Where the engine's parser stands when it complains."""
    parser = RequestParser()
    parser.feed(capture)
    try:
        for _ in parser.requests():
            pass
    except ProtocolError:
        return parser.position
    return None


def counts_lines(capture):
    """Splits at CRLF, so a string with a line end in it looks too short."""
    at, due = 0, None
    for line in capture.split(b"\r\n"):
        if due is not None and len(line) != due:
            return at + min(due, len(line))
        if due is None and line[:1] in (b"*", b"$") and not line[1:].isdigit():
            return at + 1
        due = int(line[1:]) if due is None and line[:1] == b"$" else None
        at += len(line) + 2
    return None


def zeros_in_front(capture):
    return strict(capture, zeros=False)


def always_none(capture):
    return None


def the_number_itself(capture):
    """Blames the length, not the byte where it shows."""
    at = strict(capture)
    if at is None:
        return None
    start = max(capture.rfind(b"$", 0, at), capture.rfind(b"*", 0, at))
    return start + 1 if start >= 0 else at


SPLIT = "500 frames, cut in two at every byte"
LIVE = "a live server reads with it"

WRONG = {
    "1.1": [
        (
            "inline commands: fine until a value has a blank",
            client(send=inline_request),
            (
                "SET goes out as one array of bulk strings",
                "keys and values of any bytes, and str as UTF-8",
            ),
        ),
        (
            "the length of a str, not of its bytes",
            client(send=request_of_characters),
            ("keys and values of any bytes, and str as UTF-8",),
        ),
        (
            "one recv is one reply",
            client(read=read_one_packet),
            (
                "replies that come in pieces of one to seven bytes",
                "HGETALL is a dict, in RESP2 and in RESP3",
            ),
        ),
        (
            "a string ends at the next CRLF",
            client(read=read_to_line_end),
            (
                "keys and values of any bytes, and str as UTF-8",
                "replies that come in pieces of one to seven bytes",
                "HGETALL is a dict, in RESP2 and in RESP3",
            ),
        ),
        (
            "the CRLF of a string stays in the socket",
            client(read=read_without_crlf),
            ("replies that come in pieces of one to seven bytes",),
        ),
        (
            "RESP2 only: the null of RESP3",
            client(read=lambda socket: read_reply(socket, nulls=False)),
            ("RESP3 has a null of its own",),
        ),
        (
            "RESP2 only: a map is read as an array of half its length",
            client(read=lambda socket: read_reply(socket, maps=False)),
            ("HGETALL is a dict, in RESP2 and in RESP3",),
        ),
        (
            "an error is just a text",
            client(read=lambda socket: read_reply(socket, errors=False)),
            ("an error reply is raised, and the socket can go on",),
        ),
        (
            "None for an empty value",
            client(read=lambda socket: read_reply(socket) or None),
            ("GET brings back a value, an empty value, and None",),
        ),
    ],
    "1.2": [
        ("half a frame is thrown away", (Forgetful,), (SPLIT, LIVE, "a stream, byte by byte")),
        ("a string ends at the next CRLF", (SplitsAtLines,), ("strings that hold line ends and headers",)),
        ("int() reads '+3', ' 3' and '1_0'", (TakesAnyInt,), ("a length that cannot be is refused at once",)),
        ("no limit: waits for 600 MB", (NoLimit,), ("a length that cannot be is refused at once",)),
        ("arrays of strings only", (FlatArrays,), ("nulls, and arrays in arrays",)),
        ("does not wait for the last CRLF", (WithoutLastCrlf,), (SPLIT,)),
        ("raises, and loses what came before", (Raises,), ("frames before the broken bytes count, "
         "frames behind them do not",)),
        ("reads on behind broken bytes", (GoesOn,), ("frames before the broken bytes count, "
         "frames behind them do not",)),
        ("knows no inline commands", (NoInline,), ("inline commands", LIVE)),
        ("one buffer for all connections", (SharedBuffer,), ("several frames in one read, and the rest of "
         "the last in the next",)),
        ("one frame for each feed", (OneFrameAFeed,), ("several frames in one read, and the rest of the "
         "last in the next",)),
        ("errors become text", (ErrorsAreText,), ("the five types of RESP2", "nulls, and arrays in arrays")),
        ("a server's parser, for requests only", (EnginesOwn,), ("the five types of RESP2",)),
    ],
    "1.3": [
        ("reads until the socket is empty", (reads_until_empty,),
         ("a client that sends without end leaves the others their turn",)),
        ("forgets what the socket did not take", (forgets_what_was_not_taken,),
         ("a client that never reads blocks nobody", "at most 64 KB to one client in a turn",
          "a socket that takes a few bytes at a time: none lost, none twice",
          "each client's replies in its own order")),
        ("writes until all is taken", (insists_on_writing,), ("a client that never reads blocks nobody",)),
        ("gives up at the first client that takes nothing", (stops_at_the_first_deaf_client,),
         ("a client that never reads blocks nobody",)),
        ("writes again what was taken", (writes_it_again,),
         ("a socket that takes a few bytes at a time: none lost, none twice",)),
        ("runs commands only after a read", (runs_only_after_a_read,),
         ("a command behind a BLPOP runs once the client is woken",)),
        ("no limit for one client's reply", (writes_all_at_once,),
         ("at most 64 KB to one client in a turn",)),
        ("one client for each turn", (serves_the_first_only,),
         ("a command in, its reply out, for every client",)),
        ("one command for each read", (runs_the_first_command_of_a_read,),
         ("half a command waits, three commands in one read all run",
          "each client's replies in its own order")),
        ("reads where nothing arrived", (reads_always,), ("nothing to do is nothing done",)),
        ("deletes from the wrong end", (takes_from_the_end,),
         ("a socket that takes a few bytes at a time: none lost, none twice",
          "each client's replies in its own order")),
        ("does nothing at all", (lambda clients: None,), ("the notebook's cells run on it",)),
    ],
    "1.4": [
        ("the end of the capture is bad", (the_end_is_bad,), ("a capture that stops early is not bad",)),
        ("as lenient as the server", (as_lenient_as_the_server,),
         ("a length or a count that is too small or too large",)),
        ("where the engine's parser stands", (the_parsers_position,),
         ("a wrong type byte, a length that is no number", "a line end of which one byte is missing")),
        ("splits at line ends", (counts_lines,),
         ("a sound capture has none", "a length or a count that is too small or too large")),
        ("takes zeros in front", (zeros_in_front,), ("a wrong type byte, a length that is no number",)),
        ("never finds anything", (always_none,), ("ten mutated captures",)),
        ("blames the length", (the_number_itself,),
         ("a length or a count that is too small or too large", "a line end of which one byte is missing")),
    ],
}  # fmt: skip
