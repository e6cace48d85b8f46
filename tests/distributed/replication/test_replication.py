"""Replication in the lab: primaries, replicas and chains in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from minidis.drivers.embedded import Embedded
from minidis.drivers.simulation.lab import Lab
from minidis.engine.durability import snapshots
from minidis.engine.durability.loading import Loading
from minidis.engine.keyspace.digest import dataset_digest
from minidis.engine.link import Link
from minidis.engine.node import Node
from minidis.persistence.rdb_reader import Entry, SnapshotReader
from minidis.protocol.replies import Push, ReplyError
from minidis.protocol.resp import encode_command

QUICK = {"repl-diskless-sync-delay": 0}


def make(*names: str, seed: int = 1, config: dict[str, Any] | None = None) -> Lab:
    """The first is the primary, the others its replicas, all connected."""
    lab = Lab(seed)
    lab.nodes(*names, config={**QUICK, **(config or {})})
    for name in names[1:]:
        follow(lab, name, names[0])
    return lab


def follow(lab: Lab, replica: str, primary: str) -> None:
    lab.call(replica, "REPLICAOF", primary, 6379)
    assert lab.run_until(lambda: link_state(lab, replica) == "connected")


def link_state(lab: Lab, name: str) -> str:
    link = lab[name].replication.link
    return "none" if link is None else link.state


def digest(lab: Lab, name: str) -> str:
    return dataset_digest(lab[name].databases).hex()


def info(lab: Lab, name: str, section: str = "replication") -> dict[str, str]:
    text = bytes(lab.call(name, "INFO", section)).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def test_a_replica_connects_as_it_starts_and_pings_come_at_turns_counted_from_the_start() -> None:
    """A PING is due every ten seconds of the primary's own life, whenever a replica came."""
    lab = Lab(1)
    lab.node("a", QUICK)
    lab.run("3.5s")
    lab.node("b", {**QUICK, "replicaof": "a 6379"})
    assert lab.run_until(lambda: link_state(lab, "b") == "connected", within="100ms")
    lab.run("6.3s")
    assert lab["a"].replication.offset == 0
    lab.run("300ms")
    assert lab["a"].replication.offset == len(b"*1\r\n$4\r\nPING\r\n")


def full_syncs(lab: Lab, name: str) -> int:
    return lab[name].replication.full_syncs


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_full_copy_and_then_the_stream(diskless: str) -> None:
    lab = Lab(1)
    lab.nodes("a", "b", config={**QUICK, "repl-diskless-sync": diskless})
    for number in range(200):
        lab.call("a", "SET", f"k{number}", "x" * number)
    lab.call("a", "RPUSH", "list", *range(300))
    lab.call("a", "SELECT", 3)
    lab.call("a", "SET", "elsewhere", "1", "PX", 1_000_000)
    follow(lab, "b", "a")
    assert digest(lab, "a") == digest(lab, "b") != "0" * 40
    lab.call("a", "SELECT", 0)
    lab.call("a", "LPOP", "list", 10)
    lab.run("1s")
    assert digest(lab, "a") == digest(lab, "b")
    assert lab["b"].databases[3].expires == lab["a"].databases[3].expires


def test_what_is_written_while_the_snapshot_waits_is_in_it_or_behind_it() -> None:
    lab = Lab(3)
    lab.nodes("a", "b", config={"repl-diskless-sync-delay": 2})
    writer = lab.connect("a", "writer")
    lab.call("b", "REPLICAOF", "a", 6379)
    for number in range(3000):
        writer.send("INCRBY", "n", number)
        lab.run("1ms")
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    lab.run("2s")
    assert lab.call("b", "GET", "n") == b"%d" % sum(range(3000))


def test_offsets_are_those_of_the_bytes() -> None:
    lab = make("a", "b")
    lab.run("100ms")
    before = int(info(lab, "a")["master_repl_offset"])
    lab.call("a", "SET", "k", "v")
    select, command = (
        len("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"),
        len("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"),
    )
    assert int(info(lab, "a")["master_repl_offset"]) == before + select + command
    lab.call("a", "SET", "k", "w")
    assert int(info(lab, "a")["master_repl_offset"]) == before + select + 2 * command
    lab.run("10ms")
    assert info(lab, "b")["slave_repl_offset"] == info(lab, "a")["master_repl_offset"]


def test_a_transaction_goes_as_a_whole() -> None:
    lab = make("a", "b")
    alice = lab.connect("a", "alice")
    for words in (["MULTI"], ["SET", "x", 1], ["INCR", "x"], ["GET", "x"], ["EXEC"]):
        alice.call(*words)
    lab.run("1s")
    said = [words for _, words in stream(lab, "a", "b")]
    assert said[-1] == "MULTI; SELECT 0; SET x 1; INCR x; EXEC"
    assert lab.call("b", "GET", "x") == b"2"


def stream(lab: Lab, source: str, target: str) -> list[tuple[int, str]]:
    return [
        (message.sent_us, message.words())
        for message in lab.record.messages
        if (message.source, message.target) == (source, target) and message.words() != "PING"
    ]


def test_a_short_absence_costs_the_missing_bytes_only() -> None:
    lab = make("a", "b")
    lab.drop("a", "b")
    for number in range(20):
        lab.call("a", "SET", f"k{number}", number)
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    lab.run("1s")
    assert digest(lab, "a") == digest(lab, "b")
    assert full_syncs(lab, "a") == 1 and lab["a"].replication.partial_syncs == 1


def test_a_long_absence_costs_everything() -> None:
    lab = make("a", "b", config={"repl-backlog-size": 16384, "repl-timeout": 5})
    lab.partition("b")
    for number in range(100):
        lab.call("a", "SET", f"k{number}", "x" * 1000)
    lab.run("20s")  # both sides give the link up
    assert link_state(lab, "b") != "connected" and info(lab, "a")["connected_slaves"] == "0"
    lab.heal()
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    lab.run("1s")
    assert digest(lab, "a") == digest(lab, "b") and full_syncs(lab, "a") == 2


def test_a_promoted_replica_takes_the_history_on() -> None:
    lab = make("a", "b", "c")
    lab.call("a", "SET", "k", "v")
    lab.run("1s")
    former = info(lab, "b")
    lab.kill("a")
    lab.call("b", "REPLICAOF", "NO", "ONE")
    now = info(lab, "b")
    assert now["role"] == "master" and now["master_replid"] != former["master_replid"]
    assert now["master_replid2"] == former["master_replid"]
    assert int(now["second_repl_offset"]) == int(former["master_repl_offset"]) + 1
    lab.call("b", "SET", "k", "w")
    follow(lab, "c", "b")
    lab.run("1s")
    assert lab.call("c", "GET", "k") == b"w"
    assert full_syncs(lab, "b") == 0 and lab["b"].replication.partial_syncs == 1


def test_a_former_primary_that_did_not_go_further_joins_without_a_copy() -> None:
    lab = make("a", "b")
    lab.call("a", "SET", "k", "v")
    lab.run("1s")
    lab.call("b", "REPLICAOF", "NO", "ONE")
    lab.run("1s")
    lab.call("b", "SET", "k", "w")
    follow(lab, "a", "b")
    lab.run("1s")
    assert lab.call("a", "GET", "k") == b"w" and full_syncs(lab, "b") == 0


