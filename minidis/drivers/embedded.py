"""The embedded driver: a node inside this process, with the real clock or one that you move.

    with Embedded(seed=1) as redis:
        redis.execute("SET", "greeting", "hello")

It adds to the node what the node refuses to own: a clock, a lock so that several threads may call
it, and a way to wait for the reply of a blocked command.  There is no socket and no thread of its
own; timers run whenever someone calls, waits or moves the clock.

The clock has two modes.  Real: the computer's time.  Frozen: it stands, `step` and `jump` move it,
and every deadline on the way (a key that expires, a BLPOP that gives up, the active expiry cycle)
happens in its order.  Notebooks freeze it, so that they give the same answer every time.

Complexity: about 0.2 us on top of the node's own time for a command.

>>> redis = Embedded(clock="2026-01-01T00:00:00Z")
>>> redis.execute("SET", "token", "x", "EX", "10")
'OK'
>>> redis.step(11)
>>> redis.execute("GET", "token") is None
True

Read next: minidis/client, a redis-py client on top of this.
"""

from __future__ import annotations

import atexit
import errno
import os
import random as random_module
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.drivers import interrupts
from minidis.drivers.disk import RealDisk
from minidis.drivers.simulated_disk import Loss, SimulatedDisk
from minidis.engine import starting
from minidis.engine.client import Client
from minidis.engine.durability.disk import Disk, DiskError
from minidis.engine.durability.loading import LoadError, Loading
from minidis.engine.durability.saving import write_snapshot_file
from minidis.engine.node import Node
from minidis.engine.settings.config import Config
from minidis.engine.waiting import WAITING
from minidis.scripting.run import ScriptRun
from minidis.structures.dicttable import DictTable

FROZEN_PATIENCE_S = 10.0
"""How long, by the real clock, a thread waits for a reply while the node's clock is frozen."""

SLOW_SCRIPT_PAUSE_S = 0.001
"""So long a slow script stands, every 100,000 instructions, for threads that want to say SCRIPT KILL."""

LONGEST_SLICE_S = 0.05
"""A waiting thread looks up this often, so that Ctrl-C and timers are noticed."""

MOST_TICKS_FOR_A_STEP = 36_000
"""A step of up to an hour runs every timer tick on the way (ten a second); a longer one runs them coarser."""


NO_NETWORK = "a node in this process has no network; minidis.Lab gives it one, or minidis-server"


interrupts.may_be_interrupted(ScriptRun.execute)


class FrozenClockError(TimeoutError):
    """A reply that can only come by moving the clock was waited for while the clock was frozen."""


def parse_time(text: str) -> int:
    """An ISO 8601 time as unix microseconds; without a zone it is UTC.

    >>> parse_time("1970-01-01T00:00:01Z")
    1000000
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000)


def real_clock() -> int:
    """The computer's time, unix microseconds."""
    return time.time_ns() // 1000


