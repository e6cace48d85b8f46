"""A Lua interpreter as the rest of this room sees it: compile, run, and tables across the border.

    Lua       nil   boolean  number         string   table       function
    Python    None  bool     int or float   bytes    (opaque)    (opaque)

Numbers that are whole come over as `int`.  A table stays where it is; `items`, `length` and `classify` look
into it and `table` makes one from lists and dicts.

The only module that knows lupa, which carries PUC's Lua 5.1.  Another Lua (in the browser there is no lupa)
is plugged in by `use`: a class with the methods of `LuaInterpreter`.

Read next: sandbox.py, the Lua text that it runs first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from minidis.protocol.replies import ReplyError
from minidis.scripting.sandbox import SANDBOX
from minidis.scripting.tail_calls import MAY_HAVE_ONE, as_plain_calls

STEP_INSTRUCTIONS = 100_000
"""After so many instructions of the virtual machine the host is asked whether to go on, as in Redis."""

GARBAGE_STEP = 2
"""In kilobytes of work, as Lua counts it; Redis's LUA_GC_CYCLE_PERIOD goes with it, see engine.py."""

MOST_WORDS_ON_THE_STACK = 1000
"""Keys and arguments beyond this are handed over in tables: Lua's stack is bounded."""

NO_LUA = "ERR there is no Lua here: pip install 'minidis[scripting]'"

Host = Mapping[str, Mapping[str, Any]]


class LuaError(Exception):
    """Raised by a function of the host: in Lua it is the error `user_script:1: <message>`."""

    kind = b"message"

    def __init__(self, message: bytes | str) -> None:
        super().__init__(message)
        self.message = message if isinstance(message, bytes) else message.encode("utf-8", "surrogateescape")


class LuaErrorReply(LuaError):
    """Raised by a function of the host: in Lua it is the error `{err = <message>}`.

    `counted`: it was the reply to a command, and is among the node's errors already.
    """

    kind = b"reply"

    def __init__(self, message: bytes | str, counted: bool = False) -> None:
        super().__init__(message)
        if counted:
            self.kind = b"counted reply"


class LuaSyntaxError(Exception):
    """A text that does not compile; `message` is Lua's."""

    def __init__(self, message: bytes) -> None:
        super().__init__(message)
        self.message = message


class LuaFailure(Exception):
    """A script ended by an error, at a place that is known or not."""

    def __init__(
        self, message: bytes, source: bytes | None = None, line: int | None = None, counted: bool = False
    ) -> None:
        super().__init__(message)
        self.message, self.source, self.line, self.counted = message, source, line, counted


