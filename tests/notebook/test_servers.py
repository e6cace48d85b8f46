"""Cells on a real server, through redis-py: state of each client, waiting, bytes, a server that goes away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.differential.servers import RealServer
from tests.notebook.conftest import Notebook, real_server
from tests.notebook.test_magics import CLIENT_REPLY


@pytest.fixture(scope="module")
def server() -> Iterator[RealServer]:
    with real_server() as running:
        yield running


def test_a_session_on_a_real_server(notebook: Notebook, server: RealServer) -> None:
    url = f"unix://{server.socket_path}"
    assert notebook.run(f"%redis connect {url}") == f"cells now run on the server at {url}"
    assert notebook.run(
        "%%redis\nSET k 1  # a comment\nINCR k\nLPUSH k x\nGET k\nCLIENT GETNAME"
    ).splitlines() == [
        "redis> SET k 1",
        "OK",
        "# starts a comment here; the real redis-cli has none, it would send 3 more arguments",
        "redis> INCR k",
        "(integer) 2",
        "redis> LPUSH k x",
        "(error) WRONGTYPE Operation against a key holding the wrong kind of value",
        "redis> GET k",
        '"2"',
        "redis> CLIENT GETNAME",
        "(nil)",
    ]
    notebook.run("%%redis @alice\nSELECT 3\nMULTI")
    assert notebook.run("%%redis @alice\nPING\nEXEC\nCLIENT GETNAME").splitlines() == [
        "alice[3](TX)> PING",
        "QUEUED",
        "alice[3](TX)> EXEC",
        "1) PONG",
        "alice[3]> CLIENT GETNAME",
        '"alice"',
    ]
    assert notebook.run("%%redis -3 --resp\nHGETALL none").splitlines() == [
        "redis> HGETALL none",
        "--> *2\\r\\n",
        "    $7\\r\\nHGETALL\\r\\n",
        "    $4\\r\\nnone\\r\\n",
        "<-- %0\\r\\n",
        "(empty hash)",
    ]
    notebook.run("x = %redis LRANGE none 0 -1")
    assert notebook.names["x"] == []
    assert "k" in notebook.complete("%%redis\nGET |")
    assert "needs control of the node" in notebook.run("%clock step 1s")


def test_replies_switched_off(notebook: Notebook, server: RealServer) -> None:
    here = notebook.run(CLIENT_REPLY)
    notebook.run(f"%redis connect unix://{server.socket_path}")
    assert notebook.run(CLIENT_REPLY) == here


def test_waiting_on_a_real_server(notebook: Notebook, server: RealServer) -> None:
    notebook.run(f"%redis connect unix://{server.socket_path}")
    assert notebook.run("%redis @alice BLPOP q 0") == "(waiting) alice waits for its reply"
    assert notebook.run("%redis @alice PING").startswith("(error) ERR this client waits for a key")
    assert notebook.run("%redis RPUSH q x").splitlines() == [
        "(integer) 1",
        "alice> BLPOP q 0   # waited until now",
        '1) "q"',
        '2) "x"',
    ]
    assert notebook.run("%redis BLPOP q 0.01") == "(nil)"


def test_the_same_cell_on_the_node_and_on_a_real_server(notebook: Notebook, server: RealServer) -> None:
    cell = (
        "%%redis\nDEL l h z\nRPUSH l a 'b c' \"\\x00\\xff\"\nLRANGE l 0 -1\nHSET h f v\nHGETALL h\n"
        "ZADD z 1.5 m 2 n\nZRANGE z 0 -1 WITHSCORES\nGET l\nLPOP none 2\nSET l\nNOSUCH a b\n2 LLEN l\n"
        "SET k v NX XX\nOBJECT ENCODING l"
    )
    here = {option: notebook.run(cell.replace("%%redis", f"%%redis {option}")) for option in ("-2", "-3")}
    notebook.run(f"%redis connect unix://{server.socket_path}")
    there = {option: notebook.run(cell.replace("%%redis", f"%%redis {option}")) for option in ("-2", "-3")}
    # Redis 7.2 keeps a short list in a listpack; 7.0 and older had a quicklist of one node.
    older = {option: text.replace('"listpack"', '"quicklist"') for option, text in here.items()}
    assert there in (here, older)


def test_a_server_that_goes_away_is_one_line(notebook: Notebook) -> None:
    with real_server() as server:
        notebook.run(f"%redis connect unix://{server.socket_path}")
        assert notebook.run("%redis PING") == "PONG"
    for _ in range(2):
        printed = notebook.run("%redis PING")
        assert printed.startswith("(error) ") and "\n" not in printed
    notebook.run("%redis connect embedded")
    assert notebook.run("%redis PING") == "PONG"


def test_the_audit_of_what_cells_run_on(notebook: Notebook, server: RealServer, tmp_path: Path) -> None:
    here = notebook.run("%redis audit")
    assert here.startswith("the embedded node, 29 checks: ") and "✗ AF10 " in here
    notebook.run(f"%redis connect unix://{server.socket_path}")
    seen = tmp_path / "monitor.txt"
    seen.write_text('OK\n1.5 [0 127.0.0.1:5] "SETNX" "lock:a" "1"\n')
    there = notebook.run(f"%redis audit {seen}")
    assert there.startswith("the server at unix://") and "lock:a was taken by SETNX" in there
    seen.write_text("no such line\n")
    assert "line 1 is none that MONITOR writes" in notebook.run(f"%redis audit {seen}")
    assert "No such file" in notebook.run(f"%redis audit {tmp_path}/none")
