"""The palette keeps its promises: contrast, and colours that stay apart for whoever sees fewer of them.

The arithmetic of colours is written out here, and is itself held to published values.
"""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import pytest

from minidis.notebook.rendering import PANEL_STYLE, STYLES
from minidis.palette import DARK, EDGES, LIGHT, ROLES, chip

Triple = tuple[float, float, float]

# Machado, Oliveira, Fernandes (2009), severity 1.0, on linear RGB.
SIGHTS: dict[str, tuple[Triple, Triple, Triple]] = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
APART = {"inks": 12.0, "edges": 12.0, "fills": 9.0}
TEXT, GRAPHICS, PANEL_TEXT = 4.5, 3.0, 7.0
JUPYTERLABS_DARK_PAGE = "#111111"

BEFORE = {
    "a": "#1a56b0", "b": "#9a4a06", "c": "#166534", "d": "#5b32b4", "e": "#a8183b",
    "f": "#4d5966", "g": "#0f6168",
}  # fmt: skip
"""The inks of the light page up to now: f and g, a and d, c and e could not be told apart."""

SETS = {
    "inks on the light page": ("inks", {role: LIGHT[role.upper()] for role in ROLES} | {"hot": LIGHT["hot"]}),
    "inks on the dark page": ("inks", {role: DARK[role.upper()] for role in ROLES} | {"hot": DARK["hot"]}),
    "fills on the light page": ("fills", {role: LIGHT[role] for role in ROLES}),
    "fills on the dark page": ("fills", {role: DARK[role] for role in ROLES}),
    "edges": ("edges", EDGES),
}


# -- colours as numbers


def linear(colour: str) -> Triple:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return red, green, blue


def product(one: Triple, other: Triple) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def luminance(colour: str) -> float:
    return product((0.2126, 0.7152, 0.0722), linear(colour))


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def seen(colour: str, sight: str) -> Triple:
    """CIE Lab (D65) of a colour as somebody with that sight sees it."""
    red, green, blue = [min(max(product(row, linear(colour)), 0), 1) for row in SIGHTS[sight]]
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    fx, fy, fz = [t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z)]
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def ciede2000(one: Triple, other: Triple) -> float:
    """The distance of two Lab colours, as in Sharma, Wu and Dalal (2005)."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean_chroma = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * math.sqrt(mean_chroma**7 / (mean_chroma**7 + 25**7))
    c1, c2 = math.hypot(a1 * stretch, b1), math.hypot(a2 * stretch, b2)
    h1 = math.degrees(math.atan2(b1, a1 * stretch)) % 360
    h2 = math.degrees(math.atan2(b2, a2 * stretch)) % 360
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    mean_h = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2

    def wave(times: int, shift: float) -> float:
        return math.cos(math.radians(times * mean_h + shift))

    weight = 1 - 0.17 * wave(1, -30) + 0.24 * wave(2, 0) + 0.32 * wave(3, 6) - 0.20 * wave(4, -63)
    light = (l2 - l1) / (1 + 0.015 * (mean_l - 50) ** 2 / math.sqrt(20 + (mean_l - 50) ** 2))
    chroma = (c2 - c1) / (1 + 0.045 * mean_c)
    hue /= 1 + 0.015 * mean_c * weight
    turning = math.sin(math.radians(60 * math.exp(-(((mean_h - 275) / 25) ** 2))))
    turning *= -2 * math.sqrt(mean_c**7 / (mean_c**7 + 25**7))
    return math.sqrt(light**2 + chroma**2 + hue**2 + turning * chroma * hue)


def nearest(colours: dict[str, str]) -> tuple[float, str, str]:
    """The two that are hardest to tell apart: how far they are, who, and for whom."""
    return min(
        (ciede2000(seen(colours[one], sight), seen(colours[other], sight)), f"{one} and {other}", sight)
        for one, other in itertools.combinations(colours, 2)
        for sight in SIGHTS
    )


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [  # from the table of Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula", 2005
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1, 2), (50, 0, 0), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_distance_is_the_published_one(one: Triple, other: Triple, distance: float) -> None:
    assert ciede2000(one, other) == pytest.approx(distance, abs=0.0001)
    assert ciede2000(other, one) == pytest.approx(distance, abs=0.0001)


def test_white_is_white_for_everybody() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    for sight in SIGHTS:
        assert seen("#ffffff", sight) == pytest.approx((100, 0, 0), abs=0.1)


# -- the palette


@pytest.mark.parametrize("name", SETS)
def test_any_two_of_a_set_stay_apart_for_everybody(name: str) -> None:
    kind, colours = SETS[name]
    distance, who, sight = nearest(colours)
    assert distance >= APART[kind], f"{who}: {distance:.1f} in {sight}"


def test_the_palette_of_before_is_refused() -> None:
    distance, *_ = nearest(BEFORE)
    assert distance < APART["edges"] / 2


@pytest.mark.parametrize("page", [LIGHT, DARK], ids=["light", "dark"])
def test_text_is_readable_and_lines_are_seen(page: dict[str, str]) -> None:
    for ink in ("ink", "dim", "hot", *ROLES.upper()):
        assert contrast(page[ink], page["page"]) >= TEXT, ink
    assert contrast(page["line"], page["page"]) >= GRAPHICS
    for role in ROLES:
        for ink in (role.upper(), "ink", "dim"):
            assert contrast(page[ink], page[role]) >= TEXT, (ink, role)


@pytest.mark.parametrize("role", ROLES)
def test_a_chip_is_readable_wherever_it_stands(role: str) -> None:
    ground, ink = re.findall(r"color:(#\w{6})", chip(role, "words"))
    assert contrast(ink, ground) >= TEXT


def test_edges_stand_on_either_page() -> None:
    for role, edge in EDGES.items():
        for ground in (LIGHT["page"], DARK["page"], JUPYTERLABS_DARK_PAGE):
            assert contrast(edge, ground) >= GRAPHICS, (role, ground)


@pytest.mark.parametrize("name", STYLES)
def test_the_panel_of_replies_is_easy_to_read(name: str) -> None:
    ground = re.search(r"background-color: (#\w{6})", PANEL_STYLE)[1]
    colour = re.search(r"(?<!-)color: (#\w{6})", STYLES[name])[1]
    assert contrast(colour, ground) >= PANEL_TEXT


def test_no_other_place_has_colours_of_its_own() -> None:
    package = Path(__file__).parent.parent / "minidis"
    found = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        if path.name != "palette.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"#[0-9a-fA-F]{6}\b", line)
    ]
    assert not found
