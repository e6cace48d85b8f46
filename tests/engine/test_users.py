"""Users: where they come from and go to, and what follows when their rules change.

What they may do is compared with real servers in tests/differential/test_acl.py.
"""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.engine.access_control.acl import RuleError
from minidis.engine.access_control.acl_file import DUPLICATE, load_at_start, save
from minidis.engine.access_control.acl_log import AclLog
from minidis.engine.durability.disk import DiskError, MemoryDisk
from minidis.engine.node import Node
from minidis.engine.settings.config_file import ConfigFileError, Settings
from minidis.protocol.replies import ReplyError

FILE = b"""\
user alice on nopass ~a* +@read (%W~b* +set)

user default on >secret ~* &* +@all
"""


def node_with_file(text: bytes) -> Node:
    disk = MemoryDisk()
    disk.append("users.acl", text)
    return Node({"aclfile": "users.acl"}, disk=disk)


def run(node: Node, line: str, client=None):
    return node.execute(client or node.connect(), line.encode().split())


def test_users_of_a_file_and_back():
    node = node_with_file(FILE)
    load_at_start(node, [])
    assert sorted(node.users.by_name) == [b"alice", b"default"]
    with pytest.raises(ReplyError, match="NOAUTH"):
        run(node, "GET k")
    save(node)
    again = Node({"aclfile": "users.acl"}, disk=node.disk)
    load_at_start(again, [])
    assert again.users.lines() == node.users.lines()
    assert node.disk.list(".") == ["users.acl"]


def test_a_file_without_a_default_user_gives_the_usual_one():
    node = node_with_file(b"user alice on\n")
    load_at_start(node, [])
    assert node.users.default.unrestricted
    assert not node.users.authentication_required


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"alice on", "users.acl:1 should start with user keyword followed by the username. "),
        (b"\nuser", "users.acl:2 should start with user keyword followed by the username. "),
        (b"# users", "users.acl:1 should start with user keyword followed by the username. "),
        (b"user alice on\nuser alice off", "WARNING: Duplicate user 'alice' found on line 2. "),
        (b"user alice (+get", "users.acl:1: Unmatched parenthesis in selector definition."),
        (b"user alice +nosuch +@no", "users.acl:1: Error in applying operation '+nosuch': Unknown command"),
        (b"user alice x y", "users.acl:1: Syntax error. WARNING: ACL errors"),
        (b"user a\x00b on", "'users.acl:1: username 'a' contains invalid characters. "),
    ],
)
def test_a_file_with_a_fault_changes_nothing(text, fault):
    node = node_with_file(text)
    before = node.users.lines()
    with pytest.raises(ReplyError) as caught:
        run(node, "ACL LOAD")
    assert fault in str(caught.value)
    assert node.users.lines() == before
    with pytest.raises(RuleError, match="Aborting Redis startup because of ACL errors: "):
        load_at_start(node, [])


def test_load_hangs_up_on_all_but_the_default_users_clients():
    node = node_with_file(FILE + b"user bob on nopass +@all\n")
    load_at_start(node, [])
    admin, bob = node.connect(), node.connect()
    run(node, "AUTH default secret", admin)
    run(node, "AUTH bob x", bob)
    assert run(node, "ACL LOAD", admin) == "OK"
    assert (admin.closed, bob.closed) == (False, True)


def test_a_missing_file_and_a_full_disk_are_told():
    node = Node({"aclfile": "no/such.acl"})
    with pytest.raises(ReplyError, match=r"opening file 'no/such.acl': No such file or directory"):
        run(node, "ACL LOAD")
    with pytest.raises(ReplyError, match="There was an error trying to save the ACLs"):
        run(node, "ACL SAVE")


def test_a_failed_save_leaves_the_old_file():
    class FullDisk(MemoryDisk):
        def sync(self, path: str) -> None:
            raise DiskError("sync", path, "ENOSPC")

    disk = FullDisk()
    disk.append("users.acl", FILE)
    node = Node({"aclfile": "users.acl"}, disk=disk)
    with pytest.raises(DiskError):
        save(node)
    assert disk.files == {"users.acl": FILE}


def test_user_lines_of_redis_conf():
    settings = Settings()
    settings.load(b"user default on nopass +@all ~*\nuser alice on >x (+get ~a) +later\n")
    node = Node()
    with pytest.raises(RuleError, match="Error loading ACL rule '.later' for the user named 'alice'"):
        load_at_start(node, list(settings.users.items()))
    settings = Settings()
    settings.load(b"user default on nopass +@all ~*\nuser alice on >x (+get ~a)\n")
    load_at_start(node, list(settings.users.items()))
    with pytest.raises(ReplyError, match="NOPERM"):
        run(node, "PUBLISH c x")
    with pytest.raises(RuleError, match="not both"):
        load_at_start(Node({"aclfile": "x"}), list(settings.users.items()))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"user foo\nuser foo", DUPLICATE),
        (b"user default\nuser default", DUPLICATE),
        (b"user foo nonsense", "Error in user declaration 'nonsense': Syntax error"),
        (b"user foo (+get", "Unmatched parenthesis"),
    ],
)
def test_faults_in_user_lines(text, fault):
    with pytest.raises(ConfigFileError, match="at line") as caught:
        Settings().load(text)
    assert fault in str(caught.value)


def test_only_restricted_users_are_looked_at():
    with Embedded(clock=0) as redis:
        client = redis.connect()
        assert not client.gated
        redis.execute("ACL", "SETUSER", "default", "-flushall")
        assert client.gated
        redis.execute("ACL", "SETUSER", "default", "+@all")
        assert not client.gated
        redis.execute("ACL", "SETUSER", "alice", "on", "nopass", "(+@all ~* &*)")
        redis.execute("AUTH", "alice", "x", client=client)
        assert not client.gated


def test_rules_are_looked_at_again_when_a_wait_ends():
    redis = Embedded(clock=0)
    redis.execute("ACL", "SETUSER", "alice", "on", "nopass", "+@all", "~*")
    alice = redis.connect()
    redis.execute("AUTH", "alice", "x", client=alice)
    redis.call(alice, [b"BLPOP", b"queue", b"0"])
    redis.execute("ACL", "SETUSER", "alice", "resetkeys")
    redis.execute("RPUSH", "queue", "x")
    assert redis.wait(alice) == ReplyError("NOPERM No permissions to access a key")
    assert redis.execute("LLEN", "queue") == 1


def test_the_log_keeps_the_newest():
    log = AclLog()
    for number in range(5):
        log.add("key", "toplevel", b"%d" % number, b"alice", "", 0, most_entries=3)
    assert [entry.what for entry in log.entries] == [b"4", b"3", b"2"]
    assert log.refused["key"] == 5
    log.add("key", "toplevel", b"5", b"alice", "", 0, most_entries=0)
    assert log.entries == []
