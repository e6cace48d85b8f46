"""The debugger of scripts: the same dialogues with minidis-server and a real server, each a process.

What a value's address is (`function@0x...`) differs from run to run and is not compared.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from minidis import Embedded
from minidis.protocol.replies import ReplyError
from tests.differential.differences import REDIS_7_0
from tests.differential.servers import Connection, RealServer, available_judges
from tests.differential.test_server import ServerSide
from tests.differential.wire import Reply, ReplyReader

SCRIPT = b"""local n = 1
local t = {1, 'two', {x = 3}, false}
local function twice(a)
  local b = a * 2
  return b
end
redis.debug(n, t, 'text\\n', nil)
n = twice(n)
redis.call('SET', KEYS[1], n)
redis.breakpoint()
local r = redis.call('GET', KEYS[1])
for i = 1, 3 do
  n = n + i
end
local e = redis.pcall('LPUSH', KEYS[1], 1)
redis.call('MGET', KEYS[1], 'a', 'b')
redis.pcall('nope')
return {n, r, e}
"""
DIALOGUES = """
h, list, list 3, list 3 1, whole, print, p n, n, n, n, n, p t, print, s, t, p a, p KEYS, p ARGV, p no, abort
b 14, b, b 99, b -3, b x, b 13, b -14, b, c, c, s, s, c, b 0, b, c
eval 1 + 1, eval local q = 5 return q, e n, e error('x'), e x = = 1, e redis.call('GET', 'k'), e KEYS[1], c, c
redis GET k, r SET k 1, r nope, r get, r, r lpush k 1, redis hset h a b, r hgetall h, r zadd z 1 m, n, n, a
r zrange z 0 -1 withscores, r sadd s a, r smembers s, r lrange no 0 -1, r ping 1 2 3 4 5 6 7 8 9 10 11, c, c
maxlen, maxlen 10, e string.rep('x', 100), e string.rep('y', 100), maxlen 0, e string.rep('x', 300), m x, c, c
nonsense, e {1; {2; {3}}}, e {a = {}}, e redis.call, e '\\0"', n, n, n, n, n, n, n, n, n, n, b 16, c, n, n, n
"""


class Dialogue:
    """One client's session: what it was told, up to the end of the connection."""

    def __init__(self, path: Path, mode: str, script: bytes, *before: list[bytes]) -> None:
        self.connection = Connection(path)
        self.told: list[Reply] = []
        self._reader = ReplyReader()
        self.has_ended = False
        self.say(b"SCRIPT", b"DEBUG", mode.encode())
        for words in before:
            self.say(*words)
        self.say(b"EVAL", script, b"1", b"k", b"argument")

    def say(self, *words: bytes) -> None:
        """Send a frame, and wait for the answer to it."""
        self.connection.send([words])
        self._read(len(self.told) + 1)

    def end(self) -> list[Reply]:
        """All that was told; the server has hung up."""
        self._read(1 << 30)
        self.connection.close()
        return self.told

    def _read(self, wanted: int) -> None:
        while len(self.told) < wanted and not self.has_ended:
            try:
                data = self.connection.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            self.told += self._reader.feed(data)
            self.has_ended = not data or b"<endsession>" in data
        if wanted == 1 << 30:
            while data := self.connection.socket.recv(1 << 16):
                self.told += self._reader.feed(data)


def dialogue(path: Path, mode: str, script: bytes, frames: list[bytes]) -> list[str]:
    """What is told in a session with these frames, without addresses."""
    session = Dialogue(path, mode, script)
    for frame in frames:
        if not session.has_ended:
            session.say(*(word for word in frame.split(b" ") if word))
    return [re.sub("@0x[0-9a-f]+", "@", repr(reply)) for reply in session.end()]


@pytest.fixture(scope="module")
def paths() -> Iterator[tuple[Path, Path]]:
    """The sockets of a real server and of ours."""
    [judge] = [one for one in available_judges() if one.name == REDIS_7_0]
    with RealServer(judge) as server, tempfile.TemporaryDirectory(prefix="minidis-") as folder:
        ours = ServerSide(folder)
        try:
            yield server.socket_path, ours.path
        finally:
            ours.stop()


