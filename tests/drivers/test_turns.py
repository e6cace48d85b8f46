"""What several clients ask in one turn of a server is answered as if each had been served alone."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.connection import Sink, Turns
from minidis.drivers.server import CLOSING_US, Server
from minidis.drivers.simulated_disk import SimulatedDisk
from minidis.engine import starting
from minidis.engine.durability.loading import Replay
from minidis.engine.link import Link
from minidis.engine.node import Node
from minidis.protocol.replies import Push
from minidis.protocol.resp import encode, encode_command
from tests.engine.test_running_ahead import requests

CONFIG = {"save": "", "slowlog-log-slower-than": "0"}
CLIENTS = 3

Reads = list[tuple[int, list[list[bytes]]]]
"""What each client's read brings, in the order in which a turn finds them."""

a_turn = st.lists(
    st.tuples(st.integers(0, CLIENTS - 1), requests.map(lambda asked: asked[:4])),
    min_size=1,
    max_size=CLIENTS,
    unique_by=lambda read: read[0],
)


class Written(Sink):
    """A peer that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.data += data

    def close(self) -> None:
        self.is_closed = True

    abort = close


class Stuck(Written):
    """A peer that takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aborted = False

    def get_write_buffer_size(self) -> int:
        return len(self.data)

    def is_closing(self) -> bool:
        return self.is_closed or self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


class InTurns:
    """A server without sockets, turned by hand: all reads come before anybody is served."""

    def __init__(self, kind: type[Written] = Written, **config: str) -> None:
        self.node = Node({**CONFIG, **config}, lambda: 1_000_000)
        has_nobody_to_talk_to = self.node.talk  # there is no network
        self.server = Server(self.node)
        self.turns = Turns()
        self.server.loop = cast(asyncio.AbstractEventLoop, self.turns)
        self.server.take_over_node()
        self.server.carry_out_peers = self.node.peers.outbox.clear
        self.node.talk = has_nobody_to_talk_to
        self.node.stopwatch_ns = lambda: 0
        self.node.tick()
        self.connections = [self.server.new_connection() for _ in range(CLIENTS)]
        self.peers = [kind() for _ in range(CLIENTS)]
        for connection, peer in zip(self.connections, self.peers, strict=True):
            connection.connection_made(peer)

    def play(self, reads: Reads) -> list[bytes]:
        for number, commands in reads:
            self.connections[number].data_received(b"".join(map(encode_command, commands)))
        self.turns.turn()
        return [peer.data for peer in self.peers]


class OneByOne:
    """The same node with bare links, each command on its own."""

    def __init__(self) -> None:
        self.node = Node(CONFIG, lambda: 1_000_000)
        self.node.statistics.time_all()
        self.node.works_at_once, self.node.stopwatch_ns = False, lambda: 0
        self.node.tick()
        self.links = [Link(self.node) for _ in range(CLIENTS)]

    def play(self, reads: Reads) -> list[bytes]:
        for number, commands in reads:
            for argv in commands:
                self.links[number].receive(encode_command(argv))
        for link in self.links:
            link.collect()
        return [bytes(link.output) for link in self.links]


def counted(node: Node) -> dict[str, tuple[int, int, int]]:
    node.statistics.settle()
    used = {
        entry.name: (entry.calls, entry.failed_calls, entry.rejected_calls) for entry in node.commands.used
    }
    return {name: counts for name, counts in used.items() if any(counts)}


@settings(max_examples=40)
@given(st.lists(a_turn, max_size=4))
@example(
    [[(0, [[b"SET", b"a", b"1"], [b"GET", b"a"]]), (1, [[b"GET", b"a"]]), (2, [[b"GET"], [b"INCR", b"a"]])]]
)
@example(
    [[(0, [[b"BLPOP", b"a", b"0"], [b"GET", b"b"]]), (1, [[b"LPUSH", b"a", b"v"]]), (2, [[b"GET", b"a"]])]]
)
@example([[(0, [[b"SUBSCRIBE", b"a"]]), (1, [[b"PUBLISH", b"a", b"m"], [b"GET", b"a"]])], [(0, [[b"PING"]])]])
@example([[(0, [[b"WATCH", b"a"], [b"MULTI"], [b"GET", b"a"]]), (1, [[b"INCR", b"a"]])], [(0, [[b"EXEC"]])]])
@example([[(0, [[b"GET", b"a"]]), (1, [[b"INFO", b"commandstats"]]), (2, [[b"GET", b"a"], [b"QUIT"]])]])
def test_a_turn_answers_as_if_each_had_been_served_alone(turns: list[Reads]) -> None:
    together, alone = InTurns(), OneByOne()
    for reads in turns:
        assert together.play(reads) == alone.play(reads)
        assert counted(together.node) == counted(alone.node)
    assert together.node.changes == alone.node.changes


