"""Filter and smoother of models with few states where gaps come and go, so that no step repeats another.

One pass forward and one back over each sequence, with all that is carried from step to step in registers or near them.
The formulas are those of `filter_covariances`, `means` and `smoother_covariances`; what these save where steps repeat
is not to be saved here. Systems are filled up with zeros to a width that `rows` takes.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel, kernel_with_memory
from tsinit.kernels.dense import add_scaled, copy_into, load, save, symmetrise
from tsinit.kernels.state_space import rounding
from tsinit.kernels.state_space.arrays import SmootherMoments, System
from tsinit.kernels.state_space.filter_covariances import add_symmetric, drop_negative
from tsinit.kernels.state_space.means import SMALL
from tsinit.kernels.state_space.observation import factor_observed, whiten_rows
from tsinit.kernels.state_space.rows import add_row, copy_row, dot, row_product, square, vector
from tsinit.kernels.state_space.smoother_covariances import (
    carry_probe,
    collect_gap,
    subtract_from,
)

WIDTHS = (2, 4, 8, 12)  # of rows; with more states, BLAS is faster
#: Steps that a pattern of gaps lasts on average from which the shared steps of the other kernels are faster.
LASTING = 64
_BUDGET = (
    2**26
)  # bytes of what is kept from the way forward; longer sequences are filtered twice, in pieces


class GappyRows(NamedTuple):
    """Where the rows of sequences are, and where their covariances go."""

    starts: np.ndarray  # (N,) first row of each
    stops: np.ndarray  # (N,) row after the last
    places: np.ndarray  # (N,) place of the first covariance of each, one sequence behind the other

    @property
    def n_rows(self):
        """Rows of all sequences."""
        return int((self.stops - self.starts).sum())

    @property
    def longest(self):
        """Rows of the longest sequence."""
        return int((self.stops - self.starts).max(initial=0))

    @property
    def rows(self):
        """(n_rows,) row of each covariance."""
        return np.repeat(self.starts - self.places, self.stops - self.starts) + np.arange(
            self.n_rows
        )


def gappy_rows(offsets, which):
    """Look up the rows of some sequences.

    Parameters
    ----------
    offsets : (N + 1,) int
    which : (N,) bool
    """
    starts, stops = offsets[:-1][which], offsets[1:][which]
    return GappyRows(starts, stops, np.cumsum(stops - starts) - (stops - starts))


class GappySequences(NamedTuple):
    """Sequences, and where their rows and results are."""

    z: np.ndarray  # (T, D) data, centred and whitened where R is full, NaN where missing
    changed: np.ndarray  # (T,) bool: other entries are observed than one step before
    x: np.ndarray  # (T, n) means
    starts: np.ndarray  # (N,) as in `GappyRows`, like the next two
    stops: np.ndarray  # (N,)
    places: np.ndarray  # (N,)
    values: np.ndarray  # (K or 0, n, n) covariances


class NarrowRequest(NamedTuple):
    """How a pass is to go."""

    smooth: bool  # go back, too
    probed: bool  # follow rounding closely
    joint: bool | None  # True: add up the sums of missing entries; None leaves that code out


class Piece(NamedTuple):
    """Some steps of a sequence."""

    start: int  # bounds of the sequence
    stop: int
    begin: int  # bounds of the piece
    end: int
    place: int  # of the covariance of its first step, or -1 where none are kept


class Trail(NamedTuple):
    """What the way forward leaves for the way back, for S steps."""

    P: np.ndarray  # (S, width, width) filtered covariances
    K: np.ndarray  # (S, D, width) gains
    W: np.ndarray  # (S or 1, D, width) observation rows
    e: np.ndarray  # (S, D) innovations
    precision: np.ndarray  # (S, D) their inverse variances, 0 where nothing was observed
    doubt: (
        np.ndarray
    )  # (S, width) what rounding can have added to the variances in P, in units of rounding


class Carried(NamedTuple):
    """What goes from piece to piece."""

    m: np.ndarray  # (width,) predicted mean
    P: np.ndarray  # (width, width) and covariance
    first_m: np.ndarray  # (pieces, width) the same where each piece begins
    first_P: np.ndarray  # (pieces, width, width)
    L: np.ndarray  # (D + 1, D) factor of R over the observed entries, its last row variances
    error: (
        np.ndarray
    )  # (width,) what tells of the rounding in P: a probe, or the largest variances so far
    r: np.ndarray  # (width,) what later steps say of the mean
    N: np.ndarray  # (width, width) and how sure they are: A' N A
    NA: np.ndarray  # (width, width) N A
    probe: np.ndarray  # (width,) of the rounding in A' N A


class Later(NamedTuple):
    """What later steps say of the present one, where it is handy."""

    r: np.ndarray  # (width,), like the others as in `Carried`
    N: np.ndarray  # (width, width)
    probe: np.ndarray  # (width,)
    s: np.ndarray  # (width,) square roots of the largest variances in N on its way


@kernel
def _observation_rows(system, sequences, t, slot, trail, L):
    """Leave the rows of a step with a full R in the trail."""
    D = system.C.shape[0]
    if sequences.changed[t] or slot == 0:
        factor_observed(system.R, sequences.z, t, L, L[D])
        whiten_rows(L, sequences.z, t, system.C, trail.W[slot])
    else:
        copy_into(trail.W[slot], trail.W[slot - 1])


@kernel
def _rows(sequences, lanes):
    """Rows that a matrix has beside its filling; of few, all, so that the compiler knows how many."""
    return len(lanes) if len(lanes) <= SMALL else sequences.x.shape[1]


@kernel
def _forward(system, sequences, piece, trail, carried, probed, lanes):
    """Filter a piece; returns the log-likelihood, the sum of squares and whether all is well conditioned.

    In one piece: with the observations of a step in a kernel of their own, two states take half as long again.
    """
    A, At, Q, d, diagonal = system.A, system.At, system.Q, system.d, system.diagonal
    z, x, K, W, L = sequences.z, sequences.x, trail.K, trail.W, carried.L
    D, n, width = z.shape[1], _rows(sequences, lanes), len(lanes)
    P, half, m, k, moved = square(lanes), square(lanes), vector(lanes), vector(lanes), vector(lanes)
    error, s = vector(lanes), vector(lanes)
    copy_into(P, carried.P)
    copy_row(error, 0, carried.error, 0, lanes)
    copy_row(m, 0, carried.m, 0, lanes)
    # Compensated: a plain running sum loses 2e-12 over 10^6 steps.
    deviance, lost, quadratic, volume, good = 0.0, 0.0, 0.0, 1.0, True
    for t in range(piece.begin, piece.end):
        slot = t - piece.begin
        w = np.int64(0) if diagonal else slot
        if not diagonal:
            _observation_rows(system, sequences, t, slot, trail, L)
        good &= rounding.deviations(P, s) < np.inf if probed else rounding.raise_peak(P, error)
        squares, logarithm, spread, n_observed, n_exact = 0.0, 0.0, 1.0, 0, 0
        for i in range(D):
            if np.isnan(z[t, i]):
                trail.precision[slot, i] = 0.0
                continue
            noise = system.R[i, i] if diagonal else L[D, i]
            drift, doubt = 0.0, 0.0
            if probed:
                drift, doubt = rounding.project(W, w, i, error, s)
            else:
                doubt = rounding.reach(W, w, i, error)
            row_product(k, 0, W, w * D + i, P, lanes)
            v = noise + dot(k, 0, W, w * D + i, lanes)
            e = z[t, i] - d[i] - dot(m, 0, W, w * D + i, lanes)
            good &= (
                v > 0.0
                and v >= (1.0 - rounding.TRUST) * noise
                and rounding.UNIT * doubt <= rounding.TRUST * v
            )
            precision = 1.0 / v
            spread = max(spread, doubt * precision)
            trail.precision[slot, i], trail.e[slot, i] = precision, e
            squares += e * e * precision
            add_row(m, 0, e * precision, k, 0, lanes)
            for a in range(n):
                add_row(P, a, -precision * k[a], k, 0, lanes)
            for a in range(width):
                K[slot, i, a] = precision * k[a]
            if probed:
                rounding.follow(error, K, slot, i, drift)
            n_observed += 1
            n_exact += noise == 0.0
            # One logarithm for many variances, as long as their product stays in range.
            volume *= 2.0 * np.pi * v
            if not 1e-200 < volume < 1e200:
                logarithm += np.log(volume)
                volume = 1.0
        for a in range(width):
            trail.doubt[slot, a] = s[a] ** 2 + error[a] ** 2 if probed else spread * error[a]
            if n_exact > 0:  # it leaves nothing, and so is all of it rounding
                trail.doubt[slot, a] = 0.0
        if not probed:
            good &= rounding.stands_out(P, error, spread)
        else:
            if n_observed > 0:
                drop_negative(P)
                good &= n_exact > 0 or rounding.kept(P, error, s)
            rounding.stir(error, s, t)
            row_product(moved, 0, error, 0, At, lanes)
            copy_row(error, 0, moved, 0, lanes)
        quadratic += squares
        term = squares + logarithm - lost
        total = deviance + term
        lost = (total - deviance) - term
        deviance = total
        for a in range(x.shape[1]):
            x[t, a] = m[a]
        save(trail.P, slot, P)
        if piece.place >= 0:
            save(sequences.values, piece.place + slot, P)
        row_product(moved, 0, m, 0, At, lanes)
        copy_row(m, 0, moved, 0, lanes)
        for a in range(n):
            row_product(half, a, A, a, P, lanes)
        for a in range(n):
            row_product(P, a, half, a, At, lanes)
        add_symmetric(P, Q)
    copy_into(carried.P, P)
    copy_row(carried.m, 0, m, 0, lanes)
    copy_row(carried.error, 0, error, 0, lanes)
    return -0.5 * (deviance + np.log(volume)), quadratic, good


@kernel
def _begin(system, carried):
    """Carry what is known before a sequence."""
    copy_into(carried.P, system.P0)
    for a in range(carried.m.size):
        carried.m[a] = system.m0[a]
        carried.error[a], carried.r[a], carried.probe[a] = 0.0, 0.0, 0.0
        for b in range(carried.m.size):
            carried.N[a, b], carried.NA[a, b] = 0.0, 0.0


@kernel
def _checkpoint(carried, piece, keep):
    """Note what is carried into a piece, or go back to what was noted of it."""
    for a in range(carried.m.size):
        if keep:
            carried.first_m[piece, a] = carried.m[a]
        else:
            carried.m[a] = carried.first_m[piece, a]
    if keep:
        save(carried.first_P, piece, carried.P)
    else:
        load(carried.P, carried.first_P, piece)


@kernel
def _outlasts(P, doubt, slot):
    """Whether smoothed variances are more than the rounding in filtered ones, none of which later steps take away."""
    well_conditioned = True
    for a in range(P.shape[0]):
        well_conditioned &= rounding.UNIT * doubt[slot, a] <= rounding.TRUST_HERE * abs(P[a, a])
    return well_conditioned


@kernel
def _collect(trail, slot, P, sums, lanes):
    """Add the covariance of a step to the sums that look at what was observed."""
    n_observed, width = 0, len(lanes)
    for i in range(trail.precision.shape[1]):
        n_observed += trail.precision[slot, i] > 0.0
    if n_observed == 0:
        for a in range(width):
            add_row(sums.P_blank, a, 1.0, P, a, lanes)
    for i in range(sums.P_observed.shape[0]):
        if (trail.precision[slot, i] > 0.0) == sums.direct[i]:
            for a in range(width):
                add_row(sums.P_observed, i * width + a, 1.0, P, a, lanes)


@kernel
def _inform(late, trail, slot, w, n, probed, lanes):
    """Put the observations of a step into what later steps say, the last first, in place."""
    K, W, D = trail.K, trail.W, trail.e.shape[1]
    r, N, probe, s, Nk = late.r, late.N, late.probe, late.s, vector(lanes)
    for a in range(n if probed else 0):
        s[a] = N[a, a]
    for i in range(D - 1, -1, -1):
        precision = trail.precision[slot, i]
        if precision > 0.0:
            row, gain = w * D + i, slot * D + i
            score = trail.e[slot, i] * precision - dot(K, gain, r, 0, lanes)
            row_product(Nk, 0, K, gain, N, lanes)
            corner = precision + dot(Nk, 0, K, gain, lanes)
            for a in range(n):
                c = W[w, i, a]
                add_row(N, a, corner * c - Nk[a], W, row, lanes)
                add_row(N, a, -c, Nk, 0, lanes)
            add_row(r, 0, score, W, row, lanes)
            if probed:
                rounding.grow(s, N, W, w, i, corner)
                rounding.lead(probe, W, w, i, K, slot)
    for a in range(n if probed else 0):
        s[a] = np.sqrt(max(s[a], 0.0))


@kernel_with_memory
def _backward(system, sequences, piece, trail, carried, sums, request, lanes):
    """Smooth a piece; returns whether all is well conditioned. `carried` brings what later steps say."""
    A, At, x = system.A, system.At, sequences.x
    n = _rows(sequences, lanes)
    r, moved, N, NA = vector(lanes), vector(lanes), square(lanes), square(lanes)
    P, B, G, S = square(lanes), square(lanes), square(lanes), square(lanes)
    sum_P, sum_B = square(lanes), square(lanes)
    probe, s, probed = vector(lanes), vector(lanes), request.probed
    copy_row(r, 0, carried.r, 0, lanes)
    copy_row(probe, 0, carried.probe, 0, lanes)
    copy_into(N, carried.N)
    copy_into(NA, carried.NA)
    good = True
    for t in range(piece.end - 1, piece.begin - 1, -1):
        slot = t - piece.begin
        load(P, trail.P, slot)
        row_product(moved, 0, r, 0, P, lanes)
        for a in range(x.shape[1]):
            x[t, a] += moved[a]
        # P_smooth = P - P (A' N A) P, and the lag-one term B = N A P.
        for a in range(n):
            row_product(B, a, NA, a, P, lanes)
        for a in range(n):
            row_product(G, a, At, a, B, lanes)
        for a in range(n):
            row_product(S, a, P, a, G, lanes)
        subtract_from(P, S)
        good &= rounding.trusted(S, P, probe, moved) if probed else rounding.stands_out_of(S, P)
        good &= _outlasts(S, trail.doubt, slot)
        if piece.place >= 0:
            save(sequences.values, piece.place + slot, S)
        for a in range(n):
            add_row(sum_P, a, 1.0, S, a, lanes)
            add_row(sum_B, a, 1.0, B, a, lanes)
        _collect(trail, slot, S, sums, lanes)
        if request.joint is not None:
            collect_gap(system, sequences.z, t, 1.0, S, sums)
        if t == piece.stop - 1:
            add_scaled(sums.P_last, 1.0, S)
        if t == piece.start:
            add_scaled(sums.P_first, 1.0, S)
        w = np.int64(0) if system.diagonal else slot
        _inform(Later(r, N, probe, s), trail, slot, w, n, probed, lanes)
        if probed:
            carry_probe(A, probe, s, t, moved)
        row_product(moved, 0, r, 0, A, lanes)
        copy_row(r, 0, moved, 0, lanes)
        for a in range(n):
            row_product(NA, a, N, a, A, lanes)
        for a in range(n):
            row_product(N, a, At, a, NA, lanes)
        symmetrise(N)
    add_scaled(sums.P, 1.0, sum_P)
    add_scaled(sums.lag, 1.0, sum_B)
    copy_row(carried.r, 0, r, 0, lanes)
    copy_row(carried.probe, 0, probe, 0, lanes)
    copy_into(carried.N, N)
    copy_into(carried.NA, NA)
    return good


@entry
def _run(system, sequences, trail, carried, sums, request, lanes):
    """Filter sequences, and smooth them where asked for; returns what `_forward` does for all."""
    slots, keep = trail.P.shape[0], sequences.values.shape[0] > 0
    log_likelihood, quadratic, good = 0.0, 0.0, True
    for q in range(sequences.starts.size):
        start, stop = sequences.starts[q], sequences.stops[q]
        last = (stop - start - 1) // slots
        _begin(system, carried)
        # Forward, then back: what was forgotten of a piece is filtered once more.
        for k in range(2 * last + 2 if request.smooth else last + 1):
            ahead = k <= last
            c = k if ahead else 2 * last + 1 - k
            begin = start + c * slots
            place = sequences.places[q] + begin - start if keep else np.int64(-1)
            piece = Piece(start, stop, begin, min(begin + slots, stop), place)
            if ahead or c < last:
                _checkpoint(carried, c, ahead)
                part, squares, well = _forward(
                    system, sequences, piece, trail, carried, request.probed, lanes
                )
                good &= well
                if ahead:
                    log_likelihood += part
                    quadratic += squares
            if not ahead:
                good &= _backward(system, sequences, piece, trail, carried, sums, request, lanes)
    return log_likelihood, quadratic, good


def width_for(n):
    """Return the width of rows for so many states, or None where there is none."""
    return next((width for width in WIDTHS if width >= n), None)


def padded(system, width):
    """Fill a system up with states that stand still at zero and are not seen."""
    n = len(system.A)
    if width == n:
        return system

    def filled(array, *shape):
        out = np.zeros(shape)
        out[tuple(map(slice, array.shape))] = array
        return out

    return system._replace(
        A=filled(system.A, width, width),
        At=filled(system.At, width, width),
        C=filled(system.C, len(system.C), width),
        Q=filled(system.Q, width, width),
        m0=filled(system.m0, width),
        P0=filled(system.P0, width, width),
    )


def new_trail(longest, D, width, diagonal):
    """Make memory for the way back over so many steps, or as many as the budget allows."""
    row = 8 * (width * width + D * width * (1 if diagonal else 2) + 2 * D + width)
    S = max(2, min(longest, _BUDGET // row))
    return Trail(
        np.empty((S, width, width)),
        np.empty((S, D, width)),
        np.empty((1 if diagonal else S, D, width)),
        np.empty((S, D)),
        np.empty((S, D)),
        np.empty((S, width)),
    )


def run(system: System, sequences: GappySequences, trail: Trail, sums: SmootherMoments, request):
    """Filter sequences of a padded system, and smooth them where asked for.

    Parameters
    ----------
    system : System
        With as many states as rows are wide; see `padded`.
    sequences : GappySequences
        Whose means, and covariances where there is room for them, are written.
    trail : Trail
        Workspace; see `new_trail`.
    sums : SmootherMoments
        Of that width, added to.
    request : NarrowRequest

    Returns
    -------
    log_likelihood, quadratic : float
        In nats; the sum of squared standardised innovations.
    succeeded : bool
        False where a covariance lost too many digits.
    """
    width, D = len(system.A), len(system.C)
    if system.diagonal:
        trail.W[0] = system.C
    longest = int((sequences.stops - sequences.starts).max(initial=0))
    pieces = -(-longest // len(trail.P))
    (m, error, r, probe), (P, N, NA) = np.zeros((4, width)), np.zeros((3, width, width))
    carried = Carried(
        m, P, np.zeros((pieces, width)), np.zeros((pieces, width, width)), np.zeros((D + 1, D)),
        error, r, N, NA, probe,
    )  # fmt: skip
    return _run(system, sequences, trail, carried, sums, request, (0.0,) * width)
