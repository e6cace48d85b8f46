"""What chapter 15 measures with: a slow database, a record of reads, trials of limiters, a new command."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minidis import Embedded, Lab, ReplyError
from minidis.course.fixtures.throttling import new_command
from minidis.course.models.cached import CacheRecord, SlowDatabase
from minidis.course.models.limiting import Trial, attack, play, rule
from minidis.course.parts import plug, plugged, unplug


def test_a_question_sees_the_row_of_the_moment_in_which_its_turn_began() -> None:
    lab = Lab(seed=1)
    lab.node("redis")
    database = SlowDatabase(lab, {1: {"n": 1}}, takes_s=0.3, at_once=1)
    first = lab.machine("ann").spawn(lambda: database.get_user(1))
    waiting = lab.machine("bob").spawn(lambda: database.get_user(1), after=0.01)
    lab.machine("cid").spawn(lambda: database.save_user(1, {"n": 2}), after=0.05)
    lab.run("1s")
    assert (first.result, waiting.result) == ({"n": 1}, {"n": 2})
    assert [query.took_us for query in database.queries] == [300_000, 590_000]


def test_a_read_is_stale_by_what_had_changed_before_it_began() -> None:
    lab = Lab(seed=1)
    lab.node("redis")
    redis = lab.own_client("redis")
    database = SlowDatabase(lab, {1: {"n": 1}}, writes_s=0)
    record = CacheRecord(lab, database)

    @record.reads
    def read(user_id: int) -> Any:
        cached = redis.get(f"user:{user_id}")
        return json.loads(cached) if cached else database.get_user(user_id)

    lab.machine("web").spawn(lambda: redis.set("user:1", json.dumps({"n": 1}), px=3000))
    lab.machine("bob").spawn(lambda: database.save_user(1, {"n": 2}), after=1)
    for at_s in (0.5, 1.5, 2.5, 4):
        lab.machine("web").spawn(lambda: read(1), after=at_s)
    lab.run("6s")
    assert [round(record.stale_s(one), 1) for one in record.all_reads] == [0, 0.5, 1.5, 0]
    assert [one.asked_database for one in record.all_reads] == [False, False, False, True]
    (entry,) = record.entries[1]
    assert entry.until_us is not None and entry.until_us - entry.since_us == pytest.approx(
        3_000_000, abs=1000
    )
    assert record.summary()["hits, %"] == 75


def test_the_rule_breaks_itself_nowhere_and_a_trial_says_where_others_do() -> None:
    calls = attack(limit=5, window_s=20)
    due = Trial(calls, rule(calls, 5, 20), 5, 20)
    assert due.most_in_a_window() == 5 and not any(due.too_many()) and not any(due.too_few())
    all_of_them = play(lambda redis: True, calls, 5, 20)
    assert sum(all_of_them.too_many()) > 50 and all_of_them.starved_s() == 0
    none = play(lambda redis: False, calls, 5, 20)
    assert none.starved_s() == calls[-1] - calls[0] and not any(none.too_many())


def test_a_clock_step_reaches_the_limiter_and_its_memory_is_measured() -> None:
    seen = []

    def look(redis: Any) -> bool:
        seen.append(redis.time()[0])
        return bool(redis.incr("k"))

    trial = play(look, [0, 10, 20], clock_steps=[(15, -3600)])
    assert [moment - seen[0] for moment in seen] == [0, 10, 20 - 3600]
    assert trial.largest_bytes > 0


def test_a_new_command_can_be_plugged_in_and_is_gone_again() -> None:
    def double(client: Any, number: int) -> int:
        """Twice a number. O(1)."""
        return 2 * number

    node = Embedded(clock=0)
    entry = new_command("EXAMPLE.DOUBLE number:int", "readonly fast", double)
    with plugged("EXAMPLE.DOUBLE", entry, node):
        assert node.execute("example.double", 21) == 42
    with pytest.raises(ReplyError, match="unknown command"):
        node.execute("EXAMPLE.DOUBLE", 21)
    plug("GET", new_command("GET key", "readonly", lambda client, key: b"mine"), node)
    assert node.execute("GET", "k") == b"mine"
    unplug(node)
    assert node.execute("GET", "k") is None
    for syntax, flags, about in (
        ("", "fast", "one line"),
        ("A\nB", "fast", "one line"),
        ("A", "quick", "no flag"),
    ):
        with pytest.raises(ValueError, match=about):
            new_command(syntax, flags, double)
