"""redis-py on a node in this process: `minidis.connect()` is a `redis.Redis`.

Nothing of redis-py is imitated: its methods, pool, pipelines, locks, Pub/Sub and response callbacks run as
always. Only what a network needs is left out where there is none, and where there is nothing unusual::

    redis.Redis -> ConnectionPool -> InProcessConnection -> Session -> Embedded -> Node
         |                            redis-py's bytes       bytes       values     |
         +----------------------- direct.py: words and values ----------------------+

>>> import minidis
>>> redis = connect(minidis.Embedded(seed=1), decode_responses=True)
>>> redis.set("greeting", "hello"), redis.get("greeting")
(True, 'hello')
>>> with redis.pipeline() as pipe:
...     pipe.incr("visits").incrby("visits", 9).execute()
[1, 10]

Read next: session.py (the server's side of a connection), sync.py and asynchronous.py, then direct.py.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import redis
import redis.asyncio

from minidis.client.asynchronous import AsyncInProcessConnection
from minidis.client.direct import ConnectionPool, Redis
from minidis.client.sync import InProcessConnection
from minidis.drivers.embedded import Embedded

__all__ = ["connect", "connect_async"]


def connect(
    node: Embedded | None = None, *, decode_responses: bool = False, protocol: int = 2, **options: Any
) -> redis.Redis:
    """A `redis.Redis` whose server is `node` (None: the node that this process shares).

    `protocol` is 2 or 3; `options` are those of `redis.Redis`. Unlike there, `socket_timeout` is None unless
    given: a blocking command waits as long as it says.
    """
    pool_options = _pool_options(redis.Redis, node, decode_responses, protocol, options)
    pool = ConnectionPool(connection_class=InProcessConnection, **pool_options)
    return Redis.from_pool(pool)


def connect_async(
    node: Embedded | None = None, *, decode_responses: bool = False, protocol: int = 2, **options: Any
) -> redis.asyncio.Redis:
    """A `redis.asyncio.Redis` whose server is `node`; the arguments are those of `connect`."""
    pool_options = _pool_options(redis.asyncio.Redis, node, decode_responses, protocol, options)
    pool = redis.asyncio.ConnectionPool(connection_class=AsyncInProcessConnection, **pool_options)
    return redis.asyncio.Redis.from_pool(pool)


def _pool_options(
    client_class: type, node: Embedded | None, decode_responses: bool, protocol: int, options: dict[str, Any]
) -> dict[str, Any]:
    """What redis-py itself would hand to its pool: it fills in its own defaults, which change by version."""
    if node is None:
        from minidis.drivers.embedded import default_node

        node = default_node()
    options = {"socket_timeout": None, "max_connections": None, **options}
    settings = {"decode_responses": decode_responses, "protocol": protocol, **options}
    try:
        found = _known_options(client_class, tuple(settings.items()))
    except TypeError:  # an option that cannot be hashed
        found = _known_options.__wrapped__(client_class, tuple(settings.items()))
    return {**found, "node": node, "max_connections": options["max_connections"]}


@lru_cache
def _known_options(client_class: type, settings: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Worked out once: for each client, redis-py would read its package's metadata for milliseconds."""
    template = client_class(unix_socket_path="minidis", **dict(settings))
    return template.connection_pool.connection_kwargs
