"""Demonstrations for advanced questions about servers, AC11 and AC13 to AC15.

Read next: locks.py, for those about locks and idempotency.
"""

from __future__ import annotations

from minidis.client.lab import Lab
from minidis.commands.info_fields import parse_info
from minidis.course.demos import demonstrates
from minidis.course.demos.basic import fresh
from minidis.course.models.latency import Strip
from minidis.course.models.roulette import fault_of, spin
from minidis.course.models.roundtrips import Trace
from minidis.protocol.replies import ReplyError


@demonstrates(
    "AC11",
    "MSET of two keys in different slots, both on this node: what is the answer?",
    "OK",
    "MOVED",
    "CROSSSLOT",
)
def cluster() -> tuple[list[str], str]:
    lab = Lab(seed=3)
    lab.cluster("n1 n2 n3 n4 n5 n6")
    lab.run("3s")
    lines = []

    def ask(*words: str) -> str:
        try:
            return str(lab.call("n1", *words))
        except ReplyError as error:
            return str(error)

    slots = {key: int(lab.call("n1", "CLUSTER", "KEYSLOT", key)) for key in (f"user:{n}" for n in range(99))}
    mine = [key for key, slot in slots.items() if slot < 5461]
    other = next(key for key, slot in slots.items() if slot > 5461)
    lines.append(f"GET {other} at n1: {ask('GET', other).split(':')[0].rsplit(' ', 1)[0]} ...")
    crossing = ask("MSET", mine[0], "1", mine[1], "2")
    lines.append(f"MSET {mine[0]} {mine[1]} (slots {slots[mine[0]]}, {slots[mine[1]]}): {crossing}")
    tagged = [f"{{{mine[0]}}}:cart", f"{{{mine[0]}}}:name"]
    lines.append(f"MSET {' '.join(tagged)} (one tag): {ask('MSET', tagged[0], '1', tagged[1], '2')}")
    lab.kill("n2")
    lab.run("10s")
    state = lab.call("n1", "CLUSTER", "INFO").decode().split()[0]
    lines.append(f"n2 is killed; ten seconds later {state}")
    return lines, crossing.split()[0]


@demonstrates(
    "AC13",
    "150,000 keys, 20 pinging clients: how long waits the slowest ping behind KEYS?",
    "under 1 ms",
    "over 50 ms",
)
def keys_and_scan() -> tuple[list[str], str]:
    node = fresh()
    node.execute("SET", "c", "x")
    table = node.node.databases[0].table
    value = table[b"c"]
    table.update({b"k:%d" % number: value for number in range(150_000)})
    strip, lines = Strip(node), []
    strip.run("KEYS", "nothing:*")
    waited_us = strip.longest_us
    lines.append(f"KEYS: the longest ping waited {waited_us / 1000:.1f} ms")
    strip, cursor, pages = Strip(node), b"0", 0
    while cursor != b"0" or not pages:
        cursor, _ = strip.run("SCAN", cursor, "MATCH", "nothing:*", "COUNT", 2000)
        pages += 1
    lines.append(f"SCAN COUNT 2000: {pages} pages, the longest ping waited {strip.longest_us / 1000:.1f} ms")
    return lines, "over 50 ms" if waited_us > 50_000 else "under 1 ms"


@demonstrates(
    "AC14",
    "41 GETs one by one, a client for each; one client; a pipeline: which step saves most trips?",
    "one client",
    "pipeline",
)
def optimise() -> tuple[list[str], str]:
    node = fresh()
    for number in range(41):
        node.execute("SET", f"user:{number}", number)

    def client_each(trace: Trace) -> None:
        for number in range(41):
            trace.connect().get(f"user:{number}")

    def one_client(trace: Trace) -> None:
        redis = trace.connect()
        for number in range(41):
            redis.get(f"user:{number}")

    def pipeline(trace: Trace) -> None:
        with trace.connect().pipeline(transaction=False) as pipe:
            for number in range(41):
                pipe.get(f"user:{number}")
            pipe.execute()

    trips, lines = [], []
    for page in (client_each, one_client, pipeline):
        trace = Trace(node, rtt_ms=1)
        page(trace)
        trips.append(trace.count)
        lines.append(
            f"{page.__name__:12} {trace.count:4} trips, {trace.duration_us() / 1000:6.1f} ms at 1 ms each"
        )
    return lines, "one client" if trips[0] - trips[1] > trips[1] - trips[2] else "pipeline"


@demonstrates(
    "AC15",
    "264 clients, an empty slow log but for a report, hit rate fine: what is wrong?",
    "client leak",
    "slow command",
    "eviction storm",
)
def monitor() -> tuple[list[str], str]:
    node = spin(seed=2)
    info = parse_info(node.execute("INFO", "everything").decode())
    wanted = (
        "connected_clients total_connections_received evicted_keys expired_keys keyspace_hits keyspace_misses"
    )
    lines = [f"{name}: {info[name]}" for name in wanted.split()]
    lines += [f"SLOWLOG: {entry[2]} us {entry[3][0].decode()}" for entry in node.execute("SLOWLOG", "GET", 3)]
    idle = [line for line in node.execute("CLIENT", "LIST").decode().splitlines() if "name=worker" in line]
    lines.append(f"CLIENT LIST: {len(idle)} clients named worker, all idle")
    return lines, fault_of(2)