def test_a_turn_is_told_in_one_message_to_those_who_track_prefixes() -> None:
    side = InTurns()
    side.play([(0, [[b"HELLO", b"3"], [b"CLIENT", b"TRACKING", b"ON", b"BCAST"]])])
    for peer in side.peers:
        peer.data = b""
    told = encode(Push([b"invalidate", [b"b", b"c"]]), 3)
    hers = [[b"SET", b"b", b"1"], [b"SET", b"c", b"1"], [b"PING"]]
    replies = side.play([(1, [[b"SET", b"b", b"0"], [b"BLPOP", b"l", b"0"], [b"INCR", b"d"]]), (0, hers)])
    assert replies == [b"+OK\r\n+OK\r\n+PONG\r\n" + told, b"+OK\r\n", b""]
    side.peers[0].data = b""
    others = [[b"SET", b"b", b"2"], [b"RPUSH", b"l", b"x"], [b"SET", b"a", b"1"], [b"SET", b"b", b"3"]]
    side.play([(2, others)])
    assert side.peers[0].data == encode(Push([b"invalidate", [b"a", b"b", b"d", b"l"]]), 3)


def test_who_has_waited_at_a_former_primary_is_told_so_before_it_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    side = InTurns()
    monkeypatch.setattr(side.server, "schedule", lambda: None)  # there is no timer either
    side.play([(0, [[b"BLPOP", b"l", b"0"], [b"PING"]])])
    replies = side.play([(1, [[b"REPLICAOF", b"127.0.0.1", b"1"], [b"PING"]])])
    assert replies[0].startswith(b"-UNBLOCKED force unblock") and replies[0].count(b"\r\n") == 1
    assert replies[1] == b"+OK\r\n+PONG\r\n"
    assert [peer.is_closed for peer in side.peers] == [True, False, False]


def test_what_breaks_a_turn_ends_its_client_and_nobody_else() -> None:
    side = InTurns()
    get = side.node.commands.spelled[b"GET"]
    assert get is not None and get.timing is not None
    get.timing.invoke = lambda client, argv: object()  # no encoder knows it
    side.play([(0, [[b"PING"]]), (1, [[b"PING"], [b"GET", b"a"], [b"PING"]]), (2, [[b"PING"]])])
    assert [peer.data for peer in side.peers] == [encode("PONG")] * CLIENTS
    assert [peer.is_closed for peer in side.peers] == [False, True, False]
    assert [connection.running for connection in side.connections] == [False] * CLIENTS


def test_a_fault_of_one_who_waited_is_told_to_him_and_not_to_who_woke_him() -> None:
    side = InTurns()
    side.play([(0, [[b"BLPOP", b"a", b"0"]])])
    blpop = side.node.commands.spelled[b"BLPOP"]
    assert blpop is not None

    def broken(client: Any, argv: list[bytes]) -> Any:
        raise ZeroDivisionError

    blpop.invoke = broken
    replies = side.play([(1, [[b"LPUSH", b"a", b"v"], [b"LLEN", b"a"]])])
    assert replies[0].startswith(b"-ERR internal error: ZeroDivisionError") and replies[1] == b":1\r\n:1\r\n"
    assert not any(peer.is_closed for peer in side.peers)
    assert side.node.clients[side.connections[0].link.client.id].parked is None  # type: ignore[union-attr]


