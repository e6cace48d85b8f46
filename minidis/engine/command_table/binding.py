"""From a syntax line to a function call: `SET k v EX 10` becomes `set_(client, b"k", b"v", ex=10)`.

Most commands have one of four shapes, told from the line alone:

    fixed      GET key                         handler(client, key)
    variadic   MSET key value [key value ...]  handler(client, key, value, *rest)
    optional   LPOP key [count:int]            handler(client, key, count=None)
    options    SET key value [NX|XX] ...       handler(client, key, value, nx=True)

Any other line (ZADD, numkeys, a timeout after the keys) is *irregular*: the handler takes the words
as they came, `handler(client, *words)`, and the line still serves COMMAND and HELP.

A command of fixed arity pays nothing for all this: its arguments are unpacked straight from argv.  What
nearly all of them take (a key; a key and a word, a number, a range) has a function of its own.

>>> def handler(client, key, value, nx=False, ex=None): return (key, value, nx, ex)
>>> invoke = bind(parse("SET key value [NX|XX] [EX seconds:int|PX milliseconds:int]"), handler)
>>> invoke(None, [b"SET", b"k", b"v", b"ex", b"10", b"NX"])
(b'k', b'v', True, 10)

Read next: registry.py.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any

from minidis.engine import errors
from minidis.engine.command_table.syntax import Argument, SyntaxLine, parse
from minidis.protocol.numbers import parse_float, parse_integer
from minidis.protocol.replies import ReplyError

__all__ = ["bind", "parse", "shape"]

Handler = Callable[..., Any]
Invoke = Callable[[Any, list[bytes]], Any]


class _Integers(dict[bytes, int]):
    """Words as integers: the usual ones are known, all others are read."""

    def __missing__(self, data: bytes) -> int:
        number = parse_integer(data)
        if number is None:
            raise ReplyError(errors.NOT_INTEGER)
        return number


_USUAL = {b"%d" % number: number for number in range(-16, 257)}

integer: Callable[[bytes], int] = _Integers(_USUAL).__getitem__
"""An argument as a signed 64-bit integer, or Redis's error.  0 and -1 come in half of all ranges."""

_USUAL_SCORES = {word: float(number) for word, number in _USUAL.items()}


def double(data: bytes) -> float:
    """An argument as a double, or Redis's error."""
    number = _USUAL_SCORES.get(data)
    if number is None:  # not by `__missing__`, since most scores are unusual
        number = parse_float(data)
        if number is None:
            raise ReplyError(errors.NOT_FLOAT)
    return number


_CONVERTERS: dict[str, Callable[[bytes], Any]] = {"integer": integer, "unix-time": integer, "double": double}


def shape(line: SyntaxLine) -> str:
    """Which of the shapes in the module's table the line has."""
    required = [a for a in line.arguments if not a.optional]
    rest = line.arguments[len(required) :]
    if list(line.arguments[: len(required)]) != required or not all(_plain(a) for a in required[:-1]):
        return "irregular"
    last = required[-1] if required else None
    if not rest and (last is None or _plain(last)):
        return "fixed"
    if not rest and last is not None and last.multiple and all(_plain(c) for c in last.children):
        return "variadic" if last.token is None and last.type != "oneof" else "irregular"
    if last is not None and not _plain(last):
        return "irregular"
    if len(rest) == 1 and rest[0].multiple and rest[0].token is None and not rest[0].children:
        return "variadic"
    if all(_plain(a, optional=True) for a in rest):
        return "optional"
    return "options" if all(_is_option(a) for a in rest) else "irregular"


def _plain(argument: Argument, optional: bool = False) -> bool:
    return (
        argument.token is None
        and not argument.children
        and not argument.multiple
        and argument.optional == optional
        and argument.type != "pure-token"
    )


def _is_option(argument: Argument) -> bool:
    if argument.multiple:
        return False
    if argument.type == "oneof" and argument.token is None:
        return all(_is_option(child) for child in argument.children)
    if argument.type == "block":
        return argument.token is not None and all(_plain(child) for child in argument.children)
    return argument.token is not None and argument.type != "oneof"


