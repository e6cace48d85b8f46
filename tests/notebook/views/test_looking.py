"""What a picture shows is what the engine holds, and looking changes nothing."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis import Embedded
from minidis.notebook import views
from minidis.structures import hyperloglog
from minidis.structures.hashtable import HashTable
from minidis.structures.intset import Intset
from minidis.structures.listpack import Listpack
from minidis.structures.quicklist import Quicklist
from minidis.structures.skiplist import SkipList

ELEMENTS = st.lists(
    st.binary(max_size=30) | st.integers(-(2**40), 2**40).map(lambda n: b"%d" % n), max_size=20
)


@given(ELEMENTS)
def test_listpack_cells_are_the_bytes(elements):
    pack = Listpack(elements)
    data = views.listpack(pack).take()
    drawn = data["header"] + "".join(
        f" {entry['header']} {entry['content']} {entry['backlen']}" for entry in data["entries"]
    )
    hidden = [entry for entry in data["entries"] if entry["hidden"]]
    if not hidden and len(data["entries"]) == len(elements):
        assert bytes.fromhex(drawn + " ff") == bytes(pack)
    for entry, element in zip(data["entries"], elements, strict=False):
        assert pack.decode(entry["offset"]) == element


def test_listpack_explains_the_bits_of_an_entry():
    data = views.listpack(Listpack([b"hi", b"-300"]), select=1).take()
    assert data["selected"]["explanation"] == [
        "header   110|11110 11010100   110: an integer of 13 bits; 11110 11010100 is -300",
        "backlen  02   2 bytes back to where this entry starts",
    ]


def test_quicklist_nodes_are_those_of_the_chain():
    chain = Quicklist([b"%d" % n for n in range(100)] + [b"x" * 9000], fill=12)
    data = views.show(chain, chosen_node=3).take()
    assert [(n["count"], n["bytes"], n["container"]) for n in data["nodes"]] == [
        (len(node), node.size, node.container) for node in chain.nodes()
    ]
    assert data["inside"]["entries"][0]["value"] == "36"
    assert "plain" in str(views.show(chain))


@given(st.sets(st.integers(-(2**62), 2**62), max_size=40), st.integers(-(2**62), 2**62))
def test_intset_upgrade_is_shown_on_a_copy(numbers, added):
    intset = Intset(numbers)
    before = bytes(intset)
    data = views.intset(intset, add=added, search=added).take()
    assert bytes(intset) == before
    expected = Intset(numbers | {added})
    assert data["after"]["width"] == expected.width and data["after"]["numbers"] == list(expected)
    assert bytes.fromhex(" ".join([data["before"]["header"], *data["before"]["cells"]])) == before
    assert (bool(data["path"]) and data["path"][-1]["value"] == added) == (added in numbers)


@pytest.mark.parametrize("size", [5, 19, 20, 21, 400])
def test_skip_list_draws_real_pointers_and_adds_up_spans_to_the_rank(size):
    players = SkipList(Random(4))
    for n in range(size):
        players.insert(float(n), b"player:%d" % n)
    for wanted in (0, size // 2, size - 1):
        data = views.skiplist(players, search=(wanted, f"player:{wanted}")).take()
        assert data["rank"] == players.rank(wanted, b"player:%d" % wanted) == wanted
        assert data["hops"] == players.hops(wanted, b"player:%d" % wanted)
        assert len(data["nodes"]) == min(size, max(20, len(data["nodes"])))
        shown = {node["position"] for node in data["nodes"]}
        for step in data["path"]:
            assert step["from"] in shown | {0} and step["to"] in shown | {None}
        for level, lane in enumerate(players.levels()):
            real, position = {}, 0
            for _node, span in lane:
                real[position] = span
                position += span
            assert all(link["span"] == real[link["from"]] for link in data["lanes"][level])


def test_a_list_without_lanes_shows_both_ends_of_its_long_search():
    players = SkipList.from_sorted(((float(n), b"m%d" % n) for n in range(5000)), Random(1), p=0.0)
    view = views.skiplist(players, search="m4000")
    data = view.take()
    assert data["hops"] == 4001 and data["rank"] == 4000 and data["level"] == 1
    assert len(data["path"]) <= 24 and data["path"][-1]["number"] == 4002
    assert "steps like these" in str(view) and len(view.svg()) < 50_000


def test_skip_list_that_is_searched_for_an_absent_element_has_no_wrong_rank():
    players = SkipList(Random(4))
    players.insert(1.0, b"a")
    data = views.skiplist(players, search=(5, "nobody")).take()
    assert data["rank"] is None
    assert views.skiplist(SkipList(Random(0)), search=(5, "nobody")).take()["path"]


def test_hash_table_shows_both_tables_of_a_rehash():
    table = HashTable()
    for n in range(17):
        table[b"user:%d" % n] = n
    view = views.hashtable(table, search="user:3")
    data = view.take()
    assert [t["lengths"] for t in data["tables"]] == [[len(c) for c in chains] for chains in table.tables()]
    assert data["rehash_index"] == table.rehash_index >= 0
    assert data["path"][-1]["caption"].endswith("found")
    while table.is_rehashing:
        view.do("rehash")
    assert len(view.take()["tables"]) == 1
    view.do("grow")
    assert view.take()["tables"][1]["size"] == 64
    assert view.do("search", "nobody").take()["path"][-1]["caption"].endswith(("empty", "not here"))


@given(st.binary(max_size=24), st.integers(0, 200))
def test_bits_are_those_of_getbit(raw, offset):
    node = Embedded(clock=0)
    node.execute("SET", "k", raw)
    text = str(views.bits("k", node))
    ones = [n for n in range(len(raw) * 8) if node.execute("GETBIT", "k", n)]
    shown = text.partition("bits set: ")[2].splitlines()
    assert ("no bit set" in text) == (not ones)
    if ones:
        assert shown[0].removesuffix(" ...").split(", ") == [str(n) for n in ones[:32]]
    digits = "".join(
        line.split("  ")[-1].replace(" ", "") for line in text.splitlines() if line.startswith("byte ")
    )
    assert offset >= len(digits) or int(digits[offset]) == node.execute("GETBIT", "k", offset)


def test_hyperloglog_shows_the_register_of_an_element():
    node = Embedded(clock=0)
    node.execute("PFADD", "v", *range(50))
    data = views.hll("v", node, element="7").take()
    register, value = hyperloglog.register_of(b"7")
    element = data["element"]
    assert (element["register"], element["value"]) == (register, value)
    assert int(element["bits"][50:], 2) == register
    assert element["bits"][:50].endswith("1" + "0" * element["zeros"])
    assert data["count"] == node.execute("PFCOUNT", "v") == 50
    assert sum(data["histogram"].values()) == 16384
    assert data["opcodes"][0][1] in node.execute("PFDEBUG", "DECODE", "v").decode()
    assert "not 48 59 4c 4c" in str(views.hll(bytearray(b"HELL" + bytes(20))))
    assert "opcodes cover" in str(views.hll(bytearray(b"HYLL\x01" + bytes(12))))


def test_a_view_follows_a_value_from_one_encoding_to_the_next():
    node = Embedded(clock=0)
    view = views.show("s", node)
    kinds = []
    for members in ([1, 2], ["word"], [f"m{n}" for n in range(200)]):
        node.execute("SADD", "s", *members)
        kinds.append(view.take()["kind"])
        assert node.execute("OBJECT", "ENCODING", "s").decode() == kinds[-1]
    assert kinds == ["intset", "listpack", "hashtable"]


def test_a_learners_own_class_is_drawn():
    class MyIntset(Intset):
        pass

    node = Embedded(clock=0)
    node.node.encodings.intset = MyIntset
    node.execute("SADD", "s", 5, 70_000)
    assert views.set("s", node).take()["before"]["numbers"] == [5, 70_000]
    with pytest.raises(TypeError, match="no view draws a dict"):
        views.show({}).take()


@pytest.mark.parametrize("table", [None, HashTable])
def test_looking_leaves_no_trace(table):
    node = Embedded(clock=0, seed=1, **({"table": table} if table else {}))
    node.node.active_expiry = False
    for n in range(33):
        node.execute("SET", f"k{n}", "x", "PX", n + 1)
    node.execute("SADD", "s", *[f"m{n}" for n in range(129)])
    node.step(0.02)
    database = node.node.databases[0]

    def traces():
        accessed = sorted((key, value.accessed_us) for key, value in database.table.items())
        rehash = database.table.rehash_index if table else -1
        inner = database.table.get(b"s") if not table else None
        return (
            accessed, rehash, database.hits, database.misses, len(database.table), len(database.expires),
            inner and inner.form.table.rehash_index, node.node.changes,
            node.node.statistics.commands_processed,
        )  # fmt: skip

    before = traces()
    looked_at = [
        views.keys(node=node),
        views.ttl_board(node=node),
        views.show("k0", node),
        views.set("s", node, search="m1"),
        views.hashtable(node=node),
        views.encoding("k1", "s", node=node),
        views.venn("s", "none", node=node),
    ]
    for view in looked_at:
        str(view), view.svg()
    assert traces() == before


def test_venn_regions_are_the_set_commands_answers():
    node = Embedded(clock=0)
    node.execute("SADD", "a", 1, 2, 3, "x")
    node.execute("SADD", "b", 2, 3, 4)
    node.execute("SADD", "c", 3, 4, 5)
    counts = {tuple(r["in"]): r["count"] for r in views.venn("a", "b", "c", node=node).take()["regions"]}
    assert sum(counts.values()) == len(node.execute("SUNION", "a", "b", "c"))
    assert counts[0, 1, 2] == node.execute("SINTERCARD", 3, "a", "b", "c")
    assert counts[0,] == len(node.execute("SDIFF", "a", "b", "c"))
    with pytest.raises(ValueError, match="two or three"):
        views.venn("a", node=node)
    node.execute("SET", "text", "x")
    with pytest.raises(TypeError, match="text holds a string"):
        views.venn("a", "text", node=node).take()


def test_resp_rows_cover_every_byte():
    reply = b"*2\r\n$3\r\nfoo\r\n:7\r\n"
    [part] = views.resp(reply).take()
    assert [(r["start"], r["end"]) for r in part["rows"]] == [(0, 4), (4, 8), (8, 13), (13, 17)]
    node = Embedded(clock=0)
    request, answer = views.exchange("SET k 'a b'", node).take()
    assert request["rows"][-1]["shown"] == "a b\\r\\n" and answer["rows"][0]["shown"] == "+OK\\r\\n"
    assert "error" in str(views.exchange("INCRBY", node))
