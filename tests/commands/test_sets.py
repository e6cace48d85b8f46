"""Set commands: what the journal and listeners see, lots that are drawn, which set is asked."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError


def test_only_changes_are_journaled(redis, journal):
    redis.execute("SADD", "s", "a", "b")
    redis.execute("SADD", "s", "a")
    redis.execute("SREM", "s", "nobody")
    redis.execute("SMOVE", "s", "t", "nobody")
    redis.execute("SINTERSTORE", "missing", "nothing")
    assert journal == ["SADD s a b"]
    assert redis.node.changes == 2


def test_spop_is_journaled_as_what_it_took(redis, journal):
    redis.execute("SADD", "s", *"abcdefgh")
    member = redis.execute("SPOP", "s").decode()
    members = [popped.decode() for popped in redis.execute("SPOP", "s", 2)]
    assert journal[1:] == [f"SREM s {member}", "SREM s " + " ".join(members)]
    redis.execute("SPOP", "s", 0)
    redis.execute("SPOP", "s", 99)
    redis.execute("SPOP", "s", 99)
    assert journal[3:] == ["DEL s"]


@pytest.mark.parametrize("count", [1, 3, 1500, 2900, 2999, 3000])
@pytest.mark.parametrize("name", ["{}", "m{}"])
def test_a_replay_of_the_journal_gives_the_same_sets(count, name):
    redis, replica = Embedded(clock=0, seed=count), Embedded(clock=0, seed=99)
    entries = []
    redis.node.journal.subscribe(entries.append)
    for number in range(0, 3000, 500):
        redis.execute("SADD", "s", *(name.format(n) for n in range(number, number + 500)))
    popped = redis.execute("SPOP", "s", count)
    redis.execute("SADD", "t", "end")
    for entry in entries:
        replica.call(replica.client, entry.argv)
    left = set(redis.execute("SMEMBERS", "s"))
    assert set(replica.execute("SMEMBERS", "s")) == left
    assert len(left) == 3000 - count == 3000 - len(popped) and not left & set(popped)
    assert max(len(entry.argv) for entry in entries[6:]) <= 2 + 1024, "a long list goes in batches"
    redis.node.check()


def test_the_same_seed_draws_the_same_lots():
    def draws(seed):
        redis = Embedded(clock=0, seed=seed)
        redis.execute("SADD", "s", *range(600))
        return [redis.execute("SRANDMEMBER", "s", 5), list(redis.execute("SPOP", "s", 5))]

    assert draws(1) == draws(1) != draws(2)


def test_repetitions(redis):
    redis.execute("SADD", "s", "a", "b")
    assert set(redis.execute("SRANDMEMBER", "s", -100)) == {b"a", b"b"}
    assert len(redis.execute("SRANDMEMBER", "s", -100)) == 100
    assert sorted(redis.execute("SRANDMEMBER", "s", 100)) == [b"a", b"b"]
    with pytest.raises(ReplyError, match="out of range"):
        redis.execute("SRANDMEMBER", "s", -(2**62))


def test_a_nearly_emptied_set_may_turn_small_again(redis):
    redis.execute("SADD", "s", *(f"m{n}" for n in range(200)))
    assert redis.execute("OBJECT", "ENCODING", "s") == b"hashtable"
    redis.execute("SPOP", "s", 190)
    assert redis.execute("OBJECT", "ENCODING", "s") == b"listpack"
    assert redis.execute("SCARD", "s") == 10
    redis.node.check()


def test_events(redis, events):
    redis.execute("SADD", "s", "a", "b", "c")
    redis.execute("SMOVE", "s", "t", "a")
    redis.execute("SREM", "s", "b")
    redis.execute("SPOP", "s")
    redis.execute("SUNIONSTORE", "u", "t")
    redis.execute("SDIFFSTORE", "u", "t", "t")
    assert events == [
        "sadd s", "srem s", "sadd t", "srem s", "spop s", "del s", "sunionstore u", "del u",
    ]  # fmt: skip


def test_moving_the_last_member_takes_the_key_along(redis, events):
    redis.execute("SADD", "s", "a")
    assert redis.execute("SMOVE", "s", "t", "a") == 1
    assert redis.execute("EXISTS", "s") == 0
    assert events == ["sadd s", "srem s", "del s", "sadd t"]


def test_storing_drops_the_time_to_live_and_any_type(redis):
    redis.execute("SET", "u", "text", "EX", 100)
    redis.execute("SADD", "s", "a")
    redis.execute("SUNIONSTORE", "u", "s")
    assert redis.execute("TTL", "u") == -1 and list(redis.execute("SMEMBERS", "u")) == [b"a"]


def test_a_source_may_be_the_destination(redis):
    redis.execute("SADD", "a", 1, 2, 3)
    redis.execute("SADD", "b", 2, 3, 4)
    assert redis.execute("SINTERSTORE", "a", "a", "b") == 2
    assert redis.execute("SUNIONSTORE", "b", "a", "b") == 3
    assert redis.execute("SDIFFSTORE", "b", "b", "a") == 1
    assert list(redis.execute("SMEMBERS", "b")) == [b"4"]


def test_the_intersection_asks_only_for_the_smallest_sets_members(redis):
    redis.execute("SADD", "small", "a", "b")
    redis.execute("SADD", "large", *(f"m{n}" for n in range(1000)), "a")
    large = redis.node.databases[0].table[b"large"]
    asked = []

    class Spy:
        def __contains__(self, member):
            asked.append(member)
            return member in form

        def __len__(self):
            return len(form)

    form, large.form = large.form, Spy()
    assert list(redis.execute("SINTER", "large", "small")) == [b"a"]
    assert asked == [b"a", b"b"]
    assert redis.execute("SINTERCARD", 2, "large", "small", "LIMIT", 1) == 1
    assert asked == [b"a", b"b", b"a"], "LIMIT ends the search"


def looks_at(redis, key):
    """The members of a set that its hash table is asked for, or gives out, from now on."""
    looks = []
    table = redis.node.databases[0].table[key].table

    class Spy(type(table)):
        __slots__ = ()

        def __contains__(self, member):
            looks.append(member)
            return super().__contains__(member)

        def __iter__(self):
            return (looks.append(member) or member for member in super().__iter__())

    table.__class__ = Spy
    return looks


def test_a_search_with_a_limit_prepares_nothing(redis):
    redis.execute("SADD", "small", *range(-1000, 1000))
    redis.execute("SADD", "large", *range(-3000, 3000))
    small, large = looks_at(redis, b"small"), looks_at(redis, b"large")
    assert redis.execute("SINTERCARD", 2, "large", "small", "LIMIT", 3) == 3
    assert small == large and len(large) == 3


@pytest.mark.parametrize("command", ["SINTER small apart large", "SDIFF small same large"])
def test_a_set_of_which_nothing_is_asked_is_not_copied(redis, command):
    redis.execute("SADD", "small", *range(1000))
    redis.execute("SUNIONSTORE", "same", "small")
    redis.execute("SADD", "apart", *range(-1001, 0))
    redis.execute("SADD", "large", *range(3000))
    large = looks_at(redis, b"large")
    assert not redis.execute(*command.split())
    assert large == []


@pytest.mark.parametrize(
    "command",
    [
        "SPOP s 1 2",
        "SRANDMEMBER s 1 2",
        "SINTERCARD 1 s LIMIT",
        "SINTERCARD 1 s LIMIT 1 LIMIT",
        "SINTERCARD 1 s x",
    ],
)
def test_syntax_errors(redis, command):
    with pytest.raises(ReplyError, match="^ERR syntax error$"):
        redis.execute(*command.split())
