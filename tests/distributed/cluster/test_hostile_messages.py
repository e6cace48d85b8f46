"""Whatever comes on the bus, from members or strangers, true or not: a node's table holds together."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from minidis.distributed.cluster import messages
from minidis.distributed.cluster.messages import (
    About,
    Extensions,
    Failed,
    Gossip,
    Message,
    Published,
    Updated,
    encode,
)
from minidis.distributed.cluster.slots import ALL_SLOTS
from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.terminal import Terminal

FLAGS = st.integers(0, 0xFFFF)
EPOCHS = st.sampled_from([0, 1, 2, 3, 4, 7, (1 << 64) - 1])
SLOTS = st.sampled_from([0, 1, ALL_SLOTS, ALL_SLOTS >> 1, 1 << 16383])
ADDRESSES = st.sampled_from(["", "10.0.0.1", "10.0.0.2", "10.9.9.9", "no address"])
PORTS = st.sampled_from([0, 6379, 16379, 65535])
NAMES = st.sampled_from([*"abcdef", "stranger", ""])
ENTRIES = st.builds(
    About, NAMES, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), ADDRESSES, PORTS, PORTS, FLAGS, PORTS
)
EXTENSIONS = st.builds(
    Extensions,
    st.sampled_from(["", "h.example"]),
    st.sampled_from(["", "name"]),
    st.lists(st.tuples(NAMES, st.sampled_from([0, 60, 2**63])), max_size=1),
    st.sampled_from(["", "0" * 40]),
)
GOSSIP = st.builds(Gossip.of, st.lists(ENTRIES, max_size=3), EXTENSIONS)
BODIES = {
    messages.PING: GOSSIP,
    messages.PONG: GOSSIP,
    messages.MEET: GOSSIP,
    messages.FAIL: st.builds(Failed, NAMES),
    messages.PUBLISH: st.builds(Published, st.binary(max_size=3), st.binary(max_size=3)),
    messages.UPDATE: st.builds(Updated, NAMES, EPOCHS, SLOTS),
    messages.FAILOVER_AUTH_REQUEST: st.none(),
    messages.FAILOVER_AUTH_ACK: st.none(),
    messages.MFSTART: st.none(),
    99: st.none(),
}


@st.composite
def some_message(draw: st.DrawFn) -> Message:
    number = draw(st.sampled_from(sorted(BODIES)))
    header = (draw(NAMES), draw(EPOCHS), draw(EPOCHS), draw(st.integers(0, 99)), draw(SLOTS), draw(NAMES))
    ports = (draw(PORTS), draw(PORTS), draw(PORTS))
    flags = draw(st.integers(0, 7))
    if number in (messages.PING, messages.PONG, messages.MEET):
        flags |= messages.EXTENSION_DATA
    return Message(
        number,
        *header,
        draw(ADDRESSES),
        *ports,
        draw(FLAGS),
        draw(st.integers(0, 1)),
        flags,
        draw(BODIES[number]),
    )


SENT = st.tuples(some_message(), st.sampled_from("ad"), st.booleans())
"""A message, to whom, and whether over a connection that came in."""


def with_ids(message: Message, ids: dict[str, str]) -> Message:
    """The letters become the names that the nodes of the lab have drawn."""
    message.sender, message.primary = ids.get(message.sender, ""), ids.get(message.primary, "")
    body = message.body
    if isinstance(body, Failed | Updated):
        message.body = body._replace(name=ids.get(body.name, ""))
    elif isinstance(body, Gossip):
        entries = [entry._replace(name=ids.get(entry.name, "")) for entry in body.entries]
        body.section = Gossip.of(entries).section
        body.extensions.forgotten = [(ids.get(name, ""), ttl_s) for name, ttl_s in body.extensions.forgotten]
    return message


@settings(max_examples=5, deadline=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
@given(st.lists(SENT, min_size=5, max_size=20))
def test_no_message_breaks_a_node(sent):
    """Messages to a primary and a replica, over connections that came in and over those they have opened."""
    lab = Lab(1)
    lab.cluster("a b c d e f", config={"cluster-node-timeout": 1000, "hz": 1})
    lab.run("200ms")
    ids = {name: lab[name].cluster.myself.name for name in "abcdef"} | {"stranger": "e" * 40, "": ""}
    strangers = {
        name: Terminal(lab, lab.client_host(f"stranger-{name}"), (lab.processes[name].host.ip, 16379))
        for name in "ad"
    }
    for stranger in strangers.values():
        stranger.parses = False
    for message, target, comes_in in sent:
        packet = encode(with_ids(message, ids))
        cluster = lab[target].cluster
        links = [node.link for node in cluster.state.others() if node.link and node.link.is_open]
        if comes_in or not links:
            if not strangers[target].lost:
                strangers[target].send_bytes(packet)
        else:
            links[0].received(links[0].peer, packet)
        lab.run("20ms")
        cluster.state.check()
    lab.run("3s")
    for name in "abcdef":
        lab[name].cluster.state.check()
        assert lab.call(name, "CLUSTER", "NODES")
