"""A `redis.Redis` whose words go straight to the node, and the node's values straight back.

Between `client.get("k")` and a node in the same process, redis-py takes a connection out of its pool, looks
at its health, packs bytes, parses bytes and puts the connection back: 25 us, fifty times the GET itself. All
of that is for a network. So what stands between redis-py's methods and the node is shorter here:

    client.get("k") -> execute_command("GET", "k") -> Embedded.call(client, [b"GET", b"k"])
                    <- response callback           <- value (values.py; both at once: callbacks.py)

The node's client is that of a connection in redis-py's own pool, as if the bytes had gone through it: CLIENT
LIST, SELECT, WATCH and whatever else belongs to a connection is the same. Everything unusual *does* go by
bytes, through redis-py's own code: a connection that is not there yet, MULTI by hand, a client with limits, a
reply that waits or is an error, pushes, an argument of a type that only redis-py knows, health checks.

Mirrors: redis/client.py (`_execute_command`, `Pipeline._execute_transaction`, `_execute_pipeline`).
Differs: redis-py's telemetry sees nothing, and INFO counts no bytes, since none were sent.
Complexity: 1 us beside redis-py's method and the node's own time.

>>> import minidis
>>> redis = minidis.connect(minidis.Embedded(seed=1))
>>> redis.set("greeting", "hello"), redis.get("greeting")
(True, b'hello')

Read next: sync.py, the way by bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any

import redis.client
from redis.client import EMPTY_RESPONSE, NEVER_DECODE

from minidis.client.callbacks import AT_ONCE, NO_WAY, NOT_AT_ONCE, Callback, Way
from minidis.client.session import Session
from minidis.client.values import AS_IT_IS, Unusual, unusual
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import encode_command

MOST_NAMES = 1000

Command = tuple[tuple[Any, ...], dict[str, Any]]
"""What a pipeline of redis-py holds: arguments and options of a command."""

BY_BYTES: Any = object()
"""The answer of `call` when nothing has happened yet: redis-py must send it."""

_find_callback = dict.get  # redis-py's own dict would spell the name in capitals first


Name = tuple[list[bytes], str, Callback | None, Way]
"""The first argument of a command as the words that are sent ("CONFIG GET" is two), the name that callbacks
are filed under, and of callbacks.py that of redis-py with the way past it."""


class _Names(dict[Any, Name]):
    """Names as they were given.  KeyError: redis-py sees to it."""

    def __missing__(self, name: Any) -> Name:
        words = name.encode().split() if type(name) is str else []
        if not words or words[0].upper() == b"HIMPORT":  # which redis-py prepares for
            raise KeyError(name)
        filed_as = name.upper()
        found = words, filed_as, *AT_ONCE.get(filed_as, NO_WAY)
        if len(self) < MOST_NAMES:
            self[name] = found
        return found


_NAMES = _Names()

_USUAL_NUMBERS = {number: b"%d" % number for number in range(-16, 257)}
"""As text: places, counts and seconds are small, and 0 and -1 come in half of all ranges."""


def request(name: list[bytes], words: Sequence[Any]) -> list[bytes]:
    """A command as redis-py's packer would send it.  KeyError, UnicodeEncodeError: redis-py sees to it.

    >>> request([b"CONFIG", b"GET"], ("maxmemory",)), request([b"INCRBYFLOAT"], (b"k", 0.5))
    ([b'CONFIG', b'GET', b'maxmemory'], [b'INCRBYFLOAT', b'k', b'0.5'])
    """
    argv = name.copy()
    for word in words:  # quicker than a comprehension, which is a call of its own
        kind = type(word)
        if kind is str:
            word = word.encode()
        elif kind is not bytes:
            if kind is int:
                word = _USUAL_NUMBERS.get(word) or b"%d" % word
            elif kind is float:
                word = repr(word).encode()
            else:
                raise KeyError(kind)
        argv.append(word)
    return argv


def ready_session(connection: Any) -> Session | None:
    """The session behind a connection on which nothing is under way; None if it must go by bytes."""
    try:
        session = connection.plain_session
    except AttributeError:  # a connection of redis-py's cache has none
        return None
    if session is None or session.client.gated or session.client.outbox or session.output:
        return None
    if session.was_read:
        if connection.has_unread:  # redis-py's pool hangs up then; a client's single connection reads on
            return None
        session.was_read = False
    return session


def call(
    owner: Redis | Pipeline, connection: Any, name: Any, words: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    """Run a command on a connection that `owner` has to itself; BY_BYTES where it cannot be done directly."""
    session = ready_session(connection)
    if session is None:
        return BY_BYTES
    if options and (NEVER_DECODE in options or EMPTY_RESPONSE in options):  # they are for redis-py's parser
        if session.decodes or EMPTY_RESPONSE in options:
            return BY_BYTES
        del options[NEVER_DECODE]  # nothing is decoded anyway
    try:
        sent_name, filed_as, usual, way = _NAMES[name]
        argv = request(sent_name, words)
    except (KeyError, UnicodeEncodeError):
        return BY_BYTES
    client, node, lock = session.client, session.node, session.lock
    is_held = False
    try:  # what Embedded.call does, without the call, and in half the time of `with`
        is_held = lock.acquire()
        try:
            reply = session.target.execute(client, argv)
        except ReplyError as error:
            reply = error.with_traceback(None)  # which would hold this frame, and that the error
        finally:
            try:
                if node.now_us >= node.next_tick_us or node.unwritten or node.pending_output:
                    session.embedded.settle()
            finally:
                lock.release()
    except BaseException:
        if not is_held:  # Ctrl-C came while it waited for the lock, or when it just had it
            with suppress(RuntimeError):
                lock.release()
        raise
    callback = _find_callback(owner.response_callbacks, filed_as)
    try:
        if client.gated or client.outbox:
            raise Unusual
        if callback is None and type(reply) in session.handed_up:
            return reply
        if callback is usual and client.protocol == 2:
            answer = way(reply, options, session.decodes)
            if answer is not NOT_AT_ONCE:
                return answer
        if options and callback is not None:
            options.pop("keys", None)  # they are for redis-py's cache
        convert = session.of_type[client.protocol].get(type(reply), unusual)
        value = reply if convert is AS_IT_IS else convert(reply)
    except (Unusual, UnicodeDecodeError):
        return _parsed(owner, connection, session, reply, name, words, options)
    return value if callback is None else callback(value, **options)


def _parsed(
    owner: Redis | Pipeline,
    connection: Any,
    session: Session,
    reply: Any,
    name: Any,
    words: tuple[Any, ...],
    options: dict[str, Any],
) -> Any:
    """Let redis-py's own parser read this reply, or wait for it, and try again as it would if that fails."""
    session.answer(reply)
    is_sent = True

    def read() -> Any:
        nonlocal is_sent
        if is_sent:
            is_sent = False
            return owner.parse_response(connection, name, **options)
        return owner._send_command_parse_response(connection, name, name, *words, **options)

    return connection.retry.call_with_retry(read, lambda error: owner.give_up(connection, error))


