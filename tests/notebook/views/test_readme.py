"""The README of the views: its examples run, and it names every function."""

from __future__ import annotations

import re
from pathlib import Path

from minidis import Embedded
from minidis.drivers import embedded
from minidis.drivers.event_loop import EventLoop
from minidis.notebook import views

README = Path(views.__file__).with_name("README.md").read_text(encoding="utf-8")


def test_every_example_runs(monkeypatch):
    node = Embedded(clock="2026-01-01", seed=1)
    monkeypatch.setattr(embedded, "_default_node", node)
    node.execute("SET", "session", "x", "EX", 30)
    node.execute("HSET", "h", *[word for n in range(600) for word in (f"f{n}", n)])
    node.execute("ZADD", "z", *[word for n in range(200) for word in (n, f"m{n}")], 20, "bob")
    node.execute("SADD", "numbers", 1, 2)
    node.execute("RPUSH", "l", *["x" * 3000] * 12)
    node.execute("SETBIT", "b", 9, 1)
    node.execute("PFADD", "v", "ann")
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 3
    loop = EventLoop(node)
    loop.connect("ada").send(b"PING\r\n")
    namespace = {"node": node, "loop": loop}
    for block in blocks:
        exec(block, namespace)
    board = namespace["board"]
    assert board.node is node and board.cycle is not None
    board.close()


def test_every_function_is_named():
    functions = [name for name in views.__all__ if name not in ("View", "refresh_all")]
    assert not [name for name in functions if f"views.{name}" not in README]
