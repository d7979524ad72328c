"""The comparison in words: which start wins on which data, by how much, at what cost, or that it is open."""

import math
from typing import Any

import pandas as pd

from tsinit.comparison.analysis import statistics
from tsinit.comparison.analysis.segmentations import first_of_start
from tsinit.comparison.analysis.summary import (
    Standing,
    difference,
    family_level,
    fixed_starts,
    median_n_mixed,
    paired,
    ranking,
    standings,
    wide,
)
from tsinit.comparison.analysis.tables import FAILED, cells_of, has_optima, usable
from tsinit.comparison.report.display import cell_name, listed, name_of, nats
from tsinit.comparison.run.convergence import MAX_RHAT
from tsinit.result import CONVERGED_RHAT

#: Adjusted Rand index from which segmentations count as the same.
_ALIKE = 0.95
#: Beyond this many seeds the difference is smaller than anybody will notice.
_MANY_SEEDS = 1000
_NO_COMPARISON = (
    "Losers are stopped on purpose, so these objectives do not compare the starts: compare() does."
)
_AGREE = f"The chains of every run agree (R-hat at most {MAX_RHAT})."


def verdict(
    runs: pd.DataFrame, objective: str | dict[str, str] = "objective"
) -> list[tuple[str, list[str]]]:
    """Say what the table shows, one paragraph for each data set and model.

    Parameters
    ----------
    runs : DataFrame
        ``Comparison.runs``.
    objective : str or dict of str to str
        What the models maximise, for example ``"log-likelihood"``; a dict is keyed by model.

    Returns
    -------
    list of (str, list of str)
        What the paragraph is about, and its sentences; the first is the verdict, the others its grounds.
    """
    cells = cells_of(runs)
    words = race_sentences if is_race(runs) else _paragraph
    paragraphs = [
        (cell_name(runs, dataset, model), words(cell, name_of(objective, model)))
        for dataset, model, cell in cells
    ]
    if len(cells) > 1:
        paragraphs.append((f"over all {len(cells)} comparisons", _over_datasets(cells)))
    return paragraphs


def _paragraph(cell: pd.DataFrame, objective: str) -> list[str]:
    leader, others = standings(cell)
    if leader is None:
        return [f"no run could be fitted; {_failures(cell)}."]
    names = {
        verdict: [name for name, standing in others.items() if standing.verdict == verdict]
        for verdict in ("worse", "equal", "open")
    }
    sentences = [
        _head(cell, leader, names, others, objective),
        _beaten(leader, names["worse"], others, usable(cell)["strategy"].nunique()),
        _cost(usable(cell), [leader, *names["equal"], *names["open"]]),
        _reached(cell),
        _agreement(cell),
        _mixing(cell),
        _remembered(cell, leader, names["worse"]),
        _held_out(cell, leader),
        _same_start(cell),
        _unfinished(cell),
        _unscored(cell),
        _sentence(_failures(cell)),
    ]
    return [sentence for sentence in sentences if sentence]


def _head(
    cell: pd.DataFrame,
    leader: str,
    names: dict[str, list[str]],
    others: dict[str, Standing],
    objective: str,
) -> str:
    of_leader = cell[cell["strategy"] == leader]
    done = usable(of_leader)
    mean = f"{done['objective_final'].mean():,.1f}"
    if len(done) < len(of_leader):
        mean += f" over the {len(done)} of {len(of_leader)} runs that did not fail"
    if not others:
        return f"{leader} has a mean {objective} of {mean}; no other strategy to compare with."
    highest = f"{leader} has the highest mean {objective}, {mean}"
    equal = listed([leader, *names["equal"]]) if names["equal"] else ""
    same = (
        "reach the same optimum"
        if _one_optimum(cell, [leader, *names["equal"]])
        else "come to the same level"
    )
    if names["open"]:
        n_seeds = cell["replicate"].nunique()
        text = f"inconclusive. {highest}{_leads(names['open'], others, n_seeds)}."
        return f"{text} {equal} {same}." if equal else text
    if equal:
        who = equal if names["worse"] else "all starts"
        return f"{who} {same} (mean {objective} {mean})."
    return f"{highest}."


def _one_optimum(cell: pd.DataFrame, names: list[str]) -> bool:
    """Whether all runs of some starts end in one optimum; their means may agree although their runs do not."""
    return has_optima(cell) and usable(cell[cell["strategy"].isin(names)])["optimum"].nunique() == 1


