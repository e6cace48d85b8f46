"""MONITOR. Who watches, and how a line looks, stands in minidis/engine/messages/monitoring.py.

Mirrors: replication.c (monitorCommand).
"""

from __future__ import annotations

from minidis.engine.client import Client
from minidis.engine.command_table.registry import ADMIN, LOADING, NOSCRIPT, STALE, command
from minidis.protocol.replies import ReplyError, Several


@command("MONITOR", ADMIN | NOSCRIPT | LOADING | STALE, group="server")
def monitor(client: Client):
    """Show every command that the server runs, from now on. O(1)."""
    if client.in_execution:  # EXEC expects one reply of each command, and no more
        raise ReplyError("ERR MONITOR isn't allowed for DENY BLOCKING client")
    if client.id in client.node.monitors.clients:
        return Several()  # it sees them already; Redis says nothing at all
    client.node.monitors.add(client)
    return "OK"
