"""`minidis-cluster`: a whole cluster from one command, for trying out.

    minidis-cluster                                   ports 7000 to 7005: three primaries, three replicas
    minidis-cluster 8000 --primaries 5 --replicas 0   others
    minidis-cluster --dir /tmp/c --cluster-node-timeout 2000
                                                      what is not its own option is a directive for all nodes

Then `redis-cli -c -p 7000`. Each node has a folder below `--dir` with its nodes.conf and its log; started
again, they go on where they were. All of them live in this process; `minidis-server --cluster-enabled yes`
starts a single one.

Mirrors: utils/create-cluster of Redis.
Read next: minidis/drivers/cluster_servers.py.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence

from minidis.distributed.cluster.creation import CreationError, shards
from minidis.drivers.cluster_servers import HOST, ClusterServers
from minidis.drivers.server import ListenError, loop_factory
from minidis.engine.durability.disk import DiskError
from minidis.engine.durability.loading import LoadError
from minidis.engine.settings.config import ConfigError
from minidis.engine.settings.config_file import ConfigFileError, Settings, command_line_text
from minidis.structures.record import NamedTuple

USAGE = """\
Usage: minidis-cluster [first-port] [--primaries N] [--replicas N] [--dir PATH] [--directive value ...]

Starts N primaries (3) with N replicas each (1) on the ports from first-port (7000) on, in this process.
Everything else is a directive for all of them, as minidis-server takes it.
"""


class Plan(NamedTuple):
    """What a command line asks for."""

    ports: list[int]
    replicas: int
    folder: str
    directives: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a cluster; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    try:
        plan = read(words)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_run(plan))
    except (CreationError, ConfigError, ConfigFileError, ListenError, LoadError, DiskError, OSError) as error:
        print(f"minidis-cluster: {error}", file=sys.stderr)
        return 1


def read(words: Sequence[str]) -> Plan:
    """The plan of a command line.  Raises CreationError, ConfigFileError.

    >>> read(["--primaries", "3", "--replicas", "0", "--maxmemory", "1mb"])
    Plan(ports=[7000, 7001, 7002], replicas=0, folder='.', directives={'maxmemory': '1mb'})
    """
    words = list(words)
    first = _number("first-port", words.pop(0)) if words and not words[0].startswith("-") else 7000
    own = {"--primaries": "3", "--replicas": "1", "--dir": "."}
    others = []
    while words:
        word = words.pop(0)
        if word not in own:
            others.append(word)
        elif not words:
            raise CreationError(f"{word} needs a value")
        else:
            own[word] = words.pop(0)
    primaries, replicas = (_number(name, own[name]) for name in ("--primaries", "--replicas"))
    ports = list(range(first, first + primaries * (replicas + 1)))
    shards(ports, replicas)
    if ports[-1] > 55535:
        raise CreationError(f"port {ports[-1]} is too high: the bus listens 10000 above it")
    settings = Settings()
    settings.load(command_line_text(others).encode("utf-8", "surrogateescape"))
    return Plan(ports, replicas, own["--dir"], settings.values)


def _number(name: str, word: str) -> int:
    if not word.isdecimal():
        raise CreationError(f"{name} must be a number, not {word!r}")
    return int(word)


async def _run(plan: Plan) -> int:
    servers = ClusterServers(plan.ports, plan.folder, plan.directives)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: servers.stop())
    await servers.start()
    try:
        await servers.create(plan.replicas)
    except TimeoutError:
        print("minidis-cluster: the nodes did not agree in time; their logs may tell why", file=sys.stderr)
        servers.stop()
        await servers.wait_until_stopped()
        return 1
    print(f"The cluster is ready: redis-cli -c -h {HOST} -p {plan.ports[0]}", flush=True)
    await servers.wait_until_stopped()
    return 0


if __name__ == "__main__":
    sys.exit(main())
