"""Three files under faults; the same files on a real server; incidents that gauges can tell apart."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import redis

from minidis import Embedded, Lab
from minidis.course.fixtures.deployments import Trial, edit, start, try_cache, try_durable, try_replica
from minidis.course.models import incidents
from minidis.course.sources import cell_source, load, number_of, solution_cells, source_paths
from minidis.engine.durability.loading import LoadError
from minidis.engine.settings.config_file import ConfigFileError
from tests.differential.servers import Judge, RealServer, available_judges

PASSWORD = "correct-horse"


def reference() -> dict[str, str]:
    """The files of exercise 18.2's own solution."""
    path = next(path for path in source_paths() if number_of(path) == "18.2")
    namespace: dict = {}
    for cell in solution_cells(load(path)):
        exec(cell_source(cell), namespace)
    return namespace["files"](PASSWORD, "main")


def failing(trials: list[Trial]) -> list[str]:
    return [trial.name for trial in trials if not trial.passed]


def test_each_of_the_three_stands_its_own_faults_and_not_the_others() -> None:
    texts = reference()
    assert not failing(try_cache(texts["cache"], PASSWORD))
    assert not failing(try_durable(texts["durable"], PASSWORD))
    assert not failing(try_replica(texts["replica"], "main", PASSWORD))
    assert failing(try_cache(texts["durable"], PASSWORD))
    assert "memory is full" in failing(try_durable(texts["cache"], PASSWORD))
    assert "follows a primary that asks for a password" in failing(
        try_replica(texts["durable"], "main", PASSWORD)
    )
    assert "a stranger without a password" in failing(try_cache("maxmemory 8mb\n", PASSWORD))
    with pytest.raises(ConfigFileError, match="at line 1"):
        try_cache("maxmemory lots\n", PASSWORD)


@pytest.mark.parametrize("kind", ["cache", "durable", "replica"])
def test_a_real_server_boots_on_each_file(kind: str, tmp_path: Path) -> None:
    judges = [judge for judge in available_judges() if judge.name.startswith("redis")]
    if not judges:
        pytest.skip("no redis-server on this machine")
    path = tmp_path / "redis.conf"
    path.write_text(reference()[kind].replace("replicaof main", "replicaof 127.0.0.1"))
    server = _started(judges[0], path)
    try:
        with redis.Redis(unix_socket_path=str(server.socket_path), password=PASSWORD) as client:
            policy = client.config_get("maxmemory-policy")["maxmemory-policy"]
            assert policy == ("allkeys-lru" if kind == "cache" else "noeviction")
            with pytest.raises(redis.ResponseError, match="unknown command"):
                client.flushall()
            assert client.info("replication")["role"] == ("slave" if kind == "replica" else "master")
    finally:
        server.stop()


def _started(judge: Judge, path: Path) -> RealServer:
    return RealServer(Judge(judge.name, judge.binary, (str(path),)))


def test_a_machine_reads_its_file_at_each_start() -> None:
    lab = Lab(seed=1)
    start(lab, "a", "appendonly yes\n")
    lab.call("a", "SET", "k", "v")
    lab.run("2s")
    edit(lab, "a", "appendonly yes\nmaxmemory 3mb\nuser ann on nopass +ping\n")
    lab.restart("a")
    assert lab["a"].config.maxmemory == 3 * 2**20
    assert b"ann" in lab["a"].users.by_name and lab.call("a", "GET", "k") == b"v"
    lab.call("a", "FLUSHALL")
    lab.run("2s")
    edit(lab, "a", 'appendonly yes\nrename-command FLUSHALL ""\n')
    with pytest.raises(LoadError, match="Unknown command 'FLUSHALL'"):
        lab.restart("a")


def test_incidents_are_mixed_only_where_gauges_can_tell() -> None:
    names = set(incidents.FAULTS)
    assert all(pair <= names and len(pair) == 2 for pair in incidents.APART)
    assert len(incidents.mixes(2)) == len(list(itertools.combinations(names, 2))) - len(incidents.APART)
    for seed in range(20):
        sizes = sorted(len(faults) for faults in incidents.drawn(seed))
        assert sizes == [0, 1, 2, 2, 2, 3]
        assert not any(pair <= {*faults} for faults in incidents.drawn(seed) for pair in incidents.APART)
    with pytest.raises(ValueError, match="no fault 'rain'"):
        incidents.incident(1, ["rain"])


def test_the_new_faults_are_done_and_not_written_down() -> None:
    node: Embedded = incidents.incident(5, ["cold cache", "broken release", "failing snapshots"])
    info = node.execute("INFO", "everything").decode()
    fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    assert fields["rdb_last_bgsave_status"] == "err"
    assert int(fields["keyspace_misses"]) > int(fields["keyspace_hits"])
    assert int(fields["errorstat_WRONGTYPE"].partition("=")[2]) >= 150
