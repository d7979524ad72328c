"""One exact EM iteration for the linear Gaussian model, with gaps and several sequences: slow and obvious.

Which values are latent decides what "exact" means where y has gaps:

* R diagonal: only the states are latent. Row i of C is a regression over the steps at which y_i was seen.
* R full: at a partly observed step the missing entries are latent as well; a step without any observed entry
  says nothing of C, d, R and is left out. Complete data make both the same.
"""

from typing import NamedTuple

import numpy as np
from reference import kalman


class Prior(NamedTuple):
    """Matrix-normal inverse-Wishart: B | V ~ MN(M0, V, Lam^-1), V ~ IW(Psi, nu), for V of shape (p, p).

    B is A with V = Q, or [C d] (C alone where d is held) with V = R. A diagonal or spherical V has the same
    density restricted to such matrices.
    """

    M0: np.ndarray  # (p, k)
    Lam: np.ndarray  # (k, k)
    Psi: np.ndarray  # (p, p)
    nu: float


def em_step(
    params,
    sequences,
    *,
    transition_cov="full",
    observation_cov="diag",
    learn_initial=False,
    learn_mean=True,
    transition_prior=None,
    observation_prior=None,
):
    """One EM update from `params`.

    Parameters
    ----------
    params : LinearGaussianParams
    sequences : list of (T_k, D) float
        NaN where missing.
    transition_cov, observation_cov : {"full", "diag", "spherical", "fixed"}
    learn_initial : bool
        Update (m0, P0) to the mean and spread of the smoothed first states, otherwise hold them.
    learn_mean : bool
        Update d together with C, otherwise hold it.
    transition_prior, observation_prior : Prior or None

    Returns
    -------
    params : LinearGaussianParams
        After the update.
    log_likelihood : float
        Of the data *before* the update.
    """
    smoothed = [kalman.smooth(params, y) for y in sequences]
    A, Q = _transition_update(params, smoothed, transition_cov, transition_prior)
    C, d, R = _observation_update(
        params, sequences, smoothed, observation_cov, learn_mean, observation_prior
    )
    m0, P0 = _initial_update(smoothed) if learn_initial else (params.m0, params.P0)
    new = params._replace(A=A, C=C, Q=Q, R=R, m0=m0, P0=P0, d=d)
    return new, sum(s.log_likelihood for s in smoothed)


def log_prior(B, V, prior):
    """Log density of the prior at (B, V), up to a constant."""
    p, k = B.shape
    E = B - prior.M0
    scatter = prior.Psi + E @ prior.Lam @ E.T
    log_det = np.linalg.slogdet(V)[1]
    return -0.5 * (prior.nu + p + 1 + k) * log_det - 0.5 * np.trace(np.linalg.solve(V, scatter))


def expected_log_density(new, old, sequences, *, impute=False):
    """E[log p(x, y; new) | observed y; old]: what the M-step has to maximise, from the joint Gaussian.

    With ``impute`` the missing entries of partly observed rows count as latent, as they do for a full R.
    """
    total = 0.0
    d = np.zeros(len(new.C)) if new.d is None else new.d
    for y in sequences:
        T, D = y.shape
        n = len(new.A)
        z = kalman.joint(old, y)
        second = z.covariance + np.outer(z.mean, z.mean)

        def expect(B, offset, V, rows, z=z, second=second):
            """E[log N(B z_rows; offset, V)]."""
            S = B @ second[np.ix_(rows, rows)] @ B.T
            m = B @ z.mean[rows]
            S = S - np.outer(m, offset) - np.outer(offset, m) + np.outer(offset, offset)
            constant = len(V) * np.log(2 * np.pi) + np.linalg.slogdet(V)[1]
            return -0.5 * (constant + np.trace(np.linalg.solve(V, S)))

        x = np.arange(T * n).reshape(T, n)
        obs = T * n + np.arange(T * D).reshape(T, D)
        total += expect(np.eye(n), new.m0, new.P0, x[0])
        for t in range(1, T):
            B = np.hstack([np.eye(n), -new.A])
            total += expect(B, np.zeros(n), new.Q, np.concatenate([x[t], x[t - 1]]))
        for t in range(T):
            o = ~np.isnan(y[t])
            if not o.any():
                continue
            if impute:
                o = np.ones(D, bool)
            B = np.hstack([np.eye(o.sum()), -new.C[o]])
            total += expect(B, d[o], new.R[np.ix_(o, o)], np.concatenate([obs[t, o], x[t]]))
    return total


def _transition_update(params, smoothed, structure, prior):
    n = len(params.A)
    S00, S10, S11, pairs = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n)), 0
    for s in smoothed:
        for t in range(len(s.means) - 1):
            now, after = s.means[t], s.means[t + 1]
            S00 += s.covariances[t] + np.outer(now, now)
            S10 += s.lag_one[t] + np.outer(after, now)
            S11 += s.covariances[t + 1] + np.outer(after, after)
            pairs += 1
    return _regress(S10, S00, S11, pairs, structure, params.Q, prior)


def _observation_update(params, sequences, smoothed, structure, learn_mean, prior):
    by_row = structure in ("diag", "spherical") or (structure == "fixed" and _is_diagonal(params.R))
    if by_row:
        return _observation_by_row(params, sequences, smoothed, structure, learn_mean, prior)
    return _observation_jointly(params, sequences, smoothed, structure, learn_mean, prior)


