"""The guide's 14 pitfalls, AG1 to AG14.

Read next: minidis/course/models/redlock.py and chapter 16, for what stands behind AG8 to AG14.
"""

from __future__ import annotations

import re
from collections import Counter

from minidis.audit.facts import ATTACKS, Facts
from minidis.audit.locks import BLIND
from minidis.audit.practices import ENOUGH_COMMANDS, SERVERS_STATES
from minidis.audit.report import Answer, cannot_tell, check, failed, passed

LARGE_BYTES = 2**20
NEARLY_FULL = 0.9
SWAPPED = 0.9
FRAGMENTED, FRAGMENTED_BYTES = 1.5, 100 * 2**20
IDLE_S = 300
MANY_IDLE = 100
MANY_FAILURES = 10
WORTH_RENEWING = 2 / 3
"""A lock held for this part of its time to live had better been renewed."""
RENEWED_FOR_EVER = 20
RETRY_WITHIN_US = 60_000_000

TEMPORARY = re.compile(
    r"(^|[:._-])(cache|cached|session|sess|token|otp|tmp|temp|page|rate|ratelimit|rate_limit)([:._-]|$)"
)
"""Names that say of themselves that the key is no lasting data."""
RECORDS = re.compile(r"account|payment|order|invoice|balance|stock|inventory|transfer|booking")
FENCE = re.compile(r"fenc|token", re.IGNORECASE)


@check(
    "AG1",
    "No expiration on cache keys",
    "SET key value EX seconds, with jitter; for those that exist: EXPIRE",
)
def cache_keys(facts: Facts) -> Answer:
    temporary = [key for key in facts.sampled() if TEMPORARY.search(key.name)]
    endless = [key.name for key in temporary if key.ttl_ms is None]
    if endless and not facts.setting("maxmemory-policy").startswith("allkeys"):
        return failed(f"{endless[0]} has no time to live ({len(endless)} of {len(temporary)} such keys)")
    if endless:
        policy = facts.setting("maxmemory-policy")
        return failed(
            f"{endless[0]} never ends ({len(endless)} such keys): {policy} frees it, nothing makes it fresh"
        )
    if not temporary:
        return cannot_tell(
            f"no name among {facts.sample_text} says that it is a cache (cache, session, token, page ...)"
        )
    return passed(f"all {len(temporary)} of them will end")


@check("AG2", "KEYS in production", "SCAN, which may repeat keys; -keys in the application's ACL")
def keys_command(facts: Facts) -> Answer:
    calls, commands = facts.calls("keys"), facts.commands
    if calls:
        return failed(f"KEYS was run {calls} times since the start, with {facts.key_count} keys here now")
    if commands < ENOUGH_COMMANDS:
        return cannot_tell(f"not so far; commands since the start: only {commands}")
    return passed(f"not once in {commands} commands")


@check(
    "AG3",
    "Not monitoring memory usage",
    "maxmemory below the machine's, a policy for when it is full, an alarm at 80 %",
)
def memory_has_room(facts: Facts) -> Answer:
    used, limit = facts.number("used_memory"), float(facts.setting("maxmemory"))
    if refused := facts.errors("OOM"):
        return failed(f"{refused} writes were refused for want of memory (OOM in errorstats)")
    if not limit:
        return failed("maxmemory is 0: it grows until the kernel ends it")
    if used > NEARLY_FULL * limit and facts.setting("maxmemory-policy") == "noeviction":
        return failed(f"{used / limit:.0%} of maxmemory is in use, and noeviction refuses writes at 100 %")
    resident = facts.number("used_memory_rss")
    if resident > FRAGMENTED * used and resident - used > FRAGMENTED_BYTES:
        return failed(
            f"the process holds {resident / used:.1f} times what the data need",
            "activedefrag yes, or a restart",
        )
    return passed(f"{used / limit:.0%} of maxmemory in use, {facts.setting('maxmemory-policy')}")


@check("AG4", "Storing large objects", "split it by field or by chunk; UNLINK, not DEL")
def large_objects(facts: Facts) -> Answer:
    facts.need("MEMORY USAGE")
    largest = max(facts.sampled(), key=lambda key: key.size_bytes)
    many = sum(key.size_bytes > LARGE_BYTES for key in facts.keys)
    if many:
        return failed(
            f"{largest.name} ({largest.type}) takes {largest.size_bytes / 2**20:.1f} MB ({many} above 1 MB)"
        )
    return passed(f"the largest of {facts.sample_text} is {largest.name}: {largest.size_bytes} bytes")


