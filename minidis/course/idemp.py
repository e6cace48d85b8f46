"""What exercise 17.4 stands on: IDEMP.BEGIN and IDEMP.FINISH, whose handlers a learner writes.

    IDEMP.BEGIN key fingerprint seconds      begin(client, key, fingerprint, seconds)
    IDEMP.FINISH key token result            finish(client, key, token, result)

As a module's commands they are not there yet when a node reads its log: what the log has must be commands
that any server knows.

>>> [entry.name for entry in idemp_commands(lambda *words: [], lambda *words: "OK")]
['idemp.begin', 'idemp.finish']

Read next: minidis/engine/command_table/registry.py.
"""

from __future__ import annotations

from minidis.course.throttling import new_command
from minidis.engine.command_table.binding import Handler
from minidis.engine.command_table.registry import Command


def idemp_commands(begin: Handler, finish: Handler) -> list[Command]:
    """The pair, to plug in."""
    return [
        new_command("IDEMP.BEGIN key fingerprint seconds:int", "write denyoom fast", begin),
        new_command("IDEMP.FINISH key token result", "write denyoom fast", finish),
    ]
