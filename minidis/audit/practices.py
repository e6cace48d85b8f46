"""The guide's 15 best practices, AF1 to AF15.

Each check names the trap too: a time to live that SET drops, a password that is on every list, a renewal
that never ends.  Thresholds are constants with a name; none of them is a law.

Read next: pitfalls.py.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict

from minidis.audit.facts import CannotTell, Facts
from minidis.audit.locks import CHECKED
from minidis.audit.report import Answer, cannot_tell, check, failed, passed

ENOUGH_COMMANDS = 1000
"""Rates are judged from so many commands on."""
HOUR_S = 3600
SAME_SECOND = 20
"""So many keys that end in one second, and a tenth of all that expire, are one job's work without jitter."""
CONNECTIONS_PER_COMMAND = 0.1
LARGEST_SINGLE_NODE_BYTES = 25 * 2**30
MOST_OPS_PER_S = 80_000
BULK = 50
"""So many commands of one kind in a row by one client, one trip each, are a bulk load without a pipeline."""
TRIP_US, LONGEST_TRIP_US = 50, 1_000_000
RETRY_WINDOW_US = 2_000_000
SHORT_TOKEN = 12
LONGEST_SLOW_US = 1_000_000

COMMON_PASSWORDS = (
    "your_password yourpassword password passw0rd foobared redis redis123 admin root secret changeme "
    "123456 12345678 qwerty letmein test default mypassword strongpassword your_strong_password"
).split()
"""The guide's own, redis.conf's example, and what every scanner tries first."""


