"""Tab completion inside `%%redis` cells and behind `%redis`: commands, options, live keys, variables.

Everything comes from the commands' syntax lines, the ones that also make their parsers:

    SE<Tab>                  SET SETBIT SETEX ...      a command (small letters stay small)
    CONFIG <Tab>             GET RESETSTAT SET ...     a subcommand
    CONFIG GET maxm<Tab>     maxmemory ...             a directive of the configuration
    GET us<Tab>              user:1 user:2             where the line has a key: keys that live now
    SET user:1 Ann <Tab>     NX XX GET EX PX ...       options that were not given yet
    SET user:1 $<Tab>        $id $name                 Python variables that can be an argument

Keys are looked up without touching them: nothing expires, no access time moves.

>>> completions([b"SET", b"k", b"v", b"EX", b"10"], "", lambda prefix: [])
['GET', 'NX', 'XX']

Read next: magics.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.engine.command_table.registry import COMMANDS, Command
from minidis.engine.command_table.syntax import Argument
from minidis.engine.settings.config import BY_NAME
from minidis.notebook.language import words_before
from minidis.protocol.quoting import quote, split_arguments

MOST_KEYS = 50
_LAST_WORD = re.compile(r"\S*\Z")

KeyFinder = Callable[[bytes], Iterable[bytes]]
"""From the beginning of a key to the live keys that begin so."""


def completions(words: list[bytes], begun: str, live_keys: KeyFinder) -> list[str]:
    """What may stand at the cursor: `words` are the finished ones before it, `begun` is the one it is in."""
    if words and words[0].isdigit():
        words = words[1:]  # a repeat count
    if words and words[0][:1] == b"@":
        words = words[1:]  # the client whose line it is
    if not words:
        names = [*COMMANDS.by_name, "help"]
        return _matching((name.upper() for name in names), begun)
    if words[0].lower() == b"help":
        return _matching((name.upper() for name in COMMANDS.by_name), begun)
    entry = COMMANDS.by_name.get(words[0].decode("latin-1").lower())
    if entry is None:
        return []
    if entry.subcommands:
        if len(words) == 1:
            return _matching((name.upper() for name in entry.subcommands), begun)
        entry = entry.subcommands.get(words[1].decode("latin-1").lower())
        if entry is None:
            return []
    found = _matching(_options(entry, words), begun)
    if entry.name == "config|get" or (entry.name == "config|set" and len(words) % 2 == 0):
        return [name for name in sorted(BY_NAME) if name.startswith(begun.lower())]
    if _expects_key(entry, words, begun):
        found = [_typed(key) for key in live_keys(_begun_bytes(begun))] + found
    return found


def complete_text(text: str, live_keys: KeyFinder, namespace: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The begun word at the end of a cell's body, and what it may become."""
    place = words_before(text)
    if place is None:
        return "", []
    words, begun = place
    if begun.startswith("$"):
        return begun, _variables(begun[1:], namespace)
    return begun, completions(words, begun, live_keys)


def _matching(names: Iterable[str], begun: str) -> list[str]:
    found = sorted({name for name in names if name.startswith(begun.upper())})
    return [name.lower() for name in found] if begun and begun == begun.lower() else found


def _options(entry: Command, words: list[bytes]) -> list[str]:
    """The literal words that may follow by the syntax line; those given, and their rivals, left out."""
    given = {word.upper().decode("latin-1") for word in words[1:]}
    last = words[-1].upper().decode("latin-1")
    if any(last == token and takes_value for token, takes_value in _tokens(entry.line.arguments)):
        return []  # the option's own value comes first
    found: list[str] = []
    words_due = len(entry.line.name.split())
    for argument in entry.line.arguments:
        if len(words) < words_due:
            break
        tokens = [token for token, _ in _tokens([argument])]
        is_given = not given.isdisjoint(tokens)
        if argument.multiple:
            found += tokens
        elif not (argument.type == "oneof" and is_given):
            found += [token for token in tokens if token not in given]
        words_due += 0 if argument.optional else argument.words
    return found


