"""Tables that are read off the package, so that they cannot go stale: strategies and emissions."""

from docutils import nodes
from docutils.statemachine import StringList
from listing import VERBS, emissions, strategies
from sphinx.util.docutils import SphinxDirective


def setup(app):
    """Register ``{strategies}`` and ``{emissions}``."""
    app.add_directive("strategies", Strategies)
    app.add_directive("emissions", Emissions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Strategies(SphinxDirective):
    """Every strategy, its names, the verbs it offers, and the first sentence of its docstring.

    With a verb as argument, only those that offer it, and no columns of verbs.
    """

    optional_arguments = 1

    def run(self):
        """Return the table."""
        rows = strategies()
        if self.arguments:
            verb = self.arguments[0]
            rows = [row for row in rows if verb in row["verbs"]]
            cells = [(_names(row), _link("tsinit.init", row), row["idea"]) for row in rows]
            return _table(self, ("name", "strategy", "idea"), cells, (22, 22, 56))
        cells = [
            (_names(row), _link("tsinit.init", row), *("yes" if v in row["verbs"] else "" for v in VERBS), row["idea"])
            for row in rows
        ]
        return _table(self, ("name", "strategy", *VERBS, "idea"), cells, (16, 16, 8, 8, 8, 44))


class Emissions(SphinxDirective):
    """Every emission, its name, and the first sentence of its docstring."""

    def run(self):
        """Return the table."""
        cells = [(_names(row), _link("tsinit.emissions", row), row["idea"]) for row in emissions()]
        return _table(self, ("name", "emission", "idea"), cells, (28, 28, 44))


def _names(row):
    return ", ".join(f'``"{name}"``' for name in row["names"])


def _link(module, row):
    return f":py:class:`~{module}.{row['name']}`"


def _table(directive, header, rows, widths):
    """Build a list table from cells in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {' '.join(map(str, widths))}", ""]
    for row in (header, *rows):
        lines += [f"   {'*' if i == 0 else ' '} - {cell}".rstrip() for i, cell in enumerate(row)]
    return _parse_rst(directive, lines)


def _parse_rst(directive, lines):
    """Parse reStructuredText whatever the page is written in."""
    from docutils.frontend import get_default_settings
    from docutils.parsers.rst import Parser
    from docutils.utils import new_document
    from sphinx.util.docutils import sphinx_domains

    settings = get_default_settings(Parser())
    settings.env = directive.env
    document = new_document("<table>", settings)
    with sphinx_domains(directive.env):
        Parser().parse("\n".join(StringList(lines)), document)
    container = nodes.container(classes=["registry"])
    container += document.children
    return [container]
