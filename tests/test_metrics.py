"""Spectral measures against matrices whose spectrum is known."""

import numpy as np
import pytest

from tsinit import metrics


def rotation(modulus, angle):
    return modulus * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def block_diagonal(*blocks):
    n = sum(len(block) for block in blocks)
    A, k = np.zeros((n, n)), 0
    for block in blocks:
        A[k : k + len(block), k : k + len(block)] = block
        k += len(block)
    return A


def test_spectral_radius_and_order_of_eigenvalues(rng):
    A = block_diagonal([[-0.5]], rotation(0.9, 0.3), [[0.5]], rotation(0.5, 1.2), rotation(0.95, 2.0))
    T = rng.standard_normal(A.shape)
    similar = T @ A @ np.linalg.inv(T)
    expected = [0.95 * np.exp(2j), 0.95 * np.exp(-2j), 0.9 * np.exp(0.3j), 0.9 * np.exp(-0.3j), 0.5,
                0.5 * np.exp(1.2j), 0.5 * np.exp(-1.2j), -0.5]
    np.testing.assert_allclose(metrics.eigenvalues(A), expected, atol=1e-12)
    assert metrics.spectral_radius(similar) == pytest.approx(0.95, rel=1e-10)
    np.testing.assert_allclose(np.abs(metrics.eigenvalues(similar)), np.abs(expected), atol=1e-9)


@pytest.mark.parametrize("power", [1, 2, 0.5])
def test_svd_entropy_is_one_for_orthogonal_and_zero_for_rank_one(rng, power):
    Q, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    assert metrics.svd_entropy(3.0 * Q, power) == pytest.approx(1.0)
    assert metrics.svd_entropy(np.outer(Q[0], Q[1]), power) == pytest.approx(0.0, abs=1e-5)


def test_svd_entropy_is_the_formula_and_ignores_scale():
    s = np.array([4.0, 2.0, 1.0])
    for power in (1, 2):
        p = s**power / (s**power).sum()
        H = -(p * np.log(p)).sum() / np.log(3)
        assert metrics.svd_entropy(np.diag(s), power) == pytest.approx(H)
        assert metrics.svd_entropy(1e-200 * np.diag(s), power) == pytest.approx(H)


def test_svd_entropy_at_the_edges():
    assert metrics.svd_entropy(np.array([[0.3]])) == 1.0
    assert np.isnan(metrics.svd_entropy(np.zeros((3, 3))))
    assert metrics.svd_entropy(np.diag([1.0, 0.0])) == 0.0


def test_stable_rank():
    assert metrics.stable_rank(np.diag([2.0, 1.0, 1.0])) == pytest.approx(1.5)
    assert metrics.stable_rank(np.eye(4)) == pytest.approx(4.0)
    assert metrics.stable_rank(np.zeros((2, 2))) == 0.0


def test_eigenvector_condition_is_one_for_normal_and_grows_towards_a_jordan_block():
    assert metrics.eigenvector_condition(rotation(0.9, 0.5)) == pytest.approx(1.0)
    jordan = np.array([[0.5, 1.0], [0.0, 0.5]])
    near = [metrics.eigenvector_condition(jordan + np.diag([0.0, gap])) for gap in (1e-1, 1e-3, 1e-6)]
    assert near == sorted(near)
    assert metrics.eigenvector_condition(jordan) > 1e12


def test_every_measure_takes_a_stack(rng):
    stack = rng.standard_normal((2, 3, 4, 4))
    for measure in (metrics.spectral_radius, metrics.eigenvalues, metrics.svd_entropy, metrics.stable_rank,
                    metrics.eigenvector_condition):
        one_by_one = [[measure(A) for A in row] for row in stack]
        np.testing.assert_allclose(measure(stack), one_by_one)
