"""COMMAND: what commands there are, their arguments, their keys; all of it from the registry's syntax lines.

A client library asks COMMAND INFO for arity and key positions, redis-cli asks COMMAND DOCS for its hints, an
operator asks COMMAND LIST FILTERBY ACLCAT dangerous. There is no second table: one line and one docstring
per command say it all.

Mirrors: server.c (commandCommand and what follows, setImplicitACLCategories).
Differs: summary and complexity are our own words, on our own code.
Complexity: O(commands asked for).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2")
[b'a', b'b']

Read next: minidis/engine/command_table/syntax.py for the lines, keyspecs.py beside it for the keys.
"""

from __future__ import annotations

from collections.abc import KeysView
from functools import cache
from typing import Any

from minidis.commands.command_facts import deprecation, doc_flags, history, note, tips
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.categories import categories
from minidis.engine.command_table.keyaccess import key_access, keys_of_request
from minidis.engine.command_table.keyspecs import KeySpec, has_movable_keys, legacy_range
from minidis.engine.command_table.registry import LOADING, SENTINEL, STALE, Command, Flag, command
from minidis.engine.command_table.syntax import Argument, SyntaxLine
from minidis.protocol.glob import matches
from minidis.protocol.replies import ReplyError

_FLAGS = LOADING | STALE | SENTINEL


@command("COMMAND", _FLAGS, since="2.8.13", group="server")
def command_(client: Client):
    """Describe all commands as COMMAND INFO does. O(N) in commands."""
    return [describe(entry) for entry in client.node.commands.by_name.values()]


@command("COMMAND COUNT", _FLAGS, since="2.8.13", group="server")
def command_count(client: Client):
    """Count the commands. O(1)."""
    return len(client.node.commands)


@command("COMMAND INFO [command-name [command-name ...]]", _FLAGS, since="2.8.13", group="server")
def command_info(client: Client, *names: bytes):
    """Arity, flags, key positions and ACL categories; nil for an unknown command. O(N) in names."""
    if not names:
        return command_(client)
    found = (client.node.commands.look_up(name) for name in names)
    return [None if entry is None else describe(entry) for entry in found]


@command("COMMAND DOCS [command-name [command-name ...]]", _FLAGS, since="7.0.0", group="server")
def command_docs(client: Client, *names: bytes):
    """Summary, complexity and arguments of commands; unknown ones are left out. O(N) in names."""
    table = client.node.commands
    if not names:
        return {entry.name.encode(): document(entry) for entry in table.by_name.values()}
    found = (table.look_up(name) for name in names)
    return {entry.name.encode(): document(entry) for entry in found if entry is not None}


@command(
    "COMMAND LIST [FILTERBY (MODULE module-name|ACLCAT category|PATTERN pattern)]",
    _FLAGS,
    since="7.0.0",
    group="server",
    raw=True,
)
def command_list(client: Client, *words: bytes):
    """The names of all commands, or of those in a category or matching a pattern. O(N) in commands."""
    if words and (len(words) != 3 or words[0].upper() != b"FILTERBY"):
        raise ReplyError(errors.SYNTAX)
    entries = list(client.node.commands)
    entries += [entry for entry in client.node.commands.by_name.values() if entry not in entries]
    if words:
        kind, wanted = words[1].upper(), words[2]
        if kind == b"ACLCAT":
            entries = [
                entry for entry in entries if "@" + wanted.decode("latin-1").lower() in categories(entry)
            ]
        elif kind == b"PATTERN":
            entries = [entry for entry in entries if matches(wanted, entry.name.encode(), nocase=True)]
        elif kind == b"MODULE":
            entries = []
        else:
            raise ReplyError(errors.SYNTAX)
    return [entry.name.encode() for entry in entries]


@command("COMMAND GETKEYS command [arg [arg ...]]", _FLAGS, since="2.8.13", group="server", raw=True)
def command_getkeys(client: Client, *argv: bytes):
    """The keys in a command that is not run. O(N) in arguments."""
    return [key for key, _ in _keys(client, list(argv))]


