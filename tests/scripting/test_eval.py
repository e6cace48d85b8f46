"""EVAL: what stands in no reply: journal, monitor, cache, long scripts, and a host that fails."""

from __future__ import annotations

import sys

import pytest

from minidis.drivers.embedded import Embedded
from minidis.engine.journal import TO_AOF
from minidis.engine.node import Node
from minidis.protocol.replies import ReplyError
from minidis.scripting import interpreter


def test_effects_are_journaled_as_a_group_and_the_script_is_not(redis, journal):
    redis.execute("EVAL", "redis.call('SET', KEYS[1], 1) redis.call('INCR', KEYS[1])", 1, "k")
    redis.execute("EVAL", "redis.call('INCR', KEYS[1])", 1, "k")
    redis.execute("EVAL", "return redis.call('GET', KEYS[1])", 1, "k")
    assert journal == ["MULTI", "SET k 1", "INCR k", "EXEC", "INCR k"]


def test_what_a_script_wrote_before_it_failed_stands_and_is_journaled(redis, journal):
    with pytest.raises(ReplyError, match="boom"):
        redis.execute("EVAL", "redis.call('SET', 'k', 1) error('boom')", 0)
    assert journal == ["SET k 1"]
    assert redis.execute("GET", "k") == b"1"


def test_a_script_inside_exec_belongs_to_its_group(redis, journal):
    redis.execute("MULTI")
    redis.execute("SET", "a", 1)
    redis.execute("EVAL", "redis.call('SET', 'b', 1) redis.call('SET', 'c', 1)", 0)
    redis.execute("EXEC")
    assert journal == ["MULTI", "SET a 1", "SET b 1", "SET c 1", "EXEC"]


def test_set_repl_says_who_is_told(redis):
    entries = []
    redis.node.journal.subscribe(entries.append)
    script = """
        redis.set_repl(redis.REPL_NONE) redis.call('SET', 'a', 1)
        redis.set_repl(redis.REPL_AOF) redis.call('SET', 'b', 1)
        redis.set_repl(redis.REPL_ALL)
    """
    redis.execute("EVAL", script, 0)
    redis.execute("SET", "c", 1)
    assert [(entry.argv[1], entry.targets) for entry in entries] == [(b"b", TO_AOF), (b"c", 3)]


def test_the_database_of_the_script_is_the_callers_and_its_select_ends_with_it(redis):
    redis.execute("SELECT", 2)
    script = "redis.call('SET', 'in2', 1) redis.call('SELECT', 5) redis.call('SET', 'in5', 1)"
    redis.execute("EVAL", script, 0)
    assert redis.execute("EXISTS", "in2") == 1
    redis.execute("SELECT", 5)
    assert redis.execute("KEYS", "*") == [b"in5"]


def test_time_stands_while_a_script_runs():
    """The clock moves on by a second whenever it is read."""
    seconds = iter(range(1_000_000))
    redis = Embedded(clock=0)
    redis.node.clock = lambda: next(seconds) * 1_000_000
    script = (
        "local first = redis.call('TIME')[1] redis.call('GET', 'k') return {first, redis.call('TIME')[1]}"
    )
    [first, last] = redis.execute("EVAL", script, 0)
    assert first == last


def test_a_slow_script_sees_time_go_by():
    """So one that waits comes to an end."""
    ticks = iter(range(1_000_000))
    redis = Embedded({"busy-reply-threshold": "50"}, clock=0)
    redis.node.clock = lambda: next(ticks) * 1_000
    redis.patience_s = 20
    script = (
        "local from = redis.call('TIME') repeat local now = redis.call('TIME') "
        "until now[2] - from[2] > 100000 return 'waited'"
    )
    assert redis.execute("EVAL", script, 0) == b"waited"


def test_monitor_shows_the_script_before_its_commands(redis):
    watcher = redis.connect()
    redis.execute("MONITOR", client=watcher)
    redis.execute("EVAL", "return redis.call('get', KEYS[1])", 1, "k")
    assert list(watcher.outbox) == [
        '0.000000 [0 embedded:1] "EVAL" "return redis.call(\'get\', KEYS[1])" "1" "k"',
        '0.000000 [0 lua] "get" "k"',
    ]


