"""DEBUG: look inside, or make the server behave oddly. For tests, and for lessons.

    @debug("SLEEP <seconds>", 1)
    def sleep(client, seconds):
        '''Stop the server for <seconds>. Decimals allowed.'''

files a subcommand with its number of arguments (a pair: at least and at most; None: no most). The docstring
is what DEBUG HELP says. Other modules add theirs so: persistence RELOAD, replication CHANGE-REPL-ID.

What crashes Redis (SEGFAULT, PANIC, OOM ...) crashes a server, which has its process for itself
(`node.on_crash`), and is refused elsewhere: a notebook would lose the reader's work.

Mirrors: debug.c.
Differs: the address in DEBUG OBJECT is Python's.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("DEBUG", "SLEEP", "1.5"), redis.now_us
('OK', 1500000)

Read next: minidis/engine/keyspace/digest.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import ADMIN, LOADING, NOSCRIPT, PROTECTED, STALE, command
from minidis.engine.settings.config import ConfigError, memory
from minidis.persistence.rdb_writer import dump_payload
from minidis.protocol.glob import matches
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import Attributes, BigNumber, Push, ReplyError, Several, Verbatim
from minidis.structures.hashtable import TableStats
from minidis.values.base import Value, string_allocation
from minidis.values.string import String

NO_SUCH_KEY = "ERR no such key"
PAYLOAD_FRAME_BYTES = 11  # of DUMP: the type, the version, the checksum
MOST_PACKED_BYTES = (1 << 32) - (1 << 20)

Handler = Callable[..., Any]

SUBCOMMANDS: dict[str, tuple[str, Handler, int, int | None]] = {}
"""Name -> syntax, handler, least and most arguments."""


@command("DEBUG subcommand [argument ...]", ADMIN | NOSCRIPT | LOADING | STALE | PROTECTED, raw=True)
def debug_(client: Client, subcommand: bytes, *arguments: bytes):
    """Look into the server, or make it behave oddly, for tests. O(N) at most, by subcommand."""
    _, handler, least, most = SUBCOMMANDS.get(errors.shown(subcommand).upper(), ("", None, 0, 0))
    if handler is None or len(arguments) < least or (most is not None and len(arguments) > most):
        raise wrong_use(subcommand)
    return handler(client, *arguments)


def debug(syntax: str, words: int | tuple[int, int | None]) -> Callable[[Handler], Handler]:
    """File the decorated function as a subcommand that takes `words` arguments."""
    least, most = words if isinstance(words, tuple) else (words, words)

    def register(handler: Handler) -> Handler:
        SUBCOMMANDS[syntax.split()[0]] = (syntax, handler, least, most)
        return handler

    return register


def wrong_use(subcommand: bytes) -> ReplyError:
    name = errors.shown(subcommand)
    return ReplyError(f"ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP.")


@debug("HELP", 0)
def help_(client: Client) -> list[str]:
    """Print this help."""
    from inspect import cleandoc  # a large module, for this alone

    lines = ["DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for name in sorted(SUBCOMMANDS, key=lambda name: (name == "HELP", name)):
        syntax, handler, _, _ = SUBCOMMANDS[name]
        lines += [syntax, *(f"    {line}" for line in cleandoc(handler.__doc__ or "").split("\n"))]
    return lines


# ---- the dataset as a whole -------------------------------------------------------------------------------


@debug("DIGEST", 0)
def digest(client: Client) -> str:
    """Output a hex signature representing the current DB content."""
    # here: SHA-1 is OpenSSL's, which takes 4 ms to load
    from minidis.engine.keyspace.digest import dataset_digest

    return dataset_digest(client.node.databases).hex()


@debug("DIGEST-VALUE <key> [<key> ...]", (0, None))
def digest_value(client: Client, *keys: bytes) -> list[str]:
    """Output a hex signature of the values of all the specified keys."""
    from minidis.engine.keyspace.digest import EMPTY, value_digest

    database = client.db
    digests = []
    for key in keys:  # also of a key that is past its time
        value = database.table.get(key)
        found = EMPTY if value is None else value_digest(value, database.expiry_ms(key) is not None)
        digests.append(found.hex())
    return digests


@debug("POPULATE <count> [<prefix>] [<size>]", (1, 3))
def populate(client: Client, count: bytes, prefix: bytes = b"key", size: bytes = b"0") -> str:
    """Create <count> string keys named key:<num>. If <prefix> is specified then
    it is used instead of the 'key' prefix. These are not propagated to
    replicas. Cluster slots are not respected so keys not belonging to the
    current node can be created in cluster mode."""
    database, size_bytes = client.db, _positive(size)
    for number in range(_positive(count)):
        key, text = b"%b:%d" % (prefix, number), b"value:%d" % number
        if database.peek(key) is None:
            database.create(key, String(text[:size_bytes].ljust(size_bytes, b"\0") if size_bytes else text))
            database.touch(key, "populate", changes=0)
    return "OK"


def _positive(text: bytes) -> int:
    number = parse_integer(text)
    if number is None or number < 0:
        raise ReplyError("ERR value is out of range, must be positive")
    return number


# ---- one value --------------------------------------------------------------------------------------------


@debug("OBJECT <key>", 1)
def object_(client: Client, key: bytes) -> str:
    """Show low level info about `key` and associated value."""
    value = _stored(client, key)
    idle_s = max(0, client.node.now_us - value.accessed_us) // 1_000_000
    extra = ""
    if value.encoding == "quicklist":
        quicklist: Any = value.form  # type: ignore[attr-defined]
        extra = (
            f" ql_nodes:{quicklist.node_count} ql_avg_node:{len(quicklist) / quicklist.node_count:.2f}"
            f" ql_listpack_max:{quicklist.fill} ql_compressed:{int(quicklist.compress_depth != 0)}"
            f" ql_uncompressed_size:{quicklist.size}"
        )
    return (
        f"Value at:{id(value):#x} refcount:1 encoding:{value.encoding} "
        f"serializedlength:{len(dump_payload(value)) - PAYLOAD_FRAME_BYTES} "
        f"lru:{value.accessed_us // 1_000_000 % (1 << 24)} lru_seconds_idle:{idle_s}{extra}"
    )


@debug("SDSLEN <key>", 1)
def sdslen(client: Client, key: bytes) -> str:
    """Show low level SDS string info representing `key` and value."""
    value = _stored(client, key)
    if type(value) is not String or type(value.data) is int:
        raise ReplyError("ERR Not an sds encoded string.")
    # Room to grow is Redis's business with its allocator: our model has strings of exactly their length.
    return (
        f"key_sds_len:{len(key)}, key_sds_avail:0, key_zmalloc: {string_allocation(len(key))}, "
        f"val_sds_len:{len(value)}, val_sds_avail:0, val_zmalloc: {string_allocation(len(value))}"
    )


@debug("LISTPACK <key>", 1)
def listpack(client: Client, key: bytes) -> str:
    """Show low level info about the listpack encoding of <key>."""
    value: Any = client.db.peek(key)
    if value is None:
        raise ReplyError(NO_SUCH_KEY)
    if value.encoding != "listpack":
        raise ReplyError("ERR Not a listpack encoded object.")
    pack = getattr(value.form, "listpack", value.form)
    client.node.log("warning", f"listpack of {key!r}: {pack!r}")
    return "Listpack structure printed on stdout"


@debug("QUICKLIST <key> [<0|1>]", (1, 2))
def quicklist(client: Client, key: bytes, full: bytes = b"0") -> str:
    """Show low level info about the quicklist encoding of <key>.
    The optional argument (0 by default) sets the level of detail"""
    value: Any = client.db.peek(key)
    if value is None:
        raise ReplyError(NO_SUCH_KEY)
    if value.encoding != "quicklist":
        raise ReplyError("ERR Not a quicklist encoded object.")
    client.node.log("warning", f"quicklist of {key!r}: {value.form!r}")
    if flag(full):
        for number, node in enumerate(value.form.nodes()):
            client.node.log("warning", f"node {number}, {node.container}, {node.size} bytes: {list(node)!r}")
    return "Quicklist structure printed on stdout"


@debug("HTSTATS <dbid> [full]", (1, 2))
def htstats(client: Client, index: bytes, *full: bytes) -> Verbatim:
    """Return hash table statistics of the specified Redis database."""
    number, databases = integer(index), client.node.databases
    if not 0 <= number < len(databases):
        raise ReplyError("ERR Out of range database")
    database = databases[number]
    texts = [
        title + _table_text(table.stats(), _is_full(full))
        for title, table in (("[Dictionary HT]\n", database.table), ("[Expires HT]\n", database.expires))
    ]
    return Verbatim("".join(texts).encode())


@debug("HTSTATS-KEY <key> [full]", (1, 2))
def htstats_key(client: Client, key: bytes, *full: bytes) -> Verbatim:
    """Like HTSTATS but for the hash table stored at <key>'s value."""
    value: Any = client.db.peek(key)
    if value is None:
        raise ReplyError(NO_SUCH_KEY)
    table = getattr(value, "table", None)
    if table is None:
        raise ReplyError("ERR The value stored at the specified key is not represented using an hash table")
    return Verbatim(_table_text(table.stats(), _is_full(full)).encode())