def test_a_former_primary_that_went_further_loses_what_it_has() -> None:
    lab = make("a", "b")
    lab.partition("a")
    assert lab.call("a", "SET", "k", "acknowledged and lost") == "OK"
    lab.call("b", "REPLICAOF", "NO", "ONE")
    lab.call("b", "SET", "other", "1")
    lab.heal()
    lab.run("1s")
    follow(lab, "a", "b")
    assert full_syncs(lab, "b") == 1
    assert digest(lab, "a") == digest(lab, "b") and lab.call("a", "EXISTS", "k") == 0


def test_a_chain_shares_one_history() -> None:
    lab = make("a", "b")
    lab.call("a", "SELECT", 2)
    lab.call("a", "SET", "before", "1")
    lab.run("100ms")
    lab.node("c", QUICK)
    follow(lab, "c", "b")  # its stream begins in database 2, and nobody says so any more
    lab.call("a", "SET", "after", "1")
    lab.run("12s")
    ids = {info(lab, name)["master_replid"] for name in "abc"}
    offsets = {info(lab, name)["master_repl_offset"] for name in "abc"}
    assert len(ids) == len(offsets) == 1
    assert len({digest(lab, name) for name in "abc"}) == 1
    assert info(lab, "b")["connected_slaves"] == "1" and info(lab, "a")["connected_slaves"] == "1"
    lab.call("a", "REPLICAOF", "NO", "ONE")
    assert lab.call("c", "ROLE")[:4] == [b"slave", b"b", 6379, b"connected"]


def requests(*lines: str) -> bytes:
    """A stretch of a stream."""
    return b"".join(encode_command(line.encode().split()) for line in lines)


TRANSACTIONS = requests("SELECT 0", "SET k 1", "MULTI", "INCR k", "RPUSH l a", "EXEC", "INCR k")


@pytest.mark.parametrize("cut", range(len(TRANSACTIONS) + 1))
def test_who_joins_a_chain_in_the_midst_of_a_transaction_gets_all_of_it_or_its_result(cut: int) -> None:
    lab = make("a", "b")
    lab.node("c", QUICK)
    link = lab["b"].replication.link
    link.received(link.peer, TRANSACTIONS[:cut])
    follow(lab, "c", "b")
    link.received(link.peer, TRANSACTIONS[cut:])
    lab.run("100ms")
    assert lab.call("b", "GET", "k") == lab.call("c", "GET", "k") == b"3"
    assert digest(lab, "b") == digest(lab, "c")
    assert lab["b"].replication.offset == lab["c"].replication.offset == link.offset


def test_what_a_pause_keeps_from_running_is_not_acknowledged_and_goes_no_further() -> None:
    lab = make("a", "b")
    lab.node("c", QUICK)
    follow(lab, "c", "b")
    lab.call("b", "CLIENT", "PAUSE", 60_000, "WRITE")
    link = lab["b"].replication.link
    before, stretch = link.offset, requests("PING", "SELECT 0", "SET k 1", "INCR k", "PING")
    link.received(link.peer, stretch)
    lab.run("2s")
    assert link.offset == lab["c"].replication.offset == before + len(requests("PING", "SELECT 0"))
    assert link.read_offset == before + len(stretch) and lab.call("c", "GET", "k") is None
    lab.call("b", "CLIENT", "UNPAUSE")
    lab.run("100ms")
    assert link.offset == lab["c"].replication.offset == before + len(stretch)
    assert lab.call("b", "GET", "k") == lab.call("c", "GET", "k") == b"2"


def test_a_link_that_is_lost_within_a_transaction_goes_on_before_it() -> None:
    lab = make("a", "b")
    alice = lab.connect("a", "alice")
    alice.call("SET", "k", 1)
    lab.run("100ms")
    link, before = lab["b"].replication.link, lab["b"].replication.offset
    link.received(link.peer, requests("PING", "MULTI", "INCR k", "INCR k"))
    lab.kill("a")
    assert lab.run_until(lambda: link_state(lab, "b") != "connected")
    assert lab["b"].replication.offset == before + len(requests("PING"))
    assert lab["b"].replication.cached_primary.offset == before + len(requests("PING"))


def test_a_change_of_history_passes_down_the_chain() -> None:
    lab = make("a", "b")
    lab.nodes("c", "d", config=QUICK)
    follow(lab, "c", "b")
    follow(lab, "d", "a")
    lab.kill("a")
    lab.call("d", "REPLICAOF", "NO", "ONE")
    lab.call("d", "SET", "new", "1")
    lab.call("b", "REPLICAOF", "d", 6379)
    lab.run("15s")
    assert len({info(lab, name)["master_replid"] for name in "bcd"}) == 1
    assert lab.call("c", "GET", "new") == b"1" and full_syncs(lab, "d") == 0


def test_expired_keys_are_hidden_by_a_replica_and_deleted_by_its_primary() -> None:
    lab = make("a", "b")
    lab.call("a", "DEBUG", "SET-ACTIVE-EXPIRE", 0)
    lab.call("a", "SET", "k", "v", "PX", 100)
    lab.run("500ms")
    assert lab.call("b", "GET", "k") is None and lab.call("b", "EXISTS", "k") == 0
    assert b"k" in lab["b"].databases[0].table  # still there
    assert lab.call("a", "GET", "k") is None  # deletes it, and says so
    lab.run("500ms")
    assert b"k" not in lab["b"].databases[0].table
    assert stream(lab, "a", "b")[-1][1].endswith("DEL k")


def test_a_replica_that_is_written_to_expires_its_own_keys() -> None:
    lab = make("a", "b", config={"replica-read-only": "no"})
    lab.call("a", "DEBUG", "SET-ACTIVE-EXPIRE", 0)
    lab.call("a", "SET", "theirs", "5", "PX", 100)
    lab.call("b", "SET", "mine", "1", "PX", 500)
    lab.call("b", "SET", "longer", "1", "PX", 200)
    lab.call("b", "EXPIRE", "longer", 60)
    assert info(lab, "b", "stats")["slave_expires_tracked_keys"] == "2"
    lab.run("1s")
    assert lab.call("b", "KEYS", "*") == [b"longer"] and lab.call("b", "DBSIZE") == 2, "theirs is hidden only"
    assert lab.call("b", "INCR", "theirs") == 1, "a write makes room for its own key"
    assert lab.call("b", "TTL", "theirs") == -1
    lab.call("b", "CONFIG", "SET", "replica-read-only", "yes")
    lab.run("60s")
    assert lab.call("b", "KEYS", "*") == [b"theirs"], "what was written before expires still"
    lab.call("b", "REPLICAOF", "NO", "ONE")
    assert info(lab, "b", "stats")["slave_expires_tracked_keys"] == "0"


def test_a_replica_obeys_its_primary_even_for_keys_past_their_time() -> None:
    lab = make("a", "b")
    lab.clock_step("b", "1h")
    lab.call("a", "SET", "k", "1", "EX", 100)
    lab.call("a", "INCR", "k")
    lab.run("1s")
    assert lab.call("b", "GET", "k") is None
    assert lab["b"].databases[0].table[b"k"].as_bytes() == b"2"


