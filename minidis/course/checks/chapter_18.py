"""Checks of chapter 18: users and their rights, three settings files, an ACL evaluator, incident day.

Read next: minidis/course/fixtures/deployments.py, minidis/course/fixtures/permissions.py,
minidis/course/models/incidents.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256
from random import Random
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.deployments import Trial, try_cache, try_durable, try_replica
from minidis.course.fixtures.permissions import Request, seen_by_acl
from minidis.course.guard import unobserved
from minidis.course.models import incidents
from minidis.course.parts import plugged
from minidis.drivers.embedded import Embedded
from minidis.engine.access_control.acl import Rulebook, User
from minidis.engine.settings.config_file import ConfigFileError
from minidis.protocol.quoting import split_arguments
from minidis.protocol.replies import ReplyError

# -- 18.1 four users -----------------------------------------------------------------------------------

four_users = Exercise(
    "18.1",
    "ACL for app, worker, monitoring and admin",
    kind="use",
    points=6,
    hints=(
        "Begin each user with nothing: a new user has no commands, no keys, and (resetchannels) no channels. "
        "Then add what the table asks for: a few categories or single commands, key patterns, channels.",
        "~shop:* is reading and writing; %R~conf:* reading only. A category brings more than you think: "
        "+@read has KEYS and SCAN, +@write has FLUSHALL, +@connection has CLIENT KILL. -@dangerous, last, "
        "takes the worst away again (then +info, where it is wanted).",
        "default: off. monitor: -@all +ping +info +latency|latest +slowlog|get +client|list +config|get, no "
        "keys at all. worker: -@all with the stream commands, +eval +evalsha, the locks' SET GET "
        "PEXPIRE DEL, "
        "over ~jobs:* ~lock:* %R~shop:*. admin: +@all ~* &*, with a password.",
    ),
)

ROLES = ("default", "app", "worker", "monitor", "admin")
EMPTY_PASSWORD = sha256(b"").hexdigest().encode()


def _allowed(random: Random) -> list[tuple[str, str]]:
    """Forty requests that must pass, as (user, line)."""
    n, m = random.randrange(10**6), random.randrange(10**6)
    app = [
        f"GET shop:item:{n}", f"SET shop:item:{n} x EX 60", f"MGET shop:a:{n} shop:b:{m}", f"DEL "
        f"shop:item:{n}",
        f"UNLINK shop:cart:{m}", f"INCR shop:visits:{n}", f"EXPIRE shop:cart:{m} 60", f"TTL shop:cart:{m}",
        f"HSET shop:cart:{m} book 1", f"HGETALL shop:cart:{m}", f"LPUSH shop:feed:{n} x",
        f"LRANGE shop:feed:{n} 0 9", f"SADD shop:tags:{n} a", f"ZADD shop:top {m} ann",
        "ZRANGE shop:top 0 9 REV", f"EXISTS shop:item:{n}", f"GET conf:{n}", f"HGET conf:{m} colour",
        f"PUBLISH shop:events:{n} x", f"SUBSCRIBE shop:events:{m}", f"COPY conf:{n} shop:conf:{n}", "MULTI",
        "EXEC", f"WATCH shop:stock:{n}", "PING",
    ]  # fmt: skip
    worker = [
        f"XREADGROUP GROUP team w1 COUNT 10 STREAMS jobs:{n} >", f"XACK jobs:{n} team 1-1",
        f"XAUTOCLAIM jobs:{n} team w1 60000 0", f"XADD jobs:failed:{n} * id {m}",
        f"SET lock:job:{m} token NX PX 10000", f'EVAL "return 1" 1 lock:job:{m} token', f"GET shop:item:{n}",
        f"HGETALL shop:cart:{m}",
    ]  # fmt: skip
    monitor = ["PING", "INFO", "INFO memory", "LATENCY LATEST", "SLOWLOG GET 10", "CLIENT LIST"]
    admin = ["CONFIG SET maxmemory 1gb", f"DEL jobs:{n}", "ACL LIST", "FLUSHALL", f"PUBLISH any:{m} x"]
    named = {"app": app, "worker": worker, "monitor": monitor, "admin": admin}
    return [(user, line) for user, lines in named.items() for line in lines]


def _refused_commands(random: Random) -> list[tuple[str, str]]:
    """Some fifty commands: most of them are for nobody but admin."""
    dangerous = [
        "FLUSHALL", "FLUSHDB", "CONFIG SET maxmemory 1", "CONFIG REWRITE", "DEBUG SLEEP 0",
        "SHUTDOWN NOSAVE", "REPLICAOF 10.0.0.1 6379", "ACL SETUSER mallory on nopass +@all",
        "KEYS *", "MODULE LOAD /tmp/x.so",
    ]  # fmt: skip
    requests = [(user, line) for user in ("app", "worker", "monitor") for line in dangerous]
    others = ("CLIENT KILL ID 3", "MONITOR", "SCRIPT FLUSH", "CLIENT PAUSE 1000")
    requests += [(user, line) for user in ("app", "monitor") for line in others]
    requests += [
        ("worker", line)
        for line in ("SCRIPT FLUSH", "FUNCTION FLUSH", "XGROUP DESTROY jobs:1 team", "XTRIM jobs:1 MAXLEN 0")
    ]
    return [*requests, ("monitor", 'EVAL "return 1" 0'), ("monitor", "CONFIG GET requirepass")]


def _refused_places(random: Random) -> list[tuple[str, str]]:
    """Keys and channels of others, and writing where one may only read."""
    n, m = random.randrange(10**6), random.randrange(10**6)
    return [
        ("app", f"GET jobs:{n}"), ("app", f"SET lock:job:{m} x"), ("app", f"XADD jobs:{n} * a b"),
        ("app", f"GET shopping:{n}"), ("app", f"GET xshop:{n}"), ("app", f"MGET shop:{n} secret:{m}"),
        ("app", f"SET conf:{n} x"), ("app", f"DEL conf:{m}"), ("app", f"COPY shop:{n} conf:{n}"),
        ("app", f"GETDEL conf:{n}"), ("app", f"PUBLISH admin:{n} x"), ("app", f"SUBSCRIBE jobs:{m}"),
        ("app", "PSUBSCRIBE *"), ("worker", f"SET shop:item:{n} x"), ("worker", f"DEL shop:cart:{m}"),
        ("worker", f"GET conf:{n}"), ("worker", f"XADD shop:orders:{n} * a b"),
        ("worker", f"GET session:{m}"),
        ("worker", f'EVAL "return 1" 1 shop:item:{n}'), ("worker", f"PUBLISH shop:events:{n} x"),
        ("worker", f"SUBSCRIBE shop:events:{n}"), ("monitor", f"GET shop:item:{n}"),
        ("monitor", f"GET conf:{m}"), ("monitor", f"SET monitor:{n} x"), ("monitor", f"PUBLISH shop:{n} x"),
        ("monitor", f"HGETALL jobs:{m}"), ("monitor", "SUBSCRIBE any"),
    ]  # fmt: skip


def _with_users(case: Case, answer: Callable) -> tuple[Embedded, dict[str, str]]:
    """A node with the learner's users, and their rules."""
    rules = answer()
    if not isinstance(rules, dict) or set(rules) != set(ROLES):
        raise Wrong("rules()", show(rules), f"a dict with a text of rules for {', '.join(ROLES)}")
    node = case.node()
    for name, text in rules.items():
        if not isinstance(text, str):
            raise Wrong(f"the rules of {name}", show(text), "a text")
        try:
            node.execute("ACL", "SETUSER", name, *(split_arguments(text.encode()) or []))
        except ReplyError as error:
            raise Wrong(f"ACL SETUSER {name} {text}", str(error), "rules that the server takes") from None
    return node, rules


