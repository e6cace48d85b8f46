"""BGREWRITEAOF: a log that begins anew with what is there, instead of how it came about.

    before    base 1   increment 1                          the log
    begin     base 1   increment 1   increment 2            new changes go to 2 from here on
              a walk writes the dataset of this very moment to a temporary file, in slices
    end       base 2                 increment 2            one rename of the manifest
              base 1   increment 1                          history: removed

So nothing is written twice and no change is kept in memory meanwhile. A crash in between leaves base 1 and
both increments, which together are all there is. A log that grew by `auto-aof-rewrite-percentage` since its
last rewrite is rewritten by itself.

Mirrors: `rewriteAppendOnlyFileBackground`, `backgroundRewriteDoneHandler`, `aofRewriteLimited` in aof.c.
Complexity: O(bytes of the dataset), in slices.
Read next: snapshots.py, the walk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.engine.durability.disk import DiskError
from minidis.engine.durability.saving import snapshot_notes
from minidis.engine.durability.snapshots import FileSink

if TYPE_CHECKING:
    from minidis.engine.durability.append_only_file import AppendOnlyFile

FAILURES_BEFORE_PAUSE = 3
LONGEST_PAUSE_MIN = 60


class Rewriting:
    """Rewrites of one log: state, and what INFO says of it."""

    def __init__(self, log: AppendOnlyFile) -> None:
        self.log = log
        self.node = log.node
        self.scheduled = False
        self.rewrites = 0  # begun, whatever became of them
        self.failures = 0  # one after the other
        self.last_status = "ok"
        self.last_duration_s = -1
        self.base_bytes = 0  # the log's size after its last rewrite
        self._not_before_us = 0
        self._started_us = 0

    def start_or_schedule(self) -> bool:
        """Begin a rewrite, or do so when the job that runs is over.  True if it began.

        Not in the middle of an EXEC or a script: what it has changed so far would be in the base, and then
        come again from the journal, which hands it on at the end.
        """
        if self.node.background.job is not None or self.node.journal.depth:
            self.scheduled = True
            self.node.log("notice", "AOF background was scheduled")
            return False
        return self.start()

    def start(self) -> bool:
        """Begin a rewrite; there must be no job.  False, and a line in the log, if that fails."""
        log, node = self.log, self.node
        self.scheduled = False
        self._started_us = node.now_us
        try:
            log.files.make_folder()
            sink = FileSink(node.disk, log.files.temporary_base)
            if log.state == "on":
                log.seal()
                log.begin_increment(log.files.begin_increment())
            elif log.state == "waiting":
                log.accumulate()
        except DiskError as error:
            self._failed(error)
            return False
        self.rewrites += 1
        notes = snapshot_notes(node, is_aof_base=True)
        node.background.start("aof", log.files.writer(), sink, self._finished, notes)
        node.background.log_start("Background append only file rewriting")
        return True

    def _finished(self, error: DiskError | None) -> None:
        log, node = self.log, self.node
        self.last_duration_s = (node.now_us - self._started_us) // 1_000_000
        try:
            if error is not None:
                raise error
            if log.state != "off":
                log.flush(force=True)
            path = log.files.take_over_base(log.state)
        except DiskError as failure:
            self._failed(failure)
            return
        if log.state != "off":
            log.path = path
        if log.state == "waiting":
            log.become_whole()
        log.files.remove_history()
        log.size_bytes = self.base_bytes = log.files.size_bytes()
        self.last_status = "ok"
        self.failures = 0
        node.log("notice", "Background AOF rewrite terminated with success")

    def _failed(self, error: DiskError) -> None:
        node = self.node
        self.last_status = "err"
        self.failures += 1
        self.scheduled = self.log.state == "waiting"  # without a base there is no log
        node.log("warning", f"Background AOF rewrite terminated with error: {error}")
        if self.failures >= FAILURES_BEFORE_PAUSE:
            pause_min = min(1 << self.failures - FAILURES_BEFORE_PAUSE, LONGEST_PAUSE_MIN)
            self._not_before_us = node.now_us + pause_min * 60_000_000
            node.log(
                "warning",
                "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in "
                f"{pause_min} minutes",
            )
        self.log.files.remove_temporary(self.log.files.temporary_base)
        if self.log.state == "waiting":
            node.log("notice", f"Removing the temp incr aof file {self.log.path}")
            self.log.suspend()

    def cancel(self) -> None:
        """Stop a rewrite that is under way, and begin none that was scheduled."""
        self.scheduled = False
        self.kill()

    def kill(self) -> None:
        """Stop a rewrite that is under way."""
        if self.node.background.is_running("aof"):
            # the words that tools look for; there is no child here
            self.node.log("notice", "Killing running AOF rewrite child")
            self.node.background.cancel()
            self.log.files.remove_temporary(self.log.files.temporary_base)

    def cron(self) -> None:
        """Begin what is scheduled, or due because the log has grown."""
        log, node, config = self.log, self.node, self.node.config
        if node.background.job is not None or node.loading is not None:
            return
        if self.scheduled and node.now_us >= self._not_before_us:
            self.start()
            return
        percentage = config.auto_aof_rewrite_percentage
        if log.state != "on" or not percentage or log.size_bytes <= config.auto_aof_rewrite_min_size:
            return
        growth = log.size_bytes * 100 // (self.base_bytes or 1) - 100
        if growth >= percentage and node.now_us >= self._not_before_us:
            node.log("notice", f"Starting automatic rewriting of AOF on {growth}% growth")
            self.start()
