"""Sentinels on real sockets: real ones around our servers, ours around real ones, and both in one quorum."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.sentinel import Sentinel

from tests.differential.servers import Judge, available_judges
from tests.interop.instances import Instance, free_port, running, tls_options, until
from tests.interop.watchers import NAME, Watcher, watching

REDIS, VALKEY = available_judges()


def kind(letter: str) -> Judge | None:
    """Minidis, Redis, or Valkey."""
    return {"m": None, "r": REDIS, "v": VALKEY}[letter]


def at_once(start: Callable[[str], Any], letters: str) -> list[Any]:
    """Start several processes beside each other: most of the time goes into that."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(start, letters))


@contextlib.contextmanager
def deployment(nodes: str, sentinels: str) -> Iterator[tuple[tuple[Instance, ...], tuple[Watcher, ...]]]:
    """A primary with replicas, and Sentinels who know all of them; a letter for each, see `kind`."""
    instances = at_once(lambda letter: Instance(kind(letter)), nodes)
    primary, *replicas = instances
    with running(*instances):
        for replica in replicas:
            replica.follow(primary.port)
        for replica in replicas:
            replica.wait_for_link()
        watchers = at_once(lambda letter: Watcher(kind(letter), primary.port), sentinels)
        with watching(*watchers):
            with telling_logs(watchers):
                for watcher in watchers:
                    until(
                        lambda watcher=watcher: watcher.knows(len(replicas), len(sentinels) - 1),
                        f"the Sentinel of {watcher.name} knows everybody",
                    )
            yield tuple(instances), tuple(watchers)


@contextlib.contextmanager
def telling_logs(watchers: Iterable[Watcher]) -> Iterator[None]:
    """What does not come in time is to be found in what the Sentinels have written."""
    try:
        yield
    except AssertionError as error:
        logs = "\n".join(f"{watcher.name}, port {watcher.port}:\n{watcher.log()}" for watcher in watchers)
        raise AssertionError(f"{error}\n{logs}") from None


def agreed_port(watchers: tuple[Watcher, ...], former: int) -> int:
    """The port on which all Sentinels agree, once it is another."""

    def agreed() -> int:
        ports = {watcher.port_of_primary() for watcher in watchers}
        return ports.pop() if len(ports) == 1 and former not in ports else 0

    with telling_logs(watchers):
        return until(agreed, "the Sentinels agree on another primary")


@pytest.mark.parametrize(
    ("nodes", "sentinels"),
    [("mmm", "rrr"), ("rrr", "mmm"), ("mrm", "vmr"), ("rmr", "mrr")],
    ids=lambda letters: letters,
)
def test_a_failover(nodes: str, sentinels: str) -> None:
    """The primary dies: a replica takes its place, the other follows it, clients of redis-py find it."""
    with deployment(nodes, sentinels) as (instances, watchers):
        former, *replicas = instances
        client = Sentinel([("127.0.0.1", watcher.port) for watcher in watchers], socket_timeout=5)
        primary = client.master_for(NAME)
        assert primary.set("k", "before") and client.discover_master(NAME) == ("127.0.0.1", former.port)
        former.kill()
        port = agreed_port(watchers, former.port)
        new = next(one for one in replicas if one.port == port)
        other = next(one for one in replicas if one.port != port)
        until(lambda: other.info().get("master_port") == port, "the other replica follows")
        until(lambda: other.info()["master_link_status"] == "up", "its link is up")
        assert new.info()["role"] == "master"
        until(lambda: _writes(primary), "the client finds the new primary")
        assert new.call("GET", "k") == b"after"
        epochs = {watcher.state()["config-epoch"] for watcher in watchers}
        assert len(epochs) == 1 and epochs != {"0"}


def _writes(primary: redis.Redis) -> bool:
    with contextlib.suppress(redis.RedisError):
        return bool(primary.set("k", "after"))
    return False


