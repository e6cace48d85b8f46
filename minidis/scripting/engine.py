"""The scripts of a node: the cache of EVAL, the one that runs now, and how long it may.

    node.scripting = Scripting
      scripts      sha1 -> Script(body, flags, compiled)       SCRIPT FLUSH begins anew
      eval_engine, function_engine                             two interpreters, apart from each other
      run          the ScriptRun that is under way, or None

A script has the node for itself.  Every 100,000 Lua instructions its hook comes by (`step`): once the script
has run for `busy-reply-threshold` milliseconds it is *slow*, other clients get -BUSY instead of waiting for
ever, and SCRIPT KILL ends it, unless it has already written.  The node itself reads no socket: the driver
sets `node.on_script_step`, which is called there and may run other clients' commands.

Mirrors: eval.c, script.c (`scriptInterrupt`, `scriptKill`).
Differs: each kind of interpreter is made when it is first wanted.
Complexity: EVAL of a known script is two dict look-ups before Lua.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("EVAL", "return {KEYS[1], redis.call('INCR', KEYS[1])}", 1, "hits")
[b'hits', 1]

Read next: run.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minidis.engine.client import Client
from minidis.engine.command_table.registry import Command, Flag
from minidis.engine.journal import TO_ALL
from minidis.protocol.replies import ReplyError
from minidis.scripting import conversion
from minidis.scripting.api import CONSTANTS, LOG_LEVELS, VERSIONS, RedisApi, sha1_hex
from minidis.scripting.interpreter import LuaFailure, LuaInterpreter, LuaSyntaxError, new_interpreter
from minidis.scripting.run import FLAGS, ScriptRun
from minidis.values.base import string_allocation

if TYPE_CHECKING:
    from minidis.engine.node import Node

_BUSY = "BUSY Redis is busy running a script. You can only call {} KILL or SHUTDOWN NOSAVE."
KILLED = b"ERR Script killed by user with SCRIPT KILL."
LOAD_TIMEOUT_MS = 500
RUNS_BETWEEN_COLLECTIONS = 50

SCRIPT_BYTES = 24 + 16 + 8
"""In Redis: a dictEntry, a luaScript and a bucket, for each cached script."""


class ScriptEngine:
    """An interpreter, the client that its commands run for, and the libraries that its scripts see."""

    def __init__(self, scripting: Scripting, with_loading: Any = None) -> None:
        from minidis.scripting import bit, cjson, cmsgpack, struct_library  # here: for the first script

        self.node: Node = scripting.node
        self.run: ScriptRun | None = None
        self.debugger: Any = None  # of the session that is under way
        self.client = Client(self.node, 0, address="lua")
        self.client.peer = "lua"
        self.client.authenticated = True
        self.client.in_execution = True
        api = RedisApi(self)
        libraries: dict[str, dict[str, Any]] = {
            "redis": api.functions(debugger=with_loading is None),
            "math": api.math(),
            "cjson": cjson.Cjson(self).functions(),
            "cmsgpack": cmsgpack.Cmsgpack(self).functions(),
            "struct": struct_library.StructLibrary(self).functions(),
            "bit": bit.BitLibrary(self).functions(),
        }
        constants: dict[str, dict[str, Any]] = {
            "redis": CONSTANTS,
            "cjson": cjson.CONSTANTS,
            "cmsgpack": cmsgpack.CONSTANTS,
        }
        if with_loading is not None:
            libraries["loading"] = {"register_function": with_loading, "log": api.log}
            constants["loading"] = {**LOG_LEVELS, **VERSIONS}
        self.libraries = libraries
        deprecated = self.node.config.lua_enable_deprecated_api
        self.lua: LuaInterpreter = new_interpreter(libraries, constants, scripting.step, deprecated)


class Script:
    """A text that EVAL has seen."""

    __slots__ = ("sha", "body", "flags", "compiled")

    def __init__(self, sha: bytes, body: bytes, flags: frozenset[str] | None, compiled: Any) -> None:
        self.sha, self.body, self.flags, self.compiled = sha, body, flags, compiled


class Scripting:
    """All about the scripts of one node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        node.on_disconnect.append(self._forget)
        self.run: ScriptRun | None = None
        self.runs = 0
        self.loading_since_us: int | None = None
        self.debug_modes: dict[int, str] = {}  # client -> SCRIPT DEBUG "yes" or "sync"
        self.functions: Any = None  # library.py's, made when the first one is asked for
        self.flush()

    # -- the cache of EVAL ------------------------------------------------------------------------

    def flush(self) -> None:
        """SCRIPT FLUSH: forget every script, and all that scripts have left in their interpreter."""
        self.scripts: dict[bytes, Script] = {}
        self.by_body: dict[bytes, Script] = {}
        self.cached_bytes = 0
        self._eval_engine: ScriptEngine | None = None

    @property
    def eval_engine(self) -> ScriptEngine:
        if self._eval_engine is None:
            self._eval_engine = ScriptEngine(self)
        return self._eval_engine

    def load(self, body: bytes) -> Script:
        """The script with this text, compiled at its first sight.  Raises ReplyError."""
        known = self.by_body.get(body)
        if known is not None:
            return known
        flags, code = read_shebang(body)
        try:
            compiled = self.eval_engine.lua.compile(code, b"@user_script")
        except LuaSyntaxError as error:
            text = conversion.text_from_lua(error.message)
            raise ReplyError(f"ERR Error compiling script (new function): {text}") from None
        script = Script(sha1_hex(body), body, flags, compiled)
        self.scripts[script.sha] = self.by_body[body] = script
        self.cached_bytes += SCRIPT_BYTES + string_allocation(len(script.sha)) + string_allocation(len(body))
        return script

    def evaluate(
        self,
        caller: Client,
        script: Script,
        key_count: int,
        words: Sequence[bytes],
        read_only: bool,
        make_run: Callable[..., ScriptRun] = ScriptRun,
    ) -> Any:
        """Run a script for `caller` and answer its reply value.  Raises ReplyError."""
        engine = self.eval_engine
        run = make_run(caller, engine.client, script.sha, script.flags, read_only, is_eval=True)
        return self.perform(engine, run, engine.lua.run, script.compiled, key_count, words, read_only)

    def perform(
        self,
        engine: ScriptEngine,
        run: ScriptRun,
        start: Any,
        function: Any,
        key_count: int,
        words: Sequence[bytes],
        read_only: bool,
    ) -> Any:
        """One run from its beginning to its end: EVAL and FCALL come here."""
        run.admit(read_only)
        run.enter()
        node, journal = self.node, self.node.journal
        journal.begin_group()
        self.run = engine.run = run
        try:
            reply = conversion.to_reply(start(function, key_count, words), engine.lua, run.resp3)
        except LuaFailure as failure:
            error = ReplyError(_failure_text(failure, run.name))
            error.counted = failure.counted
            raise error from None
        finally:
            self.run = engine.run = None
            self.runs += 1
            if not self.runs % RUNS_BETWEEN_COLLECTIONS:
                engine.lua.collect_some_garbage()
            if run.is_slow:
                node.guards.remove(self._refuse_while_busy)
                node.update_observed()
            journal.targets = TO_ALL
            node.writer = run.caller  # what the script wrote is the caller's, to WAIT
            journal.end_group()
            run.caller.rewrite()  # the script's effects are in the journal, it is none itself
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def _forget(self, client: Client) -> None:
        self.debug_modes.pop(client.id, None)

    # -- what it weighs ---------------------------------------------------------------------------

    @property
    def eval_bytes(self) -> int:
        """The memory of the interpreter of EVAL; 0 before its first script."""
        return self._eval_engine.lua.memory_bytes() if self._eval_engine is not None else 0

    @property
    def function_bytes(self) -> int:
        """The memory of the interpreter of functions; 0 before the first one."""
        return self.functions.interpreter_bytes if self.functions is not None else 0

    @property
    def interpreters_bytes(self) -> int:
        return self.eval_bytes + self.function_bytes

    # -- long scripts -----------------------------------------------------------------------------

    def step(self) -> bytes | None:
        """The hook: None to go on, or the error that ends what runs."""
        run, node = self.run, self.node
        if run is None:
            return self._step_of_loading()
        limit_ms = node.config.busy_reply_threshold
        if not run.is_slow and limit_ms and run.elapsed_ms >= limit_ms:
            run.is_slow = True
            node.log(
                "warning",
                f"Slow script detected: still in execution after {run.elapsed_ms} milliseconds. You can try "
                f"killing the script using the {'SCRIPT' if run.is_eval else 'FUNCTION'} KILL command. "
                f"Script name is: {conversion.text_from_lua(run.name)}.",
            )
            node.guards.append(self._refuse_while_busy)
            node.update_observed()
        if node.on_script_step is not None:
            now_us = node.now_us
            node.on_script_step(run)
            node.now_us = now_us  # the script's time stands, whatever happened meanwhile
        return run.killed

    def _step_of_loading(self) -> bytes | None:
        if self.loading_since_us is None:
            return None
        elapsed_ms = (self.node.clock() - self.loading_since_us) // 1000
        return b"ERR FUNCTION LOAD timeout" if elapsed_ms > LOAD_TIMEOUT_MS else None

    def _refuse_while_busy(self, client: Client, command: Command, argv: list[bytes]) -> None:
        """The guard that stands before every command while a slow script runs."""
        run = self.run
        if run is None or client is run.client:
            return
        saves = command.name == "shutdown" and b"NOSAVE" not in (word.upper() for word in argv)
        if saves or not command.flags & Flag.ALLOW_BUSY:
            raise busy(run)

    def kill(self, is_eval: bool) -> str:
        """SCRIPT KILL and FUNCTION KILL.  Raises ReplyError when there is nothing that may be killed."""
        run = self.run
        if run is None:
            raise ReplyError("NOTBUSY No scripts in execution right now.")
        if run.wrote:
            raise ReplyError(
                "UNKILLABLE Sorry the script already executed write commands against the dataset. You can "
                "either wait the script termination or kill the server in a hard way using the SHUTDOWN "
                "NOSAVE command."
            )
        if run.is_eval != is_eval:
            raise busy(run)
        run.killed = KILLED
        return "OK"


