"""What a fit of the infinite hidden Markov model runs on: checked arguments, chains, and the race of starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit._interrupt import answer_interrupt, is_interrupt
from tsinit._validate import check_labels, child_seed
from tsinit.models.chain_race import ChainRace, race_chains
from tsinit.models.chains import ChainSchedule, run_chains
from tsinit.models.hidden_markov.chain import BeamChain, ChainStopped, ConcentrationPriors
from tsinit.models.hidden_markov.draws import SCALARS
from tsinit.models.hidden_markov.initial_states import choose_n_states

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import IntArray, SeedLike
    from tsinit._validate.series import Panel
    from tsinit.emissions import EmissionOnData
    from tsinit.init.race import Race
    from tsinit.init.registry import ResolvedStrategy
    from tsinit.models.chain_race import Survivors
    from tsinit.models.chains import ChainRun
    from tsinit.models.monitor import Monitor

#: Key of the stream that chooses the number of states, among the children of a fit's seed.
_CHOICE = 6


class SamplerSetup(NamedTuple):
    """Checked arguments of a fit, the data that its chains share, and how they begin."""

    panel: Panel
    seed: np.random.SeedSequence
    emission: EmissionOnData
    inits: list[Any]  # one for each chain
    n_states: int | None  # of the start; None: to be chosen
    sticky: bool
    schedule: ChainSchedule
    n_chains: int
    priors: ConcentrationPriors
    n_jobs: int | None
    keep_interrupted: bool  # what was drawn before an interrupt

    def chain(self, labels: IntArray, seed: SeedLike) -> BeamChain:
        """Make a chain that begins with these labels (T,)."""
        return self.chain_on(self.emission, self.panel.offsets, labels, np.random.default_rng(seed))

    def chain_on(
        self,
        emission: EmissionOnData,
        offsets: IntArray,
        labels: IntArray,
        rng: np.random.Generator,
    ) -> BeamChain:
        """Make a chain on other rows or of another emission."""
        return BeamChain(emission, offsets, labels, rng, priors=self.priors, sticky=self.sticky)

    def with_n_states(self) -> SamplerSetup:
        """Settle the number of states of the start where the data are to say it."""
        if self.n_states is not None or all(np.ndim(init) == 1 for init in self.inits):
            return self
        n_states = choose_n_states(
            self.panel.y,
            self.panel.offsets,
            self.emission,
            self.chain_on,
            child_seed(self.seed, _CHOICE),
        )
        return self._replace(n_states=n_states)

    def ask(
        self, strategy: ResolvedStrategy, c: int = 0, rng: np.random.Generator | None = None
    ) -> IntArray:
        """Ask a strategy for the labels (T,) that chain `c` begins with."""
        panel = self.panel
        if rng is None:
            rng = np.random.default_rng(child_seed(self.seed, *((0,) if c == 0 else (0, c))))

        def trial(labels: ArrayLike, n_iter: int) -> tuple[float, IntArray]:
            """Short chain from a candidate: (mean joint log density of its second half, final labels)."""
            z = check_labels(labels, len(panel.y), "start")
            chain = self.chain(z, child_seed(self.seed, 2, c))
            values = [chain.log_joint]
            for _ in range(n_iter):
                chain.sweep()
                values.append(chain.log_joint)
            return float(np.mean(values[len(values) // 2 :])), chain.z.copy()

        labels = strategy.propose(
            panel.y.copy(), rng, n_states=self.n_states,
            offsets=panel.offsets if len(panel.offsets) > 2 else None, trial=trial, chain=c,
            order=self.emission.order or None,
        )  # fmt: skip
        given = np.asarray(labels)
        if given.ndim == 1 and len(given) == len(panel.rows) < len(panel.y):
            labels = panel.on_all_steps(given)
        return check_labels(labels, len(panel.y))


def race_starts(race: Race, setup: SamplerSetup, monitor: Monitor) -> Survivors:
    """Race strategies through the first half of the warm-up."""
    contest = ChainRace(
        verb="labels",
        ask=lambda strategy, rng: setup.ask(strategy, rng=rng),
        spread=lambda labels, rng: labels,  # from one segmentation, chains part in the first sweeps
        chain=setup.chain,
        scalars=SCALARS,
        objective="log_joint",
        schedule=setup.schedule,
        n_chains=setup.n_chains,
        n_jobs=setup.n_jobs,
        failures=(ChainStopped,),
    )
    return race_chains(race, contest, setup.seed, monitor)


def sample(runs: list[ChainRun], setup: SamplerSetup, monitor: Monitor) -> None:
    """Run the chains; an interrupt ends them, and keeps what was drawn where that is asked for."""
    try:
        run_chains(
            runs, setup.schedule.n_sweeps, monitor, n_jobs=setup.n_jobs, failures=(ChainStopped,),
            objective="log_joint", extras=("n_states",),
        )  # fmt: skip
    except BaseException as error:
        n_draws = min(len(run.draws) for run in runs)
        if not is_interrupt(error) or not setup.keep_interrupted or n_draws == 0:
            raise
        answer_interrupt()
        _validate.warn_of_interrupt(n_draws)
