"""Numbers as text: properties here, the real servers' word for it in tests/differential/test_numbers.py."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minidis.protocol.grisu import shortest_digits
from minidis.protocol.numbers import (
    INTEGER_MAX,
    INTEGER_MIN,
    LongDouble,
    add_long_doubles,
    format_double,
    format_long_double,
    nearest_long_double,
    parse_cursor,
    parse_float,
    parse_integer,
    parse_long_double,
    parse_unsigned,
)

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.integers(INTEGER_MIN, INTEGER_MAX))
@example(INTEGER_MIN)
@example(INTEGER_MAX)
def test_every_64_bit_integer_reads_back(value):
    assert parse_integer(b"%d" % value) == value


@pytest.mark.parametrize(
    "text",
    [b"", b"-", b"+1", b"01", b"-0", b"-01", b" 1", b"1 ", b"1.0", b"1e3", b"0x1", b"1_0", b"1\n", b"1\0"]
    + ["\u0661".encode(), b"%d" % (INTEGER_MAX + 1), b"%d" % (INTEGER_MIN - 1), b"9" * 400],
)
def test_an_integer_has_one_spelling_only(text):
    assert parse_integer(text) is None


@given(st.binary(max_size=4))
def test_what_is_read_as_an_integer_prints_the_same(text):
    value = parse_integer(text)
    assert value is None or b"%d" % value == text


def test_unsigned_is_laxer_as_strtoull_is():
    assert parse_unsigned(b"18446744073709551615") == 2**64 - 1
    assert parse_unsigned(b"18446744073709551616") is None
    assert parse_unsigned(b" \t+07") == 7
    assert parse_unsigned(b"-1") is None
    assert parse_unsigned(b"-01") == 2**64 - 1
    assert parse_cursor(b"") == 0
    assert parse_cursor(b" 1") is None
    assert parse_cursor(b"-1") == 2**64 - 1
    assert parse_cursor(b"0" * 5000 + b"7") == 7
    assert parse_cursor(b"9" * 5000) is None
    assert parse_cursor(b"18446744073709551616") is None


@given(finite)
@example(5e-324)
@example(2.2250738585072014e-308)
@example(1.7976931348623157e308)
@example(6.22418e20)
def test_every_double_reads_back_from_its_text(value):
    assert parse_float(format_double(value)) == value


@given(finite.filter(lambda value: value > 0))
def test_grisu_writes_at_most_17_digits(value):
    digits, power = shortest_digits(value)
    assert 1 <= digits < 10**17
    assert float(f"{digits}e{power}") == value


@pytest.mark.parametrize("text", [b"", b" 1", b"1 ", b"nan", b"-nan", b"1e", b".", b"0x", b"0x1p", b"1_0"])
def test_what_strtod_does_not_read_to_the_end_is_refused(text):
    assert parse_float(text) is None
    assert parse_long_double(text) is None


def test_a_double_out_of_range_is_refused_a_long_double_is_not():
    assert parse_float(b"1e309") is None
    assert parse_float(b"1e-330") is None
    assert parse_long_double(b"1e309") is not None
    assert parse_long_double(b"1e5000") is None
    assert parse_long_double(b"1e-5000") is None
    assert parse_long_double(b"1e" + b"9" * 50) is None
    assert parse_long_double(b"0e" + b"9" * 50) == LongDouble(0, 0)


def test_a_long_double_may_have_more_digits_than_python_converts_at_once():
    largest = parse_long_double(b"1e4900")
    text = format_long_double(largest)
    assert len(text) == 4901
    assert parse_long_double(text) == largest


def exactly(number: LongDouble | float | None) -> Fraction:
    assert isinstance(number, LongDouble)
    return number.mantissa * Fraction(2) ** number.exponent


@given(finite)
def test_a_double_is_a_long_double(value):
    assert exactly(nearest_long_double(*value.as_integer_ratio())) == Fraction(value)


@given(st.fractions())
def test_rounding_keeps_64_bits_and_is_nearest(value):
    rounded = nearest_long_double(*value.as_integer_ratio())
    assert isinstance(rounded, LongDouble)
    mantissa = abs(rounded.mantissa)
    assert mantissa <= 2**64 and (mantissa or value == 0)
    assert abs(exactly(rounded) - value) <= abs(value) / 2**64
    assert exactly(nearest_long_double(*exactly(rounded).as_integer_ratio())) == exactly(rounded)


@given(st.fractions(), st.fractions())
def test_a_sum_is_the_nearest(left, right):
    operands = [nearest_long_double(*value.as_integer_ratio()) for value in (left, right)]
    total = sum(map(exactly, operands))
    assert exactly(add_long_doubles(*operands)) == exactly(nearest_long_double(*total.as_integer_ratio()))


@given(st.integers(-(2**70), 2**70), st.integers(-80, 80), st.integers(1, 10**6))
def test_a_ceiling_is_the_next_whole_number(mantissa, exponent, factor):
    number = LongDouble(mantissa, exponent)
    assert number.ceiling(factor) == math.ceil(exactly(number) * factor)


def test_infinities_add_as_in_c():
    assert add_long_doubles(math.inf, LongDouble(1, 0)) == math.inf
    assert math.isnan(add_long_doubles(math.inf, -math.inf))
    assert format_long_double(-math.inf) == b"-inf"


def test_decimals_end_at_the_seventeenth():
    assert format_long_double(nearest_long_double(1, 10**18)) == b"0"
    assert format_long_double(nearest_long_double(-1, 10**18)) == b"0"
    assert format_long_double(nearest_long_double(-1, 10**17)) == b"-0.00000000000000001"
