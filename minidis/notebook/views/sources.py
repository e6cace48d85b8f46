"""Where a view's data comes from: a key of a node or of a real server, or a structure that belongs to nobody.

Unless it is told, a view looks where the cells run: at the node of this kernel, or after `%redis connect` at
that server. Of a server its keys can be drawn, and what it tells of itself (mirrors.py); a view of anything
else says so.

Looking must leave no trace: a key that is logically dead is still shown, access times stay, and a table
that is being rehashed takes no step because a view looked at it.

Read next: view.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded, default_node
from minidis.notebook.views.mirrors import Mirror, Untold

_server: Any = None  # the target that cells run on, if it is not in this kernel
_mirrors: dict[int, Mirror] = {}  # by target, for as long as the kernel lives


def follow_cells(target: Any | None) -> None:
    """Views look at this target from now on, as the cells do; None is the node of this kernel."""
    global _server
    _server = None if target is None or target.is_embedded else target


def node_or_default(node: Embedded | None) -> Embedded:
    """The given node, or the one that %%redis cells and `minidis.connect()` share.

    Raises Untold if the cells run on a server: what is drawn is inside of the node.
    """
    if node is None and _server is not None:
        raise Untold(
            f"{_server.describe()} does not tell what this view draws; node=minidis.default_node() "
            "is the node in this kernel, %redis connect embedded brings the cells back to it"
        )
    return default_node() if node is None else node


def node_or_mirror(node: Embedded | None) -> Embedded:
    """As `node_or_default`, for a view of what a server tells: of that a `Mirror` is the node."""
    if node is not None or _server is None:
        return node_or_default(node)
    mirror = _mirrors.get(id(_server))
    if mirror is None:
        mirror = _mirrors[id(_server)] = Mirror(_server, _server.connect("views"))
    return mirror


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
