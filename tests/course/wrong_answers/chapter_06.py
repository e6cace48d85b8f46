"""Plausible wrong answers to the exercises of chapter 6, and the tests that must refuse each."""

from __future__ import annotations

import re
from zlib import crc32

from minidis.structures.hashtable import Entry

# -- 6.1 ---------------------------------------------------------------------------------------------

ONLY = "what begins with the prefix goes, and nothing else"
NOTHING = "nothing there: 0, and no error"
TEXT = "a prefix is text: * ? [ ] and \\ mean themselves"
RARE = "a rare prefix: an empty page is not the end"
MINE = "who deletes a key counts it: somebody else's are not yours"
PINGS = "99 % of the pings are answered within 2 ms"
BIG = "big values among them: no ping waits for 5 ms"
OTHERS = "it comes to an end, whatever others write meanwhile"


def _quoted(prefix):
    return re.sub(r"([*?\[\]\\^-])", r"\\\1", prefix) + "*"


def by_keys(redis, prefix):
    found = redis.keys(_quoted(prefix))
    return sum(redis.unlink(*found[at : at + 500]) for at in range(0, len(found), 500))


def unlink_all_at_once(redis, prefix):
    found = list(redis.scan_iter(match=_quoted(prefix), count=500))
    return redis.unlink(*found) if found else 0


def one_big_page(redis, prefix):
    deleted, cursor = 0, None
    while cursor != 0:
        cursor, page = redis.scan(cursor or 0, match=_quoted(prefix), count=1_000_000)
        for at in range(0, len(page), 500):
            deleted += redis.unlink(*page[at : at + 500])
    return deleted


def by_del(redis, prefix):
    deleted, cursor = 0, None
    while cursor != 0:
        cursor, page = redis.scan(cursor or 0, match=_quoted(prefix), count=500)
        deleted += redis.delete(*page) if page else 0
    return deleted


def without_quoting(redis, prefix):
    deleted, cursor = 0, None
    while cursor != 0:
        cursor, page = redis.scan(cursor or 0, match=prefix + "*", count=500)
        deleted += redis.unlink(*page) if page else 0
    return deleted


def stops_at_an_empty_page(count):
    def delete_prefix(redis, prefix):
        deleted, cursor = 0, None
        while cursor != 0:
            cursor, page = redis.scan(cursor or 0, match=_quoted(prefix), count=count)
            if not page:
                break
            deleted += redis.unlink(*page)
        return deleted

    return delete_prefix


def counts_pages(redis, prefix):
    deleted, cursor = 0, None
    while cursor != 0:
        cursor, page = redis.scan(cursor or 0, match=_quoted(prefix), count=500)
        if page:
            redis.unlink(*page)
        deleted += len(page)
    return deleted


def by_dbsize(redis, prefix):
    before = redis.dbsize()
    counts_pages(redis, prefix)
    return before - redis.dbsize()


def empty_page_to_unlink(redis, prefix):
    deleted, cursor = 0, None
    while cursor != 0:
        cursor, page = redis.scan(cursor or 0, match=_quoted(prefix), count=500)
        deleted += redis.unlink(*page)
    return deleted


def contains(redis, prefix):
    deleted, cursor = 0, None
    while cursor != 0:
        cursor, page = redis.scan(cursor or 0, match="*" + _quoted(prefix), count=500)
        deleted += redis.unlink(*page) if page else 0
    return deleted


def flush(redis, prefix):
    size = redis.dbsize()
    redis.flushdb(asynchronous=True)
    return size


def answers_nothing(redis, prefix):
    by_small_pages = redis.scan_iter(match=_quoted(prefix), count=500)
    for key in by_small_pages:
        redis.unlink(key)


SCAN_AND_UNLINK = """
local cursor, count = '0', 0
repeat
  local reply = redis.call('SCAN', cursor, 'MATCH', ARGV[1], 'COUNT', 500)
  cursor = reply[1]
  for _, key in ipairs(reply[2]) do count = count + redis.call('UNLINK', key) end
until cursor == '0'
return count
"""


