"""Order statistics against their formulas, one order at a time."""

import numpy as np

from tsinit.init.subspace.orders import order_statistics


def test_columns_are_the_formulas():
    c, s, D, i, J = np.array([0.9, 0.7, 0.2, 0.1]), np.array([5.0, 4.0, 0.5, 0.4]), 2, 2, 1000
    table = order_statistics(s, c, D, i, J, 3)
    for n in (1, 2, 3):
        few, many = 2 * n * D * np.log(J) / J, n * (2 * i * D - n) * np.log(J) / J
        assert table["singular_value"][n - 1] == s[n - 1]
        assert table["canonical_correlation"][n - 1] == c[n - 1]
        np.testing.assert_allclose(table["gap_ratio"][n - 1], s[n - 1] / s[n])
        np.testing.assert_allclose(table["svc"][n - 1], c[n] ** 2 + few)
        np.testing.assert_allclose(table["nic"][n - 1], (c[n:] ** 2).sum() + many)
        np.testing.assert_allclose(table["ivc"][n - 1], -np.log(1 - c[n:] ** 2).sum() + many)


def test_perfect_correlations_and_the_last_order_stay_finite_where_they_can():
    table = order_statistics(np.array([1.0, 1.0]), np.array([1.0, 1.0]), 1, 2, 100, 2)
    assert np.isfinite(table["ivc"]).all()
    assert np.isinf(table["gap_ratio"][1])  # nothing follows
