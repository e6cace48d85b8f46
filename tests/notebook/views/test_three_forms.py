"""Every view has all its forms, says the same thing each time it is asked, and shows hostile data as data."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from minidis import Embedded
from minidis.notebook import views
from minidis.structures.listpack import Listpack

_spec = importlib.util.spec_from_file_location("view_samples", Path(__file__).with_name("samples.py"))
samples = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(samples)

SVG = "{http://www.w3.org/2000/svg}"
STILL_MAX_BYTES = 200_000
"""A notebook with thirty pictures should stay a file that a code host is willing to show."""

HOSTILE = [
    b"<script>alert(1)</script>",
    b'" onload="alert(1)',
    b"]]></style><script>alert(1)</script>",
    b"\x00\xff\xfe\x1b[31m",
    "\u202ekcatta\u202c \ufffe".encode(),
    b"&amp;&#60;script&#62;",
    b"x" * 1_000_000,
]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def picture_in(html: str) -> tuple[str, str]:
    """The alt text and the SVG of an <img>, which must be all that the HTML holds."""
    parser = _Tags()
    parser.feed(html)
    [(tag, attributes)] = parser.found
    assert tag == "img" and set(attributes) == {"alt", "style", "src"}
    prefix = "data:image/svg+xml;base64,"
    assert attributes["src"].startswith(prefix)
    return attributes["alt"], base64.b64decode(attributes["src"][len(prefix) :]).decode()


def check_svg(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    assert root.tag == SVG + "svg"
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "style", "g", "title", "rect", "text", "line", "path", "circle", "polygon"}
    for element in root.iter():
        assert not any(name.lower().startswith("on") or "href" in name for name in element.attrib)
    return root


@pytest.mark.parametrize("name", samples.NAMES)
def test_a_view_has_a_still_a_live_and_a_text_form(name):
    view = samples.VIEWS[name]
    bundle = view._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    alt, svg = picture_in(bundle["text/html"])
    check_svg(svg)
    assert svg == view.svg() == view.widget.svg
    assert len(alt) > 5 and len(svg) < STILL_MAX_BYTES
    assert bundle["text/plain"] == str(view) and len(str(view)) > 5
    view.close()


@pytest.mark.parametrize("name", samples.NAMES)
def test_the_data_of_a_view_is_plain(name):
    data = samples.VIEWS[name].take()
    assert json.loads(json.dumps(data)) == data


def test_two_processes_would_draw_the_same():
    first, second = samples.views_of(samples.busy_node()), samples.views_of(samples.busy_node())
    for name in samples.NAMES:
        assert str(first[name]) == str(second[name]), name
        assert first[name].svg() == second[name].svg(), name
        assert not re.search(r"0x[0-9a-f]{6,}", str(first[name]) + repr(first[name])), name


@pytest.mark.parametrize(
    "text", HOSTILE, ids=["script", "attribute", "style", "binary", "bidi", "entity", "megabyte"]
)
def test_hostile_text_is_shown_and_does_nothing(text):
    node = Embedded(clock=0, seed=1)
    node.execute("SET", text, text, "EX", 100)
    node.execute("RPUSH", b"l" + text, text)
    node.execute("SADD", b"s" + text, text, b"other")
    node.execute("HSET", b"h" + text, text, text)
    node.execute("ZADD", b"z" + text, 1, text)
    node.node.encodings.zset_max_listpack_value = 1
    node.execute("ZADD", b"k" + text, 1, text, 2, b"other")
    hll_key = b"p" + text
    node.execute("PFADD", hll_key, text)
    pictures = [
        views.keys(node=node).do("open", (b"h" + text).hex()),
        views.ttl_board(node=node),
        views.encoding(text, b"l" + text, node=node),
        views.bits(text, node),
        *[views.show(kind + text, node) for kind in (b"l", b"s", b"h", b"z")],
        views.skiplist(b"k" + text, node, search=(1, text)),
        views.hashtable(node=node, search=text),
        views.hll(hll_key, node, element=text),
        views.venn(b"s" + text, text + b"missing", node=node),
        views.resp(b"$%d\r\n%b\r\n" % (len(text), text)),
        views.resp(text),
        views.listpack(Listpack([text]), select=0),
    ]
    for view in pictures:
        alt, svg = picture_in(view._repr_mimebundle_()["text/html"])
        check_svg(svg)
        assert len(svg) < STILL_MAX_BYTES and len(alt) < 20_000 and len(str(view)) < 50_000
        written = str(view) + alt + svg
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\ufffe\uffff]", written)
        view.close()


@pytest.mark.parametrize("name", sorted(samples.charts_of()))
def test_a_chart_has_a_still_a_plotly_and_a_text_form(name):
    import plotly.graph_objects

    chart = samples.charts_of()[name]
    bundle = chart._repr_mimebundle_()
    alt, svg = picture_in(bundle["text/html"])
    check_svg(svg)
    assert chart.canvas.title in alt
    figure = plotly.graph_objects.Figure(**chart.plotly())  # refuses what plotly would not understand
    assert figure.layout.title.text and len(figure.data) >= 1
    assert bundle["application/vnd.plotly.v1+json"]["data"] == chart.plotly()["data"]
    assert len(bundle["text/plain"].splitlines()) >= 3


def test_a_view_without_anywidget_is_still_a_picture(monkeypatch):
    from minidis.notebook.views import view as module

    monkeypatch.setattr(module, "_widget_class", lambda: None)
    node = samples.busy_node()
    assert set(views.list("list", node)._repr_mimebundle_()) == {"text/plain", "text/html"}
