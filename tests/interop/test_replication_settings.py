"""What redis.conf says of replication, what INFO tells of it, and replication by TLS; beside real servers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from tests.differential.servers import ENVIRONMENT, Judge, available_judges
from tests.interop.instances import Instance, free_port, tls_options, until

JUDGES = available_judges()
REDIS = [judge for judge in JUDGES if judge.name.startswith("redis")]
by_judge = pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)


Start = Callable[..., Instance]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers, real ones or (None) ours, and stops them after the test."""
    started: list[Instance] = []

    def start_one(judge: Judge | None, **options: object) -> Instance:
        started.append(Instance(judge, **options))
        return started[-1]

    yield start_one
    for instance in started:
        instance.stop()


@pytest.mark.parametrize("judge", REDIS, ids=lambda judge: judge.name)
@pytest.mark.parametrize(
    "line",
    ["replicaof a", "replicaof a b", "replicaof a 70000", "slaveof a -1", "slaveof", "replicaof a 1 x"],
)
def test_a_malformed_primary_is_refused_at_the_start(judge: Judge, line: str, tmp_path: Path) -> None:
    """In the words of Redis, with the number of the line."""
    path = tmp_path / "redis.conf"
    path.write_text(f"port 0\n{line}\n")

    def said(*command: str) -> list[str]:
        ended = subprocess.run(
            [*command, str(path)], capture_output=True, text=True, timeout=30, env=ENVIRONMENT, cwd=tmp_path
        )
        assert ended.returncode == 1
        lines = (ended.stdout + ended.stderr).strip().splitlines()
        return lines[next(n for n, text in enumerate(lines) if text.startswith("Reading the")) :]

    assert said(sys.executable, "-m", "minidis") == said(str(judge.binary))


@by_judge
def test_no_one_is_nobody(start: Start, judge: Judge) -> None:
    for server in (start(judge, replicaof="no one"), start(None, replicaof="no one")):
        assert server.info()["role"] == "master"
        assert server.client.config_get("replicaof") == {"replicaof": ""}


@pytest.mark.parametrize("judge", REDIS, ids=lambda judge: judge.name)
def test_info_has_the_fields_of_a_real_server(start: Start, judge: Judge) -> None:
    """Name by name, in order: of a primary, of a replica, and of one whose primary is gone."""

    def seen(kind: Judge | None) -> dict[str, list[str]]:
        primary = start(kind, min_replicas_to_write=1)
        replica = start(kind, replicaof=f"127.0.0.1 {primary.port}")
        until(lambda: primary.info().get("slave0", {}).get("state") == "online")
        replica.wait_for_link()
        names = {"primary": field_names(primary), "replica": field_names(replica)}
        primary.kill()
        until(lambda: replica.info()["master_link_status"] == "down")
        return names | {"replica whose primary is gone": field_names(replica)}

    assert seen(None) == seen(judge)


def field_names(server: Instance) -> list[str]:
    """Those of INFO replication, and what stands in a line about a replica."""
    text = server.call("INFO", "replication").decode()
    fields = [line.partition(":")[::2] for line in text.splitlines() if ":" in line]
    inner = [value for name, value in fields if name.startswith("slave0")]
    return [name for name, _ in fields] + [
        pair.partition("=")[0] for value in inner for pair in value.split(",")
    ]


@pytest.mark.parametrize("judge", REDIS, ids=lambda judge: judge.name)
@pytest.mark.parametrize("ours", ["primary", "replica", "both"])
def test_replication_by_tls(start: Start, judge: Judge, ours: str, certificates: Path) -> None:
    """The primary asks for a certificate, and the replica shows its own."""
    options = {**tls_options(certificates), "tls_replication": "yes", "tls_auth_clients": "yes"}
    tls_port = free_port()
    primary = start(None if ours != "replica" else judge, tls_port=tls_port, **options)
    replica = start(None if ours != "primary" else judge, replicaof=f"127.0.0.1 {tls_port}", **options)
    replica.wait_for_link()
    primary.client.set("k", b"x" * 200_000)
    until(lambda: replica.client.get("k") == b"x" * 200_000, "the write arrives")
    assert replica.digest() == primary.digest()


def test_a_primary_that_is_not_believed(start: Start, certificates: Path, tmp_path: Path) -> None:
    """A certificate of another authority: the reason stands in the log, nothing is sent in the clear."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    options = tls_options(certificates)
    tls_port = free_port()
    start(None, tls_port=tls_port, tls_auth_clients="no", **options)
    replica = start(None, tls_replication="yes", **{**options, "tls_ca_cert_file": f"{tmp_path}/other.pem"})
    replica.client.execute_command("REPLICAOF", "127.0.0.1", tls_port)
    until(lambda: b"certificate verify failed" in replica.log_path.read_bytes(), "the reason is told")
    assert replica.info()["master_link_status"] == "down"


def test_tls_without_certificates_ends_the_start(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "minidis", "--port", str(free_port()), "--tls-replication", "yes"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=30, env=ENVIRONMENT, cwd=tmp_path)
    assert ended.returncode == 1 and "No tls-cert-file configured!" in ended.stdout
