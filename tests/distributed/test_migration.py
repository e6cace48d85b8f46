"""MIGRATE in the lab."""

from __future__ import annotations

import pytest

from minidis.distributed.kept_connections import kept_connections
from minidis.drivers.simulation.lab import Lab
from minidis.protocol.replies import ReplyError


def two(**config: object) -> Lab:
    lab = Lab(1)
    lab.node("a")
    lab.node("b", config)
    return lab


def test_keys_move_with_their_time_to_live() -> None:
    lab = two()
    lab.call("a", "SET", "x", "1", "PX", 100_000)
    lab.call("a", "RPUSH", "y", 1, 2, 3)
    assert lab.call("a", "MIGRATE", "b", 6379, "", 3, 5000, "KEYS", "x", "nothing", "y") == "OK"
    assert lab.call("a", "EXISTS", "x", "y") == 0
    lab.call("b", "SELECT", 3)
    assert lab.call("b", "LRANGE", "y", 0, -1) == [b"1", b"2", b"3"]
    assert 99_000 < lab.call("b", "PTTL", "x") <= 100_000
    assert lab.call("a", "MIGRATE", "b", 6379, "x", 0, 5000) == "NOKEY"


def test_copy_and_replace() -> None:
    lab = two()
    lab.call("a", "SET", "x", "1")
    assert lab.call("a", "MIGRATE", "b", 6379, "x", 0, 5000, "COPY") == "OK"
    assert lab.call("a", "EXISTS", "x") == 1
    with pytest.raises(ReplyError, match="ERR Target instance replied with error: BUSYKEY"):
        lab.call("a", "MIGRATE", "b", 6379, "x", 0, 5000)
    assert lab.call("a", "EXISTS", "x") == 1
    lab.call("a", "SET", "x", "2")
    assert lab.call("a", "MIGRATE", "b", 6379, "x", 0, 5000, "REPLACE") == "OK"
    assert lab.call("a", "EXISTS", "x") == 0 and lab.call("b", "GET", "x") == b"2"


def test_with_a_password() -> None:
    lab = two(requirepass="secret")
    lab.call("a", "SET", "x", "1")
    with pytest.raises(ReplyError, match="Target instance replied with error: NOAUTH"):
        lab.call("a", "MIGRATE", "b", 6379, "x", 0, 5000)
    assert lab.call("a", "MIGRATE", "b", 6379, "x", 0, 5000, "AUTH", "secret") == "OK"
    lab.call("a", "SET", "x", "2")
    words = ("REPLACE", "AUTH2", "default", "secret")
    assert lab.call("a", "MIGRATE", "b", 6379, "x", 0, 5000, *words) == "OK"


def test_nobody_there_and_nobody_answers() -> None:
    lab = two()
    lab.call("a", "SET", "x", "1")
    with pytest.raises(ReplyError, match="IOERR error or timeout writing to target instance"):
        lab.call("a", "MIGRATE", "b", 6380, "x", 0, 1000)
    lab.pause("b")
    bob = lab.connect("a", "bob")
    bob.call("PING")
    before_s = lab.now_s
    prompt = lab.connect("a", "prompt")
    prompt.send("MIGRATE", "b", 6379, "x", 0, 1000)
    lab.run("100ms")
    bob.send("GET", "x")  # waits as well: nobody sees a key that is on its way
    with pytest.raises(ReplyError, match="IOERR error or timeout reading to target instance"):
        prompt.wait()
    assert 1 <= lab.now_s - before_s < 1.2
    assert bob.wait() == b"1"


LUA = "return redis.call('MIGRATE', ARGV[1], 6379, KEYS[1], 0, 1000)"


