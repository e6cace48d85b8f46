"""The strings that minidis.structures.hyperloglog makes are, byte by byte, those of real servers."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from minidis.structures import hyperloglog as hll
from tests.differential.servers import Connection, RealServer, available_judges

SEEDS = range(3)


@pytest.fixture(scope="module", params=available_judges(), ids=lambda judge: judge.name)
def server(request: pytest.FixtureRequest) -> Iterator[Connection]:
    with RealServer(request.param) as running, running.connect() as connection:
        yield connection


def ask(server: Connection, *argv: bytes) -> bytes | list | None:
    [(_, payload)] = server.run([argv])
    return payload


def random_elements(rng: Random, universe: int) -> list[bytes]:
    return [
        b"%d" % rng.randrange(universe) + b"x" * rng.randrange(20) for _ in range(rng.choice([1, 2, 5, 40]))
    ]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sparse_max_bytes", [3000, 400, 30])
def test_the_same_adds_make_the_same_bytes(server: Connection, seed: int, sparse_max_bytes: int) -> None:
    rng = Random(seed)
    ask(server, b"CONFIG", b"SET", b"hll-sparse-max-bytes", b"%d" % sparse_max_bytes)
    ask(server, b"DEL", b"h")
    ask(server, b"PFADD", b"h")
    data = hll.create()
    hll.mark_stale(data)
    assert ask(server, b"GET", b"h") == data
    for step in range(150):
        elements = random_elements(rng, 20_000)
        changes = hll.add(data, *elements, sparse_max_bytes=sparse_max_bytes)
        assert ask(server, b"PFADD", b"h", *elements) == b"%d" % bool(changes)
        if step % 7 == 0:
            count = hll.count(data)
            assert ask(server, b"PFCOUNT", b"h") == b"%d" % count
            hll.remember_count(data, count)
        assert ask(server, b"GET", b"h") == data


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sparse_max_bytes", [3000, 400, 30])
def test_the_same_merges_make_the_same_bytes(server: Connection, seed: int, sparse_max_bytes: int) -> None:
    rng = Random(seed)
    ask(server, b"CONFIG", b"SET", b"hll-sparse-max-bytes", b"%d" % sparse_max_bytes)
    for _ in range(5):
        parts = []
        for key in (b"a", b"b", b"c"):
            data = hll.create()
            hll.add(
                data,
                *(b"%d" % rng.randrange(5000) for _ in range(rng.choice([0, 1, 30, 300, 1000]))),
                sparse_max_bytes=sparse_max_bytes,
            )
            parts.append(data)
            ask(server, b"SET", key, data)
        ask(server, b"PFMERGE", b"a", b"b", b"c")
        hll.merge(parts[0], parts[1:], sparse_max_bytes)
        assert ask(server, b"GET", b"a") == parts[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_registers_give_the_same_count(server: Connection, seed: int) -> None:
    rng = Random(seed)
    for highest in (1, 2, 10, 30, 51):
        values = bytes(rng.randint(0, highest) for _ in range(hll.REGISTERS))
        data = hll.create()
        hll.to_dense(data)
        hll.mark_stale(data)
        data[hll.HEADER_BYTES :] = hll.pack_registers(values)
        ask(server, b"SET", b"h", data)
        assert ask(server, b"PFCOUNT", b"h") == b"%d" % hll.count(data)


def test_the_opcodes_are_shown_alike(server: Connection) -> None:
    ask(server, b"CONFIG", b"SET", b"hll-sparse-max-bytes", b"3000")
    data = hll.create()
    hll.add(data, *(b"%d" % n for n in range(500)))
    ask(server, b"SET", b"h", data)
    assert ask(server, b"PFDEBUG", b"DECODE", b"h") == " ".join(map(str, hll.opcodes(data))).encode()
