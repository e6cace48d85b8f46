"""Plausible wrong answers to chapter 3's exercises, and the tests that must refuse them."""

from __future__ import annotations

from minidis.course.fixtures.intsets import PackedNumbers
from minidis.structures.intset import Intset
from minidis.structures.listpack import Listpack, canonical_integer, encode_backlen, encode_entry

# -- 3.1: post, read


def guarded(redis, user, item, limit=100, clean=True):
    if not redis.sadd(f"seen:{user}", item):
        return
    if redis.lpush(f"feed:{user}", item) > limit:
        oldest = redis.rpop(f"feed:{user}")
        if clean:
            redis.srem(f"seen:{user}", oldest)


def read(redis, user, count):
    return redis.lrange(f"feed:{user}", 0, count - 1)


def push_and_trim(redis, user, item):
    redis.lpush(f"feed:{user}", item)
    redis.ltrim(f"feed:{user}", 0, 99)


def trim_one_too_late(redis, user, item):
    guarded(redis, user, item, limit=101)


def remove_before_push(redis, user, item):
    redis.lrem(f"feed:{user}", 0, item)
    redis.lpush(f"feed:{user}", item)
    redis.ltrim(f"feed:{user}", 0, 99)


def never_forgets(redis, user, item):
    guarded(redis, user, item, clean=False)


def asks_then_adds(redis, user, item):
    if redis.sismember(f"seen:{user}", item):
        return
    redis.sadd(f"seen:{user}", item)
    guarded_push(redis, user, item)


def guarded_push(redis, user, item):
    if redis.lpush(f"feed:{user}", item) > 100:
        redis.srem(f"seen:{user}", redis.rpop(f"feed:{user}"))


def searches_the_list(redis, user, item):
    if redis.lpos(f"feed:{user}", item) is None:
        redis.lpush(f"feed:{user}", item)
        redis.ltrim(f"feed:{user}", 0, 99)


def read_inclusive(redis, user, count):
    return redis.lrange(f"feed:{user}", 0, count)


def one_feed_for_all(redis, user, item):
    guarded(redis, "all", item)


def read_all(redis, user, count):
    return read(redis, "all", count)


# -- 3.2: followers


def pulls_the_sets(redis, a, b, c):
    sets = [redis.smembers(f"followers:{name}") for name in (a, b, c)]
    return (sets[0] & sets[1]) - sets[2]


def pulls_the_intersection(redis, a, b, c):
    both = redis.sinter(f"followers:{a}", f"followers:{b}")
    return {member for member in both if not redis.sismember(f"followers:{c}", member)}


def difference_of_all(redis, a, b, c):
    return redis.sdiff(f"followers:{a}", f"followers:{b}", f"followers:{c}")


def leaves_its_key(redis, a, b, c):
    key = f"tmp:{a}:{b}:{c}"
    redis.sinterstore(key, f"followers:{a}", f"followers:{b}")
    return redis.sdiff(key, f"followers:{c}")


def takes_the_key_tmp(redis, a, b, c):
    pipe = redis.pipeline()
    pipe.sinterstore("tmp", f"followers:{a}", f"followers:{b}")
    pipe.sdiff("tmp", f"followers:{c}")
    pipe.delete("tmp")
    return pipe.execute()[1]


def three_steps_one_key(redis, a, b, c):
    redis.sinterstore("both", f"followers:{a}", f"followers:{b}")
    answer = redis.sdiff("both", f"followers:{c}")
    redis.delete("both")
    return answer


def stores_into_the_first(redis, a, b, c):
    redis.sinterstore(f"followers:{a}", f"followers:{a}", f"followers:{b}")
    return redis.sdiff(f"followers:{a}", f"followers:{c}")


# -- 3.3: encode, decode, backward


def encode(elements):
    return bytes(Listpack(elements))


def decode(data):
    return list(Listpack.from_bytes(data))


def packed(entries, count):
    total = 7 + sum(map(len, entries))
    return total.to_bytes(4, "little") + min(count, 65535).to_bytes(2, "little") + b"".join(entries) + b"\xff"


def backward(data):
    pack = Listpack()
    end = len(data) - 1
    while end > 6:
        length, shift, place = data[end - 1] & 0x7F, 7, end - 1
        while data[place] & 0x80:
            place -= 1
            length |= (data[place] & 0x7F) << shift
            shift += 7
        end = place - length
        pack._data = data
        yield pack.decode(end)


