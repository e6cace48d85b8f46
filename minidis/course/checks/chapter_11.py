"""Chapter 11: durability."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.machine import Machine, settings_of
from minidis.course.fixtures.rdb_files import explain, read_file, real_checker
from minidis.course.guard import unobserved
from minidis.course.parts import plugged
from minidis.drivers.embedded import Embedded
from minidis.engine.durability.disk import DiskError
from minidis.engine.durability.loading import LoadError
from minidis.engine.keyspace.database import Database
from minidis.engine.settings.config_file import ConfigFileError
from minidis.persistence.aof import AofReader, encode_command, encode_timestamp
from minidis.persistence.crc64 import crc64
from minidis.persistence.rdb_format import RdbError
from minidis.persistence.rdb_reader import load_snapshot
from minidis.persistence.rdb_writer import encode_length, encode_string

# -- 11.1 --------------------------------------------------------------------------------------------

configuration = Exercise(
    "11.1",
    "Lose one second at most, restart within five",
    kind="use",
    points=4,
    hints=(
        "Which of RDB and AOF can promise a second at all? And which appendfsync keeps up when a sync "
        "takes 10 ms and five hundred writes come each second?",
        "The log grows with every change, and the restart reads all of it. Look at the two directives "
        "auto-aof-rewrite-...: the default minimum is 64 MB, and that is 640 seconds of reading here.",
        "appendonly yes, appendfsync everysec, auto-aof-rewrite-min-size 256kb, auto-aof-rewrite- "
        "percentage 100. A comment needs a line of its own. Leave no-appendfsync-on-rewrite and aof-load- "
        "truncated alone.",
    ),
)

SYNC_US = 10_000
LONGEST_LOSS_S = 1.2
READ_BYTES_PER_S = 100_000
RESTART_S = 5


def configured(case: Case, conf: Any) -> Embedded:
    """A server with the learner's redis.conf, on a disk whose sync takes 10 ms."""
    node = case.node(settings_of(conf))
    node.disk.fsync_us = SYNC_US
    return node


def cut_and_count(case: Case, node: Embedded, writes: int, gap_s: float, given: str) -> None:
    """Write, pull the plug, and look how old the oldest lost write is."""
    for number in range(writes):
        node.execute("SET", f"write:{number}", number)
        node.step(gap_s)
    try:
        node.power_cut()
    except LoadError as error:
        raise Wrong(given, str(error), "a server that starts again") from None
    kept = node.execute("EXISTS", *[f"write:{number}" for number in range(writes)])
    lost_s = (writes - kept) * gap_s
    case.true(
        lost_s <= LONGEST_LOSS_S, given, f"the writes of the last {lost_s:.1f} s are gone", "1 s at most"
    )


@configuration.test("the server starts, and a kill takes nothing")
@unobserved
def starts(case: Case, conf: str) -> None:
    node = configured(case, conf)
    for number in range(100):
        node.execute("SET", f"k{number}", "v")
    node.kill()
    case.equal(node.execute("DBSIZE"), 100, "100 writes, then kill -9; DBSIZE")


@configuration.test("a hundred power cuts")
@unobserved
def power_cuts(case: Case, conf: str) -> None:
    for trial in range(100):
        if trial % 20 == 0:
            node = configured(case, conf)
            node.disk.random.seed(case.random.random())
        writes = case.random.randrange(3, 25)
        cut_and_count(case, node, writes, 0.1, f"power cut number {trial + 1}, after {writes} writes")
        node.execute("FLUSHALL")


@configuration.test("the power goes while the log is rewritten")
@unobserved
def cut_in_a_rewrite(case: Case, conf: str) -> None:
    for _ in range(5):
        node = configured(case, conf)
        node.disk.random.seed(case.random.random())
        node.execute("SET", "k", "v")
        node.execute("CONFIG", "SET", "auto-aof-rewrite-percentage", "0")
        log = node.node.append_only
        if log.state == "on" and node.node.background.job is None and log.rewriting.start():
            node.node.background.hold()
        cut_and_count(case, node, 50, 0.1, "50 writes in 5 s during a rewrite, then a power cut")


