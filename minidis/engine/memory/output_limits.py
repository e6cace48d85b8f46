"""client-output-buffer-limit: who lets too much pile up is cut off.

    class    hard        soft, for how long       default
    normal   -           -                        a pipeline may be long
    pubsub   32 MB       8 MB for 60 s            messages come unasked
    slave    256 MB      64 MB for 60 s           a replica that is cut off asks again for what it missed

At the hard limit at once; over the soft one when it lasted that long without a moment below it.

Mirrors: networking.c (`checkClientOutputBufferLimits`).
Complexity: O(1).

>>> meter = OutputMeter()
>>> pubsub = (100, 50, 2)
>>> [meter.exceeds(pubsub, 60, now_us) for now_us in (0, 2_000_000, 2_000_001)]
[False, False, True]
>>> meter.exceeds(pubsub, 100, 9_000_000)
True

Read next: minidis/drivers/server.py, which asks after each write and once a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.engine.memory.client_buffers import CHUNK_BYTES

if TYPE_CHECKING:
    from minidis.engine.client import Client

Limit = tuple[int, int, int]
"""Hard bytes, soft bytes, soft seconds; 0 bytes: no limit."""

NO_LIMIT: Limit = (0, 0, 0)

UNAUTHENTICATED: Limit = (CHUNK_BYTES + 1, 0, 0)
"""Refusals that pile up for someone who has not even said who it is are no reason to keep memory: the buffer
that every client has must do.
"""

LEAST_ELEMENT_BYTES = len(b"$0\r\n\r\n")


def limit_of(client: Client) -> Limit:
    """The limit of the class that `client` belongs to.  A client keeps it as its `output_limit`."""
    if not client.authenticated and client.node.users.authentication_required:
        return UNAUTHENTICATED
    config, kind = client.node.config, client.kind
    limits = config.client_output_buffer_limit
    if kind == "replica":
        # less than the backlog would cut a replica off for what a partial resynchronization sends at once
        hard_bytes, soft_bytes, soft_s = limits["slave"]
        least_bytes = config.repl_backlog_size
        return (
            max(hard_bytes, least_bytes) if hard_bytes else 0,
            max(soft_bytes, least_bytes) if soft_bytes else 0,
            soft_s,
        )
    return limits["pubsub" if kind == "pubsub" else "normal"]


def refuses(client: Client, elements: int) -> bool:
    """Cut the client off, and say so, if a reply of so many elements is sure to be over its hard limit.

    For replies that may be made much larger than any value: they need not be made to be refused.
    """
    if client.is_embedded or client.in_execution:  # there is no buffer; EXEC is carried out whole
        return False
    hard_bytes = client.output_limit[0]
    if not hard_bytes or elements * LEAST_ELEMENT_BYTES < hard_bytes:
        return False
    cut_off(client)
    return True


def cut_off(client: Client) -> None:
    """Hang up on a client for whom too much would pile up."""
    client.node.log("warning", f"Client {client.peer} closed for overcoming of output buffer limits.")
    client.abort()


class OutputMeter:
    """One client's output, looked at from time to time."""

    __slots__ = ("over_since_us",)

    def __init__(self) -> None:
        self.over_since_us: int | None = None

    def exceeds(self, limit: Limit, size_bytes: int, now_us: int) -> bool:
        """True if a client with so much output waiting must go now."""
        hard_bytes, soft_bytes, soft_s = limit
        if hard_bytes and size_bytes >= hard_bytes:
            return True
        if not soft_bytes or size_bytes < soft_bytes:
            self.over_since_us = None
            return False
        if self.over_since_us is None:
            self.over_since_us = now_us
        return now_us - self.over_since_us > soft_s * 1_000_000
