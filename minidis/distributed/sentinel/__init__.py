"""Sentinel: watches primaries, and puts a replica in the place of one that is down.  Read role.py first.

role.py       turns, events, who is known      state.py      primaries, replicas, other Sentinels
discovery.py  PING, INFO, hello                links.py      connections
detection.py  SDOWN, ODOWN                     election.py   votes and epochs
failover.py   the leader's steps               configuration.py, scripts.py, commands.py, making.py
"""

from minidis.distributed.sentinel.making import make_sentinel
from minidis.distributed.sentinel.role import Sentinel

__all__ = ["Sentinel", "make_sentinel"]
