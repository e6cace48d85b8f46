"""What a Sentinel knows: its primaries, and around each the replicas and the other Sentinels.

    Sentinel
      +-- Primary "mymaster" 10.0.0.1:6379    quorum, votes, the state of a failover
            +-- Replica 10.0.0.2:6379         as its INFO said last: offset, priority, whom it follows
            +-- Replica 10.0.0.3:6379
            +-- OtherSentinel <its id>        does it think the primary is down? whom has it voted for?

A primary is known by its *name*; behind the name stands an address, and a failover gives it another one.
Whatever was learned is a note with its time, because a Sentinel acts on what it heard *lately*.

Mirrors: sentinel.c (`sentinelRedisInstance`).
Differs: one class for each of the three kinds; Redis has one struct, and flags for all of it.

>>> primary = Primary("mymaster", Address("10.0.0.1", "10.0.0.1", 6379), 2, now_ms=0, periods=Periods())
>>> replica = Replica(Address("10.0.0.2", "10.0.0.2", 6379), primary, "10.0.0.2", now_ms=0)
>>> replica.name, primary.current_address.port, primary.flags()
('10.0.0.2:6379', 6379, ['master', 'disconnected'])

Read next: links.py, then role.py.
"""

from __future__ import annotations

from minidis.distributed.sentinel.links import InstanceLink
from minidis.structures.record import NamedTuple, field, record

DEFAULT_PARALLEL_SYNCS = 1
DEFAULT_PRIORITY = 100

FAILOVER_STATES = (
    "none",
    "wait_start",
    "select_slave",
    "send_slaveof_noone",
    "wait_promotion",
    "reconf_slaves",
    "update_config",
)
"""A failover goes through these in order (failover.py)."""


class Address(NamedTuple):
    """`host` as it was said, `ip` what it resolves to ("" while it does not)."""

    host: str
    ip: str
    port: int

    def is_same(self, other: Address) -> bool:
        """The same place, by address or by name."""
        same_ip = bool(self.ip) and self.ip == other.ip
        return self.port == other.port and (same_ip or self.host.lower() == other.host.lower())


@record
class Periods:
    """Times in milliseconds, which SENTINEL DEBUG shows and changes."""

    info_period: int = 10_000
    ping_period: int = 1_000
    ask_period: int = 1_000
    publish_period: int = 2_000
    default_down_after: int = 30_000
    default_failover_timeout: int = 180_000
    tilt_trigger: int = 2_000
    tilt_period: int = 30_000
    slave_reconf_timeout: int = 10_000
    min_link_reconnect_period: int = 15_000
    election_timeout: int = 10_000
    script_max_runtime: int = 60_000
    script_retry_delay: int = 30_000


class Instance:
    """What is common to the three kinds.  `kind` is "master", "slave" or "sentinel"."""

    kind = ""

    def __init__(self, name: str, address: Address, now_ms: int, down_after_ms: int) -> None:
        self.name = name
        self.address = address
        self.run_id = ""
        self.link = InstanceLink(now_ms)
        self.link.users.append(self)
        self.down_after_ms = down_after_ms
        self.is_s_down = False
        self.s_down_since_ms = 0
        self.last_published_ms = now_ms
        self.sent_script_kill = False

    @property
    def primary(self) -> Primary:
        """The primary that it belongs to: itself, if it is one."""
        raise NotImplementedError

    def flags(self) -> list[str]:
        """Its flags, as SENTINEL MASTERS shows them."""
        return [name for name, is_set in self._flags() if is_set]

    def _flags(self) -> list[tuple[str, bool]]:
        return [
            ("s_down", self.is_s_down),
            *self._flags_between(),
            (self.kind, True),
            ("disconnected", self.link.disconnected),
            *self._flags_after(),
            ("script_kill_sent", self.sent_script_kill),
        ]

    def _flags_between(self) -> list[tuple[str, bool]]:
        return []

    def _flags_after(self) -> list[tuple[str, bool]]:
        return []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {','.join(self.flags())}>"


class DataNode(Instance):
    """A primary or a replica: it has an INFO."""

    def __init__(self, name: str, address: Address, now_ms: int, down_after_ms: int) -> None:
        super().__init__(name, address, now_ms, down_after_ms)
        self.info = ""
        self.info_ms = 0
        """When its last INFO came; 0: none has."""
        self.reported_role = self.kind
        self.reported_role_since_ms = now_ms
        self.follows_host = ""
        self.follows_port = 0
        self.follows_since_ms = now_ms
        self.link_to_primary_is_up = False
        self.link_to_primary_down_ms = 0
        self.priority = DEFAULT_PRIORITY
        self.offset = 0
        self.is_announced = True

    def was_down_within(self, duration_ms: int, now_ms: int) -> bool:
        """True if it was, or seemed, down within this time."""
        return self.s_down_since_ms != 0 and now_ms - self.s_down_since_ms <= duration_ms


