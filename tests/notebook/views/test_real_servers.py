"""The views of a real server: what it tells is drawn as it is there, and what it does not tell is said."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest

from minidis import Embedded
from minidis.notebook import views
from minidis.notebook.session import Session
from minidis.notebook.views import fanouts
from minidis.notebook.views.mirrors import Untold
from minidis.notebook.views.sources import follow_cells
from minidis.protocol.replies import ReplyError
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


def run_on_both(session, *lines):
    """The same commands of the same clients, there and here."""
    for line in lines:
        client, *words = line.encode().split()
        for target in (session.target, session.targets["embedded"]):
            with suppress(ReplyError):
                session.connection(client.decode(), target).call(words)


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


def test_transactions_are_those_that_the_server_lists(real):
    session, engine = real
    run_on_both(session, "ann WATCH number", "ann MULTI", "ann SET a 1", "ann GET a", "bob WATCH text number")
    run_on_both(session, "eve MULTI", "eve SET a 1", "redis SET number 13", "fay WATCH words")
    there = {one["name"]: one for one in views.transactions().take()["clients"]}
    here = {one["name"]: one for one in views.transactions(engine).take()["clients"]}
    told = "watch=" in ask(session, "CLIENT", "LIST").decode()  # by Redis 7.4, Valkey 8.0 and what follows
    assert list(there) == ["ann", "bob", "eve", *["fay"] * told] and len(here) == 4
    for name, client in there.items():
        assert [client[it] for it in ("in_multi", "changed", "verdict")] == [
            here[name][it] for it in ("in_multi", "changed", "verdict")
        ]
    assert re.fullmatch(r"1 command, \d+ bytes", there["eve"]["queue"][0])
    assert told is (there.get("fay", {}).get("watched") == ["1 key"])
    run_on_both(session, "eve SET a")
    text, svg = str(views.transactions()), views.transactions().svg()
    for words in ("names neither watched keys nor queued commands", "EXEC would answer EXECABORT"):
        assert words in text and words in svg
    assert ("who only watches is seen once a key has changed" in text) is not told
    run_on_both(session, "ann DISCARD", "bob UNWATCH", "eve DISCARD", "fay UNWATCH")
    assert str(views.transactions()).startswith("0 clients in a transaction")


def test_listeners_are_counted_as_the_server_counts_them(real):
    session, engine = real
    run_on_both(session, "ann SUBSCRIBE news sport", "bob SUBSCRIBE news", "bob PSUBSCRIBE n* s*")
    run_on_both(session, "eve SSUBSCRIBE orders")
    there, here = views.fanout("news").take(), views.fanout("news", engine).take()
    counts = [(name["kind"], name["name"], name["listeners"], name["hit"]) for name in there["names"]]
    assert counts == [
        (name["kind"], name["name"], name["listeners"], name["hit"])
        for name in here["names"]
        if name["kind"] != "pattern"
    ]
    assert {one["name"]: one["state"] for one in there["clients"]} == {
        "ann": "2 channels",
        "bob": "1 channel, 2 patterns",
        "eve": "1 shard channel",
    }
    text, svg = str(views.fanout("news")), views.fanout("news").svg()
    assert "handed out 2 times, to 2 clients, and to those whose pattern matches" in text
    for words in ("and 2 patterns; which, the server does not tell", "do not say who listens to what"):
        assert words in text and words in svg
    run_on_both(session, "ann UNSUBSCRIBE", "bob UNSUBSCRIBE", "bob PUNSUBSCRIBE", "eve SUNSUBSCRIBE")
    assert str(views.fanout()).startswith("Pub/Sub: 0 names, 0 clients")


REQUESTS = ["GET k1", "GET z", "SET k1 v", "SUBSCRIBE news", "PUBLISH ch1 x", "CONFIG GET *", "NOSUCH", "GET"]


def test_rights_are_judged_by_the_server_or_by_its_rules(real):
    session, engine = real
    rules = "nopass resetchannels ~k* &ch* +@pubsub +get +acl|list +acl|users +client +config|get"
    run_on_both(session, f"redis ACL SETUSER app on {rules}", "redis ACL SETUSER idle")
    here = str(views.acl_matrix(REQUESTS, node=engine)).splitlines()
    there, said = lines_of(views.acl_matrix(REQUESTS))
    assert there == here and said[0].endswith(" by ACL DRYRUN")
    for words in ("✗ key", "✗ command", "✗ channel", "✗ no such command", "✗ wrong arity"):
        assert words in here[2] + here[3] + here[4] + here[7] + here[8]
    assert "✗ no such user" in str(views.acl_matrix(["GET k1"], ["nobody"]))

    everyone = session.target
    url_of_app = everyone.url.replace("unix://", "unix://app:any@")
    session.connect(url_of_app)  # it may not ask DRYRUN
    there, said = lines_of(views.acl_matrix(REQUESTS))
    assert there == here and said[0].endswith("by ACL LIST: the rules are the server's, and judged here")
    session.connection("redis", everyone).call(b"ACL SETUSER app -acl|list".split())
    with pytest.raises(Untold, match=r"app:\*\*\*@\S+ does not answer ACL LIST: NOPERM"):
        views.acl_matrix(REQUESTS).take()
    session.connect(everyone.url)


def test_a_default_user_without_rights_does_not_stop_the_mirror(real):
    session, _ = real
    everyone = session.target
    ask(session, *"ACL SETUSER boss on >any ~* &* +@all -acl|dryrun".split())
    ask(session, *"ACL SETUSER zoe on nopass ~k* +get".split())
    session.connect(everyone.url.replace("unix://", "unix://boss:any@"))
    ask(session, *"ACL SETUSER default off -@all".split())
    try:
        (row,) = views.acl_matrix(["GET k1"], ["default", "zoe"]).take()["rows"]
        assert row[1] == ["command", ""]
        assert str(views.show("list")).startswith("list: ")
    finally:
        ask(session, *"ACL SETUSER default on +@all".split())
        session.connect(everyone.url)


def test_of_very_many_channels_a_part_is_counted(real, monkeypatch):
    session, _ = real
    run_on_both(session, "ann SUBSCRIBE news sport weather")
    monkeypatch.setattr(fanouts, "MOST_KEYS", 2)
    names = views.fanout("weather").take()["names"]
    assert [(name["name"], name["hit"]) for name in names] == [("news", False), ("weather", True)]
    text, svg = str(views.fanout("weather")), views.fanout("weather").svg()
    for drawn in (text, svg):
        assert "2 of the 3 names of PUBSUB CHANNELS are shown" in drawn
    run_on_both(session, "ann UNSUBSCRIBE")


def test_channels_are_drawn_where_shard_channels_are_refused(real):
    session, _ = real
    everyone = session.target
    run_on_both(session, "ann SUBSCRIBE news")
    ask(session, *"ACL SETUSER old on >any ~* &* +@all -pubsub|shardchannels".split())
    session.connect(everyone.url.replace("unix://", "unix://old:any@"))
    text = str(views.fanout("news"))
    session.connect(everyone.url)
    run_on_both(session, "ann UNSUBSCRIBE")
    assert "a message to news is handed out 1 time, to 1 client" in text
    assert "does not answer PUBSUB SHARDCHANNELS: NOPERM" in text


def test_keys_that_may_not_be_listed_are_not_drawn_as_none(real):
    session, _ = real
    everyone = session.target
    ask(session, *"ACL SETUSER blind on >any ~* &* +@all -scan".split())
    session.connect(everyone.url.replace("unix://", "unix://blind:any@"))
    with pytest.raises(Untold, match="does not answer SCAN: NOPERM"):
        views.keys().take()
    session.connect(everyone.url)


def test_a_name_that_text_would_split_is_one_client(real):
    session, _ = real
    name = "two\u2028lines\x85"
    ask(session, "ACL", "SETUSER", name, *"on >any ~* &* +@all".split())
    session.connection("ann").call([b"AUTH", name.encode(), b"any"])
    session.connection("ann").call([b"MULTI"])
    assert [one["name"] for one in views.transactions().take()["clients"]] == ["ann"]
    session.connection("ann").call([b"DISCARD"])
    ask(session, "ACL", "DELUSER", name)


def test_what_is_inside_of_a_node_is_refused_with_a_reason(real):
    _, engine = real
    with pytest.raises(Untold, match="does not tell what this view draws.*default_node"):
        views.disk()
    with pytest.raises(Untold, match="redis-cli --rdb"):
        str(views.rdb())
    with pytest.raises(Untold, match="FLUSHALL deletes every key"):
        views.exchange("FLUSHALL")
    assert str(views.disk(engine)) and str(views.rdb(node=engine))
