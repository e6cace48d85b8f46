"""Plausible wrong answers to the exercises of chapter 12, and the tests that must refuse each."""

from __future__ import annotations

import time

from redis.exceptions import RedisError

# -- 12.1 ---------------------------------------------------------------------------------------------

OWN = "what you wrote is what you read, whatever the lag"
REPLICA = "the replica answers as soon as it can"
OTHERS = "others' writes are no reason to trouble the primary"
WAITS = "nobody waits"
GONE = "a replica that is gone"
BACKWARDS = "time does not run backwards"
HISTORY = "an offset of another history says nothing"


class RightSession:
    """A right answer in parts, each of which a wrong one replaces."""

    def __init__(self, primary, replica):
        self.primary, self.replica = primary, replica
        self.history, self.seen = None, 0

    def write(self, *command):
        reply = self.primary.execute_command(*command)
        self.remember()
        return reply

    def read(self, *command):
        try:
            if self.is_fresh():
                return self.replica.execute_command(*command)
        except RedisError:
            pass
        reply = self.primary.execute_command(*command)
        self.remember_read()
        return reply

    def remember(self):
        info = self.primary.info("replication")
        self.history, self.seen = info["master_replid"], info["master_repl_offset"]

    def remember_read(self):
        self.remember()

    def is_fresh(self):
        if self.history is None:
            return True
        info = self.replica.info("replication")
        return self.is_enough(info)

    def is_enough(self, info):
        return info["master_replid"] == self.history and info.get("slave_repl_offset", -1) >= self.seen


class AlwaysReplica(RightSession):
    def is_fresh(self):
        return True


class AlwaysPrimary(RightSession):
    def is_fresh(self):
        return False


class RemembersBeforeTheWrite(RightSession):
    def write(self, *command):
        self.remember()
        return self.primary.execute_command(*command)


class WaitsForTheReplica(RightSession):
    def write(self, *command):
        reply = self.primary.execute_command(*command)
        self.primary.execute_command("WAIT", 1, 0)
        return reply

    def is_fresh(self):
        return True


class WaitsASecond(RightSession):
    def write(self, *command):
        reply = self.primary.execute_command(*command)
        self.primary.execute_command("WAIT", 1, 100)
        return reply

    def is_fresh(self):
        return True


class Polls(RightSession):
    def is_fresh(self):
        for _ in range(20):
            if super().is_fresh():
                return True
            time.sleep(0.05)
        return False


class ComparesWithThePresent(RightSession):
    def is_fresh(self):
        offset = self.primary.info("replication")["master_repl_offset"]
        return self.replica.info("replication").get("slave_repl_offset", -1) >= offset


class TrustsTheReplicaToLive(RightSession):
    def read(self, *command):
        source = self.replica if self.is_fresh() else self.primary
        return source.execute_command(*command)


class ForgetsWhatThePrimaryShowed(RightSession):
    def remember_read(self):
        pass


class IgnoresTheHistory(RightSession):
    def is_enough(self, info):
        return info.get("slave_repl_offset", info["master_repl_offset"]) >= self.seen


class TrustsTheLinkStatus(RightSession):
    def is_enough(self, info):
        return info.get("master_link_status") == "up"


class TrustsTheSecondsAgo(RightSession):
    def is_enough(self, info):
        return info.get("master_last_io_seconds_ago", 99) < 1 and info["master_replid"] == self.history


class StaysWithThePrimary(RightSession):
    def is_fresh(self):
        return self.history is None


class OnlyOwnKeys(RightSession):
    """Reads at the primary what it wrote itself, all other keys at the replica."""

    def __init__(self, primary, replica):
        super().__init__(primary, replica)
        self.keys = set()

    def write(self, *command):
        self.keys.add(command[1])
        return self.primary.execute_command(*command)

    def read(self, *command):
        source = self.primary if command[1] in self.keys else self.replica
        return source.execute_command(*command)


# -- 12.2 ---------------------------------------------------------------------------------------------

LOST = "the primary is lost for good"
CUT = "the primary is cut off from its replicas"
POWER = "the primary's power fails for a second"
DARK = "all three lose their power at once"
AWAY = "a replica's maintenance stops nobody"
ALONE = "a primary that is alone stops by itself"
BEYOND = "the fault that is beyond these settings"
TWO = "the primary and b are lost for good"

