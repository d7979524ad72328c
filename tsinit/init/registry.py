"""Names of strategies, and the one road from whatever a user gives as ``init`` to a starting point.

A strategy is an object with parameters and one or more verbs: ``dynamics`` (parameters of a state-space
model), ``labels`` (a state per time step), ``fill`` (a complete table) and ``point`` (a vector in the parameter space
of a model of another library). A model asks `resolve` for the verb it needs. What is no strategy is refused here; what
the parameters of one may be, where it is used (`tsinit._validate`, `tsinit.init._checks`).
"""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tsinit._validate.values import short
from tsinit.kernels import LinearGaussianParams


class RegisteredStrategy(NamedTuple):
    """What is known of a name without making its strategy."""

    factory: Callable[[], Any]
    kind: type | None  # class of the strategy; None where the factory raised
    verbs: tuple[str, ...]


_Kind = TypeVar("_Kind")

_REGISTERED: dict[str, RegisteredStrategy] = {}
#: What others call some of them, for messages.
_ALSO = {
    "4sid": "subspace",
    "bfill": "backward",
    "ffill": "forward",
    "gmm": "gaussian_mixture",
    "interpolate": "linear",
    "interpolation": "linear",
    "kmeans_plus_plus": "kmeans++",
    "knn_imputer": "knn",
    "locf": "forward",
    "nocb": "backward",
    "pam": "kmedoids",
    "random": "uniform",
    "softimpute": "low_rank",
}


class ResolvedStrategy(NamedTuple):
    """A strategy ready to be asked: every kind of ``init`` looks the same from here on."""

    label: str  # how messages and tables call it
    call: Callable
    verb: str

    def takes(self, keyword: str) -> bool:
        """Whether the strategy knows what to do with something that a model offers."""
        parameters = inspect.signature(self.call).parameters
        return keyword in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())

    def propose(
        self,
        y: np.ndarray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: np.ndarray | None = None,
        trial: Callable | None = None,
        **more: Any,
    ) -> Any:
        """Ask for the starting point with those of the keywords that its signature knows.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            The only source of chance.
        n_states : int, optional
            Number of states.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial : callable, optional
            ``trial(start, n_iter) -> (objective, refined)``, for strategies that compare candidates.
        **more
            Further keywords a model offers: for ``fill`` ``times``, clock steps (T,), and ``period``; for ``point``
            ``space``, a `ParameterSpace`; for ``dynamics`` known ``inputs`` (T, m).

        Returns
        -------
        object
            What the verb gives: for ``dynamics`` a `LinearGaussianParams`.

        Raises
        ------
        TypeError
            If a user's function asks for something no model has, or returns something of another kind.
        """
        offered = {
            "y": y,
            "rng": rng,
            "n_states": n_states,
            "offsets": offsets,
            "trial": trial,
            **more,
        }
        result = self.call(**_accepted(self.call, offered, self.label))
        value = _VERBS[self.verb].ready(result)
        if value is None:
            raise TypeError(
                f"{self.label} must return {_VERBS[self.verb].kind}; got {_describe(result)}."
            )
        return value


def register(name: str, factory: Callable[[], Any]) -> None:
    """Give a strategy a name, so that ``init=name`` finds it.

    Which verbs it has is settled here. They are read off a class, or the class of a ``functools.partial``; any
    other factory is called once. If that call raises, the name is asked again when it is used.

    Parameters
    ----------
    name : str
        The name; a name that exists already is replaced.
    factory : callable
        Called without arguments, gives the strategy: a class whose parameters all have defaults, a
        ``functools.partial`` of one, a lambda.

    Raises
    ------
    TypeError
        If the name is not a string or the factory cannot be called.

    Examples
    --------
    >>> from functools import partial
    >>> from tsinit.init import LPC, register
    >>> register("lpc_noisy", partial(LPC, noise=1.0))
    """
    if not isinstance(name, str) or not name:
        raise TypeError(
            f"The name of a strategy must be a non-empty string; got {_describe(name)}."
        )
    if not callable(factory):
        raise TypeError(
            f"The factory of {name!r} must be callable, such as the strategy's class; "
            f"got {_describe(factory)}."
        )
    _REGISTERED[name] = _examined(factory)


