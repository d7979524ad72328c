"""What a notebook shows of a fitted estimator: scikit-learn's box, and beside it what the fit came to."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

_SIDE_BY_SIDE = "display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start"


class ShownEstimator(BaseEstimator):
    """An estimator that shows its fitted results beside scikit-learn's box."""

    def _repr_html_inner(self) -> str:
        return _beside(super()._repr_html_inner(), self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] = _beside(bundle["text/html"], self)
        return bundle


def fitted_results(estimator: Any) -> dict[str, str]:
    """Say in words what a fit came to, by public attributes alone.

    Parameters
    ----------
    estimator : fitted estimator
        With ``fit_kind`` and ``history_``.

    Returns
    -------
    dict of str to str
        Objective, iterations, whether it converged, start, states; R-hat and effective draws of samplers.
    """
    kind, history = estimator.fit_kind, np.asarray(estimator.history_, dtype=float)
    found: dict[str, Any] = {}
    if kind.sampler:
        half = history[len(history) // 2 :]
        found[f"{kind.objective}, mean of the second half"] = _number(
            half.mean() if half.size else math.nan
        )
    else:
        last = history[-1] if history.size else math.nan
        found[kind.objective] = _number(getattr(estimator, "log_likelihood_", last))
    found["iterations"] = _count(getattr(estimator, "n_iter_", None))
    if hasattr(estimator, "converged_"):
        found["converged"] = "yes" if estimator.converged_ else "no"
    init = getattr(estimator, "init", None)
    found["start"] = init if isinstance(init, str) else type(init).__name__
    params = getattr(estimator, "params_", None)
    states = getattr(estimator, "n_states_", None if params is None else len(params.A))
    found["states"] = _count(states)
    if kind.sampler and hasattr(estimator, "sampler_summary"):
        summary = estimator.sampler_summary()
        found["R-hat, the highest"] = _number(summary.get("rhat", math.nan), 4)
        found["effective draws, the fewest"] = _number(summary.get("ess", math.nan), 4)
    return {name: text for name, text in found.items() if text}


def _beside(box: str, estimator: Any) -> str:
    try:
        check_is_fitted(estimator)
        results = fitted_results(estimator)
    except (NotFittedError, AttributeError):
        return box
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
        for name, text in results.items()
    )
    return (
        f"<div style='{_SIDE_BY_SIDE}'><div>{box}</div><table><tbody>{rows}</tbody></table></div>"
    )


def _number(value: float, digits: int = 6) -> str:
    return f"{value:,.{digits}g}" if math.isfinite(value) else ""


def _count(value: Any) -> str:
    return "" if value is None else f"{value:,}"
