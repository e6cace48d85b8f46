"""The log's files: cut at every byte, damaged at every byte, rewritten, upgraded, refused."""

from __future__ import annotations

from random import Random

import pytest

from minidis import Embedded, ReplyError
from minidis.drivers.simulated_disk import SimulatedDisk
from minidis.engine import starting
from minidis.engine.durability.disk import DiskError, MemoryDisk, NodeFailure
from minidis.engine.durability.loading import LoadError
from minidis.persistence.aof import AofError, AofReader, commands_for, encode_command
from minidis.persistence.aof_manifest import Manifest, ManifestError, parse_manifest
from tests.persistence.worlds import commands, picture

FOLDER = "appendonlydir/"
INCREMENT = FOLDER + "appendonly.aof.1.incr.aof"
MANIFEST = FOLDER + "appendonly.aof.manifest"
LOG = {"appendonly": "yes", "appendfsync": "always"}


def started_from(files: dict[str, bytes], **config: str) -> Embedded:
    """A node that starts from these files."""
    disk = MemoryDisk()
    for path, content in files.items():
        if "/" in path:
            disk.make_folder(path.partition("/")[0])
        disk.append(path, content)
    return Embedded({"appendonly": "yes", **config}, clock=0, disk=disk)


def files_of(redis: Embedded) -> dict[str, bytes]:
    return {path: bytes(file.data) for path, file in redis.disk.files.items()}


def sample() -> tuple[dict[str, bytes], list[bytes]]:
    """The files of a short log, and what its commands were."""
    redis = Embedded(LOG, clock=0, seed=1)
    redis.execute("SET", "before", "x")
    redis.execute("MULTI")
    redis.execute("SET", "a", "1")
    redis.execute("RPUSH", "list", "x", "y\r\nz")
    redis.execute("EXEC")
    redis.execute("SELECT", "3")
    redis.execute("SET", "elsewhere", "w" * 30)
    redis.execute("DEL", "nothing")
    return files_of(redis), redis.disk.read(INCREMENT)


def test_what_is_written_is_what_a_client_would_send():
    _, log = sample()
    reader = AofReader()
    reader.feed(log)
    assert [record.argv for record in reader.records()] == [
        [b"SELECT", b"0"],
        [b"SET", b"before", b"x"],
        [b"MULTI"],
        [b"SET", b"a", b"1"],
        [b"RPUSH", b"list", b"x", b"y\r\nz"],
        [b"EXEC"],
        [b"SELECT", b"3"],
        [b"SET", b"elsewhere", b"w" * 30],
    ]
    assert not reader.is_inside


def test_a_log_cut_at_every_byte_loads_to_what_was_whole():
    files, log = sample()
    seen = []
    for end in range(len(log) + 1):
        redis = started_from({**files, INCREMENT: log[:end]})
        keys = sorted(key for database in redis.node.databases for key in database.table)
        if not seen or keys != seen[-1]:
            seen.append(keys)
        left = redis.disk.size(INCREMENT)
        assert left <= end and log.startswith(redis.disk.read(INCREMENT))
        redis.execute("SET", "after", "1")
        again = started_from(dict(redis.disk.files))
        assert again.execute("GET", "after") == b"1", f"cut at {end}"
    assert seen == [
        [],
        [b"before"],
        [b"a", b"before", b"list"],
        [b"a", b"before", b"elsewhere", b"list"],
    ], "MULTI ... EXEC is there whole or not at all"


def test_a_cut_log_is_refused_where_that_is_asked_for():
    files, log = sample()
    with pytest.raises(LoadError, match=f"fix .*{INCREMENT} at offset 23: ends with a command"):
        started_from({**files, INCREMENT: log[:40]}, **{"aof-load-truncated": "no"})


def test_a_cut_in_a_file_that_is_not_the_last_is_refused():
    files, log = sample()
    manifest = files[FOLDER + "appendonly.aof.manifest"] + b"file appendonly.aof.2.incr.aof seq 2 type i\n"
    with pytest.raises(LoadError, match="the truncated file is not the last file"):
        started_from(
            {
                **files,
                INCREMENT: log[:-5],
                FOLDER + "appendonly.aof.2.incr.aof": b"",
                FOLDER + "appendonly.aof.manifest": manifest,
            }
        )