LOG = "appendonly yes\nappendfsync always\n"
NOT_ALONE = "min-replicas-to-write 1\nmin-replicas-max-lag 5\n"


def waits_for_one(redis, key, value):
    redis.set(key, value)
    return redis.wait(1, 500) >= 1


def trusts_the_ok(redis, key, value):
    return bool(redis.set(key, value))


def ignores_the_count(redis, key, value):
    redis.set(key, value)
    redis.wait(1, 100)
    return True


def waits_for_both(redis, key, value):
    redis.set(key, value)
    return redis.wait(2, 500) == 2


def waits_for_none(redis, key, value):
    redis.set(key, value)
    return redis.wait(0, 500) >= 0


def waits_first(redis, key, value):
    safe = redis.wait(1, 500) >= 1
    redis.set(key, value)
    return safe


def reads_it_back(redis, key, value):
    redis.set(key, value)
    return redis.get(key) == value.encode()


def asks_who_is_connected(redis, key, value):
    redis.set(key, value)
    return redis.info("replication")["connected_slaves"] >= 1


# -- 12.3 ---------------------------------------------------------------------------------------------

EDGES = "offsets at both edges"
RING = "the ring goes round, byte by byte"
GROWS = "it does not grow"
OTHER = "another history gets nothing"
SECOND = "after a promotion the old name is good up to there"
THIRD = "a second promotion forgets the first name"
LIVE_STREAM = "three live nodes: a lost link, a promotion"


class RightStream:
    def __init__(self, history, size_bytes, offset=0):
        self.history, self.former, self.former_until = history, None, 0
        self.size_bytes, self.offset, self.kept = size_bytes, offset, bytearray()

    def append(self, data):
        self.offset += len(data)
        self.kept += data
        del self.kept[: -self.size_bytes]

    def turn(self, new_history):
        self.former, self.former_until = self.history, self.offset + 1
        self.history = new_history

    def shares(self, history, offset):
        return history == self.history or (history == self.former and offset <= self.former_until)

    def psync(self, history, offset):
        missing = self.offset + 1 - offset
        if not self.shares(history, offset) or not self.has(missing):
            return None
        return bytes(self.kept[len(self.kept) - missing :])

    def has(self, missing):
        return 0 <= missing <= len(self.kept)


class LastByteForNothing(RightStream):
    """Slices with a minus: nothing missing becomes everything."""

    def psync(self, history, offset):
        missing = self.offset + 1 - offset
        if not self.shares(history, offset) or not self.has(missing):
            return None
        return bytes(self.kept[-missing:])


class NothingMissingIsTooNew(RightStream):
    def has(self, missing):
        return 0 < missing <= len(self.kept)


class OffsetIsWhatItHas(RightStream):
    """Takes the offset for the last byte that the replica has."""

    def psync(self, history, offset):
        return super().psync(history, offset + 1)


class OneTooOld(RightStream):
    def has(self, missing):
        return 0 <= missing < len(self.kept)


class KeepsEverything(RightStream):
    def append(self, data):
        self.offset += len(data)
        self.kept += data

    def has(self, missing):
        return 0 <= missing <= min(len(self.kept), self.size_bytes)


class KeepsEverythingAndGivesIt(RightStream):
    def append(self, data):
        self.offset += len(data)
        self.kept += data


class SendsWhatThereIs(RightStream):
    """Too old? Then all that is left."""

    def psync(self, history, offset):
        if not self.shares(history, offset) or offset > self.offset + 1:
            return None
        missing = min(self.offset + 1 - offset, len(self.kept))
        return bytes(self.kept[len(self.kept) - missing :])


class CountsWhatItKeeps(RightStream):
    """A long append counts only as far as it is kept."""

    def append(self, data):
        super().append(data[-self.size_bytes :])


