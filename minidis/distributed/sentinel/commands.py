"""The commands of a Sentinel: SENTINEL and its subcommands, and its own PUBLISH, INFO and ROLE.

The table of a Sentinel is short: what every server has for connections, ACL, COMMAND and Pub/Sub, and these.
PUBLISH takes hello messages only, so that a hello is said in the same way to everyone.

Mirrors: sentinel.c (`sentinelCommand`, `sentinelSetCommand`, `sentinelConfigSetCommand`,
`sentinelInfoCommand`).
Complexity: O(N) in instances where they are listed, else O(1).

>>> from minidis.drivers.simulation import Lab
>>> lab = Lab(seed=1)
>>> _ = lab.node("a"), lab.sentinel("s", watch={"mymaster": "a"}, quorum=1)
>>> lab.call("s", "SENTINEL", "CKQUORUM", "mymaster")
'OK 1 usable Sentinels. Quorum and failover authorization can be reached'
>>> lab.call("s", "GET", "k")
Traceback (most recent call last):
...
minidis.protocol.replies.ReplyError: ERR unknown command 'GET', with args beginning with: 'k'

Read next: settings.py.
"""

from __future__ import annotations

from minidis.commands.helptexts import help_lines
from minidis.commands.information import show_section
from minidis.distributed.sentinel import discovery, election, failover
from minidis.distributed.sentinel.replies import show_info_section, show_instance
from minidis.distributed.sentinel.role import InstanceError, Sentinel, decoded, encoded
from minidis.distributed.sentinel.state import Primary
from minidis.engine.client import Client
from minidis.engine.command_table.registry import (
    ADMIN,
    COMMANDS,
    DANGEROUS,
    FAST,
    LOADING,
    NOSCRIPT,
    ONLY_SENTINEL,
    PUBSUB,
    SENTINEL,
    STALE,
    CommandTable,
    command,
)
from minidis.protocol.glob import matches
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import NULL_ARRAY, ReplyError, Verbatim

SENTINEL_COMMANDS = CommandTable()
"""The commands that only a Sentinel has, and its versions of others."""

FLAGS = ADMIN | SENTINEL | ONLY_SENTINEL
SECTIONS = ("server", "clients", "stats", "cpu")
FAILED_TO_SAVE = "ERR Failed to save config file. Check server logs."


def table() -> CommandTable:
    """The commands of a Sentinel."""
    shared = [entry.copy() for entry in COMMANDS if entry.flags & SENTINEL]
    return CommandTable([*shared, *SENTINEL_COMMANDS])


def subcommand(syntax: str, since: str = "2.8.4", raw: bool = False):
    """Register a subcommand of SENTINEL."""
    return command(f"SENTINEL {syntax}", FLAGS, SENTINEL_COMMANDS, since=since, raw=raw, group="sentinel")


def sentinel_of(client: Client) -> Sentinel:
    return client.node.sentinel


def primary_named(client: Client, name: bytes) -> Primary:
    """The primary of that name.  Raises ReplyError."""
    primary = sentinel_of(client).primaries.get(decoded(name))
    if primary is None:
        raise ReplyError("ERR No such master with that name")
    return primary


def saved(sentinel: Sentinel) -> str:
    """Save the configuration; OK, or the error that it could not be."""
    if not sentinel.flush():
        raise ReplyError(FAILED_TO_SAVE)
    return "OK"


def refuse_control_characters(words: tuple[bytes, ...], first: int, name: str) -> None:
    """They would break the lines of the configuration file."""
    for number, word in enumerate(words, first):
        if any(byte < 32 or byte == 127 for byte in word):
            raise ReplyError(
                f"ERR Invalid argument at index {number} for {name}: control characters are not allowed"
            )


# ---- looking ----------------------------------------------------------------------------------------------


@subcommand("MASTERS")
def masters(client: Client):
    """All primaries under watch, and their state. O(N)."""
    sentinel = sentinel_of(client)
    return [show_instance(sentinel, primary) for primary in sentinel.primaries.values()]


