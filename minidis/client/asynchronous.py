"""redis-py's asyncio connection, without a network: a stream reader that the node feeds.

Nothing here runs in a thread of its own. A write runs the requests at once and feeds the reader with the
replies. When a request waits, the reply comes by one of two ways, and both end in the event loop:

* another client's command brings it: `Embedded.on_output` tells us, in whichever thread that happens;
* time brings it: a timer of the event loop looks up when the node's next deadline falls due.

Read next: minidis/notebook, which uses the embedded node without redis-py.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable
from typing import Any

from redis.asyncio.connection import UnixDomainSocketConnection

from minidis.client.session import Session
from minidis.drivers.embedded import LONGEST_SLICE_S, Embedded
from minidis.engine.client import Client


class InProcessWriter:
    """The methods of an asyncio StreamWriter that redis-py calls; the replies go into `reader`."""

    def __init__(self, embedded: Embedded, reader: asyncio.StreamReader) -> None:
        self._session = Session(embedded)
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._at_end = False
        self._stop_listening = embedded.on_output(self._output_announced)

    def write(self, data: bytes) -> None:
        """Raises ConnectionResetError when the server has hung up; redis-py makes it a ConnectionError."""
        if self._session.closing:
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        self._session.receive(data)
        self._feed_reader()

    def writelines(self, lines: Iterable[bytes]) -> None:
        self.write(b"".join(lines))

    async def drain(self) -> None:
        """A write is complete at once; still give other tasks their turn, as a real one does now and then."""
        await asyncio.sleep(0)

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._stop_listening()
        if self._timer is not None:
            self._timer.cancel()
        self._session.hang_up()
        if not self._loop.is_closed():
            self._feed_reader()

    def is_closing(self) -> bool:
        return self._closing

    async def wait_closed(self) -> None:
        """Closing takes no time."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """There is no transport to ask."""
        return default

    def _output_announced(self, client: Client) -> None:
        """Called under the node's lock, perhaps in another thread."""
        if client is self._session.client and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._feed_reader)

    def _feed_reader(self) -> None:
        if self._at_end:
            return
        session = self._session
        session.collect()
        data = session.take_output()
        if data:
            self._reader.feed_data(data)
        if session.closing:
            self._at_end = True
            self._reader.feed_eof()
        elif session.waits and self._timer is None:
            self._timer = self._loop.call_later(self._until_next_look_s(), self._look_up)

    def _look_up(self) -> None:
        self._timer = None
        self._session.embedded.tick()
        self._feed_reader()

    def _until_next_look_s(self) -> float:
        embedded = self._session.embedded
        until_deadline_s = (embedded.node.next_deadline_us() - embedded.now_us) / 1_000_000
        return max(0.001, min(LONGEST_SLICE_S, until_deadline_s))


class AsyncInProcessConnection(UnixDomainSocketConnection):
    """An asyncio connection of redis-py to a node in this process."""

    def __init__(self, *, node: Embedded, **options: Any) -> None:
        super().__init__(**{"path": "minidis", **options})
        self.node = node

    async def _connect(self) -> None:
        self._reader = asyncio.StreamReader()
        self._writer = InProcessWriter(self.node, self._reader)  # type: ignore[assignment]
