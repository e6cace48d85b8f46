"""Set commands: membership, algebra, random draws.

What interviews ask for and this module shows:

  * SADD and SREM answer how many members were *new* or *there*, not how many were named.
  * SINTER begins with the smallest set and asks the others for each of its members: O(N * M) with N the
    smallest. So the intersection of a tiny set with a huge one costs little; a union never does.
  * SPOP draws lots, and a replica must not draw its own: the journal says SREM with the members that went.
  * A set that has lost its last member is gone, key and time to live included.

Mirrors: t_set.c.
Differs: a random draw with repetition stops at ten million elements, where Redis sends until memory ends.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(seed=1)
>>> redis.execute("SADD", "tags", "db", "cache", "db"), redis.execute("SADD", "tags", "db", "queue")
(2, 1)
>>> list(redis.execute("SMEMBERS", "tags")), redis.execute("SISMEMBER", "tags", "sql")
([b'db', b'cache', b'queue'], 0)

Read next: minidis/values/set.py for the three forms, scanning.py for SSCAN.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, KeysView
from itertools import chain, filterfalse, islice

from minidis.commands.arguments import integer_in_range, may_draw
from minidis.commands.scanning import scan_collection
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.registry import DENYOOM, FAST, MOVABLE_KEYS, READONLY, WRITE, command
from minidis.protocol.numbers import INTEGER_MAX, parse_integer
from minidis.protocol.replies import ReplyError
from minidis.values.set import Set

SPOP_REBUILD_FACTOR = 5  # SPOP_MOVE_STRATEGY_MUL
SREM_BATCH = 1024  # members in one journal entry


# -- members ----------------------------------------------------------------------------------------


@command("SADD key member [member ...]", WRITE | DENYOOM | FAST)
def sadd(client: Client, key: bytes, *members: bytes) -> int:
    """Add members to a set, and count those that were new. O(1) for each member."""
    db = client.db
    value = db.edit(key, Set)
    if value is None:
        value = db.create(key, Set(client.node.encodings, members[0], len(members)))
    else:
        value.expect(len(members))
    added = value.add_all(members) if len(members) > 1 else int(value.add(members[0]))
    if added:
        db.touch(key, "sadd", added)
    return added


@command("SREM key member [member ...]", WRITE | FAST)
def srem(client: Client, key: bytes, *members: bytes) -> int:
    """Remove members from a set, and count those that were there. O(N) where N is the number of members \
to be removed."""
    db = client.db
    value = db.edit(key, Set)
    if value is None:
        return 0
    removed = sum([value.remove(member) for member in members])
    if removed:
        db.touch(key, "srem", removed)
        db.discard_if_empty(key, value)
    return removed


@command("SMOVE source:key destination:key member", WRITE | FAST)
def smove(client: Client, source_key: bytes, destination_key: bytes, member: bytes) -> int:
    """Move a member from one set to another: 1 if it was there, else 0. O(1)."""
    db = client.db
    source, destination = db.edit(source_key), db.edit(destination_key)
    if source is None:
        return 0
    if not isinstance(source, Set) or not (destination is None or isinstance(destination, Set)):
        raise ReplyError(errors.WRONG_TYPE)
    if source is destination:
        return int(member in source)
    if not source.remove(member):
        return 0
    db.touch(source_key, "srem")
    db.discard_if_empty(source_key, source)
    if destination is None:
        destination = db.create(destination_key, Set(client.node.encodings, member, 1))
    if destination.add(member):
        db.touch(destination_key, "sadd")
    return 1


@command("SISMEMBER key member", READONLY | FAST)
def sismember(client: Client, key: bytes, member: bytes) -> int:
    """Is this a member of the set? 1 or 0. O(1)."""
    value = client.db.find(key, Set)
    return int(value is not None and member in value)


@command("SMISMEMBER key member [member ...]", READONLY | FAST, since="6.2.0")
def smismember(client: Client, key: bytes, *members: bytes) -> list[int]:
    """Which of these are members of the set? A 1 or 0 for each. O(N) where N is the number of members asked \
for."""
    value = client.db.find(key, Set)
    known = () if value is None else value.container(len(members))
    return [int(member in known) for member in members]


@command("SCARD key", READONLY | FAST)
def scard(client: Client, key: bytes) -> int:
    """Count the members of a set. O(1)."""
    value = client.db.find(key, Set)
    return 0 if value is None else len(value)


@command("SMEMBERS key", READONLY)
def smembers(client: Client, key: bytes) -> KeysView[bytes]:
    """Get all members of a set, in no order to rely on. O(N) where N is the set cardinality."""
    return members_reply(client.db.find(key, Set) or ())


@command("SSCAN key cursor:int [MATCH pattern] [COUNT count:int]", READONLY, since="2.8.0", raw=True)
def sscan(client: Client, key: bytes, *words: bytes) -> list:
    """Walk over the members of a set, a few at a time. O(1) for every call, O(N) for the whole walk."""
    return scan_collection(client, Set, key, words, _rows)


def _rows(value: Set, names: Iterable[bytes] | None) -> Iterable[tuple[bytes]]:
    return zip(value if names is None else names)  # noqa: B905  (there is but one)


def members_reply(members: Iterable[bytes]) -> KeysView[bytes]:
    """Members as a set that keeps its order: Python's own sets come out in another order in each process."""
    return dict.fromkeys(members).keys()


