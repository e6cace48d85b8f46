"""A cluster of the lab that knows itself already: each node's nodes.conf names all, with slots and replicas.

That is what `redis-cli --cluster create` would have led to, without the time that meeting takes: six hundred
nodes begin as quickly as six. What they do from then on is their own business.

What a node's bus says of failures and elections goes into the lab's record, names instead of ids.

Read next: minidis/distributed/cluster/bus.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from minidis.distributed.cluster.annotation import show_slots
from minidis.distributed.cluster.slots import SLOTS
from minidis.distributed.cluster.state import BUS_PORT_INCREMENT
from minidis.engine.durability.disk import replace_file
from minidis.engine.node import Node

if TYPE_CHECKING:
    from minidis.drivers.simulation.lab import Lab
    from minidis.drivers.simulation.process import Process

DEFAULTS = {"cluster-enabled": "yes", "cluster-node-timeout": 2000, "repl-diskless-sync-delay": 0}

_ID = re.compile(r"\b[0-9a-f]{40}\b")


def start_cluster(
    lab: Lab, names: Sequence[str], replicas: int, config: Mapping[str, Any] | None = None
) -> list[Process]:
    """Nodes that are a cluster: the first of them are primaries, with equal shares of the slots.

    The others are their replicas, in turn, `replicas` for each.  Raises ValueError for a number of names
    that does not go up.
    """
    primaries, rest = divmod(len(names), replicas + 1)
    if rest or not primaries:
        raise ValueError(f"{len(names)} nodes can't be primaries with {replicas} replicas each")
    processes = lab.nodes(*names, config={**DEFAULTS, **(config or {})})
    ids = [process.node.cluster.state.myself.name for process in processes]
    lines = [_line(process, ids, number, primaries) for number, process in enumerate(processes)]
    for number, process in enumerate(processes):
        own = lines[number].replace(" master ", " myself,master ").replace(" slave ", " myself,slave ")
        text = [*lines[:number], own, *lines[number + 1 :], f"vars currentEpoch {primaries} lastVoteEpoch 0"]
        path = process.node.config.cluster_config_file
        replace_file(process.node.disk, path, "".join(line + "\n" for line in text).encode())
        process.restart()
    return processes


def _line(process: Process, ids: Sequence[str], number: int, primaries: int) -> str:
    """A node's line in nodes.conf."""
    ip, port = process.address
    primary = number % primaries
    shard_id = ids[primary][::-1]
    head = f"{ids[number]} {ip}:{port}@{port + BUS_PORT_INCREMENT},,tls-port=0,shard-id={shard_id}"
    if number >= primaries:
        return f"{head} slave {ids[primary]} 0 0 {primary + 1} connected"
    first, following = number * SLOTS // primaries, (number + 1) * SLOTS // primaries
    return f"{head} master - 0 0 {number + 1} connected {first}-{following - 1}"


def record_events(lab: Lab, name: str, node: Node) -> None:
    """Let the record have what the bus of a node tells its log."""
    if node.cluster is not None:
        node.cluster.bus.event_listeners.append(partial(_note, lab, name))


def _note(lab: Lab, name: str, text: str) -> None:
    names = lab.record.node_names()
    shown = _ID.sub(lambda found: names.get(found[0], found[0][:8]), text).replace(" ()", "")
    lab.record.note("event", name, shown)


def table(lab: Lab, name: str) -> list[str]:
    """What a node of a cluster knows, a line for each node.

    a: ok, epoch 7
      a  replica of d
      d  primary, config 7, slots 0-5460
    """
    names, state = lab.record.node_names(), lab[name].cluster.state
    lines = [f"{name}: {'ok' if state.is_ok else 'fail'}, epoch {state.current_epoch}"]
    known = {names.get(node.name, node.name[:8]): node for node in state.nodes.values()}
    for shown, node in sorted(known.items()):
        if node.is_primary:
            role = f"primary, config {node.config_epoch}, {show_slots(node.slots)}"
        else:
            role = "replica of " + ("?" if node.primary is None else names.get(node.primary.name, "?"))
        doubts = [flag for flag in node.flag_names() if flag.startswith("fail") or flag == "handshake"]
        lines.append("  ".join(["", shown, ", ".join([role, *doubts])]))
    return lines
