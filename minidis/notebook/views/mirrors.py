"""A real server's keys, to be looked at: what it tells of them, loaded into a node of this kernel.

A server shows no pointers. But DUMP gives a value as the RDB file would hold it, and that is more than the
elements: the bytes of a listpack or an intset are the server's own, and so are the nodes of a quicklist, the
bits of a string, the macro nodes of a stream. RESTORE puts them into the mirror, and the views draw those.

    asked                 told
    DUMP key              the value, and the bytes of all that lies in one piece
    OBJECT ENCODING key   how the server holds it now; the mirror makes the same choice
    PTTL key              the time to live
    CONFIG GET *-max-*    the thresholds, where CONFIG is allowed
    DEBUG HTSTATS-KEY     how full a hash table is, where DEBUG is allowed
    INFO, SLOWLOG GET     where its time went (dashboards.py)
    CLIENT LIST           who is in MULTI, watches, or listens (transactions.py, fanouts.py)
    PUBSUB                which channels have listeners, and how many
    ACL DRYRUN, ACL LIST  who may do what (scorecards.py)

What no command tells: how high the towers of a skip list are, in which bucket of a hash table an element lies
(a seed of the server's decides), whether a table is being rehashed. There the picture is this kernel's, of
the same elements, and says so.

A cluster's keys are those of all its primaries, its clients and listeners those of all its nodes.

Differs: looking asks the server, so it counts as commands there; DUMP also counts as an access, except where
the server knows CLIENT NO-TOUCH (7.2).

Complexity: O(bytes of the keys looked at) for each drawing; of a whole keyspace the first 1000 keys.

Read next: sources.py, which chooses between a node and a mirror.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from minidis.commands.info_fields import assignments
from minidis.drivers.embedded import Embedded
from minidis.notebook.dangers import danger_of
from minidis.protocol.replies import ReplyError

MOST_KEYS = 1000
THRESHOLDS = ("*-max-*-entries", "*-max-*-value", "list-max-listpack-size", "list-compress-depth")
ENTRY_LIMITS = (
    "hash_max_listpack_entries",
    "zset_max_listpack_entries",
    "set_max_listpack_entries",
    "set_max_intset_entries",
)

TOLD = {
    "listpack": "by DUMP: the bytes are the server's own",
    "intset": "by DUMP: the bytes are the server's own",
    "quicklist": "by DUMP: nodes and bytes are the server's own",
    "bits": "by DUMP: the bits are the server's own",
    "hyperloglog": "by DUMP: the registers are the server's own",
    "stream": "by DUMP: macro nodes, groups and what is pending are the server's own",
    "payload": "by DUMP: the bytes are the server's own",
    "skiplist": "by DUMP: members and scores are the server's; the towers, which it does not tell, are ours",
    "hashtable": "by DUMP: the elements are the server's; the buckets, which it does not tell, are ours",
    "copy": "by DUMP: a copy; what is done to it stays here",
    "figures": "by INFO, SLOWLOG and LATENCY",
    "transactions": "by CLIENT LIST, which names neither watched keys nor queued commands",
    "subscriptions": "by PUBSUB and CLIENT LIST, which do not say who listens to what",
    "rights": "by ACL DRYRUN",
    "rules": "by ACL LIST: the rules are the server's, and judged here",
}
"""For each kind of picture how a server told it, and what it did not tell."""


TABLE_FIGURES = {
    "table size": "buckets",
    "number of elements": "elements",
    "number of entries": "elements",  # Valkey's word
    "different slots": "buckets in use",
    "max chain length": "longest chain",
}
_COLON = re.compile(r"^ ([a-z ]+):(.*)$", re.MULTILINE)


class Untold(ValueError):
    """A server does not tell what was asked for; the text says what, and what to do instead."""


class Mirror(Embedded):
    """A node that holds what `connection` (of minidis/notebook/targets.py) told of the keys looked at."""

    def __init__(self, target: Any, connection: Any) -> None:
        super().__init__(seed=0)
        self.client.user = self.node.users.new_superuser()  # `take_users` may leave `default` no rights
        self.client.update_gate()
        self.target = target
        self.server = connection
        self.encodings: dict[bytes, str] = {}
        self.payloads: dict[bytes, bytes] = {}
        connection.stop_touching()
        self._take_thresholds()

    def _take_thresholds(self) -> None:
        """The server's own, so that a value gets the same encoding; an unknown one keeps the default."""
        for pattern in THRESHOLDS:
            try:
                words = self.server.call([b"CONFIG", b"GET", pattern.encode()])
            except ReplyError:  # a managed service
                return
            for name, value in zip(words[::2], words[1::2], strict=True):
                with suppress(ReplyError):
                    self.execute("CONFIG", "SET", name, value)

    def look_at(self, keys: Iterable[bytes] | None, database: int = 0) -> None:
        """Bring these keys, or (None) the database's first 1000, up to date.  Raises Untold, TargetError."""
        if database != self.server.database:
            self.server.call([b"SELECT", b"%d" % database])
            self.payloads.clear()  # keys of the same names are others there
            self.encodings.clear()
        if keys is None:
            try:
                keys = self.target.live_keys(self.server, b"", MOST_KEYS)
            except ReplyError as error:
                raise Untold(self.refusal([b"SCAN"], error)) from None
            self._forget(set(self.node.databases[database].table) - set(keys), database)
        if keys and self.target.is_imitation:
            raise Untold(f"{self.target.name} keeps Python objects: there are no bytes to draw")
        for key in keys:
            self._fetch(key, database)

    def _fetch(self, key: bytes, database: int) -> None:
        asked = [[b"DUMP", key], [b"PTTL", key], [b"OBJECT", b"ENCODING", key]]
        payload, left_ms, encoding = self.server.call_many(asked)
        if isinstance(payload, ReplyError):
            raise Untold(f"{self.target.name} does not dump {key!r}: {payload}")
        if payload is None or left_ms == -2:
            self._forget({key}, database)
            return
        told = encoding.decode() if isinstance(encoding, bytes) else ""
        if payload != self.payloads.get(key) or told != self.encodings.get(key):
            self._restore(key, payload, told, database)
        self.payloads[key], self.encodings[key] = payload, told
        self.client.db = self.node.databases[database]
        self.execute("PEXPIRE", key, left_ms) if left_ms > 0 else self.execute("PERSIST", key)

    def _restore(self, key: bytes, payload: bytes, encoding: str, database: int) -> None:
        self.client.db = self.node.databases[database]
        try:
            self.execute("RESTORE", key, 0, payload, "REPLACE")
            kept = self.execute("OBJECT", "ENCODING", key)
            if encoding == "raw":
                self.execute("APPEND", key, b"")  # it was written into: short, but no embstr any more
            elif kept != encoding.encode():
                with self._no_small_forms():  # it was large once: a table stays a table there
                    self.execute("RESTORE", key, 0, payload, "REPLACE")
        except ReplyError as error:
            raise Untold(f"what {self.target.name} dumps of {key!r} cannot be read here: {error}") from None

    @contextmanager
    def _no_small_forms(self) -> Iterator[None]:
        encodings = self.node.encodings
        before = {name: getattr(encodings, name) for name in ENTRY_LIMITS}
        for name in ENTRY_LIMITS:
            setattr(encodings, name, 0)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(encodings, name, value)

    def _forget(self, keys: set[bytes], database: int) -> None:
        self.client.db = self.node.databases[database]
        for key in keys:
            self.execute("DEL", key)
            self.payloads.pop(key, None)
            self.encodings.pop(key, None)

    def ask(self, *words: bytes) -> Any:
        """What the server (of a cluster: one of the nodes) answers.  Raises Untold."""
        try:
            return self.server.call([*words])
        except ReplyError as error:
            raise Untold(self.refusal(words, error)) from None

    def ask_each(self, *words: bytes) -> dict[str, Any]:
        """What each of its nodes answers, by address: one, or those of a cluster.  Raises Untold."""
        try:
            return self.server.call_each([*words])
        except ReplyError as error:
            raise Untold(self.refusal(words, error)) from None

    def only_of(self) -> list[str]:
        """A line that says which node of a cluster `ask` asks; of a single server, none."""
        node = self.server.last_node
        return [f"only of {node}, one of the cluster's nodes"] if node else []

    def refusal(self, words: Sequence[bytes], error: ReplyError) -> str:
        return f"{self.target.name} does not answer {b' '.join(words[:2]).decode()}: {error}"

    def clients(self) -> list[dict[str, str]]:
        """The fields of CLIENT LIST for each client of each node, and who that is ("who").  Raises Untold."""
        if self.target.is_imitation:
            raise Untold(f"{self.target.name} does not tell what its clients are doing")
        listed = self.ask_each(b"CLIENT", b"LIST")
        clients = []
        for address, lines in listed.items():
            place = f" at {address}" if len(listed) > 1 else ""
            for line in lines.splitlines():  # of text a U+2028 in a name would end a line, too
                fields = assignments(line.decode("utf-8", "surrogateescape"), " ")
                clients.append(fields | {"who": (fields["name"] or f"client {fields['id']}") + place})
        return sorted(clients, key=lambda fields: fields["who"])

    def take_users(self) -> None:
        """Give this node the server's users, with their rules.  Raises Untold."""
        for line in self.ask(b"ACL", b"LIST"):
            _, name, *rules = line.split()
            try:
                self.execute("ACL", "SETUSER", name, "reset", *rules)
            except ReplyError as error:
                raise Untold(f"the rules of {self.target.name} cannot be read here: {error}") from None

    def bytes_of(self, words: list[bytes], protocol: int) -> tuple[bytes, bytes]:
        """Send a command: the bytes that went, and those that came.  Raises Untold for a dangerous one."""
        danger = danger_of(words)
        if danger is not None and self.server.asks_first:
            raise Untold(f"{danger}: on {self.target.name} a view does not send it")
        self.server.use_protocol(protocol)
        with suppress(ReplyError):
            self.server.call(words)
        exchanged = self.server.request_bytes, self.server.reply_bytes
        self.server.use_protocol(2)
        return exchanged

    def origin(self, keys: Iterable[bytes] | None, kind: str) -> list[str]:
        """Where a picture comes from, and what in it is not the server's: a line or two."""
        lines = [f"from {self.target.name} {TOLD.get(kind, TOLD['copy'])}"]
        for key in keys or ():
            here = self.execute("OBJECT", "ENCODING", key) if key in self.encodings else None
            there = self.encodings.get(key, "")
            if here is not None and here.decode() != there:
                lines.append(f"there it is kept as {there or 'it does not tell'}, here as {here.decode()}")
            if kind in ("hashtable", "skiplist") and there in ("hashtable", "skiplist"):
                lines += self._tables(key)
        return lines

    def _tables(self, key: bytes) -> list[str]:
        """How full its hash tables are, where DEBUG is allowed; nothing, where it is not."""
        try:
            said = self.server.call([b"DEBUG", b"HTSTATS-KEY", key])
        except ReplyError:
            return []
        tables = []
        for figures in bytes(said).decode().split("Hash table ")[1:]:
            known = {name.strip(): value.strip() for name, value in _COLON.findall(figures)}
            parts = [f"{word} {known[name]}" for name, word in TABLE_FIGURES.items() if name in known]
            tables += [", ".join(parts)] if parts else []  # of an empty table nothing is told
        words = "; it is being rehashed, into ".join(tables)
        return [f"there, by DEBUG HTSTATS-KEY: {words}"] if tables else []
