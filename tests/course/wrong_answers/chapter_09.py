"""Plausible wrong answers to the exercises of chapter 9, and the tests that must refuse each."""

from __future__ import annotations

from redis.exceptions import ResponseError, WatchError

from minidis.protocol.replies import ReplyError

# -- 9.1 ---------------------------------------------------------------------------------------------

MOVED = "enough money is moved, too little is not"
OWN = "a missing account is an empty one, and one's own is no other"
SAME_MONEY = "two spend the same money: in every order one of them gets it"
BOTH = "enough for both: in every order both get it"
TO_AND_FRO = "to and fro at once, and from two to one: the sum stays"
THREE = "three clients, every order"
DIES = "a client that dies after any command moved all or nothing, and bars nobody's way"
AGAIN = "however often somebody is in the way, it tries again"


def read_then_write(redis, source, target, amount):
    held = int(redis.get(source) or 0)
    if held < amount:
        return False
    redis.set(source, held - amount)
    redis.incrby(target, amount)
    return True


def one_counter_after_the_other(redis, source, target, amount):
    if redis.decrby(source, amount) < 0:
        redis.incrby(source, amount)
        return False
    redis.incrby(target, amount)
    return True


def multi_without_watch(redis, source, target, amount):
    if int(redis.get(source) or 0) < amount:
        return False
    with redis.pipeline() as pipe:
        pipe.decrby(source, amount).incrby(target, amount).execute()
    return True


def watch_after_reading(redis, source, target, amount):
    with redis.pipeline() as pipe:
        while True:
            held = int(redis.get(source) or 0)
            if held < amount:
                return False
            try:
                pipe.watch(source)
                pipe.multi()
                pipe.decrby(source, amount)
                pipe.incrby(target, amount)
                pipe.execute()
                return True
            except WatchError:
                continue


def watching(again=True, says=False, sets=False, watches_target=True, strict=False, catches=True):
    def transfer(redis, source, target, amount):
        with redis.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(source, target) if watches_target else pipe.watch(source)
                    held, has = int(pipe.get(source) or 0), int(pipe.get(target) or 0)
                    if held <= amount if strict else held < amount:
                        return False
                    pipe.multi()
                    if sets:
                        pipe.set(source, held - amount)
                        pipe.set(target, has + amount)
                    else:
                        pipe.decrby(source, amount)
                        pipe.incrby(target, amount)
                    pipe.execute()
                    return True
                except WatchError:
                    if not catches:
                        raise
                    if not again:
                        return says

    return transfer


def with_tries(tries):
    def transfer(redis, source, target, amount):
        with redis.pipeline() as pipe:
            for _ in range(tries):
                try:
                    pipe.watch(source)
                    if int(pipe.get(source) or 0) < amount:
                        return False
                    pipe.multi()
                    pipe.decrby(source, amount)
                    pipe.incrby(target, amount)
                    pipe.execute()
                    return True
                except WatchError:
                    continue
        return False

    return transfer


def watch_on_another_connection(redis, source, target, amount):
    watcher, other = redis.client(), redis.client()
    while True:
        watcher.execute_command("WATCH", source)
        if int(watcher.get(source) or 0) < amount:
            return False
        with other.pipeline() as pipe:
            if pipe.decrby(source, amount).incrby(target, amount).execute() is not None:
                return True


def behind_a_lock(redis, source, target, amount):
    while not redis.set("lock:bank", "mine", nx=True):
        pass
    try:
        return one_counter_after_the_other(redis, source, target, amount)
    finally:
        redis.delete("lock:bank")


# -- 9.2 ---------------------------------------------------------------------------------------------

ONE = "one command, which is a script"
DECLARED = "its keys are declared, and its text is always the same"
SLOTS = "accounts in two slots are refused, as a Cluster does"
FORGOTTEN = "a server that forgot its scripts is told again"
TYPES = "a wrong type stops it before anything has moved"
LARGE = "balances beyond 2**53 stay exact"

CHECKED = """
    for _, key in ipairs(KEYS) do
        local held = redis.call('GET', key)
        if held and not string.match(held, '^%-?%d+$') then
            return redis.error_reply('ERR no number')
        end
    end
"""
ASKED_REDIS = """
    for _, key in ipairs(KEYS) do
        if redis.call('EXISTS', key) == 1 then redis.call('INCRBY', key, 0) end
    end
"""
PAYS_IN_FIRST = """
    redis.call('INCRBY', KEYS[2], ARGV[1])
    if redis.call('DECRBY', KEYS[1], ARGV[1]) < 0 then
        redis.call('INCRBY', KEYS[1], ARGV[1])
        redis.call('DECRBY', KEYS[2], ARGV[1])
        return 0
    end
    return 1
"""
MOVE = """
    if redis.call('DECRBY', KEYS[1], ARGV[1]) < 0 then
        redis.call('INCRBY', KEYS[1], ARGV[1])
        return 0
    end
    redis.call('INCRBY', KEYS[2], ARGV[1])
    return 1
"""