def test_a_slow_log_that_is_asked_for_in_a_turn_has_the_rest_of_it() -> None:
    side = InTurns()
    ticks = count(step=20_000)
    side.node.stopwatch_ns = lambda: next(ticks)  # each command takes 20 us
    side.play([(0, [[b"CONFIG", b"SET", b"slowlog-log-slower-than", b"1000000"]])])
    side.node.slowlog.entries.clear()
    asks = [[b"CONFIG", b"SET", b"slowlog-log-slower-than", b"0"]]
    side.play([(0, [[b"GET", b"a"]]), (1, asks), (2, [[b"GET", b"b"], [b"GET", b"c"]])])
    assert [entry.argv[-1] for entry in side.node.slowlog.entries][::-1] == [b"0", b"b", b"c"]


@pytest.mark.parametrize("mode", [b"OFF", b"SKIP"])
@pytest.mark.parametrize(
    ("waits", "wakes"),
    [
        ([b"BLPOP", b"l", b"0"], [[b"RPUSH", b"l", b"x"]]),
        ([b"BLPOP", b"l", b"0"], [[b"CLIENT", b"UNBLOCK", b"1"]]),
        ([b"SET", b"k", b"v"], [[b"CLIENT", b"UNPAUSE"]]),
    ],
    ids=["served", "unblocked", "paused"],
)
def test_what_stands_behind_a_command_that_waits_goes_on_if_its_reply_is_kept_back(
    mode: bytes, waits: list[bytes], wakes: list[list[bytes]]
) -> None:
    side = InTurns()
    if waits[0] == b"SET":
        side.play([(2, [[b"CLIENT", b"PAUSE", b"100000", b"WRITE"]])])
    side.play([(0, [[b"CLIENT", b"REPLY", mode], waits, [b"INCR", b"n"], [b"INCR", b"n"]])])
    side.play([(1, wakes)])
    assert side.play([(2, [[b"GET", b"n"]])])[2].endswith(b"$1\r\n2\r\n")
    assert side.peers[0].data == (b"" if mode == b"OFF" else b":1\r\n:2\r\n")


def test_who_wants_no_replies_gets_no_lines_of_monitor_and_no_protocol_error() -> None:
    side = InTurns()
    side.play([(0, [[b"MONITOR"], [b"CLIENT", b"REPLY", b"OFF"], [b"PING"]]), (1, [[b"GET", b"b"]])])
    assert side.peers[0].data == b"+OK\r\n"
    side.connections[0].data_received(b"*x\r\n")
    side.connections[1].data_received(b"*x\r\n")
    side.turns.turn()
    assert [peer.is_closed for peer in side.peers] == [True, True, False]
    assert side.peers[0].data == b"+OK\r\n"
    assert side.peers[1].data == b"$-1\r\n-ERR Protocol error: invalid multibulk length\r\n"
    assert side.node.statistics.errors == {"ERR": 2}


def test_monitor_says_nothing_to_one_who_monitors_already() -> None:
    side = InTurns()
    side.play([(0, [[b"MONITOR"], [b"MONITOR"]])])
    assert side.peers[0].data == b"+OK\r\n"


def test_an_error_for_one_who_waited_counts_as_a_failure_of_who_sent_it() -> None:
    side = InTurns()
    side.play([(0, [[b"BLPOP", b"a", b"0"]]), (1, [[b"CLIENT", b"UNBLOCK", b"1", b"ERROR"]])])
    assert counted(side.node) == {"blpop": (1, 1, 0), "client|unblock": (1, 1, 0)}


def test_those_whom_a_pause_held_go_on_one_by_one_when_the_turn_that_ended_it_is_over() -> None:
    side = InTurns()
    side.play([(2, [[b"CLIENT", b"PAUSE", b"100000", b"WRITE"]])])
    side.play([(0, [[b"RPUSH", b"l", b"a"], [b"RPUSH", b"l", b"b"]]), (1, [[b"RPUSH", b"l", b"c"]])])
    unpauses = [[b"CLIENT", b"UNPAUSE"], [b"RPUSH", b"l", b"d"], [b"LLEN", b"l"]]
    assert side.play([(2, unpauses)])[2].endswith(b"+OK\r\n:1\r\n:1\r\n")
    assert [peer.data for peer in side.peers[:2]] == [b":2\r\n:3\r\n", b":4\r\n"]