_FLAGS_OF_SET = ("nx", "xx", "keepttl")


class _ShorterMethods:
    """Methods of redis-py that look at all their options for longer than the command takes.

    Their plain forms say at once what redis-py would say in the end; all others are left to it.
    """

    execute_command: Callable[..., Any]

    @wraps(redis.Redis.set)
    def set(self, name: Any, value: Any, ex: Any = None, *arguments: Any, **options: Any) -> Any:
        if not (arguments or options):
            if ex is None:
                return self.execute_command("SET", name, value)
            if type(ex) is int:
                return self.execute_command("SET", name, value, "EX", ex)
        elif len(options) == 1 and not arguments:
            [(option, given)] = options.items()
            if given is True and ex is None and option in _FLAGS_OF_SET:
                return self.execute_command("SET", name, value, option.upper())
            if given is True and ex is None and option == "get":
                return self.execute_command("SET", name, value, "GET", get=True)
            if given is True and type(ex) is int and option == "nx":  # a lock
                return self.execute_command("SET", name, value, "NX", "EX", ex)
            if type(given) is int and ex is None and option == "px":
                return self.execute_command("SET", name, value, "PX", given)
        return super().set(name, value, ex, *arguments, **options)  # type: ignore[misc]

    @wraps(redis.Redis.mget)
    def mget(self, keys: Any, *others: Any) -> Any:
        if type(keys) is list and keys and not others:
            return self.execute_command("MGET", *keys, keys=keys.copy())
        return super().mget(keys, *others)  # type: ignore[misc]

    @wraps(redis.Redis.zadd)
    def zadd(self, name: Any, mapping: Any, *arguments: Any, **options: Any) -> Any:
        if mapping and len(mapping) == 1 and not (arguments or options):
            [(member, score)] = mapping.items()
            return self.execute_command("ZADD", name, score, member)
        return super().zadd(name, mapping, *arguments, **options)  # type: ignore[misc]

    @wraps(redis.Redis.zrange)
    def zrange(
        self,
        name: Any,
        start: Any,
        end: Any,
        desc: Any = False,
        withscores: Any = False,
        *arguments: Any,
        **options: Any,
    ) -> Any:
        if not (desc or arguments or options):
            scores = {"withscores": withscores, "score_cast_func": float, "keys": [name]}
            if withscores:
                return self.execute_command("ZRANGE", name, start, end, "WITHSCORES", **scores)
            return self.execute_command("ZRANGE", name, start, end, **scores)
        return super().zrange(name, start, end, desc, withscores, *arguments, **options)  # type: ignore[misc]

    @wraps(redis.Redis.xrange)
    def xrange(self, name: Any, min: Any = "-", max: Any = "+", count: Any = None) -> Any:
        if count is None:
            return self.execute_command("XRANGE", name, min, max, keys=[name])
        if type(count) is int and count > 0:
            return self.execute_command("XRANGE", name, min, max, b"COUNT", count, keys=[name])
        return super().xrange(name, min, max, count)  # type: ignore[misc]


