"""A learner's work survives: nodes on files and folders, saved, killed, opened again."""

from __future__ import annotations

import subprocess
import sys

import pytest

import minidis
from minidis import Embedded
from minidis.engine.durability.disk import DiskError
from minidis.engine.durability.loading import LoadError
from minidis.protocol.replies import ReplyError

PROGRAM = """
import os, sys, minidis
node = minidis.open(sys.argv[1])
for number in range(100):
    node.execute("SET", f"key:{number}", number)
if sys.argv[2] == "kill":
    os._exit(9)
"""


def run(path, how):
    subprocess.run([sys.executable, "-c", PROGRAM, str(path), how], check=how != "kill", timeout=60)


def count(path):
    with minidis.open(path) as node:
        return node.execute("DBSIZE")


def test_a_file_is_saved_when_python_ends(tmp_path):
    run(tmp_path / "shop.rdb", "end")
    assert count(tmp_path / "shop.rdb") == 100


def test_a_file_knows_nothing_of_what_a_kill_took(tmp_path):
    run(tmp_path / "shop.rdb", "end")
    run(tmp_path / "other.rdb", "kill")
    assert (count(tmp_path / "shop.rdb"), count(tmp_path / "other.rdb")) == (100, 0)


def test_a_folder_survives_a_kill(tmp_path):
    run(tmp_path / "shop", "kill")
    assert count(tmp_path / "shop") == 100


def test_save_and_load_by_hand(tmp_path):
    path = tmp_path / "work.rdb"
    redis = Embedded(clock=0, seed=1)
    redis.execute("RPUSH", "list", "a", "b")
    redis.execute("SELECT", 2)
    redis.execute("SET", "elsewhere", 1)
    size_bytes = redis.save(path)
    assert path.stat().st_size == size_bytes
    assert [entry.name for entry in tmp_path.iterdir()] == ["work.rdb"]
    other = Embedded(clock=0, seed=2)
    other.execute("SET", "old", 1)
    assert other.load(path) == 2
    assert (other.execute("KEYS", "*"), other.execute("LRANGE", "list", 0, -1)) == ([b"list"], [b"a", b"b"])


def test_libraries_of_functions_are_loaded_in_place_of_those_that_are_there(tmp_path):
    redis = Embedded(clock=0, seed=1)
    redis.execute(
        "FUNCTION", "LOAD", "#!lua name=saved\nredis.register_function('one', function() return 1 end)"
    )
    redis.save(tmp_path / "work.rdb")
    redis.execute(
        "FUNCTION", "LOAD", "#!lua name=later\nredis.register_function('two', function() return 2 end)"
    )
    assert redis.load(tmp_path / "work.rdb") == 0
    assert redis.execute("FCALL", "one", 0) == 1
    assert list(redis.node.libraries.sources) == [b"saved"]


def test_a_damaged_file_changes_nothing(tmp_path):
    path = tmp_path / "work.rdb"
    redis = Embedded(clock=0, seed=1)
    redis.execute("SET", "k", "v")
    redis.save(path)
    content = bytearray(path.read_bytes())
    content[-12] ^= 1
    path.write_bytes(content)
    with pytest.raises(LoadError, match="work.rdb at offset"):
        redis.load(path)
    assert redis.execute("GET", "k") == b"v"
    with pytest.raises(LoadError):
        minidis.open(path)
    assert path.read_bytes() == content


def test_one_line_pulls_the_plug_and_one_counts_what_is_left():
    redis = Embedded({"appendonly": "yes", "appendfsync": "everysec"}, clock="2026-01-01T00:00:00Z", seed=1)
    for _ in range(55):
        redis.execute("INCR", "n")
        redis.step(0.1)
    loss = redis.power_cut()
    left = int(redis.execute("GET", "n"))
    assert 35 <= left < 55
    assert "bytes were only in the page cache" in str(loss)
    redis.execute("INCR", "n")
    redis.kill()
    assert int(redis.execute("GET", "n")) == left + 1, "the page cache survives a kill"


def test_a_place_where_nothing_can_be_kept_is_refused_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        minidis.open(tmp_path / "nowhere" / "shop.rdb")


def test_a_node_that_cannot_save_says_so_when_it_is_closed(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    node = minidis.open(folder / "shop.rdb")
    node.execute("SET", "order", 1)
    folder.rename(tmp_path / "gone")
    with pytest.raises(DiskError):
        node.close()
    node.close()  # already closed: nothing happens


def flip_a_bit(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    return content


def test_a_file_that_cannot_be_read_again_is_not_saved_over(tmp_path):
    path = tmp_path / "shop.rdb"
    node = minidis.open(path)
    for number in range(30):
        node.execute("SET", f"key:{number}", "x" * 30)
    node.execute("SAVE")
    whole = path.read_bytes()
    damaged = flip_a_bit(path, 400)
    with pytest.raises(LoadError, match="shop.rdb at offset") as caught:
        node.kill()
    assert "refuses writes" in caught.value.__notes__[0]
    assert node.execute("DBSIZE") == 0, "not the keys before the fault"
    with pytest.raises(ReplyError, match="MISCONF Writes are refused.*shop.rdb at offset"):
        node.execute("SET", "new", 1)
    path.write_bytes(whole)
    node.kill()
    assert node.execute("DBSIZE") == 30 and node.execute("SET", "new", 1) == "OK"
    path.write_bytes(damaged)
    with pytest.raises(LoadError):
        node.kill()
    node.close()
    assert path.read_bytes() == damaged


def test_a_log_that_cannot_be_read_again_takes_no_writes(tmp_path):
    node = minidis.open(tmp_path / "shop")
    for number in range(30):
        node.execute("RPUSH", "list", number)
    log = tmp_path / "shop" / node.node.append_only.path
    damaged = flip_a_bit(log, log.read_bytes().index(b"*3", 300))
    with pytest.raises(LoadError):
        node.kill()
    assert node.execute("EXISTS", "list") == 0
    assert node.execute("SAVE") == "OK", "somewhere else: the log is as it was"
    with pytest.raises(ReplyError, match="MISCONF Writes are refused"):
        node.execute("SET", "new", 1)
    node.close()
    assert log.read_bytes() == damaged


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
@pytest.mark.parametrize("name", ["shop.rdb", "shop"])
def test_a_place_is_open_to_one_node_at_a_time(tmp_path, name):
    path = tmp_path / name
    node = minidis.open(path)
    node.execute("SET", "a", 1)
    with pytest.raises(BlockingIOError, match=f"another node has it open.*{name}"):
        minidis.open(path)
    other = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), "end"], capture_output=True, text=True, timeout=60
    )
    assert other.returncode == 1 and "BlockingIOError" in other.stderr
    node.close()
    assert count(path) == 1
    assert not list(tmp_path.rglob("*.lock"))
