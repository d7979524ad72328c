"""Comparison of starts."""
