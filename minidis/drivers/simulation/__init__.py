"""The lab: a virtual network, virtual time, and every fault on request.  Read lab.py first.

    lab.py       Lab: nodes, clients, time, faults
    agenda.py    virtual time                    wires.py    connections, latency, partitions
    process.py   a node with its sockets         terminal.py clients and scripts
    record.py    what happened, as text          scenario.py texts that are tests
    search.py    seeds and faults until a promise breaks, shrunk
    tasks.py     blocking Python on machines; turns.py, standins.py and sockets.py are what it stands on

Another kind of node (Sentinel, Cluster) brings its own `make_node` to `Lab.node`, or is a role that the
same node takes on by its commands; peers, timers and faults come with the process."""

from minidis.drivers.simulation.lab import Lab

__all__ = ["Lab"]
