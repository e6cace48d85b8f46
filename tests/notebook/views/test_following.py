"""A view follows the node while a browser shows it, draws once per turn, and costs nothing otherwise."""

from __future__ import annotations

import asyncio
import threading

import pytest

from minidis import Embedded
from minidis.notebook import views


@pytest.fixture
def node():
    return Embedded(clock=0, seed=1)


def say(view, name, value=None):
    """What the browser's half sends."""
    view._receive({"id": name, "value": value})


def test_nobody_looks_nobody_pays(node):
    view = views.list("l", node)
    assert view.widget is not None and not node.node.observed
    say(view, "open")
    say(view, "open")  # a second output shows the same view
    assert node.node.observed
    say(view, "close")
    assert node.node.observed
    say(view, "close")
    assert not node.node.observed and node.node.key_listeners == []
    say(view, "open")
    view.close()
    assert not node.node.observed


def test_a_view_draws_once_per_turn_of_the_event_loop(node):
    async def scenario():
        view = views.list("l", node)
        say_open_svg = view.widget.svg
        say(view, "open")
        drawings = []
        view.widget.observe(lambda change: drawings.append(change["new"]), "svg")
        for n in range(50):
            node.execute("RPUSH", "l", n)
        assert drawings == []  # not while the cell runs
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(drawings) == 1 and drawings[0] != say_open_svg and drawings[0] == view.svg()
        worker = threading.Thread(target=node.execute, args=("RPUSH", "l", "from a thread"))
        worker.start()
        worker.join()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(drawings) == 2
        view.close()

    asyncio.run(scenario())


def test_refresh_all_catches_what_no_event_tells(node):
    node.execute("SADD", "s", *[f"m{n}" for n in range(129)])
    view = views.set("s", node)
    say(view, "open")
    before = view.widget.svg
    node.node.databases[0].table[b"s"].form.table.expand(1000)
    views.refresh_all()
    assert view.widget.svg != before
    view.close()
    views.refresh_all()


def test_an_unchanged_value_is_not_drawn_again(node, monkeypatch):
    view = views.list("l", node)
    say(view, "open")
    monkeypatch.setattr(type(view), "draw", lambda self, data: pytest.fail("drawn without need"))
    view.refresh()
    views.refresh_all()
    view.close()


def test_the_browser_presses_a_button(node):
    node.execute("SADD", "n", 1, 2)
    view = views.set("n", node)
    say(view, "open")
    say(view, "add", "70000")
    assert view.take()["after"]["width"] == 4
    assert {control["id"] for control in view.widget.controls} == {"add", "search"}
    say(view, "add", "no number")
    assert view.widget.message.startswith("ValueError")
    say(view, "add", "")
    assert view.widget.message == "" and view.take()["after"] is None
    view.close()


@pytest.mark.parametrize(
    "message", [None, 7, {}, {"id": None}, {"id": 5}, {"id": "no such"}, {"id": "__class__"}]
)
def test_a_strange_message_does_no_harm(node, message):
    view = views.list("l", node)
    before = view.svg()
    view._receive(message)
    assert view.svg() == before
    view.close()


def test_an_unknown_action_is_an_error_in_python(node):
    node.execute("RPUSH", "l", 1)
    with pytest.raises(ValueError, match="no action 'fly', only select"):
        views.list("l", node).do("fly")
    with pytest.raises(ValueError, match="no action"):
        views.ttl_board(node=node).do("fly")


def test_skip_list_is_rerolled_in_place(node):
    node.node.encodings.zset_max_listpack_entries = 1
    node.execute("ZADD", "z", *[word for n in range(50) for word in (n, f"m{n}")])
    view = views.zset("z", node).do("p", 0)
    assert view.take()["level"] == 1
    view.do("p", 0.5).do("reroll").do("search", "20 m20")
    data = view.take()
    assert data["level"] > 1 and data["rank"] == 20 == node.execute("ZRANK", "z", "m20")
    node.node.check()
