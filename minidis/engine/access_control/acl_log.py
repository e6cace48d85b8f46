"""ACL LOG: who was refused what, the newest first.

A client that tries in a loop must not push everything else out. So a refusal that is like one of the last
ten, within a minute, is counted with it, and that entry moves to the front:

    count 3   reason key   context toplevel   object secret:1   username alice   age-seconds 0.5 ...

Mirrors: addACLLogEntry in acl.c.
Complexity: O(1) for each refusal.

>>> log = AclLog()
>>> for now_ms in (0, 500, 70_000): log.add("key", "toplevel", b"secret", b"alice", "id=3", now_ms, 128)
>>> [(entry.count, entry.identifier) for entry in log.entries]
[(1, 1), (2, 0)]

Read next: users.py.
"""

from __future__ import annotations

from minidis.structures.record import record

GROUPING_MS = 60_000
"""Refusals further apart than this are different ones."""

SCANNED_ENTRIES = 10
"""How many of the newest entries are looked at for one that is alike."""


@record
class LogEntry:
    """`reason` is "command", "key", "channel" or "auth"; `context` "toplevel", "multi" or "lua"."""

    identifier: int
    reason: str
    context: str
    what: bytes
    username: bytes
    client_info: str
    created_ms: int
    updated_ms: int
    count: int = 1


class AclLog:
    """The entries of a node, and how many refusals there were for each reason."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self.next_identifier = 0
        self.refused = dict.fromkeys(("auth", "command", "key", "channel"), 0)

    def add(
        self,
        reason: str,
        context: str,
        what: bytes,
        username: bytes,
        client_info: str,
        now_ms: int,
        most_entries: int,
    ) -> None:
        """Note a refusal, and keep `most_entries` (acllog-max-len)."""
        self.refused[reason] += 1
        for entry in self.entries[:SCANNED_ENTRIES]:
            same = (entry.reason, entry.context, entry.what, entry.username)
            if same == (reason, context, what, username) and abs(now_ms - entry.updated_ms) <= GROUPING_MS:
                entry.count += 1
                entry.updated_ms, entry.client_info = now_ms, client_info
                self.entries.remove(entry)
                self.entries.insert(0, entry)
                return
        if most_entries:
            entry = LogEntry(
                self.next_identifier, reason, context, what, username, client_info, now_ms, now_ms
            )
            self.next_identifier += 1
            self.entries.insert(0, entry)
        del self.entries[most_entries:]
