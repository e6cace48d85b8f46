"""Stream commands: an append-only log, read by position. (Groups of readers: consumer_groups.py.)

    XADD s * temp 21          append; the id is the time:  1767225600000-0
    XADD s MAXLEN ~ 1000 ...  append, and let the oldest go: about a thousand stay
    XRANGE s - + COUNT 10     read by id, which is to say by time
    XREAD BLOCK 0 STREAMS s $ wait for what comes from now on

XREAD takes nothing away: a hundred readers each remember their own last id and all see every entry.

In the journal an XADD has the id that it got, and `MAXLEN ~` (about) has become the exact trim that was
made: a replica must end up with the same entries, not with its own idea of "about".

Mirrors: t_stream.c (xaddCommand ... xinfoCommand).
Differs: where XREAD names a key twice, its RESP3 map has the key once (the last answer, which is what a
client's dictionary keeps). The rewritten `MAXLEN = n` drops LIMIT, which Redis leaves for replicas to skip.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock="2026-01-01T00:00:00Z")
>>> redis.execute("XADD", "s", "*", "temp", 21), redis.execute("XADD", "s", "*", "temp", 22)
(b'1767225600000-0', b'1767225600000-1')
>>> redis.execute("XRANGE", "s", "-", "+", "COUNT", 1)
[[b'1767225600000-0', [b'temp', b'21']]]
>>> redis.execute("XREAD", "STREAMS", "s", "1767225600000-0")
[[b's', [[b'1767225600000-1', [b'temp', b'22']]]]]

Read next: minidis/values/stream.py, then consumer_groups.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from minidis.commands.arguments import TIMEOUT_NEGATIVE, TIMEOUT_TOO_LARGE
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
from minidis.engine.waiting import Wait
from minidis.protocol.numbers import INTEGER_MAX, parse_integer, parse_unsigned
from minidis.protocol.replies import NULL_ARRAY, ReplyError
from minidis.structures.listpack import SIZE_LIMIT
from minidis.structures.record import record
from minidis.values.consumer_group import UNKNOWN, Consumer, ConsumerGroup
from minidis.values.stream import Stream, Trim
from minidis.values.stream_node import MAX_ID, MIN_ID, Entry, StreamId

INVALID_ID = "ERR Invalid stream ID specified as stream command argument"
TOO_SMALL_ID = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
NOT_ABOVE_ZERO = "ERR The ID specified in XADD must be greater than 0-0"
EXHAUSTED = "ERR The stream has exhausted the last possible ID, unable to add more items"
TOO_LARGE = "ERR Elements are too large to be stored"
TWO_TRIMS = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
LIMIT_WITHOUT_TRIM = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
LIMIT_WITHOUT_ABOUT = "ERR syntax error, LIMIT cannot be used without the special ~ option"
NO_TRIM = "ERR syntax error, XTRIM must be called with a trimming strategy"
TIMEOUT_NOT_INTEGER = "ERR timeout is not an integer or out of range"
GROUPS_ONLY = "ERR The {} option is only supported by XREADGROUP. You called XREAD instead."
NEW_IS_FOR_GROUPS = (
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
)
SETID_BELOW_GIVEN = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
SETID_BELOW_DELETED = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"
SETID_BELOW_TOP = "ERR The ID specified in XSETID is smaller than the target stream top item"
SETID_TOO_FEW = "ERR The entries_added specified in XSETID is smaller than the target stream length"

FEWEST_TRIMMED, MOST_TRIMMED, NODES_TRIMMED = 10_000, 1_000_000, 100


# ---- writing ----------------------------------------------------------------------------------------------


@command(
    "XADD key [NOMKSTREAM] [(MAXLEN|MINID) [=|~] threshold [LIMIT count:int]] (*|id)"
    " field value [field value ...]",
    WRITE | DENYOOM | FAST,
    since="5.0.0",
    raw=True,
)
def xadd(client: Client, key: bytes, *words: bytes):
    """Append an entry to a stream, making it if needed. O(1), and O(N) in entries trimmed."""
    options = read_trim_options(client, words, for_adding=True)
    pairs = words[options.end + 1 :]
    if len(pairs) < 2 or len(pairs) % 2:
        raise errors.wrong_arity("xadd")
    if options.id == MIN_ID and not options.any_seq:
        raise ReplyError(NOT_ABOVE_ZERO)
    db = client.db
    stream = db.edit(key, Stream)
    if stream is None:
        if not options.make_stream:
            return None
        stream = db.create(key, Stream(client.node.encodings))
    entry_id = _new_id(client, stream, options)
    if sum(map(len, pairs)) > SIZE_LIMIT:
        raise ReplyError(TOO_LARGE)
    name = stream.append(entry_id, pairs).name
    db.touch(key, "xadd")
    if options.trim is not None and stream.trim(options.trim):
        db.touch(key, "xtrim", changes=0)
    rewritten = list(words)
    rewritten[options.end] = name
    client.rewrite(b"XADD", key, *_with_exact_trim(stream, options, rewritten))
    return name


def _new_id(client: Client, stream: Stream, options: TrimOptions) -> StreamId:
    last = stream.last_id
    if last == MAX_ID:
        raise ReplyError(EXHAUSTED)
    entry_id = stream.next_id(client.node.now_ms) if options.id is None else options.id
    if options.any_seq and entry_id is not None and entry_id.ms == last.ms:
        entry_id = StreamId(last.ms, last.seq + 1) if last.seq < MAX_ID.seq else None
    if entry_id is None or entry_id <= last:
        raise ReplyError(TOO_SMALL_ID)
    return entry_id


@command("XDEL key id [id ...]", WRITE | FAST, since="5.0.0")
def xdel(client: Client, key: bytes, *words: bytes):
    """Take entries out of a stream. O(1) for each."""
    stream = client.db.edit(key, Stream)
    if stream is None:
        return 0
    deleted = sum([stream.delete(entry_id) for entry_id in [parse_id(word) for word in words]])
    if deleted:
        client.db.touch(key, "xdel", deleted)
    return deleted


@command(
    "XTRIM key ((MAXLEN|MINID) [=|~] threshold [LIMIT count:int])",
    WRITE,
    since="5.0.0",
    raw=True,
)
def xtrim(client: Client, key: bytes, *words: bytes):
    """Let the oldest entries go. O(N) in entries removed."""
    options = read_trim_options(client, words, for_adding=False)
    stream = client.db.edit(key, Stream)
    if stream is None:
        return 0
    assert options.trim is not None
    removed = stream.trim(options.trim)
    if removed:
        client.db.touch(key, "xtrim", removed)
        client.rewrite(b"XTRIM", key, *_with_exact_trim(stream, options, list(words)))
    return removed


@record
class TrimOptions:
    """The words of XADD before the fields, or all of XTRIM's."""

    trim: Trim | None = None
    make_stream: bool = True
    id: StreamId | None = None  # None: XADD *
    any_seq: bool = False  # XADD 1700000000000-*
    end: int = 0  # where the id of XADD stands
    threshold_at: int = 0
    limit: int | None = None