def test_a_changed_byte_is_refused_with_file_and_offset_or_harmless_and_nothing_is_lost():
    """A bit within a word's content cannot be told from what was written; all else is noticed."""
    files, log = sample()
    refused = 0
    for at in range(len(log)):
        bit = (0, 3, 6)[at % 3]
        damaged = bytearray(log)
        damaged[at] ^= 1 << bit
        disk = MemoryDisk()
        disk.make_folder("appendonlydir")
        for path, content in {**files, INCREMENT: bytes(damaged)}.items():
            disk.append(path, content)
        try:
            Embedded({"appendonly": "yes"}, clock=0, disk=disk)
        except LoadError as error:
            refused += 1
            assert error.path == INCREMENT and error.offset is not None
            assert disk.read(INCREMENT) == damaged
            continue
        left = disk.read(INCREMENT)
        rest = b"".join(bytes(data) for path, data in disk.files.items() if ".rest-at-" in path)
        is_last_command = len(left) >= log.rindex(b"*3\r\n")  # a length there looks like a cut
        assert left + rest == damaged or is_last_command, f"byte {at}, bit {bit}"
    assert refused > len(log) // 3


def test_a_changed_bit_in_the_base_is_refused_by_its_check_sum():
    files, _ = sample()
    base = FOLDER + "appendonly.aof.1.base.rdb"
    for at in range(len(files[base])):
        damaged = bytearray(files[base])
        damaged[at] ^= 4
        try:
            started_from({**files, base: bytes(damaged)})
        except LoadError as error:
            assert error.path == base
        else:
            pytest.fail(f"a changed byte at {at} was not noticed")


def test_a_missing_file_is_refused_before_anything_is_loaded():
    files, _ = sample()
    del files[FOLDER + "appendonly.aof.1.base.rdb"]
    with pytest.raises(LoadError, match="base.rdb: this file is part of the dataset, and it is not there"):
        started_from(files)


@pytest.mark.parametrize(
    "manifest, reason",
    [
        (b"", "Found an empty AOF manifest"),
        (b"file a seq 1\n", "Invalid AOF manifest file format"),
        (b"file a seq 1 type i", "too long line"),
        (b"file a seq 1 type x\n", "Unknown AOF file type"),
        (b"file ../a seq 1 type i\n", "File can't be a path, just a filename"),
        (b"file a seq 1 type b\nfile b seq 2 type b\n", "Found duplicate base file information"),
        (b"file a seq 2 type i\nfile b seq 2 type i\n", "Found a non-monotonic sequence number"),
    ],
)
def test_manifests_that_are_refused(manifest, reason):
    with pytest.raises(ManifestError, match=reason):
        parse_manifest(manifest, "appendonly.aof")


def test_a_manifest_is_read_as_it_was_written():
    manifest = Manifest('odd name "1".aof')
    manifest.new_base(preamble=False)
    manifest.new_increment()
    manifest.new_base(preamble=True)
    manifest.new_increment()
    manifest.retire_increments()
    assert parse_manifest(b"# a comment\n" + manifest.format(), manifest.name) == manifest
    assert [file.kind for file in manifest.history] == ["h", "h"]


# ---- rewriting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_a_rewrite_under_random_writes_keeps_everything(preamble, seed):
    redis = Embedded({**LOG, "aof-use-rdb-preamble": preamble}, clock="2026-01-01T00:00:00Z", seed=seed)
    redis.patience_s = 0

    def run(drawn):
        for command in drawn:
            try:
                redis.execute(*command)
            except (ReplyError, TimeoutError):
                redis.disconnect(redis.client)
                redis.client = redis.connect()

    run(commands(seed, 300))
    assert redis.execute("BGREWRITEAOF") == "Background append only file rewriting started"
    run(commands(seed + 500, 60))
    redis.step(3)
    assert redis.node.append_only.rewriting.rewrites == 1
    run(commands(seed + 900, 60))
    before = picture(redis.node)
    redis.kill()
    assert picture(redis.node) == before
    suffix = "rdb" if preamble == "yes" else "aof"
    assert redis.disk.list("appendonlydir") == [
        f"appendonly.aof.2.base.{suffix}",
        "appendonly.aof.2.incr.aof",
        "appendonly.aof.manifest",
    ]


def test_a_log_that_has_grown_is_rewritten_by_itself():
    redis = Embedded(
        {**LOG, "auto-aof-rewrite-min-size": "10kb", "auto-aof-rewrite-percentage": "100"}, clock=0, seed=1
    )
    for _ in range(400):
        redis.execute("SET", "key", "x" * 50)
    redis.step(1)
    assert redis.node.append_only.rewriting.rewrites == 1
    assert redis.node.append_only.size_bytes < 200