@check(
    "AG5",
    "No connection pooling",
    "a pool with max_connections; timeout 300 closes what is forgotten, tcp-keepalive what is dead",
)
def sockets(facts: Facts) -> Answer:
    facts.need("CLIENT LIST")
    connected, most = len(facts.clients), int(facts.setting("maxclients"))
    if refused := int(facts.number("rejected_connections")):
        return failed(f"{refused} connections were refused: maxclients is {most}")
    idle = [one for one in facts.clients if int(one.get("idle", 0)) >= IDLE_S]
    if len(idle) >= MANY_IDLE:
        closes = facts.setting("timeout")
        return failed(
            f"{len(idle)} of {connected} clients have said nothing for {IDLE_S} s, and timeout is {closes}"
        )
    if connected > NEARLY_FULL * most:
        return failed(f"{connected} of {most} possible clients are connected")
    return passed(f"{connected} clients, {len(idle)} of them idle; {most} are possible")


@check(
    "AG6",
    "Not securing the instance",
    "one ACL user per application: +@read +@write -@dangerous ~its:*; default off",
)
def attack_surface(facts: Facts) -> Answer:
    loose = [
        name
        for name in ("enable-debug-command", "enable-module-command", "enable-protected-configs")
        if facts.config.get(name) == "yes"
    ]
    if loose:
        return failed(
            f"{loose[0]} yes: CONFIG SET dir, DEBUG or MODULE LOAD write files and load code over the network"
        )
    facts.need("ACL USERS")
    facts.need("ACL DRYRUN")
    flags = {str(flag, "ascii") for flag in facts.default_user.get("flags", ())}
    default_may = facts.may_do.get("default", []) if "on" in flags else []
    connected = sorted({one.get("user", "") for one in facts.clients})
    if default_may and ("nopass" in flags or "default" in connected):
        return failed(f"the user default, who everybody is at first, may {', '.join(default_may)}")
    named = {user: facts.may_do[user] for user in connected if user in facts.may_do and user != "default"}
    mighty = [user for user, allowed in named.items() if allowed]
    if mighty and len(mighty) == len(named):
        return failed(f"all who are connected are {', '.join(mighty)}, and may {', '.join(named[mighty[0]])}")
    if mighty:
        return cannot_tell(
            f"{mighty[0]} is connected and may {', '.join(named[mighty[0]])}: an administrator?"
        )
    return passed(f"nobody who is connected may do any of {', '.join(ATTACKS)}")


@check(
    "AG7",
    "Not handling Redis failures",
    "timeouts, a breaker, a fallback; retries with jitter, and only of what may be done twice",
)
def failures(facts: Facts) -> Answer:
    counts = {kind: count for kind in SERVERS_STATES if (count := facts.errors(kind))}
    if sum(counts.values()) >= MANY_FAILURES:
        text = ", ".join(f"{kind} {count}" for kind, count in counts.items())
        return failed(f"callers ran into the same refusal again and again: {text}")
    replicas = facts.info.get("connected_slaves", "0")
    return cannot_tell(
        f"{replicas} replicas are connected; what callers do without this node is in their code: test it"
    )


# -- locks -------------------------------------------------------------------------------------------


@check("AG8", "No TTL on locks", "SET lock token NX PX ttl, never SETNX and then EXPIRE")
def taken_without_end(facts: Facts) -> Answer:
    setnx = [hold for hold in facts.holds if hold.way.startswith("SETNX") or hold.ttl_ms is None]
    if setnx:
        gap = (
            "a crash between the two leaves it for ever" if setnx[0].ttl_ms else "a crash leaves it for ever"
        )
        return failed(
            f"{setnx[0].key} was taken by {setnx[0].way} ({len(setnx)} of {len(facts.holds)} locks): {gap}"
        )
    if facts.holds:
        return passed(f"all {len(facts.holds)} locks of the traffic were taken with an end")
    if calls := facts.calls("setnx"):
        return failed(f"SETNX was run {calls} times: it cannot carry a time to live")
    endless = [key.name for key in facts.locks if key.ttl_ms is None]
    if endless:
        return failed(f"{endless[0]} is held now and will never end")
    if facts.locks:
        return passed(f"no SETNX so far, and all {len(facts.locks)} locks that are held now will end")
    return cannot_tell("no SETNX so far, and no lock in sight (a lock is told by its name)")


@check(
    "AG9",
    "Releasing locks without ownership check",
    "the script that compares and deletes: redis-py's lock.release() has it",
)
def blind_release(facts: Facts) -> Answer:
    holds = facts.need_holds()
    blind = [hold for hold in holds if hold.release == BLIND]
    stolen = [hold for hold in blind if hold.released_by != hold.client]
    if stolen:
        return failed(
            f"{stolen[0].key} was held by {stolen[0].client}, and {stolen[0].released_by} deleted it"
        )
    if blind:
        return failed(
            f"{blind[0].key} was deleted without a look at whose it is ({len(blind)} of {len(holds)} locks)"
        )
    if not any(hold.release for hold in holds):
        return cannot_tell(f"{len(holds)} locks were taken and none let go in this traffic")
    return passed(f"none of {len(holds)} locks was deleted blindly")


