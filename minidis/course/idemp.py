"""What exercise 17.4 stands on: IDEMP.BEGIN and IDEMP.FINISH, a learner's two functions, in a live node.

    IDEMP.BEGIN key fingerprint seconds      begin(client, key, fingerprint, seconds)
    IDEMP.FINISH key token result            finish(client, key, token, result)

As a module's commands they come after a start's loading: what the log has must be commands that any server
knows.

Read next: minidis/engine/registry.py.
"""

from __future__ import annotations

from collections.abc import Callable

from minidis.drivers.embedded import Embedded
from minidis.engine.binding import Handler
from minidis.engine.registry import DENYOOM, FAST, WRITE, command

BEGIN = "IDEMP.BEGIN key fingerprint seconds:int"
FINISH = "IDEMP.FINISH key token result"


def install_pair(embedded: Embedded, begin: Handler, finish: Handler) -> Callable[[], None]:
    """Add the pair to a node, and to whatever node takes its place after a crash; answers what ends it."""

    def add() -> None:
        for line, handler in ((BEGIN, begin), (FINISH, finish)):
            command(line, WRITE | DENYOOM | FAST, embedded.node.commands, group="generic")(handler)

    add()
    stop_listening = embedded.on_restart(add)

    def undo() -> None:
        stop_listening()
        for line in (BEGIN, FINISH):
            embedded.node.commands.rename(line.split()[0], "")

    return undo
