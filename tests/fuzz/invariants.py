"""What must hold of any fit: finite and consistent answers, or one sentence of the package."""

import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

import tsinit
from tsinit import HiddenMarkovModel, InfiniteHMM, LinearGaussianSSM

_PACKAGE = str(Path(tsinit.__file__).parent)
#: The words of scikit-learn, which raises these for every estimator.
_BORROWED = ("X has ", "The feature names should match")


def attempt(model, X, lengths):
    """Fit and ask everything; what is wrong is an AssertionError, what is refused comes back as a sentence.

    Returns
    -------
    str or None
        The sentence; None where all went well.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", category=UserWarning, message=r"(?s).+[.?]\Z")
        # The others answer.
        stopped = r"\d+ of \d+ chains stopped and are left out; .+[.]\Z"
        warnings.filterwarnings("ignore", category=RuntimeWarning, message=stopped)
        try:
            model.fit(X, lengths=lengths)
        except Exception as error:
            return _sentence(error)
        try:
            _asks(model, X, lengths)
        except AssertionError:
            raise
        except Exception as error:
            return _sentence(error)
    return None


def _asks(model, X, lengths):
    if isinstance(model, LinearGaussianSSM):
        _ask_state_space(model, X, lengths)
    elif isinstance(model, HiddenMarkovModel):
        _ask_finite_hidden_markov(model, X, lengths)
    elif isinstance(model, InfiniteHMM):
        _ask_hidden_markov(model, X, lengths)
    else:
        _ask_imputer(model, X, lengths)


def _sentence(error):
    """Require an error to be one of the package's own: its kind, its place, its form."""
    raised = traceback.extract_tb(error.__traceback__)[-1].filename
    words = str(error)
    # RuntimeError is what a sampler raises that cannot go on.
    known = isinstance(error, (ValueError, TypeError, RuntimeError))
    # One that was raised in a thread comes by way of joblib.
    own = (
        raised.startswith(_PACKAGE)
        or type(error).__module__.startswith("tsinit")
        or words.startswith(_BORROWED)
    )
    assert known, f"{type(error).__name__} out of {raised}: {words}"
    assert not isinstance(error, np.linalg.LinAlgError), f"LinAlgError out of {raised}: {words}"
    assert own, f"{type(error).__name__} raised in {raised}, not by the package: {words}"
    assert "\n" not in words, f"more than a sentence: {words}"
    assert words.rstrip().endswith((".", "?")), f"no sentence: {words}"
    return words


def _flat(table):
    tables = table if isinstance(table, (list, tuple)) else [table]
    return np.concatenate([np.asarray(part, dtype=float).reshape(len(part), -1) for part in tables])


def _finite(name, values):
    values = np.asarray(values, dtype=float)
    assert np.isfinite(values).all(), f"{name} holds {values[~np.isfinite(values)][0]}"


def _given(X):
    parts = X if isinstance(X, list) else [X]
    frames = [pd.DataFrame(part).astype(object).to_numpy() for part in parts]
    return np.array(
        [[np.nan if pd.isna(x) else float(x) for x in row] for f in frames for row in f]
    )


def _kept(name, table, given):
    seen = ~np.isnan(given)
    assert table.shape == given.shape, f"{name} has the shape {table.shape} for {given.shape}"
    assert np.array_equal(table[seen], given[seen]), f"{name} changes observed values"


def _ask_state_space(model, X, lengths):
    given = _given(X)
    for name, value in model.params_._asdict().items():
        if value is not None:
            _finite(f"params_.{name}", value)
    _finite("log_likelihood_", model.log_likelihood_)
    _finite("history_", model.history_)
    loss = -np.diff(model.history_).min(initial=0.0)
    assert loss <= 1e-6 * np.abs(model.history_).max() + 1e-6, f"history_ falls by {loss}"
    states = _flat(model.transform(X, lengths=lengths))
    _finite("transform", states)
    assert states.shape == (len(given), model.n_states_)
    filled, spread = model.impute(X, lengths=lengths, return_std=True)
    _kept("impute", _flat(filled), given)
    _finite("impute", _flat(filled))
    _finite("its spread", _flat(spread))
    score = model.score(X, lengths=lengths) * np.count_nonzero(~np.isnan(given))
    if _is_exact(model, given):
        assert np.isclose(score, model.log_likelihood_, rtol=1e-6, atol=1e-3), (
            f"score says {score}, log_likelihood_ {model.log_likelihood_}"
        )
    ahead = model.forecast(3)
    _finite("forecast", _flat(ahead.means))
    _finite("its spread", ahead.standard_deviations)
    _finite("bic", model.bic())