def _observation_by_row(params, sequences, smoothed, structure, learn_mean, prior):
    """Each observed variable is a regression of its own, over its own observed steps."""
    D, n = params.C.shape
    k = n + learn_mean
    held = _mean(params)
    B = np.hstack([params.C, held[:, None]])[:, :k]
    quad, weight = np.zeros(D), np.zeros(D)
    extra = 0.0 if prior is None else prior.nu + D + 1 + k
    for i in range(D):
        Szz, Syz, Syy, count = np.zeros((k, k)), np.zeros((1, k)), 0.0, 0
        for y, s in zip(sequences, smoothed, strict=True):
            for t in np.flatnonzero(~np.isnan(y[:, i])):
                value = y[t, i] - (0.0 if learn_mean else held[i])
                z = np.append(s.means[t], 1.0)[:k]
                Szz[:n, :n] += s.covariances[t]
                Szz += np.outer(z, z)
                Syz += value * z
                Syy += value**2
                count += 1
        if count == 0 and prior is None:
            continue
        row_prior = None
        if prior is not None:
            row_prior = Prior(prior.M0[[i]], prior.Lam, prior.Psi[i : i + 1, i : i + 1], prior.nu)
        b, scatter = _solve(Syz, Szz, np.array([[Syy]]), row_prior)
        B[i] = b[0]
        quad[i], weight[i] = scatter[0, 0], count + extra
    r = np.diag(params.R).copy()
    if structure == "diag":
        r = np.where(weight > 0, quad / np.where(weight > 0, weight, 1.0), r)
    elif structure == "spherical":
        # The prior's density of r I is that of a full V: its exponent counts once per row.
        r = np.full(D, quad.sum() / weight.sum())
    R = params.R if structure == "fixed" else np.diag(r)
    return B[:, :n], (B[:, n] if learn_mean else params.d), R


def _observation_jointly(params, sequences, smoothed, structure, learn_mean, prior):
    """Complete every partly observed row by its conditional moments under the old parameters."""
    D, n = params.C.shape
    k = n + learn_mean
    C, R, d = params.C, params.R, _mean(params)
    Szz, Syz, Syy, count = np.zeros((k, k)), np.zeros((D, k)), np.zeros((D, D)), 0
    for y, s in zip(sequences, smoothed, strict=True):
        for t in range(len(y)):
            o = ~np.isnan(y[t])
            if not o.any():
                continue
            m = ~o
            x, P = s.means[t], s.covariances[t]
            # y_m = d_m + C_m x + H (y_o - d_o - C_o x) + noise of covariance R_mm - H R_om
            H = np.linalg.solve(R[np.ix_(o, o)], R[np.ix_(o, m)]).T
            Ct = C[m] - H @ C[o]
            value = y[t].copy()
            value[m] = d[m] + C[m] @ x + H @ (y[t, o] - d[o] - C[o] @ x)
            cov_yx, cov_yy = np.zeros((D, n)), np.zeros((D, D))
            cov_yx[m] = Ct @ P
            cov_yy[np.ix_(m, m)] = R[np.ix_(m, m)] - H @ R[np.ix_(o, m)] + Ct @ P @ Ct.T
            if not learn_mean:
                value = value - d
            z = np.append(x, 1.0)[:k]
            Szz += np.outer(z, z)
            Szz[:n, :n] += P
            Syz += np.outer(value, z)
            Syz[:, :n] += cov_yx
            Syy += np.outer(value, value) + cov_yy
            count += 1
    B, R_new = _regress(Syz, Szz, Syy, count, structure, R, prior)
    return B[:, :n], (B[:, n] if learn_mean else params.d), R_new


def _initial_update(smoothed):
    first = [s.means[0] for s in smoothed]
    m0 = np.mean(first, axis=0)
    P0 = np.mean(
        [s.covariances[0] + np.outer(x - m0, x - m0) for s, x in zip(smoothed, first, strict=True)],
        axis=0,
    )
    return m0, P0


def _regress(Syz, Szz, Syy, count, structure, held, prior):
    """Maximise the expected log-density (plus log prior) over B and V for rows y = B z + N(0, V)."""
    B, scatter = _solve(Syz, Szz, Syy, prior)
    p, k = B.shape
    V = scatter / (count + (0.0 if prior is None else prior.nu + p + 1 + k))
    if structure == "diag":
        V = np.diag(np.diag(V))
    elif structure == "spherical":
        V = np.trace(V) / p * np.eye(p)
    elif structure == "fixed":
        V = held
    return B, (V + V.T) / 2


def _solve(Syz, Szz, Syy, prior):
    """Regression coefficients, and the residual scatter as the full quadratic form."""
    p, k = Syz.shape
    if prior is None:
        prior = Prior(np.zeros((p, k)), np.zeros((k, k)), np.zeros((p, p)), 0.0)
    B = np.linalg.solve(Szz + prior.Lam, (Syz + prior.M0 @ prior.Lam).T).T
    E = B - prior.M0
    scatter = Syy - B @ Syz.T - Syz @ B.T + B @ Szz @ B.T + prior.Psi + E @ prior.Lam @ E.T
    return B, scatter


def _mean(params):
    return np.zeros(len(params.C)) if params.d is None else params.d


def _is_diagonal(R):
    return np.array_equal(R, np.diag(np.diag(R)))
