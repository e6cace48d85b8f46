"""The map of places tells what GEOSEARCH does."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.notebook import views

PLACES = {
    "Palermo": (13.361389, 38.115556), "Catania": (15.087269, 37.502669), "Rome": (12.4964, 41.9028),
    "Naples": (14.2681, 40.8518), "Messina": (15.554, 38.1938), "Valletta": (14.5146, 35.8989),
    "Suva": (178.44, -18.14), "Apia": (-171.75, -13.83),
}  # fmt: skip


@pytest.fixture
def node():
    embedded = Embedded(clock=0, seed=1)
    for name, (longitude, latitude) in PLACES.items():
        embedded.execute("GEOADD", "places", longitude, latitude, name)
    return embedded


@pytest.mark.parametrize("radius_km", [60, 150, 500, 900])
def test_found_is_what_geosearch_finds(node, radius_km):
    data = views.geo("places", node, search=(15, 37, radius_km)).take()
    found = {place["member"] for place in data["places"] if place["state"] == "found"}
    reply = node.execute("GEOSEARCH", "places", "FROMLONLAT", 15, 37, "BYRADIUS", radius_km, "km")
    assert found == {name.decode() for name in reply}
    for place in data["places"]:
        box = place["box"]
        assert (place["state"] == "not read") == (box == 0)
        if box:
            west, south, east, north = data["boxes"][box - 1]["edges"]
            assert west <= place["longitude"] <= east and south <= place["latitude"] <= north


def test_places_of_one_box_share_its_bits(node):
    view = views.geo("places", node, halvings=5)
    for halvings in (1, 3, 12, 26):
        data = view.do("halvings", halvings).take()
        assert data["halvings"] == halvings
        for place in data["places"]:
            box = data["boxes"][place["box"] - 1]
            assert format(place["bits"], "052b").startswith(box["prefix"])
            assert len(box["prefix"]) == 2 * halvings


def test_the_radius_moves_only_with_a_search(node):
    view = views.geo("places", node, search=(15, 37, 60))
    assert "60 km" in str(view)
    assert "300 km" in str(view.do("radius", 300))
    with pytest.raises(ValueError, match="belongs to a search"):
        views.geo("places", node).do("radius", 10)


def test_what_holds_no_places_says_so(node):
    node.execute("SADD", "tags", "a")
    assert str(views.geo("tags", node)) == "tags: it holds a set, not a zset"
    assert str(views.geo("nowhere", node)) == "nowhere: there is no such key"
    node.execute("ZADD", "scores", "-5", "a", "inf", "b")
    assert str(views.geo("scores", node)) == "scores: no places"