class RingWithoutSecondPart(RightStream):
    """Writes over the end of the ring, and forgets to go on at its start."""

    def __init__(self, history, size_bytes, offset=0):
        super().__init__(history, size_bytes, offset)
        self.ring = bytearray(size_bytes)

    def append(self, data):
        for byte in data:
            self.ring[self.offset % self.size_bytes] = byte
            self.offset += 1
            self.kept = self.kept + b"x" if len(self.kept) < self.size_bytes else self.kept

    def psync(self, history, offset):
        missing = self.offset + 1 - offset
        if not self.shares(history, offset) or not self.has(missing):
            return None
        place = (offset - 1) % self.size_bytes
        return bytes(self.ring[place : place + missing])


class StartsAtOne(RightStream):
    def __init__(self, history, size_bytes, offset=0):
        super().__init__(history, size_bytes)


class IgnoresTheName(RightStream):
    def shares(self, history, offset):
        return True


class TakesAQuestionMark(RightStream):
    def shares(self, history, offset):
        return history == "?" or super().shares(history, offset)


class ForgetsTheFormerName(RightStream):
    def shares(self, history, offset):
        return history == self.history


class TrustsTheFormerNameForEver(RightStream):
    def shares(self, history, offset):
        return history in (self.history, self.former)


class FormerNameOneShort(RightStream):
    def turn(self, new_history):
        super().turn(new_history)
        self.former_until -= 1


class RemembersAllNames(RightStream):
    def __init__(self, history, size_bytes, offset=0):
        super().__init__(history, size_bytes, offset)
        self.until = {}

    def turn(self, new_history):
        self.until[self.history] = self.offset + 1
        self.history = new_history

    def shares(self, history, offset):
        return history == self.history or offset <= self.until.get(history, -1)


class BeginsAnewWhenItTurns(RightStream):
    def turn(self, new_history):
        super().turn(new_history)
        self.kept.clear()


# -- 12.4 ---------------------------------------------------------------------------------------------

ENOUGH = "enough already"
SERVED = "answered when enough have confirmed"
DEADLINE = "no replica, and a deadline"
ANEW = "a replica that comes back starts anew"
NEVER_BACK = "confirmations never go back, and only the connected confirm"
HANGS_UP = "a client that hangs up is not answered"
BY_LOT = "a thousand events by lot"
LIVE_WAIT = "a live node's WAIT"


class RightAccounts:
    def __init__(self):
        self.offsets, self.waiting = {}, []

    def joined(self, replica):
        self.offsets[replica] = 0

    def left(self, replica):
        self.offsets.pop(replica, None)

    def confirmed(self, replica, offset):
        if replica in self.offsets:
            self.offsets[replica] = max(self.offsets[replica], offset)
        return self.answer(lambda offset, wanted, deadline_ms: self.count(offset) >= wanted)

    def wait(self, client, offset, wanted, deadline_ms):
        count = self.count(offset)
        if count >= wanted:
            return count
        self.waiting.append((client, offset, wanted, deadline_ms))
        return None

    def tick(self, now_ms):
        return self.answer(
            lambda offset, wanted, deadline_ms: deadline_ms is not None and deadline_ms <= now_ms
        )

    def gone(self, client):
        self.waiting = [entry for entry in self.waiting if entry[0] != client]

    def count(self, offset):
        return sum(confirmed >= offset for confirmed in self.offsets.values())

    def answer(self, is_due):
        due = [entry for entry in self.waiting if is_due(*entry[1:])]
        self.waiting = [entry for entry in self.waiting if entry not in due]
        return [(client, self.count(offset)) for client, offset, _, _ in due]


class AnswersWhatWasWanted(RightAccounts):
    def wait(self, client, offset, wanted, deadline_ms):
        return None if super().wait(client, offset, wanted, deadline_ms) is None else wanted


class MustBeBeyond(RightAccounts):
    def count(self, offset):
        return sum(confirmed > offset for confirmed in self.offsets.values())


class AlwaysWaits(RightAccounts):
    def wait(self, client, offset, wanted, deadline_ms):
        self.waiting.append((client, offset, wanted, deadline_ms))


class AnswersOne(RightAccounts):
    def answer(self, is_due):
        for entry in self.waiting:
            if is_due(*entry[1:]):
                self.waiting.remove(entry)
                return [(entry[0], self.count(entry[1]))]
        return []