@subcommand("MASTER master-name")
def master(client: Client, name: bytes):
    """The state of a primary. O(1)."""
    return show_instance(sentinel_of(client), primary_named(client, name))


@subcommand("REPLICAS master-name", since="5.0.0")
def replicas(client: Client, name: bytes):
    """The replicas of a primary, and their state. O(N)."""
    return [
        show_instance(sentinel_of(client), replica)
        for replica in primary_named(client, name).replicas.values()
        if replica.is_announced
    ]


@subcommand("SLAVES master-name", since="2.8.0")
def slaves(client: Client, name: bytes):
    """The replicas of a primary, and their state. O(N)."""
    return replicas(client, name)


@subcommand("SENTINELS master-name")
def sentinels(client: Client, name: bytes):
    """The other Sentinels that watch a primary, and their state. O(N)."""
    return [
        show_instance(sentinel_of(client), other) for other in primary_named(client, name).sentinels.values()
    ]


@subcommand("GET-MASTER-ADDR-BY-NAME master-name")
def get_master_addr_by_name(client: Client, name: bytes):
    """Where a primary is: what every client asks first. O(1)."""
    sentinel = sentinel_of(client)
    primary = sentinel.primaries.get(decoded(name))
    if primary is None:
        return NULL_ARRAY
    address = primary.current_address
    return [encoded(sentinel.shown(address)), b"%d" % address.port]


@subcommand("CKQUORUM master-name")
def ckquorum(client: Client, name: bytes):
    """Tell whether enough Sentinels are there to agree that a primary is down, and to let one act. O(N)."""
    primary = primary_named(client, name)
    usable = 1 + sum(not other.is_s_down for other in primary.sentinels.values())
    missing = []
    if usable < primary.quorum:
        missing.append("Not enough available Sentinels to reach the specified quorum for this master")
    if usable < (len(primary.sentinels) + 1) // 2 + 1:
        missing.append("Not enough available Sentinels to reach the majority and authorize a failover")
    if missing:
        raise ReplyError(f"NOQUORUM {usable} usable Sentinels. {'. '.join(missing)}")
    return f"OK {usable} usable Sentinels. Quorum and failover authorization can be reached"


@subcommand("MYID", since="6.2.0")
def myid(client: Client):
    """The id of this Sentinel. O(1)."""
    return sentinel_of(client).my_id.encode()


@subcommand("INFO-CACHE nodename [nodename ...]", since="3.2.0")
def info_cache(client: Client, *names: bytes):
    """The last INFO of primaries and their replicas. O(N) in instances."""
    sentinel = sentinel_of(client)
    reply: list = []
    for name in dict.fromkeys(names):
        primary = sentinel.primaries.get(decoded(name))
        if primary is not None:
            reply += [
                name,
                [
                    [
                        sentinel.now_ms - one.info_ms if one.info_ms else 0,
                        encoded(one.info) if one.info else None,
                    ]
                    for one in (primary, *primary.replicas.values())
                ],
            ]
    return reply


@subcommand("PENDING-SCRIPTS")
def pending_scripts(client: Client):
    """The scripts that run, or wait to. O(N)."""
    return sentinel_of(client).scripts.pending()


# ---- between Sentinels ------------------------------------------------------------------------------------


@subcommand("IS-MASTER-DOWN-BY-ADDR ip port:int current-epoch:int runid")
def is_master_down_by_addr(client: Client, ip: bytes, port: int, epoch: int, run_id: bytes):
    """Is the primary at this address down, as this Sentinel sees it?  With a run id: a vote too. O(N)."""
    sentinel = sentinel_of(client)
    try:
        address = sentinel.address(decoded(ip), port, unresolved=True)
    except InstanceError:
        return [0, b"*", 0]
    primary = next((one for one in sentinel.primaries.values() if one.address.is_same(address)), None)
    if primary is None:
        return [0, b"*", 0]
    leader, leader_epoch = "", 0
    if run_id != b"*":
        leader, leader_epoch = election.vote(sentinel, primary, epoch, decoded(run_id))
    is_down = primary.is_s_down and not sentinel.is_tilted
    return [int(is_down), encoded(leader) or b"*", leader_epoch]


