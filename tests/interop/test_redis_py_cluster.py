"""redis-py's RedisCluster, sync and asyncio, while slots move and primaries change: its callers see no error.

What redis-py retries by itself (MOVED, ASK, TRYAGAIN, a lost connection) is its business; what reaches the
caller is ours.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from minidis.distributed.cluster.slots import slot_of
from minidis.drivers.cluster_servers import LocalCluster
from tests.interop.instances import until
from tests.interop.local_clusters import give_slot, names, open_slot, owner

RETRY_LIMIT = 1_000_000  # RedisCluster does not wait between two attempts at a node that is down
MOVED_SLOT = slot_of(b"{moved}")
NODE_TIMEOUT_MS = 2000
ELECTION_PATIENCE_S = 120
"""An election that fails is tried again only after four node timeouts."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(3, 1) as cluster:
        yield cluster


class Load:
    """Counters that are incremented all the time, by one thread: what was acknowledged must be there."""

    def __init__(self) -> None:
        keys = [f"{{moved}}:{number}" for number in range(5)] + [f"n:{number}" for number in range(15)]
        self.counts = dict.fromkeys(keys, 0)
        self.errors: list[BaseException] = []
        self.lost: list[tuple[str, int, int]] = []
        self.rounds = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Load:
        self.thread.start()
        until(lambda: self.rounds > 2 or self.errors, "the load has begun")
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopped.set()
        self.thread.join(60)

    def pass_rounds(self, count: int) -> None:
        target = self.rounds + count
        until(lambda: self.rounds >= target or self.errors, "the load goes on", ELECTION_PATIENCE_S)

    def _run(self) -> None:
        try:
            self.run()
        except BaseException as error:
            self.errors.append(error)

    def run(self) -> None:
        raise NotImplementedError

    def take(self, key: str, value: int) -> None:
        if value < self.counts[key] + 1:
            self.lost.append((key, value, self.counts[key]))
        self.counts[key] = value


class SyncLoad(Load):
    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def run(self) -> None:
        client = redis.RedisCluster(host="127.0.0.1", port=self.port, retry=Retry(NoBackoff(), RETRY_LIMIT))
        while not self.stopped.is_set():
            for key in self.counts:
                self.take(key, client.incr(key))
            self.rounds += 1
        client.close()


class AsyncLoad(Load):
    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def run(self) -> None:
        asyncio.run(self._increment())

    async def _increment(self) -> None:
        client = redis.asyncio.RedisCluster(
            host="127.0.0.1", port=self.port, retry=AsyncRetry(NoBackoff(), RETRY_LIMIT)
        )
        while not self.stopped.is_set():
            for key in self.counts:
                self.take(key, await client.incr(key))
            self.rounds += 1
        await client.aclose()


@pytest.fixture(params=[SyncLoad, AsyncLoad], ids=["sync", "asyncio"])
def load(request: pytest.FixtureRequest, cluster: LocalCluster) -> Load:
    for port in primaries(cluster):
        cluster.call(port, "FLUSHALL")
    return request.param(primaries(cluster)[0])


def alive(cluster: LocalCluster) -> list[int]:
    """The nodes that no test has killed."""
    return [port for port in cluster.ports if not cluster.servers.servers[port].stopped.is_set()]


def primaries(cluster: LocalCluster) -> list[int]:
    return [port for port in alive(cluster) if cluster.call(port, "ROLE")[0] == b"master"]


def follows(cluster: LocalCluster, replica: int, primary: int) -> bool:
    return cluster.call(replica, "ROLE")[:4:3] == [b"slave", b"connected"] and (
        cluster.call(replica, "ROLE")[2] == primary
    )


def all_know(cluster: LocalCluster, replica: int, primary: int) -> bool:
    """Every node has heard that one follows the other: before that, neither asks nor votes for a failover."""
    ids = names(cluster)
    states = [cluster.servers.servers[port].node.cluster.state for port in alive(cluster)]
    return cluster.run(
        lambda: all(state.nodes[ids[replica]].primary is state.nodes[ids[primary]] for state in states)
    )


def find_heir(cluster: LocalCluster, primary: int) -> int | None:
    """A replica that could take over now."""
    ready = (port for port in alive(cluster) if follows(cluster, port, primary))
    return next((port for port in ready if all_know(cluster, port, primary)), None)


def replica_of(cluster: LocalCluster, primary: int) -> int:
    return until(lambda: find_heir(cluster, primary), "it has a replica")


def test_a_slot_moves_under_load(cluster, load):
    source = owner(cluster, MOVED_SLOT)
    target = next(port for port in primaries(cluster) if port != source)
    with load:
        open_slot(cluster, MOVED_SLOT, source, target)
        with redis.Redis(port=source) as mover:
            while keys := cluster.call(source, "CLUSTER", "GETKEYSINSLOT", MOVED_SLOT, 2):
                mover.execute_command("MIGRATE", "127.0.0.1", target, "", 0, 60_000, "KEYS", *keys)
                load.pass_rounds(2)
        give_slot(cluster, MOVED_SLOT, source, target)
        load.pass_rounds(3)
    assert not load.errors and not load.lost
    assert cluster.call(target, "CLUSTER", "COUNTKEYSINSLOT", MOVED_SLOT) == 5
    until(
        lambda: all(owner(cluster, MOVED_SLOT, number) == target for number in range(6)),
        "all have heard of it",
    )


def test_a_replica_takes_over_by_request_under_load(cluster, load):
    """CLUSTER FAILOVER loses nothing: the primary stops, and the replica waits until it has everything."""
    old = owner(cluster, MOVED_SLOT)
    new = replica_of(cluster, old)
    with load:
        cluster.call(new, "CLUSTER", "FAILOVER")
        until(lambda: follows(cluster, old, new), "the roles have changed")
        load.pass_rounds(3)
    assert not load.errors and not load.lost


def test_a_primary_dies_under_load(cluster, load):
    """Nobody is told; it is missed, and a replica is elected.  What it alone had acknowledged may be lost."""
    for port in alive(cluster):
        cluster.call(port, "CONFIG", "SET", "cluster-node-timeout", NODE_TIMEOUT_MS)

    def find_pair() -> tuple[int, int] | None:
        pairs = ((port, find_heir(cluster, port)) for port in primaries(cluster))
        return next(((port, heir) for port, heir in pairs if heir is not None), None)

    dying, heir = until(find_pair, "a primary has a replica")
    states = cluster.servers.servers[heir].node.cluster.state
    slots = cluster.run(lambda: states.myself.primary.slots)
    with load:
        cluster.kill(dying)
        until(lambda: heir in primaries(cluster) or load.errors, "its replica leads", ELECTION_PATIENCE_S)
        load.pass_rounds(3)
    assert not load.errors
    assert all(slots >> slot_of(key.encode()) & 1 for key, _, _ in load.lost)
