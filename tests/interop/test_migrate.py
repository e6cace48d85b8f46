"""MIGRATE between real servers and ours, both ways."""

from __future__ import annotations

import pytest

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
