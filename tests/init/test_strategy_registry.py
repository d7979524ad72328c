import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE, init
from tsinit.init import registry as registry_module
from tsinit.init.registry import is_bundled, resolve
from tsinit.kernels import LinearGaussianParams

Y = np.arange(6.0)[:, None]
PARAMS = LinearGaussianParams(
    *(np.full((1, 1), v) for v in (0.5, 1.0, 1.0, 1.0)), np.zeros(1), np.eye(1), np.zeros(1)
)


class Constant:
    """A strategy of a user's own: no base class needed."""

    def dynamics(self, y, rng, n_states):
        return PARAMS


class OnlyFills:
    def __repr__(self):
        return "OnlyFills()"  # in the name of a test, which two workers have to agree on

    def fill(self, y, rng):
        return np.nan_to_num(y)


@pytest.fixture
def registry(monkeypatch):
    """A registry of one's own: three names, forgotten after the test."""
    monkeypatch.setattr(registry_module, "_REGISTERED", {})
    for name, factory in {"constant": Constant, "filler": OnlyFills, "kmeans": Constant}.items():
        init.register(name, factory)


def message(init, verb="dynamics", argument="init"):
    with pytest.raises((TypeError, ValueError)) as caught:
        resolve(init, verb, argument)
    return f"{caught.type.__name__}: {caught.value}"


RULE = "init must be one of ['constant', 'kmeans'], a strategy, a function or LinearGaussianParams"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("kmean", f"ValueError: {RULE}; got 'kmean'. Did you mean 'kmeans'?"),
        ("KMeans", f"ValueError: {RULE}; got 'KMeans'. Did you mean 'kmeans'?"),
        ("zzz", f"ValueError: {RULE}; got 'zzz'."),
        ("filler", f"ValueError: {RULE}; got 'filler'. 'filler' does not offer 'dynamics'."),
        (3, f"TypeError: {RULE}; got 3."),
        (None, f"TypeError: {RULE}; got None."),
        ((1.0, 2.0), f"TypeError: {RULE}; got tuple of length 2."),
        (np.zeros((2, 3)), f"TypeError: {RULE}; got ndarray of shape (2, 3)."),
        (
            Constant,
            "TypeError: init must be a strategy, not its class; got Constant. Write Constant().",
        ),
        (
            OnlyFills(),
            "TypeError: init must be a strategy that offers 'dynamics', as ['constant', 'kmeans'] do; "
            "got OnlyFills, which offers ['fill'].",
        ),
    ],
    ids=str,
)
def test_every_wrong_start_gets_one_sentence(registry, given, expected):
    assert message(given) == expected


def test_the_message_names_the_parameter_and_the_kind_that_the_verb_wants(registry):
    assert message("x", "fill", "inner") == (
        "ValueError: inner must be one of ['filler'], a strategy, a function or a complete table; got 'x'."
    )
    assert message(3, "labels") == (
        "TypeError: init must be one of [], a strategy, a function or an array of labels; got 3."
    )


def test_names_are_sorted_and_filtered_by_verb(registry):
    assert init.names() == ["constant", "filler", "kmeans"]
    assert init.names("fill") == ["filler"]
    assert init.names("labels") == []
    with pytest.raises(
        ValueError,
        match=r"^verb must be one of \['dynamics', 'labels', 'fill', 'point'\] or None; got 'fil'",
    ):
        init.names("fil")


@pytest.mark.parametrize(
    ("name", "verb", "meant"),
    [
        ("kmeans_plus_plus", "labels", "kmeans++"),
        ("GMM", "labels", "gaussian_mixture"),
        ("locf", "fill", "forward"),
        ("4sid", "dynamics", "subspace"),
        ("random", "labels", "uniform"),
    ],
)
def test_a_name_that_others_use_leads_to_ours(name, verb, meant):
    assert message(name, verb).endswith(f"got {name!r}. Did you mean {meant!r}?")


def test_a_registered_name_is_found_and_the_last_registration_counts(registry, rng):
    init.register("mine", lambda: OnlyFills())
    init.register("mine", Constant)
    assert resolve("mine", "dynamics").propose(Y, rng, 1) is PARAMS


@pytest.mark.parametrize(
    ("name", "factory", "expected"),
    [
        (3, Constant, "The name of a strategy must be a non-empty string; got 3."),
        ("", Constant, "The name of a strategy must be a non-empty string; got ''."),
        (
            "mine",
            PARAMS,
            "The factory of 'mine' must be callable, such as the strategy's class; got "
            "LinearGaussianParams of length 7.",
        ),
    ],
)
def test_registering_nonsense_is_refused(registry, name, factory, expected):
    with pytest.raises(TypeError, match=re.escape(expected)):
        init.register(name, factory)


