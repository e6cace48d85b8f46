"""The recording that judges exercise 2.4: what a real server answers when INCR meets these stored strings.

The file minidis/course/data/incr_replies.json is written by

    python -m tests.differential.test_incr_replies

which asks Debian's Redis 7.0 (INCR has not changed since) and keeps each reply and what is stored then. The
tests ask every real server of this machine the same questions again, and minidis too.
"""

from __future__ import annotations

import json
from random import Random

from minidis.course.fixtures.counters import RECORDING, recorded_replies
from tests.differential.servers import RealServer, available_judges
from tests.differential.sides import MinidisSide, RealSide

Question = tuple[str, bytes | None, int]
"""What it is about, the stored string (None: no such key), the step."""

MOST, LEAST = 2**63 - 1, -(2**63)

PLAIN = [None, b"0", b"7", b"41", b"99", b"-1", b"-10", b"1000000"]
LOOKALIKES = [
    b"", b"01", b"00", b"-01", b" 1", b"1 ", b"\t1", b"1\n", b"+1", b"-0", b"+0", b"-", b"+", b"--1",
    b"1_000", b"1,000", b"1.0", b"1e3", b"0x10", b"0b1", b"1L", b"ten", b"\x001", b"1\x00", b"\xd9\xa3",
    b"\xb2", b"nil", b"inf", b"nan", b"1" * 20, b"1" * 45, b"0" * 30, b"-" + b"0" * 19 + b"1", b"9" * 100,
]  # fmt: skip
EDGES = [
    *((b"%d" % (MOST + n), 1) for n in (-2, -1, 0, 1, 2)),
    *((b"%d" % (LEAST + n), -1) for n in (-2, -1, 0, 1, 2)),
    *(
        (b"%d" % start, step)
        for start in (MOST, LEAST, 0, -1, 1)
        for step in (MOST, LEAST, LEAST + 1, 0, -1, 1)
    ),
    (b"18446744073709551615", 1),
    (b"18446744073709551616", 1),
    (b"-9223372036854775809", 1),
]


def questions() -> list[Question]:
    """Every question of the recording, in its order."""
    asked: list[Question] = [("plain", stored, step) for stored in PLAIN for step in (1, -1, 5)]
    asked += [("lookalike", stored, step) for stored in LOOKALIKES for step in (1, -1)]
    asked += [("edge", stored, step) for stored, step in EDGES]
    random = Random(24)
    for _ in range(120):
        number = b"%d" % random.choice([random.randint(-1000, 1000), random.randint(LEAST, MOST)])
        at = random.randrange(len(number) + 1)
        mutant = number[:at] + random.choice([b"", b"", b"0", b" ", b"-", b"+", b"9", b"."]) + number[at:]
        step = random.choice([1, 1, -1, random.randint(-(10**6), 10**6), random.choice([LEAST, MOST])])
        asked.append(("random", mutant, step))
    return asked


def answers(side: RealSide | MinidisSide) -> list[list[object]]:
    """The lines of the recording, asked of `side`."""
    side.restart(2)
    lines: list[list[object]] = []
    for about, stored, step in questions():
        prepare = (b"DEL", b"n") if stored is None else (b"SET", b"n", stored)
        _, (kind, reply), (_, then) = side.run([prepare, (b"INCRBY", b"n", b"%d" % step), (b"GET", b"n")])
        shown = int(reply) if kind == b":" else reply.decode()
        lines.append(
            [about, None if stored is None else stored.decode("latin-1"), step, shown, then.decode("latin-1")]
        )
    return lines


def test_real_servers_answer_as_recorded(judge):
    assert json.loads(RECORDING.read_text())["replies"] == answers(judge)


def test_minidis_answers_as_recorded(ours):
    assert json.loads(RECORDING.read_text())["replies"] == answers(ours)


def test_incr_and_decr_are_incrby(judge):
    """The recording asks INCRBY alone; INCR and DECR give the same replies for steps of 1 and -1."""
    judge.restart(2)
    for line in recorded_replies():
        if line.step in (1, -1) and line.stored is not None:
            name = b"INCR" if line.step == 1 else b"DECR"
            _, (kind, reply) = judge.run([(b"SET", b"n", line.stored), (name, b"n")])
            assert (int(reply) if kind == b":" else reply.decode()) == line.reply


def record() -> None:
    """Write the recording anew."""
    (redis,) = [judge for judge in available_judges() if judge.name == "redis-7.0"]
    with RealServer(redis) as server:
        side = RealSide(server)
        lines = ",\n".join(json.dumps(line) for line in answers(side))
        RECORDING.write_text(f'{{"server": "{redis.name}", "replies": [\n{lines}\n]}}\n')
        side.close()


if __name__ == "__main__":
    record()
