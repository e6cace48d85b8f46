"""Configuration: the directives of redis.conf that this node honours, their types and their defaults.

A directive is one line in the table below.  Its value is an attribute of `Config` with dashes turned
into underscores (`config.maxmemory_policy`), so that code reads it at the cost of an attribute.

    "maxmemory"  memory   0     "1gb" = 1073741824, "1g" = 1000000000, bytes without a unit
    "hz"         integer  10    1 to 500

Mirrors: config.c.
Complexity: reading O(1), CONFIG GET pattern O(directives).

>>> config = Config()
>>> config.set({"maxmemory": "100mb"}); config.maxmemory
104857600
>>> config.set({"maxmemory-policy": "allkeys-mru"})
Traceback (most recent call last):
...
minidis.engine.settings.config.ConfigError: argument(s) must be one of the following: volatile-lru, \
volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction

Read next: minidis/commands/configuration.py for CONFIG GET and SET.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from minidis.engine.settings.directives import OTHER_DIRECTIVES
from minidis.protocol.numbers import parse_float, parse_integer
from minidis.structures.record import record

UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 10**6, "mb": 1 << 20, "g": 10**9, "gb": 1 << 30}


class ConfigError(ValueError):
    """A value that a directive does not take; `directive` names it."""

    def __init__(self, message: str, directive: str = "") -> None:
        super().__init__(message)
        self.directive = directive


@record(frozen=True)
class Directive:
    """One directive: how its text is read, how its value is shown."""

    name: str
    default: str
    read: Callable[[str], Any]
    show: Callable[[Any], str] = str
    immutable: bool = False
    hidden: bool = False  # shown only to who asks for it by its name
    aliases: tuple[str, ...] = ()
    words: int | None = 1  # how many a line of redis.conf gives; None: any number

    @property
    def attribute(self) -> str:
        return self.name.replace("-", "_")


def integer(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers in a range."""

    def read(text: str) -> int:
        number = parse_integer(text.encode("utf-8", "surrogateescape"))
        if number is None:
            raise ConfigError("argument couldn't be parsed into an integer")
        if not least <= number <= most:
            raise ConfigError(f"argument must be between {least} and {most} inclusive")
        return number

    return read


def hertz(text: str) -> int:
    """A reader of `hz`: any number is taken, and brought into the range from 1 to 500."""
    return min(max(integer(0, 2**31 - 1)(text), 1), 500)


def memory(text: str) -> int:
    """A reader of memory sizes.

    >>> memory("1gb"), memory("1g"), memory("64")
    (1073741824, 1000000000, 64)
    """
    return memory_from(0)(text)


def memory_from(least_bytes: int, most_bytes: int = 2**63 - 1) -> Callable[[str], int]:
    """A reader of memory sizes in a range."""

    def read(text: str) -> int:
        found = re.fullmatch(_MEMORY, text)
        if found is None:
            raise ConfigError("argument must be a memory value")
        # A unit alone is 0, and what is too large for 64 bits the largest, as in memtoull
        size_bytes = min(int(found["digits"] or 0) * UNITS[found["unit"].lower()], 2**64 - 1)
        if not least_bytes <= size_bytes <= most_bytes:
            raise ConfigError(f"argument must be between {least_bytes} and {most_bytes} inclusive")
        return size_bytes

    return read


def backlog_size(text: str) -> int:
    """A reader of `repl-backlog-size`: at least 16 KB, whatever is said."""
    return max(memory_from(1)(text), 16 * 1024)


def never(text: str) -> bool:
    """A reader of `activedefrag`, which this server has not."""
    if boolean(text):
        raise ConfigError(
            "Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified "
            "Jemalloc like the one shipped by default with the Redis source distribution"
        )
    return False


_MEMORY = r"(?i)(?P<digits>[0-9]*)(?P<unit>b|[kmg]b?|)"


def boolean(text: str) -> bool:
    """A reader of yes and no."""
    if text.lower() not in ("yes", "no"):
        raise ConfigError("argument must be 'yes' or 'no'")
    return text.lower() == "yes"


def octal(text: str) -> int:
    """A reader of a file's permissions."""
    try:
        mode = int(text, 8)
    except ValueError:
        raise ConfigError("argument couldn't be parsed into an integer") from None
    if not 0 <= mode <= 0o777:
        raise ConfigError("argument must be between 0 and 777 inclusive")
    return mode