def encode_digits_as_integers(elements):
    """int() takes "01", "+1" and " 1"."""

    def entry(element):
        try:
            return encode_entry(b"%d" % int(element))
        except (ValueError, OverflowError):
            return encode_entry(element)

    return packed([entry(element) for element in elements], len(elements))


def encode_backlen_low_first(elements):
    def entry(element):
        whole = encode_entry(element)
        length = next(n for n in range(len(whole)) if n + len(encode_backlen(n)) == len(whole))
        if length <= 127:
            return whole
        return whole[:length] + bytes([length & 0x7F, length >> 7 | 0x80])

    return packed([entry(element) for element in elements], len(elements))


def encode_without_13_bits(elements):
    def entry(element):
        value = canonical_integer(element)
        if value is None or not (-4096 <= value < 0 or 127 < value < 4096):
            return encode_entry(element)
        return b"\xf1" + value.to_bytes(2, "little", signed=True) + b"\x03"

    return packed([entry(element) for element in elements], len(elements))


def encode_count_of_16_bits(elements):
    data = bytearray(encode(elements))
    data[4:6] = (len(elements) & 0xFFFF).to_bytes(2, "little")
    return bytes(data)


def backlen_border_of_plain_arithmetic(elements):
    """Two bytes of seven bits hold 16383; Redis stops one earlier."""
    data = encode(elements)
    return data.replace(b"\x00\xff\xff", b"\xff\xff") if any(len(e) == 16378 for e in elements) else data


def backward_by_decoding(data):
    yield from reversed(decode(data))


def backward_one_byte_only(data):
    pack, end = Listpack(), len(data) - 1
    while end > 6:
        end -= 1 + (data[end - 1] & 0x7F)
        pack._data = data
        yield pack.decode(end)


# -- 3.4: intset


class Right(PackedNumbers):
    def find(self, number):
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.at(middle) < number:
                low = middle + 1
            else:
                high = middle
        return low, low < len(self) and self.at(low) == number

    def width_of(self, number):
        return next(w for w in (2, 4, 8) if -(1 << 8 * w - 1) <= number < 1 << 8 * w - 1)

    def place(self, number, count):
        return 0 if number < 0 else count

    def add(self, number):
        width = self.width_of(number)
        if width > self.width:
            numbers = list(self)
            numbers.insert(self.place(number, len(numbers)), number)
            self.width = width
            self.data = bytearray(b"".join(n.to_bytes(width, "little", signed=True) for n in numbers))
            return True
        position, found = self.find(number)
        if not found:
            start = position * self.width
            self.data[start:start] = number.to_bytes(self.width, "little", signed=True)
        return not found


class AppendsTheWideOne(Right):
    def place(self, number, count):
        return count


class WidthByMagnitude(Right):
    def width_of(self, number):
        return next(w for w in (2, 4, 8) if abs(number) < 1 << 8 * w - 1 or w == 8)


class StepByStep(Right):
    """Widens to the next width only."""

    def width_of(self, number):
        return min(super().width_of(number), 2 * self.width) if self.width < 8 else 8

    def add(self, number):
        try:
            return super().add(number)
        except OverflowError:
            return self.add(number)


class ReadsAfterWidening(Right):
    def add(self, number):
        width = self.width_of(number)
        if width > self.width:
            self.width = width
            numbers = list(self)
            numbers.insert(self.place(number, len(numbers)), number)
            self.data = bytearray(b"".join(n.to_bytes(width, "little", signed=True) for n in numbers))
            return True
        return super().add(number)


class AddsTwice(Right):
    def add(self, number):
        if self.width_of(number) > self.width:
            return super().add(number)
        start = self.find(number)[0] * self.width
        self.data[start:start] = number.to_bytes(self.width, "little", signed=True)
        return True


class WalksAlong(Right):
    def find(self, number):
        for position in range(len(self)):
            if self.at(position) >= number:
                return position, self.at(position) == number
        return len(self), False


class NarrowsAgain(Right):
    def remove(self, number):
        found = super().remove(number)
        numbers = list(self)
        self.width, self.data = 2, bytearray()
        for each in numbers:
            super().add(each)
        return found


class MissesTheLast(Right):
    def find(self, number):
        low, high = 0, len(self) - 1
        while low < high:
            middle = (low + high) // 2
            if self.at(middle) < number:
                low = middle + 1
            else:
                high = middle
        return low, low < len(self) and self.at(low) == number


