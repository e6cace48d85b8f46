"""What exercise 14.2 stands on: clients that increment counters all the time, while a slot moves.

    busy = BusyClient(lab, "ann", keys, slots, redirect, seed)     it runs as soon as the lab does
    busy.errors                                                    what reached its caller
    busy.acknowledged                                              key -> how often INCR was answered

Now and then it reads two keys at once, and now and then it begins a new counter with the same tag.

What a client does with MOVED, ASK and TRYAGAIN is the learner's `redirect`.

Read next: minidis/drivers/simulation/routed_client.py, after you have passed.
"""

from __future__ import annotations

import random as random_module
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from minidis.course.exercise import show
from minidis.course.guard import instruction_budget
from minidis.distributed.cluster.slots import slot_of
from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.terminal import Move

MOST_REDIRECTIONS = 3
MOST_WAITS = 200
PAUSE_S = 0.005

Redirect = Callable[[str, dict[int, str], int], tuple[str, bool]]


class BusyClient:
    """A cluster's client on a machine of its own; `slots` is its map: slot -> "host:port"."""

    def __init__(
        self, lab: Lab, name: str, keys: list[bytes], slots: dict[int, str], redirect: Redirect, seed: int
    ) -> None:
        self.name, self.keys, self.slots, self.redirect = name, keys, slots, redirect
        self.random = random_module.Random(f"{seed}/{name}")
        self.acknowledged: Counter[bytes] = Counter()
        self.errors: list[str] = []
        self.is_stopped = False
        self._at = slots[slot_of(keys[0])]
        node = next(node for node, process in lab.processes.items() if _text(process.address) == self._at)
        lab.script(name, node, self._live())

    def _live(self) -> Iterator[Any]:
        while not self.is_stopped and not self.errors:
            if self.random.random() < 0.2:
                pair = self.random.sample(self.keys, 2)
                yield from self._command(b"MGET", *pair)
            else:
                key = self.random.choice(self.keys)
                if self.random.random() < 0.3:
                    key = b"%s:%s:%d" % (key, self.name.encode(), len(self.acknowledged))
                if (yield from self._command(b"INCR", key)):
                    self.acknowledged[key] += 1
            yield 0.001

    def _command(self, *words: bytes) -> Iterator[Any]:
        """Send it to where it belongs.  True when it was answered; else an error has been noted."""
        slot = slot_of(words[1])
        address, asking = self.slots[slot], False
        redirections = waits = 0
        said: list[str] = []
        while redirections <= MOST_REDIRECTIONS and waits < MOST_WAITS:
            if address != self._at:
                host, _, port = address.rpartition(":")
                self._at = address
                yield Move((host, int(port)))
            if asking:
                yield "ASKING"
            reply = yield words
            if not isinstance(reply, Exception):
                return True
            said.append(f"{address} says {reply}")
            if not str(reply).startswith(("MOVED", "ASK", "TRYAGAIN")):
                break
            if str(reply).startswith("TRYAGAIN"):
                waits += 1
                yield PAUSE_S
            else:
                redirections += 1
            address, asking = self._redirected(str(reply), slot)
        sent = " ".join(word.decode() for word in words)
        self.errors.append(f"{sent}: {'; '.join(said[-MOST_REDIRECTIONS - 1 :])}")
        return False

    def _redirected(self, error: str, slot: int) -> tuple[str, bool]:
        with instruction_budget(1_000_000):  # the lab is at work, so nobody counts just now
            came = self.redirect(error, self.slots, slot)
        if not (isinstance(came, tuple) and len(came) == 2 and isinstance(came[0], str) and ":" in came[0]):
            raise ValueError(f"redirect({error!r}, ...) answers {show(came)}, not an address and a bool")
        return came[0], bool(came[1])


def _text(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"