def test_writes_are_refused_by_a_replica() -> None:
    lab = make("a", "b")
    bob = lab.connect("b", "bob")
    with pytest.raises(ReplyError, match="READONLY You can't write against a read only replica."):
        bob.call("SET", "k", "v")
    bob.call("MULTI")
    with pytest.raises(ReplyError, match="READONLY"):
        bob.call("SET", "k", "v")
    with pytest.raises(ReplyError, match="EXECABORT"):
        bob.call("EXEC")
    lab.call("b", "CONFIG", "SET", "replica-read-only", "no")
    assert bob.call("SET", "own", "v") == "OK"
    lab.run("1s")
    assert lab.call("a", "EXISTS", "own") == 0


def test_stale_data() -> None:
    lab = make("a", "b")
    lab.call("a", "SET", "k", "v")
    lab.call("b", "CONFIG", "SET", "replica-serve-stale-data", "no")
    assert lab.call("b", "GET", "k") == b"v"
    lab.kill("a")
    lab.run("1s")
    with pytest.raises(ReplyError, match="MASTERDOWN Link with MASTER is down"):
        lab.call("b", "GET", "k")
    assert info(lab, "b")["master_link_status"] == "down"
    lab.call("b", "CONFIG", "SET", "replica-serve-stale-data", "yes")
    assert lab.call("b", "GET", "k") == b"v"


def test_too_few_replicas_to_write() -> None:
    lab = make("a", "b", config={"min-replicas-to-write": 1, "min-replicas-max-lag": 3})
    assert lab.call("a", "SET", "k", "v") == "OK"
    lab.partition("b")
    lab.run("5s")
    with pytest.raises(ReplyError, match="NOREPLICAS Not enough good replicas to write."):
        lab.call("a", "SET", "k", "w")
    assert info(lab, "a")["min_slaves_good_slaves"] == "0" and lab.call("a", "GET", "k") == b"v"
    lab.heal()
    lab.run("3s")
    assert lab.call("a", "SET", "k", "w") == "OK"


def test_too_few_replicas_from_the_start_and_after_a_restart() -> None:
    """What the file says holds before anybody has changed it; the log is loaded all the same."""
    lab = Lab(1)
    lab.nodes("a", "b", config={**QUICK, "min-replicas-to-write": 1, "appendonly": "yes"})
    with pytest.raises(ReplyError, match="NOREPLICAS"):
        lab.call("a", "SET", "k", "v")
    lab.call("b", "REPLICAOF", "a", 6379)
    lab.run("3s")
    assert lab.call("a", "SET", "k", "v") == "OK"
    lab.kill("a")
    lab.restart("a")
    assert lab.call("a", "GET", "k") == b"v"
    with pytest.raises(ReplyError, match="NOREPLICAS"):
        lab.call("a", "SET", "k", "w")


def test_wait_for_acknowledgements() -> None:
    lab = make("a", "b", "c")
    alice = lab.connect("a", "alice")
    alice.call("SET", "k", "v")
    started_s = lab.now_s
    assert alice.call("WAIT", 2, 1000) == 2
    assert lab.now_s - started_s < 0.02
    lab.partition("c")
    alice.call("SET", "k", "w")
    started_s = lab.now_s
    assert alice.call("WAIT", 2, 1000) == 1
    assert 1 <= lab.now_s - started_s < 1.02
    alice.send("WAIT", 2, 0)
    lab.run("3s")
    assert not alice.replies
    lab.heal()
    assert alice.wait() == 2
    with pytest.raises(ReplyError, match="WAIT cannot be used with replica instances"):
        lab.call("b", "WAIT", 1, 10)


def test_wait_is_about_the_own_writes() -> None:
    lab = make("a", "b")
    alice, bob = lab.connect("a", "alice"), lab.connect("a", "bob")
    alice.call("SET", "k", "v")
    assert alice.call("WAIT", 1, 0) == 1
    lab.partition("b")
    bob.call("SET", "k", "w")
    assert alice.call("WAIT", 1, 0) == 1  # hers have arrived
    assert bob.call("WAIT", 1, 100) == 0


def test_a_password_for_the_primary() -> None:
    lab = Lab(1)
    lab.node("a", {**QUICK, "requirepass": "secret"})
    lab.node("b", QUICK)
    lab.call("b", "REPLICAOF", "a", 6379)
    lab.run("3s")
    assert info(lab, "b")["master_link_status"] == "down"
    lab.call("b", "CONFIG", "SET", "masterauth", "secret")
    lab.run("3s")
    assert info(lab, "b")["master_link_status"] == "up"


def test_nobody_there_yet() -> None:
    lab = Lab(1)
    lab.node("b", {**QUICK, "replicaof": "a 6379"})
    lab.run("5s")
    assert lab.call("b", "ROLE")[3] in (b"connect", b"connecting")
    lab.node("a", QUICK)
    assert lab.run_until(lambda: link_state(lab, "b") == "connected", within="5s")


def test_a_silent_primary_is_given_up() -> None:
    lab = make("a", "b", config={"repl-timeout": 15})
    lab.pause("a")
    lab.run("14s")
    assert info(lab, "b")["master_link_status"] == "up"
    lab.run("12s")
    assert info(lab, "b")["master_link_status"] == "down"
    lab.resume("a")
    assert lab.run_until(lambda: link_state(lab, "b") == "connected", within="5s")
    assert full_syncs(lab, "a") == 1


def test_the_backlog_is_freed_in_time() -> None:
    lab = make("a", "b", config={"repl-backlog-ttl": 60})
    former = info(lab, "a")["master_replid"]
    lab.kill("b")
    lab.run("50s")
    assert info(lab, "a")["repl_backlog_active"] == "1"
    lab.run("15s")
    now = info(lab, "a")
    assert now["repl_backlog_active"] == "0" and now["master_replid"] != former
    lab.call("a", "SET", "k", "v")
    assert not lab["a"].gated  # back on the short way


def test_replicaof_twice_and_wrongly() -> None:
    lab = make("a", "b")
    assert lab.call("b", "REPLICAOF", "A", 6379) == "OK Already connected to specified master"
    for port in ("x", "-1", "65536"):
        with pytest.raises(ReplyError, match="ERR Invalid master port"):
            lab.call("b", "REPLICAOF", "a", port)
    assert lab.call("a", "REPLICAOF", "NO", "ONE") == "OK"


def test_blocked_clients_are_let_go_when_the_role_changes() -> None:
    lab = Lab(1)
    lab.nodes("a", "b")
    alice = lab.connect("b", "alice")
    alice.send("BLPOP", "q", 0)
    lab.run("1s")
    lab.call("b", "REPLICAOF", "a", 6379)
    with pytest.raises(ReplyError, match="UNBLOCKED force unblock from blocking operation"):
        alice.wait()
    lab.run("100ms")
    assert alice.lost  # Redis hangs up on them: who was sent here looks for the primary anew


def test_a_replica_restarts_with_what_it_finds() -> None:
    lab = make("a", "b")
    lab.call("a", "SET", "k", "v")
    lab.restart("b")
    follow(lab, "b", "a")
    assert lab.call("b", "GET", "k") == b"v"


# ---- FAILOVER ----------------------------------------------------------------------------


def roles(lab: Lab, names: str) -> dict[str, str]:
    return {name: info(lab, name)["role"] for name in names}