class SortsAsUnsigned(Right):
    def find(self, number):
        numbers = list(self)
        unsigned = sorted(n % (1 << 8 * self.width) for n in [*numbers, number])
        position = unsigned.index(number % (1 << 8 * self.width))
        return position, number in numbers


def python_set_inside(numbers=()):
    """The engine's own Intset, which has no `find`."""
    return Intset(numbers)


# -- 3.5: the queue


class Queue:
    def __init__(self):
        self.queues, self.waits, self.touched = {}, {}, {}

    def park(self, client, keys, deadline_ms):
        self.waits[client] = (tuple(keys), deadline_ms)
        for key in keys:
            self.queues.setdefault(key, {})[client] = None

    def leave(self, client):
        for key in self.waits.pop(client, ((), None))[0]:
            self.queues.get(key, {}).pop(client, None)

    def touch(self, key):
        if self.queues.get(key):
            self.touched[key] = None

    def wake(self):
        touched, self.touched = self.touched, {}
        return [(client, key) for key in touched for client in self.queues.get(key, ())]

    def expired(self, now_ms):
        due = [(end, client) for client, (_, end) in self.waits.items() if end is not None and end <= now_ms]
        return [client for _, client in sorted(due, key=lambda pair: pair[0])]


class LastInFirstOut(Queue):
    def wake(self):
        touched, self.touched = self.touched, {}
        return [(client, key) for key in touched for client in reversed(self.queues.get(key, {}))]


class ServesAndForgets(Queue):
    """Takes the first of each key out of its queue at once."""

    def wake(self):
        woken = super().wake()
        for client, _ in woken:
            self.leave(client)
        return woken


class LeavesOneQueueOnly(Queue):
    def leave(self, client):
        keys = self.waits.pop(client, ((), None))[0]
        if keys:
            self.queues.get(keys[0], {}).pop(client, None)


class RemembersEveryTouch(Queue):
    def touch(self, key):
        self.touched[key] = None


class AListForEachKey(Queue):
    """A list keeps a client twice that names a key twice."""

    def park(self, client, keys, deadline_ms):
        self.waits[client] = (tuple(keys), deadline_ms)
        for key in keys:
            self.queues.setdefault(key, []).append(client)

    def leave(self, client):
        for key in self.waits.pop(client, ((), None))[0]:
            if client in self.queues.get(key, []):
                self.queues[key].remove(client)


class NeverForgetsATouch(Queue):
    def wake(self):
        return [(client, key) for key in self.touched for client in self.queues.get(key, ())]


class StrictlyLater(Queue):
    def expired(self, now_ms):
        return [client for client in super().expired(now_ms) if self.waits[client][1] < now_ms]


class ZeroIsNoDeadline(Queue):
    def expired(self, now_ms):
        return [client for client in super().expired(now_ms) if self.waits[client][1]]


class InOrderOfParking(Queue):
    def expired(self, now_ms):
        return [c for c, (_, end) in self.waits.items() if end is not None and end <= now_ms]


class ZeroForNever(Queue):
    def expired(self, now_ms):
        due = sorted((end or 0, client) for client, (_, end) in self.waits.items())
        return [client for end, client in due if end <= now_ms]


class FirstOnly(Queue):
    """One client for each key: enough until one push brings three elements."""

    def wake(self):
        woken = {}
        for client, key in super().wake():
            woken.setdefault(key, (client, key))
        return list(woken.values())


FEED = {
    "newest": "the newest comes first",
    "hundred": "one hundred and no more",
    "twice": "no item twice",
    "again": "what has left may come again",
    "own": "each user's own",
    "many": "10 000 posts: little memory, no slow command",
    "servers": "two servers post at the same time",
}

