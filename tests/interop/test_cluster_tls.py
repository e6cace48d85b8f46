"""The bus over TLS: a real server and ours, with one certificate."""

from __future__ import annotations

import pytest

from tests.differential.servers import available_judges
from tests.interop.instances import Instance, free_port, running, tls_options, until

REDIS = [judge for judge in available_judges() if judge.name == "redis-7.0"]


@pytest.mark.parametrize("judge", REDIS, ids=lambda judge: judge.name)
def test_a_real_node_and_ours_meet_over_tls(judge, certificates):
    options = {**tls_options(certificates), "cluster_enabled": "yes", "tls_cluster": "yes"}
    ports = [(free_port(), free_port()) for _ in range(2)]
    nodes = [
        Instance(one, tls_port=tls_port, cluster_port=bus_port, **options)
        for one, (tls_port, bus_port) in zip((judge, None), ports, strict=True)
    ]
    with running(*nodes) as (theirs, ours):
        theirs.call("CLUSTER", "MEET", "127.0.0.1", *ports[1])

        def states(node: Instance) -> list[str]:
            rows = [line.split() for line in node.call("CLUSTER", "NODES").decode().splitlines()]
            return sorted(row[2] for row in rows if row[7] == "connected")

        for node in (theirs, ours):
            until(lambda node=node: states(node) == ["master", "myself,master"], f"{node.name} knows both")
        heard = ours.client.pubsub()
        heard.subscribe("news")
        until(lambda: heard.get_message(timeout=1), "subscribed")

        def is_heard() -> object:
            theirs.call("PUBLISH", "news", "hello")  # again and again: links may still change
            return heard.get_message(timeout=1)

        assert until(is_heard, "it is heard")["data"] == b"hello"
        heard.close()