def read_trim_options(client: Client, words: Sequence[bytes], for_adding: bool) -> TrimOptions:
    """Read the options of XADD up to its id, or those of XTRIM. Source: streamParseAddOrTrimArgsOrReply."""
    options = TrimOptions()
    at, last = 0, len(words) - 1
    while at <= last:
        word = words[at]
        name = word.upper()
        if for_adding and word == b"*":
            break
        if name in (b"MAXLEN", b"MINID") and at < last:
            at = _read_threshold(options, words, at)
        elif name == b"LIMIT" and at < last:
            options.limit = integer(words[at + 1])
            if options.limit < 0:
                raise ReplyError("ERR The LIMIT argument must be >= 0.")
            at += 2
        elif for_adding and name == b"NOMKSTREAM":
            options.make_stream = False
            at += 1
        elif for_adding:
            options.id, options.any_seq = _parse_new_id(word)
            break
        else:
            raise ReplyError(errors.SYNTAX)
    options.end = at
    _set_limit(client, options, for_adding)
    return options


def _read_threshold(options: TrimOptions, words: Sequence[bytes], at: int) -> int:
    """`MAXLEN [=|~] count` or `MINID [=|~] id`; answers the index after it."""
    if options.trim is not None:
        raise ReplyError(TWO_TRIMS)
    name = words[at].upper()
    at += 1
    options.trim = Trim()
    if words[at] in (b"=", b"~") and at + 1 < len(words):
        options.trim.approximate = words[at] == b"~"
        at += 1
    if name == b"MINID":
        options.trim.min_id = parse_id(words[at])
    else:
        options.trim.max_length = integer(words[at])
        if options.trim.max_length < 0:
            raise ReplyError("ERR The MAXLEN argument must be >= 0.")
    options.threshold_at = at
    return at + 1