WRONG = {
    "3.1": [
        ("LPUSH and LTRIM only", (push_and_trim, read), (FEED["twice"], FEED["again"], FEED["servers"])),
        ("keeps 101", (trim_one_too_late, read), (FEED["hundred"], FEED["again"])),
        ("LREM first: O(N), and the item moves", (remove_before_push, read), (FEED["twice"], FEED["many"])),
        ("the set of seen items grows for ever", (never_forgets, read), (FEED["again"], FEED["many"])),
        ("SISMEMBER, then SADD: a race", (asks_then_adds, read), (FEED["servers"],)),
        ("LPOS on the hot path", (searches_the_list, read), (FEED["many"], FEED["servers"])),
        ("LRANGE 0 count answers one more", (guarded, read_inclusive), (FEED["newest"],)),
        ("one feed for everybody", (one_feed_for_all, read_all), (FEED["own"],)),
    ],
    "3.2": [
        ("SMEMBERS of all three", (pulls_the_sets,), ("only the answer travels",)),
        ("SINTER, then SISMEMBER one by one", (pulls_the_intersection,), ("only the answer travels",)),
        (
            "SDIFF A B C",
            (difference_of_all,),
            ("who follows A and B and not C", "accounts that nobody follows"),
        ),
        ("leaves its key", (leaves_its_key,), ("nothing is changed and nothing left behind",)),
        ("takes somebody's key tmp", (takes_the_key_tmp,), ("nothing is changed and nothing left behind",)),
        ("three steps, one shared key", (three_steps_one_key,), ("two questions at the same time",)),
        (
            "stores into an input",
            (stores_into_the_first,),
            ("who follows A and B and not C", "nothing is changed and nothing left behind"),
        ),
    ],
    "3.3": [
        (
            "int() decides what is a number",
            (encode_digits_as_integers, decode, backward),
            ("text that only looks like a number",),
        ),
        (
            "backlen with the low bits first",
            (encode_backlen_low_first, decode, backward),
            ("strings at the edges of header and backlen",),
        ),
        (
            "no 13-bit integers",
            (encode_without_13_bits, decode, backward),
            ("integers at the edges of every form", "the example of the story", "a live node stands on it"),
        ),
        (
            "the count overflows",
            (encode_count_of_16_bits, decode, backward),
            ("more entries than the header can count",),
        ),
        (
            "two bytes of backlen for 16383",
            (backlen_border_of_plain_arithmetic, decode, backward),
            ("strings at the edges of header and backlen",),
        ),
        (
            "backward decodes from the front",
            (encode, decode, backward_by_decoding),
            ("backward begins at the end",),
        ),
        (
            "backward reads one byte of backlen",
            (encode, decode, backward_one_byte_only),
            ("strings at the edges of header and backlen", "backward begins at the end"),
        ),
    ],
    "3.4": [
        ("the wide number always at the end", (AppendsTheWideOne,), ("16 to 32 to 64 bits", "the extremes")),
        ("-32768 does not fit 16 bits", (WidthByMagnitude,), ("the extremes",)),
        ("widens step by step", (StepByStep,), ("16 to 32 to 64 bits",)),
        (
            "sets the width, then reads",
            (ReadsAfterWidening,),
            ("16 to 32 to 64 bits", "live sets stand on it"),
        ),
        (
            "adds what is there",
            (AddsTwice,),
            ("small numbers, sorted, no one twice", "16 to 32 to 64 bits"),
        ),
        ("a linear search", (WalksAlong,), ("find halves",)),
        ("narrows when the wide one goes", (NarrowsAgain,), ("once wide, always wide",)),
        (
            "never looks at the last",
            (MissesTheLast,),
            ("small numbers, sorted, no one twice", "find says where"),
        ),
        ("sorts the bytes as unsigned", (SortsAsUnsigned,), ("small numbers, sorted, no one twice",)),
        ("has no find", (python_set_inside,), ("find says where", "find halves")),
    ],
    "3.5": [
        (
            "the last comes first",
            (LastInFirstOut,),
            ("first come, first served", "a live node: the same as without it"),
        ),
        ("who is woken is taken out", (ServesAndForgets,), ("who was not served keeps the place",)),
        (
            "leaves the first queue only",
            (LeavesOneQueueOnly,),
            ("several keys",),
        ),
        ("touches for nobody are kept", (RemembersEveryTouch,), ("an old touch wakes nobody",)),
        ("a list for each key", (AListForEachKey,), ("several keys",)),
        ("touches are never forgotten", (NeverForgetsATouch,), ("who was not served keeps the place",)),
        ("a deadline that is now has not come", (StrictlyLater,), ("whose time is over",)),
        ("a deadline of 0 taken for none", (ZeroIsNoDeadline,), ("whose time is over",)),
        ("expired in order of parking", (InOrderOfParking,), ("whose time is over",)),
        (
            "None is zero: over at once",
            (ZeroForNever,),
            ("whose time is over", "a live node: the same as without it"),
        ),
        ("one client for each touch", (FirstOnly,), ("first come, first served",)),
    ],
}
