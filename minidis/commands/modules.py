"""MODULE: what a server says that has no modules and loads none.

A module is a library of machine code for a server in C; this one is in Python, so every load fails, as it
does in Redis for a file that is no module.

Mirrors: module.c (moduleCommand).

>>> from minidis.drivers.embedded import Embedded
>>> Embedded(clock=0).execute("MODULE", "LIST")
[]
"""

from __future__ import annotations

from minidis.commands.helptexts import help_lines
from minidis.engine.client import Client
from minidis.engine.command_table.registry import (
    ADMIN,
    LOADING,
    NO_ASYNC_LOADING,
    NOSCRIPT,
    PROTECTED,
    STALE,
    command,
)
from minidis.protocol.replies import ReplyError

_LOADING = ADMIN | NOSCRIPT | NO_ASYNC_LOADING | PROTECTED

NOT_LOADED = "ERR Error loading the extension. Please check the server logs."


@command("MODULE LIST", ADMIN | NOSCRIPT, since="4.0.0")
def module_list(client: Client) -> list:
    """Returns all loaded modules. O(N) where N is the number of loaded modules."""
    return []


@command("MODULE LOAD path [arg [arg ...]]", _LOADING, since="4.0.0", raw=True)
def module_load(client: Client, path: bytes, *words: bytes):
    """Loads a module. O(1)"""
    client.node.log("warning", f"Module {path!r} not loaded: this server has no modules")
    raise ReplyError(NOT_LOADED)


@command(
    "MODULE LOADEX path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]",
    _LOADING,
    since="7.0.0",
    raw=True,
)
def module_loadex(client: Client, path: bytes, *words: bytes):
    """Loads a module using extended parameters. O(1)"""
    return module_load(client, path)


@command("MODULE UNLOAD name", _LOADING, since="4.0.0")
def module_unload(client: Client, name: bytes):
    """Unloads a module. O(1)"""
    raise ReplyError("ERR Error unloading module: no such module with that name")


_HELP = """\
LIST
    Return a list of loaded modules.
LOAD <path> [<arg> ...]
    Load a module library from <path>, passing to it any optional arguments.
LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]
    Load a module library from <path>, while passing it module configurations and optional arguments.
UNLOAD <name>
    Unload a module."""


@command("MODULE HELP", LOADING | STALE, since="5.0.0")
def module_help(client: Client) -> list[str]:
    """Describe the subcommands of MODULE. O(1)"""
    return help_lines("MODULE", _HELP)
