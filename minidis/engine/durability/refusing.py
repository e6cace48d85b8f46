"""A disk that fails stops the writes, before there is more than it has kept: MISCONF.

    a client      is refused what it wants to write, a transaction of such commands, and PING, so that whoever
                  watches the node notices
    a replica     must do what its primary has done, so it ends; with `replica-ignore-disk-write-errors` it
                  goes on, and says so every ten seconds

Mirrors: the middle of `processCommand` in server.c.
Complexity: O(1); for EXEC O(commands in the queue).

Read next: saving.py and append_only_file.py, which know when that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.engine.transactions import is_or_runs
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.command_table.registry import Command

TOLD_EVERY_US = 10_000_000


def refuse_write(client: Client, command: Command, error: str) -> None:
    """Raise `error` if this command must not run; NodeFailure if it must, and nothing could keep it."""
    is_write = is_or_runs(client, command, lambda one: one.is_write)
    if not is_write and command.name != "ping":
        return
    if not client.is_obeyed:
        raise ReplyError(error)
    node = client.node
    if is_write and not node.config.replica_ignore_disk_write_errors:
        node.fail("Replica was unable to write command to disk.")
    if node.now_us > node.saving.told_us + TOLD_EVERY_US:
        node.saving.told_us = node.now_us
        node.log("warning", "Replica is applying a command even though it is unable to write to disk.")
