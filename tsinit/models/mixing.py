"""Whether chains agree, and how many independent draws they are worth: rank-normalised, as Vehtari et al. define."""

import numpy as np


def rhat(x):
    """Rank-normalised split R-hat, the larger of bulk and tail.

    Parameters
    ----------
    x : (chain, draw) float

    Returns
    -------
    float
        NaN for fewer than four draws; 1 where nothing varies.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Buerkner, Bayesian Anal. 16 (2021), equations 4 and 14.
    """
    x = _split(x)
    if x.shape[1] < 2:
        return np.nan
    if np.ptp(x) == 0:
        return 1.0
    return max(_plain_rhat(_normal_scores(x)), _plain_rhat(_normal_scores(np.abs(x - np.median(x)))))


def ess(x):
    """Effective sample size of the mean of rank-normalised draws (bulk).

    Parameters
    ----------
    x : (chain, draw) float

    Returns
    -------
    float
        NaN for fewer than eight draws, or where nothing varies.
    """
    x = _split(x)
    m, n = x.shape
    if n < 4 or np.ptp(x) == 0:
        return np.nan
    x = _normal_scores(x)
    covariance = _autocovariance(x).mean(axis=0)
    within = covariance[0] * n / (n - 1.0)
    plus = covariance[0] + (x.mean(axis=1).var(ddof=1) if m > 1 else 0.0)
    rho = 1.0 - (within - covariance) / plus
    rho[0] = 1.0
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    # Geyer: pairs of neighbours are positive and fall; beyond the first that is not, there is only noise.
    end = int(np.argmax(pairs < 0)) if (pairs < 0).any() else len(pairs)
    tau = max(2.0 * np.minimum.accumulate(pairs[:end]).sum() - 1.0, 1.0 / np.log10(m * n))
    return float(m * n / tau)


def _split(x):
    x = np.atleast_2d(np.asarray(x, dtype=np.float64))
    half = x.shape[1] // 2
    return np.concatenate([x[:, :half], x[:, x.shape[1] - half :]])


def _normal_scores(x):
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(x).reshape(x.shape)
    return ndtri((ranks - 0.375) / (x.size + 0.25))


def _plain_rhat(x):
    n = x.shape[1]
    within, between = x.var(axis=1, ddof=1).mean(), x.mean(axis=1).var(ddof=1)
    return float(np.sqrt(((n - 1) / n * within + between) / within)) if within > 0 else 1.0


def _autocovariance(x):
    """(chain, lag) biased autocovariances, by the fast Fourier transform."""
    n = x.shape[1]
    spectrum = np.fft.rfft(x - x.mean(axis=1, keepdims=True), 2 * n)
    return np.fft.irfft(np.abs(spectrum) ** 2)[:, :n] / n
