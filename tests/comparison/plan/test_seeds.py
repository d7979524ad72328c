"""Seeds: paired, rebuilt from text, untouched by what is added later."""

import zlib

import numpy as np
import pytest
from comparison.fake_model import Hills

from tsinit import Budget, LinearGaussianSSM, init
from tsinit.comparison import Comparison, compare
from tsinit.comparison.plan.identity import fingerprint, public_name
from tsinit.comparison.plan.scores import Scoring
from tsinit.comparison.plan.seeds import cell_seed, seed_text
from tsinit.emissions import Gaussian

X = np.zeros((40, 2))
#: What depends on the rest of the table, on the clock, or on the position.
DERIVED = ["gap", "optimum", "start", "init_seconds", "fit_seconds"]


def _rows(result, **where):
    runs = result.runs
    for column, value in where.items():
        runs = runs[runs[column].isin(value)]
    return runs.drop(columns=DERIVED).reset_index(drop=True)


def test_the_key_is_entropy_name_replicate_purpose():
    seed = cell_seed(5, "air", 3)
    assert seed.entropy == 5
    assert seed.spawn_key == (zlib.crc32(b"air"), 3)
    assert seed_text(seed, 1) == f"5:{zlib.crc32(b'air')},3,1"


def test_text_rebuilds_the_streams_that_the_model_used():
    result = compare(Hills(), X, ["wide"], n_seeds=3, progress=False)
    for run in result.runs.itertuples():
        start = np.random.default_rng(Comparison.seed(run.init_seed)).uniform(-1.5, 1.5)
        noise = np.random.default_rng(Comparison.seed(run.run_seed)).standard_normal()
        model = result.rerun(run.run_id)
        assert model.start_[0] == start
        assert model.noise_ == noise


def test_all_strategies_of_a_replicate_share_their_streams():
    runs = compare(Hills(), X, ["wide", "right"], n_seeds=4, progress=False).runs
    assert (runs.groupby("replicate")[["init_seed", "run_seed"]].nunique() == 1).all(axis=None)
    assert runs["init_seed"].nunique() == 4
    assert not set(runs["init_seed"]) & set(runs["run_seed"])


def test_adding_strategies_data_sets_models_or_seeds_changes_no_earlier_row():
    small = compare({"m": Hills()}, {"b": X}, ["wide", "right"], n_seeds=3, progress=False)
    large = compare(
        {"a": Hills(max_iter=9), "m": Hills()},
        {"a": X + 1, "b": X, "c": X},
        ["fixed", "right", "wide"],
        n_seeds=5,
        progress=False,
    )
    kept = _rows(large, dataset=["b"], model=["m"], strategy=["wide", "right"], replicate=range(3))
    old = _rows(small)
    keys = ["strategy", "replicate"]
    assert (
        kept.sort_values(keys)
        .reset_index(drop=True)
        .equals(old.sort_values(keys).reset_index(drop=True))
    )


def test_another_seed_gives_other_starts_and_none_records_what_it_drew():
    one, two = (
        compare(Hills(), X, ["wide"], n_seeds=2, seed=s, progress=False).runs for s in (0, 1)
    )
    assert not set(one["objective_start"]) & set(two["objective_start"])
    drawn = compare(Hills(), X, ["wide"], n_seeds=2, seed=None, progress=False)
    entropy = int(drawn.runs["init_seed"].iloc[0].split(":")[0])
    again = compare(Hills(), X, ["wide"], n_seeds=2, seed=entropy, progress=False)
    assert again.runs["objective_final"].tolist() == drawn.runs["objective_final"].tolist()
    assert again.runs["run_id"].tolist() == drawn.runs["run_id"].tolist()


def test_run_id_changes_with_everything_that_determines_the_run():
    def ids(model=None, data=X, strategies=("wide",), **more):
        return set(
            compare(
                model or Hills(), data, list(strategies), n_seeds=1, progress=False, **more
            ).runs["run_id"]
        )

    base = ids()
    assert ids() == base
    assert ids(Hills(verbose=1, random_state=7, init="right")) == base
    for other in (
        ids(Hills(max_iter=7)),
        ids(data=X + 1),
        ids(strategies=["right"]),
        ids(seed=1),
        ids(data={"b": X}),
        ids(test=0.5),
        ids(score={"size": lambda e, X: 1.0}),
    ):
        assert not other & base


