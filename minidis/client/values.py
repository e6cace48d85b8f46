"""Reply values as redis-py's parser would hand them up, without bytes in between.

    the node's value        RESP2 bytes             what redis-py makes of them
    ----------------------  ----------------------  ---------------------------
    "OK"                    +OK                     b"OK"
    [b"a", None]            *2 $1 a $-1             [b"a", None]
    {b"f": b"v"}            *2 $1 f $1 v            [b"f", b"v"]            (RESP3: {b"f": b"v"})
    1.5                     $3 1.5                  b"1.5"                  (RESP3: 1.5)

With `decode_responses` every byte string of a reply is text. What is not in the table (verbatim text and
sets in RESP3, errors inside a list, messages) raises Unusual: its bytes go to redis-py's own parser.

Mirrors: minidis/protocol/resp.py (encode) and redis/_parsers, one after the other.
Complexity: O(elements).

>>> as_parsed(2, False)([1, b"a", {b"f": 0.5}])
[1, b'a', [b'f', b'0.5']]
>>> as_parsed(3, True)([1, b"a", {b"f": 0.5}])
[1, 'a', {'f': 0.5}]

Read next: direct.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import chain
from typing import Any

from minidis.protocol.numbers import format_double, format_with_decimals
from minidis.protocol.replies import BigNumber, NullArray, Pairs, PlainDouble, Verbatim

Convert = Callable[[Any], Any]

AS_IT_IS: Any = None
"""In the table of converters: a value that is handed up as it is, without a call."""

_ONLY_BYTES = {bytes}

FEW = 8
"""Values that are looked at one by one as soon as it is known of what types all are."""


class Unusual(Exception):
    """A value that only a parser can tell: let its bytes be parsed."""


@cache
def as_parsed(protocol: int, decodes: bool) -> Convert:
    """The function from a reply value to what redis-py's parser gives.  It raises Unusual."""
    of_type = converters(protocol, decodes)

    def convert(value: Any) -> Any:
        way = of_type.get(type(value), unusual)
        return value if way is AS_IT_IS else way(value)

    return convert


@cache
def unchanged(decodes: bool) -> set[type]:
    """Types of values that both protocols, and redis-py, leave as they are."""
    return {int, type(None)} if decodes else {bytes, int, type(None)}


@cache
def converters(protocol: int, decodes: bool) -> dict[type, Convert]:
    """The same, by the type of the value; AS_IT_IS instead of a function that would change nothing."""
    table: dict[type, Convert] = {}
    text: Convert = bytes.decode if decodes else _same
    as_they_are = unchanged(decodes)

    def convert(value: Any) -> Any:
        way = table.get(type(value), unusual)
        return value if way is AS_IT_IS else way(value)

    def array(values: Any) -> list[Any]:
        if len(values) > FEW:
            types = set(map(type, values))
            if types <= as_they_are:
                return list(values)
            if types == _ONLY_BYTES:
                return [word.decode() for word in values]
        parsed = []
        for value in values:  # `convert` for each, without a call for each
            way = table.get(type(value), unusual)
            parsed.append(value if way is AS_IT_IS else way(value))
        return parsed

    def flat(pairs: Any) -> list[Any]:
        return array(list(chain.from_iterable(pairs)))

    table |= {
        bytes: bytes.decode if decodes else AS_IT_IS,
        str: AS_IT_IS if decodes else str.encode,
        int: AS_IT_IS,
        type(None): AS_IT_IS,
        NullArray: lambda value: None,
        list: array,
        tuple: array,
        type({}.keys()): array,
    }
    if protocol == 2:
        table |= {
            bool: int,
            float: lambda value: text(format_double(value)),
            PlainDouble: lambda value: text(format_with_decimals(value)),
            dict: lambda value: flat(value.items()),
            Pairs: flat,
            Verbatim: lambda value: text(bytes(value)),
            BigNumber: lambda value: text(b"%d" % value),
            set: lambda value: array(sorted(value)),
        }
    else:
        table |= {
            bool: AS_IT_IS,
            float: AS_IT_IS,
            PlainDouble: lambda value: float(format_with_decimals(value)),
            dict: lambda value: {convert(key): convert(element) for key, element in value.items()},
            Pairs: array,
        }
        del table[type({}.keys())]  # a set: hiredis and redis-py's own parser differ
    return table


def _same(value: Any) -> Any:
    return value


def unusual(value: Any) -> Any:
    raise Unusual(type(value))
