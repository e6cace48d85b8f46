"""What a pipeline answers, changes and counts is what its requests do one by one."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from minidis.drivers.embedded import Embedded
from minidis.engine.link import Link
from minidis.engine.node import Node
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import encode_command

KEYS = ("a", "b")
LINES = (
    "GET {0}",
    "SET {0} 7",
    "SET {0} x PX 1",
    "INCR {0}",
    "GET",  # an arity error: rejected, and not timed
    "get {0}",
    "Get {0}",  # spelled as nobody does: the careful way
    "LPUSH {0} v w",
    "LRANGE {0} 0 -1",
    "BLPOP {0} 0",  # waits, and what follows waits behind it
    "RPOPLPUSH {0} {1}",
    "SPOP {0}",  # its effect is not what was typed
    "DEL {0} {1}",
    "NOSUCH {0}",
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH {0}",
    "CONFIG SET hash-max-listpack-entries 3",
    "CLIENT REPLY SKIP",
    "CLIENT REPLY OFF",
    "CLIENT REPLY ON",
    "CLIENT TRACKING ON",
    "HELLO 3",
    "SUBSCRIBE {0}",
    "PUBLISH {0} m",
    "EVAL return(redis.call('incr',KEYS[1])) 1 {0}",
    "PING",
    "INFO commandstats",  # what came before it is counted by then
    "MIGRATE 127.0.0.1 1 {0} 0 100",  # waits, though no flag of it says so
    "QUIT",
)

requests = st.lists(
    st.builds(lambda line, one, other: line.format(one, other).encode().split(b" "),
              st.sampled_from(LINES), st.sampled_from(KEYS), st.sampled_from(KEYS)),
    min_size=2,
    max_size=30,
)  # fmt: skip


class Side:
    """A node that times every command and puts each into its slow log, with a client, and a second one."""

    def __init__(self) -> None:
        self.node: Node = Embedded({"slowlog-log-slower-than": "0"}, clock=1_000_000, seed=1).node
        self.node.statistics.time_all()
        self.journal: list[tuple[int, list[bytes]]] = []
        self.node.journal.subscribe(lambda entry: self.journal.append((entry.database, entry.argv)))
        self.link, self.other = Link(self.node), Link(self.node)

    def outcome(self, link: Link) -> dict[str, Any]:
        """All that can be seen afterwards."""
        others = encode_command([b"RPUSH", b"a", b"late"]) + encode_command([b"GET", b"b"])
        self.other.receive(others)
        link.collect()
        self.node.statistics.settle()
        used = {
            entry.name: (entry.calls, entry.failed_calls, entry.rejected_calls, entry.timing and
                         entry.timing.fold().histogram.total)
            for entry in self.node.commands.used
        }  # fmt: skip
        return {
            "replies": bytes(link.output),
            "others": bytes(self.other.output),
            "journal": self.journal,
            "calls": {name: counts for name, counts in used.items() if any(counts)},
            "errors": self.node.statistics.errors,
            "slow": [entry.argv for entry in self.node.slowlog.entries],
            "last": (link.client.last_command, link.client.closed),
            "changes": self.node.changes,
        }


@given(requests)
@example([[b"GET", b"a"], [b"SUBSCRIBE", b"a"], [b"PUBLISH", b"a", b"m"], [b"GET", b"b"]])
@example([[b"HELLO", b"3"], [b"SUBSCRIBE", b"a"], [b"PUBLISH", b"a", b"m"], [b"GET", b"b"]])
@example([[b"GET", b"a"], [b"SET", b"a", b"1"], [b"GET"], [b"INFO", b"commandstats"]])
@example([[b"INFO", b"commandstats"], [b"INFO", b"commandstats"], [b"CONFIG", b"RESETSTAT"]])
@example([[b"EVAL", b"return redis.call('info', 'commandstats')", b"0"]] * 3)
@example([[b"EVAL", b"return redis.call('config', 'resetstat')", b"0"]] * 2 + [[b"INFO", b"commandstats"]])
@example([[b"SET", b"a", b"1"], [b"MIGRATE", b"127.0.0.1", b"1", b"a", b"0", b"100"], [b"GET", b"a"]])
@example([[b"GET", b"a"], [b"NOSUCH", b"a"]])
@example([[b"INCR", b"a"], [b"LPUSH", b"a", b"v"], [b"SPOP", b"a"], [b"INCR", b"a"]])
def test_a_pipeline_does_what_its_requests_do_one_by_one(commands):
    single, pipeline = Side(), Side()
    for argv in commands:
        single.link.receive(encode_command(argv))
    pipeline.link.receive(b"".join(map(encode_command, commands)))
    assert pipeline.outcome(pipeline.link) == single.outcome(single.link)


def test_time_goes_on_within_a_long_pipeline():
    embedded = Embedded(clock=0)
    node = embedded.node
    node.statistics.time_all()
    now_us = 0

    def clock() -> int:  # each reading of the stopwatch, one for each request, takes 10 us
        nonlocal now_us
        now_us += 10
        return now_us

    node.clock = clock
    link = Link(node)
    waiting = [[b"PEXPIRE", b"k", b"1"], *[[b"GET", b"k"]] * 300]
    link.receive(encode_command([b"SET", b"k", b"v"]))
    link.take_output()
    link.receive(b"".join(map(encode_command, waiting)))
    replies = bytes(link.output)
    assert replies.startswith(b":1\r\n$1\r\nv\r\n$1\r\nv\r\n")
    assert replies.endswith(b"$-1\r\n$-1\r\n"), "the key has expired between two of its requests"


def test_a_pipeline_stops_when_its_output_has_grown_enough():
    node = Embedded(clock=0).node
    node.statistics.time_all()
    link = Link(node)
    link.receive(encode_command([b"SET", b"k", b"x" * 5000]))
    link.take_output()
    link.parser.feed(encode_command([b"GET", b"k"]) * 100)
    assert link.run_all(20_000)
    assert 20_000 <= len(link.output) < 20_000 + 5100
    assert len(link.parser.look_ahead()) == 96


def test_a_fault_in_a_command_ends_neither_the_pipeline_nor_the_count():
    node = Embedded(clock=0).node
    node.statistics.time_all()
    get = node.commands.spelled[b"GET"]
    assert get is not None
    faults: list[str] = []

    def broken(client: Any, argv: list[bytes]) -> bytes:
        if argv[1] == b"bad":
            raise ZeroDivisionError
        return b"fine"

    get.timing.invoke = broken

    def on_fault(client: Any, argv: list[bytes], error: Exception) -> Any:
        faults.append(type(error).__name__)
        return ReplyError("ERR internal error")

    link = Link(node, on_fault=on_fault)
    link.receive(b"".join(encode_command([b"GET", key]) for key in (b"good", b"bad", b"good")))
    assert bytes(link.output) == b"$4\r\nfine\r\n-ERR internal error\r\n$4\r\nfine\r\n"
    assert faults == ["ZeroDivisionError"]
    node.statistics.settle()
    assert get.calls == 3
