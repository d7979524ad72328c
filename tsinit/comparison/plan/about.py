"""What a comparison was, in plain values: enough for words and reports where the models themselves are gone."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tsinit.comparison.plan.tasks import Plan


class ModelAbout(NamedTuple):
    """What sentences need to know of a model."""

    text: str  # as Python shows it
    objective: str  # what it maximises
    sampler: bool  # whether its runs end in a distribution and not in a point
    n_warmup: int | None = None  # iterations before a sampler's first draw, where that is known


class About(NamedTuple):
    """The settings of a comparison that its tables do not hold."""

    entropy: int
    models: dict[str, ModelAbout]
    max_iter: int | None
    seconds: float | None

    @property
    def objectives(self) -> dict[str, str]:
        """What each model maximises, by the model's name."""
        return {name: model.objective for name, model in self.models.items()}

    @property
    def objective(self) -> str:
        """What all models maximise, or the word that suits them all."""
        names = set(self.objectives.values())
        return names.pop() if len(names) == 1 else "objective"


def _text(about: dict[str, Any], model: Any) -> str:
    """Write a model as Python shows it, of another library with its name and version."""
    text = " ".join(str(model).split())
    if about["library"] == "tsinit":
        return text
    if text.startswith("<"):  # shown by its address
        text = about["name"]
    return f"{about['library']} {about['version']}: {text}"


def describe(plan: "Plan") -> About:
    """Describe a plan."""
    max_iter, seconds = (None, None) if plan.budget is None else plan.budget
    models = {}
    for name, model in plan.models.items():
        adapter = plan.adapters[name]
        objective = adapter.describe(model)["objective"]
        sampler = adapter.kind == "samples"
        # A budget may cut the warm-up as well.
        n_warmup = getattr(model, "n_tune", None) if sampler and max_iter is None else None
        models[name] = ModelAbout(
            _text(adapter.describe(model), model), objective, sampler, n_warmup
        )
    return About(plan.entropy, models, max_iter, seconds)
