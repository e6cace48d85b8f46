"""One run of a script or function: what it may do, and each command that it sends.

    EVAL "return redis.call('INCR', KEYS[1])" 1 hits
      |
      ScriptRun(client, flags ...)          who called it, read-only or not, out of memory or not
      |
      execute([b"INCR", b"hits"])           checks of its own, then the same `call` as any other command

A script's commands run for a client of its own, which sits in the caller's database and may do what the
caller's user may.  What they change is entered into the journal one by one (effects, not the script), and
held together as a group: on a replica a script arrives whole or not at all.

The node's clock stands while a script runs, so a key does not expire in the middle of one.

Mirrors: script.c.
Complexity: O(1) for each command, on top of the command's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidis.engine import errors
from minidis.engine.command_table.registry import Command, Flag
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import ReplyError
from minidis.scripting.conversion import text_from_lua

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.node import Node

FLAGS = ("no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys")
"""What a script or a function may say of itself."""

COMMANDS_BETWEEN_STEPS = 1000
"""Lua's hook counts instructions, which may be seconds apart where many of them are commands."""

READ_ONLY = "ERR Write commands are not allowed from read-only scripts."


def flags_as_command(of_command: Flag, declared: frozenset[str] | None) -> Flag:
    """What EVAL or FCALL is when the script's own flags say it; without a `#!` line (None) anything may come.

    Source: scriptFlagsToCmdFlags, scriptPrepareForRun.
    """
    if declared is None:
        return of_command & ~Flag.STALE
    flags = of_command & ~(Flag.STALE | Flag.DENYOOM | Flag.WRITE | Flag.MAY_REPLICATE)
    if "no-writes" not in declared:
        flags |= Flag.WRITE
    if not declared & {"no-writes", "allow-oom"}:
        flags |= Flag.DENYOOM
    if "allow-stale" in declared:
        flags |= Flag.STALE
    return flags


