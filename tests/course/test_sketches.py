"""Learner's sketches in a node: with right parts, every reply and every byte is the engine's."""

from __future__ import annotations

from random import Random

import pytest

from minidis import Embedded, ReplyError
from minidis.course.chapter import replay
from minidis.course.checks.chapter_05 import brute_bitcount, brute_bitpos
from minidis.course.parts import plug, unplug
from minidis.structures import hyperloglog as hll

calls: list[str] = []


def add(registers, element):
    calls.append("add")
    index, value = hll.register_of(element)
    grows = value > registers[index]
    registers[index] = max(registers[index], value)
    return grows


def count(registers):
    calls.append("count")
    return hll.estimate(hll.register_histogram(bytes(registers)))


def merge(registers, others):
    calls.append("merge")
    for other in others:
        registers[:] = map(max, registers, other)


def reply(node, *words):
    try:
        return node.execute(*words)
    except ReplyError as error:
        return str(error)


def random_pf_command(random: Random) -> list[object]:
    key = random.choice("abcd")
    elements = [f"e{random.randrange(3000)}" for _ in range(random.randrange(40))]
    return random.choice(
        [
            ["PFADD", key, *elements],
            ["PFADD", key, *elements],
            ["PFCOUNT", *random.sample("abcde", random.randrange(1, 4))],
            ["PFMERGE", *random.sample("abcd", random.randrange(1, 4))],
            ["PFDEBUG", "TODENSE", "d"],
            ["SET", "d", random.choice(["x", 12, b"HYLL\x01" + bytes(11) + b"\x05"])],
            ["APPEND", "c", b"\x7f\xff"],
            ["DEL", key],
            ["RPUSH", "list", "x"],
            ["PFCOUNT", "list"],
            ["PFADD", "list", "x"],
            ["PFMERGE", "a", "list"],
            ["PFADD"],
        ]
    )


@pytest.mark.parametrize("sparse_max_bytes", [3000, 200])
def test_a_right_hyperloglog_makes_the_engines_bytes(sparse_max_bytes):
    config = {"hll-sparse-max-bytes": sparse_max_bytes}
    engine, plugged_in = Embedded(config, clock=0, seed=1), Embedded(config, clock=0, seed=1)
    plug("hyperloglog", (add, count, merge), plugged_in)
    random = Random(5)
    calls.clear()
    for _ in range(400):
        words = random_pf_command(random)
        assert reply(plugged_in, *words) == reply(engine, *words), words
        for key in "abcd":
            assert reply(plugged_in, "GET", key) == reply(engine, "GET", key), (words, key)
    assert set(calls) == {"add", "count", "merge"}
    assert unplug(plugged_in) == ["hyperloglog"]
    calls.clear()
    assert plugged_in.execute("PFADD", "new", "x") == 1
    assert not calls


def test_registers_must_stay_16384():
    node = Embedded(clock=0)
    plug("hyperloglog", (lambda registers, element: registers.append(1), count, merge), node)
    with pytest.raises(ValueError, match="now there are 16385"):
        node.execute("PFADD", "k", "x")


def test_right_bit_ranges_answer_as_the_engine():
    engine, plugged_in = Embedded(clock=0), Embedded(clock=0)
    plug("bits", (brute_bitcount, brute_bitpos), plugged_in)
    random = Random(5)
    for _ in range(1500):
        if random.random() < 0.2:
            data = bytes(random.choice([0, 255, random.randrange(256)]) for _ in range(random.randrange(5)))
            words = ["SET", "k", data]
        else:
            places = [random.randint(-45, 45) for _ in range(random.randrange(3))]
            unit = (
                [random.choice(["BYTE", "bit", "BIT", "x"])]
                if len(places) == 2 and random.random() < 0.6
                else []
            )
            name = random.choice([["BITCOUNT"], ["BITPOS"]])
            bit = [random.randrange(2)] if name == ["BITPOS"] else []
            words = [*name, random.choice(["k", "k", "none"]), *bit, *places, *unit]
        assert reply(plugged_in, *words) == reply(engine, *words), words


@pytest.mark.parametrize(
    ("part", "implementation"),
    [("hyperloglog", (add, count, merge)), ("bits", (brute_bitcount, brute_bitpos))],
)
def test_the_chapters_cells_print_the_same(part, implementation):
    replayed = replay(5, part, implementation)
    assert replayed, repr(replayed)
    assert replayed.cells > 20


def test_a_wrong_part_shows_in_the_chapters_cells():
    assert not replay(5, "hyperloglog", (add, lambda registers: 7, merge))