@configuration.test("a restart reads no more than it can in five seconds")
@unobserved
def restarts(case: Case, conf: str) -> None:
    node = configured(case, conf)
    for number in range(200):
        node.execute("HSET", f"user:{number}", "name", f"name of {number}", "mail", "x" * 200)
    largest = 0
    for number in range(12_000):
        node.execute("HINCRBY", f"user:{number % 200}", "visits", 1)
        if number % 250 == 0:
            node.step(0.5)
            size = node.node.append_only.size_bytes if node.node.append_only.state == "on" else 0
            largest = max(largest, size)
    case.true(
        largest <= RESTART_S * READ_BYTES_PER_S,
        "12000 changes of 200 small hashes; then a restart, which reads 100000 bytes a second",
        f"a log of {largest} bytes: {largest / READ_BYTES_PER_S:.1f} s",
        f"{RESTART_S} s at most",
    )
    node.step(1)  # what is held back while a sync runs is only in the process
    node.kill()
    case.equal(node.execute("HGET", "user:7", "visits"), b"60", "HGET user:7 visits after the restart")


@configuration.test("five hundred writes a second")
@unobserved
def keeps_up(case: Case, conf: str) -> None:
    node = configured(case, conf)
    node.disk.blocked_us = 0
    for number in range(1000):
        node.execute("SET", f"k{number % 50}", "v")
        node.step(0.002)
    case.true(
        node.disk.blocked_us < 400_000,
        "1000 writes in 2 s, a sync takes 10 ms",
        f"they stood still for {node.disk.blocked_us / 1e6:.1f} s",
        "0.4 s at most",
    )


# -- 11.2 --------------------------------------------------------------------------------------------

rescue_server = Exercise(
    "11.2",
    "Rescue a server that came up empty",
    kind="use",
    points=4,
    hints=(
        "The old data are in dump.rdb, as long as nobody saves: a plain stop() writes today's few keys "
        "over it. The new orders are in the running server, and in its young log.",
        "Take the new keys out (DUMP and PTTL), stop without saving, start without appendonly, put the new "
        "keys in (RESTORE with replace). Now the memory is right, and no file is.",
        "CONFIG SET appendonly yes on the running server writes all it has into a new log; wait a second. "
        "Then set appendonly yes in machine.conf, for the next start.",
    ),
)

Rescue = Callable[[Machine], Any]


def unlucky_machine(case: Case, orders: int = 60) -> tuple[Machine, dict[bytes, bytes]]:
    """A server of long standing, then the restart with appendonly, then three customers; and what is due."""
    machine = Machine("# the shop\nsave 900 1\n", case.seed)
    redis = machine.start()
    for number in range(orders):
        redis.set(f"order:{number}", f"{case.random.randrange(10**6)}")
    redis.hset("customer:1", mapping={"name": "Ada", "city": "London"})
    redis.zadd("sales", {"book": 20, "pen": 3})
    redis.rpush("queue", *"abc")
    redis.set("session:old", "x", ex=5000)
    redis.incr("next-order", orders)
    before = machine.contents()
    machine.stop()
    machine.conf += "appendonly yes\n"
    redis = machine.start()
    for number in range(orders, orders + 3):
        redis.set(f"order:{number}", "new")
    redis.set("session:new", "y", ex=100)
    redis.set("next-order", orders + 3)
    return machine, {**before, **machine.contents()}


def rescued(case: Case, rescue: Rescue) -> tuple[Machine, dict[bytes, bytes]]:
    machine, due = unlucky_machine(case)
    try:
        rescue(machine)
    except (ConfigFileError, LoadError, DiskError) as error:
        raise Wrong("rescue(machine)", str(error), "a server that runs") from None
    case.true(machine.redis is not None, "rescue(machine)", "no server runs", "a server that runs")
    return machine, due


def same_contents(case: Case, machine: Machine, due: dict[bytes, bytes], when: str) -> None:
    came = machine.contents()
    missing = sorted(set(due) - set(came))
    case.true(
        not missing,
        when,
        f"{len(missing)} of {len(due)} keys are missing: {show(missing, 120)}",
        "all of them",
    )
    wrong = sorted(key for key in due if came[key] != due[key])
    case.true(not wrong, when, f"keys with another value: {show(wrong, 120)}", "the latest value of each")
    case.equal(sorted(set(came) - set(due)), [], f"{when}; keys that were never there")


@rescue_server.test("all keys are back")
def all_back(case: Case, rescue: Rescue) -> None:
    machine, due = rescued(case, rescue)
    same_contents(case, machine, due, "rescue(machine)")


@rescue_server.test("the next restart finds them too")
def next_restart(case: Case, rescue: Rescue) -> None:
    machine, due = rescued(case, rescue)
    machine.stop()
    try:
        machine.start()
    except (ConfigFileError, LoadError) as error:
        raise Wrong("rescue(machine), then a restart", str(error), "a server that starts") from None
    same_contents(case, machine, due, "rescue(machine), then a restart")


