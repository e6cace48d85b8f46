"""The command line of `minidis-cluster`.  That it makes a cluster: tests/interop/test_redis_py_cluster.py."""

from __future__ import annotations

import asyncio
import socket

import pytest

from minidis.cluster import Plan, main, read
from minidis.drivers.cluster_servers import ClusterServers, free_ports
from minidis.drivers.server import ListenError


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


def test_a_bus_that_cannot_listen_keeps_the_node_from_starting(tmp_path):
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bus_port = taken.getsockname()[1]
        servers = ClusterServers([port], str(tmp_path), bus_ports=[bus_port])
        with pytest.raises(ListenError, match=f"Failed listening on port {bus_port} \\(cluster\\), aborting"):
            asyncio.run(servers.start())


def test_a_port_that_leaves_no_room_for_the_bus(capsys):
    from minidis.server import main as server_main

    assert server_main(["--cluster-enabled", "yes", "--port", "60000"]) == 1
    assert "Your Redis port number must be 55535 or less" in capsys.readouterr().err