class KeepsTheAnswered(RightAccounts):
    def answer(self, is_due):
        return [(entry[0], self.count(entry[1])) for entry in self.waiting if is_due(*entry[1:])]


class DeadlineMustBePassed(RightAccounts):
    def tick(self, now_ms):
        return super().tick(now_ms - 1)


class ForEverIsNow(RightAccounts):
    def tick(self, now_ms):
        return self.answer(lambda offset, wanted, deadline_ms: (deadline_ms or 0) <= now_ms)


class TimeUpIsZero(RightAccounts):
    def tick(self, now_ms):
        return [(client, 0) for client, _ in super().tick(now_ms)]


class RemembersTheGone(RightAccounts):
    def left(self, replica):
        pass


class KeepsTheOldConfirmation(RightAccounts):
    """A replica that comes back is taken for as far as it was."""

    def __init__(self):
        super().__init__()
        self.known = {}

    def left(self, replica):
        self.known[replica] = self.offsets.pop(replica, 0)

    def joined(self, replica):
        self.offsets[replica] = self.known.get(replica, 0)


class LeavesOnce(RightAccounts):
    def left(self, replica):
        del self.offsets[replica]


class GoesBack(RightAccounts):
    def confirmed(self, replica, offset):
        if replica in self.offsets:
            self.offsets[replica] = offset
        return super().confirmed(replica, offset)


class BelievesAnybody(RightAccounts):
    def confirmed(self, replica, offset):
        self.offsets.setdefault(replica, 0)
        return super().confirmed(replica, offset)


class AnswersTheGone(RightAccounts):
    def gone(self, client):
        pass


class CountsConfirmations(RightAccounts):
    """Counts what comes in, and not who stands where."""

    def __init__(self):
        super().__init__()
        self.heard = 0

    def confirmed(self, replica, offset):
        self.heard += 1
        return super().confirmed(replica, offset)

    def count(self, offset):
        return self.heard


class FirstCountStays(RightAccounts):
    """Answers with the count of the moment at which the wait began."""

    def wait(self, client, offset, wanted, deadline_ms):
        count = super().wait(client, offset, wanted, deadline_ms)
        self.first = {**getattr(self, "first", {}), client: self.count(offset)}
        return count

    def tick(self, now_ms):
        return [(client, self.first[client]) for client, _ in super().tick(now_ms)]


