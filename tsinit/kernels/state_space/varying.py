"""Observation matrices that are known at every step: C[t] has columns of the inputs in the place of some entries.

Every step has gains and covariances of its own, so nothing is shared as in the other passes: one loop filters, one
smooths, observed values taken one at a time (Koopman and Durbin, J. Time Ser. Anal. 21, 2000), after whitening by the
LDL' factor of R. Means have columns: the first is that of the data, the others those of zeros with the same gaps, from
a first mean of one in a diffuse state (see `diffuse`). The smoother is the backward recursion of r and N (de Jong, J.
Amer. Statist. Assoc. 84, 1989), which inverts nothing but variances of innovations: coefficients that stay have no
noise. Products are written out: by those of `dense`, both take 2.7 times as long with four states.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry
from tsinit.kernels.params import writeable
from tsinit.kernels.state_space.arrays import CovarianceStore
from tsinit.kernels.state_space.diffuse import Directions, diffuse_states, proper
from tsinit.kernels.state_space.inputs import state_response
from tsinit.kernels.state_space.observation import factor_observed, whiten_rows

_LOG_2PI = np.log(2.0 * np.pi)


class VaryingModel(NamedTuple):
    """Parameters with the observation matrix of every step."""

    A: np.ndarray  # (n, n)
    Q: np.ndarray  # (n, n)
    R: np.ndarray  # (D, D)
    P0: np.ndarray  # (n, n)
    C: np.ndarray  # (T, D, n)
    begins: np.ndarray  # (T,) bool, whether a sequence begins here


class VaryingSteps(NamedTuple):
    """What the filter leaves of every step, for k directions beside the data."""

    predicted: np.ndarray  # (T, n, 1 + k)
    predicted_P: np.ndarray  # (T, n, n)
    filtered: np.ndarray  # (T, n, 1 + k)
    filtered_P: np.ndarray  # (T, n, n)
    rows: np.ndarray  # (T, D, n) whitened rows of C
    gains: np.ndarray  # (T, D, n) covariances of states and innovations
    variances: np.ndarray  # (T, D) of the innovations, zero where nothing is observed
    errors: np.ndarray  # (T, D, 1 + k) innovations


@entry
def filter_steps(model, z, first, steps):
    """Filter z (T, D), NaN where missing, from first means (n, 1 + k); returns whether all variances are positive."""
    A, Q, R, P0, C, begins = model
    x_ahead, P_ahead, x_now, P_now, rows, gains, variances, errors = steps
    T, D, n = C.shape
    m = first.shape[1]
    AP, L, r = np.zeros((n, n)), np.zeros((D, D)), np.zeros(D)
    white, whole = np.zeros((1, D)), np.zeros((D, n))
    for t in range(T):
        for i in range(n):
            for c in range(m):
                if begins[t]:
                    x_ahead[t, i, c] = first[i, c]
                else:
                    total = 0.0
                    for j in range(n):
                        total += A[i, j] * x_now[t - 1, j, c]
                    x_ahead[t, i, c] = total
                x_now[t, i, c] = x_ahead[t, i, c]
        for i in range(n):
            for j in range(n):
                if begins[t]:
                    AP[i, j] = 0.0
                else:
                    total = 0.0
                    for k in range(n):
                        total += A[i, k] * P_now[t - 1, k, j]
                    AP[i, j] = total
        for i in range(n):
            for j in range(i + 1):
                total = P0[i, j] if begins[t] else Q[i, j]
                for k in range(n):
                    total += AP[i, k] * A[j, k]
                P_ahead[t, i, j] = total
                P_ahead[t, j, i] = total
                P_now[t, i, j] = total
                P_now[t, j, i] = total
        for d in range(D):
            white[0, d] = z[t, d]
        factor_observed(R, white, 0, L, r)
        whiten_rows(L, white, 0, C[t], whole)
        for d in range(D):
            variances[t, d] = 0.0
            for c in range(m):
                errors[t, d, c] = 0.0
            if np.isnan(z[t, d]):
                continue
            for j in range(d):
                if not np.isnan(z[t, j]):
                    white[0, d] -= L[d, j] * white[0, j]
            variance = r[d]
            for i in range(n):
                rows[t, d, i] = whole[d, i]
                total = 0.0
                for j in range(n):
                    total += P_now[t, i, j] * whole[d, j]
                gains[t, d, i] = total
            for i in range(n):
                variance += whole[d, i] * gains[t, d, i]
            if not variance > 0.0:
                return False
            variances[t, d] = variance
            for c in range(m):
                error = white[0, d] if c == 0 else 0.0
                for i in range(n):
                    error -= whole[d, i] * x_now[t, i, c]
                errors[t, d, c] = error
                for i in range(n):
                    x_now[t, i, c] += gains[t, d, i] / variance * error
            for i in range(n):
                for j in range(i + 1):
                    P_now[t, i, j] -= gains[t, d, i] * gains[t, d, j] / variance
                    P_now[t, j, i] = P_now[t, i, j]
    return True


@entry
def smooth_steps(A, begins, steps, x, P):
    """Smooth what `filter_steps` left, into means x (T, n, 1 + k) and covariances P (T, n, n)."""
    x_ahead, P_ahead, _, _, rows, gains, variances, errors = steps
    T, D, n = rows.shape
    m = x.shape[2]
    r, N = np.zeros((n, m)), np.zeros((n, n))
    r_before, N_before, g = np.zeros((n, m)), np.zeros((n, n)), np.zeros(n)
    for back in range(T):
        t = T - 1 - back
        last = back == 0 or begins[t + 1]
        for i in range(n):
            for c in range(m):
                total = 0.0
                if not last:
                    for j in range(n):
                        total += A[j, i] * r[j, c]
                r_before[i, c] = total
            for j in range(n):
                total = 0.0
                if not last:
                    for k in range(n):
                        total += N[i, k] * A[k, j]
                N_before[i, j] = total
        for j in range(n):
            for i in range(n):
                total = 0.0
                if not last:
                    for k in range(n):
                        total += A[k, i] * N_before[k, j]
                g[i] = total
            for i in range(n):
                N_before[i, j] = g[i]
        for i in range(n):
            for c in range(m):
                r[i, c] = r_before[i, c]
            for j in range(n):
                N[i, j] = 0.5 * (N_before[i, j] + N_before[j, i])
        for e in range(D):
            d = D - 1 - e
            F = variances[t, d]
            if not F > 0.0:
                continue
            w, K = rows[t, d], gains[t, d]
            for c in range(m):
                pull = errors[t, d, c]
                for i in range(n):
                    pull -= K[i] * r[i, c]
                for i in range(n):
                    r[i, c] += w[i] * pull / F
            inner = F
            for i in range(n):
                total = 0.0
                for j in range(n):
                    total += N[i, j] * K[j]
                g[i] = total / F
                inner += K[i] * total
            inner /= F * F
            for i in range(n):
                for j in range(i + 1):
                    N[i, j] += inner * w[i] * w[j] - w[i] * g[j] - g[i] * w[j]
                    N[j, i] = N[i, j]
        for i in range(n):
            for c in range(m):
                total = x_ahead[t, i, c]
                for j in range(n):
                    total += P_ahead[t, i, j] * r[j, c]
                x[t, i, c] = total
            for j in range(n):
                total = 0.0
                for k in range(n):
                    total += P_ahead[t, i, k] * N[k, j]
                N_before[i, j] = total
        for i in range(n):
            for j in range(i + 1):
                total = P_ahead[t, i, j]
                for k in range(n):
                    total -= N_before[i, k] * P_ahead[t, k, j]
                P[t, i, j] = total
                P[t, j, i] = total


class VaryingPass:
    """The filter over the data of a `Kalman`, and over diffuse directions.

    Parameters
    ----------
    kalman : Kalman
        With inputs.
    params : LinearGaussianParams
        With a finite prior and columns of inputs in C.
    which : (k,) int
        States that are directions.
    """

    def __init__(self, kalman, params, which=()):
        A, C, Q, R, m0, P0 = writeable(params)[:6]
        T, n, D, k = len(kalman.y), len(A), len(C), len(which)
        begins = np.zeros(T, dtype=bool)
        starts = kalman.offsets[:-1]
        begins[starts[starts < T]] = True
        loadings = np.ascontiguousarray(params.loadings(kalman.u))
        self.response = np.zeros((T, n))
        if params.B is not None:
            self.response = state_response(A, params.B, kalman.u, kalman.offsets)
        z = kalman.y - kalman.observation_offset(params)
        z -= np.einsum("tdn,tn->td", loadings, self.response)
        self.model = VaryingModel(A, Q, R, P0, loadings, begins)
        first = np.column_stack([m0, np.eye(n)[:, list(which)]])
        self.steps = VaryingSteps(
            np.empty((T, n, 1 + k)), np.empty((T, n, n)), np.empty((T, n, 1 + k)), np.empty((T, n, n)),
            np.zeros((T, D, n)), np.zeros((T, D, n)), np.empty((T, D)), np.empty((T, D, 1 + k)),
        )  # fmt: skip
        self.succeeded = bool(
            np.isfinite(self.response).all()
            and filter_steps(self.model, z, np.ascontiguousarray(first), self.steps)
            and np.isfinite(self.steps.filtered[-1:]).all()
        )
        if not self.succeeded:
            return
        F = self.steps.variances
        self.log_det = float(np.log(F[kalman.observed]).sum())
        self.standardised = self.steps.errors / np.sqrt(np.where(F > 0.0, F, 1.0))[:, :, None]
        self.quadratic = float((self.standardised[:, :, 0] ** 2).sum())

    def smooth(self):
        """Return smoothed means (T, n, 1 + k), without the response to inputs, and covariances (T, n, n)."""
        x, P = np.empty_like(self.steps.predicted), np.empty_like(self.steps.predicted_P)
        smooth_steps(self.model.A, self.model.begins, self.steps, x, P)
        return x, P


def run(kalman, params, smooth, covariances, moments):
    """Run a pass under a finite prior; see :meth:`Kalman.smooth`. There are no sums for an M-step."""
    done = VaryingPass(kalman, params)
    if moments is not None or not done.succeeded:
        return kalman.failed(covariances, moments)
    x, P = done.smooth() if smooth else (done.steps.filtered, done.steps.filtered_P)
    log_likelihood = -0.5 * (kalman.n_observed * _LOG_2PI + done.log_det + done.quadratic)
    return kalman.failed(False, None)._replace(
        means=x[:, :, 0] + done.response,
        covariances=CovarianceStore(P, np.arange(len(P))) if covariances else None,
        log_likelihood=log_likelihood,
        quadratic=done.quadratic,
        succeeded=bool(np.isfinite(log_likelihood)),
    )


class VaryingDirections(Directions):
    """The data and the diffuse directions, where C changes: one pass has them all.

    Parameters
    ----------
    kalman : Kalman
    params : LinearGaussianParams
        With a diffuse state, and columns of inputs in C.
    """

    def __init__(self, kalman, params):
        self.kalman, self.params, self.known = kalman, params, proper(params)
        self.which = np.flatnonzero(diffuse_states(params))
        self._pass = done = VaryingPass(kalman, self.known, self.which)
        self.succeeded = done.succeeded
        if not done.succeeded:
            return
        steps, index = done.steps, np.arange(len(kalman.y))
        self.base = kalman.failed(False, None)._replace(
            means=steps.filtered[:, :, 0] + done.response,
            covariances=CovarianceStore(steps.filtered_P, index),
            succeeded=True,
        )
        self.filtered = steps.filtered[:, :, 1:].transpose(2, 0, 1)
        self.predicted = steps.predicted.transpose(2, 0, 1).copy()
        self.predicted[0] += done.response
        self.values, self.index = steps.predicted_P, index
        self.log_det = done.log_det
        # What a direction adds to a prediction is minus its innovation on zeros.
        self.w, self.W = done.standardised[:, :, 0], -done.standardised[:, :, 1:]

    def _smooth_directions(self):
        return self._pass.smooth()[0][:, :, 1:].transpose(2, 0, 1)
