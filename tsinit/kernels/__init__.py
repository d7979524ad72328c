"""Numba kernels and the NamedTuples they exchange.

Notation, the same in every kernel:

=============  =========================================================================
letter         meaning
=============  =========================================================================
T, D, n        time steps, observed variables, states
A, Q           state transition, covariance of the state noise
C, R, d        observation matrix, covariance of the observation noise, observation mean
m0, P0         prior mean and covariance of the state at the first observation
y              (T, D) observations, NaN where missing
offsets        (N + 1,) where each sequence starts; offsets[-1] == T
rng            ``numpy.random.Generator``
=============  =========================================================================

A kernel takes arrays, NamedTuples and a Generator and gives the same back. It never validates, prints or
raises: what can go wrong inside comes back as a flag.
"""

from tsinit.kernels.params import LinearGaussianParams
from tsinit.kernels.state_space.kalman_filter import Kalman, smooth_means
from tsinit.kernels.state_space.lyapunov import solve_lyapunov

__all__ = ["Kalman", "LinearGaussianParams", "smooth_means", "solve_lyapunov"]
