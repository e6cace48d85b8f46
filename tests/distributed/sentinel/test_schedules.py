"""Seeds by the hundred: whatever fails, one leader for each epoch with a majority behind it, and one truth.

LAB_SEEDS says how many seeds each property is tried on, LAB_FIRST_SEED where they begin.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator

from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.search import Check, play, search
from minidis.drivers.simulation.terminal import Move
from minidis.engine.keyspace.digest import dataset_digest

SEEDS = int(os.environ.get("LAB_SEEDS", "6"))
FIRST = int(os.environ.get("LAB_FIRST_SEED", "0"))
WRITER_ENDS_S = 25
NODES, SENTINELS = "abc", ("s1", "s2", "s3")
CONFIG = {"repl-diskless-sync-delay": 0, "repl-timeout": 5, "repl-ping-replica-period": 1, "hz": 1}
OPTIONS = {"down_after_ms": 1000, "failover_timeout_ms": 5000, "lines": ["hz 1"]}


def deploy(lab: Lab, **config: object) -> None:
    """A primary, two replicas, three Sentinels."""
    lab.node("a", {**CONFIG, **config})
    for name in "bc":
        lab.node(name, {**CONFIG, **config, "replicaof": "a 6379"})
    lab.sentinels(*SENTINELS, watch={"m": "a"}, **OPTIONS)


def check_votes(lab: Lab) -> str | None:
    """Each Sentinel votes once in an epoch; an epoch has one leader, and the leader a majority."""
    votes: dict[tuple[str, int], set[str]] = defaultdict(set)
    leaders: dict[int, set[str]] = defaultdict(set)
    epochs: dict[str, int] = {}
    ids = {name: lab[name].sentinel.my_id for name in SENTINELS}
    for note in lab.record.notes:
        event, _, text = note.text.partition(" ")
        if event == "+vote-for-leader":
            candidate, epoch = text.split()
            votes[note.where, int(epoch)].add(candidate)
        elif event == "+new-epoch":
            epochs[note.where] = int(text)
        elif event == "+try-failover":
            epochs[f"failover of {note.where}"] = epochs[note.where]
        elif event == "+elected-leader":
            leaders[epochs[f"failover of {note.where}"]].add(note.where)
    for (where, epoch), candidates in votes.items():
        if len(candidates) > 1:
            return f"{where} voted twice in epoch {epoch}: {candidates}"
    for epoch, names in leaders.items():
        if len(names) > 1:
            return f"two leaders in epoch {epoch}: {names}"
        voters = [where for where in SENTINELS if ids[min(names)] in votes.get((where, epoch), ())]
        if len(voters) < 2:
            return f"{names} led in epoch {epoch} by the votes of {voters} alone"
    return None


def check_one_truth(lab: Lab) -> str | None:
    """All Sentinels name one primary; it is one, the others follow it, and all hold the same.

    A replica that was away before a Sentinel met it is corrected by nobody: it may follow the former primary,
    and get the same by a chain.
    """
    truths = {
        (primary.current_address.ip, primary.config_epoch)
        for name in SENTINELS
        for primary in lab[name].sentinel.primaries.values()
    }
    if len(truths) > 1:
        return f"the Sentinels do not agree: {truths}"
    ip, _ = truths.pop()
    primary = next(name for name in NODES if lab.processes[name].host.ip == ip)
    for name in NODES:
        follows = lab[name].replication.primary_address
        if name != primary and not _is_known(lab, name):
            continue
        wanted = (None,) if name == primary else (ip, primary)
        if (follows if follows is None else follows[0]) not in wanted:
            return f"{primary} is the primary, and {name} follows {follows}"
    digests = {dataset_digest(lab[name].databases) for name in NODES}
    return None if len(digests) == 1 else "the nodes do not hold the same"


def _is_known(lab: Lab, name: str) -> bool:
    """Does a Sentinel know this replica?"""
    address = lab.processes[name].address
    watched = [lab[sentinel].sentinel.primaries["m"] for sentinel in SENTINELS]
    return any((one.address.ip, one.address.port) == address for m in watched for one in m.replicas.values())


def any_faults(lab: Lab) -> Check:
    """Everything may fail; when all is healed, there is one truth."""
    deploy(lab)

    def writer() -> Iterator:
        for number in range(100):
            yield "SADD", "s", number
            yield 0.2

    lab.script("writer", "a", writer())

    def check() -> str | None:
        too_early = "too early: somebody still writes" if lab.now_s < WRITER_ENDS_S else None
        return check_votes(lab) or check_one_truth(lab) or too_early

    return check


def test_one_leader_and_one_truth() -> None:
    finding = search(any_faults, range(FIRST, FIRST + SEEDS), settle_s=240, eventually=True)
    assert finding is None, finding and finding.transcript()


def agreed(lab: Lab) -> Check:
    """What all three nodes have synced is kept, whoever is promoted after whatever failed.

    For then each of them has it, from its disk or from one that has it; and a copy is as good as its source.
    """
    deploy(lab, appendonly="yes", appendfsync="always")
    kept: list[int] = []

    def find_primary() -> Iterator:
        for name in SENTINELS:
            yield lab.at(name)
            reply = yield "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m"
            if isinstance(reply, list):
                yield Move((reply[0].decode(), int(reply[1])))
                return

    def writer() -> Iterator:
        for number in range(100):
            reply = yield "SADD", "s", number
            if reply == 1:
                reply = yield "WAITAOF", 1, 2, 1000
                if reply == [1, 2]:
                    kept.append(number)
            if isinstance(reply, Exception):
                yield from find_primary()
            yield 0.1

    lab.script("writer", "a", writer())

    def check() -> str | None:
        if lab.now_s < WRITER_ENDS_S:
            return "too early: somebody still writes"
        wrong = check_votes(lab) or check_one_truth(lab)
        there = set(lab["a"].databases[0].table.get(b"s") or ())
        lost = [number for number in kept if b"%d" % number not in there]
        return wrong or (f"on three disks and lost: {lost}" if lost else None)

    return check


def test_what_all_have_synced_outlives_every_failover() -> None:
    finding = search(agreed, range(FIRST, FIRST + SEEDS), settle_s=240, eventually=True)
    assert finding is None, finding and finding.transcript()


def split_brain(guarded: bool) -> object:
    """A client on the side of the old primary goes on writing. Is what was acknowledged there lost?"""
    limits = {"min-replicas-to-write": 1, "min-replicas-max-lag": 1} if guarded else {}

    def scenario(lab: Lab) -> Check:
        deploy(lab, **limits)

        def writer() -> Iterator:
            acknowledged = []
            yield 3.0
            for number in range(200):
                reply = yield "SADD", "s", number
                if reply == 1:
                    acknowledged.append((lab.now_s, number))
                yield 0.1
            return acknowledged

        script = lab.script("writer", "a", writer())

        def check() -> str | None:
            ip = lab["s1"].sentinel.primaries["m"].current_address.ip
            name = next(one for one in NODES if lab.processes[one].host.ip == ip)
            members = lab[name].databases[0].table.get(b"s")
            there = set(members) if members is not None else set()
            lost = [at for at, number in script.result or [] if b"%d" % number not in there]
            if not lost or (guarded and max(lost) - min(lost) < 3.0):
                return None
            return f"acknowledged and lost: {len(lost)} writes of {max(lost) - min(lost):.1f} s"

        return check

    return scenario


def test_the_split_brain_is_found_and_shrunk() -> None:
    """Without min-replicas a primary behind a wall acknowledges what nobody will keep."""
    times = {"duration_s": 15.0, "settle_s": 25.0}
    finding = search(split_brain(False), range(100), most_faults=2, kinds=("partition",), **times)
    assert finding is not None and len(finding.faults) <= 2
    assert "acknowledged and lost" in finding.broken and "+switch-master" in finding.transcript()
    again = play(split_brain(False), finding.seed, finding.faults, **times)
    assert again is not None and again.transcript(messages=True) == finding.transcript(messages=True)
    guarded = play(split_brain(True), finding.seed, finding.faults, **times)
    assert guarded is None, "min-replicas-to-write bounds what is lost to a few seconds"
