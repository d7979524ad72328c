"""The border of ``compare``: every argument is checked here, once, before anything runs."""

import numbers
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tsinit._validate import check_count, check_number, check_path, check_series
from tsinit._validate.values import short
from tsinit.adapters import Adapter, adapter_of
from tsinit.comparison.plan import data as datasets_of
from tsinit.comparison.plan import inputs as known_inputs
from tsinit.comparison.plan import naming
from tsinit.comparison.plan.data import Dataset
from tsinit.comparison.plan.inputs import KnownInputs
from tsinit.comparison.plan.scores import TRUTHS, Scoring, column_name, kind_of_truth
from tsinit.init.registry import is_native, resolve
from tsinit.models.monitor import Budget


def check_models(model: Any) -> tuple[dict[str, Any], dict[str, Adapter]]:
    """Name the models, and find the adapter that runs each."""
    models = naming.name_models(model)
    if not models:
        raise ValueError("model must hold at least one estimator; got an empty dict.")
    for name in models:
        _check_name(name, "model")
    adapters = {name: adapter_of(estimator) for name, estimator in models.items()}
    for name, adapter in adapters.items():
        if hasattr(adapter, "check"):
            adapter.check(models[name])
    return models, adapters


def check_strategies(strategies: Any) -> dict[str, Any]:
    """Name the strategies; there must be one at least."""
    if strategies is None or isinstance(strategies, numbers.Number):
        raise TypeError(
            f"strategies must be a list of names, strategies or functions, or a dict of these; got {short(strategies)}."
        )
    named = naming.name_strategies(strategies)
    if not named:
        raise ValueError("strategies must hold at least one strategy; got none.")
    for name in named:
        _check_name(name, "strategy")
    return named


def check_known(strategies: dict[str, Any], adapters: dict[str, Adapter]) -> dict[str, Any]:
    """Ask the registry for every strategy now: a typing error must not cost a table of failed runs.

    Names become the objects they stand for, because a worker process knows only the names that the package
    registers, and because what a name stands for may change before the next comparison.
    """
    verbs = sorted({adapter.verb for adapter in adapters.values() if adapter.verb})
    known = {}
    for name, strategy in strategies.items():
        if is_native(strategy):  # every library has a start of its own
            known[name] = strategy
            continue
        starts = [resolve(strategy, verb, "strategies") for verb in verbs]
        by_name = isinstance(strategy, str) and len(starts) > 0
        known[name] = getattr(starts[0].call, "__self__", strategy) if by_name else strategy
    return known


def check_entropy(seed: Any) -> int:
    """Return the entropy of all seeds: a number given, or one drawn now and written into every row."""
    if seed is None:
        return int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
    return check_count("seed", seed, 0, rule=", or None")


def check_budget(budget: Any) -> Budget | None:
    """Return a Budget of numbers, or None."""
    if budget is None:
        return None
    if not isinstance(budget, Budget):
        raise TypeError(
            f"budget must be tsinit.Budget(max_iter=..., seconds=...) or None; got {short(budget)}."
        )
    limit, seconds = budget
    return Budget(
        None if limit is None else check_count("budget.max_iter", limit, 0, rule=", or None"),
        None if seconds is None else check_number("budget.seconds", seconds, 0.0),
    )


def check_scoring(score: Any, datasets: dict[str, Dataset]) -> Scoring:
    """Return the scoring functions by name; None leaves the model's own score.

    Every column must say by its name what was scored: on held-out data its name ends in that of the data.
    """
    if score is None:
        return Scoring(None)
    if not isinstance(score, Mapping) or not all(callable(f) for f in score.values()):
        raise TypeError(
            f"score must be None or a dict of functions (estimator, X) -> float; got {short(score)}."
        )
    taken = {name for data in datasets.values() if data.truth is not None
             for name in TRUTHS[kind_of_truth(data.truth)].reserved}  # fmt: skip
    tests = {test for data in datasets.values() for test in data.tests}
    for name in score:
        _check_name(name, "score")
        clash = next((test for test in sorted(tests) if f"_{name}".endswith(f"_{test}")), None)
        if clash is not None:
            raise ValueError(
                f"score names must not be or end in that of held-out data, {clash!r}; got {name!r}. The column "
                f"{column_name(name)!r} would seem to hold the score of the held-out part."
            )
        if name in taken:
            raise ValueError(
                f"score names must leave {name!r} to the score that truth gives; got {name!r}."
            )
    return Scoring(dict(score))


def check_datasets(data: Any, test: Any, truth: Any, inputs: Any = None) -> dict[str, Dataset]:
    """Name and load the data sets, split off what is held out, attach inputs and what is known of the truth."""
    sources = datasets_of.named(data)
    if not sources:
        raise ValueError("data must hold at least one data set; got an empty dict.")
    truths = _by_dataset(truth, sources, "truth")
    beside = known_inputs.by_dataset(inputs, list(sources))
    tests = None if isinstance(test, numbers.Number) else _tests_by_dataset(test, sources)
    built = {}
    for name, source in sources.items():
        _check_name(name, "data set")
        X = _load(source, f"data set {name!r}")
        known = _check_truth(name, X, truths.get(name))
        U = known_inputs.load(name, X, beside[name]) if name in beside else None
        of_tests = {}
        if tests is not None:
            held_out = tests.get(name, {})
            if U is not None:
                of_tests = {
                    key: known_inputs.of_test(f"test {key!r}", part, U)
                    for key, part in held_out.items()
                }
        else:
            check_number("test", test, above=0.0, below=1.0, rule=", a table or a dict of tables")
            if known is not None and kind_of_truth(known) != "parameters":
                known = datasets_of.split_tail(known, test)[0]
            if U is not None:
                U, of_tests["test"] = known_inputs.split(X, U, test)
            X, tail = datasets_of.split_tail(X, test)
            held_out = {"test": tail}
        both = None if U is None else KnownInputs(U, of_tests)
        built[name] = datasets_of.make_dataset(X, held_out, known, both)
    return built


