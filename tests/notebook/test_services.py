"""Servers that are found by Sentinels, or started for the reader."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.notebook.service_targets import SentinelTarget, ValkeyTarget
from minidis.notebook.session import Session
from minidis.notebook.targets import TargetError
from tests.interop.instances import free_port, until
from tests.interop.test_sentinel import agreed_port, deployment
from tests.interop.watchers import NAME


def test_the_primary_that_the_sentinels_name_before_and_after_a_failover() -> None:
    with deployment("rr", "r") as ((primary, replica), (watcher,)):
        session = Session(Embedded(clock=0, seed=1))
        nobody = f"127.0.0.1:{free_port()}"
        target = session.connect(f"redis+sentinel://{nobody},127.0.0.1:{watcher.port}/{NAME}")
        assert isinstance(target, SentinelTarget) and target.primary_address()[1] == primary.port
        assert session.run("SET k before").value == "OK"
        until(lambda: replica.call("GET", "k") == b"before", "the replica has it")
        until(lambda: watcher.call("FAILOVER", NAME) in (b"OK", "OK"), "the Sentinel begins a failover")
        agreed_port((watcher,), primary.port)

        def writes_there() -> bool:  # the former primary takes writes until it is told
            return session.run("SET k after").value == "OK" and replica.call("GET", "k") == b"after"

        until(writes_there, "the cell reaches the new primary")


def test_addresses_that_cannot_be() -> None:
    with pytest.raises(TargetError, match="which service"):
        SentinelTarget("redis+sentinel://localhost:26379")
    with pytest.raises(TargetError, match="no list of addresses"):
        SentinelTarget("redis+sentinel://localhost:port/mymaster")
    target = SentinelTarget(f"redis+sentinel://user:secret@127.0.0.1:{free_port()}/mymaster/2")
    with pytest.raises(TargetError, match="Could not find mymaster") as refused:
        target.connect("redis")
    assert "secret" not in str(refused.value)


def test_a_valkey_of_ones_own() -> None:
    session = Session(Embedded(clock=0, seed=1))
    target = session.connect("valkey")
    assert isinstance(target, ValkeyTarget)
    try:
        assert session.run("FLUSHALL\nSET k v\nGET k").values == [
            "OK",
            "OK",
            b"v",
        ]  # nobody else's: not asked
        assert "valkey_version" in str(session.run("INFO server").panel)
    finally:
        target.close()
