"""`minidis-server` as a process, for clients that other people wrote."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

import minidis

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(minidis.__file__).parents[1])}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Running:
    """A server that answers."""

    process: subprocess.Popen
    port: int


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """Starts servers, and ends them when the module's tests are done."""
    running: list[Running] = []

    def start_one(*arguments: str) -> Running:
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "minidis", "--port", str(port), "--save", "", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path_factory.mktemp("server"),
            env=ENVIRONMENT,
        )
        running.append(Running(process, port))
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ready to accept connections" in line:
                return running[-1]
        raise AssertionError("".join(lines))

    yield start_one
    for server in running:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="module")
def server(start: Callable[..., Running]) -> Running:
    return start()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates of one authority: a server's, a client's, and its own."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name in ("server", "client"):
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    return folder