def _is_full(words: tuple[bytes, ...]) -> bool:
    return bool(words) and words[0].lower() == b"full"


def _table_text(tables: list[TableStats], full: bool) -> str:
    return "".join(str(stats) if full else stats.summary() for stats in tables)


def _stored(client: Client, key: bytes) -> Value:
    """The value in the table, be it past its time."""
    value = client.db.table.get(key)
    if value is None:
        raise ReplyError(NO_SUCH_KEY)
    return value


# ---- replies ----------------------------------------------------------------------------------------------


@debug("PROTOCOL <type>", 1)
def protocol(client: Client, kind: bytes) -> Any:
    """Reply with a test value of the specified type. <type> can be: string,
    integer, double, bignum, null, array, set, map, attrib, push, verbatim,
    true, false."""
    name = kind.lower()
    if name == b"attrib":
        text = b"Some real reply following the attribute"
        attributes = Attributes({b"key-popularity": [b"key:123", 90]})
        return Several([attributes, text]) if client.protocol >= 3 else text
    if name == b"push":
        if client.protocol < 3:
            raise ReplyError("ERR RESP2 is not supported by this command")
        return Several([Push([b"server-cpu-usage", 42]), b"Some real reply following the push reply"])
    if name not in _PROTOCOL_REPLIES:
        names = "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
        raise ReplyError(f"ERR Wrong protocol type name. Please use one of the following: {names}")
    return _PROTOCOL_REPLIES[name]