class ScriptRun:
    """What is known of the script that runs now."""

    def __init__(
        self,
        caller: Client,
        client: Client,
        name: bytes,
        flags: frozenset[str] | None,
        read_only: bool,
        is_eval: bool,
    ) -> None:
        """`flags` is None for a script without a shebang line; `read_only` for the _RO commands."""
        self.caller, self.client = caller, client
        self.node: Node = caller.node
        self.name, self.flags, self.is_eval = name, flags, is_eval
        self.read_only = read_only or (flags is not None and "no-writes" in flags)
        self.allows_oom = flags is not None and "allow-oom" in flags
        self.command: list[bytes] = []  # as the caller sent it, for FUNCTION STATS
        self.wrote = False
        self.killed: bytes | None = None  # the error that ends it
        self.is_slow = False
        self.commands_to_step = COMMANDS_BETWEEN_STEPS
        self.resp3 = False
        self.started_us = self.node.clock()
        replication = self.node.replication
        self.out_of_memory = self.is_stale = False
        if not caller.is_obeyed:  # nothing may stop what has happened already
            self.out_of_memory = bool(self.node.config.maxmemory) and self.node.eviction.out_of_memory
            self.is_stale = replication is not None and replication.admission.is_stale
        self.slot: int | None = None  # in a cluster: of the keys declared, or of the first that it uses
        if self.node.cluster is not None:
            self.slot = self.node.cluster.redirection.slot
        # as of a client: something must be looked at before every command
        self.gated = (
            self.is_stale
            or self.read_only
            or self.out_of_memory
            or not caller.user.unrestricted
            or self.node.cluster is not None
            or self.node.scripts_run_everything
        )

    def admit(self, asked_read_only: bool) -> None:
        """Raise the error that keeps a script with flags from running at all."""
        if self.flags is None:
            return
        if self.node.cluster is not None and "no-cluster" in self.flags:
            raise ReplyError("ERR Can not run script on cluster, 'no-cluster' flag is set.")
        if asked_read_only and "no-writes" not in self.flags:
            raise ReplyError("ERR Can not execute a script with write flag using *_ro command.")
        if self.out_of_memory and not self.flags & {"allow-oom", "no-writes"}:
            raise ReplyError(errors.OUT_OF_MEMORY)

    def enter(self) -> None:
        """Put the script's client where the caller is."""
        self.client.db = self.caller.db
        self.client.user = self.caller.user
        self.client.protocol = 2

    def may_run(self, command: Command, argv: list[bytes]) -> bool:
        """May the caller's user run this command?"""
        return self.caller.user.check(command, argv) is None

    def execute(self, argv: list[bytes]) -> Any:
        """Run one command for the script and answer its reply value.  Raises ReplyError."""
        node, client = self.node, self.client
        command = node.commands.spelled[argv[0]]
        if command is None:
            command = self._look_up(argv)
        try:
            self._admit_command(command, argv)
        except ReplyError as error:
            node.statistics.note_rejection(command, error)
            raise
        if command.is_write:
            self.wrote = True
        run = node.call_watched if node.monitors.clients else node.call
        reply = run(client, command, argv)
        assert reply is not WAITING  # a script's client never waits: in_execution
        self.commands_to_step -= 1
        if not self.commands_to_step:
            self._step()
        if self.caller.tracking is not None:
            node.tracking.remember(self.caller, command, argv)
        return reply

    def _step(self) -> None:
        self.commands_to_step = COMMANDS_BETWEEN_STEPS
        reason = self.node.scripting.step()
        if reason is not None:
            raise ReplyError(text_from_lua(reason))

    def _look_up(self, argv: list[bytes]) -> Command:
        try:
            return self.node.commands.find(argv)
        except ReplyError:
            unknown = ReplyError("ERR Unknown Redis command called from script")
            self.node.statistics.note_error(unknown)
            raise unknown from None

    def _admit_command(self, command: Command, argv: list[bytes]) -> None:
        count, arity = len(argv), command.arity
        if count < -arity if arity < 0 else count != arity:
            raise ReplyError("ERR Wrong number of args calling Redis command from script")
        if command.is_refused_in_scripts and not self.node.scripts_run_everything:
            raise ReplyError("ERR This Redis command is not allowed from script")
        if self.gated:
            self._admit_gated(command, argv)
        elif command.is_write and not self.wrote:
            self._ask_guards(command, argv)

    def _admit_gated(self, command: Command, argv: list[bytes]) -> None:
        if self.is_stale and not command.flags & Flag.STALE:
            raise ReplyError("ERR Can not execute the command on a stale replica")
        self._check_permission(command, argv)
        if self.read_only and command.flags & (Flag.WRITE | Flag.MAY_REPLICATE):
            raise ReplyError(READ_ONLY)
        if command.is_write and not self.wrote:  # who has begun may go on
            self._ask_guards(command, argv)
        if self.out_of_memory and command.denies_oom and not self.allows_oom and not self.wrote:
            raise ReplyError(errors.OUT_OF_MEMORY)
        if self.node.cluster is not None:
            self._check_slot(command, argv)

    def _ask_guards(self, command: Command, argv: list[bytes]) -> None:
        if not self.caller.is_obeyed:
            for guard in self.node.guards:
                guard(self.client, command, argv)

    def _check_slot(self, command: Command, argv: list[bytes]) -> None:
        """All keys must be served here; those of a script with flags must lie in one slot."""
        slot = self.node.cluster.redirection.check_in_script(self.caller, command, argv)
        if slot is None or self.flags is None or "allow-cross-slot-keys" in self.flags:
            return
        if self.slot is None:
            self.slot = slot
        elif self.slot != slot:
            raise ReplyError("ERR Script attempted to access keys that do not hash to the same slot")

    def _check_permission(self, command: Command, argv: list[bytes]) -> None:
        user = self.caller.user
        if user.unrestricted:
            return
        denial = self.node.users.denial(self.client, command, argv, "lua")
        if denial is not None:
            raise ReplyError(f"NOPERM ACL failure in script: {denial.message(user)}")

    @property
    def elapsed_ms(self) -> int:
        """How long the script has run, by the node's clock."""
        return (self.node.clock() - self.started_us) // 1000