@command("COMMAND GETKEYSANDFLAGS command [arg [arg ...]]", _FLAGS, since="7.0.0", group="server", raw=True)
def command_getkeysandflags(client: Client, *argv: bytes):
    """The keys in a command that is not run, each with what would be done to it. O(N) in arguments."""
    return [[key, _flag_set(access)] for key, access in _keys(client, list(argv))]


def _keys(client: Client, argv: list[bytes]) -> list[tuple[bytes, str]]:
    """Each key of a request, and what the command does to it."""
    try:
        entry = client.node.commands.find(argv)
    except ReplyError:
        raise ReplyError("ERR Invalid command specified") from None
    if not entry.key_specs and entry.key_finder is None:
        raise ReplyError("ERR The command has no key arguments")
    try:
        entry.check_arity(argv)
    except ReplyError:
        raise ReplyError("ERR Invalid number of arguments specified for command") from None
    keys = [(argv[position], access) for position, access in keys_of_request(entry, argv)]
    if not keys and not entry.flags & Flag.NO_MANDATORY_KEYS:
        raise ReplyError("ERR Invalid arguments specified for command")
    return keys


# ---- COMMAND INFO -----------------------------------------------------------------------------------------


def describe(entry: Command) -> list[Any]:
    """The ten fields of COMMAND INFO: nine that stay as they are, and the subcommands."""
    if entry.facts is None:
        entry.facts = _facts(entry)
    return [*entry.facts, [describe(subcommand) for subcommand in entry.subcommands.values()]]


def _facts(entry: Command) -> tuple[Any, ...]:
    specs = entry.key_specs
    accesses = key_access(entry.name, bool(entry.flags & Flag.READONLY)) if specs else ()
    if not specs and (channels := _shard_channels(entry.line)) is not None:
        specs, accesses = (channels,), ("not_key",)
    first, last, step = legacy_range(specs)
    return (
        entry.name.encode(),
        arity(entry),
        dict.fromkeys(flag_names(entry)).keys(),
        first,
        last,
        step,
        dict.fromkeys(categories(entry)).keys(),
        tuple([tip.encode() for tip in tips(entry.name)]),
        tuple(
            [
                _describe_spec(spec, access, note(entry.name) if spec is specs[0] else None)
                for spec, access in zip(specs, accesses, strict=True)
            ]
        ),
    )


def _shard_channels(line: SyntaxLine) -> KeySpec | None:
    """The place of shard channels: no keys, but a client of a cluster finds the node by them as by keys."""
    if line.arguments and line.arguments[0].name == "shardchannel" and " " not in line.name:
        return KeySpec(1, last=-1 if line.arguments[0].multiple else 0)
    return None


def arity(entry: Command) -> int:
    """As COMMAND INFO says it: with subcommands, anything may follow."""
    return -abs(entry.arity) if entry.subcommands else entry.arity


def flag_names(entry: Command) -> list[str]:
    """The flags in Redis's spelling; `movablekeys` follows from the syntax line."""
    bits = entry.flags.value
    if has_movable_keys(entry.key_specs):
        bits |= Flag.MOVABLE_KEYS.value
    return list(_names_of(bits))


@cache
def _names_of(bits: int) -> tuple[str, ...]:
    """The names of flags, which come in a few combinations."""
    return tuple([name for flag, name in _FLAG_NAMES.items() if bits & flag])


_FLAG_NAMES = {
    Flag.WRITE.value: "write",
    Flag.READONLY.value: "readonly",
    Flag.DENYOOM.value: "denyoom",
    Flag.ADMIN.value: "admin",
    Flag.PUBSUB.value: "pubsub",
    Flag.NOSCRIPT.value: "noscript",
    Flag.BLOCKING.value: "blocking",
    Flag.LOADING.value: "loading",
    Flag.STALE.value: "stale",
    Flag.SKIP_MONITOR.value: "skip_monitor",
    Flag.SKIP_SLOWLOG.value: "skip_slowlog",
    Flag.FAST.value: "fast",
    Flag.NO_AUTH.value: "no_auth",
    Flag.NO_MANDATORY_KEYS.value: "no_mandatory_keys",
    Flag.NO_ASYNC_LOADING.value: "no_async_loading",
    Flag.NO_MULTI.value: "no_multi",
    Flag.ALLOW_BUSY.value: "allow_busy",
    Flag.ASKING.value: "asking",
    Flag.MOVABLE_KEYS.value: "movablekeys",
}


