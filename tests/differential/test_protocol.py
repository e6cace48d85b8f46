"""Bytes that no client library would send: what real servers answer to them, and whether they hang up.

Valkey 9.1 checks more than Redis 7.2: that CR is followed by LF, and that nothing hides behind a NUL byte;
and it joins quoted pieces of an inline word. Those requests have only Redis 7.0 as their judge.
"""

from __future__ import annotations

import socket
from random import Random

import pytest

from minidis.drivers.embedded import Embedded
from minidis.engine.link import Link
from minidis.protocol.glob import matches
from minidis.protocol.quoting import quote, split_arguments
from minidis.protocol.resp import ProtocolError, RequestParser, encode, encode_command
from tests.differential.sides import RealSide

ANSWERED_TO_THE_END = encode_command([b"ECHO", b"the end"])

BROKEN = [
    b"*2147483648\r\n", b"*x\r\n", b"*01\r\n", b"*\r\n", b"* 1\r\n", b"*+1\r\n",
    b"*9999999999999999999999\r\n",
    b"*1\r\nabc\r\n", b"*1\r\n\r\n", b"*1\r\n\xff\r\n", b"*1\r\n:1\r\n", b"*1\r\n*1\r\n",
    b"*1\r\n$x\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$536870913\r\n", b"*1\r\n$\r\n", b"*1\r\n$4 \r\n",
    b'"abc\r\n', b"ECHO 'a\r\n", b'ECHO "a"b\r\n',
    b"a" * 70_000, b"*" + b"1" * 70_000, b"*1\r\n$" + b"1" * 70_000,
]  # fmt: skip

SOUND = [
    b"PING\n", b"\r\nPING\r\n", b"*-5\r\n*1\r\n$4\r\nPING\r\n", b"*0\r\nPING\r\n", b'ECHO "\\xff\\n\\q"\r\n',
    b"ECHO a\x0bb\r\n", b"\x0bECHO \x0c a\r\n", b"ECHO 'it\\'s \\n'\r\n", b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
]  # fmt: skip

