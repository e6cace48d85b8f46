"""Plausible wrong answers to the exercises of chapter 11, and the tests that must refuse each."""

from __future__ import annotations

import struct

from minidis.persistence.crc64 import crc64

# -- 11.1 ---------------------------------------------------------------------------------------------

STARTS = "the server starts, and a kill takes nothing"
POWER = "a hundred power cuts"
REWRITE = "the power goes while the log is rewritten"
RESTART = "a restart reads no more than it can in five seconds"
FAST = "five hundred writes a second"

SMALL = "auto-aof-rewrite-min-size 256kb\n"
EVERYSEC = "appendonly yes\nappendfsync everysec\n"

# -- 11.2 ---------------------------------------------------------------------------------------------

ALL_BACK = "all keys are back"
NEXT = "the next restart finds them too"
CUT = "and so does a power cut"
LOG_ON = "the log is on, now and in redis.conf"
TTLS = "times to live go on"

WITHOUT_LOG = ("appendonly yes\n", "")


def take_out(machine):
    redis = machine.redis
    return {key: (redis.dump(key), redis.pttl(key)) for key in redis.scan_iter()}


def put_in(machine, new):
    for key, (value, ttl_ms) in new.items():
        machine.redis.restore(key, max(ttl_ms, 0), value, replace=True)


def switch_on(machine):
    machine.redis.config_set("appendonly", "yes")
    machine.wait(1)
    machine.conf += "appendonly yes\n"


def stops_with_a_save(machine):
    new = take_out(machine)
    machine.stop()
    machine.conf = machine.conf.replace(*WITHOUT_LOG)
    machine.start()
    put_in(machine, new)
    switch_on(machine)


def forgets_this_morning(machine):
    machine.stop(save=False)
    machine.conf = machine.conf.replace(*WITHOUT_LOG)
    machine.start()
    switch_on(machine)


def only_restarts(machine):
    machine.stop(save=False)
    machine.start()


def switches_the_log_off(machine):
    new = take_out(machine)
    machine.stop(save=False)
    machine.conf = machine.conf.replace(*WITHOUT_LOG)
    machine.start()
    put_in(machine, new)


def forgets_the_file(machine):
    new = take_out(machine)
    machine.stop(save=False)
    machine.conf = machine.conf.replace(*WITHOUT_LOG)
    machine.start()
    put_in(machine, new)
    machine.redis.config_set("appendonly", "yes")
    machine.wait(1)


def switches_on_in_the_file_again(machine):
    new = take_out(machine)
    machine.stop(save=False)
    machine.conf = machine.conf.replace(*WITHOUT_LOG)
    machine.start()
    put_in(machine, new)
    machine.stop()
    machine.conf += "appendonly yes\n"
    machine.start()


def drops_times_to_live(machine):
    new = {key: (value, 0) for key, (value, _) in take_out(machine).items()}
    machine.stop(save=False)
    machine.conf = machine.conf.replace(*WITHOUT_LOG)
    machine.start()
    put_in(machine, new)
    switch_on(machine)


def lets_the_old_value_win(machine):
    new = take_out(machine)
    machine.stop(save=False)
    machine.conf = machine.conf.replace(*WITHOUT_LOG)
    machine.start()
    put_in(machine, {key: entry for key, entry in new.items() if not machine.redis.exists(key)})
    switch_on(machine)


def takes_the_save_line_away(machine):
    new = take_out(machine)
    machine.stop(save=False)
    machine.conf = "# no snapshots any more\n"
    machine.start()
    put_in(machine, new)
    switch_on(machine)


# -- 11.3 ---------------------------------------------------------------------------------------------

ONE = "commands of one file"
NOTES = "notes are no commands"
INCREMENTS = "a base and its increments"
TRANSACTIONS = "all of a transaction, or nothing"
EVERY_CUT = "cut at every byte"
DAMAGE = "damage in the middle is refused"
EARLY = "only the last file may be cut off"
LIVE_LOG = "a live node's log gives its data back"
RESTARTS = "a node restarts on it, and its log goes on"


class CutOff(Exception):
    pass


