"""A map of places in a sorted set: the boxes that a geo search reads, and what it finds in them.

    searching     the boxes whose score ranges GEOSEARCH reads (nine at most), the circle it measures by
    not           the box of each place, after some halvings of the world: places near share a prefix of bits

Degrees are drawn as on a plain map, with a degree of longitude as short as it is at the map's middle.

Read next: minidis/structures/geohash.py.
"""

from __future__ import annotations

import math
from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.notebook.views.drawing import WIDTH, Canvas, count_of, label, table_text
from minidis.notebook.views.sources import KeySource, node_or_mirror
from minidis.notebook.views.view import View, slider
from minidis.structures import geohash

SHOWN_PLACES = 40
MAP_HEIGHT, LEFT, TOP = 330.0, 16.0, 52.0
MAP_WIDTH = WIDTH - 2 * LEFT
MARGIN = 0.12  # around what must be on the map
NEAR, FAR, UNREAD = "found", "read, too far", "not read"

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""


class GeohashView(View):
    """The places of one key; with `search`, (longitude, latitude, radius in km), what GEOSEARCH does."""

    def __init__(
        self,
        key: str | bytes,
        node: Embedded | None = None,
        db: int = 0,
        search: tuple[float, float, float] | None = None,
        halvings: int = 6,
    ) -> None:
        super().__init__(node_or_mirror(node))
        self.source = KeySource(key, self.node, db)  # type: ignore[arg-type]
        self.search = search
        self.halvings = halvings

    # -- data

    def looked_at(self) -> tuple[list[bytes] | None, int]:
        return [self.source.key], self.source.db

    def snapshot(self) -> dict[str, Any]:
        value = self.source.value()
        name = label(self.source.key, 32)
        if value is None or value.kind != "zset":
            why = "there is no such key" if value is None else f"it holds a {value.kind}, not a zset"
            return {"title": name, "why": why, "places": []}
        pairs = [
            (member, int(score)) for member, score in value.slice(0, SHOWN_PLACES) if 0 <= score < 1 << 52
        ]
        boxes = self._searched_boxes() if self.search else self._places_boxes([bits for _, bits in pairs])
        return {
            "title": name,
            "why": "",
            "count": len(value),
            "halvings": boxes[0]["halvings"] if boxes else self.halvings,
            "search": list(self.search) if self.search else None,
            "boxes": boxes,
            "places": [self._place(member, bits, boxes) for member, bits in pairs],
        }

    def _searched_boxes(self) -> list[dict[str, Any]]:
        longitude, latitude, radius_km = self.search  # type: ignore[misc]
        shape = geohash.Shape(longitude, latitude, radius_km * 1000)
        return [_box(low, high) for low, high in shape.score_ranges()]

    def _places_boxes(self, places: list[int]) -> list[dict[str, Any]]:
        free = 52 - 2 * self.halvings
        prefixes = sorted({bits >> free for bits in places})
        return [_box(prefix << free, (prefix + 1) << free) for prefix in prefixes]

    def _place(self, member: bytes, bits: int, boxes: list[dict[str, Any]]) -> dict[str, Any]:
        longitude, latitude = geohash.decode(bits)
        number = next((n for n, box in enumerate(boxes, 1) if box["low"] <= bits < box["high"]), 0)
        place = {"member": label(member, 14), "bits": bits, "longitude": longitude, "latitude": latitude}
        if not self.search:
            return place | {"box": number, "state": "", "distance_km": None}
        distance_m = geohash.distance_m(*self.search[:2], longitude, latitude)
        state = UNREAD if not number else NEAR if distance_m <= self.search[2] * 1000 else FAR
        return place | {"box": number, "state": state, "distance_km": distance_m / 1000}

    # -- picture

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        if data["why"] or not data["places"]:
            canvas.heading(data["title"], data["why"] or "no places")
            return canvas
        canvas.heading(data["title"], _detail(data))
        chart = _Map(_window(data))
        canvas.box(LEFT, TOP, MAP_WIDTH, MAP_HEIGHT, "f", 2)
        for number, box in enumerate(data["boxes"], 1):
            holds_centre = number == 1 and data["search"] is not None  # a search begins where it stands
            _draw_box(canvas, chart, number, box, "c" if holds_centre else "a")
        if data["search"]:
            _draw_circle(canvas, chart, data["search"])
        for place in data["places"]:
            _draw_place(canvas, chart, place, _is_crowded(chart, place, data["places"]))
        y = TOP + MAP_HEIGHT + 20
        for line in _table(data).split("\n")[:14]:
            canvas.text(LEFT, y, line.replace(" ", "\N{NO-BREAK SPACE}"), "m", 10.5)
            y += 15
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        if data["why"] or not data["places"]:
            return f"{data['title']}: {data['why'] or 'no places'}"
        boxes = table_text(
            ["box", "scores from", "to (not included)", "bits that all its places share"],
            [
                [str(number), str(box["low"]), str(box["high"]), box["prefix"]]
                for number, box in enumerate(data["boxes"], 1)
            ],
        )
        return "\n".join([f"{data['title']}: {_detail(data)}", boxes, _table(data)])

    # -- what one can do

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        if self.search:
            return [slider("radius", "radius", self.search[2], 5, 1000, 5, " km", "how far GEOSEARCH looks")]
        return [
            slider("halvings", "halvings", self.halvings, 1, 26, 1, title="bits each way: the boxes' size")
        ]

    def on_radius(self, value: Any) -> None:
        if self.search is None:
            raise ValueError("a radius belongs to a search")
        self.search = (*self.search[:2], float(value))

    def on_halvings(self, value: Any) -> None:
        self.halvings = max(1, min(geohash.STEPS, int(value)))


