"""List commands through a node: what stands in no reply (journal, events, waiting), and what costs how much.

That replies, errors and encodings are Redis's own is shown by tests/differential/test_lists.py.
"""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import NULL_ARRAY, ReplyError


@pytest.fixture
def redis() -> Embedded:
    return Embedded(clock="2026-01-01T00:00:00Z", seed=1)


def run(redis: Embedded, line: str, client=None):
    return redis.execute(*line.split(), client=client)


def waiting(redis: Embedded, line: str):
    """A client that waits, as `line` makes it do."""
    client = redis.connect()
    assert redis.call(client, line.encode().split()) is WAITING
    return client


def answers(*clients):
    return [list(client.outbox) for client in clients]


# The effect in the journal


@pytest.mark.parametrize(
    ("line", "entries"),
    [
        ("RPUSH l x y", ["RPUSH l x y"]),
        ("LPUSHX missing x", []),
        ("LPOP l 2", ["LPOP l 2"]),
        ("LPOP l 0", []),
        ("LSET l 0 z", ["LSET l 0 z"]),
        ("LINSERT l BEFORE nothing z", []),
        ("LREM l 0 nothing", []),
        ("LTRIM l 0 -1", []),
        ("LTRIM l 1 -1", ["LTRIM l 1 -1"]),
        ("LMOVE l l LEFT RIGHT", ["LMOVE l l LEFT RIGHT"]),
        ("LMPOP 2 missing l LEFT COUNT 99", ["LPOP l 3"]),
        ("BLMPOP 0 1 l RIGHT", ["RPOP l 1"]),
        ("BLPOP missing l 0", ["LPOP l"]),
        ("BRPOP l 0", ["RPOP l"]),
        ("BLMOVE l m LEFT RIGHT 0", ["LMOVE l m LEFT RIGHT"]),
        ("BRPOPLPUSH l m 0", ["RPOPLPUSH l m"]),
    ],
)
def test_the_journal_states_what_happened(redis, journal, line, entries):
    run(redis, "RPUSH l a b c")
    journal.clear()
    run(redis, line)
    assert journal == entries


def test_a_served_client_is_in_the_journal_after_the_push_that_served_it(redis, journal):
    waiting(redis, "BLPOP q 0")
    waiting(redis, "BLMOVE q done LEFT RIGHT 0")
    run(redis, "RPUSH q a b")
    assert journal == ["RPUSH q a b", "LPOP q", "LMOVE q done LEFT RIGHT"]


# Notifications


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("LPUSH l x", ["lpush l"]),
        ("RPOP l", ["rpop l"]),
        ("LPOP l 3", ["lpop l", "del l"]),
        ("LSET l 0 a", ["lset l"]),
        ("LINSERT l AFTER b x", ["linsert l"]),
        ("LREM l 0 a", ["lrem l"]),
        ("LTRIM l 5 9", ["ltrim l", "del l"]),
        ("LMOVE l m LEFT LEFT", ["lpush m", "lpop l"]),
        ("LRANGE l 0 -1", []),
    ],
)
def test_events(redis, events, line, expected):
    run(redis, "RPUSH l a b c")
    events.clear()
    run(redis, line)
    assert events == expected


# Waiting


def test_first_come_first_served(redis):
    clients = [waiting(redis, "BLPOP q 0") for _ in range(3)]
    run(redis, "RPUSH q a b")
    assert answers(*clients) == [[[b"q", b"a"]], [[b"q", b"b"]], []]
    run(redis, "RPUSH q c")
    assert answers(clients[2]) == [[[b"q", b"c"]]]
    assert run(redis, "EXISTS q") == 0
    assert len(redis.node.waiting) == 0


def test_keys_are_tried_in_the_order_of_the_command(redis):
    client = waiting(redis, "BLPOP a b 0")
    for line in ("MULTI", "RPUSH b in-b", "RPUSH a in-a", "EXEC"):
        run(redis, line)
    assert answers(client) == [[[b"a", b"in-a"]]]
    assert run(redis, "LRANGE b 0 -1") == [b"in-b"]


