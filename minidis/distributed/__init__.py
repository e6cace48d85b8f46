"""Roles that a node plays in among others: replica and primary, Sentinel, Cluster.

Importing this package files their commands, and gives every node that is made from then on its part in
replication and Cluster. A Sentinel is made by who imports `minidis.distributed.sentinel`.
Read next: replication/role.py.
"""

import minidis.scripting  # noqa: F401  (the commands of the rooms below first)
from minidis.distributed import cluster, migration, replication  # noqa: F401