def test_a_rewrite_that_fails_leaves_the_log_as_it_is():
    redis = Embedded(LOG, clock=0, seed=1)
    redis.execute("SET", "k", "v")
    redis.disk.fail("sync", "*temp-rewriteaof*")
    redis.execute("BGREWRITEAOF")
    redis.step(1)
    assert b"aof_last_bgrewrite_status:err" in redis.execute("INFO", "persistence")
    redis.execute("SET", "k2", "v2")
    redis.kill()
    assert redis.execute("DBSIZE") == 2
    assert not [name for name in redis.disk.list("appendonlydir") if name.startswith("temp-rewrite")]


def test_a_first_base_that_cannot_be_written_is_tried_again_and_nothing_is_logged_meanwhile():
    redis = Embedded({"appendfsync": "everysec", "save": ""}, clock=0, seed=1)
    redis.execute("DEBUG", "POPULATE", 100, "key", 1000)
    redis.disk.capacity_bytes = 2000
    redis.execute("CONFIG", "SET", "appendonly", "yes")
    redis.step(1)
    for number in range(50):
        redis.execute("SET", f"k{number}", "x" * 100)
        redis.step(0.1)
    assert not redis.disk.list("appendonlydir"), "neither a base nor an increment without one"
    assert b"aof_last_write_status:ok" in redis.execute("INFO", "persistence")
    redis.disk.capacity_bytes = None
    redis.step(70)
    assert sorted(redis.disk.list("appendonlydir")) == [
        "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"
    ]  # fmt: skip
    redis.execute("SET", "last", "x")
    redis.step(2)
    redis.kill()
    assert redis.execute("DBSIZE") == 151


def test_a_log_that_is_given_up_before_its_first_base_leaves_nothing():
    redis = Embedded({"rdb-key-save-delay": "100000", "save": ""}, clock=0, seed=1)
    redis.execute("DEBUG", "POPULATE", 100)
    redis.execute("CONFIG", "SET", "appendonly", "yes")
    redis.execute("SET", "k", "v")
    redis.step(0.5)
    told: list[str] = []
    redis.node.log = lambda level, text: told.append(text)
    redis.execute("CONFIG", "SET", "appendonly", "no")
    assert "Killing running AOF rewrite child" in told
    redis.step(1)
    assert not redis.disk.list("appendonlydir")


def test_history_is_kept_until_it_may_go():
    redis = Embedded({**LOG, "aof-disable-auto-gc": "yes"}, clock=0, seed=1)
    for _ in range(2):
        redis.execute("BGREWRITEAOF")
        redis.step(1)
    assert len(redis.disk.list("appendonlydir")) == 7 and redis.disk.read(MANIFEST).count(b"type h") == 4
    redis.execute("CONFIG", "SET", "aof-disable-auto-gc", "no")
    assert len(redis.disk.list("appendonlydir")) == 3 and b"type h" not in redis.disk.read(MANIFEST)


def test_rewrites_that_fail_again_and_again_come_less_often():
    redis = Embedded({**LOG, "auto-aof-rewrite-percentage": "1", "auto-aof-rewrite-min-size": "1"}, clock=0)
    told = []
    redis.node.log = lambda level, text: told.append(text) if "triggered the limit" in text else None
    for _ in range(5):
        redis.disk.fail("sync", "*temp-rewriteaof*")
    redis.execute("SET", "k", "v" * 100)
    redis.step(5)
    assert [text.rpartition("will retry in ")[2] for text in told] == ["1 minutes"]
    redis.step(60)
    assert [text.rpartition("will retry in ")[2] for text in told] == ["1 minutes", "2 minutes"]


# ---- policies, errors, WAITAOF ----------------------------------------------------------------------------


def test_always_ends_the_node_when_it_cannot_write():
    redis = Embedded(LOG, clock=0, seed=1)
    redis.disk.capacity_bytes = sum(len(file.data) for file in redis.disk.files.values()) + 10
    with pytest.raises(NodeFailure, match="Can't recover from AOF write error .* No space left on device"):
        redis.execute("SET", "k", "v")


def test_what_always_could_not_write_is_not_written_when_the_disk_has_room_again():
    redis = Embedded(LOG, clock=0, seed=1)
    redis.execute("RPUSH", "list", "a")
    redis.disk.capacity_bytes = sum(len(file.data) for file in redis.disk.files.values()) + 10
    redis.disk.fail("truncate")  # so the beginning of the command stays there
    with pytest.raises(NodeFailure):
        redis.execute("RPUSH", "list", "b")
    redis.disk.capacity_bytes = None
    with pytest.raises(NodeFailure, match="Can't recover from AOF write error"):
        redis.close()
    redis.kill()
    assert redis.execute("LRANGE", "list", "0", "-1") == [b"a"]


