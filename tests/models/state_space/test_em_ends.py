"""Where EM ends is a maximum: L-BFGS on the exact likelihood finds nothing more to gain from there."""

import numpy as np
import pytest
from helpers import random_covariance, random_params, simulate, with_gaps
from scipy.optimize import minimize

from tsinit import LinearGaussianSSM
from tsinit.datasets import make_lgssm
from tsinit.kernels import Kalman, LinearGaussianParams, solve_lyapunov
from tsinit.metrics import spectral_radius
from tsinit.models import LinearGaussianPrior, NormalInverseWishart
from tsinit.models.state_space.coordinates import Coordinates
from tsinit.models.state_space.em import EM
from tsinit.models.state_space.m_step import MStepSettings
from tsinit.models.state_space.score import score

FLOOR = 1e-6
GATE = (
    1,
    4,
    6,
    7,
    12,
    13,
    14,
    16,
    17,
    20,
    22,
    25,
    26,
    27,
    33,
)  # cheap ones; at nine of them one small gain was no end
STARTS = ("subspace", "kmeans", "factor_analysis", "uniform")


class Problem:
    """Sequences of standardised columns, so that the fit and its check have the same units."""

    def __init__(self, seed):
        rng = np.random.default_rng([20, seed])
        self.n, D, self.T = rng.integers(1, 5), rng.integers(1, 4), rng.integers(5, 51)
        self.T = max(self.T, self.n + 3)  # with rows missing there must be more than states
        n_sequences = rng.integers(1, 31)
        self.start = STARTS[rng.integers(4)]
        radius, missing = rng.uniform(0.3, 0.97), rng.choice([0.0, 0.15])
        truth = random_params(rng, self.n, D, radius=radius)
        parts = [simulate(truth, self.T, rng)[1] for _ in range(n_sequences)]
        parts = [with_gaps(rng, part, missing) for part in parts]
        y = np.concatenate(parts)
        y = (y - np.nanmean(y, axis=0)) / np.nanstd(y, axis=0)
        self.initial_state = (
            "learned" if n_sequences > self.n and rng.random() < 0.5 else "stationary"
        )
        self.offsets = np.arange(n_sequences + 1) * self.T
        self.sequences = np.split(y, self.offsets[1:-1])
        settings = MStepSettings(
            "full", "diag", self.initial_state, np.full(D, FLOOR), LinearGaussianPrior()
        )
        self.em = EM(Kalman(y, self.n, self.offsets), settings)

    def fit(self, **options):
        model = LinearGaussianSSM(
            self.n, init=self.start, initial_state=self.initial_state, max_iter=2000, random_state=0
        )
        return model.set_params(**options).fit(self.sequences)

    def polish(self, params):
        """What L-BFGS gains from there: coordinates A, C, d, Cholesky factors with logarithms of their diagonals."""
        begin, D, unit = self._vector(params), len(params.C), 1e-3
        bounds = [(None, None)] * len(begin)
        bounds[-D:] = [((np.log(FLOOR) - b) / unit, None) for b in begin[-D:]]

        def loss(u):
            value, slope = self._loss(begin + unit * u)
            return value, unit * slope

        value = -loss(np.zeros_like(begin))[0]
        # The first step that it tries has length one: in these units too short to leave the basin of a flat maximum.
        done = minimize(
            loss, np.zeros_like(begin), jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": 2000, "maxfun": 4000, "maxcor": 30, "ftol": 1e-13, "gtol": 1e-9},
        )  # fmt: skip
        return -done.fun - value

    def _vector(self, p):
        parts = [p.A.ravel(), p.C.ravel(), p.d, log_root(p.Q)]
        if self.initial_state == "learned":
            parts += [p.m0, log_root(p.P0)]
        return np.concatenate([*parts, np.log(np.maximum(np.diag(p.R), FLOOR))])

    def _loss(self, v):
        n, D = self.n, len(self.em.settings.floor)
        k = n * (n + 1) // 2
        sizes = [n * n, D * n, D, k, *([n, k] if self.initial_state == "learned" else []), D]
        parts = np.split(v, np.cumsum(sizes)[:-1])
        A, C, d, L = parts[0].reshape(n, n), parts[1].reshape(D, n), parts[2], root(parts[3], n)
        r, Q, m0 = np.exp(parts[-1]), L @ L.T, np.zeros(n)
        if self.initial_state == "learned":
            m0, L0 = parts[4], root(parts[5], n)
            P0 = L0 @ L0.T
        elif spectral_radius(A) >= 1.0:
            return 1e10, np.zeros_like(v)
        else:
            P0 = solve_lyapunov(A, Q)
        params = LinearGaussianParams(A.copy(), C.copy(), Q, np.diag(r), m0, P0, d)
        state = self.em.evaluate(params)
        if not np.isfinite(state.objective):
            return 1e10, np.zeros_like(v)
        g = score(self.em.expectations(state), params, self.em.settings)
        pieces = [g.A.ravel(), g.C.ravel(), g.d, root_gradient(L, g.Q)]
        if self.initial_state == "learned":
            pieces += [g.m0, root_gradient(L0, g.P0)]
        return -state.objective, -np.concatenate([*pieces, np.diag(g.R) * r])


def log_root(V):
    L = np.linalg.cholesky(V + 1e-14 * np.trace(V) * np.eye(len(V)))
    L[np.diag_indices_from(L)] = np.log(np.diag(L))
    return L[np.tril_indices_from(L)]


def root(v, n):
    L = np.zeros((n, n))
    L[np.tril_indices(n)] = v
    L[np.diag_indices(n)] = np.exp(np.diag(L))
    return L


def root_gradient(L, slope):
    G = 2.0 * slope @ L
    G[np.diag_indices_from(G)] *= np.diag(L)
    return G[np.tril_indices_from(G)]