def _dry_run(node: Embedded, user: str, line: str) -> str:
    """ "" where he may, else the reason."""
    argv = split_arguments(line.encode()) or [b""]
    denial = node.node.users.by_name[user.encode()].check(node.node.commands.find(argv), argv)
    return "" if denial is None else denial.message(node.node.users.by_name[user.encode()], verbose=True)


def _judge(case: Case, answer: Callable, requests: Iterable[tuple[str, str]], may: bool) -> None:
    node, rules = _with_users(case, answer)
    for user, line in requests:
        reason = _dry_run(node, user, line)
        if bool(reason) == may:
            due = "OK" if may else "refused"
            raise Wrong(f"ACL DRYRUN {user} {line}, with {user}: {rules[user]}", reason or "OK", due)


@four_users.test("who may come in: default is off, nobody without a password")
def who_may_come_in(case: Case, answer: Callable) -> None:
    node, rules = _with_users(case, answer)
    for name in ROLES:
        user = node.node.users.by_name[name.encode()]
        if name == "default":
            case.true(not user.enabled, f"default: {rules[name]}", "it is on", "off")
            continue
        given = f"{name}: {rules[name]}"
        case.true(user.enabled, given, "it is off", "on")
        case.true(not user.needs_no_password, given, "nopass", "a password")
        case.true(user.password_hashes, given, "no password: nobody can log in", "a password")
        case.true(EMPTY_PASSWORD not in user.password_hashes, given, "an empty password", "a password")
    hashes = [h for name in ROLES[1:] for h in node.node.users.by_name[name.encode()].password_hashes]
    case.true(len(set(hashes)) == len(hashes), "the passwords", "two users share one", "one for each user")


