"""Plausible wrong answers to the exercises of chapter 13, and the tests that must refuse each."""

from __future__ import annotations

from collections import Counter

from redis.exceptions import ConnectionError, ReadOnlyError, RedisError, TimeoutError

# -- 13.1 ---------------------------------------------------------------------------------------------

BURNS = "the primary's rack burns: another takes over"
R2 = "rack r2 burns: nothing happens, and one more fault is borne"
R3 = "rack r3 burns: nothing happens, and one more fault is borne"
PRIMARY_CUT = "the primary's rack is cut off: only the others act"
LINE = "one broken line between two racks: no failover"


def placed(*racks):
    return {f"s{number}": rack for number, rack in enumerate(racks, 1)}


def chosen(placement, quorum):
    return lambda: (placement, quorum)


EVEN = placed("r1", "r1", "r2", "r2", "r3")

# -- 13.2 ---------------------------------------------------------------------------------------------

FINDS = "finds the primary, and asks no more than it must"
DOWN = "a Sentinel that is down, another that knows nothing"
THROUGH = "through a failover"
LOST_REPLY = "a reply that is lost: not sent again"
READ_ONLY = "a primary that became a replica: READONLY"
YESTERDAY = "a Sentinel of yesterday"
SWITCH = "+switch-master: an old primary that still answers"


class RightFollower:
    """A right answer in parts, each of which a wrong one replaces."""

    def __init__(self, sentinels, connect, name):
        self.sentinels, self.connect, self.name = sentinels, connect, name
        self.primary = None

    def execute(self, *command):
        if self.primary is None:
            self.primary = self.find()
        try:
            return self.primary.execute_command(*command)
        except ReadOnlyError:
            return self.read_only(*command)
        except (ConnectionError, TimeoutError):
            return self.lost(*command)

    def read_only(self, *command):
        self.primary = None
        self.primary = self.find()
        return self.primary.execute_command(*command)

    def lost(self, *command):
        self.primary = None
        raise ConnectionError("lost")

    def find(self):
        for sentinel in self.sentinels:
            try:
                address = self.ask(sentinel)
                if address is None:
                    continue
                client = self.connect(*address)
                if self.is_primary(client):
                    return client
            except RedisError:
                continue
        raise ConnectionError("nobody knows")

    def ask(self, sentinel):
        return sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)

    def is_primary(self, client):
        return client.execute_command("ROLE")[0] == b"master"

    def on_switch(self, message):
        if message.split()[0] == self.name:
            self.primary = None


class AsksEveryTime(RightFollower):
    def execute(self, *command):
        self.primary = None
        return super().execute(*command)


class OnlyTheFirstSentinel(RightFollower):
    def __init__(self, sentinels, connect, name):
        super().__init__(sentinels[:1], connect, name)


class StopsAtADeadSentinel(RightFollower):
    def find(self):
        for sentinel in self.sentinels:
            address = self.ask(sentinel)
            if address is not None:
                client = self.connect(*address)
                if self.is_primary(client):
                    return client
        raise ConnectionError("nobody knows")


class TrustsNone(RightFollower):
    """Takes no address for an address."""

    def find(self):
        for sentinel in self.sentinels:
            try:
                host, port = self.ask(sentinel)
            except RedisError:
                continue
            client = self.connect(host, port)
            if self.is_primary(client):
                return client
        raise ConnectionError("nobody knows")


class KeepsTheDead(RightFollower):
    def lost(self, *command):
        raise ConnectionError("lost")


class SendsAgain(RightFollower):
    def lost(self, *command):
        self.primary = None
        self.primary = self.find()
        return self.primary.execute_command(*command)


class SaysNothing(RightFollower):
    def lost(self, *command):
        self.primary = None


class LetsReadOnlyThrough(RightFollower):
    def read_only(self, *command):
        self.primary = None
        raise ReadOnlyError("READONLY")


class StaysWithReadOnly(RightFollower):
    def read_only(self, *command):
        return self.primary.execute_command(*command)


class BelievesEverySentinel(RightFollower):
    def is_primary(self, client):
        return True


class BelievesAPing(RightFollower):
    def is_primary(self, client):
        return bool(client.ping())


class IgnoresTheSwitch(RightFollower):
    def on_switch(self, message):
        pass


class AnySwitchWillDo(RightFollower):
    def on_switch(self, message):
        self.primary = None


class SwitchOfAnotherPlace(RightFollower):
    """Looks for its name at the end of the message."""

    def on_switch(self, message):
        if message.split()[-1] == self.name:
            self.primary = None


class GoesToTheOldOne(RightFollower):
    def on_switch(self, message):
        name, host, port, _, _ = message.split()
        if name == self.name:
            self.primary = self.connect(host, port)


# -- 13.3 ---------------------------------------------------------------------------------------------

