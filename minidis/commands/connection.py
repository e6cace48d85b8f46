"""Commands about the connection itself: PING, HELLO, AUTH, SELECT, the CLIENT family, QUIT.

A connection has state on the server: a database, a protocol, a name, perhaps an open MULTI. These commands
read and change it, and CLIENT LIST shows it for everyone, a line for each connection::

    id=3 addr=embedded:3 ... name=alice age=12 idle=0 flags=b db=0 ... multi=-1 ... cmd=blpop resp=2
         |                              |             |                |
         who                            since when    b: it waits      commands queued since MULTI, or -1

Mirrors: networking.c (clientCommand, helloCommand), db.c (selectCommand), acl.c (authCommand).
Differs: a client in this process has no socket, so what a socket has (fd, buffers) shows as -1 or 0.
Complexity: O(1), but for CLIENT LIST and KILL, which are O(clients).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("CLIENT", "SETNAME", "alice"), redis.execute("CLIENT", "GETNAME")
('OK', b'alice')

Read next: server.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.engine import errors, transactions
from minidis.engine.client import Client
from minidis.engine.node import VERSION, Node
from minidis.engine.registry import (
    ADMIN,
    ALLOW_BUSY,
    FAST,
    LOADING,
    NO_AUTH,
    NOSCRIPT,
    SENTINEL,
    STALE,
    command,
)
from minidis.engine.users import DEFAULT
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError, Verbatim

_CLIENT = NOSCRIPT | LOADING | STALE | SENTINEL
_CONTROL = NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY

UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK"


@command("PING [message]", FAST | SENTINEL)
def ping(client: Client, message: bytes | None = None):
    """Answer PONG, or the message: is anybody there? O(1)."""
    if client.limited_to_pubsub:
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
    client.db = client.node.databases[index]
    return "OK"


@command("QUIT", _CONTROL)
def quit_(client: Client):
    """Close the connection, after the reply. O(1)."""
    client.node.disconnect(client)
    return "OK"


@command("RESET", _CONTROL, since="6.2.0")
def reset(client: Client):
    """Bring the connection back to the state in which it began. O(1)."""
    transactions.discard(client)
    client.node.pubsub.leave(client)
    client.node.monitors.leave(client)
    client.db = client.node.databases[0]
    client.protocol = 2
    client.name = ""
    client.reply_mode = "on"
    client.no_evict = client.no_touch = False
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
        b"mode": b"standalone",
        b"role": b"master",
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
            name = _printable(words[position + 1], "Client names")
            position += 2
        else:
            raise ReplyError(f"ERR Syntax error in HELLO option '{errors.shown(words[position])}'")
    return credentials, name


def _printable(text: bytes, what: str) -> str:
    if not all(0x21 <= byte <= 0x7E for byte in text):
        raise ReplyError(f"ERR {what} cannot contain spaces, newlines or special characters.")
    return text.decode()


# ---- CLIENT: about this connection ------------------------------------------------------------------------


@command("CLIENT ID", _CLIENT, since="5.0.0")
def client_id(client: Client):
    """The number of this connection; a later connection has a greater one. O(1)."""
    return client.id


@command("CLIENT GETNAME", _CLIENT, since="2.6.9")
def client_getname(client: Client):
    """The name of this connection, nil without one. O(1)."""
    return client.name.encode() if client.name else None


@command("CLIENT SETNAME connection-name", _CLIENT, since="2.6.9")
def client_setname(client: Client, name: bytes):
    """Name this connection; an empty name takes the name away. O(1)."""
    client.name = _printable(name, "Client names")
    return "OK"


@command("CLIENT SETINFO (LIB-NAME libname|LIB-VER libver)", _CLIENT, since="7.2.0", raw=True)
def client_setinfo(client: Client, attribute: bytes, value: bytes):
    """Say which client library speaks; CLIENT LIST shows it. O(1)."""
    name = attribute.lower()
    if name == b"lib-name":
        client.library_name = _printable(value, "lib-name")
    elif name == b"lib-ver":
        client.library_version = _printable(value, "lib-ver")
    else:
        raise ReplyError(f"ERR Unrecognized option '{errors.shown(attribute)}'")
    return "OK"


@command("CLIENT INFO", _CLIENT, since="6.2.0")
def client_info(client: Client):
    """The line of CLIENT LIST about this connection. O(1)."""
    return Verbatim(describe(client).encode() + b"\n")


@command("CLIENT GETREDIR", _CLIENT, since="6.0.0")
def client_getredir(client: Client):
    """To which connection invalidation messages go; -1: tracking is off. O(1)."""
    return -1


@command("CLIENT NO-EVICT (ON|OFF)", _CLIENT | ADMIN, since="7.0.0")
def client_no_evict(client: Client, switch: bytes):
    """Keep this connection when memory for clients runs out. O(1)."""
    client.no_evict = _on_or_off(switch)
    return "OK"


@command("CLIENT NO-TOUCH (ON|OFF)", NOSCRIPT | LOADING | STALE, since="7.2.0")
def client_no_touch(client: Client, switch: bytes):
    """Let reads by this connection leave no trace in LRU and LFU. O(1)."""
    client.no_touch = _on_or_off(switch)
    return "OK"


def _on_or_off(word: bytes) -> bool:
    if word.upper() not in (b"ON", b"OFF"):
        raise ReplyError(errors.SYNTAX)
    return word.upper() == b"ON"


@command("CLIENT REPLY (ON|OFF|SKIP)", _CLIENT, since="3.2.0")
def client_reply(client: Client, mode: bytes):
    """Answer no commands any more, or not the next one. O(1)."""
    if mode.upper() not in (b"ON", b"OFF", b"SKIP"):
        raise ReplyError(errors.SYNTAX)
    # SKIP does nothing while replies are off.
    if not (mode.upper() == b"SKIP" and client.reply_mode == "off"):
        client.reply_mode = mode.decode().lower()
    client.update_gate()
    return "OK"


# ---- CLIENT: about others ---------------------------------------------------------------------------------


@command(
    "CLIENT LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID client-id:int [client-id:int ...]]",
    _CLIENT | ADMIN,
    since="2.4.0",
    raw=True,
)
def client_list(client: Client, *words: bytes):
    """One line for each connection. O(N) in connections."""
    clients = list(client.node.clients.values())
    if len(words) == 2 and words[0].upper() == b"TYPE":
        clients = [each for each in clients if _has_type(each, words[1])]
    elif len(words) > 1 and words[0].upper() == b"ID":
        wanted = [parse_integer(word) for word in words[1:]]
        if None in wanted:
            raise ReplyError("ERR Invalid client ID")
        clients = [client.node.clients[number] for number in wanted if number in client.node.clients]
    elif words:
        raise ReplyError(errors.SYNTAX)
    return Verbatim("".join(describe(each) + "\n" for each in clients).encode())


def _client_type(word: bytes) -> bytes:
    name = {b"slave": b"replica"}.get(word.lower(), word.lower())
    if name not in (b"normal", b"replica", b"pubsub", b"master"):
        raise ReplyError(f"ERR Unknown client type '{errors.shown(word)}'")
    return name


def _has_type(client: Client, word: bytes) -> bool:
    return _client_type(word) == (b"pubsub" if len(client.subscriptions) else b"normal")


def describe(client: Client) -> str:
    """The line of CLIENT LIST."""
    node = client.node
    queued = client.transaction.queue if client.transaction else []
    argv = client.parked.argv if client.parked else []
    argv_bytes = sum(map(len, argv))
    multi_bytes = sum(len(word) for _, words in queued for word in words)
    fields: dict[str, Any] = {
        "id": client.id,
        "addr": client.peer,
        "laddr": client.local,
        "fd": -1,
        "name": client.name,
        "age": (node.now_us - client.created_us) // 1_000_000,
        "idle": (node.now_us - client.last_command_us) // 1_000_000,
        "flags": _flags(client),
        "db": client.db.index,
        "sub": len(client.subscriptions.channels),
        "psub": len(client.subscriptions.patterns),
        "ssub": len(client.subscriptions.shard_channels),
        "multi": len(queued) if client.transaction else -1,
        "qbuf": 0,
        "qbuf-free": 0,
        "argv-mem": argv_bytes,
        "multi-mem": multi_bytes,
        "rbs": 0,
        "rbp": 0,
        "obl": 0,
        "oll": len(client.outbox),
        "omem": 0,
        "tot-mem": argv_bytes + multi_bytes,
        "events": "rw" if client.outbox else "r",
        "cmd": client.last_command or "NULL",
        "user": errors.shown(client.user.name),
        "redir": -1,
        "resp": client.protocol,
        "lib-name": client.library_name,
        "lib-ver": client.library_version,
    }
    return " ".join(f"{name}={value}" for name, value in fields.items())


def _flags(client: Client) -> str:
    letters = {
        "O": client.id in client.node.monitors.clients,
        "P": len(client.subscriptions) > 0,
        "x": client.transaction is not None,
        "b": client.parked is not None,
        "d": client.node.watchers.must_fail(client),
        "e": client.no_evict,
        "T": client.no_touch,
    }
    return "".join(letter for letter, holds in letters.items() if holds) or "N"


@command("CLIENT UNBLOCK client-id:int [TIMEOUT|ERROR]", _CLIENT | ADMIN, since="5.0.0", raw=True)
def client_unblock(client: Client, client_id: bytes, *reason: bytes):
    """End the waiting of another connection, as if by timeout or by an error. O(log N) in connections."""
    if len(reason) > 1:
        raise errors.wrong_arity("client|unblock")
    how = reason[0].upper() if reason else b"TIMEOUT"
    if how not in (b"TIMEOUT", b"ERROR"):
        raise ReplyError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
    number = parse_integer(client_id)
    if number is None:
        raise ReplyError(errors.NOT_INTEGER)
    target = client.node.clients.get(number)
    error = ReplyError(UNBLOCKED) if how == b"ERROR" else None
    return int(target is not None and client.node.waiting.unblock(target, error))


@command(
    "CLIENT KILL (old-format|(ID client-id:int|TYPE (NORMAL|MASTER|SLAVE|REPLICA|PUBSUB)|USER username|"
    "ADDR addr|LADDR laddr|SKIPME (YES|NO))...)",
    _CLIENT | ADMIN,
    since="2.4.0",
    raw=True,
)
def client_kill(client: Client, *words: bytes):
    """Close connections: the one at an address, or all that pass every filter. O(N) in connections."""
    if len(words) == 1:
        tests, skip_me = [_filter(client.node, b"ADDR", words[0])], False
    else:
        tests, skip_me = _filters(client.node, words)
    victims = [
        each
        for each in client.node.clients.values()
        if not (skip_me and each is client) and all(test(each) for test in tests)
    ]
    if len(words) == 1 and not victims:
        raise ReplyError("ERR No such client")
    for victim in victims:
        client.node.disconnect(victim)
    return "OK" if len(words) == 1 else len(victims)


def _filters(node: Node, words: tuple[bytes, ...]) -> tuple[list[Callable[[Client], bool]], bool]:
    """The tests that a connection must pass, and SKIPME, which is yes unless said otherwise."""
    tests, skip_me = [], True
    if len(words) % 2:
        raise ReplyError(errors.SYNTAX)
    for name, value in zip(words[::2], words[1::2], strict=True):
        if name.upper() != b"SKIPME":
            tests.append(_filter(node, name.upper(), value))
        elif value.lower() in (b"yes", b"no"):
            skip_me = value.lower() == b"yes"
        else:
            raise ReplyError(errors.SYNTAX)
    return tests, skip_me


def _filter(node: Node, name: bytes, value: bytes) -> Callable[[Client], bool]:
    text = errors.shown(value)
    if name == b"ID":
        number = parse_integer(value)
        if number is None or number < 1:
            raise ReplyError("ERR client-id should be greater than 0")
        return lambda client: client.id == number
    if name == b"TYPE":
        _client_type(value)  # an unknown type is refused even when nobody is connected
        return lambda client: _has_type(client, value)
    if name == b"USER":
        if value not in node.users.by_name:
            raise ReplyError(f"ERR No such user '{text}'")
        return lambda client: client.user.name == value
    if name == b"ADDR":
        return lambda client: client.peer == text
    if name == b"LADDR":
        return lambda client: client.local == text
    raise ReplyError(errors.SYNTAX)
