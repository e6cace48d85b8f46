"""A tick in place of the loop's own: it sees what the loop sees, and its turns are the loop's events."""

from __future__ import annotations

from minidis import Embedded
from minidis.drivers.event_loop import WRITE_BYTES, EventLoop

SCRIPT = {
    "ada": b"SET a 1\r\nGET a\r\n",
    "bob": b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nPI",
    "eve": b"*1\r\n!",
}


def tick(clients):
    for client in clients:
        if client.readable:
            client.read()
        while client.run_one():
            pass
    for client in clients:
        if client.output:
            count = client.write(client.output[:WRITE_BYTES])
            del client.output[:count]


def played(loop):
    connections = {name: loop.connect(name) for name in SCRIPT}
    for name, data in SCRIPT.items():
        connections[name].send(data)
    events = [str(event) for event in loop.run()]
    return events, {name: connection.received() for name, connection in connections.items()}


def test_a_tick_does_what_the_loop_does_event_for_event():
    ours = played(EventLoop(Embedded(clock=0, seed=1)))
    theirs = played(EventLoop(Embedded(clock=0, seed=1), tick=tick))
    assert theirs == ours
    assert len(ours[0]) == 9


def test_a_command_behind_a_blocked_one_runs_when_the_client_is_woken():
    loop = EventLoop(Embedded(clock=0, seed=1), tick=tick)
    ada, bob = loop.connect("ada"), loop.connect("bob")
    ada.send(b"BLPOP q 0\r\nPING\r\n")
    loop.run()
    assert ada.received() == b""
    bob.send(b"RPUSH q x\r\n")
    loop.run()
    assert ada.received() == b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n+PONG\r\n"


def test_a_held_client_gets_the_rest_later_and_in_order():
    loop = EventLoop(Embedded(clock=0, seed=1), tick=tick)
    ada = loop.connect("ada")
    ada.hold(room=3)
    ada.send(b"ECHO abcdef\r\n")
    loop.run()
    assert ada.received() == b"$6\r"
    ada.release()
    loop.run()
    assert ada.received() == b"\nabcdef\r\n"