def test_a_coordinated_failover_loses_nothing() -> None:
    lab = make("a", "b", "c")

    def writer():
        acknowledged = []
        for number in range(2000):
            reply = yield "SADD", "s", number
            if reply == 1:
                acknowledged.append(number)
            yield 0.001
        return acknowledged

    script = lab.script("writer", "a", writer())
    lab.run("500ms")
    assert lab.call("a", "FAILOVER", "TO", "10.0.0.2", 6379) == "OK"
    assert info(lab, "a")["master_failover_state"] == "waiting-for-sync"
    lab.run("5s")
    assert roles(lab, "abc") == {"a": "slave", "b": "master", "c": "slave"}
    assert info(lab, "a")["master_failover_state"] == "no-failover"
    lab.run("20s")
    kept = {int(member) for member in lab.call("b", "SMEMBERS", "s")}
    assert len(script.result) > 100 and kept >= set(script.result)
    assert full_syncs(lab, "b") == 0 and digest(lab, "a") == digest(lab, "b")


def test_a_failover_gives_up_in_time_or_by_force() -> None:
    lab = make("a", "b")
    lab.cut("b", "a")  # nothing of b is heard
    lab.call("a", "SET", "k", "v")
    assert lab.call("a", "FAILOVER", "TIMEOUT", 2000) == "OK"
    with pytest.raises(ReplyError, match="FAILOVER already in progress"):
        lab.call("a", "FAILOVER")
    with pytest.raises(ReplyError, match="REPLICAOF not allowed while failing over"):
        lab.call("a", "REPLICAOF", "b", 6379)
    alice = lab.connect("a", "alice")
    alice.send("SET", "k", "w")
    lab.run("1s")
    assert not alice.replies  # writes wait
    lab.run("2s")
    assert alice.replies.popleft() == "OK" and roles(lab, "a") == {"a": "master"}
    lab.heal()
    lab.call("a", "FAILOVER", "TO", "10.0.0.2", 6379, "FORCE", "TIMEOUT", 1000)
    lab.run("5s")
    assert roles(lab, "ab") == {"a": "slave", "b": "master"}


def test_a_failover_is_aborted() -> None:
    lab = make("a", "b")
    lab.pause("b")
    lab.call("a", "SET", "k", "v")
    lab.call("a", "FAILOVER")
    lab.run("1s")
    assert lab.call("a", "FAILOVER", "ABORT") == "OK"
    assert lab.call("a", "SET", "k", "w") == "OK"
    with pytest.raises(ReplyError, match="ERR No failover in progress."):
        lab.call("a", "FAILOVER", "ABORT")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("TO", "10.0.0.9", 6379), "FAILOVER target HOST and PORT is not a replica."),
        (("FORCE",), "FAILOVER with force option requires both a timeout and target HOST and IP."),
        (("TIMEOUT", 0), "FAILOVER timeout must be greater than 0"),
        (("TO", "x"), "syntax error"),
    ],
)
def test_a_failover_is_refused(words: tuple, message: str) -> None:
    lab = make("a", "b")
    with pytest.raises(ReplyError, match=message):
        lab.call("a", "FAILOVER", *words)


# ---- scripts and functions -----------------------------------------------------------------


def test_what_a_script_writes_is_its_callers() -> None:
    lab = make("a", "b")
    alice = lab.connect("a", "alice")
    assert alice.call("EVAL", "redis.call('SET', 'x', 1) return redis.call('INCR', 'x')", 0) == 2
    offset = lab["a"].replication.offset
    assert alice.call("WAIT", 1, 1000) == 1 and lab["a"].replication.asked_at >= offset
    lab.run("1s")
    assert stream(lab, "a", "b")[-2][1] == "MULTI; SELECT 0; SET x 1; INCR x; EXEC"
    with pytest.raises(ReplyError, match="READONLY You can't write against a read only replica"):
        lab.call("b", "EVAL", "return redis.call('SET', 'x', 1)", 0)


def test_what_a_script_keeps_from_replicas() -> None:
    lab = make("a", "b")
    script = "redis.set_repl(redis.REPL_AOF) redis.call('SET', 'own', 1) redis.set_repl(redis.REPL_ALL)"
    lab.call("a", "EVAL", script + " redis.call('SET', 'shared', 1)", 0)
    lab.run("1s")
    assert lab.call("b", "EXISTS", "own", "shared") == 1 and lab.call("a", "EXISTS", "own", "shared") == 2


def test_a_primary_with_replicas_keeps_the_short_way() -> None:
    lab = make("a", "b")
    assert not lab["a"].gated and lab["b"].gated


def test_libraries_of_functions_reach_replicas() -> None:
    lab = make("a", "b")
    code = "#!lua name=lib\nredis.register_function('f', function() return redis.call('INCR', 'n') end)"
    lab.call("a", "FUNCTION", "LOAD", code)
    lab.call("a", "FCALL", "f", 0)
    lab.node("c", QUICK)
    follow(lab, "c", "a")
    lab.run("1s")
    for name in "bc":
        assert lab.call(name, "GET", "n") == b"1"
        assert lab.call(name, "FUNCTION", "LIST") == lab.call("a", "FUNCTION", "LIST")


def test_waitaof_counts_replicas_with_a_log() -> None:
    lab = make("a", "b", config={"appendonly": "yes", "appendfsync": "always"})
    alice = lab.connect("a", "alice")
    alice.call("SET", "k", "v")
    assert alice.call("WAITAOF", 1, 1, 5000) == [1, 1]
    lab.partition("b")
    alice.call("SET", "k", "w")
    assert alice.call("WAITAOF", 1, 1, 500) == [1, 0]
    assert lab.connect("a", "bob").call("WAITAOF", 1, 1, 500) == [1, 1], "bob wrote nothing"


def test_killed_clients_come_back() -> None:
    lab = make("a", "b")
    assert lab.call("a", "CLIENT", "KILL", "TYPE", "replica") == 1
    lab.run("2s")
    assert lab.call("b", "CLIENT", "KILL", "TYPE", "master") == 1
    lab.run("2s")
    assert link_state(lab, "b") == "connected" and full_syncs(lab, "a") == 1


def test_a_snapshot_of_a_replica_without_its_link_names_the_database_that_the_stream_is_in() -> None:
    lab = Lab(1)
    lab.node("a", QUICK)
    lab.node("b", {**QUICK, "replicaof": "a 6379"})
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    lab.call("a", "SELECT", 3)
    lab.call("a", "SET", "k", 1)
    lab.run("1s")
    lab.partition("b")
    assert lab.run_until(lambda: link_state(lab, "b") != "connected", within="100s")
    assert lab.call("b", "SAVE") == "OK"
    lab.kill("b")
    lab.restart("b")
    lab.heal()
    lab.call("a", "INCR", "k")
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    lab.run("2s")
    assert digest(lab, "a") == digest(lab, "b") and full_syncs(lab, "a") == 1