def test_the_cache(redis):
    sha = redis.execute("SCRIPT", "LOAD", "return ARGV[1]")
    assert redis.execute("SCRIPT", "EXISTS", sha, sha.upper(), "0" * 40) == [1, 1, 0]
    assert redis.execute("EVALSHA", sha.upper(), 0, "x") == b"x"
    redis.execute("SCRIPT", "FLUSH")
    with pytest.raises(ReplyError, match="NOSCRIPT No matching script. Please use EVAL."):
        redis.execute("EVALSHA", sha, 0)


def test_scripts_share_nothing_that_can_be_changed(redis):
    for script in ("string.format = nil", "redis.call = nil", "table.insert(redis, 1) return #redis"):
        try:
            redis.execute("EVAL", script, 0)
        except ReplyError:
            pass
    assert redis.execute("EVAL", "return redis.call('PING')", 0) == "PONG"
    assert redis.execute("EVAL", "return string.format('%d', 7)", 0) == b"7"


@pytest.mark.parametrize("name", ["os", "io", "package", "require", "python", "debug", "getfenv", "setfenv"])
def test_there_is_no_way_out_of_the_sandbox(redis, name):
    with pytest.raises(ReplyError, match=f"nonexistent global variable '{name}'"):
        redis.execute("EVAL", f"return {name}", 0)
    with pytest.raises(ReplyError, match=f"nonexistent global variable '{name}'"):
        redis.execute("EVAL", f"return loadstring('return {name}')()", 0)
    assert redis.execute("EVAL", f"return rawget(_G, '{name}')", 0) is None


def test_a_fault_of_ours_is_not_caught_by_the_script(redis, monkeypatch):
    command = redis.node.commands.find([b"GET"])

    def broken(client, argv):
        raise ZeroDivisionError

    monkeypatch.setattr(command, "invoke", broken)
    with pytest.raises(ZeroDivisionError):
        redis.execute("EVAL", "pcall(redis.call, 'GET', 'k') return 'went on'", 0)
    assert redis.execute("EVAL", "return 'all is well'", 0) == b"all is well"


def test_a_script_may_be_long_in_words(redis):
    words = [f"w{number}" for number in range(20_000)]
    reply = redis.execute("EVAL", "return {#KEYS, #ARGV, KEYS[10000], ARGV[10000]}", 10_000, *words)
    assert reply == [10_000, 10_000, b"w9999", b"w19999"]


def test_a_memory_limit_stops_a_script_at_its_first_write_only(redis):
    redis.execute("SET", "big", "x" * 100_000)
    redis.execute("CONFIG", "SET", "maxmemory", "1000100")
    with pytest.raises(ReplyError, match="OOM command not allowed"):
        redis.execute("EVAL", "return redis.call('SET', 'k', 1)", 0)
    assert redis.execute("EVAL", "return redis.call('GET', 'k')", 0) is None
    assert redis.execute("EVAL", "redis.call('DEL', 'k') return redis.call('SET', 'k', 1)", 0) == "OK"
    with pytest.raises(ReplyError, match="OOM"):
        redis.execute("EVAL", "#!lua\nreturn 1", 0)
    assert redis.execute("EVAL", "#!lua flags=allow-oom\nreturn redis.call('SET', 'k', 1)", 0) == "OK"


def test_without_lua_everything_else_works(redis, monkeypatch):
    monkeypatch.setitem(sys.modules, "lupa", None)
    with pytest.raises(ReplyError, match="pip install 'minidis\\[scripting\\]'"):
        redis.execute("EVAL", "return 1", 0)
    with pytest.raises(ReplyError, match="pip install"):
        redis.execute("FUNCTION", "LOAD", "#!lua name=l\nreturn 1")
    assert redis.execute("SET", "k", "v") == "OK"
    assert redis.execute("SCRIPT", "EXISTS", "0" * 40) == [0]


