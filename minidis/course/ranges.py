r"""What exercise 4.4 stands on: ZRANGE's bounds as a learner reads them, at work in a live node.

    score_range(minimum, maximum) -> place        place(score)  -> -1 before the range, 0 within, 1 after
    lex_range(minimum, maximum)   -> place        place(member) -> -1, 0, 1

`minimum` and `maximum` are the words of the command (b"(1.5", b"[a"); a word that is no bound raises
ValueError. `plug("ranges", (score_range, lex_range))` lets every command that takes such words go by them.

>>> def everything(minimum, maximum):
...     return lambda value: 0
>>> sorted(range_commands(everything, everything))[:3]
['ZCOUNT', 'ZLEXCOUNT', 'ZRANGE']

Read next: minidis/commands/sorted_sets.py (parse_range); ScoreRange and LexRange in
minidis/structures/skiplist.py, after you have passed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.commands.sorted_sets import parse_range
from minidis.engine.client import Client
from minidis.protocol.replies import Pairs, ReplyError
from minidis.structures.skiplist import ScoreRange
from minidis.values.sorted_set import SortedSet

Place = Callable[[Any], int]
"""Where a score, or a member, lies: -1 before the range, 0 within, 1 after."""
ReadRange = Callable[[bytes, bytes], Place]


class Bounds:
    """A learner's range in the form that the sorted set asks for (see ScoreRange)."""

    def __init__(self, place: Place, by: str) -> None:
        self._place = place
        self._of_score = by == "score"

    def is_below(self, score: float, member: bytes) -> bool:
        return self._place(score if self._of_score else member) < 0

    def is_above(self, score: float, member: bytes) -> bool:
        return self._place(score if self._of_score else member) > 0

    def is_empty(self) -> bool:
        """Nothing is known before an element is asked about."""
        return False


def range_commands(score_range: ReadRange, lex_range: ReadRange) -> dict[str, Callable[..., Any]]:
    """Handlers of the commands that take a range of scores or names, by command name."""
    readers = {"score": score_range, "lex": lex_range}

    def read(by: str, minimum: bytes, maximum: bytes) -> Any:
        try:
            return Bounds(readers[by](minimum, maximum), by)
        except ValueError as error:
            raise ReplyError(f"ERR {error}") from None

    commands: dict[str, Callable[..., Any]] = {"ZRANGE": _ranging(read, None, None)}
    for name, by in (("SCORE", "score"), ("LEX", "lex")):
        commands[f"ZRANGEBY{name}"] = _ranging(read, by, False)
        commands[f"ZREVRANGEBY{name}"] = _ranging(read, by, True)
        commands[f"ZREMRANGEBY{name}"] = _removing(read, by)
        commands["ZCOUNT" if by == "score" else "ZLEXCOUNT"] = _counting(read, by)
    return commands


def _ranging(read: Callable[..., Any], by: str | None, reverse: bool | None) -> Callable[..., Any]:
    def zrange(client: Client, key: bytes, *words: bytes) -> Any:
        query = parse_range(words, by=by, reverse=reverse)
        if query.bounds is not None:
            low, high = words[:2] if not query.reverse else (words[1], words[0])
            query.bounds = read("score" if isinstance(query.bounds, ScoreRange) else "lex", low, high)
        sorted_set = client.db.find(key, SortedSet)
        pairs = [] if sorted_set is None else query.select(sorted_set)
        return Pairs(pairs) if query.with_scores else [member for member, _ in pairs]

    return zrange


def _counting(read: Callable[..., Any], by: str) -> Callable[..., Any]:
    def zcount(client: Client, key: bytes, minimum: bytes, maximum: bytes) -> int:
        bounds = read(by, minimum, maximum)
        sorted_set = client.db.find(key, SortedSet)
        return 0 if sorted_set is None else sorted_set.count(bounds)

    return zcount


def _removing(read: Callable[..., Any], by: str) -> Callable[..., Any]:
    def zremrangeby(client: Client, key: bytes, minimum: bytes, maximum: bytes) -> int:
        bounds = read(by, minimum, maximum)
        sorted_set = client.db.edit(key, SortedSet)
        if sorted_set is None:
            return 0
        removed = sorted_set.delete_range(bounds)
        if removed:
            client.db.touch(key, f"zremrangeby{by}", removed)
            client.db.discard_if_empty(key, sorted_set)
        return removed

    return zremrangeby
