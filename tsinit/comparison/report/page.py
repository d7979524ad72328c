"""The frame of the HTML report: style, skeleton, tables and pictures, no content."""

import base64
import html
import io
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1rem; background: #fff; color: #1a1a1a;
       font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: .5rem 0; }
h1.part { margin-top: 3rem; border-top: 4px solid #0072B2; padding-top: .8rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-bottom: 2px solid #0072B2; padding-bottom: .2rem; }
h3 { font-size: 1.05rem; margin: 1.3rem 0 .3rem; }
p, li { max-width: 46rem; overflow-wrap: anywhere; }
.lead { color: #444; }
.verdict { border-left: 4px solid #0072B2; padding: .1rem 0 .1rem .8rem; margin: .8rem 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 0 1.5rem; }
figure { margin: 0 0 1rem; break-inside: avoid; }
.single figure { max-width: 46rem; }
figure img { width: 100%; height: auto; display: block; }
figcaption { font-size: .9rem; color: #444; }
.wide { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .45rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #ddd; }
thead th { white-space: normal; border-bottom: 2px solid #1a1a1a; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
td.text { text-align: left; white-space: normal; min-width: 12rem; }
pre { font-size: .75rem; overflow-x: auto; background: #f6f6f6; padding: .6rem; }
summary { cursor: pointer; font-weight: 600; }
@media screen and (max-width: 40rem) {
  .cards thead { display: none; }
  .cards table, .cards tbody, .cards tr, .cards td { display: block; width: 100%; }
  .cards tr { border: 1px solid #bbb; border-radius: .3rem; margin: 0 0 .7rem; padding: .2rem .5rem; }
  .cards td { display: flex; justify-content: space-between; gap: 1rem; white-space: normal; text-align: right; }
  .cards td::before { content: attr(data-label); text-align: left; color: #444; flex: 0 1 60%; }
  .cards td:first-child { font-weight: 600; position: static; }
  .cards td:last-child { border-bottom: 0; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .wide { overflow: visible; }
  table { font-size: 7.5pt; }
  th, td { padding: .1rem .3rem; }
  .figures { grid-template-columns: 1fr 1fr; }
  thead { display: table-header-group; }
  tr, .cards { break-inside: avoid; }
  .single figure img { width: auto; max-width: 100%; max-height: 15cm; }
  h2, h3 { break-after: avoid; }
}
"""


def page(title: str, body: str) -> str:
    """Put content into a complete document without a single outside resource.

    Parameters
    ----------
    title : str
    body : str
        HTML.
    """
    name = html.escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n<h1>{name}</h1>\n{body}\n</body>\n</html>\n"
    )


def table(
    header: list[str], rows: list[list[str]], text: Collection[int] = (), cards: bool = False
) -> str:
    """Write a table that scrolls sideways on a narrow screen.

    Parameters
    ----------
    header : list of str
    rows : list of list of str
    text : collection of int
        Columns that hold sentences and may break.
    cards : bool
        Show each row as a card on a narrow screen, instead of scrolling.
    """
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    lines = []
    for row in rows:
        cells = "".join(
            f'<td{" class=text" if i in text else ""} data-label="{html.escape(name, quote=True)}">'
            f"{html.escape(cell)}</td>"
            for i, (name, cell) in enumerate(zip(header, row, strict=True))
        )
        lines.append(f"<tr>{cells}</tr>")
    kind = "wide cards" if cards else "wide"
    return f'<div class="{kind}"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def count(runs: "pd.DataFrame", column: str, one: str, many: str | None = None) -> str:
    """Write how many different values a column has, with the noun in its number."""
    n = runs[column].nunique()
    return f"{n} {one}" if n == 1 else f"{n} {many or one + 's'}"


def figure(drawn: Any, caption: str) -> str:
    """Embed a picture as an image of its own: its ids cannot clash with those of the next.

    Parameters
    ----------
    drawn : matplotlib Figure, Axes or array of Axes
    caption : str
    """
    import matplotlib

    picture = drawn if hasattr(drawn, "savefig") else getattr(drawn, "flat", [drawn])[0].figure
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "tsinit"}):  # the same picture, the same bytes
        picture.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, dpi=150)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    text = html.escape(caption, quote=True)
    return f'<figure><img alt="{text}" src="data:image/svg+xml;base64,{data}"><figcaption>{text}</figcaption></figure>'