@four_users.test("forty requests of their daily work")
def daily_work(case: Case, answer: Callable) -> None:
    _judge(case, answer, _allowed(case.random), may=True)


@four_users.test("commands beyond their work")
def only_admin(case: Case, answer: Callable) -> None:
    _judge(case, answer, _refused_commands(case.random), may=False)


@four_users.test("other people's keys and channels, and what may only be read")
def other_places(case: Case, answer: Callable) -> None:
    _judge(case, answer, _refused_places(case.random), may=False)


# -- 18.2 three files ----------------------------------------------------------------------------------

three_files = Exercise(
    "18.2",
    "The settings block as three files that stand their faults",
    kind="use",
    points=6,
    hints=(
        "The guide's block is three servers in one. A cache: maxmemory with an eviction policy for all keys, "
        "nothing on disk. A durable store: noeviction, and the log. A replica: whom it follows, and the "
        "password that it says there.",
        'save "" switches the default save points off; appendonly no is the default. requirepass is what '
        "clients say here, masterauth what a replica says to its primary: after a failover every node "
        "is both.",
        "A replica that may be promoted needs what the primary has: appendonly yes, the same "
        "requirepass, the "
        "same rename-command lines (or a user line without +flushall +flushdb). maxmemory 32mb is "
        "enough here.",
    ),
)


def _files(files: Callable, password: str, primary: str) -> dict[str, str]:
    answer = files(password, primary)
    kinds = ("cache", "durable", "replica")
    if not isinstance(answer, dict) or set(answer) != set(kinds):
        raise Wrong(f"files({password!r}, {primary!r})", show(answer), f"a dict of texts: {', '.join(kinds)}")
    for kind in kinds:
        if not isinstance(answer[kind], str):
            raise Wrong(f"files({password!r}, {primary!r})[{kind!r}]", show(answer[kind]), "a text")
    return answer


def _stand(case: Case, files: Callable, kind: str, tried: Callable[..., list[Trial]]) -> None:
    password = f"{case.random.getrandbits(96):024x}"
    primary = f"{case.random.choice(('main', 'store', 'eu-west'))}-{case.random.randrange(100)}"
    text = _files(files, password, primary)[kind]
    arguments = (primary, password) if kind == "replica" else (password,)
    given = f"{kind}.conf, password {password}" + (f", primary {primary}" if kind == "replica" else "")
    try:
        trials = unobserved(tried)(text, *arguments)
    except ConfigFileError as error:
        raise Wrong(given, str(error).replace("\n", " "), "a file that the server takes") from None
    for trial in trials:
        case.true(trial.passed, f"{given}; {trial.name}", trial.came, trial.due)


@three_files.test("the cache: filled five times over, restarted, asked by a stranger")
def the_cache(case: Case, files: Callable) -> None:
    _stand(case, files, "cache", try_cache)


