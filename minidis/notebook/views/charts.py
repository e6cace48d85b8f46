"""Charts: lines, bars, histograms and lanes, each as a plotly chart, a still SVG and a table of text.

    charts.line({"TTL": [(0, 30), (10, 20), (10, 30)]}, title="TTL", x="seconds", y="seconds left")
    charts.bars({"intset": 20, "hashtable": 380}, title="bytes", y="bytes")
    charts.histogram([0.1, -0.4, ...], title="error", x="percent", bell=(0, 0.81))
    charts.histograms({"everysec": [3, 1], "always": [0, 0]}, title="writes lost", x="writes")
    charts.lanes([("alice", 0, 2, "read"), ("bob", 2, 5, "execute")], title="event loop", x="ms")

A chart holds the numbers that it was given and follows nothing: it is what a run has measured.
The plotly form is plain JSON, which JupyterLab shows with plotly's own extension; nothing is imported for it.

Read next: experiments.py, which measures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from minidis.notebook.views.drawing import Canvas, as_image, table_text, text_width
from minidis.palette import EDGES

Point = tuple[float, float]

LEFT, RIGHT, PLOT_HEIGHT = 76.0, 640.0, 250.0
HISTOGRAM_TOP, HISTOGRAM_ROW = 44.0, 70.0
LABEL_HEIGHT = 14.0
SERIES = "abcdeg"
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "1 4")
_PLOTLY_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
NOTE_COLOUR = EDGES["hot"]
TABLE_ROWS = 24


class Chart:
    """A finished chart: show it, or take `svg()`, `str()` or `plotly()`."""

    def __init__(self, canvas: Canvas, text: str, plotly: dict[str, Any]) -> None:
        self.canvas = canvas
        self.words = text
        self.figure = plotly

    def svg(self) -> str:
        return self.canvas.svg()

    def plotly(self) -> dict[str, Any]:
        """What `plotly.graph_objects.Figure(**chart.plotly())` takes: data and layout."""
        return self.figure

    def __str__(self) -> str:
        return self.words

    def __repr__(self) -> str:
        return f"<chart: {self.canvas.title}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {
            "application/vnd.plotly.v1+json": self.figure | {"config": {"displaylogo": False}},
            "text/html": as_image(self.svg(), f"{self.canvas.title}. {self.words}"[:1500]),
            "text/plain": self.words,
        }


def line(
    series: Mapping[str, Iterable[Point]],
    *,
    title: str,
    x: str,
    y: str,
    log_x: bool = False,
    log_y: bool = False,
    bands: Sequence[tuple[float, float, str]] = (),
    notes: Sequence[tuple[float, str]] = (),
) -> Chart:
    """Lines through (x, y) points. `bands` are (low y, high y, name), `notes` are (x, text)."""
    points = {name: [(float(px), float(py)) for px, py in pairs] for name, pairs in series.items()}
    every = [point for pairs in points.values() for point in pairs]
    ys = [py for _, py in every] + [edge for low, high, _ in bands for edge in (low, high)]
    axes = _Axes([px for px, _ in every], ys, log_x, log_y)
    canvas = Canvas(f"line chart: {title}; {x} against {y}; lines: {', '.join(points)}")
    axes.draw(canvas, title, x, y)
    for low, high, name in bands:
        top, bottom = axes.y(high), axes.y(low)
        canvas.box(LEFT, top, RIGHT - LEFT, bottom - top, "f", 0, "3 3")
        canvas.text(LEFT + 6, top - 4, name, "t-dim", 10.5)
    rows = _note_rows(axes, notes)
    for (at, note), row in zip(notes, rows, strict=True):
        canvas.line(axes.x(at), axes.top, axes.x(at), axes.bottom, "hot", 1, dash="4 3")
        canvas.text(axes.x(at) + 4, axes.top + 12 + 14 * row, note, "t-hot", 10.5)
    _draw_lines(canvas, axes, points)
    layout = _layout(title, x, y)
    layout["xaxis"] |= {"type": "log"} if log_x else {}
    layout["yaxis"] |= {"type": "log"} if log_y else {}
    band = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "opacity": 0.15, "fillcolor": EDGES["f"]}
    layout["shapes"] = [band | {"y0": low, "y1": high, "line": {"width": 0}} for low, high, _ in bands]
    mark = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "line": {"color": NOTE_COLOUR, "dash": "dash"}}
    layout["shapes"] += [mark | {"x0": at, "x1": at} for at, _ in notes]
    layout["annotations"] = [
        {
            "x": math.log10(at) if log_x else at, "y": 1, "yref": "paper", "text": note, "showarrow": False,
            "xanchor": "left", "yanchor": "top", "yshift": -14 * row, "font": {"color": NOTE_COLOUR},
        }
        for (at, note), row in zip(notes, rows, strict=True)
    ]  # fmt: skip
    traces = [
        {
            "type": "scatter", "mode": "lines+markers" if len(pairs) <= 60 else "lines", "name": name,
            "x": [px for px, _ in pairs], "y": [py for _, py in pairs],
            "line": {"color": EDGES[_role(n)], "dash": _PLOTLY_DASHES[n % 6]},
        }
        for n, (name, pairs) in enumerate(points.items())
    ]  # fmt: skip
    return Chart(canvas, _lines_text(title, x, y, points, bands, notes), {"data": traces, "layout": layout})


def bars(values: Mapping[str, float], *, title: str, y: str, note: str = "") -> Chart:
    """One bar per name, with its number written above."""
    names, numbers = [str(name) for name in values], [float(value) for value in values.values()]
    axes = _Axes([0, max(1, len(names))], [0, *numbers], False, False)
    canvas = Canvas(
        f"bar chart: {title}; " + ", ".join(f"{n}: {_short(v)}" for n, v in zip(names, numbers, strict=True))
    )
    axes.draw(canvas, title, note, y, x_ticks=False)
    width = (RIGHT - LEFT) / max(1, len(names))
    for place, (name, number) in enumerate(zip(names, numbers, strict=True)):
        left = LEFT + place * width
        top, foot = min(axes.y(number), axes.y(0)), max(axes.y(number), axes.y(0))
        with canvas.group(note=f"{name}: {_short(number)}"):
            canvas.box(left + width * 0.15, top, width * 0.7, foot - top, _role(place), 2)
            canvas.text(left + width / 2, top - 5, _short(number), "m b", 11, "middle")
            room = int(width / 6)
            shown = name if len(name) <= room else name[: max(1, room - 1)] + "…"
            canvas.text(left + width / 2, axes.bottom + 16, shown, "", 11, "middle")
    layout = _layout(title, note, y) | {"showlegend": False}
    trace = {
        "type": "bar",
        "x": names,
        "y": numbers,
        "marker": {"color": [EDGES[_role(n)] for n in range(len(names))]},
    }
    text = f"{title}\n" + table_text(["", y], [[n, _short(v)] for n, v in zip(names, numbers, strict=True)])
    return Chart(canvas, text, {"data": [trace], "layout": layout})


def histogram(
    values: Iterable[float], *, title: str, x: str, bins: int = 21, bell: tuple[float, float] | None = None
) -> Chart:
    """How often values fall into equal bins; `bell` is (mean, standard deviation) of a normal curve."""
    numbers = sorted(float(value) for value in values)
    if not numbers:
        raise ValueError("a histogram needs at least one value")
    low, high = numbers[0], numbers[-1]
    if bell:
        low, high = min(low, bell[0] - 3 * bell[1]), max(high, bell[0] + 3 * bell[1])
    width = (high - low) / bins or 1.0
    counts = _counted(numbers, low, width, bins)
    curve = _bell(bell, low, high, len(numbers) * width) if bell else []
    axes = _Axes([low, low + bins * width], [0, *counts, *[py for _, py in curve]], False, False)
    mean = sum(numbers) / len(numbers)
    deviation = math.sqrt(sum((number - mean) ** 2 for number in numbers) / len(numbers))
    facts = f"{len(numbers)} values, mean {mean:.3g}, standard deviation {deviation:.3g}"
    canvas = Canvas(f"histogram: {title}; {facts}")
    axes.draw(canvas, title, x, "how often", detail=facts)
    for place, count in enumerate(counts):
        left, right = axes.x(low + place * width), axes.x(low + (place + 1) * width)
        with canvas.group(note=f"{low + place * width:.3g} to {low + (place + 1) * width:.3g}: {count}"):
            canvas.box(left + 0.5, axes.y(count), right - left - 1, axes.bottom - axes.y(count), "a", 1)
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "name": "measured",
            "x": [low + (n + 0.5) * width for n in range(bins)],
            "y": counts,
            "width": width,
        }
    ]
    if bell:
        canvas.path(_path([(axes.x(px), axes.y(py)) for px, py in curve]), "e", 2.2, axes.bottom)
        canvas.text(RIGHT + 8, axes.top + 16, f"normal: {bell[0]:g} ± {bell[1]:.3g}", "t-e b", 11)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "normal",
                "x": [p[0] for p in curve],
                "y": [p[1] for p in curve],
            }
        )
    rows = [
        [f"{low + n * width:.3g}", f"{low + (n + 1) * width:.3g}", str(count)]
        for n, count in enumerate(counts)
    ]
    text = f"{title}: {facts}" + (f"; normal curve {bell[0]:g} ± {bell[1]:.3g}" if bell else "")
    text += "\n" + table_text(["from", "to", "how often"], rows)
    return Chart(canvas, text, {"data": traces, "layout": _layout(title, x, "how often") | {"bargap": 0.02}})


def histograms(series: Mapping[str, Iterable[float]], *, title: str, x: str, width: float = 1) -> Chart:
    """A histogram for each name, one below the other on a common axis; each bin is `width` wide."""
    numbers = {name: [float(value) for value in values] for name, values in series.items()}
    every = [value for values in numbers.values() for value in values]
    if not every or not all(numbers.values()):
        raise ValueError("a histogram needs at least one value")
    low = math.floor(min(every) / width) * width
    bins = int((max(every) - low) / width) + 1
    high = low + bins * width
    counts = {name: _counted(values, low, width, bins) for name, values in numbers.items()}
    canvas = Canvas(f"histograms: {title}; {x}; one for each of {', '.join(numbers)}")
    canvas.heading(title)
    scale = (RIGHT - LEFT) / (high - low)
    foot = HISTOGRAM_TOP
    for place, (name, column) in enumerate(counts.items()):
        foot = HISTOGRAM_TOP + (place + 1) * HISTOGRAM_ROW
        mean = sum(numbers[name]) / len(numbers[name])
        for at, count in enumerate(column):
            left, height = LEFT + at * width * scale, (HISTOGRAM_ROW - 26) * count / max(column)
            if count:
                with canvas.group(
                    note=f"{name}: {low + at * width:.3g} to {low + (at + 1) * width:.3g}: {count}"
                ):
                    canvas.box(left + 0.5, foot - height, width * scale - 1, height, _role(place), 1)
        canvas.line(LEFT, foot, RIGHT, foot, "line", 1)
        canvas.text(RIGHT + 8, foot - 16, name, f"t-{_role(place)} b", 11)
        canvas.text(RIGHT + 8, foot - 2, f"mean {mean:.3g}, most {max(numbers[name]):.3g}", "t-dim", 10.5)
    for tick in _ticks(low, high):
        canvas.text(LEFT + (tick - low) * scale, foot + 16, _short(tick), "m t-dim", 10.5, "middle")
    canvas.text((LEFT + RIGHT) / 2, foot + 34, x, "t-dim", 11, "middle")
    edges = [f"{low + at * width:.3g}" for at in range(bins + 1)]
    rows = [[edges[at], edges[at + 1], *[str(c[at] or "") for c in counts.values()]] for at in range(bins)]
    text = f"{title}: how often\n" + table_text(["from", "to", *counts], rows)
    return Chart(canvas, text, _plotly_histograms(counts, low, width, title, x))


def _plotly_histograms(
    counts: Mapping[str, list[int]], low: float, width: float, title: str, x: str
) -> dict[str, Any]:
    layout = _layout(title, x, "") | {"showlegend": False, "bargap": 0.02, "height": 120 + 90 * len(counts)}
    layout["annotations"] = []
    traces: list[dict[str, Any]] = []
    share = 1 / len(counts)
    for place, (name, column) in enumerate(counts.items()):
        axis = str(place + 1) if place else ""
        traces.append(
            {
                "type": "bar", "name": name, "y": column, "yaxis": f"y{axis}", "width": width,
                "x": [low + (at + 0.5) * width for at in range(len(column))],
                "marker": {"color": EDGES[_role(place)]},
            }
        )  # fmt: skip
        domain = [1 - (place + 0.8) * share, 1 - place * share]
        layout[f"yaxis{axis}"] = {"domain": domain, "showticklabels": False}
        layout["annotations"].append(
            {
                "text": name, "x": 1, "xref": "paper", "xanchor": "right", "showarrow": False,
                "y": domain[1], "yref": "paper", "yanchor": "bottom",
                "font": {"color": EDGES[_role(place)]},
            }
        )  # fmt: skip
    layout["xaxis"]["anchor"] = traces[-1]["yaxis"]
    return {"data": traces, "layout": layout}


def _counted(values: Iterable[float], low: float, width: float, bins: int) -> list[int]:
    """How many values lie in each of the equal bins from `low` on; the last one has its upper edge, too."""
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / width))] += 1
    return counts


def lanes(events: Iterable[tuple], *, title: str, x: str = "time") -> Chart:
    """A lane per client: events are (lane, start, end, kind), and a note if wanted, in any order."""
    found = [
        (str(e[0]), float(e[1]), float(e[2]), str(e[3]), str(e[4]) if len(e) > 4 else "") for e in events
    ]
    if not found:
        raise ValueError("a lane chart needs at least one event")
    names = list(dict.fromkeys(lane for lane, *_ in found))
    kinds = list(dict.fromkeys(kind for *_, kind, _ in found))
    last = max(end for _, _, end, *_ in found)
    first = min(start for _, start, *_ in found)
    left, right = 120.0, 760.0
    scale = (right - left) / ((last - first) or 1)
    canvas = Canvas(f"{title}: lanes of {', '.join(names)}; {len(found)} events of {', '.join(kinds)}")
    canvas.heading(title)
    place = 16.0
    for number, kind in enumerate(kinds):
        place = canvas.badge(place, 40, kind, _role(number))
    top = 84.0
    for tick in _ticks(first, last):
        at = left + (tick - first) * scale
        canvas.line(at, top - 6, at, top + 34 * len(names), "line", 0.6, dash="2 4")
        canvas.text(at, top - 9, _short(tick), "t-dim", 10, "middle")
    for row, name in enumerate(names):
        canvas.text(16, top + 34 * row + 19, name, "b", 12)
        canvas.line(left, top + 34 * row + 30, right, top + 34 * row + 30, "line", 0.5)
    for lane, start, end, kind, note in found:
        y, at = top + 34 * names.index(lane), left + (start - first) * scale
        width = max(2.0, (end - start) * scale)
        role = _role(kinds.index(kind))
        with canvas.group(
            note=f"{lane}: {kind} from {_short(start)} to {_short(end)}{': ' + note if note else ''}"
        ):
            canvas.box(at, y + 3, width, 24, role, 3)
            shown = note or kind
            if text_width(shown, 10.5) < width - 4:
                canvas.text(at + width / 2, y + 19, shown, f"t-{role}", 10.5, "middle")
    canvas.text(right, top + 34 * len(names) + 18, x, "t-dim", 11, "end")
    ordered = sorted(found, key=lambda event: (event[1], event[2]))
    text = f"{title}\n" + table_text(
        [f"{x}: start", "end", "lane", "event", "note"],
        [[_short(start), _short(end), lane, kind, note] for lane, start, end, kind, note in ordered],
    )
    traces = [
        {
            "type": "bar", "orientation": "h", "name": kind, "y": [e[0] for e in found if e[3] == kind],
            "base": [e[1] for e in found if e[3] == kind], "x": [e[2] - e[1] for e in found if e[3] == kind],
            "text": [e[4] for e in found if e[3] == kind], "marker": {"color": EDGES[_role(n)]},
        }
        for n, kind in enumerate(kinds)
    ]  # fmt: skip
    layout = _layout(title, x, "") | {"barmode": "overlay"}
    layout["yaxis"]["autorange"] = "reversed"
    return Chart(canvas, text, {"data": traces, "layout": layout})


def _role(number: int) -> str:
    """The colour of the series with that number; more than six begin anew."""
    return SERIES[number % len(SERIES)]


# -- axes --------------------------------------------------------------------------------------


class _Axes:
    """From numbers to pixels, linear or logarithmic, with ticks at round numbers."""

    top, bottom = 60.0, 60.0 + PLOT_HEIGHT

    def __init__(self, xs: Sequence[float], ys: Sequence[float], log_x: bool, log_y: bool) -> None:
        if not xs or not ys:
            raise ValueError("a chart needs at least one point")
        self.log_x, self.log_y = log_x, log_y
        low_y = min(ys) if log_y or min(ys) < 0 else 0.0
        self.x_low, self.x_high = _range(min(xs), max(xs), log_x, margin=False)
        self.y_low, self.y_high = _range(low_y, max(ys), log_y, margin=True)

    def x(self, value: float) -> float:
        return LEFT + _share(value, self.x_low, self.x_high, self.log_x) * (RIGHT - LEFT)

    def y(self, value: float) -> float:
        return self.bottom - _share(value, self.y_low, self.y_high, self.log_y) * (self.bottom - self.top)

    def draw(
        self, canvas: Canvas, title: str, x: str, y: str, x_ticks: bool = True, detail: str = ""
    ) -> None:
        canvas.heading(title, detail)
        canvas.text(LEFT - 8, self.top - 10, y, "t-dim", 11)
        for tick in _ticks(self.y_low, self.y_high, self.log_y):
            canvas.line(LEFT, self.y(tick), RIGHT, self.y(tick), "line", 0.5, dash="2 4")
            canvas.text(LEFT - 8, self.y(tick) + 4, _short(tick), "m t-dim", 10.5, "end")
        for tick in _ticks(self.x_low, self.x_high, self.log_x) if x_ticks else ():
            canvas.line(self.x(tick), self.bottom, self.x(tick), self.bottom + 5, "line")
            canvas.text(self.x(tick), self.bottom + 18, _short(tick), "m t-dim", 10.5, "middle")
        canvas.line(LEFT, self.bottom, RIGHT, self.bottom, "ink", 1)
        canvas.line(LEFT, self.top, LEFT, self.bottom, "ink", 1)
        canvas.text((LEFT + RIGHT) / 2, self.bottom + 36, x, "t-dim", 11, "middle")


def _range(low: float, high: float, log: bool, margin: bool) -> tuple[float, float]:
    if log:
        if low <= 0:
            raise ValueError("a logarithmic axis needs numbers above 0")
        return (low, high) if high > low else (low, low * 10)
    if high <= low:
        return low, low + 1
    room = (high - low) * 0.08 if margin else 0
    return (low - room if low < 0 else low), high + room


def _share(value: float, low: float, high: float, log: bool) -> float:
    if log:
        return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    return (value - low) / (high - low)


def _ticks(low: float, high: float, log: bool = False) -> list[float]:
    """About six round numbers; powers of ten on a logarithmic axis.

    >>> _ticks(0, 10), _ticks(1, 1000, True)
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [1.0, 10.0, 100.0, 1000.0])
    """
    if log:
        first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
        if last - first >= 2:
            return [10.0**power for power in range(first, last + 1)]
        finer = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in (1, 2, 5)]
        return [tick for tick in finer if low * 0.999 <= tick <= high * 1.001]
    raw = (high - low) / 6 or 1.0
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw * 0.999)
    first_step = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first_step, math.floor(high / step + 1e-9) + 1)]


def _note_rows(axes: _Axes, notes: Sequence[tuple[float, str]]) -> list[int]:
    """The row of each note, so that none is written over another."""
    ends: list[float] = []  # where the last note of each row ends
    rows: list[int] = []
    for at, note in notes:
        x = axes.x(at)
        row = next((number for number, end in enumerate(ends) if end < x), len(ends))
        ends[row : row + 1] = [x + text_width(note, 10.5) + 10]
        rows.append(row)
    return rows


def _draw_lines(canvas: Canvas, axes: _Axes, series: Mapping[str, Sequence[Point]]) -> None:
    drawn = [(number, name, points) for number, (name, points) in enumerate(series.items()) if points]
    labels = _apart([axes.y(points[-1][1]) for _, _, points in drawn], LABEL_HEIGHT)
    for (number, name, points), label_y in zip(drawn, labels, strict=True):
        role = _role(number)
        pixels = [(axes.x(px), axes.y(py)) for px, py in points]
        dash = DASHES[number % len(DASHES)]
        canvas.path(_path(pixels), role, 2, axes.bottom, dash)
        if len(pixels) <= 60:
            for (px, py), (x, y) in zip(points, pixels, strict=True):
                with canvas.group(note=f"{name}: {_short(px)}, {_short(py)}"):
                    canvas.dot(x, y, 3, role)
        canvas.line(RIGHT + 8, label_y, RIGHT + 28, label_y, role, 2, dash)
        shown = name if len(name) <= 19 else name[:18] + "…"
        canvas.text(RIGHT + 32, label_y + 4, shown, f"t-{role} b", 11 if len(shown) <= 16 else 9.5)


def _apart(places: Sequence[float], gap: float) -> list[float]:
    """The same places in the same order, at least a gap from each other; those in the way share the shift.

    >>> _apart([50, 100, 52, 48], 10)
    [50.0, 100.0, 60.0, 40.0]
    """
    order = sorted(range(len(places)), key=lambda number: places[number])
    runs: list[tuple[float, list[int]]] = []  # where its first one stands, and which follow a gap apart
    for number in order:
        first, run = places[number], [number]
        while runs and runs[-1][0] + gap * len(runs[-1][1]) > first:
            run = runs.pop()[1] + run
            first = sum(places[other] - gap * at for at, other in enumerate(run)) / len(run)
        runs.append((first, run))
    moved = {number: first + gap * at for first, run in runs for at, number in enumerate(run)}
    return [float(moved[number]) for number in range(len(places))]


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _bell(bell: tuple[float, float], low: float, high: float, area: float) -> list[Point]:
    mean, deviation = bell
    factor = area / (deviation * math.sqrt(2 * math.pi))
    xs = [low + (high - low) * step / 80 for step in range(81)]
    return [(x, factor * math.exp(-(((x - mean) / deviation) ** 2) / 2)) for x in xs]


def _lines_text(
    title: str, x: str, y: str, series: Mapping[str, Sequence[Point]], bands: Any, notes: Any
) -> str:
    lines = [f"{title} ({y} against {x})"]
    lines += [f"{name}: {_short(low)} to {_short(high)}" for low, high, name in bands]
    lines += [f"at {_short(at)}: {note}" for at, note in notes]
    xs = list(dict.fromkeys(px for points in series.values() for px, _ in points))
    alike = all(len(dict(points)) == len(points) for points in series.values())  # no two points at one x
    if alike:
        tables = {name: dict(points) for name, points in series.items()}
        kept = _thinned(sorted(xs))
        rows = [[_short(at), *[_short(t[at]) if at in t else "" for t in tables.values()]] for at in kept]
        return "\n".join([*lines, table_text([x, *series], rows)])
    for name, points in series.items():
        rows = [[_short(px), _short(py)] for px, py in _thinned(points)]
        lines += [f"{name}:", table_text([x, y], rows)]
    return "\n".join(lines)


def _thinned(items: Sequence[Any]) -> list[Any]:
    """At most TABLE_ROWS of them, evenly spread, with the first and the last."""
    if len(items) <= TABLE_ROWS:
        return list(items)
    return [items[round(n * (len(items) - 1) / (TABLE_ROWS - 1))] for n in range(TABLE_ROWS)]


def _short(number: float) -> str:
    """A number as a reader wants it.

    >>> [_short(n) for n in (0, 3, 0.25, 12345.678, 2_000_000, 1e-5)]
    ['0', '3', '0.25', '12346', '2000000', '1e-05']
    """
    if number == int(number) and abs(number) < 1e12:
        return str(int(number))
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def _layout(title: str, x: str, y: str) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}},
        "height": 400,
        "margin": {"l": 70, "r": 20, "t": 50, "b": 60},
    }
