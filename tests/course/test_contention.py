"""The record of a lock: what it says of belief and truth is what happened."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from minidis import Lab
from minidis.course.models.contention import Contention, lock_id_of
from minidis.notebook import views


def make(job: Callable, *nodes: str, ttl_ms: int = 2000) -> tuple[Lab, Contention]:
    """A lab in which ann, and half a second later bob, do `job(acquire, release)`."""
    lab = Lab(seed=1)
    lab.nodes(*nodes)
    clients = [lab.own_client(name, socket_timeout=0.1) for name in nodes]
    watch = Contention(lab, "lock", *nodes)

    @watch.acquires
    def acquire(name: str) -> str | None:
        got = sum(bool(client.set("lock", name, nx=True, px=ttl_ms)) for client in clients)
        return name if got > len(nodes) // 2 else None

    @watch.releases
    def release(name: str) -> int:
        return sum(client.delete("lock") for client in clients if client.get("lock") == name.encode())

    for number, name in enumerate(("ann", "bob")):
        lab.machine(name).spawn(lambda name=name: job(name, acquire, release), after=number / 2)
    return lab, watch


def patient(name: str, acquire: Callable, release: Callable) -> None:
    while not acquire(name):
        time.sleep(0.1)
    time.sleep(1)
    release(name)


def test_a_lock_that_works_has_no_overlap_and_its_waits_are_counted() -> None:
    lab, watch = make(patient, "a")
    lab.run("5s")
    assert watch.overlaps() == []
    assert [belief.who for belief in watch.beliefs] == ["ann", "bob"]
    assert [belief.released for belief in watch.beliefs] == [1, 1]
    metrics = watch.metrics()
    assert metrics["work without the lock, s"] == metrics["double entry, s"] == 0
    assert metrics["longest wait, s"] == pytest.approx(0.5, abs=0.12)
    assert metrics["tries that failed"] == pytest.approx(5, abs=1)
    ((start_us, end_us, tries, got),) = watch.waits("bob")
    assert got and tries == metrics["tries that failed"] + 1 and end_us > start_us


def test_a_pause_makes_two_insiders_and_one_of_them_without_the_lock() -> None:
    lab, watch = make(patient, "a")
    lab.run("0.3s")
    lab.pause("ann")
    lab.run("2.2s")
    lab.resume("ann")
    lab.run("3s")
    (overlap,) = watch.overlaps()
    assert set(overlap.who) == {"ann", "bob"}
    assert (overlap.end_us - overlap.start_us) / 1e6 == pytest.approx(0.45, abs=0.15)
    assert [agreed for *_, agreed in watch.backed(watch.beliefs[0])] == [True, False]
    assert [agreed for *_, agreed in watch.backed(watch.beliefs[1])] == [True]
    assert watch.beliefs[0].released == 0
    text = str(views.contention(watch, time=2.3))
    assert "DOUBLE ENTRY of ann and bob" in text and "release answers 0" in text
    assert "a names bob; ann and bob inside" in text


def test_of_several_nodes_the_majority_counts() -> None:
    lab, watch = make(patient, "a", "b", "c")
    lab.run("0.2s")
    lab.kill("a")
    lab.run("0.1s")
    assert list(watch.holders_at(lab.now_us).values()) == [None, "ann", "ann"]
    lab.kill("b")
    lab.run("0.4s")
    (*_, last) = watch.backed(watch.beliefs[0])
    assert not last[2]  # one of three is no majority
    assert "majority (2) for nobody" in str(views.contention(watch, time=lab.now_s))


def test_a_stepped_clock_ends_a_hold_at_that_time() -> None:
    lab, watch = make(lambda name, acquire, release: name == "ann" and acquire(name), "a", ttl_ms=60_000)
    lab.run("1s")
    lab.clock_step("a", "61s")
    lab.run("1s")
    (hold,) = watch.truth["a"]
    assert (hold.end_us - lab.started_us) / 1e6 == pytest.approx(1.0, abs=0.01)


def test_a_killed_worker_believes_nothing() -> None:
    lab, watch = make(patient, "a")
    lab.run("0.2s")
    lab.kill("ann")
    lab.run("4s")
    assert watch.overlaps() == [] and watch.end_of(watch.beliefs[0]) == lab.started_us + 200_000
    assert [belief.who for belief in watch.beliefs] == ["ann", "bob"]


def test_ids_in_every_form_of_answer() -> None:
    event = object()
    for answer in ("id", b"id", ("id", True), (("id", event), True), ("id", 900.0), ["id", 1]):
        assert lock_id_of(answer) == "id"
    for answer in (None, False, "", (None, False), ("id", False), ((None, None), False), 0):
        assert lock_id_of(answer) is None
    with pytest.raises(ValueError, match="name the nodes"):
        Contention(Lab(), "lock")
