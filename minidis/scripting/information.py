"""What scripts and functions add to INFO, and to used_memory.

    used_memory_vm_eval, used_memory_vm_functions    the two interpreters, as Lua itself says
    used_memory_scripts_eval, used_memory_functions  the cached texts, part of used_memory

The interpreters are outside of used_memory, as in Redis: Lua has its own allocator.

Mirrors: evalMemory, evalScriptsMemory in eval.c; functionsMemory, functionsMemoryOverhead in functions.c.
Differs: an interpreter that nobody has used yet does not exist, and weighs nothing.
Read next: engine.py.
"""

from __future__ import annotations

from minidis.commands.information import Fields, human_size, section
from minidis.engine import node as node_module
from minidis.engine.node import Node
from minidis.protocol.replies import ReplyError
from minidis.scripting.engine import Scripting
from minidis.scripting.library import functions_of_node


@section("memory")
def _scripts(node: Node) -> Fields:
    scripting: Scripting | None = node.scripting
    eval_bytes, function_bytes = (scripting.eval_bytes, scripting.function_bytes) if scripting else (0, 0)
    cached = scripts_bytes(node) + functions_bytes(node)
    return {
        "used_memory_lua": eval_bytes,
        "used_memory_vm_eval": eval_bytes,
        "used_memory_lua_human": human_size(eval_bytes),
        "used_memory_scripts_eval": scripts_bytes(node),
        "number_of_cached_scripts": len(scripting.scripts) if scripting is not None else 0,
        "number_of_functions": _count_functions(node),
        "number_of_libraries": len(node.libraries.sources),
        "used_memory_vm_functions": function_bytes,
        "used_memory_vm_total": eval_bytes + function_bytes,
        "used_memory_vm_total_human": human_size(eval_bytes + function_bytes),
        "used_memory_functions": functions_bytes(node),
        "used_memory_scripts": cached,
        "used_memory_scripts_human": human_size(cached),
    }


def _count_functions(node: Node) -> int:
    """Known when the libraries are compiled; those that came with a file are, now."""
    if not node.libraries.sources:
        return 0
    functions = functions_of_node(node)
    try:
        functions.catch_up()
    except ReplyError:  # there is no Lua
        return 0
    return len(functions.by_name)


def scripts_bytes(node: Node) -> int:
    """The cache of EVAL."""
    return node.scripting.cached_bytes if node.scripting is not None else 0


def functions_bytes(node: Node) -> int:
    """The sources of the libraries."""
    return node.libraries.size_bytes


def _weigh(node: Node) -> None:
    node.memory.add_part("lua.caches", lambda: scripts_bytes(node))
    node.memory.add_part("functions.caches", lambda: functions_bytes(node))


node_module.PARTS.append(_weigh)