def _box(low: int, high: int) -> dict[str, Any]:
    """A box by its range of scores; its corners are the outermost places that have such scores."""
    halvings = (52 - (high - low).bit_length() + 1) // 2
    west, south = geohash.decode(low)
    east, north = geohash.decode(high - 1)
    prefix = format(low >> 52 - 2 * halvings, f"0{2 * halvings}b")
    return {
        "low": low,
        "high": high,
        "halvings": halvings,
        "prefix": prefix,
        "edges": [west, south, east, north],
    }


def _window(data: dict[str, Any]) -> Box:
    """What the map shows: all boxes, all places that are not worlds away, and some room."""
    edges = [box["edges"] for box in data["boxes"]]
    points = [(p["longitude"], p["latitude"]) for p in data["places"]]
    wests, souths = [e[0] for e in edges], [e[1] for e in edges]
    easts, norths = [e[2] for e in edges], [e[3] for e in edges]
    west, south = min(wests + [x for x, _ in points]), min(souths + [y for _, y in points])
    east, north = max(easts + [x for x, _ in points]), max(norths + [y for _, y in points])
    dx, dy = MARGIN * (east - west) + 1e-6, MARGIN * (north - south) + 1e-6
    return west - dx, south - dy, east + dx, north + dy


class _Map:
    """Degrees to pixels."""

    def __init__(self, window: Box) -> None:
        west, south, east, north = window
        self.middle = (west + east) / 2, (south + north) / 2
        self.squeeze = max(0.1, math.cos(math.radians(self.middle[1])))
        wide = MAP_WIDTH / ((east - west) * self.squeeze)
        self.scale = min(wide, MAP_HEIGHT / (north - south))

    def x(self, longitude: float) -> float:
        return LEFT + MAP_WIDTH / 2 + (longitude - self.middle[0]) * self.squeeze * self.scale

    def y(self, latitude: float) -> float:
        return TOP + MAP_HEIGHT / 2 - (latitude - self.middle[1]) * self.scale