def left_by(seeds):
    """What L-BFGS gains from EM's ends, and whether EM said that it had converged."""
    found = []
    for seed in seeds:
        problem = Problem(seed)
        fitted = problem.fit()
        assert (np.diff(fitted.history_) >= 0.0).all()
        found.append((problem.polish(fitted.params_), fitted.converged_))
    return np.array(found).T


def test_nothing_is_left_to_gain_where_em_ends():
    gains, converged = left_by(GATE)
    assert gains.max() < 0.005
    assert converged.all()


@pytest.mark.slow
def test_nothing_is_left_to_gain_where_em_ends_in_two_hundred_problems():
    gains, converged = left_by(range(200))
    assert np.mean(gains < 0.005) >= 0.99
    assert gains[converged == 1].max() < 0.1


def weak_signal(seed, T=10, a=0.9, c=0.3):
    r = np.random.default_rng(seed)
    x, y = r.normal() / np.sqrt(1 - a * a), []
    for _ in range(T):
        y.append([c * x + r.normal(scale=np.sqrt(0.5))])
        x = a * x + r.normal()
    return np.array(y)


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize("init", STARTS)
def test_every_start_ends_at_the_one_maximum(init, accelerate):
    """Under a stationary prior. The maximum, -253.1562, by Nelder-Mead on the Kalman filter of statsmodels."""
    sequences = [weak_signal(seed) for seed in range(20)]
    fitted = LinearGaussianSSM(
        1,
        init=init,
        random_state=0,
        initial_state="stationary",
        max_iter=3000,
        accelerate=accelerate,
    ).fit(sequences)
    assert fitted.converged_
    assert fitted.log_likelihood_ == pytest.approx(-253.1562, abs=3e-4)  # tol, 200 values


@pytest.mark.parametrize("structure", ["full", "diag", "spherical", "fixed"])
@pytest.mark.parametrize("initial_state", ["stationary", "learned", "fixed"])
@pytest.mark.parametrize("prior", [False, True])
def test_gradients_in_the_coordinates_are_those_of_the_objective(
    rng, structure, initial_state, prior
):
    """Against central differences along a random direction, away from the point where the coordinates are built."""
    n, D, lengths = 3, 2, (20, 1, 14)
    truth = random_params(rng, n, D)
    y = np.concatenate([with_gaps(rng, simulate(truth, T, rng)[1], 0.2, rows=0.1) for T in lengths])
    if structure == "full":
        truth = truth._replace(R=random_covariance(rng, D))
    if structure in ("diag", "spherical"):
        truth = truth._replace(Q=0.7 * np.eye(n), R=0.3 * np.eye(D))
    truth = truth._replace(P0=solve_lyapunov(truth.A, truth.Q))
    if initial_state != "stationary":
        truth = truth._replace(m0=rng.normal(size=n), P0=random_covariance(rng, n))
    priors = LinearGaussianPrior()
    if prior:
        priors = LinearGaussianPrior(
            NormalInverseWishart(rng.normal(size=(n, n)), np.eye(n), 0.5 * np.eye(n), 6.0),
            NormalInverseWishart(rng.normal(size=(D, n)), np.eye(n), 0.5 * np.eye(D), 6.0),
        )
    settings = MStepSettings(structure, structure, initial_state, np.full(D, 1e-3), priors)
    em = EM(Kalman(y, n, np.array([0, 20, 21, 35])), settings)
    chart = Coordinates(truth, em.expectations(em.evaluate(truth)), settings)
    for got, want in zip(chart.params(np.zeros(chart.size)), truth, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
    u, direction, h = 0.1 * rng.normal(size=chart.size), rng.normal(size=chart.size), 1e-5
    state = em.evaluate(chart.params(u))
    slope = chart.gradient(u, score(em.expectations(state), state.params, settings)) @ direction
    up, down = (em.evaluate(chart.params(u + s * h * direction)).objective for s in (1, -1))
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-6)


def test_a_small_gain_on_a_plateau_is_no_end():
    """Two columns of 20 sequences; from k-means, EM's steps gain less than tol 44 nats below the maximum."""
    y = make_lgssm(1000, n_states=2, n_features=2, random_state=5).y
    ends = [
        LinearGaussianSSM(2, init=init, random_state=0, max_iter=1000).fit(
            list(y.reshape(20, 50, 2))
        )
        for init in ("kmeans", "subspace")
    ]
    assert all(end.converged_ for end in ends)
    assert ends[0].log_likelihood_ == pytest.approx(
        ends[1].log_likelihood_, abs=0.004
    )  # tol, 2,000 values


def test_a_start_at_the_maximum_has_converged():
    y = make_lgssm(300, n_states=2, n_features=2, random_state=0).y
    end = LinearGaussianSSM(2, random_state=0, max_iter=3000, tol=1e-11).fit(y)
    again = LinearGaussianSSM(2, init=end.params_, initial_state="stationary").fit(y)
    assert again.converged_
    assert again.n_iter_ < 10
    assert again.log_likelihood_ == pytest.approx(end.log_likelihood_, abs=1e-6)


@pytest.mark.parametrize("decay", [0.9, 0.95, 0.97])
@pytest.mark.parametrize("rising", [False, True])
def test_a_decay_without_noise_is_found(decay, rising):
    y = decay ** np.arange(100.0)[:, None]
    y = 1.0 - y if rising else y
    fitted = LinearGaussianSSM(1, random_state=0).fit(y)
    assert fitted.start_.A.item() == pytest.approx(decay, abs=0.03)
    other = LinearGaussianSSM(1, init="kmeans", random_state=0).fit(y)
    assert fitted.log_likelihood_ > other.log_likelihood_ - 0.1