@rescue_server.test("and so does a power cut")
def after_a_cut(case: Case, rescue: Rescue) -> None:
    machine, due = rescued(case, rescue)
    machine.wait(3)
    machine.redis.set("order:last", "1")
    machine.wait(3)
    due[b"order:last"] = b"string 1"
    machine.power_cut()
    same_contents(case, machine, due, "rescue(machine), a write, three seconds, a power cut")


@rescue_server.test("the log is on, now and in redis.conf")
def log_is_on(case: Case, rescue: Rescue) -> None:
    machine, _ = rescued(case, rescue)
    case.equal(machine.redis.config_get("appendonly")["appendonly"], "yes", "CONFIG GET appendonly")
    settings = settings_of(machine.conf)
    case.equal(settings.get("appendonly"), "yes", "appendonly in machine.conf")
    case.equal(settings.get("save"), "900 1", "the save line in machine.conf, as it was")


@rescue_server.test("times to live go on")
def ttls_go_on(case: Case, rescue: Rescue) -> None:
    machine, _ = rescued(case, rescue)
    for key, most in (("session:old", 5000), ("session:new", 100)):
        ttl = machine.redis.ttl(key)
        case.true(0 < ttl <= most, f"TTL {key} after the rescue", str(ttl), f"between 1 and {most}")
        case.true(
            ttl > most - 60, f"TTL {key} after the rescue", str(ttl), "what is left of it, by the clock"
        )


# -- 11.3 --------------------------------------------------------------------------------------------

log_loader = Exercise(
    "11.3",
    "A loader of logs",
    kind="rebuild",
    points=6,
    hints=(
        "Write one function that reads a single command at a position and answers (words, where the next "
        "one starts); let it answer None when the bytes end too early, and raise ValueError when a byte "
        "is wrong.",
        "A number line is * or $, digits, CR LF. If there is no CR LF yet, what is there must still be "
        "able to become such a line. Behind each word stand CR LF; if two bytes are there and differ: "
        "ValueError.",
        "Keep a list for the commands since MULTI and the place where it began. With EXEC they go to the "
        "result. At the end: whole is the place of the open MULTI, else the end of the last whole "
        "command.",
    ),
)

Loader = Callable[[list[bytes]], tuple[list[list[bytes]], int]]


def reference_load(files: list[bytes]) -> tuple[list[list[bytes]], int]:
    """What is to run, and how many bytes of the last file are whole.  Raises ValueError."""
    commands: list[list[bytes]] = []
    whole = 0
    for number, data in enumerate(files, 1):
        reader, multi_at = AofReader(), None
        queue: list[list[bytes]] = []
        reader.feed(data)
        for record in reader.records():
            name = record.argv[0].upper() if record.argv else b""
            if name == b"MULTI":
                if multi_at is not None:
                    raise ValueError("MULTI within MULTI")
                multi_at = record.start
            elif name == b"EXEC":
                commands += queue
                queue, multi_at = [], None
            elif record.argv is not None:
                (commands if multi_at is None else queue).append(record.argv)
        whole = reader.position if multi_at is None else multi_at
        if whole < len(data) and number < len(files):
            raise ValueError("only the last file may be cut off")
    return commands, whole


def same_load(case: Case, load: Loader, files: list[bytes], given: str = "") -> None:
    """The learner's answer beside the reference's."""
    due = reference_load(files)
    given = given or f"load_log({show(files, 200)})"
    try:
        came = load(list(files))
    except ValueError as error:
        raise Wrong(given, f"ValueError: {error}", f"{len(due[0])} commands, {due[1]} bytes") from None
    case.true(isinstance(came, tuple) and len(came) == 2, given, show(came), "(commands, whole)")
    case.equal([list(command) for command in came[0]], due[0], f"{given}; the commands")
    case.equal(came[1], due[1], f"{given}; how many bytes of the last file are whole")


def a_log(case: Case, commands: int = 12) -> bytes:
    """Random commands, some between MULTI and EXEC, with notes."""
    parts = [encode_command([b"SELECT", b"0"])]
    for number in range(commands):
        words = [bytes(case.random.choices(b"ab\r\n*$#0\x00\xff", k=case.random.randrange(9))) for _ in "kv"]
        command = encode_command([b"SET", *words])
        kind = case.random.randrange(4)
        if kind == 0:
            parts.append(encode_timestamp(1_767_225_600 + number))
        elif kind == 1:
            command = encode_command([b"MULTI"]) + command * 2 + encode_command([b"EXEC"])
        parts.append(command)
    return b"".join(parts)


