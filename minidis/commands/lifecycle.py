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

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.registry import (
    ADMIN,
    ALLOW_BUSY,
    LOADING,
    NO_MULTI,
    NOSCRIPT,
    SENTINEL,
    STALE,
    command,
)
from minidis.engine.shutdown import FAILED, WAITS
from minidis.engine.waiting import Wait
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
    is_about_abort = b"ABORT" in options
    if options - _OPTIONS or {b"NOSAVE", b"SAVE"} <= options or (is_about_abort and len(options) > 1):
        raise ReplyError(errors.SYNTAX)
    ending = client.node.shutdown
    if is_about_abort:
        if not ending.abort():
            raise ReplyError("ERR No shutdown in progress.")
        return "OK"
    save = True if b"SAVE" in options else False if b"NOSAVE" in options else None
    outcome = ending.begin(save, now=b"NOW" in options, force=b"FORCE" in options)
    if outcome == "failed":
        raise ReplyError(FAILED)
    return Several() if outcome == "ended" else Wait(topic=WAITS, timeout_reply=ReplyError(FAILED))