# -- algebra ----------------------------------------------------------------------------------------


@command("SINTER key [key ...]", READONLY)
def sinter(client: Client, *keys: bytes) -> KeysView[bytes]:
    """Get the members that all of the sets have. O(N*M) worst case where N is the cardinality of the \
smallest set and M is the number of sets."""
    return members_reply(intersection(smallest_first(find_sets(client, keys))))


@command(
    "SINTERCARD numkeys:int key [key ...] [LIMIT limit:int]",
    READONLY | MOVABLE_KEYS,
    since="7.0.0",
    raw=True,
)
def sintercard(client: Client, *words: bytes) -> int:
    """Count the members that all of the sets have, at most LIMIT of them. O(N*M) worst case where N is the \
cardinality of the smallest set and M is the number of sets."""
    count = integer_in_range(words[0], 1, message="ERR numkeys should be greater than 0")
    if count > len(words) - 1:
        raise ReplyError("ERR Number of keys can't be greater than number of args")
    limit, options = 0, words[1 + count :]
    for at in range(0, len(options), 2):
        if options[at].upper() != b"LIMIT" or at + 1 == len(options):
            raise ReplyError(errors.SYNTAX)
        limit = integer_in_range(options[at + 1], 0, message="ERR LIMIT can't be negative")
    sets = smallest_first(find_sets(client, words[1 : 1 + count]))
    return len(list(islice(common_members(sets), limit)) if limit else intersection(sets))


@command("SUNION key [key ...]", READONLY)
def sunion(client: Client, *keys: bytes) -> KeysView[bytes]:
    """Get the members that at least one of the sets has. O(N) where N is the number of members in all \
sets."""
    return members_reply(chain.from_iterable(present(find_sets(client, keys))))


@command("SDIFF key [key ...]", READONLY)
def sdiff(client: Client, *keys: bytes) -> KeysView[bytes]:
    """Get the members of the first set that none of the others has. O(N) where N is the number of members \
in all sets."""
    members, _ = difference(find_sets(client, keys))
    return members_reply(members)


@command("SINTERSTORE destination:key key [key ...]", WRITE | DENYOOM)
def sinterstore(client: Client, destination: bytes, *keys: bytes) -> int:
    """Store the intersection of sets, and count its members. O(N*M) worst case where N is the cardinality \
of the smallest set and M is the number of sets."""
    sets = smallest_first(find_sets(client, keys))
    members = intersection(sets)
    result = Set(client.node.encodings, None if fits_intset(client, sets, members) else b"text")
    result.add_all(members)
    return store(client, destination, result, "sinterstore")


@command("SUNIONSTORE destination:key key [key ...]", WRITE | DENYOOM)
def sunionstore(client: Client, destination: bytes, *keys: bytes) -> int:
    """Store the union of sets, and count its members. O(N) where N is the number of members in all sets."""
    members = dict.fromkeys(chain.from_iterable(present(find_sets(client, keys))))
    return store(client, destination, _set_of(client, members), "sunionstore")


@command("SDIFFSTORE destination:key key [key ...]", WRITE | DENYOOM)
def sdiffstore(client: Client, destination: bytes, *keys: bytes) -> int:
    """Store the difference of sets, and count its members. O(N) where N is the number of members in all \
sets."""
    first, *others = find_sets(client, keys)
    members, is_what_remains = difference([first, *others])
    if first is None or not is_what_remains:
        return store(client, destination, _set_of(client, members), "sdiffstore")
    result = _set_of(client, list(first))
    for member in chain.from_iterable(present(others)):
        result.remove(member)
    return store(client, destination, result, "sdiffstore")


def _set_of(client: Client, members: Collection[bytes]) -> Set:
    """A set to which these members were added, one after the other."""
    result = Set(client.node.encodings, next(iter(members), None))
    result.add_all(members)
    return result


def find_sets(client: Client, keys: Iterable[bytes]) -> list[Set | None]:
    """The sets at these keys; None for a missing one, which counts as empty."""
    return [client.db.find(key, Set) for key in keys]


def present(sets: Iterable[Set | None]) -> list[Set]:
    """Those of the sets that are there."""
    return [value for value in sets if value is not None]


def smallest_first(sets: list[Set | None]) -> list[Set]:
    """The sets in the order that an intersection asks them in; none at all if one is missing."""
    return [] if None in sets else sorted(present(sets), key=len)


