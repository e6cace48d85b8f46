"""What a command answers, as Python values.

A handler never thinks about RESP2 or RESP3.  It returns an ordinary Python value, and the edge
(`minidis.protocol.resp.encode`) decides how that value looks on the wire:

    Python value          RESP2                    RESP3
    --------------------  -----------------------  ------------------------
    bytes                 $3\\r\\nfoo                $3\\r\\nfoo
    str                   +OK                      +OK
    int                   :7                       :7
    float                 $3\\r\\n1.5                ,1.5
    None                  $-1                      _
    NULL_ARRAY            *-1                      _
    bool                  :1                       #t
    list, tuple           *n                       *n
    set, frozenset        *n                       ~n
    dict                  *2n (flat)               %n
    Pairs                 *2n (flat)               *n of *2
    Push                  *n                       >n
    Attributes            (nothing)                |n, before the reply that they describe
    Several               each after the other     each after the other
    PlainDouble           $3\\r\\n1.5                ,1.5 (17 decimals at most)
    Verbatim              $n                       =n+4 txt:...
    BigNumber             $n                       (123...
    Raw                   as it is                 as it is
    ReplyError            -ERR ...                 -ERR ...

Errors are raised.  Only inside an array (the answer of EXEC) does an error stand as a value.

Mirrors: `addReply*` in networking.c.
Read next: resp.py, which turns these values into bytes and back.

>>> Pairs([(b"alice", 1.0)])
Pairs([(b'alice', 1.0)])
>>> ReplyError("WRONGTYPE Operation against a key holding the wrong kind of value").code
'WRONGTYPE'
"""

from __future__ import annotations


class ReplyError(Exception):
    """An error reply: `str(error)` is the whole line, its first word the code (`ERR`, `WRONGTYPE` ...)."""

    counted = False
    """Is it among a node's errors already?  A script may hand on what a command of its own was told."""

    @property
    def code(self) -> str:
        return str(self).partition(" ")[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReplyError) and str(self) == str(other)

    __hash__ = Exception.__hash__


class NullArray:
    """The type of `NULL_ARRAY`, RESP2's second null: an array that is not there (BLPOP's timeout)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NULL_ARRAY"

    def __bool__(self) -> bool:
        return False


NULL_ARRAY = NullArray()


class Pairs(list):
    """A list of 2-tuples: flat in RESP2, nested in RESP3 (ZRANGE WITHSCORES, HRANDFIELD WITHVALUES)."""

    def __repr__(self) -> str:
        return f"Pairs({list.__repr__(self)})"


class Push(list):
    """A message nobody asked for (Pub/Sub, invalidation): RESP3's `>` type, an array in RESP2."""

    def __repr__(self) -> str:
        return f"Push({list.__repr__(self)})"


class Verbatim(bytes):
    """Text meant for people (INFO, CLIENT LIST): RESP3 says so with a format of three letters."""

    format = "txt"


class Attributes(dict):
    """Facts about the reply that follows, in RESP3 only: `Several([Attributes({...}), reply])`."""

    def __repr__(self) -> str:
        return f"Attributes({dict.__repr__(self)})"


class Several(list):
    """Several replies to one command, one after another without an array around them (SUBSCRIBE a b)."""

    def __repr__(self) -> str:
        return f"Several({list.__repr__(self)})"


class PlainDouble(float):
    """A double that RESP3 writes with up to 17 decimals and no exponent (coordinates of places)."""


class BigNumber(int):
    """An integer beyond 64 bits: RESP3's `(` type, a bulk string in RESP2."""


class BigNumberText(bytes):
    """What a script calls a big number and is none: in RESP3 the `(` type with that text, in RESP2 a bulk."""


class Raw(bytes):
    """Bytes that go out as they are: a replication stream, an RDB file on its way.  No reply of a command."""
