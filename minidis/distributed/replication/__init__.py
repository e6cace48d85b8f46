"""Replication.  Read role.py first."""

from minidis.distributed.replication import commands, failover, information  # noqa: F401  (files them)
from minidis.distributed.replication.role import Replication
from minidis.engine.node import PARTS, Node


def _attach(node: Node) -> None:
    node.replication = Replication(node)


PARTS.append(_attach)
