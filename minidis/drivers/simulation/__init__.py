"""The lab: a virtual network, virtual time, and every fault on request.  Read lab.py first."""
