"""The debugger of scripts: a conversation in the middle of EVAL, as `redis-cli --ldb` holds it.

    SCRIPT DEBUG SYNC                 the next EVAL of this client is debugged
    EVAL "local n = 1 ..." 0      ->  * Stopped at 1, stop reason = step over
                                      -> 1   local n = 1
    next, print n, break 3, eval ...  the client's frames are commands of the debugger now; each is answered
    continue                      ->  <endsession>, then the reply of EVAL, and the connection is closed

A hook of Lua stops at lines, and Python holds the conversation from inside of it; so the script's frames
stand, and can be looked at. Nothing else of the node runs meanwhile: a driver lends a `Console`, which waits.

With SCRIPT DEBUG YES the driver lends one in a copy of the process: the node goes on at once, and what the
script changes is gone with the copy.

Mirrors: the ldb part of eval.c.
Differs: other errors than those of commands are not logged while stepping.
Complexity: a call into Python for each line.

Read next: frames.py, the Lua in it; minidis/drivers/debug_consoles.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from minidis.engine.command_table.registry import Command
from minidis.engine.waiting import WAITING
from minidis.protocol.quoting import quote
from minidis.protocol.replies import NULL_ARRAY, Pairs, ReplyError
from minidis.protocol.resp import ProtocolError, RequestParser, encode
from minidis.scripting.conversion import text_to_lua
from minidis.scripting.frames import FRAMES
from minidis.scripting.interpreter import LuaErrorReply
from minidis.scripting.run import ScriptRun

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.scripting.engine import ScriptEngine, Scripting

MOST_BREAKPOINTS = 64
SHOWN_BYTES = 256
LEAST_SHOWN_BYTES = 60
SHOWN_WORDS = 10
CONTEXT_LINES = 5
TIMEOUT_MS = 5000
"""A script that runs so long without a stop is stopped, where busy-reply-threshold does not say when."""


LOG_LINES = (
    ("Redis synchronous debugging eval session started", "Redis synchronous debugging eval session ended"),
    ("Redis forked for debugging eval", "Lua debugging session child exiting"),
)
"""In the server itself, and in a copy of it."""


class Console(Protocol):
    """The client's connection, for as long as its script is debugged."""

    def send(self, data: bytes) -> None: ...

    def receive(self) -> bytes:
        """Wait for more; empty when the client is gone."""

    def leave(self) -> None:
        """The session is over; a copy of the process ends here."""


def evaluate(
    scripting: Scripting, client: Client, body: bytes, key_count: int, words: Sequence[bytes], read_only: bool
) -> Any:
    """EVAL in debug mode: the session, the reply, and the end of the connection.  Raises ReplyError."""
    node = scripting.node
    in_a_copy = scripting.debug_modes.pop(client.id) == "yes"
    console = node.open_debug_console(client, in_a_copy)
    if console is None:  # a copy of this process has the client now
        client.dismiss()  # not `abort`, which would hang up on the copy, too
        return WAITING
    begun, ended = LOG_LINES[in_a_copy]
    node.log("notice", begun)
    try:
        reply = _converse(scripting, console, body, (client, key_count, words, read_only))
        if in_a_copy:
            console.send(encode(reply, client.protocol))
        node.log("notice", ended)
    finally:
        console.leave()
    client.dismiss()
    if isinstance(reply, ReplyError):
        raise reply
    return reply


def _converse(
    scripting: Scripting, console: Console, body: bytes, asked: tuple[Client, int, Sequence[bytes], bool]
) -> Any:
    client, key_count, words, read_only = asked
    engine = scripting.eval_engine
    engine.debugger = session = Debugger(engine, console, body)
    try:
        return scripting.evaluate(client, scripting.load(body), key_count, words, read_only, session.run)
    except ReplyError as error:
        return error
    finally:
        engine.debugger = None
        session.end()


class DebuggedRun(ScriptRun):
    """A run whose commands the debugger logs while it steps."""

    debugger: Debugger
    was_admitted = False

    def execute(self, argv: list[bytes]) -> Any:
        self.was_admitted = False
        self.debugger.log_command(argv)
        try:
            reply = super().execute(argv)
        except ReplyError as error:
            self.debugger.log_failure(error, self.was_admitted)
            raise
        self.debugger.log_reply(reply)
        return reply

    def _step(self) -> None:
        """Nobody is served around it: it stops at lines."""

    def _admit_command(self, command: Command, argv: list[bytes]) -> None:
        super()._admit_command(command, argv)
        self.was_admitted = True


