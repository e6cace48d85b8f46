"""EVAL, EVALSHA and SCRIPT: scripts that a client sends, cached under the SHA-1 of their text.

    SCRIPT LOAD "return ARGV[1]"     -> 098e0f0d1448c0a81dafe820f66d460eb09263da
    EVALSHA 098e0f... 0 hello        -> "hello"
    EVALSHA of a script not cached   -> NOSCRIPT: send the text by EVAL

Mirrors: eval.c.
Differs: an embedded node has no debugger: it has no connection to talk to.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("EVAL", "return {KEYS[1], ARGV[1]}", 1, "key", "argument")
[b'key', b'argument']

Read next: engine.py.
"""

from __future__ import annotations

from typing import Any

from minidis.commands.helptexts import help_lines
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import (
    ALLOW_BUSY,
    LOADING,
    MAY_REPLICATE,
    NO_MANDATORY_KEYS,
    NOSCRIPT,
    READONLY,
    SKIP_MONITOR,
    STALE,
    Flag,
    command,
)
from minidis.protocol.replies import ReplyError
from minidis.scripting import debugger
from minidis.scripting.engine import read_shebang, scripting_of
from minidis.scripting.run import flags_as_command

SHOWN_FIRST = NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS
"""A script may run on old data, names its keys itself, and is shown to MONITOR before its commands."""

NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL."

_HELP = """\
DEBUG (YES|SYNC|NO)
    Set the debug mode for subsequent scripts executed.
EXISTS <sha1> [<sha1> ...]
    Return information about the existence of the scripts in the script cache.
FLUSH [ASYNC|SYNC]
    Flush the Lua scripts cache. Very dangerous on replicas.
    When called without the optional mode argument, the behavior is determined by the
    lazyfree-lazy-user-flush configuration directive. Valid modes are:
    * ASYNC: Asynchronously flush the scripts cache.
    * SYNC: Synchronously flush the scripts cache.
KILL
    Kill the currently executing Lua script.
LOAD <script>
    Load a script into the scripts cache without executing it."""


def _flags_of_text(client: Client, flags: Flag, argv: list[bytes]) -> Flag:
    try:
        return flags_as_command(flags, read_shebang(argv[1])[0])
    except ReplyError:
        return flags  # EVAL itself says what is wrong


def _flags_of_cached(client: Client, flags: Flag, argv: list[bytes]) -> Flag:
    scripting = client.node.scripting
    script = scripting.scripts.get(argv[1].lower()) if scripting is not None else None
    return flags_as_command(flags, script.flags) if script is not None else flags


@command(
    "EVAL script numkeys:int [key ...] [arg ...]",
    SHOWN_FIRST | MAY_REPLICATE,
    since="2.6.0",
    raw=True,
    group="scripting",
    request_flags=_flags_of_text,
)
def eval_(client: Client, body: bytes, numkeys: bytes, *words: bytes) -> Any:
    """Run a Lua script. O(1), and what the script does."""
    key_count = check_key_count(integer(numkeys), words)
    return _evaluate(client, body, key_count, words, False)


@command(
    "EVAL_RO script numkeys:int [key ...] [arg ...]",
    SHOWN_FIRST | READONLY,
    since="7.0.0",
    raw=True,
    group="scripting",
    request_flags=_flags_of_text,
)
def eval_ro(client: Client, body: bytes, numkeys: bytes, *words: bytes) -> Any:
    """Run a Lua script that only reads. O(1), and what the script does."""
    key_count = check_key_count(integer(numkeys), words)
    return _evaluate(client, body, key_count, words, True)


@command(
    "EVALSHA sha1 numkeys:int [key ...] [arg ...]",
    SHOWN_FIRST | MAY_REPLICATE,
    since="2.6.0",
    raw=True,
    group="scripting",
    request_flags=_flags_of_cached,
)
def evalsha(client: Client, sha: bytes, numkeys: bytes, *words: bytes) -> Any:
    """Run a cached Lua script by its SHA-1. O(1), and what the script does."""
    return _evaluate_cached(client, sha, numkeys, words, False)