def test_everysec_refuses_writes_until_the_disk_has_room_again():
    redis = Embedded({**LOG, "appendfsync": "everysec"}, clock=0, seed=1)
    redis.execute("SET", "first", "1")
    room = sum(len(file.data) for file in redis.disk.files.values())
    redis.disk.capacity_bytes = room + 10
    redis.execute("SET", "second", "2")  # answered: it stands in the buffer
    with pytest.raises(ReplyError, match="MISCONF Errors writing to the AOF file: No space left on device"):
        redis.execute("SET", "third", "3")
    with pytest.raises(ReplyError, match="MISCONF"):
        redis.execute("PING")
    assert redis.execute("GET", "first") == b"1"
    assert len(redis.disk.read(INCREMENT)) == redis.node.append_only.written_bytes, (
        "the torn write is cut off"
    )
    redis.disk.capacity_bytes = None
    redis.step(1.1)
    redis.execute("SET", "third", "3")
    redis.kill()
    assert redis.execute("MGET", "first", "second", "third") == [b"1", b"2", b"3"]


def full(redis: Embedded) -> None:
    """Fill the disk, and let the log meet that."""
    redis.disk.capacity_bytes = sum(len(file.data) for file in redis.disk.files.values())
    redis.execute("SET", "in the buffer", "1")
    assert redis.node.append_only.write_status == "err"


def test_what_was_queued_before_the_disk_was_full_is_refused_by_exec():
    redis = Embedded({**LOG, "appendfsync": "everysec"}, clock=0, seed=1)
    writer, reader = redis.connect(), redis.connect()
    for words in (["MULTI"], ["SET", "k", "v"]):
        redis.execute(*words, client=writer)
    for words in (["MULTI"], ["GET", "k"]):
        redis.execute(*words, client=reader)
    full(redis)
    with pytest.raises(
        ReplyError, match="EXECABORT Transaction discarded because of: MISCONF Errors writing"
    ):
        redis.execute("EXEC", client=writer)
    assert redis.execute("EXEC", client=reader) == [None]


def test_a_log_that_cannot_be_written_can_be_switched_off():
    redis = Embedded({**LOG, "appendfsync": "everysec"}, clock=0, seed=1)
    full(redis)
    lines: list[str] = []
    redis.node.log = lambda level, text: lines.append(text)
    assert redis.execute("CONFIG", "SET", "appendonly", "no") == "OK"
    assert [line.partition(":")[0] for line in lines[-1:]] == ["Fail to fsync the AOF file"]
    assert redis.node.append_only.buffered_bytes() == 0
    assert redis.execute("SET", "k", "v") == "OK"
    redis.disk.capacity_bytes = None
    redis.execute("CONFIG", "SET", "appendonly", "yes")
    assert b"aof_last_write_status:ok" in bytes(redis.execute("INFO", "persistence"))
    redis.step(1)
    redis.execute("INCR", "n")
    redis.kill()
    assert redis.execute("DBSIZE") == 3 and redis.execute("GET", "n") == b"1"


def test_a_log_that_cannot_be_begun_anew_writes_nothing_before_its_base():
    redis = Embedded(LOG, clock=0, seed=1)
    log = redis.node.append_only
    log.give_up()
    redis.disk.fail("create", "*.incr")
    log.begin_anew()
    redis.node.execute(redis.connect(), [b"SET", b"k", b"v"])
    redis.node.write_out()  # and no tick yet, in which it is tried again
    assert not [name for name in redis.disk.list(FOLDER[:-1]) if name.startswith("temp")]
    redis.step(2)
    assert log.state == "on"
    redis.kill()
    assert redis.execute("GET", "k") == b"v"


def test_who_closes_a_node_gets_a_snapshot_though_its_log_could_not_be_finished():
    redis = Embedded({**LOG, "appendfsync": "everysec", "save": "3600 1"}, clock=0, seed=1)
    redis.execute("SET", "k", "v")
    redis.disk.fail("sync", "*.incr.aof")
    with pytest.raises(DiskError, match="can't sync"):
        redis.close()
    assert redis.disk.size("dump.rdb")


def test_who_closes_a_node_hears_that_its_log_could_not_be_finished():
    redis = Embedded({**LOG, "appendfsync": "everysec"}, clock=0, seed=1)
    full(redis)
    with pytest.raises(DiskError, match="can't write .*incr.aof: No space left on device"):
        redis.close()


@pytest.mark.parametrize("force", [False, True])
def test_a_server_ends_without_the_end_of_its_log_and_with_its_snapshot(force):
    redis = Embedded({**LOG, "appendfsync": "everysec", "save": "3600 1"}, clock=0, seed=1)
    redis.execute("SET", "k", "v")
    redis.disk.fail("sync", "*.incr.aof")
    assert starting.prepare_to_stop(redis.node, force=force)
    assert redis.disk.size("dump.rdb")