def key_event_classes(text: str) -> str:
    """A reader of `notify-keyspace-events`; the letters come in the order in which Redis shows them.

    >>> key_event_classes("KEA"), key_event_classes("Elg")
    ('AKE', 'glE')
    """
    if not set(text) <= set("Ag$lshzxeKEtmdn"):
        raise ConfigError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
    chosen = set(text) | set("g$lshzxetd" if "A" in text else "")
    classes = "A" if set("g$lshzxetd") <= chosen else "".join(c for c in "g$lshzxetd" if c in chosen)
    return classes + "".join(letter for letter in "nKEm" if letter in chosen)


def _show_event_classes(classes: str) -> str:
    return classes.replace("n", "") if "A" in classes else classes  # so it is in Redis


def output_limits(text: str) -> dict[str, tuple[int, int, int]]:
    """A reader of `client-output-buffer-limit`: class, hard and soft limit in bytes, soft seconds.

    >>> output_limits("normal 1kb 0 0 slave 2kb 1kb 60")
    {'normal': (1024, 0, 0), 'slave': (2048, 1024, 60)}
    """
    words = text.split()
    if not words or len(words) % 4:
        raise ConfigError("Wrong number of arguments in buffer limit configuration.")
    limits = {}
    for at in range(0, len(words), 4):
        kind = {"replica": "slave"}.get(words[at].lower(), words[at].lower())
        if kind not in ("normal", "slave", "pubsub"):
            raise ConfigError("Invalid client class specified in buffer limit configuration.")
        try:
            hard_bytes, soft_bytes = memory(words[at + 1]), memory(words[at + 2])
            limits[kind] = (hard_bytes, soft_bytes, integer(0, 2**31 - 1)(words[at + 3]))
        except ConfigError:
            message = "Error in hard, soft or soft_seconds setting in buffer limit configuration."
            raise ConfigError(message) from None
    return limits


