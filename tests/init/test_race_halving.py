"""The schedule of a race, against a race played step by step."""

import itertools
import math

import numpy as np
import pytest

from tsinit.init.race_halving import (
    best_of_each_kind,
    halve,
    most_promising,
    projected_objective,
    recent_gain,
    rounds,
)


class Runner:
    """A contender with a known trace."""

    def __init__(self, trace, breaks_at=math.inf):
        self.trace, self.breaks_at, self.done, self.work = trace, breaks_at, 0, 0
        self.failed = False

    @property
    def finished(self):
        return self.done == len(self.trace) - 1

    def advance(self, target):
        to = min(target, len(self.trace) - 1)
        self.failed = to >= self.breaks_at
        self.work, self.done = self.work + to - self.done, to


def advance_all(runners, target):
    for runner in runners:
        runner.advance(target)
    return True


def best(runners, n):
    return sorted(runners, key=lambda r: -r.trace[r.done])[:n]


@pytest.mark.parametrize(
    ("n", "finalists", "first", "limit", "keep"),
    list(itertools.product([1, 2, 5, 12], [1, 2, 4], [0, 1, 5], [0, 3, 40], [0.0, 0.34, 0.5, 0.9])),
)
def test_rounds_end_at_the_limit_with_the_finalists(n, finalists, first, limit, keep):
    plan = rounds(n, first=first, limit=limit, keep=keep, finalists=finalists)
    targets, left = [r.target for r in plan], [n, *(r.n_kept for r in plan)]
    assert targets[0] == min(first, limit)
    assert targets[-1] == limit
    assert (np.diff(targets) > 0).all()
    assert left[-1] <= finalists
    for before, after in itertools.pairwise(left[:-1]):
        assert after <= before
        assert after < before or before <= finalists
        assert (
            after == max(min(math.ceil(keep * before), before - 1), finalists)
            or before <= finalists
        )


def test_the_example_of_the_textbook():
    assert rounds(8, first=5, limit=20) == [(5, 4), (10, 2), (20, 1)]


@pytest.mark.parametrize("seed", range(20))
def test_a_race_is_what_a_slow_telling_says(seed):
    rng = np.random.default_rng(seed)
    runners = [
        Runner(
            np.cumsum(rng.random(rng.integers(2, 60))),
            rng.choice([math.inf, rng.integers(1, 20)], p=[0.8, 0.2]),
        )
        for _ in range(rng.integers(1, 12))
    ]
    plan = rounds(len(runners), first=3, limit=60)
    # Told again: who is alive after each round, by sorting everybody's whole trace.
    alive, reached = list(range(len(runners))), 0
    for i, (target, n_kept) in enumerate(plan):
        if (i and len(alive) <= 1) or all(runners[j].trace.size - 1 <= reached for j in alive):
            break
        reached = target
        alive = [j for j in alive if min(target, runners[j].trace.size - 1) < runners[j].breaks_at]
        alive = sorted(
            alive, key=lambda j: -runners[j].trace[min(target, runners[j].trace.size - 1)]
        )[:n_kept]
    assert [runners.index(r) for r in halve(runners, plan, advance_all, best)] == alive
    assert all(r.work == r.done for r in runners)  # nothing is done twice


def test_out_of_time_only_the_best_are_left():
    runners = [Runner(np.arange(9.0) * k) for k in (1, 3, 2)]
    left = halve(
        runners,
        rounds(3, first=2, limit=8),
        lambda rs, target: advance_all(rs, target) and False,
        best,
    )
    assert left == [runners[1]]
    assert runners[0].done == 2


def test_the_recent_gain_is_that_of_the_last_quarter():
    assert recent_gain([5.0]) == 0.0
    assert recent_gain([5.0, 7.0]) == 2.0
    assert recent_gain([0.0, 1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0, 64.0]) == 64.0 - 36.0


def test_a_projection_is_the_recent_pace_kept_up():
    assert projected_objective([5.0], 1.0) == 5.0
    line = np.arange(9.0)
    assert projected_objective(line, 0.0) == 8.0
    assert projected_objective(line, 0.5) == 12.0
    assert (
        projected_objective([0.0] * 7 + [0.0, 4.0], 1.0) == 4.0 + 8 * 2.0
    )  # the last quarter are two steps


def test_a_stalled_leader_goes_on_beside_a_fast_follower_and_the_hopeless_are_out():
    stalled, fast, slow, done = (
        [0.0, 9.0, 9.9, 10.0, 10.0],
        [0, 1, 2, 4, 7],
        [0, 1, 2, 3, 3.5],
        [0, 5, 6, 9, 9],
    )
    traces, finished = [stalled, fast, slow, done], [False, False, False, True]
    assert most_promising(traces, finished, 4, 1.0, 0.1) == [1, 0]
    assert most_promising(traces, finished, 1, 1.0, 0.1) == [0]  # what is reached is never given up
    assert most_promising(traces, finished, 2, 0.0, 0.1) == [0]
    assert most_promising([], [], 2, 1.0, 0.1) == []


@pytest.mark.parametrize("seed", range(20))
def test_the_mixed_best_are_the_best_of_all_choices_that_mix(seed):
    rng = np.random.default_rng(seed)
    kinds, n = rng.integers(3, size=7).tolist(), int(rng.integers(1, 6))
    scores = rng.permutation(7).astype(float).tolist()
    chosen = best_of_each_kind(scores, kinds, n)
    assert scores == [] or sorted(chosen, key=lambda i: -scores[i]) == chosen
    maximum = math.ceil(n / 2)
    allowed = [
        c for c in itertools.combinations(range(7), n)
        if max(sum(kinds[j] == k for j in c) for k in kinds) <= maximum
    ]  # fmt: skip
    if allowed:  # else one kind has to fill the places that the others cannot
        assert sum(scores[i] for i in chosen) == max(sum(scores[i] for i in c) for c in allowed)
    else:
        assert len(chosen) == n
