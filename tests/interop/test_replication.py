"""Replication on real sockets, with real servers on the other side: both ways, chains, promotion."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.differential.servers import Judge, available_judges
from tests.interop.instances import Instance, Proxy, running, until

pytestmark = pytest.mark.parametrize("judge", available_judges(), ids=lambda judge: judge.name)

WAYS = pytest.mark.parametrize("ours", ["replica", "primary"])


def make_pair(judge: Judge, ours: str, **options: object) -> tuple[Instance, Instance]:
    """Primary and replica, one of them ours."""
    kinds = (judge, None) if ours == "replica" else (None, judge)
    return Instance(kinds[0], **options), Instance(kinds[1], **options)


def write(server: Instance, seed: int, count: int = 250) -> None:
    """Random writes of every type into several databases, some in transactions, some that expire."""
    draw = random.Random(seed)
    pipe = server.raw.pipeline(transaction=False)
    for number in range(count):
        key, value = f"k{draw.randrange(60)}", f"v{number}" * draw.choice((1, 1, 30))
        kind = draw.choice(("string", "list", "set", "zset", "hash", "stream", "counter"))
        name = f"{kind}:{key}"
        if number % 40 == 0:
            pipe.execute_command("SELECT", draw.randrange(4))
        in_transaction = draw.random() < 0.1
        if in_transaction:
            pipe.execute_command("MULTI")
        match kind:
            case "string":
                pipe.execute_command("SET", name, value, *draw.choice(((), ("EX", 1000), ("PX", 900_000))))
            case "list":
                pipe.execute_command(draw.choice(("LPUSH", "RPUSH")), name, value, number)
                pipe.execute_command("LTRIM", name, 0, 100)
            case "set":
                pipe.execute_command("SADD", name, number, value)
                pipe.execute_command("SPOP", name)
            case "zset":
                # halves: 7.0 writes other scores into its digest with 17 digits, 7.2 with the shortest
                pipe.execute_command("ZADD", name, draw.randrange(200) / 2, value)
                pipe.execute_command("ZINCRBY", name, 0.5, value)
            case "hash":
                pipe.execute_command("HSET", name, f"f{number % 7}", value)
                pipe.execute_command("HINCRBYFLOAT", name, "float", "0.1")
            case "stream":
                pipe.execute_command("XADD", name, "*", "field", value)
            case "counter":
                pipe.execute_command("INCRBY", name, number)
        if in_transaction:
            pipe.execute_command("EXEC")
        if draw.random() < 0.05:
            pipe.execute_command("DEL", name)
    pipe.execute_command("SELECT", 0)
    pipe.execute()


def settle(primary: Instance, *replicas: Instance, empty: bool = False) -> None:
    """Wait until all replicas are where the primary is; their data are then the same."""
    for replica in replicas:
        until(
            lambda replica=replica: (
                replica.info()["master_repl_offset"] == primary.info()["master_repl_offset"]
            ),
            f"{replica.name} reaches the offset of {primary.name}",
        )
        assert replica.digest() == primary.digest()
        assert (primary.digest() == b"0" * 40) == empty
    assert primary.info()["master_replid"] == replicas[0].info()["master_replid"]


@WAYS
@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_full_copy_stream_and_a_cut_link(judge: Judge, ours: str, diskless: str) -> None:
    primary, replica = make_pair(judge, ours, repl_diskless_sync=diskless)
    with running(primary, replica), Proxy(primary.port) as proxy:
        write(primary, 1)
        replica.follow(proxy.port)
        write(primary, 2)
        replica.wait_for_link()
        settle(primary, replica)
        write(primary, 3)
        settle(primary, replica)
        syncs = primary.info()["sync_full"]
        proxy.cut()
        write(primary, 4)
        proxy.mend()
        replica.wait_for_link()
        settle(primary, replica)
        stats = primary.info()
        assert (stats["sync_full"], stats["sync_partial_ok"]) == (syncs, 1)


@WAYS
def test_acknowledged_by_a_replica(judge: Judge, ours: str) -> None:
    primary, replica = make_pair(judge, ours)
    with running(primary, replica):
        replica.follow(primary.port)
        replica.wait_for_link()
        primary.call("SET", "k", "v")
        assert primary.call("WAIT", 1, 20_000) == 1
        assert replica.call("GET", "k") == b"v"
        with pytest.raises(Exception, match="read only replica"):
            replica.call("SET", "k", "w")
        role = primary.call("ROLE")
        assert role[0] == b"master" and role[2][0][:2] == [b"127.0.0.1", str(replica.port).encode()]
        assert replica.call("ROLE")[:4] == [b"slave", b"127.0.0.1", primary.port, b"connected"]
        assert primary.info()["slave0"]["state"] == "online"


@pytest.mark.parametrize("kinds", ["real-ours-real", "ours-real-ours"])
def test_a_chain(judge: Judge, kinds: str) -> None:
    chain = [Instance(judge if kind == "real" else None) for kind in kinds.split("-")]
    first, middle, last = chain
    with running(*chain):
        write(first, 1)
        middle.follow(first.port)
        middle.wait_for_link()
        first.call("SELECT", 3)
        write(first, 2)
        last.follow(middle.port)
        last.wait_for_link()
        write(first, 3)
        settle(first, middle, last)


@pytest.mark.parametrize("promoted", ["ours", "real"])
def test_a_promoted_replica_takes_the_history_on(judge: Judge, promoted: str) -> None:
    """The other replica goes over to it by a partial resynchronization, and so does the former primary."""
    former = Instance(judge if promoted == "ours" else None)
    heir = Instance(None if promoted == "ours" else judge)
    other = Instance(judge if promoted == "ours" else None)
    with running(former, heir, other):
        for replica in (heir, other):
            replica.follow(former.port)
            replica.wait_for_link()
        write(former, 1)
        settle(former, heir, other)
        heir.call("REPLICAOF", "NO", "ONE")
        write(heir, 2)
        for replica in (other, former):
            replica.follow(heir.port)
            replica.wait_for_link()
        settle(heir, other)
        assert heir.info()["sync_full"] == 0 and heir.info()["sync_partial_ok"] >= 1


@WAYS
def test_both_keep_their_place_over_a_restart(judge: Judge, ours: str) -> None:
    """A snapshot names the history and the offset: the replica asks only for what it has missed.

    So it does when the primary comes back, whose stream opens with the end of the keys that it left out.
    """
    primary, replica = make_pair(judge, ours, save="3600 1", repl_ping_replica_period=3600)
    with running(primary, replica):
        replica.follow(primary.port)
        replica.wait_for_link()
        write(primary, 1)
        settle(primary, replica)
        replica.restart("--replicaof", f"127.0.0.1 {primary.port}")
        write(primary, 2)
        replica.wait_for_link()
        settle(primary, replica)
        assert (primary.info()["sync_full"], primary.info()["sync_partial_ok"]) == (1, 1)
        primary.call("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        for number in range(10):
            primary.call("SET", f"short{number}", "v", "PX", 1)
        until(lambda: primary.info()["slave0"]["offset"] == primary.info()["master_repl_offset"])
        former, offset = primary.info()["master_replid"], primary.info()["master_repl_offset"]
        primary.restart()
        assert primary.info()["master_replid2"] == former
        assert primary.info()["second_repl_offset"] == offset + 1
        replica.wait_for_link()
        settle(primary, replica)
        assert (primary.info()["sync_full"], primary.info()["sync_partial_ok"]) == (0, 1)
        assert replica.call("DBSIZE") == primary.call("DBSIZE")


@WAYS
def test_keys_that_expire(judge: Judge, ours: str) -> None:
    primary, replica = make_pair(judge, ours)
    with running(primary, replica):
        replica.follow(primary.port)
        replica.wait_for_link()
        for number in range(100):
            primary.call("SET", f"k{number}", "v", "PX", 100 + number)
        until(lambda: primary.call("DBSIZE") == 0, "the primary deletes them")
        until(lambda: replica.call("DBSIZE") == 0, "their DELs arrive")
        settle(primary, replica, empty=True)


def test_redis_cli_takes_a_snapshot_and_the_stream(judge: Judge, tmp_path: Path) -> None:
    """`redis-cli --rdb` speaks PSYNC or SYNC to our server."""
    cli = shutil.which("redis-cli")
    check = shutil.which("redis-check-rdb")
    if cli is None or check is None or judge.name != "redis-7.0":
        return
    with running(Instance(None)) as (server,):
        write(server, 5)
        path = tmp_path / "copy.rdb"
        subprocess.run([cli, "-p", str(server.port), "--rdb", str(path)], check=True, timeout=30)
        report = subprocess.run([check, str(path)], capture_output=True, text=True, timeout=30)
        assert "RDB looks OK" in report.stdout