@three_files.test("the durable store: power cuts, a full memory, FLUSHALL by mistake")
def the_store(case: Case, files: Callable) -> None:
    _stand(case, files, "durable", try_durable)


@three_files.test("the replica: a primary with a password, a promotion, a power cut")
def the_replica(case: Case, files: Callable) -> None:
    _stand(case, files, "replica", try_replica)


# -- 18.3 the evaluator --------------------------------------------------------------------------------

evaluator = Exercise(
    "18.3",
    "An ACL evaluator on a live node",
    kind="rebuild",
    points=8,
    hints=(
        "One set of permissions: allowed commands, key patterns with R and W, channel patterns. Rules are "
        "applied in order, each changes the set: -@dangerous after +@all takes away, before it nothing.",
        "You don't know all commands beforehand: keep the rules about commands, and for a request go through "
        "them in order; the last one that names its command, its container or one of its categories decides. "
        "A key needs *one* pattern that matches and grants all that is needed; R and W of two patterns don't "
        "add up, unless the pattern is the same.",
        "A selector (+get ~a:*) is another whole set: a request passes if one set alone allows all of it. "
        "PSUBSCRIBE's pattern must be allowed literally (or by allchannels). If all sets refuse, tell the "
        "reason of the one that came furthest: command, then key, then channel.",
    ),
)

_COMMANDS = (
    "GET", "SET", "MGET", "COPY", "INCR", "DEL", "EXISTS", "LPUSH", "SUNIONSTORE", "KEYS", "INFO", "FLUSHALL",
    "CONFIG GET", "CONFIG SET", "PUBLISH", "SUBSCRIBE", "PSUBSCRIBE", "PING", "EXPIRE", "HSET", "HGETALL",
)  # fmt: skip
_KEYS = ("a:1", "a:2", "b:1", "ab", "c", "a:b:c")
_CHANNELS = ("news", "news.art", "chat:1", "*", "news*")
_RULES = (
    "+get", "+set", "-set", "+@read", "-@read", "+@write", "-@write", "+@all", "-@all", "-@dangerous",
    "+@string", "-@fast", "+config|get", "-config", "+config", "+@pubsub", "+@hash", "-del", "allcommands",
    "nocommands", "~a:*", "~b:*", "%R~a:*", "%W~a:*", "%RW~c", "%R~*", "%W~b:1", "resetkeys", "&news*",
    "&chat:*", "resetchannels", "allchannels", "&*", "~*", "allkeys", "+mget", "+copy", "+lpush",
    "-@keyspace",
)  # fmt: skip


def _line(random: Random) -> str:
    """Some request."""
    name = random.choice(_COMMANDS)
    one, two, channel = random.choice(_KEYS), random.choice(_KEYS), random.choice(_CHANNELS)
    words = {
        "SET": f"SET {one} x", "MGET": f"MGET {one} {two}", "COPY": f"COPY {one} {two}",
        "LPUSH": f"LPUSH {one} x", "SUNIONSTORE": f"SUNIONSTORE {one} {two} c", "KEYS": "KEYS *",
        "CONFIG GET": "CONFIG GET maxmemory", "CONFIG SET": "CONFIG SET maxmemory 1",
        "PUBLISH": f"PUBLISH {channel} x", "SUBSCRIBE": f"SUBSCRIBE {channel} news",
        "PSUBSCRIBE": f"PSUBSCRIBE {channel}", "EXPIRE": f"EXPIRE {one} 9", "HSET": f"HSET {one} f v",
        "INFO": "INFO", "FLUSHALL": "FLUSHALL", "PING": "PING",
    }  # fmt: skip
    return words.get(name, f"{name} {one}")


def _reference(node: Embedded, rules: Iterable[str]) -> User:
    """The engine's own user with these rules."""
    user = User(b"alice", Rulebook(node.node.commands))
    for rule in rules:
        user.apply(rule.encode())
    return user


def _accepted(node: Embedded, rules: list[str]) -> list[str]:
    """Those of the rules that the engine takes, in order (~a after ~* is an error)."""
    user, kept = User(b"alice", Rulebook(node.node.commands)), []
    for rule in rules:
        try:
            user.apply(rule.encode())
        except ValueError:
            continue
        kept.append(rule)
    return kept


