"""The sandbox: the piece of Lua that runs before any script, and decides what a script can reach.

A script shares its interpreter with every other script, so nothing in it may be changed for good:

    x = 1                 Attempt to modify a readonly table
    return y              Script attempted to access nonexistent global variable 'y'
    string.len = nil      Attempt to modify a readonly table

Redis patches Lua's tables with a read-only flag.  An ordinary Lua has none, so a script sees *proxies*:

    script's globals   {}  --__index-->  the real table of globals  --__index-->  an error
    string, redis ...  {}  --__index-->  the real table
                           --__newindex-->  an error

and the few built-in functions that would see through a proxy (rawset, next, setmetatable ...) are
replaced by ones that do not.

Errors: `redis.call` raises a table `{err = "WRONGTYPE ..."}`, a library `user_script:1: bad argument ...`,
with the line of the script that called it.  The host's functions raise Python exceptions; `translate` makes
Lua errors of them while the script's frames still stand.

A hook runs every 100,000 instructions and asks the host whether to go on.  When it says no, every function
that could catch the error (pcall, xpcall, coroutine.resume) raises it again.

Mirrors: `luaRegisterRedisAPI`, `luaSetTableProtectionRecursively`, `luaMaskCountHook` in script_lua.c.
Differs: the C functions that are Lua here keep their caller's frame in a tail call where they are named as
globals (tail_calls.py), not where a local or a table holds them. `redis.call` takes 7997 arguments where they
come by `...`; in Redis it is the 7999 of one `unpack`, and what stands before them. (A `redis.call` in Lua
that hands over a table would take them all, and twice the time for each call: 8.5 us instead of 4.9 for an
INCR.)

Read next: interpreter.py, which runs this text; api.py for the functions of `redis`.
"""

from __future__ import annotations

