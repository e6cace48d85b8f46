"""A shop's Redis through a week, in seconds: its everyday traffic, and any of 29 bad habits.

    week = play(seed=1)                          a week in which nothing is wrong
    week = play(seed=1, habits=["AG2", "AF8"])   somebody runs KEYS, somebody loads rows one by one
    week.node, week.lines                        the node on Sunday evening, and what MONITOR showed
    week.audit()                                 what the audit says to both

Each habit is *done*, by commands, settings and time; nothing is written into a gauge. The clock jumps from
one busy minute to the next (four a day), so a week costs about two thousand commands.

Read next: minidis/audit/practices.py, which must find them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from minidis.audit import Report, audit
from minidis.client import connect
from minidis.course.models.redlock import EXTEND, RELEASE
from minidis.drivers.embedded import Embedded
from minidis.engine.client import Client
from minidis.protocol.replies import ReplyError

START_US = 1_767_225_600_000_000  # 2026-01-01
QUARTER_DAY_US = 6 * 3600 * 1_000_000
BUSY_MINUTES = 28

CONFIG = {
    "hz": "1",
    "maxmemory": "64mb",
    "maxmemory-policy": "noeviction",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "bind": "127.0.0.1",
}
AUDITOR = (
    "on >look-but-do-not-touch ~* resetchannels -@all +info +config|get +acl|users +acl|getuser +acl|dryrun "
    "+client|list +client|no-touch +client|setinfo +slowlog|get +scan +type +pttl +memory|usage +getrange "
    "+select +cluster|info +ping"
)
"""What an audit needs, and nothing else."""

APPLICATION = (
    "on >9f1c7a52-shop ~* &* -@all +@read +@write +@transaction +@scripting +@connection -@dangerous"
)
MONITORING = "on >5be27d40-watch resetkeys -@all +info +slowlog|get +latency|latest +ping"


class Week:
    """The shop: its node, its clients, and what MONITOR has shown so far."""

    def __init__(self, seed: int, habits: Iterable[str] = ()) -> None:
        self.random = Random(f"week {seed}")
        self.habits = set(habits)
        unknown = self.habits - HABITS.keys()
        if unknown:
            raise ValueError(f"no habit {sorted(unknown)[0]}; there are {', '.join(HABITS)}")
        config = CONFIG | ({"cluster-enabled": "yes"} if "AF6" in self.habits else {})
        self.node = Embedded(config, clock=START_US, seed=seed)
        self.lines: list[str] = []
        self._watcher = self.node.connect("monitor")
        self.node.execute("MONITOR", client=self._watcher)
        for user, rules in {"app": APPLICATION, "watch": MONITORING, "auditor": AUDITOR}.items():
            self.node.execute("ACL", "SETUSER", user, *rules.split())
        self.web = [self._login("app", "9f1c7a52-shop") for _ in range(3)]
        self.watch = self._login("watch", "5be27d40-watch")
        if "AF10" not in self.habits:
            self.node.execute("ACL", "SETUSER", "default", "off")
        self.requests = 0

    def _login(self, user: str, password: str) -> Client:
        client = self.node.connect(user)
        self.node.execute("AUTH", user, password, client=client)
        return client

    # -- what the cells and habits use ------------------------------------------------------------

    def run(self, *words: Any, web: int = 0) -> Any:
        """A command of one of the three web servers; its reply, or the error that their log would hold."""
        try:
            return self.node.execute(*words, client=self.web[web])
        except ReplyError as error:
            return error
        finally:
            self._note()

    def admin(self, *words: Any) -> Any:
        """A command of whoever owns the machine."""
        return self.node.execute(*words)

    def token(self) -> str:
        return f"{self.random.getrandbits(128):032x}"

    def audit(self, with_traffic: bool = True) -> Report:
        """The audit of the node, and of its traffic."""
        redis = connect(self.node, username="auditor", password="look-but-do-not-touch")
        try:
            return audit(redis, self.lines if with_traffic else None)
        finally:
            redis.close()

    # -- the week ---------------------------------------------------------------------------------

    def play(self) -> Week:
        for number in range(BUSY_MINUTES):
            self.node.jump(START_US + number * QUARTER_DAY_US)
            self._busy_minute(number)
            for habit in sorted(self.habits):
                HABITS[habit](self, number)
            if "AF3" not in self.habits:
                for _ in range(7):
                    self.node.execute("INFO", "memory", client=self.watch)
            self.node.execute("SLOWLOG", "GET", client=self.watch)
        self._note()
        return self

    def _busy_minute(self, number: int) -> None:
        """Pages, sessions, orders; a report that needs a lock, and another server that waits for it."""
        for _ in range(15):
            page = self.random.randrange(200)
            if self.run("GET", f"cache:page:{page}", web=page % 3) is None:
                self.run("SET", f"cache:page:{page}", "x" * 200, "EX", 3000 + self.random.randrange(600))
        for _ in range(8):
            session = f"session:{self.random.randrange(500)}"
            self.run("HSET", session, "cart", self.random.randrange(9), web=1)
            self.run("EXPIRE", session, 86_000 + self.random.randrange(800), web=1)
        for _ in range(4):
            self.requests += 1
            self.run(
                "SET", f"idem:{self.requests}", "done", "NX", "EX", 160_000 + self.random.randrange(9000)
            )
            self.run("SADD", f"orders:{number}", self.requests, web=2)
        self._report(number)

    def _report(self, number: int) -> None:
        key, token = f"lock:report:{number}", self.token()
        self.run("SET", key, token, "NX", "PX", 10_000)
        self.run("SET", key, self.token(), "NX", "PX", 10_000, web=1)  # too early
        self.node.step(2)
        self.run("EVAL", EXTEND, 1, key, token, 10_000)
        self.node.step(1)
        self.run("EVAL", RELEASE, 1, key, token)
        other = self.token()
        self.run("SET", key, other, "NX", "PX", 10_000, web=1)
        if number < BUSY_MINUTES - 1:  # on Sunday evening this one is at work
            self.run("EVAL", RELEASE, 1, key, other, web=1)

    def _note(self) -> None:
        while self._watcher.outbox:
            self.lines.append(str(self._watcher.outbox.popleft()))


def play(seed: int = 1, habits: Iterable[str] = ()) -> Week:
    """A week with these habits, to its end. Raises ValueError for a habit that is none."""
    return Week(seed, habits).play()


# -- the habits: what each does in every busy minute ----------------------------------------------------


def _once(action: Callable[[Week], object]) -> Callable[[Week, int], None]:
    """Only in the last minute of the week."""

    def habit(week: Week, number: int) -> None:
        if number == BUSY_MINUTES - 1:
            action(week)

    return habit


def _same_second(week: Week) -> None:
    for teaser in range(60):
        week.run("SET", f"teaser:{teaser}", "x", "EX", 300)


def _connection_per_request(week: Week, number: int) -> None:
    for _ in range(12):
        client = week._login("app", "9f1c7a52-shop")
        week.node.execute("GET", "cache:page:1", client=client)
        week.node.disconnect(client)


def _whole_object(week: Week, number: int) -> None:
    week.run("SET", "profile:1", '{"name": "ada", "visits": 1}')
    week.run("GET", "profile:1")
    week.run("SET", "profile:1", '{"name": "ada", "visits": 2}')


def _no_persistence(week: Week) -> None:
    week.admin("CONFIG", "SET", "appendonly", "no")


def _wrong_type(week: Week, number: int) -> None:
    for _ in range(3):
        week.run("INCR", f"orders:{number}")


def _row_by_row(week: Week) -> None:
    for row in range(100):
        week.run("SET", f"row:{row}", "x")
        week.node.step(0.001)


def _unread_slow_log(week: Week) -> None:
    week.admin("CONFIG", "SET", "slowlog-log-slower-than", "-1")


def _open_door(week: Week) -> None:
    week.admin("ACL", "SETUSER", "default", "on", "nopass")


def _endless_lock(week: Week) -> None:
    week.run("SET", "lock:import", week.token(), "NX")


def _same_token(week: Week, number: int) -> None:
    week.run("SET", f"lock:mail:{number}", "1", "NX", "PX", 5000)
    week.run("EVAL", RELEASE, 1, f"lock:mail:{number}", "1")


def _endless_record(week: Week, number: int) -> None:
    week.run("SET", f"idem:refund:{number}", "done", "NX")


def _taken(week: Week, key: str, ttl_ms: int = 5000, web: int = 0) -> str:
    token = week.token()
    week.run("SET", key, token, "NX", "PX", ttl_ms, web=web)
    return token


def _get_then_delete(week: Week, number: int) -> None:
    _taken(week, f"lock:mail:{number}")
    week.run("GET", f"lock:mail:{number}")
    week.run("DEL", f"lock:mail:{number}")


def _pushed_twice(week: Week, number: int) -> None:
    for _ in range(2):
        week.run("LPUSH", "mails", f"invoice {number}")
        week.node.step(0.5)


def _cache_without_end(week: Week, number: int) -> None:
    week.run("SET", f"cache:category:{number}", "x" * 100)


def _keys(week: Week, number: int) -> None:
    week.admin("KEYS", "session:*")


def _no_limit(week: Week) -> None:
    week.admin("CONFIG", "SET", "maxmemory", "0")


def _large_object(week: Week) -> None:
    week.run("SET", "catalogue", "x" * 2_000_000)


def _forgotten_clients(week: Week) -> None:
    for _ in range(120):
        week._login("app", "9f1c7a52-shop")
    week.node.step(301)


def _mighty_application(week: Week) -> None:
    week.admin("ACL", "SETUSER", "app", "+@all")
    week.admin("ACL", "SETUSER", "watch", "+@all")


def _full(week: Week) -> None:
    week.admin("CONFIG", "SET", "maxmemory", "1")
    for order in range(20):
        week.run("SET", f"order:{order}", "x")
    week.admin("CONFIG", "SET", "maxmemory", CONFIG["maxmemory"])


def _setnx(week: Week, number: int) -> None:
    key, token = f"lock:mail:{number}", week.token()
    week.run("SETNX", key, token)
    week.run("EXPIRE", key, 5)
    week.run("EVAL", RELEASE, 1, key, token)


def _blind_delete(week: Week, number: int) -> None:
    _taken(week, f"lock:mail:{number}")
    week.run("DEL", f"lock:mail:{number}", web=2)


def _lock_for_rows(week: Week, number: int) -> None:
    key = f"lock:account:{number}"
    week.run("EVAL", RELEASE, 1, key, _taken(week, key))


def _too_short(week: Week, number: int) -> None:
    key = f"lock:mail:{number}"
    token = _taken(week, key)
    week.node.step(7)
    week.run("EVAL", RELEASE, 1, key, token)


def _gives_up(week: Week, number: int) -> None:
    key = f"lock:mail:{number}"
    token = _taken(week, key)
    _taken(week, key, web=1)
    _taken(week, key, web=2)
    week.run("EVAL", RELEASE, 1, key, token)


def _commits_late(week: Week, number: int) -> None:
    key = f"lock:mail:{number}"
    token = _taken(week, key)
    week.node.step(7)
    week.run("SADD", "sent", number)
    week.run("EVAL", RELEASE, 1, key, token)


def _not_renewed(week: Week, number: int) -> None:
    key = f"lock:mail:{number}"
    token = _taken(week, key)
    week.node.step(4.5)
    week.run("EVAL", RELEASE, 1, key, token)


HABITS: dict[str, Callable[[Week, int], None]] = {
    "AF1": _once(_same_second),
    "AF2": _connection_per_request,
    "AF3": lambda week, number: None,  # nobody asks INFO
    "AF4": _whole_object,
    "AF5": _once(_no_persistence),
    "AF6": lambda week, number: None,  # a Cluster's node, and nobody has given it slots
    "AF7": _wrong_type,
    "AF8": _once(_row_by_row),
    "AF9": _once(_unread_slow_log),
    "AF10": _once(_open_door),
    "AF11": _once(_endless_lock),
    "AF12": _same_token,
    "AF13": _endless_record,
    "AF14": _get_then_delete,
    "AF15": _pushed_twice,
    "AG1": _cache_without_end,
    "AG2": _keys,
    "AG3": _once(_no_limit),
    "AG4": _once(_large_object),
    "AG5": _once(_forgotten_clients),
    "AG6": _once(_mighty_application),
    "AG7": _once(_full),
    "AG8": _setnx,
    "AG9": _blind_delete,
    "AG10": _lock_for_rows,
    "AG11": _too_short,
    "AG12": _gives_up,
    "AG13": _commits_late,
    "AG14": _not_renewed,
}
"""Each of the guide's items as what goes wrong where it is not heeded."""
