"""Plausible wrong answers to chapter 5's exercises, and the tests that must refuse each."""

from __future__ import annotations

import math
import zlib

from minidis.course.fixtures.counting import SPECS
from minidis.course.fixtures.sketches import hash64

# -- 5.1 ------------------------------------------------------------------------------------------------


def good_visit(redis, day, user):
    number = redis.hget("users:number", user)
    if number is None:
        redis.hsetnx("users:number", user, redis.incr("users:count") - 1)
        number = redis.hget("users:number", user)
    redis.setbit(f"active:{day}", int(number), 1)


def good_retention(redis, days):
    first, *rest = [f"active:{day}" for day in days]
    with redis.pipeline(transaction=True) as report:
        report.bitcount(first)
        report.bitop("OR", "report", *rest)
        report.bitop("AND", "report", "report", first)
        report.bitcount("report")
        report.bitop("AND", "report", first, *rest)
        report.bitcount("report")
        report.delete("report")
        replies = report.execute()
    return replies[0], replies[3], replies[5]


def id_as_offset(redis, day, user):
    redis.setbit(f"active:{day}", user, 1)


def hash_as_offset(redis, day, user):
    redis.setbit(f"active:{day}", zlib.crc32(b"%d" % user) % 2**20, 1)


def number_by_length(redis, day, user):
    number = redis.hget("users:number", user)
    if number is None:
        number = redis.hlen("users:number")
        redis.hset("users:number", user, number)
    redis.setbit(f"active:{day}", int(number), 1)


def number_kept_though_another_was_first(redis, day, user):
    number = redis.hget("users:number", user)
    if number is None:
        number = redis.incr("users:count") - 1
        redis.hset("users:number", user, number)
    redis.setbit(f"active:{day}", int(number), 1)


def new_number_for_each_visit(redis, day, user):
    redis.setbit(f"active:{day}", redis.incr("users:count") - 1, 1)


