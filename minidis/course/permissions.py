"""What exercises 18.1 and 18.3 stand on: requests as an ACL sees them, and users with a learner's rights.

    request_of(node, "SET k v")      Request(command="set", categories={...}, keys=(("k", "W"),), channels=())
    LearnersAcl(node, Permissions)   from now on ACL SETUSER's rules also go to a learner's Permissions, and
                                     his verdict decides what a client may do

The engine keeps names and passwords; what a rule about commands, keys and channels means is the learner's.

>>> from minidis.drivers.embedded import Embedded
>>> request_of(Embedded(clock=0), "COPY a b").keys
(('a', 'R'), ('b', 'W'))

Read next: minidis/engine/access_control/acl.py, after you have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from minidis.drivers.embedded import Embedded
from minidis.engine.access_control.acl import (
    CHANNELS_OF_COMMAND,
    Denial,
    permissions_needed,
    rules_with_selectors,
)
from minidis.engine.command_table.categories import CATEGORIES, has_category
from minidis.engine.command_table.keyaccess import keys_of_request
from minidis.engine.command_table.registry import Command
from minidis.engine.node import Node
from minidis.protocol.quoting import split_arguments

_ACCESS = {0: "", 1: "R", 2: "W", 3: "RW"}


class Request(NamedTuple):
    """What an ACL has to know of a request."""

    command: str
    """Its name in lower case; of a subcommand "config|get"."""
    categories: frozenset[str]
    """The categories that the command is in, "read", "dangerous" ...; all are in "all"."""
    keys: tuple[tuple[str, str], ...]
    """Each key, and how it is used: "R", "W", "RW", or "" where only its name matters (EXISTS)."""
    channels: tuple[tuple[str, bool], ...]
    """Each channel, and whether it is a pattern (PSUBSCRIBE)."""


def request_of(node: Embedded, line: str) -> Request:
    """A typed command as a request.  Raises ReplyError for a command that does not exist."""
    argv = split_arguments(line.encode()) or [b""]
    return seen_by_acl(node.node.commands.find(argv), argv)


def seen_by_acl(command: Command, argv: Sequence[bytes]) -> Request:
    """The same, of a request that is on its way."""
    keys = tuple(
        (argv[at].decode("utf-8", "surrogateescape"), _ACCESS[permissions_needed(access)])
        for at, access in keys_of_request(command, argv)
    )
    channels: tuple[tuple[str, bool], ...] = ()
    if command.name in CHANNELS_OF_COMMAND:
        first, several, patterns = CHANNELS_OF_COMMAND[command.name]
        named = argv[first : len(argv) if several else first + 1]
        channels = tuple((name.decode("utf-8", "surrogateescape"), patterns) for name in named)
    categories = {name for name in CATEGORIES if has_category(command, name)}
    return Request(command.name, frozenset(categories | {"all"}), keys, channels)


class LearnersAcl:
    """Hung into a node: a learner's permissions decide for every user but the default one."""

    def __init__(self, node: Node, make: Callable[[], Any]) -> None:
        self.node, self.make = node, make
        self.permissions: dict[bytes, Any] = {}
        self._set_user = node.users.set_user
        self._denial = node.users.denial

    def set_user(self, name: bytes, words: Sequence[bytes]) -> None:
        """ACL SETUSER: the engine first, which refuses what is no rule; then the learner's."""
        rules = [*words]
        self._set_user(name, rules)
        if name not in self.permissions:
            self.permissions[name] = self.make()
        for rule in rules_with_selectors(rules):
            text = rule.decode("utf-8", "surrogateescape")
            if text == "reset":
                self.permissions[name] = self.make()
            elif text[:1] in "+-~%&(" or text in WHOLE:
                self.permissions[name].apply(text)

    def denial(
        self, client: Any, command: Command, argv: Sequence[bytes], context: str = ""
    ) -> Denial | None:
        mine = self.permissions.get(client.user.name)
        if mine is None:
            return self._denial(client, command, argv, context)
        reason = mine.check(seen_by_acl(command, argv))
        return None if not reason else Denial(reason, command.name, argv[0], 0)


WHOLE = ("allkeys", "resetkeys", "allchannels", "resetchannels", "allcommands", "nocommands")
"""Rules that are one word without a sign."""


def plug_acl(node: Node, make: Callable[[], Any]) -> Callable[[], None]:
    """Let a learner's permissions decide on this node; answers what ends it."""
    learners: Any = LearnersAcl(node, make)
    users: Any = node.users
    users.set_user, users.denial = learners.set_user, learners.denial

    def undo() -> None:
        del users.set_user, users.denial

    return undo
