"""Plausible wrong answers to the exercises of chapter 10, and the tests that must refuse each."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache

from redis.exceptions import ResponseError

from minidis.values.consumer_group import Pending

# -- 10.1 ---------------------------------------------------------------------------------------------

ONCE = "what is said is heard, in order, once"
EMPTY = "an empty room can be joined"
AWAY = "three seconds away: no gap, nothing twice"
SAME = "two things in the same millisecond are two things"
SCHEDULE = "whenever the readers listen, each hears all"
PAGES = "after a long absence the texts come in pages"
BOUNDED = "the room keeps the last thousand texts, and not many more"
AS_SAID = "every text comes as it was said"
BETWEEN = "between any two commands another phone may be served"


def say(redis, room, who, text):
    redis.xadd(room, {"who": who, "text": text}, maxlen=1000, approximate=True)


def join(redis, room):
    newest = redis.xrevrange(room, "+", "-", count=1)
    return newest[0][0].decode() if newest else "0-0"


def listen(redis, room, position):
    entries = redis.xrange(room, min=f"({position}", count=200)
    messages = [(fields[b"who"], fields[b"text"]) for _, fields in entries]
    return messages, entries[-1][0].decode() if entries else position


def join_now(redis, room):
    return "$"


def listen_from_now(redis, room, position):
    entries = [entry for _, found in _streams(redis.xread({room: "$"}, count=200)) for entry in found]
    return [(fields[b"who"], fields[b"text"]) for _, fields in entries], "$"


def _streams(reply):
    if isinstance(reply, dict):
        return [(name, [entry for part in found for entry in part]) for name, found in reply.items()]
    return reply or []


def join_without_empty_rooms(redis, room):
    return redis.xrevrange(room, "+", "-", count=1)[0][0].decode()


def join_at_the_beginning(redis, room):
    return "0-0"


def join_by_time(redis, room):
    seconds, microseconds = redis.time()
    return f"{seconds * 1000 + microseconds // 1000}-0"


def join_after_this_millisecond(redis, room):
    seconds, microseconds = redis.time()
    return f"{seconds * 1000 + microseconds // 1000}-18446744073709551615"


def listen_with_the_last_one_again(redis, room, position):
    entries = redis.xrange(room, min=position, count=200)
    messages = [(fields[b"who"], fields[b"text"]) for _, fields in entries]
    return messages, entries[-1][0].decode() if entries else position


def listen_by_time(redis, room, position):
    messages, last = listen(redis, room, position)
    return messages, last.partition("-")[0] + "-18446744073709551615" if messages else position


def listen_to_all(redis, room, position):
    entries = redis.xrange(room, min=f"({position}")
    messages = [(fields[b"who"], fields[b"text"]) for _, fields in entries]
    return messages, entries[-1][0].decode() if entries else position


def listen_to_the_newest_page(redis, room, position):
    entries = redis.xrevrange(room, "+", f"({position}", count=200)[::-1]
    messages = [(fields[b"who"], fields[b"text"]) for _, fields in entries]
    return messages, entries[-1][0].decode() if entries else position


def say_for_ever(redis, room, who, text):
    redis.xadd(room, {"who": who, "text": text})


def say_to_a_hundred(redis, room, who, text):
    redis.xadd(room, {"who": who, "text": text}, maxlen=100)


def say_in_one_field(redis, room, who, text):
    redis.xadd(room, {"line": f"{who}: {text}"}, maxlen=1000, approximate=True)


def listen_to_one_field(redis, room, position):
    entries = redis.xrange(room, min=f"({position}", count=200)
    messages = [tuple(fields[b"line"].split(b": ", 1)) for _, fields in entries]
    return messages, entries[-1][0].decode() if entries else position


def say_in_a_list(redis, room, who, text):
    redis.rpush(room, f"{who}\0{text}")
    redis.ltrim(room, -1000, -1)


def join_a_list(redis, room):
    return redis.llen(room)


def listen_to_a_list(redis, room, position):
    texts = redis.lrange(room, position, position + 199)
    return [tuple(text.split(b"\0", 1)) for text in texts], position + len(texts)


def say_in_a_counted_list(redis, room, who, text):
    redis.rpush(room, f"{who}\0{text}")
    redis.incr(f"{room}:said")
    redis.ltrim(room, -1000, -1)


def say_in_a_counted_list_at_once(redis, room, who, text):
    with redis.pipeline() as pipe:
        pipe.rpush(room, f"{who}\0{text}").incr(f"{room}:said").ltrim(room, -1000, -1).execute()


def join_a_counted_list(redis, room):
    return int(redis.get(f"{room}:said") or 0)


def listen_to_a_counted_list(redis, room, position):
    first = int(redis.get(f"{room}:said") or 0) - redis.llen(room)
    start = max(position - first, 0)
    texts = redis.lrange(room, start, start + 199)
    return [tuple(text.split(b"\0", 1)) for text in texts], max(position, first) + len(texts)


def listen_and_skip_to_the_newest(redis, room, position):
    messages, _ = listen(redis, room, position)
    return messages, join(redis, room) if len(messages) < 200 else listen(redis, room, position)[1]


# -- 10.2 ---------------------------------------------------------------------------------------------

IN_ORDER = "each job is handled once, in order"
EARLY = "jobs from before the first worker count"
AGAIN = "a job that fails is tried again, and not before 30 seconds"
NOBODY = "while a worker is at it, nobody else gets the job"
KILLED = "killed at any command, before or after it: the job is done all the same"
HANDLING = "killed while handling: the job goes to another worker"
POISON = "a poisonous job is parked after three attempts, and holds up nobody"
PARKING = "killed while parking: the job is parked, and none is lost"
LEAVES = "what is done leaves the queue"


def enqueue(redis, queue, job):
    redis.xadd(queue, {"job": job})


def enqueue_in_a_list(redis, queue, job):
    redis.lpush(queue, job)


def pop_and_hope(redis, queue, worker, handle):
    job = redis.rpop(queue)
    if job is None:
        return False
    try:
        handle(job)
    except Exception:
        redis.lpush(queue, job)
    return True


def worker_with(
    start="0", idle_ms=30_000, attempts=3, before=False, deletes=True, parks_first=True, justid=False,
    parks=True, claims=True, catches=Exception, own_history=False, together=True,
):  # fmt: skip
    """work(), with one thing wrong if wanted."""

    def finish(redis, queue, entry_id):
        if together and deletes:
            with redis.pipeline(transaction=True) as both:
                both.xack(queue, "workers", entry_id).xdel(queue, entry_id).execute()
            return
        redis.xack(queue, "workers", entry_id)
        if deletes:
            redis.xdel(queue, entry_id)

    def take_over(redis, queue, worker, entry):
        if justid:
            redis.xclaim(queue, "workers", worker, idle_ms, [entry["message_id"]], justid=True)
            return redis.xrange(queue, entry["message_id"], entry["message_id"])
        return redis.xclaim(queue, "workers", worker, idle_ms, [entry["message_id"]])

    def park(redis, queue, entry_id, fields):
        if not parks_first:
            finish(redis, queue, entry_id)
        if parks:
            redis.rpush(f"{queue}:parked", fields[b"job"])
        if parks_first:
            finish(redis, queue, entry_id)

    def work(redis, queue, worker, handle):
        try:
            redis.xgroup_create(queue, "workers", id=start, mkstream=True)
        except ResponseError:
            pass
        stale = (
            redis.xpending_range(queue, "workers", min="-", max="+", count=1, idle=idle_ms) if claims else []
        )
        if stale:
            claimed = take_over(redis, queue, worker, stale[0])
            if not claimed:
                return True
            entry_id, fields = claimed[0]
            if stale[0]["times_delivered"] >= attempts:
                park(redis, queue, entry_id, fields)
                return True
        else:
            position = "0" if own_history else ">"
            new = _streams(redis.xreadgroup("workers", worker, {queue: position}, count=1))
            if not new or not new[0][1]:
                return False
            entry_id, fields = new[0][1][0]
        if before:
            finish(redis, queue, entry_id)
        try:
            handle(fields[b"job"])
        except catches:
            return True
        if not before:
            finish(redis, queue, entry_id)
        return True

    return work


def counts_in_its_own_memory(redis, queue, worker, handle, _failures={}):  # noqa: B006
    try:
        redis.xgroup_create(queue, "workers", id="0", mkstream=True)
    except ResponseError:
        pass
    _, entries, *_ = redis.xautoclaim(queue, "workers", worker, 30_000, count=1)
    if not entries:
        new = _streams(redis.xreadgroup("workers", worker, {queue: ">"}, count=1))
        if not new:
            return False
        entries = new[0][1]
    entry_id, fields = entries[0]
    place = (id(redis), worker, entry_id)
    if _failures.get(place, 0) >= 3:
        redis.rpush(f"{queue}:parked", fields[b"job"])
        redis.xack(queue, "workers", entry_id)
        redis.xdel(queue, entry_id)
        return True
    try:
        handle(fields[b"job"])
    except Exception:
        _failures[place] = _failures.get(place, 0) + 1
        return True
    redis.xack(queue, "workers", entry_id)
    redis.xdel(queue, entry_id)
    return True


# -- 10.3 ---------------------------------------------------------------------------------------------

STARS = "plain names, ? and *"
CLASSES = "classes: [abc], [a-c], [^a]"
ESCAPES = "a backslash quotes"
BYTES = "bytes, not characters; the empty name"
RANDOM = "random patterns, beside the engine's"
SLOW = "a*a*a*...b against forty a's is answered at once"
DISPATCH = "deliver: the channel's clients, then pattern by pattern"
LIVE_PUBSUB = "a live node that asks your deliver()"


def matches_with(
    negation=b"^", backwards=True, quotes=True, star_stops_at=b"", prefix=False, empty_star=True
):
    """matches() by way of a regular expression, with one thing wrong if wanted."""

    compiled = lru_cache(lambda pattern: re.compile(translated(pattern), re.DOTALL))

    def matches(pattern, name):
        if b"*" * 3 in pattern or pattern.count(b"*") > 4:  # stays quick, which is not what is tried here
            return _quick(pattern, name)
        found = compiled(pattern)
        return bool(found.match(name) if prefix else found.fullmatch(name))

    def translated(pattern):
        out, at = b"", 0
        while at < len(pattern):
            sign = pattern[at : at + 1]
            if sign == b"*":
                inside = b"[^" + star_stops_at + b"]" if star_stops_at else b"."
                out += inside + (b"*" if empty_star else b"+")
            elif sign == b"?":
                out += b"."
            elif sign == b"[":
                part, at = _class(pattern, at + 1)
                out += part
                continue
            elif sign == b"\\" and at + 1 < len(pattern) and quotes:
                at += 1
                out += re.escape(pattern[at : at + 1])
            else:
                out += re.escape(sign)
            at += 1
        return out

    def _class(pattern, at):
        negated = pattern[at : at + 1] == negation
        at += negated
        members = set()
        while at < len(pattern) and pattern[at : at + 1] != b"]":
            if pattern[at : at + 1] == b"\\" and at + 1 < len(pattern) and quotes:
                members.add(pattern[at + 1])
                at += 2
            elif pattern[at + 1 : at + 2] == b"-" and at + 2 < len(pattern):
                low, high = pattern[at], pattern[at + 2]
                members |= set(
                    range(min(low, high), max(low, high) + 1) if backwards else range(low, high + 1)
                )
                at += 3
            else:
                members.add(pattern[at])
                at += 1
        chosen = set(range(256)) - members if negated else members
        return b"(?:" + b"|".join(
            re.escape(bytes([b])) for b in sorted(chosen)
        ) + b")" if chosen else b"(?!)", at + 1

    return matches


def _quick(pattern, name):
    from minidis.protocol.glob import matches

    return matches(pattern, name)


def matches_as_a_shell_does(pattern, name):
    return fnmatch.fnmatchcase(name.decode("latin-1"), pattern.decode("latin-1"))


def matches_text(pattern, name):
    return fnmatch.fnmatchcase(
        name.decode(errors="replace"), pattern.decode(errors="replace").replace("[^", "[!")
    )


def matches_recursively(pattern, name):
    if pattern == b"":
        return name == b""
    if pattern[:1] == b"*":
        return matches_recursively(pattern[1:], name) or (
            name != b"" and matches_recursively(pattern, name[1:])
        )
    if pattern[:1] in (b"[", b"\\"):
        return _quick(pattern, name)
    return name != b"" and pattern[:1] in (b"?", name[:1]) and matches_recursively(pattern[1:], name[1:])


MATCHES = matches_with()


def deliver(channels, patterns, channel, message):
    found = [(client, [b"message", channel, message]) for client in channels.get(channel, ())]
    for pattern, clients in patterns.items():
        if _quick(pattern, channel):
            found += [(client, [b"pmessage", pattern, channel, message]) for client in clients]
    return found


def deliver_once_each(channels, patterns, channel, message):
    found = {}
    for client, frame in deliver(channels, patterns, channel, message):
        found.setdefault(client, frame)
    return list(found.items())


def deliver_patterns_first(channels, patterns, channel, message):
    return sorted(deliver(channels, patterns, channel, message), key=lambda d: d[1][0] == b"message")


def deliver_without_the_pattern(channels, patterns, channel, message):
    return [
        (client, [frame[0], *frame[-2:]]) for client, frame in deliver(channels, patterns, channel, message)
    ]


def deliver_to_channels_as_patterns(channels, patterns, channel, message):
    found = [
        (client, [b"message", channel, message])
        for name, clients in channels.items()
        if name.startswith(channel)
        for client in clients
    ]
    return found + deliver({}, patterns, channel, message)


# -- 10.4 ---------------------------------------------------------------------------------------------

STAR = "new_id: * is the time, and counts on within a millisecond"
BACK = "new_id: a clock that goes back stops nobody"
ASKED = "new_id: ids that were asked for, whole and in part"
ENDS = "new_id: the ends of 64 bits"
RANDOM_IDS = "new_id: 500 random ones, beside the engine's"
DELIVERED = "deliver: pending with the group and with its consumer"
DELIVERED_AGAIN = "deliver again, after XGROUP SETID: a new owner, one count from the start"
ACKNOWLEDGED = "acknowledge: gone from both tables, and only once"
GIVEN = "give: from one consumer to another, also to the same"
STEPS = "300 random steps, beside the engine's group"
LIVE_GROUP = "a live stream: NOACK, claims that race, a dead consumer"

MOST = 2**64 - 1


def new_id_with(clock_back=True, carry=True, zero=True, bound=True, partial=True, equal=False, loose=False):
    """new_id(), with one thing wrong if wanted."""

    def number(text):
        if loose:
            return int(text)
        if not text.isdigit() or (bound and int(text) > MOST):
            raise ValueError(text)
        return int(text)

    def new_id(asked, last, now_ms):
        if asked == b"*":
            if (now_ms, 0) > last or not clock_back:
                found = (now_ms, 0) if now_ms != last[0] or not clock_back else (now_ms, last[1] + 1)
                if not clock_back and now_ms == last[0]:
                    found = (now_ms, last[1] + 1)
            else:
                found = (last[0], last[1] + 1)
                if found[1] > MOST and carry:
                    found = (last[0] + 1, 0)
        else:
            ms, dash, seq = asked.partition(b"-")
            if dash and seq == b"*":
                same = number(ms) == last[0] and partial
                found = (number(ms), last[1] + 1 if same else 0)
            else:
                found = (number(ms), number(seq) if dash else 0)
        if (found < last if equal else found <= last) or (bound and max(found) > MOST):
            raise ValueError(found)
        if zero and found == (0, 0):
            raise ValueError(found)
        return found

    return new_id


def deliver_entry(group, key, consumer, now_ms):
    pending = group.pending.get(key)
    if pending is None:
        pending = group.pending[key] = consumer.pending[key] = Pending(consumer, now_ms)
    else:
        give(group, key, pending, consumer)
        pending.delivered_ms, pending.deliveries = now_ms, 1
    return pending


def give(group, key, pending, consumer):
    if pending.consumer is not consumer:
        pending.consumer.pending.remove(key)
        consumer.pending[key] = pending
        pending.consumer = consumer


def acknowledge(group, key):
    pending = group.pending.get(key)
    if pending is None:
        return False
    group.pending.remove(key)
    pending.consumer.pending.remove(key)
    return True


def deliver_two_objects(group, key, consumer, now_ms):
    if group.pending.get(key) is not None:
        return deliver_entry(group, key, consumer, now_ms)
    consumer.pending[key] = Pending(consumer, now_ms)
    group.pending[key] = Pending(consumer, now_ms)
    return group.pending[key]


def deliver_always_anew(group, key, consumer, now_ms):
    group.pending[key] = consumer.pending[key] = Pending(consumer, now_ms)
    return group.pending[key]


def deliver_counts_on(group, key, consumer, now_ms):
    pending = group.pending.get(key)
    if pending is None:
        return deliver_entry(group, key, consumer, now_ms)
    give(group, key, pending, consumer)
    pending.delivered_ms = now_ms
    pending.deliveries += 1
    return pending


def deliver_leaves_the_owner(group, key, consumer, now_ms):
    pending = group.pending.get(key)
    if pending is None:
        return deliver_entry(group, key, consumer, now_ms)
    pending.delivered_ms, pending.deliveries = now_ms, 1
    return pending


def deliver_answers_nothing(group, key, consumer, now_ms):
    deliver_entry(group, key, consumer, now_ms)


def give_without_taking(group, key, pending, consumer):
    consumer.pending[key] = pending
    pending.consumer = consumer


def give_to_the_same_loses_it(group, key, pending, consumer):
    consumer.pending[key] = pending
    pending.consumer.pending.remove(key)
    pending.consumer = consumer


def give_counts(group, key, pending, consumer):
    give(group, key, pending, consumer)
    pending.deliveries += 1


def give_a_copy(group, key, pending, consumer):
    if pending.consumer is not consumer:
        pending.consumer.pending.remove(key)
        consumer.pending[key] = Pending(consumer, pending.delivered_ms, pending.deliveries)
        pending.consumer = consumer


def acknowledge_the_group_only(group, key):
    if group.pending.get(key) is None:
        return False
    group.pending.remove(key)
    return True


def acknowledge_the_consumer_only(group, key):
    pending = group.pending.get(key)
    if pending is None or pending.consumer.pending.get(key) is None:
        return False
    pending.consumer.pending.remove(key)
    return True


def acknowledge_always_true(group, key):
    acknowledge(group, key)
    return True


GROUP = (deliver_entry, give, acknowledge)
NEW_ID = new_id_with()

WRONG = {
    "10.1": [
        ("$ each time", (say, join_now, listen_from_now), (ONCE, EMPTY, AWAY, SCHEDULE)),
        ("an empty room has no newest entry", (say, join_without_empty_rooms, listen), (EMPTY,)),
        ("a newcomer hears the past", (say, join_at_the_beginning, listen), (ONCE, SAME)),
        ("join by the clock", (say, join_by_time, listen), (EMPTY, SCHEDULE)),
        ("join behind this millisecond", (say, join_after_this_millisecond, listen), (SAME, EMPTY)),
        ("the last one again", (say, join, listen_with_the_last_one_again), (ONCE, AWAY)),
        ("a position in whole milliseconds", (say, join, listen_by_time), (SAME, SCHEDULE)),
        ("everything in one reply", (say, join, listen_to_all), (PAGES,)),
        ("only the newest page", (say, join, listen_to_the_newest_page), (PAGES,)),
        ("no end to the room", (say_for_ever, join, listen), (BOUNDED,)),
        ("a room of a hundred", (say_to_a_hundred, join, listen), (BOUNDED, PAGES)),
        ("who and text in one", (say_in_one_field, join, listen_to_one_field), (AS_SAID,)),
        ("a list and its length", (say_in_a_list, join_a_list, listen_to_a_list), (BOUNDED,)),
        (
            "a list and a counter, one after the other",
            (say_in_a_counted_list, join_a_counted_list, listen_to_a_counted_list),
            (BETWEEN,),
        ),
        (
            "written at once, read in three commands",
            (say_in_a_counted_list_at_once, join_a_counted_list, listen_to_a_counted_list),
            (BETWEEN,),
        ),
        ("the newest id, asked for after reading", (say, join, listen_and_skip_to_the_newest), (BETWEEN,)),
    ],
    "10.2": [
        ("a popped job dies with its worker", (enqueue_in_a_list, pop_and_hope), (KILLED, HANDLING, POISON)),
        ("acknowledged before it is done", (enqueue, worker_with(before=True)), (AGAIN, HANDLING)),
        ("the group begins now", (enqueue, worker_with(start="$")), (EARLY,)),
        (
            "nobody looks after the dead",
            (enqueue, worker_with(claims=False)),
            (AGAIN, KILLED, HANDLING, POISON),
        ),
        ("claims at once", (enqueue, worker_with(idle_ms=0)), (AGAIN, NOBODY)),
        ("claims after ten seconds", (enqueue, worker_with(idle_ms=10_000)), (AGAIN, NOBODY)),
        ("claims without counting", (enqueue, worker_with(justid=True)), (POISON,)),
        ("two attempts", (enqueue, worker_with(attempts=2)), (POISON,)),
        ("four attempts", (enqueue, worker_with(attempts=4)), (POISON,)),
        ("thrown away instead of parked", (enqueue, worker_with(parks=False)), (POISON, PARKING)),
        ("removed, then parked", (enqueue, worker_with(parks_first=False)), (PARKING,)),
        ("acknowledged is not deleted", (enqueue, worker_with(deletes=False)), (LEAVES,)),
        ("a failure ends the worker", (enqueue, worker_with(catches=ZeroDivisionError)), (AGAIN, POISON)),
        ("swallows the end of the process", (enqueue, worker_with(catches=BaseException)), (HANDLING,)),
        ("reads its own history only", (enqueue, worker_with(own_history=True)), (IN_ORDER, EARLY)),
        ("counts in the worker's memory", (enqueue, counts_in_its_own_memory), (POISON,)),
    ],
    "10.3": [
        ("fnmatch", (matches_as_a_shell_does, deliver), (CLASSES, ESCAPES, RANDOM)),
        ("text, not bytes", (matches_text, deliver), (BYTES, ESCAPES)),
        ("! negates", (matches_with(negation=b"!"), deliver), (CLASSES, RANDOM)),
        ("a range one way only", (matches_with(backwards=False), deliver), (CLASSES, RANDOM)),
        ("no quoting", (matches_with(quotes=False), deliver), (ESCAPES, RANDOM)),
        ("a star stops at a dot", (matches_with(star_stops_at=b"."), deliver), (STARS, RANDOM)),
        ("a star stops at a slash", (matches_with(star_stops_at=b"/"), deliver), (STARS,)),
        ("the beginning is enough", (matches_with(prefix=True), deliver), (STARS, RANDOM)),
        ("a star is one byte at least", (matches_with(empty_star=False), deliver), (STARS, RANDOM)),
        ("every star tries everything", (matches_recursively, deliver), (SLOW,)),
        ("one message for each client", (MATCHES, deliver_once_each), (DISPATCH, LIVE_PUBSUB)),
        ("patterns first", (MATCHES, deliver_patterns_first), (DISPATCH,)),
        ("pmessage without its pattern", (MATCHES, deliver_without_the_pattern), (DISPATCH, LIVE_PUBSUB)),
        ("a channel hears its children", (MATCHES, deliver_to_channels_as_patterns), (LIVE_PUBSUB,)),
    ],
    "10.4": [
        ("a clock that goes back", (new_id_with(clock_back=False), *GROUP), (BACK, RANDOM_IDS)),
        ("no carry into the milliseconds", (new_id_with(carry=False), *GROUP), (BACK,)),
        ("0-0 is an id", (new_id_with(zero=False, equal=True), *GROUP), (ASKED,)),
        ("no bound", (new_id_with(bound=False), *GROUP), (ENDS,)),
        ("ms-* always begins at 0", (new_id_with(partial=False), *GROUP), (ASKED, RANDOM_IDS)),
        ("the same id twice", (new_id_with(equal=True), *GROUP), (ASKED, RANDOM_IDS)),
        ("int() reads signs and spaces", (new_id_with(loose=True), *GROUP), (ENDS,)),
        ("two objects", (NEW_ID, deliver_two_objects, give, acknowledge), (DELIVERED, STEPS)),
        ("always a new entry", (NEW_ID, deliver_always_anew, give, acknowledge), (DELIVERED_AGAIN, STEPS)),
        ("counts on", (NEW_ID, deliver_counts_on, give, acknowledge), (DELIVERED_AGAIN, STEPS)),
        (
            "the old owner keeps it",
            (NEW_ID, deliver_leaves_the_owner, give, acknowledge),
            (DELIVERED_AGAIN, STEPS),
        ),
        ("answers nothing", (NEW_ID, deliver_answers_nothing, give, acknowledge), (DELIVERED,)),
        ("given, but not taken", (NEW_ID, deliver_entry, give_without_taking, acknowledge), (GIVEN, STEPS)),
        (
            "given to the same, lost",
            (NEW_ID, deliver_entry, give_to_the_same_loses_it, acknowledge),
            (GIVEN, STEPS),
        ),
        ("giving counts", (NEW_ID, deliver_entry, give_counts, acknowledge), (GIVEN, STEPS)),
        ("a copy is given", (NEW_ID, deliver_entry, give_a_copy, acknowledge), (GIVEN, STEPS)),
        (
            "forgotten by the group only",
            (NEW_ID, deliver_entry, give, acknowledge_the_group_only),
            (ACKNOWLEDGED, STEPS),
        ),
        (
            "forgotten by the consumer only",
            (NEW_ID, deliver_entry, give, acknowledge_the_consumer_only),
            (ACKNOWLEDGED,),
        ),
        ("always 1", (NEW_ID, deliver_entry, give, acknowledge_always_true), (ACKNOWLEDGED, STEPS)),
    ],
}
