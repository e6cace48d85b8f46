"""Functions: what stands in no reply: journal, sources on the node, libraries that others put there."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.persistence.rdb_reader import SnapshotReader
from minidis.protocol.replies import ReplyError

CODE = "#!lua name=mylib\nredis.register_function('first', function(keys, args) return args[1] end)"


def test_changes_of_libraries_are_journaled_and_calls_are_not(redis, journal):
    redis.execute("FUNCTION", "LOAD", CODE)
    redis.execute("FCALL", "first", 0, "x")
    redis.execute("FUNCTION", "DELETE", "mylib")
    redis.execute("FUNCTION", "FLUSH")
    assert journal == [f"FUNCTION LOAD {CODE}", "FUNCTION DELETE mylib", "FUNCTION FLUSH"]


def test_what_a_function_did_is_journaled(redis, journal):
    code = "#!lua name=l\nredis.register_function('f', function(k) redis.call('SET', k[1], 1) end)"
    redis.execute("FUNCTION", "LOAD", code)
    journal.clear()
    redis.execute("FCALL", "f", 1, "k")
    assert journal == ["SET k 1"]


def test_a_library_that_somebody_else_keeps_is_compiled_when_it_is_wanted(redis):
    redis.node.libraries.keep(CODE.encode())
    assert redis.execute("FCALL", "first", 0, "x") == b"x"
    redis.node.libraries.keep(CODE.replace("args[1]", "'another'").encode())
    assert redis.execute("FCALL", "first", 0, "x") == b"another"
    redis.node.libraries.clear()
    with pytest.raises(ReplyError, match="Function not found"):
        redis.execute("FCALL", "first", 0, "x")


def test_a_kept_library_that_does_not_compile_is_noted_in_the_log(redis):
    lines = []
    redis.node.log = lambda level, text: lines.append((level, text))
    redis.node.libraries.keep(b"#!lua name=broken\nx = = 1")
    redis.node.libraries.keep(CODE.encode())
    assert redis.execute("FCALL", "first", 0, "x") == b"x"
    [(level, text)] = lines
    assert level == "warning" and text.startswith("The library broken cannot be used")


def test_a_failed_load_changes_nothing(redis):
    redis.execute("FUNCTION", "LOAD", CODE)
    for code in (CODE.replace("mylib", "other"), "#!lua name=mylib\nerror('x')", "#!lua name=mylib\n"):
        with pytest.raises(ReplyError):
            redis.execute("FUNCTION", "LOAD", "REPLACE", code)
    assert redis.execute("FCALL", "first", 0, "x") == b"x"
    assert redis.node.libraries.sources == {b"mylib": CODE.encode()}


def test_dump_is_what_a_snapshot_holds(redis):
    redis.execute("FUNCTION", "LOAD", CODE)
    payload = redis.execute("FUNCTION", "DUMP")
    other = Embedded(clock=0)
    assert other.execute("FUNCTION", "RESTORE", payload) == "OK"
    assert other.execute("FUNCTION", "DUMP") == payload
    snapshot = b"REDIS0010" + payload[:-10] + b"\xff" + bytes(8)
    [code] = [event.code for event in SnapshotReader().feed(snapshot) if hasattr(event, "code")]
    assert code == CODE.encode()


def test_scripts_and_functions_do_not_meet(redis):
    code = "#!lua name=l\nlocal n = 0 redis.register_function('n', function() n = n + 1 return n end)"
    redis.execute("FUNCTION", "LOAD", code)
    assert [redis.execute("FCALL", "n", 0) for _ in range(2)] == [1, 2]
    redis.execute("SCRIPT", "FLUSH")
    assert redis.execute("FCALL", "n", 0) == 3


def test_a_library_that_is_there_keeps_a_reload_without_flush_from_loading():
    redis = Embedded(clock=0)
    redis.execute(
        "FUNCTION", "LOAD", "#!lua name=mine\nredis.register_function('f', function() return 1 end)"
    )
    with pytest.raises(ReplyError, match="Error trying to load the RDB dump"):
        redis.execute("DEBUG", "RELOAD", "NOFLUSH")
    assert redis.execute("DEBUG", "RELOAD", "NOFLUSH", "MERGE") == "OK"
    assert redis.execute("FCALL", "f", 0) == 1


def test_a_function_that_writes_nothing_runs_without_memory():
    """As in 7.2: no-writes implies allow-oom (unit/functions.tcl, deny oom on no-writes function)."""
    redis = Embedded(clock=0)
    for name, flags in (("reads", "'no-writes'"), ("writes", "")):
        function = f"function_name='{name}', callback=function() return 1 end, flags={{{flags}}}"
        redis.execute("FUNCTION", "LOAD", f"#!lua name={name}\nredis.register_function{{{function}}}")
    redis.execute("CONFIG", "SET", "maxmemory", 1)
    assert redis.execute("FCALL", "reads", 0) == redis.execute("FCALL_RO", "reads", 0) == 1
    with pytest.raises(ReplyError, match="OOM"):
        redis.execute("FCALL", "writes", 0)
