"""What the views of a cluster share: each node's view of all, now or at any time of a lab's history.

    view.held_by_each()["n1"]     a ClusterStanding: what n1 holds of n1, n2, n3 ... at the time looked at

Read next: minidis/drivers/simulation/cluster_standings.py, slot_maps.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.drivers.simulation.cluster_standings import ClusterStanding, cluster_standing
from minidis.drivers.simulation.lab import Lab
from minidis.engine.node import Node
from minidis.notebook.views.labs import LabView
from minidis.notebook.views.view import View


class ClusterView(LabView):
    """A view of a lab's cluster at a time, or of one node that is no lab's, now."""

    def __init__(self, source: Lab | Embedded | Node) -> None:
        self._single: Node | None = None
        if isinstance(source, Lab):
            super().__init__(source)
        else:
            View.__init__(self)
            self._looks_at_us = None
            self._single = source.node if isinstance(source, Embedded) else source
        self._nodes()

    def _nodes(self) -> dict[str, Node]:
        """The nodes that can be looked into, by name.  Raises ValueError where there is no cluster."""
        if self._single is not None:
            if self._single.cluster is None:
                raise ValueError("this node is none of a cluster: it was started without cluster-enabled yes")
            return {"this node": self._single}
        named = {name: process.node for name, process in self.lab.processes.items()}
        nodes = {name: node for name, node in named.items() if node.cluster is not None}
        if not nodes:
            raise ValueError("no node of this lab has cluster-enabled yes: lab.cluster(...) makes some")
        return nodes

    def held_by_each(self) -> dict[str, ClusterStanding]:
        """What each node held at the time looked at; one that was down, what it held last."""
        found = {}
        for name, node in self._nodes().items():
            if self._looks_at_us is None:
                marked = () if self._single is not None else self.lab.record.standings.slots_on_the_way
                held: ClusterStanding | None = cluster_standing(node, marked)
            else:
                held = self.lab.record.standings.cluster_at(name, self._looks_at_us)
            if held is not None:
                found[name] = held
        return found

    def is_running(self, name: str) -> bool:
        """Was it, at the time looked at?"""
        if self._single is not None:
            return True
        if self._looks_at_us is None:
            return self.lab.processes[name].running
        standing = self.lab.record.standings.at(name, self._looks_at_us)
        return standing is not None and standing.state != "down"

    def first_running(self) -> str:
        """The node to look through if nobody says another."""
        nodes = self._nodes()
        return next((name for name in nodes if self.is_running(name)), next(iter(nodes)))

    def name_of(self, identity: str) -> str:
        """A node's name for its 40 digits; "" for nobody."""
        named = {node.cluster.myself.name: name for name, node in self._nodes().items()}
        return named.get(identity, identity[:8])

    def clock(self) -> dict[str, Any]:
        return (
            {"time_s": 0.0, "now_s": 0.0, "is_past": False} if self._single is not None else super().clock()
        )

    def time_controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [] if self._single is not None else super().time_controls(data)