def _tokens(arguments: Iterable[Argument]) -> Iterator[tuple[str, bool]]:
    """The literal words of these arguments, each with whether a value must follow it."""
    for argument in arguments:
        if argument.token is not None:
            yield argument.token, argument.type not in ("pure-token", "oneof")
            if argument.type != "oneof":
                continue
        yield from _tokens(argument.children)


def _expects_key(entry: Command, words: list[bytes], begun: str) -> bool:
    """Would a word here be a key?  Asked of the command itself where it knows its keys by position."""
    position = len(words) - len(entry.line.name.split())
    arguments = entry.line.arguments
    if not arguments:
        return False
    for index, argument in enumerate(arguments):
        if argument.multiple:
            return _has_key_at(argument, position - index)
        if position == index:
            return _has_key_at(argument, 0)
        if argument.optional:
            return False
    return False


def _has_key_at(argument: Argument, offset: int) -> bool:
    """Is the word at `offset` of an argument, or of its repeats (MSET key value ...), a key?"""
    if argument.type == "block" and argument.children:
        return argument.children[offset % len(argument.children)].type == "key"
    return argument.type == "key"


def _variables(begun: str, namespace: Mapping[str, Any]) -> list[str]:
    return sorted(
        f"${name}"
        for name, value in namespace.items()
        if name.startswith(begun) and not name.startswith("_") and isinstance(value, (bytes, str, int, float))
    )


def _begun_bytes(begun: str) -> bytes:
    """The bytes that a begun word stands for; an open quote is closed for the purpose."""
    data = begun.encode("utf-8", "surrogatepass")
    if data[:1] in (b'"', b"'"):
        closed = split_arguments(data + data[:1]) or split_arguments(data) or [b""]
        return closed[0]
    return data


def _typed(key: bytes) -> str:
    """A key as one types it: bare where that is safe, else in quotes."""
    text = key.decode("utf-8", "replace")
    bare = text.isprintable() and not any(c in " \"'$#" for c in text) and text.encode() == key
    return text if bare and text else quote(key).decode("ascii")


# -- IPython ---------------------------------------------------------------------------------------


def make_matcher(live_keys: KeyFinder, namespace: Mapping[str, Any]) -> Callable[[Any], dict[str, Any]]:
    """IPython's matcher: it answers in the body of a `%%redis` cell and behind `%redis`, nowhere else."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier="minidis")
    def redis_matcher(context: Any) -> dict[str, Any]:
        body = redis_text_before(context.full_text, context.cursor_line, context.cursor_position)
        if body is None:
            return {"completions": [], "suppress": False}
        begun, texts = complete_text(body, live_keys, namespace)
        if not texts and (word := _LAST_WORD.search(body)[0]):  # type: ignore[index]
            begun, texts = word, [word]  # an empty answer would let IPython offer Python names
        return {
            "completions": [SimpleCompletion(text=text, type=_kind(text)) for text in texts],
            "matched_fragment": begun,
            "suppress": True,
            "ordered": True,
        }

    return redis_matcher


def redis_text_before(cell: str, line: int, column: int) -> str | None:
    """The Redis text between its beginning and the cursor; None when the cursor is in Python.

    >>> redis_text_before("%%redis @alice\\nSET k v\\nGE", 2, 2)
    'SET k v\\nGE'
    >>> redis_text_before("x = %redis GE", 0, 13)
    'GE'
    """
    lines = cell.split("\n")
    first = next((number for number, text in enumerate(lines) if text.strip()), None)
    if first is not None and lines[first].lstrip().startswith("%%redis"):
        return "\n".join([*lines[first + 1 : line], lines[line][:column]]) if line > first else None
    before, magic, after = lines[line][:column].partition("%redis ")
    if not magic or before.strip() and not before.rstrip().endswith("="):
        return None
    return after.lstrip()


def _kind(text: str) -> str:
    """What JupyterLab writes beside a completion."""
    if text.startswith("$"):
        return "variable"
    return "command" if text.upper() in _NAMES else "option" if text.isupper() else "key"


_NAMES = frozenset(name.upper() for name in COMMANDS.by_name)
