"""Commands about the connection itself: PING, HELLO, AUTH, SELECT, RESET, QUIT.

A connection has state on the server: a database, a protocol, a name, perhaps an open MULTI. These commands
read and change it.

Mirrors: networking.c (helloCommand, resetCommand), db.c (selectCommand), acl.c (authCommand).
Complexity: O(1).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("HELLO", "3", "SETNAME", "alice")[b"proto"], redis.execute("CLIENT", "GETNAME")
(3, b'alice')

Read next: clients.py, what CLIENT shows and changes.
"""

from __future__ import annotations

from minidis.engine import errors, transactions
from minidis.engine.access_control.users import DEFAULT
from minidis.engine.client import Client
from minidis.engine.command_table.registry import (
    ALLOW_BUSY,
    FAST,
    LOADING,
    NO_AUTH,
    NOSCRIPT,
    SENTINEL,
    STALE,
    command,
)
from minidis.engine.node import VERSION
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError

_CONTROL = NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY


@command("PING [message]", FAST | SENTINEL)
def ping(client: Client, message: bytes | None = None):
    """Answer PONG, or the message: is anybody there? O(1)."""
    if client.gated and client.limited_to_pubsub:
        return [b"pong", message or b""]
    return "PONG" if message is None else message


@command("ECHO message", LOADING | STALE | FAST)
def echo(client: Client, message: bytes):
    """Answer the given string. O(1)."""
    return message


@command("SELECT index:int", LOADING | STALE | FAST)
def select(client: Client, index: int):
    """Change the database of this connection. O(1)."""
    if not -(2**31) <= index < 2**31:
        raise ReplyError(f"ERR value is out of range, value must between {-(2**31)} and {2**31 - 1}")
    if not 0 <= index < len(client.node.databases):
        raise ReplyError("ERR DB index is out of range")
    if index:
        errors.refuse_in_cluster(client, "SELECT is not allowed")
    client.db = client.node.databases[index]
    return "OK"


@command("QUIT [ignored [ignored ...]]", _CONTROL)
def quit_(client: Client, *ignored: bytes):
    """Close the connection, after the reply. O(1)."""
    client.node.disconnect(client)
    return "OK"


@command("RESET", _CONTROL, since="6.2.0")
def reset(client: Client):
    """Bring the connection back to the state in which it began. O(1)."""
    transactions.discard(client)
    client.node.pubsub.leave(client)
    client.node.monitors.leave(client)
    client.node.tracking.stop(client)
    client.db = client.node.databases[0]
    client.protocol = 2
    client.name = ""
    client.is_silenced = False  # but a SKIP is still for the reply to this command
    client.no_evict = client.no_touch = client.is_readonly = client.is_asking = False
    client.user = client.node.users.default
    client.authenticated = not client.node.users.authentication_required
    client.update_gate()
    return "RESET"


# ---- who is it --------------------------------------------------------------------------------------------


@command("AUTH [username] password", _CONTROL | SENTINEL, raw=True)
def auth(client: Client, *words: bytes):
    """Become a user, "default" if none is named. O(N) where N is the number of its passwords."""
    if len(words) > 2:
        raise ReplyError(errors.SYNTAX)
    users = client.node.users
    if len(words) == 1 and users.default.needs_no_password:
        raise ReplyError(
            "ERR AUTH <password> called without any password configured for the default user. "
            "Are you sure your configuration is correct?"
        )
    users.authenticate(client, words[0] if len(words) == 2 else DEFAULT, words[-1])
    return "OK"


@command(
    "HELLO [protover:int [AUTH username password] [SETNAME clientname]]",
    _CONTROL | SENTINEL,
    since="6.0.0",
    raw=True,
)
def hello(client: Client, *words: bytes):
    """Choose RESP2 or RESP3, and learn about the server. O(1)."""
    protocol = client.protocol
    if words:
        number = parse_integer(words[0])
        if number is None:
            raise ReplyError("ERR Protocol version is not an integer or out of range")
        if number not in (2, 3):
            raise ReplyError("NOPROTO unsupported protocol version")
        protocol = number
    credentials, name = _hello_options(words[1:])
    if credentials is not None:
        client.node.users.authenticate(client, *credentials, attempt=b"HELLO")
    if not client.authenticated:
        raise ReplyError(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> "
            "AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol "
            "version at the same time"
        )
    if name is not None:
        client.name = name
    client.protocol = protocol
    client.update_gate()
    return {
        b"server": b"redis",
        b"version": VERSION.encode(),
        b"proto": protocol,
        b"id": client.id,
        b"mode": client.node.mode.encode(),
        b"role": b"replica" if client.node.is_replica else b"master",
        b"modules": [],
    }


def _hello_options(words: tuple[bytes, ...]) -> tuple[tuple[bytes, bytes] | None, str | None]:
    """User and password after AUTH, the name after SETNAME."""
    credentials, name = None, None
    position = 0
    while position < len(words):
        option, left = words[position].upper(), len(words) - position - 1
        if option == b"AUTH" and left >= 2:
            credentials = (words[position + 1], words[position + 2])
            position += 3
        elif option == b"SETNAME" and left >= 1:
            name = printable(words[position + 1], "Client names")
            position += 2
        else:
            raise ReplyError(f"ERR Syntax error in HELLO option '{errors.shown(words[position])}'")
    return credentials, name


def printable(text: bytes, what: str) -> str:
    """A name that fits into a line of CLIENT LIST, or the error."""
    if not all(0x21 <= byte <= 0x7E for byte in text):
        raise ReplyError(f"ERR {what} cannot contain spaces, newlines or special characters.")
    return text.decode()
