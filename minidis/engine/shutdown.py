"""The end of a server, in good order: SHUTDOWN and the signals.

    SIGTERM  -> request() -- the next cron -->.
    SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] ---> begin()
                                               |  replicas lag behind: writes are paused, SHUTDOWN waits,
                                               |  until they have caught up, or for shutdown-timeout seconds
                                               v
                                             finish(): the log synced, a snapshot; node.on_shutdown()
    SHUTDOWN ABORT --> abort(): as if nobody had asked

A primary that ended at once would lose what its replicas have not yet read: with the writes paused they catch
up, and whoever is promoted has everything. A disk that fails keeps the server alive (unless FORCE was said):
everyone who waits with SHUTDOWN gets an error.

A signal's handler may run in the middle of anything, so it only leaves a word for the cron.

Mirrors: `prepareForShutdown`, `isReadyToShutdown`, `cancelShutdown`, `finishShutdown` in server.c.
Complexity: O(replicas) at each cron while it waits; then that of a snapshot.
Read next: starting.py, for what is brought to disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from minidis.engine import starting
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from minidis.engine.node import Node

WAITS = "shutdown"
"""The topic that SHUTDOWN waits for: it never happens, since either the server ends or an error does."""

FAILED = "ERR Errors trying to SHUTDOWN. Check logs."
FOR_EVER_MS = 1 << 60


class Shutdown:
    """Whether this node is about to end, and how."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.requested_by = ""
        """The signal that asked for it, "SIGTERM": known until all is over, or refused."""
        self.deadline_ms: int | None = None
        """The end of the patience with replicas; None: nobody is waited for."""
        self._save: bool | None = None
        self._is_forced = False
        self.is_over = False
        """The process has come to its end: no command runs any more, and nobody is answered."""

    @property
    def is_wanted(self) -> bool:
        """True from the request to the end."""
        return bool(self.requested_by) or self.deadline_ms is not None

    def request(self, signal_name: str) -> None:
        """A signal has come: the next cron takes it up."""
        self.requested_by = signal_name

    def cron(self) -> None:
        """Take up a signal; look whether the replicas have caught up."""
        node, config = self.node, self.node.config
        if self.deadline_ms is None:
            chosen = (
                config.shutdown_on_sigint if self.requested_by == "SIGINT" else config.shutdown_on_sigterm
            )
            words = chosen.split()
            save = True if "save" in words else False if "nosave" in words else None
            self.begin(save, now="now" in words, force="force" in words)
        elif node.now_ms >= self.deadline_ms or self._replicas_are_ready():
            self._finish()

    def begin(self, save: bool | None, now: bool, force: bool) -> Literal["ended", "waits", "failed"]:
        """End the server, now or when the replicas have caught up.

        `save` is what SHUTDOWN says, SAVE or NOSAVE; None: save if there are save points.  `now`: wait for no
        replica.  `force`: end even if the disk fails.
        """
        node = self.node
        if self.deadline_ms is not None:
            return "waits"
        self._save = False if node.loading is not None else save  # half a dataset is none
        self._is_forced = force
        node.log("warning", "User requested shutdown...")
        patience_s = node.config.shutdown_timeout
        if now or not patience_s or self._replicas_are_ready():
            return "ended" if self._finish() else "failed"
        self.deadline_ms = node.now_ms + patience_s * 1000
        if not node.pause.active:
            node.replication.ask_for_acks(node.replication.offset)
        node.pause.begin(FOR_EVER_MS, everyone=False, purpose=WAITS)
        node.log("notice", "Waiting for replicas before shutting down.")
        return "waits"

    def end(self) -> None:
        """Said by the driver, as soon as `on_shutdown` has come: what changes now would be in no snapshot."""
        self.is_over = True
        self.node.update_observed()

    def abort(self) -> bool:
        """Go on as before.  False if no end was near."""
        if not self.is_wanted:
            return False
        self._cancel()
        self.node.log("notice", "Shutdown manually aborted.")
        return True

    def _replicas_are_ready(self) -> bool:
        return self.node.replication is None or not self.node.replication.replicas.lagging()

    def _finish(self) -> bool:
        node = self.node
        if node.replication is not None:
            node.replication.replicas.log_lags()
        if node.on_shutdown is None or not starting.prepare_to_stop(node, self._save, self._is_forced):
            node.log("warning", "Errors trying to shut down the server. Check the logs for more information.")
            self._cancel()
            return False
        node.on_shutdown()
        return True

    def _cancel(self) -> None:
        self.requested_by = ""
        self.deadline_ms = None
        for parked in tuple(self.node.waiting.queues.get(WAITS, {}).values()):
            self.node.waiting.end(parked.client, ReplyError(FAILED))
        self.node.pause.end(WAITS)
