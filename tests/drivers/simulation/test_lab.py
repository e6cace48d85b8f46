"""The lab itself: virtual time, wires, faults.  A recorder of peers stands where roles will."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.terminal import LabTimeout
from minidis.engine.peers import Peer
from minidis.protocol.replies import NULL_ARRAY, ReplyError


class Echo:
    """A handler that keeps what it is told, with the time of the lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.events: list[tuple[str, float]] = []
        self.data = bytearray()

    def _note(self, event: str) -> None:
        self.events.append((event, round(self.lab.now_s, 3)))

    def connected(self, peer: Peer) -> None:
        self._note("connected")

    def received(self, peer: Peer, data: bytes) -> None:
        self.data += data
        self._note("received")

    def lost(self, peer: Peer, reason: str) -> None:
        self._note(reason)


def open_peer(lab: Lab, source: str, target: str) -> tuple[Peer, Echo]:
    """A peer of `source`, connecting to `target`; a turn of the process sends it off."""
    echo = Echo(lab)
    peer = lab[source].peers.open(target, 6379, echo)
    lab.processes[source].finish_turn()
    return peer, echo


def say(lab: Lab, source: str, peer: Peer, data: bytes) -> None:
    peer.send(data)
    lab.processes[source].finish_turn()


def two(seed: int = 1, latency: str = "10ms") -> Lab:
    lab = Lab(seed, latency=latency)
    lab.nodes("a", "b")
    return lab


def test_a_call_takes_the_time_of_the_wire() -> None:
    lab = two()
    assert lab.call("a", "SET", "k", "v") == "OK"
    assert 0.04 <= lab.now_s <= 0.05  # two for the connection, two for the command, up to a quarter of jitter
    with pytest.raises(ReplyError, match="WRONGTYPE"):
        lab.call("a", "LPUSH", "k", "x")


def test_peers_connect_talk_and_learn_of_the_end() -> None:
    lab = two()
    peer, echo = open_peer(lab, "a", "b")
    lab.run("1s")
    say(lab, "a", peer, b"PING\r\nQUIT\r\n")
    lab.run("1s")
    assert [event for event, _ in echo.events] == [
        "connected",
        "received",
        "Connection closed by the other side",
    ]
    assert echo.data == b"+PONG\r\n+OK\r\n"
    assert not lab["b"].clients


def test_nobody_listens_there() -> None:
    lab = two()
    echo = Echo(lab)
    lab["a"].peers.open("b", 6380, echo)
    lab["a"].peers.open("nobody", 6379, echo)
    lab.processes["a"].finish_turn()
    lab.run("1s")
    assert {event for event, _ in echo.events} == {"Connection refused", "Name or service not known"}


def test_a_second_port() -> None:
    lab = two()
    incoming = Echo(lab)
    lab["b"].peers.listen(16379, lambda peer: incoming)
    lab.processes["b"].finish_turn()
    outgoing = Echo(lab)
    peer = lab["a"].peers.open(lab.processes["b"].host.ip, 16379, outgoing)
    peer.send(b"bus")
    lab.processes["a"].finish_turn()
    lab.run("1s")
    assert incoming.data == b"bus" and outgoing.events[0][0] == "connected"
    peer.close()
    lab.processes["a"].finish_turn()
    lab.run("1s")
    assert incoming.events[-1][0] == "Connection closed by the other side" and len(outgoing.events) == 1


def test_a_partition_holds_bytes_and_the_heal_lets_them_go_in_order() -> None:
    lab = two()
    peer, echo = open_peer(lab, "a", "b")
    lab.run("1s")
    say(lab, "a", peer, b"ECHO 1\r\n")
    lab.partition("a")  # also what is in flight is held
    for number in range(2, 5):
        say(lab, "a", peer, b"ECHO %d\r\n" % number)
    late, late_echo = open_peer(lab, "a", "b")
    lab.run("10s")
    assert not echo.data and not late_echo.events
    lab.heal()
    lab.run("1s")
    assert echo.data == b"".join(b"$1\r\n%d\r\n" % number for number in range(1, 5))
    assert late_echo.events[0][0] == "connected"


def test_a_request_to_connect_is_given_up_after_two_minutes() -> None:
    lab = two()
    lab.partition("a")
    _, echo = open_peer(lab, "a", "b")
    lab.run("3m")
    assert echo.events == [("Connection timed out", 127.0)]
    lab.heal()
    lab.run("1s")
    assert not lab["b"].clients