def test_who_is_held_by_another_pause_before_it_could_go_on_waits_behind_the_others() -> None:
    side = InTurns()
    pause = [b"CLIENT", b"PAUSE", b"100000", b"WRITE"]
    side.play([(0, [pause, [b"RPUSH", b"l", b"a"]])])
    side.play([(1, [[b"CLIENT", b"UNPAUSE"], pause, [b"RPUSH", b"l", b"b"]])])
    side.play([(2, [[b"CLIENT", b"UNPAUSE"]])])
    assert side.play([(2, [[b"LRANGE", b"l", b"0", b"-1"]])])[2].endswith(b"*2\r\n$1\r\nb\r\n$1\r\na\r\n")


@pytest.mark.parametrize("told_before", [(), (b"x",)])
def test_a_late_reply_comes_before_what_its_command_tells_its_own_client(told_before: tuple) -> None:
    side = InTurns()
    side.play([(1, [[b"CLIENT", b"PAUSE", b"100000", b"WRITE"]])])
    side.play([(0, [[b"HELLO", b"3"], [b"SUBSCRIBE", b"c"], [b"PUBLISH", b"c", b"m"], [b"PING"]])])
    side.peers[0].data = b""
    side.play([(1, [[b"CLIENT", b"UNPAUSE"], *([b"PUBLISH", b"c", text] for text in told_before)])])
    message = b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n%b\r\n"
    before = b"".join(message % text for text in told_before)
    assert side.peers[0].data == before + b":1\r\n" + message % b"m" + b"+PONG\r\n"


def test_who_monitors_sees_that_a_transaction_is_over_though_its_exec_is_not_let_in() -> None:
    side = InTurns()
    side.play([(0, [[b"MONITOR"]]), (1, [[b"SUBSCRIBE", b"c"], [b"EXEC"]])])
    assert side.peers[0].data.endswith(b'"EXEC"\r\n')


@pytest.mark.parametrize(
    ("name", "limit"),
    [("client-output-buffer-limit", "normal 1mb 0 0"), ("maxmemory-clients", "2mb")],
)
def test_who_is_let_go_for_what_it_does_not_take_is_not_waited_for(name: str, limit: str) -> None:
    side = InTurns(Stuck, **{name: limit})
    side.play([(0, [[b"SET", b"big", b"x" * 600_000]]), (1, [[b"GET", b"big"]])])
    side.play([(1, [[b"GET", b"big"]] * 8)])
    peer = side.peers[1]
    assert isinstance(peer, Stuck)
    assert peer.is_aborted and len(peer.data) < 3_000_000
    assert not any(other.is_closing() for other in (side.peers[0], side.peers[2]))


def test_nobody_goes_for_a_large_reply_of_one_who_must_not_go() -> None:
    side = InTurns(Stuck, **{"maxmemory-clients": "1mb"})
    side.play([(0, [[b"SET", b"big", b"x" * 600_000]]), (1, [[b"CLIENT", b"NO-EVICT", b"ON"]])])
    side.play([(1, [[b"GET", b"big"]] * 4), (2, [[b"INCR", b"n"]])])
    assert not any(peer.is_closing() for peer in side.peers)


def test_who_listens_for_what_expires_is_told_in_the_same_turn() -> None:
    side = InTurns()
    asks = [[b"CONFIG", b"SET", b"notify-keyspace-events", b"Ex"], [b"PSUBSCRIBE", b"*"]]
    side.play([(0, asks), (1, [[b"SET", b"k", b"v", b"PX", b"1"]])])
    side.peers[0].data = b""
    side.node.clock = lambda: 2_000_000
    side.node.expiry.out_of_time = True  # there was more than one cycle could look at
    side.play([(1, [[b"PING"]])])
    assert side.peers[0].data.endswith(b"__keyevent@0__:expired\r\n$1\r\nk\r\n")