LAX = [b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", b"*1\rX$4\r\nPING\r\n"]


def real_answer(judge: RealSide, data: bytes) -> bytes:
    """All that comes until the server hangs up or has answered the last command."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(judge.server.socket_path))
        answer = b""
        try:
            connection.sendall(data)
            while not answer.endswith(b"$7\r\nthe end\r\n"):
                received = connection.recv(1 << 16)
                if not received:
                    break
                answer += received
        except (ConnectionResetError, BrokenPipeError):
            pass  # hung up while we were still sending
        return answer


def our_answer(data: bytes) -> bytes:
    parser = RequestParser()
    parser.feed(data)
    answer = b""
    try:
        for argv in parser.requests():
            answer += encode("PONG" if argv[0] == b"PING" else argv[1])
    except ProtocolError as error:
        answer += encode(error)
    return answer


@pytest.mark.parametrize("data", BROKEN, ids=lambda data: repr(data[:20]))
def test_broken_requests(judge, data):
    if judge.name == "valkey-9.1" and b'"b' in data:
        pytest.xfail("Valkey joins quoted pieces of a word")
    assert real_answer(judge, data) == our_answer(data)


@pytest.mark.parametrize("data", SOUND, ids=lambda data: repr(data[:20]))
def test_unusual_but_sound_requests(judge, data):
    assert real_answer(judge, data + ANSWERED_TO_THE_END) == our_answer(data + ANSWERED_TO_THE_END)


@pytest.mark.parametrize("data", LAX, ids=lambda data: repr(data[:20]))
def test_what_redis_does_not_check(judge, data):
    if judge.name == "valkey-9.1":
        pytest.xfail("Valkey checks the CRLF")
    assert real_answer(judge, data + ANSWERED_TO_THE_END) == our_answer(data + ANSWERED_TO_THE_END)


def test_a_pipeline_in_which_much_happens(judge):
    """Plain calls, and all that must interrupt them: a transaction, replies kept back, messages, the end."""
    lines = b"""FLUSHALL|SET k 1|INCR k|MULTI|INCR k|GET k|EXEC|GET k|NOSUCH|LPUSH k 1|GET none|
        CLIENT REPLY SKIP|GET k|LPUSH l a b|BLPOP l 0|BLPOP none l 0|CLIENT REPLY OFF|SET k 7|CLIENT REPLY ON|
        SUBSCRIBE c|PING|PUBLISH c hi|GET k|UNSUBSCRIBE c|GET k|RESET|INCRBYFLOAT k 0.5|QUIT|GET k"""
    data = b"".join(encode_command(line.split()) for line in lines.split(b"|"))
    ours = Link(Embedded().node)
    ours.receive(data)
    assert real_answer(judge, data) == ours.take_output()


def test_replies_that_are_kept_back(judge):
    """One SKIP behind another begins anew, and one before RESET is still for its reply."""
    lines = b"""CLIENT REPLY SKIP|CLIENT REPLY SKIP|GET a|GET b|CLIENT REPLY SKIP|RESET|PING a|
        CLIENT REPLY SKIP|NOSUCH|PING b|CLIENT REPLY SKIP|CLIENT REPLY SKIP|CLIENT REPLY ON|PING c|
        CLIENT REPLY OFF|PING d|RESET|PING e|QUIT"""
    data = b"".join(encode_command(line.split()) for line in lines.split(b"|"))
    ours = Link(Embedded().node)
    ours.receive(data)
    assert real_answer(judge, data) == ours.take_output()


def test_lines_of_random_quotes(judge):
    """Each line is an ECHO of one argument at most, so the answer shows how the server split it."""
    if judge.name == "valkey-9.1":
        pytest.xfail("Valkey joins quoted pieces of a word, and reads other escapes")
    random = Random(5)
    text = rb"""" ' \ a \x41 \xg1 \n \' \" \ """
    pieces = [*text.split(), b"\x0b", b"\t", b"\xe9"]
    lines = []
    while len(lines) < 400:
        line = b"ECHO " + b"".join(random.choices(pieces, k=random.randint(1, 6)))
        arguments = split_arguments(line)
        if arguments is None or len(arguments) == 2:
            lines.append(line + b"\r\n")
    sound = [line for line in lines if our_answer(line)[:1] == b"$"]
    together = b"".join(sound) + ANSWERED_TO_THE_END
    assert real_answer(judge, together) == our_answer(together)
    for line in [line for line in lines if line not in sound][:100]:
        assert real_answer(judge, line) == our_answer(line), line


def test_glob_patterns(judge):
    random = Random(6)
    alphabet = [b"a", b"b", b"c", b"-", b"]", b"[", b"^", b"\\", b"*", b"?", b"\xff", b"\x80", b"Z", b"A"]
    weights = [4, 4, 2, 4, 4, 5, 3, 2, 4, 2, 1, 1, 1, 1]
    keys = {b"".join(random.choices(alphabet, k=random.randint(0, 4))) for _ in range(600)}
    patterns = [b"".join(random.choices(alphabet, weights, k=random.randint(0, 7))) for _ in range(600)]
    judge.restart(2)
    judge.run([(b"SET", key, b"") for key in keys])
    for pattern, (_, found) in zip(patterns, judge.run([(b"KEYS", p) for p in patterns]), strict=True):
        assert {key for _, key in found} == {key for key in keys if matches(pattern, key)}, pattern


def test_glob_patterns_without_case(judge):
    """CONFIG GET matches without case, and its names are at hand."""
    judge.restart(2)
    [(_, reply)] = judge.run([(b"CONFIG", b"GET", b"*")])
    names = {name for _, name in reply[::2]}
    for pattern in [b"MAX*", b"m[A-C]x*", b"[\\M]ax*", b"[Z-a]*", b"[!-_]*", b"*[^A-Y]", b"?AVE", b"LIST-*"]:
        [(_, reply)] = judge.run([(b"CONFIG", b"GET", pattern)])
        assert {name for _, name in reply[::2]} == {n for n in names if matches(pattern, n, nocase=True)}


def test_quote_is_what_monitor_prints(judge):
    data = bytes(range(256))
    judge.restart(2)
    watcher = socket.socket(socket.AF_UNIX)
    watcher.settimeout(10)
    watcher.connect(str(judge.server.socket_path))
    try:
        watcher.sendall(b"MONITOR\r\n")
        seen = b""
        while b"OK\r\n" not in seen:
            seen += watcher.recv(1 << 16)
        judge.run([(b"ECHO", data)])
        while seen.count(b"\r\n") < 2:
            seen += watcher.recv(1 << 16)
    finally:
        watcher.close()
    assert seen.endswith(b"] " + quote(b"ECHO") + b" " + quote(data) + b"\r\n")
