"""Imports point down only."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tsinit"

#: Lowest first; a module may import what lies strictly lower, or its own part.
LAYERS = [
    ("kernels", "_typing", "_deprecation", "_interrupt"),
    ("_validate", "_spectrum", "_atomic"),
    ("metrics",),
    ("datasets", "emissions", "partitions", "pooling", "structures"),
    ("init", "result"),
    ("models",),
    ("adapters",),
    ("comparison", "speech"),
    ("plots", "_plots"),
    ("tables",),
    ("cli", "_cli", "demo", "__main__"),
]
HEIGHT = {part: height for height, parts in enumerate(LAYERS) for part in parts}
#: One subject told in two modules.
SAME_PART = {"plots": "_plots", "_cli": "cli", "__main__": "cli", "demo": "cli"}
#: Inside functions only: a comparison draws itself, a fit that raced strategies shows the race as a comparison, and
#: parameters turn themselves into those of other libraries.
LAZY_EXCEPTION = {
    ("comparison", "plots"),
    ("comparison", "_plots"),
    ("models", "comparison"),
    ("kernels", "adapters"),
}
#: Within a comparison; what stands beside these folders comes last.
STAGES = ["plan", "run", "analysis", "report"]
#: On every floor that has them, no wing knows another: what serves several stands beside them.
WINGS = {"state_space", "hidden_markov", "imputation"}
FLOORS = ["kernels", "models"]


def _part(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _imports(path):
    """List (what is imported from the package, as a tuple of names; whether at the top of the module)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(function, ast.If) and ast.unparse(function.test) == "TYPE_CHECKING")
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"{path} must import absolutely; got a relative import in line {node.lineno}."
            )
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            if first == "tsinit":
                yield tuple(rest), id(node) not in inside


def test_every_part_has_a_layer():
    parts = {_part(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert parts <= set(HEIGHT), f"say where {parts - set(HEIGHT)} belong"


def test_imports_point_down():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        part = _part(path)
        if part == "__init__":
            continue  # loads names when they are asked for
        for names, at_top in _imports(path):
            target = names[0] if names else ""
            if (
                target not in HEIGHT
            ):  # __version__, and names that load lazily: only for the top floor
                if target not in ("", "__version__") and HEIGHT[part] < HEIGHT["cli"]:
                    wrong.append(f"{path.name} imports {target!r} from the package's front door")
                continue
            allowed = (
                target == part
                or HEIGHT[target] < HEIGHT[part]
                or SAME_PART.get(part, part) == SAME_PART.get(target, target)
                or ((part, target) in LAZY_EXCEPTION and not at_top)
            )
            if not allowed:
                wrong.append(f"{part}/{path.name} imports {target}")
    assert not wrong


def test_imports_within_a_comparison_point_from_plan_to_report():
    height = {stage: i for i, stage in enumerate(STAGES)}
    top, wrong = len(STAGES), []
    for path in sorted((PACKAGE / "comparison").rglob("*.py")):
        own = path.relative_to(PACKAGE / "comparison").parts[0]
        if own == "__init__.py":
            continue
        for names, at_top in _imports(path):
            inner = names[1:2] if at_top and names[:1] == ("comparison",) else ()
            if any(height.get(name, top) > height.get(own, top) for name in inner):
                wrong.append(f"{own}/{path.name} imports {'.'.join(names)}")
    assert not wrong


@pytest.mark.parametrize("floor", FLOORS)
def test_no_wing_imports_another(floor):
    assert {path.name for path in (PACKAGE / floor).iterdir() if path.is_dir()} >= WINGS
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {'.'.join(names)}"
        for wing in WINGS
        for path in (PACKAGE / floor / wing).rglob("*.py")
        for names, _ in _imports(path)
        if names[:1] in [(other,) for other in FLOORS] and WINGS.intersection(names[1:2]) - {wing}
    ]
    assert not wrong


def test_no_imports_go_in_circles():
    modules = {}
    for path in PACKAGE.rglob("*.py"):
        names = path.relative_to(PACKAGE).with_suffix("").parts
        modules[names[:-1] if names[-1] == "__init__" else names] = path
    # "from tsinit.a import b" leads to the module b where there is one, else to a, which holds b.
    leads = {
        module: {
            names if names in modules else names[:-1] for names, at_top in _imports(path) if at_top
        }
        for module, path in modules.items()
    }
    # Take away what imports nothing that is left: what cannot be taken away goes in circles.
    while free := [module for module, targets in leads.items() if not targets & leads.keys()]:
        for module in free:
            del leads[module]
    assert not {".".join(module) for module in leads}


def test_kernels_take_at_most_eight_arguments():
    wide = []
    for path in sorted((PACKAGE / "kernels").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.Lambda):
                given = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
                # The fields of a tuple are no arguments of a kernel.
                if len(given) > 8 and getattr(node, "name", "") != "__new__":
                    wide.append((path.stem, getattr(node, "name", "lambda"), len(given)))
    assert not wide