def _is_exact(model, given):
    """Whether parameters in the units of the data can hold the fit.

    Of a mean of 1e12 a spread of 1 has four digits left, and a noise may be asked for far below all rounding.
    """
    spread = np.fmax.reduce(given, axis=0) - np.fmin.reduce(given, axis=0)
    largest = np.fmax.reduce(np.abs(given), axis=0)
    return model.noise_floor >= 1e-12 and bool((largest <= 1e8 * spread)[spread > 0].all())


def _ask_finite_hidden_markov(model, X, lengths):
    given = _given(X)
    assert model.labels_.shape == (len(given),)
    assert 0 <= model.labels_.min() <= model.labels_.max() < model.n_states_
    for name in ("means_", "transition_matrix_", "start_probabilities_", "probabilities_"):
        _finite(name, getattr(model, name))
    for rows in (model.probabilities_, model.transition_matrix_, model.start_probabilities_):
        assert np.allclose(rows.sum(axis=-1), 1.0)
    _finite("log_likelihood_", model.log_likelihood_)
    _finite("history_", model.history_)
    assert (np.diff(model.history_) >= 0.0).all(), "history_ falls"
    score = model.score(X, lengths=lengths) * np.count_nonzero(~np.isnan(given))
    assert np.isclose(score, model.log_likelihood_, rtol=1e-9), (
        f"score says {score}, log_likelihood_ {model.log_likelihood_}"
    )
    assert np.array_equal(_flat(model.predict(X, lengths=lengths)).ravel(), model.labels_)
    for ask in (model.predict_proba, model.filter_proba):
        assert np.allclose(_flat(ask(X, lengths=lengths)).sum(axis=1), 1.0)
    assert _flat(model.decode(X, lengths=lengths)).shape == (len(given), 1)
    ahead = model.forecast(3, n_samples=50, random_state=0)
    _finite("forecast", _flat(ahead.means))
    _finite("its probabilities", _flat(ahead.probabilities))
    _finite("its quantiles", _flat(ahead.quantile(0.1)))
    for criterion in (model.aic(), model.bic(), model.icl()):
        _finite("a criterion", criterion)
    assert model.icl() >= model.bic() - 1e-6 * abs(model.bic())
    _finite("sample", model.sample(5, random_state=0).y)


def _ask_hidden_markov(model, X, lengths):
    given = _given(X)
    assert model.labels_.shape == (len(given),)
    assert 0 <= model.labels_.min() <= model.labels_.max() < model.n_states_
    for name, rows in (
        ("probabilities_", model.probabilities_),
        ("transitions", model.transition_matrix_),
    ):
        _finite(name, rows)
        assert np.allclose(np.asarray(rows).sum(axis=1), 1.0), f"{name} do not add to 1"
    _finite("history_", model.history_)
    _finite("score", model.score(X, lengths=lengths))
    labels = model.predict(X, lengths=lengths)
    labels = (
        np.concatenate([np.ravel(part) for part in labels])
        if isinstance(labels, list)
        else np.ravel(labels)
    )
    assert labels.shape == (len(given),)
    assert 0 <= labels.min() <= labels.max() < model.n_states_


def _ask_imputer(model, X, lengths):
    given = _given(X)
    filled = _flat(model.transform(X, lengths=lengths))
    _kept("transform", filled, given)
    _finite("transform", filled)
    for table in model.impute(1):
        _kept("impute", _flat(table), given)
        _finite("impute", _flat(table))
    lower, upper = map(_flat, model.interval(0.9))
    _finite("interval", lower)
    _finite("interval", upper)
    assert (lower <= upper).all(), "an interval is upside down"
    _finite("draws_", model.draws_)
