"""Libraries, compiled: the functions that FCALL finds, kept in step with the sources on the node.

    FUNCTION LOAD "#!lua name=mylib \\n redis.register_function('f', ...)"
      |
      compile     the text runs once, in an environment with nothing but `redis.register_function`
      |
      link        its functions are found by name, in any case; no two libraries may have the same

The sources stand in `node.libraries`.  A snapshot that was loaded, or a primary, may have changed them: at
the next call what is missing here is compiled.

Mirrors: functions.c, function_lua.c.
Differs: a library that came with a file is compiled when it is wanted, and one that does not compile is noted
in the log then.
Complexity: a look-up is O(1).

Read next: functions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidis.engine.libraries import BAD_NAME, is_name, read_metadata
from minidis.protocol.replies import ReplyError
from minidis.scripting.arguments import to_text
from minidis.scripting.conversion import text_from_lua
from minidis.scripting.engine import ScriptEngine, Scripting, scripting_of
from minidis.scripting.interpreter import LuaErrorReply, LuaFailure, LuaSyntaxError
from minidis.scripting.run import FLAGS

if TYPE_CHECKING:
    from minidis.engine.node import Node

_API = "redis.register_function"


class Function:
    """One registered function."""

    __slots__ = ("name", "callback", "description", "flags", "library")

    def __init__(
        self, name: bytes, callback: Any, description: bytes | None, flags: frozenset[str], library: Library
    ) -> None:
        self.name, self.callback, self.description = name, callback, description
        self.flags, self.library = flags, library


class Library:
    """A compiled library."""

    __slots__ = ("name", "code", "functions")

    def __init__(self, name: bytes, code: bytes) -> None:
        self.name, self.code = name, code
        self.functions: dict[bytes, Function] = {}


class Functions:
    """The compiled libraries of a node."""

    def __init__(self, scripting: Scripting) -> None:
        self.scripting = scripting
        self.node: Node = scripting.node
        self.loading: Library | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything compiled, and the interpreter with it."""
        self.libraries: dict[bytes, Library] = {}
        self.by_name: dict[bytes, Function] = {}
        self.seen_version = 0
        self._engine: ScriptEngine | None = None

    @property
    def engine(self) -> ScriptEngine:
        if self._engine is None:
            self._engine = ScriptEngine(self.scripting, with_loading=self.register)
        return self._engine

    @property
    def interpreter_bytes(self) -> int:
        return self._engine.lua.memory_bytes() if self._engine is not None else 0

    def find(self, name: bytes) -> Function | None:
        """The function of this name, in any case."""
        self.catch_up()
        return self.by_name.get(name.lower())

    def catch_up(self) -> None:
        """Compile what others put among the node's sources, drop what they took out."""
        sources = self.node.libraries.sources
        if self.seen_version == self.node.libraries.version:
            return
        for name in [name for name, library in self.libraries.items() if sources.get(name) != library.code]:
            self._unlink(self.libraries[name])
        for name, code in sources.items():
            if name not in self.libraries:
                try:
                    self._link(self.compile(code))
                except ReplyError as error:
                    self.node.log("warning", f"The library {text_from_lua(name)} cannot be used: {error}")
        self.seen_version = self.node.libraries.version

    # -- changes ----------------------------------------------------------------------------------

    def load(self, code: bytes, replace: bool) -> bytes:
        """FUNCTION LOAD: compile, check, take in; the library's name.  Raises ReplyError."""
        self.catch_up()
        engine, name, _ = read_metadata(code)
        check_engine(engine)
        if name in self.libraries and not replace:
            raise ReplyError(f"ERR Library '{text_from_lua(name)}' already exists")
        library = self.compile(code)
        self.check_collisions([library], {name})
        self.take_in([library])
        return name

    def take_in(self, libraries: list[Library]) -> None:
        """Put compiled libraries into place, instead of those of the same names."""
        for library in libraries:
            former = self.libraries.get(library.name)
            if former is not None:
                self._unlink(former)
            self._link(library)
            self.node.libraries.keep(library.code)
        self.seen_version = self.node.libraries.version
        self.node.changes += 1

    def delete(self, name: bytes) -> None:
        """FUNCTION DELETE.  Raises ReplyError."""
        self.catch_up()
        library = self.libraries.get(name)
        if library is None:
            raise ReplyError("ERR Library not found")
        self._unlink(library)
        self.node.libraries.remove(name)
        self.seen_version = self.node.libraries.version
        self.node.changes += 1

    def flush(self) -> None:
        """FUNCTION FLUSH."""
        self.node.libraries.clear()
        self.reset()
        self.seen_version = self.node.libraries.version
        self.node.changes += 1

    def check_collisions(self, libraries: list[Library], leaving: set[bytes]) -> None:
        """Raise ReplyError if a function exists already, other than in a library that is `leaving`."""
        taken: dict[bytes, Library] = {}
        for library in libraries:
            for key, function in library.functions.items():
                former = self.by_name.get(key)
                there = former is not None and former.library.name not in leaving
                if there or taken.setdefault(key, library) is not library:
                    raise ReplyError(f"ERR Function {text_from_lua(function.name)} already exists")

    def _link(self, library: Library) -> None:
        self.check_collisions([library], {library.name})
        self.libraries[library.name] = library
        self.by_name.update(library.functions)

    def _unlink(self, library: Library) -> None:
        del self.libraries[library.name]
        for key in library.functions:
            del self.by_name[key]

    # -- compiling --------------------------------------------------------------------------------

    def compile(self, code: bytes) -> Library:
        """Run a library's text and collect the functions that it registers.  Raises ReplyError."""
        engine, name, body = read_metadata(code)
        check_engine(engine)
        lua = self.engine.lua
        try:
            script = lua.compile(body, b"@user_function")
        except LuaSyntaxError as error:
            raise ReplyError(f"ERR Error compiling function: {text_from_lua(error.message)}") from None
        library = self.loading = Library(name, code)
        self.scripting.loading_since_us = self.node.clock()
        try:
            lua.load_library(script)
        except LuaFailure as error:
            text = text_from_lua(error.message)
            raise ReplyError(f"ERR Error registering functions: {text}") from None
        finally:
            self.loading = self.scripting.loading_since_us = None
        if not library.functions:
            raise ReplyError("ERR No functions registered")
        return library

    def register(self, *values: Any) -> None:
        """redis.register_function: by name and function, or by a table with names."""
        library = self.loading
        if library is None:
            raise LuaErrorReply(f"ERR {_API} can only be called on FUNCTION LOAD command")
        if not 1 <= len(values) <= 2:
            raise LuaErrorReply(f"ERR wrong number of arguments to {_API}")
        read = self._named_arguments if len(values) == 1 else self._positional_arguments
        name, callback, description, flags = read(*values)
        if not is_name(name):
            raise LuaErrorReply(BAD_NAME)
        if any(function.name == name for function in library.functions.values()):
            raise LuaErrorReply("ERR Function already exists in the library")
        library.functions[name.lower()] = Function(name, callback, description, flags, library)

    def _positional_arguments(self, name: Any, callback: Any) -> tuple[bytes, Any, None, frozenset[str]]:
        text = to_text(name)
        if text is None:
            raise LuaErrorReply(f"ERR first argument to {_API} must be a string")
        if self.engine.lua.type_name(callback) != "function":
            raise LuaErrorReply(f"ERR second argument to {_API} must be a function")
        return text, callback, None, frozenset()

    def _named_arguments(self, table: Any) -> tuple[bytes, Any, bytes | None, frozenset[str]]:
        lua = self.engine.lua
        if not lua.is_table(table):
            raise LuaErrorReply(
                f"ERR calling {_API} with a single argument is only applicable to Lua table (representing "
                "named arguments)."
            )
        found: dict[str, Any] = {}
        for key, value in lua.items(table):
            name = to_text(key)
            if name is None:
                raise LuaErrorReply(f"ERR named argument key given to {_API} is not a string")
            argument = text_from_lua(name).lower()
            found[argument] = self._named_argument(argument, value)
        if "function_name" not in found:
            raise LuaErrorReply(f"ERR {_API} must get a function name argument")
        if "callback" not in found:
            raise LuaErrorReply(f"ERR {_API} must get a callback argument")
        flags = found.get("flags", frozenset())
        return found["function_name"], found["callback"], found.get("description"), flags

    def _named_argument(self, argument: str, value: Any) -> Any:
        if argument in ("function_name", "description"):
            text = to_text(value)
            if text is None:
                raise LuaErrorReply(f"ERR {argument} argument given to {_API} must be a string")
            return text
        if argument == "callback":
            if self.engine.lua.type_name(value) != "function":
                raise LuaErrorReply(f"ERR callback argument given to {_API} must be a function")
            return value
        if argument == "flags":
            return self._flags(value)
        raise LuaErrorReply(f"ERR unknown argument given to {_API}")

    def _flags(self, table: Any) -> frozenset[str]:
        lua = self.engine.lua
        if not lua.is_table(table):
            raise LuaErrorReply(f"ERR flags argument to {_API} must be a table representing function flags")
        flags = set()
        for value in lua.values(table, lua.length(table)):
            text = to_text(value)
            flag = "" if text is None else text_from_lua(text).lower()
            if flag not in FLAGS:
                raise LuaErrorReply("ERR unknown flag given")
            flags.add(flag)
        return frozenset(flags)


def check_engine(engine: bytes) -> None:
    """Lua is the only language."""
    if engine.lower() != b"lua":
        raise ReplyError(f"ERR Engine '{text_from_lua(engine)}' not found")


def functions_of_node(node: Node) -> Functions:
    """The node's functions; the first to ask makes them."""
    scripting = scripting_of(node)
    if scripting.functions is None:
        scripting.functions = Functions(scripting)
    return scripting.functions
