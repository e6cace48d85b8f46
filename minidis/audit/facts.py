"""What a node says of itself, asked once: the ground that all checks stand on.

    info       INFO's fields, and what it counts per command and per kind of error
    config     every directive, where CONFIG is allowed
    users      which users exist, who is connected as whom, what `default` may do
    keys       a sample of keys: type, time to live, size, the first bytes of a string

What could not be learnt is in `refusals`; `Facts.need` turns it into the verdict *cannot tell*.

Complexity: O(sampled keys); five trips, and three for every hundred keys.

Read next: practices.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from minidis.audit.line import Line, Words
from minidis.audit.locks import Hold, holds_of, is_lock
from minidis.audit.traffic import Request
from minidis.commands.info_fields import assignments, parse_info
from minidis.protocol.replies import ReplyError

MOST_KEYS = 1000
"""So many keys are looked at; of a larger dataset that is a sample, and the evidence says so."""

SCAN_COUNT = 100
HEAD_BYTES = 64

ATTACKS: dict[str, Words] = {
    "CONFIG SET": ("CONFIG", "SET", "maxmemory", "1"),
    "REPLICAOF": ("REPLICAOF", "192.0.2.1", "6379"),
    "MODULE LOAD": ("MODULE", "LOAD", "/tmp/x.so"),
    "DEBUG": ("DEBUG", "SLEEP", "0"),
    "FLUSHALL": ("FLUSHALL",),
    "SHUTDOWN": ("SHUTDOWN",),
    "ACL SETUSER": ("ACL", "SETUSER", "mallory"),
    "KEYS": ("KEYS", "*"),
}
"""What a stranger would try first; asked with ACL DRYRUN, so nothing of it happens."""


class CannotTell(Exception):
    """A check has no ground to stand on; the text says what is missing."""


@dataclass(frozen=True)
class Key:
    """One sampled key.  `ttl_ms` is None where it never expires; `head` is a string's first bytes."""

    name: str
    database: int
    type: str
    ttl_ms: int | None
    size_bytes: int
    head: bytes = b""


@dataclass
class Facts:
    """Everything that the checks may look at."""

    info: dict[str, str]
    config: dict[str, str]
    keys: list[Key]
    users: list[str]
    clients: list[dict[str, str]]
    may_do: dict[str, list[str]]
    default_user: dict[str, Any]
    slow: list[tuple[int, str]]
    cluster_state: str
    refusals: dict[str, str]
    traffic: list[Request] = field(default_factory=list)
    has_traffic: bool = False
    holds: list[Hold] = field(default_factory=list)

    # -- figures ----------------------------------------------------------------------------------

    def number(self, name: str) -> float:
        """A field of INFO.  Raises CannotTell where this server has none."""
        self.need("INFO")
        try:
            return float(self.info[name])
        except (KeyError, ValueError):
            raise CannotTell(f"this server's INFO has no {name}") from None

    def setting(self, name: str) -> str:
        """A directive.  Raises CannotTell where CONFIG is refused or does not know it."""
        self.need("CONFIG GET")
        if name not in self.config:
            raise CannotTell(f"this server has no setting {name}")
        return self.config[name]

    def calls(self, *names: str) -> int:
        """How often these commands were run since the start; `config` is all its subcommands together."""
        self.need("INFO")
        total = 0
        for name, text in self.info.items():
            command = name.removeprefix("cmdstat_")
            if name != command and command.partition("|")[0] in names:
                total += int(assignments(text).get("calls", 0))
        return total

    def errors(self, *kinds: str) -> int:
        """How many error replies of these kinds were given since the start; no kind: all."""
        self.need("INFO")
        total = 0
        for name, text in self.info.items():
            if name.startswith("errorstat_") and (not kinds or name.removeprefix("errorstat_") in kinds):
                total += int(assignments(text).get("count", 0))
        return total

    @property
    def commands(self) -> int:
        return int(self.number("total_commands_processed"))

    @property
    def key_count(self) -> int:
        self.need("INFO")
        fields = (assignments(text) for name, text in self.info.items() if re.fullmatch(r"db\d+", name))
        return sum(int(found.get("keys", 0)) for found in fields)

    # -- keys -------------------------------------------------------------------------------------

    def sampled(self) -> list[Key]:
        """The sample.  Raises CannotTell where it is empty."""
        self.need("SCAN")
        if not self.keys:
            raise CannotTell("there are no keys to look at")
        return self.keys

    @property
    def sample_text(self) -> str:
        looked = len(self.keys)
        if "INFO" in self.refusals:
            return f"{looked} keys of one database"
        there = self.key_count
        return f"{looked} keys" if looked >= there else f"a sample of {looked} of {there} keys"

    @property
    def locks(self) -> list[Key]:
        return [key for key in self.keys if is_lock(key.name)]

    # -- traffic ----------------------------------------------------------------------------------

    def need(self, what: str) -> None:
        """Raises CannotTell where `what` was refused."""
        if what in self.refusals:
            raise CannotTell(f"{what} was refused: {self.refusals[what]}")

    def need_traffic(self) -> list[Request]:
        if not self.has_traffic:
            raise CannotTell("the server keeps no record of this; give the audit MONITOR's lines")
        return self.traffic

    def need_holds(self) -> list[Hold]:
        self.need_traffic()
        if not self.holds:
            raise CannotTell(
                "no lock was taken in this traffic (a lock is told by its name: lock, mutex, lease)"
            )
        return self.holds