def in_a_script(redis, prefix):
    return redis.eval(SCAN_AND_UNLINK, 0, _quoted(prefix))


def in_one_transaction(redis, prefix):
    with redis.pipeline() as pipe:
        for key in redis.scan_iter(match=_quoted(prefix), count=500):
            pipe.unlink(key)
        return sum(pipe.execute())


def by_an_expiry_that_is_over(redis, prefix):
    deleted, cursor = 0, None
    while cursor != 0:
        cursor, page = redis.scan(cursor or 0, match=_quoted(prefix), count=500)
        with redis.pipeline(transaction=False) as pipe:
            for key in page:
                pipe.expire(key, -1)
            deleted += sum(pipe.execute())
    return deleted


# -- 6.2 ---------------------------------------------------------------------------------------------

KINDS = "each kind is counted"
BYTES = "keys are bytes"
TWICE = "a key that SCAN answers twice is one key"
LATER = "a key may come again many pages later"
READS = "who looks writes nothing"
EMPTY = "an empty page is not the end"
INSERTS = "others insert and delete meanwhile"
PAGES = "no command looks at everything"


def _count(keys):
    counts = {}
    for key in keys:
        kind = key.partition(b":")[0]
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def counts_replies(redis):
    return _count(redis.scan_iter(count=500))


def counts_by_keys(redis):
    return _count(redis.keys("*"))


def ends_at_an_empty_page(redis):
    seen, cursor = set(), None
    while cursor != 0:
        cursor, page = redis.scan(cursor or 0, count=10)
        if not page:
            break
        seen.update(page)
    return _count(seen)


def ends_when_all_are_seen(redis):
    total, seen, cursor = redis.dbsize(), set(), None
    while cursor != 0 and len(seen) < total:
        cursor, page = redis.scan(cursor or 0, count=500)
        seen.update(page)
    return _count(seen)


def decodes(redis):
    return {kind.decode(): count for kind, count in _count(set(redis.scan_iter(count=500))).items()}


def only_with_a_colon(redis):
    return _count({key for key in redis.scan_iter(count=500) if b":" in key})


def splits_at_the_last(redis):
    counts = {}
    for key in set(redis.scan_iter(count=500)):
        kind = key.rpartition(b":")[0]
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def one_page_only(redis):
    return _count(set(redis.scan(0, count=100_000)[1]))


def remembers_the_last_page(redis):
    counts, cursor, last = {}, None, set()
    while cursor != 0:
        cursor, page = redis.scan(cursor or 0, count=500)
        for kind, number in _count(set(page) - last).items():
            counts[kind] = counts.get(kind, 0) + number
        last = set(page)
    return counts


def the_less_of_two_walks(redis):
    first, second = counts_replies(redis), counts_replies(redis)
    return {kind: min(number, second.get(kind, 0)) for kind, number in first.items()}


def collects_in_the_server(redis):
    for key in redis.scan_iter(count=500):
        if key != b"collected":
            redis.sadd("collected", key)
    keys, cursor = set(), None
    while cursor != 0:
        cursor, page = redis.sscan("collected", cursor or 0, count=500)
        keys.update(page)
    redis.unlink("collected")
    return _count(keys)


# -- 6.3 ---------------------------------------------------------------------------------------------

WALKS = "next_cursor: the walk through tables of 1 to 1024 buckets"
HIGH = "next_cursor: bits above the mask are dropped"
ONE = "scan_step: one table, every bucket once"
TWO = "scan_step: two tables, during a rehash"
CHANGE = "every single change of size, at every step"
RANDOM = "forty random histories of growing and shrinking"
LIVE = "a live keyspace: SCAN, SSCAN, HSCAN as before"


def next_cursor(cursor, mask):
    cursor &= mask
    bit = (mask + 1) >> 1
    while cursor & bit:
        cursor ^= bit
        bit >>= 1
    return cursor | bit


