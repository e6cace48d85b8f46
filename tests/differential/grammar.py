"""Random commands from a grammar: one line per form of a command, written as Redis's documentation writes it.

    8 SET key value [NX|XX] [GET] [EX seconds|KEEPTTL]
    3 ZADD key (score member)+

The number is a weight. UPPER CASE stands for itself, a lower-case word draws from the pool of that name,
`[a|b]` is there half of the time, `x+` comes one to four times, `(a b)+` repeats a group and `(a|b)` takes
one of several; 'x' is x itself. A pool is a list of arguments, a function that makes one, or a string: a
form of its own. `{ ... ; ... }` is a unit: several commands that stay together (a SPOP and the DEL that
makes both sides equal again); `same` in a later command is the first one's first argument.

After that a command outside braces is sometimes spoiled: an argument lost, doubled or replaced, the options
moved, the case changed. So wrong arity, wrong types and odd options are part of every run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

Command = tuple[bytes, ...]
Unit = tuple[Command, ...]
Part = Callable[[Random], list[bytes]]
Pool = Sequence[bytes] | Callable[[Random], bytes] | str

SOON = {b"EX": 3600, b"PX": 3_600_000}
UNIT_OF_THIRD_WORD = {b"SETEX": b"EX", b"EXPIRE": b"EX", b"PSETEX": b"PX", b"PEXPIRE": b"PX"}

SPOIL_SHARE = 0.06
MOST_REPEATS = 4
SAME = b"(the first argument of the unit)"

# Never so large that a command could ask a real server for 512 MB, or for as many random members.
ODD_ARGUMENTS = [
    b"", b"0", b"-1", b"1", b"abc", b"1.5", b" 1", b"01", b"+1", b"-0", b"1 ", b"nan", b"inf", b"-inf",
    b"1e400", b"*", b"NX", b"XX", b"GET", b"COUNT", b"LIMIT", b"WITHSCORES", b"\r\n", b"\xff\x00",
    b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-9223372036854775809",
]  # fmt: skip


class Grammar:
    """Lines of forms together with the pools that their words draw from.

    >>> tiny = Grammar("1 SET key value [NX|XX]", {"key": [b"k"], "value": [b"v"]}, spoil_share=0)
    >>> rng = Random(1)
    >>> [tiny.unit(rng) for _ in range(2)]
    [((b'SET', b'k', b'v', b'XX'),), ((b'SET', b'k', b'v', b'XX'),)]
    """

    def __init__(self, forms: str, pools: dict[str, Pool], spoil_share: float = SPOIL_SHARE) -> None:
        self.spoil_share = spoil_share
        self.weights: list[int] = []
        self.forms: list[tuple[list[Part], bool]] = []
        for line in filter(None, map(str.strip, forms.splitlines())):
            if line.startswith("#"):
                continue
            weight, _, form = line.partition(" ")
            self.weights.append(int(weight))
            parts = [FormParser(text, pools).parse() for text in split_unit(form)]
            self.forms.append((parts, not form.startswith("{")))

    def unit(self, rng: Random) -> Unit:
        """One command, or several that belong together."""
        unit = self._draw(rng)
        while any(map(hangs_on_the_clock, unit)):
            unit = self._draw(rng)
        return unit

    def _draw(self, rng: Random) -> Unit:
        parts, may_spoil = rng.choices(self.forms, self.weights)[0]
        commands = [tuple(part(rng)) for part in parts]
        commands = [tuple(commands[0][1] if word is SAME else word for word in argv) for argv in commands]
        if may_spoil and rng.random() < self.spoil_share:
            commands[0] = spoil(commands[0], rng)
        return tuple(commands)

    def units(self, seed: int, count: int) -> list[Unit]:
        rng = Random(seed)
        return [self.unit(rng) for _ in range(count)]


def hangs_on_the_clock(command: Command) -> bool:
    """Does this, perhaps spoiled, command let a key expire soon, by the one side's clock before the other's?

    Or does it name a stream's entry after the time?

    >>> [hangs_on_the_clock((b"PSETEX", b"k", ms, b"v")) for ms in (b"100", b"100000000", b"-1", b"soon")]
    [True, False, False, False]
    """
    words = [word.upper() for word in command]
    times = [(words[at - 1], word) for at, word in enumerate(words) if at > 2]
    if words[0] == b"XADD" and b"*" in words:
        return True
    if words[0] in UNIT_OF_THIRD_WORD:
        times += [(UNIT_OF_THIRD_WORD[words[0]], word) for word in words[2:3]]
    return any(unit in SOON and word.isdigit() and 0 < int(word) < SOON[unit] for unit, word in times)


def spoil(command: Command, rng: Random) -> Command:
    """`command` with one fault that a person could make."""
    argv = list(command)
    at = rng.randrange(1, len(argv)) if len(argv) > 1 else 0
    match rng.randrange(6):
        case 0 if at:
            del argv[at]
        case 1:
            argv.append(rng.choice(ODD_ARGUMENTS))
        case 2 if at:
            argv[at] = rng.choice(ODD_ARGUMENTS)
        case 3 if at:
            argv.insert(at, argv[at])
        case 4 if len(argv) > 3:
            options = argv[2:]
            rng.shuffle(options)
            argv[2:] = options
        case _:
            argv[0] = bytes(
                rng.choice((byte, byte ^ 0x20)) if chr(byte).isalpha() else byte for byte in argv[0]
            )
    return tuple(argv)


def split_unit(form: str) -> list[str]:
    """The commands of one form.

    >>> split_unit("{ SPOP key ; DEL key }"), split_unit("GET key")
    (['SPOP key', 'DEL key'], ['GET key'])
    """
    if form.startswith("{"):
        return [command.strip() for command in form.strip("{} ").split(" ; ")]
    return [form]


class FormParser:
    """Recursive descent over one form; every method returns a part, which makes arguments when asked."""

    def __init__(self, text: str, pools: dict[str, Pool]) -> None:
        self.text = text
        self.tokens = re.findall(r"[\[\]()|+]|[^\s\[\]()|+]+", text)
        self.pools = pools

    def parse(self) -> Part:
        part = self._sequence(())
        if self.tokens:
            raise ValueError(f"unexpected {self.tokens[0]!r} in {self.text!r}")
        return part

    def _sequence(self, closers: tuple[str, ...]) -> Part:
        parts = []
        while self.tokens and self.tokens[0] not in closers:
            parts.append(self._repeated(self._item()))
        return lambda rng: [argument for part in parts for argument in part(rng)]

    def _item(self) -> Part:
        token = self.tokens.pop(0)
        if token == "[":
            choice = self._alternatives("]")
            return lambda rng: choice(rng) if rng.random() < 0.5 else []
        if token == "(":
            return self._alternatives(")")
        if token == "same":
            return lambda rng: [SAME]
        if token in self.pools:
            return self._draw_from(self.pools[token])
        if token.lower() == token and token[0].isalpha():
            raise ValueError(f"no pool named {token!r} for {self.text!r}")
        literal = token.strip("'").encode()
        return lambda rng: [literal]

    def _alternatives(self, closer: str) -> Part:
        choices = [self._sequence(("|", closer))]
        while self.tokens and self.tokens[0] == "|":
            self.tokens.pop(0)
            choices.append(self._sequence(("|", closer)))
        self.tokens.pop(0)
        return lambda rng: rng.choice(choices)(rng)

    def _repeated(self, part: Part) -> Part:
        if not self.tokens or self.tokens[0] != "+":
            return part
        self.tokens.pop(0)
        return lambda rng: [argument for _ in range(rng.randint(1, MOST_REPEATS)) for argument in part(rng)]

    def _draw_from(self, pool: Pool) -> Part:
        if isinstance(pool, str):
            return FormParser(pool, self.pools).parse()
        if callable(pool):
            return lambda rng: [pool(rng)]
        return lambda rng: [rng.choice(pool)]
