"""Commands about the server: CONFIG, INFO, FLUSHALL, SWAPDB, TIME, DEBUG. (COMMAND has introspection.py.)

Every figure in INFO is counted by this node; what it doesn't measure (CPU time, resident memory) is left
out rather than invented.

Mirrors: server.c (genRedisInfoString), config.c (configGetCommand, configSetCommand), db.c, debug.c.
Differs: INFO lacks the sections of what is not there yet (replication beyond the role, CPU).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("CONFIG", "SET", "maxmemory", "10mb"), redis.execute("CONFIG", "GET", "maxmemory")
('OK', {b'maxmemory': b'10485760'})

Read next: introspection.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.config import BY_NAME, ConfigError, Directive
from minidis.engine.database import Database
from minidis.engine.memory import BASE_BYTES
from minidis.engine.node import VERSION, Node
from minidis.engine.registry import (
    ADMIN,
    DANGEROUS,
    FAST,
    LOADING,
    NOSCRIPT,
    READONLY,
    STALE,
    WRITE,
    command,
)
from minidis.protocol.glob import matches
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError, Verbatim

_ADMIN = ADMIN | NOSCRIPT | LOADING | STALE


# ---- databases --------------------------------------------------------------------------------------------


@command("DBSIZE", READONLY | FAST, group="server")
def dbsize(client: Client):
    """Count the keys of this database. O(1)."""
    return len(client.db)


@command("FLUSHDB [ASYNC|SYNC]", WRITE | DANGEROUS, raw=True)
def flushdb(client: Client, *words: bytes):
    """Remove all keys of this database. O(N) in keys."""
    _check_flush_option(words)
    client.node.changes += client.db.clear()
    return "OK"


@command("FLUSHALL [ASYNC|SYNC]", WRITE | DANGEROUS, raw=True)
def flushall(client: Client, *words: bytes):
    """Remove all keys of all databases. O(N) in keys."""
    _check_flush_option(words)
    client.node.changes += sum(database.clear() for database in client.node.databases)
    return "OK"


def _check_flush_option(words: tuple[bytes, ...]) -> None:
    # Freeing memory in the background is all that ASYNC means, and here it is Python's business anyway.
    if len(words) > 1 or (words and words[0].upper() not in (b"ASYNC", b"SYNC")):
        raise ReplyError(errors.SYNTAX)


@command("SWAPDB index1:int index2:int", WRITE | FAST | DANGEROUS, since="4.0.0", raw=True)
def swapdb(client: Client, index1: bytes, index2: bytes):
    """Let two databases change places, for every connection at once. O(N) in clients that watch or wait."""
    databases = client.node.databases
    numbers = []
    for name, text in (("first", index1), ("second", index2)):
        number = parse_integer(text)
        if number is None or not -(2**31) <= number < 2**31:
            raise ReplyError(f"ERR invalid {name} DB index")
        numbers.append(number)
    if not all(0 <= number < len(databases) for number in numbers):
        raise ReplyError("ERR DB index is out of range")
    first, second = (databases[number] for number in numbers)
    client.node.changes += 1
    if first is not second:
        _swap(first, second)
    return "OK"


def _swap(first: Database, second: Database) -> None:
    """The contents move; the Database objects stay with the clients that selected them."""
    for name in ("table", "expires", "expiry_cursor"):
        mine, other = getattr(first, name), getattr(second, name)
        setattr(first, name, other)
        setattr(second, name, mine)
    if first.node.observed:
        for key in {**dict.fromkeys(first.table), **dict.fromkeys(second.table)}:
            first.node.key_changed(first, key, "swapdb")
            first.node.key_changed(second, key, "swapdb")


@command("TIME", LOADING | STALE | FAST, since="2.6.0")
def time(client: Client):
    """The node's clock: unix seconds, and microseconds of the current second. O(1)."""
    return [b"%d" % part for part in divmod(client.node.now_us, 1_000_000)]


@command("LOLWUT [VERSION version:int]", READONLY | FAST, since="5.0.0", raw=True)
def lolwut(client: Client, *words: bytes):
    """The version, where an older Redis draws a picture. O(1)."""
    return Verbatim(f"Redis ver. {VERSION}\n".encode())


# ---- CONFIG -----------------------------------------------------------------------------------------------


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
                if matches(pattern, name.encode(), nocase=True)
            }
        known = {name.lower() for name in found}
        found |= {name: directive for name, directive in candidates.items() if name.lower() not in known}
    config = client.node.config
    return {name: config.show(directive).encode() for name, directive in found.items()}


@command("CONFIG SET parameter value [parameter value ...]", _ADMIN, since="2.0.0", raw=True)
def config_set(client: Client, *words: bytes):
    """Change directives while the server runs: all of them, or none. O(N) in directives given."""
    if len(words) % 2:
        raise errors.wrong_arity("config|set")
    names, values = words[::2], words[1::2]
    directives = [BY_NAME.get(errors.shown(name).lower()) for name in names]
    if None in directives:
        unknown = errors.shown(names[directives.index(None)])
        raise ReplyError(f"ERR Unknown option or number of arguments for CONFIG SET - '{unknown}'")
    texts: dict[str, str] = {}
    for name, directive, value in zip(names, directives, values, strict=True):
        assert directive is not None
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


def _config_error(name: str, reason: str) -> ReplyError:
    return ReplyError(f"ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")


