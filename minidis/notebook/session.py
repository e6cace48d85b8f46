"""The session of a kernel: its targets, its named clients, and what a cell prints.

A cell is run line by line.  Each line becomes one or more commands of one client, each command a reply,
each reply a few lines of text; an error is a reply like any other, so the next line still runs:

    redis> SET counter ten          the prompt: the client's name, [database] if not 0, (TX) in MULTI
    OK
    redis> INCR counter
    (error) ERR value is not an integer or out of range

A command that must wait (BLPOP on an empty list) parks its client, and the cell goes on.  When another
cell, another client or the clock ends the wait, the reply is printed there, under the client's own prompt.

With one command in the cell nothing but its reply is printed: the command stands right above it.

>>> session = Session(Embedded(clock=0, seed=1))
>>> print(session.run("SET k 1 # a comment\\nINCR k").panel)
redis> SET k 1
OK
# starts a comment here; the real redis-cli has none, it would send 3 more arguments
redis> INCR k
(integer) 2

Read next: magics.py, which gives it to IPython.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.engine.waiting import WAITING
from minidis.notebook import help as help_texts
from minidis.notebook.dangers import danger_of
from minidis.notebook.language import Command, Fault, VariableError, parse
from minidis.notebook.rendering import (
    Fragment,
    Panel,
    error_fragments,
    raw_text,
    reply_fragments,
    wire_fragments,
)
from minidis.notebook.targets import (
    DEFAULT_CLIENT,
    NO_REPLY,
    Connection,
    EmbeddedTarget,
    FakeTarget,
    ServerTarget,
    TargetError,
)
from minidis.notebook.views.sources import follow_cells
from minidis.protocol.quoting import split_arguments
from minidis.protocol.replies import NullArray, Pairs, Push, ReplyError

MOST_REPEATS = 10_000

Target = EmbeddedTarget | ServerTarget


@dataclass(slots=True)
class Options:
    """How a cell is run: for which client, where, in which protocol, and what it prints."""

    client: str = DEFAULT_CLIENT
    target: str | None = None
    protocol: int | None = None
    show_wire: bool = False
    raw: bool = False
    agreed: bool = False
    """Dangerous commands (dangers.py) are sent to a server without a question."""
    echo: bool = False
    """A single command is repeated behind its prompt, too."""
    beside: str | None = None
    """A second target for the same cell (comparison.py)."""


@dataclass(slots=True)
class Step:
    """One command of a cell: its prompt line, and the reply as it is shown, as it came, as a Python value."""

    argv: list[bytes]
    header: list[Fragment]
    shown: list[Fragment]
    reply: Any
    value: Any


@dataclass(slots=True)
class Result:
    """What a cell did: the replies as Python values, and the blocks of text to print.

    `notices` are those blocks that must be seen even when the value goes into a variable.
    """

    values: list[Any] = field(default_factory=list)
    blocks: list[list[Fragment]] = field(default_factory=list)
    notices: list[list[Fragment]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    was_interrupted: bool = False

    @property
    def value(self) -> Any:
        """The reply of a single command, the list of replies of several, None of none."""
        return self.values[0] if len(self.values) == 1 else self.values or None

    @property
    def panel(self) -> Panel | None:
        return panel(self.blocks)

    def add_step(self, step: Step, is_notice: bool = False) -> None:
        self.steps.append(step)
        self.values.append(step.value)
        (self.add_notice if is_notice else self.add)(step.header + step.shown)

    def add(self, block: list[Fragment]) -> None:
        if block:
            self.blocks.append(block)

    def add_notice(self, block: list[Fragment]) -> None:
        self.blocks.append(block)
        self.notices.append(block)


class Session:
    """All that the magics remember between cells."""

    def __init__(self, embedded: Embedded, seed: int | None = None) -> None:
        self.targets: dict[str, Target] = {"embedded": EmbeddedTarget(embedded, "embedded", seed)}
        self.target: Target = self.targets["embedded"]
        self.connections: dict[tuple[str, str], Connection] = {}
        self.parked_commands: dict[tuple[str, str], str] = {}
        self.said_what_a_comment_is = False
        self.ask: Callable[[str], bool | None] = lambda question: None
        """Asks the reader; None: there is nobody to ask."""

    # -- running a cell ---------------------------------------------------------------------------

    def run(
        self, body: str, options: Options | None = None, namespace: Mapping[str, Any] | None = None
    ) -> Result:
        """Run every line of `body`. Nothing is raised."""
        options, result = options or Options(), Result()
        if options.beside is not None:
            return self._run_on_two(body, options, namespace)
        try:
            target = self.find_target(options.target)
            connection = self.connection(options.client, target)
        except TargetError as error:
            result.add_notice(error_fragments(str(error)))
            return result
        lines = parse(body)
        several = sum(line.repeat if isinstance(line, Command) else 1 for line in lines) > 1
        echo = options.echo or options.show_wire or several
        runner = _Runner(self, target, connection, options, namespace or {}, echo, result)
        with _protocol(connection, options.protocol):
            for line in lines:
                try:
                    runner.run_line(line)
                except KeyboardInterrupt:
                    result.was_interrupted = True
                    break
        return result

    def _run_on_two(self, body: str, options: Options, namespace: Mapping[str, Any] | None) -> Result:
        from minidis.notebook.comparison import compare

        places = (options.target or self.target.name, options.beside)
        results = []
        for place in places:
            result = self.run(body, replace(options, target=place, beside=None, echo=True), namespace)
            if not result.steps:  # it cannot be reached, or there was nothing to run
                return result
            results.append(result)
        names = tuple(self.find_target(place).name for place in places)
        return compare(names, *results)

    def late_blocks(self) -> list[list[Fragment]]:
        """What arrived for any client since the last look: replies of commands that waited, and messages."""
        blocks = []
        for target in self.targets.values():
            target.run_timers()
        for place, connection in tuple(self.connections.items()):
            for reply in connection.late_replies():
                waited = not isinstance(reply, Push) and not connection.is_waiting
                text = self.parked_commands.pop(place, None) if waited else None
                header: list[Fragment] = [("prompt", self.prompt(connection, place[0]))]
                header.append(("command", text) if text else ("note", "a message arrived"))
                header.append(("note", "   # waited until now\n") if text else ("", "\n"))
                blocks.append(header + reply_fragments(reply, connection.display_protocol))
        return blocks

    def prompt(self, connection: Connection, target_name: str | None = None) -> str:
        """`alice[1](TX)> `; with the target's name when that is not the current one."""
        name = connection.name
        if target_name is not None and target_name != self.target.name:
            name = f"{name}@{target_name}"
        database = f"[{connection.database}]" if connection.database else ""
        return f"{name}{database}{'(TX)' if connection.in_transaction else ''}> "

    # -- targets and clients ----------------------------------------------------------------------

    def find_target(self, name: str | None) -> Target:
        """The target of that name; a URL or `fakeredis` is dialled at its first use."""
        if name is None:
            return self.target
        if name in self.targets:
            return self.targets[name]
        if name == "fakeredis":
            target: Target = FakeTarget()
        elif name.partition("://")[0] in ("redis+cluster", "rediss+cluster"):
            from minidis.notebook.cluster_target import ClusterTarget

            target = ClusterTarget(name)
        elif name.startswith("redis+sentinel://"):
            from minidis.notebook.service_targets import SentinelTarget

            target = SentinelTarget(name)
        elif name == "valkey":
            from minidis.notebook.service_targets import ValkeyTarget

            target = ValkeyTarget()
        elif "://" in name:
            target = ServerTarget(name)
        else:
            known = ", ".join(dict.fromkeys([*self.targets, "fakeredis", "valkey"]))
            raise TargetError(f"no target is called {name}; there are {known} and any redis:// URL")
        self.targets[name] = target
        return target

    def connect(self, name: str) -> Target:
        """Make a target the current one; it must answer. The former stays, and so do its clients."""
        target = self.find_target(name)
        try:
            self.connection(DEFAULT_CLIENT, target)
        except TargetError:
            self.targets.pop(name, None)
            raise
        self.target = target
        follow_cells(target)
        return target

    def add_node(self, name: str) -> EmbeddedTarget:
        """A node in this kernel under a name of its own, with the first one's seed and frozen start."""
        target = self.targets.get(name)
        if not isinstance(target, EmbeddedTarget):
            first = self.targets["embedded"]
            assert isinstance(first, EmbeddedTarget)
            target = EmbeddedTarget(Embedded(clock=first.started_at_us, seed=first.seed), name, first.seed)
            self.targets[name] = target
        return target

    def stop_serving(self) -> None:
        """No other program reaches a node of this kernel any more."""
        for target in self.targets.values():
            if isinstance(target, EmbeddedTarget):
                target.stop_serving()

    def connection(self, client: str, target: Target | None = None) -> Connection:
        """The connection of a named client; dialled at its first use."""
        target = self._lab_with(client) or target or self.target
        place = (target.name, client)
        if place not in self.connections:
            self.connections[place] = target.connect(client)
        return self.connections[place]

    def _lab_with(self, name: str) -> Target | None:
        """The last lab that was made, if it has a node of that name.  Who names nobody means no lab."""
        if name == DEFAULT_CLIENT:
            return None
        module = sys.modules.get("minidis.client.lab")  # where it was never imported there is no lab
        lab = module.last_lab() if module is not None else None
        if lab is None or name not in lab.processes:
            return None
        from minidis.notebook.lab_target import LabTarget

        target = self.targets.get("lab")
        if not isinstance(target, LabTarget) or target.lab is not lab:
            target = self.targets["lab"] = LabTarget(lab)
            for place in [place for place in self.connections if place[0] == "lab"]:
                del self.connections[place]
        return target

    def embedded_target(self, wanted_by: str) -> EmbeddedTarget:
        """The current target, if it is a node in this kernel. Raises the TargetError that says what to do."""
        if not isinstance(self.target, EmbeddedTarget):
            raise TargetError(
                f"{wanted_by} needs control of the node, and the cells run on {self.target.describe()}; "
                "%redis connect embedded brings them back"
            )
        return self.target

    def reset(
        self, seed: int | None = None, clock: str | int | None = None, real_clock: bool = False
    ) -> None:
        """A fresh node in place of the old one: no keys, new clients, the given seed and clock.

        What is not given stays as it was at the start: the seed, and the instant of a frozen clock.
        """
        target = self.embedded_target("%redis reset")
        if seed is not None:
            target.seed = seed
        if clock is None and not real_clock:
            clock = target.started_at_us
        target.embedded.restart(clock=clock, seed=target.seed)
        target.started_at_us = target.embedded.now_us if target.embedded.is_frozen else None
        for place in [place for place in self.connections if place[0] == target.name]:
            del self.connections[place]
            self.parked_commands.pop(place, None)
        self.said_what_a_comment_is = False


