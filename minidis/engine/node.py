"""A node: one Redis instance, without a socket, a thread, a file or a clock of its own.

Time and randomness are handed in; whoever drives the node calls it and takes what it wants done:

    node = Node(clock=lambda: 0)
    client = node.connect()
    node.execute(client, [b"SET", b"k", b"v"])      Python values in, Python values out
    node.tick()                                     expiry, timeouts: what Redis does `hz` times a second
    node.before_sleep()                             all that had come is done: what is due once for all of it
    node.next_deadline_us()                         when tick() is wanted next
    node.pending_output                             clients whose outbox holds late replies and messages
    node.peers.outbox                               connections that the node itself asks for (peers.py)

The same node lives in three worlds (minidis/drivers): in the kernel, behind TCP, in a simulation.

A command's way:

    execute   the name becomes a Command; one look at two flags (gated?)
    call      the handler runs; what it changed is entered into the journal
    handler   commands/*.py
    find / edit / touch      database.py

Mirrors: `processCommand`, `call`, `serverCron` in server.c.
Differs: no global server struct, no I/O.
Complexity: O(1) around the handler; about 1 us for a GET in CPython.

>>> node = Node(clock=lambda: 0)
>>> client = node.connect()
>>> node.execute(client, [b"SET", b"greeting", b"hello"]), node.execute(client, [b"GET", b"greeting"])
('OK', b'hello')

Read next: keyspace/database.py.
"""

from __future__ import annotations

import random as random_module
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from minidis.engine import errors, pausing, transactions
from minidis.engine.access_control import protection
from minidis.engine.access_control.users import Users
from minidis.engine.client import Client
from minidis.engine.command_table.registry import ALLOWED_IN_MULTI, COMMANDS, Command, CommandTable, Flag
from minidis.engine.durability import holding
from minidis.engine.durability.append_only_file import AppendOnlyFile
from minidis.engine.durability.disk import Disk, DiskError, MemoryDisk, NodeFailure
from minidis.engine.durability.saving import Saving
from minidis.engine.durability.snapshots import Background
from minidis.engine.journal import Journal
from minidis.engine.keyspace import expiry
from minidis.engine.keyspace.database import Database
from minidis.engine.keyspace.indexing import Indexing
from minidis.engine.libraries import Libraries
from minidis.engine.measuring.latency import LatencyMonitor
from minidis.engine.measuring.slowlog import SlowLog
from minidis.engine.measuring.statistics import Statistics
from minidis.engine.memory import access
from minidis.engine.memory.client_memory import ClientMemory
from minidis.engine.memory.eviction import Evictor
from minidis.engine.memory.lazyfree import LazyFree
from minidis.engine.memory.ledger import MemoryLedger
from minidis.engine.messages.monitoring import Monitors
from minidis.engine.messages.notifications import Notifier
from minidis.engine.messages.pubsub import SUBSCRIBER_COMMANDS, PubSub
from minidis.engine.messages.tracking import Tracking
from minidis.engine.peers import Aside, Peers
from minidis.engine.settings.config import DEFAULTS, Config, ConfigError
from minidis.engine.shutdown import Shutdown
from minidis.engine.transactions import Watchers
from minidis.engine.version import VERSION as VERSION
from minidis.engine.waiting import WAITING, Wait, WaitingRoom
from minidis.protocol.replies import ReplyError
from minidis.structures.dicttable import DictTable
from minidis.structures.record import field_names
from minidis.values.encodings import Encodings

if TYPE_CHECKING:
    from minidis.engine.durability.loading import Arrival

Clock = Callable[[], int]
"""Unix time in microseconds."""

LONG_TURN_US = 2000
"""When the services have taken so long, the clients come next, and the cron in a later turn; unless it is
late by a tenth of its period already. So from hz 50 on, where that is as long, it gives way to nobody."""

_THRESHOLDS = DEFAULTS.keys() & set(field_names(Encodings))


def _touches_data(command: Command) -> bool:
    return bool(command.flags & (Flag.READONLY | Flag.WRITE | Flag.MAY_REPLICATE))


Guard = Callable[[Client, Command, list[bytes]], None]
"""Looks at a command before it runs, and raises the ReplyError that keeps it from running (`node.guards`).

`node.router` is another: in a cluster it finds out first whether the command belongs here at all.
"""

