"""A real cluster as the target of cells: `%redis connect redis+cluster://127.0.0.1:7000`.

    SET user:7 ann      redis-py's RedisCluster knows the slots: to the node that serves 2780
    GET user:7          that node says MOVED: the map is asked for anew, the command goes on to where it said
    PING                no key: to the node where the last command went
    MULTI               likewise, and what follows stays there until EXEC or DISCARD: use a key of its
                        slot first

redis-py finds the nodes and keeps the map; each client of a cell has a connection of its own to every node
that it has needed, on which targets.py speaks. With --resp the bytes of the last node are shown.

Read next: targets.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from minidis.distributed.cluster.slots import slot_of
from minidis.engine.command_table.keyaccess import keys_of_request
from minidis.engine.command_table.registry import COMMANDS
from minidis.notebook.targets import (
    STILL_WAITS,
    Connection,
    ServerConnection,
    ServerTarget,
    TargetError,
    one_line,
    scanned_keys,
)
from minidis.protocol.replies import ReplyError

MOST_REDIRECTIONS = 16

Address = tuple[str, int]
T = TypeVar("T")


class ClusterTarget(ServerTarget):
    """A cluster behind the URL of one of its nodes."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._cluster: Any = None

    def describe(self) -> str:
        return f"the cluster at {self.name}"

    def connect(self, name: str) -> Connection:
        return ClusterConnection(self, name)

    @property
    def cluster(self) -> Any:
        """redis-py's RedisCluster, made when it is first needed.  Raises TargetError."""
        if self._cluster is None:
            from redis import RedisCluster
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            try:
                self._cluster = RedisCluster.from_url(
                    self._node_url(None), protocol=2, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0)
                )
            except _faults() as error:
                raise TargetError(
                    f"Could not connect to the cluster at {self.name}: {one_line(error)}"
                ) from None
        return self._cluster

    def refresh(self) -> None:
        """Ask for the map of the slots anew.  Raises TargetError."""
        try:
            self.cluster.nodes_manager.initialize()
        except _faults() as error:
            raise TargetError(f"no node of the cluster answers: {one_line(error)}") from None

    def address_of(self, slot: int) -> Address:
        """Where a slot is served, as far as the map tells.  Raises TargetError."""
        try:
            node = self.cluster.nodes_manager.get_node_from_slot(slot)
        except _faults() as error:
            raise TargetError(one_line(error)) from None
        return (node.host, node.port)

    def live_keys(self, connection: Connection, prefix: bytes, limit: int) -> list[bytes]:
        """Of all primaries: each knows only its own keys."""
        assert isinstance(connection, ClusterConnection)
        found = connection.ask_primaries(lambda primary: scanned_keys(primary, prefix, limit))
        return sorted(set().union(*found))[:limit]

    def dial(self, address: Address) -> Any:
        """A connection to one node, with the URL's user and options."""
        return ServerTarget(self._node_url(address))._dial()

    def _node_url(self, address: Address | None) -> str:
        parts = urlsplit(self.url)
        place = parts.netloc
        if address is not None:
            user, at, _ = place.rpartition("@")
            host = f"[{address[0]}]" if ":" in address[0] else address[0]
            place = f"{user}{at}{host}:{address[1]}"
        return urlunsplit(parts._replace(scheme=parts.scheme.partition("+")[0], netloc=place))


