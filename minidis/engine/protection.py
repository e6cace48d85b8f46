"""What is refused to a stranger: DEBUG, MODULE and the settings that reach beyond the dataset.

    enable-debug-command   no     nobody
                           local  a client on this computer: loopback or a unix socket
                           yes    everyone

It is asked before anything else about a command, so that a refused DEBUG also spoils a transaction. Who
shares the process with the node is trusted: it could reach into the node anyway.

Mirrors: allowProtectedAction, and its place in processCommand (server.c).

>>> from minidis.drivers.embedded import Embedded
>>> client = Embedded(clock=0).client
>>> allows("no", client)
True
>>> client.peer = "192.0.2.7:4711"
>>> allows("local", client), allows("yes", client)
(False, True)

Read next: users.py, for who may do what.
"""

from __future__ import annotations

from minidis.engine.client import Client
from minidis.engine.registry import Command
from minidis.protocol.replies import ReplyError

_NOT_ALLOWED = (
    'ERR {0} command not allowed. If the enable-{1}-command option is set to "local", you can run it '
    "from a local connection, otherwise you need to set this option in the configuration file, and then "
    "restart the server."
)


def allows(setting: str, client: Client) -> bool:
    """Does `no`, `local` or `yes` let this client in?"""
    return client.is_embedded or setting == "yes" or (setting == "local" and client.is_local)


def admit(client: Client, command: Command) -> None:
    """Raise the error that keeps a client from a protected command."""
    name = command.name.partition("|")[0]
    if not allows(getattr(client.node.config, f"enable_{name}_command"), client):
        raise ReplyError(_NOT_ALLOWED.format(name.upper(), name))
