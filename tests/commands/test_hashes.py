"""Hash commands: what the journal and listeners see, counters at their edges, random fields."""

from __future__ import annotations

import pytest

from minidis.protocol.replies import Pairs, ReplyError


def test_hset_answers_new_fields_and_journals_each_call(redis, journal):
    assert redis.execute("HSET", "h", "a", 1, "b", 2, "a", 3) == 2
    assert redis.execute("HSET", "h", "a", 3) == 0
    assert redis.execute("HSETNX", "h", "a", 9) == 0
    assert redis.execute("HDEL", "h", "nothing") == 0
    assert journal == ["HSET h a 1 b 2 a 3", "HSET h a 3"]
    assert redis.node.changes == 4, "fields named, not fields changed"


def test_a_float_counter_is_journaled_by_its_result(redis, journal):
    redis.execute("HSET", "h", "price", "10.50")
    assert redis.execute("HINCRBYFLOAT", "h", "price", "0.1") == b"10.6"
    assert redis.execute("HINCRBY", "h", "visits", 3) == 3
    assert journal[1:] == ["HSET h price 10.6", "HINCRBY h visits 3"]


def test_events(redis):
    events = []
    redis.node.listen_to_keys(lambda database, key, event: events.append(event))
    redis.execute("HSET", "h", "a", 1)
    redis.execute("HSETNX", "h", "b", 1)
    redis.execute("HINCRBY", "h", "a", 1)
    redis.execute("HINCRBYFLOAT", "h", "a", 1)
    redis.execute("HDEL", "h", "a")
    redis.execute("HDEL", "h", "b")
    assert events == ["hset", "hset", "hincrby", "hincrbyfloat", "hdel", "hdel", "del"]


@pytest.mark.parametrize(
    "command, error",
    [
        ("HINCRBY h text 1", "ERR hash value is not an integer"),
        ("HINCRBY h empty 1", "ERR hash value is not an integer"),
        ("HINCRBY h large 1", "ERR increment or decrement would overflow"),
        ("HINCRBY h n 1.5", "ERR value is not an integer or out of range"),
        ("HINCRBYFLOAT h text 1", "ERR hash value is not a float"),
        ("HINCRBYFLOAT h n abc", "ERR value is not a valid float"),
        ("HINCRBYFLOAT h n inf", "ERR value is NaN or Infinity"),
        ("HSET h a", "ERR wrong number of arguments for 'hset' command"),
        ("HSET h a 1 b", "ERR wrong number of arguments for 'hset' command"),
        ("HMSET h a 1 b", "ERR wrong number of arguments for 'hmset' command"),
        ("HRANDFIELD h 1 WITHSCORES", "ERR syntax error"),
        ("HRANDFIELD h 1 WITHVALUES x", "ERR syntax error"),
        ("HRANDFIELD h 9223372036854775807 WITHVALUES", "ERR value is out of range"),
        ("HRANDFIELD h -4611686018427387000", "ERR value is out of range"),
        ("HEXPIRE h 9", "ERR unknown command 'HEXPIRE', with args beginning with: 'h' '9' "),
    ],
)  # fmt: skip
def test_errors_change_nothing(redis, command, error):
    redis.execute("HSET", "h", "text", "abc", "empty", "", "large", 2**63 - 1, "n", 5)
    before, changes = redis.execute("HGETALL", "h"), redis.node.changes
    with pytest.raises(ReplyError) as raised:
        redis.execute(*command.split())
    assert str(raised.value) == error
    assert redis.execute("HGETALL", "h") == before and redis.node.changes == changes


def test_a_failed_counter_leaves_no_empty_key(redis):
    for command in ("HINCRBY h f x", "HINCRBYFLOAT h f nan", "HINCRBYFLOAT h f inf"):
        with pytest.raises(ReplyError):
            redis.execute(*command.split())
        assert redis.execute("EXISTS", "h") == 0


def test_the_last_field_takes_the_key_along(redis):
    redis.execute("HSET", "h", "a", 1, "b", 2)
    redis.execute("EXPIRE", "h", 100)
    assert redis.execute("HDEL", "h", "a", "b", "c") == 2
    redis.execute("HSET", "h", "a", 1)
    assert redis.execute("TTL", "h") == -1


@pytest.mark.parametrize("size", [10, 700])
def test_random_fields(redis, size):
    fields = {b"f%d" % n: b"%d" % n for n in range(size)}
    redis.execute("HSET", "h", *(word for pair in fields.items() for word in pair))
    assert redis.execute("HRANDFIELD", "h") in fields
    pairs = redis.execute("HRANDFIELD", "h", 5, "WITHVALUES")
    assert isinstance(pairs, Pairs) and len(dict(pairs)) == 5 and dict(pairs).items() <= fields.items()
    assert dict(redis.execute("HRANDFIELD", "h", size + 1, "WITHVALUES")) == fields
    repeated = redis.execute("HRANDFIELD", "h", -3 * size)
    assert len(repeated) == 3 * size and set(repeated) <= set(fields)
    assert redis.execute("HRANDFIELD", "h", 0) == redis.execute("HRANDFIELD", "none", 5) == []
