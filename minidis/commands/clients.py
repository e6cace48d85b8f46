"""CLIENT: what the server knows of its connections, and what they may ask for.

A line for each connection is what CLIENT LIST answers::

    id=3 addr=127.0.0.1:50312 ... name=alice age=12 idle=0 flags=b db=0 ... multi=-1 ... cmd=blpop resp=2
         |                               |             |                |
         who                             since when    b: it waits      commands queued since MULTI, or -1

Mirrors: networking.c (clientCommand, catClientInfoString).
Differs: a client in this process has no socket, so what a socket has (fd, buffers) shows as -1 or 0.
Complexity: O(1), but for CLIENT LIST and KILL, which are O(clients).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("CLIENT", "SETNAME", "alice"), redis.execute("CLIENT", "GETNAME")
('OK', b'alice')

Read next: minidis/engine/messages/tracking.py and minidis/engine/pausing.py, for what CLIENT TRACKING and
CLIENT PAUSE begin.
"""

from __future__ import annotations

from collections.abc import Callable

from minidis.commands.arguments import TIMEOUT_NEGATIVE
from minidis.commands.connection import printable
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.registry import ADMIN, LOADING, NOSCRIPT, SENTINEL, STALE, command
from minidis.engine.memory.client_buffers import ReplyMemory
from minidis.engine.memory.client_memory import arguments_bytes, client_bytes
from minidis.engine.messages.tracking import TrackingMode
from minidis.engine.node import Node
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError, Verbatim

_CLIENT = NOSCRIPT | LOADING | STALE | SENTINEL
_OF_CONNECTION = NOSCRIPT | LOADING | STALE

UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK"
TIMEOUT_NOT_INTEGER = "ERR timeout is not an integer or out of range"


# ---- this connection --------------------------------------------------------------------------------------


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
    client.name = printable(name, "Client names")
    return "OK"


@command("CLIENT SETINFO (LIB-NAME libname|LIB-VER libver)", _CLIENT, since="7.2.0", raw=True)
def client_setinfo(client: Client, attribute: bytes, value: bytes):
    """Say which client library speaks; CLIENT LIST shows it. O(1)."""
    name = attribute.lower()
    if name == b"lib-name":
        client.library_name = printable(value, "lib-name")
    elif name == b"lib-ver":
        client.library_version = printable(value, "lib-ver")
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
    return -1 if client.tracking is None else client.tracking.redirect


@command("CLIENT NO-EVICT (ON|OFF)", _CLIENT | ADMIN, since="7.0.0")
def client_no_evict(client: Client, switch: bytes):
    """Keep this connection when memory for clients runs out. O(1)."""
    client.no_evict = _on_or_off(switch)
    return "OK"


@command("CLIENT NO-TOUCH (ON|OFF)", NOSCRIPT | LOADING | STALE, since="7.2.0")
def client_no_touch(client: Client, switch: bytes):
    """Let reads by this connection leave no trace in LRU and LFU. O(1)."""
    client.no_touch = _on_or_off(switch)
    client.update_gate()
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
    if mode.upper() != b"SKIP":
        client.is_silenced, client.skipped_replies = mode.upper() == b"OFF", 0
    elif not client.is_silenced:
        client.skipped_replies = 2  # its own, and the next
    client.update_gate()
    return "OK"


# ---- others -----------------------------------------------------------------------------------------------


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
    return _client_type(word) == client.kind.encode()


