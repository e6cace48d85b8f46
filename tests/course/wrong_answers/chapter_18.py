"""Plausible wrong answers to the exercises of chapter 18, and the tests that must refuse each."""

from __future__ import annotations

from minidis.protocol.glob import matches

# -- 18.1 ---------------------------------------------------------------------------------------------

COME_IN = "who may come in: default is off, nobody without a password"
WORK = "forty requests of their daily work"
BEYOND = "commands beyond their work"
PLACES = "other people's keys and channels, and what may only be read"

RIGHT = {
    "default": "off",
    "app": "on >a1 ~shop:* %R~conf:* resetchannels &shop:* "
    "-@all +@read +@write +@transaction +@pubsub +ping -@dangerous",
    "worker": "on >w1 ~jobs:* ~lock:* %R~shop:* resetchannels -@all "
    "+xreadgroup +xack +xautoclaim +xadd +set +get +del +pexpire +hgetall +eval +evalsha",
    "monitor": "on >m1 resetkeys resetchannels -@all +ping +info +latency|latest +slowlog|get +client|list",
    "admin": "on >x1 ~* &* +@all",
}


def users(**changes):
    """The reference with other rules for some users."""
    return lambda: RIGHT | changes


def changed(user, old, new):
    assert old in RIGHT[user]
    return users(**{user: RIGHT[user].replace(old, new)})


DANGEROUS_FIRST = users(
    app=RIGHT["app"].replace(" -@dangerous", "").replace("-@all +@read", "-@all -@dangerous +@read")
)

FOUR_USERS = [
    ("default stays on", (users(default="on nopass ~* &* +@all"),), (COME_IN,)),
    ("nopass for monitoring", (changed("monitor", ">m1", "nopass"),), (COME_IN,)),
    ("one password for all", (changed("worker", ">w1", ">a1"),), (COME_IN,)),
    ("a second password, which is another's", (changed("worker", ">w1", ">w1 >a1"),), (COME_IN,)),
    ("an empty password", (changed("worker", ">w1", ">"),), (COME_IN,)),
    ("all of @scripting for the worker", (changed("worker", "+eval +evalsha", "+@scripting"),), (BEYOND,)),
    ("all of @stream for the worker", (changed("worker", "+xadd", "+@stream"),), (BEYOND,)),
    ("a selector that may all", (changed("app", "-@dangerous", "-@dangerous (+@all ~*)"),), (BEYOND, PLACES)),
    ("nobody switched on", (changed("app", "on >a1", ">a1"),), (COME_IN,)),
    ("-@dangerous before what it takes away", (DANGEROUS_FIRST,), (BEYOND,)),
    (
        "all but dangerous for monitoring",
        (changed("monitor", "-@all +ping", "+@all -@dangerous +ping"),),
        (BEYOND,),
    ),
    ("all of @admin for monitoring", (changed("monitor", "+ping", "+@admin +ping"),), (BEYOND,)),
    ("whole client command", (changed("monitor", "+client|list", "+client"),), (BEYOND,)),
    ("conf may be written", (changed("app", "%R~conf:*", "~conf:*"),), (PLACES,)),
    ("a star too early", (changed("app", "~shop:*", "~shop*"),), (PLACES,)),
    ("all channels", (changed("app", "&shop:*", "&*"),), (PLACES,)),
    ("no channels", (changed("app", "&shop:*", ""),), (WORK,)),
    ("shop read and written by the worker", (changed("worker", "%R~shop:*", "~shop:*"),), (PLACES,)),
    ("worker without scripts", (changed("worker", "+eval +evalsha", ""),), (WORK,)),
    ("app without transactions", (changed("app", "+@transaction ", ""),), (WORK,)),
    ("admin without channels", (changed("admin", "&*", "resetchannels"),), (WORK,)),
    ("a rule that is none", (changed("app", "+@pubsub", "+@messages"),), (WORK,)),
    ("everything for the app", (users(app="on >a1 ~* &* +@all"),), (BEYOND, PLACES)),
]  # fmt: skip

