"""The command line of `minidis-cluster`.  That it makes a cluster: tests/interop/test_redis_py_cluster.py."""

from __future__ import annotations

import pytest

from minidis.cluster import Plan, main, read


def test_the_defaults_are_three_primaries_with_a_replica_each():
    assert read([]) == Plan(list(range(7000, 7006)), 1, ".", {})
    assert read(["8000", "--replicas", "0", "--dir", "/x"]) == Plan([8000, 8001, 8002], 0, "/x", {})


@pytest.mark.parametrize(
    "words, said",
    [
        (["--primaries", "2"], "4 nodes with 1 replicas each make 2 primaries"),
        (["x"], "first-port must be a number, not 'x'"),
        (["--replicas"], "--replicas needs a value"),
        (["--replicas", "-1"], "--replicas must be a number, not '-1'"),
        (["55535"], "port 55540 is too high: the bus listens 10000 above it"),
        (["--no-such", "1"], "Bad directive or wrong number of arguments"),
    ],
)
def test_what_cannot_be_is_said(words, said, capsys):
    assert main(words) == 1
    assert said in capsys.readouterr().err


def test_help(capsys):
    assert main(["--help"]) == 0
    assert "--primaries" in capsys.readouterr().out