def _set_limit(client: Client, options: TrimOptions, for_adding: bool) -> None:
    trim = options.trim
    if trim is None:
        if options.limit:
            raise ReplyError(LIMIT_WITHOUT_TRIM)
        if not for_adding:
            raise ReplyError(NO_TRIM)
    if client.is_obeyed:  # it is an exact trim by now, whatever its LIMIT has been
        return
    if options.limit is not None and (trim is None or not trim.approximate):
        raise ReplyError(LIMIT_WITHOUT_ABOUT)
    if trim is None:
        return
    if options.limit is not None:
        trim.limit = options.limit
    elif trim.approximate:
        # An approximate trim must not stop the server for long: what is left is trimmed by the next one.
        most = NODES_TRIMMED * client.node.encodings.stream_node_max_entries
        trim.limit = min(most, MOST_TRIMMED) or FEWEST_TRIMMED


def _with_exact_trim(stream: Stream, options: TrimOptions, words: list[bytes]) -> list[bytes]:
    """The words with `~` replaced by what the trim came to. Source: streamRewriteTrimArgument."""
    trim = options.trim
    if trim is None or not trim.approximate:
        return words
    words[options.threshold_at - 1] = b"="
    if trim.max_length is not None:
        words[options.threshold_at] = b"%d" % len(stream)
    else:
        words[options.threshold_at] = bytes(_oldest_id(stream))
    return words


def _oldest_id(stream: Stream) -> StreamId:
    """The id of the first entry that still takes room, deleted or not."""
    first = stream.tree.seek("^")
    return MAX_ID if first is None else StreamId.from_key(first[0])


@command(
    "XSETID key last-id [ENTRIESADDED entries-added:int] [MAXDELETEDID max-deleted-id]",
    WRITE | DENYOOM | FAST,
    since="5.0.0",
    raw=True,
)
def xsetid(client: Client, key: bytes, last_id: bytes, *options: bytes):
    """Set the last id of a stream, which replicas do. O(1)."""
    new_id, added, deleted_id = parse_id(last_id), None, MIN_ID
    for at in range(0, len(options), 2):
        name = options[at].upper()
        if at + 1 == len(options) or name not in (b"ENTRIESADDED", b"MAXDELETEDID"):
            raise ReplyError(errors.SYNTAX)
        if name == b"ENTRIESADDED":
            added = integer(options[at + 1])
            if added < 0:
                raise ReplyError("ERR entries_added must be positive")
        else:
            deleted_id = parse_id(options[at + 1])
            if new_id < deleted_id:
                raise ReplyError(SETID_BELOW_GIVEN)
    stream = client.db.edit(key, Stream)
    if stream is None:
        raise ReplyError(errors.NO_SUCH_KEY)
    if new_id < stream.max_deleted_id:
        raise ReplyError(SETID_BELOW_DELETED)
    if len(stream) and new_id < stream.greatest_id():
        raise ReplyError(SETID_BELOW_TOP)
    if len(stream) and added is not None and added < len(stream):
        raise ReplyError(SETID_TOO_FEW)
    stream.last_id = new_id
    if added is not None:
        stream.entries_added = added
    if deleted_id != MIN_ID:
        stream.max_deleted_id = deleted_id
    client.db.touch(key, "xsetid", modified=False)
    return "OK"


# ---- reading ----------------------------------------------------------------------------------------------


@command("XLEN key", READONLY | FAST, since="5.0.0")
def xlen(client: Client, key: bytes):
    """Count the entries of a stream. O(1)."""
    stream = client.db.find(key, Stream)
    return 0 if stream is None else len(stream)


@command("XRANGE key start end [COUNT count:int]", READONLY, since="5.0.0", raw=True)
def xrange(client: Client, key: bytes, start: bytes, end: bytes, *options: bytes):
    """Read the entries with ids from start to end. O(N) in entries answered."""
    return _range(client, key, start, end, options, reverse=False)


@command("XREVRANGE key end start [COUNT count:int]", READONLY, since="5.0.0", raw=True)
def xrevrange(client: Client, key: bytes, end: bytes, start: bytes, *options: bytes):
    """Read the entries with ids from end down to start. O(N) in entries answered."""
    return _range(client, key, start, end, options, reverse=True)


