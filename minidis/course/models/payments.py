"""What the programs of chapter 17 call and raise: a payment provider that keeps books of its own.

    gateway = Gateway(lab)
    gateway.charge("order 7", 25)          a task of the lab; takes `delay_s`, answers a receipt
    gateway.charges                        what it has really taken, whoever knows of it

    gateway.silent = True                  charges, and the answer never comes: TimeoutError
    gateway.charge(..., reference="r1")    a provider that knows references takes one charge for each

>>> lab = Lab(seed=1)
>>> gateway = Gateway(lab)
>>> task = lab.machine("web").spawn(lambda: gateway.charge("order 7", 25))
>>> lab.run("1s"); task.result
{'payment': 'order 7', 'amount': 25, 'receipt': 1}

Read next: notebooks/17_idempotency.ipynb.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from minidis.client.lab import Lab
from minidis.drivers.simulation.standins import current_task


class Conflict(Exception):
    """The key was used for another request."""


class Unfinished(Exception):
    """Somebody began with this key and has not finished: still at work, or dead. Who knows what was done."""


class Refused(Exception):
    """The provider says no, and has taken nothing."""


class CircuitOpen(Exception):
    """Not even tried: it has failed too often just now."""


@dataclass
class Charge:
    """Money that was taken."""

    at_s: float
    who: str
    payment: str
    amount: int
    reference: str | None = None


class Gateway:
    """A payment provider, `delay_s` away."""

    def __init__(self, lab: Lab, delay_s: float = 0.2, knows_references: bool = False) -> None:
        self.lab, self.delay_s, self.knows_references = lab, delay_s, knows_references
        self.charges: list[Charge] = []
        self.silent = False
        self.refuses = False

    def charge(self, payment: str, amount: int, reference: str | None = None) -> dict[str, Any]:
        """Take money; answers the receipt.  Raises Refused, TimeoutError; Conflict for a known reference."""
        task = current_task()
        time.sleep(self.delay_s)
        if self.refuses:
            raise Refused(f"{payment}: no money")
        known = self._known(reference)
        if known is None:
            who = task.machine.name if task else "you"
            known = Charge(round(self.lab.now_s, 2), who, payment, amount, reference)
            self.charges.append(known)
        elif (known.payment, known.amount) != (payment, amount):
            raise Conflict(f"reference {reference} was for {known.payment}, {known.amount}")
        if self.silent:
            time.sleep(30)
            raise TimeoutError("the provider does not answer")
        return self._receipt(known)

    def _known(self, reference: str | None) -> Charge | None:
        if reference is None or not self.knows_references:
            return None
        return next((one for one in self.charges if one.reference == reference), None)

    def _receipt(self, charge: Charge) -> dict[str, Any]:
        number = self.charges.index(charge) + 1
        return {"payment": charge.payment, "amount": charge.amount, "receipt": number}
