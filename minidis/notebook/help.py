"""HELP, as redis-cli gives it: a command, a group, or the way to ask. All of it comes from the registry.

>>> print(help_text([b"strlen"]).splitlines()[0])
STRLEN key

Read next: completion.py, which reads the same syntax lines.
"""

from __future__ import annotations

import difflib
import re

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.engine.command_table.registry import COMMANDS, Command
from minidis.engine.command_table.syntax import TYPES
from minidis.engine.node import VERSION

_TYPE_SUFFIX = re.compile(rf":(?:{'|'.join(TYPES)})\b")

INTRODUCTION = f"""\
minidis speaks the commands of Redis {VERSION}
HELP SET              a command
HELP @string          the commands of a group: {{groups}}
SE<Tab>               completes commands, options and keys
%redis?               the options of a %%redis cell"""


def is_help(argv: list[bytes]) -> bool:
    return argv[0].lower() in (b"help", b"?")


def help_text(words: list[bytes]) -> str:
    """The answer to HELP with these words, without a newline at the end."""
    topic = b" ".join(words).decode("utf-8", "replace").strip()
    if not topic:
        return INTRODUCTION.format(groups=" ".join(f"@{group}" for group in groups()))
    if topic.startswith("@"):
        return _group_text(topic[1:].lower())
    found = [entry for entry in COMMANDS if _matches(entry, topic)]
    if found:
        return "\n\n".join(command_text(entry) for entry in sorted(found, key=lambda entry: entry.name))
    near = difflib.get_close_matches(topic.upper(), [entry.line.name for entry in COMMANDS], n=3)
    return f"no help for {topic}" + (f"; is it {' or '.join(near)}?" if near else "")


def command_text(entry: Command) -> str:
    lines = [
        syntax_text(entry),
        f"summary: {entry.summary}",
        f"since: {entry.since}",
        f"group: {entry.group}",
    ]
    if entry.complexity:
        lines.append(f"complexity: {entry.complexity}")
    return "\n".join(lines)


def syntax_text(entry: Command) -> str:
    """The syntax line as the Redis documentation writes it: without our types."""
    return _TYPE_SUFFIX.sub("", entry.line.text).replace("|", " | ")


def groups() -> list[str]:
    return sorted({entry.group for entry in COMMANDS})


def _group_text(group: str) -> str:
    entries = sorted((entry for entry in COMMANDS if entry.group == group), key=lambda entry: entry.line.name)
    if not entries:
        return f"no group is called @{group}: {' '.join('@' + name for name in groups())}"
    width = max(len(entry.line.name) for entry in entries)
    return "\n".join(f"{entry.line.name:{width}}  {entry.summary}" for entry in entries)


def _matches(entry: Command, topic: str) -> bool:
    """`HELP CONFIG` shows every subcommand, `HELP CONFIG GET` one."""
    name = entry.line.name
    return name == topic.upper() or name.startswith(topic.upper() + " ")
