"""What may not be written to (arrays, columns of pandas, a model mapped from a file) has no kernel compiled anew."""

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import signatures

from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE

Y = np.random.default_rng(0).standard_normal((60, 2)).cumsum(axis=0)
Y[[3, 20, 20, 41], [0, 0, 1, 1]] = np.nan
SHORT = {"n_tune": 2, "n_draws": 2, "n_chains": 1, "random_state": 0}
MODELS = {
    "diagonal noise": LinearGaussianSSM(2, max_iter=2, random_state=0),
    "full noise": LinearGaussianSSM(2, observation_cov="full", max_iter=2, random_state=0),
    "regimes": InfiniteHMM(n_init_states=3, **SHORT),
    "regimes of categories": InfiniteHMM(n_init_states=3, emission="categorical", **SHORT),
    "chained equations": TBayesMICE(method="fcs", **SHORT),
    "joint": TBayesMICE(method="var", **SHORT),
    "states": TBayesMICE(method="state_space", **SHORT),
}


def ask(model, X):
    """Ask what a fitted model answers by kernels."""
    if isinstance(model, InfiniteHMM):
        model.predict(X)
        model.score(X)
        model.to_datatree()
    else:
        model.transform(X)
    if isinstance(model, LinearGaussianSSM):
        model.impute(X, return_std=True)
        model.forecast(2)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore:The chains do not agree")
def test_what_is_read_only_has_nothing_compiled_anew(tmp_path, name):
    y = Y if name != "regimes of categories" else np.round(np.abs(Y)) % 3
    model, other = MODELS[name], y[:40].copy()
    model.fit(y)
    ask(model, y)
    ask(model, other)
    before = signatures()
    assert before
    joblib.dump(model, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    ask(mapped, y)
    ask(mapped, other)
    locked, locked_other = y.copy(), other.copy()
    locked.flags.writeable = locked_other.flags.writeable = False
    for X, new in ((locked, locked_other), (pd.DataFrame(y), pd.DataFrame(other))):
        model.fit(X)
        ask(model, X)
        ask(model, new)
    assert signatures() - before == set()
