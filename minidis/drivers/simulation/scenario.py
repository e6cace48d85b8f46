"""Scenarios: a text that says what to do in the lab, and what comes of it.

    nodes a b repl-diskless-sync-delay=0
    ----
    ok

    b> REPLICAOF a 6379
    ----
    OK

    run 10ms
    ----
    0.005848  b -> a  PING
    0.007068  a -> b  +PONG

Above each line of dashes stands a directive, below it the outcome. `play` runs the directives and answers
the whole text anew; where it differs from what stood there, something has changed. So one text is a test,
a piece of a chapter, and a thing to read.

    lab seed=7 latency=5ms       before anything else
    nodes NAME... [DIRECTIVE=VALUE...]
    cluster NAME... [replicas=1] [DIRECTIVE=VALUE...]     who know each other from the start
    NAME> COMMAND                at a node's prompt;  NAME/CLIENT> for a client of its own
    sentinels NAME... watch=NAME:NODE [quorum=2] [down_after_ms=1000 ...]
    run DURATION                 and the messages between the nodes since;  run DURATION quiet: none;
                                 run DURATION events: only what Sentinels say, and faults
    partition a | b c            walls between the groups;  partition a: between a and everybody else
    cut, mend, delay, drop, pause, resume, kill, power_cut, restart, clock_step, heal: see lab.py
    info NAME FIELD...           some of its INFO
    digests                      who holds the same data
    table NAME...                the nodes of the cluster, as these see them

Mirrors: nothing in Redis; etcd's raft tests (datadriven) have the format.

>>> print(play("nodes a\\n----\\n\\na> SET k v\\n----\\n"), end="")
nodes a
----
ok
<BLANKLINE>
a> SET k v
----
OK

Read next: tests/scenarios.
"""

from __future__ import annotations

from typing import Any

from minidis.commands.info_fields import parse_info
from minidis.drivers.simulation import clusters
from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.record import LONGEST_WORD
from minidis.drivers.simulation.terminal import LabTimeout, Terminal
from minidis.engine.keyspace.digest import dataset_digest
from minidis.protocol.quoting import quote, split_arguments
from minidis.protocol.replies import NullArray, ReplyError

SEPARATOR = "----"

FAULTS = (
    "partition",
    "cut",
    "mend",
    "delay",
    "drop",
    "pause",
    "resume",
    "kill",
    "power_cut",
    "restart",
    "clock_step",
    "heal",
)


def play(text: str) -> str:
    """Run the directives of a scenario; its text with their outcomes.  Raises ValueError for one unknown."""
    player = _Player()
    parts = []
    for block in text.strip("\n").split("\n\n"):
        comments = [line for line in block.split("\n") if line.startswith("#")]
        lines = [line for line in block.split("\n") if not line.startswith("#")]
        directives = lines[: lines.index(SEPARATOR)] if SEPARATOR in lines else lines
        if not directives:
            parts.append("\n".join(comments))
            continue
        outcome = [line for directive in directives for line in player.run(directive)]
        parts.append("\n".join([*comments, *directives, SEPARATOR, *(outcome or ["(nothing)"])]))
    return "\n\n".join(parts) + "\n"


class _Player:
    """A lab, and what its directives mean."""

    def __init__(self) -> None:
        self.lab = Lab(seed=1)
        self.clients: dict[tuple[str, str], Terminal] = {}
        self.shown = 0

    def run(self, directive: str) -> list[str]:
        """The outcome of one directive."""
        prompt, is_prompt, command = directive.partition("> ")
        if is_prompt and " " not in prompt:
            return self._command(prompt, command)
        name, *words = directive.split()
        if name in FAULTS:
            groups = " ".join(words).split(" | ") if name == "partition" else words
            getattr(self.lab, name)(*groups)
            return ["ok"]
        method = getattr(self, f"_do_{name}", None)
        if method is None:
            raise ValueError(f"not a directive of a scenario: {directive!r}")
        return method(*words)

    def _command(self, prompt: str, command: str) -> list[str]:
        node, _, client = prompt.partition("/")
        words = split_arguments(command.encode())
        if not words:
            raise ValueError(f"not a command: {command!r}")
        try:
            if not client:
                return show(self.lab.call(node, *words))
            terminal = self.clients.get((node, client))
            if terminal is None or terminal.lost:
                terminal = self.clients[node, client] = self.lab.connect(node, client)
            return show(terminal.call(*words))
        except ReplyError as error:
            return [f"(error) {error}"]
        except LabTimeout as error:
            return [f"({error})"]
        except ConnectionError as error:
            return [f"(connection lost: {error})"]

    def _do_lab(self, *options: str) -> list[str]:
        settings: dict[str, Any] = dict(option.split("=", 1) for option in options)
        self.lab = Lab(int(settings.pop("seed", 1)), **settings)
        return ["ok"]

    def _do_nodes(self, *words: str) -> list[str]:
        names, config = _names_and_settings(words)
        self.lab.nodes(*names, config=config)
        return ["ok"]

    def _do_cluster(self, *words: str) -> list[str]:
        names, config = _names_and_settings(words)
        self.lab.cluster(names, int(config.pop("replicas", 1)), config)
        return ["ok"]

    def _do_table(self, *names: str) -> list[str]:
        return [line for name in names for line in clusters.table(self.lab, name)]

    def _do_sentinels(self, *words: str) -> list[str]:
        names, options = _names_and_settings(words)
        watch = dict([options.pop("watch").split(":")])
        quorum = int(options.pop("quorum", 2))
        self.lab.sentinels(*names, watch=watch, quorum=quorum, **options)
        return ["ok"]

    def _do_run(self, duration: str, shows: str = "") -> list[str]:
        self.lab.run(duration)
        between = set() if shows == "events" else set(self.lab.processes)
        lines = [] if shows == "quiet" else list(self.lab.record.lines(self.shown, between))
        self.shown = len(self.lab.record.entries)
        return lines

    def _do_info(self, node: str, *fields: str) -> list[str]:
        values = parse_info(bytes(self.lab.call(node, "INFO", "everything")).decode())
        return [f"{field}:{values.get(field, '(not there)')}" for field in fields]

    def _do_digests(self) -> list[str]:
        groups: dict[bytes, list[str]] = {}
        for name, process in self.lab.processes.items():
            if process.running and process.node.sentinel is None:
                groups.setdefault(dataset_digest(process.node.databases), []).append(name)
        return [" = ".join(names) for names in groups.values()]


def _names_and_settings(words: tuple[str, ...]) -> tuple[list[str], dict[str, Any]]:
    """What is NAME, and what is DIRECTIVE=VALUE."""
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    return [word for word in words if "=" not in word], settings


def show(reply: Any, indent: str = "") -> list[str]:
    """A reply as redis-cli prints it, long words cut."""
    match reply:
        case str():
            return [reply]
        case bytes():
            text = quote(reply).decode()
            return [text if len(text) <= LONGEST_WORD else f"{text[: LONGEST_WORD - 3]}..."]
        case bool() | int():
            return [f"(integer) {reply}"]
        case None | NullArray():
            return ["(nil)"]
        case ReplyError():
            return [f"(error) {reply}"]
        case list() if not reply:
            return ["(empty array)"]
        case list():
            lines = []
            for number, element in enumerate(reply, start=1):
                head = f"{number}) "
                first, *others = show(element)
                lines += [head + first, *(" " * len(head) + line for line in others)]
            return lines
        case _:
            return [str(reply)]