def test_a_sync_that_succeeds_lets_writes_pass_again_whoever_has_asked_for_it():
    redis = Embedded({**LOG, "appendfsync": "everysec"}, clock=0, seed=1)
    for words in (("CONFIG", "SET", "appendfsync", "always"), ("BGREWRITEAOF",)):
        redis.execute("CONFIG", "SET", "appendfsync", "everysec")
        redis.execute("SET", "k", "v")
        redis.disk.fail("sync", "*.incr.aof")
        redis.step(1.05)
        with pytest.raises(ReplyError, match="MISCONF Errors writing to the AOF file: Input/output error"):
            redis.execute("SET", "k", "w")
        redis.execute(*words)
        redis.node.append_only.flush()
        assert redis.execute("SET", "k", "w") == "OK"


def test_a_log_that_cannot_be_written_to_its_end_is_not_loaded_in_the_place_of_what_is_there():
    redis = Embedded({**LOG, "appendfsync": "everysec", "enable-debug-command": "yes"}, clock=0, seed=1)
    redis.execute("SET", "first", "1")
    redis.disk.capacity_bytes = sum(len(file.data) for file in redis.disk.files.values()) + 10
    redis.disk.fail("truncate")  # so the file ends within a command, whose rest is in the buffer
    redis.execute("SET", "second", "2")
    with pytest.raises(ReplyError, match="Error trying to load the AOF files"):
        redis.execute("DEBUG", "LOADAOF")
    assert redis.execute("DBSIZE") == 2
    redis.disk.capacity_bytes = None
    redis.step(1.1)
    redis.execute("SET", "third", "3")
    redis.kill()
    assert redis.execute("DBSIZE") == 3


def test_a_log_that_is_empty_is_not_synced_when_it_is_opened():
    redis = Embedded({**LOG, "appendfsync": "everysec"}, clock=0, seed=1)
    before = redis.disk.syncs
    redis.step(2)
    assert redis.disk.syncs == before


def test_a_sync_that_waits_for_a_rewrite_keeps_nobody_awake():
    redis = Embedded({"appendonly": "yes", "no-appendfsync-on-rewrite": "yes"}, clock=0, disk=SimulatedDisk())
    node = redis.node
    redis.step(2)
    assert node.append_only.rewriting.start()
    node.background.hold()
    redis.execute("SET", "k", "v")
    redis.step(5)
    assert node.append_only.has_unsynced, "the rewrite has the disk for itself"
    assert node.append_only.next_deadline_us() is None
    assert node.background.job is not None
    node.background.job.run()
    redis.step(2)
    assert not node.append_only.has_unsynced


def test_waitaof_waits_for_the_sync():
    redis = Embedded({**LOG, "appendfsync": "everysec"}, clock=0, seed=1)
    other = redis.connect()
    redis.call(other, [b"SET", b"k", b"v"])
    assert redis.execute("WAITAOF", "1", "0", "0") == [1, 0], "this client wrote nothing: no wait"
    redis.call(other, [b"WAITAOF", b"1", b"0", b"0"])
    assert not other.outbox
    redis.step(1.1)
    assert other.outbox.popleft() == [1, 0]
    assert redis.call(other, [b"WAITAOF", b"1", b"0", b"0"]) == [1, 0], "nothing new: no wait"
    redis.call(other, [b"SET", b"k", b"w"])
    redis.call(other, [b"WAITAOF", b"1", b"1", b"300"])
    redis.step(0.4)
    assert other.outbox.popleft() == [0, 0]


def test_a_waitaof_whose_time_is_over_does_not_answer_for_what_its_client_waits_for_next():
    redis = Embedded({**LOG, "appendfsync": "no"}, clock=0, seed=1)
    other = redis.connect()
    redis.call(other, [b"SET", b"k", b"v"])
    redis.call(other, [b"WAITAOF", b"1", b"0", b"100"])
    redis.step(1)
    redis.call(other, [b"WAITAOF", b"1", b"1", b"1000"])
    redis.execute("BGREWRITEAOF")  # which syncs
    redis.step(2)
    assert list(other.outbox) == [[0, 0], [1, 0]]
    redis.call(other, [b"SET", b"k", b"w"])
    redis.call(other, [b"WAITAOF", b"1", b"0", b"100"])
    redis.step(1)
    redis.call(other, [b"BLPOP", b"l", b"0"])
    redis.execute("BGREWRITEAOF")
    redis.execute("RPUSH", "l", "x")
    assert list(other.outbox)[2:] == [[0, 0], [b"l", b"x"]]


