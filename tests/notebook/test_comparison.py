"""One cell on two targets, and what is not sent to a server unasked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from minidis import Embedded
from minidis.notebook.comparison import compare
from minidis.notebook.dangers import danger_of
from minidis.notebook.rendering import reply_fragments
from minidis.notebook.session import Options, Result, Session, Step
from tests.differential.servers import RealServer
from tests.notebook.conftest import Notebook, real_server

REFUSED = "(error) not sent: {}, and this is {}; %%redis --yes sends it"


@pytest.fixture(scope="module")
def server() -> Iterator[RealServer]:
    with real_server() as running:
        yield running


def test_what_both_answer_is_printed_once_and_what_differs_twice(notebook: Notebook) -> None:
    cell = "%%redis --beside fakeredis\nSET k v\nHSET h b 2 a 1\nHGETALL h\nOBJECT ENCODING k"
    assert notebook.run(cell).splitlines() == [
        "redis> SET k v",
        "OK",
        "redis> HSET h b 2 a 1",
        "(integer) 2",
        "redis> HGETALL h",
        '1) "b"',
        '2) "2"',
        '3) "a"',
        '4) "1"',
        "redis> OBJECT ENCODING k",
        '!= embedded   "embstr"',
        "!= fakeredis  (error) ERR unknown command 'object', with args beginning with: ",
        "1 of 4 replies differs between embedded and fakeredis",
    ]
    notebook.run("%%redis --beside fakeredis pairs <<\nGET k\nINCR n")
    assert notebook.names["pairs"] == [(b"v", b"v"), (1, 1)]


def answers(*commands: tuple[str, Any]) -> Result:
    result = Result()
    for command, reply in commands:
        argv = command.encode().split()
        result.add_step(Step(argv, [], reply_fragments(reply, 2, argv), reply, reply))
    return result


def test_another_order_is_a_difference_only_where_there_is_an_order() -> None:
    commands = ("SMEMBERS s", "HGETALL h", "LRANGE l 0 -1")
    here = [[b"a", b"b"], [b"a", b"1", b"b", b"2"], [1, 2]]
    there = [[b"b", b"a"], [b"b", b"2", b"a", b"1"], [2, 1]]
    results = [answers(*zip(commands, replies, strict=True)) for replies in (here, there)]
    shown = str(compare(("here", "there"), *results).panel)
    assert shown.count("(the same in another order on there)") == 2
    assert "!= there\n1) (integer) 2\n2) (integer) 1\n" in shown
    assert shown.endswith("1 of 3 replies differs between here and there")


def test_a_real_server_beside_the_node(notebook: Notebook, server: RealServer) -> None:
    url = f"unix://{server.socket_path}"
    said = notebook.run(
        f"%%redis --beside {url}\nZADD z 1.5 a 2 b\nZRANGE z 0 -1 WITHSCORES\nGET z\nINFO server"
    )
    assert said.count(f"!= {url}\n") == said.count("!= embedded\n") == 1  # INFO alone
    assert said.endswith(f"1 of 4 replies differs between embedded and {url}")


def test_pairs_are_compared_as_pairs() -> None:
    session = Session(Embedded(clock=0, seed=1))
    fake = session.connection("redis", session.find_target("fakeredis"))
    fake.call(b"HSET h a 2 b 1".split())
    session.run("HSET h a 1 b 2")
    assert "1 of 1 reply differs" in str(session.run("HGETALL h", Options(beside="fakeredis")).panel)


def test_a_target_that_is_not_there(notebook: Notebook) -> None:
    assert notebook.run("%%redis --beside nowhere\nGET k").startswith("(error) no target is called nowhere")
    assert notebook.run("%%redis --beside fakeredis\n# nothing") == ""


def test_dangerous_commands_are_not_sent_unasked(notebook: Notebook, server: RealServer) -> None:
    url = f"unix://{server.socket_path}"
    notebook.run(f"%redis connect {url}")
    notebook.run("%redis SET precious 1")
    why = "FLUSHALL deletes every key of every database"
    assert notebook.run("%redis flushall") == REFUSED.format(why, url)
    assert notebook.run("%redis GET precious") == '"1"'
    session = notebook.shell.minidis_magics.session
    questions: list[str] = []
    session.ask = lambda question: bool(questions.append(question))
    assert notebook.run("%redis FLUSHALL") == f"(error) not sent: {why}, and this is {url}"
    assert questions == [f"{why}; this is {url}. Send it?"]
    session.ask = lambda question: True
    assert notebook.run("%redis CONFIG SET maxmemory 0") == "OK"
    session.ask = lambda question: None
    assert notebook.run("%%redis --yes\nFLUSHALL\nDBSIZE").splitlines()[-1] == "(integer) 0"


def test_the_node_of_the_lesson_and_fakeredis_are_the_readers_own(notebook: Notebook) -> None:
    assert notebook.run("%redis FLUSHALL") == "OK"
    assert notebook.run("%%redis --on fakeredis\nFLUSHALL") == "OK"


@pytest.mark.parametrize(
    "harmless", ["GET k", "CONFIG GET *", "INFO", "CLIENT LIST", "CLUSTER NODES", "FLUSH"]
)
def test_what_asks_nothing(harmless: str) -> None:
    assert danger_of(harmless.encode().split()) is None
