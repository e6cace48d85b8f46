"""cjson, cmsgpack and struct: what goes in comes out again; bytes at random end in a value or an error."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError
from minidis.scripting.engine import scripting_of

REDIS = Embedded(clock=0)
ENGINE = scripting_of(REDIS.node).eval_engine
LUA = ENGINE.lua

numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.binary(max_size=40)
scalars = texts | numbers | st.booleans()
# No empty tables: an empty array and an empty object are the same in Lua.
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=5) | st.dictionaries(texts, inner, min_size=1, max_size=5)
    ),
    max_leaves=20,
)


def to_lua(value):
    return LUA.table(value) if isinstance(value, list | dict) else value


def from_lua(value):
    """Tables whose keys are 1 to n as lists, others as dicts."""
    if not LUA.is_table(value):
        return value
    items = {key: from_lua(element) for key, element in LUA.items(value)}
    return list(items.values()) if list(items) == list(range(1, len(items) + 1)) else items


def near(left, right):
    """The same, numbers to the 14 digits that cjson writes."""
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(near, left, right))
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(near(left[k], right[k]) for k in left)
        )
    if isinstance(left, bool) or isinstance(right, bool) or isinstance(left, bytes):
        return left is right or left == right
    return math.isclose(left, right, rel_tol=1e-13)


def library(name, function):
    """A function of a library, as the host has it."""
    return ENGINE.libraries[name][function]


@settings(max_examples=200, deadline=None)
@given(values)
def test_cjson_round_trip(value):
    text = library("cjson", "encode")(to_lua(value))
    assert near(value, from_lua(library("cjson", "decode")(text)))


@settings(max_examples=200, deadline=None)
@given(st.lists(values, min_size=1, max_size=4))
def test_cmsgpack_round_trip(several):
    packed = library("cmsgpack", "pack")(*map(to_lua, several))
    unpacked = [from_lua(value) for value in library("cmsgpack", "unpack")(packed)]
    assert unpacked == several
    offset, first = library("cmsgpack", "unpack_one")(packed)
    assert from_lua(first) == several[0] and (offset == -1) == (len(several) == 1)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from("bhilBHI").flatmap(lambda letter: st.tuples(st.just(letter), st.integers(0, 127)))
        | st.tuples(st.just("d"), st.floats(allow_nan=False))
        | st.tuples(st.just("s"), st.binary(max_size=9).filter(lambda text: b"\0" not in text)),
        max_size=6,
    ),
    st.sampled_from(["<", ">", "!4", "!8>", ""]),
)
def test_struct_round_trip(fields, order):
    form = (order + "".join(letter for letter, _ in fields)).encode()
    packed = library("struct", "pack")(form, *(value for _, value in fields))
    *unpacked, after = library("struct", "unpack")(form, packed)
    assert unpacked == [value for _, value in fields]
    assert after == len(packed) + 1
    if not any(letter == "s" for letter, _ in fields):
        assert library("struct", "size")(form) == len(packed)


@pytest.mark.parametrize(
    "call", ["cjson.decode(ARGV[1])", "cmsgpack.unpack(ARGV[1])", "struct.unpack(ARGV[1], ARGV[2])"]
)
@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=40) | st.text('[]{}",:0123456789.eE-+ntrufals \\', max_size=40).map(str.encode), texts
)
def test_hostile_input_ends_in_a_value_or_an_error(call, first, second):
    try:
        REDIS.execute("EVAL", f"return ({call})", 0, first, second)
    except ReplyError as error:
        assert str(error).startswith("ERR user_script:1: ")


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b"\x91", b"\x81\x01"])
def test_deep_input_is_refused(opening):
    call = "cjson.decode" if opening[0] < 0x80 else "cmsgpack.unpack"
    with pytest.raises(ReplyError, match="nested|overflow"):
        REDIS.execute("EVAL", f"return {call}(ARGV[1])", 0, opening * 100_000)


def test_a_table_that_holds_itself():
    with pytest.raises(ReplyError, match="excessive nesting"):
        REDIS.execute("EVAL", "local t = {} t[1] = t return cjson.encode(t)", 0)
    assert REDIS.execute("EVAL", "local t = {} t[1] = t return cmsgpack.pack(t)", 0) == b"\x91" * 16 + b"\xc0"
    with pytest.raises(ReplyError, match="reached lua stack limit"):
        REDIS.execute("EVAL", "local t = {} t[1] = t return t", 0)
