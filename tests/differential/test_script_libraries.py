"""cjson, cmsgpack, struct and bit: the same calls on both sides, many of them with values drawn at random."""

from __future__ import annotations

from random import Random

import pytest

from tests.differential.cases import seeds
from tests.differential.differences import REDIS_7_0, VALKEY_9_1
from tests.differential.sides import MinidisSide, RealSide
from tests.differential.test_scripts import same, scripts
from tests.differential.wire import show

# What shows a value so that both sides can be compared: sorted keys, numbers with all their digits.
SHOW = (
    """
local function shown(v)
  if type(v) == 'table' then
    local parts = {}
    for k, e in pairs(v) do parts[#parts + 1] = shown_(k) .. '=' .. shown_(e) end
    table.sort(parts)
    return '{' .. table.concat(parts, ',') .. '}'
  end
  if type(v) == 'number' then return string.format('%.17g', v) end
  if v == cjson.null then return 'null' end
  return type(v) .. ':' .. tostring(v)
end
""".replace("local function shown(", "local shown_ \\n local function shown(")
    .replace("\n", " ")
    .replace("\\n", "")
    + (
        "shown_ = shown local function all(...) local t = {} for i = 1, select('#', ...) do "
        "t[i] = shown((select(i, ...))) end return table.concat(t, ' ') end "
    )
)

CJSON = r"""
cjson.encode({1, 2, 3})
cjson.encode({})
cjson.encode({a = 1})
cjson.encode({a = {b = {c = {}}}})
cjson.encode({1, nil, 3})
cjson.encode({[1] = 1, [3] = 3})
cjson.encode({[1] = 1, [100] = 2})
cjson.encode({[0] = 1})
cjson.encode({[-1] = 1})
cjson.encode({[1.5] = 1})
cjson.encode({[true] = 1})
cjson.encode({1, a = 2})
cjson.encode('text')
cjson.encode('quote " slash / back \\ tab \t nl \n cr \r bs \b ff \f nul \0 del \127 high \200\255')
cjson.encode(true)
cjson.encode(false)
cjson.encode(nil)
cjson.encode(cjson.null)
cjson.encode({cjson.null, a = cjson.null})
cjson.encode(1)
cjson.encode(-0.5)
cjson.encode(1e15)
cjson.encode(1e14)
cjson.encode(123456789012345678)
cjson.encode(0.1)
cjson.encode(1/3)
cjson.encode(1e-10)
cjson.encode(1e300)
cjson.encode(2^53)
cjson.encode(0/0)
cjson.encode(1/0)
cjson.encode(-1/0)
cjson.encode(print)
cjson.encode(function() end)
cjson.encode({function() end})
cjson.encode()
cjson.encode(1, 2)
cjson.encode(redis)
cjson.decode('[1, 2, 3]')
cjson.decode('{"a": 1, "b": [true, false, null]}')
cjson.decode('"text"')
cjson.decode('null')
cjson.decode('true')
cjson.decode('12.5e3')
cjson.decode('-0')
cjson.decode('0x1F')
cjson.decode('nan')
cjson.decode('-inf')
cjson.decode('Infinity')
cjson.decode('+1')
cjson.decode('01')
cjson.decode('1.')
cjson.decode('.5')
cjson.decode('1e400')
cjson.decode('9007199254740993')
cjson.decode('"\\u00e9\\ud83d\\ude00\\n\\/\\""')
cjson.decode('"\\ud83d"')
cjson.decode('"\\ude00"')
cjson.decode('"\\u12"')
cjson.decode('"\\x"')
cjson.decode('"unfinished')
cjson.decode('"a\0b"')
cjson.decode('')
cjson.decode(' ')
cjson.decode('[')
cjson.decode('[1')
cjson.decode('[1,')
cjson.decode('[1,]')
cjson.decode('[1 2]')
cjson.decode('{')
cjson.decode('{"a"')
cjson.decode('{"a":')
cjson.decode('{"a":1')
cjson.decode('{"a":1,')
cjson.decode('{"a":1,}')
cjson.decode('{a:1}')
cjson.decode('{1:1}')
cjson.decode('{"a" 1}')
cjson.decode('tru')
cjson.decode('nul')
cjson.decode('falsey')
cjson.decode('[1] 2')
cjson.decode(']')
cjson.decode('}')
cjson.decode(':')
cjson.decode('*')
cjson.decode('\0\0')
cjson.decode('1\0')
cjson.decode(12)
cjson.decode()
cjson.decode(nil)
cjson.decode({})
cjson.decode('1', 2)
cjson.decode(('['):rep(999) .. (']'):rep(999))
cjson.decode(('['):rep(1001))
cjson.decode('{"a":1,"a":2}')
cjson.decode('[null]')[1] == cjson.null
cjson.decode('  {  "a"  :  [ ]  }  ')
cjson.encode(cjson.decode('{"a":[]}'))
type(cjson.null)
cjson.encode_max_depth(2), cjson.encode_max_depth(), pcall(cjson.encode, {{{}}}), cjson.encode_max_depth(1000)
cjson.decode_max_depth(2), pcall(cjson.decode, '[[[]]]'), cjson.decode_max_depth(1000)
cjson.encode_max_depth(0)
cjson.encode_max_depth('x')
cjson.encode_max_depth(1, 2)
cjson.encode_number_precision(3), cjson.encode(math.pi), cjson.encode_number_precision(14)
cjson.encode_number_precision(15)
cjson.encode_number_precision(0)
cjson.encode_sparse_array(true), cjson.encode({[100] = 1}), cjson.encode_sparse_array(false, 2, 10)
cjson.encode_sparse_array(false, 0), cjson.encode({[30] = 1}), cjson.encode_sparse_array(false, 2, 10)
cjson.encode_sparse_array('x')
cjson.encode_sparse_array(true, -1)
cjson.encode_invalid_numbers(true), cjson.encode({1/0, -1/0, 0/0}), cjson.encode_invalid_numbers(false)
cjson.encode_invalid_numbers('null'), cjson.encode({1/0, 0/0}), cjson.encode_invalid_numbers('off')
cjson.encode_invalid_numbers('x')
cjson.decode_invalid_numbers(false), pcall(cjson.decode, '[0x10]'), cjson.decode_invalid_numbers(true)
cjson.decode_invalid_numbers(false), pcall(cjson.decode, 'nan'), cjson.decode_invalid_numbers(true)
cjson.encode_keep_buffer(false), cjson.encode_keep_buffer(true)
cjson.new().encode({1}), cjson._NAME, cjson._VERSION
"""

