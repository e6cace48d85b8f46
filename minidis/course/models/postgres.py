"""SELECT ... FOR UPDATE on a real PostgreSQL, where somebody has one: MINIDIS_POSTGRES_DSN names it.

    MINIDIS_POSTGRES_DSN="postgresql://me@localhost/test" jupyter lab

Makes one temporary schema and drops it again.  Needs psycopg (3).  Without a DSN nothing is imported.

Read next: row_locks.py, the same in the lab's virtual time.
"""

from __future__ import annotations

import os
from typing import Any

VARIABLE = "MINIDIS_POSTGRES_DSN"
SCHEMA = "minidis_for_update"


def dsn() -> str | None:
    """The data source that the reader has named, or None."""
    return os.environ.get(VARIABLE) or None


def for_update(source: str) -> list[str]:
    """What two sessions see of one row: NOWAIT, SKIP LOCKED, lock_timeout, and the end of a connection."""
    import psycopg

    said: list[str] = []

    def attempt(session: Any, what: str, query: str) -> None:
        try:
            said.append(f"{what}: {session.execute(query).fetchall()}")
        except psycopg.Error as error:
            said.append(f"{what}: {type(error).__name__}")
            session.rollback()

    with psycopg.connect(source, autocommit=True) as admin:
        admin.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        admin.execute(f"CREATE SCHEMA {SCHEMA}")
        try:
            admin.execute(f"CREATE TABLE {SCHEMA}.stock AS SELECT 1 AS id, 10 AS amount")
            row = f"SELECT amount FROM {SCHEMA}.stock WHERE id = 1 FOR UPDATE"
            ann, bob = psycopg.connect(source), psycopg.connect(source)
            attempt(ann, "ann, FOR UPDATE", row)
            attempt(bob, "bob, NOWAIT", f"{row} NOWAIT")
            attempt(bob, "bob, SKIP LOCKED", f"{row} SKIP LOCKED")
            bob.execute("SET LOCAL lock_timeout = '200ms'")
            attempt(bob, "bob, lock_timeout 200 ms", row)
            ann.execute(f"UPDATE {SCHEMA}.stock SET amount = 0")
            ann.close()  # without a commit: lock and change go together
            attempt(bob, "bob, after ann's connection is gone", row)
            bob.close()
        finally:
            admin.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    return said
