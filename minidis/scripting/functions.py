"""FUNCTION and FCALL: functions that stay on the server, in libraries.

    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function('greet', function(keys, args) ... end)"
    FCALL greet 0 world

Unlike the scripts of EVAL they are part of the dataset: they are saved, replicated, and have names.

Mirrors: functions.c.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> code = "#!lua name=mylib\\nredis.register_function('first', function(keys, args) return args[1] end)"
>>> redis.execute("FUNCTION", "LOAD", code), redis.execute("FCALL", "first", 0, "hello")
(b'mylib', b'hello')

Read next: library.py.
"""

from __future__ import annotations

from typing import Any

from minidis.commands.helptexts import help_lines
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.registry import (
    ALLOW_BUSY,
    DENYOOM,
    LOADING,
    MAY_REPLICATE,
    NOSCRIPT,
    READONLY,
    STALE,
    WRITE,
    Flag,
    command,
)
from minidis.engine.errors import shown
from minidis.persistence.rdb_cursor import Cursor, NeedMore
from minidis.persistence.rdb_format import Opcode, RdbError
from minidis.persistence.rdb_reader import BadFooter, open_payload
from minidis.persistence.rdb_writer import SnapshotWriter, seal_payload
from minidis.protocol.glob import matches
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError
from minidis.scripting.conversion import text_from_lua
from minidis.scripting.engine import busy, scripting_of
from minidis.scripting.eval import SHOWN_FIRST, check_key_count
from minidis.scripting.library import Function, Functions, Library, functions_of_node
from minidis.scripting.run import FLAGS, ScriptRun, flags_as_command

_HELP = """\
LOAD [REPLACE] <FUNCTION CODE>
    Create a new library with the given library name and code.
DELETE <LIBRARY NAME>
    Delete the given library.
LIST [LIBRARYNAME PATTERN] [WITHCODE]
    Return general information on all the libraries:
    * Library name
    * The engine used to run the Library
    * Library description
    * Functions list
    * Library code (if WITHCODE is given)
    It also possible to get only function that matches a pattern using LIBRARYNAME argument.
STATS
    Return information about the current function running:
    * Function name
    * Command used to run the function
    * Duration in MS that the function is running
    If no function is running, return nil
    In addition, returns a list of available engines.
KILL
    Kill the current running function.
FLUSH [ASYNC|SYNC]
    Delete all the libraries.
    When called without the optional mode argument, the behavior is determined by the
    lazyfree-lazy-user-flush configuration directive. Valid modes are:
    * ASYNC: Asynchronously flush the libraries.
    * SYNC: Synchronously flush the libraries.
DUMP
    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE \
command
RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]
    Restore the libraries represented by the given payload, it is possible to give a restore policy to
    control how to handle existing libraries (default APPEND):
    * FLUSH: delete all existing libraries.
    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.
    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old
      libraries with the new libraries (notice that even on this option there is a chance of failure
      in case of functions name collision with another library)."""
_CHANGES = WRITE | NOSCRIPT


def functions_of(client: Client) -> Functions:
    """The functions of the client's node."""
    return functions_of_node(client.node)


def _flags_of_function(client: Client, flags: Flag, argv: list[bytes]) -> Flag:
    function = functions_of(client).find(argv[1])
    return flags_as_command(flags, function.flags) if function is not None else flags


@command(
    "FCALL function numkeys:int [key ...] [arg ...]",
    SHOWN_FIRST | MAY_REPLICATE,
    since="7.0.0",
    raw=True,
    group="scripting",
    request_flags=_flags_of_function,
)
def fcall(client: Client, name: bytes, numkeys: bytes, *words: bytes) -> Any:
    """Call a function. O(1), and what the function does."""
    return _call(client, name, numkeys, words, False)


@command(
    "FCALL_RO function numkeys:int [key ...] [arg ...]",
    SHOWN_FIRST | READONLY,
    since="7.0.0",
    raw=True,
    group="scripting",
    request_flags=_flags_of_function,
)
def fcall_ro(client: Client, name: bytes, numkeys: bytes, *words: bytes) -> Any:
    """Call a function that only reads. O(1), and what the function does."""
    return _call(client, name, numkeys, words, True)


def _call(client: Client, name: bytes, numkeys: bytes, words: tuple[bytes, ...], read_only: bool) -> Any:
    functions = functions_of(client)
    function = functions.find(name)
    if function is None:
        raise ReplyError("ERR Function not found")
    count = parse_integer(numkeys)
    if count is None:
        raise ReplyError("ERR Bad number of keys provided")
    check_key_count(count, words)
    engine = functions.engine
    run = ScriptRun(client, engine.client, function.name, function.flags, read_only, is_eval=False)
    run.command = [b"fcall_ro" if read_only else b"fcall", name, numkeys, *words]
    scripting = functions.scripting
    return scripting.perform(engine, run, engine.lua.call, function.callback, count, words, read_only)


@command(
    "FUNCTION LOAD [REPLACE] function-code", _CHANGES | DENYOOM, since="7.0.0", raw=True, group="scripting"
)
def function_load(client: Client, *words: bytes) -> bytes:
    """Take in a library of functions. O(1), and the compilation."""
    for word in words[:-1]:
        if word.upper() != b"REPLACE":
            raise ReplyError(f"ERR Unknown option given: {shown(word)}")
    if words[-1].upper() == b"REPLACE" and len(words) == 1:
        pass  # the code may be that very word: then it has no metadata
    return functions_of(client).load(words[-1], len(words) > 1)


@command("FUNCTION DELETE library-name", _CHANGES, since="7.0.0", group="scripting")
def function_delete(client: Client, name: bytes) -> str:
    """Delete a library and its functions. O(1)."""
    functions_of(client).delete(name)
    return "OK"