def bind(line: SyntaxLine, handler: Handler, kind: str | None = None) -> Invoke:
    """The function `invoke(client, argv)` that checks arity, converts and calls the handler."""
    kind = kind or shape(line)
    skip = len(line.name.split())
    if kind == "fixed":
        return _bind_fixed(line, handler, skip)
    if kind == "variadic":
        return _bind_variadic(line, handler, skip)
    if kind == "optional":
        return _bind_optional(line, handler, skip)
    if kind == "options":
        return _bind_options(line, handler, skip)
    return _bind_irregular(line, handler, skip)


def arity_name(line: SyntaxLine) -> str:
    """The name that an arity error shows: `set`, `config|get`."""
    return line.name.lower().replace(" ", "|")


def _converters(arguments: tuple[Argument, ...]) -> list[tuple[int, Callable[[bytes], Any]]]:
    return [(i, _CONVERTERS[a.type]) for i, a in enumerate(arguments) if a.type in _CONVERTERS]


FEW = 8
"""So many words have nearly all requests."""


def _bind_words(handler: Handler, skip: int, name: str, accepts: Callable[[int], bool]) -> Invoke:
    """The words go to the handler as they came, if `accepts` says yes to how many they are."""
    accepts_few = [accepts(count) for count in range(FEW)]
    _, takes_one, takes_two, takes_three, takes_four, *_ = accepts_few

    def invoke(client, argv):
        if not accepts(len(argv)):
            raise errors.wrong_arity(name)
        return handler(client, *argv[skip:])

    def invoke_with_few(client, argv):
        count = len(argv)
        if count == 3 and takes_three:  # without the slice and the star, which take 0.2 us
            return handler(client, argv[1], argv[2])
        if count == 4 and takes_four:
            return handler(client, argv[1], argv[2], argv[3])
        if count == 2 and takes_two:
            return handler(client, argv[1])
        if count == 1 and takes_one:
            return handler(client)
        if not (accepts_few[count] if count < FEW else accepts(count)):
            raise errors.wrong_arity(name)
        return handler(client, *argv[1:])

    return invoke_with_few if skip == 1 else invoke


def _bind_fixed(line: SyntaxLine, handler: Handler, skip: int) -> Invoke:
    words = line.arity
    name = arity_name(line)
    converters = _converters(line.arguments)

    def one(client, argv):
        if len(argv) != 2:
            raise errors.wrong_arity(name)
        return handler(client, argv[1])

    def two(client, argv):
        if len(argv) != 3:
            raise errors.wrong_arity(name)
        return handler(client, argv[1], argv[2])

    def converted(client, argv):
        if len(argv) != words:
            raise errors.wrong_arity(name)
        arguments = argv[skip:]
        for position, convert in converters:
            arguments[position] = convert(arguments[position])
        return handler(client, *arguments)

    def key_and_number(client, argv):
        if len(argv) != 3:
            raise errors.wrong_arity(name)
        return handler(client, argv[1], integer(argv[2]))

    def key_and_range(client, argv):
        if len(argv) != 4:
            raise errors.wrong_arity(name)
        return handler(client, argv[1], integer(argv[2]), integer(argv[3]))

    if skip == 1 and converters == [(1, integer)] and words == 3:
        return key_and_number
    if skip == 1 and converters == [(1, integer), (2, integer)] and words == 4:
        return key_and_range
    if converters:
        return converted
    if skip == 1 and words in (2, 3):  # the hot path: no slice, no star
        return one if words == 2 else two
    return _bind_words(handler, skip, name, lambda count: count == words)


def _bind_variadic(line: SyntaxLine, handler: Handler, skip: int) -> Invoke:
    least = -line.arity
    width = len(line.arguments[-1].children) or 1
    first = skip + len(line.arguments) - 1  # of the words that come `width` at a time

    def accepts(count: int) -> bool:
        return count >= least and (count - first) % width == 0

    return _bind_words(handler, skip, arity_name(line), accepts)


