"""Blocking Python on machines of the lab: virtual time, threads, faults."""

from __future__ import annotations

import queue
import random
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

import minidis
from minidis.course.guard import TooManyInstructions, instruction_budget


def make(seed: int = 1) -> tuple[minidis.Lab, object]:
    lab = minidis.Lab(seed=seed)
    lab.node("a")
    return lab, lab.own_client("a")


def test_two_machines_work_at_the_same_virtual_time() -> None:
    lab, r = make()
    said: list[tuple[str, float]] = []

    def worker() -> None:
        for _ in range(3):
            r.rpush("work", "x")
            time.sleep(2)
        said.append((threading.current_thread().name, time.monotonic()))

    tasks = [lab.machine(name).spawn(worker) for name in ("ann", "bob")]
    lab.run("10s")
    assert all(task.finished for task in tasks)
    assert [round(at, 1) for _, at in said] == [6.0, 6.0]
    assert lab.call("a", "LLEN", "work") == 6
    assert len(lab["a"].clients) >= 2  # each machine has its own connection


def test_a_history_depends_on_the_seed_alone() -> None:
    def history(seed: int) -> tuple:
        lab, r = make(seed)
        seen = []

        def worker() -> None:
            time.sleep(random.uniform(0, 1))
            seen.append((uuid.uuid4(), r.incr("n"), time.time()))

        for name in ("ann", "bob", "cid"):
            lab.machine(name).spawn(worker)
        lab.run("3s")
        return tuple(seen)

    assert len(history(1)) == 3
    assert history(1) == history(1) != history(2)


def test_a_paused_machine_misses_its_turns_and_comes_back_late() -> None:
    lab, r = make()
    woke: list[float] = []

    def worker() -> None:
        time.sleep(1)
        woke.append(time.monotonic())
        r.set("k", "late")

    lab.machine("ann").spawn(worker)
    lab.run("0.5s")
    lab.pause("ann")
    lab.run("20s")
    assert not woke
    lab.resume("ann")
    lab.run("1s")
    assert woke == [pytest.approx(20.5)]
    assert lab.call("a", "GET", "k") == b"late"


def test_a_killed_machine_sends_nothing_any_more() -> None:
    lab, r = make()

    def worker() -> None:
        try:
            r.set("lock", "ann")
            time.sleep(5)
        finally:
            r.delete("lock")

    task = lab.machine("ann").spawn(worker)
    lab.run("1s")
    lab.kill("ann")
    lab.run("10s")
    assert task.finished and lab.call("a", "GET", "lock") == b"ann"


def test_threads_events_and_joins_are_the_labs() -> None:
    lab, r = make()
    stop, beats = threading.Event(), []

    def heart() -> None:
        while not stop.wait(1):
            beats.append(time.monotonic())
            r.incr("beats")

    def worker() -> tuple:
        thread = threading.Thread(target=heart, daemon=True)
        thread.start()
        time.sleep(3.5)
        alive = thread.is_alive()
        stop.set()
        thread.join()
        return alive, thread.is_alive(), time.monotonic()

    task = lab.machine("ann").spawn(worker)
    lab.run("10s")
    assert task.result == (True, False, pytest.approx(3.5))
    assert len(beats) == 3 and lab.call("a", "GET", "beats") == b"3"


def test_executors_queues_and_locks_work_in_virtual_time() -> None:
    lab, r = make()

    def worker() -> tuple:
        lock, numbers = threading.Lock(), queue.Queue()

        def one(number: int) -> int:
            with lock:
                time.sleep(1)
            numbers.put(r.incrby("sum", number))
            return number * 10

        with ThreadPoolExecutor(max_workers=3) as pool:
            results = list(pool.map(one, (1, 2, 3)))
        return results, [numbers.get() for _ in range(3)], time.monotonic()

    task = lab.machine("ann").spawn(worker)
    lab.run("20s")
    assert task.error is None
    assert task.result == ([10, 20, 30], [1, 3, 6], pytest.approx(3, abs=0.1))