def _leads(names: list[str], others: dict[str, Standing], n_seeds: int) -> str:
    """Say what the lead over starts that may be as good is worth; without a shared seed there is none to speak of."""
    counts = {name: others[name].n_pairs for name in names}
    enough = [name for name in names if counts[name] >= statistics.MIN_PAIRS]
    apart = [name for name in names if counts[name] == 0]
    clauses = []
    if enough:
        parts = [_open(name, others[name]) for name in enough]
        clauses.append(f"its lead over {listed(parts)} may be chance")
    for n in sorted(set(counts.values()) - {0}):
        few = [name for name in names if counts[name] == n and n < statistics.MIN_PAIRS]
        clauses += [_too_few(few, others, n, n < n_seeds)] if few else []
    if apart:
        clauses.append(
            f"it shares no seed that both finished with {listed(apart)}, so that their means are of different seeds"
        )
    return f", but {'; '.join(clauses)}" if clauses else ""


def _open(name: str, standing: Standing) -> str:
    return f"{name} ({nats(standing.difference.estimate)} nats a seed; {_seeds(standing.n_seeds)})"


def _too_few(names: list[str], others: dict[str, Standing], n: int, failed: bool) -> str:
    """Say that so few seeds show nothing, however far apart the means are."""
    parts = [f"{name} ({nats(others[name].difference.estimate)} nats on average)" for name in names]
    seeds = f"{n} seed{'s' if n > 1 else ''}{' that both finished' if failed else ''}"
    return (
        f"{seeds} cannot show a lead over {listed(parts)}: it takes {statistics.MIN_PAIRS} at least"
    )


def _beaten(leader: str, names: list[str], others: dict[str, Standing], n: int) -> str:
    if not names:
        return ""
    parts = [
        f"{name} by {nats(others[name].difference.estimate)}{_limits(others[name].difference)}"
        for name in names
    ]
    text = f"From the same seeds {leader} beats {listed(parts)} nats on average"
    if n == 2 or "interval" not in text:
        return f"{text}."
    return f"{text}; intervals are for all {math.comb(n, 2)} pairs of starts together."


def _cost(runs: pd.DataFrame, candidates: list[str]) -> str:
    """Say what the leading group costs, against the cheapest of all."""
    seconds = (runs["init_seconds"] + runs["fit_seconds"]).groupby(runs["strategy"]).median()
    iterations = runs["n_iter"].astype(float).groupby(runs["strategy"]).median()
    pick = str(seconds[candidates].idxmin())
    cheapest = str(seconds.idxmin())
    text = f"{pick} takes {_time(seconds[pick])} and {iterations[pick]:,.0f} iterations (medians)"
    if pick == cheapest:
        return text + (", the cheapest." if len(seconds) > 1 else ".")
    ratio = seconds[pick] / max(seconds[cheapest], 1e-12)
    return text + f", {ratio:,.1f} times the cheapest, {cheapest} ({_time(seconds[cheapest])})."


def _reached(cell: pd.DataFrame) -> str:
    """Count who reached the best known optimum; failed runs count as misses."""
    if not has_optima(cell):
        return ""
    reached = (cell["optimum"] == 1) & ~cell["status"].isin(FAILED)
    counts = reached.groupby(cell["strategy"], sort=False).agg(["sum", "size"])
    counts = counts.sort_values("sum", ascending=False, kind="stable")
    parts = [
        f"{name} in {_out_of(row['sum'], row['size'])}"
        for name, row in counts[counts["sum"] > 0].iterrows()
    ]
    if len(parts) == 1 and len(counts) > 1:
        parts.append("in no run of the others")
    return f"The best known optimum was reached by {listed(parts)}."


def _agreement(cell: pd.DataFrame) -> str:
    """Say whether runs that reach the best known optimum from different starts segment the rows alike."""
    if "agreement" not in cell or not has_optima(cell):
        return ""
    best = usable(cell)
    best = best[(best["optimum"] == 1) & best["agreement"].notna()]
    if best.empty:
        return (
            "One start alone reached it: whether another that does as well has the same states is not known."
            if _one_start(cell)
            else ""
        )
    mean = best[first_of_start(best)]["agreement"].mean()
    text = f"Those that reach it from different starts {{}} (adjusted Rand index {mean:.2f} on average)"
    if mean >= _ALIKE:
        return text.format("have the same states") + "."
    return text.format("do not have the same states") + ": the data have several answers as good."


