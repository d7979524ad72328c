"""What a fitted run is scored on: the model's own score, held-out data, a known truth."""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tsinit._typing import FloatArray
from tsinit.adapters import Adapter
from tsinit.comparison.plan.data import Dataset, stack
from tsinit.models.race import FAILURES

#: What a filling is scored on, by the ending of the column; models without a spread have the first only.
FILL_SCORES = ("rmse", "crps", "coverage")
_LEVEL, _Z = 0.95, 1.959963984540054


class Scoring(NamedTuple):
    """The scores of a comparison, by the ending of their column."""

    functions: dict[str, Callable] | None  # None: the model's own score

    def columns(self, data: Dataset, model: Any, adapter: Adapter) -> list[str]:
        """Name the score columns that a data set and a model fill."""
        return [name for names, *_ in self._parts(data, model, adapter) for name in names]

    def of(
        self, estimator: Any, data: Dataset, adapter: Adapter
    ) -> tuple[dict[str, float], BaseException | None]:
        """Score one fitted run; one score that fails does not cost the others.

        Returns
        -------
        scores : dict of str to float
            One value for each of :meth:`columns`, NaN for a score that raised an error.
        failure : Exception or None
            The first of these errors.
        """
        scores: dict[str, float] = {}
        failure = None
        for names, f, X, inputs in self._parts(data, estimator, adapter):
            scores |= dict.fromkeys(names, float("nan"))
            try:
                more = {} if inputs is None else {"inputs": inputs}
                scores |= zip(names, map(float, f(estimator, X, **more)), strict=True)
            except FAILURES as error:  # reported in the row of the fit, which stands
                failure = failure or error
        return scores, failure

    def _parts(
        self, data: Dataset, model: Any, adapter: Adapter
    ) -> list[tuple[list[str], Callable, Any, Any]]:
        """List what is computed as (columns, function that gives a value for each, data, inputs beside them)."""
        # What other libraries call score may be anything; theirs of the data fitted to is the objective itself.
        theirs = not hasattr(model, "fit_under")
        own: dict[str, Callable] = {}
        if theirs:
            own = {"": getattr(adapter, "score", adapter.objective)}
        elif hasattr(model, "score"):
            own = {"": _own_score}
        functions = own if self.functions is None else self.functions
        fitted = {} if theirs and self.functions is None else functions
        U, of_tests = (None, {}) if data.inputs is None else data.inputs
        parts = [([column_name(name)], _single(f), data.X, U) for name, f in fitted.items()]
        for test, X in data.tests.items():
            beside = of_tests.get(test)
            parts += [
                ([column_name(name, test)], _single(f), X, beside) for name, f in functions.items()
            ]
        kind = None if data.truth is None else TRUTHS[kind_of_truth(data.truth)]
        if kind is not None and kind.suits(model, adapter):
            names = [column_name(name) for name in kind.scores(model)]
            of = functools.partial(kind.of, adapter=adapter)

            def known(estimator: Any, X: Any, **more: Any) -> list[float]:
                return of(estimator, X, data.truth, **more)

            parts.append((names, known, data.X, U if kind.takes_inputs else None))
        return parts


def fill_scores(model: Any) -> list[str]:
    """Name the scores of fillings that a model with ``impute`` can have."""
    return list(FILL_SCORES) if _draws(model) or _has_spread(model) else ["rmse"]


def score_filling(
    estimator: Any, X: Any, truth: Any, adapter: Adapter | None = None, inputs: Any = None
) -> list[float]:
    """Score the cells that ``X`` misses and ``truth`` has.

    An imputer is scored by its posterior mean, its draws (CRPS, without the bias of a finite number) and its 95 %
    intervals; a model that gives a standard deviation by the normal distribution it stands for.

    Parameters
    ----------
    estimator : fitted model with ``impute``
    X, truth : tables or lists of tables of the same shapes, in the units of the data
    adapter : ignored
    inputs : table or list of tables, optional
        Known inputs beside X.

    Returns
    -------
    list of float
        A value for each of :func:`fill_scores`.
    """
    from tsinit.metrics import coverage, crps, rmse

    y, full = stack(X), stack(truth)
    cells = np.isnan(y) & ~np.isnan(full)
    names = fill_scores(estimator)
    if not cells.any():  # the head of a series may have no gap although the whole has some
        return [math.nan] * len(names)
    known = full[cells]
    if _draws(estimator):
        # A short run has fewer draws than imputations are asked for.
        n = min(estimator.n_imputations, int(np.prod(estimator.draws_.shape[:2])))
        tables = np.array([stack(table)[cells] for table in estimator.impute(n)])
        lower, upper = (stack(table)[cells] for table in estimator.interval(_LEVEL))
        mean = stack(estimator.transform(X))[cells]
        measures = (
            rmse(known, mean),
            crps(known, tables, fair=True),
            coverage(known, lower, upper),
        )
        return [float(measure) for measure in measures]
    more = {} if inputs is None else {"inputs": inputs}
    if not _has_spread(estimator):
        return [float(rmse(known, stack(estimator.impute(X, **more))[cells]))]
    mean, spread = (stack(table)[cells] for table in estimator.impute(X, return_std=True, **more))
    inside = float(coverage(known, mean - _Z * spread, mean + _Z * spread))
    return [float(rmse(known, mean)), float(_normal_crps(known - mean, spread).mean()), inside]


