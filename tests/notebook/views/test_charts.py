"""Charts: what stands in the still picture stands in the live one."""

from __future__ import annotations

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