SANDBOX = rb"""
local host, libraries, constants = ...
local as_function = python.as_function
local getinfo, sethook, running = debug.getinfo, debug.sethook, coroutine.running
local getlocal, setlocal = debug.getlocal, debug.setlocal
local error, type, tostring, select, unpack = error, type, tostring, select, unpack
local next, pairs, rawget, rawset = next, pairs, rawget, rawset
local setmetatable, getmetatable, setfenv, getfenv = setmetatable, getmetatable, setfenv, getfenv
local loadstring, pcall, xpcall = loadstring, pcall, xpcall
local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield
local concat, find, sub = table.concat, string.find, string.sub
local gsub = function(...) return (string.gsub(...)) end
local describe, step = as_function(host.describe), as_function(host.step)
local STEP_INSTRUCTIONS = host.step_instructions
local READONLY = 'Attempt to modify a readonly table'

-- 1. Tables that a script cannot change ------------------------------------------------------------

local real_of = setmetatable({}, {__mode = 'k'})

local function refuse() error(READONLY, 2) end

local function readonly(real)
  local proxy = setmetatable({}, {__index = real, __newindex = refuse})
  real_of[proxy] = real
  return proxy
end

local function nonexistent(_, name)
  if type(name) ~= 'string' and type(name) ~= 'number' then
    error('Second argument to luaProtectedTableError must be a string or number', 2)
  end
  error("Script attempted to access nonexistent global variable '" .. name .. "'", 2)
end

local only_what_is_there = {__index = nonexistent}
local globals = setmetatable({}, only_what_is_there)
local environment = readonly(globals)
local environment_meta = getmetatable(environment)

-- 2. Errors ----------------------------------------------------------------------------------------

local OURS = {['=sandbox'] = true, ['=pcall'] = true, ['=debugger'] = true}
local killed  -- the reason, once the host has ended the script
local lost_frame  -- the script's, where a tail call of ours has taken it away

-- The frame of the script that runs at `level` or, if that is ours or C's, of the one that called it.
-- Second: was what runs called by pcall itself?  Then the script's line is not in its messages.
local function script_frame(level)
  local by_pcall, lost = false, lost_frame
  lost_frame = nil
  for at = level, level + 12 do
    local info = getinfo(at, 'Sl')
    if not info then return lost, by_pcall end
    if info.source == '=pcall' then by_pcall = true end
    if info.what ~= 'C' and info.what ~= 'tail' and not OURS[info.source] then return info, by_pcall end
  end
end

local function position(info)
  return info and info.short_src .. ':' .. info.currentline .. ': ' or ''
end

-- What the host or we raised, as what Redis would have raised.
local function translate(err, info, by_pcall)
  if type(err) == 'userdata' then
    local kind, text = describe(err)
    if kind == 'reply' then return {err = text} end
    if kind == 'counted reply' then return {err = text, ignore_error_stats_update = true} end
    if kind == 'message' and by_pcall then return gsub(text, "^(bad argument #%d+ to )'[%w_]+'", "%1'?'") end
    if kind == 'message' then return position(info) .. text end
    if kind == 'killed' then
      killed = text
      return {err = text}
    end
  elseif type(err) == 'string' then
    local _, last = find(err, '^sandbox:%d+: ')
    if last then return position(info) .. sub(err, last + 1) end
    _, last = find(err, '^pcall:%d+: ')
    if last then return sub(err, last + 1) end
    -- Of the 8000 places on the stack of a C function, lupa needs three itself.
    if find(err, '(not a python object)', 1, true) then
      return gsub(err, 'bad argument.*', 'too many arguments (7997 at most)')
    end
  end
  return err
end

-- Redis's pcall hands out the text of an error table.
local function caught(ok, err, ...)
  if killed then error({err = killed}, 0) end
  if not ok and type(err) == 'table' and type(rawget(err, 'err')) == 'string' then
    return false, err.err
  end
  return ok, err, ...
end

local function translating_handler(err) return translate(err, script_frame(3)) end

local function top_handler(err)
  local info, by_pcall = script_frame(3)
  err = translate(err, info, by_pcall)
  if type(err) ~= 'table' then err = {err = 'ERR ' .. tostring(err)} end
  if info then
    err.source = info.source
    err.line = info.currentline
  end
  return err
end

-- 3. The hook --------------------------------------------------------------------------------------

local function on_step()
  local reason = killed or step()
  if reason then
    killed = reason
    error({err = reason}, 0)
  end
end

sethook(on_step, '', STEP_INSTRUCTIONS)

-- 4. Built-in functions ----------------------------------------------------------------------------

local function compile(source, chunk)
  if sub(source, 1, 1) == '\27' then source = ' ' .. source end  -- no bytecode: let the parser refuse it
  local compiled, message = loadstring(source, chunk)
  if compiled then setfenv(compiled, environment) end
  return compiled, message
end

local function guarded_create(f)
  local co = create(f)
  sethook(co, on_step, '', STEP_INSTRUCTIONS)
  return co
end

local function resumed(co, ok, err, ...)
  if killed then error({err = killed}, 0) end
  if not ok then return false, translate(err, getinfo(co, 1, 'Sl')) end
  return ok, err, ...
end

local function wrapped(co, ok, err, ...)
  if ok then return err, ... end
  err = translate(err, getinfo(co, 1, 'Sl'))
  error(type(err) == 'string' and position(script_frame(3)) .. err or err, 0)
end

local function next_of_real(proxy, key) return next(real_of[proxy], key) end

-- lupa's time for a call is quadratic in the number of arguments, and it takes 7997 at most.  So before
-- `unpack` makes many, each `redis.call` that waits for its arguments in a frame of the script gives way to a
-- twin, which hands them over in a table.
local MANY = 200
local by_table = setmetatable({}, {__mode = 'k'})  -- redis.call, redis.pcall, a twin -> the host's for tables

local function back(...)
  lost_frame = nil
  return ...
end

local function twin(take, frame)
  local function same(...)
    lost_frame = frame
    return back(take({...}, select('#', ...)))
  end
  by_table[same] = take
  return same
end

local function many_words_come()
  for at = 3, 12 do  -- 1 is this function, 2 is unpack
    local frame = getinfo(at, 'Sl')
    if not frame then return end
    local slot = 1
    local name, value = nil, nil
    if frame.what ~= 'C' and not OURS[frame.source] then name, value = getlocal(at, slot) end
    while name do
      local take = name == '(*temporary)' and type(value) == 'function' and by_table[value]
      if take then setlocal(at, slot, twin(take, frame)) end
      slot = slot + 1
      name, value = getlocal(at, slot)
    end
  end
end

-- A chunk of its own: in Redis pcall is C, so an error of what it calls has no line here.
local with_arguments = loadstring([[
  local unpack = unpack
  return function(f, count, arguments, take)
    if take then return function() return take(arguments, count) end end
    return function() return f(unpack(arguments, 1, count)) end
  end
]], '=pcall')()

local shown_meta = {[environment] = readonly(only_what_is_there)}  -- and that of strings, below

local builtins = {
  pcall = function(...)
    local count, f = select('#', ...), ...
    if count == 0 then return false, 'attempt to call a boolean value' end  -- it finds its own placeholder
    if type(f) ~= 'function' then return caught(xpcall(f, translating_handler)) end
    local take = count > MANY and by_table[f]
    return caught(xpcall(with_arguments(f, count - 1, {select(2, ...)}, take), translating_handler))
  end,
  xpcall = function(f, handler)
    return caught(xpcall(f, function(err) return handler(translate(err, script_frame(3))) end))
  end,
  loadstring = function(source, chunk) return compile(source, chunk or source) end,
  load = function(reader, chunk)
    local pieces = {}
    for piece in reader do
      if piece == '' then break end
      pieces[#pieces + 1] = piece
    end
    return compile(concat(pieces), chunk or '=(load)')
  end,
  rawset = function(t, key, value)
    if real_of[t] then error(READONLY, 0) end
    return rawset(t, key, value)
  end,
  rawget = function(t, key) return rawget(real_of[t] or t, key) end,
  setmetatable = function(t, meta)
    if real_of[t] then error(READONLY, 0) end
    return setmetatable(t, meta)
  end,
  getmetatable = function(t)
    if shown_meta[t] then return shown_meta[t] end
    if type(t) == 'string' then return shown_meta.string end
    if real_of[t] then return nil end
    return getmetatable(t)
  end,
  unpack = function(...)
    local list, first, last = ...
    -- The span overflows an int in Lua's own check (fixed in Redis's copy of Lua): the process would crash.
    -- Differs: a wrong argument is reported without the script's line, since this function stands between.
    local from, to = tonumber(first) or 1, tonumber(last) or (type(list) == 'table' and #list or 0)
    if to - from >= 2147483647 then return unpack(list, 1, 2147483647) end
    if to - from >= MANY then many_words_come() end
    if real_of[list] then return unpack(real_of[list], first, last) end
    return unpack(...)
  end,
  next = function(t, key)
    return next(real_of[t] or t, key)
  end,
  pairs = function(t)
    if real_of[t] then return next_of_real, t, nil end
    return pairs(t)
  end,
}

-- What lua-enable-deprecated-api adds.  An environment is always a script's, never the one that we live in:
-- that of C's functions and ours is shown as `_G` and not changed, nor is the thread's (level 0).
local of_the_host = getfenv(1)

-- A level counts the frames of the script; the function that was called is one more here.
local function one_above(level_or_function)
  local level = tonumber(level_or_function)
  return level and level >= 1 and level + 1 or level_or_function
end

local deprecated = {
  newproxy = newproxy,
  getfenv = function(of)
    if of == 0 or of == '0' then return environment end
    local found = getfenv(one_above(of == nil and 1 or of))
    return found == of_the_host and environment or found
  end,
  setfenv = function(of, new)
    local target = one_above(of)
    if type(new) == 'table' and (of == 0 or of == '0' or getfenv(target) == of_the_host) then
      error("'setfenv' cannot change environment of given object")
    end
    return setfenv(target, new)
  end,
}

local coroutines = {
  create = guarded_create,
  resume = function(co, ...) return resumed(co, resume(co, ...)) end,
  wrap = function(f)
    local co = guarded_create(f)
    return function(...) return wrapped(co, resume(co, ...)) end
  end,
  yield = yield, status = coroutine.status, running = running,
}

-- 5. The globals of a script -----------------------------------------------------------------------

local KEPT = {'assert', 'collectgarbage', 'error', 'gcinfo', 'ipairs', 'rawequal', 'select',
              'tonumber', 'tostring', 'type', '_VERSION'}

local null = newproxy(false)

local function make_library(from_host, values, taking_tables)
  local functions = {}
  for key, value in pairs(from_host) do functions[key] = as_function(value) end
  for key, value in pairs(values or {}) do functions[key] = value end
  if functions.decode then functions.null = null end  -- cjson
  for key, take in pairs(taking_tables or {}) do by_table[functions[key]] = as_function(take) end
  return functions
end

local function library(name)
  return make_library(libraries[name], constants[name], name == 'redis' and host.taking_tables)
end

for _, name in pairs(KEPT) do globals[name] = _G[name] end
for name, value in pairs(builtins) do globals[name] = value end
if host.enables_deprecated then
  for name, value in pairs(deprecated) do globals[name] = value end
end
local maths = library('math')
for name, value in pairs(math) do maths[name] = maths[name] or value end
globals.string, globals.table = readonly(string), readonly(table)
shown_meta.string = readonly({__index = globals.string})
globals.math, globals.coroutine = readonly(maths), readonly(coroutines)
for name in pairs(libraries) do
  if name ~= 'math' and name ~= 'loading' then globals[name] = readonly(library(name)) end
end
globals._G = environment
for _, name in pairs({'io', 'os', 'package', 'require', 'module', 'dofile', 'loadfile', 'print', 'debug',
                      'python'}) do
  _G[name] = nil
end

-- While a library of functions is loaded, there is nothing but `redis.register_function` and the log.
local loading
if libraries.loading then
  loading = setmetatable({redis = setmetatable(library('loading'), only_what_is_there)}, only_what_is_there)
  loading.redis = readonly(loading.redis)
end

-- 6. What the host calls ---------------------------------------------------------------------------

local function finish(ok, value)
  if ok then return true, value end
  if type(value) ~= 'table' then return false, value end
  return false, value.err, value.source, value.line, rawget(value, 'ignore_error_stats_update') == true
end

-- The words behind a script as two tables; a negative count says that they are tables already.
local function keys_and_arguments(key_count, ...)
  if key_count < 0 then return ... end
  if key_count == 0 then return {}, {...} end
  local keys, arguments = {...}, {select(key_count + 1, ...)}
  for at = #keys, key_count + 1, -1 do keys[at] = nil end
  return keys, arguments
end

local function run(script, key_count, ...)
  killed = nil
  globals.KEYS, globals.ARGV = keys_and_arguments(key_count, ...)
  return finish(xpcall(script, top_handler))
end

local function call(f, key_count, ...)
  killed = nil
  local keys, arguments = keys_and_arguments(key_count, ...)
  return finish(xpcall(function() return f(keys, arguments) end, top_handler))
end

local function load_library(script)
  killed = nil
  environment_meta.__index = loading
  real_of[environment] = loading
  local ok, err = xpcall(script, translating_handler)
  environment_meta.__index = globals
  real_of[environment] = globals
  if ok then return nil end
  return type(err) == 'table' and rawget(err, 'err') or 'ERR ' .. tostring(err)
end

-- One step of turning a table into a reply: its kind, and what belongs to it.
local function spread(list, count)
  if count <= 4000 then return unpack(list, 1, count) end
  return list
end

local function look_into(t)
  local value = rawget(t, 'err')
  if type(value) == 'string' then return 'err', value, rawget(t, 'ignore_error_stats_update') == true end
  value = rawget(t, 'ok')
  if type(value) == 'string' then return 'ok', value end
  value = rawget(t, 'double')
  if type(value) == 'number' then return 'double', value end
  value = rawget(t, 'big_number')
  if type(value) == 'string' then return 'big_number', value end
  value = rawget(t, 'verbatim_string')
  if type(value) == 'table' then
    local form, text = rawget(value, 'format'), rawget(value, 'string')
    if type(form) == 'string' and type(text) == 'string' then return 'verbatim_string', form, text end
  end
  for _, kind in pairs({'map', 'set'}) do
    value = rawget(t, kind)
    if type(value) == 'table' then
      local flat, count = {}, 0
      for key, element in next, value do
        flat[count + 1], count = key, count + 1
        if kind == 'map' then flat[count + 1], count = element, count + 1 end
      end
      return kind, count, spread(flat, count)
    end
  end
  local count = 0
  while rawget(t, count + 1) ~= nil do count = count + 1 end
  return 'array', count, spread(t, count)
end

local function hooked_again(...)
  sethook(on_step, '', STEP_INSTRUCTIONS)
  return ...
end

local function classify(t)
  sethook()  -- the script is over: there is nothing left that could be ended
  return hooked_again(look_into(t))
end

return compile, run, call, load_library, classify, make_library, null
"""
