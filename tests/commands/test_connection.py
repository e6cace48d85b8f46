"""What connection commands do to connections; their replies are compared in tests/differential."""

from __future__ import annotations

import pytest

from minidis.client.session import Session
from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError


@pytest.fixture
def node() -> Embedded:
    return Embedded(clock="2026-01-01T00:00:00Z", seed=1)


def fields(line: bytes) -> dict[str, str]:
    return dict(field.split("=", 1) for field in line.decode().split())


def test_hello_changes_protocol_and_name(node):
    reply = node.execute("HELLO", "3", "SETNAME", "alice")
    assert (reply[b"proto"], reply[b"mode"], reply[b"modules"]) == (3, b"standalone", [])
    assert (node.client.protocol, node.client.name) == (3, "alice")
    with pytest.raises(ReplyError, match="^NOPROTO unsupported protocol version$"):
        node.execute("HELLO", "4")
    assert node.client.protocol == 3


def test_password(node):
    node.execute("CONFIG", "SET", "requirepass", "secret")
    stranger = node.connect()
    for command in (["GET", "k"], ["CLIENT", "LIST"], ["HELLO", "3"]):
        with pytest.raises(ReplyError, match="^NOAUTH"):
            node.execute(*command, client=stranger)
    with pytest.raises(ReplyError, match="^WRONGPASS"):
        node.execute("AUTH", "guess", client=stranger)
    with pytest.raises(ReplyError, match="^WRONGPASS"):
        node.execute("AUTH", "nobody", "secret", client=stranger)
    assert node.execute("HELLO", "2", "AUTH", "default", "secret", client=stranger)[b"proto"] == 2
    assert node.execute("GET", "k", client=stranger) is None
    node.execute("RESET", client=stranger)
    with pytest.raises(ReplyError, match="^NOAUTH"):
        node.execute("GET", "k", client=stranger)


def test_an_unauthenticated_peer_may_send_little(node):
    node.execute("CONFIG", "SET", "requirepass", "secret")
    session = Session(node)
    session.receive(b"*11\r\n")
    assert session.take_output() == b"-ERR Protocol error: unauthenticated multibulk length\r\n"
    assert session.closing


def test_client_list_says_what_each_client_is_doing(node):
    alice, bob = node.connect("alice"), node.connect("bob")
    node.execute("SELECT", "2", client=alice)
    node.execute("MULTI", client=alice)
    node.execute("SET", "k", "value", client=alice)
    node.call(bob, [b"BLPOP", b"q", b"0"])
    node.step(5)
    mine, first, second = map(fields, node.execute("CLIENT", "LIST").splitlines())
    assert (first["name"], first["db"], first["flags"], first["multi"]) == ("alice", "2", "x", "1")
    assert first["multi-mem"] == str(len("SETkvalue"))
    assert (second["name"], second["flags"], second["age"]) == ("bob", "b", "5")
    assert (mine["cmd"], mine["idle"], second["cmd"], second["idle"]) == ("client|list", "0", "blpop", "5")
    assert second["argv-mem"] == str(len("BLPOPq0"))


def test_client_kill(node):
    alice, bob = node.connect("alice"), node.connect("bob")
    assert node.execute("CLIENT", "KILL", "ID", str(alice.id)) == 1
    assert alice.closed and not bob.closed
    assert node.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") == 1
    assert bob.closed and not node.client.closed
    carol = node.connect("carol")
    address = fields(node.execute("CLIENT", "LIST").splitlines()[-1])["addr"]
    assert node.execute("CLIENT", "KILL", address) == "OK"
    assert carol.closed


def test_quit_answers_and_then_closes(node):
    session = Session(node)
    session.receive(b"PING\r\nQUIT\r\nPING\r\n")
    assert session.take_output() == b"+PONG\r\n+OK\r\n"
    assert session.closing


def test_quit_ignores_its_arguments(node):
    session = Session(node)
    session.receive(b"QUIT now please\r\nPING\r\n")
    assert (session.take_output(), session.closing) == (b"+OK\r\n", True)


@pytest.mark.parametrize("word", [b"POST", b"Post", b"Host:", b"hOST:"])
@pytest.mark.parametrize("before", [b"", b"MULTI\r\n", b"CLIENT REPLY OFF\r\n"])
def test_a_browser_is_cut_off_without_a_reply(node, before, word):
    lines = []
    node.node.log = lambda level, text: lines.append((level, text))
    sessions = [Session(node) for _ in range(2)]
    for session in sessions:
        session.receive(before + b"*1\r\n$4\r\nPING\r\n*2\r\n$%d\r\n%s\r\n$1\r\n/\r\n" % (len(word), word))
        session.receive(b"SET k v\r\n")
        assert (session.take_output(), session.closing) == (b"", True)
    assert node.execute("EXISTS", "k") == 0
    [(level, text)] = lines  # the second within a minute is not logged
    assert level == "warning" and text.startswith("Possible SECURITY ATTACK detected. It looks like")
    assert text.endswith(f"Connection from {sessions[0].client.peer} aborted.")
    node.step(61)
    Session(node).receive(word + b" / HTTP/1.1\r\n")
    assert len(lines) == 2


