"""The backlog is a ring: whatever is appended, its end can be read back.  So can what is held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.distributed.replication.backlog import Backlog
from minidis.distributed.replication.held_stream import HeldStream


@given(
    size=st.integers(1, 40),
    start=st.integers(1, 10**12),
    steps=st.lists(st.one_of(st.binary(max_size=60), st.integers(1, 50)), max_size=30),
)
def test_it_holds_the_end_of_the_stream(size: int, start: int, steps: list[bytes | int]) -> None:
    """Bytes are appended, numbers are new sizes."""
    backlog, stream, kept = Backlog(size, start), b"", 0
    for step in steps:
        if isinstance(step, int):
            size = step
            backlog.resize(size)
        else:
            stream += step
            kept += len(step) if isinstance(step, bytes) else 0
            backlog.append(step)
        kept = min(kept, size)
        backlog.check()
        end = start + len(stream)
        assert backlog.next_offset == end and backlog.first_offset == end - kept
        for offset in range(end - kept, end + 1):
            assert backlog.has(offset) and backlog.read(offset) == stream[len(stream) - (end - offset) :]
        assert not backlog.has(end + 1) and not backlog.has(end - kept - 1)


def test_what_is_gone_is_refused() -> None:
    backlog = Backlog(4, 1)
    backlog.append(b"abcdef")
    with pytest.raises(ValueError, match="offset 2 is not within 3..7"):
        backlog.read(2)


@given(steps=st.lists(st.one_of(st.binary(min_size=1, max_size=20), st.integers(0, 3)), max_size=40))
def test_each_gets_what_came_since_it_began_to_wait(steps: list[bytes | int]) -> None:
    """Bytes are appended; a number begins to wait, or takes what is kept for it."""
    held, stream, since = HeldStream(), b"", {}
    for step in steps:
        if isinstance(step, bytes):
            stream += step
            held.append(step)
        elif step not in since:
            since[step] = len(stream)
            held.hold(step, len(stream) + 1)
        else:
            assert held.take(step) == stream[since.pop(step) :]
        held.check()
        assert [held.behind_bytes(who) for who in range(4)] == [
            len(stream) - since.get(who, len(stream)) for who in range(4)
        ]
        if since:
            oldest = min(since.values())
            assert held.has(oldest + 1) and held.read(oldest + 1) == stream[oldest:]
