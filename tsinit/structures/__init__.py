"""Structures of state-space models: which entries are fixed, which are shared, and builders for those that people fit.

>>> from tsinit import structures
>>> model = structures.local_linear_trend() + structures.seasonal(4)
>>> model.n_states
5

Sources: Harvey, Forecasting, Structural Time Series Models and the Kalman Filter (1989), chapter 2; Durbin and Koopman,
Time Series Analysis by State Space Methods (2012), chapter 3.
"""

from tsinit.structures.builders import (
    ar,
    cycle,
    dynamic_factors,
    local_level,
    local_linear_trend,
    regression,
    seasonal,
)
from tsinit.structures.structure import Structure
from tsinit.structures.template import InputColumn

__all__ = [
    "InputColumn",
    "Structure",
    "ar",
    "cycle",
    "dynamic_factors",
    "local_level",
    "local_linear_trend",
    "regression",
    "seasonal",
]