def _bind_optional(line: SyntaxLine, handler: Handler, skip: int) -> Invoke:
    least = -line.arity
    most = skip + len(line.arguments)
    name = arity_name(line)
    converters = _converters(line.arguments)

    def invoke(client, argv):
        count = len(argv)
        if not least <= count <= most:
            raise errors.wrong_arity(name)
        arguments = argv[skip:]
        for position, convert in converters:
            if position < len(arguments):
                arguments[position] = convert(arguments[position])
        return handler(client, *arguments)

    return invoke if converters else _bind_words(handler, skip, name, lambda count: least <= count <= most)


def _bind_options(line: SyntaxLine, handler: Handler, skip: int) -> Invoke:
    least = -line.arity
    name = arity_name(line)
    converters = _converters(line.arguments[: least - skip])
    options = _option_table(line.arguments)
    pair = 3 if skip == 1 and least == 3 and not converters else 0

    def invoke(client, argv):
        count = len(argv)
        if count == pair:  # SET key value: the hot path
            return handler(client, argv[1], argv[2])
        if count < least:
            raise errors.wrong_arity(name)
        values = _read_options(options, argv, least)
        if pair:
            return handler(client, argv[1], argv[2], **values)
        arguments = argv[skip:least]
        for position, convert in converters:
            arguments[position] = convert(arguments[position])
        return handler(client, *arguments, **values)

    return invoke


def _bind_irregular(line: SyntaxLine, handler: Handler, skip: int) -> Invoke:
    arity = line.arity
    return _bind_words(
        handler,
        skip,
        arity_name(line),
        lambda count: count >= -arity if arity < 0 else count == arity,
    )


class _Option:
    """An option's place in the handler's signature, and the group in which it excludes the others."""

    __slots__ = ("name", "group", "converters", "words")

    def __init__(self, argument: Argument, group: int) -> None:
        name = (argument.token or argument.name).lower().replace("-", "_")
        self.name = name + "_" if keyword.iskeyword(name) else name
        self.group = group
        arguments = () if argument.type == "pure-token" else argument.children or (argument,)
        self.converters = [_CONVERTERS.get(each.type, bytes) for each in arguments]
        self.words = 1 + len(self.converters)  # its own name among them


def _option_table(arguments: tuple[Argument, ...]) -> dict[bytes, _Option]:
    table: dict[bytes, _Option] = {}

    def add(argument: Argument, group: int) -> None:
        if argument.type == "oneof" and argument.token is None:
            for child in argument.children:
                add(child, group)
        elif argument.token is not None:
            table[argument.token.encode()] = _Option(argument, group)

    for group, argument in enumerate(arguments):
        if argument.optional:
            add(argument, group)
    return table


def _read_options(options: dict[bytes, _Option], argv: list[bytes], position: int) -> dict[str, Any]:
    """The words from `position` on as keyword arguments; two of one group are a syntax error.

    Words are read first and numbers converted after, so that `EX ten BOGUS` is a syntax error and
    not a bad integer: the order in which Redis complains.
    """
    count = len(argv)
    left = count - position
    if left == 1 or left == 2:  # one option alone, as nearly always: nothing contradicts it
        option = options.get(argv[position].upper())
        if option is not None and option.words == left:
            return {option.name: True if left == 1 else option.converters[0](argv[-1])}
    chosen: dict[int, _Option] = {}
    found: list[tuple[_Option, list[bytes]]] = []
    while position < count:
        option = options.get(argv[position].upper())
        if option is None or chosen.get(option.group, option) is not option:
            raise ReplyError(errors.SYNTAX)
        chosen[option.group] = option
        width = len(option.converters)
        if position + width >= count and width:
            raise ReplyError(errors.SYNTAX)
        found.append((option, argv[position + 1 : position + 1 + width]))
        position += 1 + width
    values: dict[str, Any] = {}
    for option, words in found:
        converted = [convert(word) for convert, word in zip(option.converters, words, strict=True)]
        values[option.name] = True if not words else converted[0] if len(words) == 1 else tuple(converted)
    return values
