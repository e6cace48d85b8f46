"""A slot moves from one node to another: one transcript, with two real nodes, two of ours, and one of each.

What a client is told on the way (MOVED, ASK, TRYAGAIN), what ASKING opens, what becomes of a client that
waits and of one that listens, must not depend on who is who.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest
import redis

from minidis.distributed.cluster.slots import slot_of
from tests.differential.servers import available_judges
from tests.interop.instances import PATIENCE_S, Instance, free_port, running, until

REAL = next((judge for judge in available_judges() if judge.name == "redis-7.0"), None)
TAG = "{m}"
SLOT = slot_of(TAG.encode())
OTHER_HALF = "8192 16383" if SLOT < 8192 else "0 8191"
MY_HALF = "0 8191" if SLOT < 8192 else "8192 16383"

TRANSCRIPT = """
S SET {m}a 1
S SET {m}b 2
S RPUSH {m}l x y
T GET {m}a
T CLUSTER SETSLOT <slot> IMPORTING <S>
S CLUSTER SETSLOT <slot> MIGRATING <T>
S GET {m}a
S GET {m}none
S SET {m}new 1
S MGET {m}a {m}b
S MGET {m}none {m}gone
S MULTI
S GET {m}a
S GET {m}none
S EXEC
S EVAL "return redis.call('GET', KEYS[1])" 1 {m}a
S EVAL "return redis.call('GET', KEYS[1])" 1 {m}none
S CLUSTER GETKEYSINSLOT <slot> 10
T GET {m}a
T ASKING
T GET {m}a
T GET {m}a
T ASKING
T SET {m}new 1
T ASKING
T MGET {m}new {m}a
T ASKING
T MGET {m}new {m}new
T ASKING
T MULTI
T GET {m}new
T EXEC
T GET {m}new
T ASKING
T EVAL "return redis.call('GET', KEYS[1])" 1 {m}new
T MIGRATE 127.0.0.1 1 {m}none 0 5000
S MIGRATE 127.0.0.1 <t> {m}a 0 60000
S GET {m}a
T ASKING
T GET {m}a
S SET {m}b 3
T ASKING
T SET {m}b other
S MIGRATE 127.0.0.1 <t> {m}b 0 60000
S MIGRATE 127.0.0.1 <t> "" 0 60000 REPLACE KEYS {m}b {m}l {m}gone
S CLUSTER COUNTKEYSINSLOT <slot>
T CLUSTER COUNTKEYSINSLOT <slot>
S CLUSTER SETSLOT <slot> NODE <none>
T CLUSTER SETSLOT <slot> NODE <T>
S CLUSTER SETSLOT <slot> NODE <T>
S GET {m}a
T GET {m}a
T MGET {m}a {m}b
T LRANGE {m}l 0 -1
S SSUBSCRIBE {m}c
T SPUBLISH {m}c hello
"""


class Member(Instance):
    def __init__(self, judge) -> None:
        self.bus_port = free_port()
        super().__init__(judge, **{"cluster-enabled": "yes", "cluster-port": self.bus_port})


@pytest.fixture(scope="module")
def members() -> Iterator[dict[str, Member]]:
    found = {"real1": Member(REAL), "real2": Member(REAL), "ours1": Member(None), "ours2": Member(None)}
    with running(*found.values()):
        yield found


def make_pair(source: Member, target: Member) -> dict[str, str]:
    """Two primaries with half of the slots each, fresh; the words that stand for what is theirs."""
    for one, half in ((source, MY_HALF), (target, OTHER_HALF)):
        one.call("FLUSHALL")
        one.call("CLUSTER", "RESET", "HARD")
        one.call("CLUSTER", "ADDSLOTSRANGE", *half.split())
    source.call("CLUSTER", "MEET", "127.0.0.1", target.port, target.bus_port)
    ids = [one.call("CLUSTER", "MYID").decode() for one in (source, target)]
    for one in (source, target):
        until(lambda one=one: all(name in one.call("CLUSTER", "NODES").decode() for name in ids), "they met")
        until(lambda one=one: b"cluster_state:ok" in one.call("CLUSTER", "INFO"), "all is well")
    words = {"<slot>": str(SLOT), "<none>": "f" * 40, "<S>": ids[0], "<T>": ids[1]}
    return words | {"<s>": str(source.port), "<t>": str(target.port)}


def play(source: Member, target: Member) -> list[str]:
    """The transcript with replies; what belongs to these two nodes is masked."""
    words = make_pair(source, target)
    to_source, to_target, waiting, listening = connections = [
        redis.Connection(port=one.port, protocol=2, socket_timeout=PATIENCE_S)
        for one in (source, target, source, source)
    ]
    said = []

    def note(line: str, reply: object) -> None:
        text = f"{type(reply).__name__} {reply}" if isinstance(reply, redis.RedisError) else repr(reply)
        for word, meaning in words.items():
            text = text.replace(meaning, word)
        said.append(f"{line}  ->  {text}")

    listening.send_command("SSUBSCRIBE", f"{TAG}c")
    note("listens", read(listening))
    waiting.send_command("BLPOP", f"{TAG}q", 0)
    until(lambda: source.client.info("clients")["blocked_clients"] == 1, "it waits")
    for line in TRANSCRIPT.strip().splitlines():
        command = line[2:]
        for word, meaning in words.items():
            command = command.replace(word, meaning)
        connection = to_source if line.startswith("S ") else to_target
        connection.send_command(*shlex.split(command))
        note(line, read(connection))
    note("who waited", read(waiting))
    note("who listened", read(listening))
    for connection in connections:
        connection.disconnect()
    return said


def read(connection: redis.Connection) -> object:
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error


@pytest.fixture(scope="module")
def expected(members) -> list[str]:
    """What two real nodes say."""
    return play(members["real1"], members["real2"])


@pytest.mark.parametrize("pair", ["ours1 ours2", "ours1 real1", "real1 ours1"])
def test_the_same_is_said_on_the_way(members, expected, pair):
    source, target = (members[name] for name in pair.split())
    assert play(source, target) == expected
