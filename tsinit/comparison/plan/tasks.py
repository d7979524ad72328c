"""What will be run: names for everything, data loaded and split, one task for each row of the table."""

from typing import Any, NamedTuple

from tsinit import __version__
from tsinit._validate import check_count
from tsinit.adapters import Adapter
from tsinit.comparison.plan import checks, seeds
from tsinit.comparison.plan.data import Dataset
from tsinit.comparison.plan.identity import fingerprint, identify
from tsinit.comparison.plan.inputs import check_takers
from tsinit.comparison.plan.scores import Scoring
from tsinit.init.registry import is_native
from tsinit.models.monitor import Budget


class Task(NamedTuple):
    """One row to be computed: all a worker needs, and nothing it has to look up."""

    run_id: str
    dataset: str
    model: str
    strategy: str
    replicate: int
    adapter: Adapter  # what runs the model
    estimator: Any  # the model as the user gave it
    init: Any  # the strategy as the user gave it
    data: Dataset
    seed: tuple[int, tuple[int, ...]]  # entropy and key: a SeedSequence changes once it spawns
    budget: Budget | None
    scoring: Scoring
    unknown: tuple[
        str, ...
    ] = ()  # what of it cannot be identified: then no other call may take its result

    @property
    def cell(self) -> tuple[str, str, str]:
        """What kind of run this is: data set, model, strategy."""
        return self.dataset, self.model, self.strategy


class Plan(NamedTuple):
    """A whole comparison before any of it has run."""

    models: dict[str, Any]
    adapters: dict[str, Adapter]  # by the names of the models
    datasets: dict[str, Dataset]
    strategies: dict[str, Any]
    n_seeds: int
    entropy: int
    budget: Budget | None
    scoring: Scoring

    def tasks(self) -> list[Task]:
        """List the runs; strategies take turns, so that a slow minute of the machine hits them all alike."""
        models = {
            (name, native): identify(
                _settings(model, self.adapters[name], native), self.adapters[name]
            )
            for name, model in self.models.items()
            for native in {is_native(init) for init in self.strategies.values()}
        }
        inits = {name: identify(init) for name, init in self.strategies.items()}
        common = identify(__version__, self.budget, self.scoring)
        tasks = []
        for dataset, data in self.datasets.items():
            for replicate in range(self.n_seeds):
                seed = seeds.cell_seed(self.entropy, dataset, replicate)
                key = (self.entropy, tuple(seed.spawn_key))
                for model, estimator in self.models.items():
                    for strategy, init in self.strategies.items():
                        of_model = models[model, is_native(init)]
                        run_id = fingerprint(
                            dataset, model, strategy, seed, data.digest, common.key, of_model.key,
                            inits[strategy].key,
                        )  # fmt: skip
                        unknown = {
                            "the scores": common.unknown,
                            f"data set {dataset!r}": data.unknown,
                            f"model {model!r}": of_model.unknown,
                            f"strategy {strategy!r}": inits[strategy].unknown,
                        }
                        named = tuple(f"{name} ({kind})" for name, kind in unknown.items() if kind)
                        tasks.append(
                            Task(
                                run_id, dataset, model, strategy, replicate, self.adapters[model], estimator, init,
                                data, key, self.budget, self.scoring, named,
                            )
                        )  # fmt: skip
        return tasks


def make_plan(
    model: Any,
    data: Any,
    strategies: Any,
    *,
    n_seeds: Any,
    seed: Any,
    score: Any,
    test: Any,
    truth: Any,
    budget: Any,
    inputs: Any = None,
) -> Plan:
    """Check and name the arguments of ``compare``, load the data, split off what is held out.

    Raises
    ------
    ValueError, TypeError
        One sentence: the argument, the rule, the value.
    """
    models, adapters = checks.check_models(model)
    check_takers(inputs, models, adapters)
    inits = checks.check_known(checks.check_strategies(strategies), adapters)
    n_seeds, entropy = check_count("n_seeds", n_seeds), checks.check_entropy(seed)
    budget = checks.check_budget(budget)
    datasets = checks.check_datasets(data, test, truth, inputs)
    scoring = checks.check_scoring(score, datasets)
    checks.check_truth_fits(datasets, models, adapters)
    return Plan(models, adapters, datasets, inits, n_seeds, entropy, budget, scoring)


def _settings(model: Any, adapter: Adapter, native: bool) -> Any:
    """What of a model decides what a run finds: all that a comparison does not replace, and the library's version."""
    own = getattr(adapter, "settings", None)
    if own is not None:
        settings = own(model)
    elif hasattr(model, "get_params"):
        settings = model.get_params(deep=False)
    else:
        return type(model), model
    replaced = _REPLACED if native else {*_REPLACED, "init"}
    kept = {name: settings[name] for name in sorted(settings) if name not in replaced}
    about = adapter.describe(model)
    return type(model), kept, about["library"], about["version"]


#: Set by the comparison, or without influence on what is found; so is ``init``, unless the native start is asked for.
_REPLACED = {"random_state", "verbose", "n_jobs"}
