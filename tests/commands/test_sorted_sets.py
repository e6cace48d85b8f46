"""What replies do not show: events, the journal, blocked clients, times to live, cost, random choices.

The replies themselves are compared with real servers in tests/differential/test_sorted_sets.py.
"""

from __future__ import annotations

from collections import Counter

import pytest

from minidis.drivers.embedded import Embedded
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import NULL_ARRAY, Pairs, ReplyError
from minidis.values.sorted_set import SortedSet


class Console:
    """A node with a frozen clock that writes down events and journal entries."""

    def __init__(self, **config):
        self.redis = Embedded(config, clock=0, seed=1)
        self.events = []
        self.journal = []
        self.redis.node.listen_to_keys(lambda database, key, event: self.events.append((event, key)))
        self.redis.node.journal.subscribe(lambda entry: self.journal.append(b" ".join(entry.argv).decode()))

    def __call__(self, line, client=None):
        return self.redis.call(client or self.redis.client, line.encode().split())

    def told(self):
        """Events and journal since the last time."""
        told = self.events, self.journal
        self.events, self.journal = [], []
        return told


@pytest.fixture(params=[128, 0], ids=["listpack", "skiplist"])
def run(request):
    return Console(zset_max_listpack_entries=request.param)


# -- what a change is ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("ZADD z 9 new", "zadd"),
        ("ZADD z 9 a", "zadd"),
        ("ZADD z GT CH 9 a", "zadd"),
        ("ZADD z INCR 1 a", "zincr"),
        ("ZINCRBY z 1 a", "zincr"),
        ("ZREM z a x", "zrem"),
        ("ZREMRANGEBYRANK z 0 0", "zremrangebyrank"),
        ("ZREMRANGEBYSCORE z 1 1", "zremrangebyscore"),
        ("ZREMRANGEBYLEX z [a [a", "zremrangebylex"),
        ("ZPOPMIN z", "zpopmin"),
        ("ZPOPMAX z 2", "zpopmax"),
        ("ZRANGESTORE z z 0 1", "zrangestore"),
        ("ZUNIONSTORE z 1 z WEIGHTS 2", "zunionstore"),
        ("ZINTERSTORE z 1 z", "zinterstore"),
        ("ZDIFFSTORE z 2 z missing", "zdiffstore"),
    ],
)
def test_a_change_is_told_once_and_journaled_as_typed(run, line, event):
    run("ZADD z 1 a 2 b 3 c")
    run.told()
    run(line)
    assert run.told() == ([(event, b"z")], [line])


@pytest.mark.parametrize(
    "line",
    [
        "ZADD z 1 a",
        "ZADD z NX 5 a",
        "ZADD z XX 5 new",
        "ZADD z GT 0 a",
        "ZADD missing XX 1 a",
        "ZINCRBY z 0 a",
        "ZREM z x y",
        "ZREMRANGEBYRANK z 7 9",
        "ZREMRANGEBYSCORE z (3 +inf",
        "ZPOPMIN z 0",
        "ZPOPMIN missing",
        "ZDIFFSTORE missing 2 z z",
        "ZRANGE z 0 -1",
        "ZRANDMEMBER z 5",
        "ZSCAN z 0",
    ],
)
def test_no_change_is_told_to_nobody(run, line):
    run("ZADD z 1 a 2 b 3 c")
    run.told()
    run(line)
    assert run.told() == ([], [])


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("ZREM z a", "zrem"),
        ("ZREMRANGEBYRANK z 0 -1", "zremrangebyrank"),
        ("ZPOPMAX z 5", "zpopmax"),
        ("ZMPOP 1 z MIN", "zpopmin"),
    ],
)
def test_the_key_goes_with_its_last_member_and_so_does_its_time_to_live(run, line, event):
    run("ZADD z 1 a")
    run("EXPIRE z 100")
    run.told()
    run(line)
    assert run.told()[0] == [(event, b"z"), ("del", b"z")]
    assert run("EXISTS z") == 0
    run("ZADD z 1 a")
    assert run("TTL z") == -1


@pytest.mark.parametrize("before", ["ZADD z 1 a 2 b", "SET z text", "PING"])
@pytest.mark.parametrize(
    "pair",
    ["1 a", "9 a", "9 new", "-0 a", "+1 a", "inf a", "-inf a", "nan a", "1x a", "NX a", "7 " + "m" * 65],
)
def test_one_member_comes_to_the_same_as_the_same_one_twice(run, before, pair):
    """It goes a shorter way."""
    outcomes = []
    for line in f"ZADD z {pair}", f"ZADD z {pair} {pair}":
        run("FLUSHALL")
        run(before)
        run.told()
        try:
            reply = run(line)
        except ReplyError as error:
            reply = str(error)
        outcomes.append((reply, run.told()[0], run("DUMP z")))
    assert outcomes[0] == outcomes[1]


def test_one_member_notices_a_limit_that_was_lowered():
    run = Console()
    run("ZADD z 1 a 2 b")
    run("CONFIG SET zset-max-listpack-entries 0")
    assert (run("ZADD z 1 a"), run("OBJECT ENCODING z")) == (0, b"skiplist")


