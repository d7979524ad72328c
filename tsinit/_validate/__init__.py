"""The border: what a user hands over becomes arrays the kernels can take, or one clear sentence.

Here are the rules that several parts share. What one part alone asks of its arguments, that part refuses itself in
sentences of the same form, as ``init/registry.py``, ``init/_checks.py``, ``speech/_checks.py`` and
``datasets/_rules.py`` do.
"""

from tsinit._validate.censoring import check_between
from tsinit._validate.chains import (
    check_can_hold_out,
    check_chains,
    check_concentrations,
    check_density,
    check_emission_for_em,
    check_emission_on_data,
    check_jobs,
    check_per_chain,
    check_rows,
    warn_correlated,
    warn_of_interrupt,
    warn_unconverged,
)
from tsinit._validate.clocks import FittedStep
from tsinit._validate.fits import (
    check_columns,
    check_finite_likelihood,
    check_fitted,
    check_observed,
    check_order,
    check_possible,
    check_variation,
    no_contender,
    unusable_start,
    warn_about_step,
    warn_frozen,
    warn_not_converged,
    warn_nothing_free,
)
from tsinit._validate.inputs import (
    check_future_inputs,
    check_inputs,
    check_inputs_vary,
    check_no_inputs,
)
from tsinit._validate.labels import check_few_enough, check_labels
from tsinit._validate.params import (
    check_params,
    check_posterior_of,
    check_prior,
    check_prior_fits,
)
from tsinit._validate.series import Panel, check_series, is_list_of_tables
from tsinit._validate.times import times_after
from tsinit._validate.transitions import (
    GivenProbabilities,
    check_probabilities,
    check_stickiness,
)
from tsinit._validate.values import (
    check_choice,
    check_count,
    check_count_or_word,
    check_flag,
    check_number,
    check_number_or_word,
    check_orders,
    check_path,
    check_seed,
    check_verbose,
    child_seed,
)

__all__ = [
    "FittedStep",
    "GivenProbabilities",
    "Panel",
    "check_between",
    "check_can_hold_out",
    "check_chains",
    "check_choice",
    "check_columns",
    "check_concentrations",
    "check_count",
    "check_count_or_word",
    "check_density",
    "check_emission_for_em",
    "check_emission_on_data",
    "check_few_enough",
    "check_finite_likelihood",
    "check_fitted",
    "check_flag",
    "check_future_inputs",
    "check_inputs",
    "check_inputs_vary",
    "check_jobs",
    "check_labels",
    "check_no_inputs",
    "check_number",
    "check_number_or_word",
    "check_observed",
    "check_order",
    "check_orders",
    "check_params",
    "check_path",
    "check_per_chain",
    "check_possible",
    "check_posterior_of",
    "check_prior",
    "check_prior_fits",
    "check_probabilities",
    "check_rows",
    "check_seed",
    "check_series",
    "check_stickiness",
    "check_variation",
    "check_verbose",
    "child_seed",
    "is_list_of_tables",
    "no_contender",
    "times_after",
    "unusable_start",
    "warn_about_step",
    "warn_correlated",
    "warn_frozen",
    "warn_not_converged",
    "warn_nothing_free",
    "warn_of_interrupt",
    "warn_unconverged",
]
