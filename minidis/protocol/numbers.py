"""Numbers as text: how Redis reads and writes integers, doubles and long doubles.

Every Redis value is a string of bytes, and still ``INCR`` counts and ``ZADD`` sorts by score. So text becomes
a number and back on every such call, and the rules of that conversion are visible to users:

* ``SET n 01`` is fine, but ``INCR n`` then refuses: an integer is only accepted if it would be printed the
  same way again. That is what lets Redis store it as a machine integer and give back the very same bytes.
* ``ZADD z 0.1 a`` answers ``"0.1"``: a few digits that read back as the same 64-bit double (grisu.py).
* ``INCRBYFLOAT`` adds with the 80-bit long doubles of x86 (64 bits of mantissa) and prints 17 decimals, which
  hides the binary noise: 0.1 + 0.2 is ``0.3`` in Redis, and ``0.30000000000000004`` in Python.

::

    double       s eeeeeeeeeee mmmm...m      1 + 11 + 52 bits (a hidden 53rd mantissa bit)
    long double  s eeeeeeeeeeeeeee mmmm...m  1 + 15 + 64 bits (no hidden bit)

Mirrors: util.c (string2ll, string2ull, string2d, string2ld, d2string, ld2string), fpconv_dtoa.c.
Differs: long doubles are whole numbers, rounded to 64 bits by hand, so the result is the same on every CPU
(a real Redis on ARM computes with 128 bits, and prints other digits now and then).
Complexity: O(length of the text).

>>> parse_integer(b"42"), parse_integer(b"042"), parse_integer(b" 42")
(42, None, None)
>>> format_double(3.0), format_double(0.1), format_double(1e21)
(b'3', b'0.1', b'1e+21')
>>> format_long_double(add_long_doubles(parse_long_double(b"0.1"), parse_long_double(b"0.2")))
b'0.3'

Read next: quoting.py (the other texts: what one types), then resp.py.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

from minidis.protocol.grisu import shortest_digits
from minidis.structures.record import NamedTuple

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**63 - 1
UNSIGNED_MAX = 2**64 - 1


class LongDouble(NamedTuple):
    """mantissa * 2**exponent; where one is meant that may be infinite, the two infinities are floats.

    Several may be of the same value: 1 is (1, 0) and (2, -1).
    """

    mantissa: int
    exponent: int

    def ceiling(self, factor: int) -> int:
        """`factor` times as much, rounded up to a whole number.

        >>> LongDouble(1, -1).ceiling(1000), LongDouble(1, -1).ceiling(1), LongDouble(-3, 1).ceiling(1)
        (500, 1, -6)
        """
        number, exponent = self.mantissa * factor, self.exponent
        return number << exponent if exponent >= 0 else -(-number >> -exponent)


# ---- integers ---------------------------------------------------------------------------------------------


def parse_integer(text: bytes) -> int | None:
    """The signed 64-bit integer that ``text`` spells in its only canonical form, or None (string2ll).

    >>> [parse_integer(text) for text in (b"0", b"-7", b"-0", b"+1", b"1.0", b"", b"9223372036854775808")]
    [0, -7, None, None, None, None, None]
    """
    if text.isdigit() and text[0] != 0x30 and len(text) < 19:  # nearly always; the rest takes a regex
        return int(text)
    if _CANONICAL_INTEGER(text) is None:
        return None
    value = int(text)
    return value if INTEGER_MIN <= value <= INTEGER_MAX else None


def parse_unsigned(text: bytes) -> int | None:
    """The unsigned 64-bit integer that ``text`` spells as C's ``strtoull`` reads it, or None (string2ull).

    Laxer than `parse_integer`: leading spaces, zeros and a plus are read. A minus is refused in canonical
    integers only; elsewhere it wraps, as in C.

    >>> [parse_unsigned(text) for text in (b"18446744073709551615", b"007", b"-1", b"", b"1x")]
    [18446744073709551615, 7, None, None, None]
    """
    canonical = parse_integer(text)
    if canonical is not None:
        return canonical if canonical >= 0 else None
    return _strtoull(text)


def parse_cursor(text: bytes) -> int | None:
    """A SCAN cursor (parseScanCursorOrReply): ``strtoull``'s rules, but no leading space; empty text is 0."""
    if not text:
        return 0
    return None if text[:1].isspace() else _strtoull(text)


