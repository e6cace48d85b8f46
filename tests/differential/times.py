"""Times inside larger replies: how long an entry has been pending, when a consumer was last seen.

They follow each server's own clock, so they agree when they are near each other; all else must be equal.
"""

from __future__ import annotations

from tests.differential.wire import Reply

TIMED = {b"XPENDING", b"XINFO"}
TIME_FIELDS = {b"idle", b"inactive", b"seen-time", b"active-time"}
SLACK_MS = 30_000
NO_TIME = (b":", b"-1")


def same_but_times(theirs: Reply, ours: Reply) -> bool:
    """Equal where no time stands, near where one does.

    >>> def row(idle: bytes) -> Reply:
    ...     return (b"*", [(b"$", b"1-0"), (b"$", b"alice"), (b":", idle), (b":", b"2")])
    >>> same_but_times(row(b"0"), row(b"7")), same_but_times(row(b"0"), row(b"99999"))
    (True, False)
    """
    if theirs == ours:
        return True
    their_items, our_items = theirs[1], ours[1]
    if theirs[0] != ours[0] or not isinstance(their_items, list) or not isinstance(our_items, list):
        return False
    if len(their_items) != len(our_items):
        return False
    times = time_places(their_items)
    return all(
        near(their, our) if at in times else same_but_times(their, our)
        for at, (their, our) in enumerate(zip(their_items, our_items, strict=True))
    )


def time_places(items: list) -> set[int]:
    """Where times stand: in a row of pending entries before the count, in a map after their names."""
    if [kind for kind, _ in items] in ([b"$", b"$", b":", b":"], [b"$", b":", b":"]):
        return {len(items) - 2}
    return {at + 1 for at, (kind, text) in enumerate(items) if kind == b"$" and text in TIME_FIELDS}


def near(theirs: Reply, ours: Reply) -> bool:
    if theirs == ours:
        return True
    if theirs[0] != b":" or ours[0] != b":" or NO_TIME in (theirs, ours):
        return False
    return abs(int(theirs[1]) - int(ours[1])) <= SLACK_MS


def without_idle_consumers(reply: Reply) -> Reply:
    """A reply without the consumers that have nothing pending, and without the number of consumers."""
    items = reply[1]
    if not isinstance(items, list):
        return reply
    counts = {at for at in range(1, len(items)) if items[at - 1] == (b"$", b"consumers")}
    return reply[0], [
        without_idle_consumers(item)
        for at, item in enumerate(items)
        if not (at in counts and item[0] == b":") and not is_idle_consumer(item)
    ]


def is_idle_consumer(reply: Reply) -> bool:
    items = reply[1]
    if not isinstance(items, list) or not {(b"$", b"seen-time"), (b"$", b"idle")} & {
        item for item in items if item[0] == b"$"
    }:
        return False
    field = b"pel-count" if (b"$", b"pel-count") in items else b"pending"
    return items[items.index((b"$", field)) + 1] == (b":", b"0")


def without_fields(reply: Reply, *names: bytes) -> Reply:
    """A reply with these names, and what follows each, taken out of its maps (flat ones too)."""
    items = reply[1]
    if not isinstance(items, list):
        return reply
    kept = []
    at = 0
    while at < len(items):
        if items[at][0] == b"$" and items[at][1] in names:
            at += 2
        else:
            kept.append(without_fields(items[at], *names))
            at += 1
    return reply[0], kept
