"""Chapter 1: RESP by hand, a parser, an event loop's turn, broken captures.

What is due comes from the engine itself (its encoder, its parsers, its own loop), or is known because
the check broke the bytes itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.wire import FrameRequests, RawSocket
from minidis.course.guard import instruction_budget
from minidis.course.parts import plug
from minidis.drivers.event_loop import READ_BYTES, WRITE_BYTES, Connection, EventLoop, Served
from minidis.notebook.session import Options, Session
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import ProtocolError, encode, encode_command

HOSTILE = (b"\r\n", b"", b"$3\r\nfoo\r\n", b"*1\r\n", b"\0\xff\xfe", "💾 café".encode(), b"-ERR no error")
"""Strings that break a reader who looks for line ends, or counts characters."""

# -- 1.1 raw bytes ------------------------------------------------------------------------------------

raw = Exercise(
    "1.1",
    "SET, GET and HGETALL as raw bytes",
    kind="use",
    points=4,
    hints=(
        "A request is *<count> and then $<length> + the bytes for each word, each part ended by CRLF. The "
        "length counts bytes, so encode a str first.",
        "Write one function that reads exactly up to a CRLF, and one that reads exactly n bytes; recv may "
        "give you less than you asked for, so both loop. recv(1) is slow and right.",
        "read_reply looks at the first byte of the line: + status, - error, : integer, $ bulk (-1 is None), "
        "* array, and in RESP3 also _ (None) and % (a map: twice as many elements).",
    ),
)


def _random_bytes(case: Case, most: int = 12) -> bytes:
    if case.random.random() < 0.3:
        return case.random.choice(HOSTILE)
    return case.random.randbytes(case.random.randrange(most))


def _socket(case: Case, node: Any, protocol: int = 2) -> RawSocket:
    """A socket whose network hands over one to seven bytes at a time."""
    return RawSocket(node, protocol, pieces=lambda: case.random.randint(1, 7))


@raw.test("SET goes out as one array of bulk strings")
def sends_an_array(case: Case, set_: Any, get: Any, hgetall: Any) -> None:
    node = case.node()
    for key, value in ((b"k", b"v"), (b"greeting", b"hello world"), (b"n", b"10")):
        socket = RawSocket(node)
        came = set_(socket, key, value)
        sent = bytes(socket.sent)
        due = encode_command([b"SET", key, value])
        given = f"set_(socket, {key!r}, {value!r}): the bytes that you sent"
        case.equal(sent.replace(b"set", b"SET", 1), due, given)
        case.equal(came, "OK", f"set_(socket, {key!r}, {value!r})")
        case.equal(node.execute("GET", key), value, f"the value of {key!r} in the node afterwards")


@raw.test("GET brings back a value, an empty value, and None")
def reads_values(case: Case, set_: Any, get: Any, hgetall: Any) -> None:
    node = case.node()
    node.execute("SET", "full", "hello")
    node.execute("SET", "empty", "")
    for key, due in ((b"full", b"hello"), (b"empty", b""), (b"missing", None)):
        case.equal(get(RawSocket(node), key), due, f"get(socket, {key!r})")


@raw.test("keys and values of any bytes, and str as UTF-8")
def any_bytes(case: Case, set_: Any, get: Any, hgetall: Any) -> None:
    node = case.node()
    socket = RawSocket(node)
    pairs: list[tuple[Any, bytes]] = [(key, key + b"!") for key in HOSTILE]
    pairs += [("schlüssel", b"1"), ("🔑", "🚪".encode())]
    pairs += [(_random_bytes(case), _random_bytes(case, 40)) for _ in range(20)]
    for key, value in pairs:
        set_(socket, key, value)
        wire_key = key.encode() if isinstance(key, str) else key
        came = node.execute("GET", wire_key)
        case.equal(came, value, f"set_(socket, {key!r}, {value!r}): what the node has under that key")
        case.equal(get(socket, key), value, f"get(socket, {key!r})")


@raw.test("replies that come in pieces of one to seven bytes")
def in_pieces(case: Case, set_: Any, get: Any, hgetall: Any) -> None:
    node = case.node()
    socket = _socket(case, node)
    for _ in range(20):
        key, value = _random_bytes(case), _random_bytes(case, 60)
        case.equal(set_(socket, key, value), "OK", f"set_(socket, {key!r}, {value!r}), reply in pieces")
        case.equal(get(socket, key), value, f"get(socket, {key!r}), reply in pieces")
        case.equal(socket.unread, b"", "bytes of the reply that you left in the socket")


@raw.test("HGETALL is a dict, in RESP2 and in RESP3")
def hashes(case: Case, set_: Any, get: Any, hgetall: Any) -> None:
    node = case.node()
    content = {_random_bytes(case): _random_bytes(case, 30) for _ in range(8)} | {b"\r\n": b"\r\n"}
    node.execute("HSET", "h", *[part for pair in content.items() for part in pair])
    for protocol in (2, 3):
        socket = _socket(case, node, protocol)
        case.equal(hgetall(socket, b"h"), content, f"hgetall(socket, b'h') in RESP{protocol}")
        case.equal(hgetall(socket, b"none"), {}, f"hgetall(socket, b'none') in RESP{protocol}")


@raw.test("RESP3 has a null of its own")
def resp3_null(case: Case, set_: Any, get: Any, hgetall: Any) -> None:
    socket = _socket(case, case.node(), protocol=3)
    for _ in range(2):
        case.equal(get(socket, b"missing"), None, "get(socket, b'missing') in RESP3: the reply is _")
    case.equal(set_(socket, b"k", b"v"), "OK", "set_ on the same socket afterwards")


@raw.test("an error reply is raised, and the socket can go on")
def errors_are_raised(case: Case, set_: Any, get: Any, hgetall: Any) -> None:
    node = case.node()
    node.execute("LPUSH", "list", "x")
    socket = _socket(case, node)
    error = case.raises(ReplyError, get, socket, b"list", given="get(socket, b'list') of a key with a list")
    due = "WRONGTYPE Operation against a key holding the wrong kind of value"
    case.equal(str(error), due, "the text of the ReplyError")
    case.equal(get(socket, b"other"), None, "get(socket, b'other') after an error")


# -- 1.2 a parser -------------------------------------------------------------------------------------

parser = Exercise(
    "1.2",
    "A RESP parser that survives every cut",
    kind="rebuild",
    points=6,
    hints=(
        "Keep what has not become a whole frame in a buffer. feed() appends, then takes whole frames from "
        "the front until there is none, and leaves the rest for the next call.",
        "Write read(at) -> (value, end). Where bytes are missing it raises an exception of your own, "
        "NeedMore, and feed stops there. An array calls read for each element.",
        "A number is digits with perhaps a minus: int() also takes '+3', ' 3' and '1_0', Redis does not. A "
        "length above 536870912 is refused as soon as its line is whole, not when the bytes would be there.",
    ),
)

MAX_BULK = 512 * 1024 * 1024


def _frame(case: Case, depth: int = 0) -> Any:
    """A random RESP2 value; arrays hold others."""
    kind = case.random.randrange(7 if depth < 3 else 5)
    if kind == 0:
        return case.random.choice((0, -1, 7, 10**18))
    if kind == 1:
        return case.random.choice(("OK", "", "a status"))
    if kind == 2:
        return case.random.choice((ReplyError("ERR no"), ReplyError("WRONGTYPE")))
    if kind < 5:
        return case.random.choice((None, _random_bytes(case, 5)))
    return [_frame(case, depth + 1) for _ in range(case.random.randrange(3))]


def _expect_frames(case: Case, came: Any, due: list[Any], given: str) -> None:
    """Equal, and of the same types: an error is no text, a bulk string is no status."""
    if not isinstance(came, list):
        raise Wrong(given, show(came), "a list of frames")
    if _described(came) != _described(due):
        raise Wrong(given, show(came), show(due))


def _described(value: Any) -> Any:
    if isinstance(value, list):
        return [_described(item) for item in value]
    if isinstance(value, ProtocolError):
        return "a ProtocolError"
    return (type(value).__name__, str(value) if isinstance(value, ReplyError) else value)


@parser.test("the five types of RESP2")
def five_types(case: Case, make: Any) -> None:
    due_of = {
        b"+OK\r\n": "OK",
        b"-ERR no such key\r\n": ReplyError("ERR no such key"),
        b":-42\r\n": -42,
        b"$5\r\nhello\r\n": b"hello",
        b"$0\r\n\r\n": b"",
        b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n": [b"ECHO", b"hi"],
        b"*0\r\n": [],
    }
    for data, due in due_of.items():
        _expect_frames(case, make().feed(data), [due], f"feed({data!r})")


@parser.test("nulls, and arrays in arrays")
def nested(case: Case, make: Any) -> None:
    due_of = {
        b"$-1\r\n": None,
        b"*-1\r\n": None,
        b"*3\r\n$-1\r\n*-1\r\n:1\r\n": [None, None, 1],
        b"*2\r\n*2\r\n:1\r\n:2\r\n*1\r\n*0\r\n": [[1, 2], [[]]],
        b"*1\r\n*1\r\n*1\r\n*1\r\n+deep\r\n": [[[["deep"]]]],
        b"*2\r\n-ERR one\r\n+OK\r\n": [ReplyError("ERR one"), "OK"],
    }
    for data, due in due_of.items():
        _expect_frames(case, make().feed(data), [due], f"feed({data!r})")


@parser.test("strings that hold line ends and headers")
def hostile_strings(case: Case, make: Any) -> None:
    for text in HOSTILE:
        data = encode_command([b"SET", b"k", text])
        _expect_frames(case, make().feed(data), [[b"SET", b"k", text]], f"feed({data!r})")


@parser.test("several frames in one read, and the rest of the last in the next")
def several(case: Case, make: Any) -> None:
    one = make()
    _expect_frames(case, one.feed(b"+OK\r\n:1\r\n$2\r\nh"), ["OK", 1], "feed(b'+OK\\r\\n:1\\r\\n$2\\r\\nh')")
    _expect_frames(case, one.feed(b""), [], "then feed(b'')")
    _expect_frames(case, one.feed(b"i\r\n$"), [b"hi"], "then feed(b'i\\r\\n$')")
    other = make()
    _expect_frames(case, other.feed(b":2\r\n"), [2], "feed(b':2\\r\\n') on another RespParser")


@parser.test("inline commands")
def inline(case: Case, make: Any) -> None:
    due_of: dict[bytes, list[Any]] = {
        b"PING\r\n": [[b"PING"]],
        b"SET key  value \r\n": [[b"SET", b"key", b"value"]],
        b"GET k\n": [[b"GET", b"k"]],
        b"\r\n\r\nPING\r\n": [[b"PING"]],
        b"PING\r\n*1\r\n$4\r\nPING\r\nECHO hi\r\n": [[b"PING"], [b"PING"], [b"ECHO", b"hi"]],
        b"PIN": [],
    }
    for data, due in due_of.items():
        _expect_frames(case, make().feed(data), due, f"feed({data!r})")


@parser.test("500 frames, cut in two at every byte")
def every_cut(case: Case, make: Any) -> None:
    frames = [_frame(case) for _ in range(500)]
    for start in range(0, len(frames), 50):
        with instruction_budget():
            for frame in frames[start : start + 50]:
                _every_cut_of(case, make, frame)


def _every_cut_of(case: Case, make: Any, frame: Any) -> None:
    data = encode(frame)
    one = make()
    for cut in range(1, len(data)):
        first = one.feed(data[:cut])
        given = f"feed({data[:cut]!r})"
        _expect_frames(case, first, [], given)
        _expect_frames(case, one.feed(data[cut:]), [frame], f"{given}, then feed({data[cut:]!r})")


@parser.test("a stream, byte by byte")
def byte_by_byte(case: Case, make: Any) -> None:
    frames = [_frame(case) for _ in range(30)]
    data = b"".join(encode(frame) for frame in frames)
    one = make()
    came = [frame for position in range(len(data)) for frame in one.feed(data[position : position + 1])]
    _expect_frames(case, came, frames, f"{data!r} one byte at a time")


@parser.test("a length that cannot be is refused at once")
def impossible_lengths(case: Case, make: Any) -> None:
    broken = [b"$-2\r\n", b"$x\r\n", b"$\r\n", b"*-2\r\n", b"*1x\r\n", b"$%d\r\n" % (MAX_BULK + 1)]
    broken += [b"$+3\r\n", b"$ 3\r\n", b"$1_0\r\n", b"*1\r\n$99999999999\r\n", b"*1\r\n?4\r\n"]
    for data in broken:
        _expect_frames(case, make().feed(data), [ProtocolError("ERR")], f"feed({data!r})")
    data = b"$%d\r\n" % MAX_BULK
    _expect_frames(case, make().feed(data), [], f"feed({data!r}): 512 MB is still allowed")


@parser.test("frames before the broken bytes count, frames behind them do not")
def after_broken(case: Case, make: Any) -> None:
    one = make()
    data = b"+OK\r\n$x\r\n+lost\r\n"
    _expect_frames(case, one.feed(data), ["OK", ProtocolError("ERR")], f"feed({data!r})")
    _expect_frames(case, one.feed(b"+OK\r\n"), [], f"feed({data!r}), then feed(b'+OK\\r\\n')")


@parser.test("a live server reads with it")
def live_server(case: Case, make: Any) -> None:
    stream = b"".join(_random_request(case) for _ in range(120))
    ours = EventLoop(case.node(), parser=lambda: FrameRequests(make()))
    due = _served(EventLoop(case.node()), [stream])
    pieces = list(_pieces(case, stream))
    came = _served(ours, pieces)
    if came != due:
        at = next((n for n, (a, b) in enumerate(zip(came, due, strict=False)) if a != b), len(came))
        given = f"{len(stream)} bytes of commands in {len(pieces)} pieces; the replies from byte {at} on"
        raise Wrong(given, show(came[max(0, at - 20) : at + 60]), show(due[max(0, at - 20) : at + 60]))


def _served(loop: EventLoop, pieces: list[bytes]) -> bytes:
    connection = loop.connect("client")
    for piece in pieces:
        connection.send(piece)
        loop.run()
    return connection.received()


def _pieces(case: Case, data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = case.random.choice((1, 2, 3, 10, 200))
        yield data[at : at + size]
        at += size


def _random_request(case: Case) -> bytes:
    choose = case.random.choice
    key = choose((b"a", b"b", b"\r\n", b"c c"))
    argv = choose(
        (
            [b"SET", key, _random_bytes(case, 30)],
            [b"GET", key],
            [b"RPUSH", b"list", _random_bytes(case), b"$-1"],
            [b"LRANGE", b"list", b"-3", b"-1"],
            [b"INCR", choose((b"n", b"a"))],
            [b"HSET", b"h", _random_bytes(case), b"v"],
            [b"NOSUCH", key],
            [b"ECHO", b""],
        )
    )
    if case.random.random() < 0.2:
        return choose((b"PING\r\n", b"SET n 5\r\n", b"\r\n", b"GET  n\n", b"*0\r\n", b"*-1\r\n"))
    return encode_command(argv)


# -- 1.3 one turn of the loop ----------------------------------------------------------------------------

loop_turn = Exercise(
    "1.3",
    "One turn of the event loop",
    kind="rebuild",
    points=6,
    hints=(
        "Two passes over the clients: first read and run for each, then write to each. Nobody is waited "
        "for: what cannot be done now is done in a later turn, which comes anyway.",
        "write() answers how many bytes the socket took. Delete exactly those from the front of output, and "
        "go to the next client, also when it took none.",
        "Read once per client and turn, however much is there. Call run_one() until it answers False, "
        "whether you have read or not: a woken client may have commands that arrived long ago.",
    ),
)


INSTRUCTIONS_PER_TURN = 300_000  # a right turn needs about a thousand


def _loop(case: Case, tick: Any, *names: str) -> tuple[EventLoop, list[Connection]]:
    loop = EventLoop(case.node(), tick=tick)
    return loop, [loop.connect(name) for name in names]


def _turns(loop: EventLoop, most: int = 1) -> list[str]:
    """Let the loop do up to `most` turns; the events."""
    first = len(loop.log)
    clients = [Served(loop, connection) for connection in loop.connections]
    for _ in range(most):
        before = len(loop.log)
        assert loop.tick is not None
        with instruction_budget(INSTRUCTIONS_PER_TURN):
            loop.tick(clients)
        if len(loop.log) == before:
            break
    return [str(event) for event in loop.log[first:]]


@loop_turn.test("a command in, its reply out, for every client")
def one_turn(case: Case, tick: Any) -> None:
    loop, (ada, bob) = _loop(case, tick, "ada", "bob")
    ada.send(b"SET k 1\r\n")
    bob.send(b"PING\r\n")
    events = _turns(loop)
    case.equal(ada.received(), b"+OK\r\n", 'ada sends "SET k 1", one turn; what she receives')
    case.equal(bob.received(), b"+PONG\r\n", 'bob sends "PING", the same turn; what he receives')
    case.true(
        len([event for event in events if event.startswith("read")]) == 2,
        "the events of that turn",
        show(events),
        "one read for each of the two",
    )


@loop_turn.test("half a command waits, three commands in one read all run")
def pipelines(case: Case, tick: Any) -> None:
    loop, (ada,) = _loop(case, tick, "ada")
    ada.send(b"*1\r\n$4\r\nPI")
    _turns(loop)
    case.equal(ada.received(), b"", "half a PING; what the client receives")
    ada.send(b"NG\r\nSET n 1\r\nINCR n\r\n")
    _turns(loop, most=5)
    case.equal(ada.received(), b"+PONG\r\n+OK\r\n:2\r\n", "the rest, with SET and INCR in the same read")


@loop_turn.test("nothing to do is nothing done")
def idle(case: Case, tick: Any) -> None:
    loop, _ = _loop(case, tick, "ada", "bob")
    case.equal(_turns(loop, most=3), [], "three turns without a byte from anyone: the events")


@loop_turn.test("a client that sends without end leaves the others their turn")
def firehose(case: Case, tick: Any) -> None:
    loop, (hose, bob) = _loop(case, tick, "hose", "bob")
    request = b"PING\r\n" * (READ_BYTES // 6)

    class Endless(Connection):
        def read(self, most: int = READ_BYTES) -> bytes:
            data = super().read(most)
            self.send(request)  # as fast as it is read, more is there
            return data

    loop.connections[0] = endless = Endless(hose.link, "hose")
    endless.send(request)
    bob.send(b"PING\r\n")
    events = _turns(loop)
    reads = sum(event.startswith("read hose") for event in events)
    case.equal(reads, 1, "a client whose socket is never empty: reads from it in one turn")
    case.equal(bob.received(), b"+PONG\r\n", "what the other client received in the same turn")


@loop_turn.test("a client that never reads blocks nobody")
def never_reads(case: Case, tick: Any) -> None:
    for position in (0, 1, 2):
        loop, connections = _loop(case, tick, "ada", "bob", "eve")
        held = connections[position]
        held.hold()
        for connection in connections:
            connection.send(b"ECHO " + connection.name.encode() + b"\r\n")
        _turns(loop, most=3)
        for connection in connections:
            due = b"" if connection is held else b"$3\r\n%b\r\n" % connection.name.encode()
            given = f"{held.name} never reads, all three send ECHO; what {connection.name} has received"
            case.equal(connection.received(), due, given)
        held.release()
        _turns(loop, most=3)
        due = b"$3\r\n%b\r\n" % held.name.encode()
        case.equal(held.received(), due, f"{held.name} reads again; what it receives")


@loop_turn.test("a socket that takes a few bytes at a time: none lost, none twice")
def trickle(case: Case, tick: Any) -> None:
    loop, (ada, bob) = _loop(case, tick, "ada", "bob")
    text = case.random.randbytes(40).hex().encode()
    ada.hold(room=0)
    ada.send(b"ECHO %b\r\nPING\r\n" % text)
    came = b""
    for _ in range(200):
        ada.hold(room=case.random.randint(0, 9))
        _turns(loop)
        came += ada.received()
        if bob.inbound or case.random.random() < 0.2:
            bob.send(b"PING\r\n")
    due = b"$80\r\n%b\r\n+PONG\r\n" % text
    case.equal(came, due, "ECHO of 80 bytes and PING; a socket that takes 0 to 9 bytes in a turn")


@loop_turn.test("at most 64 KB to one client in a turn")
def big_reply(case: Case, tick: Any) -> None:
    loop, (ada, bob) = _loop(case, tick, "ada", "bob")
    size = 3 * WRITE_BYTES
    loop.node.execute("SETRANGE", "big", size - 1, "x")
    ada.send(b"GET big\r\n")
    bob.send(b"PING\r\n")
    _turns(loop)
    first = len(ada.received())
    given = f"GET of {size} bytes; how many were written in the first turn"
    case.true(0 < first <= WRITE_BYTES, given, str(first), f"at most {WRITE_BYTES}")
    case.equal(bob.received(), b"+PONG\r\n", "what the other client received in that turn")
    _turns(loop, most=10)
    rest = len(ada.received())
    case.equal(first + rest, size + len(f"${size}\r\n\r\n"), "the bytes of the whole reply after more turns")


@loop_turn.test("a command behind a BLPOP runs once the client is woken")
def behind_a_blocked_one(case: Case, tick: Any) -> None:
    loop, (ada, bob) = _loop(case, tick, "ada", "bob")
    ada.send(b"BLPOP q 0\r\nPING\r\n")
    _turns(loop, most=3)
    case.equal(ada.received(), b"", "BLPOP of an empty list, with a PING behind it; what came at once")
    bob.send(b"RPUSH q x\r\n")
    _turns(loop, most=5)
    case.equal(
        ada.received(), b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n+PONG\r\n", "after RPUSH by bob; what ada received"
    )


@loop_turn.test("each client's replies in its own order")
def order(case: Case, tick: Any) -> None:
    names = ["ada", "bob", "eve"]
    loop, connections = _loop(case, tick, *names)
    reference = EventLoop(case.node())
    twins = [reference.connect(name) for name in names]
    for step in range(60):
        number = case.random.randrange(3)
        data = b"".join(
            b"ECHO %s-%d-%d\r\n" % (names[number].encode(), step, n) for n in range(case.random.randint(1, 4))
        )
        cut = case.random.randrange(len(data))
        for chosen, running in ((connections[number], loop), (twins[number], reference)):
            chosen.send(data[:cut])
            _turns(running) if running is loop else running.run()
            chosen.send(data[cut:])
        if case.random.random() < 0.3:
            connections[case.random.randrange(3)].hold(case.random.randint(0, 5))
        if case.random.random() < 0.3:
            connections[case.random.randrange(3)].release()
    for connection in connections:
        connection.release()
    _turns(loop, most=400)
    reference.run()
    for connection, twin in zip(connections, twins, strict=True):
        given = f"60 random pipelines of three clients that read now and then; what {twin.name} received"
        case.equal(connection.received(), twin.received(), given)


@loop_turn.test("the notebook's cells run on it")
def cells(case: Case, tick: Any) -> None:
    bodies = [_random_cell(case) for _ in range(12)]
    plain, plugged_in = case.node(), case.node()
    plug("tick", tick, plugged_in)
    due, came = _cells(plain, bodies), _cells(plugged_in, bodies)
    for (client, body), theirs, ours in zip(bodies, came, due, strict=True):
        case.equal(theirs, ours, f"a cell of client {client}: {body!r}; what it printed")


def _cells(node: Any, bodies: list[tuple[str, str]]) -> list[str]:
    session = Session(node, seed=1)
    return [str(session.run(body, Options(client=client)).panel) for client, body in bodies]


def _random_cell(case: Case) -> tuple[str, str]:
    lines = ["SET k 1", "INCR k", "GET k", "HSET h f v", "HGETALL h", "LPUSH k x", "MULTI\nINCR k\nEXEC"]
    lines += ["SELECT 1", "SELECT 0", "PING", "NOSUCH", "BLPOP q 0\nPING", "RPUSH q x", "HELLO 3", "HELLO 2"]
    body = "\n".join(case.random.choice(lines) for _ in range(case.random.randint(2, 5)))
    return case.random.choice(("ada", "bob")), body


# -- 1.4 captures -----------------------------------------------------------------------------------------

captures = Exercise(
    "1.4",
    "Name the bad byte of a capture",
    kind="use",
    points=4,
    hints=(
        "Read the capture as a server would, but strictly: at each position you know what may come next. "
        "The first byte that may not come is the bad one.",
        "The bytes of a bulk string are skipped by its length, never searched. What must follow them is "
        "CRLF; if another byte stands there, that is where the capture can first be known to be wrong.",
        "Running out of bytes is not bad: the packet just ends. Raise one exception for 'bad at n' and "
        "another for 'no more bytes', and let every small reader (a digit, a CR, a LF) raise them.",
    ),
)


def first_bad_byte(capture: bytes) -> int | None:
    """The offset of the first byte that no client would send there; None if there is none. O(N)."""
    at = 0
    while at < len(capture):
        count, at, bad = _number(capture, at, b"*", least=1)
        if bad is not None or count is None:
            return bad
        for _ in range(count):
            length, at, bad = _number(capture, at, b"$", least=0)
            if bad is not None or length is None:
                return bad
            at += length
            if (bad := _mismatch(capture, at, b"\r\n")) is not None:
                return bad
            at += 2
            if at > len(capture):
                return None
    return None


def _number(capture: bytes, at: int, kind: bytes, least: int) -> tuple[int | None, int, int | None]:
    """(number, where the line after it starts, bad byte); the number is None where the capture ends first."""
    if (bad := _mismatch(capture, at, kind)) is not None:
        return None, at, bad
    end = at + 1
    while capture[end : end + 1].isdigit() and capture[at + 1 : end] != b"0":
        end += 1
    digits = capture[at + 1 : end]
    if digits and int(digits) < least or not digits and end < len(capture):
        return None, at, at + 1
    if (bad := _mismatch(capture, end, b"\r\n")) is not None:
        return None, at, bad
    return (int(digits) if end + 2 <= len(capture) else None), end + 2, None


def _mismatch(capture: bytes, at: int, due: bytes) -> int | None:
    """Where `due` should stand: the first byte that differs. Bytes that are missing do not count."""
    for number, byte in enumerate(due):
        if at + number < len(capture) and capture[at + number] != byte:
            return at + number
    return None


def _capture(case: Case) -> tuple[bytes, list[int]]:
    """Some requests as one capture, and where each of them starts."""
    data, starts = b"", []
    for _ in range(case.random.randint(2, 4)):
        starts.append(len(data))
        words = [_random_bytes(case, 9) for _ in range(case.random.randint(1, 3))]
        data += encode_command([case.random.choice((b"SET", b"MSET", b"RPUSH")), *words])
    return data, starts


def _ask(case: Case, bad_byte: Callable[[bytes], Any], capture: bytes, due: int | None, what: str) -> None:
    came = bad_byte(capture)
    case.equal(came, due, f"bad_byte({capture!r}) ({what})")


@captures.test("a sound capture has none")
def sound(case: Case, bad_byte: Any) -> None:
    _ask(case, bad_byte, encode_command([b"SET", b"k", b"hello"]), None, "one sound request")
    for _ in range(15):
        _ask(case, bad_byte, _capture(case)[0], None, "sound requests")


@captures.test("a capture that stops early is not bad")
def cut_short(case: Case, bad_byte: Any) -> None:
    data = encode_command([b"SET", b"key", b"a\r\nb"])
    for end in range(len(data)):
        _ask(case, bad_byte, data[:end], None, f"the first {end} bytes of a sound request")


@captures.test("a wrong type byte, a length that is no number")
def wrong_kinds(case: Case, bad_byte: Any) -> None:
    good = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
    for at, byte in ((0, b"+"), (4, b"*"), (1, b"x"), (5, b"-"), (5, b"\r"), (14, b" ")):
        broken = good[:at] + byte + good[at + 1 :]
        _ask(case, bad_byte, broken, at, f"byte {at} of a sound request replaced")
    _ask(case, bad_byte, good + b"GET k\r\n", len(good), "a second request of another kind")
    _ask(case, bad_byte, b"*2\r\n$03\r\nGET\r\n$1\r\nk\r\n", 6, "a length with a zero in front")


@captures.test("a length or a count that is too small or too large")
def wrong_numbers(case: Case, bad_byte: Any) -> None:
    due_of = {
        b"*2\r\n$3\r\nGET\r\n$4\r\nhello\r\n": 21,
        b"*2\r\n$3\r\nGET\r\n$6\r\nhello\r\n": 23,
        b"*2\r\n$3\r\nGET\r\n$6\r\nhello\r\n*1\r\n$4\r\nPING\r\n": 23,
        b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n$1\r\nv\r\n": 20,
        b"*3\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n": 20,
        b"*1\r\n$4\r\n\xc3\xa9t\xc3\xa9\r\n": 12,
    }
    for capture, due in due_of.items():
        _ask(case, bad_byte, capture, due, "one number is wrong")


@captures.test("a line end of which one byte is missing")
def wrong_line_ends(case: Case, bad_byte: Any) -> None:
    good = encode_command([b"SET", b"k", b"v"])
    for at in (n for n, byte in enumerate(good) if byte in b"\r\n"):
        broken = good[:at] + good[at + 1 :] + good
        _ask(case, bad_byte, broken, first_bad_byte(broken), f"byte {at} dropped")


@captures.test("ten mutated captures")
def mutated(case: Case, bad_byte: Any) -> None:
    found = 0
    while found < 10:
        data, _ = _capture(case)
        at, byte = case.random.randrange(len(data)), bytes([case.random.choice(b"*$\r\n0159x\xff")])
        kind = case.random.choice(("replaced", "dropped", "put in"))
        broken = data[:at] + (b"" if kind == "dropped" else byte) + data[at + (kind != "put in") :]
        due = first_bad_byte(broken)
        found += due is not None
        _ask(case, bad_byte, broken, due, "one byte of sound requests was replaced, dropped or put in")
