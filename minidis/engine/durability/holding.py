"""While a snapshot has a very large value before it, who wants to change that one waits, and nobody else.

A value must be in the snapshot as it was. One that is about to change is therefore written first: nothing for
most, but a second for a sorted set of a million members, and everybody would wait for it. In a server the
*command* waits instead, as it would under CLIENT PAUSE (pausing.py), while the value is written in slices:

    BGSAVE            the walk notes the large keys as it lists them, and writes them first
    ZADD board ...    waits      GET k -> answered      ZRANGE board ... -> answered      ZADD other ... -> 1
    board written     takes its whole way, and is answered

Who reads the value, replaces or deletes it need not wait: the walk keeps what the key held. A transaction
waits if a command in its queue would have to, a script for the keys that it declares, the link to a primary
with all that comes after. What cannot wait (what has been waiting and goes on, a key that a script does not
declare) changes the value at once, as everywhere but in a server: then the rest is written on the spot.

Mirrors: nothing in Redis, whose child has its own copy of each page that is written to.
Complexity: O(keys of the command), while such a value is to be written.

Read next: snapshots.py, whose walk this looks at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from minidis.engine.command_table.keyaccess import keys_of_request
from minidis.engine.command_table.keyspecs import BadKeys
from minidis.engine.command_table.registry import Command
from minidis.engine.pausing import may_change
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from minidis.engine.client import Client

WRITTEN = "large-value-is-written"


def holds(client: Client, command: Command, argv: list[bytes]) -> bool:
    """Must this command wait?  The value that it waits for comes next.

    The primary's commands wait with its link, which knows how to go on (primary_link.py).
    """
    is_queued = client.transaction is not None and command.name != "exec"
    if is_queued or not client.db.views:
        return False
    waited_for = [
        (view, key)
        for key in _keys_changed(client, command, argv)
        for view in client.db.views
        if view.must_write_large(key)
    ]
    for view, key in waited_for:
        view.hurry(key)
    return bool(waited_for)


def _keys_changed(client: Client, command: Command, argv: list[bytes]) -> Iterator[bytes]:
    transaction = client.transaction if command.name == "exec" else None
    for each, words in [(command, argv)] if transaction is None else transaction.queue:
        if may_change(each.as_requested(client, words)):
            yield from _keys_changed_by(each, words)


def _keys_changed_by(command: Command, words: list[bytes]) -> list[bytes]:
    """Those whose values it works on; not those that it only reads, replaces or deletes."""
    try:
        return [words[at] for at, access in keys_of_request(command, words) if access.startswith("RW")]
    except (BadKeys, ReplyError):
        return []