class Embedded:
    """A node in this process.

    `clock` is None for the real clock, an ISO time or unix microseconds for a frozen one; `seed`
    decides every random choice of the node; `config` holds directives (`{"maxmemory": "10mb"}`).
    `disk` is a simulated one, empty, unless given; the default save points are not kept then.

    Where a server would end (its log, with appendfsync always, cannot be written) every call raises
    NodeFailure from then on, until `kill()` starts the node anew from what is on its disk.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        clock: str | int | None = None,
        seed: int | None = None,
        table: type = DictTable,
        disk: Disk | None = None,
    ) -> None:
        self.patience_s = FROZEN_PATIENCE_S
        self._release: Callable[[], None] = lambda: None  # lets go of the place that `open_node` locked
        self._is_open = True
        self.make_loading: Callable[[Node], Loading] = Loading  # what reads the files at a start
        self.front: Any = None  # an EventLoop that stands before the node: cells then speak to it by bytes
        self.lock = threading.RLock()
        self._output = threading.Condition(self.lock)
        self._long_script: Any = None
        self._long_since_s = 0.0
        self._output_listeners: list[Callable[[Client], None]] = []
        self._restart_listeners: list[Callable[[], None]] = []
        self._start(config, clock, seed, table, disk)

    def _start(
        self,
        config: Mapping[str, Any] | None,
        clock: str | int | None,
        seed: int | None,
        table: type,
        disk: Disk | None = None,
    ) -> None:
        self._frozen_us: int | None = parse_time(clock) if isinstance(clock, str) else clock
        self.random = random_module.Random(seed) if seed is not None else random_module.Random()
        self.disk: Any = disk or SimulatedDisk(seed or 0, lambda: self.node.clock())
        self._table = table
        self._make_node(Config(config))
        self.node.saving.ignores_save_points = disk is None and "save" not in (config or ())
        self._load()

    def _make_node(self, config: Config) -> None:
        self.node = Node(config, self._current_clock(), self.random, table=self._table, disk=self.disk)
        self.node.stopwatch_ns = self._stopwatch_ns
        self.node.sleep = self._sleep
        self.node.on_script_step = self.script_step
        self._departures = _Departures(self.node)
        self.client = self.connect("default")

    @interrupts.must_be_whole
    def restart(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        clock: str | int | None = None,
        seed: int | None = None,
        table: type = DictTable,
    ) -> None:
        """Begin anew with an empty node and an empty disk: every connection is closed.

        Whoever listens to keys, commands, the journal or output goes on listening.
        """
        with self.lock:
            former = self._end()
            self._start(config, clock, seed, table)
            self._keep_listeners(former)

    def _end(self) -> Node:
        """Close every connection and let the node go; its log no longer listens."""
        for client in list(self.node.clients.values()):
            self.disconnect(client)
        self.node.append_only.stop_listening()
        return self.node

    def _keep_listeners(self, former: Node) -> None:
        node = self.node
        node.key_listeners = former.key_listeners
        node.command_listeners = former.command_listeners
        node.journal.subscribers = former.journal.subscribers + node.journal.subscribers
        node.update_observed()
        for listener in tuple(self._restart_listeners):
            listener()

    # -- the disk ---------------------------------------------------------------------------------

    @interrupts.must_be_whole
    def kill(self) -> None:
        """kill -9, and start again from the disk: what was written is there, synced or not.

        Raises LoadError for a damaged file: the node is empty then and refuses writes, and the file stays.
        """
        with self.lock:
            former = self._end()
            self._make_node(former.config)
            self.node.saving.ignores_save_points = former.saving.ignores_save_points
            try:
                self._load()
            except LoadError as error:
                error.add_note(
                    "The node is empty now and refuses writes, so that the file stays as it is. "
                    "When the file is mended, kill() again."
                )
                raise
            finally:
                self._keep_listeners(former)

    @interrupts.must_be_whole
    def power_cut(self) -> Loss:
        """Pull the plug of the simulated disk, and start again: only what was synced is there for sure."""
        if not isinstance(self.disk, SimulatedDisk):
            raise TypeError("only a simulated disk has a plug")
        with self.lock:
            loss = self.disk.power_cut()
            self.kill()
            return loss

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write the dataset to an RDB file of this computer, all or nothing; its size.  Raises DiskError."""
        path = os.path.abspath(path)
        disk = RealDisk()
        with self.lock:
            write_snapshot_file(self.node, disk, path, f"{path}.new")
        return disk.size(path) or 0

    @interrupts.must_be_whole
    def load(self, path: str | os.PathLike[str]) -> int:
        """Put an RDB file of this computer in the place of the dataset; the number of keys.

        Raises LoadError, and has changed nothing then.
        """
        path = os.path.abspath(path)
        node = self.node
        with self.lock:
            node.now_us = node.clock()
            loading = Loading(node, disk=RealDisk())
            loading.check_snapshot(path, joins=False)
            starting.empty(node)
            with starting.all_or_nothing(node):
                loading.begin(loading.snapshot(path)).run()
            if node.append_only.state != "off":
                node.append_only.rewriting.start_or_schedule()
            return loading.keys_loaded

    def _load(self) -> None:
        """Start from the disk.  Raises LoadError; the node is then empty, refuses writes, its log is off."""
        with starting.all_or_nothing(self.node):
            loading = starting.start(self.node, self.make_loading)
            if loading is not None:
                loading.run()

    # -- commands ---------------------------------------------------------------------------------

    def connect(self, name: str = "") -> Client:
        """A new connection to the node."""
        with self.lock:
            return self.node.connect(name)

    def disconnect(self, client: Client) -> None:
        """Close a connection, perhaps to a node that has gone; whoever waits for its reply is woken."""
        with self.lock:
            client.node.disconnect(client)
            self._output.notify_all()

    def call(self, client: Client, argv: list[bytes]) -> Any:
        """Run a command given as bytes.  Answers WAITING for one that blocks; raises ReplyError."""
        node = self.node
        with self.lock:
            try:
                return node.execute(client, argv)
            finally:
                if node.now_us >= node.next_tick_us or node.unwritten or node.pending_output:
                    self.settle()

    def settle(self) -> None:
        """What follows a command, or several: timers that are due, files, late output."""
        node = self.node
        if node.now_us >= node.next_tick_us:
            node.tick()
        elif node.unwritten:
            node.write_out()
        if node.pending_output:
            self.announce_output()

    @interrupts.may_be_interrupted
    def script_step(self, run: Any) -> None:
        """A script runs: Ctrl-C is noticed here, other threads get a turn if it is slow, and it must end."""
        if self._long_script is not run:
            self._long_script, self._long_since_s = run, time.monotonic()
        elif time.monotonic() - self._long_since_s > self.patience_s:
            bound = f"more than {self.patience_s:g} seconds" if self.patience_s else "longer than it may here"
            run.killed = f"ERR the script was ended: it ran for {bound}".encode()
        elif run.is_slow:
            self._rest(SLOW_SCRIPT_PAUSE_S)

    def execute(self, *words: str | bytes | int | float, client: Client | None = None) -> Any:
        """Run a command given as words, and wait for its reply if it blocks.  Raises ReplyError."""
        client = client or self.client
        reply = self.call(client, [to_bytes(word) for word in words])
        return self.wait(client) if reply is WAITING else reply

    def wait(self, client: Client, timeout_s: float | None = None) -> Any:
        """The next thing in `client.outbox`: the reply of a blocked command, or a message.

        Waits at most `timeout_s` (None: as long as the command itself does) and raises TimeoutError
        then; raises ConnectionError when the client is disconnected, FrozenClockError when nothing
        but a step of the frozen clock could end the wait.  Ctrl-C interrupts it.
        """
        started_s = time.monotonic()
        if self.is_frozen:
            timeout_s = self.patience_s if timeout_s is None else min(timeout_s, self.patience_s)
        with self.lock:
            while not client.outbox:
                if client.closed:
                    raise ConnectionError("the connection was closed")
                waited_s = time.monotonic() - started_s
                if timeout_s is not None and waited_s >= timeout_s:
                    message = "no reply: the clock is frozen, move it from another thread or cell"
                    raise FrozenClockError(message) if self.is_frozen else TimeoutError("no reply in time")
                until_deadline_s = (self.node.next_deadline_us() - self.node.clock()) / 1_000_000
                self._rest(max(0.0, min(LONGEST_SLICE_S, until_deadline_s)))
                self.tick()
            return client.outbox.popleft()

    def _rest(self, longest_s: float) -> None:
        """Give the lock away until there is output for somebody, or so long, and have it again afterwards."""
        try:
            self._output.wait(longest_s)
        except BaseException:  # Ctrl-C, perhaps between giving it away and what sees to its return
            if not self._is_at_work():
                self.lock.acquire()
            raise

    def hang_up(self, client: Client) -> None:
        """`disconnect`, and in the middle of somebody's command after it.

        Python's garbage collector closes a connection that nobody holds any more, and it comes at any moment:
        perhaps while the node goes through its clients.
        """
        if self._is_at_work():
            self._departures.add(client)
        else:
            self.disconnect(client)

    def _is_at_work(self) -> bool:
        """Does this very thread hold the lock?  An RLock knows, and only a Condition on it tells."""
        try:
            self._output.notify(0)
        except RuntimeError:
            return False
        return True

    def on_output(self, listener: Callable[[Client], None]) -> Callable[[], None]:
        """Call `listener(client)` when something lands in a client's outbox.  Returns what ends it."""
        self._output_listeners.append(listener)
        return lambda: self._output_listeners.remove(listener)

    def on_restart(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener()` when another node has taken the place of `node`.  Returns what ends it."""
        self._restart_listeners.append(listener)
        return lambda: self._restart_listeners.remove(listener)

    @interrupts.must_be_whole
    def announce_output(self) -> None:
        """Tell all who wait in this process, or listen, about what has landed in clients' outboxes."""
        clients, self.node.pending_output = self.node.pending_output, {}
        for client in clients.values():
            for listener in tuple(self._output_listeners):
                listener(client)
        self._output.notify_all()

    # -- time -------------------------------------------------------------------------------------

    @property
    def is_frozen(self) -> bool:
        return self._frozen_us is not None

    @property
    def now_us(self) -> int:
        """The node's time, unix microseconds."""
        return self.node.clock()

    @interrupts.must_be_whole
    def freeze(self, at: str | int | None = None) -> None:
        """Stop the clock, here or at an ISO time or unix microseconds."""
        with self.lock:
            self._frozen_us = (
                self.node.clock() if at is None else parse_time(at) if isinstance(at, str) else at
            )
            self._clock_changed()

    @interrupts.must_be_whole
    def run(self) -> None:
        """Let the real clock drive the node again."""
        with self.lock:
            self._frozen_us = None
            self._clock_changed()

    def step(self, seconds: float) -> None:
        """Move a frozen clock forward; everything that falls due on the way happens in order."""
        if seconds < 0:
            raise ValueError("time steps go forward; jump() sets the clock back")
        with self.lock:
            if self._frozen_us is None:
                raise RuntimeError("the clock runs by itself: freeze() it first")
            target_us = self._frozen_us + round(seconds * 1_000_000)
            coarse_us = (target_us - self._frozen_us) // MOST_TICKS_FOR_A_STEP
            while True:
                deadline_us = max(self.node.next_deadline_us(), self._frozen_us + coarse_us)
                if deadline_us > target_us:
                    break
                self._frozen_us = max(deadline_us, self._frozen_us)
                self.tick()
            self._frozen_us = target_us
            self.tick()

    @interrupts.may_be_interrupted
    def _sleep(self, duration_us: int) -> None:
        """DEBUG SLEEP: the clock moves on, and nothing else happens meanwhile."""
        if self._frozen_us is None:
            time.sleep(duration_us / 1e6)
        else:
            self._frozen_us += duration_us

    def jump(self, at: str | int) -> None:
        """Set a frozen clock to another time, forward or back, as a wall clock that is corrected.

        Nothing happens in between; timers look at the new time once.
        """
        with self.lock:
            if self._frozen_us is None:
                raise RuntimeError("the clock runs by itself: freeze() it first")
            self._frozen_us = parse_time(at) if isinstance(at, str) else at
            self.node.next_cron_us = min(self.node.next_cron_us, self._frozen_us)
            self.tick()

    def tick(self) -> None:
        """Run the timers that are due.  Called by whoever calls, waits or moves the clock."""
        with self.lock:
            self.node.tick()
            if self.node.peers.outbox:
                self.node.peers.refuse_all(NO_NETWORK)
            if self.node.pending_output:
                self.announce_output()

    def _clock_changed(self) -> None:
        self.node.clock = self._current_clock()
        self.node.stopwatch_ns = self._stopwatch_ns
        self.node.next_cron_us = self.node.clock()

    @property
    def _stopwatch_ns(self) -> Callable[[], int]:
        """What commands are timed by: where the clock is frozen they take no time, but what they sleep."""
        return time.perf_counter_ns if self._frozen_us is None else lambda: self.node.clock() * 1000

    def _current_clock(self) -> Callable[[], int]:
        return real_clock if self._frozen_us is None else lambda: self._frozen_us  # type: ignore[return-value]

    def __enter__(self) -> Embedded:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @interrupts.must_be_whole
    def close(self) -> None:
        """Save what the configuration wants saved, and close every connection.

        Raises DiskError when that could not be saved: the connections are closed all the same.
        """
        with self.lock:
            if not self._is_open:
                return
            self._is_open = False
            try:
                starting.bring_to_disk(self.node)
            finally:
                self._end()
                if isinstance(self.disk, RealDisk):
                    self.disk.close_all()
                self._release()


class _Departures:
    """A service of the node: who has hung up in the middle of a command leaves when it is over."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.clients: list[Client] = []

    def add(self, client: Client) -> None:
        if not self.clients:
            self.node.services.append(self)
        self.clients.append(client)
        self.node.wake(0)

    def tick(self) -> None:
        self.node.services.remove(self)
        while self.clients:
            client = self.clients.pop()
            client.node.disconnect(client)

    def next_deadline_us(self) -> int:
        return 0


def open_node(
    path: str | os.PathLike[str], config: Mapping[str, Any] | None = None, **options: Any
) -> Embedded:
    """A node whose data outlive the process: `minidis.open("shop.rdb")`, `minidis.open("shop/")`.

    A file is loaded if it is there, and saved by save points, by `close()`, and when Python ends. In a folder
    an append-only log is kept, so that not even a kill loses more than the last second. `options` are those
    of `Embedded`.  Raises LoadError for a file that is damaged, OSError for a folder that cannot be used, or
    one that another node has open, in this process or another. Ctrl-C is raised between two commands from
    then on (interrupts.py): half a change should not be saved.
    """
    path = os.path.abspath(path)
    if path.endswith(".rdb") or os.path.isfile(path):
        places = {"dir": os.path.dirname(path), "dbfilename": os.path.basename(path)}
        lock = f"{path}.lock"
        if not os.path.isdir(places["dir"]):
            raise FileNotFoundError(f"there is no folder {places['dir']} to keep {places['dbfilename']} in")
        if not os.access(places["dir"], os.W_OK):
            raise PermissionError(f"nothing can be saved in {places['dir']}: no permission to write there")
    else:
        os.makedirs(path, exist_ok=True)
        places = {"dir": path, "appendonly": "yes", "save": ""}
        lock = os.path.join(path, "minidis.lock")
    release = _lock_place(path, lock)
    try:
        node = Embedded({**places, **(config or {})}, disk=RealDisk(), **options)
    except BaseException:
        release()
        raise
    node._release = release
    interrupts.postpone()
    atexit.register(node.close)
    return node


def _lock_place(path: str, lock: str) -> Callable[[], None]:
    """Let no other node open this file or folder: of two, the one that is closed last would win.

    The lock ends with the process, too.  Returns what ends it before.
    """
    disk = RealDisk()
    try:
        disk.lock(lock)
    except DiskError as error:
        if error.code not in ("EAGAIN", "EWOULDBLOCK"):
            raise
        raise BlockingIOError(
            errno.EAGAIN, "another node has it open, here or in another process: close() that first", path
        ) from None

    def release() -> None:
        with suppress(DiskError):  # the folder may be gone; a file that stays behind is locked by nobody
            disk.unlock(lock)

    return release


_default_node: Embedded | None = None


def default_node() -> Embedded:
    """The node of this process that `minidis.connect()` and `%%redis` share; made at the first call."""
    global _default_node
    if _default_node is None:
        _default_node = Embedded()
    return _default_node


def to_bytes(word: str | bytes | int | float) -> bytes:
    """One argument as redis-py would encode it.

    >>> to_bytes("é"), to_bytes(7), to_bytes(0.5)
    (b'\\xc3\\xa9', b'7', b'0.5')
    """
    if isinstance(word, bytes):
        return word
    if isinstance(word, str):
        return word.encode()
    if isinstance(word, bool) or not isinstance(word, int | float):
        raise TypeError(f"a command's word must be bytes, str, int or float, not {type(word).__name__}")
    return repr(word).encode()