def test_another_lua_can_be_plugged_in(redis, monkeypatch):
    made = []

    class Other(interpreter.LuaInterpreter):
        def __init__(self, *arguments):
            made.append(self)
            super().__init__(*arguments)

    monkeypatch.setattr(interpreter, "_class", interpreter.LuaInterpreter)
    interpreter.use(Other)
    assert redis.execute("EVAL", "return 1", 0) == 1
    assert len(made) == 1


def test_a_script_may_do_what_its_callers_user_may(redis):
    redis.execute("ACL", "SETUSER", "reader", "on", "nopass", "~open", "+get", "+eval", "-set")
    reader = redis.connect()
    redis.execute("AUTH", "reader", "x", client=reader)

    def run(script):
        return redis.execute("EVAL", script, 0, client=reader)

    assert run("return redis.call('GET', 'open')") is None
    with pytest.raises(ReplyError, match="NOPERM ACL failure in script: .*'set'"):
        run("return redis.call('SET', 'open', 1)")
    with pytest.raises(ReplyError, match="NOPERM ACL failure in script: .*key"):
        run("return redis.call('GET', 'closed')")
    check = "return {redis.acl_check_cmd('GET', 'open'), redis.acl_check_cmd('SET', 'open', 1)}"
    assert run(check) == [1, None]
    assert redis.execute("ACL", "LOG")[0][b"context"] == b"lua"


def test_who_waits_is_served_after_the_script_not_in_the_middle(redis):
    """A slow script lets others in; what it pushes must not be popped before it is over."""
    node = redis.node
    waiting, other = redis.connect(), redis.connect()
    node.execute(waiting, [b"BLPOP", b"queue", b"0"])
    steps = []
    node.on_script_step = lambda run: steps.append(node.execute(other, [b"PING"]))
    redis.execute(
        "EVAL", "redis.call('LPUSH', 'queue', 'a') for i = 1, 2e5 do end redis.call('LPUSH', 'queue', 'b')", 0
    )
    assert steps
    assert list(waiting.outbox) == [[b"queue", b"b"]]


def test_the_timers_wait_for_the_end_of_a_script(redis):
    """Another thread that has a turn may move the clock. A snapshot would have half of the changes."""
    node = redis.node
    redis.execute("CONFIG", "SET", "save", "1 1")
    redis.execute("SET", "short", "v", "PX", 10)
    table, seen = node.databases[0].table, []

    def others_have_a_turn(run):
        redis.step(10)
        redis.step(0.001)
        seen.append((table[b"n"].as_bytes(), b"short" in table, node.background.job))

    node.on_script_step = others_have_a_turn
    redis.execute("EVAL", "redis.call('INCR', 'n') for i = 1, 2e5 do end redis.call('INCR', 'n')", 0)
    assert set(seen) == {(b"1", True, None)}
    redis.step(10)
    assert b"short" not in table
    redis.kill()
    assert redis.execute("GET", "n") == b"2"  # by the save point


def test_a_script_that_is_over_cannot_be_ended_while_its_reply_is_read(redis):
    redis.execute("RPUSH", "list", *range(50_000))
    steps = []

    def end(run):
        steps.append(run)
        run.killed = b"ERR ended"

    redis.node.on_script_step = end
    assert len(redis.execute("EVAL", "return redis.call('LRANGE', 'list', 0, -1)", 0)) == 50_000
    with pytest.raises(ReplyError, match="ended"):  # the next one is watched again
        redis.execute("EVAL", "while true do end", 0)
    assert steps


def test_a_script_that_has_begun_to_write_may_go_on() -> None:
    """What forbids writes in the middle of it, as replicas that leave do, forbids them to the next script."""
    node = Node(clock=lambda: 0)
    client, other = node.connect(), node.connect()
    node.on_script_step = lambda run: node.execute(other, [b"CONFIG", b"SET", b"min-replicas-to-write", b"1"])
    script = b"redis.call('SET', 'a', 1) for i = 1, 1e6 do end return redis.call('SET', 'b', 2)"
    assert node.execute(client, [b"EVAL", script, b"0"]) == "OK"
    with pytest.raises(ReplyError, match="NOREPLICAS"):
        node.execute(client, [b"EVAL", script, b"0"])
