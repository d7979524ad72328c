"""Measures: functions of arrays, of spectra (transition matrices) and of partitions (labels)."""

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
    "adjusted_rand_index", "binder_loss", "eigenvalues", "eigenvector_condition", "matched_accuracy",
    "spectral_radius", "stable_rank", "svd_entropy", "variation_of_information",
]
