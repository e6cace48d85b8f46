"""Stream commands through a node: what stands in no reply (journal, waiting, time), and what replaying gives.

That replies, errors and bytes are Redis's own is shown by tests/differential/test_streams.py.
"""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import NULL_ARRAY, ReplyError

START_MS = 1_767_225_600_000  # 2026-01-01


@pytest.fixture
def redis() -> Embedded:
    return Embedded(clock="2026-01-01T00:00:00Z", seed=1)


def run(redis: Embedded, line: str, client=None):
    return redis.execute(*line.split(), client=client)


def waiting(redis: Embedded, line: str):
    client = redis.connect()
    assert redis.call(client, line.encode().split()) is WAITING
    return client


def fill(redis: Embedded, count: int, key: str = "s") -> None:
    for number in range(1, count + 1):
        run(redis, f"XADD {key} {number}-0 f v")


# Ids by the clock


def test_an_entry_is_named_after_the_time_and_time_never_goes_back(redis):
    assert run(redis, "XADD s * f v") == b"%d-0" % START_MS
    assert run(redis, "XADD s * f v") == b"%d-1" % START_MS
    redis.step(1)
    assert run(redis, "XADD s * f v") == b"%d-0" % (START_MS + 1000)
    run(redis, f"XADD s {START_MS + 9000}-7 f v")
    assert run(redis, "XADD s * f v") == b"%d-8" % (START_MS + 9000)


# The effect in the journal


@pytest.mark.parametrize(
    ("line", "entries"),
    [
        ("XADD s * f v", [f"XADD s {START_MS}-0 f v"]),
        ("XADD s 7-* f v", ["XADD s 7-0 f v"]),
        ("XADD s NOMKSTREAM 7-1 f v", ["XADD s NOMKSTREAM 7-1 f v"]),
        ("XADD missing NOMKSTREAM 7-1 f v", []),
        ("XADD s MAXLEN 2 7-0 f v", ["XADD s MAXLEN 2 7-0 f v"]),
        ("XADD s MAXLEN ~ 3 7-0 f v", ["XADD s MAXLEN = 4 7-0 f v"]),
        ("XADD s MINID ~ 3 LIMIT 9 7-* f v", ["XADD s MINID = 3-0 LIMIT 9 7-0 f v"]),
        ("XDEL s 9-9", []),
        ("XDEL s 1-0 9-9", ["XDEL s 1-0 9-9"]),
        ("XTRIM s MAXLEN ~ 3 LIMIT 100", ["XTRIM s MAXLEN = 3 LIMIT 100"]),
        ("XTRIM s LIMIT 1 MAXLEN ~ 1", []),
        ("XTRIM s LIMIT 100 MAXLEN ~ 3", ["XTRIM s LIMIT 100 MAXLEN = 3"]),
        ("XTRIM s MAXLEN ~ 4", []),
        ("XSETID s 9-9", ["XSETID s 9-9"]),
        ("XGROUP CREATE s h $ ENTRIESREAD 6", ["XGROUP CREATE s h $ ENTRIESREAD 6"]),
        ("XGROUP CREATECONSUMER s g ann", ["XGROUP CREATECONSUMER s g ann"]),
        ("XGROUP DELCONSUMER s g ann", []),
        ("XREAD STREAMS s 0", []),
        ("XACK s g 1-0", []),
        (
            "XREADGROUP GROUP g ann COUNT 2 STREAMS s >",
            [
                f"XCLAIM s g ann 0 1-0 TIME {START_MS} RETRYCOUNT 1 FORCE JUSTID LASTID 1-0",
                f"XCLAIM s g ann 0 2-0 TIME {START_MS} RETRYCOUNT 1 FORCE JUSTID LASTID 2-0",
                "XGROUP SETID s g 2-0 ENTRIESREAD 2",
            ],
        ),
        (
            "XREADGROUP GROUP g ann COUNT 1 NOACK STREAMS s >",
            ["XGROUP CREATECONSUMER s g ann", "XGROUP SETID s g 1-0 ENTRIESREAD 1"],
        ),
        ("XREADGROUP GROUP g ann STREAMS s 0", []),
        (
            "XCLAIM s g bob 0 3-0 FORCE RETRYCOUNT 5 LASTID 4-0",
            [f"XCLAIM s g bob 0 3-0 TIME {START_MS} RETRYCOUNT 5 FORCE JUSTID LASTID 4-0"],
        ),
        ("XCLAIM s g bob 0 3-0 LASTID 4-0", ["XGROUP SETID s g 4-0 ENTRIESREAD 0"]),
    ],
)
def test_the_journal_states_what_happened(redis, journal, line, entries):
    run(redis, "CONFIG SET stream-node-max-entries 2")
    fill(redis, 5)
    run(redis, "XGROUP CREATE s g 0 ENTRIESREAD 0")
    journal.clear()
    run(redis, line)
    assert journal == (["MULTI", *entries, "EXEC"] if len(entries) > 1 else entries)


