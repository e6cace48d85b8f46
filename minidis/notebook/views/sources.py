"""Where a view's data comes from: a key of a node, or a structure that belongs to no node.

Looking must leave no trace: a key that is logically dead is still shown, access times stay, and a table
that is being rehashed takes no step because a view looked at it.

Read next: view.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded, default_node


def node_or_default(node: Embedded | None) -> Embedded:
    """The given node, or the one that %%redis cells and `minidis.connect()` share."""
    return default_node() if node is None else node


def to_key(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else bytes(key)


def look(table: Any, key: bytes) -> Any:
    """What stands at `key` in a keyspace table, without a rehash step."""
    if not table.is_rehashing:
        return table.get(key)
    table.pause_rehash()
    try:
        return table.get(key)
    finally:
        table.resume_rehash()


class KeySource:
    """The value at one key of a node, looked up anew for each drawing."""

    def __init__(self, key: str | bytes, node: Embedded, db: int) -> None:
        self.key = to_key(key)
        self.node = node
        self.db = db

    def value(self) -> Any:
        """The typed value (minidis.values), or None."""
        return look(self.node.node.databases[self.db].table, self.key)
