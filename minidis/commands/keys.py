"""The generic key commands: what one does to a key whatever type its value has.

DEL, RENAME, COPY and MOVE handle whole values. TYPE, EXISTS and OBJECT look at a key and leave no
trace: the access time, which eviction and OBJECT IDLETIME go by, stays as it was; TOUCH is there to
change just that. KEYS walks over everything in one go, and nothing else runs meanwhile: that is why it is
banned in production and SCAN exists.

Mirrors: db.c, object.c (the commands).
Differs: OBJECT REFCOUNT takes a small integer for shared even in a COPY.
Complexity: O(1) for each key, KEYS O(keys).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("SET", "draft", 7), redis.execute("RENAME", "draft", "final")
('OK', 'OK')
>>> redis.execute("EXISTS", "draft", "final", "final"), redis.execute("OBJECT", "ENCODING", "final")
(2, b'int')

Read next: expiration.py (EXPIRE, TTL), sorting.py (SORT).
"""

from __future__ import annotations

from minidis.commands.arguments import integer_in_range
from minidis.commands.scanning import ScanOptions, parse_cursor, walk
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.registry import DENYOOM, FAST, READONLY, WRITE, command
from minidis.engine.keyspace.database import Database
from minidis.engine.memory import access
from minidis.protocol.glob import literal_start, matcher
from minidis.protocol.replies import ReplyError
from minidis.values.base import Value
from minidis.values.string import String

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
SHARED_INTEGERS = 10_000
SHARED_REFERENCE_COUNT = INT_MAX
"""Redis makes the integers 0 to 9999 once; OBJECT REFCOUNT shows this for a value that is one of them."""

BAD_DATABASE = "ERR DB index is out of range"
SAME_OBJECT = "ERR source and destination objects are the same"


@command("DEL key [key ...]", WRITE)
def del_(client: Client, *keys: bytes) -> int:
    """Delete keys. O(N) where N is the number of keys, and the elements of collections."""
    return _delete(client, keys, client.node.config.lazyfree_lazy_user_del)


@command("UNLINK key [key ...]", WRITE | FAST, since="4.0.0")
def unlink(client: Client, *keys: bytes) -> int:
    """Delete keys, freeing their values in the background. O(1) for each key."""
    return _delete(client, keys, lazily=True)


def _delete(client: Client, keys: tuple[bytes, ...], lazily: bool) -> int:
    db, deleted = client.db, 0
    for key in keys:
        if db.peek(key) is not None:
            if lazily:
                db.unlink(key)
            else:
                db.delete(key)
            db.touch(key, "del")
            deleted += 1
    return deleted


@command("EXISTS key [key ...]", READONLY | FAST)
def exists(client: Client, *keys: bytes) -> int:
    """Count how many of the keys exist; one given twice counts twice. O(N) where N is the number of keys."""
    return sum(look(client, key) is not None for key in keys)


@command("TYPE key", READONLY | FAST)
def type_(client: Client, key: bytes) -> str:
    """Tell the type of the value at a key. O(1)."""
    value = look(client, key)
    return "none" if value is None else value.kind


@command("TOUCH key [key ...]", READONLY | FAST, since="3.2.1")
def touch(client: Client, *keys: bytes) -> int:
    """Change the last access time of keys, and count those that exist. O(N) where N is the number of keys."""
    return sum(client.db.find(key) is not None for key in keys)


@command("KEYS pattern", READONLY)
def keys(client: Client, pattern: bytes) -> list[bytes]:
    """Give all key names that match a glob pattern. O(N) with N being the number of keys in the database."""
    db = client.db
    if literal_start(pattern) == pattern:  # one name
        names = [pattern] if pattern in db.table else []
    else:
        names = list(db.table) if pattern == b"*" else list(filter(matcher(pattern), db.table))
    return [key for key in names if not db.is_due(key)] if db.expires else names


@command("SCAN cursor:int [MATCH pattern] [COUNT count:int] [TYPE type]", READONLY, since="2.8.0", raw=True)
def scan(client: Client, cursor_word: bytes, *words: bytes) -> list:
    """Walk over the key names, a page at a time. O(1) for every call. O(N) for a complete iteration."""
    cursor = parse_cursor(cursor_word)
    options = ScanOptions.parse(words, with_type=True)
    table = client.db.table
    if client.node.works_at_once:
        table.take_in(len(table))
    else:
        client.node.indexing.see_to(table)
    cursor, names = walk(table, cursor, options.count)
    if options.pattern is not None:
        names = list(filter(matcher(options.pattern), names))
    if options.type_name is not None:
        names = [name for name in names if _is_of_type(client.db, name, options.type_name)]
    elif expires := client.db.expires:
        names = [name for name in names if name not in expires or client.db.peek(name) is not None]
    return [b"%d" % cursor, names]


@command("RANDOMKEY", READONLY)
def randomkey(client: Client) -> bytes | None:
    """Give a random key name. O(1)."""
    db = client.db
    client.node.indexing.see_to(db.table)
    while (key := db.table.random_key(client.node.random)) is not None:
        # A replica does not delete a key whose time has passed: drawing again could go on for ever.
        if not db.expire_if_due(key) or not client.node.deletes_expired_keys:
            return key
    return None


def _is_of_type(db: Database, name: bytes, type_name: bytes) -> bool:
    value = db.peek(name)
    return value is not None and type_name.lower() == value.kind.encode()  # None: its time has just ended


# --- Moving whole values ----------------------------------------------------------------------------------


@command("RENAME key newkey:key", WRITE)
def rename(client: Client, key: bytes, new_key: bytes) -> str:
    """Rename a key and overwrite the destination. O(1)."""
    _rename(client, key, new_key, overwrite=True)
    return "OK"