@dataclass(slots=True)
class _Runner:
    """One cell, line by line."""

    session: Session
    target: Target
    connection: Connection
    options: Options
    namespace: Mapping[str, Any]
    echo: bool
    result: Result

    def run_line(self, line: Command | Fault) -> None:
        if isinstance(line, Fault):
            self.result.add_notice(fault_fragments(line))
            return
        if line.repeat > MOST_REPEATS:
            self.result.add_notice(error_fragments(f"a line is repeated at most {MOST_REPEATS} times"))
            return
        try:
            argv = line.arguments(self.namespace)
        except VariableError as error:
            self.result.add_notice(self._header(line.text) + error_fragments(str(error)))
            return
        if not argv:
            return  # ${*[]} alone
        with self._as_client_of_line(argv) as rest:
            text = line.text if rest is argv else line.text.partition(" ")[2].lstrip()
            for _ in range(line.repeat if rest else 0):
                self._run_command(rest, text)
        if line.comment and not self.session.said_what_a_comment_is:
            self.session.said_what_a_comment_is = True
            self.result.add([("note", _comment_hint(line.comment))])

    @contextmanager
    def _as_client_of_line(self, argv: list[bytes]) -> Iterator[list[bytes]]:
        """The words to send; a line that begins with @name is that client's."""
        name = argv[0][1:].decode("latin-1")
        if argv[0][:1] != b"@" or not name.isidentifier():
            yield argv
            return
        own, self.connection = self.connection, self.session.connection(name, self.target)
        try:
            yield argv[1:]
        finally:
            self.connection = own

    def _run_command(self, argv: list[bytes], text: str) -> None:
        header = self._header(text)
        if help_texts.is_help(argv):
            message = help_texts.help_text(argv[1:])
            self.result.add_step(Step(argv, header, [("string", message)], message, message))
            return
        try:
            self._check_danger(argv)
            reply = self.connection.call(argv)
        except ReplyError as error:
            reply = error
        except TargetError as error:
            failure = ReplyError(str(error))
            self.result.add_step(Step(argv, header, error_fragments(str(error)), failure, failure), True)
            return
        shown = self._wire(reply) + self._reply(reply, argv, text)
        must_be_seen = reply is WAITING or isinstance(reply, ReplyError)
        self.result.add_step(Step(argv, header, shown, reply, python_value(reply)), must_be_seen)
        for late in self.session.late_blocks():
            self.result.add_notice(late)

    def _check_danger(self, argv: list[bytes]) -> None:
        """Ask before a command that others would feel.  Raises TargetError where it is not to be sent."""
        danger = None if self.options.agreed or not self.connection.asks_first else danger_of(argv)
        if danger is None:
            return
        question = f"{danger}; this is {self.connection.address}. Send it?"
        answer = self.session.ask(question)
        if not answer:
            how = "" if answer is not None else "; %%redis --yes sends it"
            raise TargetError(f"not sent: {danger}, and this is {self.connection.address}{how}")

    def _header(self, text: str) -> list[Fragment]:
        if not self.echo:
            return []
        return [("prompt", self.session.prompt(self.connection)), ("command", text), ("", "\n")]

    def _wire(self, reply: Any) -> list[Fragment]:
        if not self.options.show_wire:
            return []
        lines = wire_fragments("-->", self.connection.request_bytes) + [("", "\n")]
        if reply is not WAITING and reply is not NO_REPLY:
            lines += wire_fragments("<--", self.connection.reply_bytes) + [("", "\n")]
        return lines

    def _reply(self, reply: Any, argv: list[bytes], text: str) -> list[Fragment]:
        if reply is WAITING:
            place = next(at for at, held in self.session.connections.items() if held is self.connection)
            self.session.parked_commands[place] = text
            return [
                ("note", f"(waiting) {self.connection.name} waits for {self.connection.wait_description()}")
            ]
        if reply is NO_REPLY:
            return [("note", "(no reply: CLIENT REPLY)")]
        protocol = self.connection.display_protocol
        if self.options.raw and not isinstance(reply, ReplyError):
            return [("string", raw_text(reply, protocol))]
        return reply_fragments(reply, protocol, argv)


