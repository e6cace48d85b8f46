"""What the pictures of the disk and of a snapshot say, beside what the disk and the walk do."""

from __future__ import annotations

import re

import pytest

from minidis import Embedded
from minidis.engine.durability.disk import MemoryDisk
from minidis.notebook import views


def statuses(node: Embedded) -> dict[str, tuple[str, str, str]]:
    rows = views.snapshot(node).take()["rows"]
    return {row["key"]: (row["now"], row["file"], row["status"]) for row in rows}


def test_bytes_move_from_the_cache_to_the_platter():
    node = Embedded({"appendonly": "yes"}, clock=10**15, seed=1)
    node.execute("SET", "k", "v")
    view = views.disk(node)
    log = next(file for file in view.take()["files"] if file["path"].endswith("incr.aof"))
    assert log["cached"] == len(node.disk.read(node.node.append_only.path)) > log["synced"]
    assert view.take()["at_risk"] == log["cached"] - log["synced"]
    view.do("step", 2)
    assert view.take()["at_risk"] == 0


def test_a_cut_takes_what_the_picture_said_was_at_risk():
    node = Embedded({"appendonly": "yes", "appendfsync": "no"}, clock=10**15, seed=3)
    for number in range(50):
        node.execute("SET", f"k{number}", "v")
    view = views.disk(node)
    assert view.take()["at_risk"] > 0
    view.do("kill")
    assert node.execute("DBSIZE") == 50 and "50 keys" in view.message
    view.do("cut")
    assert node.execute("DBSIZE") < 50
    assert f"{node.execute('DBSIZE')} keys" in view.message


def test_a_name_whose_rename_is_not_synced():
    node = Embedded(clock=0, seed=1)
    node.disk.append("old", b"x")
    node.disk.sync("old")
    assert [file["name"] for file in views.disk(node).take()["files"]] == ["none yet"]
    node.disk.sync_folder(".")
    node.disk.rename("old", "new")
    data = views.disk(node).take()
    assert [file["name"] for file in data["files"]] == ["still old"] and data["kept"] == ["old"]


def test_only_a_simulated_disk_is_shown():
    with pytest.raises(TypeError, match="simulated"):
        views.disk(Embedded(clock=0, disk=MemoryDisk()))


def test_the_rows_of_a_snapshot_are_what_its_file_will_say():
    node = Embedded(clock=0, seed=1)
    node.execute("MSET", "a", "1", "b", "1", "c", "1", "d", "1")
    view = views.snapshot(node).do("start").do("step")
    for command in ("INCR a", "INCR b", "SET c new", "SET e later"):
        node.execute(*command.split())
    assert statuses(node) == {
        "a": ("2", "1", "written"),
        "b": ("2", "1", "written early"),
        "c": ("new", "-", "old value kept"),
        "d": ("1", "-", "waits"),
        "e": ("later", "-", "came later"),
    }
    view.do("step", 99).do("finish")
    assert not views.snapshot(node).take()["runs"]
    node.kill()
    assert node.execute("MGET", *"abcde") == [b"1", b"1", b"1", b"1", None]


def test_a_log_whose_base_is_commands_and_a_click_on_one_of_them():
    node = Embedded({"appendonly": "yes", "aof-use-rdb-preamble": "no"}, clock=0, seed=1)
    node.execute("RPUSH", "l", 1, 2, 3)
    node.execute("BGREWRITEAOF")
    node.step(1)
    for number in (4, 5, 6):
        node.execute("RPUSH", "l", number)
    view = views.aof(node=node)
    effects = [step["effect"] for step in view.take()["steps"] if step["words"].startswith("RPUSH")]
    assert effects == [f"rpush l: list of {number}" for number in (4, 5, 6)]
    drawn = view.draw(view.take()).svg()
    rows = re.findall(r'data-event="(\w+)" data-value="(\w+)" role="button" tabindex="0"', drawn)
    assert len(rows) == len(view.take()["steps"])
    view.do(*rows[-1])  # what the widget sends for a click, or Enter
    assert view.take()["chosen"] == len(rows) and "6" in str(view.take()["rows"][-1])