def in_lua(text):
    def transfer(redis, source, target, amount):
        return bool(redis.register_script(text)(keys=[source, target], args=[amount]))

    return transfer


def keys_as_arguments(redis, source, target, amount):
    text = (CHECKED + MOVE).replace("ipairs(KEYS)", "ipairs({ARGV[2], ARGV[3]})")
    text = text.replace("KEYS[1]", "ARGV[2]").replace("KEYS[2]", "ARGV[3]")
    return bool(redis.eval(text, 0, amount, source, target))


def only_the_source_declared(redis, source, target, amount):
    text = (
        (CHECKED + MOVE).replace("ipairs(KEYS)", "ipairs({KEYS[1], ARGV[2]})").replace("KEYS[2]", "ARGV[2]")
    )
    return bool(redis.eval(text, 1, source, amount, target))


def a_text_for_each_transfer(redis, source, target, amount):
    text = (CHECKED + MOVE).replace("ARGV[1]", f"'{amount}'")
    return bool(redis.eval(text, 2, source, target))


def looks_first(redis, source, target, amount):
    if int(redis.get(source) or 0) < amount:
        return False
    return in_lua(CHECKED + MOVE)(redis, source, target, amount)


def loads_once():
    known = []

    def transfer(redis, source, target, amount):
        if not known:
            known.append(redis.script_load(CHECKED + MOVE))
        return bool(redis.evalsha(known[0], 2, source, target, amount))

    return transfer


def loads_each_time(redis, source, target, amount):
    return bool(redis.evalsha(redis.script_load(CHECKED + MOVE), 2, source, target, amount))


def swallows_errors(redis, source, target, amount):
    try:
        return in_lua(CHECKED + MOVE)(redis, source, target, amount)
    except ResponseError:
        return False


LUA_SUMS = """
    local held = tonumber(redis.call('GET', KEYS[1]) or '0')
    local has = tonumber(redis.call('GET', KEYS[2]) or '0')
    if held < tonumber(ARGV[1]) then return 0 end
    redis.call('SET', KEYS[1], held - ARGV[1])
    redis.call('SET', KEYS[2], has + ARGV[1])
    return 1
"""
COMPARED_IN_LUA = """
    if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then return 0 end
    redis.call('DECRBY', KEYS[1], ARGV[1])
    redis.call('INCRBY', KEYS[2], ARGV[1])
    return 1
"""


def with_multi(redis, source, target, amount):
    return watching()(redis, source, target, amount)


# -- 9.3 ---------------------------------------------------------------------------------------------

QUEUE = "EXEC runs the queue; errors stand among the replies"
NIL = "a change by anybody makes EXEC nil, once"
SAME = "the same value again is a change"
EXPIRY = "time that runs out is a change, death before WATCH is not"
FLUSH = "FLUSHALL changes what there was"
DATABASES = "the same name in another database is another key"
FORGETS = "UNWATCH, DISCARD and a lost connection forget; WATCH in MULTI is refused"
TRACES = "nothing is kept of keys that nobody watches"
RANDOM = "two thousand random commands: as the engine answers"


class Right:
    """The part as it should be; the wrong ones change a method."""

    def __init__(self, is_dead):
        self.is_dead = is_dead
        self.watched = {}
        self.watchers = {}
        self.changed = set()

    def watch(self, client, places, in_multi):
        if in_multi:
            raise ReplyError("ERR WATCH inside MULTI is not allowed")
        mine = self.watched.setdefault(client, {})
        for place in places:
            if place not in mine:
                mine[place] = self.is_dead(place)
                self.watchers.setdefault(place, set()).add(client)

    def unwatch(self, client):
        for place in self.watched.pop(client, {}):
            self.watchers[place].discard(client)
            if not self.watchers[place]:
                del self.watchers[place]
        self.changed.discard(client)

    def touched(self, place, exists):
        for client in self.watchers.get(place, ()):
            mine = self.watched[client]
            if mine[place] and not exists:
                mine[place] = False
            else:
                self.changed.add(client)

    def must_fail(self, client):
        mine = self.watched.get(client, {})
        return client in self.changed or any(not dead and self.is_dead(place) for place, dead in mine.items())

    def execute(self, client, queue, spoiled, call):
        failed = self.must_fail(client)
        self.unwatch(client)
        if spoiled:
            raise ReplyError("EXECABORT Transaction discarded because of previous errors.")
        return None if failed else self.run(queue, call)

    def run(self, queue, call):
        replies = []
        for argv in queue:
            try:
                replies.append(call(argv))
            except ReplyError as error:
                replies.append(error)
        return replies