def test_who_sends_no_more_goes_and_is_not_waited_for_if_it_takes_nothing() -> None:
    side = InTurns(Stuck, timeout="1")
    leaving, peer = side.connections[0], side.peers[0]
    assert isinstance(peer, Stuck)
    side.play([(0, [[b"HELLO", b"3"], [b"SUBSCRIBE", b"c"]])])
    leaving.data_received(encode_command([b"INCR", b"n"]))
    leaving.eof_received()
    peer.close()  # as asyncio does then
    assert peer.data.endswith(b":1\r\n")
    assert side.play([(1, [[b"PUBLISH", b"c", b"m"], [b"GET", b"n"]])])[1] == b":0\r\n$1\r\n1\r\n"
    leaving.check(side.node.now_us + CLOSING_US)
    assert not peer.is_aborted
    peer.data = peer.data[1:]  # it has taken a byte
    leaving.check(side.node.now_us + CLOSING_US + 1)
    assert not peer.is_aborted
    leaving.check(side.node.now_us + 2 * CLOSING_US + 2)
    assert peer.is_aborted


def test_who_waits_or_monitors_is_not_idle() -> None:
    side = InTurns(timeout="1")
    side.play([(0, [[b"BLPOP", b"l", b"0"]]), (1, [[b"MONITOR"]]), (2, [[b"PING"]])])
    for connection in side.connections:
        connection.check(side.node.now_us + 2_000_000)
    assert [peer.is_closed for peer in side.peers] == [False, False, True]


def test_those_whom_a_pause_held_do_not_go_on_in_the_midst_of_a_script() -> None:
    """A slow one lets others in, and every turn of theirs ends with a flush."""
    side = InTurns()
    side.node.on_script_step = lambda run: side.server.flush()
    side.play([(2, [[b"CLIENT", b"PAUSE", b"100000", b"WRITE"]])])
    side.play([(0, [[b"SET", b"k", b"v"]])])
    script = b"for _ = 1, 1000 do redis.call('ping') end return redis.call('exists', 'k')"
    asked = side.play([(2, [[b"CLIENT", b"UNPAUSE"], [b"EVAL", script, b"0"]])])[2]
    assert asked.endswith(b"+OK\r\n:0\r\n")
    assert side.peers[0].data == b"+OK\r\n" and side.node.databases[0].peek(b"k") is not None


def test_who_was_held_by_a_pause_goes_on_at_a_time_of_its_own() -> None:
    side = InTurns()
    side.node.clock = count(1_000_000, 1000).__next__
    queued = [[b"MULTI"], [b"CLIENT", b"UNPAUSE"], [b"TIME"]]
    side.play([(2, queued), (1, [[b"CLIENT", b"PAUSE", b"100000", b"WRITE"]])])
    side.play([(0, [[b"SET", b"held", b"v", b"PX", b"1000"]])])
    answer = side.play([(2, [[b"EXEC"]])])[2]
    ended_ms = 1000 + int(answer.split()[-1]) // 1000
    assert side.node.databases[0].expires[b"held"] - 1000 > ended_ms


def test_who_waits_for_what_a_held_command_pushed_before_it_failed_gets_it_in_the_same_turn() -> None:
    side = InTurns()
    side.play([(1, [[b"BLPOP", b"l", b"0"]]), (2, [[b"CLIENT", b"PAUSE", b"100000", b"WRITE"]])])
    side.play([(0, [[b"EVAL", b"redis.call('rpush', 'l', 'x') return redis.call('get')", b"0"]])])
    side.play([(2, [[b"CLIENT", b"UNPAUSE"]])])
    assert side.peers[0].data.startswith(b"-ERR")
    assert side.peers[1].data == b"*2\r\n$1\r\nl\r\n$1\r\nx\r\n"


def test_who_is_killed_by_one_whom_the_same_pause_held_does_not_go_on() -> None:
    side = InTurns()
    side.play([(2, [[b"CLIENT", b"PAUSE", b"1000", b"ALL"]])])
    side.play([(0, [[b"CLIENT", b"KILL", b"ID", b"2"]]), (1, [[b"SET", b"k", b"v"]])])
    side.node.clock = lambda: 3_000_000
    side.server.tick()
    assert side.play([(2, [[b"EXISTS", b"k"]])])[2].endswith(b":0\r\n")
    assert side.peers[0].data == b":1\r\n" and side.peers[1].data == b""