def test_ready_values_come_back_as_they_are(rng):
    assert resolve(PARAMS, "dynamics").propose(Y, rng, 1) is PARAMS
    six = list(PARAMS)[:6]
    ready = resolve(six, "dynamics").propose(Y, rng, 1)
    assert isinstance(ready, LinearGaussianParams)
    assert all(a is b for a, b in zip(ready, [*six, None], strict=True))
    labels, table = np.zeros(6, int), np.zeros((6, 1))
    assert resolve(labels, "labels").propose(Y, rng) is labels
    assert (
        resolve(table, "fill").propose(Y, rng) is table
    )  # although arrays have a method called fill


def test_a_function_gets_the_keywords_it_names_and_no_others(rng):
    calls = []

    def two(y, rng):
        calls.append((y, rng))
        return PARAMS

    def defaults(y, n_states=7, offsets="mine", other=1):
        calls.append((y, n_states, offsets, other))
        return PARAMS

    def required(offsets, trial, y):
        calls.append((offsets, trial))
        return PARAMS

    def everything(y, *args, **keywords):
        calls.append((args, sorted(keywords)))
        return PARAMS

    for function in (two, defaults, required, everything, partial(defaults, other=2)):
        resolve(function, "dynamics").propose(Y, rng, 4)
    assert calls == [
        (Y, rng),
        (Y, 4, "mine", 1),
        (None, None),
        ((), ["n_states", "rng"]),
        (Y, 4, "mine", 2),
    ]


def test_a_model_may_offer_more_keywords_without_any_strategy_knowing(rng):
    def asks(y, mask):
        return PARAMS if mask == "m" else None

    assert resolve(asks, "dynamics").propose(Y, rng, 1, mask="m") is PARAMS
    assert resolve(Constant(), "dynamics").propose(Y, rng, 1, mask="m") is PARAMS


def test_a_function_with_an_unknown_argument_is_told_the_names(rng):
    start = resolve(lambda data, rng: PARAMS, "dynamics")
    expected = (
        "init=<lambda> must take its arguments from the names ['n_states', 'offsets', 'rng', 'trial', 'y']; "
        "got 'data'. Rename it or give it a default."
    )
    with pytest.raises(TypeError, match=re.escape(expected)):
        start.propose(Y, rng, 1)


@pytest.mark.parametrize(
    ("result", "got"),
    [
        (None, "None"),
        (np.zeros((2, 2)), "ndarray of shape (2, 2)"),
        ((1, 2, 3), "tuple of length 3"),
    ],
)
def test_a_function_that_returns_something_else_is_told_what_is_wanted(rng, result, got):
    def guess(y):
        return result

    expected = f"init=guess must return LinearGaussianParams; got {got}."
    with pytest.raises(TypeError, match=re.escape(expected)):
        resolve(guess, "dynamics").propose(Y, rng, 1)


def test_a_start_has_a_label_for_tables():
    def guess(y):
        return PARAMS

    labels = [resolve(i, "dynamics").label for i in ("uniform", init.Uniform(), guess, PARAMS)]
    assert labels == ["uniform", "Uniform", "init=guess", "LinearGaussianParams"]


@pytest.fixture
def made(registry):
    """Three strategies, and a list of those made."""
    calls = []

    class Counted(Constant):
        def __init__(self, name="class"):
            calls.append(name)

    init.register("class", Counted)
    init.register("partial", partial(Counted, "partial"))
    init.register("lambda", lambda: Counted("lambda"))
    return calls


def test_registering_calls_only_factories_that_are_no_class(made):
    assert made == ["lambda"]


def test_names_makes_no_strategy(made):
    made.clear()
    assert {"class", "partial", "lambda"} < set(init.names("dynamics"))
    assert "class" in init.names()
    assert init.names("labels") == []
    assert not is_bundled("class")
    assert not is_bundled("lambda")
    assert made == []


@pytest.mark.parametrize("name", ["class", "partial", "lambda"])
def test_resolving_a_name_makes_one_strategy(made, name, rng):
    made.clear()
    assert resolve(name, "dynamics").propose(Y, rng, 1) is PARAMS
    assert made == [name]


def test_a_name_that_was_never_registered_makes_none(made):
    made.clear()
    assert message("clas").endswith("Did you mean 'class'?")
    assert made == []


