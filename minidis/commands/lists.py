"""List commands: a queue, a stack, a feed, and a way to wait for work.

    LPUSH + RPOP     a queue                 LPUSH + LPOP             a stack
    LPUSH + LTRIM    the newest hundred      BLPOP, BLMOVE            wait until there is something

LMOVE takes an element from one list and puts it on another in a single step, so a worker that dies
with it has left it on its own list: RPOP and then LPUSH would lose it in between.

The commands in B... answer `Wait` when all their lists are missing; the node runs them again, oldest
first, when one of the keys gets a value. In the journal they appear as what they did (LPOP, LMOVE):
no replica ever waits.

LINDEX, LRANGE in the middle, LINSERT, LREM and LPOS walk along the list: O(n).

Mirrors: t_list.c, the list half of blocked.c.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("RPUSH", "todo", "wash", "iron"), redis.execute("LMOVE", "todo", "doing", "LEFT", "RIGHT")
(2, b'wash')
>>> worker = redis.connect("worker")
>>> redis.call(worker, [b"BLPOP", b"mail", b"0"])
WAITING
>>> redis.execute("RPUSH", "mail", "letter"), worker.outbox.popleft()
(1, [b'mail', b'letter'])

Read next: minidis/values/list.py for the encodings, minidis/engine/waiting.py for the waiting.
"""

from __future__ import annotations

from collections.abc import Sequence

from minidis.commands.arguments import deadline_ms, integer_in_range
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import BLOCKING, DENYOOM, FAST, READONLY, WRITE, command
from minidis.engine.waiting import Wait
from minidis.protocol.numbers import INTEGER_MAX
from minidis.protocol.replies import NULL_ARRAY, ReplyError
from minidis.values.list import List

MUST_BE_POSITIVE = "ERR value is out of range, must be positive"
RANK_IS_ZERO = (
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
    "or use negative to start from the end of the list"
)
_POP_NAMES = {True: b"LPOP", False: b"RPOP"}


# Both ends


@command("LPUSH key element [element ...]", WRITE | DENYOOM | FAST)
def lpush(client: Client, key: bytes, *elements: bytes):
    """Add elements at the head of a list, making it if needed. O(1) for each element."""
    return push(client, key, elements, head=True)


@command("RPUSH key element [element ...]", WRITE | DENYOOM | FAST)
def rpush(client: Client, key: bytes, *elements: bytes):
    """Add elements at the tail of a list, making it if needed. O(1) for each element."""
    return push(client, key, elements, head=False)


@command("LPUSHX key element [element ...]", WRITE | DENYOOM | FAST, since="2.2.0")
def lpushx(client: Client, key: bytes, *elements: bytes):
    """Add elements at the head of a list, only if it exists. O(1) for each element."""
    return push(client, key, elements, head=True) if client.db.edit(key, List) else 0


@command("RPUSHX key element [element ...]", WRITE | DENYOOM | FAST, since="2.2.0")
def rpushx(client: Client, key: bytes, *elements: bytes):
    """Add elements at the tail of a list, only if it exists. O(1) for each element."""
    return push(client, key, elements, head=False) if client.db.edit(key, List) else 0


@command("LPOP key [count:int]", WRITE | FAST, raw=True)
def lpop(client: Client, key: bytes, *count: bytes):
    """Take away and answer the first element of a list, or the first `count`. O(N) in elements taken."""
    return pop_one_or_some(client, "lpop", key, count)


@command("RPOP key [count:int]", WRITE | FAST, raw=True)
def rpop(client: Client, key: bytes, *count: bytes):
    """Take away and answer the last element of a list, or the last `count`. O(N) in elements taken."""
    return pop_one_or_some(client, "rpop", key, count)


def push(client: Client, key: bytes, elements: Sequence[bytes], head: bool) -> int:
    """Push elements one by one onto a list, new or not; answers its length."""
    db = client.db
    value = db.edit(key, List)
    if value is None:
        value = db.create(key, List(client.node.encodings))
    length = value.push(elements, head)
    db.touch(key, "lpush" if head else "rpush", len(elements))
    return length


def pop(client: Client, key: bytes, value: List, count: int, head: bool) -> list[bytes]:
    """Take up to `count` (at least 1) elements off one end of the list at `key`, in the order they go."""
    popped = value.pop(count, head)
    client.db.touch(key, "lpop" if head else "rpop", len(popped))
    client.db.discard_if_empty(key, value)
    return popped


