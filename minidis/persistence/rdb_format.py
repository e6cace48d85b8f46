r"""RDB: the whole dataset in one file of plain bytes, small to keep and quick to load.

    52 45 44 49 53  30 30 31 30     "REDIS", then the version of the format as four digits
    FA  09 redis-ver  05 7.2.0      AUX: a note about the file; who doesn't know it passes over it
    FE  00                          SELECTDB: the keys that follow belong to database 0
    FB  02 01                       RESIZEDB: 2 keys, 1 of them with a time to live: make room
    00  01 k  01 v                  an entry: type 0 (a string), the key, the value
    FC  10 27 00 00 00 00 00 00     EXPIRETIME_MS: the entry that follows expires at this unix time
    04  04 user  01 04 name 03 Ada  a hash of 1 field
    FF                              EOF
    .. .. .. .. .. .. .. ..         CRC-64 of all bytes before; zeros if rdbchecksum is off

The first byte of each record is an *opcode* (from F3 up) or the *type* of a value (from 0 up): type and
encoding in one number, so small values stand here byte for byte as they do in memory (listpack, intset).

Lengths take one to nine bytes; the first two bits tell how many:

    00llllll                        up to 63
    01llllll llllllll               up to 16383 (big-endian, as the next two)
    10000000 + 4 bytes, 10000001 + 8 bytes
    11tttttt                        no length: a string in a special form follows
                                    0, 1, 2: an integer of 1, 2, 4 bytes (little-endian); 3: LZF

A string is a length and its bytes. "12345" is `C1 39 30`, three bytes instead of six.

Mirrors: rdb.h.  Versions: up to 10 by Redis 7.0, 11 by 7.2 and Valkey 7.2 and 8, 12 by Redis 7.4, 80 by
Valkey 9.
Read next: rdb_writer.py, then rdb_reader.py.
"""

from __future__ import annotations

from enum import IntEnum

from minidis.values.base import Value

MAGIC = b"REDIS"
VALKEY_MAGIC = b"VALKEY"
HEADER_BYTES = 9
"""Both magics leave room for the version: "REDIS0011", "VALKEY080"."""

CHECKSUM_BYTES = 8

WRITTEN_VERSION = 10
"""What we write unless told otherwise: the newest that Redis 7.0 loads, and everything after it, too."""

COMPLETE_VERSION = 11
"""What Redis 7.2 writes: it also has what 7.0 doesn't know."""

NEWEST_REDIS_VERSION = 12
VALKEY_VERSIONS = range(80, 81)


class RdbError(ValueError):
    """Bytes that are no sound RDB file or DUMP payload: where it shows, and what is wrong there."""

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(f"RDB error at byte {offset}: {what}")
        self.offset = offset
        self.what = what


class Opcode(IntEnum):
    """First bytes of records that are no entries."""

    SLOT_IMPORT = 243
    SLOT_INFO = 244
    FUNCTION = 245
    FUNCTION_PRE_GA = 246
    MODULE_AUX = 247
    IDLE = 248
    FREQ = 249
    AUX = 250
    RESIZEDB = 251
    EXPIRETIME_MS = 252
    EXPIRETIME = 253
    SELECTDB = 254
    EOF = 255


class Type(IntEnum):
    """First bytes of entries: a type of value together with its encoding."""

    STRING = 0
    LIST = 1
    SET = 2
    ZSET = 3
    HASH = 4
    ZSET_2 = 5
    MODULE_PRE_GA = 6
    MODULE_2 = 7
    HASH_ZIPMAP = 9
    LIST_ZIPLIST = 10
    SET_INTSET = 11
    ZSET_ZIPLIST = 12
    HASH_ZIPLIST = 13
    LIST_QUICKLIST = 14
    STREAM_LISTPACKS = 15
    HASH_LISTPACK = 16
    ZSET_LISTPACK = 17
    LIST_QUICKLIST_2 = 18
    STREAM_LISTPACKS_2 = 19
    SET_LISTPACK = 20
    STREAM_LISTPACKS_3 = 21
    HASH_METADATA_PRE_GA = 22  # the hash with times to live per field of Redis 7.4's release candidates;
    HASH_LISTPACK_EX_PRE_GA = 23  # in a file of Valkey 9, type 22 is that server's own (see rdb_values.py)
    HASH_METADATA = 24
    HASH_LISTPACK_EX = 25