class LuaInterpreter:
    """One Lua state with the sandbox in it, on lupa.

    `libraries` are the tables of functions that scripts see (`redis`, `cjson` ...), `constants` what is no
    function in them.  `step()` answers None, or the reason to end the script, every STEP_INSTRUCTIONS.
    `deprecated`: scripts also see `setfenv`, `getfenv` and `newproxy`.
    """

    _broken_by: BaseException | None = None  # not to be caught by a script: raised again behind it

    def __init__(
        self, libraries: Host, constants: Host, step: Callable[[], bytes | None], deprecated: bool = False
    ) -> None:
        from lupa import lua51  # type: ignore[import-untyped]

        self._type = lua51.lua_type
        self._lua = lua51.LuaRuntime(
            encoding=None, unpack_returned_tuples=True, register_eval=False, register_builtins=False
        )
        self._enter_sandbox(self._lua.eval(b"loadstring"), libraries, constants, step, deprecated)

    def _enter_sandbox(
        self,
        load: Callable[[bytes, bytes], Any],
        libraries: Host,
        constants: Host,
        step: Callable[[], bytes | None],
        deprecated: bool,
    ) -> None:
        """Run the sandbox in the new state, and keep what it hands out; `load` compiles a text."""
        self._step = step
        host: dict[bytes, Any] = {b"describe": self._describe, b"step": self._guarded_step}
        host[b"step_instructions"], host[b"enables_deprecated"] = STEP_INSTRUCTIONS, deprecated
        host[b"taking_tables"] = {
            name.encode(): self._taking_table(libraries["redis"][name]) for name in ("call", "pcall")
        }
        self._load_text, self._debug = load, load(b"return debug", b"=host")()
        sandbox = load(SANDBOX, b"=sandbox")(
            self.table(host), self.table(_bytes_keys(libraries)), self.table(_bytes_keys(constants))
        )
        self._compile, self._run, self._call, self._load, self._classify, self._library, self.null = sandbox
        self._garbage = load(b"return collectgarbage", b"=host")()
        self._garbage()  # what was needed to get here

    # -- running ----------------------------------------------------------------------------------

    def compile(self, source: bytes, chunk: bytes) -> Any:
        """A function that runs `source`.  Raises LuaSyntaxError; `chunk` is its name in messages."""
        compiled, message = self.compile_piece(source, chunk)
        if compiled is None:
            raise LuaSyntaxError(message)
        return self._with_frames_kept(compiled, chunk) if MAY_HAVE_ONE.search(source) else compiled

    def _with_frames_kept(self, compiled: Any, chunk: bytes) -> Any:
        dump, getfenv, setfenv = self._load_text(b"return string.dump, getfenv, setfenv", b"=host")()
        changed = as_plain_calls(dump(compiled))
        if changed is None:
            return compiled
        again = self._load_text(changed, chunk)
        setfenv(again, getfenv(compiled))
        return again

    def compile_piece(self, source: bytes, chunk: bytes) -> tuple[Any, bytes]:
        """The same, answering None and the message instead of raising it."""
        compiled, message = self._compile(source, chunk)
        return compiled, message

    def load_debugger(self, text: bytes, reached: Callable[[bool, int], None]) -> tuple[Any, ...]:
        """The functions of the debugger's own Lua (frames.py); `reached` is told of the script's lines."""
        script_pcall = self.compile(b"return pcall", b"=debugger")()
        return self._load_text(text, b"=debugger")(self._debug, script_pcall, reached, STEP_INSTRUCTIONS)

    def run(self, script: Any, key_count: int, words: Sequence[bytes]) -> Any:
        """Run a script with KEYS and ARGV (`words`, keys first) and answer its value.  Raises LuaFailure."""
        if len(words) > MOST_WORDS_ON_THE_STACK:
            return self._finish(self._run(script, -1, *self._tables(key_count, words)))
        return self._finish(self._run(script, key_count, *words))

    def call(self, function: Any, key_count: int, words: Sequence[bytes]) -> Any:
        """Call a registered function and answer its value.  Raises LuaFailure."""
        if len(words) > MOST_WORDS_ON_THE_STACK:
            return self._finish(self._call(function, -1, *self._tables(key_count, words)))
        return self._finish(self._call(function, key_count, *words))

    def load_library(self, script: Any) -> None:
        """Run the text of a library, so that it registers its functions.  Raises LuaFailure."""
        message = self._load(script)
        self._raise_if_broken()
        if message is not None:
            raise LuaFailure(message)

    def _tables(self, key_count: int, words: Sequence[bytes]) -> tuple[Any, Any]:
        return self.table(list(words[:key_count])), self.table(list(words[key_count:]))

    def _finish(self, outcome: Any) -> Any:
        if self._broken_by is not None:
            self._raise_if_broken()
        succeeded, value, *place = outcome
        if succeeded:
            return value
        raise LuaFailure(value if isinstance(value, bytes) else b"execution failure", *place)

    def _raise_if_broken(self) -> None:
        if self._broken_by is not None:
            failure, self._broken_by = self._broken_by, None
            raise failure

    def memory_bytes(self) -> int:
        """What Lua has allocated."""
        return int(self._garbage(b"count") * 1024)

    def collect_some_garbage(self) -> None:
        """A step of Lua's collector: called now and then, it keeps the memory of scripts low."""
        self._garbage(b"step", GARBAGE_STEP)

    # -- called by the sandbox --------------------------------------------------------------------

    def _describe(self, error: Any) -> tuple[bytes, bytes] | None:
        """What a Python exception is to a script; one of ours ends it, and goes on outside of Lua."""
        if isinstance(error, LuaError):
            return error.kind, error.message
        if isinstance(error, BaseException):
            self._broken_by = error
            return b"killed", b"ERR the script was interrupted"
        return None

    def _guarded_step(self) -> bytes | None:
        try:
            return self._step()
        except BaseException as error:  # Ctrl-C comes here
            self._broken_by = error
            return b"ERR the script was interrupted"

    def _taking_table(self, function: Callable[..., Any]) -> Callable[[Any, int], Any]:
        return lambda table, count: function(*self.values(table, count))

    # -- values -----------------------------------------------------------------------------------

    def table(self, value: list | dict) -> Any:
        """A Lua table from a list (indexes from 1) or a dict, whatever they hold."""
        return self._lua.table_from(value, recursive=True)

    def library(self, functions: Mapping[str, Any], constants: Mapping[str, Any]) -> Any:
        """A table of functions of the host, as scripts see them."""
        tables = _bytes_keys({"functions": functions, "constants": constants})
        return self._library(self.table(tables[b"functions"]), self.table(tables[b"constants"]))

    def is_table(self, value: Any) -> bool:
        return self._type(value) == "table"

    def is_null(self, value: Any) -> bool:
        """True for nil and for `cjson.null`."""
        return value is None or self._type(value) == "userdata"

    def type_name(self, value: Any) -> str:
        """Lua's name for the type of a value."""
        if value is None:
            return "nil"
        if isinstance(value, bool):
            return "boolean"
        if isinstance(value, int | float):
            return "number"
        return "string" if isinstance(value, bytes) else self._type(value)

    def items(self, table: Any) -> Iterable[tuple[Any, Any]]:
        """The pairs of a table, in the order of `next`."""
        return table.items()

    def length(self, table: Any) -> int:
        """`#table`."""
        return len(table)

    def classify(self, table: Any) -> tuple[Any, ...]:
        """What a table means as a reply: its kind, then what the sandbox found in it."""
        return self._classify(table)

    def values(self, table: Any, count: int) -> list[Any]:
        """The elements 1 to `count` of a table."""
        return [table[at] for at in range(1, count + 1)]


def _bytes_keys(host: Host) -> dict[bytes, dict[bytes, Any]]:
    return {
        name.encode(): {key.encode(): value for key, value in functions.items()}
        for name, functions in host.items()
    }


_class: Any = LuaInterpreter
_why_there_is_none = NO_LUA


def use(interpreter: Any) -> None:
    """Let scripts run on another Lua: a class like `LuaInterpreter`."""
    global _class
    _class = interpreter


def say_why_there_is_none(message: str) -> None:
    """The error of EVAL while there is no Lua to run it, where NO_LUA would be no help."""
    global _why_there_is_none
    _why_there_is_none = message


def new_interpreter(
    libraries: Host, constants: Host, step: Callable[[], bytes | None], deprecated: bool
) -> LuaInterpreter:
    """A fresh interpreter.  Raises ReplyError where no Lua is installed."""
    try:
        return _class(libraries, constants, step, deprecated)
    except ImportError:
        raise ReplyError(_why_there_is_none) from None
