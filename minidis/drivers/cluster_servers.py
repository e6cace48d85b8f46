"""Several servers in one process, made into a cluster: what `minidis-cluster` starts, and a notebook.

    cluster = minidis.LocalCluster(primaries=3, replicas=1)
    redis.RedisCluster(host="127.0.0.1", port=cluster.ports[0])
    print(cluster.url)          for %redis connect; cluster.stop() ends it

Each node is a whole server, with its port, its bus, its folder and its nodes.conf; they share a thread and an
event loop, and speak to each other over TCP as if they were far apart. What they can't do is fail alone: for
that there are processes (minidis-server), or the lab, where time stands still while you look.

Mirrors: utils/create-cluster of Redis.
Read next: minidis/distributed/cluster/creation.py.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import tempfile
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, cast

from minidis.distributed.cluster.creation import Member, create, shards
from minidis.drivers import browser
from minidis.drivers.disk import RealDisk
from minidis.drivers.embedded import real_clock, to_bytes
from minidis.drivers.log import Log
from minidis.drivers.server import Server, loop_factory
from minidis.engine.node import Node
from minidis.engine.settings.config import Config

HOST = "127.0.0.1"
POLL_S = 0.02
PATIENCE_S = 60.0


class ClusterServers:
    """Servers on these ports, each with a folder of its own below `folder`."""

    def __init__(
        self,
        ports: Sequence[int],
        folder: str,
        config: Mapping[str, Any] | None = None,
        bus_ports: Sequence[int] | None = None,
    ) -> None:
        self.ports = list(ports)
        self.folder = os.path.abspath(folder)
        self.config = dict(config or {})
        self.bus_ports = dict(zip(ports, bus_ports, strict=True)) if bus_ports else {}
        self.servers = {port: self._make(port) for port in ports}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def _make(self, port: int) -> Server:
        own = os.path.join(self.folder, str(port))
        os.makedirs(own, exist_ok=True)
        settings = {
            "port": port,
            "bind": HOST,
            "dir": own,
            "logfile": os.path.join(own, "redis.log"),
            "cluster-enabled": "yes",
            **({"cluster-port": self.bus_ports[port]} if port in self.bus_ports else {}),
            **self.config,
        }
        node = Node(Config(settings), real_clock, random.Random(), disk=RealDisk())
        return Server(node, Log(node.config.logfile, node.config.loglevel))

    async def start(self) -> None:
        """Let them listen.  Raises ListenError, LoadError."""
        for port in self.ports:
            await self._start(port)

    async def _start(self, port: int) -> None:
        await self.servers[port].start(load=True)
        self._tasks[port] = asyncio.create_task(self.servers[port].wait_until_stopped())

    async def kill(self, port: int) -> None:
        """End one of them at once, as kill -9 would."""
        server = self.servers[port]
        server.stopped.set()
        await self._tasks[port]
        cast(RealDisk, server.node.disk).close_all()

    async def restart(self, port: int) -> None:
        """Start one that was killed anew, from its files."""
        self.servers[port] = self._make(port)
        await self._start(port)

    async def create(self, replicas: int) -> None:
        """Make them a cluster, unless they are one already.  Raises CreationError, TimeoutError."""
        members = [self._member(port) for port in self.ports]
        steps = create(members, replicas, self.call)
        if all(len(member.node().cluster.state.nodes) > 1 for member in members):
            steps = iter([lambda: all(member.node().cluster.state.is_ok for member in members)])
        async with asyncio.timeout(PATIENCE_S):
            for condition in steps:
                while not condition():
                    await asyncio.sleep(POLL_S)

    def _member(self, port: int) -> Member:
        bus_port = self.servers[port].node.cluster.bus_port
        return Member(str(port), HOST, port, bus_port, lambda: self.servers[port].node)

    def call(self, name: str, *words: Any) -> Any:
        """A command of one server, by its port; only in the thread of the event loop."""
        server = self.servers[int(name)]
        client = server.node.connect()
        try:
            return server.node.execute(client, [to_bytes(word) for word in words])
        finally:
            server.node.disconnect(client)
            server.flush_soon()

    async def wait_until_stopped(self) -> None:
        """Until `stop`, or until each has been shut down."""
        while running := [task for task in self._tasks.values() if not task.done()]:
            await asyncio.wait(running)

    def stop(self) -> None:
        """Let all of them end."""
        for server in self.servers.values():
            server.stopped.set()


class LocalCluster:
    """A cluster on free ports of the loopback interface, in a thread of its own, until `stop()`.

    `config` holds directives for all of them.  With `joined=False` the nodes don't know each other: somebody
    else makes them a cluster.
    """

    def __init__(
        self,
        primaries: int = 3,
        replicas: int = 1,
        config: Mapping[str, Any] | None = None,
        joined: bool = True,
    ) -> None:
        count = primaries * (replicas + 1)
        if joined:
            shards(range(count), replicas)  # CreationError before anything is started
        if browser.inside():
            raise OSError(browser.REFUSAL)
        self._joined = joined
        self.replicas = replicas
        free = free_ports(2 * count)
        self.ports = free[:count]
        self._folder = tempfile.TemporaryDirectory(prefix="minidis-cluster-")
        settings = {"save": "", "cluster-node-timeout": 5000, "repl-diskless-sync-delay": 0, **(config or {})}
        self.servers = ClusterServers(self.ports, self._folder.name, settings, free[count:])
        self._failure: BaseException | None = None
        self._is_up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="redis-cluster", daemon=True)
        self._thread.start()
        self._is_up.wait()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._serve())
        except BaseException as failure:
            self._failure = failure
        finally:
            self._is_up.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.servers.start()
        try:
            if self._joined:
                await self.servers.create(self.replicas)
        except BaseException:
            self.servers.stop()
            await self.servers.wait_until_stopped()
            raise
        self._is_up.set()
        await self.servers.wait_until_stopped()

    @property
    def url(self) -> str:
        """For `%redis connect`."""
        return f"redis+cluster://{HOST}:{self.ports[0]}"

    def call(self, port: int, *words: Any) -> Any:
        """A command of one node, in process."""
        return self.run(lambda: self.servers.call(str(port), *words))

    def run(self, function: Callable[[], Any]) -> Any:
        """Call a function in the thread of the servers, where it may touch their nodes."""

        async def inside() -> Any:
            return function()

        return self._wait_for(inside())

    def kill(self, port: int) -> None:
        """End one node at once, as kill -9 would."""
        self._wait_for(self.servers.kill(port))

    def restart(self, port: int) -> None:
        """Start one that was killed anew, from its files."""
        self._wait_for(self.servers.restart(port))

    def _wait_for(self, what: Coroutine[Any, Any, Any]) -> Any:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE_S)

    def stop(self) -> None:
        """End all nodes; their folders go too."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.servers.stop)
            self._thread.join(PATIENCE_S)
        self._folder.cleanup()

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
