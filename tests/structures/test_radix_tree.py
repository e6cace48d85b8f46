"""The radix tree against a sorted dict, and the shapes that rax.c would make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.structures.radix_tree import RadixTree

# Few letters and short keys: so keys are often each other's beginnings.
KEYS = st.binary(max_size=6).map(lambda key: bytes(byte % 3 + 97 for byte in key))
IDS = st.integers(0, 600).map(lambda number: number.to_bytes(16, "big"))
STEPS = st.lists(st.tuples(st.sampled_from(["insert", "insert", "remove", "try"]), KEYS), max_size=40)


@given(STEPS)
def test_is_a_mapping_in_order_of_keys(steps):
    tree, model = RadixTree(), {}
    for number, (step, key) in enumerate(steps):
        if step == "remove" and key not in model:
            with pytest.raises(KeyError):
                tree.remove(key)
        elif step == "remove":
            assert tree.remove(key) == model.pop(key)
        else:
            overwrite = step == "insert"
            assert tree.insert(key, number, overwrite) == (key not in model)
            if overwrite or key not in model:
                model[key] = number
        tree.check()
        assert list(tree.items()) == sorted(model.items())
        assert list(tree.items_down()) == sorted(model.items(), reverse=True)
        assert (len(tree), tree.get(key), key in tree) == (len(model), model.get(key), key in model)


@given(st.sets(KEYS), KEYS)
def test_seek_stops_where_a_sorted_list_does(keys, wanted):
    tree = RadixTree((key, key) for key in keys)
    ordered = sorted(keys)
    expected = {
        ">=": [key for key in ordered if key >= wanted][:1],
        ">": [key for key in ordered if key > wanted][:1],
        "<=": [key for key in ordered if key <= wanted][-1:],
        "<": [key for key in ordered if key < wanted][-1:],
        "^": ordered[:1],
        "$": ordered[-1:],
    }
    for operator, found in expected.items():
        assert tree.seek(operator, wanted) == ((found[0], found[0]) if found else None), operator


@given(st.sets(KEYS), KEYS, st.booleans())
def test_walks_from_any_place_both_ways(keys, start, exclusive):
    tree = RadixTree((key, None) for key in keys)
    up = sorted(key for key in keys if key > start or (key == start and not exclusive))
    down = sorted((key for key in keys if key < start or (key == start and not exclusive)), reverse=True)
    assert [key for key, _ in tree.items(start, exclusive)] == up
    assert [key for key, _ in tree.items_down(start, exclusive)] == down


@given(st.lists(IDS, unique=True), st.randoms())
def test_keys_of_one_length_leave_no_trace_when_they_go(ids, choose):
    """Where no key is another's beginning, the shape hangs on the keys alone, not on their history."""
    tree = RadixTree((key, 0) for key in ids)
    kept = [key for key in ids if choose.random() < 0.5]
    for key in set(ids) - set(kept):
        tree.remove(key)
    assert tree.draw() == RadixTree((key, 0) for key in sorted(kept)).draw()
    assert tree.node_count == len(list(tree.nodes()))


def drawn(*keys: bytes) -> str:
    return RadixTree((key, None) for key in keys).draw()


@pytest.mark.parametrize(
    ("keys", "shape"),
    [
        ([], "[]"),
        ([b""], "* []"),
        ([b"a"], "[a]\n  * []"),
        ([b"abc"], "(abc)\n  * []"),
        ([b"abcd", b"abxy"], "(ab)\n  [cx]\n    [d]\n      * []\n    [y]\n      * []"),
        ([b"abc", b"xbc"], "[ax]\n  (bc)\n    * []\n  (bc)\n    * []"),
        ([b"abcd", b"ab"], "(ab)\n  * (cd)\n    * []"),
        ([b"abc", b"a"], "[a]\n  * (bc)\n    * []"),
        ([b"ab", b"ac"], "[a]\n  [bc]\n    * []\n    * []"),
    ],
)
def test_shapes(keys, shape):
    assert drawn(*keys) == shape


def test_an_unknown_operator_is_refused():
    with pytest.raises(ValueError, match="no such operator"):
        RadixTree().seek("~", b"")
