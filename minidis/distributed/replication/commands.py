"""The commands of replication: REPLICAOF, PSYNC, REPLCONF, ROLE, WAIT.

Mirrors: replication.c.

>>> from minidis.drivers.simulation.lab import Lab
>>> lab = Lab(seed=1)
>>> _ = lab.nodes("a", "b")
>>> lab.call("b", "REPLICAOF", "a", 6379), lab.call("a", "SET", "k", "v"); lab.run("10s")
('OK', 'OK')
>>> lab.call("b", "GET", "k"), lab.call("b", "ROLE")[3]
(b'v', b'connected')

Read next: information.py.
"""

from __future__ import annotations

from minidis.commands.arguments import deadline_from_milliseconds
from minidis.distributed.replication.replicas import refuse_sync
from minidis.distributed.replication.role import REPLICA_ACKS, Replication
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import (
    ADMIN,
    ALLOW_BUSY,
    BLOCKING,
    DANGEROUS,
    FAST,
    LOADING,
    NO_ASYNC_LOADING,
    NO_MULTI,
    NOSCRIPT,
    STALE,
    command,
)
from minidis.engine.waiting import Wait
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError, Several


def _replication(client: Client) -> Replication:
    return client.node.replication


# ---- roles ------------------------------------------------------------------------------------------------


@command(
    "REPLICAOF (host port:int)|(NO ONE)",
    ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING,
    since="5.0.0",
    raw=True,
    group="server",
)
def replicaof(client: Client, host: bytes, port: bytes):
    """Make the server a replica of another instance, or promote it as master. O(1)."""
    if client.node.cluster is not None:
        raise ReplyError("ERR REPLICAOF not allowed in cluster mode.")
    replication = _replication(client)
    if replication.failover is not None:
        raise ReplyError("ERR REPLICAOF not allowed while failing over.")
    if host.lower() == b"no" and port.lower() == b"one":
        if replication.is_replica:
            replication.lead()
            client.node.log("notice", f"MASTER MODE enabled (user request from '{client!r}')")
        return "OK"
    if client.role == "replica":
        raise ReplyError("ERR Command is not valid when client is a replica.")
    number = parse_integer(port)
    if number is None or not 0 <= number <= 65535:
        raise ReplyError("ERR Invalid master port")
    name = errors.shown(host)
    if replication.primary_address is not None:
        former_host, former_port = replication.primary_address
        if (former_host.lower(), former_port) == (name.lower(), number):
            return "OK Already connected to specified master"
    replication.follow(name, number)
    client.node.log("notice", f"REPLICAOF {name}:{number} enabled (user request from '{client!r}')")
    return "OK"


@command(
    "SLAVEOF (host port:int)|(NO ONE)", ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING, raw=True, group="server"
)
def slaveof(client: Client, host: bytes, port: bytes):
    """Make the server a replica of another instance, or promote it as master. O(1)."""
    return replicaof(client, host, port)


@command("ROLE", NOSCRIPT | LOADING | STALE | FAST | DANGEROUS, since="2.8.12", group="server")
def role(client: Client):
    """The part of this server in replication: master with its replicas, or slave with its link. O(1)."""
    replication = _replication(client)
    if replication.primary_address is None:
        replicas = [
            [replica.ip.encode(), b"%d" % replica.listening_port, b"%d" % replica.acknowledged]
            for replica in replication.replicas.all.values()
            if replica.state == "online"
        ]
        return [b"master", replication.offset, replicas]
    host, port = replication.primary_address
    link = replication.link
    offset = link.offset if link is not None and link.is_connected else -1
    return [b"slave", host.encode(), port, _LINK_STATES[link.state if link else ""], offset]


_LINK_STATES = {
    "": b"connect",
    "connecting": b"connecting",
    "ping": b"handshake",
    "handshake": b"handshake",
    "psync": b"handshake",
    "sync": b"sync",
    "connected": b"connected",
}


# ---- between primary and replica --------------------------------------------------------------------------

_SYNC_FLAGS = ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI


@command("PSYNC replicationid offset:int [FAILOVER]", _SYNC_FLAGS, since="2.8.0", raw=True, group="server")
def psync(client: Client, replication_id: bytes, offset: bytes, *words: bytes):
    """Become a replica: get the stream from an offset on, or a snapshot first. O(N) in keys for that."""
    replication = _replication(client)
    if client.role == "replica":
        return Several()
    if words and words[0].lower() == b"failover":
        _take_over(client, replication_id)
    refuse_sync(replication)
    try:
        wanted = integer(offset)
    except ReplyError:
        name = replication.replicas.candidate(client).name
        client.node.log("warning", f"Replica {name} asks for synchronization but with a wrong offset")
        raise
    return replication.replicas.synchronize(client, replication_id.decode("latin-1").lower(), wanted)