class Debugger:
    """One session: the script's lines, where to stop, and what is still to be told."""

    def __init__(self, engine: ScriptEngine, console: Console, source: bytes) -> None:
        self.engine, self.console = engine, console
        text = source.rstrip(b"\r\n")
        self.lines = text.split(b"\n") if text else []
        self.breakpoints: list[int] = []
        self.stepping = True
        self.breakpoint_called = False
        self.line = 0
        self.shown_bytes = SHOWN_BYTES
        self.knows_of_maxlen = False
        self._log: list[bytes] = []
        self._parser = RequestParser()
        begin, self._end, self._show, self._variable, self._locals, self._frames, self._evaluate = (
            engine.lua.load_debugger(FRAMES, self._reached)
        )
        begin()

    def run(self, *of_script: Any, **more: Any) -> ScriptRun:
        """The run to be debugged, made as any other."""
        run = DebuggedRun(*of_script, **more)
        run.debugger = self
        return run

    def end(self) -> None:
        """The script has ended, in whatever way."""
        self._end()
        self.log(b"<endsession>")
        self._send_log()

    # -- at a line --------------------------------------------------------------------------------

    def _reached(self, is_count: bool, line: int) -> None:
        """Lua is about to run a line of the script, or has run many instructions (`is_count`)."""
        self.line = line
        stops = line in self.breakpoints or self.breakpoint_called
        timed_out = False
        if is_count and not self.stepping and not stops:
            if not self._runs_too_long():
                return
            timed_out = True
        if not (self.stepping or stops or timed_out):
            return
        reason = b"timeout reached, infinite loop?" if timed_out else b"step over"
        if stops:
            reason = b"redis.breakpoint() called" if self.breakpoint_called else b"break point"
        self.stepping = self.breakpoint_called = False
        self.log(b"* Stopped at %d, stop reason = %b" % (line, reason))
        self._log_line(line)
        self._send_log()
        if not self._converse() and timed_out:
            raise LuaErrorReply("ERR timeout during Lua debugging with client closing connection")
        if self.engine.run is not None:
            self.engine.run.started_us = self.engine.node.clock()

    def _runs_too_long(self) -> bool:
        run = self.engine.run
        limit_ms = self.engine.node.config.busy_reply_threshold or TIMEOUT_MS
        return run is not None and run.elapsed_ms >= limit_ms

    def _converse(self) -> bool:
        """Carry out commands until the script shall go on.  False: the client is gone."""
        while True:
            words = self._next_command()
            if words is None:
                self.stepping = False
                self.breakpoints.clear()
                return False
            name = words[0].lower()
            if name in (b"c", b"continue"):
                return True
            if name in (b"s", b"step", b"n", b"next"):
                self.stepping = True
                return True
            if name in (b"a", b"abort"):
                raise LuaErrorReply("ERR script aborted for user request")
            carry_out = _COMMANDS.get(name)
            if carry_out is None or (carry_out is Debugger._redis and len(words) < 2):
                self.log(b"<error> Unknown Redis Lua debugger command or wrong number of arguments.")
            else:
                carry_out(self, words)
            self._send_log()

    def _next_command(self) -> list[bytes] | None:
        while True:
            try:
                words = self._parser.next_request()
            except ProtocolError:
                raise LuaErrorReply("ERR protocol error") from None
            if words:
                return words
            data = self.console.receive()
            if not data:
                return None
            self._parser.feed(data)

    # -- what is told -----------------------------------------------------------------------------

    def log(self, text: bytes) -> None:
        """Tell something with the next answer."""
        self._log.append(re.sub(rb"[\r\n]", b" ", text))

    def _log_within(self, text: bytes) -> None:
        """The same for what may be long."""
        if not self.shown_bytes or len(text) <= self.shown_bytes:
            self.log(text)
            return
        self.log(text[: self.shown_bytes] + b" ...")
        if not self.knows_of_maxlen:
            self.knows_of_maxlen = True
            self.log(b"<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.")

    def _send_log(self) -> None:
        entries, self._log = self._log, []
        self.console.send(b"*%d\r\n" % len(entries) + b"".join(b"+%b\r\n" % entry for entry in entries))

    def _log_line(self, number: int) -> None:
        known = 0 < number <= len(self.lines)
        line = self.lines[number - 1] if known else b"<out of range source code line>"
        arrow = b"->" if number == self.line else b"  "
        mark = b"#" if number in self.breakpoints else b" "
        self.log(b"%b%b%-3d %b" % (arrow, mark, number, line))

    def _log_lines(self, around: int, context: int) -> None:
        for number in range(1, len(self.lines) + 1):
            if abs(around - number) <= context:
                self._log_line(number)

    def log_command(self, argv: list[bytes]) -> None:
        """A command of the script, while it is stepped through."""
        if self.stepping:
            more = b" ... (%d more)" % (len(argv) - SHOWN_WORDS - 1) if len(argv) > SHOWN_WORDS else b""
            self.log(b"<redis> " + b" ".join(argv[:SHOWN_WORDS]) + more)

    def log_reply(self, reply: Any) -> None:
        """Its reply."""
        if self.stepping:
            resp3 = self.engine.run is not None and self.engine.run.resp3
            self._log_within(b"<reply> " + readable(reply, resp3))

    def log_failure(self, error: ReplyError, was_admitted: bool) -> None:
        """An error that the command answered, or one that kept it from running."""
        if not self.stepping:
            return
        text = str(error)
        without_code = not was_admitted and text.startswith("ERR ")
        self.log(b"<error> " + text_to_lua(text[4:] if without_code else f"-{text}"))
        if was_admitted:
            self.log_reply(error)

    def log_values(self, values: tuple[Any, ...]) -> None:
        """redis.debug(...) in a script."""
        shown = b", ".join(self._show(value) for value in values)
        self.log(b"<debug> line %d: %b" % (self.line, shown))

    # -- commands ---------------------------------------------------------------------------------

    def _help(self, words: list[bytes]) -> None:
        for line in HELP.splitlines():
            self.log(line)

    def _trace(self, words: list[bytes]) -> None:
        for at, frame in enumerate(self._frames().split(b"\n")):
            name, _, line = frame.rpartition(b":")
            self.log(b"%b %b:" % (b"From" if at else b"In", name))
            self._log_line(int(line))

    def _maxlen(self, words: list[bytes]) -> None:
        if len(words) == 2:
            asked = c_integer(words[1])
            self.knows_of_maxlen = True
            self.shown_bytes = max(asked, LEAST_SHOWN_BYTES) if asked else 0
        if self.shown_bytes:
            self.log(b"<value> replies are truncated at %d bytes." % self.shown_bytes)
        else:
            self.log(b"<value> replies are unlimited.")

    def _break(self, words: list[bytes]) -> None:
        if len(words) > 1:
            for word in words[1:]:
                self._set_breakpoint(word)
            return
        if not self.breakpoints:
            self.log(b"No breakpoints set. Use 'b <line>' to add one.")
            return
        self.log(b"%d breakpoints set:" % len(self.breakpoints))
        for number in self.breakpoints:
            self._log_line(number)

    def _set_breakpoint(self, word: bytes) -> None:
        if not re.fullmatch(rb"0|-?[1-9][0-9]*", word):
            self.log(b"Invalid argument:'%b'" % word)
            return
        number = int(word)
        if number == 0:
            self.breakpoints.clear()
            self.log(b"All breakpoints removed.")
        elif number < 0:
            found = -number in self.breakpoints
            if found:
                self.breakpoints.remove(-number)
            self.log(b"Breakpoint removed." if found else b"No breakpoint in the specified line.")
        elif len(self.breakpoints) == MOST_BREAKPOINTS:
            self.log(b"Too many breakpoints set.")
        elif number > len(self.lines):
            self.log(b"Wrong line number.")
        else:
            if number not in self.breakpoints:
                self.breakpoints.append(number)
            self._log_lines(number, 1)

    def _eval(self, words: list[bytes]) -> None:
        succeeded, text = self._value_of(b" ".join(words[1:]))
        if succeeded:
            self._log_within(b"<retval> " + text)
        else:
            self.log(b"<error> " + text)

    def _value_of(self, code: bytes) -> tuple[bool, bytes]:
        """Run a piece of Lua, an expression or a statement; its value as text, or the error."""
        compiled, message = self.engine.lua.compile_piece(b"return " + code, b"@ldb_eval")
        if compiled is None:
            compiled, message = self.engine.lua.compile_piece(code, b"@ldb_eval")
        return (False, message) if compiled is None else self._evaluate(compiled)

    def _redis(self, words: list[bytes]) -> None:
        run = self.engine.run
        assert run is not None
        self.stepping = True  # so that it is logged
        try:
            run.execute(words[1:])
        except ReplyError:
            pass  # which is logged as well
        finally:
            self.stepping = False

    def _print(self, words: list[bytes]) -> None:
        if len(words) != 2:
            shown = self._locals()
            for line in shown.split(b"\n") if shown else ():
                self._log_within(b"<value> " + line)
            if not shown:
                self.log(b"No local variables in the current context.")
            return
        text = self._variable(words[1])
        if text is None and words[1] in (b"KEYS", b"ARGV"):
            _, text = self._value_of(words[1])
        if text is None:
            self.log(b"No such variable.")
        else:
            self._log_within(b"<value> " + text)

    def _list(self, words: list[bytes]) -> None:
        around = c_integer(words[1]) if len(words) > 1 else 0
        context = c_integer(words[2]) if len(words) > 2 else CONTEXT_LINES
        self._log_lines(around if around > 0 else self.line, context)

    def _whole(self, words: list[bytes]) -> None:
        self._log_lines(1, len(self.lines))


