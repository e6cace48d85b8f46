"""Cluster: 16384 slots among many nodes.  Read slots.py and state.py first.

slots.py      keys -> slots, sets of slots     state.py      what a node knows of the others
messages.py   what is said on the bus
"""
