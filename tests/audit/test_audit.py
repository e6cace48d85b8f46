"""The audit on nodes with each fault planted, on a healthy one, on a real server, and where it is refused."""

from __future__ import annotations

import pytest
import redis

import minidis
from minidis.audit import audit
from minidis.audit.line import Line
from minidis.audit.report import CHECKS
from minidis.course.models import week
from minidis.course.models.redlock import RELEASE
from tests.differential.servers import RealServer, available_judges

TOGETHER = (
    "AF1 AF2 AF4 AF5 AF7 AF8 AF9 AF11 AF13 AF15 AG1 AG2 AG4",
    "AF3 AF10 AF12 AF14 AG3 AG5 AG6 AG8 AG9",
    "AF6",
    "AG7 AG10 AG11 AG12 AG13 AG14",
)
"""Habits that can be in one week without hiding each other."""

FOLLOW = {"AF6": {"AG7"}, "AF11": {"AG8"}, "AG7": {"AG3"}, "AG11": {"AG14"}, "AG13": {"AG11", "AG14"}}
"""What else a habit breaks: an endless lock was taken without an end, a full node refuses again and again."""


def test_the_healthy_week_fails_nowhere_and_most_can_be_told() -> None:
    report = week.play(seed=1).audit()
    assert len(report.findings) == 29
    assert not report.with_verdict("fail"), report
    assert report.with_verdict("cannot tell") == ["AF7", "AG7", "AG10"]


@pytest.mark.parametrize("habits", TOGETHER)
def test_each_habit_is_found_and_no_other_is_blamed(habits: str) -> None:
    planted = set(habits.split())
    report = week.play(seed=2, habits=planted).audit()
    found = set(report.with_verdict("fail"))
    assert found >= planted, report
    assert found - planted <= set().union(*(FOLLOW.get(habit, set()) for habit in planted)), report
    assert all(report[item].repair for item in planted)


def test_every_item_has_a_check_and_a_habit() -> None:
    items = [f"AF{number}" for number in range(1, 16)] + [f"AG{number}" for number in range(1, 15)]
    assert list(CHECKS) == items == list(week.HABITS)
    assert set(" ".join(TOGETHER).split()) == set(items)
    with pytest.raises(ValueError, match="no habit AG99"):
        week.play(habits=["AG99"])


def test_looking_leaves_no_trace() -> None:
    node = minidis.Embedded({"maxmemory-policy": "allkeys-lru"}, clock=week.START_US, seed=1)
    for number in range(250):
        node.execute("SET", f"cache:{number}", "x", "EX", 100 + number)
    node.execute("SELECT", 3)
    node.execute("RPUSH", "list", *range(10))
    node.step(60)
    before = [(digest, node.node.changes) for digest in [node.execute("DEBUG", "DIGEST")]]
    idle_s = node.execute("OBJECT", "IDLETIME", "list")
    clients = len(node.node.clients)
    report = audit(minidis.connect(node, protocol=3))
    assert "251 keys" in report["AG4"].evidence  # of both databases
    assert [(node.execute("DEBUG", "DIGEST"), node.node.changes)] == before
    assert node.execute("OBJECT", "IDLETIME", "list") == idle_s == 60
    assert len(node.node.clients) == clients


def test_what_is_refused_cannot_be_told() -> None:
    node = minidis.Embedded(clock=0, seed=1)
    node.execute("ACL", "SETUSER", "blind", "on", ">pw", "-@all", "+ping")
    report = audit(minidis.connect(node, username="blind", password="pw"))
    assert report.with_verdict("cannot tell") == list(CHECKS)
    assert "CONFIG GET was refused: User blind has no permissions" in report["AF9"].evidence


def test_the_keys_are_looked_at_where_info_is_refused() -> None:
    node = minidis.Embedded(clock=0, seed=1)
    node.execute("SET", "lock:a", "1", "NX")
    node.execute(
        "ACL", "SETUSER", "half", "on", ">pw", "~*", "-@all", "+scan", "+type", "+pttl", "+memory|usage"
    )
    report = audit(minidis.connect(node, username="half", password="pw"))
    assert report["AF11"].verdict == "fail" and "1 of 1 locks" in report["AF11"].evidence
    assert report["AG4"].evidence == "the largest of 1 keys of one database is lock:a: 48 bytes"


def test_one_node_that_holds_too_much() -> None:
    """No test fills 30 GB: the node's own INFO, with one figure changed on its way."""
    line = Line.of_client(minidis.connect(minidis.Embedded(clock=0, seed=1)))

    def call_many(commands: list[list[bytes]]) -> list[object]:
        replies = line.ask_many([tuple(words) for words in commands])
        return [
            reply.replace(b"used_memory:", b"used_memory:31000000000\r\nformerly:")
            if isinstance(reply, bytes)
            else reply
            for reply in replies
        ]

    finding = audit(Line(call_many))["AF6"]
    assert (finding.verdict, finding.evidence[:22]) == ("fail", "one node with 29564 MB")
    line.close()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [("hello", "line 2 is none"), ('1.5 [0 a:1] "SET', "line 2"), ('x.5 [0 a:1] "GET" "a"', "line 2")],
)
def test_lines_that_monitor_does_not_write(line: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        audit(minidis.connect(minidis.Embedded(clock=0)), ["OK", line])


@pytest.fixture(scope="module")
def server():
    judges = available_judges()
    if not judges:
        pytest.skip("no real server on this machine")
    with RealServer(judges[0]) as running:
        yield running


def test_a_real_server_and_its_traffic(server: RealServer) -> None:
    with redis.Redis(unix_socket_path=str(server.socket_path)) as client:
        monitor = client.connection_pool.get_connection()
        monitor.send_command("MONITOR")
        assert monitor.read_response() == b"OK"
        client.set("cache:page", "x")
        client.set("big", "x" * 1_500_000)
        client.set("lock:payment:1", "t" * 32, nx=True, px=60_000)
        client.delete("lock:payment:1")
        client.set("lock:mail", "u" * 32, nx=True, px=60_000)
        client.eval(RELEASE, 1, "lock:mail", "u" * 32)
        client.setnx("lock:report", "1")
        client.keys("*")
        for _ in range(12):
            with pytest.raises(redis.ResponseError):
                client.incr("cache:page")
        client.echo("the end")
        lines = [monitor.read_response()]
        while b"the end" not in lines[-1]:
            lines.append(monitor.read_response())
        monitor.disconnect()
        report = audit(client, lines)
    failing = set(report.with_verdict("fail"))
    assert failing >= set("AF1 AF7 AF10 AF11 AF12 AG1 AG2 AG3 AG4 AG6 AG8 AG9 AG10".split()), report
    assert report["AF14"].verdict == "pass" and "1 let go by a script" in report["AF14"].evidence
    assert report["AF2"].verdict == "cannot tell"
    assert "lock:payment:1" in report["AG9"].evidence
