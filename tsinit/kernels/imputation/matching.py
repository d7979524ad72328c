"""Predictive mean matching: a missing cell takes the value of an observed one that is predicted alike.

What is predicted is the mean of a cell given all others, its neighbours on either side included, as the equations of
its column say. Cells are matched one after the other in the order of rows, each given the present values of the others.
"""

import numpy as np

from tsinit.kernels._jit import entry, kernel
from tsinit.kernels.imputation.column_gaps import cell_given_rest


@entry
def predict(table, cells, fits, j, out):
    """Write the mean of each of these cells of column j given all others to `out`; cells are blocks of their own."""
    first = cells.column[j]
    for b in range(first, cells.column[j + 1]):
        row = cells.row[b]
        value = table.W[row, j]
        out[b - first] = cell_given_rest(table, cells, fits, j, b)[0]
        table.W[row, j] = value


@kernel
def _nearest(sorted_values, x, n):
    """First of the n neighbours of x in sorted values."""
    low, high = 0, sorted_values.size
    while low < high:
        middle = (low + high) // 2
        if sorted_values[middle] < x:
            low = middle + 1
        else:
            high = middle
    first, last = low, low  # of the neighbours found so far, the last not included
    while last - first < n:
        below = first > 0
        above = last < sorted_values.size
        if below and (not above or x - sorted_values[first - 1] <= sorted_values[last] - x):
            first -= 1
        else:
            last += 1
    return first


@entry
def match(rng, table, cells, fits, j, predicted, values, n):
    """Give each missing cell of column j the value of one of the n donors whose prediction is nearest to its own.

    predicted, values : (donors,) sorted by prediction; n is at most their number.
    """
    for b in range(cells.column[j], cells.column[j + 1]):
        mean = cell_given_rest(table, cells, fits, j, b)[0]
        first = _nearest(predicted, mean, n)
        table.W[cells.row[b], j] = values[first + np.int64(rng.random() * n)]
