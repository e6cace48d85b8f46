"""What connections weigh, and the limit called maxmemory-clients.

A thousand clients that read slowly can hold more memory than the keys: each has buffers for what it
sent and for what it is owed.  The limit is on their sum, and when it is passed the *largest* go, until
the rest fit: one connection with a reply of a gigabyte, not the thousand with a kilobyte each.

    maxmemory-clients 10mb       bytes
    maxmemory-clients 5%         of maxmemory

Replicas are not counted (their buffers have limits of their own), and CLIENT NO-EVICT keeps one that
must not go.

Mirrors: `getClientMemoryUsage`, `evictClients` in networking.c, `updateClientMemoryUsage` in server.c.
Differs: the largest is looked for among all, where Redis keeps them in buckets by size.
Complexity: O(1) before a command; O(clients) when the limit is passed.
Read next: eviction.py, the limit on keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from minidis.engine.memory.client_buffers import LEAST_REPLY_BYTES, Resizing
from minidis.values.base import allocation_size

if TYPE_CHECKING:
    from minidis.engine.client import Buffers, Client
    from minidis.engine.node import Node

STRUCT_BYTES = 776
"""A `client` struct, as the allocator sees it."""

CLIENT_BYTES = STRUCT_BYTES + LEAST_REPLY_BYTES
"""A connection at rest: its struct and the smallest reply buffer."""

SUBSCRIPTION_BYTES = 72
"""An entry in the client's table of channels and one in the channel's table of clients, about."""

WATCHED_BYTES = 32
"""A node of the list of keys that the client watches, and its pointer."""

PREFIX_BYTES = 64
"""Nodes of the radix tree of its tracking prefixes, about."""

SMALLEST_LIMIT_BYTES = 128 * 1024
"""Below this nobody could talk to the server any more, not even to raise the limit."""


class ClientMemory:
    """The sizes of a node's clients, and their sum; kept up while one of the limits is set."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.counting = False
        self.resizing = Resizing()
        self.total_bytes = 0
        self.evicted_clients = 0
        self._sizes: dict[int, int] = {}
        node.memory.add_part("clients.normal", self.used_bytes)
        node.on_disconnect.append(self.forget)

    def update(self) -> None:
        """Start or stop counting, after a directive changed."""
        config = self.node.config
        self.counting = bool(config.maxmemory or config.maxmemory_clients)
        self._sizes.clear()
        self.total_bytes = 0
        if self.counting:
            self.weigh_all()

    def used_bytes(self) -> int:
        """What all clients hold.  O(1) while counting, otherwise O(clients)."""
        if self.counting:
            return self.total_bytes
        return sum(client_bytes(client) for client in self.node.clients.values() if _counts(client))

    def weigh(self, client: Client) -> None:
        """Weigh a client anew, after a command of its own, or before one.

        Not one that must not go: nobody else goes for a large reply that it is about to take.
        """
        if not client.no_evict:
            self._weigh(client)

    def _weigh(self, client: Client) -> None:
        size_bytes = 0 if client.closed or not _counts(client) else client_bytes(client)
        self.total_bytes += size_bytes - self._sizes.pop(client.id, 0)
        if size_bytes:
            self._sizes[client.id] = size_bytes

    def admit(self, client: Client) -> None:
        """Before a command of `client`: weigh it, and let the largest go if it has become too much."""
        self.weigh(client)
        self.evict()

    def weigh_all(self) -> None:
        """Weigh every client: buffers fill and empty without a command of theirs (Pub/Sub, slow readers)."""
        for client in self.node.clients.values():
            self._weigh(client)

    def sizes(self) -> Iterable[int]:
        """The bytes of each client that is counted."""
        return self._sizes.values()

    def forget(self, client: Client) -> None:
        """A client has gone."""
        self.total_bytes -= self._sizes.pop(client.id, 0)

    def limit_bytes(self) -> int:
        """maxmemory-clients in bytes; 0: no limit."""
        config = self.node.config
        limit = config.maxmemory_clients
        if isinstance(limit, str):  # a share: "5%"
            limit = int(limit[:-1]) * config.maxmemory // 100
        return max(limit, SMALLEST_LIMIT_BYTES) if limit else 0

    def evict(self) -> None:
        """Hang up on the largest clients until the rest fit."""
        limit = self.limit_bytes()
        if not limit or self.total_bytes <= limit:
            return
        clients = self.node.clients
        for client_id in sorted(self._sizes, key=self._sizes.__getitem__, reverse=True):
            if self.total_bytes <= limit:
                return
            client = clients[client_id]
            if not client.no_evict:
                self.evicted_clients += 1
                self.node.log("notice", f"Evicting client: {client.peer}")
                client.abort()


def client_bytes(client: Client) -> int:
    """The connection, its buffers, and what it has queued or waits with.

    A client in this process has no socket: without one it weighs nothing before it queues something.
    """
    buffers = client.measure_buffers()
    arguments = arguments_bytes(client, buffers)
    queued = client.transaction.size_bytes if client.transaction is not None else 0
    lists = SUBSCRIPTION_BYTES * len(client.subscriptions) + WATCHED_BYTES * len(client.watched)
    if client.tracking is not None:
        lists += PREFIX_BYTES * len(client.tracking.prefixes)
    connection, query, output = 0, buffers.query_bytes, buffers.output_bytes
    if buffers.fd >= 0:
        connection = CLIENT_BYTES
    if buffers.sizes is not None:
        connection = STRUCT_BYTES + buffers.sizes.reply_bytes
        query = max(query, buffers.sizes.query_bytes)
        output = buffers.sizes.shown(output).list_bytes
    return connection + (allocation_size(query) if query else 0) + output + arguments + queued + lists


def arguments_bytes(client: Client, buffers: Buffers) -> int:
    """The words of a request that is not whole yet, or of the command that the client waits with."""
    return buffers.arguments_bytes + (sum(map(len, client.parked.argv)) if client.parked else 0)


def _counts(client: Client) -> bool:
    return client.kind in ("normal", "pubsub")