def test_of_the_names_of_the_package_none_is_made_to_know_them():
    """A new process: nothing is made by the import either."""
    code = (
        "from sklearn.base import BaseEstimator\n"
        "made = []\n"
        "new = object.__new__\n"
        "BaseEstimator.__new__ = lambda kind, *args, **more: made.append(kind) or new(kind)\n"
        "from tsinit import init\n"
        "from tsinit.init.registry import is_bundled, resolve\n"
        "assert all(map(is_bundled, init.names()))\n"
        "assert all(init.names(verb) for verb in ('dynamics', 'labels', 'fill'))\n"
        "assert not made, made\n"
        "for name in init.names('labels'):\n"
        "    made.clear()\n"
        "    resolve(name, 'labels')\n"
        "    assert len(made) == 1, (name, made)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def refuse():
    raise OSError("no disk")


@pytest.mark.parametrize("factory", [refuse, partial(refuse)])
def test_a_factory_that_raises_harms_its_own_name_alone(registry, rng, factory):
    init.register("broken", factory)
    assert "broken" in init.names()
    assert "broken" not in init.names("fill")
    assert not is_bundled("broken")
    assert resolve("constant", "dynamics").propose(Y, rng, 1) is PARAMS
    assert message("kmean") == f"ValueError: {RULE}; got 'kmean'. Did you mean 'kmeans'?"
    assert message(OnlyFills()).startswith("TypeError: init must be a strategy that offers")


def test_a_factory_that_raises_is_refused_with_one_sentence_when_its_name_is_used(registry):
    init.register("broken", refuse)
    assert message("broken") == (
        "ValueError: init must be the name of a strategy that can be made; got 'broken', whose "
        "factory raised OSError: no disk."
    )


def test_a_factory_that_raised_when_registered_may_work_later(registry, rng):
    present = []

    def later():
        if not present:
            raise ImportError("not yet")
        return Constant()

    init.register("later", later)
    assert "later" not in init.names("dynamics")
    present.append(True)
    assert resolve("later", "dynamics").propose(Y, rng, 1) is PARAMS
    assert "later" in init.names("dynamics")


def test_a_class_that_finds_its_verbs_when_made_is_made_to_ask(registry, rng):
    class Wraps:
        def __init__(self):
            self.dynamics = Constant().dynamics

    init.register("wraps", Wraps)
    assert "wraps" in init.names("dynamics")
    assert resolve("wraps", "dynamics").propose(Y, rng, 1) is PARAMS


def test_a_strategy_is_found_behind_its_name_without_making_any_other(made):
    made.clear()
    assert registry_module.strategy_of("filler", Constant) is None
    assert registry_module.strategy_of("class", OnlyFills) is None
    assert registry_module.strategy_of("never registered", Constant) is None
    assert made == []
    assert isinstance(registry_module.strategy_of("class", Constant), Constant)
    assert made == ["class"]


def test_a_strategy_is_found_behind_anything_that_init_may_be():
    race = init.Race()
    assert registry_module.strategy_of(race, init.Race) is race
    assert isinstance(registry_module.strategy_of("auto", init.Race), init.Race)
    for other in ("kmeans", init.KMeans(), PARAMS, len, None):
        assert registry_module.strategy_of(other, init.Race) is None


@pytest.mark.parametrize("init", ["kmean", 3])
@pytest.mark.parametrize("model", [LinearGaussianSSM, InfiniteHMM, TBayesMICE])
def test_a_fit_with_no_such_strategy_says_so(model, init):
    y = np.random.default_rng(0).standard_normal((40, 2))
    y[3, 1] = np.nan
    with pytest.raises((ValueError, TypeError), match=r"^init must be one of"):
        model(init=init).fit(y)


@pytest.mark.parametrize("given", ["kmean", init.Race(["kmean", "uniform"])], ids=["name", "race"])
def test_that_there_is_no_such_strategy_is_said_before_states_are_counted(monkeypatch, given):
    def choose(*arguments):
        raise AssertionError("chains ran already")

    monkeypatch.setattr("tsinit.models.hidden_markov.sampler_setup.choose_n_states", choose)
    with pytest.raises(ValueError, match="Did you mean 'kmeans'"):
        InfiniteHMM(init=given).fit(np.random.default_rng(0).standard_normal((40, 2)))


def test_a_fit_makes_its_strategy_once(made):
    made.clear()
    y = np.random.default_rng(0).standard_normal((40, 1))
    LinearGaussianSSM(n_states=1, init="class", max_iter=1, tol=0.0).fit(y)
    assert made == ["class"]