class Redis(_ShorterMethods, redis.Redis):
    """A genuine `redis.Redis` in all but the way of its commands, and it calls itself so."""

    __module__ = redis.Redis.__module__

    def execute_command(self, name: Any, /, *words: Any, **options: Any) -> Any:
        if self.connection is not None:  # a client with a single connection
            with self.single_connection_lock:
                reply = call(self, self.connection, name, words, options)
        else:
            idle = self.connection_pool._available_connections
            try:
                connection = idle.pop()
            except IndexError:
                return super().execute_command(name, *words, **options)
            try:
                reply = call(self, connection, name, words, options)
            finally:
                idle.append(connection)
        return super().execute_command(name, *words, **options) if reply is BY_BYTES else reply

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def give_up(self, connection: Any, error: Exception) -> None:
        """An attempt has failed; redis-py's Retry decides whether there is another one."""
        connection.disconnect()


class ConnectionPool(redis.ConnectionPool):
    """redis-py's pool, whose `close` in another thread also ends what waits on the direct way.

    `Redis.execute_command` takes a connection out and tells nobody, so redis-py would not find it. All that
    were ever made are closed; whom a connection is lent to does not matter then.
    """

    __module__ = redis.ConnectionPool.__module__

    def reset(self) -> None:
        self._made: list[Any] = []
        super().reset()

    def make_connection(self) -> Any:
        connection = super().make_connection()
        self._made.append(connection)
        return connection

    def get_connection(self, *arguments: Any, **options: Any) -> Any:
        """A connection on which nothing is under way: redis-py itself looks for what has come alone."""
        connection = super().get_connection(*arguments, **options)
        if getattr(connection, "is_waiting", False):
            connection.disconnect()
            connection.connect()
        return connection

    def disconnect(self, inuse_connections: bool = True) -> None:
        if not inuse_connections:
            return super().disconnect(False)
        self._checkpid()
        for connection in self._made.copy():
            connection.disconnect()


class Pipeline(_ShorterMethods, redis.client.Pipeline):
    """redis-py's pipeline, whose commands run one after another, without another thread's in between."""

    def _borrow(self) -> None:
        """Take an idle connection out of the pool, as `get_connection` does."""
        pool = self.connection_pool
        try:
            connection = pool._available_connections.pop()
        except IndexError:
            return
        if ready_session(connection) is None:
            pool._available_connections.append(connection)
        else:
            pool._in_use_connections.add(connection)
            self.connection = connection

    def reset(self) -> None:
        connection, pool = self.connection, self.connection_pool
        if (
            connection is not None
            and not self.watching
            and ready_session(connection) is not None
            and not connection.should_reconnect()
        ):  # put it back, as `release` does, which has much to tell redis-py's telemetry
            self.connection = None
            if connection in pool._in_use_connections:
                pool._in_use_connections.remove(connection)
                pool._available_connections.append(connection)
        super().reset()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        if (self.watching or args[0] == "WATCH") and not self.explicit_transaction:
            return self.immediate_execute_command(*args, **options)
        self.command_stack.append((args, options))  # as redis-py, a step sooner
        return self

    def immediate_execute_command(self, name: Any, /, *words: Any, **options: Any) -> Any:
        if self.connection is None:
            self._borrow()
        reply = call(self, self.connection, name, words, options)
        if reply is BY_BYTES:
            return super().immediate_execute_command(name, *words, **options)
        if name == "WATCH":
            self.watching = True
        elif name in self.UNWATCH_COMMANDS:
            self.watching = False
        return reply

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        if self.connection is None and self.command_stack:
            self._borrow()
        return super().execute(raise_on_error)

    def _execute_transaction(self, connection: Any, commands: Any, raise_on_error: bool) -> list[Any]:
        batch = Batch.run([(("MULTI",), {}), *commands, (("EXEC",), {})], connection)
        if batch is None:
            return super()._execute_transaction(connection, commands, raise_on_error)
        *queued, replies = batch.replies
        if queued != ["OK", *["QUEUED"] * len(commands)] or type(replies) is not list or not replies:
            return super()._execute_transaction(batch.sent(), commands, raise_on_error)
        answers = batch.answers(self, commands, replies)
        if answers is None:
            return super()._execute_transaction(batch.sent(), commands, raise_on_error)
        self.watching = False
        return answers

    def _execute_pipeline(self, connection: Any, commands: Any, raise_on_error: bool) -> list[Any]:
        batch = Batch.run(commands, connection)
        answers = None if batch is None else batch.answers(self, commands, batch.replies)
        if answers is not None:
            return answers
        sent = connection if batch is None else batch.sent()
        return super()._execute_pipeline(sent, commands, raise_on_error)

    def give_up(self, connection: Any, error: Exception) -> None:
        """As redis-py: what was watched is not any more, so WatchError instead of another attempt."""
        self._disconnect_reset_raise_on_watching(connection, error, failure_count=math.inf)  # type: ignore


