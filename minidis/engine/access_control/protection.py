"""What is refused to a stranger: DEBUG, MODULE, settings that reach beyond the dataset, and web browsers.

    enable-debug-command   no     nobody
                           local  a client on this computer: loopback or a unix socket
                           yes    everyone

It is asked before anything else about a command, so that a refused DEBUG also spoils a transaction. Who
shares the process with the node is trusted: it could reach into the node anyway.

A web page can make its reader's browser POST to a port of that reader's network. We would refuse the lines of
HTTP one by one as unknown commands, and run the body's: so POST or Host: ends the connection.

Mirrors: allowProtectedAction, securityWarningCommand, and their places in processCommand (server.c).

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
from minidis.engine.command_table.registry import Command
from minidis.protocol.replies import ReplyError

_NOT_ALLOWED = (
    'ERR {0} command not allowed. If the enable-{1}-command option is set to "local", you can run it '
    "from a local connection, otherwise you need to set this option in the configuration file, and then "
    "restart the server."
)

_HTTP_WORDS = frozenset((b"post", b"host:"))
_ATTACK = (
    "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. "
    "This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis "
    "instance. Connection from {} aborted."
)
_LOG_INTERVAL_US = 60_000_000  # an attacker must not fill the log


def allows(setting: str, client: Client) -> bool:
    """Does `no`, `local` or `yes` let this client in?"""
    return client.is_embedded or setting == "yes" or (setting == "local" and client.is_local)


def admit(client: Client, command: Command) -> None:
    """Raise the error that keeps a client from a protected command."""
    name = command.name.partition("|")[0]
    if not allows(getattr(client.node.config, f"enable_{name}_command"), client):
        raise ReplyError(_NOT_ALLOWED.format(name.upper(), name))


def is_http(argv: list[bytes]) -> bool:
    """Does a browser speak here?"""
    return argv[0].lower() in _HTTP_WORDS


def abort(client: Client) -> None:
    """Hang up at once, without the replies that are still to be sent, and log it now and then."""
    node = client.node
    logged_us = node.attack_logged_us
    if logged_us is None or abs(node.now_us - logged_us) > _LOG_INTERVAL_US:
        node.attack_logged_us = node.now_us
        node.log("warning", _ATTACK.format(client.peer))
    client.abort()
