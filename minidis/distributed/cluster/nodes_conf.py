"""nodes.conf: what a node must still know after a restart, one line for each node it knows.

    id       address                 flags          primary  ping  pong  epoch  link       slots
    07c3..   10.0.0.1:7000@17000,,shard-id=9f..
                                     myself,master  -        0     0     1      connected  0-5460 [12->-29f..]
    vars currentEpoch 3 lastVoteEpoch 0

The second field is `ip:port@busport,hostname,name=value,...`; what follows the hostname is for this file
alone, without it a line is what CLUSTER NODES answers. `[12->-id]` is a slot that leaves for that node,
`[12-<-id]` one that comes; only the own line has them. The file is replaced as a whole (disk.py has the
four steps): a vote or an epoch that was given away must not be forgotten.

Two nodes with one file would be one node twice, so the file is locked as long as the node lives.

Mirrors: `clusterLoadConfig`, `clusterSaveConfig`, `clusterGenNodeDescription` in cluster.c.
Differs: the lock goes on to the file that replaces the old one; an error names the line.
Complexity: O(nodes + ranges of slots).

>>> from random import Random
>>> name = "07c37dfeb235213a872192d90877d0cd55635b91"
>>> text = f"{name} 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5460 5470"
>>> state = parse(text, now_ms=0, random=Random(1))
>>> state.myself.slot_count, state.myself.bus_port
(5462, 17000)
>>> describe(state, state.myself) == text
True

Read next: role.py, which says when it is written.
"""

from __future__ import annotations

import random as random_module
import re
from typing import TYPE_CHECKING

from minidis.distributed.cluster import slots
from minidis.distributed.cluster.state import (
    BUS_PORT_INCREMENT,
    FAIL,
    FLAG_NAMES,
    HANDSHAKE,
    MYSELF,
    ClusterNode,
    ClusterState,
    is_name,
    random_name,
)
from minidis.engine.durability.loading import LoadError
from minidis.protocol.quoting import split_arguments

if TYPE_CHECKING:
    from collections.abc import Iterable

_FORBIDDEN = set("!#$%&()*+:;<>?@[]^{|}~")
"""What the value of a field behind the hostname must not have."""
_OPEN_SLOT = r"\[(\d+)-([<>])-([a-z0-9]{40})\]\Z"


class NodesFileError(LoadError):
    """A nodes.conf that can't be used."""


class _BadLine(ValueError):
    pass


# -- writing --------------------------------------------------------------------------------------


def file_text(state: ClusterState) -> str:
    """The whole file."""
    lines = [
        describe(state, node, for_file=True) for node in state.nodes.values() if not node.flags & HANDSHAKE
    ]
    lines.append(f"vars currentEpoch {state.current_epoch} lastVoteEpoch {state.last_vote_epoch}")
    return "".join(line + "\n" for line in lines)


def describe(state: ClusterState, node: ClusterNode, tls: bool = False, for_file: bool = False) -> str:
    """The line of one node.  `tls`: its port is the one for TLS."""
    followed = node.primary if node.is_replica else None
    fields = [
        node.name,
        _address(node, tls, for_file),
        ",".join(node.flag_names()) or "noflags",
        "-" if node.primary is None else node.primary.name,
        str(node.ping_sent_ms),
        str(node.pong_received_ms),
        str(node.config_epoch if followed is None else followed.config_epoch),
        "connected" if node.link is not None or node.is_myself else "disconnected",
        *(slots.show_range(first, last) for first, last in slots.ranges(node.slots)),
    ]
    if node.is_myself:
        fields += _open_slots(state)
    return " ".join(fields)


def _address(node: ClusterNode, tls: bool, for_file: bool) -> str:
    text = f"{node.ip}:{node.port(tls)}@{node.bus_port}"
    if node.hostname or for_file:
        text += f",{node.hostname}"
    if for_file:
        text += f",tcp-port={node.tcp_port}" if tls else f",tls-port={node.tls_port}"
        text += f",nodename={node.human_name}" if node.human_name else ""
        text += f",shard-id={node.shard_id}"
    return text


def _open_slots(state: ClusterState) -> Iterable[str]:
    for slot in sorted(state.migrating_to.keys() | state.importing_from.keys()):
        target = state.migrating_to.get(slot)
        if target is not None:
            yield f"[{slot}->-{target.name}]"
        else:
            yield f"[{slot}-<-{state.importing_from[slot].name}]"


# -- reading --------------------------------------------------------------------------------------


def parse(text: str, now_ms: int, random: random_module.Random, path: str = "nodes.conf") -> ClusterState:
    """What a file says.  Raises NodesFileError."""
    reader = _Reader(now_ms, random)
    for number, line in enumerate(text.split("\n"), 1):
        try:
            if line.strip():
                reader.read(line)
        except _BadLine as error:
            raise NodesFileError(
                path, f'Unrecoverable error: corrupted cluster config file "{line}" (line {number}: {error}).'
            ) from None
    try:
        return reader.state()
    except _BadLine as error:
        raise NodesFileError(path, f"Unrecoverable error: corrupted cluster config file ({error}).") from None


