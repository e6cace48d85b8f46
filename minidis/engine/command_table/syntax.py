"""A command's syntax line, read once at registration: the source of everything known about it.

    SET key value [NX|XX] [GET] [EX seconds:int|PX milliseconds:int|KEEPTTL]

gives the arity (-3), the key's position (1), the option parser (`nx=True, ex=10`), the arguments of
COMMAND DOCS, the completion in a notebook cell and the text of HELP.  The notation is that of the
Redis documentation, plus a type after a colon:

    word         an argument; `key` and `name:key` are keys
    name:int     also :float, :pattern, :time (an integer), :key
    WORD         a literal word, in any case; the signs * = ~ $ are words too
    a|b          one of these
    [ ... ]      may be missing
    x [x ...]    once or more;  [x ...]  none or more
    ( ... )      a group

Mirrors: the JSON files of src/commands, `populateCommandStructure`.
Differs: one readable line instead of a JSON file; key specs are worked out from the line.

>>> line = parse("LPOS key element [RANK rank:int] [COUNT num-matches:int]")
>>> line.name, line.arity, [a.name for a in line.arguments]
('LPOS', -3, ['key', 'element', 'rank', 'num-matches'])
>>> line.arguments[2].token, line.arguments[2].type, line.arguments[2].optional
('RANK', 'integer', True)

Read next: binding.py, which turns the line into a function call.
"""

from __future__ import annotations

import re

from minidis.structures.record import field, record, replace

TYPES = {
    "int": "integer",
    "float": "double",
    "time": "unix-time",
    "pattern": "pattern",
    "key": "key",
    "string": "string",
}
_SIGNS = ("*", "=", "~", "$")  # XADD key *: an argument of one sign
_TOKEN = re.compile(r"\[|\]|\(|\)|\||\.\.\.|[^\s\[\]()|]+")
_PUNCTUATION = re.compile(r"[\[\]()|]").search


@record(frozen=True)
class Argument:
    """One argument, in the terms of COMMAND DOCS.

    `type` is "key", "string", "integer", "double", "pattern", "unix-time", "pure-token", or, with
    `children`, "oneof" or "block".  `token` is the literal word before it, `multiple` allows several
    in a row, `multiple_token` repeats the token with each (SORT's GET).
    """

    name: str
    type: str
    token: str | None = None
    optional: bool = False
    multiple: bool = False
    multiple_token: bool = False
    children: tuple[Argument, ...] = ()

    @property
    def words(self) -> int:
        """The least number of words it takes when it is given."""
        own = 1 if self.token is not None else 0
        if self.type == "pure-token":
            return 1
        if self.type == "oneof":
            return own + min(child.words for child in self.children)
        if self.type == "block":
            return own + sum(child.words for child in self.children if not child.optional)
        return own + 1


@record(frozen=True)
class SyntaxLine:
    """A parsed line: `name` is "SET" or "CONFIG GET"."""

    text: str
    name: str
    arguments: tuple[Argument, ...] = field(default=())

    @property
    def arity(self) -> int:
        """Words of the command, its name included; negative where that is only the minimum."""
        least = len(self.name.split())
        exact = True
        for argument in self.arguments:
            if argument.optional:
                exact = False
            else:
                least += argument.words
                exact = exact and not argument.multiple and not _varies(argument)
        return least if exact else -least


def parse(text: str) -> SyntaxLine:
    """Read a syntax line.  Raises ValueError that names the place when it is malformed."""
    name = name_of(text)
    tokens = _TOKEN.findall(text)
    arguments, position = _sequence(tokens, len(name.split()), text)
    if position != len(tokens):
        raise ValueError(f"unexpected {tokens[position]!r} in syntax line {text!r}")
    return SyntaxLine(text, name, tuple(arguments))


def name_of(text: str) -> str:
    """The command's name alone, without a look at the rest of the line.  Raises ValueError if there is none.

    >>> name_of("SET key value"), name_of("CLIENT REPLY ON|OFF|SKIP"), name_of("LINSERT BEFORE|AFTER pivot")
    ('SET', 'CLIENT REPLY', 'LINSERT')
    """
    words: list[str] = []
    for word in text.split(None, 2)[:2]:  # a container and its subcommand; a third word is an argument
        if not _is_word(word) or _PUNCTUATION(word):
            break
        words.append(word)
    if not words:
        raise ValueError(f"syntax line must start with a command name: {text!r}")
    return " ".join(words)


def _is_word(token: str) -> bool:
    return token in _SIGNS or (token[0].isalnum() and token == token.upper() and ":" not in token)