def _one_start(cell: pd.DataFrame) -> bool:
    """Whether the best known optimum was reached from one start, once or several times."""
    reached = cell[(cell["optimum"] == 1) & ~cell["status"].isin(FAILED)]
    return int(first_of_start(reached).sum()) == 1


def _mixing(cell: pd.DataFrame) -> str:
    """Say of samplers whether the chains of a run agree, and who draws most for the time."""
    if "rhat" not in cell or not cell["rhat"].notna().any():
        return ""
    above = _counts(cell, cell["rhat"] > MAX_RHAT)
    text = f"R-hat is above {MAX_RHAT} from {above}: longer runs are needed." if above else _AGREE
    if "ess_per_second" in cell:
        speed = usable(cell).groupby("strategy")["ess_per_second"].median().dropna()
        if len(speed):  # a handful of draws has no effective number
            best = str(speed.idxmax())
            text += f" {best} gives the most effective draws a second, {speed[best]:.3g} (median)."
    return f"{text} {_mixed(cell)}".rstrip()


def _mixed(cell: pd.DataFrame) -> str:
    """Say from which start the chains of a run agree soonest; where they never do, the run was too short."""
    if "n_mixed" not in cell or cell["n_mixed"].isna().all():
        return ""
    medians = median_n_mixed(cell).sort_values(kind="stable")
    soonest = medians.index[0]
    if not math.isfinite(medians[soonest]):
        return ""
    others = medians[medians > medians[soonest]]
    later = [
        f"{name} {f'{n:,.0f}' if math.isfinite(n) else 'more than the run had'}"
        for name, n in others.items()
    ]
    text = f"R-hat stays below {MAX_RHAT} soonest from {soonest}, after {medians[soonest]:,.0f} iterations (median)"
    return f"{text}; {listed(later)}." if later else f"{text}."


def _remembered(cell: pd.DataFrame, leader: str, worse: list[str]) -> str:
    """A sampler's draws are the same from any start once it has run for long enough."""
    if has_optima(cell) or not worse:
        return ""
    return f"A sampler that runs for long enough forgets its start; here the draws from {leader} still differ."


def _held_out(cell: pd.DataFrame, leader: str) -> str:
    """Say where held-out data prefer another start: a higher objective is not always a better model."""
    if "score_test" not in cell:
        return ""
    scores = wide(cell, "score_test")
    best = next(iter(ranking(scores)), leader)
    alike = {best, leader} <= fixed_starts(cell)
    gain = difference(paired(scores, best, leader), family_level(cell), alike)
    if best == leader or not gain.low > 0:
        return ""
    limits = "" if gain.low == gain.high else f" (95 % interval {gain.low:.3g} to {gain.high:.3g})"
    return f"On the held-out part {best} is better than {leader}, by {gain.estimate:.3g}{limits}."


def _same_start(cell: pd.DataFrame) -> str:
    """Name the starts whose spread seeds cannot show."""
    done = usable(cell).groupby("strategy", sort=False)
    counts = done.agg(starts=("start", "nunique"), runs=("run_id", "size"))
    fixed = counts.index[(counts["starts"] == 1) & (counts["runs"] > 1)].tolist()
    if not fixed:
        return ""
    verb = "gives" if len(fixed) == 1 else "give"
    return f"{listed(fixed)} {verb} the same start for every seed: one answer, run {counts['runs'].max()} times."


def _unfinished(cell: pd.DataFrame) -> str:
    counts = cell["status"].value_counts()
    above = f"ended with chains that disagree (R-hat {CONVERGED_RHAT} or more)"
    early = "ended before converging" if has_optima(cell) else above
    limits = {"not_converged": early, "timeout": "ran out of time"}
    parts = [f"{_all(counts[s], len(cell))} {words}" for s, words in limits.items() if s in counts]
    return f"{listed(parts)}." if parts else ""


def _all(n: int, of: int) -> str:
    if n < of:
        return _out_of(n, of)
    return f"All {of} runs" if of > 1 else "The run"


def _out_of(n: int, of: int) -> str:
    return f"{n} of {of} run" + ("" if of == 1 else "s")


def _unscored(cell: pd.DataFrame) -> str:
    """Name the fits that stand although a score of theirs raised an error."""
    counts = _counts(cell, ~cell["status"].isin(FAILED) & (cell["error_type"] != ""))
    return f"A score could not be computed: {counts}." if counts else ""


