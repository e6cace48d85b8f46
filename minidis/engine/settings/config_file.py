r"""redis.conf: lines of a directive and its words.

    # a comment stands on a line of its own
    port 7000
    save 3600 1
    save 300 100                   the first save of a file replaces the defaults, the others add to it
    requirepass "with \x22 inside" quotes and escapes as in redis-cli
    include common.conf            as if its lines stood here
    rename-command FLUSHALL ""     an empty name takes the command away
    user alice on nopass +get ~*   users with their rights, unless they have a file of their own

A ``#`` behind a value is no comment but a word too many, as in Redis. The words of the command line are such
lines too: ``--port 7000 --save ""`` follows the file, so it wins.

Mirrors: config.c (loadServerConfigFromString), server.c (main).
Differs: who has files hands in `read_file`; this room opens none.
Complexity: O(bytes).

>>> settings = Settings(); settings.load(b"port 7000\nsave 10 1\nsave 20 2\n")
>>> settings.values
{'port': '7000', 'save': '10 1 20 2'}
>>> try: settings.load(b"maxmemory lots")
... except ConfigFileError as error: print(str(error).splitlines()[0])
Reading the configuration file, at line 1
>>> print(command_line_text(["--port", "7", "--save", "--bind", "::1", "127.0.0.1"]), end="")
port "7"
save ""
bind "::1" "127.0.0.1"

Read next: minidis/drivers/server.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minidis.engine.access_control import acl_file
from minidis.engine.access_control.acl import RuleError
from minidis.engine.command_table.registry import COMMANDS, NodeCommands
from minidis.engine.errors import shown
from minidis.engine.settings.config import BY_NAME, ConfigError, Directive
from minidis.protocol.quoting import quote, split_arguments
from minidis.structures.record import NamedTuple

ReadFile = Callable[[str], list[bytes]]
"""The contents of the files that a path names; a pattern (``conf.d/*.conf``) may name several."""

MOST_INCLUDES = 16
MOST_PORT_OF_A_CLUSTER = 55535  # its bus listens 10000 above
_ADDING = ("save",)  # directives whose lines add up
_UNKNOWN = "Bad directive or wrong number of arguments"


class ConfigFileError(ValueError):
    """A line that cannot be used; the text is what Redis prints after its FATAL line."""


class RoleLine(NamedTuple):
    """A line that belongs to a role: `sentinel monitor ...` without its first word."""

    number: int
    text: str
    words: list[str]


class Settings:
    """What a redis.conf and a command line say: directives as text, commands to rename, users.

    `role` is the directive whose lines are put aside in `role_lines`, for whoever knows them ("sentinel").
    """

    def __init__(self, read_file: ReadFile | None = None, role: str = "") -> None:
        self.role = role
        self.role_lines: list[RoleLine] = []
        self.values: dict[str, str] = {}
        self.renamed: list[tuple[str, str]] = []
        self.users: dict[bytes, list[bytes]] = {}
        self._read_file = read_file
        self._depth = 0

    def load(self, text: bytes) -> None:
        """Take the lines of a file.  Raises ConfigFileError with the number of the line."""
        for number, raw in enumerate(text.split(b"\n"), start=1):
            line = raw.strip(b" \t\r\n")
            if not line or line.startswith(b"#"):
                continue
            try:
                words = split_arguments(line)
                if words is None:
                    raise ConfigError("Unbalanced quotes in configuration line")
                if words:
                    self._take([word.decode("utf-8", "surrogateescape") for word in words], number, line)
            except ConfigError as error:
                text_of_line = line.decode("utf-8", "replace")
                raise ConfigFileError(
                    f"Reading the configuration file, at line {number}\n>>> '{text_of_line}'\n{error}"
                ) from None

    def _take(self, words: list[str], number: int, line: bytes) -> None:
        name, arguments = words[0].lower(), words[1:]
        directive = BY_NAME.get(name)
        if name == "sentinel":
            if name != self.role:
                raise ConfigError("sentinel directive while not in sentinel mode")
            self.role_lines.append(RoleLine(number, line.decode("utf-8", "replace"), arguments))
        elif directive is not None:
            self._set(directive, arguments)
        elif name == "include" and len(arguments) == 1:
            self._include(arguments[0])
        elif name == "rename-command" and len(arguments) == 2:
            self.renamed.append((arguments[0], arguments[1]))
        elif name == "user" and arguments:
            self._define_user([word.encode("utf-8", "surrogateescape") for word in arguments])
        elif name == "loadmodule" and arguments:
            raise ConfigError(f"{name} is not available in this server")
        else:
            raise ConfigError(_UNKNOWN)

    def _set(self, directive: Directive, arguments: list[str]) -> None:
        if directive.words not in (None, 1) and len(arguments) == 1:
            arguments = arguments[0].split()  # --replicaof "127.0.0.1 6379", one word of a command line
        if directive.words is not None and len(arguments) != directive.words:
            raise ConfigError("wrong number of arguments")
        text = " ".join(argument for argument in arguments if argument)
        directive.read(text)  # refused here, where the line is known
        if directive.name in _ADDING and text and self.values.get(directive.name):
            text = f"{self.values[directive.name]} {text}"
        elif directive.name == "client-output-buffer-limit" and directive.name in self.values:
            text = f"{self.values[directive.name]} {text}"
        self.values[directive.name] = text

    def check(self) -> None:
        """Refuse what all lines together ask for and nobody can do here.  Raises ConfigFileError."""
        if self.values.get("daemonize", "no").lower() == "yes":
            raise ConfigFileError(
                "daemonize is not supported: let your shell (&), systemd or a container do it, and add "
                "--daemonize no"
            )
        if self.values.get("cluster-enabled", "no").lower() == "yes":
            self._check_cluster()

    def _check_cluster(self) -> None:
        if self.values.get("replicaof"):
            raise ConfigFileError("replicaof directive not allowed in cluster mode")
        port, bus_port = (int(self.values.get(name) or 0) for name in ("port", "cluster-port"))
        if not bus_port and port > MOST_PORT_OF_A_CLUSTER:
            raise ConfigFileError(
                "Redis port number too high. Cluster communication port is 10,000 port numbers higher than "
                f"your Redis port. Your Redis port number must be {MOST_PORT_OF_A_CLUSTER} or less."
            )

    def _define_user(self, words: list[bytes]) -> None:
        name, *rules = words
        if name in self.users:
            raise ConfigError(f"Error in user declaration '{shown(name)}': {acl_file.DUPLICATE}")
        try:
            acl_file.check_definition(COMMANDS, name, rules)
        except RuleError as error:
            raise ConfigError(str(error)) from None
        self.users[name] = rules

    def _include(self, path: str) -> None:
        if self._read_file is None or self._depth >= MOST_INCLUDES:
            raise ConfigError(f"can't include '{path}' here")
        self._depth += 1
        try:
            for text in self._read_file(path):
                self.load(text)
        finally:
            self._depth -= 1


def rename_commands(table: NodeCommands, renamed: Sequence[tuple[str, str]]) -> None:
    """Give commands of a node's own table other names; "" takes a command away.  Raises ConfigFileError."""
    for old, new in renamed:
        if old.lower() not in table.by_name:
            raise ConfigFileError(f"rename-command {old} {new}\nNo such command in rename-command")
        if new and new.lower() in table.by_name:
            raise ConfigFileError(f"rename-command {old} {new}\nTarget command name already exists")
        table.rename(old, new)


def command_line_text(words: Sequence[str]) -> str:
    """The lines of redis.conf that a command line stands for.

    The word behind the name of an option is its value, also one that begins with dashes; but there is a
    --save of nothing.

    >>> command_line_text(["--port", "7000", "--save", "--logfile", "--my-log", "--maxmemory 1gb"])
    'port "7000" \\nsave ""\\nlogfile "--my-log" \\nmaxmemory 1gb '
    >>> command_line_text([])
    ''
    """
    text = ""
    wants_value = False
    for word, following in zip(words, [*words[1:], "--"], strict=False):
        if word.startswith("--") and not wants_value:
            text += ("\n" if text else "") + word[2:] + " "
            wants_value = len(word.split()) == 1
            if word.lower() == "--save" and following.startswith("--"):
                text += '""'
                wants_value = False
        else:
            text += quote(word.encode("utf-8", "surrogateescape")).decode() + " "
            wants_value = False
    return text
