"""What exercise 8.4 stands on: a node whose slow log a learner keeps.

    log = make(threshold_us, max_len)
    log.configure(threshold_us, max_len)
    log.record(argv, arrived_us, started_us, ended_us)
    log.get(count) -> [(id, time_s, duration_us, argv), ...]     len(log)     log.reset()

Who sent a command is kept here, by the entry's id.

Read next: minidis/engine/measuring/slowlog.py, after you have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from minidis.engine.client import Client
from minidis.engine.command_table.registry import Command
from minidis.engine.measuring.slowlog import SlowEntry, SlowLog
from minidis.engine.messages.monitoring import redacted
from minidis.engine.node import Node


class LearnersSlowLog(SlowLog):
    """The engine's calls, handed on to a learner's log."""

    def __init__(self, node: Node, make: Callable[[int, int], Any]) -> None:
        super().__init__(node)
        config = node.config
        self._log = make(config.slowlog_log_slower_than, config.slowlog_max_len)
        self._senders: dict[int, tuple[str, str]] = {}
        self.entries: Any = _Entries(self._log, self._senders)

    def add(self, client: Client, command: Command, argv: list[bytes], duration_us: int) -> None:
        now_us = self.node.now_us
        self.trim()
        started_us = now_us - duration_us
        self._log.record(redacted(command.name, argv), started_us, started_us, now_us)
        for entry_id, *_ in self._log.get(1):
            self._senders.setdefault(entry_id, (client.peer, client.name))

    def trim(self) -> None:
        config = self.node.config
        self._log.configure(config.slowlog_log_slower_than, config.slowlog_max_len)


class _Entries:
    """A learner's entries, as SLOWLOG's commands read them."""

    def __init__(self, log: Any, senders: dict[int, tuple[str, str]]) -> None:
        self._log, self._senders = log, senders

    def __len__(self) -> int:
        return len(self._log)

    def __iter__(self) -> Iterator[SlowEntry]:
        for entry_id, time_s, duration_us, argv in self._log.get(-1):
            yield SlowEntry(entry_id, time_s, duration_us, list(argv), *self._senders.get(entry_id, ("", "")))

    def clear(self) -> None:
        self._log.reset()
        self._senders.clear()
