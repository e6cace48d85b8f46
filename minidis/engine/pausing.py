"""CLIENT PAUSE: for a while, those who write (or all) wait, and the dataset stands still.

    CLIENT PAUSE 1000 WRITE       bob: GET k -> answered           ada: SET k 1 -> waits
                                                                   1000 ms later, or CLIENT UNPAUSE: OK

A failover uses it: with nobody writing, a replica catches up, and nothing is lost when it takes over. So that
nothing changes by itself either, no key is removed for its time or for memory meanwhile: one that is past its
time is hidden, as on a replica.

A command that waits has not begun. It takes its whole way anew when the pause is over, in order of arrival;
and not before all that came in the turn that ended the pause has run.
Two pauses at once are the longer and the stricter of both.

Mirrors: pauseActions and blockPostponeClient in networking.c, blocked.c.
Read next: waiting.py, whose topics these are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.engine.command_table.registry import Command, Flag
from minidis.engine.transactions import is_or_runs

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.node import Node
    from minidis.engine.waiting import Parked

OVER = "pause-is-over"

_CHANGES = Flag.WRITE | Flag.MAY_REPLICATE


class Pause:
    """The pauses of a node, each with a purpose of its own: a client's wish, a failover."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.purposes: dict[str, tuple[int, bool]] = {}
        """Purpose -> (unix time in milliseconds of its end, does it hold everyone?)."""
        self.released: list[Parked] = []
        """Who has waited for an end that has come, and has yet to go on."""

    @property
    def active(self) -> bool:
        return bool(self.purposes)

    @property
    def everyone(self) -> bool:
        """Do those who only read wait too?"""
        return any(everyone for _, everyone in self.purposes.values())

    def begin(self, until_ms: int, everyone: bool, purpose: str = "client") -> None:
        """Pause writes, or all commands, until a unix time in milliseconds."""
        if not self.purposes:
            self.node.services.append(self)
            self.node.hold_expiry("pause", True)
        former_ms, former_everyone = self.purposes.get(purpose, (0, False))
        self.purposes[purpose] = max(until_ms, former_ms), everyone or former_everyone
        self.node.wake(until_ms * 1000)
        self.node.update_observed()

    def end(self, purpose: str = "client") -> None:
        """Let everyone go on, or those for whom there is no other reason to wait."""
        held_everyone = self.everyone
        if self.purposes.pop(purpose, None) is None:
            return
        if not self.purposes:
            self.node.services.remove(self)
            self.node.hold_expiry("pause", False)
            self.node.update_observed()
        elif self.everyone or not held_everyone:
            return
        self.released += self.node.waiting.queues.get(OVER, {}).values()
        self.node.wake(self.node.now_us)

    def let_go(self) -> None:
        """Run what has waited.  A driver asks for it when all that came in a turn has run; so does `tick`."""
        if self.node.waiting.may_serve:
            released, self.released = self.released, []
            self.node.waiting.serve_in_turn(released)

    def holds(self, client: Client, command: Command, argv: list[bytes]) -> bool:
        """Must this command wait?  EXEC must if a command in its queue would have to; a replica's never.

        The primary's commands wait too, but with its link, which knows how to go on (primary_link.py).
        """
        if client.role == "replica":
            return False
        return self.everyone or is_or_runs(client, command.as_requested(client, argv), may_change)

    # a service of the node

    def tick(self) -> None:
        for purpose, (until_ms, _) in list(self.purposes.items()):
            if self.node.now_ms >= until_ms:
                self.end(purpose)

    def next_deadline_us(self) -> int | None:
        return min((until_ms * 1000 for until_ms, _ in self.purposes.values()), default=None)


def may_change(requested: Command) -> bool:
    """Is it a command that writes, or runs what may?"""
    return bool(requested.flags & _CHANGES)
