"""The bus over TLS: a real server and ours, each with a certificate of the same authority."""

from __future__ import annotations

import pytest
import trustme

from tests.differential.servers import available_judges
from tests.interop.instances import Instance, free_port, running, until

REDIS = [judge for judge in available_judges() if judge.name == "redis-7.0"]


@pytest.mark.parametrize("judge", REDIS, ids=lambda judge: judge.name)
def test_a_real_node_and_ours_meet_over_tls(judge, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    options = {
        "cluster-enabled": "yes",
        "tls-cluster": "yes",
        "tls-cert-file": tmp_path / "cert.pem",
        "tls-key-file": tmp_path / "key.pem",
        "tls-ca-cert-file": tmp_path / "ca.pem",
    }
    ports = [(free_port(), free_port()) for _ in range(2)]
    nodes = [
        Instance(one, **options, **{"tls-port": tls_port, "cluster-port": bus_port})
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