def _take_over(client: Client, replication_id: bytes) -> None:
    """PSYNC ... FAILOVER: our primary hands its part over to us."""
    replication = _replication(client)
    if not replication.is_replica:
        raise ReplyError("ERR PSYNC FAILOVER can't be sent to a master.")
    if replication_id.decode("latin-1").lower() != replication.id:
        raise ReplyError("ERR PSYNC FAILOVER replid must match my replid.")
    replication.lead()
    client.node.log("notice", f"MASTER MODE enabled (failover request from '{client!r}')")


@command("SYNC", _SYNC_FLAGS, group="server")
def sync(client: Client):
    """Become a replica in the way of before 2.8: a snapshot, then the stream. O(N) in keys."""
    if client.role == "replica":
        return Several()
    refuse_sync(_replication(client))
    return _replication(client).replicas.synchronize(client, None, -1)


@command(
    "REPLCONF [argument ...]",
    ADMIN | NOSCRIPT | LOADING | STALE | ALLOW_BUSY,
    since="3.0.0",
    raw=True,
    group="server",
)
def replconf(client: Client, *words: bytes):
    """What replicas and primaries tell each other: port, address, abilities, progress. O(1)."""
    if len(words) % 2:
        raise ReplyError(errors.SYNTAX)
    replication = _replication(client)
    for at in range(0, len(words), 2):
        option, value = words[at].lower(), words[at + 1]
        if option == b"ack":
            _acknowledge(client, words[at + 1 :])
            return Several()
        if option == b"getack":
            if replication.link is not None:
                replication.link.acknowledge()
            return Several()
        _describe_replica(client, words[at], value)
    return "OK"


def _acknowledge(client: Client, words: tuple[bytes, ...]) -> None:
    offset = parse_integer(words[0])
    on_disk = parse_integer(words[2]) if len(words) > 2 and words[1].lower() == b"fack" else None
    if offset is not None:
        _replication(client).replicas.acknowledged(client, offset, on_disk)


def _describe_replica(client: Client, option: bytes, value: bytes) -> None:
    replica = _replication(client).replicas.candidate(client)
    match option.lower():
        case b"listening-port":
            replica.listening_port = integer(value)
        case b"ip-address":
            if len(value) >= 256:
                raise ReplyError(
                    f"ERR REPLCONF ip-address provided by replica instance is too long: {len(value)} bytes"
                )
            replica.announced_ip = errors.shown(value)
        case b"capa":
            replica.capabilities.add(value.decode("latin-1").lower())
        case b"rdb-only":
            number = integer(value)
            if number not in (0, 1):
                raise ReplyError("ERR value is out of range, value must between 0 and 1")
            replica.rdb_only = bool(number)
        case b"rdb-filter-only":
            if value.split() not in ([], [b"functions"]):
                raise ReplyError(f"ERR Unsupported rdb-filter-only option: {errors.shown(value)}")
            replica.filters = {word.decode() for word in value.split()}
        case _:
            raise ReplyError(f"ERR Unrecognized REPLCONF option: {errors.shown(option)}")


# ---- waiting for replicas ---------------------------------------------------------------------------------


@command("WAIT numreplicas:int timeout:int", BLOCKING, since="3.0.0", raw=True, group="generic")
def wait(client: Client, numreplicas: bytes, timeout: bytes):
    """Wait until so many replicas have processed what this client wrote; answers how many have. O(1)."""
    replication = _replication(client)
    if replication.is_replica:
        raise ReplyError(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a "
            "replica is configured to be writable (which is not the default) writes to replicas are just "
            "local and are not propagated."
        )
    wanted = integer(numreplicas)
    deadline_ms = deadline_from_milliseconds(client, timeout)
    offset = replication.offset_written_by(client)

    def count() -> int:
        return replication.replicas.count_acknowledged(offset)

    if count() >= wanted:
        return count()
    if not client.in_execution:
        replication.ask_for_acks(offset)
    return Wait(topic=REPLICA_ACKS, deadline_ms=deadline_ms, timeout_reply=count)