def _range(
    client: Client, key: bytes, start: bytes, end: bytes, options: Sequence[bytes], reverse: bool
) -> Any:
    low = _ENDS.get(start) or parse_low(start)
    high = _ENDS.get(end) or parse_high(end)
    count = _count_option(options) if options else None
    stream = client.db.find(key, Stream)
    if stream is None:
        return []
    if count == 0:
        return NULL_ARRAY
    entries = stream.walk(low, high, reverse)
    return shown_entries(entries if count is None else islice(entries, count))


def _count_option(options: Sequence[bytes]) -> int:
    count = 0
    for at in range(0, len(options), 2):
        if options[at].upper() != b"COUNT" or at + 1 == len(options):
            raise ReplyError(errors.SYNTAX)
        count = max(integer(options[at + 1]), 0)
    return count


def shown_entries(entries: Iterable[Entry]) -> list:
    """Entries as they are answered: [id, [field, value ...]].  What is answered is the caller's: a copy."""
    return [[entry[1], entry[2].copy()] for entry in entries]


@command(
    "XREAD [COUNT count:int] [BLOCK milliseconds:int] (STREAMS key [key ...] id [id ...])",
    READONLY | BLOCKING,
    since="5.0.0",
    raw=True,
)
def xread(client: Client, *words: bytes):
    """Read what comes after an id from each of several streams, or wait for it. O(N) in entries answered."""
    options = read_options(client, words)
    last_ids = []
    for key, word in zip(options.keys, options.ids, strict=True):
        stream = client.db.find(key, Stream)
        if word == b"$":
            last_ids.append(MIN_ID if stream is None else stream.last_id)
        elif word == b">":
            raise ReplyError(NEW_IS_FOR_GROUPS)
        else:
            last_ids.append(parse_id(word))
    answers = []
    for key, last_id in zip(options.keys, last_ids, strict=True):
        stream = client.db.find(key, Stream)
        if stream is not None and stream.has_after(last_id):
            following = last_id.next()
            assert following is not None
            answers.append((key, shown_entries(islice(stream.walk(following), options.count))))
    if answers:
        return by_stream(client, answers)
    # What `$` meant when the wait began: had it kept its meaning, nothing would ever be new.
    again = [b"XREAD", *words[: -len(last_ids)], *map(bytes, last_ids)]
    return options.wait(kind=Stream.kind, argv=again)


def by_stream(client: Client, answers: list[tuple[bytes, list]]) -> Any:
    """Entries of several streams: a map in RESP3, an array of pairs in RESP2."""
    return dict(answers) if client.protocol >= 3 else [list(answer) for answer in answers]


@record
class ReadOptions:
    """What XREAD and XREADGROUP were asked.  `count` is None for all."""

    keys: Sequence[bytes] = ()
    ids: Sequence[bytes] = ()
    count: int | None = None
    blocks: bool = False
    deadline_ms: int | None = None
    group: bytes | None = None
    consumer: bytes = b""
    no_ack: bool = False

    def wait(self, kind: str | None = None, argv: list[bytes] | None = None) -> Any:
        """The answer where there is nothing to read."""
        return Wait(self.keys, self.deadline_ms, kind=kind, argv=argv) if self.blocks else NULL_ARRAY