WRONG = {
    "12.1": [
        ("always the replica", (AlwaysReplica,), (OWN, BACKWARDS, HISTORY)),
        ("always the primary", (AlwaysPrimary,), (REPLICA, OTHERS)),
        ("the offset is asked before the write", (RemembersBeforeTheWrite,), (OWN,)),
        ("WAIT for ever", (WaitsForTheReplica,), (WAITS,)),
        ("WAIT for 100 ms", (WaitsASecond,), (OWN, WAITS)),
        ("asks until it is there", (Polls,), (WAITS,)),
        ("compares with the primary of now", (ComparesWithThePresent,), (REPLICA, OTHERS)),
        ("no thought of a dead replica", (TrustsTheReplicaToLive,), (GONE,)),
        ("what the primary showed is forgotten", (ForgetsWhatThePrimaryShowed,), (BACKWARDS,)),
        ("offsets without a history", (IgnoresTheHistory,), (HISTORY,)),
        ("the link is up", (TrustsTheLinkStatus,), (OWN, HISTORY)),
        ("heard of less than a second ago", (TrustsTheSecondsAgo,), (OWN,)),
        ("never to the replica again", (StaysWithThePrimary,), (REPLICA,)),
        ("only keys of its own", (OnlyOwnKeys,), (REPLICA,)),
    ],
    "12.2": [
        ("trusts the OK", (LOG + NOT_ALONE, trusts_the_ok, TWO), (LOST,)),
        ("ignores what WAIT says", (LOG + NOT_ALONE, ignores_the_count, TWO), (CUT,)),
        ("waits before the write", (LOG + NOT_ALONE, waits_first, TWO), (LOST,)),
        ("waits for nobody", (LOG + NOT_ALONE, waits_for_none, TWO), (CUT,)),
        ("reads it back", (LOG + NOT_ALONE, reads_it_back, TWO), (LOST,)),
        ("looks who is connected", (LOG + NOT_ALONE, asks_who_is_connected, TWO), (CUT,)),
        ("waits for both", (LOG + NOT_ALONE, waits_for_both, TWO), (AWAY, BEYOND)),
        ("no log", (NOT_ALONE, waits_for_one, TWO), (DARK,)),
        (
            "a log that is not synced",
            ("appendonly yes\nappendfsync no\n" + NOT_ALONE, waits_for_one, TWO),
            (POWER,),
        ),
        ("never stops", (LOG, waits_for_one, TWO), (ALONE,)),
        (
            "stops late",
            (LOG + "min-replicas-to-write 1\nmin-replicas-max-lag 30\n", waits_for_one, TWO),
            (ALONE,),
        ),
        ("needs both", (LOG + "min-replicas-to-write 2\n", waits_for_one, TWO), (AWAY,)),
        ("a fault that is covered", (LOG + NOT_ALONE, waits_for_one, CUT), (BEYOND,)),
        ("no fault at all", (LOG + NOT_ALONE, waits_for_one, "two machines burn"), (BEYOND,)),
        ("a file that is none", ("min-replicas 1\n", waits_for_one, TWO), (LOST, BEYOND)),
    ],
    "12.3": [
        ("a slice with a minus", (LastByteForNothing,), (EDGES,)),
        ("nothing missing is too new", (NothingMissingIsTooNew,), (EDGES, SECOND)),
        ("the offset that it has", (OffsetIsWhatItHas,), (EDGES, RING)),
        ("one byte too old", (OneTooOld,), (EDGES, RING)),
        ("keeps everything", (KeepsEverything,), (GROWS,)),
        ("keeps everything and gives it", (KeepsEverythingAndGivesIt,), (EDGES, RING, GROWS)),
        ("sends what there is", (SendsWhatThereIs,), (EDGES, RING)),
        ("a long append is not counted", (CountsWhatItKeeps,), (RING,)),
        ("a ring that does not go round", (RingWithoutSecondPart,), (EDGES, RING)),
        ("every stream starts at one", (StartsAtOne,), (RING, OTHER)),
        ("any name will do", (IgnoresTheName,), (OTHER, THIRD)),
        ("a question mark is a name", (TakesAQuestionMark,), (OTHER,)),
        ("the former name is forgotten", (ForgetsTheFormerName,), (SECOND, LIVE_STREAM)),
        ("the former name for ever", (TrustsTheFormerNameForEver,), (SECOND, THIRD)),
        ("the former name one short", (FormerNameOneShort,), (SECOND,)),
        ("all names of all time", (RemembersAllNames,), (THIRD,)),
        ("a promotion empties the backlog", (BeginsAnewWhenItTurns,), (SECOND, THIRD)),
    ],
    "12.4": [
        ("what was wanted", (AnswersWhatWasWanted,), (ENOUGH,)),
        ("must be beyond", (MustBeBeyond,), (ENOUGH, SERVED)),
        ("waits always", (AlwaysWaits,), (ENOUGH,)),
        ("one answer at a time", (AnswersOne,), (SERVED, BY_LOT)),
        ("answers again and again", (KeepsTheAnswered,), (SERVED, DEADLINE)),
        ("the deadline must have passed", (DeadlineMustBePassed,), (DEADLINE,)),
        ("for ever is now", (ForEverIsNow,), (DEADLINE,)),
        ("time up is zero", (TimeUpIsZero,), (DEADLINE, LIVE_WAIT)),
        ("who left is still counted", (RemembersTheGone,), (ANEW,)),
        ("an old confirmation counts again", (KeepsTheOldConfirmation,), (ANEW,)),
        ("leaves once", (LeavesOnce,), (ANEW,)),
        ("confirmations go back", (GoesBack,), (NEVER_BACK, BY_LOT)),
        ("believes anybody", (BelievesAnybody,), (NEVER_BACK,)),
        ("answers who has hung up", (AnswersTheGone,), (HANGS_UP,)),
        ("counts confirmations", (CountsConfirmations,), (SERVED, BY_LOT)),
        ("the count of the beginning", (FirstCountStays,), (DEADLINE,)),
    ],
}
