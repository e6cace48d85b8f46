"""A talk while a node of the lab stands still: MIGRATE inside MULTI or a script.

    a: EXEC ... MIGRATE ...  |                                     | ... the replies of EXEC
                             +--> b: RESTORE    b --> a: +OK  -----+
       what comes to a from others meanwhile is kept by its kernel

The command that talks stands in the middle of an event of the lab, so the lab's events go on from inside it
until the peer is closed or the time is over. Two nodes that talk to each other like this wait until the
inner one gives up, as two real ones would.

Read next: process.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.engine.peers import Aside, Close, Open, Peer, Send

if TYPE_CHECKING:
    from minidis.drivers.simulation.process import Process
    from minidis.drivers.simulation.wires import End


def converse(process: Process, aside: Aside, until_us: int) -> None:
    """Let the lab go on until the peers of `aside` are closed, the process ends, or it is `until_us`."""
    agenda, node = process.lab.agenda, process.node
    ends = _Ends(process, aside)
    ends.carry_out()
    while ends.peers and process.running and process.node is node:
        next_us = agenda.next_time_us()
        if next_us is None or next_us > until_us:
            agenda.run_until(until_us)
            break
        agenda.step()
    ends.close()


class _Ends:
    """The owner of the ends of these peers."""

    def __init__(self, process: Process, aside: Aside) -> None:
        self.process = process
        self.wires = process.lab.wires
        self.aside = aside
        self.peers: dict[int, tuple[Peer, End]] = {}  # by the number of the end

    def carry_out(self) -> None:
        """Do what stands in the outbox."""
        while self.aside.outbox:
            match self.aside.outbox.popleft():
                case Open(peer):
                    end = self.wires.connect(self.process.host, self, peer.address)
                    self.peers[end.number] = peer, end
                case Send(peer):
                    self.wires.send(self._end_of(peer), peer.take_output())
                case Close(peer):
                    end = self._end_of(peer)
                    del self.peers[end.number]
                    self.wires.close(end)

    def _end_of(self, peer: Peer) -> End:
        return next(end for one, end in self.peers.values() if one is peer)

    def close(self) -> None:
        """Nobody waits for them any more."""
        for _, end in self.peers.values():
            self.wires.close(end)
        self.peers.clear()

    # -- the wire's side --------------------------------------------------------------------------

    def end_opened(self, end: End) -> None:
        if end.number in self.peers:
            self.aside.opened(self.peers[end.number][0], end.address)
            self.carry_out()

    def end_received(self, end: End, data: bytes) -> None:
        if end.number in self.peers:
            self.aside.received(self.peers[end.number][0], data)
            self.carry_out()

    def end_lost(self, end: End, reason: str) -> None:
        if end.number in self.peers:
            self.aside.lost(self.peers.pop(end.number)[0], reason)
            self.carry_out()
