"""Connections that MIGRATE leaves open: a slot is moved by many calls in a row, to the same place.

    MIGRATE b 6379 ...     opens a connection, and keeps it when all went well
    MIGRATE b 6379 ...     takes it again; what database it is in is known
    ten seconds later      it is closed

Mirrors: migrateGetSocket, migrateCloseTimedoutSockets in cluster.c.
Differs: when there are too many, the one that was not used for longest goes; in Redis any one.
Complexity: O(1) for a call, O(connections) for each second in which some are kept.
Read next: migration.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.commands.information import Fields, section

if TYPE_CHECKING:
    from minidis.engine.node import Node
    from minidis.engine.peers import Address, Peer

KEPT_US = 10_000_000
MOST_KEPT = 64


class KeptConnections:
    """The idle connections of one node.  A service of it while there are some; the handler of each."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.idle: dict[
            Address, tuple[Peer, int, int]
        ] = {}  # the longest unused first: peer, database, since

    def take(self, address: Address) -> tuple[Peer, int] | None:
        """An open connection to this address and the database that it is in, if there is one."""
        found = self.idle.pop(address, None)
        self._update()
        return None if found is None else found[:2]

    def keep(self, peer: Peer, database: int) -> None:
        """Keep a connection whose last reply has come."""
        former = self.idle.pop(peer.address, None)
        if former is not None:
            former[0].close()
        while len(self.idle) >= MOST_KEPT:
            self.idle.pop(next(iter(self.idle)))[0].close()
        peer.handler = self
        self.idle[peer.address] = peer, database, self.node.now_us
        self._update()

    def _update(self) -> None:
        services = self.node.services
        if self.idle and self not in services:
            services.append(self)
            self.node.wake(self.next_deadline_us() or self.node.now_us)
        elif not self.idle and self in services:
            services.remove(self)

    # -- a service --------------------------------------------------------------------------------

    def tick(self) -> None:
        for address, (peer, _, since_us) in list(self.idle.items()):
            if self.node.now_us - since_us < KEPT_US:
                break
            del self.idle[address]
            peer.close()
        self._update()

    def next_deadline_us(self) -> int | None:
        return next((since_us + KEPT_US for _, _, since_us in self.idle.values()), None)

    # -- the peers' events ------------------------------------------------------------------------

    def connected(self, peer: Peer) -> None:
        """It has been, for long."""

    def received(self, peer: Peer, data: bytes) -> None:
        """Nobody asked: that is no connection to go on with."""
        self.lost(peer, "")
        peer.close()

    def lost(self, peer: Peer, reason: str) -> None:
        self.idle.pop(peer.address, None)
        self._update()


def kept_connections(node: Node) -> KeptConnections:
    """Those of a node."""
    return next(
        (entry for entry in node.services if isinstance(entry, KeptConnections)), KeptConnections(node)
    )


@section("stats")
def _kept(node: Node) -> Fields:
    return {"migrate_cached_sockets": len(kept_connections(node).idle)}