@pytest.mark.parametrize("replicas", [b"0", b"9"])
def test_waitaof_ends_with_the_log(replicas):
    redis = Embedded({**LOG, "appendfsync": "no"}, clock=0, seed=1)
    local, remote = redis.connect(), redis.connect()
    for client, numbers in ((local, (b"1", replicas)), (remote, (b"0", b"9"))):
        redis.call(client, [b"SET", b"k", b"v"])
        redis.call(client, [b"WAITAOF", *numbers, b"5000"])
    redis.execute("CONFIG", "SET", "appendonly", "no")
    assert [str(reply) for reply in local.outbox] == [
        "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
    ]
    assert not remote.outbox
    redis.step(5)
    assert list(remote.outbox) == [[0, 0]]
    assert b"cmdstat_waitaof:calls=2,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=1" in (
        redis.execute("INFO", "commandstats")
    )


def test_waitaof_is_served_by_the_sync_that_a_rewrite_begins_with():
    redis = Embedded({**LOG, "appendfsync": "no"}, clock=0, seed=1)
    other = redis.connect()
    redis.call(other, [b"SET", b"k", b"v"])
    redis.call(other, [b"WAITAOF", b"1", b"0", b"0"])
    redis.step(5)
    assert not other.outbox, "appendfsync no syncs nothing by itself"
    redis.execute("BGREWRITEAOF")
    assert other.outbox.popleft() == [1, 0]


def test_a_rewrite_does_not_begin_while_the_log_cannot_be_written():
    redis = Embedded({**LOG, "appendfsync": "everysec"}, clock=0, seed=1)
    redis.disk.fail("write", INCREMENT, times=2)
    redis.execute("SET", "k", "v")  # stands in the buffer
    with pytest.raises(ReplyError, match="Can't execute an AOF background rewriting"):
        redis.execute("BGREWRITEAOF")
    redis.step(2.5)
    redis.kill()
    assert redis.execute("GET", "k") == b"v"


def test_timestamps_between_commands():
    redis = Embedded({**LOG, "aof-timestamp-enabled": "yes"}, clock="2026-01-01T00:00:00Z", seed=1)
    redis.execute("SET", "a", "1")
    redis.execute("SET", "b", "2")
    redis.step(5)
    redis.execute("SET", "c", "3")
    reader = AofReader()
    reader.feed(redis.disk.read(INCREMENT))
    stamps = [record.timestamp_s for record in reader.records() if record.argv is None]
    assert stamps == [1767225600, 1767225605]
    redis.execute("CONFIG", "SET", "aof-use-rdb-preamble", "no")
    redis.execute("BGREWRITEAOF")
    redis.step(1)
    base = redis.disk.read(FOLDER + "appendonly.aof.2.base.aof")
    assert base.startswith(b"#TS:1767225605\r\n*2\r\n$6\r\nSELECT")
    redis.kill()
    assert redis.execute("DBSIZE") == 3


def log_of_scripts(*scripts: str) -> dict[str, bytes]:
    """The log of a Redis 6 that wrote down scripts, not their effects."""
    commands = [encode_command([b"EVAL", script.encode(), b"1", b"k"]) for script in scripts]
    return {INCREMENT: b"".join(commands), MANIFEST: b"file appendonly.aof.1.incr.aof seq 1 type i\n"}


@pytest.mark.parametrize("config", [{}, {"replicaof": "127.0.0.1 1"}, {"maxmemory": "1"}])
def test_scripts_in_a_log_do_what_they_did(config):
    files = log_of_scripts("redis.call('SET', KEYS[1], 41)", "redis.call('INCR', KEYS[1])")
    assert started_from(files, **config).node.databases[0].peek(b"k").as_bytes() == b"42"


def test_while_a_long_script_of_a_log_runs_the_others_are_told_that_the_node_loads():
    redis = started_from(log_of_scripts("for i = 1, 50000 do redis.call('SET', KEYS[1], i) end"))
    node, told = redis.node, set()

    def look_on(run):
        assert node.execute(node.connect(), [b"CONFIG", b"SET", b"loglevel", b"debug"]) == "OK"
        for line in (
            b"GET k",
            b"CONFIG SET dir x",
            b"CONFIG SET hz 9 repl-diskless-load swapdb appendonly no",
        ):
            with pytest.raises(ReplyError) as caught:
                node.execute(node.connect(), line.split())
            told.add(caught.value.code)

    node.on_script_step = look_on
    redis.execute("DEBUG", "LOADAOF")
    assert (told, redis.execute("GET", "k")) == ({"LOADING"}, b"50000")