def _drawn_rules(node: Embedded, random: Random) -> list[str]:
    """Rules by lot, three in ten with a selector."""
    rules = random.choices(_RULES, k=random.randrange(1, 7))
    if random.random() < 0.3:
        inner = _accepted(node, random.choices(_RULES, k=random.randrange(1, 4)))
        rules.insert(random.randrange(len(rules) + 1), f"({' '.join(inner)})")
    return _accepted(node, rules)


def _compare(case: Case, make: Callable, rules: list[str], lines: Iterable[str]) -> None:
    """The learner's verdicts beside the engine's."""
    node = case.nodes[0] if case.nodes else case.node()
    mine = make()
    for rule in rules:
        mine.apply(rule)
    user = unobserved(_reference)(node, rules)
    for line in lines:
        request, due = unobserved(_due)(node, user, line)
        case.equal(
            mine.check(request),
            due,
            given=f"rules {' '.join(rules) or '(none)'}; {line}, which is {_told(request)}",
        )


def _due(node: Embedded, user: User, line: str) -> tuple[Request, str | None]:
    """A typed command as a request, and the engine's verdict."""
    argv = split_arguments(line.encode()) or [b""]
    command = node.node.commands.find(argv)
    denial = user.check(command, argv)
    return seen_by_acl(command, argv), None if denial is None else denial.reason


def _told(request: Request) -> str:
    return f"{request.command}, keys {request.keys}, channels {request.channels}"


@evaluator.test("commands: by name, subcommand and category, in the order of the rules")
def commands_in_order(case: Case, make: Callable) -> None:
    lines = [
        "GET a:1",
        "SET a:1 x",
        "KEYS *",
        "CONFIG GET maxmemory",
        "CONFIG SET maxmemory 1",
        "INFO",
        "DEL c",
    ]
    everywhere = ["allkeys", "allchannels"]
    for rules in (
        [], ["+get"], ["+@read"], ["+@all", "-@dangerous"], ["-@dangerous", "+@all"], ["+@all", "-config"],
        ["+config|get"], ["+@all", "-config", "+config|get"], ["+@all", "-@all", "+set"],
        ["allcommands", "-del"],
        ["+@write", "-@write", "+set"], ["+@all", "-@read", "+get"], ["+@all", "nocommands"],
    ):  # fmt: skip
        _compare(case, make, everywhere + rules, lines)


@evaluator.test("keys: reading, writing, both")
def reading_and_writing(case: Case, make: Callable) -> None:
    lines = [
        "GET a:1",
        "SET a:1 x",
        "INCR a:1",
        "COPY a:1 b:1",
        "COPY b:1 a:1",
        "MGET a:1 b:1",
        "EXISTS a:1",
        "SET ab x",
    ]
    for rules in (
        [], ["~a:*"], ["%R~a:*"], ["%W~a:*"], ["%RW~a:*"], ["%R~a:*", "%W~a:*"], ["%R~a:*", "%W~a:1"],
        ["%R~a:*", "%W~b:*"], ["%R~b:*", "%W~a:*"], ["~a:*", "resetkeys"], ["~*"],
        ["allkeys", "resetkeys", "~b:*"],
    ):  # fmt: skip
        _compare(case, make, ["+@all", "allchannels", *rules], lines)


@evaluator.test("channels: names match, patterns must be the same")
def channels(case: Case, make: Callable) -> None:
    lines = [
        "PUBLISH news x",
        "PUBLISH news.art x",
        "SUBSCRIBE news chat:1",
        "PSUBSCRIBE news*",
        "PSUBSCRIBE *",
        "PSUBSCRIBE news.a*",
    ]
    for rules in (
        [],
        ["&news*"],
        ["&news"],
        ["&*"],
        ["allchannels"],
        ["&news*", "&chat:*"],
        ["&*", "resetchannels"],
    ):
        _compare(case, make, ["+@all", "allkeys", *rules], lines)


