"""What the registries of the package hold, as rows of a table."""

import ast
import inspect
from pathlib import Path

import tsinit
from tsinit import emissions as kinds
from tsinit import init
from tsinit.init import registry

VERBS = ("dynamics", "labels", "fill", "point")


def strategies() -> list[dict]:
    """List the public strategies of `tsinit.init` with their registered names and verbs, most verbs first.

    Returns
    -------
    list of dict
        Keys ``name`` (of the class), ``names`` (registered), ``verbs``, ``idea``.
    """
    registered: dict[str, list[str]] = {}
    for name, known in sorted(registry._REGISTERED.items()):
        if known.kind is not None:
            registered.setdefault(known.kind.__name__, []).append(name)
    rows = []
    for name in init.__all__:
        kind = getattr(init, name)
        verbs = [
            verb for verb in VERBS if inspect.isclass(kind) and callable(getattr(kind, verb, None))
        ]
        if verbs:
            rows.append({"name": name, "names": registered.get(name, []), "verbs": verbs,
                         "idea": _first_sentence(kind)})  # fmt: skip
    return sorted(
        rows, key=lambda row: (-len(row["verbs"]), VERBS.index(row["verbs"][0]), row["name"])
    )


def emissions() -> list[dict]:
    """List the emissions in the order of their names.

    Returns
    -------
    list of dict
        Keys ``name`` (of the class), ``names`` (to ask for it by), ``idea``.
    """
    names: dict[type, list[str]] = {}
    for name in kinds.names():
        names.setdefault(type(kinds.resolve(name)), []).append(name)
    return [
        {"name": c.__name__, "names": of_class, "idea": _first_sentence(c)}
        for c, of_class in names.items()
    ]


def house() -> list[tuple[str, str]]:
    """List the parts of the package and what each says of itself.

    Returns
    -------
    list of (str, str)
        Name of the module or folder, and the first sentence of its docstring.
    """
    folder = Path(tsinit.__file__).parent
    modules = [
        *folder.glob("[a-z]*.py"),
        *folder.glob("[a-z]*/__init__.py"),
        folder / "_validate" / "__init__.py",
    ]
    parts = {
        path.parent.name + "/" if path.stem == "__init__" else path.name: path for path in modules
    }
    docstrings = {
        name: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        for name, path in parts.items()
    }
    return [(name, _first_paragraph(docstrings[name])) for name in sorted(docstrings)]


def _first_sentence(kind: type) -> str:
    return _first_paragraph(inspect.getdoc(kind))


def _first_paragraph(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())