# -- 18.2 ---------------------------------------------------------------------------------------------

CACHE = "the cache: filled five times over, restarted, asked by a stranger"
STORE = "the durable store: power cuts, a full memory, FLUSHALL by mistake"
REPLICA = "the replica: a primary with a password, a promotion, a power cut"

SHARED = (
    "maxmemory 8mb\nrequirepass {password}\nmasterauth {password}\n"
    'rename-command FLUSHALL ""\nrename-command FLUSHDB ""\n'
)
DURABLE = "appendonly yes\nappendfsync everysec\nsave 900 1"
KINDS = {
    "cache": 'maxmemory-policy allkeys-lru\nappendonly no\nsave ""\n',
    "durable": "maxmemory-policy noeviction\nappendonly yes\nappendfsync everysec\nsave 900 1\n",
    "replica": "appendonly yes\nappendfsync everysec\nsave 900 1\nreplicaof {primary} 6379\n",
}


def files_with(kind, old, new):
    """The reference, one kind of which has something else in one place."""

    def files(password, primary):
        texts = {name: SHARED + text for name, text in KINDS.items()}
        assert old in texts[kind]
        texts[kind] = texts[kind].replace(old, new)
        return {name: text.format(password=password, primary=primary) for name, text in texts.items()}

    return files


def the_guides_block(password, primary):
    block = (
        "# Memory\nmaxmemory 256mb\nmaxmemory-policy allkeys-lru\nsave 900 1\nappendonly yes\n"
        f"appendfsync everysec\nreplicaof {primary} 6379\nreplica-read-only yes\nrequirepass your_password\n"
        'rename-command FLUSHDB ""\nrename-command FLUSHALL ""\ntcp-keepalive 300\ntimeout 0\n'
    )
    return dict.fromkeys(KINDS, block)


THREE_FILES = [
    ("the guide's block three times", (the_guides_block,), (CACHE, STORE, REPLICA)),
    ("a comment behind a value", (files_with("cache", "only no", "only no  # no log"),), (CACHE,)),
    ("a cache without a limit", (files_with("cache", "maxmemory 8mb\n", ""),), (CACHE,)),
    ("a cache of volatile keys only", (files_with("cache", "allkeys-lru", "volatile-lru"),), (CACHE,)),
    ("a cache with the default save points", (files_with("cache", 'save ""\n', "save 1 1\n"),), (CACHE,)),
    ("nobody asks for a password", (files_with("cache", "requirepass {password}\n", ""),), (CACHE,)),
    ("a store that evicts", (files_with("durable", "noeviction", "allkeys-lru"),), (STORE,)),
    ("a store that never syncs", (files_with("durable", "everysec", "no"),), (STORE,)),
    ("FLUSHDB forgotten", (files_with("durable", 'rename-command FLUSHDB ""\n', ""),), (STORE,)),
    ("no masterauth", (files_with("replica", "masterauth {password}\n", ""),), (REPLICA,)),
    (
        "a password of its own",
        (files_with("cache", "requirepass {password}", "requirepass secret"),),
        (CACHE,),
    ),
    ("some primary", (files_with("replica", "{primary} 6379", "main 6379"),), (REPLICA,)),
    ("renamed at the primary only", (files_with("replica", 'rename-command FLUSHALL ""\n', ""),), (REPLICA,)),
    ("a replica without durability", (files_with("replica", DURABLE, 'save ""'),), (REPLICA,)),
    ("a replica that takes writes", (files_with("replica", "save", "slave-read-only no\nsave"),), (REPLICA,)),
    ("the guide's placeholders", (files_with("replica", "{primary} 6379", "<ip> <port>"),), (REPLICA,)),
]  # fmt: skip

# -- 18.3 ---------------------------------------------------------------------------------------------