@pytest.mark.parametrize("by", ["kill", "limit"])
def test_a_snapshot_for_replicas_begins_in_the_middle_of_no_transaction(by: str) -> None:
    """The one on its way loses its last replica there, and another waits for the next."""
    lab = Lab(1)
    lab.node("a", {**QUICK, "rdb-key-save-delay": 100_000, "repl-backlog-size": "16kb"})
    lab.nodes("b", "c")
    for number in range(50):
        lab.call("a", "SET", f"k{number}", number)
    for name in "bc":
        lab.call(name, "REPLICAOF", "a", 6379)
        lab.run("300ms")
    first, second = lab["a"].replication.replicas.all.values()
    assert (first.state, second.state) == ("send_bulk", "wait_bgsave")
    alice = lab.connect("a", "alice")
    if by == "kill":
        between = ["CLIENT", "KILL", "ID", first.client.id]
    else:
        lab.call("a", "CONFIG", "SET", "client-output-buffer-limit", "slave 20kb 0 0")
        between = ["SET", "large", "x" * 30_000]
    for words in (["MULTI"], ["INCR", "n"], between, ["INCR", "n"], ["EXEC"]):
        alice.call(*words)
    assert lab.run_until(lambda: second.state == "send_bulk", within="20ms"), "the next one begins at once"
    lab.call("a", "CONFIG", "SET", "rdb-key-save-delay", 0, "client-output-buffer-limit", "slave 0 0 0")
    for name in "bc":
        assert lab.run_until(lambda name=name: link_state(lab, name) == "connected")
    lab.run("2s")
    assert [lab.call(name, "GET", "n") for name in "abc"] == [b"2"] * 3


def test_a_cancelled_snapshot_has_the_node_look_for_the_next_one_soon() -> None:
    lab = make("a", "b")
    node = lab["a"]
    assert node.next_tick_us > node.now_us
    node.replication.replicas.sync_cancelled()
    assert node.next_tick_us == node.now_us == node.next_deadline_us()
    node.tick()
    assert node.next_tick_us > node.now_us


# ---- limits ---------------------------------------------------------------------------------


def test_a_replica_that_does_not_read_is_cut_off() -> None:
    limits = {"client-output-buffer-limit": "slave 2mb 0 0", "repl-backlog-size": "1mb", "repl-timeout": 600}
    lab = make("a", "b", config=limits)
    lab.pause("b")
    for number in range(40):
        lab.call("a", "SET", f"k{number}", "x" * 100_000)
        if number == 17:  # more than the backlog's megabyte waits for it
            assert 1_400_000 < int(info(lab, "a", "memory")["mem_total_replication_buffers"]) < 1_900_000
    assert info(lab, "a")["connected_slaves"] == "0"
    lab.resume("b")
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    lab.run("1s")
    assert digest(lab, "a") == digest(lab, "b") and full_syncs(lab, "a") == 2


def test_no_more_of_a_snapshot_is_made_than_the_slowest_replica_takes() -> None:
    lab = Lab(1)
    lab.nodes("a", "b", "c", config={"rdbcompression": "no"})
    lab.call("a", "DEBUG", "POPULATE", 300, "key", 10_000)
    for name in ("b", "c"):
        lab.call(name, "REPLICAOF", "a", 6379)
    sent = lab["a"].statistics
    assert lab.run_until(lambda: sent.replication_output_bytes > 200_000)
    lab.pause("b")
    lab.run("30s")
    most_bytes = 256 * 1024 + 3 * 64 * 1024  # the kernels' buffers, and slices
    assert sent.replication_output_bytes < 2 * most_bytes
    assert info(lab, "a", "persistence")["rdb_bgsave_in_progress"] == "1"
    assert link_state(lab, "b") == link_state(lab, "c") == "sync"
    lab.resume("b")
    assert lab.run_until(lambda: link_state(lab, "b") == link_state(lab, "c") == "connected")
    assert digest(lab, "a") == digest(lab, "b") == digest(lab, "c")
    assert full_syncs(lab, "a") == 2


def test_who_takes_nothing_of_a_snapshot_is_hung_up_on_and_the_others_go_on() -> None:
    lab = Lab(1)
    lab.nodes("a", "b", "c", config={"rdbcompression": "no"})
    lab.call("a", "CONFIG", "SET", "repl-timeout", 20)  # the others have more patience
    said: list[str] = []
    lab["a"].log = lambda level, text: said.append(text)
    lab.call("a", "DEBUG", "POPULATE", 300, "key", 10_000)
    for name in ("b", "c"):
        lab.call(name, "REPLICAOF", "a", 6379)
    sent = lab["a"].statistics
    assert lab.run_until(lambda: sent.replication_output_bytes > 200_000)
    lab.pause("b")
    lab.run("19s")
    assert info(lab, "a")["connected_slaves"] == "2"
    lab.run("5s")
    assert info(lab, "a")["connected_slaves"] == "1"
    assert any(text.startswith("Disconnecting timedout replica (full sync): ") for text in said)
    assert any(text.endswith("done reading from pipe, 1 replicas still up.") for text in said)
    assert link_state(lab, "c") == "connected" and digest(lab, "a") == digest(lab, "c")
    lab.resume("b")
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    assert digest(lab, "a") == digest(lab, "b")


BUSY = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."


def test_a_second_full_copy_asked_for_while_a_script_runs_is_refused_and_the_first_goes_on() -> None:
    pytest.importorskip("lupa")
    now_us = [1_000_000]
    node = Node({**QUICK, "enable-debug-command": "yes", "rdbcompression": "no"}, clock=lambda: now_us[0])
    caller, first, second = Link(node), Link(node), Link(node)
    caller.receive(b"DEBUG POPULATE 1000 key 100\r\n")
    snapshots = {first: b"", second: b""}
    for link in snapshots:
        link.receive(b"REPLCONF capa eof capa psync2\r\n")
        assert link.take_output() == b"+OK\r\n"
    first.receive(b"PSYNC ? -1\r\n")
    told = b""

    def go_on() -> None:
        now_us[0] += 1_000_000
        node.tick()
        for link in snapshots:
            link.collect()
            snapshots[link] += link.take_output()

    def meanwhile(run: Any) -> None:
        nonlocal told
        now_us[0] += 3_000_000
        if run.is_slow and not told:
            second.receive(b"PSYNC ? -1\r\n")
            told = second.take_output()

    go_on()
    assert node.background.job is not None  # the first one's snapshot is not whole yet
    node.on_script_step = meanwhile
    caller.receive(encode_command([b"EVAL", b"for i = 1, 1000000 do end redis.call('SET', 'k', 'v')", b"0"]))
    assert told == b"-" + BUSY.encode() + b"\r\n" and second.client.role == ""
    second.receive(b"PSYNC ? -1\r\n")
    while node.background.job is not None:
        go_on()
    for snapshot in snapshots.values():
        line, _, rest = snapshot.lstrip(b"\n").partition(b"\r\n")
        assert line.startswith(b"+FULLRESYNC " + node.replication.id.encode())
        mark, _, rdb = rest.partition(b"\r\n")
        assert mark.startswith(b"$EOF:") and rdb.endswith(mark[5:])
        keys = [event.key for event in SnapshotReader().feed(rdb[:-40]) if isinstance(event, Entry)]
        assert len(keys) == 1000 + (snapshot is snapshots[second])  # the script's key is in the second alone


def test_a_replica_that_is_told_busy_comes_again() -> None:
    """The script begins after the replica's PING, which would be refused, too."""
    lab = Lab(1)
    lab.nodes("a", "b", config=QUICK)
    told: list[str] = []

    def refuse(client: Any, command: Any, argv: list[bytes]) -> None:
        if command.name in ("psync", "sync"):
            told.append(command.name)
            raise ReplyError(BUSY)

    lab["a"].set_guard(refuse, True)
    lab.call("b", "REPLICAOF", "a", 6379)
    lab.run("3s")
    assert set(told) == {"psync", "sync"} and len(told) < 20 and link_state(lab, "b") != "connected"
    lab["a"].set_guard(refuse, False)
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")