def counts_up(cursor, mask):
    return (cursor + 1) & mask


def keeps_high_bits(cursor, mask):
    bit = (mask + 1) >> 1
    while cursor & bit:
        cursor ^= bit
        bit >>= 1
    return cursor | bit


def never_carries(cursor, mask):
    cursor &= mask
    bit = (mask + 1) >> 1
    return cursor ^ bit if not cursor & bit else 0


def scan_step(cursor, sizes, next_cursor):
    if len(sizes) == 1:
        return [(0, cursor & (sizes[0] - 1))], next_cursor(cursor, sizes[0] - 1)
    small, large = (0, 1) if sizes[0] < sizes[1] else (1, 0)
    small_mask, large_mask = sizes[small] - 1, sizes[large] - 1
    places = [(small, cursor & small_mask)]
    while True:
        places.append((large, cursor & large_mask))
        cursor = next_cursor(cursor, large_mask)
        if not cursor & (small_mask ^ large_mask):
            return places, cursor


def old_table_only(cursor, sizes, next_cursor):
    return [(0, cursor & (sizes[0] - 1))], next_cursor(cursor, sizes[0] - 1)


def one_bucket_of_each(cursor, sizes, next_cursor):
    mask = min(sizes) - 1
    return [(number, cursor & (size - 1)) for number, size in enumerate(sizes)], next_cursor(cursor, mask)


def steps_in_the_large_one_only(cursor, sizes, next_cursor):
    mask = max(sizes) - 1
    return [(number, cursor & (size - 1)) for number, size in enumerate(sizes)], next_cursor(cursor, mask)


def the_first_is_the_small_one(cursor, sizes, next_cursor):
    if len(sizes) == 1:
        return scan_step(cursor, sizes, next_cursor)
    small_mask, large_mask = sizes[0] - 1, sizes[1] - 1
    places = [(0, cursor & small_mask)]
    for _ in range(sizes[1]):
        places.append((1, cursor & large_mask))
        cursor = next_cursor(cursor, large_mask)
        if not cursor & (small_mask ^ large_mask):
            break
    return places, cursor


def by_neighbours(cursor, sizes, next_cursor):
    if len(sizes) == 1:
        return scan_step(cursor, sizes, next_cursor)
    small, large = (0, 1) if sizes[0] < sizes[1] else (1, 0)
    ratio = sizes[large] // sizes[small]
    at = cursor & (sizes[small] - 1)
    places = [(small, at), *((large, at * ratio + n) for n in range(ratio))]
    return places, next_cursor(at, sizes[small] - 1)


# -- 6.4 ---------------------------------------------------------------------------------------------

IN_ONE = "insert and find in one table"
MOVES = "rehash_step: one bucket moves, and no more"
TEN = "rehash_step: gives up after ten empty buckets"
BOTH = "find looks in both tables"
NEW = "insert during a rehash goes to the new table"
REMOVE = "remove: from either table, first or last of a chain"
OPERATIONS = "4000 random operations, beside the engine's dict"
LIVE_DICT = "a live keyspace on your dict"


def step_with(most_empty=10, whole=False, first_only=False, clears=True, counts=True, tail=False):
    """rehash_step(), with one thing wrong if wanted."""

    def move(table):
        source, target = table.chains
        entry = source[table.rehash_index]
        while entry is not None:
            following, bucket = entry.next, crc32(entry.key) & (len(target) - 1)
            if tail and target[bucket] is not None:
                last = target[bucket]
                while last.next is not None:
                    last = last.next
                last.next, entry.next = entry, None
            else:
                entry.next, target[bucket] = target[bucket], entry
            if counts:
                table.used[0] -= 1
                table.used[1] += 1
            entry = following
            if first_only:
                source[table.rehash_index] = entry
                return
        if clears:
            source[table.rehash_index] = None
        table.rehash_index += 1

    def rehash_step(table):
        source = table.chains[0]
        if whole:
            while table.used[0]:
                move(table)
            return
        for _ in range(most_empty):
            if table.rehash_index >= len(source) or source[table.rehash_index] is not None:
                break
            table.rehash_index += 1
        else:
            return
        if table.rehash_index < len(source):
            move(table)

    return rehash_step


