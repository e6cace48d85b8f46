"""Plausible wrong answers to the exercises of chapter 14, and the tests that must refuse each."""

from __future__ import annotations

import binascii
import re
import sys
from urllib.parse import quote

from redis.exceptions import (
    AskError,
    ClusterDownError,
    ClusterError,
    ConnectionError,
    MovedError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from minidis.distributed.cluster.slots import slot_of

# -- 14.1 ---------------------------------------------------------------------------------------------

CHECKOUT = "a checkout meets no CROSSSLOT"
ANY_ID = "any id: braces, nothing, colons"
COLLISION = "no two things share a key"
SPREAD = "users spread over all slots"
ANOTHER_SERVER = "another server comes to the same keys"


def tagged(tag):
    """The three functions with a tag that depends on the user alone."""
    return (
        lambda user: f"cart:{tag(user)}",
        lambda user, product: f"stock:{tag(user)}:{product}",
        lambda user, number: f"order:{tag(user)}:{number}",
    )


def no_braces(user):
    return f"{user}"  # f"cart:{user}", and Python took the braces


def as_it_is(user):
    return f"{{{user}}}"


def one_for_all(user):
    return "{shop}"


def first_letter(user):
    return f"{{{quote(user, safe='')[:1] or '-'}}}{quote(user, safe='')}"


def ten_buckets(user):
    return f"{{{binascii.crc32(user.encode()) % 10}}}{quote(user, safe='')}"


def may_be_empty(user):
    return f"{{{quote(user, safe='')}}}"


def without_braces(user):
    return "{u" + user.replace("{", "").replace("}", "") + "}"


def salted(user):
    return f"{{{hash(user)}}}"  # another number in each process


OF_THE_PRODUCT = (
    lambda user: f"cart:{{u{quote(user, safe='')}}}",
    lambda user, product: f"stock:{{p{quote(product, safe='')}}}:{user}",
    lambda user, number: f"order:{{u{quote(user, safe='')}}}:{number}",
)
ONE_STOCK_FOR_EACH_USER = (
    lambda user: f"cart:{{u{quote(user, safe='')}}}",
    lambda user, product: f"stock:{{u{quote(user, safe='')}}}",
    lambda user, number: f"order:{{u{quote(user, safe='')}}}:{number}",
)
BARE_TAG = (
    lambda user: f"{{u{quote(user, safe='')}}}",
    lambda user, product: f"{{u{quote(user, safe='')}}}{product}",
    lambda user, number: f"{{u{quote(user, safe='')}}}{number}",
)

# -- 14.2 ---------------------------------------------------------------------------------------------

REDIRECTIONS = "MOVED corrects the map, ASK does not"
IDLE = "nobody asks for it meanwhile: everything arrives"
UNDER_LOAD = "under load: no error, no increment lost"
HALF_WAY = "a move that stopped half-way is taken up"


def right_redirect(error, slots, slot):
    word, *rest = error.split()
    if word == "MOVED":
        slots[slot] = rest[1]
        return rest[1], False
    return (rest[1], True) if word == "ASK" else (slots[slot], False)


class Mover:
    """A right answer in parts; `Mover()` is called like the function."""

    def __call__(self, clients, addresses, slot, source, target):
        self.clients, self.slot, self.source, self.target = clients, slot, source, target
        self.address = addresses[target]
        self.ids = {name: client.execute_command("CLUSTER", "MYID") for name, client in clients.items()}
        self.open()
        self.move_keys()
        self.give()

    def setslot(self, name, *words):
        self.clients[name].execute_command("CLUSTER", "SETSLOT", self.slot, *words)

    def keys(self, count=10):
        return self.clients[self.source].execute_command("CLUSTER", "GETKEYSINSLOT", self.slot, count)

    def open(self):
        self.setslot(self.target, "IMPORTING", self.ids[self.source])
        self.setslot(self.source, "MIGRATING", self.ids[self.target])

    def migrate(self, *keys):
        host, port = self.address
        self.clients[self.source].execute_command("MIGRATE", host, port, "", 0, 5000, "KEYS", *keys)

    def move_keys(self):
        while keys := self.keys():
            self.migrate(*keys)

    def give(self):
        for name in sorted(self.clients, key=lambda name: name != self.target):
            self.setslot(name, "NODE", self.ids[self.target])


class MigratingFirst(Mover):
    def open(self):
        self.setslot(self.source, "MIGRATING", self.ids[self.target])
        self.setslot(self.target, "IMPORTING", self.ids[self.source])


class OnlyTheFirstTen(Mover):
    def move_keys(self):
        self.migrate(*self.keys())


class SourceFirst(Mover):
    def give(self):
        for name in sorted(self.clients, key=lambda name: name != self.source):
            self.setslot(name, "NODE", self.ids[self.target])


class TellsTheSourceAlone(Mover):
    def give(self):
        self.setslot(self.source, "NODE", self.ids[self.target])


class TellsTheTargetAlone(Mover):
    def give(self):
        self.setslot(self.target, "NODE", self.ids[self.target])


class NoMarks(Mover):
    def open(self):
        pass


class GivesTheSlotFirst(Mover):
    def move_keys(self):
        self.give()
        super().move_keys()


class ForgetsToGive(Mover):
    def give(self):
        pass


class ClosesInsteadOfGiving(Mover):
    def give(self):
        for name in (self.source, self.target):
            self.setslot(name, "STABLE")


class CopiesAndDeletes(Mover):
    """Two steps where MIGRATE has one; and no time to live."""

    def move_keys(self):
        while keys := self.keys():
            for key in keys:
                data = self.clients[self.source].execute_command("DUMP", key)
                self.clients[self.target].execute_command("ASKING")
                self.clients[self.target].execute_command("RESTORE", key, 0, data, "REPLACE")
                self.clients[self.source].execute_command("DEL", key)


class Copies(Mover):
    """MIGRATE ... COPY leaves the keys where they are."""

    def move_keys(self):
        host, port = self.address
        words = ("MIGRATE", host, port, "", 0, 5000, "COPY", "REPLACE", "KEYS", *self.keys(1000))
        self.clients[self.source].execute_command(*words)


class MovesForEver(Mover):
    """Waits for the keys to go, and nobody takes them away."""

    def move_keys(self):
        while self.keys():
            pass


class GivesUpWhenKeysAreThere(Mover):
    """Takes a slot that somebody has begun to move for somebody else's business."""

    def open(self):
        if self.clients[self.target].execute_command("CLUSTER", "COUNTKEYSINSLOT", self.slot):
            raise ResponseError("the target has keys of this slot already")
        super().open()


class StartsAnew(Mover):
    """Closes the half-open move, and then the target does not know its keys any more."""

    def open(self):
        for name in (self.source, self.target):
            self.setslot(name, "STABLE")
        for key in self.clients[self.target].execute_command("CLUSTER", "GETKEYSINSLOT", self.slot, 1000):
            self.clients[self.target].execute_command("DEL", key)
        super().open()


def ask_is_moved(error, slots, slot):
    word, *rest = error.split()
    if word in ("MOVED", "ASK"):
        slots[slot] = rest[1]
        return rest[1], word == "ASK"
    return slots[slot], False


def never_asking(error, slots, slot):
    word, *rest = error.split()
    if word == "MOVED":
        slots[slot] = rest[1]
    return (rest[1], False) if word in ("MOVED", "ASK") else (slots[slot], False)


def learns_nothing(error, slots, slot):
    word, *rest = error.split()
    return (rest[1], word == "ASK") if word in ("MOVED", "ASK") else (slots[slot], False)


def always_asking(error, slots, slot):
    return right_redirect(error, slots, slot)[0], True


def try_again_elsewhere(error, slots, slot):
    if error.startswith("TRYAGAIN"):
        return next(address for address in slots.values() if address != slots[slot]), True
    return right_redirect(error, slots, slot)


# -- 14.3 ---------------------------------------------------------------------------------------------

VECTORS = "whole keys: the published vectors"
TAGS = "what stands in the first braces"
BINARY = "any bytes"
NEVER_REDIRECTED = "a client that goes by your slots is never redirected"


def by_tag(find):
    return lambda key: binascii.crc_hqx(find(key), 0) % 16384


def no_tag(key):
    return key


def empty_tags_count(key):
    opening, closing = key.find(b"{"), key.find(b"}", key.find(b"{"))
    return key[opening + 1 : closing] if 0 <= opening < closing else key


def the_last_brace(key):
    opening, closing = key.find(b"{"), key.rfind(b"}")
    return key[opening + 1 : closing] if 0 <= opening < closing - 1 else key


def the_inner_brace(key):
    closing = key.find(b"}")
    opening = key.rfind(b"{", 0, closing) if closing >= 0 else -1
    return key[opening + 1 : closing] if 0 <= opening < closing - 1 else key


def the_first_closing(key):
    """The first } of all, even if it stands before the {."""
    opening, closing = key.find(b"{"), key.find(b"}")
    return key[opening + 1 : closing] if 0 <= opening < closing - 1 else key


def the_next_pair(key):
    """Passes over an empty tag, and takes the next one."""
    while (opening := key.find(b"{")) >= 0:
        closing = key.find(b"}", opening)
        if closing < 0:
            return key
        if closing > opening + 1:
            return key[opening + 1 : closing]
        key = key[closing + 1 :]
    return key


def with_its_braces(key):
    opening, closing = key.find(b"{"), key.find(b"}", key.find(b"{"))
    return key[opening : closing + 1] if 0 <= opening < closing - 1 else key


def as_text(key):
    return right_tag(key.decode("utf-8", "ignore").encode())


def right_tag(key):
    opening = key.find(b"{")
    closing = key.find(b"}", opening + 1)
    return key[opening + 1 : closing] if opening >= 0 and closing > opening + 1 else key


def crc32_instead(key):
    return binascii.crc32(right_tag(key)) % 16384


def starts_from_ffff(key):
    return binascii.crc_hqx(right_tag(key), 0xFFFF) % 16384


def reflected(key):
    crc = 0
    for byte in right_tag(key):
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc % 16384


def the_whole_sum(key):
    return binascii.crc_hqx(right_tag(key), 0)


def one_less(key):
    return binascii.crc_hqx(right_tag(key), 0) % 16383


def by_a_pattern(key):
    """The shortest thing in braces that isn't empty: `{}{x}` has none by the rule."""
    found = re.search(rb"\{(.+?)\}", key, re.DOTALL)
    return found[1] if found else key


def leaves(key):
    sys.exit("no such key")


# -- 14.4 ---------------------------------------------------------------------------------------------

FINDS = "finds every key, and asks for the map once"
SEED = "the first seed is down"
MOVED = "MOVED: one redirection teaches the whole map"
ASK = "ASK: this once, and nothing is learned"
TRY_AGAIN = "TRYAGAIN: a moment later"
STORM = "two nodes that name each other: gives up"
DIES = "a primary dies: an error, then the new one"
LOST_REPLY = "a reply that is lost: not sent again"


class RightClient:
    """A right answer in parts, each of which a wrong one replaces."""

    most_attempts = 8

    def __init__(self, connect, seeds, pause):
        self.connect, self.seeds, self.pause = connect, list(seeds), pause
        self.clients, self.slots = {}, {}

    def execute(self, *command):
        slot, asked = slot_of(command[1].encode()), None
        for _ in range(self.most_attempts):
            if not self.slots:
                self.refresh(self.seeds)
            client = self.at(asked or self.slots[slot])
            try:
                return self.send(client, asked, *command)
            except AskError as error:
                is_moved = isinstance(error, MovedError)
                asked = self.told(is_moved, slot, (error.host, error.port))
            except (TryAgainError, ClusterDownError):
                asked = None
                self.wait()
            except (ConnectionError, TimeoutError):
                self.lost(command)
        raise ClusterError("given up")

    def send(self, client, asked, *command):
        if asked:
            client.execute_command("ASKING")
        return client.execute_command(*command)

    def told(self, is_moved, slot, address):
        """What to do with MOVED and ASK; answers where to send it by ASKING."""
        if not is_moved:
            return self.ask(slot, address)
        self.moved(slot, address)
        return None

    def ask(self, slot, address):
        return address

    def moved(self, slot, address):
        self.refresh([address, *self.seeds])
        self.slots[slot] = address

    def wait(self):
        self.pause(0.05)

    def lost(self, command):
        self.slots = {}
        raise ConnectionError("lost")

    def at(self, address):
        if address not in self.clients:
            self.clients[address] = self.connect(*address)
        return self.clients[address]

    def refresh(self, addresses):
        for address in [*addresses, *self.clients]:
            try:
                parts = self.at(address).execute_command("CLUSTER", "SLOTS")
            except RedisError:
                continue
            self.slots = {
                slot: (primary[0].decode(), primary[1])
                for first, last, primary, *_ in parts
                for slot in range(first, last + 1)
            }
            return
        raise ConnectionError("nobody answers")


class NoMap(RightClient):
    """Sends everything to the first seed, and follows MOVED."""

    def __init__(self, connect, seeds, pause):
        super().__init__(connect, seeds, pause)
        self.slots = dict.fromkeys(range(16384), self.seeds[0])

    def moved(self, slot, address):
        self.slots[slot] = address


class AsksBeforeEachCommand(RightClient):
    def execute(self, *command):
        self.slots = {}
        return super().execute(*command)


class OnlyTheFirstSeed(RightClient):
    def refresh(self, addresses):
        super().refresh(addresses[:1]) if self.slots else super().refresh(self.first())

    def first(self):
        parts = self.at(self.seeds[0]).execute_command("CLUSTER", "SLOTS")
        return [(parts[0][2][0].decode(), parts[0][2][1])]


class SlotBySlot(RightClient):
    def moved(self, slot, address):
        self.slots[slot] = address


class FollowsButForgets(RightClient):
    """Asks the old node each time."""

    def execute(self, *command):
        before = dict(self.slots)
        reply = super().execute(*command)
        self.slots = before or self.slots
        return reply

    def moved(self, slot, address):
        self.slots[slot] = address


class EveryMovedIsAnAsk(RightClient):
    """`except AskError` stands before `except MovedError`, which is a kind of it."""

    def told(self, is_moved, slot, address):
        return self.ask(slot, address)


class AskIsCached(RightClient):
    def ask(self, slot, address):
        self.slots[slot] = address
        return address


class AskRefreshes(RightClient):
    def ask(self, slot, address):
        self.refresh([address])
        return address


class WithoutAsking(RightClient):
    def send(self, client, asked, *command):
        return client.execute_command(*command)


class AskingAfterwards(RightClient):
    def send(self, client, asked, *command):
        reply = client.execute_command(*command)
        if asked:
            client.execute_command("ASKING")
        return reply


class AskingOnAnotherConnection(RightClient):
    def send(self, client, asked, *command):
        if asked:
            self.connect(*asked).execute_command("ASKING")
        return client.execute_command(*command)


class DoesNotWait(RightClient):
    def wait(self):
        pass


class TryAgainIsAnError(RightClient):
    def wait(self):
        raise ClusterError("TRYAGAIN")


class ForEver(RightClient):
    most_attempts = 10_000


class AnswersTheError(RightClient):
    def execute(self, *command):
        try:
            return super().execute(*command)
        except RedisError as error:
            return error


class KeepsTheOldMap(RightClient):
    def lost(self, command):
        raise ConnectionError("lost")


class SendsAgain(RightClient):
    def lost(self, command):
        self.slots = {}


class SaysNothingOfALoss(RightClient):
    def execute(self, *command):
        try:
            return super().execute(*command)
        except ConnectionError:
            return None


# -- 14.5 ---------------------------------------------------------------------------------------------

ONCE = "a reporter counts once, and may change its mind"
STALE = "stale reports expire"
MAJORITY = "a majority of all primaries, with my own doubt"
BY_LOT = "three hundred draws, beside the engine's own"
LIVE = "live: who is dead is failed, who is behind a wall fails nobody"


class RightReports:
    def __init__(self):
        self.said_ms = {}

    def report(self, reporter, now_ms):
        self.said_ms[reporter] = now_ms

    def withdraw(self, reporter):
        self.said_ms.pop(reporter, None)

    def count(self, now_ms, node_timeout_ms):
        oldest_ms = now_ms - 2 * node_timeout_ms
        self.said_ms = {who: said_ms for who, said_ms in self.said_ms.items() if said_ms >= oldest_ms}
        return len(self.said_ms)


class CountsEveryReport(RightReports):
    def __init__(self):
        self.all = []

    def report(self, reporter, now_ms):
        self.all.append((reporter, now_ms))

    def withdraw(self, reporter):
        self.all = [one for one in self.all if one[0] != reporter]

    def count(self, now_ms, node_timeout_ms):
        return sum(said_ms >= now_ms - 2 * node_timeout_ms for _, said_ms in self.all)


class FirstReportCounts(RightReports):
    def report(self, reporter, now_ms):
        self.said_ms.setdefault(reporter, now_ms)


class NeverStale(RightReports):
    def count(self, now_ms, node_timeout_ms):
        return len(self.said_ms)


class OneTimeout(RightReports):
    def count(self, now_ms, node_timeout_ms):
        return super().count(now_ms, node_timeout_ms / 2)


class StaleAtTheLimit(RightReports):
    def count(self, now_ms, node_timeout_ms):
        return super().count(now_ms - 1 + 2, node_timeout_ms)


class AllOrNothing(RightReports):
    """As long as the latest report is good, all of them are."""

    def count(self, now_ms, node_timeout_ms):
        is_good = max(self.said_ms.values(), default=-1) >= now_ms - 2 * node_timeout_ms
        return len(self.said_ms) if is_good and self.said_ms else 0


class NoWithdrawal(RightReports):
    def withdraw(self, reporter):
        pass


class WithdrawsAll(RightReports):
    def withdraw(self, reporter):
        self.said_ms = {}


class StumblesOverStrangers(RightReports):
    def withdraw(self, reporter):
        del self.said_ms[reporter]


class OneForAllNodes(RightReports):
    shared = {}  # noqa: RUF012

    def __init__(self):
        self.said_ms = self.shared

    def count(self, now_ms, node_timeout_ms):
        for who in [who for who, said in self.said_ms.items() if said < now_ms - 2 * node_timeout_ms]:
            del self.said_ms[who]
        return len(self.said_ms)


def right_failed(i_suspect, i_am_primary, reports, primaries):
    return i_suspect and reports + i_am_primary >= primaries // 2 + 1


def my_doubt_is_enough(i_suspect, i_am_primary, reports, primaries):
    return i_suspect


def others_are_enough(i_suspect, i_am_primary, reports, primaries):
    return reports + i_am_primary >= primaries // 2 + 1


def replicas_vote_too(i_suspect, i_am_primary, reports, primaries):
    return i_suspect and reports + 1 >= primaries // 2 + 1


def not_counting_myself(i_suspect, i_am_primary, reports, primaries):
    return i_suspect and reports >= primaries // 2 + 1


def half_of_them(i_suspect, i_am_primary, reports, primaries):
    return i_suspect and reports + i_am_primary >= primaries / 2


def one_more_opinion(i_suspect, i_am_primary, reports, primaries):
    return i_suspect and reports >= 1


WRONG = {
    "14.1": [
        ("Python took the braces", tagged(no_braces), (CHECKOUT, ANY_ID)),
        ("the id as it is", tagged(as_it_is), (ANY_ID,)),
        ("one slot for the whole shop", tagged(one_for_all), (SPREAD, COLLISION)),
        ("the first letter", tagged(first_letter), (SPREAD,)),
        ("ten buckets", tagged(ten_buckets), (SPREAD,)),
        ("an empty id makes no tag", tagged(may_be_empty), (ANY_ID,)),
        ("braces are left out", tagged(without_braces), (COLLISION,)),
        ("stock by product", OF_THE_PRODUCT, (CHECKOUT, ANY_ID)),
        ("all products are one", ONE_STOCK_FOR_EACH_USER, (COLLISION,)),
        ("no word before the tag", BARE_TAG, (COLLISION,)),
        ("Python's hash", tagged(salted), (ANOTHER_SERVER,)),
    ],
    "14.2": [
        ("MIGRATING first", (MigratingFirst(), right_redirect), (UNDER_LOAD,)),
        ("only the first ten keys", (OnlyTheFirstTen(), right_redirect), (IDLE, HALF_WAY)),
        ("the source is told first", (SourceFirst(), right_redirect), (UNDER_LOAD,)),
        ("the source alone is told", (TellsTheSourceAlone(), right_redirect), (IDLE, UNDER_LOAD)),
        ("the target alone is told", (TellsTheTargetAlone(), right_redirect), (IDLE,)),
        ("no marks", (NoMarks(), right_redirect), (IDLE, UNDER_LOAD)),
        ("the slot before its keys", (GivesTheSlotFirst(), right_redirect), (IDLE,)),
        ("never given", (ForgetsToGive(), right_redirect), (IDLE,)),
        ("closed, not given", (ClosesInsteadOfGiving(), right_redirect), (IDLE,)),
        ("copies and deletes", (CopiesAndDeletes(), right_redirect), (IDLE,)),
        ("copies", (Copies(), right_redirect), (UNDER_LOAD,)),
        ("moves for ever", (MovesForEver(), right_redirect), (IDLE,)),
        ("gives up", (GivesUpWhenKeysAreThere(), right_redirect), (HALF_WAY,)),
        ("starts anew", (StartsAnew(), right_redirect), (HALF_WAY,)),
        ("ASK like MOVED", (Mover(), ask_is_moved), (REDIRECTIONS,)),
        ("never ASKING", (Mover(), never_asking), (REDIRECTIONS, UNDER_LOAD)),
        ("learns nothing", (Mover(), learns_nothing), (REDIRECTIONS,)),
        ("always ASKING", (Mover(), always_asking), (REDIRECTIONS,)),
        ("TRYAGAIN elsewhere", (Mover(), try_again_elsewhere), (REDIRECTIONS,)),
    ],
    "14.3": [
        ("no tags", (by_tag(no_tag),), (TAGS, NEVER_REDIRECTED)),
        ("an empty tag counts", (by_tag(empty_tags_count),), (TAGS, NEVER_REDIRECTED)),
        ("up to the last brace", (by_tag(the_last_brace),), (TAGS,)),
        ("the inner braces", (by_tag(the_inner_brace),), (TAGS,)),
        ("the first } of all", (by_tag(the_first_closing),), (TAGS,)),
        ("the next pair", (by_tag(the_next_pair),), (TAGS,)),
        ("with its braces", (by_tag(with_its_braces),), (TAGS,)),
        ("as text", (by_tag(as_text),), (BINARY,)),
        ("CRC32", (crc32_instead,), (VECTORS,)),
        ("from 0xFFFF", (starts_from_ffff,), (VECTORS,)),
        ("reflected", (reflected,), (VECTORS,)),
        ("all sixteen bits", (the_whole_sum,), (BINARY, NEVER_REDIRECTED)),
        ("modulo 16383", (one_less,), (BINARY,)),
        ("a pattern", (by_tag(by_a_pattern),), (TAGS,)),
        ("a number with a point", (lambda key: float(slot_of(key)),), (NEVER_REDIRECTED,)),
        ("sys.exit", (leaves,), (VECTORS,)),
    ],
    "14.4": [
        ("no map", (NoMap,), (FINDS,)),
        ("asks before each command", (AsksBeforeEachCommand,), (FINDS,)),
        ("only the first seed", (OnlyTheFirstSeed,), (SEED,)),
        ("slot by slot", (SlotBySlot,), (MOVED,)),
        ("follows, and forgets", (FollowsButForgets,), (MOVED,)),
        ("every MOVED is an ASK", (EveryMovedIsAnAsk,), (MOVED,)),
        ("ASK is learned", (AskIsCached,), (ASK,)),
        ("ASK asks for a new map", (AskRefreshes,), (ASK,)),
        ("without ASKING", (WithoutAsking,), (ASK,)),
        ("ASKING afterwards", (AskingAfterwards,), (ASK,)),
        ("ASKING on another connection", (AskingOnAnotherConnection,), (ASK,)),
        ("does not wait", (DoesNotWait,), (TRY_AGAIN,)),
        ("TRYAGAIN is an error", (TryAgainIsAnError,), (TRY_AGAIN,)),
        ("for ever", (ForEver,), (STORM,)),
        ("keeps the old map", (KeepsTheOldMap,), (DIES,)),
        ("sends it again", (SendsAgain,), (LOST_REPLY,)),
        ("says nothing of a loss", (SaysNothingOfALoss,), (LOST_REPLY,)),
        ("answers the error", (AnswersTheError,), (LOST_REPLY,)),
    ],
    "14.5": [
        ("every report counts", (CountsEveryReport, right_failed), (ONCE, BY_LOT)),
        ("the first time counts", (FirstReportCounts, right_failed), (STALE, BY_LOT)),
        ("never stale", (NeverStale, right_failed), (STALE, BY_LOT)),
        ("one timeout", (OneTimeout, right_failed), (STALE, BY_LOT)),
        ("stale at the limit", (StaleAtTheLimit, right_failed), (STALE,)),
        ("all or nothing", (AllOrNothing, right_failed), (STALE, BY_LOT)),
        ("no withdrawal", (NoWithdrawal, right_failed), (ONCE, BY_LOT)),
        ("withdraws all", (WithdrawsAll, right_failed), (ONCE, BY_LOT)),
        ("one table for all nodes", (OneForAllNodes, right_failed), (ONCE,)),
        ("my doubt is enough", (RightReports, my_doubt_is_enough), (MAJORITY, LIVE)),
        ("the others are enough", (RightReports, others_are_enough), (MAJORITY,)),
        ("replicas count", (RightReports, replicas_vote_too), (MAJORITY,)),
        ("not counting myself", (RightReports, not_counting_myself), (MAJORITY,)),
        ("half of them", (RightReports, half_of_them), (MAJORITY,)),
        ("one more opinion", (RightReports, one_more_opinion), (MAJORITY,)),
    ],
}
