"""redis-py in the lab: a genuine `redis.Redis` whose network is virtual, and so is its time.

    lab = minidis.Lab(seed=1)
    lab.nodes("a", "b")
    redis = lab.client("a")
    redis.set("k", "v")             the lab runs until the reply is there; a timeout is virtual time too

Each command goes over a wire of the lab, so it meets latencies, partitions and dead servers as any other
client does. Nothing runs while nobody asks: between two calls time stands still, unless `lab.run` moves it.

>>> lab = Lab(seed=1)
>>> _ = lab.node("a")
>>> redis = lab.client("a")
>>> redis.set("k", "v"), redis.get("k"), 0 < lab.now_s < 0.05
(True, b'v', True)

Read next: minidis/drivers/simulation/sockets.py.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import redis
from redis._parsers import _HiredisParser, _RESP2Parser
from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection
from redis.utils import HIREDIS_AVAILABLE

from minidis.client.sync import InProcessHiredisParser
from minidis.drivers import simulation
from minidis.drivers.simulation import standins
from minidis.drivers.simulation.lab import START
from minidis.drivers.simulation.sockets import LabSocket
from minidis.drivers.simulation.standins import current_task
from minidis.drivers.simulation.wires import Host


class LabNetwork:
    """What makes a connection class of redis-py speak over the lab's wires."""

    lab: Lab
    host_name: str

    def __init__(self, lab: Lab, host_name: str = "redis-py", **options: Any) -> None:
        options.setdefault("parser_class", InProcessHiredisParser if HIREDIS_AVAILABLE else _RESP2Parser)
        super().__init__(**{"retry": Retry(NoBackoff(), 0), **options})
        self.lab = lab
        self.host_name = host_name

    def _connect(self: Any) -> LabSocket:
        task = current_task()
        host = self.lab.client_host(self.host_name) if task is None else task.machine.host
        return _dial(self, self.lab, host)


def _dial(connection: Any, lab: simulation.Lab, host: Host) -> LabSocket:
    """A socket on this host, to the address that a connection of redis-py has."""
    socket = LabSocket(lab, host)
    socket.settimeout(connection.socket_connect_timeout or connection.socket_timeout)
    socket.connect((connection.host, connection.port))
    socket.settimeout(connection.socket_timeout)
    return socket


# A task that makes a `redis.Redis(host=..., port=...)` of its own is on the lab's network as well.
standins.replace(Connection, "_connect", lambda task, self: _dial(self, task.lab, task.machine.host))
if HIREDIS_AVAILABLE:  # it would poll a file descriptor
    standins.replace(_HiredisParser, "can_read", lambda task, *given: InProcessHiredisParser.can_read(*given))


class LabConnection(LabNetwork, Connection):
    """A connection of redis-py to an address of the lab."""


class LabManagedConnection(LabNetwork, SentinelManagedConnection):
    """The same, to whatever address the Sentinels give for a primary or its replicas."""


class LabSentinel(Sentinel):
    """redis-py's own Sentinel client: `discover_master`, `master_for` and the rest, in virtual time."""

    def __init__(self, lab: Lab, names: Sequence[str], host_name: str, **options: Any) -> None:
        min_other_sentinels = options.pop("min_other_sentinels", 0)
        network = {"lab": lab, "host_name": host_name, "connection_class": LabManagedConnection}
        super().__init__([], min_other_sentinels, **network, **options)
        self.lab = lab
        self.sentinels = [lab.client(name, host_name, **options) for name in names]

    def master_for(self, *arguments: Any, **options: Any) -> redis.Redis:
        return self.lab.keep(super().master_for(*arguments, **options))

    def slave_for(self, *arguments: Any, **options: Any) -> redis.Redis:
        return self.lab.keep(super().slave_for(*arguments, **options))


class OwnClient:
    """Stands for the `redis.Redis` of whichever machine's task asks: one program, run on many machines."""

    def __init__(self, lab: Lab, node: str, options: dict[str, Any]) -> None:
        self._lab, self._node, self._options = lab, node, options
        self._clients: dict[str, redis.Redis] = {}

    def __getattr__(self, name: str) -> Any:
        task = current_task()
        machine = "" if task is None else task.machine.name
        if machine not in self._clients:
            self._clients[machine] = self._lab.client(self._node, machine, **self._options)
        return getattr(self._clients[machine], name)

    def __repr__(self) -> str:
        return f"<each machine's own client of {self._node}>"


_last_lab: weakref.ref[Lab] | None = None


def last_lab() -> Lab | None:
    """The lab that was made last, while somebody holds it: the one that cells mean."""
    return None if _last_lab is None else _last_lab()


class Lab(simulation.Lab):
    """The lab, with redis-py clients."""

    def __init__(self, seed: int = 0, latency: str | float = "1ms", start: str | int = START) -> None:
        super().__init__(seed, latency, start)
        # redis-py hangs up when Python frees a client: the garbage collector must not move a lab's history
        self._kept_clients: list[redis.Redis] = []
        global _last_lab
        _last_lab = weakref.ref(self)

    def client(self, node: str, name: str = "", **options: Any) -> redis.Redis:
        """A `redis.Redis` for a node, on a host of its own (`name`); `options` are those of a connection."""
        host, port = self.processes[node].address
        pool = redis.ConnectionPool(
            connection_class=LabConnection,
            lab=self,
            host_name=name or f"redis-py-of-{node}",
            host=host,
            port=port,
            **options,
        )
        return self.keep(redis.Redis.from_pool(pool))

    def keep(self, client: redis.Redis) -> redis.Redis:
        """Let a client live as long as the lab; `close()` still ends its connections."""
        self._kept_clients.append(client)
        return client

    def own_client(self, node: str, **options: Any) -> OwnClient:
        """A client that every machine has for itself: what a program calls `r` runs on many of them."""
        return OwnClient(self, node, options)

    def sentinel_client(self, *names: str, host: str = "redis-py", **options: Any) -> LabSentinel:
        """redis-py's `Sentinel` that asks the Sentinels `names`, on a machine of its own.

        `options` are those of its connections (`socket_timeout=0.5` is virtual time), and
        `min_other_sentinels`.
        """
        return LabSentinel(self, names, host, **options)
