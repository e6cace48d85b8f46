"""SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF, WAITAOF; DEBUG RELOAD and LOADAOF.

Mirrors: rdb.c (saveCommand, bgsaveCommand), aof.c (bgrewriteaofCommand), replication.c (waitaofCommand),
debug.c.
Differs: what runs in the background runs in slices of this very node, not in a child.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("SET", "k", "v"), redis.execute("BGSAVE")
('OK', 'Background saving started')
>>> redis.step(1); redis.execute("LASTSAVE"), redis.node.disk.list(".")
(0, ['dump.rdb'])

Read next: minidis/engine/durability/saving.py, minidis/engine/durability/append_only_file.py.
"""

from __future__ import annotations

from minidis.commands.debugging import debug
from minidis.engine import errors, starting
from minidis.engine.client import Client
from minidis.engine.command_table.registry import (
    ADMIN,
    BLOCKING,
    FAST,
    LOADING,
    NO_ASYNC_LOADING,
    NO_MULTI,
    NOSCRIPT,
    STALE,
    command,
)
from minidis.engine.durability.append_only_file import AWAITED, NO_LOG
from minidis.engine.durability.disk import DiskError
from minidis.engine.durability.loading import LoadError, Loading
from minidis.engine.waiting import Wait
from minidis.persistence.rdb_format import COMPLETE_VERSION
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError

ALREADY_SAVING = "ERR Background save already in progress"
ANOTHER_JOB = (
    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to "
    "schedule a BGSAVE whenever possible."
)


@command("SAVE", ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI, group="server")
def save(client: Client):
    """Write the dataset to disk; nothing else happens meanwhile. O(N) in keys."""
    node = client.node
    if node.background.makes_rdb:
        raise ReplyError(ALREADY_SAVING)
    node.saving.saves += 1
    try:
        node.saving.save()
    except DiskError:
        raise ReplyError("ERR") from None
    return "OK"


@command("BGSAVE [SCHEDULE]", ADMIN | NOSCRIPT | NO_ASYNC_LOADING, group="server", raw=True)
def bgsave(client: Client, *words: bytes):
    """Write the dataset, as it is now, to disk in the background. O(N) in keys, in slices."""
    node = client.node
    if len(words) > 1 or (words and words[0].upper() != b"SCHEDULE"):
        raise ReplyError(errors.SYNTAX)
    if node.background.makes_rdb:
        raise ReplyError(ALREADY_SAVING)
    if node.background.job is not None or client.in_execution:
        if not words and not client.in_execution:
            raise ReplyError(ANOTHER_JOB)
        node.saving.scheduled = True
        return "Background saving scheduled"
    if not node.saving.start():
        raise ReplyError("ERR")
    return "Background saving started"


@command("LASTSAVE", LOADING | STALE | FAST, group="server")
def lastsave(client: Client):
    """The unix time of the last save that succeeded. O(1)."""
    return client.node.saving.last_save_s


@command("BGREWRITEAOF", ADMIN | NOSCRIPT | NO_ASYNC_LOADING, group="server")
def bgrewriteaof(client: Client):
    """Begin the append-only file anew, with the dataset as it is now, in the background. O(N) in keys, in \
slices."""
    node, rewriting = client.node, client.node.append_only.rewriting
    if node.background.is_running("aof"):
        raise ReplyError("ERR Background append only file rewriting already in progress")
    if node.background.job is not None or client.in_execution:
        rewriting.scheduled = True
        return "Background append only file rewriting scheduled"
    if not rewriting.start():
        raise ReplyError(
            "ERR Can't execute an AOF background rewriting. Please check the server logs for more "
            "information."
        )
    return "Background append only file rewriting started"


@command(
    "WAITAOF numlocal:int numreplicas:int timeout:int",
    BLOCKING,
    since="7.2.0",
    raw=True,
    group="generic",
)
def waitaof(client: Client, *words: bytes):
    """Wait until what this client wrote is synced to disk here, and on so many replicas. O(1)."""
    numlocal = parse_integer(words[0])
    if numlocal is None:
        raise ReplyError(errors.NOT_INTEGER)
    if not 0 <= numlocal <= 1:
        raise ReplyError("ERR value is out of range, value must between 0 and 1")
    numreplicas = parse_integer(words[1])
    if numreplicas is None or numreplicas < 0:
        raise ReplyError("ERR value is out of range, must be positive")
    timeout_ms = parse_integer(words[2])
    if timeout_ms is None:
        raise ReplyError("ERR timeout is not an integer or out of range")
    if timeout_ms < 0:
        raise ReplyError("ERR timeout is negative")
    node = client.node
    log = node.append_only
    if node.is_replica:
        raise ReplyError(
            "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are "
            "just local and are not propagated."
        )
    if numlocal and log.state == "off":
        raise ReplyError(NO_LOG)
    if log.is_satisfied(client, numlocal, numreplicas) or client.in_execution:
        return log.acknowledged(client)
    return Wait(
        topic=AWAITED,
        deadline_ms=node.now_ms + timeout_ms if timeout_ms else None,
        timeout_reply=lambda: log.acknowledged(client),
    )


# ---- DEBUG ------------------------------------------------------------------------------------------------


@debug("RELOAD [option ...]", (0, None))
def _debug_reload(client: Client, *options: bytes) -> str:
    """Save the RDB on disk and reload it back to memory. Valid <option> values:
    * MERGE: conflicting keys will be loaded from RDB.
    * NOFLUSH: the existing database will not be removed before load, but
      conflicting keys will generate an exception and kill the server.
    * NOSAVE: the database will be loaded from an existing RDB file.
    Examples:
    * DEBUG RELOAD: verify that the server is able to persist, flush and reload
      the database.
    * DEBUG RELOAD NOSAVE: replace the current database with the contents of an
      existing RDB file.
    * DEBUG RELOAD NOSAVE NOFLUSH MERGE: add the contents of an existing RDB
      file to the database."""
    node = client.node
    chosen = {option.upper() for option in options}
    if not chosen <= {b"MERGE", b"NOFLUSH", b"NOSAVE"}:
        raise ReplyError("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
    try:
        if b"NOSAVE" not in chosen:
            node.saving.save(COMPLETE_VERSION)  # nothing may be forgotten on the way
        loading = Loading(node, merge=b"MERGE" in chosen)
        flushes = b"NOFLUSH" not in chosen
        if b"NOSAVE" in chosen or not flushes:  # Redis finds it half-way: it exits, or keeps that half
            loading.check_snapshot(node.saving.path, joins=not flushes)
        if flushes:
            starting.empty(node)
        with starting.all_or_nothing(node):
            loading.begin(loading.snapshot(node.saving.path)).run()
        client.rewrite()  # what was loaded is no change, and replicas and the log have nothing to repeat
    except DiskError:
        raise ReplyError("ERR") from None
    except LoadError as error:
        node.log("warning", str(error))
        raise ReplyError("ERR Error trying to load the RDB dump, check server logs") from None
    return "OK"


@debug("LOADAOF", 0)
def _debug_loadaof(client: Client) -> str:
    """Flush the AOF buffers on disk and reload the AOF in memory."""
    try:
        starting.reload_log(client.node)
        client.rewrite()  # a log that says "load the log" would be loaded for ever
    except (DiskError, LoadError) as error:
        client.node.log("warning", str(error))
        raise ReplyError("ERR Error trying to load the AOF files, check server logs") from None
    return "OK"
