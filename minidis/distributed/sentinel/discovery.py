"""Discovery: what a Sentinel says to the processes it knows, and what it learns from them.

    to            says                                learns
    primary       PING, INFO, PUBLISH hello           its replicas: slave0:ip=10.0.0.2,port=6379 ...
    replica       PING, INFO, PUBLISH hello           whom it follows, how far it is, its priority
    Sentinel      PING, PUBLISH hello (to itself)
                  on __sentinel__:hello  <---------   other Sentinels, newer epochs, newer addresses

An operator names the primary only. Replicas come from its INFO, Sentinels from the hello channel of all that
are watched; and who knows a *newer* configuration (a higher config epoch) tells the others there.

    INFO says                            a Sentinel ...
    a replica is a primary               ... sees its promotion succeed, if it is the one it promoted;
                                         otherwise, after 8 s, makes it a replica again (+convert-to-slave)
    a replica follows someone else       ... corrects that after failover-timeout (+fix-slave-config)

Mirrors: sentinel.c (`sentinelReconnectInstance`, `sentinelSendPeriodicCommands`,
`sentinelRefreshInstanceInfo`, `sentinelProcessHelloMessage`).
Complexity: O(bytes of INFO); O(Sentinels) for a hello.

Read next: detection.py.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from minidis.commands.info_fields import parse_info
from minidis.distributed.sentinel import failover
from minidis.distributed.sentinel.links import Connection
from minidis.distributed.sentinel.state import DataNode, Instance, OtherSentinel, Primary, Replica
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from minidis.distributed.sentinel.role import Sentinel

HELLO_CHANNEL = b"__sentinel__:hello"
MOST_PENDING = 100
HURRIED_INFO_MS = 1_000
ACCEPTABLE = ("PONG", "LOADING", "MASTERDOWN")
"""Answers to a PING that say: I am there."""

_NUMBER = re.compile(r"\s*[+-]?[0-9]+").match
_REPLICA_FIELD = re.compile(r"slave[0-9]").match


# ---- speaking ---------------------------------------------------------------------------------------------


def connect(sentinel: Sentinel, instance: Instance) -> None:
    """Open the connections that are missing, once a second at most."""
    link, now_ms = instance.link, sentinel.now_ms
    if not link.disconnected or instance.address.port == 0:
        return
    if 0 <= now_ms - link.last_attempt_ms < sentinel.periods.ping_period:
        return
    link.last_attempt_ms = now_ms
    if link.commands is None:
        _resolve_again(sentinel, instance)
        link.commands = _open(sentinel, instance, "cmd")
        link.commands_since_ms = now_ms
        ping(sentinel, instance)
    if isinstance(instance, DataNode) and link.listening is None:
        link.listening = listening = _open(sentinel, instance, "pubsub")
        link.listening_since_ms = link.heard_ms = now_ms
        hear = partial(_hear, sentinel, instance)
        listening.on_message = hear
        listening.call(instance, [sentinel.command_name(instance, "SUBSCRIBE"), HELLO_CHANNEL], hear)
    link.disconnected = False


def _resolve_again(sentinel: Sentinel, instance: Instance) -> None:
    """A name may have got another address."""
    if sentinel.settings.resolve_hostnames:
        address = instance.address
        ip = sentinel.look_up(address.host)
        if ip is not None:
            instance.address = address._replace(ip=ip)


def _open(sentinel: Sentinel, instance: Instance, purpose: str) -> Connection:
    address, node = instance.address, sentinel.node
    connection = Connection(
        instance.link, node.peers, address.ip or address.host, address.port, bool(node.config.tls_replication)
    )
    credentials = _credentials(sentinel, instance)
    if credentials:
        words = [sentinel.command_name(instance, "AUTH"), *(word.encode() for word in credentials)]
        connection.call(instance, words)
    name = f"sentinel-{sentinel.my_id[:8]}-{purpose}"
    connection.call(instance, [sentinel.command_name(instance, "CLIENT"), b"SETNAME", name.encode()])
    return connection


def _credentials(sentinel: Sentinel, instance: Instance) -> list[str]:
    """[user,] password: those of the primary, or those that Sentinels share."""
    if isinstance(instance, DataNode):
        user, password = instance.primary.auth_user, instance.primary.auth_password
    elif sentinel.settings.sentinel_pass:
        user, password = sentinel.settings.sentinel_user, sentinel.settings.sentinel_pass
    else:
        user, password = "", sentinel.node.config.requirepass
    return [word for word in (user, password) if word] if password else []


def speak(sentinel: Sentinel, instance: Instance) -> None:
    """PING, INFO and hello, each when its period is over."""
    link, periods, now_ms = instance.link, sentinel.periods, sentinel.now_ms
    if link.disconnected or link.commands is None:
        return
    if link.pending_commands >= MOST_PENDING * len(link.users):
        return
    if isinstance(instance, DataNode) and now_ms - instance.info_ms > _info_period_ms(sentinel, instance):
        words = [sentinel.command_name(instance, "INFO")]
        link.commands.call(instance, words, partial(_take_info, sentinel, instance))
    ping_period_ms = min(instance.down_after_ms, periods.ping_period)
    if now_ms - link.last_pong_ms > ping_period_ms and now_ms - link.last_ping_ms > ping_period_ms / 2:
        ping(sentinel, instance)
    if now_ms - instance.last_published_ms > periods.publish_period:
        _say_hello(sentinel, instance)


def _info_period_ms(sentinel: Sentinel, instance: DataNode) -> int:
    """Replicas are watched closely while their primary is down, or they have lost it."""
    if isinstance(instance, Replica):
        primary = instance.primary
        if primary.is_o_down or primary.failover.in_progress or instance.link_to_primary_down_ms:
            return HURRIED_INFO_MS
    return sentinel.periods.info_period


def ping(sentinel: Sentinel, instance: Instance) -> None:
    """Send a PING; if no other is unanswered, silence counts from now."""
    link = instance.link
    assert link.commands is not None
    words = [sentinel.command_name(instance, "PING")]
    link.commands.call(instance, words, partial(_take_pong, sentinel, instance))
    link.last_ping_ms = sentinel.now_ms
    link.ping_pending_since_ms = link.ping_pending_since_ms or link.last_ping_ms


def _take_pong(sentinel: Sentinel, instance: Instance, reply: Any) -> None:
    link = instance.link
    if isinstance(reply, str | ReplyError):
        text = str(reply)
        if text.startswith(ACCEPTABLE):
            link.last_valid_ms = sentinel.now_ms
            link.ping_pending_since_ms = 0
            if isinstance(instance, Primary) and text.startswith("PONG"):
                instance.is_rebooting = False
        elif text.startswith("BUSY") and instance.is_s_down and not instance.sent_script_kill:
            if link.commands is not None:  # a script keeps it from answering, so end the script
                link.commands.call(instance, [sentinel.command_name(instance, "SCRIPT"), b"KILL"])
            instance.sent_script_kill = True
    link.last_pong_ms = sentinel.now_ms


def _say_hello(sentinel: Sentinel, instance: Instance) -> None:
    """Tell whoever listens there who we are, and where we think the primary is."""
    link, settings, config = instance.link, sentinel.settings, sentinel.node.config
    assert link.commands is not None
    ip = settings.announce_ip or link.commands.peer.local[0]
    if not ip:
        return  # the connection does not stand yet
    port = config.tls_port if config.tls_replication and config.tls_port else config.port
    primary = instance.primary
    current = primary.current_address
    message = (
        f"{ip},{settings.announce_port or port},{sentinel.my_id},{sentinel.current_epoch},"
        f"{primary.name},{sentinel.shown(current)},{current.port},{primary.config_epoch}"
    )

    def published(reply: Any) -> None:
        if not isinstance(reply, ReplyError):
            instance.last_published_ms = sentinel.now_ms

    words = [
        sentinel.command_name(instance, "PUBLISH"),
        HELLO_CHANNEL,
        message.encode("utf-8", "surrogateescape"),
    ]
    link.commands.call(instance, words, published)


# ---- INFO -------------------------------------------------------------------------------------------------


def leading_integer(text: str) -> int:
    """The number that a text begins with; 0 if it begins with none (C's atoi)."""
    found = _NUMBER(text)
    return int(found[0]) if found else 0


def _take_info(sentinel: Sentinel, instance: DataNode, reply: Any) -> None:
    if isinstance(reply, bytes):
        text = reply.decode("utf-8", "surrogateescape")
        note_info(sentinel, instance, text)


def note_info(sentinel: Sentinel, instance: DataNode, text: str) -> None:
    """Take in an INFO, then act on what it says (not in TILT)."""
    instance.info = text
    fields = parse_info(text)
    _note_run_id(sentinel, instance, fields.get("run_id", "")[:40])
    if isinstance(instance, Primary):
        _note_replicas(sentinel, instance, fields)
    instance.link_to_primary_down_ms = 1000 * leading_integer(
        fields.get("master_link_down_since_seconds", "0")
    )
    role = fields.get("role", "")
    if role == "slave":
        _note_replication(sentinel, instance, fields)
    instance.info_ms = sentinel.now_ms
    if role != instance.reported_role:
        instance.reported_role, instance.reported_role_since_ms = role, sentinel.now_ms
        if role == "slave":
            instance.follows_since_ms = sentinel.now_ms
        sign = "+" if role == instance.kind else "-"
        shown = "master" if role == "master" else "slave"
        sentinel.event("verbose", f"{sign}role-change", instance, f" new reported role is {shown}")
    if not sentinel.is_tilted and isinstance(instance, Replica):
        _bring_in_line(sentinel, instance)


def _note_run_id(sentinel: Sentinel, instance: DataNode, run_id: str) -> None:
    if len(run_id) == 40 and run_id != instance.run_id:
        if instance.run_id:
            sentinel.event("notice", "+reboot", instance)
            if isinstance(instance, Primary) and instance.reboot_down_after_ms:
                instance.is_rebooting, instance.rebooting_since_ms = True, sentinel.now_ms
        instance.run_id = run_id


def _note_replicas(sentinel: Sentinel, primary: Primary, fields: dict[str, str]) -> None:
    """Add the replicas that are not known yet."""
    for name, value in fields.items():
        if not _REPLICA_FIELD(name):
            continue
        parts = dict(part.split("=", 1) for part in value.split(",") if "=" in part)
        host, port = parts.get("ip", ""), leading_integer(parts.get("port", ""))
        try:
            if primary.find_replica(sentinel.address(host, port)) is not None:
                continue
            replica = sentinel.add_replica(primary, host, port)
        except ValueError:  # a name that nobody knows here
            continue
        sentinel.event("notice", "+slave", replica)
        sentinel.flush()


def _note_replication(sentinel: Sentinel, instance: DataNode, fields: dict[str, str]) -> None:
    host, port = fields.get("master_host", ""), leading_integer(fields.get("master_port", "0"))
    if (host.lower(), port) != (instance.follows_host.lower(), instance.follows_port):
        instance.follows_host, instance.follows_port = host, port
        instance.follows_since_ms = sentinel.now_ms
    instance.link_to_primary_is_up = fields.get("master_link_status") == "up"
    instance.priority = leading_integer(fields.get("slave_priority", str(instance.priority)))
    instance.offset = leading_integer(fields.get("slave_repl_offset", str(instance.offset)))
    instance.is_announced = fields.get("replica_announced", "1") != "0"


def _bring_in_line(sentinel: Sentinel, replica: Replica) -> None:
    """Is the replica what it should be?  A newer configuration must have time to arrive before we act."""
    primary, now_ms = replica.primary, sentinel.now_ms
    if replica.reported_role == "master":
        if replica.is_promoted and primary.failover.state == "wait_promotion":
            failover.promotion_succeeded(sentinel, primary, replica)
            return
        patience_ms = 4 * sentinel.periods.publish_period
        since_ms, event, wrong = replica.reported_role_since_ms, "+convert-to-slave", not replica.is_promoted
    else:
        address = primary.address
        patience_ms = primary.failover_timeout_ms
        since_ms, event = replica.follows_since_ms, "+fix-slave-config"
        wrong = replica.reported_role == "slave" and not (
            replica.follows_port == address.port and sentinel.is_host(address, replica.follows_host)
        )
    if (
        wrong
        and now_ms - since_ms > patience_ms
        and primary.looks_sane(now_ms, sentinel.periods.info_period)
        and not replica.was_down_within(patience_ms, now_ms)
        and sentinel.reconfigure(replica, primary.address)
    ):
        sentinel.event("notice", event, replica)
    failover.note_reconfiguration(sentinel, replica)


# ---- hello ------------------------------------------------------------------------------------------------


def _hear(sentinel: Sentinel, instance: DataNode, reply: Any) -> None:
    """Something came on the hello channel of an instance."""
    link = instance.link
    if isinstance(reply, ReplyError):  # not subscribed (no password, no permission): try again from the start
        link.close(link.listening)
        return
    link.heard_ms = sentinel.now_ms
    if not (isinstance(reply, list) and len(reply) == 3 and reply[0] == b"message"):
        return
    message = reply[2]
    if isinstance(message, bytes) and sentinel.my_id.encode() not in message:
        take_hello(sentinel, message.decode("utf-8", "surrogateescape"))


def take_hello(sentinel: Sentinel, message: str) -> None:
    """What another Sentinel says of itself and of a primary."""
    tokens = message.split(",")
    primary = sentinel.primaries.get(tokens[4]) if len(tokens) == 8 else None
    if primary is None:
        return
    host, port, run_id = tokens[0], leading_integer(tokens[1]), tokens[2]
    try:
        address = sentinel.address(host, port, unresolved=True)
        other = primary.sentinels.get(run_id)
        if other is None or not other.address.is_same(address):
            other = _meet(sentinel, primary, run_id, host, port)
    except ValueError:
        return
    epoch, config_epoch = leading_integer(tokens[3]), leading_integer(tokens[7])
    if epoch > sentinel.current_epoch:
        sentinel.current_epoch = epoch
        sentinel.flush()
        sentinel.new_epoch(epoch, primary)
    if config_epoch > primary.config_epoch:
        _adopt_configuration(sentinel, primary, other, tokens[5], leading_integer(tokens[6]), config_epoch)
    other.last_hello_ms = sentinel.now_ms


def _meet(sentinel: Sentinel, primary: Primary, run_id: str, host: str, port: int) -> OtherSentinel:
    """A Sentinel that is new, or at a new address."""
    moved = primary.sentinels.pop(run_id, None)
    if moved is not None:
        moved.link.release(moved)
        sentinel.event("notice", "+sentinel-address-switch", primary, f" ip {host} port {port} for {run_id}")
    else:
        _forget_who_was_there(sentinel, primary, host, port)
    other = sentinel.add_sentinel(primary, run_id, host, port)
    if moved is None:
        sentinel.event("notice", "+sentinel", other)
    else:
        _move_everywhere(sentinel, other)
    sentinel.flush()
    return other


def _forget_who_was_there(sentinel: Sentinel, primary: Primary, host: str, port: int) -> None:
    """Another id at the same address: whoever had it is gone for good."""
    address = sentinel.address(host, port, unresolved=True)
    obsolete = next((one for one in primary.sentinels.values() if one.address.is_same(address)), None)
    if obsolete is None:
        return
    sentinel.event("notice", "+sentinel-invalid-addr", obsolete)
    for each in sentinel.primaries.values():
        gone = each.sentinels.pop(obsolete.run_id, None)
        if gone is not None:
            gone.link.release(gone)


def _move_everywhere(sentinel: Sentinel, moved: OtherSentinel) -> None:
    """The other primaries know the same Sentinel: it is at its new address for them too."""
    others = [
        match
        for primary in sentinel.primaries.values()
        if (match := primary.sentinels.get(moved.run_id)) is not None
    ]
    for match in others:
        match.link.close_all()
        match.address = moved.address
    if len(others) > 1:
        more = f" {len(others) - 1} additional matching instances"
        sentinel.event("notice", "+sentinel-address-update", moved, more)


def _adopt_configuration(
    sentinel: Sentinel, primary: Primary, teller: OtherSentinel, host: str, port: int, config_epoch: int
) -> None:
    """A newer configuration: if the primary is elsewhere in it, that is where it is now."""
    primary.config_epoch = config_epoch
    if port == primary.address.port and sentinel.is_host(primary.address, host):
        return
    before = primary.address
    sentinel.event("warning", "+config-update-from", teller)
    sentinel.announce(
        "warning",
        "+switch-master",
        f"{primary.name} {sentinel.shown(before)} {before.port} {host} {port}",
        primary,
    )
    sentinel.change_address(primary, host, port)
    sentinel.reconfigure_clients(primary, "observer", before, primary.address)
