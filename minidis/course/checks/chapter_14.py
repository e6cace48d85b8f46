"""Chapter 14: Cluster."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any
from unittest import mock

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.reporting import reporting
from minidis.course.fixtures.resharding import BusyClient
from minidis.course.guard import TooManyInstructions
from minidis.distributed.cluster.slots import SLOTS, crc16, slot_of
from minidis.distributed.cluster.state import PRIMARY, ClusterNode
from minidis.protocol.replies import ReplyError

NODE_TIMEOUT_MS = 1000


def a_cluster(case: Case, names: str, replicas: int = 0, settles: str = "2500ms") -> Any:
    """A lab with a cluster that takes commands."""
    lab = case.lab()
    lab.record.keeps_messages = False
    lab.cluster(names, replicas, {"cluster-node-timeout": NODE_TIMEOUT_MS})
    lab.run(settles)
    return lab


# -- 14.1 --------------------------------------------------------------------------------------------

key_design = Exercise(
    "14.1",
    "Keys for a checkout",
    kind="use",
    points=4,
    hints=(
        "What must share a slot needs the same tag: what stands between the first { and the first } after "
        "it. Which of the three arguments do cart, stock and order have in common?",
        'f"cart:{user}" has no braces at all: Python took them. f"cart:{{{user}}}" has. And an id with a } '
        "in it ends the tag too early; an id that begins with } makes an empty tag, which is none.",
        "Write the id in letters that are never braces, and never empty: "
        'tag = "u" + user.encode().hex(), or urllib.parse.quote(user, safe="") behind a letter.',
    ),
)

NASTY = ("7", "ann", "", "}", "}x", "a}", "{", "{}", "a{b}c", "{a}{b}", "ünï", "a:b", "a b", "a}:b")


def keys_of(design: tuple[Any, Any, Any], user: str, item: str, order: str) -> list[bytes]:
    """The three keys of a checkout, as bytes."""
    cart, stock, order_key = design
    found = []
    for name, function, words in (
        ("cart", cart, (user,)),
        ("stock", stock, (user, item)),
        ("order", order_key, (user, order)),
    ):
        key = function(*words)
        if not isinstance(key, str | bytes):
            raise Wrong(f"{name}{words}", show(key), "a key: a str, or bytes")
        found.append(key.encode() if isinstance(key, str) else key)
    return found


@key_design.test("a checkout meets no CROSSSLOT")
def checkout(case: Case, *design: Any) -> None:
    lab = a_cluster(case, "n1 n2 n3")
    client = lab.routed_client("shop", "n1")
    refused = []
    for number in range(12):
        user = f"user{case.random.randrange(10**6)}"
        cart, stock, order = keys_of(design, user, f"sku{number}", str(number))
        client.call("SADD", cart, f"sku{number}")
        node = client.map[slot_of(cart)]
        for words in (
            ("MULTI",),
            ("DECR", stock),
            ("SADD", order, f"sku{number}"),
            ("SREM", cart, f"sku{number}"),
            ("EXEC",),
        ):
            try:
                lab.call(node, *words)
            except ReplyError as error:
                refused.append(f"{user}, {words[0]}: {error}")
                if str(error).startswith("EXECABORT"):
                    break
    case.equal(refused, [], "twelve users check out, each in one transaction; what was refused")


@key_design.test("any id: braces, nothing, colons")
def any_id(case: Case, *design: Any) -> None:
    for user, item in product(NASTY, ("sku1", "}", "{x}")):
        keys = keys_of(design, user, item, "o1")
        slots = [slot_of(key) for key in keys]
        case.true(
            len(set(slots)) == 1,
            f"user {user!r}, product {item!r}, order 'o1': keys {show(keys)}",
            f"slots {slots}",
            "one slot",
        )


@key_design.test("no two things share a key")
def no_collision(case: Case, *design: Any) -> None:
    owner_of: dict[bytes, str] = {}
    ids = (*NASTY, "a", "b}:c", "b", "1", "12", "2", "72")
    for user, other in product(ids, ids):
        for what, key in zip(("cart", "stock", "order"), keys_of(design, user, other, other), strict=True):
            words = f"{what}({user!r})" if what == "cart" else f"{what}({user!r}, {other!r})"
            first = owner_of.setdefault(key, words)
            case.equal(first, words, f"the key {show(key)}; whose is it")


@key_design.test("another server comes to the same keys")
def same_everywhere(case: Case, *design: Any) -> None:
    here = hash

    def there(value: Any) -> int:
        """What `hash` says in another process: its hash of a text is salted anew at each start."""
        return here((value, "another salt"))

    for user in ("7", "ann", f"{case.random.getrandbits(64):016x}"):
        keys = keys_of(design, user, "sku1", "1")
        with mock.patch.object(builtins, "hash", there):
            others = keys_of(design, user, "sku1", "1")
        case.equal(others, keys, f"user {user!r}, product 'sku1', order '1', in another process; its keys")


@key_design.test("users spread over all slots")
def spread(case: Case, *design: Any) -> None:
    for kind, users in (
        ("user1 ... user3000", [f"user{number}" for number in range(1, 3001)]),
        ("3000 random ids", [f"{case.random.getrandbits(64):016x}" for _ in range(3000)]),
    ):
        slots = Counter(slot_of(keys_of(design, user, "sku", "1")[0]) for user in users)
        case.true(
            len(slots) > 2300,
            f"carts of {kind}",
            f"in {len(slots)} different slots",
            "more than 2300 of 16384",
        )
        most = max(slots.values())
        case.true(most <= 10, f"carts of {kind}", f"{most} of them in one slot", "10 at most")
        shares = [
            sum(count for slot, count in slots.items() if slot * 3 // SLOTS == part) for part in range(3)
        ]
        given = f"carts of {kind} on three nodes"
        case.true(max(shares) < 1200, given, f"{shares}", "about 1000 for each, never 1200")


# -- 14.2 --------------------------------------------------------------------------------------------

reshard = Exercise(
    "14.2",
    "A slot moves under load",
    kind="use",
    points=5,
    hints=(
        "First the target: SETSLOT slot IMPORTING source-id; then the source: MIGRATING target-id. The other "
        "way round, clients are sent to a target that sends them back.",
        "Then, at the source, until there are none: CLUSTER GETKEYSINSLOT slot 10, and MIGRATE host port "
        '"" 0 5000 KEYS k1 k2 ... to the target. At last SETSLOT slot NODE target-id: at the target first, '
        "then at the source, then at all others.",
        "redirect: word, _, address = error.split(). MOVED: slots[slot] = address, and (address, False). "
        "ASK: (address, True), and slots stays. TRYAGAIN: (slots[slot], False).",
    ),
)

MOVED_SLOT = slot_of(b"{cart}")
ENDS = {"source": "n3", "target": "n1"}
MOST_COMMANDS = 1000


class Move:
    """Three nodes, an operator on a machine that is far away, and a slot that is to move from n3 to n1."""

    def __init__(self, case: Case, move_slot: Callable[..., Any], keys: int = 30) -> None:
        self.case, self.move_slot = case, move_slot
        self.lab = a_cluster(case, "n1 n2 n3")
        self.names = ("n1", "n2", "n3")
        self.addresses = {name: self.lab.processes[name].address for name in self.names}
        self.sent = 0
        self.clients = {name: self.limited(case.at(self.lab, name, "operator")) for name in self.names}
        for name in self.names:
            self.lab.delay("operator", name, "20ms")
        self.ids = {name: self.lab[name].cluster.myself.name for name in self.names}
        self.keys = [f"{{cart}}:{number}".encode() for number in range(keys)]
        for key in self.keys:
            self.call(ENDS["source"], "SET", key, 0)

    def limited(self, client: Any) -> Any:
        """The client, for a reasonable number of commands: there is traffic, so each one takes its time."""
        execute = client.execute_command

        def counted(*words: Any, **options: Any) -> Any:
            self.sent += 1
            if self.sent > MOST_COMMANDS:
                raise TooManyInstructions(f"{words[0]}, command {self.sent} of move_slot")
            return execute(*words, **options)

        client.execute_command = counted
        return client

    def call(self, node: str, *words: Any) -> Any:
        return self.lab.call(node, *words)

    def run(self) -> None:
        self.move_slot(dict(self.clients), dict(self.addresses), MOVED_SLOT, ENDS["source"], ENDS["target"])

    def has_moved(self, given: str) -> None:
        """The target owns the slot, all say so, nobody has marks, and the source has no key left."""
        self.lab.run("2s")
        for name in self.names:
            state = self.lab[name].cluster.state
            owner = state.owners[MOVED_SLOT]
            named = next(
                (one for one, identity in self.ids.items() if owner and owner.name == identity), None
            )
            self.case.equal(named, ENDS["target"], f"{given}; who serves the slot, says {name}")
            marks = [*state.migrating_to, *state.importing_from]
            self.case.equal(marks, [], f"{given}; slots that {name} still marks as on their way")
        left = self.call(ENDS["source"], "CLUSTER", "COUNTKEYSINSLOT", MOVED_SLOT)
        self.case.equal(left, 0, f"{given}; keys of the slot left at the source")


@reshard.test("MOVED corrects the map, ASK does not")
def redirections(case: Case, move_slot: Any, redirect: Any) -> None:
    for error, slot, due, corrected in (
        ("MOVED 7186 10.0.0.1:6379", 7186, ("10.0.0.1:6379", False), True),
        ("ASK 7186 10.0.0.1:6379", 7186, ("10.0.0.1:6379", True), False),
        ("TRYAGAIN Multiple keys request during rehashing of slot", 7186, ("10.0.0.3:6379", False), False),
        ("MOVED 12 10.0.0.9:7001", 12, ("10.0.0.9:7001", False), True),
    ):
        slots = {7186: "10.0.0.3:6379", 7187: "10.0.0.3:6379", 12: "10.0.0.1:6379"}
        due_slots = {**slots, slot: due[0]} if corrected else dict(slots)
        given = f"redirect({error!r}, {slots}, {slot})"
        case.equal(redirect(error, slots, slot), due, given)
        case.equal(slots, due_slots, f"{given}; the map after it")


@reshard.test("nobody asks for it meanwhile: everything arrives")
def idle(case: Case, move_slot: Any, redirect: Any) -> None:
    move = Move(case, move_slot, keys=25)
    source, target = ENDS["source"], ENDS["target"]
    move.call(source, "HSET", "{cart}:h", "a", 1)
    move.call(source, "RPUSH", "{cart}:l", "x", "y")
    move.call(source, "SET", "{cart}:t", "soon", "EX", 500)
    move.run()
    given = "28 keys in the slot"
    move.has_moved(given)
    values = [move.call(target, "GET", key) for key in move.keys]
    case.equal(values, [b"0"] * 25, f"{given}; 25 of them at the target")
    case.equal(move.call(target, "HGETALL", "{cart}:h"), [b"a", b"1"], f"{given}; the hash")
    case.equal(move.call(target, "LRANGE", "{cart}:l", 0, -1), [b"x", b"y"], f"{given}; the list")
    ttl_s = move.call(target, "TTL", "{cart}:t")
    case.true(
        400 < ttl_s <= 500, f"{given}, one with EX 500; its TTL at the target", str(ttl_s), "nearly 500"
    )


@reshard.test("under load: no error, no increment lost")
def under_load(case: Case, move_slot: Any, redirect: Any) -> None:
    move = Move(case, move_slot, keys=20)
    source = ":".join(map(str, move.addresses[ENDS["source"]]))
    slots = {MOVED_SLOT: source}
    clients = [
        BusyClient(move.lab, f"c{number}", move.keys, dict(slots), redirect, case.seed) for number in range(4)
    ]
    move.lab.run("30ms")
    move.run()
    move.lab.run("100ms")
    for client in clients:
        client.is_stopped = True
    move.lab.run("2s")
    given = "four clients increment counters of the slot, old ones and new ones, while it moves"
    errors = [error for client in clients for error in client.errors]
    case.equal(errors[:1], [], f"{given}; the first error that reached a caller")
    move.has_moved(given)
    due = sum((client.acknowledged for client in clients), Counter())
    came = {key: int(move.call(ENDS["target"], "GET", key) or 0) for key in due}
    case.equal(came, dict(due), f"{given}; the counters at the target, beside the answers that clients got")


@reshard.test("a move that stopped half-way is taken up")
def half_way(case: Case, move_slot: Any, redirect: Any) -> None:
    move = Move(case, move_slot, keys=24)
    source, target = ENDS["source"], ENDS["target"]
    move.call(target, "CLUSTER", "SETSLOT", MOVED_SLOT, "IMPORTING", move.ids[source])
    move.call(source, "CLUSTER", "SETSLOT", MOVED_SLOT, "MIGRATING", move.ids[target])
    host, port = move.addresses[target]
    move.call(source, "MIGRATE", host, port, "", 0, 5000, "KEYS", *move.keys[:10])
    move.run()
    given = "somebody's move stopped: both marks are set, 10 of 24 keys have moved; move_slot again"
    move.has_moved(given)
    found = sum(move.call(target, "EXISTS", key) for key in move.keys)
    case.equal(found, 24, f"{given}; keys at the target")


# -- 14.3 --------------------------------------------------------------------------------------------

slot_rule = Exercise(
    "14.3",
    "From a key to its slot",
    kind="rebuild",
    points=4,
    hints=(
        "Two parts. The tag: find the first {, and the first } after it. Is there none, or nothing between, "
        "then the whole key counts, and no later pair of braces does.",
        "CRC16, bit by bit: for each byte, sum ^= byte << 8; then eight times: shift left by one, and if the "
        "bit that fell out was a 1, ^= 0x1021. Keep 16 bits.",
        "for _ in range(8): sum = (sum << 1 ^ 0x1021 if sum & 0x8000 else sum << 1) & 0xFFFF. The sum of "
        'b"123456789" is 0x31C3. The slot is the sum % 16384.',
    ),
)

TAGS: tuple[tuple[bytes, bytes], ...] = (
    (b"user:{42}:name", b"42"),
    (b"{42}", b"42"),
    (b"foo{}{bar}", b"foo{}{bar}"),
    (b"{}", b"{}"),
    (b"{}x", b"{}x"),
    (b"{a}{b}", b"a"),
    (b"{{x}}", b"{x"),
    (b"foo{{bar}}zap", b"{bar"),
    (b"{x", b"{x"),
    (b"x}", b"x}"),
    (b"}a{b}", b"b"),
    (b"a}b{c", b"a}b{c"),
    (b"a{b}c}", b"b"),
    (b"a{b{c}d", b"b{c"),
    (b"{ }", b" "),
)


@slot_rule.test("whole keys: the published vectors")
def vectors(case: Case, slot: Any) -> None:
    for key, due in ((b"123456789", 0x31C3), (b"foo", 12182), (b"bar", 5061), (b"a", 15495), (b"", 0)):
        case.equal(slot(key), due % SLOTS, f"slot({key!r})")
    case.equal(slot(b"somekey"), 11058, "slot(b'somekey')")


@slot_rule.test("what stands in the first braces")
def tags(case: Case, slot: Any) -> None:
    for key, tag in TAGS:
        case.equal(slot(key), crc16(tag) % SLOTS, f"slot({key!r}), which hashes {tag!r}")


@slot_rule.test("any bytes")
def binary(case: Case, slot: Any) -> None:
    for key in (b"\x00", b"\x00\x00", b"\xff" * 3, bytes(range(256)), b"\x80{\x00\xff}\n", "ü".encode()):
        case.equal(slot(key), slot_of(key), f"slot({show(key, 60)})")
    for _ in range(300):
        key = bytes(case.random.choices(b"{}{}ab\x00\xff\x80c", k=case.random.randrange(12)))
        case.equal(slot(key), slot_of(key), f"slot({key!r})")


@slot_rule.test("a client that goes by your slots is never redirected")
def never_redirected(case: Case, slot: Any) -> None:
    lab = a_cluster(case, "n1 n2 n3")
    nodes = lab.routed_client("app", "n1").map
    for number in range(60):
        key = b"".join(
            (b"order", b"{u%d}" % case.random.randrange(99) if number % 2 else b"{}", b":%d" % number)
        )
        came = slot(key)
        given = f"slot({key!r})"
        case.true(isinstance(came, int) and 0 <= came < SLOTS, given, show(came), "a number from 0 to 16383")
        try:
            lab.call(nodes[came], "INCR", key)
        except ReplyError as error:
            raise Wrong(
                f"{given} is {came}, which {nodes[came]} serves; INCR there", str(error), "1"
            ) from None


# -- 14.5 --------------------------------------------------------------------------------------------

failure_reports = Exercise(
    "14.5",
    "From a doubt to FAIL",
    kind="rebuild",
    points=4,
    hints=(
        "Reports are a dict: reporter -> when it last said so. The same reporter twice is one report, with "
        "the later time.",
        "count: first drop what is older than two node timeouts (exactly two is still good), then the number "
        "of those left.",
        "has_failed: only if I have a doubt of my own; then reports, and one more if I am a primary, must be "
        "a majority: primaries // 2 + 1, of all primaries, not of those that I can reach.",
    ),
)

T_MS = 1000


@failure_reports.test("a reporter counts once, and may change its mind")
def once(case: Case, make: Any, has_failed: Any) -> None:
    reports = make()
    case.equal(reports.count(0, T_MS), 0, "a new FailureReports; count")
    reports.report("a", 100)
    reports.report("a", 200)
    case.equal(reports.count(200, T_MS), 1, "'a' reports twice; count")
    reports.report("b", 300)
    case.equal(reports.count(300, T_MS), 2, "'a' and 'b' have reported; count")
    reports.withdraw("a")
    reports.withdraw("nobody")
    case.equal(reports.count(300, T_MS), 1, "'a' withdraws, and one that never reported; count")
    case.equal(make().count(300, T_MS), 0, "another FailureReports; count")


@failure_reports.test("stale reports expire")
def stale(case: Case, make: Any, has_failed: Any) -> None:
    reports = make()
    reports.report("a", 1000)
    for now_ms, due in ((1000, 1), (2999, 1), (3000, 1), (3001, 0), (9000, 0)):
        case.equal(reports.count(now_ms, T_MS), due, f"'a' reported at 1000 ms; count at {now_ms} ms")
    reports = make()
    reports.report("a", 1000)
    reports.report("b", 2500)
    reports.report("a", 2900)
    case.equal(reports.count(4500, T_MS), 2, "reports a at 1000, b at 2500, a at 2900; count at 4500 ms")
    case.equal(reports.count(4501, T_MS), 1, "reports a at 1000, b at 2500, a at 2900; count at 4501 ms")
    case.equal(reports.count(4901, T_MS), 0, "reports a at 1000, b at 2500, a at 2900; count at 4901 ms")


@failure_reports.test("a majority of all primaries, with my own doubt")
def majority(case: Case, make: Any, has_failed: Any) -> None:
    for suspect, primary, reports, primaries, due in (
        (True, True, 1, 3, True),
        (True, False, 1, 3, False),
        (True, False, 2, 3, True),
        (False, True, 2, 3, False),
        (True, True, 0, 3, False),
        (True, True, 1, 4, False),
        (True, True, 2, 4, True),
        (True, True, 1, 5, False),
        (True, True, 2, 5, True),
        (True, False, 2, 5, False),
        (True, False, 3, 5, True),
        (True, True, 0, 1, True),
        (True, True, 0, 2, False),
        (True, True, 1, 2, True),
        (True, False, 0, 1, False),
    ):
        given = (
            f"has_failed(i_suspect={suspect}, i_am_primary={primary}, reports={reports}, "
            f"primaries={primaries})"
        )
        case.equal(bool(has_failed(suspect, primary, reports, primaries)), due, given)


@failure_reports.test("three hundred draws, beside the engine's own")
def by_lot(case: Case, make: Any, has_failed: Any) -> None:
    lots = case.random
    for _ in range(30):
        mine, engines = make(), ClusterNode("x" * 40, PRIMARY, 0)
        reporters = [ClusterNode(name * 40, PRIMARY, 0) for name in "abcde"]
        now_ms, story = 0, []
        for _ in range(10):
            now_ms += lots.choice((0, 1, 500, 1000, 1500))
            reporter = lots.choice(reporters)
            if lots.random() < 0.75:
                mine.report(reporter.name, now_ms)
                engines.report_failure(reporter, now_ms)
                story.append(f"{reporter.name[0]} reports at {now_ms}")
            else:
                mine.withdraw(reporter.name)
                engines.withdraw_failure(reporter)
                story.append(f"{reporter.name[0]} withdraws")
            due = engines.count_fail_reports(now_ms, T_MS)
            case.equal(mine.count(now_ms, T_MS), due, f"{'; '.join(story)}; count at {now_ms} ms")


def failed_for(lab: Any, name: str) -> list[str]:
    """Who holds a node for failed."""
    identity = lab[name].cluster.myself.name
    return [
        other
        for other in ("n1", "n2", "n3")
        if other != name and lab[other].cluster.state.nodes[identity].has_failed
    ]


@failure_reports.test("live: who is dead is failed, who is behind a wall fails nobody")
def live(case: Case, make: Any, has_failed: Any) -> None:
    with reporting(make, has_failed):
        lab = a_cluster(case, "n1 n2 n3 n4 n5 n6", replicas=1)
        lab.partition(["n1"], ["n2"])
        lab.run("2500ms")
        given = "live: only the line between n1 and n2 breaks, for 2.5 s"
        case.equal(failed_for(lab, "n1") + failed_for(lab, "n2"), [], f"{given}; who holds one for failed")
        lab.heal()
        lab.run("1s")
        lab.partition(["n3", "n6"], ["n1", "n2", "n4", "n5"])
        lab.run("2500ms")
        given = "live: n3 and its replica are cut off, for 2.5 s"
        case.equal(failed_for(lab, "n3"), ["n1", "n2"], f"{given}; who holds n3 for failed")
        behind = [name for name in ("n1", "n2") if "n3" in failed_for(lab, name)]
        case.equal(behind, [], f"{given}; whom n3 holds for failed")
        lab.heal()
        lab.run("2500ms")
        lab.kill("n1")
        lab.run("4s")
    case.equal(failed_for(lab, "n1"), ["n2", "n3"], "live: n1 dies; who holds it for failed after 4 s")
    case.true(
        lab["n4"].cluster.myself.is_primary,
        "live: n1 dies; n4, its replica, after 4 s",
        "a replica still",
        "a primary",
    )