_COMMANDS: dict[bytes, Callable[[Debugger, list[bytes]], None]] = {
    word: carry_out
    for name, carry_out in {
        b"help": Debugger._help,
        b"list": Debugger._list,
        b"whole": Debugger._whole,
        b"print": Debugger._print,
        b"break": Debugger._break,
        b"trace": Debugger._trace,
        b"eval": Debugger._eval,
        b"redis": Debugger._redis,
        b"maxlen": Debugger._maxlen,
    }.items()
    for word in (name, name[:1])
}


def c_integer(word: bytes) -> int:
    """C's atoi.

    >>> c_integer(b"12x"), c_integer(b"x")
    (12, 0)
    """
    found = re.match(rb"\s*[+-]?\d+", word)
    return int(found[0]) if found else 0


def readable(reply: Any, resp3: bool) -> bytes:
    """A reply on one line, for people.

    >>> readable([1, b"a", None, "OK", ReplyError("ERR no")], False)
    b'[1,"a",NULL,"+OK","-ERR no"]'
    >>> readable({b"f": 1.5}, False), readable({b"f": True}, True)
    (b'["f","1.5"]', b'{"f" => #true}')
    """
    if reply is None or reply is NULL_ARRAY:
        return b"(null)" if resp3 else b"NULL"
    if isinstance(reply, bytes):
        return quote(reply)
    if isinstance(reply, str | ReplyError):
        return quote(encode(reply)[:-2])
    if isinstance(reply, bool):
        return (b"#true" if reply else b"#false") if resp3 else b"%d" % reply
    if isinstance(reply, float):
        return b"(double) " + encode(reply, 3)[1:-2] if resp3 else quote(encode(reply).split(b"\r\n")[1])
    if isinstance(reply, int):
        return b"%d" % reply
    if isinstance(reply, dict) and resp3:
        pairs = (readable(key, True) + b" => " + readable(value, True) for key, value in reply.items())
        return b"{%b}" % b",".join(pairs)
    if isinstance(reply, dict) or (isinstance(reply, Pairs) and not resp3):
        reply = [part for pair in (reply.items() if isinstance(reply, dict) else reply) for part in pair]
    shown = b",".join(readable(element, resp3) for element in reply)
    return b"[%b]" % shown if isinstance(reply, list | tuple) or not resp3 else b"~(%b)" % shown