@log_loader.test("commands of one file")
def one_file(case: Case, load: Loader) -> None:
    same_load(case, load, [b""])
    same_load(case, load, [encode_command([b"SET", b"k", b"v"])])
    same_load(case, load, [encode_command([b"SELECT", b"3"]) + encode_command([b"DEL", b"a", b"b", b""])])
    same_load(case, load, [encode_command([b"SET", b"\r\n*3\r\n", bytes(range(256))])])
    same_load(case, load, [encode_command([b"SET", b"k", b"x" * 70_000]) * 2])


@log_loader.test("notes are no commands")
def notes(case: Case, load: Loader) -> None:
    command = encode_command([b"INCR", b"n"])
    same_load(case, load, [encode_timestamp(1_767_225_600) + command + encode_timestamp(1_767_225_601)])


@log_loader.test("a base and its increments")
def increments(case: Case, load: Loader) -> None:
    files = [encode_command([b"SET", b"n", b"%d" % number]) for number in range(4)]
    same_load(case, load, files)
    same_load(case, load, [files[0], b"", files[1]])
    same_load(case, load, [files[0], files[1][:-3]])


@log_loader.test("all of a transaction, or nothing")
def transactions(case: Case, load: Loader) -> None:
    pair = encode_command([b"DECRBY", b"ann", b"5"]) + encode_command([b"INCRBY", b"bob", b"5"])
    whole = encode_command([b"MULTI"]) + pair + encode_command([b"EXEC"])
    same_load(case, load, [pair + whole + pair])
    same_load(case, load, [pair + whole.replace(b"MULTI", b"multi").replace(b"EXEC", b"Exec")])
    for cut in range(len(whole)):
        same_load(case, load, [pair + whole[:cut]])


@log_loader.test("cut at every byte")
def every_cut(case: Case, load: Loader) -> None:
    data = a_log(case)
    for cut in range(len(data) + 1):
        same_load(
            case, load, [data[:cut]], f"a log cut after {cut} bytes: {show(data[max(0, cut - 40) : cut])}"
        )


@log_loader.test("damage in the middle is refused")
def damage(case: Case, load: Loader) -> None:
    before, after = encode_command([b"SET", b"a", b"1"]), encode_command([b"SET", b"b", b"2"])
    broken = (
        after.replace(b"*3", b"+3"),
        after.replace(b"*3", b"*x"),
        after.replace(b"*3", b"*0"),
        after.replace(b"$3", b"!3"),
        after.replace(b"$3", b"$2"),
        after.replace(b"$1\r\nb", b"$-1\r\nb"),
        after.replace(b"$1\r\nb", b"$9x\r\nb"),
        after.replace(b"\nb\r\n", b"\nbXY"),
        b"\x00" * len(after),
    )
    for damaged in broken:
        files = [before + damaged + before]
        case.raises(ValueError, load, files, given=f"load_log({show(files, 200)})")


@log_loader.test("only the last file may be cut off")
def early_cut(case: Case, load: Loader) -> None:
    command = encode_command([b"SET", b"a", b"1"])
    multi = encode_command([b"MULTI"]) + command
    for files in ([command[:-4], command], [command + multi, command], [command, command[:9], command]):
        case.raises(ValueError, load, files, given=f"load_log({show(files, 200)})")
    nested = [encode_command([b"MULTI"]) * 2 + command + encode_command([b"EXEC"])]
    case.raises(ValueError, load, nested, given=f"load_log({show(nested, 200)}): MULTI within MULTI")


@log_loader.test("a live node's log gives its data back")
def live_log(case: Case, load: Loader) -> None:
    node = case.node({"appendonly": "yes", "aof-use-rdb-preamble": "no"})
    for number in range(40):
        node.execute("RPUSH", f"list:{number % 5}", number)
        node.execute("EVAL", "redis.call('INCR', 'n'); redis.call('SADD', 's', ARGV[1])", 0, number)
    node.execute("BGREWRITEAOF")
    node.step(1)
    node.execute("SPOP", "s", 3)
    files = node.node.append_only.files
    data = [node.disk.read(files.path(file.name)) for file in files.manifest.files]
    commands, whole = load(data)
    case.equal(whole, len(data[-1]), "the log of a live node; how many bytes of its last file are whole")
    twin = case.node()
    for command in commands:
        twin.execute(*command)
    due = node.execute("DEBUG", "DIGEST")
    case.equal(twin.execute("DEBUG", "DIGEST"), due, "DEBUG DIGEST of a node that ran your commands")