def test_a_vote_between_ours_and_real_ones() -> None:
    """Our Sentinel and a real one each ask for the other's vote, and remember their own."""
    with deployment("m", "mr") as ((primary,), (ours, real)):
        for asked, asking in ((ours, real), (real, ours)):
            question = ("IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", primary.port)
            epoch = int(asked.state()["config-epoch"]) + 50
            candidate = asking.call("MYID")
            assert asked.call(*question, epoch, candidate) == [0, candidate, epoch]
            assert asked.call(*question, epoch, "f" * 40) == [0, candidate, epoch]
            asked.stop()
            asked.start()
            assert asked.call(*question, epoch, "f" * 40) == [0, b"*", epoch]  # the epoch is on disk


def test_each_other_s_file() -> None:
    """A Sentinel goes on from the file that the other one wrote: same id, same acquaintances."""
    with deployment("mm", "mr") as (_, (ours, real)):
        for watcher, next_judge in ((ours, REDIS), (real, None)):
            my_id, known = watcher.call("MYID"), watcher.call("SENTINELS", NAME)[0][1]
            watcher.stop()
            watcher.judge, watcher.name = next_judge, "the other"
            watcher.start()
            assert watcher.call("MYID") == my_id
            until(lambda watcher=watcher: watcher.knows(1, 1), "it goes on")
            assert watcher.call("SENTINELS", NAME)[0][1] == known


def test_all_by_tls(certificates: Path) -> None:
    """Servers and Sentinels, ours and a real one, with a certificate each: nothing goes in the clear."""
    options = {**tls_options(certificates), "tls_replication": "yes"}
    ports = [free_port() for _ in range(4)]
    instances = [Instance(None, tls_port=port, **options) for port in ports[:2]]
    with running(*instances) as (primary, replica):
        replica.follow(ports[0])
        replica.wait_for_link()
        lines = "".join(f"{name.replace('_', '-')} {value}\n" for name, value in options.items())
        watchers = [
            Watcher(judge, ports[0], lines=f"{lines}tls-port {port}\n")
            for judge, port in zip((None, REDIS), ports[2:], strict=True)
        ]
        with watching(*watchers):
            for watcher in watchers:
                until(lambda watcher=watcher: watcher.knows(1, 1), f"{watcher.name} knows everybody")
            assert watchers[0].call("FAILOVER", NAME) == b"OK"  # two alone may vote for themselves for ever
            assert agreed_port(tuple(watchers), ports[0]) == ports[1]


def test_scripts_are_told(tmp_path) -> None:
    """The notification-script hears of warnings, the client-reconfig-script of the new address."""
    script = tmp_path / "tell.sh"
    script.write_text(f'#!/bin/sh\necho "$(basename "$0") $*" >> {tmp_path}/told\n')
    script.chmod(0o755)
    reconfigure = tmp_path / "reconfigure.sh"
    reconfigure.symlink_to(script)
    lines = (
        f"sentinel notification-script {NAME} ./tell.sh\n"
        f"sentinel client-reconfig-script {NAME} {reconfigure}\n"
    )
    with running(Instance(None), Instance(None)) as (primary, replica):
        replica.follow(primary.port)
        replica.wait_for_link()
        lines += f"dir {tmp_path}\n"  # where relative paths begin
        with watching(Watcher(None, primary.port, quorum=1, lines=lines)) as (ours,):
            until(lambda: ours.knows(1, 0), "it knows the replica")
            primary.kill()
            told = tmp_path / "told"
            expected = (
                f"tell.sh +odown master {NAME} 127.0.0.1 {primary.port} #quorum 1/1",
                f"tell.sh +switch-master {NAME} 127.0.0.1 {primary.port} 127.0.0.1 {replica.port}",
                f"reconfigure.sh {NAME} leader start 127.0.0.1 {primary.port} 127.0.0.1 {replica.port}",
            )
            until(
                lambda: told.exists() and all(line in told.read_text() for line in expected),
                "the scripts ran",
            )
            until(lambda: ours.call("PENDING-SCRIPTS") == [], "none is left")