@pytest.mark.parametrize("kind", ["MULTI", "EVAL"])
def test_where_nothing_can_wait_the_node_stands_still(kind: str) -> None:
    lab = two()
    lab.call("a", "SET", "x", "1")
    entries: list = []
    lab["a"].journal.subscribe(entries.append)
    alice, bob = lab.connect("a", "alice"), lab.connect("a", "bob")
    assert bob.call("PING") == "PONG"
    lab.delay("a", "b", "100ms")

    def move() -> object:
        if kind == "EVAL":
            alice.send("EVAL", LUA, 1, "x", "b")
        else:
            for words in (("MULTI",), ("MIGRATE", "b", 6379, "x", 0, 1000), ("EXISTS", "x"), ("EXEC",)):
                alice.send(*words)
        lab.run("150ms")
        bob.send("SET", "x", "new")  # waits until the move is over
        assert not bob.replies
        while (reply := alice.wait()) in ("OK", "QUEUED") and kind == "MULTI":
            pass
        return reply

    assert move() == (["OK", 0] if kind == "MULTI" else "OK")
    assert bob.wait() == "OK" and lab.call("b", "GET", "x") == b"1"
    assert [entry.argv for entry in entries] == [[b"DEL", b"x"], [b"SET", b"x", b"new"]]
    lab.pause("b")
    before_s = lab.now_s
    error = "IOERR error or timeout reading to target instance"
    if kind == "EVAL":
        with pytest.raises(ReplyError, match=error):
            move()
    else:
        assert [str(reply) for reply in move()] == [error, "1"]
    assert lab.now_s - before_s < 1.2 and bob.wait() == "OK" and lab.call("a", "GET", "x") == b"new"


def test_a_node_that_is_killed_while_it_talks_comes_back() -> None:
    lab = two()
    lab.call("a", "SET", "x", "1")
    lab.pause("b")
    lab.agenda.after(500_000, lambda: lab.restart("a"))
    with pytest.raises(ConnectionError):
        lab.call("a", "EVAL", LUA, 1, "x", "b")
    assert lab.call("a", "DBSIZE") == 0


def test_the_journal_says_what_left() -> None:
    lab = two()
    lab.call("a", "SET", "x", "1")
    entries: list = []
    lab["a"].journal.subscribe(entries.append)
    lab.call("a", "MIGRATE", "b", 6379, "x", 0, 5000)
    assert [entry.argv for entry in entries] == [[b"DEL", b"x"]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("x", 0, 100, "KEYS", "y"), "the key argument must be set to the empty string"),
        (("x", 0, "soon"), "value is not an integer"),
        (("x", 0, 100, "SIDEWAYS"), "syntax error"),
    ],
)
def test_refused(words: tuple, message: str) -> None:
    lab = two()
    with pytest.raises(ReplyError, match=message):
        lab.call("a", "MIGRATE", "b", 6379, *words)


def connections(lab: Lab) -> tuple[int, int]:
    """Those that came to b so far, and those that a keeps."""
    return lab["b"].connections_received, len(kept_connections(lab["a"]).idle)


def test_a_connection_is_kept_for_ten_seconds() -> None:
    lab = two()
    lab.call("a", "MSET", "x", 1, "y", 2, "z", 3, "w", 4)
    before, _ = connections(lab)
    assert lab.call("a", "MIGRATE", "b", 6379, "x", 0, 5000) == "OK"
    assert lab.call("a", "MIGRATE", "b", 6379, "y", 0, 5000) == "OK"
    assert lab.call("a", "MIGRATE", "b", 6379, "z", 3, 5000) == "OK"  # in another database
    assert connections(lab) == (before + 1, 1)
    assert b"migrate_cached_sockets:1" in bytes(lab.call("a", "INFO", "stats"))
    lab.run("9s")
    assert connections(lab)[1] == 1
    lab.run("2s")
    assert connections(lab)[1] == 0
    assert lab.call("a", "MIGRATE", "b", 6379, "w", 0, 5000) == "OK"
    assert connections(lab) == (before + 2, 1)
    assert lab.call("b", "MGET", "x", "y", "w") == [b"1", b"2", b"4"]
    lab.call("b", "SELECT", 3)
    assert lab.call("b", "GET", "z") == b"3"


def test_a_connection_that_was_closed_meanwhile_is_opened_anew() -> None:
    lab = two()
    lab.call("a", "MSET", "x", 1, "y", 2)
    assert lab.call("a", "MIGRATE", "b", 6379, "x", 0, 5000) == "OK"
    lab.call("b", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert lab.call("a", "MIGRATE", "b", 6379, "y", 0, 5000) == "OK"
    assert lab.call("b", "GET", "y") == b"2"


def test_after_an_error_no_connection_is_kept() -> None:
    lab = two()
    lab.call("a", "SET", "x", 1)
    lab.call("b", "SET", "x", 1)
    with pytest.raises(ReplyError, match="BUSYKEY"):
        lab.call("a", "MIGRATE", "b", 6379, "x", 0, 5000)
    assert connections(lab)[1] == 0
