"""minidis: a Redis you can open.

    import minidis
    redis = minidis.connect()            # a genuine redis.Redis; its server is in this process
    redis.set("greeting", "hello")

    node = minidis.Embedded(seed=1)      # the node itself, with a clock you can move
    node = minidis.open("shop.rdb")      # one whose data outlive the process
    lab = minidis.Lab(seed=1)            # many nodes, on a virtual network where everything can break
    cluster = minidis.LocalCluster()     # three primaries, three replicas, on ports of this computer
    %load_ext minidis                    # %%redis cells in a notebook

>>> node = Embedded(clock="2026-01-01T00:00:00Z", seed=1)
>>> node.execute("SET", "greeting", "hello")
'OK'

Read next: ARCHITECTURE.md, then minidis/engine/node.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded, default_node
from minidis.drivers.embedded import open_node as open
from minidis.engine.node import VERSION, Node
from minidis.protocol.replies import ReplyError

__all__ = [
    "VERSION",
    "Embedded",
    "Lab",
    "LocalCluster",
    "Node",
    "ReplyError",
    "connect",
    "connect_async",
    "default_node",
    "open",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # redis-py and IPython are imported only by those who use them
    if name in ("connect", "connect_async"):
        from minidis import client

        return getattr(client, name)
    if name == "Lab":
        from minidis.client.lab import Lab

        return Lab
    if name == "LocalCluster":
        from minidis.drivers.cluster_servers import LocalCluster

        return LocalCluster
    raise AttributeError(f"module 'minidis' has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext minidis`: the magics %%redis, %redis and %clock."""
    from minidis.notebook.magics import SUBCOMMANDS, load

    SUBCOMMANDS["progress"] = _show_progress
    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext minidis`."""
    from minidis.notebook.magics import unload

    unload(shell)


def _show_progress(session: Any, words: list[str]) -> list[list[tuple[str, str]]]:
    """`%redis progress [CHAPTER]`: the notebook's room does not know the course's."""
    from minidis.course.progress import progress
    from minidis.notebook.magics import UsageFault

    if len(words) > 1 or not all(word.isdecimal() for word in words):
        raise UsageFault("%redis progress [CHAPTER]")
    return [[("status", repr(progress(*map(int, words))))]]