def panel(blocks: list[list[Fragment]]) -> Panel | None:
    """The blocks below each other as one panel; None when there is nothing to show."""
    fragments: list[Fragment] = []
    for block in blocks:
        fragments += ([("", "\n")] if fragments else []) + block
    return Panel(fragments) if fragments else None


def python_value(reply: Any) -> Any:
    """The value that a variable gets: dict, list, set, bytes, number; nil is None, an error a ReplyError."""
    if reply is WAITING or reply is NO_REPLY or isinstance(reply, NullArray):
        return None
    if isinstance(reply, dict):
        return {key: python_value(value) for key, value in reply.items()}
    if isinstance(reply, AbstractSet):
        return set(reply)
    if isinstance(reply, Pairs):
        return [tuple(pair) for pair in reply]
    if isinstance(reply, (list, tuple)):
        return [python_value(item) for item in reply]
    return reply


def fault_fragments(fault: Fault) -> list[Fragment]:
    """redis-cli's message, then the line with the place marked and the reason."""
    before = "".join("\t" if character == "\t" else " " for character in fault.text[: fault.column])
    return [
        ("error", fault.message),
        ("command", f"\n{fault.text}\n"),
        ("error", f"{before}^ {fault.reason}"),
    ]


def _comment_hint(comment: str) -> str:
    words = split_arguments(comment.encode())
    if words is None:
        return (
            "# starts a comment here; the real redis-cli has none, it would refuse this line for its quotes"
        )
    more = "1 more argument" if len(words) == 1 else f"{len(words)} more arguments"
    return f"# starts a comment here; the real redis-cli has none, it would send {more}"


@contextmanager
def _protocol(connection: Connection, protocol: int | None) -> Iterator[None]:
    """Speak `protocol` for one cell. A HELLO inside the cell has the last word."""
    before = connection.protocol
    if protocol is None or protocol == before:
        yield
        return
    try:
        connection.use_protocol(protocol)
        yield
    finally:
        if connection.protocol == protocol and not connection.is_waiting:
            connection.use_protocol(before)
