"""Linear Gaussian systems with known truth: spectrum, signal-to-noise ratio and share of gaps are exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import solve_discrete_lyapunov

from tsinit._spectrum import draw_orthogonal, from_eigenvalues
from tsinit._validate import check_count, check_number, check_seed
from tsinit.datasets._rules import numbers, require
from tsinit.datasets._sequences import check_lengths, hide
from tsinit.kernels import LinearGaussianParams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from tsinit._typing import ComplexArray, FloatArray, SeedLike


class SimulatedSSM(NamedTuple):
    """Data from a linear Gaussian state-space model, with everything that is hidden.

    With several sequences, `y`, `complete` and `states` are lists with one array each.

    Parameters
    ----------
    y : (T, D) float
        Observations, NaN where missing.
    complete : (T, D) float
        The same without the gaps.
    states : (T, n) float
        The hidden states.
    params : LinearGaussianParams
        The parameters that made them.
    eigenvalues : (n,) complex
        The spectrum of ``params.A`` as it was drawn.
    """

    y: FloatArray | list[FloatArray]
    complete: FloatArray | list[FloatArray]
    states: FloatArray | list[FloatArray]
    params: LinearGaussianParams
    eigenvalues: ComplexArray


def make_lgssm(
    n_steps: int | Sequence[int] = 200,
    n_states: int = 2,
    n_features: int = 2,
    *,
    n_sequences: int = 1,
    spectral_radius: float = 0.95,
    eigenvalues: ArrayLike | None = None,
    snr: float = 10.0,
    missing: float = 0.0,
    random_state: SeedLike = None,
) -> SimulatedSSM:
    """Simulate a random stable linear Gaussian state-space model from its stationary distribution.

    A is made of real 2 x 2 rotation-scale blocks under a random rotation of the state space, so it has
    exactly the spectrum that was drawn. Q is positive definite with condition number at most 4, scaled so
    that the states have unit variance on average; R is diagonal and gives every column the asked
    signal-to-noise ratio.

    Parameters
    ----------
    n_steps : int or sequence of int
        Length of the sequences, or the length of each.
    n_states, n_features : int
        States, and observed columns.
    n_sequences : int
        How many independent sequences; counted from `n_steps` where that is a sequence.
    spectral_radius : float
        Largest modulus of an eigenvalue, in [0, 1). The moduli of the others are uniform between half of it
        and all of it, their angles uniform.
    eigenvalues : (n_states,) complex, optional
        The spectrum itself, closed under conjugation and inside the unit circle; then `n_states` and
        `spectral_radius` follow from it.
    snr : float
        Variance of the signal over variance of the noise, in every column.
    missing : float
        Share of the values that are hidden, completely at random; exact to the nearest count.
    random_state : int, SeedSequence, Generator, RandomState or None
        Where the randomness comes from; a generator is drawn from once.

    Returns
    -------
    SimulatedSSM
        Arrays for one sequence, lists of arrays for several.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    A cycle of 24 steps that slowly forgets its phase, above a slow level:

    >>> import numpy as np
    >>> from tsinit.datasets import make_lgssm
    >>> turn = 0.99 * np.exp(2j * np.pi / 24)
    >>> data = make_lgssm(500, eigenvalues=[turn, turn.conjugate(), 0.98], missing=0.2, random_state=0)
    >>> data.y.shape, data.params.A.shape, int(np.isnan(data.y).sum())
    ((500, 2), (3, 3), 200)
    """
    rng = np.random.default_rng(check_seed(random_state))
    check_number("spectral_radius", spectral_radius, 0.0, below=1.0)
    check_number("snr", snr, above=0.0)
    check_number("missing", missing, 0.0, below=1.0)
    for name, count in (
        ("n_states", n_states),
        ("n_features", n_features),
        ("n_sequences", n_sequences),
    ):
        check_count(name, count)
    one_length, lengths = check_lengths(n_steps, n_sequences)

    spectrum = (
        _draw_spectrum(rng, n_states, spectral_radius)
        if eigenvalues is None
        else _check_spectrum(eigenvalues)
    )
    params = _draw_params(rng, spectrum, n_features, snr)
    states, complete = zip(*(_simulate(rng, params, steps) for steps in lengths), strict=True)
    y = hide(rng, complete, missing)
    if one_length and n_sequences == 1:
        return SimulatedSSM(y[0], complete[0], states[0], params, spectrum)
    return SimulatedSSM(y, list(complete), list(states), params, spectrum)


def _draw_spectrum(rng: np.random.Generator, n_states: int, radius: float) -> ComplexArray:
    moduli = radius * rng.uniform(0.5, 1.0, size=(n_states + 1) // 2)
    moduli[0] = radius
    angles = rng.uniform(0.0, np.pi, size=n_states // 2)
    poles = moduli[: n_states // 2] * np.exp(1j * angles)
    real = moduli[n_states // 2 :] * rng.choice([-1.0, 1.0])  # one for an odd number of states
    return np.concatenate([np.column_stack([poles, poles.conj()]).ravel(), real])


def _check_spectrum(eigenvalues: ArrayLike) -> ComplexArray:
    """Order a spectrum as conjugate pairs, then real values."""
    given = numbers("eigenvalues", eigenvalues, complex)
    require(given.ndim == 1, "eigenvalues", "be a list of numbers", given)
    upper, lower, real = given[given.imag > 0], given[given.imag < 0], given[given.imag == 0]
    closed = upper.size == lower.size and np.allclose(
        np.sort_complex(upper), np.sort_complex(lower.conj())
    )
    require(given.size and closed, "eigenvalues", "come in conjugate pairs", eigenvalues)
    require(np.all(np.abs(given) < 1), "eigenvalues", "lie inside the unit circle", eigenvalues)
    return np.concatenate([np.column_stack([upper, upper.conj()]).ravel(), real])


def _draw_params(
    rng: np.random.Generator, spectrum: ComplexArray, n_features: int, snr: float
) -> LinearGaussianParams:
    n = spectrum.size
    pairs, real = spectrum[spectrum.imag > 0], spectrum[spectrum.imag == 0].real
    # A rotation keeps A normal: its eigenvalues are as well conditioned as eigenvalues can be.
    rotation = draw_orthogonal(rng, n)
    A = rotation @ from_eigenvalues(pairs, real) @ rotation.T
    axes = draw_orthogonal(rng, n)
    Q = (axes * rng.uniform(0.5, 2.0, size=n)) @ axes.T
    P = solve_discrete_lyapunov(A, Q)
    scale = n / np.trace(P)
    Q, P = _symmetric(scale * Q), _symmetric(scale * P)
    C = rng.standard_normal((n_features, n))
    R = np.diag(np.einsum("ij,jk,ik->i", C, P, C) / snr)
    return LinearGaussianParams(A, C, Q, R, np.zeros(n), P, np.zeros(n_features))


def _symmetric(matrix: FloatArray) -> FloatArray:
    return (matrix + matrix.T) / 2


def _simulate(
    rng: np.random.Generator, params: LinearGaussianParams, n_steps: int
) -> tuple[FloatArray, FloatArray]:
    A, C, Q, R, m0, P0, d = params[:7]
    states = rng.standard_normal((n_steps, m0.size))
    states[0] = m0 + np.linalg.cholesky(P0) @ states[0]
    states[1:] = states[1:] @ np.linalg.cholesky(Q).T
    for t in range(1, n_steps):
        states[t] += A @ states[t - 1]
    noise = np.sqrt(np.diag(R)) * rng.standard_normal((n_steps, len(R)))
    return states, states @ C.T + d + noise