def step_of_one_bucket_full_or_empty(table):
    if table.chains[0][table.rehash_index] is None:
        table.rehash_index += 1
    else:
        STEP(table)


def find(table, key):
    for buckets in table.chains:
        entry = buckets[crc32(key) & (len(buckets) - 1)]
        while entry is not None:
            if entry.key == key:
                return entry
            entry = entry.next
    return None


def find_in_the_old_table(table, key):
    buckets = table.chains[0]
    entry = buckets[crc32(key) & (len(buckets) - 1)]
    while entry is not None and entry.key != key:
        entry = entry.next
    return entry


def find_by_one_mask(table, key):
    bucket = crc32(key) & (len(table.chains[0]) - 1)
    for buckets in table.chains:
        entry = buckets[bucket & (len(buckets) - 1)]
        while entry is not None:
            if entry.key == key:
                return entry
            entry = entry.next
    return None


def find_the_first_of_the_chain(table, key):
    for buckets in table.chains:
        entry = buckets[crc32(key) & (len(buckets) - 1)]
        if entry is not None and entry.key == key:
            return entry
    return None


def insert(table, key, value):
    buckets = table.chains[-1]
    bucket = crc32(key) & (len(buckets) - 1)
    buckets[bucket] = Entry(key, value, buckets[bucket])
    table.used[-1] += 1


def insert_into_the_old_table(table, key, value):
    buckets = table.chains[0]
    bucket = crc32(key) & (len(buckets) - 1)
    buckets[bucket] = Entry(key, value, buckets[bucket])
    table.used[0] += 1


def insert_over_the_chain(table, key, value):
    buckets = table.chains[-1]
    buckets[crc32(key) & (len(buckets) - 1)] = Entry(key, value, None)
    table.used[-1] += 1


def insert_uncounted(table, key, value):
    insert(table, key, value)
    table.used[-1] -= 1


def remove_with(both=True, counts=True, relinks=True, right_table=True):
    """remove(), with one thing wrong if wanted."""

    def remove(table, key):
        for number, buckets in enumerate(table.chains if both else table.chains[-1:]):
            bucket = crc32(key) & (len(buckets) - 1)
            before, entry = None, buckets[bucket]
            while entry is not None:
                if entry.key == key:
                    if before is None:
                        buckets[bucket] = entry.next if relinks else None
                    else:
                        before.next = entry.next
                    if counts:
                        table.used[number if right_table else -1] -= 1
                    return entry
                before, entry = entry, entry.next
        return None

    return remove


STEP, REMOVE_IT = step_with(), remove_with()

