"""One cluster of real servers and ours: they gossip, vote for each other, and take each other's place.

A real redis-server is the judge of every message that we send, and we of its. Nothing here depends on how
fast this machine is: each step waits until all agree, within a long bound.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import pytest

from minidis.distributed.cluster.slots import SLOTS, slot_of
from tests.differential.servers import Judge, available_judges
from tests.interop.instances import Instance, free_port, running
from tests.interop.instances import until as until_in_time

REDIS = [judge for judge in available_judges() if judge.name == "redis-7.0"]
VALKEY = [judge for judge in available_judges() if judge.name == "valkey-9.1"]
NODE_TIMEOUT_MS = 4000


until = partial(until_in_time, patience_s=120)
"""An election that fails is tried again only after four node timeouts."""


class Member(Instance):
    """A node of the cluster."""

    def __init__(self, name: str, judge) -> None:
        self.bus_port = free_port()
        options = {"cluster-enabled": "yes", "cluster-port": self.bus_port}
        super().__init__(judge, **options, **{"cluster-node-timeout": NODE_TIMEOUT_MS})
        self.name = name
        self.id = self.call("CLUSTER", "MYID").decode()

    def rows(self) -> dict[str, list[str]]:
        """CLUSTER NODES: the words after its name, for each node."""
        lines = self.call("CLUSTER", "NODES").decode().splitlines()
        return {line.split()[0]: line.split()[1:] for line in lines}

    def sees(self, other: Member) -> list[str]:
        """The flags of another node, as this one sees them."""
        return self.rows().get(other.id, ["", ""])[1].split(",")

    @property
    def is_ok(self) -> bool:
        return "cluster_state:ok" in self.call("CLUSTER", "INFO").decode()


@contextlib.contextmanager
def mixed_cluster(real: Judge, kinds: str, followed: dict[str, str]) -> Iterator[dict[str, Member]]:
    """A cluster of members named by kind; those that follow nobody are primaries with equal shares."""
    found = {name: Member(name, real if name.startswith("real") else None) for name in kinds.split()}
    with running(*found.values()):
        primaries = [one for name, one in found.items() if name not in followed]
        share = -(-SLOTS // len(primaries))
        for number, primary in enumerate(primaries):
            primary.call("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            last = min(number * share + share, SLOTS) - 1
            primary.call("CLUSTER", "ADDSLOTSRANGE", number * share, last)
        for number, other in enumerate(list(found.values())[1:]):  # met by the first two, in turn
            primaries[number % 2].call("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus_port)
        until(lambda: all(len(one.rows()) == len(found) for one in found.values()), "all know all")
        until(lambda: all("handshake" not in str(one.rows()) for one in found.values()), "and their names")
        for replica, primary in followed.items():
            found[replica].call("CLUSTER", "REPLICATE", found[primary].id)
        until(lambda: all(one.is_ok for one in found.values()), "the cluster is ok")
        for replica in followed:
            found[replica].wait_for_link()
        yield found


@pytest.fixture(scope="module", params=REDIS, ids=lambda judge: judge.name)
def members(request: pytest.FixtureRequest) -> Iterator[dict[str, Member]]:
    """Primaries real1, ours1, real2; ours2 is the replica of real1, real3 that of ours1."""
    names = "real1 ours1 real2 ours2 real3"
    with mixed_cluster(request.param, names, {"ours2": "real1", "real3": "ours1"}) as found:
        yield found


def view(one: Member) -> frozenset[tuple[str, ...]]:
    """What a member says of each: name, address, flags, whom it follows, slots."""
    return frozenset(
        (name, words[0].split(",")[0], words[1].replace("myself,", ""), words[2], *words[7:])
        for name, words in one.rows().items()
    )


def test_all_tell_the_same_of_each(members):
    until(lambda: len({view(one) for one in members.values()}) == 1, "they agree")
    assert len(view(members["ours1"])) == 5


def test_what_is_published_reaches_all(members):
    listeners = {name: one.client.pubsub() for name, one in members.items()}
    for listener in listeners.values():
        listener.subscribe("news")
        until(lambda listener=listener: listener.get_message(timeout=1), "it is subscribed")
    for name, listener in listeners.items():
        heard: set[bytes] = set()

        def hears_both(listener=listener, heard=heard) -> bool:
            members["ours2"].call("PUBLISH", "news", "from ours")
            members["real2"].call("PUBLISH", "news", "from theirs")
            message = listener.get_message(timeout=1)
            heard.update([message["data"]] if message else [])
            return heard == {b"from ours", b"from theirs"}

        until(hears_both, f"{name} hears both")
        listener.close()


PAIRS = pytest.mark.parametrize(
    "replica, primary, key", [("ours2", "real1", "b"), ("real3", "ours1", "k")], ids=["of theirs", "of ours"]
)
"""The replica is of the other kind than its primary; the key is in the primary's slots."""


