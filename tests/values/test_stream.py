"""A stream against a list of entries; what its nodes and its memory look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.values.encodings import Encodings
from minidis.values.stream import Stream, Trim
from minidis.values.stream_node import MAX_ID, MIN_ID, StreamId

IDS = st.builds(StreamId, st.integers(0, 6), st.integers(0, 6))
PAIRS = st.sampled_from([[b"a", b"1"], [b"a", b"x" * 90], [b"b", b"2"], [b"a", b"1", b"b", b"2"], [b"", b""]])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), IDS, PAIRS),
        st.tuples(st.just("append"), IDS, PAIRS),
        st.tuples(st.just("delete"), IDS),
        st.tuples(st.just("length"), st.integers(0, 8)),
        st.tuples(st.just("before"), IDS),
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 4), IDS, IDS)
def test_is_a_list_of_entries_in_order(steps, max_entries, low, high):
    stream, model = Stream(Encodings(stream_node_max_entries=max_entries)), {}
    for name, *arguments in steps:
        if name == "append":
            entry_id, pairs = arguments
            if entry_id > stream.last_id:
                stream.append(entry_id, pairs)
                model[entry_id] = pairs
        elif name == "delete":
            assert stream.delete(arguments[0]) == (model.pop(arguments[0], None) is not None)
        else:
            trim = Trim(max_length=arguments[0]) if name == "length" else Trim(min_id=arguments[0])
            doomed = (
                sorted(model)[: max(len(model) - arguments[0], 0)]
                if name == "length"
                else [entry_id for entry_id in model if entry_id < arguments[0]]
            )
            assert stream.trim(trim) == len(doomed)
            for entry_id in doomed:
                del model[entry_id]
        stream.check()
        assert [(entry.id, entry.pairs) for entry in stream.walk()] == sorted(model.items())
    within = [entry_id for entry_id in sorted(model) if low <= entry_id <= high]
    for _ in range(2):  # the second time, each begins in the node where the one before it has ended
        assert [entry.id for entry in stream.walk(low, high)] == within
        assert [entry.id for entry in stream.walk(low, high, reverse=True)] == within[::-1]
    assert (stream.find(low) is not None) == (low in model)
    assert stream.greatest_id() == max(model, default=MIN_ID)
    duplicate = stream.copy()
    duplicate.check()
    duplicate.trim(Trim(max_length=0))
    assert (len(duplicate), len(stream)) == (0, len(model))


MS = st.integers(0, 30)
USES = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 3)),
        st.tuples(st.just("append"), st.integers(1, 3)),
        st.tuples(st.just("read"), MS, MS, st.booleans(), st.integers(1, 6)),
        st.tuples(st.just("find"), MS),
        st.tuples(st.just("delete"), MS),
        st.tuples(st.just("length"), st.integers(0, 12)),
        st.tuples(st.just("before"), MS),
    ),
    max_size=60,
)


@given(USES, st.integers(1, 4))
def test_it_may_be_read_at_one_end_and_trimmed_at_the_other(uses, max_entries):
    """As above, but with nothing between the uses that looks at all nodes: what was read stays at hand."""
    stream, model = filled(10, stream_node_max_entries=max_entries), list(range(1, 11))
    for name, number, *more in uses:
        if name == "append":
            stream.append(StreamId(stream.last_id.ms + number, 0), [b"f", b"v"])
            model.append(stream.last_id.ms)
        elif name == "read":
            high, reverse, count = more
            within = [ms for ms in model if number <= ms <= high]
            walk = stream.walk(StreamId(number, 0), StreamId(high, 0), reverse)
            found = [entry.id.ms for entry, _ in zip(walk, range(count), strict=False)]
            assert found == (within[::-1] if reverse else within)[:count]
        elif name == "find":
            assert (stream.find(StreamId(number, 0)) is not None) == (number in model)
        elif name == "delete":
            assert stream.delete(StreamId(number, 0)) == (number in model)
            model = [ms for ms in model if ms != number]
        else:
            stay = (
                model[-number or len(model) :] if name == "length" else [ms for ms in model if ms >= number]
            )
            trim = Trim(max_length=number) if name == "length" else Trim(min_id=StreamId(number, 0))
            assert stream.trim(trim) == len(model) - len(stay)
            model = stay
        assert (len(stream), stream.first_id.ms) == (len(model), model[0] if model else 0)
    stream.check()
    assert [entry.id.ms for entry in stream.walk()] == model


def filled(count: int, **limits: int) -> Stream:
    stream = Stream(Encodings(**limits))
    for number in range(1, count + 1):
        stream.append(StreamId(number, 0), [b"f", b"v"])
    return stream


def test_an_approximate_trim_takes_whole_nodes_and_minds_its_limit():
    assert filled(95, stream_node_max_entries=10).trim(Trim(max_length=42, approximate=True)) == 50
    assert filled(95, stream_node_max_entries=10).trim(Trim(max_length=42, approximate=True, limit=25)) == 20
    assert filled(95, stream_node_max_entries=10).trim(Trim(min_id=StreamId(50, 0), approximate=True)) == 40


@pytest.mark.parametrize(
    ("limits", "nodes"),
    [
        ({}, 3),
        ({"stream_node_max_entries": 10}, 25),
        ({"stream_node_max_entries": 0}, 1),
        ({"stream_node_max_entries": 0, "stream_node_max_bytes": 0}, 1),
    ],
)
def test_nodes_are_as_full_as_the_limits_allow(limits, nodes):
    assert len(filled(250, **limits).tree) == nodes


def test_a_node_leaves_the_tree_with_its_last_entry():
    stream = filled(20, stream_node_max_entries=10)
    for number in range(1, 11):
        assert stream.delete(StreamId(number, 0))
    assert (len(stream.tree), stream.first_id, stream.max_deleted_id) == (1, StreamId(11, 0), StreamId(10, 0))


def test_ids_at_the_ends():
    assert MAX_ID.next() is None and MIN_ID.previous() is None
    assert StreamId(1, MAX_ID.seq).next() == StreamId(2, 0)
    assert StreamId(2, 0).previous() == StreamId(1, MAX_ID.seq)
    assert StreamId.from_key(MAX_ID.key) == MAX_ID
    stream = filled(1)
    stream.append(MAX_ID, [b"f", b"v"])  # its difference to 1-0 does not fit 63 bits
    stream.check()
    assert [entry.id for entry in stream.walk()] == [StreamId(1, 0), MAX_ID]


def test_the_next_id_is_the_time_or_follows_the_last():
    stream = filled(5)
    assert stream.next_id(9) == StreamId(9, 0)
    assert stream.next_id(5) == stream.next_id(3) == StreamId(5, 1)