def pop_one_or_some(client: Client, name: str, key: bytes, words: Sequence[bytes]):
    """LPOP and RPOP: one element as a bulk string, or, with a count, an array."""
    if len(words) > 1:
        raise errors.wrong_arity(name)
    count = integer_in_range(words[0], 0, message=MUST_BE_POSITIVE) if words else None
    value = client.db.edit(key, List)
    if value is None:
        return None if count is None else NULL_ARRAY
    if count == 0:
        return []
    popped = pop(client, key, value, count or 1, head=name == "lpop")
    return popped[0] if count is None else popped


# Along the list


@command("LLEN key", READONLY | FAST)
def llen(client: Client, key: bytes):
    """Get the length of a list. O(1)."""
    value = client.db.find(key, List)
    return 0 if value is None else len(value)


@command("LRANGE key start:int stop:int", READONLY)
def lrange(client: Client, key: bytes, start: int, stop: int):
    """Get the elements from start to stop, both included. O(S+N), S steps from an end to N elements."""
    value = client.db.find(key, List)
    if value is None:
        return []
    form = value.form
    if start < 0 or stop < 0:  # the length is only asked for where something is counted from the tail
        start, end = absolute_range(start, stop, len(form))
    else:
        end = stop + 1
    return form.elements(start, end)


@command("LINDEX key index:int", READONLY, raw=True)
def lindex(client: Client, key: bytes, index: bytes):
    """Get the element at an index, counted from the head or, negative, from the tail. O(N) in steps."""
    value = client.db.find(key, List)
    if value is None:
        return None
    try:
        return value.get(integer(index))
    except IndexError:
        return None


@command("LSET key index:int element", WRITE | DENYOOM, raw=True)
def lset(client: Client, key: bytes, index: bytes, element: bytes):
    """Put an element in place of the one at an index. O(N) in steps, O(1) at either end."""
    value = client.db.edit(key, List)
    if value is None:
        raise ReplyError(errors.NO_SUCH_KEY)
    try:
        value.set(integer(index), element)
    except IndexError:
        raise ReplyError(errors.OUT_OF_RANGE) from None
    client.db.touch(key, "lset")
    return "OK"


@command("LINSERT key (BEFORE|AFTER) pivot element", WRITE | DENYOOM, since="2.2.0", raw=True)
def linsert(client: Client, key: bytes, where: bytes, pivot: bytes, element: bytes):
    """Insert an element before or after the first that equals the pivot. O(N) in steps to the pivot."""
    if (side := where.upper()) not in (b"BEFORE", b"AFTER"):
        raise ReplyError(errors.SYNTAX)
    value = client.db.edit(key, List)
    if value is None:
        return 0
    if not value.insert(pivot, element, after=side == b"AFTER"):
        return -1
    client.db.touch(key, "linsert")
    return len(value)


@command("LREM key count:int element", WRITE, raw=True)
def lrem(client: Client, key: bytes, count: bytes, element: bytes):
    """Remove the first `count` equal elements, the last if negative, all if 0. O(N+M), M of N removed."""
    limit = integer_in_range(count, -INTEGER_MAX)
    value = client.db.edit(key, List)
    if value is None:
        return 0
    removed = value.remove(element, abs(limit), from_tail=limit < 0)
    if removed:
        client.db.touch(key, "lrem", removed)
        client.db.discard_if_empty(key, value)
    return removed


@command("LTRIM key start:int stop:int", WRITE)
def ltrim(client: Client, key: bytes, start: int, stop: int):
    """Keep only the elements from start to stop, both included. O(N) in elements removed."""
    value = client.db.edit(key, List)
    if value is not None:
        removed = value.trim(*absolute_range(start, stop, len(value)))
        client.db.touch(key, "ltrim", removed)
        client.db.discard_if_empty(key, value)
    return "OK"


def absolute_range(start: int, stop: int, length: int) -> tuple[int, int]:
    """Redis's range (negative from the tail, stop included) as Python's; (0, 0) if nothing is in it.

    >>> absolute_range(-3, -1, 10), absolute_range(0, 99, 10), absolute_range(5, 2, 10)
    ((7, 10), (0, 10), (0, 0))
    """
    if start < 0:
        start = max(start + length, 0)
    if stop < 0:
        stop += length
    if start > stop or start >= length:
        return 0, 0
    return start, min(stop + 1, length)


