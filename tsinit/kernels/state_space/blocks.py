"""Many sequences with gaps, in blocks that can be passed over side by side.

Where the blocks lie depends on the data alone, and what they come to is added up in their order: a result does not
depend on the number of threads.
"""

import copy
import functools
import itertools
from collections import deque

import numpy as np

from tsinit.kernels._threads import side_by_side
from tsinit.kernels.state_space.arrays import CovarianceStore

#: Work of a block, in multiplications: a millisecond or two, beside which handing it out is nothing.
_WORK = 1.5e6
_MAX_BLOCKS = 32


def cut(offsets, complete, n, D):
    """Cut sequences into blocks of about the same work, each of some that follow each other.

    Parameters
    ----------
    offsets : (N + 1,) int
    complete : (N,) bool
    n, D : int
        States and variables.

    Returns
    -------
    list of int
        The first sequence of each block, with N at the end.
    """
    # Complete sequences share their covariances; a block would work them out once more. See `equal_lengths`.
    row = np.where(complete, 0.0, 20.0 + n * n * (n + D))
    work = np.concatenate([[0], np.cumsum(np.diff(offsets) * row)])
    n_blocks = int(min(work[-1] // _WORK, _MAX_BLOCKS, len(complete)))
    bounds = np.searchsorted(work, np.arange(1, n_blocks) * (work[-1] / max(n_blocks, 1)))
    return [0, *np.unique(bounds[(bounds > 0) & (bounds < len(complete))]).tolist(), len(complete)]


def split(kalman):
    """Return passes over the blocks of sequences of a `Kalman`; none where there is only one."""
    bounds = cut(kalman.offsets, kalman.complete, kalman.n_states, kalman.y.shape[1])
    if len(bounds) == 2:
        return []
    return [kalman.of_sequences(a, b) for a, b in itertools.pairwise(bounds)]


def run(kalman, blocks, params, smooth, covariances, moments):
    """Pass over all blocks, as many at a time as there may be threads, and join what comes back."""
    # Memory for each thread, not for each block, and kept for the next pass.
    kalman.memories += [({}, {}) for _ in range(kalman.n_threads - len(kalman.memories))]
    free = deque(kalman.memories)
    x = np.empty((len(kalman.y), kalman.n_states))
    ends = np.cumsum([len(block.y) for block in blocks])

    def one(block, end):
        memory = free.pop()
        try:
            means = x[end - len(block.y) : end]
            return block.pass_within(memory, means, params, smooth, covariances, moments)
        finally:
            free.append(memory)

    passes = [functools.partial(one, *pair) for pair in zip(blocks, ends, strict=True)]
    parts = side_by_side(passes, kalman.n_threads)
    total = None
    if moments is not None:
        total = copy.deepcopy(parts[0].moments)
        for part in parts[1:]:
            for sum_, more in zip(total, part.moments, strict=True):
                if sum_.dtype != bool:
                    sum_ += more
    return parts[0]._replace(
        means=x,
        covariances=_joined([part.covariances for part in parts]) if covariances else None,
        log_likelihood=float(sum(part.log_likelihood for part in parts)),
        quadratic=float(sum(part.quadratic for part in parts)),
        moments=total,
        succeeded=all(part.succeeded for part in parts),
        retried=any(part.retried for part in parts),
    )


def _joined(stores):
    places = np.cumsum([0] + [len(store.values) for store in stores])
    index = [store.index + place for store, place in zip(stores, places[:-1], strict=True)]
    return CovarianceStore(
        np.concatenate([store.values for store in stores]), np.concatenate(index)
    )