def read_options(client: Client, words: Sequence[bytes], grouped: bool = False) -> ReadOptions:
    """Read the words of XREAD, or XREADGROUP if `grouped`. Source: xreadCommand."""
    options = ReadOptions()
    at, last = 0, len(words) - 1
    while at <= last:
        name = words[at].upper()
        if name == b"STREAMS" and at < last:
            names = words[at + 1 :]
            if len(names) % 2:
                raise _unbalanced(grouped)
            options.keys, options.ids = names[: len(names) // 2], names[len(names) // 2 :]
            break
        if name == b"BLOCK" and at < last:
            options.blocks, options.deadline_ms = True, _deadline_ms(client, words[at + 1])
            at += 2
        elif name == b"COUNT" and at < last:
            count = integer(words[at + 1])
            options.count = count if count > 0 else None
            at += 2
        elif name == b"GROUP" and at + 1 < last or name == b"NOACK":
            if not grouped:
                raise ReplyError(GROUPS_ONLY.format(name.decode()))
            if name == b"NOACK":
                options.no_ack = True
                at += 1
            else:
                options.group, options.consumer = words[at + 1 : at + 3]
                at += 3
        else:
            raise ReplyError(errors.SYNTAX)
    if not options.keys:
        raise ReplyError(errors.SYNTAX)
    if grouped and options.group is None:
        raise ReplyError("ERR Missing GROUP option for XREADGROUP")
    return options


def _unbalanced(grouped: bool) -> ReplyError:
    name, sign = ("xreadgroup", ">") if grouped else ("xread", "$")
    return ReplyError(
        f"ERR Unbalanced '{name}' list of streams: for each stream key an ID or '{sign}' must be specified."
    )


def _deadline_ms(client: Client, timeout: bytes) -> int | None:
    """When a timeout in milliseconds ends; None for 0: never."""
    timeout_ms = parse_integer(timeout)
    if timeout_ms is None:
        raise ReplyError(TIMEOUT_NOT_INTEGER)
    if timeout_ms < 0:
        raise ReplyError(TIMEOUT_NEGATIVE)
    if timeout_ms > INTEGER_MAX - client.node.now_ms:
        raise ReplyError(TIMEOUT_TOO_LARGE)
    return client.node.now_ms + timeout_ms if timeout_ms else None


# ---- ids --------------------------------------------------------------------------------------------------


def parse_id(word: bytes, missing_seq: int = 0) -> StreamId:
    """`ms-seq` or `ms` alone, or Redis's error. Source: streamParseStrictIDOrReply.

    >>> parse_id(b"1700000000000-5"), parse_id(b"7", missing_seq=9)
    (StreamId(ms=1700000000000, seq=5), StreamId(ms=7, seq=9))
    """
    entry_id = try_parse_id(word, missing_seq)
    if entry_id is None:
        raise ReplyError(INVALID_ID)
    return entry_id


def try_parse_id(word: bytes, missing_seq: int = 0) -> StreamId | None:
    """As parse_id, but None where the word is no id."""
    ms_text, dash, seq_text = word.partition(b"-")
    if ms_text.isdigit() and len(ms_text) < 20:  # nearly always
        if not dash:
            return StreamId(int(ms_text), missing_seq)
        if seq_text.isdigit() and len(seq_text) < 20:
            return StreamId(int(ms_text), int(seq_text))
    if len(word) > 127:
        return None
    ms_text, dash, seq_text = word.partition(b"\0")[0].partition(b"-")
    ms = parse_unsigned(ms_text)
    seq = parse_unsigned(seq_text) if dash else missing_seq
    return None if ms is None or seq is None else StreamId(ms, seq)


def parse_low(word: bytes) -> StreamId:
    """The start of a range: an id, `-`, or `(` and an id that is not included."""
    if word.startswith(b"(") and len(word) > 1:
        following = parse_id(word[1:]).next()
        if following is None:
            raise ReplyError("ERR invalid start ID for the interval")
        return following
    return _bound(word, 0)


def parse_high(word: bytes) -> StreamId:
    """The end of a range: an id (all of its millisecond if that is all it says), `+`, or `(` and an id."""
    if word.startswith(b"(") and len(word) > 1:
        before = parse_id(word[1:], MAX_ID.seq).previous()
        if before is None:
            raise ReplyError("ERR invalid end ID for the interval")
        return before
    return _bound(word, MAX_ID.seq)


def _bound(word: bytes, missing_seq: int) -> StreamId:
    return _ENDS.get(word.partition(b"\0")[0]) or parse_id(word, missing_seq)


_ENDS = {b"-": MIN_ID, b"+": MAX_ID}


def parse_group_id(word: bytes, stream: Stream | None) -> StreamId:
    """The position of a group: an id, or `$` for the end of the stream as it is now."""
    if word == b"$":
        return MIN_ID if stream is None else stream.last_id
    return parse_id(word)


def _parse_new_id(word: bytes) -> tuple[StreamId, bool]:
    """XADD's id, and whether its number within the millisecond is left open: `ms-*`."""
    if word.endswith(b"-*") and (ms := try_parse_id(word[:-2])) is not None and word.count(b"-") == 1:
        return ms, True
    return parse_id(word), False


# ---- looking at it ----------------------------------------------------------------------------------------


@command("XINFO STREAM key [FULL [COUNT count:int]]", READONLY, since="5.0.0", raw=True)
def xinfo_stream(client: Client, key: bytes, *words: bytes):
    """Describe a stream. O(1), FULL O(N) in entries and pending entries shown."""
    stream = _stream_to_describe(client, key)
    count: int | None = 10
    if words:
        if len(words) not in (1, 3) or words[0].upper() != b"FULL":
            raise errors.WrongUsage
        if len(words) == 3:
            if words[1].upper() != b"COUNT":
                raise errors.WrongUsage
            given = integer(words[2])
            count = 10 if given < 0 else given or None
    facts: dict[bytes, Any] = {
        b"length": len(stream),
        b"radix-tree-keys": len(stream.tree),
        b"radix-tree-nodes": stream.tree.node_count,
        b"last-generated-id": bytes(stream.last_id),
        b"max-deleted-entry-id": bytes(stream.max_deleted_id),
        b"entries-added": stream.entries_added,
        b"recorded-first-entry-id": bytes(stream.first_id),
    }
    if words:
        facts[b"entries"] = shown_entries(islice(stream.walk(), count))
        facts[b"groups"] = [
            _describe_in_full(stream, name, group, count) for name, group in stream.groups.items()
        ]
        return facts
    first = shown_entries(islice(stream.walk(), 1))
    last = shown_entries(islice(stream.walk(reverse=True), 1))
    facts[b"groups"] = len(stream.groups)
    facts[b"first-entry"] = first[0] if first else None
    facts[b"last-entry"] = last[0] if last else None
    return facts


def _describe_in_full(stream: Stream, name: bytes, group: ConsumerGroup, count: int | None) -> dict:
    return {
        b"name": name,
        b"last-delivered-id": bytes(group.last_id),
        b"entries-read": _entries_read(group),
        b"lag": stream.lag(group),
        b"pel-count": len(group.pending),
        b"pending": [
            [bytes(StreamId.from_key(key)), pending.consumer.name, pending.delivered_ms, pending.deliveries]
            for key, pending in islice(group.pending.items(), count)
        ],
        b"consumers": [_describe_consumer(consumer, count) for consumer in group.consumers.values()],
    }


def _describe_consumer(consumer: Consumer, count: int | None) -> dict:
    return {
        b"name": consumer.name,
        b"seen-time": consumer.seen_ms,
        b"active-time": consumer.active_ms,
        b"pel-count": len(consumer.pending),
        b"pending": [
            [bytes(StreamId.from_key(key)), pending.delivered_ms, pending.deliveries]
            for key, pending in islice(consumer.pending.items(), count)
        ],
    }


@command("XINFO GROUPS key", READONLY, since="5.0.0")
def xinfo_groups(client: Client, key: bytes):
    """List the groups of a stream. O(1)."""
    stream = _stream_to_describe(client, key)
    return [
        {
            b"name": name,
            b"consumers": len(group.consumers),
            b"pending": len(group.pending),
            b"last-delivered-id": bytes(group.last_id),
            b"entries-read": _entries_read(group),
            b"lag": stream.lag(group),
        }
        for name, group in stream.groups.items()
    ]


@command("XINFO CONSUMERS key group", READONLY, since="5.0.0")
def xinfo_consumers(client: Client, key: bytes, group: bytes):
    """List the consumers of a group. O(1)."""
    found = _stream_to_describe(client, key).groups.get(group)
    if found is None:
        raise no_group(group, key)
    now_ms = client.node.now_ms
    return [
        {
            b"name": consumer.name,
            b"pending": len(consumer.pending),
            b"idle": max(now_ms - consumer.seen_ms, 0),
            b"inactive": now_ms - consumer.active_ms if consumer.active_ms != -1 else -1,
        }
        for consumer in found.consumers.values()
    ]


_XINFO_HELP = """\
XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
CONSUMERS <key> <groupname>
    Show consumers of <groupname>.
GROUPS <key>
    Show the stream consumer groups.
STREAM <key> [FULL [COUNT <count>]
    Show information about the stream.
HELP
    Print this help."""


@command("XINFO HELP", LOADING | STALE, since="5.0.0")
def xinfo_help(client: Client):
    """Describe the subcommands of XINFO. O(1)."""
    return _XINFO_HELP.split("\n")


def no_group(group: bytes, key: bytes) -> ReplyError:
    """The reply where a group must exist and does not."""
    return ReplyError(
        f"NOGROUP No such consumer group '{errors.shown(group)}' for key name '{errors.shown(key)}'"
    )


def _entries_read(group: ConsumerGroup) -> int | None:
    return None if group.entries_read == UNKNOWN else group.entries_read


def _stream_to_describe(client: Client, key: bytes) -> Stream:
    stream = client.db.find(key, Stream)
    if stream is None:
        raise ReplyError(errors.NO_SUCH_KEY)
    return stream