def kind_of_truth(truth: Any) -> str:
    """Distinguish true parameters, true labels and a complete table: a key of ``TRUTHS``."""
    if hasattr(truth, "_fields") and "A" in truth._fields:
        return "parameters"
    first = truth[0] if isinstance(truth, list) and truth else truth
    flat = np.ndim(first) == 1 if not isinstance(truth, list) else np.ndim(first) < 2
    return "labels" if flat else "table"


def eigenvalue_error(A: FloatArray, truth: FloatArray) -> float:
    """Mean distance in the complex plane between the eigenvalues of two matrices.

    Eigenvalues are matched one to one so that the sum of distances is smallest (Hungarian method); where the
    orders differ, the surplus of the larger one is left unmatched. Eigenvalues do not depend on the basis of the
    state, which no likelihood depends on.

    Parameters
    ----------
    A : (n, n) float
    truth : (m, m) float

    Returns
    -------
    float
    """
    from scipy.optimize import linear_sum_assignment

    distance = np.abs(np.linalg.eigvals(A)[:, None] - np.linalg.eigvals(truth)[None, :])
    return float(distance[linear_sum_assignment(distance)].mean())


def labels_ari(labels: Any, truth: Any) -> float:
    """Adjusted Rand index of labels against true ones, over the rows whose label is known.

    Parameters
    ----------
    labels : (T,) array or list of those
    truth : (T,) float array or list of those
        Codes of the labels, NaN where unknown.

    Returns
    -------
    float
        1 for the same partition, about 0 for an unrelated one.
    """
    from tsinit.metrics import adjusted_rand_index

    known, found = stack(truth).ravel(), stack(labels).ravel()
    rows = ~np.isnan(known)
    return float(adjusted_rand_index(known[rows].astype(int), found[rows].astype(int)))


def column_name(name: str, test: str = "") -> str:
    """Name the column of a score, on the data that were fitted or on held-out ones."""
    return "_".join(part for part in ("score", name, test) if part)


def _draws(model: Any) -> bool:
    """Whether a model fills by draws, whose tables and intervals are those of the rows it was fitted to."""
    return hasattr(model, "interval")


def _has_spread(model: Any) -> bool:
    return "return_std" in inspect.signature(model.impute).parameters


def _normal_crps(error: FloatArray, spread: FloatArray) -> FloatArray:
    """CRPS of normal distributions (Gneiting and Raftery, JASA 102, 2007, section 4.2); no spread leaves the error."""
    from scipy.special import ndtr

    z = error / np.where(spread > 0, spread, 1.0)
    density = np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    score = spread * (z * (2.0 * ndtr(z) - 1.0) + 2.0 * density - 1.0 / math.sqrt(math.pi))
    return np.where(spread > 0, score, np.abs(error))


def _eigenvalues(estimator: Any, X: Any, truth: Any, adapter: Adapter) -> list[float]:
    return [eigenvalue_error(params_of(estimator, adapter).A, truth.A)]


def params_of(estimator: Any, adapter: Adapter) -> Any:
    """Give the parameters of a fitted model of dynamics."""
    params = getattr(adapter, "params", None)
    return estimator.params_ if params is None else params(estimator)


def _single(f: Callable) -> Callable:
    """Make a score of one column of a function, which is given inputs where it asks for them."""

    def score(estimator: Any, X: Any, **more: Any) -> list[float]:
        return [f(estimator, X, **(more if more and _takes_inputs(f) else {}))]

    return score


def _takes_inputs(f: Callable) -> bool:
    try:
        return "inputs" in inspect.signature(f).parameters
    except (TypeError, ValueError):  # compiled, without a signature
        return False


def _label_scores(estimator: Any, X: Any, truth: Any, adapter: Adapter) -> list[float]:
    labels = getattr(adapter, "labels", None)
    return [labels_ari(estimator.labels_ if labels is None else labels(estimator, X), truth)]


class TruthKind(NamedTuple):
    """What a kind of truth gives."""

    scores: Callable[[Any], list[str]]  # model -> endings of the columns
    of: Callable[..., list[float]]  # (estimator, X, truth, adapter=) -> a value for each
    suits: Callable[[Any, Adapter], bool]  # which models it can score
    needs: str  # what the others lack
    reserved: tuple[str, ...]  # names that its scores may take
    takes_inputs: bool = False  # whether `of` asks the model about the data


#: By what :func:`kind_of_truth` says.
TRUTHS = {
    "table": TruthKind(
        fill_scores,
        score_filling,
        lambda model, adapter: hasattr(model, "impute"),
        "impute()",
        FILL_SCORES,
        takes_inputs=True,
    ),
    "labels": TruthKind(
        lambda model: ["ari"],
        _label_scores,
        lambda model, adapter: (
            hasattr(adapter, "labels") or (adapter.verb == "labels" and hasattr(model, "fit_under"))
        ),
        "labels_",
        ("ari",),
    ),
    "parameters": TruthKind(
        lambda model: ["eigenvalue_error"],
        _eigenvalues,
        lambda model, adapter: hasattr(adapter, "params") or hasattr(model, "fit_under"),
        "params_",
        ("eigenvalue_error",),
    ),
}


def _own_score(estimator: Any, X: Any, inputs: Any = None) -> float:
    return estimator.score(X) if inputs is None else estimator.score(X, inputs=inputs)