class LogLoader:
    """A right answer in parts, each of which a wrong one replaces."""

    def __call__(self, files):
        commands, whole = [], 0
        for number, data in enumerate(files, 1):
            more, whole = self.file(data)
            commands += more
            if whole < len(data) and number < len(files):
                self.early_cut(number)
        return commands, whole

    def early_cut(self, number):
        raise ValueError(f"file {number} is cut off")

    def file(self, data):
        commands, queue, multi_at, at = [], [], None, 0
        try:
            while at < len(data):
                if data[at : at + 1] == b"#":
                    at = self.note(data, at)
                    continue
                words, next_at = self.command(data, at)
                name = self.name(words)
                if name == b"MULTI":
                    if multi_at is not None:
                        self.nested()
                    multi_at = at
                elif name == b"EXEC":
                    commands, queue, multi_at = commands + queue, [], None
                else:
                    (commands if multi_at is None else queue).append(words)
                at = next_at
        except CutOff:
            pass
        return self.end(commands, queue, multi_at, at)

    def name(self, words):
        return words[0].upper()

    def nested(self):
        raise ValueError("MULTI within MULTI")

    def end(self, commands, queue, multi_at, at):
        return commands, at if multi_at is None else multi_at

    def note(self, data, at):
        end = data.find(b"\n", at)
        if end < 0:
            raise CutOff
        return end + 1

    def command(self, data, at):
        count, at = self.number(data, at, b"*")
        if count < 1:
            raise ValueError("no words")
        words = []
        for _ in range(count):
            length, at = self.number(data, at, b"$")
            if at + length + 2 > len(data):
                raise CutOff
            self.line_end(data, at + length)
            words.append(data[at : at + length])
            at += length + 2
        return words, at

    def line_end(self, data, at):
        if data[at : at + 2] != b"\r\n":
            raise ValueError("no CR LF")

    def number(self, data, at, kind):
        if at >= len(data):
            raise CutOff
        if data[at : at + 1] != kind:
            raise ValueError(f"expected {kind}")
        end = data.find(b"\r\n", at)
        digits = data[at + 1 : end] if end >= 0 else data[at + 1 :].removesuffix(b"\r")
        if not (digits.isdigit() or (end < 0 and not digits)):
            raise ValueError("no number")
        if end < 0:
            raise CutOff
        return int(digits), end + 2


class SplitsLines(LogLoader):
    def command(self, data, at):
        lines = data[at:].split(b"\r\n")
        count = int(lines[0][1:] or 1)
        words = lines[2 : 2 * count + 1 : 2]
        if len(words) < count or len(lines) < 2 * count + 2:
            raise CutOff
        return words, at + sum(len(line) + 2 for line in lines[: 2 * count + 1])


class RunsHalfATransaction(LogLoader):
    def end(self, commands, queue, multi_at, at):
        return commands + queue, at


class CountsTheOpenMulti(LogLoader):
    def end(self, commands, queue, multi_at, at):
        return commands, at


class KeepsMulti(LogLoader):
    def name(self, words):
        return b"SET"


class CaseMatters(LogLoader):
    def name(self, words):
        return words[0]


class TakesDamageForACut(LogLoader):
    def file(self, data):
        for cut in range(len(data), -1, -1):
            try:
                return super().file(data[:cut])
            except ValueError:
                continue
        return [], 0


class RefusesCuts(LogLoader):
    def __call__(self, files):
        commands, whole = super().__call__(files)
        if files and whole < len(files[-1]):
            raise ValueError("cut off")
        return commands, whole


class LooksAtNoLineEnd(LogLoader):
    def line_end(self, data, at):
        pass


class TakesAnyCut(LogLoader):
    def early_cut(self, number):
        pass


class NotesAreDamage(LogLoader):
    def note(self, data, at):
        raise ValueError("expected *")


class NestsQuietly(LogLoader):
    def nested(self):
        pass


class OnlyTheLastFile(LogLoader):
    def __call__(self, files):
        return super().__call__(files[-1:])


class OneLongFile(LogLoader):
    def __call__(self, files):
        return self.file(b"".join(files))


# -- 11.5 ---------------------------------------------------------------------------------------------

HEALTHY = "a healthy disk: written at once, synced each second"
QUIET = "a quiet server does nothing"
LAST = "the last write before a silence is synced, too"
SLOW = "a slow sync: writes are held back, for two seconds at most"
PULLED = "a live log, and the plug is pulled"
SLOW_LIVE = "a live log whose disk is slow: held back, and written in time"
ANEW = "held back and set free: the next wait begins anew"


