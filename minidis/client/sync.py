"""redis-py's connection, without a network: its "socket" is a `Session` in this process.

Only the socket is replaced, so that all of redis-py's own code stays in use. Reading from it waits where
there is nothing to read yet (BLPOP, a subscriber's `listen`), until another thread's command brings the
reply, the timeout is over, or Ctrl-C.

Read next: asynchronous.py, the same for asyncio.
"""

from __future__ import annotations

import errno
from typing import Any

from redis._parsers import _HiredisParser, _RESP2Parser
from redis.connection import PythonRespSerializer, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.utils import HIREDIS_AVAILABLE

from minidis.client.session import Session
from minidis.client.values import converters, unchanged
from minidis.drivers.embedded import Embedded
from minidis.drivers.virtual_socket import VirtualSocket


class InProcessSocket(VirtualSocket):
    """The methods of a socket that redis-py calls."""

    def __init__(self, embedded: Embedded) -> None:
        self.session = Session(embedded)

    def sendall(self, data: bytes) -> None:
        """Raises BrokenPipeError, which redis-py makes a ConnectionError, when the server has hung up."""
        if self.session.closing:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        self.session.receive(bytes(data))

    def recv(self, most_bytes: int) -> bytes:
        """What is there; waits for it as long as the timeout allows. b"" when the server has hung up."""
        session = self.session
        session.was_read = True
        session.collect()
        while not (data := session.take_output(most_bytes)):
            if session.closing:
                return b""
            if self._timeout_s == 0:
                raise BlockingIOError(errno.EWOULDBLOCK, "no data yet")
            try:
                session.send(session.embedded.wait(session.client, self._timeout_s))
            except ConnectionError:
                return b""
            session.collect()
        return data

    def close(self) -> None:
        self.session.hang_up()


class InProcessHiredisParser(_HiredisParser):
    """redis-py's parser in C. It would poll a file descriptor to see what there is; this one reads."""

    def can_read(self, timeout: float = 0) -> bool:
        if self._reader is None:
            raise RedisConnectionError("Connection closed by server.")
        return self._reader.has_data() or self.read_from_socket(timeout=timeout, raise_on_timeout=False)


class InProcessConnection(UnixDomainSocketConnection):
    """A connection of redis-py to a node in this process."""

    plain_session: Session | None = None
    """Where the words of a client in this process may go straight to (direct.py); None: by bytes alone."""

    def __init__(self, node: Embedded, **options: Any) -> None:
        options.setdefault("parser_class", InProcessHiredisParser if HIREDIS_AVAILABLE else _RESP2Parser)
        super().__init__(**{"path": "minidis", **options})
        self.node = node
        self._has_own_packer = options.get("command_packer") is not None

    def _connect(self) -> InProcessSocket:
        socket = InProcessSocket(self.node)
        socket.settimeout(self.socket_timeout)
        if self._speaks_plainly():
            session = socket.session
            session.decodes = bool(self.encoder.decode_responses)
            session.of_type = {protocol: converters(protocol, session.decodes) for protocol in (2, 3)}
            session.handed_up = unchanged(session.decodes)
            self.plain_session = session
        return socket

    def connect_check_health(self, *arguments: Any, **options: Any) -> None:
        try:
            super().connect_check_health(*arguments, **options)
        except BaseException:  # Ctrl-C, perhaps before AUTH or SELECT: what is half open is for nobody
            self.disconnect()
            raise

    def disconnect(self, *arguments: Any, **options: Any) -> None:
        self.plain_session = None
        super().disconnect(*arguments, **options)

    def _construct_command_packer(self, packer: Any) -> Any:
        """Never the one in C: it crashes when Ctrl-C, or any signal's handler, raises in the midst of it."""
        return packer or PythonRespSerializer(self._buffer_cutoff, self.encoder.encode)

    @property
    def is_waiting(self) -> bool:
        """Is a reply still to come, as of a BLPOP that Ctrl-C has stopped?  Who asks next waits for it."""
        return self._sock is not None and self._sock.session.waits

    @property
    def has_unread(self) -> bool:
        """Does its parser hold what nobody has read yet: replies of a pipeline that broke off, messages?"""
        parser: Any = self._parser
        if isinstance(parser, _HiredisParser):
            return parser._reader is not None and parser._reader.has_data()
        return parser._buffer is not None and parser._buffer.unread_bytes() > 0

    def _speaks_plainly(self) -> bool:
        """Stands nothing between its words and the node but the usual packing and parsing?"""
        return (
            self.encoder.encoding.lower() in ("utf-8", "utf8")
            and self.encoder.encoding_errors == "strict"
            and not self.health_check_interval
            and not self._has_own_packer
            and self.node.front is None
        )
