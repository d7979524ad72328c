"""What all estimators share: the road check, start, run, store, and how a fit ends when it is interrupted."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from tsinit._interrupt import (
    answer_interrupt,
    interruptible,
    is_interrupt,
    raise_if_interrupted,
)
from tsinit._validate import (
    FittedStep,
    check_between,
    check_fitted,
    check_inputs,
    check_seed,
    check_series,
    check_variation,
    check_verbose,
    is_list_of_tables,
)
from tsinit.models.monitor import Monitor
from tsinit.models.shown import ShownEstimator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from tsinit._typing import SeriesLike
    from tsinit._validate import Panel

_Class = TypeVar("_Class", bound=type)


class FitKind(NamedTuple):
    """What a fit of a model is.

    Parameters
    ----------
    verb : {"dynamics", "labels", "fill"} or None
        What the model asks a strategy for; None if it asks for nothing.
    objective : str
        Name of what a fit maximises, and what its history holds.
    sampler : bool
        Whether a fit ends in draws from a distribution, so that no two fits end at the same point.
    """

    verb: str | None = None
    objective: str = "objective"
    sampler: bool = False


class SeriesEstimator(ShownEstimator):
    """Base class of the models of this package.

    A model says its `fit_kind` and implements ``_run(panel, seed, monitor)``: ask the strategy for a start, refine
    it, and set the attributes that end in an underscore. Everything else here is the same for all.
    """

    fit_kind: ClassVar[FitKind] = FitKind()
    _fitted_attribute = "start_"
    _counts_by_fitted_step = True  # False where the model has a clock of its own

    def fit(self, X: SeriesLike, y: object = None, *, lengths: Sequence[int] | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : (T, D) array, DataFrame or xarray.DataArray, or list of those
            Time in rows, NaN where missing. Several sequences are a list, one table with `lengths`, or a DataFrame
            with a two-level index (sequence, time). Steps that a regular index of dates or numbers skips are
            missing rows.
        y : Ignored
            Present for the scikit-learn interface.
        lengths : sequence of int or None
            Rows of each sequence, where X is one table.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            The data, a parameter or the start is unusable; the message says which rule is broken.
        """
        return self.fit_under(Monitor(), X, lengths=lengths)

    def fit_under(
        self,
        monitor: Monitor,
        X: SeriesLike,
        lengths: Sequence[int] | None = None,
        inputs: SeriesLike | None = None,
        between: Any = None,
    ) -> Self:
        """Fit under a monitor that sets a budget and keeps the trace, as `compare` does.

        Parameters
        ----------
        monitor : Monitor
            A new one; after the fit it holds the objectives, the seconds and whether the budget ended the fit.
        X, lengths
            As in :meth:`fit`.
        inputs
            Known inputs beside X, of a model that takes them.
        between
            Intervals of missing cells, of a model that takes them.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As in :meth:`fit`.
        """
        self._forget()
        try:
            panel = self._learn_columns(X, lengths)
            check_variation(panel.y, panel.columns)
            if inputs is not None:
                panel = check_inputs(inputs, panel)
            if between is not None:
                panel = check_between(between, panel)
            self._fitted_step = FittedStep.of(panel.last_index, panel.time_step)
            with one_thread(), interruptible(), _bar(self, monitor):
                self._run(panel, check_seed(self.random_state), monitor)
            raise_if_interrupted()
        except BaseException as error:
            # Whatever ended the fit, Ctrl-C included, leaves no half-fitted estimator behind.
            self._forget()
            if isinstance(error, KeyboardInterrupt) or not is_interrupt(error):
                raise
            raise KeyboardInterrupt from None
        finally:
            answer_interrupt()
        self.history_ = np.array(monitor.objectives)
        return self

    def _learn_columns(self, X: SeriesLike, lengths: Sequence[int] | None) -> Panel:
        """Check the data of a fit, and learn the number and names of their columns."""
        return self._panel(X, lengths, reset=True, min_steps=2)

    def _run(self, panel: Panel, seed: np.random.SeedSequence, monitor: Monitor) -> None:
        """Ask the strategy for a start, refine it, and set what the estimator has after a fit."""
        raise NotImplementedError

    def _n_iterations(self) -> int | None:
        """Iterations that a progress bar counts, None where nobody knows."""
        return getattr(self, "max_iter", None)

    def _forget(self) -> None:
        for name in [n for n in vars(self) if n.endswith("_") or n.startswith("_fitted_")]:
            delattr(self, name)

    def _read(self, X: SeriesLike, lengths: Sequence[int] | None = None) -> Panel:
        """Check data that a fitted model is asked about, and count their steps by that of the fit."""
        check_fitted(self)
        step = getattr(self, "_fitted_step", None) if self._counts_by_fitted_step else None
        return self._panel(X, lengths, fitted_step=step)

    def _panel(self, X: SeriesLike, lengths: Sequence[int] | None, **options: Any) -> Panel:
        return check_series(X, lengths, estimator=self, **options)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, self._fitted_attribute)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def lists_as_they_are(cls: _Class) -> _Class:
    """Exempt lists of tables from ``set_output``, which scikit-learn wraps around ``transform`` for one table only."""
    for name in ("transform", "fit_transform"):
        setattr(cls, name, _exempt(getattr(cls, name)))
    return cls


def _exempt(wrapped: Any) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    def method(self: Any, X: SeriesLike, *args: Any, **kwargs: Any) -> Any:
        run = wrapped.__wrapped__ if is_list_of_tables(X) else wrapped
        return run(self, X, *args, **kwargs)

    return method


@functools.cache
def _thread_pools(kind: str) -> Any:
    """Return what sets the threads of BLAS, or of OpenMP."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api=kind)


class _Limit:
    """The limit on BLAS threads, which belongs to the process: who fits first sets it, who ends last takes it off."""

    lock = threading.Lock()
    holders = 0
    limiter: Any = None


def _renew_lock() -> None:
    # Another thread may have held it at the moment of a fork; in the child there is nobody to release it.
    _Limit.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread: at the sizes here, more threads only wait for each other.

    OpenMP has a number of threads for each thread that calls it. Held to one, it starts none, which a process that is
    forked later would miss and wait for, and sums of clusters do not depend on the number of cores.
    """
    with _Limit.lock:
        if _Limit.holders == 0:
            _Limit.limiter = _thread_pools("blas").limit(limits=1)
        _Limit.holders += 1
    try:
        with _thread_pools("openmp").limit(limits=1):
            yield
    finally:
        with _Limit.lock:
            _Limit.holders -= 1
            if _Limit.holders == 0:
                _Limit.limiter.restore_original_limits()


@contextlib.contextmanager
def _bar(estimator: SeriesEstimator, monitor: Monitor) -> Iterator[None]:
    """Show a progress bar with the objective where ``verbose`` asks for it and nobody else listens."""
    if not check_verbose(estimator.verbose) or monitor.callback is not None:
        yield
        return
    from tsinit.models.progress import progress_bar

    with progress_bar(estimator._n_iterations(), type(estimator).__name__, "it") as bar:

        def show(iteration: int, objective: float) -> None:
            bar.n = iteration
            if objective == objective:  # a start alone may have none: NaN
                bar.set_postfix_str(f"{estimator.fit_kind.objective} {objective:.6g}")

        monitor.callback = show
        try:
            yield
        finally:
            monitor.callback = None
