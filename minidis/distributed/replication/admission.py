"""What replication has to say before a command runs.

    a replica           refuses writes (replica-read-only), and perhaps everything while it has lost its
                        primary (replica-serve-stale-data no)
    a primary           refuses writes while fewer than min-replicas-to-write replicas have answered
                        within min-replicas-max-lag seconds: what it could lose is bounded then

The guard stands in the node's way only while one of these can happen.

Mirrors: the middle of `processCommand` in server.c.
Read next: commands.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.engine.command_table.registry import Command, Flag
from minidis.engine.transactions import is_or_runs
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from minidis.distributed.replication.role import Replication
    from minidis.engine.client import Client

READ_ONLY = "READONLY You can't write against a read only replica."
NOT_ENOUGH_REPLICAS = "NOREPLICAS Not enough good replicas to write."
PRIMARY_DOWN = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."


class Admission:
    """The guard, and when it stands."""

    def __init__(self, replication: Replication) -> None:
        self.replication = replication
        self.node = replication.node
        self.written_up_to: dict[int, int] = {}
        """Client -> the offset after its last write."""

    def update(self) -> None:
        """Stand in the way, or don't, as role and directives ask."""
        config = self.node.config
        needed = self.replication.is_replica or (
            config.min_replicas_to_write > 0 and config.min_replicas_max_lag > 0
        )
        self.node.set_guard(self.check, needed)

    def check(self, client: Client, command: Command, argv: list[bytes]) -> None:
        """Raise the error that refuses `command`."""
        if client.is_obeyed:
            return
        if is_or_runs(client, command, lambda one: one.is_write):
            self.check_write()
        if self.is_stale and is_or_runs(client, command, lambda one: not one.flags & Flag.STALE):
            raise ReplyError(PRIMARY_DOWN)

    @property
    def is_stale(self) -> bool:
        """Is this a replica that has lost its primary, and must not serve what it remembers?"""
        replication = self.replication
        if not replication.is_replica or self.node.config.replica_serve_stale_data:
            return False
        return replication.link is None or not replication.link.is_connected

    def check_write(self) -> None:
        """Raise the error that refuses a write here and now."""
        config = self.node.config
        if self.replication.is_replica:
            if config.replica_read_only:
                raise ReplyError(READ_ONLY)
        elif config.min_replicas_to_write and config.min_replicas_max_lag:
            if self.replication.replicas.count_good() < config.min_replicas_to_write:
                raise ReplyError(NOT_ENOUGH_REPLICAS)