def test_one_direction_only() -> None:
    lab = two()
    peer, echo = open_peer(lab, "a", "b")
    lab.run("1s")
    lab.cut("b", "a")
    say(lab, "a", peer, b"SET k v\r\n")
    lab.run("1s")
    assert not echo.data and len(lab["b"].databases[0]) == 1


def test_drop_resets_both_sides() -> None:
    lab = two()
    _, echo = open_peer(lab, "a", "b")
    lab.run("1s")
    assert len(lab["b"].clients) == 1
    lab.drop("a", "b")
    lab.run("1s")
    assert echo.events[-1][0] == "Connection reset by peer" and not lab["b"].clients


def test_a_paused_process_takes_what_came_when_it_goes_on() -> None:
    lab = two()
    alice = lab.connect("a", "alice")
    assert alice.call("PING") == "PONG"
    lab.pause("a")
    alice.send("SET", "k", "v")
    bob = lab.connect("a", "bob")  # its kernel accepts
    lab.run("10s")
    assert not alice.replies and bob.is_open and len(lab["a"].databases[0]) == 0
    lab.resume("a")
    assert alice.wait() == "OK" and bob.call("GET", "k") == b"v"


def test_a_killed_process_is_noticed_and_a_cut_off_machine_is_not() -> None:
    lab = two()
    (_, killed), (peer, _) = open_peer(lab, "a", "b"), open_peer(lab, "b", "a")
    lab.run("1s")
    lab.kill("b")
    lab.run("1s")
    assert killed.events[-1][0] == "Connection closed by the other side"
    assert peer.state == "open"  # of the node that is no more
    _, refused = open_peer(lab, "a", "b")
    lab.run("1s")
    assert refused.events[-1][0] == "Connection refused"
    lab.restart("b")
    peer, echo = open_peer(lab, "a", "b")
    lab.run("1s")
    lab.power_cut("b")
    say(lab, "a", peer, b"PING\r\n")
    lab.run("30s")
    assert [event for event, _ in echo.events] == ["connected"]
    lab.restart("b")
    lab.run("1s")
    assert echo.events[-1][0] == "Connection reset by peer"


def test_a_client_learns_of_a_lost_node() -> None:
    lab = two()
    lab.call("a", "SET", "k", "v")
    alice = lab.connect("a", "alice")
    alice.call("PING")
    lab.kill("a")
    with pytest.raises(ConnectionError, match="closed by the other side"):
        alice.call("GET", "k")
    lab.restart("a")
    assert lab.call("a", "GET", "k") is None
    lab.power_cut("a")
    with pytest.raises(LabTimeout):
        lab.call("a", "GET", "k", within="5s")


def test_the_clock_of_one_machine() -> None:
    lab = two()
    lab.call("a", "SET", "k", "v", "EX", 100)
    lab.clock_step("a", "99s")
    assert lab.call("a", "TTL", "k") in (0, 1)
    lab.run("2s")
    assert lab.call("a", "EXISTS", "k") == 0
    difference_us = lab.processes["a"].clock() - lab.processes["b"].clock()
    assert difference_us == 99_000_000
    cycles = lab["a"].next_cron_us
    lab.clock_step("a", "-1h")
    lab.run("1s")
    assert lab["a"].next_cron_us < cycles  # timers go on by the new time


def test_blocked_clients_in_virtual_time() -> None:
    lab = two()
    alice = lab.connect("a", "alice")
    alice.send("BLPOP", "q", 5)
    lab.run("1s")
    assert not alice.replies
    lab.call("a", "RPUSH", "q", "x")
    assert alice.wait() == [b"q", b"x"]
    before_s = lab.now_s
    assert alice.call("BLPOP", "q", 5) == NULL_ARRAY
    assert 5 <= lab.now_s - before_s < 5.2


def test_scripts_run_side_by_side() -> None:
    lab = two()

    def writer(count: int) -> Iterator:
        done = 0
        for number in range(count):
            reply = yield "INCR", "n"
            done += isinstance(reply, int)
            yield 0.1 * (number % 2)
        return done

    scripts = [lab.script(name, "a", writer(20)) for name in ("alice", "bob", "carol")]
    lab.run("10s")
    assert all(one.finished and one.result == 20 for one in scripts)
    assert lab.call("a", "GET", "n") == b"60"
    sent_us, words, replied_us, reply = scripts[0].log[0]
    assert words == ("INCR", "n") and reply in range(1, 61) and replied_us - sent_us >= 20_000