@log_loader.test("a node restarts on it, and its log goes on")
def restart(case: Case, load: Loader) -> None:
    node = case.node({"appendonly": "yes", "aof-use-rdb-preamble": "no"})
    path = node.node.append_only.path
    with plugged("log_loader", load, node):
        for life in range(4):
            for number in range(5):
                node.execute("RPUSH", "events", life * 5 + number)
            whole = node.execute("DEBUG", "DIGEST")
            node.execute("MULTI")
            node.execute("DECRBY", "ann", 5)
            node.execute("INCRBY", "bob", 5)
            node.execute("EXEC")
            size = node.disk.size(path)
            node.disk.truncate(path, size - case.random.randrange(1, 60))
            given = f"life {life + 1}: a log that ends within its last transaction, then a restart"
            try:
                node.kill()
            except LoadError as error:
                raise Wrong(given, str(error), "a node that starts") from None
            case.equal(node.execute("DEBUG", "DIGEST"), whole, f"{given}; DEBUG DIGEST")
    with_engine = node.execute("DEBUG", "DIGEST")
    try:
        node.kill()
    except LoadError as error:
        raise Wrong("the log that your restarts left", str(error), "a log that the engine reads") from None
    case.equal(node.execute("DEBUG", "DIGEST"), with_engine, "the engine on the log that your restarts left")


# -- 11.4 --------------------------------------------------------------------------------------------

FileEntry = tuple[bytes, Any, int | None]
Writer = Callable[[list[FileEntry]], bytes]

rdb_writer = Exercise(
    "11.4",
    "An RDB file: strings, hashes, sorted sets",
    kind="rebuild",
    points=6,
    hints=(
        "Three small functions carry everything: length(n), string(data), and one for an entry. A key, a "
        "field, a member and the text of a string value are all written by string().",
        "string(): if data == str(int(data)).encode() and the number fits 8, 16 or 32 bits with a sign, one "
        "byte c0, c1 or c2 and the number, little-endian. Else length(len(data)) + data. length(): below 64 "
        "one byte; below 16384 two, big-endian, with 01 as their first bits; else 80 and four, big-endian.",
        "An entry: fc and the time in 8 bytes, little-endian, if it expires; the type (0, 4 or 5); the key; "
        "the value. A score is struct.pack('<d', score). At the end ff, then crc64 of all bytes so far, "
        "little-endian.",
    ),
)


def reference_file(entries: list[FileEntry]) -> bytes:
    """The one file that the rules of the exercise allow."""
    parts = [b"REDIS0010", b"\xfe\x00"]
    for key, value, expires_at_ms in entries:
        if expires_at_ms is not None:
            parts += [b"\xfc", expires_at_ms.to_bytes(8, "little")]
        parts.append(_reference_value(encode_string(key, compress=False), value))
    body = b"".join(parts) + b"\xff"
    return body + crc64(body).to_bytes(8, "little")


def _reference_value(key: bytes, value: Any) -> bytes:
    if isinstance(value, bytes):
        return b"\x00" + key + encode_string(value, compress=False)
    is_hash = all(isinstance(content, bytes) for content in value.values())
    parts = [b"\x04" if is_hash else b"\x05", key, encode_length(len(value))]
    for name, content in value.items():
        parts.append(encode_string(name, compress=False))
        parts.append(encode_string(content, compress=False) if is_hash else struct.pack("<d", content))
    return b"".join(parts)


def same_file(case: Case, write: Writer, entries: list[FileEntry]) -> bytes:
    """The learner's file: readable, the same entries, and the very bytes; the first fault is told."""
    given = f"write_rdb({show(entries, 200)})"
    came = write(list(entries))
    if not isinstance(came, bytes):
        raise Wrong(given, show(came), "bytes")
    due = reference_file(entries)
    try:
        read = read_file(came)
    except RdbError as error:
        raise Wrong(given, f"{error}; {explain(came, due)}", "a file that can be read") from None
    case.equal(read, {key: (value, at_ms) for key, value, at_ms in entries}, f"{given}; what is read back")
    case.true(came == due, given, explain(came, due), "the bytes of the format")
    return came


@rdb_writer.test("text")
def text(case: Case, write: Writer) -> None:
    same_file(case, write, [])
    same_file(case, write, [(b"greeting", b"hello", None)])
    same_file(
        case, write, [(b"a", b"", None), (b"", b"\x00\xff\r\n", None), (b"b", "caf\u00e9".encode(), None)]
    )


@rdb_writer.test("numbers in few bytes")
def numbers(case: Case, write: Writer) -> None:
    for bits in (7, 15, 31):
        for number in ((1 << bits) - 1, 1 << bits, -(1 << bits), -(1 << bits) - 1):
            same_file(case, write, [(b"n", b"%d" % number, None)])
    same_file(case, write, [(b"12", b"0", None), (b"-7", b"-1", None)])