@command(
    "EVALSHA_RO sha1 numkeys:int [key ...] [arg ...]",
    SHOWN_FIRST | READONLY,
    since="7.0.0",
    raw=True,
    group="scripting",
    request_flags=_flags_of_cached,
)
def evalsha_ro(client: Client, sha: bytes, numkeys: bytes, *words: bytes) -> Any:
    """Run a cached Lua script that only reads. O(1), and what the script does."""
    return _evaluate_cached(client, sha, numkeys, words, True)


def _evaluate(client: Client, body: bytes, key_count: int, words: tuple[bytes, ...], read_only: bool) -> Any:
    scripting = scripting_of(client.node)
    if client.id in scripting.debug_modes:
        return debugger.evaluate(scripting, client, body, key_count, words, read_only)
    return scripting.evaluate(client, scripting.load(body), key_count, words, read_only)


def _evaluate_cached(
    client: Client, sha: bytes, numkeys: bytes, words: tuple[bytes, ...], read_only: bool
) -> Any:
    if len(sha) != 40:
        raise ReplyError(NO_SCRIPT)
    scripting = scripting_of(client.node)
    if client.id in scripting.debug_modes:
        raise ReplyError("ERR Please use EVAL instead of EVALSHA for debugging")
    key_count = check_key_count(integer(numkeys), words)
    script = scripting.scripts.get(sha) or scripting.scripts.get(sha.lower())
    if script is None:
        raise ReplyError(NO_SCRIPT)
    return scripting.evaluate(client, script, key_count, words, read_only)


def check_key_count(count: int, words: tuple[bytes, ...]) -> int:
    """`numkeys`, if that many words follow it."""
    if count > len(words):
        raise ReplyError("ERR Number of keys can't be greater than number of args")
    if count < 0:
        raise ReplyError("ERR Number of keys can't be negative")
    return count


@command("SCRIPT LOAD script", NOSCRIPT | STALE, since="2.6.0", group="scripting")
def script_load(client: Client, body: bytes) -> bytes:
    """Put a script into the cache without running it, and answer its SHA-1. O(N) in bytes of the script."""
    return scripting_of(client.node).load(body).sha


@command("SCRIPT EXISTS sha1 [sha1 ...]", NOSCRIPT, since="2.6.0", group="scripting")
def script_exists(client: Client, *hashes: bytes) -> list[int]:
    """Which of these scripts are cached? 1 or 0 for each. O(N) in scripts asked for."""
    scripts = scripting_of(client.node).scripts
    return [int(sha.lower() in scripts) for sha in hashes]


@command("SCRIPT FLUSH [ASYNC|SYNC]", NOSCRIPT, since="2.6.0", raw=True, group="scripting")
def script_flush(client: Client, *mode: bytes) -> str:
    """Forget all cached scripts. O(N) in scripts."""
    if len(mode) > 1 or (mode and mode[0].upper() not in (b"ASYNC", b"SYNC")):
        raise ReplyError("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
    scripting_of(client.node).flush()
    return "OK"


@command("SCRIPT KILL", NOSCRIPT | ALLOW_BUSY, since="2.6.0", group="scripting")
def script_kill(client: Client) -> str:
    """End the script that runs, if it has not written. O(1)."""
    return scripting_of(client.node).kill(is_eval=True)


@command("SCRIPT DEBUG YES|SYNC|NO", NOSCRIPT, since="3.2.0", raw=True, group="scripting")
def script_debug(client: Client, mode: bytes) -> str:
    """Debug the next EVAL: in a copy of the process, or in the server itself (SYNC). O(1)."""
    modes = scripting_of(client.node).debug_modes
    asked = mode.lower().decode("utf-8", "surrogateescape")
    if client.measure_buffers().output_bytes:
        raise ReplyError("ERR SCRIPT DEBUG must be called outside a pipeline")
    if asked == "no":
        modes.pop(client.id, None)
    elif asked not in ("yes", "sync"):
        raise ReplyError("ERR Use SCRIPT DEBUG YES/SYNC/NO")
    elif client.node.open_debug_console is None:
        raise ReplyError("ERR the script debugger needs a server: here SCRIPT DEBUG only knows NO")
    else:
        modes[client.id] = asked
    return "OK"


@command("SCRIPT HELP", LOADING | STALE, since="5.0.0", group="scripting")
def script_help(client: Client) -> list[str]:
    """Describe the subcommands of SCRIPT. O(1)."""
    return help_lines("SCRIPT", _HELP)