def _strtoull(text: bytes) -> int | None:
    if text.isdigit() and len(text) < 20:  # nearly always; the rest takes a regex
        return int(text)
    found = re.fullmatch(_STRTOULL, text)
    digits = found["digits"].lstrip(b"0") if found is not None else b""
    if found is None or len(digits) > 20:
        return None
    value = int(digits or b"0")
    if value > UNSIGNED_MAX:
        return None
    return -value & UNSIGNED_MAX if found["sign"] == b"-" else value


_CANONICAL_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}").fullmatch
_STRTOULL = rb"[ \t-\r]*(?P<sign>[+-]?)(?P<digits>[0-9]+)"


# ---- doubles ----------------------------------------------------------------------------------------------


def parse_float(text: bytes) -> float | None:
    """The double that ``text`` spells as C's ``strtod`` reads it, or None (string2d).

    Infinities and hexadecimal are read; NaN, spaces, and values too large or too small for a double are not.

    >>> [parse_float(text) for text in (b"1.5e3", b"-inf", b"0x10", b"nan", b" 1", b"1e400", b"1e-400")]
    [1500.0, -inf, 16.0, None, None, None, None]
    """
    if len(text) < 40 and not text.strip(b".0123456789"):  # nearly always, and quicker than a regex
        try:
            return float(text)
        except ValueError:  # two points, or no digit
            return None
    if _PLAIN_FLOAT(text) is not None:
        return float(text)
    form = re.fullmatch(_FLOAT, text)
    if form is None:
        return None
    try:
        value = float.fromhex(text.decode()) if form["hex"] else float(text)
    except OverflowError:
        return None
    if math.isinf(value) and not form["infinity"]:
        return None
    if value == 0 and _has_nonzero_digit(form):
        return None  # underflow: strtod says ERANGE
    return value


def format_double(value: float) -> bytes:
    """A short text that reads back as ``value`` (d2string of Redis 7.2).

    >>> [format_double(x) for x in (0.0, -0.0, 1e17, 5e18, 1.5e-7, 0.0001, math.inf, math.nan)]
    [b'0', b'-0', b'100000000000000000', b'5e+18', b'1.5e-7', b'0.0001', b'inf', b'nan']
    """
    if value and -_EXACT_INTEGER_LIMIT <= value <= _EXACT_INTEGER_LIMIT and value == (whole := int(value)):
        return b"%d" % whole
    return shortest_text(value)


def shortest_text(value: float) -> bytes:
    """The same without d2string's exception for whole numbers (fpconv_dtoa).

    >>> shortest_text(1e15), format_double(1e15)
    (b'1e+15', b'1000000000000000')
    """
    if value != value:
        return b"nan"
    if value in (math.inf, -math.inf):
        return b"inf" if value > 0 else b"-inf"
    if value == 0:
        return b"-0" if math.copysign(1, value) < 0 else b"0"
    digits, exponent = shortest_digits(abs(value))
    return (b"-" if value < 0 else b"") + _place_point(str(digits), exponent, negative=value < 0)


def _place_point(digits: str, exponent: int, negative: bool) -> bytes:
    """Write digits * 10**exponent plainly, or in scientific notation when that is shorter (emit_digits)."""
    count = len(digits)
    scientific_exponent = exponent + count - 1
    if exponent >= 0 and abs(scientific_exponent) < count + 7:
        return (digits + "0" * exponent).encode()
    if exponent < 0 and (exponent > -7 or abs(scientific_exponent) < 4):
        if count + exponent <= 0:
            return ("0." + "0" * -(count + exponent) + digits).encode()
        return (digits[:exponent] + "." + digits[exponent:]).encode()
    digits = digits[: 18 - negative]
    point = "." if len(digits) > 1 else ""
    return f"{digits[0]}{point}{digits[1:]}e{scientific_exponent:+d}".encode()


