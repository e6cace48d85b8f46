"""The faults of exercise 12.2: a primary a, replicas b and c, a client that writes orders, an operator.

    Play(case, conf, write).run("the primary is lost for good")

A play has a beginning (orders are written), a fault at a moment that the seed decides, three more seconds
of orders, and the operator: where the primary is gone he promotes, of the replicas he can reach, the one that
is furthest; the others follow it, and so does the old primary when it comes back. At the end every order
that `write` has promised is looked for.

c is the replica in the other building: its link is slower.

Read next: minidis/drivers/simulation/lab.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from minidis.course.case import Case
from minidis.course.exercise import Wrong
from minidis.course.machine import settings_of

FAULTS: dict[str, str] = {
    "the primary is lost for good": "its network fails, then it burns; the best replica is promoted",
    "the primary is cut off from its replicas": "its clients still reach it; the best replica is promoted",
    "the primary's power fails for a second": "it starts again from its disk, and stays primary",
    "all three lose their power at once": "they start again from their disks, a stays primary",
    "the primary and b are lost for good": "two machines burn, while the line to c is down; c is promoted",
}
"""What can go wrong, in exercise 12.2."""

GAP_S = 0.05
SLOW_LINK = "20ms"
FURTHER_ORDERS = 10


class Play:
    """One history."""

    def __init__(self, case: Case, conf: Any, write: Callable[..., Any]) -> None:
        self.case, self.learners_write = case, write
        self.lab = case.lab()
        self.fault = "none"
        self.primary = "a"
        self.orders = 0
        self.promised: list[int] = []
        self.lost: list[int] = []
        self.lab.nodes("a", "b", "c", config={"repl-diskless-sync-delay": 0} | settings_of(conf))
        for name in "abc":
            self.lab.disks[name].random.seed(case.random.random())
        for name in "bc":
            self.lab.call(name, "REPLICAOF", "a", 6379)
        self.lab.delay("a", "c", SLOW_LINK)
        self.lab.run("2s")
        self.redis = self._client()

    def _client(self) -> Any:
        return self.case.at(self.lab, self.primary, "shop", socket_timeout=5, socket_connect_timeout=1)

    def write(self) -> bool:
        """The next order; True if it was promised."""
        self.orders += 1
        number = self.orders
        try:
            promise = self.learners_write(self.redis, f"order:{number}", "paid")
        except (RedisError, OSError):
            promise = False
        if promise is not True and promise is not False:
            raise Wrong("write(redis, key, value)", repr(promise), "True (it is safe) or False")
        if promise:
            self.promised.append(number)
        return promise

    def run(self, fault: str) -> Play:
        """From the first order to the last look."""
        self.fault = fault
        for _ in range(self.case.random.randrange(4, 12)):
            self.write()
            self.lab.run(GAP_S)
        self.write()  # the last thing before it happens
        _PLOTS[fault](self)
        self.lab.heal()
        self.lab.run("4s")
        here = self.lab.call(self.primary, "KEYS", "order:*")
        self.lost = [number for number in self.promised if b"order:%d" % number not in here]
        return self

    def go_on(self) -> None:
        """Orders during the trouble."""
        for _ in range(FURTHER_ORDERS):
            self.write()
            self.lab.run(GAP_S)

    def promote(self, *candidates: str) -> None:
        """The operator: the furthest of those leads, and the rest follows."""
        offsets = {name: self.lab[name].replication.offset for name in candidates}
        self.primary = max(sorted(candidates), key=offsets.__getitem__)
        self.lab.call(self.primary, "REPLICAOF", "NO", "ONE")
        for name in candidates:
            if name != self.primary:
                self.lab.call(name, "REPLICAOF", self.primary, 6379)
        self.lab.run("1s")
        self.redis = self._client()


def _lost_for_good(play: Play) -> None:
    play.lab.partition("a")
    for _ in range(3):
        play.write()
    play.lab.power_cut("a")
    play.lab.run("1s")
    play.promote("b", "c")
    play.go_on()


def _cut_off(play: Play) -> None:
    play.lab.partition("a")
    play.go_on()
    play.promote("b", "c")
    play.go_on()
    play.lab.heal()
    play.lab.call("a", "REPLICAOF", play.primary, 6379)


def _short_outage(play: Play) -> None:
    play.lab.power_cut("a")
    play.lab.run("1s")
    play.lab.restart("a")
    play.lab.run("3s")
    play.redis = play._client()
    play.go_on()


def _dark(play: Play) -> None:
    for name in "abc":
        play.lab.power_cut(name)
    play.lab.run("1s")
    for name in "abc":
        play.lab.restart(name)
    for name in "bc":
        play.lab.call(name, "REPLICAOF", "a", 6379)
    play.lab.run("3s")
    play.redis = play._client()
    play.go_on()


def _two_lost(play: Play) -> None:
    play.lab.partition("c")
    for _ in range(3):
        play.write()
    play.lab.power_cut("a")
    play.lab.power_cut("b")
    play.lab.run("1s")
    play.promote("c")


_PLOTS: dict[str, Callable[[Play], None]] = dict(
    zip(FAULTS, (_lost_for_good, _cut_off, _short_outage, _dark, _two_lost), strict=True)
)
