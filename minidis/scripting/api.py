"""The functions of `redis` and of `math.random`, as a script sees them.

    redis.call      redis.pcall       commands; call raises an error, pcall answers it as a table
    redis.error_reply, status_reply   the tables that become an error and a status
    redis.sha1hex   redis.log         redis.setresp    redis.set_repl    redis.acl_check_cmd
    redis.breakpoint, debug           stop here, and tell: in a session of the debugger (debugger.py)
    redis.replicate_commands          true: effects are what is replicated, since 7.0 always

Mirrors: script_lua.c, eval.c.

Read next: run.py, for what stands between `redis.call` and the command.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidis.engine.journal import TO_ALL, TO_AOF, TO_NOBODY, TO_REPLICAS
from minidis.engine.node import VERSION
from minidis.protocol.numbers import format_double
from minidis.protocol.replies import ReplyError
from minidis.scripting import conversion
from minidis.scripting.arguments import Arguments, bad_argument, to_number, to_text
from minidis.scripting.interpreter import LuaErrorReply
from minidis.scripting.random48 import Random48
from minidis.scripting.run import ScriptRun

if TYPE_CHECKING:
    from minidis.scripting.engine import ScriptEngine

LEVELS = ("debug", "verbose", "notice", "warning")

LOG_LEVELS = {f"LOG_{level.upper()}": number for number, level in enumerate(LEVELS)}
_VERSION_NUMBER = int("".join(f"{int(part):02x}" for part in VERSION.split(".")), 16)
VERSIONS = {"REDIS_VERSION": VERSION.encode(), "REDIS_VERSION_NUM": _VERSION_NUMBER}
CONSTANTS = {
    **LOG_LEVELS,
    **VERSIONS,
    "REPL_NONE": TO_NOBODY,
    "REPL_AOF": TO_AOF,
    "REPL_SLAVE": TO_REPLICAS,
    "REPL_REPLICA": TO_REPLICAS,
    "REPL_ALL": TO_ALL,
}


class RedisApi:
    """The `redis` table of one interpreter."""

    def __init__(self, engine: ScriptEngine) -> None:
        self.engine = engine
        self.random = Random48()

    def functions(self, debugger: bool) -> dict[str, Callable[..., Any]]:
        """The functions by name; EVAL's interpreter also has those of the debugger."""
        names = "call pcall error_reply status_reply sha1hex log setresp set_repl acl_check_cmd".split()
        found = {name: getattr(self, name) for name in names}
        if debugger:
            found |= {
                "breakpoint": self.breakpoint,
                "debug": self.debug,
                "replicate_commands": lambda *_: True,
            }
        return found

    def _run(self, name: str) -> ScriptRun:
        run = self.engine.run
        if run is None:
            raise LuaErrorReply(f"ERR {name} can only be called inside a script invocation")
        return run

    # -- commands ---------------------------------------------------------------------------------

    def call(self, *arguments: Any) -> Any:
        """redis.call: a command's reply; its error ends the script unless it is caught."""
        run = self._run("redis.call/pcall")
        try:
            reply = run.execute(as_words(arguments))
        except ReplyError as error:
            raise LuaErrorReply(str(error), error.counted) from None
        if type(reply) is bytes or type(reply) is int:
            return reply
        return conversion.to_lua(reply, self.engine.lua, run.resp3)

    def pcall(self, *arguments: Any) -> Any:
        """redis.pcall: a command's reply, an error as `{err = ...}`."""
        run = self._run("redis.call/pcall")
        try:
            reply = run.execute(as_words(arguments))
        except ReplyError as error:
            reply = error
        except LuaErrorReply as error:
            reply = ReplyError(conversion.text_from_lua(error.message))
        return conversion.to_lua(reply, self.engine.lua, run.resp3)

    def setresp(self, *arguments: Any) -> None:
        """redis.setresp: in whose terms replies come."""
        run = self._run("redis.setresp")
        if len(arguments) != 1:
            raise LuaErrorReply("ERR redis.setresp() requires one argument.")
        version = int(to_number(arguments[0]) or 0)
        if version not in (2, 3):
            raise LuaErrorReply("ERR RESP version must be 2 or 3.")
        run.resp3 = version == 3
        run.client.protocol = version

    def set_repl(self, *arguments: Any) -> None:
        """redis.set_repl: who is told of the effects from here on."""
        run = self._run("redis.set_repl")
        if len(arguments) != 1:
            raise LuaErrorReply("ERR redis.set_repl() requires two arguments.")
        targets = int(to_number(arguments[0]) or 0)
        if targets & ~TO_ALL:
            message = "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE."
            raise LuaErrorReply(message)
        run.node.journal.targets = targets

    def acl_check_cmd(self, *arguments: Any) -> bool:
        """redis.acl_check_cmd: may the caller's user run this command?"""
        run = self._run("redis.acl_check_cmd")
        argv = as_words(arguments)
        try:
            command = run.node.commands.find(argv)
        except ReplyError:
            raise LuaErrorReply("ERR Invalid command passed to redis.acl_check_cmd()") from None
        return run.may_run(command, argv)

    # -- replies and texts ------------------------------------------------------------------------

    def error_reply(self, *arguments: Any) -> Any:
        """redis.error_reply: `{err = text}`, with a code before it where it has none."""
        if len(arguments) != 1 or not isinstance(arguments[0], bytes):
            return self._wrong_arguments()
        text = arguments[0].removeprefix(b"-")
        text = text if b" " in text else b"ERR " + text
        return self.engine.lua.table({b"err": text.strip(b"\r\n")})

    def status_reply(self, *arguments: Any) -> Any:
        """redis.status_reply: `{ok = text}`."""
        if len(arguments) != 1 or not isinstance(arguments[0], bytes):
            return self._wrong_arguments()
        return self.engine.lua.table({b"ok": arguments[0]})

    def _wrong_arguments(self) -> Any:
        return self.engine.lua.table({b"err": b"ERR wrong number or type of arguments"})

    def sha1hex(self, *arguments: Any) -> bytes:
        """redis.sha1hex: the SHA-1 of a string, in hexadecimal digits."""
        if len(arguments) != 1:
            raise LuaErrorReply("ERR wrong number of arguments")
        return sha1_hex(to_text(arguments[0]) or b"")

    def log(self, *arguments: Any) -> None:
        """redis.log: a line for the server's log."""
        if len(arguments) < 2:
            raise LuaErrorReply("ERR redis.log() requires two arguments or more.")
        level = to_number(arguments[0])
        if level is None:
            raise LuaErrorReply("ERR First argument must be a number (log level).")
        if not 0 <= int(level) < len(LEVELS):
            raise LuaErrorReply("ERR Invalid log level.")
        words = [text for text in map(to_text, arguments[1:]) if text is not None]
        node = self.engine.node
        node.log(LEVELS[int(level)], conversion.text_from_lua(b" ".join(words)))

    def breakpoint(self, *_: Any) -> bool:
        """redis.breakpoint: let the debugger stop at the next line; true if there is one."""
        if self.engine.debugger is None:
            return False
        self.engine.debugger.breakpoint_called = True
        return True

    def debug(self, *values: Any) -> None:
        """redis.debug: tell the debugger's user these values."""
        if self.engine.debugger is not None:
            self.engine.debugger.log_values(values)

    # -- math -------------------------------------------------------------------------------------

    def math(self) -> dict[str, Callable[..., Any]]:
        return {"random": self.math_random, "randomseed": self.math_randomseed}

    def math_random(self, *values: Any) -> float | int:
        """math.random: a fraction, an integer from 1, or one within bounds."""
        arguments = Arguments(values, "random", self.engine.lua)
        drawn = self.random.fraction()
        if not values:
            return drawn
        if len(values) > 2:
            raise arguments.wrong_count()
        least = _c_int(arguments.integer(1)) if len(values) == 2 else 1
        most = _c_int(arguments.integer(len(values)))
        if least > most:
            raise bad_argument(len(values), "random", "interval is empty")
        return math.floor(drawn * (most - least + 1)) + least

    def math_randomseed(self, *values: Any) -> None:
        """math.randomseed: the same seed gives the same numbers, everywhere."""
        self.random.seed(Arguments(values, "randomseed", self.engine.lua).integer(1))


def _c_int(number: int) -> int:
    return (number + 2**31) % 2**32 - 2**31


def as_words(arguments: tuple[Any, ...]) -> list[bytes]:
    """The arguments of `redis.call` as a request.  A number is written as an integer where it is one."""
    if not arguments:
        raise LuaErrorReply("ERR Please specify at least one argument for this redis lib call")
    for argument in arguments:
        if type(argument) is not bytes:
            return list(map(_as_word, arguments))
    return list(arguments)  # as nearly always


def _as_word(argument: Any) -> bytes:
    if isinstance(argument, bytes):
        return argument
    if isinstance(argument, int | float) and not isinstance(argument, bool):
        whole = isinstance(argument, int) or (argument.is_integer() and abs(argument) < 2**63)
        return b"%d" % int(argument) if whole else format_double(argument)
    raise LuaErrorReply("ERR Lua redis lib command arguments must be strings or integers")


def sha1_hex(data: bytes) -> bytes:
    """The name of a script.

    >>> sha1_hex(b"return 1")
    b'e0e1f9fabfc9d4800c877a703b823ac0578ff8db'
    """
    from hashlib import sha1  # here: OpenSSL takes 4 ms to load

    return sha1(data, usedforsecurity=False).hexdigest().encode()