@evaluator.test("selectors: one set alone must allow all of it")
def selectors(case: Case, make: Callable) -> None:
    lines = [
        "GET a:1",
        "SET a:1 x",
        "GET b:1",
        "SET b:1 x",
        "MGET a:1 b:1",
        "PUBLISH news x",
        "DEL a:1",
        "COPY a:1 b:1",
    ]
    for rules in (
        ["+get", "~a:*", "(+set ~b:*)"],
        ["+@read", "~a:*", "(+@write ~a:*)", "(+publish &news)"],
        ["+get", "~a:*", "(+get ~b:*)"],
        ["(+@all ~a:* -del)", "+ping"],
        ["+@all", "%R~a:*", "(+copy %R~a:* %W~b:*)"],
        ["+set", "(+get ~b:*)", "~a:*"],
    ):
        _compare(case, make, rules, lines)


@evaluator.test("a hundred random users, as ACL DRYRUN judges them")
def random_users(case: Case, make: Callable) -> None:
    node = case.node()
    for _ in range(100):
        rules = unobserved(_drawn_rules)(node, case.random)
        _compare(case, make, rules, [_line(case.random) for _ in range(5)])


@evaluator.test("on a live node: NOPERM for what you refuse, and the rules can be changed")
def live_node(case: Case, make: Callable) -> None:
    node = case.node()
    with plugged("acl", make, node):
        node.execute(
            "ACL", "SETUSER", "alice", "on", ">pw", "+@read", "+@write", "-@dangerous", "~a:*", "%R~b:*"
        )
        client = node.connect("alice")
        node.execute("AUTH", "alice", "pw", client=client)
        for line, due in (
            ("SET a:1 x", "OK"), ("GET b:1", None), ("SET b:1 x", "NOPERM"), ("GET c", "NOPERM"),
            ("KEYS *", "NOPERM"), ("FLUSHALL", "NOPERM"), ("INFO", "NOPERM"),
        ):  # fmt: skip
            case.equal(
                _sent(node, client, line), due, given=f"alice: +@read +@write -@dangerous ~a:* %R~b:*; {line}"
            )
        node.execute("ACL", "SETUSER", "alice", "resetkeys", "~c", "+info")
        for line, due in (("SET a:1 y", "NOPERM"), ("SET c y", "OK"), ("INFO server", "text")):
            case.equal(
                _sent(node, client, line), due, given=f"then ACL SETUSER alice resetkeys ~c +info; {line}"
            )
        node.execute("ACL", "SETUSER", "alice", "(+set", "~d)")
        case.equal(_sent(node, client, "SET d x"), "OK", given="then a selector, (+set ~d); SET d x")
        case.equal(_sent(node, client, "GET d"), "NOPERM", given="then a selector, (+set ~d); GET d")


def _sent(node: Embedded, client: Any, line: str) -> str | None:
    try:
        reply = node.execute(*(split_arguments(line.encode()) or []), client=client)
    except ReplyError as error:
        return str(error).split()[0]
    return "text" if isinstance(reply, bytes) and len(reply) > 20 else reply


# -- 18.4 incident day ---------------------------------------------------------------------------------

incident_day = Exercise(
    "18.4",
    "Incident day: what is wrong here, all of it?",
    kind="use",
    points=6,
    hints=(
        "Several things may be wrong at once: collect names in a set, and let each gauge decide about "
        "its own "
        "fault only. A chain of if ... return finds the first and misses the second.",
        "INFO everything, SLOWLOG GET 128 and CLIENT LIST are three questions, and enough. New ones: "
        "more misses "
        "than hits is a cold cache, unless keys were evicted; errorstat_WRONGTYPE in the hundreds is "
        "a broken "
        "release; rdb_last_bgsave_status says err.",
        "What hides what: scripts put their KEYS into the slow log, too; a full node and an eviction "
        "storm bring "
        "misses with them; a leak has many connected, churn has many received and few connected. omem in "
        "CLIENT LIST is a slow reader; a replica's flags are S.",
    ),
)

