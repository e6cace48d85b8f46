"""A shop's database: SQLite in memory, which outlives its connections as a file outlives processes.

    shop = Shop()
    db = shop.connect()                    a plain sqlite3.Connection; a process's own
    db.close()                             with whatever it had not committed: what a crash does

    orders (name TEXT PRIMARY KEY, amount INTEGER)
    outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, amount INTEGER, sent INTEGER DEFAULT 0)

>>> with Shop() as shop:
...     db = shop.connect()
...     _ = db.execute("INSERT INTO orders VALUES ('a', 5)")
...     db.close()
...     shop.orders()
{}

Read next: notebooks/17_idempotency.ipynb.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

SCHEMA = """
CREATE TABLE orders (name TEXT PRIMARY KEY, amount INTEGER);
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, amount INTEGER, sent INTEGER DEFAULT 0
);
"""

_numbers = itertools.count(1)


class Shop:
    """The database. It lasts until `close()`."""

    def __init__(self) -> None:
        self._address = f"file:minidis-shop-{next(_numbers)}?mode=memory&cache=shared"
        self._own = self.connect()
        self._own.executescript(SCHEMA)

    def connect(self) -> sqlite3.Connection:
        """A connection for any thread: the lab's tasks have threads of their own."""
        import sqlite3  # a browser's Python has it in a package of its own

        return sqlite3.connect(self._address, uri=True, check_same_thread=False)

    def orders(self) -> dict[str, int]:
        """What is committed: amounts by order, in the order of their coming."""
        return dict(self._own.execute("SELECT name, amount FROM orders ORDER BY rowid"))

    def unsent(self) -> int:
        """How many events of the outbox are still to be sent."""
        return self._own.execute("SELECT count(*) FROM outbox WHERE sent = 0").fetchone()[0]

    def close(self) -> None:
        self._own.close()

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