class Everysec:
    """A right answer in parts, each of which a wrong one replaces."""

    every_ms = 1000
    patience_ms = 2000

    def __init__(self):
        self.last_sync_ms = None
        self.held_since_ms = None

    def turn(self, now_ms, buffered, unsynced, syncing):
        actions = []
        if buffered and self.may_write(now_ms, syncing):
            self.wrote()
            actions.append("write")
            unsynced = self.counts_the_write(unsynced)
        if self.may_sync(now_ms, unsynced, syncing):
            self.last_sync_ms = now_ms
            actions.append("sync")
        return actions

    def wrote(self):
        self.held_since_ms = None

    def counts_the_write(self, unsynced):
        return True

    def may_sync(self, now_ms, unsynced, syncing):
        is_time = self.last_sync_ms is None or now_ms - self.last_sync_ms >= self.every_ms
        return unsynced and not syncing and is_time

    def may_write(self, now_ms, syncing):
        if not syncing:
            return True
        if self.held_since_ms is None:
            self.held_since_ms = now_ms
        return now_ms - self.held_since_ms >= self.patience_ms


class NeverHoldsBack(Everysec):
    patience_ms = 0


class WaitsForTheSync(Everysec):
    patience_ms = 1 << 40


class ForgetsNoWait(Everysec):
    def wrote(self):
        pass


class TwoSyncsAtOnce(Everysec):
    def may_sync(self, now_ms, unsynced, syncing):
        return super().may_sync(now_ms, unsynced, False)


class SyncsNothing(Everysec):
    def may_sync(self, now_ms, unsynced, syncing):
        return super().may_sync(now_ms, True, syncing)


class SyncsEachTurn(Everysec):
    every_ms = 0


class EveryTwoSeconds(Everysec):
    every_ms = 2000


class SyncsOnlyWithAWrite(Everysec):
    def turn(self, now_ms, buffered, unsynced, syncing):
        return super().turn(now_ms, buffered, unsynced, syncing) if buffered else []


class WritesWithEachSync(Everysec):
    def may_write(self, now_ms, syncing):
        is_time = self.last_sync_ms is None or now_ms - self.last_sync_ms >= 1000
        return is_time and super().may_write(now_ms, syncing)


class WritesEmptyBuffers(Everysec):
    def turn(self, now_ms, buffered, unsynced, syncing):
        return super().turn(now_ms, True, unsynced, syncing)


# -- 11.4 ---------------------------------------------------------------------------------------------

TEXT = "text"
NUMBERS = "numbers in few bytes"
NO_NUMBERS = "what only looks like a number"
LENGTHS = "lengths of one, two and five bytes"
HASHES = "hashes"
SORTED_SETS = "sorted sets"
TIMES = "times to live"
CHECK_SUM = "the check sum is there, and right"
LIVE = "a live node loads it"
CHECKER = "Redis's own checker, where it is installed"


class RdbWriter:
    """A right answer in parts, each of which a wrong one replaces."""

    def __call__(self, entries):
        body = b"REDIS0010\xfe\x00" + b"".join(self.entry(*entry) for entry in entries) + b"\xff"
        return body + self.check_sum(body)

    def entry(self, key, value, expires_at_ms):
        time = b"" if expires_at_ms is None else self.time(expires_at_ms)
        if isinstance(value, bytes):
            return time + b"\x00" + self.string(key) + self.string(value)
        is_hash = isinstance(next(iter(value.values())), bytes)
        parts = [self.length(len(value))]
        for name, content in value.items():
            parts += [self.string(name), self.string(content) if is_hash else self.score(content)]
        return time + (b"\x04" if is_hash else b"\x05") + self.string(key) + b"".join(parts)

    def time(self, expires_at_ms):
        return b"\xfc" + struct.pack("<q", expires_at_ms)

    def string(self, data):
        if data[-1:].isdigit() and len(data) <= 11 and data.lstrip(b"-").isdigit():
            number = int(data)
            if b"%d" % number == data:
                for tag, code in ((0xC0, "<Bb"), (0xC1, "<Bh"), (0xC2, "<Bi")):
                    try:
                        return struct.pack(code, tag, number)
                    except struct.error:
                        continue
        return self.length(len(data)) + data

    def length(self, number):
        if number < 64:
            return bytes((number,))
        if number < 1 << 14:
            return struct.pack(">H", 0x4000 | number)
        return b"\x80" + struct.pack(">I", number)

    def score(self, score):
        return struct.pack("<d", score)

    def check_sum(self, body):
        return crc64(body).to_bytes(8, "little")


