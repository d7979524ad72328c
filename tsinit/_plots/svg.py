"""Pictures as inline SVG: small, in the colours of the page, with letters that can be found and copied."""

from __future__ import annotations

import html
import io
import re
from typing import Any

from tsinit._plots import style
from tsinit._plots.imputation import SHADES

#: Colours that the page gives in a light and a dark shade, by the colour that a plot draws.
_INKS = {style.INK: "ink", style.PALE: "pale", "#ffffff": "paper", "#000000": "ink"}
_INKS |= {colour.lower(): f"c{i}" for i, colour in enumerate(style.COLOURS[:6])}
#: The shades of bands, which a plot mixes with white and a page with its paper.
_INKS |= {shade: f"band{i}" for i, shade in enumerate(SHADES)}
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_NUMBER = re.compile(r"-?\d+\.\d+")
#: Attributes that hold lengths and places.
_GEOMETRY = re.compile(r' (?:d|x|y|width|height|points|viewBox)="[^"]*"')
#: What every id begins with; a page puts the number of the picture there.
MARK = "picture-"
_TAG = re.compile(r"<[^>]*>")
_LOCAL = re.compile(r'(\bid="|href="#|url\(#)')
#: Marks of one kind beside each other; from so many on they become the corners of one line.
_MARKS = re.compile(
    r'(?:<use href="#(?P<mark>[\w-]+)" x="[^"]*" y="[^"]*"(?P<look> style="[^"]*")?/>){8,}'
)
_PATH = re.compile(r"\s*([MLCQz])\s*")
_PLACE = re.compile(r' x="([^"]*)" y="([^"]*)"')
#: The page has its own typeface.
_TYPEFACE = re.compile(r"font-family: [^;\"]*;? ?|(?<=px )'[^;\"]*(?=;)")
#: Settings of matplotlib under which a picture is written.
_SETTINGS: Any = {"svg.hashsalt": "tsinit", "svg.fonttype": "none", "path.simplify_threshold": 0.4}


def inline(drawn: Any, label: str) -> str:
    """Write a picture as an ``<svg>`` element; its ids begin with ``MARK``, by which a page tells pictures apart.

    Parameters
    ----------
    drawn : matplotlib Figure, Axes or array of Axes
        Left as it is.
    label : str
        What it shows, for those who do not see it.

    Returns
    -------
    str
    """
    import matplotlib

    picture = drawn if hasattr(drawn, "savefig") else getattr(drawn, "flat", [drawn])[0].figure
    buffer = io.BytesIO()
    with matplotlib.rc_context(_SETTINGS):  # the same picture, the same bytes
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        picture.savefig(buffer, format="svg", metadata=nothing, dpi=110)
    text = _lean(buffer.getvalue().decode("utf-8"))
    name = html.escape(label, quote=True)
    return re.sub(
        r"<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>",
        rf'<svg role="img" viewBox="\1"><title>{_literal(name)}</title>',
        text,
        count=1,
    )


def _literal(text: str) -> str:
    """Have a text stand in a replacement as it is."""
    return text.replace("\\", "\\\\")


def _lean(text: str) -> str:
    """Leave out what no browser needs, and name what a page names."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # The rule for all strokes would reach every other picture of the page: there it stands in the page's own style.
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r">\s+<", "><", text)
    # Only within tags: names of columns and starts may hold anything.
    text = _TAG.sub(lambda found: _lean_tag(found[0]), text)
    return _without_frames(_joined_marks(text))


def _lean_tag(tag: str) -> str:
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    tag = _GEOMETRY.sub(lambda found: _NUMBER.sub(_rounded, found[0]), tag)
    tag = re.sub(r' transform="rotate\(-?0 [^"]*"', "", tag)
    tag = re.sub(r' d="[^"]*"', lambda found: _PATH.sub(r"\1", found[0]).replace(" \n", ""), tag)
    tag = _COLOUR.sub(lambda found: _ink(found[0]), tag)
    tag = _TYPEFACE.sub(_kept_size, tag).replace("xlink:href", "href")
    return _LOCAL.sub(rf"\1{MARK}", tag)


def _rounded(found: re.Match[str]) -> str:
    """A tenth of a point is less than anybody sees."""
    value = f"{float(found[0]):.1f}"
    return value.removesuffix(".0").replace("-0.", "-.") if value != "-0.0" else "0"


def _kept_size(found: re.Match[str]) -> str:
    """Leave the size of a shorthand, which must name a typeface."""
    return "system-ui, sans-serif" if found[0].startswith("'") else ""


def _ink(colour: str) -> str:
    return f"var(--{_INKS[colour]})" if colour in _INKS else colour


def _joined_marks(text: str) -> str:
    """Write marks of one kind as one line that has the mark at every corner: a fifth of the length."""

    def join(found: re.Match[str]) -> str:
        mark, look = found["mark"], found["look"] or ""
        uses = found[0].split("/>")[:-1]
        if any(f'"#{mark}"' not in use or look not in use for use in uses):
            return found[0]
        shape = re.search(rf'<path id="{mark}" d="([^"]*)"( style="[^"]*")?', text)
        if shape is None:
            return found[0]
        name = f"{mark}m{found.start():x}"
        places = " ".join(",".join(_PLACE.search(use).groups()) for use in uses)  # type: ignore[union-attr]
        drawn = f'<path d="{shape[1]}"{look or shape[2] or ""}/>'
        return (
            f'<marker id="{name}" markerUnits="userSpaceOnUse" overflow="visible">{drawn}</marker>'
            f'<polyline points="{places}" fill="none" stroke="none" marker-start="url(#{name})" '
            f'marker-mid="url(#{name})" marker-end="url(#{name})"/>'
        )

    return _MARKS.sub(join, text)


def _without_frames(text: str) -> str:
    """Drop groups that hold one thing and say nothing of it."""
    while True:
        shorter = re.sub(
            r"<g>((?:<(?:path|use|text)\b[^<]*/>|<text[^<]*</text>)*)</g>", r"\1", text
        )
        shorter = shorter.replace("<defs></defs>", "")
        if shorter == text:
            return text
        text = shorter
