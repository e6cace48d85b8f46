"""Libraries of functions as a node keeps them: name -> source.

    #!lua name=mylib
    redis.register_function('myfunc', function(keys, args) return args[1] end)

The first line says the language and the name.  This is what snapshots, the append-only file and replicas
carry; minidis/scripting compiles a library when one of its functions is wanted.  A node without Lua still
keeps them.

Mirrors: functionExtractLibMetaData in functions.c.
Complexity: O(1); O(bytes of the first line) for `read_metadata`.

>>> read_metadata(b"#!lua name=mylib\\nreturn 1")
(b'lua', b'mylib', b'\\nreturn 1')

Read next: minidis/scripting/functions.py.
"""

from __future__ import annotations

from minidis.protocol.quoting import split_arguments
from minidis.protocol.replies import ReplyError

BAD_NAME = (
    "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one "
    "character long"
)
_NAME_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


class Libraries:
    """The sources of one node.  `version` grows with every change, for those who keep something compiled."""

    def __init__(self) -> None:
        self.sources: dict[bytes, bytes] = {}
        self.size_bytes = 0  # of the sources
        self.version = 0

    def keep(self, code: bytes) -> bytes:
        """Take a library in, in place of one with the same name; its name.  Raises ReplyError."""
        _, name, _ = read_metadata(code)
        self.size_bytes += len(code) - len(self.sources.get(name, b""))
        self.sources[name] = code
        self.version += 1
        return name

    def remove(self, name: bytes) -> None:
        self.size_bytes -= len(self.sources.pop(name))
        self.version += 1

    def clear(self) -> None:
        self.sources.clear()
        self.size_bytes = 0
        self.version += 1


def read_metadata(code: bytes) -> tuple[bytes, bytes, bytes]:
    """Language, name and code of a library; the code begins with the line feed of the first line."""
    if not code.startswith(b"#!"):
        raise ReplyError("ERR Missing library metadata")
    line, newline, _ = code.partition(b"\n")
    words = split_arguments(line) if newline else None
    if not words:
        raise ReplyError("ERR Invalid library metadata")
    name: bytes | None = None
    for word in words[1:]:
        if word[:5].lower() != b"name=":
            raise ReplyError(f"ERR Invalid metadata value given: {word.decode('utf-8', 'surrogateescape')}")
        if name is not None:
            raise ReplyError("ERR Invalid metadata value, name argument was given multiple times")
        name = word[5:]
    if name is None:
        raise ReplyError("ERR Library name was not given")
    if not is_name(name):
        raise ReplyError(BAD_NAME)
    return words[0][2:], name, code[len(line) :]


def is_name(name: bytes) -> bool:
    """True for letters, digits and underscores, one at least."""
    return bool(name) and _NAME_BYTES.issuperset(name)
