"""Bar charts as SVG, in a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from .outcome import Chart

__all__ = ["as_svg"]

_WIDTH, _LABEL, _VALUE = 840, 300, 80
_BAR, _GAP, _HEAD = 18, 6, 40
# A bar this many times the median one would press the others flat: it is cut.
_CUT = 3.0
_OURS, _OTHERS, _REFERENCE = "#0b7a4b", "#7a8a99", "#c8a032"


def as_svg(charts: Sequence[Chart]) -> str:
    """Return all charts, one below the other, each to its own scale."""
    body: list[str] = []
    top = 0
    for chart in charts:
        body += _chart(chart, top)
        top += _HEAD + len(chart.bars) * (_BAR + _GAP) + 2 * _GAP
    size = f'width="{_WIDTH}" height="{top}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif" font-size="13">'
    )
    return "\n".join((head, f'<rect {size} fill="#ffffff"/>', *body, "</svg>\n"))


def _chart(chart: Chart, top: int) -> Iterator[str]:
    yield _text(10, top + 25, chart.title, 'font-weight="bold"')
    limit = _limit(list(chart.bars.values()))
    room = _WIDTH - _LABEL - _VALUE
    for number, (name, value) in enumerate(chart.bars.items()):
        y = top + _HEAD + number * (_BAR + _GAP)
        cut = value > limit
        width = room * min(max(value, 0), limit) / limit
        yield _text(_LABEL - 8, y + 14, name, 'text-anchor="end"')
        yield (
            f'<rect x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_BAR}" '
            f'fill="{_colour(name)}"/>'
        )
        if cut:
            x = _LABEL + width - 14
            yield (
                f'<path d="M{x:.1f} {y + _BAR} l5 {-_BAR} h4 l-5 {_BAR} z" '
                'fill="#ffffff"/>'
            )
        yield _text(_LABEL + width + 6, y + 14, f"{value:,.0f} {chart.unit}")


def _limit(values: list[float]) -> float:
    """Return what the full width stands for."""
    middle = sorted(values)[len(values) // 2]
    fitting = [value for value in values if value <= _CUT * middle]
    cut = len(fitting) < len(values)
    return max(max(fitting) * (1.2 if cut else 1.0), 1e-9)


def _colour(name: str) -> str:
    if name.startswith("django-oidc-rs"):
        return _OURS
    return _REFERENCE if name.startswith("bare") else _OTHERS


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" fill="#1b1f24" {more}>{escape(text)}</text>'
