"""The audit's own connection: questions go out together, refusals come back as values.

A managed server may refuse CONFIG, an ACL may refuse INFO. That is no reason to stop: a check that needs the
answer then says what was refused.

>>> import minidis
>>> line = Line.of_client(minidis.connect(minidis.Embedded(clock=0, seed=1)))
>>> line.ask("PING"), type(line.ask("NOSUCH")).__name__
('PONG', 'ReplyError')
>>> line.close()

Read next: facts.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.protocol.replies import ReplyError

Words = tuple[str | bytes | int, ...]
CallMany = Callable[[list[list[bytes]]], list[Any]]
"""Sends commands on one trip; their replies in order, an error reply as a ReplyError among them."""


class Line:
    """One connection to the node that is looked at."""

    def __init__(self, call_many: CallMany, close: Callable[[], None] = lambda: None) -> None:
        self._call_many = call_many
        self.close = close

    def ask(self, *words: str | bytes | int) -> Any:
        """The reply of one command; a ReplyError where the server refused."""
        return self.ask_many([words])[0]

    def ask_many(self, commands: list[Words]) -> list[Any]:
        """The replies of several commands, on one trip."""
        return self._call_many([[_to_bytes(word) for word in words] for words in commands])

    @classmethod
    def of_client(cls, redis: Any) -> Line:
        """A connection of its own to where a redis-py client goes: its pool is left as it is."""
        pool = redis.connection_pool
        connection = pool.connection_class(**pool.connection_kwargs)
        connection.connect()

        def call_many(commands: list[list[bytes]]) -> list[Any]:
            connection.send_packed_command(connection.pack_commands(commands))
            return [_reply_of(connection) for _ in commands]

        return cls(call_many, connection.disconnect)


def _reply_of(connection: Any) -> Any:
    import redis

    try:
        reply = connection.read_response(disable_decoding=True)
    except redis.ResponseError as error:
        return ReplyError(str(error))
    return reply.decode() if reply in (b"OK", b"PONG") else reply


def _to_bytes(word: str | bytes | int) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()
