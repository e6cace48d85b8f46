"""Consumer groups: entries of a stream handed out to workers, each to one, and kept until it says "done".

    XGROUP CREATE jobs g $ MKSTREAM                     a group that begins at the end of the stream
    XREADGROUP GROUP g alice STREAMS jobs >             alice takes what nobody was given yet
    XACK jobs g 1-0                                     done: no longer pending
    XREADGROUP GROUP g alice STREAMS jobs 0             after a crash: what alice has not acknowledged
    XAUTOCLAIM jobs g bob 60000 0                       bob takes over what is idle for a minute

Every entry is delivered *at least* once: who crashes between doing the work and XACK is given it again.

In the journal a delivery appears as what it did to the group: XCLAIM with owner, time and count for each
entry, XGROUP SETID for the group's position. No replica ever delivers anything itself.

Mirrors: t_stream.c (xgroupCommand ... xautoclaimCommand).
Complexity: O(1) for each entry delivered, acknowledged or claimed.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("XGROUP", "CREATE", "jobs", "g", "$", "MKSTREAM")
'OK'
>>> redis.execute("XADD", "jobs", "1-0", "do", "it")
b'1-0'
>>> redis.execute("XREADGROUP", "GROUP", "g", "alice", "STREAMS", "jobs", ">")
[[b'jobs', [[b'1-0', [b'do', b'it']]]]]
>>> redis.execute("XPENDING", "jobs", "g"), redis.execute("XACK", "jobs", "g", "1-0")
([1, b'1-0', b'1-0', [[b'alice', b'1']]], 1)

Read next: minidis/values/consumer_group.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from minidis.commands.arguments import integer_in_range
from minidis.commands.streams import (
    by_stream,
    no_group,
    parse_group_id,
    parse_high,
    parse_id,
    parse_low,
    read_options,
    shown_entries,
    try_parse_id,
)
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import (
    BLOCKING,
    DENYOOM,
    FAST,
    LOADING,
    READONLY,
    STALE,
    WRITE,
    command,
)
from minidis.protocol.numbers import INTEGER_MAX, parse_integer
from minidis.protocol.replies import NULL_ARRAY, ReplyError
from minidis.structures.record import record
from minidis.values.consumer_group import UNKNOWN, Consumer, ConsumerGroup, Pending
from minidis.values.stream import Stream
from minidis.values.stream_node import MAX_ID, MIN_ID, StreamId, id_text

KEY_MUST_EXIST = (
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
    "MKSTREAM option to create an empty stream automatically."
)
GROUP_EXISTS = "BUSYGROUP Consumer Group name already exists"
BAD_ENTRIES_READ = "ERR value for ENTRIESREAD must be positive or -1"
DOLLAR_IN_GROUP = (
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer "
    "by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty "
    "result set."
)
CLAIM_ATTEMPTS = 10
"""XAUTOCLAIM looks at this many pending entries for each that it may claim."""

MOST_CLAIMED = INTEGER_MAX // 16


# ---- groups -----------------------------------------------------------------------------------------------


@command(
    "XGROUP CREATE key group (id|$) [MKSTREAM] [ENTRIESREAD entries-read:int]",
    WRITE | DENYOOM,
    since="5.0.0",
    raw=True,
)
def xgroup_create(client: Client, key: bytes, name: bytes, position: bytes, *options: bytes):
    """Make a group that has read up to an id. O(1)."""
    makes_stream, entries_read = _group_options("CREATE", options)
    db = client.db
    stream = db.edit(key, Stream)
    if stream is None and not makes_stream:
        raise ReplyError(KEY_MUST_EXIST)
    last_id = parse_group_id(position, stream)
    is_new = stream is None
    if stream is None:
        stream = db.create(key, Stream(client.node.encodings))
    encodings = client.node.encodings
    group = encodings.consumer_group(last_id, encodings.radix_tree, entries_read)
    if not stream.groups.insert(name, group, overwrite=False):
        raise ReplyError(GROUP_EXISTS)
    db.touch(key, "xgroup-create", modified=is_new)
    return "OK"


@command(
    "XGROUP SETID key group (id|$) [ENTRIESREAD entries-read:int]",
    WRITE,
    since="5.0.0",
    raw=True,
)
def xgroup_setid(client: Client, key: bytes, name: bytes, position: bytes, *options: bytes):
    """Let a group continue after another id. O(1)."""
    _, entries_read = _group_options("SETID", options)
    stream, group = _group_to_change(client, key, name)
    ends = {b"-": MIN_ID, b"+": MAX_ID}
    group.last_id = ends.get(position) or parse_group_id(position, stream)
    group.entries_read = entries_read
    client.db.touch(key, "xgroup-setid", modified=False)
    return "OK"


@command("XGROUP DESTROY key group", WRITE, since="5.0.0")
def xgroup_destroy(client: Client, key: bytes, name: bytes):
    """Remove a group and all that is pending in it. O(N) in pending entries."""
    db = client.db
    stream = db.edit(key, Stream)
    if stream is None:
        raise ReplyError(KEY_MUST_EXIST)
    if name not in stream.groups:
        return 0
    stream.groups.remove(name)
    db.touch(key, "xgroup-destroy", modified=False)
    client.node.waiting.key_changed(db.index, key)  # who waits in this group must be told that it is gone
    return 1


@command("XGROUP CREATECONSUMER key group consumer", WRITE | DENYOOM, since="6.2.0")
def xgroup_createconsumer(client: Client, key: bytes, name: bytes, consumer: bytes):
    """Make a consumer, as its first XREADGROUP would. O(1)."""
    _, group = _group_to_change(client, key, name)
    if group.create_consumer(consumer, client.node.now_ms) is None:
        return 0
    client.db.touch(key, "xgroup-createconsumer", modified=False)
    return 1


@command("XGROUP DELCONSUMER key group consumer", WRITE, since="5.0.0")
def xgroup_delconsumer(client: Client, key: bytes, name: bytes, consumer: bytes):
    """Remove a consumer and forget what it had not acknowledged. O(N) in its pending entries."""
    _, group = _group_to_change(client, key, name)
    pending = group.delete_consumer(consumer)
    if pending is not None:
        client.db.touch(key, "xgroup-delconsumer", modified=False)
    return pending or 0


_XGROUP_HELP = """\
XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
CREATE <key> <groupname> <id|$> [option]
    Create a new consumer group. Options are:
    * MKSTREAM
      Create the empty stream if it does not exist.
    * ENTRIESREAD entries_read
      Set the group's entries_read counter (internal use).