def learn(line: Line, traffic: Iterable[Request] | None = None) -> Facts:
    """Ask everything."""
    line.ask("CLIENT", "NO-TOUCH", "ON")  # since 7.2: our reading then leaves no access times
    refusals: dict[str, str] = {}

    def told(what: str, reply: Any, instead: Any) -> Any:
        if isinstance(reply, ReplyError):
            refusals[what] = str(reply)
            return instead
        return reply

    info, config, users, clients, default, slow, cluster = line.ask_many(
        [
            ("INFO", "everything"),
            ("CONFIG", "GET", "*"),
            ("ACL", "USERS"),
            ("CLIENT", "LIST"),
            ("ACL", "GETUSER", "default"),
            ("SLOWLOG", "GET", 32),
            ("CLUSTER", "INFO"),
        ]
    )
    listed = [assignments(one, " ") for one in _text(told("CLIENT LIST", clients, b"")).splitlines()]
    others = [one for one in listed if not one.get("cmd", "").startswith("client|list")]  # that is the audit
    names = [_text(name) for name in told("ACL USERS", users, [])]
    fields = parse_info(_text(told("INFO", info, b"")))
    requests = list(traffic or ())
    return Facts(
        info=fields,
        config={_text(n): _text(v) for n, v in _pairs(told("CONFIG GET", config, [])).items()},
        keys=_sample(line, fields, refusals),
        users=names,
        clients=others,
        may_do=_allowed_attacks(line, names, refusals),
        default_user={_text(n): v for n, v in _pairs(told("ACL GETUSER", default, [])).items()},
        slow=[(int(entry[2]), _text(b" ".join(entry[3]))) for entry in told("SLOWLOG GET", slow, [])],
        cluster_state=parse_info(_text(cluster)).get("cluster_state", "unknown"),
        refusals=refusals,
        traffic=requests,
        has_traffic=traffic is not None,
        holds=holds_of(requests),
    )


def _allowed_attacks(line: Line, users: list[str], refusals: dict[str, str]) -> dict[str, list[str]]:
    """For each user, which of the ATTACKS he may do."""
    allowed: dict[str, list[str]] = {}
    for user in users:
        verdicts = line.ask_many([("ACL", "DRYRUN", user, *words) for words in ATTACKS.values()])
        if all(isinstance(verdict, ReplyError) for verdict in verdicts):
            refusals["ACL DRYRUN"] = str(verdicts[0])
        allowed[user] = [
            name for name, verdict in zip(ATTACKS, verdicts, strict=True) if verdict in ("OK", b"OK")
        ]
    return allowed


# -- the sample ------------------------------------------------------------------------------------


def _sample(line: Line, info: dict[str, str], refusals: dict[str, str]) -> list[Key]:
    """Up to MOST_KEYS keys of all databases."""
    found: list[Key] = []
    databases = sorted(int(name[2:]) for name in info if re.fullmatch(r"db\d+", name))
    if "INFO" in refusals:
        databases = [0]  # the connection's own, whichever that is
    for database in databases:
        if len(databases) > 1 or database:
            line.ask("SELECT", database)
        cursor = b"0"
        while len(found) < MOST_KEYS:
            reply = line.ask("SCAN", cursor, "COUNT", SCAN_COUNT)
            if isinstance(reply, ReplyError):
                refusals["SCAN"] = str(reply)
                return found
            cursor, names = reply
            found += _looked_at(line, database, names[: MOST_KEYS - len(found)])
            if cursor in (b"0", 0):
                break
    return list({(key.database, key.name): key for key in found}.values())  # SCAN may show a key twice


def _looked_at(line: Line, database: int, names: list[bytes]) -> list[Key]:
    types = [_text(reply) for reply in line.ask_many([("TYPE", name) for name in names])]
    facts = line.ask_many(
        [question for name in names for question in (("PTTL", name), ("MEMORY", "USAGE", name))]
    )
    strings = [name for name, kind in zip(names, types, strict=True) if kind == "string"]
    heads = dict(
        zip(
            strings,
            line.ask_many([("GETRANGE", name, 0, HEAD_BYTES - 1) for name in strings]) if strings else [],
            strict=True,
        )
    )
    found = []
    for at, (name, kind) in enumerate(zip(names, types, strict=True)):
        ttl_ms, size = facts[2 * at], facts[2 * at + 1]
        if isinstance(ttl_ms, ReplyError) or ttl_ms == -2 or kind == "none":
            continue  # it has gone meanwhile, or may not be read
        head = heads.get(name, b"")
        found.append(
            Key(
                _text(name),
                database,
                kind,
                None if ttl_ms == -1 else ttl_ms,
                size if isinstance(size, int) else 0,
                head if isinstance(head, bytes) else b"",
            )
        )
    return found


# -- texts ------------------------------------------------------------------------------------------


def _text(data: Any) -> str:
    return data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else str(data)


def _pairs(reply: Any) -> dict[Any, Any]:
    """A map, however the protocol sent it."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