def check_truth_fits(
    datasets: dict[str, Dataset], models: dict[str, Any], adapters: dict[str, Adapter]
) -> None:
    """A truth must score one model at least; the others leave its column empty."""
    for data in datasets.values():
        kind = None if data.truth is None else kind_of_truth(data.truth)
        if kind is None:
            continue
        scored = TRUTHS[kind]
        if not any(scored.suits(model, adapters[name]) for name, model in models.items()):
            words = _TRUTH_WORDS[kind]
            raise TypeError(
                f"truth must suit one of the models; got {words}, but {' and '.join(models)} "
                f"{'have' if len(models) > 1 else 'has'} no {scored.needs}."
            )


_TRUTH_WORDS = {
    "table": "a complete table",
    "labels": "labels, one for each row",
    "parameters": "LinearGaussianParams",
}


def check_store(store: Any) -> Path | None:
    """Return the folder of finished runs as a path, or None."""
    if store is None:
        return None
    if not isinstance(store, str | os.PathLike) or not os.fspath(store):
        raise TypeError(f"store must be a folder or None; got {short(store)}.")
    folder = check_path("store", store)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"store must be a folder; got the file {os.fspath(store)!r}.")
    return folder


def _load(source: Any, what: str) -> Any:
    """Load one table or list of tables; what no model could read is refused here and not in every run."""
    X, lengths = datasets_of.unpack(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the models will say it again
            check_series(X, lengths)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{what}: {error}") from None
    return datasets_of.by_sequence(X, lengths)


def _check_name(name: Any, what: str) -> None:
    if not isinstance(name, str) or not name:
        raise TypeError(f"{what} names must be non-empty text; got {short(name)}.")
    try:
        name.encode()
    except UnicodeEncodeError:  # a lone surrogate, of a file name that is no text for one
        raise ValueError(
            f"{what} names must be text that files can hold, without lone surrogates; got {name!a}."
        ) from None


def _check_truth(name: str, X: Any, truth: Any) -> Any:
    """Bring a truth into the form of the data; parameters and None stay as they are."""
    if isinstance(truth, list) and all(np.ndim(part) == 0 for part in truth):
        truth = np.asarray(truth)  # labels one by one, and not a list of sequences
    if truth is None or kind_of_truth(truth) == "parameters":
        return truth
    if kind_of_truth(truth) == "labels":
        return _check_labels(name, X, truth)
    _check_table_truth(name, X, truth)
    return datasets_of.like(X, truth)


def _check_labels(name: str, X: Any, truth: Any) -> Any:
    labels = datasets_of.label_codes(truth)
    sizes = [
        [len(part) for part in value] if isinstance(value, list) else len(value)
        for value in (X, labels)
    ]
    flat = [sum(size) if isinstance(size, list) else size for size in sizes]
    if flat[0] != flat[1] or (isinstance(labels, list) and sizes[0] != sizes[1]):
        raise ValueError(
            f"truth must have one label for each row of data set {name!r}, {sizes[0]}; got {sizes[1]}."
        )
    if np.isnan(datasets_of.stack(labels)).all():
        raise ValueError(f"truth must know at least one label of data set {name!r}; got none.")
    return datasets_of.like(X, labels)


def _check_table_truth(name: str, X: Any, truth: Any) -> None:
    try:
        y, full = datasets_of.stack(X), datasets_of.stack(truth)
    except (TypeError, ValueError):
        raise TypeError(
            f"truth must be LinearGaussianParams, a complete table or one label for each row; got {short(truth)}."
        ) from None
    if y.shape != full.shape:
        raise ValueError(
            f"truth must have the shape of data set {name!r}, {y.shape}; got {full.shape}."
        )
    if not (np.isnan(y) & ~np.isnan(full)).any():
        raise ValueError(
            f"truth must know at least one value that data set {name!r} misses; got none."
        )


def _by_dataset(value: Any, sources: dict[str, Any], what: str) -> dict[str, Any]:
    """Spread one value over all data sets; a dict must name them."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        return dict.fromkeys(sources, value)
    unknown = set(value) - set(sources)
    if unknown:
        raise ValueError(
            f"{what} must be keyed by data sets, {sorted(sources)}; got {sorted(map(str, unknown))}."
        )
    return value


def _tests_by_dataset(test: Any, sources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Held-out series of each data set, by the ending of the score column."""
    if test is None:
        return {}
    if isinstance(test, dict) and len(sources) == 1 and not set(test) <= set(sources):
        return {
            name: {key: _load(X, f"test {key!r}") for key, X in test.items()} for name in sources
        }
    return {
        name: {"test": _load(X, f"test of {name!r}")}
        for name, X in _by_dataset(test, sources, "test").items()
    }
