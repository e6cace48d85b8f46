"""The users of a node: who may connect, who is whom, and what happens when rules change.

Every connection begins as the user "default", whose password is `requirepass`. A client holds its `User`
itself, so that a rule changed by ACL SETUSER counts for everyone at once; a user that is deleted takes its
clients with it.

    AUTH alice secret     client.user = alice
    GET k                 client.gated? only if alice is restricted: then `admit` looks at the rules
    ACL SETUSER alice -get
    GET k                 NOPERM User alice has no permissions to run the 'get' command

Whoever listens to channels that are no longer allowed is hung up on: messages would go on coming otherwise.

Mirrors: acl.c (ACLAuthenticateUser, ACLStringSetUser, ACLKillPubsubClientsIfNeeded, ACLLoadFromFile).
Complexity: a change of rules O(clients).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("ACL", "SETUSER", "alice", "on", "nopass", "+get", "~public:*")
'OK'
>>> redis.node.users.by_name[b"alice"].check(redis.node.commands.by_name["get"], [b"GET", b"private"]).reason
'key'

Read next: minidis/commands/acl.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from minidis.engine.access_control.acl import (
    UNKNOWN_COMMAND,
    Denial,
    Rulebook,
    RuleError,
    UnmatchedParenthesis,
    User,
    allows_channel,
    has_spaces,
    rules_with_selectors,
)
from minidis.engine.access_control.acl_log import AclLog
from minidis.engine.errors import shown
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.command_table.registry import Command
    from minidis.engine.node import Node

DEFAULT = b"default"
WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled."
NO_CHANGE = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"

_REASONS_IN_EXEC = {
    "command": "no permission to execute the command or subcommand",
    "key": "no permission to touch the specified keys",
    "channel": "no permission to access one of the channels used as arguments",
}


class Users:
    """All users of a node, by name."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.book = Rulebook(node.commands)
        self.default = self._new_default()
        self.by_name: dict[bytes, User] = {DEFAULT: self.default}
        self.log = AclLog()

    def _new_default(self) -> User:
        return self.new_superuser(DEFAULT)

    def new_superuser(self, name: bytes = b"") -> User:
        """A user who may do anything; without a name, one that nobody can become (a replica's primary)."""
        user = User(name, self.book)
        user.apply_all((b"+@all", b"~*", b"&*", b"on", b"nopass"))
        return user

    def sorted(self) -> list[User]:
        """In the order of their names."""
        return [self.by_name[name] for name in sorted(self.by_name)]

    # -- who is it --------------------------------------------------------------------------------

    @property
    def authentication_required(self) -> bool:
        """True while a new connection may do nothing before AUTH."""
        return not (self.default.needs_no_password and self.default.enabled)

    def authenticate(self, client: Client, name: bytes, password: bytes, attempt: bytes = b"AUTH") -> None:
        """Make `client` the user `name`.  Raises WRONGPASS; `attempt` is the command, for ACL LOG."""
        user = self.by_name.get(name)
        if user is None or not user.accepts(password):
            self._note(client, "auth", _context(client), attempt, name)
            raise ReplyError(WRONG_PASSWORD)
        client.user = user
        client.authenticated = True
        client.update_gate()

    # -- may it -----------------------------------------------------------------------------------

    def denial(
        self, client: Client, command: Command, argv: Sequence[bytes], context: str = ""
    ) -> Denial | None:
        """The reason to refuse a request, noted in the log; None if `client` may run it.

        `context` is "lua" for a request of a script.
        """
        denial = client.user.check(command, argv)
        if denial is not None:
            self._note(client, denial.reason, context or _context(client), denial.logged_object)
        return denial

    def admit(self, client: Client, command: Command, argv: Sequence[bytes]) -> None:
        """Raise NOPERM if `client` may not run this."""
        denial = self.denial(client, command, argv)
        if denial is not None:
            raise ReplyError(f"NOPERM {denial.message(client.user)}")

    def admit_in_exec(self, client: Client, command: Command, argv: Sequence[bytes]) -> None:
        """The same for a queued command: rules may have changed since it was queued."""
        denial = self.denial(client, command, argv, "multi")
        if denial is not None:
            raise ReplyError(
                "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC "
                "call. This command is no longer allowed for the following reason: "
                + _REASONS_IN_EXEC[denial.reason]
            )

    def _note(
        self, client: Client, reason: str, context: str, what: bytes, name: bytes | None = None
    ) -> None:
        node = self.node
        username = client.user.name if name is None else name
        describe = node.commands.original(b"client|info")
        info = b"" if describe is None else describe.invoke(client, [b"CLIENT", b"INFO"])
        self.log.add(
            reason,
            context,
            what,
            username,
            info.decode("utf-8", "surrogateescape").rstrip("\n"),
            node.now_ms,
            node.config.acllog_max_len,
        )

    # -- changes ----------------------------------------------------------------------------------

    def set_user(self, name: bytes, words: Iterable[bytes]) -> None:
        """ACL SETUSER: apply all rules or, when one is wrong (RuleError), none."""
        user = self.by_name.get(name)
        changed = User(name, self.book) if user is None else user.copy()
        for rule in rules_with_selectors(words):
            try:
                changed.apply(rule)
            except RuleError as error:
                raise RuleError(f"Error in ACL SETUSER modifier '{shown(rule)}': {error}") from None
        if user is None:
            self.by_name[name] = changed
        else:
            self._hang_up_on_listeners(user, changed)
            user.become(changed)
            self.update_gates()

    def delete(self, names: Iterable[bytes]) -> int:
        """Delete users, never the default one; their clients are hung up on.  How many there were."""
        users = [user for name in names if (user := self.by_name.pop(name, None)) is not None]
        self._hang_up(client for client in self._clients() if client.user in users)
        return len(users)

    def set_default_password(self, password: str) -> None:
        """`requirepass` was set: the default user has this password alone, or needs none."""
        rule = b">" + password.encode("utf-8", "surrogateescape") if password else b"nopass"
        self.default.apply_all((b"resetpass", rule))
        self.update_gates()

    def _hang_up_on_listeners(self, user: User, changed: User) -> None:
        """`user` becomes `changed`: who listens to what the new rules forbid must go."""
        selectors = changed.selectors
        if any(selector.all_channels for selector in selectors):
            return
        allowed = [pattern for selector in selectors for pattern in selector.channels]
        before = user.selectors
        if not any(selector.all_channels for selector in before) and all(
            pattern in allowed for selector in before for pattern in selector.channels
        ):
            return
        listeners = [client for client in self._clients() if client.user is user]
        self._hang_up(client for client in listeners if not _may_listen(client, allowed))

    def _hang_up(self, clients: Iterable[Client]) -> None:
        for client in clients:
            client.user = self.default
            client.authenticated = False
            self.node.disconnect(client)

    def _clients(self) -> list[Client]:
        return list(self.node.clients.values())

    def update_gates(self) -> None:
        """Something has changed that gates or limits of clients depend on."""
        for client in self.node.clients.values():
            client.update_gate()

    # -- files ------------------------------------------------------------------------------------

    def lines(self) -> list[bytes]:
        """Every user as a line of an ACL file or of redis.conf."""
        return [b"user " + user.name + b" " + user.describe() for user in self.sorted()]

    def define(self, name: bytes, words: Iterable[bytes]) -> None:
        """A `user` line of redis.conf: the user begins anew.  Raises RuleError."""
        user = self.by_name.setdefault(name, User(name, self.book))
        user.apply(b"reset")
        for rule in rules_with_selectors(words):
            try:
                user.apply(rule)
            except RuleError as error:
                who = f"for the user named '{shown(name)}'"
                raise RuleError(f"Error loading ACL rule '{shown(rule)}' {who}: {error}") from None
        self.update_gates()

    def load(self, text: bytes, path: str) -> None:
        """Take the users of an ACL file in the place of those there are.

        Raises RuleError with all that is wrong in it, and changes nothing then.
        """
        loaded: dict[bytes, User] = {}
        faults = ""
        for number, line in enumerate(text.split(b"\n"), start=1):
            words = line.strip(b" \t\r\n").split(b" ")
            if words != [b""]:
                faults += self._load_line(loaded, words, f"{path}:{number}")
        if faults:
            raise RuleError(faults + NO_CHANGE)
        self.default.become(loaded.get(DEFAULT) or self._new_default())
        self.by_name = {**loaded, DEFAULT: self.default}
        self._hang_up(client for client in self._clients() if client.user is not self.default)
        self.update_gates()

    def _load_line(self, loaded: dict[bytes, User], words: list[bytes], where: str) -> str:
        """Add the user of one line; what is wrong with it."""
        if words[0] != b"user" or len(words) < 2:
            return f"{where} should start with user keyword followed by the username. "
        name = words[1]
        if has_spaces(name):
            return f"'{where}: username '{shown(name)}' contains invalid characters. "
        if name in loaded:
            line_number = where.rpartition(":")[2]
            return f"WARNING: Duplicate user '{shown(name)}' found on line {line_number}. "
        user = loaded[name] = User(name, self.book)
        try:
            rules = rules_with_selectors(words[2:])
        except UnmatchedParenthesis:
            return f"{where}: Unmatched parenthesis in selector definition."
        faults = ""
        syntax_fault = False
        for rule in rules:
            rule = rule.strip(b"\t\r\n")
            try:
                user.apply(rule)
            except RuleError as error:
                if str(error) == UNKNOWN_COMMAND:
                    faults += f"{where}: Error in applying operation '{shown(rule)}': {error}. "
                elif not syntax_fault:  # what follows a fault may be wrong because of it
                    faults += f"{where}: {error}. "
                    syntax_fault = True
        return faults


def _context(client: Client) -> str:
    return "multi" if client.transaction is not None or client.in_execution else "toplevel"


def _may_listen(client: Client, allowed: Sequence[bytes]) -> bool:
    listens_to = client.subscriptions
    names = (*listens_to.channels, *listens_to.shard_channels)
    return all(allows_channel(allowed, name, is_pattern=False) for name in names) and all(
        allows_channel(allowed, pattern, is_pattern=True) for pattern in listens_to.patterns
    )
