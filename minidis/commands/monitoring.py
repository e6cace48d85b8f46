"""MONITOR. Who watches, and how a line looks, stands in minidis/engine/monitoring.py.

Mirrors: replication.c (monitorCommand).
"""

from __future__ import annotations

from minidis.engine.client import Client
from minidis.engine.registry import ADMIN, LOADING, NOSCRIPT, STALE, command


@command("MONITOR", ADMIN | NOSCRIPT | LOADING | STALE, group="server")
def monitor(client: Client):
    """Show every command that the server runs, from now on. O(1)."""
    client.node.monitors.add(client)
    return "OK"
