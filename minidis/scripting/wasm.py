"""Lua 5.1 in the browser: PUC's Lua compiled to WebAssembly, through its C API.

Where Python itself runs in WebAssembly there is no lupa.  The npm package `wasmoon-lua5.1` carries the same
Lua as a .wasm file with the C API exported, and this module is a host on that API, as a C program would be:

    Python   bytes, int, float, bool, None   <->  pushed and read by value
             list, dict                       ->  a table
             a function, an exception         ->  a C closure, a light userdata, by their number in `_held`
    Lua      table, function, userdata        ->  `Reference`: a slot of Lua's registry, freed with the object

A C function must not unwind Python's frames: what a Python function raises is kept, and the JavaScript
around it (`TRAMPOLINE`) calls `lua_error` once Python has returned.

Mirrors: lapi.h and lauxlib.h of Lua 5.1.  Differs from interpreter.py: in speed alone; the tests of the
static site hold the two to the same answers.

Read next: interpreter.py, whose class this one extends; drivers/browser.py, which fetches the Lua.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from minidis.scripting import interpreter
from minidis.scripting.interpreter import Host, LuaInterpreter

REGISTRY = -10000  # LUA_REGISTRYINDEX
GLOBALS = -10002  # LUA_GLOBALSINDEX
FIRST_UPVALUE = GLOBALS - 1
ALL_RESULTS = -1  # LUA_MULTRET
STACK_SLOTS = 20  # room for what is pushed beside the values themselves

NIL, BOOLEAN, LIGHT_USERDATA, NUMBER, STRING, TABLE, FUNCTION, USERDATA, THREAD = range(9)
TYPE_NAMES = ["nil", "boolean", "userdata", "number", "string", "table", "function", "userdata", "thread"]

TRAMPOLINE = """
(lua, serve) => lua.addFunction((state) => {
  const results = serve(state);
  return results < 0 ? lua._lua_error(state) : results;
}, 'ii')
"""

_lua: Any = None  # the module of emscripten, once it is loaded: exports `_lua_...`, memory HEAPU8


def use(module: Any) -> None:
    """Let scripts run on a Lua that was fetched: the module object of its emscripten build."""
    global _lua
    _lua = module
    interpreter.use(WasmInterpreter)


class Reference:
    """A value that stays in Lua: a slot of the registry, with the type that it had."""

    def __init__(self, owner: WasmInterpreter, slot: int, kind: int) -> None:
        self.owner, self.slot, self.kind = owner, slot, kind

    def __del__(self) -> None:
        if not self.owner.closed:
            _lua._luaL_unref(self.owner.state, REGISTRY, self.slot)

    def __call__(self, *arguments: Any) -> Any:
        """Call a function of the sandbox, which raises nothing.  None, a value, or a tuple, as in lupa."""
        return self.owner.call_lua(self, arguments)


class WasmInterpreter(LuaInterpreter):
    """One Lua state with the sandbox in it, on the C API of a Lua in WebAssembly."""

    def __init__(
        self, libraries: Host, constants: Host, step: Callable[[], bytes | None], deprecated: bool = False
    ) -> None:
        from pyodide.code import run_js  # type: ignore[import-not-found]
        from pyodide.ffi import create_proxy  # type: ignore[import-not-found]

        self._held: list[Any] = []  # functions by the number in their closure, exceptions by their userdata
        self._free: list[int] = []
        self.closed = False
        self.state = _lua._luaL_newstate()
        _lua._luaL_openlibs(self.state)
        self._length = _lua._malloc(4)
        self._serve_proxy = create_proxy(self._serve)
        self._trampoline = run_js(TRAMPOLINE)(_lua, self._serve_proxy)
        # In lupa a Python function is an object that this makes a function; here it comes as one.
        self._evaluate(b"python = {as_function = function(f) return f end}")
        self._enter_sandbox(self._load_chunk, libraries, constants, step, deprecated)

    def __del__(self) -> None:
        if not self.closed and _lua is not None:
            self.closed = True
            _lua._lua_close(self.state)
            _lua._free(self._length)
            _lua.removeFunction(self._trampoline)
            self._serve_proxy.destroy()

    # -- calls ------------------------------------------------------------------------------------

    def call_lua(self, function: Reference, arguments: Iterable[Any]) -> Any:
        """The results of a function that raises nothing: the sandbox catches what scripts raise."""
        state, top = self.state, _lua._lua_gettop(self.state)
        _lua._lua_rawgeti(state, REGISTRY, function.slot)
        count = 0
        for value in arguments:
            self._push(state, value)
            count += 1
        status = _lua._lua_pcall(state, count, ALL_RESULTS, 0)
        results = self._pop_from(state, top)
        if status:
            self._raise_if_broken()
            raise RuntimeError(f"the sandbox failed: {results[0]!r}")
        return None if not results else results[0] if len(results) == 1 else tuple(results)

    def _load_chunk(self, source: bytes, name: bytes) -> Reference:
        state = self.state
        text, label = _copy_in(source), _copy_in(name)
        status = _lua._luaL_loadbuffer(state, text, len(source), label)
        _lua._free(text)
        _lua._free(label)
        (chunk,) = self._pop_from(state, _lua._lua_gettop(state) - 1)
        if status:
            raise RuntimeError(f"the sandbox does not compile: {chunk!r}")
        return chunk

    def _evaluate(self, source: bytes) -> None:
        self._load_chunk(source, b"=python")()

    def _serve(self, state: int) -> int:
        """Lua calls a function of the host: the count of its results, or -1 for an error, on the stack."""
        function = self._held[_lua._lua_tointeger(state, FIRST_UPVALUE)]
        arguments = self._pop_from(state, 0)
        try:
            result = function(*arguments)
            results = result if isinstance(result, tuple) else (result,)
            _lua._lua_checkstack(state, len(results) + STACK_SLOTS)
            for value in results:
                self._push(state, value)
            return len(results)
        except BaseException as error:
            _lua._lua_settop(state, 0)
            _lua._lua_pushlightuserdata(state, self._hold(error))
            return -1

    # -- values -----------------------------------------------------------------------------------

    def _push(self, state: int, value: Any) -> None:
        if isinstance(value, bytes):
            at = _copy_in(value)
            _lua._lua_pushlstring(state, at, len(value))
            _lua._free(at)
        elif value is None:
            _lua._lua_pushnil(state)
        elif isinstance(value, bool):
            _lua._lua_pushboolean(state, value)
        elif isinstance(value, int | float):
            _lua._lua_pushnumber(state, float(value))
        elif isinstance(value, Reference):
            _lua._lua_rawgeti(state, REGISTRY, value.slot)
        elif isinstance(value, list | tuple):
            self._push_pairs(state, enumerate(value, 1))
        elif isinstance(value, Mapping):
            self._push_pairs(state, value.items())
        elif callable(value):
            _lua._lua_pushinteger(state, self._hold(value))
            _lua._lua_pushcclosure(state, self._trampoline, 1)
        else:
            raise TypeError(f"Lua has no value for {value!r}")

    def _push_pairs(self, state: int, pairs: Iterable[tuple[Any, Any]]) -> None:
        _lua._lua_checkstack(state, STACK_SLOTS)
        _lua._lua_createtable(state, 0, 0)
        for key, value in pairs:
            self._push(state, key)
            self._push(state, value)
            _lua._lua_rawset(state, -3)

    def _pop_from(self, state: int, bottom: int) -> list[Any]:
        """What lies on the stack above `bottom`, taken off."""
        values = [self._read(state, at) for at in range(bottom + 1, _lua._lua_gettop(state) + 1)]
        _lua._lua_settop(state, bottom)
        return values

    def _read(self, state: int, at: int) -> Any:
        kind = _lua._lua_type(state, at)
        if kind == STRING:
            start = _lua._lua_tolstring(state, at, self._length)
            size = _lua.HEAPU32[self._length >> 2]
            return _lua.HEAPU8.subarray(start, start + size).to_bytes()
        if kind == NUMBER:
            number = _lua._lua_tonumber(state, at)
            return int(number) if number == number and number % 1 == 0 else number
        if kind <= NIL:
            return None
        if kind == BOOLEAN:
            return bool(_lua._lua_toboolean(state, at))
        if kind == LIGHT_USERDATA:
            return self._release(_lua._lua_touserdata(state, at))
        _lua._lua_pushvalue(state, at)
        return Reference(self, _lua._luaL_ref(state, REGISTRY), kind)

    def _hold(self, value: Any) -> int:
        if self._free:
            number = self._free.pop()
            self._held[number] = value
            return number
        self._held.append(value)
        return len(self._held) - 1

    def _release(self, number: int) -> Any:
        """An exception comes back to be described, once."""
        value = self._held[number]
        if isinstance(value, BaseException):
            self._held[number] = None
            self._free.append(number)
        return value

    def table(self, value: list | dict) -> Any:
        self._push(self.state, value)
        return Reference(self, _lua._luaL_ref(self.state, REGISTRY), TABLE)

    def is_table(self, value: Any) -> bool:
        return isinstance(value, Reference) and value.kind == TABLE

    def is_null(self, value: Any) -> bool:
        return value is None or isinstance(value, Reference) and value.kind == USERDATA

    def type_name(self, value: Any) -> str:
        return TYPE_NAMES[value.kind] if isinstance(value, Reference) else super().type_name(value)

    def items(self, table: Any) -> Iterable[tuple[Any, Any]]:
        state, top = self.state, _lua._lua_gettop(self.state)
        _lua._lua_rawgeti(state, REGISTRY, table.slot)
        _lua._lua_pushnil(state)
        pairs = []
        while _lua._lua_next(state, top + 1):
            pairs.append((self._read(state, top + 2), self._read(state, top + 3)))
            _lua._lua_settop(state, top + 2)
        _lua._lua_settop(state, top)
        return pairs

    def length(self, table: Any) -> int:
        _lua._lua_rawgeti(self.state, REGISTRY, table.slot)
        count = _lua._lua_objlen(self.state, -1)
        _lua._lua_settop(self.state, -2)
        return count

    def values(self, table: Any, count: int) -> list[Any]:
        state, top = self.state, _lua._lua_gettop(self.state)
        _lua._lua_rawgeti(state, REGISTRY, table.slot)
        values = []
        for at in range(1, count + 1):
            _lua._lua_rawgeti(state, top + 1, at)
            values.append(self._read(state, top + 2))
            _lua._lua_settop(state, top + 1)
        _lua._lua_settop(state, top)
        return values


def _copy_in(data: bytes) -> int:
    """The address of a copy of `data`, with a zero after it, in Lua's memory; to be freed."""
    at = _lua._malloc(len(data) + 1)
    _lua.HEAPU8.subarray(at, at + len(data) + 1).assign(data + b"\0")
    return at
