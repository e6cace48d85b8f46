"""The TCP driver on real sockets of the loopback interface: streams that a test writes and reads itself."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

import minidis
from minidis.drivers.embedded import real_clock
from minidis.drivers.log import Log
from minidis.drivers.server import Server, loop_factory
from minidis.drivers.simulated_disk import SimulatedDisk
from minidis.engine import starting
from minidis.engine.command_table.registry import READONLY, command
from minidis.engine.node import Node

SECONDS = 20  # a bound for what never takes that long


@pytest.fixture
def path(tmp_path: Path) -> str:
    return os.path.relpath(tmp_path / "socket")  # short: a socket's name has a limit


class Peer:
    """A client that sends bytes and reads exactly what it expects."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, request: bytes, expected: bytes) -> None:
        self.writer.write(request)
        await self.expect(expected)

    async def expect(self, expected: bytes) -> None:
        async with asyncio.timeout(SECONDS):
            assert await self.reader.readexactly(len(expected)) == expected

    async def expect_end(self) -> bytes:
        """What comes before the server hangs up."""
        async with asyncio.timeout(SECONDS):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


Connect = Callable[[], Awaitable[Peer]]
Loops = Callable[[], asyncio.AbstractEventLoop]


@asynccontextmanager
async def serving(path: str, **config: Any) -> AsyncIterator[tuple[Server, Connect]]:
    """A server on a unix socket, and a way to connect to it."""
    node = Node({"port": 0, "unixsocket": path, **config}, clock=real_clock)
    peers: list[Peer] = []

    async def connect() -> Peer:
        peers.append(Peer(*await asyncio.open_unix_connection(path)))
        return peers[-1]

    async with Server(node, Log(os.devnull)) as server:
        yield server, connect
        for peer in peers:
            peer.writer.close()


def test_pipelines_and_frames_in_pieces(path: str) -> None:
    async def scenario() -> None:
        async with serving(path) as (_, connect):
            peer = await connect()
            await peer.ask(b"SET a 1\r\n" * 1000 + b"GET a\r\n", b"+OK\r\n" * 1000 + b"$1\r\n1\r\n")
            other = await connect()
            for byte in b"*2\r\n$3\r\nGET\r\n$1\r\na\r":
                peer.writer.write(bytes([byte]))
                await other.ask(b"PING\r\n", b"+PONG\r\n")  # each piece is a read of its own
            await peer.ask(b"\n", b"$1\r\n1\r\n")

    asyncio.run(scenario())


def test_a_command_knows_what_others_had_sent_before_it(path: str) -> None:
    """The kernel names the sockets in the order of their first byte, not of their last."""

    async def play() -> None:
        async with serving(path) as (server, connect):
            first, large = await connect(), await connect()
            await large.ask(b"CLIENT SETNAME large\r\n", b"+OK\r\n")
            first.writer.write(b"CLIENT INF")
            large.writer.write(b"*1\r\n$100000\r\n" + b"v" * 40_000)
            first.writer.write(b"O\r\nCLIENT LIST\r\n")
            async with asyncio.timeout(SECONDS):
                info = (await first.reader.readuntil(b"\n\r\n")).decode()
                clients = (await first.reader.readuntil(b"\n\r\n")).decode()
            assert " cmd=client|info " in info
            [line] = [line for line in clients.splitlines() if " name=large " in line]
            assert int(line.split("tot-mem=")[1].split()[0]) > 100_000
            assert len(server.connections) == 2

    asyncio.run(play())


def test_files_go_to_another_folder_if_there_is_one(path: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "file").touch()

    async def play() -> None:
        async with serving(path, dir=str(tmp_path), enable_protected_configs="yes") as (_, connect):
            peer = await connect()
            for wrong, number in (("missing", errno.ENOENT), ("file", errno.ENOTDIR)):
                refused = "CONFIG SET failed (possibly related to argument 'dir') - " + os.strerror(number)
                await peer.ask(b"CONFIG SET dir %b\r\n" % wrong.encode(), b"-ERR %b\r\n" % refused.encode())
            for folder in (tmp_path / "other", tmp_path):
                name = os.fsencode(folder)
                relative = b"other" if folder != tmp_path else b".."
                await peer.ask(b"CONFIG SET dir %b\r\n" % relative, b"+OK\r\n")
                shown = b"*2\r\n$3\r\ndir\r\n$%d\r\n%b\r\n" % (len(name), name)
                await peer.ask(b"CONFIG GET dir\r\n", shown)

    asyncio.run(play())


