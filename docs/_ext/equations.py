"""Equations as drawings, made at build time: pages need no script, no fonts and no network to show them."""

from functools import cache
from html import escape
from xml.etree import ElementTree

import ziamath
from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)
ziamath.config.svg2 = False  # paths in place: names of shared symbols would clash on a page
_SIZE = 16.0  # pixels that one em of the text stands for


def setup(app):
    """Register the renderer ``drawn``."""
    app.add_html_math_renderer(
        "drawn", inline_renderers=(_inline, None), block_renderers=(_block, None)
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer, node):
    writer.body.append(_draw(node, block=False))
    raise nodes.SkipNode


def _block(writer, node):
    writer.body.append(f'<div class="equation">{_draw(node, block=True)}</div>')
    raise nodes.SkipNode


def _draw(node, block):
    text = " ".join(node.astext().split())
    try:
        # Equations side by side may stand below each other where the page is narrow.
        return " ".join(_svg(part.strip(), block) for part in text.split(r"\qquad"))
    except Exception as error:
        logger.warning(
            "cannot draw the equation %r: %s", text, error, location=node, type="equations"
        )
        return f"<code>{escape(text)}</code>"


@cache
def _svg(text, block):
    """Draw an equation in the colour of the text, as large as the text is, with its source for who cannot see."""
    # A relation needs more room than this layout gives it.
    spaced = text.replace(r"\sim", r"\;\sim\;").replace(r"\mid", r"\;\mid\;")
    drawn = ziamath.Latex(spaced, size=_SIZE, color="currentColor", inline=not block)
    svg = drawn.svgxml()
    _, top, _, height = (float(number) for number in svg.get("viewBox").split())
    for name in ("width", "height"):
        svg.set(name, f"{float(svg.get(name)) / _SIZE:.3f}em")
    svg.set("style", f"vertical-align: {-(height + top) / _SIZE:.3f}em")
    svg.set("role", "img")
    svg.set("aria-label", text)
    return ElementTree.tostring(svg, encoding="unicode")
