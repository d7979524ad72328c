"""All emissions with priors that do not depend on the data, and data of their kind."""

import numpy as np

from tsinit.emissions import (
    ByColumn,
    Categorical,
    DiagonalGaussian,
    Gaussian,
    KnownVarianceGaussian,
    NegativeBinomial,
    Poisson,
    StudentT,
    VonMises,
    ZeroInflated,
    resolve,
)

D = 2
SIGMA = np.array([[4.0, 1.0], [1.0, 2.0]])
MEAN = np.array([10.0, -5.0])

EMISSIONS = {
    "gaussian": Gaussian(MEAN, 0.5, SIGMA, 8.0),
    "gaussian_diag": DiagonalGaussian(MEAN, 0.5, [4.0, 2.0], 8.0),
    "gaussian_known_variance": KnownVarianceGaussian([4.0, 2.0], MEAN, [9.0, 3.0]),
    "student_t": StudentT(3.0, MEAN, 0.5, SIGMA, 8.0),
    "poisson": Poisson([3.0, 0.7], 1.5),
    "negative_binomial": NegativeBinomial([3.0, 0.7], 1.5, [2.0, 8.0], 2.0),
    "categorical": Categorical([0, 1, 2], 2.0),
    "von_mises": VonMises(None, [0.5, -2.0], 0.3, [2.0, 4.0], 2.5),
    "zero_inflated_poisson": ZeroInflated(Poisson([3.0, 0.7], 1.5), 0.3, 5.0),
    "zero_inflated_negative_binomial": ZeroInflated(
        NegativeBinomial([3.0, 0.7], 1.5, [2.0, 8.0], 2.0), 0.3, 5.0
    ),
    "by_column": ByColumn(
        {1: StudentT(8.0, MEAN[1:], 0.5, SIGMA[1:, 1:], 8.0), 0: Poisson(3.0, 1.5)}
    ),
}


def with_defaults(name):
    """The same emission with the priors that data settle."""
    return resolve({1: "student_t", 0: "poisson"} if name == "by_column" else name)


def gaps(rng, y, fraction=0.25):
    """Copy y with single entries missing, and the second row as a whole."""
    y = y.copy()
    y[rng.random(y.shape) < fraction] = np.nan
    y[1] = np.nan
    return y


def observations(name, rng, T=30, D=D):
    """Complete data (T, D) of the right kind."""
    if name == "poisson":
        return rng.poisson(3.0, (T, D)).astype(float)
    if name == "negative_binomial":
        return rng.negative_binomial(2.0, 0.4, (T, D)).astype(float)
    if name == "zero_inflated_poisson":
        return rng.poisson(3.0, (T, D)) * (rng.random((T, D)) < 0.7).astype(float)
    if name == "zero_inflated_negative_binomial":
        return rng.negative_binomial(4.0, 0.4, (T, D)) * (rng.random((T, D)) < 0.7).astype(float)
    if name == "categorical":
        return rng.integers(0, 3, (T, D)).astype(float)
    if name == "von_mises":
        return rng.vonmises(1.0, 2.0, (T, D))
    if name == "by_column":
        return np.column_stack([rng.poisson(3.0, T), rng.standard_t(8.0, (T, D - 1)) - 5.0])
    return MEAN[np.arange(D) % 2] + rng.standard_normal((T, D)) @ np.triu(
        np.full((D, D), 0.5) + np.eye(D)
    )


def bind(name, rng, T=30, missing=True):
    """Give (on_data, y, z) of three states, of which the last has no rows."""
    y = observations(name, rng, T)
    if missing:
        y = gaps(rng, y)
    return EMISSIONS[name].bind(y), y, rng.integers(0, 2, T)
