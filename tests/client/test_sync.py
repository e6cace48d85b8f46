"""redis-py's own methods on a node in this process: everything of redis-py runs, but its socket."""

from __future__ import annotations

import threading

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import minidis
from minidis.client import connect, sync
from minidis.drivers.embedded import Embedded

AT_ONCE = Retry(NoBackoff(), 0)  # redis-py's default tries again, and sleeps in between


@pytest.fixture
def node() -> Embedded:
    return Embedded(seed=1)


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def protocol(request) -> int:
    return request.param


@pytest.fixture(params=["in C", "in Python"], autouse=True)
def parser(request, monkeypatch) -> None:
    """redis-py has a parser of its own, and uses hiredis's where that is installed."""
    if request.param == "in Python":
        monkeypatch.setattr(sync, "HIREDIS_AVAILABLE", False)


@pytest.fixture
def client(node, protocol) -> redis.Redis:
    return connect(node, decode_responses=True, protocol=protocol)


@pytest.fixture
def raw(node, protocol) -> redis.Redis:
    return connect(node, protocol=protocol)


def test_it_is_redis_py(client):
    assert isinstance(client, redis.Redis)
    assert client.ping() is True


def test_without_a_node_everyone_shares_one():
    minidis.connect().set("shared", "x")
    assert minidis.connect().get("shared") == b"x"
    assert minidis.default_node().execute("DEL", "shared") == 1


def test_strings(client, raw):
    assert client.set("k", "v") is True
    assert client.set("k", "w", nx=True) is None
    assert client.set("k", "w", get=True) == "v"
    assert raw.get("k") == b"w"
    assert client.mset({"a": 1, "b": 2}) is True
    assert client.mget("a", "nosuch", "b") == ["1", None, "2"]
    assert client.incrbyfloat("f", 0.1) == 0.1
    assert client.incrbyfloat("f", 0.2) == 0.3
    assert client.append("k", "\u00e9") == 3
    assert raw.getrange("k", 1, -1) == "\u00e9".encode()
    assert client.set("t", "x", ex=100) is True
    assert client.ttl("t") == 100
    assert raw.set(b"\xff\x00", bytes(range(256))) is True
    assert raw.get(b"\xff\x00") == bytes(range(256))
    assert client.getex("t", persist=True) == "x"
    assert client.setbit("bits", 7, 1) == 0
    assert client.bitcount("bits") == 1
    assert client.pfadd("hll", "a", "b") == 1
    assert client.pfcount("hll") == 2


def test_collections(client):
    assert client.rpush("l", 1, 2, 3) == 3
    assert client.lrange("l", 0, -1) == ["1", "2", "3"]
    assert client.lpop("l", 2) == ["1", "2"]
    assert client.lpos("l", "3") == 0
    assert client.sadd("s", "a", "b") == 2
    assert client.smembers("s") == {"a", "b"}
    assert client.smismember("s", ["a", "x"]) == [1, 0]
    assert client.hset("h", mapping={"f": 1, "g": 2}) == 2
    assert client.hgetall("h") == {"f": "1", "g": "2"}
    assert client.hincrbyfloat("h", "f", 0.5) == 1.5
    assert client.zadd("z", {"a": 1, "b": 2.5}) == 2
    assert client.zscore("z", "b") == 2.5
    assert client.zincrby("z", 1, "a") == 2
    assert [list(pair) for pair in client.zrange("z", 0, -1, withscores=True)] == [["a", 2.0], ["b", 2.5]]
    assert client.zrank("z", "b") == 1


def test_keys_and_scans(client):
    client.mset({f"key:{number}": number for number in range(100)})
    assert sorted(client.keys("key:9?")) == [f"key:{number}" for number in range(90, 100)]
    assert set(client.scan_iter("key:*", count=7)) == set(client.keys("*"))
    assert client.expire("key:1", 100, nx=True) is True
    assert client.expire("key:1", 50, gt=True) is False
    assert client.type("key:1") == "string"
    assert client.rename("key:1", "renamed") is True
    assert client.copy("renamed", "copy") is True
    assert client.exists("renamed", "copy", "key:1") == 2
    assert client.object("encoding", "renamed") == "int"
    assert client.unlink("renamed", "copy") == 2
    assert client.dbsize() == 99
    client.hset("h", mapping={str(number): number for number in range(600)})
    assert len(dict(client.hscan_iter("h"))) == 600
    client.rpush("l", 3, 1, 2)
    assert client.sort("l", desc=True) == ["3", "2", "1"]
    assert client.flushall() is True
    assert client.dbsize() == 0


