"""What a fitted state-space model is, on one page, as statsmodels shows its results."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from tsinit.models.state_space.uncertainty import ParameterUncertainty

_WIDTH = 78


class Summary:
    """Header and table of a fitted model; it prints as text and shows itself in a notebook.

    Made by :meth:`tsinit.LinearGaussianSSM.summary`.

    Attributes
    ----------
    header : dict of str to str
        Model, rows, log-likelihood, criteria, states, start, convergence.
    table : DataFrame
        As :attr:`ParameterUncertainty.table`.
    note : str
        What the intervals are.
    """

    def __init__(self, ssm: Any, uncertainty: ParameterUncertainty) -> None:
        self.header = _header(ssm)
        self.table: pd.DataFrame = uncertainty.table
        self.note = f"Intervals of {100 * uncertainty.level:g} %, by {uncertainty.method}. {uncertainty.shows}"

    def __repr__(self) -> str:
        cells = [f"{name}: {value}" for name, value in self.header.items()]
        half = (len(cells) + 1) // 2
        right = cells[half:] + [""] * (2 * half - len(cells))
        width = _WIDTH // 2
        top = [f"{a:<{width}}{b}".rstrip() for a, b in zip(cells[:half], right, strict=True)]
        body = self.table.to_string(float_format="{:.4g}".format, na_rep="").split("\n")
        rule = "=" * max(_WIDTH, *map(len, body))
        return "\n".join([rule, *top, rule, *body, rule, self.note])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self.header.items()
        )
        body = self.table.to_html(float_format="{:.4g}".format, na_rep="")
        return f"<table><tbody>{rows}</tbody></table>{body}<p>{html.escape(self.note)}</p>"


def _header(ssm: Any) -> dict[str, str]:
    found = ssm._fitted_criteria
    init = ssm.init
    return {
        "Model": type(ssm).__name__,
        "Rows with data": f"{found['n_rows']:,}",
        "Columns": f"{len(ssm.params_.C)}",
        "States": f"{ssm.n_states_}",
        "Inputs": ", ".join(map(str, getattr(ssm, "input_names_in_", ()))) or "none",
        "First state": ssm._fitted_context.settings.initial_state,
        "Start": init if isinstance(init, str) else type(init).__name__,
        "Log-likelihood": _number(ssm.log_likelihood_),
        "Free parameters": f"{found['n_parameters']}",
        "AIC": _number(found["aic"]),
        "BIC": _number(found["bic"]),
        "Iterations": f"{ssm.n_iter_}",
        "Converged": "yes" if ssm.converged_ else "no",
    }


def _number(value: float) -> str:
    return f"{value:,.2f}" if np.isfinite(value) else str(value)
