"""Access control: users, what they may run, and on which keys and channels.

A user is a set of rules, each one word, applied in order:

    on off                     may one authenticate as this user?
    >secret <secret nopass     passwords, kept as SHA-256: `#5e88...` is a hash, `!5e88...` takes it away
    +get -config|set +@read    commands, subcommands, categories; +@all, -@all
    +select|0                  a command with this first argument only
    ~orders:* %R~stock:*       keys: all access, reading only (%W~: writing only); allkeys, resetkeys
    &news:*                    channels; allchannels, resetchannels
    (+set ~tmp:*)              a selector: one more such set; what one of the sets allows is allowed
    reset                      as a new user: off, no password, nothing allowed

What may be run is a start and its exceptions, as the rules say it: `+@all` and some without, or `-@all` and
some with. So a command that is added later belongs to those who have all, and to nobody else.

    +@all -@dangerous +info        base: allowed     exceptions: keys, flushall, shutdown ...
                                   rules: -@dangerous +info     as they were given, for ACL LIST and ACL SAVE

The rules are kept beside the set they make: `-@dangerous` says more than the eighty commands it took away.

Mirrors: acl.c (ACLSetUser, ACLSetSelector, ACLDescribeUser, ACLSelectorCheckCmd).
Differs: sets of names instead of a bitmap of 1024 bits.
Complexity: a rule O(1), a category O(commands); a check O(key patterns * keys of the command).

>>> from minidis.drivers.embedded import Embedded
>>> alice = User(b"alice", Rulebook(Embedded(clock=0).node.commands))
>>> alice.apply_all(b"on nopass +@read -@dangerous ~orders:* (+set &*)".split())
>>> alice.describe()
b'on nopass sanitize-payload ~orders:* resetchannels -@all +@read -@dangerous (&* -@all +set)'

Read next: users.py, the users of a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minidis.engine.command_table.categories import CATEGORIES, has_category
from minidis.engine.command_table.keyaccess import keys_of_request
from minidis.engine.command_table.registry import Command, CommandTable, Flag
from minidis.engine.errors import shown
from minidis.engine.messages.pubsub import name_matches
from minidis.protocol.quoting import split_arguments
from minidis.structures.record import record

READ, WRITE = 1, 2
"""What a key pattern grants."""

SPACES = frozenset(b" \t\n\v\f\r\0")
_HEXADECIMAL = frozenset(b"0123456789abcdef")

UNKNOWN_COMMAND = "Unknown command or category name in ACL"
SYNTAX = "Syntax error"
_NO_EFFECT = (
    "Adding a pattern after the * pattern (or the '{}' flag) is not valid and does not have any effect. "
    "Try '{}' to start with an empty list of {}"
)
PATTERN_AFTER_ALL_KEYS = _NO_EFFECT.format("allkeys", "resetkeys", "patterns")
PATTERN_AFTER_ALL_CHANNELS = _NO_EFFECT.format("allchannels", "resetchannels", "channels")
NO_SUCH_PASSWORD = "The password you are trying to remove from the user does not exist"
BAD_HASH = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
FIRST_ARGUMENT_OF_SUBCOMMAND = "Allowing first-arg of a subcommand is not supported"

# Which words of a request name channels: (first, whether all that follow do too, whether they are patterns).
# To end a subscription needs no permission.
CHANNELS_OF_COMMAND = {
    "publish": (1, False, False),
    "spublish": (1, False, False),
    "subscribe": (1, True, False),
    "ssubscribe": (1, True, False),
    "psubscribe": (1, True, True),
}


class RuleError(ValueError):
    """A rule that cannot be applied; the text is the reason."""


@record(frozen=True)
class Denial:
    """Why a request is refused: `reason` is "command", "key" or "channel", `word` the one at fault."""

    reason: str
    command: str
    word: bytes
    position: int  # of the word in the request

    @property
    def severity(self) -> tuple[int, int]:
        """Of the refusals of several selectors, the greatest is told: who came furthest."""
        return ("command", "key", "channel").index(self.reason), self.position

    @property
    def logged_object(self) -> bytes:
        """What ACL LOG shows."""
        return self.command.encode() if self.reason == "command" else self.word

    def message(self, user: User, verbose: bool = False) -> str:
        """The text of the refusal; only ACL DRYRUN, which is `verbose`, names the key."""
        name = shown(user.name)
        if self.reason == "command":
            return f"User {name} has no permissions to run the '{self.command}' command"
        if verbose:
            return f"User {name} has no permissions to access the '{shown(self.word)}' {self.reason}"
        return f"No permissions to access a {self.reason}"


@record
class Rulebook:
    """What rules refer to: the commands there are, and whether a new user may use all channels."""

    table: CommandTable
    all_channels: bool = False  # acl-pubsub-default


class Selector:
    """One set of permissions: commands, keys, channels."""

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        self.all_keys = False
        self.all_channels = book.all_channels
        self.all_commands = False  # the base: +@all, or -@all
        self.exceptions: set[str] = set()  # full names, "config|set"
        self.first_arguments: dict[str, list[bytes]] = {}  # of commands that are not allowed as a whole
        self.rules: list[bytes] = []  # about commands, since the last +@all or -@all, each but once
        self.keys: dict[bytes, int] = {}  # pattern -> READ | WRITE
        self.channels: dict[bytes, None] = {}

    def copy(self) -> Selector:
        twin = Selector(self.book)
        twin.all_keys, twin.all_channels = self.all_keys, self.all_channels
        twin.all_commands = self.all_commands
        twin.exceptions, twin.rules = set(self.exceptions), list(self.rules)
        twin.first_arguments = {name: list(words) for name, words in self.first_arguments.items()}
        twin.keys, twin.channels = dict(self.keys), dict(self.channels)
        return twin

    @property
    def unrestricted(self) -> bool:
        """True if it allows everything, so that nothing need be looked at."""
        return self.all_keys and self.all_channels and self.all_commands and not self.exceptions

    def allows_command(self, name: str) -> bool:
        """Is the command (`config|get`) allowed, whatever its arguments?"""
        return self.all_commands != (name in self.exceptions)

    # -- checks -----------------------------------------------------------------------------------

    def check(self, command: Command, argv: Sequence[bytes]) -> Denial | None:
        """The reason to refuse a request, None to let it pass."""
        name = command.name
        if not (self.allows_command(name) or command.flags & Flag.NO_AUTH):
            position = 2 if "|" in name else 1
            first = argv[position].lower() if len(argv) > position else None
            if all(first != allowed.lower() for allowed in self.first_arguments.get(name, ())):
                return Denial("command", name, argv[0], 0)
        if not self.all_keys:
            for position, access in keys_of_request(command, argv):
                if not self.allows_key(argv[position], permissions_needed(access)):
                    return Denial("key", name, argv[position], position)
        if not self.all_channels and name in CHANNELS_OF_COMMAND:
            position, several, patterns = CHANNELS_OF_COMMAND[name]
            for at in range(position, len(argv) if several else position + 1):
                if not allows_channel(self.channels, argv[at], patterns):
                    return Denial("channel", name, argv[at], at)
        return None

    def allows_key(self, key: bytes, needed: int) -> bool:
        """May `key` be accessed so?  With nothing `needed` (EXISTS) any pattern that matches will do."""
        return self.all_keys or any(
            granted & needed == needed and name_matches(pattern, key)
            for pattern, granted in self.keys.items()
        )

    def allows_every_key(self, needed: int) -> bool:
        """May any key at all be accessed so?  SORT's BY and GET ask, whose keys nobody knows beforehand."""
        return self.all_keys or self.keys.get(b"*", 0) & needed == needed != 0

    # -- rules ------------------------------------------------------------------------------------

    def apply(self, rule: bytes) -> None:
        """Apply one rule about commands, keys or channels.  Raises RuleError."""
        whole = self._WHOLE.get(rule.lower())
        if whole is not None:
            whole(self)
        elif rule.startswith((b"~", b"%")):
            self._add_key_pattern(rule)
        elif rule.startswith(b"&"):
            self._add_channel(rule[1:])
        elif rule.startswith((b"+@", b"-@")):
            self._change_category(rule[2:], allow=rule.startswith(b"+"))
        elif rule.startswith(b"+") and b"|" in rule:
            self._allow_subcommand(rule[1:])
        elif rule.startswith((b"+", b"-")):
            command = self._look_up(rule[1:])
            self._change_command(command, allow=rule.startswith(b"+"))
            self._keep_rule(rule[:1], command.name.encode())
        else:
            raise RuleError(SYNTAX)

    def _set_keys(self, all_keys: bool) -> None:
        self.all_keys = all_keys
        self.keys.clear()

    def _set_channels(self, all_channels: bool) -> None:
        self.all_channels = all_channels
        self.channels.clear()

    def _set_commands(self, all_commands: bool) -> None:
        self.all_commands = all_commands
        self.exceptions.clear()
        self.rules.clear()
        self.first_arguments.clear()

    _WHOLE = {
        b"allkeys": lambda self: self._set_keys(True),
        b"~*": lambda self: self._set_keys(True),
        b"resetkeys": lambda self: self._set_keys(False),
        b"allchannels": lambda self: self._set_channels(True),
        b"&*": lambda self: self._set_channels(True),
        b"resetchannels": lambda self: self._set_channels(False),
        b"allcommands": lambda self: self._set_commands(True),
        b"+@all": lambda self: self._set_commands(True),
        b"nocommands": lambda self: self._set_commands(False),
        b"-@all": lambda self: self._set_commands(False),
    }

    def _add_key_pattern(self, rule: bytes) -> None:
        if self.all_keys:
            raise RuleError(PATTERN_AFTER_ALL_KEYS)
        letters, _, pattern = rule.partition(b"~")
        wanted = letters[1:].upper() if letters else b"RW"
        if wanted not in (b"R", b"W", b"RW", b"WR") or has_spaces(pattern):
            raise RuleError(SYNTAX)
        granted = READ * (b"R" in wanted) | WRITE * (b"W" in wanted)
        self.keys[pattern] = self.keys.get(pattern, 0) | granted

    def _add_channel(self, pattern: bytes) -> None:
        if self.all_channels:
            raise RuleError(PATTERN_AFTER_ALL_CHANNELS)
        if has_spaces(pattern):
            raise RuleError(SYNTAX)
        self.channels[pattern] = None

    def _look_up(self, name: bytes) -> Command:
        command = self.book.table.original(name)
        if command is None:
            raise RuleError(UNKNOWN_COMMAND)
        return command

    def _allow_subcommand(self, text: bytes) -> None:
        container, _, word = text.rpartition(b"|")
        command = self._look_up(container)
        if "|" in command.name:
            raise RuleError(FIRST_ARGUMENT_OF_SUBCOMMAND)
        if not word:
            raise RuleError(SYNTAX)
        if command.subcommands:
            self._change_command(self._look_up(text), allow=True)
        else:
            allowed = self.first_arguments.setdefault(command.name, [])
            if all(word.lower() != other.lower() for other in allowed):
                allowed.append(word)
        self._keep_rule(b"+", text.lower())

    def _change_command(self, command: Command, allow: bool) -> None:
        """Allow or refuse a command, a container with all its subcommands."""
        names = [command.name, *(subcommand.name for subcommand in command.subcommands.values())]
        if allow == self.all_commands:
            self.exceptions.difference_update(names)
        else:
            self.exceptions.update(names)
        self.first_arguments.pop(command.name, None)

    def _change_category(self, name: bytes, allow: bool) -> None:
        category = name.decode("latin-1").lower()
        if category not in CATEGORIES:
            raise RuleError(UNKNOWN_COMMAND)
        self._keep_rule(b"+" if allow else b"-", b"@" + category.encode())
        for command in self.book.table.originals():
            if has_category(command, category):
                self._change_command(command, allow)

    def _keep_rule(self, sign: bytes, what: bytes) -> None:
        """Add a rule at the end; what was said before about the same, or a part of it, goes."""
        self.rules = [
            rule for rule in self.rules if rule[1:] != what and not rule[1:].startswith(what + b"|")
        ]
        self.rules.append(sign + what)

    # -- as text ----------------------------------------------------------------------------------

    def describe_commands(self) -> bytes:
        return b" ".join([b"+@all" if self.all_commands else b"-@all", *self.rules])

    def describe_keys(self) -> bytes:
        prefixes = {READ: b"%R~", WRITE: b"%W~", READ | WRITE: b"~"}
        patterns = [prefixes[granted] + pattern for pattern, granted in self.keys.items()]
        return b"~*" if self.all_keys else b" ".join(patterns)

    def describe_channels(self) -> bytes:
        return b"&*" if self.all_channels else b" ".join(b"&" + pattern for pattern in self.channels)

    def describe(self) -> bytes:
        """The rules that make this selector out of an empty one."""
        channels = self.describe_channels()
        if not self.all_channels:
            channels = b"resetchannels " + channels
        parts = (self.describe_keys(), channels.strip(), self.describe_commands())
        return b" ".join(part for part in parts if part)


