"""What a comparison was, in plain values: enough for words and reports where the models themselves are gone."""

from typing import NamedTuple

from tsinit.models.base import FitKind


class ModelAbout(NamedTuple):
    """What sentences need to know of a model."""

    text: str  # as Python shows it
    objective: str  # what it maximises
    sampler: bool  # whether its runs end in a distribution and not in a point


class About(NamedTuple):
    """The settings of a comparison that its tables do not hold."""

    entropy: int
    models: dict[str, ModelAbout]
    max_iter: int | None
    seconds: float | None

    @property
    def objectives(self):
        """What each model maximises, by the model's name."""
        return {name: model.objective for name, model in self.models.items()}

    @property
    def objective(self):
        """What all models maximise, or the word that suits them all."""
        names = set(self.objectives.values())
        return names.pop() if len(names) == 1 else "objective"


def describe(plan):
    """Describe a plan.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    About
    """
    max_iter, seconds = (None, None) if plan.budget is None else plan.budget
    models = {
        name: ModelAbout(
            " ".join(str(model).split()), fit_kind(model).objective, fit_kind(model).sampler
        )
        for name, model in plan.models.items()
    }
    return About(plan.entropy, models, max_iter, seconds)


def fit_kind(model):
    """What fits of a model are: the verb it asks for, what it maximises, whether it samples."""
    return getattr(model, "fit_kind", FitKind())