def test_switching_the_log_on_at_run_time_loses_nothing():
    redis = Embedded({"save": ""}, clock=0, seed=1)
    redis.execute("SET", "before", "1")
    redis.execute("CONFIG", "SET", "appendonly", "yes")
    redis.execute("SET", "meanwhile", "2")
    redis.step(1)
    redis.execute("SET", "after", "3")
    redis.kill()
    assert redis.execute("MGET", "before", "meanwhile", "after") == [b"1", b"2", b"3"]
    redis.execute("CONFIG", "SET", "appendonly", "no")
    assert b"aof_enabled:0" in redis.execute("INFO", "persistence")


def test_a_log_that_cannot_be_begun_is_not_switched_on():
    redis = Embedded({"save": ""}, clock=0, seed=1)
    redis.disk.fail("make folder")
    with pytest.raises(ReplyError, match="Unable to turn on AOF. Check server logs."):
        redis.execute("CONFIG", "SET", "appendonly", "yes")
    assert redis.execute("CONFIG", "GET", "appendonly") == {b"appendonly": b"no"}


# ---- old files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preamble", [True, False])
def test_an_old_single_file_is_taken_over(preamble):
    source = Embedded({"save": ""}, clock=0, seed=1)
    source.execute("SET", "a", "1")
    source.execute("SAVE")
    snapshot = source.disk.read("dump.rdb") if preamble else encode_command([b"SET", b"a", b"1"])
    old = snapshot + encode_command([b"SELECT", b"2"]) + encode_command([b"SET", b"b", b"2"])
    redis = started_from({"appendonly.aof": old})
    assert (redis.execute("GET", "a"), redis.execute("DBSIZE")) == (b"1", 1)
    redis.execute("SELECT", "2")
    assert redis.execute("GET", "b") == b"2"
    assert redis.disk.list(".") == []
    assert redis.disk.list("appendonlydir") == [
        "appendonly.aof", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest",
    ]  # fmt: skip


def test_a_log_that_is_loaded_and_cannot_go_on_is_not_loaded():
    disk = SimulatedDisk()
    disk.append("appendonly.aof", encode_command([b"SET", b"k", b"v"]))
    disk.fail("create", "*.incr.aof")
    with pytest.raises(LoadError, match="can't create"):
        Embedded({"appendonly": "yes"}, clock=0, disk=disk)


def test_the_log_wins_over_a_snapshot_and_an_empty_log_too():
    source = Embedded({"save": ""}, clock=0, seed=1)
    source.execute("SET", "a", "1")
    source.execute("SAVE")
    redis = started_from({"dump.rdb": source.disk.read("dump.rdb")})
    assert redis.execute("DBSIZE") == 0, "as in Redis 7: appendonly yes does not look at dump.rdb"


def test_expired_keys_live_while_a_log_is_loaded():
    """INCR on a key whose time has passed by now was an INCR of a living key when it was written."""
    commands_ = [[b"SET", b"n", b"5"], [b"PEXPIREAT", b"n", b"1000"], [b"INCR", b"n"], [b"PERSIST", b"n"]]
    disk = SimulatedDisk()
    disk.append("appendonly.aof", b"".join(map(encode_command, commands_)))
    redis = Embedded({"appendonly": "yes"}, clock="2026-01-01T00:00:00Z", disk=disk)
    assert redis.execute("GET", "n") == b"6"


def test_a_command_that_is_not_known_is_refused_with_its_offset():
    log = encode_command([b"SET", b"a", b"1"]) + encode_command([b"BOGUS", b"x"])
    with pytest.raises(LoadError, match="appendonly.aof at offset 27: ERR unknown command 'BOGUS'"):
        started_from({"appendonly.aof": log})


# ---- the reader -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_the_reader_takes_bytes_in_any_pieces(seed):
    random = Random(seed)
    argvs = [
        [random.randbytes(random.randrange(0, 40)) for _ in range(random.randrange(1, 5))] for _ in range(30)
    ]
    data = b"#TS:12\r\n".join(map(encode_command, argvs))
    reader = AofReader()
    records = []
    while data:
        size = random.choice((1, 2, 7, 50))
        reader.feed(data[:size])
        data = data[size:]
        records += reader.records()
    assert [record.argv for record in records if record.argv is not None] == argvs
    assert sum(record.timestamp_s == 12 for record in records) == 29


@pytest.mark.parametrize(
    "data, offset",
    [
        (b"x", 0),
        (b"*0\r\n", 0),
        (b"*1\r\n+OK\r\n", 4),
        (b"*1\r\n$2\r\nabc\r\n", 10),
        (b"*1\r\n$-1\r\n", 9),
        (b"*1\r\n$1x\r\na\r\n", 4),
        (b"*" + b"1" * 200, 0),
        (b"#" + b"n" * 200, 0),
        (encode_command([b"PING"]) + b"\0\0\0\0", 14),
    ],
)
def test_broken_bytes_are_refused_with_their_offset(data, offset):
    reader = AofReader()
    with pytest.raises(AofError, match=f"at offset {offset}:"):
        reader.feed(data)
        list(reader.records())


