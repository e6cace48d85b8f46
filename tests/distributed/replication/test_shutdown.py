"""SHUTDOWN of a primary whose replica lags behind, in virtual time."""

from __future__ import annotations

import pytest

from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.terminal import Terminal
from minidis.engine.durability.disk import DiskError
from minidis.protocol.replies import ReplyError
from tests.distributed.replication.test_replication import info, make


class Ending:
    """A primary, a replica that has stopped reading one INCR ago, and clients that have sent SHUTDOWN."""

    def __init__(self, *words: str, senders: int = 1, **config: object) -> None:
        self.lab: Lab = make(
            "a", "b", config={name.replace("_", "-"): value for name, value in config.items()}
        )
        lab = self.lab
        lab.call("a", "SET", "k", 1)
        lab.run("2s")
        lab.pause("b")
        lab.call("a", "INCR", "k")
        self.log: list[str] = []
        lab["a"].log = lambda level, text: self.log.append(text)
        self.senders: list[Terminal] = [lab.connect("a", f"sender-{n}") for n in range(senders)]
        for sender in self.senders:
            sender.send("SHUTDOWN", *words)
        lab.run("50ms")

    @property
    def has_ended(self) -> bool:
        return not self.lab.processes["a"].running

    def errors(self) -> list[str]:
        told = []
        for sender in self.senders:
            with pytest.raises(ReplyError) as refused:
                sender.wait("5s")
            told.append(str(refused.value))
        return told


REFUSED = "ERR Errors trying to SHUTDOWN. Check logs."


def test_it_waits_until_the_replica_has_everything() -> None:
    ending = Ending(shutdown_timeout=300)
    lab = ending.lab
    assert 299_000 < int(info(lab, "a", "server")["shutdown_in_milliseconds"]) < 300_000
    writer = lab.connect("a", "writer")
    writer.send("INCR", "k")
    lab.run("20s")
    assert lab.call("a", "GET", "k") == b"2" and not writer.replies and not ending.has_ended
    lab.resume("b")
    lab.run("3s")
    assert ending.has_ended and not ending.senders[0].replies
    assert lab.call("b", "GET", "k") == b"2"
    assert ending.log[-1] == "1 of 1 replicas are in sync when shutting down."


def test_it_waits_no_longer_than_shutdown_timeout() -> None:
    ending = Ending(shutdown_timeout=3)
    ending.lab.run("2500ms")
    assert not ending.has_ended
    ending.lab.run("700ms")
    assert ending.has_ended
    assert ending.log[2].startswith("Lagging replica 10.0.0.2:6379 reported offset ")
    assert ending.log[3:] == ["0 of 1 replicas are in sync when shutting down."]


@pytest.mark.parametrize(
    ("words", "config"), [(["NOW"], {}), (["SAVE", "NOW"], {}), ([], {"shutdown_timeout": 0})]
)
def test_who_does_not_wish_to_wait_does_not(words: list[str], config: dict[str, int]) -> None:
    assert Ending(*words, **config).has_ended


def test_abort_lets_everyone_go_on() -> None:
    ending = Ending(senders=2)
    lab = ending.lab
    assert info(lab, "a", "clients")["blocked_clients"] == "2"
    writer = lab.connect("a", "writer")
    writer.send("INCR", "k")
    lab.run("10ms")
    assert lab.call("a", "SHUTDOWN", "ABORT") == "OK"
    assert ending.errors() == [REFUSED] * 2
    assert writer.wait("1s") == 3  # the pause is over
    assert "shutdown_in_milliseconds" not in info(lab, "a", "server")
    assert ending.log[-1] == "Shutdown manually aborted."
    with pytest.raises(ReplyError, match="No shutdown in progress"):
        lab.call("a", "SHUTDOWN", "ABORT")
    lab.resume("b")
    lab.run("5s")
    assert not ending.has_ended


def test_a_disk_that_fails_keeps_the_server_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    ending = Ending("SAVE", senders=2, shutdown_timeout=1)

    def fail(path: str) -> None:
        raise DiskError("sync", path, "EIO", "Input/output error")

    monkeypatch.setattr(ending.lab["a"].disk, "sync", fail)
    assert ending.errors() == [REFUSED] * 2
    assert ending.log[-1] == "Errors trying to shut down the server. Check the logs for more information."
    assert ending.lab.call("a", "INCR", "k") == 3


def test_a_signal_is_taken_up_by_the_cron() -> None:
    lab = make("a", config={"shutdown-on-sigint": "nosave now"})
    node = lab["a"]
    lab.call("a", "CONFIG", "SET", "hz", 1)
    lab.call("a", "DEBUG", "PAUSE-CRON", 1)
    node.shutdown.request("SIGTERM")
    lab.run("3s")
    assert lab.call("a", "SHUTDOWN", "ABORT") == "OK"
    lab.call("a", "DEBUG", "PAUSE-CRON", 0)
    lab.run("3s")
    assert lab.processes["a"].running
    node.shutdown.request("SIGINT")
    lab.run("1100ms")
    assert not lab.processes["a"].running