def test_a_script_survives_its_connection_and_moves() -> None:
    lab = two()

    def persistent() -> Iterator:
        seen = []
        for _ in range(3):
            reply = yield "PING"
            seen.append(type(reply).__name__)
            if isinstance(reply, ConnectionError):
                yield lab.at("b")
            yield 1.0
        return seen

    script = lab.script("alice", "a", persistent())
    lab.run("500ms")
    lab.kill("a")
    lab.run("10s")
    assert script.result == ["str", "ConnectionError", "str"]


@pytest.mark.parametrize("seed", range(5))
def test_one_seed_one_history(seed: int) -> None:
    def history() -> str:
        lab = two(seed)
        peer, _ = open_peer(lab, "a", "b")
        lab.call("a", "SADD", "s", *range(20))
        lab.call("a", "SPOP", "s", 5)
        say(lab, "a", peer, b"CLIENT ID\r\n")
        lab.partition("a")
        lab.run("1s")
        lab.heal()
        lab.run("1s")
        return lab.transcript()

    assert history() == history()


@pytest.mark.parametrize("event", ["connected", "lost"])
def test_a_process_that_cannot_go_on_after_an_event_of_a_peer_ends(event: str) -> None:
    lab = Lab(seed=1)
    lab.node("a")
    lab.node("b")
    node, echo = lab.processes["a"].node, Echo(lab)
    setattr(echo, event, lambda *arguments: node.fail("No room."))
    node.peers.open("b", 6379, echo)
    lab.processes["a"].finish_turn()
    lab.run("1s")
    lab.kill("b")
    lab.run("1s")
    assert not lab.processes["a"].running


def test_who_is_let_go_by_the_end_of_a_pause_does_not_wait_for_the_cron() -> None:
    lab = Lab(seed=1)
    lab.node("a", {"hz": 1})
    client = lab.connect("a", "client")
    lab.call("a", "CLIENT", "PAUSE", 100_000, "WRITE")
    client.send("SET", "k", "v")
    lab.run("3200ms")
    assert not client.replies
    lab.call("a", "CLIENT", "UNPAUSE")
    lab.run("100ms")
    assert list(client.replies) == ["OK"]


def test_what_was_sent_behind_a_wait_is_synced_before_its_reply_leaves():
    """Under appendfsync always, also if somebody else has ended the wait."""
    lab = Lab(1)
    lab.node("a", {"appendonly": "yes", "appendfsync": "always"})
    bob, carol = lab.connect("a", "bob"), lab.connect("a", "carol")
    bob.send("BLPOP", "l", "0")
    bob.send("SET", "k", "1")
    lab.run("100ms")
    carol.send("RPUSH", "l", "x")
    assert lab.run_until(lambda: len(bob.replies) == 2, "1s") and bob.replies[1] == "OK"
    lab.power_cut("a")
    lab.restart("a")
    assert lab.connect("a").call("GET", "k") == b"1"


def test_what_was_sent_behind_a_wait_is_told_at_once_to_those_who_track():
    lab = Lab(1)
    lab.node("a", {"hz": 1})
    ada, bob, carol = (lab.connect("a", name) for name in ("ada", "bob", "carol"))
    ada.call("HELLO", "3")
    ada.call("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "k")
    bob.send("BLPOP", "l", "0")
    bob.send("SET", "k", "1")
    lab.run("100ms")
    ada.replies.clear()
    carol.send("RPUSH", "l", "x")
    assert lab.run_until(lambda: bool(ada.replies), "20ms")


def test_a_shutdown_behind_a_wait_ends_the_process():
    lab = Lab(1)
    lab.node("a", {"appendonly": "yes"})
    bob, carol = lab.connect("a", "bob"), lab.connect("a", "carol")
    bob.send("BLPOP", "l", "0")
    bob.send("SET", "k", "1")
    bob.send("SHUTDOWN")
    lab.run("100ms")
    carol.send("RPUSH", "l", "x")
    lab.run("1s")
    with pytest.raises(ConnectionError):
        carol.call("PING")
    lab.restart("a")
    assert lab.connect("a").call("GET", "k") == b"1"
