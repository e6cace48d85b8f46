"""ACL: users and their rights; the rules themselves are in minidis/engine/access_control/acl.py.

    ACL SETUSER alice on >secret +@read ~orders:*     make or change a user
    ACL DRYRUN alice GET stock:7                      what would happen?
    ACL LOG                                           what was refused

Mirrors: aclCommand in acl.c.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("ACL", "SETUSER", "alice", "on", "nopass", "+@read", "~orders:*")
'OK'
>>> redis.execute("ACL", "DRYRUN", "alice", "GET", "stock:7")
b"User alice has no permissions to access the 'stock:7' key"

Read next: minidis/engine/access_control/users.py.
"""

from __future__ import annotations

from typing import Any

from minidis.commands.helptexts import help_lines
from minidis.engine import errors
from minidis.engine.access_control import acl_file
from minidis.engine.access_control.acl import RuleError, Selector, has_spaces
from minidis.engine.access_control.acl_log import LogEntry
from minidis.engine.access_control.users import DEFAULT
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.categories import CATEGORIES, has_category
from minidis.engine.command_table.registry import ADMIN, LOADING, NOSCRIPT, SENTINEL, STALE, command
from minidis.engine.durability.disk import DiskError
from minidis.protocol.replies import ReplyError

_ANYONE = NOSCRIPT | LOADING | STALE | SENTINEL
_ADMIN = ADMIN | _ANYONE

GENPASS_DEFAULT_BITS = 256
GENPASS_MOST_BITS = 4096
LOG_DEFAULT_ENTRIES = 10


@command("ACL WHOAMI", _ANYONE, since="6.0.0", group="server")
def acl_whoami(client: Client):
    """The user of this connection. O(1)."""
    return client.user.name


@command("ACL USERS", _ADMIN, since="6.0.0", group="server")
def acl_users(client: Client):
    """The names of all users. O(N) where N is the number of users."""
    return [user.name for user in client.node.users.sorted()]


@command("ACL LIST", _ADMIN, since="6.0.0", group="server")
def acl_list(client: Client):
    """All users with their rules, as an ACL file has them. O(N) where N is the number of users."""
    return client.node.users.lines()


@command("ACL GETUSER username", _ADMIN, since="6.0.0", group="server")
def acl_getuser(client: Client, name: bytes):
    """The flags, passwords and rules of a user. O(N) where N is the number of its rules."""
    user = client.node.users.by_name.get(name)
    if user is None:
        return None
    return {
        b"flags": dict.fromkeys(flag.encode() for flag in user.flags).keys(),
        b"passwords": list(user.password_hashes),
        **_describe(user.selectors[0]),
        b"selectors": [_describe(selector) for selector in user.selectors[1:]],
    }


def _describe(selector: Selector) -> dict[bytes, bytes]:
    return {
        b"commands": selector.describe_commands(),
        b"keys": selector.describe_keys(),
        b"channels": selector.describe_channels(),
    }


@command("ACL SETUSER username [rule [rule ...]]", _ADMIN, since="6.0.0", group="server")
def acl_setuser(client: Client, name: bytes, *rules: bytes):
    """Make a user, or change one, by rules: all of them or none. O(N) where N is the number of rules."""
    if has_spaces(name):
        raise ReplyError("ERR Usernames can't contain spaces or null characters")
    try:
        client.node.users.set_user(name, rules)
    except RuleError as error:
        raise ReplyError(f"ERR {error}") from None
    return "OK"


@command("ACL DELUSER username [username ...]", _ADMIN, since="6.0.0", group="server")
def acl_deluser(client: Client, *names: bytes):
    """Delete users, and hang up on their clients. O(N) where N is the number of clients."""
    if DEFAULT in names:
        raise ReplyError("ERR The 'default' user cannot be removed")
    return client.node.users.delete(names)


@command("ACL DRYRUN username command [arg [arg ...]]", _ADMIN, since="7.0.0",
         group="server", raw=True)  # fmt: skip
def acl_dryrun(client: Client, name: bytes, *argv: bytes):
    """Tell whether a user may run a command, which is not run. O(1)."""
    user = client.node.users.by_name.get(name)
    if user is None:
        raise ReplyError(f"ERR User '{errors.shown(name)}' not found")
    try:
        entry = client.node.commands.find(list(argv))
    except ReplyError:
        raise ReplyError(f"ERR Command '{errors.shown(argv[0])}' not found") from None
    entry.check_arity(list(argv))
    denial = user.check(entry, argv)
    return "OK" if denial is None else denial.message(user, verbose=True).encode("utf-8", "surrogateescape")