def test_the_pusher_is_answered_with_the_length_before_anyone_is_served(redis):
    waiting(redis, "BLPOP q 0")
    assert run(redis, "RPUSH q a b") == 2
    assert run(redis, "LLEN q") == 1


def test_an_element_passes_through_a_chain_of_waiting_clients(redis):
    last = waiting(redis, "BLPOP c 0")
    middle = waiting(redis, "BLMOVE b c LEFT RIGHT 0")
    first = waiting(redis, "BRPOPLPUSH a b 0")
    run(redis, "RPUSH a x")
    assert answers(first, middle, last) == [[b"x"], [b"x"], [[b"c", b"x"]]]


def test_a_list_filled_and_emptied_within_one_exec_wakes_nobody(redis):
    client = waiting(redis, "BLPOP q 0")
    for line in ("MULTI", "RPUSH q a", "DEL q", "EXEC"):
        run(redis, line)
    assert answers(client) == [[]]
    assert client.parked is not None


def test_another_type_wakes_nobody(redis):
    client = waiting(redis, "BLPOP q 0")
    run(redis, "SET q text")
    assert answers(client) == [[]]
    run(redis, "DEL q")
    run(redis, "RPUSH q a")
    assert answers(client) == [[[b"q", b"a"]]]


def test_a_destination_of_another_type_is_an_error_for_who_waited(redis):
    client = waiting(redis, "BLMOVE source target LEFT RIGHT 0")
    run(redis, "SET target text")
    run(redis, "RPUSH source a")
    ((reply,),) = answers(client)
    assert isinstance(reply, ReplyError)
    assert reply.code == "WRONGTYPE"
    assert run(redis, "LRANGE source 0 -1") == [b"a"]


def test_a_timeout_ends_the_wait_with_a_null_array(redis):
    pop, move = waiting(redis, "BLPOP q 1.5"), waiting(redis, "BLMOVE q r LEFT LEFT 1.5")
    redis.step(1.4)
    assert answers(pop, move) == [[], []]
    redis.step(0.2)
    assert answers(pop, move) == [[NULL_ARRAY], [NULL_ARRAY]]
    run(redis, "RPUSH q a")
    assert run(redis, "LLEN q") == 1


def test_a_client_that_leaves_takes_nothing(redis):
    gone, there = waiting(redis, "BLPOP q 0"), waiting(redis, "BLPOP q 0")
    redis.disconnect(gone)
    run(redis, "RPUSH q a")
    assert answers(there) == [[[b"q", b"a"]]]


def test_inside_a_transaction_nothing_waits(redis):
    for line in ("MULTI", "BLPOP q 0", "BLMOVE q r LEFT LEFT 0", "BLMPOP 0 1 q LEFT", "EXEC"):
        reply = run(redis, line)
    assert reply == [NULL_ARRAY, None, NULL_ARRAY]


def test_who_waits_for_many_keys_is_served_once(redis):
    client = waiting(redis, "BLPOP a b a 0")
    run(redis, "RPUSH b x")
    run(redis, "RPUSH a y")
    assert answers(client) == [[[b"b", b"x"]]]


# A feed, a queue: the guide's uses


def test_a_capped_feed_keeps_the_newest(redis):
    for number in range(250):
        run(redis, f"LPUSH feed post:{number}")
        run(redis, "LTRIM feed 0 99")
    assert run(redis, "LLEN feed") == 100
    assert run(redis, "LRANGE feed 0 1") == [b"post:249", b"post:248"]
    assert run(redis, "LINDEX feed -1") == b"post:150"


def test_a_push_to_a_long_list_moves_one_node(redis):
    for _ in range(20):
        run(redis, "RPUSH q " + "0123456789 " * 1000)
    quicklist = redis.node.databases[0].peek(b"q").form
    before = {id(node): node.size for node in quicklist.nodes()}
    for line in ("RPUSH q x", "LPUSH q x", "RPOP q", "LPOP q"):
        run(redis, line)
    changed = [node for node in quicklist.nodes() if before.get(id(node)) != node.size]
    assert len(before) > 20
    assert len(changed) <= 2