class Batch:
    """Commands that were sent in one go, and what the node answered."""

    def __init__(self, connection: Any, session: Session, requests: Sequence[list[bytes]]) -> None:
        self.connection = connection
        self.session = session
        self.requests = requests
        self.replies: list[Any] = []

    @classmethod
    def run(cls, commands: Sequence[Command], connection: Any) -> Batch | None:
        """Run them on a connection, or answer None when it cannot be done directly."""
        session = ready_session(connection)
        if session is None:
            return None
        requests = []
        try:
            for args, options in commands:
                if options and (NEVER_DECODE in options or EMPTY_RESPONSE in options):
                    return None
                requests.append(request(_NAMES[args[0]][0], args[1:]))
        except (KeyError, UnicodeEncodeError):
            return None
        batch = cls(connection, session, requests)
        with session.lock:
            try:
                batch._run()
            except BaseException:  # Ctrl-C, perhaps between MULTI and EXEC
                connection.disconnect()
                raise
            finally:
                session.embedded.settle()
        return batch

    def _run(self) -> None:
        """Run one after another, up to one after which the rest must wait: it blocks, hangs up, or pushes."""
        session, client = self.session, self.session.client
        execute, outbox, add = session.target.execute, client.outbox, self.replies.append
        for argv in self.requests:
            try:
                reply = execute(client, argv)
            except ReplyError as error:
                reply = error
            add(reply)
            if outbox or (client.gated and (reply is WAITING or client.closed or client.is_muted)):
                break

    def answers(self, owner: Pipeline, commands: Sequence[Command], replies: list[Any]) -> list[Any] | None:
        """What redis-py's parser and callbacks make of the replies to `commands`; None when they must do so.

        Callbacks are called when all else is done: what has to go by bytes then is not handed to them twice.
        """
        session, client = self.session, self.session.client
        if len(self.replies) < len(self.requests) or client.gated or client.outbox:
            return None
        callbacks, is_plain = owner.response_callbacks, client.protocol == 2
        of_type, handed_up, decodes = session.of_type[client.protocol], session.handed_up, session.decodes
        answers: list[Any] = []
        left: list[tuple[int, Callback, dict[str, Any]]] = []
        try:
            for (args, options), reply in zip(commands, replies, strict=True):
                _, filed_as, usual, way = _NAMES[args[0]]
                callback = _find_callback(callbacks, filed_as)
                if callback is None and type(reply) in handed_up:
                    answers.append(reply)
                    continue
                if callback is usual and is_plain:
                    answer = way(reply, options, decodes)
                    if answer is not NOT_AT_ONCE:
                        answers.append(answer)
                        continue
                if callback is not None:
                    options.pop("keys", None)
                    left.append((len(answers), callback, options))
                convert = of_type.get(type(reply), unusual)
                answers.append(reply if convert is AS_IT_IS else convert(reply))
        except (Unusual, UnicodeDecodeError):
            return None
        for place, callback, options in left:
            answers[place] = callback(answers[place], **options)
        return answers

    def sent(self) -> SentConnection:
        """The connection as it were if all had gone by bytes; what has not run yet goes by bytes now."""
        for reply in self.replies:
            self.session.answer(reply)
        rest = self.requests[len(self.replies) :]
        self.session.receive(b"".join(map(encode_command, rest)))
        return SentConnection(self.connection)


class SentConnection:
    """A connection on which a batch has been sent: redis-py has only to read."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def pack_commands(self, commands: Any) -> None:
        """They are on their way."""

    def send_packed_command(self, packed: Any) -> None:
        """They are on their way."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
