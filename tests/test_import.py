"""``import tsinit`` costs next to nothing, and every public name is there when it is asked for."""

import importlib
import subprocess
import sys

import pytest

import tsinit

HEAVY = (
    "matplotlib",
    "statsmodels",
    "arviz",
    "xarray",
    "pandas.plotting",
    "tqdm",
    "numba",
    "scipy",
    "sklearn",
)


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()


def test_import_takes_none_of_the_heavy_packages():
    assert run(f"import sys, tsinit; print(*[m for m in {HEAVY} if m in sys.modules])") == []


def test_the_estimator_takes_no_plots_no_statsmodels_and_no_arviz():
    heavy = ("matplotlib", "statsmodels", "arviz", "xarray")
    assert (
        run(f"import sys; from tsinit import *; print(*[m for m in {heavy} if m in sys.modules])")
        == []
    )


@pytest.mark.parametrize("name", tsinit.__all__)
def test_every_public_name_is_listed_and_loads(name):
    assert name in dir(tsinit)
    assert getattr(tsinit, name) is not None


@pytest.mark.parametrize(
    "name", ["LinearGaussianSSM", "LinearGaussianParams", "compare", "Comparison", "Budget", "datasets", "init",
             "metrics", "models", "plot", "speech", "comparison", "__version__"],
)  # fmt: skip
def test_the_promised_names_are_there(name):
    assert name in tsinit.__all__


@pytest.mark.parametrize("module", ["init", "models", "datasets", "comparison", "kernels"])
def test_modules_list_only_what_they_have(module):
    found = importlib.import_module(f"tsinit.{module}")
    assert [name for name in found.__all__ if not hasattr(found, name)] == []


def test_an_unknown_name_is_an_ordinary_attribute_error():
    with pytest.raises(AttributeError) as caught:
        tsinit.LinearGausianSSM  # noqa: B018
    assert str(caught.value) == "module 'tsinit' has no attribute 'LinearGausianSSM'"
    assert not hasattr(tsinit, "nothing")
