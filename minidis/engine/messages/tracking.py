"""Client-side caching: the server remembers who read what, and says when it is no longer true.

    ada: CLIENT TRACKING ON         ada: GET a -> 1      keys {a: {ada}}      ada keeps 1 in her own memory
    bob: SET a 2                    -> ada is pushed  invalidate [a]          keys {}
    bob: SET a 3                    nothing: ada has been told, and hasn't read it again

Two ways to know whom to tell. By default the node keeps, for each key that a tracking client read, the
clients that did: memory here, no needless message there. In BCAST mode it keeps nothing but the prefixes that
a client asked for, and tells it of every change under them, whether it read the key or not; once for all that
changed in a turn of the event loop, however many clients changed it.

RESP3 has pushes for these messages. A RESP2 client names another connection (REDIRECT) that has subscribed
to the channel ``__redis__:invalidate``. OPTIN and OPTOUT remember only, or all but, the commands after a
CLIENT CACHING; NOLOOP spares a client the news of its own changes. A key has one name here in all databases.

Nobody tracks, nothing is paid: `node.gated` and `node.observed` are raised by the first client that does.

Mirrors: tracking.c.
Differs: when nobody tracks any more, all is forgotten; when the table is full (tracking-table-max-keys) the
oldest key is given up, not one by lot. In process, where there are no turns, BCAST messages go out after each
command.
Complexity: reading O(keys of the command), changing a key O(clients that read it + prefixes).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> ada = redis.connect("ada")
>>> for line in ("HELLO 3", "CLIENT TRACKING ON", "GET a"): _ = redis.execute(*line.split(), client=ada)
>>> redis.execute("SET", "a", "2"), redis.wait(ada)
('OK', Push([b'invalidate', [b'a']]))

Read next: minidis/commands/clients.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.engine import errors
from minidis.engine.command_table.keyaccess import keys_of_request
from minidis.engine.command_table.keyspecs import BadKeys
from minidis.engine.command_table.registry import Command, Flag
from minidis.protocol.replies import Push, ReplyError
from minidis.structures.record import field, record

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.node import Node

CHANNEL = b"__redis__:invalidate"

SCRIPTS = ("eval_ro", "evalsha_ro", "fcall_ro")

NOBODYS_DOING = ("expired", "evicted")
"""What happens to a key while some client's command runs, or none: NOLOOP keeps no broadcast of it back."""

SAID_OTHERWISE = ("flush", "swapdb")
"""Events of single keys that are not passed on: FLUSHALL is one message, and SWAPDB is none in Redis."""

OVERLAP = "ERR Prefix '{}' overlaps with {} prefix '{}'. Prefixes for a single client must not overlap."


@record
class TrackingMode:
    """What one client asked for.  `caching` is CLIENT CACHING's answer for the next command."""

    redirect: int = 0
    broadcast: bool = False
    opt_in: bool = False
    opt_out: bool = False
    no_loop: bool = False
    prefixes: dict[bytes, None] = field(default_factory=dict)
    caching: bool | None = None
    broken_redirect: bool = False

    @property
    def remembers(self) -> bool:
        """True if the keys of the next reading command must be remembered."""
        if self.broadcast:
            return False
        return self.caching is True if self.opt_in else self.caching is not False


@record
class Audience:
    """Those in BCAST mode who asked for one prefix, and the keys changed there since the last message.

    With each key stands who changed it last; None: time, want of memory, or a script.
    """

    clients: dict[int, None] = field(default_factory=dict)
    changed: dict[bytes, Client | None] = field(default_factory=dict)