class User:
    """A name, passwords, and selectors that say what it may do; the first is written without parentheses."""

    def __init__(self, name: bytes, book: Rulebook) -> None:
        self.name = name
        self.book = book
        self.enabled = False
        self.needs_no_password = False
        self.sanitizes_payload = True
        self.password_hashes: dict[bytes, None] = {}  # in order
        self.selectors = [Selector(book)]
        self.unrestricted = False  # kept, since every command of a client asks for it

    def copy(self) -> User:
        twin = User(self.name, self.book)
        twin.become(self)
        return twin

    def become(self, other: User) -> None:
        """Take over everything but the name.  Clients keep this object."""
        self.enabled, self.needs_no_password = other.enabled, other.needs_no_password
        self.sanitizes_payload = other.sanitizes_payload
        self.password_hashes = dict(other.password_hashes)
        self.selectors = [selector.copy() for selector in other.selectors]
        self.unrestricted = other.unrestricted

    @property
    def flags(self) -> list[str]:
        """The words for what is on and off, in the order of ACL LIST."""
        return [
            "on" if self.enabled else "off",
            *(["nopass"] if self.needs_no_password else []),
            "sanitize-payload" if self.sanitizes_payload else "skip-sanitize-payload",
        ]

    # -- checks -----------------------------------------------------------------------------------

    def accepts(self, password: bytes) -> bool:
        """May one authenticate with `password`?"""
        from hmac import compare_digest  # imported by those who have passwords

        if not self.enabled:
            return False
        digest = hash_password(password)
        known = [compare_digest(digest, other) for other in self.password_hashes]
        return self.needs_no_password or any(known)

    def check(self, command: Command, argv: Sequence[bytes]) -> Denial | None:
        """The reason to refuse a request, None to let it pass."""
        if self.unrestricted:
            return None
        denials = []
        for selector in self.selectors:
            denial = selector.check(command, argv)
            if denial is None:
                return None
            denials.append(denial)
        return max(denials, key=lambda denial: denial.severity)

    def check_with_every_key(self, command: Command, argv: Sequence[bytes], needed: int = READ) -> bool:
        """May a request be run that touches keys which its arguments do not name?"""
        return self.unrestricted or any(
            selector.check(command, argv) is None and selector.allows_every_key(needed)
            for selector in self.selectors
        )

    def allows_key(self, key: bytes, needed: int) -> bool:
        return self.unrestricted or any(selector.allows_key(key, needed) for selector in self.selectors)

    def allows_channel(self, channel: bytes, is_pattern: bool = False) -> bool:
        return self.unrestricted or any(
            selector.all_channels or allows_channel(selector.channels, channel, is_pattern)
            for selector in self.selectors
        )

    # -- rules ------------------------------------------------------------------------------------

    def apply_all(self, rules: Iterable[bytes]) -> None:
        """Apply rules in order.  Raises RuleError; what came before it stays applied."""
        for rule in rules_with_selectors(rules):
            self.apply(rule)

    def apply(self, rule: bytes) -> None:
        """Apply one rule, a selector in parentheses being one.  Raises RuleError."""
        switch = self._SWITCHES.get(rule.lower())
        if switch is not None:
            switch(self)
        elif rule.startswith((b">", b"#")):
            self.password_hashes[_hash_of_rule(rule)] = None
            self.needs_no_password = False
        elif rule.startswith((b"<", b"!")):
            digest = _hash_of_rule(rule)
            if digest not in self.password_hashes:
                raise RuleError(NO_SUCH_PASSWORD)
            del self.password_hashes[digest]
        elif rule.startswith(b"(") and rule.endswith(b")"):
            selector = Selector(self.book)
            for inner in split_arguments(rule[1:-1]) or ():
                selector.apply(inner)
            self.selectors.append(selector)
        elif rule:
            self.selectors[0].apply(rule)
        self.unrestricted = any(selector.unrestricted for selector in self.selectors)

    def _set_enabled(self, enabled: bool) -> None:
        self.enabled = enabled

    def _set_sanitizing(self, sanitizes: bool) -> None:
        self.sanitizes_payload = sanitizes

    def _forget_passwords(self, needs_none: bool) -> None:
        self.needs_no_password = needs_none
        self.password_hashes.clear()

    def _keep_first_selector(self) -> None:
        del self.selectors[1:]

    def _reset(self) -> None:
        self.become(User(self.name, self.book))

    _SWITCHES = {
        b"on": lambda self: self._set_enabled(True),
        b"off": lambda self: self._set_enabled(False),
        b"sanitize-payload": lambda self: self._set_sanitizing(True),
        b"skip-sanitize-payload": lambda self: self._set_sanitizing(False),
        b"nopass": lambda self: self._forget_passwords(True),
        b"resetpass": lambda self: self._forget_passwords(False),
        b"clearselectors": _keep_first_selector,
        b"reset": _reset,
    }

    # -- as text ----------------------------------------------------------------------------------

    def describe(self) -> bytes:
        """The rules that make this user out of a new one, as ACL LIST and the ACL file have them."""
        words = [flag.encode() for flag in self.flags]
        words += [b"#" + digest for digest in self.password_hashes]
        words.append(self.selectors[0].describe())
        words += [b"(" + selector.describe() + b")" for selector in self.selectors[1:]]
        return b" ".join(words)