HELP = b"""\
Redis Lua debugger help:
[h]elp               Show this help.
[s]tep               Run current line and stop again.
[n]ext               Alias for step.
[c]ontinue           Run till next breakpoint.
[l]ist               List source code around current line.
[l]ist [line]        List source code around [line].
                     line = 0 means: current position.
[l]ist [line] [ctx]  In this form [ctx] specifies how many lines
                     to show before/after [line].
[w]hole              List all source code. Alias for 'list 1 1000000'.
[p]rint              Show all the local variables.
[p]rint <var>        Show the value of the specified variable.
                     Can also show global vars KEYS and ARGV.
[b]reak              Show all breakpoints.
[b]reak <line>       Add a breakpoint to the specified line.
[b]reak -<line>      Remove breakpoint from the specified line.
[b]reak 0            Remove all breakpoints.
[t]race              Show a backtrace.
[e]val <code>        Execute some Lua code (in a different callframe).
[r]edis <cmd>        Execute a Redis command.
[m]axlen [len]       Trim logged Redis replies and Lua var dumps to len.
                     Specifying zero as <len> means unlimited.
[a]bort              Stop the execution of the script. In sync
                     mode dataset changes will be retained.

Debugger functions you can call from Lua scripts:
redis.debug()        Produce logs in the debugger console.
redis.breakpoint()   Stop execution like if there was a breakpoint in the
                     next line of code."""