def test_monitor_is_refused_inside_a_transaction(node):
    session = Session(node)
    session.receive(b"MULTI\r\nMONITOR\r\nEXEC\r\nPING\r\n")
    error = b"-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n"
    assert session.take_output() == b"+OK\r\n+QUEUED\r\n*1\r\n" + error + b"+PONG\r\n"


def test_reset_forgets_everything(node):
    node.execute("HELLO", "3", "SETNAME", "alice")
    node.execute("SELECT", "1")
    node.execute("WATCH", "k")
    node.execute("MULTI")
    assert node.execute("RESET") == "RESET"
    client = node.client
    assert (client.protocol, client.name, client.db.index, client.transaction) == (2, "", 0, None)
    assert not client.watched


def test_client_reply_keeps_replies_back(node):
    session = Session(node)
    session.receive(b"CLIENT REPLY OFF\r\nPING\r\nINCR n\r\nCLIENT REPLY SKIP\r\nPING\r\nCLIENT REPLY ON\r\n")
    assert session.take_output() == b"+OK\r\n"
    session.receive(b"CLIENT REPLY SKIP\r\nINCR n\r\nINCR n\r\nCLIENT REPLY SKIP\r\nNOSUCH\r\nPING\r\n")
    assert session.take_output() == b":3\r\n+PONG\r\n"


@pytest.mark.parametrize(
    ("skipping", "replies"),
    [
        ("CLIENT REPLY SKIP", b"$1\r\n2\r\n"),
        ("CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP", b"$1\r\n2\r\n"),
        ("CLIENT REPLY SKIP\r\nRESET", b"$1\r\n1\r\n$1\r\n2\r\n"),
        ("CLIENT REPLY SKIP\r\nCLIENT REPLY ON", b"+OK\r\n$1\r\n1\r\n$1\r\n2\r\n"),
    ],
)
@pytest.mark.parametrize("is_paused", [False, True])
def test_a_reply_that_is_skipped_is_the_next_one_though_a_pause_has_held_all(
    node, skipping, replies, is_paused
):
    """As Redis 7.0 answers."""
    session = Session(node)
    if is_paused:
        node.execute("CLIENT", "PAUSE", "1000", "ALL")
    session.receive(f"{skipping}\r\nPING 1\r\nPING 2\r\n".encode())
    node.step(2)
    session.collect()
    assert session.take_output() == replies


def test_who_monitors_sees_its_own_skip_and_not_what_is_skipped(node):
    session = Session(node)
    session.receive(b"MONITOR\r\nCLIENT REPLY SKIP\r\nPING one\r\nPING two\r\n")
    told = session.take_output()
    assert b'"SKIP"' in told and b'"one"' not in told and b'"two"' in told


def test_resp3_begins_with_the_reply_of_hello(node):
    session = Session(node)
    session.receive(b"HGETALL h\r\nHELLO 3\r\nHGETALL h\r\n")
    output = session.take_output()
    assert output.startswith(b"*0\r\n%7\r\n") and output.endswith(b"%0\r\n")


def test_no_touch_leaves_no_trace(node):
    node.execute("SET", "k", "v")
    node.step(10)
    node.execute("CLIENT", "NO-TOUCH", "ON")
    node.execute("GET", "k")
    assert node.execute("OBJECT", "IDLETIME", "k") == 10
    node.execute("TOUCH", "k")
    assert node.execute("OBJECT", "IDLETIME", "k") == 0
    node.step(5)
    node.execute("CLIENT", "NO-TOUCH", "OFF")
    node.execute("GET", "k")
    assert node.execute("OBJECT", "IDLETIME", "k") == 0


KEPT_UNUSED = [
    "SET d w", "SET d w KEEPTTL", "SET d w GET", "SET short w", "SET short w KEEPTTL", "SETEX d 100 w",
    "GETSET d w", "MSET d w", "APPEND d w", "INCR n", "BITOP NOT d s", "SET l w", "LPUSH l x",
    "SINTERSTORE d set set", "ZUNIONSTORE d 1 z", "SORT l ALPHA STORE d", "GET d", "COPY s new",
]  # fmt: skip
BROUGHT_ANEW = [
    "RENAME s d",
    "COPY s d REPLACE",
    "RESTORE d 0 PAYLOAD REPLACE",
    "RESTORE-ASKING d 0 PAYLOAD REPLACE",
]


@pytest.mark.parametrize("words", KEPT_UNUSED + BROUGHT_ANEW)
def test_what_takes_the_place_of_a_value_under_no_touch_takes_over_its_use(node, words):
    """As in Valkey 9.1; 7.2's `dbSetValue` and `dbAdd` say so, too."""
    for setup in (
        "SET d v",
        "SET s v",
        "SET n 1",
        "SET short v EX 1000",
        "RPUSH l a",
        "SADD set a",
        "ZADD z 1 a",
    ):
        node.execute(*setup.split())
    payload = node.execute("DUMP", "s")
    node.step(10)
    node.execute("CLIENT", "NO-TOUCH", "ON")
    node.execute(*(payload if word == "PAYLOAD" else word for word in words.split()))
    keys = [key for key in ("d", "s", "n", "short", "l", "set", "z") if node.execute("EXISTS", key)]
    used = {key for key in keys if node.execute("OBJECT", "IDLETIME", key) < 10}
    assert used == ({"d"} if words in BROUGHT_ANEW else set())