def test_an_empty_result_deletes_the_destination(run):
    run("SET d text")
    run.told()
    assert run("ZUNIONSTORE d 1 missing") == 0
    assert run.told() == ([("del", b"d")], ["ZUNIONSTORE d 1 missing"])


def test_storing_replaces_any_type_and_drops_its_time_to_live(run):
    run("SET d text EX 100")
    run("ZADD z 1 a")
    assert run("ZRANGESTORE d z 0 -1") == 1
    assert (run("TYPE d"), run("TTL d")) == ("zset", -1)


def test_zadd_keeps_the_time_to_live(run):
    run("ZADD z 1 a")
    run("EXPIRE z 100")
    run("ZADD z 2 b")
    assert run("TTL z") == 100


def test_nan_leaves_everything_as_it_was(run):
    run("ZADD z inf a")
    run.told()
    with pytest.raises(ReplyError, match=r"resulting score is not a number \(NaN\)"):
        run("ZINCRBY z -inf a")
    assert run.told() == ([], [])
    assert run("ZSCORE z a") == float("inf")


def test_scores_are_doubles(run):
    run("ZADD z 9007199254740993 odd 9007199254740992 even")
    assert run("ZSCORE z odd") == run("ZSCORE z even") == 2.0**53


# -- waiting ---------------------------------------------------------------------------------------


def test_bzpopmin_wakes_in_order_of_arrival_and_is_journaled_as_zpopmin(run):
    alice, bob = run.redis.connect("alice"), run.redis.connect("bob")
    assert run("BZPOPMIN first second 0", alice) is WAITING
    assert run("BZPOPMIN second 0", bob) is WAITING
    assert run("ZADD second 2 b 1 a 3 c") == 3
    assert alice.outbox.popleft() == [b"second", b"a", 1.0]
    assert bob.outbox.popleft() == [b"second", b"b", 2.0]
    assert run.told()[1] == ["ZADD second 2 b 1 a 3 c", "ZPOPMIN second", "ZPOPMIN second"]
    assert run("ZRANGE second 0 -1") == [b"c"]


def test_bzmpop_waits_takes_count_and_is_journaled_with_what_it_took(run):
    alice = run.redis.connect("alice")
    assert run("BZMPOP 0 2 x y MAX COUNT 5", alice) is WAITING
    run("ZADD y 1 a 2 b")
    assert alice.outbox.popleft() == [b"y", [[b"b", 2.0], [b"a", 1.0]]]
    assert run.told()[1] == ["ZADD y 1 a 2 b", "ZPOPMAX y 2"]
    assert run("EXISTS y") == 0


def test_zmpop_is_journaled_with_what_it_took(run):
    run("ZADD y 1 a 2 b")
    run.told()
    assert run("ZMPOP 2 x y MIN COUNT 9") == [b"y", [[b"a", 1.0], [b"b", 2.0]]]
    assert run.told()[1] == ["ZPOPMIN y 2"]
    assert run("ZMPOP 2 x y MIN") is NULL_ARRAY


def test_a_store_and_a_rename_wake_too(run):
    alice, bob = run.redis.connect("alice"), run.redis.connect("bob")
    run("BZPOPMAX q 0", alice)
    run("BZPOPMAX r 0", bob)
    run("ZADD z 1 a")
    run("ZUNIONSTORE q 1 z")
    assert alice.outbox.popleft() == [b"q", b"a", 1.0]
    run("RENAME z r")
    assert bob.outbox.popleft() == [b"r", b"a", 1.0]


def test_a_value_of_another_type_wakes_nobody(run):
    alice = run.redis.connect("alice")
    run("BZPOPMIN q 0", alice)
    run("SET q text")
    assert not alice.outbox
    run("DEL q")
    run("ZADD q 1 a")
    assert alice.outbox.popleft() == [b"q", b"a", 1.0]


def test_the_timeout_is_null_on_the_moved_clock(run):
    alice = run.redis.connect("alice")
    assert run("BZPOPMIN q 1.5", alice) is WAITING
    run.redis.step(1.4)
    assert not alice.outbox
    run.redis.step(0.2)
    assert alice.outbox.popleft() is NULL_ARRAY
    run("ZADD q 1 a")
    assert not alice.outbox and run("ZCARD q") == 1


def test_inside_multi_nothing_waits(run):
    run("MULTI")
    run("BZPOPMIN q 0")
    run("ZADD q 1 a")
    run("BZMPOP 0 1 q MIN")
    assert run("EXEC") == [NULL_ARRAY, 1, [b"q", [[b"a", 1.0]]]]


# -- random members --------------------------------------------------------------------------------


def test_random_members_are_fair(run):
    run("ZADD z " + " ".join(f"{i} m{i}" for i in range(10)))
    drawn = Counter(run("ZRANDMEMBER z") for _ in range(2000))
    assert len(drawn) == 10
    assert all(140 < count < 260 for count in drawn.values())