_PROTOCOL_REPLIES: dict[bytes, Any] = {
    b"string": b"Hello World",
    b"integer": 12345,
    b"double": 3.141,
    b"bignum": BigNumber(1234567999999999999999999999999999999),
    b"null": None,
    b"array": [0, 1, 2],
    b"set": {0, 1, 2},
    b"map": {0: False, 1: True, 2: False},
    b"verbatim": Verbatim(b"This is a verbatim\nstring"),
    b"true": True,
    b"false": False,
}


@debug("ERROR <string>", 1)
def error(client: Client, text: bytes) -> None:
    """Return a Redis protocol error with <string> as message. Useful for clients
    unit tests to simulate Redis errors."""
    raise ReplyError(errors.shown(text).translate({10: " ", 13: " "}))


# ---- the server's behaviour -------------------------------------------------------------------------------


@debug("SLEEP <seconds>", 1)
def sleep(client: Client, seconds: bytes) -> str:
    """Stop the server for <seconds>. Decimals allowed."""
    try:
        duration_s = float(seconds)
    except ValueError:  # as strtod reads it
        duration_s = 0.0
    if 0 < duration_s < 1e9:
        client.node.sleep(round(duration_s * 1_000_000))
    return "OK"


@debug("LOG <message>", 1)
def log(client: Client, message: bytes) -> str:
    """Write <message> to the server log."""
    client.node.log("warning", f"DEBUG LOG: {errors.shown(message)}")
    return "OK"