def _draw_box(canvas: Canvas, chart: _Map, number: int, box: dict[str, Any], role: str) -> None:
    west, south, east, north = box["edges"]
    x, y = chart.x(west), chart.y(north)
    width, height = chart.x(east) - x, chart.y(south) - y
    note = f"box {number}: scores {box['low']} to {box['high'] - 1}, bits {box['prefix']}..."
    with canvas.group(note=note, key=box["prefix"]):
        canvas.box(x, y, width, height, role, 0)
        if width > 18 and height > 16:
            canvas.text(x + 4, y + 13, str(number), f"b t-{role}", 11)
        if width > len(box["prefix"]) * 6 and height > 34:
            canvas.text(x + 4, y + height - 5, box["prefix"], "m t-dim", 9)


def _draw_circle(canvas: Canvas, chart: _Map, search: list[float]) -> None:
    longitude, latitude, radius_km = search
    degrees = math.degrees(radius_km * 1000 / geohash.EARTH_RADIUS_M)
    points = []
    for turn in range(73):
        angle = math.radians(5 * turn)
        north = latitude + degrees * math.sin(angle)
        east = longitude + degrees * math.cos(angle) / max(0.05, math.cos(math.radians(north)))
        points.append(f"{chart.x(east):.1f} {chart.y(north):.1f}")
    canvas.path("M" + "L".join(points), "hot", 1.8, dash="5 3")
    canvas.dot(chart.x(longitude), chart.y(latitude), 3, "hot")


def _is_crowded(chart: _Map, place: dict[str, Any], places: list[dict[str, Any]]) -> bool:
    """Is there no room for a name to the right?"""
    x, y = chart.x(place["longitude"]), chart.y(place["latitude"])
    if x > LEFT + MAP_WIDTH - 110:
        return True
    others = [(chart.x(p["longitude"]) - x, chart.y(p["latitude"]) - y) for p in places if p is not place]
    return any(0 < dx < 90 and abs(dy) < 13 for dx, dy in others)


def _draw_place(canvas: Canvas, chart: _Map, place: dict[str, Any], to_the_left: bool) -> None:
    x, y = chart.x(place["longitude"]), chart.y(place["latitude"])
    role = {NEAR: "c", FAR: "b", UNREAD: "f"}.get(place["state"], "d")
    sign = {NEAR: "✓ ", FAR: "✗ "}.get(place["state"], "")
    with canvas.group(note=f"{place['member']}: score {place['bits']}, {place['state'] or 'stored'}"):
        canvas.dot(x, y, 4.5, role)
        side, anchor = (-8, "end") if to_the_left else (8, "start")
        canvas.text(x + side, y + 4, sign + place["member"], "b", 11, anchor)


# -- words


def _detail(data: dict[str, Any]) -> str:
    boxes = count_of(len(data["boxes"]), "box", "boxes")
    if not data["search"]:
        return (
            f"{count_of(data['count'], 'place')} in {boxes} after {data['halvings']} halvings each way "
            f"({2 * data['halvings']} of 52 bits)"
        )
    longitude, latitude, radius_km = data["search"]
    found = sum(place["state"] == NEAR for place in data["places"])
    read = sum(place["state"] != UNREAD for place in data["places"])
    return (
        f"within {radius_km:g} km of {longitude:g}, {latitude:g}: {boxes} read, "
        f"{count_of(read, 'place')} measured, {found} found"
    )


def _table(data: dict[str, Any]) -> str:
    searching = data["search"] is not None
    rows = [
        [place["member"], str(place["bits"]), format(place["bits"], "052b")[: 2 * data["halvings"]]]
        + [str(place["box"] or "-")]
        + ([f"{place['distance_km']:.1f}", place["state"]] if searching else [])
        for place in data["places"]
    ]
    head = ["place", "score", f"first {2 * data['halvings']} bits", "box"]
    return table_text(head + (["km", ""] if searching else []), rows)


def _summary(data: dict[str, Any]) -> str:
    if data["why"] or not data["places"]:
        return f"{data['title']}: {data['why'] or 'no places'}"
    return f"map of {data['title']}: {_detail(data)}"