@check(
    "AF1",
    "Set expiration on keys",
    "SET ... EX with some jitter; KEEPTTL when a value is replaced; a maxmemory for all the rest",
)
def expiration(facts: Facts) -> Answer:
    keys = facts.sampled()
    dropped = _dropped_ttls(facts)
    if dropped:
        return failed(f"SET took away the time to live of {dropped[0]} ({len(dropped)} times in the traffic)")
    ends = Counter(key.ttl_ms // 1000 for key in keys if key.ttl_ms is not None)
    if ends:
        second, many = ends.most_common(1)[0]
        if many >= SAME_SECOND and many * 10 >= sum(ends.values()):
            return failed(f"{many} of {facts.sample_text} end in the same second, {second} s from now")
    lasting = sum(key.ttl_ms is None for key in keys)
    if lasting * 2 > len(keys) and facts.setting("maxmemory") == "0":
        return failed(f"{lasting} of {facts.sample_text} never end, and no maxmemory bounds them")
    limit = facts.setting("maxmemory")
    return passed(f"{len(keys) - lasting} of {facts.sample_text} have a time to live, maxmemory is {limit}")


def _dropped_ttls(facts: Facts) -> list[str]:
    """Keys that had a time to live in the traffic and lost it by a plain SET."""
    expiring: set[str] = set()
    dropped = []
    for request in facts.traffic:
        options = request.options(3)
        if request.name in ("setex", "psetex", "expire", "pexpire", "expireat", "pexpireat"):
            expiring.add(request.key)
        elif request.name in ("del", "unlink", "persist"):
            expiring.discard(request.key)
        elif request.name == "set" and {"EX", "PX", "EXAT", "PXAT"} & set(options):
            expiring.add(request.key)
        elif request.name == "set" and request.key in expiring and not {"KEEPTTL", "NX"} & set(options):
            expiring.discard(request.key)
            dropped.append(request.key)
    return dropped


@check("AF2", "Use connection pooling", "one client with its pool for the whole process, made at its start")
def pooling(facts: Facts) -> Answer:
    connections, commands = int(facts.number("total_connections_received")), facts.commands
    text = f"{connections} connections for {commands} commands"
    if connections >= 100 and connections > commands * CONNECTIONS_PER_COMMAND:
        return failed(f"{text}: a new one for nearly each request")
    if commands < ENOUGH_COMMANDS:
        return cannot_tell(f"commands since the start: only {commands}")
    return passed(text)


@check(
    "AF3", "Monitor memory usage", "scrape INFO memory every few seconds; alarm on used_memory / maxmemory"
)
def memory_is_watched(facts: Facts) -> Answer:
    hours = facts.number("uptime_in_seconds") / HOUR_S
    looks = facts.calls("info")
    if hours < 1:
        return cannot_tell("the server runs for less than an hour")
    text = f"INFO was asked {looks} times in {hours:.0f} h"
    return passed(text) if looks >= hours else failed(f"{text}: nobody watches")


@check(
    "AF4",
    "Use appropriate data structures",
    "a hash (HSET of one field) for an object that is changed in parts; INCR for a counter",
)
def structures(facts: Facts) -> Answer:
    last_read: dict[tuple[str, str], bool] = {}
    rewritten: Counter[str] = Counter()
    for request in facts.traffic:
        if request.name == "get":
            last_read[request.client, request.key] = True
        elif request.name == "set" and last_read.pop((request.client, request.key), False):
            value = request.words[2] if len(request.words) > 2 else b""
            if value[:1] in b"{[" and value or value.lstrip(b"-").isdigit():
                rewritten[request.key] += 1
    if rewritten:
        key, times = rewritten.most_common(1)[0]
        return failed(
            f"{key} is read, changed in the client and written back whole ({times} times): updates get lost"
        )
    objects = [key.name for key in facts.sampled() if key.head[:1] in (b"{", b"[")]
    if objects and not facts.has_traffic:
        return cannot_tell(
            f"{len(objects)} strings of {facts.sample_text} hold JSON ({objects[0]}): fine if read whole, "
            "wrong if changed in parts; MONITOR's lines would tell"
        )
    kinds = Counter(key.type for key in facts.keys)
    found = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return passed(f"{found}; nothing is rewritten whole")


@check(
    "AF5",
    "Enable persistence for critical data",
    "appendonly yes with appendfsync everysec, save points beside it; copies on another machine",
)
def persistence(facts: Facts) -> Answer:
    if facts.number("rdb_changes_since_last_save") and facts.info.get("rdb_last_bgsave_status") == "err":
        return failed("the last snapshot failed: BGSAVE's status is err", "free the disk, look into the log")
    if facts.info.get("aof_enabled") == "1" and facts.info.get("aof_last_write_status") == "err":
        return failed("the append-only file could not be written", "free the disk, look into the log")
    policy = facts.setting("maxmemory-policy")
    log, points = facts.setting("appendonly") == "yes", facts.setting("save")
    if log and facts.setting("appendfsync") == "no":
        return failed(
            "appendonly yes, but appendfsync no: a power cut takes what the kernel has not written yet"
        )
    if log:
        return passed(f"append-only file, fsync {facts.setting('appendfsync')}")
    if points:
        return passed(
            f"snapshots ({points}): a crash loses all since the last one; an append-only file loses 1 s"
        )
    if policy.startswith("allkeys"):
        return passed(f"none, and {policy} says that all of it is a cache")
    return failed(f"neither snapshots nor an append-only file, and {policy} says that keys are kept")


@check(
    "AF6",
    "Use Redis Cluster for scalability",
    "split by key into a Cluster before the machine is full, not before",
)
def scalability(facts: Facts) -> Answer:
    used, per_s = facts.number("used_memory"), facts.number("instantaneous_ops_per_sec")
    text = f"{used / 2**20:.0f} MB, {per_s:.0f} commands/s"
    if facts.info.get("cluster_enabled") == "1":
        if facts.cluster_state != "ok":
            return failed(
                f"the Cluster's state is {facts.cluster_state}: it refuses keys", "every slot needs a primary"
            )
        return passed(f"a Cluster's node with {text}: multi-key commands need {{tags}}")
    if used > LARGEST_SINGLE_NODE_BYTES or per_s > MOST_OPS_PER_S:
        return failed(f"one node with {text}: a restart and a full sync take minutes")
    return passed(f"one node with {text}: small enough, a Cluster would only cost multi-key commands")


CALLERS_MISTAKES = ("ERR", "WRONGTYPE", "NOSCRIPT", "NOAUTH", "NOPERM", "WRONGPASS", "CROSSSLOT", "EXECABORT")
SERVERS_STATES = (
    "OOM MISCONF READONLY LOADING NOREPLICAS CLUSTERDOWN MASTERDOWN BUSY TRYAGAIN UNKILLABLE"
).split()


@check(
    "AF7",
    "Implement proper error handling",
    "read errorstats weekly; a test for each kind of error that callers get",
)
def callers_errors(facts: Facts) -> Answer:
    counts = {kind: count for kind in CALLERS_MISTAKES if (count := facts.errors(kind))}
    commands = max(1, facts.commands)
    if sum(counts.values()) >= 10 and sum(counts.values()) * 100 >= commands:
        text = ", ".join(f"{kind} {count}" for kind, count in counts.items())
        return failed(f"of {commands} commands were refused: {text}; somebody goes on sending them")
    return cannot_tell(
        f"commands refused: {sum(counts.values())} of {commands}; what callers do then is in their code"
    )


@check(
    "AF8",
    "Use pipelining for bulk operations",
    "pipeline(transaction=False) in chunks of some hundred, or MSET",
)
def pipelining(facts: Facts) -> Answer:
    run: dict[str, tuple[str, int, int]] = {}
    longest = ("", "", 0)
    for request in facts.traffic:
        name, count, at_us = run.get(request.client, ("", 0, 0))
        one_trip_each = request.name == name and TRIP_US <= request.at_us - at_us <= LONGEST_TRIP_US
        count = count + 1 if one_trip_each else 1
        run[request.client] = (request.name, count, request.at_us)
        if count > longest[2]:
            longest = (request.client, request.name, count)
    client, name, count = longest
    if count >= BULK:
        return failed(f"{client} sent {count} times {name.upper()} in a row, waiting for each reply")
    if facts.has_traffic and facts.traffic:
        return passed(f"at most {count} single commands of one kind in a row in {len(facts.traffic)} lines")
    reads, commands = facts.number("total_reads_processed"), facts.commands
    if commands >= ENOUGH_COMMANDS and reads and commands / reads >= 2:
        return passed(f"{commands / reads:.1f} commands came with each read from a socket")
    return cannot_tell(
        f"reads: {reads:.0f}, commands: {commands}; was there a bulk among them? MONITOR's lines would tell"
    )


@check(
    "AF9",
    "Monitor slow queries",
    "slowlog-log-slower-than 10000, slowlog-max-len 1024, and somebody who asks SLOWLOG and LATENCY",
)
def slow_queries(facts: Facts) -> Answer:
    threshold_us, length = (
        int(facts.setting("slowlog-log-slower-than")),
        int(facts.setting("slowlog-max-len")),
    )
    if threshold_us < 0 or length == 0 or threshold_us > LONGEST_SLOW_US:
        return failed(f"the slow log is off (threshold {threshold_us} us, length {length})")
    looks = facts.calls("slowlog", "latency")
    hours = facts.number("uptime_in_seconds") / HOUR_S
    if facts.slow and hours >= 24 and looks < hours / 24:
        duration_us, text = max(facts.slow)
        return failed(
            f"{len(facts.slow)} slow commands wait to be read, the slowest took {duration_us / 1000:.0f} ms "
            f"({text[:40]}); SLOWLOG was asked {looks} times in {hours:.0f} h"
        )
    return passed(f"commands above {threshold_us} us are kept, {length} of them; {len(facts.slow)} are there")


@check(
    "AF10",
    "Secure Redis (password, firewall)",
    "ACL users with long random passwords, default off; bind to private addresses; TLS; a firewall before it",
)
def secured(facts: Facts) -> Answer:
    facts.need("ACL GETUSER")
    flags = {str(flag, "ascii") for flag in facts.default_user.get("flags", ())}
    if "on" in flags and "nopass" in flags:
        protected = facts.config.get("protected-mode") == "yes"
        whom = "every process of this machine" if protected else "whoever reaches the port"
        return failed(f"the user default is on and asks for no password: {whom} is an administrator")
    hashes = [str(one, "ascii") for one in facts.default_user.get("passwords", ())]
    for word in COMMON_PASSWORDS:
        if "on" in flags and hashlib.sha256(word.encode()).hexdigest() in hashes:
            return failed(f"the password of default is {word!r}: it stands on every list of passwords")
    bound = facts.setting("bind").split()
    is_open = not bound or any(address.lstrip("-") in ("*", "0.0.0.0", "::", "::*") for address in bound)
    if is_open and not facts.config.get("tls-port", "0").strip("0"):
        return cannot_tell(
            "there is a password, but it listens everywhere without TLS: is a firewall before it?"
        )
    return passed(f"default asks for a password or is off; bind {' '.join(bound)}")


@check("AF11", "TTL on locks", "SET lock token NX PX ttl: in one command")
def locks_end(facts: Facts) -> Answer:
    locks = facts.locks
    endless = [key.name for key in locks if key.ttl_ms is None]
    if endless:
        return failed(
            f"{endless[0]} has no time to live ({len(endless)} of {len(locks)} locks): did its owner crash?"
        )
    if not locks:
        facts.sampled()
        return cannot_tell(f"no lock among {facts.sample_text} (a lock is told by its name)")
    return passed(f"{len(locks)} held now, all with an end")


@check("AF12", "Unique identifiers for lock values", "a new uuid4 for each time that the lock is taken")
def lock_tokens(facts: Facts) -> Answer:
    tokens: dict[str, set[str]] = defaultdict(set)
    for number, hold in enumerate(facts.holds):
        tokens[hold.token].add(f"{hold.key} #{number}")
    seen = {(hold.key, hold.token) for hold in facts.holds}
    for key in facts.locks:
        token = key.head.decode("utf-8", "replace")
        if key.type == "string" and (key.name, token) not in seen:
            tokens[token].add(key.name)
    if not tokens:
        return cannot_tell("no lock in sight, so no value of one either")
    token, users = max(tokens.items(), key=lambda item: len(item[1]))
    if len(users) > 1:
        return failed(
            f"the value {token[:20]!r} stands for {len(users)} owners: each may release the others' locks"
        )
    short = next((one for one in tokens if len(one) < SHORT_TOKEN), None)
    if short is not None:
        return failed(f"a lock's value is {short!r}: too short to be nobody else's")
    return passed(f"{len(tokens)} locks, {len(tokens)} different values")


@check(
    "AF13",
    "Idempotency for critical operations",
    "a record per request (SET key NX EX), longer-lived than any retry, on a node that does not evict it",
)
def idempotency(facts: Facts) -> Answer:
    records = [key for key in facts.sampled() if re.search(r"idem", key.name, re.IGNORECASE)]
    if not records:
        return cannot_tell(
            f"no record of it among {facts.sample_text}; a client that retries may do things twice"
        )
    endless = [key.name for key in records if key.ttl_ms is None]
    if endless:
        return failed(f"{endless[0]} never ends ({len(endless)} of {len(records)} records): they only grow")
    policy = facts.setting("maxmemory-policy")
    if policy != "noeviction" and facts.number("evicted_keys"):
        return failed(
            f"{policy} has evicted {facts.number('evicted_keys'):.0f} keys; a lost record is a second charge"
        )
    return passed(f"{len(records)} records, all with an end, none evicted so far")


@check(
    "AF14",
    "Lua for atomic lock operations",
    "compare and delete in one script (or DELEX / DELIFEQ); the same for EXPIRE",
)
def atomic_lock_operations(facts: Facts) -> Answer:
    holds = facts.need_holds()
    checked = [hold for hold in holds if hold.release == CHECKED]
    if checked:
        return failed(
            f"{checked[0].key} was read, then deleted, by two commands ({len(checked)} of {len(holds)} "
            "locks): it may have changed hands in between"
        )
    blind = [hold for hold in holds if hold.blind_extensions]
    if blind:
        return failed(f"{blind[0].key} was renewed by a plain EXPIRE, which asks nobody whose it is")
    released = Counter(hold.release for hold in holds if hold.release)
    if not released:
        return cannot_tell(f"{len(holds)} locks were taken and none let go in this traffic")
    return passed(", ".join(f"{count} let go by {how}" for how, count in released.most_common()))


@check(
    "AF15",
    "Naturally idempotent operations",
    "SET and SADD state a result, INCR and LPUSH add one; or give each request an id",
)
def repeatable(facts: Facts) -> Answer:
    adding = (
        "incr",
        "incrby",
        "decr",
        "decrby",
        "lpush",
        "rpush",
        "append",
        "incrbyfloat",
        "hincrby",
        "zincrby",
    )
    if not facts.has_traffic:
        counts = {name: facts.calls(name) for name in adding if facts.calls(name)}
        if not counts:
            raise CannotTell("no INCR, LPUSH or APPEND so far, so nothing that a retry would do twice")
        text = ", ".join(f"{name} {count}" for name, count in counts.items())
        return cannot_tell(f"{text}: a retry does these twice; were there any? MONITOR's lines would tell")
    last: dict[tuple[str, tuple[bytes, ...]], int] = {}
    repeated: Counter[str] = Counter()
    for request in facts.need_traffic():
        if request.name in ("lpush", "rpush", "append") and len(request.words) > 2:
            at = (request.client.rpartition(":")[0], request.words)
            if request.at_us - last.get(at, -RETRY_WINDOW_US) < RETRY_WINDOW_US:
                repeated[" ".join((request.name.upper(), request.key))] += 1
            last[at] = request.at_us
    if repeated:
        text, times = repeated.most_common(1)[0]
        return failed(
            f"{text} came again with the same value within 2 s ({times} times): a retry, done twice"
        )
    return passed(f"nothing was added twice in {len(facts.traffic)} lines of traffic")
