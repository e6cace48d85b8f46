"""Where the server draws a line: buffers, strangers, signals; and its log, beside a real server's."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis

from minidis.commands.clients import describe
from minidis.drivers.embedded import real_clock
from minidis.drivers.server import PROTECTED, Server, serve
from minidis.engine.memory.client_buffers import CHUNK_BYTES, FIRST_QUERY_BYTES
from minidis.engine.memory.client_memory import client_bytes
from minidis.engine.node import Node
from minidis.protocol.resp import encode_command
from tests.drivers.test_peer_sockets import until
from tests.drivers.test_server import PROGRAM, SECONDS, free_port, path, program, serving  # noqa: F401

BIG = 8_000_000  # bytes: more than the kernel and the reader of a test take in


def stop_the_clock(server: Server) -> list[int]:
    """Virtual time for the limits that last: move the only element, then `server.tick()`."""
    now_us = [server.node.clock()]
    server.node.clock = lambda: now_us[0]
    return now_us


def test_the_soft_limit_is_one_of_time(path: str) -> None:  # noqa: F811
    async def scenario() -> None:
        async with serving(path, client_output_buffer_limit="normal 0 64kb 10") as (server, connect):
            now_us = stop_the_clock(server)
            server.node.execute(server.node.connect(), [b"SET", b"big", b"x" * BIG])
            slow, quick = await connect(), await connect()
            for peer in (slow, quick):
                peer.writer.write(b"GET big\r\n")
            await until(
                lambda: all(one.meter.over_since_us is not None for one in server.connections.values())
            )
            await quick.expect(b"$%d\r\n%b\r\n" % (BIG, b"x" * BIG))  # below the limit for a moment
            now_us[0] += 10_000_000
            server.tick()
            quick.writer.write(b"GET big\r\n")
            await until(
                lambda: any(one.meter.over_since_us == now_us[0] for one in server.connections.values())
            )
            assert len(server.connections) == 2
            now_us[0] += 1_000_000
            server.tick()
            await until(lambda: len(server.connections) == 1)
            await quick.expect(b"$%d\r\n%b\r\n" % (BIG, b"x" * BIG))
            assert len(await slow.expect_end()) < BIG

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "command",
    [
        b"MGET" + b" big" * 100_000,  # a hundred gigabytes, if it were made
        b'EVAL "local t = {} for i = 1, 3000 do t[i] = KEYS[1] end return t" 1 ' + b"k" * 1000,
        b"MULTI\r\n" + b"GET big\r\n" * 3 + b"EXEC",
    ],
    ids=["one value many times", "a script", "a transaction"],
)
def test_a_reply_is_not_made_beyond_the_limit(path: str, command: bytes) -> None:  # noqa: F811
    async def scenario() -> None:
        async with serving(path, client_output_buffer_limit="normal 2mb 0 0") as (server, connect):
            server.node.execute(server.node.connect(), [b"SET", b"big", b"x" * 1_000_000])
            peer, other = await connect(), await connect()
            peer.writer.write(b"PING\r\n" + command + b"\r\nSET after 1\r\n")
            assert await peer.expect_end() == b""
            await other.ask(b"EXISTS after\r\nSTRLEN big\r\n", b":0\r\n:1000000\r\n")
            await other.ask(b"GET big\r\n", b"$1000000\r\n" + b"x" * 1_000_000 + b"\r\n")
            assert len(server.connections) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("draw", [b"SRANDMEMBER s", b"HRANDFIELD h", b"ZRANDMEMBER z"])
def test_a_reply_that_must_be_too_large_is_not_even_made(path: str, draw: bytes) -> None:  # noqa: F811
    async def scenario() -> None:
        async with serving(path, client_output_buffer_limit="normal 1mb 0 0") as (server, connect):
            peer, other = await connect(), await connect()
            await peer.ask(b"SADD s a\r\nHSET h a b\r\nZADD z 1 a\r\n", b":1\r\n" * 3)
            peer.writer.write(b"PING\r\n%b -999999999\r\nSET k v\r\n" % draw)
            assert await peer.expect_end() == b""
            await other.ask(b"EXISTS k\r\n", b":0\r\n")
            few = b"%b -3\r\n" % draw
            await other.ask(few, b"*3\r\n" + b"$1\r\na\r\n" * 3)
            await other.ask(b"MULTI\r\nSET m v\r\n%b -160000\r\n" % draw, b"+OK\r\n" + b"+QUEUED\r\n" * 2)
            other.writer.write(b"EXEC\r\n")
            assert await other.expect_end() == b""
            await (await connect()).ask(b"GET m\r\n", b"$1\r\nv\r\n")  # carried out whole

    asyncio.run(scenario())


def test_a_half_request_weighs(path: str) -> None:  # noqa: F811
    async def scenario() -> None:
        async with serving(path, maxmemory_clients="1mb") as (server, connect):
            dead, loud = await connect(), await connect()
            dead.writer.write(b"*250\r\n" + b"$1000\r\n%b\r\n" % (b"x" * 1000) * 200)
            await until(lambda: any(client_bytes(one) > 200_000 for one in server.node.clients.values()))
            loud.writer.write(b"*2\r\n$4\r\nECHO\r\n$2000000\r\n")  # announced: its buffer is there
            assert await loud.expect_end() == b""
            dead.writer.write(b"$1000\r\n%b\r\n" % (b"x" * 1000) * 49 + b"$900000\r\n")
            assert await dead.expect_end() == b""
            assert server.node.client_memory.evicted_clients == 2

    asyncio.run(scenario())


def test_a_request_without_an_end_is_cut_off(path: str, tmp_path: Path) -> None:  # noqa: F811
    async def scenario() -> None:
        async with serving(path, client_query_buffer_limit="1mb") as (server, connect):
            server.log.path = str(tmp_path / "log")
            peer, other = await connect(), await connect()
            await other.ask(
                encode_command([b"ECHO", b"x" * 900_000]), b"$900000\r\n" + b"x" * 900_000 + b"\r\n"
            )
            peer.writer.write(b"*2\r\n$4\r\nECHO\r\n$2000000\r\n" + b"x" * 1_500_000)
            assert await peer.expect_end() == b""
            await other.ask(b"PING\r\n", b"+PONG\r\n")
            assert "Closing client that reached max query buffer length" in (tmp_path / "log").read_text()

    asyncio.run(scenario())


class Stranger(asyncio.Transport):
    """A transport that says it comes from anywhere."""

    def __init__(self, peer: object) -> None:
        super().__init__({"peername": peer, "sockname": ("192.0.2.1", 6379), "socket": _NO_SOCKET})
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class _NoSocket:
    family = None


_NO_SOCKET = _NoSocket()


@pytest.mark.parametrize(
    ("peer", "config", "is_let_in"),
    [
        (("192.0.2.7", 4711), {}, False),
        (("2001:db8::7", 4711, 0, 0), {}, False),
        (("127.0.0.1", 4711), {}, True),
        (("127.8.8.8", 4711), {}, True),
        (("::1", 4711, 0, 0), {}, True),
        (("::ffff:127.0.0.1", 4711, 0, 0), {}, True),
        ("", {}, True),  # a unix socket
        (("192.0.2.7", 4711), {"protected-mode": "no"}, True),
        (("192.0.2.7", 4711), {"requirepass": "secret"}, True),
    ],
)
def test_protected_mode(path: str, peer: Any, config: dict[str, str], is_let_in: bool) -> None:  # noqa: F811
    async def scenario() -> None:
        async with serving(path, **config) as (server, _):
            stranger = Stranger(peer)
            server.new_connection().connection_made(stranger)
            assert stranger.closed != is_let_in
            assert stranger.written == (b"" if is_let_in else PROTECTED)
            assert server.node.statistics.rejected_connections == (not is_let_in)

    asyncio.run(scenario())


def test_a_clock_that_is_put_back_stalls_nothing(path: str) -> None:  # noqa: F811
    async def scenario() -> None:
        async with serving(path) as (server, _):
            node = server.node
            node.execute(node.connect(), [b"SET", b"k", b"v"])
            node.execute(node.connect(), [b"CONFIG", b"SET", b"rdb-key-save-delay", b"1000000"])
            node.execute(node.connect(), [b"BGSAVE"])
            await until(
                lambda: node.background.job is not None and node.background.job.walk.keys_written == 1
            )
            hour_us = 3_600_000_000
            node.clock = lambda: real_clock() - hour_us
            await until(lambda: node.next_cron_us < real_clock() - hour_us // 2)
            await until(lambda: node.background.job is None)  # it would have rested for an hour

    asyncio.run(scenario())


def test_client_list_shows_the_buffers_that_redis_would_have(path: str) -> None:  # noqa: F811
    async def scenario() -> None:
        async with serving(path) as (server, connect):
            now_us = stop_the_clock(server)
            peer = await connect()
            await peer.ask(b"PING\r\n", b"+PONG\r\n")
            (connection,) = server.connections.values()

            async def fields() -> dict[str, int]:
                peer.writer.write(b"CLIENT LIST\r\n")
                async with asyncio.timeout(SECONDS):
                    line = (await peer.reader.readuntil(b"\n\r\n")).decode().splitlines()[1]
                wanted = ("qbuf", "qbuf-free", "rbs", "rbp", "obl", "oll", "omem")
                shown = dict(word.split("=", 1) for word in line.split())
                return {name: int(shown[name]) for name in wanted}

            fresh = await fields()
            assert fresh["qbuf"] + fresh["qbuf-free"] == FIRST_QUERY_BYTES
            assert (fresh["rbs"], fresh["obl"], fresh["oll"], fresh["omem"]) == (CHUNK_BYTES, 0, 0, 0)
            server.node.execute(server.node.connect(), [b"SET", b"big", b"x" * BIG])
            for _ in range(6):  # one peak after the other is below the half: down to a kilobyte
                now_us[0] += 6_000_000
                server.tick()
            assert (connection.buffers.query_bytes, connection.buffers.reply_bytes) == (0, 1024)
            assert server.node.client_memory.resizing.shrinks == 1
            peer.writer.write(b"GET big\r\n")
            await until(lambda: connection.measure().output_bytes > 1_000_000)
            owed = connection.measure().output_bytes
            shown = dict(word.split("=") for word in describe(connection.link.client).split())
            assert int(shown["obl"]) == 1024
            assert owed - 1024 <= int(shown["omem"]) < owed + 100_000
            assert int(shown["oll"]) == -(-(owed - 1024) // 20464)
            await peer.expect(b"$%d\r\n%b\r\n" % (BIG, b"x" * BIG))
            for _ in range(6):
                await fields()
                connection.buffers.reply_peak = connection.buffers.reply_bytes  # what it takes is full
                now_us[0] += 100_000
                server.tick()
            assert connection.buffers.reply_bytes == CHUNK_BYTES
            assert server.node.client_memory.resizing.expands == 4

    asyncio.run(scenario())


def test_maxclients_follows_the_configuration(path: str) -> None:  # noqa: F811
    async def scenario() -> None:
        async with serving(path, maxclients="1") as (server, connect):
            first = await connect()
            await first.ask(b"PING\r\n", b"+PONG\r\n")
            assert await (await connect()).expect_end() == b"-ERR max number of clients reached\r\n"
            await first.ask(b"CONFIG SET maxclients 2\r\n", b"+OK\r\n")
            await (await connect()).ask(b"PING\r\n", b"+PONG\r\n")
            assert server.node.statistics.rejected_connections == 1

    asyncio.run(scenario())


# ---- as a program -----------------------------------------------------------------------------------------


def test_a_server_that_cannot_save_stays_unless_it_is_forced(program, tmp_path: Path) -> None:  # noqa: F811
    port = free_port()
    process = program("--port", str(port), "--save", "")
    (tmp_path / "dump.rdb").mkdir()  # nothing can be renamed to this name
    with redis.Redis(port=port) as client:
        client.set("k", 1)
        client.config_set("save", "3600 1")
        process.send_signal(signal.SIGTERM)
        for line in process.stdout:
            if "Errors trying to shut down the server" in line:
                break
        assert client.get("k") == b"1"
        client.config_set("shutdown-on-sigterm", "force")
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0


def test_sigint_has_a_setting_of_its_own(program, tmp_path: Path) -> None:  # noqa: F811
    port = free_port()
    process = program("--port", str(port), "--save", "", "--shutdown-on-sigint", "save", "--pidfile", "pid")
    assert (tmp_path / "pid").read_text() == f"{process.pid}\n"
    with redis.Redis(port=port) as client:
        client.set("k", 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 0
    assert (tmp_path / "dump.rdb").exists() and not (tmp_path / "pid").exists()


def test_who_insists_ends_it_at_once(program) -> None:  # noqa: F811
    port = free_port()
    process = program("--port", str(port), "--save", "", "--enable-debug-command", "yes")
    with redis.Redis(port=port) as client:
        client.execute_command("DEBUG", "PAUSE-CRON", 1)  # so that the first request stays one
        process.send_signal(signal.SIGINT)
        for line in process.stdout:
            if "Received SIGINT scheduling shutdown..." in line:
                break
        assert client.ping()
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 1
        assert "You insist... exiting now." in process.stdout.read()


AT = r"[CM] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [.*#-]"
LINE = re.compile(rf"\d+:(?:{AT}|signal-handler \(\d+\)) (.+)")


SNAPSHOT = (
    b"REDIS0010\xfa\x09redis-ver\x057.0.0\xfa\x05ctime\x0a1700000000\xfa\x08used-mem\x071234567"
    b"\x00\x01k\x01v\xff" + bytes(8)
)


def log_of(words: list[str], folder: Path) -> list[str]:
    """What a server logs from its start until SIGTERM has ended it."""
    folder.mkdir()
    (folder / "dump.rdb").write_bytes(SNAPSHOT)
    port = free_port()
    log = folder / "log"
    words = [*words, "--port", str(port), "--save", "", "--dir", str(folder), "--logfile", str(log)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with redis.Redis(
            port=port, retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 400)
        ) as client:
            client.ping()
        process.terminate()
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
    return [match[1] for line in log.read_text().splitlines() if (match := LINE.fullmatch(line))]


def test_the_lines_of_a_life_are_those_of_a_real_server(tmp_path: Path) -> None:
    real = shutil.which("redis-server")
    if real is None:
        pytest.skip("no redis-server on this machine")
    ours = log_of(PROGRAM, tmp_path / "ours")
    theirs = log_of([real], tmp_path / "theirs")
    marks = ("is starting", "Redis version=", "Configuration", "mode=standalone", "Server initialized",
             "RDB age", "RDB", "DB loaded from disk", "Ready to accept connections", "SIGTERM",
             "User requested", "bye bye")  # fmt: skip
    assert [kind(line, marks) for line in ours if kind(line, marks)] == [
        kind(line, marks) for line in theirs if kind(line, marks)
    ]


def kind(line: str, marks: tuple[str, ...]) -> str:
    """A line without what differs by nature: version, pid, port, time; 7.2 adds the kind of the listener."""
    found = next((mark for mark in marks if mark in line), "")
    varying = ("Redis version=", "mode=standalone", "RDB age", "DB loaded from disk")
    if found in (*varying, "Ready to accept connections"):
        return found
    return line if found else ""


def test_the_log_shows_the_role_of_the_moment(path: str) -> None:  # noqa: F811
    async def scenario() -> None:
        async with serving(path) as (server, connect):
            peer = await connect()
            roles = [server.log.role]
            for address in (b"127.0.0.1 1", b"NO ONE"):
                await peer.ask(b"REPLICAOF %b\r\n" % address, b"+OK\r\n")
                roles.append(server.log.role)
            assert roles == ["M", "S", "M"]

    asyncio.run(scenario())


DAMAGED = {
    "a value": {"dump.rdb": b"REDIS0010\x0d\x01k\x03abc\xff" + bytes(8)},
    "a log": {"appendonlydir/appendonly.aof.1.incr.aof": b"*1\r\n$4\r\nPING\r\n!!!"},
    "a log that is cut off": {"appendonlydir/appendonly.aof.1.incr.aof": b"*1\r\n$4\r\nPI"},
}


@pytest.mark.parametrize("what", DAMAGED)
def test_who_cannot_load_ends_with_the_words_of_a_real_server(tmp_path: Path, what: str) -> None:
    for name, content in DAMAGED[what].items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    words = ["--dir", str(tmp_path), "--aof-load-truncated", "no", "--pidfile", str(tmp_path / "pid")]
    if "log" in what:
        words += ["--appendonly", "yes"]
        manifest = tmp_path / "appendonlydir" / "appendonly.aof.manifest"
        manifest.write_text("file appendonly.aof.1.incr.aof seq 1 type i\n")
    ours = last_words([*PROGRAM, *words])
    assert not (tmp_path / "pid").exists()
    assert ours == last_words(["redis-server", *words])


def last_words(command: list[str]) -> str:
    """What a server that fails to start says last, but for what is advice or detail."""
    command = [*command, "--port", str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 1
    found = LINE.fullmatch(done.stdout.splitlines()[-1])
    assert found is not None, done.stdout
    return found[1].partition(". You can: ")[0].partition(": make a backup")[0]


def test_a_program_that_listens_nowhere_ends(capsys: pytest.CaptureFixture[str]) -> None:
    assert asyncio.run(serve(Node({"port": 0}))) == 1
    assert "Configured to not listen anywhere, exiting." in capsys.readouterr().out
