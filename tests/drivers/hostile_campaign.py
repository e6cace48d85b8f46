"""Real requests, damaged in every way, for as long as one likes: two parsers, two nodes, one answer.

    python -m tests.drivers.hostile_campaign [--seconds N] [--seed N]

Each round makes a pipeline of real commands, damages its bytes, cuts it into reads and feeds them to two
nodes that are alike: one link parses with hiredis's help, as the server does, the other looks at every byte.
Nothing may raise, what is sent back is RESP, both nodes answer the same, and a healthy client is served after
every round. A failure tells its seed; that seed alone plays it again (the nodes are made anew with each).

In November 2026: 2,800 seeds (1,400 from 100100 on, 1,400 from 200100 on), 112,000 rounds, 77 MB, 0.45 MB for
each second of a processor, and nothing found. (The short test beside it had found, before, that an empty
command name broke the loop for pipelines.) At that rate a whole day is 39 GB. Then 25,554 seeds from 300100
on, 1,022,000 rounds, 700 MB, found one: `#t` and the head of an array passed for the end mark of
hiredis_requests.py. It found nothing else in 11,400 more (312 MB), and nothing with that mended in 2,845 from
400100 on (78 MB) and 10,218 from 700000 on (280 MB); nor later, when requests had been made faster still, in
16,900 from 800000 on (463 MB) and 9,500 from 900000 on (260 MB).
"""

from __future__ import annotations

import argparse
import faulthandler
import signal
import time
from collections.abc import Callable, Iterator
from random import Random

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.drivers.hiredis_requests import HiredisRequestParser
from minidis.engine.command_table.registry import COMMANDS
from minidis.engine.link import Link
from minidis.engine.node import Node
from minidis.protocol.resp import ReplyParser, RequestParser, encode_command
from tests.differential.pools import COUNTS, FLOATS, INDEXES, INTEGERS, OTHER_KEYS, SETUP, TEXTS

ROUNDS_PER_SEED = 40
STUCK_AFTER_S = 60
"""So much of the processor's time no seed takes; then the trace is shown, and that is the end."""

CONFIG = {
    "proto-max-bulk-len": "1mb",
    "client-output-buffer-limit": "normal 4mb 0 0 slave 4mb 0 0 pubsub 4mb 0 0",
    "client-query-buffer-limit": "4mb",
    "enable-debug-command": "no",
}

NOT_FOR_HERE = {"shutdown", "failover", "pfselftest", "command|docs", "command|info", "command|list"}
"""They end the server, as they should, take a second, or answer the same hundred kilobytes each time."""

NAMES = [
    f"{name}|{subcommand}" if subcommand else name
    for name, command in sorted(COMMANDS.by_name.items())
    for subcommand in sorted(command.subcommands) or [""]
    if not {name, f"{name}|{subcommand}"} & NOT_FOR_HERE
]
WORDS = [*OTHER_KEYS, *TEXTS, *INTEGERS, *FLOATS, *COUNTS, *INDEXES] + (
    b"EX PX NX XX GT LT GET SET LIMIT COUNT MATCH WITHSCORES BLOCK STREAMS GROUP > $ * - + BY LEFT RIGHT ON "
    b"OFF LIST INFO REPLY SKIP ALL TYPE ID AUTH default HELLO 2 3 u8 i64 OVERFLOW AND XOR MINID MAXLEN ~ ="
).split()
SCRIPTS = [
    b"return 1",
    b"return redis.call('GET', 'text')",
    b"return {1, {2, 'x'}}",
    b"return redis.call(",
    b"\x1bLua",
]
FRAGMENTS = [
    b"*-1\r\n", b"*0\r\n", b"$-1\r\n", b"*1\r\n", b"*3\r\n", b"$0\r\n\r\n", b"*99999999999\r\n",
    b"*2147483647\r\n", b"$99999999999\r\n", b"$536870913\r\n",
    b":1\r\n", b"+OK\r\n", b"-ERR\r\n", b"_\r\n", b"#t\r\n", b"%1\r\n",
    b"~2\r\n", b">1\r\n", b"|1\r\n", b"=5\r\ntxt:a\r\n", b"(9\r\n", b",1.5\r\n", b"PING\r\n", b'GET "\r\n',
    b"\r\n", b"\r", b"\n", b"\0", b"$", b"*", b"\xff" * 9, b"$+1\r\n", b"$01\r\n", b"* 1\r\n", b"*1 \r\n",
    b"*1\n$4\nPING\n",
]  # fmt: skip


class Careful(RequestParser):
    """Looks at every byte."""

    def look_ahead(self) -> list[list[bytes]]:
        return []


