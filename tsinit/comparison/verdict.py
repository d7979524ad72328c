"""The comparison in words: which start wins on which data, by how much, at what cost, or that it is open."""

import math

import numpy as np

from tsinit.comparison import statistics
from tsinit.comparison.summary import best_strategy, finals, paired, usable
from tsinit.comparison.tables import FAILED

#: Beyond this many seeds the difference is smaller than anybody will notice.
_MANY_SEEDS = 1000


def verdict(runs, objective="objective"):
    """Say what the table shows, one paragraph for each data set and model.

    Parameters
    ----------
    runs : DataFrame
        ``Comparison.runs``.
    objective : str
        What the models maximise, for example ``"log-likelihood"``.

    Returns
    -------
    list of str
    """
    cells = list(runs.groupby(["dataset", "model"], sort=False))
    several_models = runs["model"].nunique() > 1
    lines = []
    for (dataset, model), cell in cells:
        name = f"{dataset}, {model}" if several_models else dataset
        lines.append(f"{name}: " + " ".join(_cell_sentences(cell, objective)))
    if len(cells) > 1:
        lines.append(_across(cells))
    return lines


def standing(cell):
    """Sort the rivals of the strategy with the best median into behind, level and open.

    Parameters
    ----------
    cell : DataFrame
        The runs of one data set and model.

    Returns
    -------
    leader : str or None
    rivals : dict of str to (str, Interval, float)
        ``"behind"`` (the interval of the paired difference excludes 0), ``"level"`` (the same end from every seed)
        or ``"open"``, with the difference and the seeds that would settle it.
    """
    ends = finals(cell)
    leader = best_strategy(ends)
    if leader is None:
        return None, {}
    tolerance = statistics.end_tolerance(np.nanmax(ends.to_numpy()))
    rivals = {}
    for strategy in ends:
        if strategy != leader and ends[strategy].notna().any():
            d = paired(ends, leader, strategy)
            interval = statistics.paired_difference(d)
            # Open in spite of enough seeds by normal theory: the differences are skewed, and more must decide.
            seeds = np.maximum(statistics.seeds_needed(d), max(np.ceil(1.5 * d.size), statistics.MIN_PAIRS))
            rivals[strategy] = (_place(d, interval, tolerance), interval, float(seeds))
    return leader, rivals


def _place(differences, interval, tolerance):
    if differences.size and np.abs(differences).max() <= tolerance:
        return "level"
    return "behind" if interval.low > 0 else "open"


def _cell_sentences(cell, objective):
    leader, rivals = standing(cell)
    if leader is None:
        return [f"no run could be fitted; {_failures(cell)}."]
    by_place = {place: [s for s, r in rivals.items() if r[0] == place] for place in ("behind", "level", "open")}
    ends = usable(cell)
    median = ends.loc[ends["strategy"] == leader, "objective_final"].median()
    head = f"{leader} ends highest (median {objective} {median:,.1f})"
    if not rivals:
        sentences = [f"{leader} ends at a median {objective} of {median:,.1f}; no other strategy to compare with."]
    elif by_place["open"]:
        sentences = [f"inconclusive: {head}, but {_open_rivals(by_place['open'], rivals)}."]
    elif by_place["level"]:
        others = "all starts" if not by_place["behind"] else f"{leader} and {_and(by_place['level'])}"
        sentences = [f"{others} reach the same end (median {objective} {median:,.1f})."]
    else:
        sentences = [f"{head}."]
    if by_place["behind"]:
        sentences.append(_beaten(leader, by_place["behind"], rivals))
    sentences += [_cost(ends, [leader, *by_place["level"], *by_place["open"]]), _hits(cell, leader)]
    sentences += [text for text in (_same_start(cell), _sentence(_failures(cell))) if text]
    return sentences


def _open_rivals(names, rivals):
    parts = []
    for name in names:
        _, interval, seeds = rivals[name]
        lead = (
            f"its lead over {name}, {_nats(interval.estimate)} nats a seed{_ends(interval)}, may be chance"
            if interval.estimate >= 0
            else f"from the same seeds {name} ends {_nats(-interval.estimate)} nats higher on average"
        )
        parts.append(f"{lead} ({_seeds(seeds)})")
    return _and(parts)


