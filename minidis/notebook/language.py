r"""The language of a `%%redis` cell: redis-cli's quoting, with comments and Python variables.

    SET greeting "hello\nworld"        # a comment: redis-cli itself has none, see below
    SET user:$id {tag}:$name           # $id and $name are Python variables, each inside ONE argument
    RPUSH queue ${len(jobs) + 1}       # ${...} is a Python expression, ${*jobs} one argument per item
    HSET user:1 name "Ann" \
                age 30                 # a backslash alone at the end of a line continues the command
    3 INCR hits                        # a number in front repeats the command, as in redis-cli

A command is one line, its words separated by blanks.  In "double quotes" \n \r \t \a \b \xHH and
\<any> are escapes; in 'single quotes' only \' is; outside quotes a backslash is a backslash.  Text in
quotes is never touched: "$id" is four bytes.  `$` alone and `{tag}` are ordinary text, since XREAD and
Redis Cluster need them.

A variable never splits and never joins: whatever bytes it holds, blanks, quotes, `#` or a newline, it
stays within its one argument.  It may hold bytes, str (sent as UTF-8), an integer or a float.

A `#` outside quotes starts a comment where a word could start.  Inside a word it is text, `user#1`, and
two commands own it: `SORT key GET #` and BITFIELD's offsets, `BITFIELD key GET u8 #2`.  The real
redis-cli has no comments after a command: there `LPUSH mylist "first"  # Add to left` pushes five elements.

Mirrors: `sdssplitargs` in sds.c, the loop of `repl` in redis-cli.c.
Differs: comments, variables and continuation lines; a fault tells its place.
Complexity: O(N) for a body of N characters.

>>> body = 'LPUSH mylist "first"    # Add to left'
>>> [command.arguments({}) for command in parse(body)]
[[b'LPUSH', b'mylist', b'first']]
>>> parse("SET user:$id $value")[0].arguments({"id": 7, "value": 'two words "and quotes"'})
[b'SET', b'user:7', b'two words "and quotes"']
>>> parse('SET k "no end')[0].message
'Invalid argument(s)'

Read next: magics.py, which runs the commands.
"""

from __future__ import annotations

import ast
import numbers
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BLANKS = " \t\r\v\f"
WORD_ENDS = " \t\r\n"  # \v and \f are skipped between words, yet do not end one: so it is in sds.c
INVALID = "Invalid argument(s)"

_VARIABLE = re.compile(r"\$([^\W\d]\w*)")
_HEX = re.compile(r"\\x([0-9a-fA-F]{2})")
_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}
_BITFIELD_TYPE = re.compile(rb"[ui]\d+", re.IGNORECASE)
_BITFIELD_OFFSET = re.compile(r"#\d+(?=\s|$)")


class VariableError(Exception):
    """A variable or expression that cannot become an argument; the text is one short line."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A piece of Python inside a word: a name (`$name`), an expression (`${...}`) or a list (`${*...}`)."""

    source: str
    kind: str