def test_what_was_limited_is_exact_when_it_is_replayed(redis):
    run(redis, "CONFIG SET stream-node-max-entries 2")
    fill(redis, 9)
    log = redis.connect()
    log.role = "log"  # so is obeyed, as the primary is
    assert run(redis, "XTRIM s MAXLEN = 4 LIMIT 1", client=log) == 5
    assert run(redis, "XADD s LIMIT 1 MINID = 9 10-0 f v", client=log) == b"10-0"
    assert run(redis, "XLEN s") == 2


def test_replaying_the_journal_gives_the_same_groups(redis):
    replica = Embedded(clock="2026-01-01T00:00:00Z", seed=1)
    redis.node.journal.subscribe(lambda entry: replica.execute(*entry.argv))
    fill(redis, 20)
    run(redis, "XGROUP CREATE s g 0 ENTRIESREAD 0")
    run(redis, "XREADGROUP GROUP g ann COUNT 8 STREAMS s >")
    run(redis, "XREADGROUP GROUP g bob NOACK COUNT 3 STREAMS s >")
    run(redis, "XACK s g 2-0 3-0")
    run(redis, "XDEL s 4-0")
    redis.step(60)
    replica.step(60)
    run(redis, "XAUTOCLAIM s g bob 1000 0 COUNT 3")
    run(redis, "XADD s MAXLEN ~ 5 * f v")
    for question in ("XRANGE s - +", "XPENDING s g", "XINFO GROUPS s"):
        assert run(replica, question) == run(redis, question)
    for name in (b"ann", b"bob"):
        mine, theirs = (
            {
                key: (pending.delivered_ms, pending.deliveries)
                for key, pending in side.node.databases[0]
                .peek(b"s")
                .groups[b"g"]
                .consumers[name]
                .pending.items()
            }
            for side in (redis, replica)
        )
        assert mine == theirs
    replica.node.check()


# Pending entries and time


def test_idle_times_follow_the_clock(redis):
    fill(redis, 3)
    run(redis, "XGROUP CREATE s g 0")
    run(redis, "XREADGROUP GROUP g ann COUNT 2 STREAMS s >")
    redis.step(30)
    run(redis, "XREADGROUP GROUP g bob STREAMS s >")
    redis.step(10)
    assert run(redis, "XPENDING s g IDLE 20000 - + 9") == [
        [b"1-0", b"ann", 40_000, 1],
        [b"2-0", b"ann", 40_000, 1],
    ]
    assert run(redis, "XAUTOCLAIM s g bob 20000 0 COUNT 1 JUSTID") == [b"2-0", [b"1-0"], []]
    assert run(redis, "XPENDING s g - + 9 bob") == [[b"1-0", b"bob", 0, 1], [b"3-0", b"bob", 10_000, 1]]
    consumers = {consumer[b"name"]: consumer for consumer in run(redis, "XINFO CONSUMERS s g")}
    assert (consumers[b"ann"][b"idle"], consumers[b"ann"][b"inactive"]) == (40_000, 40_000)
    assert (consumers[b"bob"][b"idle"], consumers[b"bob"][b"inactive"]) == (0, 0)
    assert run(redis, "XCLAIM s g ann 0 3-0 IDLE 5000 JUSTID") == [b"3-0"]
    assert run(redis, "XPENDING s g 3 3 1") == [[b"3-0", b"ann", 5000, 1]]


# Waiting


def test_dollar_means_the_end_when_the_wait_began(redis):
    fill(redis, 3)
    client = waiting(redis, "XREAD BLOCK 0 STREAMS s $")
    run(redis, "XADD s 9-0 f v")
    assert client.outbox.popleft() == [[b"s", [[b"9-0", [b"f", b"v"]]]]]


def test_a_wait_ends_with_its_time(redis):
    client = waiting(redis, "XREAD BLOCK 1500 STREAMS s $")
    redis.step(1)
    assert not client.outbox
    redis.step(0.5)
    assert list(client.outbox) == [NULL_ARRAY]


