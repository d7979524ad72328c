"""The frame of the HTML report: skeleton, contents, tables, keys and pictures, no content."""

import contextlib
import html
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tsinit.comparison.report.look import CSS, SCRIPT

if TYPE_CHECKING:
    import pandas as pd

_HEADING = re.compile(r'<(h1 class="part"|h2)>(.*?)</h[12]>')
_TAG = re.compile(r"<[^>]*>")
_LOOK = re.compile(r' style="([^"]*)"')
#: A look that occurs as often is written once, as a class.
_OFTEN = 4


def page(title: str, body: str) -> str:
    """Put content into a complete document without a single outside resource, with a bar of contents.

    Parameters
    ----------
    title : str
    body : str
        HTML; its headings of parts and sections become the contents.
    """
    name = html.escape(title)
    links: list[str] = []

    def anchored(found: re.Match[str]) -> str:
        opening, text = found[1], found[2]
        kind = "part" if opening.startswith("h1") else ""
        mark = f"s{len(links) + 1}"
        links.append(f'<a href="#{mark}"{f" class={kind}" if kind else ""}>{text}</a>')
        return f'<{opening} id="{mark}">{text}</{opening[:2]}>'

    body, looks = _classes(_apart(_HEADING.sub(anchored, body)))
    contents = f'<nav aria-label="Contents"><div tabindex="0">{"".join(links)}</div></nav>\n'
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # An icon of its own, or browsers ask for one.
        '<link rel="icon" href="data:,">\n'
        f"<title>{name}</title>\n<style>{CSS}{looks}</style>\n</head>\n<body>\n{contents if links else ''}"
        f"<main>\n<h1>{name}</h1>\n{body}\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _apart(body: str) -> str:
    """Give the ids of each picture its number: two pictures may be the same."""
    from tsinit._plots.svg import MARK

    first, *others = body.split("<svg ")
    return first + "".join(
        _numbered(f"<svg {part}", MARK, f"p{i}") for i, part in enumerate(others)
    )


def _numbered(text: str, mark: str, name: str) -> str:
    return _TAG.sub(lambda tag: tag[0].replace(mark, name), text) if mark in text else text


def _classes(body: str) -> tuple[str, str]:
    """Write looks that occur often as classes."""
    counts = Counter(look for tag in _TAG.findall(body) for look in _LOOK.findall(tag))
    names = {look: f"l{i}" for i, (look, n) in enumerate(counts.items()) if n >= _OFTEN}

    def short(found: re.Match[str]) -> str:
        return f' class="{names[found[1]]}"' if found[1] in names else found[0]

    body = _TAG.sub(lambda tag: _LOOK.sub(short, tag[0]), body)
    return body, "".join(f".{name}{{{look}}}\n" for look, name in names.items())


def table(
    header: list[str], rows: list[list[str]], text: Collection[int] = (), cards: bool = False
) -> str:
    """Write a table that scrolls sideways on a narrow screen, and is sorted by a click on the head of a column.

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
    labels = [f' data-label="{html.escape(name, quote=True)}"' if cards else "" for name in header]
    lines = []
    for row in rows:
        cells = "".join(
            f"<td{' class=text' if i in text else ''}{label}>{html.escape(cell)}</td>"
            for i, (label, cell) in enumerate(zip(labels, row, strict=True))
        )
        lines.append(f"<tr>{cells}</tr>")
    kind = "wide cards" if cards else "wide"
    return (
        f'<div class="{kind}" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def count(runs: "pd.DataFrame", column: str, one: str, many: str | None = None) -> str:
    """Write how many different values a column has, with the noun in its number."""
    return number_of(runs[column].nunique(), one, many)


def number_of(n: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun."""
    return f"{n:,} {one}" if n == 1 else f"{n:,} {many or one + 's'}"


def figure(drawn: Any, caption: str, keys: bool = True) -> str:
    """Embed a picture, in the colours of the page.

    Parameters
    ----------
    drawn : matplotlib Figure, Axes or array of Axes
    caption : str
    keys : bool
        Leave the legends of the picture where they are; without it they are taken off, for the page has its own.
    """
    from tsinit._plots import svg

    axes = (
        getattr(drawn, "axes", None)
        if hasattr(drawn, "savefig")
        else getattr(drawn, "flat", [drawn])
    )
    for ax in () if keys else axes or ():
        if ax.get_legend() is not None:
            ax.get_legend().remove()
    text = html.escape(caption, quote=True)
    return f"<figure>{svg.inline(drawn, caption)}<figcaption>{text}</figcaption></figure>"


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Draw pictures for a page: letters and lines as they suit one."""
    import matplotlib

    with matplotlib.rc_context({"font.size": 9.0, "path.simplify_threshold": 0.4}):
        yield


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """Write what marks mean, beside all pictures that have them.

    Parameters
    ----------
    entries : iterable of (str, str)
        The inside of an SVG of 36 by 18, and what it means.
    """
    items = "".join(
        f'<li><svg viewBox="0 0 36 18" aria-hidden="true">{drawn}</svg>{html.escape(text)}</li>'
        for drawn, text in entries
    )
    return f'<ul class="keys">{items}</ul>'


def figures(pictures: Iterable[str], single: bool = False) -> str:
    """Put pictures beside each other as the screen has room, or below each other."""
    joined = "".join(pictures)
    return f'<div class="{"single" if single else "figures"}">{joined}</div>' if joined else ""
