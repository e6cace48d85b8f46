"""The key browser and the TTL board, with the clock in hand."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.notebook import views
from minidis.notebook.views import keyspace


@pytest.fixture
def node():
    node = Embedded(clock="2026-01-01T00:00:00Z", seed=1)
    node.node.active_expiry = False
    return node


def states(board):
    return {row["key"]: row["state"] for row in board.take()["rows"]}


def test_the_three_lives_of_a_key(node):
    board = views.ttl_board(node=node)
    node.execute("SET", "a", "x", "EX", 5)
    node.execute("SET", "b", "x", "EX", 50)
    node.execute("SET", "for ever", "x")
    assert states(board) == {"a": "live", "b": "live"}
    board.do("step", 10)
    assert states(board) == {"a": "dead", "b": "live"}
    assert node.execute("DBSIZE") == 3  # dead, and still there
    board.do("access", b"a".hex())
    assert states(board) == {"a": "freed", "b": "live"}
    assert "freed 5 s after its time" in str(board)
    assert "1 live, 0 logically dead, 1 freed, 1 without a limit" in str(board)
    board.close()


def test_a_key_lives_through_the_millisecond_of_its_expiry(node):
    board = views.ttl_board(node=node)
    node.execute("SET", "a", "x", "PX", 1000)
    board.do("step", 1)
    assert states(board) == {"a": "live"} and node.execute("EXISTS", "a") == 1
    board.do("step", 0.001)
    assert states(board) == {"a": "dead"} and node.execute("EXISTS", "a") == 0
    board.close()


def test_one_active_cycle_marks_what_it_sampled(node):
    board = views.ttl_board(node=node)
    for n in range(30):
        node.execute("SET", f"k{n}", "x", "EX", 1 if n < 3 else 100)
    board.do("step", 2).do("cycle")
    data = board.take()
    assert data["rounds"] == [[len(r.sampled), len(r.expired)] for r in node.node.last_cycle.rounds]
    sampled = {row["key"] for row in data["rows"] if row["sampled"]}
    assert sampled and sampled <= {key.decode() for r in node.node.last_cycle.rounds for key in r.sampled}
    assert "active cycle, round 1" in str(board)
    board.close()


def test_the_clock_goes_back_and_forth(node):
    board = views.ttl_board(node=node)
    node.execute("SET", "a", "x", "EX", 5)
    board.do("clock", 10)
    assert states(board) == {"a": "dead"}
    board.do("clock", 2)  # a wall clock that is set back makes the dead live again
    assert states(board) == {"a": "live"} and board.take()["moved_s"] == 2
    board.do("freeze", False)
    assert not node.is_frozen and board.widget.polling
    board.do("freeze", True).do("leap").do("active", True)
    assert node.is_frozen and node.node.active_expiry
    board.close()


def test_boards_share_a_log_and_the_last_one_ends_it(node):
    first, second = views.ttl_board(node=node), views.ttl_board(node=node)
    node.execute("SET", "a", "x", "PX", 1)
    node.step(1)
    node.execute("EXISTS", "a")
    third = views.ttl_board(node=node)
    assert states(first) == states(second) == states(third) == {"a": "freed"}
    for board in (first, second, third):
        board.close()
    assert not node.node.observed and id(node) not in keyspace._logs


def test_a_restarted_node_has_an_empty_board(node):
    board = views.ttl_board(node=node)
    node.execute("SET", "a", "x", "PX", 1)
    node.step(1)
    node.execute("EXISTS", "a")
    node.restart(clock="2027-01-01")
    assert states(board) == {} and board.take()["moved_s"] == 0
    node.execute("SET", "b", "x", "EX", 5)
    assert states(board) == {"b": "live"}
    board.close()


def test_the_browser_lists_what_the_commands_say(node):
    node.execute("SET", "text", "hello", "EX", 9)
    node.execute("RPUSH", "list", 1, 2)
    node.execute("HSET", "hash", "f", "v")
    browser = views.keys(node=node)
    rows = {row["key"]: row for row in browser.take()["rows"]}
    for key, row in rows.items():
        assert row["type"] == node.execute("TYPE", key)
        assert row["encoding"] == node.execute("OBJECT", "ENCODING", key).decode()
    assert rows["text"]["life"] == "9 s left" and rows["list"]["length"] == 2
    assert [row["key"] for row in browser.do("pattern", "?is*").take()["rows"]] == ["list"]
    assert browser.do("open", b"list".hex()).do("select", 1).take()["inside"]["selected"]["value"] == "2"
    assert browser.do("open", b"list".hex()).take()["inside"] is None


def test_an_open_stream_shows_its_newest_node(node):
    browser = views.keys(node=node)
    for number in range(1, 102):
        node.execute("XADD", "s", f"{number}-0", "field", "value")
    inside = browser.do("open", b"s".hex()).take()["inside"]
    assert inside["title"] == "s, newest of 2 macro nodes" and "field" in str(inside["entries"])
    node.execute("XTRIM", "s", "MAXLEN", 0)
    assert browser.take()["inside"]["why"] == "its stream has no entries"


def test_the_allocations_of_a_string_add_up(node):
    for length in (1, 44, 45, 300):
        node.execute("SET", f"s{length}", "x" * length)
    node.execute("SET", "number", 12345)
    view = views.encoding("s1", "s44", "s45", "s300", "number", node=node)
    for row in view.take():
        assert sum(part["bytes"] for block in row["blocks"] for part in block) == row["bytes"]
        assert len(row["blocks"]) == (2 if row["encoding"] == "raw" else 1)


def test_a_key_is_asked_for_in_the_boards_own_database():
    node = Embedded(clock="2026-01-01T00:00:00Z", seed=1)
    node.node.active_expiry = False
    for line in ("SELECT 1", "SET a x PX 10", "SELECT 0", "SET a y"):
        node.execute(*line.split())
    node.step(1)
    board = views.ttl_board(node=node, db=1)
    assert len(node.node.databases[1]) == 1
    board.do("access", b"a".hex())
    assert [len(database) for database in node.node.databases[:2]] == [1, 0]
