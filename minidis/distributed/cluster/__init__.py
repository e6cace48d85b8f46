"""Cluster: 16384 slots among many nodes.  Read role.py first.

role.py         turns, roles, ok or not         slots.py        keys -> slots, sets of slots
state.py        what a node knows of the others key_index.py    slots -> keys
redirection.py  MOVED, ASK and their kin        nodes_conf.py   the file
commands.py, replies.py: CLUSTER

bus.py          ten times a second; sending     messages.py     what is said, as bytes
links.py        connections                     receiving.py    what is made of a message
gossip.py       news of others                  detection.py    PFAIL, FAIL
ownership.py    who serves a slot               election.py     votes, and the winner
annotation.py   messages in words               manual_failover.py, replica_migration.py
"""

from minidis.distributed.cluster import commands, information  # noqa: F401  (files them)
from minidis.engine.node import PARTS, Node


def _attach(node: Node) -> None:
    if node.config.cluster_enabled and node.sentinel is None:
        from minidis.distributed.cluster.role import Cluster  # here: with the bus and all, for who is in one

        node.cluster = Cluster(node)
        node.memory.add_part("cluster.links", lambda: information.links_bytes(node))


PARTS.append(_attach)
