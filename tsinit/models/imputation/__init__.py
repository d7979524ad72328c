"""Bayesian imputation of time series."""
