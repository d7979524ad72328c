"""Plots: functions from a fitted model or a `Comparison` to matplotlib Axes.

Public as ``tsinit.plot``. Each function takes ``ax=`` where it draws one panel, returns what it drew on, shows nothing
and leaves matplotlib's settings alone. What it cannot draw is refused with a ``TypeError``. Colours are distinguishable
for colour-blind readers, and strategies also differ in marker and line style.
"""

from tsinit._plots.agreement import agreement
from tsinit._plots.chains import chains, n_states
from tsinit._plots.coclustering import coclustering
from tsinit._plots.comparison import best_of, pairs, time_to_target
from tsinit._plots.diagnostics import diagnostics, orders, spectrum
from tsinit._plots.fits import eigenvalues, history, smoothed
from tsinit._plots.imputation import imputed
from tsinit._plots.imputation_checks import imputed_chains, imputed_density, imputed_rhat
from tsinit._plots.observed import observed
from tsinit._plots.rank_bars import trace_ranks
from tsinit._plots.ranks import critical_difference
from tsinit._plots.segmentation import segmentation, segmentations
from tsinit._plots.spectrogram import formants
from tsinit._plots.starts import strip, traces, waterfall

__all__ = [
    "agreement",
    "best_of",
    "chains",
    "coclustering",
    "critical_difference",
    "diagnostics",
    "eigenvalues",
    "formants",
    "history",
    "imputed",
    "imputed_chains",
    "imputed_density",
    "imputed_rhat",
    "n_states",
    "observed",
    "orders",
    "pairs",
    "segmentation",
    "segmentations",
    "smoothed",
    "spectrum",
    "strip",
    "time_to_target",
    "trace_ranks",
    "traces",
    "waterfall",
]