def test_who_has_skipped_a_reply_takes_the_short_way_again() -> None:
    side = InTurns()
    side.play([(0, [[b"CLIENT", b"REPLY", b"SKIP"], [b"PING"], [b"PING"]])])
    link = side.connections[0].link
    assert side.peers[0].data == b"+PONG\r\n" and link is not None and not link.client.gated


def test_a_command_that_fails_instead_of_waiting_has_taken_time_as_well() -> None:
    side = InTurns()
    side.play([(0, [[b"SET", b"a", b"1"], [b"BLPOP", b"a", b"0"], [b"BLPOP", b"b", b"0"]])])
    assert [entry.argv for entry in side.node.slowlog.entries][0] == [b"BLPOP", b"a", b"0"]
    blpop = side.node.commands.spelled[b"BLPOP"]
    assert blpop is not None and blpop.timing is not None
    assert blpop.timing.fold().histogram.total == 1


def test_who_needs_no_password_any_more_may_send_long_requests() -> None:
    side = InTurns()
    side.play([(0, [[b"CONFIG", b"SET", b"requirepass", b"secret"]]), (1, [[b"RESET"]])])
    side.play([(0, [[b"CONFIG", b"SET", b"requirepass", b""]])])
    assert side.play([(1, [[b"MSET", *[b"a"] * 12]])])[1] == b"+RESET\r\n+OK\r\n"


class Broken:
    """A service with a fault."""

    def tick(self) -> None:
        raise ZeroDivisionError

    def next_deadline_us(self) -> int | None:
        return None


def loading_side() -> tuple[InTurns, SimulatedDisk]:
    """A server that begins to load a log with a key, all of it in its next tick."""
    side = InTurns(appendonly="yes")
    disk = side.node.disk = SimulatedDisk()
    disk.append("appendonly.aof", encode_command([b"SET", b"k", b"v"]))
    starting.start(side.node)
    return side, disk


def test_only_a_fault_of_the_load_itself_ends_a_server_that_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    side, _ = loading_side()
    broken = Broken()
    side.node.services.append(broken)
    side.server.tick()
    assert side.node.loading is None and not side.server.exit_code
    side.node.services.remove(broken)
    assert side.play([(1, [[b"GET", b"k"]])])[1] == b"$1\r\nv\r\n"
    side, _ = loading_side()
    monkeypatch.setattr(Replay, "run", lambda self, records: 1 // 0)
    side.server.tick()
    assert side.server.exit_code and all(peer.is_closed for peer in side.peers)


def test_a_server_that_has_loaded_its_log_and_cannot_go_on_with_it_ends() -> None:
    side, disk = loading_side()
    disk.fail("create", "*.incr.aof")
    side.server.tick()
    assert side.node.loading is None and side.server.exit_code


def test_who_is_hung_up_on_for_an_invalidation_keeps_it_from_nobody_else():
    """A replica may hear of nothing but its stream: SYNC has made one of a client that tracks."""
    side = InTurns()
    side.server.schedule = lambda: None
    track = [[b"HELLO", b"3"], [b"CLIENT", b"TRACKING", b"ON", b"BCAST"]]
    side.play([(0, track), (1, track)])
    side.play([(0, [[b"SYNC"]])])
    for peer in side.peers:
        peer.data = b""
    _, told, answered = side.play([(2, [[b"SET", b"k", b"1"]])])[:3]
    assert told == b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n" and answered == b"+OK\r\n"
    assert side.connections[0].link is None or side.connections[0].link.client.closed


def test_a_flush_that_is_told_to_one_who_is_hung_up_on_then():
    side = InTurns()
    side.server.schedule = lambda: None
    side.play([(0, [[b"CLIENT", b"TRACKING", b"ON", b"REDIRECT", b"2"]])])
    side.play([(1, [[b"HELLO", b"3"], [b"CLIENT", b"TRACKING", b"ON"]]), (2, [[b"SET", b"k", b"1"]])])
    side.play([(1, [[b"SYNC"]])])
    side.peers[2].data = b""
    assert side.play([(2, [[b"FLUSHDB"], [b"DBSIZE"]])])[2] == b"+OK\r\n:0\r\n"
