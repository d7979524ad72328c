"""Sphinx settings. Everything the site needs lies in the checkout: it builds without network."""

import re
import sys
from pathlib import Path

import tsinit

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "tsinit"
author = "The tsinit developers"
copyright = author
version = release = tsinit.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "equations",
    "gallery",
    "registries",
]
exclude_patterns = ["_build", "_ext"]
templates_path = ["_templates"]
default_role = "py:obj"

html_theme = "furo"
html_title = f"tsinit {release}"
html_static_path = ["_static"]
html_css_files = ["tsinit.css"]
html_math_renderer = "drawn"
html_copy_source = False

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
# Notebooks keep their outputs; the gate runs them in a step of its own.
nb_execution_mode = "off"

# Blocks of ``{plot}`` are run when the site is built, and shown with what they draw.
plot_include_source = True
plot_html_show_source_link = plot_html_show_formats = False
plot_formats = [("png", 150)]
plot_rcparams = {"figure.constrained_layout.use": False, "savefig.bbox": "tight"}

autosummary_generate = True
autosummary_ignore_module_all = False
# A class and a function whose names differ in one capital need two files where file names have none.
autosummary_filename_map = {
    f"tsinit.speech.{n}": f"tsinit.speech.{n}_" for n in ("formants", "frames", "spectrum")
}
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

suppress_warnings = [
    "myst.header",  # a notebook may begin with a heading of any level
    "ref.citation",  # a docstring may list a source that its text does not cite by number
]


def skip_member(app, what, name, value, skip, options):
    """Leave out what scikit-learn documents, and fields of a NamedTuple, which its docstring describes."""
    foreign = re.fullmatch(r"set_\w+_request|get_metadata_routing", name)
    return True if foreign or type(value).__name__ == "_tuplegetter" else None


def escape_types(app, what, name, value, options, lines):
    """Escape the last underscore of names such as ``n_states_`` in types, which would otherwise be broken links."""
    for i, line in enumerate(lines):
        head, colon, kind = line.partition(" : ") if " : " in line else ("", "", line)
        if colon or kind.lstrip().startswith("("):
            lines[i] = head + colon + re.sub(r"(?<=\w)_(?=[\s,)+]|$)", r"\\_", kind)


def setup(app):
    """Connect what this file defines."""
    app.connect("autodoc-process-docstring", escape_types, priority=400)  # before numpydoc
    app.connect("autodoc-skip-member", skip_member)