def test_each_new_entry_goes_to_the_consumer_that_waits_longest(redis, journal):
    run(redis, "XGROUP CREATE s g $ MKSTREAM")
    ann = waiting(redis, "XREADGROUP GROUP g ann BLOCK 0 STREAMS s >")
    bob = waiting(redis, "XREADGROUP GROUP g bob BLOCK 0 STREAMS s >")
    journal.clear()
    run(redis, "XADD s 1-0 f v")
    assert [bool(ann.outbox), bool(bob.outbox)] == [True, False]
    run(redis, "XADD s 2-0 f v")
    assert bob.outbox.popleft() == [[b"s", [[b"2-0", [b"f", b"v"]]]]]
    assert [entry.split()[:4] for entry in journal] == [
        ["XADD", "s", "1-0", "f"],
        ["MULTI"],
        ["XCLAIM", "s", "g", "ann"],
        ["XGROUP", "SETID", "s", "g"],
        ["EXEC"],
        ["XADD", "s", "2-0", "f"],
        ["MULTI"],
        ["XCLAIM", "s", "g", "bob"],
        ["XGROUP", "SETID", "s", "g"],
        ["EXEC"],
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("DEL s", "NOGROUP"),
        ("XGROUP DESTROY s g", "NOGROUP"),
        ("SET s text", "WRONGTYPE"),
        ("FLUSHALL", "NOGROUP"),
    ],
)
def test_who_waits_in_a_group_is_told_that_it_is_gone(redis, line, code):
    run(redis, "XGROUP CREATE s g $ MKSTREAM")
    client = waiting(redis, "XREADGROUP GROUP g ann BLOCK 0 STREAMS s >")
    run(redis, line)
    (reply,) = client.outbox
    assert isinstance(reply, ReplyError) and reply.code == code


def test_a_wait_in_a_transaction_answers_at_once(redis):
    client = redis.connect()
    for line in ("MULTI", "XREAD BLOCK 0 STREAMS s $"):
        run(redis, line, client)
    assert run(redis, "EXEC", client) == [NULL_ARRAY]


# What is no change to those who watch


@pytest.mark.parametrize(
    ("line", "breaks"),
    [
        ("XADD s 9-0 f v", True),
        ("XDEL s 1-0", True),
        ("XTRIM s MAXLEN 1", True),
        ("XREADGROUP GROUP g ann STREAMS s >", False),
        ("XACK s g 1-0", False),
        ("XGROUP CREATE s h $", False),
        ("XSETID s 9-9", False),
    ],
)
def test_a_groups_bookkeeping_breaks_no_watch(redis, line, breaks):
    fill(redis, 2)
    run(redis, "XGROUP CREATE s g 0")
    run(redis, "XREADGROUP GROUP g ann COUNT 1 STREAMS s >")
    client = redis.connect()
    run(redis, "WATCH s", client)
    run(redis, line)
    run(redis, "MULTI", client)
    assert (run(redis, "EXEC", client) is NULL_ARRAY) == breaks


# The shape of replies


def test_resp3_answers_maps(redis):
    fill(redis, 1)
    client = redis.connect()
    run(redis, "HELLO 3", client)
    assert run(redis, "XREAD STREAMS s 0", client) == {b"s": [[b"1-0", [b"f", b"v"]]]}
    assert run(redis, "XREAD STREAMS s s 0 0", client) == {b"s": [[b"1-0", [b"f", b"v"]]]}
    assert run(redis, "XINFO STREAM s", client)[b"length"] == 1


def test_an_empty_stream_stays(redis):
    fill(redis, 1)
    run(redis, "XDEL s 1-0")
    assert (run(redis, "EXISTS s"), run(redis, "XLEN s"), run(redis, "TYPE s")) == (1, 0, "stream")
    assert run(redis, "XADD s 1-* f v") == b"1-1"


def test_the_keys_of_a_read_are_known_before_it_runs(redis):
    line = "COMMAND GETKEYS XREADGROUP GROUP g ann COUNT 2 STREAMS a b > 0"
    assert run(redis, line) == [b"a", b"b"]


def test_a_timeout_beyond_64_bits_is_refused(redis):
    with pytest.raises(ReplyError, match="ERR timeout is out of range"):
        run(redis, f"XREAD BLOCK {2**63 - 1} STREAMS s $")


@pytest.mark.parametrize("count", [0, -1, -7])
def test_a_range_of_no_entries_is_null(redis, count):
    fill(redis, 2)
    assert run(redis, f"XRANGE s - + COUNT {count}") is NULL_ARRAY
    assert run(redis, f"XREVRANGE s + - COUNT {count}") is NULL_ARRAY
    assert run(redis, f"XRANGE missing - + COUNT {count}") == []


def test_what_is_answered_is_the_callers(redis):
    fill(redis, 2)
    run(redis, "XGROUP CREATE s g 0")
    run(redis, "XREADGROUP GROUP g ann STREAMS s >")
    for command in ("XRANGE s - +", "XREVRANGE s + -", "XCLAIM s g bob 0 1-0 2-0"):
        for _, words in run(redis, command):
            words.append(b"more")
    assert run(redis, "XRANGE s - +") == [[b"1-0", [b"f", b"v"]], [b"2-0", [b"f", b"v"]]]