OTHERS = r"""
cmsgpack.pack(1)
cmsgpack.pack(1, 'a', true, false, nil, {1, 2}, {a = 1})
cmsgpack.pack({1, nil, 3})
cmsgpack.pack({[2] = 1})
cmsgpack.pack({})
cmsgpack.pack(('x'):rep(31), ('x'):rep(32))
#cmsgpack.pack(('x'):rep(255)), #cmsgpack.pack(('x'):rep(256)), #cmsgpack.pack(('x'):rep(70000))
cmsgpack.pack(0.1, 0.5, -0.5, 1e300, 1/0, -1/0)
cmsgpack.pack(127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 2^53, 2^62)
cmsgpack.pack(-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -2^53)
cmsgpack.pack()
cmsgpack.pack(print)
cmsgpack.pack({{{{{{{{{{{{{{{{{{1}}}}}}}}}}}}}}}}}})
cmsgpack.unpack(cmsgpack.pack({1, {2, {a = 'b'}}}, 'x', nil, 2.5))
cmsgpack.unpack('')
cmsgpack.unpack('\193')
cmsgpack.unpack('\204')
cmsgpack.unpack('\165ab')
cmsgpack.unpack('\147\1\2')
cmsgpack.unpack('\217\2ab', 1)
cmsgpack.unpack('\207\255\255\255\255\255\255\255\255')
cmsgpack.unpack('\211\255\255\255\255\255\255\255\255')
cmsgpack.unpack('\202\63\0\0\0\203\63\240\0\0\0\0\0\0')
cmsgpack.unpack('\146\192\1')
cmsgpack.unpack(nil)
cmsgpack.unpack({})
cmsgpack.unpack_one('\1\2\3')
cmsgpack.unpack_one('\1\2\3', 1)
cmsgpack.unpack_one('\1\2\3', 2)
cmsgpack.unpack_one('\1\2\3', 3)
cmsgpack.unpack_one('\1\2\3', 4)
cmsgpack.unpack_one('\1\2\3', -1)
cmsgpack.unpack_limit('\1\2\3', 2)
cmsgpack.unpack_limit('\1\2\3', 2, 1)
cmsgpack.unpack_limit('\1\2\3', 0)
cmsgpack.unpack_limit('\1\2\3', -1)
cmsgpack.unpack_limit('\1\2\3')
cmsgpack._NAME, cmsgpack._VERSION
struct.pack('b', 1), struct.pack('B', 255), struct.pack('b', -1), struct.pack('b', 300)
struct.pack('<h', 258), struct.pack('>h', 258), struct.pack('>I2c0', 5, 'hello')
struct.pack('<i4', -2), struct.pack('>l', 1), struct.pack('<L', 2^40), struct.pack('T', 7)
struct.pack('<i3', 66051), struct.pack('>i16', 1), struct.pack('i33', 1)
struct.pack('<f', 1.5), struct.pack('>d', 1.5), struct.pack('<d', 1e300)
struct.pack('s', 'text'), struct.pack('c2', 'text'), struct.pack('c5', 'text')
struct.pack('bxb', 1, 2), struct.pack('!4 b i4', 1, 2), struct.pack('! b d', 1, 2), struct.pack('!3b', 1)
struct.pack('z', 1)
struct.pack('b')
struct.pack('b', 'x')
struct.pack('b', '7')
struct.pack()
struct.pack('s', 12)
struct.pack('', 1)
struct.unpack('b', '\255'), struct.unpack('B', '\255')
struct.unpack('<h', '\1\2'), struct.unpack('>h', '\1\2')
struct.unpack('<i4i4', '\1\0\0\0\255\255\255\255')
struct.unpack('<I4', '\255\255\255\255')
struct.unpack('<l', '\255\255\255\255\255\255\255\255')
struct.unpack('<L', '\255\255\255\255\255\255\255\255')
struct.unpack('<f', '\0\0\192\63'), struct.unpack('>d', '\63\248\0\0\0\0\0\0')
struct.unpack('s', 'text\0more'), struct.unpack('c2', 'text')
struct.unpack('>I2c0', '\0\5hello')
struct.unpack('c0', 'x')
struct.unpack('s', 'text')
struct.unpack('i4', 'abc')
struct.unpack('b', 'abc', 2)
struct.unpack('b', 'abc', 4)
struct.unpack('b', 'abc', 0)
struct.unpack('z', 'abc')
struct.unpack('xxb', 'abc')
struct.unpack('>I2c0', '\0\9hello')
struct.size('b'), struct.size('<i4h'), struct.size('!8 b d'), struct.size('c7'), struct.size('x')
struct.size('s')
struct.size('c0')
struct.size('?')
bit.tobit(2^31), bit.tobit(2^32 + 7), bit.tobit(-1), bit.tobit(1.5), bit.tobit(2.5), bit.tobit('7')
bit.bnot(0), bit.bnot(-1), bit.bswap(0x12345678)
bit.band(0xff, 0x0f), bit.band(7), bit.bor(1, 2, 4), bit.bxor(5, 1), bit.band(-1, 0xffffffff)
bit.lshift(1, 31), bit.lshift(1, 33), bit.rshift(-1, 28), bit.arshift(-256, 4), bit.lshift(1, -1)
bit.rol(0x12345678, 12), bit.ror(0x12345678, 12), bit.rol(1, 0), bit.ror(1, 32)
bit.tohex(255), bit.tohex(-1), bit.tohex(255, 4), bit.tohex(255, -4), bit.tohex(255, 0), bit.tohex(255, 99)
bit.band()
bit.tobit('x')
bit.tobit(nil)
bit.lshift(1)
bit.tohex()
"""