ORDER = "commands: by name, subcommand and category, in the order of the rules"
READING = "keys: reading, writing, both"
CHANNELS = "channels: names match, patterns must be the same"
SELECTORS = "selectors: one set alone must allow all of it"
RANDOM = "a hundred random users, as ACL DRYRUN judges them"
LIVE = "on a live node: NOPERM for what you refuse, and the rules can be changed"


def permissions(
    refusals_win=False, adds_patterns=False, ignores_access=False, exact_container=False, glob=matches,
    psubscribe_matches=False, one_pool=False, first_reason=False, keeps_after_all=False, starts_open=False,
):  # fmt: skip
    """The reference with a mistake."""

    class Permissions:
        def __init__(self):
            self.commands = ["+@all"] if starts_open else []
            self.keys, self.channels, self.selectors = {}, [], []

        def apply(self, rule):
            if rule.startswith("("):
                inner = self if one_pool else Permissions()
                for word in rule[1:-1].split():
                    inner.apply(word)
                if not one_pool:
                    self.selectors.append(inner)
            elif rule in ("+@all", "allcommands"):
                self.commands = [*self.commands, "+@all"] if keeps_after_all else ["+@all"]
            elif rule in ("-@all", "nocommands"):
                self.commands = [*self.commands, "-@all"] if keeps_after_all else []
            elif rule[0] in "+-":
                self.commands.append(rule)
            elif rule in ("allkeys", "resetkeys"):
                self.keys = {"*": "RW"} if rule == "allkeys" else {}
            elif rule in ("allchannels", "resetchannels"):
                self.channels = ["*"] if rule == "allchannels" else []
            elif rule[0] == "&":
                self.channels.append(rule[1:])
            else:
                letters, _, pattern = rule.partition("~")
                self.keys[pattern] = self.keys.get(pattern, "") + (letters[1:] or "RW")

        def check(self, request):
            order = [None, "channel", "key", "command"]
            reasons = [one.own(request) for one in (self, *self.selectors)]
            if first_reason and None not in reasons:
                return reasons[0]
            return min(reasons, key=order.index)

        def own(self, request):
            if not self.allows_command(request):
                return "command"
            if not all(self.allows_key(key, access) for key, access in request.keys):
                return "key"
            for name, is_pattern in request.channels:
                literal = is_pattern and not psubscribe_matches
                if "*" not in self.channels and not any(
                    pattern == name if literal else glob(pattern.encode(), name.encode())
                    for pattern in self.channels
                ):
                    return "channel"
            return None

        def allows_key(self, key, access):
            granted = [
                rights for pattern, rights in self.keys.items() if glob(pattern.encode(), key.encode())
            ]
            if ignores_access:
                return bool(granted)
            if adds_patterns:
                return bool(granted) and set(access) <= set("".join(granted))
            return any(set(access) <= set(rights) for rights in granted)

        def allows_command(self, request):
            names = {request.command} | {"@" + category for category in request.categories}
            if not exact_container:
                names.add(request.command.partition("|")[0])
            named = [rule[0] for rule in self.commands if rule[1:] in names]
            if refusals_win:
                return "+" in named and "-" not in named
            return bool(named) and named[-1] == "+"

    return Permissions


def prefix_only(pattern, name):
    return name.startswith(pattern.rstrip(b"*"))


def exits():
    raise SystemExit


EVALUATORS = [
    ("a refusal always wins", (permissions(refusals_win=True),), (ORDER,)),
    ("a new user may do everything", (permissions(starts_open=True),), (ORDER,)),
    ("+config is no container", (permissions(exact_container=True),), (ORDER,)),
    ("R of one pattern and W of another", (permissions(adds_patterns=True),), (READING,)),
    ("reading and writing are the same", (permissions(ignores_access=True),), (READING, LIVE)),
    ("the pattern is a prefix", (permissions(glob=prefix_only),), (CHANNELS,)),
    ("PSUBSCRIBE's pattern is matched", (permissions(psubscribe_matches=True),), (CHANNELS,)),
    ("selectors poured into one pool", (permissions(one_pool=True),), (SELECTORS,)),
    ("exit", (exits,), (ORDER,)),
    ("the reason of the first set", (permissions(first_reason=True),), (SELECTORS, RANDOM)),
]

