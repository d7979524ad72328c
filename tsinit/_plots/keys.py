"""What colours and marks mean, as small drawings beside a block of pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from tsinit._plots import style
from tsinit._plots.imputed_classes import KEY_SHADES
from tsinit._plots.imputed_limits import ABOVE, BELOW, COLOUR, mark_of
from tsinit._plots.segmentation import look

if TYPE_CHECKING:
    from tsinit._typing import IntArray

#: Marks of the palette, in the middle of 36 by 18.
_SHAPES = (
    '<circle cx="18" cy="9" r="4.5" {}/>',
    '<rect x="14" y="5" width="8" height="8" {}/>',
    '<path d="M18 4L23 13L13 13z" {}/>',
    '<path d="M18 3.5L23.5 9L18 14.500L12.5 9z" {}/>',
    '<path d="M18 14L23 5L13 5z" {}/>',
    '<path d="M18 4V14M13 9H23" stroke-width="4" {}/>',
    '<path d="M14 5L22 13M14 13L22 5" stroke-width="3" {}/>',
)
_DASHES = ("", "7 4", "9 3 2 3", "2 3", "9 2", "7 3 2 3 2 3 2 3", "2 2")


def strategies(names: Iterable[str], order: Iterable[str]) -> list[tuple[str, str]]:
    """Key of the starts, in an order of their own.

    Parameters
    ----------
    names : iterable of str
        In the order that gives them their colours.
    order : iterable of str
        Those to explain.
    """
    place = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return [(_of_start(place[name]), name) for name in order]


def _of_start(i: int) -> str:
    colour = _colour(style.COLOURS[i % 7])
    dash = _DASHES[(i + i // 7) % 7]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    look = f'fill="{colour}" stroke="{colour}"'
    return (
        f'<path d="M1 9H35" fill="none" stroke="{colour}" stroke-width="2.2"{dashed}/>'
        + _SHAPES[i % 7].format(look)
    )


def line(colour: str, text: str, marks: str = "") -> tuple[str, str]:
    """Key of a line, with or without dots: ``"o"``, ``"x"``."""
    ink = _colour(colour)
    cross = f'<path d="M14 5L22 13M14 13L22 5" stroke="{ink}" stroke-width="2"/>'
    dot = f'<circle cx="18" cy="9" r="3.5" fill="{ink}"/>'
    drawn = {
        "o": f'<path d="M1 9H35" stroke="{ink}" stroke-width="1.5"/>{dot}',
        ".": dot,
        "x": cross,
        "": f'<path d="M1 9H35" stroke="{ink}" stroke-width="2"/>',
    }
    return drawn[marks], text


def area(colour: str, text: str, opacity: float) -> tuple[str, str]:
    """Key of a shade."""
    return (
        f'<rect x="1" y="1" width="34" height="16" fill="{_colour(colour)}" opacity="{opacity}"/>',
        text,
    )


def _colour(colour: str) -> str:
    """The page's name of a colour of the palette."""
    palette = [one.lower() for one in style.COLOURS[:6]]
    return f"var(--c{palette.index(colour.lower())})" if colour.lower() in palette else "var(--ink)"


OBSERVED = [
    line(style.COLOURS[0], "observed", "o"),
    area(style.COLOURS[1], "missing (as high as the share, where steps are many)", 0.3),
]
SMOOTHED = [
    line(style.INK, "observed", "."),
    line(style.COLOURS[0], "smoothed"),
    area(style.COLOURS[5], "holds 95 % of new values", 0.35),
    line(style.COLOURS[1], "missing, filled in", "x"),
]
_NUMBERS = [
    line(style.COLOURS[1], "posterior mean of what is missing"),
    area(style.COLOURS[0], "holds it with 50 %", 0.5),
    area(style.COLOURS[0], "holds it with 90 %", 0.28),
]


def imputed(numbers: bool, classes: bool, limits: Iterable[str]) -> list[tuple[str, str]]:
    """Key of filled columns.

    Parameters
    ----------
    numbers, classes : bool
        Whether there are columns of these.
    limits : iterable of str
        Names of the marks of limits that are drawn.
    """
    found = [line(style.INK, "observed"), *(_NUMBERS if numbers else [])]
    if classes:
        ink = _colour(style.COLOURS[0])
        shades = "".join(
            f'<rect x="{12 * i}" y="1" width="12" height="16" fill="{ink}" opacity="{alpha}"/>'
            for i, alpha in enumerate(KEY_SHADES)
        )
        found.append(line(style.COLOURS[1], "most probable class of what is missing"))
        found.append((shades, "the darker, the more probable a class"))
    for name in limits:
        drawn = "".join(
            f"{'ML'[code == 2]}{18 + 8 * x:g} {9 - 8 * y + (-4 if name == BELOW else 4 if name == ABOVE else 0):g}"
            for (x, y), code in zip(*_corners(name), strict=True)
        )
        ink = _colour(COLOUR)
        found.append((f'<path d="{drawn}" fill="none" stroke="{ink}" stroke-width="1.5"/>', name))
    return found


def _corners(name: str) -> tuple[list[tuple[float, float]], list[int]]:
    mark = mark_of(name)
    return mark.vertices.tolist(), mark.codes.tolist()


def regimes(labels: IntArray) -> list[tuple[str, str]]:
    """Key of a segmentation.

    Parameters
    ----------
    labels : (T,) int
        The states.
    """
    found = [line(style.INK, "observed")]
    for k in np.unique(labels):
        face, hatch = look(int(k))["facecolor"], look(int(k))["hatch"]
        found.append(area(face, f"state {k}{', hatched' if hatch else ''}", 0.5))
    return found
