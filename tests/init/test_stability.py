"""Stabilising moves eigenvalues inside the circle and leaves everything else."""

import numpy as np
import pytest

from tsinit.init._assemble import stabilise


def with_eigenvalues(rng, pairs, reals):
    """A real matrix with the given complex pairs (modulus, angle) and real eigenvalues."""
    n = 2 * len(pairs) + len(reals)
    A = np.zeros((n, n))
    for k, (modulus, angle) in enumerate(pairs):
        c, s = modulus * np.cos(angle), modulus * np.sin(angle)
        A[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[c, -s], [s, c]]
    for k, value in enumerate(reals, start=2 * len(pairs)):
        A[k, k] = value
    T = rng.standard_normal((n, n))
    return T @ A @ np.linalg.inv(T)


def test_a_stable_matrix_is_returned_as_it_is(rng):
    A = with_eigenvalues(rng, [(0.9, 0.4)], [0.998])
    assert stabilise(A) is A


def test_moduli_are_reflected_then_cut_and_angles_stay(rng):
    A = with_eigenvalues(rng, [(1.25, 0.4), (0.9, 1.1)], [1.0001, -1.6])
    values = np.linalg.eigvals(stabilise(A))
    pairs = [0.8 * np.exp(0.4j), 0.9 * np.exp(1.1j)]
    expected = np.concatenate([pairs, np.conj(pairs), [0.999, -0.625]])
    np.testing.assert_allclose(np.sort_complex(values), np.sort_complex(expected), rtol=1e-8)


@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_a_jordan_block_falls_back_to_the_schur_form(angle):
    c, s = np.cos(angle), np.sin(angle)
    rotation = 1.1 * np.array([[c, -s], [s, c]])
    A = np.block([[rotation, np.eye(2)], [np.zeros((2, 2)), rotation]])
    stable = stabilise(A, max_radius=0.95)
    values = np.linalg.eigvals(stable)
    # A perturbed Jordan block of size 2 moves its eigenvalues by the root of the rounding error.
    np.testing.assert_allclose(np.abs(values), 1 / 1.1, atol=1e-6)
    np.testing.assert_allclose(np.abs(np.angle(values)), angle, atol=1e-6)


def test_max_radius_bounds_the_radius(rng):
    for _ in range(50):
        A = rng.standard_normal((6, 6))
        assert np.abs(np.linalg.eigvals(stabilise(A, 0.9))).max() <= 0.9 + 1e-9
