"""%%redis, %redis and %clock in a real IPython shell."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

import minidis
from minidis.notebook import node, views
from minidis.notebook.magics import Interrupted
from minidis.protocol.replies import ReplyError
from tests.notebook.conftest import Notebook, real_server


def test_one_command_prints_its_reply_alone(notebook: Notebook) -> None:
    assert notebook.run("%%redis\nSET k hello\n# the end\n") == "OK"
    assert notebook.run("%redis GET k") == '"hello"'


def test_several_commands_are_echoed_with_prompts(notebook: Notebook) -> None:
    cell = "%%redis\nSET k 1\n\n# in between\nINCR k\nSELECT 1\nGET k\nMULTI\nPING\nEXEC"
    assert notebook.run(cell).splitlines() == [
        "redis> SET k 1",
        "OK",
        "redis> INCR k",
        "(integer) 2",
        "redis> SELECT 1",
        "OK",
        "redis[1]> GET k",
        "(nil)",
        "redis[1]> MULTI",
        "OK",
        "redis[1](TX)> PING",
        "QUEUED",
        "redis[1](TX)> EXEC",
        "1) PONG",
    ]


@pytest.mark.parametrize(
    "cell", ["%%redis", "%%redis\n", "%%redis\n\n", "%%redis\n# only a comment", "%%redis\n  #"]
)
def test_empty_and_comment_only_cells_succeed_and_print_nothing(notebook: Notebook, cell: str) -> None:
    assert notebook.run(cell) == ""
    assert notebook.outputs == []


def test_errors_are_short_in_place_and_later_lines_still_run(notebook: Notebook) -> None:
    printed = notebook.run('%%redis\nSET k ten\nINCR k\nNOSUCH x\nGET\nSET "k\nSET k $nope\nGET k')
    assert printed.splitlines() == [
        "redis> SET k ten",
        "OK",
        "redis> INCR k",
        "(error) ERR value is not an integer or out of range",
        "redis> NOSUCH x",
        "(error) ERR unknown command 'NOSUCH', with args beginning with: 'x' ",
        "redis> GET",
        "(error) ERR wrong number of arguments for 'get' command",
        "Invalid argument(s)",
        'SET "k',
        "    ^ the quote that opens here has no end",
        "redis> SET k $nope",
        "(error) no Python variable is named nope (quote it for plain text: '$nope')",
        "redis> GET k",
        '"ten"',
    ]


def test_the_comment_hint_appears_once_and_counts_what_redis_cli_would_send(notebook: Notebook) -> None:
    printed = notebook.run(
        '%%redis\nLPUSH mylist "first"    # Add to left\nRPUSH mylist "last"     # Add to right'
    )
    assert printed.count("starts a comment here") == 1
    assert "it would send 4 more arguments" in printed
    assert notebook.run("%redis LRANGE mylist 0 -1") == '1) "first"\n2) "last"'
    assert "comment" not in notebook.run("%%redis\nLLEN mylist # how long")


def test_html_is_escaped_and_says_the_same_as_the_text(notebook: Notebook) -> None:
    printed = notebook.run("%%redis\nSET k \"<script>alert('&')</script>\"\nGET k")
    assert "<script>" in printed
    assert "<script" not in notebook.html
    assert "&lt;script&gt;alert('&amp;')&lt;/script&gt;" in notebook.html
    assert "style=" in notebook.html and "class=" not in notebook.html


def test_variables_are_single_arguments(notebook: Notebook) -> None:
    notebook.names.update(key="a b", value=b"\xff \n# $key", n=3)
    assert notebook.run("%%redis\nSET $key $value\nGET 'a b'").endswith('"\\xff \\n# $key"')
    assert notebook.run("%redis INCRBY count:$key ${n * 2}") == "(integer) 6"
    assert (
        notebook.run("def grow(step):\n    r = %redis INCRBY count:$key $step\n    return r\ngrow(4)") == ""
    )
    assert notebook.result == 10


def test_results_become_python_values(notebook: Notebook) -> None:
    notebook.run("%%redis\nHSET h f v n 1\nRPUSH l a b\nSADD s m\nZADD z 1.5 m")
    assert notebook.run("x = %redis HGETALL h") == ""
    assert notebook.names["x"] == {b"f": b"v", b"n": b"1"}
    notebook.run("y = %redis GET nothing")
    assert notebook.names["y"] is None
    notebook.run("s = %redis SMEMBERS s\nz = %redis ZRANGE z 0 -1 WITHSCORES")
    assert (notebook.names["s"], notebook.names["z"]) == ({b"m"}, [(b"m", 1.5)])
    assert notebook.run("%%redis reply <<\nLRANGE l 0 -1") == ""
    assert notebook.names["reply"] == [b"a", b"b"]
    notebook.run("%%redis @ann replies <<\nSET k 1\n# comment\nINCR k")
    assert notebook.names["replies"] == ["OK", 2]


def test_an_error_is_seen_even_when_the_value_is_assigned(notebook: Notebook) -> None:
    notebook.run("%redis RPUSH l a")
    printed = notebook.run("x = %redis INCR l\nstill = 1")
    assert printed == "(error) WRONGTYPE Operation against a key holding the wrong kind of value"
    assert isinstance(notebook.names["x"], ReplyError) and notebook.names["still"] == 1


def test_each_client_keeps_its_own_state(notebook: Notebook) -> None:
    notebook.run("%%redis @alice\nSELECT 2\nSET k alice\nHELLO 3")
    notebook.run("%%redis @bob\nSET k bob\nMULTI")
    assert notebook.run("%redis @alice GET k") == '"alice"'
    assert notebook.run("%redis @bob GET k") == "QUEUED"
    assert notebook.run("%redis @bob EXEC") == '1) "bob"'
    assert notebook.run("%redis @alice ZSCORE none x") == "(nil)"
    status = notebook.run("%redis status")
    assert "client   alice: database 2, RESP3" in status


def test_a_blocked_client_is_served_by_another_cell(notebook: Notebook) -> None:
    assert notebook.run("%%redis @alice\nBLPOP q 0") == "(waiting) alice waits for q, without a time limit"
    refused = notebook.run("%redis @alice PING")
    assert refused.startswith("(error) ERR this client waits for a key")
    assert notebook.run("%%redis @bob\nRPUSH q job").splitlines() == [
        "(integer) 1",
        "alice> BLPOP q 0   # waited until now",
        '1) "q"',
        '2) "job"',
    ]
    assert notebook.run("%redis @alice PING") == "PONG"


def test_python_code_wakes_a_client_too(notebook: Notebook) -> None:
    notebook.run("%redis @alice BLPOP q 0")
    notebook.run("import minidis\nminidis.default_node().execute('RPUSH', 'q', 'x')")
    assert "alice> BLPOP q 0" in "\n".join(output["text/plain"] for output in notebook.outputs)


def test_a_blocked_client_gives_up_when_the_clock_is_stepped(notebook: Notebook) -> None:
    assert notebook.run("x = %redis @alice BLPOP q 5") == "(waiting) alice waits for q, at most 5 s"
    assert notebook.names["x"] is None
    assert notebook.run("%clock step 4s") == "2026-01-01 00:00:04 UTC, frozen (+4 s)"
    assert notebook.run("%clock step 1s").splitlines()[1:] == [
        "alice> BLPOP q 5   # waited until now",
        "(nil)",
    ]


def test_protocols(notebook: Notebook) -> None:
    notebook.run("%redis HSET h f v")
    assert notebook.run("%redis -3 HGETALL h") == '1# "f" => "v"'
    assert notebook.run("%redis HGETALL h") == '1) "f"\n2) "v"'
    assert notebook.run("%%redis -3 --resp\nGET none").splitlines() == [
        "redis> GET none",
        "--> *2\\r\\n",
        "    $3\\r\\nGET\\r\\n",
        "    $4\\r\\nnone\\r\\n",
        "<-- _\\r\\n",
        "(nil)",
    ]


def test_raw_and_long_replies(notebook: Notebook) -> None:
    notebook.run('%redis RPUSH l "a b" é')
    assert notebook.run("%redis --raw LRANGE l 0 -1") == "a b\né"
    notebook.names["many"] = range(5000)
    notebook.run("%redis RPUSH many ${*many}")
    lines = notebook.run("%redis LRANGE many 0 -1").splitlines()
    assert len(lines) == 1001 and lines[-1].startswith("... 4000 more lines")


def test_help(notebook: Notebook) -> None:
    printed = notebook.run("%%redis\nHELP STRLEN")
    assert printed.startswith("STRLEN key\nsummary: ") and "group: string" in printed
    assert "GETBIT" in notebook.run("%redis help @bitmap")
    assert "HELP @string" in notebook.run("%%redis\nhelp")
    assert notebook.run("%redis HELP STRLENN").startswith("no help for STRLENN; is it STRLEN")


def test_repeats(notebook: Notebook) -> None:
    assert notebook.run("%%redis\n3 INCR n").splitlines()[-1] == "(integer) 3"
    assert "at most 10000 times" in notebook.run("%redis 99999999 INCR n")


def test_a_line_of_another_client(notebook: Notebook) -> None:
    printed = notebook.run("%%redis\n@bob SELECT 3\n@bob SET k bobs\nSET k mine\n2 @bob INCR n\n@bob GET k")
    assert printed.splitlines() == [
        "bob> SELECT 3", "OK", "bob[3]> SET k bobs", "OK", "redis> SET k mine", "OK",
        "bob[3]> INCR n", "(integer) 1", "bob[3]> INCR n", "(integer) 2", "bob[3]> GET k", '"bobs"',
    ]  # fmt: skip
    assert "unknown command '@'" in notebook.run("%redis '@' GET k")


def test_the_clock(notebook: Notebook) -> None:
    assert notebook.run("%clock") == "2026-01-01 00:00:00 UTC, frozen"
    notebook.run("%redis SET k v EX 10")
    assert notebook.run("%clock step 250ms") == "2026-01-01 00:00:00.250 UTC, frozen (+250 ms)"
    assert notebook.run("%clock step 10s").endswith("(+10 s, 1 expired key freed)")
    assert notebook.run("%clock jump -1h") == "2025-12-31 23:00:10.250 UTC, frozen"
    assert notebook.run("%clock jump 2030-06-01T12:00:00Z  # far") == "2030-06-01 12:00:00 UTC, frozen"
    assert notebook.run("%clock run").endswith("UTC, running")
    assert notebook.run("%clock step 1s") == "(error) the clock runs by itself; %clock freeze stops it"
    assert notebook.run("%clock freeze 2026-01-01T00:00:00") == "2026-01-01 00:00:00 UTC, frozen"
    for wrong in (
        "%clock jump",
        "%clock backwards",
        "%clock step soon",
        "%clock step -1s",
        "%clock jump never",
    ):
        assert notebook.run(wrong).startswith("(error) ")


def test_reset_gives_the_same_node_again(notebook: Notebook) -> None:
    cell = "%%redis\nSADD s a b c d e f g\nSPOP s\nSRANDMEMBER s\nTIME"
    first = notebook.run(cell)
    notebook.run("%clock step 3s")
    assert (
        notebook.run("%redis reset")
        == "a fresh node: 0 keys, seed 1, clock frozen at 2026-01-01 00:00:00 UTC"
    )
    assert notebook.run(cell) == first
    assert "seed 7" in notebook.run("%redis reset 7 --clock 2000-01-01T00:00:00Z")
    assert notebook.run("%redis reset --seed 2 --clock real").endswith("seed 2, clock running")
    assert notebook.run("%redis reset soon").startswith("(error) ")


def test_a_client_of_redis_py_survives_a_reset(notebook: Notebook) -> None:
    notebook.run("import minidis\nr = minidis.connect()\nr.set('k', 'v')")
    notebook.run("%redis reset")
    notebook.run("before = r.get('k')\nr.set('k', 'new')")
    assert notebook.names["before"] is None
    assert notebook.run("%redis GET k") == '"new"'


def test_several_nodes(notebook: Notebook) -> None:
    notebook.run("%redis SET k first")
    assert notebook.run("%redis connect embedded other") == "cells now run on the embedded node other"
    assert notebook.run("%%redis\nGET k") == "(nil)"
    assert notebook.run("%redis --on embedded GET k") == '"first"'
    notebook.run("%redis connect embedded")
    assert notebook.run("%redis GET k") == '"first"'


def test_a_named_node_from_python(notebook: Notebook) -> None:
    notebook.run("%redis connect embedded other")
    notebook.run("from minidis.notebook import node\nnode('other').execute('SET', 'k', 'there')")
    assert notebook.run("%redis GET k") == '"there"'
    assert notebook.run("%redis --on embedded GET k") == "(nil)"
    with pytest.raises(KeyError, match="%redis connect embedded nobody"):
        node("nobody")


CLIENT_REPLY = (
    "%%redis @quiet\nCLIENT REPLY SKIP\nPING one\nPING two\nCLIENT REPLY OFF\nSET k v\nCLIENT REPLY ON\nGET k"
)


def test_replies_switched_off(notebook: Notebook) -> None:
    none = "(no reply: CLIENT REPLY)"
    assert notebook.run(CLIENT_REPLY).splitlines()[1::2] == [none, none, '"two"', none, none, "OK", '"v"']


def test_fakeredis_as_target(notebook: Notebook) -> None:
    assert notebook.run("%redis connect fakeredis") == "cells now run on fakeredis"
    assert notebook.run("%%redis\nSET k 1\nINCR k\nLPUSH k x\nGET k").splitlines()[1::2] == [
        "OK",
        "(integer) 2",
        "(error) WRONGTYPE Operation against a key holding the wrong kind of value",
        '"2"',
    ]
    assert notebook.run("%redis @alice BLPOP q 0") == "(waiting) alice waits for its reply"
    assert notebook.run("%redis RPUSH q x").splitlines()[1:] == [
        "alice> BLPOP q 0   # waited until now",
        '1) "q"',
        '2) "x"',
    ]
    for refused in ("%clock step 5s", "%redis reset"):
        assert "needs control of the node, and the cells run on fakeredis" in notebook.run(refused)
    assert "no fresh node" in notebook.run("%redis lesson")


@pytest.mark.parametrize(
    "cell",
    [
        "%%redis --loud\nPING",
        "%%redis PING\nPING",
        "%redis connect nowhere",
        "%redis connect",
        "%redis connect redis://127.0.0.1:1",
        "%%redis --on nowhere\nPING",
        "%redis lesson 5",
    ],
)
def test_wrong_use_is_one_line(notebook: Notebook, cell: str) -> None:
    printed = notebook.run(cell)
    assert printed.startswith("(error) ") and "\n" not in printed
    assert notebook.run("%redis PING") == "PONG"


def test_a_password_in_a_url_is_never_printed(notebook: Notebook) -> None:
    assert "secret" not in notebook.run("%redis connect redis://ann:secret@127.0.0.1:1")


def test_an_interrupt_lets_the_command_finish_and_stops_the_cell(notebook: Notebook) -> None:
    def interrupt(*arguments: object) -> None:
        handler = signal.getsignal(signal.SIGINT)
        assert callable(handler)
        handler(signal.SIGINT, sys._getframe(1))  # as if it had come to the node's own line

    stop = minidis.default_node().node.listen_to_keys(interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    printed = notebook.shell.run_cell("%%redis\nSET k v\nSET never v")
    signal.signal(signal.SIGINT, before)
    stop()
    assert isinstance(printed.error_in_exec, Interrupted)
    assert printed.error_in_exec._render_traceback_() == ["interrupted: the lines below did not run"]
    assert notebook.run("%%redis\nGET k\nEXISTS never").splitlines()[1::2] == ['"v"', "(integer) 0"]
    assert threading.current_thread() is threading.main_thread()


def test_unloading_leaves_the_shell_as_it_was(notebook: Notebook) -> None:
    matchers = len(notebook.shell.Completer.custom_matchers)
    notebook.shell.run_line_magic("unload_ext", "minidis")
    assert len(notebook.shell.Completer.custom_matchers) == matchers - 1
    assert notebook.shell.find_line_magic("clock") is None
    notebook.shell.run_line_magic("load_ext", "minidis")
    assert notebook.run("%redis PING") == "PONG"


def test_views_look_into_this_kernel_again_after_unloading(notebook: Notebook) -> None:
    with real_server() as server:
        notebook.run(f"%redis connect unix://{server.socket_path}")
        notebook.shell.run_line_magic("unload_ext", "minidis")
    minidis.default_node().execute("SET", "here", "x")
    assert "here" in str(views.keys())


def test_work_is_saved_to_a_file_and_opened_again(notebook: Notebook, tmp_path) -> None:
    path = tmp_path / "shop.rdb"
    notebook.run("%%redis\nRPUSH cart apples pears\nSET visits 7")
    assert notebook.run(f"%redis save {path}").startswith(f"saved 2 keys to {path}: ")
    notebook.run("%redis reset")
    assert notebook.run(f"%redis open {path}") == f"opened {path}: 2 keys"
    assert notebook.run("%redis GET visits") == '"7"'
    assert "No such file or directory" in notebook.run(f"%redis save {tmp_path / 'no' / 'x.rdb'}")
    assert "it is not there" in notebook.run(f"%redis open {tmp_path / 'x.rdb'}")


def test_progress_is_shown_in_a_cell(notebook: Notebook, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIDIS_PROGRESS", str(tmp_path / "progress.json"))
    assert "exercises passed, 0 of" in notebook.run("%redis progress")
    assert "○ 3.1" in notebook.run("%redis progress 3") and "○ 4.1" not in notebook.run("%redis progress 3")
    assert "%redis progress [CHAPTER]" in notebook.run("%redis progress three")
