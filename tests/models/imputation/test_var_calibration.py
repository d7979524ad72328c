"""The joint engine draws from the posterior it claims: Geweke's joint test, simulation-based calibration, an oracle."""

import numpy as np
import pytest
from helpers import geweke_scores, largest_score
from models.imputation.var_problems import complete, problem
from reference import var as twin
from scipy import stats

from tsinit.datasets import ampute
from tsinit.models.imputation import seasonal_drift
from tsinit.models.imputation.var_regressions import VARParameters, VARPrior, draw_noise
from tsinit.models.imputation.vector_autoregression import VARChain

T, D, L, SCALE = 12, 2, 1, 0.1
#: Lighter tails than the engine's own prior, under which most tables explode.
PRIOR = VARPrior(12.0, 1.0, SCALE, SCALE)


class Noiseless(VARChain):
    """A deliberately wrong update, the published one: conditional means instead of draws."""

    def draw_gaps(self):
        super().draw_gaps()
        self.table.Z[:] = self.table.mean


def prior_parameters(rng, chain):
    """Draw the regressions from their prior."""
    parameters = {}
    dof = PRIOR.dof
    for c in chain.regressions:
        lag_scale = SCALE * stats.t(dof).rvs(random_state=rng) ** 2
        psi = 2.0 * dof * rng.standard_gamma(0.5, D) * PRIOR.spread**2
        root, inverse, log_det = draw_noise(rng, np.diag(psi), dof + D - 1)
        sd = np.sqrt(np.repeat([lag_scale, SCALE], [c.n_lags, c.X.shape[1] - c.n_lags]))
        B = sd[:, None] * rng.standard_normal((len(sd), D))
        parameters[c.before] = VARParameters(B, root, inverse, log_det, psi, lag_scale)
    return parameters


def prior_path(rng, drift, root):
    """Draw the variance of the steps and a random walk from their prior: the path (periods, terms, D)."""
    drift.choice = int(rng.integers(len(seasonal_drift.GRID)))
    steps = rng.standard_normal((drift.n_periods, drift._F, D)) @ root.T
    steps[0] *= np.sqrt(SCALE)
    steps[1:] *= np.sqrt(drift.variance)
    return steps.cumsum(axis=0)


def table_given(rng, chain, parameters, path=None):
    z, first = np.zeros((T, D)), chain.layout.before < L
    drift = None if path is None else chain._drift
    for i in range(T):
        one = parameters[chain.layout.before[i]]
        lags = z[i - 1] if not first[i] else np.zeros(0)
        x = np.append(lags, np.ones(len(one.B) - len(lags)))
        z[i] = x @ one.B + one.root @ rng.standard_normal(D)
        if drift is not None and not first[i]:
            row = np.flatnonzero(~first).searchsorted(i)
            z[i] += drift._by_day[drift._day[row], drift._place[row]] @ path[drift._day[row]]
    return z


def new_chain(rng, y, kind=VARChain, drift=False):
    p = problem(y, lags=L, prior_scale=SCALE)
    return kind(p, complete(y), rng, prior=PRIOR, periods=[3], drift=drift)


def quantities(parameters, z, path, choice):
    """Bounded functions of everything: the tails of the prior are heavy."""
    main, first = parameters[L], parameters[0]
    drift = [] if path is None else [choice, *np.tanh(path[[0, -1], 0, 0])]
    scales = [np.log(main.lag_scale), *np.log(main.psi), *np.log(first.psi)]
    return np.concatenate(
        [
            np.tanh(main.B.ravel()),
            np.tanh(first.B.ravel()),
            np.tanh([main.log_det, first.log_det]),
            np.tanh(scales),
            drift,
            np.tanh(z[[0, 5, -1]].ravel()),
            np.tanh([z[3] @ z[4], z[5, 0] * z[5, 1], np.log((z**2).mean())]),
        ]
    )


def geweke(rng, n, kind, drift=False):
    """z-scores of the means over forward draws and over a chain that alternates all updates."""
    masks = [rng.random((T, D)) < 0.5]
    masks.append(~masks[0])
    blank = new_chain(rng, np.where(masks[0], np.nan, 0.0), kind, drift)

    def draw_all():
        parameters = prior_parameters(rng, blank)
        path = prior_path(rng, blank._drift, parameters[L].root) if drift else None
        return parameters, path, table_given(rng, blank, parameters, path)

    forward = []
    for _ in range(n):
        parameters, path, z = draw_all()
        forward.append(quantities(parameters, z, path, blank._drift.choice if drift else 0))
    chains = [new_chain(rng, np.where(mask, np.nan, 0.0), kind, drift) for mask in masks]
    parameters, _, z = draw_all()
    choice, around = blank._drift.choice if drift else 0, []
    for _ in range(n):
        for chain in chains:
            chain.table.Z[:] = z
            chain.parameters = parameters
            if drift:
                chain._drift.choice = choice
            chain.draw_parameters()
            chain.draw_gaps()
            parameters = dict(chain.parameters)
            z, choice = chain.table.Z.copy(), chain._drift.choice if drift else 0
        around.append(quantities(chain.parameters, z, chain._drift.path if drift else None, choice))
    return geweke_scores(forward, around)


@pytest.mark.slow
@pytest.mark.parametrize("drift", [False, True])
def test_geweke_joint_distribution(monkeypatch, drift):
    monkeypatch.setattr(seasonal_drift, "GRID", np.array([0.01, 0.1, 1.0]))
    monkeypatch.setattr(seasonal_drift, "_FIRST", 1)
    z = geweke(np.random.default_rng(5), 10_000, VARChain, drift)
    assert np.abs(z).max() < largest_score(z.size, 1e-3)


