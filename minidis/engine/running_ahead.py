"""What has come in a turn: plain commands, run one after another in one loop.

Around a handler that takes half a microsecond there is a microsecond of other things: who asks, what it
changed, how long it took, who waits for it, the reply as bytes. `Link` and `Node.execute` look after them one
call at a time. In a turn of the event loop the answers to most of these questions are the same as for the
request before, whether that came in the same pipeline or from somebody else:

    ada    GET a | GET b | GET c | SET d 1 | CONFIG GET x | GET e
           `---- one look ----'    `- one -'  `- not plain: left to the link
    bob    GET f
           `- the look at GET e still holds

So a command is looked at when the word changes, and counted when somebody asks for the counts. One reading
of the stopwatch ends a request and starts the next. The clock is read again when a tenth of a millisecond has
gone.

A command is plain that has its own name (no subcommands, nothing protected), is timed, and cannot wait. What
it does to others (who waits for a key, who is told) ends its client's run, for the careful way to look after.

Mirrors: `processInputBuffer`, `call` in networking.c and server.c, which go command by command.
Differs: commands of one turn share a reading of the clock, for up to LOOK_UP_AFTER_NS.
Complexity: O(requests), at less than half of what the careful way costs.

>>> from minidis.drivers.embedded import Embedded
>>> from minidis.engine.link import Link
>>> node = Embedded(clock=0).node
>>> node.statistics.time_all()
>>> link = Link(node)
>>> requests = [[b"GET", b"k"], [b"SET", b"k", b"v"]]
>>> run_ahead(node, [(link, requests)]); requests, bytes(link.output)
([], b'+OK\\r\\n$1\\r\\nv\\r\\n')

Read next: link.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from minidis.engine.waiting import WAITING
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import BULK_HEADERS, READY_MADE, SMALL_INTEGERS, STATUSES, encode

if TYPE_CHECKING:
    from minidis.engine.command_table.registry import Command
    from minidis.engine.link import Link
    from minidis.engine.node import Node

LOOK_UP_AFTER_NS = 100_000
"""So old the node's time may be; Redis's own is as old as its command."""

Turn = Iterable[tuple["Link", list[list[bytes]]]]
"""Who is to be served, and what each has asked for, the first request last."""


def run_ahead(node: Node, turn: Turn, most_output_bytes: int = sys.maxsize) -> None:
    """Run the requests of `turn`, and take them off its lists; the replies go into each `link.output`.

    Stops with a link before a request that is not plain, after one that leaves something to look after, or as
    its `output` has grown to `most_output_bytes` and somewhat more. Who makes `turn` sees what is left.
    """
    waiting, journal, statistics = node.waiting, node.journal, node.statistics
    spelled, clock, stopwatch_ns = node.commands.spelled, node.clock, node.stopwatch_ns
    noteworthy_ns = patience_ns = look_up_ns = 0
    command: Any = None  # of the request before
    word: bytes | None = None
    for link, requests in turn:
        client, outbox, output = link.client, link.client.outbox, link.output
        argv, is_enough = None, False
        if statistics.noteworthy_ns != noteworthy_ns:  # as CONFIG SET may say in the midst of a turn
            noteworthy_ns = statistics.noteworthy_ns
            patience_ns, look_up_ns = min(LOOK_UP_AFTER_NS, noteworthy_ns), 0
        started_ns = stopwatch_ns()
        if started_ns >= look_up_ns:
            node.now_us, look_up_ns = clock(), started_ns + patience_ns
        while requests and not (outbox or is_enough or waiting.ready or client.gated or node.gated):
            request = requests.pop()
            if request[0] != word:
                found = spelled[request[0]]
                if found is None or found.timing is None or found.may_wait:
                    requests.append(request)
                    break
                found.timing.fold_if_many()
                command, word, timing = found, request[0], found.timing
                invoke, note_duration_ns = timing.invoke, timing.ahead_ns.append
            argv, before, failure = request, node.changes, None
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
            elif kind is int:
                output += SMALL_INTEGERS[reply] if 0 <= reply < READY_MADE else b":%d\r\n" % reply
            elif kind is str and reply in STATUSES:
                output += STATUSES[reply]
            elif reply is not WAITING:
                output += encode(reply, client.protocol)
                is_enough = len(output) >= most_output_bytes
            now_ns = stopwatch_ns()
            note_duration_ns(now_ns - started_ns)
            if now_ns >= look_up_ns:
                if now_ns - started_ns >= noteworthy_ns:
                    statistics.note_slow(client, command, argv, now_ns - started_ns)
                is_enough = len(output) >= most_output_bytes
                node.now_us, look_up_ns = clock(), now_ns + patience_ns
            started_ns = now_ns
        if argv is not None:
            client.last_command, client.last_command_us = command.name, node.now_us
        if waiting.ready:
            waiting.serve()


def _failure(link: Link, command: Command, argv: list[bytes], error: Exception) -> ReplyError:
    if isinstance(error, ReplyError):
        link.node.statistics.note_failure(command, argv, error)
    return link.failure(argv, error)