def _beaten(leader, names, rivals):
    parts = [f"{name} by {_nats(rivals[name][1].estimate)}{_ends(rivals[name][1])}" for name in names]
    return f"From the same seeds {leader} beats {_and(parts)} nats on average."


def _ends(interval):
    if math.isnan(interval.low) or interval.low == interval.high:
        return ""
    return f" (95 % interval {_nats(interval.low)} to {_nats(interval.high)})"


def _nats(x):
    return f"{x:,.1f}" if abs(x) >= 10 else f"{x:.2f}"


def _seeds(seeds):
    if math.isnan(seeds):
        return f"at least {statistics.MIN_PAIRS} seeds needed"
    if seeds > _MANY_SEEDS:
        return f"more than {_MANY_SEEDS:,} seeds needed"
    return f"about {seeds:,.0f} seeds needed"


def _cost(ends, candidates):
    """What the leading group costs, against the cheapest of all."""
    seconds = (ends["init_seconds"] + ends["fit_seconds"]).groupby(ends["strategy"]).median()
    iterations = ends["n_iter"].astype(float).groupby(ends["strategy"]).median()
    pick = seconds[candidates].idxmin()
    cheapest = seconds.idxmin()
    text = f"{pick} takes {_time(seconds[pick])} and {iterations[pick]:,.0f} iterations (medians)"
    if pick == cheapest:
        return text + (", the least of all." if len(seconds) > 1 else ".")
    ratio = seconds[pick] / max(seconds[cheapest], 1e-12)
    return text + f", {ratio:,.1f} times the cheapest, {cheapest} ({_time(seconds[cheapest])})."


def _hits(cell, leader):
    of_leader = cell[cell["strategy"] == leader]
    hits = int((of_leader["optimum"] == 1).sum())
    rate = statistics.wilson(hits, len(of_leader))
    return (
        f"{leader} reached the best known end in {hits} of {len(of_leader)} runs "
        f"(95 % interval of the rate {rate.low:.0%} to {rate.high:.0%})."
    )


def _same_start(cell):
    """Seeds cannot show the spread of a start that ignores them."""
    done = usable(cell).groupby("strategy", sort=False)
    counts = done.agg(starts=("start", "nunique"), runs=("run_id", "size"))
    fixed = counts.index[(counts["starts"] == 1) & (counts["runs"] > 1)].tolist()
    if not fixed:
        return ""
    verb = "gives" if len(fixed) == 1 else "give"
    return f"{_and(fixed)} {verb} the same start for every seed: one answer, run {counts['runs'].max()} times."


def _failures(cell):
    failed = cell[cell["status"].isin(FAILED)]
    counts = failed.groupby("strategy", sort=False).size()
    return (
        "failed: " + _and([f"{name} in {n} of {(cell['strategy'] == name).sum()} runs" for name, n in counts.items()])
        if len(failed)
        else ""
    )


def _across(cells):
    """Count the wins over data sets; the seeds of different data sets are not pooled."""
    wins: dict[str, int] = {}
    undecided = 0
    for _, cell in cells:
        leader, rivals = standing(cell)
        if leader is None or not rivals or any(place != "behind" for place, _, _ in rivals.values()):
            undecided += 1
        else:
            wins[leader] = wins.get(leader, 0) + 1
    ranked = sorted(wins.items(), key=lambda item: -item[1])
    parts = [f"{name} wins {n} of {len(cells)}" for name, n in ranked]
    if undecided:
        parts.append(f"{undecided} of {len(cells)} {'has' if undecided == 1 else 'have'} no single winner")
    return f"Over all {len(cells)} comparisons: {_and(parts)}. Each speaks for its own data only."


def _time(seconds):
    if seconds < 0.1:
        return f"{1000 * seconds:.2g} ms" if seconds < 0.01 else f"{1000 * seconds:.0f} ms"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:,.0f} s"


def _and(words):
    words = list(words)
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _sentence(text):
    return text[:1].upper() + text[1:] + "." if text else ""
