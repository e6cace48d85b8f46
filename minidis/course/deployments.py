"""redis.conf files on the lab's machines, and what must hold for each of three kinds when things go wrong.

    start(lab, "a", text)             a node as this file makes it: settings, renamed commands, users
    try_cache(text, password)         a cache: filled five times over, restarted, a stranger comes
    try_durable(text, password)       a power cut, a full memory, a full disk, FLUSHALL by mistake
    try_replica(text, primary, ...)   follows a primary that asks for a password, takes over, is cut off

Each `try_` answers its trials one by one; a trial says what was done, what came out and what was due. A file
that the server refuses raises ConfigFileError, with the line.

Read next: minidis/engine/settings/config_file.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from minidis.client.lab import Lab
from minidis.engine.node import Node
from minidis.engine.settings.config import BY_NAME
from minidis.engine.settings.config_file import Settings, rename_commands
from minidis.protocol.replies import ReplyError

CONF = "redis.conf"
ERASERS = ("FLUSHALL", "FLUSHDB")
MB = 2**20


@dataclass(frozen=True)
class Trial:
    """One fault: what was done, what came, what was due, and whether that is the same."""

    name: str
    passed: bool
    came: str
    due: str

    def __str__(self) -> str:
        return f"{'✓' if self.passed else '✗'} {self.name}: {self.came}"


def settings_of(text: str) -> Settings:
    """A file's settings.  Raises ConfigFileError with the line that cannot be used."""
    settings = Settings()
    settings.load(text.encode())
    settings.check()
    return settings


def start(lab: Lab, name: str, text: str) -> None:
    """A machine of the lab on which a server was started with this file; each restart reads it again."""
    settings_of(text)  # what cannot be used is refused before there is a machine

    def make(process: Any) -> Node:
        if lab.disks[name].size(CONF) is None:
            edit(lab, name, text)
        settings = settings_of(lab.disks[name].read(CONF).decode())
        values = {**settings.values, "port": "6379"}
        node = Node(values, process.clock, process.random(), disk=lab.disks[name])
        node.config_file = CONF
        rename_commands(node.commands, settings.renamed)
        for user, rules in settings.users.items():
            node.users.define(user, rules)
        return node

    lab.node(name, make_node=make)


def edit(lab: Lab, name: str, text: str) -> None:
    """Write a machine's redis.conf; the server reads it when it starts again."""
    disk = lab.disks[name]
    disk.create(CONF)
    disk.append(CONF, text.encode())
    disk.sync(CONF)
    disk.sync_folder(".")


class Operator:
    """Somebody with the password at a node of the lab; an error reply is a value."""

    def __init__(self, lab: Lab, node: str, password: str) -> None:
        self.lab, self.node, self.password = lab, node, password
        reply = self.log_in()
        self.comes_in = Trial("a client with the password", reply == "OK", f"AUTH -> {reply}", "OK")

    def log_in(self) -> Any:
        return self("AUTH", self.password)

    def __call__(self, *words: Any) -> Any:
        try:
            return self.lab.call(self.node, *words)
        except ReplyError as error:
            return error
        except ConnectionError as error:  # who is not logged in may not send much
            return ReplyError(str(error))

    def number(self, field: str) -> int:
        """A field of INFO."""
        text = self("INFO", "everything")
        lines = text.decode().splitlines() if isinstance(text, bytes) else []
        return int(next((line.split(":")[1] for line in lines if line.startswith(f"{field}:")), -1))


