"""kill -9 of a real minidis-server under load: nothing that was acknowledged is missing.

The page cache survives a kill, so `everysec` must not lose anything either, once its reply is out.

    PERSISTENCE_KILLS=100 .venv/bin/python -m pytest tests/interop/test_kill.py
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from random import Random

import pytest

from tests.differential.servers import Connection

KILLS = int(os.environ.get("PERSISTENCE_KILLS", "3"))
START_SECONDS = 60


class MinidisServer:
    """A minidis-server of its own process, on a unix socket."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.socket_path = Path(tempfile.mkdtemp(prefix="minidis-")) / "socket"
        command = [
            sys.executable,
            "-m",
            "minidis.server",
            "--port",
            "0",
            "--unixsocket",
            str(self.socket_path),
        ]
        self.process = subprocess.Popen(
            [*command, "--dir", str(folder), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        bound = time.monotonic() + START_SECONDS
        while time.monotonic() < bound and self.process.poll() is None:
            try:
                with self.connect() as connection:
                    if connection.run([(b"PING",)]) == [(b"+", b"PONG")]:  # not LOADING any more
                        return
            except OSError:
                pass
            time.sleep(0.02)  # a process of its own: there is no event here to wait for
        self.process.kill()
        raise RuntimeError(f"minidis-server did not start:\n{self.process.communicate()[0]}")

    def connect(self) -> Connection:
        return Connection(self.socket_path)

    def end(self, number: signal.Signals = signal.SIGKILL) -> str:
        """Send a signal and wait for the end; the log."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.communicate(timeout=START_SECONDS)[0]


def write_until_killed(server: MinidisServer, first: int, after: int, random: Random) -> tuple[int, int]:
    """Append numbers in pipelines and kill the server when about `after` were acknowledged; (acked, sent)."""
    acknowledged = sent = first
    enough = threading.Event()

    def kill() -> None:
        enough.wait(START_SECONDS)
        server.process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with server.connect() as connection:
            while True:
                count = random.choice((1, 1, 5, 20))
                batch = [(b"RPUSH", b"log", b"%d" % number) for number in range(sent, sent + count)]
                sent += count
                replies = connection.run(batch)
                assert all(kind == b":" for kind, _ in replies), replies
                acknowledged = sent
                if acknowledged - first >= after:
                    enough.set()
    except OSError:
        pass
    finally:
        enough.set()
        killer.join()
        server.end()
    return acknowledged, sent


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_nothing_acknowledged_is_missing_after_kills(policy, tmp_path):
    random = Random(7)
    numbers = sent = 0
    options = ("--appendonly", "yes", "--appendfsync", policy, "--auto-aof-rewrite-min-size", "2kb")
    for kill in range(KILLS):
        server = MinidisServer(tmp_path, *options)
        acknowledged, sent = write_until_killed(server, numbers, random.randrange(20, 300), random)
        server = MinidisServer(tmp_path, *options)
        with server.connect() as connection:
            ((_, left),) = connection.run([(b"LRANGE", b"log", b"0", b"-1")])
        server.end()
        found = [int(element) for _, element in left]
        assert found == list(range(len(found))), f"kill {kill}"
        assert acknowledged <= len(found) <= sent, f"kill {kill}"
        numbers = len(found)
    assert numbers > 20 * KILLS


def test_sigterm_saves_and_a_restart_finds_it(tmp_path):
    server = MinidisServer(tmp_path, "--save", "3600 1")
    with server.connect() as connection:
        connection.run([(b"SET", b"k", b"v")])
    log = server.end(signal.SIGTERM)
    assert server.process.returncode == 0 and "DB saved on disk" in log, log
    server = MinidisServer(tmp_path, "--save", "")
    with server.connect() as connection:
        assert connection.run([(b"GET", b"k")]) == [(b"$", b"v")]
    server.end()


def test_a_damaged_file_keeps_the_server_from_starting(tmp_path):
    (tmp_path / "dump.rdb").write_bytes(b"REDIS0010 nonsense")
    with pytest.raises(RuntimeError, match="dump.rdb at offset 9: "):
        MinidisServer(tmp_path)
    assert (tmp_path / "dump.rdb").read_bytes() == b"REDIS0010 nonsense"


def test_a_large_file_is_loaded_while_loading_is_answered(tmp_path):
    from minidis import Embedded

    source = Embedded({"rdbcompression": "no"}, clock=0, seed=1)
    for number in range(40_000):
        source.execute("RPUSH", f"list:{number}", *range(10))
    source.save(tmp_path / "dump.rdb")
    command = [sys.executable, "-m", "minidis.server", "--port", "0", "--dir", str(tmp_path)]
    path = Path(tempfile.mkdtemp(prefix="minidis-")) / "socket"
    process = subprocess.Popen([*command, "--unixsocket", str(path)], stdout=subprocess.DEVNULL)
    seen: set[bytes] = set()
    bound = time.monotonic() + START_SECONDS
    try:
        while time.monotonic() < bound and b"$" not in seen:
            try:
                with Connection(path) as connection:
                    (kind, reply), (_, info) = connection.run([(b"GET", b"x"), (b"INFO", b"persistence")])
                seen.add(kind if kind != b"-" else reply)
                assert (b"loading:1" in info) == (kind == b"-"), reply
                if kind == b"_" or reply is None:
                    break
            except OSError:
                time.sleep(0.01)  # it does not listen yet
    finally:
        process.kill()
        process.wait()
    assert b"LOADING Redis is loading the dataset in memory" in seen


def test_a_server_begins_anew_by_itself(tmp_path):
    """DEBUG RESTART and CRASH-AND-RECOVER: the same process with what is on disk."""
    server = MinidisServer(tmp_path, "--appendonly", "yes", "--enable-debug-command", "yes", "--save", "")
    try:
        for value, command in ((b"1", b"RESTART"), (b"2", b"CRASH-AND-RECOVER")):
            with server.connect() as connection:
                process = connection.run([(b"SET", b"k", value), (b"INFO", b"server")])[1]
                with pytest.raises(OSError):
                    connection.run([(b"DEBUG", command, b"1")])
            server._wait_until_ready()
            with server.connect() as connection:
                assert connection.run([(b"GET", b"k")]) == [(b"$", value)]
                assert process_id(connection.run([(b"INFO", b"server")])[0]) == process_id(process)
    finally:
        server.end()


def process_id(info: tuple) -> bytes:
    return info[1].partition(b"process_id:")[2].split()[0]
