"""The explorer of schedules: what it finds is what running every order one by one finds."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import redis as redis_py

from minidis import Embedded
from minidis.client import connect
from minidis.course.models.interleaving import UNFINISHED, UNSAFE, Passing, World, explore
from minidis.protocol.replies import NULL_ARRAY, ReplyError

SETUP = ["SET balance 100"]


def withdraw(redis: Any) -> None:
    redis.set("balance", int(redis.get("balance")) - 30)


def withdraw_watched(redis: Any) -> bool:
    with redis.pipeline() as pipe:
        pipe.watch("balance")
        left = int(pipe.get("balance")) - 30
        pipe.multi()
        pipe.set("balance", left)
        try:
            pipe.execute()
        except redis_py.WatchError:
            return False
        return True


def withdraw_in_lua(redis: Any) -> int:
    return redis.register_script("return redis.call('DECRBY', KEYS[1], 30)")(keys=["balance"])


def balance(redis: Any, results: Mapping[str, Any]) -> Any:
    return int(redis.get("balance")), tuple(results.values())


def one_by_one(programs: Mapping[str, Any]) -> Counter[Any]:
    """Each schedule from its start, nothing remembered: the slow way."""
    outcomes: Counter[Any] = Counter()
    world = World(programs, SETUP, connect)

    def run(order: tuple[str, ...]) -> None:
        world.replay(order)
        names = world.unfinished()
        if not names:
            outcomes[balance(connect(world.embedded), world.results())] += 1
        for name in names:
            run((*order, name))

    run(())
    return outcomes


@pytest.mark.parametrize(
    "programs",
    [
        {"ann": withdraw, "bob": withdraw},
        {"ann": withdraw, "bob": withdraw_watched},
        {"ann": withdraw_in_lua, "bob": withdraw},
    ],
    ids=["twice GET and SET", "WATCH against SET", "Lua against SET"],
)
def test_as_many_schedules_and_outcomes_as_one_by_one(programs: dict[str, Any]) -> None:
    found = explore(programs, SETUP, balance)
    assert found.outcomes == one_by_one(programs)
    assert found.schedules == sum(found.outcomes.values())


def test_every_schedule_has_its_number_and_its_outcome() -> None:
    found = explore({"ann": withdraw, "bob": withdraw_watched}, SETUP, balance)
    orders = [found.schedule(number) for number in range(found.schedules)]
    assert len(set(orders)) == found.schedules
    assert Counter(map(found.outcome_of, orders)) == found.outcomes
    for outcome, count in found.outcomes.items():
        own = [found.schedule(number, outcome) for number in range(count)]
        assert {found.outcome_of(order) for order in own} == {outcome}
        with pytest.raises(IndexError):
            found.schedule(count, outcome)
    for order in orders:
        last = found.steps(order)[-1]
        assert int(last.keys[b"balance"]) == found.outcome_of(order)[0]


def test_four_of_six_lose_money_and_none_with_lua() -> None:
    found = explore({"ann": withdraw, "bob": withdraw}, SETUP, lambda redis, _: int(redis.get("balance")))
    assert found.outcomes == {40: 2, 70: 4}
    scripts = explore(dict.fromkeys(("ann", "bob"), withdraw_in_lua), SETUP, balance)
    assert {left for left, _ in scripts.outcomes} == {40}


def test_three_clients_that_try_again_until_it_works() -> None:
    def again(redis: Any) -> None:
        while not withdraw_watched(redis):
            pass

    found = explore(dict.fromkeys("abc", again), SETUP, lambda redis, _: int(redis.get("balance")))
    assert list(found.outcomes) == [10]
    assert found.schedules == 438_199_506 and found.states < 5000
    assert found.outcome_of(found.schedule(400_000_000)) == 10


def test_a_step_shows_queue_and_flags() -> None:
    found = explore({"ann": withdraw_watched, "bob": withdraw}, SETUP, balance)
    steps = found.steps(("ann", "ann", "ann", "bob", "bob", "ann", "ann"))
    assert [step.argv[0] for step in steps] == [b"WATCH", b"GET", b"MULTI", b"GET", b"SET", b"SET", b"EXEC"]
    assert [step.queued["ann"] for step in steps] == [0, 0, 0, 0, 0, 1, 0]
    assert [step.dirty for step in steps] == [frozenset()] * 4 + [{"ann"}] * 2 + [frozenset()]
    assert steps[0].watching["ann"] == (b"balance",) and steps[-1].reply is NULL_ARRAY


def test_each_connection_of_a_program_is_its_own() -> None:
    """The trap of the pool: WATCH on one connection, EXEC on another."""

    def on_two_connections(redis: Any) -> None:
        one, other = redis.client(), redis.client()
        one.execute_command("WATCH", "balance")
        left = int(one.get("balance")) - 30
        with other.pipeline() as pipe:
            pipe.set("balance", left)
            pipe.execute()

    found = explore(dict.fromkeys(("ann", "bob"), on_two_connections), SETUP, balance)
    assert {left for left, _ in found.outcomes} == {40, 70}


def test_what_a_program_does_to_a_reply_does_not_change_the_reply() -> None:
    """It is rehearsed from its start for each of its commands, each time with the replies that it got."""

    def emptying(redis: Any) -> tuple[Any, ...]:
        found, raw = redis.hgetall("user"), redis.execute_command("HGETALL", "user")
        with redis.pipeline() as pipe:
            nested, tags = pipe.hgetall("user").smembers("tags").execute()
        took = found.pop(b"name"), raw.pop(b"name"), nested.pop(b"name"), tags.pop()
        redis.set("first", "1")
        redis.set("second", "2")
        return took

    found = explore(
        {"ann": emptying}, ["HSET user name Ada", "SADD tags x"], lambda redis, results: results["ann"]
    )
    assert found.outcomes == {(b"Ada", b"Ada", b"Ada", b"x"): 1}


def test_an_error_reply_is_a_reply_and_an_exception_a_result() -> None:
    def wrong(redis: Any) -> None:
        redis.lpush("balance", 1)

    found = explore({"ann": wrong}, SETUP, lambda redis, results: type(results["ann"]).__name__)
    assert found.outcomes == {"ResponseError": 1}
    (step,) = found.steps(("ann",))
    assert isinstance(step.reply, ReplyError)


def test_a_spinning_lock_is_cut_off() -> None:
    def spin(redis: Any) -> None:
        while not redis.set("lock", "x", nx=True):
            pass
        redis.delete("lock")

    found = explore({"ann": spin, "bob": spin}, [], lambda redis, _: redis.exists("lock"))
    assert set(found.outcomes) == {0, UNFINISHED}


def test_what_cannot_be_explored_is_refused() -> None:
    with pytest.raises(ValueError, match="ann waits in BLPOP"):
        explore({"ann": lambda redis: redis.blpop("jobs")}, [], balance)
    with pytest.raises(ValueError, match="no command"):
        explore({}, ["SET 'balance"], balance)
    calls: list[int] = []

    def fickle(redis: Any) -> None:
        calls.append(1)
        if len(calls) < 3:
            redis.incr("a")
            redis.incr("b")

    with pytest.raises(ValueError, match="something else"):
        explore({"ann": fickle}, SETUP, balance)


def test_a_program_that_cleans_up_is_cut_all_the_same() -> None:
    def careful(redis: Any) -> None:
        try:
            withdraw(redis)
        finally:
            redis.incr("tries")

    found = explore({"ann": careful}, SETUP, lambda redis, _: redis.get("tries"))
    assert found.outcomes == {b"1": 1}
    assert [step.argv[0] for step in found.steps(found.schedule(0))] == [b"GET", b"SET", b"INCRBY"]


def test_a_node_of_the_notebook_is_left_alone() -> None:
    bystander = Embedded(clock=0)
    explore({"ann": withdraw}, SETUP, balance)
    assert bystander.execute("DBSIZE") == 0


def lock_for_ten_seconds(redis: Any) -> object:
    lock_id = str(uuid.uuid4())
    if not redis.set("lock", lock_id, nx=True, ex=10):
        return None
    redis.sadd("inside", lock_id)
    redis.srem("inside", lock_id)
    if redis.get("lock") == lock_id.encode():
        redis.delete("lock")
    return lock_id


def alone(redis: Any) -> bool:
    return redis.scard("inside") < 2


def test_time_is_a_client_and_breaks_a_lock_that_nothing_else_breaks() -> None:
    workers = {"ann": lock_for_ten_seconds, "bob": lock_for_ten_seconds}
    held = explore(workers, [], lambda redis, results: len(set(results.values())), safe=alone)
    assert set(held.outcomes) == {2}  # ids differ, or one got none; nobody is there twice
    short = explore({**workers, "time": Passing(9)}, [], lambda redis, _: "ok", safe=alone)
    assert UNSAFE not in short.outcomes
    broken = explore({**workers, "time": Passing(11)}, [], lambda redis, _: "ok", safe=alone)
    order = broken.shortest(UNSAFE)
    assert order == ("ann", "ann", "time", "bob", "bob")
    assert broken.schedule(broken.number_of(order, UNSAFE), UNSAFE) == order
    assert broken.outcome_of(order) == UNSAFE
    assert [step.reply for step in broken.steps(order)][1:] == [1, None, "OK", 1]
    with pytest.raises(LookupError, match="no schedule"):
        held.shortest(UNSAFE)


def test_the_shortest_schedule_is_as_short_as_any() -> None:
    found = explore({"ann": withdraw, "bob": withdraw}, SETUP, lambda redis, _: int(redis.get("balance")))
    assert len(found.shortest(70)) == 4 and found.outcome_of(found.shortest(70)) == 70
    for outcome, count in found.outcomes.items():
        for number in range(count):
            assert found.number_of(found.schedule(number, outcome), outcome) == number


def test_between_the_commands_of_a_pipeline_another_client_may_come() -> None:
    def counting(redis: Any) -> None:
        with redis.pipeline(transaction=False) as pipe:
            pipe.incr("n").expire("n", 60).execute()

    found = explore(
        {"ann": counting}, [], lambda redis, results: "expires", safe=lambda redis: redis.ttl("n") != -1
    )
    assert UNSAFE in found.outcomes