@check(
    "AG10",
    "Redis locks for DB-level consistency",
    "the database's own lock, or a fencing token that the database compares",
)
def guards_records(facts: Facts) -> Answer:
    named = sorted({hold.key for hold in facts.need_holds() if RECORDS.search(hold.key)})
    fences = [one for one in facts.traffic if one.name in ("incr", "incrby") and FENCE.search(one.key)]
    inner = [
        one
        for request in facts.traffic
        for one in request.inner
        if one.name == "incr" and FENCE.search(one.key)
    ]
    if named and not fences and not inner:
        return failed(
            f"{named[0]} sounds like a database's row ({len(named)} such locks), and nobody draws a fence"
        )
    if named:
        return cannot_tell(f"{named[0]} sounds like a row; tokens are drawn: does the database compare them?")
    return cannot_tell("what a lock protects is not in its name; ask: may two do this at the same time?")


@check(
    "AG11",
    "Lock TTL shorter than the operation",
    "measure how long the work takes at p99.9; a renewal, and a fence for when that fails",
)
def too_short(facts: Facts) -> Answer:
    holds = facts.need_holds()
    late = [hold for hold in holds if hold.late_ms]
    if late:
        worst = max(late, key=lambda hold: hold.late_ms)
        return failed(
            f"{worst.key} (TTL {worst.ttl_ms} ms) had run out {worst.late_ms} ms before its owner let it go "
            f"({len(late)} of {len(holds)} locks)"
        )
    times = [(hold.held_ms, hold.ttl_ms) for hold in holds if hold.held_ms is not None and hold.ttl_ms]
    if not times:
        return cannot_tell(f"{len(holds)} locks were taken and none let go in this traffic")
    held_ms, ttl_ms = max(times, key=lambda pair: pair[0] / pair[1])
    return passed(f"the tightest of {len(times)} was held {held_ms} ms of its {ttl_ms}")


@check("AG12", "No retry for lock acquisition", "try again with growing pauses and jitter, until a deadline")
def gives_up(facts: Facts) -> Answer:
    holds = facts.need_holds()
    tries: Counter[tuple[str, str]] = Counter()
    for hold in holds:
        tries.update((hold.key, client) for client, _ in hold.refused)
        tries[hold.key, hold.client] += 1
    refused = {(hold.key, client) for hold in holds for client, _ in hold.refused}
    if not refused:
        return cannot_tell(f"none of {len(holds)} locks was asked for while it was held")
    once = [pair for pair in refused if tries[pair] == 1]
    if len(once) * 2 > len(refused):
        return failed(f"{len(once)} of {len(refused)} clients that found a lock held never tried again")
    return passed(f"{len(refused) - len(once)} of {len(refused)} clients that found a lock held tried again")


@check(
    "AG13",
    "Treating Redis locks as pessimistic locks",
    "before the commit: is it still mine, and for long enough? A fence decides",
)
def commits_after_expiry(facts: Facts) -> Answer:
    holds = facts.need_holds()
    after = [hold for hold in holds if hold.writes_after]
    if after:
        return failed(
            f"{after[0].key} had run out, and its owner went on writing ({len(after)} of {len(holds)} locks)"
        )
    if not any(hold.release for hold in holds):
        return cannot_tell(f"{len(holds)} locks were taken and none let go in this traffic")
    return passed(
        f"no owner of {len(holds)} locks wrote here after his lock had run out; elsewhere cannot be seen"
    )


@check(
    "AG14",
    "No lock extension for long operations",
    "renew at a third of the TTL while the work goes on, with a maximum life",
)
def extensions(facts: Facts) -> Answer:
    holds = facts.need_holds()
    endless = [hold for hold in holds if hold.extensions >= RENEWED_FOR_EVER]
    if endless:
        return failed(
            f"{endless[0].key} was renewed {endless[0].extensions} times: does its owner still work?",
            "a maximum life for a lock, whatever the heartbeat says",
        )
    tight = [
        hold
        for hold in holds
        if hold.ttl_ms
        and not hold.extensions
        and (hold.late_ms or (hold.held_ms or 0) > WORTH_RENEWING * hold.ttl_ms)
    ]
    if tight:
        return failed(
            f"{tight[0].key} was in use for most of its {tight[0].ttl_ms} ms or longer, and nobody renewed it"
        )
    renewed = sum(bool(hold.extensions) for hold in holds)
    if not any(hold.release for hold in holds):
        return cannot_tell(f"{len(holds)} locks were taken and none let go in this traffic")
    return passed(
        f"{renewed} of {len(holds)} locks were renewed, the others were held for a short part of their TTL"
    )