def names(verb: str | None = None) -> list[str]:
    """List the registered names.

    Parameters
    ----------
    verb : {"dynamics", "labels", "fill", "point"}, optional
        Only strategies that have this verb.

    Returns
    -------
    list of str
        In alphabetical order.

    Raises
    ------
    ValueError
        If there is no such verb.
    """
    if verb is not None and (not isinstance(verb, str) or verb not in _VERBS):
        raise ValueError(f"verb must be one of {list(_VERBS)} or None; got {short(verb)}.")
    return [
        name for name, known in sorted(_REGISTERED.items()) if verb is None or verb in known.verbs
    ]


def is_native(init: Any) -> bool:
    """Tell whether a strategy stands for the start that the library of a model would have taken by itself."""
    return isinstance(init, str) and init == "native"


def is_bundled(init: Any) -> bool:
    """Tell whether a strategy, by name or as an object, is one that the package brings."""
    known = _REGISTERED.get(init) if isinstance(init, str) else None
    kind = known.kind if known else type(init)
    return kind is not None and kind.__module__.startswith("tsinit.init")


def strategy_of(init: Any, kind: type[_Kind]) -> _Kind | None:
    """Return the strategy behind what a user gave as ``init`` if it is of a class; None where it is anything else."""
    if isinstance(init, str):
        known = _REGISTERED.get(init)
        if known is None or (known.kind is not None and not issubclass(known.kind, kind)):
            return None
        init = _made(init, "init")
    return init if isinstance(init, kind) else None


def resolve(init: Any, verb: str, argument: str = "init") -> ResolvedStrategy:
    """Turn what a user gave into a `ResolvedStrategy`.

    Parameters
    ----------
    init : str, strategy, function or ready value
        A registered name; an object with the verb; a function of any of the keywords ``y``, ``rng``,
        ``n_states``, ``offsets``, ``trial``; or the starting point itself, which is used as it is.
    verb : {"dynamics", "labels", "fill", "point"}
        What the model asks for.
    argument : str, default "init"
        What messages call the parameter.

    Returns
    -------
    ResolvedStrategy
        Its method ``propose(y, rng, n_states, offsets, trial)`` gives the starting point.

    Raises
    ------
    ValueError
        If no strategy has that name, or what makes it raises.
    TypeError
        If it is none of the things allowed, or a strategy without the verb.
    """
    if isinstance(init, str):
        return _named(init, verb, argument)
    if inspect.isclass(init):
        raise TypeError(
            f"{argument} must be a strategy, not its class; got {init.__name__}. "
            f"Write {init.__name__}()."
        )
    value = _VERBS[verb].ready(init)
    if value is not None:
        return ResolvedStrategy(_VERBS[verb].kind, lambda: value, verb)
    offers = _offers(init)
    if verb in offers:
        return ResolvedStrategy(type(init).__name__, getattr(init, verb), verb)
    if offers:
        raise TypeError(
            f"{argument} must be a strategy that offers {verb!r}, as {names(verb)} do; "
            f"got {type(init).__name__}, which offers {list(offers)}."
        )
    if callable(init):
        return ResolvedStrategy(
            f"{argument}={getattr(init, '__name__', type(init).__name__)}", init, verb
        )
    raise TypeError(f"{_rule(argument, verb)}; got {_describe(init)}.")


def _named(name: str, verb: str, argument: str) -> ResolvedStrategy:
    """Look a name up, or say which name was probably meant."""
    if name in _REGISTERED:
        strategy = _made(name, argument)
        if verb in _offers(strategy):
            return ResolvedStrategy(name, getattr(strategy, verb), verb)
    known = names(verb)
    message = f"{_rule(argument, verb)}; got {short(name)}."
    if name in _REGISTERED:
        raise ValueError(f"{message} {name!r} does not offer {verb!r}.")
    other = _ALSO.get(name.lower())
    close = [other] if other in known else difflib.get_close_matches(name.lower(), known, n=1)
    raise ValueError(message + (f" Did you mean {close[0]!r}?" if close else ""))