def test_random_members_with_a_count(run):
    run("ZADD z " + " ".join(f"{i} m{i}" for i in range(10)))
    assert len(set(run("ZRANDMEMBER z 6"))) == 6
    assert sorted(run("ZRANDMEMBER z 99")) == [b"m%d" % i for i in range(10)]
    repeated = run("ZRANDMEMBER z -50")
    assert len(repeated) == 50 > len(set(repeated))
    assert all(member == b"m%d" % score for member, score in run("ZRANDMEMBER z -20 WITHSCORES"))
    assert run("ZRANDMEMBER missing 3 WITHSCORES") == []
    with pytest.raises(ReplyError, match="^ERR value is out of range$"):  # more than memory holds
        run("ZRANDMEMBER z -9223372036854775807")


def test_the_same_seed_draws_the_same_members():
    draws = []
    for _ in range(2):
        run = Console()
        run("ZADD z " + " ".join(f"{i} m{i}" for i in range(50)))
        draws.append([run("ZRANDMEMBER z 5"), run("ZRANDMEMBER z -5"), run("ZRANDMEMBER z")])
    assert draws[0] == draws[1]


# -- encodings and cost ----------------------------------------------------------------------------


def test_encodings_by_the_default_thresholds():
    run = Console()
    run("ZADD z " + " ".join(f"{i} m{i}" for i in range(128)))
    assert run("OBJECT ENCODING z") == b"listpack"
    run("ZADD z 5 m5 1 new")
    assert run("OBJECT ENCODING z") == b"skiplist"
    run("ZRANGESTORE y z 0 9")
    assert run("OBJECT ENCODING y") == b"listpack"
    run("ZADD x 1 " + "m" * 65)
    assert run("OBJECT ENCODING x") == b"skiplist"


class CountedFloat(float):
    compared = 0

    def __lt__(self, other):
        CountedFloat.compared += 1
        return float(self) < other

    def __gt__(self, other):
        CountedFloat.compared += 1
        return float(self) > other


def test_commands_stay_logarithmic_in_a_large_sorted_set():
    """Counted, not timed: how many scores each command looks at among 50 000."""
    run = Console()
    node = run.redis.node
    scores = {b"%06d" % i: CountedFloat(i) for i in range(50_000)}
    node.databases[0].put(b"z", SortedSet.from_scores(scores, node.encodings, node.random))
    for line in [
        "ZADD z 25000.5 new",
        "ZADD z 100 new",
        "ZINCRBY z 1 000777",
        "ZSCORE z 031000",
        "ZRANK z 031000",
        "ZREVRANK z 031000 WITHSCORE",
        "ZRANGE z 40000 40009",
        "ZRANGE z 31000 31005 BYSCORE REV LIMIT 2 3",
        "ZRANGEBYSCORE z (49000 +inf LIMIT 0 5",
        "ZCOUNT z 100 49000",
        "ZRANDMEMBER z 5",
        "ZREM z 012345",
        "ZREMRANGEBYSCORE z 20000 20010",
        "ZPOPMIN z 3",
        "ZPOPMAX z",
    ]:
        CountedFloat.compared = 0
        run(line)
        assert CountedFloat.compared < 300, line
    CountedFloat.compared = 0
    run("ZRANK z 040000")
    assert CountedFloat.compared > 5, "nothing was counted"
    node.databases[0].check()


def test_a_scan_walks_every_member_once_while_nothing_changes():
    run = Console()
    run("ZADD z " + " ".join(f"{i}.5 m{i}" for i in range(500)))
    cursor, seen = b"0", []
    while True:
        cursor, page = run(f"ZSCAN z {cursor.decode()} COUNT 20")
        seen += zip(page[::2], page[1::2], strict=True)
        if cursor == b"0":
            break
    assert sorted(seen) == sorted((b"m%d" % i, b"%d.5" % i) for i in range(500))


def test_pairs_are_flat_or_nested_by_protocol_where_a_count_was_given(run):
    run("ZADD z 1 a 2 b 3 c")
    assert run("ZPOPMIN z") == [b"a", 1.0]
    assert type(run("ZPOPMIN z 1")) is Pairs
    assert run("ZRANGE z 0 -1 WITHSCORES") == Pairs([(b"c", 3.0)])


def test_a_count_with_a_limit_looks_no_further_than_it_must():
    redis = Embedded(clock=0)
    for key, first in (("small", 500), ("large", 0)):
        redis.execute("ZADD", key, *(word for n in range(first, 1500) for word in (n, f"m{n}")))
    looks = []
    table = redis.node.databases[0].table[b"small"].table

    class Spy(type(table)):
        __slots__ = ()

        def __iter__(self):
            return (looks.append(member) or member for member in super().__iter__())

    table.__class__ = Spy
    assert redis.execute("ZINTERCARD", 2, "large", "small", "LIMIT", 3) == 3
    assert len(looks) == 3
    assert redis.execute("ZINTERCARD", 2, "large", "small") == 1000