@rdb_writer.test("what only looks like a number")
def no_numbers(case: Case, write: Writer) -> None:
    for value in (b"007", b"+1", b"-0", b" 1", b"1 ", b"1.0", b"1_000", b"-", b"99999999999", b"9" * 40):
        same_file(case, write, [(b"n", value, None)])


@rdb_writer.test("lengths of one, two and five bytes")
def lengths(case: Case, write: Writer) -> None:
    for length in (1, 63, 64, 255, 256, 16_383, 16_384, 70_000):
        same_file(case, write, [(b"k" * min(length, 300), b"x" * length, None)])


@rdb_writer.test("hashes")
def hashes(case: Case, write: Writer) -> None:
    same_file(case, write, [(b"user", {b"name": b"Ada", b"born": b"1815"}, None)])
    many = {b"field %d" % number: b"%d" % (number * 7919) for number in range(100)}
    same_file(case, write, [(b"large", many, None), (b"small", {b"1": b"2"}, None)])


@rdb_writer.test("sorted sets")
def sorted_sets(case: Case, write: Writer) -> None:
    same_file(case, write, [(b"board", {b"ann": 1.0, b"bob": 2.5, b"10": -0.1}, None)])
    scores = {b"m%d" % number: case.random.uniform(-1e9, 1e9) for number in range(70)}
    same_file(case, write, [(b"edges", {b"low": -math.inf, b"high": math.inf, b"tiny": 5e-324}, None)])
    same_file(case, write, [(b"many", scores, None)])


@rdb_writer.test("times to live")
def times_to_live(case: Case, write: Writer) -> None:
    entries: list[FileEntry] = [
        (b"session", b"ann", 1_767_225_610_000),
        (b"for ever", b"x", None),
        (b"hash", {b"f": b"v"}, 1_999_999_999_999),
        (b"long ago", b"1", 5),
    ]
    same_file(case, write, entries)


@rdb_writer.test("the check sum is there, and right")
def check_sum(case: Case, write: Writer) -> None:
    entries: list[FileEntry] = [(b"k", b"value %d" % case.random.randrange(10**6), None)]
    came = write(list(entries))
    case.equal(came[-8:].hex(" "), crc64(came[:-8]).to_bytes(8, "little").hex(" "), "the last 8 bytes")


@rdb_writer.test("a live node loads it")
def live_node(case: Case, write: Writer) -> None:
    node = case.node()
    at_ms = node.node.now_ms + 60_000
    loaded = load_into(
        node, write([(b"user", {b"name": b"Ada"}, at_ms), (b"board", {b"ann": 2.0, b"bob": 1.0}, None)])
    )
    case.equal(loaded.execute("HGETALL", "user"), {b"name": b"Ada"}, "HGETALL user")
    case.equal(loaded.execute("PTTL", "user"), 60_000, "PTTL user, to expire in a minute")
    case.equal(loaded.execute("ZRANGE", "board", 0, -1), [b"bob", b"ann"], "ZRANGE board 0 -1")


def load_into(node: Embedded, file: bytes) -> Embedded:
    """Put a file's entries into a node."""
    databases: dict[int, Database] = dict(enumerate(node.node.databases))
    try:
        load_snapshot([file], databases, node.node.encodings, node.node.random)
    except RdbError as error:
        raise Wrong("the file, to a live node", str(error), "a file that it can load") from None
    return node


@rdb_writer.test("Redis's own checker, where it is installed")
def the_real_checker(case: Case, write: Writer) -> None:
    entries: list[FileEntry] = [(b"s", b"12", None), (b"h", {b"f": b"v"}, 5), (b"z", {b"m": 1.5}, None)]
    file = write(list(entries))
    read = read_or_none(file)
    case.true(read is not None, "redis-check-rdb", "a file that the engine refuses", "a sound file")
    verdict = real_checker(file)
    if verdict is not None:
        case.true(verdict[0], "redis-check-rdb", verdict[1][-400:], "RDB looks OK!")


def read_or_none(file: bytes) -> dict | None:
    """What the engine reads, None if it refuses the file."""
    try:
        return read_file(file)
    except RdbError:
        return None


# -- 11.5 --------------------------------------------------------------------------------------------

sync_scheduler = Exercise(
    "11.5",
    "When to write, when to sync",
    kind="rebuild",
    points=5,
    hints=(
        "Two memories are enough: when the last sync began, and since when the buffer has been held back "
        "(None: it is not).",
        "Writing: no buffer, no write. No sync runs: write. A sync runs: remember when that began to hold "
        "us back, and write once 2000 ms have passed since. Every write forgets that time.",
        "Syncing, after the decision about writing: there is something to sync (unsynced, or written just "
        "now), none runs, and 1000 ms have passed since the last one began. Remember now_ms as its "
        "beginning.",
    ),
)