@command(
    "PUBLISH channel message",
    PUBSUB | LOADING | STALE | FAST | SENTINEL,
    SENTINEL_COMMANDS,
    since="2.0.0",
    group="pubsub",
)
def publish(client: Client, channel: bytes, message: bytes):
    """Say hello to this Sentinel, in the name of another. O(N) in Sentinels."""
    if channel != discovery.HELLO_CHANNEL:
        raise ReplyError("ERR Only HELLO messages are accepted by Sentinel instances.")
    discovery.take_hello(sentinel_of(client), decoded(message))
    return 1


# ---- acting -----------------------------------------------------------------------------------------------


@subcommand("FAILOVER master-name")
def failover_(client: Client, name: bytes):
    """Fail over now, although nothing is down, without asking the other Sentinels. O(N)."""
    sentinel, primary = sentinel_of(client), primary_named(client, name)
    if primary.failover.in_progress:
        raise ReplyError("INPROG Failover already in progress")
    if failover.best_replica(sentinel, primary) is None:
        raise ReplyError("NOGOODSLAVE No suitable replica to promote")
    sentinel.node.log("warning", f"Executing user requested FAILOVER of '{primary.name}'")
    failover.start(sentinel, primary)
    primary.failover.is_forced = True
    return "OK"


@subcommand("MONITOR name ip port quorum", raw=True)
def monitor(client: Client, name: bytes, ip: bytes, port: bytes, quorum: bytes):
    """Watch another primary. O(1)."""
    sentinel = sentinel_of(client)
    refuse_control_characters((name, ip, port, quorum), 2, "SENTINEL MONITOR")
    votes, number = parse_integer(quorum), parse_integer(port)
    if votes is None:
        raise ReplyError("ERR Invalid quorum")
    if number is None:
        raise ReplyError("ERR Invalid port")
    if votes <= 0:
        raise ReplyError("ERR Quorum must be 1 or greater.")
    try:
        sentinel.address(decoded(ip), 0)
    except InstanceError:
        raise ReplyError("ERR Invalid IP address or hostname specified") from None
    try:
        primary = sentinel.add_primary(decoded(name), decoded(ip), number, votes)
    except InstanceError as error:
        raise ReplyError(f"ERR {error}") from None
    try:
        return saved(sentinel)
    finally:
        sentinel.event("warning", "+monitor", primary, f" quorum {votes}")


@subcommand("REMOVE master-name")
def remove(client: Client, name: bytes):
    """Watch a primary no more. O(N)."""
    sentinel, primary = sentinel_of(client), primary_named(client, name)
    sentinel.event("warning", "-monitor", primary)
    sentinel.remove_primary(primary)
    return saved(sentinel)


@subcommand("RESET pattern")
def reset(client: Client, pattern: bytes):
    """Forget replicas, Sentinels and failovers of the primaries whose names match. O(N)."""
    sentinel = sentinel_of(client)
    chosen = [one for one in sentinel.primaries.values() if matches(pattern, encoded(one.name))]
    for primary in chosen:
        sentinel.reset(primary)
        sentinel.event("warning", "+reset-master", primary)
    return len(chosen)


@subcommand("FLUSHCONFIG", since="2.8.4")
def flushconfig(client: Client):
    """Write the configuration file, with the state of now. O(N)."""
    return saved(sentinel_of(client))


