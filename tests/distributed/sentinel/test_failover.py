"""Sentinels in the lab: discovery, detection, votes, failover, and what comes after it."""

from __future__ import annotations

import pytest

from minidis.drivers.simulation.lab import Lab
from minidis.engine import starting
from minidis.engine.settings.config_file import ConfigFileError
from minidis.protocol.replies import ReplyError

NAME = "mymaster"


def make_lab(seed: int = 1, replicas: str = "bc", sentinels: int = 3, **options: object) -> Lab:
    """A primary a, its replicas, and Sentinels s1, s2 ... that have met."""
    lab = Lab(seed)
    lab.node("a", {"repl-diskless-sync-delay": 0})
    for name in replicas:
        lab.node(name, {"replicaof": "a 6379", "repl-diskless-sync-delay": 0})
    settings = {"down_after_ms": 1000, "failover_timeout_ms": 10_000, **options}
    lab.sentinels(*(f"s{number + 1}" for number in range(sentinels)), watch={NAME: "a"}, **settings)
    lab.run("15s")
    return lab


def ip(lab: Lab, name: str) -> str:
    return lab.processes[name].host.ip


def primary_of(lab: Lab, sentinel: str) -> str:
    """The node that a Sentinel says is the primary."""
    host, _ = lab.call(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
    return lab.wires.find_host(host.decode()).name


def events(lab: Lab, channel: str, where: str = "") -> list[str]:
    """The texts of an event, in order."""
    return [
        note.text.partition(" ")[2]
        for note in lab.record.notes
        if note.text.split()[0] == channel and where in ("", note.where)
    ]


def fields(lab: Lab, sentinel: str, *words: str) -> dict[str, str]:
    """A reply of pairs."""
    flat = [word.decode() for word in lab.call(sentinel, "SENTINEL", *words)]
    return dict(zip(flat[::2], flat[1::2], strict=True))


def test_sentinels_find_replicas_and_each_other() -> None:
    lab = make_lab()
    for name in ("s1", "s2", "s3"):
        state = fields(lab, name, "MASTER", NAME)
        assert (state["flags"], state["num-slaves"], state["num-other-sentinels"]) == ("master", "2", "2")
        ids = {lab.call(one, "SENTINEL", "MYID") for one in ("s1", "s2", "s3") if one != name}
        assert {other[1] for other in lab.call(name, "SENTINEL", "SENTINELS", NAME)} == ids
    assert lab.call("s1", "SENTINEL", "CKQUORUM", NAME).startswith("OK 3 usable")


def test_a_replica_takes_the_place_of_a_primary_that_is_gone() -> None:
    lab = make_lab()
    lab.kill("a")
    lab.run("10s")
    assert {primary_of(lab, name) for name in ("s1", "s2", "s3")} <= {"b", "c"}
    new = primary_of(lab, "s1")
    other = "c" if new == "b" else "b"
    assert lab.call(new, "ROLE")[0] == b"master"
    assert lab.call(other, "ROLE")[:2] == [b"slave", ip(lab, new).encode()]
    assert len(events(lab, "+elected-leader")) == 1 and len(events(lab, "+switch-master")) == 3
    lab.restart("a")
    lab.run("25s")
    assert lab.call("a", "ROLE")[:2] == [b"slave", ip(lab, new).encode()]
    assert events(lab, "+convert-to-slave")


def test_the_same_seed_gives_the_same_failover() -> None:
    texts = []
    for _ in range(2):
        lab = make_lab(seed=7)
        lab.kill("a")
        lab.run("10s")
        texts.append(lab.transcript())
    assert texts[0] == texts[1] and "+switch-master" in texts[0]


def test_a_minority_fails_over_nothing() -> None:
    """A quorum of one is enough for ODOWN, but one Sentinel of three is no majority."""
    lab = make_lab(quorum=1)
    lab.partition("s1 b", "a c s2 s3")
    lab.run("60s")
    assert events(lab, "+odown", "s1") and not events(lab, "+elected-leader")
    assert events(lab, "-failover-abort-not-elected", "s1")
    assert lab.call("b", "ROLE")[0] == b"slave"


def test_a_primary_behind_a_wall_is_replaced_and_demoted() -> None:
    lab = make_lab()
    lab.partition("a", "b c s1 s2 s3")
    lab.run("15s")
    new = primary_of(lab, "s1")
    assert new != "a" and lab.call("a", "ROLE")[0] == b"master"
    lab.heal()
    lab.run("60s")
    assert lab.call("a", "ROLE")[:2] == [b"slave", ip(lab, new).encode()]


def test_which_replica_is_promoted() -> None:
    lab = Lab(3)
    lab.node("a")
    for name, priority in (("b", 100), ("c", 10), ("d", 0)):
        lab.node(name, {"replicaof": "a 6379", "replica-priority": priority})
    lab.sentinel("s1", {NAME: "a"}, quorum=1, down_after_ms=1000)
    lab.run("15s")
    lab.kill("a")
    lab.run("10s")
    assert primary_of(lab, "s1") == "c"


def test_the_replica_that_is_further_is_promoted() -> None:
    lab = make_lab(replicas="bc")
    lab.cut("a", "b")
    lab.call("a", "SET", "k", "v")
    lab.run("100ms")
    lab.kill("a")
    lab.run("10s")
    assert primary_of(lab, "s2") == "c" and lab.call("c", "GET", "k") == b"v"


def test_no_good_replica() -> None:
    lab = make_lab(replicas="")
    lab.kill("a")
    lab.run("5s")
    assert events(lab, "-failover-abort-no-good-slave")
    with pytest.raises(ReplyError, match="NOGOODSLAVE No suitable replica to promote"):
        lab.call("s1", "SENTINEL", "FAILOVER", NAME)


def test_replicas_follow_one_at_a_time() -> None:
    lab = make_lab(replicas="bcde", parallel_syncs=1)
    lab.kill("a")
    lab.run("20s")
    under_way, most = 0, 0
    for note in lab.record.notes:
        under_way += note.text.startswith("+slave-reconf-sent ") - note.text.startswith("+slave-reconf-done ")
        most = max(most, under_way)
    assert most == 1 and len(events(lab, "+slave-reconf-done")) == 3


def test_a_failover_on_demand_needs_no_votes() -> None:
    lab = make_lab()
    assert lab.call("s2", "SENTINEL", "FAILOVER", NAME) == "OK"
    with pytest.raises(ReplyError, match="INPROG Failover already in progress"):
        lab.call("s2", "SENTINEL", "FAILOVER", NAME)
    lab.run("20s")
    assert primary_of(lab, "s1") in "bc" and not events(lab, "+sdown")
    assert lab.call("a", "ROLE")[:2] == [b"slave", ip(lab, primary_of(lab, "s1")).encode()]


def test_a_vote_survives_a_power_cut() -> None:
    """It is on disk before it is told: asked again in the same epoch, the Sentinel does not vote anew."""
    lab = make_lab()
    ask = ("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", ip(lab, "a"), 6379, 5)
    assert lab.call("s1", *ask, "x" * 40) == [0, b"x" * 40, 5]
    assert lab.call("s1", *ask, "y" * 40) == [0, b"x" * 40, 5]
    my_id = lab.call("s1", "SENTINEL", "MYID")
    lab.power_cut("s1")
    lab.restart("s1")
    assert lab.call("s1", *ask, "y" * 40) == [0, b"*", 5]
    assert lab.call("s1", "SENTINEL", "MYID") == my_id
    state = fields(lab, "s1", "MASTER", NAME)
    assert (state["num-slaves"], state["num-other-sentinels"]) == ("2", "2")


@pytest.mark.parametrize("by", ["-5s", "5s"])
def test_a_clock_that_jumps_means_tilt(by: str) -> None:
    lab = make_lab()
    lab.clock_step("s1", by)
    lab.run("1s")
    assert b"sentinel_tilt:1" in lab.call("s1", "INFO", "sentinel")
    lab.kill("a")
    lab.run("10s")
    assert not events(lab, "+sdown", "s1") and events(lab, "+switch-master", "s1")
    lab.run("40s")
    assert b"sentinel_tilt:0" in lab.call("s1", "INFO", "sentinel")


def test_a_frozen_sentinel_wakes_in_tilt_and_adopts_what_the_others_did() -> None:
    lab = make_lab()
    lab.pause("s1")
    lab.kill("a")
    lab.run("30s")
    assert primary_of(lab, "s2") in "bc"
    lab.resume("s1")
    lab.run("10s")
    assert events(lab, "+tilt", "s1") and primary_of(lab, "s1") == primary_of(lab, "s2")
    assert not events(lab, "+sdown", "s1")


def test_a_busy_script_is_killed_when_it_looks_like_death() -> None:
    """A primary that answers BUSY is not down for lack of answers, but for lack of valid ones."""
    lab = make_lab()
    sentinel = lab["s1"].sentinel
    primary = sentinel.primaries[NAME]
    busy = ReplyError(
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    )
    from minidis.distributed.sentinel import discovery

    start = len(lab.record.entries)
    for _ in range(2):  # the first time it is not down yet
        discovery._take_pong(sentinel, primary, busy)
        assert primary.sent_script_kill == primary.is_s_down
        primary.is_s_down = True
    lab.processes["s1"].finish_turn()
    lab.run("5ms")
    assert lab.transcript(start, ["s1", "a"]).count("SCRIPT KILL") == 1


def test_passwords() -> None:
    lab = Lab(5)
    lab.node("a", {"requirepass": "secret", "masterauth": "secret"})
    lab.node("b", {"requirepass": "secret", "masterauth": "secret", "replicaof": "a 6379"})
    options = {"auth_pass": "secret", "down_after_ms": 1000, "lines": ["requirepass among-us"]}
    lab.sentinels("s1", "s2", "s3", watch={NAME: "a"}, **options)
    lab.run("20s")
    prompt = lab.connect("s1", "operator")
    with pytest.raises(ReplyError, match="NOAUTH"):
        prompt.call("SENTINEL", "MASTERS")
    assert prompt.call("AUTH", "among-us") == "OK"
    assert prompt.call("SENTINEL", "CKQUORUM", NAME).startswith("OK 3")
    lab.kill("a")
    lab.run("10s")
    assert prompt.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[0].decode() == ip(lab, "b")


def test_who_may_not_subscribe_is_disconnected() -> None:
    """Without the password a node answers, but it tells a Sentinel nothing: no link that one can use."""
    lab = Lab(5)
    lab.node("a", {"requirepass": "secret"})
    lab.sentinel("s1", watch={NAME: "a"})
    lab.run("3s")
    assert fields(lab, "s1", "MASTER", NAME)["flags"] == "master,disconnected"
    lab.call("s1", "SENTINEL", "SET", NAME, "auth-pass", "secret")
    lab.run("3s")
    assert fields(lab, "s1", "MASTER", NAME)["flags"] == "master"


def test_a_user_and_a_password_among_sentinels() -> None:
    """sentinel-user and sentinel-pass: the default user may do nothing, and they still meet and vote."""
    lab = make_lab(sentinels=2)
    prompts = [lab.connect(name, f"operator-{name}") for name in ("s1", "s2")]
    for prompt in prompts:
        prompt.call("ACL", "SETUSER", "friend", "on", ">word", "~*", "&*", "+@all")
        prompt.call("SENTINEL", "CONFIG", "SET", "sentinel-user", "friend", "sentinel-pass", "word")
        prompt.call("AUTH", "friend", "word")
        prompt.call("ACL", "SETUSER", "default", "off")
        prompt.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    lab.run("10s")
    with pytest.raises(ReplyError, match="NOAUTH"):
        lab.connect("s1", "stranger").call("SENTINEL", "MASTERS")
    assert [prompt.call("SENTINEL", "CKQUORUM", NAME)[:12] for prompt in prompts] == ["OK 2 usable "] * 2
    lab.kill("a")
    lab.run("10s")
    hosts = {prompt.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[0].decode() for prompt in prompts}
    assert len(hosts) == 1 and hosts < {ip(lab, "b"), ip(lab, "c")}


@pytest.mark.parametrize("announces", [True, False])
def test_hosts_by_their_names(announces: bool) -> None:
    """resolve-hostnames: nodes say names; announce-hostnames: Sentinels say names too, to all who ask."""
    lab = Lab(1)
    for name in "abc":
        follows = {} if name == "a" else {"replicaof": "a 6379"}
        lab.node(name, {"replica-announce-ip": name, "repl-diskless-sync-delay": 0, **follows})
    lines = ["sentinel resolve-hostnames yes", f"sentinel monitor {NAME} a 6379 2"]
    lines += ["sentinel announce-hostnames yes"] * announces
    lines += [f"sentinel down-after-milliseconds {NAME} 1000"]
    lab.sentinels("s1", "s2", "s3", watch={}, lines=lines)
    lab.run("15s")

    def said(name: str) -> bytes:
        return (name if announces else ip(lab, name)).encode()

    assert lab.call("s1", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME) == [said("a"), b"6379"]
    assert {one[3] for one in lab.call("s1", "SENTINEL", "REPLICAS", NAME)} == {said("b"), said("c")}
    lab.kill("a")
    lab.run("20s")
    new = primary_of(lab, "s1")
    other = "c" if new == "b" else "b"
    assert new in "bc" and primary_of(lab, "s2") == primary_of(lab, "s3") == new
    assert lab[other].replication.primary_address == (said(new).decode(), 6379)
    lab.restart("s1")
    assert lab.call("s1", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME) == [said(new), b"6379"]


def test_simulated_crash() -> None:
    lab = make_lab()
    for name in ("s1", "s2", "s3"):
        lab.call(name, "SENTINEL", "SIMULATE-FAILURE", "CRASH-AFTER-ELECTION")
    lab.kill("a")
    lab.run("3s")
    down = [name for name in ("s1", "s2", "s3") if not lab.processes[name].running]
    assert len(down) == 1 and events(lab, "+elected-leader", down[0])
    others = [name for name in ("s1", "s2", "s3") if name not in down]
    for name in others:
        lab.call(name, "SENTINEL", "SIMULATE-FAILURE", "HELP")
    lab.run("40s")  # after twice the failover-timeout one of the others tries
    assert primary_of(lab, others[0]) == primary_of(lab, others[1]) != "a"


def test_a_wrong_line_says_what_and_where() -> None:
    lab = Lab(1)
    lab.node("a")
    with pytest.raises(ConfigFileError, match="at line 2\n.*parallel-syncs nobody 1'\nNo such master"):
        lab.sentinel("s1", {NAME: "a"}, lines=["sentinel parallel-syncs nobody 1"])
    with pytest.raises(ValueError, match="not an option of a Sentinel"):
        lab.sentinel("s2", {NAME: "a"}, down_after=1)


def test_a_sentinel_has_no_dataset_to_save_as_it_ends() -> None:
    lab = make_lab(sentinels=1)
    node = lab.processes["s1"].node
    node.config.save = ((3600, 1),)
    assert starting.prepare_to_stop(node)
    starting.bring_to_disk(node)
    assert "dump.rdb" not in lab.disks["s1"].list(".")