def describe(client: Client) -> str:
    """The line of CLIENT LIST."""
    node = client.node
    buffers = client.measure_buffers()
    queued = client.transaction.queue if client.transaction else []
    multi_bytes = sum([len(word) for _, words in queued for word in words])
    owed, sizes = buffers.output_bytes, buffers.sizes
    if sizes is None:  # no socket: what is owed stands in one place
        reply = ReplyMemory(0, len(client.outbox) + bool(owed), owed)
    else:
        reply = sizes.shown(owed)
    subscriptions = client.subscriptions
    age_us, idle_us = node.now_us - client.created_us, node.now_us - client.last_command_us
    query_free = max(0, sizes.query_bytes - buffers.query_bytes) if sizes else 0
    reply_bytes, reply_peak = (sizes.reply_bytes, sizes.reply_peak) if sizes else (0, 0)
    redirect = -1 if client.tracking is None else client.tracking.redirect
    return (
        f"id={client.id} addr={client.peer} laddr={client.local} fd={buffers.fd} name={client.name} "
        f"age={age_us // 1_000_000} idle={idle_us // 1_000_000} flags={_flags(client, buffers.unix)} "
        f"db={client.db.index} sub={len(subscriptions.channels)} psub={len(subscriptions.patterns)} "
        f"ssub={len(subscriptions.shard_channels)} multi={len(queued) if client.transaction else -1} "
        f"qbuf={buffers.query_bytes} qbuf-free={query_free} argv-mem={arguments_bytes(client, buffers)} "
        f"multi-mem={multi_bytes} rbs={reply_bytes} rbp={reply_peak} obl={reply.buffer_bytes} "
        f"oll={reply.list_length} omem={reply.list_bytes} tot-mem={client_bytes(client)} "
        f"events={'rw' if client.outbox or owed else 'r'} cmd={client.last_command or 'NULL'} "
        f"user={errors.shown(client.user.name)} redir={redirect} resp={client.protocol} "
        f"lib-name={client.library_name} lib-ver={client.library_version}"
    )


def _flags(client: Client, over_unix_socket: bool) -> str:
    tracking = client.tracking
    letters = (
        ("O", client.id in client.node.monitors.clients),
        ("S", client.kind == "replica"),
        ("M", client.kind == "master"),
        ("P", client.subscriptions),
        ("x", client.transaction is not None),
        ("b", client.parked),
        ("t", tracking),
        ("R", tracking and tracking.broken_redirect),
        ("B", tracking and tracking.broadcast),
        ("d", client.watched and client.node.watchers.must_fail(client)),
        ("c", client.closed),
        ("U", over_unix_socket),
        ("r", client.is_readonly),
        ("e", client.no_evict),
        ("T", client.no_touch),
    )
    return "".join([letter for letter, holds in letters if holds]) or "N"


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
    has_waited = target is not None and client.node.waiting.unblock(target, error)
    if has_waited and error is not None:  # which Redis takes for this command's own
        client.node.commands.find([b"CLIENT", b"UNBLOCK"]).failed_calls += 1
    return int(has_waited)


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


# ---- CLIENT PAUSE -----------------------------------------------------------------------------------------


@command("CLIENT PAUSE timeout:int [WRITE|ALL]", _CLIENT | ADMIN, since="3.0.0", raw=True)
def client_pause(client: Client, timeout: bytes, *mode: bytes):
    """Let all clients wait, or those that write, for a number of milliseconds. O(1)."""
    if len(mode) > 1:
        raise errors.wrong_arity("client|pause")
    if mode and mode[0].upper() not in (b"WRITE", b"ALL"):
        raise ReplyError("ERR CLIENT PAUSE mode must be WRITE or ALL")
    timeout_ms = parse_integer(timeout)
    if timeout_ms is None:
        raise ReplyError(TIMEOUT_NOT_INTEGER)
    if timeout_ms < 0:
        raise ReplyError(TIMEOUT_NEGATIVE)
    client.node.pause.begin(client.node.now_ms + timeout_ms, everyone=not mode or mode[0].upper() == b"ALL")
    return "OK"


@command("CLIENT UNPAUSE", _CLIENT | ADMIN, since="6.2.0")
def client_unpause(client: Client):
    """Let the clients that CLIENT PAUSE holds go on. O(N) in paused clients."""
    client.node.pause.end()
    return "OK"


# ---- CLIENT TRACKING --------------------------------------------------------------------------------------


@command(
    "CLIENT TRACKING (ON|OFF) [REDIRECT client-id:int] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] "
    "[OPTOUT] [NOLOOP]",
    _OF_CONNECTION | SENTINEL,
    since="6.0.0",
    raw=True,
)
def client_tracking(client: Client, switch: bytes, *words: bytes):
    """Be told when keys change that this connection has read. O(1), or O(N) in prefixes."""
    mode, prefixes = _tracking_mode(client, words)
    if switch.upper() == b"ON":
        _check_tracking(client, mode, prefixes)
        mode.prefixes = dict.fromkeys(prefixes)
        client.node.tracking.start(client, mode)
    elif switch.upper() == b"OFF":
        client.node.tracking.stop(client)
    else:
        raise ReplyError(errors.SYNTAX)
    return "OK"


