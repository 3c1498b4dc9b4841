from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from psyche_cli.plots import Curve, Timeline, number_text, svg_plot, text_plot

SVG = "{http://www.w3.org/2000/svg}"


def test_a_line_in_plain_characters() -> None:
    curve = Curve("Rising", [0, 1, 2, 3], "first", "last")
    assert text_plot(curve, width=15, height=4, braille=False) == [
        "Rising",
        "3 |          **",
        "  |      *****",
        "  |  *****",
        "0 |***",
        "   first   last",
    ]


def test_a_line_in_braille() -> None:
    curve = Curve("Rising", [float(i) for i in range(8)], "a", "b")
    assert text_plot(curve, width=7, height=2) == ["Rising", "7 │  ⣠⠞", "0 │⣠⠞⠁", "   a  b"]


@pytest.mark.parametrize("values", [[], [math.nan], [5.0], [5.0, 5.0], [math.inf, 1.0, math.nan, 2.0]])
def test_values_without_a_curve(values: list[float]) -> None:
    curve = Curve("x", values, "a", "b")
    assert len(text_plot(curve, width=40, height=5)) == 7
    ElementTree.fromstring(svg_plot([curve], title="t", description="d"))


@example([math.inf, 0.0], 2, 2, False)
@given(st.lists(st.floats(), max_size=50), st.integers(1, 200), st.integers(2, 12), st.booleans())
def test_any_values_have_a_plot_that_fits(values: list[float], width: int, height: int, braille: bool) -> None:
    curve = Curve("title", values, "1", "9")
    title, *rows, axis = text_plot(curve, width=width, height=height, braille=braille)
    assert (title, len(rows)) == ("title", height)
    margin = rows[0].index("│" if braille else "|")
    assert all(len(row) <= max(width, margin + 2) for row in rows)
    assert braille or "".join(rows).isascii()
    assert axis.split() == ["1", "9"]
    drawn = any(set(row[margin + 1 :]) - {" "} for row in rows)
    columns = max(width - margin - 1, 1) * (2 if braille else 1)
    # With fewer columns than values, the finite ones may be among those left out.
    assert drawn == any(map(math.isfinite, values)) or len(values) > columns


def test_an_svg_is_one_document_without_anything_active() -> None:
    curves = [Curve("<Rate> & co", [0.0, math.nan, 1.0, 2.0], "1", "9"), Curve("Size", [4.0, 4.0], "1", "9")]
    root = ElementTree.fromstring(svg_plot(curves, title="a < b", description='"d"'))
    assert root.tag == f"{SVG}svg"
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        *("svg", "title", "desc", "rect", "text", "line", "polyline"),
    }
    assert root.findtext(f"{SVG}title") == "a < b"
    assert "<Rate> & co" in [text.text for text in root.iter(f"{SVG}text")]
    points = [line.attrib["points"].split() for line in root.iter(f"{SVG}polyline")]
    assert [len(piece) for piece in points] == [1, 2, 2]
    ends = [float(point.partition(",")[0]) for point in (points[0][0], points[1][-1])]
    assert ends == [100.0, 830.0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (16384.0, "16384"), (0.0004, "0.0004"), (1.23456e-7, "1.235e-07"), (1e300, "1e+300")],
)
def test_numbers(value: float, text: str) -> None:
    assert number_text(value) == text


def test_a_timeline_is_a_band_with_a_legend_of_what_occurs() -> None:
    timeline = Timeline("State", ["a", "a", "b<", "a"], ["b<", "a", "c"], "0s", "9s")
    root = ElementTree.fromstring(svg_plot([timeline, Curve("C", [1.0], "0", "9")], title="t", description="d"))
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert texts[:6] == ["t", "State", "0s", "9s", "b<", "a"]
    band = [one for one in root.iter(f"{SVG}rect") if one.find(f"{SVG}title") is not None]
    assert [one.find(f"{SVG}title").text for one in band] == ["a", "b<", "a"]  # type: ignore[union-attr]
    widths = [float(one.attrib["width"]) for one in band]
    assert widths == [365.0, 182.5, 182.5]
    assert band[0].attrib["fill"] == band[2].attrib["fill"] != band[1].attrib["fill"]