def _show_output_limits(limits: dict[str, tuple[int, int, int]]) -> str:
    return " ".join(f"{kind} {hard} {soft} {soft_s}" for kind, (hard, soft, soft_s) in limits.items())


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader of one word out of several."""

    def read(text: str) -> str:
        if text.lower() not in choices:
            raise ConfigError("argument(s) must be one of the following: " + ", ".join(choices))
        return text.lower()

    return read


def save_points(text: str) -> tuple[tuple[int, int], ...]:
    """A reader of `save`: pairs of seconds and changes; "" is none.

    >>> save_points("3600 1 300 100")
    ((3600, 1), (300, 100))
    """
    words = text.split()
    if len(words) % 2 or not all(word.isdigit() for word in words):
        raise ConfigError("Invalid save parameters")
    pairs = tuple((int(a), int(b)) for a, b in zip(words[::2], words[1::2], strict=True))
    if any(seconds < 1 for seconds, _ in pairs):
        raise ConfigError("Invalid save parameters")
    return pairs


def memory_or_percent(text: str) -> int | str:
    """A reader of `maxmemory-clients`: a size, or a share of maxmemory ("5%")."""
    if text.endswith("%") and text[:-1].isdigit():
        if int(text[:-1]) > 100:
            raise ConfigError("percentage argument must be less or equal to 100")
        return f"{int(text[:-1])}%"
    try:
        return memory(text)
    except ConfigError:
        raise ConfigError("argument must be a memory or percent value") from None


def addresses(text: str) -> str:
    """A reader of `bind`."""
    if len(text.split()) > 16:
        raise ConfigError("Too many bind addresses specified.")
    return " ".join(text.split())


def hostname(text: str) -> str:
    """A reader of names that other nodes must be able to resolve."""
    if len(text) >= 256:
        raise ConfigError("Hostnames must be less than 256 characters")
    if not re.fullmatch(r"[A-Za-z0-9.-]*", text):
        raise ConfigError("Hostnames may only contain alphanumeric characters, hyphens or dots")
    return text


def primary_address(text: str) -> str:
    """A reader of `replicaof`: a host and a port; "no one" is nobody.

    >>> primary_address("10.0.0.1 6379"), primary_address("NO ONE")
    ('10.0.0.1 6379', '')
    """
    words = text.split()
    if not words or [word.lower() for word in words] == ["no", "one"]:
        return ""
    if len(words) != 2:
        raise ConfigError("wrong number of arguments")
    port = parse_integer(words[1].encode("utf-8", "surrogateescape"))
    if port is None or not 0 <= port <= 65535:
        raise ConfigError("Invalid master port")
    return " ".join(words)


def percentiles(text: str) -> str:
    """A reader of `latency-tracking-info-percentiles`."""
    name = "latency-tracking-info-percentiles"
    for word in text.split():
        number = parse_float(word.encode("utf-8", "surrogateescape"))
        if number is None:
            raise ConfigError(f"Invalid {name} parameters")
        if not 0 <= number <= 100:
            raise ConfigError(f"{name} parameters should sit between [0.0,100.0]")
    return " ".join(f"{float(word):.6f}".rstrip("0").rstrip(".") for word in text.split())


def oom_scores(text: str) -> str:
    """A reader of `oom-score-adj-values`: three numbers that do not fall."""
    words = text.split()
    if len(words) != 3:
        raise ConfigError("wrong number of arguments")
    numbers = [parse_integer(word.encode("utf-8", "surrogateescape")) for word in words]
    if any(number is None or not -2000 <= number <= 2000 for number in numbers):
        raise ConfigError("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
    return " ".join(words)


def title_template(text: str) -> str:
    """A reader of `proc-title-template`: {title} and its kin; {{ is a brace.

    >>> title_template("{title} {port} {{x}")
    '{title} {port} {{x}'
    """
    variables = {"title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"}
    braces = re.findall(r"(\{\{)|\{([^}]*)(\}?)", text)
    if not text.strip() or any(not (double or (end and name in variables)) for double, name, end in braces):
        raise ConfigError("template format is invalid or contains unknown variables")
    return text


def some_of(*choices: str) -> Callable[[str], str]:
    """A reader of several words out of some."""

    def read(text: str) -> str:
        words = text.lower().split()
        if not words or not set(words) <= set(choices):
            raise ConfigError("argument(s) must be one of the following: " + ", ".join(choices))
        return " ".join(word for word in choices if word in words)

    return read


def is_memory(directive: Directive) -> bool:
    """True if its value is a size in bytes."""
    return directive.read in (memory, memory_or_percent) or directive.read.__qualname__.startswith(
        "memory_from"
    )


def _show_boolean(value: bool) -> str:
    return "yes" if value else "no"


def _show_save(value: tuple[tuple[int, int], ...]) -> str:
    return " ".join(f"{seconds} {changes}" for seconds, changes in value)


_SIZE = integer(0, 2**63 - 1)
_POLICIES = (
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
)


def _listpack(kind: str, limit: str, default: str) -> Directive:
    """A threshold of Encodings; its name before Redis 7.0 said ziplist."""
    read = memory if limit == "value" else _SIZE
    return Directive(f"{kind}-max-listpack-{limit}", default, read, aliases=(f"{kind}-max-ziplist-{limit}",))


DIRECTIVES: tuple[Directive, ...] = (
    Directive("active-expire-effort", "1", integer(1, 10)),
    Directive("activerehashing", "yes", boolean, _show_boolean),
    Directive("appendonly", "no", boolean, _show_boolean),
    Directive(
        "client-output-buffer-limit",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        output_limits,
        _show_output_limits,
        words=None,
    ),
    Directive("databases", "16", integer(1, 2**31 - 1), immutable=True),
    _listpack("hash", "entries", "512"),
    _listpack("hash", "value", "64"),
    Directive("hll-sparse-max-bytes", "3000", memory),
    Directive("hz", "10", hertz),
    Directive("list-compress-depth", "0", integer(0, 2**31 - 1)),
    Directive(
        "list-max-listpack-size", "-2", integer(-(2**31), 2**31 - 1), aliases=("list-max-ziplist-size",)
    ),
    Directive("maxclients", "10000", integer(1, 2**32 - 1)),
    Directive("maxmemory", "0", memory_from(0, 2**64 - 1)),
    Directive("maxmemory-policy", "noeviction", one_of(*_POLICIES)),
    Directive("maxmemory-samples", "5", integer(1, 64)),
    Directive("notify-keyspace-events", "", key_event_classes, _show_event_classes),
    Directive("port", "6379", integer(0, 65535)),
    Directive("proto-max-bulk-len", "536870912", memory_from(1 << 20)),
    Directive("requirepass", "", str),
    Directive("save", "3600 1 300 100 60 10000", save_points, _show_save, words=None),
    Directive("set-max-intset-entries", "512", _SIZE),
    Directive("set-max-listpack-entries", "128", _SIZE),
    Directive("set-max-listpack-value", "64", _SIZE),
    Directive("stream-node-max-bytes", "4096", memory),
    Directive("stream-node-max-entries", "100", _SIZE),
    Directive("timeout", "0", integer(0, 2**31 - 1)),
    _listpack("zset", "entries", "128"),
    _listpack("zset", "value", "64"),
)


_READERS: dict[str, Callable[[str], Any]] = {
    "bool": boolean,
    "memory": memory,
    "memory-or-percent": memory_or_percent,
    "octal": octal,
    "never": never,
    "backlog": backlog_size,
    "addresses": addresses,
    "hostname": hostname,
    "primary": primary_address,
    "percentiles": percentiles,
    "scores": oom_scores,
    "title": title_template,
}


_MARKS = str.maketrans("", "", "!?")


def _other_directive(line: str) -> Directive:
    """A line of the table in directives.py."""
    declaration, _, default = line.partition("=")
    names, kind, *details = declaration.split()
    name, *aliases = names.translate(_MARKS).split("/")
    words: int | None = 1
    read: Callable[[str], Any] = str
    if kind == "int":
        least, _, most = details[0].partition("..")
        read = integer(int(least), int(most))
    elif kind == "words":
        words = int(details[0]) or None
    elif kind != "text":
        if kind == "memory-from":
            read = memory_from(*map(int, details))
        elif kind in ("enum", "flags"):
            read = (one_of if kind == "enum" else some_of)(*details)
        else:
            read = _READERS[kind]
        words = {"percentiles": None, "scores": None, "flags": None, "addresses": None, "primary": 2}.get(
            kind, 1
        )
    show = {"bool": _show_boolean, "never": _show_boolean, "octal": "{:o}".format}.get(kind, str)
    return Directive(name, default.strip(), read, show, "!" in names, "?" in names, tuple(aliases), words)


DIRECTIVES += tuple(_other_directive(line) for line in OTHER_DIRECTIVES.strip().splitlines())
BY_NAME = {name: directive for directive in DIRECTIVES for name in (directive.name, *directive.aliases)}

DEFAULTS = {directive.attribute: directive.read(directive.default) for directive in DIRECTIVES}
"""The values by attribute, as they are if nobody sets them."""


class Config:
    """The values of one node.  `on_change` is called after a set with the names that changed."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self.on_change: Callable[[list[str]], None] | None = None
        self.__dict__.update(DEFAULTS)
        if values:
            self.set({name.replace("_", "-"): str(value) for name, value in values.items()}, starting=True)

    def __getattr__(self, name: str) -> Any:  # only reached when the attribute is missing
        raise AttributeError(f"unknown configuration directive {name.replace('_', '-')!r}")

    def set(self, values: Mapping[str, str], starting: bool = False) -> None:
        """Change several directives at once: all or, when one is refused (ConfigError), none."""
        read: dict[str, Any] = {}
        for name, text in values.items():
            directive = BY_NAME.get(name.lower())
            if directive is None:
                raise ConfigError(f"unknown configuration directive {name!r}", name)
            if directive.immutable and not starting:
                raise ConfigError("can't set immutable config", name)
            try:
                read[directive.attribute] = directive.read(text)
            except ConfigError as error:
                error.directive = name
                raise
        former = {attribute: getattr(self, attribute) for attribute in read}
        for attribute, value in read.items():
            if isinstance(value, dict):  # limits by class: a class that is not named keeps its own
                value = {**former[attribute], **value}
            setattr(self, attribute, value)
        if self.on_change is not None:
            try:
                self.on_change(list(read))
            except ConfigError:  # it cannot be put into effect
                self.__dict__.update(former)
                with contextlib.suppress(ConfigError):  # nor can the former: the log has it
                    self.on_change(list(read))
                raise

    def show(self, directive: Directive) -> str:
        """The value of a directive as CONFIG GET prints it."""
        return directive.show(getattr(self, directive.attribute))
