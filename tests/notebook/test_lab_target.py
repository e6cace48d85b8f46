"""%%redis @node: cells at the prompts of a lab's nodes."""

from __future__ import annotations

import minidis
from minidis.drivers.embedded import Embedded
from minidis.notebook.session import Session


def texts(session: Session, body: str, client: str = "redis") -> list:
    from minidis.notebook.session import Options

    return session.run(body, Options(client=client)).values


def test_cells_and_lines_reach_the_nodes() -> None:
    lab = minidis.Lab(seed=1)
    lab.nodes("a", "b", config={"repl-diskless-sync-delay": 0})
    session = Session(Embedded(clock=0))
    assert texts(session, "REPLICAOF a 6379", "b") == ["OK"]
    lab.run("1s")
    assert texts(session, "SET k v\nWAIT 1 1000\n@b GET k", "a") == ["OK", 1, b"v"]
    assert texts(session, "GET k") == [None]  # the embedded node is another one


def test_who_names_nobody_means_no_node_of_the_lab() -> None:
    lab = minidis.Lab(seed=1)
    lab.node("redis")  # the name that the prompt of an unnamed client has, too
    session = Session(Embedded(clock=0))
    assert texts(session, "SET k v\n@ann GET k") == ["OK", b"v"]
    assert lab.call("redis", "EXISTS", "k") == 0


def test_a_command_that_waits() -> None:
    lab = minidis.Lab(seed=1)
    lab.nodes("a")
    session = Session(Embedded(clock=0))
    session.run("@a BLPOP q 0")
    lab.call("a", "RPUSH", "q", "x")
    lab.run("1s")
    [block] = session.late_blocks()
    assert "BLPOP q 0" in "".join(text for _, text in block)


def test_a_dead_node_is_told() -> None:
    lab = minidis.Lab(seed=1)
    lab.nodes("a")
    session = Session(Embedded(clock=0))
    assert texts(session, "PING", "a") == ["PONG"]
    lab.kill("a")
    lab.run("1s")
    [value] = texts(session, "PING", "a")
    assert "closed by the other side" in str(value)
    lab.restart("a")
    assert texts(session, "PING", "a") == ["PONG"]


def test_a_new_lab_takes_the_place_of_the_old_one() -> None:
    session = Session(Embedded(clock=0))
    for _ in range(2):
        lab = minidis.Lab(seed=1)
        lab.nodes("a")
        assert texts(session, "INCR n", "a") == [1]