# Within half of the 64-bit range d2string prints a whole double as an integer (double2ll).
_EXACT_INTEGER_LIMIT = float(INTEGER_MAX // 2)

# So few digits are neither 0 by underflow nor infinite.
_PLAIN_FLOAT = re.compile(rb"-?[0-9]{1,17}(?:\.[0-9]{1,17})?").fullmatch
_FLOAT = (
    rb"(?i)(?P<sign>[+-]?)(?:"
    rb"(?P<infinity>inf(?:inity)?)"
    rb"|0x(?P<hex>(?P<hex_whole>[0-9a-f]+)(?:\.(?P<hex_fraction>[0-9a-f]*))?(?:p(?P<hex_power>[+-]?[0-9]+))?"
    rb"|\.(?P<hex_only>[0-9a-f]+)(?:p(?P<hex_only_power>[+-]?[0-9]+))?)"
    rb"|(?:(?P<whole>[0-9]+)(?:\.(?P<fraction>[0-9]*))?|\.(?P<only>[0-9]+))(?:e(?P<power>[+-]?[0-9]+))?"
    rb")"
)


def _has_nonzero_digit(form: re.Match[bytes]) -> bool:
    names = ("hex_whole", "hex_fraction", "hex_only", "whole", "fraction", "only")
    return any((form[name] or b"").strip(b"0") for name in names)


# ---- long doubles -----------------------------------------------------------------------------------------

_MANTISSA_BITS = 64
_SMALLEST_EXPONENT = -16445  # of the last bit of a subnormal
_LARGEST_EXPONENT = 16384  # 2**16384 is the first value that is too large
_TEXT_LIMIT_BYTES = 5 * 1024
_DECIMALS = 17
_MOST_DIGITS = 4000  # that Python makes a number of, or a text, at once: it refuses 4301
_TOO_LONG = 10**_MOST_DIGITS


@lru_cache(maxsize=128)
def parse_long_double(text: bytes) -> LongDouble | float | None:
    """The long double nearest to what ``text`` spells, or None if it spells none (string2ld).

    >>> parse_long_double(b"12"), parse_long_double(b"inf"), parse_long_double(b"nan")
    (LongDouble(mantissa=12, exponent=0), inf, None)
    """
    whole, _, decimals = text.partition(b".")
    digits = whole + decimals
    if digits.isdigit() and len(digits) < 40:  # nearly always; the rest takes a regex
        return nearest_long_double(int(digits), 10 ** len(decimals))
    form = re.fullmatch(_FLOAT, text) if len(text) < _TEXT_LIMIT_BYTES else None
    if form is None:
        return None
    negative = form["sign"] == b"-"
    if form["infinity"]:
        return -math.inf if negative else math.inf
    if not _has_nonzero_digit(form):
        return LongDouble(0, 0)
    magnitude = _magnitude(form)
    if magnitude is None:
        return None
    numerator, denominator = magnitude
    value = nearest_long_double(-numerator if negative else numerator, denominator)
    return None if isinstance(value, float) or not value.mantissa else value


def add_long_doubles(left: LongDouble | float, right: LongDouble | float) -> LongDouble | float:
    """The sum, rounded to 64 bits of mantissa. Infinities and NaN (inf - inf) come back as floats."""
    if isinstance(left, float) or isinstance(right, float):
        infinities = [operand for operand in (left, right) if isinstance(operand, float)]
        return sum(infinities)
    exponent = min(left.exponent, right.exponent)
    total = (left.mantissa << left.exponent - exponent) + (right.mantissa << right.exponent - exponent)
    return _rounded_to_64_bits(total, exponent)


def format_long_double(value: LongDouble | float) -> bytes:
    """Up to 17 decimals, no trailing zeros, never an exponent (ld2string, LD_STR_HUMAN).

    >>> [format_long_double(LongDouble(*x)) for x in ((0, 0), (1, -1), (-5**20, 20))]
    [b'0', b'0.5', b'-100000000000000000000']
    """
    if isinstance(value, float):
        return format_double(value)
    mantissa, exponent = value
    scaled = abs(mantissa) * 10**_DECIMALS
    scaled = scaled << exponent if exponent >= 0 else _rounded(scaled, 1 << -exponent)  # to even, as printf
    digits = _digits_of(scaled).zfill(_DECIMALS + 1)
    sign = "-" if scaled and mantissa < 0 else ""
    return f"{sign}{digits[:-_DECIMALS]}.{digits[-_DECIMALS:]}".rstrip("0").rstrip(".").encode()


def format_with_decimals(value: float) -> bytes:
    """A finite double like a long double: up to 17 decimals, never an exponent (addReplyHumanLongDouble).

    >>> [format_with_decimals(x) for x in (0.1, -0.5, 1e20, 1e-18, -0.0)]
    [b'0.10000000000000001', b'-0.5', b'100000000000000000000', b'0', b'0']
    """
    text = f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    return b"0" if text == "-0" else text.encode()


def nearest_long_double(numerator: int, denominator: int) -> LongDouble | float:
    """The quotient with 64 bits of mantissa, ties to even; an infinity beyond the range.

    >>> nearest_long_double(2**64 + 1, 1)
    LongDouble(mantissa=9223372036854775808, exponent=1)
    """
    if denominator == 1:
        return _rounded_to_64_bits(numerator, 0)
    # Two bits more than are kept, and a last one that says whether there are others.
    shift = max(_MANTISSA_BITS + 2 + denominator.bit_length() - numerator.bit_length(), 0)
    whole, rest = divmod(abs(numerator) << shift, denominator)
    number = whole << 1 | (rest != 0)
    return _rounded_to_64_bits(-number if numerator < 0 else number, -shift - 1)


def _rounded_to_64_bits(number: int, exponent: int) -> LongDouble | float:
    """number * 2**exponent as the nearest long double."""
    excess = max(number.bit_length() - _MANTISSA_BITS, _SMALLEST_EXPONENT - exponent)
    if excess > 0:
        magnitude = _rounded(abs(number), 1 << excess)
        number, exponent = -magnitude if number < 0 else magnitude, exponent + excess
    if number.bit_length() + exponent > _LARGEST_EXPONENT:
        return math.inf if number > 0 else -math.inf
    return LongDouble(number, exponent)


def _rounded(numerator: int, denominator: int) -> int:
    """Their quotient as a whole number, half to even; neither is negative.

    >>> _rounded(5, 2), _rounded(7, 2), _rounded(8, 3)
    (2, 4, 3)
    """
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest + (whole & 1) > denominator)


