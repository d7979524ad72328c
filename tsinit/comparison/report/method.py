"""The paragraph that a methods section needs."""

import html

from tsinit.comparison.report import page


def method(comparison):
    """Write how a comparison was computed, as the methods section of a paper would.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        HTML.
    """
    about, runs = comparison.about, comparison.runs
    given = {"iterations": about.max_iter, "seconds": about.seconds}
    limits = [f"{value} {unit}" for unit, value in given.items() if value is not None]
    limited = f"Each run was limited to {' and '.join(limits)}. " if limits else ""
    models = "".join(
        f"<li><strong>{html.escape(name)}</strong>: <code>{html.escape(model.text)}</code></li>"
        for name, model in about.models.items()
    )
    seeds = page.count(runs, "replicate", "seed")
    versions = html.escape("; ".join(dict.fromkeys(runs["versions"])))
    kinds = {model.sampler for model in about.models.values()}
    words = " ".join([_ENDS] * (False in kinds) + [_STATISTICS] + [_SAMPLERS] * (True in kinds))
    words += f" {_ACROSS}" if runs["dataset"].nunique() > 1 else ""
    return (
        f"<h2>How it was computed</h2><p>Every strategy was run from {seeds} on every data set. In one replicate all "
        "strategies share two random streams, one for the start and one for the run, so that their differences are "
        f"paired. The streams are children of <code>SeedSequence(entropy={about.entropy}, spawn_key=(crc32(data set), "
        "replicate))</code>; columns init_seed and run_seed hold them as <code>entropy:key</code>, from which "
        f"<code>Comparison.seed</code> rebuilds them. {limited}{words}</p><ul>{models}</ul><p>"
        f"Computed with {versions}. Times are "
        "wall-clock seconds on one thread, after everything was compiled.</p>"
    )


_STATISTICS = (
    "&ldquo;Behind the best start&rdquo; is the mean paired "
    "difference to the best strategy over the seeds that both finished, "
    "with a 95 % BCa bootstrap interval over seeds, widened where Student's t interval or its correction for "
    "skewness (Hall, 1992) reaches further. Seeds tell how much a fit varies on these data; "
    "only further data sets tell whether a start is better in general, so seeds of different data sets are never "
    "pooled."
)

_ENDS = (
    "The gap of a run is the best known end on its data set and model minus its own; a run reached the best known end "
    "if its gap is within 0.5 nats plus 1e-5 of the objective; such rates have Wilson intervals. The expected best of "
    "r restarts is the exact mean over all choices of r of the runs; its interval carries Wilson's interval of every "
    "share of runs through. Times to the best known end are Kaplan-Meier "
    "estimates, in which runs that a limit stopped are censored; the expected running time is the total time of all "
    "runs over the number of successes, with Wilson's interval of the share of successes carried through and the "
    "spread of the costs added (Zou and Donner, 2008)."
)
_SAMPLERS = (
    "Runs of a sampler end in a distribution: their end is the mean joint log density over the draws kept. R-hat is "
    "rank-normalised and split (Vehtari et al., 2021); across runs it is that of the second halves of their traces. "
    "Iterations to settle are those until the trace first enters the central 95 % of its second half; iterations until "
    "R-hat is below 1.01 are those after which R-hat of all scalars of the chains of a run, over the second half of "
    "what there is so far, stays below it."
)
_ACROSS = (
    "Over data sets, each of which counts once, differences have a bootstrap interval that draws data sets with their "
    "seeds (from six data sets on, widened as above), and a Bayesian signed-rank test (Benavoli et al., 2014, 2017) "
    "tells how probable it is that a start is better on another data set."
)
