"""Error replies that several commands share, in Redis's exact words.

Mirrors: `shared.*err` in server.c.  An error is a `ReplyError`, raised wherever it is found; the
node turns it into the client's reply.
"""

from __future__ import annotations

from typing import Any

from minidis.protocol.replies import ReplyError

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
SYNTAX = "ERR syntax error"
NOT_INTEGER = "ERR value is not an integer or out of range"
NOT_FLOAT = "ERR value is not a valid float"
NO_SUCH_KEY = "ERR no such key"
OUT_OF_RANGE = "ERR index out of range"
OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'."
STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
LOADING = "LOADING Redis is loading the dataset in memory"
SAVE_FAILED = (
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
    "Commands that may modify the data set are disabled, because this instance is configured to report "
    "errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the "
    "Redis logs for details about the RDB error."
)
NOT_LOADED = "MISCONF Writes are refused, because the dataset could not be loaded:"
LOG_FAILED = "MISCONF Errors writing to the AOF file: {}"
NO_AUTH = "NOAUTH Authentication required."


def wrong_arity(name: str) -> ReplyError:
    """The reply to a command with too few or too many arguments; `name` in lower case, `config|get`."""
    return ReplyError(f"ERR wrong number of arguments for '{name}' command")


def invalid_expire(name: str) -> ReplyError:
    """The reply to a time to live that is not positive, or does not fit in 64 bits of milliseconds."""
    return ReplyError(f"ERR invalid expire time in '{name}' command")


def unknown_command(argv: list[bytes]) -> ReplyError:
    """The reply to a name the registry does not know; at most 128 bytes of the arguments are shown."""
    name = argv[0][:128].decode("utf-8", "surrogateescape")
    shown = ""
    for argument in argv[1:]:
        if len(shown) >= 128:
            break
        shown += "'{}' ".format(argument[: 128 - len(shown)].decode("utf-8", "surrogateescape"))
    line = f"ERR unknown command '{name}', with args beginning with: {shown}"
    return ReplyError(line.replace("\r", " ").replace("\n", " "))


def unknown_subcommand(container: str, name: bytes) -> ReplyError:
    """The reply to a container command (CONFIG, OBJECT ...) whose second word is not known."""
    shown = name.partition(b"\0")[0][:128].decode("utf-8", "surrogateescape")  # printed as a C string
    return ReplyError(f"ERR unknown subcommand '{shown}'. Try {container.upper()} HELP.")


class WrongUsage(Exception):
    """Raised by a subcommand whose arity allows arguments that it cannot use.

    The node answers `wrong_usage`, which repeats the words as they were typed.
    """


def wrong_usage(argv: list[bytes]) -> ReplyError:
    """The reply to a subcommand with arguments that it cannot use."""
    container, name = shown(argv[0]).upper(), shown(argv[1])[:128]
    return ReplyError(
        f"ERR unknown subcommand or wrong number of arguments for '{name}'. Try {container} HELP."
    )


def refuse_in_cluster(client: Any, what: str) -> None:
    """Raise the error of what needs several databases, where this is a node of a cluster."""
    if client.node.config.cluster_enabled:
        raise ReplyError(f"ERR {what} in cluster mode")


class Redirected(ReplyError):
    """The command belongs to another node of the cluster.  It goes out as it is, also for EXEC."""


def shown(argument: bytes) -> str:
    """An argument inside an error text: C's %s ends at the first zero byte, other bytes come back whole."""
    return argument.partition(b"\0")[0].decode("utf-8", "surrogateescape")