@subcommand("SIMULATE-FAILURE mode [mode ...]", since="3.2.0", raw=True)
def simulate_failure(client: Client, *words: bytes):
    """End this process at a chosen step of the next failover. O(1)."""
    simulated = sentinel_of(client).settings.simulated_failures
    simulated.clear()
    for word in words:
        match word.lower():
            case b"crash-after-election" | b"crash-after-promotion" as step:
                simulated.add(step.decode())
                moment = {
                    b"crash-after-election": "being successfully elected as failover leader",
                    b"crash-after-promotion": "promoting the selected replica to master",
                }[step]
                client.node.log("warning", f"Failure simulation: this Sentinel will crash after {moment}")
            case b"help":
                return [b"crash-after-election", b"crash-after-promotion"]
            case _:
                raise ReplyError("ERR Unknown failure simulation specified")
    return "OK"


# ---- INFO, ROLE, HELP -------------------------------------------------------------------------------------


@command(
    "INFO [section [section ...]]", LOADING | STALE | DANGEROUS | SENTINEL, SENTINEL_COMMANDS, group="server"
)
def info(client: Client, *sections: bytes):
    """Figures about this Sentinel, by section. O(N) in primaries."""
    wanted = {decoded(section).lower() for section in sections} or {"default"}
    takes_all = bool(wanted & {"all", "everything", "default"})
    texts = [show_section(name, client.node) for name in SECTIONS if takes_all or name in wanted]
    if takes_all or "sentinel" in wanted:
        texts.append(show_info_section(sentinel_of(client)))
    return Verbatim("\r\n".join(texts).encode("utf-8", "surrogateescape"))


@command(
    "ROLE",
    NOSCRIPT | LOADING | STALE | FAST | DANGEROUS | SENTINEL,
    SENTINEL_COMMANDS,
    since="2.8.12",
    group="server",
)
def role(client: Client):
    """That this is a Sentinel, and the primaries that it watches. O(N)."""
    return [b"sentinel", [encoded(name) for name in sentinel_of(client).primaries]]


_HELP = """\
CKQUORUM <master-name>
    Check if the current Sentinel configuration is able to reach the quorum
    needed to failover a master and the majority needed to authorize the
    failover.
CONFIG SET param value [param value ...]
    Set a global Sentinel configuration parameter.
CONFIG GET <param> [param param param ...]
    Get global Sentinel configuration parameter.
DEBUG [<param> <value> ...]
    Show a list of configurable time parameters and their values (milliseconds).
    Or update current configurable parameters values (one or more).
GET-MASTER-ADDR-BY-NAME <master-name>
    Return the ip and port number of the master with that name.
FAILOVER <master-name>
    Manually failover a master node without asking for agreement from other
    Sentinels
FLUSHCONFIG
    Force Sentinel to rewrite its configuration on disk, including the current
    Sentinel state.
INFO-CACHE <master-name>
    Return last cached INFO output from masters and all its replicas.
IS-MASTER-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>
    Check if the master specified by ip:port is down from current Sentinel's
    point of view.
MASTER <master-name>
    Show the state and info of the specified master.
MASTERS
    Show a list of monitored masters and their state.
MONITOR <name> <ip> <port> <quorum>
    Start monitoring a new master with the specified name, ip, port and quorum.
MYID
    Return the ID of the Sentinel instance.
PENDING-SCRIPTS
    Get pending scripts information.
REMOVE <master-name>
    Remove master from Sentinel's monitor list.
REPLICAS <master-name>
    Show a list of replicas for this master and their state.
RESET <pattern>
    Reset masters for specific master name matching this pattern.
SENTINELS <master-name>
    Show a list of Sentinel instances for this master and their state.
SET <master-name> <option> <value> [<option> <value> ...]
    Set configuration parameters for certain masters.
SIMULATE-FAILURE [CRASH-AFTER-ELECTION] [CRASH-AFTER-PROMOTION] [HELP]
    Simulate a Sentinel crash."""


@command(
    "SENTINEL HELP",
    LOADING | STALE | SENTINEL | ONLY_SENTINEL,
    SENTINEL_COMMANDS,
    since="6.2.0",
    group="sentinel",
)
def help_(client: Client) -> list[str]:
    """Describe the subcommands of SENTINEL. O(1)."""
    return help_lines("SENTINEL", _HELP)