def _failures(cell: pd.DataFrame) -> str:
    """Name the starts that fail; where some runs did not, say what that leaves to compare."""
    failed = cell["status"].isin(FAILED)
    counts = _counts(cell, failed)
    if not counts:
        return ""
    some = failed.groupby(cell["strategy"]).mean().between(0, 1, inclusive="neither").any()
    several = cell["strategy"].nunique() > 1
    return f"failed: {counts}" + (
        "; differences are over the seeds that both finished" if some and several else ""
    )


def _counts(cell: pd.DataFrame, which: pd.Series) -> str:
    counts = cell[which].groupby("strategy", sort=False).size()
    sizes: Any = cell.groupby("strategy", sort=False).size()
    return listed([f"{name} in {_out_of(n, sizes[name])}" for name, n in counts.items()])


def _over_datasets(cells: list[tuple[str, str, pd.DataFrame]]) -> list[str]:
    """Count the wins over data sets; the seeds of different data sets are not pooled."""
    wins: dict[str, int] = {}
    undecided = 0
    for _, _, cell in cells:
        leader, others = standings(cell)
        if leader and others and all(other.verdict == "worse" for other in others.values()):
            wins[leader] = wins.get(leader, 0) + 1
        else:
            undecided += 1
    ranked = sorted(wins.items(), key=lambda item: -item[1])
    parts = [f"{name} wins {n}" for name, n in ranked]
    if undecided:
        parts.append(f"{undecided} {'has' if undecided == 1 else 'have'} no single winner")
    return [f"{listed(parts)}.", "Each speaks for its own data only."]


def _limits(interval: statistics.Interval) -> str:
    if math.isnan(interval.low) or interval.low == interval.high:
        return ""
    return f" (95 % interval {nats(interval.low)} to {nats(interval.high)})"


def _seeds(seeds: float) -> str:
    if seeds > _MANY_SEEDS:
        return f"more than {_MANY_SEEDS:,} seeds needed"
    return f"about {seeds:,.0f} seeds needed"


def _time(seconds: float) -> str:
    if seconds < 0.1:
        return f"{1000 * seconds:.2g} ms" if seconds < 0.01 else f"{1000 * seconds:.0f} ms"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:,.0f} s"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." if text else ""


def is_race(runs: pd.DataFrame) -> bool:
    """Distinguish the runs of an ``init_race_`` from those of `compare`."""
    return "rounds" in runs


def race_sentences(cell: pd.DataFrame, objective: str) -> list[str]:
    """Say who won a race and where the others were left.

    Parameters
    ----------
    cell : DataFrame
        The runs of the race.
    objective : str
        What the model maximises.

    Returns
    -------
    list of str
        The first says who won.
    """
    done = usable(cell)
    if has_optima(cell):
        winners = done.loc[[done["objective_final"].idxmax()]]
        first = _winner_of_fits(winners.iloc[0], objective)
    else:
        winners = done[done["n_iter"] == done["n_iter"].max()]
        first = _winners_of_chains(winners, len(cell))
    left = done.drop(winners.index)
    sentences = [first]
    if len(left):
        sentences.append(f"Left on the way: {_distances(left)}.")
    failed = cell[cell["status"].isin(FAILED)]
    if len(failed):
        sentences.append(f"{_names(failed)} failed: see errors.")
    return [*sentences, _NO_COMPARISON]


def _winner_of_fits(row: pd.Series, objective: str) -> str:
    rounds = int(row["rounds"])
    return (
        f"{row['strategy']} won the race in {rounds} {'round' if rounds == 1 else 'rounds'} and was finished where it "
        f"stood: {objective} {nats(row['objective_final'])} after {int(row['n_iter'])} iterations."
    )


def _winners_of_chains(winners: pd.DataFrame, n_starts: int) -> str:
    best = f"the best of {n_starts} starts half-way through the warm-up"
    return f"The chains of the fit are from {_names(winners)}: {best}."


def _names(rows: pd.DataFrame) -> str:
    counts: Any = rows["strategy"].value_counts(sort=False)
    return listed([name if n == 1 else f"{name} ({n})" for name, n in counts.items()])


def _distances(left: pd.DataFrame) -> str:
    longest = left.groupby("strategy", sort=False)["n_iter"].max().sort_values(ascending=False)
    return listed([f"{name} after {int(n)}" for name, n in longest.items()]) + " iterations"
