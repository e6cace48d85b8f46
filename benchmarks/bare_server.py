"""The least that a server in Python can do: GET and SET on a dict, by uvloop and hiredis, and nothing else.

No expiry, types, limits, statistics or errors: what it reaches under redis-benchmark is the ceiling for
everything that is written in Python, and the measure of what minidis-server adds.

    python -m benchmarks.bare_server --port 7000
"""

from __future__ import annotations

import argparse
import asyncio
from typing import cast

import hiredis
import uvloop


class BareProtocol(asyncio.Protocol):
    """One connection to a dict."""

    def __init__(self, keys: dict[bytes, bytes]) -> None:
        self.keys = keys
        self.reader = hiredis.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        request, replies = self.reader.gets, []
        while (words := request()) is not False:
            name = words[0]
            if name == b"GET":
                value = self.keys.get(words[1])
                replies.append(b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value))
            elif name == b"SET":
                self.keys[words[1]] = words[2]
                replies.append(b"+OK\r\n")
            else:
                replies.append(b"-ERR only GET and SET\r\n")
        self.write(b"".join(replies))


async def serve(port: int) -> None:
    keys: dict[bytes, bytes] = {}
    server = await asyncio.get_running_loop().create_server(lambda: BareProtocol(keys), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=6379)
    known, _ = parser.parse_known_args()  # redis-server's other options mean nothing here
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(known.port))


if __name__ == "__main__":
    main()