def try_cache(text: str, password: str) -> list[Trial]:
    """A cache: bounded, evicting, nothing on disk."""
    lab = Lab(seed=1)
    start(lab, "cache", text)
    stranger = _stranger(lab, "cache")
    operator = Operator(lab, "cache", password)
    limit = int(lab["cache"].config.maxmemory)
    errors, written = [], 0
    if 0 < limit <= 64 * MB:
        size = max(1000, limit // 30)
        for number in range(150):
            reply = operator("SET", f"page:{number}", "x" * size)
            errors += [str(reply)] if isinstance(reply, ReplyError) else []
            written += not isinstance(reply, ReplyError)
    used, evicted = operator.number("used_memory"), operator.number("evicted_keys")
    filled = 0 < limit <= 64 * MB and not errors and evicted > 0 and used <= limit * 1.1
    lab.run("5s")
    files = [name for name in lab.disks["cache"].durable_names() if name.endswith((".rdb", ".aof"))]
    lab.kill("cache")
    lab.restart("cache")
    lab.run("1s")
    operator.log_in()
    return [
        stranger,
        operator.comes_in,
        Trial(
            "filled five times over, keys with no time to live",
            filled,
            errors[0]
            if errors
            else f"maxmemory {limit}, {used} in use, {evicted} evicted, {written} written",
            "maxmemory of at most 64mb, and old keys make room (of all keys, not only those that expire)",
        ),
        Trial(
            "what is on the disk after 150 writes",
            not files,
            ", ".join(files) or "nothing",
            "nothing: no snapshots, no append-only file, so no forks and a restart at once",
        ),
        Trial("restarted", operator("PING") == "PONG", str(operator("PING")), "PONG"),
        _erasers_are_gone(operator),
    ]


def try_durable(text: str, password: str) -> list[Trial]:
    """A store: what was acknowledged stays, but for the last second."""
    lab = Lab(seed=2)
    start(lab, "store", text)
    stranger = _stranger(lab, "store")
    operator = Operator(lab, "store", password)
    trials = [stranger, operator.comes_in, _erasers_are_gone(operator)]
    trials.append(_power_cuts(lab, operator))
    trials.append(_nothing_is_evicted(operator, int(lab["store"].config.maxmemory)))
    points = lab["store"].config.show(BY_NAME["save"])
    trials.append(
        Trial(
            "a copy to carry away: save points",
            bool(points),
            f"save {points or 'never'}",
            "a snapshot beside the log: one file that backups can take",
        )
    )
    return trials


def _power_cuts(lab: Lab, operator: Operator) -> Trial:
    """Ten writes a second; the plug is pulled three times."""
    luck, worst = Random(7), 0
    for cut in range(3):
        acknowledged = []
        for number in range(luck.randrange(25, 40)):
            if operator("SET", f"order:{cut}:{number}", "x") == "OK":
                acknowledged.append(f"order:{cut}:{number}")
            lab.run("0.1s")
        lab.power_cut(operator.node)
        lab.restart(operator.node)
        lab.run("1s")
        operator.log_in()
        lost = [key for key in acknowledged if operator("EXISTS", key) != 1]
        worst = max(worst, len(lost) if acknowledged else 99)
    return Trial(
        "three power cuts, ten writes a second",
        worst <= 20,
        f"at worst {worst} acknowledged writes were lost" if worst < 99 else "no write was acknowledged",
        "no more than those of the last second or two",
    )


def _nothing_is_evicted(operator: Operator, limit: int) -> Trial:
    name, due = (
        "memory is full",
        "OOM for new writes, all acknowledged keys there: noeviction, maxmemory <= 64mb",
    )
    if not 0 < limit <= 64 * MB:
        return Trial(name, False, f"maxmemory is {limit}", due)
    size, kept, refused = max(1000, limit // 60), [], ""
    for number in range(120):
        reply = operator("SET", f"big:{number}", "x" * size, "EX", 3600)
        if isinstance(reply, ReplyError):
            refused = str(reply)
            break
        kept.append(f"big:{number}")
    gone = [key for key in kept if operator("EXISTS", key) != 1]
    came = f"{len(gone)} acknowledged keys gone; then {refused[:40] or 'no refusal'}"
    return Trial(name, refused.startswith("OOM") and not gone, came, due)


def try_replica(text: str, primary: str, password: str) -> list[Trial]:
    """A replica of the machine `primary`, which is a durable server with this password."""
    lab = Lab(seed=3)
    start(
        lab,
        primary,
        f"requirepass {password}\nmasterauth {password}\nappendonly yes\nrepl-diskless-sync-delay 0\n",
    )
    at_primary = Operator(lab, primary, password)
    start(lab, "replica", text)
    stranger = _stranger(lab, "replica")
    operator = Operator(lab, "replica", password)
    lab.run("3s")
    at_primary("SET", "order:1", "x")
    lab.run("1s")
    role, follows, write = operator("ROLE"), operator("GET", "order:1"), operator("SET", "order:2", "x")
    trials = [
        stranger,
        operator.comes_in,
        Trial(
            "follows a primary that asks for a password",
            follows == b"x",
            f"{role[0].decode()}, {role[3].decode()}; GET order:1 -> {follows}"
            if isinstance(role, list) and len(role) > 3
            else f"ROLE -> {role}",
            f"replicaof {primary} 6379, and masterauth: the write arrives",
        ),
        Trial(
            "somebody writes to it",
            str(write).startswith("READONLY"),
            str(write),
            "READONLY",
        ),
    ]
    lab.kill(primary)
    operator("REPLICAOF", "NO", "ONE")
    written = operator("SET", "order:3", "x")
    lab.run("3s")
    trials.append(_erasers_are_gone(operator, "promoted: "))
    lab.power_cut("replica")
    lab.restart("replica")
    lab.run("1s")
    operator.log_in()
    kept = {key: operator("GET", key) for key in ("order:1", "order:3")}
    trials.append(
        Trial(
            "promoted, written to, then a power cut 3 s later",
            written == "OK" and set(kept.values()) == {b"x"},
            f"SET {written}; afterwards {kept}",
            "both orders: a replica that may take over needs the primary's durability",
        )
    )
    return trials


# -- what all three share ------------------------------------------------------------------------------


def _stranger(lab: Lab, node: str) -> Trial:
    """Somebody without a password asks for a key."""
    try:
        reply: Any = lab.call(node, "GET", "secret")
    except ReplyError as error:
        reply = error
    return Trial(
        "a stranger without a password",
        str(reply).startswith("NOAUTH"),
        f"GET -> {reply}",
        "NOAUTH Authentication required.",
    )


def _erasers_are_gone(operator: Operator, when: str = "") -> Trial:
    """An application, with the password, sends FLUSHALL."""
    is_there = operator("SET", "precious", "x") == "OK"
    replies = {name: operator(name) for name in ERASERS}
    refused = all(
        isinstance(reply, ReplyError) and str(reply).startswith(("ERR unknown command", "NOPERM"))
        for reply in replies.values()
    )
    return Trial(
        f"{when}FLUSHALL and FLUSHDB by a client with the password",
        refused and (not is_there or operator("EXISTS", "precious") == 1),
        ", ".join(f"{name} -> {str(reply).partition(',')[0]}" for name, reply in replies.items()),
        "refused: unknown command, or NOPERM",
    )