# ---- rules as words ---------------------------------------------------------------------------------------


class UnmatchedParenthesis(RuleError):
    """A selector that does not end; `word` is where it begins."""

    def __init__(self, word: bytes) -> None:
        super().__init__(f"Unmatched parenthesis in acl selector starting at '{shown(word)}'.")
        self.word = word


def rules_with_selectors(words: Iterable[bytes]) -> list[bytes]:
    """The words of a request or of a line, those of one selector put together.  Raises UnmatchedParenthesis.

    >>> rules_with_selectors([b"on", b"(+get", b"~k)", b"(+set)"])
    [b'on', b'(+get ~k)', b'(+set)']
    """
    rules: list[bytes] = []
    opened: list[bytes] = []
    for word in words:
        if opened or (word.startswith(b"(") and not word.endswith(b")")):
            opened.append(word)
            if word.endswith(b")"):
                rules.append(b" ".join(opened))
                opened = []
        else:
            rules.append(word)
    if opened:
        raise UnmatchedParenthesis(opened[0])
    return rules


def has_spaces(text: bytes) -> bool:
    """True for what could not stand in an ACL file, which is split at spaces."""
    return not SPACES.isdisjoint(text)


def hash_password(password: bytes) -> bytes:
    """SHA-256 in hexadecimal: passwords themselves are not kept."""
    from hashlib import sha256  # here: OpenSSL takes 4 ms to load

    return sha256(password).hexdigest().encode()


def _hash_of_rule(rule: bytes) -> bytes:
    if rule.startswith((b">", b"<")):
        return hash_password(rule[1:])
    digest = rule[1:]
    if len(digest) != 64 or not _HEXADECIMAL.issuperset(digest):
        raise RuleError(BAD_HASH)
    return digest


def permissions_needed(access: str) -> int:
    """What a key pattern must grant for what a command does to a key.

    >>> permissions_needed("RW access delete"), permissions_needed("OW update"), permissions_needed("RO")
    (3, 2, 0)
    """
    words = access.split()
    changes = any(word in ("insert", "update", "delete") for word in words)
    return READ * ("access" in words) | WRITE * changes


def allows_channel(allowed: Iterable[bytes], channel: bytes, is_pattern: bool) -> bool:
    """A channel must match an allowed pattern; a pattern (PSUBSCRIBE) must be one of them literally."""
    return any(pattern == channel if is_pattern else name_matches(pattern, channel) for pattern in allowed)
