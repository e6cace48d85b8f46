"""Grisu2: the short decimal digits of a double, with 64-bit integers only.

0.1 has no exact binary form; the double next to it is 0.1000000000000000055511151231257827... Printing all of
that helps nobody. It is enough to print any decimal that lies nearer to this double than to its neighbours,
and the nicest one is the one with the fewest digits. So the search is for a short number in an interval::

      lower neighbour        value        upper neighbour
    ------------|--------------|--------------|------------>
                      [================]            every decimal in here reads back as value
                      lower          upper

Grisu2 scales the interval by a power of ten, taken from a table of 87, until its upper end has a whole part
of at most 32 bits. Then it takes digits from the upper end, one by one, and stops as soon as what is left
fits into the interval: all further digits are free, hence not written. At last it walks the last digit down
towards the value itself (`_round_last_digit`).

The scaling rounds, so the interval is taken one unit too narrow on both sides: safe, but in about 3 of 1000
cases the shortest number is lost, and Redis prints a digit more than Python's ``repr``. Visible in
``ZADD z 6.22418e20 a``: Redis 7.2 answers 622417999999999900000. We follow it to the digit.

Mirrors: fpconv_dtoa.c (Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with
Integers", 2010). Differs: the table is computed on demand instead of written out.
Complexity: O(17), the most digits that a double can need.

>>> shortest_digits(0.1), shortest_digits(1500.0)
((1, -1), (15, 2))
>>> shortest_digits(6.22418e20)
(6224179999999999, 5)

Read next: numbers.py, where the decimal point is placed.
"""

from __future__ import annotations

import struct
from functools import lru_cache

_FRACTION_BITS = 52
_HIDDEN_BIT = 1 << _FRACTION_BITS
_EXPONENT_BIAS = 1023 + _FRACTION_BITS
_MASK64 = 2**64 - 1

# The scaled upper end is fraction * 2**exponent with this range of exponents: a whole part of 4 to 32 bits.
_LEAST_EXPONENT, _GREATEST_EXPONENT = -60, -32


@lru_cache(maxsize=4096)  # a score is shown again and again
def shortest_digits(value: float) -> tuple[int, int]:
    """Digits and power of ten of a positive, finite ``value``: it reads back from digits * 10**power."""
    fraction, exponent = _unpack(value)

    # Half way to each neighbour. Below a power of two the neighbour is twice as near.
    upper = 2 * fraction + 1
    shift = 64 - upper.bit_length()
    scaled_exponent = exponent - 1 - shift
    upper <<= shift
    steps = 2 if fraction == _HIDDEN_BIT else 1
    lower = ((fraction << steps) - 1) << (exponent - steps - scaled_exponent)
    exact = fraction << (exponent - scaled_exponent)

    power, ten, ten_exponent = _power_of_ten_for(scaled_exponent)
    exact = _multiply(exact, ten)
    upper = _multiply(upper, ten) - 1
    lower = _multiply(lower, ten) + 1
    digits, dropped = _generate(exact, upper, lower, point=-(scaled_exponent + ten_exponent + 64))
    return digits, dropped - power


def _generate(exact: int, upper: int, lower: int, point: int) -> tuple[int, int]:
    """Take digits from ``upper`` (fixed-point, ``point`` bits behind the point) while they matter."""
    to_exact, width = upper - exact, upper - lower
    one = 1 << point
    whole, rest = upper >> point, upper & (one - 1)
    digits = 0
    for dropped in range(9, -1, -1):
        unit = 10**dropped
        digit, whole = divmod(whole, unit)
        digits = digits * 10 + digit
        left = (whole << point) + rest
        if left <= width:
            return _round_last_digit(digits, width, left, unit << point, to_exact), dropped
    dropped, scale = 0, 1
    while True:
        rest, width, scale, dropped = rest * 10, width * 10, scale * 10, dropped - 1
        digits = digits * 10 + (rest >> point)
        rest &= one - 1
        if rest < width:
            return _round_last_digit(digits, width, rest, one, to_exact * scale & _MASK64), dropped


def _round_last_digit(digits: int, width: int, left: int, unit: int, to_exact: int) -> int:
    """Lower the last digit while that stays inside of the interval and comes nearer to the exact value."""
    while (
        left < to_exact
        and width - left >= unit
        and (left + unit < to_exact or to_exact - left > left + unit - to_exact)
    ):
        digits -= 1
        left += unit
    return digits


def _unpack(value: float) -> tuple[int, int]:
    """``value == fraction * 2**exponent``, as stored."""
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    fraction, exponent = bits & (_HIDDEN_BIT - 1), (bits >> _FRACTION_BITS) & 0x7FF
    if exponent:
        return fraction + _HIDDEN_BIT, exponent - _EXPONENT_BIAS
    return fraction, 1 - _EXPONENT_BIAS  # subnormal: no hidden bit


def _multiply(left: int, right: int) -> int:
    """The upper 64 bits of the 128-bit product, rounded as the C code does it with 32-bit halves."""
    left_high, left_low = left >> 32, left & 0xFFFFFFFF
    right_high, right_low = right >> 32, right & 0xFFFFFFFF
    cross_1, cross_2 = left_high * right_low, left_low * right_high
    middle = (cross_1 & 0xFFFFFFFF) + (cross_2 & 0xFFFFFFFF) + (left_low * right_low >> 32) + (1 << 31)
    return left_high * right_high + (cross_1 >> 32) + (cross_2 >> 32) + (middle >> 32)


@lru_cache(maxsize=4096)
def _power_of_ten_for(exponent: int) -> tuple[int, int, int]:
    """The power, fraction and exponent of the power of ten that brings ``exponent`` into range.

    Only every eighth power from 10**-348 is used: that is enough to land in a range of 29 exponents. The
    guess and the way it is corrected are the C code's, because often two powers would do.
    """
    guess = int(-(exponent + 87) * 0.30102999566398114)
    index = int((guess + 348) / 8)
    while True:
        fraction, ten_exponent = _power_of_ten(-348 + 8 * index)
        current = exponent + ten_exponent + 64
        if current < _LEAST_EXPONENT:
            index += 1
        elif current > _GREATEST_EXPONENT:
            index -= 1
        else:
            return -348 + 8 * index, fraction, ten_exponent


@lru_cache(maxsize=128)
def _power_of_ten(power: int) -> tuple[int, int]:
    """10**power as fraction * 2**exponent, with a fraction of exactly 64 bits, rounded to the nearest."""
    numerator, denominator = (10**power, 1) if power >= 0 else (1, 10**-power)
    exponent = numerator.bit_length() - denominator.bit_length() - 64
    if exponent >= 0:
        denominator <<= exponent
    else:
        numerator <<= -exponent
    while numerator // denominator >= 1 << 64:
        exponent, denominator = exponent + 1, denominator * 2
    while numerator // denominator < 1 << 63:
        exponent, numerator = exponent - 1, numerator * 2
    return (2 * numerator + denominator) // (2 * denominator), exponent