@dataclass
class Turn:
    """One call of the learner's scheduler, what it answered, and how old the oldest bytes were."""

    at_ms: int
    held_ms: int  # how long the oldest bytes in the buffer had waited when it was called
    wrote: bool
    synced: bool
    given: str


def play(
    case: Case,
    scheduler_class: Any,
    arrivals: dict[int, int],
    sync_ms: Callable[[int], int],
    until_ms: int,
    step_ms: int = 50,
) -> tuple[list[Turn], int]:
    """Run a scheduler against a model of log and disk; the turns, and the age of the oldest byte at risk.

    `arrivals`: bytes that come at a time; `sync_ms(n)`: how long the n-th sync takes.
    """
    scheduler = scheduler_class()
    buffer: list[int] = []  # when each byte group came
    written: list[int] = []  # in the page cache, not in a sync
    in_sync: list[int] = []
    sync_ends: int | None = None
    syncs, oldest, turns = 0, 0, []
    for now_ms in range(0, until_ms, step_ms):
        if now_ms in arrivals:
            buffer.append(now_ms)
        if sync_ends is not None and now_ms >= sync_ends:
            in_sync, sync_ends = [], None
        arguments = (now_ms, bool(buffer), bool(written), sync_ends is not None)
        given = f"turn({', '.join(map(str, arguments))})"
        actions = scheduler.turn(*arguments)
        fine = isinstance(actions, list | tuple) and all(action in ("write", "sync") for action in actions)
        case.true(fine, given, show(actions), 'a list of "write" and "sync"')
        held_ms = now_ms - buffer[0] if buffer else 0
        for action in actions:
            if action == "write":
                case.true(buffer, given, show(actions), 'no "write": the buffer is empty')
                written, buffer = written + buffer, []
            else:
                case.true(sync_ends is None, given, show(actions), 'no "sync": one runs already')
                case.true(written, given, show(actions), 'no "sync": there is nothing to sync')
                in_sync, written = written, []
                sync_ends, syncs = now_ms + sync_ms(syncs), syncs + 1
                if sync_ends == now_ms:
                    in_sync, sync_ends = [], None
        turns.append(Turn(now_ms, held_ms, "write" in actions, "sync" in actions, given))
        at_risk = [*buffer, *written, *in_sync]
        oldest = max(oldest, now_ms - min(at_risk)) if at_risk else oldest
    return turns, oldest


def steady(until_ms: int, every_ms: int = 100) -> dict[int, int]:
    return dict.fromkeys(range(0, until_ms, every_ms), 1)


@sync_scheduler.test("a healthy disk: written at once, synced each second")
def healthy(case: Case, scheduler: Any) -> None:
    turns, oldest = play(case, scheduler, steady(10_000), lambda _: 20, 10_000)
    late = [turn for turn in turns if turn.at_ms % 100 == 0 and not turn.wrote and turn.at_ms % 1000 > 100]
    case.true(not late, late[0].given if late else "", "nothing written", '"write": no sync runs')
    syncs = [turn.at_ms for turn in turns if turn.synced]
    case.true(
        9 <= len(syncs) <= 11, "10 s of writes, ten each second", f"{len(syncs)} syncs", "one each second"
    )
    gaps = [later - earlier for earlier, later in pairwise(syncs)]
    case.true(
        min(gaps) >= 1000, "10 s of writes", f"two syncs {min(gaps)} ms apart", "at least 1000 ms apart"
    )
    case.true(oldest <= 1100, "10 s of writes", f"bytes at risk for {oldest} ms", "1100 ms at most")


@sync_scheduler.test("a quiet server does nothing")
def quiet(case: Case, scheduler: Any) -> None:
    turns, _ = play(case, scheduler, {0: 1, 3000: 1}, lambda _: 20, 9000)
    case.equal(sum(turn.synced for turn in turns), 2, "writes at 0 and 3000 ms; the syncs until 9000 ms")
    case.equal(
        [turn.at_ms for turn in turns if turn.wrote], [0, 3000], "writes come at 0 and 3000 ms; written at"
    )


@sync_scheduler.test("the last write before a silence is synced, too")
def last_write(case: Case, scheduler: Any) -> None:
    _, oldest = play(case, scheduler, {0: 1, 100: 1, 250: 1}, lambda _: 20, 5000)
    case.true(
        oldest <= 1100, "writes at 0, 100 and 250 ms, then none", f"at risk for {oldest} ms", "1100 at most"
    )


