"""One cluster of real servers and ours: they gossip, vote for each other, and take each other's place.

A real redis-server is the judge of every message that we send, and we of its. Nothing here depends on how
fast this machine is: each step waits until all agree, within a long bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.differential.servers import available_judges
from tests.interop.instances import Instance, free_port, running
from tests.interop.instances import until as until_in_time

REDIS = [judge for judge in available_judges() if judge.name == "redis-7.0"]
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


@pytest.fixture(scope="module", params=REDIS, ids=lambda judge: judge.name)
def members(request: pytest.FixtureRequest) -> Iterator[dict[str, Member]]:
    """Primaries real1, ours1, real2; ours2 is the replica of real1, real3 that of ours1."""
    real = request.param
    kinds = {"real1": real, "ours1": None, "real2": real, "ours2": None, "real3": real}
    found = {name: Member(name, judge) for name, judge in kinds.items()}
    with running(*found.values()):
        real1, ours1, real2, ours2, real3 = found.values()
        for number, primary in enumerate((real1, ours1, real2)):
            primary.call("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            primary.call("CLUSTER", "ADDSLOTSRANGE", number * 5462, min(number * 5462 + 5461, 16383))
        for other in (ours1, real2):
            real1.call("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus_port)
        for other in (ours2, real3):
            ours1.call("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus_port)
        until(lambda: all(len(one.rows()) == 5 for one in found.values()), "all know all")
        until(lambda: all("handshake" not in str(one.rows()) for one in found.values()), "and their names")
        ours2.call("CLUSTER", "REPLICATE", real1.id)
        real3.call("CLUSTER", "REPLICATE", ours1.id)
        until(lambda: all(one.is_ok for one in found.values()), "the cluster is ok")
        for replica in (ours2, real3):
            replica.wait_for_link()
        yield found


def test_all_tell_the_same_of_each(members):
    def view(one: Member) -> set[tuple[str, ...]]:
        return {
            (name, words[0].split(",")[0], words[1].replace("myself,", ""), words[2], *words[7:])
            for name, words in one.rows().items()
        }

    until(lambda: len({frozenset(view(one)) for one in members.values()}) == 1, "they agree")
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
