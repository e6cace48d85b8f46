"""SHUTDOWN: the end of a server, on request.

The node cannot end a process: it asks whoever drives it (`node.on_shutdown`). Inside a notebook nobody has
offered to, and the command fails.

Mirrors: db.c (shutdownCommand).

>>> from minidis.drivers.embedded import Embedded
>>> Embedded(clock=0).execute("SHUTDOWN")
Traceback (most recent call last):
...
minidis.protocol.replies.ReplyError: ERR Errors trying to SHUTDOWN. Check logs.
"""

from __future__ import annotations

from minidis.engine import errors, starting
from minidis.engine.client import Client
from minidis.engine.registry import ADMIN, ALLOW_BUSY, LOADING, NO_MULTI, NOSCRIPT, SENTINEL, STALE, command
from minidis.protocol.replies import ReplyError, Several

_OPTIONS = frozenset((b"NOSAVE", b"SAVE", b"NOW", b"FORCE", b"ABORT"))


@command(
    "SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]",
    ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY | SENTINEL,
    raw=True,
    group="server",
)
def shutdown(client: Client, *words: bytes):
    """End the server: no reply, the connection closes. O(N) when it saves, N being the keys."""
    options = {word.upper() for word in words}
    if options - _OPTIONS or {b"NOSAVE", b"SAVE"} <= options or (b"ABORT" in options and len(words) > 1):
        raise ReplyError(errors.SYNTAX)
    if b"ABORT" in options:  # a shutdown here takes no time, so there is never one to abort
        raise ReplyError("ERR No shutdown in progress.")
    node = client.node
    save = True if b"SAVE" in options else False if b"NOSAVE" in options else None
    if node.loading is not None:
        save = False  # what is there is not the dataset yet
    if node.on_shutdown is None or not starting.prepare_to_stop(node, save, b"FORCE" in options):
        raise ReplyError("ERR Errors trying to SHUTDOWN. Check logs.")
    node.on_shutdown()
    return Several()