CREATECONSUMER <key> <groupname> <consumer>
    Create a new consumer in the specified group.
DELCONSUMER <key> <groupname> <consumer>
    Remove the specified consumer.
DESTROY <key> <groupname>
    Remove the specified group.
SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]
    Set the current group ID and entries_read counter.
HELP
    Print this help."""


@command("XGROUP HELP", LOADING | STALE, since="5.0.0")
def xgroup_help(client: Client):
    """Describe the subcommands of XGROUP. O(1)."""
    return _XGROUP_HELP.split("\n")


def _group_options(subcommand: str, words: Sequence[bytes]) -> tuple[bool, int]:
    """MKSTREAM (of CREATE only) and ENTRIESREAD."""
    makes_stream, entries_read = False, UNKNOWN
    at = 0
    while at < len(words):
        name = words[at].upper()
        if name == b"MKSTREAM" and subcommand == "CREATE":
            makes_stream = True
            at += 1
        elif name == b"ENTRIESREAD" and at + 1 < len(words):
            entries_read = integer(words[at + 1])
            if entries_read < UNKNOWN:
                raise ReplyError(BAD_ENTRIES_READ)
            at += 2
        else:
            raise errors.WrongUsage
    if len(words) > (3 if subcommand == "CREATE" else 2):
        raise errors.WrongUsage
    return makes_stream, entries_read


def _group_to_change(client: Client, key: bytes, name: bytes) -> tuple[Stream, ConsumerGroup]:
    stream = client.db.edit(key, Stream)
    if stream is None:
        raise ReplyError(KEY_MUST_EXIST)
    group = stream.groups.get(name)
    if group is None:
        raise no_group(name, key)
    return stream, group


# ---- delivering -------------------------------------------------------------------------------------------


@command(
    "XREADGROUP (GROUP group consumer) [COUNT count:int] [BLOCK milliseconds:int] [NOACK]"
    " (STREAMS key [key ...] id [id ...])",
    WRITE | BLOCKING,
    since="5.0.0",
    raw=True,
)
def xreadgroup(client: Client, *words: bytes):
    """Take new entries (id `>`) as a consumer of a group, or read again what it has not acknowledged. \
