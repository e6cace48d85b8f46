"""Chapter 16's row locks and a real PostgreSQL: two sessions, one row, the same answers."""

from __future__ import annotations

import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from minidis import Lab
from minidis.course.models import postgres
from minidis.course.models.row_locks import LockNotAvailable, RowDatabase

PATIENCE_S = 60


@pytest.fixture(scope="module")
def source() -> Iterator[str]:
    """The data source of a server of this module's own, on a unix socket."""
    programs = program_folder()
    if programs is None:
        pytest.skip("no PostgreSQL on this machine (Debian: postgresql)")
    psycopg = pytest.importorskip("psycopg")
    # pytest's own folders are closed to others, and PostgreSQL refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="minidis-postgres-"))
    owner: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    if owner:
        shutil.chown(folder, **owner)
    quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **owner}
    data, name = folder / "data", f"host={folder} user=postgres dbname=postgres"
    server = None
    try:
        init = [programs / "initdb", "--auth=trust", "--no-sync", "--username=postgres", data]
        subprocess.run(init, timeout=PATIENCE_S, check=True, **quiet)
        options = ["-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        server = subprocess.Popen([programs / "postgres", "-D", data, *options], **quiet)
        limit_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                psycopg.connect(name).close()
                break
            except psycopg.OperationalError:
                assert server.poll() is None and time.monotonic() < limit_s, "PostgreSQL did not start"
                time.sleep(0.05)
        yield name
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)  # at once, without a last checkpoint
            server.wait(PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)


def program_folder() -> Path | None:
    """Where PostgreSQL's programs are; Debian keeps them out of the path."""
    found = shutil.which("initdb") or max(glob.glob("/usr/lib/postgresql/*/bin/initdb"), default=None)
    return Path(found).resolve().parent if found else None


def in_the_model() -> list[str]:
    """What `postgres.for_update` does, in the lab."""
    lab = Lab(seed=1)
    database = RowDatabase(lab, stock=10)
    said: list[str] = []

    def attempt(what: str, **how: Any) -> Callable[[], None]:
        def job() -> None:
            transaction = database.begin()
            try:
                amount = transaction.for_update("stock", **how)
                said.append(f"{what}: {[] if amount is None else [(amount,)]}")
            except LockNotAvailable as error:
                said.append(f"{what}: {type(error).__name__}")
            if what.startswith("ann"):
                transaction.update("stock", 0)
            else:
                transaction.rollback()

        return job

    lab.machine("ann").spawn(attempt("ann, FOR UPDATE"))
    bob = lab.machine("bob")
    bob.spawn(attempt("bob, NOWAIT", nowait=True), after=1)
    bob.spawn(attempt("bob, SKIP LOCKED", skip_locked=True), after=2)
    bob.spawn(attempt("bob, lock_timeout 200 ms", timeout_s=0.2), after=3)
    lab.run("4s")
    lab.kill("ann")
    database.connection_lost("ann")
    bob.spawn(attempt("bob, after ann's connection is gone"))
    lab.run("1s")
    return said


def test_the_model_of_chapter_16_answers_as_a_real_server(source: str) -> None:
    assert postgres.for_update(source) == in_the_model()


def test_without_a_source_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(postgres.VARIABLE, raising=False)
    assert postgres.dsn() is None
    monkeypatch.setenv(postgres.VARIABLE, "host=here")
    assert postgres.dsn() == "host=here"