@sync_scheduler.test("a slow sync: writes are held back, for two seconds at most")
def slow(case: Case, scheduler: Any) -> None:
    turns, _ = play(case, scheduler, steady(20_000), lambda _: 7000, 20_000)
    worst = max(turns, key=lambda turn: turn.held_ms)
    case.true(
        worst.held_ms <= 2000 or (worst.held_ms <= 2050 and worst.wrote),
        f"syncs of 7 s; {worst.given}",
        f"the oldest bytes wait for {worst.held_ms} ms",
        "2000 ms at most",
    )
    first = next(turn.at_ms for turn in turns if turn.synced)
    early = [turn for turn in turns if turn.wrote and first < turn.at_ms < first + 2000]
    case.true(not early, early[0].given if early else "", '"write" while a sync runs', "held back, up to 2 s")
    during = [turn.at_ms for turn in turns if turn.wrote and first + 2000 <= turn.at_ms < first + 7000]
    gaps = [later - earlier for earlier, later in pairwise(during)]
    case.true(
        len(during) in (2, 3) and min(gaps) >= 2000,
        f"a sync from {first} to {first + 7000} ms; written meanwhile at",
        show(during),
        "once in two seconds: each write begins a new wait",
    )


@sync_scheduler.test("held back and set free: the next wait begins anew")
def anew(case: Case, scheduler: Any) -> None:
    arrivals = {0: 1, 1500: 1, 4000: 1, 5200: 1}
    turns, _ = play(case, scheduler, arrivals, lambda number: 1600, 9000)
    worst = max(turn.held_ms for turn in turns)
    case.true(worst <= 1650, "syncs of 1.6 s", f"bytes held for {worst} ms", "until the sync is over")
    for turn in turns:
        case.true(not turn.wrote or turn.held_ms <= 1650, turn.given, "written late", "written in time")


@sync_scheduler.test("what is at risk stays bounded, whatever the disk does")
def bounded(case: Case, scheduler: Any) -> None:
    for _ in range(20):
        durations = [case.random.choice((0, 10, 40, 300, 900, 1500)) for _ in range(40)]
        arrivals = {moment: 1 for moment in range(0, 20_000, 50) if case.random.random() < 0.4}
        cycle = (durations * 20).__getitem__
        _, oldest = play(case, scheduler, arrivals, cycle, 20_000)
        limit = 1000 + 2 * max(durations) + 150
        case.true(
            oldest <= limit,
            f"20 s of writes, syncs of up to {max(durations)} ms",
            f"bytes at risk for {oldest} ms",
            f"{limit} ms at most: a wait, a sync that runs, and one's own",
        )


@sync_scheduler.test("a live log, and the plug is pulled")
def pulled(case: Case, scheduler: Any) -> None:
    node = case.node({"appendonly": "yes", "appendfsync": "everysec"})
    node.disk.fsync_us = 20_000
    with plugged("everysec", scheduler, node):
        for trial in range(10):
            writes = case.random.randrange(15, 60)
            for number in range(writes):
                node.execute("SET", f"write:{trial}:{number}", number)
                node.step(0.1)
            node.power_cut()
            kept = node.execute("EXISTS", *[f"write:{trial}:{number}" for number in range(writes)])
            lost_s = (writes - kept) / 10
            given = f"{writes} writes in {writes / 10:.1f} s, then a power cut"
            case.true(lost_s <= 1.2, given, f"the last {lost_s:.1f} s are gone", "1.2 s at most")


@sync_scheduler.test("a live log whose disk is slow: held back, and written in time")
def slow_live(case: Case, scheduler: Any) -> None:
    node = case.node({"appendonly": "yes", "appendfsync": "everysec"})
    node.disk.fsync_us = 5_000_000
    log = node.node.append_only
    held_s, longest_s, postponed = 0.0, 0.0, 0
    with plugged("everysec", scheduler, node):
        for number in range(100):
            node.execute("SET", f"k{number}", number)
            node.step(0.1)
            held_s = held_s + 0.1 if log.buffered_bytes() else 0.0
            postponed += log.buffered_bytes() > 0
            longest_s = max(longest_s, held_s)
        given = "ten writes a second for 10 s, syncs of 5 s"
        case.true(postponed, given, "written at once, behind the sync", "held back while a sync runs")
        case.true(longest_s <= 2.15, given, f"a buffer held for {longest_s:.1f} s", "2 s at most")
        node.step(12)
        kept = log.buffered_bytes() == 0
        case.true(kept, f"{given}, then silence", "bytes in the buffer", "all of it written")