class StopsAtAnError(Right):
    def run(self, queue, call):
        return [call(argv) for argv in queue]


class EndsWithTheError(Right):
    def run(self, queue, call):
        replies = []
        for argv in queue:
            try:
                replies.append(call(argv))
            except ReplyError as error:
                return [*replies, error]
        return replies


class RunsWhatIsSpoiled(Right):
    def execute(self, client, queue, spoiled, call):
        return super().execute(client, queue, False, call)


class WatchesForEver(Right):
    def execute(self, client, queue, spoiled, call):
        if spoiled:
            raise ReplyError("EXECABORT Transaction discarded because of previous errors.")
        if self.must_fail(client):
            return None
        replies = self.run(queue, call)
        self.unwatch(client)
        return replies


class EmptyListForNil(Right):
    def execute(self, client, queue, spoiled, call):
        replies = super().execute(client, queue, spoiled, call)
        return [] if replies is None else replies


class IgnoresTime(Right):
    def must_fail(self, client):
        return client in self.changed


class DeadIsDead(Right):
    """Forgets what was dead already when WATCH came."""

    def watch(self, client, places, in_multi):
        super().watch(client, places, in_multi)
        for place in places:
            self.watched[client][place] = False


class ForgivesTheDeadForEver(Right):
    def touched(self, place, exists):
        for client in self.watchers.get(place, ()):
            if not self.watched[client][place]:
                self.changed.add(client)


class LooksAgainAtASecondWatch(Right):
    def watch(self, client, places, in_multi):
        super().watch(client, places, in_multi)
        for place in places:
            self.watched[client][place] = self.is_dead(place)


class OneDatabase(Right):
    def watch(self, client, places, in_multi):
        super().watch(client, [(0, key) for _, key in places], in_multi)

    def touched(self, place, exists):
        super().touched((0, place[1]), exists)


class WatchInMulti(Right):
    def watch(self, client, places, in_multi):
        super().watch(client, places, False)


class OnlyTheFirstWatcher(Right):
    def touched(self, place, exists):
        for client in list(self.watchers.get(place, ()))[:1]:
            self.changed.add(client)


class DeletionIsNoChange(Right):
    def touched(self, place, exists):
        if exists:
            super().touched(place, exists)


class UnwatchKeepsTheFlag(Right):
    def unwatch(self, client):
        changed = client in self.changed
        super().unwatch(client)
        if changed:
            self.changed.add(client)


class CountsVersions:
    """A version for each key that ever changed: right, and it grows for ever."""

    def __init__(self, is_dead):
        self.is_dead = is_dead
        self.versions = {}
        self.seen = {}

    def watch(self, client, places, in_multi):
        if in_multi:
            raise ReplyError("ERR WATCH inside MULTI is not allowed")
        for place in places:
            self.seen.setdefault(client, {}).setdefault(
                place, (self.versions.get(place, 0), self.is_dead(place))
            )

    def unwatch(self, client):
        self.seen.pop(client, None)

    def touched(self, place, exists):
        self.versions[place] = self.versions.get(place, 0) + 1

    def must_fail(self, client):
        return any(
            self.versions.get(place, 0) != version or (not dead and self.is_dead(place))
            for place, (version, dead) in self.seen.get(client, {}).items()
        )

    execute, run = Right.execute, Right.run


# -- 9.4 ---------------------------------------------------------------------------------------------

SNIPPETS = [
    "snippet 1: MULTI with a wrong type inside",
    "snippet 2: MULTI with a wrong number of arguments inside",
    "snippet 3: a script with call",
    "snippet 4: a script with pcall",
    "snippet 5: WATCH, and another client writes the same value",
    "snippet 6: WATCH, and the same client writes before MULTI",
]


def believes(**beliefs):
    def x_after(snippet, a, b):
        right = {1: a + 2 * b, 2: a, 3: a + b, 4: a + 2 * b, 5: a, 6: b}
        changed = {int(name[1:]): value(a, b) for name, value in beliefs.items()}
        return {**right, **changed}[snippet]

    return x_after


