"""The table of commands: one decorated function each, everything else is derived from its syntax line.

    @command("GET key", READONLY | FAST)
    def get(client, key):
        \"\"\"Get the string value of a key. O(1).\"\"\"
        value = client.db.find(key, String)
        return None if value is None else value.as_bytes()

The decorator binds the line to the function (binding.py) and files it under its name.  The group
(`string`, as in HELP @string) comes from the module, the summary and the complexity from the docstring.

Mirrors: `struct redisCommand`, `populateCommandTable` in server.c.
Differs: no generated C table, and the flags that follow from others are not written down.
Complexity: look-up O(1).

>>> @command("EXAMPLE.ADD a:int b:int", READONLY | FAST, table := CommandTable())
... def example_add(client, a, b):
...     '''Add two integers. O(1).'''
...     return a + b
>>> table.find([b"example.add"]).invoke(None, [b"EXAMPLE.ADD", b"2", b"40"])
42

Read next: minidis/engine/node.py, which calls what it finds here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import IntFlag, auto
from functools import cached_property
from typing import Any

from minidis.engine import errors
from minidis.engine.command_table.binding import Handler, Invoke, bind, shape
from minidis.engine.command_table.keyspecs import KeySpec, key_specs
from minidis.engine.command_table.syntax import SyntaxLine, name_of, parse
from minidis.protocol.replies import ReplyError


class Flag(IntFlag):
    """What the node and its clients must know of a command before they run it (COMMAND INFO shows them)."""

    WRITE = auto()  # may change the keyspace
    READONLY = auto()  # reads keys, changes nothing
    DENYOOM = auto()  # may add data: refused when memory is full
    FAST = auto()  # O(1) or O(log N)
    BLOCKING = auto()  # may wait for a key
    ADMIN = auto()
    NOSCRIPT = auto()  # not from Lua
    LOADING = auto()  # allowed while a dataset is loaded
    STALE = auto()  # allowed on a replica with old data
    NO_AUTH = auto()  # allowed before AUTH
    NO_MULTI = auto()  # not inside MULTI
    PUBSUB = auto()
    MOVABLE_KEYS = auto()  # the key positions depend on the arguments
    SKIP_MONITOR = auto()
    SKIP_SLOWLOG = auto()
    ALLOW_BUSY = auto()
    NO_ASYNC_LOADING = auto()
    NO_MANDATORY_KEYS = auto()
    TOUCHES_ARBITRARY_KEYS = auto()
    PROTECTED = auto()  # only where enable-debug-command, enable-module-command say so (not shown either)
    MAY_REPLICATE = auto()  # no write, but replicas and CLIENT PAUSE must know (not shown by COMMAND INFO)
    SENTINEL = auto()
    ONLY_SENTINEL = auto()
    DANGEROUS = auto()  # only an ACL category, where Redis lists it by hand
    ASKING = auto()  # in a cluster, as if ASKING came before it


WRITE, READONLY, DENYOOM, FAST, BLOCKING = Flag.WRITE, Flag.READONLY, Flag.DENYOOM, Flag.FAST, Flag.BLOCKING
ADMIN, NOSCRIPT, LOADING, STALE, NO_AUTH = Flag.ADMIN, Flag.NOSCRIPT, Flag.LOADING, Flag.STALE, Flag.NO_AUTH
NO_MULTI, PUBSUB, MOVABLE_KEYS = Flag.NO_MULTI, Flag.PUBSUB, Flag.MOVABLE_KEYS
SKIP_MONITOR, SKIP_SLOWLOG, ALLOW_BUSY = Flag.SKIP_MONITOR, Flag.SKIP_SLOWLOG, Flag.ALLOW_BUSY
NO_ASYNC_LOADING, NO_MANDATORY_KEYS = Flag.NO_ASYNC_LOADING, Flag.NO_MANDATORY_KEYS
TOUCHES_ARBITRARY_KEYS, MAY_REPLICATE = Flag.TOUCHES_ARBITRARY_KEYS, Flag.MAY_REPLICATE
PROTECTED = Flag.PROTECTED
SENTINEL, ONLY_SENTINEL, DANGEROUS = Flag.SENTINEL, Flag.ONLY_SENTINEL, Flag.DANGEROUS
ASKING = Flag.ASKING

# The same as plain numbers, which are tested in a tenth of the time
_WRITE, _DENYOOM, _LOADING, _FAST = WRITE.value, DENYOOM.value, LOADING.value, FAST.value
_NO_ASYNC_LOADING, _BLOCKING, _PROTECTED = NO_ASYNC_LOADING.value, BLOCKING.value, PROTECTED.value
_SKIP_SLOWLOG, _NO_MULTI, _NOSCRIPT = SKIP_SLOWLOG.value, NO_MULTI.value, NOSCRIPT.value

ALLOWED_IN_MULTI = frozenset(("multi", "exec", "discard", "watch", "quit", "reset"))
"""What is never queued."""

KeyFinder = Callable[[list[bytes]], list[int]]
"""From a request to the positions of its keys."""

RequestFlags = Callable[[Any, Flag, list[bytes]], Flag]
"""From a client, a command's flags and a request to the flags of that request."""