def _made(name: str, argument: str) -> Any:
    """Make the strategy of a registered name, and learn its verbs if that failed when it was registered."""
    known = _REGISTERED[name]
    try:
        strategy = known.factory()
    except Exception as error:
        raise ValueError(
            f"{argument} must be the name of a strategy that can be made; got {name!r}, whose factory "
            f"raised {type(error).__name__}: {str(error).rstrip('.')}."
        ) from error
    if known.kind is None:
        _REGISTERED[name] = RegisteredStrategy(known.factory, type(strategy), _offers(strategy))
    return strategy


def _examined(factory: Callable[[], Any]) -> RegisteredStrategy:
    """Find the class and the verbs of what a factory makes, without calling it where its class shows them."""
    kind = factory
    while isinstance(kind, functools.partial):
        kind = kind.func
    if inspect.isclass(kind) and _offers(kind):
        return RegisteredStrategy(factory, kind, _offers(kind))
    try:
        strategy = factory()
    except Exception:
        # Registering must not fail because, say, an optional library is not there yet.
        return RegisteredStrategy(factory, None, ())
    return RegisteredStrategy(factory, type(strategy), _offers(strategy))


def _rule(argument: str, verb: str) -> str:
    return f"{argument} must be one of {names(verb)}, a strategy, a function or {_VERBS[verb].kind}"


def _accepted(call: Callable, offered: dict[str, Any], label: str) -> dict[str, Any]:
    """Choose the keywords that the signature of the callable accepts."""
    chosen: dict[str, Any] = {}
    for name, parameter in inspect.signature(call).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            return {**chosen, **{k: v for k, v in offered.items() if v is not None}}
        if parameter.kind is parameter.VAR_POSITIONAL:
            continue
        optional = parameter.default is not parameter.empty
        if name in offered and parameter.kind is not parameter.POSITIONAL_ONLY:
            # None means "not offered": the default of the function then knows better.
            if offered[name] is not None or not optional:
                chosen[name] = offered[name]
        elif not optional:
            raise TypeError(
                f"{label} must take its arguments from the names {sorted(offered)}; "
                f"got {name!r}. Rename it or give it a default."
            )
    return chosen


def _describe(value: Any) -> str:
    """Name a value in a few words: an array by its shape, anything long by its type."""
    if hasattr(value, "shape"):
        return f"{type(value).__name__} of shape {value.shape}"
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__} of length {len(value)}"
    text = short(value)
    return type(value).__name__ if text.endswith("...") else text


def _offers(value: Any) -> tuple[str, ...]:
    """List the verbs of a strategy or its class; arrays have none, though NumPy's have a method called fill."""
    if hasattr(value, "shape"):
        return ()
    return tuple(v for v in _VERBS if callable(getattr(value, v, None)))


def _ready_params(value: Any) -> LinearGaussianParams | None:
    """Six to nine arrays are parameters; None stands for anything else."""
    if isinstance(value, LinearGaussianParams):
        return value
    return (
        LinearGaussianParams(*value)
        if isinstance(value, (tuple, list)) and 6 <= len(value) <= 9
        else None
    )


def _ready_array(ndim: int) -> Callable[[Any], Any]:
    """Arrays and tables of this many dimensions; None stands for anything else."""
    return lambda value: value if getattr(value, "ndim", None) == ndim else None


def _ready_vector(value: Any) -> Any:
    """Numbers one by one, in an array or as libraries list them; None stands for anything else."""
    if isinstance(value, (list, tuple)) and value and all(map(np.isscalar, value)):
        value = np.asarray(value)
    numeric = getattr(value, "ndim", None) == 1 and np.asarray(value).dtype.kind in "iuf"
    return value if numeric else None


class _Verb(NamedTuple):
    kind: str  # what it gives, in words
    ready: Callable[[Any], Any]  # such a value as it is, or None


_VERBS = {
    "dynamics": _Verb("LinearGaussianParams", _ready_params),
    "labels": _Verb("an array of labels", _ready_array(1)),
    "fill": _Verb("a complete table", _ready_array(2)),
    "point": _Verb("a vector of parameters", _ready_vector),
}
