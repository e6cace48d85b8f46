"""Seeds by the hundred: whatever fails, a slot has one owner in an epoch, and a majority makes each new one.

LAB_SEEDS says how many seeds each property is tried on, LAB_FIRST_SEED where they begin.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator

from minidis.distributed.cluster.annotation import show_slots
from minidis.distributed.cluster.slots import ALL_SLOTS, SlotSet
from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.search import Check, play, search
from minidis.drivers.simulation.terminal import ScriptedClient
from minidis.engine.keyspace.digest import dataset_digest
from minidis.protocol.replies import ReplyError

SEEDS = int(os.environ.get("LAB_SEEDS", "2"))
FIRST = int(os.environ.get("LAB_FIRST_SEED", "0"))
NODES = tuple("abcdef")
TIMEOUT_MS = 1000
CONFIG = {"cluster-node-timeout": TIMEOUT_MS, "repl-timeout": 5, "repl-ping-replica-period": 1, "hz": 1}
SETS = {"a": b"{b}", "b": b"{k}", "c": b"{x}"}
"""A key in the slots of each primary."""
LOOK_US = 100_000


def watch_claims(lab: Lab, broken: list[str]) -> None:
    """Ten times a second: does a node serve slots that another one served in the same epoch?"""
    claims: dict[int, dict[str, SlotSet]] = defaultdict(lambda: defaultdict(int))

    def look() -> None:
        for name, process in lab.processes.items():
            myself = process.node.cluster.myself
            if process.running and myself.is_primary and myself.slots:
                epoch = claims[myself.config_epoch]
                epoch[name] |= myself.slots
                for other, slots in epoch.items():
                    if other != name and slots & myself.slots:
                        both = f"{show_slots(slots & myself.slots)} in epoch {myself.config_epoch}"
                        broken.append(f"{lab.now_s:.1f}: {name} and {other} both served {both}")
        lab.agenda.after(LOOK_US, look)

    look()


def check_votes(lab: Lab) -> str | None:
    """Each primary votes once in an epoch, and who won had the votes of a majority: two of three."""
    votes: dict[tuple[str, int], set[str]] = defaultdict(set)
    stood: dict[str, int] = {}
    for note in lab.record.notes:
        if found := re.match(r"Failover auth granted to (\w+) for epoch (\d+)", note.text):
            votes[note.where, int(found[2])].add(found[1])
        elif found := re.match(r"Starting a failover election for epoch (\d+)", note.text):
            stood[note.where] = int(found[1])
        elif note.text.startswith("Failover election won"):
            epoch = stood[note.where]
            voters = [
                where
                for (where, in_epoch), whom in votes.items()
                if (in_epoch, {note.where}) == (epoch, whom)
            ]
            if len(voters) < 2:
                return f"{note.where} won epoch {epoch} by the votes of {voters} alone"
    twice = [key for key, candidates in votes.items() if len(candidates) > 1]
    return f"voted twice: {twice}" if twice else None


def check_one_truth(lab: Lab) -> str | None:
    """All agree on who serves what, all slots are served, and replicas hold what their primaries hold."""
    views = set()
    for name in NODES:
        state = lab[name].cluster.state
        if not state.is_ok:
            return f"{name} does not hold the cluster for ok"
        views.add(frozenset((node.name, node.slots) for node in state.nodes.values() if node.slots))
    if len(views) > 1:
        return f"they do not agree on {len(views)} views"
    (view,) = views
    if sum(slots for _, slots in view) != ALL_SLOTS:
        return "not all slots are served, or some twice"
    ids = {lab[name].cluster.myself.name: name for name in NODES}
    for name in NODES:
        primary = lab[name].cluster.myself.primary
        if primary is not None:
            if dataset_digest(lab[name].databases) != dataset_digest(lab[ids[primary.name]].databases):
                return f"{name} does not hold what {ids[primary.name]} holds"
    return None


def write(lab: Lab, key: bytes, count: int) -> Iterator:
    """Add numbers to a set, wherever it is just now; the times and numbers that were acknowledged."""
    acknowledged = []
    where = {process.host.ip: name for name, process in lab.processes.items()}
    turn = 0
    yield 2.5
    for number in range(count):
        for _ in range(100):
            reply = yield "SADD", key, number
            if not isinstance(reply, ReplyError | ConnectionError):
                acknowledged.append((lab.now_s, number))
                break
            if str(reply).startswith("MOVED"):
                yield lab.at(where[str(reply).split()[-1].split(":")[0]])
            else:
                turn += 1
                yield lab.at(NODES[turn % len(NODES)])
            yield 0.05
        yield 0.1
    return acknowledged


def any_faults(lab: Lab) -> Check:
    """Everything may fail."""
    lab.cluster(NODES, config=CONFIG)
    broken: list[str] = []
    watch_claims(lab, broken)
    writers = [lab.script(f"writer-{name}", name, write(lab, key, 100)) for name, key in SETS.items()]

    def check() -> str | None:
        return (
            (broken[0] if broken else None)
            or check_votes(lab)
            or (None if all(writer.finished for writer in writers) else "somebody still writes")
            or check_one_truth(lab)
        )

    return check


def test_one_owner_for_each_slot_and_epoch_and_one_truth_in_the_end() -> None:
    finding = search(any_faults, range(FIRST, FIRST + SEEDS), settle_s=120, eventually=True)
    assert finding is None, finding and finding.transcript()


def lost_writes(lab: Lab, writers: dict[str, ScriptedClient]) -> list[float]:
    """When those writes were acknowledged that nobody holds."""
    held = {key: set() for key in SETS.values()}
    for key in SETS.values():
        for name in NODES:
            members = lab[name].databases[0].table.get(key)
            if members is not None and lab[name].cluster.myself.is_primary:
                held[key] |= set(members)
    return [
        at
        for name, key in SETS.items()
        for at, number in writers[name].result or []
        if b"%d" % number not in held[key]
    ]


def a_primary_behind_a_wall(lab: Lab) -> Check:
    """A primary is cut off, its writers with it.  What it loses, it acknowledged before it noticed."""
    lab.cluster(NODES, config=CONFIG)
    writers = {name: lab.script(f"writer-{name}", name, write(lab, key, 100)) for name, key in SETS.items()}

    def check() -> str | None:
        if not all(writer.finished for writer in writers.values()):
            return "somebody still writes"
        since_s = [note.time_us for note in lab.record.notes if note.text.startswith("partition")]
        walls_s = [(time_us - lab.started_us) / 1e6 for time_us in since_s]
        lost = lost_writes(lab, writers)
        window_s = 1.5 * TIMEOUT_MS / 1000 + 0.5
        late = [at for at in lost if not any(wall - 0.1 <= at <= wall + window_s for wall in walls_s)]
        return f"acknowledged and lost outside the windows: {late}; walls {walls_s}" if late else None

    return check


def test_what_is_lost_was_acknowledged_within_the_window() -> None:
    """A primary that sees no majority stops: at most half a timeout to its next PING, and the timeout."""
    finding = search(
        a_primary_behind_a_wall,
        range(FIRST, FIRST + SEEDS),
        duration_s=12,
        most_faults=1,
        kinds=("partition",),
        settle_s=90,
        eventually=True,
    )
    assert finding is None, finding and finding.transcript()


def test_a_minority_elects_nobody() -> None:
    """a has failed; before its replica asks for votes, a wall leaves it with b alone: one vote of three."""
    lab = Lab(FIRST)
    lab.cluster(NODES, config={**CONFIG, "cluster-replica-validity-factor": 0})
    lab.run("3s")
    failed = lab["a"].cluster.myself.name
    lab.kill("a")
    assert lab.run_until(lambda: lab["d"].cluster.state.find(failed).has_failed, "10s")
    lab.partition("b d")
    lab.run("25s")
    texts = [note.text for note in lab.record.notes if note.where == "d"]
    assert sum("Starting a failover election" in text for text in texts) > 3
    assert not any("won" in text for text in texts) and not lab["d"].cluster.myself.slots
    assert not lab["b"].cluster.state.is_ok and not lab["d"].cluster.state.is_ok
    lab.heal()
    assert lab.run_until(lambda: lab["d"].cluster.myself.slot_count > 0, "60s")
    assert check_votes(lab) is None


def test_a_history_is_the_same_again() -> None:
    transcripts = {
        finding.transcript() if finding else "fine"
        for finding in (play(any_faults, FIRST, [], duration_s=6, settle_s=1) for _ in range(2))
    }
    assert len(transcripts) == 1
