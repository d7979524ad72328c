import numpy as np
import pytest
from helpers import random_covariance
from scipy.stats import multivariate_normal

from tsinit.kernels.hidden_markov.normal import log_densities


@pytest.mark.parametrize(("T", "D", "K"), [(1, 1, 1), (300, 1, 3), (257, 2, 5), (600, 5, 2)])
def test_log_densities_are_those_of_the_normal_distribution(rng, T, D, K):
    y, means = 3.0 * rng.standard_normal((T, D)), rng.standard_normal((K, D))
    covs = np.array([random_covariance(rng, D) for _ in range(K)])
    rows = np.flatnonzero(rng.random(T) < 0.7)
    columns = np.sort(rng.choice(D, max(1, D - 1), replace=False))
    part = covs[:, columns[:, None], columns]
    W = np.linalg.inv(np.linalg.cholesky(part))
    log_norm = -0.5 * (np.linalg.slogdet(part)[1] + len(columns) * np.log(2 * np.pi))
    out = np.full((T, K), 7.0)
    centres = np.ascontiguousarray(means[:, columns])
    log_densities(y, rows, columns, centres, np.ascontiguousarray(W), log_norm, out)
    for k in range(K):
        exact = multivariate_normal(means[k, columns], part[k]).logpdf(y[np.ix_(rows, columns)])
        np.testing.assert_allclose(out[rows, k], exact, rtol=1e-10)
    np.testing.assert_array_equal(np.delete(out, rows, axis=0), 7.0)