def test_last_words_are_heard(path: str) -> None:
    """A socket may end in the same turn in which its last bytes came."""

    async def play() -> None:
        async with serving(path) as (server, connect):
            await (await connect()).ask(b"PING\r\n", b"+PONG\r\n")
            [connection] = server.connections.values()
            connection.data_received(b"SET last words\r\n")
            connection.connection_lost(None)
            other = await connect()
            await other.ask(b"GET last\r\n", b"$5\r\nwords\r\n")

    asyncio.run(play())


def test_a_closed_connection_is_freed_at_once(path: str) -> None:
    """A server's collector looks at nothing old: knots among what is left would stay for ever."""

    async def play() -> None:
        async with serving(path) as (server, connect):
            peer = await connect()
            await peer.ask(
                b"SUBSCRIBE c\r\nRESET\r\n", b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n+RESET\r\n"
            )
            [connection] = server.connections.values()
            assert connection.link is not None
            server.node.now_us = real_clock() + 1_000_000
            server._check_some_clients()  # it has been looked at, as a timer does
            remains = [
                weakref.ref(connection),
                weakref.ref(connection.link),
                weakref.ref(connection.link.client),
            ]
            del connection
            gc.disable()
            try:
                await peer.ask(b"QUIT\r\n", b"+OK\r\n")
                await peer.expect_end()
                async with asyncio.timeout(SECONDS):
                    while server.connections or any(remain() for remain in remains):
                        await asyncio.sleep(0.001)
            finally:
                gc.enable()

    asyncio.run(play())


def test_broken_frame_answers_an_error_and_hangs_up(path: str) -> None:
    async def scenario() -> None:
        async with serving(path) as (server, connect):
            peer, other = await connect(), await connect()
            peer.writer.write(b"*1\r\n!boom\r\nPING\r\n")
            assert await peer.expect_end() == b"-ERR Protocol error: expected '$', got '!'\r\n"
            await other.ask(b"PING\r\n", b"+PONG\r\n")
            assert len(server.connections) == 1

    asyncio.run(scenario())


def test_a_fault_in_a_command_is_an_error_reply_and_nobody_else_notices(path: str) -> None:
    async def scenario() -> None:
        async with serving(path) as (server, connect):

            @command("FAULT", READONLY, server.node.commands)
            def fault(client: Any) -> None:
                """Do what no command should. O(1)."""
                raise ZeroDivisionError("as it happens")

            peer, other = await connect(), await connect()
            expected = b"-ERR internal error: ZeroDivisionError; the log of the server has details\r\n"
            await peer.ask(b"FAULT\r\nPING\r\n", expected + b"+PONG\r\n")
            await peer.ask(
                b"MULTI\r\nFAULT\r\nEXEC\r\nPING\r\n", b"+OK\r\n+QUEUED\r\n" + expected + b"+PONG\r\n"
            )
            await other.ask(b"PING\r\n", b"+PONG\r\n")

    asyncio.run(scenario())


