"""Equations as MathML, made at build time: pages need no script, no fonts and no network to show them."""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import ExtensionError


def setup(app):
    """Register the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer, node):
    writer.body.append(_convert(node, as_block=False))
    raise nodes.SkipNode


def _block(writer, node):
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    writer.body.append(f'<div class="equation">{number}{_convert(node, as_block=True)}</div>')
    raise nodes.SkipNode


def _convert(node, as_block):
    text = node.astext().strip()
    if as_block and r"\\" in text and r"\begin" not in text:
        text = rf"\begin{{aligned}} {text} \end{{aligned}}"
    try:
        return tex2mathml(text, as_block=as_block)
    except Exception as error:
        # A wrong equation must stop the build, not reach a reader as source.
        raise ExtensionError(f"cannot convert the equation {text!r}: {error}") from error