@command("ACL CAT [category]", _ANYONE, since="6.0.0", group="server", raw=True)
def acl_cat(client: Client, *words: bytes):
    """The categories, or the commands of one. O(1) since the categories and commands are a fixed set."""
    if len(words) > 1:
        raise errors.WrongUsage
    if not words:
        return [name.encode() for name in CATEGORIES]
    (category,) = words
    name = category.decode("latin-1").lower()
    if name not in CATEGORIES:
        raise ReplyError(f"ERR Unknown category '{errors.shown(category)[:128]}'")
    return [entry.name.encode() for entry in client.node.commands.originals() if has_category(entry, name)]


@command("ACL LOAD", _ADMIN, since="6.0.0", group="server")
def acl_load(client: Client):
    """Read the ACL file anew, and hang up on all but the default user's clients. O(N) in users."""
    _check_acl_file(client)
    try:
        acl_file.load(client.node)
    except RuleError as error:
        raise ReplyError(f"ERR {error}") from None
    return "OK"


@command("ACL SAVE", _ADMIN, since="6.0.0", group="server")
def acl_save(client: Client):
    """Write the ACL file. O(N) in users."""
    _check_acl_file(client)
    try:
        acl_file.save(client.node)
    except DiskError as error:
        client.node.log("warning", f"ACL SAVE: {error}")
        raise ReplyError(
            "ERR There was an error trying to save the ACLs. Please check the server logs for more "
            "information"
        ) from None
    return "OK"


def _check_acl_file(client: Client) -> None:
    if not client.node.config.aclfile:
        raise ReplyError(
            "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via "
            "the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "
            "configuration file set) in order to store users in the Redis configuration."
        )


@command("ACL GENPASS [bits:int]", _ANYONE, since="6.0.0", group="server", raw=True)
def acl_genpass(client: Client, *words: bytes):
    """A password drawn at random, in hexadecimal. O(1)."""
    if len(words) > 1:
        raise errors.WrongUsage
    bits = integer(words[0]) if words else GENPASS_DEFAULT_BITS
    if not 0 < bits <= GENPASS_MOST_BITS:
        raise ReplyError(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number "
            f"up to {GENPASS_MOST_BITS}"
        )
    digits = (bits + 3) // 4
    return b"%0*x" % (digits, client.node.random.getrandbits(4 * digits))


@command("ACL LOG [count:int|RESET]", _ADMIN, since="6.0.0", group="server", raw=True)
def acl_log(client: Client, *words: bytes):
    """What was refused of late, the newest first. O(N) where N is the number of entries shown."""
    if len(words) > 1:
        raise errors.WrongUsage
    log = client.node.users.log
    if words and words[0].lower() == b"reset":
        log.entries.clear()
        return "OK"
    count = integer(words[0]) if words else LOG_DEFAULT_ENTRIES
    return [_log_entry(entry, client.node.now_ms) for entry in log.entries[: max(0, count)]]


def _log_entry(entry: LogEntry, now_ms: int) -> dict[bytes, Any]:
    return {
        b"count": entry.count,
        b"reason": entry.reason.encode(),
        b"context": entry.context.encode(),
        b"object": entry.what,
        b"username": entry.username,
        b"age-seconds": (now_ms - entry.updated_ms) / 1000,
        b"client-info": entry.client_info.encode("utf-8", "surrogateescape"),
        b"entry-id": entry.identifier,
        b"timestamp-created": entry.created_ms,
        b"timestamp-last-updated": entry.updated_ms,
    }


_HELP = """\
CAT [<category>]
    List all commands that belong to <category>, or all command categories
    when no category is specified.
DELUSER <username> [<username> ...]
    Delete a list of users.
DRYRUN <username> <command> [<arg> ...]
    Returns whether the user can execute the given command without executing the command.
GETUSER <username>
    Get the user's details.
GENPASS [<bits>]
    Generate a secure 256-bit user password. The optional `bits` argument can
    be used to specify a different size.
LIST
    Show users details in config file format.
LOAD
    Reload users from the ACL file.
LOG [<count> | RESET]
    Show the ACL log entries.
SAVE
    Save the current config to the ACL file.
SETUSER <username> <attribute> [<attribute> ...]
    Create or modify a user with the specified attributes.
USERS
    List all the registered usernames.
WHOAMI
    Return the current connection username."""


@command("ACL HELP", LOADING | STALE | SENTINEL, since="6.0.0", group="server")
def acl_help(client: Client):
    """Describe the subcommands of ACL. O(1)."""
    return help_lines("ACL", _HELP)
