"""SELECT ... FOR UPDATE as PostgreSQL has it: a queue for each row, a lock that ends with its transaction.

    ann   begin   for_update("stock")  ............ commit
    bob           begin   for_update("stock") waits [ goes on with what ann wrote
    cid                   for_update("stock", nowait=True)  error at once
    dan                   for_update("stock", skip_locked=True)  None

A model in the lab's virtual time, for tasks (minidis/drivers/simulation/tasks.py): what a transaction wrote
is seen when it commits; a rollback, or the loss of its connection, undoes it and lets the lock go, in one
step, because lock and data are in one place. Whoever closes a circle of waiters is sent home.

Mirrors: PostgreSQL's row locks. Differs: one table of rows by name; a deadlock is found at once (there after
deadlock_timeout, 1 s); no isolation levels beside READ COMMITTED.

Read next: notebooks/16_locks.ipynb, where SQLite's own lock stands beside it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from minidis.client.lab import Lab
from minidis.drivers.simulation.standins import current_task
from minidis.drivers.simulation.tasks import Task


class LockNotAvailable(Exception):
    """FOR UPDATE NOWAIT, or lock_timeout: somebody else has the row."""


class Deadlock(Exception):
    """This transaction waits for one that waits for it."""


@dataclass
class _Row:
    value: Any
    holder: Transaction | None = None
    queue: deque[Transaction] = field(default_factory=deque)


class RowDatabase:
    """Rows by name. `log` has (time_s, who, what) of every step."""

    def __init__(self, lab: Lab, **rows: Any) -> None:
        self.lab = lab
        self.rows = {name: _Row(value) for name, value in rows.items()}
        self.log: list[tuple[float, str, str]] = []
        self.transactions: list[Transaction] = []

    def begin(self) -> Transaction:
        """A transaction of the task that calls."""
        task = current_task()
        if task is None:
            raise RuntimeError("begin() belongs into a task of the lab")
        transaction = Transaction(self, task)
        self.transactions.append(transaction)
        return transaction

    def value(self, row: str) -> Any:
        """What is committed: a plain SELECT, which no lock stops."""
        return self.rows[row].value

    def connection_lost(self, machine: str) -> None:
        """The server has noticed that a client is gone: its transactions are rolled back."""
        for transaction in [one for one in self.transactions if one.who == machine]:
            transaction.rollback("connection lost: rolled back")

    def note(self, who: str, what: str) -> None:
        self.log.append((round(self.lab.now_s, 2), who, what))

    def __repr__(self) -> str:
        return "\n".join(f"{at_s:7.2f} s  {who:6} {what}" for at_s, who, what in self.log)


class Transaction:
    """BEGIN ... COMMIT; used as `with database.begin() as transaction:`, where an error rolls back."""

    def __init__(self, database: RowDatabase, task: Task) -> None:
        self.database, self.task, self.who = database, task, task.machine.name
        self.written: dict[str, Any] = {}
        self.watchers: list[Task] = []
        self.over = False

    def for_update(
        self, row: str, nowait: bool = False, skip_locked: bool = False, timeout_s: float | None = None
    ) -> Any:
        """The row's value, locked until the end; None for a row that is skipped.

        Raises LockNotAvailable (nowait, or no lock within `timeout_s`) and Deadlock.
        """
        held = self.database.rows[row]
        if held.holder not in (None, self) or (held.holder is None and held.queue):
            if skip_locked:
                self._note(f"FOR UPDATE SKIP LOCKED: {row} is skipped")
                return None
            if nowait:
                self._note(f"FOR UPDATE NOWAIT: could not obtain lock on {row}")
                raise LockNotAvailable(row)
            self._queue_for(row, held, timeout_s)
        held.holder = self
        self._note(f"has {row} FOR UPDATE")
        return self.written.get(row, held.value)

    def _queue_for(self, row: str, held: _Row, timeout_s: float | None) -> None:
        if self._closes_a_circle(held):
            self._note(f"deadlock detected at {row}")
            self.rollback()
            raise Deadlock(row)
        held.queue.append(self)
        self._note(f"waits for {row}")
        try:
            if not self.task.wait(
                lambda: held.holder is None and held.queue[0] is self, timeout_s, self.watchers
            ):
                self._note(f"lock_timeout at {row}")
                raise LockNotAvailable(row)
        finally:
            held.queue.remove(self)

    def _closes_a_circle(self, held: _Row) -> bool:
        waits_for = {
            waiting: row.holder for row in self.database.rows.values() for waiting in row.queue if row.holder
        }
        holder = held.holder
        while holder is not None:
            if holder is self:
                return True
            holder = waits_for.get(holder)
        return False

    def update(self, row: str, value: Any) -> None:
        """UPDATE: takes the row's lock, too."""
        if self.database.rows[row].holder is not self:
            self.for_update(row)
        self.written[row] = value

    def commit(self) -> None:
        """What was written is seen, and the locks are free."""
        self._check_open()
        for row, value in self.written.items():
            self.database.rows[row].value = value
        self._end("COMMIT" + "".join(f", {row} = {value}" for row, value in self.written.items()))

    def rollback(self, why: str = "ROLLBACK") -> None:
        """What was written never was, and the locks are free."""
        if not self.over:
            self._end(why)

    def _check_open(self) -> None:
        if self.over:
            raise RuntimeError("the transaction is over: its connection was lost")

    def _end(self, why: str) -> None:
        self.over = True
        self.database.transactions.remove(self)
        self._note(why)
        for row in self.database.rows.values():
            if row.holder is self:
                row.holder = None
            for waiting in row.queue:
                waiting.task.wake()

    def _note(self, what: str) -> None:
        self.database.note(self.who, what)

    def __enter__(self) -> Transaction:
        return self

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()
