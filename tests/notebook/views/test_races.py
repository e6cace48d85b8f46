"""The pictures of races: what the slider does, and what a queue shows."""

from __future__ import annotations

from minidis import Embedded
from minidis.course.models.interleaving import explore
from minidis.notebook import views
from tests.notebook.views.samples import a_program_that_dies, race


def test_the_slider_walks_over_all_schedules_and_the_button_over_outcomes() -> None:
    view = views.interleaving(race(), "withdraw", good=[b"40"])
    assert "withdraw: 4 of 6 schedules go wrong" in str(view)
    seen = [view.do("schedule", number).take()["outcome"]["name"] for number in range(6)]
    assert (seen.count("40"), seen.count("70")) == (2, 4)
    assert view.do("schedule", 99).take()["number"] == 5
    assert view.do("outcome").take()["only"] == "40" and view.take()["count"] == 2
    lossy = view.do("outcome").take()
    assert lossy["only"] == "70" and not lossy["outcome"]["good"]
    assert [step["command"] for step in lossy["steps"]][:2] == ["GET balance", "GET balance"]
    assert view.do("outcome").take()["only"] is None


def test_a_slider_for_many_schedules_draws_no_strip() -> None:
    def count(redis: object) -> None:
        for _ in range(6):
            redis.set("visits", 18)  # type: ignore[attr-defined]

    found = explore(dict.fromkeys("abc", count), [], lambda redis, _: int(redis.get("visits")))
    view = views.interleaving(found, good=[18])
    data = view.do("schedule", 17_000_000).take()
    assert found.schedules == 17_153_136 and data["strip"] == [] and len(data["steps"]) == 18
    assert view.svg().count("SET visits 18") >= 18


def test_a_queue_and_its_verdicts() -> None:
    node = Embedded(clock=0)
    ann, bob = node.connect("ann"), node.connect("bob")
    assert "0 clients" in str(views.transactions(node))
    node.execute("WATCH", "k", client=ann)
    assert "as they were" in str(views.transactions(node))
    node.execute("MULTI", client=ann)
    node.execute("INCR", "n", client=ann)
    (client,) = views.transactions(node).take()["clients"]
    assert client["queue"] == ["INCR n"] and client["verdict"] == "EXEC will run 1 command"
    node.execute("SET", "k", 1, client=bob)
    assert "EXEC will answer nil" in str(views.transactions(node))
    node.execute("MULTI", client=bob)
    try:
        node.execute("SET", "k", client=bob)
    except Exception as error:
        assert "wrong number" in str(error)
    assert views.transactions(node).take()["clients"][1]["verdict"].startswith("EXEC will answer EXECABORT")


def test_crash_points_by_line_and_the_history_of_one() -> None:
    found = a_program_that_dies()
    view = views.crash_points("two", {"now": found, "later": found}, good=["both"], bad=["HALF"])
    text = str(view)
    assert "two: 2 lines; now: 1 neither, 1 HALF; later: 1 neither, 1 HALF" in text
    assert "? neither" in text and "✗ HALF" in text and "✓ both" in text and "keys" not in text
    told = str(view.do("choose", "1 0"))
    assert "HALF: now; line" in told and told.endswith("\n  1 keys") and "1 keys" in view.svg()
    assert "both: later; no crash\n  2 keys" in str(view.do("choose", "99 99"))
    assert "HALF: now" in str(views.crash_points("two", {"now": found}, tell="second"))
    try:
        views.crash_points("two", {"now": found}, tell="third")
    except ValueError as error:
        assert "'third'" in str(error)
    else:
        raise AssertionError("a line that was never reached was told of")