WRONG = {
    "6.1": [
        ("KEYS", (by_keys,), (PINGS,)),
        ("all in one UNLINK", (unlink_all_at_once,), (PINGS,)),
        ("COUNT of a million", (one_big_page,), (PINGS,)),
        ("DEL", (by_del,), (BIG,)),
        ("all in one script", (in_a_script,), (PINGS,)),
        ("all in one MULTI", (in_one_transaction,), (PINGS,)),
        ("EXPIRE in the past", (by_an_expiry_that_is_over,), (BIG,)),
        ("the prefix is a pattern", (without_quoting,), (TEXT,)),
        ("an empty page is the end", (stops_at_an_empty_page(10),), (ONLY, RARE)),
        ("an empty page of 1000 is the end", (stops_at_an_empty_page(1000),), (RARE,)),
        ("SCAN's keys are counted, not UNLINK's", (counts_pages,), (MINE,)),
        ("DBSIZE before and after", (by_dbsize,), (MINE,)),
        ("UNLINK without keys", (empty_page_to_unlink,), (NOTHING,)),
        ("somewhere in the key", (contains,), (ONLY,)),
        ("FLUSHDB", (flush,), (ONLY, NOTHING, TEXT)),
        ("answers nothing", (answers_nothing,), (ONLY, NOTHING)),
    ],
    "6.2": [
        ("counts replies", (counts_replies,), (TWICE,)),
        ("remembers the last page", (remembers_the_last_page,), (LATER,)),
        ("the less of two walks", (the_less_of_two_walks,), (LATER,)),
        ("collects them in the server", (collects_in_the_server,), (READS,)),
        ("KEYS", (counts_by_keys,), (PAGES,)),
        ("an empty page is the end", (ends_at_an_empty_page,), (EMPTY,)),
        ("as many as DBSIZE said is the end", (ends_when_all_are_seen,), (INSERTS,)),
        ("decodes", (decodes,), (BYTES,)),
        ("only keys with a colon", (only_with_a_colon,), (KINDS,)),
        ("at the last colon", (splits_at_the_last,), (KINDS, BYTES)),
        ("one page", (one_page_only,), (PAGES,)),
    ],
    "6.3": [
        ("0 1 2 3", (counts_up, scan_step), (WALKS, CHANGE, RANDOM, LIVE)),
        ("bits above the mask stay", (keeps_high_bits, scan_step), (HIGH,)),
        ("no carry", (never_carries, scan_step), (WALKS, ONE)),
        ("the old table only", (next_cursor, old_table_only), (TWO, LIVE)),
        ("one bucket of each", (next_cursor, one_bucket_of_each), (TWO, RANDOM)),
        ("steps in the large one", (next_cursor, steps_in_the_large_one_only), (LIVE,)),
        ("the first one is the small one", (next_cursor, the_first_is_the_small_one), (TWO,)),
        ("neighbours in the large one", (next_cursor, by_neighbours), (TWO, CHANGE)),
    ],
    "6.4": [
        ("everything in one step", (step_with(whole=True), find, insert, REMOVE_IT), (MOVES, NEW)),
        ("one entry instead of its chain", (step_with(first_only=True), find, insert, REMOVE_IT), (MOVES,)),
        ("the old bucket keeps its chain", (step_with(clears=False), find, insert, REMOVE_IT), (MOVES,)),
        ("used is not moved", (step_with(counts=False), find, insert, REMOVE_IT), (MOVES,)),
        ("to the end of the chain", (step_with(tail=True), find, insert, REMOVE_IT), (OPERATIONS,)),
        ("skips a hundred empty ones", (step_with(most_empty=100), find, insert, REMOVE_IT), (TEN,)),
        ("an empty bucket is a step", (step_of_one_bucket_full_or_empty, find, insert, REMOVE_IT), (TEN,)),
        ("find in the old table", (STEP, find_in_the_old_table, insert, REMOVE_IT), (BOTH, OPERATIONS)),
        ("one mask for both tables", (STEP, find_by_one_mask, insert, REMOVE_IT), (BOTH, OPERATIONS)),
        (
            "only the first of a chain",
            (STEP, find_the_first_of_the_chain, insert, REMOVE_IT),
            (BOTH, OPERATIONS),
        ),
        ("insert into the old table", (STEP, find, insert_into_the_old_table, REMOVE_IT), (NEW,)),
        ("insert over the chain", (STEP, find, insert_over_the_chain, REMOVE_IT), (NEW, OPERATIONS)),
        ("insert without counting", (STEP, find, insert_uncounted, REMOVE_IT), (IN_ONE, NEW)),
        ("remove from the new table only", (STEP, find, insert, remove_with(both=False)), (REMOVE,)),
        ("remove without counting", (STEP, find, insert, remove_with(counts=False)), (REMOVE, LIVE_DICT)),
        (
            "remove drops the whole chain",
            (STEP, find, insert, remove_with(relinks=False)),
            (REMOVE, OPERATIONS),
        ),
        ("counted in the wrong table", (STEP, find, insert, remove_with(right_table=False)), (REMOVE,)),
    ],
}