def test_fingerprints_see_code_defaults_closures_and_content():
    def maker(scale):
        return lambda y, rng: scale * rng.random()

    assert fingerprint(maker(1.0)) == fingerprint(maker(1.0))
    assert fingerprint(maker(1.0)) != fingerprint(maker(2.0))
    assert fingerprint(1) != fingerprint("1")
    assert fingerprint([1, [2]]) != fingerprint([[1], 2])
    assert fingerprint(np.zeros(4)) != fingerprint(np.zeros((2, 2)))
    assert fingerprint(Hills()) != fingerprint(Hills(max_iter=3))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (LinearGaussianSSM(), "tsinit.LinearGaussianSSM"),
        (Budget(max_iter=3), "tsinit.Budget"),
        (init.KMeans(), "tsinit.init.KMeans"),
        (Gaussian(), "tsinit.emissions.Gaussian"),
        (Scoring(None), "tsinit.Scoring"),  # not public
    ],
)
def test_a_class_of_the_package_counts_by_its_public_name_wherever_it_lies(
    value, name, monkeypatch
):
    kind, before = type(value), fingerprint(value, type(value))
    assert public_name(kind) == name
    monkeypatch.setattr(kind, "__module__", "tsinit.moved.elsewhere")
    assert public_name(kind) == name
    assert fingerprint(value, kind) == before
    monkeypatch.setattr(kind, "__module__", "another_package")
    assert fingerprint(value, kind) != before


def test_a_method_counts_by_its_function_and_by_what_it_belongs_to(monkeypatch):
    before = fingerprint(init.KMeans().labels)
    assert fingerprint(init.KMeans().dynamics) != before
    assert fingerprint(init.KMeans(n_clusters=3).labels) != before
    monkeypatch.setattr(init.KMeans, "__module__", "tsinit.moved.elsewhere")
    assert fingerprint(init.KMeans().labels) == before


def _recursive(scale):
    def start(y, rng):
        x = scale * rng.random()
        return x if x < 0.5 else start(y, rng)

    return start


def _early():
    """A function that mentions a name without a value, and its fingerprint at that time."""

    def start(y, rng):
        return later

    early = fingerprint(start)
    later = 0.3
    return start, early


def test_a_function_may_mention_itself_or_what_has_no_value_yet():
    assert fingerprint(_recursive(1.0)) == fingerprint(_recursive(1.0))
    assert fingerprint(_recursive(1.0)) != fingerprint(_recursive(2.0))
    start, early = _early()
    assert fingerprint(start) != early
    loop = [1.0]
    loop.append(loop)
    assert fingerprint(loop) != fingerprint([1.0, [1.0]])
    result = compare(Hills(), X, {"again": _recursive(1.0)}, n_seeds=2, progress=False)
    assert set(result.runs["status"]) == {"ok"}


def test_a_value_met_twice_counts_by_content():
    assert fingerprint([X, X]) == fingerprint([X, X.copy()])


def test_a_deterministic_start_is_said_in_words_and_not_warned_of():
    result = compare(Hills(), X, ["fixed", "wide"], n_seeds=4, progress=False)
    assert "fixed gives the same start for every seed" in result.verdict()


def test_a_function_that_ignores_its_generator_is_warned_of_once():
    with pytest.warns(
        UserWarning, match="'stubborn' gave the same start for different seeds"
    ) as caught:
        compare(
            Hills(),
            {"a": X, "b": X + 1},
            {"stubborn": lambda y, rng: 0.3},
            n_seeds=3,
            progress=False,
        )
    assert len(caught) == 1


def test_a_start_that_repeats_now_and_then_is_warned_of():
    with pytest.warns(UserWarning, match="'coin' gave the same start"):
        compare(
            Hills(),
            X,
            {"coin": lambda y, rng: float(rng.integers(2)) - 0.5},
            n_seeds=6,
            progress=False,
        )


def test_starts_that_the_package_brings_may_repeat_without_a_warning(monkeypatch):
    from tsinit import LinearGaussianSSM
    from tsinit.init import KMeans, registry
    from tsinit.init.registry import is_bundled

    y = np.random.default_rng(0).standard_normal((60, 2)).cumsum(axis=0)
    result = compare(
        LinearGaussianSSM(max_iter=5), y, ["auto", KMeans()], n_seeds=3, progress=False
    )
    assert (result.runs.groupby("strategy")["start"].nunique() < 3).any()
    monkeypatch.setattr(registry, "_REGISTERED", dict(registry._REGISTERED))
    registry.register("mine", lambda: type("Mine", (), {"dynamics": None})())
    assert [is_bundled(x) for x in ("kmeans", KMeans(), "mine", print)] == [
        True,
        True,
        False,
        False,
    ]
