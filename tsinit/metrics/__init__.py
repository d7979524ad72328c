"""Measures: functions of arrays, of filled-in values, of partitions (labels) and of spectra (transition matrices)."""

from tsinit.metrics.imputation import coverage, crps, interval_score, mae, nrmse, pit, rmse
from tsinit.metrics.labels import (
    adjusted_rand_index,
    binder_loss,
    matched_accuracy,
    variation_of_information,
)
from tsinit.metrics.spectra import (
    eigenvalues,
    eigenvector_condition,
    spectral_radius,
    stable_rank,
    svd_entropy,
)

__all__ = [
    "adjusted_rand_index",
    "binder_loss",
    "coverage",
    "crps",
    "eigenvalues",
    "eigenvector_condition",
    "interval_score",
    "mae",
    "matched_accuracy",
    "nrmse",
    "pit",
    "rmse",
    "spectral_radius",
    "stable_rank",
    "svd_entropy",
    "variation_of_information",
]
