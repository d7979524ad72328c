"""Comparison of starts: run them all from the same seeds, keep every run, say what follows.

The statistics behind it take plain arrays too: `paired_difference` and `wilson` within a data set, and
`hierarchical_difference` and `signed_rank` over data sets.
"""

from tsinit.comparison.analysis.over_datasets import hierarchical_difference, signed_rank
from tsinit.comparison.analysis.statistics import paired_difference, wilson
from tsinit.comparison.entry import compare
from tsinit.comparison.result import Comparison, read_comparison

__all__ = [
    "Comparison",
    "compare",
    "hierarchical_difference",
    "paired_difference",
    "read_comparison",
    "signed_rank",
    "wilson",
]