def test_what_is_held_for_one_replica_serves_another() -> None:
    """c's full copy takes long; b is away for more than the backlog holds, and goes on all the same."""
    lab = make("a", "b", config={"repl-backlog-size": 16384, "repl-timeout": 600})
    lab.call("a", "MSET", *(word for number in range(20) for word in (f"k{number}", "v")))
    lab.call("a", "CONFIG", "SET", "rdb-key-save-delay", 1_000_000)
    lab.node("c", {**QUICK, "replicaof": "a 6379"})
    lab.run("500ms")
    lab.drop("a", "b")
    lab.partition("a", "b")
    for number in range(10):
        lab.call("a", "SET", "big", str(number) * 10_000)
    assert int(info(lab, "a")["repl_backlog_histlen"]) > 100_000
    assert info(lab, "a", "persistence")["rdb_bgsave_in_progress"] == "1"
    lab.heal()
    lab.run("1s")
    assert link_state(lab, "b") == "connected" and link_state(lab, "c") == "sync"
    assert info(lab, "a", "stats")["sync_partial_ok"] == "1"
    buffers = int(info(lab, "a", "memory")["mem_total_replication_buffers"])
    assert 100_000 < buffers < 130_000
    lab.run("60s")
    assert digest(lab, "a") == digest(lab, "b") == digest(lab, "c")
    assert int(info(lab, "a")["repl_backlog_histlen"]) <= 16384


@pytest.mark.parametrize("load", ["swapdb", "disabled"])
def test_who_tracks_keys_at_a_replica_is_told_that_a_full_copy_has_come(load: str) -> None:
    """Also of those that are not in it: nothing of what was read may be kept."""
    lab = Lab(1)
    lab.nodes("a", "b", config={**QUICK, "repl-diskless-load": load})
    lab.call("a", "SET", "there", 1)
    lab.call("b", "SET", "here", 1)
    client = lab["b"].connect()
    client.protocol = 3
    lab["b"].execute(client, [b"CLIENT", b"TRACKING", b"ON"])
    lab["b"].execute(client, [b"MGET", b"here", b"there"])
    follow(lab, "b", "a")
    assert list(client.outbox) == [Push([b"invalidate", None])]
    assert lab["b"].execute(client, [b"MGET", b"here", b"there"]) == [None, b"1"]


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_replica_waits_for_as_long_as_its_snapshot_is_made(diskless: str) -> None:
    lab = Lab(1)
    lab.nodes("a", "b", config={**QUICK, "repl-diskless-sync": diskless, "rdb-key-save-delay": 100_000})
    lab.call("a", "DEBUG", "POPULATE", 10)
    lab.call("b", "REPLICAOF", "a", 6379)
    lab.run("500ms")
    assert "state=wait_bgsave," in info(lab, "a")["slave0"]
    lab.run("2s")
    assert "state=online," in info(lab, "a")["slave0"]


@pytest.mark.parametrize(
    ("load", "told"), [("swapdb", "Internal error in RDB"), ("disabled", "I/O error trying to sync")]
)
def test_a_snapshot_that_ends_in_its_middle_is_told(load: str, told: str) -> None:
    lab = Lab(1)
    lab.nodes("a", "b", config={**QUICK, "rdb-key-save-delay": 100_000, "repl-diskless-load": load})
    lab.call("a", "DEBUG", "POPULATE", 10)
    lines: dict[str, list[str]] = {"a": [], "b": []}
    for name, kept in lines.items():
        lab[name].log = lambda level, text, kept=kept: kept.append(text)
    lab.call("b", "REPLICAOF", "a", 6379)
    lab.run("500ms")
    lab.drop("a", "b")
    lab.run("500ms")
    assert any(line.startswith(told) for line in lines["b"])
    assert "Diskless rdb transfer, last replica dropped, killing fork child." in lines["a"]
    lab.run("4s")
    assert "Diskless rdb transfer, done reading from pipe, 1 replicas still up." in lines["a"]
    assert link_state(lab, "b") == "connected"


def slow_full_copy(*replicas: str, diskless: str, save: str = "") -> Lab:
    """A primary whose snapshot for these replicas takes a second; it has begun."""
    lab = Lab(1)
    lab.nodes("a", *replicas, config={**QUICK, "repl-diskless-sync": diskless, "save": save})
    for number in range(10):
        lab.call("a", "SET", f"key:{number}", number)
    lab.call("a", "CONFIG", "SET", "rdb-key-save-delay", 100_000)
    for name in replicas:
        lab.call(name, "REPLICAOF", "a", 6379)
    assert lab.run_until(lambda: info(lab, "a")["connected_slaves"] == str(len(replicas)))
    lab.run("100ms")
    assert lab["a"].background.is_running("replica")
    return lab


def test_nobody_saves_while_a_snapshot_for_replicas_runs() -> None:
    """It may become the BGSAVE, and would then put what is older in the place of what SAVE wrote."""
    lab = slow_full_copy("b", diskless="no", save="3600 1")
    lab.call("a", "SET", "later", 1)
    for words in (["SAVE"], ["BGSAVE"], ["BGSAVE", "SCHEDULE"]):
        with pytest.raises(ReplyError, match="Background save already in progress"):
            lab.call("a", *words)
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    assert lab.call("a", "SAVE") == "OK"


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_after_flushall_nobody_loads_what_is_gone(diskless: str) -> None:
    lab = slow_full_copy("b", diskless=diskless)
    lines: list[str] = []
    lab["a"].log = lambda level, text: lines.append(text)
    lab.call("a", "FLUSHALL")
    assert lab["a"].background.job is None
    assert lines.count("SYNC failed. BGSAVE child returned an error") == 1
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    assert lab.call("b", "DBSIZE") == 0
    assert lab["a"].replication.full_syncs == 2


@pytest.mark.parametrize(
    ("diskless", "save", "goes_on"), [("no", "900 1", True), ("no", "", False), ("yes", "900 1", False)]
)
def test_a_file_for_nobody_is_finished_where_save_points_want_it(
    diskless: str, save: str, goes_on: bool
) -> None:
    lab = slow_full_copy("b", "c", diskless=diskless, save=save)
    lab.call("b", "REPLICAOF", "NO", "ONE")
    lab.run("100ms")
    assert lab["a"].background.is_running("replica")
    lab.call("a", "SET", "later", 1)
    lab.call("c", "REPLICAOF", "NO", "ONE")
    lab.run("100ms")
    assert lab["a"].background.is_running("rdb") == goes_on
    assert (lab["a"].background.job is None) != goes_on
    lab.run("2s")
    assert lab["a"].saving.changes == (1 if goes_on else 11)
    assert lab["a"].saving.saves == (1 if diskless == "no" else 0)
    lab.kill("a")
    lab.restart("a")
    assert lab.call("a", "DBSIZE") == (10 if goes_on else 0)


def test_a_file_for_nobody_ends_where_the_disk_refuses_it() -> None:
    lab = slow_full_copy("b", diskless="no", save="900 1")
    lab.disks["a"].fail("create")
    lab.call("b", "REPLICAOF", "NO", "ONE")
    lab.run("100ms")
    assert lab["a"].background.job is None and lab["a"].saving.last_status == "err"
    assert lab["a"].databases[0].views == ()


