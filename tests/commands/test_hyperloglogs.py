"""HyperLogLog commands: the journal, the self test. Bytes and replies are compared in tests/differential."""

from __future__ import annotations

import pytest

from minidis.commands import hyperloglogs
from minidis.protocol.replies import ReplyError
from minidis.structures import hyperloglog as hll


def test_only_changes_are_journaled(redis, journal):
    redis.execute("PFADD", "h", "a")
    redis.execute("PFADD", "h", "a")
    redis.execute("PFCOUNT", "h")  # writes the number that it found
    redis.execute("PFCOUNT", "h")
    redis.execute("PFCOUNT", "h", "missing")
    redis.execute("PFMERGE", "h", "missing")
    assert journal == ["PFADD h a", "PFCOUNT h", "PFMERGE h missing"]


def test_a_count_is_remembered_until_a_register_grows(redis):
    redis.execute("PFADD", "h", *"abc")
    redis.execute("PFCOUNT", "h")
    assert hll.cached_count(redis.execute("GET", "h")) == 3
    redis.execute("PFADD", "h", "a")
    assert hll.cached_count(redis.execute("GET", "h")) == 3
    redis.execute("PFADD", "h", "d")
    assert hll.cached_count(redis.execute("GET", "h")) is None


def test_sparse_grows_to_dense_at_the_configured_size(redis):
    redis.execute("CONFIG", "SET", "hll-sparse-max-bytes", 100)
    redis.execute("PFADD", "h", *range(10))
    assert redis.execute("PFDEBUG", "ENCODING", "h") == "sparse"
    redis.execute("PFADD", "h", *range(100))
    assert redis.execute("PFDEBUG", "ENCODING", "h") == "dense"
    assert redis.execute("STRLEN", "h") == hll.DENSE_BYTES
    assert len(redis.execute("PFDEBUG", "GETREG", "h")) == hll.REGISTERS


def test_a_copy_by_get_and_set_counts_the_same(redis):
    redis.execute("PFADD", "h", *range(1000))
    redis.execute("SET", "copy", redis.execute("GET", "h"))
    assert redis.execute("PFCOUNT", "copy") == redis.execute("PFCOUNT", "h")


def test_a_failing_merge_leaves_no_trace(redis, journal):
    redis.execute("SET", "damaged", bytes(hll.create())[:-1])
    redis.execute("PFADD", "h", "a")
    before = redis.execute("GET", "h")
    for destination in ("h", "new"):
        with pytest.raises(ReplyError, match="INVALIDOBJ Corrupted HLL object detected"):
            redis.execute("PFMERGE", destination, "damaged")
    assert redis.execute("GET", "h") == before
    assert redis.execute("EXISTS", "new") == 0
    assert len(journal) == 2


def test_selftest_passes_and_finds_faults(redis, monkeypatch):
    assert redis.execute("PFSELFTEST") == "OK"
    with monkeypatch.context() as patch:
        patch.setattr(hll, "registers", lambda data: bytes(hll.REGISTERS))
        with pytest.raises(ReplyError, match=r"TESTFAILED Register \d+ should be \d+ but is 0"):
            hyperloglogs.pfselftest(redis.client)
    with monkeypatch.context() as patch:
        patch.setattr(hll, "remembered_register_of", lambda element: (len(element), 1))
        with pytest.raises(ReplyError, match="TESTFAILED Too big error"):
            hyperloglogs.pfselftest(redis.client)
