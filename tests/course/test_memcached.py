"""The model of memcached that chapter 1 compares with."""

from __future__ import annotations

from minidis.course.models.memcached import CHUNKS, ITEM_HEADER_BYTES, PAGE_BYTES, Memcached


def test_chunk_sizes_grow_by_a_quarter_in_steps_of_eight():
    assert CHUNKS[:4] == [96, 120, 152, 192]  # memcached -vv -n 48 prints these
    assert all(chunk % 8 == 0 for chunk in CHUNKS)
    assert CHUNKS == sorted(set(CHUNKS)) and CHUNKS[-1] <= PAGE_BYTES / 2


def test_the_oldest_use_goes_first_and_a_get_is_a_use():
    cache = Memcached(PAGE_BYTES)
    names = [b"%04d" % number for number in range(PAGE_BYTES // CHUNKS[0])]
    for name in names:
        assert cache.set(name, b"x")
    cache.get(names[0])
    cache.set(b"more", b"x")
    assert cache.evicted == 1
    assert (cache.get(names[0]), cache.get(names[1])) == (b"x", None)


def test_a_class_without_a_page_refuses_while_others_are_empty():
    cache = Memcached(PAGE_BYTES)
    cache.set(b"small", b"x")
    assert not cache.set(b"large", b"x" * 5000)


def test_a_value_that_grows_moves_to_another_class():
    cache = Memcached(4 * PAGE_BYTES)
    cache.set(b"k", b"x")
    cache.set(b"k", b"x" * 500)
    assert cache.get(b"k") == b"x" * 500
    assert sum(len(items) for items in cache.slabs.values()) == 1


def test_too_large_numbers_and_deletes():
    cache = Memcached(4 * PAGE_BYTES)
    assert not cache.set(b"k", b"x" * PAGE_BYTES)
    assert cache.incr(b"n") is None
    cache.set(b"n", b"9")
    assert (cache.incr(b"n"), cache.get(b"n")) == (10, b"10")
    assert (cache.delete(b"n"), cache.delete(b"n")) == (True, False)
    assert ITEM_HEADER_BYTES < CHUNKS[0]
