"""What a server's log says when it dies, and when it does not come round."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from minidis.drivers import crash_reports
from minidis.drivers.crash_reports import CrashReports
from minidis.drivers.embedded import real_clock
from minidis.drivers.log import Log
from minidis.drivers.restarting import restarter
from minidis.engine.node import Node
from minidis.protocol.replies import ReplyError
from tests.drivers.test_server import SECONDS, free_port, program  # noqa: F401

START, END = "=== REDIS BUG REPORT START", "=== REDIS BUG REPORT END"


def test_a_slow_turn_and_a_crash_leave_their_frames_in_the_log(program) -> None:  # noqa: F811
    port = free_port()
    process = program("--port", str(port), "--save", "", "--enable-debug-command", "yes")
    with redis.Redis(port=port, retry=Retry(NoBackoff(), 0)) as client:
        client.config_set("watchdog-period", 1)
        assert client.config_get("watchdog-period") == {"watchdog-period": "200"}  # two crons, at least
        client.execute_command("DEBUG", "SLEEP", "0.3")
        with pytest.raises(redis.ConnectionError):
            client.execute_command("DEBUG", "SEGFAULT")
    log, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGSEGV
    slow, report = log.split(START)
    assert "--- WATCHDOG TIMER EXPIRED ---" in slow and "in debug_\n" in slow
    titles = [line.strip("- ") for line in report.splitlines() if line.startswith("------ ")]
    assert titles == ["STACK TRACE", "INFO OUTPUT", "CLIENT LIST OUTPUT", "CURRENT CLIENT INFO"]
    assert report.index("crashed by signal: 11") < report.index(END)
    assert "in debug_\n" in report and "redis_version:" in report and f"laddr=127.0.0.1:{port}" in report


def test_a_signal_from_outside_leaves_a_report(program) -> None:  # noqa: F811
    port = free_port()
    process = program("--port", str(port), "--save", "")
    with redis.Redis(port=port) as client:
        client.ping()  # it has begun
    process.send_signal(signal.SIGABRT)
    log, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGABRT
    assert "crashed by signal: 6" in log and "STACK TRACE" in log and END in log


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of a node in this process; the signals that would have ended it are in `deaths`."""
    node = Node({"logfile": str(tmp_path / "log")}, real_clock)
    made = CrashReports(node, Log(node.config.logfile))
    made.deaths = []
    monkeypatch.setattr(crash_reports, "die_by", made.deaths.append)
    monkeypatch.setattr(crash_reports, "faulthandler", Mock())  # pytest's own would not come back as it was
    handlers = (signal.SIGABRT, signal.SIGALRM)
    before = [signal.getsignal(number) for number in handlers]
    made.begin()
    yield made
    made.end()
    for number, handler in zip(handlers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("how", "number", "words"),
    [
        ("PANIC", signal.SIGABRT, "Guru Meditation: DEBUG PANIC called at Unix time"),
        ("ASSERT", signal.SIGABRT, "=== ASSERTION FAILED ==="),
        ("OOM", signal.SIGABRT, "Out Of Memory allocating"),
        ("SEGFAULT", signal.SIGSEGV, "crashed by signal: 11"),
    ],
)
def test_debug_ends_the_process_that_is_a_server_s_own(reports, how: str, number: int, words: str) -> None:
    node, log = reports.node, Path(reports.log.path)
    client = node.connect()
    node.execute(client, [b"DEBUG", how.encode()])
    assert reports.deaths == [number]
    assert words in log.read_text() and "STACK TRACE" in log.read_text()
    size = len(log.read_text())
    node.execute(client, [b"CONFIG", b"SET", b"crash-log-enabled", b"no"])
    node.execute(client, [b"DEBUG", how.encode()])
    assert reports.deaths == [number, number] and len(log.read_text()) == size


def test_the_watchdog_sleeps_for_its_period_or_for_good(reports) -> None:
    client = reports.node.connect()

    def left_s_after(period_ms: bytes) -> float:
        reports.node.execute(client, [b"CONFIG", b"SET", b"watchdog-period", period_ms])
        return signal.getitimer(signal.ITIMER_REAL)[0]

    assert 0 < left_s_after(b"300000") <= 300
    assert left_s_after(b"0") == 0


def test_a_log_that_cannot_be_written_keeps_no_server_from_dying_or_from_its_work(reports) -> None:
    reports.log.path = str(Path(reports.log.path).parent / "gone" / "log")
    reports.crash("SEGFAULT")
    reports._aborted(signal.SIGABRT, sys._getframe())
    assert reports.deaths == [signal.SIGSEGV, signal.SIGABRT]
    reports._watchdog_woke(signal.SIGALRM, sys._getframe())
    reports.log.write_raw = Mock(side_effect=RuntimeError("reentrant call"))
    reports._watchdog_woke(signal.SIGALRM, sys._getframe())
    with pytest.raises(RuntimeError):
        reports.crash("PANIC")
    assert reports.deaths == [signal.SIGSEGV, signal.SIGABRT, signal.SIGABRT]


def test_the_process_begins_anew_without_the_watchdogs_timer(
    reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = Mock()
    monkeypatch.setattr(os, "execv", begun)
    restart = restarter()
    reports.node.execute(reports.node.connect(), [b"CONFIG", b"SET", b"watchdog-period", b"300000"])
    restart(0)
    assert begun.called and signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_elsewhere_it_is_refused() -> None:
    node = Node({}, real_clock)
    with pytest.raises(ReplyError, match="ERR DEBUG PANIC would end the process, and is refused"):
        node.execute(node.connect(), [b"DEBUG", b"PANIC"])


def test_a_report_is_written_also_where_the_node_cannot_tell(
    reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(name: str, node: Node) -> str:
        raise RuntimeError("in the middle of a change")

    monkeypatch.setattr(crash_reports, "show_section", fails)
    reports.crash("PANIC")
    text = Path(reports.log.path).read_text()
    assert text.index("NO MORE CAN BE TOLD") < text.index("in the middle of a change") < text.index(END)