@command(
    "LPOS key element [RANK rank:int] [COUNT num-matches:int] [MAXLEN len:int]",
    READONLY,
    since="6.0.6",
    raw=True,
)
def lpos(client: Client, key: bytes, element: bytes, *options: bytes):
    """Get the index of an element, or of several that are equal. O(N) in elements compared."""
    rank, count, most_compared = position_options(options)
    value = client.db.find(key, List)
    if not options:
        return None if value is None or (index := value.find(element)) < 0 else index
    found = [] if value is None else positions(value, element, rank, count, most_compared)
    if count is None:
        return found[0] if found else None
    return found


def position_options(options: Sequence[bytes]) -> tuple[int, int | None, int]:
    """RANK, COUNT and MAXLEN; a repeated one counts with its last value.  COUNT is None if not given."""
    rank, count, most_compared = 1, None, 0
    for at in range(0, len(options), 2):
        name = options[at].upper()
        if name not in (b"RANK", b"COUNT", b"MAXLEN") or at + 1 == len(options):
            raise ReplyError(errors.SYNTAX)
        text = options[at + 1]
        if name == b"RANK":
            rank = integer_in_range(text, -INTEGER_MAX)
            if rank == 0:
                raise ReplyError(RANK_IS_ZERO)
        elif name == b"COUNT":
            count = integer_in_range(text, 0, message="ERR COUNT can't be negative")
        else:
            most_compared = integer_in_range(text, 0, message="ERR MAXLEN can't be negative")
    return rank, count, most_compared


def positions(value: List, element: bytes, rank: int, count: int | None, most_compared: int) -> list[int]:
    """Indexes of equal elements, from the rank-th match on (from the tail if rank is negative).

    At most `count` of them (0: all, None: one), found in `most_compared` comparisons (0: any number).
    """
    length = len(value)
    wanted = 1 if count is None else count or length
    to_skip = abs(rank) - 1
    found: list[int] = []
    for step, candidate in enumerate(value if rank > 0 else reversed(value)):
        if step == most_compared and most_compared:
            break
        if candidate != element:
            continue
        if to_skip:
            to_skip -= 1
            continue
        found.append(step if rank > 0 else length - 1 - step)
        if len(found) == wanted:
            break
    return found


# From list to list


@command(
    "LMOVE source:key destination:key (LEFT|RIGHT) (LEFT|RIGHT)", WRITE | DENYOOM, since="6.2.0", raw=True
)
def lmove(client: Client, source: bytes, destination: bytes, wherefrom: bytes, whereto: bytes):
    """Move an element from an end of one list to an end of another, in one step. O(1)."""
    from_head, to_head = is_left(wherefrom), is_left(whereto)
    return move(client, source, destination, from_head, to_head)


@command("RPOPLPUSH source:key destination:key", WRITE | DENYOOM, since="1.2.0")
def rpoplpush(client: Client, source: bytes, destination: bytes):
    """Move the last element of one list to the head of another (LMOVE says it clearer). O(1)."""
    return move(client, source, destination, from_head=False, to_head=True)


def move(client: Client, source: bytes, destination: bytes, from_head: bool, to_head: bool):
    """Move one element; answers it, or None if there is no source."""
    db = client.db
    value = db.edit(source, List)
    if value is None:
        return None
    if destination == source or db.edit(destination, List) is value:
        element = value.rotate(from_head, to_head)
        db.touch(destination, "lpush" if to_head else "rpush")
    else:
        (element,) = value.pop(1, from_head)
        push(client, destination, (element,), to_head)
    db.touch(source, "lpop" if from_head else "rpop", changes=0)  # a move is one change, already counted
    db.discard_if_empty(source, value)
    return element


def is_left(word: bytes) -> bool:
    """LEFT or RIGHT, in any case."""
    word = word.upper()
    if word not in (b"LEFT", b"RIGHT"):
        raise ReplyError(errors.SYNTAX)
    return word == b"LEFT"


@command(
    "LMPOP numkeys:int key [key ...] (LEFT|RIGHT) [COUNT count:int]",
    WRITE,
    since="7.0.0",
    raw=True,
)
def lmpop(client: Client, numkeys: bytes, *words: bytes):
    """Take elements off the first list that is not missing. O(N+M), N keys, M elements taken."""
    keys, head, count = multiple_pop_arguments(numkeys, words)
    found = first_list(client, keys)
    return NULL_ARRAY if found is None else pop_counted(client, *found, count, head)