class Side:
    """One node, its hostile peer and a healthy one."""

    def __init__(self, seed: int, parser: Callable[[], RequestParser]) -> None:
        self.now_us = 1_000_000_000_000_000
        self.node = Node(CONFIG, clock=lambda: self.now_us, random=Random(seed))
        self.parser = parser
        self.healthy = Link(self.node)
        for unit in SETUP:
            self.healthy.receive(b"".join(map(encode_command, map(list, unit))))
        self.healthy.take_output()
        self.begin()

    def begin(self) -> None:
        """A new connection."""
        self.link, self.replies = Link(self.node, parser=self.parser), ReplyParser()
        self.link.cuts_off = True

    def play(self, pieces: list[bytes]) -> bytes:
        """Feed a round's reads; what came back."""
        output = b""
        for piece in pieces:
            self.link.receive(piece)
            output += self.link.take_output()
            if self.link.closing:
                break
        self.now_us += 10_000
        self.node.tick()
        self.link.collect()
        output += self.link.take_output()
        if self.link.client.role != "replica":  # whose bytes are a stream
            self.replies.feed(output)
            list(self.replies.replies())  # raises where they are no RESP
        if self.link.closing:
            self.link.close()
            self.begin()
        return output

    def serves_others(self) -> bool:
        """Is a sound request answered?  That of a new client, where the former is gone or must wait."""
        self.healthy.receive(encode_command([b"ECHO", b"still"]))
        if self.healthy.take_output().endswith(b"$5\r\nstill\r\n"):
            return True
        self.healthy = Link(self.node)
        self.healthy.receive(b"ECHO still\r\n")
        return self.healthy.take_output() != b"" or self.node.pause.active


def request(random: Random) -> bytes:
    """A command with words that might fit."""
    name = random.choice(NAMES)
    words: list[bytes] = name.encode().split(b"|")
    if name in ("eval", "eval_ro"):
        words += [random.choice(SCRIPTS), b"0"]
    words += random.choices(WORDS, k=random.choice((0, 1, 1, 2, 2, 3, 3, 4, 6)))
    return encode_command(words)


def damaged(data: bytes, random: Random) -> bytes:
    """Some bytes changed, lost, doubled, moved, or put in between."""
    changed = bytearray(data)
    for _ in range(random.choice((0, 1, 1, 2, 3, 8))):
        at, length = random.randrange(len(changed) + 1), random.choice((1, 1, 2, 5, 20, 100))
        match random.randrange(6):
            case 0:
                changed[at : at + 1] = bytes([random.randrange(256)])
            case 1:
                del changed[at : at + length]
            case 2:
                changed[at:at] = changed[at : at + length]
            case 3:
                changed[at:at] = random.choice(FRAGMENTS)
            case 4:
                changed[at : at + 1] = b"%d" % random.choice((0, 9, 10, 99, 2**31, 2**63))
            case 5:
                other = random.randrange(len(changed) + 1)
                changed[at:at] = changed[other : other + length]
    return bytes(changed)


def cut(data: bytes, random: Random) -> list[bytes]:
    """The reads in which it comes."""
    places = sorted(
        {0, len(data), *(random.randrange(len(data) + 1) for _ in range(random.choice((0, 0, 1, 3, 9))))}
    )
    return [data[start:end] for start, end in zip(places, places[1:], strict=False)]


def play(seed: int) -> tuple[int, int]:
    """All rounds of one seed; how many bytes came and went.  Raises AssertionError, or what broke."""
    random = Random(seed)
    sides = [Side(seed, HiredisRequestParser), Side(seed, Careful)]
    sent_bytes = received_bytes = 0
    for number in range(ROUNDS_PER_SEED):
        whole = b"".join(request(random) for _ in range(random.choice((1, 3, 10, 40))))
        pieces = cut(damaged(whole, random), random)
        outputs = [side.play(pieces) for side in sides]
        assert outputs[0] == outputs[1], f"round {number}: the two parsers differ on {pieces}"
        assert all(side.serves_others() for side in sides), f"round {number}: nobody is served after {pieces}"
        sent_bytes += sum(map(len, pieces))
        received_bytes += len(outputs[0])
    return sent_bytes, received_bytes


def seeds(first: int, seconds: float) -> Iterator[int]:
    """Seeds from `first` on, until the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield first
        first += 1


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--seed", type=int, default=0)
    chosen = arguments.parse_args()
    faulthandler.register(signal.SIGVTALRM, chain=True)
    sent_bytes = count = 0
    for seed in seeds(chosen.seed, chosen.seconds):
        signal.setitimer(signal.ITIMER_VIRTUAL, STUCK_AFTER_S)
        try:
            sent_bytes += play(seed)[0]
        except BaseException:
            print(f"seed {seed}")
            raise
        count += 1
        if count % 100 == 0:
            print(_summary(count, sent_bytes), flush=True)
    print(f"{_summary(count, sent_bytes)}: nothing found")


def _summary(count: int, sent_bytes: int) -> str:
    seconds = time.process_time()
    return (
        f"{count} seeds, {count * ROUNDS_PER_SEED} rounds, {sent_bytes} bytes, {seconds:.0f} s of a processor"
    )


if __name__ == "__main__":
    main()