def intersection(sets: list[Set]) -> list[bytes]:
    """The members that all sets have, in the order of the first one, which is the smallest.

    Each set is asked for what the sets before it have left: it may be made ready for so many questions.
    """
    common = list(sets[0]) if sets else []
    for value in sets[1:]:
        common = list(filter(value.container(len(common)).__contains__, common))
    return common


def common_members(sets: list[Set]) -> Iterable[bytes]:
    """The same one by one, for who may stop: no set is made ready for many questions."""
    common = iter(sets[0] if sets else ())
    for value in sets[1:]:
        common = filter(value.container(1).__contains__, common)
    return common


def fits_intset(client: Client, sets: list[Set], members: list[bytes]) -> bool:
    """Does their intersection begin as an intset? If not, it begins as a listpack, as in Redis."""
    if not sets or sets[0].encoding == "intset":
        return True
    return len(members) <= client.node.encodings.set_max_intset_entries and all(
        parse_integer(member) is not None for member in members
    )


def difference(sets: list[Set | None]) -> tuple[list[bytes], bool]:
    """The members of the first set that none of the others has; and are they what remains of a copy?

    Asking all others for each member is O(N * M); taking the members of the others out of a copy is O(all
    members). Redis works out beforehand which is less work, with half a weight for the first way, and so
    do we: the way decides which form the result has, if it is stored.
    """
    first, *others = sets
    if first is None or first in others:
        return [], False
    taken = present(others)
    asking_work = len(first) * (1 + len(taken)) // 2
    removing_work = len(first) + sum(map(len, taken))
    if asking_work > removing_work:
        gone = set(chain.from_iterable(taken))
        return [member for member in first if member not in gone], True
    left = list(first)
    for value in taken:
        left = list(filterfalse(value.container(len(left)).__contains__, left))
    return left, False


def store(client: Client, destination: bytes, result: Set, event: str) -> int:
    """Bind a key to a result, or delete it when the result is empty; the number of members."""
    db, count = client.db, len(result)
    if count:
        db.put(destination, result)
        db.touch(destination, event)
    elif db.edit(destination) is not None:
        db.delete(destination)
        db.touch(destination, "del")
    return count


# -- random members ---------------------------------------------------------------------------------


@command("SRANDMEMBER key [count:int]", READONLY, raw=True)
def srandmember(client: Client, key: bytes, *words: bytes) -> bytes | list[bytes] | None:
    """Get a random member, `count` different ones, or -`count` that may repeat. O(1) without a count, \
otherwise O(N) where N is the absolute value of the count."""
    if len(words) > 1:
        raise ReplyError(errors.SYNTAX)
    random = client.node.random
    if not words:
        value = client.db.find(key, Set)
        return None if value is None else value.random_member(random)
    count = integer_in_range(words[0], -INTEGER_MAX)
    value = client.db.find(key, Set)
    if value is None:
        return []
    if count < 0:
        if not may_draw(client, -count):
            return []
        return value.random_members(random, -count)
    return value.sample(random, count)


@command("SPOP key [count:int]", WRITE | FAST, raw=True)
def spop(client: Client, key: bytes, *words: bytes) -> bytes | KeysView[bytes] | None:
    """Take a random member out of a set, or `count` of them. O(1) without a count, otherwise O(N) where N \
is the count."""
    if len(words) > 1:
        raise ReplyError(errors.SYNTAX)
    if not words:
        value = client.db.edit(key, Set)
        if value is None:
            return None
        popped = [value.random_member(client.node.random)]
        client.rewrite(b"SREM", key, popped[0])
        take_out(client, key, value, popped)
        return popped[0]
    count = integer_in_range(words[0], 0, message="ERR value is out of range, must be positive")
    value = client.db.edit(key, Set)
    if value is None or count == 0:
        return members_reply(())
    popped = value.sample(client.node.random, count)
    if count >= len(value):
        client.db.hits += 1  # Redis answers a union with nothing, which reads the set
        client.rewrite(b"DEL", key)
    else:
        for at in range(0, count, SREM_BATCH):
            client.rewrite(b"SREM", key, *popped[at : at + SREM_BATCH])
    take_out(client, key, value, popped)
    return members_reply(popped)


def take_out(client: Client, key: bytes, value: Set, members: list[bytes]) -> None:
    """Remove members drawn by lot; the last one takes the key with it."""
    remaining = len(value) - len(members)
    if 0 < remaining * SPOP_REBUILD_FACTOR <= len(members):
        keep_rest(value, set(members))
    else:
        for member in members:
            value.remove(member)
    client.db.touch(key, "spop", len(members))
    client.db.discard_if_empty(key, value)


def keep_rest(value: Set, popped: set[bytes]) -> None:
    """Few are left: put those into a new form instead of taking so many out of the old one.

    So a set that is nearly emptied at once may become a listpack or an intset again.
    """
    rest = [member for member in value if member not in popped]
    form = Set(value.encodings, rest[0] if value.encoding == "intset" else b"text")
    for member in rest:
        form.add(member)
    value.form = form.form