@dataclass(frozen=True, slots=True)
class Word:
    """One word as typed: bytes are text, a `Variable` is filled in when the line runs."""

    pieces: tuple[bytes | Variable, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `line` counts from 1; `comment` is the text from its `#` on."""

    text: str
    line: int
    words: tuple[Word, ...]
    repeat: int = 1
    comment: str = ""

    def arguments(self, namespace: Mapping[str, Any]) -> list[bytes]:
        """The argv. Raises `VariableError` when a variable is missing or is not a single value."""
        argv: list[bytes] = []
        for word in self.words:
            argv.extend(_fill(word, namespace))
        return argv


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is no command: redis-cli's message, the column (from 0) and what is wrong there."""

    text: str
    line: int
    column: int
    reason: str
    message: str = INVALID


@dataclass(slots=True)
class _Reader:
    """The body and how far it is read."""

    body: str
    position: int = 0
    line: int = 1
    words: list[Word] = field(default_factory=list)


class _Broken(Exception):
    """`args` are the position of the fault and its reason."""


def parse(body: str) -> list[Command | Fault]:
    """The commands of a cell's body, in order; a faulty line stands as a `Fault` and hides no later one."""
    reader = _Reader(body)
    found: list[Command | Fault] = []
    while reader.position < len(body):
        command = _read_command(reader)
        if command is not None:
            found.append(command)
    return found


def words_before(text: str) -> tuple[list[bytes], str] | None:
    """For completion: the finished words of the command that `text` ends in, and the begun one as typed.

    None where the text ends in a comment.
    """
    reader = _Reader(text)
    while True:
        reader.words = []
        try:
            comment = _read_words(reader)
        except _Broken as broken:
            if "\n" not in text[broken.args[0] :]:
                return [_plain(word) for word in reader.words], text[broken.args[0] :]
            reader.position = broken.args[0]
            _skip_line(reader)
            continue
        if reader.position >= len(text):
            break
    if comment and not text.endswith("\n"):
        return None
    words = [] if text.endswith("\n") and not text.endswith("\\\n") else reader.words
    if words and words[-1].end == len(text):
        return [_plain(word) for word in words[:-1]], text[words[-1].start :]
    return [_plain(word) for word in words], ""


def to_argument(value: Any, name: str) -> bytes:
    """The bytes of a Python value as one argument. Raises `VariableError` for what is not a single value."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    kind = type(value).__name__
    if isinstance(value, bool):
        raise VariableError(f"{name} is {value}; Redis has no such type, send 1 or 0 or a text")
    if isinstance(value, numbers.Integral):
        return b"%d" % int(value)
    if isinstance(value, numbers.Real):
        return repr(float(value)).encode()
    if isinstance(value, (list, tuple, set, frozenset)):
        raise VariableError(f"{name} is a {kind}, not one argument; ${{*{name}}} gives an argument per item")
    raise VariableError(f"{name} is of type {kind}; make it text, bytes or a number first")


def _read_command(reader: _Reader) -> Command | Fault | None:
    """The next command, or None for an empty or comment-only line."""
    start, line = reader.position, reader.line
    reader.words = []
    try:
        comment = _read_words(reader)
    except _Broken as broken:
        position, reason = broken.args
        reader.position = position
        _skip_line(reader)
        line_start = reader.body.rfind("\n", 0, position) + 1
        text = reader.body[line_start : reader.position].rstrip("\n")
        return Fault(text, reader.body.count("\n", 0, position) + 1, position - line_start, reason)
    if not reader.words:
        return None
    text = reader.body[start : reader.words[-1].end].strip()
    words = tuple(reader.words)
    repeat = 1
    if len(words) > 1 and (count := _whole_number(words[0])) is not None:
        if count <= 0:
            reason = "the number of repeats must be positive"
            return Fault(text, line, 0, reason, "Invalid redis-cli repeat command option value.")
        repeat, words = count, words[1:]
        text = reader.body[words[0].start : words[-1].end]
    return Command(text, line, words, repeat, comment)


def _read_words(reader: _Reader) -> str:
    """Read words to the end of the line into `reader.words`; returns the comment behind them."""
    body = reader.body
    comment = ""
    while reader.position < len(body):
        character = body[reader.position]
        if character == "\n":
            _skip_line(reader)
            return comment
        if character in BLANKS:
            reader.position += 1
        elif character == "#" and not _owns_hash(reader):
            end = _line_end(body, reader.position)
            comment = body[reader.position : end]
            reader.position = end
        elif character == "\\" and _only_blanks_to_line_end(body, reader.position + 1):
            _skip_line(reader)
        else:
            reader.words.append(_read_word(reader))
    return comment


def _read_word(reader: _Reader) -> Word:
    body, start = reader.body, reader.position
    pieces: list[bytes | Variable] = []
    while reader.position < len(body):
        character = body[reader.position]
        if character in WORD_ENDS:
            break
        if character in "\"'":
            pieces.append(_read_quoted(reader, character))
            break
        if character == "$" and (variable := _read_variable(reader)) is not None:
            pieces.append(variable)
            continue
        pieces.append(character.encode("utf-8", "surrogatepass"))
        reader.position += 1
    word = Word(_joined(pieces), start, reader.position)
    if len(word.pieces) > 1 and any(isinstance(p, Variable) and p.kind == "items" for p in word.pieces):
        raise _Broken(start, "${*...} gives several arguments, so it must stand alone")
    return word


def _read_quoted(reader: _Reader, quote: str) -> bytes:
    """A quoted text; its end must be the end of the word, as sdssplitargs wants it."""
    body, opening = reader.body, reader.position
    position, out = opening + 1, bytearray()
    while position < len(body) and body[position] != "\n":
        character = body[position]
        if character == quote:
            after = body[position + 1 : position + 2]
            if after and after not in BLANKS + "\n#":
                raise _Broken(position + 1, "a blank is missing after the closing quote")
            reader.position = position + 1
            return bytes(out)
        following = body[position + 1 : position + 2]
        if character == "\\" and quote == '"' and following not in ("", "\n"):
            if match := _HEX.match(body, position):
                out.append(int(match[1], 16))
                position += 4
                continue
            out += _ESCAPES.get(following) or following.encode("utf-8", "surrogatepass")
            position += 2
        elif character == "\\" and quote == "'" and following == "'":
            out += b"'"
            position += 2
        else:
            out += character.encode("utf-8", "surrogatepass")
            position += 1
    raise _Broken(opening, "the quote that opens here has no end")


def _read_variable(reader: _Reader) -> Variable | None:
    """`$name`, `${expression}` or `${*items}`; None when this `$` is only a dollar sign."""
    body, start = reader.body, reader.position
    if match := _VARIABLE.match(body, start):
        reader.position = match.end()
        return Variable(match[1], "name")
    if not body.startswith("${", start):
        return None
    line_end = _line_end(body, start)
    inner = start + 2
    kind = "items" if body[inner : inner + 1] == "*" else "expression"
    inner += kind == "items"
    close = body.find("}", inner, line_end)
    while close >= 0:
        source = body[inner:close].strip()
        if _is_expression(source):
            reader.position = close + 1
            return Variable(source, kind)
        close = body.find("}", close + 1, line_end)
    raise _Broken(start, "after ${ a Python expression and } must follow")


def _fill(word: Word, namespace: Mapping[str, Any]) -> list[bytes]:
    out = b""
    for piece in word.pieces:
        if isinstance(piece, bytes):
            out += piece
            continue
        value = _value(piece, namespace)
        if piece.kind == "items":
            if isinstance(value, (str, bytes, bytearray)) or not hasattr(value, "__iter__"):
                raise VariableError(f"{piece.source} is of type {type(value).__name__}, not a list")
            return [to_argument(item, f"an item of {piece.source}") for item in value]
        out += to_argument(value, piece.source)
    return [out]


def _value(variable: Variable, namespace: Mapping[str, Any]) -> Any:
    source = variable.source
    if variable.kind == "name":
        if source not in namespace:
            raise VariableError(
                f"no Python variable is named {source} (quote it for plain text: '${source}')"
            )
        return namespace[source]
    try:
        # The reader's own notebook: this is as safe as the Python cell above it.
        return eval(compile(source, "<%%redis>", "eval"), {"__builtins__": __builtins__, **namespace})
    except Exception as error:
        detail = str(error).splitlines()[0] if str(error) else ""
        raise VariableError(f"${{{source}}}: {type(error).__name__}: {detail}") from error


def _owns_hash(reader: _Reader) -> bool:
    """Is this `#` a word of the command's own grammar?  SORT's `GET #` and BITFIELD's `u8 #2` are."""
    names = [_plain(word).upper() for word in reader.words]
    if len(names) < 3:
        return False
    alone = reader.body[reader.position + 1 : reader.position + 2] in ("", "\n", *BLANKS)
    if names[0] in (b"SORT", b"SORT_RO"):
        return names[-1] == b"GET" and alone
    if names[0] in (b"BITFIELD", b"BITFIELD_RO") and _BITFIELD_TYPE.fullmatch(names[-1]):
        return _BITFIELD_OFFSET.match(reader.body, reader.position) is not None
    return False


def _whole_number(word: Word) -> int | None:
    text = _plain(word)
    return int(text) if re.fullmatch(rb"[+-]?\d{1,18}", text) else None


def _plain(word: Word) -> bytes:
    return b"".join(piece for piece in word.pieces if isinstance(piece, bytes))


def _joined(pieces: list[bytes | Variable]) -> tuple[bytes | Variable, ...]:
    """Neighbouring texts as one piece."""
    out: list[bytes | Variable] = []
    for piece in pieces:
        if out and isinstance(piece, bytes) and isinstance(out[-1], bytes):
            out[-1] += piece
        else:
            out.append(piece)
    return tuple(out)


def _is_expression(source: str) -> bool:
    try:
        ast.parse(source, mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _skip_line(reader: _Reader) -> None:
    reader.position = min(_line_end(reader.body, reader.position) + 1, len(reader.body))
    reader.line += 1


def _line_end(body: str, position: int) -> int:
    end = body.find("\n", position)
    return len(body) if end < 0 else end


def _only_blanks_to_line_end(body: str, position: int) -> bool:
    return not body[position : _line_end(body, position)].strip() and _line_end(body, position) < len(body)
