"""Reference results of the hidden Markov model with a given number of states: emissions, options, and its answers."""

import numpy as np
import pandas as pd
from _reference import race_of, read, result
from _reference_hidden_markov import hide, regimes

from tsinit import HiddenMarkovModel
from tsinit.emissions import Autoregressive
from tsinit.init import Race

FITTED = (
    "labels_", "probabilities_", "start_probabilities_", "transition_matrix_", "means_", "covariances_",
    "log_likelihood_", "start_", "history_", "n_iter_", "converged_", "n_states_", "agreement_",
)  # fmt: skip


def short(**options):
    return HiddenMarkovModel(**{"n_states": 3, "max_iter": 30, "random_state": 0, **options})


def answers(model, X):
    """Ask a fitted model all that it can be asked about rows, and what follows them."""
    ahead = model.forecast(5, X, n_samples=50, random_state=1)
    return {
        "rows": [f(X) for f in (model.predict, model.decode, model.predict_proba, model.filter_proba)],
        "numbers": [f(X) for f in (model.score, model.aic, model.bic, model.icl)],
        "ahead": [*ahead, ahead.quantile(0.2), *ahead.interval(0.5)],
    }  # fmt: skip


def both(y, new, **options):
    """Fit penalised and not, and ask about other rows."""
    found = {}
    for prior in ("weak", None):
        model = short(prior=prior, **options).fit(y)
        found[str(prior)] = {
            "fit": read(model, *FITTED),
            "new": answers(model, new),
            "sample": model.sample(20, random_state=2),
        }
    return found


def tables(n_features, make=None):
    """Rows to fit and other rows: simulated regimes, or what make(rng, labels (T, 1), n_features) says of these."""
    found = []
    for seed in (0, 1):
        data, rng = regimes(n_features, seed), np.random.default_rng(seed)
        found.append(data.y if make is None else make(rng, data.labels[:, None], n_features))
    return found


def check_emission(emission, n_features=2, make=None):
    y, new = tables(n_features, make)
    return {
        "complete": both(y, new, emission=emission),
        "gaps": both(hide(y), hide(new, seed=1), emission=emission),
    }


@result
def finite_gaussian():
    return check_emission("gaussian", 3)


@result
def finite_gaussian_diag():
    return check_emission("gaussian_diag")


@result
def finite_gaussian_known_variance():
    return check_emission("gaussian_known_variance", 1)


@result
def finite_student_t():
    return check_emission("student_t")


@result
def finite_poisson():
    return check_emission(
        "poisson", make=lambda rng, z, D: rng.poisson(3.0 + 6.0 * z, (len(z), D)).astype(float)
    )


@result
def finite_negative_binomial():
    return check_emission(
        "negative_binomial",
        make=lambda rng, z, D: rng.negative_binomial(
            3, 0.5 / (1.0 + z), (len(z), D)
        ).astype(float),
    )  # fmt: skip


@result
def finite_categorical():
    return check_emission(
        "categorical", make=lambda rng, z, D: ((z + rng.integers(0, 2, (len(z), D))) % 4).astype(float)
    )  # fmt: skip


@result
def finite_von_mises():
    return check_emission(
        "von_mises", make=lambda rng, z, D: rng.vonmises(2.0 * z - 2.0, 4.0, (len(z), D))
    )


@result
def finite_zero_inflated():
    def counts(rng, z, D):
        return rng.poisson(3.0 + 6.0 * z, (len(z), D)) * (rng.random((len(z), D)) < 0.7).astype(
            float
        )

    return {
        inner: check_emission(f"zero_inflated_{inner}", make=counts)
        for inner in ("poisson", "negative_binomial")
    }


@result
def finite_by_column():
    def columns(rng, z, D):
        level = 3.0 * z + rng.standard_normal((len(z), 2))
        return np.hstack([level, rng.vonmises(2.0 * z - 2.0, 4.0), rng.poisson(2.0 + 5.0 * z)])

    return check_emission({(1, 0): "gaussian", 2: "von_mises", 3: "poisson"}, make=columns)


@result
def finite_autoregressive():
    y, new = tables(2)
    return {
        str(order): both(y, new, emission=Autoregressive(order=order), init="local_dynamics")
        for order in (1, 2)
    }


@result
def finite_options():
    """Sequences, dates, orders, restarts, zeros among the transitions, fixed ones, plain EM, a race."""
    y, _ = tables(2)
    dated = pd.DataFrame(y, columns=["a", "b"], index=pd.date_range("2020", periods=len(y)))
    banded = np.array([[0.9, 0.1, 0.0], [0.0, 0.9, 0.1], [0.0, 0.0, 1.0]])
    models = {
        "orders": short(n_states=[2, 3, 4]),
        "restarts": short(init="uniform", n_init=3),
        "banded": short(transitions=banded, start_probabilities=[1.0, 0.0, 0.0]),
        "fixed": short(transitions=("fixed", np.full((3, 3), 1 / 3))),
        "plain": short(accelerate=False),
    }
    found = {name: read(model.fit(y), *FITTED) for name, model in models.items()}
    found["order_table"] = models["orders"].order_table_
    raced = short(init=Race(["kmeans", "segments", "uniform"])).fit(y[:80])
    dates = short().fit(dated.drop(dated.index[40:50]))
    parts = [y[:60], y[60:70], y[70:]]
    several = short().fit(parts)
    return found | {
        "race": [read(raced, *FITTED), race_of(raced)],
        "dates": [read(dates, *FITTED), answers(dates, dated)],
        "sequences": [read(several, *FITTED), answers(several, parts)],
    }
