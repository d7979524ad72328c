"""The LQ factor of the Hankel matrix against the matrix itself."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.subspace import hankel

from tsinit.init.subspace import hankel as hankel_module
from tsinit.init.subspace.hankel import complete_runs, hankel_factor


def split(y, offsets):
    return [y[a:b] for a, b in pairwise(offsets)]


def gappy_sequences(seed, D, lengths, share):
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    y = rng.standard_normal((offsets[-1], D)).cumsum(axis=0) * 0.3 + rng.standard_normal(
        (offsets[-1], D)
    )
    y[rng.random(y.shape) < share] = np.nan
    return y, offsets


def lower_factor(H):
    L = np.linalg.qr(H.T, mode="r").T
    return L * np.sign(np.diag(L))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    D=st.integers(1, 3),
    n_block_rows=st.integers(2, 4),
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=4),
    share=st.sampled_from([0.0, 0.02, 0.1]),
)
def test_factor_is_that_of_the_explicit_matrix(seed, D, n_block_rows, lengths, share):
    y, offsets = gappy_sequences(seed, D, [*lengths, 40], share)
    y[-12:] = np.nan_to_num(y[-12:])  # at least one column
    H = hankel(split(y, offsets), 2 * n_block_rows)
    factor = hankel_factor(y, offsets, n_block_rows)
    assert factor.n_columns == H.shape[1]
    np.testing.assert_allclose(factor.L @ factor.L.T, H @ H.T, atol=1e-12 * np.abs(H @ H.T).max())
    assert np.array_equal(factor.L, np.tril(factor.L))
    assert (np.diag(factor.L) >= 0).all()


def test_cholesky_and_qr_give_the_same_factor(rng):
    y, offsets = gappy_sequences(3, 2, [300, 50, 400], 0.01)
    H = hankel(split(y, offsets), 12)
    starts, stops = complete_runs(y, offsets)
    L_qr = hankel_module._chunked_lq(
        y, starts[stops - starts >= 12], stops[stops - starts >= 12], 12
    )
    expected = lower_factor(H)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(hankel_factor(y, offsets, 6).L, expected, atol=1e-10 * scale)
    np.testing.assert_allclose(L_qr / np.sqrt(H.shape[1]), expected, atol=1e-12 * scale)


def test_nearly_singular_data_keep_their_digits(rng):
    t = np.arange(2000)
    y = np.sin(0.3 * t)[:, None] + 1e-7 * rng.standard_normal((2000, 1))
    factor = hankel_factor(y, np.array([0, 2000]), 6)
    expected = lower_factor(hankel([y], 12))
    # H H' has condition 1e14: its Cholesky factor would have no digit right in these rows.
    np.testing.assert_allclose(factor.L[-1], expected[-1], atol=1e-13)


@pytest.mark.parametrize("chunk_values", [1, 100, 2000])
def test_chunks_do_not_show(monkeypatch, chunk_values):
    y, offsets = gappy_sequences(5, 2, [90, 120], 0.01)
    whole = hankel_factor(y, offsets, 3).L
    starts, stops = complete_runs(y, offsets)
    long_enough = stops - starts >= 6
    monkeypatch.setattr(hankel_module, "_CHUNK_VALUES", chunk_values)
    np.testing.assert_allclose(hankel_factor(y, offsets, 3).L, whole, rtol=1e-10, atol=1e-12)
    L = hankel_module._chunked_lq(y, starts[long_enough], stops[long_enough], 6)
    np.testing.assert_allclose(L / np.linalg.norm(L), whole / np.linalg.norm(whole), atol=1e-12)


def test_sequences_stand_side_by_side_and_no_window_crosses():
    y, offsets = gappy_sequences(7, 2, [50, 3, 70, 0, 45], 0.0)
    parts = [
        hankel_factor(part, np.array([0, len(part)]), 4)
        for part in split(y, offsets)
        if len(part) >= 8
    ]
    gram = sum(part.n_columns * part.L @ part.L.T for part in parts)
    together = hankel_factor(y, offsets, 4)
    assert together.n_columns == sum(part.n_columns for part in parts)
    np.testing.assert_allclose(together.n_columns * together.L @ together.L.T, gram, rtol=1e-10)


def test_a_gap_acts_like_a_boundary():
    y, _ = gappy_sequences(9, 2, [200], 0.0)
    gap = y.copy()
    gap[80, 1] = np.nan
    cut = np.vstack([y[:80], y[81:]])
    with_gap = hankel_factor(gap, np.array([0, 200]), 5)
    with_cut = hankel_factor(cut, np.array([0, 80, 199]), 5)
    np.testing.assert_allclose(with_gap.L, with_cut.L, rtol=1e-12, atol=1e-13)


def test_runs_are_maximal_and_inside_sequences():
    nan = np.nan
    z = np.array([1, 2, nan, 3, 4, 5, nan, nan, 6, 7.0])[:, None]
    starts, stops = complete_runs(z, np.array([0, 0, 5, 5, 10]))
    assert list(zip(starts, stops, strict=True)) == [(0, 2), (3, 5), (5, 6), (8, 10)]


def test_memory_does_not_grow_with_the_hankel_matrix():
    tracemalloc = pytest.importorskip("tracemalloc")
    y = np.random.default_rng(0).standard_normal((200_000, 2))
    y[:, 1] = y[:, 0] + 1e-6 * y[:, 1]  # forces the QR route
    tracemalloc.start()
    hankel_factor(y, np.array([0, len(y)]), 10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6  # the matrix itself would take 64 MB, and three times that to factor
