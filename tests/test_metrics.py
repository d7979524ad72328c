"""Spectral measures against matrices of known spectrum, measures of partitions against their definitions."""

import numpy as np
import pandas as pd
import pytest
from reference import partitions as reference

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
    A = block_diagonal(
        [[-0.5]], rotation(0.9, 0.3), [[0.5]], rotation(0.5, 1.2), rotation(0.95, 2.0)
    )
    T = rng.standard_normal(A.shape)
    similar = T @ A @ np.linalg.inv(T)
    expected = [
        0.95 * np.exp(2j),
        0.95 * np.exp(-2j),
        0.9 * np.exp(0.3j),
        0.9 * np.exp(-0.3j),
        0.5,
        0.5 * np.exp(1.2j),
        0.5 * np.exp(-1.2j),
        -0.5,
    ]
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
    near = [
        metrics.eigenvector_condition(jordan + np.diag([0.0, gap])) for gap in (1e-1, 1e-3, 1e-6)
    ]
    assert near == sorted(near)
    assert metrics.eigenvector_condition(jordan) > 1e12


def test_every_measure_takes_a_stack(rng):
    stack = rng.standard_normal((2, 3, 4, 4))
    for measure in (
        metrics.spectral_radius,
        metrics.eigenvalues,
        metrics.svd_entropy,
        metrics.stable_rank,
        metrics.eigenvector_condition,
    ):
        one_by_one = [[measure(A) for A in row] for row in stack]
        np.testing.assert_allclose(measure(stack), one_by_one)


PARTITION = ["adjusted_rand_index", "variation_of_information", "binder_loss", "matched_accuracy"]


@pytest.mark.parametrize("name", PARTITION)
def test_measures_of_partitions_are_their_definitions(rng, name):
    for _ in range(20):
        a, b = rng.integers(0, rng.integers(2, 5), 30), rng.integers(0, rng.integers(2, 5), 30)
        expected = getattr(reference, name)(a.tolist(), b.tolist())
        assert getattr(metrics, name)(a, b) == pytest.approx(expected, rel=1e-12)
        assert getattr(metrics, name)(b, a) == pytest.approx(expected, rel=1e-12)


def test_the_rand_index_is_that_of_scikit_learn(rng):
    from sklearn.metrics import adjusted_rand_score

    for K in (1, 2, 40, 3000):
        a, b = rng.integers(0, K, 3000), rng.integers(0, 7, 3000)
        assert metrics.adjusted_rand_index(a, b) == pytest.approx(
            adjusted_rand_score(a, b), abs=1e-12
        )


@pytest.mark.parametrize("name", PARTITION)
def test_only_the_partition_counts(rng, name):
    a, b = rng.integers(0, 3, 50), rng.integers(0, 4, 50)
    measure = getattr(metrics, name)
    plain = measure(a, b)
    words = np.array(["calm", "wet", "dry"])[a]
    forms = [
        10 - 3 * a,
        a.astype(float),
        a.astype(np.uint8),
        list(words),
        words.astype(object),
        pd.Series(words),
        pd.Series(words, dtype="category"),
        pd.Series(a, index=np.arange(50)[::-1]),
        pd.Series(a, dtype="Int64"),
    ]
    for form in forms:
        assert measure(form, b) == plain
    best = 1.0 if name in ("adjusted_rand_index", "matched_accuracy") else 0.0
    assert measure(a, words) == best


@pytest.mark.parametrize("name", PARTITION)
def test_measures_of_partitions_at_the_edges(name):
    measure = getattr(metrics, name)
    best = 1.0 if name in ("adjusted_rand_index", "matched_accuracy") else 0.0
    for a in ([5], [1, 1, 1], [1, 2, 3]):
        assert measure(a, a) == best
    apart = {
        "adjusted_rand_index": 0.0,
        "variation_of_information": np.log(8),
        "binder_loss": 1.0,
        "matched_accuracy": 1 / 8,
    }
    assert measure([0] * 8, range(8)) == pytest.approx(apart[name])


def test_fine_partitions_of_long_series_fit_in_memory():
    """A table of all pairs of states would have 10^10 cells."""
    a = np.arange(100_000)
    assert metrics.variation_of_information(a, a[::-1]) == 0.0
    assert metrics.adjusted_rand_index(a, a // 2) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    "measure",
    [
        metrics.spectral_radius,
        metrics.eigenvalues,
        metrics.svd_entropy,
        metrics.stable_rank,
        metrics.eigenvector_condition,
    ],
)
@pytest.mark.parametrize(
    ("A", "message"),
    [
        (3.0, r"^A must be a square matrix or a stack of them, \(..., n, n\); got shape \(\)\.$"),
        (np.ones((2, 3)), r"got shape \(2, 3\)\.$"),
        (np.full((2, 2), np.nan), r"^A must be finite; got nan\.$"),
        ([["a"]], r"^A must hold numbers; got an array of <U1\.$"),
    ],
)
def test_what_is_no_square_matrix_is_refused(measure, A, message):
    with pytest.raises(ValueError, match=message):
        measure(A)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([0, 1], [0, 1, 1], "a and b must label the same steps; got 2 and 3 labels"),
        ([0.0, np.nan], [0, 1], "a must be labels without gaps; got nan"),
        (
            [0, 1],
            pd.Series([0, None], dtype="Int64"),
            "b must be labels without gaps; got (<NA>|nan)",
        ),
        (["x", None], [0, 1], "a must be labels without gaps; got None"),
        ([0.5, 1.0], [0, 1], "a must be whole numbers or words; got 0.5"),
        ([[0, 1]], [0, 1], r"a must be one sequence of labels; got shape \(1, 2\)"),
        ([], [], r"a must be one sequence of labels; got shape \(0,\)"),
        (
            np.array(["x", 1], dtype=object),
            [0, 1],
            "a must be labels of one kind; got words and numbers",
        ),
    ],
)
def test_what_is_no_sequence_of_labels_is_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        metrics.variation_of_information(a, b)