def test_large_values_become_commands_of_64_elements():
    redis = Embedded(clock=0, seed=1)
    redis.execute("RPUSH", "list", *range(150))
    redis.execute("HSET", "hash", *[word for number in range(100) for word in (f"f{number}", number)])
    table = redis.node.databases[0].table
    assert [len(argv) for argv in commands_for(b"list", table[b"list"])] == [66, 66, 24]
    assert [len(argv) for argv in commands_for(b"hash", table[b"hash"])] == [130, 74]


def test_what_debug_loads_is_not_journaled():
    """A log that said "load the log" would be loaded for ever."""
    redis = Embedded(clock=0)
    redis.execute("CONFIG", "SET", "appendonly", "yes")
    redis.step(1)
    redis.execute("SET", "k", "v")
    before = redis.node.journal.offset
    for words in (("DEBUG", "LOADAOF"), ("DEBUG", "RELOAD"), ("DEBUG", "LOADAOF")):
        assert redis.execute(*words) == "OK"
        assert redis.node.journal.offset == before
    assert redis.execute("GET", "k") == b"v"


def test_a_log_switched_on_within_exec_says_nothing_twice():
    """Its base may not hold what the journal hands on at the end of the EXEC."""
    redis = Embedded(clock=0)
    words = (("MULTI",), ("INCR", "n"), ("CONFIG", "SET", "appendonly", "yes"), ("INCR", "n"), ("EXEC",))
    assert [redis.execute(*command) for command in words][-1] == [1, "OK", 2]
    redis.step(1)
    assert redis.node.append_only.state == "on"
    redis.execute("DEBUG", "LOADAOF")
    assert redis.execute("GET", "n") == b"2"


# ---- files that no manifest names, a log that is not one yet ----------------------------------------------


@pytest.mark.parametrize("lines_kept", [0, 1])
def test_a_lost_or_shortened_manifest_costs_no_bytes(lines_kept):
    files, log = sample()
    base, manifest = FOLDER + "appendonly.aof.1.base.rdb", FOLDER + "appendonly.aof.manifest"
    lines = files.pop(manifest).splitlines(keepends=True)[:lines_kept]
    redis = started_from({**files, manifest: lines[0]} if lines else files)
    assert redis.execute("DBSIZE") == 0, "the log is not named, and not loaded"
    redis.execute("SET", "after", "1")
    assert redis.disk.read(base) == files[base] and redis.disk.read(INCREMENT).startswith(log)
    again = started_from(dict(redis.disk.files))
    assert again.execute("MGET", "before", "a", "after") == [b"x", b"1", b"1"]


@pytest.mark.parametrize("swallowed_up_to", ["the end", "another word's end"])
def test_what_a_damaged_length_swallows_within_a_multi_is_kept(swallowed_up_to):
    redis = Embedded(LOG, clock=0, seed=1)
    redis.execute("MULTI")
    redis.execute("SET", "a", "x" * 30)
    redis.execute("SET", "b", "y" * 30)
    redis.execute("EXEC")
    redis.execute("SET", "later", "z")
    files, log = files_of(redis), redis.disk.read(INCREMENT)
    before, after = log.split(b"$30\r\n", 1)
    size = 330 if swallowed_up_to == "the end" else after.index(b"EXEC") + len("EXEC")
    damaged = before + b"$%d\r\n" % size + after
    again = started_from({**files, INCREMENT: damaged})
    left = again.disk.read(INCREMENT)
    assert again.execute("DBSIZE") == 0
    assert damaged == left + again.disk.read(f"{INCREMENT}.rest-at-{len(left)}")


def test_waitaof_does_not_count_a_log_without_a_base():
    redis = Embedded({"appendfsync": "always", "rdb-key-save-delay": "100000"}, clock=0, seed=1)
    for number in range(30):
        redis.execute("SET", f"k{number}", "v")
    redis.execute("CONFIG", "SET", "appendonly", "yes")
    other = redis.connect()
    redis.call(other, [b"SET", b"after", b"1"])
    redis.call(other, [b"WAITAOF", b"1", b"0", b"0"])
    redis.step(0.5)
    assert redis.node.append_only.state == "waiting" and not other.outbox
    redis.step(10)
    assert other.outbox.popleft() == [1, 0]
    redis.power_cut()
    assert redis.execute("GET", "after") == b"1"