def test_errors_are_those_of_redis_py(client):
    client.set("k", "v")
    with pytest.raises(redis.ResponseError, match="^WRONGTYPE Operation against"):
        client.lpush("k", 1)
    with pytest.raises(redis.ResponseError, match="^unknown command 'NOSUCH'"):
        client.execute_command("NOSUCH")
    with pytest.raises(redis.ResponseError, match="value is not an integer"):
        client.incr("k")


def test_pipelines_and_transactions(client):
    with client.pipeline(transaction=False) as pipe:
        assert pipe.set("a", 1).incr("a").get("a").execute() == [True, 2, "2"]
    with client.pipeline() as pipe:
        pipe.incr("a").lpush("a", "x").incr("a")
        replies = pipe.execute(raise_on_error=False)
    assert replies[0] == 3 and isinstance(replies[1], redis.ResponseError) and replies[2] == 4
    with client.pipeline() as pipe:
        pipe.execute_command("NOSUCH")
        with pytest.raises(redis.ResponseError):
            pipe.execute()


def test_watch(client, node):
    client.set("a", 1)
    with client.pipeline() as pipe:
        pipe.watch("a")
        seen = int(pipe.get("a"))
        connect(node).set("a", 5)
        pipe.multi()
        pipe.set("a", seen + 1)
        with pytest.raises(redis.WatchError):
            pipe.execute()

    def increment(pipe) -> None:
        seen = int(pipe.get("a"))
        pipe.multi()
        pipe.set("a", seen + 1)

    assert client.transaction(increment, "a") == [True]
    assert client.get("a") == "6"


def test_a_large_pipeline(client):
    with client.pipeline(transaction=False) as pipe:
        for number in range(5000):
            pipe.set(f"k{number}", "x" * 100)
        assert pipe.execute() == [True] * 5000


def test_about_the_connection(client, protocol):
    assert client.client_setname("alice") is True
    assert client.client_getname() == "alice"
    info = client.client_info()
    assert info["name"] == "alice" and int(info["resp"]) == protocol
    assert info["lib-name"] == "redis-py"
    assert [each["name"] for each in client.client_list()] == ["default", "alice"]  # the node's own first
    assert client.echo("\u00e9") == "\u00e9"
    assert len(client.time()) == 2


def test_about_the_server(client):
    assert client.config_set("maxmemory", "10mb") is True
    assert client.config_get("maxmemory*")["maxmemory"] == "10485760"
    with pytest.raises(redis.ResponseError, match="CONFIG SET failed"):
        client.config_set("maxmemory", "ten")
    client.set("k", "v", ex=100)
    info = client.info()
    assert info["redis_version"] == "7.2.0"
    assert info["db0"]["keys"] == 1 and info["db0"]["expires"] == 1
    assert client.info("keyspace").keys() == {"db0"}
    assert client.command_count() > 150
    assert client.command_getkeys("MSET", "a", 1, "b", 2) == ["a", "b"]
    assert client.command()["get"]["arity"] == 2
    assert client.swapdb(0, 1) is True
    assert client.get("k") is None


def test_each_database_by_its_own_client(node):
    connect(node, db=3).set("k", "three")
    assert connect(node).get("k") is None
    assert connect(node, db=3, decode_responses=True).get("k") == "three"
    with pytest.raises(redis.ResponseError, match="DB index is out of range"):
        connect(node, db=99).ping()


def test_password(node, protocol):
    node.execute("CONFIG", "SET", "requirepass", "secret")
    with pytest.raises(redis.AuthenticationError):
        connect(node, protocol=protocol, retry=AT_ONCE).get("k")
    with pytest.raises(redis.AuthenticationError):
        connect(node, protocol=protocol, password="wrong", retry=AT_ONCE).get("k")
    assert connect(node, protocol=protocol, password="secret").get("k") is None


def test_single_connection(node):
    client = connect(node)
    with client.client() as same:
        assert same.client_id() == same.client_id()
        same.select(5)
        assert same.set("k", "five")
    assert connect(node, db=5).get("k") == b"five"


# ---- connections end --------------------------------------------------------------------------------------


def test_a_killed_connection_is_a_connection_error(node):
    with connect(node, retry=AT_ONCE).client() as victim:
        number = victim.client_id()
        assert connect(node).client_kill_filter(_id=number) == 1
        with pytest.raises(redis.ConnectionError):
            victim.execute_command("PING")