class ClusterConnection(Connection):
    """One named client, with a connection to each node that it has talked to."""

    asks_first = True

    def __init__(self, target: ClusterTarget, name: str) -> None:
        super().__init__(name)
        self.target = target
        self.address = target.name
        self._links: dict[Address, ServerConnection] = {}
        self._touches = True
        self.here = self._some_address()

    def _link(self, address: Address) -> ServerConnection:
        link = self._links.get(address)
        if link is None or not link.is_connected:
            self._links.pop(address, None)
            link = ServerConnection(lambda: self.target.dial(address), self.name, _shown(address))
            if self.protocol != link.protocol:
                link.use_protocol(self.protocol)
            if not self._touches:
                link.stop_touching()
            self._links[address] = link
        return link

    def _some_address(self) -> Address:
        """Of the first node that answers, primaries before replicas.  Raises TargetError if none does."""
        fault = TargetError("the cluster has no nodes")
        for node in sorted(self.target.cluster.get_nodes(), key=lambda node: node.server_type != "primary"):
            try:
                self._link((node.host, node.port))
                return (node.host, node.port)
            except TargetError as error:
                fault = error
        raise fault

    @property
    def last_node(self) -> str:  # type: ignore[override]
        return _shown(self.here)

    def ask_primaries(self, ask: Callable[[ServerConnection], T]) -> list[T]:
        """What `ask` has of the connection to each primary.  Raises TargetError."""
        cluster = self.target.cluster
        return self._or_with_a_new_map(lambda: [ask(link) for link in self._linked(cluster.get_primaries())])

    def call_each(self, argv: list[bytes]) -> dict[str, Any]:
        cluster = self.target.cluster
        return self._or_with_a_new_map(
            lambda: {link.address: link.call(argv) for link in self._linked(cluster.get_nodes())}
        )

    def _linked(self, nodes: Iterable[Any]) -> list[ServerConnection]:
        return [self._link((node.host, node.port)) for node in nodes]

    def _or_with_a_new_map(self, act: Callable[[], T]) -> T:
        """Do it; if a node does not answer, once more: by now the cluster may know that it is gone."""
        try:
            return act()
        except TargetError:
            self.target.refresh()
            return act()

    def stop_touching(self) -> None:
        self._touches = False
        for link in self._links.values():
            link.stop_touching()

    @property
    def in_transaction(self) -> bool:  # type: ignore[override]
        return self.here in self._links and self._links[self.here].in_transaction

    @property
    def is_waiting(self) -> bool:  # type: ignore[override]
        return any(link.is_waiting for link in self._links.values())

    def call(self, argv: list[bytes]) -> Any:
        if self.is_waiting:
            raise ReplyError(STILL_WAITS)
        if not self.in_transaction:
            slot = slot_of_request(argv)
            if slot is not None:
                self.here = self.target.address_of(slot)
        asking = False
        for _ in range(MOST_REDIRECTIONS):
            try:
                return self._call_here(argv, asking)
            except ReplyError as error:
                word, *rest = str(error).split()
                if word not in ("MOVED", "ASK") or self.in_transaction:
                    raise
                host, _, port = rest[1].rpartition(":")
                address = (host or self.here[0], int(port))
                asking = word == "ASK"
            except TargetError:
                self._links.pop(self.here, None)
                self.target.refresh()
                slot = slot_of_request(argv)
                address = self._some_address() if slot is None else self.target.address_of(slot)
                if address == self.here and address not in self._links:
                    self._link(address)  # the same one again, or the error that says why not
                asking = False
            self.here = address
            if not asking:
                self.target.refresh()
        raise TargetError(f"redirected {MOST_REDIRECTIONS} times; the cluster does not agree with itself")

    def _call_here(self, argv: list[bytes], asking: bool) -> Any:
        link = self._link(self.here)
        if asking:
            link.call([b"ASKING"])
        try:
            return link.call(argv)
        finally:
            self.request_bytes, self.reply_bytes = link.request_bytes, link.reply_bytes

    def use_protocol(self, protocol: int) -> None:
        for link in self._links.values():
            link.use_protocol(protocol)
        self.protocol = protocol

    def late_replies(self) -> list[Any]:
        return [reply for link in self._links.values() for reply in link.late_replies()]

    def close(self) -> None:
        for link in self._links.values():
            link.close()
        self._links.clear()


def _shown(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def _faults() -> tuple[type[Exception], ...]:
    """What RedisCluster raises when there is no cluster to be had; one of them is no RedisError."""
    from redis.exceptions import RedisClusterException, RedisError

    return (RedisError, RedisClusterException, ValueError, OSError)


def slot_of_request(argv: list[bytes]) -> int | None:
    """The slot of a request's first key; None without one, and for commands that are not known here.

    >>> slot_of_request([b"SET", b"k", b"v"]), slot_of_request([b"PING"]), slot_of_request([b"NO.SUCH", b"k"])
    (7629, None, None)
    """
    try:
        command = COMMANDS.find(argv)
    except ReplyError:
        return None
    if not command.accepts(len(argv)):
        return None
    keys = keys_of_request(command, argv)
    return slot_of(argv[keys[0][0]]) if keys else None