_COMPLEXITY = r"(?s)(O\(.*)$"


WAIT_WITHOUT_SAYING_SO = frozenset(("migrate", "shutdown"))
"""Not `blocking` by their flags, which are Redis's: there, these two stop the whole server."""


class Command:
    """One command, or a container of subcommands (`subcommands` is then not empty).

    Its syntax line is read when somebody first needs more than the name: most processes use a few of the
    hundreds of commands that are filed.
    """

    def __init__(
        self,
        syntax: str,
        handler: Handler,
        flags: int,
        group: str,
        since: str = "",
        keys: KeyFinder | None = None,
        raw: bool = False,
        request_flags: RequestFlags | None = None,
    ) -> None:
        self.syntax = syntax
        self.name = name_of(syntax).lower().replace(" ", "|")  # "set", "config|get"
        self.handler = handler
        self.group = group
        self.since = since
        self.key_finder = keys
        self.is_raw = raw
        self._set_flags(Flag(flags))
        self.request_flags = request_flags
        self._variants: dict[Flag, Command] = {}
        self.subcommands: dict[str, Command] = {}
        self.facts: tuple[Any, ...] | None = None  # for COMMAND INFO, once somebody has asked
        # What a node counts on its own copy (statistics.py); `timing` where it is timed
        self.table: CommandTable | None = None  # the node's, whose own this copy is
        self.calls = self.failed_calls = self.rejected_calls = 0  # `calls` after statistics.settle()
        self.timing: Any = None

    @cached_property
    def line(self) -> SyntaxLine:
        return parse(self.syntax)

    @cached_property
    def arity(self) -> int:
        return self.line.arity

    @cached_property
    def key_specs(self) -> tuple[KeySpec, ...]:
        return key_specs(self.line)

    @cached_property
    def shape(self) -> str:
        return "irregular" if self.is_raw else shape(self.line)

    @cached_property
    def invoke(self) -> Invoke:
        return bind(self.line, self.handler, self.shape)

    def _set_flags(self, flags: Flag) -> None:
        bits = flags.value
        self.flags = flags
        self.is_write = bool(bits & _WRITE)
        self.denies_oom = bool(bits & _DENYOOM)
        self.runs_while_loading = bool(bits & _LOADING)
        self.no_async_loading = bool(bits & _NO_ASYNC_LOADING)
        self.is_fast = bool(bits & _FAST)
        self.may_wait = bool(bits & _BLOCKING) or self.name in WAIT_WITHOUT_SAYING_SO
        self.is_protected = bool(bits & _PROTECTED)
        self.skips_slowlog = bool(bits & _SKIP_SLOWLOG)
        self.is_refused_in_multi = bool(bits & _NO_MULTI)
        self.is_refused_in_scripts = bool(bits & _NOSCRIPT)
        self._runs_in_multi = self.is_refused_in_multi or self.name in ALLOWED_IN_MULTI

    def as_requested(self, client: Any, argv: list[bytes]) -> Command:
        """As those must see it who admit this request: a script may say by itself what it does."""
        if self.request_flags is None:
            return self
        flags = self.request_flags(client, self.flags, argv)
        if flags == self.flags:
            return self
        if flags not in self._variants:
            variant = self._variants[flags] = self.copy()
            variant._set_flags(flags)
        return self._variants[flags]

    def copy(self) -> Command:
        """The same command, counted apart; without its subcommands."""
        self.invoke, self.arity  # noqa: B018  (worked out now, once for all copies)
        twin = object.__new__(Command)
        twin.__dict__ = self.__dict__ | {"subcommands": {}}
        return twin

    def check_arity(self, argv: list[bytes]) -> None:
        """Raise the arity error that running `argv` would raise, without running it (for MULTI)."""
        if not self.accepts(len(argv)):
            raise errors.wrong_arity(self.name)

    def queues(self, words: int) -> bool:
        """True if MULTI puts a request of so many words into its queue, without another look at it."""
        return not self._runs_in_multi and self.accepts(words)

    def accepts(self, words: int) -> bool:
        """True if a request of so many words, the name among them, may be right."""
        return words >= -self.arity if self.arity < 0 else words == self.arity

    @property
    def summary(self) -> str:
        """The docstring's first paragraph without its complexity."""
        text = " ".join((self.handler.__doc__ or "").split("\n\n")[0].split())
        return re.sub(_COMPLEXITY, "", text).strip().rstrip(".") + "."

    @property
    def complexity(self) -> str:
        """The docstring's `O(...)` part."""
        text = " ".join((self.handler.__doc__ or "").split("\n\n")[0].split())
        found = re.search(_COMPLEXITY, text)
        return found.group(1).rstrip(".") if found else ""

    def __repr__(self) -> str:
        return f"<Command {self.line.text}>"