def test_blocked_client_is_served_and_times_out(path: str) -> None:
    async def scenario() -> None:
        async with serving(path) as (_, connect):
            waiter, other = await connect(), await connect()
            waiter.writer.write(b"BLPOP q 0\r\nPING\r\n")
            await other.ask(b"CLIENT LIST\r\n", b"$")
            await other.reader.readuntil(b"\n\r\n")
            await other.ask(b"RPUSH q x\r\n", b":1\r\n")
            await waiter.expect(b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n+PONG\r\n")
            await waiter.ask(b"BLPOP q 0.01\r\n", b"*-1\r\n")

    asyncio.run(scenario())


def test_maxclients(path: str) -> None:
    async def scenario() -> None:
        async with serving(path, maxclients=1) as (server, connect):
            first = await connect()
            await first.ask(b"PING\r\n", b"+PONG\r\n")
            assert await (await connect()).expect_end() == b"-ERR max number of clients reached\r\n"
            assert server.node.statistics.rejected_connections == 1
            await first.ask(b"CONFIG SET maxclients 2\r\n", b"+OK\r\n")
            await (await connect()).ask(b"PING\r\n", b"+PONG\r\n")

    asyncio.run(scenario())


def test_a_reader_that_stops_is_cut_off_at_its_limit_and_others_are_served(path: str) -> None:
    async def scenario() -> None:
        limit = "normal 1mb 0 0"
        async with serving(path, client_output_buffer_limit=limit) as (server, connect):
            slow, other = await connect(), await connect()
            await other.ask(b"SETRANGE big 100000 x\r\n", b":100001\r\n")
            slow.writer.write(b"GET big\r\n" * 1000)
            slow.writer.transport.pause_reading()
            for _ in range(1000):
                await other.ask(b"PING\r\n", b"+PONG\r\n")
                if len(server.connections) == 1:
                    break
            assert len(server.connections) == 1
            slow.writer.transport.resume_reading()
            assert len(await slow.expect_end()) < 100_000 * 1000

    asyncio.run(scenario())


def test_refusals_do_not_pile_up_for_one_who_does_not_authenticate(path: str) -> None:
    async def scenario() -> None:
        async with serving(path, requirepass="secret") as (server, connect):
            stranger, friend = await connect(), await connect()
            await friend.ask(b"AUTH secret\r\n", b"+OK\r\n")
            refusal = b"-NOAUTH Authentication required.\r\n"
            fits = 16 * 1024 // len(refusal)
            await stranger.ask(b"GET a\r\n" * fits, refusal * fits)
            stranger.writer.transport.pause_reading()
            for _ in range(1000):
                stranger.writer.write(b"GET a\r\n" * 1000)
                await friend.ask(b"PING\r\n", b"+PONG\r\n")
                if len(server.connections) == 1:
                    break
            assert list(server.connections) == [2]

    asyncio.run(scenario())


def test_requirepass_quit_and_kill(path: str) -> None:
    async def scenario() -> None:
        async with serving(path, requirepass="secret") as (server, connect):
            peer, other = await connect(), await connect()
            await peer.ask(b"GET a\r\n", b"-NOAUTH Authentication required.\r\n")
            await peer.ask(b"AUTH secret\r\nGET a\r\n", b"+OK\r\n$-1\r\n")
            await other.ask(b"AUTH secret\r\n", b"+OK\r\n")
            await peer.ask(b"CLIENT KILL ID 2\r\n", b":1\r\n")
            assert await other.expect_end() == b""
            peer.writer.write(b"QUIT\r\n")
            assert await peer.expect_end() == b"+OK\r\n"
            assert not server.node.clients

    asyncio.run(scenario())


UVLOOP = pytest.param(
    loop_factory(), id="uvloop", marks=pytest.mark.skipif(loop_factory() is None, reason="there is no uvloop")
)


@pytest.mark.parametrize("loops", [pytest.param(asyncio.new_event_loop, id="asyncio"), UVLOOP])
def test_a_killed_client_sees_its_end_no_later_than_the_reply_is_there(path: str, loops: Loops) -> None:
    def kill_one() -> None:
        with socket.socket(socket.AF_UNIX) as killer, socket.socket(socket.AF_UNIX) as victim:
            for one in (victim, killer):
                one.connect(path)
                one.settimeout(20)
            victim.sendall(b"CLIENT ID\r\n")
            identifier = victim.recv(100)[1:].strip()
            killer.sendall(b"CLIENT KILL ID %b\r\n" % identifier)
            assert killer.recv(100) == b":1\r\n"
            victim.setblocking(False)
            assert victim.recv(1) == b""  # else BlockingIOError: nothing is there yet

    faults: list[dict[str, Any]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        async with serving(path):
            for _ in range(20):
                await asyncio.to_thread(kill_one)

    with asyncio.Runner(loop_factory=loops) as runner:
        runner.run(scenario())
    assert not faults


def test_idle_clients_are_let_go(path: str) -> None:
    async def scenario() -> None:
        async with serving(path, timeout=1, hz=500) as (server, connect):
            idle, subscriber = await connect(), await connect()
            await idle.ask(b"PING\r\n", b"+PONG\r\n")
            await subscriber.ask(b"SUBSCRIBE a\r\n", b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n")
            server.node.clock = lambda: real_clock() + 10_000_000  # ten seconds later
            assert await idle.expect_end() == b""
            await subscriber.ask(b"PING\r\n", b"*2\r\n$4\r\npong\r\n$0\r\n\r\n")

    asyncio.run(scenario())


def test_who_is_not_idle_is_kept(path: str) -> None:
    """Who monitors may be silent; who has waited, or reads slowly, was not idle meanwhile."""
    late_us, big = 0, b"x" * 8_000_000

    async def scenario() -> None:
        nonlocal late_us
        async with serving(path, timeout=5) as (server, connect):
            server.node.clock = lambda: 1_000_000_000 + late_us
            monitor, waiting, slow, idle = [await connect() for _ in range(4)]
            server.node.execute(server.node.connect(), [b"SET", b"big", big])
            await monitor.ask(b"MONITOR\r\n", b"+OK\r\n")
            waiting.writer.write(b"BLPOP l 0\r\n")
            slow.writer.write(b"GET big\r\n")
            await idle.ask(b"PING\r\n", b"+PONG\r\n")
            links = {one.link.client.last_command: one for one in server.connections.values() if one.link}
            for one in server.connections.values():
                one.check(server.node.now_us)
            late_us += 4_000_000
            links["get"].unsent_bytes += 1  # as if it had taken one
            for one in server.connections.values():
                one.check(server.node.clock())
            late_us += 2_000_000
            server.node.execute(server.node.connect(), [b"RPUSH", b"l", b"v"])
            server.flush()
            for one in list(server.connections.values()):
                one.check(server.node.clock())
            assert await idle.expect_end() == b""
            await waiting.expect(b"*2\r\n$1\r\nl\r\n$1\r\nv\r\n")
            await waiting.ask(b"PING\r\n", b"+PONG\r\n")
            await slow.expect(b"$%d\r\n%b\r\n" % (len(big), big))
            assert len(server.connections) == 3

    asyncio.run(scenario())


def test_shutdown_and_its_refusal(path: str) -> None:
    async def scenario() -> None:
        async with serving(path) as (server, connect):
            peer = await connect()
            refused = b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n"
            server.node.disk = SimulatedDisk()
            server.node.disk.fail("sync")
            await peer.ask(b"SHUTDOWN SAVE\r\n", refused)
            await peer.ask(b"SET k v\r\n", b"+OK\r\n")  # no MISCONF: the one who asked for it knows
            await peer.ask(b"SHUTDOWN NOSAVE SAVE\r\n", b"-ERR syntax error\r\n")
            await peer.ask(b"SHUTDOWN ABORT\r\n", b"-ERR No shutdown in progress.\r\n")
            other = await connect()
            await other.ask(b"PING\r\n", b"+PONG\r\n")
            peer.writer.write(b"SHUTDOWN NOSAVE\r\nSET late 1\r\n")
            other.writer.write(b"SET late 2\r\n")
            async with asyncio.timeout(SECONDS):
                await server.wait_until_stopped()
            assert await peer.expect_end() == await other.expect_end() == b"", "nobody is told OK too late"
            assert b"late" not in server.node.databases[0].table
            assert not os.path.exists(path)

    asyncio.run(scenario())


def test_appendfsync_always_shares_a_sync_among_those_who_come_together(path: str) -> None:
    async def scenario() -> None:
        async with serving(path, appendonly="yes", appendfsync="always") as (server, connect):
            disk = server.node.disk = SimulatedDisk()
            starting.start(server.node)
            peers = [await connect() for _ in range(20)]
            before = disk.syncs
            for peer in peers:
                peer.writer.write(b"INCR n\r\nQUIT\r\n")
            for peer in peers:
                assert (await peer.expect_end()).endswith(b"\r\n+OK\r\n")
            assert 1 <= disk.syncs - before < 10
            disk.fail("sync")
            other = await connect()
            other.writer.write(b"INCR n\r\n")
            assert await other.expect_end() == b"", "no reply for what could not be promised"
            assert server.exit_code == 1

    asyncio.run(scenario())


def test_a_log_that_fails_within_a_command_lets_no_reply_of_the_turn_out(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with serving(path, appendonly="yes", appendfsync="always") as (server, connect):
            disk = server.node.disk = SimulatedDisk()
            starting.start(server.node)
            peer, other = await connect(), await connect()
            await peer.ask(b"SET k 1\r\n", b"+OK\r\n")
            disk.fail("write", "*.incr.aof")
            words: list[str] = []
            monkeypatch.setattr(server.log, "warning", words.append)
            peer.writer.write(b"SET k 2\r\nBGREWRITEAOF\r\nGET k\r\n")
            assert await peer.expect_end() == await other.expect_end() == b""
            assert server.exit_code == 1
            assert [text.count("Exiting...") for text in words] == [1], "no traceback, and nothing twice"

    asyncio.run(scenario())


def test_a_disk_that_fails_while_a_log_is_loaded_ends_the_server(path: str) -> None:
    async def scenario() -> None:
        async with serving(path, appendonly="yes") as (server, connect):
            disk = server.node.disk = SimulatedDisk()
            starting.start(server.node)
            peer = await connect()
            await peer.ask(b"SET k 1\r\n", b"+OK\r\n")
            disk.append(server.node.append_only.path, b"*3\r\n$3\r\nSET\r\n$1")
            disk.fail("truncate")
            starting.start(server.node)
            server.tick()
            assert await peer.expect_end() == b""
            assert server.exit_code == 1

    asyncio.run(scenario())


def test_unix_socket_permissions_and_tcp_with_names(path: str) -> None:
    async def scenario() -> None:
        port = free_port()
        async with serving(path, port=port, unixsocketperm="700") as (server, connect):
            assert os.stat(path).st_mode & 0o777 == 0o700
            peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
            await peer.ask(b"PING\r\n", b"+PONG\r\n")
            (client,) = server.node.clients.values()
            host, local_port = peer.writer.get_extra_info("sockname")
            assert (client.peer, client.local) == (f"{host}:{local_port}", f"127.0.0.1:{port}")
            (connection,) = server.connections.values()
            keeps = connection.transport.get_extra_info("socket")
            assert keeps.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            peer.writer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_with_pubsub(path: str, protocol: int) -> None:
    async def scenario() -> None:
        async with serving(path) as _:
            client = redis.asyncio.Redis(unix_socket_path=path, protocol=protocol, decode_responses=True)
            async with client.pubsub() as listener:
                await listener.psubscribe("n*")
                assert (await listener.get_message(timeout=SECONDS))["type"] == "psubscribe"
                assert await client.publish("news", "hello") == 1
                message = await listener.get_message(timeout=SECONDS)
                assert (message["type"], message["channel"], message["data"]) == ("pmessage", "news", "hello")
            await client.aclose()

    asyncio.run(scenario())


# ---- as a program -----------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PROGRAM = [sys.executable, "-m", "minidis"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(minidis.__file__).parents[1])}


@pytest.fixture
def program(tmp_path: Path):
    """Starts `minidis-server` with arguments, and waits for the line that says it is ready."""
    running: list[subprocess.Popen] = []

    def start(*arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [*PROGRAM, *arguments], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=ENVIRONMENT
        )
        running.append(process)
        for line in process.stdout:
            if "Ready to accept connections" in line:
                return process
        raise AssertionError("the server ended before it was ready")

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def test_program_with_a_file_and_sigterm(program, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "redis.conf").write_text("port 1\npidfile pid\nrename-command FLUSHALL wipe\nsave 10 1\n")
    process = program("redis.conf", "--port", str(port), "--save", "")
    with redis.Redis(port=port, decode_responses=True) as client:
        assert client.config_get("port", "save") == {"port": str(port), "save": ""}
        assert client.execute_command("WIPE") == "OK"
        with pytest.raises(redis.ResponseError, match="unknown command 'FLUSHALL'"):
            client.flushall()
        assert int((tmp_path / "pid").read_text()) == process.pid
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=SECONDS)
    assert "Received SIGTERM scheduling shutdown..." in rest and "bye bye..." in rest
    assert process.returncode == 0 and not (tmp_path / "pid").exists()


def test_redis_cli_and_benchmark(program) -> None:
    if not shutil.which("redis-cli"):
        pytest.skip("no redis-cli on this machine")
    port = str(free_port())
    program("--port", port)

    def run(*words: str, **options: Any) -> str:
        return subprocess.run(
            words, capture_output=True, text=True, timeout=SECONDS, check=True, **options
        ).stdout

    assert run("redis-cli", "-p", port, input="SET a 1\nINCR a\nLRANGE a 0 -1\n").splitlines()[:2] == [
        "OK",
        "2",
    ]
    out = run("redis-benchmark", "-p", port, "-n", "200", "-q", "-t", "ping,set,lrange_100")
    assert out.count("requests per second") == 5 and "ERR" not in out
    run("redis-cli", "-p", port, "SHUTDOWN", "NOSAVE")


JUDGE = shutil.which("redis-server")

BAD_COMMAND_LINES: list[tuple[list[str], str]] = [
    (["--foo", "bar"], ""),
    (["--port", "abc"], ""),
    (["--port", "70000"], ""),
    (["--port", "0", "x"], ""),
    (["--port", "0", "--maxmemory-policy", "no"], ""),
    (["bad.conf"], "port 0\n# fine\nfoo bar # baz\n"),
    (["bad.conf"], "port 0\nrequirepass a # a comment\n"),
    (["bad.conf", "--hz", "x"], "port 0\n"),
    (["bad.conf"], 'requirepass "half\n'),
    (["bad.conf"], "save 1\n"),
    (["bad.conf"], "include\n"),
    (["bad.conf"], "maxmemory lots\n"),
]


@pytest.mark.parametrize("arguments, text", BAD_COMMAND_LINES)
def test_bad_configuration_fails_in_the_words_of_redis(
    tmp_path: Path, arguments: list[str], text: str
) -> None:
    if JUDGE is None:
        pytest.skip("no redis-server on this machine")
    (tmp_path / "bad.conf").write_text(text)
    answers = []
    for program in ([JUDGE], PROGRAM):
        done = subprocess.run(
            [*program, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=ENVIRONMENT,
            timeout=SECONDS,
        )
        answers.append((done.returncode, done.stderr.replace("7.0.15", "7.2.0")))
    assert answers[1] == answers[0]


def test_version_help_and_a_missing_file(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*PROGRAM, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=ENVIRONMENT,
            timeout=SECONDS,
        )

    assert run("--version").stdout.startswith("Redis server v=7.2.0 ")
    assert run("--help").stdout.startswith("Usage: minidis-server")
    missing = run("nosuch.conf")
    assert missing.returncode == 1 and "Fatal error, can't open config file" in missing.stdout
    refused = run("--daemonize", "yes")
    assert refused.returncode == 1 and "daemonize is not supported" in refused.stderr


def test_a_reply_over_the_hard_limit_is_never_begun(path: str) -> None:
    """Also when it is the sum of a pipeline, whose other commands do not run (unit/obuf-limits.tcl)."""

    async def scenario() -> None:
        async with serving(path, client_output_buffer_limit="normal 100000 0 0") as (server, connect):
            other = await connect()
            await other.ask(b"SETRANGE big 9999 x\r\n", b":10000\r\n")
            await other.ask(b"SETRANGE huge 149999 x\r\n", b":150000\r\n")
            for request in (b"GET huge\r\n", b"INCR n\r\nGET big\r\n" * 15):
                greedy = await connect()
                greedy.writer.write(request)
                assert await greedy.expect_end() == b""
            await other.ask(b"GET n\r\n", b"$2\r\n10\r\n")

    asyncio.run(scenario())


def test_the_oom_score_goes_with_the_role_and_a_failure_is_told_once(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = tmp_path / "oom_score_adj"
    score.write_text("0\n")

    async def scenario() -> None:
        async with serving(path) as (server, _):
            warnings: list[str] = []
            monkeypatch.setattr(server.log, "warning", warnings.append)
            server._oom_score.path = str(score)
            server.node.config.set({"oom-score-adj": "yes", "oom-score-adj-values": "100 200 800"})
            assert score.read_text() == "100\n"
            server._oom_score.path = str(tmp_path / "missing" / "oom_score_adj")
            client = server.node.connect()
            for target in (b"127.0.0.1 1", b"127.0.0.1 1", b"NO ONE", b"NO ONE"):
                server.node.execute(client, [b"REPLICAOF", *target.split()])
            assert len(warnings) == 1 and warnings[0].startswith("Unable to write oom_score_adj")
            server._oom_score.path = str(score)
            server.node.execute(client, [b"REPLICAOF", b"127.0.0.1", b"1"])
            assert score.read_text() == "200\n"

    asyncio.run(scenario())