@PAIRS
def test_a_failover_by_hand_and_back(members, replica, primary, key):
    """The replica takes over while the primary stands still; then the former primary takes the place back."""

    def hand_over(giver: Member, taker: Member, *how: str) -> None:
        giver.call("SET", key, f"given to {taker.name}")
        assert giver.call("WAIT", 1, 60_000) == 1
        assert taker.call("CLUSTER", "FAILOVER", *how) == b"OK"
        everyone = members.values()
        until(lambda: all(one.sees(taker)[-1] == "master" for one in everyone), "all see the new primary")
        until(lambda: all(one.sees(giver)[-1] == "slave" for one in everyone), "and the former one")
        until(lambda: all(one.is_ok for one in everyone), "the cluster is ok")
        assert taker.call("GET", key) == f"given to {taker.name}".encode()
        giver.wait_for_link()

    hand_over(members[primary], members[replica])
    hand_over(members[replica], members[primary], "TAKEOVER")


@PAIRS
def test_a_replica_takes_the_place_by_the_votes_of_both_kinds(members, replica, primary, key):
    """It needs two of three votes, and the failing one has none: one of each kind must vote for it."""
    take_the_place(members, replica, primary, key)


def take_the_place(members: dict[str, Member], replica: str, primary: str, key: str) -> None:
    """The primary dies: its replica is elected, serves what was written, and all agree."""
    new, old = members[replica], members[primary]
    epoch = max(int(words[5]) for words in new.rows().values())
    old.call("SET", key, f"kept by {replica}")
    assert old.call("WAIT", 1, 60_000) == 1
    old.kill()
    others = [one for one in members.values() if one.process.poll() is None]
    until(lambda: all("fail" in one.sees(old) for one in others), f"all hold {primary} for failed")
    until(lambda: all(one.sees(new)[-1] == "master" for one in others), f"all see {replica} as primary")
    until(lambda: all(one.is_ok for one in others), "the cluster is ok again")
    assert int(new.rows()[new.id][5]) > epoch
    assert {tuple(one.rows()[new.id][7:]) for one in others} == {tuple(new.rows()[new.id][7:])}
    assert new.call("GET", key) == f"kept by {replica}".encode()


@pytest.mark.parametrize("valkey", VALKEY, ids=lambda judge: judge.name)
def test_a_cluster_with_valkey(valkey):
    """The bus of Valkey 9.1 is the same; its new messages are for those alone who say that they know them.

    What differs is what clients are told: CLUSTER SHARDS has an `id` for each shard, CLUSTER INFO ten more
    fields (nodes and voters that fail, bytes on the bus). Its atomic slot migration (CLUSTER MIGRATESLOTS) is
    between Valkey nodes only; slots go to and from ours by SETSLOT and MIGRATE, as ever.
    """
    with mixed_cluster(valkey, "real1 ours1 real2 ours2", {"ours2": "real1"}) as members:
        real, ours = members["real1"], members["ours1"]
        until(lambda: len({view(one) for one in members.values()}) == 1, "they agree")
        fields = {one.name: set(one.call("CLUSTER", "SHARDS")[0]) for one in (real, ours)}
        assert fields["real1"] == {*fields["ours1"], b"id"}
        slot = slot_of(b"b")
        real.call("SET", "b", "moved")
        for giver, taker in ((real, ours), (ours, real)):  # there, and back
            taker.call("CLUSTER", "SETSLOT", slot, "IMPORTING", giver.id)
            giver.call("CLUSTER", "SETSLOT", slot, "MIGRATING", taker.id)
            assert giver.call("MIGRATE", "127.0.0.1", taker.port, "b", 0, 60_000) == b"OK"
            for one in (taker, giver):
                one.call("CLUSTER", "SETSLOT", slot, "NODE", taker.id)
            until(lambda taker=taker: taker.client.get("b") == b"moved", "it is there")
        until(lambda: len({view(one) for one in members.values()}) == 1, "they agree again")
        take_the_place(members, "ours2", "real1", "b")