QUESTIONS_OF_A_DAY = 5 * incidents.INCIDENTS
GAUGES = {b"INFO", b"MEMORY", b"DBSIZE", b"PING", b"HELLO"}
GAUGES |= {b"CONFIG GET", b"SLOWLOG GET", b"SLOWLOG LEN", b"CLIENT LIST", b"CLIENT INFO", b"CLIENT ID"}
GAUGES |= {b"LATENCY " + word for word in (b"LATEST", b"HISTORY", b"DOCTOR", b"GRAPH", b"HISTOGRAM")}


@lru_cache(maxsize=64)
def _incident(seed: int, faults: tuple[str, ...]) -> Embedded:
    """A node that several tests look at: gauges may be read again and again."""
    return incidents.incident(seed, faults)


def _questions(case: Case, diagnose: Callable, seed: int, faults: tuple[str, ...]) -> tuple[set[str], int]:
    """What the answer says of one incident, and how many questions it asked."""
    node = unobserved(_incident)(seed, faults)
    sent: list[list[bytes]] = []
    stop = node.node.listen_to_commands(lambda client, argv, reply: sent.append(argv))
    redis = case.redis(node)
    try:
        came = diagnose(redis)
    finally:
        redis.close()
        stop()
        asked = [argv for argv in sent if argv[0].upper() != b"HELLO" and b"SETINFO" not in argv]
        others = sorted({_name(argv) for argv in asked if not _is_gauge(argv)})
        if others:
            _incident.cache_clear()  # they may have changed the nodes
    given = f"incident({seed}, {list(faults)})"
    if not isinstance(came, set | frozenset | list | tuple) or not set(came) <= incidents.FAULTS.keys():
        raise Wrong(given, show(came), f"a set of names of faults: {', '.join(incidents.FAULTS)}")
    case.true(not others, f"{given}; the commands your answer sent", show(others), "gauges only")
    return set(came), len(asked)


def _is_gauge(argv: list[bytes]) -> bool:
    return argv[0].upper() in GAUGES or _name(argv) in GAUGES


def _name(argv: list[bytes]) -> bytes:
    """A command and its subcommand (or whatever the second word is)."""
    return b" ".join(argv[:2]).upper()


def _diagnosed(case: Case, diagnose: Callable, seed: int, faults: tuple[str, ...]) -> None:
    came, _ = _questions(case, diagnose, seed, faults)
    case.equal(sorted(came), sorted(faults), given=f"incident({seed}, {list(faults)})")


@incident_day.test("a quiet day is no incident")
def quiet_day(case: Case, diagnose: Callable) -> None:
    for seed in (1, 2):
        _diagnosed(case, diagnose, seed, ())


@incident_day.test("the three that are new")
def new_faults(case: Case, diagnose: Callable) -> None:
    for fault in ("cold cache", "broken release", "failing snapshots"):
        _diagnosed(case, diagnose, 3, (fault,))


@incident_day.test("one hides the other")
def hidden(case: Case, diagnose: Callable) -> None:
    for faults in (
        ("churn", "eviction storm"),
        ("broken release", "memory full"),
        ("slow script", "cold cache"),
    ):
        _diagnosed(case, diagnose, 4, tuple(name for name in incidents.FAULTS if name in faults))


@incident_day.test("a day of six, five right")
def a_day(case: Case, diagnose: Callable) -> None:
    wrong = []
    for number, faults in enumerate(incidents.drawn(case.seed)):
        came, _ = _questions(case, diagnose, case.seed * 10 + number, faults)
        if came != set(faults):
            wrong.append(f"incident({case.seed * 10 + number}, {list(faults)}): you said {sorted(came)}")
    case.true(len(wrong) <= 1, f"day({case.seed}), six incidents", "; ".join(wrong), "at least five right")


@incident_day.test("in time: a question costs a minute, a day has thirty")
def in_time(case: Case, diagnose: Callable) -> None:
    asked = 0
    for number, faults in enumerate(incidents.drawn(case.seed)):
        asked += _questions(case, diagnose, case.seed * 10 + number, faults)[1]
    case.true(
        asked <= QUESTIONS_OF_A_DAY,
        f"day({case.seed}), six incidents",
        f"{asked} questions",
        f"at most {QUESTIONS_OF_A_DAY}: INFO everything answers many at once",
    )
