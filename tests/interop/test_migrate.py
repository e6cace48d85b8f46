"""MIGRATE between real servers and ours, both ways."""

from __future__ import annotations

import pytest
import redis

from tests.differential.servers import Judge, available_judges
from tests.interop.instances import Instance, running


@pytest.mark.parametrize("judge", available_judges(), ids=lambda judge: judge.name)
@pytest.mark.parametrize("ours", ["source", "target"])
def test_keys_move(judge: Judge, ours: str) -> None:
    kinds = (None, judge) if ours == "source" else (judge, None)
    source, target = (Instance(kind) for kind in kinds)
    with running(source, target):
        source.call("SET", "string", "v" * 100, "PX", 500_000)
        source.call("RPUSH", "list", *range(300))
        source.call("SADD", "set", *range(100), "word")
        source.call("ZADD", "zset", 1, "a", 2.5, "b")
        source.call("HSET", "hash", *(str(number) for number in range(300)))
        source.call("XADD", "stream", "1-1", "field", "value")
        keys = ["string", "list", "set", "zset", "hash", "stream"]
        before = source.call("DEBUG", "DIGEST-VALUE", *keys)
        assert source.call("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys) == b"OK"
        assert source.call("EXISTS", *keys) == 0
        assert target.call("DEBUG", "DIGEST-VALUE", *keys) == before
        assert 0 < target.call("PTTL", "string") <= 500_000
        source.call("SET", "string", "other")
        with pytest.raises(Exception, match="BUSYKEY"):
            source.call("MIGRATE", "127.0.0.1", target.port, "string", 0, 5000)
        words = ("COPY", "REPLACE")
        assert source.call("MIGRATE", "127.0.0.1", target.port, "string", 0, 5000, *words) == b"OK"
        assert source.call("GET", "string") == target.call("GET", "string") == b"other"


@pytest.mark.parametrize("judge", available_judges(), ids=lambda judge: judge.name)
def test_inside_multi_and_scripts(judge: Judge) -> None:
    """Nobody can wait there, and it moves all the same: the same replies from a real source and from ours."""
    lua = "return redis.pcall('MIGRATE', ARGV[1], ARGV[2], KEYS[1], 0, 30000)"
    nobody = 1  # a port that nobody listens on

    def history(source: Instance, target: Instance) -> list[object]:
        def call(*words: object) -> object:
            try:
                return source.call(*words)
            except redis.ResponseError as error:
                return str(error)

        source.call("MSET", "x", 1, "y", 2, "z", 3)
        target.call("SET", "y", "other")
        return [
            call("MULTI"),
            call("INCR", "x"),
            call("MIGRATE", "127.0.0.1", target.port, "x", 0, 30_000),
            call("MIGRATE", "127.0.0.1", target.port, "y", 0, 30_000),
            call("MIGRATE", "127.0.0.1", target.port, "x", 0, 30_000),
            call("MIGRATE", "127.0.0.1", nobody, "y", 0, 30_000),
            call("EXISTS", "x", "y"),
            [str(reply) for reply in source.raw.execute_command("EXEC")],
            call("EVAL", lua, 1, "y", "127.0.0.1", target.port),
            call("EVAL", lua, 1, "y", "127.0.0.1", nobody),
            call("EVAL", lua, 1, "z", "127.0.0.1", target.port),
            call("EXISTS", "x", "y", "z"),
            target.call("MGET", "x", "y", "z"),
        ]

    with running(Instance(judge), Instance(None), Instance(judge), Instance(None)) as (a, b, c, d):
        assert history(a, d) == history(b, c)
