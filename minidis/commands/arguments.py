"""Arguments that several families of commands read alike: numkeys, timeouts, counts.

Mirrors: getRangeLongFromObjectOrReply in object.c, getTimeoutFromObjectOrReply in timeout.c, the key
specs of type "keynum".
Read next: lists.py and sorted_sets.py, which use them.
"""

from __future__ import annotations

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.memory.output_limits import refuses
from minidis.protocol.numbers import INTEGER_MAX, parse_integer, parse_long_double
from minidis.protocol.replies import ReplyError

TIMEOUT_NOT_FLOAT = "ERR timeout is not a float or out of range"
TIMEOUT_NEGATIVE = "ERR timeout is negative"
TIMEOUT_TOO_LARGE = "ERR timeout is out of range"
COUNT_OUT_OF_RANGE = "ERR value is out of range"
MOST_REPETITIONS = 10_000_000


def integer_in_range(text: bytes, least: int, most: int = INTEGER_MAX, message: str | None = None) -> int:
    """An integer within bounds, or an error: `message` for whatever is wrong with it.

    >>> integer_in_range(b"7", 1)
    7
    """
    number = parse_integer(text)
    if number is None:
        raise ReplyError(message or errors.NOT_INTEGER)
    if not least <= number <= most:
        bounds = f"ERR value is out of range, value must between {least} and {most}"
        raise ReplyError(message or bounds)
    return number


def may_draw(client: Client, count: int) -> bool:
    """Can a reply of so many random elements, some of them the same, be made?  False: the client is cut off.

    Raises ReplyError for one that could not fit into memory.
    """
    if refuses(client, count):
        return False
    if count > MOST_REPETITIONS:
        raise ReplyError(COUNT_OUT_OF_RANGE)
    return True


def deadline_ms(client: Client, timeout: bytes) -> int | None:
    """When a timeout in seconds (decimals allowed) ends, unix milliseconds; None for 0: never."""
    whole = parse_integer(timeout)  # nearly always
    timeout_ms = whole * 1000 if whole is not None else _milliseconds(timeout)
    if timeout_ms < 0:
        raise ReplyError(TIMEOUT_NEGATIVE)
    if timeout_ms > INTEGER_MAX - client.node.now_ms:
        raise ReplyError(TIMEOUT_TOO_LARGE)
    return client.node.now_ms + timeout_ms if timeout_ms else None


def _milliseconds(seconds: bytes) -> int:
    number = parse_long_double(seconds)
    if number is None:
        raise ReplyError(TIMEOUT_NOT_FLOAT)
    if isinstance(number, float):
        raise ReplyError(TIMEOUT_TOO_LARGE if number > 0 else TIMEOUT_NEGATIVE)
    return number.ceiling(1000)


def deadline_from_milliseconds(client: Client, timeout: bytes) -> int | None:
    """When a timeout in whole milliseconds ends, unix milliseconds; None for 0: never."""
    milliseconds = parse_integer(timeout)
    if milliseconds is None:
        raise ReplyError("ERR timeout is not an integer or out of range")
    if milliseconds < 0:
        raise ReplyError(TIMEOUT_NEGATIVE)
    if milliseconds > INTEGER_MAX - client.node.now_ms:
        raise ReplyError(TIMEOUT_TOO_LARGE)
    return client.node.now_ms + milliseconds if milliseconds else None