class Primary(DataNode):
    """A primary under watch, and all that is known around it."""

    kind = "master"

    def __init__(self, name: str, address: Address, quorum: int, now_ms: int, periods: Periods) -> None:
        super().__init__(name, address, now_ms, periods.default_down_after)
        self.quorum = quorum
        self.replicas: dict[str, Replica] = {}
        self.sentinels: dict[str, OtherSentinel] = {}
        self.parallel_syncs = DEFAULT_PARALLEL_SYNCS
        self.failover_timeout_ms = periods.default_failover_timeout
        self.reboot_down_after_ms = 0
        self.auth_password = ""
        self.auth_user = ""
        self.notification_script = ""
        self.client_reconfig_script = ""
        self.renamed_commands: dict[str, str] = {}
        self.is_o_down = False
        self.o_down_since_ms = 0
        self.is_rebooting = False
        self.rebooting_since_ms = 0
        self.config_epoch = 0
        self.leader = ""
        self.leader_epoch = 0
        """Whom this Sentinel has voted for, and in which epoch."""
        self.failover = Failover()

    @property
    def primary(self) -> Primary:
        return self

    @property
    def current_address(self) -> Address:
        """Where the primary is: at the promoted replica, as soon as that has changed its role."""
        failover = self.failover
        if failover.promoted is not None and failover.is_at_least("reconf_slaves"):
            return failover.promoted.address
        return self.address

    def was_down_within(self, duration_ms: int, now_ms: int) -> bool:
        latest_ms = max(self.s_down_since_ms, self.o_down_since_ms)
        return latest_ms != 0 and now_ms - latest_ms <= duration_ms

    def looks_sane(self, now_ms: int, info_period_ms: int) -> bool:
        """It says itself that it is the primary, lately, and is not down."""
        return (
            self.reported_role == "master"
            and not (self.is_s_down or self.is_o_down)
            and now_ms - self.info_ms < 2 * info_period_ms
        )

    def find_replica(self, address: Address) -> Replica | None:
        return next((one for one in self.replicas.values() if one.address.is_same(address)), None)

    def _flags_between(self) -> list[tuple[str, bool]]:
        return [("o_down", self.is_o_down)]

    def _flags_after(self) -> list[tuple[str, bool]]:
        return [
            ("failover_in_progress", self.failover.in_progress),
            ("force_failover", self.failover.is_forced),
            ("master_reboot", self.is_rebooting),
        ]


@record
class Failover:
    """Where the failover of a primary stands."""

    state: str = "none"
    state_since_ms: int = 0
    epoch: int = 0
    started_ms: int = 0
    """The last attempt, ours or one that we voted for; 0: none lately."""
    is_forced: bool = False
    promoted: Replica | None = None
    delay_told_for_ms: int = 0

    @property
    def in_progress(self) -> bool:
        return self.state != "none"

    def is_at_least(self, state: str) -> bool:
        return FAILOVER_STATES.index(self.state) >= FAILOVER_STATES.index(state)


class Replica(DataNode):
    """A replica of a primary.  Its name is its address."""

    kind = "slave"

    def __init__(self, address: Address, primary: Primary, shown_host: str, now_ms: int) -> None:
        super().__init__(host_and_port(shown_host, address.port), address, now_ms, primary.down_after_ms)
        self._primary = primary
        self.reconfiguration = ""
        """"sent": told to follow the new primary; "inprog": it says that it does; "done": it is connected."""
        self.reconfiguration_sent_ms = 0

    @property
    def primary(self) -> Primary:
        return self._primary

    @property
    def is_promoted(self) -> bool:
        return self._primary.failover.promoted is self

    def _flags_after(self) -> list[tuple[str, bool]]:
        return [
            ("promoted", self.is_promoted),
            *((f"reconf_{state}", self.reconfiguration == state) for state in ("sent", "inprog", "done")),
        ]


class OtherSentinel(Instance):
    """Another Sentinel that watches the same primary.  Its name is its id."""

    kind = "sentinel"

    def __init__(self, run_id: str, address: Address, primary: Primary, now_ms: int) -> None:
        super().__init__(run_id, address, now_ms, primary.down_after_ms)
        self.run_id = run_id
        self._primary = primary
        self.last_hello_ms = now_ms
        self.says_primary_is_down = False
        self.last_answer_ms = now_ms
        self.leader = ""
        self.leader_epoch = 0
        """Whom it has voted for, as it answered, and in which epoch."""

    @property
    def primary(self) -> Primary:
        return self._primary

    def _flags_after(self) -> list[tuple[str, bool]]:
        return [("master_down", self.says_primary_is_down)]


@record
class Settings:
    """The directives that belong to no primary."""

    announce_ip: str = ""
    announce_port: int = 0
    sentinel_user: str = ""
    sentinel_pass: str = ""
    deny_scripts_reconfig: bool = True
    resolve_hostnames: bool = False
    announce_hostnames: bool = False
    simulated_failures: set[str] = field(default_factory=set)


def host_and_port(host: str, port: int) -> str:
    """An address as a name.

    >>> host_and_port("::1", 6379)
    '[::1]:6379'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