def busy(run: ScriptRun) -> ReplyError:
    """What everyone else gets while `run` is slow."""
    return ReplyError(_BUSY.format("SCRIPT" if run.is_eval else "FUNCTION"))


def scripting_of(node: Node) -> Scripting:
    """The node's scripts; the first to ask makes them."""
    if node.scripting is None:
        node.scripting = Scripting(node)
    return node.scripting


def read_shebang(body: bytes) -> tuple[frozenset[str] | None, bytes]:
    """The flags of `#!lua flags=no-writes,allow-oom`, and the code.  Without such a line the flags are None.

    >>> read_shebang(b"return 1"), read_shebang(b"#!lua flags=no-writes\\nreturn 1")
    ((None, b'return 1'), (frozenset({'no-writes'}), b'\\nreturn 1'))
    """
    if not body.startswith(b"#!"):
        return None, body
    line, newline, _ = body.partition(b"\n")
    if not newline:
        raise ReplyError("ERR Invalid script shebang")
    words = conversion.text_from_lua(line).split(" ")
    if words[0] != "#!lua":
        raise ReplyError(f"ERR Unexpected engine in script shebang: {words[0]}")
    flags: set[str] = set()
    for word in words[1:]:
        option, _, value = word.partition("=")
        if option != "flags" or "=" not in word:
            raise ReplyError(f"ERR Unknown lua shebang option: {word}")
        for flag in value.split(",") if value else ():
            if flag not in FLAGS:
                raise ReplyError(f"ERR Unexpected flag in script shebang: {flag}")
            flags.add(flag)
    return frozenset(flags), body[len(line) :]  # the line feed stays: line numbers are the user's


def _failure_text(failure: LuaFailure, name: bytes) -> str:
    message = conversion.as_c_string(failure.message)
    if failure.source is not None and failure.line is not None:
        message += b" script: %b, on %b:%d." % (name, failure.source, failure.line)
    return conversion.text_from_lua(message)