class Tracking:
    """Who must be told of which key.

    A driver that has turns says so by `has_turns`, and calls the node's `before_sleep` at the end of each.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.clients: dict[int, Client] = {}  # all that track
        self.keys: dict[bytes, dict[int, None]] = {}  # key -> the clients that read it
        self.prefixes: dict[bytes, Audience] = {}  # of the clients in BCAST mode
        self.items = 0  # pairs of key and client in `keys`
        self.has_turns = False  # the driver's
        self.owes_broadcast = False  # some audience has not been told yet
        self.own_news: list[tuple[Client, TrackingMode, list[bytes] | None]] = []  # for after its reply

    # -- on and off -------------------------------------------------------------------------------

    def start(self, client: Client, mode: TrackingMode) -> None:
        """Track for `client`.  Of a client that tracks already, the prefixes and its last CACHING stay."""
        if mode.broadcast and not mode.prefixes:
            mode.prefixes = {b"": None}
        if client.tracking is not None:
            mode.prefixes = client.tracking.prefixes | mode.prefixes
            mode.caching = client.tracking.caching
        for prefix in mode.prefixes:
            self.prefixes.setdefault(prefix, Audience()).clients[client.id] = None
        client.tracking = mode
        self.clients[client.id] = client
        client.update_gate()
        self.node.update_observed()

    def stop(self, client: Client) -> None:
        """Track no more.  What the client has read is forgotten when the key changes."""
        if client.tracking is None:
            return
        for prefix in client.tracking.prefixes:
            clients = self.prefixes[prefix].clients
            del clients[client.id]
            if not clients:
                del self.prefixes[prefix]  # nobody will ask what has changed there
        client.tracking = None
        del self.clients[client.id]
        if not self.clients:  # nobody is left who could be told
            self.keys.clear()
            self.items = 0
        client.update_gate()
        self.node.update_observed()

    def check_prefixes(self, client: Client, wanted: list[bytes]) -> None:
        """Raise the error for prefixes of which one begins another: a change would be told twice."""
        existing = sorted(client.tracking.prefixes) if client.tracking is not None else []
        for at, prefix in enumerate(wanted):
            others = [(other, "an existing") for other in existing]
            others += [(other, "another provided") for other in wanted[at + 1 :]]
            for other, which in others:
                if prefix.startswith(other) or other.startswith(prefix):
                    raise ReplyError(OVERLAP.format(errors.shown(prefix), which, errors.shown(other)))

    # -- a command runs ---------------------------------------------------------------------------

    def remember(self, client: Client, command: Command, argv: list[bytes]) -> None:
        """`client` has run a command that reads: it may keep what it was answered."""
        mode = client.tracking
        if mode is None or not mode.remembers or not command.flags & Flag.READONLY:
            return
        if command.name in SCRIPTS:  # the commands that they run are looked at instead
            return
        for key in command_keys(command, argv):
            clients = self.keys.setdefault(key, {})
            if client.id not in clients:
                clients[client.id] = None
                self.items += 1
        self.trim()

    def trim(self) -> None:
        """Let go of keys, and tell who has read them, until the table is within its limit."""
        limit = self.node.config.tracking_table_max_keys
        while limit and len(self.keys) > limit:
            self._tell_readers(next(iter(self.keys)), None)

    def command_ended(self, client: Client, command: Command) -> None:
        """Send what has piled up; CLIENT CACHING was meant for one command, or one transaction.

        Nothing is sent after a command that was served in the midst of another client's slow script.
        """
        if self.node.current_client is None:
            if self.own_news:
                self._send_own_news()
            if self.owes_broadcast and not self.has_turns:
                self.broadcast()
        mode = client.tracking
        if mode is not None and mode.caching is not None and client.transaction is None:
            if not command.name.startswith("client|"):
                mode.caching = None

    def _send_own_news(self) -> None:
        news, self.own_news = self.own_news, []
        for client, mode, keys in news:
            if not client.closed:
                now = client.tracking or mode  # perhaps it tracks no more, by this very EXEC
                self._send(client, now, keys)

    # -- a key changes ----------------------------------------------------------------------------

    def key_changed(self, key: bytes, event: str) -> None:
        """A key was touched, expired or evicted."""
        if event in SAID_OTHERWISE:
            return
        if self.prefixes:
            self._remember_to_broadcast(key, event)
        if key in self.keys:
            self._tell_readers(key, self.node.current_client)

    def _remember_to_broadcast(self, key: bytes, event: str) -> None:
        """Redis passes on who changed a key: for a script a client of its own, so that NOLOOP misses it."""
        scripting = self.node.scripting
        is_own = event not in NOBODYS_DOING and (scripting is None or scripting.run is None)
        changer = self.node.current_client if is_own else None
        for prefix, audience in self.prefixes.items():
            if key.startswith(prefix):
                audience.changed[key] = changer
                self.owes_broadcast = True

    def flushed(self) -> None:
        """All keys are gone: one message with null instead of the keys, to everyone."""
        for client in tuple(self.clients.values()):
            self._tell(client, None)
        self.keys.clear()
        self.items = 0

    def broadcast(self) -> None:
        """One message for each prefix and client: the keys under it that changed."""
        self.owes_broadcast = False
        for _, audience in sorted(self.prefixes.items()):
            changed, audience.changed = audience.changed, {}
            keys = sorted(changed)
            for client_id in tuple(audience.clients) if keys else ():
                client = self.clients.get(client_id)
                if (
                    client is None or client.tracking is None
                ):  # a replica: the message before has hung up on it
                    continue
                mode = client.tracking
                news = [key for key in keys if changed[key] is not client] if mode.no_loop else keys
                if news:
                    self._send(client, mode, news)

    def _tell_readers(self, key: bytes, changer: Client | None) -> None:
        readers = self.keys.pop(key)
        self.items -= len(readers)
        for client_id in readers:
            client = self.clients.get(client_id)
            if client is None or client.tracking is None or client.tracking.broadcast:
                continue
            if not (client.tracking.no_loop and client is changer):
                self._tell(client, [key])

    def _tell(self, client: Client, keys: list[bytes] | None) -> None:
        """Send, at once or after the reply of the client's own command."""
        mode = client.tracking
        if mode is None:  # a replica, which the message before has hung up on
            return
        if client is self.node.current_client:
            self.own_news.append((client, mode, keys))
        else:
            self._send(client, mode, keys)

    def _send(self, client: Client, mode: TrackingMode, keys: list[bytes] | None) -> None:
        receiver = self.node.clients.get(mode.redirect) if mode.redirect else client
        if receiver is None:
            mode.broken_redirect = True
            if client.protocol >= 3:
                client.deliver(Push([b"tracking-redir-broken", mode.redirect]))
            return
        if receiver.protocol >= 3:
            receiver.deliver(Push([b"invalidate", keys]))
        elif mode.redirect and len(receiver.subscriptions):
            receiver.deliver(Push([b"message", CHANNEL, keys]))


def command_keys(command: Command, argv: list[bytes]) -> list[bytes]:
    """The keys that a request names; none where its arguments make no sense."""
    try:
        return [argv[at] for at, _ in keys_of_request(command, argv)]
    except (BadKeys, ReplyError):
        return []
