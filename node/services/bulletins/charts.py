"""Charts and a map as SVG, made here: bars, columns, and circles where countries lie.

Colours and sizes are presentation attributes, so that a page, a printer and a converter show the same. Every chart has
a title for those who hear it, and the same figures stand in a table beside it. What is suppressed is drawn hatched and
without a length, so that it is not taken for 0.

The map has no borders: circles by area over a net of meridians and parallels, in the Equal Earth projection (Šavrič,
Patterson, Jenny, "The Equal Earth map projection", International Journal of Geographical Information Science 33, 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, SubElement

from node.services.bulletins.places import POINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 640
INK, PAPER, BAR, HATCH, LINE = "#16252d", "#ffffff", "#0d5c70", "#c9d3d6", "#d8dcd8"
_FONT: Final = "IBM Plex Sans, Noto Sans, Arial, sans-serif"
_ROW: Final = 24
_LABEL: Final = 190
_HEIGHT: Final = 220
_A: Final = (1.340264, -0.081106, 0.000893, 0.003796)
_M: Final = math.sqrt(3) / 2
_LARGEST: Final = 22.0
"""Radius of the largest circle."""
_LETTER: Final = 6.4
"""About how wide a letter is at size 12."""


@dataclass(frozen=True, slots=True)
class Datum:
    """One bar, column or circle; `n` None where it is suppressed. `code` places it on the map."""

    code: str
    label: str
    n: float | None


def bars(data: Sequence[Datum], *, title: str) -> Element:
    """Horizontal bars, in the order given, each with its figure."""
    svg = _svg(len(data) * _ROW + 8, title)
    room = WIDTH - _LABEL - 70
    most = max((one.n or 0 for one in data), default=0) or 1
    for at, one in enumerate(data):
        y = at * _ROW + 4
        _text(svg, _LABEL - 8, y + 15, _cut(one.label, _LABEL - 12), anchor="end")
        if one.n is None:
            _box(svg, _LABEL, y + 3, 40, _ROW - 8, "url(#h)")
            _text(svg, _LABEL + 48, y + 15, "—")
        else:
            length = max(1.0, room * one.n / most) if one.n else 0.0
            _box(svg, _LABEL, y + 3, length, _ROW - 8, BAR)
            _text(svg, _LABEL + length + 6, y + 15, _number(one.n))
    return svg


def columns(data: Sequence[Datum], *, title: str) -> Element:
    """Columns by time, in the order given, over one line; labels are thinned out where they would touch."""
    svg = _svg(_HEIGHT + 34, title)
    most = max((one.n or 0 for one in data), default=0) or 1
    step = (WIDTH - 20) / max(1, len(data))
    every = max(1, math.ceil(max((len(one.label) for one in data), default=1) * _LETTER / step))
    for at, one in enumerate(data):
        x = 10 + at * step
        if one.n is None:
            _box(svg, x + 1, _HEIGHT - 20, max(1.0, step - 3), 20, "url(#h)")
        else:
            height = (_HEIGHT - 20) * one.n / most
            _box(svg, x + 1, _HEIGHT - height, max(1.0, step - 3), height, BAR)
            if step > _LETTER * len(_number(one.n)):
                _text(svg, x + step / 2, _HEIGHT - height - 5, _number(one.n), anchor="middle")
        if at % every == 0:
            _text(svg, x + step / 2, _HEIGHT + 16, one.label, anchor="middle")
    SubElement(svg, "line", _attributes(x1=10, y1=_HEIGHT, x2=WIDTH - 10, y2=_HEIGHT, stroke=INK))
    return svg


def world(data: Sequence[Datum], *, title: str) -> Element:
    """Circles whose area is the figure, the largest first; numbers refer to the table beside the map.

    A code without a point, and what is suppressed, are not drawn: the table has them.
    """
    height = 312
    svg = _svg(height, title)
    for lat in range(-60, 90, 30):
        _path(svg, [project(lat, lon, height) for lon in range(-180, 181, 10)])
    for lon in range(-180, 181, 30):
        _path(svg, [project(lat, lon, height) for lat in range(-90, 91, 10)])
    most = max((one.n or 0 for one in data), default=0) or 1
    drawn = [(at, one) for at, one in enumerate(data, start=1) if one.n and one.code in POINTS]
    for _, one in sorted(drawn, key=lambda pair: -(pair[1].n or 0)):
        x, y = project(*POINTS[one.code], height)
        radius = max(3.0, _LARGEST * math.sqrt((one.n or 0) / most))
        circle = SubElement(
            svg, "circle", _attributes(cx=x, cy=y, r=radius, fill=BAR, stroke=PAPER)
        )  # fmt: skip
        circle.set("fill-opacity", "0.75")
        SubElement(circle, "title").text = f"{one.label}: {_number(one.n or 0)}"
    for at, one in drawn[:12]:
        x, y = project(*POINTS[one.code], height)
        small = _LARGEST * math.sqrt((one.n or 0) / most) < 9  # noqa: PLR2004 - a number needs so much room
        _text(svg, x + (8 if small else 0), y + 4, str(at), anchor="start" if small else "middle",
              fill=INK if small else PAPER)  # fmt: skip
    return svg


def project(lat: float, lon: float, height: float) -> tuple[float, float]:
    """A point of the map in pixels, from degrees (Equal Earth, equations 7 and 9).

    >>> x, y = project(0, 0, 312)
    >>> (round(x), round(y))
    (320, 156)
    """
    theta = math.asin(_M * math.sin(math.radians(lat)))
    square = theta * theta
    sixth = square**3
    a1, a2, a3, a4 = _A
    x = math.radians(lon) * math.cos(theta) / (_M * (a1 + 3 * a2 * square + sixth * (7 * a3 + 9 * a4 * square)))
    y = theta * (a1 + a2 * square + sixth * (a3 + a4 * square))
    scale = (WIDTH - 10) / (2 * 2.70663)  # the equator is this long
    return WIDTH / 2 + x * scale, height / 2 - y * scale


def _svg(height: float, title: str) -> Element:
    svg = Element("svg", _attributes(viewBox=f"0 0 {WIDTH} {height:g}", width=WIDTH, height=height, role="img"))
    svg.set("xmlns", "http://www.w3.org/2000/svg")
    svg.set("direction", "ltr")
    svg.set("font-family", _FONT)
    svg.set("font-size", "12")
    SubElement(svg, "title").text = title
    defs = SubElement(svg, "defs")
    hatch = SubElement(defs, "pattern", _attributes(id="h", width=6, height=6, patternUnits="userSpaceOnUse"))
    _box(hatch, 0, 0, 6, 6, PAPER)
    stroke = SubElement(hatch, "path", _attributes(d="M0 6 L6 0", stroke=HATCH))
    stroke.set("stroke-width", "2")
    return svg


def _box(svg: Element, x: float, y: float, width: float, height: float, fill: str) -> None:  # noqa: PLR0917 - a box
    SubElement(svg, "rect", _attributes(x=x, y=y, width=width, height=height, fill=fill))


def _text(svg: Element, x: float, y: float, text: str, *, anchor: str = "start", fill: str = INK) -> None:
    label = SubElement(svg, "text", _attributes(x=x, y=y, fill=fill))
    label.set("text-anchor", anchor)
    label.text = text


def _path(svg: Element, points: Sequence[tuple[float, float]]) -> None:
    d = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    SubElement(svg, "path", _attributes(d=d, fill="none", stroke=LINE))


def _attributes(**values: float | str) -> dict[str, str]:
    return {name: value if isinstance(value, str) else f"{value:g}" for name, value in values.items()}


def _cut(label: str, room: float) -> str:
    letters = int(room / _LETTER)
    return label if len(label) <= letters else label[: letters - 1] + "…"


def _number(n: float) -> str:
    """A figure with thin spaces between thousands.

    >>> _number(1234567.0), _number(2.5)
    ('1\u202f234\u202f567', '2.5')
    """
    return f"{n:,.0f}".replace(",", "\u202f") if n == int(n) else f"{n:g}"
