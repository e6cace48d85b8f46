"""The node: dispatch, errors, journal, transactions, memory limit, clients."""

from __future__ import annotations

import pytest

from minidis import Embedded, ReplyError
from minidis.engine.node import LONG_TURN_US, Node
from minidis.protocol.replies import NULL_ARRAY


@pytest.fixture
def redis():
    with Embedded(clock="2026-01-01T00:00:00Z", seed=1) as node:
        yield node


def run(redis, *lines, client=None):
    return [redis.execute(*line.split(), client=client) for line in lines]


def entries_of(redis):
    entries = []
    redis.node.journal.subscribe(
        lambda entry: entries.append((entry.database, b" ".join(entry.argv).decode()))
    )
    return entries


def test_a_name_in_any_case(redis):
    assert run(redis, "set k v", "GET k", "gEt k") == ["OK", b"v", b"v"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("NOPE a b", "unknown command 'NOPE', with args beginning with: 'a' 'b' "),
        ("GET", "wrong number of arguments for 'get' command"),
        ("CONFIG", "wrong number of arguments for 'config' command"),
        ("CONFIG NOPE", "unknown subcommand 'NOPE'. Try CONFIG HELP."),
        ("CONFIG GET", "wrong number of arguments for 'config|get' command"),
    ],
)
def test_errors_of_dispatch(redis, line, message):
    with pytest.raises(ReplyError) as caught:
        redis.execute(*line.split())
    assert message in str(caught.value)


def test_the_journal_holds_effects_in_order_and_only_changes(redis):
    entries = entries_of(redis)
    run(redis, "SET k v EX 10", "GET k", "SET k w NX", "SELECT 1", "SADD s only", "SPOP s", "DEL missing")
    assert entries == [
        (0, "SET k v PXAT 1767225610000"),
        (1, "SADD s only"),
        (1, "SREM s only"),
    ]


def test_an_expired_key_is_journaled_as_del_before_the_command_that_met_it(redis):
    entries = entries_of(redis)
    run(redis, "SET k v PX 5")
    redis.node.active_expiry = False
    redis.step(1)
    run(redis, "APPEND k w")
    assert [text for _, text in entries] == ["SET k v PXAT 1767225600005", "DEL k", "APPEND k w"]


def test_exec_journals_the_queued_commands_and_not_itself(redis):
    entries = entries_of(redis)
    assert run(redis, "MULTI", "SET a 1", "GET a", "INCR a", "EXEC")[-1] == ["OK", b"1", 2]
    assert entries == [(-1, "MULTI"), (0, "SET a 1"), (0, "INCR a"), (-1, "EXEC")]


def test_a_group_of_one_entry_stands_by_itself(redis):
    entries = entries_of(redis)
    run(redis, "MULTI", "SET a 1", "GET a", "EXEC", "MULTI", "GET a", "EXEC")
    assert entries == [(0, "SET a 1")]


def test_groups_inside_a_group_are_one(redis):
    journal, entries = redis.node.journal, entries_of(redis)
    journal.begin_group()
    run(redis, "SADD s only", "MULTI", "SET a 1", "SET b 1", "EXEC")
    assert entries == []
    journal.end_group()
    assert [text for _, text in entries] == ["MULTI", "SADD s only", "SET a 1", "SET b 1", "EXEC"]
    assert journal.offset == 5


def test_a_command_that_fails_inside_exec_does_not_undo_the_others(redis):
    replies = run(redis, "MULTI", "SET a x", "INCR a", "SET b 1", "EXEC")[-1]
    assert replies[0] == replies[2] == "OK"
    assert isinstance(replies[1], ReplyError)
    assert run(redis, "GET a", "GET b") == [b"x", b"1"]


def test_a_command_that_cannot_be_queued_spoils_the_transaction(redis):
    run(redis, "MULTI", "SET a 1")
    with pytest.raises(ReplyError, match="wrong number"):
        run(redis, "SET a")
    with pytest.raises(ReplyError, match="EXECABORT"):
        run(redis, "EXEC")
    assert run(redis, "EXISTS a") == [0]


@pytest.mark.parametrize(
    "change", ["SET k same", "DEL k", "EXPIRE k 100", "FLUSHALL", "RENAME k other", "PERSIST k"]
)
def test_watch_sees_every_change_even_to_the_same_value(redis, change):
    other = redis.connect("other")
    run(redis, "SET k same EX 50", "WATCH k")
    run(redis, change, client=other)
    assert run(redis, "MULTI", "SET k mine", "EXEC")[-1] is NULL_ARRAY


def test_watch_sees_a_key_run_out_of_time(redis):
    run(redis, "SET k v EX 1", "WATCH k")
    redis.node.active_expiry = False
    redis.step(2)
    assert run(redis, "MULTI", "PING", "EXEC")[-1] is NULL_ARRAY


@pytest.mark.parametrize("freeing", ["GET k", "FLUSHALL"])
def test_watch_of_a_dead_key_does_not_mind_that_it_is_freed(redis, freeing):
    redis.node.active_expiry = False
    run(redis, "SET k v EX 1")
    redis.step(2)
    run(redis, "WATCH k")
    run(redis, freeing, client=redis.connect("other"))
    assert run(redis, "MULTI", "PING", "EXEC")[-1] == ["PONG"]