@debug("REPLICATE <string>", (1, None))
def replicate(client: Client, *words: bytes) -> str:
    """Replicates the provided string to replicas, allowing data divergence."""
    client.node.journal.enter(client.db.index, list(words))
    return "OK"


@debug("SET-ACTIVE-EXPIRE <0|1>", 1)
def set_active_expire(client: Client, switch: bytes) -> str:
    """Setting it to 0 disables expiring keys in background when they are not
    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the
    default."""
    client.node.active_expiry = flag(switch)
    return "OK"


@debug("SET-DISABLE-DENY-SCRIPTS <0|1>", 1)
def set_disable_deny_scripts(client: Client, switch: bytes) -> str:
    """Setting it to 1 allows scripts to run commands that are not meant for them."""
    client.node.scripts_run_everything = flag(switch)
    return "OK"


@debug("PAUSE-CRON <0|1>", 1)
def pause_cron(client: Client, switch: bytes) -> str:
    """Stop periodic cron job processing."""
    client.node.cron_is_paused = flag(switch)
    return "OK"


@debug("QUICKLIST-PACKED-THRESHOLD <size>", 1)
def quicklist_packed_threshold(client: Client, size: bytes) -> str:
    """Sets the threshold for elements to be inserted as plain vs packed nodes
    Default value is 1GB, allows values up to 4GB. Setting to 0 restores to default."""
    try:
        threshold_bytes = memory(errors.shown(size))
    except ConfigError:
        threshold_bytes = MOST_PACKED_BYTES + 1
    if threshold_bytes > MOST_PACKED_BYTES:
        raise ReplyError("ERR argument must be a memory value bigger than 1 and smaller than 4gb")
    client.node.encodings.quicklist_packed_threshold = threshold_bytes or None
    return "OK"


@debug("STRINGMATCH-TEST", 0)
def stringmatch_test(client: Client) -> str:
    """Run a fuzz tester against the stringmatchlen() function."""
    random = client.node.random
    for _ in range(1000):
        pattern, string = random.randbytes(random.randrange(16)), random.randbytes(random.randrange(32))
        matches(pattern.translate(_TO_PATTERN), string.translate(_TO_PATTERN))
    return "Apparently Redis did not crash: test passed"


_TO_PATTERN = bytes(b"*?[]^-\\ab"[byte % 9] for byte in range(256))


@debug("STRUCTSIZE", 0)
def structsize(client: Client) -> bytes:
    """Return the size of different Redis core C structures."""
    return b"bits:64 robj:16 dictentry:24 sdshdr5:1 sdshdr8:3 sdshdr16:5 sdshdr32:9 sdshdr64:17 "


def _crashes(name: str, text: str) -> None:
    def crash(client: Client, *words: bytes) -> None:
        if client.node.on_crash is None:
            raise ReplyError(f"ERR DEBUG {name} would end the process, and is refused by this server")
        client.node.on_crash(name)

    crash.__doc__ = text
    debug(name, (0, None))(crash)


_crashes("ASSERT", "Crash by assertion failed.")
_crashes("OOM", "Crash the server simulating an out-of-memory error.")
_crashes("PANIC", "Crash the server simulating a panic.")
_crashes("SEGFAULT", "Crash the server with sigsegv.")


def flag(text: bytes) -> bool:
    """A switch as atoi reads it."""
    digits = text.strip()
    number = parse_integer(digits.lstrip(b"+-").lstrip(b"0"))
    return bool(number)