# -- 18.4 ---------------------------------------------------------------------------------------------

QUIET = "a quiet day is no incident"
NEW = "the three that are new"
HIDDEN = "one hides the other"
DAY = "a day of six, five right"
IN_TIME = "in time: a question costs a minute, a day has thirty"


def gauges(redis, calm=True, hides=True, per_section=False):
    """The signs of each fault."""
    sections = ("clients", "memory", "persistence", "stats", "replication", "errorstats")
    info = {}
    for section in sections if per_section else ("everything",):
        info |= redis.info(section)
    clients = redis.client_list()
    slow = [entry["command"].split()[0].upper() for entry in redis.slowlog_get(128)]
    replicas = [
        fields for name, fields in info.items() if name.startswith("slave") and isinstance(fields, dict)
    ]
    evicted, leak, script = info["evicted_keys"] > 100, info["connected_clients"] > 100, b"EVAL" in slow
    misses = info["keyspace_misses"] > (info["keyspace_hits"] if calm else 0)
    return {
        "memory full": "errorstat_OOM" in info,
        "eviction storm": evicted,
        "cold cache": misses and not (evicted and hides),
        "slow script": script,
        "slow command": slow.count(b"KEYS") > 3 and not (script and hides),
        "client leak": leak,
        "churn": info["total_connections_received"] > 300 and not (leak and hides),
        "slow reader": max(int(c["omem"]) for c in clients if c["flags"] != "S") > 100_000,
        "replica lag": any(info["master_repl_offset"] - r["offset"] > 50_000 for r in replicas),
        "expiry storm": info["expired_keys"] > (1000 if calm else 0),
        "broken release": info.get("errorstat_WRONGTYPE", {"count": 0})["count"] > 50,
        "failing snapshots": info["rdb_last_bgsave_status"] != "ok",
    }


def diagnose_with(**options):
    return lambda redis: {name for name, is_there in gauges(redis, **options).items() if is_there}


def the_first_only(redis):
    return set([name for name, is_there in gauges(redis).items() if is_there][:1])


def without(*names):
    return lambda redis: diagnose_with()(redis) - set(names)


def from_the_keys(redis):
    redis.keys("*")
    return diagnose_with()(redis)


def cleans_up(redis):
    found = diagnose_with()(redis)
    redis.config_resetstat()
    return found


def every_setting(redis):
    for name in ("maxmemory", "maxmemory-policy", "save", "appendonly", "timeout", "maxclients"):
        redis.config_get(name)
    return diagnose_with()(redis)


INCIDENTS = [
    ("the first that is found", (the_first_only,), (HIDDEN,)),
    ("whatever is not zero", (diagnose_with(calm=False),), (QUIET,)),
    ("each gauge by itself", (diagnose_with(hides=False),), (HIDDEN,)),
    ("only chapter 8's faults", (without("cold cache", "broken release", "failing snapshots"),), (NEW,)),
    ("everything, always", (lambda redis: set(gauges(redis)),), (QUIET, DAY)),
    ("a section at a time", (diagnose_with(per_section=True),), (IN_TIME,)),
    ("asks for settings first", (every_setting,), (IN_TIME,)),
    ("looks at the keys", (from_the_keys,), (QUIET,)),
    ("sets the counters back", (cleans_up,), (QUIET,)),
    ("nothing is ever wrong", (lambda redis: set(),), (NEW, HIDDEN, DAY)),
    ("one name, no set", (lambda redis: "churn",), (QUIET,)),
]

WRONG = {"18.1": FOUR_USERS, "18.2": THREE_FILES, "18.3": EVALUATORS, "18.4": INCIDENTS}
