"""Tables that are read off the package, so that they cannot go stale: strategies, emissions, its own parts."""

from collections.abc import Iterable

from docutils import nodes
from docutils.statemachine import StringList
from listing import emissions, house, strategies
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def setup(app: Sphinx) -> dict[str, bool]:
    """Register ``{strategies}``, ``{emissions}`` and ``{house}``."""
    app.add_directive("strategies", Strategies)
    app.add_directive("emissions", Emissions)
    app.add_directive("house", House)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Strategies(SphinxDirective):
    """Every strategy, its names, the verbs it offers, and the first sentence of its docstring.

    With a verb as argument, only those that offer it, and no column of verbs.
    """

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        if self.arguments:
            chosen = [row for row in strategies() if self.arguments[0] in row["verbs"]]
            return _table(
                self,
                ("strategy", "idea"),
                [(_called(row), row["idea"]) for row in chosen],
                (30, 70),
            )
        cells = [(_called(row), ", ".join(row["verbs"]), row["idea"]) for row in strategies()]
        return _table(self, ("strategy", "offers", "idea"), cells, (28, 20, 52))


class Emissions(SphinxDirective):
    """Every emission, its name, and the first sentence of its docstring."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        cells = [(_called(row, "tsinit.emissions"), row["idea"]) for row in emissions()]
        return _table(self, ("emission", "idea"), cells, (40, 60))


class House(SphinxDirective):
    """The parts of the package, and the first sentence of what each says of itself."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        return _table(
            self,
            ("in tsinit/", "what"),
            [(f"``{name}``", what) for name, what in house()],
            (24, 76),
        )


def _called(row: dict, module: str = "tsinit.init") -> str:
    """Give the names to ask for it by, and the class."""
    return ", ".join(
        [f'``"{name}"``' for name in row["names"]] + [f":py:class:`~{module}.{row['name']}`"]
    )


def _table(
    directive: SphinxDirective, header: tuple, rows: Iterable[tuple], widths: tuple[int, ...]
) -> list[nodes.Node]:
    """Build a list table from cells in reStructuredText."""
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        f"   :widths: {' '.join(map(str, widths))}",
        "",
    ]
    for row in (header, *rows):
        lines += [f"   {'*' if i == 0 else ' '} - {cell}".rstrip() for i, cell in enumerate(row)]
    return _parse_rst(directive, lines)


def _parse_rst(directive: SphinxDirective, lines: list[str]) -> list[nodes.Node]:
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
