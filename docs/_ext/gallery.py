"""What comes from outside of this folder: notebooks, with a gallery of their first pictures, and included texts."""

import base64
import json
import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
#: Links from notebooks and included texts to files of the checkout have no meaning on the site.
_OUTWARD = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)(?![\w.-]+\.ipynb)[^)]*\)")


def setup(app):
    """Copy the notebooks before anything is read, and register ``{gallery}``."""
    app.connect("config-inited", _copy)
    app.connect("include-read", _without_links)
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Gallery(SphinxDirective):
    """Title, first words and first picture of every notebook, in the order of their names."""

    def run(self):
        """Return one card for each notebook."""
        folder = Path(self.env.srcdir) / "notebooks"
        cards = nodes.container(classes=["gallery"])
        for path in sorted(folder.glob("*.ipynb")):
            cards += self._card(path)
        return [cards]

    def _card(self, path):
        title, words = _summary(_read(path))
        card = nodes.container(classes=["card"])
        if path.with_suffix(".png").exists():
            picture = nodes.image(uri=f"notebooks/{path.stem}.png", alt=title)
            card += nodes.reference(
                "", "", picture, internal=True, refuri=f"notebooks/{path.stem}.html"
            )
        link = nodes.reference("", title, internal=True, refuri=f"notebooks/{path.stem}.html")
        card += nodes.paragraph("", "", nodes.strong("", "", link))
        card += nodes.paragraph("", words)
        return card


def _without_links(app, path, docname, content):
    """Keep the words of links in texts that are included from outside of this folder."""
    if path.suffix == ".md" and not (Path(app.srcdir) / path).resolve().is_relative_to(
        Path(app.srcdir).resolve()
    ):
        content[0] = _OUTWARD.sub(r"\1", content[0])


def _copy(app, config):
    folder = Path(app.srcdir) / "notebooks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = _read(path)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = _OUTWARD.sub(r"\1", "".join(cell["source"]))
        (folder / path.name).write_text(json.dumps(notebook), encoding="utf-8")
        picture = _first_picture(notebook)
        if picture is not None:
            (folder / f"{path.stem}.png").write_bytes(base64.b64decode("".join(picture)))


def _read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def _first_picture(notebook):
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", []))
    return next((o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})), None)


def _summary(notebook):
    """Title and first paragraph of a notebook, without markup."""
    text = "\n\n".join(
        "".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown"
    )
    title = next(
        (line.lstrip("# ") for line in text.splitlines() if line.startswith("#")), "Notebook"
    )
    blocks = (" ".join(block.split()) for block in text.split("\n\n"))
    words = next(
        (block for block in blocks if block and not block.startswith(("#", "```", "|", "!"))), ""
    )
    return _plain(title), _plain(words)


def _plain(text):
    return re.sub(r"[`*]|\[([^\]]+)\]\([^)]*\)", r"\1", text)