# calls that a real server answers unlike Redis 7.2
PROXY = "a table of the sandbox is empty: what it shows stands behind it"
NOTHING = "a function of the host gives one result at least"
OURS = {"cjson.encode(redis)": PROXY, "cmsgpack.unpack('')": NOTHING}
KNOWN: dict[str, dict[str, str]] = {REDIS_7_0: OURS, VALKEY_9_1: OURS}


def compare(judge: RealSide, ours: MinidisSide, calls: list[bytes]) -> None:
    judge.restart(3)
    ours.restart(3)
    commands = [(b"EVAL", SHOW.encode() + b"return all(" + call + b")", b"0") for call in calls]
    different = []
    for call, theirs, our in zip(calls, judge.run(commands), ours.run(commands), strict=True):
        if not same(theirs, our) and call.decode("latin-1") not in KNOWN[judge.name]:
            different.append(f"{call.decode('latin-1')}\n    {show(theirs)}\n    {show(our)}")
    assert not different, f"{judge.name}:\n" + "\n".join(different)


@pytest.mark.parametrize("text", [CJSON, OTHERS], ids=["cjson", "others"])
def test_calls(judge: RealSide, ours: MinidisSide, text: str) -> None:
    compare(judge, ours, scripts(text))


NUMBERS = "0 1 -1 127 128 -32 -33 255 65536 2^31 -2^31 2^53 0.1 -2.5 1e20 1e-7 3.14159 1e300".split()
TEXTS = ["''", "'a'", "'key'", r"'\0\255'", r"'\"/\\'", "('x'):rep(40)", "'\\195\\169'"]


