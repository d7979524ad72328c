"""What the registries of the package hold, as rows of a table."""

import inspect

from tsinit import emissions as kinds
from tsinit import init
from tsinit.init import _registry

VERBS = ("dynamics", "labels", "fill")


def strategies():
    """List the public strategies of `tsinit.init` with their registered names and verbs, most verbs first.

    Returns
    -------
    list of dict
        Keys ``name`` (of the class), ``names`` (registered), ``verbs``, ``idea``.
    """
    registered: dict[str, list[str]] = {}
    for name in init.names():
        registered.setdefault(type(_registry._FACTORIES[name]()).__name__, []).append(name)
    rows = []
    for name in init.__all__:
        kind = getattr(init, name)
        verbs = [verb for verb in VERBS if inspect.isclass(kind) and callable(getattr(kind, verb, None))]
        if verbs:
            rows.append({"name": name, "names": registered.get(name, []), "verbs": verbs,
                         "idea": _first_sentence(kind)})  # fmt: skip
    return sorted(rows, key=lambda row: (-len(row["verbs"]), VERBS.index(row["verbs"][0]), row["name"]))


def emissions():
    """List the emissions in the order of their names.

    Returns
    -------
    list of dict
        Keys ``name`` (of the class), ``names`` (to ask for it by), ``idea``.
    """
    classes = {name: type(kinds.resolve(name)) for name in kinds.names()}
    return [{"name": c.__name__, "names": [name], "idea": _first_sentence(c)} for name, c in classes.items()]


def _first_sentence(kind):
    return " ".join(inspect.getdoc(kind).split("\n\n")[0].split())
