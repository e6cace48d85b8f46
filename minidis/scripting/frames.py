"""What the debugger asks of Lua: a hook at each line of the script, and a look into its frames.

    finish, show ...        the functions below, called by Python
    reached                 Python, which holds the conversation
    on_hook                 this hook, called by Lua at each line
    the script              level `script_level()`: its locals; its callers below it

Mirrors: `luaLdbLineHook`, `ldbCatStackValue`, `ldbPrint`, `ldbTrace` in eval.c.
"""

from __future__ import annotations

FRAMES = rb"""
local debug, script_pcall, reached, step_instructions = ...
local getinfo, getlocal, sethook, gethook = debug.getinfo, debug.getlocal, debug.sethook, debug.gethook
local DEEPEST = 10
local NAMED = {['\\'] = '\\\\', ['"'] = '\\"', ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t',
               ['\a'] = '\\a', ['\b'] = '\\b'}

local function on_hook(event, line)
  local info = getinfo(2, 'Sl')
  if info.source == '@user_script' then reached(event == 'count', line or info.currentline) end
end

local before = {}

local function begin()
  before = {gethook()}
  sethook(on_hook, 'l', step_instructions)
end

local function finish() sethook(unpack(before)) end

-- The level of the script's innermost frame, as the function that calls this one counts.
local function script_level()
  local level = 2
  while getinfo(level, 'S') do
    if getinfo(level, 'S').source == '@user_script' then return level - 1 end
    level = level + 1
  end
end

local function quoted(text)
  return '"' .. text:gsub('[%z\1-\31\\"\127-\255]', function(byte)
    return NAMED[byte] or string.format('\\x%02x', byte:byte())
  end) .. '"'
end

local function show(value, depth)
  depth = (depth or 0) + 1
  if depth > DEEPEST then return '<max recursion level reached! Nested table?>' end
  if type(value) == 'string' then return quoted(value) end
  if type(value) == 'number' then return string.format('%g', value) end
  if type(value) == 'boolean' or value == nil then return tostring(value) end
  if type(value) ~= 'table' then
    return '"' .. type(value) .. '@' .. (tostring(value):match('0x%x+') or '') .. '"'
  end
  local elements, pairs_shown, is_list = {}, {}, true
  for key, element in next, value do
    is_list = is_list and key == #elements + 1
    elements[#elements + 1] = show(element, depth)
    pairs_shown[#elements] = '[' .. show(key, depth) .. ']=' .. elements[#elements]
  end
  return '{' .. table.concat(is_list and elements or pairs_shown, '; ') .. '}'
end

local function variable(wanted)
  local level = script_level()
  while getinfo(level, 'S') do
    local at = 1
    local name, value = getlocal(level, at)
    while name do
      if name == wanted then return show(value) end
      at = at + 1
      name, value = getlocal(level, at)
    end
    level = level + 1
  end
end

local function locals()
  local level, at, found = script_level(), 1, {}
  local name, value = getlocal(level, at)
  while name do
    if not name:find('(*temporary)', 1, true) then found[#found + 1] = name .. ' = ' .. show(value) end
    at = at + 1
    name, value = getlocal(level, at)
  end
  return table.concat(found, '\n')
end

local function frames()
  local level, found = script_level(), {}
  local info = getinfo(level, 'Snl')
  while info do
    if info.source == '@user_script' then
      found[#found + 1] = (info.name or 'top level') .. ':' .. info.currentline
    end
    level = level + 1
    info = getinfo(level, 'Snl')
  end
  return table.concat(found, '\n')
end

local function evaluate(code)
  local ok, value = script_pcall(code)
  return ok, ok and show(value) or tostring(value)
end

return begin, finish, show, variable, locals, frames, evaluate
"""