def test_a_reentrant_lock_is_released_by_its_holder_only() -> None:
    lab, _ = make()
    lock = []

    def holder() -> None:
        lock.append(threading.RLock())
        with lock[0]:
            time.sleep(5)

    def other() -> str:
        time.sleep(1)
        with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
            lock[0].release()
        return "refused" if not lock[0].acquire(blocking=False) else "taken"

    tasks = [lab.machine(name).spawn(work) for name, work in (("ann", holder), ("bob", other))]
    lab.run("10s")
    assert [(task.result, task.error) for task in tasks] == [(None, None), ("refused", None)]


def test_a_timeout_is_virtual_and_a_wall_is_one() -> None:
    lab, _ = make()
    r = lab.own_client("a", socket_timeout=2)

    def worker() -> tuple[str, float]:
        r.ping()
        time.sleep(1)
        start = time.monotonic()
        try:
            r.ping()
        except redis.TimeoutError as error:
            return type(error).__name__, time.monotonic() - start
        return "", 0

    task = lab.machine("ann").spawn(worker)
    lab.run("0.5s")
    lab.partition("ann", "a")
    lab.run("10s")
    assert task.result == ("TimeoutError", pytest.approx(2, abs=0.1))


def test_wall_clocks_may_be_stepped_and_monotonic_ones_not() -> None:
    lab, _ = make()

    def worker() -> tuple[float, float]:
        wall, steady = time.time(), time.monotonic()
        time.sleep(2)
        return time.time() - wall, time.monotonic() - steady

    task = lab.machine("ann").spawn(worker)
    lab.run("1s")
    lab.clock_step("ann", "-30s")
    lab.run("3s")
    assert task.result == (pytest.approx(-28), pytest.approx(2))


def test_an_error_ends_its_task_alone_and_stands_in_the_record() -> None:
    lab, r = make()
    task = lab.machine("ann").spawn(lambda: r.lpush("k", 1) and r.get("k"))
    other = lab.machine("bob").spawn(lambda: time.sleep(1) or "done")
    lab.run("2s")
    assert isinstance(task.error, redis.ResponseError) and other.result == "done"
    assert "ann ends with ResponseError: WRONGTYPE" in lab.transcript(between=())


def test_a_bound_on_instructions_holds_in_tasks() -> None:
    lab, _ = make()

    def endless() -> None:
        while True:
            pass

    with instruction_budget(10_000), pytest.raises(TooManyInstructions):
        lab.machine("ann").spawn(endless)
        lab.run("1s")


def task_threads() -> list[threading.Thread]:
    """Of a lab's tasks alone: other tests' threads end when they please."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("lab task")]


def test_ended_tasks_leave_no_thread() -> None:
    lab, _ = make()
    before = task_threads()

    def forever() -> None:
        while True:
            time.sleep(1)

    for number in range(5):
        lab.machine(f"m{number}").spawn(forever)
    lab.run("3s")
    started = [thread for thread in task_threads() if thread not in before]
    assert len(started) == 5
    lab.end_tasks()
    for thread in started:
        thread.join(10)
    assert [thread for thread in started if thread.is_alive()] == []
    assert time.time() > 1_700_000_000  # the real names stand again


def test_a_program_that_makes_its_own_connections_is_on_the_labs_network() -> None:
    lab, _ = make()

    def worker() -> str:
        with redis.Redis(host="a", socket_timeout=1, retry=None) as own:
            own.set("who", "worker")
            with pytest.raises(redis.TimeoutError):
                own.blpop("nothing", 30)
        return f"after {time.monotonic():.0f} s"

    task = lab.machine("web").spawn(worker)
    lab.run("5s")
    assert (task.error, task.result) == (None, "after 1 s")
    assert lab.call("a", "GET", "who") == b"worker"


def test_plain_sockets_of_a_task_are_the_labs() -> None:
    lab, _ = make()

    def talk() -> bytes:
        with socket.create_connection(("localhost", 6379), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            said = connection.recv(100)
            with pytest.raises(TimeoutError):
                connection.recv(100)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("a", 7000))
        return said

    task = lab.machine("a").spawn(talk)  # beside the server: "localhost" is this machine
    lab.run("5s")
    assert (task.error, task.result) == (None, b"+PONG\r\n")