PARTS: list[Callable[[Node], None]] = []
"""What the rooms above add to every node, such as its part in replication; filed as they are imported."""


def _has_nobody_to_talk_to(aside: Aside, until_us: int) -> None:
    aside.refuse_all("there is no network")


class Service(Protocol):
    """What works between commands: a snapshot under way, the append-only file, a replication link.

    `node.services` holds those that are on; each says itself when it wants to be called.
    """

    def tick(self) -> None:
        """Do what is due at `node.now_us`."""

    def next_deadline_us(self) -> int | None:
        """When `tick` is wanted next (unix time in microseconds); None: never, as things stand."""


class Node:
    """One instance.  `clock` answers unix time in microseconds; `random` decides every lot it draws."""

    # What every command looks at: a slot is read faster than an entry in a dict of eighty.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "changes",
        "clock",
        "commands",
        "gated",
        "journal",
        "next_tick_us",
        "now_us",
        "observed",
        "pending_output",
        "stopwatch_ns",
        "unwritten",
        "waiting",
        "works_at_once",
    )

    def __init__(
        self,
        config: Mapping[str, Any] | Config | None = None,
        clock: Clock = lambda: 0,
        random: random_module.Random | None = None,
        commands: CommandTable | None = None,
        table: type = DictTable,
        disk: Disk | None = None,
    ) -> None:
        self.config = config if isinstance(config, Config) else Config(config)
        self.config.on_change = self._config_changed
        self.clock = clock
        self.stopwatch_ns: Callable[[], int] = lambda: self.clock() * 1000  # a driver may have a finer one
        self.disk = disk or MemoryDisk()
        self.log: Callable[[str, str], None] = lambda level, text: None  # the driver's: a line for its log
        self.random = random or random_module.Random(0)
        self.commands = (commands or COMMANDS).for_a_node()
        self.now_us = clock()
        self.started_us = self.now_us
        self.run_id = f"{self.random.getrandbits(160):040x}"
        self.encodings = Encodings()
        self.databases = [Database(self, index, table) for index in range(self.config.databases)]
        self.clients: dict[int, Client] = {}
        self.next_client_id = 1
        self.pending_output: dict[int, Client] = {}
        self.journal = Journal()
        self.waiting = WaitingRoom(self)
        self.watchers = Watchers(self)
        self.pubsub = PubSub()
        self.users = Users(self)
        self.monitors = Monitors(self)
        self.tracking = Tracking(self)
        self.pause = pausing.Pause(self)
        self.current_client: Client | None = None  # who sent the running command; known while `gated`
        self.notifier = Notifier(self)
        self.memory = MemoryLedger(self)
        self.peers = Peers(self)
        self.talk: Callable[[Aside, int], None] = _has_nobody_to_talk_to  # the driver's: see Aside
        self.on_disconnect: list[Callable[[Client], None]] = []
        self.client_memory = ClientMemory(self)
        self.indexing = Indexing(self)
        self.eviction = Evictor(self)
        self.lazy_free = LazyFree(self)
        self.sleep: Callable[[int], None] = lambda duration_us: None  # the driver's: let time pass
        self.purge_memory: Callable[[], None] = lambda: None  # the driver's: MEMORY PURGE
        self.works_at_once = True  # the driver's: not where others wait while SCAN makes its index, say
        self.on_shutdown: Callable[[], object] | None = None  # the driver's: end the process
        self.on_restart: Callable[[int], object] | None = None  # and begin it anew, after milliseconds
        self.on_crash: Callable[[str], object] | None = None  # and let it die in the way DEBUG was asked for
        self.skips_checksums = False  # of files and payloads, as DEBUG says
        self.shutdown = Shutdown(self)
        self.background = Background(self)
        self.saving = Saving(self)
        self.append_only = AppendOnlyFile(self)
        self.memory.add_part("aof.buffer", self.append_only.buffered_bytes, grows_by_eviction=True)
        self.loading: Arrival | None = None  # a dataset is being loaded: most commands answer LOADING
        self.unwritten = False  # files must be brought up to date before replies go out: see `write_out`
        self.failure = ""  # why it must end
        self.replicas_synced: Callable[[Client], int] = lambda client: 0  # for WAITAOF
        self.scripting: Any = None  # minidis/scripting puts its state here when the first script comes
        self.on_script_step: Callable[[Any], None] | None = None  # the driver's: called while a script runs
        self.open_debug_console: Any = None  # the driver's: a client to talk to in the middle of a script
        self.scripts_run_everything = False  # as DEBUG SET-DISABLE-DENY-SCRIPTS says
        self.libraries = Libraries()
        self._begin_counting()
        self._let_others_in()
        self._config_changed(list(DEFAULTS))
        self.append_only.follows_config = True
        for attach in PARTS:
            attach(self)

    def _begin_counting(self) -> None:
        """The figures, and what the cron and the services need at the start."""
        self.changes = 0
        self.statistics = Statistics(self)
        self.slowlog = SlowLog(self)
        self.config_file = ""  # the redis.conf that this node was started with, for CONFIG REWRITE
        self.process_facts: Callable[[str], dict[str, object]] = lambda section: {}  # the driver's, for INFO
        self.latency = LatencyMonitor(self)
        self.expired_keys = 0
        self.connections_received = 0
        self.attack_logged_us: int | None = None  # when protection.py last wrote about one
        self.is_replica = False  # of another node (minidis/distributed says so)
        self.is_writable_replica = False
        self.deletes_expired_keys = True  # a replica leaves that to its primary; see hold_expiry
        self._expiry_held_by: set[str] = set()
        self.active_expiry = True
        self.cron_is_paused = False
        self.active_cycle = expiry.active_cycle
        self.raise_counter, self.decay_counter = access.raise_counter, access.decayed_counter
        self.expiry = expiry.Progress(self)
        self.last_cycle: expiry.Cycle | None = None
        self.next_cron_us = self.now_us
        self.next_tick_us = self.now_us  # no later than the next deadline

    def _let_others_in(self) -> None:
        """The places where rooms above, drivers and views hang themselves in."""
        self.services: list[Service] = []
        self.go_on: Callable[[Client], object] = lambda client: None  # the driver's: with what it had sent
        self.guards: list[Guard] = []
        self.router: Guard | None = None
        self.writers: list[Callable[[], None]] = []  # of other files than the log: called by `write_out`
        self.cluster: Any = None  # its part in a cluster, where cluster-enabled says so
        self.config_listeners: list[Callable[[list[str]], None]] = []
        self.on_reset_statistics: list[Callable[[], None]] = []  # CONFIG RESETSTAT
        self.replication: Any = None  # its part in replication (minidis/distributed), where that is imported
        self.sentinel: Any = None  # set where this node is a Sentinel: it has no dataset then
        self.writer: Client | None = None  # whose change has entered the journal last
        self.obeys = False  # the running command comes from the primary: expired keys are still there for it
        self.key_listeners: list[Callable[[Database, bytes, str], None]] = []
        self.command_listeners: list[Callable[[Client, list[bytes], Any], None]] = []
        self.observed = False  # someone must be told when a key is touched
        self.gated = False  # something must be looked at before every command

    # -- running commands -------------------------------------------------------------------------

    def execute(self, client: Client, argv: list[bytes]) -> Any:
        """Run one command for `client` and answer its reply value.

        Answers `WAITING` when the command waits for a key: the reply then comes by the client's
        outbox.  Raises ReplyError for an error reply.
        """
        command, clock = self.commands.spelled[argv[0]], self.clock  # `self.clock()` would look for a method
        self.now_us = clock()
        if client.gated or self.gated or command is None:
            if command is None:
                command = self.commands.spelled_subcommands[tuple(argv[:2])]
            if client.only_queues and not self.gated and command is not None and command.queues(len(argv)):
                client.last_command = command.name
                client.transaction.add(client, command, argv)  # type: ignore[union-attr]
                return "QUEUED"
            if client.gated or self.gated or command is None:
                return self._execute_gated(client, command, argv)
        reply = self.run(client, command, argv)  # as `call` does, without another step
        if type(reply) is Wait:
            reply = self._let_wait(client, command, argv, reply)
        if self.waiting.ready:
            self.waiting.serve()
        return reply

    def call(self, client: Client, command: Command, argv: list[bytes]) -> Any:
        """Run a command's handler, journal its effect, park it when it waits.  EXEC and Lua come here too."""
        reply = self.run(client, command, argv)
        return self._let_wait(client, command, argv, reply) if type(reply) is Wait else reply

    def _let_wait(self, client: Client, command: Command, argv: list[bytes], wait: Wait) -> Any:
        """Park a command that must wait, or answer for it where nothing may wait."""
        if client.in_execution:
            self.statistics.note_duration(client, command, argv, 0)
            return wait.reply_without_waiting()
        command.calls -= 1  # it is counted when it is served
        self.waiting.park(client, command, argv, wait)
        return WAITING

    def call_watched(self, client: Client, command: Command, argv: list[bytes]) -> Any:
        """`call`, and tell those who sent MONITOR."""
        self.monitors.announce(client, command, argv)
        try:
            if client.no_touch and command.name != "touch":
                with access.no_trace(client, command, argv):
                    return self.call(client, command, argv)
            return self.call(client, command, argv)
        finally:
            self.monitors.tell(client, command, argv)
            if client.tracking is not None:
                self.tracking.remember(client, command, argv)

    def run(self, client: Client, command: Command, argv: list[bytes]) -> Any:
        """The inner step of `execute` and `call`: the handler, then the journal.  May answer a `Wait`."""
        before = self.changes
        client.last_command = command.name
        client.last_command_us = self.now_us
        try:
            return command.invoke(client, argv)
        except ReplyError as error:
            self._note_failure(command, argv, error)
            raise
        except errors.WrongUsage:
            failure = errors.wrong_usage(argv)
            self._note_failure(command, argv, failure)
            raise failure from None
        finally:  # also after a failure: what it changed before stays changed, and must be known
            command.calls += 1  # now, not before: an INFO tells what was called until then
            if client.journal_commands is not None:
                self.journal_effects(client, self.changes != before)
            elif self.changes != before and self.journal.subscribers:
                self.writer = client
                self.journal.enter(client.db.index, argv)

    def _note_failure(self, command: Command, argv: list[bytes], error: ReplyError) -> None:
        self.statistics.note_failure(command, argv, error)
        if not command.accepts(len(argv)):
            command.calls -= 1  # it has not run, and will be counted

    def journal_effects(self, client: Client, changed: bool) -> None:
        """Enter what the handler stated by `client.rewrite`, if it changed anything or always counts."""
        commands, client.journal_commands = client.journal_commands, None
        changed, client.journals_always = changed or client.journals_always, False
        if changed and commands:
            self.writer = client
            if len(commands) == 1:
                self.journal.enter(client.db.index, commands[0])
                return
            self.journal.begin_group()
            for entry in commands:
                self.journal.enter(client.db.index, entry)
            self.journal.end_group()

    def _execute_gated(self, client: Client, command: Command | None, argv: list[bytes]) -> Any:
        """The careful way of `execute`: unknown names, AUTH, MULTI, memory limits, listeners."""
        if self.shutdown.is_over:
            return WAITING  # for ever
        try:
            if command is None:
                if protection.is_http(argv) and not client.closed:
                    protection.abort(client)
                    return WAITING  # for ever
                command = self.commands.find(argv)
            client.last_command = command.name
            is_asking = client.is_asking
            self._admit(client, command, argv)
            if client.outbox and client.send_now is not None:  # keys that had to go for this command
                client.send_now()
            topic = self._postpones(client, command, argv)
            if topic is not None:
                client.is_asking = is_asking  # it takes its whole way anew
                self.waiting.park(client, command, argv, Wait(topic=topic, postponed=True))
                return WAITING
            transaction = client.transaction if command.name not in ALLOWED_IN_MULTI else None
            if transaction is not None:
                transaction.add(client, command, argv)
        except ReplyError as error:
            error = transactions.rejected(client, command, argv, error)
            self.statistics.note_rejection(command, error)
            self._tell_command_listeners(client, argv, error)
            raise error from None
        interrupted, self.current_client = self.current_client, client  # by way of its slow script
        try:
            reply = "QUEUED" if transaction is not None else self.call_watched(client, command, argv)
        except ReplyError as error:
            self._tell_command_listeners(client, argv, error)
            raise
        finally:
            self.current_client = interrupted
            if self.tracking.clients or self.tracking.own_news:
                self.tracking.command_ended(client, command)
        self._tell_command_listeners(client, argv, reply)
        if self.waiting.ready:
            self.waiting.serve()
        return reply

    def _postpones(self, client: Client, command: Command, argv: list[bytes]) -> str | None:
        """What must happen before this command may begin; None: nothing."""
        if self.pause.active and self.pause.holds(client, command, argv):
            return pausing.OVER
        if self.background.holds_back and not client.is_obeyed and holding.holds(client, command, argv):
            return holding.WRITTEN
        return None

    def execute_postponed(self, client: Client, argv: list[bytes]) -> Any:
        """Run a command that a pause has kept from beginning: an error is its reply too."""
        try:
            return self._execute_gated(client, None, argv)
        except ReplyError as error:
            return error

    def _admit(self, client: Client, command: Command, argv: list[bytes]) -> None:
        """Raise the error that keeps `command` from running at all."""
        command.check_arity(argv)
        if self.config.maxmemory_clients:
            self.client_memory.admit(client)
        if command.is_protected:
            protection.admit(client, command)
        if client.closed:
            raise ReplyError("ERR this connection is closed")
        if client.parked is not None:
            raise ReplyError("ERR this client waits for a key; use another client, or CLIENT UNBLOCK")
        if (
            not client.authenticated
            and not command.flags & Flag.NO_AUTH
            and self.users.authentication_required
        ):
            raise ReplyError(errors.NO_AUTH)
        if client.transaction is not None and command.is_refused_in_multi:
            raise ReplyError("ERR Command not allowed inside a transaction")
        if not client.user.unrestricted:
            self.users.admit(client, command, argv)
        if self.router is not None:
            self.router(client, command, argv)
        command = command.as_requested(client, argv)
        if self.config.maxmemory and self.eviction.refuses(transactions.may_grow(client, command)):
            raise ReplyError(errors.OUT_OF_MEMORY)
        for guard in self.guards:
            guard(client, command, argv)
        if client.limited_to_pubsub and command.name not in SUBSCRIBER_COMMANDS:
            raise ReplyError(
                f"ERR Can't execute '{command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                "RESET are allowed in this context"
            )
        if client.role == "replica" or client.id in self.monitors.clients:
            if transactions.is_or_runs(client, command, _touches_data):
                raise ReplyError("ERR Replica can't interact with the keyspace")

    def _tell_command_listeners(self, client: Client, argv: list[bytes], reply: Any) -> None:
        for listener in tuple(self.command_listeners):
            listener(client, argv, reply)

    # -- clients ----------------------------------------------------------------------------------

    def connect(self, name: str = "", address: str = "embedded") -> Client:
        """A new client in database 0, speaking RESP2."""
        client = Client(self, self.next_client_id, name, address)
        self.next_client_id += 1
        self.connections_received += 1
        self.clients[client.id] = client
        return client

    def disconnect(self, client: Client) -> None:
        """The connection is gone: what it waited for, watched and queued goes with it."""
        self.waiting.leave(client)
        self.watchers.unwatch(client)
        self.pubsub.leave(client)
        self.monitors.leave(client)
        self.tracking.stop(client)
        client.transaction = None
        client.closed = True
        client.update_gate()
        self.clients.pop(client.id, None)
        self.pending_output.pop(client.id, None)
        for leave in self.on_disconnect:
            leave(client)
        if client.on_close is not None:
            client.on_close()

    # -- time -------------------------------------------------------------------------------------

    @property
    def mode(self) -> str:
        """What it is: "standalone", "cluster" or "sentinel"."""
        if self.sentinel is not None:
            return "sentinel"
        return "cluster" if self.config.cluster_enabled else "standalone"

    @property
    def checks_sums(self) -> bool:
        """Are check sums of snapshots compared?"""
        return self.config.rdbchecksum and not self.skips_checksums

    @property
    def process_id(self) -> object:
        """The number of the process that is this node's own; None where there is none."""
        return self.process_facts("server").get("process_id")

    @property
    def now_ms(self) -> int:
        """The time of the running command, unix milliseconds.  It stands still while a command runs."""
        return self.now_us // 1000

    def tick(self) -> None:
        """Do what is due: timeouts of waiting clients, services, `hz` times a second the cron's own work.

        Nothing of it in the midst of a script: a slow one lets other threads call, and one may come here. A
        snapshot that began now would have half of what the script changes, and the log or stream all of it.
        """
        if self.journal.depth:
            return
        self.now_us = self.clock()
        if self.next_cron_us > self.now_us + 1_000_000 // self.config.hz:  # the system's clock was put back
            self.next_cron_us = self.now_us
            self.background.hurry()
        if self.waiting.parked:
            self.waiting.expire(self.now_ms)
        for service in tuple(self.services):
            service.tick()
        if self.now_us >= self.next_cron_us and not self._is_turn_long():
            self._cron()
        if self.pause.released:
            self.pause.let_go()
        if self.waiting.ready:
            self.waiting.serve()
        if self.tracking.owes_broadcast and not self.tracking.has_turns:
            self.tracking.broadcast()  # what expired by itself
        self.write_out()
        self.next_tick_us = self.next_deadline_us()

    def _is_turn_long(self) -> bool:
        """Have the services taken so long that the cron had better come in another turn?"""
        now_us = self.clock()
        is_late = (now_us - self.next_cron_us) * 10 >= 1_000_000 // self.config.hz
        return not is_late and now_us - self.now_us > LONG_TURN_US

    def wake(self, at_us: int) -> None:
        """Have `tick` called at this time, or earlier: a service has just begun."""
        self.next_tick_us = min(self.next_tick_us, at_us)

    def write_out(self) -> None:
        """Bring the files up to date; a driver does so before replies leave.  Raises NodeFailure."""
        if self.unwritten:
            if self.failure:
                self.fail(self.failure)
            for write in self.writers:
                write()
            self.unwritten = False
            if self.append_only.unwritten:
                self.append_only.flush()

    def fail(self, reason: str) -> NoReturn:
        """Raise NodeFailure now, and whenever something is to be written out from now on.

        It may come in the midst of a command, whose caller answers any exception with an error and goes on;
        but no reply of that turn may leave.
        """
        self.failure = reason
        self.unwritten = True
        raise NodeFailure(reason) from None

    def before_sleep(self) -> None:
        """The driver has served everyone who was there, and is about to wait for more."""
        if self.expiry.out_of_time and self.active_expiry and self.deletes_expired_keys:
            expiry.fast_cycle(self)
        if self.tracking.owes_broadcast:
            self.tracking.broadcast()
        if self.client_memory.counting:
            self.client_memory.evict()

    def _cron(self) -> None:
        self.next_cron_us = self.now_us + 1_000_000 // self.config.hz
        self.statistics.tick(self.now_us)
        if self.cron_is_paused:
            return
        if self.shutdown.is_wanted:
            self.shutdown.cron()
        self.saving.cron()
        self.append_only.rewriting.cron()
        if self.active_expiry and self.deletes_expired_keys:
            started_ns = self.stopwatch_ns()
            self.last_cycle = self.active_cycle(self)
            self.latency.sample("expire-cycle", (self.stopwatch_ns() - started_ns) // 1_000_000)
        if self.client_memory.counting:
            self.client_memory.weigh_all()
            self.client_memory.evict()
        if self.config.activerehashing:
            for database in self.databases:
                if not database.table and not database.table.is_rehashing:
                    continue  # most are empty
                database.table.rehash_step(100)
                database.expires.rehash_step(100)
                if database.table.is_behind and not self.indexing.see_to(database.table):
                    database.table.take_in()

    def exchange_table(self, table: Any, target: Any) -> bool:
        """Let `target` take the place of a database's table; False if no database has it any more."""
        self.indexing.exchange(table, target)
        return any(database.exchange(table, target) for database in self.databases)

    def hold_expiry(self, reason: str, held: bool) -> None:
        """Stop deleting keys whose time has passed (they are hidden), or go on when no reason is left."""
        (self._expiry_held_by.add if held else self._expiry_held_by.discard)(reason)
        self.deletes_expired_keys = not self._expiry_held_by

    def next_deadline_us(self) -> int:
        """The time at which `tick` has something to do; in the midst of a script never."""
        if self.journal.depth:
            return sys.maxsize
        deadline_us = self.next_cron_us
        if self.waiting.ready or self.pause.released:
            return self.now_us
        if self.waiting.parked and (waiting_ms := self.waiting.next_deadline_ms()) is not None:
            deadline_us = min(deadline_us, waiting_ms * 1000)
        for service in self.services:
            if (service_us := service.next_deadline_us()) is not None:
                deadline_us = min(deadline_us, service_us)
        return deadline_us

    # -- those who look on ------------------------------------------------------------------------

    def key_changed(self, database: Database, key: bytes, event: str, modified: bool = True) -> None:
        """Tell everyone who asked that a key was touched.  Reached through `Database.touch`."""
        if modified:
            self.watchers.key_changed(database, key, event)
            self.waiting.key_changed(database.index, key, event)
            if self.tracking.clients:
                self.tracking.key_changed(key, event)
        if self.memory.counting:
            self.memory.key_changed(database, key)
        for listener in self.key_listeners:
            listener(database, key, event)

    def keys_looked_at(self, *databases: Database) -> list[bytes]:
        """The keys there for which somebody watches or waits; all, if somebody listens to every key."""
        tables = {database.index: database.table for database in databases}
        if self.key_listeners or self.watchers.hear_of_every_key:
            return list(dict.fromkeys(key for table in tables.values() for key in table))
        places = [place for place in (*self.watchers.clients, *self.waiting.queues) if type(place) is tuple]
        keys = dict.fromkeys(key for index, key in places if index in tables)
        return [key for key in keys if any(key in table for table in tables.values())]

    def update_observed(self) -> None:
        """Work out the two flags that keep the hot path short."""
        self.observed = bool(
            self.key_listeners
            or self.watchers.clients
            or self.waiting.queues
            or self.memory.counting
            or self.tracking.clients
        )
        self.gated = bool(
            self.command_listeners
            or self.config.maxmemory
            or self.config.maxmemory_clients
            or self.monitors.clients
            or self.guards
            or self.router is not None
            or self.tracking.clients
            or self.pause.active
            or self.background.holds_back
            or self.shutdown.is_over
        )

    def set_guard(self, guard: Guard, wanted: bool) -> None:
        """Let `guard` look at every command from now on, or no longer."""
        if wanted != (guard in self.guards):
            (self.guards.append if wanted else self.guards.remove)(guard)
            self.update_observed()

    def listen_to_keys(self, listener: Callable[[Database, bytes, str], None]) -> Callable[[], None]:
        """Call `listener(database, key, event)` at every touch.  Returns the function that ends it."""
        return self._listen(self.key_listeners, listener)

    def listen_to_commands(self, listener: Callable[[Client, list[bytes], Any], None]) -> Callable[[], None]:
        """Call `listener(client, argv, reply)` after every command; an error reply is a ReplyError value."""
        return self._listen(self.command_listeners, listener)

    def _listen(self, listeners: list, listener: Callable) -> Callable[[], None]:
        listeners.append(listener)
        self.update_observed()

        def stop() -> None:
            listeners.remove(listener)
            self.update_observed()

        return stop

    # -- configuration ----------------------------------------------------------------------------

    def _config_changed(self, attributes: list[str]) -> None:
        for attribute in _THRESHOLDS.intersection(attributes):
            setattr(self.encodings, attribute, getattr(self.config, attribute))
        if self.append_only.follows_config:
            self._persistence_changed(attributes)
        if "maxmemory" in attributes:
            self.memory.update()
        if "maxmemory" in attributes or "maxmemory_clients" in attributes:
            self.client_memory.update()
        if "maxmemory_policy" in attributes:
            access.update_bookkeeping(self)
        if "requirepass" in attributes:
            self.users.set_default_password(self.config.requirepass)
        if "acl_pubsub_default" in attributes:
            self.users.book.all_channels = self.config.acl_pubsub_default == "allchannels"
        if "client_output_buffer_limit" in attributes or "repl_backlog_size" in attributes:
            self.users.update_gates()
        self.statistics.update()
        self.slowlog.trim()
        self.tracking.trim()
        if "notify_keyspace_events" in attributes:
            self.notifier.update()
        self.update_observed()
        for listener in self.config_listeners:
            listener(attributes)

    def _persistence_changed(self, attributes: list[str]) -> None:
        if "appendonly" in attributes:
            try:
                self.append_only.update()
            except DiskError as error:
                self.log("warning", str(error))
                raise ConfigError("Unable to turn on AOF. Check server logs.", "appendonly") from None
        if "aof_disable_auto_gc" in attributes:
            self.append_only.files.remove_history()
        if "save" in attributes:
            self.saving.ignores_save_points = False
        self.saving.update_guard()

    def check(self) -> None:
        """Raise AssertionError if any database or value breaks an invariant.  O(N)."""
        for database in self.databases:
            database.check()
