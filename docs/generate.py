"""`make docs` writes what can be derived from the engine: the README's pictures and docs/commands.md.

tests/house/test_docs.py fails when one of them is not what this script would write now.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import minidis
from minidis.distributed.sentinel.commands import SENTINEL_COMMANDS
from minidis.engine.command_table.registry import COMMANDS, Command
from minidis.notebook import views

DOCS = Path(__file__).parent

SEED = 9  # its coins make a list of four levels
PLAYERS = "ada bob cleo dan eve fay gus hal ivy joe kit lea".split()

HEAD = """# Commands

Written by `make docs` (docs/generate.py) from the syntax lines and docstrings of
`minidis/commands/` and the rooms above it. Those of the group sentinel are a Sentinel's alone.
"""


def main() -> None:
    for name, text in pages().items():
        (DOCS / name).write_text(text)


def pages() -> dict[str, str]:
    """Each generated file's name and text."""
    return {"skiplist.svg": skiplist(), "lab.svg": lab(), "commands.md": command_reference()}


def skiplist() -> str:
    """A sorted set's own skip list, and the search that it really makes."""
    node = minidis.Embedded(clock="2026-01-01T00:00:00Z", seed=SEED, config={"zset-max-listpack-entries": 0})
    for rank, player in enumerate(PLAYERS):
        node.execute("ZADD", "leaderboard", 10 * rank + 5, player)
    return views.skiplist("leaderboard", node=node, search=(95, "joe")).svg() + "\n"


def lab() -> str:
    """A split brain in the lab: a wall stands around the primary, and Sentinels have made another one."""
    lab = minidis.Lab(seed=SEED)
    lab.nodes("a", "b", "c", config={"repl-diskless-sync-delay": 0})
    for replica in "bc":
        lab.call(replica, "REPLICAOF", "a", 6379)
    lab.run("1s")
    lab.sentinels("s1", "s2", "s3", watch={"mymaster": "a"}, quorum=2, down_after_ms=5000)
    lab.run("5s")
    lab.partition("a")
    lab.run("12s")
    lab.call("a", "SET", "order", "paid")  # which nobody else will ever see
    return views.topology(lab).svg() + "\n"


def command_reference() -> str:
    """A section per group, for each command its syntax, summary, complexity, age and function."""
    own = [
        command for command in SENTINEL_COMMANDS if command.group == "sentinel"
    ]  # what only a Sentinel has
    ordered = sorted([*COMMANDS, *own], key=lambda command: (command.group, command.name))
    sections = [section(group, list(commands)) for group, commands in groupby(ordered, lambda c: c.group)]
    return "\n".join([HEAD, *sections])


def section(group: str, commands: list[Command]) -> str:
    lines = [f"## {group} ({len(commands)})", ""]
    for command in commands:
        path = command.handler.__module__.replace(".", "/") + ".py"
        function = f"[`{command.handler.__name__}`](../{path})"
        lines.append(
            f"- `{command.line.text}`  \n  {command.summary} {command.complexity}  \n"
            f"  Since {command.since or '1.0.0'}: {function}"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
