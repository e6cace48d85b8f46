"""Pipelines: plain commands, run one after another in one loop.

Around a handler that takes half a microsecond there is a microsecond of other things: who asks, what it
changed, how long it took, who waits for it, the reply as bytes. `Link` and `Node.execute` look after them one
call at a time. In a pipeline the answers to most of these questions are the same as for the request before:

    GET a | GET b | GET c | SET d 1 | CONFIG GET x | GET e
    `---- one look ----'    `- one -'  `- not plain: left to Node.execute

So a command is looked at when the word changes, and counted when its run is over, or when somebody asks for
the counts. One reading of the stopwatch ends a request and starts the next. The clock is read again when a
tenth of a millisecond has gone.

A command is plain that has its own name (no subcommands, nothing protected), is timed, and cannot wait. What
it does to others (who waits for a key, who is told) ends the run, for the careful way to look after.

Mirrors: `processInputBuffer`, `call` in networking.c and server.c, which go command by command.
Differs: commands of one pipeline share a reading of the clock, for up to LOOK_UP_AFTER_NS.
Complexity: O(requests), at two thirds of what the careful way costs.

>>> from minidis.drivers.embedded import Embedded
>>> from minidis.engine.link import Link
>>> node = Embedded(clock=0).node
>>> node.statistics.time_all()
>>> link = Link(node)
>>> requests = [[b"GET", b"k"], [b"SET", b"k", b"v"]]
>>> run_ahead(link, requests); requests, bytes(link.output)
([], b'+OK\\r\\n$1\\r\\nv\\r\\n')

Read next: link.py.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import BULK_HEADERS, READY_MADE, SMALL_INTEGERS, STATUSES, encode

if TYPE_CHECKING:
    from minidis.engine.link import Link
    from minidis.engine.registry import Command

LOOK_UP_AFTER_NS = 100_000
"""So old the node's time may be; Redis's own is as old as its command."""


def run_ahead(link: Link, requests: list[list[bytes]], most_output_bytes: int = sys.maxsize) -> None:
    """Run `requests`, the last one first, and take them off the list; their replies go into `link.output`.

    Stops before a request that is not plain, after one that leaves something to be looked after, and when
    `output` has grown to `most_output_bytes` (looked at every LOOK_UP_AFTER_NS and after large replies).
    """
    run, runs = Run(requests), link.node.statistics.runs
    runs.append(run)
    try:
        _run(link, requests, most_output_bytes, run)
    finally:
        runs.pop()
        run.end(len(requests))
        if run.command is not None:
            link.client.last_command, link.client.last_command_us = run.command.name, link.node.now_us
    if link.node.waiting.ready:
        link.node.waiting.serve()


class Run:
    """Requests with the same word, one after another."""

    __slots__ = ("command", "count", "requests")

    def __init__(self, requests: list[list[bytes]]) -> None:
        self.requests = requests
        self.command: Command | None = None
        self.count = 0  # of requests that were there when it began

    def begin(self, command: Command) -> None:
        """The request that was just taken off the list is the first of the next run."""
        count = len(self.requests) + 1
        self.end(count)
        self.command, self.count = command, count

    def end(self, left: int) -> None:
        """So many requests are still there: the others have been calls."""
        if self.command is not None:
            self.command.calls += self.count - left
            self.command.timing.fold_if_many()

    def settle(self) -> None:
        """Count what is over, in the midst of the run: all but the request that is now at work."""
        if self.command is not None:
            self.begin(self.command)


def _run(link: Link, requests: list[list[bytes]], most_output_bytes: int, run: Run) -> None:
    node, client, output = link.node, link.client, link.output
    waiting, journal, statistics = node.waiting, node.journal, node.statistics
    outbox, clock, stopwatch_ns = client.outbox, node.clock, node.stopwatch_ns
    node.now_us, started_ns = clock(), stopwatch_ns()
    patience_ns = min(LOOK_UP_AFTER_NS, statistics.noteworthy_ns)
    look_up_ns = started_ns + patience_ns
    word: bytes | None = None  # of the request before
    is_enough = False
    while requests and not (outbox or is_enough or waiting.ready or client.gated or node.gated):
        argv = requests.pop()
        if argv[0] != word:
            found = node.commands.spelled[argv[0]]
            if found is None or found.timing is None or found.may_wait:
                requests.append(argv)
                return
            command = found
            word, invoke, durations_ns = argv[0], command.timing.invoke, command.timing.durations_ns
            run.begin(command)
        before, failure = node.changes, None
        try:
            reply = invoke(client, argv)
        except Exception as error:
            failure = error
        if client.journal_commands is not None:  # also after a failure: what it changed stays changed
            node.journal_effects(client, node.changes != before)
        elif node.changes != before and journal.subscribers:
            node.writer = client
            journal.enter(client.db.index, argv)
        if failure is not None:
            reply = _failure(link, command, argv, failure)
            if not command.accepts(len(argv)):  # it has not run at all
                output += encode(reply, client.protocol)
                is_enough, started_ns = len(output) >= most_output_bytes, stopwatch_ns()
                continue
        kind: Any = type(reply)
        if kind is bytes and len(reply) < READY_MADE:
            output += BULK_HEADERS[len(reply)]
            output += reply
            output += b"\r\n"
        elif kind is int and 0 <= reply < READY_MADE:
            output += SMALL_INTEGERS[reply]
        elif kind is str and reply in STATUSES:
            output += STATUSES[reply]
        else:
            output += encode(reply, client.protocol)
            is_enough = len(output) >= most_output_bytes
        now_ns = stopwatch_ns()
        durations_ns.append(now_ns - started_ns)
        if now_ns >= look_up_ns:
            if now_ns - started_ns >= statistics.noteworthy_ns:
                statistics.note_slow(client, command, argv, now_ns - started_ns)
            is_enough = len(output) >= most_output_bytes
            node.now_us = clock()
            look_up_ns = now_ns + patience_ns
        started_ns = now_ns


def _failure(link: Link, command: Command, argv: list[bytes], error: Exception) -> ReplyError:
    if isinstance(error, ReplyError):
        link.node.statistics.note_failure(command, argv, error)
    return link.failure(argv, error)
