"""A race in words: who went on, who was left where. Its ends are no comparison, and so it has a verdict of its own."""

from tsinit.comparison.analysis.summary import has_optima, usable
from tsinit.comparison.analysis.tables import FAILED
from tsinit.comparison.report.display import listed, nats

_NO_COMPARISON = "Losers are stopped on purpose, so that ends here are no comparison of starts: compare() makes one."


def is_race(runs):
    """Tell the runs of an ``init_race_`` from those of `compare`."""
    return "rounds" in runs


def race_sentences(cell, objective):
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
        first = _winner_of_points(winners.iloc[0], objective)
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


def _winner_of_points(row, objective):
    rounds = int(row["rounds"])
    return (
        f"{row['strategy']} won the race in {rounds} {'round' if rounds == 1 else 'rounds'} and was finished where it "
        f"stood: {objective} {nats(row['objective_final'])} after {int(row['n_iter'])} iterations."
    )


def _winners_of_chains(winners, n_starts):
    best = f"the best of {n_starts} starts half-way through the warm-up"
    return f"The chains of the fit are from {_names(winners)}: {best}."


def _names(rows):
    counts = rows["strategy"].value_counts(sort=False)
    return listed([name if n == 1 else f"{name} ({n})" for name, n in counts.items()])


def _distances(left):
    longest = left.groupby("strategy", sort=False)["n_iter"].max().sort_values(ascending=False)
    return listed([f"{name} after {int(n)}" for name, n in longest.items()]) + " iterations"
