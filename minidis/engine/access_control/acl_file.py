"""Where users come from when a server starts, and where ACL SAVE leaves them: redis.conf or an ACL file.

    user default on nopass sanitize-payload ~* &* +@all
    user alice on #5e884898... sanitize-payload ~orders:* resetchannels -@all +@read

Both hold such lines. `user` lines in redis.conf are read once, and CONFIG REWRITE writes them back; a file of
its own (`aclfile`) can be read again at any time (ACL LOAD). It is taken as a whole or not at all: half a set
of rights would be worse than yesterday's. One may use the one or the other, not both.

Mirrors: ACLLoadUsersAtStartup, ACLLoadFromFile, ACLSaveToFile in acl.c.
Complexity: O(bytes).

>>> from minidis.engine.durability.disk import MemoryDisk
>>> from minidis.engine.node import Node
>>> disk = MemoryDisk()
>>> node = Node({"aclfile": "users.acl"}, disk=disk)
>>> save(node); disk.read("users.acl")
b'user default on nopass sanitize-payload ~* &* +@all\\n'

Read next: users.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minidis.engine.access_control.acl import (
    UNKNOWN_COMMAND,
    Rulebook,
    RuleError,
    User,
    has_spaces,
    rules_with_selectors,
)
from minidis.engine.durability.disk import DiskError, join, replace_file
from minidis.engine.errors import shown

if TYPE_CHECKING:
    from minidis.engine.command_table.registry import CommandTable
    from minidis.engine.node import Node

Definition = tuple[bytes, list[bytes]]
"""A name and the rules of a `user` line."""

DUPLICATE = "Duplicate user found. A user can only be defined once in config files"
BOTH_WAYS = (
    "Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid. "
    "This setup is very likely to lead to configuration errors and security holes, please define either an "
    "ACL file or declare users directly in your redis.conf, but not both."
)


def load_at_start(node: Node, definitions: Sequence[Definition]) -> None:
    """Make the users of redis.conf, or those of the ACL file.  Raises RuleError."""
    if definitions and node.config.aclfile:
        raise RuleError(BOTH_WAYS)
    for name, rules in definitions:
        node.users.define(name, rules)
        if not node.users.by_name[name].enabled:
            node.log(
                "notice",
                f"The user '{shown(name)}' is disabled (there is no 'on' modifier in the user description). "
                "Make sure this is not a configuration error.",
            )
    if node.config.aclfile:
        try:
            load(node)
        except RuleError as error:
            raise RuleError(f"Aborting Redis startup because of ACL errors: {error}") from None


def load(node: Node) -> None:
    """Take the users of the ACL file.  Raises RuleError, and changes nothing then."""
    path = node.config.aclfile
    try:
        text = node.disk.read(join(node.config.dir, path))
    except DiskError as error:
        raise RuleError(f"Error loading ACLs, opening file '{path}': {error.reason}") from None
    node.users.load(text, path)


def save(node: Node) -> None:
    """Write all users to the ACL file.  Raises DiskError."""
    lines = b"".join(line + b"\n" for line in node.users.lines())
    replace_file(node.disk, join(node.config.dir, node.config.aclfile), lines)


def check_definition(table: CommandTable, name: bytes, rules: Sequence[bytes]) -> None:
    """Raise RuleError for what is wrong with a `user` line, as far as no command is concerned."""
    if has_spaces(name):
        raise RuleError("Spaces not allowed in ACL usernames")
    user = User(name, Rulebook(table))
    for rule in rules_with_selectors(rules):
        try:
            user.apply(rule)
        except RuleError as error:
            if str(error) != UNKNOWN_COMMAND:
                raise RuleError(f"Error in user declaration '{shown(rule)}': {error}") from None
