r"""MONITOR's lines as requests: what `redis-cli monitor > file` wrote, of this server or of any.

    1339518083.107412 [0 127.0.0.1:60866] "SET" "greeting" "hello"

What a script ran stands below it as lines of a client named lua; they become its `inner` requests.

>>> script = "return redis.call('del', KEYS[1])"
>>> request, = requests_of([f'1.5 [0 10.0.0.1:5] "EVAL" "{script}" "1" "a"', '1.5 [0 lua] "del" "a"'])
>>> request.name, request.at_us, request.inner[0].words
('eval', 1500000, (b'del', b'a'))

Read next: locks.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from minidis.engine.command_table.registry import COMMANDS
from minidis.protocol.quoting import split_arguments

_LINE = re.compile(r"\+?(\d+)\.(\d{1,6}) \[(\d+) (.*?)\] (\".*)")
SCRIPTS = frozenset(("eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro"))


class TrafficError(ValueError):
    """A line that MONITOR did not write; the text says which."""


@dataclass(frozen=True)
class Request:
    """One command of one client."""

    at_us: int
    database: int
    client: str
    words: tuple[bytes, ...]
    inner: list[Request] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.words[0].decode("latin-1").lower()

    @property
    def key(self) -> str:
        """Its first argument, which is the key for nearly all commands that have one."""
        return self.argument(1)

    @property
    def is_write(self) -> bool:
        command = COMMANDS.by_name.get(self.name)
        return command is not None and command.is_write

    def argument(self, position: int) -> str:
        if position >= len(self.words):
            return ""
        return self.words[position].decode("utf-8", "backslashreplace")

    def options(self, start: int) -> list[str]:
        """The words from `start` on, in capitals: SET's NX, PX ..."""
        return [word.decode("latin-1").upper() for word in self.words[start:]]

    def script_keys(self) -> list[str]:
        """The keys that a script declares."""
        count = self.argument(2)
        return [self.argument(at) for at in range(3, 3 + int(count))] if count.isdecimal() else []

    def script_arguments(self) -> list[str]:
        first = 3 + len(self.script_keys())
        return [self.argument(at) for at in range(first, len(self.words))]


def requests_of(lines: Iterable[str | bytes]) -> list[Request]:
    """The requests of MONITOR's lines.  Raises TrafficError for a line that is none."""
    requests: list[Request] = []
    for number, raw in enumerate(lines, 1):
        line = (raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw).strip()
        if line in ("", "OK", "+OK"):
            continue  # MONITOR's own reply
        found = _LINE.fullmatch(line)
        words = split_arguments(found[5].encode()) if found else None
        if found is None or not words:
            raise TrafficError(f"line {number} is none that MONITOR writes: {line[:60]!r}")
        at_us = int(found[1]) * 1_000_000 + int(found[2].ljust(6, "0"))
        request = Request(at_us, int(found[3]), found[4], tuple(words))
        if found[4] == "lua" and requests:
            requests[-1].inner.append(request)
        else:
            requests.append(request)
    return requests
