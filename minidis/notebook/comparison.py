"""One cell on two targets: what both answer once, what differs twice, with a mark.

    %%redis --beside fakeredis          the current target, and fakeredis

    redis> OBJECT ENCODING k
    != embedded   "embstr"
    != fakeredis  (error) ERR unknown subcommand ...
    redis> GET k
    "v"
    1 of 2 replies differs between embedded and fakeredis

The cell runs on the first to its end, then on the second. Where Redis promises no order (SMEMBERS), another
order is no difference, and the line says so.

Read next: session.py, which runs each of the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from minidis.notebook.rendering import Fragment, to_text, wire_value
from minidis.notebook.session import Result, Step

_UNORDERED = frozenset(b"SMEMBERS SUNION SINTER SDIFF KEYS HKEYS HVALS PUBSUB".split())
_UNORDERED_PAIRS = frozenset(b"HGETALL CONFIG".split())


def compare(names: tuple[str, str], first: Result, second: Result) -> Result:
    """Both runs of a cell as one result; its value is a pair of replies for each command."""
    result = Result(was_interrupted=first.was_interrupted or second.was_interrupted)
    differences = 0
    for here, there in zip(first.steps, second.steps, strict=False):  # the shorter one was interrupted
        result.values.append((here.value, there.value))
        if to_text(here.shown) == to_text(there.shown):
            result.add(here.header + here.shown)
        elif _same_elements(here, there):
            note: list[Fragment] = [("note", f"\n(the same in another order on {names[1]})")]
            result.add(here.header + here.shown + note)
        else:
            differences += 1
            result.add_notice(here.header + _both(names, here.shown, there.shown))
    total = min(len(first.steps), len(second.steps))
    if total:
        result.add_notice([("note", _summary(names, differences, total))])
    return result


def _summary(names: tuple[str, str], differences: int, total: int) -> str:
    both = f"{names[0]} and {names[1]}"
    if not differences:
        return f"no difference between {both}"
    verb = "differs" if differences == 1 else "differ"
    return f"{differences} of {total} {'reply' if total == 1 else 'replies'} {verb} between {both}"


def _both(names: tuple[str, str], *replies: list[Fragment]) -> list[Fragment]:
    """Each reply behind the name of its target; below it, where a reply takes several lines."""
    several = any("\n" in to_text(reply) for reply in replies)
    width = max(map(len, names))
    fragments: list[Fragment] = []
    for name, reply in zip(names, replies, strict=True):
        start = "\n" if fragments else ""
        label = f"{start}!= {name}\n" if several else f"{start}!= {name:{width}}  "
        fragments += [("error", label), *reply]
    return fragments


def _same_elements(here: Step, there: Step) -> bool:
    command = here.argv[0].upper() if here.argv else b""
    if command in _UNORDERED_PAIRS:
        return _pairs(here.reply) == _pairs(there.reply) != []
    return command in _UNORDERED and _elements(here.reply) == _elements(there.reply) != []


def _elements(reply: Any) -> Sequence[str]:
    flat = wire_value(reply, 2)
    return sorted(map(repr, flat)) if isinstance(flat, (list, AbstractSet)) else []


def _pairs(reply: Any) -> Sequence[str]:
    flat = wire_value(reply, 2)
    if not isinstance(flat, list):
        return []
    return sorted(map(repr, zip(flat[::2], flat[1::2], strict=False)))