@command("RENAMENX key newkey:key", WRITE | FAST)
def renamenx(client: Client, key: bytes, new_key: bytes) -> int:
    """Rename a key only when the new name does not exist. O(1)."""
    return int(_rename(client, key, new_key, overwrite=False))


@command(
    "COPY source:key destination:key [DB destination-db:int] [REPLACE]",
    WRITE | DENYOOM,
    since="6.2.0",
    raw=True,
)
def copy(client: Client, source: bytes, destination: bytes, *words: bytes) -> int:
    """Copy the value of a key, and its time to live, to a new key. O(N) worst case for collections, where \
N is the number of nested items. O(1) for string values."""
    target, replace = _copy_options(client, words)
    db = client.db
    if target is db and source == destination:
        raise ReplyError(SAME_OBJECT)
    value = db.find(source)
    if value is None or (target.peek(destination) is not None and not replace):
        return 0
    _place(target, destination, value.copy(), db.expiry_ms(source))
    target.touch(destination, "copy_to")
    return 1


@command("MOVE key db:int", WRITE | FAST, raw=True)
def move(client: Client, key: bytes, index_word: bytes) -> int:
    """Move a key to another database, unless it exists there. O(1)."""
    errors.refuse_in_cluster(client, "MOVE is not allowed")
    target, db = _database(client, index_word), client.db
    if target is db:
        raise ReplyError(SAME_OBJECT)
    value = db.edit(key)
    if value is None or target.peek(key) is not None:
        return 0
    _place(target, key, value, db.expiry_ms(key))
    db.delete(key, frees=False)
    db.touch(key, "move_from")
    target.touch(key, "move_to", changes=0)
    return 1


def _rename(client: Client, key: bytes, new_key: bytes, overwrite: bool) -> bool:
    db = client.db
    value = db.edit(key)
    if value is None:
        raise ReplyError(errors.NO_SUCH_KEY)
    if key == new_key:
        return False
    if not overwrite and db.peek(new_key) is not None:
        return False
    if client.node.config.lazyfree_lazy_server_del:
        db.unlink(new_key)
    at_ms = db.expiry_ms(key)
    db.delete(key, frees=False)
    _place(db, new_key, value, at_ms)
    db.touch(key, "rename_from")
    db.touch(new_key, "rename_to", changes=0)
    return True


def _place(db: Database, key: bytes, value: Value, at_ms: int | None) -> None:
    """Bind a key to a value that comes from elsewhere, with the time to live it had there."""
    db.put(key, value)
    if at_ms is not None:
        db.set_expiry(key, at_ms)


def _copy_options(client: Client, words: tuple[bytes, ...]) -> tuple[Database, bool]:
    target, replace = client.db, False
    position = 0
    while position < len(words):
        option = words[position].upper()
        if option == b"REPLACE":
            replace = True
        elif option == b"DB" and position + 1 < len(words):
            position += 1
            target = _database(client, words[position])
        else:
            raise ReplyError(errors.SYNTAX)
        position += 1
    if target.index:
        errors.refuse_in_cluster(client, "Copying to another database is not allowed")
    return target, replace


def _database(client: Client, index_word: bytes) -> Database:
    index = integer_in_range(index_word, INT_MIN, INT_MAX)
    if not 0 <= index < len(client.node.databases):
        raise ReplyError(BAD_DATABASE)
    return client.node.databases[index]


# --- Looking at values ------------------------------------------------------------------------------------

_SWITCHING = (
    "Please note that when switching between policies at runtime LRU and LFU data "
    "will take some time to adjust."
)


def look(client: Client, key: bytes, announces_miss: bool = True) -> Value | None:
    """Look a value up without a new access time; keyspace_hits and keyspace_misses do count it."""
    db = client.db
    value = db.peek(key)
    if value is None:
        db.misses += 1
        if announces_miss and client.node.observed:
            client.node.notifier.tell(db, key, "keymiss")
    else:
        db.hits += 1
    return value


@command("OBJECT ENCODING key", READONLY, since="2.2.3")
def object_encoding(client: Client, key: bytes) -> bytes | None:
    """Tell the structure that holds the value. O(1)."""
    value = look(client, key, announces_miss=False)
    return None if value is None else value.encoding.encode()


@command("OBJECT FREQ key", READONLY, since="4.0.0")
def object_freq(client: Client, key: bytes) -> int | None:
    """Tell how often a key is used, on a logarithmic scale. O(1)."""
    value = look(client, key, announces_miss=False)
    if value is None:
        return None
    if not access.is_lfu(client.node.config.maxmemory_policy):
        raise ReplyError(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. " + _SWITCHING
        )
    return access.frequency(value, client.node)


@command("OBJECT IDLETIME key", READONLY, since="2.2.3")
def object_idletime(client: Client, key: bytes) -> int | None:
    """Tell the seconds since a key was last used. O(1)."""
    value = look(client, key, announces_miss=False)
    if value is None:
        return None
    if access.is_lfu(client.node.config.maxmemory_policy):
        raise ReplyError("ERR An LFU maxmemory policy is selected, idle time not tracked. " + _SWITCHING)
    return access.idle_ms(value, client.node.now_us) // 1000


@command("OBJECT REFCOUNT key", READONLY, since="2.2.3")
def object_refcount(client: Client, key: bytes) -> int | None:
    """Tell how many places of Redis share the value. O(1)."""
    value = look(client, key, announces_miss=False)
    if value is None:
        return None
    config = client.node.config
    # With eviction by access time, every value needs one of its own, and none is shared.
    may_share = not config.maxmemory or config.maxmemory_policy.rpartition("-")[2] not in ("lru", "lfu")
    is_small = type(value) is String and type(value.data) is int and 0 <= value.data < SHARED_INTEGERS
    return SHARED_REFERENCE_COUNT if is_small and may_share else 1