@pytest.mark.parametrize("mode", ["sync", "yes"])
@pytest.mark.parametrize("line", DIALOGUES.strip().splitlines())
def test_the_same_dialogue(paths: tuple[Path, Path], mode: str, line: str) -> None:
    frames = [frame.encode() for frame in line.split(", ")]
    theirs, ours = (dialogue(path, mode, SCRIPT, frames) for path in paths)
    assert ours == theirs
    assert "<endsession>" in ours[-2]


@pytest.mark.parametrize(
    "script", [b"return 1 +", b"error('x')", b"redis.call('nope')", b"return 'hello'", b""]
)
def test_the_same_end(paths: tuple[Path, Path], script: bytes) -> None:
    theirs, ours = (dialogue(path, "sync", script, [b"c"]) for path in paths)
    assert ours == theirs


@pytest.mark.parametrize("mode", ["sync", "yes"])
def test_a_script_that_a_pause_has_held(paths: tuple[Path, Path], mode: str) -> None:
    told = []
    for path in paths:
        session = Dialogue(path, mode, SCRIPT, [b"CLIENT", b"PAUSE", b"50", b"ALL"])
        session.say(b"n")
        session.say(b"a")
        told.append(session.end())
    assert told[1] == told[0]
    assert told[1][-1][0] == b"-" and len(told[1]) > 4


def test_an_endless_loop_is_stopped(paths: tuple[Path, Path]) -> None:
    told = []
    for path in paths:
        with Connection(path) as other:
            other.run([(b"CONFIG", b"SET", b"busy-reply-threshold", b"20")])
            told.append(dialogue(path, "sync", b"while true do end", [b"c", b"p", b"c", b"a"]))
            gone = Dialogue(path, "sync", b"while true do end")
            gone.connection.send([(b"c",)])
            gone.connection.close()
            assert other.run([(b"PING",)]) == [(b"+", b"PONG")]  # who has gone debugs no longer
    assert told[1] == told[0]
    assert "timeout reached, infinite loop?" in told[1][2]


def test_a_copy_changes_nothing_and_does_not_keep_others(paths: tuple[Path, Path]) -> None:
    for path in paths:
        session = Dialogue(path, "yes", b"redis.call('SET', 'copied', 1)\nreturn redis.call('GET', 'copied')")
        session.say(b"n")
        with Connection(path) as other:
            assert other.run([(b"GET", b"copied"), (b"SET", b"other", b"1")])[0] == (b"$", None)
            session.say(b"redis", b"GET", b"other")
            assert session.told[-1] == (b"*", [(b"+", b"<redis> GET other"), (b"+", b"<reply> NULL")])
            session.say(b"c")
            assert session.end()[-1] == (b"$", b"1")
            assert other.run([(b"EXISTS", b"copied")]) == [(b":", b"0")]


@pytest.mark.parametrize("command", ["SCRIPT DEBUG maybe", "SCRIPT DEBUG yes, EVALSHA " + "0" * 40 + " 0"])
def test_the_same_refusals(paths: tuple[Path, Path], command: str) -> None:
    replies = []
    for path in paths:
        with Connection(path) as connection:
            replies.append([connection.run([tuple(one.encode().split())]) for one in command.split(", ")])
    assert replies[0] == replies[1]


def test_an_embedded_node_has_no_debugger() -> None:
    node = Embedded(clock=0)
    assert node.execute("SCRIPT", "DEBUG", "NO") == "OK"
    with pytest.raises(ReplyError, match="the script debugger needs a server"):
        node.execute("SCRIPT", "DEBUG", "YES")


def test_redis_cli_debugs(paths: tuple[Path, Path], tmp_path: Path) -> None:
    program = shutil.which("redis-cli")
    assert program is not None
    script = tmp_path / "script.lua"
    script.write_bytes(SCRIPT)
    shown = [
        subprocess.run(
            [program, "-s", str(path), "--ldb", "--eval", str(script), "k"],
            input=b"list\nb 13\nc\nc\np n\nb 0\nc\nquit\n",
            capture_output=True,
            timeout=60,
        ).stdout
        for path in paths
    ]
    theirs, ours = (text.partition(b"\n(Lua debugging session ended")[0].strip() for text in shown)
    assert ours == theirs
    assert b"->#13" in ours
