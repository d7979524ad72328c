"""The tables and the figure of `public_tables.py`, from its lines of results."""

import numpy as np
import pandas as pd
from _bench import markdown
from scipy.stats import t as student

OURS = ("LinearGaussianSSM", "TBayesMICE")
DEEP = ("SAITS", "BRITS")
#: The smallest MAE and MSE of the 24 imputers of TSI-Bench (arXiv 2406.12747) on their masks of ETT_h1.
PUBLISHED = {
    "point 10": (0.144, 0.047), "point 50": (0.223, 0.107), "point 90": (0.507, 0.498),
    "sub-sequence 50": (0.558, 0.731), "block 50": (0.401, 0.340),
}  # fmt: skip


#: Share of the tables that a contender must have run on to be ranked.
MOST = 0.75


def print_tables(rows):
    """For every table: each score by pattern, means with 95 % intervals over masks; then ranks over the series."""
    found, failed = _scored(rows)
    for table, part in found[~found["table"].str.startswith("series ")].groupby("table"):
        for score in ("mae", "mse", "crps", "coverage", "seconds"):
            if score not in part or part[score].isna().all():
                continue
            print(f"\n### {table}: {score}\n")
            print(markdown(_by_pattern(part, score).reset_index()))
            if table == "etth1" and score in ("mae", "mse"):
                best = (f"{name} {pair[score == 'mse']:.3f}" for name, pair in PUBLISHED.items())
                print(f"\nBest published, on other masks: {', '.join(best)}.")
    if found["table"].str.startswith("series ").any():
        if "TBayesMICE auto" in set(found["contender"]):
            print("\n### Series: MAE of the engine chosen, and of the best of other packages\n")
            print(markdown(beside_the_best(found).reset_index()))
        print("\n### Series: MAE relative to the best contender of the table\n")
        print(markdown(relative_errors(found).round(3).reset_index()))
        print("\n### Series: mean rank of MAE over tables\n")
        print(markdown(mean_ranks(found).round(2).reset_index()))
    for (table, pattern, name), one in failed.groupby(["table", "pattern", "contender"]):
        print(f"\nfailed: {table}, {pattern}, {name}: {one['failed'].iloc[0]}")


def _scored(rows):
    table = pd.DataFrame(rows)
    if "failed" not in table:
        table["failed"] = np.nan
    failed = table[table["failed"].notna()]
    table = table[table["failed"].isna()].copy()
    table["seconds"] = table["fit_seconds"] + table["fill_seconds"]
    return table, failed[failed["failed"] != "not for this table"]


def _by_pattern(part, score):
    """Mean and half width of its interval over masks, a row for each contender, the best first."""
    shown = {}
    for (name, pattern), one in part.groupby(["contender", "pattern"], sort=False):
        shown.setdefault(name, {})[pattern] = _with_interval(one[score].dropna().to_numpy())
    order = part.groupby("contender")["mae"].mean().sort_values().index
    table = pd.DataFrame.from_dict(shown, orient="index").reindex(order).fillna("")
    return table.rename_axis("contender")[list(dict.fromkeys(part["pattern"]))]


def _with_interval(values):
    if not len(values):
        return ""
    digits = 1 if values.mean() >= 10 else 3
    mean = f"{values.mean():.{digits}f}"
    return (
        mean
        if len(values) < 2 or values.std() == 0
        else f"{mean} ± {half_width(values):.{digits}f}"
    )


def half_width(values):
    """Half width of the 95 % interval of a mean over masks."""
    if len(values) < 2:
        return 0.0
    return student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))


def _errors(found):
    """Mean MAE over masks of the series, (table, pattern) by contender; contenders that have all of them."""
    part = found[found["table"].str.startswith("series ")]
    return part.pivot_table(index=["table", "pattern"], columns="contender", values="mae")


def beside_the_best(found, ours="TBayesMICE auto"):
    """MAE of one contender and of the best of the other packages' and habits', a row for each table.

    Where ours is more than a tenth above, it is marked.
    """
    errors = _errors(found)
    others = errors[[name for name in errors if not name.startswith(OURS)]]
    best, who = others.min(axis=1), others.idxmin(axis=1)
    cells = [
        ""
        if np.isnan(mine)
        else f"{mine:.3f} / {least:.3f} {name}" + (" (!)" if mine > 1.1 * least else "")
        for mine, least, name in zip(errors[ours], best, who, strict=True)
    ]
    order = list(dict.fromkeys(found["pattern"]))
    return (
        pd.Series(cells, errors.index)
        .unstack()[[p for p in order if p in set(errors.index.get_level_values(1))]]
        .fillna("")
    )


def relative_errors(found):
    """Ratio to the best contender of a table: the mean and the worst by pattern and contender."""
    errors = _errors(found)
    ratio = errors.div(errors.min(axis=1), axis=0)
    long = ratio.stack().rename("ratio").reset_index()
    by = long.groupby(["contender", "pattern"])["ratio"]
    return pd.concat(
        [by.mean().unstack().add_prefix("mean, "), by.max().unstack().add_prefix("worst, ")], axis=1
    )


def mean_ranks(found):
    """Mean rank by pattern and over all, of contenders that ran on most tables, where all of these ran."""
    errors = _errors(found)
    errors = errors.loc[:, errors.notna().mean() >= MOST].dropna()
    ranks = errors.rank(axis=1)
    table = ranks.groupby("pattern").mean().T
    table["all"] = ranks.mean()
    return table.sort_values("all")


def draw_figure(rows, path, table="etth1"):
    """Mean absolute errors of one table by pattern, a point with its interval over masks for each contender."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    found, _ = _scored(rows)
    part = found[found["table"] == table]
    patterns = list(dict.fromkeys(part["pattern"]))
    # By the patterns that all have, so that one who lacks the hard ones is not put first.
    errors = part.pivot_table(index="contender", columns="pattern", values="mae")
    order = list(
        errors[errors.columns[errors.notna().all()]].mean(axis=1).sort_values(ascending=False).index
    )
    names = (["best published *"] if table == "etth1" else []) + order
    size = 1.75 * len(patterns) + 2.2, 0.3 * len(names) + 1.2
    fig, axes = plt.subplots(1, len(patterns), figsize=size, sharey=True, squeeze=False)
    for ax, pattern in zip(axes[0], patterns, strict=True):
        for y, name in enumerate(names):
            values = part[(part["pattern"] == pattern) & (part["contender"] == name)][
                "mae"
            ].to_numpy()
            if name not in order:
                ax.plot(PUBLISHED[pattern][0], y, "D", color="C3", markersize=5, fillstyle="none")
            elif len(values):
                style = {"color": _colour(name), "markersize": 5, "capsize": 2}
                ax.errorbar(values.mean(), y, xerr=half_width(values), fmt="o", **style)
        ax.set_title(pattern + " %" if pattern[-1].isdigit() else pattern, fontsize=10)
        ax.set_xlim(left=0.0)
        ax.grid(axis="x", alpha=0.3)
        ax.tick_params(labelsize=9)
    axes[0, 0].set_yticks(range(len(names)), names)
    for label in axes[0, 0].get_yticklabels():
        if label.get_text().startswith(OURS):
            label.set_fontweight("bold")
    fig.supxlabel(
        "mean absolute error of hidden test cells, in standard deviations of the training rows",
        fontsize=9,
    )
    fig.tight_layout()
    fig.savefig(path, dpi=150)


def _colour(name):
    return "C0" if name.startswith(OURS) else "C3" if name.startswith(DEEP) else "0.45"