@pytest.mark.parametrize("quiet", ["GET k", "SET other 1", "INCR j", "TTL k"])
def test_watch_ignores_what_does_not_change_the_key(redis, quiet):
    other = redis.connect("other")
    run(redis, "SET k v", "WATCH k")
    run(redis, quiet, client=other)
    assert run(redis, "MULTI", "PING", "EXEC")[-1] == ["PONG"]


def test_a_disconnected_client_leaves_no_trace(redis):
    client = redis.connect("gone")
    run(redis, "WATCH k", "MULTI", client=client)
    redis.disconnect(client)
    assert not redis.node.watchers.clients
    assert client.id not in redis.node.clients
    assert not redis.node.observed


def test_a_full_server_refuses_writes_but_reads_and_deletes(redis):
    run(redis, "SET k v", "CONFIG SET maxmemory 1", "GET k")
    with pytest.raises(ReplyError, match="OOM command not allowed when used memory > 'maxmemory'"):
        run(redis, "SET other v")
    assert run(redis, "GET k", "DEL k", "CONFIG SET maxmemory 0", "SET k v") == [b"v", 1, "OK", "OK"]


def test_the_ledger_of_memory_agrees_with_a_count_from_scratch(redis):
    run(redis, "SET before 1", "CONFIG SET maxmemory 10mb")
    for number in range(50):
        run(
            redis,
            f"SET k{number % 7} x{'x' * number} EX {number + 1}",
            f"RPUSH l {number}",
            f"SADD s {number}",
        )
    run(redis, "DEL k3", "PERSIST k4", "LPOP l")
    redis.step(20)
    counted = redis.node.memory.used_bytes()
    run(redis, "CONFIG SET maxmemory 0")
    assert redis.node.memory.used_bytes() == counted


@pytest.mark.parametrize("emptying", ["FLUSHALL", "FLUSHDB", "DEL k"])
def test_an_emptied_server_has_room_again(redis, emptying):
    run(redis, "CONFIG SET maxmemory 1010000", f"SET k {'x' * 20_000}")
    with pytest.raises(ReplyError, match="OOM"):
        run(redis, "SET j v")
    assert run(redis, emptying, "SET j v")[-1] == "OK"


def test_a_password_gates_everything_else(redis):
    run(redis, "CONFIG SET requirepass secret")
    client = redis.connect("new")
    with pytest.raises(ReplyError, match="NOAUTH"):
        run(redis, "GET k", client=client)
    assert run(redis, "AUTH secret", "GET k", client=client) == ["OK", None]


def test_a_handlers_own_bug_does_not_lose_the_journal(redis):
    entries = entries_of(redis)

    def breaks(client, key):
        client.db.put(key, client.db.find(b"k").copy())
        client.db.touch(key, "set")
        raise ZeroDivisionError

    from minidis.course.parts import plug, unplug

    run(redis, "SET k v")
    plug("INCR", breaks, redis)
    with pytest.raises(ZeroDivisionError):
        run(redis, "INCR other")
    unplug(redis)
    assert entries[-1] == (0, "INCR other")
    assert run(redis, "INCR n") == [1]


@pytest.mark.parametrize(("hz", "turns"), [(10, 4), (20, 2), (50, 0), (500, 0)])
@pytest.mark.parametrize("is_long", [False, True])
def test_the_cron_leaves_a_long_turn_to_others_but_is_late_by_no_more_than_a_tenth(
    monkeypatch: pytest.MonkeyPatch, hz: int, turns: int, is_long: bool
) -> None:
    now_us, crons, waits, waited = 0, [], [], 0
    node = Node({"hz": hz}, clock=lambda: now_us)
    cron = Node._cron
    monkeypatch.setattr(Node, "_cron", lambda node: (crons.append(now_us), cron(node)))

    class Busy:
        def tick(self) -> None:
            nonlocal now_us
            now_us += LONG_TURN_US + is_long

        def next_deadline_us(self) -> None:
            return None

    node.services.append(Busy())
    for _ in range(100):
        now_us = max(now_us, node.next_cron_us)
        before = len(crons)
        node.tick()
        if len(crons) == before:
            waited += 1
        else:
            waits.append(waited)
            waited = 0
    assert set(waits) == {turns if is_long else 0}


@pytest.mark.parametrize(("late_us", "comes"), [(9_999, False), (10_000, True)])
def test_the_cron_comes_when_it_is_late_by_just_a_tenth(late_us: int, comes: bool) -> None:
    now_us = 0
    node = Node(clock=lambda: now_us)
    now_us = due_us = node.next_cron_us

    class Busy:
        def tick(self) -> None:
            nonlocal now_us
            now_us = due_us + late_us

        def next_deadline_us(self) -> None:
            return None

    node.services.append(Busy())
    node.tick()
    assert (node.next_cron_us > due_us) is comes