class CommandTable:
    """Commands by name, in any case."""

    def __init__(self, commands: Iterable[Command] = ()) -> None:
        self.by_name: dict[str, Command] = {}
        self._originals: dict[str, Command] = {}  # as `by_name`, untouched by rename-command
        for entry in commands:
            self.add(entry)

    def add(self, entry: Command) -> None:
        """File a command; `config|get` goes under its container.  A command of that name is replaced."""
        container, _, subcommand = entry.name.partition("|")
        if subcommand:
            holder = self.by_name.get(container) or _container(container, entry.group)
            holder.subcommands[subcommand] = entry
            entry = holder
        else:
            former = self.by_name.get(container)
            if former is not None and not entry.subcommands:  # COMMAND may be filed after COMMAND HELP
                entry.subcommands = former.subcommands
        self.by_name[container] = self._originals[container] = entry

    def find(self, argv: list[bytes]) -> Command:
        """The command that `argv` names.  Raises Redis's unknown (sub)command and container arity errors."""
        entry = self.by_name.get(argv[0].decode("latin-1").lower())
        if entry is None:
            raise errors.unknown_command(argv)
        if not entry.subcommands:
            return entry
        if len(argv) < 2:
            if entry.handler is not _no_handler:
                return entry
            raise errors.wrong_arity(entry.name)
        subcommand = entry.subcommands.get(argv[1].decode("latin-1").lower())
        if subcommand is None:
            raise errors.unknown_subcommand(entry.name, argv[1])
        return subcommand

    def look_up(self, name: bytes) -> Command | None:
        """A command by its full name, `config|get`, in any case."""
        return _look_up(self.by_name, name)

    def original(self, name: bytes) -> Command | None:
        """The same by the name it had before rename-command: ACL rules go by that."""
        return _look_up(self._originals, name)

    def originals(self) -> Iterator[Command]:
        """Every command there ever was, containers before their subcommands."""
        for entry in self._originals.values():
            yield entry
            yield from entry.subcommands.values()

    def for_a_node(self) -> NodeCommands:
        """A table of its own with the same commands, each counted apart."""
        table = NodeCommands()
        table.by_name = self.by_name.copy()
        table._originals = self._originals.copy()
        return table

    def __iter__(self) -> Iterator[Command]:
        for entry in self.by_name.values():
            if entry.handler is not _no_handler:
                yield entry
            yield from entry.subcommands.values()

    def __len__(self) -> int:
        return len(self.by_name)


class NodeCommands(CommandTable):
    """One node's table.  It takes a command for its own when that is first asked for, and counts it there.

    Until then the entry is everybody's: a new node costs two copied dicts, whatever the number of commands.
    What is only described (COMMAND INFO, ACL rules) stays everybody's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.used: list[Command] = []
        self.on_first_use: Callable[[Command], None] = lambda entry: None  # the statistics': see Statistics
        self.spelled = _Spellings(self)
        self.spelled_subcommands = _SubcommandSpellings(self)

    def find(self, argv: list[bytes]) -> Command:
        return self._own(super().find(argv), argv[0].decode("latin-1").lower())

    def add(self, entry: Command) -> None:
        container, bar, _ = entry.name.partition("|")
        if bar and container in self.by_name:
            self._own(self.by_name[container], container)  # its dict of subcommands is about to change
        super().add(entry)
        self._forget_spellings()

    def rename(self, old: str, new: str) -> None:
        """File a command under another name ("": under none), as rename-command does."""
        entry = self.by_name.pop(old.lower())
        if new:
            self.by_name[new.lower()] = entry
        self._forget_spellings()

    def _forget_spellings(self) -> None:
        self.spelled.clear()
        self.spelled_subcommands.clear()

    def _own(self, entry: Command, name: str) -> Command:
        """This node's copy of an entry that was found under a name: from now on it stands in its place."""
        if entry.table is self:
            return entry
        holder = self.by_name[name]
        own = entry.copy()
        own.subcommands = entry.subcommands.copy()
        own.table = self
        if entry is holder:
            if self._originals.get(entry.name) is entry:
                self._originals[entry.name] = own
            self.by_name[name] = own
        else:
            self._own(holder, name).subcommands[entry.name.partition("|")[2]] = own
        self.used.append(own)
        self.on_first_use(own)
        return own


