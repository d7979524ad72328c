"""What a notebook shows of an estimator."""

import re

import numpy as np
import pytest
from sklearn import config_context

from tsinit.models import LinearGaussianSSM


@pytest.fixture(scope="module")
def model():
    X = np.random.default_rng(0).standard_normal((40, 2))
    return LinearGaussianSSM(1, init="factor_analysis", max_iter=200).fit(X)


def test_the_results_of_a_fit_stand_beside_the_box(model):
    page = model._repr_mimebundle_()["text/html"]
    assert "sk-top-container" in page
    # Each box has a number of its own.
    assert re.sub(r"id-\d+", "", page) == re.sub(r"id-\d+", "", model._repr_html_())
    for text in (
        f"{model.log_likelihood_:,.6g}",
        f"<td>{model.n_iter_}</td>",
        "converged",
        "<td>factor_analysis</td>",
        "states",
    ):
        assert text in page
    assert model._repr_mimebundle_()["text/plain"] == repr(model)


def test_before_a_fit_and_as_text_nothing_is_added(model):
    assert "iterations</th>" not in LinearGaussianSSM()._repr_mimebundle_()["text/html"]
    with config_context(display="text"):
        assert "text/html" not in model._repr_mimebundle_()
        assert not hasattr(model, "_repr_html_")
