"""The commands of a Sentinel beside a real one: same names, same replies, same errors, same file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.differential.servers import available_judges
from tests.interop.instances import free_port, until
from tests.interop.watchers import NAME, Watcher, watching

REDIS = available_judges()[0]

SAME = """
ROLE
SENTINEL
SENTINEL foo
SENTINEL MASTER
SENTINEL MASTER nobody
SENTINEL REPLICAS nobody
SENTINEL SENTINELS mymaster
SENTINEL SLAVES mymaster
SENTINEL GET-MASTER-ADDR-BY-NAME nobody
SENTINEL GET-MASTER-ADDR-BY-NAME mymaster
SENTINEL CKQUORUM nobody
SENTINEL CKQUORUM mymaster
SENTINEL FAILOVER nobody
SENTINEL FAILOVER mymaster
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 x 1 *
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 x *
SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 1 *
SENTINEL IS-MASTER-DOWN-BY-ADDR nobody.invalid 1 1 *
SENTINEL MONITOR other 127.0.0.1 1 0
SENTINEL MONITOR other 127.0.0.1 1 x
SENTINEL MONITOR other 127.0.0.1 x 1
SENTINEL MONITOR other nobody.invalid 1 1
SENTINEL MONITOR other 127.0.0.1 70000 1
SENTINEL MONITOR mymaster 127.0.0.1 1 1
SENTINEL MONITOR other 127.0.0.1 1 3
SENTINEL CKQUORUM other
SENTINEL SET other quorum 2
SENTINEL SET other quorum 0
SENTINEL SET other quorum x
SENTINEL SET other down-after-milliseconds 7000 failover-timeout 9000 parallel-syncs 3
SENTINEL SET other down-after-milliseconds -1
SENTINEL SET other nonsense 1
SENTINEL SET other quorum
SENTINEL SET other notification-script /bin/true
SENTINEL SET other auth-pass secret auth-user me
SENTINEL SET other rename-command CONFIG abc
SENTINEL SET nobody quorum 1
SENTINEL CONFIG GET announce*
SENTINEL CONFIG GET nothing
SENTINEL CONFIG SET announce-port 1234
SENTINEL CONFIG SET announce-port x
SENTINEL CONFIG SET announce-hostnames maybe
SENTINEL CONFIG SET nonsense 1
SENTINEL CONFIG GET announce-port
SENTINEL CONFIG
SENTINEL DEBUG info-period 0
SENTINEL DEBUG nonsense 1
SENTINEL DEBUG
SENTINEL INFO-CACHE nobody
SENTINEL INFO-CACHE other
SENTINEL PENDING-SCRIPTS
SENTINEL RESET oth*
SENTINEL RESET nothing
SENTINEL FLUSHCONFIG
SENTINEL FLUSHCONFIG now
SENTINEL SIMULATE-FAILURE help
SENTINEL SIMULATE-FAILURE nonsense
SENTINEL SIMULATE-FAILURE crash-after-election
SENTINEL SIMULATE-FAILURE no
SENTINEL REMOVE other
SENTINEL REMOVE other
GET k
CONFIG GET port
MULTI
EVAL return 0
PUBLISH news hello
PUBLISH __sentinel__:hello nonsense
PUBLISH __sentinel__:hello 127.0.0.1,1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,7,nobody,127.0.0.1,1,7
CLIENT SETNAME me
CLIENT GETNAME
PING
"""


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Watcher, Watcher]]:
    """Ours and a real one, both watching a port where nobody is."""
    port = free_port()
    with watching(Watcher(None, port), Watcher(REDIS, port)) as (ours, real):
        for watcher in (ours, real):
            until(lambda watcher=watcher: "s_down" in watcher.state()["flags"], "the primary is down")
        yield ours, real


def ask(watcher: Watcher, *words: Any) -> Any:
    try:
        return watcher.client.execute_command(*words)
    except redis.ResponseError as error:
        return f"error: {error}"


@pytest.mark.parametrize("line", SAME.strip().splitlines())
def test_the_same_reply(pair: tuple[Watcher, Watcher], line: str) -> None:
    ours, real = pair
    assert ask(ours, *line.split()) == ask(real, *line.split())


def test_the_same_fields(pair: tuple[Watcher, Watcher]) -> None:
    """All fields of an instance in the same order; the values too, but for times and lots."""
    ours, real = pair
    states = [watcher.state() for watcher in (ours, real)]
    assert [*states[0]] == [*states[1]]
    steady = ("name", "ip", "port", "runid", "config-epoch", "quorum", "failover-timeout", "role-reported")
    assert [states[0][name] for name in steady] == [states[1][name] for name in steady]
    texts = [ask(watcher, "INFO", "sentinel").decode().splitlines() for watcher in (ours, real)]
    shown = [line for line in texts[0] if not line.startswith("sentinel_total_tilt")]  # new in 7.2
    assert shown == texts[1]


def test_the_same_table(pair: tuple[Watcher, Watcher]) -> None:
    """The names of 7.0, and CLIENT SETINFO, which came with 7.2."""
    names = [set(ask(watcher, "COMMAND", "LIST")) for watcher in pair]
    assert names[0] - names[1] == {b"client|setinfo"} and names[1] <= names[0]
    for name in sorted(names[0] & names[1]):
        if name.startswith(b"sentinel|") or name in (b"publish", b"info", b"role"):
            (ours,), (real,) = (ask(watcher, "COMMAND", "INFO", name) for watcher in pair)
            assert ours[1] == real[1] or name == b"sentinel|config", name  # -3 in 7.0, -4 in 7.2
            assert ours[0] == real[0] and sorted(ours[2]) == sorted(real[2]), name
            assert sorted(ours[6]) == sorted(real[6]), name


def test_the_same_file(pair: tuple[Watcher, Watcher]) -> None:
    """What both write about Sentinel, in the same order."""
    texts = []
    for watcher in pair:
        ask(watcher, "SENTINEL", "FLUSHCONFIG")
        lines = watcher.config.read_text().replace(watcher.call("MYID").decode(), "ID").splitlines()
        texts.append([line for line in lines if line.startswith("sentinel ")])
    assert texts[0] == texts[1]
    assert f"sentinel leader-epoch {NAME} 0" in texts[0]