def literal(rng: Random, depth: int = 0) -> str:
    """A Lua literal: of tables with string keys only one, so that both sides' order is the same."""
    match rng.randrange(8 if depth < 4 else 5):
        case 0 | 1:
            return rng.choice(NUMBERS)
        case 2 | 3:
            return rng.choice(TEXTS)
        case 4:
            return rng.choice(["true", "false", "cjson.null"])
        case 5 | 6:
            return "{" + ", ".join(literal(rng, depth + 1) for _ in range(rng.randrange(5))) + "}"
    return "{" + rng.choice(["k", "['a b']", "[-1]"]) + " = " + literal(rng, depth + 1) + "}"


@pytest.mark.parametrize("seed", seeds())
def test_random_values(judge: RealSide, ours: MinidisSide, seed: int) -> None:
    rng = Random(seed)
    calls = []
    for _ in range(150):
        value = literal(rng)
        calls.append(f"cjson.encode({value}), cjson.decode(cjson.encode({value}))")
        value = value.replace("cjson.null", "false")
        calls.append(f"cmsgpack.pack({value}), cmsgpack.unpack(cmsgpack.pack({value}))")
    compare(judge, ours, [call.encode() for call in calls])


@pytest.mark.parametrize("seed", seeds())
def test_random_bytes(judge: RealSide, ours: MinidisSide, seed: int) -> None:
    """Decoders of what nobody encoded: an error, or the same value."""
    rng = Random(seed)
    calls = []
    for _ in range(200):
        data = "".join(
            f"\\{rng.choice((rng.randrange(256), 0x92, 0x81, 0xC0, 1))}" for _ in range(rng.randrange(1, 12))
        )
        calls.append(f"pcall(cmsgpack.unpack, '{data}')")
        text = "".join(rng.choice('[]{},:"\\ 01.-+eEnultrfas') for _ in range(rng.randrange(14)))
        calls.append(f"pcall(cjson.decode, [=[{text}]=])")
        form = "".join(rng.choice("<>!bBhHlLiIsc x0248") for _ in range(rng.randrange(6)))
        calls.append(f"pcall(struct.unpack, '{form}', '{data}')")
        calls.append(f"pcall(struct.size, '{form}')")
    compare(judge, ours, [call.encode() for call in calls])
