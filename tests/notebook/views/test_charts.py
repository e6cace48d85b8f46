"""Charts: what stands in the still picture stands in the live one."""

from __future__ import annotations

import re
from itertools import pairwise

from minidis.notebook.views import charts


def test_notes_are_in_all_three_forms_and_never_lie_on_each_other():
    notes = [(10, "EXPIRE session 30"), (12, "SET session bob KEEPTTL"), (40, "SET session eve")]
    chart = charts.line({"TTL": [(0, 30), (60, 0)]}, title="TTL", x="s", y="left", notes=notes)
    annotations = chart.plotly()["layout"]["annotations"]
    assert [(a["x"], a["text"]) for a in annotations] == notes
    assert [a["yshift"] for a in annotations] == [0, -14, 0]
    for at, note in notes:
        assert note in chart.svg()
        assert f"at {at}: {note}" in str(chart)


def test_a_note_on_a_logarithmic_axis_stands_at_its_number():
    chart = charts.line(
        {"a": [(1, 1), (1000, 2)]}, title="a", x="n", y="b", log_x=True, notes=[(100, "here")]
    )
    layout = chart.plotly()["layout"]
    assert (layout["annotations"][0]["x"], layout["shapes"][0]["x0"]) == (2, 100)


def test_the_names_of_lines_stand_in_the_order_of_their_ends():
    ends = {"low": 1, "first": 99.4, "third": 98.6, "second": 99, "high": 120, "empty": None}
    series = {name: [] if end is None else [(0, 0), (10, end)] for name, end in ends.items()}
    svg = charts.line(series, title="t", x="s", y="n").svg()
    places = {
        name: float(y) for y, name in re.findall(r'y="([\d.]+)"[^>]*>(\w+)</text>', svg) if name in ends
    }
    assert sorted(places, key=places.__getitem__) == ["high", "first", "second", "third", "low"]
    assert all(below - above >= 14 for above, below in pairwise(sorted(places.values())))