def _magnitude(form: re.Match[bytes]) -> tuple[int, int] | None:
    """The exact value of the digits, without sign, as a quotient; None if it is far outside of the range."""
    if form["hex"]:
        base, whole, fraction = 2, form["hex_whole"], form["hex_fraction"]
        power, digits_base, bits = form["hex_power"], 16, 4
        if form["hex_only"]:
            whole, fraction, power = b"", form["hex_only"], form["hex_only_power"]
    else:
        base, whole, fraction = 10, form["whole"], form["fraction"]
        power, digits_base, bits = form["power"], 10, 1
        if form["only"]:
            whole, fraction = b"", form["only"]
    fraction = fraction or b""
    digits = (whole or b"") + fraction
    exponent = int(power or 0) - len(fraction) * bits
    # A guard against 1e999999999: beyond these bounds no digits can bring the value back into range.
    if abs(exponent) > 2 * 16500 + 4 * _TEXT_LIMIT_BYTES:
        return None
    number = _number_of(digits, digits_base)
    return (number * base**exponent, 1) if exponent >= 0 else (number, base**-exponent)


def _number_of(digits: bytes, base: int) -> int:
    if len(digits) <= _MOST_DIGITS:
        return int(digits, base)
    head, tail = digits[:-_MOST_DIGITS], digits[-_MOST_DIGITS:]
    return _number_of(head, base) * base**_MOST_DIGITS + int(tail, base)


def _digits_of(number: int) -> str:
    if number < _TOO_LONG:
        return str(number)
    head, tail = divmod(number, _TOO_LONG)
    return f"{_digits_of(head)}{tail:0{_MOST_DIGITS}d}"
