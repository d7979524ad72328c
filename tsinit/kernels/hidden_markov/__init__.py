"""Sums, paths and draws over the hidden states of a Markov chain."""