class _Reader:
    """Takes the lines in, in any order: nodes may be named before their own line comes."""

    def __init__(self, now_ms: int, random: random_module.Random) -> None:
        self.now_ms = now_ms
        self.random = random
        self.nodes: dict[str, ClusterNode] = {}
        self.has_shard_id: set[str] = set()
        self.myself: ClusterNode | None = None
        self.followed: list[tuple[ClusterNode, ClusterNode]] = []
        self.slots: list[tuple[ClusterNode, int, int]] = []
        self.migrating: dict[int, ClusterNode] = {}
        self.importing: dict[int, ClusterNode] = {}
        self.epochs = {"currentepoch": 0, "lastvoteepoch": 0}

    def read(self, line: str) -> None:
        """One line that is not blank."""
        arguments = split_arguments(line.encode("utf-8", "surrogateescape"))
        if arguments is None:
            raise _BadLine("unbalanced quotes")
        words = [word.decode("utf-8", "surrogateescape") for word in arguments]
        if words[0].lower() == "vars":
            self._read_vars(words[1:])
            return
        if len(words) < 8:
            raise _BadLine(f"{len(words)} fields where 8 are needed")
        node = self._node(words[0])
        self._read_address(node, words[1])
        self._read_flags(node, words[2])
        if not words[3].startswith("-"):
            self.followed.append((node, self._node(words[3])))
        if _number(words[4]):
            node.ping_sent_ms = self.now_ms
        if _number(words[5]):
            node.pong_received_ms = self.now_ms
        node.config_epoch = 0 if node.is_replica and not words[3].startswith("-") else _number(words[6])
        for word in words[8:]:
            self._read_slots(node, word)

    def state(self) -> ClusterState:
        """All that was read, put together."""
        if self.myself is None:
            raise _BadLine("no line is this node's own: none has the flag myself")
        state = ClusterState(self.myself)
        for node in self.nodes.values():
            if not (node.is_primary or node.is_replica):
                node.become_primary()  # it is only named: what it is, the others will tell
            state.add(node)
        for replica, primary in self.followed:
            if replica.name not in self.has_shard_id:
                replica.shard_id = primary.shard_id
            elif primary.name in self.has_shard_id and replica.shard_id != primary.shard_id:
                raise _BadLine(f"{replica.name} has another shard-id than its primary")
            replica.become_replica_of(primary)
        served = 0
        for node, first, last in self.slots:
            state.give_set(((2 << last - first) - 1 << first) & ~served, node)
            served |= node.slots
        state.migrating_to, state.importing_from = self.migrating, self.importing
        state.current_epoch, state.last_vote_epoch = self.epochs["currentepoch"], self.epochs["lastvoteepoch"]
        state.current_epoch = state.greatest_epoch()  # never smaller, unless the file was edited by hand
        return state

    def _node(self, name: str) -> ClusterNode:
        if not is_name(name):
            raise _BadLine(f"{name!r} is no id of a node")
        if name not in self.nodes:
            self.nodes[name] = ClusterNode(name, 0, self.now_ms, random_name(self.random))
        return self.nodes[name]

    def _read_vars(self, words: list[str]) -> None:
        if len(words) % 2:
            raise _BadLine("a variable without a value")
        for name, value in zip(words[::2], words[1::2], strict=True):
            if name.lower() in self.epochs:
                self.epochs[name.lower()] = _number(value)

    def _read_address(self, node: ClusterNode, word: str) -> None:
        address, *rest = word.split(",")
        node.hostname = rest[0] if rest else ""
        ports_named: set[str] = set()
        for field in rest[1:]:
            name, equals, value = field.partition("=")
            if not equals or "=" in value or _FORBIDDEN & set(name + value):
                raise _BadLine(f"{field!r} is no name=value")
            match name:
                case "shard-id" if is_name(value):
                    node.shard_id = value
                    self.has_shard_id.add(node.name)
                case "nodename":
                    node.human_name = value
                case "tcp-port":
                    node.tcp_port = _port(value)
                    ports_named.add(name)
                case "tls-port":
                    node.tls_port = _port(value)
                    ports_named.add(name)
                case _:
                    raise _BadLine(f"{field!r} is not known")
        ip, colon, ports = address.rpartition(":")
        if not colon:
            raise _BadLine(f"{address!r} has no port")
        node.ip = ip
        port, at, bus_port = ports.partition("@")
        if "tcp-port" not in ports_named:
            node.tcp_port = _port(port)
        elif "tls-port" not in ports_named:
            node.tls_port = _port(port)
        node.bus_port = _port(bus_port) if at else _port(port) + BUS_PORT_INCREMENT

    def _read_flags(self, node: ClusterNode, word: str) -> None:
        by_name = {name: flag for flag, name in FLAG_NAMES}
        for name in word.lower().split(","):
            if name == "noflags":
                continue
            if name not in by_name:
                raise _BadLine(f"unknown flag {name!r}")
            node.flags |= by_name[name]
        if node.flags & FAIL:
            node.fail_ms = self.now_ms
        if node.flags & MYSELF:
            if self.myself is not None:
                raise _BadLine("a second line says myself")
            self.myself = node

    def _read_slots(self, node: ClusterNode, word: str) -> None:
        if word.startswith("["):
            found = re.match(_OPEN_SLOT, word)
            if found is None:
                raise _BadLine(f"{word!r} is no slot on its way")
            moving = self.migrating if found[2] == ">" else self.importing
            moving[_slot(found[1])] = self._node(found[3])
            return
        first, dash, last = word.partition("-")
        self.slots.append((node, _slot(first), _slot(last if dash else first)))


def _number(word: str) -> int:
    """A number as C's strtoull reads it: what follows the digits is not looked at."""
    found = re.match(r"\s*\+?(\d+)", word)
    return int(found[1]) if found else 0


def _port(word: str) -> int:
    if not word.isdecimal() or int(word) > 65535:
        raise _BadLine(f"{word!r} is no port")
    return int(word)


def _slot(word: str) -> int:
    if not word.isdecimal() or int(word) >= slots.SLOTS:
        raise _BadLine(f"{word!r} is no slot")
    return int(word)
