"""What the server listens on: sockets that come and go while it runs.

    bind 127.0.0.1 -::1        addresses; "-": leave it out if this machine has it not; "": none at all
    port 6379                  a socket for each address; 0: none
    tls-port 6380              the same, with TLS
    unixsocket /run/redis.sock

CONFIG SET bind, port and tls-port close the former sockets and open others. A socket is bound at once, so
that the reply can say whether that went well; if it did not, the former values come back, and so do their
sockets. Clients that are connected notice nothing.

Other certificates (CONFIG SET tls-cert-file and its kin) are shown to whoever connects from then on: a copy
of the listening socket goes on with them, and nobody is refused meanwhile.

Mirrors: listenToPort, changeBindAddr, changeListenPort in server.c; anet.c (anetTcpServer).
Complexity: O(addresses).
Read next: server.py.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import stat
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from minidis.drivers.log import Log
from minidis.drivers.tls import TlsError, check_tls, server_context
from minidis.engine.settings.config import Config, ConfigError

_NO_SUCH_FAMILY = frozenset(
    (errno.ENOPROTOOPT, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT, errno.EPFNOSUPPORT, errno.EAFNOSUPPORT)
)
"""A machine without IPv6, say, is asked for one of its addresses: it is left out."""

_ANY = {"*": "0.0.0.0", "::*": "::"}


class ListenError(OSError):
    """No address to listen on could be had."""


class Listeners:
    """All that a server listens on; `accept` makes the protocol of a new connection."""

    def __init__(self, config: Config, log: Log, accept: Callable[[], asyncio.Protocol]) -> None:
        self.config = config
        self.log = log
        self.accept = accept
        self.by_kind: dict[str, list[asyncio.Server]] = {"tcp": [], "tls": [], "unix": []}
        self._unix_path = ""

    def __iter__(self) -> Iterator[asyncio.Server]:
        for listeners in self.by_kind.values():
            yield from listeners

    # -- from the start to the end ----------------------------------------------------------------

    def open(self) -> None:
        """Listen on all that the configuration names.  Raises ListenError."""
        config = self.config
        try:
            check_tls(config)
        except TlsError as error:
            self.log.warning(str(error))
            raise ListenError("Failed to configure TLS. Check logs for more info.") from None
        for kind, port in self._ports.items():
            try:
                self._open_port(kind)
            except OSError:
                raise ListenError(f"Failed listening on port {port} ({kind}), aborting.") from None
        if config.unixsocket:
            self._open_unix(config.unixsocket, config.unixsocketperm)

    def open_at(self, host: str, port: int) -> int:
        """Listen at one address, whatever the configuration says; the port.  Raises ListenError."""
        try:
            bound = _bind(host, port, self.config.tcp_backlog)
        except OSError as error:
            raise ListenError(f"Failed listening on port {port} (tcp), aborting: {error.strerror}") from None
        self._serve("tcp", bound)
        return bound.getsockname()[1]

    def close(self) -> None:
        """Listen no more."""
        for kind in self.by_kind:
            self._close(kind)
        if self._unix_path and os.path.exists(self._unix_path):
            os.unlink(self._unix_path)

    def _close(self, kind: str) -> None:
        listeners, self.by_kind[kind] = self.by_kind[kind], []
        for listener in listeners:
            listener.close()

    # -- CONFIG SET -------------------------------------------------------------------------------

    def config_changed(self, attributes: list[str]) -> None:
        """Listen on what the configuration says now.  Raises ConfigError if it cannot be had."""
        if "bind" in attributes:
            self._listen_anew("bind", "Failed to bind to specified addresses.", "tcp", "tls")
        for kind, name in (("tcp", "port"), ("tls", "tls_port")):
            if name in attributes:
                reason = "Unable to listen on this port. Check server logs."
                self._listen_anew(name.replace("_", "-"), reason, kind)
        for_tls = [name for name in attributes if name.startswith("tls_") and name != "tls_port"]
        if for_tls:
            self._renew_tls(for_tls[0].replace("_", "-"))

    def _listen_anew(self, directive: str, reason: str, *kinds: str) -> None:
        for kind in kinds:
            self._close(kind)
        try:
            for kind in kinds:
                self._open_port(kind)
        except OSError:
            for kind in kinds:
                self._close(kind)
            raise ConfigError(reason, directive) from None
        except TlsError as error:
            raise self._tls_refusal(error, directive) from None

    def _renew_tls(self, directive: str) -> None:
        try:
            check_tls(self.config)
            if not self.by_kind["tls"]:
                return
            context = server_context(self.config)
        except TlsError as error:
            raise self._tls_refusal(error, directive) from None
        former, self.by_kind["tls"] = self.by_kind["tls"], []
        for listener in former:
            self._serve("tls", socket.socket(fileno=os.dup(listener.sockets[0].fileno())), context)
            listener.close()

    def _tls_refusal(self, error: TlsError, directive: str) -> ConfigError:
        self.log.warning(str(error))
        return ConfigError("Unable to update TLS configuration. Check server logs.", directive)

    def facts(self) -> dict[str, object]:
        """The fields of INFO that say where the server listens."""
        fields: dict[str, object] = {}
        ports = self._ports
        for number, kind in enumerate(("tcp", "unix", "tls")):
            if self.by_kind[kind]:
                addresses = [self._unix_path] if kind == "unix" else self.config.bind.split()
                binds = "".join(f",bind={address}" for address in addresses[: len(self.by_kind[kind])])
                port = f",port={ports[kind]}" if kind in ports else ""
                fields[f"listener{number}"] = f"name={kind}{binds}{port}"
        return fields

    # -- opening ----------------------------------------------------------------------------------

    @property
    def _ports(self) -> dict[str, int]:
        return {"tcp": self.config.port, "tls": self.config.tls_port}

    def _open_port(self, kind: str) -> None:
        """Listen on a port of each address of `bind`: on all or, if one cannot be had (OSError), on none."""
        port = self._ports[kind]
        if not port:
            return
        tls = server_context(self.config) if kind == "tls" else None
        for host in self.config.bind.split():
            is_optional, address = host.startswith("-"), host.removeprefix("-")
            try:
                bound = _bind(_ANY.get(address, address), port, self.config.tcp_backlog)
            except OSError as error:
                self.log.warning(
                    f"Warning: Could not create server {kind.upper()} listening socket {address}:{port}: "
                    f"{error.strerror}"
                )
                if error.errno in _NO_SUCH_FAMILY or (is_optional and error.errno == errno.EADDRNOTAVAIL):
                    continue
                self._close(kind)
                raise
            self._serve(kind, bound, tls)

    def _open_unix(self, path: str, mode: int) -> None:
        if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)  # left by a server that did not end well
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(path)
            if mode:
                os.chmod(path, mode)
            bound.listen(self.config.tcp_backlog)
        except OSError as error:
            bound.close()
            raise ListenError(f"Failed opening Unix socket: bind: {error.strerror}") from None
        self._unix_path = path
        self._serve("unix", bound)

    def _serve(self, kind: str, bound: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Accept from a bound socket."""
        loop = asyncio.get_running_loop()
        create: Callable[..., Coroutine] = loop.create_unix_server if kind == "unix" else loop.create_server
        self.by_kind[kind].append(_at_once(create(self.accept, sock=bound, ssl=tls)))


def _bind(host: str, port: int, backlog: int) -> socket.socket:
    """A listening socket.  Raises OSError, its `strerror` with the step that failed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    address = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][4]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        bound.listen(backlog)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"bind: {error.strerror}") from None
    return bound


def _at_once(creation: Coroutine[Any, Any, asyncio.Server]) -> asyncio.Server:
    """The server that a method of the event loop makes.  Around a socket that is bound there is nothing to
    wait for: at most it gives the loop a turn (a bare yield), which can come later as well."""
    try:
        while True:
            awaited = creation.send(None)
            assert awaited is None, "the event loop waits for something"
    except StopIteration as stop:
        return stop.value
