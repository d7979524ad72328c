"""Comparison of starts: run them all from the same seeds, keep every run, say what follows."""

from tsinit.comparison.entry import compare
from tsinit.comparison.result import Comparison, read_comparison

__all__ = ["Comparison", "compare", "read_comparison"]