O(N) in entries answered."""
    options = read_options(client, words, grouped=True)
    assert options.group is not None
    client.rewrite()  # what it did is stated below, entry by entry
    places = [
        (key, *_position(client, key, options.group, word))
        for key, word in zip(options.keys, options.ids, strict=True)
    ]
    answers: list[tuple[bytes, list]] = []
    for key, group, history_after in places:
        stream = client.db.find(key, Stream)
        assert stream is not None
        client.db.before_change(key)
        reader = Reader(client, key, stream, options.group, group, options.consumer)
        if reader.is_new and options.no_ack:  # otherwise the first XCLAIM creates it
            client.rewrite(b"XGROUP", b"CREATECONSUMER", key, options.group, options.consumer)
        if history_after is not None:
            answers.append((key, reader.history(history_after, options.count)))
        elif stream.has_after(group.last_id):
            answers.append((key, reader.deliver(options.count, options.no_ack)))
        else:
            continue
        client.db.touch(key, "", modified=False)
    # Woken whatever becomes of the key: its group may be gone, which is an error and not a longer wait.
    return by_stream(client, answers) if answers else options.wait()


def _position(client: Client, key: bytes, name: bytes, word: bytes) -> tuple[ConsumerGroup, StreamId | None]:
    """The group, and the id that history is asked after, None for `>`: what is new."""
    stream = client.db.find(key, Stream)
    group = None if stream is None else stream.groups.get(name)
    if group is None:
        raise ReplyError(
            f"NOGROUP No such key '{errors.shown(key)}' or consumer group '{errors.shown(name)}'"
            " in XREADGROUP with GROUP option"
        )
    if word == b"$":
        raise ReplyError(DOLLAR_IN_GROUP)
    after = None if word == b">" else parse_id(word)
    return group, None if after == MAX_ID else after


class Reader:
    """A consumer at work: it makes what the command answers, and states each effect for the journal."""

    def __init__(
        self,
        client: Client,
        key: bytes,
        stream: Stream,
        group_name: bytes,
        group: ConsumerGroup,
        consumer_name: bytes,
    ) -> None:
        self.client, self.key, self.stream = client, key, stream
        self.group_name, self.group = group_name, group
        self.now_ms = client.node.now_ms
        self.is_told = bool(client.node.journal.subscribers)  # somebody reads what is stated
        consumer = group.consumers.get(consumer_name)
        self.is_new = consumer is None
        if consumer is None:
            consumer = group.create_consumer(consumer_name, self.now_ms)
            client.db.touch(key, "xgroup-createconsumer", modified=False)
        assert consumer is not None
        self.consumer: Consumer = consumer
        consumer.seen_ms = self.now_ms

    def deliver(self, count: int | None, no_ack: bool) -> list:
        """Entries that the group has not delivered yet, to this consumer."""
        following = self.group.last_id.next()
        assert following is not None
        entries = list(islice(self.stream.walk(following), count))
        for entry in entries:
            self.stream.advance(self.group, entry.id)
            if not no_ack:
                pending = self.group.deliver(entry.id, self.consumer, self.now_ms)
                self.consumer.active_ms = self.now_ms
                self.state_owner(entry.id, pending)
        self.state_position()
        return shown_entries(entries)

    def history(self, after: StreamId, count: int | None) -> list:
        """What this consumer has been given and has not acknowledged; of a deleted entry only the id."""
        all_pending = list(islice(self.consumer.pending.items(after.key, exclusive=True), count))
        entries = self.stream.find_all([key for key, _ in all_pending])
        found: list = []
        for (key, pending), entry in zip(all_pending, entries, strict=True):
            if entry is None:
                found.append([id_text(key), NULL_ARRAY])
                continue
            found.append([entry.name, entry.pairs.copy()])
            pending.delivered_ms = self.now_ms
            pending.deliveries += 1
        return found

    def claim(self, entry_id: StreamId, pending: Pending, delivered_ms: int, deliveries: int) -> None:
        """Take over a pending entry."""
        self.group.give(entry_id, pending, self.consumer)
        pending.delivered_ms, pending.deliveries = delivered_ms, deliveries
        self.consumer.active_ms = self.now_ms
        if self.is_told:
            self.state_owner(entry_id, pending)
        self.client.db.touch(self.key, "", modified=False)

    def forget(self, entry_id: StreamId, pending: Pending) -> None:
        """Drop a pending entry that is no longer in the stream."""
        self.state_owner(entry_id, pending)
        self.group.acknowledge(entry_id)
        self.client.db.touch(self.key, "", modified=False)

    def is_idle(self, pending: Pending, least_ms: int) -> bool:
        return self.now_ms - pending.delivered_ms >= least_ms

    def state_owner(self, entry_id: StreamId, pending: Pending) -> None:
        """Source: streamPropagateXCLAIM."""
        self.client.rewrite(
            b"XCLAIM", self.key, self.group_name, pending.consumer.name, 0, entry_id,
            b"TIME", pending.delivered_ms, b"RETRYCOUNT", pending.deliveries,
            b"FORCE", b"JUSTID", b"LASTID", self.group.last_id,
        )  # fmt: skip

    def state_position(self) -> None:
        """Source: streamPropagateGroupID."""
        self.client.rewrite(
            b"XGROUP", b"SETID", self.key, self.group_name, self.group.last_id,
            b"ENTRIESREAD", self.group.entries_read,
        )  # fmt: skip


# ---- what is pending --------------------------------------------------------------------------------------


@command("XACK key group id [id ...]", WRITE | FAST, since="5.0.0")
def xack(client: Client, key: bytes, name: bytes, *words: bytes):
    """Say that entries are done with: they are no longer pending. O(1) for each."""
    stream = client.db.find(key, Stream)
    group = None if stream is None else stream.groups.get(name)
    if group is None:
        return 0
    client.db.before_change(key)
    acknowledged = sum([group.acknowledge(entry_id) for entry_id in [parse_id(word) for word in words]])
    if acknowledged:
        client.db.touch(key, "", acknowledged, modified=False)
    return acknowledged


@command(
    "XPENDING key group [[IDLE min-idle-time:int] start end count:int [consumer]]",
    READONLY,
    since="5.0.0",
    raw=True,
)
def xpending(client: Client, key: bytes, name: bytes, *words: bytes):
    """Count what is pending in a group, or list it. O(N) in entries answered."""
    if words and not 3 <= len(words) <= 6:
        raise ReplyError(errors.SYNTAX)
    least_idle_ms, low, high, count, consumer_name = _pending_options(words)
    stream = client.db.find(key, Stream)
    group = None if stream is None else stream.groups.get(name)
    if group is None:
        raise _no_key_or_group(key, "consumer group", name)
    if not words:
        return _pending_summary(group)
    holder: Any = group if consumer_name is None else group.consumers.get(consumer_name)
    if holder is None:
        return []
    now_ms, high_key = client.node.now_ms, high.key
    rows: list = []
    for entry_key, pending in holder.pending.items(low.key):
        if len(rows) == count or entry_key > high_key:
            break
        idle_ms = now_ms - pending.delivered_ms
        if not least_idle_ms or idle_ms >= least_idle_ms:
            idle_ms = idle_ms if idle_ms > 0 else 0
            rows.append([id_text(entry_key), pending.consumer.name, idle_ms, pending.deliveries])
    return rows


def _pending_options(words: Sequence[bytes]) -> tuple[int, StreamId, StreamId, int, bytes | None]:
    """`[IDLE ms] start end count [consumer]`; the rest is not looked at, as in Redis."""
    if not words:
        return 0, MIN_ID, MAX_ID, 0, None
    least_idle_ms = 0
    if words[0].upper() == b"IDLE":
        least_idle_ms = integer(words[1])
        if len(words) < 5:
            raise ReplyError(errors.SYNTAX)
        words = words[2:]
    count = max(integer(words[2]), 0)
    low, high = parse_low(words[0]), parse_high(words[1])
    return least_idle_ms, low, high, count, words[3] if len(words) > 3 else None


def _pending_summary(group: ConsumerGroup) -> list:
    """How many are pending, the first and the last id, and how many each consumer has."""
    first, last = group.pending.seek("^"), group.pending.seek("$")
    if first is None or last is None:
        return [0, None, None, NULL_ARRAY]
    counts = [
        [consumer.name, b"%d" % len(consumer.pending)]
        for consumer in group.consumers.values()
        if len(consumer.pending)
    ]
    return [len(group.pending), id_text(first[0]), id_text(last[0]), counts]


def _no_key_or_group(key: bytes, what: str, name: bytes) -> ReplyError:
    return ReplyError(f"NOGROUP No such key '{errors.shown(key)}' or {what} '{errors.shown(name)}'")


# ---- claiming ---------------------------------------------------------------------------------------------


@command(
    "XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms:int] [TIME unix-time-milliseconds:time]"
    " [RETRYCOUNT count:int] [FORCE] [JUSTID] [LASTID lastid]",
    WRITE | FAST,
    since="5.0.0",
    raw=True,
)
def xclaim(client: Client, key: bytes, name: bytes, consumer: bytes, least_idle: bytes, *words: bytes):
    """Take over pending entries that have been idle for long enough. O(log N) for each, N pending."""
    stream = client.db.find(key, Stream)
    group = None if stream is None else stream.groups.get(name)
    if stream is None or group is None:
        raise _no_key_or_group(key, "consumer group", name)
    client.db.before_change(key)
    least_idle_ms = _integer(least_idle, "Invalid min-idle-time argument for XCLAIM")
    options = _claim_options(words, client.node.now_ms)
    client.rewrite()
    moved_on = options.last_id > group.last_id
    if moved_on:
        group.last_id = options.last_id
    reader = Reader(client, key, stream, name, group, consumer)
    reply: list = []
    for entry_id in options.ids:
        pending = group.pending.get(entry_id.key)
        entry = stream.find(entry_id)
        if entry is None:
            if pending is not None:
                reader.forget(entry_id, pending)
                moved_on = False  # the XCLAIM that was stated says LASTID too
            continue
        if pending is None:
            if not options.force:
                continue
            pending = group.deliver(entry_id, reader.consumer, client.node.now_ms)
        elif least_idle_ms > 0 and not reader.is_idle(pending, least_idle_ms):
            continue
        deliveries = pending.deliveries + (0 if options.just_id else 1)
        reader.claim(
            entry_id,
            pending,
            options.delivered_ms,
            deliveries if options.deliveries is None else options.deliveries,
        )
        moved_on = False
        reply.append(entry.name if options.just_id else [entry.name, entry.pairs.copy()])
    if moved_on:
        reader.state_position()
        client.db.touch(key, "", modified=False)
    return reply


@record
class ClaimOptions:
    """What XCLAIM was asked.  `deliveries` is None where the count just goes on."""

    ids: list[StreamId]
    delivered_ms: int
    deliveries: int | None = None
    force: bool = False
    just_id: bool = False
    last_id: StreamId = MIN_ID


def _claim_options(words: Sequence[bytes], now_ms: int) -> ClaimOptions:
    """Ids up to the first word that is none, then options."""
    options = ClaimOptions([], now_ms)
    delivered_ms = -1
    at = 0
    while at < len(words) and (entry_id := try_parse_id(words[at])) is not None:
        options.ids.append(entry_id)
        at += 1
    while at < len(words):
        name, more = words[at].upper(), at + 1 < len(words)
        if name == b"FORCE":
            options.force = True
        elif name == b"JUSTID":
            options.just_id = True
        elif name in (b"IDLE", b"TIME", b"RETRYCOUNT") and more:
            at += 1
            number = _integer(words[at], f"Invalid {name.decode()} option argument for XCLAIM")
            if name == b"RETRYCOUNT":
                options.deliveries = number if number >= 0 else None
            else:
                delivered_ms = number if name == b"TIME" else now_ms - number
        elif name == b"LASTID" and more:
            at += 1
            options.last_id = parse_id(words[at])
        else:
            raise ReplyError(f"ERR Unrecognized XCLAIM option '{errors.shown(words[at])}'")
        at += 1
    if 0 <= delivered_ms <= now_ms:  # a time from the future, or before 1970, is taken for "now"
        options.delivered_ms = delivered_ms
    return options


def _integer(text: bytes, message: str) -> int:
    number = parse_integer(text)
    if number is None:
        raise ReplyError("ERR " + message)
    return number


@command(
    "XAUTOCLAIM key group consumer min-idle-time start [COUNT count:int] [JUSTID]",
    WRITE | FAST,
    since="6.2.0",
    raw=True,
)
def xautoclaim(
    client: Client, key: bytes, name: bytes, consumer: bytes, least_idle: bytes, start: bytes, *words: bytes
):
    """Take over whatever has been idle for long enough, walking the pending entries in steps. \
