"""The estimators: thin, all on one road (check, start, run, store)."""

from tsinit.models.monitor import Budget, Monitor
from tsinit.models.prior import LinearGaussianPrior, NormalInverseWishart
from tsinit.models.ssm import LinearGaussianSSM

__all__ = ["Budget", "LinearGaussianPrior", "LinearGaussianSSM", "Monitor", "NormalInverseWishart"]