WRONG = {
    "9.1": [
        ("GET and SET", (read_then_write,), (SAME_MONEY, BOTH, THREE, DIES)),
        ("DECRBY, then INCRBY", (one_counter_after_the_other,), (DIES,)),
        ("MULTI without WATCH", (multi_without_watch,), (SAME_MONEY, THREE)),
        ("WATCH after the read", (watch_after_reading,), (SAME_MONEY, THREE)),
        ("gives up", (watching(again=False),), (BOTH,)),
        ("takes nil for success", (watching(again=False, says=True),), (SAME_MONEY, BOTH)),
        ("lets WatchError out", (watching(catches=False),), (BOTH, AGAIN)),
        ("two tries", (with_tries(2),), (AGAIN,)),
        ("a thousand tries", (with_tries(1000),), (AGAIN,)),
        ("sets sums, and the own account grows", (watching(sets=True),), (OWN,)),
        ("sets a target that it didn't watch", (watching(sets=True, watches_target=False),), (TO_AND_FRO,)),
        ("the last coin stays", (watching(strict=True),), (MOVED,)),
        ("WATCH on another connection", (watch_on_another_connection,), (SAME_MONEY,)),
        ("a lock that stays behind", (behind_a_lock,), (DIES,)),
    ],
    "9.2": [
        ("no look before it moves", (in_lua(MOVE),), (TYPES,)),
        ("a pattern takes 007 for a number", (in_lua(CHECKED + MOVE),), (TYPES,)),
        ("looks by INCRBY 0, and the target is full", (in_lua(ASKED_REDIS + MOVE),), (TYPES,)),
        ("pays in first, and the source holds a text", (in_lua(PAYS_IN_FIRST),), (TYPES,)),
        ("sums in Lua", (in_lua(LUA_SUMS),), (LARGE,)),
        ("compares in Lua", (in_lua(COMPARED_IN_LUA),), (TYPES, LARGE)),
        ("keys as arguments", (keys_as_arguments,), (DECLARED, SLOTS)),
        ("only the source declared", (only_the_source_declared,), (DECLARED, SLOTS)),
        ("a text for each amount", (a_text_for_each_transfer,), (DECLARED,)),
        ("looks first, from outside", (looks_first,), (ONE,)),
        ("EVALSHA and nothing else", (loads_once(),), (FORGOTTEN,)),
        ("SCRIPT LOAD each time", (loads_each_time,), (ONE,)),
        ("errors become False", (swallows_errors,), (TYPES, SLOTS)),
        (
            "not enough is an error",
            (in_lua(CHECKED + MOVE.replace("return 0", "return redis.error_reply('ERR poor')")),),
            (MOVED,),
        ),
        ("WATCH and MULTI again", (with_multi,), (ONE, SLOTS)),
    ],
    "9.3": [
        ("the first error ends EXEC", (StopsAtAnError,), (QUEUE,)),
        ("the rest does not run", (EndsWithTheError,), (QUEUE, RANDOM)),
        ("no EXECABORT", (RunsWhatIsSpoiled,), (QUEUE,)),
        ("EXEC leaves the watch", (WatchesForEver,), (QUEUE, NIL)),
        ("an empty list for nil", (EmptyListForNil,), (NIL, SAME)),
        ("time passes unseen", (IgnoresTime,), (EXPIRY,)),
        ("dead at WATCH is a change", (DeadIsDead,), (EXPIRY,)),
        ("what was dead once is forgiven for ever", (ForgivesTheDeadForEver,), (EXPIRY,)),
        ("a second WATCH looks again", (LooksAgainAtASecondWatch,), (EXPIRY,)),
        ("one database", (OneDatabase,), (DATABASES,)),
        ("WATCH inside MULTI", (WatchInMulti,), (FORGETS,)),
        ("tells the first watcher only", (OnlyTheFirstWatcher,), (NIL,)),
        ("a deletion is no change", (DeletionIsNoChange,), (FLUSH, NIL)),
        ("UNWATCH leaves the flag", (UnwatchKeepsTheFlag,), (FORGETS,)),
        ("a version for every key for ever", (CountsVersions,), (TRACES,)),
    ],
    "9.4": [
        ("EXEC rolls back", (believes(_1=lambda a, b: a),), (SNIPPETS[0],)),
        ("EXEC stops at an error", (believes(_1=lambda a, b: a + b),), (SNIPPETS[0],)),
        ("queues what it can", (believes(_2=lambda a, b: a + 2 * b),), (SNIPPETS[1],)),
        ("scripts roll back", (believes(_3=lambda a, b: a),), (SNIPPETS[2],)),
        ("scripts go on", (believes(_3=lambda a, b: a + 2 * b),), (SNIPPETS[2],)),
        ("pcall stops", (believes(_4=lambda a, b: a + b),), (SNIPPETS[3],)),
        ("WATCH compares values", (believes(_5=lambda a, b: a + b),), (SNIPPETS[4],)),
        ("one's own change doesn't count", (believes(_6=lambda a, b: a + b),), (SNIPPETS[5],)),
    ],
}