def test_geweke_in_a_short_run_and_a_wrong_update_fails(monkeypatch):
    monkeypatch.setattr(seasonal_drift, "GRID", np.array([0.01, 0.1, 1.0]))
    monkeypatch.setattr(seasonal_drift, "_FIRST", 1)
    for drift in (False, True):
        z = geweke(np.random.default_rng(5), 500, VARChain, drift)
        assert np.abs(z).max() < largest_score(z.size, 1e-4)
    z = geweke(np.random.default_rng(5), 500, Noiseless)
    assert np.abs(z).max() > largest_score(z.size, 1e-4)


def ranks(rng, n_runs, n_draws=19, thin=10):
    """Rank of the truth among draws of its posterior, for coefficients, noise and missing cells."""
    out = []
    mask = np.zeros((T, D), dtype=bool)
    mask[[0, 3, 4, 5, 8], [0, 1, 0, 0, 1]] = mask[9:11] = True
    blank = new_chain(rng, np.where(mask, np.nan, 0.0))
    for _ in range(n_runs):
        parameters = prior_parameters(rng, blank)
        truth = table_given(rng, blank, parameters)
        chain = new_chain(rng, np.where(mask, np.nan, truth))
        below = 0
        for i in range(n_draws + 1):
            for _ in range(thin if i else 3 * thin):
                chain.sweep()
            if i:
                below = below + (
                    functions(chain.parameters, chain.z) < functions(parameters, truth)
                )
        out.append(below)
    return np.array(out)


def functions(parameters, z):
    return np.array(
        [
            *parameters[L].B.ravel(),
            parameters[L].log_det,
            parameters[0].log_det,
            parameters[L].lag_scale,
            *parameters[L].psi,
            z[0, 0],
            z[4, 0],
            z[9, 1],
            z[10, 0],
        ]
    )


def uniformity(found, n_draws=19, bins=5):
    """Chi-square p value of each column of ranks 0 .. n_draws."""
    counts = [np.bincount(column * bins // (n_draws + 1), minlength=bins) for column in found.T]
    return np.array([stats.chisquare(count).pvalue for count in counts])


@pytest.mark.slow
def test_simulation_based_calibration():
    p = uniformity(ranks(np.random.default_rng(7), 200, thin=12))
    assert p.min() > 1e-3 / p.size


def test_calibration_in_a_short_run():
    p = uniformity(ranks(np.random.default_rng(7), 40, thin=4))
    assert p.min() > 1e-4 / p.size


A = np.array([[0.6, 0.2, 0.0], [0.0, 0.7, 0.15], [0.1, 0.0, 0.5]])
Q = np.array([[1.0, 0.4, 0.2], [0.4, 1.0, 0.3], [0.2, 0.3, 1.0]])


def against_oracle(rng, mechanism, rate, length, n_runs, n_draws=400):
    """95 % coverage, its standard error, and RMSE over the oracle's, on a VAR(1) of 200 rows and 3 columns."""
    inside, size, errors, best = np.zeros((4, n_runs))
    for run in range(n_runs):
        truth, S = twin.var1_table(rng, A, Q, 200)
        y = ampute(truth, mechanism, rate, length=length, random_state=rng)
        m = np.isnan(y)
        loc, scale = np.nanmean(y, axis=0), np.nanstd(y, axis=0)
        chain = new_chain_at(rng, (y - loc) / scale)
        total, draws = 0.0, []
        for i in range(n_draws + 50):
            chain.sweep()
            if i >= 50:
                total = total + chain.mean
                draws.append((chain.z * scale + loc)[m])
        if not m.any():
            continue
        low, high = np.quantile(draws, [0.025, 0.975], axis=0)
        size[run], inside[run] = m.sum(), ((low <= truth[m]) & (truth[m] <= high)).sum()
        errors[run] = (((total / n_draws * scale + loc) - truth)[m] ** 2).sum()
        best[run] = ((twin.oracle(S, y)[0] - truth)[m] ** 2).sum()
    coverage = inside.sum() / size.sum()
    # Cells of one table go together: tables are what is independent.
    error = np.sqrt(((inside - coverage * size) ** 2).sum()) / size.sum()
    return coverage, error, np.sqrt(errors.sum() / best.sum())


def new_chain_at(rng, z):
    return VARChain(problem(z, lags=1), complete(z), rng)


GAPS = [
    ("mcar", 0.2, 1, 1.05),
    ("mcar", 0.5, 1, 1.05),
    ("mar", 0.2, 1, 1.05),
    ("block", 0.2, 20, 1.08),
    ("block", 0.2, 40, 1.08),
    ("blackout", 0.1, 20, 1.08),
]


@pytest.mark.slow
@pytest.mark.parametrize(("mechanism", "rate", "length", "ratio"), GAPS)
def test_as_good_as_the_oracle(mechanism, rate, length, ratio):
    coverage, error, relative = against_oracle(
        np.random.default_rng(3), mechanism, rate, length, 60
    )
    assert 0.92 - 2 * error <= coverage <= 0.97 + 2 * error
    assert relative <= ratio


def test_nearly_as_good_as_the_oracle_in_a_short_run():
    coverage, _, relative = against_oracle(
        np.random.default_rng(3), "block", 0.2, 20, 6, n_draws=100
    )
    assert 0.88 <= coverage <= 0.99
    assert relative <= 1.2