TYPE_NAMES = (
    "string", "list-linked", "set-hashtable", "zset-v1", "hash-hashtable", "zset-v2", "module-pre-release",
    "module-value", "", "hash-zipmap", "list-ziplist", "set-intset", "zset-ziplist", "hash-ziplist",
    "quicklist", "stream", "hash-listpack", "zset-listpack", "quicklist-v2", "stream-v2", "set-listpack",
    "stream-v3",
    "hash-hashtable-md-pre-release", "hash-listpack-md-pre-release", "hash-hashtable-md", "hash-listpack-md",
)  # fmt: skip
"""Types as redis-check-rdb calls them, by number."""

_STRUCTURES: dict[int, str] = {
    Type.HASH_ZIPMAP: "Zipmap",
    Type.LIST_ZIPLIST: "List ziplist",
    Type.SET_INTSET: "Intset",
    Type.ZSET_ZIPLIST: "Zset ziplist",
    Type.HASH_ZIPLIST: "Hash ziplist",
    Type.LIST_QUICKLIST: "Ziplist",
    Type.STREAM_LISTPACKS: "Stream listpack",
    Type.HASH_LISTPACK: "Hash listpack",
    Type.ZSET_LISTPACK: "Zset listpack",
    Type.LIST_QUICKLIST_2: "Listpack",
    Type.STREAM_LISTPACKS_2: "Stream listpack",
    Type.SET_LISTPACK: "Set listpack",
    Type.STREAM_LISTPACKS_3: "Stream listpack",
}


def broken_value(kind: int) -> str:
    """What Redis's log calls a value of this type that is not as it should be.

    >>> broken_value(Type.HASH_ZIPLIST)
    'Hash ziplist integrity check failed'
    """
    return f"{_STRUCTURES.get(kind, 'Value')} integrity check failed"


OPCODE_MEANINGS = {
    Opcode.SLOT_IMPORT: "a migration of slots that was under way (Valkey 9)",
    Opcode.SLOT_INFO: "how many keys a slot of the cluster has",
    Opcode.FUNCTION: "a library of functions",
    Opcode.FUNCTION_PRE_GA: "a function, as Redis 7.0's release candidates kept it",
    Opcode.MODULE_AUX: "a note of a module",
    Opcode.IDLE: "for how long the entry that follows was not used",
    Opcode.FREQ: "how often the entry that follows is used",
    Opcode.AUX: "a note about the file",
    Opcode.RESIZEDB: "how many keys the database has: make room",
    Opcode.EXPIRETIME_MS: "the entry that follows expires at a unix time in milliseconds",
    Opcode.EXPIRETIME: "the entry that follows expires at a unix time in seconds",
    Opcode.SELECTDB: "the entries that follow belong to another database",
    Opcode.EOF: "nothing follows but the check sum",
}

WHAT_OPCODE = "the opcode, or the type of a value"


class Special(IntEnum):
    """The last six bits of a length whose first two are set: which special form of a string follows."""

    INT8 = 0
    INT16 = 1
    INT32 = 2
    LZF = 3


class Container(IntEnum):
    """What a node of a quicklist is: one large element, or a listpack of many."""

    PLAIN = 1
    PACKED = 2


class ModulePart(IntEnum):
    """The parts of a module's value: what allows to pass over it without the module."""

    EOF = 0
    SINT = 1
    UINT = 2
    FLOAT = 3
    DOUBLE = 4
    STRING = 5


def type_of(value: Value, version: int = WRITTEN_VERSION) -> Type:
    """The type under which a file of this version keeps the value.

    >>> from minidis.values.encodings import Encodings
    >>> from minidis.values.set import Set
    >>> words = Set(Encodings()); words.add(b"a")
    True
    >>> type_of(words).name, type_of(words, version=11).name
    ('SET', 'SET_LISTPACK')
    """
    if value.kind == "string":
        return Type.STRING
    if value.kind == "list":
        return Type.LIST_QUICKLIST_2
    if value.kind == "stream":
        return Type.STREAM_LISTPACKS_3 if version >= 11 else Type.STREAM_LISTPACKS_2
    packed = value.encoding == "listpack"
    if value.kind == "set":
        if value.encoding == "intset":
            return Type.SET_INTSET
        return Type.SET_LISTPACK if packed and version >= 11 else Type.SET
    if value.kind == "zset":
        return Type.ZSET_LISTPACK if packed else Type.ZSET_2
    if value.kind == "hash":
        return Type.HASH_LISTPACK if packed else Type.HASH
    raise TypeError(f"no RDB type holds a {value.kind}")