O(1) if COUNT is small."""
    least_idle_ms = max(_integer(least_idle, "Invalid min-idle-time argument for XAUTOCLAIM"), 0)
    low = parse_low(start)
    count, just_id = _autoclaim_options(words)
    stream = client.db.find(key, Stream)
    group = None if stream is None else stream.groups.get(name)
    if stream is None or group is None:
        raise _no_key_or_group(key, "consumer group", name)
    client.db.before_change(key)
    client.rewrite()
    reader = Reader(client, key, stream, name, group, consumer)
    claimed: list = []
    deleted: list[bytes] = []
    attempts = count * CLAIM_ATTEMPTS
    walk = group.pending.items(low.key)
    ahead = list(islice(walk, attempts + 1))  # a list: claiming and forgetting change the tree
    seen = 0
    entries = stream.find_all([entry_key for entry_key, _ in ahead])
    for (entry_key, pending), entry in zip(ahead[:attempts], entries, strict=False):
        if len(claimed) + len(deleted) == count:
            break
        seen += 1
        if entry is None:
            reader.forget(StreamId.from_key(entry_key), pending)
            deleted.append(id_text(entry_key))
        elif not least_idle_ms or reader.is_idle(pending, least_idle_ms):
            deliveries = pending.deliveries + (0 if just_id else 1)
            reader.claim(entry.id, pending, reader.now_ms, deliveries)
            claimed.append(entry.name if just_id else [entry.name, entry.pairs.copy()])
    cursor = StreamId.from_key(ahead[seen][0]) if seen < len(ahead) else MIN_ID
    return [bytes(cursor), claimed, deleted]


def _autoclaim_options(words: Sequence[bytes]) -> tuple[int, bool]:
    count, just_id = 100, False
    at = 0
    while at < len(words):
        name = words[at].upper()
        if name == b"COUNT" and at + 1 < len(words):
            count = integer_in_range(words[at + 1], 1, MOST_CLAIMED, message="ERR COUNT must be > 0")
            at += 1
        elif name == b"JUSTID":
            just_id = True
        else:
            raise ReplyError(errors.SYNTAX)
        at += 1
    return count, just_id