def test_a_shutdown_ends_a_snapshot_for_replicas_and_leaves_no_file_of_it() -> None:
    lab = slow_full_copy("b", diskless="no", save="900 1")
    with pytest.raises(ConnectionError):
        lab.call("a", "SHUTDOWN", "NOSAVE")
    lab.run("100ms")
    assert lab.disks["a"].list(".") == []


def test_a_wrong_offset_is_refused_and_told() -> None:
    lab = Lab(1)
    lab.node("a")
    lines: list[str] = []
    lab["a"].log = lambda level, text: lines.append(text)
    with pytest.raises(ReplyError, match="ERR value is not an integer or out of range"):
        lab.call("a", "PSYNC", "?", "offset_str")
    assert lines[-1].startswith("Replica ") and lines[-1].endswith(
        " asks for synchronization but with a wrong offset"
    )


def test_config_says_whom_a_replica_follows() -> None:
    lab = make("a", "b")
    assert lab.call("b", "CONFIG", "GET", "replicaof") == [b"replicaof", b"a 6379"]
    lab.call("b", "REPLICAOF", "NO", "ONE")
    assert lab.call("b", "CONFIG", "GET", "replicaof") == [b"replicaof", b""]


def test_a_snapshot_of_functions_alone() -> None:
    lab = make("a")
    lab.call("a", "SET", "k", "v")
    lab.call("a", "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() end)")
    alice = lab.connect("a", "alice")
    for words in (("capa", "eof"), ("rdb-only", 1), ("rdb-filter-only", "functions")):
        assert alice.call("REPLCONF", *words) == "OK"
    alice.parses = False
    alice.send("SYNC")
    lab.run("3s")
    data = bytes(alice.received)
    assert b"register_function" in data and b"k\x01v" not in data and data.startswith(b"$EOF:")
    assert data.endswith(data[5:45]) and info(lab, "a")["connected_slaves"] == "0"


# ---- from disk --------------------------------------------------------------------------------


def test_a_replica_goes_on_from_its_snapshot() -> None:
    lab = Lab(1)
    lab.node("a", QUICK)
    lab.node("b", {**QUICK, "replicaof": "a 6379"})
    lab.run("3s")
    lab.call("a", "SELECT", 2)
    lab.call("a", "SET", "k", "v")
    lab.run("100ms")
    assert lab.call("b", "SAVE") == "OK"
    lab.kill("b")
    lab.call("a", "SET", "missed", "1")  # in database 2, which the stream names no more
    lab.restart("b")
    lab.run("3s")
    assert link_state(lab, "b") == "connected" and digest(lab, "a") == digest(lab, "b")
    assert full_syncs(lab, "a") == 1 and lab["a"].replication.partial_syncs == 1


@pytest.mark.parametrize("expires", [False, True])
def test_a_primary_that_restarts_from_its_snapshot(expires: bool) -> None:
    """Its replica goes on with what it has, and is told which keys the primary left out at the start."""
    lab = make("a", "b")
    lab.call("a", "SET", "k", "v")
    lab.call("a", "SET", "short", "1", "EX", 5)
    lab.run("100ms")
    lab.call("a", "SAVE")
    lab.kill("a")
    lab.run("10s" if expires else "1s")
    lab.restart("a")
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    lab.run("10s")
    assert digest(lab, "a") == digest(lab, "b")
    assert (full_syncs(lab, "a"), lab["a"].replication.partial_syncs) == (0, 1)
    assert set(lab["b"].databases[0].table) == {b"k"}


def test_a_restarted_primary_whose_backlog_cannot_hold_the_expired_keys() -> None:
    lab = make("a", "b", config={"repl-backlog-size": 16384})
    for number in range(200):
        lab.call("a", "SET", f"{'long' * 20}:{number}", "1", "EX", 5)
    lab.call("a", "SAVE")
    lab.kill("a")
    lab.run("10s")
    lab.restart("a")
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    assert (full_syncs(lab, "a"), lab["a"].replication.partial_syncs) == (1, 0)
    assert digest(lab, "a") == digest(lab, "b")


# ---- repl-diskless-load -----------------------------------------------------------------------

DISKLESS_LOADS = [
    ("disabled", True, (0, 0)),
    ("on-empty-db", False, (0, 0)),
    ("on-empty-db", True, (1, 0)),
    ("swapdb", False, (1, 0)),
]


@pytest.mark.parametrize(("mode", "is_empty", "expected"), DISKLESS_LOADS)
def test_what_clients_notice_of_a_snapshot_that_comes(
    mode: str, is_empty: bool, expected: tuple[int, int]
) -> None:
    """(loading, async_loading) while it is on its way; if it fails, the old data are there as before."""
    lab = Lab(1)
    lab.node("a", QUICK)
    lab.node("b", {**QUICK, "repl-diskless-load": mode})
    for number in range(20):
        lab.call("a", "SET", f"k{number}", "x" * 10_000)
    if not is_empty:
        lab.call("b", "SET", "mine", "1")
    half = stop_half_way(lab, "a", "b")
    assert (half["loading"], half["async_loading"]) == tuple(map(str, expected))
    if expected == (1, 0):
        with pytest.raises(ReplyError, match="LOADING"):
            lab.call("b", "GET", "mine")
    lab.drop("a", "b")
    lab.run("10ms")
    assert lab.call("b", "DBSIZE") == (0 if is_empty else 1)
    lab.heal()
    assert lab.run_until(lambda: link_state(lab, "b") == "connected")
    assert digest(lab, "a") == digest(lab, "b") and info(lab, "b", "persistence")["loading"] == "0"


def test_a_snapshot_of_our_own_history_leaves_the_old_data_in_use() -> None:
    lab = make("a", "b", config={"repl-diskless-load": "swapdb", "repl-backlog-size": 16384})
    for number in range(20):
        lab.call("a", "SET", f"k{number}", "x" * 10_000)
    lab.run("1s")
    lab.partition("a")
    lab.call("a", "CLIENT", "KILL", "TYPE", "replica")
    lab.call("a", "MSET", *(word for number in range(5) for word in (f"n{number}", "x" * 10_000)))
    lab.heal()
    half = stop_half_way(lab, "a", "b", follow=False)
    assert (half["loading"], half["async_loading"]) == ("0", "1")
    assert lab.call("b", "STRLEN", "k1") == 10_000 and lab.call("b", "EXISTS", "n1") == 0
    for words in (("REPLICAOF", "NO", "ONE"), ("CONFIG", "SET", "appendonly", "yes")):
        with pytest.raises(ReplyError, match="LOADING"):
            lab.call("b", *words)
    lab.heal()
    assert lab.run_until(lambda: digest(lab, "a") == digest(lab, "b"))


def stop_half_way(lab: Lab, primary: str, replica: str, follow: bool = True) -> dict[str, str]:
    """Hold the network when a part of the snapshot has come; INFO persistence of the replica then."""
    lab.call(primary, "CONFIG", "SET", "rdb-key-save-delay", 1000, "rdbcompression", "no")
    if follow:
        lab.call(replica, "REPLICAOF", primary, 6379)

    def is_half_way() -> bool:
        link = lab[replica].replication.link
        return link is not None and link.receiver is not None and link.receiver.loaded_bytes > 40_000

    assert lab.run_until(is_half_way)
    lab.cut(primary, replica)
    return info(lab, replica, "persistence")