def _flag_set(access: str) -> KeysView[str]:
    """A set of statuses, in order."""
    return dict.fromkeys(access.split()).keys()


def _describe_spec(spec: KeySpec, access: str, why: str | None) -> dict[bytes, Any]:
    if spec.keyword is None:
        begin = {b"type": b"index", b"spec": {b"index": spec.index}}
    else:
        begin = {
            b"type": b"keyword",
            b"spec": {b"keyword": spec.keyword.encode(), b"startfrom": spec.index},
        }
    if spec.counted:
        find = {b"type": b"keynum", b"spec": {b"keynumidx": 0, b"firstkey": 1, b"keystep": 1}}
    else:
        find = {
            b"type": b"range",
            b"spec": {b"lastkey": spec.last, b"keystep": spec.step, b"limit": spec.limit},
        }
    notes = {b"notes": why.encode()} if why is not None else {}
    return notes | {b"flags": _flag_set(access), b"begin_search": begin, b"find_keys": find}


# ---- COMMAND DOCS -----------------------------------------------------------------------------------------


def document(entry: Command) -> dict[bytes, Any]:
    """What COMMAND DOCS says of one command."""
    docs: dict[bytes, Any] = {
        b"summary": entry.summary.encode(),
        b"since": since(entry).encode(),
        b"group": entry.group.encode(),
    }
    if entry.complexity or entry.subcommands:
        docs[b"complexity"] = entry.complexity.encode() or b"Depends on subcommand."
    docs |= _document_past(entry.name)
    if entry.line.arguments and not entry.subcommands:
        specs = iter(range(len(entry.key_specs)))
        docs[b"arguments"] = [_document_argument(argument, specs) for argument in entry.line.arguments]
    if entry.subcommands:
        docs[b"subcommands"] = {sub.name.encode(): document(sub) for sub in entry.subcommands.values()}
    return docs


def _document_past(name: str) -> dict[bytes, Any]:
    docs: dict[bytes, Any] = {}
    if flags := doc_flags(name):
        docs[b"doc_flags"] = dict.fromkeys(flags).keys()
    if (deprecated := deprecation(name)) is not None:
        docs[b"deprecated_since"], docs[b"replaced_by"] = (text.encode() for text in deprecated)
    if changes := history(name):
        docs[b"history"] = [[version.encode(), text.encode()] for version, text in changes]
    return docs


def since(entry: Command) -> str:
    """The version that brought the command; for a container that of its oldest subcommand."""
    versions = [entry.since] if entry.since else [sub.since for sub in entry.subcommands.values()]
    return min(versions, key=lambda version: [int(part) for part in version.split(".")])


def _document_argument(argument: Argument, specs: Any) -> dict[bytes, Any]:
    docs: dict[bytes, Any] = {b"name": argument.name.encode(), b"type": argument.type.encode()}
    if not argument.children:
        docs[b"display_text"] = argument.name.encode()
    if argument.type == "key" and (index := next(specs, None)) is not None:
        docs[b"key_spec_index"] = index
    if argument.token is not None:
        docs[b"token"] = argument.token.encode()
    flags = ("optional", "multiple", "multiple_token")
    if any(getattr(argument, flag) for flag in flags):
        docs[b"flags"] = dict.fromkeys(flag for flag in flags if getattr(argument, flag)).keys()
    if argument.children:
        docs[b"arguments"] = [_document_argument(child, specs) for child in argument.children]
    return docs