def on_the_client(redis, days):
    def users(day):
        data = redis.get(f"active:{day}") or b""
        return {n for n in range(len(data) * 8) if data[n // 8] >> (7 - n % 8) & 1}

    first, *rest = map(users, days)
    return len(first), len(first & set().union(*rest)), len(first.intersection(*rest))


def one_step_after_the_other(redis, days):
    first, *rest = [f"active:{day}" for day in days]
    redis.bitop("OR", "report", *rest)
    redis.bitop("AND", "report", "report", first)
    returned = redis.bitcount("report")
    redis.bitop("AND", "report", first, *rest)
    loyal = redis.bitcount("report")
    redis.delete("report")
    return redis.bitcount(first), returned, loyal


def leaves_its_result(redis, days):
    first, *rest = [f"active:{day}" for day in days]
    with redis.pipeline() as report:
        report.bitop("OR", "report:any", *rest)
        report.bitop("AND", "report:returned", "report:any", first)
        report.bitop("AND", "report:loyal", first, *rest)
        report.bitcount(first).bitcount("report:returned").bitcount("report:loyal")
        return tuple(report.execute()[3:])


def writes_into_the_first_day(redis, days):
    first, *rest = [f"active:{day}" for day in days]
    with redis.pipeline() as report:
        report.bitcount(first)
        report.bitop("OR", "report", *rest).bitop("AND", "report", "report", first).bitcount("report")
        report.delete("report").bitop("AND", first, first, *rest).bitcount(first)
        replies = report.execute()
    return replies[0], replies[3], replies[6]


def only_the_last_day(redis, days):
    first, last = f"active:{days[0]}", f"active:{days[-1]}"
    with redis.pipeline() as report:
        report.bitcount(first).bitop("AND", "report", first, last).bitcount("report")
        report.bitop("AND", "report", *[f"active:{day}" for day in days]).bitcount("report").delete("report")
        replies = report.execute()
    return replies[0], replies[2], replies[4]


def skips_days_without_visits(redis, days):
    keys = [f"active:{day}" for day in days if redis.exists(f"active:{day}")]
    if not keys:
        return 0, 0, 0
    return good_retention(redis, [key.removeprefix("active:") for key in keys + keys[-1:]])


# -- 5.2 ------------------------------------------------------------------------------------------------


def always_a_set(spec):
    return "set"


def always_hyperloglog(spec):
    return "hll"


def bitmap_for_numbers(spec):
    return "hll" if spec.largest_id is None else "bitmap"


def by_name(spec):
    right = ("set", "bitmap", "hll", "set", "hll", "bitmap")
    return dict(zip((known.name for known in SPECS), right, strict=True)).get(spec.name, "set")


def hyperloglog_wherever_it_counts(spec):
    if spec.asks == ("count",):
        return "hll"
    return "set" if spec.elements < 1000 else "bitmap"


def ignores_the_error(spec):
    if spec.elements < 1000:
        return "set"
    if spec.largest_id is not None and spec.largest_id / 8 < 10_000:
        return "bitmap"
    return "hll"


def full_name(spec):
    return "HyperLogLog"


# -- 5.3 ------------------------------------------------------------------------------------------------

M = 16384


def add(registers, element):
    hashed = hash64(element)
    run_bits = hashed >> 14 | 1 << 50
    value = (run_bits & -run_bits).bit_length()
    if value <= registers[hashed & M - 1]:
        return False
    registers[hashed & M - 1] = value
    return True


def count(registers):
    def sigma(x):
        y, z, previous = 1.0, x, None
        while z != previous:
            x, previous = x * x, z
            z, y = z + x * y, y + y
        return z

    def tau(x):
        if x in (0.0, 1.0):
            return 0.0
        y, z, previous = 1.0, 1 - x, None
        while z != previous:
            x, y, previous = math.sqrt(x), y / 2, z
            z -= (1 - x) ** 2 * y
        return z / 3

    if registers.count(0) == M:
        return 0
    z = M * tau(1 - registers.count(51) / M)
    for value in range(50, 0, -1):
        z = (z + registers.count(value)) / 2
    return math.floor(M * M / (2 * math.log(2) * (z + M * sigma(registers.count(0) / M))) + 0.5)


def merge(registers, others):
    for other in others:
        registers[:] = map(max, registers, other)


def add_counts_leading_zeros(registers, element):
    hashed = hash64(element)
    value = 50 - (hashed >> 14).bit_length() + 1
    if value <= registers[hashed & M - 1]:
        return False
    registers[hashed & M - 1] = value
    return True


def add_takes_the_first_bits_as_index(registers, element):
    hashed = hash64(element)
    run_bits = hashed & (1 << 50) - 1 | 1 << 50
    value, index = (run_bits & -run_bits).bit_length(), hashed >> 50
    if value <= registers[index]:
        return False
    registers[index] = value
    return True


def add_without_guard_bit(registers, element):
    hashed = hash64(element)
    value = ((hashed >> 14) & -(hashed >> 14)).bit_length()
    if value <= registers[hashed & M - 1]:
        return False
    registers[hashed & M - 1] = value
    return True


def add_overwrites(registers, element):
    hashed = hash64(element)
    run_bits = hashed >> 14 | 1 << 50
    registers[hashed & M - 1] = (run_bits & -run_bits).bit_length()
    return True


def add_says_nothing(registers, element):
    add(registers, element)


def raw_count(registers):
    return round(0.7213 / (1 + 1.079 / M) * M * M / sum(2.0**-value for value in registers))


def two_formulas(registers):
    raw = raw_count(registers)
    zeros = registers.count(0)
    return round(M * math.log(M / zeros)) if raw <= 2.5 * M and zeros else raw


def count_for_32_bits(registers):
    guess = count(registers)
    if guess > 2**32 / 30:
        share = min(guess / 2**32, 0.999999)
        guess = round(-(2**32) * math.log(1 - share))
    return guess


def set_registers(registers):
    return M - registers.count(0)


def count_as_float(registers):
    return float(count(registers))


def count_uses_the_registers_up(registers):
    totals = [0] * 64
    kept = bytes(registers)
    while registers:
        totals[registers.pop()] += 1
    return count(kept)


def merge_adds(registers, others):
    for other in others:
        registers[:] = bytes(min(a + b, 51) for a, b in zip(registers, other, strict=True))


def merge_makes_another(registers, others):
    for other in others:
        registers = bytearray(map(max, registers, other))


def merge_keeps_the_last(registers, others):
    before = bytes(registers)
    for other in others:
        registers[:] = bytes(map(max, before, other))


# -- 5.4 ------------------------------------------------------------------------------------------------


def offsets(data, start, end, unit):
    total = len(data) * (8 if unit == "BIT" else 1)
    start = max(start + total, 0) if start < 0 else start
    end = max(end + total, 0) if end < 0 else end
    end = min(end, total - 1)
    return (start, end) if unit == "BIT" else (start * 8, end * 8 + 7)


def cut(data, start, end, unit):
    """(number, width, first) of the range."""
    first, last = offsets(data, start, end, unit)
    if first > last:
        return 0, 0, 0
    number = int.from_bytes(data[first // 8 : last // 8 + 1], "big") >> (7 - last % 8)
    return number & (1 << last - first + 1) - 1, last - first + 1, first


def bitcount(data, start=0, end=-1, unit="BYTE"):
    if start < 0 and end < 0 and start > end:
        return 0
    return cut(data, start, end, unit)[0].bit_count()


def bitpos(data, bit, start=0, end=None, unit="BYTE"):
    number, width, first = cut(data, start, -1 if end is None else end, unit)
    if not bit:
        number ^= (1 << width) - 1
    if number:
        return first + width - number.bit_length()
    return len(data) * 8 if width and not bit and end is None else -1


def bitcount_by_slice(data, start=0, end=-1, unit="BYTE"):
    return int.from_bytes(data[start:end], "big").bit_count()


def bitcount_ignores_the_unit(data, start=0, end=-1, unit="BYTE"):
    return bitcount(data, start, end, "BYTE")


def bitcount_without_the_exception(data, start=0, end=-1, unit="BYTE"):
    return cut(data, start, end, unit)[0].bit_count()


def bitcount_bit_by_bit(data, start=0, end=-1, unit="BYTE"):
    if start < 0 and end < 0 and start > end:
        return 0
    first, last = offsets(data, start, end, unit)
    return sum(data[n // 8] >> (7 - n % 8) & 1 for n in range(first, last + 1))


def bitcount_without_clamping(data, start=0, end=-1, unit="BYTE"):
    total = len(data) * (8 if unit == "BIT" else 1)
    start, end = start % total if total else 0, end % total if total else -1
    return bitcount(data, start, end, unit) if start <= end else 0


def bitpos_low_bit_first(data, bit, start=0, end=None, unit="BYTE"):
    mirrored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
    return bitpos(mirrored, bit, start, end, unit)


def bitpos_from_the_start_of_the_range(data, bit, start=0, end=None, unit="BYTE"):
    found = bitpos(data, bit, start, end, unit)
    return found - offsets(data, start, -1, unit)[0] if found > 0 else found


def bitpos_always_finds_a_zero(data, bit, start=0, end=None, unit="BYTE"):
    found = bitpos(data, bit, start, end, unit)
    return len(data) * 8 if found < 0 and not bit else found


def bitpos_with_an_end_by_default(data, bit, start=0, end=-1, unit="BYTE"):
    return bitpos(data, bit, start, end, unit)


def bitpos_never_looks_behind(data, bit, start=0, end=None, unit="BYTE"):
    return bitpos(data, bit, start, -1 if end is None else end, unit)


WRONG = {
    "5.1": [
        (
            "the id is the offset",
            (id_as_offset, good_retention),
            ("the ids leap from 3 to 10^18: a day stays small",),
        ),
        (
            "a hash is the offset",
            (hash_as_offset, good_retention),
            ("800 users with random ids: exact, and 100 bytes a day",),
        ),
        (
            "HLEN is the next number",
            (number_by_length, good_retention),
            ("two first visits at the same time",),
        ),
        (
            "the last number wins",
            (number_kept_though_another_was_first, good_retention),
            ("two first visits at the same time",),
        ),
        (
            "counts visits",
            (new_number_for_each_visit, good_retention),
            ("a user who comes ten times a day is one user",),
        ),
        ("fetches the bitmaps", (good_visit, on_the_client), ("no bit travels to the client",)),
        (
            "a shared name, step by step",
            (good_visit, one_step_after_the_other),
            ("two reports at the same time",),
        ),
        (
            "leaves its results",
            (good_visit, leaves_its_result),
            ("a report changes nothing and leaves nothing behind",),
        ),
        (
            "writes into a day",
            (good_visit, writes_into_the_first_day),
            ("a report changes nothing and leaves nothing behind",),
        ),
        (
            "returned on the last day only",
            (good_visit, only_the_last_day),
            ("cohort, returned, loyal in a small week", "random weeks"),
        ),
        (
            "a day without visits is no day",
            (good_visit, skips_days_without_visits),
            ("days on which nobody came",),
        ),
    ],
    "5.2": [
        ("always exact", (always_a_set,), ("daily active users", "unique visitors by cookie", "seats sold")),
        ("always a sketch", (always_hyperloglog,), ("newsletter", "moderators", "seats sold")),
        ("a bitmap for all numbers", (bitmap_for_numbers,), ("moderators", "devices that reported")),
        ("the six, learned by heart", (by_name,), ("other numbers of the same kinds",)),
        (
            "a sketch wherever it counts",
            (hyperloglog_wherever_it_counts,),
            ("an error limit that HyperLogLog cannot promise",),
        ),
        ("forgets the exact limit", (ignores_the_error,), ("seats sold",)),
        ("another word", (full_name,), tuple(spec.name for spec in SPECS)),
    ],
    "5.3": [
        (
            "zeros from the left",
            (add_counts_leading_zeros, count, merge),
            ("add: which register, which value",),
        ),
        (
            "index from the left",
            (add_takes_the_first_bits_as_index, count, merge),
            ("add: which register, which value",),
        ),
        ("no guard bit", (add_without_guard_bit, count, merge), ("add: runs of 0 to 50 zeros",)),
        (
            "overwrites",
            (add_overwrites, count, merge),
            ("add: a register only grows, and True means that it did",),
        ),
        (
            "answers nothing",
            (add_says_nothing, count, merge),
            ("add: which register, which value", "in a live node: as the engine's own"),
        ),
        (
            "no correction",
            (add, raw_count, merge),
            ("count: nothing, one, a hundred", "count: root mean square error below 1 % over 50 runs"),
        ),
        ("two formulas", (add, two_formulas, merge), ("count: no bias around 2.5 x 16384",)),
        ("made for 32 bits", (add, count_for_32_bits, merge), ("count: up to a million million",)),
        (
            "counts registers",
            (add, set_registers, merge),
            ("count: root mean square error below 1 % over 50 runs",),
        ),
        ("a float", (add, count_as_float, merge), ("count: nothing, one, a hundred",)),
        (
            "uses the registers up",
            (add, count_uses_the_registers_up, merge),
            ("count: looking changes nothing",),
        ),
        (
            "adds the values",
            (add, count, merge_adds),
            ("merge: the larger of each pair, in place", "merge: in any order, and twice is once"),
        ),
        ("not in place", (add, count, merge_makes_another), ("merge: the larger of each pair, in place",)),
        ("only the last", (add, count, merge_keeps_the_last), ("merge: the larger of each pair, in place",)),
    ],
    "5.4": [
        ("Python's slice", (bitcount_by_slice, bitpos), ("bitcount: the whole string, and ranges of bytes",)),
        ("bytes always", (bitcount_ignores_the_unit, bitpos), ("bitcount: ranges of bits",)),
        (
            "no exception for -1 -2",
            (bitcount_without_the_exception, bitpos),
            ("bitcount: from the end, and beyond both ends",),
        ),
        (
            "modulo",
            (bitcount_without_clamping, bitpos),
            ("bitcount: from the end, and beyond both ends", "bitcount: 2 500 random strings"),
        ),
        ("bit by bit", (bitcount_bit_by_bit, bitpos), ("a long string goes by bytes, not bit by bit",)),
        (
            "low bit first",
            (bitcount, bitpos_low_bit_first),
            ("bitpos: the first 1 and the first 0, in bytes and bits", "in a live node: as the engine's own"),
        ),
        (
            "offset within the range",
            (bitcount, bitpos_from_the_start_of_the_range),
            ("bitpos: beyond both ends", "bitpos: 2 500 random strings"),
        ),
        (
            "always a zero behind",
            (bitcount, bitpos_always_finds_a_zero),
            ("bitpos: the zero behind the string, only where no end is named",),
        ),
        (
            "an end of -1 by default",
            (bitcount, bitpos_with_an_end_by_default),
            ("bitpos: the zero behind the string, only where no end is named",),
        ),
        (
            "never a zero behind",
            (bitcount, bitpos_never_looks_behind),
            (
                "bitpos: the zero behind the string, only where no end is named",
                "in a live node: as the engine's own",
            ),
        ),
    ],
}