@command("CONFIG RESETSTAT", _ADMIN, since="2.0.0")
def config_resetstat(client: Client):
    """Count anew what INFO's stats count, and begin with a new memory peak. O(N) in keys."""
    node = client.node
    node.commands_processed = node.connections_received = node.expired_keys = 0
    node.memory.peak_bytes = node.memory.used_bytes()
    for database in node.databases:
        database.hits = database.misses = 0
    return "OK"


@command("CONFIG REWRITE", _ADMIN, since="2.8.0")
def config_rewrite(client: Client):
    """Write the configuration back to its file, which this server was not given. O(1)."""
    raise ReplyError("ERR The server is running without a config file")


# ---- INFO -------------------------------------------------------------------------------------------------

Section = dict[str, object]


@command("INFO [section [section ...]]", LOADING | STALE | DANGEROUS)
def info(client: Client, *sections: bytes):
    """Figures about the server, by section. O(N) in keys with a time to live."""
    wanted = {section.decode("latin-1").lower() for section in sections} or {"default"}
    everything = bool(wanted & {"default", "all", "everything"})
    chosen = [name for name in _SECTIONS if everything or name in wanted]
    return Verbatim("\r\n".join(_show_section(name, client.node) for name in chosen).encode())


def _show_section(name: str, node: Node) -> str:
    lines = [
        f"# {name.capitalize()}",
        *(f"{field}:{value}" for field, value in _SECTIONS[name](node).items()),
    ]
    return "".join(line + "\r\n" for line in lines)


def _server(node: Node) -> Section:
    uptime_s = (node.now_us - node.started_us) // 1_000_000
    return {
        "redis_version": VERSION,
        "redis_mode": "standalone",
        "run_id": node.run_id,
        "server_time_usec": node.now_us,
        "uptime_in_seconds": uptime_s,
        "uptime_in_days": uptime_s // 86_400,
        "hz": node.config.hz,
        "configured_hz": node.config.hz,
    }


def _clients(node: Node) -> Section:
    return {
        "connected_clients": len(node.clients),
        "maxclients": node.config.maxclients,
        "blocked_clients": len(node.waiting),
    }


def _memory(node: Node) -> Section:
    used = node.memory.used_bytes()
    return {
        "used_memory": used,
        "used_memory_human": human_size(used),
        "used_memory_peak": node.memory.peak_bytes,
        "used_memory_peak_human": human_size(node.memory.peak_bytes),
        "used_memory_startup": BASE_BYTES,
        "used_memory_dataset": used - BASE_BYTES,
        "maxmemory": node.config.maxmemory,
        "maxmemory_human": human_size(node.config.maxmemory),
        "maxmemory_policy": node.config.maxmemory_policy,
    }


def _persistence(node: Node) -> Section:
    return {"loading": 0, "rdb_changes_since_last_save": node.changes, "aof_enabled": 0}


def _stats(node: Node) -> Section:
    return {
        "total_connections_received": node.connections_received,
        "total_commands_processed": node.commands_processed,
        "expired_keys": node.expired_keys,
        "keyspace_hits": sum(database.hits for database in node.databases),
        "keyspace_misses": sum(database.misses for database in node.databases),
    }


def _replication(node: Node) -> Section:
    return {"role": "master", "connected_slaves": 0}


def _cluster(node: Node) -> Section:
    return {"cluster_enabled": 0}


def _keyspace(node: Node) -> Section:
    return {
        f"db{database.index}": f"keys={len(database)},expires={len(database.expires)},"
        f"avg_ttl={_average_ttl_ms(database)}"
        for database in node.databases
        if len(database)
    }


def _average_ttl_ms(database: Database) -> int:
    """Redis samples this figure while it expires keys; here it is exact."""
    left_ms = [max(0, at_ms - database.node.now_ms) for at_ms in database.expires.values()]
    return sum(left_ms) // len(left_ms) if left_ms else 0


_SECTIONS = {
    "server": _server,
    "clients": _clients,
    "memory": _memory,
    "persistence": _persistence,
    "stats": _stats,
    "replication": _replication,
    "cluster": _cluster,
    "keyspace": _keyspace,
}


def human_size(size_bytes: int) -> str:
    """A size with a unit, as INFO prints it (bytesToHuman).

    >>> human_size(1000), human_size(1_048_576)
    ('1000B', '1.00M')
    """
    if size_bytes < 1024:
        return f"{size_bytes}B"
    for power, unit in enumerate("KMGTPE", start=1):
        if size_bytes < 1024 ** (power + 1):
            return f"{size_bytes / 1024**power:.2f}{unit}"
    return f"{size_bytes}B"


# ---- DEBUG ------------------------------------------------------------------------------------------------


@command("DEBUG subcommand [argument ...]", _ADMIN, raw=True)
def debug(client: Client, subcommand: bytes, *arguments: bytes):
    """Look into the server, or make it behave oddly, for tests. O(N) at most, by subcommand."""
    name = errors.shown(subcommand)
    handler, words = _DEBUG_SUBCOMMANDS.get(name.upper(), (None, 0))
    if handler is None or len(arguments) != words:
        raise ReplyError(f"ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP.")
    return handler(client, *arguments)


def _debug_help(client: Client) -> list[str]:
    return [
        "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Switch the active expiry cycle off or on, to see lazy expiry alone.",
        "HELP",
        "    Print this help.",
    ]


def _debug_set_active_expire(client: Client, flag: bytes) -> str:
    client.node.active_expiry = flag.strip() not in (b"", b"0")
    return "OK"


_DEBUG_SUBCOMMANDS: dict[str, tuple[Callable[..., Any] | None, int]] = {
    "HELP": (_debug_help, 0),
    "SET-ACTIVE-EXPIRE": (_debug_set_active_expire, 1),
}
