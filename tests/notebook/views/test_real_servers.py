"""The views of a real server: what it tells is drawn as it is there, and what it does not tell is said."""

from __future__ import annotations

import re

import pytest

from minidis import Embedded
from minidis.notebook import views
from minidis.notebook.session import Session
from minidis.notebook.views.mirrors import Untold
from minidis.notebook.views.sources import follow_cells
from tests.differential.servers import RealServer, available_judges

LINES = [
    "SET text hello EX 1000",
    "SET number 12",
    "SETBIT bits 100 1",
    "PFADD visitors a b c",
    "RPUSH list 1 -300 three",
    "HSET hash name ann age 30",
    "SADD numbers 1 2 70000",
    "SADD words a b c",
    "ZADD zset 1 a 2.5 b",
    "GEOADD places 13.36 38.11 Palermo 15.08 37.5 Catania",
    "XADD stream 1-1 k v",
    "XGROUP CREATE stream group 0",
    "XREADGROUP GROUP group bob STREAMS stream >",
    "RPUSH chain " + " ".join(f"element-{n:040}" for n in range(400)),
    "ZADD board " + " ".join(f"{n} member-{n}" for n in range(300)),
    # a hash that was large once stays a table
    "HSET shrunk " + " ".join(f"f{n} {n}" for n in range(600)),
    "HDEL shrunk " + " ".join(f"f{n}" for n in range(5, 600)),
]
OF_THE_SERVER = ["bits", "visitors", "list", "hash", "numbers", "zset", "chain"]
"""What views.show draws byte by byte: engine and server must agree on each of them."""


@pytest.fixture(scope="module", params=available_judges(), ids=lambda judge: judge.name)
def real(request):
    """A session whose cells run on a real server, and this engine with the same keys."""
    engine = Embedded(seed=1)
    session = Session(engine)
    with RealServer(request.param) as server:
        session.connect(f"unix://{server.socket_path}")
        for line in LINES:
            session.connection("redis").call(line.encode().split())
            engine.execute(*line.split())
        yield session, engine
        follow_cells(session.targets["embedded"])


def ask(session, *words):
    return session.connection("redis").call([word.encode() for word in words])


def lines_of(view):
    """A view's text, and apart from it what it says of its origin."""
    lines = str(view).splitlines()
    said = [line for line in lines if line.startswith(("from unix:", "there it is kept", "there, by DEBUG"))]
    return [line for line in lines if line not in said], said


@pytest.mark.parametrize("key", OF_THE_SERVER)
def test_the_bytes_are_those_of_the_server(real, key):
    session, engine = real
    drawn, said = lines_of(views.show(key))
    here, nothing = lines_of(views.show(key, engine))
    assert drawn == here and not nothing
    assert re.fullmatch(r"from unix://\S+ by DUMP: (the|nodes and) \w+ are the server's own", said[0])
    there = ask(session, "OBJECT", "ENCODING", key).decode()
    kept = engine.execute("OBJECT", "ENCODING", key).decode()
    assert said[1:] == ([] if there == kept else [f"there it is kept as {there}, here as {kept}"])


def test_what_no_server_tells_is_said(real):
    session, _ = real
    assert ask(session, "OBJECT", "ENCODING", "shrunk") == b"hashtable"
    drawn, said = lines_of(views.show("shrunk"))
    assert drawn[0].startswith("shrunk: 5 keys in ") and "the buckets, which it does not tell" in said[0]
    assert re.match(r"there, by DEBUG HTSTATS-KEY: buckets \d+, elements \d", said[1])
    drawn, said = lines_of(views.skiplist("board", search="member-7"))
    assert "300" in drawn[0] and "the towers, which it does not tell" in said[0]
    assert "the towers, which it does not tell" in views.skiplist("board").svg()


def test_every_other_view_of_keys(real):
    session, engine = real
    keys, said = lines_of(views.keys())
    assert keys[0].startswith(f"keys of database 0: {engine.execute('DBSIZE')} keys")
    assert "a copy" in said[0]
    assert any(line.startswith("text ") and line.endswith("min left") for line in keys)
    for view in (views.venn, views.encoding):
        assert lines_of(view("numbers", "words"))[0] == lines_of(view("numbers", "words", node=engine))[
            0
        ] or (
            ask(session, "OBJECT", "ENCODING", "words") == b"hashtable"  # before 7.2 a small set of words
        )
    stream, said = lines_of(views.stream("stream"))
    assert any("bob" in line for line in stream) and "pending are the server's own" in said[0]
    assert lines_of(views.geo("places"))[0] == lines_of(views.geo("places", engine))[0]
    assert "1 logically dead" not in str(views.ttl_board()) and "1 live" in str(views.ttl_board())
    payload = ask(session, "DUMP", "hash")
    assert lines_of(views.rdb("hash"))[0][1:] == str(views.rdb(payload)).splitlines()[1:]


def test_keys_of_another_database_are_others(real):
    session, _ = real
    ask(session, "SET", "same", "0")
    ask(session, "SELECT", "1")
    ask(session, "SET", "same", "0")
    ask(session, "SELECT", "0")
    for database in (0, 1, 0):
        assert "there is no such key" not in str(views.show("same", db=database))
    assert str(views.keys(db=1)).startswith("keys of database 1: 1 key ")


def test_what_changes_there_is_seen_at_the_next_look(real):
    session, _ = real
    picture = views.show("passing")
    assert "there is no such key" in str(picture)
    ask(session, "SADD", "passing", "1", "2")
    assert lines_of(picture)[0][0].startswith("passing: intset, 2 numbers")
    ask(session, "SADD", "passing", "3")
    assert lines_of(picture)[0][0].startswith("passing: intset, 3 numbers")
    ask(session, "DEL", "passing")
    assert "there is no such key" in str(picture)


def test_a_conversation_and_the_gauges_are_the_servers(real):
    session, _ = real
    assert [part["bytes"] for part in views.exchange("HGET hash name").take()] == [34, 9]
    assert views.exchange("HGETALL hash", protocol=3).take()[1]["rows"][0]["shown"].startswith("%2")
    assert session.connection("redis").protocol == 2
    gauges = views.dashboard().take()
    assert {"hset", "zadd"} & {row["name"] for row in gauges["commands"]}
    assert int(gauges["vital"]["total_commands_processed"]) > len(LINES)


def test_what_is_inside_of_a_node_is_refused_with_a_reason(real):
    _, engine = real
    with pytest.raises(Untold, match="does not tell what this view draws.*default_node"):
        views.transactions()
    with pytest.raises(Untold, match="redis-cli --rdb"):
        str(views.rdb())
    with pytest.raises(Untold, match="FLUSHALL deletes every key"):
        views.exchange("FLUSHALL")
    assert str(views.transactions(engine)) == "0 clients in a transaction"