FIRST = "first come, first served"
EPOCH = "a new attempt has a new epoch"
CRASH = "a crash forgets nothing"
MAJORITY = "more than half of all, and the quorum"
NEVER_TWO = "never two leaders, whatever the network does"


class RightBallot:
    def __init__(self, memory):
        self.memory = memory
        memory.setdefault("current", 0)
        memory.setdefault("vote", (None, 0))

    def vote(self, candidate, epoch):
        memory = self.memory
        memory["current"] = max(memory["current"], epoch)
        if self.may(candidate, epoch):
            memory["vote"] = (candidate, epoch)
        return memory["vote"]

    def may(self, candidate, epoch):
        return epoch == self.memory["current"] and self.memory["vote"][1] < epoch

    def next_epoch(self):
        self.memory["current"] += 1
        return self.memory["current"]


def right_elected(votes, epoch, voters, quorum):
    counts = Counter(candidate for candidate, voted_in in votes.values() if voted_in == epoch)
    return next((name for name, count in counts.items() if count >= max(voters // 2 + 1, quorum)), None)


class VotesForEverybody(RightBallot):
    def may(self, candidate, epoch):
        return True


class LastCome(RightBallot):
    def may(self, candidate, epoch):
        return epoch >= self.memory["vote"][1]


class VotesInThePast(RightBallot):
    """Gives a vote in any epoch in which it has not voted."""

    def __init__(self, memory):
        super().__init__(memory)
        memory.setdefault("all", {})

    def vote(self, candidate, epoch):
        self.memory["current"] = max(self.memory["current"], epoch)
        self.memory["vote"] = (self.memory["all"].setdefault(epoch, candidate), epoch)
        return self.memory["vote"]


class BelowTheCurrentEpoch(RightBallot):
    """Has heard of a higher epoch, and votes in a lower one."""

    def may(self, candidate, epoch):
        return self.memory["vote"][1] < epoch


class NeverChangesItsMind(RightBallot):
    def may(self, candidate, epoch):
        return self.memory["vote"][0] is None


class RefusesWithoutAnAnswer(RightBallot):
    def vote(self, candidate, epoch):
        may = epoch >= self.memory["current"] and self.memory["vote"][1] < epoch
        answer = super().vote(candidate, epoch)
        return answer if may else (None, 0)


class AnswersTheQuestionsEpoch(RightBallot):
    def vote(self, candidate, epoch):
        return super().vote(candidate, epoch)[0], epoch


class OnlyInItsHead(RightBallot):
    def __init__(self, memory):
        super().__init__({})


class EpochInItsHead(RightBallot):
    """Remembers its vote, and not the number of its own attempt."""

    def __init__(self, memory):
        super().__init__(memory)
        self.attempts = 0

    def next_epoch(self):
        self.attempts = max(self.attempts, self.memory["current"]) + 1
        return self.attempts


class SharedByAll(RightBallot):
    memory_of_all = {}  # noqa: RUF012

    def __init__(self, memory):
        self.memory_of_all.clear()
        super().__init__(self.memory_of_all)


class CountsItsOwnAttempts(RightBallot):
    def next_epoch(self):
        self.memory["attempts"] = self.memory.get("attempts", 0) + 1
        return self.memory["attempts"]


def by_quorum(votes, epoch, voters, quorum):
    counts = Counter(candidate for candidate, voted_in in votes.values() if voted_in == epoch)
    return next((name for name, count in counts.items() if count >= quorum), None)


def by_majority(votes, epoch, voters, quorum):
    counts = Counter(candidate for candidate, voted_in in votes.values() if voted_in == epoch)
    return next((name for name, count in counts.items() if count > voters // 2), None)


def of_those_heard(votes, epoch, voters, quorum):
    return right_elected(votes, epoch, len(votes), quorum)


def half_is_enough(votes, epoch, voters, quorum):
    counts = Counter(candidate for candidate, voted_in in votes.values() if voted_in == epoch)
    return next((name for name, count in counts.items() if count >= max(voters / 2, quorum)), None)


def of_any_epoch(votes, epoch, voters, quorum):
    counts = Counter(candidate for candidate, _ in votes.values())
    return next((name for name, count in counts.items() if count >= max(voters // 2 + 1, quorum)), None)


def the_most_votes(votes, epoch, voters, quorum):
    counts = Counter(candidate for candidate, voted_in in votes.values() if voted_in == epoch)
    best = counts.most_common(1)
    return best[0][0] if best and best[0][1] >= quorum else None


def later_epochs_too(votes, epoch, voters, quorum):
    counts = Counter(candidate for candidate, voted_in in votes.values() if voted_in >= epoch)
    return next((name for name, count in counts.items() if count >= max(voters // 2 + 1, quorum)), None)


# -- 13.4 ---------------------------------------------------------------------------------------------

UNFIT = "who is unfit"
STALE = "stale ones"
RANKS = "priority, then offset, then run id"
BY_LOT = "two hundred draws, beside the engine's own"
LIVE_CHOICE = "a live failover with your choice"


class Chooser:
    """A right answer in parts; `Chooser()` is called like the function."""

    heard_limit_ms = 5000

    def __call__(self, candidates, primary, now_ms):
        fit = [one for one in candidates if self.is_fit(one, primary, now_ms)]
        return min(fit, key=self.rank, default=None)

    def is_fit(self, one, primary, now_ms):
        return (
            self.is_there(one)
            and now_ms - one.heard_ms <= self.heard_limit_ms
            and now_ms - one.info_ms <= self.info_limit_ms(primary)
            and one.link_down_ms <= self.link_limit_ms(primary, now_ms)
        )

    def is_there(self, one):
        return not one.is_down and one.is_connected and one.priority != 0

    def info_limit_ms(self, primary):
        return 5000 if primary.is_down else 30_000

    def link_limit_ms(self, primary, now_ms):
        return 10 * primary.down_after_ms + (now_ms - primary.down_since_ms if primary.is_down else 0)

    def rank(self, one):
        return one.priority, -one.offset, not one.run_id, one.run_id.lower()


class OffsetFirst(Chooser):
    def rank(self, one):
        return -one.offset, one.priority, not one.run_id, one.run_id.lower()


class HighestPriority(Chooser):
    def rank(self, one):
        return -one.priority, -one.offset, not one.run_id, one.run_id.lower()


class SmallestOffset(Chooser):
    def rank(self, one):
        return one.priority, one.offset, not one.run_id, one.run_id.lower()


class LargestRunId(Chooser):
    def __call__(self, candidates, primary, now_ms):
        fit = [one for one in candidates if self.is_fit(one, primary, now_ms)]
        return max(fit, key=lambda one: (-one.priority, one.offset, one.run_id.lower()), default=None)


class CaseMatters(Chooser):
    def rank(self, one):
        return one.priority, -one.offset, not one.run_id, one.run_id


class UnknownIdFirst(Chooser):
    def rank(self, one):
        return one.priority, -one.offset, one.run_id.lower()


class WithoutRunId(Chooser):
    def rank(self, one):
        return one.priority, -one.offset


class ZeroIsBest(Chooser):
    def is_there(self, one):
        return not one.is_down and one.is_connected


class TakesTheDown(Chooser):
    def is_there(self, one):
        return one.is_connected and one.priority != 0


class TakesTheDisconnected(Chooser):
    def is_there(self, one):
        return not one.is_down and one.priority != 0


class NeverStale(Chooser):
    heard_limit_ms = 10**9


class HeardExclusive(Chooser):
    heard_limit_ms = 4999


class OneLimitForInfo(Chooser):
    def info_limit_ms(self, primary):
        return 30_000


class StrictInfo(Chooser):
    def info_limit_ms(self, primary):
        return 5000


class ForgetsTheDownTime(Chooser):
    def link_limit_ms(self, primary, now_ms):
        return 10 * primary.down_after_ms


class AddsTheDownTimeAlways(Chooser):
    def link_limit_ms(self, primary, now_ms):
        return 10 * primary.down_after_ms + now_ms - primary.down_since_ms


class LinkMayBeDownForEver(Chooser):
    def link_limit_ms(self, primary, now_ms):
        return 10**9


class TheFirst(Chooser):
    def __call__(self, candidates, primary, now_ms):
        return next((one for one in candidates if self.is_fit(one, primary, now_ms)), None)


WRONG = {
    "13.1": [
        ("three in one rack", (chosen(placed("r1", "r1", "r1", "r2", "r3"), 3),), (BURNS,)),
        ("three in another rack", (chosen(placed("r1", "r2", "r2", "r2", "r3"), 3),), (R2,)),
        ("three in the last rack", (chosen(placed("r1", "r2", "r3", "r3", "r3"), 3),), (R3,)),
        ("all in one rack", (chosen(placed("r1", "r1", "r1", "r1", "r1"), 3),), (BURNS,)),
        (
            "none with the primary, three together",
            (chosen(placed("r2", "r2", "r2", "r3", "r3"), 2),),
            (R2,),
        ),
        ("a quorum of one", (chosen(EVEN, 1),), (LINE,)),
        ("a quorum of two", (chosen(EVEN, 2),), (LINE,)),
        ("two, and the other way round", (chosen(placed("r1", "r2", "r2", "r3", "r3"), 2),), (LINE,)),
        ("a quorum of four", (chosen(EVEN, 4),), (R2,)),
        ("all must agree", (chosen(EVEN, 5),), (PRIMARY_CUT,)),
        ("a rack that is none", (chosen(placed("r1", "r1", "r2", "r2", "r4"), 3),), (BURNS,)),
        ("one is not placed", (chosen({"s1": "r1", "s2": "r2", "s3": "r3"}, 2),), (BURNS,)),
        ("the placement alone", (lambda: EVEN,), (BURNS,)),
    ],
    "13.2": [
        ("asks every time", (AsksEveryTime,), (FINDS,)),
        ("only the first Sentinel", (OnlyTheFirstSentinel,), (DOWN,)),
        ("a dead Sentinel is the end", (StopsAtADeadSentinel,), (DOWN,)),
        ("no address is an address", (TrustsNone,), (DOWN,)),
        ("keeps the dead primary", (KeepsTheDead,), (THROUGH,)),
        ("sends it again", (SendsAgain,), (LOST_REPLY,)),
        ("says nothing of a loss", (SaysNothing,), (LOST_REPLY,)),
        ("lets READONLY through", (LetsReadOnlyThrough,), (READ_ONLY,)),
        ("stays with READONLY", (StaysWithReadOnly,), (READ_ONLY,)),
        ("believes the first Sentinel", (BelievesEverySentinel,), (YESTERDAY,)),
        ("believes a PING", (BelievesAPing,), (YESTERDAY,)),
        ("ignores +switch-master", (IgnoresTheSwitch,), (SWITCH,)),
        ("any +switch-master", (AnySwitchWillDo,), (SWITCH,)),
        ("looks at the wrong word", (SwitchOfAnotherPlace,), (SWITCH,)),
        ("goes to the old address", (GoesToTheOldOne,), (SWITCH,)),
    ],
    "13.3": [
        ("votes for everybody", (VotesForEverybody, right_elected), (FIRST, NEVER_TWO)),
        ("last come, first served", (LastCome, right_elected), (FIRST, NEVER_TWO)),
        ("votes in the past", (VotesInThePast, right_elected), (FIRST,)),
        ("below the current epoch", (BelowTheCurrentEpoch, right_elected), (EPOCH,)),
        ("never changes its mind", (NeverChangesItsMind, right_elected), (FIRST,)),
        ("refuses without an answer", (RefusesWithoutAnAnswer, right_elected), (FIRST, CRASH)),
        ("answers with the question's epoch", (AnswersTheQuestionsEpoch, right_elected), (FIRST,)),
        ("only in its head", (OnlyInItsHead, right_elected), (CRASH, NEVER_TWO)),
        ("its epoch only in its head", (EpochInItsHead, right_elected), (CRASH,)),
        ("one memory for all", (SharedByAll, right_elected), (CRASH,)),
        ("counts its own attempts", (CountsItsOwnAttempts, right_elected), (EPOCH,)),
        ("the quorum elects", (RightBallot, by_quorum), (MAJORITY, NEVER_TWO)),
        ("the majority alone", (RightBallot, by_majority), (MAJORITY,)),
        ("a majority of those heard", (RightBallot, of_those_heard), (MAJORITY, NEVER_TWO)),
        ("half is enough", (RightBallot, half_is_enough), (MAJORITY,)),
        ("votes of any epoch", (RightBallot, of_any_epoch), (MAJORITY,)),
        ("votes of later epochs too", (RightBallot, later_epochs_too), (MAJORITY,)),
        ("who has most", (RightBallot, the_most_votes), (MAJORITY, NEVER_TWO)),
    ],
    "13.4": [
        ("offset before priority", (OffsetFirst(),), (RANKS, BY_LOT)),
        ("the highest priority", (HighestPriority(),), (RANKS, LIVE_CHOICE)),
        ("the smallest offset", (SmallestOffset(),), (RANKS,)),
        ("the largest run id", (LargestRunId(),), (RANKS,)),
        ("upper case first", (CaseMatters(),), (RANKS,)),
        ("an unknown id first", (UnknownIdFirst(),), (RANKS,)),
        ("no run id", (WithoutRunId(),), (RANKS, BY_LOT)),
        ("0 is the best priority", (ZeroIsBest(),), (UNFIT, LIVE_CHOICE)),
        ("takes the down", (TakesTheDown(),), (UNFIT,)),
        ("takes the disconnected", (TakesTheDisconnected(),), (UNFIT,)),
        ("nobody is stale", (NeverStale(),), (STALE, BY_LOT)),
        ("an exclusive limit", (HeardExclusive(),), (STALE,)),
        ("one limit for INFO", (OneLimitForInfo(),), (STALE,)),
        ("a strict limit for INFO", (StrictInfo(),), (STALE,)),
        ("forgets how long the primary is down", (ForgetsTheDownTime(),), (STALE,)),
        ("adds it always", (AddsTheDownTimeAlways(),), (STALE,)),
        ("a link down for ever", (LinkMayBeDownForEver(),), (STALE,)),
        ("the first that is fit", (TheFirst(),), (RANKS,)),
    ],
}
