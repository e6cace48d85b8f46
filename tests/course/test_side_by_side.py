"""One job for several servers: where there are no processes, on a machine of the lab."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import nbformat
import pytest
import redis as redis_py

from minidis.course.models import side_by_side
from minidis.course.models.side_by_side import in_the_lab
from tests.house.paths import NOTEBOOKS, short


def test_threads_sockets_and_time_of_a_job_are_virtual() -> None:
    said: list[object] = []
    silences_s: list[float] = []

    def job(name: str, redis: redis_py.Redis) -> None:
        port = redis.connection_pool.connection_kwargs["port"]
        pool = redis_py.BlockingConnectionPool(port=port, max_connections=3, timeout=60)
        client = redis_py.Redis(connection_pool=pool)
        threads = [threading.Thread(target=client.incr, args=("n",)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        redis.config_set("timeout", 1)
        begun = time.monotonic()
        with socket.create_connection(("localhost", port)) as idle:
            idle.sendall(b"PING\r\n")
            said.extend([name, redis.get("n"), len(pool._connections), idle.recv(100), idle.recv(100)])
        silences_s.append(time.monotonic() - begun)

    in_the_lab(job)
    assert said == ["minidis (lab)", b"12", 3, b"+PONG\r\n", b""]
    assert 1 < silences_s[0] < 2.1  # the server looks for the idle once a second


def test_what_a_job_raises_comes_out() -> None:
    with pytest.raises(redis_py.ResponseError, match="value is not an integer"):
        in_the_lab(lambda name, redis: redis.set("k", "x") and redis.incr("k"))


def cells_side_by_side(path: Path) -> list[str]:
    """The cells of a chapter that run a job on several servers."""
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code" and "\nside_by_side(" in cell.source]


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if cells_side_by_side(path)], ids=short)
def test_the_jobs_of_the_chapters_run_where_there_are_no_processes(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(side_by_side, "side_by_side", in_the_lab)
    names = {"redis_py": redis_py}
    for source in cells_side_by_side(path):
        exec(source, names)
        assert "minidis (lab)" in capsys.readouterr().out