def test_a_paused_replica_stands_still_and_goes_on() -> None:
    lab = make("a", "b")
    lab.call("a", "SET", "k", 1)
    lab.run("2s")
    before = lab["b"].replication.link.offset
    lab.call("b", "CLIENT", "PAUSE", 100_000, "WRITE")
    writer = lab.connect("a", "writer")
    for words in (("SET", "k", 2), ("MULTI",), ("INCR", "k"), ("INCR", "k"), ("EXEC",)):
        writer.call(*words)
    lab.run("5s")
    fields = info(lab, "b")
    assert int(fields["slave_read_repl_offset"]) == lab["a"].replication.offset > before
    assert lab.call("b", "GET", "k") == b"1" and link_state(lab, "b") == "connected"
    assert lab["b"].replication.link.offset == lab["b"].replication.offset < lab["a"].replication.offset
    lab.call("b", "CLIENT", "UNPAUSE")
    lab.run("50ms")
    assert lab.call("b", "GET", "k") == b"4"
    lab.run("2s")
    assert lab["b"].replication.link.offset == lab["a"].replication.offset
    assert digest(lab, "a") == digest(lab, "b")


def a_few_elements(walk: snapshots.Walk, sink: snapshots.Sink, most_us: int = 0) -> bool:
    is_last = walk.advance(1, 0)
    sink.write(walk.take())
    return is_last


@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_replica_has_a_very_large_value_in_its_snapshot_before_the_primary_changes_it(
    monkeypatch: pytest.MonkeyPatch, in_transaction: bool
) -> None:
    """Its own clients are answered meanwhile, which is what the waiting is for."""
    monkeypatch.setattr(snapshots, "VERY_LARGE", 300)
    monkeypatch.setattr(snapshots, "LARGE", 100)
    monkeypatch.setattr(snapshots.Walk, "advance_into", a_few_elements)
    monkeypatch.setattr("minidis.persistence.rdb_writer.ELEMENTS_PER_PIECE", 1)
    lab = make("a", "b")
    for number in range(400):
        lab.call("a", "ZADD", "board", number, f"member {number}")
    lab.run("2s")
    replica, before = lab["b"], digest(lab, "b")
    replica.works_at_once = False
    lab.call("b", "BGSAVE")
    replica.background.rest_us = 10_000
    assert replica.background.holds_back
    writer = lab.connect("a", "writer")
    change = ("ZADD", "board", 5000, "member 7")
    for words in (("MULTI",), change, ("EXEC",)) if in_transaction else (change,):
        writer.call(*words)
    writer.call("SET", "after", "it")
    link = replica.replication.link
    assert lab.run_until(lambda: link.held is not None)
    assert lab.call("b", "ZSCORE", "board", "member 7") == b"7" and lab.call("b", "GET", "after") is None
    assert lab.run_until(lambda: link.held is None)
    assert lab.call("b", "ZSCORE", "board", "member 7") == b"5000" and lab.call("b", "GET", "after") == b"it"
    assert lab.run_until(lambda: replica.background.job is None)
    lab.run("2s")
    assert digest(lab, "b") == digest(lab, "a") != before
    assert link.offset == lab["a"].replication.offset
    restored = Embedded(clock=0)
    loading = Loading(restored.node, disk=replica.disk)
    loading.begin(loading.snapshot(replica.saving.path)).run()
    assert dataset_digest(restored.node.databases).hex() == before


# ---- a replica whose disk fails ---------------------------------------------------------------------------


def with_log(**config: str) -> Lab:
    """A primary with a key, and a node with another and a log, which is about to be its replica."""
    lab = Lab(seed=1)
    lab.node("primary")
    lab.node("replica", {"appendonly": "yes", **config})
    lab.call("primary", "SET", "k", "v")
    lab.call("replica", "SET", "old", "1")
    lab.run("2s")
    return lab


@pytest.mark.parametrize(
    ("operation", "pattern"), [("sync", "*.incr.aof"), ("create", "*.incr"), ("create", "*")]
)
def test_a_dataset_from_the_primary_gets_its_log_as_soon_as_the_disk_lets_it(operation, pattern):
    lab = with_log()
    lab.disks["replica"].fail(operation, pattern)
    lab.call("replica", "REPLICAOF", "primary", 6379)
    lab.run("10s")
    assert lab.processes["replica"].node.append_only.state == "on"
    lab.call("primary", "SET", "later", "v")
    lab.run("3s")
    lab.partition("primary")
    lab.power_cut("replica")
    lab.restart("replica")
    assert sorted(lab.call("replica", "KEYS", "*")) == [b"k", b"later"]


def test_a_dataset_from_the_primary_that_gets_no_log_leaves_the_former_one_as_it_was():
    lab = with_log()
    disk = lab.disks["replica"]
    before = disk.list("appendonlydir")
    disk.fail("create", "*", times=1000)
    lab.call("replica", "REPLICAOF", "primary", 6379)
    lab.run("7s")
    lab.call("primary", "SET", "later", "v")
    lab.run("2s")
    assert lab.call("replica", "GET", "later") == b"v"
    assert lab.processes["replica"].node.append_only.state == "waiting"
    assert disk.list("appendonlydir") == before
    lab.partition("primary")
    lab.kill("replica")
    lab.restart("replica")
    assert lab.call("replica", "KEYS", "*") == [b"old"]


def test_a_replica_that_cannot_write_ends_unless_it_may_ignore_that():
    lab = with_log()
    lab.call("replica", "REPLICAOF", "primary", 6379)
    lab.run("3s")
    told = lab.processes["replica"].node
    lines: list[str] = []
    told.log = lambda level, text: lines.append(text)
    lab.call("replica", "CONFIG", "SET", "replica-ignore-disk-write-errors", "yes")
    lab.disks["replica"].fail("write", "*.incr.aof", times=1000)
    for number in range(15):
        lab.call("primary", "SET", "k", number)
        lab.run("1s")
    assert lab.call("replica", "GET", "k") == b"14"
    words = "Replica is applying a command even though it is unable to write to disk."
    assert lines.count(words) == 2
    lab.call("replica", "CONFIG", "SET", "replica-ignore-disk-write-errors", "no")
    lab.run("20s")
    assert lab.processes["replica"].running, "a PING of the primary changes nothing"
    lab.call("primary", "SET", "k", "last")
    lab.run("1s")
    assert not lab.processes["replica"].running


def test_a_replica_that_could_not_load_its_file_anew_goes_on_with_its_primary():
    lab = with_log(appendonly="no")
    lab.call("replica", "REPLICAOF", "primary", 6379)
    lab.run("7s")
    lab.processes["replica"].node.saving.hold("a file that is damaged")
    lab.call("primary", "SET", "k", "w")
    lab.run("1s")
    assert lab.call("replica", "GET", "k") == b"w"


@pytest.mark.parametrize("words", [("BGREWRITEAOF",), ("CONFIG", "SET", "appendonly", "no")])
def test_a_process_that_cannot_keep_its_word_ends_before_its_replies_leave(words):
    lab = Lab(seed=1)
    lab.node("a", {"appendonly": "yes", "appendfsync": "always"})
    lab.disks["a"].fail("write", "*.incr.aof")
    client = lab.connect("a", "client")
    client.send("SET", "k", "v")
    client.send(*words)
    lab.run("1s")
    assert not lab.processes["a"].running and not client.replies