def multiple_pop_arguments(numkeys: bytes, words: Sequence[bytes]) -> tuple[Sequence[bytes], bool, int]:
    """`numkeys key [key ...] LEFT|RIGHT [COUNT count]` as keys, whether from the head, count."""
    key_count = integer_in_range(numkeys, 1, message="ERR numkeys should be greater than 0")
    if key_count >= len(words):
        raise ReplyError(errors.SYNTAX)
    head = is_left(words[key_count])
    options = words[key_count + 1 :]
    count = 1
    if options:
        if options[0].upper() != b"COUNT" or len(options) < 2:
            raise ReplyError(errors.SYNTAX)
        count = integer_in_range(options[1], 1, message="ERR count should be greater than 0")
        if len(options) > 2:
            raise ReplyError(errors.SYNTAX)
    return words[:key_count], head, count


def first_list(client: Client, keys: Sequence[bytes]) -> tuple[bytes, List] | None:
    """The first of the keys that holds a list, and the list.  Another type on the way is an error."""
    for key in keys:
        value = client.db.edit(key, List)
        if value is not None:
            return key, value
    return None


def pop_counted(client: Client, key: bytes, value: List, count: int, head: bool) -> list:
    """LMPOP and BLMPOP once they have found their list; in the journal they are one LPOP or RPOP."""
    popped = pop(client, key, value, count, head)
    client.rewrite(_POP_NAMES[head], key, len(popped))
    return [key, popped]


# Waiting


@command("BLPOP key [key ...] timeout:float", WRITE | BLOCKING, since="2.0.0")
def blpop(client: Client, *words: bytes):
    """Take the first element of the first list that is not missing, or wait for one. O(N) in keys."""
    return blocking_pop(client, words[:-1], words[-1], head=True)


@command("BRPOP key [key ...] timeout:float", WRITE | BLOCKING, since="2.0.0")
def brpop(client: Client, *words: bytes):
    """Take the last element of the first list that is not missing, or wait for one. O(N) in keys."""
    return blocking_pop(client, words[:-1], words[-1], head=False)


@command(
    "BLMPOP timeout:float numkeys:int key [key ...] (LEFT|RIGHT) [COUNT count:int]",
    WRITE | BLOCKING,
    since="7.0.0",
    raw=True,
)
def blmpop(client: Client, timeout: bytes, numkeys: bytes, *words: bytes):
    """Take elements off the first list that is not missing, or wait for one. O(N+M) as LMPOP."""
    keys, head, count = multiple_pop_arguments(numkeys, words)
    deadline = deadline_ms(client, timeout)
    found = first_list(client, keys)
    return Wait(keys, deadline, kind=List.kind) if found is None else pop_counted(client, *found, count, head)


@command(
    "BLMOVE source:key destination:key (LEFT|RIGHT) (LEFT|RIGHT) timeout:float",
    WRITE | DENYOOM | BLOCKING,
    since="6.2.0",
    raw=True,
)
def blmove(
    client: Client, source: bytes, destination: bytes, wherefrom: bytes, whereto: bytes, timeout: bytes
):
    """Move an element from one list to another, or wait until the first has one. O(1)."""
    from_head, to_head = is_left(wherefrom), is_left(whereto)
    reply = blocking_move(client, source, destination, from_head, to_head, timeout)
    if type(reply) is bytes:
        client.rewrite(b"LMOVE", source, destination, wherefrom, whereto)
    return reply


@command(
    "BRPOPLPUSH source:key destination:key timeout:float", WRITE | DENYOOM | BLOCKING, since="2.2.0", raw=True
)
def brpoplpush(client: Client, source: bytes, destination: bytes, timeout: bytes):
    """Move the last element of one list to the head of another, or wait for it. O(1)."""
    reply = blocking_move(client, source, destination, False, True, timeout)
    if type(reply) is bytes:
        client.rewrite(b"RPOPLPUSH", source, destination)
    return reply


def blocking_pop(client: Client, keys: Sequence[bytes], timeout: bytes, head: bool):
    """BLPOP and BRPOP: [key, element], or a `Wait` for any of the keys."""
    deadline = deadline_ms(client, timeout)
    found = first_list(client, keys)
    if found is None:
        return Wait(keys, deadline, kind=List.kind)
    key, value = found
    (element,) = pop(client, key, value, 1, head)
    client.rewrite(_POP_NAMES[head], key)
    return [key, element]


def blocking_move(
    client: Client, source: bytes, destination: bytes, from_head: bool, to_head: bool, timeout: bytes
):
    """BLMOVE and BRPOPLPUSH: the element, or a `Wait` for the source."""
    deadline = deadline_ms(client, timeout)
    element = move(client, source, destination, from_head, to_head)
    if element is not None:
        return element
    # What ends in vain is an array that is null; where nothing may wait, a null string: Redis's own choice.
    return Wait([source], deadline, None if client.in_execution else NULL_ARRAY, kind=List.kind)