class _Spellings(dict[bytes, Command | None]):
    """Names as nearly every client sends them, in upper or lower case: `table.spelled[b"GET"]`, in 30 ns.

    None for any other spelling, and for what must be looked at twice: its second word, who asks, or (EXEC)
    why it is refused.
    """

    __slots__ = ("_table",)

    def __init__(self, table: NodeCommands) -> None:
        self._table = table

    def __missing__(self, word: bytes) -> Command | None:
        name = word.decode("latin-1").lower()
        entry = self._table.by_name.get(name)
        if entry is None or entry.is_protected or entry.name == "exec":
            return None
        if word not in (name.encode(), name.upper().encode()):
            return None
        if entry.subcommands:
            self[word] = None
            return None
        own = self[word] = self._table._own(entry, name)
        return own


class _SubcommandSpellings(dict[tuple[bytes, ...], Command | None]):
    """The same for the first two words of a request: `table.spelled_subcommands[b"CONFIG", b"GET"]`."""

    __slots__ = ("_table",)

    def __init__(self, table: NodeCommands) -> None:
        self._table = table

    def __missing__(self, words: tuple[bytes, ...]) -> Command | None:
        container = self._table.by_name.get(words[0].decode("latin-1").lower())
        if container is None or not container.subcommands:
            return None
        if any(word not in (word.lower(), word.upper()) for word in words):
            return None
        try:
            entry = self._table.find([*words])
        except ReplyError:
            return None
        if entry.is_protected:
            return None
        self[words] = entry
        return entry


def _look_up(names: dict[str, Command], name: bytes) -> Command | None:
    container, bar, subcommand = name.decode("latin-1").lower().partition("|")
    entry = names.get(container)
    return entry.subcommands.get(subcommand) if entry is not None and bar else entry


def _no_handler(client: Any, *words: bytes) -> None:
    """Container command."""


def _container(name: str, group: str) -> Command:
    return Command(name.upper() + " subcommand [argument ...]", _no_handler, 0, group)


COMMANDS = CommandTable()
"""Every command of the modules in minidis/commands, filed as they are imported."""

_GROUPS = {
    "strings": "string",
    "bitmaps": "bitmap",
    "hyperloglogs": "hyperloglog",
    "lists": "list",
    "sets": "set",
    "sorted_sets": "sorted-set",
    "hashes": "hash",
    "keys": "generic",
    "dumping": "generic",
    "streams": "stream",
    "consumer_groups": "stream",
    "geo": "geo",
    "publish": "pubsub",
    "clients": "connection",
    **dict.fromkeys(
        (
            "configuration",
            "debugging",
            "information",
            "latency",
            "lifecycle",
            "lolwut",
            "memory",
            "modules",
            "slowlog",
        ),
        "server",
    ),
}


def command(
    syntax: str,
    flags: int,
    table: CommandTable | None = None,
    *,
    since: str = "1.0.0",
    keys: KeyFinder | None = None,
    raw: bool = False,
    group: str | None = None,
    request_flags: RequestFlags | None = None,
) -> Callable[[Handler], Handler]:
    """Register the decorated function under `syntax`.

    `flags` is a union of `Flag`s, `since` the Redis version that brought the command, `keys` a
    function from argv to the positions of its keys where the line cannot tell them (SORT's STORE may
    come twice), `request_flags` one that finds flags in a request.
    With `raw` the handler takes the words after the name as they came, whatever the
    line's shape.
    """

    def register(handler: Handler) -> Handler:
        module = handler.__module__.rpartition(".")[2]
        group_name = group or _GROUPS.get(module, module)
        entry = Command(syntax, handler, flags, group_name, since, keys, raw, request_flags)
        (COMMANDS if table is None else table).add(entry)
        return handler

    return register
