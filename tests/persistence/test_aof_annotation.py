"""Every byte of a log is explained, cut off and broken ones too; and the view says what its commands do."""

from __future__ import annotations

from random import Random

import pytest

from minidis import Embedded
from minidis.notebook import views
from minidis.persistence.aof import encode_command, encode_timestamp
from minidis.persistence.aof_annotation import annotate


@pytest.mark.parametrize("seed", range(30))
def test_the_spans_touch_each_other_and_cover_all(seed):
    random = Random(seed)
    data = b"".join(
        encode_timestamp(random.randrange(2**31))
        if random.random() < 0.2
        else encode_command([random.randbytes(random.randrange(60)) for _ in range(random.randrange(1, 5))])
        for _ in range(10)
    )
    damaged = bytearray(data[: random.randrange(1, len(data) + 1)])
    if seed % 2:
        damaged[random.randrange(len(damaged))] ^= 0x40
    spans = annotate(bytes(damaged))
    assert spans[0].start == 0 and spans[-1].end == len(damaged)
    assert all(one.end == other.start for one, other in zip(spans, spans[1:], strict=False))
    assert all(span.explanation for span in spans)


def test_the_view_shows_the_effect_of_each_command():
    redis = Embedded({"appendonly": "yes"}, clock=0, seed=1)
    redis.execute("RPUSH", "cart", "apples")
    redis.execute("BGREWRITEAOF")
    redis.step(1)
    redis.execute("RPUSH", "cart", "pears", "plums")
    redis.execute("MULTI")
    redis.execute("DEL", "cart")
    redis.execute("SET", "visits", 7)
    redis.execute("EXEC")
    text = str(views.aof(node=redis, command=2).do("command", 6))
    assert "rpush cart: list of 3" in text, "it starts from the base"
    assert "del cart: gone; set visits: 7" in text, "when the EXEC comes"
    assert "waits for EXEC" in text
    assert "EXEC" in text and "a command of 1 word" in text