def test_the_pool_comes_back_after_a_kill(client, node):
    node.execute("CLIENT", "KILL", "ID", str(client.client_id()))
    assert client.set("k", "v") is True


def test_a_restarted_node_is_reached_again(client, node):
    client.set("k", "v")
    node.restart()
    assert client.get("k") is None


def test_closing_leaves_the_node(client, node):
    client.ping()
    before = len(node.node.clients)
    client.close()
    assert len(node.node.clients) == before - 1


def test_a_connection_closed_within_a_command_leaves_after_it(client, node):
    """As Python's garbage collector closes one that nobody holds any more: at any moment."""
    other = connect(node)
    other.ping()
    client.ping()
    before, services, meanwhile = len(node.node.clients), list(node.node.services), []

    def close(client, argv, reply):
        other.close()
        meanwhile.append(len(node.node.clients))

    node.node.listen_to_commands(close)
    client.get("k")
    assert meanwhile == [before]
    assert len(node.node.clients) == before - 1
    assert node.node.services == services


# ---- waiting, and threads ---------------------------------------------------------------------------------


def in_thread(function) -> threading.Thread:
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def until_blocked(node: Embedded, clients: int = 1) -> None:
    """Until so many clients wait. Polls the node itself, which is where the other threads get to."""
    while len(node.node.waiting) < clients:
        node.tick()


def test_blpop_is_woken_by_another_thread(client, node):
    got = []
    thread = in_thread(lambda: got.append(client.blpop(["q"], timeout=30)))
    until_blocked(node)
    connect(node).rpush("q", "x")
    thread.join(30)
    assert [list(pair) for pair in got] == [["q", "x"]]


def test_blpop_gives_up_in_time(client):
    assert client.blpop(["nosuch"], timeout=0.05) is None


def test_waiting_ends_when_a_frozen_clock_is_moved(node):
    node.freeze("2026-01-01T00:00:00Z")
    client, got = connect(node), []
    thread = in_thread(lambda: got.append(client.brpop("q", timeout=3600)))
    until_blocked(node)
    node.step(3600)
    thread.join(30)
    assert got == [None]


def test_client_unblock(node):
    client, got = connect(node), []

    def wait() -> None:
        with pytest.raises(redis.ResponseError, match="^UNBLOCKED"):
            client.blpop("q", timeout=0)
        got.append("unblocked")

    thread = in_thread(wait)
    until_blocked(node)
    [waiting] = [number for number, each in node.node.clients.items() if each.parked]
    assert connect(node).client_unblock(waiting, error=True) == 1
    thread.join(30)
    assert got == ["unblocked"]


def test_a_socket_timeout_gives_up_the_connection(node):
    client = connect(node, socket_timeout=0.05, retry=AT_ONCE)
    with pytest.raises(redis.TimeoutError):
        client.blpop("q", timeout=0)
    assert len(node.node.waiting) == 0
    assert client.ping()


def test_keyboard_interrupt_ends_the_waiting(node, monkeypatch):
    client = connect(node)

    def interrupted(*arguments) -> None:
        raise KeyboardInterrupt

    client.ping()
    monkeypatch.setattr(node._output, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.blpop("q", timeout=0)
    monkeypatch.undo()
    assert len(node.node.waiting) == 0
    assert client.rpush("q", "x") == 1


def test_a_pipeline_goes_on_behind_a_blocking_command(node):
    client, got = connect(node), []

    def run() -> None:
        with client.pipeline(transaction=False) as pipe:
            got.extend(pipe.set("a", 1).blpop("q").incr("a").execute())

    thread = in_thread(run)
    until_blocked(node)
    other = connect(node)
    assert other.get("a") == b"1"
    other.rpush("q", "x")
    thread.join(30)
    assert got == [True, (b"q", b"x"), 2]


def test_eight_threads_share_one_client(client, node):
    def work() -> None:
        for _ in range(200):
            client.incr("n")
            with client.pipeline() as pipe:
                pipe.incr("m").incr("m").execute()

    threads = [in_thread(work) for _ in range(8)]
    for thread in threads:
        thread.join(60)
    assert client.mget("n", "m") == ["1600", "3200"]


def test_a_lock_of_redis_py(client):
    """It releases by a script, so that only its owner can."""
    lock = client.lock("lock", timeout=10)
    assert lock.acquire(blocking=False)
    assert not client.lock("lock", timeout=10).acquire(blocking=False)
    lock.release()
    with pytest.raises(redis.exceptions.LockError):
        lock.release()
    assert client.exists("lock") == 0