def _varies(argument: Argument) -> bool:
    """Can it take more words than its least?"""
    if argument.type == "oneof" and len({child.words for child in argument.children}) > 1:
        return True
    return any(child.optional or child.multiple or _varies(child) for child in argument.children)


def _sequence(tokens: list[str], position: int, text: str) -> tuple[list[Argument], int]:
    """Arguments up to the end of the line or of the bracket; a bare TOKEN takes what follows it."""
    items: list[Argument] = []
    while position < len(tokens) and tokens[position] not in ("]", ")", "|"):
        if tokens[position] == "...":
            raise ValueError(f"'...' outside brackets in syntax line {text!r}")
        item, position = _alternatives(tokens, position, text)
        if item.multiple and items and _repeats(items, item):
            continue
        items.append(item)
    return items, position


def _repeats(items: list[Argument], repeated: Argument) -> bool:
    """`x [x ...]`: fold the bracket into the arguments before it.  True when it was such a bracket."""
    body = repeated.children if repeated.type == "block" and not repeated.token else (repeated,)
    width = len(body)
    if width > len(items):
        return False
    tail = items[-width:]
    if [a.name for a in tail] != [a.name for a in body] or [a.token for a in tail] != [a.token for a in body]:
        return False
    if width == 1:
        items[-1] = replace(tail[0], multiple=True, multiple_token=tail[0].token is not None)
    else:
        items[-width:] = [Argument("data", "block", multiple=True, children=tuple(tail))]
    return True


def _alternatives(tokens: list[str], position: int, text: str) -> tuple[Argument, int]:
    """`a|b|c` at the level of a sequence, where each alternative is a single argument."""
    first, position = _single(tokens, position, text)
    choices = [first]
    while position < len(tokens) and tokens[position] == "|":
        item, position = _single(tokens, position + 1, text)
        choices.append(item)
    return (_one_of(choices) if len(choices) > 1 else first), position


def _single(tokens: list[str], position: int, text: str) -> tuple[Argument, int]:
    token = tokens[position]
    if token in ("[", "("):
        return _bracket(tokens, position, text)
    if not _is_word(token):
        return _named(token), position + 1
    return Argument(token.lower(), "pure-token", token=token), position + 1


def _bracket(tokens: list[str], position: int, text: str) -> tuple[Argument, int]:
    """`[ ... ]` or `( ... )`, with alternatives that may each be several words: [EX seconds|KEEPTTL]."""
    opening = tokens[position]
    closing = {"[": "]", "(": ")"}[opening]
    choices: list[Argument] = []
    multiple = False
    while True:
        items, position = _bracket_sequence(tokens, position + 1, text)
        if position < len(tokens) and tokens[position] == "...":
            multiple, position = True, position + 1
        choices.append(_block(items))
        if position >= len(tokens) or tokens[position] not in ("|", closing):
            raise ValueError(f"missing {closing!r} in syntax line {text!r}")
        if tokens[position] == closing:
            break
    inner = choices[0] if len(choices) == 1 else _one_of(choices)
    if opening == "[":
        inner = replace(inner, optional=True)
    return replace(inner, multiple=inner.multiple or multiple), position + 1


def _bracket_sequence(tokens: list[str], position: int, text: str) -> tuple[list[Argument], int]:
    items: list[Argument] = []
    while position < len(tokens) and tokens[position] not in ("]", ")", "|", "..."):
        item, position = _single(tokens, position, text)
        if item.multiple and items and _repeats(items, item):
            continue
        items.append(item)
    if not items:
        raise ValueError(f"empty brackets in syntax line {text!r}")
    return items, position


def _block(items: list[Argument]) -> Argument:
    """Words in a row as one argument: `EX seconds` is a value with a token, `LIMIT a b` a block with one."""
    if len(items) == 1:
        return items[0]
    if items[0].type == "pure-token":
        token = items[0].token
        if len(items) == 2 and items[1].token is None and not items[1].optional:
            return replace(items[1], token=token)
        return Argument(items[0].name, "block", token=token, children=tuple(items[1:]))
    return Argument("data", "block", children=tuple(items))


def _one_of(choices: list[Argument]) -> Argument:
    return Argument("condition", "oneof", children=tuple(choices))


def _named(token: str) -> Argument:
    name, _, kind = token.partition(":")
    if kind and kind not in TYPES:
        raise ValueError(f"unknown type {kind!r} of argument {name!r}")
    default = name if name in ("key", "pattern") else "string"
    return Argument(name, TYPES[kind or default])