@command("FUNCTION FLUSH [ASYNC|SYNC]", _CHANGES, since="7.0.0", raw=True, group="scripting")
def function_flush(client: Client, *mode: bytes) -> str:
    """Delete all libraries. O(N) in functions."""
    if len(mode) > 1:
        raise errors.WrongUsage
    if mode and mode[0].upper() not in (b"ASYNC", b"SYNC"):
        raise ReplyError("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
    functions_of(client).flush()
    return "OK"


@command(
    "FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]",
    NOSCRIPT,
    since="7.0.0",
    raw=True,
    group="scripting",
)
def function_list(client: Client, *words: bytes) -> list[dict[bytes, Any]]:
    """The libraries and their functions. O(N) in functions."""
    pattern: bytes | None = None
    with_code = False
    left = list(reversed(words))
    while left:
        word = left.pop()
        if word.upper() == b"WITHCODE" and not with_code:
            with_code = True
        elif word.upper() == b"LIBRARYNAME" and pattern is None:
            if not left:
                raise ReplyError("ERR library name argument was not given")
            pattern = left.pop()
        else:
            raise ReplyError(f"ERR Unknown argument {shown(word)}")
    functions = functions_of(client)
    functions.catch_up()
    return [
        _describe(library, with_code)
        for library in functions.libraries.values()
        if pattern is None or matches(pattern, library.name, nocase=True)
    ]


def _describe(library: Library, with_code: bool) -> dict[bytes, Any]:
    described: dict[bytes, Any] = {
        b"library_name": library.name,
        b"engine": b"LUA",
        b"functions": [_describe_function(function) for function in library.functions.values()],
    }
    if with_code:
        described[b"library_code"] = library.code
    return described


def _describe_function(function: Function) -> dict[bytes, Any]:
    flags = dict.fromkeys(flag for flag in FLAGS if flag in function.flags).keys()
    return {b"name": function.name, b"description": function.description, b"flags": flags}


@command("FUNCTION STATS", NOSCRIPT | ALLOW_BUSY, since="7.0.0", group="scripting")
def function_stats(client: Client) -> dict[bytes, Any]:
    """The function that runs, and how many there are. O(1)."""
    functions = functions_of(client)
    run = functions.scripting.run
    if run is not None and run.is_eval:
        raise busy(run)
    if run is None:
        functions.catch_up()
    counts = {b"libraries_count": len(functions.libraries), b"functions_count": len(functions.by_name)}
    running = None
    if run is not None:
        running = {b"name": run.name, b"command": run.command, b"duration_ms": run.elapsed_ms}
    return {b"running_script": running, b"engines": {b"LUA": counts}}


@command("FUNCTION KILL", NOSCRIPT | ALLOW_BUSY, since="7.0.0", group="scripting")
def function_kill(client: Client) -> str:
    """End the function that runs, if it has not written. O(1)."""
    return scripting_of(client.node).kill(is_eval=False)


@command("FUNCTION DUMP", NOSCRIPT, since="7.0.0", group="scripting")
def function_dump(client: Client) -> bytes:
    """All libraries as bytes, for FUNCTION RESTORE. O(N) in functions."""
    writer = SnapshotWriter(checksum=False)
    return seal_payload(b"".join(map(writer.function, client.node.libraries.sources.values())))


@command(
    "FUNCTION RESTORE serialized-value [FLUSH|APPEND|REPLACE]",
    _CHANGES | DENYOOM,
    since="7.0.0",
    raw=True,
    group="scripting",
)
def function_restore(client: Client, payload: bytes, *policy: bytes) -> str:
    """Take in the libraries of a FUNCTION DUMP. O(N) in functions."""
    if len(policy) > 1:
        raise errors.WrongUsage
    chosen = policy[0].upper() if policy else b"APPEND"
    if chosen not in (b"FLUSH", b"APPEND", b"REPLACE"):
        message = "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."
        raise ReplyError(message)
    functions = functions_of(client)
    functions.catch_up()
    restored: dict[bytes, Library] = {}
    for code in _sources(payload, not client.node.skips_checksums):
        library = functions.compile(code)
        name = text_from_lua(library.name)
        if library.name in restored:
            raise ReplyError(f"ERR Library '{name}' already exists")
        if chosen == b"APPEND" and library.name in functions.libraries:
            raise ReplyError(f"ERR Library {name} already exists")
        restored[library.name] = library
    leaving = set(functions.libraries) if chosen == b"FLUSH" else set(restored)
    functions.check_collisions(list(restored.values()), leaving)
    if chosen == b"FLUSH":
        for name_ in list(functions.libraries):
            functions.delete(name_)
    functions.take_in(list(restored.values()))
    return "OK"


def _sources(payload: bytes, check_sum: bool) -> list[bytes]:
    """The libraries in a payload."""
    try:
        body, _ = open_payload(payload, check_sum)
    except BadFooter:
        raise ReplyError("ERR DUMP payload version or checksum are wrong") from None
    cursor = Cursor(body)
    found = []
    try:
        while cursor.position < len(body):
            opcode = cursor.byte("the opcode")
            if opcode == Opcode.FUNCTION_PRE_GA:
                raise ReplyError("ERR Pre-GA function format not supported")
            if opcode != Opcode.FUNCTION:
                raise ReplyError("ERR given type is not a function")
            found.append(cursor.string("the source of a library"))
    except (NeedMore, RdbError):
        raise ReplyError("ERR failed loading the given functions payload") from None
    return found


@command("FUNCTION HELP", LOADING | STALE, since="7.0.0", group="scripting")
def function_help(client: Client) -> list[str]:
    """Describe the subcommands of FUNCTION. O(1)."""
    return help_lines("FUNCTION", _HELP)
