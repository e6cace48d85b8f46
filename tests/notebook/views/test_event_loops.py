"""The lanes of an event loop, and grids of verdicts: pictures, words, and what the buttons do."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from minidis import Embedded
from minidis.drivers.event_loop import EventLoop
from minidis.notebook import views


@pytest.fixture
def loop():
    loop = EventLoop(Embedded(clock=0, seed=1))
    loop.connect("ada").send(b"SET k 1\r\nGET k\r\n")
    loop.connect("<bob>").send(b"PING\r\n")
    return loop


def test_steps_turns_and_runs(loop):
    view = views.event_loop(loop)
    assert "8 bytes" not in str(view) and "16 bytes arrived" in str(view)
    view.do("step")
    assert view.message == "read ada 16 bytes"
    view.do("turn")
    assert [event.kind for event in loop.log].count("write") == 2
    view.do("send", "ada SET k 'a b'").do("run")
    assert loop.node.execute("GET", "k") == b"a b"
    assert view.do("run").message.startswith("nothing to do")
    assert str(view).count("execute") == 4


def test_a_held_client_is_owed_its_bytes(loop):
    view = views.event_loop(loop).do("hold", "ada").do("run")
    assert "reads nothing" in str(view) and "12 bytes" in str(view)
    assert view.do("hold", "ada").do("run").take()["clients"][0]["owed"] == 0


def test_a_client_that_is_unknown_or_a_command_that_is_missing(loop):
    for action, value in (("hold", "eve"), ("send", "eve PING"), ("send", "ada")):
        with pytest.raises(ValueError):
            views.event_loop(loop).do(action, value)


def test_the_pictures_are_sound_and_escaped(loop):
    loop.run()
    for view in (
        views.event_loop(loop),
        views.event_loop(EventLoop(Embedded(clock=0))),
        views.grid("a <b>", {"trial": {"redis": (True, "<i>"), "other": (False, "x" * 200)}}),
    ):
        ElementTree.fromstring(view.svg())
        assert "<bob>" not in view.svg() and "<i>" not in view.svg()
        assert set(view._repr_mimebundle_()) >= {"text/plain", "text/html"}


def test_a_client_without_a_name():
    loop = EventLoop(Embedded(clock=0))
    loop.connect("").send(b"PING\r\n")
    view = views.event_loop(loop).do("hold", "redis").do("run")
    assert "reads nothing" in str(view)
    assert view.svg().count("PING") > 1


def test_a_long_log_shows_its_end(loop):
    for _ in range(30):
        loop.connections[0].send(b"PING\r\n")
        loop.run()
    view = views.event_loop(loop)
    assert len(view.take()["events"]) == 26
    assert "earlier events" in str(view)


def test_a_grid_says_the_same_in_words():
    text = str(views.grid("who can", {"count": {"redis": (True, "6"), "other": (False, "no counter")}}))
    assert "✓ can: 6" in text and "✗ cannot: no counter" in text


def test_a_ribbon_draws_the_bytes_that_stand_where_a_line_end_is_due():
    svg = views.resp(b"*1\r\n$4\r\nPINGx\r*1\r\n", request=True).svg()
    assert svg.count(">78<") == 1  # the x, in hex
