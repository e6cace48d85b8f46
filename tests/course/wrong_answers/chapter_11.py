"""Plausible wrong answers to the exercises of chapter 11, and the tests that must refuse each."""

from __future__ import annotations

import struct

from minidis.persistence.crc64 import crc64

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
}
