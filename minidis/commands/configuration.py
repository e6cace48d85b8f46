"""CONFIG: directives, read and changed while the server runs.

Mirrors: config.c (configGetCommand, configSetCommand).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("CONFIG", "SET", "maxmemory", "10mb"), redis.execute("CONFIG", "GET", "maxmemory")
('OK', {b'maxmemory': b'10485760'})

Read next: minidis/engine/settings/config.py for the directives.
"""

from __future__ import annotations

from minidis.commands.debugging import debug
from minidis.engine import errors
from minidis.engine.access_control.protection import allows
from minidis.engine.client import Client
from minidis.engine.command_table.registry import ADMIN, LOADING, NOSCRIPT, STALE, command
from minidis.engine.durability.disk import DiskError, replace_file
from minidis.engine.settings.config import BY_NAME, ConfigError, Directive
from minidis.engine.settings.config_rewrite import rewritten
from minidis.protocol.glob import matches
from minidis.protocol.replies import ReplyError

PROTECTED = ("dir", "dbfilename")
"""They would let a client write to any file of the machine."""

_ADMIN = ADMIN | NOSCRIPT | LOADING | STALE


@command("CONFIG GET parameter [parameter ...]", _ADMIN, since="2.0.0")
def config_get(client: Client, *patterns: bytes):
    """The directives whose names match, with their values. O(N * M) in directives and patterns."""
    found: dict[bytes, Directive] = {}
    for pattern in patterns:
        exact = BY_NAME.get(errors.shown(pattern).lower())
        if not set(pattern) & set(b"*?["):
            candidates = {} if exact is None else {pattern: exact}  # answered in the spelling that was asked
        else:
            candidates = {
                name.encode(): directive
                for name, directive in BY_NAME.items()
                if matches(pattern, name.encode(), nocase=True) and not directive.hidden
            }
        known = {name.lower() for name in found}
        found |= {name: directive for name, directive in candidates.items() if name.lower() not in known}
    config = client.node.config
    return {name: config.show(directive).encode() for name, directive in found.items()}


NOT_WHILE_LOADING = frozenset({"appendonly", "dir", "repl-diskless-load"})
"""Source: DENY_LOADING_CONFIG."""


@command("CONFIG SET parameter value [parameter value ...]", _ADMIN, since="2.0.0", raw=True)
def config_set(client: Client, *words: bytes):
    """Change directives while the server runs: all of them, or none. O(N) in directives given."""
    if len(words) % 2:
        raise errors.wrong_arity("config|set")
    names, values = words[::2], words[1::2]
    directives = [BY_NAME.get(errors.shown(name).lower()) for name in names]
    if client.node.loading is not None and any(one and one.name in NOT_WHILE_LOADING for one in directives):
        raise ReplyError(errors.LOADING)
    texts: dict[str, str] = {}
    for name, directive, value in zip(names, directives, values, strict=True):
        if directive is None:
            unknown = f"Unknown option or number of arguments for CONFIG SET - '{errors.shown(name)}'"
            raise ReplyError(f"ERR {unknown}")
        if directive.name in PROTECTED and not _may_set_protected(client):
            raise _config_error(errors.shown(name), "can't set protected config")
        if directive.immutable:
            raise _config_error(errors.shown(name), "can't set immutable config")
        if directive.name in texts:
            raise _config_error(errors.shown(name), "duplicate parameter")
        texts[directive.name] = value.decode("utf-8", "surrogateescape")
    try:
        client.node.config.set(texts)
    except ConfigError as error:
        refused = next(
            name
            for name, directive in zip(names, directives, strict=True)
            if directive is not None and directive.name == error.directive
        )
        raise _config_error(errors.shown(refused).lower(), str(error)) from None
    return "OK"


def _may_set_protected(client: Client) -> bool:
    """By enable-protected-configs; who shares the process with the node is trusted anyway."""
    allowed = client.node.config.enable_protected_configs
    return allows(allowed, client)


def _config_error(name: str, reason: str) -> ReplyError:
    return ReplyError(f"ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")


@command("CONFIG RESETSTAT", _ADMIN, since="2.0.0")
def config_resetstat(client: Client):
    """Count anew what INFO's stats count, and begin with a new memory peak. O(N) in keys."""
    node = client.node
    node.connections_received = node.expired_keys = 0
    node.statistics.reset()
    node.expiry.reset_counts()
    node.eviction.reset_counts()
    node.client_memory.evicted_clients = node.lazy_free.freed_objects = 0
    node.saving.saves = node.append_only.delayed_syncs = 0
    node.append_only.rewriting.rewrites = node.append_only.rewriting.failures = 0
    node.memory.peak_bytes = node.memory.used_bytes()
    for database in node.databases:
        database.hits = database.misses = 0
    for reset in node.on_reset_statistics:
        reset()
    return "OK"


@command("CONFIG REWRITE", _ADMIN, since="2.8.0")
def config_rewrite(client: Client):
    """Write the configuration back to its file, which keeps its comments and its order. O(N) in lines."""
    return rewrite(client, with_defaults=False)


@debug("CONFIG-REWRITE-FORCE-ALL", 0)
def config_rewrite_all(client: Client) -> str:
    """Like CONFIG REWRITE but writes all configuration options, including
    keywords not listed in original configuration file or default values."""
    return rewrite(client, with_defaults=True)


def rewrite(client: Client, with_defaults: bool) -> str:
    """Write the file anew, in one step: whoever reads it sees the old one or the new one."""
    node, path = client.node, client.node.config_file
    if not path:
        raise ReplyError("ERR The server is running without a config file")
    users = None if node.config.aclfile else node.users.lines()
    try:
        text = node.disk.read(path) if node.disk.size(path) is not None else b""
        replace_file(node.disk, path, rewritten(text, node.config, users, with_defaults))
    except DiskError as error:
        node.log("warning", f"CONFIG REWRITE failed: {error}")
        raise ReplyError(f"ERR Rewriting config file: {error}") from None
    node.log("notice", "CONFIG REWRITE executed with success.")
    return "OK"