_TRACKING_SWITCHES = {b"BCAST": "broadcast", b"OPTIN": "opt_in", b"OPTOUT": "opt_out", b"NOLOOP": "no_loop"}


def _tracking_mode(client: Client, words: tuple[bytes, ...]) -> tuple[TrackingMode, list[bytes]]:
    """What the options ask for, and the prefixes among them."""
    mode = TrackingMode()
    prefixes = []
    rest = iter(words)
    for word in rest:
        option = word.upper()
        if option in _TRACKING_SWITCHES:
            setattr(mode, _TRACKING_SWITCHES[option], True)
            continue
        value = next(rest, None)
        if value is None or option not in (b"REDIRECT", b"PREFIX"):
            raise ReplyError(errors.SYNTAX)
        if option == b"PREFIX":
            prefixes.append(value)
            continue
        if mode.redirect:
            raise ReplyError("ERR A client can only redirect to a single other client")
        number = parse_integer(value)
        if number is None:
            raise ReplyError(errors.NOT_INTEGER)
        if number not in client.node.clients:
            raise ReplyError("ERR The client ID you want redirect to does not exist")
        mode.redirect = number
    return mode, prefixes


def _check_tracking(client: Client, mode: TrackingMode, prefixes: list[bytes]) -> None:
    """Raise the error for options that do not go together, or not with what is on already."""
    now = client.tracking
    if prefixes and not mode.broadcast:
        raise ReplyError("ERR PREFIX option requires BCAST mode to be enabled")
    if now is not None and now.broadcast != mode.broadcast:
        raise ReplyError(
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then "
            "re-enabling it with a different mode."
        )
    if mode.broadcast and (mode.opt_in or mode.opt_out):
        raise ReplyError("ERR OPTIN and OPTOUT are not compatible with BCAST")
    if mode.opt_in and mode.opt_out:
        raise ReplyError("ERR You can't specify both OPTIN mode and OPTOUT mode")
    if now is not None and ((mode.opt_in and now.opt_out) or (mode.opt_out and now.opt_in)):
        raise ReplyError(
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
            "re-enabling it with a different mode."
        )
    if mode.broadcast:
        client.node.tracking.check_prefixes(client, prefixes)


@command("CLIENT CACHING (YES|NO)", _OF_CONNECTION | SENTINEL, since="6.0.0")
def client_caching(client: Client, answer: bytes):
    """Remember the keys of the next command, or do not. O(1)."""
    mode = client.tracking
    if mode is None:
        raise ReplyError(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT "
            "mode enabled"
        )
    if answer.upper() not in (b"YES", b"NO"):
        raise ReplyError(errors.SYNTAX)
    wanted = answer.upper() == b"YES"
    if not (mode.opt_in if wanted else mode.opt_out):
        word, needed = ("YES", "OPTIN") if wanted else ("NO", "OPTOUT")
        reason = f"is only valid when tracking is enabled in {needed} mode."
        raise ReplyError(f"ERR CLIENT CACHING {word} {reason}")
    mode.caching = wanted
    return "OK"


@command("CLIENT TRACKINGINFO", _OF_CONNECTION | SENTINEL, since="6.2.0")
def client_trackinginfo(client: Client):
    """How this connection tracks. O(N) in prefixes."""
    mode = client.tracking
    if mode is None:
        return {b"flags": {b"off"}, b"redirect": -1, b"prefixes": []}
    flags = {
        b"on": True,
        b"bcast": mode.broadcast,
        b"optin": mode.opt_in,
        b"caching-yes": mode.opt_in and mode.caching is True,
        b"optout": mode.opt_out,
        b"caching-no": mode.opt_out and mode.caching is False,
        b"noloop": mode.no_loop,
        b"broken_redirect": mode.broken_redirect,
    }
    chosen = {flag: None for flag, holds in flags.items() if holds}
    return {b"flags": chosen.keys(), b"redirect": mode.redirect, b"prefixes": sorted(mode.prefixes)}