class LittleEndianLengths(RdbWriter):
    def length(self, number):
        if number < 64:
            return bytes((number,))
        if number < 1 << 14:
            return bytes((0x40 | number & 0x3F, number >> 6))
        return b"\x80" + struct.pack("<I", number)


class TwoByteLengthsTooLong(RdbWriter):
    def length(self, number):
        return super().length(number) if number != 1 << 14 else struct.pack(">H", 0x7FFF)


class NumbersAsText(RdbWriter):
    def string(self, data):
        return self.length(len(data)) + data


class AnyDigitsAreANumber(RdbWriter):
    def string(self, data):
        try:
            return super().string(b"%d" % int(data))
        except ValueError:
            return super().string(data)


class UnsignedNumbers(RdbWriter):
    def string(self, data):
        if data.isdigit() and len(data) <= 3 and int(data) < 256 and b"%d" % int(data) == data:
            return bytes((0xC0, int(data)))
        return super().string(data)


class TimesInSeconds(RdbWriter):
    def time(self, expires_at_ms):
        return b"\xfc" + struct.pack("<q", expires_at_ms // 1000)


class BigEndianTimes(RdbWriter):
    def time(self, expires_at_ms):
        return b"\xfc" + struct.pack(">q", expires_at_ms)


class TimeBehindTheType(RdbWriter):
    def entry(self, key, value, expires_at_ms):
        whole = super().entry(key, value, None)
        return whole if expires_at_ms is None else whole[:1] + self.time(expires_at_ms) + whole[1:]


class ScoresAsText(RdbWriter):
    def score(self, score):
        return self.string(repr(score).encode())


class ScoresInFourBytes(RdbWriter):
    def score(self, score):
        return struct.pack("<d", struct.unpack("<f", struct.pack("<f", score))[0])


class CountsFieldsAndValues(RdbWriter):
    def entry(self, key, value, expires_at_ms):
        whole = super().entry(key, value, expires_at_ms)
        if isinstance(value, dict) and isinstance(next(iter(value.values())), bytes):
            count, doubled = self.length(len(value)), self.length(2 * len(value))
            return whole.replace(self.string(key) + count, self.string(key) + doubled, 1)
        return whole


class NoCheckSum(RdbWriter):
    def check_sum(self, body):
        return bytes(8)


class CheckSumWithoutTheEnd(RdbWriter):
    def check_sum(self, body):
        return crc64(body[:-1]).to_bytes(8, "little")


class BigEndianCheckSum(RdbWriter):
    def check_sum(self, body):
        return crc64(body).to_bytes(8, "big")


class KeysWithoutLength(RdbWriter):
    def entry(self, key, value, expires_at_ms):
        return super().entry(key, value, expires_at_ms).replace(self.string(key), key, 1)


WRONG = {
    "11.1": [
        (
            "a comment behind the value",
            (EVERYSEC + "save 900 1  # snapshots, too\n" + SMALL,),
            (STARTS, POWER),
        ),
        ("snapshots each second", ("save 1 1\n",), (STARTS, POWER)),
        ("no sync", ("appendonly yes\nappendfsync no\n" + SMALL,), (POWER, REWRITE)),
        ("a sync for each write", ("appendonly yes\nappendfsync always\n" + SMALL,), (FAST,)),
        ("the default rewrite", (EVERYSEC,), (RESTART,)),
        ("no rewrite", (EVERYSEC + SMALL + "auto-aof-rewrite-percentage 0\n",), (RESTART,)),
        ("rewritten too late", (EVERYSEC + "auto-aof-rewrite-min-size 900kb\n",), (RESTART,)),
        ("no sync in a rewrite", (EVERYSEC + SMALL + "no-appendfsync-on-rewrite yes\n",), (REWRITE,)),
        ("cut tails refused", (EVERYSEC + SMALL + "aof-load-truncated no\n",), (POWER,)),
        ("no such directive", (EVERYSEC + "append-only yes\n" + SMALL,), (STARTS,)),
    ],
    "11.2": [
        ("stops with a save", (stops_with_a_save,), (ALL_BACK, NEXT)),
        ("forgets this morning", (forgets_this_morning,), (ALL_BACK, NEXT, CUT)),
        ("only restarts", (only_restarts,), (ALL_BACK, NEXT)),
        ("switches the log off", (switches_the_log_off,), (LOG_ON, CUT)),
        ("forgets the file", (forgets_the_file,), (LOG_ON,)),
        ("switches it on in the file again", (switches_on_in_the_file_again,), (ALL_BACK,)),
        ("drops times to live", (drops_times_to_live,), (TTLS,)),
        ("the old value wins", (lets_the_old_value_win,), (ALL_BACK,)),
        ("takes the save line away", (takes_the_save_line_away,), (LOG_ON,)),
    ],
    "11.3": [
        ("splits at line ends", (SplitsLines(),), (ONE, DAMAGE)),
        ("runs half a transaction", (RunsHalfATransaction(),), (TRANSACTIONS, EVERY_CUT, RESTARTS)),
        ("an open MULTI is whole", (CountsTheOpenMulti(),), (TRANSACTIONS, EVERY_CUT, RESTARTS)),
        ("MULTI is a command", (KeepsMulti(),), (TRANSACTIONS, EVERY_CUT)),
        ("capitals only", (CaseMatters(),), (TRANSACTIONS,)),
        ("damage is a cut", (TakesDamageForACut(),), (DAMAGE,)),
        ("a cut is damage", (RefusesCuts(),), (INCREMENTS, TRANSACTIONS, EVERY_CUT, RESTARTS)),
        ("line ends not looked at", (LooksAtNoLineEnd(),), (DAMAGE,)),
        ("any file may be cut off", (TakesAnyCut(),), (EARLY,)),
        ("notes are damage", (NotesAreDamage(),), (NOTES,)),
        ("MULTI within MULTI", (NestsQuietly(),), (EARLY,)),
        ("only the last file", (OnlyTheLastFile(),), (INCREMENTS, LIVE_LOG)),
        ("all files as one", (OneLongFile(),), (INCREMENTS, EARLY)),
    ],
    "11.4": [
        ("lengths in little-endian order", (LittleEndianLengths(),), (LENGTHS,)),
        ("16384 in two bytes", (TwoByteLengthsTooLong(),), (LENGTHS,)),
        ("numbers as text", (NumbersAsText(),), (NUMBERS,)),
        ("007 becomes 7", (AnyDigitsAreANumber(),), (NO_NUMBERS,)),
        ("numbers without a sign", (UnsignedNumbers(),), (NUMBERS,)),
        ("times in seconds", (TimesInSeconds(),), (TIMES, LIVE)),
        ("times in big-endian order", (BigEndianTimes(),), (TIMES,)),
        ("the time behind the type", (TimeBehindTheType(),), (TIMES, LIVE, CHECKER)),
        ("scores as text", (ScoresAsText(),), (SORTED_SETS, LIVE)),
        ("scores of single precision", (ScoresInFourBytes(),), (SORTED_SETS,)),
        ("fields and values counted", (CountsFieldsAndValues(),), (HASHES, LIVE)),
        ("no check sum", (NoCheckSum(),), (TEXT, CHECK_SUM)),
        ("a check sum without the last byte", (CheckSumWithoutTheEnd(),), (TEXT, CHECK_SUM, CHECKER)),
        ("the check sum in big-endian order", (BigEndianCheckSum(),), (CHECK_SUM, LIVE)),
        ("keys without their length", (KeysWithoutLength(),), (TEXT, LIVE)),
    ],
    "11.5": [
        ("never holds back", (NeverHoldsBack,), (SLOW, SLOW_LIVE)),
        ("waits for the sync", (WaitsForTheSync,), (SLOW, SLOW_LIVE)),
        ("a wait that never ends", (ForgetsNoWait,), (SLOW,)),
        ("two syncs at once", (TwoSyncsAtOnce,), (SLOW,)),
        ("syncs nothing", (SyncsNothing,), (QUIET,)),
        ("syncs each turn", (SyncsEachTurn,), (HEALTHY,)),
        ("every two seconds", (EveryTwoSeconds,), (HEALTHY, PULLED)),
        ("syncs only with a write", (SyncsOnlyWithAWrite,), (LAST,)),
        ("writes once a second", (WritesWithEachSync,), (HEALTHY,)),
        ("writes empty buffers", (WritesEmptyBuffers,), (QUIET,)),
    ],
}
